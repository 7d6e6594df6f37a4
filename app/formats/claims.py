"""Everything that a document says, in one model: a field shown in one format is equal in all."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from app.core.labels import Labels

Purpose = Literal["revocation", "suspension"]

# The name of every document begins with it while its organisation is in test mode.
TEST_MARK: Final = "TEST \N{EN DASH} "

NO_VALUE: Final = Labels(
    it="Documento di prova, senza alcun valore.", en="A document made for testing, of no value whatsoever."
)
CLOCK_MOVED: Final = Labels(it="Emesso con l\u2019orologio spostato di", en="Issued under a clock moved by")


class Format(StrEnum):
    """The envelopes that a document can come in."""

    VC_JWT = "vc+jwt"
    OB_JWT = "ob+jwt"
    QR = "qr"
    EDC = "edc"


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A position in a published list, where anybody can see what became of the document."""

    url: str
    index: int
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Claims:
    """What is said of a holder. Validity is aware, in local time; `nbf` and `exp` equal it to the second."""

    document_id: str
    subject_id: str
    issuer_id: str
    issuer_name: str
    issuer_url: str
    number: str
    holder_name: str
    scheme_id: str
    scheme_version: str
    scheme_title: Labels
    scheme_description: Labels
    scheme_url: str
    standard: str
    claim_wording: Labels
    criteria: Labels
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    status: tuple[StatusEntry, ...]
    test: bool
    clock_offset: str | None = None  # how far the clock was moved for a demonstration, if it was
