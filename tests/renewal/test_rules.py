# ruff: noqa: RUF001 - the sentences expected are printed ones
"""The rules of counting, one by one, under the scheme that ships."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.core.days import anniversary
from app.core.labels import Labels
from app.renewal import words
from app.renewal.rules import Activity, Cycle, Exemption, Ledger, Standing, evaluate
from app.renewal.ruleset import CarryRule, RuleSet, YearBasis
from app.schemes.catalogue import catalogue
from tests.renewal.sets import activity

SCHEME = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
RULES = RuleSet.of_scheme(SCHEME)
BEGINS, ENDS, GRACE_ENDS = date(2026, 11, 20), date(2029, 11, 20), date(2030, 2, 18)
CYCLE = Cycle(BEGINS, ENDS, ENDS, GRACE_ENDS)
DAY = timedelta(days=1)


def judged(*given: Activity, rules: RuleSet = RULES, as_of: date = ENDS, **more: object) -> Ledger:
    return evaluate(rules, given, **{"cycle": CYCLE, "as_of": as_of, **more})  # type: ignore[arg-type]  # as named


def told(ledger: Ledger) -> dict[str, tuple[Decimal, dict[str, Decimal]]]:
    return {
        line.activity: (line.counted, {d.code: d.hours for d in line.differences}) for line in ledger.lines
    }


def missing(ledger: Ledger) -> dict[str, Decimal]:
    return {f"{gap.code} {gap.what}": gap.missing for gap in ledger.gaps}


def enough(*, without: str = "") -> list[Activity]:
    """Three years that satisfy every rule, to take something away from."""
    every = [
        activity("a", 24, "learning", on=date(2027, 3, 3), days=3, responsible_ai=6, sustainability=2),
        activity("b", 24, "learning", on=date(2028, 3, 3), days=3),
        activity("c", 24, "learning", on=date(2029, 3, 3), days=3),
        activity("d", 18, "practice", on=date(2029, 4, 4), days=9),
    ]
    return [one for one in every if one.id != without]


def test_whoever_did_enough_is_satisfied() -> None:
    ledger = judged(*enough())

    assert ledger.satisfied
    assert ledger.gaps == ()
    assert ledger.counted == ledger.claimed == ledger.required == 90
    assert ledger.account is None
    assert ledger.rules == RULES.digest


@pytest.mark.parametrize(
    ("one", "code"),
    [
        pytest.param(activity("x", 4, on=date(2027, 3, 3), standing=Standing.DRAFT), "draft", id="a draft"),
        pytest.param(
            activity("x", 4, on=date(2027, 3, 3), standing=Standing.QUERIED), "queried", id="an open question"
        ),
        pytest.param(
            activity("x", 4, on=date(2027, 3, 3), standing=Standing.REJECTED), "rejected", id="not accepted"
        ),
        pytest.param(
            activity("x", 4, on=date(2027, 3, 3), standing=Standing.ELSEWHERE), "elsewhere", id="used already"
        ),
        pytest.param(activity("x", 4, "cooking", on=date(2027, 3, 3)), "unknown-category", id="no category"),
        pytest.param(activity("x", 4, on=BEGINS - DAY), "before-cycle", id="before the cycle"),
        pytest.param(activity("x", 4, on=ENDS + DAY), "earned-too-late", id="after the cycle"),
        pytest.param(
            activity("x", 4, on=ENDS, claimed_on=GRACE_ENDS + DAY), "submitted-too-late", id="claimed late"
        ),
        pytest.param(
            activity("x", 4, on=ENDS + DAY, standing=Standing.DRAFT),
            "earned-too-late",
            id="a draft in vain: what nothing mends is told",
        ),
        pytest.param(
            activity("x", 4, on=ENDS + DAY, standing=Standing.REJECTED), "rejected", id="settled anyway"
        ),
    ],
)
def test_what_does_not_count_says_why(one: Activity, code: str) -> None:
    ledger = judged(one, as_of=GRACE_ENDS)

    assert told(ledger) == {"x": (Decimal(0), {code: Decimal(4)})}
    assert ledger.counted == 0
    assert ledger.claimed == (4 if one.standing in {Standing.CLAIMED, Standing.ACCEPTED} else 0)
    assert ledger.lines[0].differences[0].words.it.endswith(".")


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(activity("x", 4, on=BEGINS), id="on the first day"),
        pytest.param(activity("x", 4, on=ENDS), id="on the last day"),
        pytest.param(activity("x", 4, on=ENDS, claimed_on=GRACE_ENDS), id="claimed on the last day of grace"),
        pytest.param(activity("x", 4, on=BEGINS, days=9), id="begun before the cycle"),
        pytest.param(activity("x", 4, on=date(2028, 2, 29), standing=Standing.ACCEPTED), id="accepted"),
    ],
)
def test_what_counts_counts_whole(one: Activity) -> None:
    assert told(judged(one, as_of=GRACE_ENDS)) == {"x": (Decimal(4), {})}


def test_i33_an_activity_counts_from_the_day_on_which_it_ends() -> None:
    course = activity("x", 8, on=date(2027, 3, 3), days=5)

    assert told(judged(course, as_of=date(2027, 3, 2))) == {"x": (Decimal(0), {"in-the-future": Decimal(8)})}
    assert told(judged(course, as_of=date(2027, 3, 3))) == {"x": (Decimal(8), {})}


def test_i33_only_days_within_the_cycle_carry_hours() -> None:
    over_the_edge = activity("x", 40, on=BEGINS + DAY, days=10)

    assert told(judged(over_the_edge)) == {"x": (Decimal(16), {"day-cap": Decimal(24)})}


def test_i34_earned_by_and_submitted_by_are_judged_apart() -> None:
    in_time = activity("a", 4, on=ENDS, claimed_on=GRACE_ENDS)
    claimed_late = activity("b", 4, on=ENDS, days=2, claimed_on=GRACE_ENDS + DAY)
    earned_late = activity("c", 4, on=ENDS + DAY, claimed_on=ENDS + DAY)

    ledger = judged(in_time, claimed_late, earned_late, as_of=GRACE_ENDS + DAY)

    assert told(ledger) == {
        "a": (Decimal(4), {}),
        "b": (Decimal(0), {"submitted-too-late": Decimal(4)}),
        "c": (Decimal(0), {"earned-too-late": Decimal(4)}),
    }
    said = {line.activity: line.differences[0].words for line in ledger.lines if line.differences}
    assert said["b"] == Labels(
        it="È stata registrata dopo il 18 febbraio 2030, ultimo giorno per quelle di questo ciclo.",
        en="It was claimed after 18 February 2030, the last day for those of this cycle.",
    )
    assert said["c"] == Labels(
        it="È finita dopo il 20 novembre 2029, ultimo giorno utile per questo ciclo.",
        en="It ended after 20 November 2029, the last day that counts for this cycle.",
    )


@pytest.mark.parametrize(
    ("hours", "counted"),
    [("1.25", "1.25"), ("1.26", "1.25"), ("1.49", "1.25"), ("0.24", "0"), ("0", "0"), ("7.99", "7.75")],
)
def test_i31_hours_are_rounded_down_to_the_granularity(hours: str, counted: str) -> None:
    (line,) = judged(activity("x", hours, on=ENDS)).lines

    assert line.counted == Decimal(counted)
    lost = Decimal(hours) - Decimal(counted)
    assert [(d.code, d.hours) for d in line.differences] == ([("granularity", lost)] if lost else [])
    for difference in line.differences:
        assert difference.words == Labels(
            it="Si conta a passi di 0,25 ore: il resto si arrotonda per difetto.",
            en="Counting goes in steps of 0.25 hours: the rest is rounded down.",
        )


def test_i31_every_limit_takes_its_own_part_and_says_so() -> None:
    ledger = judged(
        activity("a", "50.1", "learning", on=date(2027, 3, 30), days=30),
        activity("b", 10, "learning", on=date(2027, 5, 5)),
        activity("c", 20, "self_study", on=date(2027, 6, 30), days=30),
    )

    assert told(ledger) == {
        "a": (Decimal(40), {"granularity": Decimal("0.1"), "activity-cap": Decimal(10)}),
        "b": (Decimal(8), {"day-cap": Decimal(2)}),
        "c": (Decimal(18), {"category-cap": Decimal(2)}),
    }
    assert [difference.words.it for line in ledger.lines for difference in line.differences] == [
        "Si conta a passi di 0,25 ore: il resto si arrotonda per difetto.",
        "Il massimo per ogni attività è di 40 ore.",
        "Il massimo per ogni giorno è di 8 ore, tutte le attività insieme.",
        "Il massimo per «Lettura e studio individuale, con nota scritta» in un ciclo è di 18 ore.",
    ]


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        pytest.param(
            [activity("a", 6, on=date(2027, 3, 3)), activity("b", 6, on=date(2027, 3, 3))],
            {"a": 6, "b": 2},
            id="two on one day share it",
        ),
        pytest.param(
            [activity("a", 12, on=date(2027, 3, 4), days=2), activity("b", 8, on=date(2027, 3, 3))],
            {"a": 8, "b": 8},
            id="the shorter one has its day, the longer one the other",
        ),
        pytest.param(
            [activity("a", 8, on=date(2027, 3, 4), days=2), activity("b", 8, on=date(2027, 3, 3))],
            {"a": 8, "b": 8},
            id="the longer one moves to its second day",
        ),
        pytest.param(
            [
                activity("a", 8, "learning", on=date(2027, 3, 4), days=2),
                activity("b", 8, "practice", on=date(2027, 3, 3)),
            ],
            {"a": 8, "b": 8},
            id="and does so for one of a limited category too",
        ),
        pytest.param(
            [activity("a", 8, "self_study", on=date(2027, 3, 3)), activity("b", 8, on=date(2027, 3, 3))],
            {"a": 0, "b": 8},
            id="what has no maximum goes first",
        ),
        pytest.param(
            [
                activity("a", 18, "self_study", on=date(2027, 2, 3), days=3),
                activity("b", 8, "self_study", on=date(2027, 3, 3)),
                activity("c", 16, "learning", on=date(2027, 3, 4), days=2),
            ],
            {"a": 18, "b": 0, "c": 16},
            id="what no longer counts takes no room from a course",
        ),
        pytest.param(
            [
                activity("a", 30, "practice", on=date(2027, 3, 4), days=4),
                activity("b", 8, "practice", on=date(2027, 5, 5)),
                activity("c", 8, "contribution", on=date(2027, 3, 4)),
            ],
            {"a": 24, "b": 6, "c": 8},
            id="a category leaves a crowded day to another when it can fill up elsewhere",
        ),
    ],
)
def test_days_and_categories_give_room_to_as_much_as_fits(
    given: list[Activity], counted: dict[str, int]
) -> None:
    ledger = judged(*given)

    assert {line.activity: line.counted for line in ledger.lines} == counted


def test_a_limited_category_takes_the_earliest_hours_and_those_of_a_topic_before_them() -> None:
    early = activity("a", 16, "self_study", on=date(2027, 3, 3), days=3)
    on_topic = activity("b", 10, "self_study", on=date(2028, 3, 3), days=3, responsible_ai=6)

    ledger = judged(early, on_topic)

    assert told(ledger) == {
        "a": (Decimal(12), {"category-cap": Decimal(4)}),
        "b": (Decimal(6), {"category-cap": Decimal(4)}),
    }
    assert [bucket.counted for bucket in ledger.topics] == [6, 0]


@pytest.mark.parametrize(
    ("hours", "topics", "counted"),
    [
        pytest.param(8, {"responsible_ai": 3, "sustainability": 2}, [3, 2], id="as they were split"),
        pytest.param(8, {"responsible_ai": 6, "sustainability": 6}, [6, 2], id="never more than the hours"),
        pytest.param(20, {"responsible_ai": 6, "sustainability": 2}, [6, 2], id="trimmed last"),
        pytest.param(8, {"responsible_ai": "1.2", "cooking": 4}, [1, 0], id="in steps, of known topics"),
    ],
)
def test_i32_an_hour_has_one_topic(hours: int, topics: dict[str, int | str], counted: list[int]) -> None:
    ledger = judged(activity("x", hours, on=date(2027, 3, 3), **topics))  # type: ignore[arg-type]  # topics by name

    assert [bucket.counted for bucket in ledger.topics] == counted


LONGER = activity("b", 6, on=date(2027, 3, 3), title="  corso DI  rete ")


@pytest.mark.parametrize(
    ("twin", "counts"),
    [
        pytest.param(LONGER, "b", id="the longer of two claimed"),
        pytest.param(replace(LONGER, hours=Decimal(4)), "a", id="the first entered of two alike"),
        pytest.param(
            replace(LONGER, hours=Decimal(2), standing=Standing.ACCEPTED), "b", id="the accepted one"
        ),
        pytest.param(replace(LONGER, standing=Standing.DRAFT), "a", id="not a draft"),
        pytest.param(replace(LONGER, standing=Standing.REJECTED), "a", id="not what was not accepted"),
        pytest.param(replace(LONGER, submitted_on=GRACE_ENDS + DAY), "a", id="not one claimed too late"),
        pytest.param(replace(LONGER, standing=Standing.ELSEWHERE), None, id="none if used elsewhere"),
    ],
)
def test_i32_the_same_activity_counts_once(twin: Activity, counts: str | None) -> None:
    one = activity("a", 4, on=date(2027, 3, 3), title="Corso di rete")

    ledger = judged(one, twin)

    assert [line.activity for line in ledger.lines if line.counted] == ([counts] if counts else [])
    if counts == "b" or twin.standing is Standing.ELSEWHERE:
        assert told(ledger)["a"] == (Decimal(0), {"same-twice": Decimal(4)})


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(LONGER, title="Corso di reti"), id="another title"),
        pytest.param(replace(LONGER, provider="Altro ente"), id="another provider"),
        pytest.param(replace(LONGER, ended_on=date(2027, 3, 4)), id="another day"),
    ],
)
def test_different_activities_both_count(other: Activity) -> None:
    one = activity("a", 2, on=date(2027, 3, 3), title="Corso di rete")

    assert judged(one, other).counted == 8


def test_a_scheme_may_count_the_same_twice() -> None:
    given = [
        activity("a", 2, on=date(2027, 3, 3), title="x"),
        activity("b", 2, on=date(2027, 3, 3), title="x"),
    ]

    assert judged(*given, rules=replace(RULES, no_double_count=False)).counted == 4


@pytest.mark.parametrize(
    ("as_of", "sentence"),
    [
        pytest.param(
            ENDS,
            Labels(
                it="Mancano 4 ore di «Corsi, convegni, studio strutturato con attestazione»: "
                "da fare entro il 20 novembre 2029, da registrare entro il 18 febbraio 2030.",
                en="4 hours are missing of “Courses, conferences, structured study with proof”: "
                "to be earned by 20 November 2029 and claimed by 18 February 2030.",
            ),
            id="to earn",
        ),
        pytest.param(
            ENDS + DAY,
            Labels(
                it="Mancano 4 ore di «Corsi, convegni, studio strutturato con attestazione»: valgono ancora "
                "solo attività finite entro il 20 novembre 2029, da registrare entro il 18 febbraio 2030.",
                en="4 hours are missing of “Courses, conferences, structured study with proof”: only "
                "activities that ended by 20 November 2029 can still count, "
                "to be claimed by 18 February 2030.",
            ),
            id="only to claim",
        ),
        pytest.param(
            GRACE_ENDS + DAY,
            Labels(
                it="Mancano 4 ore di «Corsi, convegni, studio strutturato con attestazione»: "
                "l’ultimo giorno per registrare attività era il 18 febbraio 2030.",
                en="4 hours are missing of “Courses, conferences, structured study with proof”: "
                "the last day to claim activities was 18 February 2030.",
            ),
            id="too late",
        ),
    ],
)
def test_a_gap_says_what_is_missing_and_by_when(as_of: date, sentence: Labels) -> None:
    given = [
        *(activity(str(year), 16, on=date(year, 3, 3), days=2, responsible_ai=3) for year in (2027, 2028)),
        activity("p", 30, "practice", on=date(2029, 3, 3), days=9, sustainability=2),
        *(activity(f"q{year}", 15, "contribution", on=date(year, 5, 3), days=9) for year in (2027, 2028)),
    ]

    (gap,) = judged(*given, as_of=as_of).gaps

    assert (gap.code, gap.what, gap.missing) == ("category", "learning", Decimal(4))
    assert (gap.due, gap.file_by) == (ENDS, GRACE_ENDS)
    assert gap.words == sentence


def test_at_the_beginning_everything_is_missing_the_next_day_first() -> None:
    ledger = judged(as_of=BEGINS)

    assert [(gap.code, gap.what, int(gap.missing), gap.due) for gap in ledger.gaps] == [
        ("year", "1", 20, date(2027, 11, 20)),
        ("year", "2", 20, date(2028, 11, 20)),
        ("total", "total", 90, ENDS),
        ("category", "learning", 36, ENDS),
        ("topic", "responsible_ai", 6, ENDS),
        ("topic", "sustainability", 2, ENDS),
        ("year", "3", 20, ENDS),
    ]
    assert ledger.gaps[0].words == Labels(
        it="Mancano 20 ore nell’anno dal 20 novembre 2026 al 20 novembre 2027: "
        "da fare entro il 20 novembre 2027, da registrare entro il 18 febbraio 2030.",
        en="20 hours are missing in the year from 20 November 2026 to 20 November 2027: "
        "to be earned by 20 November 2027 and claimed by 18 February 2030.",
    )
    assert ledger.gaps[2].words.it.startswith("Mancano 90 ore in totale: da fare entro ")


def test_one_hour_is_said_in_the_singular() -> None:
    given = [*enough(without="d"), activity("d", 17, "practice", on=date(2029, 4, 4), days=9)]

    (gap,) = judged(*given).gaps

    assert gap.words == Labels(
        it="Manca 1 ora in totale: da fare entro il 20 novembre 2029, "
        "da registrare entro il 18 febbraio 2030.",
        en="1 hour is missing in total: to be earned by 20 November 2029 and claimed by 18 February 2030.",
    )


def test_a_day_with_a_vowel_elides_its_article() -> None:
    ends = date(2029, 11, 8)
    ledger = judged(cycle=Cycle(date(2026, 11, 8), ends, ends, ends), as_of=ends)

    assert ledger.gaps[2].words.it == (
        "Mancano 90 ore in totale: da fare e da registrare entro l’8 novembre 2029."
    )


def test_a_year_that_is_over_can_be_filled_with_what_was_done_in_it() -> None:
    ledger = judged(*enough(without="b"), as_of=date(2029, 5, 5))

    year = next(gap for gap in ledger.gaps if gap.code == "year-over")
    assert (year.what, year.missing) == ("2", Decimal(20))
    assert (year.due, year.file_by) == (date(2028, 11, 20), GRACE_ENDS)
    assert year.words == Labels(
        it="Mancano 20 ore nell’anno dal 21 novembre 2027 al 20 novembre 2028, che è finito: valgono ancora "
        "solo attività di quell’anno, da registrare entro il 18 febbraio 2030, oppure un’esenzione.",
        en="20 hours are missing in the year from 21 November 2027 to 20 November 2028, which is over: only "
        "activities of that year can still count, to be claimed by 18 February 2030, or an exemption.",
    )
    found_again = activity("b2", 24, "learning", on=date(2028, 11, 20), days=3, claimed_on=date(2029, 5, 5))
    assert judged(*enough(without="b"), found_again, as_of=date(2029, 5, 5)).satisfied


@pytest.mark.parametrize(
    ("percentages", "required", "learning", "per_year"),
    [
        pytest.param([], 90, 36, 20, id="none"),
        pytest.param([20], 72, "28.8", 16, id="one"),
        pytest.param([20, 25], "49.5", "19.8", 11, id="they add up"),
        pytest.param([40, 40], 45, 18, 10, id="to half at most"),
        pytest.param([-20], 90, 36, 20, id="and never ask for more"),
        pytest.param([1], "89.1", "35.64", "19.8", id="rounded up"),
    ],
)
def test_exemptions_lower_what_is_asked(
    percentages: Iterable[int], required: object, learning: object, per_year: object
) -> None:
    ledger = judged(exemptions=[Exemption("parental", pct) for pct in percentages])

    def up(hours: object) -> Decimal:
        quarters = Decimal(str(hours)) * 4
        return -(-quarters // 1) / 4 if quarters % 1 == 0 else (quarters // 1 + 1) / 4

    assert ledger.required == up(required)
    assert ledger.categories[0].min == up(learning)
    assert {year.min for year in ledger.years} == {up(per_year)}
    assert [topic.min for topic in ledger.topics] == [6, 2]
    assert [category.max for category in ledger.categories] == [None, 30, 30, 18]


# The years of a cycle


def leap(cycle_number: int) -> Cycle:
    """Give a cycle of a credential that began on a 29 February."""
    anchor = date(2028, 2, 29)
    begins = anchor if cycle_number == 1 else anniversary(anchor, 3 * (cycle_number - 1)) + DAY
    ends = anniversary(anchor, 3 * cycle_number)
    return Cycle(begins, ends, ends, RULES.submitted_within.after(ends), anchor)


@pytest.mark.parametrize(
    ("days", "years"),
    [
        pytest.param(
            CYCLE,
            [("2026-11-20", "2027-11-20"), ("2027-11-21", "2028-11-20"), ("2028-11-21", "2029-11-20")],
            id="the first cycle",
        ),
        pytest.param(
            Cycle(date(2029, 11, 21), date(2032, 11, 20), date(2032, 11, 20), date(2033, 2, 18), BEGINS),
            [("2029-11-21", "2030-11-20"), ("2030-11-21", "2031-11-20"), ("2031-11-21", "2032-11-20")],
            id="the second",
        ),
        pytest.param(
            leap(1),
            [("2028-02-29", "2029-02-28"), ("2029-03-01", "2030-02-28"), ("2030-03-01", "2031-02-28")],
            id="from a 29 February",
        ),
        pytest.param(
            replace(leap(1), anchor=None),
            [("2028-02-29", "2029-02-28"), ("2029-03-01", "2030-02-28"), ("2030-03-01", "2031-02-28")],
            id="from a 29 February, the anchor untold",
        ),
        pytest.param(
            leap(2),
            [("2031-03-01", "2032-02-29"), ("2032-03-01", "2033-02-28"), ("2033-03-01", "2034-02-28")],
            id="the leap day comes back",
        ),
        pytest.param(
            leap(4),
            [("2037-03-01", "2038-02-28"), ("2038-03-01", "2039-02-28"), ("2039-03-01", "2040-02-29")],
            id="at the end of a cycle too",
        ),
    ],
)
def test_years_are_counted_from_the_anchor(days: Cycle, years: list[tuple[str, str]]) -> None:
    ledger = judged(cycle=days)

    assert [(str(year.begins), str(year.ends)) for year in ledger.years] == years
    assert [year.number for year in ledger.years] == [1, 2, 3]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_day_of_a_leap_day_cycle_belongs_to_one_year(number: int) -> None:
    days = leap(number)
    one_a_day = [
        activity(f"{offset:04}", 1, on=days.begins + timedelta(days=offset))
        for offset in range((days.ends - days.begins).days + 1)
    ]

    ledger = judged(*one_a_day, cycle=days, as_of=days.ends)

    assert sum(year.counted for year in ledger.years) == ledger.counted == len(one_a_day)
    assert sum(year.counted for year in ledger.years) == (365 * 3 + 1 if number != 3 else 1096)


def test_calendar_years_are_the_whole_ones_within_the_cycle() -> None:
    rules = replace(RULES, year_basis=YearBasis.CALENDAR)
    given = [
        activity("a", 8, on=date(2026, 12, 31)),
        activity("b", 8, on=date(2027, 1, 1)),
        activity("c", 8, on=date(2028, 12, 31)),
        activity("d", 8, on=date(2029, 1, 1)),
    ]

    ledger = judged(*given, rules=rules)

    assert {year.number: year.counted for year in ledger.years} == {2027: 8, 2028: 8}
    assert ledger.counted == 32


@pytest.mark.parametrize(
    "day",
    [date(2027, 3, 28), date(2027, 10, 31), date(2028, 3, 26), date(2028, 10, 29), date(2028, 2, 29)],
    ids=str,
)
def test_days_on_which_clocks_change_are_days_like_others(day: date) -> None:
    assert judged(activity("x", 8, on=day), as_of=day).counted == 8
    assert judged(activity("x", 9, on=day), as_of=day).counted == 8
    assert judged(activity("x", 8, on=day), as_of=day - DAY).counted == 0


# Reinstatement and carrying over


def test_what_was_missed_is_made_up_after_the_end_and_its_years_are_asked_for_nothing() -> None:
    made_up_by = date(2030, 11, 20)
    late = activity("late", 24, "learning", on=date(2030, 6, 3), days=3)
    given = [*enough(without="b"), late]
    days = Cycle(BEGINS, ENDS, made_up_by, made_up_by)

    ledger = judged(*given, cycle=days, as_of=date(2030, 7, 1), made_up=True)

    assert ledger.satisfied
    assert [year.min for year in ledger.years] == [0, 0, 0]
    assert sum(year.counted for year in ledger.years) == 66
    assert not judged(*given, cycle=days, as_of=date(2030, 7, 1)).satisfied
    assert missing(judged(*given, as_of=date(2030, 7, 1)))["total total"] == 24


def test_carried_hours_count_toward_the_total_and_nothing_else() -> None:
    ledger = judged(carried=Decimal(10))

    assert ledger.carried == 10
    assert ledger.counted == 0
    assert missing(ledger)["total total"] == 80
    assert missing(ledger)["category learning"] == 36
    assert missing(ledger)["year 3"] == 20


LATE = date(2029, 6, 6)


@pytest.mark.parametrize(
    ("more", "carry_over"),
    [
        pytest.param([], 0, id="nothing to spare"),
        pytest.param([activity("x", 4, "learning", on=LATE)], 4, id="late hours of the named category"),
        pytest.param([activity("x", 16, "learning", on=LATE, days=2)], 10, id="so much at most"),
        pytest.param([activity("x", 8, "practice", on=LATE)], 0, id="not of another category"),
        pytest.param([activity("x", 8, "learning", on=date(2029, 5, 20))], 0, id="not earlier ones"),
        pytest.param([activity("x", 8, "learning", on=date(2029, 5, 21))], 8, id="from the day after"),
        pytest.param(
            [activity("x", 8, "learning", on=LATE, standing=Standing.DRAFT)], 0, id="only what counts"
        ),
    ],
)
def test_what_may_count_in_the_next_cycle(more: list[Activity], carry_over: int) -> None:
    assert judged(*enough(), *more).carry_over == carry_over


def test_a_category_carries_over_nothing_that_it_needs_itself() -> None:
    given = [
        activity("a", 30, "practice", on=date(2027, 3, 30), days=9),
        activity("b", 30, "contribution", on=date(2028, 3, 30), days=9),
        activity("c", 40, "learning", on=LATE, days=5),
    ]

    assert judged(*given).counted == 100
    assert judged(*given).carry_over == 4


def test_i32_a_year_carries_over_nothing_that_it_needs_itself() -> None:
    early = [
        activity("a", 40, "learning", on=date(2027, 3, 30), days=9, responsible_ai=6, sustainability=2),
        activity("b", 40, "learning", on=date(2028, 3, 30), days=9),
    ]
    last_year = activity("c", 24, "learning", on=LATE, days=3)

    # 14 above the total and 68 above the category's minimum; but the third year asks for 20 of its 24.
    assert judged(*early, last_year).satisfied
    assert judged(*early, last_year).carry_over == 4
    more_in_it = activity("d", 4, "practice", on=date(2029, 4, 4))
    assert judged(*early, last_year, more_in_it).carry_over == 8


def test_i32_a_topic_carries_over_nothing_that_it_needs_itself() -> None:
    early = activity("x", 2, "learning", on=date(2027, 5, 5), responsible_ai=2)
    late = activity("y", 8, "learning", on=LATE, responsible_ai=6)
    rest = [replace(one, topics={"sustainability": Decimal(2)}) for one in enough()]

    # Of the eight hours six are on the topic, of which four are needed along with the two done early.
    assert judged(*rest, early, late).satisfied
    assert judged(*rest, early, late).carry_over == 4
    assert judged(*rest, late).carry_over == 2
    assert judged(*enough(), late).carry_over == 8


def test_i32_hours_that_fewer_things_ask_for_are_carried_first() -> None:
    given = [
        activity("a", 20, "learning", on=date(2027, 3, 3), days=3, responsible_ai=4, sustainability=2),
        activity("b", 14, "learning", on=date(2028, 3, 3), days=3),
        activity("c", 30, "contribution", on=date(2028, 5, 5), days=9),
        activity("d", 10, "self_study", on=date(2027, 5, 5), days=9),
        activity("e", 20, "practice", on=date(2029, 3, 3), days=9),
        activity("x", 2, "learning", on=LATE, responsible_ai=2),
        activity("y", 2, "practice", on=LATE + DAY, responsible_ai=2),
        activity("z", 2, "learning", on=LATE + DAY + DAY, sustainability=2),
    ]
    every = replace(RULES, carry_over=CarryRule(Decimal(10), 6))

    # Learning, and each of the topics, can spare two hours: those of y, which is no learning, and of z.
    assert judged(*given).satisfied
    assert judged(*given, rules=every).carry_over == 4
    without = [one for one in given if one.id not in {"y", "z"}]
    assert judged(*without).satisfied
    assert not judged(*(one for one in without if one.id != "x")).satisfied


def test_i32_hours_brought_along_serve_this_cycle_and_free_its_own_late_ones() -> None:
    given = [*enough(without="d"), activity("d", 14, "practice", on=date(2029, 4, 4), days=9)]
    late = activity("x", 4, "learning", on=LATE)

    assert judged(*given, late).counted == 90
    assert judged(*given, late).carry_over == 0
    assert judged(*given, late, carried=Decimal(3)).carry_over == 3
    # With nothing late of one's own there is nothing to carry: hours brought along go no further.
    assert judged(*enough(), carried=Decimal(10)).carry_over == 0


def test_an_exemption_frees_hours_to_carry_over() -> None:
    late = activity("x", 4, "learning", on=LATE)
    without = [one for one in enough() if one.id != "d"]

    assert judged(*without, late).carry_over == 0
    assert judged(*without, late, exemptions=[Exemption("illness", 20)]).carry_over == 4


def test_a_scheme_may_carry_over_every_category_or_nothing() -> None:
    late = activity("x", 8, "practice", on=LATE)
    every = replace(RULES, carry_over=CarryRule(Decimal(5), 6))

    assert judged(*enough(), late, rules=every).carry_over == 5
    assert judged(*enough(), late, rules=replace(RULES, carry_over=None)).carry_over == 0


# What was done after the cycle before had been renewed

SECOND = Cycle(ENDS + DAY, date(2032, 11, 20), date(2032, 11, 20), date(2033, 2, 18), BEGINS, follows=True)


def in_second(*given: Activity, **more: object) -> Ledger:
    return judged(*given, **{"cycle": SECOND, "as_of": SECOND.submitted_by, **more})  # type: ignore[arg-type]  # as named


def plainly(ledger: Ledger) -> dict[str, tuple[float, dict[str, float]]]:
    return {
        name: (float(counted), {code: float(hours) for code, hours in lost.items()})
        for name, (counted, lost) in told(ledger).items()
    }


def test_i32_what_no_renewal_has_used_of_the_last_months_before_counts_toward_the_total_only() -> None:
    ledger = in_second(activity("x", 8, "learning", on=LATE, responsible_ai=6), carried=Decimal(1))

    assert told(ledger) == {"x": (Decimal(8), {})}
    assert ledger.counted == 8
    assert ledger.carried == 1
    assert missing(ledger)["total total"] == 81
    assert [bucket.counted for bucket in (*ledger.categories, *ledger.topics)] == [0] * 6
    assert [year.counted for year in ledger.years] == [0, 0, 0]
    assert ledger.carry_over == 0


@pytest.mark.parametrize(
    ("one", "code"),
    [
        pytest.param(activity("x", 4, on=date(2029, 5, 20)), "before-cycle", id="of earlier months"),
        pytest.param(activity("x", 4, "practice", on=LATE), "before-cycle", id="of another category"),
        pytest.param(activity("x", 4, "cooking", on=LATE), "before-cycle", id="of no category"),
        pytest.param(
            activity("x", 4, on=LATE, claimed_on=SECOND.submitted_by + DAY), "submitted-too-late", id="late"
        ),
        pytest.param(activity("x", 4, on=LATE, standing=Standing.DRAFT), "draft", id="a draft"),
        pytest.param(activity("x", 4, on=LATE, standing=Standing.ELSEWHERE), "elsewhere", id="used"),
        pytest.param(activity("x", 4, on=date(2029, 5, 21)), None, id="but from the day after"),
        pytest.param(activity("x", 4, on=ENDS, claimed_on=SECOND.submitted_by), None, id="and to its end"),
    ],
)
def test_what_was_done_before_a_cycle_says_why_it_does_not_count(one: Activity, code: str | None) -> None:
    ledger = in_second(one)

    assert told(ledger) == {"x": (Decimal(0), {code: Decimal(4)}) if code else (Decimal(4), {})}


def test_nothing_comes_before_a_first_cycle_or_where_a_scheme_carries_nothing_over() -> None:
    before = activity("x", 4, on=BEGINS - DAY)

    assert judged(before).counted == 0
    assert judged(before, cycle=replace(CYCLE, follows=True)).counted == 4
    none = replace(RULES, carry_over=None)
    assert judged(before, cycle=replace(CYCLE, follows=True), rules=none).counted == 0


def test_i32_what_was_done_before_a_cycle_goes_no_further_than_that_cycle() -> None:
    given = [
        *(
            replace(one, started_on=anniversary(one.started_on, 3), ended_on=anniversary(one.ended_on, 3))
            for one in enough()
        ),
        activity("x", 8, "learning", on=LATE),
    ]
    ever = replace(RULES, carry_over=CarryRule(Decimal(10), 48, ("learning",)))

    assert in_second(*given).counted == 98
    assert in_second(*given).carry_over == 0
    assert in_second(*given, rules=ever).counted == 98
    assert in_second(*given[:-1], rules=ever).carry_over == 0
    assert in_second(*given, rules=ever).carry_over == 8  # of this cycle's own hours


def test_a_scheme_without_a_limit_for_days_or_categories_still_limits_what_is_from_before() -> None:
    rules = replace(
        RULES,
        per_day_max=None,
        categories=tuple(replace(category, max=None) for category in RULES.categories),
        carry_over=CarryRule(Decimal(3), 6),
    )

    assert in_second(activity("x", 8, "practice", on=LATE), rules=rules).counted == 3


def test_i32_no_more_comes_from_before_than_may_be_carried_over() -> None:
    given = [
        activity("b", 4, on=LATE + DAY),
        activity("a", 4, on=LATE),
        activity("c", 20, on=SECOND.begins + DAY, days=2),
    ]

    assert plainly(in_second(*given)) == {"a": (4, {}), "b": (4, {}), "c": (16, {"day-cap": 4})}
    assert plainly(in_second(*given, carried=Decimal(5))) == {
        "a": (4, {}),
        "b": (1, {"carry-over-cap": 3}),
        "c": (16, {"day-cap": 4}),
    }
    full = in_second(*given, carried=Decimal(10))
    assert [line.counted for line in full.lines] == [0, 0, 16]
    assert full.lines[0].differences[0].words == Labels(
        it="È finita nel ciclo precedente, di cui in questo si contano al massimo 10 ore in tutto.",
        en="It ended in the cycle before, of which this one counts 10 hours at most, all together.",
    )


def test_i31_limits_hold_for_what_was_done_before_a_cycle_too() -> None:
    rules = replace(RULES, per_activity_max=Decimal(9))
    given = [
        activity("a", "9.6", on=LATE, days=2),
        activity("b", 9, on=date(2029, 7, 7)),
        activity("c", 10, on=date(2029, 5, 21), days=9),
        activity("d", 4, on=date(2029, 8, 8), title="Corso"),
        activity("e", 4, on=date(2029, 8, 8), title=" corso "),
    ]
    wide = replace(rules, carry_over=CarryRule(Decimal(100), 6, ("learning",)))

    assert plainly(in_second(*given, rules=wide)) == {
        "a": (9, {"granularity": 0.1, "activity-cap": 0.5}),
        "b": (8, {"day-cap": 1}),
        "c": (8, {"activity-cap": 1, "day-cap": 1}),  # one of its days is in the last months
        "d": (4, {}),
        "e": (0, {"same-twice": 4}),
    }


def test_i32_what_the_cycle_before_was_renewed_on_leaves_no_second_of_its_kind_and_no_room() -> None:
    used = [
        activity("u", 2, on=LATE, title="Corso", standing=Standing.ELSEWHERE),
        activity("v", 6, on=LATE, days=2, standing=Standing.ELSEWHERE),
        activity("w", 3, on=SECOND.begins + DAY, standing=Standing.ELSEWHERE),  # of a reinstatement
    ]
    given = [
        activity("a", 4, on=LATE, title="CORSO", standing=Standing.ACCEPTED),
        activity("b", 7, on=LATE),
        activity("c", 5, on=LATE - DAY),
        activity("d", 8, on=SECOND.begins + DAY),
    ]
    wide = replace(RULES, carry_over=CarryRule(Decimal(100), 6))

    ledger = in_second(*given, used=used, rules=wide)

    counted = {line.activity: line.counted for line in ledger.lines}
    assert counted["a"] == 0
    assert counted["d"] == 5
    assert counted["b"] + counted["c"] == 8  # two days of eight hours, less the eight that were used
    assert plainly(ledger)["a"][1] == {"same-twice": 4}
    assert plainly(in_second(*given[1:3], rules=wide)) == {"b": (7, {}), "c": (5, {})}
    assert in_second(activity("x", 8, on=date(2031, 3, 3)), used=used).counted == 8


# The border


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": Decimal("NaN")},
        {"hours": Decimal("Infinity")},
        {"hours": Decimal("-0.25")},
        {"hours": Decimal("1E+9")},
        {"topics": {"responsible_ai": Decimal(-1)}},
        {"started_on": ENDS + DAY},
    ],
    ids=["not a number", "infinite", "negative", "without end", "a negative topic", "ends before it starts"],
)
def test_an_activity_that_cannot_be_is_not_made(wrong: dict[str, object]) -> None:
    one = activity("x", 4, on=ENDS)

    with pytest.raises(ValueError, match="An activity"):
        replace(one, **wrong)  # type: ignore[arg-type]  # as named


def test_each_activity_is_given_once() -> None:
    one = activity("x", 4, on=ENDS)

    with pytest.raises(ValueError, match="once"):
        judged(one, one)


def test_a_scheme_that_grants_no_time_a_day_counts_nothing() -> None:
    assert judged(activity("x", 4, on=ENDS), rules=replace(RULES, per_day_max=Decimal(0))).counted == 0


def test_amounts_come_out_plain() -> None:
    ledger = judged(activity("x", "40.00", on=date(2027, 3, 30), days=30))

    assert [str(ledger.claimed), str(ledger.counted), str(ledger.lines[0].claimed)] == ["40", "40", "40"]


def test_a_member_far_away_in_a_crowd_of_activities_is_judged_like_any_other() -> None:
    crowd = [activity(f"{number:03}", 40, "practice", on=ENDS, days=1000) for number in range(200)]

    ledger = judged(*crowd, activity("course", 40, "learning", on=ENDS, days=10))

    assert [bucket.counted for bucket in ledger.categories] == [40, 30, 0, 0]


# The words


@pytest.mark.parametrize(
    "sentence",
    [*words.REASONS.values(), *words.GAPS.values(), words.TO_EARN, words.TO_CLAIM, words.CLOSED],
    ids=lambda sentence: sentence.en[:30],
)
def test_no_sentence_borrows_the_words_of_other_bodies(sentence: Labels) -> None:
    assert not SCHEME.wording.forbidden_in(sentence.it)
    assert not SCHEME.wording.forbidden_in(sentence.en)


def test_every_reason_has_its_words() -> None:
    assert set(words.REASONS) == set(words.Why)
    assert set(words.GAPS) == set(words.Missing)


@pytest.mark.parametrize(
    ("hours", "unit", "it", "en"),
    [
        ("1", "hour", "1 ora", "1 hour"),
        ("4.50", "hour", "4,5 ore", "4.5 hours"),
        ("100", "hour", "100 ore", "100 hours"),
        ("1", "CFP", "1 CFP", "1 CFP"),
        ("0.25", "CPE_hour", "0,25 CPE hour", "0.25 CPE hour"),
    ],
)
def test_amounts_are_written_as_each_language_does(hours: str, unit: str, it: str, en: str) -> None:
    assert words.amount(Decimal(hours), unit) == Labels(it=it, en=en)
