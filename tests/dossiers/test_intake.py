import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from app.dossiers import inspection, intake
from app.dossiers.errors import EvidenceFieldsWrong, FileRefused, FileTooLarge
from app.dossiers.intake import Offered, harmless_name, read_fields, recognise
from app.schemes.catalogue import catalogue

RULES = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0").files
SAMPLES = Path(intake.__file__).parents[1] / "samples" / "dossiers"
MEDIA = {extension: one.media_type for one in RULES.types for extension in one.extensions}


def pdf(change: Callable[[pikepdf.Pdf], object] = bool, **saved: object) -> bytes:
    with pikepdf.new() as made:
        made.add_blank_page()
        change(made)
        written = io.BytesIO()
        made.save(written, **saved)  # type: ignore[arg-type] # whatever pikepdf takes
        return written.getvalue()


def picture(form: str, size: tuple[int, int] = (40, 30)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(written, form)
    return written.getvalue()


def archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as made:
        made.writestr("run.sh", "echo")
    return written.getvalue()


def refusal(name: str, content: bytes, media_type: str | None = None) -> object:
    """Why a file is refused, or None if it is taken in."""
    declared = media_type if media_type is not None else MEDIA.get(name.rpartition(".")[2], "")
    try:
        recognise(Offered(name, declared, io.BytesIO(content)), RULES)
    except FileRefused as refused:
        return refused.facts["reason"]
    return None


@pytest.mark.parametrize(
    "path", sorted(path for path in SAMPLES.glob("*/*") if path.suffix != ".yaml"), ids=lambda path: path.name
)
def test_the_files_of_the_sample_dossiers_are_taken_in(path: Path) -> None:
    assert refusal(path.name, path.read_bytes()) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", pdf()),
        ("A.PDF", pdf()),
        ("a.png", picture("PNG")),
        ("a.jpg", picture("JPEG")),
        ("a.jpeg", picture("JPEG")),
        ("a.md", b"# Prova <b>forte</b>\n\n```html\n<script>\n```\n"),
        ("a.md", "\ufeff# Prova\n".encode()),
        ("a.csv", b'giorno,nota\n2026-11-20,"si, certo"\n'),
        ("a.csv", b'giorno;nota\n2026-11-20;"si; certo"\n'),
    ],
)
def test_files_that_are_what_they_say_are_taken_in(name: str, content: bytes) -> None:
    assert refusal(name, content, MEDIA[name.lower().rpartition(".")[2]]) is None


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.md", "application/octet-stream"), ("a.md", "text/plain; charset=utf-8"), ("a.csv", "text/plain")],
)
def test_a_text_may_be_declared_as_tools_do_that_know_no_better(name: str, media_type: str) -> None:
    assert refusal(name, b"a,b\n1,2\n", media_type) is None


@pytest.mark.parametrize(
    ("name", "content", "media_type", "reason"),
    [
        pytest.param("a.exe", pdf(), "application/pdf", "type", id="an extension that is not taken"),
        pytest.param("a", pdf(), "application/pdf", "type", id="no extension"),
        pytest.param(".pdf", pdf(), "application/pdf", "type", id="nothing but an extension"),
        pytest.param("a.pdf.html", pdf(), "application/pdf", "type", id="the last extension counts"),
        pytest.param("a.svg", b"<svg/>", "image/svg+xml", "type", id="a drawing that can run scripts"),
        pytest.param("a.pdf", pdf(), "image/png", "declared", id="declared as something else"),
        pytest.param("a.pdf", pdf(), "application/octet-stream", "declared", id="declared as anything"),
        pytest.param("a.pdf", pdf(), "", "declared", id="not declared"),
        pytest.param("a.pdf", b"", "application/pdf", "empty", id="empty"),
        pytest.param("a.pdf", picture("PNG"), "application/pdf", "content", id="a picture called PDF"),
        pytest.param("a.png", picture("JPEG"), "image/png", "content", id="JPEG called PNG"),
        pytest.param("a.jpg", picture("PNG"), "image/jpeg", "content", id="PNG called JPEG"),
        pytest.param("a.png", pdf(), "image/png", "content", id="PDF called PNG"),
        pytest.param("a.md", pdf(), "text/markdown", "content", id="PDF called text"),
        pytest.param("a.md", b"\n %PDF-1.7 x", "text/markdown", "content", id="PDF after a line"),
        pytest.param("a.md", archive(), "text/markdown", "content", id="an archive called text"),
        pytest.param("a.md", b"a\x00b", "text/markdown", "content", id="a NUL in a text"),
        pytest.param("a.md", b"a\x1b[31mb", "text/markdown", "content", id="an escape in a text"),
        pytest.param("a.md", b"caff\xe8", "text/markdown", "content", id="a text that is not UTF-8"),
        pytest.param("a.md", "testo".encode("utf-16"), "text/markdown", "content", id="UTF-16"),
        pytest.param("a.md", b" <!DOCTYPE html><p>", "text/markdown", "content", id="a page called text"),
        pytest.param(
            "a.md", b"<!-- x --><script>", "text/markdown", "content", id="a script after a comment"
        ),
        pytest.param(
            "a.md", b"\xef\xbb\xbf<svg onload=x>", "text/markdown", "content", id="a drawing as text"
        ),
        pytest.param("a.md", b"#!/bin/sh\n", "text/markdown", "content", id="a program"),
        pytest.param("a.csv", b'a,"b\n1,2', "text/csv", "content", id="a table with an open quote"),
        pytest.param("a.csv", b"\n\n", "text/csv", "empty", id="a table without rows"),
        pytest.param("a.pdf", b"%PDF-1.7\nciao\n%%EOF\n", "application/pdf", "damaged", id="a PDF in name"),
        pytest.param("a.pdf", b"\n" + pdf(), "application/pdf", "content", id="a PDF after a line"),
        pytest.param("a.pdf", pdf()[:-200], "application/pdf", "trailing", id="half a PDF"),
        pytest.param("a.pdf", pdf() + archive(), "application/pdf", "trailing", id="PDF and archive"),
        pytest.param("a.pdf", pdf() + b"<script>", "application/pdf", "trailing", id="PDF and page"),
        pytest.param("a.png", picture("PNG") + archive(), "image/png", "trailing", id="PNG and archive"),
        pytest.param("a.png", picture("PNG") + b"<?php", "image/png", "trailing", id="PNG and program"),
        pytest.param("a.png", picture("PNG")[:-20], "image/png", "damaged", id="half a PNG"),
        pytest.param("a.jpg", picture("JPEG") + archive(), "image/jpeg", "trailing", id="JPEG and archive"),
        pytest.param("a.jpg", picture("JPEG", (400, 300))[:700], "image/jpeg", "damaged", id="half a JPEG"),
        pytest.param("a.jpg", b"\xff\xd8\xff" + b"a" * 99, "image/jpeg", "damaged", id="a JPEG in name"),
    ],
)
def test_files_that_are_not_what_they_say_are_refused(
    name: str, content: bytes, media_type: str, reason: str
) -> None:
    assert refusal(name, content, media_type) == reason


def script(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def launch(pdf: pikepdf.Pdf) -> None:
    action = Dictionary(S=Name.Launch, F=String("calc.exe"))
    pdf.pages[0].Annots = Array([Dictionary(Type=Name.Annot, Subtype=Name.Link, A=action)])


def named_script(pdf: pikepdf.Pdf) -> None:
    code = Dictionary(S=Name.JavaScript, JS=String("1"))
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("a"), code])))


def attached(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["a.exe"] = b"MZ"


def form(pdf: pikepdf.Pdf) -> None:
    action = Dictionary(S=Name.SubmitForm, F=String("https://example.org"))
    pdf.Root.AA = Dictionary(WC=action)


@pytest.mark.parametrize(
    "change", [script, launch, named_script, attached, form], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_pdf_that_does_something_is_refused(change: Callable[[pikepdf.Pdf], None], *, packed: bool) -> None:
    mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable

    assert refusal("a.pdf", pdf(change, object_stream_mode=mode)) == "active"


def test_a_pdf_that_opens_at_a_page_is_taken_in() -> None:
    def at_first_page(made: pikepdf.Pdf) -> None:
        made.Root.OpenAction = Array([made.pages[0].obj, Name.Fit])

    assert refusal("a.pdf", pdf(at_first_page)) is None


@pytest.mark.parametrize("user", ["", "segreto"], ids=["opens without", "asks for one"])
def test_a_pdf_under_a_password_is_refused(user: str) -> None:
    locked = pdf(encryption=pikepdf.Encryption(owner="padrone", user=user))

    assert refusal("a.pdf", locked) == "encrypted"


def test_a_pdf_has_pages_and_no_more_than_anyone_reads() -> None:
    def many(made: pikepdf.Pdf) -> None:
        for _ in range(inspection.MOST_PAGES):
            made.add_blank_page()

    assert refusal("a.pdf", pdf(lambda made: made.pages.remove(p=1))) == "length"
    assert refusal("a.pdf", pdf(many)) == "length"


@pytest.mark.parametrize("called", [b"ObjStm", b"Nothing"], ids=["an object stream", "under another name"])
def test_a_pdf_that_unpacks_to_more_than_we_hold_is_refused(called: bytes) -> None:
    # What does not unpack here may unpack elsewhere, so it must not pass for empty.
    assert refusal("a.pdf", bomb(100, called)) == "damaged"


def bomb(megabytes: int, called: bytes) -> bytes:
    """A few kilobytes that unpack to more than anyone asked for, in an object stream packed twice."""
    packing = zlib.compressobj(9)
    once = packing.compress(b"1 0 <</A 1>>")
    once += b"".join(packing.compress(b" " * 1_000_000) for _ in range(megabytes)) + packing.flush()
    twice = zlib.compress(once, 9)
    written, places = bytearray(b"%PDF-1.5\n"), {}
    length = len(twice)
    for number, body in (
        (2, b"<</Type/Pages/Count 1/Kids[5 0 R]>>"),
        (3, b"<</Type/Catalog/Pages 2 0 R/X 1 0 R>>"),
        (
            4,
            b"<</Type/%s/N 1/First 4/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%s\nendstream"
            % (called, length, twice),
        ),
        (5, b"<</Type/Page/Parent 2 0 R/Resources<<>>/MediaBox[0 0 9 9]>>"),
    ):
        places[number] = len(written)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    places[6] = len(written)
    rows = b"".join(
        struct.pack(">BIB", *{0: (0, 0, 0), 1: (2, 4, 0)}.get(number, (1, places.get(number, 0), 0)))
        for number in range(7)
    )
    written += b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 1]/Root 3 0 R/Length %d>>stream\n" % len(rows)
    written += rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % places[6]
    return bytes(written)


def test_a_picture_of_more_pixels_than_anyone_needs_is_refused_before_it_is_unpacked() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    def declared(width: int, height: int) -> bytes:
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")

    assert refusal("a.png", declared(8_000, 8_000)) == "pixels"
    assert refusal("a.png", declared(60_000, 60_000)) == "pixels"


def test_a_file_is_measured_before_anything_of_it_is_read() -> None:
    too_long = io.BytesIO(b"a" * (RULES.max_bytes + 1))

    with pytest.raises(FileTooLarge):
        recognise(Offered("a.md", "text/markdown", too_long), RULES)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("cv.pdf", "cv.pdf"),
        ("../../etc/passwd.md", "passwd.md"),
        ("C:\\Users\\elena\\cv.md", "cv.md"),
        ("a/b\\c.md", "c.md"),
        ("cv\u202efdp.exe", "cvfdp.exe"),
        ("a\u200bb\u2066c.md", "abc.md"),
        ("a\x00b\r\nc\td.md", "abcd.md"),
        ("a\ud800b.md", "ab.md"),
        ("  . .cv.pdf. ", "cv.pdf"),
        ("e\u0300.md", "è.md"),
        ("東京.md", "東京.md"),
        ("a" * 400 + ".md", "a" * 252 + ".md"),
        ("a" * 400, "a" * 255),
        ("a." + "b" * 400, "a." + "b" * 253),
        ("..", ""),
        ("", ""),
    ],
)
def test_of_a_name_is_kept_what_can_be_shown(sent: str, kept: str) -> None:
    assert harmless_name(sent) == kept


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param("null", id="null"),
        pytest.param('"a"', id="a text"),
        pytest.param('{"a": 1} x', id="more behind it"),
        pytest.param('{"title": "a", "title": "b"}', id="a name twice"),
        pytest.param('{"title": ["a"]}', id="a list inside"),
        pytest.param('{"title": {"a": 1}}', id="an object inside"),
        pytest.param('{"hours": NaN}', id="no number"),
        pytest.param('{"hours": Infinity}', id="infinity"),
        pytest.param('{"hours": 1e999}', id="a number without end"),
        pytest.param('{"hours": %s}' % ("9" * 5000), id="a number of many digits"),
        pytest.param('{"hours": 123456789012345678}', id="a number that readers round"),
        pytest.param('{"title": "a\\u0000b"}', id="a NUL"),
        pytest.param('{"title": "a\\u001bb"}', id="an escape"),
        pytest.param('{"title": "a\\ud800b"}', id="half a character"),
        pytest.param('{"ti\\u0000tle": "a"}', id="a NUL in a name"),
        pytest.param('{"\\udc00": "a"}', id="half a character in a name"),
        pytest.param('{"title": "%s"}' % ("a" * 20_000), id="too long"),
        pytest.param("[" * 15_000, id="depth without end"),
        pytest.param('{"a":' * 3_000, id="objects without end"),
    ],
)
def test_fields_are_one_flat_object_of_what_can_be_kept(text: str) -> None:
    with pytest.raises(EvidenceFieldsWrong):
        read_fields(text)


def test_fields_are_read_as_they_were_written() -> None:
    text = '{"title": "Più di così\\n✓", "hours": 12.5, "eqf_level": 7, "done": true, "to": null}'

    assert read_fields(text) == {
        "title": "Più di così\n✓",
        "hours": 12.5,
        "eqf_level": 7,
        "done": True,
        "to": None,
    }


def test_a_text_of_nothing_but_comments_is_read_once_from_end_to_end() -> None:
    comments = b"<!---->" * 5000

    assert refusal("a.md", comments + b"testo") is None
    assert refusal("a.md", comments + b"<!--") is None
    assert refusal("a.md", comments + b"<script>") == "content"
