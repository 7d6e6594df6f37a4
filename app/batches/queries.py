"""Reads of batches: those that somebody may know of, their parts and their results."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.orm import Session

from app.batches.errors import BatchNotFound
from app.batches.models import Batch, BatchPart, BatchRow
from app.batches.rules import ENDED, NEEDS, Kind, RowState
from app.core.db import EVERY_ORGANISATION
from app.core.errors import CursorUnknown
from app.organisations.rules import Actor
from app.ports import Ports

STREAMED: Final = 1000


def readable(session: Session, batch_id: str, *, by: Actor) -> Batch:
    """Find a batch that somebody may know of: whoever could have sent it."""
    found = session.get(Batch, batch_id)
    if found is None or found.kind not in kinds_of(by):
        raise BatchNotFound("There is no such batch here.")
    return found


def kinds_of(by: Actor) -> frozenset[Kind]:
    return frozenset(kind for kind, needed in NEEDS.items() if needed <= by.permissions)


def locked(session: Session, batch_id: str) -> Batch | None:
    """Read a batch that nobody else may change until this transaction ends."""
    query = select(Batch).where(Batch.id == batch_id).with_for_update()
    return session.scalars(query, execution_options={"populate_existing": True}).first()


def page(session: Session, *, by: Actor, kind: Kind | None, after: str | None, limit: int) -> Sequence[Batch]:
    """List batches, the newest first."""
    query = select(Batch).where(Batch.kind.in_(kinds_of(by) & ({kind} if kind else frozenset(Kind))))
    if after is not None:
        last = session.get(Batch, after)
        if last is None:
            raise CursorUnknown("The cursor is none that was given out here.")
        same_instant = and_(Batch.created_at == last.created_at, Batch.id < last.id)
        query = query.where(or_(Batch.created_at < last.created_at, same_instant))
    return session.scalars(query.order_by(Batch.created_at.desc(), Batch.id.desc()).limit(limit)).all()


def unfinished(session: Session) -> int:
    """Count the organisation's batches that wait or run."""
    return session.scalars(select(func.count(Batch.id)).where(Batch.state.not_in(ENDED))).one()


def next_part(session: Session, batch_id: str) -> BatchPart | None:
    """Find the rows that come next."""
    query = select(BatchPart).where(BatchPart.batch_id == batch_id).order_by(BatchPart.first).limit(1)
    return session.scalars(query).first()


def results(
    session: Session, batch_id: str, *, after: int, limit: int, state: RowState | None = None
) -> Sequence[BatchRow]:
    """Read what became of rows, in their order; of those that are being issued nothing is said yet."""
    query = select(BatchRow).where(
        BatchRow.batch_id == batch_id, BatchRow.place > after, BatchRow.state != RowState.BEGUN
    )
    if state is not None:
        query = query.where(BatchRow.state == state)
    return session.scalars(query.order_by(BatchRow.place).limit(limit)).all()


def every_result(
    ports: Ports, organisation_id: str, batch_id: str, *, state: RowState | None
) -> Iterator[Sequence[BatchRow]]:
    """Read all results a piece at a time, each in a transaction of its own: an answer may take minutes."""
    after = -1
    while True:
        with ports.database.reading(organisation_id) as session:
            rows = results(session, batch_id, after=after, limit=STREAMED, state=state)
        if not rows:
            return
        yield rows
        after = rows[-1].place


def begun(session: Session, batch_id: str) -> Mapping[int, Mapping[str, str]]:
    """Find the rows whose credentials are being issued, or were when a machine stopped, by their places."""
    query = select(BatchRow.place, BatchRow.made).where(
        BatchRow.batch_id == batch_id, BatchRow.state == RowState.BEGUN
    )
    return dict(session.execute(query.order_by(BatchRow.place)).all())


def made_before(session: Session, kind: Kind, names: Collection[str]) -> Mapping[str, BatchRow]:
    """Find the rows by these names of their caller's that made something, whichever batch brought them."""
    made = text("batch_row.effect")  # in the index's own words, or SQLite looks through all rows
    query = select(BatchRow).where(BatchRow.kind == kind, BatchRow.external_id.in_(names), made)
    return {row.external_id: row for row in session.scalars(query)}


def aged(session: Session, *, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Name batches of anyone that ended so long ago, with their organisations."""
    query = select(Batch.organisation_id, Batch.id).where(Batch.ended_at < before).limit(limit)
    return session.execute(query, execution_options=EVERY_ORGANISATION).all()
