"""The QR code on paper: from a PDF at print size, scanned at 150 dpi, turned, blurred and noisy.

Two readers that share no code read it, zxing-cpp and zbar; the second needs the shared library libzbar0.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Final

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops, ImageFilter
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.formats import qr
from app.formats.q1 import link
from tests.formats.test_q1 import SAYS, sealed

DPI: Final = 150
BOX: Final = 38 * mm  # with the white margin: what an attestation gives its code
TEXT: Final = link("https://verify.example.org", sealed(replace(SAYS, name="N" * 35)))
LONGEST: Final = link("https://verify.example.org", sealed(replace(SAYS, name="N" * 75)))

Reader = Callable[[Image.Image], list[str]]


def zxing(picture: Image.Image) -> list[str]:
    return [
        found.text
        for found in zxingcpp.read_barcodes(
            picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    ]


def zbar(picture: Image.Image) -> list[str]:
    try:
        from pyzbar import pyzbar
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("libzbar0 is missing, and with it the second reader")
        pytest.skip("libzbar0 is not installed: one reader alone is no witness")
    found = pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])
    return [each.data.decode() for each in found]


def paper(text: str) -> Image.Image:
    """An A4 page with the code where an attestation has it, as a scanner of 150 dpi sees it."""
    content = BytesIO()
    page = Canvas(content, pagesize=A4, invariant=1)
    page.setFont("Helvetica", 14)
    page.drawString(25 * mm, 260 * mm, "Attestato di competenza / Attestation of competence")
    code = ImageReader(BytesIO(qr.png(text, level=qr.Level.PRINT)))
    page.drawImage(code, 25 * mm, 40 * mm, BOX, BOX)
    page.setFont("Courier", 9)
    page.drawString(25 * mm, 36 * mm, "DLE-26-0000-0000-0001-95")
    page.save()
    document = pypdfium2.PdfDocument(content.getvalue())
    try:
        scanned: Image.Image = document[0].render(scale=DPI / 72, grayscale=True).to_pil()
        return scanned.convert("L")
    finally:
        document.close()


def noise(picture: Image.Image, strength: int) -> Image.Image:
    """Grain as a sensor makes it, the mean of four even draws to a pixel; the same at every run."""
    width, height = picture.size
    seed = f"{width}x{height}".encode()
    layers = [
        Image.frombytes("L", picture.size, hashlib.shake_128(seed + bytes([draw])).digest(width * height))
        for draw in range(4)
    ]
    grain = Image.blend(Image.blend(layers[0], layers[1], 0.5), Image.blend(layers[2], layers[3], 0.5), 0.5)
    # The mean of four draws between 0 and 255 deviates by 37 from 128.
    shift = grain.point([round((level - 128) * strength / 37) + 128 for level in range(256)])
    return ImageChops.add(picture, shift, scale=1, offset=-128)


def seen(text: str, *, turned: float, blurred: float, grain: int) -> Image.Image:
    """What a scanner or a phone makes of the lower part of the page."""
    whole = paper(text)
    width, height = whole.size
    part = whole.crop((0, height * 3 // 5, width * 3 // 5, height))
    part = part.rotate(turned, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    return noise(part.filter(ImageFilter.GaussianBlur(blurred)), grain)


@pytest.mark.parametrize("reader", [zxing, zbar], ids=["zxing-cpp", "zbar"])
@pytest.mark.parametrize("text", [TEXT, LONGEST], ids=["a name of 35 letters", "a name of 75 letters"])
@pytest.mark.parametrize(
    ("turned", "blurred", "grain"),
    [
        (0, 0, 0),
        (0, 0.7, 6),
        (3, 0, 0),
        (7, 0.5, 6),
        (-12, 0.5, 6),
        (90, 0.7, 6),
        (180, 0.7, 10),
    ],
    ids=["as printed", "blurred", "askew", "askew and blurred", "far askew", "sideways", "upside down"],
)
def test_a_printed_code_is_read(text: str, reader: Reader, turned: float, blurred: float, grain: int) -> None:
    picture = seen(text, turned=turned, blurred=blurred, grain=grain)
    assert reader(picture) == [text]


def test_the_codes_are_of_the_size_that_paper_was_planned_for() -> None:
    modules = {text: qr.drawing(text, qr.Level.PRINT).size - 2 * qr.QUIET_ZONE for text in (TEXT, LONGEST)}
    assert list(modules.values()) == [69, 73]
    dots = BOX / mm / (modules[LONGEST] + 2 * qr.QUIET_ZONE) / 25.4 * 300
    assert dots >= 4, "printer's dots to a module, at 300 dpi"
