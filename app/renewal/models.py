"""Continuing development and renewal: activities and their proofs, renewals, draws of audits, reminders."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Dialect, ForeignKey, Index, Integer, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, Choice, Owned
from app.core.errors import JsonValue
from app.renewal.states import ActivitySource, ActivityState, RenewalKind, RenewalState

HUNDREDTH = Decimal("0.01")


class Hours(TypeDecorator[Decimal]):
    """Hours to the hundredth, kept as a whole number: no database rounds them."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Refuse what is finer than a hundredth."""
        del dialect
        if value is None:
            return None
        hundredths = value / HUNDREDTH
        if hundredths != hundredths.to_integral_value():
            raise ValueError("Hours are kept to the hundredth.")
        return int(hundredths)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Give the hours back."""
        del dialect
        return None if value is None else value * HUNDREDTH


class CpdActivity(Owned, Base):
    """Something that a holder did to stay able. Once a version was claimed, only its state still changes."""

    __tablename__ = "cpd_activity"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"))
    holder_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    corrects_id: Mapped[str | None] = mapped_column(ForeignKey("cpd_activity.id"), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    provider: Mapped[str] = mapped_column(String(200))
    started_on: Mapped[date]
    ended_on: Mapped[date]
    hours: Mapped[Decimal] = mapped_column(Hours)
    category: Mapped[str] = mapped_column(String(64))
    topics: Mapped[dict[str, str]]  # hours by topic, as decimal text
    competences: Mapped[list[str]]
    note: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))  # of what makes it the same activity
    source: Mapped[ActivitySource] = mapped_column(Choice(ActivitySource, 12))
    state: Mapped[ActivityState] = mapped_column(Choice(ActivityState, 12))
    recorded_by: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    claimed_on: Mapped[date | None]
    reviewed_by: Mapped[str | None] = mapped_column(String(30))  # nobody, where it was accepted unsampled
    reviewed_at: Mapped[datetime | None]
    question: Mapped[str | None] = mapped_column(Text)
    reasons: Mapped[str | None] = mapped_column(Text)
    renewal_id: Mapped[str | None] = mapped_column(ForeignKey("renewal.id"), index=True)
    version: Mapped[int] = mapped_column()
    proofs: Mapped[list["CpdProof"]] = relationship(order_by="CpdProof.added_at")

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}


class CpdProof(Owned, Base):
    """What shows that an activity was done: a file, an address or a person who can tell."""

    __tablename__ = "cpd_proof"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    activity_id: Mapped[str] = mapped_column(ForeignKey("cpd_activity.id"), index=True)
    kind: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str | None] = mapped_column(String(500))
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    size: Mapped[int | None]
    media_type: Mapped[str | None] = mapped_column(String(100))
    original_name: Mapped[str | None] = mapped_column(String(255))
    scan: Mapped[str | None] = mapped_column(String(12))
    added_by: Mapped[str] = mapped_column(String(30))
    added_at: Mapped[datetime]


class CpdExemption(Owned, Base):
    """That less is asked of a holder in a cycle. The reason may be about health: it stays out of events."""

    __tablename__ = "cpd_exemption"
    __table_args__ = (UniqueConstraint("credential_id", "cycle", "reason"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"), index=True)
    cycle: Mapped[int]
    reason: Mapped[str] = mapped_column(String(64))
    reduction_pct: Mapped[int]
    decided_by: Mapped[str] = mapped_column(String(30))
    decided_at: Mapped[datetime]


class AuditDraw(Owned, Base):
    """A draw of renewals to be audited. The seed's hash is published before anyone is in it (I36)."""

    __tablename__ = "audit_draw"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    scheme_id: Mapped[str] = mapped_column(String(120))
    seed: Mapped[str] = mapped_column(String(64))  # hexadecimal; shown to nobody before the draw
    commitment: Mapped[str] = mapped_column(String(64))
    committed_at: Mapped[datetime]
    drawn_at: Mapped[datetime | None]
    drawn_by: Mapped[str | None] = mapped_column(String(30))
    outcome: Mapped[dict[str, JsonValue] | None]  # population, strata and sample as they were published


class Renewal(Owned, Base):
    """A holder's request to renew, judged on the evaluation that it was filed with."""

    __tablename__ = "renewal"
    __table_args__ = (UniqueConstraint("credential_id", "cycle", "kind"),)  # I39

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"), index=True)
    holder_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    cycle: Mapped[int]  # the one whose hours it rests on
    kind: Mapped[RenewalKind] = mapped_column(Choice(RenewalKind, 16))
    state: Mapped[RenewalState] = mapped_column(Choice(RenewalState, 12))
    late: Mapped[bool]
    filed_at: Mapped[datetime]
    filed_on: Mapped[date]
    scheme_version: Mapped[str] = mapped_column(String(20))  # whose rules judge the cycle
    rules_digest: Mapped[str] = mapped_column(String(64))
    evaluation: Mapped[dict[str, JsonValue]]
    draw_id: Mapped[str | None] = mapped_column(ForeignKey("audit_draw.id"), index=True)
    audit_reason: Mapped[str | None] = mapped_column(String(40))
    audit_from: Mapped[date | None]
    reply_by: Mapped[date | None]
    cure_reasons: Mapped[str | None] = mapped_column(Text)
    cure_by: Mapped[date | None]
    cured: Mapped[bool] = mapped_column(default=False)
    interview_on: Mapped[date | None]
    interview_minutes: Mapped[str | None] = mapped_column(Text)
    reasons: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[str | None] = mapped_column(String(32))
    decided_on: Mapped[date | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(30))
    version: Mapped[int] = mapped_column()

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}


class Reminder(Owned, Base):
    """That a holder was reminded of a cycle's end, or that the moment for it had passed: once for each."""

    __tablename__ = "reminder"
    __table_args__ = (UniqueConstraint("credential_id", "cycle", "kind"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"))
    cycle: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    sent: Mapped[bool]
    left_at: Mapped[datetime]


Index("ix_cpd_activity_credential_id_ended_on", CpdActivity.credential_id, CpdActivity.ended_on)
Index(
    "uq_cpd_activity_same",
    CpdActivity.credential_id,
    CpdActivity.fingerprint,
    unique=True,
    sqlite_where=CpdActivity.state != ActivityState.CORRECTED,
    postgresql_where=CpdActivity.state != ActivityState.CORRECTED,
)
Index(
    "uq_audit_draw_open",
    AuditDraw.organisation_id,
    AuditDraw.scheme_id,
    unique=True,
    sqlite_where=AuditDraw.drawn_at.is_(None),
    postgresql_where=AuditDraw.drawn_at.is_(None),
)
Index(
    "ix_renewal_pending",
    Renewal.state,
    sqlite_where=Renewal.decided_at.is_(None),
    postgresql_where=Renewal.decided_at.is_(None),
)
