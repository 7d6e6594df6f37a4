"""What is asked of a holder in a cycle, and the sums that are held against it."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from app.core.days import anniversary
from app.renewal.counting import NOTHING, Count, Entry, topics_of
from app.renewal.evaluation import Cycle, Exemption
from app.renewal.ruleset import DAY, RuleSet, YearBasis

WHOLE: Final = 100  # per cent


class Asked:
    """What is asked of this holder, in steps, once their exemptions are taken into account.

    Exemptions add up, to the most that the scheme allows. They lower the total and what is asked of
    categories and years; a topic is a subject that nobody may leave out.
    """

    __slots__ = ("of_category", "per_year", "total", "years")

    def __init__(self, count: Count, exemptions: Iterable[Exemption], *, made_up: bool) -> None:
        rules = count.rules
        reduced = sum(max(0, exemption.reduction_pct) for exemption in exemptions)
        left = WHOLE - min(reduced, rules.max_reduction_pct, WHOLE)

        def asked(hours: Decimal) -> int:
            return count.steps_up(hours * left / WHOLE)

        self.total = asked(rules.min_total)
        self.of_category = {category.id: asked(category.min or NOTHING) for category in rules.categories}
        self.per_year = 0 if made_up else asked(rules.min_per_year)
        self.years = tuple(_years(rules, count.cycle))


def _years(rules: RuleSet, cycle: Cycle) -> Iterator[tuple[int, date, date]]:
    """Go through the years of a cycle: from anniversary to anniversary, or the calendar's whole ones."""
    if rules.year_basis is YearBasis.CALENDAR:
        for year in range(cycle.begins.year, cycle.ends.year + 1):
            begins, ends = date(year, 1, 1), date(year, 12, 31)
            if cycle.begins <= begins and ends <= cycle.ends:
                yield year, begins, ends
        return
    anchor = cycle.anchor or cycle.ends
    begins = cycle.begins
    for number in range(1, rules.cycle.years + 1):
        ends = anniversary(anchor, cycle.ends.year - anchor.year - rules.cycle.years + number)
        if begins <= ends:
            yield number, begins, ends
            begins = ends + DAY


class Sums:
    """What counts, in steps: in all, by category, by topic, and by the year that activities ended in.

    What was done before the cycle counts in all, and nowhere else.
    """

    __slots__ = ("by_category", "by_topic", "by_year", "total")

    def __init__(self, count: Count, entries: list[Entry], years: tuple[tuple[int, date, date], ...]) -> None:
        self.total = 0
        self.by_category: dict[str, int] = {}
        self.by_topic = {topic.id: 0 for topic in count.rules.topics}
        self.by_year = [0] * len(years)
        for entry in entries:
            counted = entry.counted
            if counted:
                category, ended = entry.activity.category, entry.activity.ended_on
                self.total += counted
                if entry.before:
                    continue
                self.by_category[category] = self.by_category.get(category, 0) + counted
                for topic, steps in topics_of(count, entry).items():
                    self.by_topic[topic] += steps
                for position, (_, begins, ends) in enumerate(years):
                    if begins <= ended <= ends:
                        self.by_year[position] += counted
