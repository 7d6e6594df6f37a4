"""The list by which anybody verifies offline QR codes, and whether it can be relied on."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.formats.jose import open_compact
from app.formats.keylist import LIFE, open_key_list
from app.formats.q1 import decode_q1, kid_of
from app.formats.strict import Malformed, encode64
from app.formats.x509 import Standing, judge_chain
from app.main import create_app
from app.organisations.models import Mode
from app.ports import Ports, Slot
from app.verification.desk import FRESH
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.status.failing import FailingKeys
from tests.verification.issued import Issued, issued

PATH = "/.well-known/qr-keys"


def claims(caller: Caller) -> dict[str, Any]:
    """What the list says, once its seal was verified as a stranger does."""
    answer = caller.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwt")
    read = open_key_list(answer.text)
    keys = {key["kid"]: key for key in caller.get("/.well-known/jwks.json").json()["keys"]}
    assert read.header.kid is not None
    assert read.verified_by(keys[read.header.kid])
    return dict(read.payload)


def moved(ports: Ports, by: timedelta) -> Caller:
    return make.caller(create_app(replace(ports, clock=SetClock(ports.clock.now() + by))))


def test_the_list_holds_the_key_of_every_qr_code_and_says_what_its_codes_mean(
    stranger: Caller, credential: Issued, bought_keys: MemoryKeys
) -> None:
    said = claims(stranger)
    key = bought_keys.current(Slot.QR)
    assert said["keys"] == [
        {
            "kid": encode64(kid_of(key.chain[0])),
            "jwk": dict(key.jwk),
            "nbf": int(START.timestamp()),
            "exp": int((START + timedelta(days=365)).timestamp()),
            "development": False,
            "current": True,
        }
    ]
    code = decode_q1(credential.qr)
    assert code.verified_by(said["keys"][0]["jwk"])
    (issuer,) = [each for each in said["issuers"] if each["code"] == code.says.issuer_code]
    assert issuer == {
        "code": 1,
        "name": "Associazione di prova",
        "url": "https://association.example.org",
        "mode": "live",
    }
    (scheme,) = [each for each in said["schemes"] if each["code"] == code.says.scheme]
    assert (scheme["standard"], set(scheme["title"])) == ("UNI 11621-8:2026", {"it", "en"})
    assert (said["iss"], said["exp"] - said["iat"]) == ("did:web:sigillo.example.org", LIFE.total_seconds())


def test_the_chain_of_its_seal_holds_at_the_time_that_it_names(
    stranger: Caller, bought_keys: MemoryKeys
) -> None:
    answer = open_key_list(stranger.get(PATH).text)
    issued_at = datetime.fromtimestamp(int(str(answer.payload["iat"])), UTC)
    finding = judge_chain(answer.header.chain, bought_keys.anchors(), issued_at)
    assert finding.standing is Standing.TRUSTED


def test_processes_publish_the_same_bytes_and_a_reader_asks_for_them_once(live: Ports) -> None:
    issued(live)
    answers = [make.caller(create_app(live)).get(PATH) for _ in range(2)]
    assert answers[0].content == answers[1].content
    headers = answers[0].headers
    assert headers["etag"] == answers[1].headers["etag"]
    assert headers["cache-control"] == "public, max-age=60"
    assert headers["access-control-allow-origin"] == "*"
    again = make.caller(create_app(live)).get(PATH, headers={"If-None-Match": headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_is_signed_anew_half_way_to_its_end_and_not_before(live: Ports) -> None:
    first = claims(moved(live, timedelta(0)))
    for days in range(30):
        at = live.clock.now() + timedelta(days=days)
        said = claims(moved(live, timedelta(days=days)))
        age = at.timestamp() - said["iat"]
        assert 0 <= age < LIFE.total_seconds() / 2
        assert (said["iat"] == first["iat"]) <= (days < LIFE.days / 2)
    signed_at = {claims(moved(live, timedelta(days=days)))["iat"] for days in range(30)}
    assert len(signed_at) <= 1 + 2 * 30 / LIFE.days + 1


def test_a_retired_key_stays_in_the_list_and_a_new_one_is_there_at_once(
    ports: Ports, clock: SetClock
) -> None:
    keys = MemoryKeys(START, development=False)
    live = replace(ports, signer=keys)
    credential = issued(live)
    caller = make.caller(create_app(live))
    before = claims(caller)
    clock.move(timedelta(hours=1))
    keys.rotate(Slot.QR, clock.at)
    after = claims(caller)
    assert [(key["kid"], key["current"]) for key in after["keys"]] == [
        (before["keys"][0]["kid"], False),
        (encode64(kid_of(keys.current(Slot.QR).chain[0])), True),
    ]
    assert after["iat"] > before["iat"]
    assert decode_q1(credential.qr).verified_by(after["keys"][0]["jwk"])


def test_a_body_that_goes_live_is_said_to_be_within_a_second(
    ports: Ports, clock: SetClock, bought_keys: MemoryKeys
) -> None:
    live = replace(ports, signer=bought_keys)
    caller = make.caller(create_app(live))
    assert claims(caller)["issuers"] == []
    issued(live, mode=Mode.TEST)
    clock.move(FRESH)
    assert [each["mode"] for each in claims(caller)["issuers"]] == ["test"]


def test_a_seal_that_cannot_sign_leaves_the_list_before_it_to_its_end(ports: Ports, clock: SetClock) -> None:
    keys = FailingKeys(START)
    caller = make.caller(create_app(replace(ports, signer=keys)))
    keys.down = True
    missing = caller.get(PATH)
    assert (missing.status_code, missing.headers["retry-after"]) == (503, "2")
    keys.down = False
    first = caller.get(PATH)
    keys.down = True
    while clock.at < START + LIFE:
        answer = caller.get(PATH)
        if answer.status_code != 200:
            break
        assert answer.content == first.content
        assert open_key_list(answer.text).payload["exp"] > clock.at.timestamp()  # type: ignore[operator] # a number
        clock.move(timedelta(hours=6))
    assert clock.at >= START + LIFE / 2


HEADERS: dict[str, Any] = {
    "no chain": lambda header: header.pop("x5c"),
    "another digest": lambda header: header.update({"x5t#S256": "A" * 43}),
    "no name of a key": lambda header: header.pop("kid"),
    "a credential": lambda header: header.update(typ="vc+jwt"),
    "a key of its own": lambda header: header.update(jwk={}),
    "keys from elsewhere": lambda header: header.update(jku="https://evil.example/keys"),
    "critical": lambda header: header.update(crit=["exp"]),
    "no algorithm": lambda header: header.update(alg="none"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_list_with_any_other_header_is_refused(stranger: Caller, name: str) -> None:
    head, body, seal = stranger.get(PATH).text.split(".")
    header = json.loads(_decoded(head))
    HEADERS[name](header)
    with pytest.raises(Malformed):
        open_key_list(f"{encode64(json.dumps(header).encode())}.{body}.{seal}")


def test_a_list_of_keys_is_no_credential_and_a_credential_no_list(
    stranger: Caller, credential: Issued
) -> None:
    listed = stranger.get(PATH).text
    with pytest.raises(Malformed):
        open_compact(listed)
    for token in (credential.token, credential.badge):
        with pytest.raises(Malformed):
            open_key_list(token)
    report = stranger.post("/v1/verifications", json={"credential": listed}).json()
    assert (report["result"], report["credential"]) == ("invalid", None)


def _decoded(text: str) -> bytes:
    from app.formats.strict import decode64

    return decode64(text)
