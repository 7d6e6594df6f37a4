"""The little of DER that is written by hand; whatever is read goes through a strict library."""

from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
_SHORT: Final = 0x80


def element(tag: int, content: bytes) -> bytes:
    """Write one element: tag, length, content (X.690, 8.1 and 10.1)."""
    size = len(content)
    if size < _SHORT:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(length))) + length + content


def integer(number: int) -> bytes:
    """Write a number that is not negative."""
    return element(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
