"""Offline QR codes at the desk: the link, its digits or a picture of it, and what is said of each."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from app.credentials import queries
from app.formats import qr
from app.formats.claims import Format
from app.formats.jose import thumbprint
from app.formats.q1 import link
from app.main import create_app
from app.organisations.models import Mode
from app.ports import Ports, PublicKey, Slot
from app.verification import service as engine
from app.verification.entries import Document, Entry
from app.verification.examining import examine
from app.verification.report import Report
from app.verification.trust import Keyring
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.formats.vectors import vector
from tests.verification.issued import Issued, document, issued, meddle, reinstate, revoke, suspend

PATH = "/v1/verifications"
HERE = "https://sigillo.example.org"


def asked(caller: Caller, text: str) -> dict[str, Any]:
    answer = caller.post(PATH, json={"credential": text})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def states(told: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["state"] for check in told["checks"]}


def codes(told: dict[str, Any]) -> set[str]:
    return {check["code"] for check in told["checks"]}


def test_a_qr_code_is_answered_as_the_sealed_document_is(stranger: Caller, credential: Issued) -> None:
    told, sealed = asked(stranger, link(HERE, credential.qr)), asked(stranger, credential.token)
    assert told == sealed
    assert told["result"] == "valid"
    assert set(states(told).values()) == {"pass"}
    assert told["credential"]["number"] == credential.number
    assert told["credential"]["holder_name"] == credential.holder_name
    assert told["issuer"] == {"name": "Associazione di prova"}
    assert told["mode"] == "live"


@pytest.mark.parametrize("form", ["link", "digits", "in capitals", "png", "jpeg"])
def test_it_is_taken_as_a_link_as_digits_and_as_a_picture(
    stranger: Caller, credential: Issued, form: str
) -> None:
    text = link(HERE, credential.qr)
    if form in {"png", "jpeg"}:
        content = BytesIO()
        Image.open(BytesIO(qr.png(text, level=qr.Level.PRINT))).convert("RGB").save(content, form)
        answer = stranger.post(PATH, files={"file": ("photo", content.getvalue())})
        assert answer.status_code == 200, answer.text
        told = answer.json()
    else:
        given = {
            "link": f" {text}\n",
            "digits": credential.qr,
            "in capitals": text.upper().replace("/V#", "/v#"),
        }
        told = asked(stranger, given[form])
    assert (told["result"], told["credential"]["number"]) == ("valid", credential.number)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v#",
        f"{HERE}.evil.example/v#",
        f"{HERE}/w#",
        f"{HERE}/v?x=1#",
        "http://sigillo.example.org/v#",
    ],
)
def test_a_genuine_code_in_a_link_that_leads_elsewhere_is_not_answered_for(
    stranger: Caller, credential: Issued, address: str
) -> None:
    answer = stranger.post(PATH, json={"credential": address + credential.qr})
    assert (answer.status_code, answer.json()["code"]) == (422, "not-ours")
    assert credential.number not in answer.text


def test_a_changed_code_is_answered_with_nothing_of_its_own(stranger: Caller, credential: Issued) -> None:
    number = int(credential.qr)
    of_the_seal, of_the_name = number ^ 1 << 300, number ^ 1 << (8 * 80)
    for changed in (of_the_seal, of_the_name):
        told = asked(stranger, link(HERE, str(changed)))
        assert told["result"] == "invalid"
        assert told["credential"] is told["issuer"] is None
        assert credential.holder_name not in str(told)


def test_a_code_of_a_key_that_nobody_knows_is_unknown_and_shows_nothing(
    credential: Issued, live: Ports
) -> None:
    strangers = replace(live, signer=MemoryKeys(START, development=False))
    told = asked(make.caller(create_app(strangers)), credential.qr)
    assert (told["result"], told["credential"]) == ("unknown", None)
    assert "key-unavailable" in codes(told)


def test_it_follows_the_credential_through_suspension_reinstatement_and_revocation(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    suspend(live, credential)
    assert "status-suspended" in codes(asked(stranger, credential.qr))
    reinstate(live, credential)
    assert asked(stranger, credential.qr)["result"] == "valid"
    revoke(live, credential)
    told = asked(stranger, credential.qr)
    assert told["result"] == "invalid"
    assert "status-revoked" in codes(told)
    assert told["credential"]["state"] == "revoked"


def test_its_validity_ends_with_its_last_day(live: Ports, credential: Issued) -> None:
    for offset, result in (
        (timedelta(days=1096, hours=13, minutes=59), "valid"),
        (timedelta(days=1097), "invalid"),
    ):
        later = replace(live, clock=SetClock(START + offset))
        assert asked(make.caller(create_app(later)), credential.qr)["result"] == result


def test_what_the_register_contradicts_is_invalid(live: Ports, stranger: Caller, credential: Issued) -> None:
    stored = document(live, credential, Format.QR)
    meddle(live, "UPDATE document SET sha256 = :other WHERE id = :id", other="0" * 64, id=stored.id)
    told = asked(stranger, credential.qr)
    assert (told["result"], states(told)["register_match"]) == ("invalid", "fail")


def test_of_a_body_that_tries_things_out_it_says_test(ports: Ports) -> None:
    credential = issued(ports, mode=Mode.TEST)
    told = asked(make.caller(create_app(ports)), credential.qr)
    assert (told["result"], told["mode"]) == ("valid_with_warnings", "test")
    assert told["headline"]["en"].startswith("TEST")


def test_a_hidden_number_is_still_told_to_whoever_holds_the_code(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    with live.database.writing(credential.by.organisation_id) as session:
        queries.by_id(session, credential.id).hidden_at = live.clock.now()
    assert stranger.get(f"/v/{credential.number}.json").status_code == 404
    assert asked(stranger, credential.qr)["result"] == "valid"


# --- codes that other hands made

VECTORS = vector("q1")
KID = VECTORS["keys"][0]["kid"]
FIRST, LAST = date(2026, 11, 20), date(2029, 11, 20)
SIGNED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def theirs(*, trusting: bool = True) -> Keyring:
    """The keys of the body that made the vectors, as if it were ours."""
    jwk = VECTORS["keys"][0]["jwk"]
    chain = (base64.b64decode(VECTORS["certificate"]),)
    key = PublicKey(thumbprint(jwk), Slot.QR, "ES256", jwk, chain, development=False, current=True)
    anchors = (base64.b64decode(VECTORS["root"]),) if trusting else ()
    return Keyring((key,), anchors, VECTORS["did"], {})


def entry(digits: str, jti: str, standing: str) -> Entry:
    over = SIGNED + timedelta(days=1)
    stored = Document(
        period=1,
        kind="grant",
        first_day=FIRST,
        last_day=LAST,
        ended_on=None,
        scheme_version="1.0.0",
        format="qr",
        jti=jti,
        token=digits,
        sha256=hashlib.sha256(digits.encode()).hexdigest(),
        key_thumbprint="",
        issued_at=SIGNED,
        superseded_at=over if standing == "superseded" else None,
    )
    return Entry(
        number="DLE-26-0000-0000-0001-95",
        subject_id="urn:uuid:0e1c8a54-6f4d-4f0b-8a5c-1b2d3e4f5a6b",
        scheme_id="uni-11621-8/ai-deep-learning-engineer",
        suspended_at=over if standing == "suspended" else None,
        revoked_at=over if standing == "revoked" else None,
        closed_at=over if standing == "revoked" else None,
        mode="live",
        time_zone="Europe/Rome",
        documents=(stored,),
        issuer_name=VECTORS["issuers"][0]["name"],
        issuer_code=VECTORS["issuers"][0]["code"],
    )


def reported(case: dict[str, Any], keyring: Keyring) -> Report:
    examined = examine(case["digits"], keyring)
    known_as = None
    if examined.says is not None and case["register"] != "none":
        known_as = entry(case["digits"], examined.says.jti or "", case["register"])
    known = engine.compare(examined, known_as, keyring)
    return engine.report(known, keyring, at=datetime.fromisoformat(case["at"]))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_a_foreign_code_is_reported_as_its_vector_says(case: dict[str, Any]) -> None:
    told = reported(case, theirs())
    assert (told.result, case["code"] in {check.reason_code for check in told.checks}) == (
        case["result"],
        True,
    )
    if case["read"] != "sound":
        assert told.shown is None
    elif case["result"] == "valid":
        assert told.shown is not None
        assert told.shown.number == "DLE-26-0000-0000-0001-95"
        assert told.shown.issuer_name == "Altra associazione di prova"


def test_the_vectors_hold_at_least_one_code_for_every_outcome() -> None:
    assert {case["result"] for case in VECTORS["cases"]} == {
        "valid",
        "valid_with_warnings",
        "invalid",
        "unknown",
    }
    assert {case["read"] for case in VECTORS["cases"]} == {"sound", "broken", "unknown-key", "malformed"}


def test_a_code_whose_chain_ends_in_no_anchor_is_unknown() -> None:
    (case,) = [each for each in VECTORS["cases"] if each["name"] == "valid"]
    told = reported(case, theirs(trusting=False))
    assert told.result == "unknown"
    assert "issuer-unknown" in {check.reason_code for check in told.checks}
