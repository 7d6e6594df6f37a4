"""Ordinary values for the tests of the formats; a test changes only what it is about."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.core.labels import Labels
from app.formats import vc
from app.formats.claims import Claims, Format, StatusEntry
from app.ports import Slot
from tests.fakes_keys import MemoryKeys

ROME: Final = ZoneInfo("Europe/Rome")
BASE: Final = "https://seal.example.org"
DID: Final = "did:web:seal.example.org"
ISSUED: Final = datetime(2026, 11, 20, 9, 30, 15, tzinfo=UTC)
STEMS: Final = ("certific", "certif", "accredit", "abilitaz", "titolo di studio")


@cache
def keys() -> MemoryKeys:
    return MemoryKeys(ISSUED)


def claims(form: Format = Format.VC_JWT, **changes: Any) -> Claims:
    """A credential for a fictional engineer, in test mode."""
    entries = (
        StatusEntry(f"{BASE}/status/1", 94567, "revocation"),
        StatusEntry(f"{BASE}/status/2", 94567, "suspension"),
    )
    made = Claims(
        document_id="urn:uuid:7b0f8f0a-51a5-4f0e-9d0a-0d4f5b1e2c3d",
        subject_id="urn:uuid:0e1c8a54-6f4d-4f0b-8a5c-1b2d3e4f5a6b",
        issuer_id=DID,
        issuer_name="Associazione Italiana di Prova",
        issuer_url=BASE,
        number="DLE-26-0000-0000-0001-95",
        holder_name="Nicolò D'Àngelo",
        scheme_id="uni-11621-8/ai-deep-learning-engineer",
        scheme_version="1.0.0",
        scheme_title=Labels(it="Ingegnere di deep learning", en="Deep learning engineer"),
        scheme_description=Labels(it="Progetta e addestra reti.", en="Designs and trains networks."),
        scheme_url=f"{BASE}/schemes/uni-11621-8/ai-deep-learning-engineer",
        standard="UNI 11621-8:2026",
        claim_wording=Labels(
            it="Attestazione di competenze rilasciata dall'associazione",
            en="Competence attestation issued by the association",
        ),
        criteria=Labels(it="Valutazione del dossier.", en="Assessment of the dossier."),
        valid_from=datetime(2026, 11, 20, tzinfo=ROME),
        valid_until=datetime(2029, 11, 20, 23, 59, 59, tzinfo=ROME),
        issued_at=ISSUED,
        status=entries if form is Format.VC_JWT else (StatusEntry(f"{BASE}/status/3", 7, "suspension"),),
        test=True,
    )
    return replace(made, **changes)


def unsigned(form: Format = Format.VC_JWT, **changes: Any) -> bytes:
    return vc.unsigned(form, claims(form, **changes), keys().current(Slot.SEAL), BASE)


def token(form: Format = Format.VC_JWT, **changes: Any) -> str:
    """A document, signed by the current seal key."""
    content = unsigned(form, **changes)
    return vc.signed(content, keys().sign(keys().current(Slot.SEAL).thumbprint, content))
