"""What one cycle may leave to the next: late hours that nothing in their own cycle needs (I32)."""

from collections.abc import Iterator

from app.renewal.counting import Count, Entry, topics_of
from app.renewal.requirements import Asked, Sums
from app.renewal.ruleset import CarryRule

Need = tuple[str, str | int]  # a category, year or topic that asks for a least of its own


def carry_over_of(count: Count, entries: list[Entry], sums: Sums, asked: Asked) -> int:
    """Give the hours that may count in the next cycle because this one is as complete without them.

    They are late hours of the categories that the scheme names. One after the other they are set aside, as
    long as the total, their category, their year and their topic each keep what they ask for. The hours that
    the fewest ask for go first. That makes them the most there can be where they lie in one year, unless two
    categories and two topics ask for the same hours: there a few more might do, but none of these is needed.

    Hours of the cycle before, `carried` or counted here, serve this one's total and go no further themselves.
    """
    rule = count.rules.carry_over
    if rule is None:
        return 0
    spare = _spare(count, sums, asked)
    most = min(count.steps(rule.max), sums.total + count.carried - asked.total)
    carried = 0
    late = [
        ([need for need in needs if need in spare], steps)
        for needs, steps in _late_hours(count, entries, asked, rule)
    ]
    for needs, steps in sorted(late, key=lambda some: len(some[0])):
        taken = max(0, min([steps, most - carried, *(spare[need] for need in needs)]))
        carried += taken
        for need in needs:
            spare[need] -= taken
    return carried


def _spare(count: Count, sums: Sums, asked: Asked) -> dict[Need, int]:
    """Give what counts beyond each least that is asked; less than nothing if it falls short."""
    spare: dict[Need, int] = {}
    for category, least in asked.of_category.items():
        if least:
            spare["category", category] = sums.by_category.get(category, 0) - least
    for topic in count.rules.topics:
        if topic.min:
            spare["topic", topic.id] = sums.by_topic[topic.id] - count.steps_up(topic.min)
    if asked.per_year:
        for (number, _, _), counted in zip(asked.years, sums.by_year, strict=True):
            spare["year", number] = counted - asked.per_year
    return spare


def _late_hours(
    count: Count, entries: list[Entry], asked: Asked, rule: CarryRule
) -> Iterator[tuple[list[Need], int]]:
    """Name the hours that came late enough, in parts, each with all that may need it."""
    since = rule.since(count.cycle.ends)
    for entry in entries:
        category, ended = entry.activity.category, entry.activity.ended_on
        if not entry.counted or entry.before or ended < since or not rule.takes(category):
            continue
        needs: list[Need] = [("category", category)]
        needs += [("year", number) for number, begins, ends in asked.years if begins <= ended <= ends]
        on_topics = topics_of(count, entry)
        yield needs, entry.counted - sum(on_topics.values())
        for topic, steps in on_topics.items():
            yield [*needs, ("topic", topic)], steps
