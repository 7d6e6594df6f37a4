"""The QR of a page as one path of an inline drawing."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE: Final = 4  # ISO/IEC 18004: four modules of white all round


@dataclass(frozen=True, slots=True)
class QrDrawing:
    """A square of `size` modules, white margin included, and the path of its dark ones."""

    size: int
    path: str


@lru_cache(maxsize=512)
def qr_drawing(text: str) -> QrDrawing:
    """Draw a text as a QR at level M, which a printer's dirt does not stop."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    rows = code.get_matrix()
    strokes: list[str] = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                strokes.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return QrDrawing(len(rows), "".join(strokes))
