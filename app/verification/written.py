"""A report as it goes out: while nothing else changes in it, only the time that it tells is written anew."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from app.verification.report import Report, rfc3339

# Stands where the time will. Nobody can have written it anywhere else: each process draws its own.
_TIME: Final = secrets.token_hex(16)


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
        pieces = written(report.as_json(told=_TIME)).split(_TIME.encode())
        return cls(report.checked_at, until, tuple(pieces))

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until

    def body(self, at: datetime) -> bytes:
        """Write the report anew for this instant."""
        return rfc3339(at).encode().join(self.pieces)


def written(value: object) -> bytes:
    """Write an answer of the public road as JSON."""
    return _encode(value).encode()


# Made once: for every call of its own, `json.dumps` would make an encoder anew.
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
