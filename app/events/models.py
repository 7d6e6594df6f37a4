"""Webhook endpoints, what is on its way to them, and which periods were announced as ending."""

from base64 import b64decode, b64encode
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Choice, Owned
from app.outbox.trail import Key


class WebhookEndpoint(Owned, Base):
    """Where an organisation wants to be told what happens. Its secrets are sealed by the vault."""

    __tablename__ = "webhook_endpoint"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    url: Mapped[str] = mapped_column(String(2048))
    description: Mapped[str] = mapped_column(String(200))
    types: Mapped[list[str]]  # none named: all
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    # What was replaced, each until the end that it was promised: whichever of them is in use, it is not lost.
    former_secrets: Mapped[dict[str, str]] = mapped_column(default=dict)
    created_by: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[datetime]
    seen: Mapped[int]  # up to which place of the chain its deliveries were written
    failing_since: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(40))
    lease_owner: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None]

    def replace_secret(self, sealed: bytes, *, until: datetime, at: datetime) -> None:
        """Take another secret; what it replaces is in force until then; what that replaced, as promised."""
        present = {b64encode(self.secret).decode(): until.isoformat()}
        still = {b64encode(each).decode(): end.isoformat() for each, end in self.former(at)}
        self.former_secrets = still | present
        self.secret = sealed

    def former(self, at: datetime) -> list[tuple[bytes, datetime]]:
        """Give the secrets that were replaced and are in force still, each with its end."""
        ends = ((b64decode(each), datetime.fromisoformat(end)) for each, end in self.former_secrets.items())
        return [(each, end) for each, end in ends if at < end]

    @property
    def former_until(self) -> datetime | None:
        """Tell when the last of those ends, or did."""
        return max(map(datetime.fromisoformat, self.former_secrets.values()), default=None)


class WebhookDeliveryState(StrEnum):
    """How far a delivery is. What was given up is sent again when somebody asks for it."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class WebhookDelivery(Owned, Base):
    """One event on its way to one endpoint: exactly one row, however often it is sent."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (UniqueConstraint("endpoint_id", "event_id"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoint.id"))
    event_id: Mapped[str] = mapped_column(String(30))  # as the outside knows it
    event_key: Mapped[int | None] = mapped_column(Key, ForeignKey("event.id"))  # none: a test
    seq: Mapped[int]
    type: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(40))  # what it is about: such ones keep their order
    state: Mapped[WebhookDeliveryState] = mapped_column(Choice(WebhookDeliveryState, 12))
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    status_code: Mapped[int | None]  # of the last answer
    error: Mapped[str | None] = mapped_column(String(40))  # why there was none
    created_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


_WAITS = text("state = 'waiting'")
Index(
    "ix_webhook_delivery_waiting",
    WebhookDelivery.endpoint_id,
    WebhookDelivery.seq,
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)
Index(
    "ix_webhook_delivery_due",
    WebhookDelivery.endpoint_id,
    WebhookDelivery.due_at,
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)
Index(
    "ix_webhook_delivery_order",
    WebhookDelivery.endpoint_id,
    WebhookDelivery.subject,
    WebhookDelivery.seq,
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)
Index("ix_webhook_delivery_seq", WebhookDelivery.endpoint_id, WebhookDelivery.seq)
Index("ix_webhook_delivery_created_at", WebhookDelivery.created_at)


class Notice(StrEnum):
    """What is said of a period that no other follows yet."""

    OPENED = "opened"  # its renewal may be asked for
    EXPIRING = "expiring"
    EXPIRED = "expired"


class PeriodNotice(Owned, Base):
    """That it was said of a period: once for each period, whoever looks and however often."""

    __tablename__ = "period_notice"

    period_id: Mapped[str] = mapped_column(ForeignKey("period.id"), primary_key=True)
    kind: Mapped[Notice] = mapped_column(Choice(Notice, 12), primary_key=True)
    at: Mapped[datetime]
