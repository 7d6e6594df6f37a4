"""What one cycle may leave to the next."""

from app.core.days import months_before
from app.renewal.counting import Count, Entry
from app.renewal.requirements import Asked, Sums


def carry_over_of(count: Count, entries: list[Entry], sums: Sums, asked: Asked) -> int:
    """Give what may count in the next cycle: late hours of the named categories that this one can spare."""
    rule = count.rules.carry_over
    if rule is None:
        return 0
    since = months_before(count.cycle.ends, rule.from_last_months)
    late: dict[str, int] = {}
    for entry in entries:
        category = entry.activity.category
        if entry.activity.ended_on > since and (not rule.categories or category in rule.categories):
            late[category] = late.get(category, 0) + entry.counted
    spare = sum(
        min(steps, max(0, sums.by_category.get(category, 0) - asked.of_category.get(category, 0)))
        for category, steps in late.items()
    )
    return max(0, min(count.steps(rule.max), sums.total - asked.total, spare))
