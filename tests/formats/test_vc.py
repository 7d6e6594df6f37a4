import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import KeySet
from joserfc.registry import HeaderParameter
from jsonschema import Draft201909Validator
from openbadgeslib.ob3.verifier import OB3VerificationError, OB3Verifier

from app.formats import published, vc
from app.formats.claims import TEST_MARK, Format
from app.formats.jose import open_compact, public_key
from app.formats.strict import decode64
from app.ports import Slot
from tests.formats import make
from tests.formats.vectors import vector

KEY = make.keys().current(Slot.SEAL)
SCHEMA = Draft201909Validator(
    vector("ob_v3p0_achievementcredential_schema"), format_checker=Draft201909Validator.FORMAT_CHECKER
)


class SealHeaders(jws.JWSRegistry):
    """The headers of a seal, and room for its certificates: this library allows 512 bytes unless told."""

    max_header_length = 4096
    max_payload_length = 16 * 1024


HEADERS = SealHeaders(
    {"x5t#S256": HeaderParameter("certificate digest", "str"), "iat": HeaderParameter("time", "int")},
    ["ES256", "RS256"],
)


def parts(form: Format, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    head, _, body = make.unsigned(form, **changes).decode().partition(".")
    return json.loads(decode64(head)), json.loads(decode64(body))


@pytest.mark.parametrize("test", [True, False], ids=["in test mode", "live"])
def test_a_badge_satisfies_the_official_schema(*, test: bool) -> None:
    _, payload = parts(Format.OB_JWT, test=test)
    assert [error.message for error in SCHEMA.iter_errors(payload)] == []


def test_a_vc_satisfies_the_official_schema_but_for_its_second_status() -> None:
    _, payload = parts(Format.VC_JWT)
    assert {error.absolute_path[0] for error in SCHEMA.iter_errors(payload)} == {"credentialStatus"}
    payload["credentialStatus"] = payload["credentialStatus"][0]
    assert SCHEMA.is_valid(payload)


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_an_independent_library_verifies_from_the_published_keys(form: Format) -> None:
    document: Any = published.jwks(make.DID, make.keys().published())
    if form is Format.OB_JWT:
        document = {"keys": [published.jwk(KEY, published.key_url(make.BASE, KEY.thumbprint))]}
    read = jws.deserialize_compact(make.token(form), KeySet.import_key_set(document), registry=HEADERS)
    assert json.loads(read.payload) == parts(form)[1]


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_a_badge_library_reads_what_we_say(form: Format) -> None:
    pem = public_key(KEY.jwk).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    read = OB3Verifier(pem).verify(make.token(form))
    assert read.issuer.id == make.DID
    assert read.recipient_id == make.claims().subject_id
    assert [each.identity_hash for each in read.identifiers] == [
        make.claims().holder_name,
        make.claims().number,
    ]


def test_a_badge_library_finds_our_key_by_the_did() -> None:
    document = json.dumps(published.did_document(make.DID, make.keys().published())).encode()
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return document

    assert OB3Verifier.for_issuer_did(make.DID, fetch).verify(make.token()).issuer.id == make.DID
    assert asked == [f"{make.BASE}/.well-known/did.json"]
    with pytest.raises(OB3VerificationError):
        OB3Verifier.for_issuer_did(make.DID, fetch).verify(make.token(issuer_id="did:web:other.example"))


def test_the_header_of_a_vc_makes_the_same_bytes_a_seal() -> None:
    header, _ = parts(Format.VC_JWT)
    assert list(header) == ["alg", "kid", "typ", "cty", "x5t#S256", "x5c", "iat"]
    assert header["kid"] == f"{make.DID}#{KEY.thumbprint}"
    assert open_compact(make.token()).header.chain == KEY.chain
    assert header["iat"] == int(make.ISSUED.timestamp())


def test_the_header_of_a_badge_has_what_open_badges_allow_and_no_more() -> None:
    header, _ = parts(Format.OB_JWT)
    assert header == {"alg": "ES256", "kid": f"{make.BASE}/keys/{KEY.thumbprint}", "typ": "JWT"}


def test_both_envelopes_say_the_same_of_the_holder() -> None:
    (_, one), (_, other) = parts(Format.VC_JWT), parts(Format.OB_JWT)
    del one["credentialStatus"], other["credentialStatus"]
    assert one == other


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_the_registered_claims_repeat_the_credential_to_the_second(form: Format) -> None:
    _, payload = parts(form)
    assert payload["iss"] == payload["issuer"]["id"]
    assert payload["sub"] == payload["credentialSubject"]["id"]
    assert payload["jti"] == payload["id"]
    assert payload["validFrom"] == "2026-11-20T00:00:00+01:00"
    assert payload["validUntil"] == "2029-11-20T23:59:59+01:00"
    assert (payload["nbf"], payload["exp"]) == (1795129200, 1889909999)


def test_a_vc_has_two_status_entries_and_a_badge_one_that_is_an_object() -> None:
    (_, one), (_, other) = parts(Format.VC_JWT), parts(Format.OB_JWT)
    assert [entry["statusPurpose"] for entry in one["credentialStatus"]] == ["revocation", "suspension"]
    assert other["credentialStatus"] == {
        "id": f"{make.BASE}/status/3#7",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "suspension",
        "statusListIndex": "7",
        "statusListCredential": f"{make.BASE}/status/3",
    }


def test_a_badge_is_never_composed_with_two_status_entries() -> None:
    with pytest.raises(ValueError, match="unpack"):
        vc.compose_ob(make.claims(Format.VC_JWT))


def test_number_standard_and_version_are_in_the_document() -> None:
    _, payload = parts(Format.VC_JWT)
    achievement = payload["credentialSubject"]["achievement"]
    assert achievement["version"] == "1.0.0"
    assert achievement["alignment"][0]["targetFramework"] == "UNI 11621-8:2026"
    assert payload["description"].endswith(make.claims().number)


@pytest.mark.parametrize("test", [True, False], ids=["in test mode", "live"])
def test_a_document_says_test_where_wallets_show_it_and_only_then(*, test: bool) -> None:
    _, payload = parts(Format.VC_JWT, test=test)
    assert payload["name"].startswith(TEST_MARK) is test
    assert ("no value" in payload["description"]) is test


def test_composing_again_gives_the_same_bytes() -> None:
    assert make.unsigned() == make.unsigned()


def test_the_document_is_the_recorded_bytes_and_a_signature() -> None:
    unsigned, token = make.unsigned(), make.token()
    assert token.encode().startswith(unsigned + b".")
    assert open_compact(token).signing_input == unsigned


def test_a_document_fits_into_a_header_or_a_link() -> None:
    assert len(make.token()) < 8000


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_a_document_made_under_a_moved_clock_says_so(form: Format) -> None:
    _, payload = parts(form, clock_offset="P30D")
    assert "Issued under a clock moved by P30D" in payload["description"]
    _, payload = parts(form)
    assert "clock" not in payload["description"]
