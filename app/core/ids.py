"""Public identifiers: a prefix that tells what it names, and 128 random bits that tell nothing."""

import base64
import secrets
from typing import Final

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
LENGTH = 26
_OURS: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())
PATTERN = r"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"


def new_id(prefix: str) -> str:
    """Draw a fresh identifier such as `dos_0v9k…`; ASVS 11.5.1 asks for 128 bits that nobody can guess."""
    drawn = base64.b32encode(secrets.token_bytes(16))[:LENGTH].translate(_OURS)
    return f"{prefix}_{drawn.decode()}"


def pattern(prefix: str) -> str:
    """Give the regular expression that identifiers with this prefix match."""
    return PATTERN.format(prefix=prefix)
