"""Signing in: what is kept, who can read it, and where a key goes."""

import json
import stat
from pathlib import Path

import pytest

from app.client.visit import Ends
from tests.client.conftest import Member
from tests.client.stub import KEY, Stub
from tests.serving import free_port

ELSEWHERE = "https://elsewhere.example.org"


def account(home: Path) -> Path:
    return home / "account.json"


def test_a_sign_in_is_kept_for_its_owner_alone(home: Path, stranger: Member, url: str) -> None:
    said = stranger("login", "--url", url + "/", given=f"{KEY}\n")
    assert said.code == Ends.OK
    assert "Elena Marchetti" in said.words
    assert "sigillo status" in said.words
    assert stat.S_IMODE(account(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert json.loads(account(home).read_text()) == {
        "url": url,
        "key": KEY,
        "id": "per_1",
        "name": "Elena Marchetti",
    }
    assert [path.name for path in home.iterdir()] == ["account.json"]


def test_a_key_may_come_from_the_environment_too(stranger: Member, url: str) -> None:
    said = stranger("login", "--json", SIGILLO_URL=url, SIGILLO_KEY=KEY)
    assert said.json["name"] == "Elena Marchetti"
    assert set(said.json) == {"url", "id", "name", "organisation", "person", "kept_in"}


@pytest.mark.parametrize(
    ("arguments", "given", "code", "words"),
    [
        (["login"], "", Ends.USAGE, "--url"),
        (["login", "--url", "sigillo.example.org"], KEY, Ends.USAGE, "must start with https"),
        (["login", "--url", "http://sigillo.example.org"], KEY, Ends.USAGE, "anybody on the network"),
        (["login", "--url", "https://localhost:1"], "\n", Ends.SIGN_IN, "key is missing"),
        (["login", "--url", "https://localhost:1"], "k e y", Ends.USAGE, "characters that no key has"),
        (["status"], None, Ends.SIGN_IN, "Run `sigillo login`"),
    ],
    ids=["no-address", "no-scheme", "open", "no-key", "no-such-key", "not-signed-in"],
)
def test_what_a_sign_in_lacks_is_said(
    stranger: Member, arguments: list[str], given: str | None, code: Ends, words: str
) -> None:
    said = stranger(*arguments, given=given)
    assert (said.code, words in said.words) == (code, True), said


def test_a_key_that_the_service_does_not_know_is_not_kept(home: Path, stranger: Member, url: str) -> None:
    said = stranger("login", "--url", url, given="key_of-another\n")
    assert said.code == Ends.SIGN_IN
    assert "ask the secretariat for a new one" in said.words
    assert not account(home).exists()


def test_a_key_that_was_revoked_is_said_to_be_so(member: Member, home: Path) -> None:
    kept = json.loads(account(home).read_text())
    account(home).write_text(json.dumps({**kept, "key": "key_revoked"}))
    said = member("status", "--json")
    assert said.code == Ends.SIGN_IN
    assert said.json["error"]["code"] == "key-not-accepted"
    assert "does not accept the key" in said.err.replace("\n", " ")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_sign_in_that_others_could_read_is_not_used(member: Member, home: Path, mode: int) -> None:
    account(home).chmod(mode)
    said = member("status")
    assert said.code == Ends.SIGN_IN
    assert "chmod 600" in said.words


def test_a_folder_in_which_others_may_write_keeps_no_key(home: Path, stranger: Member, url: str) -> None:
    home.mkdir()
    home.chmod(0o777)
    said = stranger("login", "--url", url, given=KEY)
    assert (said.code, "chmod 700" in said.words) == (Ends.SIGN_IN, True)
    assert not account(home).exists()


def test_a_kept_key_goes_nowhere_else(member: Member, service: Stub) -> None:
    before = len(service.asked)
    said = member("status", "--url", ELSEWHERE)
    assert said.code == Ends.SIGN_IN
    assert f"sigillo login --url {ELSEWHERE}" in said.words
    assert len(service.asked) == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": 1'])
def test_a_damaged_sign_in_says_how_to_begin_again(member: Member, home: Path, content: str) -> None:
    account(home).write_text(content)
    said = member("check")
    assert (said.code, "sigillo login" in said.words) == (Ends.SIGN_IN, True)


def test_signing_out_removes_the_key_and_may_be_repeated(member: Member, home: Path) -> None:
    said = member("logout")
    assert (said.code, "secretariat revoke it" in said.words) == (Ends.OK, True)
    assert not account(home).exists()
    assert member("logout").code == Ends.OK
    assert member("logout", "--json").json == {"removed": False, "waiting": 0}


def test_signing_in_anew_replaces_the_key_whole(member: Member, home: Path, url: str) -> None:
    account(home).write_text("damaged")
    assert member("login", "--url", url, given=KEY).code == Ends.OK
    assert json.loads(account(home).read_text())["key"] == KEY


def test_a_place_that_cannot_be_written_is_named(stranger: Member, url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = stranger("login", "--url", url, given=KEY, SIGILLO_HOME=str(tmp_path / "file" / "home"))
    assert (said.code, "SIGILLO_HOME" in said.words) == (Ends.SIGN_IN, True)


def test_a_proxy_reads_no_key(member: Member, service: Stub) -> None:
    proxy = f"http://localhost:{free_port()}"  # nobody is there: whoever went that way would not arrive
    before = len(service.asked)
    assert member("status", HTTP_PROXY=proxy, http_proxy=proxy, ALL_PROXY=proxy, NO_PROXY="").code == Ends.OK
    assert len(service.asked) > before
    said = member("login", "--url", "https://localhost:1", given=KEY, HTTPS_PROXY=proxy, https_proxy=proxy)
    assert said.code == Ends.NETWORK


def test_a_given_key_counts_before_the_kept_one(member: Member, url: str) -> None:
    assert member("status", SIGILLO_KEY="key_of-another").code == Ends.SIGN_IN
    assert member("status", "--url", url).code == Ends.OK


def test_a_service_that_does_not_answer_is_worth_another_try(stranger: Member) -> None:
    said = stranger("login", "--url", f"http://localhost:{free_port()}", given=KEY)
    assert said.code == Ends.NETWORK
    assert "run the same command again" in said.words


@pytest.mark.parametrize(
    ("status", "content", "code", "words"),
    [
        (200, b"<html>Welcome to the hotel</html>", Ends.USAGE, "is not Sigillo"),
        (200, b"[]", Ends.USAGE, "is not Sigillo"),
        (503, b"<html>", Ends.NETWORK, "cannot answer just now"),
        (404, b"<html>", Ends.REFUSED, "does not know this request"),
        (200, b"{}", Ends.NETWORK, "does not understand"),
    ],
    ids=["captive-portal", "a-list", "maintenance", "not-there", "another-shape"],
)
def test_an_answer_of_somebody_else_is_never_a_traceback(
    stranger: Member, service: Stub, url: str, status: int, content: bytes, code: Ends, words: str
) -> None:
    service.answers["/v1/me"] = status, content
    said = stranger("login", "--url", url, given=KEY)
    assert (said.code, words in said.words) == (code, True), said
