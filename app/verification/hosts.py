"""The addresses at which we are asked: the installation's own, and those of bodies that have one of theirs.

A request says by its Host header at which of them it asks. Whatever else stands there is answered as at the
installation's own, and never repeated.
"""

from collections.abc import Mapping
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

    @classmethod
    def at(cls, address: str) -> Self:
        return cls(address, did_of(address))


class Houses:
    """All of them. `hosts` are those of bodies, by the code that each body goes by in offline QR codes."""

    def __init__(self, public_url: str, hosts: Mapping[int, str]) -> None:
        self.hosts = hosts
        self.own = House.at(public_url)
        theirs = {code: House.at(address_at(public_url, host)) for code, host in hosts.items()}
        self.dids: Mapping[int, str] = {code: house.did for code, house in theirs.items()}
        self.addresses = (public_url, *(house.address for house in theirs.values()))
        self._asked_as = {
            house.address.partition("://")[2].encode(): house for house in (*theirs.values(), self.own)
        }

    def asked_by(self, request: Request) -> House | None:
        """Tell at which of them a request asks; None where it names none of them, or several."""
        named: list[bytes] = [value for name, value in request.scope["headers"] if name == b"host"]
        return self._asked_as.get(named[0]) if len(named) == 1 else None
