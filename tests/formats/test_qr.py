import re
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
import resvg_py
import zxingcpp
from PIL import Image

from app.formats.qr import QUIET_ZONE, Level, png, svg

ADDRESS = "https://seal.example.org/v/DLE-26-7K3Q-F9XM-2T5H-65"
TEXTS = [
    ADDRESS,
    "http://localhost:8000/v/DLE-26-0000-0000-0001-95",
    f"https://seal.example.org/v#{'1' * 450}",
    "A",
]


def read(picture: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(
        Image.open(BytesIO(picture)).convert("L"),
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
    )
    return str(found.text)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:40])
def test_another_library_reads_the_picture(text: str, level: Level) -> None:
    assert read(png(text, level=level)) == text


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:40])
def test_another_library_reads_the_drawing_as_yet_another_renders_it(text: str, level: Level) -> None:
    rendered = bytes(resvg_py.svg_to_bytes(svg_string=svg(text, level=level), width=600))
    assert read(rendered) == text


def test_the_drawing_stands_on_its_own() -> None:
    drawing = svg(ADDRESS, title="Verifica <&> verify")
    root = ET.fromstring(drawing)  # noqa: S314 -- our own drawing
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "Verifica <&> verify"
    assert not re.search(r"href|<style|<script|<image|url\(", drawing)
    assert 'fill="#fff"' in drawing


def test_the_margin_is_as_wide_as_the_standard_asks() -> None:
    picture = Image.open(BytesIO(png(ADDRESS, scale=1))).convert("L")
    side = picture.width
    inner = picture.crop((QUIET_ZONE, QUIET_ZONE, side - QUIET_ZONE, side - QUIET_ZONE))
    assert inner.getpixel((0, 0)) == 0
    margin = picture.copy()
    margin.paste(255, (QUIET_ZONE, QUIET_ZONE, side - QUIET_ZONE, side - QUIET_ZONE))
    assert margin.getextrema() == (255, 255)


def test_paper_takes_more_dirt_than_a_screen_has() -> None:
    """At level Q a quarter may be lost, at level M less; the blot lies where no finder pattern is."""
    for level, survives in ((Level.PRINT, True), (Level.SCREEN, False)):
        picture = Image.open(BytesIO(png(ADDRESS, level=level))).convert("L")
        side = picture.width
        picture.paste(255, (side * 62 // 100, side * 52 // 100, side * 88 // 100, side * 74 // 100))
        assert (
            bool(
                zxingcpp.read_barcodes(
                    picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
                )
            )
            is survives
        )


def test_the_same_text_is_drawn_alike_every_time() -> None:
    assert svg(ADDRESS) == svg(ADDRESS)
    assert png(ADDRESS) == png(ADDRESS)
