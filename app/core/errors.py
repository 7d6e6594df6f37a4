"""What can go wrong, in the language of the scheme; `app.problems` alone turns it into HTTP."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

_LONGEST_PART = 80  # characters: a name that was sent may be of any length


def pointer_to(place: Iterable[str | int]) -> str:
    """Point at a place in what was sent (RFC 6901, 6), as every problem does."""
    return "#" + "".join(f"/{_escaped(str(part))}" for part in place)


def _escaped(part: str) -> str:
    return part[:_LONGEST_PART].replace("~", "~0").replace("/", "~1")


class Problem(Exception):
    """Something the caller can understand and act upon.

    `code` is public and never changes; `detail` is written for the person reading it;
    `facts` are extension members of the problem document (RFC 9457, 3.2).
    """

    code: ClassVar[str] = "problem"
    title: ClassVar[str] = "The request could not be carried out"
    retry_after: int | None = None  # seconds after which the same may be sent again, where that can help

    def __init__(self, detail: str, **facts: JsonValue) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, JsonValue] = facts


class Unauthenticated(Problem):
    """Nobody we know is asking."""

    code = "unauthenticated"
    title = "A valid key is needed"


class NotAllowed(Problem):
    """We know who asks, and it is not theirs to do."""

    code = "not-allowed"
    title = "This is not yours to do"


class NotFound(Problem):
    """There is nothing there, or nothing that the caller may know of."""

    code = "not-found"
    title = "Nothing was found here"


class Conflict(Problem):
    """The request is sound, but things are not in a state that allows it."""

    code = "conflict"
    title = "The present state does not allow this"


class RuleBroken(Problem):
    """A rule of the scheme or of the format is broken."""

    code = "rule-broken"
    title = "A rule is broken"


class CursorUnknown(RuleBroken):
    """A list is to go on from a place that it does not have."""

    code = "cursor-unknown"
    title = "The cursor is not one of ours"


class TooLarge(Problem):
    """More was sent than we take in."""

    code = "too-large"
    title = "Too much was sent"


class Outdated(Problem):
    """The caller acts on what is not so any more."""

    code = "changed-meanwhile"
    title = "This was changed since you read it"


class EditionMissing(Problem):
    """The caller has to say which edition they read, and did not."""

    code = "edition-missing"
    title = "Say which edition you are changing"


class DatabaseBusy(Problem):
    """The database is busy or away, or was lost half-way: what was asked may have been done or not."""

    code = "database-busy"
    title = "The database is busy or cannot be reached"
    retry_after = 2


class Hurried(Problem):
    """Too much was asked in too short a time."""

    code = "hurried"
    title = "Too many requests"
