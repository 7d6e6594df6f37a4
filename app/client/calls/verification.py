"""Verification: reports about credentials, with their reasons. Anybody may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.client.calls.part import File, Part

if TYPE_CHECKING:
    from app.client.shapes import Report, Reports

Credential = str | Mapping[str, Any]


class Verification(Part):
    """Asks whether credentials hold. Only the result `valid` says that every check ran and passed."""

    def verify(self, credential: Credential) -> Report:
        """Verify a signed document, the text of a QR code, or a number, which is looked up."""
        return self._post("v1", "verifications", body={"credential": credential}, key=None)

    def verify_many(self, credentials: Sequence[Credential]) -> Reports:
        """Verify up to a hundred, each for itself, in their order."""
        return self._post("v1", "verifications", body={"credentials": [*credentials]}, key=None)

    def verify_file(self, file: File) -> Report:
        """Verify a file by its path or as (name, content): a document, a PDF, a picture of a QR code."""
        return self._upload("v1", "verifications", fields={}, file=file, key=None)

    def look_up(self, number: str) -> Report:
        return self._get("v", f"{number}.json")
