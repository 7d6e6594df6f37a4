"""What the shapes cannot see: each lint on its own, by the harm that it is there for."""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.core.labels import Labels
from app.formats import edc_lints
from app.formats.edc_lints import (
    MEANING_LINTS,
    READER_LINTS,
    EdcDraft,
    lint,
    meaning_faults,
    reader_faults,
)
from app.formats.edc_shapes import RULES, shape_faults
from tests.formats import make, make_edc
from tests.formats.mutations import chosen

Edc = dict[str, Any]


def put(value: Any, *path: str | int) -> Callable[[Edc], None]:
    def harm(edc: Edc) -> None:
        target: Any = edc
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return harm


DISPLAY = "displayParameter"
CLAIM = ("credentialSubject", "hasClaim")
IMAGE = (DISPLAY, "individualDisplay", 0, "displayDetail", "image")

HARMS: dict[str, tuple[str, Callable[[Edc], object]]] = {
    "contexts in another order": ("context", lambda edc: edc["@context"].reverse()),
    "a context more": ("context", lambda edc: edc["@context"].append("https://example.org/more")),
    "another type": ("profile", put(["VerifiableCredential"], "type")),
    "another profile": (
        "profile",
        put("http://data.europa.eu/snb/credential/6cf8e68c43", "credentialProfiles", "id"),
    ),
    "another schema": (
        "profile",
        put("http://data.europa.eu/snb/model/ap/edc-accredited", "credentialSchema", "id"),
    ),
    "a name of another kind": ("name", put("urn:uuid:7b0f8f0a-51a5-4f0e-9d0a-0d4f5b1e2c3d", "id")),
    "a type in a list": ("one_type", put(["DisplayParameter"], DISPLAY, "type")),
    "two types": ("one_type", put(["Person", "Agent"], "credentialSubject", "type")),
    "a type that we do not write": ("one_type", put("Diploma", DISPLAY, "type")),
    "a credential in a credential": ("one_type", put("EuropeanDigitalCredential", DISPLAY, "type")),
    "an object without a name": ("names", lambda edc: edc[DISPLAY].pop("id")),
    "a name with a space": ("names", put("urn:epass:display parameter:1", DISPLAY, "id")),
    "a name that is no IRI": ("names", put("display", DISPLAY, "id")),
    "two objects under one name": ("whole", lambda edc: edc[DISPLAY].update(id=edc["identifier"]["id"])),
    "an object cut short elsewhere": ("whole", lambda edc: edc["issuer"].pop("homepage")),
    "a reference in an object's place": (
        "whole",
        put({"id": "urn:epass:organisation:1", "type": "Organisation"}, *CLAIM, "awardedBy", "awardingBody"),
    ),
    "a mere name in an object's place": (
        "whole",
        put("urn:epass:organisation:1", *CLAIM, "awardedBy", "awardingBody"),
    ),
    "a status": (
        "members",
        put({"id": "https://example.org/1", "type": "CredentialStatus"}, "credentialStatus"),
    ),
    "terms of use": ("members", put("https://example.org/terms", "termsOfUse")),
    "a proof": ("members", put({"type": "DataIntegrityProof"}, "proof")),
    "a date of birth": ("members", put("1990-05-01T00:00:00Z", "credentialSubject", "dateOfBirth")),
    "a misspelt member": ("members", put({"it": "x", "en": "x"}, *CLAIM, "titel")),
    "one value in a list": (
        "lists",
        lambda edc: edc[DISPLAY].update(primaryLanguage=[edc[DISPLAY]["primaryLanguage"]]),
    ),
    "one thing said twice": (
        "lists",
        lambda edc: edc[DISPLAY]["language"].append(edc[DISPLAY]["language"][0]),
    ),
    "a number for a text": ("values", put(7, "identifier", "notation")),
    "a text for a number": ("values", put("1", DISPLAY, "individualDisplay", 0, "displayDetail", "page")),
    "a blank text": ("blank", put(" ", "identifier", "schemeName")),
    "a blank in one language": ("blank", put({"it": "Titolo", "en": ""}, DISPLAY, "title")),
    "nothing at all": ("blank", put(None, "identifier", "schemeName")),
    "an empty list": ("blank", put([], *CLAIM, "provenBy")),
    "an empty object": ("blank", put({}, *CLAIM, "description")),
    "an instant without an offset": ("instants", put("2026-11-20T10:00:00", "issued")),
    "a day": ("instants", put("2026-11-20", "validFrom")),
    "issued at two times": ("validity", put("2026-11-20T09:30:16+00:00", "issued")),
    "two ends": ("validity", put("2028-11-20T23:59:59+01:00", "expirationDate")),
    "an end before the beginning": ("validity", put("2030-01-01T00:00:00+01:00", "validFrom")),
    "a language without a picture": ("languages", lambda edc: edc[DISPLAY]["individualDisplay"].pop()),
    "two pictures in one language": (
        "languages",
        lambda edc: edc[DISPLAY]["individualDisplay"][1].update(edc[DISPLAY]["individualDisplay"][0]),
    ),
    "a primary language that is not offered": (
        "languages",
        put(
            "http://publications.europa.eu/resource/authority/language/DEU", DISPLAY, "primaryLanguage", "id"
        ),
    ),
    "a title in one language of two": ("languages", lambda edc: edc[DISPLAY]["title"].pop("en")),
    "a title in a language more": ("languages", put("Titel", DISPLAY, "title", "de")),
    "a name in two languages": ("languages", put({"it": "N", "de": "N"}, "credentialSubject", "fullName")),
    "two words in one language": ("languages", put(["a", "b"], *CLAIM, "title", "en")),
    "a picture that is none": ("pictures", put("AAAA", *IMAGE, "content")),
    "base64 with a stray character": (
        "pictures",
        lambda edc: _at_image(edc).update(content=_at_image(edc)["content"] + "\n"),
    ),
    "a picture of another kind": (
        "pictures",
        put("http://publications.europa.eu/resource/authority/file-type/JPEG", *IMAGE, "contentType", "id"),
    ),
    "an address that is none": (
        "addresses",
        put("verify here", *CLAIM, "supplementaryDocument", "contentURL"),
    ),
    "an address of a file": ("addresses", put("file:///etc/passwd", "issuer", "homepage", "contentURL")),
    "a skill that is not ESCO's": (
        "esco",
        put(
            "https://example.org/skill/1",
            *CLAIM,
            "specifiedBy",
            "learningOutcome",
            0,
            "relatedESCOSkill",
            "id",
        ),
    ),
}


def _at_image(edc: Edc) -> Edc:
    image: Edc = edc[DISPLAY]["individualDisplay"][0]["displayDetail"]["image"]
    return image


@pytest.mark.parametrize(("name", "harm"), HARMS.values(), ids=HARMS.keys())
def test_a_lint_finds_what_it_is_there_for(name: str, harm: Callable[[Edc], object]) -> None:
    edc = make_edc.edc()
    harm(edc)
    assert name in {fault.rule for fault in reader_faults(edc)}


def test_every_lint_has_a_harm_a_clause_and_a_place_in_the_list() -> None:
    listed = {each.__name__ for each in (*READER_LINTS, *MEANING_LINTS)}
    written = {
        name for name, _ in inspect.getmembers(edc_lints, inspect.isfunction) if name.startswith("lint_")
    }
    assert listed == written
    assert all(READER_LINTS.values())
    assert {name for name, _ in HARMS.values()} == {
        each.__name__.removeprefix("lint_") for each in READER_LINTS
    }
    assert {name for name, _ in MEANT.values()} == {
        each.__name__.removeprefix("lint_") for each in MEANING_LINTS
    }
    assert all(rule.clause for rules in RULES.values() for rule in rules)


def test_the_shapes_see_nothing_of_what_only_readers_stumble_over() -> None:
    for harm in ("a type in a list", "an object cut short elsewhere", "a mere name in an object's place"):
        edc = make_edc.edc()
        HARMS[harm][1](edc)
        assert shape_faults(edc) == []
        assert lint(edc)


JUNK: dict[str, Any] = {
    "nothing": {},
    "a list for a type": {"type": [["EuropeanDigitalCredential"]]},
    "numbers": {"id": 1, "type": 2, "issued": 3, "credentialSubject": 4},
    "objects for texts": {"type": {"a": {}}, "displayParameter": {"title": {"it": {"a": []}}, "id": {}}},
    "lists for objects": {"credentialSubject": [[], [[{}]]], "issuer": [{"type": ["Person", 5]}]},
    "a language that is none": {
        "displayParameter": {"type": "DisplayParameter", "title": {"it": [None, 5, {}]}}
    },
    "nulls": {"displayParameter": {"language": None, "individualDisplay": [None]}, "@context": None},
    "unhashable types": {"displayParameter": {"type": [{}], "individualDisplay": {"type": {}}}},
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_whatever_it_is_given_a_lint_answers(junk: Any) -> None:
    assert lint(junk)
    assert meaning_faults(replace(draft(), edc=junk))


def test_every_mutation_is_answered() -> None:
    edc = make_edc.edc()
    for mutation in chosen(edc, 20, "answered"):
        mutated = mutation.of(edc)
        lint(mutated)
        meaning_faults(replace(draft(), edc=mutated))


def draft(**changes: Any) -> EdcDraft:
    claims = make.claims(**changes)
    return EdcDraft(make_edc.edc(), claims, make_edc.BODY, make.STEMS, True, make_edc.LINK)


MEANT: dict[str, tuple[str, EdcDraft]] = {
    "another document": ("identity", draft(document_id="urn:uuid:00000000-0000-4000-8000-000000000000")),
    "another subject": ("identity", draft(subject_id="urn:uuid:00000000-0000-4000-8000-000000000000")),
    "another number": ("identity", draft(number="DLE-26-0000-0000-0002-93")),
    "another validity": ("decided", draft(valid_until=make.ISSUED)),
    "another name": ("holder", draft(holder_name="Somebody Else")),
    "a name that should not be there": ("holder", replace(draft(), named=False)),
    "another body": ("sealed_by", replace(draft(), body=replace(make_edc.BODY, legal_name="Another body"))),
    "another identifier": ("sealed_by", replace(draft(), body=replace(make_edc.BODY, identifier="VATIT-1"))),
    "another country": ("sealed_by", replace(draft(), body=replace(make_edc.BODY, country="AT"))),
    "a test that is meant": ("test_mark", draft(test=False)),
    "a word of another route": (
        "wording",
        replace(draft(), edc=make_edc.edc(claim_wording=Labels(it="Certificazione", en="Certification"))),
    ),
    "another link": ("link", replace(draft(), verification_url=f"{make.BASE}/v/other")),
}


@pytest.mark.parametrize(("name", "meant"), MEANT.values(), ids=MEANT.keys())
def test_a_credential_that_says_something_else_than_was_decided_is_not_sealed(
    name: str, meant: EdcDraft
) -> None:
    assert {fault.rule for fault in meaning_faults(meant)} == {name}


def test_a_credential_that_says_what_was_decided_has_no_fault() -> None:
    assert meaning_faults(draft()) == []
    unnamed = replace(draft(), edc=make_edc.edc(named=False), named=False)
    assert meaning_faults(unnamed) == []


def test_no_fault_repeats_what_the_credential_says_of_the_holder() -> None:
    edc = make_edc.edc()
    words = json.dumps(
        [f"{fault.words}" for mutation in chosen(edc, 20, "secrets") for fault in lint(mutation.of(edc))],
        ensure_ascii=False,
    )
    assert make.claims().holder_name not in words
