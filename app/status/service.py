"""Positions in status lists: taken at random and for good, and what they say of their documents."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import columns
from app.formats.bitstring import MIN_SIZE
from app.organisations.models import Organisation
from app.status import queries
from app.status.models import ListKind, Standing, StatusList, StatusPosition
from app.status.queries import OpenList


@dataclass(frozen=True, slots=True)
class Place:
    """A free place in a list, held by this transaction."""

    list_id: int
    index: int


def draw_places(
    session: Session,
    kind: ListKind,
    count: int,
    *,
    organisation_id: str,
    at: datetime,
    draw: Callable[[int], int] = secrets.randbelow,
) -> list[Place]:
    """Draw free places, at random in the organisation's current list; `take_places` takes them for good.

    Random, so that a place tells nothing of when or after whom a document was made. A list is left when
    it is half full: below that, finding a free place takes two draws at most on average.
    """
    places: list[Place] = []
    while len(places) < count:
        chosen = _current_list(session, kind, organisation_id=organisation_id, at=at)
        room = (chosen.size + 1) // 2 - chosen.taken
        drawn = _free(session, chosen, min(room, count - len(places)), draw)
        queries.fill(session, chosen.id, len(drawn))
        places += [Place(chosen.id, index) for index in drawn]
    return places


def take_places(session: Session, places: Mapping[str, Place]) -> None:
    """Take places that were drawn in this transaction, each for the document of this name."""
    columns.write(
        session,
        StatusPosition,
        [
            {
                "list_id": place.list_id,
                "index": place.index,
                "document_id": document_id,
                "standing": Standing.VALID,
                "version": 1,
            }
            for document_id, place in places.items()
        ],
    )


def give_back(session: Session, places: Iterable[Place]) -> None:
    """Leave places free that were drawn for what is not to be: nobody has seen them."""
    for place in places:
        queries.fill(session, place.list_id, -1)


def _free(session: Session, chosen: OpenList, count: int, draw: Callable[[int], int]) -> list[int]:
    """Find so many places that nobody has: the list's row is locked, and nobody else draws."""
    found: dict[int, None] = {}
    while len(found) < count:
        drawn = list(dict.fromkeys(draw(chosen.size) for _ in range(count - len(found))))
        taken = queries.taken_of(session, chosen.id, drawn)
        found.update(dict.fromkeys(index for index in drawn if index not in taken))
    return list(found)


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


def _current_list(session: Session, kind: ListKind, *, organisation_id: str, at: datetime) -> OpenList:
    """Find the list that is being filled and hold it; open the next one where there is none."""
    found = queries.open_list(session, kind)
    if found is None:
        # Two first documents at once: whoever comes second waits here, and then finds the list of the first.
        session.execute(
            select(Organisation.id).where(Organisation.id == organisation_id).with_for_update(key_share=True)
        )
        found = queries.open_list(session, kind)
    if found is None:
        opened = StatusList(
            organisation_id=organisation_id, kind=kind, size=MIN_SIZE, taken=0, version=1, created_at=at
        )
        session.add(opened)
        session.flush()
        found = OpenList(opened.id, opened.size, opened.taken)
    return found
