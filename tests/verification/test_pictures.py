"""Pictures come from strangers: one QR is read, and everything else is refused with its reason."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO

import pytest
import qrcode
from PIL import Image

from app.core.errors import Problem, RuleBroken, TooLarge
from app.verification.pictures import (
    MAX_BYTES,
    NoQrFound,
    PictureTooLarge,
    PictureUnreadable,
    SeveralQrFound,
    qr_text,
)

LINK = "https://sigillo.example/v/DLE-26-7K3Q-F9XM-2T5H-65"


def qr(text: str = LINK) -> Image.Image:
    code = qrcode.QRCode(box_size=6, border=4)
    code.add_data(text)
    made = code.make_image().get_image()
    assert isinstance(made, Image.Image)
    return made.convert("L")


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def beside(*images: Image.Image) -> Image.Image:
    sheet = Image.new("L", (sum(i.width for i in images), max(i.height for i in images)), 255)
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width
    return sheet


def black_on_nothing() -> Image.Image:
    code = qr()
    clear = Image.new("RGBA", code.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=code.point(lambda shade: 255 - shade))
    return clear


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_the_text_of_a_qr_is_read(kind: str, mode: str) -> None:
    assert qr_text(saved(qr().convert(mode), kind)) == LINK


@pytest.mark.parametrize(
    "image",
    [
        qr().rotate(90),
        qr().rotate(7, expand=True, fillcolor=255),
        qr().convert("P"),
        qr().convert("LA"),
        black_on_nothing(),
        beside(qr(), qr()),
    ],
    ids=["sideways", "tilted", "palette", "grey with alpha", "black on nothing", "the same one twice"],
)
def test_a_qr_is_read_however_it_was_drawn(image: Image.Image) -> None:
    assert qr_text(saved(image)) == LINK


def test_two_different_codes_are_not_guessed_between() -> None:
    with pytest.raises(SeveralQrFound) as refused:
        qr_text(saved(beside(qr(), qr(LINK + "?other"))))
    assert isinstance(refused.value, RuleBroken)
    assert refused.value.facts == {"found": 2}


def test_a_picture_without_a_code_says_so() -> None:
    with pytest.raises(NoQrFound):
        qr_text(saved(Image.new("L", (200, 200), 255)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        saved(qr().convert("RGB"), "GIF"),
        saved(qr().convert("RGB"), "BMP"),
        saved(qr().convert("RGB"), "TIFF"),
        saved(qr())[:60],
        saved(qr().convert("RGB"), "JPEG")[:200],
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_whole_png_or_jpeg_is_refused(content: bytes) -> None:
    with pytest.raises(PictureUnreadable) as refused:
        qr_text(content)
    assert isinstance(refused.value, RuleBroken)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> bytes:
    """A small file that claims to unpack into a very large picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [5_001, 12_000, 65_000, 2**31 - 1])
def test_a_small_file_cannot_claim_a_large_picture(side: int) -> None:
    with pytest.raises(TooLarge):
        qr_text(bomb(side, side))


def test_a_large_file_is_refused_unread() -> None:
    with pytest.raises(PictureTooLarge):
        qr_text(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_damage_never_does_worse_than_a_clear_refusal(kind: str) -> None:
    whole = saved(qr("short").resize((87, 87)), kind)
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            with suppress(Problem):
                assert qr_text(damaged) == "short"
