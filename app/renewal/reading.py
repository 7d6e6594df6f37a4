"""How titles and providers are read where it matters whether two activities are the same."""

import re
import unicodedata
from typing import Final

# Seen by nobody, and yet no format characters: fillers, joiners of graphemes, selectors of variants.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class _Reading(dict[int, int | None]):
    """Tells of each character whether it is read at all; looked up once."""

    def __missing__(self, point: int) -> int | None:
        character = chr(point)
        kind = unicodedata.category(character)
        self[point] = None if kind == "Cf" or kind[0] == "P" or _UNSEEN.match(character) else point
        return self[point]


_READING: Final = _Reading()


def as_read(text: str) -> str:
    """Read a text as a person does: neither case, spacing, punctuation nor what is unseen tells it apart."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_READING)
    return " ".join(unicodedata.normalize("NFKC", plain).split())
