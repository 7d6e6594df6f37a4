"""The register: credentials, their periods and documents, and the intents that come before signatures."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, Choice, Owned
from app.core.labels import Language
from app.credentials.rules import DELIVERY_MOVES, DeliveryState, PeriodKind, StatusMove
from app.organisations.models import Mode
from app.ports import RecipientKind


def _as_created(context: DefaultExecutionContext) -> datetime:
    created: datetime = context.get_current_parameters()["created_at"]  # type: ignore[no-untyped-call]
    return created


class Credential(Owned, Base):
    """A register entry: at most one open per person and scheme. Facts only; its state is worked out."""

    __tablename__ = "credential"
    __table_args__ = (Index("ix_credential_organisation_id_updated_at", "organisation_id", "updated_at"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    holder_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    scheme_id: Mapped[str] = mapped_column(String(120))
    subject_id: Mapped[str] = mapped_column(String(60))  # urn:uuid:…, what documents call the holder
    anchor: Mapped[date]
    created_at: Mapped[datetime]
    # As its body was when it was registered: what was issued for trying things never comes to count.
    mode: Mapped[Mode] = mapped_column(Choice(Mode, 8))
    issued_at: Mapped[datetime | None]  # when the first document was stored; before, nothing is public
    suspended_at: Mapped[datetime | None]
    suspension_review: Mapped[date | None]
    revoked_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    hidden_at: Mapped[datetime | None]  # looked up in vain; a document in hand is still verified
    # When anything of it changed last, its periods and documents included; at first, when it was entered.
    updated_at: Mapped[datetime] = mapped_column(default=_as_created)
    version: Mapped[int] = mapped_column()
    periods: Mapped[list["Period"]] = relationship(order_by="Period.seq")

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}


class Period(Owned, Base):
    """A time for which a credential holds: one per grant or approved renewal (invariant I14).

    A bridge covers a holder whose renewal was filed in time and is still under review. Its dates stay as
    its document says them; `ended_on` tells the day through which it really held, once the review ended it.
    Where the renewal was approved, the bridge's document holds until that of the next period is stored.
    """

    __tablename__ = "period"
    __table_args__ = (
        UniqueConstraint("credential_id", "seq"),
        UniqueConstraint("renewal_id", "kind"),
        CheckConstraint(
            "(kind = 'grant') = (decision_id IS NOT NULL) AND (kind = 'grant') = (renewal_id IS NULL)",
            name="ground",
        ),
    )

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"), index=True)
    seq: Mapped[int]
    kind: Mapped[PeriodKind] = mapped_column(Choice(PeriodKind, 12))
    cycle: Mapped[int]  # of continuing development: the grant's is 1, and each renewal begins the next
    # Either settles every race: one period from one decision, one of each kind from one renewal.
    decision_id: Mapped[str | None] = mapped_column(ForeignKey("decision.id"), unique=True)
    # Of a later stage, so this one knows no such table; a trigger insists that it is there and approved.
    renewal_id: Mapped[str | None] = mapped_column(String(30))
    scheme_version: Mapped[str] = mapped_column(String(20))
    valid_from: Mapped[date]
    valid_until: Mapped[date] = mapped_column(index=True)
    ended_on: Mapped[date | None]
    documents: Mapped[list["Document"]] = relationship(
        order_by="(Document.issued_at, Document.format.desc())"  # the seal first
    )

    @property
    def through(self) -> date:
        """The last day on which it held, or will hold; before `valid_from` where it never began."""
        return self.ended_on or self.valid_until

    @property
    def ground(self) -> Mapping[str, str]:
        """What it rests on, as events name it."""
        return {"decision": str(self.decision_id)} if self.decision_id else {"renewal": str(self.renewal_id)}


def in_force(periods: Sequence[Period], today: date) -> Period:
    """Pick the period that answers for a day: the last that has begun, else the first."""
    begun = [
        period for period in periods if period.valid_from <= today and period.valid_from <= period.through
    ]
    return begun[-1] if begun else periods[0]


class Document(Owned, Base):
    """A signed document as it was handed out; at most one current per period and format (invariant I15)."""

    __tablename__ = "document"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    period_id: Mapped[str] = mapped_column(ForeignKey("period.id"), index=True)
    format: Mapped[str] = mapped_column(String(20))
    jti: Mapped[str] = mapped_column(String(60), unique=True)  # urn:uuid:…, the document's own name
    token: Mapped[str] = mapped_column(Text)
    # Of a `vc+jwt` that somebody asked to have proven: the entries of its seal's `etsiU`, apart by spaces.
    proof: Mapped[str | None] = mapped_column(Text, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    # Of a `vc+jwt`: that we verified its seal when it was stored (see `Vouching`); None of older ones.
    mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_thumbprint: Mapped[str] = mapped_column(String(43))
    # None where the format has no place for a status, and the register answers by the document's name.
    list_id: Mapped[int | None] = mapped_column(ForeignKey("status_list.id"))
    list_index: Mapped[int | None]
    issued_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    level: Mapped[str | None] = mapped_column(String(8))  # of a seal that grows, as its token carries it


class Intent(Owned, Base):
    """What we are about to sign, to the byte. It goes as soon as its document is stored."""

    __tablename__ = "intent"
    __table_args__ = (UniqueConstraint("period_id", "format"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)  # becomes the document's id
    period_id: Mapped[str] = mapped_column(ForeignKey("period.id"))
    format: Mapped[str] = mapped_column(String(20))
    jti: Mapped[str] = mapped_column(String(60))
    unsigned: Mapped[bytes] = mapped_column(LargeBinary)
    key_thumbprint: Mapped[str] = mapped_column(String(43))
    list_id: Mapped[int | None] = mapped_column(ForeignKey("status_list.id"))
    list_index: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[datetime]


class StatusChange(Owned, Base):
    """That a credential was suspended, reinstated or revoked: who did it, when and why."""

    __tablename__ = "status_change"

    id: Mapped[int] = mapped_column(primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"), index=True)
    move: Mapped[StatusMove] = mapped_column(Choice(StatusMove, 12))
    cause: Mapped[str] = mapped_column(String(40))
    reasons: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]


class Delivery(Owned, Base):
    """That a holder wants a document in a wallet. It keeps their wallet's address until that is settled."""

    __tablename__ = "delivery"
    __table_args__ = (
        # The database insists: what is settled holds no address. An e-mail address stays with the person.
        CheckConstraint(
            "(address IS NOT NULL) = (state = 'waiting' AND recipient = 'wallet')", name="forgotten"
        ),
        CheckConstraint("(settled_at IS NULL) = (state = 'waiting')", name="settled"),
    )

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    credential_id: Mapped[str] = mapped_column(ForeignKey("credential.id"), index=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), index=True)
    recipient: Mapped[RecipientKind] = mapped_column(Choice(RecipientKind, 12))
    address: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[Language] = mapped_column(String(2))
    state: Mapped[DeliveryState] = mapped_column(Choice(DeliveryState, 12))
    reason: Mapped[str | None] = mapped_column(String(40))  # why it still waits, or how it ended
    viewer_url: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

    def settle(self, state: DeliveryState, reason: str | None, *, at: datetime) -> bool:
        """End it, and forget where it was to go; tell whether that was still to be done."""
        if self.state not in DELIVERY_MOVES[state]:
            return False
        self.state, self.reason, self.address, self.settled_at = state, reason, None, at
        return True


Index(
    "uq_delivery_waiting",
    Delivery.document_id,
    unique=True,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "uq_credential_open",
    Credential.holder_id,
    Credential.scheme_id,
    unique=True,
    sqlite_where=Credential.closed_at.is_(None),
    postgresql_where=Credential.closed_at.is_(None),
)
Index(
    "uq_document_current",
    Document.period_id,
    Document.format,
    unique=True,
    sqlite_where=Document.superseded_at.is_(None),
    postgresql_where=Document.superseded_at.is_(None),
)
Index(
    "ix_document_level",  # what stands behind the token is far to read
    Document.level,
    Document.id,
    Document.organisation_id,
    sqlite_where=Document.level.is_not(None),
    postgresql_where=Document.level.is_not(None),
)
