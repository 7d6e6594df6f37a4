"""How fast one stranger may look numbers up: enough for any desk, too slow to walk through the register."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from app.core.pace import Count

_NETWORKS: Final = (64, 48)  # bits of IPv6: whoever has one address has the first, and may have the second
_WIDER: Final = 10  # times as much for the second, where there may be several strangers


class Pace:
    """Counts look-ups by address, or by network where one stranger has many.

    Addresses are kept in memory alone, the last so many, and never written down. A tenth of a minute's may
    come at once: an office that opens a folder of applications.
    """

    def __init__(self, per_minute: int) -> None:
        self._counts = (Count(per_minute), Count(_WIDER * per_minute))

    def wait(self, host: str, now: float, *, times: int = 1) -> float:
        """Give the seconds that a stranger has to wait; where it is nothing, these look-ups are counted."""
        networks = _networks(host)
        early = 0.0
        for count, name in zip(self._counts, networks, strict=False):
            early = max(early, count.early(name, now))
        if early > 0:
            return early
        self._add(networks, now, times)
        return 0

    def charge(self, request: Request, times: int) -> None:
        """Count more, or less, for what was let through, once it is known what it costs."""
        self._add(_networks(_host(request.scope)), monotonic(), times)

    def require(self, request: Request, *, times: int = 1) -> None:
        """Let a request through, or refuse it with 429 and the seconds to wait."""
        self.admit(request.scope, times=times)

    def admit(self, scope: Scope, *, times: int = 1) -> None:
        """The same of a request of which nothing else was looked at yet."""
        if wait := self.wait(_host(scope), monotonic(), times=times):
            raise HTTPException(429, headers={"Retry-After": str(ceil(wait))})

    def _add(self, networks: tuple[str, ...], now: float, times: int) -> None:
        for count, name in zip(self._counts, networks, strict=False):
            count.add(name, now, times)


def _host(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


@lru_cache(maxsize=4_096)  # whoever asks much is read once: that costs more than to count
def _networks(host: str) -> tuple[str, ...]:
    """Name what a stranger's look-ups are counted by: the address, or both of its networks."""
    try:
        address = ip_address(host)
    except ValueError:
        return (host,)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return tuple(str(int(address) >> (128 - bits)) for bits in _NETWORKS)
    return (str(address),)
