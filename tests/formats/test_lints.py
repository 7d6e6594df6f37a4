import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.labels import Labels
from app.formats import lints
from app.formats.claims import TEST_MARK, Claims, Format, StatusEntry
from app.formats.lints import LINTS, MAX_UNSIGNED, lint
from app.formats.reading import read_credential
from app.formats.strict import decode64, encode64, read_object, write_json
from tests.formats import make

Change = Callable[[dict[str, Any], dict[str, Any]], object]


def changed(form: Format, change: Change) -> bytes:
    head, _, body = make.unsigned(form).decode().partition(".")
    header, payload = json.loads(decode64(head)), json.loads(decode64(body))
    change(header, payload)
    return f"{encode64(write_json(header))}.{encode64(write_json(payload))}".encode()


@pytest.fixture(params=[False, True], ids=["the first of its kind", "one of many"], autouse=True)
def _others(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds of the first document of a scheme, and of those that come after it."""
    monkeypatch.setattr("app.formats.lints._moulds", {})
    if request.param:
        other: dict[str, Any] = {
            "document_id": "urn:uuid:00000000-0000-4000-8000-000000000001",
            "subject_id": "urn:uuid:00000000-0000-4000-8000-000000000002",
            "number": "DLE-26-0000-0000-0000-98",
            "holder_name": "Another",
        }
        assert lint(make.unsigned(**other), make.claims(**other), make.STEMS) == ()


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
@pytest.mark.parametrize("test", [True, False], ids=["in test mode", "live"])
def test_an_ordinary_document_passes(form: Format, *, test: bool) -> None:
    assert lint(make.unsigned(form, test=test), make.claims(form, test=test), make.STEMS) == ()


def test_every_lint_cites_what_it_enforces() -> None:
    for each in LINTS:
        assert (each.__doc__ or "").startswith(("VCDM 2.0, ", "Open Badges 3.0, ", "Ours")), each


# What a mistake in composing would leave in the bytes: the claims are right, the document is not.
BYTES: dict[str, tuple[Format, Change]] = {
    "header: one more": (Format.OB_JWT, lambda header, _: header.pop("typ")),
    "header: one less": (Format.VC_JWT, lambda header, _: header.pop("iat")),
    "header: key of another": (Format.VC_JWT, lambda header, _: header.update(kid="did:web:other.example#1")),
    "header: badge key without address": (Format.OB_JWT, lambda header, _: header.update(kid="1")),
    "readable: header not allowed": (Format.VC_JWT, lambda header, _: header.update(jku="https://x")),
    "readable: inner credential": (Format.VC_JWT, lambda _, payload: payload.update(vc={})),
    "readable: subject claim": (Format.VC_JWT, lambda _, payload: payload.update(sub="urn:uuid:other")),
    "readable: not before": (Format.VC_JWT, lambda _, payload: payload.update(nbf=payload["nbf"] + 1)),
    "readable: expiry": (Format.VC_JWT, lambda _, payload: payload.update(exp=payload["exp"] - 1)),
    "context: order": (Format.VC_JWT, lambda _, payload: payload["@context"].append("https://x")),
    "types: order": (Format.OB_JWT, lambda _, payload: payload["type"].reverse()),
    "identifiers: another": (Format.VC_JWT, lambda _, payload: payload.update(id="urn:x", jti="urn:x")),
    "subject: another": (
        Format.VC_JWT,
        lambda _, payload: (payload.update(sub="urn:x"), payload["credentialSubject"].update(id="urn:x")),
    ),
    "issuer: another": (
        Format.VC_JWT,
        lambda _, payload: payload.update(iss="did:web:x", issuer="did:web:x"),
    ),
    "issuer: unnamed": (Format.VC_JWT, lambda _, payload: payload["issuer"].pop("name")),
    "registered_claims: missing": (Format.OB_JWT, lambda _, payload: payload.pop("sub")),
    "validity: another": (
        Format.VC_JWT,
        lambda _, payload: payload.update(validUntil="2029-11-21T23:59:59+01:00", exp=1889996399),
    ),
    "status: badge with a list": (
        Format.OB_JWT,
        lambda _, payload: payload.update(credentialStatus=[payload["credentialStatus"]]),
    ),
    "status: gone": (Format.VC_JWT, lambda _, payload: payload.pop("credentialStatus")),
    "status: another position": (
        Format.VC_JWT,
        lambda _, payload: payload["credentialStatus"][0].update(statusListIndex="1"),
    ),
    "status: unknown kind": (
        Format.VC_JWT,
        lambda _, payload: payload["credentialStatus"].append({"type": "Other"}),
    ),
    "number: another": (
        Format.VC_JWT,
        lambda _, payload: payload["credentialSubject"]["identifier"][1].update(identityHash="DLE"),
    ),
    "holder: another": (
        Format.VC_JWT,
        lambda _, payload: payload["credentialSubject"]["identifier"][0].update(identityHash="Another"),
    ),
    "test_mark: forgotten": (Format.VC_JWT, lambda _, payload: payload.update(name="Engineer")),
    "wording: certified": (
        Format.VC_JWT,
        lambda _, payload: payload.update(name=f"{TEST_MARK}Certified engineer"),
    ),
    "wording: in the criteria": (
        Format.OB_JWT,
        lambda _, payload: payload["credentialSubject"]["achievement"]["criteria"].update(
            narrative="See https://x.example/y: un ente ACCREDITATO"
        ),
    ),
    "size: too large": (Format.VC_JWT, lambda _, payload: payload.update(more="x" * MAX_UNSIGNED)),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_break_a_rule_are_found_before_any_key_is_used(name: str) -> None:
    form, change = BYTES[name]
    found = lint(changed(form, change), make.claims(form), make.STEMS)
    assert {finding.lint for finding in found} == {name.partition(":")[0]}


def test_one_of_many_passes_by_every_byte_of_it_or_not_at_all() -> None:
    sound, claims = make.unsigned(), make.claims()
    assert lint(sound, claims, make.STEMS) == ()
    assert _of_a_mould(sound, claims)
    body = sound.index(b".") + 1
    for place in range(body, len(sound)):
        another = b"A" if sound[place : place + 1] != b"A" else b"B"
        assert not _of_a_mould(sound[:place] + another + sound[place + 1 :], claims), place
    for cut in (sound[:-1], sound + b"A", sound + b".", sound[:body], sound + b"="):
        assert not _of_a_mould(cut, claims)


@pytest.mark.parametrize(
    "holder", ['Ada "la Rossa" \\ Riva', "Ada\u2028Riva", "Nicolò D\u2019Aò", "Łucja\nŻ", "{}", "\U0001f393"]
)
def test_a_name_of_one_of_many_is_read_as_it_was_meant(holder: str) -> None:
    claims = make.claims(holder_name=holder)
    assert lint(make.unsigned(), make.claims(), make.STEMS) == ()
    assert _of_a_mould(make.unsigned(holder_name=holder), claims)
    read = read_object(decode64(make.unsigned(holder_name=holder).decode().split(".")[1]), limit=MAX_UNSIGNED)
    assert read_credential(read).holder_name == holder
    assert not _of_a_mould(make.unsigned(holder_name=f"{holder} "), claims)


def test_of_many_each_is_held_to_the_stems_of_its_own_route() -> None:
    assert lint(make.unsigned(), make.claims(), make.STEMS) == ()

    found = lint(make.unsigned(), make.claims(), (*make.STEMS, "attestaz"))
    assert found
    assert {each.lint for each in found} == {"wording"}


@pytest.mark.parametrize(
    "begins",
    [make.claims().number.split("-")[4], f" {make.claims().number}", None],
    ids=["in the number", "right before it", "with the statement"],
)
def test_of_many_each_is_read_with_its_own_number(begins: str | None) -> None:
    body = make.unsigned().decode().split(".")[1]
    stems = (*make.STEMS, begins or str(read_object(decode64(body), limit=MAX_UNSIGNED)["description"]))
    other: dict[str, Any] = {
        "number": "DLE-26-0000-0000-0000-98",
        "document_id": f"urn:uuid:{UUID(int=1)}",
    }
    assert lint(make.unsigned(**other), make.claims(**other), stems) == ()

    assert {each.lint for each in lint(make.unsigned(), make.claims(), stems)} == {"wording"}


def test_of_many_each_has_one_place_in_all_of_its_lists() -> None:
    first, second = make.claims().status
    assert lint(make.unsigned(), make.claims(), make.STEMS) == ()

    apart = make.claims(status=(first, replace(second, index=first.index + 1)))
    assert not _of_a_mould(make.unsigned(), apart)
    assert lint(make.unsigned(), apart, make.STEMS)


def test_of_many_each_is_short_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lint(make.unsigned(), make.claims(), make.STEMS) == ()
    monkeypatch.setattr("app.formats.lints.MAX_UNSIGNED", len(make.unsigned()) - 1)

    assert lint(make.unsigned(), make.claims(), make.STEMS)


def _of_a_mould(unsigned: bytes, claims: Claims) -> bool:
    return any(each.made(unsigned, claims, make.STEMS) for each in lints._moulds.values())


# What a mistake before composing would put into the claims: the document says faithfully what is wrong.
CLAIMS: dict[str, dict[str, Any]] = {
    "identifiers: not a uuid": {"document_id": "https://seal.example.org/credentials/1"},
    "subject: a name": {"subject_id": "mailto:nicolo@example.org"},
    "subject: no uuid": {"subject_id": "urn:uuid:nicolo"},
    "issuer: nameless": {"issuer_name": " "},
    "validity: backwards": {"valid_until": make.claims().valid_from - timedelta(days=1)},
    "validity: parts of a second": {"valid_from": make.claims().valid_from.replace(microsecond=5)},
    "number: check digits": {"number": "DLE-26-0000-0000-0001-96"},
    "number: not canonical": {"number": "dle-26-0000-0000-0001-95"},
    "number: not one": {"number": "1"},
    "holder: nameless": {"holder_name": " "},
    "status: no list": {"status": ()},
    "status: purposes": {"status": make.claims().status[::-1]},
    "status: nowhere": {
        "status": (StatusEntry("list-1", 1, "revocation"), StatusEntry("list-2", 1, "suspension"))
    },
    "wording: of bodies": {"claim_wording": Labels(it="Certificazione di competenze", en="Attestation")},
    "wording: a qualification": {"scheme_description": Labels(it="Un Titolo di Studio", en="A degree")},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_that_break_a_rule_are_found_before_any_key_is_used(name: str) -> None:
    claims = replace(make.claims(), **CLAIMS[name])
    found = lint(make.unsigned(**CLAIMS[name]), claims, make.STEMS)
    assert {finding.lint for finding in found} == {name.partition(":")[0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer_name": "Associazione Certificatori"},
        {"holder_name": "Maria Certificati"},
        {"scheme_url": f"{make.BASE}/certified/1"},
        {"scheme_description": Labels(it="Un ente non riaccreditato", en="x")},
    ],
    ids=["issuer's name", "holder's name", "an address", "within a word"],
)
def test_names_and_addresses_are_whoevers_they_are(changes: dict[str, Any]) -> None:
    assert lint(make.unsigned(**changes), make.claims(**changes), make.STEMS) == ()


@pytest.mark.parametrize("unsigned", [b"", b"e30", b"e30.e30", b".", b"!.!", b"e30.e30.e30"])
def test_bytes_that_are_no_document_are_a_finding_and_no_crash(unsigned: bytes) -> None:
    assert [finding.lint for finding in lint(unsigned, make.claims(), ())] == ["readable"]
