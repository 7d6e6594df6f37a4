"""Twelve years of one credential over HTTP, from anchors at which calendars are hard."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.core.days import anniversary
from app.formats.jose import open_compact
from app.formats.reading import read_credential
from app.ports import Ports, PublicKey, Slot
from app.renewal.cycles import Days
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.renewal import members
from tests.renewal.members import House, problem
from tests.renewal.renewing import (
    DAY,
    YEARS,
    accept_all,
    approved,
    code,
    credential,
    days,
    document,
    drawn,
    enough,
    file,
    filed,
    standing,
    verified,
)

TWO_SECONDS = timedelta(seconds=2)


@dataclass
class Generations:
    """The keys of a body that lives longer than any root of its seals."""

    all: list[MemoryKeys] = field(default_factory=list)

    def renew(self, at: datetime) -> None:
        self.all.append(MemoryKeys(at, development=False))

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        return self.all[-1].current(slot, body)

    def published(self) -> tuple[PublicKey, ...]:
        newest = self.all[-1].published()
        old = (key for keys in self.all[:-1] for key in keys.published())
        return (*newest, *(replace(key, current=False) for key in old))

    def anchors(self) -> tuple[bytes, ...]:
        return tuple(anchor for keys in self.all for anchor in keys.anchors())

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        return self.all[-1].sign(thumbprint, message)


@dataclass(frozen=True, slots=True)
class Walk:
    """A house that years pass by."""

    house: House
    keys: Generations

    def to(self, day: date) -> None:
        self.house.go_to(day)
        self.keys.renew(self.house.now)

    def at(self, instant: datetime) -> None:
        assert isinstance(self.house.ports.clock, SetClock)
        self.house.ports.clock.at = instant


def begun(ports: Ports, clock: SetClock, anchor: date) -> Walk:
    clock.at = datetime.combine(anchor, time(9), tzinfo=UTC)
    keys = Generations()
    keys.renew(clock.at)
    return Walk(members.opened(replace(ports, signer=keys)), keys)


VECTORS = [
    (date(2026, 11, 20), "2029-11-20T23:59:59+01:00", "2029-11-20T23:00:00+00:00"),
    (date(2026, 6, 30), "2029-06-30T23:59:59+02:00", "2029-06-30T22:00:00+00:00"),
    (date(2026, 10, 25), "2029-10-25T23:59:59+02:00", "2029-10-25T22:00:00+00:00"),
    (date(2028, 2, 29), "2031-02-28T23:59:59+01:00", "2031-02-28T23:00:00+00:00"),
]
CHAINS = [
    (
        date(2026, 11, 20),
        [f"{year}-11-20T23:59:59+01:00" for year in (2029, 2032, 2035, 2038, 2041)],
    ),
    (
        date(2026, 10, 25),  # the day on which the clocks go back
        [f"{year}-10-25T23:59:59+02:00" for year in (2029, 2032, 2035, 2038, 2041)],
    ),
    (
        date(2027, 3, 28),  # the day on which they go forward
        [
            f"{year}-03-28T23:59:59+0{hours}:00"
            for year, hours in ((2030, 1), (2033, 2), (2036, 1), (2039, 2), (2042, 1))
        ],
    ),
    (
        date(2028, 2, 29),
        [
            f"{day}T23:59:59+01:00"
            for day in ("2031-02-28", "2034-02-28", "2037-02-28", "2040-02-29", "2043-02-28")
        ],
    ),
]


@pytest.mark.parametrize(("anchor", "says", "invalid_from"), VECTORS, ids=str)
def test_the_vectors_of_the_domain_hold_over_http(
    ports: Ports, clock: SetClock, anchor: date, says: str, invalid_from: str
) -> None:
    walk = begun(ports, clock, anchor)
    house = walk.house
    assert said_until(house, 0) == says
    ended = datetime.fromisoformat(invalid_from)
    walk.at(ended - timedelta(seconds=1))
    assert verified(house)["result"] != "invalid"
    walk.at(ended)
    report = verified(house)
    assert (report["result"], code(report, "validity_period")) == ("invalid", "expired-renewable")


@pytest.mark.parametrize(
    ("anchor", "opens", "expires", "grace"),
    [
        (date(2026, 11, 20), "2029-05-20", "2029-11-20", "2030-02-18"),
        (date(2026, 8, 31), "2029-02-28", "2029-08-31", "2029-11-29"),
    ],
    ids=str,
)
def test_the_windows_of_the_domain_hold_over_http(
    ports: Ports, clock: SetClock, anchor: date, opens: str, expires: str, grace: str
) -> None:
    found = standing(begun(ports, clock, anchor).house)
    assert (found["opens_on"], found["expires_on"], found["grace_until"]) == (opens, expires, grace)


def said_until(house: House, place: int) -> str:
    """The `validUntil` of a period's document, as it is signed."""
    says = read_credential(open_compact(document(credential(house).periods[place]).token).payload)
    assert says.valid_until is not None
    return says.valid_until.isoformat()


def on_the_first_day(walk: Walk, cycle: Days) -> date:
    walk.to(cycle.opens - DAY)
    assert problem(file(walk.house)) == (409, "renewal-not-open")
    walk.to(cycle.opens)
    decide(walk, filed(walk.house))
    return cycle.ends + DAY


def on_the_last_day(walk: Walk, cycle: Days) -> date:
    walk.to(cycle.ends)
    decide(walk, filed(walk.house))
    return cycle.ends + DAY


def in_grace(walk: Walk, cycle: Days) -> date:
    walk.to(cycle.grace_ends)
    assert code(verified(walk.house), "validity_period") == "expired-renewable"
    decide(walk, filed(walk.house))
    return cycle.grace_ends


def over_a_bridge(walk: Walk, cycle: Days) -> date:
    house = walk.house
    walk.to(cycle.ends - timedelta(days=30))
    renewal = filed(house)
    walk.to(cycle.ends - DAY)
    house.work()
    walk.to(cycle.ends + timedelta(days=45))
    assert code(verified(house), "validity_period") == "in-bridge"
    decide(walk, renewal)
    return cycle.ends + timedelta(days=45)


def decide(walk: Walk, renewal: dict[str, Any]) -> None:
    house = walk.house
    now = house.holder.calls.get(f"/v1/renewals/{renewal['id']}").json()
    if now["state"] == "submitted" and now["draw"]["drawn_at"] is None:
        drawn(house, renewal)
    accept_all(house)
    assert approved(house, renewal)["state"] == "approved"


WAYS: list[Callable[[Walk, Days], date]] = [on_the_first_day, on_the_last_day, in_grace, over_a_bridge]


@pytest.mark.parametrize(("anchor", "ends"), CHAINS, ids=lambda value: str(value)[:10])
def test_twelve_years_of_renewals_end_on_the_anniversaries_of_the_anchor(
    ports: Ports, clock: SetClock, anchor: date, ends: list[str]
) -> None:
    walk = begun(ports, clock, anchor)
    house = walk.house
    begins = [anchor]
    for renewals, way in enumerate(WAYS):
        cycle = days(house)
        assert (cycle.ends, standing(house)["cycle"]) == (
            anniversary(anchor, YEARS * (renewals + 1)),
            renewals + 1,
        )
        enough(house)
        begins.append(way(walk, cycle))
        held = [each for each in credential(house).periods if each.kind != "bridge"]
        assert [each.valid_from for each in held] == begins
        walk.to(max(begins[-1], house.today))
        walk.at(house.now + TWO_SECONDS)  # strangers are told nothing older than that
        report = verified(house)
        assert report["result"] != "invalid", report["headline"]
        assert report["credential"]["valid_until"] == ends[renewals + 1]
        assert days(house).begins == cycle.ends + DAY
    last = credential(house)
    cycles = [(place, each) for place, each in enumerate(last.periods) if each.kind != "bridge"]
    assert [said_until(house, place) for place, _ in cycles] == ends
    for earlier, later in pairwise(last.periods):
        assert earlier.through < later.valid_from
    for place, period in cycles[:-1]:
        report = verified(house, document(period).token)
        assert (report["result"], report["credential"]["state"]) == ("invalid", "superseded"), place
