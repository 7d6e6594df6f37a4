"""Committee meetings, decisions and votes."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, Choice, Owned
from app.core.errors import JsonValue


class Meeting(Owned, Base):
    """A sitting of the technical committee, with those who were there."""

    __tablename__ = "meeting"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    held_on: Mapped[date]
    recorded_by: Mapped[str] = mapped_column(String(30))
    recorded_at: Mapped[datetime]
    present: Mapped[list["Presence"]] = relationship(order_by="Presence.id", cascade="all, delete-orphan")


class Presence(Owned, Base):
    """That somebody was at a meeting."""

    __tablename__ = "presence"
    __table_args__ = (UniqueConstraint("meeting_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"))
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))


class Minutes(Owned, Base):
    """The signed record of a committee that decided elsewhere: who could vote, who was there, how often.

    Decisions that are imported name it. Written down by a person, once, and never changed.
    """

    __tablename__ = "minutes"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"))
    scheme_id: Mapped[str] = mapped_column(String(120))
    scheme_version: Mapped[str] = mapped_column(String(20))
    scheme_digest: Mapped[str] = mapped_column(String(64))
    held_on: Mapped[date]
    members: Mapped[int]
    eligible: Mapped[int]
    present: Mapped[int]
    needed: Mapped[int]  # by the scheme's quorum, of those who could vote
    decisions: Mapped[int]  # how many it states: no more are imported by it
    language: Mapped[str] = mapped_column(String(2))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(80))
    scan: Mapped[str] = mapped_column(String(12))
    recorded_by: Mapped[str] = mapped_column(String(30))
    recorded_at: Mapped[datetime]


class DecisionStatus(StrEnum):
    """Votes are taken while a decision is open; published, it never changes again.

    Adjourned is what nobody voted for or against: another meeting takes the case up.
    """

    OPEN = "open"
    ADJOURNED = "adjourned"
    PUBLISHED = "published"


class Decision(Owned, Base):
    """What the committee decided of a dossier, pinned by hash to what it saw (invariant I8)."""

    __tablename__ = "decision"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"), index=True)
    round: Mapped[int]
    status: Mapped[DecisionStatus] = mapped_column(Choice(DecisionStatus, 12))
    case_file_hash: Mapped[str] = mapped_column(String(64))
    scheme_id: Mapped[str] = mapped_column(String(120))
    scheme_version: Mapped[str] = mapped_column(String(20))
    scheme_digest: Mapped[str] = mapped_column(String(64))
    computed: Mapped[dict[str, JsonValue]]  # the result that the rules make of the scores
    opened_by: Mapped[str] = mapped_column(String(30))
    opened_at: Mapped[datetime]
    outcome: Mapped[str | None] = mapped_column(String(8))
    reasons: Mapped[str | None] = mapped_column(Text)
    derogation: Mapped[str | None] = mapped_column(Text)
    tally: Mapped[dict[str, JsonValue] | None]
    decided_on: Mapped[date | None]
    published_by: Mapped[str | None] = mapped_column(String(30))
    published_at: Mapped[datetime | None]
    salt: Mapped[str] = mapped_column(String(32))
    # Of a decision that was taken elsewhere and imported; its case file is the row that was imported.
    minutes_id: Mapped[str | None] = mapped_column(ForeignKey("minutes.id"), index=True)
    version: Mapped[int] = mapped_column()
    votes: Mapped[list["Vote"]] = relationship(cascade="all, delete-orphan")

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}


class Vote(Owned, Base):
    """One member's vote; a member has one (invariant I4)."""

    __tablename__ = "vote"
    __table_args__ = (UniqueConstraint("decision_id", "member_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[str] = mapped_column(ForeignKey("decision.id"), index=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    choice: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]


# A round has one decision; what was adjourned leaves the place free.
Index(
    "uq_decision_standing",
    Decision.dossier_id,
    Decision.round,
    unique=True,
    sqlite_where=Decision.status != DecisionStatus.ADJOURNED,
    postgresql_where=Decision.status != DecisionStatus.ADJOURNED,
)
