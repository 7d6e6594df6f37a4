import json
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.formats.claims import TEST_MARK
from app.formats.edc import Assessment, Body, body_of, compose
from app.formats.edc_lints import lint
from app.formats.edc_vocabulary import COUNTRIES
from app.formats.strict import Malformed
from tests.formats import make, make_edc
from tests.formats.mutations import objects

SUBJECT = {
    NameOID.COUNTRY_NAME: "IT",
    NameOID.ORGANIZATION_NAME: "Associazione Italiana di Prova",
    NameOID.ORGANIZATION_IDENTIFIER: "VATIT-01234567890",
    NameOID.COMMON_NAME: "Sigillo di Prova",
}


def certificate(*subject: tuple[x509.ObjectIdentifier, str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, make.ISSUED, make.ISSUED + timedelta(1))
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_issuer_is_whom_the_seal_certificate_names() -> None:
    body = body_of(certificate(*SUBJECT.items()), address="Via di Prova 1, 00100 Roma")
    assert body == make_edc.BODY
    issuer = make_edc.edc()["issuer"]
    assert issuer["legalName"] == dict.fromkeys(("it", "en"), "Associazione Italiana di Prova")
    assert issuer["altLabel"] == dict.fromkeys(("it", "en"), "Sigillo di Prova")
    assert issuer["eIDASIdentifier"]["notation"] == "VATIT-01234567890"
    assert issuer["eIDASIdentifier"]["spatial"]["id"].endswith("/country/ITA")
    assert issuer["location"]["address"]["countryCode"]["prefLabel"] == {"it": "Italia", "en": "Italy"}


@pytest.mark.parametrize("missing", SUBJECT, ids=str)
def test_a_certificate_that_does_not_say_who_seals_is_refused(missing: x509.ObjectIdentifier) -> None:
    rest = [(oid, value) for oid, value in SUBJECT.items() if oid != missing]
    with pytest.raises(Malformed, match="does not name its"):
        body_of(certificate(*rest))
    if missing != NameOID.COUNTRY_NAME:
        with pytest.raises(Malformed, match="does not name its"):
            body_of(certificate(*SUBJECT.items(), (missing, "another")))


def test_a_seal_from_outside_the_union_is_refused() -> None:
    with pytest.raises(Malformed, match="outside the Union"):
        body_of(certificate(*(SUBJECT | {NameOID.COUNTRY_NAME: "US"}).items()))


@pytest.mark.parametrize("junk", [b"", b"\x30\x03", b"x" * 20_000], ids=["nothing", "a stump", "too much"])
def test_what_is_no_certificate_is_refused(junk: bytes) -> None:
    with pytest.raises(Malformed):
        body_of(junk)


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_country_that_a_seal_can_come_from_is_named_without_a_fault(country: str) -> None:
    assert lint(make_edc.edc(body=Body("Body", "Seal", f"VAT{country}-1", country))) == []


def test_the_credential_is_named_by_the_uuid_of_the_document_and_bears_our_number() -> None:
    edc = make_edc.edc()
    assert edc["id"] == "urn:credential:7b0f8f0a-51a5-4f0e-9d0a-0d4f5b1e2c3d"
    assert edc["identifier"]["notation"] == make.claims().number
    assert edc["credentialSubject"]["id"] == make.claims().subject_id


def test_the_dates_are_those_of_every_other_format() -> None:
    edc = make_edc.edc()
    assert edc["validFrom"] == "2026-11-20T00:00:00+01:00"
    assert edc["validUntil"] == edc["expirationDate"] == "2029-11-20T23:59:59+01:00"
    assert edc["issued"] == edc["issuanceDate"] == "2026-11-20T09:30:15+00:00"


def test_there_is_one_picture_for_each_language_and_the_first_is_primary() -> None:
    display = make_edc.edc("en", "it")["displayParameter"]
    assert display["primaryLanguage"]["id"].endswith("/ENG")
    assert [each["language"]["id"][-3:] for each in display["individualDisplay"]] == ["ENG", "ITA"]
    images = [each["displayDetail"]["image"] for each in display["individualDisplay"]]
    assert {b64decode(image["content"]) for image in images} == {make_edc.PICTURE}
    assert len({image["id"] for image in images}) == 2


def test_a_credential_in_one_language_says_everything_in_that_one() -> None:
    said = json.dumps(make_edc.edc("en"))
    assert '"it":' not in said
    assert '"en":' in said


def test_a_credential_without_a_picture_is_not_composed() -> None:
    with pytest.raises(ValueError, match="picture"):
        compose(make.claims(), make_edc.BODY, {}, verification_url=make_edc.LINK)


def test_the_achievement_is_assessed_specified_and_can_be_verified() -> None:
    claim = make_edc.edc()["credentialSubject"]["hasClaim"]
    assert claim["type"] == "LearningAchievement"
    assert claim["provenBy"]["grade"]["noteLiteral"] == {"it": "Idoneo", "en": "Competent"}
    assert claim["awardedBy"]["awardingDate"] == "2026-11-18T15:00:00+00:00"
    assert claim["supplementaryDocument"]["contentURL"] == make_edc.LINK
    specification = claim["specifiedBy"]
    assert [each["notation"] for each in specification["identifier"]] == [
        "UNI 11621-8:2026",
        "uni-11621-8/ai-deep-learning-engineer 1.0.0",
    ]
    first, second = specification["learningOutcome"]
    assert first["relatedESCOSkill"]["inScheme"]["id"] == "http://data.europa.eu/esco/concept-scheme/skills"
    assert [each["notation"] for each in first["relatedSkill"]] == ["A.6", "B.1"]
    assert not {"relatedESCOSkill", "relatedSkill"} & second.keys()


def test_the_policy_of_the_scheme_leaves_out_name_and_grade() -> None:
    edc = make_edc.edc(named=False, assessment=Assessment(make_edc.ASSESSMENT.decided_at, None))
    claim = edc["credentialSubject"]["hasClaim"]
    assert "fullName" not in edc["credentialSubject"]
    assert "provenBy" not in claim
    assert claim["awardedBy"]["awardingDate"] == "2026-11-18T15:00:00+00:00"
    assert make.claims().holder_name not in json.dumps(edc, ensure_ascii=False)
    assert lint(edc) == []


@pytest.mark.parametrize("test", [True, False], ids=["in test mode", "live"])
def test_a_credential_says_test_where_wallets_show_it_and_only_then(*, test: bool) -> None:
    edc = make_edc.edc(test=test)
    display = edc["displayParameter"]
    titles = [*display["title"].values(), *edc["credentialSubject"]["hasClaim"]["title"].values()]
    assert {title.startswith(TEST_MARK) for title in titles} == {test}
    assert ("no value" in display["description"]["en"]) is test
    assert ("senza alcun valore" in display["description"]["it"]) is test


def test_a_credential_made_under_a_moved_clock_says_so() -> None:
    assert "moved by P30D" in make_edc.edc(clock_offset="P30D")["displayParameter"]["description"]["en"]


def test_objects_stand_in_full_and_no_two_share_a_name() -> None:
    seen: dict[str, Any] = {}
    for path, node in objects(make_edc.edc()):
        assert node.keys() > {"id", "type"} or node["type"] in {"ConceptScheme", "ShaclValidator2017"}, path
        assert seen.setdefault(node["id"], node) == node


def test_there_is_no_place_for_a_status() -> None:
    assert not make_edc.edc().keys() & {"credentialStatus", "termsOfUse", "proof"}


def test_composing_again_gives_the_same() -> None:
    assert json.dumps(make_edc.edc()) == json.dumps(make_edc.edc())
