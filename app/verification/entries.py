"""What the public road reads of the register: plain values, and the way to ask for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from app.formats.keylist import Issuer

Row = Sequence[Any]  # of the database, as its driver gives it


@dataclass(frozen=True, slots=True)
class Document:
    """A signed document with the period that it was made for."""

    period: int
    kind: str  # of its period: grant, renewal or bridge
    first_day: date
    last_day: date  # as the document says it
    ended_on: date | None  # where the review of a renewal ended it before that
    scheme_version: str
    format: str
    jti: str
    token: str  # empty where a document was asked about: whoever asks has it
    sha256: str
    key_thumbprint: str
    issued_at: datetime
    superseded_at: datetime | None
    refused: bool = False  # the renewal that was to follow its period

    @property
    def through(self) -> date:
        """The last day on which it holds; the day before its first where it never began."""
        return self.ended_on if self.ended_on and self.ended_early else self.last_day

    @property
    def ended_early(self) -> bool:
        """Tell whether it ended with its period: it does not while a newer document is yet to come."""
        return self.ended_on is not None and self.superseded_at is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """A credential that was issued, with all its documents, oldest period first."""

    number: str
    subject_id: str
    scheme_id: str
    suspended_at: datetime | None
    revoked_at: datetime | None
    closed_at: datetime | None
    mode: str
    time_zone: str
    documents: tuple[Document, ...]
    issuer_name: str = ""
    issuer_code: int = 0  # what offline QR codes call the body


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a number of the change sequence; `subjects` is None where some of it is unknown."""

    last: int
    subjects: tuple[str, ...] | None


class PublicRegister(Protocol):
    """The register as strangers may read it. Every way of asking may raise `RegisterUnreachable`."""

    async def open(self) -> None:
        """Keep a connection from now on; without it every question opens one of its own."""

    async def close(self) -> None: ...

    async def by_number(self, number: str) -> Sequence[Row]:
        """Read the rows of an entry, as `statements` says; none where strangers may not see it."""

    async def by_document(self, jti: str) -> Sequence[Row]:
        """Read those of the entry that a document belongs to."""

    async def status_list(self, list_id: int, form: str) -> str | None:
        """Give a list as it was last published in this form, or nothing."""

    async def newest_lists(self) -> tuple[int, ...]:
        """Give the numbers of the lists that a device takes along, the newest first."""

    async def issuers(self) -> tuple[Issuer, ...]:
        """List the bodies that issue here, by the codes that offline QRs call them by."""

    async def hosts(self) -> Mapping[int, str]:
        """Give the hosts of bodies that have one of their own, by those codes."""

    async def changes_since(self, seq: int) -> Changes: ...
