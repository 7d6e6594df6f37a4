"""The office's part: a dossier is admitted to the assessment, returned for work, or turned down."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core.days import local_day
from app.core.errors import JsonValue
from app.dossiers import queries, service
from app.dossiers.errors import AdmissionPathNotMet, OwnDossier
from app.dossiers.models import Dossier, DossierStatus
from app.dossiers.rules import admission_facts, satisfied_paths
from app.organisations import queries as organisation_queries
from app.organisations.rules import Actor


def paths(session: Session, dossier: Dossier, *, at: datetime) -> tuple[str, ...]:
    """Name the paths of admission that the evidence satisfies, as of the day it was handed in.

    For a draft as of today. Never as of the day somebody looks: work that goes on would
    lengthen, and the case file would say something else at the decision than at admission.
    """
    zone = ZoneInfo(organisation_queries.organisation(session, dossier.organisation_id).time_zone)
    day = local_day(at if dossier.editable else dossier.submitted_at or at, zone)
    scheme = service.scheme_at_work(dossier, day)
    return satisfied_paths(scheme, admission_facts(scheme, queries.evidence_facts(dossier), day))


def return_for_work(session: Session, dossier_id: str, *, reasons: str, by: Actor, at: datetime) -> Dossier:
    """Give the dossier back to the candidate, saying what has to be put right."""
    dossier = _for_office(session, dossier_id, by, at)
    dossier.move_to(DossierStatus.RETURNED, by=by.id, at=at, reasons=reasons)
    service.record(session, dossier, "dossier.returned", by=by, at=at)
    return dossier


def admit(
    session: Session, dossier_id: str, *, path: str, derogation: str | None, by: Actor, at: datetime
) -> Dossier:
    """Admit a dossier on a path that it satisfies, or on another with the reasons for a derogation.

    A derogation that nothing calls for is not kept: it would read as if something were missing.
    """
    dossier = _for_office(session, dossier_id, by, at)
    dossier.move_to(DossierStatus.ADMITTED, by=by.id, at=at)
    known = [one.id for one in service.scheme_of(dossier).admission.paths]
    satisfied = paths(session, dossier, at=at)
    if path not in known:
        raise AdmissionPathNotMet("The scheme has no such path of admission.", known=list[JsonValue](known))
    if path not in satisfied and derogation is None:
        raise AdmissionPathNotMet(
            f"The evidence does not satisfy path {path}. Name one that it does, or say why not.",
            satisfied=list[JsonValue](satisfied),
        )
    dossier.admission_path = path
    dossier.derogation = None if path in satisfied else derogation
    service.record(
        session, dossier, "dossier.admitted", by=by, at=at, path=path, derogation=path not in satisfied
    )
    return dossier


def turn_down(session: Session, dossier_id: str, *, reasons: str, by: Actor, at: datetime) -> Dossier:
    """Refuse a dossier before any assessment, with reasons; the candidate may appeal."""
    dossier = _for_office(session, dossier_id, by, at)
    dossier.move_to(DossierStatus.NOT_ADMITTED, by=by.id, at=at, reasons=reasons)
    service.record(session, dossier, "dossier.turned-down", by=by, at=at)
    return dossier


def _for_office(session: Session, dossier_id: str, by: Actor, at: datetime) -> Dossier:
    """Lock a dossier for the office, through the same gate as for reading it. Nobody acts on their own."""
    dossier = queries.locked(session, dossier_id)
    if by.id == dossier.applicant_id:
        raise OwnDossier("Whoever handed a dossier in does not admit it.")
    return service.readable(session, dossier_id, by=by, at=at)
