"""How much of a holder's continuing development counts, why the rest does not, and what is missing by when.

`evaluate` is one pure function of the rules, the activities, the exemptions and a day. It reads like the
scheme: `COUNTING` lists its rules in the order in which they are applied, each of which can only take hours
away, and what is left is then held against what is asked. Inside, hours are whole steps of the scheme's
granularity; at the border they are decimals.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Final, NamedTuple

from app.core.days import anniversary, months_before
from app.core.labels import Labels
from app.renewal import words
from app.renewal.ruleset import BalanceRule, RuleSet, SelfDeclaredRule, YearBasis
from app.renewal.words import Missing, Why
from app.verification.words import Fact

DAY: Final = timedelta(days=1)
NOTHING: Final = Decimal(0)
WHOLE: Final = 100  # per cent
MOST_HOURS: Final = 1_000_000  # an activity of a century; above it the figure is a slip or an attack
DEBITED: Final = (12, 31)
FIRST_HALF_ENDS: Final = (6, 30)


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
    counted from; it tells only where a credential began on a 29 February.
    """

    begins: date
    ends: date
    earned_by: date
    submitted_by: date
    anchor: date | None = None


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


def evaluate(
    rules: RuleSet,
    activities: Iterable[Activity],
    *,
    cycle: Cycle,
    as_of: date,
    exemptions: Iterable[Exemption] = (),
    carried: Decimal = NOTHING,
    made_up: bool = False,
) -> Ledger:
    """Count a cycle's activities by the rules, as of a day, and say what is missing.

    `carried` are hours of the cycle before, within what its `carry_over` allowed: they count toward the
    total and nothing else. `made_up` is a reinstatement: what was missed may be earned after the cycle, so
    its years are asked for nothing. The order of the activities does not matter.
    """
    count = _Count(rules, cycle, as_of)
    entries = _in_date_order(count, activities)
    for rule in COUNTING:
        rule(count, entries)
    account = None if rules.balance is None else _account(count, entries, rules.balance)
    asked = _Asked(count, exemptions, made_up=made_up)
    sums = _Sums(count, entries, asked.years)
    brought = count.steps(max(carried, NOTHING))
    return Ledger(
        rules=rules.digest,
        as_of=as_of,
        begins=cycle.begins,
        ends=cycle.ends,
        earned_by=cycle.earned_by,
        submitted_by=cycle.submitted_by,
        claimed=_plain(sum((entry.activity.hours for entry in entries), NOTHING)),
        counted=count.hours(sums.total),
        carried=count.hours(brought),
        required=count.hours(asked.total),
        lines=tuple(_line(count, entry) for entry in entries),
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
        gaps=tuple(sorted(_gaps(count, sums, asked, brought, account), key=lambda gap: gap.due)),
        account=account,
        carry_over=count.hours(_carry_over(count, entries, sums, asked)),
    )


@dataclass(slots=True)
class _Entry:
    """An activity while it is being counted: what is left of it, in steps, and what was taken off."""

    activity: Activity
    counted: int
    rest: Decimal  # of the hours claimed, less than a step
    differences: list[Difference] = field(default_factory=list)


class _Count:
    """One counting: its rules and days, the way from hours to steps and back."""

    __slots__ = ("_figures", "as_of", "cycle", "rules", "step")

    def __init__(self, rules: RuleSet, cycle: Cycle, as_of: date) -> None:
        self.rules = rules
        self.cycle = cycle
        self.as_of = as_of
        self.step = rules.granularity
        self._figures: dict[int, Decimal] = {}

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
            known = self._figures[steps] = _plain(steps * self.step)
        return known

    def amount(self, hours: Decimal) -> Labels:
        return words.amount(hours, self.rules.unit)

    def leave_out(self, entry: _Entry, why: Why, said: Labels) -> None:
        """Let nothing of an activity count."""
        entry.counted = 0
        entry.differences.append(Difference(why, _plain(entry.activity.hours), said))

    def limit(self, entry: _Entry, to: int, why: Why, said: Labels) -> None:
        """Let no more than so many steps of an activity count."""
        if entry.counted > to:
            taken = self.hours(entry.counted - to)
            entry.counted = to
            entry.differences.append(Difference(why, taken, said))


def _in_date_order(count: _Count, activities: Iterable[Activity]) -> list[_Entry]:
    ordered = sorted(activities, key=attrgetter("ended_on", "started_on", "id"))
    if len({activity.id for activity in ordered}) < len(ordered):
        raise ValueError("Each activity is given once.")
    entries = []
    for activity in ordered:
        steps, rest = divmod(activity.hours, count.step)
        entries.append(_Entry(activity, int(steps), rest))
    return entries


def what_qualifies(count: _Count, entries: list[_Entry]) -> None:
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
        why = _out_of_time(activity, cycle, count.as_of)
        if activity.standing not in _STANDS:
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


def _out_of_time(activity: Activity, cycle: Cycle, as_of: date) -> Why | None:
    """An activity belongs to the cycle in which it ended (I33)."""
    ended = activity.ended_on
    if ended < cycle.begins:
        return Why.BEFORE_CYCLE
    if ended > cycle.earned_by:
        return Why.EARNED_TOO_LATE
    if activity.submitted_on > cycle.submitted_by:
        return Why.SUBMITTED_TOO_LATE
    return Why.IN_THE_FUTURE if ended > as_of else None


_STANDS: Final = (Standing.CLAIMED, Standing.ACCEPTED)
_SETTLED: Final = {Standing.ELSEWHERE: Why.ELSEWHERE, Standing.REJECTED: Why.REJECTED}
_UNFINISHED: Final = {Standing.DRAFT: Why.DRAFT, Standing.QUERIED: Why.QUERIED}


def within_the_window(count: _Count, entries: list[_Entry]) -> None:
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


def once(count: _Count, entries: list[_Entry]) -> None:
    """The same activity entered twice counts once (I32): accepted before claimed, then the longer one.

    What another cycle has used is used up, under whatever id it comes back.
    """
    if not count.rules.no_double_count:
        return
    by_dates: dict[tuple[date, date], list[_Entry]] = {}
    for entry in entries:
        if not entry.differences or entry.activity.standing is Standing.ELSEWHERE:
            days = entry.activity.started_on, entry.activity.ended_on
            by_dates.setdefault(days, []).append(entry)
    for alike in by_dates.values():
        if len(alike) > 1:
            _keep_one_of_each(count, alike)


def _keep_one_of_each(count: _Count, alike: list[_Entry]) -> None:
    kept: set[tuple[str, str]] = set()
    for entry in sorted(alike, key=_best_first):
        told = _as_read(entry.activity.title), _as_read(entry.activity.provider)
        if told in kept and not entry.differences:
            count.leave_out(entry, Why.SAME_TWICE, words.REASONS[Why.SAME_TWICE])
        kept.add(told)


def _best_first(entry: _Entry) -> tuple[int, Decimal, str]:
    return _STANDING_ORDER[entry.activity.standing], -entry.activity.hours, entry.activity.id


_STANDING_ORDER: Final[Mapping[Standing, int]] = {
    Standing.ELSEWHERE: 0,
    Standing.ACCEPTED: 1,
    Standing.CLAIMED: 2,
}


def _as_read(text: str) -> str:
    return " ".join(text.casefold().split())


def in_whole_steps(count: _Count, entries: list[_Entry]) -> None:
    """Hours are counted in steps of the scheme's granularity; what is left over is rounded down."""
    said = words.reason(Why.GRANULARITY, step=count.amount(count.step))
    for entry in entries:
        if entry.rest and not entry.differences:
            entry.differences.append(Difference(Why.GRANULARITY, _plain(entry.rest), said))


def at_most_per_activity(count: _Count, entries: list[_Entry]) -> None:
    """No activity counts for more than the scheme grants to any one of them."""
    limit = count.rules.per_activity_max
    if limit is None:
        return
    most = count.steps(limit)
    said = words.reason(Why.ACTIVITY_CAP, most=count.amount(limit))
    for entry in entries:
        count.limit(entry, most, Why.ACTIVITY_CAP, said)


def at_most_per_day(count: _Count, entries: list[_Entry]) -> None:
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


def _days(count: _Count, entry: _Entry) -> tuple[int, int]:
    """Number the first and the last day of an activity within the cycle."""
    activity = entry.activity
    return max(activity.started_on, count.cycle.begins).toordinal(), activity.ended_on.toordinal()


def at_most_by_oneself(count: _Count, entries: list[_Entry]) -> None:
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


def at_most_together(count: _Count, entries: list[_Entry]) -> None:
    """Activities share the room of their days, and those of a category with a maximum share that.

    As many hours as possible find a place, so that one activity more never makes the total smaller. What has
    no maximum goes first, then the hours of a topic, then the rest, each in the order of their dates.
    """
    most = {c.id: count.steps(c.max) for c in count.rules.categories if c.max is not None}
    day_limit = count.rules.per_day_max
    if not most and day_limit is None:
        return
    wanting = [entry for entry in entries if entry.counted]
    places = _Places(
        None if day_limit is None else count.steps(day_limit),
        most,
        [
            _Wish(*_days(count, entry), entry.counted, category if category in most else None)
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
            places.grant(number, sum(_topics(count, wanting[number]).values()))
    for number in limited:
        places.grant(number, places.wishes[number].want)
    _tell_what_found_no_place(count, wanting, places)


def _tell_what_found_no_place(count: _Count, wanting: list[_Entry], places: "_Places") -> None:
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


@dataclass(slots=True)
class _Wish:
    """What an activity wants, on which days, and in which group if that takes only so much."""

    first: int
    last: int
    want: int
    group: str | None
    got: int = 0


class _Link(NamedTuple):
    """One asks another for room: for theirs on a day, or to take one's place in the group they share."""

    asks: int
    asked: int
    day: int | None


class _Places:
    """The room there is: so much on each day, and so much in each group.

    Whoever finds their days full asks others to move to further days of theirs, or to leave their share to
    somebody of their group whose days have room: these are augmenting paths, and they make the flow as large
    as it can be. Whatever a search could not get beyond stays stuck for good, so no search goes there again.
    """

    __slots__ = ("_closed", "_full", "_on", "_room", "_stuck", "_taken", "left", "wishes")

    def __init__(self, room: int | None, most: Mapping[str, int], wishes: list[_Wish]) -> None:
        self._room = room
        self.left = dict(most)
        self.wishes = wishes
        self._taken: dict[int, int] = {}
        self._on: dict[int, dict[int, int]] = {}  # who has how much of a day
        self._full: dict[int, int] = {}  # from a full day to a later one that may have room
        self._closed: dict[int, int] = {}  # likewise from a day that no search gets beyond
        self._stuck: set[int] = set()  # who can ask nobody any more

    def grant(self, number: int, up_to: int) -> None:
        """Give somebody as much of their wish as there is room for."""
        wish = self.wishes[number]
        wanted = up_to - wish.got
        if wish.group is not None:
            wanted = min(wanted, self.left[wish.group])
        given = max(0, wanted) if self._room is None else self._settle(number, wanted)
        wish.got += given
        while given < wanted and self._room and (links := self._way(number)):
            given += self._follow(links, wanted - given)
        if wish.group is not None:
            self.left[wish.group] -= given

    def _settle(self, who: int, wanted: int) -> int:
        """Take the earliest of one's days that have room; nobody has to move for that."""
        wish, given = self.wishes[who], 0
        while self._room and given < wanted and (day := _past(self._full, wish.first)) <= wish.last:
            given += self._put(who, day, wanted - given)
        return given

    def _put(self, who: int, day: int, wanted: int) -> int:
        """Take as much of a day with room as is wanted and there."""
        taken, room = self._taken.get(day, 0), self._room or 0
        given = min(wanted, room - taken)
        self._taken[day] = taken + given
        self._move(day, who, given)
        if taken + given == room:
            self._full[day] = day + 1
        return given

    def _way(self, start: int) -> list[_Link] | None:
        """Find the shortest way to a day with room; the last who is asked has one."""
        came: dict[int, _Link | None] = {} if start in self._stuck else {start: None}
        days: set[int] = set()
        groups: set[str | None] = {None}
        for who in (queue := list(came)):
            wish = self.wishes[who]
            if _past(self._full, wish.first) <= wish.last:
                return _traced(came, who)
            for link in (*self._holders(who, days), *self._others_of_its_group(who, groups)):
                if link.asked not in came and link.asked not in self._stuck:
                    came[link.asked] = link
                    queue.append(link.asked)
        self._stuck.update(came)
        for day in days:
            self._closed[day] = day + 1
        return None

    def _holders(self, who: int, days: set[int]) -> Iterator[_Link]:
        """Name those who hold a part of one's days, leaving out the days that were asked already."""
        wish = self.wishes[who]
        day = _past(self._closed, wish.first)
        while day <= wish.last:
            if day not in days:
                days.add(day)
                for holder in self._on[day]:
                    yield _Link(who, holder, day)
            day = _past(self._closed, day + 1)

    def _others_of_its_group(self, who: int, groups: set[str | None]) -> Iterator[_Link]:
        """Name those of one's group who still want something, unless the group was asked already."""
        group = self.wishes[who].group
        if group not in groups:
            groups.add(group)
            for other, wish in enumerate(self.wishes):
                if wish.group == group and wish.got < wish.want:
                    yield _Link(who, other, None)

    def _follow(self, links: list[_Link], wanted: int) -> int:
        """Move everybody along the way by as much as goes all the way; tell how much that was."""
        last = self.wishes[links[-1].asked]
        day = _past(self._full, last.first)
        moved = min(wanted, (self._room or 0) - self._taken.get(day, 0))
        for link in links[1:]:
            asked = self.wishes[link.asked]
            moved = min(moved, asked.want - asked.got if link.day is None else self._on[link.day][link.asked])
        self.wishes[links[0].asked].got += moved
        for link in links[1:]:
            if link.day is None:
                self.wishes[link.asks].got -= moved
                self.wishes[link.asked].got += moved
            else:
                self._move(link.day, link.asked, -moved)
                self._move(link.day, link.asks, moved)
        return self._put(links[-1].asked, day, moved)

    def _move(self, day: int, who: int, steps: int) -> None:
        holders = self._on.setdefault(day, {})
        holders[who] = holders.get(who, 0) + steps
        if not holders[who]:
            del holders[who]


def _traced(came: Mapping[int, _Link | None], who: int) -> list[_Link]:
    """Trace the way back to who asked first; the first link only names them."""
    links = []
    while (link := came[who]) is not None:
        links.append(link)
        who = link.asks
    return [_Link(who, who, None), *reversed(links)]


def _past(links: dict[int, int], day: int) -> int:
    """Go along the links as far as they lead, and shorten them for the next one who goes there."""
    if day not in links:
        return day
    passed = []
    while day in links:
        passed.append(day)
        day = links[day]
    for one in passed:
        links[one] = day
    return day


COUNTING: Final[tuple[Callable[[_Count, list[_Entry]], None], ...]] = (
    what_qualifies,
    within_the_window,
    once,
    in_whole_steps,
    at_most_per_activity,
    at_most_per_day,
    at_most_by_oneself,
    at_most_together,
)


def _topics(count: _Count, entry: _Entry) -> dict[str, int]:
    """Give the steps of each topic within what counts: an hour has one topic at most, and is trimmed last."""
    told = entry.activity.topics
    left, found = entry.counted, {}
    if told and left:
        for topic in count.rules.topics:
            hours = told.get(topic.id)
            if hours:
                found[topic.id] = min(left, count.steps(hours))
                left -= found[topic.id]
    return found


def _account(count: _Count, entries: list[_Entry], rule: BalanceRule) -> Account:
    """Keep the account of a balance: in come credits on the day they were earned, out goes each debit.

    What comes in above the cap is lost, and a debit takes no more than there is: nobody ends up owing.
    """
    cap = count.steps(rule.cap)
    said = words.reason(Why.BALANCE_CAP, most=count.amount(rule.cap))
    balance = min(count.steps(rule.opening), cap)
    begins = count.cycle.begins
    debit_on = date(begins.year, *DEBITED)

    def debited() -> int:
        half = debit_on.year == begins.year and (begins.month, begins.day) > FIRST_HALF_ENDS
        return count.steps_up(rule.debit_half_year if half else rule.debit_per_year)

    for entry in entries:
        if not entry.counted:
            continue
        while debit_on < entry.activity.ended_on:
            balance = max(0, balance - debited())
            debit_on = anniversary(debit_on, 1)
        count.limit(entry, cap - balance, Why.BALANCE_CAP, said)
        balance += entry.counted
    while debit_on <= count.as_of:
        balance = max(0, balance - debited())
        debit_on = anniversary(debit_on, 1)
    return Account(
        opening=rule.opening,
        balance=count.hours(balance),
        min=rule.min,
        cap=rule.cap,
        next_debit_on=debit_on,
        next_debit=count.hours(debited()),
    )


def _line(count: _Count, entry: _Entry) -> Line:
    return Line(
        entry.activity.id,
        _plain(entry.activity.hours),
        count.hours(entry.counted),
        tuple(entry.differences),
    )


class _Asked:
    """What is asked of this holder, in steps, once their exemptions are taken into account.

    Exemptions add up, to the most that the scheme allows. They lower the total and what is asked of
    categories and years; a topic is a subject that nobody may leave out.
    """

    __slots__ = ("of_category", "per_year", "total", "years")

    def __init__(self, count: _Count, exemptions: Iterable[Exemption], *, made_up: bool) -> None:
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


class _Sums:
    """What counts, in steps: in all, by category, by topic, and by the year that activities ended in."""

    __slots__ = ("by_category", "by_topic", "by_year", "total")

    def __init__(
        self, count: _Count, entries: list[_Entry], years: tuple[tuple[int, date, date], ...]
    ) -> None:
        self.total = 0
        self.by_category: dict[str, int] = {}
        self.by_topic = {topic.id: 0 for topic in count.rules.topics}
        self.by_year = [0] * len(years)
        for entry in entries:
            counted = entry.counted
            if counted:
                category, ended = entry.activity.category, entry.activity.ended_on
                self.total += counted
                self.by_category[category] = self.by_category.get(category, 0) + counted
                for topic, steps in _topics(count, entry).items():
                    self.by_topic[topic] += steps
                for position, (_, begins, ends) in enumerate(years):
                    if begins <= ended <= ends:
                        self.by_year[position] += counted


def _gaps(count: _Count, sums: _Sums, asked: _Asked, brought: int, account: Account | None) -> Iterator[Gap]:
    """Say what is missing of all that is asked; nothing means that the cycle is complete."""
    rules, earned_by = count.rules, count.cycle.earned_by
    if (lacking := asked.total - sums.total - brought) > 0:
        yield _gap(count, Missing.TOTAL, "", lacking, earned_by)
    for category in rules.categories:
        if (lacking := asked.of_category[category.id] - sums.by_category.get(category.id, 0)) > 0:
            yield _gap(count, Missing.CATEGORY, category.id, lacking, earned_by, what=category.label)
    for topic in rules.topics:
        if (lacking := count.steps_up(topic.min) - sums.by_topic[topic.id]) > 0:
            yield _gap(count, Missing.TOPIC, topic.id, lacking, earned_by, what=topic.label)
    for (number, begins, ends), counted in zip(asked.years, sums.by_year, strict=True):
        if (lacking := asked.per_year - counted) > 0:
            code = Missing.YEAR_OVER if count.as_of > ends else Missing.YEAR
            yield _gap(count, code, str(number), lacking, ends, begins=begins)
    if account is not None:
        yield from _balance_gaps(count, account)


def _balance_gaps(count: _Count, account: Account) -> Iterator[Gap]:
    """Say that the balance is too low, or that it will be at the next debit."""
    least = count.steps_up(account.min)
    has, loses = count.steps(account.balance), count.steps(account.next_debit)
    due = account.next_debit_on
    facts = {
        "balance": count.amount(account.balance),
        "least": count.amount(account.min),
        "debit": count.amount(account.next_debit),
    }
    if has < least:
        yield _gap(count, Missing.BALANCE, "", least - has, due, **facts)
    elif has - loses < least:
        yield _gap(count, Missing.BALANCE_AFTER_DEBIT, "", least + loses - has, due, **facts)


def _gap(count: _Count, code: Missing, name: str, lacking: int, due: date, **facts: Fact) -> Gap:
    hours = count.hours(lacking)
    file_by = count.cycle.submitted_by
    said = words.gap(
        code,
        words.so_much_missing(hours, count.rules.unit),
        due=due,
        file_by=file_by,
        as_of=count.as_of,
        exemptible=count.rules.max_reduction_pct > 0,
        **facts,
    )
    return Gap(code, name or code, hours, due, file_by, said)


def _carry_over(count: _Count, entries: list[_Entry], sums: _Sums, asked: _Asked) -> int:
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


def _plain(hours: Decimal) -> Decimal:
    """Write an amount without trailing zeros and without an exponent, so that equal ones look equal."""
    return hours.normalize() + NOTHING
