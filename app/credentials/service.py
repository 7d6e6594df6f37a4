"""After issuance: a credential is suspended, reinstated or revoked, and read by whose business it is."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.credentials import queries
from app.credentials.errors import (
    CauseNotAllowed,
    CredentialNotMovable,
    OwnCredential,
    ReviewNotAllowed,
)
from app.credentials.models import Credential, Period, StatusChange
from app.credentials.rules import MOVES, REVOCATION_CAUSES, StatusMove
from app.organisations import service as organisations
from app.organisations.rules import Actor
from app.outbox import changes, trail
from app.schemes.catalogue import catalogue
from app.schemes.upkeep import SuspensionRules
from app.status.models import Standing
from app.status.service import set_standing


def suspend(
    session: Session,
    credential_id: str,
    *,
    cause: str,
    reasons: str,
    review_on: date | None,
    by: Actor,
    at: datetime,
) -> Credential:
    """Suspend a credential, for a cause that the scheme names and until a day on which it is reviewed."""
    credential, period = _movable(session, credential_id, StatusMove.SUSPENDED, by=by, at=at)
    rules = catalogue().version(credential.scheme_id, period.scheme_version).suspension
    _require_cause(cause, rules.causes)
    review = _review_day(rules, review_on, organisations.today_of(session, by.organisation_id, at))
    credential.suspended_at = at
    credential.suspension_review = review
    in_force, _ = queries.names_of_documents(session, credential)
    set_standing(session, in_force, Standing.SUSPENDED)
    facts = {"cause": cause, "review": review.isoformat()}
    _tell(session, credential, StatusMove.SUSPENDED, reasons, facts, by=by, at=at)
    return credential


def reinstate(session: Session, credential_id: str, *, reasons: str, by: Actor, at: datetime) -> Credential:
    """End a suspension: the credential stands again, for what is left of its period."""
    credential, _ = _movable(session, credential_id, StatusMove.REINSTATED, by=by, at=at)
    ended = queries.last_cause(session, credential, StatusMove.SUSPENDED)
    credential.suspended_at = None
    credential.suspension_review = None
    in_force, _ = queries.names_of_documents(session, credential)
    set_standing(session, in_force, Standing.VALID)
    _tell(session, credential, StatusMove.REINSTATED, reasons, {"cause": ended}, by=by, at=at)
    return credential


def revoke(
    session: Session, credential_id: str, *, cause: str, reasons: str, by: Actor, at: datetime
) -> Credential:
    """Revoke a credential for good (I25) and close it: the holder may be granted another one day."""
    credential, _ = _movable(session, credential_id, StatusMove.REVOKED, by=by, at=at)
    _require_cause(cause, sorted(REVOCATION_CAUSES))
    credential.revoked_at = at
    credential.closed_at = at
    _, every = queries.names_of_documents(session, credential)
    set_standing(session, every, Standing.REVOKED)
    _tell(session, credential, StatusMove.REVOKED, reasons, {"cause": cause}, by=by, at=at)
    return credential


def _movable(
    session: Session, credential_id: str, move: StatusMove, *, by: Actor, at: datetime
) -> tuple[Credential, Period]:
    """Hold the credential, if the table lets it take this step and it is not the actor's own."""
    credential = queries.by_id(session, credential_id, lock=True)
    if credential.holder_id == by.id:
        raise OwnCredential("Another registrar takes this step.")
    period = queries.current_period(session, credential, at)
    state = queries.state(session, credential, period, at)
    if move not in MOVES[state]:
        raise CredentialNotMovable(f"A credential that is {state} cannot be {move}.", state=state.value)
    return credential, period


def _tell(
    session: Session,
    credential: Credential,
    move: StatusMove,
    reasons: str,
    facts: Mapping[str, str],
    *,
    by: Actor,
    at: datetime,
) -> None:
    """Write the step down, and announce it: last, since whoever publishes a list announces last too."""
    credential.updated_at = at
    salt = trail.new_salt()
    session.add(
        StatusChange(
            organisation_id=credential.organisation_id,
            credential_id=credential.id,
            move=move,
            cause=facts["cause"],
            reasons=reasons,
            salt=salt,
            actor_id=by.id,
            at=at,
        )
    )
    trail.record(
        session,
        f"credential.{move}",
        organisation_id=credential.organisation_id,
        by=by.id,
        at=at,
        about={"credential": credential.id},
        facts={**facts, "reasons": trail.salted_digest(salt, reasons)},
    )
    changes.announce(session, f"credential:{credential.number}", at=at)


def _require_cause(cause: str, known: Sequence[str]) -> None:
    if cause not in known:
        raise CauseNotAllowed("This is not one of the causes that the scheme knows.", causes=[*known])


def _review_day(rules: SuspensionRules, asked: date | None, today: date) -> date:
    """I26: a suspension has a day of review, within the longest time that the scheme lets it last."""
    latest = rules.max.after(today)
    chosen = asked or latest
    if not today < chosen <= latest:
        raise ReviewNotAllowed(
            f"The review is after today, and on {latest} at the latest.", latest=latest.isoformat()
        )
    return chosen
