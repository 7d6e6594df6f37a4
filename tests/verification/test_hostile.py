"""Hostile headers, payloads and shapes of tokens, each truly signed by a key whose issuer is trusted.

Were it not, refusing would be easy: it is only the hostile thing about each of them that is to be refused.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from app.ports import Slot
from app.verification.foreign import Abroad
from app.verification.report import CheckName, Outcome
from app.verification.trust import Keyring
from tests.adapters.test_outbound import SPELLED
from tests.calling import Caller
from tests.conftest import START
from tests.fakes_keys import MemoryKeys
from tests.fakes_outbound import Nowhere
from tests.verification.abroad import Chain, credential
from tests.verification.test_foreign import HERE, reported

PRIVATE = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
OTHER = Chain("Somebody Else", START)
Json = dict[str, Any]


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def sealed(header: bytes, payload: bytes) -> str:
    """Sign whatever bytes there are: no library would."""
    signing = f"{encode(header)}.{encode(payload)}"
    r, s = decode_dss_signature(PRIVATE.sign(signing.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signing}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def own_did() -> str:
    raw = PRIVATE.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    number, text = int.from_bytes(b"\x80\x24" + raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    return f"did:key:z{text}"


DID = own_did()
KID = f"{DID}#{DID.removeprefix('did:key:')}"
POINT = PRIVATE.public_key().public_numbers()
JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": encode(POINT.x.to_bytes(32, "big")),
    "y": encode(POINT.y.to_bytes(32, "big")),
}
HEAD: Json = {"alg": "ES256", "typ": "vc+jwt", "kid": KID}
BODY: Json = credential({"id": DID, "name": "Welders"}, START)
GOOD = sealed(json.dumps(HEAD).encode(), json.dumps(BODY).encode())
ABSENT = object()


def with_head(**changes: Any) -> str:
    header = {name: value for name, value in (HEAD | changes).items() if value is not ABSENT}
    return sealed(json.dumps(header).encode(), json.dumps(BODY).encode())


def with_body(**changes: Any) -> str:
    payload = {name: value for name, value in (BODY | changes).items() if value is not ABSENT}
    return sealed(json.dumps(HEAD).encode(), json.dumps(payload).encode())


def anything(*values: Any) -> tuple[Any, ...]:
    return values


ALGORITHMS: tuple[Any, ...] = (
    *(
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
    ),
    *(
        "PS512",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ES256 ",
        " ES256",
        "es256",
        "ES-256",
    ),
    *(
        "A256GCMKW",
        "dir",
        "ECDH-ES",
        "RSA-OAEP",
        "ML-DSA-44",
        256,
        True,
        None,
        ["ES256"],
        {"name": "ES256"},
        ABSENT,
    ),
)
TYPES: tuple[Any, ...] = (
    *(
        "VC+JWT",
        "vc+ld+jwt",
        "vc+sd-jwt",
        "dc+sd-jwt",
        "at+jwt",
        "kb+jwt",
        "statuslist+jwt",
        "vp+jwt",
        "dpop+jwt",
    ),
    *(
        "openid4vci-proof+jwt",
        "application/vc+jwt",
        "vc+jwt ",
        "jwt",
        "JOSE",
        "JWT\0",
        "",
        1,
        None,
        ["vc+jwt"],
        {},
    ),
)
EXTENSIONS: Json = {
    "jku": "https://127.0.0.1/keys",
    "x5u": "https://127.0.0.1/chain",
    "x5t": "AAAA",
    "jwk": JWK,
    "zip": "DEF",
    "enc": "A256GCM",
    "epk": JWK,
    "apu": "AA",
    "p2c": 2**31,
    "p2s": "AA",
    "b64": True,
    "url": "https://127.0.0.1/",
    "nonce": "1",
    "iss": DID,
    "sub": "x",
    "aud": "x",
    "exp": 1,
    "nbf": 1,
    "sigT": "2026-11-20T09:00:00Z",
    "sigD": {},
    "sigPId": {},
    "etsiU": [],
    "adoTst": {},
    "ppt": "shaken",
    "svt": "x",
    "trust_chain": [],
    "__proto__": {"alg": "none"},
    "constructor": {},
    "Alg": "ES256",
    "ALG": "none",
    "alg ": "none",
    "": "",
    "kty": "EC",
    "use": "sig",
    "x5t#S512": "AA",
    "cty": "vp",
}
CRITICAL: tuple[Json, ...] = (
    {"crit": []},
    {"crit": ["exp"], "exp": 1},
    {"crit": ["exp"]},
    {"crit": ["b64"], "b64": False},
    {"crit": ["b64"], "b64": True},
    {"crit": ["alg"]},
    {"crit": ["sigT"], "sigT": "2026-11-20T09:00:00Z"},
    {"crit": "b64"},
    {"crit": None},
    {"crit": [1]},
    {"crit": ["x5c", "x5c"]},
    {"crit": {}},
)
NAMES: tuple[Any, ...] = (
    *(
        "",
        " ",
        "a" * 513,
        f"{KID} ",
        f" {KID}",
        f"{KID}\n",
        f"{KID}#",
        f"{KID}\0",
        KID.upper(),
        DID,
        "#",
        "#1",
    ),
    *(
        "../../../etc/passwd",
        "' OR 1=1 --",
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "é",
    ),
    *(
        f"{DID}#key-1",
        "did:web:127.0.0.1#1",
        "did:web:localhost#1",
        "did:key:z#z",
        "did:",
        1,
        None,
        [KID],
        {},
        True,
    ),
)
CHAINS: tuple[Json, ...] = (
    {"x5c": []},
    {"x5c": [""]},
    {"x5c": ["AAAA"]},
    {"x5c": ["not base64"]},
    {"x5c": OTHER.x5c()},
    {"x5c": OTHER.x5c() * 7},
    {"x5c": [OTHER.x5c()[0].replace("+", "-").replace("/", "_").rstrip("=")]},
    {"x5c": [f" {OTHER.x5c()[0]}"]},
    {"x5c": OTHER.x5c()[0]},
    {"x5c": [OTHER.x5c()]},
    {"x5c": None},
    {"x5c": [1]},
    {"x5c": [encode(b"\x30\x82" + bytes(20_000))]},
    {"x5t#S256": "AA"},
    {"x5t#S256": encode(bytes(32))},
    {"x5c": OTHER.x5c(), "x5t#S256": encode(bytes(32))},
    {"iat": -1},
    {"iat": 1.5},
    {"iat": "1"},
    {"iat": True},
    {"iat": 2**53},
    {"iat": None},
    {"iat": [1]},
)
RAW_HEADS = (
    b'{"alg":"none","alg":"ES256","typ":"vc+jwt","kid":"%s"}',
    b'{"alg":"ES256","alg":"none","typ":"vc+jwt","kid":"%s"}',
    b'{"alg":"ES256","\\u0061lg":"none","typ":"vc+jwt","kid":"%s"}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"x","kid":"%s"}',
    b'{"alg":"ES256","typ":"JWT","typ":"vc+jwt","kid":"%s"}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","iat":NaN}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","iat":Infinity}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","iat":1e400}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s",}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s"/**/}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s"}{}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s"}\0',
    b"{'alg':'ES256','typ':'vc+jwt','kid':'%s'}",
    b'\xef\xbb\xbf{"alg":"ES256","typ":"vc+jwt","kid":"%s"}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s\xff"}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s\\ud800"}',
    b'[{"alg":"ES256","typ":"vc+jwt","kid":"%s"}]',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","x":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","x":' + b"[" * 4_000 + b"]" * 4_000 + b"}",
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","x":"' + b"x" * 20_000 + b'"}',
    b'{"alg":"ES256","typ":"vc+jwt","kid":"%s","iat":' + b"9" * 5_000 + b"}",
    *(b"", b"{}", b"[]", b"null", b"1", b'"ES256"', b"true", b"{", b"\0", b"\xff\xfe{\0}\0"),
)
BAD_STATUS: tuple[Any, ...] = (
    *("x", 1, True, [1], {}, {"type": "BitstringStatusListEntry"}, [[]], {"type": 1}, {"type": []}),
    *(
        {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "1",
            "statusListCredential": "https://x.example.org/1",
            **changes,
        }
        for changes in (
            {"statusListIndex": 1},
            {"statusListIndex": "-1"},
            {"statusListIndex": "01"},
            {"statusListIndex": "1e3"},
            {"statusListIndex": "1" * 11},
            {"statusListIndex": "\N{ARABIC-INDIC DIGIT ONE}"},
            {"statusListIndex": None},
            {"statusPurpose": 1},
            {"statusPurpose": ["revocation"]},
            {"statusPurpose": ""},
            {"statusListCredential": None},
            {"statusListCredential": ["https://x.example.org/1"]},
            {"statusListCredential": "https://127.0.0.1/list"},
            {"statusListCredential": "file:///etc/passwd"},
            {"statusListCredential": "x" * 5_000},
            {"statusListCredential": f"{HERE}/status/1-revocation"},
            {"statusSize": 0},
            {"statusSize": "1"},
            {"statusSize": 2},
            {"statusSize": True},
        )
    ),
    [{"type": "BitstringStatusListEntry"}] * 9,
)
BODIES: tuple[Json, ...] = (
    {"issuer": ABSENT},
    *(
        {"issuer": value}
        for value in anything(None, 1, [], {}, {"id": 1}, {"id": None}, "", "x" * 5_000, [DID], {"id": [DID]})
    ),
    {"issuer": "did:web:someone.example.org"},
    *({"iss": value} for value in anything("did:web:other.example.org", 1, "", [DID])),
    *({"jti": value} for value in anything("urn:uuid:other", 1, [])),
    *({"sub": value} for value in anything("urn:uuid:other", 1)),
    *({"nbf": value} for value in anything(0, -1, 1.5, "1", True, 2**60, [1])),
    *({"exp": value} for value in anything(0, -1, 1.5, "9999999999", True, 2**60, [1])),
    *(
        {"validFrom": value}
        for value in anything(
            1, [], "", "yesterday", "2026-13-01T00:00:00Z", "2026-11-01", "2027-01-01T00:00:00Z"
        )
    ),
    *(
        {"validUntil": value}
        for value in anything(1, [], "", "never", "2026-11-31T00:00:00Z", "2026-11-01T00:00:00Z", "+9")
    ),
    {"@context": ABSENT},
    *(
        {"@context": value}
        for value in anything(
            [],
            None,
            {},
            "https://www.w3.org/ns/credentials/v2",
            ["https://www.w3.org/2018/credentials/v1"],
            ["https://127.0.0.1/context", "https://www.w3.org/ns/credentials/v2"],
            ["https://www.w3.org/ns/credentials/v2"] * 65,
        )
    ),
    {"type": ABSENT},
    *(
        {"type": value}
        for value in anything([], None, 1, "", [1], "AchievementCredential", ["VerifiablePresentation"])
    ),
    {"type": ["VerifiableCredential", "BitstringStatusListCredential"]},
    {"vc": {}},
    {"vc": None},
    {"vp": {}},
    {"credentialSubject": ABSENT},
    *(
        {"credentialSubject": value}
        for value in anything(None, [], 1, "x", [{}, {}], [[]], {"id": 1}, {"id": ""})
    ),
    {"credentialSubject": {"identifier": "x"}},
    {"credentialSubject": {"achievement": []}},
    {"credentialSubject": {"achievement": {"alignment": [1]}}},
    *({"credentialStatus": value} for value in BAD_STATUS),
    *(
        {"status": value}
        for value in anything(1, "x", [], {}, {"status_list": {}}, {"status_list": {"idx": -1, "uri": "x"}})
    ),
    {"status": {"status_list": {"idx": 1, "uri": "https://127.0.0.1/"}}},
    {"status": {"status_list": {"idx": True, "uri": "https://x.example.org/"}}},
    {"status": {"status_list": {"idx": 2**70, "uri": "https://x.example.org/"}}},
)
RAW_BODIES = (
    *(b"", b"{}", b"[]", b"null", b"1", b'"x"', b"true", b"{", b"\0", b"\xff"),
    json.dumps(BODY).encode()[:-1] + b',"issuer":"did:web:x"}',
    json.dumps(BODY).encode()[:-1] + b',"\\u0069ssuer":"did:web:x"}',
    json.dumps(BODY).encode()[:-1] + b',"exp":NaN}',
    json.dumps(BODY).encode()[:-1] + b',"x":1e999}',
    json.dumps(BODY).encode()[:-1] + b',"x":-Infinity}',
    json.dumps(BODY).encode()[:-1] + b',"x":' + b"9" * 40 + b"}",
    json.dumps(BODY).encode()[:-1] + b',"x":' + b"[" * 60 + b"]" * 60 + b"}",
    json.dumps(BODY).encode()[:-1] + b',"x":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b"}",
    json.dumps(BODY).encode()[:-1] + b',"x":"\\udc00"}',
    json.dumps(BODY).encode()[:-1] + b',"x":"\xed\xa0\x80"}',
    json.dumps(BODY).encode()[:-1] + b',"x":"' + b"x" * 70_000 + b'"}',
    json.dumps(BODY).encode()[:-1] + b',"x":"\x01"}',
    json.dumps(BODY).encode() + b"{}",
    b"\xef\xbb\xbf" + json.dumps(BODY).encode(),
    json.dumps(BODY).encode("utf-16"),
)


def shapes() -> Iterator[tuple[str, str]]:
    """The good token, bent."""
    head, body, seal = GOOD.split(".")
    raw = base64.urlsafe_b64decode(seal + "==")
    r, s = raw[:32], raw[32:]
    for name, signature in {
        "empty": b"",
        "zeros": bytes(64),
        "ones": b"\xff" * 64,
        "r is zero": bytes(32) + s,
        "s is zero": r + bytes(32),
        "r is the order": ORDER.to_bytes(32, "big") + s,
        "s is the order": r + ORDER.to_bytes(32, "big"),
        "swapped": s + r,
        "short": raw[:-1],
        "long": raw + b"\0",
        "longer": raw * 2,
        "padded": r + b"\0" + s,
        "as DER": PRIVATE.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256())),
        "over the payload alone": PRIVATE.sign(body.encode(), ec.ECDSA(hashes.SHA256())),
        "endless": b"\0" * 9_000,
    }.items():
        yield f"signature {name}", f"{head}.{body}.{encode(signature)}"
    pem = PRIVATE.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for size, digest in ((256, hashlib.sha256), (384, hashlib.sha384), (512, hashlib.sha512)):
        start = f"{encode(json.dumps(HEAD | {'alg': f'HS{size}'}).encode())}.{body}"
        for secret in (pem, JWK["x"].encode(), json.dumps(JWK).encode(), b"", DID.encode()):
            tag = hmac.new(secret, start.encode(), digest).digest()
            yield f"HS{size} with {secret[:6]!r}", f"{start}.{encode(tag)}"
    bare = encode(json.dumps({"alg": "none"}).encode())
    flattened = {"protected": head, "payload": body, "signature": seal}
    spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = spare[spare.index(seal[-1]) ^ 1]
    yield from {
        "unsigned": f"{bare}.{body}.",
        "unsigned, without a dot": f"{bare}.{body}",
        "two parts": f"{head}.{body}",
        "four parts": f"{GOOD}.{seal}",
        "five parts": f"{head}..{seal}.{body}.{seal}",
        "detached": f"{head}..{seal}",
        "headless": f".{body}.{seal}",
        "padded seal": f"{GOOD}==",
        "padded head": f"{head}=.{body}.{seal}",
        "padded body": f"{head}.{body}=.{seal}",
        "spare bits": f"{head}.{body}.{seal[:-1]}{last}",
        "standard alphabet": f"{head}.{body}.{seal[:-4]}+/+/",
        "with a space": f"{head}. {body}.{seal}",
        "with a line": f"{head}.{body[:40]}\n{body[40:]}.{seal}",
        "with a nul": f"{head}.{body}.{seal}\0",
        "as a bearer": f"Bearer {GOOD}",
        "in quotes": f'"{GOOD}"',
        "twice": f"{GOOD}{GOOD}",
        "twice, in lines": f"{GOOD}\n{GOOD}",
        "with a tilde": f"{GOOD}~",
        "with disclosures": f"{GOOD}~WyJhIiwiYiIsMV0~",
        "flattened": json.dumps(flattened),
        "general": json.dumps({"payload": body, "signatures": [{"protected": head, "signature": seal}]}),
        "full-width dots": GOOD.replace(".", "\N{FULLWIDTH FULL STOP}"),
        "look-alike letters": f"\N{CYRILLIC SMALL LETTER IE}{GOOD[1:]}",
        "cut": GOOD[:-10],
        "header of another": f"{encode(json.dumps(HEAD | {'typ': 'JWT'}).encode())}.{body}.{seal}",
        "endless head": f"{'A' * 70_000}.{body}.{seal}",
        "nothing but dots": "..",
        "nothing": "",
    }.items()


def corpus() -> Iterator[tuple[str, str]]:
    yield from ((f"alg {value!r}"[:60], with_head(alg=value)) for value in ALGORITHMS)
    yield from ((f"typ {value!r}"[:60], with_head(typ=value)) for value in TYPES)
    yield from ((f"extension {name!r}", with_head(**{name: value})) for name, value in EXTENSIONS.items())
    yield from ((f"crit {n}", with_head(**changes)) for n, changes in enumerate(CRITICAL))
    yield from ((f"kid {n}", with_head(kid=value)) for n, value in enumerate(NAMES))
    yield from ((f"chain or time {n}", with_head(**changes)) for n, changes in enumerate(CHAINS))
    yield from (
        (f"raw header {n}", sealed(raw.replace(b"%s", KID.encode()), json.dumps(BODY).encode()))
        for n, raw in enumerate(RAW_HEADS)
    )
    yield from ((f"payload {n}", with_body(**changes)) for n, changes in enumerate(BODIES))
    yield from (
        (f"raw payload {n}", sealed(json.dumps(HEAD).encode(), raw)) for n, raw in enumerate(RAW_BODIES)
    )
    yield from shapes()


CORPUS = dict(corpus())


@pytest.fixture(scope="module")
def ring(keys: MemoryKeys) -> Keyring:
    return Keyring.of(keys, HERE, trusted=[DID])


def test_what_is_signed_as_it_should_be_is_accepted(ring: Keyring) -> None:
    report = reported(Abroad(Nowhere()), GOOD, ring)
    assert report.result == "valid_with_warnings"
    assert report.outcome(CheckName.ISSUER_TRUST) is Outcome.PASS


def test_nothing_hostile_is_accepted_and_nothing_falls_over(ring: Keyring) -> None:
    outside = Nowhere()
    accepted = [
        name
        for name, token in CORPUS.items()
        if reported(Abroad(outside), token, ring).result in {"valid", "valid_with_warnings"}
    ]
    assert accepted == []
    assert len(CORPUS) >= 200
    # Whoever is asked outside stands behind the guard, which refuses these (its own tests count them).
    assert all(url.startswith(("https://", "http://", "file://", "x")) for url in outside.asked)
    print(f"hostile tokens: {len(CORPUS)}, 0 accepted, 0 uncaught")  # noqa: T201


def test_nothing_hostile_is_accepted_over_http_nor_answered_with_a_failure(stranger: Caller) -> None:
    tokens = list(CORPUS.values())
    results: list[str] = []
    for start in range(0, len(tokens), 50):
        answer = stranger.post("/v1/verifications", json={"credentials": tokens[start : start + 50]})
        if answer.status_code == 200:
            results += [each.get("result", "refused") for each in answer.json()["reports"]]
            continue
        for token in tokens[start : start + 50]:
            single = stranger.post("/v1/verifications", json={"credential": token})
            assert single.status_code in {200, 413, 422}, single.text
            results.append(single.json().get("result", "refused"))
    assert len(results) == len(tokens)
    assert set(results) <= {"invalid", "unknown", "refused"}


@pytest.mark.parametrize("slot", [Slot.STATUS, Slot.QR])
def test_our_other_keys_seal_no_documents(ring: Keyring, keys: MemoryKeys, slot: Slot) -> None:
    key = keys.current(slot)
    head = {"alg": "ES256", "typ": "vc+jwt", "kid": f"{ring.did}#{key.thumbprint}"}
    body = credential({"id": ring.did}, START)
    signing = f"{encode(json.dumps(head).encode())}.{encode(json.dumps(body).encode())}"
    token = f"{signing}.{encode(keys.sign(key.thumbprint, signing.encode()))}"
    assert reported(Abroad(Nowhere()), token, ring).result == "unknown"


@pytest.mark.parametrize("place", ["status", "kid", "issuer"])
def test_no_address_in_a_document_leads_inside(ring: Keyring, place: str) -> None:
    """Every hostile address, wherever a document may name one, meets the guard's own first look."""
    from app.adapters.outbound import GuardedOutbound

    def nobody(host: str) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    looked_up: list[str] = []
    abroad = Abroad(GuardedOutbound(resolve=nobody))
    for url in SPELLED:
        entry = {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "1",
            "statusListCredential": url,
        }
        match place:
            case "status":
                token = with_body(credentialStatus=entry)
            case "kid":
                token = with_head(typ="JWT", kid=url)
            case _:
                token = with_body(issuer=url)
        assert reported(abroad, token, ring).result in {"unknown", "invalid"}
