"""Public identifiers: a prefix that tells what it names, and 128 random bits that tell nothing."""

import secrets
from typing import Final

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
LENGTH = 26
_SPARE: Final = LENGTH * 5 - 128  # bits of the last character that are always zero
_PAIRS: Final = tuple(one + other for one in ALPHABET for other in ALPHABET)
_SHIFTS: Final = range(LENGTH * 5 - 10, -1, -10)
PATTERN = r"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"


def new_id(prefix: str) -> str:
    """Draw a fresh identifier such as `dos_0v9k…`; ASVS 11.5.1 asks for 128 bits that nobody can guess."""
    drawn = secrets.randbits(128) << _SPARE
    return f"{prefix}_{''.join([_PAIRS[drawn >> shift & 1023] for shift in _SHIFTS])}"


def pattern(prefix: str) -> str:
    """Give the regular expression that identifiers with this prefix match."""
    return PATTERN.format(prefix=prefix)
