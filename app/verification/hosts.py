"""The addresses at which we are asked: the installation's own, and those of bodies that have one of theirs.

A request says by its Host header at which of them it asks, in any spelling of that host (RFC 9110, 4.2.3).
Whatever else stands there is answered as at the installation's own, and never repeated.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request

from app.core.hosts import address_at
from app.formats.published import did_of, spoken_for
from app.ports import PublicKey


@dataclass(frozen=True, slots=True)
class House:
    """An address of ours, and the DID that speaks there."""

    address: str
    did: str
    others: tuple[str, ...] = ()  # our other addresses
    issuer_code: int | None = None  # of the body whose own it is
    hosted: frozenset[int] = frozenset()  # the codes of all bodies that have one of their own

    @classmethod
    def at(
        cls,
        address: str,
        ours: Sequence[str] = (),
        issuer_code: int | None = None,
        hosted: Iterable[int] = (),
    ) -> Self:
        others = tuple(each for each in ours if each != address)
        return cls(address, did_of(address), others, issuer_code, frozenset(hosted))

    def keys_of(self, published: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
        """Choose those of our keys that speak here: a body's own vouch for nobody else, at their address."""
        return spoken_for(published, self.issuer_code, self.hosted)


class Houses:
    """All of them. `hosts` are those of bodies, by the code that each body goes by in offline QR codes."""

    def __init__(self, public_url: str, hosts: Mapping[int, str]) -> None:
        self.hosts = hosts
        theirs = {code: address_at(public_url, host) for code, host in hosts.items()}
        self.addresses = (public_url, *theirs.values())
        self.own = House.at(public_url, self.addresses, hosted=theirs)
        self.dids: Mapping[int, str] = {code: did_of(address) for code, address in theirs.items()}
        houses = [House.at(address, self.addresses, code, theirs) for code, address in theirs.items()]
        self._usual_port = b":80" if public_url.startswith("http:") else b":443"
        self._asked_as = {
            self._spelt(house.address.partition("://")[2].encode()): house for house in (*houses, self.own)
        }

    def asked_by(self, request: Request) -> House | None:
        """Tell at which of them a request asks; None where it names none of them, or several."""
        named: list[bytes] = [value for name, value in request.scope["headers"] if name == b"host"]
        return self._asked_as.get(self._spelt(named[0])) if len(named) == 1 else None

    def _spelt(self, host: bytes) -> bytes:
        """Spell a host in one way: in small letters, without its scheme's own port, and no dot at its end."""
        name, colon, port = host.lower().removesuffix(self._usual_port).partition(b":")
        return name.removesuffix(b".") + colon + port
