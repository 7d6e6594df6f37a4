"""Who reads a decision: the committee that takes it, those who act on it, and the candidate afterwards."""

from sqlalchemy.orm import Session

from app.assessments import queries as assessment_queries
from app.decisions import queries
from app.decisions.errors import DecisionNotFound, DecisionNotPublished
from app.decisions.models import Decision, DecisionStatus
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.errors import DossierNotFound
from app.organisations.rules import COMMITTEE, READS_EVERY_DOSSIER, Actor, Role


def decision(session: Session, decision_id: str, *, by: Actor) -> Decision:
    """Show a decision to whoever takes it or acts on it; to the latter when it is published."""
    found = queries.by_id(session, decision_id)
    dossier = dossier_queries.by_id(session, found.dossier_id)
    if by.id == dossier.applicant_id:
        raise DecisionNotFound("There is no such decision here.")  # theirs is read under their dossier
    if found.minutes_id is not None:
        return found  # taken elsewhere: nobody here judges it, and there is nothing to be drawn to
    if by.has(*COMMITTEE) or by.id in assessment_queries.judges_of(session, dossier.id):
        dossiers.require_clear(session, dossier, by.id)
        return found
    if found.status != DecisionStatus.PUBLISHED and not by.has(Role.AUDITOR):
        raise DecisionNotPublished("The decision is not published yet.", decision=found.id)
    return found


def decision_of_dossier(session: Session, dossier_id: str, *, by: Actor) -> Decision:
    """Show a candidate, their client or the office what was last decided and published of a dossier."""
    dossier = dossier_queries.by_id(session, dossier_id)
    judging = by.is_person and by.has(*dossiers.JUDGES)
    own = by.id == dossier.applicant_id or (not by.is_person and by.id == dossier.opened_by)
    if not own and not by.has(*READS_EVERY_DOSSIER):
        raise DossierNotFound("There is no such dossier here.")
    if judging and not own and not queries.taken_elsewhere(session, dossier):
        dossiers.require_clear(session, dossier, by.id)  # whatever office they hold beside it
    return queries.last_published(session, dossier.id)
