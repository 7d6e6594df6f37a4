"""The body's part: ask about an activity, accept it or turn it down; ask less of a holder for a cycle."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.core.ids import new_id
from app.credentials import queries as credentials
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.outbox import trail
from app.renewal import holding, queries
from app.renewal.activities import Entered
from app.renewal.errors import (
    ExemptionGivenAlready,
    ExemptionNotAllowed,
    OwnCpdActivity,
    OwnExemption,
)
from app.renewal.models import CpdActivity, CpdExemption
from app.renewal.states import ActivityState, RenewalState


def query(session: Session, activity_id: str, *, question: str, by: Actor, at: datetime) -> Entered:
    """Ask the holder about an activity; until they answer it does not count."""
    found = _for_review(session, activity_id, by, at)
    holding.move(found.activity, ActivityState.QUERIED)
    _sign(session, found.activity, "cpd.activity-queried", by, at)
    found.activity.question = question
    return found


def accept(session: Session, activity_id: str, *, by: Actor, at: datetime) -> Entered:
    """Accept an activity as it was claimed.

    What was accepted on a provider's word may be accepted again by somebody who looked, once.
    """
    found = _for_review(session, activity_id, by, at)
    if found.activity.state is not ActivityState.ACCEPTED:
        holding.move(found.activity, ActivityState.ACCEPTED)
    elif found.activity.reviewed_by is not None:
        return found
    _sign(session, found.activity, "cpd.activity-accepted", by, at)
    return found


def reject(session: Session, activity_id: str, *, reasons: str, by: Actor, at: datetime) -> Entered:
    """Turn an activity down, with reasons. It stays so; a version that says something new may follow it."""
    found = _for_review(session, activity_id, by, at)
    holding.move(found.activity, ActivityState.REJECTED)
    _sign(session, found.activity, "cpd.activity-rejected", by, at)
    found.activity.reasons = reasons
    return found


def _for_review(session: Session, activity_id: str, by: Actor, at: datetime) -> Entered:
    found = queries.activity(session, activity_id)
    if found.holder_id == by.id:
        raise OwnCpdActivity("Somebody else of the office reviews your activities.")
    credential = credentials.by_id(session, found.credential_id, lock=True)
    terms = queries.terms(session, credential)
    today = today_of(session, credential.organisation_id, at)
    return Entered(queries.activity(session, activity_id), terms, today, new=False)


def _sign(session: Session, activity: CpdActivity, topic: str, by: Actor, at: datetime) -> None:
    activity.reviewed_by, activity.reviewed_at = by.id, at
    holding.record(session, activity, topic, by=by.id, at=at)


def exempt(
    session: Session,
    credential_id: str,
    *,
    reason: str,
    reduction_pct: int,
    cycle: int | None,
    by: Actor,
    at: datetime,
) -> CpdExemption:
    """Ask less of a holder in a cycle, for one of the reasons that the scheme knows."""
    credential = credentials.by_id(session, credential_id, lock=True)
    if credential.holder_id == by.id:
        raise OwnExemption("Another scheme manager decides on your exemption.")
    holding.require_open(credential)
    terms = queries.terms(session, credential)
    if terms.pending is not None:
        raise ExemptionNotAllowed(
            "A renewal waits for its decision: what is asked for it was fixed when it was filed."
        )
    chosen = terms.last if cycle is None else terms.cycle(cycle)
    rules = chosen.scheme.cpd.exemptions
    if reason not in rules.reasons:
        reasons: list[JsonValue] = list(rules.reasons)
        raise ExemptionNotAllowed("The scheme does not exempt for this reason.", reasons=reasons)
    if reduction_pct > rules.max_reduction_pct:
        most = rules.max_reduction_pct
        raise ExemptionNotAllowed(f"At most {most} per cent are taken off.", most=most)
    renewals = queries.renewals_of_cycle(session, credential.id, chosen.number)
    if any(renewal.state is RenewalState.APPROVED for renewal in renewals):
        raise ExemptionNotAllowed("This cycle was renewed; nothing is asked in it any more.")
    if any(known.reason == reason for known in queries.exemptions(session, credential.id, chosen.number)):
        raise ExemptionGivenAlready("It was granted for this cycle already.")
    exemption = CpdExemption(
        id=new_id("exm"),
        organisation_id=credential.organisation_id,
        credential_id=credential.id,
        cycle=chosen.number,
        reason=reason,
        reduction_pct=reduction_pct,
        decided_by=by.id,
        decided_at=at,
    )
    session.add(exemption)
    session.flush()
    # Not the reason: it may be about somebody's health, and the trail is for good.
    trail.record(
        session,
        "cpd.exemption-granted",
        organisation_id=credential.organisation_id,
        by=by.id,
        at=at,
        about={"credential": credential.id, "holder": credential.holder_id, "exemption": exemption.id},
        facts={"cycle": chosen.number, "reduction_pct": reduction_pct},
    )
    return exemption
