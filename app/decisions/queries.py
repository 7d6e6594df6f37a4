"""Reads of meetings and decisions."""

from sqlalchemy.orm import Session

from app.decisions.errors import DecisionNotFound, DecisionNotGranted, DecisionNotPublished
from app.decisions.models import Decision, DecisionStatus
from app.schemes.judgement import DecisionOutcome


def by_id(session: Session, decision_id: str) -> Decision:
    found = session.get(Decision, decision_id)
    if found is None:
        raise DecisionNotFound("There is no such decision here.")
    return found


def locked(session: Session, decision_id: str) -> Decision:
    """Read a decision and hold its row until the transaction ends, so that votes and publications queue."""
    found = session.get(Decision, decision_id, with_for_update=True)
    if found is None:
        raise DecisionNotFound("There is no such decision here.")
    return found


def granted(session: Session, decision_id: str) -> Decision:
    """Give a published grant, its row held: whoever turns it into a credential does so one at a time."""
    found = locked(session, decision_id)
    if found.status != DecisionStatus.PUBLISHED:
        raise DecisionNotPublished("The decision is not published yet.", decision=found.id)
    if found.outcome != DecisionOutcome.GRANT:
        raise DecisionNotGranted(
            "The committee did not grant: nothing can be issued from this decision.", decision=found.id
        )
    return found
