"""Verification without a network, from what somebody saved of an issuer: keys once, lists now and then."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.formats import q1, qr
from app.main import worker
from app.ports import Ports, Slot
from app.verification import offline
from app.verification.errors import NotOurs
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.verification.issued import Issued, reinstate, revoke, suspend

HERE = "https://sigillo.example.org"


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What asks no database is tried beside one."""
    return database_url


def kept(stranger: Caller) -> list[bytes]:
    return [stranger.get(f"/.well-known/{name}").content for name in ("jwks.json", "qr-keys")]


def lists(stranger: Caller, *, forms: tuple[str, ...] = ("",)) -> list[bytes]:
    """Whatever is published: of so few lists every number below ten."""
    paths = [f"/status/{number}{form}" for number in range(1, 10) for form in forms]
    answers = [stranger.get(path) for path in paths]
    return [answer.content for answer in answers if answer.status_code == 200]


def verify(
    live: Ports,
    stranger: Caller,
    text: str,
    *,
    saved: list[bytes] | None = None,
    keys: list[bytes] | None = None,
) -> dict[str, Any]:
    """What is told by the clock of this machine, here that of the tests."""
    given = offline.keys_in(keys or kept(stranger))
    had = offline.Saved.of(lists(stranger) if saved is None else saved, given.keyring)
    report, _ = offline.report_on(text.encode(), given, had, at=live.clock.now())
    return report.as_json()


def status_of(report: dict[str, Any]) -> str:
    code: str = next(check["code"] for check in report["checks"] if check["id"] == "status")
    return code


def documents(credential: Issued) -> tuple[str, ...]:
    return (credential.token, credential.badge, credential.qr, f"{HERE}/v#{credential.qr}")


def publish(live: Ports) -> None:
    worker(live).drain()


def test_every_document_is_verified_from_keys_and_lists_alone(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    for text in documents(credential):
        report = verify(live, stranger, text)
        assert (report["result"], status_of(report)) == ("valid", "status-active"), report
        assert report["credential"]["holder_name"] == credential.holder_name
        codes = [check["code"] for check in report["checks"]]
        assert "register-not-asked" in codes
    assert verify(live, stranger, credential.qr)["issuer"]["name"] == "Associazione di prova"


def test_a_code_that_names_no_body_of_the_list_is_told_alike_with_and_without_a_network(
    live: Ports, stranger: Caller, credential: Issued, bought_keys: MemoryKeys
) -> None:
    key = bought_keys.current(Slot.QR)
    says = replace(q1.decode_q1(credential.qr).says, issuer_code=999)
    unsigned = q1.unsigned(says, q1.kid_of(key.chain[0]))
    digits = q1.assemble(unsigned, q1.low_s(bought_keys.sign(key.thumbprint, unsigned)))
    here = verify(live, stranger, digits)
    there = stranger.post("/v1/verifications", json={"credential": digits}).json()
    assert (here["result"], there["result"]) == ("unknown", "invalid")  # the register contradicts it
    told = [check for report in (here, there) for check in report["checks"] if check["id"] == "issuer_trust"]
    assert told[0]["code"] == "issuer-code-unknown"
    assert told[0] == told[1]
    assert here["issuer"] == there["issuer"] == {"name": "did:web:sigillo.example.org"}


def test_suspended_reinstated_and_revoked_is_read_from_the_lists_of_the_day(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    for change, result, code in (
        (suspend, "invalid", "status-suspended"),
        (reinstate, "valid", "status-active"),
        (revoke, "invalid", "status-revoked"),
    ):
        change(live, credential)
        publish(live)
        live.clock.move(timedelta(minutes=2))  # type: ignore[attr-defined] # the tests' clock
        publish(live)
        for text in documents(credential):
            report = verify(live, stranger, text)
            assert (report["result"], status_of(report)) == (result, code)


def test_bitstrings_do_as_well_where_they_are_all_there(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    both = lists(stranger, forms=("-revocation", "-suspension"))
    assert verify(live, stranger, credential.token, saved=both)["result"] == "valid"
    assert verify(live, stranger, credential.badge, saved=both)["result"] == "valid"
    one = lists(stranger, forms=("-suspension",))
    assert verify(live, stranger, credential.token, saved=one)["result"] == "unknown"
    assert verify(live, stranger, credential.qr, saved=both)["result"] == "unknown"


def test_without_a_list_nobody_knows(live: Ports, stranger: Caller, credential: Issued) -> None:
    for text in documents(credential):
        report = verify(live, stranger, text, saved=[])
        assert (report["result"], status_of(report)) == ("unknown", "status-unreachable")


def test_a_list_that_has_ended_tells_nothing_any_more(
    live: Ports, stranger: Caller, credential: Issued, clock: SetClock
) -> None:
    saved, keys = lists(stranger), kept(stranger)
    clock.move(timedelta(days=2))
    report = verify(live, stranger, credential.token, saved=saved, keys=keys)
    assert (report["result"], status_of(report)) == ("unknown", "status-too-old")
    clock.move(timedelta(days=-3))
    report = verify(live, stranger, credential.token, saved=saved, keys=keys)
    assert status_of(report) == "status-ahead"


def test_of_two_lists_the_newer_one_counts(live: Ports, stranger: Caller, credential: Issued) -> None:
    before = lists(stranger)
    live.clock.move(timedelta(minutes=2))  # type: ignore[attr-defined] # the tests' clock
    revoke(live, credential)
    publish(live)
    after = lists(stranger)
    for saved in (before + after, after + before):
        assert verify(live, stranger, credential.token, saved=saved)["result"] == "invalid"


def test_a_list_that_no_key_for_lists_signed_is_no_list(stranger: Caller, credential: Issued) -> None:
    given = offline.keys_in(kept(stranger))
    forged = [listed[:-6] + b"AAAAAA" for listed in lists(stranger)]
    saved = offline.Saved.of([*forged, b"", b"\xff", credential.token.encode(), b"{}"], given.keyring)
    assert (len(saved.lists), saved.ignored) == (0, len(forged) + 4)


def test_a_document_that_was_tampered_with_shows_nothing(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    head, _, seal = credential.token.rpartition(".")
    for text in (f"{head}.{'A' * len(seal)}", credential.qr[:-1] + str((int(credential.qr[-1]) + 1) % 10)):
        report = verify(live, stranger, text)
        assert (report["result"], report["credential"]) == ("invalid", None)


def test_what_another_issuer_sealed_is_not_trusted_by_these_keys(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    key_set = json.loads(kept(stranger)[0])
    others = [key for key in key_set["keys"] if key["slot"] != Slot.SEAL]
    report = verify(live, stranger, credential.token, keys=[json.dumps({"keys": others}).encode()])
    assert report["result"] == "invalid"  # their name stands on it, and no key of theirs sealed it


def test_a_picture_of_the_code_is_read_here_too(live: Ports, stranger: Caller, credential: Issued) -> None:
    given = offline.keys_in(kept(stranger))
    saved = offline.Saved.of(lists(stranger), given.keyring)
    picture = BytesIO(qr.png(f"{HERE}/v#{credential.qr}")).getvalue()
    report, as_of = offline.report_on(picture, given, saved, at=live.clock.now())
    assert (report.result, as_of) == ("valid", live.clock.now())


def test_a_number_takes_the_network_and_an_address_elsewhere_is_not_opened(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    with pytest.raises(offline.NumberOffline):
        verify(live, stranger, f"{HERE}/v/{credential.number}")
    with pytest.raises(NotOurs):
        verify(live, stranger, f"https://elsewhere.example.org/v#{credential.qr}")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"keys": []}', b"a.b.c", b"\xff\xfe", b'{"keys": [{"kty": "EC"}]}', b"[1]"]
)
def test_keys_that_are_none_are_refused(content: bytes) -> None:
    with pytest.raises(offline.KeysUnreadable):
        offline.keys_in([content])


def test_the_keys_of_several_issuers_are_not_mixed(stranger: Caller) -> None:
    ours = kept(stranger)[0]
    theirs = ours.replace(b"did:web:sigillo.example.org", b"did:web:other.example.org")
    with pytest.raises(offline.KeysUnreadable):
        offline.keys_in([ours, theirs])


def test_the_command_needs_the_keys_and_asks_nobody(
    stranger: Caller, credential: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.clock.SystemClock.now", lambda _: START)
    monkeypatch.setenv("SIGILLO_URL", "http://localhost:9")  # where nobody answers
    jwks, qr_keys = (tmp_path / name for name in ("jwks.json", "qr-keys"))
    for path, content in zip((jwks, qr_keys), kept(stranger), strict=True):
        path.write_bytes(content)
    folder = tmp_path / "lists"
    folder.mkdir()
    for number, content in enumerate(lists(stranger)):
        (folder / str(number)).write_bytes(content)
    document = tmp_path / "credential.jwt"
    document.write_text(credential.token, encoding="ascii")
    keys = ["--offline", "--keys", str(jwks), "--keys", str(qr_keys)]
    run = partial(CliRunner().invoke, cli)
    for text in (str(document), f"{HERE}/v#{credential.qr}"):
        done = run(["verify", text, *keys, "--lists", str(folder), "--json"])
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert (told["result"], told["status_as_of"]) == ("valid", "2026-11-20T09:00:00Z")
    assert "Stato al" in run(["--lang", "it", "verify", str(document), *keys, "--lists", str(folder)]).stdout
    assert run(["verify", str(document), *keys]).exit_code == 3  # nobody knows whether it is revoked
    assert run(["verify", str(document), "--offline"]).exit_code == 2
    assert run(["verify", str(document), "--offline", "--keys", str(document)]).exit_code == 3
    assert run(["verify", f"{HERE}/v/{credential.number}", *keys]).exit_code == 3
