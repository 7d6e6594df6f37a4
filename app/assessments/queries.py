"""Reads of assignments, assessments and interviews."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload

from app.assessments.errors import AssessmentNotFound, InterviewNotFound
from app.assessments.models import (
    Assessment,
    Assignment,
    AssignmentStatus,
    Interview,
    InterviewStatus,
    Panelist,
)
from app.dossiers.models import MOVES, Dossier


def assessment(session: Session, assessment_id: str) -> Assessment:
    found = session.get(Assessment, assessment_id)
    if found is None:
        raise AssessmentNotFound("There is no such assessment here.")
    return found


def interview(session: Session, interview_id: str) -> Interview:
    found = session.get(Interview, interview_id)
    if found is None:
        raise InterviewNotFound("There is no such interview here.")
    return found


def assignment_of(session: Session, dossier_id: str, assessor_id: str) -> Assignment | None:
    query = select(Assignment).where(
        Assignment.dossier_id == dossier_id, Assignment.assessor_id == assessor_id
    )
    return session.scalars(query).first()


def accepted_assignments(session: Session, dossier_id: str) -> Sequence[Assignment]:
    """List the assignments of a dossier whose assessors are clear and at work, oldest first."""
    query = select(Assignment).where(
        Assignment.dossier_id == dossier_id, Assignment.status == AssignmentStatus.ACCEPTED
    )
    return session.scalars(query.order_by(Assignment.assigned_at, Assignment.id)).all()


def assignments_of_person(session: Session, assessor_id: str) -> Sequence[Assignment]:
    query = select(Assignment).where(Assignment.assessor_id == assessor_id)
    return session.scalars(query.order_by(Assignment.assigned_at, Assignment.id)).all()


def latest_assessment(session: Session, assignment_id: str) -> Assessment | None:
    """Find the assessment of an assignment in its latest round."""
    query = select(Assessment).where(Assessment.assignment_id == assignment_id)
    return session.scalars(query.order_by(Assessment.round.desc())).first()


def assessments(session: Session, dossier_id: str) -> Sequence[Assessment]:
    """List the assessments of a dossier in all its rounds, in one stable order."""
    return _assessments(session, Assessment.dossier_id == dossier_id)


def assessments_in(session: Session, dossier_id: str, round_: int) -> Sequence[Assessment]:
    return _assessments(session, Assessment.dossier_id == dossier_id, Assessment.round == round_)


def _assessments(session: Session, *conditions: ColumnElement[bool]) -> Sequence[Assessment]:
    query = select(Assessment).where(*conditions).options(selectinload(Assessment.scores))
    return session.scalars(query.order_by(Assessment.round, Assessment.id)).all()


def interviews(session: Session, dossier_id: str) -> Sequence[Interview]:
    """List the interviews of a dossier that were not cancelled, oldest first."""
    query = (
        select(Interview)
        .where(Interview.dossier_id == dossier_id, Interview.status != InterviewStatus.CANCELLED)
        .options(selectinload(Interview.panel))
    )
    return session.scalars(query.order_by(Interview.round, Interview.at, Interview.id)).all()


def interview_in(session: Session, dossier_id: str, round_: int) -> Interview | None:
    """Find the interview of a round, booked or held."""
    return next((found for found in interviews(session, dossier_id) if found.round == round_), None)


def judges_of(session: Session, dossier_id: str, until: int | None = None) -> frozenset[str]:
    """Name those who judged a dossier, up to a round or in any: its assessors, and who sits on a panel."""
    assessors = select(Assessment.assessor_id).where(Assessment.dossier_id == dossier_id)
    panels = (
        select(Panelist.person_id)
        .join(Interview, Interview.id == Panelist.interview_id)
        .where(Interview.dossier_id == dossier_id, Interview.status != InterviewStatus.CANCELLED)
    )
    if until is not None:
        assessors = assessors.where(Assessment.round <= until)
        panels = panels.where(Interview.round <= until)
    return frozenset(session.scalars(assessors)) | frozenset(session.scalars(panels))


def candidates_of(session: Session, scheme_id: str, by: datetime) -> frozenset[str]:
    """Name those who had begun a dossier in a scheme, still under way: they judge nobody in it (I9)."""
    under_way = [status for status, moves in MOVES.items() if moves]
    query = select(Dossier.applicant_id).where(
        Dossier.scheme_id == scheme_id, Dossier.status.in_(under_way), Dossier.created_at <= by
    )
    return frozenset(session.scalars(query))
