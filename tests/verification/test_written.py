"""A report that was written once says at every instant what one made for that instant says."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.labels import Labels
from app.core.numbers import CredentialNumber
from app.formats.x509 import judge_chain
from app.ports import Ports
from app.verification import service
from app.verification.desk import Desk
from app.verification.examining import examine
from app.verification.report import CheckName, Outcome, Report, Shown
from app.verification.rules import conclude, found
from app.verification.statements import entry_of
from app.verification.submitted import Token
from app.verification.written import HOLDER, NUMBER, Pattern, Written
from tests.conftest import START
from tests.fakes import SetClock
from tests.verification.issued import Issued, document, meddle, reinstate, revoke, suspend

ROME = ZoneInfo("Europe/Rome")
MICROSECOND = timedelta(microseconds=1)


def instants(live: Ports) -> list[datetime]:
    """Every instant at which time alone changes the answer, with those just before and just after."""
    ends = datetime(2029, 11, 21, tzinfo=ROME)
    seal = next(key for key in live.signer.published() if key.slot == "seal")
    chain = judge_chain(seal.chain, live.signer.anchors(), START)
    assert chain.valid_until
    turns = (
        START + timedelta(seconds=1),
        datetime(2026, 11, 21, tzinfo=ROME),
        datetime(2027, 3, 28, 3, tzinfo=ROME),
        chain.valid_until,
        ends,
        ends + timedelta(days=90),
    )
    return sorted(
        {START, *(turn + by for turn in turns for by in (-MICROSECOND, MICROSECOND * 0, MICROSECOND))}
    )


def test_what_was_written_once_says_what_a_report_made_now_would_say(live: Ports, credential: Issued) -> None:
    clock = live.clock
    assert isinstance(clock, SetClock)
    number = CredentialNumber.read(credential.number)
    kept = Desk(live)
    said = set()
    for at in instants(live):
        clock.at = at
        for moment in (at, at, at + MICROSECOND):
            clock.at = moment
            written = json.loads(asyncio.run(kept.written_about(str(number))))
            assert written == asyncio.run(Desk(live).about(number)).as_json()
            said.add(written["result"])
    clock.at = START
    assert json.loads(asyncio.run(kept.written_about(str(number))))["result"] == "valid"
    assert said == {"valid", "invalid"}


def test_what_was_written_is_written_anew_after_a_change(live: Ports, credential: Issued) -> None:
    clock = live.clock
    assert isinstance(clock, SetClock)
    number, desk = CredentialNumber.read(credential.number), Desk(live)
    before = json.loads(asyncio.run(desk.written_about(str(number))))
    suspend(live, credential)
    clock.at += timedelta(seconds=2)
    after = json.loads(asyncio.run(desk.written_about(str(number))))
    assert (before["result"], after["result"]) == ("valid", "invalid")


@pytest.mark.parametrize(("at", "holds"), [(0, True), (59, True), (60, False), (-1, False)])
def test_words_hold_from_when_they_were_written_until_time_changes_them(at: int, holds: bool) -> None:  # noqa: FBT001
    words = Written(START, START + timedelta(seconds=60), (b'"', b'"'))
    assert words.holds(START + timedelta(seconds=at)) is holds
    assert words.body(START) == b'"2026-11-20T09:00:00Z"'


NAMES = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(NAMES, NAMES)
def test_a_pattern_says_of_each_document_what_its_own_report_says(
    number: str | None, name: str | None
) -> None:
    label = Labels(it="Titolo", en="Title")

    def report(number: str | None, name: str | None) -> Report:
        shown = Shown(number, name, label, "", label, "", START, START, "active")
        checks = [found(code, at=START) for code in ("format-read", "seal-intact", "status-active")]
        return conclude(checks, shown=shown, mode="live", at=START)

    pattern = Pattern.of(report(NUMBER, HOLDER), until=START)
    written = pattern.showing(number, name).body(START)
    assert json.loads(written) == report(number, name).as_json()


def test_what_is_sent_is_reported_in_the_same_words_whether_they_were_written_before_or_not(
    live: Ports, credential: Issued
) -> None:
    clock, kept = live.clock, Desk(live)
    assert isinstance(clock, SetClock)
    head, _, seal = credential.token.rpartition(".")
    sent = (credential.token, credential.badge, f"{head}.{seal[::-1]}", credential.token, head, "{}")

    def told() -> set[str]:
        results = set()
        for text in sent:
            written = json.loads(asyncio.run(kept.written_on(Token(text))))
            assert written == asyncio.run(Desk(live).on(Token(text))).as_json()
            results.add(written["result"])
        return results

    for at in instants(live):
        clock.at = at
        told()
    clock.at = START
    assert told() == {"valid", "invalid"}
    for change in (suspend, reinstate, revoke):
        change(live, credential)
        clock.at += timedelta(seconds=2)
        told()


def test_a_register_that_contradicts_a_document_is_told_even_of_one_whose_words_and_seal_are_known(
    live: Ports, credential: Issued
) -> None:
    kept = Desk(live)

    def result() -> tuple[str, str]:
        report = json.loads(asyncio.run(kept.written_on(Token(credential.token))))
        check = next(each for each in report["checks"] if each["id"] == CheckName.REGISTER_MATCH)
        return report["result"], check["state"]

    assert result() == ("valid", Outcome.PASS)
    meddle(
        live,
        "UPDATE document SET sha256 = :other WHERE jti = :jti",
        other="0" * 64,
        jti=document(live, credential).jti,
    )
    assert result() == ("invalid", Outcome.FAIL)


def test_documents_are_alike_only_as_far_as_nothing_but_number_and_holder_tells_them_apart(
    live: Ports, credential: Issued
) -> None:
    desk = Desk(live)
    ring, at = desk.keyring, START
    examined = examine(credential.token, ring)
    assert examined.says
    entry = entry_of(asyncio.run(desk._register.by_document(examined.says.jti or "")))
    known = service.compare(examined, entry, ring)
    assert known.shown
    assert known.facts
    kind = service.alike(known, ring, at)
    assert kind is not None
    other = replace(known, shown=replace(known.shown, number="another", holder_name="Somebody else"))
    assert service.alike(other, ring, at) == kind
    for changed in (
        replace(known, mode="test"),
        replace(known, register="register-contradicts"),
        replace(known, facts=replace(known.facts, suspended_at=at)),
        replace(known, compromised=True),
        replace(known, shown=replace(known.shown, issuer_name="Another body")),
    ):
        assert service.alike(changed, ring, at) != kind
    assert service.alike(replace(known, proven_at=None), ring, at) is None
    assert service.alike(replace(known, chain=()), ring, at) is None
