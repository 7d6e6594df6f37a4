"""What a batch is about, how it stands, and what becomes of a row: words in, words out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.organisations.rules import Permission

MOST_ROWS: Final = 100_000
AT_ONCE: Final = 500  # rows in one transaction
MOST_FAULTS: Final = 100
LONGEST_ROW: Final = 20_000  # bytes of a line
KEPT_FOR: Final = timedelta(days=90)
MOST_AT_ONCE: Final = 10  # batches of an organisation that wait or run
IMPORTED_WITHIN: Final = timedelta(days=30)  # of the day on which the minutes were recorded


class Kind(StrEnum):
    """What the rows of a batch are."""

    MEMBERS = "members"
    CREDENTIALS = "credentials"
    DECISIONS = "decisions"


# What somebody needs who sends a batch, and no less than they would need row by row.
NEEDS: Final[Mapping[Kind, frozenset[Permission]]] = {
    Kind.MEMBERS: frozenset({Permission.MEMBERS_WRITE}),
    Kind.CREDENTIALS: frozenset({Permission.CREDENTIALS_ISSUE}),
    Kind.DECISIONS: frozenset({Permission.DECISIONS_IMPORT, Permission.CREDENTIALS_ISSUE}),
}


class BatchState(StrEnum):
    """How a batch stands. One that is cancelled while it runs is `cancelling` until its rows are counted."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    DONE = "done"


ENDED: Final = frozenset({BatchState.CANCELLED, BatchState.DONE})


class RowState(StrEnum):
    """What became of a row. A begun one has its decision, and its credential is being issued."""

    BEGUN = "begun"
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: what it made or found, by name, and the code of why not."""

    state: RowState
    made: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    effect: bool = False  # it made something that stays: the same external id makes nothing more


def failed(code: str, **made: str) -> Outcome:
    return Outcome(RowState.FAILED, made, code)


SKIPPED_BY_CANCELLING: Final = Outcome(RowState.SKIPPED, code="batch-cancelled")
SENDER_NOT_ALLOWED: Final = Outcome(RowState.SKIPPED, code="sender-not-allowed")
REFUSED: Final = failed("row-refused")  # by the database: our rules had let it through
DONE_BEFORE: Final = "done-before"


def harmless(cell: str) -> str:
    """Make a cell of a table one that no spreadsheet runs as a formula (CWE-1236)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
