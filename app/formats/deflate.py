"""Packing lists, and unpacking a stranger's: never beyond a limit, and never less than all of it."""

import zlib
from typing import Final

from app.formats.strict import Malformed

GZIP: Final = 31  # zlib's word for a gzip frame (RFC 1952), without a time, so that it repeats
ZLIB: Final = 15  # and for its own (RFC 1950)
BEST: Final = 9
_MEMORY: Final = 8  # what zlib takes unless told otherwise


def deflate(content: bytes, frame: int, *, level: int) -> bytes:
    """Pack a list into one frame; at the best level as tight as can be, whatever time that takes.

    A list is long runs of nothing with hardly a pattern between them. To look for runs alone takes a seventh
    of the time, and nearly always less room, than to look for patterns too, unless that is done thoroughly.
    """
    packed = _packed(content, frame, level, zlib.Z_RLE)
    if level < BEST:
        return packed
    return min(packed, _packed(content, frame, level, zlib.Z_DEFAULT_STRATEGY), key=len)


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


def _packed(content: bytes, frame: int, level: int, strategy: int) -> bytes:
    packing = zlib.compressobj(level, zlib.DEFLATED, frame, _MEMORY, strategy)
    return packing.compress(content) + packing.flush()
