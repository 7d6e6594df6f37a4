"""A sealed document in JSON on the public road: sent in any way, looked up, and shown on the page."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from app.core.ids import new_id
from app.credentials.models import Document
from app.formats import jades
from app.formats.jades import Seal
from app.formats.strict import decode64, write_json
from app.main import create_app
from app.ports import Ports, Slot
from app.schemes.catalogue import catalogue
from app.verification.submitted import MAX_TEXT
from tests import make
from tests.calling import Caller
from tests.formats.make_edc import edc
from tests.pki.signing import with_signature
from tests.shared import shared
from tests.verification.issued import Issued, document, meddle, revoke, suspend
from tests.verification.sealing import foreign, seal_of
from tests.verification.sealing import stranger as sealed_by

HERE = "https://sigillo.example.org"
JTI = "urn:uuid:5d0f5a0e-3c57-4b06-9a3e-2f6f0b7c1101"


def issue(live: Ports, credential: Issued) -> Seal:
    """Seal what the register says of a credential, with our key for it, and store it beside the others."""
    says = json.loads(decode64(credential.token.split(".")[1]))
    first = document(live, credential)
    scheme = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
    subject = says["credentialSubject"]["id"]
    claims: dict[str, Any] = {
        "document_id": JTI,
        "number": credential.number,
        "subject_id": subject,
        "holder_name": credential.holder_name,
        "scheme_title": scheme.title,
        "test": False,
    }
    content = edc(**claims) | {
        "validFrom": says["validFrom"],
        "validUntil": says["validUntil"],
        "expirationDate": says["validUntil"],
    }
    key = live.signer.current(Slot.EDC_SEAL)
    header = jades.protected_header(key, at=live.clock.now(), signing_time="iat", kind="edc")
    seal = jades.unsigned_seal(header, write_json(content))
    seal = with_signature(seal, live.signer.sign(key.thumbprint, seal.signing_input))
    with live.database.writing(credential.by.organisation_id) as session:
        session.add(
            Document(
                id=new_id("doc"),
                organisation_id=first.organisation_id,
                period_id=first.period_id,
                format="edc",
                jti=JTI,
                token=seal.general(),
                sha256=hashlib.sha256(seal.general().encode()).hexdigest(),
                key_thumbprint=key.thumbprint,
                list_id=None,
                list_index=None,
                issued_at=first.issued_at,
            )
        )
    return seal


def posted(stranger: Caller, text: str) -> dict[str, Any]:
    answer = stranger.post("/v1/verifications", files={"file": ("x.jsonld", text.encode())})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def codes(report: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["code"] for check in report["checks"]}


def test_one_of_ours_is_looked_up_by_its_name_and_answered_as_the_register_stands(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    seal = issue(live, credential)
    for text in (seal.general(), seal.flattened()):
        report = posted(stranger, text)
        assert report["result"] == "valid", codes(report)
        assert codes(report)["register_match"] == "register-agrees"
        assert report["credential"]["number"] == credential.number
    suspend(live, credential)
    assert codes(posted(stranger, seal.general()))["status"] == "status-suspended"
    revoke(live, credential)
    report = posted(stranger, seal.general())
    assert (report["result"], codes(report)["status"]) == ("invalid", "status-revoked")


def test_our_key_on_what_the_register_does_not_hold_is_invalid(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    issue(live, credential)
    meddle(live, "DELETE FROM document WHERE jti = :jti", jti=JTI)
    key = live.signer.current(Slot.EDC_SEAL)
    header = jades.protected_header(key, at=live.clock.now(), signing_time="iat", kind="edc")
    seal = jades.unsigned_seal(header, write_json(edc(document_id=JTI, test=False)))
    seal = with_signature(seal, live.signer.sign(key.thumbprint, seal.signing_input))
    report = posted(stranger, seal.general())
    assert (report["result"], codes(report)["register_match"]) == ("invalid", "register-has-no-entry")


def test_however_it_is_sent_the_answer_is_the_same(stranger: Caller) -> None:
    text = seal_of(foreign(), sealed_by()).general()
    assert len(text) < MAX_TEXT
    road = "/v1/verifications"
    kinds = ("application/json", "application/jose+json", "application/ld+json", "text/plain", "")
    answers = [
        posted(stranger, text),
        *(stranger.post(road, content=text, headers={"Content-Type": kind}).json() for kind in kinds),
        stranger.post(road, json={"credential": text}).json(),
        stranger.post(road, json={"credential": json.loads(text)}).json(),
        *stranger.post(road, json={"credentials": [text, json.loads(text)]}).json()["reports"],
    ]
    assert [each.get("code") for each in answers] == [None] * len(answers)
    assert [codes(each) for each in answers] == [codes(answers[0])] * len(answers)
    assert codes(answers[0])["issuer_trust"] == "issuer-unknown"
    assert answers[0]["result"] == "unknown"


@pytest.mark.parametrize("how", ["file", "text", "member", "object", "batch"])
def test_a_large_one_counts_as_five_however_it_is_sent(live: Ports, how: str) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 60}))
    caller, road = make.caller(create_app(slow)), "/v1/verifications"
    members = {"payload": "x" * MAX_TEXT, "signatures": []}
    text = json.dumps(members)
    sent: dict[str, dict[str, Any]] = {
        "file": {"files": {"file": ("x.jsonld", text.encode())}},
        "text": {"content": text, "headers": {"Content-Type": "application/json"}},
        "member": {"json": {"credential": text}},
        "object": {"json": {"credential": members}},
        "batch": {"json": {"credentials": [text]}},
    }
    assert caller.post(road, **sent[how]).status_code == 200
    caller.post(road, **sent[how])
    refused = caller.post(road, **sent[how])
    assert refused.status_code == 429, "there were six look-ups at once"


def test_a_large_one_is_taken_as_a_file_and_nothing_else_of_its_size_is(stranger: Caller) -> None:
    text = shared("elm", "samples", "commission", "Sample-CertOfPart-signed.jsonld").read_text()
    assert len(text) > MAX_TEXT
    assert codes(posted(stranger, text))["issuer_trust"] == "issuer-unknown"
    wrapped = stranger.post("/v1/verifications", json={"credential": text})
    assert codes(wrapped.json())["issuer_trust"] == "issuer-unknown"
    for other in (json.dumps({"credential": text}), "x" * len(text), json.dumps({"a": text})):
        answer = stranger.post("/v1/verifications", files={"file": ("x.json", other.encode())})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    huge = '{"payload":"' + "x" * 10_000_000
    answer = stranger.post("/v1/verifications", files={"file": ("x.jsonld", huge.encode())})
    assert answer.status_code in {200, 413}
    assert answer.json().get("result") in {None, "invalid"}


def test_the_page_says_why_not_further_in_both_languages(stranger: Caller) -> None:
    text = seal_of(foreign(), sealed_by()).general()
    for language, words in (("it", "Marca temporale della firma"), ("en", "Time-stamp of the signature")):
        page = stranger.post(f"/v?lang={language}", files={"file": ("x.jsonld", text.encode())})
        assert page.status_code == 200
        assert words in page.text


def test_the_vc_api_takes_tokens_alone(live: Ports, stranger: Caller, credential: Issued) -> None:
    text = issue(live, credential).general()
    for given in (text, json.loads(text)):
        answer = stranger.post("/credentials/verify", json={"verifiableCredential": given})
        assert answer.status_code == 400
        assert answer.json()["verified"] is False
