"""How fast one stranger may look numbers up: enough for any desk, too slow to walk through the register."""

from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_STRANGERS: Final = 20_000
AT_ONCE: Final = 10  # a tenth of a minute's: an office that opens a folder of applications
_NETWORK: Final = 64  # bits: whoever has one IPv6 address has all of these


class Pace:
    """Counts look-ups by address, with the generic cell rate algorithm: one number per stranger.

    Addresses are kept in memory alone, the last so many, and never written down.
    """

    def __init__(self, per_minute: int) -> None:
        self._interval = 60 / per_minute
        self._ahead = self._interval * (max(per_minute // AT_ONCE, 1) - 1)
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait(self, stranger: str, now: float, *, times: int = 1) -> float:
        """Give the seconds that a stranger has to wait; where it is nothing, these look-ups are counted."""
        due = max(self._due.get(stranger, now), now)
        if (early := due - self._ahead - now) > 0:
            return early
        self._due[stranger] = due + times * self._interval
        self._due.move_to_end(stranger)
        if len(self._due) > MOST_STRANGERS:
            self._due.popitem(last=False)
        return 0

    def charge(self, request: Request, times: int) -> None:
        """Count more, or less, for what was let through, once it is known what it costs."""
        stranger, now = _stranger(request), monotonic()
        self._due[stranger] = max(self._due.get(stranger, now), now) + times * self._interval
        self._due.move_to_end(stranger)
        if len(self._due) > MOST_STRANGERS:
            self._due.popitem(last=False)

    def require(self, request: Request, *, times: int = 1) -> None:
        """Let a request through, or refuse it with 429 and the seconds to wait."""
        if wait := self.wait(_stranger(request), monotonic(), times=times):
            raise HTTPException(429, headers={"Retry-After": str(ceil(wait))})


def _stranger(request: Request) -> str:
    return _network(request.client.host if request.client else "")


@lru_cache(maxsize=4_096)  # whoever asks much is read once: that costs more than to count
def _network(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> (128 - _NETWORK))
    return str(address)
