"""Who may judge a dossier: assessors of today, clear of it, and on no other side of it."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from app.assessments import queries
from app.assessments.errors import AssessorNotEligible
from app.dossiers import queries as dossier_queries
from app.dossiers.errors import OwnDossier
from app.dossiers.models import Dossier
from app.organisations import queries as organisation_queries
from app.organisations.rules import COMMITTEE, Actor, Role


def refuse_own(dossier: Dossier, by: Actor) -> None:
    """Refuse whoever the dossier is for, or who opened it for them: office is no way into one's own."""
    if by.id in {dossier.applicant_id, dossier.opened_by}:
        raise OwnDossier("Nobody takes a step of the judgement on a dossier of their own.")


def require_judge(
    session: Session, dossier: Dossier, person_id: str, *, on: date, declared: bool, at: datetime
) -> None:
    """Insist that a person may score a dossier or hear its candidate; say why if not.

    `declared` asks for the declaration too: an assessor declares after being assigned, a
    panel is made of people who already did.
    """
    person = organisation_queries.person(session, person_id)
    declaration = dossier_queries.declaration_of(session, dossier.id, person.id)
    sat_on_committee = any(grant.role in COMMITTEE for grant in person.roles)
    reasons = {
        "applicant": person.id in queries.candidates_of(session, dossier.scheme_id, at),
        "not-an-assessor": Role.ASSESSOR not in organisation_queries.roles_on(session, person.id, on),
        "conflicted": declaration is not None and declaration.conflicted,
        "undeclared": declared and declaration is None,
        # Whoever declared for an earlier vote on this case stays on that side of it (invariant I3).
        "on-the-committee": dossier.round > 1
        and declaration is not None
        and sat_on_committee
        and person.id not in queries.judges_of(session, dossier.id),
    }
    why = next((reason for reason, holds in reasons.items() if holds), None)
    if why is not None:
        raise AssessorNotEligible(f"This person cannot judge this dossier: {why}.", person=person.id, why=why)
