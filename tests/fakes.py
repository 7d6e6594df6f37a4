"""Fakes of the ports, each held to the contract of the real one."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class SetClock:
    """A clock that stands still until the test moves it."""

    at: datetime
    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta = timedelta(seconds=2)) -> None:
        self.at += by
