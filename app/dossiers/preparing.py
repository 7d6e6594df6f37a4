"""The candidate's part: a draft, its evidence, handing it in, taking it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import JsonValue, Problem
from app.core.ids import new_id
from app.core.labels import Labels
from app.dossiers import forgetting, intake, queries, service
from app.dossiers.errors import (
    ApplicantNotNamed,
    DossierClosedToChanges,
    DossierIncomplete,
    DossierNotMovable,
    DossierOpenAlready,
    EvidenceFieldsWrong,
    EvidenceTooMany,
    NotYourDossier,
)
from app.dossiers.intake import Kept, Offered
from app.dossiers.models import Dossier, DossierStatus, Evidence
from app.dossiers.rules import Gap, field_faults, missing
from app.organisations import queries as organisation_queries
from app.organisations.idempotency import ANEW, Once
from app.organisations.rules import Actor
from app.organisations.service import require_membership, today_of
from app.outbox import trail
from app.ports import Ports
from app.schemes.catalogue import catalogue
from app.schemes.fields import JsonScalar
from app.schemes.scheme import Scheme

DISCLOSURE: Final = Gap(
    kind="ai_disclosure",
    code="not-acknowledged",
    detail=Labels(
        it="confermare di aver letto come l'intelligenza artificiale è usata nella valutazione",
        en="acknowledge how artificial intelligence is used in the assessment",
    ),
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was handed in and when, for the candidate to keep: the hashes tell if anything changes later."""

    dossier: str
    submitted_at: datetime
    scheme: str
    scheme_version: str
    snapshot_hash: str
    files: tuple[Evidence, ...]


def begin(
    session: Session,
    *,
    scheme_id: str,
    language: str,
    ai_disclosure: bool,
    applicant_id: str | None,
    by: Actor,
    at: datetime,
) -> Dossier:
    """Begin a dossier for oneself, or, as an API client, for a person of the organisation."""
    applicant = _applicant(session, applicant_id, by)
    catalogue().in_force(scheme_id, today_of(session, by.organisation_id, at))
    dossier = Dossier.begun(
        organisation_id=by.organisation_id,
        applicant_id=applicant,
        scheme_id=scheme_id,
        language=language,
        ai_disclosure=ai_disclosure,
        by=by.id,
        at=at,
    )
    try:
        with session.begin_nested():
            session.add(dossier)
    except IntegrityError:
        raise DossierOpenAlready("Finish or withdraw the open dossier for this scheme first.") from None
    service.record(session, dossier, "dossier.begun", by=by, at=at, scheme=scheme_id)
    return dossier


def _applicant(session: Session, applicant_id: str | None, by: Actor) -> str:
    if by.is_person:
        if applicant_id not in {None, by.id}:
            raise NotYourDossier("A person begins a dossier for themselves only.")
        return by.id
    if applicant_id is None:
        raise ApplicantNotNamed("Say in `applicant` which person the dossier is for.")
    return organisation_queries.person(session, applicant_id).id


def revise(
    session: Session,
    dossier_id: str,
    *,
    language: str | None,
    ai_disclosure: bool | None,
    by: Actor,
    at: datetime,
) -> Dossier:
    """Change what a draft says of itself."""
    dossier = _open_to_changes(service.own(session, dossier_id, by=by))
    if language is not None:
        dossier.language = language
    if ai_disclosure is not None:
        dossier.ai_disclosure = ai_disclosure
    service.record(session, dossier, "dossier.revised", by=by, at=at)
    return dossier


def add_evidence(
    ports: Ports,
    dossier_id: str,
    *,
    kind: str,
    fields_text: str,
    offered: Offered | None,
    by: Actor,
    at: datetime,
    once: Once = ANEW,
) -> Evidence:
    """Take in a piece of evidence, with its file if there is one.

    The one use case here with two transactions: looking at a file of 20 MB, scanning it and
    syncing it to disk takes seconds, and nobody else could write on SQLite meanwhile. So what can
    refuse is asked first, in a read; the file is taken in with no transaction open; the
    write that names it asks again under the dossier's lock. Losing that race leaves bytes that no
    row names, and word to delete them; never a row without its bytes. What is refused is never stored.
    """
    fields = intake.read_fields(fields_text)
    with ports.database.reading(by.organisation_id) as session:
        dossier = queries.by_id(session, dossier_id)
        service.require_own(session, dossier, by=by)
        scheme = _room_for(session, dossier, kind, fields, at)
        held = queries.bytes_of(session, dossier_id)
    kept = None if offered is None else intake.take_in(ports, offered, scheme.files, held)
    try:
        return _name(ports.database, dossier_id, kind, fields, kept, by, at, once)
    except Problem:
        if kept is not None:
            with ports.database.writing(by.organisation_id) as session:
                forgetting.leave(session, kept.stored.sha256, organisation_id=by.organisation_id, at=at)
        raise


def _room_for(
    session: Session, dossier: Dossier, kind: str, fields: dict[str, JsonScalar], at: datetime
) -> Scheme:
    """Insist that the dossier may still take this item, and that the item is as the scheme asks."""
    _open_to_changes(dossier)
    scheme = service.scheme_at_work(dossier, today_of(session, dossier.organisation_id, at))
    faults: list[JsonValue] = [
        {"field": fault.field, "code": fault.code, "detail": {"it": fault.detail.it, "en": fault.detail.en}}
        for fault in field_faults(scheme, kind, fields)
    ]
    if faults:
        raise EvidenceFieldsWrong("See `faults` for each field that is wrong.", faults=faults)
    rules = scheme.evidence_kind(kind)
    if rules and sum(item.kind == kind for item in dossier.evidence) >= rules.max_items:
        raise EvidenceTooMany(f"At most {rules.max_items} of this kind are taken.", most=rules.max_items)
    return scheme


def _name(
    database: Database,
    dossier_id: str,
    kind: str,
    fields: dict[str, JsonScalar],
    kept: Kept | None,
    by: Actor,
    at: datetime,
    once: Once,
) -> Evidence:
    """Write the row that names the item, after asking again what may have changed meanwhile."""
    with database.writing(by.organisation_id) as session:
        once.claim(session)
        dossier = service.own(session, dossier_id, by=by)
        scheme = _room_for(session, dossier, kind, fields, at)
        if kept is not None:
            intake.require_room(scheme.files, queries.bytes_of(session, dossier_id), kept.stored.size)
        item = Evidence(
            id=new_id("evd"),
            organisation_id=dossier.organisation_id,
            position=max((one.position for one in dossier.evidence), default=0) + 1,
            kind=kind,
            fields=dict(fields),
            sha256=kept and kept.stored.sha256,
            size=kept and kept.stored.size,
            media_type=kept and kept.recognised.type.media_type,
            original_name=kept and kept.recognised.name,
            scan=kept and kept.scan.value,
            added_at=at,
        )
        dossier.evidence.append(item)
        session.flush()
        service.record(
            session, dossier, "evidence.added", by=by, at=at, evidence=item.id, kind=kind, scan=item.scan
        )
        once.keep(session, item)
        return item


def remove_evidence(session: Session, dossier_id: str, evidence_id: str, *, by: Actor, at: datetime) -> None:
    """Take a piece of evidence out of a draft."""
    dossier = _open_to_changes(service.own(session, dossier_id, by=by))
    item = queries.evidence_of(dossier, evidence_id)
    dossier.evidence.remove(item)
    if item.sha256 is not None:
        forgetting.leave(session, item.sha256, organisation_id=dossier.organisation_id, at=at)
    service.record(session, dossier, "evidence.removed", by=by, at=at, evidence=evidence_id, kind=item.kind)


def gaps(session: Session, dossier: Dossier, *, at: datetime) -> Sequence[Gap]:
    """Tell what keeps a draft from being handed in; nothing does once it was."""
    if not dossier.editable:
        return ()
    scheme = service.scheme_at_work(dossier, today_of(session, dossier.organisation_id, at))
    found = missing(scheme, queries.evidence_facts(dossier))
    return found if dossier.ai_disclosure else (*found, DISCLOSURE)


def submit(session: Session, dossier_id: str, *, by: Actor, at: datetime) -> Receipt:
    """Hand the dossier in: complete, by a member in good standing, frozen under a hash from here on."""
    dossier = service.own(session, dossier_id, by=by)
    if not dossier.editable:
        raise DossierNotMovable("The dossier was handed in already.", status_of_dossier=dossier.status.value)
    lacking = gaps(session, dossier, at=at)
    if lacking:
        raise DossierIncomplete("See `gaps` for each thing that is missing.", gaps=list(map(_told, lacking)))
    today = today_of(session, dossier.organisation_id, at)
    scheme = service.scheme_at_work(dossier, today)
    membership = scheme.admission.membership
    if membership.required and "submission" in membership.at:
        require_membership(session, dossier.applicant_id, today)
    dossier.scheme_version, dossier.scheme_digest = scheme.version, scheme.digest
    dossier.submitted_at = at
    dossier.snapshot_hash = trail.digest(queries.snapshot(dossier))
    dossier.move_to(DossierStatus.SUBMITTED, by=by.id, at=at)
    service.record(
        session,
        dossier,
        "dossier.submitted",
        by=by,
        at=at,
        scheme=scheme.id,
        version=scheme.version,
        digest=scheme.digest,
        snapshot=dossier.snapshot_hash,
    )
    files = tuple(item for item in dossier.evidence if item.sha256 is not None)
    return Receipt(dossier.id, at, scheme.id, scheme.version, dossier.snapshot_hash, files)


def _told(gap: Gap) -> JsonValue:
    return {
        "kind": gap.kind,
        "code": gap.code,
        "detail": {"it": gap.detail.it, "en": gap.detail.en},
        "evidence": gap.evidence_id,
    }


def withdraw(session: Session, dossier_id: str, *, reasons: str | None, by: Actor, at: datetime) -> Dossier:
    """Take the dossier back, at any time before it is decided."""
    dossier = service.own(session, dossier_id, by=by)
    dossier.move_to(DossierStatus.WITHDRAWN, by=by.id, at=at, reasons=reasons)
    service.record(session, dossier, "dossier.withdrawn", by=by, at=at)
    return dossier


def _open_to_changes(dossier: Dossier) -> Dossier:
    if not dossier.editable:
        raise DossierClosedToChanges(
            "A dossier that was handed in changes only if it is returned.",
            status_of_dossier=dossier.status.value,
        )
    return dossier
