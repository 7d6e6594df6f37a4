"""Reads of dossiers, and the content that a snapshot is taken of."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import CursorUnknown, JsonValue
from app.dossiers.errors import DossierNotFound, EvidenceNotFound
from app.dossiers.models import (
    Declaration,
    Dossier,
    DossierAccess,
    DossierCall,
    DossierStatus,
    DossierStep,
    Evidence,
)
from app.dossiers.rules import EvidenceFacts
from app.schemes.fields import JsonScalar

_NO_DOSSIER = "There is no such dossier here."


def by_id(session: Session, dossier_id: str) -> Dossier:
    found = session.get(Dossier, dossier_id)
    if found is None:
        raise DossierNotFound(_NO_DOSSIER)
    return found


def locked(session: Session, dossier_id: str) -> Dossier:
    """Read a dossier that nobody else may change until this transaction ends."""
    query = select(Dossier).where(Dossier.id == dossier_id).with_for_update()
    found = session.scalars(query, execution_options={"populate_existing": True}).first()
    if found is None:
        raise DossierNotFound(_NO_DOSSIER)
    return found


def page(
    session: Session,
    *,
    applicant_id: str | None,
    opened_by: str | None,
    status: DossierStatus | None,
    scheme_id: str | None,
    moved_since: datetime | None,
    after: str | None,
    limit: int,
) -> Sequence[Dossier]:
    """List dossiers from the oldest on: one candidate's, those that one client opened, or all."""
    query = select(Dossier)
    if applicant_id is not None:
        query = query.where(Dossier.applicant_id == applicant_id)
    if opened_by is not None:
        first = DossierStep.seq == 1, DossierStep.actor_id == opened_by
        query = query.where(Dossier.history.any(and_(*first)))
    if status is not None:
        query = query.where(Dossier.status == status)
    if scheme_id is not None:
        query = query.where(Dossier.scheme_id == scheme_id)
    if moved_since is not None:  # to begin a dossier is its first step
        query = query.where(Dossier.history.any(DossierStep.at >= moved_since))
    if after is not None:
        last = session.get(Dossier, after)
        if last is None:
            raise CursorUnknown("The cursor is none that was given out here.")
        same_instant = and_(Dossier.created_at == last.created_at, Dossier.id > last.id)
        query = query.where(or_(Dossier.created_at > last.created_at, same_instant))
    return session.scalars(query.order_by(Dossier.created_at, Dossier.id).limit(limit)).all()


def evidence_of(dossier: Dossier, evidence_id: str) -> Evidence:
    found = next((item for item in dossier.evidence if item.id == evidence_id), None)
    if found is None:
        raise EvidenceNotFound("There is no such evidence in this dossier.")
    return found


def evidence_facts(dossier: Dossier) -> tuple[EvidenceFacts, ...]:
    """Tell the rules what they need to know of the evidence, in its order."""
    return tuple(
        EvidenceFacts(
            id=item.id,
            kind=item.kind,
            fields=plain(item.fields),
            has_file=item.sha256 is not None,
            scan=item.scan or "",
        )
        for item in dossier.evidence
    )


def plain(fields: Mapping[str, JsonValue]) -> dict[str, JsonScalar]:
    """Read the fields of an item as what they are stored as: plain values."""
    return {name: value for name, value in fields.items() if not isinstance(value, list | dict)}


def bytes_of(session: Session, dossier_id: str) -> int:
    """Tell how much the files of a dossier weigh together."""
    total = select(func.sum(Evidence.size)).where(Evidence.dossier_id == dossier_id)
    return session.scalar(total) or 0


def declaration_of(session: Session, dossier_id: str, person_id: str) -> Declaration | None:
    query = select(Declaration).where(
        Declaration.dossier_id == dossier_id, Declaration.person_id == person_id
    )
    return session.scalars(query).first()


def called(session: Session, dossier_id: str, person_id: str) -> bool:
    """Tell whether somebody was called to judge this dossier."""
    return session.get(DossierCall, (dossier_id, person_id)) is not None


def declarations(session: Session, dossier_id: str) -> Sequence[Declaration]:
    query = select(Declaration).where(Declaration.dossier_id == dossier_id)
    return session.scalars(query.order_by(Declaration.at, Declaration.id)).all()


def accesses(session: Session, dossier_id: str) -> Sequence[DossierAccess]:
    """List who opened a dossier, in the order in which they did."""
    query = select(DossierAccess).where(DossierAccess.dossier_id == dossier_id)
    return session.scalars(query.order_by(DossierAccess.id)).all()


def snapshot(dossier: Dossier) -> JsonValue:
    """Give the content that is handed in, whole and in order: what the snapshot hash is taken of."""
    return {
        "dossier": dossier.id,
        "applicant": dossier.applicant_id,
        "scheme": dossier.scheme_id,
        "scheme_version": dossier.scheme_version,
        "scheme_digest": dossier.scheme_digest,
        "language": dossier.language,
        "ai_disclosure": dossier.ai_disclosure,
        "evidence": [
            {
                "id": item.id,
                "kind": item.kind,
                "fields": dict(item.fields),
                "sha256": item.sha256,
                "size": item.size,
                "media_type": item.media_type,
            }
            for item in dossier.evidence
        ],
    }
