"""What every printed sample shares: the note of fiction, colours, days in words, a handwritten name."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Final

from reportlab.graphics.shapes import Circle, Drawing, Path, Polygon
from reportlab.lib.colors import HexColor

FICTION: Final = "Esempio di fantasia / fictional sample: persone, aziende, enti e cifre sono inventati."

INK: Final = HexColor("#1d2733")
GREY: Final = HexColor("#66707c")
HAIRLINE: Final = HexColor("#c9d0d8")
PEN: Final = HexColor("#1f3a8a")

MONTHS: Final = (
    "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno",
    "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre",
)  # fmt: skip

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """The two colours that tell one sender's paper from another's."""

    accent: Any
    tint: Any


PETROL: Final = Look(HexColor("#0f5c66"), HexColor("#e8f1f2"))
INDIGO: Final = Look(HexColor("#3a3f8f"), HexColor("#ececf6"))
BRICK: Final = Look(HexColor("#8c3b2e"), HexColor("#f6ece9"))
OLIVE: Final = Look(HexColor("#5b6330"), HexColor("#f1f2e6"))
SLATE: Final = Look(HexColor("#44546a"), HexColor("#eef1f4"))


def in_words(day: str) -> str:
    """An ISO day as an Italian letter writes it: 18 luglio 2019."""
    at = date.fromisoformat(day)
    first = "1°" if at.day == 1 else str(at.day)
    return f"{first} {MONTHS[at.month - 1]} {at.year}"


def handwritten(name: str, width: float = 150) -> Drawing:
    """A name as a pen would leave it: one slanted stroke per word, closed by a flourish."""
    drawing = Drawing(width, 46)
    x = 4.0
    for word in name.split():
        points = list(_stroke(word, x))
        drawing.add(_through(points, 1.15))
        x = points[-1][0] + 5
    drawing.add(_through([(x, 15), (x - 30, 7), (x - 85, 8), (x - 40, 10.5), (x + 12, 13)], 0.8))
    return drawing


def _stroke(word: str, x: float) -> Iterable[Point]:
    for place, letter in enumerate(word):
        wide = 5.2 + (ord(letter) * 7 + place * 3) % 5 * 0.45
        wobble = (ord(letter) + place * 5) % 4 * 0.5
        if place == 0:
            yield from _slanted(
                (x, 20), (x + 2, 38), (x + 9, 40 - wobble), (x + 5, 26), (x + 1, 14), (x + 9, 15)
            )
            x += 10
        elif letter in "bdfhklt":
            yield from _slanted((x + wide * 0.5, 33 + wobble), (x + wide * 0.1, 33), (x + wide * 0.3, 15))
            x += wide * 0.8
        elif letter in "gjpqyz":
            yield from _slanted((x + wide * 0.5, 22), (x + wide * 0.5, 5 - wobble), (x, 6), (x + wide, 16))
            x += wide * 0.9
        else:
            yield from _slanted(
                (x + wide * 0.4, 21 + wobble), (x + wide * 0.7, 14.5), (x + wide, 16.5 + wobble)
            )
            x += wide * 0.85


def _slanted(*points: Point) -> Iterable[Point]:
    return ((x + (y - 15) * 0.28, y) for x, y in points)


def _through(points: list[Point], width: float) -> Path:
    """A smooth line through the points (Catmull-Rom, written as Bézier curves)."""
    path = Path(strokeColor=PEN, strokeWidth=width, fillColor=None, strokeLineCap=1, strokeLineJoin=1)
    path.moveTo(*points[0])
    around = [points[0], *points, points[-1]]
    for before, start, end, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        path.curveTo(
            start[0] + (end[0] - before[0]) / 6,
            start[1] + (end[1] - before[1]) / 6,
            end[0] - (after[0] - start[0]) / 6,
            end[1] - (after[1] - start[1]) / 6,
            *end,
        )
    return path


def emblem(look: Look, size: float) -> Drawing:
    """A small invented device: three layers of nodes in a ring, in the sender's colour."""
    drawing = Drawing(size, size)
    centre = size / 2
    drawing.add(
        Circle(centre, centre, centre - 1, fillColor=look.tint, strokeColor=look.accent, strokeWidth=1.4)
    )
    drawing.add(Circle(centre, centre, centre - 4, fillColor=None, strokeColor=look.accent, strokeWidth=0.4))
    layers = [
        [(size * x, size * y) for y in ys]
        for x, ys in ((0.28, (0.4, 0.6)), (0.5, (0.3, 0.5, 0.7)), (0.72, (0.4, 0.6)))
    ]
    for left, right in pairwise(layers):
        for start in left:
            for end in right:
                drawing.add(Polygon([*start, *end], strokeColor=look.accent, strokeWidth=0.35))
    for x, y in (node for layer in layers for node in layer):
        drawing.add(Circle(x, y, size * 0.045, fillColor=look.accent, strokeColor=None))
    return drawing
