"""The public road over HTTP: what is sent, what is answered, and what every answer carries."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from app.formats import qr, vc
from app.formats.jose import assemble, open_compact, signing_input, thumbprint
from app.main import create_app
from app.ports import Ports, Slot
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.formats.make import claims as make_claims
from tests.verification.issued import Issued

HERE = "https://sigillo.example.org"
UNKNOWN = "DLE-26-7K3Q-F9XM-2T5H-65"
MISTYPED = "DLE-26-7K3Q-F9XM-2T5H-66"


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What is about HTTP alone is tried on one database."""
    return database_url


def verify(stranger: Caller, **given: Any) -> httpx.Response:
    return stranger.post("/v1/verifications", **given)


def result(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    told: str = response.json()["result"]
    return told


def enveloped(token: str) -> dict[str, str]:
    return {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": f"data:application/vc+jwt,{token}",
    }


def read(page: str) -> str:
    """What stands on a page, without its markup."""
    return re.sub(r"<[^>]+>", "", page)


def picture(text: str, kind: str = "PNG") -> bytes:
    content = BytesIO()
    Image.open(BytesIO(qr.png(text))).convert("RGB").save(content, kind)
    return content.getvalue()


def test_a_document_may_be_sent_in_any_way(stranger: Caller, credential: Issued) -> None:
    token, badge, address = credential.token, credential.badge, f"{HERE}/v/{credential.number}"
    ways: tuple[dict[str, Any], ...] = (
        {"json": {"credential": token}},
        {"json": {"credential": badge}},
        {"json": {"credential": enveloped(token)}},
        {"json": {"credential": address}},
        {"json": {"credential": credential.number}},
        {"content": credential.number, "headers": {"Content-Type": "text/plain"}},
        {"files": {"file": ("numero.txt", f"{credential.number.lower()}\n")}},
        {"files": {"file": (None, credential.number)}},
        {"content": token, "headers": {"Content-Type": "application/vc+jwt"}},
        {"content": badge, "headers": {"Content-Type": "application/jwt"}},
        {"content": token + "\n", "headers": {"Content-Type": "text/plain; charset=utf-8"}},
        {"content": token},
        {"files": {"file": ("attestato.jwt", token)}},
        {"files": {"file": ("attestato.json", json.dumps(enveloped(token)))}},
        {"files": {"file": ("attestato.json", json.dumps({"credential": token}))}},
        {"files": {"file": ("../../etc/passwd", picture(address))}},
        {"files": {"file": ("photo.txt", picture(address, "JPEG"), "text/html")}},
        {"files": {"file": (None, token)}},
    )
    for given in ways:
        assert result(verify(stranger, **given)) == "valid", given.keys()


def test_an_unreadable_credential_is_reported_as_invalid(stranger: Caller) -> None:
    ways: tuple[dict[str, Any], ...] = (
        {"json": {"credential": "x"}},
        {"json": {"credential": {}}},
        {"json": {"credential": {"type": "EnvelopedVerifiableCredential", "id": "data:,x"}}},
        {"content": "hello", "headers": {"Content-Type": "application/vc+jwt"}},
        {"files": {"file": ("x.jwt", "a.b.c")}},
    )
    for given in ways:
        response = verify(stranger, **given)
        assert result(response) == "invalid"
        assert [check["id"] for check in response.json()["checks"]] == ["format"]
        assert response.json()["credential"] is None


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({}, 422, "nothing-to-verify"),
        ({"json": {"credential": ""}}, 422, "nothing-to-verify"),
        ({"files": {"file": ("x", b"")}}, 422, "nothing-to-verify"),
        ({"files": {"other": ("x", b"x")}}, 422, "malformed"),
        ({"files": {"file": ("x", b"\xff\xfe\x00")}}, 422, "file-unreadable"),
        ({"files": {"file": ("x.zip", b"PK\x03\x04\xb2\xff")}}, 422, "file-unreadable"),
        ({"files": {"file": ("x", b"A" * 200_000)}}, 413, "too-large"),
        ({"files": {"file": ("x", b"\x89PNG\r\n\x1a\n")}}, 422, "picture-unreadable"),
        ({"files": {"file": ("x", b"\xff\xd8\xff" + bytes(10_500_000))}}, 413, "picture-too-large"),
        ({"json": {}}, 422, "malformed"),
        ({"json": {"credential": 1}}, 422, "malformed"),
        ({"json": {"credential": None}}, 422, "malformed"),
        ({"json": {"credential": "x", "options": {}}}, 422, "malformed"),
        ({"json": ["x"]}, 422, "malformed"),
        ({"content": "{", "headers": {"Content-Type": "application/json"}}, 422, "malformed"),
        (
            {
                "content": '{"credential": "a", "credential": "b"}',
                "headers": {"Content-Type": "application/json"},
            },
            422,
            "malformed",
        ),
        ({"json": {"credential": "A" * 200_000}}, 413, "too-large"),
        ({"json": {"credential": "https://evil.example/v/1"}}, 422, "not-ours"),
        ({"json": {"credential": f"{HERE}/v/{MISTYPED}"}}, 422, "mistyped"),
        ({"json": {"credential": MISTYPED}}, 422, "mistyped"),
        ({"content": MISTYPED, "headers": {"Content-Type": "text/plain"}}, 422, "mistyped"),
        ({"json": {"credential": UNKNOWN}}, 404, "credential-not-found"),
        ({"json": {"credential": f"{HERE}/v/{UNKNOWN}"}}, 404, "credential-not-found"),
    ],
)
def test_what_is_no_question_gets_a_clear_problem(
    stranger: Caller, given: dict[str, Any], status: int, code: str
) -> None:
    response = verify(stranger, **given)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_member_that_is_wrong_is_named(stranger: Caller) -> None:
    told = verify(stranger, json={"credential": 1, "x": 2}).json()
    assert {error["pointer"] for error in told["errors"]} == {"#/credential", "#/x"}


def test_a_picture_of_a_foreign_code_is_refused_unopened(stranger: Caller) -> None:
    response = verify(stranger, files={"file": ("x.png", picture("https://evil.example/v/1"))})
    assert (response.status_code, response.json()["code"]) == (422, "not-ours")


def test_a_picture_without_a_code_says_so(stranger: Caller) -> None:
    blank = BytesIO()
    Image.new("L", (200, 200), 255).save(blank, "PNG")
    response = verify(stranger, files={"file": ("x.png", blank.getvalue())})
    assert response.json()["code"] == "no-qr-found"


# Of a part that is cut off, Starlette leaves the temporary file to the collector, which closes it aloud.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--\r\n",
        b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc",
        b"--x" * 5000,
        b"",
    ],
)
def test_a_broken_form_is_refused_and_breaks_nothing(stranger: Caller, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/v1/verifications", "/v"):
        response = stranger.post(path, content=body, headers=headers)
        assert response.status_code in {200, 422}, response.text
        if response.status_code == 422 and path != "/v":
            assert response.json()["code"] in {"malformed", "nothing-to-verify"}
        if response.status_code == 200:
            assert "invalid" in response.text


def test_too_many_files_are_refused(stranger: Caller) -> None:
    files = [("file", (f"{n}", b"x")) for n in range(20)]
    for several in (files, files[:2]):
        told = verify(stranger, files=several)
        assert (told.status_code, told.json()["code"]) == (422, "malformed")
        assert told.json()["errors"] == [{"pointer": "#", "detail": "one file at a time is taken"}]
        assert stranger.post("/v", files=several).status_code == 422


def test_a_form_without_a_boundary_is_told_so(stranger: Caller) -> None:
    told = verify(stranger, content=b"--x--", headers={"Content-Type": "multipart/form-data"})
    assert (told.status_code, told.json()["code"]) == (422, "malformed")
    assert "Missing boundary" in told.json()["errors"][0]["detail"]


def test_answers_that_name_a_person_stay_nowhere(stranger: Caller, credential: Issued) -> None:
    for response in (
        stranger.get(f"/v/{credential.number}.json"),
        verify(stranger, json={"credential": credential.token}),
    ):
        assert response.headers["Cache-Control"] == "private, no-store"
        assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Type"] == "application/json"
        assert "set-cookie" not in response.headers
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("number", [MISTYPED, "x", "DLE", "DLE-26-7K3Q", "9" * 300, "%00", "DLE%2F26"])
def test_a_mistyped_number_is_answered_without_the_register(live: Ports, number: str) -> None:
    unreachable = make.caller(create_app(_without_register(live)))
    response = unreachable.get(f"/v/{number}.json")
    assert response.status_code in {404, 422}  # an escaped slash makes another address of it
    if response.status_code == 422:
        assert response.json()["code"] == "mistyped"
    assert unreachable.get(f"/v/{number}").status_code == response.status_code
    assert unreachable.get(f"/v/{UNKNOWN}.json").status_code == 503


def _without_register(ports: Ports) -> Ports:
    """A service whose database file is gone."""
    from sqlalchemy import create_engine

    from app.core.db import Database

    return replace(ports, database=Database(create_engine("sqlite:////nowhere/at/all.db")))


def test_without_its_register_the_service_says_so_and_when_to_come_back(
    live: Ports, credential: Issued
) -> None:
    cut_off = make.caller(create_app(_without_register(live)))
    for response in (
        cut_off.get(f"/v/{credential.number}.json"),
        cut_off.get(f"/v/{credential.number}"),
        verify(cut_off, json={"credential": credential.token}),
        cut_off.post("/v", files={"file": ("x.jwt", credential.token)}),
    ):
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")


def test_a_head_request_is_answered_like_a_get(stranger: Caller, credential: Issued) -> None:
    for path in (
        f"/v/{credential.number}.json",
        f"/v/{credential.number}",
        "/",
        "/v",
        "/.well-known/did.json",
    ):
        assert stranger.request("HEAD", path).status_code == 200
    assert stranger.request("HEAD", f"/v/{UNKNOWN}.json").status_code == 404


def test_only_the_setting_says_where_we_are(stranger: Caller, credential: Issued) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    page = stranger.get(f"/v/{credential.number}", headers=hostile).text
    keys = stranger.get("/.well-known/did.json", headers=hostile).text
    assert "evil.example" not in page + keys
    assert f"{HERE}/v/{credential.number}" in page


def test_the_keys_are_published_for_everybody(stranger: Caller, credential: Issued, live: Ports) -> None:
    key_set = stranger.get("/.well-known/jwks.json")
    document = stranger.get("/.well-known/did.json")
    assert key_set.headers["Content-Type"] == "application/jwk-set+json"
    for response in (key_set, document):
        assert response.headers["Cache-Control"] == "public, max-age=60"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        tag = response.headers["ETag"]
        again = stranger.get(str(response.url.path), headers={"If-None-Match": f'"x", W/{tag}'})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert document.json()["id"] == "did:web:sigillo.example.org"
    published = {key["kid"]: key for key in key_set.json()["keys"]}
    assert len(published) == len(live.signer.published())
    vc, badge = open_compact(credential.token), open_compact(credential.badge)
    assert vc.header.kid is not None
    assert vc.verified_by(published[vc.header.kid])
    assert badge.header.kid is not None
    single = stranger.get(badge.header.kid.removeprefix(HERE))
    assert single.headers["Content-Type"] == "application/jwk+json"
    assert badge.verified_by(single.json())
    assert single.json()["kid"] == badge.header.kid
    assert thumbprint(single.json()) == live.signer.current(Slot.SEAL).thumbprint


@pytest.mark.parametrize("name", ["x", "A" * 43, "..%2F..%2Fetc%2Fpasswd"])
def test_a_key_that_was_never_ours_is_not_found(stranger: Caller, name: str) -> None:
    response = stranger.get(f"/keys/{name}")
    assert (response.status_code, response.json()["status"]) == (404, 404)


@pytest.mark.parametrize(
    ("offset", "written"),
    [
        (timedelta(days=400), "P400D"),
        (-timedelta(days=3), "-P3D"),
        (timedelta(hours=26, minutes=3), "P1DT2H3M"),
        (timedelta(seconds=90), "PT1M30S"),
        (timedelta(milliseconds=1), "P0D"),
    ],
)
def test_a_moved_clock_is_said_on_every_page_and_in_every_report(
    live: Ports, credential: Issued, offset: timedelta, written: str
) -> None:
    moved = make.caller(create_app(replace(live, clock=SetClock(START, offset))))
    paths = ("/", "/v", f"/v/{credential.number}", f"/v/{UNKNOWN}", f"/v/{MISTYPED}")
    for page in (moved.get(path).text for path in paths):
        assert f"Clock moved by {written}." in read(page)
    assert f"Clock moved by {written}." in read(moved.post("/v").text)
    assert moved.get(f"/v/{credential.number}.json").json()["clock_offset"] == written
    assert verify(moved, json={"credential": credential.token}).json()["clock_offset"] == written


def test_what_was_sent_is_not_in_the_log(
    ports: Ports, credential: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    lines: list[str] = []
    stranger = make.caller(create_app(ports, request_lines=lines.append))
    stranger.get(f"/v/{credential.number}.json")
    stranger.get(f"/v/{credential.number}")
    verify(stranger, json={"credential": credential.token})
    verify(stranger, json={"credential": f"canary {credential.holder_name}"})
    ours = [record for record in caplog.records if record.name.startswith("sigillo")]
    logged = "".join([*lines, *(f"{record.getMessage()} {record.__dict__}" for record in ours)])
    for personal in (credential.number, credential.holder_name, credential.token[:40]):
        assert personal not in logged
    assert [json.loads(line)["route"] for line in lines] == [
        "/v/{number}.json",
        "/v/{number}",
        "/v1/verifications",
        "/v1/verifications",
    ]


def test_the_body_is_the_same_to_the_byte_at_the_same_instant(stranger: Caller, credential: Issued) -> None:
    answers = {
        hashlib.sha256(stranger.get(f"/v/{credential.number}.json").content).hexdigest() for _ in range(3)
    }
    assert len(answers) == 1


@pytest.mark.parametrize("jti", ["\x00", "urn:uuid:\x00", "urn:uuid:" + "\x00" * 36, "1"])
def test_a_document_that_is_named_as_none_of_ours_asks_no_register(
    stranger: Caller, live: Ports, jti: str
) -> None:
    key = live.signer.current(Slot.SEAL)
    payload = vc.compose_vc(make_claims(issuer_id="did:web:sigillo.example.org")) | {"id": jti, "jti": jti}
    content = signing_input(vc.seal_header("did:web:sigillo.example.org", key, START), payload)
    token = assemble(content, live.signer.sign(key.thumbprint, content))
    cut_off = make.caller(create_app(_without_register(live)))
    for asked in (stranger, cut_off):
        assert result(verify(asked, json={"credential": token})) == "invalid"


ODD_CHARSETS = ("undefined", "unicode_escape", "utf-7", "idna", "no-such", "", "utf-8; charset=undefined")


@pytest.mark.parametrize("charset", ODD_CHARSETS)
@pytest.mark.parametrize("name", [b"file", b"\\ud800", b"\\N{x", b"\xff\xfe"])
def test_a_form_in_an_odd_charset_is_refused(stranger: Caller, charset: str, name: bytes) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="' + name + b'"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
    )
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    told = stranger.post("/v1/verifications", content=body, headers=headers)
    assert (told.status_code, told.json()["code"]) == (422, "malformed")
    page = stranger.post("/v", content=body, headers=headers)
    assert (page.status_code, page.headers["Content-Type"]) == (422, "text/html; charset=utf-8")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf8"'])
def test_a_form_may_say_that_it_is_utf_8(stranger: Caller, credential: Issued, charset: str) -> None:
    start = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    body = start + credential.token.encode() + b"\r\n--x--\r\n"
    assert result(stranger.post("/v1/verifications", content=body, headers=headers)) == "valid"
