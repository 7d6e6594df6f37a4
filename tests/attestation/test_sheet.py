# ruff: noqa: RUF001 - as printed, and as people are called
"""The attestation on A4: what it says in both languages, whatever a name holds, and what it never says."""

import re
import unicodedata
from dataclasses import replace
from datetime import date
from io import BytesIO

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops

from app.attestation.sheet import NotPrintable, as_pdf, as_pngs
from app.core.labels import Labels, Language
from app.schemes.catalogue import catalogue
from tests.attestation.pages import LONG, SHORT, drawn, sheet, text_of

MARGIN = 110  # pixels at 144 ppi: 68 points, and what a letter may hang over
IT = (
    "Attestato",
    "Attestazione di competenze rilasciata dall'associazione",
    "Si attesta che",
    "ha dimostrato le competenze del profilo",
    "Valido dal",
    "1º novembre 2026",
    "Valido fino al",
    "1º novembre 2029",
    "sigillo elettronico avanzato",
    "Che cos’è",
    "Che cosa non è",
    "Non è una qualifica pubblica",
)
EN = (
    "Attestation",
    "Competence attestation issued by the association",
    "This attests that",
    "has shown the competences of the profile",
    "Valid from",
    "1 November 2026",
    "Valid until",
    "1 November 2029",
    "advanced electronic seal",
    "What it is",
    "What it is not",
    "It is neither a public qualification",
)
BOTH = (
    "Associazione Italiana Professionisti dell'Intelligenza Artificiale",
    "Elena Marchetti",
    "AI Deep Learning Engineer",
    "UNI 11621-8:2026",
    "DLE-26-0000-0000-0001-95",
    "sigillo.example.org/v",
)
SCRIPTS = {
    "Italian": "Nicolò D'Àngelo",
    "Turkish": "İbrahim Güneş Öztürk Şahin Iğdır",
    "Polish": "Łukasz Żółć-Gęślą",
    "Greek": "Ελένη Παπαδοπούλου Ὀδυσσεύς",
    "Vietnamese": "Đặng Thị Ngọc Hân Nguyễn",
    "Cyrillic": "Наталія Ґалаґан-Їжак Юрьевна",
}
HOSTILE = {
    "an import": '#import "@preview/x:1.0.0": *',
    "a file": '#read("/etc/passwd") #image("/etc/hostname")',
    "markup": "*bold* _slant_ $x^2$ `raw` = = - + / // /* */ <label> @ref \\u{41}",
    "brackets": "]]]) }}} [[[ ((( {{{ ${jndi} {{7*7}} {seal} {address}",
    "quotes": '"\'\\" \\n #sys.inputs',
    "a page break": "#pagebreak() #panic()",
}


@pytest.mark.parametrize("words", [IT, EN, BOTH], ids=["Italian", "English", "what both share"])
def test_the_page_says_what_it_must(words: tuple[str, ...]) -> None:
    said = text_of(as_pdf(sheet()))
    assert [each for each in words if each not in said] == []


def test_a_plain_page_says_nothing_of_tests_or_clocks() -> None:
    said = text_of(as_pdf(sheet()))
    assert not re.search(r"TEST|Orologio|Clock", said)


def test_a_page_of_a_trial_says_so_in_words_and_in_its_title() -> None:
    page = as_pdf(sheet(test=True))
    said = text_of(page)
    assert "TEST – senza valore. Questo foglio serve a provare il servizio" in said
    assert "TEST – no value. This sheet was made to try the service out" in said
    with pikepdf.open(BytesIO(page)) as document, document.open_metadata() as metadata:
        assert str(metadata["dc:title"]).startswith("TEST – Attestato · ")


def test_a_page_made_under_a_moved_clock_says_so() -> None:
    said = text_of(as_pdf(sheet(clock_offset="P30D")))
    assert "Orologio spostato di P30D." in said
    assert "Clock moved by P30D." in said


def test_a_seal_is_called_qualified_only_where_it_is() -> None:
    assert "qualified electronic seal" not in text_of(as_pdf(sheet()))
    said = text_of(as_pdf(sheet(qualified=True)))
    assert "qualified electronic seal" in said
    assert "sigillo elettronico qualificato" in said
    assert "advanced" not in said


@pytest.mark.parametrize("qualified", [False, True], ids=["advanced", "qualified"])
def test_no_sentence_uses_words_of_other_routes(*, qualified: bool) -> None:
    for scheme in catalogue().all_in_force(date(2026, 11, 20)):
        page = sheet(profile=scheme.title, claim=scheme.wording.claim, test=True, qualified=qualified)
        said = [*page.statements(), text_of(as_pdf(page))]
        assert [stem for each in said for stem in scheme.wording.forbidden_in(each)] == []


@pytest.mark.parametrize("name", SCRIPTS.values(), ids=SCRIPTS)
def test_the_fonts_have_the_letters_of_european_and_vietnamese_names(name: str) -> None:
    assert name in text_of(as_pdf(sheet(name)))


@pytest.mark.parametrize("name", ["שרה כהן", "محمد الأحمد"], ids=["Hebrew", "Arabic"])
def test_a_name_that_runs_the_other_way_is_set(name: str) -> None:
    said = text_of(as_pdf(sheet(name)))
    between = said[said.index("This attests that") + 17 : said.index("ha dimostrato")]
    assert between.strip()
    assert {unicodedata.bidirectional(sign) for sign in between.replace(" ", "")} <= {"R", "AL", "NSM"}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_name_is_shown_and_never_read_as_markup(name: str) -> None:
    page = sheet(
        name, body=name, standard=name, profile=Labels(it=name, en="x" + name), claim=Labels(it=name, en=name)
    )
    said = text_of(as_pdf(page)).replace(" ", "")
    assert said.count(name.replace(" ", "")) >= 5


def test_signs_that_turn_a_line_around_are_left_out() -> None:
    assert "Elena Marchetti ha" in text_of(as_pdf(sheet("Elena \u202e\u2066Marchetti\u200f\ufeff")))


def test_letters_and_their_accents_are_put_together() -> None:
    assert "Nicolò Ðặng" in text_of(as_pdf(sheet("Nicolo\u0300 Ða\u0306\u0323ng")))


def test_a_heap_of_accents_stays_on_the_page() -> None:
    assert as_pdf(sheet("Z" + "\u0301\u0323\u0308" * 60 + "algo"))


@pytest.mark.parametrize(
    "name",
    ["田中太郎", "ไทย", "😀", "\u0007", "\ue000", "\uffff", "\ud800", "", "\u202e", " ", "x" * 401],
    ids=[
        *("Chinese", "Thai", "an emoji", "a control sign", "a private sign", "no sign", "half a sign"),
        *("nothing", "nothing to see", "a space", "no end of letters"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_never_left_out(name: str) -> None:
    for make in (as_pdf, as_pngs):
        with pytest.raises(NotPrintable) as refused:
            make(replace(sheet(), holder=name))
        assert "typst" not in str(refused.value)


@pytest.mark.parametrize(
    "profile", [Labels(it="AI", en="田中"), Labels(it="田中", en="AI")], ids=["en", "it"]
)
def test_a_letter_that_one_picture_alone_would_lack_is_refused_for_both(profile: Labels) -> None:
    with pytest.raises(NotPrintable):
        as_pngs(sheet(profile=profile))


@pytest.mark.parametrize(
    "name",
    [SHORT, LONG, "W" * 70, "X" * 200, "WOLFESCHLEGELSTEINHAUSEN-" * 7 + "BERGERDORFF", "ab " * 66 + "c"],
    ids=["5 letters", "70 letters", "70 wide ones", "200 in one word", "hyphens", "many short words"],
)
@pytest.mark.parametrize("language", ["it", "en", None], ids=["it", "en", "both"])
def test_nothing_leaves_its_margins_however_long_a_name_is(name: str, language: Language | None) -> None:
    page = sheet(name, link="https://sigillo.example.org/v/DLE-26-0000-0000-0001-95", clock_offset="P30D")
    if language is None:
        assert name.replace(" ", "").rstrip() in text_of(as_pdf(page)).replace(" ", "")
        return
    with Image.open(BytesIO(as_pngs(page)[language])) as picture:
        box = ImageChops.invert(picture.convert("L").crop((0, 20, *picture.size))).getbbox()  # below the bar
    assert box is not None
    left, _, right, bottom = box
    assert left >= MARGIN
    assert right <= 1191 - MARGIN
    assert bottom <= 1664 - 60


def test_everything_at_its_longest_still_has_its_place() -> None:
    words = " ".join(["Ingegnere", "dell'apprendimento", "profondo"] * 5)
    page = sheet(
        LONG * 2,
        body=LONG * 2,
        profile=Labels(it=words, en=words.upper()),
        claim=Labels(it=words, en=words),
        standard=words,
        test=True,
        clock_offset="-P3650DT23H59M59S",
        address="attestati.associazione-dei-professionisti-della-intelligenza-artificiale.example.org:8443/v",
    )
    assert words in text_of(as_pdf(page))


def test_what_no_size_would_make_fit_is_refused() -> None:
    with pytest.raises(NotPrintable, match="too long for its place"):
        as_pdf(sheet(standard="Norma " * 66))


def test_the_document_is_tagged_titled_and_has_a_language() -> None:
    with pikepdf.open(BytesIO(as_pdf(sheet()))) as document:
        root = document.Root
        assert str(root.Lang) == "it"
        assert bool(root.MarkInfo.Marked)
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        with document.open_metadata() as metadata:
            assert metadata["dc:title"] == "Attestato · AI Deep Learning Engineer · Elena Marchetti"
            assert metadata["pdfuaid:part"] == "1"
        figures = [found for found in elements(root.StructTreeRoot) if found.get("/S") == "/Figure"]
        assert [str(found.Alt) for found in figures] == [
            "Codice QR per verificare l’attestato DLE-26-0000-0000-0001-95"
        ]
        languages = {str(found.Lang) for found in elements(root.StructTreeRoot) if "/Lang" in found}
        assert "en" in languages


def elements(node: pikepdf.Object) -> list[pikepdf.Object]:
    """Every element of a document's structure, from the top down."""
    kids = node.get("/K")
    below = list(kids) if isinstance(kids, pikepdf.Array) else [kids]
    found = [kid for kid in below if isinstance(kid, pikepdf.Dictionary) and "/S" in kid]
    return [*found, *(deeper for kid in found for deeper in elements(kid))]


def test_the_same_page_is_the_same_bytes() -> None:
    assert as_pdf(sheet()) == as_pdf(sheet())
    assert as_pngs(sheet()) == as_pngs(sheet())


@pytest.mark.parametrize("language", ["it", "en"])
def test_a_picture_is_a4_at_the_density_asked_for(language: Language) -> None:
    for ppi, size in ((144, (1191, 1684)), (200, (1654, 2339))):
        with Image.open(BytesIO(as_pngs(sheet(), ppi)[language])) as picture:
            assert picture.size == size
            assert picture.getchannel("A").getextrema() == (255, 255)


@pytest.mark.parametrize("ppi", [0, 71, 301, 100_000])
def test_no_picture_is_drawn_beyond_measure(ppi: int) -> None:
    with pytest.raises(ValueError, match="pixels per inch"):
        as_pngs(sheet(), ppi)


def test_the_two_pictures_differ() -> None:
    pictures = as_pngs(sheet())
    assert pictures["it"] != pictures["en"]


def test_the_number_is_no_wider_than_the_code_above_it() -> None:
    page = as_pdf(sheet())
    document = pypdfium2.PdfDocument(page)
    try:
        words = document[0].get_textpage()
        number = sheet().number
        place, count = words.search(number).get_next()
        right = max(words.get_charbox(place + each)[2] for each in range(count))
        left = min(words.get_charbox(place + each)[0] for each in range(count))
    finally:
        document.close()
    with drawn(page, 288) as picture:
        (code,) = zxingcpp.read_barcodes(
            picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    scale = 288 / 72
    assert code.position.top_left.x / scale - 1 <= left
    assert right <= code.position.top_right.x / scale + 1
