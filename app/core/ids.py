"""Public identifiers: a prefix that tells what it names, and 128 random bits that tell nothing."""

import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
LENGTH = 26
PATTERN = r"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"


def new_id(prefix: str) -> str:
    """Draw a fresh identifier such as `dos_0v9k…`; ASVS 11.5.1 asks for 128 bits that nobody can guess."""
    bits = secrets.randbits(128)
    return f"{prefix}_" + "".join(ALPHABET[(bits >> (5 * place)) & 31] for place in range(LENGTH))


def pattern(prefix: str) -> str:
    """Give the regular expression that identifiers with this prefix match."""
    return PATTERN.format(prefix=prefix)
