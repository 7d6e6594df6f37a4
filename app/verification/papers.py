"""The text of a QR on the pages of a PDF that a stranger sent; whatever is parsed is parsed elsewhere."""

import json
import logging
import subprocess
import sys
from typing import Final

from app.core.errors import RuleBroken
from app.verification import leafing
from app.verification.pictures import MAX_BYTES, NoQrFound, PictureTooLarge, SeveralQrFound

PDF: Final = b"%PDF-"
WAIT: Final = 20  # seconds: it has three of them, and lets everybody else go first
_LONGEST_ANSWER: Final = 100_000

log: Final = logging.getLogger("sigillo.papers")


class PaperUnreadable(RuleBroken):
    """It is a damaged PDF, an encrypted one, or one that is costlier to read than a question is worth."""

    code = "pdf-unreadable"
    title = "The PDF cannot be read"


def qr_text(paper: bytes) -> str:
    """Read the one QR on the pages of a PDF; the same one may stand on several."""
    if len(paper) > MAX_BYTES:
        raise PictureTooLarge("Send a PDF of at most 10 MB.", limit_bytes=MAX_BYTES)
    texts = _leafed_through(paper)
    if texts == leafing.TOO_LONG:
        raise PaperUnreadable(f"Send only the page with the QR code: at most {leafing.MOST_PAGES} are read.")
    if not isinstance(texts, list):
        raise PaperUnreadable("The PDF is damaged, encrypted or too much to read. Send a plain one.")
    if not texts:
        raise NoQrFound("Send a PDF on which the whole QR code can be seen, with its white margin.")
    if len(texts) > 1:
        raise SeveralQrFound("Send the page of one credential alone.", found=len(texts))
    return str(texts[0])


def _leafed_through(paper: bytes) -> object:
    """Have another process read, which has none of our secrets in its memory and can be stopped."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", leafing.__file__],
            input=paper,
            capture_output=True,
            timeout=WAIT,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return leafing.UNREADABLE
    if done.returncode == 0 and len(done.stdout) <= _LONGEST_ANSWER:
        return json.loads(done.stdout)
    # Killed for what it used, or fallen over what it read: either way not for us, and worth a look.
    log.warning("leafing.fell", extra={"status": done.returncode})
    return leafing.UNREADABLE
