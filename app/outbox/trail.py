"""The event trail: who did what, when and why, chained so that nothing can be changed or left out unseen."""

import hashlib
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, Integer, String, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, contains_eager, mapped_column, relationship

from app.core import columns
from app.core.db import EVERY_ORGANISATION, Base, Database, Owned
from app.core.errors import JsonValue

log: Final = logging.getLogger("sigillo.trail")
SYSTEM: Final = "system"
GENESIS: Final = "0" * 64
BATCH: Final = 250  # under 50 ms: a longer write would keep requests waiting on SQLite

_DRAWN: Final = text("SELECT nextval(pg_get_serial_sequence('event', 'id')) FROM generate_series(1, :count)")

Key = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only INTEGER keys by itself


class Event(Owned, Base):
    """One change of state. Never changed, never deleted (a trigger watches), never personal in clear."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    topic: Mapped[str] = mapped_column(String(80))
    actor_id: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]
    about: Mapped[dict[str, JsonValue]]
    facts: Mapped[dict[str, JsonValue]]
    waiting: Mapped["EventWaiting | None"] = relationship()


class EventWaiting(Owned, Base):
    """An event that has no place in the chain yet: so nobody has to look through all the others for it."""

    __tablename__ = "event_waiting"

    event_id: Mapped[int] = mapped_column(Key, ForeignKey("event.id"), primary_key=True)


class EventLink(Owned, Base):
    """An event's place in its organisation's chain."""

    __tablename__ = "event_link"
    __table_args__ = (UniqueConstraint("organisation_id", "seq"),)

    event_id: Mapped[int] = mapped_column(Key, ForeignKey("event.id"), primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class EventHead(Owned, Base):
    """Where an organisation's chain ends. Its lock makes the appender the only one."""

    __tablename__ = "event_head"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    seq: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str] = mapped_column(String(64), default=GENESIS)
    __table_args__ = (UniqueConstraint("organisation_id"),)


_LAST: Final = select(func.coalesce(func.max(Event.__table__.c.id), 0))


def record(
    session: Session,
    topic: str,
    *,
    organisation_id: str,
    by: str,
    at: datetime,
    about: Mapping[str, str],
    facts: Mapping[str, JsonValue] | None = None,
) -> None:
    """Write down a change of state in the transaction that makes it.

    `about` holds identifiers; `facts` holds states, numbers and salted digests, never
    anything personal in clear: the trail outlives the erasure of a person.
    """
    session.add(
        Event(
            organisation_id=organisation_id,
            topic=topic,
            actor_id=by,
            at=at,
            about=dict(about),
            facts=dict(facts or {}),
            waiting=EventWaiting(organisation_id=organisation_id),
        )
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A change of state, to be written down with others of the same instant."""

    topic: str
    by: str
    about: Mapping[str, str]
    facts: Mapping[str, JsonValue]


def record_all(session: Session, told: Sequence[Told], *, at: datetime) -> None:
    """Write down many changes of state as `record` does one, in this order, with a few statements."""
    if not told:
        return
    numbers = _next_numbers(session, len(told))
    rows = [
        {
            "id": number,
            "topic": each.topic,
            "actor_id": each.by,
            "at": at,
            "about": dict(each.about),
            "facts": dict(each.facts),
        }
        for number, each in zip(numbers, told, strict=True)
    ]
    columns.write(session, Event, rows)
    columns.write(session, EventWaiting, [{"event_id": number} for number in numbers])


def _next_numbers(session: Session, count: int) -> Sequence[int]:
    """Take the next ids of events: on PostgreSQL from their sequence, on SQLite nobody else writes now."""
    if session.get_bind().dialect.name == "sqlite":
        ((last,),) = columns.read(session, _LAST)
        return range(last + 1, last + 1 + count)
    session.flush()
    return session.connection().execute(_DRAWN, {"count": count}).scalars().all()


def new_salt() -> str:
    """Draw the salt that is kept beside a text, so that erasing both leaves the digest meaningless."""
    return secrets.token_hex(16)


def salted_digest(salt: str, text: str) -> str:
    """Digest a text that may be personal, so that the trail can prove it and not tell it."""
    return hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def canonical(value: JsonValue) -> str:
    """Write JSON in one way only: sorted keys, no spaces, every character itself."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: JsonValue) -> str:
    """Hash a JSON value over its canonical form."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def link_hash(event: Event, seq: int, previous: str) -> str:
    """Hash an event together with its place and with everything before it."""
    return digest(
        {
            "organisation": event.organisation_id,
            "seq": seq,
            "event": event.id,
            "topic": event.topic,
            "actor": event.actor_id,
            "at": event.at.astimezone(UTC).isoformat(),
            "about": event.about,
            "facts": event.facts,
            "previous": previous,
        }
    )


def append(database: Database) -> int:
    """Number and chain the events that wait, organisation by organisation; return how many.

    A chain that cannot be continued is logged and left waiting: the other organisations' go on.
    """
    with database.reading() as session:
        organisations = session.scalars(
            select(EventWaiting.organisation_id).distinct(), execution_options=EVERY_ORGANISATION
        ).all()
    appended = 0
    for organisation_id in organisations:
        try:
            appended += _append_to(database, organisation_id)
        except Exception:
            log.exception("trail.failed", extra={"organisation_id": organisation_id})
    return appended


def _append_to(database: Database, organisation_id: str) -> int:
    with database.writing(organisation_id) as session:
        head = session.scalars(select(EventHead).with_for_update()).one()
        unlinked = (
            select(Event)
            .join(EventWaiting, EventWaiting.event_id == Event.id)
            .options(contains_eager(Event.waiting))
            .order_by(Event.id)
            .limit(BATCH)
        )
        events = session.scalars(unlinked).all()
        for event in events:
            head.seq += 1
            head.hash = link_hash(event, head.seq, head.hash)
            session.add(
                EventLink(event_id=event.id, organisation_id=organisation_id, seq=head.seq, hash=head.hash)
            )
            session.delete(event.waiting)
        return len(events)


@dataclass(frozen=True, slots=True)
class Audit:
    """What walking one organisation's chain found. No finding means that it holds."""

    organisation_id: str
    events: int
    waiting: int
    head: str
    findings: tuple[str, ...]


def verify(session: Session, organisation_id: str) -> Audit:
    """Walk the chain from its first event and say where it breaks, if it does."""
    findings: list[str] = []
    previous, expected = GENESIS, 0
    rows = session.execute(
        select(Event, EventLink)
        .join(EventLink, EventLink.event_id == Event.id)
        .order_by(EventLink.seq)
        .execution_options(yield_per=BATCH)
    )
    for event, link in rows:
        expected += 1
        if link.seq != expected:
            findings.append(f"Event {expected} is missing before event {link.seq}.")
            expected = link.seq
        if link_hash(event, link.seq, previous) != link.hash:
            findings.append(f"Event {link.seq} ({event.topic}) is not what was recorded.")
        previous = link.hash
    head = session.scalars(select(EventHead)).one()
    if (head.seq, head.hash) != (expected, previous):
        findings.append(f"The chain should end with event {head.seq}; it ends with event {expected}.")
    # Of one instant: an event that is recorded meanwhile is counted on both sides, or on neither.
    counts = (
        select(func.count()).select_from(table).where(table.organisation_id == organisation_id)
        for table in (EventLink, EventWaiting, Event)
    )
    linked, waiting, total = session.execute(select(*(count.scalar_subquery() for count in counts))).one()
    if linked + waiting != total:
        findings.append(f"{total} events are there, {linked} in the chain and {waiting} on the way to it.")
    return Audit(organisation_id, linked, waiting, head.hash, tuple(findings))
