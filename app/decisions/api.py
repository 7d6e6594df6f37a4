"""Routes of decisions."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from app.core.ids import pattern
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
    NewDecision,
    NewMeeting,
    NewVote,
    Publication,
    VoteOut,
)
from app.dossiers.errors import (
    ConflictOfInterest,
    DeclarationRequired,
    DossierNotFound,
    DossierNotMovable,
    OwnDossier,
)
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, Creating
from app.organisations.errors import PermissionMissing, PersonNotFound
from app.organisations.rules import Permission
from app.problems import documented
from app.web import Now

router = APIRouter(prefix="/v1", tags=["decisions"], route_class=ApiRoute)

DossierId = Annotated[str, Path(pattern=pattern("dos"))]
DecisionId = Annotated[str, Path(pattern=pattern("dec"))]


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
