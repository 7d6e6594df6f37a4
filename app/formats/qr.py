"""QR codes as pictures that stand on their own: SVG for pages and paper, PNG for everything else."""

from dataclasses import dataclass
from enum import IntEnum
from html import escape
from io import BytesIO
from typing import Final

import qrcode.constants
from PIL import Image
from qrcode.main import QRCode
from qrcode.util import BIT_LIMIT_TABLE

QUIET_ZONE: Final = 4  # modules, as ISO/IEC 18004 asks
_MASK: Final = 3  # any of the eight reads well; trying them all costs four times the rest


class Level(IntEnum):
    """How much dirt the code survives."""

    SCREEN = qrcode.constants.ERROR_CORRECT_M
    PRINT = qrcode.constants.ERROR_CORRECT_Q


@dataclass(frozen=True, slots=True)
class Drawing:
    """A square of `size` modules, white margin included, and the path of its dark ones."""

    size: int
    path: str

    def svg(self, title: str = "") -> str:
        """Write the code as a picture of its own: one path on white."""
        label = f"<title>{escape(title)}</title>" if title else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.size} {self.size}" '
            f'role="img" shape-rendering="crispEdges">{label}'
            f'<path fill="#fff" d="M0 0h{self.size}v{self.size}H0z"/>'
            f'<path d="{self.path}"/></svg>'
        )


def drawing(text: str, level: Level = Level.SCREEN) -> Drawing:
    """Draw the code as one path, sharp at any size, one unit per module."""
    rows = _modules(text, level)
    dark = "".join(_run(x, y, width) for y, row in enumerate(rows) for x, width in _runs(row))
    return Drawing(len(rows), dark)


def fits(before: str, digits: int, level: Level, version: int) -> bool:
    """Tell whether a text that ends in so many digits has room in a symbol of this version, 10 to 26.

    ISO/IEC 18004, 7.4: each part is told by its kind and its length; bytes take 8 bits, three digits take 10.
    """
    written = 8 * len(before.encode()) + 10 * (digits // 3) + (0, 4, 7)[digits % 3]
    return 4 + 16 + 4 + 12 + written <= BIT_LIMIT_TABLE[level][version]


def svg(text: str, *, title: str = "", level: Level = Level.SCREEN) -> str:
    """Draw the code as one path on white, sharp at any size, one unit per module."""
    return drawing(text, level).svg(title)


def png(text: str, *, scale: int = 8, level: Level = Level.SCREEN) -> bytes:
    """Draw the code in black and white, `scale` pixels per module."""
    rows = _modules(text, level)
    side = len(rows)
    picture = Image.new("1", (side, side), 1)
    picture.putdata([0 if dark else 1 for row in rows for dark in row])
    content = BytesIO()
    picture.resize((side * scale, side * scale), Image.Resampling.NEAREST).save(content, "PNG", optimize=True)
    return content.getvalue()


def _modules(text: str, level: Level) -> list[list[bool]]:
    code = QRCode(error_correction=level, border=QUIET_ZONE, mask_pattern=_MASK)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(dark) for dark in row] for row in code.get_matrix()]


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Give where each run of dark modules begins and how long it is."""
    edges = [x for x in range(1, len(row)) if row[x] != row[x - 1]]  # the quiet zone is light at both ends
    return [(begin, end - begin) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def _run(x: int, y: int, width: int) -> str:
    return f"M{x} {y}h{width}v1h-{width}z"
