"""The dates of the years after the grant, as domain rules 6.5 write them down."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.days import anniversary
from app.renewal.cycles import Phase, bridged, days_of, deserves_bridge, renewed
from app.schemes.catalogue import catalogue

SCHEME = catalogue().schemes[0]
RULES = SCHEME.renewal
YEARS = SCHEME.validity.period.years
DAY = timedelta(days=1)
ANCHORS = st.dates(date(2020, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("anchor", "opens", "ends", "grace_ends", "reinstatement_ends"),
    [
        (date(2026, 11, 20), date(2029, 5, 20), date(2029, 11, 20), date(2030, 2, 18), date(2030, 11, 20)),
        (date(2026, 8, 31), date(2029, 2, 28), date(2029, 8, 31), date(2029, 11, 29), date(2030, 8, 31)),
        (date(2026, 6, 30), date(2028, 12, 30), date(2029, 6, 30), date(2029, 9, 28), date(2030, 6, 30)),
        (date(2028, 2, 29), date(2030, 8, 28), date(2031, 2, 28), date(2031, 5, 29), date(2032, 2, 28)),
    ],
    ids=["November", "clamped window", "summer time", "leap day"],
)
def test_a_cycle_has_the_days_of_the_table(
    anchor: date, opens: date, ends: date, grace_ends: date, reinstatement_ends: date
) -> None:
    days = days_of(anchor, 1, years=YEARS, rules=RULES)
    found = (days.begins, days.opens, days.ends, days.grace_ends, days.reinstatement_ends)
    assert found == (anchor, opens, ends, grace_ends, reinstatement_ends)


def test_a_leap_day_comes_back_since_all_is_counted_from_the_anchor() -> None:
    chain = [days_of(date(2024, 2, 29), cycle, years=YEARS, rules=RULES) for cycle in range(1, 6)]
    assert [days.ends for days in chain] == [
        date(2027, 2, 28),
        date(2030, 2, 28),
        date(2033, 2, 28),
        date(2036, 2, 29),
        date(2039, 2, 28),
    ]
    assert [days.begins for days in chain[1:]] == [days.ends + DAY for days in chain[:-1]]


@pytest.mark.parametrize(
    ("day", "phase"),
    [
        (date(2026, 11, 20), Phase.NOT_OPEN),
        (date(2029, 5, 19), Phase.NOT_OPEN),
        (date(2029, 5, 20), Phase.OPEN),
        (date(2029, 11, 20), Phase.OPEN),
        (date(2029, 11, 21), Phase.GRACE),
        (date(2030, 2, 18), Phase.GRACE),
        (date(2030, 2, 19), Phase.REINSTATEMENT),
        (date(2030, 11, 20), Phase.REINSTATEMENT),
        (date(2030, 11, 21), Phase.LAPSED),
    ],
)
def test_i37_each_day_belongs_to_one_phase(day: date, phase: Phase) -> None:
    assert days_of(date(2026, 11, 20), 1, years=YEARS, rules=RULES).phase(day) is phase


@pytest.mark.parametrize(
    ("decided_on", "begins"),
    [
        (date(2029, 6, 1), date(2029, 11, 21)),
        (date(2029, 11, 20), date(2029, 11, 21)),
        (date(2029, 11, 21), date(2029, 11, 21)),
        (date(2030, 1, 10), date(2030, 1, 10)),
    ],
    ids=["early", "on the last day", "on the first day after", "late"],
)
def test_i38_a_late_renewal_gains_nothing(decided_on: date, begins: date) -> None:
    validity = renewed(date(2026, 11, 20), 1, years=YEARS, decided_on=decided_on)
    assert (validity.begins, validity.ends) == (begins, date(2032, 11, 20))


@given(anchor=ANCHORS, cycle=st.integers(1, 12), late=st.integers(-180, 365))
def test_i24_every_renewal_ends_on_an_anniversary_of_the_anchor(anchor: date, cycle: int, late: int) -> None:
    days = days_of(anchor, cycle, years=YEARS, rules=RULES)
    validity = renewed(anchor, cycle, years=YEARS, decided_on=days.ends + timedelta(days=late))
    assert validity.ends == anniversary(anchor, YEARS * (cycle + 1))
    assert days.ends < validity.begins <= validity.ends
    assert days.begins < days.opens < days.ends < days.grace_ends < days.reinstatement_ends
    following = days_of(anchor, cycle + 1, years=YEARS, rules=RULES)
    assert (following.begins, following.ends) == (days.ends + DAY, validity.ends)


def test_i38_a_bridge_is_for_those_who_filed_thirty_days_before_the_end() -> None:
    days = days_of(date(2026, 11, 20), 1, years=YEARS, rules=RULES)
    assert deserves_bridge(days, filed_on=date(2029, 10, 21), rules=RULES)
    assert not deserves_bridge(days, filed_on=date(2029, 10, 22), rules=RULES)


@pytest.mark.parametrize(
    ("today", "begins"),
    [(date(2029, 11, 19), date(2029, 11, 21)), (date(2029, 12, 5), date(2029, 12, 5))],
    ids=["before the end", "made late"],
)
def test_a_bridge_holds_for_ninety_days_from_the_old_end(today: date, begins: date) -> None:
    days = days_of(date(2026, 11, 20), 1, years=YEARS, rules=RULES)
    bridge = bridged(days, today=today, rules=RULES)
    assert (bridge.begins, bridge.ends) == (begins, date(2030, 2, 18))
