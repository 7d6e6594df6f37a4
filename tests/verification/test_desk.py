"""What is remembered, for how long, and what makes it be forgotten."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from starlette.requests import Request

from app.core.numbers import CredentialNumber
from app.formats.keylist import Issuer
from app.main import create_app
from app.outbox import changes
from app.ports import Ports, Slot
from app.settings import Settings
from app.verification.desk import Desk, Remembered, public_register
from app.verification.entries import Changes, PublicRegister, Row
from app.verification.errors import CredentialNotFound, RegisterUnreachable
from app.verification.hosts import House
from app.verification.report import Report, Result
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.verification.issued import Issued, issued, meddle, revoke, suspend

HALF = timedelta(seconds=0.25)  # of the time for which nobody asks what changed
SECOND = timedelta(seconds=1)
HOUSE = House.at("https://sigillo.example.org")
UNKNOWN = CredentialNumber.read("DLE-26-7K3Q-F9XM-2T5H-65")
Value = TypeVar("Value")
Telling = Callable[[Desk, CredentialNumber | str], Result]


@dataclass
class Watched:
    """A register that notes what it is asked, and that can be cut off."""

    real: PublicRegister
    asked: list[str] = field(default_factory=list)
    asked_for_hosts: int = 0  # apart: once, and after a body changed
    cut: bool = False
    meanwhile: Callable[[], None] = lambda: None

    async def open(self) -> None:
        await self.real.open()

    async def close(self) -> None:
        await self.real.close()

    async def by_number(self, number: str) -> Sequence[Row]:
        entry = await self._ask("number", self.real.by_number(number))
        self.meanwhile()
        return entry

    async def by_document(self, jti: str) -> Sequence[Row]:
        return await self._ask("document", self.real.by_document(jti))

    async def newest_lists(self) -> tuple[int, ...]:
        return ()

    async def status_list(self, list_id: int, form: str) -> str | None:
        token = await self._ask("list", self.real.status_list(list_id, form))
        self.meanwhile()
        return token

    async def issuers(self) -> tuple[Issuer, ...]:
        return await self._ask("issuers", self.real.issuers())

    async def hosts(self) -> Mapping[int, str]:
        self.asked_for_hosts += 1
        if self.cut:
            raise RegisterUnreachable
        return await self.real.hosts()

    async def changes_since(self, seq: int) -> Changes:
        return await self._ask("changes", self.real.changes_since(seq))

    async def _ask(self, kind: str, answer: Awaitable[Value]) -> Value:
        self.asked.append(kind)
        if self.cut:
            await answer
            raise RegisterUnreachable
        return await answer

    def since(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture
def register(live: Ports) -> Watched:
    return Watched(public_register(live.database.engine.url))


@pytest.fixture
def desk(live: Ports, register: Watched) -> Desk:
    return Desk(live, register)


def about(desk: Desk, number: CredentialNumber | str) -> Report:
    wanted = CredentialNumber.read(number) if isinstance(number, str) else number
    return asyncio.run(desk.about(wanted))


def result_about(desk: Desk, number: CredentialNumber | str) -> Result:
    return about(desk, number).result


def result_written(desk: Desk, number: CredentialNumber | str) -> Result:
    return Result(json.loads(asyncio.run(desk.written_about(str(number))))["result"])


def move(ports: Ports, by: timedelta) -> None:
    assert isinstance(ports.clock, SetClock)
    ports.clock.move(by)


in_both_forms = pytest.mark.parametrize("told", [result_about, result_written], ids=["as values", "as JSON"])


def test_a_number_is_read_once_and_then_remembered(
    live: Ports, desk: Desk, register: Watched, credential: Issued
) -> None:
    first = about(desk, credential.number)
    assert register.since() == ["changes", "number"]
    move(live, HALF)
    second = about(desk, credential.number)
    assert register.since() == []
    assert (first.checked_at, second.checked_at) == (START, START + HALF)
    move(live, HALF)
    about(desk, credential.number)
    assert register.since() == ["changes"]


def test_an_unknown_number_costs_the_same_and_is_remembered_too(desk: Desk, register: Watched) -> None:
    for asked in (["changes", "number"], []):
        with pytest.raises(CredentialNotFound):
            about(desk, UNKNOWN)
        assert register.since() == asked


def test_what_changes_is_seen_within_a_second(live: Ports, desk: Desk, credential: Issued) -> None:
    assert about(desk, credential.number).result is Result.VALID
    suspend(live, credential)
    assert about(desk, credential.number).result is Result.VALID
    move(live, SECOND)
    assert about(desk, credential.number).result is Result.INVALID


def test_every_process_sees_what_another_one_changed(live: Ports, credential: Issued) -> None:
    desks = [Desk(live) for _ in range(3)]
    assert {about(each, credential.number).result for each in desks} == {Result.VALID}
    revoke(live, credential)
    move(live, SECOND)
    assert {about(each, credential.number).result for each in desks} == {Result.INVALID}


def test_only_what_changed_is_forgotten(live: Ports, desk: Desk, register: Watched) -> None:
    one, other = issued(live), issued(live)
    about(desk, one.number), about(desk, other.number)
    suspend(live, one)
    move(live, SECOND)
    register.since()
    about(desk, other.number)
    assert register.since() == ["changes"]
    about(desk, one.number)
    assert register.since() == ["number"]


def test_a_number_that_was_unknown_is_found_once_it_is_issued(
    live: Ports, desk: Desk, credential: Issued
) -> None:
    meddle(live, "UPDATE credential SET issued_at = NULL")
    with pytest.raises(CredentialNotFound):
        about(desk, credential.number)
    meddle(live, "UPDATE credential SET issued_at = created_at")
    with live.database.writing() as session:
        changes.announce(session, f"credential:{credential.number}", at=live.clock.now())
    move(live, SECOND)
    assert about(desk, credential.number).result is Result.VALID


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("list:1", ["changes"]),
        ("credential:another", ["changes"]),
        ("organisation:org_1", ["changes", "number"]),
        ("key:x", ["changes", "number"]),
    ],
)
def test_a_change_of_unknown_reach_makes_everything_be_forgotten(
    live: Ports, desk: Desk, register: Watched, credential: Issued, subject: str, asked: list[str]
) -> None:
    about(desk, credential.number)
    with live.database.writing() as session:
        changes.announce(session, subject, at=live.clock.now())
    move(live, SECOND)
    register.since()
    about(desk, credential.number)
    assert register.since() == asked


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change_counter SET value = value + 5",
        "UPDATE change_counter SET value = 0",
        "INSERT INTO change (seq, subject, at) SELECT value + 2, 'list:1', :at FROM change_counter",
    ],
    ids=["rows are missing", "an older copy was restored", "a hole"],
)
def test_a_sequence_with_a_hole_makes_everything_be_forgotten(
    live: Ports, desk: Desk, register: Watched, credential: Issued, statement: str
) -> None:
    about(desk, credential.number)
    given = {"at": live.clock.now().replace(tzinfo=None)} if ":at" in statement else {}
    meddle(live, statement, **given)
    move(live, SECOND)
    register.since()
    about(desk, credential.number)
    assert register.since() == ["changes", "number"]


def test_more_changes_than_are_worth_reading_make_everything_be_forgotten(
    live: Ports, desk: Desk, register: Watched, credential: Issued
) -> None:
    about(desk, credential.number)
    with live.database.writing() as session:
        for _ in range(1_001):
            changes.announce(session, "list:1", at=live.clock.now())
    move(live, SECOND)
    register.since()
    about(desk, credential.number)
    assert register.since() == ["changes", "number"]
    move(live, SECOND)
    about(desk, credential.number)
    assert register.since() == ["changes"]


def test_a_change_that_comes_while_a_number_is_read_is_not_missed(
    live: Ports, register: Watched, credential: Issued
) -> None:
    desk = Desk(live, register)

    def somebody_else_asks() -> None:
        register.meanwhile = lambda: None
        suspend(live, credential)
        move(live, SECOND)

    async def both() -> tuple[Report, Report]:
        number = CredentialNumber.read(credential.number)
        register.meanwhile = somebody_else_asks
        older = await desk.about(number)
        await desk._read_changes(live.clock.now())
        return older, await desk.about(number)

    older, newer = asyncio.run(both())
    assert (older.result, newer.result) == (Result.VALID, Result.INVALID)


def test_what_was_read_before_a_change_was_seen_is_told_and_not_kept(
    live: Ports, desk: Desk, register: Watched, credential: Issued
) -> None:
    def sees_a_change() -> None:
        desk._seq += 1

    with pytest.raises(CredentialNotFound):
        about(desk, UNKNOWN)
    register.meanwhile = sees_a_change
    about(desk, credential.number)
    register.since()
    about(desk, credential.number)
    assert register.since() == ["number"]
    assert live.clock.now() == START


def test_what_was_judged_by_keys_that_changed_meanwhile_is_told_and_not_kept(
    desk: Desk, register: Watched, credential: Issued
) -> None:
    def keys_change() -> None:
        register.meanwhile = lambda: None
        desk._forget_all()
        desk._keyring = replace(desk._keyring, anchors=())

    async def asked() -> tuple[Any, Any]:
        register.meanwhile = keys_change
        first = await desk.written_about(credential.number)
        return json.loads(first)["result"], json.loads(await desk.written_about(credential.number))["result"]

    assert asyncio.run(asked()) == ("valid", "unknown")


@in_both_forms
def test_without_the_register_memory_answers_for_two_seconds_and_then_nobody(
    live: Ports, desk: Desk, register: Watched, credential: Issued, told: Telling
) -> None:
    told(desk, credential.number)
    register.cut = True
    move(live, 7 * HALF)
    assert told(desk, credential.number) is Result.VALID
    with pytest.raises(RegisterUnreachable):
        told(desk, UNKNOWN)
    move(live, HALF)
    with pytest.raises(RegisterUnreachable):
        told(desk, credential.number)
    register.cut = False
    register.since()
    assert told(desk, credential.number) is Result.VALID
    assert register.since() == ["changes", "number"]


@in_both_forms
def test_a_clock_that_was_set_back_proves_no_freshness(
    live: Ports, desk: Desk, register: Watched, credential: Issued, told: Telling
) -> None:
    move(live, HALF)  # the keys were read when the desk opened, the changes are read now
    told(desk, credential.number)
    register.since()
    for back in (HALF / 2, SECOND):  # between the two, and before both
        move(live, -back)
        told(desk, credential.number)
        assert register.since() == ["changes"]


def test_while_one_reads_what_changed_the_others_answer_from_memory(
    live: Ports, desk: Desk, register: Watched, credential: Issued
) -> None:
    about(desk, credential.number)
    register.since()

    async def many() -> list[Report]:
        number = CredentialNumber.read(credential.number)
        return list(await asyncio.gather(*(desk.about(number) for _ in range(20))))

    move(live, SECOND)
    assert {report.result for report in asyncio.run(many())} == {Result.VALID}
    assert register.since().count("changes") == 1


def test_new_keys_make_everything_be_judged_anew(ports: Ports) -> None:
    keys = MemoryKeys(START, development=False)
    live = replace(ports, signer=keys)
    credential = issued(live)
    register = Watched(public_register(live.database.engine.url))
    desk = Desk(live, register)
    about(desk, credential.number)
    keys.rotate(Slot.SEAL, START)
    move(live, SECOND)
    register.since()
    assert about(desk, credential.number).result is Result.VALID
    assert register.since() == ["changes", "number"]


def test_keys_are_written_once_for_as_long_as_they_stay_the_same(ports: Ports) -> None:
    keys = MemoryKeys(START, development=False)
    live = replace(ports, signer=keys)
    desk = Desk(live)
    before = desk.key_set(HOUSE), desk.did_document(HOUSE)
    move(live, SECOND)
    assert all(
        one is other
        for one, other in zip(before, (desk.key_set(HOUSE), desk.did_document(HOUSE)), strict=True)
    )
    keys.rotate(Slot.QR, live.clock.now())
    move(live, SECOND)
    after = desk.key_set(HOUSE), desk.did_document(HOUSE)
    assert all(one.tag != other.tag for one, other in zip(before, after, strict=True))
    assert after[0].tag != after[1].tag


def test_the_sealed_list_of_keys_is_worked_out_twice_a_second_at_most(
    live: Ports, desk: Desk, register: Watched
) -> None:
    first = asyncio.run(desk.qr_keys(HOUSE))
    move(live, HALF)
    assert asyncio.run(desk.qr_keys(HOUSE)) is first
    assert register.since() == ["issuers"]
    move(live, HALF)
    assert asyncio.run(desk.qr_keys(HOUSE)) == first
    assert register.since() == ["issuers"]
    move(live, -SECOND)
    asyncio.run(desk.qr_keys(HOUSE))
    assert register.since() == ["issuers"]


def test_memory_is_bounded_and_guesses_push_nothing_else_out(live: Ports, credential: Issued) -> None:
    small = replace(live, settings=Settings(public_url="https://sigillo.example.org", cache_entries=20))
    register = Watched(public_register(live.database.engine.url))
    desk = Desk(small, register)
    about(desk, credential.number)
    for bits in range(50):
        with pytest.raises(CredentialNotFound):
            about(desk, CredentialNumber.draw("DLE", 26, bits))
    register.since()
    about(desk, credential.number)
    assert register.since() == []
    assert len(desk._absent) == 2


def test_what_was_asked_for_last_is_kept_longest() -> None:
    remembered = Remembered[str](2)
    remembered.keep("a", "A")
    remembered.keep("b", "B")
    assert remembered.get("a") == "A"
    remembered.keep("c", "C")
    assert (remembered.get("a"), remembered.get("b"), remembered.get("c")) == ("A", None, "C")


def test_a_kept_connection_answers_like_any_other(live: Ports, credential: Issued) -> None:
    app = create_app(live)

    async def served() -> list[Result]:
        desk: Desk = app.state.desk
        async with app.router.lifespan_context(app):
            number = CredentialNumber.read(credential.number)
            first = await desk.about(number)
            suspend(live, credential)
            move(live, SECOND)
            return [first.result, (await desk.about(number)).result]

    assert asyncio.run(served()) == [Result.VALID, Result.INVALID]
    # Outside the loop that opened it, and after it was closed, every read has a connection of its own.
    assert about(app.state.desk, credential.number).result is Result.INVALID


def test_the_public_road_cannot_write(live: Ports) -> None:
    for keeps in (False, True):
        register = public_register(live.database.engine.url)

        async def written(register: PublicRegister = register, *, keeps: bool = keeps) -> None:
            if keeps:
                await register.open()
            try:
                await register._rows(_statement(live), ())  # type: ignore[attr-defined] # each driver's own
            finally:
                await register.close()

        with pytest.raises(RegisterUnreachable):
            asyncio.run(written())


def _statement(ports: Ports) -> str | bytes:
    statement = "UPDATE change_counter SET value = 0"
    return statement if ports.database.engine.dialect.name == "sqlite" else statement.encode()


def test_a_database_that_is_not_there_is_said_to_be_unreachable(live: Ports) -> None:
    gone = live.database.engine.url.set(database="/nowhere/at/all.db")
    register = public_register(gone)

    async def asked() -> None:
        await register.by_number("x")

    with pytest.raises(RegisterUnreachable):
        asyncio.run(asked())


def test_which_hosts_are_ours_is_asked_once_and_again_when_a_body_changed(
    live: Ports, desk: Desk, register: Watched, credential: Issued
) -> None:
    for _ in range(4):
        about(desk, credential.number)
        asyncio.run(desk.addresses())
        move(live, SECOND)
    suspend(live, credential)
    assert (result_about(desk, credential.number), register.asked_for_hosts) == (Result.INVALID, 1)
    with live.database.writing(credential.by.organisation_id) as session:
        changes.announce(session, f"organisation:{credential.by.organisation_id}", at=live.clock.now())
    move(live, SECOND)
    about(desk, credential.number)
    assert register.asked_for_hosts == 2


def test_where_nobody_knows_the_hosts_yet_no_other_is_answered_under_our_own_name(
    live: Ports, desk: Desk, register: Watched
) -> None:
    def asked(host: str) -> Request:
        return Request({"type": "http", "headers": [(b"host", host.encode())]})

    theirs = asked("credentials.body.example")
    register.cut = True
    assert asyncio.run(desk.house(asked("sigillo.example.org"))) == HOUSE
    with pytest.raises(RegisterUnreachable):
        asyncio.run(desk.house(theirs))
    register.cut = False
    move(live, SECOND)  # so long nobody asks again
    assert asyncio.run(desk.house(theirs)) == HOUSE
    register.cut = True
    move(live, 4 * SECOND)
    assert asyncio.run(desk.house(theirs)) == HOUSE  # as far as was known
