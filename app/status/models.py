"""Status lists: positions taken at random and never given back, and the lists as they were published."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Choice, Owned


class ListKind(StrEnum):
    """Which documents share a list."""

    CREDENTIAL = "credential"  # vc+jwt: a revocation and a suspension list over the same positions
    QR = "qr"  # the offline QR, which names a token list
    BADGE = "badge"  # ob+jwt: one list, its bit set while suspended or revoked


class Standing(StrEnum):
    """What a position says of its document."""

    VALID = "valid"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"


class StatusList(Owned, Base):
    """A list that many documents share, so that asking for it tells nobody which one is meant."""

    __tablename__ = "status_list"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[ListKind] = mapped_column(Choice(ListKind, 12))
    size: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)  # rises with every change of a position
    created_at: Mapped[datetime]


class StatusPosition(Owned, Base):
    """A document's place in a list."""

    __tablename__ = "status_position"

    list_id: Mapped[int] = mapped_column(ForeignKey("status_list.id"), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True)
    document_id: Mapped[str] = mapped_column(String(30), index=True)
    standing: Mapped[Standing] = mapped_column(Choice(Standing, 12))
    version: Mapped[int] = mapped_column(default=1)  # of the list, when this position last changed


class PublishedList(Owned, Base):
    """A signed list as anyone may fetch it, with the version of the positions that it shows."""

    __tablename__ = "published_list"
    __table_args__ = (UniqueConstraint("list_id", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("status_list.id"))
    purpose: Mapped[str] = mapped_column(String(12))
    version: Mapped[int]
    token: Mapped[str] = mapped_column(Text)
    key_thumbprint: Mapped[str] = mapped_column(String(43))
    level: Mapped[int]  # of compression: a list that has come to rest is packed again as tight as can be
    signed_at: Mapped[datetime]
    expires_at: Mapped[datetime]


Index(
    "ix_status_position_raised",
    StatusPosition.list_id,
    StatusPosition.index,
    sqlite_where=StatusPosition.standing != Standing.VALID,
    postgresql_where=StatusPosition.standing != Standing.VALID,
)
Index("ix_status_position_changed", StatusPosition.list_id, StatusPosition.version)
