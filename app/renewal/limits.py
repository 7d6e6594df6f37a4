"""How much of an activity counts: in whole steps, within what it, its days and its category may hold."""

from app.renewal import words
from app.renewal.counting import NOTHING, Count, Entry, plain, topics_of
from app.renewal.evaluation import Difference
from app.renewal.places import Places, Wish
from app.renewal.words import Why


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
    """Hours must fit on the days on which they were done, as far as those lie within the cycle."""
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
    """Number the first and the last day of an activity within the cycle."""
    activity = entry.activity
    return max(activity.started_on, count.cycle.begins).toordinal(), activity.ended_on.toordinal()


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
    no maximum goes first, then the hours of a topic, then the rest, each in the order of their dates.
    """
    most = {c.id: count.steps(c.max) for c in count.rules.categories if c.max is not None}
    day_limit = count.rules.per_day_max
    if not most and day_limit is None:
        return
    wanting = [entry for entry in entries if entry.counted]
    places = Places(
        None if day_limit is None else count.steps(day_limit),
        most,
        [
            Wish(*_days(count, entry), entry.counted, category if category in most else None)
            for entry in wanting
            for category in (entry.activity.category,)
        ],
    )
    limited = [n for n, entry in enumerate(wanting) if entry.activity.category in most]
    for number, wish in enumerate(places.wishes):
        if wish.group is None:
            places.grant(number, wish.want)
    for number in limited:
        if wanting[number].activity.topics:
            places.grant(number, sum(topics_of(count, wanting[number]).values()))
    for number in limited:
        places.grant(number, places.wishes[number].want)
    _tell_what_found_no_place(count, wanting, places)


def _tell_what_found_no_place(count: Count, wanting: list[Entry], places: Places) -> None:
    full = {
        c.id: words.reason(Why.CATEGORY_CAP, category=c.label, most=count.amount(c.max))
        for c in count.rules.categories
        if c.max is not None and not places.left[c.id]
    }
    crowded = words.reason(Why.DAY_CAP, most=count.amount(count.rules.per_day_max or NOTHING))
    for entry, wish in zip(wanting, places.wishes, strict=True):
        if wish.got < entry.counted:
            if wish.group in full:
                count.limit(entry, wish.got, Why.CATEGORY_CAP, full[wish.group])
            else:
                count.limit(entry, wish.got, Why.DAY_CAP, crowded)
