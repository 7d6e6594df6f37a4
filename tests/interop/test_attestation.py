"""The attestation before strangers: veraPDF reads the file, and two readers of QR codes read the paper."""

import os
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from app.attestation.marks import Mark
from app.attestation.sheet import as_pdf, as_pngs
from app.core.labels import Labels, Language
from tests.attestation.pages import HOST, LONG, SHORT, drawn, sheet
from tests.interop.accessible import NotThere, judged
from tests.interop.test_qr_on_paper import Reader, zbar, zxing

MARK: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><style>.a{fill:#174a7c}</style>'
    b'<circle class="a" cx="32" cy="32" r="30"/><path fill="#fff" d="M20 44l12-26 12 26z"/></svg>'
)
NAMES: Final = {"5 letters": SHORT, "70 letters": LONG}
READERS: Final = pytest.mark.parametrize("reader", [zxing, zbar], ids=["zxing-cpp", "zbar"])
EACH_NAME: Final = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


def untagged() -> bytes:
    content = BytesIO()
    page = Canvas(content, invariant=1)
    page.drawString(72, 72, "Attestato")
    page.save()
    return content.getvalue()


def test_vera_pdf_finds_nothing_amiss_under_pdf_ua_1(tmp_path: Path) -> None:
    profile = Labels(it="Ingegnere dell'apprendimento profondo", en="Deep Learning Engineer")
    mark = Mark.read(MARK)
    trial = sheet(LONG, test=True, clock_offset="P30D", mark=mark, profile=profile)
    pages = {
        "short.pdf": as_pdf(sheet(SHORT)),
        "long.pdf": as_pdf(sheet(LONG, qualified=True)),
        "trial.pdf": as_pdf(trial),
        "right-to-left.pdf": as_pdf(sheet("שרה כהן محمد الأحمد")),
        "hostile.pdf": as_pdf(sheet('#import "x": * ]$ *_')),
        "no-code.pdf": as_pdf(sheet(link=f"{HOST}/v/DLE-26-0000-0000-0001-95")),
    }
    try:
        verdicts = judged({**pages, "untagged.pdf": untagged()}, tmp_path)
    except NotThere as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(f"veraPDF was not asked: {missing}")
    assert not verdicts.pop("untagged.pdf").accessible, "a judge who finds fault with nothing"
    assert {name: verdict.failures for name, verdict in verdicts.items() if not verdict.accessible} == {}
    assert {verdict.failed for verdict in verdicts.values()} == {0}
    assert min(verdict.checks for verdict in verdicts.values()) > 1000


@READERS
@EACH_NAME
@pytest.mark.parametrize("dpi", [150, 200, 300, 600])
def test_the_code_on_a_printed_page_is_read(name: str, reader: Reader, dpi: int) -> None:
    page = sheet(name, test=True)
    assert reader(drawn(as_pdf(page), dpi)) == [page.link]


@READERS
@EACH_NAME
@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("ppi", [144, 288])
def test_the_code_in_the_picture_of_a_credential_is_read(
    name: str, language: Language, reader: Reader, ppi: int
) -> None:
    page = sheet(name)
    with Image.open(BytesIO(as_pngs(page, ppi)[language])) as picture:
        assert reader(picture.convert("L")) == [page.link]


@READERS
def test_the_code_that_only_names_the_page_of_a_number_is_read(reader: Reader) -> None:
    page = sheet(link=f"{HOST}/v/DLE-26-0000-0000-0001-95")
    assert reader(drawn(as_pdf(page), 150)) == [page.link]
