"""What a scheme asks of continuing development: plain values that an evaluation can be pinned to."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, Self

from app.core.days import Span, months_before
from app.core.errors import JsonValue
from app.core.labels import Labels
from app.outbox import trail
from app.renewal import words
from app.schemes.scheme import Scheme

DAY: Final = timedelta(days=1)


class Model(StrEnum):
    """How hours become a right: so many in each cycle, or an account that must never run low."""

    CYCLE = "cycle"
    BALANCE = "balance"


class YearBasis(StrEnum):
    """What a year is: from one anniversary of the credential to the next, or the calendar's."""

    ANNIVERSARY = "cycle_anniversary"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """A kind of activity, with the least that must and the most that may come from it."""

    id: str
    label: Labels
    min: Decimal | None = None
    max: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TopicRule:
    """A subject that nobody may leave out."""

    id: str
    label: Labels
    min: Decimal


@dataclass(frozen=True, slots=True)
class CarryRule:
    """What of one cycle may count in the next; no categories named means every category."""

    max: Decimal
    from_last_months: int
    categories: tuple[str, ...] = ()

    def since(self, ends: date) -> date:
        """Give the first day of the last months of a cycle that ends on a day."""
        return months_before(ends, self.from_last_months) + DAY

    def takes(self, category: str) -> bool:
        return not self.categories or category in self.categories


@dataclass(frozen=True, slots=True)
class SelfDeclaredRule:
    """How much a year may count on the holder's word; the window (month, day) lies in the year after."""

    credits: Decimal
    opens: tuple[int, int]
    closes: tuple[int, int]


@dataclass(frozen=True, slots=True)
class BalanceRule:
    """An account: what it opens with, what it must hold and may hold, what each 31 December takes from it."""

    opening: Decimal
    min: Decimal
    cap: Decimal
    debit_per_year: Decimal
    debit_half_year: Decimal


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of counting, whole. `digest` pins an evaluation to them: later rules never judge it again."""

    id: str
    unit: str
    granularity: Decimal
    model: Model
    cycle: Span
    min_total: Decimal
    min_per_year: Decimal
    year_basis: YearBasis
    categories: tuple[CategoryRule, ...]
    topics: tuple[TopicRule, ...]
    per_activity_max: Decimal | None
    per_day_max: Decimal | None
    no_double_count: bool
    carry_over: CarryRule | None
    submitted_within: Span
    max_reduction_pct: int
    balance: BalanceRule | None
    self_declared: SelfDeclaredRule | None

    @classmethod
    def of_scheme(cls, scheme: Scheme) -> Self:
        """Take the rules of counting out of a version of a scheme."""
        cpd, renewal = scheme.cpd, scheme.renewal
        return cls(
            id=f"{scheme.id}@{scheme.version}",
            unit=cpd.unit,
            granularity=cpd.granularity,
            model=Model.CYCLE,
            cycle=cpd.cycle,
            min_total=cpd.min_total,
            min_per_year=cpd.min_per_year,
            year_basis=YearBasis(cpd.year_basis),
            categories=tuple(CategoryRule(c.id, c.label, c.min, c.max) for c in cpd.categories),
            topics=tuple(
                TopicRule(topic.id, words.topic(topic.id, topic.covers), topic.min) for topic in cpd.topics
            ),
            per_activity_max=cpd.per_activity_max,
            per_day_max=cpd.per_day_max,
            no_double_count=cpd.no_double_count,
            carry_over=CarryRule(
                cpd.carry_over.max, cpd.carry_over.from_last_months, cpd.carry_over.categories
            ),
            submitted_within=renewal.grace if renewal.submitted_by == "grace_end" else Span(),
            max_reduction_pct=cpd.exemptions.max_reduction_pct,
            balance=None,
            self_declared=None,
        )

    @property
    def digest(self) -> str:
        """Hash every rule, so that the same digest means the same judgement."""
        return _digest(self)


@lru_cache(maxsize=64)
def _digest(rules: RuleSet) -> str:
    return trail.digest(_json(rules))


def _json(value: object) -> JsonValue:
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return f"{value.normalize():f}"  # 40 and 40.0 are one rule
        case Span():
            return str(value)
        case tuple():
            return [_json(item) for item in value]
        case _:
            return {field.name: _json(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]  # all else here is a dataclass
