"""What renewals and draws look like on the wire."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from app.core.ids import pattern
from app.renewal.cycles import Phase
from app.renewal.schemas import EvaluationOut
from app.renewal.states import RenewalKind, RenewalState
from app.web import Answer, Day, Text, Wire


class RenewalIn(Wire):
    """The credential to renew."""

    credential: Annotated[str, Field(pattern=pattern("crd"))]


class InterviewIn(Wire):
    """When whoever wants to come back was talked to, and what came of it."""

    held_on: Day
    minutes: Text


class ApprovalIn(Wire):
    """What goes on record with an approval; a reinstatement takes an interview."""

    reasons: Text | None = None
    interview: InterviewIn | None = None


class RefusalIn(Wire):
    """Why a renewal is refused."""

    reasons: Text


class CureIn(Wire):
    """What is to be mended, and why."""

    reasons: Text


class AnswerIn(Wire):
    """Nothing: what was mended is found in the activities."""


class DrawLink(Answer):
    """The draw that a renewal waits or waited in, and where everybody may read of it."""

    id: str
    url: str
    commitment: str
    drawn_at: datetime | None


class AuditOut(Answer):
    """Why a renewal is looked into, and by when an answer is owed."""

    reason: str
    from_: Annotated[date, Field(alias="from")]
    reply_by: date


class CureOut(Answer):
    """What is to be mended, and by when."""

    reasons: str
    by: date


class RenewalDecisionOut(Answer):
    """What became of a renewal, and why."""

    outcome: RenewalState
    on: date
    reasons: str | None


class SpanOut(Answer):
    """A period that rests on a renewal."""

    seq: int
    valid_from: date
    valid_until: date
    ended_on: date | None


class RenewalLine(Answer):
    """A renewal in a list: without the evaluation, which may be long."""

    id: str
    credential: str
    cycle: int
    kind: RenewalKind
    state: RenewalState
    filed_at: datetime
    late: bool
    rules: str
    draw: DrawLink | None
    audit: AuditOut | None
    cure: CureOut | None
    decision: RenewalDecisionOut | None
    period: SpanOut | None
    bridge: SpanOut | None


class RenewalOut(RenewalLine):
    """A renewal as its holder and those who handle it see it."""

    evaluation: EvaluationOut


class InTwoLanguages(Answer):
    """The same words in Italian and in English."""

    it: str
    en: str


class ObstacleOut(Answer):
    """Something that keeps a holder from filing today."""

    code: str
    detail: InTwoLanguages


class RenewalStandingOut(Answer):
    """Where a credential stands on the way to its renewal, by the days of its cycle."""

    credential: str
    cycle: int
    phase: Phase
    today: date
    opens_on: date
    bridge_if_filed_by: Annotated[
        date, Field(description="Whoever files by this day is covered while the review is slow, for a time.")
    ]
    expires_on: date
    grace_until: date
    reinstatement_until: date
    may_file: bool
    why_not: list[ObstacleOut]
    renewal: RenewalOut | None


class DrawnMember(Answer):
    """A renewal that was in a draw, and among which others it was ranked."""

    renewal: str
    stratum: str


class DrawnStratum(Answer):
    """Renewals that are alike, and how many of them were taken."""

    name: str
    size: int
    take: int


class DrawOut(Answer):
    """A draw as everybody may read it: before it is held, nothing but the promise."""

    id: str
    scheme: str
    commitment: str
    committed_at: datetime
    drawn_at: datetime | None
    seed: str | None
    sample_pct: int
    min_per_batch: int
    population: list[DrawnMember] | None
    strata: list[DrawnStratum] | None
    sample: list[str] | None
