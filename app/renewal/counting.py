"""A counting under way: activities with what is left of them, in whole steps of the scheme's granularity."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Final

from app.core.labels import Labels
from app.renewal import words
from app.renewal.evaluation import Activity, Cycle, Difference, Line
from app.renewal.ruleset import DAY, RuleSet
from app.renewal.words import Why

NOTHING: Final = Decimal(0)


@dataclass(slots=True)
class Entry:
    """An activity while it is being counted: what is left of it, in steps, and what was taken off."""

    activity: Activity
    counted: int
    rest: Decimal  # of the hours claimed, less than a step
    before: bool  # of the last months before the cycle, and may count in it: toward the total only
    differences: list[Difference] = field(default_factory=list)


class Count:
    """One counting: its rules and days, what came before it, the way from hours to steps and back."""

    __slots__ = ("_figures", "as_of", "carried", "cycle", "rules", "since", "step", "used")

    def __init__(
        self, rules: RuleSet, cycle: Cycle, as_of: date, carried: Decimal, used: Iterable[Activity]
    ) -> None:
        self.rules = rules
        self.cycle = cycle
        self.as_of = as_of
        self.step = rules.granularity
        self.carried = self.steps(max(carried, NOTHING))
        self.used = [Entry(one, self.steps(one.hours), NOTHING, before=False) for one in used]
        self.since = first_day(rules, cycle)
        self._figures: dict[int, Decimal] = {}

    def of_before(self, activity: Activity) -> bool:
        """Tell whether an activity is of the cycle before and may count in this one."""
        rule = self.rules.carry_over
        return (
            rule is not None
            and self.since <= activity.ended_on < self.cycle.begins
            and rule.takes(activity.category)
        )

    def steps(self, hours: Decimal) -> int:
        """Give the whole steps in an amount: what a holder has is rounded down, and so is a limit."""
        return int(hours // self.step)

    def steps_up(self, hours: Decimal) -> int:
        """Give the steps that reach an amount: what is asked of a holder is rounded up."""
        whole = self.steps(hours)
        return whole + (whole * self.step < hours)

    def hours(self, steps: int) -> Decimal:
        """Write steps as hours again."""
        known = self._figures.get(steps)
        if known is None:
            known = self._figures[steps] = plain(steps * self.step)
        return known

    def amount(self, hours: Decimal) -> Labels:
        return words.amount(hours, self.rules.unit)

    def leave_out(self, entry: Entry, why: Why, said: Labels) -> None:
        """Let nothing of an activity count."""
        entry.counted = 0
        entry.differences.append(Difference(why, plain(entry.activity.hours), said))

    def limit(self, entry: Entry, to: int, why: Why, said: Labels) -> None:
        """Let no more than so many steps of an activity count."""
        if entry.counted > to:
            taken = self.hours(entry.counted - to)
            entry.counted = to
            entry.differences.append(Difference(why, taken, said))


def first_day(rules: RuleSet, cycle: Cycle) -> date:
    """Give the first day of which anything may count: of the last months before, where others came before."""
    if cycle.follows and rules.carry_over is not None:
        return rules.carry_over.since(cycle.begins - DAY)
    return cycle.begins


def in_date_order(count: Count, activities: Iterable[Activity]) -> list[Entry]:
    ordered = sorted(activities, key=attrgetter("ended_on", "started_on", "id"))
    if len({activity.id for activity in ordered}) < len(ordered):
        raise ValueError("Each activity is given once.")
    entries = []
    for activity in ordered:
        steps, rest = divmod(activity.hours, count.step)
        entries.append(Entry(activity, int(steps), rest, count.of_before(activity)))
    return entries


def topics_of(count: Count, entry: Entry) -> dict[str, int]:
    """Give the steps of each topic within what counts: an hour has one topic at most, and is trimmed last.

    What was done before the cycle counts toward no topic of it.
    """
    told = entry.activity.topics
    left, found = entry.counted, {}
    if told and left and not entry.before:
        for topic in count.rules.topics:
            hours = told.get(topic.id)
            if hours:
                found[topic.id] = min(left, count.steps(hours))
                left -= found[topic.id]
    return found


def line_of(count: Count, entry: Entry) -> Line:
    return Line(
        entry.activity.id,
        plain(entry.activity.hours),
        count.hours(entry.counted),
        tuple(entry.differences),
    )


def plain(hours: Decimal) -> Decimal:
    """Write an amount without trailing zeros and without an exponent, so that equal ones look equal."""
    return hours.normalize() + NOTHING
