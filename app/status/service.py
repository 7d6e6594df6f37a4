"""Positions in status lists: taken at random and for good, and what they say of their documents."""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.formats.bitstring import MIN_SIZE
from app.organisations.models import Organisation
from app.status import queries
from app.status.models import ListKind, Standing, StatusList, StatusPosition


def take_position(
    session: Session,
    kind: ListKind,
    document_id: str,
    *,
    organisation_id: str,
    at: datetime,
    draw: Callable[[int], int] = secrets.randbelow,
) -> tuple[StatusList, int]:
    """Take a place for a document, at random in the organisation's current list, for good.

    Random, so that a place tells nothing of when or after whom a document was made. A list is left when
    it is half full: below that, finding a free place takes two draws at most on average.
    """
    chosen = _current_list(session, kind, organisation_id=organisation_id, at=at)
    index = draw(chosen.size)
    while (
        queries.position(session, chosen.id, index) is not None
    ):  # the list's row is locked: nobody else draws
        index = draw(chosen.size)
    chosen.taken += 1
    session.add(
        StatusPosition(
            organisation_id=organisation_id,
            list_id=chosen.id,
            index=index,
            document_id=document_id,
            standing=Standing.VALID,
        )
    )
    session.flush()
    return chosen, index


def set_standing(session: Session, document_ids: Collection[str], standing: Standing) -> None:
    """Change what the lists say of these documents.

    That a list's version is above the published one is the word left to publish it: a worker looks for
    such lists, so nothing else could be lost. The public sees the change, and hears of it, only then.
    """
    changed = [
        position for position in queries.positions_of(session, document_ids) if position.standing != standing
    ]
    # Always in the same order, so that two changes never hold one list each and wait for the other.
    versions: dict[int, int] = {}
    for list_id in sorted({position.list_id for position in changed}):
        held = queries.locked(session, list_id)
        held.version += 1
        versions[list_id] = held.version
    for position in changed:
        position.standing = standing
        position.version = versions[position.list_id]
    session.flush()


def _current_list(session: Session, kind: ListKind, *, organisation_id: str, at: datetime) -> StatusList:
    """Find the list that is being filled and hold it; open the next one where there is none."""
    found = queries.open_list(session, kind)
    if found is None:
        # Two first documents at once: whoever comes second waits here, and then finds the list of the first.
        session.execute(
            select(Organisation.id).where(Organisation.id == organisation_id).with_for_update(key_share=True)
        )
        found = queries.open_list(session, kind)
    if found is None:
        found = StatusList(
            organisation_id=organisation_id, kind=kind, size=MIN_SIZE, taken=0, version=1, created_at=at
        )
        session.add(found)
        session.flush()
    return found
