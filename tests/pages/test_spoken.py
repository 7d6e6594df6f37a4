"""Every code and word that the page's script may use stands in both catalogues."""

import re
from itertools import chain
from pathlib import Path

import pytest

from app.core.labels import Language
from app.pages import words
from app.pages.assets import FOLDER, MODULES, SCANNER, SCRIPTS
from app.pages.render import start_page
from app.pages.spoken import TEMPLATES, catalogue
from app.problems import HURRIED, MEDIA_TYPE
from app.verification import words as answers
from app.verification.api import PATHS
from app.verification.report import CheckName, Outcome, Result, State
from app.verification.rules import MAY_NOT_APPLY, MAY_WARN, READING_ORDER, TELLING_ORDER

TEXT = {name: (SCRIPTS / f"{name}.js").read_text("utf-8") for name in (*MODULES, SCANNER, "sw")}
CODE = re.compile(r'"([a-z]+(?:-[a-z]+)+)"')
LANGUAGES: tuple[Language, ...] = ("it", "en")
PLACES = {"no-cache", "no-store", "utf-8", "not-ours"}  # words of the platform, and of the form


def test_every_finding_of_the_script_stands_in_the_catalogue() -> None:
    found = set(chain.from_iterable(CODE.findall(TEXT[name]) for name in ("examine", "lists", "verdict")))
    assert {"seal-broken", "status-unreachable", "register-not-asked", "in-period"} <= found
    assert found - set(answers.FINDINGS) <= {"issuer-key-misused"} - set(answers.FINDINGS)
    for language in LANGUAGES:
        findings = catalogue(language)["findings"]
        assert isinstance(findings, dict)
        assert found <= set(findings)


def test_every_trouble_of_the_script_has_its_words() -> None:
    named = set(re.findall(r'trouble\("([a-z-]+)"\)', TEXT["verify"]))
    assert named
    assert named | {"offline"} <= set(words.TROUBLES)


def test_every_refusal_of_a_document_has_its_words() -> None:
    answers_of = PATHS["/v1/verifications"]["post"]["responses"].values()
    codes = {
        code for answer in answers_of for code in answer["content"].get(MEDIA_TYPE, {}).get("examples", {})
    }
    assert {"pdf-unreadable", "mistyped", "credential-not-found"} <= codes
    assert codes | {HURRIED["code"]} <= set(words.TROUBLES)


def test_whoever_may_send_a_pdf_is_told_so() -> None:
    hint, refused = words.WORDS["file_hint"], words.TROUBLES["pdf-unreadable"]
    assert ("PDF" in hint.it, "PDF" in hint.en) == (True, True)
    assert ("solo la pagina con il codice QR" in refused.it, "only the page with the QR" in refused.en) == (
        True,
        True,
    )


def test_whoever_has_to_wait_is_told_so_whatever_was_sent() -> None:
    busy = words.TROUBLES["busy"]
    assert not re.search("immagin|foto|pictur|photo|PDF", busy.it + busy.en, re.IGNORECASE)
    assert ("riprovate fra poco" in busy.it, "try again in a moment" in busy.en) == (True, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_the_script_and_the_page_name_is_sent(language: Language) -> None:
    sent = catalogue(language)["t"]
    assert isinstance(sent, dict)
    named = set(re.findall(r"\bt\.([a-z_]+)", TEXT["verify"] + TEXT["view"]))
    named |= set(re.findall(r'fact\((?:trusted \? )?"([a-z_]+)"', TEXT["view"]))
    named |= set(re.findall(r'data-t(?:-label)?="([a-z_]+)"', start_page(language, site="https://x.example")))
    assert len(named) > 40
    assert named <= set(sent)


def test_both_languages_say_the_same_things() -> None:
    def shape(value: object) -> object:
        return {key: shape(each) for key, each in value.items()} if isinstance(value, dict) else type(value)

    italian, english = catalogue("it"), catalogue("en")
    for both in (italian, english):
        both.pop("days")  # the first of the month is another word in Italian
    assert shape(italian) == shape(english)


def test_the_script_judges_by_the_table_of_the_server() -> None:
    def told(name: str) -> list[str]:
        found = re.search(rf"const {name} = \[([^\]]*)\]", TEXT["verdict"])
        assert found
        return re.findall(r'"([a-z_]+)"', found[1])

    assert told("READING_ORDER") == list(READING_ORDER) == list(CheckName)
    assert told("TELLING_ORDER") == list(TELLING_ORDER)
    assert set(told("MAY_NOT_APPLY")) == MAY_NOT_APPLY
    assert set(told("MAY_WARN")) == MAY_WARN
    quoted = set(re.findall(r'"([a-z_]+)"', TEXT["verdict"]))
    assert {each.value for each in Result} <= quoted
    assert {"pass", "fail", "warn", "not_applicable"} <= {each.value for each in Outcome} & quoted
    states = {State.ACTIVE, State.REVOKED, State.SUSPENDED, State.SUPERSEDED}
    assert states <= set(re.findall(r'"([a-z_]+)"', TEXT["lists"]))


def test_every_blank_of_a_sentence_is_one_that_the_script_can_fill() -> None:
    fillable = {"today", "first", "last", "brief"}
    said = [
        answers.FINDINGS[code].reason for name in ("examine", "verdict", "lists") for code in _codes(name)
    ]
    for labels in [*said, *TEMPLATES.values()]:
        for text in (labels.it, labels.en):
            assert set(re.findall(r"\{(\w+)", text)) <= fillable


def _codes(name: str) -> set[str]:
    return set(CODE.findall(TEXT[name])) & set(answers.FINDINGS)


def test_no_script_reads_text_as_markup_or_asks_another_site() -> None:
    everything = "".join(TEXT.values())
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "DOMParser",
        "eval(",
        "Function(",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "document.cookie",
        "sendBeacon",
    ):
        assert forbidden not in everything, forbidden
    assert set(re.findall(r"https?://[^\s\"'`\\$/]+", everything)) == {
        "https://www.w3.org"
    }  # a context's name


def test_every_script_that_is_there_is_served() -> None:
    there = {path.stem for path in Path(SCRIPTS).glob("*.js")}
    assert there == {*MODULES, SCANNER, "sw"}
    assert SCRIPTS.parent == FOLDER
