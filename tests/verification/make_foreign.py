"""Makes `tests/vectors/foreign/cases.json` anew: `python -m tests.verification.make_foreign`.

Nothing of the house takes part. Keys are made, used and forgotten, so that nobody can make these bytes again.
"""

import json
from pathlib import Path
from typing import Any

from tests.conftest import START
from tests.verification.abroad import (
    DAY,
    Chain,
    Json,
    Key,
    bits,
    bitstring,
    credential,
    did_document,
    did_key,
    ed25519,
    entry,
    p256,
    public,
    signed,
    token_list,
)

TO = Path(__file__).parents[1] / "vectors" / "foreign" / "cases.json"
HOST = "https://welding.example.org"
WEB = "did:web:welding.example.org"
DOCUMENT = f"{HOST}/.well-known/did.json"
REVOCATION, SUSPENSION, TOKENS = (f"{HOST}/lists/{name}" for name in ("revocation", "suspension", "tokens"))
NAME = "Welders of Example"
ISSUER = {"id": WEB, "name": NAME}

cases: list[Json] = []


def case(about: str, result: str, code: str, token: str, pages: dict[str, Any], **more: Any) -> None:
    shown = {url: page if isinstance(page, str) else json.dumps(page) for url, page in pages.items()}
    cases.append({"about": about, "result": result, "code": code, "token": token, "pages": shown, **more})


def lists(issuer: str, key: Key, *, revoked: set[int], suspended: set[int], **header: Any) -> dict[str, str]:
    return {
        url: signed(bitstring(url, issuer, purpose, bits(raised), START), key, **header)
        for url, purpose, raised in (
            (REVOCATION, "revocation", revoked),
            (SUSPENSION, "suspension", suspended),
        )
    }


BOTH = [entry(REVOCATION, 7), entry(SUSPENSION, 7, "suspension")]
TOKEN_STATUS = {"status_list": {"idx": 9, "uri": TOKENS}}


def did_web() -> None:
    key = p256()
    kid = f"{WEB}#1"
    pages = {DOCUMENT: did_document(WEB, {"1": key})}
    clear = lists(WEB, key, revoked={8}, suspended={6}, kid=kid)
    good = signed(credential(ISSUER, START, credentialStatus=BOTH), key, kid=kid)
    trusted = {"trusted": [WEB]}
    case("did:web, both lists clear", "valid", "status-active-listed", good, pages | clear, **trusted)
    case("the same, from nobody we trust", "unknown", "issuer-unknown", good, pages | clear)
    for about, raised, code in (
        ("revoked", {"revoked": {7}, "suspended": set()}, "status-revoked-listed"),
        ("suspended", {"revoked": set(), "suspended": {7}}, "status-suspended-listed"),
    ):
        made = lists(WEB, key, **raised, kid=kid)
        case(about, "invalid", code, good, pages | made, **trusted)
    head, _, seal = good.split(".")
    other = signed(credential(ISSUER, START, credentialStatus=BOTH, name="Welding, level 9"), key, kid=kid)
    tampered = f"{head}.{other.split('.')[1]}.{seal}"
    case("another content under the seal", "invalid", "seal-broken", tampered, pages | clear, **trusted)
    ended = signed(
        credential(ISSUER, START, credentialStatus=BOTH, validUntil="2026-11-01T00:00:00Z"), key, kid=kid
    )
    case("ended", "invalid", "expired", ended, pages | clear, **trusted)
    early = signed(
        credential(ISSUER, START, credentialStatus=BOTH, validFrom="2027-01-01T00:00:00Z"), key, kid=kid
    )
    case("not begun", "invalid", "not-yet-valid", early, pages | clear, **trusted)
    plain = signed(credential(ISSUER, START), key, kid=kid)
    case("no status", "valid_with_warnings", "status-not-offered", plain, pages, **trusted)
    case("the lists do not answer", "unknown", "status-unreachable", good, pages, **trusted)
    half = {REVOCATION: clear[REVOCATION]}
    case("one list does not answer", "unknown", "status-unreachable", good, pages | half, **trusted)
    half_raised = {REVOCATION: lists(WEB, key, revoked={7}, suspended=set(), kid=kid)[REVOCATION]}
    case(
        "revoked, whatever the other",
        "invalid",
        "status-revoked-listed",
        good,
        pages | half_raised,
        **trusted,
    )
    case("the keys do not answer", "unknown", "key-unavailable", good, clear, **trusted)
    case(
        "the key is of another name",
        "unknown",
        "key-unavailable",
        good,
        {DOCUMENT: did_document(WEB, {"2": key})} | clear,
        **trusted,
    )
    case(
        "the key is for signing in",
        "unknown",
        "key-unavailable",
        good,
        {DOCUMENT: did_document(WEB, {"1": key}, use="authentication")} | clear,
        **trusted,
    )
    case(
        "the document of another",
        "unknown",
        "key-unavailable",
        good,
        {DOCUMENT: did_document("did:web:other.example.org", {"1": key})} | clear,
        **trusted,
    )
    case(
        "the key was changed",
        "invalid",
        "seal-broken",
        good,
        {DOCUMENT: did_document(WEB, {"1": p256()})} | clear,
        **trusted,
    )
    case(
        "nonsense for a document", "unknown", "key-unavailable", good, {DOCUMENT: "<html>"} | clear, **trusted
    )


def hostile_lists() -> None:
    key, stranger = p256(), p256()
    kid, trusted = f"{WEB}#1", {"trusted": [WEB]}
    pages = {DOCUMENT: did_document(WEB, {"1": key})}
    token = signed(credential(ISSUER, START, credentialStatus=entry(REVOCATION, 7)), key, kid=kid)

    def listed(by: Key = key, name: str = kid, encoded: str = "", **changes: Any) -> dict[str, str]:
        made = bitstring(REVOCATION, WEB, "revocation", encoded or bits({8}), START, **changes)
        return {REVOCATION: signed(made, by, kid=name)}

    later, earlier = "2026-11-21T00:00:00Z", "2026-11-19T00:00:00Z"
    suspension = bitstring(REVOCATION, WEB, "suspension", bits(set()), START)["credentialSubject"]
    other, theirs = "did:web:other.example.org", did_key(stranger)
    wrong = {
        "a list that has ended": ("status-too-old", listed(validUntil=earlier)),
        "a list to come": ("status-not-credible", listed(validFrom=later)),
        "a list of another issuer": ("status-not-credible", listed(issuer=other)),
        "a list at another address": ("status-not-credible", listed(id=f"{HOST}/lists/other")),
        "a list of another purpose": ("status-not-credible", listed(credentialSubject=suspension)),
        "a list under another key": ("status-not-credible", listed(by=stranger)),
        "a list under a key of one's own": (
            "status-not-credible",
            listed(by=stranger, name=f"{theirs}#{theirs.removeprefix('did:key:')}"),
        ),
        "a list under a key that nobody has": ("status-unreachable", listed(name=f"{WEB}#9")),
        "a credential for a list": ("status-unreachable", {REVOCATION: token}),
        "a token list for a bitstring": (
            "status-unreachable",
            {REVOCATION: signed(token_list(REVOCATION, WEB, {}, START), key, kid=kid, typ="statuslist+jwt")},
        ),
        "a short list": ("status-unreachable", listed(encoded=bits(set(), 1024))),
        "a list that swells": ("status-unreachable", listed(encoded=bits(set(), 8 * 50_000_000))),
        "no list": ("status-unreachable", {REVOCATION: "{}"}),
        "an empty list": ("status-unreachable", {REVOCATION: ""}),
    }
    for about, (code, page) in wrong.items():
        case(about, "unknown", code, token, pages | page, **trusted)
    beyond = signed(credential(ISSUER, START, credentialStatus=entry(REVOCATION, 999_999_999)), key, kid=kid)
    case("a position beyond the list", "unknown", "status-not-credible", beyond, pages | listed(), **trusted)
    for about, status in {
        "a status of another kind": {"type": "TrafficLight2030", "id": f"{HOST}/light"},
        "a purpose of another kind": entry(REVOCATION, 7, "message"),
    }.items():
        made = signed(credential(ISSUER, START, credentialStatus=status), key, kid=kid)
        case(about, "unknown", "status-not-understood", made, pages | listed(), **trusted)


def token_lists() -> None:
    key = ed25519()
    kid, trusted = f"{HOST}#k1", {"trusted": [HOST]}
    metadata = {"issuer": HOST, "jwks": {"keys": [{**public(key), "kid": kid}]}}
    pages = {f"{HOST}/.well-known/jwt-vc-issuer": metadata}
    issuer = {"id": HOST, "name": NAME}
    token = signed(credential(issuer, START, status=TOKEN_STATUS), key, kid=kid)

    def listed(state: int, by: Key = key, typ: str = "statuslist+jwt", **changes: Any) -> dict[str, str]:
        made = token_list(TOKENS, HOST, {9: state, 8: 1, 10: 1}, START, **changes)
        return {TOKENS: signed(made, by, kid=kid, typ=typ)}

    case(
        "Ed25519, metadata, token list clear",
        "valid",
        "status-active-listed",
        token,
        pages | listed(0),
        **trusted,
    )
    case("revoked in a token list", "invalid", "status-revoked-listed", token, pages | listed(1), **trusted)
    case(
        "suspended in a token list", "invalid", "status-suspended-listed", token, pages | listed(2), **trusted
    )
    case("a state of its own", "unknown", "status-not-understood", token, pages | listed(3), **trusted)
    for about, code, page in (
        ("a token list that has ended", "status-too-old", listed(0, exp=int((START - DAY / 2).timestamp()))),
        ("a token list of another", "status-not-credible", listed(0, iss="https://other.example.org")),
        ("a token list for another address", "status-not-credible", listed(0, sub=f"{HOST}/lists/x")),
        ("a token list under another key", "status-not-credible", listed(0, by=ed25519())),
        ("a token list of another type", "status-unreachable", listed(0, typ="vc+jwt")),
        ("a token list that does not answer", "status-unreachable", {}),
    ):
        case(about, "unknown", code, token, pages | page, **trusted)
    anonymous = listed(0, iss=None)
    case(
        "a token list without a name, under its key",
        "valid",
        "status-active-listed",
        token,
        pages | anonymous,
        **trusted,
    )
    elsewhere = {
        f"{HOST}/.well-known/jwt-vc-issuer": {"issuer": HOST, "jwks_uri": f"{HOST}/jwks"},
        f"{HOST}/jwks": metadata["jwks"],
    }
    case(
        "keys at an address of their own",
        "valid",
        "status-active-listed",
        token,
        elsewhere | listed(0),
        **trusted,
    )
    case(
        "metadata of another",
        "unknown",
        "key-unavailable",
        token,
        {f"{HOST}/.well-known/jwt-vc-issuer": {**metadata, "issuer": f"{HOST}/x"}} | listed(0),
        **trusted,
    )
    odd = signed(credential(issuer, START, status="active"), key, kid=kid)
    case("a status that is a word", "unknown", "status-not-understood", odd, pages, **trusted)


def did_keys() -> None:
    for key in (p256(), ed25519()):
        did = did_key(key)
        kid = f"{did}#{did.removeprefix('did:key:')}"
        issuer = {"id": did, "name": NAME}
        token = signed(credential(issuer, START), key, kid=kid)
        case("did:key that we trust", "valid_with_warnings", "status-not-offered", token, {}, trusted=[did])
        case("did:key of anybody", "unknown", "issuer-unknown", token, {})
        case(
            "did:key under a wrong name",
            "unknown",
            "key-unavailable",
            signed(credential(issuer, START), key, kid=f"{did}#1"),
            {},
            trusted=[did],
        )
        case(
            "did:key without a name",
            "valid_with_warnings",
            "status-not-offered",
            signed(credential(issuer, START), key),
            {},
            trusted=[did],
        )
        stolen = signed(credential(ISSUER, START), key, kid=kid)
        web = {DOCUMENT: did_document(WEB, {"1": p256()})}
        case(
            "a trusted name under a key of one's own", "unknown", "issuer-unknown", stolen, web, trusted=[WEB]
        )


def chains() -> None:
    chain = Chain(NAME, START, host="welding.example.org")
    anchors = {"anchors": [chain.anchor()]}
    issuer = {"id": f"{HOST}/seal", "name": NAME}
    plain = signed(credential(issuer, START), chain.key, x5c=chain.x5c())
    case("a chain to an anchor", "valid_with_warnings", "status-not-offered", plain, {}, **anchors)
    case("a chain to no anchor", "unknown", "issuer-unknown", plain, {})
    status = token_list(TOKENS, f"{HOST}/seal", {9: 0}, START)
    page = {TOKENS: signed(status, chain.key, typ="statuslist+jwt", x5c=chain.x5c())}
    full = signed(credential(issuer, START, status=TOKEN_STATUS), chain.key, x5c=chain.x5c())
    case("a chain to an anchor, its list too", "valid", "status-active-listed", full, page, **anchors)
    own = Chain(NAME, START, host="welding.example.org")
    forged = {TOKENS: signed(status, own.key, typ="statuslist+jwt", x5c=own.x5c())}
    case("a chain to an anchor, its list to none", "unknown", "status-not-credible", full, forged, **anchors)
    copied = signed(credential(issuer, START), own.key, x5c=own.x5c())
    case("a chain that looks alike", "unknown", "issuer-unknown", copied, {}, **anchors)
    borrowed = signed(
        credential({"id": "https://bank.example.org", "name": "Bank"}, START), chain.key, x5c=chain.x5c()
    )
    case("the chain of another body", "unknown", "issuer-not-borne-out", borrowed, {}, **anchors)
    shown = signed(credential(issuer, START), own.key, x5c=chain.x5c())
    case("somebody else's certificate", "invalid", "seal-broken", shown, {}, **anchors)
    trusted = signed(credential(ISSUER, START), own.key, x5c=own.x5c())
    case(
        "a trusted name over a chain of one's own",
        "unknown",
        "issuer-unknown",
        trusted,
        {DOCUMENT: did_document(WEB, {"1": p256()})},
        trusted=[WEB],
    )


def badges() -> None:
    key, at = p256(), f"{HOST}/keys/1"
    pages = {DOCUMENT: did_document(WEB, {"1": key}), at: public(key)}
    trusted = {"trusted": [WEB]}
    status = entry(SUSPENSION, 7, "suspension")
    badge = signed(credential(ISSUER, START, credentialStatus=status), key, typ="JWT", kid=at)
    clear = lists(WEB, key, revoked=set(), suspended={8}, kid=f"{WEB}#1")
    raised = lists(WEB, key, revoked=set(), suspended={7}, kid=f"{WEB}#1")
    case("badge, clear", "valid", "status-active-listed", badge, pages | clear, **trusted)
    case("badge, suspended", "invalid", "status-suspended-listed", badge, pages | raised, **trusted)
    case("badge, from nobody we trust", "unknown", "issuer-unknown", badge, pages | clear)
    case(
        "badge, its key does not answer",
        "unknown",
        "key-unavailable",
        badge,
        {DOCUMENT: pages[DOCUMENT]} | clear,
        **trusted,
    )
    case(
        "badge, its key is not the issuer's",
        "unknown",
        "issuer-unknown",
        badge,
        {DOCUMENT: did_document(WEB, {"1": p256()}), at: public(key)},
        **trusted,
    )
    plain = signed(credential(ISSUER, START), key, typ=None, kid=at)
    case("badge without type or status", "valid_with_warnings", "status-not-offered", plain, pages, **trusted)
    brought = signed(credential(ISSUER, START), key, typ="JWT", jwk=public(key))
    case("badge that brings its key", "valid_with_warnings", "status-not-offered", brought, pages, **trusted)
    stranger = p256()
    stolen = signed(credential(ISSUER, START), stranger, typ="JWT", jwk=public(stranger))
    case("badge that brings a key of one's own", "unknown", "issuer-unknown", stolen, pages, **trusted)
    ended = signed(credential(ISSUER, START, validUntil="2026-11-01T00:00:00Z"), key, typ="JWT", kid=at)
    case("badge, ended", "invalid", "expired", ended, pages, **trusted)
    head, _, seal = plain.split(".")
    tampered = f"{head}.{badge.split('.')[1]}.{seal}"
    case("badge, changed", "invalid", "seal-broken", tampered, pages, **trusted)


if __name__ == "__main__":
    for make in (did_web, hostile_lists, token_lists, did_keys, chains, badges):
        make()
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cases)} cases")  # noqa: T201 - whoever runs it wants to know
