"""Keys of issuers: published vectors, and documents that lie, repeat themselves or are somebody else's."""

from typing import Any

import pytest

from app.formats import did, jose
from app.formats.strict import Malformed, decode64, encode64
from tests.formats.vectors import vector

WEB = "did:web:issuer.example.org"
P256: dict[str, Any] = vector("rfc7515-a3")["jwk"]
EDWARDS = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


@pytest.mark.parametrize(("name", "jwk"), [tuple(each.values()) for each in vector("did-key")])
def test_a_did_key_is_the_key_that_others_read_in_it(name: str, jwk: dict[str, str]) -> None:
    keys = did.did_key(name)
    assert keys.only == jwk
    assert list(keys.named) == [f"{name}#{name.removeprefix('did:key:')}"]


def test_ed25519_verifies_as_in_rfc_8037() -> None:
    published = vector("rfc8037-a4")
    head, body, seal = published["jws"].split(".")
    signature = decode64(seal)
    assert jose.verify(f"{head}.{body}".encode(), signature, published["jwk"])
    assert not jose.verify(f"{head}.{body}A".encode(), signature, published["jwk"])
    assert jose.thumbprint(published["jwk"]) == published["thumbprint"]
    flipped = 0
    for bit in range(len(signature) * 8):
        other = bytearray(signature)
        other[bit // 8] ^= 1 << bit % 8
        flipped += jose.verify(f"{head}.{body}".encode(), bytes(other), published["jwk"])
    assert flipped == 0


@pytest.mark.parametrize(
    "raw",
    [
        bytes(32),
        b"\x01" + bytes(31),
        b"\x01" + bytes(30) + b"\x80",
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f",
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        bytes(31),
        bytes(33),
    ],
    ids=lambda raw: raw.hex()[:12],
)
def test_a_key_with_which_anything_is_signed_is_none(raw: bytes) -> None:
    with pytest.raises(Malformed):
        jose.public_key({"kty": "OKP", "crv": "Ed25519", "x": encode64(raw)})


@pytest.mark.parametrize(
    "name",
    [
        "did:key:",
        "did:key:z",
        "did:key:zDn",
        "did:key:m" + "A" * 40,
        "did:key:z" + "1" * 60,
        "did:key:z" + "z" * 4000,
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",  # secp256k1
        "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",  # X25519
        "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU216O",
    ],
)
def test_a_did_key_of_another_kind_is_not_read(name: str) -> None:
    with pytest.raises(Malformed):
        did.did_key(name)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        (WEB, "https://issuer.example.org/.well-known/did.json"),
        ("did:web:Issuer.Example.org", "https://issuer.example.org/.well-known/did.json"),
        ("did:web:example.org%3A443", "https://example.org/.well-known/did.json"),
        ("did:web:example.org:issuers:42", "https://example.org/issuers/42/did.json"),
    ],
)
def test_a_did_web_has_one_place(name: str, url: str) -> None:
    assert did.document_url(name) == url


@pytest.mark.parametrize(
    "name",
    [
        "did:web:",
        "did:web::x",
        "did:web:example.org%3A8443",
        "did:web:example.org:..:x",
        "did:web:example.org:",
        "did:web:example.org/path",
        "did:web:user@example.org",
        "did:web:example.org%2Fpath",
        "did:web:example.org?x=1",
        "did:web:[::1]",
        "did:example:1",
    ],
)
def test_a_did_web_that_names_another_place_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        did.document_url(name)


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        ("https://example.org", "https://example.org/.well-known/jwt-vc-issuer"),
        ("https://example.org/", "https://example.org/.well-known/jwt-vc-issuer"),
        ("https://example.org/tenant/1", "https://example.org/.well-known/jwt-vc-issuer/tenant/1"),
    ],
)
def test_the_metadata_of_an_issuer_stands_before_its_path(issuer: str, url: str) -> None:
    assert did.metadata_url(issuer) == url


@pytest.mark.parametrize(
    "issuer", ["http://example.org", "https://u@example.org", "https://e.org/?a", "urn:x"]
)
def test_an_issuer_of_no_place_has_no_metadata(issuer: str) -> None:
    with pytest.raises(Malformed):
        did.metadata_url(issuer)


def document(**changes: Any) -> dict[str, Any]:
    method = {"id": f"{WEB}#1", "type": "JsonWebKey", "controller": WEB, "publicKeyJwk": P256}
    return {"id": WEB, "verificationMethod": [method], "assertionMethod": [f"{WEB}#1"], **changes}


def test_a_key_counts_for_what_it_is_listed_under() -> None:
    assert list(did.read_document(document(), WEB, "assertionMethod").named) == [f"{WEB}#1"]
    assert not did.read_document(document(), WEB, "authentication").named
    assert not did.read_document(document(assertionMethod=[f"{WEB}#2"]), WEB, "assertionMethod").named


def test_names_may_be_relative_and_keys_may_stand_in_place() -> None:
    method = {
        "id": "#1",
        "type": "Multikey",
        "controller": WEB,
        "publicKeyMultibase": vector("did-key")[0]["did"][8:],
    }
    read = did.read_document({"id": WEB, "assertionMethod": [method]}, WEB, "assertionMethod")
    assert read.named == {f"{WEB}#1": vector("did-key")[0]["jwk"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "did:web:other.example.org"},
        {"id": None},
        {"verificationMethod": [1]},
        {"verificationMethod": document()["verificationMethod"] * 2},
        {"verificationMethod": [document()["verificationMethod"][0]] * 100},
        {
            "assertionMethod": [
                f"{WEB}#1",
                {"id": f"{WEB}#1", "controller": WEB, "publicKeyJwk": EDWARDS},
            ]
        },
    ],
    ids=["of another", "of nobody", "no method", "twice", "too many", "one name for two"],
)
def test_a_document_that_says_two_things_is_not_read(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        did.read_document(document(**changes), WEB, "assertionMethod")


@pytest.mark.parametrize(
    "changes",
    [
        {"controller": "did:web:other.example.org"},
        {"publicKeyJwk": {**P256, "d": "AA"}},
        {"publicKeyJwk": {"kty": "oct", "k": "AA"}},
        {"publicKeyJwk": {**P256, "use": "enc"}},
        {"publicKeyJwk": {**P256, "y": P256["x"]}},
        {"id": "did:web:other.example.org#1"},
    ],
)
def test_a_key_that_is_not_the_issuers_to_seal_with_is_passed_over(changes: dict[str, Any]) -> None:
    method = {**document()["verificationMethod"][0], **changes}
    read = did.read_document(
        document(verificationMethod=[method], assertionMethod=[method["id"]]), WEB, "assertionMethod"
    )
    assert not read.named


def test_metadata_holds_the_keys_or_says_where_they_are() -> None:
    issuer = "https://example.org"
    keys: Any = {"keys": [{**P256, "kid": "1"}, {"kty": "oct", "k": "AA"}]}
    read = did.read_metadata({"issuer": issuer, "jwks": keys}, issuer)
    assert isinstance(read, did.IssuerKeys)
    assert list(read.named) == ["1"]
    there = did.read_metadata({"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}, issuer)
    assert there == f"{issuer}/jwks"
    refused: list[Any] = [
        {"issuer": "https://other.example.org", "jwks": keys},
        {"issuer": issuer},
        {"issuer": issuer, "jwks": keys, "jwks_uri": issuer},
        {"issuer": issuer, "jwks": {"keys": [{**P256, "kid": "1"}, {**EDWARDS, "kid": "1"}]}},
        {"issuer": issuer, "jwks": {"keys": 1}},
    ]
    for wrong in refused:
        with pytest.raises(Malformed):
            did.read_metadata(wrong, issuer)
