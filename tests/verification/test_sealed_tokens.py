"""A `vc+jwt` that stands in JSON: what its seal proves, what its lists say, and what is made of neither."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from app.formats import jades, vc
from app.formats.claims import Format, Purpose, StatusEntry
from app.formats.jades import Level, Seal, read_seal
from app.formats.jose import signing_input
from app.formats.strict import encode64, write_json
from app.formats.tokenlist import States
from app.main import create_app
from app.ports import Fetched, Ports
from app.verification import offline, service
from app.verification.entries import Entry
from app.verification.examining import examine
from app.verification.foreign import Abroad
from app.verification.report import CheckName, Report, Result
from app.verification.trust import Keyring
from tests import make as houses
from tests.fakes_outbound import Nowhere, Pages
from tests.formats import make
from tests.formats.seals import ASKED, holder, sealer
from tests.pki.authority import ORGANISATION, Holder
from tests.pki.samples import MINUTE
from tests.verification.abroad import bits, bitstring, credential, entry
from tests.verification.sealing import codes, entry_of, examined, flips, own, reason, ring, stranger

ACCEPTED = {Result.VALID, Result.VALID_WITH_WARNINGS}
SCHOOL = "did:web:school.example.net"
PURPOSES: tuple[Purpose, ...] = ("revocation", "suspension")
LISTS = {purpose: f"https://school.example.net/lists/{purpose}" for purpose in PURPOSES}
PROVEN = (Level.B_LT, Level.B_LTA)
Json = dict[str, Any]


def ours() -> Keyring:
    key = holder("ES256").public
    return replace(ring(key), seals={key.thumbprint: key})


def says(**changes: Any) -> Json:
    status = [entry(url, 7, purpose) for purpose, url in LISTS.items()]
    issuer = {"id": SCHOOL, "type": ["Profile"], "name": ORGANISATION}
    return credential(issuer, ASKED, **({"credentialStatus": status} | changes))


def sealed_as_token(content: Json, by: Holder, level: Level = Level.B_LTA, issuer: str = SCHOOL) -> Seal:
    return sealer().sealed(by, level, kind="vc", content=write_json(content), issuer=issuer)


@cache
def foreign(level: Level = Level.B_LTA) -> Seal:
    return sealed_as_token(says(), stranger(), level)


def signed(payload: Json, by: Holder) -> str:
    content = signing_input(vc.seal_header(SCHOOL, by.public, sealer().at), payload)
    return vc.signed(content, by.sign(content))


def lists(raised: Mapping[str, set[int]], *, by: Holder | None = None, **changes: Any) -> Pages:
    """What stands at the addresses of the two lists."""
    written = {
        url: signed(
            bitstring(url, SCHOOL, purpose, bits(raised.get(purpose, set())), ASKED, **changes),
            by or stranger(),
        )
        for purpose, url in LISTS.items()
    }
    return Pages({url: Fetched(text.encode(), "application/vc+jwt") for url, text in written.items()})


def asked(text: str, outside: Pages | Nowhere, keys: Keyring | None = None) -> Report:
    """Do what the desk does with a document in JSON."""
    keys = keys or ours()
    found, listed = examined(text, keys), None
    if found.foreign:
        found, listed = asyncio.run(Abroad(outside).look_after(found, keys, ASKED))
    return service.report(service.compare(found, None, keys, listed=listed), keys, at=ASKED)


def asked_compact(text: str, outside: Pages) -> Report:
    found, listed = asyncio.run(Abroad(outside).look(text, ours(), ASKED))
    return service.report(service.compare(found, None, ours(), listed=listed), ours(), at=ASKED)


@pytest.mark.parametrize("level", PROVEN)
def test_the_lists_of_a_stranger_are_asked_once_its_seal_was_judged(level: Level) -> None:
    seal = foreign(level)
    for text in (seal.flattened(), seal.general()):
        outside = lists({})
        report = asked(text, outside)
        assert report.result is Result.VALID, codes(report)
        assert codes(report)["status"] == "status-active-listed"
        assert codes(report)["issuer_trust"] == "issuer-trusted-sealed"
        assert {*LISTS.values()} <= {*outside.asked}
        told = reason(report, "integrity").en
        assert level.value in told
        assert "Time-stamp of the signature" in told
        assert ("Archive time-stamp" in told) is (level is Level.B_LTA)


@pytest.mark.parametrize(
    ("outside", "code", "result"),
    [
        (lists({"revocation": {7}}), "status-revoked-listed", Result.INVALID),
        (lists({"suspension": {7}}), "status-suspended-listed", Result.INVALID),
        (lists({"revocation": {8}}), "status-active-listed", Result.VALID),
        (Nowhere(), "status-unreachable", Result.UNKNOWN),
        (lists({}, by=holder("RS256")), "status-active-listed", Result.VALID),
        (lists({}, issuer="did:web:other.example"), "status-not-credible", Result.UNKNOWN),
        (lists({}, validUntil="2026-11-20T00:00:00Z"), "status-too-old", Result.UNKNOWN),
    ],
    ids=["revoked", "suspended", "another", "away", "another key under the anchor", "another's", "over"],
)
def test_what_its_lists_say_counts_as_it_does_of_a_compact_one(
    outside: Pages, code: str, result: Result
) -> None:
    report = asked(foreign().flattened(), outside)
    assert (report.result, codes(report)["status"]) == (result, code), codes(report)


@pytest.mark.parametrize("level", Level)
def test_the_same_signature_is_told_the_same_status_in_either_form(level: Level) -> None:
    for raised in ({}, {"revocation": {7}}, {"suspension": {7}}):
        seal = foreign(level)
        found = asked(seal.flattened(), lists(raised))
        compact = asked_compact(seal.bare.compact(), lists(raised))
        assert codes(found)["status"] == codes(compact)["status"]
        assert found.shown == compact.shown
        if raised:
            assert found.result is compact.result is Result.INVALID
    assert examined(seal.flattened(), ours()).sha256 == examine(seal.bare.compact(), ours()).sha256


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T])
def test_a_stranger_without_word_on_its_certificate_is_not_known_however_its_lists_stand(
    level: Level,
) -> None:
    report = asked(foreign(level).flattened(), lists({}))
    assert report.result is Result.UNKNOWN
    assert codes(report)["issuer_trust"] == "issuer-revocation-unknown"
    assert codes(report)["status"] == "status-active-listed"


def test_an_issuer_that_the_operator_trusts_is_asked_for_its_keys() -> None:
    keys = replace(ours(), trusted=frozenset({SCHOOL}), anchors=())
    outside = lists({})
    text = foreign(Level.B_B).flattened()
    report = asked(text, outside, keys)
    assert (report.result, codes(report)["issuer_trust"]) == (Result.UNKNOWN, "issuer-unknown")
    method = {"id": f"{SCHOOL}#seal", "type": "JsonWebKey", "controller": SCHOOL}
    document: Json = {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": SCHOOL,
        "verificationMethod": [method | {"publicKeyJwk": dict(stranger().public.jwk)}],
        "assertionMethod": [method["id"]],
    }
    page = {"https://school.example.net/.well-known/did.json": Fetched(write_json(document), "")}
    report = asked(text, Pages({**outside.pages, **page}), keys)
    assert report.result is Result.VALID, codes(report)


def test_what_names_no_list_asks_nobody() -> None:
    outside = Pages({})
    report = asked(sealed_as_token(says(credentialStatus=None), stranger()).flattened(), outside)
    assert (report.result, codes(report)["status"]) == (Result.VALID_WITH_WARNINGS, "status-not-offered")
    assert outside.asked == []


def test_nobody_is_asked_of_a_broken_seal_nor_about_lists_of_ours() -> None:
    outside = lists({})
    broken = json.loads(foreign().flattened())
    broken["payload"] = encode64(write_json(says(name="Welding, level 3")))
    assert asked(json.dumps(broken), outside).result is Result.INVALID
    here = sealed_as_token(says(credentialStatus=entry(f"{make.BASE}/status/1", 7)), stranger())
    report = asked(here.flattened(), outside)
    assert (report.result, codes(report)["status"]) == (Result.UNKNOWN, "status-not-credible")
    assert outside.asked == []


def test_over_http_the_lists_are_asked_and_told(live: Ports) -> None:
    for raised, code in (({}, "status-active-listed"), ({"revocation": {7}}, "status-revoked-listed")):
        ports = replace(live, outbound=lists(raised))
        caller = houses.caller(create_app(ports))
        answer = caller.post("/v1/verifications", json={"credential": json.loads(foreign().flattened())})
        told = {check["id"]: check["code"] for check in answer.json()["checks"]}
        assert told["status"] == code, told


PLACE = f"{make.BASE}/status/1"


@cache
def issued() -> tuple[str, Seal]:
    """One of ours as it is issued, and the same with all proof beside it."""
    key, made = holder("ES256"), sealer()
    status = tuple(StatusEntry(f"{PLACE}-{purpose}", 7, purpose) for purpose in PURPOSES)
    unsigned = vc.unsigned(Format.VC_JWT, make.claims(test=False, status=status), key.public, make.BASE)
    compact = vc.signed(unsigned, key.sign(unsigned))
    seal = jades.read_seal(compact)
    made.moment = made.at + MINUTE
    seal = jades.with_signature_timestamp(seal, made.stamper.stamp(jades.signature_imprint(seal)))
    seal = jades.with_validation_values(seal, *made.values(key))
    return compact, jades.with_archive_timestamp(seal, made.stamper.stamp(jades.archive_imprint(seal)))


@pytest.mark.parametrize(
    ("state", "result"),
    [(None, Result.UNKNOWN), (0, Result.VALID), (1, Result.INVALID), (2, Result.INVALID)],
    ids=["no list", "clear", "revoked", "suspended"],
)
def test_offline_one_of_ours_goes_by_the_lists_that_were_saved_in_either_form(
    state: int | None, result: Result
) -> None:
    compact, seal = issued()
    listing = offline.Listing(PLACE, States(bytes([0, (state or 0) << 6])), ASKED, None)
    saved = offline.Saved({} if state is None else {(PLACE, None): listing})
    for text in (compact, seal.flattened(), seal.general()):
        report, _ = offline.report_on(text.encode(), offline.Given(ours()), saved, at=ASKED)
        assert report.result is result, codes(report)


def test_of_a_stranger_nothing_is_known_offline() -> None:
    given = offline.Given(ours())
    report, _ = offline.report_on(
        foreign().flattened().encode(), given, offline.Saved.of([], ours()), at=ASKED
    )
    assert (report.result, codes(report)["status"]) == (Result.UNKNOWN, "status-unreachable")
    assert report.outcome(CheckName.ISSUER_TRUST) == "pass"


def entry_for(compact: str) -> Entry:
    """What the register holds of one that was issued in compact form."""
    entry = entry_of(own())
    return replace(
        entry,
        documents=(
            replace(entry.documents[1], sha256=hashlib.sha256(compact.encode()).hexdigest(), format="vc+jwt"),
        ),
    )


def test_in_every_form_and_at_every_level_it_is_the_document_that_was_issued() -> None:
    compact, grown = issued()
    for level in Level:
        seal = grown.at_level(level)
        assert seal.level is level
        for text in (seal.flattened(), seal.general()):
            report = service.report(
                service.compare(examined(text, ours()), entry_for(compact), ours()), ours(), at=ASKED
            )
            assert report.result is Result.VALID, codes(report)
            assert codes(report)["register_match"] == "register-agrees"
    assert grown.bare.compact() == compact


@pytest.mark.parametrize("level", Level)
def test_no_flipped_byte_is_ever_accepted_but_in_what_nobody_needs(level: Level) -> None:
    """What comes last in a B-LT is covered by nothing: there, what names no known signer is passed over."""
    compact, grown = issued()
    for name, seal, held in (
        ("ours", grown.at_level(level), entry_for(compact)),
        ("foreign", foreign(level), None),
    ):
        told: Counter[str] = Counter()
        whole = examined(seal.flattened(), ours()).seal
        for text in flips(seal.flattened(), 31):
            found = examined(text, ours())
            listed = service.Listed("status-active-listed", ASKED) if held is None else None
            report = service.report(service.compare(found, held, ours(), listed=listed), ours(), at=ASKED)
            told[codes(report).get("integrity", codes(report)["format"])] += 1
            if report.result in ACCEPTED:
                told["accepted"] += 1
                changed = read_seal(text)
                assert level is Level.B_LT, codes(report)
                assert (changed.bare, changed.stamps()) == (seal.bare, seal.stamps())
                assert held is not None or found.seal == whole  # of ours, the register proves it
        print(f"vc+jwt, {name} {level}: {told.total()} flips, {dict(told)}")  # noqa: T201


ABSENT = object()


def head(**changes: Any) -> Json:
    members = {**vc.seal_header(SCHOOL, stranger().public, sealer().at)} | changes
    return {name: value for name, value in members.items() if value is not ABSENT}


def grown_from(header: Json, payload: str) -> Seal:
    """Seal whatever there is and let it grow, as no honest writer would."""
    made, protected = sealer(), encode64(write_json(header))
    seal = Seal(payload, protected, encode64(stranger().sign(f"{protected}.{payload}".encode())))
    made.moment = made.at + MINUTE
    seal = jades.with_signature_timestamp(seal, made.stamper.stamp(jades.signature_imprint(seal)))
    seal = jades.with_validation_values(seal, *made.values(stranger()))
    return jades.with_archive_timestamp(seal, made.stamper.stamp(jades.archive_imprint(seal)))


def hostile() -> dict[str, str]:
    good = foreign()
    flat: Json = json.loads(good.flattened())
    general: Json = json.loads(good.general())
    (signature,) = general["signatures"]
    plain = write_json(says()).decode()
    other = json.loads(issued()[1].general())["signatures"][0]
    heads: dict[str, Json] = {
        "alg none": {"alg": "none"},
        "alg HS256": {"alg": "HS256"},
        "alg RS256 over a P-256 key": {"alg": "RS256"},
        "alg EdDSA": {"alg": "EdDSA"},
        "no alg": {"alg": ABSENT},
        "b64 true": {"b64": True},
        "b64 false over base64url": {"b64": False, "crit": ["b64"]},
        "b64 false, not critical": {"b64": False},
        "crit of b64 that is not there": {"crit": ["b64"]},
        "sigT beside iat": {"sigT": "2026-11-20T09:00:00Z"},
        "sigT, critical": {"iat": ABSENT, "sigT": "2026-11-20T09:00:00Z", "crit": ["sigT"]},
        "the type of a list": {"typ": "statuslist+jwt"},
        "the type of a presentation": {"typ": "vp+jwt"},
        "the type of a badge": {"typ": "JWT"},
        "no type": {"typ": ABSENT},
        "the type of a sealed JSON": {"typ": "jose+json"},
        "another content": {"cty": "vp"},
        "no certificate": {"x5c": ABSENT},
        "no digest of it": {"x5t#S256": ABSENT},
        "a key beside it": {"jwk": dict(stranger().public.jwk)},
        "an address of keys": {"jku": "https://127.0.0.1/keys"},
        "zip": {"zip": "DEF"},
    }
    made = {name: grown_from(head(**changes), good.payload).flattened() for name, changes in heads.items()}
    payloads = {
        "plain text under b64 false": (head(b64=False, crit=["b64"]), plain),
        "plain text": (head(), plain),
        "a padded payload": (head(), good.payload + "="),
        "spare bits in the payload": (head(), encode64(b"{}") + "x"),
        "a list": (
            head(),
            encode64(write_json(bitstring(PLACE, SCHOOL, "revocation", "u", ASKED))),
        ),
        "no credential": (head(), encode64(b"{}")),
        "a member twice": (head(), encode64(plain[:-1].encode() + b',"issuer":"x"}')),
        "an empty payload": (head(), ""),
    }
    for name, (header, payload) in payloads.items():
        made[name] = grown_from(header, payload).flattened()
    return made | {
        "two signatures": json.dumps(general | {"signatures": [signature, signature]}),
        "ours beside it": json.dumps(general | {"signatures": [signature, other]}),
        "no signatures": json.dumps(general | {"signatures": []}),
        "both forms at once": json.dumps(general | flat),
        "alg outside": json.dumps(flat | {"header": flat["header"] | {"alg": "ES256"}}),
        "typ outside": json.dumps(flat | {"header": flat["header"] | {"typ": "vc+jwt"}}),
        "kid outside": json.dumps(flat | {"header": {"kid": "x"}}),
        "an empty header outside": json.dumps(flat | {"header": {}}),
        "etsiU in clear": json.dumps(flat | {"header": {"etsiU": [{"sigTst": {}}]}}),
        "the signature of ours": json.dumps(flat | {"signature": other["signature"]}),
        "the header of ours": json.dumps(flat | {"protected": other["protected"]}),
        "compact within": json.dumps({"payload": good.bare.compact()}),
        "compact as the payload": json.dumps(flat | {"payload": good.bare.compact()}),
        "the stamps of another": json.dumps(flat | {"header": other["header"]}),
        "a plain payload": json.dumps(flat | {"payload": plain}),
        "an object for a payload": json.dumps(flat | {"payload": says()}),
    }


def test_nothing_hostile_is_accepted_though_its_lists_are_clear() -> None:
    honest = grown_from(head(), foreign().payload)
    assert asked(honest.flattened(), lists({})).result is Result.VALID
    told = {name: asked(text, lists({})) for name, text in hostile().items()}
    assert [name for name, report in told.items() if report.result in ACCEPTED] == []
    counted = dict(Counter(report.result.value for report in told.values()))
    print(f"hostile vc+jwt in JSON: {len(told)}, 0 accepted, {counted}")  # noqa: T201


def test_what_is_refused_in_json_is_refused_in_compact_form_too() -> None:
    beside_it = {"the stamps of another"}  # which have no room there, and so spoil nothing
    for name, text in hostile().items():
        try:
            compact = jades.read_seal(text).bare.compact()
        except ValueError:
            continue
        accepted = asked_compact(compact, lists({})).result in ACCEPTED
        assert accepted is (name in beside_it), name
