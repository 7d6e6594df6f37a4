"""Identifiers: a prefix that tells what they name, the second in which they were drawn, and 96 random bits.

Nobody can guess one, and they are no secrets: what they name is shown to those alone who may see it. What is
drawn together stands together in every index, so that a row costs in a register of a million what it costs
in one of ten thousand: by names of chance alone, each would be written to a page of its own, in each index.
"""

import secrets
from time import time, time_ns
from typing import Final

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
LENGTH = 26
_SPARE: Final = LENGTH * 5 - 128  # bits of the last character that are always zero
_CHANCE: Final = 96  # bits; before them stand 32 of seconds, which last until 2106
_PAIRS: Final = tuple(one + other for one in ALPHABET for other in ALPHABET)
_SHIFTS: Final = range(LENGTH * 5 - 10, -1, -10)
PATTERN = r"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"
_NANOSECONDS: Final = 1_000_000  # of a millisecond
_VERSION: Final = 7 << 76
_VARIANT: Final = 2 << 62


def new_id(prefix: str) -> str:
    """Draw a fresh identifier such as `dos_0v9k…`."""
    drawn = (int(time()) << _CHANCE | secrets.randbits(_CHANCE)) << _SPARE
    return f"{prefix}_{''.join([_PAIRS[drawn >> shift & 1023] for shift in _SHIFTS])}"


def new_jti() -> str:
    """Draw the name of a document: a UUID of this millisecond and 74 random bits (RFC 9562, 5.7)."""
    chance = secrets.randbits(74)
    high, low = chance >> 62, chance & (1 << 62) - 1
    digits = f"{time_ns() // _NANOSECONDS << 80 | _VERSION | high << 64 | _VARIANT | low:032x}"
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def pattern(prefix: str) -> str:
    """Give the regular expression that identifiers with this prefix match."""
    return PATTERN.format(prefix=prefix)
