"""Credential numbers: `DLE-26-7K3Q-F9XM-2T5H-65`, made to be read aloud and typed by hand.

The scheme's code, the year of issue, 60 random bits in Crockford's base 32 and two check digits over
the random part. With N those bits, 100 N plus the check digits leaves 1 when divided by 97: because 97 is
a prime above 32, no single wrong character and no swap of neighbours can keep that true.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

CODE: Final = re.compile(r"[A-Z]{2,6}")

_BITS: Final = 60
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(one + other for one in _ALPHABET for other in _ALPHABET)
_LOOK_ALIKES: Final = str.maketrans("OIL", "011")
# Python counts in base 32 too, by other letters; the one that Crockford leaves out for good is none of them.
_AS_DIGITS: Final = str.maketrans(_ALPHABET + "U", "0123456789ABCDEFGHIJKLMNOPQRSTUV ")
# Spaces, and all that phones and word processors make of a hyphen.
_SEPARATORS: Final = re.compile(r"[\s\u2010-\u2015\u2212-]+")
_FORM: Final = re.compile(r"([A-Z]{2,6})([0-9]{2})([0-9A-Z]{12})([0-9]{2})")
# As we write one; whoever follows a link of ours asks so.
_WRITTEN: Final = re.compile(
    r"[A-Z]{2,6}-[0-9]{2}-([0-9A-HJKMNP-TV-Z]{4})-([0-9A-HJKMNP-TV-Z]{4})-([0-9A-HJKMNP-TV-Z]{4})-([0-9]{2})"
)
_LONGEST: Final = 64
# What was meant as a number, with a slip or two in it; whatever holds a dot or a colon was not.
_MEANT: Final = re.compile(r"[A-Z][A-Z01]{1,5}(?:[0-9][0-9OIL]|[OIL][0-9])[0-9A-Z]{8,20}")


class Mistyped(ValueError):
    """The text cannot be a number of ours, so nobody needs to look it up.

    It carries nothing of the text: what people type into the field is theirs.
    """

    def __init__(self) -> None:
        super().__init__("This is not a credential number: its form or its check digits are wrong.")


@dataclass(frozen=True, slots=True)
class CredentialNumber:
    """The name of a register entry that people can read, type and dictate."""

    code: str
    year: int
    bits: int

    def __post_init__(self) -> None:
        if not CODE.fullmatch(self.code):
            raise ValueError("A scheme's code is two to six capital letters.")
        if not 0 <= self.year <= 99:  # noqa: PLR2004 -- two digits
            raise ValueError("The year of a number has two digits.")
        if not 0 <= self.bits < 1 << _BITS:
            raise ValueError("A number holds 60 random bits.")

    @classmethod
    def draw(cls, code: str, year: int, bits: int | None = None) -> Self:
        """Draw a number for the scheme and the calendar year; the random bits are `secrets`' unless given."""
        return cls(code, year % 100, secrets.randbits(_BITS) if bits is None else bits)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what a person typed, or raise `Mistyped`.

        Case is forgiven, and so are spaces and hyphens wherever they stand. Look-alikes (O for 0, I and L
        for 1) are forgiven in the random groups alone: elsewhere a letter is a letter and a digit a digit.
        """
        found = _FORM.fullmatch(_bare(text))
        if found is None:
            raise Mistyped
        code, year, drawn, check = found.groups()
        number = cls(code, int(year), _decoded(drawn.translate(_LOOK_ALIKES)))
        if number.check_digits != check:
            raise Mistyped
        return number

    @classmethod
    def as_written(cls, text: str) -> str:
        """Read what a person typed, or raise `Mistyped`, and give it as we write it."""
        if found := _WRITTEN.fullmatch(text):
            first, second, third, check = found.groups()
            if _check_digits(_decoded(first + second + third)) == check:
                return text
        return str(cls.read(text))

    @staticmethod
    def is_meant(text: str) -> bool:
        """Tell whether a text has the shape of a number, be it mistyped: nothing else was meant by it."""
        return _MEANT.fullmatch(_bare(text)) is not None

    @property
    def check_digits(self) -> str:
        return _check_digits(self.bits)

    def __str__(self) -> str:
        bits = self.bits
        drawn = f"{_PAIRS[bits >> 50]}{_PAIRS[bits >> 40 & 1023]}-{_PAIRS[bits >> 30 & 1023]}"
        drawn += f"{_PAIRS[bits >> 20 & 1023]}-{_PAIRS[bits >> 10 & 1023]}{_PAIRS[bits & 1023]}"
        return f"{self.code}-{self.year:02d}-{drawn}-{self.check_digits}"


def _bare(text: str) -> str:
    """Give the capitals and digits of what was typed, or nothing where it holds what no number does."""
    bare = _SEPARATORS.sub("", text) if len(text) <= _LONGEST else ""
    # Only ASCII is brought to capitals: a dotless i would otherwise become an I, and that a 1.
    return bare.upper() if bare.isascii() else ""


def _check_digits(bits: int) -> str:
    return f"{98 - 100 * bits % 97:02d}"


def _decoded(drawn: str) -> int:
    digits = drawn.translate(_AS_DIGITS)
    if " " in digits:
        raise Mistyped
    return int(digits, 32)
