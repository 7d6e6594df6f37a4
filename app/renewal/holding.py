"""Whose an activity is: who may read it, who may change it, and the trail that changes leave."""

from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.credentials import queries as credentials
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential
from app.organisations.rules import READS_EVERY_ACTIVITY, Actor
from app.outbox import trail
from app.renewal import queries
from app.renewal.errors import (
    CpdActivityClosedToChanges,
    CpdActivityNotFound,
    CpdActivityNotMovable,
    CpdActivityTooMany,
    NotYourCpdActivity,
)
from app.renewal.models import CpdActivity
from app.renewal.queries import Terms
from app.renewal.states import ACTIVITY_MOVES, ActivityState

MOST_ACTIVITIES: Final = 10_000  # of one credential in one cycle
_NO_CREDENTIAL = "There is no such credential here."
_NO_ACTIVITY = "There is no such activity here."


def reads_all(by: Actor) -> bool:
    """Tell whether somebody of the office reads everybody's activities."""
    return by.is_person and by.has(*READS_EVERY_ACTIVITY)


def readable(session: Session, activity_id: str, *, by: Actor) -> CpdActivity:
    """Find an activity for its holder, for the office, or for the program that recorded it.

    For everybody else there is none.
    """
    found = queries.activity(session, activity_id)
    mine = found.holder_id if by.is_person else found.recorded_by
    if by.id != mine and not reads_all(by):
        raise CpdActivityNotFound(_NO_ACTIVITY)
    return found


def readable_credential(session: Session, credential_id: str, *, by: Actor) -> Credential:
    """Find a credential whose activities the actor may read: the holder's own, or any for the office."""
    found = credentials.by_id(session, credential_id)
    if by.id != found.holder_id and not reads_all(by):
        raise CredentialNotFound(_NO_CREDENTIAL)
    return found


def own_credential(session: Session, credential_id: str, *, by: Actor, lock: bool = False) -> Credential:
    """Find a credential for its holder to enter something for.

    Every change to activities holds the credential's row: so nothing is entered twice, and nothing slips in
    while a renewal is being filed.
    """
    found = credentials.by_id(session, credential_id, lock=lock)
    if by.id != found.holder_id or found.issued_at is None:
        if reads_all(by):
            raise NotYourCpdActivity("Only the holder enters and changes activities.")
        raise CredentialNotFound(_NO_CREDENTIAL)
    require_open(found)
    return found


def require_open(credential: Credential) -> None:
    """Insist that a credential can still be renewed one day."""
    if credential.revoked_at is not None or credential.closed_at is not None:
        raise CpdActivityClosedToChanges("The credential was revoked or has lapsed, for good.")


def require_room(session: Session, terms: Terms, ended_on: date) -> None:
    """Insist that the cycle in which an activity ended has room for one more."""
    crowd = queries.crowds(session, [terms])
    refuse_crowd(crowd[terms.credential.id, terms.of(ended_on).number])


def refuse_crowd(there: int) -> None:
    """Refuse one more where there are as many as there may be."""
    if there >= MOST_ACTIVITIES:
        raise CpdActivityTooMany(
            f"At most {MOST_ACTIVITIES} activities are kept for one cycle, earlier versions among them.",
            most=MOST_ACTIVITIES,
        )


def own(session: Session, activity_id: str, *, by: Actor, lock: bool = False) -> tuple[CpdActivity, Terms]:
    """Find an activity for its holder to change, and the terms on which they may."""
    found = queries.activity(session, activity_id)
    if by.id != found.holder_id:
        if reads_all(by):
            raise NotYourCpdActivity("Only the holder enters and changes activities.")
        raise CpdActivityNotFound(_NO_ACTIVITY)
    credential = own_credential(session, found.credential_id, by=by, lock=lock)
    if lock:
        found = queries.activity(session, activity_id)  # as it is now that nobody else changes it
    return found, queries.terms(session, credential)


def move(activity: CpdActivity, target: ActivityState) -> None:
    """Let an activity take a step along the table."""
    if target not in ACTIVITY_MOVES[activity.state]:
        raise CpdActivityNotMovable(
            f"An activity that is {activity.state} cannot become {target}.", state=activity.state.value
        )
    activity.state = target


def record(
    session: Session,
    activity: CpdActivity,
    topic: str,
    *,
    by: str,
    at: datetime,
    proof: str | None = None,
    **facts: JsonValue,
) -> None:
    """Write down what happened to an activity: what it became, never what anybody wrote."""
    about = {"activity": activity.id, "credential": activity.credential_id, "holder": activity.holder_id}
    trail.record(
        session,
        topic,
        organisation_id=activity.organisation_id,
        by=by,
        at=at,
        about=about if proof is None else {**about, "proof": proof},
        facts={"state": activity.state.value, **facts},
    )
