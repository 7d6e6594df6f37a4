"""What holds for every set of activities that anybody could hand in."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.days import anniversary, months_before
from app.core.labels import Labels
from app.renewal.rules import Activity, Cycle, Exemption, Ledger, Standing, evaluate
from app.renewal.ruleset import CarryRule, CategoryRule, RuleSet, TopicRule
from app.schemes.catalogue import catalogue
from tests.renewal.sets import cycle, rule_sets

SHIPPED = RuleSet.of_scheme(catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0"))
CROWDED = replace(
    SHIPPED,
    per_activity_max=Decimal(20),
    per_day_max=Decimal("1.5"),
    categories=tuple(replace(one, max=one.max and one.max / 6) for one in SHIPPED.categories),
)
EVERY_SET = (*rule_sets().values(), SHIPPED, CROWDED)
BEGINS, ENDS = date(2026, 11, 20), date(2029, 11, 20)
DAY = timedelta(days=1)
NOTHING = Decimal(0)

# Few days and few names, so that activities meet; the edges of the cycle among them.
days = st.one_of(
    st.integers(-3, 12).map(lambda n: BEGINS + timedelta(days=n)),
    st.integers(-3, 3).map(lambda n: ENDS + timedelta(days=n)),
    st.integers(0, 36).map(lambda n: BEGINS + timedelta(days=30 * n)),
    st.integers(0, 16).map(lambda n: BEGINS - timedelta(days=25 * n)),
)
amounts = st.one_of(st.integers(0, 4000).map(lambda n: Decimal(n) / 100), st.sampled_from([Decimal(4)] * 3))
names = st.sampled_from(
    ["learning", "practice", "contribution", "self_study", "education", "giving_back", "A", "B", "work", "?"]
)
topics = st.dictionaries(
    st.sampled_from(["responsible_ai", "sustainability", "power_skills", "mandatory", "?"]),
    amounts,
    max_size=3,
)


@st.composite
def made(draw: st.DrawFn) -> Activity:
    started = draw(days)
    ended = started + timedelta(days=draw(st.sampled_from([0, 0, 0, 1, 2, 5, 400])))
    return Activity(
        id="",
        title=draw(st.sampled_from(["Corso", " corso ", "Seminario", "Libro"])),
        provider=draw(st.sampled_from(["Ente", "ENTE", "Altro"])),
        category=draw(names),
        started_on=started,
        ended_on=ended,
        hours=draw(amounts),
        topics=draw(topics),
        submitted_on=ended + timedelta(days=draw(st.sampled_from([0, 0, 10, 89, 90, 91, 120]))),
        standing=draw(st.sampled_from([Standing.ACCEPTED] * 3 + [Standing.CLAIMED] * 3 + list(Standing))),
        self_declared=draw(st.booleans()),
    )


activities = st.lists(made(), max_size=14).map(
    lambda some: [replace(one, id=f"act_{number:02}") for number, one in enumerate(some)]
)
rules = st.sampled_from(EVERY_SET)
as_ofs = st.sampled_from([BEGINS, date(2027, 2, 1), date(2028, 12, 31), ENDS, date(2030, 2, 1)])
exempted = st.lists(st.integers(-10, 70).map(lambda pct: Exemption("illness", pct)), max_size=3)


@dataclass(frozen=True)
class Earlier:
    """What came before the cycle: nothing, or another with what it leaves."""

    follows: bool = False
    carried: Decimal = NOTHING
    used: tuple[Activity, ...] = ()


used = st.lists(made(), max_size=4).map(
    lambda some: tuple(
        replace(one, id=f"used_{number}", standing=Standing.ELSEWHERE) for number, one in enumerate(some)
    )
)
earlier = st.one_of(
    st.just(Earlier()),
    st.builds(
        Earlier,
        follows=st.just(True),
        carried=st.sampled_from([NOTHING, Decimal("1.5"), Decimal(9)]),
        used=used,
    ),
)


def judged(
    rules: RuleSet,
    some: list[Activity],
    as_of: date = ENDS,
    exemptions: list[Exemption] | None = None,
    before: Earlier = Earlier(),
) -> Ledger:
    return evaluate(
        rules,
        some,
        cycle=cycle(rules, BEGINS, ENDS, follows=before.follows),
        as_of=as_of,
        exemptions=tuple(exemptions or ()),
        carried=before.carried,
        used=before.used,
    )


def since(rules: RuleSet, begins: date = BEGINS) -> date:
    """The first of the last months before a cycle."""
    months = rules.carry_over.from_last_months if rules.carry_over else 0
    return months_before(begins - DAY, months) + DAY


def from_before(rules: RuleSet, one: Activity, begins: date = BEGINS) -> bool:
    """Tell whether an activity may count in a cycle though it ended before."""
    late = since(rules, begins) <= one.ended_on < begins
    return late and rules.carry_over is not None and rules.carry_over.takes(one.category)


@given(rules, activities, as_ofs, earlier)
def test_i31_counted_never_exceeds_claimed_and_every_difference_is_told(
    rules: RuleSet, some: list[Activity], as_of: date, before: Earlier
) -> None:
    ledger = judged(rules, some, as_of, before=before)

    assert {line.activity for line in ledger.lines} == {one.id for one in some}
    for line in ledger.lines:
        assert 0 <= line.counted <= line.claimed
        assert line.claimed - line.counted == sum((d.hours for d in line.differences), NOTHING)
        assert all(d.hours >= 0 and d.words.it and d.words.en for d in line.differences)
        assert not line.counted % rules.granularity
    assert ledger.counted == sum((line.counted for line in ledger.lines), NOTHING)
    standing = (one.hours for one in some if one.standing in {Standing.CLAIMED, Standing.ACCEPTED})
    assert ledger.counted <= ledger.claimed == sum(standing, NOTHING)


@given(rules, activities, as_ofs, earlier)
def test_i31_no_cap_is_broken(rules: RuleSet, some: list[Activity], as_of: date, before: Earlier) -> None:
    ledger = judged(rules, some, as_of, before=before)
    counted = {line.activity: line.counted for line in ledger.lines}

    for category in rules.categories:
        of_it = (one for one in some if one.category == category.id and one.ended_on >= BEGINS)
        assert category.max is None or sum((counted[one.id] for one in of_it), NOTHING) <= category.max
    old = sum((counted[one.id] for one in some if one.ended_on < BEGINS), NOTHING)
    assert old == 0 or (rules.carry_over and old + before.carried <= rules.carry_over.max)
    for one in some:
        assert rules.per_activity_max is None or counted[one.id] <= rules.per_activity_max
    if rules.per_day_max is not None:
        spans = [_span(rules, one, BEGINS, counted[one.id]) for one in some if counted[one.id]]
        _fit_their_days(spans, rules.per_day_max)
    if rules.self_declared is not None:
        for year in {one.ended_on.year for one in some}:
            said = (o for o in some if o.self_declared and o.ended_on.year == year)
            assert sum((counted[one.id] for one in said), NOTHING) <= rules.self_declared.credits
    if rules.balance is not None and ledger.account is not None:
        assert 0 <= ledger.account.balance <= rules.balance.cap


def _span(rules: RuleSet, one: Activity, begins: date, hours: Decimal) -> tuple[date, date, Decimal]:
    earliest = since(rules, begins) if one.ended_on < begins else begins
    return max(one.started_on, earliest), one.ended_on, hours


def _fit_their_days(spans: list[tuple[date, date, Decimal]], a_day: Decimal) -> None:
    """Hall's condition: no stretch of days has to hold more than it can."""
    for first in {span[0] for span in spans}:
        for last in {span[1] for span in spans}:
            inside = sum((hours for a, b, hours in spans if first <= a and b <= last), NOTHING)
            assert inside <= a_day * max(0, (last - first).days + 1)


@given(rules, activities, as_ofs, earlier)
def test_i32_an_hour_counts_in_one_category_and_on_one_topic(
    rules: RuleSet, some: list[Activity], as_of: date, before: Earlier
) -> None:
    ledger = judged(rules, some, as_of, before=before)

    ended = {one.id: one.ended_on for one in some}
    own = sum((line.counted for line in ledger.lines if ended[line.activity] >= BEGINS), NOTHING)
    if rules.categories:
        assert sum((bucket.counted for bucket in ledger.categories), NOTHING) == own
    assert sum((bucket.counted for bucket in ledger.topics), NOTHING) <= own
    assert sum((year.counted for year in ledger.years), NOTHING) <= own


@given(rules, activities, as_ofs, earlier)
def test_i33_nothing_counts_from_outside_the_cycle_or_from_the_future(
    rules: RuleSet, some: list[Activity], as_of: date, before: Earlier
) -> None:
    by_id = {one.id: one for one in some}

    for line in judged(rules, some, as_of, before=before).lines:
        if line.counted:
            one = by_id[line.activity]
            assert one.ended_on <= min(ENDS, as_of)
            assert one.ended_on >= BEGINS or (before.follows and from_before(rules, one))


@given(
    rules,
    activities.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))),
    as_ofs,
    exempted,
    earlier,
)
def test_i35_evaluating_is_pure_and_the_order_of_activities_does_not_matter(
    rules: RuleSet,
    some: tuple[list[Activity], list[Activity]],
    as_of: date,
    exemptions: list[Exemption],
    before: Earlier,
) -> None:
    given_so, given_otherwise = some

    first = judged(rules, given_so, as_of, exemptions, before)

    assert judged(rules, given_so, as_of, exemptions, before) == first
    otherwise = replace(before, used=before.used[::-1])
    assert judged(rules, given_otherwise, as_of, exemptions[::-1], otherwise) == first


@given(rules, activities, exempted)
def test_exemptions_never_ask_more_and_never_touch_what_counts(
    rules: RuleSet, some: list[Activity], exemptions: list[Exemption]
) -> None:
    whole, eased = judged(rules, some), judged(rules, some, exemptions=exemptions)

    assert eased.required <= whole.required
    assert eased.lines == whole.lines
    assert [bucket.min for bucket in eased.topics] == [bucket.min for bucket in whole.topics]
    for eased_one, whole_one in zip(eased.categories, whole.categories, strict=True):
        assert (eased_one.min or 0) <= (whole_one.min or 0)
    for eased_year, whole_year in zip(eased.years, whole.years, strict=True):
        assert eased_year.min <= whole_year.min
    assert {(gap.code, gap.what) for gap in eased.gaps} <= {(gap.code, gap.what) for gap in whole.gaps}
    assert eased.carry_over >= whole.carry_over


@given(rules, activities, as_ofs, earlier)
def test_whoever_fills_every_gap_is_satisfied_and_nobody_else(
    rules: RuleSet, some: list[Activity], as_of: date, before: Earlier
) -> None:
    ledger = judged(rules, some, as_of, before=before)

    short = ledger.counted + ledger.carried < ledger.required
    short |= any(b.counted < (b.min or 0) for b in (*ledger.categories, *ledger.topics))
    short |= any(year.counted < year.min for year in ledger.years)
    short |= ledger.account is not None and ledger.account.balance < ledger.account.min
    assert ledger.satisfied is not short
    for gap in ledger.gaps:
        assert gap.missing > 0
        assert gap.words.it.endswith(".")
        assert gap.words.en.endswith(".")


@given(rules, activities, earlier)
def test_what_is_carried_over_can_be_spared(rules: RuleSet, some: list[Activity], before: Earlier) -> None:
    ledger = judged(rules, some, before=before)

    assert 0 <= ledger.carry_over <= (rules.carry_over.max if rules.carry_over else 0)
    assert not ledger.carry_over or ledger.counted + ledger.carried - ledger.carry_over >= ledger.required


# Days around the end of a first cycle, and a few around that of a second.
second_begins = ENDS + DAY
second_ends = anniversary(BEGINS, 6)
walked_days = st.one_of(
    st.integers(-9, 4).map(lambda n: ENDS + timedelta(days=n)),
    st.sampled_from([date(2029, 5, 20), date(2029, 5, 21), date(2029, 5, 23), date(2030, 3, 3)]),
    st.integers(-4, 0).map(lambda n: second_ends + timedelta(days=n)),
)


@st.composite
def walked(draw: st.DrawFn) -> Activity:
    one = draw(made())
    started = draw(walked_days)
    ended = started + (one.ended_on - one.started_on if (one.ended_on - one.started_on).days < 9 else DAY)
    return replace(
        one,
        category=draw(st.sampled_from([one.category, "learning", "learning"])),
        started_on=started,
        ended_on=ended,
        submitted_on=ended + timedelta(days=draw(st.sampled_from([0, 0, 30, 300]))),
        self_declared=False,
    )


walks = st.lists(walked(), max_size=14).map(
    lambda some: [replace(one, id=f"act_{number:02}") for number, one in enumerate(some)]
)
GENEROUS = replace(SHIPPED, min_total=NOTHING, min_per_year=NOTHING, topics=())
walking = st.sampled_from(
    [
        *(one for one in EVERY_SET if one.balance is None),
        replace(GENEROUS, categories=tuple(replace(one, min=None) for one in SHIPPED.categories)),
        replace(CROWDED, min_total=NOTHING, carry_over=CarryRule(Decimal("4.25"), 6)),
    ]
)


@settings(max_examples=300)
@given(walking, walks, st.sampled_from([-60, -5, -1, 0, 2, 40]))
def test_i32_an_hour_counts_in_one_cycle_only(rules: RuleSet, some: list[Activity], renewed: int) -> None:
    renewed_on = ENDS + timedelta(days=renewed)
    first = evaluate(
        rules,
        [one for one in some if one.submitted_on <= renewed_on],
        cycle=cycle(rules, BEGINS, ENDS),
        as_of=renewed_on,
    )
    in_first = {line.activity: line.counted for line in first.lines if line.counted}
    locked = [
        replace(one, standing=Standing.ELSEWHERE, hours=in_first[one.id])
        for one in some
        if one.id in in_first
    ]
    second = evaluate(
        rules,
        [one for one in some if one.id not in in_first],
        cycle=cycle(rules, second_begins, second_ends, follows=True),
        as_of=second_ends,
        carried=first.carry_over,
        used=locked,
    )
    in_second = {line.activity: line.counted for line in second.lines if line.counted}

    assert not in_first.keys() & in_second.keys()
    assert second.carried == first.carry_over
    assert second.counted == sum(in_second.values(), NOTHING)  # every hour has its line
    late = sum((in_second.get(one.id, NOTHING) for one in some if one.ended_on < second_begins), NOTHING)
    assert second.carried + late <= (rules.carry_over.max if rules.carry_over else 0)
    assert all(
        from_before(rules, one, second_begins)
        for one in some
        if one.id in in_second and one.ended_on < second_begins
    )
    alike = [_as_told(one) for one in some if one.id in in_first or one.id in in_second]
    assert len(alike) == len(set(alike))
    if rules.per_day_max is not None:
        spans = [_span(rules, one, BEGINS, in_first[one.id]) for one in some if one.id in in_first]
        spans += [_span(rules, one, second_begins, in_second[one.id]) for one in some if one.id in in_second]
        _fit_their_days(spans, rules.per_day_max)


def _as_told(one: Activity) -> tuple[str, str, date, date]:
    return one.title.strip().casefold(), one.provider.casefold(), one.started_on, one.ended_on


def hour(number: int, month: int, category: str, topic: str) -> Activity:
    """Make one hour of the last year, early or late in it, or of the cycle before, on one topic or none."""
    day = date(2028, 11, 21) + timedelta(days=30 * month)
    on = {topic: Decimal(1)} if topic else {}
    return Activity(f"act_{number}", f"{number}", "Ente", category, day, day, Decimal(1), on, day)


hours = st.lists(
    st.tuples(st.sampled_from([-26, 0, 7, 9, 11]), st.sampled_from("abb"), st.sampled_from(["", "s", "t"])),
    max_size=8,
).map(lambda some: [hour(number, *one) for number, one in enumerate(some)])
leasts = st.tuples(*(st.integers(0, top) for top in (5, 3, 3, 2, 2)))
carrying = st.tuples(st.integers(0, 8), st.sampled_from([(), ("a",), ("b",)]))


@settings(max_examples=300)
@given(hours, leasts, carrying, st.integers(0, 2), exempted)
def test_i32_a_cycle_is_as_complete_without_what_it_carries_over_but_not_without_an_hour_more(
    some: list[Activity],
    least: tuple[int, ...],
    carry: tuple[int, tuple[str, ...]],
    carried: int,
    exemptions: list[Exemption],
) -> None:
    total, of_a, a_year, on_s, on_t = least
    rules = replace(
        SHIPPED,
        granularity=Decimal(1),
        min_total=Decimal(total),
        min_per_year=Decimal(a_year),
        categories=(
            CategoryRule("a", Labels("a", "a"), min=Decimal(of_a)),
            CategoryRule("b", Labels("b", "b")),
        ),
        topics=(
            TopicRule("s", Labels("s", "s"), Decimal(on_s)),
            TopicRule("t", Labels("t", "t"), Decimal(on_t)),
        ),
        carry_over=CarryRule(Decimal(carry[0]), 6, carry[1]),
    )

    def ledger_of(left: list[Activity]) -> Ledger:
        return evaluate(
            rules,
            left,
            cycle=cycle(rules, BEGINS, ENDS, follows=True),
            as_of=ENDS,
            exemptions=exemptions,
            carried=Decimal(carried),
        )

    whole = ledger_of(some)
    late = [one for one in some if one.ended_on > date(2029, 5, 20) and one.category in (carry[1] or "ab")]

    def spared(number: int) -> bool:
        """Tell whether some choice of so many late hours leaves what is missing as it is."""
        return any(
            ledger_of([one for one in some if one not in gone]).gaps == whole.gaps
            for gone in combinations(late, number)
        )

    assert spared(int(whole.carry_over))
    if "total" not in {gap.code for gap in whole.gaps} and whole.carry_over < carry[0]:
        assert not spared(int(whole.carry_over) + 1)


cycle_rules = st.sampled_from([one for one in EVERY_SET if one.balance is None])


@given(cycle_rules, activities, made(), earlier)
def test_an_accepted_activity_more_never_lowers_what_counts(
    rules: RuleSet, some: list[Activity], new: Activity, before: Earlier
) -> None:
    # A twin is the one exception: an accepted version counts instead of a longer one that was only claimed.
    added = replace(new, id="act_new", title="Un altro", standing=Standing.ACCEPTED)

    more = judged(rules, [*some, added], before=before)
    assert more.counted >= judged(rules, some, before=before).counted


def tight(number: int, started: int, length: int, hours: int, category: str) -> Activity:
    first = BEGINS + timedelta(days=started)
    last = first + timedelta(days=length)
    return Activity(f"act_{number}", f"{number}", "Ente", category, first, last, Decimal(hours), {}, last)


crowds = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 6), st.sampled_from("abc")), max_size=8
).map(lambda some: [tight(number, *one) for number, one in enumerate(some)])


@settings(max_examples=300)
@given(crowds, st.integers(1, 4), st.integers(0, 6), st.integers(0, 6))
def test_as_many_hours_count_as_days_and_categories_have_room_for(
    some: list[Activity], a_day: int, most_of_b: int, most_of_c: int
) -> None:
    most = {"a": None, "b": most_of_b, "c": most_of_c}
    rules = replace(
        SHIPPED,
        granularity=Decimal(1),
        per_day_max=Decimal(a_day),
        categories=tuple(
            CategoryRule(name, Labels(name, name), max=None if top is None else Decimal(top))
            for name, top in most.items()
        ),
        topics=(),
    )

    assert judged(rules, some).counted == _largest_flow(some, a_day, most)


def _largest_flow(some: list[Activity], a_day: int, most: Mapping[str, int | None]) -> int:
    """Find it the plain way, hour by hour: source, category, activity, day, sink."""
    room: dict[tuple[object, object], int] = {}
    for name, top in most.items():
        room["source", name] = 99 if top is None else top
    for one in some:
        room[one.category, one.id] = int(one.hours)
        for day in range(one.started_on.toordinal(), one.ended_on.toordinal() + 1):
            room[one.id, day] = 99
            room[day, "sink"] = a_day
    for here, there in list(room):
        room.setdefault((there, here), 0)
    flow = 0
    while (path := _shortest(room)) is not None:
        for here, there in pairwise(path):
            room[here, there] -= 1
            room[there, here] += 1
        flow += 1
    return flow


def _shortest(room: Mapping[tuple[object, object], int]) -> list[object] | None:
    queue: deque[list[object]] = deque([["source"]])
    seen: set[object] = {"source"}
    while queue:
        path = queue.popleft()
        for (here, there), left in room.items():
            if here == path[-1] and left and there not in seen:
                if there == "sink":
                    return [*path, there]
                seen.add(there)
                queue.append([*path, there])
    return None


@given(activities, days, days)
def test_i34_the_day_to_claim_by_never_moves_the_day_to_earn_by(
    some: list[Activity], one_day: date, another_day: date
) -> None:
    def too_late_to_earn(submitted_by: date) -> set[str]:
        ledger = evaluate(SHIPPED, some, cycle=Cycle(BEGINS, ENDS, ENDS, submitted_by), as_of=ENDS)
        return {
            line.activity
            for line in ledger.lines
            for difference in line.differences
            if difference.code == "earned-too-late"
        }

    assert too_late_to_earn(one_day) == too_late_to_earn(another_day)
