"""The QR of a page as one path of an inline drawing."""

from functools import lru_cache

from app.formats.qr import Drawing, drawing


@lru_cache(maxsize=512)
def qr_drawing(text: str) -> Drawing:
    """Draw a text as a QR at level M, which a screen does not make dirty; pages ask for the same again."""
    return drawing(text)
