"""Leafs through a PDF that a stranger sent, for QR codes: in a process of its own.

The library that draws the pages is written in a language where a mistake is an open door. So it works over
there, with little memory and time and without our secrets: this module knows nothing else of the house.
"""

import contextlib
import json
import os
import sys
from typing import Final

MEMORY: Final = 1 << 30
SECONDS: Final = 10
MOST_PAGES: Final = 20
MOST_TEXTS: Final = 8
LONGEST_SIDE: Final = 2_400  # pixels: an A4 page at some 200 dots per inch
DOTS: Final = 200
POINTS: Final = 72  # in an inch
UNREADABLE: Final = "unreadable"
TOO_LONG: Final = "too-long"


def texts_of(content: bytes) -> list[str] | str:
    """Read every QR code on the first pages, or say why not."""
    import pypdfium2
    import zxingcpp

    try:
        document = pypdfium2.PdfDocument(content)
        pages = len(document)
        if pages > MOST_PAGES:
            return TOO_LONG
        found: dict[str, None] = {}
        for number in range(pages):
            page = document[number]
            longest = max(page.get_size())
            if not 0 < longest < float("inf"):
                return UNREADABLE
            scale = min(DOTS / POINTS, LONGEST_SIDE / longest)
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
