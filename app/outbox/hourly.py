"""Duties that a worker comes by many times a second, and that are done once an hour."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from app.ports import Clock

HOUR: Final = timedelta(hours=1)


class Hourly:
    """Does something when it is first called, and then once an hour of the clock; a clock set back counts."""

    def __init__(self, clock: Clock, work: Callable[[datetime], None]) -> None:
        self._clock = clock
        self._work = work
        self._done_at: datetime | None = None

    def __call__(self) -> None:
        now = self._clock.now()
        if self._done_at is not None and timedelta(0) <= now - self._done_at < HOUR:
            return
        self._done_at = now
        self._work(now)
