"""The mark that a body supplies: shapes or a PNG, and nothing that could do more than be seen."""

import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.attestation import marks
from app.attestation.marks import MAX_BYTES, Mark, MarkRefused, mark_of
from app.attestation.sheet import as_pdf, as_pngs
from tests.attestation.pages import sheet

SHAPES = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><path fill="#00f" d="M0 0h40v20H0z"/></svg>'
)


def png(size: tuple[int, int] = (60, 30)) -> bytes:
    content = BytesIO()
    Image.new("RGB", size, (0, 0, 255)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("content", [SHAPES, png()], ids=["SVG", "PNG"])
def test_a_mark_stands_on_the_page_in_its_proportions(content: bytes) -> None:
    mark = Mark.read(content)
    assert mark.ratio == 2
    with Image.open(BytesIO(as_pngs(sheet(mark=mark))["it"])) as picture:
        assert picture.getpixel((140, 170)) == (0, 0, 255, 255)
        assert picture.getpixel((340, 170)) == (0, 0, 255, 255)
    assert as_pdf(sheet(mark=mark)) != as_pdf(sheet())


@pytest.mark.parametrize("ratio", [(2, 40), (40, 2)], ids=["high", "long"])
def test_a_mark_of_any_sensible_form_has_its_place(ratio: tuple[int, int]) -> None:
    assert as_pdf(sheet(mark=Mark.read(png(ratio))))


def within(inner: str, attributes: str = 'viewBox="0 0 9 9"') -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inner}</svg>'.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        png()[:60],
        png((4001, 1)),
        png((1000, 40)),
        within("<script>alert(1)</script>"),
        within('<image href="file:///etc/passwd"/>'),
        within('<image href="https://example.org/x.png"/>'),
        within("<foreignObject/>"),
        within("<text>A</text>"),
        within('<filter id="f"/>'),
        within('<g id="a"/><use href="#a"/>'),
        within('<path onload="x()"/>'),
        within('<linearGradient href="/etc/passwd"/>'),
        within('<linearGradient xlink:href="https://example.org"/>'),
        within(
            '<linearGradient x:href="https://example.org"/>',
            'viewBox="0 0 9 9" xmlns:x="http://www.w3.org/1999/xlink"',
        ),
        within('<path stroke-dasharray=".001" d="M0 0h9"/>'),
        within('<path style="stroke-DASHARRAY:.001" d="M0 0h9"/>'),
        within("<style>path{stroke-dash&#97;rray:.001}</style>"),
        within("<style>path{stroke-\\64 asharray:.001}</style>"),
        within("<style>path<g/>{stroke-dasharray:.001}</style>"),
        within('<path d="M0 0h9v9z"/>').replace(b"http://www.w3.org/2000/svg", b"https://example.org"),
        within("", ""),
        within("", 'viewBox="0 0 9 0"'),
        within("", 'viewBox="0 0 9"'),
        within("", 'viewBox="0 0 nan 1"'),
        within("", 'viewBox="0 0 900 1"'),
        b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SHAPES,
        b"<html/>",
        b"<path/>",
        SHAPES[:-3],
        b"\xff" + SHAPES,
        SHAPES + b" " * MAX_BYTES,
    ],
)
def test_whatever_is_more_or_less_than_a_mark_is_refused(content: bytes) -> None:
    with pytest.raises(MarkRefused):
        Mark.read(content)


@pytest.mark.parametrize(
    "inner", ["<g>" * 33 + "</g>" * 33, "<path/>" * 1001], ids=["a deep nest", "a heap of shapes"]
)
def test_a_picture_without_measure_is_refused(inner: str) -> None:
    with pytest.raises(MarkRefused, match="more than"):
        Mark.read(within(inner))


@pytest.mark.parametrize(
    "inner",
    [
        "<style>"
        + ("* " * 40 + "rect{fill:red}") * 2000
        + "</style>"
        + "<g>" * 30
        + "<rect/>" * 900
        + "</g>" * 30,
        '<path d="M0 0'
        + " c1e9 1e9 -1e9 1e9 5 5" * 10_000
        + '" stroke="red" fill="none" stroke-width="1e5"/>',
    ],
    ids=["styles of styles", "numbers beyond the page"],
)
def test_a_picture_that_would_be_drawn_for_ever_is_refused_in_a_moment(
    monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    # A moment is one of the processor: on a machine that has much to do it may take longer by the clock.
    monkeypatch.setattr(marks, "_WAIT", 600.0)
    with pytest.raises(MarkRefused, match="in a moment"):
        Mark.read(within(inner))


def test_a_picture_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    content = within('<rect width="9" height="8"/><style>rect{fill:red}</style>')
    assert Mark.read(content).ratio == 1
    monkeypatch.setattr(sys, "executable", "/nowhere")
    assert Mark.read(content).ratio == 1


@pytest.mark.parametrize(
    "inner",
    [
        '<path transform="scale(1e6)" d="M0 0h9v9z"/><circle r="1e9" stroke="#000" stroke-width="1e-3"/>',
        '<clipPath id="a" clip-path="url(#a)"><path d="M0 0h9v9z"/></clipPath><g clip-path="url(#a)"/>',
        '<linearGradient id="a" href="#a"/><path fill="url(#a)" d="M0 0h9v9z"/>',
        "<style>@import url(https://example.org/x.css); path{fill:url(file:///etc/passwd)}</style><path/>",
        '<path d="M0 0h9v9z' + "M" * 9000 + '"/>',
        '<path d="M-1e308 1e308h1e308" transform="scale(1e300)" stroke="#000"/>',
    ],
    ids=[
        "beyond what its painter can do",
        "a clip of itself",
        "a gradient of itself",
        "a style from elsewhere",
        "no path",
        "beyond all numbers",
    ],
)
def test_a_picture_that_makes_no_sense_is_drawn_or_refused(inner: str) -> None:
    with suppress(MarkRefused):
        page = sheet(mark=Mark.read(within(inner)))
        assert as_pdf(page)
        assert as_pngs(page)


def test_a_mark_is_found_by_its_body(tmp_path: Path) -> None:
    (tmp_path / "org_1.svg").write_bytes(SHAPES)
    (tmp_path / "org_2.png").write_bytes(png())
    first, second = mark_of(tmp_path, "org_1"), mark_of(tmp_path, "org_2")
    assert first == Mark.read(SHAPES)
    assert second == Mark.read(png())
    assert mark_of(tmp_path, "org_3") is None
    assert mark_of(None, "org_1") is None


def test_a_mark_that_is_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "org_1.svg").mkdir()
    assert mark_of(tmp_path, "org_1") is None
