"""What credentials look like on the wire."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.core.ids import pattern
from app.core.labels import Language
from app.credentials.rules import CredentialState, DeliveryState, PeriodKind
from app.formats.claims import Format
from app.organisations.models import Mode
from app.ports import RecipientKind
from app.web import Answer, Day, Text, Wire


class IssuanceIn(Wire):
    """The decision that a credential is asked for."""

    decision: Annotated[str, Field(pattern=pattern("dec"))]


class DocumentIn(Wire):
    """The format in which a holder wants the credential, beside those it was issued in.

    `qr` is among those; it is asked for only of what was issued before there were offline QR codes.
    """

    format: Literal["ob+jwt", "qr", "edc"]


class DeliveryIn(Wire):
    """Into which wallet the European Digital Credential goes: that of your e-mail address, or one you name.

    Asking is agreeing that the document, which names you, and that address go to the operator of the wallet.
    """

    to: Literal["email", "wallet"]
    wallet_address: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None = None
    language: Language = "it"

    @model_validator(mode="after")
    def _one_recipient(self) -> Self:
        if (self.to == "wallet") != (self.wallet_address is not None):
            raise ValueError("`wallet_address` goes with `to: wallet`, and with nothing else")
        return self


class SuspensionIn(Wire):
    """Why a credential is suspended, and when that is looked at again (the latest day, if none is named)."""

    cause: Annotated[str, Field(max_length=40)]
    reasons: Text
    review_on: Day | None = None


class ReinstatementIn(Wire):
    """Why a suspension ends."""

    reasons: Text


class RevocationIn(Wire):
    """Why a credential is revoked, for good."""

    cause: Annotated[str, Field(max_length=40)]
    reasons: Text


class DocumentOut(Answer):
    """A signed document, without its content."""

    format: Format
    id: str
    issued_at: datetime
    superseded_at: datetime | None
    sha256: str


class DeliveryOut(Answer):
    """A document on its way into a wallet. Where that is, is not told again.

    `reason` says why it still waits (`proof-awaited`, `no-answer`), that the wallet had it (`there-already`),
    or why it did not go: `unsealed`, `unreadable`, `too-large`, `address-not-usable` by the wallet's word;
    `credential-not-active`, `credential-hidden`, `superseded`, `seal-revoked`, `given-up` by ours.
    """

    id: str
    document: Annotated[str, Field(validation_alias="document_id")]
    to: Annotated[RecipientKind, Field(validation_alias="recipient")]
    state: DeliveryState
    reason: str | None
    viewer_url: str | None
    asked_at: datetime
    tried_at: datetime | None
    settled_at: datetime | None


class DeliveriesOut(Answer):
    """The deliveries of a credential, the newest first."""

    data: list[DeliveryOut]


class PeriodOut(Answer):
    """A time for which the credential holds: granted, renewed, or bridged while a renewal is under review."""

    seq: int
    kind: PeriodKind
    cycle: int
    valid_from: date
    valid_until: date
    ended_on: date | None
    documents: list[DocumentOut]


class CredentialOut(Answer):
    """A register entry as its holder and its registrar see it: dates and documents of the period in force."""

    id: str
    number: str
    holder: str
    holder_name: str
    scheme: str
    state: CredentialState
    mode: Mode
    valid_from: date
    valid_until: date
    issued_at: datetime | None
    verify_url: str
    hidden_at: datetime | None
    documents: list[DocumentOut]
    periods: list[PeriodOut]


class CredentialsOut(Answer):
    """A page of the register."""

    data: list[CredentialOut]
    next_cursor: str | None
