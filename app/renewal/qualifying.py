"""Which activities count at all: those that fit the scheme and the cycle, came in time, and came once."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from app.core.labels import Labels
from app.renewal import words
from app.renewal.counting import Count, Entry
from app.renewal.evaluation import Cycle, Standing
from app.renewal.reading import as_read
from app.renewal.ruleset import SelfDeclaredRule
from app.renewal.words import Why


def what_qualifies(count: Count, entries: list[Entry]) -> None:
    """An activity counts if it fits the scheme and the cycle, was claimed in time, and still stands.

    When it was done and when it was claimed are judged apart (I34). Of several reasons against it the one
    that nothing can mend is told, so that nobody completes a draft in vain.
    """
    cycle = count.cycle
    categories = frozenset(category.id for category in count.rules.categories)
    # Each is put into words once, however many activities it is said of.
    said: dict[Why, Labels] = {}
    strange: dict[str, Labels] = {}
    for entry in entries:
        activity = entry.activity
        why = _out_of_time(entry, cycle, count.as_of)
        if activity.standing not in STANDS:
            why = _SETTLED.get(activity.standing) or why or _UNFINISHED.get(activity.standing)
        if why is not None:
            if why not in said:
                said[why] = words.reason(
                    why, begins=cycle.begins, earned_by=cycle.earned_by, submitted_by=cycle.submitted_by
                )
            count.leave_out(entry, why, said[why])
        elif categories and activity.category not in categories:
            if activity.category not in strange:
                strange[activity.category] = words.reason(Why.UNKNOWN_CATEGORY, category=activity.category)
            count.leave_out(entry, Why.UNKNOWN_CATEGORY, strange[activity.category])


def _out_of_time(entry: Entry, cycle: Cycle, as_of: date) -> Why | None:
    """An activity belongs to the cycle in which it ended (I33), or, at its very end, to the next."""
    activity = entry.activity
    ended = activity.ended_on
    if ended < cycle.begins and not entry.before:
        return Why.BEFORE_CYCLE
    if ended > cycle.earned_by:
        return Why.EARNED_TOO_LATE
    if activity.submitted_on > cycle.submitted_by:
        return Why.SUBMITTED_TOO_LATE
    return Why.IN_THE_FUTURE if ended > as_of else None


STANDS: Final = (Standing.CLAIMED, Standing.ACCEPTED)
_SETTLED: Final = {Standing.ELSEWHERE: Why.ELSEWHERE, Standing.REJECTED: Why.REJECTED}
_UNFINISHED: Final = {Standing.DRAFT: Why.DRAFT, Standing.QUERIED: Why.QUERIED}


def within_the_window(count: Count, entries: list[Entry]) -> None:
    """What holders declare by themselves is claimed in its window of the year after, never late."""
    rule = count.rules.self_declared
    if rule is None:
        return
    for entry in entries:
        activity = entry.activity
        if not activity.self_declared or entry.differences:
            continue
        opens, closes = _window(rule, activity.ended_on.year + 1)
        if opens <= activity.submitted_on <= closes:
            continue
        early = activity.submitted_on < opens
        why = Why.SELF_DECLARED_TOO_EARLY if early else Why.SELF_DECLARED_TOO_LATE
        count.leave_out(entry, why, words.reason(why, opens=opens, closes=closes))


def _window(rule: SelfDeclaredRule, year: int) -> tuple[date, date]:
    return date(year, *rule.opens), date(year, *rule.closes)


def once(count: Count, entries: list[Entry]) -> None:
    """The same activity entered twice counts once (I32): accepted before claimed, then the longer one.

    What another cycle has used is used up, under whatever id it comes back.
    """
    if not count.rules.no_double_count:
        return
    by_dates: dict[tuple[date, date], list[Entry]] = {}
    for entry in (*entries, *count.used):
        if not entry.differences or entry.activity.standing is Standing.ELSEWHERE:
            days = entry.activity.started_on, entry.activity.ended_on
            by_dates.setdefault(days, []).append(entry)
    for alike in by_dates.values():
        if len(alike) > 1:
            _keep_one_of_each(count, alike)


def _keep_one_of_each(count: Count, alike: list[Entry]) -> None:
    kept: set[tuple[str, str]] = set()
    for entry in sorted(alike, key=_best_first):
        told = as_read(entry.activity.title), as_read(entry.activity.provider)
        if told in kept and not entry.differences:
            count.leave_out(entry, Why.SAME_TWICE, words.REASONS[Why.SAME_TWICE])
        kept.add(told)


def _best_first(entry: Entry) -> tuple[int, Decimal, str]:
    return _STANDING_ORDER[entry.activity.standing], -entry.activity.hours, entry.activity.id


_STANDING_ORDER: Final[Mapping[Standing, int]] = {
    Standing.ELSEWHERE: 0,
    Standing.ACCEPTED: 1,
    Standing.CLAIMED: 2,
}
