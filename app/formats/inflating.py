"""Unpacking what a stranger packed: never beyond a limit, and never less than all of it."""

import zlib
from typing import Final

from app.formats.strict import Malformed

GZIP: Final = 31  # zlib's word for a gzip frame (RFC 1952)
ZLIB: Final = 15  # and for its own (RFC 1950)


def inflate(packed: bytes, frame: int, *, limit: int) -> bytes:
    """Unpack one whole frame of at most `limit` bytes; what swells beyond is refused unswollen."""
    inflating = zlib.decompressobj(wbits=frame)
    try:
        content = inflating.decompress(packed, limit + 1)
    except zlib.error:
        raise Malformed("a list that is not packed as it should be") from None
    if len(content) > limit or inflating.unconsumed_tail:
        raise Malformed("a list larger than we read")
    if not inflating.eof or inflating.unused_data:
        raise Malformed("a list that is cut off, or goes on after its end")
    return content
