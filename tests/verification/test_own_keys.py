"""Several bodies under one roof: each signs with keys of its own, and with nobody else's."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from app.credentials import issuing, queries
from app.credentials.errors import DevelopmentKey
from app.credentials.models import Document
from app.formats import jades
from app.formats.claims import Format
from app.formats.jose import open_compact, thumbprint
from app.formats.keylist import open_key_list
from app.formats.q1 import decode_q1
from app.formats.tokenlist import open_token_list
from app.main import create_app, worker
from app.ports import KeyNotUsable, Ports, PublicKey, Slot
from app.upkeep.agreement import agreement
from app.verification import offline
from app.verification.desk import Desk
from app.verification.errors import RegisterUnreachable
from app.verification.postgresql import PostgresRegister
from app.verification.sqlite import SqliteRegister
from app.verification.submitted import Token
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.verification.issued import Issued, document, in_the_name_of, issued, revoke, rewritten

BEGAN = START - timedelta(seconds=1)


@dataclass
class Swapped:
    """Keys as somebody mixed them up: what a body signs is signed with another's, and it may not show."""

    keys: MemoryKeys
    other: str
    shows: bool = False

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        del body
        key = self.keys.current(slot, self.other)
        return key if self.shows else replace(key, body=None, issuer_code=None)

    def published(self) -> tuple[PublicKey, ...]:
        return self.keys.published()

    def anchors(self) -> tuple[bytes, ...]:
        return self.keys.anchors()

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        return self.keys.sign(thumbprint, message)


@pytest.fixture
def keys() -> MemoryKeys:
    """Those of an installation that counts."""
    return MemoryKeys(BEGAN, development=False)


@pytest.fixture
def app(ports: Ports) -> FastAPI:
    return create_app(ports)


@pytest.fixture
def first(ports: Ports, keys: MemoryKeys) -> Issued:
    return issued(ports, own=keys)


@pytest.fixture
def second(ports: Ports, keys: MemoryKeys) -> Issued:
    return issued(ports, own=keys)


@pytest.fixture
def third(ports: Ports) -> Issued:
    """Of a body that has no key of its own."""
    return issued(ports)


def another(ports: Ports, of: Issued) -> Issued:
    """One more credential of the same body."""
    at = ports.clock.now()
    with ports.database.writing(of.by.organisation_id) as session:
        holder = make.person(session, of.by.organisation_id, at=at)
        decision_id = make.granted_decision(session, of.by.organisation_id, holder, at=at).id
        name = holder.name_on_credential
    credential_id = issuing.issue(ports, decision_id, by=of.by, at=at)
    issuing.issue_document(ports, credential_id, Format.OB_JWT, by=of.by, at=at)
    with ports.database.reading(of.by.organisation_id) as session:
        number = queries.by_id(session, credential_id).number
    made = replace(of, id=credential_id, holder_name=name, number=number)
    token, badge, qr = (
        document(ports, made, form).token for form in (Format.VC_JWT, Format.OB_JWT, Format.QR)
    )
    return replace(made, token=token, badge=badge, qr=qr)


def forged(ports: Ports, keys: MemoryKeys, first: Issued, second: Issued) -> Issued:
    """A credential of the first body, in its books like any other, signed with the second one's keys."""
    return another(replace(ports, signer=Swapped(keys, second.by.organisation_id)), first)


def said(stranger: Caller, text: str) -> tuple[str, str]:
    report = stranger.post("/v1/verifications", json={"credential": text}).json()
    return report["result"], trust_in(report)


def said_of(stranger: Caller, number: str) -> tuple[str, str]:
    report = stranger.get(f"/v/{number}.json").json()
    return report["result"], trust_in(report)


def trust_in(report: dict[str, Any]) -> str:
    (code,) = [check["code"] for check in report["checks"] if check["id"] == "issuer_trust"]
    return str(code)


def texts(credential: Issued) -> tuple[str, str, str]:
    return credential.token, credential.badge, credential.qr


def signed_by(keys: MemoryKeys, credential: Issued, whose: str | None) -> bool:
    """Tell whether everything that it consists of was signed with the keys of that body."""
    seal, code = keys.current(Slot.SEAL, whose), keys.current(Slot.QR, whose)
    return (
        open_compact(credential.token).verified_by(seal.jwk)
        and open_compact(credential.badge).verified_by(seal.jwk)
        and decode_q1(credential.qr).verified_by(code.jwk)
    )


def test_each_body_signs_with_its_own_and_whoever_has_none_with_the_installations(
    keys: MemoryKeys, first: Issued, second: Issued, third: Issued, stranger: Caller
) -> None:
    for credential, whose in (
        (first, first.by.organisation_id),
        (second, second.by.organisation_id),
        (third, None),
    ):
        assert signed_by(keys, credential, whose)
        for text in texts(credential):
            assert said(stranger, text) == ("valid", "issuer-trusted")
        assert said_of(stranger, credential.number) == ("valid", "issuer-trusted")


def test_the_lists_of_a_body_are_signed_with_its_own_key(
    ports: Ports, keys: MemoryKeys, first: Issued, third: Issued, stranger: Caller
) -> None:
    for credential, whose in ((first, first.by.organisation_id), (third, None)):
        key = keys.current(Slot.STATUS, whose)
        for text in (credential.token, credential.badge):
            for entry in entries(text):
                assert open_compact(stranger.get(entry).text, limit=2**20).verified_by(key.jwk)
        listed = stranger.get(f"/status/{decode_q1(credential.qr).says.list_id}").text
        assert open_token_list(listed)[0].verified_by(key.jwk)
    assert agreement(ports.database, keys, None).findings == []


def entries(token: str) -> list[str]:
    status: Any = open_compact(token).payload["credentialStatus"]
    status = status if isinstance(status, list) else [status]
    return [each["statusListCredential"].removeprefix("https://sigillo.example.org") for each in status]


def test_what_is_one_bodys_and_signed_with_anothers_key_is_never_valid(
    ports: Ports, keys: MemoryKeys, first: Issued, second: Issued, stranger: Caller
) -> None:
    wrong = forged(ports, keys, first, second)
    assert signed_by(keys, wrong, second.by.organisation_id)
    for text in texts(wrong):
        assert said(stranger, text) == ("invalid", "issuer-key-misused")
    assert said_of(stranger, wrong.number) == ("invalid", "issuer-key-misused")
    told = agreement(ports.database, keys, None).findings
    assert sum("another body's own key" in each for each in told) == 3
    assert len(told) == 3


def edc_of(ports: Ports, credential: Issued) -> Document:
    issuing.issue_document(ports, credential.id, Format.EDC, by=credential.by, at=ports.clock.now())
    return document(ports, credential, Format.EDC)


def test_a_european_credential_is_sealed_with_the_bodys_own_and_never_anothers(
    ports: Ports, keys: MemoryKeys, first: Issued, second: Issued, stranger: Caller
) -> None:
    made = edc_of(ports, first)
    assert made.key_thumbprint == keys.current(Slot.EDC_SEAL, first.by.organisation_id).thumbprint
    assert said(stranger, made.token) == ("valid", "issuer-trusted-sealed")
    wrong = forged(ports, keys, first, second)
    made = edc_of(replace(ports, signer=Swapped(keys, second.by.organisation_id)), wrong)
    assert made.key_thumbprint == keys.current(Slot.EDC_SEAL, second.by.organisation_id).thumbprint
    assert said(stranger, made.token) == ("invalid", "issuer-key-misused")


def test_nothing_is_signed_with_a_key_that_is_another_bodys(
    ports: Ports, keys: MemoryKeys, first: Issued, second: Issued
) -> None:
    mixed = replace(ports, signer=Swapped(keys, second.by.organisation_id, shows=True))
    with pytest.raises(KeyNotUsable, match="another body's own"):
        another(mixed, first)
    assert agreement(ports.database, keys, None).findings == []


def test_what_was_signed_before_a_body_had_its_own_stays_as_good(
    ports: Ports, keys: MemoryKeys, third: Issued, stranger: Caller, clock: SetClock
) -> None:
    before = another(ports, third)
    keys.give(third.by.organisation_id, decode_q1(third.qr).says.issuer_code, BEGAN)
    after = another(ports, third)
    clock.move(timedelta(seconds=1))  # so long nobody reads the keys again
    assert signed_by(keys, before, None)
    assert signed_by(keys, after, third.by.organisation_id)
    for text in (*texts(before), *texts(after)):
        assert said(stranger, text) == ("valid", "issuer-trusted")


def test_the_straight_line_is_not_taken_past_whose_key_it_is(
    ports: Ports, keys: MemoryKeys, first: Issued, second: Issued, clock: SetClock
) -> None:
    """A desk that has learnt what documents of both bodies are like is not led astray by one of each."""
    wrong = [forged(ports, keys, first, second) for _ in range(3)]
    right = [another(ports, of) for of in (first, first, second, second)]
    clock.move(timedelta(seconds=1))
    desk = Desk(ports)

    async def told(text: str) -> tuple[bool, bytes]:
        straight = await desk.written_plainly(text)
        return straight is not None, straight or await desk.written_on(Token(text), plainly=False)

    async def all_of(texts: Sequence[str]) -> list[tuple[bool, bytes]]:
        await desk.open()
        try:
            return [await told(text) for text in texts]
        finally:
            await desk.close()

    order = [right[0], right[2], right[1], right[3], *wrong]
    answers = asyncio.run(all_of([each.token for each in order]))
    assert [straight for straight, _ in answers][2:4] == [True, True]
    for _, report in answers[:4]:
        assert b'"issuer-trusted"' in report
        assert b'"result":"valid"' in report
    for _, report in answers[4:]:
        assert b'"issuer-key-misused"' in report
        assert b'"result":"invalid"' in report


def test_a_qr_key_of_a_body_vouches_for_its_number_alone_without_a_network_too(
    ports: Ports, keys: MemoryKeys, first: Issued, second: Issued, third: Issued, stranger: Caller
) -> None:
    wrong = forged(ports, keys, first, second)
    worker(ports).drain()
    jwks, sealed = (stranger.get(f"/.well-known/{name}").content for name in ("jwks.json", "qr-keys"))
    paths = [f"/status/{number}" for number in range(1, 20)]
    lists = [answer.content for answer in map(stranger.get, paths) if answer.status_code == 200]
    for given in (offline.keys_in([jwks, sealed]), offline.keys_in([jwks])):
        saved = offline.Saved.of(lists, given.keyring)
        for credential in (first, second, third):
            for text in texts(credential):
                report, _ = offline.report_on(text.encode(), given, saved, at=ports.clock.now())
                assert report.as_json()["result"] == "valid"
        report, _ = offline.report_on(wrong.qr.encode(), given, saved, at=ports.clock.now())
        assert (report.as_json()["result"], trust_in(report.as_json())) == ("invalid", "issuer-key-misused")


def test_the_list_of_qr_keys_says_whose_own_each_is(first: Issued, third: Issued, stranger: Caller) -> None:
    said: Any = open_key_list(stranger.get("/.well-known/qr-keys").text).payload
    (shared,) = [each for each in said["keys"] if "issuer_code" not in each]
    (own,) = [each for each in said["keys"] if "issuer_code" in each]
    assert own["issuer_code"] == decode_q1(first.qr).says.issuer_code
    assert decode_q1(first.qr).verified_by(own["jwk"])
    assert decode_q1(third.qr).verified_by(shared["jwk"])


def test_whoever_lost_its_own_key_signs_nothing_more_and_the_others_go_on(
    ports: Ports, keys: MemoryKeys, first: Issued, second: Issued, third: Issued, clock: SetClock
) -> None:
    clock.move(timedelta(seconds=1))
    clock.move(timedelta(seconds=1))
    for slot in (Slot.SEAL, Slot.QR, Slot.STATUS):
        keys.compromise(slot, clock.at, first.by.organisation_id)
        with pytest.raises(KeyNotUsable):
            another(ports, first)
    clock.move(timedelta(seconds=1))
    assert signed_by(keys, another(ports, second), second.by.organisation_id)
    assert signed_by(keys, another(ports, third), None)


def test_a_live_body_with_its_own_is_not_held_up_by_those_of_the_installation_for_trying(
    ports: Ports,
) -> None:
    keys = MemoryKeys(BEGAN)
    house = replace(ports, signer=keys)
    live = issued(house, own=keys)
    assert signed_by(keys, live, live.by.organisation_id)
    answer = make.caller(create_app(house)).get("/.well-known/qr-keys")
    # Nor does the list of QR keys hang on a seal that nobody guards.
    own = keys.current(Slot.SEAL, live.by.organisation_id)
    assert open_key_list(answer.text).verified_by(own.jwk)
    with pytest.raises(DevelopmentKey):
        issued(house)


def test_at_a_host_of_its_own_the_list_of_qr_keys_is_under_the_seal_of_its_body(
    ports: Ports, keys: MemoryKeys
) -> None:
    hosted = issued(ports, own=keys, host="credentials.body.example")
    stranger = make.caller(create_app(ports))
    for host, body in (("credentials.body.example", hosted.by.organisation_id), ("unknown.example", None)):
        listed = open_key_list(stranger.get("/.well-known/qr-keys", headers={"Host": host}).text)
        assert listed.verified_by(keys.current(Slot.SEAL, body).jwk)
    keys.compromise(Slot.SEAL, ports.clock.now(), hosted.by.organisation_id)
    anew = make.caller(create_app(ports))
    assert anew.get("/.well-known/qr-keys", headers={"Host": "credentials.body.example"}).status_code == 503
    assert anew.get("/.well-known/qr-keys").status_code == 200


OURS, HOSTED, FOURTH = "sigillo.example.org", "credentials.body.example", "credentials.fourth.example"
KEY_LISTS = ("did.json", "jwks.json", "qr-keys")


def asked_at(host: str) -> dict[str, Any]:
    return {"headers": {"Host": host}}


@pytest.fixture
def hosted(ports: Ports, keys: MemoryKeys) -> Issued:
    return issued(ports, own=keys, host=HOSTED)


@pytest.fixture
def fourth(ports: Ports, keys: MemoryKeys) -> Issued:
    return issued(ports, own=keys, host=FOURTH)


def test_at_each_address_only_keys_of_whoever_issues_there_are_published(
    keys: MemoryKeys, first: Issued, hosted: Issued, fourth: Issued, stranger: Caller
) -> None:
    bodies = {
        OURS: {None, first.by.organisation_id},
        HOSTED: {None, hosted.by.organisation_id},
        FOURTH: {None, fourth.by.organisation_id},
    }
    for host, theirs in bodies.items():
        there = {key.thumbprint for key in keys.published() if key.body in theirs}
        did, jwks, listed = (
            stranger.get(f"/.well-known/{name}", **asked_at(host)).text for name in KEY_LISTS
        )
        assert {each["id"].rpartition("#")[2] for each in json.loads(did)["verificationMethod"]} == there
        assert {each["kid"].rpartition("#")[2] for each in json.loads(jwks)["keys"]} == there
        codes: Any = open_key_list(listed).payload["keys"]
        assert {thumbprint(each["jwk"]) for each in codes} == {
            key.thumbprint for key in keys.published() if key.slot is Slot.QR and key.body in theirs
        }
        for key in keys.published():
            status = stranger.get(f"/keys/{key.thumbprint}", **asked_at(host)).status_code
            assert status == (200 if key.thumbprint in there else 404)


@pytest.mark.parametrize("jti", [None, "urn:uuid:00000000-0000-4000-8000-000000000000"])
def test_no_body_seals_in_the_name_of_anothers_host_nor_one_with_its_own_in_the_installations(
    jti: str | None, keys: MemoryKeys, first: Issued, hosted: Issued, fourth: Issued, stranger: Caller
) -> None:
    for of, by, host in (
        (hosted, first, HOSTED),
        (hosted, fourth, HOSTED),
        (hosted, fourth, HOSTED.upper()),
        (fourth, hosted, f"{FOURTH}:users:one"),
        (first, hosted, OURS),
    ):
        token = in_the_name_of(keys, of, by, host, jti=jti)
        for asked in (OURS, HOSTED, FOURTH):
            report = stranger.post("/v1/verifications", json={"credential": token}, **asked_at(asked)).json()
            assert (report["result"], trust_in(report)) == ("invalid", "issuer-key-misused")
        assert stranger.post("/credentials/verify", json={"verifiableCredential": token}).status_code == 400


def test_a_hosted_bodys_own_seal_counts_in_its_own_name(
    ports: Ports, keys: MemoryKeys, hosted: Issued, fourth: Issued, stranger: Caller
) -> None:
    for credential in (hosted, fourth):
        for text in (*texts(credential), edc_of(ports, credential).token):
            result, code = said(stranger, text)
            assert (result, code.removesuffix("-sealed")) == ("valid", "issuer-trusted")
        assert said_of(stranger, credential.number) == ("valid", "issuer-trusted")
    # However it spells its name; that the register does not know it so is another matter.
    same = in_the_name_of(keys, hosted, hosted, HOSTED.title())
    assert said(stranger, same) == ("invalid", "issuer-trusted")


def test_the_straight_line_is_not_taken_past_in_whose_name_a_body_seals(
    ports: Ports, keys: MemoryKeys, hosted: Issued, fourth: Issued, clock: SetClock
) -> None:
    right = [another(ports, of) for of in (hosted, hosted, fourth, fourth)]
    wrong = [in_the_name_of(keys, each, fourth, HOSTED) for each in (hosted, *right[:2])]
    clock.move(timedelta(seconds=1))
    desk = Desk(ports)

    async def told() -> tuple[list[bytes | None], list[bytes | None], list[bytes]]:
        await desk.open()
        try:
            for each in right:
                await desk.written_on(Token(each.token))
            return (
                [await desk.written_plainly(each.token) for each in right],
                [await desk.written_plainly(each) for each in wrong],
                [await desk.written_on(Token(each)) for each in wrong],
            )
        finally:
            await desk.close()

    straight, plainly, reports = asyncio.run(told())
    assert None not in straight
    assert plainly == [None, None, None]
    for report in reports:
        assert b'"issuer-key-misused"' in report


def test_without_a_network_another_bodys_seal_is_nothing_at_a_bodys_own_host(
    ports: Ports, keys: MemoryKeys, first: Issued, hosted: Issued, fourth: Issued, stranger: Caller
) -> None:
    worker(ports).drain()
    kept = [stranger.get(f"/.well-known/{name}", **asked_at(HOSTED)).content for name in KEY_LISTS[1:]]
    lists = [stranger.get(f"/status/{number}").content for number in range(1, 20)]
    for given in (offline.keys_in(kept), offline.keys_in(kept[:1])):
        saved = offline.Saved.of(lists, given.keyring)
        for text in texts(hosted):
            report, _ = offline.report_on(text.encode(), given, saved, at=ports.clock.now())
            assert report.as_json()["result"] == "valid"
        for by in (first, fourth):
            token = in_the_name_of(keys, hosted, by, HOSTED)
            report, _ = offline.report_on(token.encode(), given, saved, at=ports.clock.now())
            assert report.as_json()["result"] == "invalid"
            assert trust_in(report.as_json()) != "issuer-trusted"


def told_offline(
    ports: Ports, given: offline.Given, lists: Sequence[bytes], text: str
) -> tuple[str, str, str]:
    saved = offline.Saved.of(lists, given.keyring)
    told, _ = offline.report_on(text.encode(), given, saved, at=ports.clock.now())
    report: dict[str, Any] = told.as_json()
    (status,) = [check["code"] for check in report["checks"] if check["id"] == "status"]
    return report["result"], trust_in(report), status


def saved_at(stranger: Caller, host: str) -> tuple[list[bytes], list[bytes]]:
    """The keys of an address, and whatever lists there are."""
    kept = [stranger.get(f"/.well-known/{name}", **asked_at(host)).content for name in KEY_LISTS[1:]]
    lists = (stranger.get(f"/status/{number}") for number in range(1, 20))
    return kept, [answer.content for answer in lists if answer.status_code == 200]


VALID = ("valid", "issuer-trusted", "status-active")


def test_without_a_network_a_bodys_own_seal_counts_in_no_name_but_that_of_its_keys_address(
    ports: Ports, keys: MemoryKeys, first: Issued, hosted: Issued, fourth: Issued, stranger: Caller
) -> None:
    del hosted
    worker(ports).drain()
    for here, by in ((OURS, first), (FOURTH, fourth)):
        kept, lists = saved_at(stranger, here)
        for given in (offline.keys_in(kept), offline.keys_in(kept[:1])):
            for text in (*texts(by), jades.read_seal(by.token).flattened()):
                result, _, status = told_offline(ports, given, lists, text)
                assert (result, status) == ("valid", "status-active")
            assert told_offline(ports, given, lists, in_the_name_of(keys, by, by, here)) == VALID
            for name in (HOSTED, HOSTED.upper(), here.upper(), f"{here}:users:one", "evil.example"):
                for form in (Format.VC_JWT, Format.OB_JWT):
                    token = in_the_name_of(keys, by, by, name, form=form)
                    result, trust, _ = told_offline(ports, given, lists, token)
                    assert (result, trust) == ("invalid", "issuer-key-misused")
                    assert said(stranger, token)[0] == "invalid"
                in_json = jades.read_seal(in_the_name_of(keys, by, by, name)).flattened()
                result, trust, _ = told_offline(ports, given, lists, in_json)
                assert (result, trust) == ("invalid", "issuer-key-misused")


def test_without_a_network_the_installations_key_counts_in_the_name_of_the_address_alone(
    ports: Ports, third: Issued, stranger: Caller
) -> None:
    hosted = issued(ports, host=HOSTED)
    worker(ports).drain()
    for here, theirs, others in ((OURS, third, hosted), (HOSTED, hosted, third)):
        kept, lists = saved_at(stranger, here)
        given = offline.keys_in(kept)
        for text in texts(theirs):
            assert told_offline(ports, given, lists, text) == VALID
        for text in texts(others)[:2]:
            told = ("unknown", "issuer-unknown", "status-unreachable")
            assert told_offline(ports, given, lists, text) == told
            assert said(stranger, text) == ("valid", "issuer-trusted")
        assert told_offline(ports, given, lists, others.qr)[0] == "unknown"


def test_without_a_network_a_european_credential_is_whose_the_certificate_says(
    ports: Ports, keys: MemoryKeys, third: Issued, stranger: Caller
) -> None:
    hosted = issued(ports, own=keys, host=HOSTED)
    for here, credential in ((OURS, third), (HOSTED, hosted)):
        kept, lists = saved_at(stranger, here)
        told = told_offline(ports, offline.keys_in(kept), lists, edc_of(ports, credential).token)
        assert told == ("unknown", "issuer-trusted-sealed", "status-in-register")


def relisted(ports: Ports, keys: MemoryKeys, lists: Sequence[bytes], by: Issued) -> list[bytes]:
    """The same lists, as a body signs them anew with its own key, or with the installation's."""
    at = int(ports.clock.now().timestamp()) + 1
    key = keys.current(Slot.STATUS, by.by.organisation_id)
    return [rewritten(keys, key, each.decode(), {"iat": at, "exp": at + 3600}).encode() for each in lists]


UNREACHABLE = ("unknown", "issuer-trusted", "status-unreachable")
REVOKED = ("invalid", "issuer-trusted", "status-revoked")


def test_without_a_network_a_list_under_another_bodys_own_key_does_not_count(
    ports: Ports,
    keys: MemoryKeys,
    first: Issued,
    second: Issued,
    third: Issued,
    stranger: Caller,
    clock: SetClock,
) -> None:
    worker(ports).drain()
    kept, before = saved_at(stranger, OURS)
    given = offline.keys_in(kept)
    for credential in (first, third):
        revoke(ports, credential)
    clock.move(timedelta(minutes=1))
    worker(ports).drain()
    _, lists = saved_at(stranger, OURS)
    forged = relisted(ports, keys, before, second)
    for credential in (first, third):
        for text in texts(credential):
            assert told_offline(ports, given, lists, text) == REVOKED
            assert told_offline(ports, given, forged, text) == UNREACHABLE
            assert told_offline(ports, offline.keys_in(kept[:1]), forged, text) == UNREACHABLE
            for both in ([*lists, *forged], [*forged, *lists]):
                assert told_offline(ports, given, both, text) == REVOKED
    for text in texts(second):
        assert told_offline(ports, given, forged, text) == VALID


def test_without_a_network_a_list_under_the_installations_key_counts_for_a_body_with_its_own_too(
    ports: Ports, keys: MemoryKeys, first: Issued, third: Issued, stranger: Caller
) -> None:
    worker(ports).drain()
    kept, lists = saved_at(stranger, OURS)
    for text in texts(first):
        anew = relisted(ports, keys, lists, third)
        assert told_offline(ports, offline.keys_in(kept), anew, text) == VALID


def test_without_a_network_lists_under_an_own_key_go_on_for_what_was_sealed_before_by_the_bodys_name(
    ports: Ports, keys: MemoryKeys, third: Issued, stranger: Caller, clock: SetClock
) -> None:
    keys.give(third.by.organisation_id, decode_q1(third.qr).says.issuer_code, BEGAN)
    clock.move(timedelta(seconds=2))  # so long nobody reads the keys again
    worker(ports).drain()
    kept, lists = saved_at(stranger, OURS)
    anew = relisted(ports, keys, lists, third)
    for text in texts(third):
        assert told_offline(ports, offline.keys_in(kept), anew, text) == VALID
    namesakes = issued(ports)
    clock.move(timedelta(seconds=2))
    kept, _ = saved_at(stranger, OURS)
    for text in texts(third)[:2]:  # nobody can tell whose of the two it is
        assert told_offline(ports, offline.keys_in(kept), anew, text) == UNREACHABLE
    assert told_offline(ports, offline.keys_in(kept), anew, third.qr) == VALID
    del namesakes


def test_whose_keys_belong_where_is_not_guessed_while_nobody_can_tell(
    ports: Ports, keys: MemoryKeys, hosted: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    del keys, hosted

    async def away(*_: object) -> None:
        raise RegisterUnreachable

    for register in (SqliteRegister, PostgresRegister):
        monkeypatch.setattr(register, "changes_since", away)
    stranger = make.caller(create_app(ports))
    for host in (OURS, HOSTED):
        for name in KEY_LISTS:
            assert stranger.get(f"/.well-known/{name}", **asked_at(host)).status_code == 503
