"""What is asked for at the same time is issued together, and each request is answered as if it were alone."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import pytest
from psycopg import errors
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.credentials import gathering, issuing, storing
from app.credentials.errors import CredentialIssuedAlready, LintFailed
from app.credentials.issuing import Issued
from app.credentials.models import Credential, Document
from app.credentials.schemas import CredentialOut
from app.decisions.errors import DecisionNotGranted
from app.formats.claims import Format
from app.organisations import queries
from app.organisations.conventions import written
from app.organisations.errors import KeyReused
from app.organisations.idempotency import ANEW, IdempotencyKey, Once, Replayed, Stored
from tests.credentials.office import Office
from tests.credentials.test_races import at_once

PATH = "/v1/credentials"


def shown(_: Session, issued: Issued) -> Stored:
    return written(CredentialOut.model_validate(issued.entry))


@dataclass(frozen=True, slots=True)
class Desk:
    """Where several requests are taken in at once."""

    office: Office

    def once(self, name: str, asked: str = "") -> Once:
        return Once(self.office.organisation_id, name, asked or name, self.office.now, shown)

    def issue(self, *asked: tuple[str, Once]) -> list[Issued | Exception]:
        return issuing.issue_together(self.office.ports, asked, by=self.office.registrar, at=self.office.now)

    def there(self) -> tuple[int, int]:
        """How many credentials there are, and how many documents."""
        with self.office.ports.database.reading(self.office.organisation_id) as session:
            credentials, documents = (
                session.scalar(select(func.count()).select_from(kind)) or 0 for kind in (Credential, Document)
            )
            return credentials, documents

    def keys(self) -> dict[str, IdempotencyKey]:
        with self.office.ports.database.reading(self.office.organisation_id) as session:
            return {key.name: key for key in session.scalars(select(IdempotencyKey))}


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def test_each_of_several_has_its_own_outcome_key_and_answer(desk: Desk) -> None:
    office, done = desk.office, desk.office.decision()
    (before,) = desk.issue((done, desk.once("before")))
    good, other, plain = (office.decision() for _ in range(3))
    asked = [
        (good, desk.once("good")),
        (office.decision(outcome="refuse"), desk.once("refused")),
        (done, desk.once("before")),
        (done, desk.once("before", "something else")),
        (good, desk.once("twice")),
        (plain, ANEW),
        (other, desk.once("other")),
    ]
    outcomes = desk.issue(*asked)
    kinds = [Issued, DecisionNotGranted, Replayed, KeyReused, CredentialIssuedAlready, Issued, Issued]
    assert [type(each) for each in outcomes] == kinds
    assert desk.there() == (4, 8)
    keys = desk.keys()
    assert set(keys) == {"before", "good", "other"}, "what was refused left its key free"
    caller = office.desk()
    for name, outcome in (("before", before), ("good", outcomes[0]), ("other", outcomes[6])):
        assert isinstance(outcome, Issued)
        kept = keys[name].body
        assert kept is not None
        assert json.loads(kept) == caller.get(f"{PATH}/{outcome.credential_id}").json()
    assert isinstance(outcomes[2], Replayed)
    assert outcomes[2].stored.body == keys["before"].body


def test_nothing_is_left_where_all_of_several_are_refused(desk: Desk) -> None:
    asked = [(desk.office.decision(outcome="refuse"), desk.once(name)) for name in ("one", "two")]
    assert [type(each) for each in desk.issue(*asked)] == [DecisionNotGranted] * 2
    assert (desk.there(), desk.keys()) == ((0, 0), {})


def test_a_request_of_which_nothing_comes_was_in_nobodys_way(desk: Desk) -> None:
    nameless, good = desk.office.decision(desk.office.candidate(name=" ")), desk.office.decision()
    outcomes = desk.issue((nameless, ANEW), (good, ANEW), (nameless, ANEW))
    assert [type(each) for each in outcomes] == [LintFailed, Issued, LintFailed]
    assert desk.there() == (1, 2)


def test_whoever_breaks_a_transaction_is_left_with_it_alone(desk: Desk) -> None:
    def broken(*_: object) -> Stored:
        raise RuntimeError("no answer can be written")

    breaking = desk.once("broken").shown_as(broken)
    first, bad, last = (desk.office.decision() for _ in range(3))
    outcomes = desk.issue((first, desk.once("first")), (bad, breaking), (last, ANEW))
    assert [type(each) for each in outcomes] == [Issued, RuntimeError, Issued]
    assert desk.there() == (3, 4), "no document without its answer"
    keys = desk.keys()
    assert (keys["first"].status, keys["broken"].status) == (201, None)
    (again,) = desk.issue((bad, desk.once("broken")))
    assert isinstance(again, Issued)
    assert keys["broken"].begun is not None
    assert again.credential_id == keys["broken"].begun["credential"]
    assert desk.there() == (3, 6)


def out_of_reach() -> OperationalError:
    return OperationalError(None, None, Exception("the database is out of reach"))


def in_each_others_way() -> OperationalError:
    return OperationalError(None, None, errors.DeadlockDetected())


@pytest.mark.parametrize("stage", ["_begin_all", "_carry_out"])
@pytest.mark.parametrize(("failed", "left"), [(out_of_reach, OperationalError), (in_each_others_way, Issued)])
def test_a_database_out_of_reach_is_so_for_all_and_nobody_waits_for_it_again(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    failed: Callable[[], OperationalError],
    left: type[Any],
) -> None:
    tried: list[object] = []
    real = getattr(issuing, stage)

    def at_first(*told: Any, **given: Any) -> Any:
        tried.append(told)
        if len(tried) == 1:
            raise failed()
        return real(*told, **given)

    asked = [(desk.office.decision(), desk.once(name)) for name in ("one", "two", "three")]
    with monkeypatch.context() as stopped:
        stopped.setattr(issuing, stage, at_first)
        assert [type(each) for each in desk.issue(*asked)] == [left] * 3
    assert len(tried) == (1 if left is OperationalError else 4)
    again = desk.issue(*((decision, desk.once(once.name or "")) for decision, once in asked))
    assert [type(each) for each in again] == [Issued if left is OperationalError else Replayed] * 3
    assert desk.there() == (3, 6)


def test_a_key_finishes_what_it_began_beside_what_others_begin(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, good = desk.office.decision(), desk.office.decision()
    with monkeypatch.context() as stopped:
        stopped.setattr(storing, "store_all", lambda *_, **__: 1 / 0)
        assert isinstance(desk.issue((begun, desk.once("begun")))[0], ZeroDivisionError)
    outcomes = desk.issue((good, ANEW), (begun, desk.once("begun")))
    assert [type(each) for each in outcomes] == [Issued, Issued]
    assert desk.there() == (2, 4)
    assert desk.keys()["begun"].status == 201


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many went together, run by run."""
    sizes: list[int] = []
    together = issuing.issue_together

    def counted(ports: Any, asked: Any, **given: Any) -> Any:
        sizes.append(len(asked))
        return together(ports, asked, **given)

    monkeypatch.setattr(issuing, "issue_together", counted)
    return sizes


def test_requests_that_wait_go_together_and_are_answered_one_by_one(office: Office, runs: list[int]) -> None:
    app = office.app()
    wanted = [office.decision() for _ in range(12)]
    answers = at_once(*(partial(office.desk(app).post, PATH, json={"decision": each}) for each in wanted))
    told = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert [answer.status_code for answer in told] == [201] * len(wanted)
    assert len({answer.json()["id"] for answer in told}) == len(wanted)
    for answer in told:
        its = answer.json()
        assert [each["format"] for each in its["documents"]] == [Format.VC_JWT, Format.QR]
        assert office.credential(its["id"]).periods[0].decision_id == wanted[told.index(answer)]
    assert sum(runs) == len(wanted)
    assert max(runs) <= gathering.AT_ONCE


def test_whoever_was_answered_and_asks_again_at_once_goes_with_everybody_else(
    office: Office, runs: list[int]
) -> None:
    gathered, database = gathering.Gathering(office.ports), office.ports.database
    decisions = [office.decision() for _ in range(16)]
    unknown = queries.key_sought("key_" + 26 * "0")

    async def ask(*mine: str) -> None:
        for each in mine:
            assert await database.told_of_anyone(*unknown) == []  # as whoever asks is looked up each time
            await gathered.issue(each, by=office.registrar, at=office.now, once=ANEW)

    async def everybody() -> None:
        async with database.at_hand():
            await asyncio.gather(*(ask(*decisions[place::4]) for place in range(4)))

    asyncio.run(everybody())
    assert runs == [4] * 4


def test_whoever_leaves_while_it_is_issued_keeps_nobody_from_their_answer(office: Office) -> None:
    gathered = gathering.Gathering(office.ports)
    first, last = office.decision(), office.decision()

    async def ask(decision: str) -> Issued:
        return await gathered.issue(decision, by=office.registrar, at=office.now, once=ANEW)

    async def one_leaves() -> tuple[Issued, Issued]:
        leaving, staying = asyncio.create_task(ask(first)), asyncio.create_task(ask(last))
        await asyncio.sleep(0)
        leaving.cancel()
        answered = await staying
        return answered, await ask(office.decision())

    for issued in asyncio.run(one_leaves()):
        assert isinstance(office.credential(issued.credential_id).issued_at, datetime)


class Odd(BaseException):
    """What nobody catches by accident."""


@pytest.mark.parametrize("broken", ["too few", "odd"])
def test_whoever_is_in_a_run_that_breaks_hears_of_it_and_the_others_are_issued(
    office: Office, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    runs: list[int] = []
    together = issuing.issue_together

    def breaks_once(ports: Any, asked: Any, **given: Any) -> Any:
        runs.append(len(asked))
        if len(runs) > 1:
            return together(ports, asked, **given)
        if broken == "odd":
            raise Odd
        return []

    monkeypatch.setattr(issuing, "issue_together", breaks_once)
    gathered = gathering.Gathering(office.ports)
    other = replace(office.registrar, id=office.candidate().id)
    who = [office.registrar, office.registrar, other, other]

    async def everybody() -> list[Issued | BaseException]:
        asked = [gathered.issue(office.decision(), by=each, at=office.now, once=ANEW) for each in who]
        return await asyncio.gather(*asked, return_exceptions=True)

    kind = Odd if broken == "odd" else ValueError
    assert [type(each) for each in asyncio.run(everybody())] == [kind, kind, Issued, Issued]
    assert runs == [2, 2]


def test_nobody_is_left_waiting_where_the_gathering_itself_breaks(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered = gathering.Gathering(office.ports)
    decisions = [office.decision() for _ in range(3)]

    async def breaks(*_: object) -> None:
        raise RuntimeError("nobody comes")

    async def ask(*asked: str) -> list[Issued | BaseException]:
        return await asyncio.gather(
            *(gathered.issue(each, by=office.registrar, at=office.now, once=ANEW) for each in asked),
            return_exceptions=True,
        )

    async def everybody() -> list[Issued | BaseException]:
        with monkeypatch.context() as broken:
            broken.setattr(gathering, "_all_come", breaks)
            failed = await ask(*decisions[:2])
        return [*failed, *(await ask(decisions[2]))]

    assert [type(each) for each in asyncio.run(everybody())] == [RuntimeError, RuntimeError, Issued]


def test_no_step_of_issuing_looks_through_a_whole_organisation(desk: Desk) -> None:
    """On SQLite, which has no statistics to choose by; on PostgreSQL they choose."""
    engine = desk.office.ports.database.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by its statistics")
    seen: dict[str, Any] = {}

    @event.listens_for(engine, "before_cursor_execute")
    def _executing(*told: Any) -> None:
        many = told[5]
        if str(told[2]).startswith(("SELECT", "UPDATE", "DELETE")):
            seen[told[2]] = told[3][0] if many else told[3]

    outcomes = desk.issue(*((desk.office.decision(), ANEW) for _ in range(20)))
    assert all(isinstance(each, Issued) for each in outcomes)
    event.remove(engine, "before_cursor_execute", _executing)
    issued = {
        words: given
        for words, given in seen.items()
        if "organisation_id" in words and " IN (" in words and "status_list" not in words
    }
    assert len(issued) >= 10
    with engine.connect() as connection:
        for words, given in issued.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {words}", given).all()
            assert not [row for row in plan if "organisation_id" in str(row[3])], words
