"""Leafs through a PDF that a stranger sent, for QR codes: in a process of its own.

The library that draws the pages is written in a language where a mistake is an open door. So it works over
there, behind everybody else, with little memory and time. Our secrets are neither in its memory nor in its
environment, and it can open no file and, unless it is root, start no process. It is no jail: it is the same
user, and what else that user may do, such as to signal its processes, it may do too.
"""

import contextlib
import json
import os
import sys
from typing import Final

MEMORY: Final = 1 << 30
SECONDS: Final = 3  # of a processor; twenty pages of ordinary kind take a tenth of it
IDLE: Final = 19
MOST_PAGES: Final = 20
MOST_TEXTS: Final = 8
LONGEST_SIDE: Final = 2_400  # pixels: an A4 page at some 200 dots per inch
MOST_PIXELS: Final = 100_000_000  # of all pages; of A4 it would be 25
MOST_OBJECTS: Final = 50_000  # on all pages: a QR of lines has some ten thousand
DOTS: Final = 200
POINTS: Final = 72  # in an inch
UNREADABLE: Final = "unreadable"
TOO_LONG: Final = "too-long"


def texts_of(content: bytes) -> list[str] | str:
    """Read every QR code on the first pages, or say why not."""
    import pypdfium2
    import pypdfium2.raw as pdfium
    import zxingcpp

    left, objects = MOST_PIXELS, MOST_OBJECTS
    try:
        document = pypdfium2.PdfDocument(content)
        pages = len(document)
        if pages > MOST_PAGES:
            return TOO_LONG
        found: dict[str, None] = {}
        for number in range(pages):
            page = document[number]
            width, height = page.get_size()
            longest = max(width, height)
            objects -= pdfium.FPDFPage_CountObjects(page.raw)
            if not 0 < longest < float("inf") or objects < 0:
                return UNREADABLE
            scale = min(DOTS / POINTS, LONGEST_SIDE / longest)
            left -= int(width * scale) * int(height * scale)
            if left < 0:
                return UNREADABLE
            drawn = page.render(scale=scale, grayscale=True, may_draw_forms=False).to_pil()
            for code in zxingcpp.read_barcodes(
                drawn,
                formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
                text_mode=zxingcpp.TextMode.Plain,
            ):
                if code.valid and code.text:
                    found[code.text] = None
            if len(found) > MOST_TEXTS:
                break
    except (pypdfium2.PdfiumError, ValueError, OSError):
        return UNREADABLE
    return list(found)


def _confine() -> None:
    """Give up what is not needed here, for good. All that is needed is loaded before: no file opens after."""
    import resource

    import PIL.Image
    import pypdfium2
    import pypdfium2.raw  # noqa: F401
    import zxingcpp  # noqa: F401

    PIL.Image.preinit()
    os.nice(IDLE)
    free = os.dup(0)  # the lowest that is free: as many are open, and that is all
    os.close(free)
    for limit, most in (
        (resource.RLIMIT_NOFILE, free),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems know no such limit
            resource.setrlimit(limit, (most, most))


def main() -> None:
    """Read the PDF on standard input, and write what was found as JSON."""
    _confine()
    try:
        with os.fdopen(0, "rb", closefd=False) as source:
            found = texts_of(source.read())
    except (MemoryError, RecursionError):
        found = UNREADABLE
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
