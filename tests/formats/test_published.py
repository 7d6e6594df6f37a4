from typing import Any

import pytest

from app.formats import published
from app.formats.jose import thumbprint
from app.ports import Slot
from tests.formats import make

KEYS = make.keys().published()


@pytest.mark.parametrize(
    ("address", "did"),
    [
        ("https://seal.example.org", "did:web:seal.example.org"),
        ("https://seal.example.org/", "did:web:seal.example.org"),
        ("https://Seal.Example.org", "did:web:seal.example.org"),
        ("http://localhost:8000", "did:web:localhost%3A8000"),
        ("http://127.0.0.1:8443", "did:web:127.0.0.1%3A8443"),
    ],
)
def test_the_did_follows_from_the_public_address(address: str, did: str) -> None:
    assert published.did_of(address) == did


@pytest.mark.parametrize(
    "address", ["", "seal.example.org", "https://", "https://a/b", "https://a?b", "https://u@a"]
)
def test_an_address_with_more_than_a_host_names_no_service(address: str) -> None:
    with pytest.raises(ValueError, match="public address"):
        published.did_of(address)


def listed(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document[name]
    return found


def test_every_key_is_published_with_its_certificates_and_nothing_private() -> None:
    keys = listed(published.jwks(make.DID, KEYS), "keys")
    assert [thumbprint(key) for key in keys] == [key.thumbprint for key in KEYS]
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg", "x5c", "x5t#S256", "slot"}
        assert (key["use"], key["alg"]) == ("sig", "ES256")


def test_a_document_names_its_key_as_the_key_set_does() -> None:
    seal = make.keys().current(Slot.SEAL)
    kids = {key["kid"] for key in listed(published.jwks(make.DID, KEYS), "keys")}
    assert published.method_id(make.DID, seal) in kids


def test_a_single_key_lives_under_its_thumbprint() -> None:
    seal = make.keys().current(Slot.SEAL)
    for base in (make.BASE, f"{make.BASE}/"):
        assert published.key_url(base, seal.thumbprint) == f"https://seal.example.org/keys/{seal.thumbprint}"


def test_the_did_document_vouches_for_every_key() -> None:
    document = published.did_document(make.DID, KEYS)
    methods = listed(document, "verificationMethod")
    assert document["id"] == make.DID
    assert document["assertionMethod"] == [method["id"] for method in methods]
    assert [method["publicKeyJwk"]["kid"] for method in methods] == [key.thumbprint for key in KEYS]
    assert {method["controller"] for method in methods} == {make.DID}
    assert {method["type"] for method in methods} == {"JsonWebKey"}
