"""Assignments, assessments with their scores, and interviews."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, Choice, Owned


class AssignmentStatus(StrEnum):
    """Where an assessor stands with a dossier: nothing is read before the declaration."""

    COI_PENDING = "coi_pending"
    ACCEPTED = "accepted"
    CONFLICTED = "conflicted"
    REPLACED = "replaced"


class Assignment(Owned, Base):
    """A dossier given to an assessor."""

    __tablename__ = "assignment"
    __table_args__ = (UniqueConstraint("dossier_id", "assessor_id"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    assessor_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    status: Mapped[AssignmentStatus] = mapped_column(Choice(AssignmentStatus, 12))
    assigned_by: Mapped[str] = mapped_column(String(30))
    assigned_at: Mapped[datetime]


class Assessment(Owned, Base):
    """One assessor's judgement of a dossier, in one round."""

    __tablename__ = "assessment"
    __table_args__ = (UniqueConstraint("assignment_id", "round"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"))
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    assessor_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    round: Mapped[int]
    flags: Mapped[list[str]]
    submitted_at: Mapped[datetime | None]
    salt: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column()
    scores: Mapped[list["ScoreRow"]] = relationship(
        order_by="ScoreRow.criterion", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class ScoreRow(Owned, Base):
    """A score for one criterion, with its author through the assessment, its words and its evidence."""

    __tablename__ = "score"
    __table_args__ = (UniqueConstraint("assessment_id", "criterion"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assessment_id: Mapped[str] = mapped_column(ForeignKey("assessment.id"), index=True)
    criterion: Mapped[str] = mapped_column(String(20))
    points: Mapped[str] = mapped_column(String(8))  # a decimal, exactly as given
    comment: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[str]]

    @property
    def value(self) -> Decimal:
        return Decimal(self.points)


class InterviewStatus(StrEnum):
    """Whether the candidate was heard."""

    BOOKED = "booked"
    HELD = "held"
    CANCELLED = "cancelled"


class Interview(Owned, Base):
    """A conversation with the candidate, by a panel, with minutes and scores given again."""

    __tablename__ = "interview"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    round: Mapped[int]
    at: Mapped[datetime]
    remote: Mapped[bool]
    short_notice_agreed: Mapped[bool]
    status: Mapped[InterviewStatus] = mapped_column(Choice(InterviewStatus, 12))
    minutes: Mapped[str | None] = mapped_column(Text)
    rescores: Mapped[dict[str, str] | None]  # criterion -> points, as given
    recorded_by: Mapped[str | None] = mapped_column(String(30))
    held_at: Mapped[datetime | None]
    salt: Mapped[str] = mapped_column(String(32))
    panel: Mapped[list["Panelist"]] = relationship(order_by="Panelist.id", cascade="all, delete-orphan")

    @property
    def rescored(self) -> dict[str, Decimal]:
        """The scores that the panel gave in place of the consensus."""
        return {criterion: Decimal(points) for criterion, points in (self.rescores or {}).items()}


class Panelist(Owned, Base):
    """Somebody who hears the candidate."""

    __tablename__ = "panelist"
    __table_args__ = (UniqueConstraint("interview_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    interview_id: Mapped[str] = mapped_column(ForeignKey("interview.id"))
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))


# A round has one conversation: booked or held. What was cancelled leaves the place free.
Index(
    "uq_interview_standing",
    Interview.dossier_id,
    Interview.round,
    unique=True,
    sqlite_where=Interview.status != InterviewStatus.CANCELLED,
    postgresql_where=Interview.status != InterviewStatus.CANCELLED,
)
