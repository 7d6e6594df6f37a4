"""Instants as the formats write them: with an offset (VCDM 2.0, 4.9) and as NumericDate (RFC 7519, 2)."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import BeforeValidator

from app.formats.strict import Malformed

_FORM: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_YEARS: Final = range(1970, 9999)  # before: no NumericDate; at the end: no room to change the time zone


def date_time(instant: datetime) -> str:
    """Write an instant to the second, with its offset."""
    return instant.isoformat(timespec="seconds")


def seconds(instant: datetime) -> int:
    """Write the same instant as whole seconds since 1970."""
    return int(instant.timestamp())


def read_date_time(text: object) -> datetime:
    """Read an instant that says its offset, or raise `Malformed`: without one it could be any of 26 hours."""
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise Malformed("an instant must be written as date, time and offset")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed("an instant that is not in the calendar") from None
    if instant.year not in _YEARS:
        raise Malformed("an instant outside the years that we read")
    return instant


Instant = Annotated[datetime, BeforeValidator(read_date_time)]
