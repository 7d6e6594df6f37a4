import copy
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.claims import Format, StatusEntry
from app.formats.reading import ReadCredential, read_credential
from app.formats.strict import Malformed
from app.formats.vc import compose_ob, compose_vc
from tests.formats import make

OURS = compose_vc(make.claims())
FOREIGN: dict[str, Any] = {
    "@context": "https://www.w3.org/ns/credentials/v2",
    "type": "VerifiableCredential",
    "issuer": "https://issuer.example",
    "credentialSubject": {"degree": {"type": "Bachelor"}},
}


def ours(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OURS), **changes}


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_what_we_wrote_is_read_as_it_was_meant(form: Format) -> None:
    claims = make.claims(form)
    read = read_credential(compose_vc(claims) if form is Format.VC_JWT else compose_ob(claims))
    assert read == ReadCredential(
        jti=claims.document_id,
        sub=claims.subject_id,
        iss=claims.issuer_id,
        issuer_name=claims.issuer_name,
        number=claims.number,
        holder_name=claims.holder_name,
        title="Ingegnere di deep learning / Deep learning engineer",
        wording=read.wording,
        standard=claims.standard,
        valid_from=claims.valid_from,
        valid_until=claims.valid_until,
        status=claims.status,
        other_status=(),
        test=True,
    )


def test_a_strangers_credential_is_read_for_what_it_has() -> None:
    read = read_credential(
        {
            "@context": ["https://www.w3.org/ns/credentials/v2", {"degree": "https://x.example/degree"}],
            "type": ["VerifiableCredential", "AlumniCredential"],
            "issuer": {"id": "https://issuer.example", "name": {"@value": "Università", "@language": "it"}},
            "validFrom": "2026-01-01T00:00:00Z",
            "credentialSubject": {"id": "did:example:1", "more": [1, {"two": None}]},
            "credentialStatus": [
                {"type": "OtherStatus", "anything": 1},
                {"type": ["BitstringStatusListEntry"], "statusPurpose": "message", "statusListIndex": "3",
                 "statusListCredential": "https://issuer.example/3", "statusSize": 2},
                {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "0",
                 "statusListCredential": "https://issuer.example/1"},
            ],
            "termsOfUse": {"type": "Anything"},
        }
    )  # fmt: skip
    assert (read.iss, read.issuer_name, read.sub) == ("https://issuer.example", "Università", "did:example:1")
    assert (read.number, read.holder_name, read.title, read.jti) == (None, None, None, None)
    assert (read.valid_from, read.valid_until) == (datetime(2026, 1, 1, tzinfo=UTC), None)
    assert read.status == (StatusEntry("https://issuer.example/1", 0, "revocation"),)
    assert read.other_status == ("OtherStatus", "message")
    assert not read.test


@pytest.mark.parametrize("several", [[{"@value": "Uno"}, {"@value": "Two"}], "Uno", {"@value": "Uno"}])
def test_a_text_in_several_languages_is_read_in_the_first(several: object) -> None:
    assert read_credential(ours(description=several)).wording == "Uno"


@pytest.mark.parametrize("nothing", [None, 1, [], {}, {"it": "Uno"}, [[]]])
def test_a_text_in_a_form_that_we_do_not_know_is_left_out(nothing: object) -> None:
    assert read_credential(ours(description=nothing)).wording is None


REFUSED: dict[str, dict[str, Any]] = {
    "no context": {"@context": []},
    "another context": {"@context": ["https://www.w3.org/2018/credentials/v1"]},
    "context second": {"@context": ["https://x.example", "https://www.w3.org/ns/credentials/v2"]},
    "no type": {"type": []},
    "another type": {"type": ["AchievementCredential"]},
    "type a number": {"type": 1},
    "a status list": {"type": ["VerifiableCredential", "BitstringStatusListCredential"]},
    "a credential within": {"vc": {"type": "VerifiableCredential"}},
    "a credential within, empty": {"vc": None},
    "a presentation within": {"vp": {}},
    "issuer a number": {"issuer": 1},
    "issuer nameless": {"issuer": {}},
    "issuer a list": {"issuer": ["did:web:x"]},
    "issuer empty": {"issuer": ""},
    "another issuer claim": {"iss": "did:web:other.example"},
    "issuer claim a number": {"iss": 1},
    "another id": {"jti": "urn:uuid:other"},
    "another subject": {"sub": "urn:uuid:other"},
    "id a number": {"id": 1},
    "no subject": {"credentialSubject": []},
    "two subjects": {"credentialSubject": [{}, {}]},
    "subject a text": {"credentialSubject": "urn:uuid:x"},
    "subject null": {"credentialSubject": None},
    "valid from a day": {"validFrom": "2026-11-20"},
    "valid from without offset": {"validFrom": "2026-11-20T00:00:00"},
    "valid from a number": {"validFrom": 1795129200},
    "valid from with a space": {"validFrom": "2026-11-20 00:00:00+01:00"},
    "valid from with a line": {"validFrom": "2026-11-20T00:00:00+01:00\n"},
    "valid from in other digits": {"validFrom": "٢٠٢٦-11-20T00:00:00+01:00"},
    "valid from in no calendar": {"validFrom": "2026-02-30T00:00:00Z"},
    "valid from before time": {"validFrom": "0001-01-01T00:00:00+14:00"},
    "valid until after time": {"validUntil": "9999-12-31T23:59:59-14:00"},
    "valid until at sixty": {"validUntil": "2029-11-20T23:59:60+01:00"},
    "valid until in week form": {"validUntil": "2029-W47-2T00:00:00Z"},
    "not before a second off": {"nbf": 1795129201},
    "not before a text": {"nbf": "1795129200"},
    "not before a fraction": {"nbf": 1795129200.0},
    "not before true": {"nbf": True},
    "expiry a second off": {"exp": 1889909998},
    "expiry an hour off": {"validUntil": "2029-11-20T23:59:59+02:00"},
    "status a text": {"credentialStatus": "https://x.example/1"},
    "status null": {"credentialStatus": None},
    "status without a type": {"credentialStatus": {"statusListIndex": "1"}},
    "nine status entries": {"credentialStatus": [{"type": "Other"}] * 9},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_says_two_things_or_the_wrong_kind_of_thing_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        read_credential(ours(**REFUSED[name]))


def test_validity_in_the_claims_alone_is_refused() -> None:
    without = ours()
    del without["validUntil"]
    with pytest.raises(Malformed):
        read_credential(without)


@pytest.mark.parametrize(
    "changes",
    [
        {"statusListIndex": 5},
        {"statusListIndex": "-1"},
        {"statusListIndex": "05"},
        {"statusListIndex": "5 "},
        {"statusListIndex": "0x5"},
        {"statusListIndex": "\N{ARABIC-INDIC DIGIT FIVE}"},
        {"statusListIndex": "1" * 11},
        {"statusListIndex": None},
        {"statusListCredential": 1},
        {"statusListCredential": ""},
        {"statusPurpose": ["revocation"]},
        {"statusSize": 0},
        {"statusSize": "1"},
    ],
    ids=str,
)
def test_a_status_entry_that_cannot_be_looked_up_is_refused(changes: dict[str, Any]) -> None:
    payload = ours()
    payload["credentialStatus"][0].update(changes)
    with pytest.raises(Malformed):
        read_credential(payload)


@pytest.mark.parametrize(
    "identity",
    [
        {"identityType": "name", "identityHash": "Another", "hashed": False, "type": "IdentityObject"},
        {"identityType": "ext:credentialNumber", "identityHash": "1", "hashed": False},
        {"identityType": "name", "identityHash": 1, "hashed": False},
        {"identityType": "name", "identityHash": "x", "hashed": "false"},
        {"identityType": "name", "identityHash": "x"},
        "Another",
    ],
    ids=str,
)
def test_a_holder_who_is_named_twice_or_oddly_is_refused(identity: object) -> None:
    payload = ours()
    payload["credentialSubject"]["identifier"].append(identity)
    with pytest.raises(Malformed):
        read_credential(payload)


def test_a_hashed_name_is_no_name() -> None:
    payload = ours()
    payload["credentialSubject"]["identifier"][0].update(hashed=True)
    assert read_credential(payload).holder_name is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([OURS, FOREIGN]), st.dictionaries(st.sampled_from([*OURS]), json_values, max_size=4))
def test_whatever_payload_comes_in_is_read_or_malformed(
    start: dict[str, Any], changes: dict[str, Any]
) -> None:
    with suppress(Malformed):
        assert isinstance(read_credential({**start, **changes}), ReadCredential)


@given(json_values, json_values, json_values)
def test_whatever_stands_deeper_is_read_or_malformed(one: Any, two: Any, three: Any) -> None:
    payload = ours(issuer={"id": "did:web:x", "name": one}, iss="did:web:x")
    payload["credentialStatus"] = [
        {"type": "BitstringStatusListEntry", "statusPurpose": two, "statusSize": three}
    ]
    payload["credentialSubject"]["achievement"] = {"name": one, "alignment": two}
    with suppress(Malformed):
        read_credential(payload)


def places(value: Any, *way: str | int) -> list[tuple[str | int, ...]]:
    """Every way to a value inside of a payload."""
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(deeper for name, inner in within for deeper in places(inner, *way, name))]


OTHERS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    "",
    "x",
    "x" * 4097,
    [],
    {},
    ["x"],
    [[]],
    {"id": "x"},
    "name",
]


@pytest.mark.parametrize("way", places(OURS)[1:], ids=str)
def test_our_own_payload_is_read_fast_as_it_is_read_thoroughly(way: tuple[str | int, ...]) -> None:
    def changed(value: Any, *, gone: bool = False) -> dict[str, Any]:
        payload = ours()
        inner: Any = payload
        for step in way[:-1]:
            inner = inner[step]
        if gone:
            del inner[way[-1]]
        else:
            inner[way[-1]] = value
        return payload

    assert outcome(OURS) == outcome({**OURS, "extension": 1})
    for payload in (changed(None, gone=True), *(changed(other) for other in OTHERS)):
        assert outcome(payload) == outcome({**payload, "extension": 1})  # which is never read fast


def outcome(payload: dict[str, Any]) -> ReadCredential | str:
    try:
        return read_credential(payload)
    except Malformed as refused:
        return refused.reason
