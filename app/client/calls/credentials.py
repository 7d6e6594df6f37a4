"""Credentials: issued, read, suspended, reinstated, revoked, and the documents that say so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Unpack

from app.client.calls.part import Part, asked, to

if TYPE_CHECKING:
    from app.client.shapes import (
        CredentialOut,
        DeliveriesOut,
        DeliveryIn,
        DeliveryOut,
        DocumentOut,
        Format,
        LedgerOut,
        RenewalStandingOut,
        RevocationIn,
        SuspensionIn,
    )

Level = Literal["screen", "print"]


class Credentials(Part):
    """The register of credentials."""

    def all(
        self,
        *,
        updated_since: datetime | str | None = None,
        holder: str | None = None,
        scheme: str | None = None,
    ) -> Iterator[CredentialOut]:
        return self._all("v1", "credentials", updated_since=updated_since, holder=holder, scheme=scheme)

    def issue(self, decision: str, *, key: str | None = None) -> CredentialOut:
        """Issue the credential of a published grant: one, however often it is asked for."""
        return self._post("v1", "credentials", body={"decision": decision}, key=key)

    def read(self, credential: str) -> CredentialOut:
        return self._get("v1", "credentials", credential)

    def suspend(self, credential: str, **suspension: Unpack[SuspensionIn]) -> CredentialOut:
        return self._move("v1", "credentials", credential, "suspension", body=suspension)

    def reinstate(self, credential: str, reasons: str) -> CredentialOut:
        return self._move("v1", "credentials", credential, "reinstatement", body={"reasons": reasons})

    def revoke(self, credential: str, **revocation: Unpack[RevocationIn]) -> CredentialOut:
        """Revoke a credential, for good."""
        return self._move("v1", "credentials", credential, "revocation", body=revocation)

    def make_document(
        self,
        credential: str,
        form: Literal["ob+jwt", "qr", "edc"],
        *,
        key: str | None = None,
    ) -> DocumentOut:
        path = ("v1", "credentials", credential, "documents")
        return self._post(*path, body={"format": form}, key=key)

    def document(
        self,
        credential: str,
        form: Format,
        *,
        period: int | None = None,
        level: str | None = None,
    ) -> bytes:
        path = to("v1", "credentials", credential, "documents", form)
        return self._api.content(path, **asked({"period": period, "level": level}))

    def attestation(self, credential: str) -> bytes:
        """Give the attestation on A4, as a PDF."""
        return self._api.content(to("v1", "credentials", credential, "attestation.pdf"))

    def qr(
        self, credential: str, *, form: Literal["png", "svg"] = "png", level: Level | None = None
    ) -> bytes:
        path = to("v1", "credentials", credential, f"qr.{form}")
        return self._api.content(path, **asked({"level": level}))

    def deliveries(self, credential: str) -> DeliveriesOut:
        return self._get("v1", "credentials", credential, "deliveries")

    def deliver(
        self, credential: str, *, key: str | None = None, **delivery: Unpack[DeliveryIn]
    ) -> DeliveryOut:
        """Have the European Digital Credential put into a wallet."""
        return self._post("v1", "credentials", credential, "deliveries", body=delivery, key=key)

    def withdraw_delivery(self, credential: str, delivery: str) -> None:
        self._api.delete(to("v1", "credentials", credential, "deliveries", delivery))

    def ledger(self, credential: str, *, cycle: int | None = None) -> LedgerOut:
        """Tell what of a holder's continuing development counts, and what is missing."""
        return self._get("v1", "credentials", credential, "cpd", cycle=cycle)

    def renewal(self, credential: str) -> RenewalStandingOut:
        """Tell where a credential stands on the way to its renewal."""
        return self._get("v1", "credentials", credential, "renewal")
