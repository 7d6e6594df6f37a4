"""How much of an activity counts: in whole steps, within what it, its days and its category may hold."""

from collections.abc import Mapping
from typing import Final

from app.renewal import words
from app.renewal.counting import NOTHING, Count, Entry, plain, topics_of
from app.renewal.evaluation import Difference
from app.renewal.places import Places, Wish
from app.renewal.words import Why

BEFORE: Final = "the cycle before"  # the group of what was done there; no category is called so


def in_whole_steps(count: Count, entries: list[Entry]) -> None:
    """Hours are counted in steps of the scheme's granularity; what is left over is rounded down."""
    said = words.reason(Why.GRANULARITY, step=count.amount(count.step))
    for entry in entries:
        if entry.rest and not entry.differences:
            entry.differences.append(Difference(Why.GRANULARITY, plain(entry.rest), said))


def at_most_per_activity(count: Count, entries: list[Entry]) -> None:
    """No activity counts for more than the scheme grants to any one of them."""
    limit = count.rules.per_activity_max
    if limit is None:
        return
    most = count.steps(limit)
    said = words.reason(Why.ACTIVITY_CAP, most=count.amount(limit))
    for entry in entries:
        count.limit(entry, most, Why.ACTIVITY_CAP, said)


def at_most_per_day(count: Count, entries: list[Entry]) -> None:
    """Hours must fit on the days on which they were done, as far as those lie within the cycle.

    Or, for what was done before it, within the last months of which anything may still count.
    """
    limit = count.rules.per_day_max
    if limit is None:
        return
    room = count.steps(limit)
    said = words.reason(Why.DAY_CAP, most=count.amount(limit))
    for entry in entries:
        if entry.counted > room:
            first, last = _days(count, entry)
            count.limit(entry, room * (last - first + 1), Why.DAY_CAP, said)


def _days(count: Count, entry: Entry) -> tuple[int, int]:
    """Number the first and the last day of an activity that can carry its hours."""
    activity = entry.activity
    begins = count.since if entry.before else count.cycle.begins
    return max(activity.started_on, begins).toordinal(), activity.ended_on.toordinal()


def at_most_by_oneself(count: Count, entries: list[Entry]) -> None:
    """What a holder declares without anybody's proof counts up to so much for each year."""
    rule = count.rules.self_declared
    if rule is None:
        return
    most = count.steps(rule.credits)
    said = words.reason(Why.SELF_DECLARED_CAP, most=count.amount(rule.credits))
    room: dict[int, int] = {}
    for entry in entries:
        if entry.activity.self_declared:
            year = entry.activity.ended_on.year
            left = room.get(year, most)
            count.limit(entry, left, Why.SELF_DECLARED_CAP, said)
            room[year] = left - entry.counted


def at_most_together(count: Count, entries: list[Entry]) -> None:
    """Activities share the room of their days, and those of a category with a maximum share that.

    As many hours as possible find a place, so that one activity more never makes the total smaller. What has
    no maximum goes first, then the hours of a topic, then the rest, each in the order of their dates. What
    was done before the cycle shares what the scheme lets be carried over, and no category of this cycle. Its
    days, and those of this cycle too, are taken as far as earlier renewals rest on them.
    """
    most = {c.id: count.steps(c.max) for c in count.rules.categories if c.max is not None}
    if count.rules.carry_over is not None:
        most[BEFORE] = max(0, count.steps(count.rules.carry_over.max) - count.carried)
    day_limit = count.rules.per_day_max
    if not most and day_limit is None:
        return
    wanting = [entry for entry in entries if entry.counted]
    wishes = [_wish(count, entry, most) for entry in wanting]
    taken = [] if day_limit is None else _taken(count, wishes)
    places = Places(None if day_limit is None else count.steps(day_limit), most, [*wishes, *taken])
    for number, wish in enumerate(taken, len(wishes)):
        places.grant(number, wish.want)
    for number, wish in enumerate(wishes):
        if wish.group is None:
            places.grant(number, wish.want)
    limited = [number for number, wish in enumerate(wishes) if wish.group is not None]
    for number in limited:
        if wanting[number].activity.topics:
            places.grant(number, sum(topics_of(count, wanting[number]).values()))
    for number in limited:
        places.grant(number, wishes[number].want)
    _tell_what_found_no_place(count, wanting, places)


def _wish(count: Count, entry: Entry, most: Mapping[str, int]) -> Wish:
    group = BEFORE if entry.before else entry.activity.category
    return Wish(*_days(count, entry), entry.counted, group if group in most else None)


def _taken(count: Count, wishes: list[Wish]) -> list[Wish]:
    """Give what earlier renewals rest on, unless all of it was over before anything that counts here."""
    used = [
        Wish(one.started_on.toordinal(), one.ended_on.toordinal(), count.steps(one.hours), None)
        for one in (entry.activity for entry in count.used)
    ]
    last = max((one.last for one in used), default=0)
    return used if any(wish.first <= last for wish in wishes) else []


def _tell_what_found_no_place(count: Count, wanting: list[Entry], places: Places) -> None:
    full = {
        c.id: words.reason(Why.CATEGORY_CAP, category=c.label, most=count.amount(c.max))
        for c in count.rules.categories
        if c.max is not None and not places.left[c.id]
    }
    if count.rules.carry_over is not None and not places.left[BEFORE]:
        most = count.amount(count.rules.carry_over.max)
        full[BEFORE] = words.reason(Why.CARRY_OVER_CAP, most=most)
    crowded = words.reason(Why.DAY_CAP, most=count.amount(count.rules.per_day_max or NOTHING))
    for entry, wish in zip(wanting, places.wishes, strict=False):
        if wish.got < entry.counted:
            if wish.group in full:
                why = Why.CARRY_OVER_CAP if entry.before else Why.CATEGORY_CAP
                count.limit(entry, wish.got, why, full[wish.group])
            else:
                count.limit(entry, wish.got, Why.DAY_CAP, crowded)
