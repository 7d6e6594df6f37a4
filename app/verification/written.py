"""A report as it goes out: while nothing else changes in it, only the time that it tells is written anew."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import orjson

from app.verification.report import Report, rfc3339

# Stand where the time will, a number and a name. Nobody can have written them: each process draws its own.
_TIME: Final = secrets.token_hex(16)
NUMBER: Final = secrets.token_hex(16)
HOLDER: Final = secrets.token_hex(16)


def body(report: Report) -> bytes:
    """Write a report as JSON."""
    return written(report.as_json())


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written once, and the time for which its words hold."""

    since: datetime
    until: datetime
    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, report: Report, *, until: datetime) -> Self:
        return cls(report.checked_at, until, _without_time(report))

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until

    def body(self, at: datetime) -> bytes:
        """Write the report anew for this instant."""
        return rfc3339(at).encode().join(self.pieces)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What reports have in common that differ in nothing but the number and the holder that they show."""

    since: datetime
    until: datetime
    before: tuple[bytes, ...]
    around: tuple[bytes, bytes, bytes]  # before the number, up to the holder, and after
    after: tuple[bytes, ...]

    @classmethod
    def of(cls, report: Report, *, until: datetime) -> Self:
        """Make it of a report that shows `NUMBER` and `HOLDER`."""
        pieces, number, holder = _without_time(report), written(NUMBER), written(HOLDER)
        (place,) = (place for place, piece in enumerate(pieces) if number in piece)
        front, _, rest = pieces[place].partition(number)
        middle, _, back = rest.partition(holder)
        return cls(report.checked_at, until, pieces[:place], (front, middle, back), pieces[place + 1 :])

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until

    def showing(self, number: str | None, holder: str | None) -> Written:
        """Write what the report on this one document says."""
        front, middle, back = self.around
        shown = b"".join((front, written(number), middle, written(holder), back))
        return Written(self.since, self.until, (*self.before, shown, *self.after))

    def naming(self, number: bytes, holder: bytes, at: datetime) -> bytes:
        """Write the same at once, of texts that stand in JSON as they are."""
        front, middle, back = self.around
        shown = b"".join((front, b'"', number, b'"', middle, b'"', holder, b'"', back))
        return rfc3339(at).encode().join((*self.before, shown, *self.after))


def _without_time(report: Report) -> tuple[bytes, ...]:
    return tuple(written(report.as_json(told=_TIME)).split(_TIME.encode()))


def written(value: object) -> bytes:
    """Write an answer of the public road as JSON."""
    return orjson.dumps(value)
