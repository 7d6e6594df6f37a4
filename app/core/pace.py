"""Counting by the generic cell rate algorithm: one number for each name says when the next may come."""

from collections import OrderedDict
from math import ceil, floor
from typing import Final

MOST_NAMES: Final = 20_000
AT_ONCE: Final = 10  # a tenth of a minute's


class Rate:
    """So many in a minute, evenly, of which some may come at once."""

    def __init__(self, per_minute: int, *, at_once: int | None = None) -> None:
        self.per_minute = per_minute
        self.interval = 60 / per_minute
        self.ahead = self.interval * ((at_once or max(per_minute // AT_ONCE, 1)) - 1)

    def left(self, due: float, now: float) -> int:
        """Tell how many may still come at once."""
        return max(floor((now + self.ahead - due) / self.interval + 1e-6) + 1, 0)

    @staticmethod
    def whole_in(due: float, now: float) -> int:
        """Tell in how many seconds as many as ever may come at once."""
        return max(ceil(due - now), 0)


class Count:
    """Counts by name, in memory: of the last so many names."""

    def __init__(self, per_minute: int, *, at_once: int | None = None) -> None:
        self.rate = Rate(per_minute, at_once=at_once)
        self._due: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._due)

    def due(self, name: str, now: float) -> float:
        """Tell from when on there is nothing to wait for, if all that came had come evenly."""
        return max(self._due.get(name, now), now)

    def early(self, name: str, now: float) -> float:
        """Tell by how many seconds it is too early for another one; where it is not, nothing or less."""
        return max(self._due.get(name, now) - now, 0.0) - self.rate.ahead

    def forget(self, name: str) -> None:
        self._due.pop(name, None)

    def add(self, name: str, now: float, times: int) -> None:
        due = self._due
        due[name] = max(due.get(name, now), now) + times * self.rate.interval
        due.move_to_end(name)
        if len(due) > MOST_NAMES:
            due.popitem(last=False)
