"""Shapes of assessments on the wire."""

import math
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from app.assessments.models import Assessment, Assignment, AssignmentStatus, Interview, InterviewStatus
from app.assessments.rules import ComputedOutcome, Score, total, written
from app.assessments.service import Declared
from app.assessments.viewing import RoundView
from app.core.ids import pattern
from app.dossiers.rules import ConflictKind
from app.schemes.judgement import Flag
from app.schemes.scheme import Scheme
from app.web import Answer, Comment, Day, Instant, Text, Wire


def _points(value: object) -> object:
    """Take the number that was written, digit for digit; true is no number here, nor is a text."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number")
    return Decimal(str(value))


PersonId = Annotated[str, Field(pattern=pattern("per"))]
Points = Annotated[Decimal, BeforeValidator(_points), WithJsonSchema({"type": "number"}, mode="validation")]
Criterion = Annotated[str, Field(min_length=1, max_length=20)]


class NewAssignment(Wire):
    """The person who is asked to judge a dossier."""

    assessor: PersonId


class NewDeclaration(Wire):
    """One's ties to the candidate; no end means that the tie still holds."""

    kind: Annotated[ConflictKind, Strict(strict=False)]
    ended_on: Day | None = None
    note: Text | None = None


class NewScore(Wire):
    """A score for one criterion, with its words and the evidence that it rests on."""

    criterion: Criterion
    value: Points
    comment: Comment = ""
    evidence: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=200)]

    def score(self) -> Score:
        return Score(self.criterion, self.value, self.comment, tuple(dict.fromkeys(self.evidence)))


class NewScores(Wire):
    """All the scores of an assessment so far."""

    scores: Annotated[list[NewScore], Field(max_length=100)]


class Submission(Wire):
    """What goes with an assessment when it is handed in."""

    # Divergence is no opinion: it is worked out from the scores.
    flags: Annotated[
        list[Literal["identity_doubt", "authorship_doubt", "interview_wanted"]],
        Field(default_factory=list, max_length=3),
    ]


class NewInterview(Wire):
    """When the candidate is heard, and by whom."""

    panel: Annotated[list[PersonId], Field(max_length=10)]
    at: Instant
    remote: bool
    short_notice_agreed: bool = False


class Rescore(Wire):
    """A criterion that the panel scored anew."""

    criterion: Criterion
    value: Points


class Minutes(Wire):
    """What was said, and what the panel made of it."""

    minutes: Text
    rescores: Annotated[list[Rescore], Field(default_factory=list, max_length=100)]


class Nothing(Wire):
    """A body with nothing in it."""


class AssignmentOut(Answer):
    """A dossier given to an assessor."""

    id: str
    dossier: str
    assessor: str
    status: AssignmentStatus

    @classmethod
    def of(cls, assignment: Assignment) -> Self:
        return cls(
            id=assignment.id,
            dossier=assignment.dossier_id,
            assessor=assignment.assessor_id,
            status=assignment.status,
        )


class OwnAssignment(Answer):
    """A dossier given to the caller, with their assessment of it in its latest round."""

    id: str
    dossier: str
    status: AssignmentStatus
    assessment: str | None


class OwnAssignments(Answer):
    """The dossiers given to the caller."""

    data: list[OwnAssignment]
    next_cursor: str | None = None


class DeclarationOut(Answer):
    """A declaration, whether it is a conflict, and the assessment that it opened."""

    id: str
    dossier: str
    person: str
    kind: ConflictKind
    conflicted: bool
    assessment: str | None

    @classmethod
    def of(cls, declared: Declared) -> Self:
        said = declared.declaration
        return cls(
            id=said.id,
            dossier=said.dossier_id,
            person=said.person_id,
            kind=ConflictKind(said.kind),
            conflicted=said.conflicted,
            assessment=declared.assessment.id if declared.assessment else None,
        )


class ScoreOut(Answer):
    """A score as it was given."""

    criterion: str
    value: float
    comment: str
    evidence: list[str]


class AssessmentOut(Answer):
    """One assessor's judgement of a dossier in one round."""

    id: str
    dossier: str
    assessor: str
    round: int
    flags: list[str]
    submitted_at: datetime | None
    total: str | None
    scores: list[ScoreOut]

    @classmethod
    def of(cls, assessment: Assessment, scheme: Scheme) -> Self:
        """Show an assessment; its total once every criterion is scored."""
        values = {row.criterion: row.value for row in assessment.scores}
        complete = all(criterion.id in values for criterion in scheme.assessment.criteria)
        return cls(
            id=assessment.id,
            dossier=assessment.dossier_id,
            assessor=assessment.assessor_id,
            round=assessment.round,
            flags=assessment.flags,
            submitted_at=assessment.submitted_at,
            total=written(total(scheme, values)) if complete else None,
            scores=[
                ScoreOut(
                    criterion=row.criterion,
                    value=float(row.value),
                    comment=row.comment,
                    evidence=row.evidence,
                )
                for row in sorted(assessment.scores, key=lambda row: row.criterion)
            ],
        )


class Assessments(Answer):
    """The assessments of a dossier that the caller may see."""

    data: list[AssessmentOut]
    next_cursor: str | None = None


class ResultOut(Answer):
    """What a round came to; while a third assessor is needed there is no total and no outcome."""

    round: int
    total: str | None
    outcome: ComputedOutcome | None
    failed: list[str]
    flags: list[Flag]
    consensus: dict[str, str]
    interviewed: bool
    needs_third: bool

    @classmethod
    def of(cls, view: RoundView) -> Self:
        found = view.result
        if found is None:
            return cls(
                round=view.round,
                total=None,
                outcome=None,
                failed=[],
                flags=[Flag.DIVERGENCE],
                consensus={},
                interviewed=False,
                needs_third=True,
            )
        return cls(
            round=found.round,
            total=written(found.computed.total),
            outcome=found.computed.outcome,
            failed=list(found.computed.failed),
            flags=list(found.flags),
            consensus={criterion: written(value) for criterion, value in found.scores.items()},
            interviewed=found.interviewed,
            needs_third=False,
        )


class InterviewOut(Answer):
    """A conversation with the candidate."""

    id: str
    dossier: str
    round: int
    at: datetime
    remote: bool
    short_notice_agreed: bool
    panel: list[str]
    status: InterviewStatus
    held_at: datetime | None

    @classmethod
    def of(cls, interview: Interview) -> Self:
        return cls(
            id=interview.id,
            dossier=interview.dossier_id,
            round=interview.round,
            at=interview.at,
            remote=interview.remote,
            short_notice_agreed=interview.short_notice_agreed,
            panel=[seat.person_id for seat in interview.panel],
            status=interview.status,
            held_at=interview.held_at,
        )
