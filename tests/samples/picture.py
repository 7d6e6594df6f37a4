"""A course certificate as a platform sends it: a PNG, drawn large and scaled down for clean edges."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import reportlab
from PIL import Image, ImageDraw, ImageFont

from .ink import FICTION

WIDE: Final = 1400
HIGH: Final = 990
SCALE: Final = 2
FONTS: Final = Path(reportlab.__file__).parent / "fonts"  # Bitstream Vera, free to embed and to draw with


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws centred lines of text; everything is measured in pixels of the finished picture."""

    draw: ImageDraw.ImageDraw

    def line(
        self, text: str, y: float, size: float, colour: str, *, x: float = WIDE / 2, face: str = "Vera"
    ) -> None:
        font = ImageFont.truetype(FONTS / f"{face}.ttf", size * SCALE)
        self.draw.text((x * SCALE, y * SCALE), text, fill=colour, font=font, anchor="mm")

    def box(
        self,
        edges: tuple[float, float, float, float],
        *,
        fill: str | None = None,
        line: str | None = None,
        width: int = 1,
    ) -> None:
        x0, y0, x1, y1 = (edge * SCALE for edge in edges)
        self.draw.rectangle((x0, y0, x1, y1), fill=fill, outline=line, width=width * SCALE)

    def disc(self, x: float, y: float, radius: float, *, fill: str) -> None:
        self.draw.circle((x * SCALE, y * SCALE), radius * SCALE, fill=fill)


def certificate(
    holder: str,
    fields: Mapping[str, Any],
    *,
    colour: str,
    pale: str,
    topics: list[str],
    day: str,
    signer: str,
    number: str,
) -> bytes:
    """The picture as PNG bytes. A small palette keeps it light."""
    large = Image.new("RGB", (WIDE * SCALE, HIGH * SCALE), "#ffffff")
    pen = Pen(ImageDraw.Draw(large))
    pen.box((28, 28, WIDE - 28, HIGH - 28), fill=pale, line=colour, width=5)
    pen.box((44, 44, WIDE - 44, HIGH - 44), fill="#ffffff", line=colour)
    pen.box((45, 45, WIDE - 45, 170), fill=colour)
    pen.line(fields["provider"], 96, 32, "#ffffff", face="VeraBd")
    pen.line("(fictional training provider)", 138, 17, pale)
    pen.line("Certificate of completion", 252, 46, colour, face="VeraBd")
    pen.line("This is to confirm that", 326, 21, "#66707c")
    pen.line(holder, 388, 44, "#1d2733", face="VeraBd")
    pen.line("has completed the course, with all graded assignments,", 452, 21, "#66707c")
    pen.line(fields["title"], 512, 27, "#1d2733", face="VeraBd")
    for row, topic in enumerate(topics):
        pen.line(topic, 566 + row * 34, 19, "#44505c", face="VeraIt")
    pen.disc(WIDE / 2, 758, 86, fill=colour)
    pen.disc(WIDE / 2, 758, 78, fill="#ffffff")
    pen.disc(WIDE / 2, 758, 73, fill=colour)
    pen.line(str(fields["hours"]), 746, 54, "#ffffff", face="VeraBd")
    pen.line("hours", 793, 20, "#ffffff")
    for x, above, below in ((300, day, "Date of completion"), (WIDE - 300, signer, "Course lead")):
        pen.line(above, 766, 23, "#1d2733", x=x, face="VeraIt")
        pen.box((x - 150, 790, x + 150, 791), fill="#9aa4ae")
        pen.line(below, 814, 16, "#66707c", x=x)
    pen.line(f"Record {number}", 884, 16, "#66707c")
    pen.line(FICTION, 922, 14, "#66707c")
    paper = BytesIO()
    small = large.resize((WIDE, HIGH), Image.Resampling.LANCZOS)
    small.quantize(64, dither=Image.Dither.NONE).save(paper, "PNG", optimize=True, dpi=(120, 120))
    return paper.getvalue()
