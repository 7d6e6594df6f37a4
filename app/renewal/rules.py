"""How much of a holder's continuing development counts, why the rest does not, and what is missing by when.

`evaluate` is one pure function of the rules, the activities, the exemptions and a day. It reads like the
scheme: `COUNTING` lists its rules in the order in which they are applied, each of which can only take hours
away, and what is left is then held against what is asked. Inside, hours are whole steps of the scheme's
granularity; at the border they are decimals.
"""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from app.renewal.balance import account_of
from app.renewal.carrying import carry_over_of
from app.renewal.counting import NOTHING, Count, Entry, in_date_order, line_of, plain
from app.renewal.evaluation import Activity, Bucket, Cycle, Exemption, Gap, Ledger, Line, Standing, Year
from app.renewal.gaps import gaps_of
from app.renewal.limits import (
    at_most_by_oneself,
    at_most_per_activity,
    at_most_per_day,
    at_most_together,
    in_whole_steps,
)
from app.renewal.qualifying import STANDS, once, what_qualifies, within_the_window
from app.renewal.requirements import Asked, Sums
from app.renewal.ruleset import RuleSet

__all__ = ["Activity", "Bucket", "Cycle", "Exemption", "Gap", "Ledger", "Line", "Standing", "evaluate"]

COUNTING: Final[tuple[Callable[[Count, list[Entry]], None], ...]] = (
    what_qualifies,
    within_the_window,
    once,
    in_whole_steps,
    at_most_per_activity,
    at_most_per_day,
    at_most_by_oneself,
    at_most_together,
)


def evaluate(
    rules: RuleSet,
    activities: Iterable[Activity],
    *,
    cycle: Cycle,
    as_of: date,
    exemptions: Iterable[Exemption] = (),
    carried: Decimal = NOTHING,
    used: Iterable[Activity] = (),
    made_up: bool = False,
) -> Ledger:
    """Count a cycle's activities by the rules, as of a day, and say what is missing.

    `carried` is the `carry_over` that the cycle before was renewed with: it counts toward the total and
    nothing else. So does what ended in the last months before a cycle that `follows` another, in a category
    that may be carried over, and that no renewal has used: with `carried`, up to what the scheme allows.

    `used` are the activities that the cycle before was renewed on, used `elsewhere`, with the hours that
    counted there: nothing that is the same counts again, and the room of their days is taken.

    `made_up` is a reinstatement: what was missed may be earned after the cycle, so its years are asked for
    nothing. The order of the activities does not matter.
    """
    count = Count(rules, cycle, as_of, carried, used)
    entries = in_date_order(count, activities)
    given = [entry.activity for entry in entries]
    for rule in COUNTING:
        rule(count, entries)
    account = None if rules.balance is None else account_of(count, entries, rules.balance)
    asked = Asked(count, exemptions, made_up=made_up)
    sums = Sums(count, entries, asked.years)
    return Ledger(
        rules=rules.digest,
        as_of=as_of,
        begins=cycle.begins,
        ends=cycle.ends,
        earned_by=cycle.earned_by,
        submitted_by=cycle.submitted_by,
        claimed=plain(sum((one.hours for one in given if one.standing in STANDS), NOTHING)),
        counted=count.hours(sums.total),
        carried=count.hours(count.carried),
        required=count.hours(asked.total),
        lines=tuple(line_of(count, entry) for entry in entries),
        categories=tuple(
            Bucket(
                category.id,
                category.label,
                count.hours(sums.by_category.get(category.id, 0)),
                None if category.min is None else count.hours(asked.of_category[category.id]),
                category.max,
            )
            for category in rules.categories
        ),
        topics=tuple(
            Bucket(topic.id, topic.label, count.hours(sums.by_topic[topic.id]), topic.min, None)
            for topic in rules.topics
        ),
        years=tuple(
            Year(number, begins, ends, count.hours(counted), count.hours(asked.per_year))
            for (number, begins, ends), counted in zip(asked.years, sums.by_year, strict=True)
        ),
        gaps=tuple(sorted(gaps_of(count, sums, asked, account), key=lambda gap: gap.due)),
        account=account,
        carry_over=count.hours(carry_over_of(count, entries, sums, asked)),
    )
