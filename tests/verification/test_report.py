"""The answer a stranger gets: only ever `valid` when every required check ran and passed."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import get_args, get_type_hints

import pytest

from app.core.labels import Labels
from app.verification import words
from app.verification.report import Check, CheckName, Outcome, Report, Result, Shown, State
from app.verification.rules import (
    ROME,
    RegisterFacts,
    _worded,
    conclude,
    found,
    issuer_trust,
    register_match,
    state_at,
    status,
    superseded,
    validity_period,
)

NOW = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
FROM = datetime(2026, 11, 20, tzinfo=ROME)
UNTIL_EXCLUSIVE = datetime(2029, 11, 20, 23, 0, tzinfo=UTC)
SHOWN = Shown(
    number="DLE-26-7K3Q-F9XM-2T5H-65",
    holder_name="Alba Neri",
    scheme_title=Labels(it="Ingegnere", en="Engineer"),
    standard="UNI 11621-8:2026",
    wording=Labels(it="Attestazione", en="Attestation"),
    issuer_name="Associazione",
    valid_from=FROM,
    valid_until=datetime(2029, 11, 20, 23, 59, 59, tzinfo=ROME),
    state="active",
)
FORBIDDEN = re.compile("certific|certif|accredit|abilitaz|titolo di studio", re.IGNORECASE)


def passing() -> dict[CheckName, Check]:
    checks = (
        found("format-read", at=NOW),
        found("seal-intact", at=NOW),
        issuer_trust(anchored=True, at=NOW),
        validity_period(FROM, UNTIL_EXCLUSIVE, at=NOW),
        status(State.ACTIVE, at=NOW),
        register_match(agrees=True, at=NOW),
        superseded(replaced=False, at=NOW),
    )
    return {check.name: check for check in checks}


def answer(*changed: Check, shown: Shown | None = SHOWN, mode: str = "live") -> Report:
    checks = passing() | {check.name: check for check in changed}
    return conclude(checks.values(), shown=shown, mode=mode, at=NOW)


def with_outcomes(outcomes: Iterable[Outcome]) -> list[Check]:
    nothing = Labels(it="", en="")
    return [
        Check(name, outcome, "made-up", nothing, NOW)
        for name, outcome in zip(CheckName, outcomes, strict=True)
    ]


def test_valid_means_that_every_check_passed_or_could_not_apply() -> None:
    may_not_apply = {CheckName.REGISTER_MATCH, CheckName.SUPERSEDED}
    for outcomes in product(Outcome, repeat=len(CheckName)):
        report = conclude(with_outcomes(outcomes), shown=SHOWN, mode="live", at=NOW)
        earned = all(
            outcome is Outcome.PASS or (outcome is Outcome.NOT_APPLICABLE and name in may_not_apply)
            for name, outcome in zip(CheckName, outcomes, strict=True)
        )
        assert (report.result is Result.VALID) is earned, outcomes


def test_a_failed_check_is_never_softened() -> None:
    for outcomes in product(Outcome, repeat=len(CheckName)):
        report = conclude(with_outcomes(outcomes), shown=SHOWN, mode="test", at=NOW)
        proven = outcomes[0] is Outcome.PASS and outcomes[1] is Outcome.PASS
        failed = Outcome.FAIL in (outcomes if proven else outcomes[:2])
        assert (report.result is Result.INVALID) is failed, outcomes
        assert (report.shown is None) is (not proven), outcomes


@pytest.mark.parametrize("left_out", list(CheckName))
def test_a_check_that_was_not_made_is_no_pass(left_out: CheckName) -> None:
    checks = [check for name, check in passing().items() if name is not left_out]
    assert conclude(checks, shown=SHOWN, mode="live", at=NOW).result is Result.UNKNOWN


def test_an_empty_report_proves_nothing() -> None:
    report = conclude([], shown=SHOWN, mode="live", at=NOW)
    assert (report.result, report.shown) == (Result.UNKNOWN, None)


def test_a_second_opinion_that_fails_counts() -> None:
    checks = [*passing().values(), status(State.REVOKED, at=NOW)]
    assert conclude(checks, shown=SHOWN, mode="live", at=NOW).result is Result.INVALID


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ("format-unreadable", Result.INVALID),
        ("format-refused", Result.INVALID),
        ("seal-broken", Result.INVALID),
        ("key-unavailable", Result.UNKNOWN),
        ("issuer-unknown", Result.UNKNOWN),
        ("issuer-out-of-force", Result.INVALID),
        ("issuer-key-compromised", Result.INVALID),
        ("status-suspended", Result.INVALID),
        ("status-revoked", Result.INVALID),
        ("status-surrendered", Result.INVALID),
        ("status-lapsed", Result.INVALID),
        ("status-not-offered", Result.VALID_WITH_WARNINGS),
        ("status-unreachable", Result.UNKNOWN),
        ("status-too-old", Result.UNKNOWN),
        ("register-contradicts", Result.INVALID),
        ("register-has-no-entry", Result.INVALID),
        ("register-unreachable", Result.UNKNOWN),
        ("register-elsewhere", Result.VALID),
        ("superseded", Result.VALID_WITH_WARNINGS),
        ("superseded-elsewhere", Result.VALID),
    ],
)
def test_each_finding_leads_to_the_answer_of_the_table(change: str, result: Result) -> None:
    assert answer(found(change, at=NOW)).result is result


@pytest.mark.parametrize("code", ["format-unreadable", "seal-broken", "key-unavailable"])
def test_without_integrity_nothing_of_the_content_is_told(code: str) -> None:
    report = answer(found(code, at=NOW), mode="test")
    assert report.shown is None
    assert report.mode == "unknown"
    assert {check.name for check in report.checks} <= {CheckName.FORMAT, CheckName.INTEGRITY}
    assert "2029" not in str(report.as_json())


def test_the_first_line_answers_with_its_dates() -> None:
    report = answer()
    assert report.headline.en == "Valid today, 20 November 2026, until 20 November 2029"
    assert report.headline.it == "Valido oggi, 20 novembre 2026, fino al 20 novembre 2029"


@pytest.mark.parametrize("mode", ["test", "something new"])
def test_in_test_mode_the_first_line_starts_with_the_warning(mode: str) -> None:
    for report in (
        answer(mode=mode),
        answer(status(State.REVOKED, at=NOW), mode=mode),
        answer(found("status-unreachable", at=NOW), mode=mode),
    ):
        assert report.result is not Result.VALID
        assert report.headline.en.startswith("TEST \N{EN DASH} no value. ")
        assert report.headline.it.startswith("TEST \N{EN DASH} senza valore. ")


def test_a_warning_stands_before_the_answer() -> None:
    headline = answer(superseded(replaced=True, at=NOW)).headline
    assert headline.en == (
        "Attention: replaced by a newer document. "
        "Otherwise valid today, 20 November 2026, until 20 November 2029"
    )


def test_what_is_final_is_told_before_what_time_brought() -> None:
    expired = validity_period(FROM, NOW, at=NOW)
    assert answer(expired, status(State.REVOKED, at=NOW)).headline.en.endswith("it has been revoked")


def test_an_expired_credential_says_its_last_day() -> None:
    after = UNTIL_EXCLUSIVE
    report = answer(validity_period(FROM, after, at=after))
    assert report.headline.en.endswith("its validity ended on 20 November 2029")
    assert report.headline.it.endswith("la validità è finita il 20 novembre 2029")


def test_validity_lasts_through_the_end_of_the_named_day() -> None:
    last_moment = UNTIL_EXCLUSIVE - timedelta(microseconds=1)
    assert validity_period(FROM, UNTIL_EXCLUSIVE, at=last_moment).outcome is Outcome.PASS
    assert validity_period(FROM, UNTIL_EXCLUSIVE, at=UNTIL_EXCLUSIVE).reason_code == "expired"
    assert validity_period(FROM, UNTIL_EXCLUSIVE, at=FROM).outcome is Outcome.PASS
    too_early = validity_period(FROM, UNTIL_EXCLUSIVE, at=FROM - timedelta(seconds=1))
    assert too_early.reason_code == "not-yet-valid"
    assert too_early.reason.en == "The validity starts on 20 November 2026."


FACTS = RegisterFacts(
    revoked_at=None,
    surrendered_at=None,
    suspended_at=None,
    valid_from=FROM,
    valid_until_exclusive=UNTIL_EXCLUSIVE,
    superseded=False,
)


@pytest.mark.parametrize(
    ("facts", "at", "state"),
    [
        (FACTS, NOW, State.ACTIVE),
        (FACTS, FROM - timedelta(seconds=1), State.NOT_YET_VALID),
        (FACTS, UNTIL_EXCLUSIVE, State.EXPIRED),
        (replace(FACTS, superseded=True), NOW, State.SUPERSEDED),
        (replace(FACTS, superseded=True), UNTIL_EXCLUSIVE, State.EXPIRED),
        (replace(FACTS, overtaken=True), UNTIL_EXCLUSIVE, State.SUPERSEDED),
        (replace(FACTS, overtaken=True), FROM - timedelta(seconds=1), State.NOT_YET_VALID),
        (replace(FACTS, closed_at=NOW, suspended_at=NOW, overtaken=True), UNTIL_EXCLUSIVE, State.LAPSED),
        (replace(FACTS, closed_at=NOW, revoked_at=NOW), UNTIL_EXCLUSIVE, State.REVOKED),
        (replace(FACTS, suspended_at=NOW, superseded=True), NOW, State.SUSPENDED),
        (replace(FACTS, suspended_at=NOW), UNTIL_EXCLUSIVE, State.SUSPENDED),
        (replace(FACTS, suspended_at=NOW, surrendered_at=NOW), NOW, State.SURRENDERED),
        (replace(FACTS, suspended_at=NOW, revoked_at=NOW), UNTIL_EXCLUSIVE, State.REVOKED),
        (replace(FACTS, revoked_at=NOW), NOW - timedelta(seconds=1), State.REVOKED),
    ],
)
def test_how_a_credential_stands_follows_from_the_facts(
    facts: RegisterFacts, at: datetime, state: State
) -> None:
    assert state_at(facts, at) is state


def test_a_state_nobody_has_heard_of_is_not_a_pass() -> None:
    assert status("frozen", at=NOW).outcome is Outcome.NOT_CHECKED


def test_a_seal_whose_chain_has_ended_since_names_the_day_of_proof() -> None:
    check = issuer_trust(anchored=True, at=NOW, proven_on=date(2026, 11, 8))
    assert check.outcome is Outcome.PASS
    assert "8 November 2026" in check.reason.en
    assert "l\N{RIGHT SINGLE QUOTATION MARK}8 novembre 2026" in check.reason.it


@pytest.mark.parametrize(
    ("day", "words_it"),
    [
        (date(2029, 11, 1), "al 1º novembre 2029"),
        (date(2029, 3, 8), "all\N{RIGHT SINGLE QUOTATION MARK}8 marzo 2029"),
        (date(2029, 8, 11), "all\N{RIGHT SINGLE QUOTATION MARK}11 agosto 2029"),
        (date(2029, 11, 18), "al 18 novembre 2029"),
    ],
)
def test_italian_days_take_the_article_they_need(day: date, words_it: str) -> None:
    assert words.worded(Labels(it="{day:al}", en="{day}"), day=day).it == words_it


def test_what_machines_read_says_the_same() -> None:
    report = answer(status(State.SUSPENDED, at=NOW))
    wire = report.as_json()
    assert wire["result"] == "invalid"
    assert wire["headline"] == {"it": report.headline.it, "en": report.headline.en}
    assert wire["checked_at"] == "2026-11-20T13:05:00Z"
    assert wire["clock_offset"] is None
    assert wire["issuer"] == {"name": "Associazione"}
    assert isinstance(wire["credential"], dict)
    assert wire["credential"]["valid_until"] == "2029-11-20T23:59:59+01:00"
    assert isinstance(wire["checks"], list)
    assert [check["id"] for check in wire["checks"] if isinstance(check, dict)] == [
        n.value for n in CheckName
    ]
    assert wire["checks"][4] == {
        "id": "status",
        "state": "fail",
        "code": "status-suspended",
        "reason": {
            "it": "È sospeso. La sospensione può finire: si può controllare di nuovo più avanti.",
            "en": "It is suspended. A suspension may end: it can be checked again later.",
        },
        "checked_at": "2026-11-20T13:05:00Z",
    }


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        replace(answer(), checked_at=NOW.replace(tzinfo=None)).as_json()


def every_sentence() -> list[Labels]:
    findings = words.FINDINGS.values()
    return [
        *(finding.reason for finding in findings),
        *(finding.brief for finding in findings),
        *words.PROVES,
        *words.DOES_NOT_PROVE,
        *words.DATED.values(),
        *words.UNEXPECTED.values(),
        *words.QUALIFIED.values(),
        words.LISTED_BY,
        words.TEST,
        words.NOT_MADE,
    ]


def test_nothing_we_say_borrows_the_words_of_other_bodies() -> None:
    for sentence in every_sentence():
        assert not FORBIDDEN.search(sentence.it + " " + sentence.en), sentence
        assert sentence.it
        assert sentence.en
        assert sentence.it != sentence.en


@pytest.mark.parametrize("code", list(words.FINDINGS))
def test_every_finding_can_be_said_in_the_first_line(code: str) -> None:
    some_day = date(2026, 11, 20)
    check = found(
        code,
        at=NOW,
        first=some_day,
        last=some_day,
        then=some_day,
        until=some_day,
        **dict.fromkeys(("when", "level", "none", "owner", "identifier"), Labels(it="-", en="-")),
    )
    for shown in (SHOWN, None):
        headline = answer(check, shown=shown).headline
        assert "{" not in headline.it + headline.en + check.reason.it + check.reason.en


def test_nothing_is_remembered_of_a_sentence_but_days_and_our_own_words() -> None:
    kinds = get_type_hints(_worded.__wrapped__)["facts"]
    assert set(get_args(kinds)) == {date, Labels}
