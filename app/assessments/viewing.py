"""Who sees whose scores: one's own at any time, another's once the round is settled (invariant I11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from app.assessments import queries, service
from app.assessments.errors import AssessmentNotFound, StillBlind
from app.assessments.models import Assessment
from app.assessments.rules import Result
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.errors import DossierNotFound
from app.dossiers.models import Dossier
from app.organisations.rules import COMMITTEE, Actor, Role

OVERSEERS: Final = (Role.SCHEME_MANAGER, Role.AUDITOR)
_BLIND: Final = "Scores are shown when all of the round are in and have come to a result."


@dataclass(frozen=True, slots=True)
class RoundView:
    """What may be said of the present round: its result, or that it needs a third assessor first."""

    round: int
    result: Result | None

    @property
    def needs_third(self) -> bool:
        return self.result is None


def assessment(session: Session, assessment_id: str, *, by: Actor) -> Assessment:
    """Show one assessment to its author, or to others once they may see it."""
    found = queries.assessment(session, assessment_id)
    dossier = dossier_queries.by_id(session, found.dossier_id)
    if found.assessor_id == by.id:
        return found
    if not _concerned(session, dossier, by):
        raise AssessmentNotFound("There is no such assessment here.")
    if found not in _visible(session, dossier, by):
        raise StillBlind(_BLIND)
    return found


def assessments(session: Session, dossier_id: str, *, by: Actor) -> Sequence[Assessment]:
    """Show those assessments of a dossier that the actor may see; refuse if there are only others."""
    dossier = _known(session, dossier_id, by)
    seen = _visible(session, dossier, by)
    if not seen and queries.assessments(session, dossier.id):
        raise StillBlind(_BLIND)
    return seen


def result(session: Session, dossier_id: str, *, by: Actor) -> RoundView:
    """Show what the present round came to, or that two assessors are too far apart for a result."""
    dossier = _known(session, dossier_id, by)
    if _is_scoring(session, dossier, by) or service.opinions_of(session, dossier, dossier.round) is None:
        raise StillBlind(_BLIND)
    return RoundView(dossier.round, service.result_of(session, dossier))


def _known(session: Session, dossier_id: str, by: Actor) -> Dossier:
    dossier = dossier_queries.by_id(session, dossier_id)
    if not _concerned(session, dossier, by):
        raise DossierNotFound("There is no such dossier here.")
    return dossier


def _concerned(session: Session, dossier: Dossier, by: Actor) -> bool:
    """Tell whether the actor has to do with the scores of a dossier at all; raise if not clear of it.

    Overseers see scores by their office. Assessors see the cases they judged, the committee those they
    decide, and both only after a clear declaration. The candidate sees none, whatever else they are.
    """
    if by.id == dossier.applicant_id or not by.is_person:
        return False
    judged = by.id in queries.judges_of(session, dossier.id)
    assigned = queries.assignment_of(session, dossier.id, by.id) is not None
    declared = dossier_queries.declaration_of(session, dossier.id, by.id) is not None
    if judged or assigned or declared or by.has(*COMMITTEE):
        dossiers.require_clear(session, dossier, by.id)
    return judged or by.has(*COMMITTEE, *OVERSEERS)


def _visible(session: Session, dossier: Dossier, by: Actor) -> list[Assessment]:
    everything = queries.assessments(session, dossier.id)
    if _is_scoring(session, dossier, by):
        return [found for found in everything if found.assessor_id == by.id]
    settled = dossier.round - (service.result_of(session, dossier) is None)
    return [found for found in everything if found.round <= settled or found.assessor_id == by.id]


def _is_scoring(session: Session, dossier: Dossier, by: Actor) -> bool:
    # Not even earlier rounds: somebody who is judging must not lean on what others once thought.
    return any(
        found.assessor_id == by.id and found.submitted_at is None
        for found in queries.assessments_in(session, dossier.id, dossier.round)
    )
