"""What a scheme says of judging: the scale, the criteria, the thresholds, and how the committee decides."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from app.schemes.values import Count, Points, Positive, Printed, Reference, block


@block
class ScaleAnchor:
    """What a score means, in words."""

    score: Decimal
    label: Printed


@block
class Scale:
    """The scale on which every criterion is scored."""

    min: Decimal
    max: Annotated[Decimal, Field(gt=0)]
    step: Annotated[Decimal, Field(gt=0)]
    anchors: tuple[ScaleAnchor, ...]

    def holds(self, value: Decimal) -> bool:
        """Tell whether a value is one of the scale's steps."""
        # Every scale starts at 0. A subtraction here would round, and take 3.00…01 for a 3.
        return value.is_finite() and self.min <= value <= self.max and value % self.step == 0


@block
class Criterion:
    """What assessors score: its weight in the total, and the parts of the profile it covers."""

    id: Reference
    weight: Positive
    critical: bool
    covers: tuple[Reference, ...]
    label: Printed


@block
class AssessorRules:
    """How many assessors judge a dossier, and what happens when they disagree."""

    min: Annotated[int, Field(ge=2, le=3)]
    independent: bool
    blind_until_submitted: bool
    divergence_points: Points
    on_divergence: Literal["third_assessor"]


@block
class ScoringRules:
    """What a score has to come with, and how scores become a total."""

    evidence_link_required: bool
    comment_required_below: Decimal
    total: Literal["weighted_mean"]


@block
class PassRules:
    """All that a dossier must reach to pass."""

    total_min: Points
    critical_min: Decimal
    noncritical_min: Decimal
    noncritical_exceptions_max: Count


class Flag(StrEnum):
    """What assessors, or their scores, hold against deciding on paper."""

    IDENTITY_DOUBT = "identity_doubt"
    AUTHORSHIP_DOUBT = "authorship_doubt"
    DIVERGENCE = "divergence"
    INTERVIEW_WANTED = "interview_wanted"


@block
class InterviewBand:
    """When the candidate is heard before anything is decided."""

    total_min: Points
    total_max_excl: Points
    or_flags: tuple[Flag, ...]


@block
class OutcomeRules:
    """What follows from the scores; whoever neither passes nor is heard is refused."""

    passing: PassRules
    interview: InterviewBand


@block
class InterviewRules:
    """How an interview is held."""

    mode: Literal["optional"]
    panel_min: Positive
    minutes: Positive
    notice_days: Count
    remote: bool
    record: Literal["minutes_only"]
    effect: Literal["rescore_criteria"]
    reasonable_adjustments: bool


@block
class TimeLimits:
    """Within how many days each step is taken."""

    completeness: Positive
    applicant_reply: Positive
    assessment: Positive
    decision: Positive


@block
class AssessmentRules:
    """How a dossier is judged."""

    scale: Scale
    criteria: tuple[Criterion, ...]
    assessors: AssessorRules
    scoring: ScoringRules
    outcome: OutcomeRules
    interview: InterviewRules
    time_limits_days: TimeLimits


@block
class Quorum:
    """Without whom a committee decides nothing."""

    min_eligible_voters: Positive
    fraction_of_members: Annotated[Decimal, Field(gt=0, le=1)]


@block
class LookbackMonths:
    """For how long a past tie still counts as a conflict; no number means for ever."""

    employment: Count | None
    collaboration: Count | None
    training_given: Count | None
    family: Count | None


@block
class ConflictRules:
    """How conflicts of interest are kept out."""

    declare_before_access: bool
    lookback_months: LookbackMonths
    waiver: Literal["never_for_vote"]


class Separation(StrEnum):
    """How far those who scored stay away from the vote."""

    STRICT = "strict"
    RECUSE_ON_OWN_SCORES = "recuse_on_own_scores"


class DecisionOutcome(StrEnum):
    """What a committee can decide of a dossier."""

    GRANT = "grant"
    REFUSE = "refuse"
    DEFER = "defer"


@block
class DecisionRules:
    """How the committee decides."""

    body: Literal["technical_committee"]
    quorum: Quorum
    majority: Literal["simple_of_votes_cast"]
    tie: Literal[DecisionOutcome.DEFER]
    separation: Separation
    outcomes: tuple[DecisionOutcome, ...]
    reasons_required: tuple[DecisionOutcome, ...]
    conflicts: ConflictRules
    reapply_after_months: Count
