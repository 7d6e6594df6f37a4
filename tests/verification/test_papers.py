"""The QR on the pages of a PDF: one is read, several are asked about, and nothing a PDF does reaches us."""

import io
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
import qrcode
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.core.errors import Problem
from app.main import create_app
from app.ports import Ports
from app.verification import leafing, papers
from app.verification.papers import PaperUnreadable
from app.verification.pictures import MAX_BYTES, NoQrFound, PictureTooLarge, SeveralQrFound
from tests import make
from tests.calling import Caller
from tests.verification.issued import Issued

A4 = (595, 842)


def pdf(*pages: str | None, size: tuple[float, float] = A4, password: str | None = None) -> bytes:
    """A page for each text, with its QR of 38 mm."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size, encrypt=password)
    for text in pages:
        canvas.drawString(20, 20, "Attestato")
        if text is not None:
            picture = io.BytesIO()
            qrcode.make(text).save(picture)
            canvas.drawImage(ImageReader(picture), 100, 100, 108, 108)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def raw(stream: bytes, mediabox: str = "0 0 595 842", kids: str = "[3 0 R]") -> bytes:
    """A PDF by hand, with a page that says what a library would not write."""
    return (
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 1/Kids " + kids.encode() + b">>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[" + mediabox.encode() + b"]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length "
        + str(len(stream)).encode()
        + b"/Filter/FlateDecode>>stream\n"
        + stream
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )


def test_the_qr_on_a_page_is_read_wherever_it_stands() -> None:
    assert papers.qr_text(pdf("a.b.c")) == "a.b.c"
    assert papers.qr_text(pdf(None, None, "a.b.c", None)) == "a.b.c"
    assert papers.qr_text(pdf("a.b.c", "a.b.c")) == "a.b.c"


def test_of_several_nobody_guesses_which_one_is_meant() -> None:
    with pytest.raises(SeveralQrFound) as several:
        papers.qr_text(pdf("a.b.c", None, "d.e.f"))
    assert several.value.facts == {"found": 2}


def test_without_any_that_is_said() -> None:
    with pytest.raises(NoQrFound):
        papers.qr_text(pdf(None))


@pytest.mark.parametrize(
    "paper",
    [
        b"%PDF-1.7",
        b"%PDF-1.7\n" + b"\0" * 10_000,
        pdf("a.b.c")[:600],
        pdf("a.b.c", password="secret"),
        pdf(*[None] * 21),
        raw(b"not deflated"),
        raw(zlib.compress(b"0 0 m 9 9 l S\n" * 20_000_000, 9)),
        raw(zlib.compress(b"q " * 3_000_000), mediabox="0 0 1e30 1e30"),
        raw(zlib.compress(b""), mediabox="0 0 0 0"),
        raw(zlib.compress(b""), mediabox="0 0 1 1e9"),
        raw(zlib.compress(b""), mediabox="[[[[[[" * 2000),
        raw(zlib.compress(b""), kids="[2 0 R 2 0 R]"),
    ],
    ids=[
        "head",
        "zeros",
        "cut",
        "locked",
        "long",
        "torn",
        "bomb",
        "vast",
        "nothing",
        "strip",
        "deep",
        "round",
    ],
)
def test_a_hostile_pdf_is_a_problem_in_words(paper: bytes) -> None:
    with pytest.raises(Problem) as refused:
        papers.qr_text(paper)
    assert isinstance(refused.value, PaperUnreadable | NoQrFound)


def test_what_is_too_large_is_not_opened() -> None:
    with pytest.raises(PictureTooLarge):
        papers.qr_text(papers.PDF + b"\0" * MAX_BYTES)


def test_a_pdf_is_sent_like_any_file(stranger: Caller, credential: Issued) -> None:
    paper = pdf(f"https://sigillo.example.org/v/{credential.number}")
    for sent in (
        {"files": {"file": ("attestato.pdf", paper, "application/pdf")}},
        {"content": paper, "headers": {"Content-Type": "application/pdf"}},
    ):
        assert stranger.post("/v1/verifications", **sent).json()["result"] == "valid"


def test_a_pdf_of_many_strokes_is_given_up_before_it_is_drawn() -> None:
    strokes = b"".join(b"0 0 m %d %d l S\n" % (n % 600, n % 800) for n in range(60_000))
    with pytest.raises(PaperUnreadable):
        papers.qr_text(raw(zlib.compress(strokes, 9)))


def test_whoever_reads_a_pdf_can_open_no_file() -> None:
    said = subprocess.run(
        [sys.executable, "-I", "-c", CONFINED, leafing.__file__],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={},
        check=True,
    ).stdout.split()
    assert said == ["OSError", str(leafing.IDLE)]


CONFINED = """
import os, runpy, sys
runpy.run_path(sys.argv[1])["_confine"]()
try:
    os.open("/dev/null", os.O_RDONLY)
except OSError as refused:
    print(type(refused).__name__)
print(os.nice(0))
"""


def test_a_pdf_counts_as_ten_look_ups(live: Ports, credential: Issued) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 60}))
    caller = make.caller(create_app(slow))
    paper = {
        "files": {
            "file": ("a.pdf", pdf(f"https://sigillo.example.org/v/{credential.number}"), "application/pdf")
        }
    }
    assert caller.post("/v1/verifications", **paper).status_code == 200
    assert caller.post("/v1/verifications", **paper).status_code == 429
