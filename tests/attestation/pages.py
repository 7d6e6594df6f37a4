"""Attestations to look at, and what stands on them as a reader's machine sees it."""

from dataclasses import replace
from datetime import date
from typing import Any, Final

import pypdfium2
from PIL import Image

from app.attestation.sheet import Sheet
from app.core.labels import Labels
from app.formats.q1 import link
from tests.formats.test_q1 import SAYS, sealed

SHORT: Final = "Li Wu"
LONG: Final = "Maria Alessandra Francesca della Porta-Castelnuovo von Hohenberg Rossi"
HOST: Final = "https://sigillo.example.org"


def sheet(holder: str = "Elena Marchetti", **other: Any) -> Sheet:
    """An ordinary page; the QR code holds as much of the name as a QR code may."""
    ordinary: dict[str, Any] = {
        "body": "Associazione Italiana Professionisti dell'Intelligenza Artificiale",
        "mark": None,
        "holder": holder,
        "profile": Labels(it="AI Deep Learning Engineer", en="AI Deep Learning Engineer"),
        "standard": "UNI 11621-8:2026",
        "claim": Labels(
            it="Attestazione di competenze rilasciata dall'associazione",
            en="Competence attestation issued by the association",
        ),
        "number": "DLE-26-0000-0000-0001-95",
        "valid_from": date(2026, 11, 1),
        "valid_until": date(2029, 11, 1),
        "link": link(HOST, sealed(replace(SAYS, name=holder[:70]))),
        "address": "sigillo.example.org/v",
        "test": False,
    }
    return Sheet(**{**ordinary, **other})


def text_of(page: bytes) -> str:
    """The words of a PDF in their order, single-spaced."""
    document = pypdfium2.PdfDocument(page)
    try:
        assert len(document) == 1
        words: str = document[0].get_textpage().get_text_range()
        return " ".join(words.replace("\u200b", "").split())
    finally:
        document.close()


def drawn(page: bytes, dpi: int) -> Image.Image:
    """The PDF as a printer of so many dots makes it, in greys."""
    document = pypdfium2.PdfDocument(page)
    try:
        picture: Image.Image = document[0].render(scale=dpi / 72, grayscale=True).to_pil()
        return picture.convert("L")
    finally:
        document.close()
