"""Reads of status lists."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import String, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from app.core import columns
from app.core.db import EVERY_ORGANISATION, look_up
from app.status.errors import ListNotFound
from app.status.models import ListKind, PublishedList, Standing, StatusList, StatusPosition

_POSITION: Final = columns.table(StatusPosition)
_TAKEN: Final = select(_POSITION.c.index).where(
    columns.inside(_POSITION),
    _POSITION.c.list_id == bindparam("list_id"),
    columns.among(_POSITION.c.index, "indexes"),
)
_PUBLISHED: Final = columns.table(PublishedList)
_FORMS: Final = select(_PUBLISHED.c.list_id, _PUBLISHED.c.purpose).where(
    columns.inside(_PUBLISHED), columns.among(_PUBLISHED.c.list_id, "lists")
)


def forms_of(session: Session, lists: Collection[int]) -> Mapping[int, set[str]]:
    """Tell in which forms these lists of the session's organisation are published."""
    found: dict[int, set[str]] = {list_id: set() for list_id in lists}
    for row in columns.read(session, _FORMS, lists=[*found]):
        found[row.list_id].add(row.purpose)
    return found


_LIST: Final = columns.table(StatusList)
_OPEN: Final = (
    select(_LIST.c.id, _LIST.c.size, _LIST.c.taken)
    .where(
        _LIST.c.organisation_id == columns.WHOSE,  # nothing else is narrower
        _LIST.c.kind == bindparam("wanted"),
        _LIST.c.taken * 2 < _LIST.c.size,
    )
    .order_by(_LIST.c.id.desc())
    .limit(1)
    .with_for_update(key_share=True)
)
_FILLED: Final = (
    update(_LIST)
    .where(columns.inside(_LIST), _LIST.c.id == bindparam("list_id"))
    .values(taken=_LIST.c.taken + bindparam("count"))
)


@dataclass(frozen=True, slots=True)
class OpenList:
    """A list that is being filled, its row held."""

    id: int
    size: int
    taken: int


def open_list(session: Session, kind: ListKind) -> OpenList | None:
    """Find the list of the session's organisation that is less than half full, and hold its row."""
    found = columns.read(session, _OPEN, wanted=kind)
    return OpenList(found[0].id, found[0].size, found[0].taken) if found else None


def fill(session: Session, list_id: int, count: int) -> None:
    """Count so many places of a list as taken, or as free again."""
    columns.run(session, _FILLED, list_id=list_id, count=count)


def locked(session: Session, list_id: int) -> StatusList:
    """Hold a list's row: versions and published forms change one after another."""
    return session.scalars(
        select(StatusList)
        .where(StatusList.id == list_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def of_anyone(session: Session, list_id: int) -> StatusList:
    """Find a list, whichever organisation's it is; the session is then inside that."""
    look_up(session, StatusList, list_id)
    return session.scalars(
        select(StatusList).where(StatusList.id == list_id), execution_options=EVERY_ORGANISATION
    ).one()


def taken_of(session: Session, list_id: int, indexes: Sequence[int]) -> Collection[int]:
    """Tell which of these places of a list somebody has."""
    return {row[0] for row in columns.read(session, _TAKEN, list_id=list_id, indexes=indexes)}


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


def changed_since(session: Session, list_id: int, version: int) -> Sequence[tuple[int, Standing, int]]:
    """List the positions that changed after this version of their list, each with its own."""
    rows = session.execute(
        select(StatusPosition.index, StatusPosition.standing, StatusPosition.version).where(
            StatusPosition.list_id == list_id, StatusPosition.version > version
        ),
        execution_options=EVERY_ORGANISATION,
    )
    return [(index, Standing(standing), changed) for index, standing, changed in rows]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the public sees of a list in one form, without the form itself, which may be long."""

    version: int
    level: int
    signed_at: datetime
    key_thumbprint: str


def shown(session: Session, list_id: int) -> Mapping[str, Shown]:
    """Tell what is published of a list now, by form."""
    rows = session.execute(
        select(
            PublishedList.purpose,
            PublishedList.version,
            PublishedList.level,
            PublishedList.signed_at,
            PublishedList.key_thumbprint,
        ).where(PublishedList.list_id == list_id),
        execution_options=EVERY_ORGANISATION,
    )
    return {form: Shown(version, level, signed_at, key) for form, version, level, signed_at, key in rows}


def replace_form(session: Session, list_id: int, form: str, values: Mapping[str, object]) -> None:
    """Put a newly signed form in the place of the one that the public sees."""
    session.execute(
        update(PublishedList)
        .where(PublishedList.list_id == list_id, PublishedList.purpose == form)
        .values(values),
        execution_options={**EVERY_ORGANISATION, "synchronize_session": False},
    )


def published(session: Session, list_id: int, form: str) -> PublishedList:
    """Find a list as anyone may fetch it."""
    look_up(session, StatusList, list_id)
    found = session.scalars(
        select(PublishedList).where(PublishedList.list_id == list_id, PublishedList.purpose == form),
        execution_options={**EVERY_ORGANISATION, "populate_existing": True},
    ).first()
    if found is None:
        raise ListNotFound("There is no such status list.")
    return found


def behind(
    session: Session,
    form: str,
    *,
    best: int,
    resting: datetime,
    old: datetime,
    ahead: datetime,
    keys: Collection[str],
) -> Sequence[int]:
    """Name the lists of which the public sees less than there is to see, judged by the form that all have.

    That form is missing or older than its list; or was signed before `old`, or after `ahead` by a clock
    that was wrong; or has come to rest before `resting` and could be smaller; or was signed by none of
    `keys`.
    """
    if session.get_bind().dialect.name == "postgresql":
        named = array([*keys], type_=String)
        return session.scalars(select(func.lists_behind(form, best, resting, old, ahead, named))).all()
    seen = and_(PublishedList.list_id == StatusList.id, PublishedList.purpose == form)
    return session.scalars(
        select(StatusList.id)
        .outerjoin(PublishedList, seen)
        .where(
            or_(
                PublishedList.id.is_(None),
                PublishedList.version < StatusList.version,
                PublishedList.signed_at <= old,
                PublishedList.signed_at > ahead,
                PublishedList.key_thumbprint.not_in(keys),
                and_(PublishedList.level < best, PublishedList.signed_at <= resting),
            )
        )
        .order_by(StatusList.id),
        execution_options=EVERY_ORGANISATION,
    ).all()
