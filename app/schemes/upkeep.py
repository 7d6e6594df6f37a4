"""What a scheme says of the years after: continuing development, renewal, suspension, retention."""

from typing import Annotated, Literal

from pydantic import Field

from app.schemes.values import Count, Hours, Lasting, Name, Percent, Positive, Printed, Reference, block


@block
class CpdCategory:
    """A kind of activity, with the least that must and the most that may come from it."""

    id: Name
    label: Printed
    min: Hours | None = None
    max: Hours | None = None


@block
class CpdTopic:
    """A subject that nobody may leave out."""

    id: Name
    min: Hours
    covers: tuple[Reference, ...]


@block
class CarryOver:
    """What of one cycle may count in the next."""

    max: Hours
    from_last_months: Count
    categories: tuple[Name, ...]


@block
class CpdEvidence:
    """What a claimed activity must state and how it may be proved."""

    required_fields: tuple[Name, ...]
    proof: tuple[Name, ...]
    retain_after_cycle_months: Count


@block
class CpdExemptions:
    """For whose sake the hours may be reduced, and by how much at most."""

    reasons: tuple[Name, ...]
    max_reduction_pct: Percent
    decided_by: Name


@block
class CpdRules:
    """How much continuing development a holder does in each cycle."""

    unit: Literal["hour"]
    granularity: Hours
    cycle: Lasting
    min_total: Hours
    min_per_year: Hours
    year_basis: Literal["cycle_anniversary", "calendar"]
    categories: tuple[CpdCategory, ...]
    topics: tuple[CpdTopic, ...]
    per_activity_max: Hours
    per_day_max: Annotated[Hours, Field(le=24)]
    no_double_count: bool
    carry_over: CarryOver
    evidence: CpdEvidence
    exemptions: CpdExemptions


@block
class ValidityOnTime:
    """From when until when a credential holds that was renewed before it expired."""

    begins: Annotated[Literal["day_after_old_expiry"], Field(alias="from")]
    until: Literal["old_expiry_plus_period"]


@block
class ValidityLate:
    """From when until when a credential holds that was renewed after it expired: nothing is back-dated."""

    begins: Annotated[Literal["decision_date"], Field(alias="from")]
    until: Literal["old_expiry_plus_period"]


@block
class Bridge:
    """What covers a holder who filed in time while the review is still open."""

    if_submitted_before: Lasting
    length: Lasting
    when: Literal["review_still_open_at_expiry"]


@block
class CpdAudit:
    """Which renewals are looked into, and how long an answer may take."""

    sample_pct: Percent
    min_per_batch: Count
    method: Literal["seeded_random_stratified"]
    always_if: tuple[Name, ...]
    reply_days: Positive
    cure_days: Positive


@block
class Reinstatement:
    """How a lapsed holder comes back."""

    until: Lasting
    requires: tuple[Name, ...]


@block
class RenewalRules:
    """When a credential may be renewed, and what the renewed one is worth."""

    window_opens_before: Lasting
    earned_by: Literal["valid_until"]
    submitted_by: Literal["valid_until", "grace_end"]
    grace: Lasting
    validity_on_time: ValidityOnTime
    validity_late: ValidityLate
    bridge: Bridge
    audit: CpdAudit
    reinstatement: Reinstatement
    after_reinstatement: Literal["new_application"]


@block
class SuspensionRules:
    """Why a credential may be suspended, for how long at most, and what follows."""

    max: Lasting
    causes: tuple[Name, ...]
    then: Literal["revoke"]


@block
class Keeping:
    """How long a kind of record is kept, counted from an event."""

    since: Literal["decision", "credential_end", "entry"]
    keep: Lasting


@block
class RetentionRules:
    """How long each kind of record is kept before it is erased."""

    dossier_refused: Keeping
    dossier_granted: Keeping
    decision_record: Keeping
    register_entry: Keeping
    logs: Keeping
