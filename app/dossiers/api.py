"""Routes of dossiers."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.orm import Session

from app.core.errors import CursorUnknown, EditionMissing
from app.dossiers import admission, preparing, service
from app.dossiers.errors import (
    AdmissionPathNotMet,
    ApplicantNotNamed,
    ConflictOfInterest,
    DeclarationRequired,
    DossierClosedToChanges,
    DossierIncomplete,
    DossierNotFound,
    DossierNotMovable,
    DossierOpenAlready,
    EvidenceFieldsWrong,
    EvidenceNotFound,
    EvidenceTooMany,
    FileInfected,
    FileRefused,
    FileTooLarge,
    NotYourDossier,
    OwnDossier,
    ScannerNotAvailable,
)
from app.dossiers.models import Dossier, DossierStatus
from app.dossiers.schemas import (
    AccessesOut,
    Admission,
    DossierChange,
    DossierId,
    DossierLine,
    DossierOut,
    EvidenceId,
    EvidenceOut,
    NewDossier,
    NewEvidence,
    PartiesOut,
    Reasons,
    ReceiptOut,
    Withdrawal,
)
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, ByItself, Creating, Held, Told, written
from app.organisations.errors import MembershipNotValid, PermissionMissing, PersonNotFound
from app.organisations.rules import Actor, Permission
from app.problems import documented
from app.schemes.errors import SchemeNotFound
from app.web import (
    PAGE,
    Cursor,
    GivenPorts,
    Limit,
    Now,
    Page,
    UpdatedSince,
    attachment,
    each_part_once,
    page_of,
    pieces,
)

router = APIRouter(prefix="/v1/dossiers", tags=["dossiers"], route_class=ApiRoute)
P = Permission
OWN: Final = (PermissionMissing, DossierNotFound, NotYourDossier)
GATE: Final = (PermissionMissing, DossierNotFound, DeclarationRequired, ConflictOfInterest)
DESK: Final = (*GATE, OwnDossier, DossierNotMovable)


def _shown(db: Session, dossier: Dossier, actor: Actor, now: Now) -> DossierOut:
    return DossierOut.of(
        dossier,
        gaps=tuple(preparing.gaps(db, dossier, at=now)),
        paths=admission.paths(db, dossier, at=now),
        reader=actor.id,
    )


@router.post(
    "",
    status_code=201,
    dependencies=[needs(P.DOSSIERS_WRITE)],
    responses=documented(
        PermissionMissing,
        NotYourDossier,
        SchemeNotFound,
        PersonNotFound,
        DossierOpenAlready,
        ApplicantNotNamed,
    ),
)
def begin(db: Creating, now: Now, actor: CurrentActor, told: Told, asked: NewDossier) -> DossierOut:
    """Begin a dossier: one is open per candidate and scheme."""
    dossier = preparing.begin(
        db,
        scheme_id=asked.scheme,
        language=asked.language,
        ai_disclosure=asked.ai_disclosure,
        applicant_id=asked.applicant,
        by=actor,
        at=now,
    )
    db.flush()
    told.tell(dossier)
    return _shown(db, dossier, actor, now)


@router.get("", dependencies=[needs(P.DOSSIERS_READ)], responses=documented(PermissionMissing, CursorUnknown))
def list_dossiers(
    db: ReadDb,
    actor: CurrentActor,
    status: Annotated[DossierStatus | None, Query()] = None,
    scheme: Annotated[str | None, Query(max_length=120)] = None,
    updated_since: UpdatedSince | None = None,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> Page[DossierLine]:
    """List one's own dossiers; the office sees everybody's. Nothing of their content.

    `updated_since` gives those that were begun or whose status changed since.
    """
    found = service.listed(
        db,
        by=actor,
        status=status,
        scheme_id=scheme,
        moved_since=updated_since,
        after=cursor,
        limit=limit + 1,
    )
    rows, following = page_of(found, limit)
    return Page(data=[DossierLine.model_validate(row) for row in rows], next_cursor=following)


@router.get("/{dossier}", dependencies=[needs(P.DOSSIERS_READ)], responses=documented(*GATE))
def read(db: Db, now: Now, actor: CurrentActor, told: Told, dossier: DossierId) -> DossierOut:
    """Read a dossier: one's own, as the office, or as an assessor or member who declared no tie.

    Whoever is not the candidate is written down, in the transaction that ends before the answer leaves.
    """
    found = service.readable(db, dossier, by=actor, at=now)
    told.tell(found)
    return _shown(db, found, actor, now)


@router.patch(
    "/{dossier}",
    dependencies=[needs(P.DOSSIERS_WRITE)],
    responses=documented(*OWN, DossierClosedToChanges, EditionMissing),
)
def revise(
    db: Db, now: Now, actor: CurrentActor, held: Held, dossier: DossierId, asked: DossierChange
) -> DossierOut:
    """Change what a draft says of itself: as it was read, since a program may have it in hand too."""
    with held.unchanged(db, Dossier, dossier, needed=True):
        changed = preparing.revise(
            db, dossier, language=asked.language, ai_disclosure=asked.ai_disclosure, by=actor, at=now
        )
    return _shown(db, changed, actor, now)


@router.post(
    "/{dossier}/evidence",
    status_code=201,
    dependencies=[needs(P.DOSSIERS_WRITE), Depends(each_part_once)],
    responses=documented(
        *OWN,
        DossierClosedToChanges,
        ScannerNotAvailable,
        FileTooLarge,
        FileRefused,
        EvidenceFieldsWrong,
        EvidenceTooMany,
    ),
)
def add_evidence(
    given: GivenPorts,
    now: Now,
    actor: CurrentActor,
    once: ByItself,
    dossier: DossierId,
    asked: Annotated[NewEvidence, Form(media_type="multipart/form-data")],
) -> EvidenceOut:
    """Add a piece of evidence, with its file if there is one."""
    item = preparing.add_evidence(
        given,
        dossier,
        kind=asked.kind,
        fields_text=asked.fields,
        offered=asked.offered,
        by=actor,
        at=now,
        once=once.shown_as(lambda _, item: written(EvidenceOut.of(item))),
    )
    return EvidenceOut.of(item)


@router.delete(
    "/{dossier}/evidence/{evidence}",
    status_code=204,
    dependencies=[needs(P.DOSSIERS_WRITE)],
    responses=documented(*OWN, EvidenceNotFound, DossierClosedToChanges),
)
def remove_evidence(db: Db, now: Now, actor: CurrentActor, dossier: DossierId, evidence: EvidenceId) -> None:
    """Take a piece of evidence out of a draft."""
    preparing.remove_evidence(db, dossier, evidence, by=actor, at=now)


@router.get(
    "/{dossier}/evidence/{evidence}/file",
    dependencies=[needs(P.DOSSIERS_READ)],
    response_class=Response,
    responses={
        200: {
            "description": "The bytes as they were handed in",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(*GATE, EvidenceNotFound, FileInfected),
    },
)
def fetch_file(
    given: GivenPorts, db: Db, now: Now, actor: CurrentActor, dossier: DossierId, evidence: EvidenceId
) -> Response:
    """Fetch a file of the dossier, to be saved and never shown in place. Fetching it is written down."""
    item, sha256 = service.file_of(db, dossier, evidence, by=actor, at=now)
    headers = {**attachment(item.original_name or ""), "Content-Length": str(item.size)}
    return StreamingResponse(pieces(given.files.open(sha256)), media_type=item.media_type, headers=headers)


@router.post(
    "/{dossier}/submission",
    dependencies=[needs(P.DOSSIERS_WRITE)],
    responses=documented(*OWN, DossierNotMovable, DossierIncomplete, MembershipNotValid),
)
def submit(db: Db, now: Now, actor: CurrentActor, dossier: DossierId) -> ReceiptOut:
    """Hand the dossier in, and get a receipt that lists every file with its hash."""
    return ReceiptOut.of(preparing.submit(db, dossier, by=actor, at=now))


@router.post(
    "/{dossier}/withdrawal",
    dependencies=[needs(P.DOSSIERS_WRITE)],
    responses=documented(*OWN, DossierNotMovable),
)
def withdraw(db: Db, now: Now, actor: CurrentActor, dossier: DossierId, asked: Withdrawal) -> DossierOut:
    """Take the dossier back, at any time before it is decided."""
    withdrawn = preparing.withdraw(db, dossier, reasons=asked.reasons, by=actor, at=now)
    return _shown(db, withdrawn, actor, now)


@router.post("/{dossier}/return", dependencies=[needs(P.DOSSIERS_ADMIT)], responses=documented(*DESK))
def return_for_work(db: Db, now: Now, actor: CurrentActor, dossier: DossierId, asked: Reasons) -> DossierOut:
    """Give the dossier back to the candidate, saying what has to be put right."""
    returned = admission.return_for_work(db, dossier, reasons=asked.reasons, by=actor, at=now)
    return _shown(db, returned, actor, now)


@router.post(
    "/{dossier}/admission",
    dependencies=[needs(P.DOSSIERS_ADMIT)],
    responses=documented(*DESK, AdmissionPathNotMet),
)
def admit(db: Db, now: Now, actor: CurrentActor, dossier: DossierId, asked: Admission) -> DossierOut:
    """Admit a dossier to the assessment, on a path that its evidence satisfies or by a derogation."""
    admitted = admission.admit(db, dossier, path=asked.path, derogation=asked.derogation, by=actor, at=now)
    return _shown(db, admitted, actor, now)


@router.post(
    "/{dossier}/non-admission",
    dependencies=[needs(P.DOSSIERS_TURN_DOWN)],
    responses=documented(*DESK),
)
def turn_down(db: Db, now: Now, actor: CurrentActor, dossier: DossierId, asked: Reasons) -> DossierOut:
    """Refuse a dossier before any assessment, with reasons."""
    refused = admission.turn_down(db, dossier, reasons=asked.reasons, by=actor, at=now)
    return _shown(db, refused, actor, now)


@router.get(
    "/{dossier}/parties",
    dependencies=[needs(P.DECLARATIONS_WRITE)],
    responses=documented(PermissionMissing, DossierNotFound),
)
def parties(db: ReadDb, actor: CurrentActor, dossier: DossierId) -> PartiesOut:
    """Say who the candidate is, so that ties can be declared before anything is read."""
    return PartiesOut.of(service.parties(db, dossier, by=actor))


@router.get(
    "/{dossier}/accesses",
    dependencies=[needs(P.DOSSIERS_READ)],
    responses=documented(PermissionMissing, DossierNotFound),
)
def accesses(db: ReadDb, actor: CurrentActor, dossier: DossierId) -> AccessesOut:
    """Show the candidate who opened the dossier and its files, by role."""
    return AccessesOut.of(service.accesses(db, dossier, by=actor))
