"""The little of DER that is written by hand; whatever is read goes through a strict library."""

from collections.abc import Iterator
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
OCTETS: Final = 0x04
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


def spans(sequence: bytes) -> Iterator[tuple[int, int, int]]:
    """Tell of each element of a sequence its tag and where it begins and ends.

    For what a library has read, and would make objects of: so one can tell beforehand how large it is.
    """
    _, place, end = _span(sequence, 0)
    while place < end:
        begins = place
        tag, _, place = _span(sequence, place)
        yield tag, begins, place


def _span(content: bytes, place: int) -> tuple[int, int, int]:
    """Give the tag of an element, and where its content begins and ends."""
    tag, size, begins = content[place], content[place + 1], place + 2
    if size >= _SHORT:
        begins += size - _SHORT
        size = int.from_bytes(content[place + 2 : begins], "big")
    return tag, begins, begins + size
