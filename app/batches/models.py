"""Batches, the rows that wait in them, and what became of each."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.batches.rules import ENDED, BatchState, Kind, RowState
from app.core.db import Base, Choice, Owned


class Batch(Owned, Base):
    """Many rows of one kind that somebody sent, and how far they are."""

    __tablename__ = "batch"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    kind: Mapped[Kind] = mapped_column(Choice(Kind, 12))
    state: Mapped[BatchState] = mapped_column(Choice(BatchState, 12))
    dry_run: Mapped[bool]
    minutes_id: Mapped[str | None] = mapped_column(ForeignKey("minutes.id"))
    created_by: Mapped[str] = mapped_column(String(30))
    by_person: Mapped[bool]
    sha256: Mapped[str] = mapped_column(String(64))  # of the rows as they were understood
    total: Mapped[int]
    ok: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    version: Mapped[int] = mapped_column()

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}

    @property
    def queued(self) -> int:
        """How many rows nobody knows the result of yet."""
        return self.total - self.ok - self.failed - self.skipped

    @property
    def done(self) -> bool:
        return self.state in ENDED


class BatchPart(Owned, Base):
    """Rows that wait, as JSON lines. It is deleted in the transaction that deals with them."""

    __tablename__ = "batch_part"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batch.id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[str] = mapped_column(Text)


class BatchRow(Owned, Base):
    """What became of a row: ids, a code and the caller's own name for it. Nothing personal is left of it."""

    __tablename__ = "batch_row"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batch.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Kind] = mapped_column(Choice(Kind, 12))
    external_id: Mapped[str] = mapped_column(String(80))
    state: Mapped[RowState] = mapped_column(Choice(RowState, 12))
    effect: Mapped[bool]
    code: Mapped[str | None] = mapped_column(String(60))
    made: Mapped[dict[str, str]]
    content_digest: Mapped[str | None] = mapped_column(String(64))  # of what it said, where it made something


# Whatever is sent twice, in one batch or in two at once: it makes something once.
Index(
    "uq_batch_row_effect",
    BatchRow.organisation_id,
    BatchRow.kind,
    BatchRow.external_id,
    unique=True,
    sqlite_where=text("effect"),
    postgresql_where=text("effect"),
)
Index(
    "ix_batch_row_begun",
    BatchRow.batch_id,
    BatchRow.place,
    sqlite_where=text("state = 'begun'"),
    postgresql_where=text("state = 'begun'"),
)
