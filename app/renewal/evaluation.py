"""What an evaluation is made of: a holder's activities and days on the way in, the ledger on the way out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.core.labels import Labels
from app.renewal.words import Missing

MOST_HOURS: Final = 1_000_000  # an activity of a century; above it the figure is a slip or an attack


class Standing(StrEnum):
    """How an activity stands when it is counted; only claimed and accepted ones do count."""

    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    DRAFT = "draft"
    QUERIED = "queried"
    REJECTED = "rejected"
    ELSEWHERE = "elsewhere"  # used in another cycle's renewal


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that a holder did, as far as counting goes. Figures that cannot be are a ValueError."""

    id: str
    title: str
    provider: str
    category: str
    started_on: date
    ended_on: date
    hours: Decimal
    topics: Mapping[str, Decimal]
    submitted_on: date
    standing: Standing = Standing.CLAIMED
    self_declared: bool = False

    def __post_init__(self) -> None:
        for hours in (self.hours, *self.topics.values()):
            if not hours.is_finite() or not 0 <= hours <= MOST_HOURS:
                raise ValueError("An activity has a plain number of hours.")
        if self.ended_on < self.started_on:
            raise ValueError("An activity ends after it started.")


@dataclass(frozen=True, slots=True)
class Exemption:
    """That less is asked of a holder, and for what reason."""

    reason: str
    reduction_pct: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """The days of a cycle. Hours are earned by `earned_by`, and may be claimed until `submitted_by`.

    `earned_by` is `ends` but for a reinstatement, where it is later. `anchor` is the day that the years are
    counted from; it tells only where a credential began on a 29 February. Before a cycle that `follows`
    another there are days of which something may still count.
    """

    begins: date
    ends: date
    earned_by: date
    submitted_by: date
    anchor: date | None = None
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """Hours of an activity that do not count, and why."""

    code: str
    hours: Decimal
    words: Labels


@dataclass(frozen=True, slots=True)
class Line:
    """An activity's hours, claimed and counted; the differences come to what lies between the two."""

    activity: str
    claimed: Decimal
    counted: Decimal
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Bucket:
    """What counts in a category or on a topic, and the bounds that hold for this holder."""

    id: str
    label: Labels
    counted: Decimal
    min: Decimal | None
    max: Decimal | None


@dataclass(frozen=True, slots=True)
class Year:
    """What counts in a year: `number` is that of the cycle, or that of the calendar."""

    number: int
    begins: date
    ends: date
    counted: Decimal
    min: Decimal


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing: `due` is the last day on which it can be earned, `file_by` the last to claim it."""

    code: str
    what: str
    missing: Decimal
    due: date
    file_by: date
    words: Labels


@dataclass(frozen=True, slots=True)
class Account:
    """How a balance stands, and what will be taken from it next."""

    opening: Decimal
    balance: Decimal
    min: Decimal
    cap: Decimal
    next_debit_on: date
    next_debit: Decimal


def figure(hours: Decimal) -> str:
    """Write hours as they are kept, sent and read: without an exponent, without zeros at the end."""
    return f"{hours.normalize():f}"


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was counted for a cycle as of a day, by which rules, and what is missing."""

    rules: str
    as_of: date
    begins: date
    ends: date
    earned_by: date
    submitted_by: date
    claimed: Decimal
    counted: Decimal
    carried: Decimal
    required: Decimal
    lines: tuple[Line, ...]
    categories: tuple[Bucket, ...]
    topics: tuple[Bucket, ...]
    years: tuple[Year, ...]
    gaps: tuple[Gap, ...]
    account: Account | None
    carry_over: Decimal

    @property
    def satisfied(self) -> bool:
        """Nothing is missing. That a balance will run low at the next debit is a warning, not a failure."""
        return all(gap.code == Missing.BALANCE_AFTER_DEBIT for gap in self.gaps)
