"""A report that was written once says at every instant what one made for that instant says."""

import asyncio
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.numbers import CredentialNumber
from app.formats.x509 import judge_chain
from app.ports import Ports
from app.verification.desk import Desk
from app.verification.written import Written
from tests.conftest import START
from tests.fakes import SetClock
from tests.verification.issued import Issued, suspend

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
