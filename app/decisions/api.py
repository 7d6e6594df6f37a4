"""Routes of decisions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Response, status
from fastapi.responses import StreamingResponse

from app.core.ids import pattern
from app.decisions import minutes as minutes_taken
from app.decisions import service, viewing
from app.decisions.errors import (
    CaseFileChanged,
    DecisionNotFound,
    DecisionNotOpen,
    DecisionNotPublished,
    DecisionOpenedAlready,
    DecisionPublishedAlready,
    MeetingNotFound,
    MeetingNotHeld,
    MeetingTooEarly,
    MinutesNotFound,
    MinutesWrong,
    NoQuorum,
    NoVotes,
    PublicationBarred,
    ReasonsMissing,
    SeparationBroken,
    ThresholdsNotMet,
    VoteBarred,
    VotedAlready,
    VotesNotCountable,
    VotesOutstanding,
)
from app.decisions.schemas import (
    DecisionOut,
    MeetingOut,
    MinutesOut,
    NewDecision,
    NewMeeting,
    NewMinutes,
    NewVote,
    Publication,
    VoteOut,
)
from app.dossiers.errors import (
    ConflictOfInterest,
    DeclarationRequired,
    DossierNotFound,
    DossierNotMovable,
    FileInfected,
    FileRefused,
    FileTooLarge,
    OwnDossier,
    ScannerNotAvailable,
)
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, ByItself, Creating, written
from app.organisations.errors import PermissionMissing, PersonNotFound
from app.organisations.rules import Permission
from app.problems import documented
from app.schemes.errors import SchemeNotFound
from app.web import GivenPorts, Now, attachment, each_part_once, pieces

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=ApiRoute)

DossierId = Annotated[str, Path(pattern=pattern("dos"))]
DecisionId = Annotated[str, Path(pattern=pattern("dec"))]
MinutesId = Annotated[str, Path(pattern=pattern("min"))]


@router.post(
    "/meetings",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.MEETINGS_WRITE)],
    responses=documented(PermissionMissing, PersonNotFound, MeetingNotHeld),
)
def record_meeting(db: Creating, now: Now, actor: CurrentActor, body: NewMeeting) -> MeetingOut:
    """Put a meeting of the committee on record."""
    return MeetingOut.of(
        service.record_meeting(db, held_on=body.held_on, present=body.present, by=actor, at=now)
    )


@router.post(
    "/decisions",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.MEETINGS_WRITE)],
    responses=documented(
        PermissionMissing, OwnDossier, DossierNotFound, MeetingNotFound, DossierNotMovable,
        DecisionOpenedAlready, SeparationBroken, CaseFileChanged, MeetingTooEarly,
    ),
)  # fmt: skip
def open_decision(db: Creating, now: Now, actor: CurrentActor, body: NewDecision) -> DecisionOut:
    """Put a case before a meeting."""
    decision = service.open_decision(db, body.dossier, meeting_id=body.meeting, by=actor, at=now)
    return DecisionOut.of(db, decision)


@router.get(
    "/decisions/{decision_id}",
    dependencies=[needs(Permission.DECISIONS_READ)],
    responses=documented(
        PermissionMissing, DeclarationRequired, ConflictOfInterest, DecisionNotFound, DecisionNotPublished
    ),
)
def read(db: ReadDb, actor: CurrentActor, decision_id: DecisionId) -> DecisionOut:
    """Read a decision."""
    return DecisionOut.of(db, viewing.decision(db, decision_id, by=actor))


@router.get(
    "/dossiers/{dossier_id}/decision",
    dependencies=[needs(Permission.DOSSIERS_READ)],
    responses=documented(
        PermissionMissing, DeclarationRequired, ConflictOfInterest, DossierNotFound, DecisionNotFound
    ),
)
def read_of_dossier(db: ReadDb, actor: CurrentActor, dossier_id: DossierId) -> DecisionOut:
    """Read what was decided of a dossier."""
    return DecisionOut.of(db, viewing.decision_of_dossier(db, dossier_id, by=actor))


@router.post(
    "/decisions/{decision_id}/votes",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.DECISIONS_VOTE)],
    responses=documented(
        PermissionMissing, ConflictOfInterest, VoteBarred, DecisionNotFound, DecisionNotOpen,
        DossierNotMovable, NoQuorum, VotedAlready,
    ),
)  # fmt: skip
def vote(db: Creating, now: Now, actor: CurrentActor, decision_id: DecisionId, body: NewVote) -> VoteOut:
    """Vote on a case."""
    return VoteOut.of(service.vote(db, decision_id, choice=body.choice, by=actor, at=now))


@router.post(
    "/decisions/{decision_id}/publication",
    dependencies=[needs(Permission.DECISIONS_PUBLISH)],
    responses=documented(
        PermissionMissing, DeclarationRequired, ConflictOfInterest, PublicationBarred, DecisionNotFound,
        DecisionPublishedAlready, DecisionNotOpen, DossierNotMovable, CaseFileChanged, NoQuorum,
        VotesNotCountable, VotesOutstanding, NoVotes, ThresholdsNotMet, ReasonsMissing,
    ),
)  # fmt: skip
def publish(db: Db, now: Now, actor: CurrentActor, decision_id: DecisionId, body: Publication) -> DecisionOut:
    """Publish what the votes came to, for good."""
    decision = service.publish(
        db, decision_id, reasons=body.reasons, derogation=body.derogation, by=actor, at=now
    )
    return DecisionOut.of(db, decision)


@router.post(
    "/minutes",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.DECISIONS_PUBLISH), Depends(each_part_once)],
    responses=documented(
        PermissionMissing, SchemeNotFound, MeetingNotHeld, MinutesWrong, NoQuorum, FileRefused, FileTooLarge,
        FileInfected, ScannerNotAvailable,
    ),
)  # fmt: skip
def record_minutes(
    given: GivenPorts,
    now: Now,
    actor: CurrentActor,
    once: ByItself,
    asked: Annotated[NewMinutes, Form(media_type="multipart/form-data")],
) -> MinutesOut:
    """Record the signed minutes of a committee that decided elsewhere, so that its decisions are imported.

    The scheme's quorum is checked on what they state; nothing of it can be changed afterwards.
    """
    once.shown_as(lambda _, minutes: written(MinutesOut.model_validate(minutes)))
    recorded = minutes_taken.record(given, asked.stated, asked.offered, by=actor, at=now, once=once)
    return MinutesOut.model_validate(recorded)


@router.get(
    "/minutes/{minutes_id}",
    dependencies=[needs(Permission.DECISIONS_READ)],
    responses=documented(PermissionMissing, MinutesNotFound),
)
def read_minutes(db: ReadDb, minutes_id: MinutesId) -> MinutesOut:
    """Read what minutes state."""
    return MinutesOut.model_validate(minutes_taken.by_id(db, minutes_id))


@router.get(
    "/minutes/{minutes_id}/file",
    dependencies=[needs(Permission.DECISIONS_READ)],
    response_class=Response,
    responses={
        200: {
            "description": "The signed minutes as they were handed in",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(PermissionMissing, MinutesNotFound),
    },
)
def fetch_minutes(given: GivenPorts, db: ReadDb, minutes_id: MinutesId) -> Response:
    """Fetch the signed minutes, to be saved and never shown in place."""
    found = minutes_taken.by_id(db, minutes_id)
    headers = {**attachment(found.id), "Content-Length": str(found.size)}
    return StreamingResponse(
        pieces(given.files.open(found.sha256)), media_type=found.media_type, headers=headers
    )
