"""Routes of assessments."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from app.assessments import interviews, queries, service, viewing
from app.assessments.errors import (
    AssessmentNotFound,
    AssessmentSubmitted,
    AssessorNotEligible,
    AssessorsEnough,
    AssignedAlready,
    InterviewBookedAlready,
    InterviewNotAcceptable,
    InterviewNotBooked,
    InterviewNotFound,
    InterviewNotYet,
    NotYourAssessment,
    NotYourInterview,
    ScoresNotAcceptable,
    StillBlind,
)
from app.assessments.models import Assessment
from app.assessments.schemas import (
    AssessmentOut,
    Assessments,
    AssignmentOut,
    DeclarationOut,
    InterviewOut,
    Minutes,
    NewAssignment,
    NewDeclaration,
    NewInterview,
    NewScores,
    Nothing,
    OwnAssignment,
    OwnAssignments,
    ResultOut,
    Submission,
)
from app.core.errors import EditionMissing
from app.core.ids import pattern
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.errors import (
    AlreadyDeclared,
    ConflictOfInterest,
    DeclarationRequired,
    DossierNotFound,
    DossierNotMovable,
    DossierNotSubmitted,
    OwnDossier,
)
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, Creating, Held, Told
from app.organisations.errors import PermissionMissing, PersonNotFound
from app.organisations.rules import Permission
from app.problems import documented
from app.schemes.judgement import Flag
from app.web import Now

router = APIRouter(prefix="/v1", tags=["assessments"], route_class=ApiRoute)

DossierId = Annotated[str, Path(pattern=pattern("dos"))]
AssessmentId = Annotated[str, Path(pattern=pattern("asm"))]
InterviewId = Annotated[str, Path(pattern=pattern("int"))]


@router.post(
    "/dossiers/{dossier_id}/assignments",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.ASSIGNMENTS_WRITE)],
    responses=documented(
        PermissionMissing, OwnDossier, DossierNotFound, PersonNotFound, DossierNotMovable, AssignedAlready,
        AssessorsEnough, AssessorNotEligible,
    ),
)  # fmt: skip
def assign(
    db: Creating, now: Now, actor: CurrentActor, dossier_id: DossierId, body: NewAssignment
) -> AssignmentOut:
    """Give a dossier to an assessor."""
    return AssignmentOut.of(service.assign(db, dossier_id, assessor_id=body.assessor, by=actor, at=now))


@router.post(
    "/dossiers/{dossier_id}/declarations",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.DECLARATIONS_WRITE)],
    responses=documented(PermissionMissing, OwnDossier, DossierNotFound, AlreadyDeclared),
)
def declare(
    db: Creating, now: Now, actor: CurrentActor, dossier_id: DossierId, body: NewDeclaration
) -> DeclarationOut:
    """Declare one's ties to a candidate, before reading anything of them."""
    declared = service.declare(
        db, dossier_id, kind=body.kind, ended_on=body.ended_on, note=body.note, by=actor, at=now
    )
    return DeclarationOut.of(declared)


@router.get("/assignments", dependencies=[needs(Permission.ASSESSMENTS_WRITE)])
def own_assignments(db: ReadDb, actor: CurrentActor) -> OwnAssignments:
    """List the dossiers that were given to oneself."""
    data = []
    for assignment in queries.assignments_of_person(db, actor.id):
        latest = queries.latest_assessment(db, assignment.id)
        data.append(
            OwnAssignment(
                id=assignment.id,
                dossier=assignment.dossier_id,
                status=assignment.status,
                assessment=latest.id if latest else None,
            )
        )
    return OwnAssignments(data=data)


@router.put(
    "/assessments/{assessment_id}/scores",
    dependencies=[needs(Permission.ASSESSMENTS_WRITE)],
    responses=documented(
        PermissionMissing, NotYourAssessment, AssessmentNotFound, AssessmentSubmitted, DossierNotMovable,
        ScoresNotAcceptable, EditionMissing,
    ),
)  # fmt: skip
def score(
    db: Db, now: Now, actor: CurrentActor, held: Held, assessment_id: AssessmentId, body: NewScores
) -> AssessmentOut:
    """Write one's scores, in place of those that were there and were read."""
    scores = [given.score() for given in body.scores]
    with held.unchanged(db, Assessment, assessment_id, needed=True):
        assessment = service.score(db, assessment_id, scores=scores, by=actor, at=now)
    return _shown(db, assessment)


@router.post(
    "/assessments/{assessment_id}/submission",
    dependencies=[needs(Permission.ASSESSMENTS_WRITE)],
    responses=documented(
        PermissionMissing, NotYourAssessment, AssessmentNotFound, AssessmentSubmitted, DossierNotMovable,
        ScoresNotAcceptable,
    ),
)  # fmt: skip
def submit(
    db: Db, now: Now, actor: CurrentActor, assessment_id: AssessmentId, body: Submission
) -> AssessmentOut:
    """Hand one's assessment in for good."""
    flags = frozenset(Flag(flag) for flag in body.flags)
    return _shown(db, service.submit(db, assessment_id, flags=flags, by=actor, at=now))


@router.get(
    "/assessments/{assessment_id}",
    dependencies=[needs(Permission.ASSESSMENTS_READ)],
    responses=documented(
        PermissionMissing, StillBlind, DeclarationRequired, ConflictOfInterest, AssessmentNotFound
    ),
)
def read(db: ReadDb, actor: CurrentActor, told: Told, assessment_id: AssessmentId) -> AssessmentOut:
    """Read an assessment: one's own, or another's once the round is settled."""
    found = viewing.assessment(db, assessment_id, by=actor)
    told.tell(found)
    return _shown(db, found)


@router.get(
    "/dossiers/{dossier_id}/assessments",
    dependencies=[needs(Permission.ASSESSMENTS_READ)],
    responses=documented(
        PermissionMissing, StillBlind, DeclarationRequired, ConflictOfInterest, DossierNotFound,
        DossierNotSubmitted,
    ),
)  # fmt: skip
def read_all(db: ReadDb, actor: CurrentActor, dossier_id: DossierId) -> Assessments:
    """List the assessments of a dossier that one may see."""
    return Assessments(data=[_shown(db, found) for found in viewing.assessments(db, dossier_id, by=actor)])


@router.get(
    "/dossiers/{dossier_id}/result",
    dependencies=[needs(Permission.ASSESSMENTS_READ)],
    responses=documented(
        PermissionMissing, StillBlind, DeclarationRequired, ConflictOfInterest, DossierNotFound,
        DossierNotSubmitted,
    ),
)  # fmt: skip
def result(db: ReadDb, actor: CurrentActor, dossier_id: DossierId) -> ResultOut:
    """Read what the scores of the present round come to."""
    return ResultOut.of(viewing.result(db, dossier_id, by=actor))


@router.post(
    "/dossiers/{dossier_id}/interviews",
    status_code=status.HTTP_201_CREATED,
    dependencies=[needs(Permission.INTERVIEWS_WRITE)],
    responses=documented(
        PermissionMissing, OwnDossier, NotYourInterview, DossierNotFound, PersonNotFound, DossierNotMovable,
        InterviewBookedAlready, InterviewNotAcceptable, AssessorNotEligible,
    ),
)  # fmt: skip
def book(
    db: Creating, now: Now, actor: CurrentActor, dossier_id: DossierId, body: NewInterview
) -> InterviewOut:
    """Call the candidate to an interview."""
    interview = interviews.book(
        db,
        dossier_id,
        panel=body.panel,
        starts_at=body.at,
        remote=body.remote,
        short_notice_agreed=body.short_notice_agreed,
        by=actor,
        at=now,
    )
    return InterviewOut.of(interview)


@router.post(
    "/interviews/{interview_id}/minutes",
    dependencies=[needs(Permission.INTERVIEWS_WRITE)],
    responses=documented(
        PermissionMissing, OwnDossier, NotYourInterview, DeclarationRequired, ConflictOfInterest,
        InterviewNotFound, InterviewNotBooked, InterviewNotYet, DossierNotMovable, ScoresNotAcceptable,
    ),
)  # fmt: skip
def hold(db: Db, now: Now, actor: CurrentActor, interview_id: InterviewId, body: Minutes) -> InterviewOut:
    """Put an interview on record, with the scores that its panel gave anew."""
    rescores = [(given.criterion, given.value) for given in body.rescores]
    return InterviewOut.of(
        interviews.hold(db, interview_id, minutes=body.minutes, rescores=rescores, by=actor, at=now)
    )


@router.post(
    "/interviews/{interview_id}/cancellation",
    dependencies=[needs(Permission.INTERVIEWS_WRITE)],
    responses=documented(
        PermissionMissing, OwnDossier, NotYourInterview, InterviewNotFound, InterviewNotBooked,
        DossierNotMovable,
    ),
)  # fmt: skip
def cancel(db: Db, now: Now, actor: CurrentActor, interview_id: InterviewId, body: Nothing) -> InterviewOut:
    """Call an interview off."""
    del body
    return InterviewOut.of(interviews.cancel(db, interview_id, by=actor, at=now))


def _shown(db: Db, assessment: Assessment) -> AssessmentOut:
    dossier = dossier_queries.by_id(db, assessment.dossier_id)
    return AssessmentOut.of(assessment, dossiers.scheme_of(dossier))
