"""The kinds of fields that evidence may have, and what each of them may hold."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from app.core.labels import Labels

JsonScalar = str | int | float | bool | None

LONGEST_TEXT: Final = 4000
LONGEST_URL: Final = 2000
MOST_HOURS: Final = Decimal(5000)
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
# No NUL and its like, which databases and terminals choke on, and no halves of characters.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")


class FieldKind(StrEnum):
    """What a field of evidence holds."""

    TEXT = "text"
    WORD = "word"
    URL = "url"
    DATE = "date"
    HOURS = "hours"
    PERCENT = "percent"
    EQF_LEVEL = "eqf_level"


def fault_in(kind: FieldKind, value: JsonScalar) -> Labels | None:
    """Say what is wrong with a value, or None. A field takes what its kind says; nothing is guessed."""
    fits, otherwise = _RULES[kind]
    return None if fits(value) else otherwise


def read_day(value: JsonScalar) -> date | None:
    """Read a day written as 2026-11-20, within the centuries that a career can touch."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def read_hours(value: JsonScalar) -> Decimal | None:
    """Read a positive number of hours, exactly as it was written."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    hours = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    return hours if hours.is_finite() and 0 < hours <= MOST_HOURS else None


def read_number(value: JsonScalar, lowest: int, highest: int) -> int | None:
    """Read a whole number between two bounds; `true` is no number."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if lowest <= value <= highest else None


def _is_text(value: JsonScalar) -> bool:
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= LONGEST_TEXT
        and not _UNPRINTABLE.search(value)
    )


def _is_word(value: JsonScalar) -> bool:
    return isinstance(value, str) and bool(_WORD.fullmatch(value))


def _is_https_url(value: JsonScalar) -> bool:
    if not isinstance(value, str) or len(value) > LONGEST_URL or not _VISIBLE.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        port = parts.port  # a bad one goes unnoticed until it is read
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and port != 0


_RULES: Final[Mapping[FieldKind, tuple[Callable[[JsonScalar], bool], Labels]]] = {
    FieldKind.TEXT: (
        _is_text,
        Labels(
            it=f"serve un testo non vuoto, al massimo di {LONGEST_TEXT} caratteri",
            en=f"a text is needed, not empty, of at most {LONGEST_TEXT} characters",
        ),
    ),
    FieldKind.WORD: (
        _is_word,
        Labels(
            it="serve una parola in minuscolo, come computer_science",
            en="a word in small letters is needed, like computer_science",
        ),
    ),
    FieldKind.URL: (
        _is_https_url,
        Labels(it="serve un indirizzo https completo", en="a complete https address is needed"),
    ),
    FieldKind.DATE: (
        lambda value: read_day(value) is not None,
        Labels(it="serve una data, come 2026-11-20", en="a date is needed, like 2026-11-20"),
    ),
    FieldKind.HOURS: (
        lambda value: read_hours(value) is not None,
        Labels(
            it=f"serve un numero di ore maggiore di zero e non oltre {MOST_HOURS}",
            en=f"a number of hours is needed, above zero and up to {MOST_HOURS}",
        ),
    ),
    FieldKind.PERCENT: (
        lambda value: read_number(value, 1, 100) is not None,
        Labels(it="serve un numero intero da 1 a 100", en="a whole number from 1 to 100 is needed"),
    ),
    FieldKind.EQF_LEVEL: (
        lambda value: read_number(value, 1, 8) is not None,
        Labels(it="serve un livello EQF da 1 a 8", en="an EQF level from 1 to 8 is needed"),
    ),
}
