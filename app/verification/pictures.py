"""The text of a QR in a picture that a stranger sent: small, bounded and believed in nothing."""

import struct
import zlib
from io import BytesIO
from typing import Final

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from app.core.errors import RuleBroken, TooLarge

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
ENOUGH_PIXELS_ACROSS: Final = 4_000
PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
# What Pillow's two readers raise on damaged or hostile files.
UNREADABLE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)


class PictureUnreadable(RuleBroken):
    """It is no PNG or JPEG, or a damaged one."""

    code = "picture-unreadable"
    title = "The picture cannot be read"


class PictureTooLarge(TooLarge):
    """It would take more memory or time than a question is worth."""

    code = "picture-too-large"
    title = "The picture is too large"


class NoQrFound(RuleBroken):
    """Nobody can read a QR in it."""

    code = "no-qr-found"
    title = "No QR code was found in the picture"


class SeveralQrFound(RuleBroken):
    """Which of them is meant is not ours to guess."""

    code = "several-qr-found"
    title = "Several QR codes were found in the picture"


def qr_text(picture: bytes) -> str:
    """Read the one QR of a PNG or JPEG.

    Size is judged before a pixel is unpacked, so a small file cannot claim much memory, and only
    the two named readers ever see the bytes: the first ones decide, never a name or a header.
    """
    import zxingcpp  # two megabytes, which a process takes with its first picture

    if len(picture) > MAX_BYTES:
        raise PictureTooLarge("Send a picture of at most 10 MB.", limit_bytes=MAX_BYTES)
    try:
        grey = _greyscale(_opened(picture))
    except UNREADABLE as broken:
        raise PictureUnreadable("The picture is damaged. Send a whole PNG or JPEG.") from broken
    found = zxingcpp.read_barcodes(
        grey,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        text_mode=zxingcpp.TextMode.Plain,
    )
    texts = {code.text for code in found if code.valid and code.text}
    if not texts:
        raise NoQrFound("Send a sharp picture in which the whole QR code can be seen, with its white margin.")
    if len(texts) > 1:
        raise SeveralQrFound("Send a picture of one QR code alone.", found=len(texts))
    return texts.pop()


def _opened(picture: bytes) -> ImageFile:
    """Open by the first bytes, reading no more than the header."""
    image: ImageFile
    if picture.startswith(PNG):
        image = PngImageFile(BytesIO(picture))
    elif picture.startswith(JPEG):
        image = JpegImageFile(BytesIO(picture))
    else:
        raise PictureUnreadable("Send the picture as PNG or JPEG.")
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureTooLarge("Send a picture of at most 25 megapixels.", limit_pixels=MAX_PIXELS)
    return image


def _greyscale(image: ImageFile) -> Image.Image:
    """Flatten to shades of grey on white, since the dark of a QR may stand on nothing at all."""
    image.draft("L", (ENOUGH_PIXELS_ACROSS, ENOUGH_PIXELS_ACROSS))
    image.load()
    if not image.has_transparency_data:
        return image.convert("L")
    layered = image.convert("LA" if image.mode in {"1", "L", "LA"} else "RGBA")
    white = Image.new("L", layered.size, "white")
    white.paste(layered.convert("L"), mask=layered.getchannel("A"))
    return white
