"""What a stranger sees: the answer first, in two languages, and nothing that a forger could bend."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from app.core.labels import Labels, Language
from app.pages import assets, words
from app.pages.assets import (
    ASSETS,
    MARK,
    SCANNER,
    SCRIPT,
    STYLESHEET,
    packed,
)
from app.pages.headers import ASSET_HEADERS, SECURITY_HEADERS
from app.pages.languages import language_of
from app.pages.qr import qr_drawing
from app.pages.render import (
    home_page,
    mistyped_page,
    not_found_page,
    service_worker,
    start_page,
    verification_page,
)
from app.verification import pictures
from app.verification.report import CheckName, Outcome, Report, Result, Shown, State
from app.verification.rules import (
    ROME,
    conclude,
    found,
    issuer_trust,
    register_match,
    status,
    superseded,
    validity_period,
)

NOW = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
NUMBER = "DLE-26-7K3Q-F9XM-2T5H-65"
SITE = "https://sigillo.example"
ADDRESS = f"{SITE}/v/{NUMBER}"
LANGUAGES: tuple[Language, ...] = ("it", "en")
FORBIDDEN = re.compile("certific|certif|accredit|abilitaz|titolo di studio", re.IGNORECASE)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' style='display:none",
    "</title></head><body onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "Róża \N{RIGHT-TO-LEFT OVERRIDE}ireN <b>",
)


def report(
    *,
    state: State = State.ACTIVE,
    mode: str = "live",
    trusted: bool = True,
    intact: bool = True,
    text: str = "Alba Neri",
    name: str | None = "Alba Neri",
    clock_offset: str | None = None,
) -> Report:
    start, last = datetime(2026, 11, 20, tzinfo=ROME), datetime(2029, 11, 20, 23, 59, 59, tzinfo=ROME)
    at = last + timedelta(days=9) if state is State.EXPIRED else NOW
    shown = Shown(
        number=NUMBER,
        holder_name=name and text,
        scheme_title=Labels(it=f"Ingegnere {text}", en=f"Engineer {text}"),
        standard=f"UNI 11621-8:2026 {text}",
        wording=Labels(it=f"Attestazione {text}", en=f"Attestation {text}"),
        issuer_name=f"Associazione {text}",
        valid_from=start,
        valid_until=last,
        state=state,
    )
    checks = (
        found("format-read", at=at),
        found("seal-intact" if intact else "seal-broken", at=at),
        issuer_trust(anchored=trusted, at=at),
        validity_period(start, last + timedelta(seconds=1), at=at),
        status(state, at=at),
        register_match(agrees=True, at=at),
        superseded(replaced=state is State.SUPERSEDED, at=at),
    )
    return conclude(checks, shown=shown, mode=mode, at=at, clock_offset=clock_offset)


def page(of: Report, language: Language = "en") -> str:
    return verification_page(of, language, number=NUMBER, address=ADDRESS, contact="register@body.example")


def every_page(language: Language, text: str = "Alba Neri") -> dict[str, str]:
    pages = {state.value: page(report(state=state, text=text), language) for state in State}
    return pages | {
        "test": page(report(mode="test", text=text), language),
        "stranger": page(report(trusted=False, text=text), language),
        "broken": page(report(intact=False, text=text), language),
        "moved clock": page(report(clock_offset="+3 days", mode="test", text=text), language),
        "nameless": page(report(name=None), language),
        "uploaded": verification_page(report(text=text), language),
        "not found": not_found_page(language),
        "mistyped": mistyped_page(language, text),
        "start": start_page(language, site=SITE),
        "trouble": start_page(language, site=SITE, trouble=text),
        "home": home_page(language, documentation="/docs"),
    }


SCRIPTED = ("start", "trouble")
EVERY_PAGE = [(language, name) for language in LANGUAGES for name in every_page(language)]
PAGES = {language: every_page(language) for language in LANGUAGES}


class Outline(HTMLParser):
    """The elements of a page, in order, and the text that a reader sees."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


TEMPLATE = re.compile(r'<template id="[a-z-]+">(.*?)</template>', re.DOTALL)


def read(html: str) -> Outline:
    """What is on the page; what its script may put there later stands apart, in templates."""
    return Outline(TEMPLATE.sub("", html))


@pytest.mark.parametrize(("language", "name"), EVERY_PAGE)
def test_every_page_is_sound_for_browsers_and_screen_readers(language: Language, name: str) -> None:
    html = PAGES[language][name]
    outline = read(html)
    assert html.startswith("<!DOCTYPE html>")
    assert not outline.open
    assert outline.all("html") == [{"lang": language}]
    assert {tag: len(outline.all(tag)) for tag in ("title", "header", "main", "footer", "h1")} == {
        "title": 1,
        "header": 1,
        "main": 1,
        "footer": 1,
        "h1": 1,
    }
    assert outline.all("a")[0] == {"class": "skip", "href": "#content", "data-t": "skip"}
    ids = Counter(attributes["id"] for _, attributes in outline.elements if "id" in attributes)
    assert set(ids.values()) <= {1}
    for _, attributes in outline.elements:
        for reference in ("aria-labelledby", "aria-describedby", "for"):
            if named := attributes.get(reference):
                assert named in ids
    labelled = {label["for"] for label in outline.all("label")}
    assert {field["id"] for field in outline.all("input") + outline.all("textarea")} == labelled
    headings = [tag for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert set(headings[1:]) <= {"h2"}
    for drawing in outline.all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label")


@pytest.mark.parametrize(("language", "name"), EVERY_PAGE)
def test_every_page_lives_within_its_content_security_policy(language: Language, name: str) -> None:
    outline = read(PAGES[language][name])
    allowed_addresses = re.compile(r"(/|#|\?lang=|mailto:register@body\.example$)")
    for tag, attributes in outline.elements:
        assert tag not in {"style", "iframe", "object", "base", "img"}
        assert tag != "script" or (name in SCRIPTED and set(attributes) == {"type", "src"})
        for key, value in attributes.items():
            assert key != "style"
            assert not key.startswith("on")
            if key in {"href", "src", "action"}:
                assert allowed_addresses.match(value or ""), value
                assert not (value or "").startswith("//")
    assert [link["href"] for link in outline.all("link") if link["rel"] == "stylesheet"] == [STYLESHEET.path]


@pytest.mark.parametrize(("language", "name"), EVERY_PAGE)
def test_nothing_printed_borrows_the_words_of_other_bodies(language: Language, name: str) -> None:
    assert not FORBIDDEN.search(PAGES[language][name])


@pytest.mark.parametrize(("language", "name"), EVERY_PAGE)
def test_every_page_with_its_files_is_small(language: Language, name: str) -> None:
    """Without a script 30 kB, unpacked; with it 60 kB as they travel, and the scanner 60 kB more."""
    if name in SCRIPTED:
        scanner = SCRIPT[SCANNER].packed
        files = sum(len(asset.packed) for asset in ASSETS.values()) - len(scanner)
        assert len(packed(PAGES[language][name].encode())) + files + len(service_worker(SITE, None)) < 60_000
        assert len(scanner) < 60_000
    else:
        files = len(STYLESHEET.content) + len(MARK.content)
        assert len(PAGES[language][name].encode()) + files < 30_000


def test_a_page_that_changed_is_kept_by_another_service_worker() -> None:
    told = [assets.service_worker(shells) for shells in (["a", "b"], ["a", "c"], ["ab", ""], ["a", "b"])]
    assert len(set(told)) == 3
    assert told[0] == told[3]
    assert service_worker(SITE, None) != service_worker(SITE, "P30D") != service_worker(SITE, "P31D")


def test_the_places_that_the_script_fills_are_sound_too() -> None:
    for language in LANGUAGES:
        report, check, icons = (Outline(part) for part in TEMPLATE.findall(PAGES[language]["start"]))
        for outline in (report, check, icons):
            assert not outline.open
            for tag, attributes in outline.elements:
                assert tag not in {"script", "style", "img", "template"}
                assert not any(key.startswith("on") or key == "style" for key in attributes)
        drawn = {span["data-icon"] for span in icons.all("span")}
        assert drawn == {f"result-{each}" for each in Result} | {f"outcome-{each}" for each in Outcome}
        labelled = {section["aria-labelledby"] for section in report.all("section") if len(section) > 2}
        assert labelled <= {attributes.get("id") for _, attributes in report.elements}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_shown_as_text_and_do_nothing(text: str) -> None:
    for language in LANGUAGES:
        for name, html in every_page(language, text).items():
            same = PAGES[language][name]
            assert [tag for tag, _ in read(html).elements] == [tag for tag, _ in read(same).elements]
            assert [list(a) for _, a in read(html).elements] == [list(a) for _, a in read(same).elements]
    assert text in read(page(report(text=text))).text


def test_the_answer_is_the_first_heading_and_its_words_do_not_hang_on_colour() -> None:
    html = page(report())
    first = re.search(r"<h1[^>]*>([^<]*)</h1>", html)
    assert first is not None
    plain = first[1].replace("\N{NO-BREAK SPACE}", " ")
    assert plain == "Valid today, 20 November 2026, until 20 November 2029"
    italian = read(page(report(), "it")).text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Valido oggi, 20 novembre 2026, fino al 20 novembre 2029" in italian
    for state in State:
        text = read(page(report(state=state))).text
        assert words.RESULTS[report(state=state).result].en in text
        assert words.STATES[state].en in text


def test_a_page_says_all_that_a_stranger_needs() -> None:
    text = read(page(report())).text
    for said in (
        "Alba Neri",
        "Engineer",
        "UNI 11621-8:2026",
        "Associazione",
        NUMBER,
        "Compare the name with an identity document.",
        "What the seal proves",
        "What it does not prove",
        "14:05\N{NO-BREAK SPACE}CET",
    ):
        assert said in text
    for name in CheckName:
        assert words.CHECKS[name].en in text


def test_a_test_document_and_a_moved_clock_cannot_be_missed() -> None:
    html = page(report(mode="test", clock_offset="+3 days"))
    assert html.index('class="banner test"') < html.index("<h1")
    assert html.index('class="banner clock"') < html.index("<h1")
    assert "+3 days" in html
    plain = page(report())
    assert "banner" not in plain
    assert "TEST" not in plain


def test_what_is_unproven_is_not_shown() -> None:
    html = page(report(intact=False))
    assert "Alba Neri" not in html
    assert "UNI 11621" not in html
    assert words.WORDS["nothing_shown"].en in html


def test_a_body_that_nobody_vouches_for_is_only_said_to_have_issued_it() -> None:
    assert "Says it was issued by" in page(report(trusted=False))
    assert "Says it was issued by" not in page(report())


def test_an_erased_name_leaves_the_rest_verifiable() -> None:
    assert "Name no longer available" in page(report(name=None))


def test_the_page_never_tells_why_a_credential_is_suspended() -> None:
    text = read(page(report(state=State.SUSPENDED))).text
    assert "suspended" in text
    assert not re.search("because|cause|complaint|misuse|membership", text, re.IGNORECASE)


def test_the_languages_are_a_link_apart_where_the_page_has_an_address() -> None:
    assert '<a href="?lang=it" lang="it" hreflang="it">Italiano</a>' in page(report())
    assert "?lang=it" not in verification_page(report(), "en")


def test_the_forms_work_without_a_script() -> None:
    outline = read(start_page("it", site=SITE))
    assert [form["id"] for form in outline.all("form") if "hidden" in form] == ["paste-form"]
    for form in outline.all("form"):
        if "hidden" in form:
            continue  # until the script shows it
        assert form["method"] == "post"
        assert form["action"] == "/v?lang=it"
        assert form["enctype"] == "multipart/form-data"
    assert {field["name"] for field in outline.all("input") if "name" in field} == {"number", "file"}


@pytest.mark.parametrize("trouble", [*words.TROUBLES, "never-heard-of"])
def test_what_stopped_the_last_attempt_is_said(trouble: str) -> None:
    html = start_page("en", site=SITE, trouble=trouble)
    assert words.TROUBLES.get(trouble, words.TROUBLE).en in read(html).text
    assert 'role="alert"' in html


def test_each_picture_that_is_refused_has_its_own_words() -> None:
    for problem in (
        pictures.PictureUnreadable,
        pictures.PictureTooLarge,
        pictures.NoQrFound,
        pictures.SeveralQrFound,
    ):
        assert problem.code in words.TROUBLES


def test_a_mistyped_number_comes_back_to_be_corrected_and_no_longer_than_one() -> None:
    assert 'value="DLE-26-XXXX"' in mistyped_page("en", "DLE-26-XXXX")
    assert len(mistyped_page("en", "A" * 100_000)) < 10_000


def test_every_word_of_the_pages_is_said_in_both_languages() -> None:
    tables = (words.WORDS, words.RESULTS, words.CHECKS, words.OUTCOMES, words.STATES, words.TROUBLES)
    for table in tables:
        for said in table.values():
            assert said.it
            assert said.en
    assert set(words.RESULTS) == set(Result)
    assert set(words.CHECKS) == set(CheckName)
    assert set(words.OUTCOMES) == set(Outcome)
    assert set(words.STATES) == set(State)


def test_another_reader_reads_the_qr_of_the_page() -> None:
    drawing = qr_drawing(ADDRESS)
    scale = 6
    image = Image.new("L", (drawing.size * scale,) * 2, 255)
    draw = ImageDraw.Draw(image)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawing.path):
        left, top = int(x) * scale, int(y) * scale
        draw.rectangle((left, top, left + int(length) * scale - 1, top + scale - 1), fill=0)
    picture = BytesIO()
    image.save(picture, "PNG")
    assert [
        code.text
        for code in zxingcpp.read_barcodes(
            image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    ] == [ADDRESS]
    assert pictures.qr_text(picture.getvalue()) == ADDRESS
    assert drawing.path in page(report())


def test_files_are_named_by_their_content() -> None:
    assert ASSETS[STYLESHEET.path] is STYLESHEET
    assert re.fullmatch(r"/static/sigillo\.[0-9a-f]{12}\.css", STYLESHEET.path)
    style = STYLESHEET.content.decode()
    assert "url(" not in style
    assert "@import" not in style


def test_pages_that_name_a_person_are_kept_by_nobody() -> None:
    assert SECURITY_HEADERS["Cache-Control"] == "private, no-store"
    assert SECURITY_HEADERS["Referrer-Policy"] == "no-referrer"
    assert SECURITY_HEADERS["X-Robots-Tag"].startswith("noindex")
    assert SECURITY_HEADERS["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; ")
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]
    assert "immutable" in ASSET_HEADERS["Cache-Control"]


@pytest.mark.parametrize(
    ("header", "asked", "language"),
    [
        (None, None, "en"),
        ("", None, "en"),
        ("it", None, "it"),
        ("it-IT,it;q=0.9,en-US;q=0.8,en;q=0.7", None, "it"),
        ("en-GB,en;q=0.9,it;q=0.8", None, "en"),
        ("de-DE,de;q=0.9", None, "en"),
        ("de, it;q=0.3", None, "it"),
        ("en;q=0.2, it;q=0.9", None, "it"),
        ("en, it", None, "en"),
        ("en;q=0, *", None, "it"),
        ("it;q=0", None, "en"),
        ("*", None, "en"),
        ("IT", None, "it"),
        ("it;q=2", None, "en"),
        ("it;q=0.9999", None, "en"),
        ("it; q=0.5", None, "it"),
        ("it;level=1", None, "en"),
        ("italian-for-beginners", None, "en"),
        ("it," * 400, None, "en"),
        ("en", "it", "it"),
        ("it", "en", "en"),
        ("it", "fr", "it"),
        ("it", "<script>", "it"),
    ],
)
def test_a_page_comes_in_the_language_the_reader_prefers(
    header: str | None, asked: str | None, language: Language
) -> None:
    assert language_of(header, asked) == language
