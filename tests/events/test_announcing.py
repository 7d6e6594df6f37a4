"""What follows from dates is said once: to whoever looks, however often, on either database."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from app.credentials.models import Credential, Period
from app.events import announcing, queries
from app.events.models import PeriodNotice
from app.outbox import trail
from app.ports import Ports
from tests.credentials.office import Office


@dataclass(frozen=True)
class Issued:
    """A credential in force, and what is told of it."""

    office: Office
    credential: str
    until: date

    def told(self, day: date) -> Sequence[str]:
        """Let a day come, twice, and read what is told that follows from days."""
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        for _ in range(2):
            announcing.announce(self.office.ports, at)
        return self.read()

    def read(self) -> Sequence[str]:
        while trail.append(self.office.ports.database):
            pass
        with self.office.ports.database.reading(self.office.organisation_id) as session:
            leaf = queries.events_after(session, 0, types=tuple(announcing.SAYS.values()), limit=200)
        for one in leaf.told:
            assert one.data["credential"] == self.credential
            assert one.data["valid_until"] == self.until.isoformat()
        return [one.type for one in leaf.told]


@pytest.fixture
def issued(ports: Ports) -> Issued:
    office = Office.opened(ports)
    credential = office.issue()
    return Issued(office, credential.id, credential.periods[-1].valid_until)


def test_a_credential_that_ends_is_told_of_when_its_days_come_and_once_each(issued: Issued) -> None:
    until = issued.until
    assert issued.told(until - timedelta(days=800)) == []
    assert issued.told(until - timedelta(days=91)) == ["renewal.opened"]
    assert issued.told(until - timedelta(days=90)) == ["renewal.opened", "credential.expiring"]
    assert issued.told(until) == ["renewal.opened", "credential.expiring"]
    everything = ["renewal.opened", "credential.expiring", "credential.expired"]
    assert issued.told(until + timedelta(days=1)) == everything
    assert issued.told(until + timedelta(days=29)) == everything


def test_an_installation_that_was_away_for_long_has_no_news_of_what_ended_before(issued: Issued) -> None:
    assert issued.told(issued.until + timedelta(days=31)) == []


@pytest.mark.parametrize("column", [Credential.revoked_at, Credential.closed_at])
def test_what_is_revoked_or_closed_ends_no_more(issued: Issued, column: object) -> None:
    with issued.office.ports.database.writing(issued.office.organisation_id) as session:
        session.execute(update(Credential).values({column: issued.office.now}))
    assert issued.told(issued.until) == []


def test_many_who_look_at_once_tell_it_once(issued: Issued) -> None:
    at = datetime(issued.until.year, issued.until.month, issued.until.day, 12, tzinfo=UTC)
    with ThreadPoolExecutor(4) as pool:
        said = sum(pool.map(lambda _: announcing.announce(issued.office.ports, at), range(4)))
    assert said == 2
    assert sorted(issued.read()) == ["credential.expiring", "renewal.opened"]
    with issued.office.ports.database.reading(issued.office.organisation_id) as session:
        assert session.scalars(select(func.count()).select_from(PeriodNotice)).one() == 2
        assert session.scalars(select(Period.id)).one()
