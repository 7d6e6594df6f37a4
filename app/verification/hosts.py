"""The addresses at which we are asked: the installation's own, and those of bodies that have one of theirs.

A request says by its Host header at which of them it asks. Whatever else stands there is answered as at the
installation's own, and never repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request

from app.core.hosts import address_at
from app.formats.published import did_of


@dataclass(frozen=True, slots=True)
class House:
    """An address of ours, and the DID that speaks there."""

    address: str
    did: str
    others: tuple[str, ...] = ()  # our other addresses
    issuer_code: int | None = None  # of the body whose own it is

    @classmethod
    def at(cls, address: str, ours: Sequence[str] = (), issuer_code: int | None = None) -> Self:
        return cls(address, did_of(address), tuple(each for each in ours if each != address), issuer_code)


class Houses:
    """All of them. `hosts` are those of bodies, by the code that each body goes by in offline QR codes."""

    def __init__(self, public_url: str, hosts: Mapping[int, str]) -> None:
        self.hosts = hosts
        theirs = {code: address_at(public_url, host) for code, host in hosts.items()}
        self.addresses = (public_url, *theirs.values())
        self.own = House.at(public_url, self.addresses)
        self.dids: Mapping[int, str] = {code: did_of(address) for code, address in theirs.items()}
        houses = [House.at(address, self.addresses, code) for code, address in theirs.items()]
        self._asked_as = {house.address.partition("://")[2].encode(): house for house in (*houses, self.own)}

    def asked_by(self, request: Request) -> House | None:
        """Tell at which of them a request asks; None where it names none of them, or several."""
        named: list[bytes] = [value for name, value in request.scope["headers"] if name == b"host"]
        return self._asked_as.get(named[0]) if len(named) == 1 else None
