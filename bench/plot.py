"""All figures of a run in one picture: how far each is on the right side of its bound, or the wrong one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typst

PICTURE: Final = Path(__file__).with_name("results.svg")
_PAGE: Final = Path(__file__).with_name("plot.typ")


def draw(figures: Sequence[Mapping[str, Any]], picture: Path = PICTURE) -> None:
    """Draw the figures that have a bound."""
    rows = [_row(figure) for figure in figures if "least" in figure or "most" in figure]
    if rows:
        drawn = typst.compile(
            _PAGE, format="svg", sys_inputs={"rows": json.dumps(rows)}, ignore_system_fonts=True
        )
        picture.write_bytes(drawn)


def _row(figure: Mapping[str, Any]) -> dict[str, Any]:
    ratio = figure.get("judged") == "ratio"
    measured, unit = (
        (figure["ratio"], "\N{MULTIPLICATION SIGN}") if ratio else (figure["value"], figure["unit"])
    )
    least = "least" in figure
    bound = figure["least" if least else "most"]
    return {
        "name": figure["name"],
        "reached": (measured / bound if least else bound / measured) if measured else 0,
        "met": figure["met"],
        "said": f"{measured:g} {unit}, {'at least' if least else 'at most'} {bound:g}",
    }
