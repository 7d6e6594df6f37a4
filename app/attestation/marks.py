"""The mark of a body, as it supplied it: a picture that is only drawn, and never runs, asks or refers."""

import base64
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final, Self
from xml.etree import ElementTree as ET

from PIL import Image

from app.attestation import drawing
from app.core.errors import RuleBroken

log: Final = logging.getLogger("sigillo.marks")
MAX_BYTES: Final = 256 * 1024
MAX_SIDE: Final = 4000  # pixels
MAX_SHAPES: Final = 1000
MAX_DEPTH: Final = 32
_LONGEST: Final = 20
_WAIT: Final = 30.0  # seconds, on a machine that has much to do
_NAMESPACE: Final = "{http://www.w3.org/2000/svg}"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Shapes and colours. Nothing that repeats, embeds, filters or writes: no mark needs it to be drawn.
_SHAPES: Final = frozenset(
    {
        *("svg", "g", "defs", "title", "desc", "style", "path", "rect", "circle", "ellipse", "line"),
        *("polyline", "polygon", "linearGradient", "radialGradient", "stop", "clipPath"),
    }
)


class MarkRefused(RuleBroken):
    """It is named before a page is made with it, or without it."""

    code = "mark-refused"
    title = "The body's mark is not a picture that can stand on a page"


@dataclass(frozen=True, slots=True)
class Mark:
    """A picture as SVG, and how wide it is for its height."""

    svg: str
    ratio: float

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Take an SVG of plain shapes, or a PNG; raise `MarkRefused` for anything else."""
        if len(content) > MAX_BYTES:
            raise MarkRefused(f"The mark has more than {MAX_BYTES // 1024} KiB.")
        mark = cls(*(_png(content) if content.startswith(_PNG) else _svg(content)))
        if not 1 / _LONGEST <= mark.ratio <= _LONGEST:
            raise MarkRefused(f"The mark is more than {_LONGEST} times as long as it is wide.")
        if not content.startswith(_PNG) and not _can_be_drawn(mark.svg):
            raise MarkRefused("The mark cannot be drawn, or not in a moment. Make it simpler.")
        return mark

    def width_at(self, height: float, *, most: float) -> float:
        return min(height * self.ratio, most)


def mark_of(folder: Path | None, organisation_id: str) -> Mark | None:
    """Read what a body left as `{its id}.svg` or `.png`, if it left anything."""
    paths = [folder / f"{organisation_id}.{ending}" for ending in ("svg", "png")] if folder else []
    try:
        path = next((each for each in paths if each.is_file()), None)
        if path is None:
            return None
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        raise MarkRefused("The mark is there and cannot be read.") from None
    return Mark.read(content)


@lru_cache(maxsize=256)
def _can_be_drawn(svg: str) -> bool:
    """Have a picture drawn once where it can do no harm; what came of it is remembered."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", drawing.__file__],
            input=svg.encode(),
            capture_output=True,
            timeout=_WAIT,
            env={"RAYON_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MarkRefused("The mark could not be drawn in time. Try again.") from None
    if done.returncode:
        log.warning("mark.undrawn", extra={"status": done.returncode})
    return done.returncode == 0


def _png(content: bytes) -> tuple[str, float]:
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            width, height = picture.size
            if max(width, height) > MAX_SIDE:
                raise MarkRefused(f"The mark is wider or higher than {MAX_SIDE} pixels.")
            drawn = BytesIO()
            picture.convert("RGBA").save(drawn, "PNG")  # what it shows, and nothing that came along
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise MarkRefused("The mark is not a PNG that can be read.") from None
    source = "data:image/png;base64," + base64.b64encode(drawn.getvalue()).decode()
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="{source}"/></svg>'
    )
    return drawing, width / height


def _svg(content: bytes) -> tuple[str, float]:
    """Read it strictly: no declarations, only shapes, no reference that leaves the picture."""
    try:
        text = content.decode("utf-8")
        if "<!DOCTYPE" in text:
            raise MarkRefused("The mark declares a document type.")
        root = ET.fromstring(text)  # noqa: S314 - with no declarations there is nothing to expand
    except (ET.ParseError, UnicodeDecodeError):
        raise MarkRefused("The mark is neither a PNG nor an SVG in UTF-8.") from None
    for count, (element, depth) in enumerate(_walk(root), start=1):
        if count > MAX_SHAPES or depth > MAX_DEPTH:
            raise MarkRefused(f"The mark has more than {MAX_SHAPES} shapes, or {MAX_DEPTH} in a nest.")
        if fault := _fault(element):
            raise MarkRefused(
                f"The mark has more than shapes: {fault[:60]}. Turn texts and lines into paths."
            )
    return text, _ratio(root)


def _walk(root: ET.Element) -> Iterator[tuple[ET.Element, int]]:
    waiting = [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        yield element, depth
        waiting += [(inner, depth + 1) for inner in element]


def _fault(element: ET.Element) -> str | None:
    """Name what is more than a shape, or may take for ever to draw, as a dashed line does."""
    name = element.tag.removeprefix(_NAMESPACE)
    if name not in _SHAPES:
        return name
    for attribute, value in element.items():
        if attribute.lower().startswith("on") or (attribute.endswith("href") and not value.startswith("#")):
            return attribute
        if "dash" in f"{attribute} {value}".lower():
            return "a dashed line"
    # A style sheet could write the same in escapes.
    styled = name == "style" and re.search(r"dash|\\", "".join(element.itertext()), re.IGNORECASE)
    return "a style with dashes or escapes" if styled else None


def _ratio(root: ET.Element) -> float:
    try:
        _, _, width, height = map(float, root.attrib["viewBox"].replace(",", " ").split())
        return width / height
    except (KeyError, ValueError, ZeroDivisionError):
        raise MarkRefused("The mark has no viewBox that says how wide and how high it is.") from None
