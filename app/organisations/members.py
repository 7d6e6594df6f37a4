"""Entering a person whole: who they are, their membership and their roles."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.organisations import service
from app.organisations.errors import PermissionMissing
from app.organisations.models import Person
from app.organisations.rules import Actor, Permission, Role, whole_name


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the members' book."""

    number: str
    from_day: date
    to_day: date | None


def add(
    session: Session,
    *,
    given_name: str,
    family_name: str,
    name_on_credential: str | None,
    email: str,
    entry: Entry | None,
    roles: Collection[Role],
    require_room: Callable[[str], None],
    by: Actor,
    at: datetime,
) -> Person:
    """Enter a person with their membership and roles; roles are for those to give who give keys.

    Nobody gets a name that no credential could bear: `require_room` refuses it.
    """
    if roles and not by.may(Permission.KEYS_WRITE):
        raise PermissionMissing(
            "Roles are given by an administrator. Add the person without them.",
            needs=Permission.KEYS_WRITE.value,
        )
    borne = name_on_credential or whole_name(given_name, family_name)
    require_room(borne)
    person = service.add_person(
        session,
        by.organisation_id,
        given_name=given_name,
        family_name=family_name,
        name_on_credential=borne,
        email=email,
        by=by.id,
        at=at,
    )
    if entry is not None:
        service.admit_member(
            session,
            person.id,
            number=entry.number,
            from_day=entry.from_day,
            to_day=entry.to_day,
            by=by.id,
            at=at,
        )
    today = service.today_of(session, by.organisation_id, at)
    for role in sorted(set(roles)):
        service.grant_role(session, person.id, role, from_day=today, to_day=None, by=by.id, at=at)
    return person
