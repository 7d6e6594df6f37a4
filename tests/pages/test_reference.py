"""The API's reference on our own host: all of it, readable without a script, and the same for everybody."""

import re
from html import unescape
from typing import Any

import pytest

from app.contract import operations, problems
from app.core.labels import Language
from app.main import create_app
from app.pages.conventions import PARTS
from app.pages.headers import PUBLIC_HEADERS
from app.pages.reference import PLAIN
from app.pages.remedies import BY_CODE, ITALIAN
from app.ports import Ports
from app.verification.offline import NumberOffline
from tests import make
from tests.calling import Caller

LANGUAGES: tuple[Language, ...] = ("it", "en")


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """Pages look the same over every database."""
    return database_url


@pytest.fixture
def stranger(ports: Ports) -> Caller:
    return make.caller(create_app(ports))


def pages_of(stranger: Caller, document: dict[str, Any]) -> dict[str, str]:
    """The pages of all parts, by the part's address."""
    tags = {each["tags"][0].replace(" ", "-") for _, _, each in operations(document)}
    return {tag: stranger.get(f"/api/{tag}?lang=en").text for tag in tags}


def test_every_operation_is_shown_with_an_example_and_its_refusals(stranger: Caller) -> None:
    document = stranger.get("/openapi.json").json()
    pages = pages_of(stranger, document)
    start = stranger.get("/api?lang=en").text

    for method, path, operation in operations(document):
        tag = operation["tags"][0].replace(" ", "-")
        assert f'href="/api/{tag}?lang=en"' in start
        anchor = re.escape(f"{method}-{path}".replace("/", "-").replace("{", "").replace("}", ""))
        shown = re.search(f'id="{anchor}".*?</section>', pages[tag], re.DOTALL)
        assert shown, f"{method} {path}"
        assert f"<code>{path}</code>" in shown[0]
        assert "curl " in shown[0]
        for status in operation["responses"]:
            if status.startswith("2"):
                assert f"Answer {status}</h3>" in shown[0], f"{method} {path}"
        assert '<a href="/problems/hurried?lang=en">' in shown[0]


def test_every_part_says_what_it_is_for_in_both_languages_and_in_the_contract(stranger: Caller) -> None:
    document = stranger.get("/openapi.json").json()
    tags = {each["tags"][0] for _, _, each in operations(document)}

    assert {each["name"]: each["description"] for each in document["tags"]} == {
        tag: PARTS[tag].en for tag in tags
    }
    for language in LANGUAGES:
        start = unescape(stranger.get(f"/api?lang={language}").text)
        assert all(PARTS[tag].in_language(language) in start for tag in tags)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_waits_for_a_key_is_told_of_both_answers_and_what_to_do_without_one(
    stranger: Caller, language: Language
) -> None:
    """Which of them it is depends on the database."""
    _, _, after = stranger.get(f"/api?lang={language}").text.partition('id="idempotency"')
    told, _, _ = after.partition("</section>")
    assert "409" in told
    assert "503 <code>database-busy</code>" in told
    page = unescape(stranger.get(f"/problems/database-busy?lang={language}").text)
    words = {"it": "prima rilegga come stanno le cose", "en": "read first how things stand"}
    assert words[language] in page


@pytest.mark.parametrize("address", ["/api", "/api/credentials", "/problems/idempotency-in-flight"])
def test_names_of_the_contract_are_set_apart_as_code(stranger: Caller, address: str) -> None:
    for language in LANGUAGES:
        page = stranger.get(f"{address}?lang={language}").text
        assert "<code>" in page
        assert "&lt;code" not in page
        assert "`" not in page


def test_every_problem_has_a_page_in_both_languages_that_says_what_to_do(stranger: Caller) -> None:
    known = {code: kind.title for code, kind in problems().items()} | {
        code: title for code, (title, _) in PLAIN.items()
    }
    lists = {language: stranger.get(f"/problems?lang={language}").text for language in LANGUAGES}
    assert NumberOffline.code not in known, "no service says so"

    for code in known:
        for language in LANGUAGES:
            answer = stranger.get(f"/problems/{code}?lang={language}")
            assert answer.status_code == 200, code
            assert f"<code>{code}</code>" in answer.text
            assert f'href="/problems/{code}?lang={language}"' in lists[language]
    assert set(known) == set(ITALIAN), "say in app/pages/remedies.py what it is called in Italian"
    assert set(BY_CODE) <= set(known)


def test_the_type_of_a_problem_leads_to_its_page(stranger: Caller) -> None:
    for answer in (stranger.get("/v1/me"), stranger.post("/v1/verifications", json=7)):
        page = stranger.get(answer.json()["type"], headers={"Accept": "*/*"})
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.json()["code"] in page.text


def test_a_page_asks_nothing_of_others_runs_nothing_and_is_kept_for_everybody(stranger: Caller) -> None:
    for path in ("/api", "/api/dossiers", "/problems", "/problems/malformed"):
        answer = stranger.get(path, headers={"Accept-Encoding": "identity"})
        assert PUBLIC_HEADERS.items() - {("Vary", "Accept-Language")} <= dict_of(answer.headers).items()
        assert not re.search(r"<script|<style|<iframe|<img| style=| on[a-z]+=", answer.text)
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        packed = stranger.get(path, headers={"Accept-Encoding": "gzip"})
        assert (packed.headers["Content-Encoding"], packed.text) == ("gzip", answer.text)


def dict_of(headers: Any) -> dict[str, str]:
    """Headers by the names that we give them."""
    return {name: headers[name] for name in PUBLIC_HEADERS if name in headers}


def test_it_is_written_once(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(ports)
    expected = app.openapi()
    asked: list[int] = []
    stranger = make.caller(app)
    first = stranger.get("/api/dossiers")

    def openapi() -> dict[str, Any]:
        asked.append(1)
        return expected

    monkeypatch.setattr(app, "openapi", openapi)

    assert stranger.get("/api/dossiers").content == first.content
    assert asked == []


@pytest.mark.parametrize("path", ["/api/nothing", "/problems/nothing", "/problems/%00"])
def test_what_is_not_there_is_said_and_not_kept(stranger: Caller, path: str) -> None:
    answer = stranger.get(f"{path}?lang=en")
    assert answer.status_code == 404
    assert "There is no page here" in answer.text


def test_what_is_sent_to_an_address_is_shown_with_its_headers_and_what_answers_mean(stranger: Caller) -> None:
    page = stranger.get("/api/events?lang=en").text
    shown = re.search(r'id="webhook-event".*?</section>', page, re.DOTALL)
    assert shown
    for word in ("webhook-id", "webhook-signature", "credential.issued", "<code>410</code>"):
        assert word in shown[0]


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("oauth", "--data-urlencode &#39;grant_type=client_credentials&#39;"),
        ("batches", "--data-binary &#39;{&#34;external_id&#34;: &#34;A-1&#34;"),
        ("batches", "/v1/batches?kind=members"),
    ],
)
def test_examples_send_what_the_operation_takes(stranger: Caller, part: str, line: str) -> None:
    assert line in stranger.get(f"/api/{part}?lang=en").text
