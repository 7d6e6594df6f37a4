"""Whoever scans a number or uploads a document gets the register's own answer, on both databases."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.formats.claims import Format
from app.main import create_app
from app.organisations.models import Mode
from app.ports import Ports, Slot
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.verification.issued import Issued, document, issued, meddle, reinstate, revoke, suspend

CHECKS = [
    "format",
    "integrity",
    "issuer_trust",
    "validity_period",
    "status",
    "register_match",
    "superseded",
]
TWO_SECONDS = timedelta(seconds=2)
THREE_YEARS = timedelta(days=3 * 365)


def by_number(stranger: Caller, credential: Issued) -> dict[str, Any]:
    return answered(stranger.get(f"/v/{credential.number}.json"))


def by_text(stranger: Caller, text: str) -> dict[str, Any]:
    return answered(stranger.post("/v1/verifications", json={"credential": text}))


def answered(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    return report


def every_way(stranger: Caller, credential: Issued) -> list[dict[str, Any]]:
    """The answers to the number, the document and the badge: they must never differ."""
    return [
        by_number(stranger, credential),
        by_text(stranger, credential.token),
        by_text(stranger, credential.badge),
    ]


def codes(report: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["code"] for check in report["checks"]}


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["state"] for check in report["checks"]}


def test_a_credential_in_force_is_valid(stranger: Caller, credential: Issued) -> None:
    for report in every_way(stranger, credential):
        assert report["result"] == "valid"
        assert outcomes(report) == dict.fromkeys(CHECKS, "pass")
        assert report["mode"] == "live"
        assert report["headline"]["en"] == "Valid today, 20 November 2026, until 20 November 2029"
        shown = report["credential"]
        assert (shown["number"], shown["holder_name"]) == (credential.number, credential.holder_name)
        assert (shown["state"], shown["standard"]) == ("active", "UNI 11621-8:2026")
        assert shown["valid_from"] == "2026-11-20T00:00:00+01:00"
        assert shown["valid_until"] == "2029-11-20T23:59:59+01:00"
        assert report["issuer"] == {"name": "Associazione di prova"}
        assert report["clock_offset"] is None


@pytest.mark.parametrize(
    "signer", [MemoryKeys(START), MemoryKeys(START, development=False)], ids=["made here", "bought"]
)
def test_what_a_body_in_test_mode_issues_says_test_before_all_else(ports: Ports, signer: MemoryKeys) -> None:
    trying = replace(ports, signer=signer)
    credential = issued(trying, mode=Mode.TEST)
    for report in every_way(make.caller(create_app(trying)), credential):
        assert (report["result"], report["mode"]) == ("valid_with_warnings", "test")
        assert report["headline"]["it"].startswith("TEST \N{EN DASH} senza valore")
        assert report["headline"]["en"].startswith("TEST \N{EN DASH} no value")


def test_a_document_that_says_test_stays_one_after_its_body_went_live(live: Ports) -> None:
    credential = issued(live, mode=Mode.TEST)
    meddle(live, "UPDATE organisation SET mode = 'live'")
    for report in every_way(make.caller(create_app(live)), credential):
        assert (report["result"], report["mode"]) == ("valid_with_warnings", "test")


def later(ports: Ports, by: timedelta) -> None:
    clock = ports.clock
    assert isinstance(clock, SetClock)
    clock.move(by)


def nothing(ports: Ports, credential: Issued) -> None:
    del ports, credential


@pytest.mark.parametrize(
    ("happens", "after", "check", "code", "state"),
    [
        (suspend, TWO_SECONDS, "status", "status-suspended", "suspended"),
        (revoke, TWO_SECONDS, "status", "status-revoked", "revoked"),
        (nothing, THREE_YEARS + timedelta(days=2), "validity_period", "expired-renewable", "expired"),
        (nothing, THREE_YEARS + timedelta(days=100), "validity_period", "expired", "expired"),
        (nothing, -timedelta(days=1), "validity_period", "not-yet-valid", "not_yet_valid"),
    ],
    ids=["suspended", "revoked", "in grace", "expired", "not yet valid"],
)
def test_a_credential_not_in_force_is_invalid_however_it_is_asked_about(
    live: Ports,
    stranger: Caller,
    credential: Issued,
    happens: Callable[[Ports, Issued], None],
    after: timedelta,
    check: str,
    code: str,
    state: str,
) -> None:
    assert by_number(stranger, credential)["result"] == "valid"
    happens(live, credential)
    later(live, after)
    for report in every_way(stranger, credential):
        assert report["result"] == "invalid"
        assert codes(report)[check] == code
        assert {name for name, outcome in outcomes(report).items() if outcome != "pass"} == {check}
        assert report["credential"]["state"] == state


def test_in_grace_the_answer_says_until_when_it_may_be_renewed(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    last_instant_of_grace = timedelta(days=3 * 365 + 1 + 90, hours=14) - timedelta(seconds=1)
    later(live, last_instant_of_grace)
    for report in every_way(stranger, credential):
        assert (report["result"], codes(report)["validity_period"]) == ("invalid", "expired-renewable")
        assert report["headline"]["en"].endswith(
            "its validity ended on 20 November 2029, it may be renewed until 18 February 2030"
        )
    later(live, timedelta(seconds=1))
    for report in every_way(stranger, credential):
        assert (report["result"], codes(report)["validity_period"]) == ("invalid", "expired")


def test_what_is_revoked_is_not_said_to_be_renewable(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    revoke(live, credential)
    later(live, THREE_YEARS + timedelta(days=2))
    assert {codes(report)["validity_period"] for report in every_way(stranger, credential)} == {"expired"}


def test_the_last_day_is_valid_to_its_end(live: Ports, stranger: Caller, credential: Issued) -> None:
    midnight = timedelta(days=3 * 365 + 1, hours=14)  # from 9:00 UTC to 23:00 UTC, midnight in Rome
    later(live, midnight - timedelta(seconds=1))
    assert {report["result"] for report in every_way(stranger, credential)} == {"valid"}
    later(live, timedelta(seconds=1))
    assert {report["result"] for report in every_way(stranger, credential)} == {"invalid"}


def test_a_suspension_that_ended_leaves_no_mark(live: Ports, stranger: Caller, credential: Issued) -> None:
    suspend(live, credential)
    assert by_number(stranger, credential)["result"] == "invalid"
    reinstate(live, credential)
    later(live, TWO_SECONDS)
    assert {report["result"] for report in every_way(stranger, credential)} == {"valid"}


def test_the_cause_of_a_suspension_is_nobody_elses_business(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    suspend(live, credential)
    answer = stranger.get(f"/v/{credential.number}.json").text
    assert "complaint" not in answer.lower()


def test_a_seal_of_one_year_still_proves_in_the_third(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    later(live, timedelta(days=2 * 365 + 100))
    for report in every_way(stranger, credential):
        assert report["result"] == "valid"
        assert codes(report)["issuer_trust"] == "issuer-trusted-then"
        trust = next(check for check in report["checks"] if check["id"] == "issuer_trust")
        assert "20 November 2026" in trust["reason"]["en"]


def test_without_our_register_an_ended_seal_proves_nothing(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    later(live, timedelta(days=2 * 365 + 100))
    meddle(live, "UPDATE document SET jti = 'urn:uuid:other' WHERE format = 'vc+jwt'")
    report = by_text(stranger, credential.token)
    assert report["result"] == "invalid"
    assert codes(report)["issuer_trust"] == "issuer-ended-unproven"
    assert codes(report)["register_match"] == "register-has-no-entry"


def test_a_retired_key_still_proves_what_it_sealed(ports: Ports) -> None:
    keys = MemoryKeys(START, development=False)
    rotating = replace(ports, signer=keys)
    credential = issued(rotating)
    stranger = make.caller(create_app(rotating))
    assert by_number(stranger, credential)["result"] == "valid"
    keys.rotate(Slot.SEAL, ports.clock.now())
    later(rotating, TWO_SECONDS)
    assert {report["result"] for report in every_way(stranger, credential)} == {"valid"}


def test_a_key_that_is_no_longer_published_proves_nothing(live: Ports, credential: Issued) -> None:
    others = MemoryKeys(START, development=False)
    elsewhere = replace(live, signer=others)
    stranger = make.caller(create_app(elsewhere))
    assert [report["result"] for report in every_way(stranger, credential)] == [
        "invalid",  # our name, a seal that is none of ours
        "invalid",
        "unknown",  # a badge brings no key along
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE document SET sha256 = '0'",
        "UPDATE period SET valid_until = '2036-11-20'",
        "UPDATE period SET valid_from = '2026-11-19'",
        "UPDATE credential SET subject_id = 'urn:uuid:somebody-else'",
    ],
)
def test_a_register_that_says_something_else_makes_it_invalid(
    live: Ports, stranger: Caller, credential: Issued, statement: str
) -> None:
    on_table = "" if live.database.engine.dialect.name == "sqlite" else " ON period"
    meddle(live, f"DROP TRIGGER period_kept_on_update{on_table}")
    meddle(live, statement)
    for report in every_way(stranger, credential):
        assert report["result"] == "invalid"
        assert codes(report)["register_match"] == "register-contradicts"


def test_a_document_swapped_in_the_register_is_found_out(live: Ports, stranger: Caller) -> None:
    mine, theirs = issued(live), issued(live)
    held = document(live, theirs)
    meddle(
        live,
        "UPDATE document SET token = :token, sha256 = :sha256 WHERE id = :id",
        token=held.token,
        sha256=held.sha256,
        id=document(live, mine).id,
    )
    report = by_number(stranger, mine)
    assert report["result"] == "invalid"
    assert codes(report)["register_match"] == "register-contradicts"


def test_a_document_that_was_replaced_is_valid_with_a_warning(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    meddle(live, "UPDATE document SET superseded_at = :at", at=live.clock.now().replace(tzinfo=None))
    for report in every_way(stranger, credential):
        assert report["result"] == "valid_with_warnings"
        assert codes(report)["superseded"] == "superseded"
        assert report["headline"]["en"].startswith("Attention: replaced by a newer document")
        assert report["credential"]["state"] == "superseded"


def renewed(live: Ports, credential: Issued, first: str, last: str) -> None:
    """A second period with a document of its own, in columns alone: its words are not asked about here."""
    held = document(live, credential)
    with live.database.writing() as session:
        made = make.organisation(session, live.clock.now())
        holder = make.person(session, made.organisation.id, at=live.clock.now())
        decision = make.granted_decision(session, made.organisation.id, holder, at=live.clock.now()).id
    meddle(
        live,
        "INSERT INTO period (id, organisation_id, credential_id, seq, kind, cycle, decision_id, "
        "scheme_version, valid_from, valid_until) SELECT 'prd_2', organisation_id, credential_id, 2, "
        "'grant', 2, :decision, scheme_version, :first, :last FROM period WHERE credential_id = :credential",
        decision=decision,
        first=first,
        last=last,
        credential=credential.id,
    )
    meddle(
        live,
        "INSERT INTO document (id, organisation_id, period_id, format, jti, token, sha256, key_thumbprint, "
        "list_id, list_index, issued_at) SELECT 'doc_2', organisation_id, 'prd_2', format, 'urn:uuid:2', "
        "token, sha256, key_thumbprint, list_id, list_index, issued_at FROM document WHERE id = :id",
        id=held.id,
    )


def test_until_its_renewal_begins_a_document_is_the_right_one(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    renewed(live, credential, "2029-11-21", "2032-11-20")
    assert {report["result"] for report in every_way(stranger, credential)} == {"valid"}


def test_once_its_renewal_has_begun_a_document_is_superseded(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    renewed(live, credential, "2029-11-21", "2032-11-20")
    later(live, timedelta(days=1100))
    report = by_text(stranger, credential.token)
    assert (report["result"], codes(report)["superseded"]) == ("invalid", "superseded-renewed")
    assert report["credential"]["state"] == "superseded"
    assert report["headline"]["en"].endswith(
        "ended on 20 November 2029, and it was renewed: ask the holder for the newer document"
    )
    (told,) = (check["reason"] for check in report["checks"] if check["id"] == "superseded")
    assert "valid from 21 November 2029 through 20 November 2032" in told["en"]
    # The number answers for the newer period, whose document here is no more than a copy.
    assert codes(by_number(stranger, credential))["register_match"] == "register-contradicts"


@pytest.mark.parametrize(
    "spelling",
    [
        lambda number: number.lower(),
        lambda number: number.replace("-", ""),
        lambda number: number.replace("-", " "),
        lambda number: f" {number}",
        lambda number: number.replace("-", "\N{EN DASH}"),
    ],
    ids=["small letters", "no hyphens", "spaces", "a space before", "dashes"],
)
def test_a_number_may_be_spelt_in_many_ways(
    stranger: Caller, credential: Issued, spelling: Callable[[str], str]
) -> None:
    typed = spelling(credential.number)
    assert answered(stranger.get(f"/v/{typed}.json"))["credential"]["number"] == credential.number
    led = stranger.get(f"/v/{typed}?lang=it")
    assert (led.status_code, led.headers["Location"]) == (307, f"/v/{credential.number}?lang=it")


def test_an_unknown_number_and_one_not_issued_yet_get_the_same_answer(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    meddle(live, "UPDATE credential SET issued_at = NULL")
    unissued, unknown = (
        stranger.get(f"/v/{number}.json") for number in (credential.number, "DLE-26-7K3Q-F9XM-2T5H-65")
    )
    assert unissued.status_code == unknown.status_code == 404
    told, same = unissued.json(), unknown.json()
    assert told.pop("request_id") != same.pop("request_id")
    assert told == same
    assert told["code"] == "credential-not-found"
    assert _without(unissued.headers) == _without(unknown.headers)
    assert unissued.headers["Cache-Control"] == "no-store"


def _without(headers: httpx.Headers) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "x-request-id"}


def test_a_document_is_answered_for_in_either_format_alone(
    live: Ports, stranger: Caller, credential: Issued
) -> None:
    assert document(live, credential).sha256 != document(live, credential, Format.OB_JWT).sha256
    ways = every_way(stranger, credential)
    assert [codes(report) for report in ways] == [codes(ways[0])] * 3
