"""Routes of continuing development: activities, their proofs and review, imports, exemptions, the ledger."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response
from fastapi.responses import StreamingResponse

from app.core.clock import iso_duration
from app.core.errors import CursorUnknown
from app.core.ids import pattern
from app.credentials.api import CredentialId
from app.credentials.errors import CredentialNotFound
from app.dossiers.errors import FileInfected, FileRefused, FileTooLarge, ScannerNotAvailable
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, ByItself, Creating, Held, Told, written
from app.organisations.errors import PermissionMissing
from app.organisations.rules import Permission
from app.organisations.service import today_of
from app.problems import documented
from app.renewal import activities, holding, importing, ledger, proofs, queries, reviewing
from app.renewal.errors import (
    CpdActivityClosedToChanges,
    CpdActivityEnteredAlready,
    CpdActivityIncomplete,
    CpdActivityNotFound,
    CpdActivityNotMovable,
    CpdActivityTooMany,
    CpdActivityWrong,
    CpdCycleNotFound,
    CpdNothingNew,
    CpdProofNotFound,
    CpdProofTooMany,
    CpdProofWrong,
    ExemptionGivenAlready,
    ExemptionNotAllowed,
    NotYourCpdActivity,
    OwnCpdActivity,
    OwnExemption,
)
from app.renewal.models import CpdActivity
from app.renewal.schemas import (
    ActivityId,
    ActivityIn,
    ActivityOut,
    ExemptionOut,
    Import,
    ImportOut,
    LedgerOut,
    NewActivity,
    NewExemption,
    NewProof,
    Nothing,
    ProofId,
    ProofOut,
    Question,
    Rejection,
)
from app.renewal.states import ActivityState
from app.web import (
    PAGE,
    Cursor,
    GivenPorts,
    Limit,
    Now,
    Page,
    attachment,
    each_part_once,
    page_of,
    pieces,
)

router = APIRouter(prefix="/v1", tags=["continuing development"], route_class=ApiRoute)
P = Permission
WRITE = [needs(P.CPD_WRITE)]
READ = [needs(P.CPD_READ)]
REVIEW = [needs(P.CPD_REVIEW)]
OWN = (PermissionMissing, CpdActivityNotFound, CredentialNotFound, NotYourCpdActivity)
CHANGE = (
    *OWN,
    CpdActivityNotMovable,
    CpdActivityClosedToChanges,
    CpdActivityEnteredAlready,
    CpdActivityWrong,
    CpdActivityTooMany,
    CpdProofTooMany,
    CpdNothingNew,
)
DESK = (PermissionMissing, CpdActivityNotFound, OwnCpdActivity, CpdActivityNotMovable)


@router.post(
    "/cpd-activities",
    status_code=201,
    dependencies=WRITE,
    responses={
        200: {"description": "It was entered before", "model": ActivityOut},
        **documented(
            PermissionMissing,
            CredentialNotFound,
            NotYourCpdActivity,
            CpdActivityClosedToChanges,
            CpdActivityEnteredAlready,
            CpdActivityWrong,
            CpdActivityTooMany,
            CpdProofTooMany,
        ),
    },
)
def add(db: Creating, now: Now, actor: CurrentActor, asked: NewActivity, response: Response) -> ActivityOut:
    """Enter an activity; the very same again is the one that is there. It is claimed if its proof will do."""
    entered = activities.add(db, asked.credential, asked.entry, by=actor, at=now)
    if not entered.new:
        response.status_code = 200
    return ActivityOut.entered(entered)


@router.get("/cpd-activities", dependencies=READ, responses=documented(PermissionMissing, CursorUnknown))
def list_activities(
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    credential: Annotated[str | None, Query(pattern=pattern("crd"))] = None,
    state: Annotated[ActivityState | None, Query()] = None,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> Page[ActivityOut]:
    """List one's own activities; the office sees everybody's, and a program what it recorded itself."""
    found = activities.listed(
        db, by=actor, credential_id=credential, state=state, after=cursor, limit=limit + 1
    )
    rows, following = page_of(found, limit)
    terms = queries.terms_of_activities(db, rows)
    today = today_of(db, actor.organisation_id, now)
    told = [ActivityOut.told(row, terms[row.credential_id], today=today, by=actor) for row in rows]
    return Page(data=told, next_cursor=following)


@router.get(
    "/cpd-activities/{activity}",
    dependencies=READ,
    responses=documented(PermissionMissing, CpdActivityNotFound),
)
def read(db: ReadDb, now: Now, actor: CurrentActor, told: Told, activity: ActivityId) -> ActivityOut:
    """Read an activity: one's own, or anybody's for the office."""
    found = holding.readable(db, activity, by=actor)
    told.tell(found)
    terms = queries.terms_of_activities(db, [found])[found.credential_id]
    return ActivityOut.told(found, terms, today=today_of(db, actor.organisation_id, now), by=actor)


@router.put("/cpd-activities/{activity}", dependencies=WRITE, responses=documented(*CHANGE))
def revise(
    db: Db, now: Now, actor: CurrentActor, held: Held, activity: ActivityId, asked: ActivityIn
) -> ActivityOut:
    """Rewrite a draft, or answer a question of the office: with a note, proofs, or fewer hours."""
    with held.unchanged(db, CpdActivity, activity):
        entered = activities.revise(db, activity, asked.entry, by=actor, at=now)
    return ActivityOut.entered(entered)


@router.delete(
    "/cpd-activities/{activity}",
    status_code=204,
    dependencies=WRITE,
    responses=documented(*OWN, CpdActivityNotMovable, CpdActivityClosedToChanges),
)
def discard(db: Db, now: Now, actor: CurrentActor, activity: ActivityId) -> None:
    """Throw a draft away."""
    activities.discard(db, activity, by=actor, at=now)


@router.post(
    "/cpd-activities/{activity}/proofs",
    status_code=201,
    dependencies=[needs(P.CPD_WRITE), Depends(each_part_once)],
    responses={
        200: {"description": "It is there already", "model": ProofOut},
        **documented(
            *OWN,
            CpdActivityClosedToChanges,
            ScannerNotAvailable,
            FileTooLarge,
            FileRefused,
            CpdProofWrong,
            CpdProofTooMany,
        ),
    },
)
def add_proof(
    given: GivenPorts,
    now: Now,
    actor: CurrentActor,
    once: ByItself,
    activity: ActivityId,
    asked: Annotated[NewProof, Form(media_type="multipart/form-data")],
    response: Response,
) -> ProofOut:
    """Add a proof, with its file if it is of a kind that needs one."""
    proof, new = proofs.add(
        given,
        activity,
        kind=asked.kind,
        reference=asked.reference,
        offered=asked.offered,
        by=actor,
        at=now,
        once=once.shown_as(
            lambda _, made: written(ProofOut.model_validate(made[0]), status=201 if made[1] else 200)
        ),
    )
    if not new:
        response.status_code = 200
    return ProofOut.model_validate(proof)


@router.get(
    "/cpd-activities/{activity}/proofs/{proof}/file",
    dependencies=READ,
    response_class=Response,
    responses={
        200: {
            "description": "The bytes as they were handed in",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(PermissionMissing, CpdActivityNotFound, CpdProofNotFound, FileInfected),
    },
)
def fetch_file(
    given: GivenPorts, db: Db, now: Now, actor: CurrentActor, activity: ActivityId, proof: ProofId
) -> Response:
    """Fetch the file of a proof, to be saved and never shown in place. The office's fetching is recorded."""
    found, sha256 = proofs.file_of(db, activity, proof, by=actor, at=now)
    headers = {**attachment(found.original_name or ""), "Content-Length": str(found.size)}
    return StreamingResponse(pieces(given.files.open(sha256)), media_type=found.media_type, headers=headers)


@router.delete(
    "/cpd-activities/{activity}/proofs/{proof}",
    status_code=204,
    dependencies=WRITE,
    responses=documented(*OWN, CpdProofNotFound, CpdActivityClosedToChanges),
)
def remove_proof(db: Db, now: Now, actor: CurrentActor, activity: ActivityId, proof: ProofId) -> None:
    """Take back a proof that one added to a draft, or to an activity that the office asks about."""
    proofs.remove(db, activity, proof, by=actor, at=now)


@router.post(
    "/cpd-activities/{activity}/claim",
    dependencies=WRITE,
    responses=documented(
        *OWN, CpdActivityNotMovable, CpdActivityClosedToChanges, CpdActivityIncomplete, CpdNothingNew
    ),
)
def claim(db: Db, now: Now, actor: CurrentActor, activity: ActivityId) -> ActivityOut:
    """Claim a draft, or an activity whose question is answered."""
    return ActivityOut.entered(activities.claim(db, activity, by=actor, at=now))


@router.post(
    "/cpd-activities/{activity}/correction",
    status_code=201,
    dependencies=WRITE,
    responses={
        200: {"description": "It says so already", "model": ActivityOut},
        **documented(*CHANGE),
    },
)
def correct(
    db: Creating, now: Now, actor: CurrentActor, activity: ActivityId, asked: ActivityIn, response: Response
) -> ActivityOut:
    """Put a new version in the place of a claimed, accepted or rejected activity, which is kept as it was.

    Without a claim it is a draft, which does not count. What takes the place of a rejected one says
    something new before it is claimed, and is reviewed anew.
    """
    entered = activities.correct(db, activity, asked.entry, by=actor, at=now)
    if not entered.new:
        response.status_code = 200
    return ActivityOut.entered(entered)


@router.post("/cpd-activities/{activity}/query", dependencies=REVIEW, responses=documented(*DESK))
def query(db: Db, now: Now, actor: CurrentActor, activity: ActivityId, asked: Question) -> ActivityOut:
    """Ask the holder about a claimed activity."""
    return ActivityOut.entered(reviewing.query(db, activity, question=asked.question, by=actor, at=now))


@router.post("/cpd-activities/{activity}/acceptance", dependencies=REVIEW, responses=documented(*DESK))
def accept(db: Db, now: Now, actor: CurrentActor, activity: ActivityId, asked: Nothing) -> ActivityOut:
    """Accept a claimed activity."""
    del asked
    return ActivityOut.entered(reviewing.accept(db, activity, by=actor, at=now))


@router.post("/cpd-activities/{activity}/rejection", dependencies=REVIEW, responses=documented(*DESK))
def reject(db: Db, now: Now, actor: CurrentActor, activity: ActivityId, asked: Rejection) -> ActivityOut:
    """Turn an activity down, with reasons; its holder may put a newer version in its place."""
    return ActivityOut.entered(reviewing.reject(db, activity, reasons=asked.reasons, by=actor, at=now))


@router.post("/cpd-imports", dependencies=WRITE, responses=documented(PermissionMissing))
def take_many(db: Creating, now: Now, actor: CurrentActor, asked: Import) -> ImportOut:
    """Enter up to 500 activities: one's own, or as a training provider those of anybody by number.

    Each row is judged for itself, and what was entered before stays as it is: sending again changes nothing.
    """
    return ImportOut.of(importing.take(db, asked.judged(), by=actor, at=now))


@router.post(
    "/cpd-exemptions",
    status_code=201,
    dependencies=[needs(P.EXEMPTIONS_WRITE)],
    responses=documented(
        PermissionMissing,
        OwnExemption,
        CredentialNotFound,
        CpdCycleNotFound,
        CpdActivityClosedToChanges,
        ExemptionGivenAlready,
        ExemptionNotAllowed,
    ),
)
def exempt(db: Creating, now: Now, actor: CurrentActor, asked: NewExemption) -> ExemptionOut:
    """Ask less of a holder in a cycle."""
    exemption = reviewing.exempt(
        db,
        asked.credential,
        reason=asked.reason,
        reduction_pct=asked.reduction_pct,
        cycle=asked.cycle,
        by=actor,
        at=now,
    )
    return ExemptionOut.of(exemption)


@router.get(
    "/credentials/{credential_id}/cpd",
    dependencies=READ,
    responses=documented(PermissionMissing, CredentialNotFound, CpdCycleNotFound),
)
def read_ledger(
    given: GivenPorts,
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    cycle: Annotated[int | None, Query(ge=1, le=100, description="By default the cycle at work.")] = None,
) -> LedgerOut:
    """Show what counts in a cycle, why the rest does not, and what is missing by when."""
    credential = holding.readable_credential(db, credential_id, by=actor)
    shown = ledger.shown(db, credential, cycle=cycle, at=now)
    offset = iso_duration(given.clock.offset)
    return LedgerOut.of(queries.terms(db, credential), shown, clock_offset=offset)
