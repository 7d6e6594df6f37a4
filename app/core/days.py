"""Legal dates: local days that last until their end, and years counted from the anchor.

A day named in a document is valid through its last second in the organisation's own time zone. What machines
compare is the instant after it, in UTC.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Self

_DURATION = re.compile(r"P(?:([0-9]{1,3})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})D)?")


def months_after(day: date, months: int) -> date:
    """Give the same day of a later month, or that month's last day where it has no such day.

    Regulation 1182/71, art. 3(2)(c): a period whose last day does not exist ends with that month.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_before(day: date, months: int) -> date:
    """Look back from a day: the same day of an earlier month, clamped likewise."""
    return months_after(day, -months)


def anniversary(anchor: date, years: int) -> date:
    """Give the day on which a period of whole years ends.

    Always counted from the anchor, never from the previous end: so 29 February comes back in leap years.
    """
    return months_after(anchor, 12 * years)


@lru_cache(maxsize=4096)
def start_of(day: date, zone: tzinfo) -> datetime:
    """Give the first instant of a local day, with the offset that holds there and then."""
    # By way of UTC, so that where clocks skip midnight the day starts when it really does.
    midnight = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
    return _with_plain_offset(midnight.astimezone(zone))


def first_instant_after(day: date, zone: tzinfo) -> datetime:
    """Give the instant, in UTC, from which something valid through this day no longer is."""
    return start_of(day + timedelta(days=1), zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def last_second_of(day: date, zone: tzinfo) -> datetime:
    """Give the `validUntil` of a document: the day's last second, with that day's own offset."""
    return _with_plain_offset((first_instant_after(day, zone) - timedelta(seconds=1)).astimezone(zone))


def local_day(at: datetime, zone: tzinfo) -> date:
    """Tell which day it is in the zone at an instant."""
    if at.utcoffset() is None:
        raise ValueError("An instant without an offset belongs to no day.")
    return at.astimezone(zone).date()


def _with_plain_offset(at: datetime) -> datetime:
    # Subtracting two datetimes of one zone ignores a clock change between them; plain offsets do not.
    return at.replace(tzinfo=timezone(at.utcoffset() or timedelta()), fold=0)


@dataclass(frozen=True, slots=True)
class Span:
    """A length of calendar time as schemes write it: `P3Y`, `P6M`, `P90D`."""

    years: int = 0
    months: int = 0
    days: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an ISO 8601 duration of years, months and days; anything else is a ValueError."""
        found = _DURATION.fullmatch(text)
        if found is None or not any(found.groups()):
            raise ValueError("A span is written like P3Y, P6M or P90D.")
        years, months, days = (int(part or 0) for part in found.groups())
        return cls(years, months, days)

    def after(self, day: date) -> date:
        return months_after(day, self._whole_months) + timedelta(days=self.days)

    def before(self, day: date) -> date:
        return months_before(day, self._whole_months) - timedelta(days=self.days)

    @property
    def _whole_months(self) -> int:
        return 12 * self.years + self.months

    def __str__(self) -> str:
        parts = ((self.years, "Y"), (self.months, "M"), (self.days, "D"))
        return "P" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0D")
