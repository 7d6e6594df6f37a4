"""The W3C VC API pair: 200 where proof, dates and status hold, 400 with problem details where they do not."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.ports import Ports
from app.verification import batches
from app.verification.details import MALFORMED, PARSING, PROOF, RANGE, RETRIEVAL, VERIFICATION
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.verification import abroad
from tests.verification.issued import Issued, revoke, suspend
from tests.verification.test_foreign import Silent, case, pages

CREDENTIALS, PRESENTATIONS = "/credentials/verify", "/presentations/verify"
V2 = "https://www.w3.org/ns/credentials/v2"
HOLDER = abroad.p256()
DID = abroad.did_key(HOLDER)
KID = f"{DID}#{DID.removeprefix('did:key:')}"


def enveloped(token: str, what: str = "Credential") -> dict[str, str]:
    kind = "vc+jwt" if what == "Credential" else "vp+jwt"
    return {"@context": V2, "type": f"EnvelopedVerifiable{what}", "id": f"data:application/{kind},{token}"}


def verify(caller: Caller, credential: object, **more: Any) -> httpx.Response:
    return caller.post(CREDENTIALS, json={"verifiableCredential": credential, **more})


def errors(answer: httpx.Response) -> set[str]:
    body = answer.json()
    assert answer.status_code == (200 if body["verified"] else 400)
    assert body["problemDetails"] == body["errors"] + body["warnings"]
    for problem in body["problemDetails"]:
        assert set(problem) == {"type", "title", "detail"}
    return {problem["type"] for problem in body["errors"]}


def warnings(answer: httpx.Response) -> set[str]:
    return {problem["title"] for problem in answer.json()["warnings"]}


def test_ours_is_verified_and_comes_back_unchanged(stranger: Caller, credential: Issued) -> None:
    signed = json.loads(abroad.decode64(credential.token.split(".")[1]))
    for sent in (credential.token, enveloped(credential.token)):
        answer = verify(stranger, sent, options={"returnCredential": True})
        assert (answer.status_code, errors(answer)) == (200, set())
        assert answer.json()["credential"] == signed
        assert answer.headers["cache-control"] == "private, no-store"
    assert verify(stranger, credential.badge).status_code == 200


def test_what_was_suspended_or_revoked_is_not_verified(
    stranger: Caller, live: Ports, credential: Issued
) -> None:
    suspend(live, credential)
    assert errors(verify(stranger, credential.token)) == {VERIFICATION}
    revoke(live, credential)
    assert errors(verify(stranger, credential.token)) == {VERIFICATION}


def test_what_was_changed_is_not_verified_and_nothing_of_it_comes_back(
    stranger: Caller, credential: Issued
) -> None:
    answer = verify(stranger, credential.token[:-2] + "AA")
    assert errors(answer) == {PROOF}
    assert "credential" not in answer.json()


@pytest.mark.parametrize(
    ("about", "found"),
    [
        ("did:web, both lists clear", set()),
        ("the same, from nobody we trust", set()),
        ("did:key of anybody", set()),
        ("no status", set()),
        ("a status of another kind", set()),
        ("a chain to no anchor", {PROOF}),
        ("did:key that we trust", set()),
        ("badge, from nobody we trust", set()),
        ("badge that brings its key", set()),
        ("badge that brings a key of one's own", {PROOF}),
        ("badge, its key is not the issuer's", {PROOF, RETRIEVAL}),
        ("a trusted name under a key of one's own", {PROOF}),
        ("a trusted name over a chain of one's own", {PROOF}),
        ("the chain of another body", {PROOF}),
        ("revoked", {VERIFICATION}),
        ("suspended in a token list", {VERIFICATION}),
        ("the lists do not answer", {RETRIEVAL}),
        ("a list under another key", {RETRIEVAL}),
        ("a list that swells", {RETRIEVAL}),
        ("ended", {RANGE}),
        ("not begun", {RANGE}),
        ("another content under the seal", {PROOF}),
        ("the keys do not answer", {PROOF}),
    ],
)
def test_foreign_ones_are_judged_on_proof_dates_and_status(live: Ports, about: str, found: set[str]) -> None:
    given = case(about)
    answer = verify(make.caller(create_app(replace(live, outbound=pages(given["pages"])))), given["token"])
    assert errors(answer) == found
    if not found:
        assert "issuer-unknown" in warnings(answer)
    if about == "a status of another kind":
        assert "status-not-understood" in warnings(answer)


@pytest.mark.parametrize(
    "issuer",
    [
        "did:web:university.example.org",
        "did:web:sigillo.example.org",
        "did:web:SIGILLO.example.org",
        "did:web:sigillo.example.org:",
        "did:web:sigillo.example.org:seal",
        "did:web:sigillo%2Eexample.org",
        "did:web:sigillo.example.org.",
        "https://sigillo.example.org",
        "https://SIGILLO.example.org:443/",
        "https://sigillo.example.org./x",
        "https://sigillo%2Eexample.org",
        "DID:WEB:sigillo.example.org",
    ],
)
def test_nobody_signs_in_the_name_of_another(stranger: Caller, issuer: str) -> None:
    payload = abroad.credential({"id": issuer, "name": "Associazione di prova"}, START)
    chain = abroad.Chain("Associazione di prova", START, host="sigillo.example.org", key=HOLDER)
    for header in ({"typ": "JWT", "jwk": abroad.public(HOLDER)}, {"kid": KID}, {"x5c": chain.x5c()}):
        token = abroad.signed(payload, HOLDER, **header)
        answer = verify(stranger, token)
        assert PROOF in errors(answer)
        assert "credential" not in answer.json()
        told = stranger.post("/v1/verifications", json={"credential": token}).json()
        assert told["result"] in {"invalid", "unknown"}
        shown = present(stranger, presentation(token)).json()
        assert [each["verified"] for each in (shown, *shown["credentialResults"])] == [False, False]


def test_the_key_of_another_name_counts_where_the_issuer_publishes_it_too(live: Ports) -> None:
    issuer = "did:web:welding.example.org"
    document = json.dumps(abroad.did_document(issuer, {"1": HOLDER}))
    outside = pages({"https://welding.example.org/.well-known/did.json": document})
    caller = make.caller(create_app(replace(live, outbound=outside)))
    token = abroad.signed(abroad.credential(issuer, START), HOLDER, kid=KID)
    assert errors(verify(caller, token)) == set()


def test_what_is_not_looked_at_is_left_as_it_is_and_said(stranger: Caller) -> None:
    schema = {"id": "https://w.example.org/schema", "type": "JsonSchema"}
    payload = abroad.credential({"id": DID}, START, credentialSchema=schema, evidence=[{"type": "Interview"}])
    answer = verify(stranger, abroad.signed(payload, HOLDER, kid=KID))
    assert answer.status_code == 200
    assert answer.json()["credential"] == payload
    assert {"credentialSchema", "evidence"} <= warnings(answer)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "a.b.c",
        "https://example.org/x",
        {},
        {"type": "VerifiableCredential", "proof": {"type": "DataIntegrityProof"}},
        {"@context": V2, "type": ["VerifiableCredential"], "credentialSubject": {}},
    ],
)
def test_what_is_no_credential_is_a_problem_and_no_failure(stranger: Caller, sent: object) -> None:
    assert errors(verify(stranger, sent)) == {PARSING}


@pytest.mark.parametrize("path", [CREDENTIALS, PRESENTATIONS])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"verifiableCredential": 1}', b"\xff", b"[" * 9999]
)
def test_what_is_no_question_is_refused(stranger: Caller, path: str, body: bytes) -> None:
    answer = stranger.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


def presentation(*credentials: object, by: abroad.Key = HOLDER, kid: str = KID, **changes: Any) -> str:
    payload = {
        "@context": [V2],
        "type": ["VerifiablePresentation"],
        "holder": DID,
        "verifiableCredential": list(credentials),
        "nonce": "n-0S6_WzA2Mj",
        "aud": "https://employer.example.org",
        **changes,
    }
    header = {"typ": "vp+jwt", "kid": kid}
    header |= {name: payload.pop(name) for name in ("typ", "cty", "jwk") if name in payload}
    return abroad.signed({name: v for name, v in payload.items() if v is not None}, by, **header)


def present(caller: Caller, shown: object, **options: object) -> httpx.Response:
    return caller.post(PRESENTATIONS, json={"verifiablePresentation": shown, "options": options})


ASKED = {"challenge": "n-0S6_WzA2Mj", "domain": "https://employer.example.org"}


def test_a_presentation_is_verified_with_all_that_it_shows(stranger: Caller, credential: Issued) -> None:
    shown = presentation(enveloped(credential.token), credential.badge)
    for sent in (shown, enveloped(shown, "Presentation")):
        answer = present(stranger, sent, **ASKED)
        assert errors(answer) == set()
        assert [each["verified"] for each in answer.json()["credentialResults"]] == [True, True]
        assert answer.json()["presentation"]["holder"] == DID
    assert (
        errors(present(stranger, shown, challenge=ASKED["challenge"], domain=["x", ASKED["domain"]])) == set()
    )
    assert "challenge" in warnings(present(stranger, shown))
    assert present(stranger, presentation()).status_code == 200


def test_one_credential_that_fails_fails_the_presentation(
    stranger: Caller, live: Ports, credential: Issued
) -> None:
    revoke(live, credential)
    answer = present(stranger, presentation(enveloped(credential.token)), **ASKED)
    assert answer.status_code == 400
    (result,) = answer.json()["credentialResults"]
    assert {problem["type"] for problem in result["errors"]} == {VERIFICATION}


OTHER = abroad.p256()
NOW = int(START.timestamp())


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        (presentation(nonce="another"), {MALFORMED}),
        (presentation(nonce=None), {MALFORMED}),
        (presentation(aud="https://other.example.org"), {MALFORMED}),
        (presentation(aud=None), {MALFORMED}),
        (presentation(exp=NOW), {RANGE}),
        (presentation(nbf=NOW + 1), {RANGE}),
        (presentation(by=OTHER), {PROOF}),
        (presentation(by=OTHER, kid=f"{(d := abroad.did_key(OTHER))}#{d[8:]}"), {PROOF}),
        (presentation(kid=f"{DID}#other"), {PROOF}),
        (presentation(kid="did:web:nobody.example.org#1"), {PROOF}),
        (presentation(holder="did:web:nobody.example.org"), {PROOF}),
        (presentation(iss="did:web:nobody.example.org"), {PARSING}),
        (presentation(typ="vc+jwt"), {PARSING}),
        (presentation(typ="JWT"), {PARSING}),
        (presentation(typ=None), {PARSING}),
        (presentation(cty="vc"), {PARSING}),
        (presentation(type=["VerifiableCredential"]), {PARSING}),
        (presentation(vp={}), {PARSING}),
        (presentation(*["x"] * 21), {PARSING}),
        (presentation()[:-3] + "AAA", {PROOF}),
        ("", {PARSING}),
        ({"type": "VerifiablePresentation", "verifiableCredential": []}, {PARSING}),
        ("a.b.c", {PARSING}),
    ],
)
def test_a_presentation_for_another_or_by_another_is_not_verified(
    stranger: Caller, shown: object, found: set[str]
) -> None:
    answer = present(stranger, shown, **ASKED)
    assert errors(answer) == found


def test_a_credential_is_no_presentation_and_the_other_way_round(
    stranger: Caller, credential: Issued
) -> None:
    assert errors(present(stranger, credential.token)) == {PARSING}
    assert errors(verify(stranger, presentation())) == {PARSING}


def test_options_of_the_wrong_kind_are_refused(stranger: Caller) -> None:
    assert present(stranger, presentation(), challenge=1).status_code == 422


def test_each_credential_of_a_presentation_counts_as_a_look_up(live: Ports, credential: Issued) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 60}))
    caller = make.caller(create_app(slow))
    shown = presentation(*[credential.token] * 20)
    assert present(caller, shown, **ASKED).status_code == 200
    refused = present(caller, shown, **ASKED)
    assert refused.status_code == 429
    assert 10 < int(refused.headers["retry-after"]) <= 20


def test_a_presentation_waits_once_for_all_that_its_credentials_point_at(
    live: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "PATIENCE_FOR_ALL_SECONDS", 0.1)
    tokens = [
        abroad.signed(abroad.credential(f"did:web:w{n}.example.org", START), HOLDER, kid=f"{n}")
        for n in range(8)
    ]
    caller = make.caller(create_app(replace(live, outbound=Silent())))
    results = present(caller, presentation(*tokens), **ASKED).json()["credentialResults"]
    assert [each["verified"] for each in results] == [False] * 8
