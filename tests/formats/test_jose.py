import json
import string
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from app.formats.claims import Format
from app.formats.jose import (
    MAX_HEADER,
    MAX_TOKEN,
    Compact,
    Header,
    algorithm_of,
    assemble,
    certificate_thumbprint,
    open_compact,
    public_key,
    public_members,
    read_header,
    signing_input,
    thumbprint,
    verify,
)
from app.formats.strict import Malformed, decode64, encode64, encode64_standard, write_json
from app.ports import Slot
from tests.formats import make
from tests.formats.vectors import vector

URL_SAFE = string.ascii_letters + string.digits + "-_"
ANYTHING = "".join(map(chr, range(0x20, 0x7F)))
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

KEY = make.keys().current(Slot.SEAL)
LEAF = KEY.chain[0]
OTHER = make.keys().current(Slot.STATUS)

VC: dict[str, Any] = {
    "alg": "ES256",
    "kid": f"{make.DID}#{KEY.thumbprint}",
    "typ": "vc+jwt",
    "cty": "vc",
    "x5c": [encode64_standard(LEAF)],
    "x5t#S256": certificate_thumbprint(LEAF),
    "iat": 1795163415,
}
OB: dict[str, Any] = {"alg": "ES256", "kid": f"{make.BASE}/keys/{KEY.thumbprint}", "typ": "JWT"}
OB_JWK: dict[str, Any] = {"alg": "ES256", "jwk": dict(KEY.jwk), "typ": "JWT"}
PRIVATE = {**KEY.jwk, "d": encode64(b"1" * 32)}
RSA_KEY = rsa.generate_private_key(65537, 2048)
RSA_JWK = public_members(RSA_KEY.public_key())


def token(header: Mapping[str, object] | bytes, payload: bytes = b'{"a":1}') -> str:
    """A token with this header, signed by our key as well as any attacker could wish."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = f"{encode64(head)}.{encode64(payload)}".encode()
    return assemble(content, make.keys().sign(KEY.thumbprint, content))


def without(header: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in header.items() if name not in names}


@pytest.mark.parametrize(
    "header", [VC, OB, OB_JWK, without(VC, "x5c", "x5t#S256", "iat"), without(OB, "typ")]
)
def test_a_token_with_the_headers_of_its_format_verifies(header: Mapping[str, object]) -> None:
    opened = open_compact(token(header))
    assert opened.verified_by(KEY.jwk)
    assert opened.payload == {"a": 1}
    assert not opened.verified_by(OTHER.jwk)


def test_what_the_header_says_is_read() -> None:
    header = open_compact(token(VC)).header
    assert (header.format, header.alg, header.kid) == (Format.VC_JWT, "ES256", VC["kid"])
    assert (header.chain, header.iat, header.jwk) == ((LEAF,), VC["iat"], None)
    assert open_compact(token(OB_JWK)).header.jwk == dict(KEY.jwk)


HOSTILE: dict[str, Mapping[str, object] | bytes] = {
    "no algorithm": {**VC, "alg": "none"},
    "no algorithm, shouted": {**VC, "alg": "NONE"},
    "no algorithm at all": without(VC, "alg"),
    "algorithm empty": {**VC, "alg": ""},
    "algorithm null": {**VC, "alg": None},
    "algorithm a number": {**VC, "alg": 256},
    "algorithm a list": {**VC, "alg": ["ES256"]},
    "algorithm in small letters": {**VC, "alg": "es256"},
    "a shared secret": {**VC, "alg": "HS256"},
    "another curve": {**VC, "alg": "ES384"},
    "the curve of coins": {**VC, "alg": "ES256K"},
    "an Edwards curve": {**VC, "alg": "Ed448"},
    "RSA with salt": {**VC, "alg": "PS256"},
    "a longer RSA": {**VC, "alg": "RS512"},
    "unknown extension": {**VC, "crit": ["exp"], "exp": 1},
    "empty extension list": {**VC, "crit": []},
    "extension named and absent": {**VC, "crit": ["sigT"]},
    "unencoded payload": {**VC, "b64": False, "crit": ["b64"]},
    "encoded payload, said aloud": {**VC, "b64": True},
    "compressed": {**VC, "zip": "DEF"},
    "keys from elsewhere": {**VC, "jku": "https://evil.example/jwks.json"},
    "certificates from elsewhere": {**VC, "x5u": "https://evil.example/chain.pem"},
    "a key of its own": {**VC, "jwk": dict(OTHER.jwk)},
    "no key of its own": {**VC, "jwk": None},
    "an old digest": {**VC, "x5t": "AAAA"},
    "signing time of old": {**VC, "sigT": "2026-11-20T09:30:15Z"},
    "claims in the header": {**VC, "iss": make.DID},
    "encryption": {**VC, "enc": "A128GCM"},
    "another type": {**VC, "typ": "at+jwt"},
    "a status list token": {**VC, "typ": "statuslist+jwt"},
    "a presentation": {**VC, "typ": "vp+jwt"},
    "the type in capitals": {**VC, "typ": "VC+JWT"},
    "the type in full": {**VC, "typ": "application/vc+jwt"},
    "a badge's type with a seal's headers": {**VC, "typ": "JWT"},
    "no type with a seal's headers": without(VC, "typ"),
    "type null": {**VC, "typ": None},
    "type a list": {**VC, "typ": ["vc+jwt"]},
    "another content": {**VC, "cty": "vp"},
    "content a number": {**VC, "cty": 1},
    "key name a number": {**VC, "kid": 1},
    "key name null": {**VC, "kid": None},
    "key name a list": {**VC, "kid": [VC["kid"]]},
    "key name empty": {**VC, "kid": ""},
    "key name with a space": {**VC, "kid": "did:web:a b"},
    "key name with a line": {**VC, "kid": "a\nb"},
    "key name ending in a line": {**VC, "kid": "a\n"},
    "key name not ASCII": {**VC, "kid": "did:web:é"},
    "key name with nothing in it": {**VC, "kid": "a\x00b"},
    "key name too long": {**VC, "kid": "k" * 513},
    "certificates empty": {**VC, "x5c": []},
    "certificates null": {**VC, "x5c": None},
    "certificates a text": {**VC, "x5c": VC["x5c"][0]},
    "certificates not texts": {**VC, "x5c": [1]},
    "seven certificates": {**VC, "x5c": [encode64_standard(LEAF)] * 7},
    "certificate in base64url": {**VC, "x5c": [encode64(b"\xff\xfe\xfd" * 10)]},
    "certificate unpadded": {**VC, "x5c": [encode64_standard(b"1").rstrip("=")]},
    "certificate with a line": {**VC, "x5c": [encode64_standard(LEAF) + "\n"]},
    "digest of another certificate": {**VC, "x5t#S256": certificate_thumbprint(OTHER.chain[0])},
    "digest without a certificate": without(VC, "x5c"),
    "digest padded": {**VC, "x5t#S256": certificate_thumbprint(LEAF) + "="},
    "digest a number": {**VC, "x5t#S256": 1},
    "digest under our own name for it": {**without(VC, "x5t#S256"), "x5t_s256": certificate_thumbprint(LEAF)},
    "issued at a text": {**VC, "iat": "1795163415"},
    "issued at a fraction": {**VC, "iat": 1795163415.0},
    "issued at true": {**VC, "iat": True},
    "issued before time": {**VC, "iat": -1},
    "badge with certificates": {**OB, "x5c": VC["x5c"]},
    "badge with a digest": {**OB, "x5t#S256": VC["x5t#S256"]},
    "badge with a content type": {**OB, "cty": "vc"},
    "badge with a time": {**OB, "iat": 1},
    "badge with both kinds of key": {**OB, "jwk": dict(KEY.jwk)},
    "badge without a key": without(OB, "kid"),
    "badge with extensions": {**OB, "crit": ["b64"], "b64": False},
    "badge type in small letters": {**OB, "typ": "jwt"},
    "badge key of another curve": {**OB_JWK, "jwk": {**KEY.jwk, "crv": "P-384"}},
    "badge key not on the curve": {**OB_JWK, "jwk": {**KEY.jwk, "x": encode64(b"1" * 32)}},
    "badge key too short": {**OB_JWK, "jwk": {**KEY.jwk, "x": encode64(b"1" * 31)}},
    "badge key padded": {**OB_JWK, "jwk": {**KEY.jwk, "x": KEY.jwk["x"] + "="}},
    "badge key symmetric": {**OB_JWK, "jwk": {"kty": "oct", "k": encode64(b"secret" * 6)}},
    "badge key private": {**OB_JWK, "jwk": PRIVATE},
    "badge key for encryption": {**OB_JWK, "jwk": {**KEY.jwk, "use": "enc"}},
    "badge key for another algorithm": {**OB_JWK, "jwk": {**KEY.jwk, "alg": "ES384"}},
    "badge key a text": {**OB_JWK, "jwk": json.dumps(dict(KEY.jwk))},
    "badge key empty": {**OB_JWK, "jwk": {}},
    "badge key null": {**OB_JWK, "jwk": None},
    "given twice": b'{"alg":"none","alg":"ES256","typ":"vc+jwt","kid":"a"}',
    "given twice in disguise": b'{"alg":"ES256","\\u0061lg":"none","typ":"vc+jwt","kid":"a"}',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"ES256"',
    "a number": b"1",
    "empty": b"{}",
    "not JSON": b"alg=ES256",
    "not UTF-8": b'{"alg":"ES256","kid":"\xff"}',
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(VC).encode(),
    "in UTF-16": json.dumps(VC).encode("utf-16"),
    "too large": {**VC, "x5c": [encode64_standard(b"1" * MAX_HEADER)]},
    "too deep": b'{"alg":"ES256","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "not a number": b'{"alg":"ES256","typ":"vc+jwt","iat":NaN}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused_even_under_a_true_signature(name: str) -> None:
    with pytest.raises(Malformed):
        open_compact(token(HOSTILE[name]))


def test_there_are_at_least_forty_hostile_headers() -> None:
    assert len(HOSTILE) >= 40


def rs256(content: bytes) -> bytes:
    return RSA_KEY.sign(content, padding.PKCS1v15(), hashes.SHA256())


def test_an_rsa_seal_signs_with_its_own_algorithm() -> None:
    content = signing_input({**OB, "alg": "RS256"}, {"a": 1})
    opened = open_compact(assemble(content, rs256(content)))
    assert algorithm_of(RSA_JWK) == "RS256"
    assert opened.verified_by(RSA_JWK)
    assert not opened.verified_by(KEY.jwk)


def test_the_header_must_name_the_algorithm_of_the_key() -> None:
    content = signing_input({**OB, "alg": "ES256"}, {"a": 1})
    assert verify(content, rs256(content), RSA_JWK)
    assert not open_compact(assemble(content, rs256(content))).verified_by(RSA_JWK)


def test_the_public_key_is_no_shared_secret() -> None:
    """RFC 8725, 2.1: an old trick signs with the published key as if it were a password."""
    content = signing_input(OB, {"a": 1})
    for secret in (LEAF, json.dumps(dict(KEY.jwk)).encode(), decode64(KEY.jwk["x"])):
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(content)
        assert not open_compact(assemble(content, mac.finalize())).verified_by(KEY.jwk)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x00",
        b"\x00" * 63,
        b"\x00" * 64,
        b"\x00" * 65,
        b"\xff" * 64,
        b"\x00" * 31 + b"\x01" + b"\x00" * 32,
        P256_ORDER.to_bytes(32, "big") * 2,
    ],
    ids=lambda signature: f"{len(signature)} bytes {signature[-1:].hex()}",
)
def test_a_signature_that_no_key_makes_is_false_and_no_accident(signature: bytes) -> None:
    assert not verify(b"content", signature, KEY.jwk)
    assert not verify(b"content", signature, RSA_JWK)


def test_a_signature_in_der_is_not_one_of_jws() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    der = private.sign(b"content", ec.ECDSA(hashes.SHA256()))
    assert not verify(b"content", der, public_members(private.public_key()))


SHAPES = {
    "two parts": "e30.e30",
    "four parts": "e30.e30.e30.e30",
    "an empty signature": "e30.e30.",
    "an empty payload": "e30..e30",
    "nothing": "",
    "dots": "..",
    "spaces around": f" {token(VC)} ",
    "a line behind": f"{token(VC)}\n",
    "a line within": token(VC).replace(".", ".\n", 1),
    "padded": token(VC) + "==",
    "padded payload": f"{token(VC).split('.')[0]}.e30=.{token(VC).split('.')[2]}",
    "JSON": '{"payload":"e30","signatures":[]}',
    "an accent": "é.e30.e30",
    "a digit of another script": "٣.e30.e30",
    "too long": "e30." + "A" * MAX_TOKEN + ".e30",
    "a signature too long": f"{token(VC).rsplit('.', 1)[0]}.{'A' * 1024}",
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_not_three_parts_of_base64url_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        open_compact(SHAPES[name])


@pytest.mark.parametrize("payload", [b"[]", b"null", b"1", b'{"a":1,"a":2}', b"{", b"\xff"])
def test_a_payload_that_is_not_a_plain_object_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        open_compact(token(VC, payload))


def accepted(text: str) -> bool:
    try:
        return open_compact(text).verified_by(KEY.jwk)
    except Malformed:
        return False


def changes(genuine: str) -> Iterator[tuple[str, str]]:
    """Every bit flipped, every cut and insertion; every character of the signature, and of the rest many."""
    for place, character in enumerate(genuine):
        before, behind = genuine[:place], genuine[place + 1 :]
        for bit in range(8):
            yield "bit flips", before + chr(ord(character) ^ 1 << bit) + behind
        for other in URL_SAFE if place > len(genuine) - 90 else URL_SAFE[place % 16 :: 16]:
            yield "substitutions", before + other + behind
        yield "deletions", before + behind
        yield "truncations", before
        yield "truncations", genuine[place + 1 :]
        yield "insertions", before + ANYTHING[place % len(ANYTHING)] + genuine[place:]


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_no_changed_copy_is_accepted(form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    genuine = make.token(form)
    assert accepted(genuine)
    tried: dict[str, int] = {}
    taken = []
    for kind, text in changes(genuine):
        if text != genuine:
            tried[kind] = tried.get(kind, 0) + 1
            if accepted(text):
                taken.append((kind, text))
    with capsys.disabled():
        told = ", ".join(f"{count:,} {kind}" for kind, count in tried.items())
        print(f"\n{form.value}: {told}: {len(taken)} accepted")  # noqa: T201 -- the count is the point
    assert taken == []
    assert tried["bit flips"] == 8 * len(genuine)


def test_the_signature_of_one_document_does_not_serve_another() -> None:
    one, other = make.token(), make.token(holder_name="Somebody Else")
    assert not accepted(f"{other.rsplit('.', 1)[0]}.{one.rsplit('.', 1)[1]}")


@given(st.text(max_size=80) | st.text(alphabet=URL_SAFE + ".", max_size=200))
def test_whatever_text_comes_in_is_a_token_or_malformed(text: str) -> None:
    with suppress(Malformed):
        assert isinstance(open_compact(text), Compact)


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
members = st.dictionaries(
    st.sampled_from([*VC, "jwk", "crit", "jku"]) | st.text(max_size=4),
    st.sampled_from([*VC.values(), dict(KEY.jwk)]) | json_values | st.lists(json_values, max_size=2),
    max_size=8,
)


@given(members)
def test_whatever_header_comes_in_is_read_or_malformed(header: dict[str, Any]) -> None:
    with suppress(Malformed):
        read_header(json.dumps(header).encode())


@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d"]), json_values, max_size=6))
def test_whatever_jwk_comes_in_is_a_key_or_malformed(jwk: dict[str, Any]) -> None:
    for kind in ({}, {"kty": "EC", "crv": "P-256"}, {"kty": "RSA", "e": "AQAB"}):
        with suppress(Malformed):
            public_key(jwk | kind)


@pytest.mark.parametrize(
    "jwk",
    [
        {**RSA_JWK, "e": "Aw"},
        {**RSA_JWK, "e": "AAEAAQ"},
        {**RSA_JWK, "n": encode64(b"\x00" + decode64(RSA_JWK["n"]))},
        {"kty": "RSA", "e": "AQAB", "n": encode64(b"\xff" * 128)},
        {"kty": "RSA", "e": "AQAB", "n": encode64(b"\xff" * 1024)},
        {**RSA_JWK, "alg": "RS512"},
        {**RSA_JWK, "p": "AQAB"},
    ],
    ids=["exponent 3", "exponent padded", "modulus padded", "too small", "too large", "other use", "private"],
)
def test_an_rsa_key_that_is_weak_or_written_oddly_is_refused(jwk: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        public_key(jwk)


def test_the_published_vector_of_es256_verifies_and_a_changed_one_does_not() -> None:
    published = vector("rfc7515-a3")
    content, signature = published["signing_input"].encode(), decode64(published["signature"])
    assert verify(content, signature, published["jwk"])
    assert not verify(content + b"A", signature, published["jwk"])


def test_a_key_is_named_as_the_published_vector_names_it() -> None:
    published = vector("rfc7638-3-1")
    assert thumbprint(published["jwk"]) == published["thumbprint"]


def test_public_members_are_those_of_the_key() -> None:
    spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    for jwk in (KEY.jwk, RSA_JWK):
        assert public_members(public_key(jwk)) == dict(jwk)
    assert public_key(RSA_JWK).public_bytes(*spki) == RSA_KEY.public_key().public_bytes(*spki)


@pytest.mark.parametrize(
    "end", ["1", "0", "-1", "01", "1.0", "1e3", "true", "null", '"1"', "9007199254740992", "1,"]
)
@pytest.mark.parametrize("extra", [{}, {"iat": 1}, {"unknown": 1}, {"typ": "JWT"}, {"alg": "none"}])
def test_the_time_at_the_end_of_a_header_is_read_as_anywhere_else(end: str, extra: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "did:web:seal.example.org#a", "typ": "vc+jwt", "cty": "vc", **extra}
    members = write_json(header)[1:-1].decode()

    def outcome(text: str) -> Header | None:
        try:
            return read_header(text.encode())
        except Malformed:
            return None

    assert outcome(f'{{{members},"iat":{end}}}') == outcome(f'{{"iat":{end},{members}}}')
