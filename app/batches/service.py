"""Batches taken in, cancelled, and forgotten in their time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import TextIO

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from app.batches import queries
from app.batches.errors import BatchNotFound, MinutesMissing, MinutesTooOld, TooManyBatches
from app.batches.models import Batch, BatchPart, BatchRow
from app.batches.reading import Look, Place, Row, Understood
from app.batches.rules import AT_ONCE, ENDED, IMPORTED_WITHIN, KEPT_FOR, MOST_AT_ONCE, NEEDS, BatchState, Kind
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.credentials.naming import Room
from app.decisions import minutes as minutes_taken
from app.decisions.models import Minutes
from app.decisions.rules import Tally
from app.organisations.errors import NameTooLong, PermissionMissing
from app.organisations.idempotency import ANEW, Once
from app.organisations.rules import Actor, whole_name
from app.outbox import messages, trail
from app.ports import Ports
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

CARRY = "batch.carry"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants done with the rows that they send."""

    kind: Kind
    dry_run: bool
    minutes_id: str | None


def require_sender(asked: Asked, *, by: Actor) -> None:
    """Insist that somebody may do for many what they ask for."""
    for needed in sorted(NEEDS[asked.kind] - by.permissions):
        raise PermissionMissing(f"This needs the permission `{needed}`.", needs=needed.value)


def stated(session: Session, asked: Asked, *, at: datetime) -> Minutes | None:
    """Give the minutes that state what is asked for, where decisions need them."""
    if asked.kind is not Kind.DECISIONS:
        return None
    if asked.minutes_id is None:
        raise MinutesMissing("Record the minutes with `POST /v1/minutes`, and name them: `?minutes=min_…`.")
    minutes = minutes_taken.by_id(session, asked.minutes_id)
    if at > minutes.recorded_at + IMPORTED_WITHIN:
        raise MinutesTooOld(
            f"These were recorded more than {IMPORTED_WITHIN.days} days ago. A person records them again, to "
            "vouch for what is still to be imported."
        )
    return minutes


def look_of(session: Session, kind: Kind, minutes: Minutes | None, *, public_url: str) -> Look | None:
    """Give what looks at each row for more than its shape: for a name that no credential could bear, too."""
    if kind is Kind.CREDENTIALS:
        return None
    if minutes is None:
        room = Room.of(session, catalogue().schemes, public_url=public_url)
        return lambda row: _look_at_name(
            room, row.get("name_on_credential") or whole_name(row["given_name"], row["family_name"])
        )
    scheme = catalogue().version(minutes.scheme_id, minutes.scheme_version)
    room = Room.of(session, [scheme], public_url=public_url)
    stated = _look_at(minutes, scheme)
    # Who is known already may have a name that is shorter than these two: that is seen when their turn comes.
    return lambda row: chain(_look_at_name(room, row.get("name_on_credential", "")), stated(row))


def _look_at_name(room: Room, name: str) -> Iterator[tuple[Place, str, str]]:
    if words := room.fault_of(name):
        yield ("name_on_credential",), NameTooLong.code, words


def _look_at(minutes: Minutes, scheme: Scheme) -> Look:
    """Check a decision against the minutes that state it: its day, its votes, the membership it needs."""
    words = {
        "votes-not-countable": f"More votes than the {minutes.present} voters who were there.",
        "no-quorum": f"{minutes.needed} voters are needed on a case, abstentions counted.",
        "no-majority": "These votes grant nothing: it takes more than half of those cast.",
    }
    told = 0

    def look(row: Row) -> Iterator[tuple[Place, str, str]]:
        nonlocal told
        told += 1
        if told == minutes.decisions + 1:
            yield (), "too-many", f"The minutes state {minutes.decisions} decisions."
        if row["decided_on"] != minutes.held_on.isoformat():
            yield ("decided_on",), "another-day", f"The minutes are of {minutes.held_on.isoformat()}."
        votes = row["votes"]
        counted = Tally(grant=votes["for"], refuse=votes["against"], defer=0, abstain=votes["abstained"])
        if code := minutes_taken.fault_of(counted, minutes, scheme.decision):
            yield ("votes",), code, words[code]
        if scheme.admission.membership.required and "membership" not in row:
            yield ("membership",), "missing", "The scheme asks for a member: give the number."

    return look


def take_in(
    ports: Ports,
    asked: Asked,
    understood: Understood,
    rows: TextIO,
    *,
    by: Actor,
    at: datetime,
    once: Once = ANEW,
) -> Batch:
    """Keep a batch whose rows are all right, and leave word to carry it out."""
    with ports.database.writing(by.organisation_id) as session:
        once.claim(session)
        if queries.unfinished(session) >= MOST_AT_ONCE:
            raise TooManyBatches(
                f"An organisation has {MOST_AT_ONCE} batches at most that wait or run. Wait for one to end, "
                "or cancel one.",
                limit=MOST_AT_ONCE,
            )
        batch = Batch(
            id=new_id("bat"),
            organisation_id=by.organisation_id,
            kind=asked.kind,
            state=BatchState.QUEUED,
            dry_run=asked.dry_run,
            minutes_id=asked.minutes_id if asked.kind is Kind.DECISIONS else None,
            created_by=by.id,
            by_person=by.is_person,
            sha256=understood.sha256,
            total=understood.rows,
            ok=0,
            failed=0,
            skipped=0,
            created_at=at,
        )
        session.add(batch)
        session.flush()
        first = 0
        while part := list(islice(rows, AT_ONCE)):
            kept = {
                "batch_id": batch.id,
                "first": first,
                "organisation_id": by.organisation_id,
                "rows": "".join(part),
            }
            session.connection().execute(insert(BatchPart), kept)
            first += len(part)
        messages.leave(
            session, CARRY, {"batch": batch.id}, organisation_id=by.organisation_id, at=at, name=batch.id
        )
        record(session, batch, "batch.accepted", by=by.id, at=at, rows=batch.total)
        session.flush()
        once.keep(session, batch)
    return batch


def cancel(session: Session, batch_id: str, *, by: Actor, at: datetime) -> Batch:
    """Let no further row of a batch begin. What is done stays; of one that has ended, nothing changes."""
    queries.readable(session, batch_id, by=by)
    batch = queries.locked(session, batch_id)
    if batch is None:
        raise BatchNotFound("There is no such batch here.")
    if batch.state not in {BatchState.CANCELLING, *ENDED}:
        batch.state = BatchState.CANCELLING
        record(session, batch, "batch.cancelled", by=by.id, at=at)
        session.flush()
    return batch


def record(session: Session, batch: Batch, topic: str, *, by: str, at: datetime, **facts: JsonValue) -> None:
    """Write down what happened to a batch. What its rows did has events of its own."""
    trail.record(
        session,
        topic,
        organisation_id=batch.organisation_id,
        by=by,
        at=at,
        about={"batch": batch.id, **({"minutes": batch.minutes_id} if batch.minutes_id else {})},
        facts={"kind": batch.kind.value, "dry_run": batch.dry_run, **facts},
    )


def sweep(ports: Ports, at: datetime) -> None:
    """Forget batches and their results once they have been kept long enough, a few at a time."""
    old = [
        each
        for session in ports.database.everywhere()
        for each in queries.aged(session, before=at - KEPT_FOR, limit=20)
    ]
    for organisation_id, batch_id in old:
        with ports.database.writing(organisation_id) as session:
            for table in (BatchRow, BatchPart):
                session.execute(delete(table).where(table.batch_id == batch_id))
            session.execute(delete(Batch).where(Batch.id == batch_id))
