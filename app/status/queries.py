"""Reads of status lists."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import EVERY_ORGANISATION
from app.formats.claims import Purpose
from app.status.errors import ListNotFound
from app.status.models import ListKind, PublishedList, Standing, StatusList, StatusPosition


def open_list(session: Session, kind: ListKind) -> StatusList | None:
    """Find the list of the session's organisation that is less than half full, and hold its row."""
    return session.scalars(
        select(StatusList)
        .where(StatusList.kind == kind, StatusList.taken * 2 < StatusList.size)
        .order_by(StatusList.id.desc())
        .limit(1)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()


def locked(session: Session, list_id: int) -> StatusList:
    """Hold a list's row: versions and published forms change one after another."""
    return session.scalars(
        select(StatusList)
        .where(StatusList.id == list_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def of_anyone(session: Session, list_id: int) -> StatusList:
    """Find a list, whichever organisation's it is."""
    return session.scalars(
        select(StatusList).where(StatusList.id == list_id), execution_options=EVERY_ORGANISATION
    ).one()


def position(session: Session, list_id: int, index: int) -> StatusPosition | None:
    return session.scalars(
        select(StatusPosition).where(StatusPosition.list_id == list_id, StatusPosition.index == index)
    ).first()


def positions_of(session: Session, document_ids: Collection[str]) -> Sequence[StatusPosition]:
    """Find the positions of these documents; a document has one."""
    return session.scalars(
        select(StatusPosition)
        .where(StatusPosition.document_id.in_(document_ids))
        .order_by(StatusPosition.list_id, StatusPosition.index)
    ).all()


def raised(session: Session, list_id: int) -> Sequence[tuple[int, Standing]]:
    """List the positions that say anything other than valid."""
    rows = session.execute(
        select(StatusPosition.index, StatusPosition.standing)
        .where(StatusPosition.list_id == list_id, StatusPosition.standing != Standing.VALID)
        .order_by(StatusPosition.index),
        execution_options=EVERY_ORGANISATION,
    )
    return [(index, Standing(standing)) for index, standing in rows]


def published_forms(session: Session, list_id: int) -> dict[str, PublishedList]:
    """Find what is published of a list now, by purpose."""
    rows = session.scalars(
        select(PublishedList).where(PublishedList.list_id == list_id),
        execution_options={**EVERY_ORGANISATION, "populate_existing": True},
    )
    return {row.purpose: row for row in rows}


def published(session: Session, list_id: int, purpose: Purpose) -> PublishedList:
    """Find a list as anyone may fetch it."""
    found = published_forms(session, list_id).get(purpose)
    if found is None:
        raise ListNotFound("There is no such status list.")
    return found


def signed_before(session: Session, at: datetime) -> Sequence[int]:
    """Name the lists whose signature is older than this instant."""
    return session.scalars(
        select(PublishedList.list_id).where(PublishedList.signed_at <= at).distinct(),
        execution_options=EVERY_ORGANISATION,
    ).all()
