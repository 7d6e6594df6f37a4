"""A new key in the place of an old one, with some time to move from the one to the other."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.organisations import queries, service
from app.organisations.errors import KeyEnded, KeyNotFound
from app.organisations.rules import Actor, Permission
from app.organisations.service import NewKey
from app.outbox import trail


def rotate(session: Session, key_id: str, *, overlap: timedelta, by: Actor, at: datetime) -> NewKey:
    """Make a key of the same owner and scopes, and end the old one once the overlap is over.

    Administrators do it for anybody, and the new key has a whole life before it. With the key itself in hand
    its owner may do it alone; then the new one ends when the old one would have: who found a key does not
    have it for good.
    """
    old = queries.key_locked(session, key_id)
    own = by.key_id == old.id
    if not own and not by.may(Permission.KEYS_WRITE):
        raise KeyNotFound("There is no such key here.")
    if not old.usable(at):
        raise KeyEnded("The key has ended: make a new one.")
    made = service.issue_key(
        session,
        person_id=old.person_id,
        client_id=old.client_id,
        scopes=old.scopes,
        expires_at=None if by.may(Permission.KEYS_WRITE) else old.expires_at,
        by=by.id,
        at=at,
        within=None if own else by.within,
    )
    old.expires_at = min(old.expires_at, at + overlap)
    facts: dict[str, JsonValue] = {"ends": old.expires_at.isoformat()}
    trail.record(
        session,
        "key.rotated",
        by=by.id,
        at=at,
        organisation_id=old.organisation_id,
        about={"key": old.id, "successor": made.id},
        facts=facts,
    )
    return made
