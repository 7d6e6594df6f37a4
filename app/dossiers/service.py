"""Who may read a dossier: the candidate, the office, and whoever declared no tie to the candidate first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.core.ids import new_id
from app.dossiers import queries
from app.dossiers.errors import (
    AlreadyDeclared,
    ConflictOfInterest,
    DeclarationRequired,
    DossierNotFound,
    DossierNotSubmitted,
    EvidenceNotFound,
    FileInfected,
    NotYourDossier,
    OwnDossier,
)
from app.dossiers.models import Declaration, Dossier, DossierAccess, DossierCall, DossierStatus, Evidence
from app.dossiers.rules import ConflictKind, conflicts
from app.organisations import queries as organisation_queries
from app.organisations.rules import READS_EVERY_DOSSIER, Actor, Role
from app.organisations.service import today_of
from app.outbox import trail
from app.ports import ScanResult
from app.schemes.catalogue import Catalogue, catalogue
from app.schemes.scheme import Scheme, SchemeStatus

# Whoever judges declares first, whatever else they are in the organisation (invariant I2).
JUDGES: Final = (Role.ASSESSOR, Role.CHAIR, Role.COMMITTEE_MEMBER)
CLIENT: Final = "client"
_NO_DOSSIER: Final = "There is no such dossier here."


@dataclass(frozen=True, slots=True)
class Parties:
    """What one must know to declare one's ties, and nothing of the content."""

    id: str
    scheme: str
    applicant_id: str
    applicant_name: str


def scheme_of(dossier: Dossier) -> Scheme:
    """Give the scheme version that the dossier was pinned to when it was handed in."""
    if dossier.scheme_version is None:
        raise DossierNotSubmitted("A dossier is pinned to a version of its scheme when it is handed in.")
    return catalogue().version(dossier.scheme_id, dossier.scheme_version)


def scheme_at_work(dossier: Dossier, on: date, *, known: Catalogue | None = None) -> Scheme:
    """Give the version by which the dossier would be judged if it were handed in on this day.

    A returned dossier keeps its first pin, since the candidate works on what was asked of
    them then; only a version that was retired meanwhile gives way to the one in force.
    """
    schemes = known or catalogue()
    if dossier.scheme_version is not None:
        pinned = schemes.version(dossier.scheme_id, dossier.scheme_version)
        if not dossier.editable or pinned.status is not SchemeStatus.RETIRED:
            return pinned
    return schemes.in_force(dossier.scheme_id, on)


def call(session: Session, dossier: Dossier, person_id: str, *, by: str, at: datetime) -> None:
    """Call somebody to judge a dossier: from here on they may know of it, and declare. Twice is once."""
    if not queries.called(session, dossier.id, person_id):
        session.add(
            DossierCall(
                organisation_id=dossier.organisation_id,
                dossier_id=dossier.id,
                person_id=person_id,
                called_by=by,
                at=at,
            )
        )
        session.flush()


def _judging_role(session: Session, dossier: Dossier, by: Actor) -> Role | None:
    """Tell in which role somebody judges here: the committee every dossier, an assessor where called.

    An assessor who is of the office knows of every dossier anyway, and declares before reading it.
    Before it is handed in, a dossier is between the candidate and the office.
    """
    if dossier.submitted_at is None:
        return None
    sitting = next((role for role in (Role.CHAIR, Role.COMMITTEE_MEMBER) if by.has(role)), None)
    knows = by.has(*READS_EVERY_DOSSIER) or queries.called(session, dossier.id, by.id)
    return Role.ASSESSOR if by.has(Role.ASSESSOR) and knows else sitting


def declare(
    session: Session,
    dossier_id: str,
    *,
    kind: ConflictKind,
    ended_on: date | None,
    note: str | None,
    by: Actor,
    at: datetime,
) -> Declaration:
    """Declare one's ties to the candidate, once and before reading a word (invariant I2)."""
    dossier = queries.locked(session, dossier_id)
    if by.id == dossier.applicant_id and by.has(*JUDGES) and dossier.submitted_at is not None:
        raise OwnDossier("A candidate does not judge their own dossier, so there is nothing to declare.")
    if _judging_role(session, dossier, by) is None:
        raise DossierNotFound(_NO_DOSSIER)
    if queries.declaration_of(session, dossier_id, by.id) is not None:
        raise AlreadyDeclared("You have made your declaration on this dossier.")
    conflicted = conflicts(scheme_of(dossier), kind, ended_on, today_of(session, dossier.organisation_id, at))
    declaration = Declaration(
        id=new_id("dcl"),
        organisation_id=dossier.organisation_id,
        dossier_id=dossier_id,
        person_id=by.id,
        kind=kind.value,
        ended_on=ended_on,
        note=note,
        conflicted=conflicted,
        at=at,
    )
    session.add(declaration)
    session.flush()
    # Neither kind nor note: a family tie is personal, and the trail is for good.
    trail.record(
        session,
        "declaration.made",
        by=by.id,
        at=at,
        organisation_id=dossier.organisation_id,
        about={"dossier": dossier_id, "declaration": declaration.id},
        facts={"conflicted": conflicted},
    )
    return declaration


def require_clear(session: Session, dossier: Dossier, person_id: str) -> None:
    """Insist that a person has declared, and declared no tie that keeps them from this dossier."""
    declaration = queries.declaration_of(session, dossier.id, person_id)
    if declaration is None:
        raise DeclarationRequired("Declare your ties to the candidate before you read the dossier.")
    if declaration.conflicted:
        raise ConflictOfInterest("The tie that you declared keeps you from this dossier.")


def readable(
    session: Session, dossier_id: str, *, by: Actor, at: datetime, evidence_id: str | None = None
) -> Dossier:
    """Let somebody read a dossier if they may, and write down that they did (invariant I45).

    Whoever may not even know of it hears that there is none.
    """
    dossier = queries.by_id(session, dossier_id)
    if by.id == dossier.applicant_id:
        return dossier
    role = _reading_role(session, dossier, by)
    session.add(
        DossierAccess(
            organisation_id=dossier.organisation_id,
            dossier_id=dossier_id,
            evidence_id=evidence_id,
            person_id=by.id,
            role=role,
            at=at,
        )
    )
    return dossier


def _reading_role(session: Session, dossier: Dossier, by: Actor) -> str:
    """Tell in which role somebody else than the candidate reads; raise if in none."""
    if not by.is_person:
        if dossier.opened_by != by.id:
            raise DossierNotFound(_NO_DOSSIER)
        return CLIENT
    judging = _judging_role(session, dossier, by)
    if judging is not None:
        require_clear(session, dossier, by.id)
        return judging.value
    if not by.has(*JUDGES) and by.has(*READS_EVERY_DOSSIER):
        return next(role for role in Role if role in READS_EVERY_DOSSIER and by.has(role)).value
    raise DossierNotFound(_NO_DOSSIER)


def file_of(
    session: Session, dossier_id: str, evidence_id: str, *, by: Actor, at: datetime
) -> tuple[Evidence, str]:
    """Let somebody fetch a file through the same gate, and give the hash under which its bytes lie."""
    dossier = queries.by_id(session, dossier_id)
    known = any(item.id == evidence_id for item in dossier.evidence)
    readable(session, dossier_id, by=by, at=at, evidence_id=evidence_id if known else None)
    item = queries.evidence_of(dossier, evidence_id)
    if item.sha256 is None:
        raise EvidenceNotFound("This piece of evidence comes without a file.")
    if item.scan == ScanResult.INFECTED:
        raise FileInfected("The scanner found malicious code in this file. Replace it.")
    return item, item.sha256


def listed(
    session: Session,
    *,
    by: Actor,
    status: DossierStatus | None = None,
    scheme_id: str | None = None,
    moved_since: datetime | None = None,
    after: str | None = None,
    limit: int,
) -> Sequence[Dossier]:
    """List the dossiers that somebody may know of: all for the office, else one's own."""
    everything = by.has(*READS_EVERY_DOSSIER)
    return queries.page(
        session,
        applicant_id=by.id if by.is_person and not everything else None,
        opened_by=None if by.is_person else by.id,
        status=status,
        scheme_id=scheme_id,
        moved_since=moved_since,
        after=after,
        limit=limit,
    )


def parties(session: Session, dossier_id: str, *, by: Actor) -> Parties:
    """Say between whom a tie would be, so that it can be declared before anything is read."""
    dossier = queries.by_id(session, dossier_id)
    if _judging_role(session, dossier, by) is None:
        raise DossierNotFound(_NO_DOSSIER)
    applicant = organisation_queries.person(session, dossier.applicant_id)
    return Parties(
        dossier.id, dossier.scheme_id, applicant.id, f"{applicant.given_name} {applicant.family_name}"
    )


def accesses(session: Session, dossier_id: str, *, by: Actor) -> Sequence[DossierAccess]:
    """Show the candidate, or an auditor, who opened the dossier: the role, not the name."""
    dossier = queries.by_id(session, dossier_id)
    if by.id != dossier.applicant_id and not by.has(Role.AUDITOR):
        raise DossierNotFound(_NO_DOSSIER)
    return queries.accesses(session, dossier_id)


def own(session: Session, dossier_id: str, *, by: Actor) -> Dossier:
    """Lock a dossier for whoever works on it: the candidate, or the client that began it for them."""
    dossier = queries.locked(session, dossier_id)
    require_own(session, dossier, by=by)
    return dossier


def require_own(session: Session, dossier: Dossier, *, by: Actor) -> None:
    """Insist that a dossier is the actor's to work on; for whoever may not know of it there is none."""
    if by.id == dossier.applicant_id or (not by.is_person and dossier.opened_by == by.id):
        return
    if by.has(*READS_EVERY_DOSSIER) or queries.declaration_of(session, dossier.id, by.id) is not None:
        raise NotYourDossier("Only the candidate changes a dossier.")
    raise DossierNotFound(_NO_DOSSIER)


def record(
    session: Session, dossier: Dossier, topic: str, *, by: Actor, at: datetime, **facts: JsonValue
) -> None:
    """Write down what happened to a dossier: who, when and what it became, never what anybody wrote."""
    trail.record(
        session,
        topic,
        by=by.id,
        at=at,
        organisation_id=dossier.organisation_id,
        about={"dossier": dossier.id, "applicant": dossier.applicant_id},
        facts={"status": dossier.status.value, **facts},
    )
