"""The pages as a browser gets them: no cookie, two languages, and a form that needs no script."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import httpx
import pytest
from PIL import Image

from app.core.labels import Language
from app.formats import qr
from app.main import create_app
from app.pages.assets import ASSETS
from app.pages.headers import SECURITY_HEADERS, SHELL_HEADERS, WORKER_HEADERS
from app.ports import Ports
from app.schemes.catalogue import catalogue
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.furnished import Furnishing
from tests.verification.issued import Issued, issued

HERE = "https://sigillo.example.org"
UNKNOWN = "DLE-26-7K3Q-F9XM-2T5H-65"
MISTYPED = "DLE-26-7K3Q-F9XM-2T5H-66"


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """Pages look the same over every database."""
    return database_url


@pytest.fixture
def live(ports: Ports, bought_keys: MemoryKeys) -> Ports:
    return replace(ports, signer=bought_keys)


@pytest.fixture
def furnishing(bought_keys: MemoryKeys) -> Furnishing:
    return Furnishing("issued", lambda ports: issued(replace(ports, signer=bought_keys)))


@pytest.fixture
def credential(furniture: Issued) -> Issued:
    return furniture


@pytest.fixture
def stranger(live: Ports) -> Caller:
    return make.caller(create_app(live))


def sends(stranger: Caller, content: bytes | str, language: str = "en") -> httpx.Response:
    return stranger.post(f"/v?lang={language}", files={"file": ("what-i-was-given", content)})


def types(stranger: Caller, number: str) -> httpx.Response:
    return stranger.post("/v?lang=it", files={"number": (None, number)})


def png(text: str) -> bytes:
    return qr.png(text)


def jpeg(text: str) -> bytes:
    content = BytesIO()
    Image.open(BytesIO(png(text))).convert("L").save(content, "JPEG")
    return content.getvalue()


def test_the_page_that_the_qr_opens_answers_in_its_first_line(stranger: Caller, credential: Issued) -> None:
    page = stranger.get(f"/v/{credential.number}")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    said = page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Valid today, 20 November 2026, until 20 November 2029" in said
    assert credential.holder_name in said
    assert f'href="/v/{credential.number}.json"' in said
    assert f"{HERE}/v/{credential.number}" in said


@pytest.mark.parametrize(
    ("query", "accepted", "first_words"),
    [
        ("", "", "Valid today"),
        ("", "it-IT,it;q=0.9,en;q=0.8", "Valido oggi"),
        ("?lang=it", "en", "Valido oggi"),
        ("?lang=en", "it", "Valid today"),
        ("?lang=de", "it", "Valido oggi"),
        ("?lang=%3Cscript%3E", "", "Valid today"),
    ],
)
def test_a_page_speaks_the_readers_language(
    stranger: Caller, credential: Issued, query: str, accepted: str, first_words: str
) -> None:
    page = stranger.get(f"/v/{credential.number}{query}", headers={"Accept-Language": accepted})
    assert first_words in page.text
    assert "<script" not in page.text


def test_every_page_carries_the_headers_and_no_cookie(stranger: Caller, credential: Issued) -> None:
    pages = [
        stranger.get(path)
        for path in ("/", "/v", f"/v/{credential.number}", f"/v/{UNKNOWN}", f"/v/{MISTYPED}")
    ]
    pages += [stranger.post("/v"), types(stranger, credential.number), sends(stranger, credential.token)]
    for page in pages:
        expected = SHELL_HEADERS if "<script" in page.text else SECURITY_HEADERS
        for name, value in expected.items():
            assert page.headers[name].startswith(value)
        assert "set-cookie" not in page.headers
        scripted = page.request.url.path == "/v" and (page.request.method == "GET" or page.status_code == 422)
        assert page.text.count("<script") == scripted


def test_the_files_that_pages_name_are_served_for_good(stranger: Caller) -> None:
    pages = stranger.get("/").text + stranger.get("/v").text
    for path, asset in ASSETS.items():
        assert path in pages
        for accepted, encoding in (
            ("gzip, br", "gzip"),
            ("identity", None),
            ("gzip;q=0", None),
            ("br", None),
        ):
            served = stranger.get(path, headers={"Accept-Encoding": accepted})
            assert (served.status_code, served.content) == (200, asset.content)
            assert served.headers.get("Content-Encoding") == encoding
            assert served.headers["Vary"] == "Accept-Encoding"
        assert "immutable" in served.headers["Cache-Control"]
    for path in ("/static/", "/static/none.css", "/static/..%2Frender.py", "/static/sigillo.css"):
        assert stranger.get(path).status_code == 404


def test_only_the_page_that_verifies_may_run_a_script_and_use_the_camera(
    stranger: Caller, credential: Issued
) -> None:
    shell, answer = stranger.get("/v"), stranger.get(f"/v/{credential.number}")
    assert "script-src 'self'" in shell.headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in shell.headers["Content-Security-Policy"]
    assert "unsafe" not in shell.headers["Content-Security-Policy"]
    assert "camera=(self)" in shell.headers["Permissions-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "camera=()" in answer.headers["Permissions-Policy"]


def test_the_service_worker_names_the_files_that_are_served(stranger: Caller) -> None:
    worker = stranger.get("/sw.js")
    assert worker.headers["Content-Type"] == "text/javascript; charset=utf-8"
    for name, value in WORKER_HEADERS.items():
        assert worker.headers[name] == value
    assert all(path in worker.text for path in ASSETS)
    assert "{{" not in worker.text


def test_a_moved_clock_makes_another_service_worker(live: Ports, stranger: Caller) -> None:
    clock = SetClock(START, timedelta(days=30))
    moved = make.caller(create_app(replace(live, clock=clock)))
    under_it = moved.get("/sw.js").text
    clock.offset = timedelta(0)
    assert moved.get("/sw.js").text == stranger.get("/sw.js").text != under_it


def test_a_device_may_take_every_list_along(stranger: Caller, credential: Issued) -> None:
    assert credential.number
    index = stranger.get("/status/index.json")
    assert index.headers["Access-Control-Allow-Origin"] == "*"
    assert index.json()["lists"]
    assert all(re.fullmatch(r"/status/[0-9]+", path) for path in index.json()["lists"])


def test_an_unknown_number_gets_a_page_without_reasons(stranger: Caller) -> None:
    page = stranger.get(f"/v/{UNKNOWN}")
    assert page.status_code == 404
    assert "No attestation has this number" in page.text


def test_a_mistyped_number_can_be_corrected_at_once(stranger: Caller) -> None:
    for page in (stranger.get(f"/v/{MISTYPED}?lang=it"), types(stranger, MISTYPED)):
        assert page.status_code == 422
        assert f'value="{MISTYPED}"' in page.text
        assert "Il numero non è scritto bene" in page.text


def test_a_slash_too_many_changes_nothing_and_the_host_header_leads_nowhere(
    stranger: Caller, credential: Issued
) -> None:
    foreign = {"Host": "evil.example.net"}
    spelt = credential.number.lower()
    for path in ("/v", f"/v/{credential.number}"):
        assert stranger.get(f"{path}/", headers=foreign).text == stranger.get(path).text
    assert stranger.get(f"/v/{spelt}/", headers=foreign).headers["Location"] == f"/v/{credential.number}"
    others = ("/healthz/", "/status/1/", "/static/", "/schemes", "/openapi.json/", "/v1/dossiers/")
    for path in ("/v/", f"/v/{credential.number}/", f"/v/{spelt}/", *others):
        for method in ("GET", "HEAD", "POST"):
            answer = stranger.request(method, path, headers=foreign)
            assert "evil.example.net" not in f"{answer.headers} {answer.text}"
            assert answer.is_redirect == (spelt in path and method != "POST")


def test_a_hostile_number_is_only_text(stranger: Caller) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    for page in (types(stranger, hostile), stranger.get("/v/%22%3E%3Cimg%20src=x%3E")):
        assert page.status_code == 422
        assert "<img" not in page.text


def test_a_typed_number_leads_to_its_page_in_the_same_language(stranger: Caller, credential: Issued) -> None:
    for typed in (credential.number, credential.number.lower().replace("-", " ")):
        led = types(stranger, typed)
        assert (led.status_code, led.headers["Location"]) == (303, f"/v/{credential.number}?lang=it")


@pytest.mark.parametrize("made", [png, jpeg])
def test_a_photo_of_the_qr_leads_to_the_page_of_its_number(
    stranger: Caller, credential: Issued, made: Callable[[str], bytes]
) -> None:
    led = sends(stranger, made(f"{HERE}/v/{credential.number}"), "it")
    assert (led.status_code, led.headers["Location"]) == (303, f"/v/{credential.number}?lang=it")


def test_a_document_is_answered_at_once(stranger: Caller, credential: Issued) -> None:
    for text in (credential.token, credential.badge):
        page = sends(stranger, text)
        assert page.status_code == 200
        assert "Valid today" in page.text
        assert credential.holder_name in page.text


def test_a_tampered_document_is_answered_with_nothing_of_its_own(
    stranger: Caller, credential: Issued
) -> None:
    head, body, seal = credential.token.split(".")
    page = sends(stranger, f"{head}.{body}.{seal[:-4]}AAAA")
    assert "Not valid today" in page.text
    assert credential.holder_name not in page.text
    assert credential.number not in page.text


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "Type a number or choose a file."),
        (b"\xff\xfe", 422, "What you sent could not be read"),
        (b"\x89PNG\r\n\x1a\n broken", 422, "The picture is damaged"),
        (png("https://evil.example/"), 422, "leads to another site"),
        (png(f"{HERE}/v/{MISTYPED}"), 422, "The number is mistyped"),
        (b"A" * 300_000, 413, "The file is too large"),
        (b"hello", 200, "Not valid today"),
    ],
    ids=["nothing", "binary", "broken picture", "foreign code", "mistyped code", "too large", "no document"],
)
def test_what_cannot_be_verified_is_said_in_words(
    stranger: Caller, content: bytes, status: int, words: str
) -> None:
    page = sends(stranger, content)
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert words in page.text


def test_the_form_asks_for_nothing_but_html(stranger: Caller) -> None:
    page = stranger.get("/v").text
    assert page.count('method="post"') == 2
    assert page.count('enctype="multipart/form-data"') == 2
    assert "required" in page


def test_an_empty_form_is_asked_for_again(stranger: Caller) -> None:
    for answer in (
        stranger.post("/v"),
        stranger.post("/v", files={"number": (None, "  ")}),
        stranger.post("/v", data={"number": ""}),
    ):
        assert answer.status_code == 422
        assert "Type a number or choose a file." in answer.text


def test_a_plain_form_does_as_well(stranger: Caller, credential: Issued) -> None:
    led = stranger.post("/v", data={"number": credential.number})
    assert (led.status_code, led.headers["Location"]) == (303, f"/v/{credential.number}")


@pytest.mark.parametrize("language", ["it", "en"])
def test_the_criteria_that_documents_name_can_be_read_by_anybody(
    stranger: Caller, language: Language
) -> None:
    for scheme in catalogue().schemes:
        page = stranger.get(f"/schemes/{scheme.id}?lang={language}")
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "public, max-age=3600"
        text = html.unescape(page.text)
        for told in (scheme.title, scheme.mission, scheme.wording.claim, scheme.narrative):
            assert told.in_language(language) in text
        assert scheme.reference.standard in text
        assert not scheme.wording.forbidden_in(text)


@pytest.mark.parametrize("name", ["", "x", "uni-11621-8", "..%2Fetc", "%00", "%3Cscript%3E"])
def test_a_scheme_that_is_not_there_has_a_page_that_says_so(stranger: Caller, name: str) -> None:
    page = stranger.get(f"/schemes/{name}")
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<script" not in page.text
    assert page.headers["Cache-Control"] == "private, no-store"


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LONG = b"number=" + bytes(1_000_000)


@pytest.mark.parametrize(
    ("method", "path", "status", "italian", "english"),
    [
        ("GET", "/nowhere", 404, "quello che vi è stato dato", "Compare the address"),
        ("GET", "/static/none.css", 404, "quello che vi è stato dato", "Compare the address"),
        ("DELETE", "/v", 405, "quello che vi è stato dato", "Compare the address"),
        ("POST", "/v", 413, "Mandate una foto del solo codice QR", "Send a photo of the QR code alone"),
    ],
)
def test_a_browser_that_gets_no_answer_gets_a_page_that_says_what_to_do(
    stranger: Caller, method: str, path: str, status: int, italian: str, english: str
) -> None:
    sent = LONG if method == "POST" else b""
    for language, told in (("it", italian), ("en", english)):
        page = stranger.request(method, path, content=sent, headers={**BROWSER, "Accept-Language": language})
        assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert told in page.text
        assert f'<html lang="{language}">' in page.text
        assert page.headers["Vary"] == "Accept, Accept-Language"
        for name in SECURITY_HEADERS.keys() - {"Vary"}:
            assert page.headers[name] == SECURITY_HEADERS[name]
        assert "x-request-id" in page.headers


@pytest.mark.parametrize(
    ("method", "path", "accept", "status"),
    [
        ("GET", "/nowhere", "*/*", 404),
        ("GET", "/nowhere", "application/json", 404),
        ("GET", "/v1/nowhere", BROWSER["Accept"], 404),
        ("GET", "/v1", BROWSER["Accept"], 404),
        ("GET", f"/v/{UNKNOWN}.json", BROWSER["Accept"], 404),
        ("POST", "/v", "*/*", 413),
    ],
)
def test_a_program_gets_the_problem_document(
    stranger: Caller, method: str, path: str, accept: str, status: int
) -> None:
    sent = LONG if method == "POST" else b""
    answer = stranger.request(method, path, content=sent, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")


def test_a_page_instead_of_an_answer_keeps_what_the_answer_told_the_browser(live: Ports) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 1}))
    stranger = make.caller(create_app(slow))
    asked = [stranger.get(f"/v/{UNKNOWN}.json", headers={**BROWSER, "Accept-Language": "it"}) for _ in "12"]
    assert [answer.status_code for answer in asked] == [404, 429]
    assert "riprovate fra un minuto" in asked[1].text
    assert int(asked[1].headers["Retry-After"]) >= 1
    assert set(stranger.put("/v", headers=BROWSER).headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
