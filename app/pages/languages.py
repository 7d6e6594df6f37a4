"""Which of our two languages a reader wants."""

import re
from typing import Final

from app.core.labels import Language

LONGEST_HEADER: Final = 1_000
# RFC 9110, 12.5.4 and 12.4.2: a language range with an optional weight, and nothing else.
RANGE: Final = re.compile(
    r"(?P<tag>[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


def language_of(accept_language: str | None, asked: str | None) -> Language:
    """Choose the language of a page: the one asked for by link, else the preferred one of the browser.

    English is for everybody who has not said Italian: a stranger with neither reads it sooner.
    """
    match asked:
        case "it":
            return "it"
        case "en":
            return "en"
    weights = _weights(accept_language or "")
    anything = weights.get("*", 0.0)
    return "it" if weights.get("it", anything) > weights.get("en", anything) else "en"


def _weights(header: str) -> dict[str, float]:
    """Read the weight of each language; a part that is not well formed counts for nothing."""
    weights: dict[str, float] = {}
    if len(header) > LONGEST_HEADER:
        return weights
    for part in header.split(","):
        if wanted := RANGE.fullmatch(part.strip(" \t")):
            language = wanted["tag"].lower().partition("-")[0]
            weight = float(wanted["weight"] or 1)
            weights[language] = max(weights.get(language, 0.0), weight)
    return weights
