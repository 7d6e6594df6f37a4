"""What follows from dates alone, said once: a renewal may be asked for, a credential is ending, it has ended.

Nobody acts when such a day comes, so a duty looks once an hour and writes the event down, beside a row that
keeps it from being written twice.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.core.days import local_day
from app.core.db import EVERY_ORGANISATION
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.events.models import Notice, PeriodNotice
from app.events.rules import EventType
from app.organisations import queries as organisations
from app.outbox import trail
from app.outbox.hourly import Hourly
from app.ports import Ports
from app.schemes.catalogue import catalogue
from app.schemes.upkeep import RenewalRules

log: Final = logging.getLogger("sigillo.events")
DAY: Final = timedelta(days=1)
AHEAD: Final = timedelta(days=90)  # so long before its last day a credential is expiring
LOOKED_BACK: Final = timedelta(days=30)  # an installation that was away for longer has no news of it
AT_ONCE: Final = 50  # in one transaction: a longer write would keep requests waiting on SQLite
SAYS: Final[Mapping[Notice, EventType]] = {
    Notice.OPENED: EventType.RENEWAL_OPENED,
    Notice.EXPIRING: EventType.CREDENTIAL_EXPIRING,
    Notice.EXPIRED: EventType.CREDENTIAL_EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Due:
    """That something is to be said of a period."""

    organisation_id: str
    credential_id: str
    period_id: str
    valid_until: date
    kind: Notice


def duty(ports: Ports) -> Callable[[], None]:
    """Make a worker's duty: look once an hour which days have come."""

    def look(at: datetime) -> None:
        announce(ports, at)

    return Hourly(ports.clock, look)


def announce(ports: Ports, at: datetime) -> int:
    """Write down what was not said yet; return how many events that made."""
    with ports.database.reading() as session:
        today = _calendars(session, at)
    found: dict[str, list[Due]] = {}
    for session in ports.database.everywhere():
        for day in set(today.values()):
            for due in _dues(session, day):
                if today.get(due.organisation_id) == day:
                    found.setdefault(due.organisation_id, []).append(due)
    said = 0
    for organisation_id, dues in found.items():
        for start in range(0, len(dues), AT_ONCE):
            with ports.database.writing(organisation_id) as session:
                said += sum(_say(session, due, at) for due in dues[start : start + AT_ONCE])
    return said


def _calendars(session: Session, at: datetime) -> Mapping[str, date]:
    """Tell for each organisation which day it is there."""
    days = {}
    for organisation in organisations.organisations(session):
        try:
            days[organisation.id] = local_day(at, ZoneInfo(organisation.time_zone))
        except (KeyError, ValueError):
            log.exception("events.failed", extra={"organisation_id": organisation.id})
    return days


def _dues(session: Session, today: date) -> Iterator[Due]:
    yield from _unsaid(session, Notice.EXPIRING, Period.valid_until.between(today, today + AHEAD))
    yield from _unsaid(session, Notice.EXPIRED, Period.valid_until.between(today - LOOKED_BACK, today - DAY))
    for scheme in catalogue().schemes:
        yield from _unsaid(
            session,
            Notice.OPENED,
            Credential.scheme_id == scheme.id,
            Period.scheme_version == scheme.version,
            Period.kind != PeriodKind.BRIDGE,
            Period.valid_until.between(today, _last_open(scheme.renewal, today)),
        )


def _last_open(rules: RenewalRules, today: date) -> date:
    """Name the latest end whose renewal may be asked for today."""
    until = today
    while rules.window_opens_before.before(until + DAY) <= today:
        until += DAY
    return until


def _unsaid(session: Session, kind: Notice, *wanted: ColumnElement[bool]) -> Sequence[Due]:
    """Find periods, of every organisation, that no other follows and of which this was not said yet."""
    later = aliased(Period)
    rows = session.execute(
        select(Credential.organisation_id, Credential.id, Period.id, Period.valid_until)
        .join(Period, Period.credential_id == Credential.id)
        .where(
            *wanted,
            Credential.issued_at.is_not(None),
            Credential.revoked_at.is_(None),
            Credential.closed_at.is_(None),
            Period.ended_on.is_(None),
            ~exists().where(
                later.credential_id == Period.credential_id,
                later.seq > Period.seq,
                later.ended_on.is_(None),
            ),
            ~exists().where(PeriodNotice.period_id == Period.id, PeriodNotice.kind == kind),
        )
        .order_by(Period.valid_until, Period.id),
        execution_options=EVERY_ORGANISATION,
    )
    return [Due(*row, kind) for row in rows]


def _say(session: Session, due: Due, at: datetime) -> bool:
    """Record the event with the row that stands for it; False if somebody else just did."""
    try:
        with session.begin_nested():
            session.add(
                PeriodNotice(
                    organisation_id=due.organisation_id, period_id=due.period_id, kind=due.kind, at=at
                )
            )
            session.flush()
            trail.record(
                session,
                SAYS[due.kind].value,
                organisation_id=due.organisation_id,
                by=trail.SYSTEM,
                at=at,
                about={"credential": due.credential_id, "period": due.period_id},
                facts={"valid_until": due.valid_until.isoformat()},
            )
    except IntegrityError:
        return False
    return True
