"""Shapes of decisions on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Self

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.core.ids import pattern
from app.core.labels import Language
from app.decisions import minutes, queries
from app.decisions.minutes import Stated
from app.decisions.models import Decision, DecisionStatus, Meeting, Minutes, Vote
from app.decisions.rules import Choice, appeal, quorum
from app.dossiers.intake import Offered
from app.schemes.catalogue import catalogue
from app.schemes.judgement import DecisionOutcome
from app.schemes.schemas import LabelsOut
from app.web import Answer, Comment, Day, Wire

MOST_DECISIONS = 100_000  # as many as one batch brings
MOST_MEMBERS = 1_000
People = Annotated[int, Field(ge=1, le=MOST_MEMBERS)]


class NewMeeting(Wire):
    """A sitting of the committee, today unless told otherwise, and who was there."""

    held_on: Day | None = None
    present: Annotated[
        list[Annotated[str, Field(pattern=pattern("per"))]], Field(min_length=1, max_length=200)
    ]


class NewMinutes(BaseModel):
    """What signed minutes state, and the minutes themselves, as a form."""

    model_config = ConfigDict(extra="forbid")

    scheme: Annotated[str, Field(min_length=1, max_length=120)]
    held_on: Day
    members: Annotated[People, Field(description="How many the committee has.")]
    eligible: Annotated[People, Field(description="How many of them may vote on these cases.")]
    present: Annotated[People, Field(description="How many of those were there.")]
    decisions: Annotated[
        int, Field(ge=1, le=MOST_DECISIONS, description="How many grants the minutes state.")
    ]
    language: Annotated[Language, Field(description="In which the dossiers are kept.")] = "it"
    file: UploadFile

    @property
    def stated(self) -> Stated:
        return Stated(
            self.scheme,
            self.held_on,
            self.members,
            self.eligible,
            self.present,
            self.decisions,
            self.language,
        )

    @property
    def offered(self) -> Offered:
        return Offered(self.file.filename or "", self.file.content_type or "", self.file.file)


class MinutesOut(Answer):
    """What minutes state of a meeting that was held elsewhere."""

    id: str
    meeting_id: Annotated[str, Field(serialization_alias="meeting")]
    scheme_id: Annotated[str, Field(serialization_alias="scheme")]
    scheme_version: str
    held_on: date
    members: int
    eligible: int
    present: int
    needed: int
    decisions: int
    language: Language
    sha256: str
    size: int
    scan: str
    recorded_at: datetime


class ElsewhereOut(Answer):
    """By which minutes a decision was imported that a committee took elsewhere."""

    minutes: str
    held_on: date
    sha256: str

    @classmethod
    def of(cls, minutes: Minutes) -> Self:
        return cls(minutes=minutes.id, held_on=minutes.held_on, sha256=minutes.sha256)


class NewDecision(Wire):
    """The case to decide, and the meeting that decides it."""

    dossier: Annotated[str, Field(pattern=pattern("dos"))]
    meeting: Annotated[str, Field(pattern=pattern("mtg"))]


class NewVote(Wire):
    """What a member says; abstaining is being there, not voting."""

    choice: Annotated[Choice, Field(strict=False)]


class Publication(Wire):
    """The committee's reasons: needed for everything but a grant; a grant below the thresholds needs more."""

    reasons: Comment = ""
    derogation: Comment = ""


class MeetingOut(Answer):
    """A sitting of the committee."""

    id: str
    held_on: date
    present: list[str]

    @classmethod
    def of(cls, meeting: Meeting) -> Self:
        present = [seat.person_id for seat in meeting.present]
        return cls(id=meeting.id, held_on=meeting.held_on, present=present)


class VoteOut(Answer):
    """A vote as it was cast."""

    decision: str
    choice: Choice

    @classmethod
    def of(cls, vote: Vote) -> Self:
        return cls(decision=vote.decision_id, choice=Choice(vote.choice))


class QuorumOut(Answer):
    """How many voters the case needs and has: as things stand, and as they stood once it is published."""

    needed: int
    present: int
    ok: bool


class TallyOut(Answer):
    """How the votes fell."""

    grant: int
    refuse: int
    defer: int
    abstain: int


class AppealOut(Answer):
    """Until when and how the decision may be contested."""

    until: date
    text: LabelsOut


class DecisionOut(Answer):
    """A decision, with what it is pinned to."""

    id: str
    dossier: str
    meeting: str
    round: int
    status: DecisionStatus
    outcome: DecisionOutcome | None
    reasons: str | None
    derogation: str | None
    tally: TallyOut | None
    case_file_hash: str
    scheme: str
    scheme_version: str
    scheme_digest: str
    computed: dict[str, Any]
    quorum: QuorumOut
    decided_on: date | None
    published_at: datetime | None
    appeal: AppealOut | None
    elsewhere: ElsewhereOut | None

    @classmethod
    def of(cls, session: Session, decision: Decision) -> Self:
        """Show a decision; while it is open its quorum is counted anew, afterwards it is history."""
        scheme = catalogue().version(decision.scheme_id, decision.scheme_version)
        if decision.tally is None:
            count = QuorumOut.model_validate(quorum(queries.standing(session, decision), scheme.decision))
        else:
            needed, present = (int(str(decision.tally[name])) for name in ("needed", "present"))
            count = QuorumOut(needed=needed, present=present, ok=present >= needed)
        outcome = None if decision.outcome is None else DecisionOutcome(decision.outcome)
        contested = (
            appeal(outcome, decision.decided_on, scheme.appeal) if outcome and decision.decided_on else None
        )
        return cls(
            id=decision.id,
            dossier=decision.dossier_id,
            meeting=decision.meeting_id,
            round=decision.round,
            status=decision.status,
            outcome=outcome,
            reasons=decision.reasons,
            derogation=decision.derogation,
            tally=None if decision.tally is None else TallyOut.model_validate(decision.tally),
            case_file_hash=decision.case_file_hash,
            scheme=decision.scheme_id,
            scheme_version=decision.scheme_version,
            scheme_digest=decision.scheme_digest,
            computed=decision.computed,
            quorum=count,
            decided_on=decision.decided_on,
            published_at=decision.published_at,
            appeal=None if contested is None else AppealOut.model_validate(contested),
            elsewhere=(
                None
                if decision.minutes_id is None
                else ElsewhereOut.of(minutes.by_id(session, decision.minutes_id))
            ),
        )
