"""Reminders of renewal by e-mail: each date once, one letter per person, none once a renewal was filed.

A duty looks who is due and writes that down together with a message, in one transaction; the message holds
identifiers only. The letter is written when it is sent, from the register as it is by then.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from app.core.clock import iso_duration
from app.core.days import local_day
from app.core.db import EVERY_ORGANISATION
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.organisations import queries as organisations
from app.organisations.models import Mode, Person
from app.outbox import messages, trail
from app.outbox.hourly import Hourly
from app.outbox.messages import Message
from app.ports import Mail, MailRefused, Ports
from app.renewal import letters, queries
from app.renewal.cycles import DAY
from app.renewal.ledger import ledger_of
from app.renewal.letters import Entry, Hours, Occasion
from app.renewal.models import Reminder, Renewal
from app.renewal.queries import CycleTerms
from app.renewal.words import amount
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme
from app.schemes.upkeep import RenewalRules

log: Final = logging.getLogger("sigillo.reminders")
REMINDER: Final = "mail.reminder"
PEOPLE_AT_ONCE: Final = 25  # in one transaction: a longer write would keep requests waiting on SQLite
# A letter is not begun unless it will be over before the message may be another worker's.
SENDING_TAKES: Final = timedelta(seconds=30)


class Kind(StrEnum):
    """Which date a reminder is about, in the order in which they come."""

    P180D = "P180D"
    P90D = "P90D"
    P30D = "P30D"
    P7D = "P7D"
    EXPIRY = "expiry"
    GRACE = "grace"


BEFORE_EXPIRY: Final[Mapping[Kind, timedelta]] = {
    Kind.P180D: timedelta(days=180),
    Kind.P90D: timedelta(days=90),
    Kind.P30D: timedelta(days=30),
    Kind.P7D: timedelta(days=7),
}
FIRST: Final = max(BEFORE_EXPIRY.values())
BEFORE_GRACE_ENDS: Final = timedelta(days=30)


def due(until: date, rules: RenewalRules, today: date) -> Kind | None:
    """Name the reminder whose day came last; none before the first, and none once grace is over."""
    if today > max(until, rules.grace.after(until)):
        return None
    come = [kind for kind, day in _days(until, rules) if day <= today]
    return come[-1] if come else None


def _days(until: date, rules: RenewalRules) -> Iterator[tuple[Kind, date]]:
    for kind, before in BEFORE_EXPIRY.items():
        yield kind, until - before
    expiry = until + DAY
    yield Kind.EXPIRY, expiry
    grace = rules.grace.after(until) - BEFORE_GRACE_ENDS
    if grace > expiry:  # a short grace needs no second word
        yield Kind.GRACE, grace


def ends_due(rules: RenewalRules, today: date) -> Mapping[Kind, tuple[date, date]]:
    """Tell for each reminder between which days a cycle must end for it to be the one to send today."""
    found: dict[Kind, tuple[date, date]] = {}
    until = today + FIRST
    while (kind := due(until, rules, today)) is not None:
        _, last = found.get(kind, (until, until))
        found[kind] = (until, last)
        until -= DAY
    return found


@dataclass(frozen=True, slots=True)
class Due:
    """That the holder of a credential is to be reminded that a cycle of it ends."""

    credential_id: str
    cycle: int
    kind: Kind

    @classmethod
    def read(cls, written: JsonValue) -> "Due":
        if not isinstance(written, dict):
            raise TypeError("A reminder is written as an object.")
        return cls(str(written["credential"]), int(str(written["cycle"])), Kind(str(written["kind"])))

    def written(self) -> dict[str, JsonValue]:
        return {"credential": self.credential_id, "cycle": self.cycle, "kind": self.kind.value}


def duty(ports: Ports) -> Callable[[], None]:
    """Make a worker's duty: look once an hour who is to be reminded."""

    def look(at: datetime) -> None:
        _remind(ports, at)

    return Hourly(ports.clock, look)


def remind(ports: Ports) -> int:
    """Leave a message for everybody whom it is time to remind; return how many."""
    return _remind(ports, ports.clock.now())


def _remind(ports: Ports, at: datetime) -> int:
    left = 0
    for today, ids in _calendars(ports, at).items():
        found = {
            whom: reminders
            for session in ports.database.everywhere()
            for whom, reminders in _whom(session, today).items()
            if whom[0] in ids
        }
        for organisation_id, people in groupby(sorted(found.items()), lambda each: each[0][0]):
            while batch := list(islice(people, PEOPLE_AT_ONCE)):
                try:
                    left += _leave_all(ports, organisation_id, batch, at)
                except Exception:  # the others need not wait for these
                    log.exception("reminders.failed")
    return left


def _calendars(ports: Ports, at: datetime) -> Mapping[date, frozenset[str]]:
    """Tell which day it is where, and for which organisations."""
    with ports.database.reading() as session:
        everyone = organisations.organisations(session)
    days: dict[date, frozenset[str]] = {}
    for organisation in everyone:
        try:
            today = local_day(at, ZoneInfo(organisation.time_zone))
        except (KeyError, ValueError):
            log.exception("reminders.failed", extra={"organisation_id": organisation.id})
            continue
        days[today] = days.get(today, frozenset()) | {organisation.id}
    return days


Whom = tuple[str, str]  # an organisation, and a person of it


def _whom(session: Session, today: date) -> Mapping[Whom, Sequence[Due]]:
    """Find who is to be reminded, and of what, where it is this day."""
    people: dict[Whom, list[Due]] = {}
    for scheme in catalogue().schemes:
        for kind, (first, last) in ends_due(scheme.renewal, today).items():
            for whom, found in _awaiting(session, scheme, kind, first, last):
                people.setdefault(whom, []).append(found)
    return people


def _awaiting(
    session: Session, scheme: Scheme, kind: Kind, first: date, last: date
) -> Iterator[tuple[Whom, Due]]:
    """Find the credentials in use whose cycle ends between two days, unrenewed and not yet recalled so.

    A cycle that another followed was filed for, so it is the one at work that is found. Every organisation's
    at once: SQLite, asked for one's alone, would read all of that one's register.
    """
    filed = select(Renewal.id).where(
        Renewal.credential_id == Period.credential_id, Renewal.cycle == Period.cycle
    )
    recalled = select(Reminder.id).where(
        Reminder.credential_id == Period.credential_id,
        Reminder.cycle == Period.cycle,
        Reminder.kind == kind.value,
    )
    rows = session.execute(
        select(Credential.organisation_id, Credential.holder_id, Credential.id, Period.cycle)
        .join(Period, Period.credential_id == Credential.id)
        .where(
            Credential.scheme_id == scheme.id,
            Credential.issued_at.is_not(None),
            Credential.revoked_at.is_(None),
            Credential.closed_at.is_(None),
            Period.scheme_version == scheme.version,
            Period.kind != PeriodKind.BRIDGE,
            Period.valid_until.between(first, last),
            ~filed.exists(),
            ~recalled.exists(),
        ),
        execution_options=EVERY_ORGANISATION,
    )
    for organisation_id, holder_id, credential_id, cycle in rows:
        yield (organisation_id, holder_id), Due(credential_id, cycle, kind)


def _leave_all(
    ports: Ports, organisation_id: str, people: Iterable[tuple[Whom, Sequence[Due]]], at: datetime
) -> int:
    """Leave the messages of some people of an organisation, all in one transaction."""
    with ports.database.writing(organisation_id) as session:
        return sum(
            _leave(session, organisation_id, person_id, reminders, at=at)
            for (_, person_id), reminders in people
        )


def _leave(
    session: Session, organisation_id: str, person_id: str, reminders: Sequence[Due], *, at: datetime
) -> bool:
    """Write the reminders down with the message that sends them; False if somebody else just did.

    Those whose day passed unseen are written down as passed over: a service that was down catches up with
    one letter, not with all that it missed.
    """
    try:
        with session.begin_nested():
            for each in reminders:
                _write_down(session, organisation_id, each, at)
            messages.leave(
                session,
                REMINDER,
                {"person": person_id, "reminders": [each.written() for each in reminders]},
                organisation_id=organisation_id,
                at=at,
            )
    except IntegrityError:
        return False
    return True


def _write_down(session: Session, organisation_id: str, reminder: Due, at: datetime) -> None:
    known = session.scalars(
        select(Reminder.kind).where(
            Reminder.credential_id == reminder.credential_id, Reminder.cycle == reminder.cycle
        )
    ).all()
    for kind in _up_to(reminder.kind):
        # What was passed over is written once. What is to be sent is written in any case: if somebody else
        # was faster, the constraint says so.
        if kind is reminder.kind or kind.value not in known:
            session.add(
                Reminder(
                    id=new_id("rmd"),
                    organisation_id=organisation_id,
                    credential_id=reminder.credential_id,
                    cycle=reminder.cycle,
                    kind=kind.value,
                    sent=kind is reminder.kind,
                    left_at=at,
                )
            )


def _up_to(kind: Kind) -> Iterable[Kind]:
    order = list(Kind)
    return order[: order.index(kind) + 1]


class TooLateToBegin(Exception):
    """The message will be another worker's before the letter could be handed over."""


def topics(ports: Ports) -> Mapping[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def send(message: Message) -> None:
        now = ports.clock.now()
        if message.lease_until is not None and now + SENDING_TAKES > message.lease_until:
            raise TooLateToBegin
        with ports.database.reading(message.organisation_id) as session:
            written = _write(session, message, ports, now)
        outcome = _hand_over(ports, written.mail) if written.mail is not None else None
        if outcome is None and not written.early and not written.overtaken:
            return
        with ports.database.writing(message.organisation_id) as session:
            for each in written.early:
                _take_back(session, each, now)
            for each in written.overtaken:
                _pass_over(session, each, now)
            if outcome is not None:
                trail.record(
                    session,
                    outcome,
                    organisation_id=message.organisation_id,
                    by=trail.SYSTEM,
                    at=now,
                    about={"person": str(message.body["person"]), "message": message.id},
                    facts={"reminders": [each.written() for each in written.reminders]},
                )

    return {REMINDER: send}


def _hand_over(ports: Ports, mail: Mail) -> str:
    try:
        ports.mailer.send(mail)
    except MailRefused:
        return "reminder.refused"
    return "reminder.sent"


def _take_back(session: Session, reminder: Due, now: datetime) -> None:
    """Forget that a clock which stood ahead asked for a reminder, so that it is asked for anew on its day.

    What was passed over then, or gave way, never left either. Of any other its own message tells.
    """
    passed_over = and_(Reminder.sent.is_(False), Reminder.left_at > now)
    itself = Reminder.kind == reminder.kind.value
    session.execute(delete(Reminder).where(*_of_cycle(reminder), or_(itself, passed_over)))


def _pass_over(session: Session, reminder: Due, now: datetime) -> None:
    """Note that a reminder never left, since the next one's day had come."""
    its_row = update(Reminder).where(*_of_cycle(reminder), Reminder.kind == reminder.kind.value)
    session.execute(its_row.values(sent=False, left_at=now))


def _of_cycle(reminder: Due) -> tuple[ColumnElement[bool], ...]:
    return Reminder.credential_id == reminder.credential_id, Reminder.cycle == reminder.cycle


@dataclass(frozen=True, slots=True)
class Written:
    """A letter, if there is anything to write of, and what it reminds of.

    `early` is what it was to remind of on a day to come, since the clock stood ahead when it was asked, or
    does so now and every day has passed. `overtaken` is what gave way to a later reminder: its day has come.
    """

    mail: Mail | None
    reminders: Sequence[Due]
    early: Sequence[Due] = ()
    overtaken: Sequence[Due] = ()


def _write(session: Session, message: Message, ports: Ports, now: datetime) -> Written:
    """Write the letter from the register as it is now."""
    organisation = organisations.organisation(session, message.organisation_id)
    reader = session.get(Person, str(message.body["person"]))
    asked = message.body["reminders"]
    if reader is None or not isinstance(asked, list):
        return Written(None, ())
    today = local_day(now, ZoneInfo(organisation.time_zone))
    base_url = organisation.address(ports.settings.public_url)
    entries: list[Entry] = []
    reminders: list[Due] = []
    early: list[Due] = []
    overtaken: list[Due] = []
    for each in map(Due.read, asked):
        cycle = _unrenewed(session, each)
        if cycle is None:
            continue
        until, rules = cycle.days.ends, cycle.scheme.renewal
        come = due(until, rules, today)
        if come is None or each.kind in [kind for kind, day in _days(until, rules) if day > today]:
            early.append(each)
        elif come is each.kind:
            entries.append(_entry(session, each, cycle, base_url, now))
            reminders.append(each)
        else:
            overtaken.append(each)
    if not entries:
        return Written(None, (), early, overtaken)
    letter = letters.compose(
        entries,
        Occasion(
            reader=f"{reader.given_name} {reader.family_name}",
            organisation=organisation.legal_name,
            today=today,
            test=organisation.mode is Mode.TEST,
            clock_offset=iso_duration(ports.clock.offset),
        ),
    )
    mail = Mail(to=reader.email, subject=letter.subject, text=letter.text, message_id=message.id)
    return Written(mail, reminders, early, overtaken)


def _unrenewed(session: Session, reminder: Due) -> CycleTerms | None:
    """Find the cycle that a reminder is about; none if there is no more reason to write of it."""
    credential = session.get(Credential, reminder.credential_id)
    if credential is None or credential.revoked_at is not None or credential.closed_at is not None:
        return None
    cycle = queries.terms(session, credential).last
    settled = cycle.number != reminder.cycle or queries.renewals_of_cycle(
        session, credential.id, cycle.number
    )
    return None if settled else cycle


def _entry(session: Session, reminder: Due, cycle: CycleTerms, base_url: str, now: datetime) -> Entry:
    """Tell how a credential stands."""
    credential = session.get_one(Credential, reminder.credential_id)
    ledger = ledger_of(session, credential, cycle=cycle.number, at=now)
    unit = cycle.scheme.cpd.unit
    return Entry(
        number=credential.number,
        title=cycle.scheme.title,
        address=f"{base_url}/v/{credential.number}",
        days=cycle.days,
        suspended=credential.suspended_at is not None,
        hours=Hours(
            counted=amount(ledger.counted, unit),
            required=amount(ledger.required, unit),
            gaps=tuple(gap.words for gap in ledger.gaps),
            carried=amount(ledger.carried, unit) if ledger.carried else None,
        ),
    )
