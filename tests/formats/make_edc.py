"""An ordinary European Digital Credential for the tests; a test changes only what it is about."""

import json
import struct
import zlib
from datetime import UTC, datetime
from typing import Any, Final

from app.core.labels import Labels, Language
from app.formats.edc import Assessment, Body, Outcome, Skill, compose
from tests.formats import make

BODY: Final = Body(
    legal_name="Associazione Italiana di Prova",
    alt_label="Sigillo di Prova",
    identifier="VATIT-01234567890",
    country="IT",
    address="Via di Prova 1, 00100 Roma",
)
LINK: Final = f"{make.BASE}/v/DLE-26-0000-0000-0001-95"
ASSESSMENT: Final = Assessment(datetime(2026, 11, 18, 15, 0, tzinfo=UTC), Labels(it="Idoneo", en="Competent"))
OUTCOMES: Final = (
    Outcome(
        Labels(it="Metodi di ottimizzazione", en="Optimisation methods"),
        esco=(Skill("http://data.europa.eu/esco/skill/00000000-0000-0000-0000-000000000001"),),
        e_cf=(
            Skill("A.6", Labels(it="Progettazione di applicazioni", en="Application design")),
            Skill("B.1"),
        ),
    ),
    Outcome(Labels(it="Gestione di risorse di calcolo", en="Management of computing resources")),
)


def _png() -> bytes:
    """The smallest picture there is: one black dot."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


PICTURE: Final = _png()


def edc(*languages: Language, full: bool = True, **changes: Any) -> dict[str, Any]:
    """Compose in these languages, or in both, with all that may be there or with nothing that need not be."""
    options: dict[str, Any] = {"verification_url": LINK, "named": full}
    if full:
        options |= {"assessment": ASSESSMENT, "outcomes": OUTCOMES}
    body = changes.pop("body", BODY if full else Body("Prova", "Prova", "VATIT-1", "IT"))
    pictures = dict.fromkeys(languages or ("it", "en"), PICTURE)
    options |= {name: changes.pop(name) for name in ("assessment", "outcomes", "named") if name in changes}
    composed = compose(make.claims(**changes), body, pictures, **options)
    return copy(composed)


def copy(edc: Any) -> dict[str, Any]:
    """Write and read it: objects that stand in several places are then several, as they are for a reader."""
    copied: dict[str, Any] = json.loads(json.dumps(edc))
    return copied
