"""Dossiers and their evidence, and the moves a dossier may make."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Self

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, Choice, Owned
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.dossiers.errors import DossierNotMovable


class DossierStatus(StrEnum):
    """Where a dossier stands on its way to a decision."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    ADMITTED = "admitted"
    IN_ASSESSMENT = "in_assessment"
    INTERVIEW = "interview"
    READY_FOR_DECISION = "ready_for_decision"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"
    NOT_ADMITTED = "not_admitted"
    CLOSED_INCOMPLETE = "closed_incomplete"


S: Final = DossierStatus
MOVES: Final[Mapping[DossierStatus, frozenset[DossierStatus]]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.WITHDRAWN}),
    S.SUBMITTED: frozenset({S.RETURNED, S.ADMITTED, S.NOT_ADMITTED, S.WITHDRAWN}),
    S.RETURNED: frozenset({S.SUBMITTED, S.CLOSED_INCOMPLETE, S.WITHDRAWN}),
    S.ADMITTED: frozenset({S.IN_ASSESSMENT, S.WITHDRAWN}),
    S.IN_ASSESSMENT: frozenset({S.INTERVIEW, S.READY_FOR_DECISION, S.WITHDRAWN}),
    S.INTERVIEW: frozenset({S.READY_FOR_DECISION, S.WITHDRAWN}),
    S.READY_FOR_DECISION: frozenset({S.DECIDED, S.IN_ASSESSMENT, S.WITHDRAWN}),
    S.DECIDED: frozenset(),
    S.WITHDRAWN: frozenset(),
    S.NOT_ADMITTED: frozenset(),
    S.CLOSED_INCOMPLETE: frozenset(),
}
EDITABLE: Final = frozenset({S.DRAFT, S.RETURNED})


class Dossier(Owned, Base):
    """What a candidate hands in to be judged, pinned to the scheme version in force at submission."""

    __tablename__ = "dossier"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    applicant_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    scheme_id: Mapped[str] = mapped_column(String(120))
    scheme_version: Mapped[str | None] = mapped_column(String(20))
    scheme_digest: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[DossierStatus] = mapped_column(Choice(DossierStatus, 20))
    language: Mapped[str] = mapped_column(String(2))
    ai_disclosure: Mapped[bool]
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    snapshot_hash: Mapped[str | None] = mapped_column(String(64))
    admission_path: Mapped[str | None] = mapped_column(String(20))
    derogation: Mapped[str | None] = mapped_column(Text)
    # One round of assessment per decision: a deferred dossier is judged anew.
    round: Mapped[int] = mapped_column(default=1)
    version: Mapped[int] = mapped_column()
    evidence: Mapped[list["Evidence"]] = relationship(
        order_by="Evidence.position", cascade="all, delete-orphan"
    )
    history: Mapped[list["DossierStep"]] = relationship(
        order_by="DossierStep.seq", cascade="all, delete-orphan"
    )

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}

    @classmethod
    def begun(
        cls,
        *,
        organisation_id: str,
        applicant_id: str,
        scheme_id: str,
        language: str,
        ai_disclosure: bool,
        by: str,
        at: datetime,
    ) -> Self:
        """Begin a dossier as a draft; its first step says who began it."""
        first = DossierStep(
            organisation_id=organisation_id, seq=1, status=DossierStatus.DRAFT, actor_id=by, at=at
        )
        return cls(
            id=new_id("dos"),
            organisation_id=organisation_id,
            applicant_id=applicant_id,
            scheme_id=scheme_id,
            status=DossierStatus.DRAFT,
            language=language,
            ai_disclosure=ai_disclosure,
            created_at=at,
            round=1,
            history=[first],
            evidence=[],
        )

    @property
    def editable(self) -> bool:
        return self.status in EDITABLE

    @property
    def opened_by(self) -> str:
        """Tell who opened the dossier: the candidate, or the API client that acts for them."""
        return self.history[0].actor_id

    def move_to(
        self, target: DossierStatus, *, by: str, at: datetime, reasons: str | None = None
    ) -> "DossierStep":
        """Take a step along the table; it writes its own history, so that none can be forgotten."""
        if target not in MOVES[self.status]:
            raise DossierNotMovable(
                f"A dossier that is {self.status} cannot become {target}.",
                status_of_dossier=self.status.value,
            )
        step = DossierStep(
            organisation_id=self.organisation_id,
            seq=len(self.history) + 1,
            status=target,
            actor_id=by,
            at=at,
            reasons=reasons,
        )
        self.history.append(step)
        self.status = target
        return step


class DossierStep(Owned, Base):
    """A step that a dossier took: what it became, who did it, when and why."""

    __tablename__ = "dossier_step"
    __table_args__ = (UniqueConstraint("dossier_id", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    seq: Mapped[int]
    status: Mapped[DossierStatus] = mapped_column(Choice(DossierStatus, 20))
    actor_id: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]
    reasons: Mapped[str | None] = mapped_column(Text)


class Evidence(Owned, Base):
    """One piece of evidence: what it states, and the file that shows it."""

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("dossier_id", "position"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40))
    fields: Mapped[dict[str, JsonValue]]
    sha256: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int | None] = mapped_column(Integer)
    media_type: Mapped[str | None] = mapped_column(String(80))
    original_name: Mapped[str | None] = mapped_column(String(255))
    scan: Mapped[str | None] = mapped_column(String(12))
    added_at: Mapped[datetime]


class Declaration(Owned, Base):
    """What somebody declared of their ties to a candidate, before they could read a word."""

    __tablename__ = "declaration"
    __table_args__ = (UniqueConstraint("dossier_id", "person_id"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(String(20))
    ended_on: Mapped[date | None]
    note: Mapped[str | None] = mapped_column(Text)
    conflicted: Mapped[bool]
    at: Mapped[datetime]


class DossierCall(Owned, Base):
    """That somebody was called to judge a dossier; without it an assessor does not know of it."""

    __tablename__ = "dossier_call"

    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), primary_key=True)
    called_by: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]


class DossierAccess(Owned, Base):
    """That somebody read a dossier or a file of it (I45). The candidate sees the role, not the name."""

    __tablename__ = "dossier_access"

    id: Mapped[int] = mapped_column(primary_key=True)
    dossier_id: Mapped[str] = mapped_column(ForeignKey("dossier.id"), index=True)
    evidence_id: Mapped[str | None] = mapped_column(String(30))
    person_id: Mapped[str] = mapped_column(String(30))
    role: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]


Index(
    "uq_dossier_open",
    Dossier.applicant_id,
    Dossier.scheme_id,
    unique=True,
    sqlite_where=Dossier.status.not_in([S.DECIDED, S.WITHDRAWN, S.NOT_ADMITTED, S.CLOSED_INCOMPLETE]),
    postgresql_where=Dossier.status.not_in([S.DECIDED, S.WITHDRAWN, S.NOT_ADMITTED, S.CLOSED_INCOMPLETE]),
)
