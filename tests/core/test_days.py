from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.days import (
    Span,
    anniversary,
    first_instant_after,
    last_second_of,
    local_day,
    months_after,
    months_before,
    start_of,
)

ROME = ZoneInfo("Europe/Rome")


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("anchor", "until", "said", "over"),
    [
        ("2026-11-20", "2029-11-20", "2029-11-20T23:59:59+01:00", "2029-11-20T23:00:00+00:00"),
        ("2026-06-30", "2029-06-30", "2029-06-30T23:59:59+02:00", "2029-06-30T22:00:00+00:00"),
        ("2026-10-25", "2029-10-25", "2029-10-25T23:59:59+02:00", "2029-10-25T22:00:00+00:00"),
        ("2028-02-29", "2031-02-28", "2031-02-28T23:59:59+01:00", "2031-02-28T23:00:00+00:00"),
    ],
    ids=["winter", "summer", "granted on a clock-change day", "leap day"],
)
def test_a_credential_is_valid_through_the_end_of_its_last_local_day(
    anchor: str, until: str, said: str, over: str
) -> None:
    last = anniversary(day(anchor), 3)

    assert last == day(until)
    assert last_second_of(last, ROME).isoformat() == said
    assert first_instant_after(last, ROME).isoformat() == over
    assert first_instant_after(last, ROME).tzinfo is UTC


def test_a_leap_day_anchor_regains_its_day_in_leap_years() -> None:
    ends = [anniversary(day("2024-02-29"), years) for years in (3, 6, 9, 12, 15)]

    assert [end.isoformat() for end in ends] == [
        "2027-02-28",
        "2030-02-28",
        "2033-02-28",
        "2036-02-29",
        "2039-02-28",
    ]


@pytest.mark.parametrize(
    ("until", "opens", "grace_ends"),
    [("2029-11-20", "2029-05-20", "2030-02-18"), ("2029-08-31", "2029-02-28", "2029-11-29")],
    ids=["ordinary", "clamped"],
)
def test_the_renewal_window_opens_months_before_and_its_grace_ends_days_after(
    until: str, opens: str, grace_ends: str
) -> None:
    assert Span.read("P6M").before(day(until)) == day(opens)
    assert Span.read("P90D").after(day(until)) == day(grace_ends)


def test_a_span_is_taken_off_as_it_is_added() -> None:
    span = Span.read("P1Y1M10D")

    assert span.after(day("2026-01-31")) == day("2027-03-10")
    assert span.before(day("2027-03-31")) == day("2026-02-18")


def test_an_on_time_renewal_starts_the_day_after_and_ends_on_the_anniversary() -> None:
    anchor = day("2026-11-20")

    assert anniversary(anchor, 3) + timedelta(days=1) == day("2029-11-21")
    assert anniversary(anchor, 6) == day("2032-11-20")


@pytest.mark.parametrize(
    ("on", "start"),
    [
        ("2026-11-20", "2026-11-20T00:00:00+01:00"),
        ("2026-03-29", "2026-03-29T00:00:00+01:00"),
        ("2026-03-30", "2026-03-30T00:00:00+02:00"),
        ("2026-10-25", "2026-10-25T00:00:00+02:00"),
    ],
    ids=["winter", "the day clocks go forward", "the day after", "the day clocks go back"],
)
def test_a_day_starts_at_local_midnight(on: str, start: str) -> None:
    assert start_of(day(on), ROME).isoformat() == start


def test_where_clocks_skip_midnight_the_day_starts_when_it_really_does() -> None:
    beirut = ZoneInfo("Asia/Beirut")

    assert start_of(day("2022-03-27"), beirut).isoformat() == "2022-03-27T01:00:00+03:00"
    assert last_second_of(day("2022-03-26"), beirut).isoformat() == "2022-03-26T23:59:59+02:00"


def test_the_clock_change_day_is_counted_in_real_hours() -> None:
    on = day("2026-10-25")

    assert last_second_of(on, ROME) - start_of(on, ROME) == timedelta(hours=25, seconds=-1)


@pytest.mark.parametrize(
    ("at", "on"),
    [
        ("2029-11-20T22:59:59+00:00", "2029-11-20"),
        ("2029-11-20T23:00:00+00:00", "2029-11-21"),
        ("2029-06-30T21:59:59+00:00", "2029-06-30"),
        ("2029-06-30T22:00:00+00:00", "2029-07-01"),
    ],
    ids=["last of a winter day", "first of the next", "last of a summer day", "first of the next in summer"],
)
def test_an_instant_belongs_to_the_local_day(at: str, on: str) -> None:
    assert local_day(datetime.fromisoformat(at), ROME) == day(on)


def test_an_instant_without_an_offset_belongs_to_no_day() -> None:
    with pytest.raises(ValueError, match="no day"):
        local_day(datetime(2029, 11, 20), ROME)  # noqa: DTZ001 -- a naive instant is what is refused


@given(on=st.dates(date(1950, 1, 1), date(2200, 1, 1)), zone=st.sampled_from(["Europe/Rome", "Asia/Tokyo"]))
def test_one_day_ends_where_the_next_begins(on: date, zone: str) -> None:
    place = ZoneInfo(zone)

    assert first_instant_after(on, place) == start_of(on + timedelta(days=1), place)
    assert local_day(last_second_of(on, place), place) == on
    assert local_day(first_instant_after(on, place), place) == on + timedelta(days=1)


@given(on=st.dates(date(1900, 1, 1), date(2100, 1, 1)), months=st.integers(0, 600))
def test_months_land_in_the_month_they_name(on: date, months: int) -> None:
    later = months_after(on, months)

    assert (later.year * 12 + later.month) - (on.year * 12 + on.month) == months
    assert later.day == on.day or (later + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("on", "months", "back"),
    [("2026-03-31", 1, "2026-02-28"), ("2028-03-31", 1, "2028-02-29"), ("2026-01-15", 12, "2025-01-15")],
    ids=["clamped", "clamped in a leap year", "a year"],
)
def test_looking_back_months_clamps_to_the_end_of_the_month(on: str, months: int, back: str) -> None:
    assert months_before(day(on), months) == day(back)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("P3Y", Span(years=3)),
        ("P6M", Span(months=6)),
        ("P90D", Span(days=90)),
        ("P1Y6M10D", Span(years=1, months=6, days=10)),
        ("P0D", Span()),
    ],
)
def test_a_span_is_read_and_written_as_iso_8601(text: str, span: Span) -> None:
    assert Span.read(text) == span
    assert str(span) == text


@pytest.mark.parametrize(
    "text", ["", "P", "3Y", "P3", "P3W", "PT3H", "P-3Y", "P3Y ", "p3y", "P1.5Y", "P3Y\n", "P٣Y"]
)
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="P3Y"):
        Span.read(text)
