"""Documents of other bodies: each case of `tests/vectors/foreign`, and what is remembered of the world."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app.ports import FetchBusy, Fetched, Outbound
from app.verification import service
from app.verification.foreign import Abroad
from app.verification.report import Outcome, Report
from app.verification.trust import Keyring
from tests.conftest import START
from tests.fakes_keys import MemoryKeys
from tests.fakes_outbound import Nowhere, Pages

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "foreign" / "cases.json").read_text(encoding="utf-8")
)
HERE = "https://sigillo.example.org"


def pages(of: Mapping[str, str]) -> Pages:
    return Pages({url: Fetched(page.encode(), "text/plain") for url, page in of.items()})


def keyring(keys: MemoryKeys, case: Mapping[str, Any]) -> Keyring:
    anchors = [x509.load_pem_x509_certificate(pem.encode()) for pem in case.get("anchors", [])]
    return Keyring.of(
        keys,
        HERE,
        anchors=tuple(each.public_bytes(Encoding.DER) for each in anchors),
        trusted=case.get("trusted", []),
    )


def reported(
    abroad: Abroad, token: str, ring: Keyring, *, after: timedelta = timedelta(0), patience: float = 10
) -> Report:
    at = START + after
    examined, listed = asyncio.run(abroad.look(token, ring, at, patience=patience))
    return service.report(service.compare(examined, None, ring, listed=listed), ring, at=at)


def case(about: str) -> dict[str, Any]:
    return next(each for each in CASES if each["about"] == about)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_every_foreign_document_gets_the_answer_that_it_deserves(
    case: dict[str, Any], keys: MemoryKeys
) -> None:
    report = reported(Abroad(pages(case["pages"])), case["token"], keyring(keys, case))
    told = {check.reason_code: check.outcome for check in report.checks}
    assert (report.result, case["code"] in told) == (case["result"], True), told
    if case["result"] == "unknown" and case["code"].startswith("status-"):
        assert told[case["code"]] is Outcome.NOT_CHECKED


def test_there_is_a_case_for_every_outcome_of_both_envelopes() -> None:
    badges = Counter(case["result"] for case in CASES if case["about"].startswith("badge"))
    others = Counter(case["result"] for case in CASES if not case["about"].startswith("badge"))
    assert set(badges) == set(others) == {"valid", "valid_with_warnings", "invalid", "unknown"}
    print(f"foreign cases: {dict(others)}, badges: {dict(badges)}")  # noqa: T201


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_with_no_way_out_nothing_foreign_is_ever_valid_by_its_list(
    case: dict[str, Any], keys: MemoryKeys
) -> None:
    report = reported(Abroad(Nowhere()), case["token"], keyring(keys, case))
    assert report.result != "valid"


def test_of_a_stranger_the_report_says_that_anyone_can_sign_anything(keys: MemoryKeys) -> None:
    anybody = case("did:key of anybody")
    report = reported(Abroad(Nowhere()), anybody["token"], keyring(keys, anybody))
    assert "Anyone can sign anything." in next(
        check.reason.en for check in report.checks if check.name == "issuer_trust"
    )


def test_a_status_is_told_with_the_time_of_its_list_and_lists_are_read_once_a_minute(
    keys: MemoryKeys,
) -> None:
    good = case("did:web, both lists clear")
    outside, ring = pages(good["pages"]), keyring(keys, good)
    abroad = Abroad(outside)
    for after, asked in ((0, 3), (30, 3), (59, 3), (90, 5)):
        report = reported(abroad, good["token"], ring, after=timedelta(seconds=after))
        assert len(outside.asked) == asked
        read = "10:01" if after == 90 else "10:00"
        assert f"read: 20 November 2026, {read}" in next(
            check.reason.en for check in report.checks if check.name == "status"
        )


def test_a_list_that_stops_answering_is_believed_for_ten_minutes_with_its_age(keys: MemoryKeys) -> None:
    good = case("did:web, both lists clear")
    outside, ring = pages(good["pages"]), keyring(keys, good)
    abroad = Abroad(outside)
    assert reported(abroad, good["token"], ring).result == "valid"
    outside.pages = {}
    later = reported(abroad, good["token"], ring, after=timedelta(minutes=9))
    assert later.result == "valid"
    assert "read: 20 November 2026, 10:00" in next(
        check.reason.en for check in later.checks if check.name == "status"
    )
    assert reported(abroad, good["token"], ring, after=timedelta(minutes=11)).result == "unknown"


def test_a_token_list_is_kept_no_longer_than_it_says(keys: MemoryKeys) -> None:
    good = case("Ed25519, metadata, token list clear")
    outside, ring = pages(good["pages"]), keyring(keys, good)
    abroad = Abroad(outside)
    assert reported(abroad, good["token"], ring).result == "valid"
    outside.pages = {}
    assert reported(abroad, good["token"], ring, after=timedelta(seconds=300)).result == "valid"
    assert reported(abroad, good["token"], ring, after=timedelta(seconds=301)).result == "unknown"


def test_a_bitstring_is_fetched_again_when_its_own_time_is_up(keys: MemoryKeys) -> None:
    from tests.verification.abroad import bits, bitstring, credential, did_key, entry, p256, signed

    key, url = p256(), "https://w.example.org/lists/1"
    issuer = did_key(key)
    listed = bitstring(url, issuer, "revocation", bits({8}), START)
    listed["credentialSubject"]["ttl"] = 10_000
    outside = pages({url: signed(listed, key)})
    token = signed(credential(issuer, START, credentialStatus=entry(url, 7)), key)
    abroad, ring = Abroad(outside), keyring(keys, {"trusted": [issuer]})
    for after, asked in ((0, 1), (10, 1), (11, 2)):
        assert reported(abroad, token, ring, after=timedelta(seconds=after)).result == "valid"
        assert len(outside.asked) == asked


class Crowded(Pages):
    """Serves pages, unless too much else is under way."""

    busy: Callable[[str], bool] = staticmethod(lambda _: False)

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        if self.busy(url):
            raise FetchBusy
        return await super().fetch(url, limit=limit, accept=accept)


def test_whoever_keeps_us_busy_gains_no_older_answer_and_spoils_none(keys: MemoryKeys) -> None:
    good = case("did:web, both lists clear")
    ring = keyring(keys, good)
    for busy in (lambda _: True, lambda url: "/lists/" in url, lambda url: "did.json" in url):
        outside = Crowded(pages(good["pages"]).pages)
        abroad = Abroad(outside)
        outside.busy = busy
        assert reported(abroad, good["token"], ring).result == "unknown"
        outside.busy = lambda _: False
        assert reported(abroad, good["token"], ring, after=timedelta(seconds=1)).result == "valid"
        outside.busy = busy
        assert reported(abroad, good["token"], ring, after=timedelta(minutes=11)).result == "unknown"
        outside.busy = lambda _: False
        after = timedelta(minutes=11, seconds=1)
        assert reported(abroad, good["token"], ring, after=after).result == "valid"


def test_a_list_named_as_one_of_another_kind_spoils_nothing(keys: MemoryKeys) -> None:
    from tests.verification.abroad import credential, did_key, entry, p256, signed, token_list

    key, url = p256(), "https://w.example.org/lists/1"
    issuer = did_key(key)
    outside = pages({url: signed(token_list(url, issuer, {}, START), key, typ="statuslist+jwt")})
    abroad, ring = Abroad(outside), keyring(keys, {"trusted": [issuer]})
    wrong = signed(credential(issuer, START, credentialStatus=entry(url, 7)), key)
    assert reported(abroad, wrong, ring).result == "unknown"
    right = signed(credential(issuer, START, status={"status_list": {"idx": 7, "uri": url}}), key)
    assert reported(abroad, right, ring).result == "valid"


def test_what_does_not_answer_is_not_asked_again_at_once(keys: MemoryKeys) -> None:
    good = case("did:web, both lists clear")
    outside, ring = Pages({}), keyring(keys, good)
    abroad = Abroad(outside)
    for after, asked in ((0, 1), (10, 1), (29, 1), (31, 2)):
        assert reported(abroad, good["token"], ring, after=timedelta(seconds=after)).result == "unknown"
        assert len(outside.asked) == asked


def test_a_new_key_is_found_when_its_name_is_missing(keys: MemoryKeys) -> None:
    good, renamed = case("did:web, both lists clear"), case("the key is of another name")
    outside, ring = pages(renamed["pages"]), keyring(keys, good)
    abroad = Abroad(outside)
    assert reported(abroad, renamed["token"], ring).result == "unknown"
    outside.pages = pages(good["pages"]).pages
    assert reported(abroad, good["token"], ring, after=timedelta(seconds=30)).result == "unknown"
    assert reported(abroad, good["token"], ring, after=timedelta(seconds=61)).result == "valid"


def test_many_at_once_ask_for_a_page_once(keys: MemoryKeys) -> None:
    good = case("did:web, both lists clear")
    outside, ring = pages(good["pages"]), keyring(keys, good)
    abroad = Abroad(outside)

    async def crowd() -> None:
        await asyncio.gather(*(abroad.look(good["token"], ring, START) for _ in range(50)))

    asyncio.run(crowd())
    assert sorted(outside.asked) == sorted(good["pages"])


class Silent:
    """Takes every question and never answers."""

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        del url, limit, accept
        await asyncio.Event().wait()
        raise AssertionError


class SilentLists(Pages):
    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        if "/lists/" in url:
            await asyncio.Event().wait()
        return await super().fetch(url, limit=limit, accept=accept)


def test_whoever_never_answers_is_not_waited_for(keys: MemoryKeys) -> None:
    good = case("did:web, both lists clear")
    silent: list[tuple[Outbound, str]] = [
        (Silent(), "key-unavailable"),
        (SilentLists(pages(good["pages"]).pages), "status-unreachable"),
    ]
    for outside, code in silent:
        report = reported(Abroad(outside), good["token"], keyring(keys, good), patience=0.05)
        assert report.result == "unknown"
        assert code in {check.reason_code for check in report.checks}


def test_our_own_house_is_never_asked_over_the_way_out(keys: MemoryKeys) -> None:
    from tests.verification.abroad import credential, entry, p256, signed

    key, outside = p256(), Nowhere()
    us = "did:web:sigillo.example.org"
    for issuer, kid in (
        (us, f"{us}#x"),
        (HERE, "x"),
        (HERE, f"{HERE}/keys/x"),
        (f"{us}:path", f"{us}:path#x"),
        ("https://w.example.org", f"{us}#x"),
    ):
        listed = entry(f"{HERE}/status/1-revocation", 1)
        token = signed(credential(issuer, START, credentialStatus=listed), key, kid=kid)
        assert reported(Abroad(outside), token, keyring(keys, {})).result == "unknown"
    assert outside.asked == []
