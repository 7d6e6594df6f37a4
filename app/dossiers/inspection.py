"""Looks inside files that strangers hand in; run as a process of its own, with little memory and time.

A PDF of a thousand bytes can unpack to gigabytes, and the libraries that read such files are written in
languages where a mistake is an open door. So whatever is parsed is parsed over there, without our secrets.
"""

import contextlib
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    import pikepdf

MEMORY: Final = 1 << 30
UNPACKED: Final = 1 << 26
SECONDS: Final = 10
MOST_PAGES: Final = 500
MOST_OBJECTS: Final = 200_000
MOST_PIXELS: Final = 50_000_000
_TAIL: Final = 66_000  # the end record of a ZIP and the longest comment behind it
_ACTIVE_KEYS: Final = frozenset({"/JavaScript", "/JS", "/EmbeddedFiles", "/EF", "/RichMediaContent", "/XFA"})
_SAYING: Final = ("/Type", "/Subtype", "/S")
_ACTIVE: Final = frozenset(
    {
        *("/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR"),
        *("/RichMedia", "/RichMediaExecute", "/EmbeddedFile", "/FileAttachment"),
    }
)


class Fault(StrEnum):
    """Why a file is not taken in."""

    SOUND = "sound"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    ACTIVE = "active"
    LENGTH = "length"
    PIXELS = "pixels"
    TRAILING = "trailing"
    TOO_MUCH = "too-much"


def look(kind: str, source: BinaryIO) -> Fault:
    """Say what is wrong with a file of the kind that its name claims, or that it is sound."""
    if _ends_as_archive(source):
        return Fault.TRAILING
    source.seek(0)
    return _KINDS[kind](source)


def _ends_as_archive(source: BinaryIO) -> bool:
    """Tell whether the file is a ZIP as well: those are read from their end."""
    size = source.seek(0, os.SEEK_END)
    source.seek(max(0, size - _TAIL))
    tail = source.read()
    at = tail.rfind(b"PK\x05\x06")
    return at >= 0 and len(tail) - at >= 22 + int.from_bytes(
        tail[at + 20 : at + 22], "little"
    )  # its own 22 bytes, and the comment


def _pdf(source: BinaryIO) -> Fault:
    import pikepdf

    size = source.seek(0, os.SEEK_END)
    source.seek(max(0, size - 2048))
    tail = source.read()
    if tail[tail.rfind(b"%%EOF") + 5 :].strip(b"\0\r\n\t "):
        return Fault.TRAILING
    source.seek(0)
    pikepdf.settings.set_qpdf_limits(flate_max_memory=UNPACKED, run_length_max_memory=UNPACKED)
    try:
        # Without recovery: what one reader mends, another reads as something else.
        with pikepdf.open(source, attempt_recovery=False) as pdf:
            if pdf.is_encrypted:
                return Fault.ENCRYPTED
            if not 1 <= len(pdf.pages) <= MOST_PAGES:
                return Fault.LENGTH
            return _activity(pdf)
    except pikepdf.PasswordError:
        return Fault.ENCRYPTED
    except (pikepdf.PdfError, pikepdf.DataDecodingError, ValueError, TypeError, KeyError):
        return Fault.DAMAGED


def _activity(pdf: "pikepdf.Pdf") -> Fault:
    """Look for scripts, attachments and commands in every object, named by the page tree or not."""
    import pikepdf

    for seen, thing in enumerate(_values(pdf)):
        if seen > MOST_OBJECTS:
            return Fault.TOO_MUCH
        if not isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
            continue
        said = {str(value) for value in map(thing.get, _SAYING) if isinstance(value, pikepdf.Name)}
        if not (_ACTIVE_KEYS.isdisjoint(thing.keys()) and _ACTIVE.isdisjoint(said)):
            return Fault.ACTIVE
        if "/ObjStm" in said:
            thing.read_bytes()  # objects in a stream that does not unpack here may unpack elsewhere
    # qpdf reads objects out of a stream that is not called one, and only mutters.
    muttered = any("object stream" in warning for warning in pdf.get_warnings())
    return Fault.DAMAGED if muttered else Fault.SOUND


def _values(pdf: "pikepdf.Pdf") -> Iterator[object]:
    """Walk every object of the file, and what stands inside it."""
    import pikepdf

    waiting: list[object] = [pdf.trailer]
    for found in pdf.objects:
        waiting.append(found)
        while waiting:
            thing = waiting.pop()
            yield thing
            if isinstance(thing, pikepdf.Array):
                inside: list[object] = list(thing)
            elif isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
                inside = [thing.get(key) for key in thing.keys()]  # noqa: SIM118 - a stream is no mapping
            else:
                continue
            # What stands elsewhere in the file comes by itself.
            waiting.extend(x for x in inside if isinstance(x, pikepdf.Object) and not x.is_indirect)


def _png(source: BinaryIO) -> Fault:
    """Walk the chunks to the end mark, behind which nothing stands, and check each one's sum."""
    source.read(8)
    while True:
        head = source.read(8)
        if len(head) < 8:  # noqa: PLR2004 - length and name
            return Fault.DAMAGED
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        body = source.read(length + 4)
        if len(body) != length + 4 or zlib.crc32(name + body[:-4]) != int.from_bytes(body[-4:], "big"):
            return Fault.DAMAGED
        if name == b"IEND":
            break
    return Fault.TRAILING if source.read(1) else _picture(source, "PNG")


def _jpeg(source: BinaryIO) -> Fault:
    return _picture(source, "JPEG")


def _picture(source: BinaryIO, form: str) -> Fault:
    """Unpack a picture, after its measures were looked at."""
    from PIL import Image

    source.seek(0)
    try:
        with Image.open(source, formats=[form]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return Fault.PIXELS
            image.draft("RGB", (width // 8, height // 8))  # JPEG: every byte is read, few pixels are made
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Fault.PIXELS
    except (OSError, SyntaxError, ValueError, KeyError, IndexError, EOFError):
        return Fault.DAMAGED
    return Fault.SOUND


_KINDS: Final[Mapping[str, Callable[[BinaryIO], Fault]]] = {"pdf": _pdf, "png": _png, "jpeg": _jpeg}


def _confine() -> None:
    """Give up what is not needed here, for good."""
    import resource

    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems know no such limit
            resource.setrlimit(limit, (most, most))


def main() -> None:
    """Look at the file on standard input, and say in one word what was found."""
    _confine()
    try:
        with os.fdopen(0, "rb", closefd=False) as source:
            found = look(sys.argv[1], source)
    except (MemoryError, RecursionError):
        found = Fault.TOO_MUCH
    sys.stdout.write(found)


if __name__ == "__main__":
    main()
