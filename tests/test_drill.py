"""A drill that finds nothing wrong has to be one that would have found it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from app.adapters.keys import TlsFiles
from app.core.db import Database
from app.credentials.models import Credential, Document, Period
from app.dossiers.models import Evidence
from app.ports import Ports
from drill import reckoning
from drill.draws import Draws
from drill.house import House, Place
from drill.load import Memory, Told
from tests.events.receiver import Received, Receiver
from tests.upkeep.conftest import filled

SECRET: Final = "whsec_c2VjcmV0IG9mIGEgcmVjZWl2ZXIgaW4gYSB0ZXN0"
AT: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def shaken(ports: Ports, tmp_path: Path) -> House:
    """A house with a register in it, of which clients were told all that is so."""
    registry = filled(ports)
    registry.office.work()
    nowhere = Receiver(TlsFiles(tmp_path, tmp_path, tmp_path))
    return House("", tmp_path, Place({}), registry.office.organisation_id, {}, [], [], nowhere, SECRET)


def told(session: Session) -> tuple[Memory, dict[str, str]]:
    """What clients remember."""
    memory, by_decision = Memory(), dict[str, str]()
    for credential, decision in session.execute(
        select(Credential, Period.decision_id).join(Period, Period.credential_id == Credential.id)
    ):
        state = "revoked" if credential.revoked_at else "suspended" if credential.suspended_at else "active"
        memory.credentials[credential.id] = Told(credential.id, credential.number, str(decision), state)
        by_decision[str(decision)] = credential.id
    for item in session.scalars(select(Evidence)):
        memory.uploads[item.id] = str(item.sha256), int(item.size or 0)
    return memory, by_decision


def look(house: House, database: Database, change: Callable[[Memory, dict[str, str]], object]) -> list[str]:
    """Reckon after one thing was changed in what clients remember."""
    with database.reading(house.organisation) as session:
        memory, by_decision = told(session)
        change(memory, by_decision)
        reckoning._register(house, session, memory, by_decision)
        reckoning._places(house, session)
        reckoning._evidence(house, session, memory)
    return house.findings


def test_of_a_register_that_has_all_that_clients_were_told_nothing_is_found(
    shaken: House, database: Database
) -> None:
    assert look(shaken, database, lambda *_: None) == []
    assert shaken.counts["status positions in documents"] > 0


def lose(memory: Memory, by_decision: dict[str, str]) -> None:
    del memory
    by_decision["dec_of_which_nothing_is_there"] = "crd_of_it"


def invent(memory: Memory, by_decision: dict[str, str]) -> None:
    memory.credentials.clear()
    by_decision.popitem()


def move(memory: Memory, by_decision: dict[str, str]) -> None:
    del by_decision
    next(each for each in memory.credentials.values() if each.state == "active").state = "revoked"


def change_a_byte(memory: Memory, by_decision: dict[str, str]) -> None:
    del by_decision
    name, (digest, size) = memory.uploads.popitem()
    memory.uploads[name] = digest[::-1], size


def upload(memory: Memory, by_decision: dict[str, str]) -> None:
    del by_decision
    memory.uploads["evd_that_is_not_there"] = "0" * 64, 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lose, "1 credentials were lost"),
        (invent, "1 credentials were never told of"),
        (move, "active; a client was told"),
        (change_a_byte, "1 pieces of evidence are not as they were handed in"),
        (upload, "1 pieces of evidence are not as they were handed in"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_a_client_was_told_and_is_not_so_is_found(
    shaken: House,
    database: Database,
    change: Callable[[Memory, dict[str, str]], object],
    words: str,
) -> None:
    assert any(words in finding for finding in look(shaken, database, change))


def test_a_place_that_two_documents_hold_is_found(shaken: House, database: Database, owner: Database) -> None:
    with owner.writing(shaken.organisation) as session:
        first, second = session.scalars(
            select(Document).where(Document.format == "vc+jwt").order_by(Document.id).limit(2)
        )
        session.execute(update(Document).where(Document.id == second.id).values(list_index=first.list_index))
    assert any("positions were given twice" in each for each in look(shaken, database, lambda *_: None))


def feed_of(*about: str) -> list[dict[str, Any]]:
    return [
        {"id": f"evt_{n}", "type": "credential.suspended", "cursor": str(n), "data": {"credential": each}}
        for n, each in enumerate(about, start=1)
    ]


def arriving(*ids: str, secret: str = SECRET) -> list[Received]:
    return [
        Received(
            "/hook",
            {
                "webhook-id": name,
                "webhook-timestamp": str(int(AT.timestamp())),
                "webhook-signature": Webhook(secret).sign(name, AT, "{}"),
            },
            b"{}",
        )
        for name in ids
    ]


def amiss(feed: list[dict[str, Any]], received: list[Received]) -> dict[str, int]:
    return {words: count for words, count in reckoning.carried(feed, received, SECRET).items() if count}


def test_events_may_come_twice_and_those_of_different_things_in_any_order() -> None:
    assert amiss(feed_of("crd_1", "crd_2", "crd_1"), arriving("evt_2", "evt_1", "evt_1", "evt_3")) == {}


def test_an_event_that_never_came_is_found() -> None:
    assert amiss(feed_of("crd_1", "crd_2"), arriving("evt_1")) == {reckoning.NEVER: 1}


def test_an_event_that_came_before_an_earlier_one_of_its_thing_is_found() -> None:
    found = amiss(feed_of("crd_1", "crd_1"), arriving("evt_2", "evt_1"))
    assert found == {"events came in before an earlier one of the same thing": 1}


def test_what_is_in_no_feed_or_badly_signed_is_found() -> None:
    other = "whsec_YW5vdGhlciBzZWNyZXQgb2Ygc29tZWJvZHkgZWxzZQ=="
    found = amiss(feed_of("crd_1"), [*arriving("evt_1"), *arriving("evt_9", secret=other)])
    assert found == {
        "deliveries are of no event in the feed": 1,
        "deliveries are not signed as they should be": 1,
    }


def test_a_feed_that_repeats_itself_is_found() -> None:
    feed = feed_of("crd_1", "crd_2")
    assert amiss([*feed, feed[0]], arriving("evt_1", "evt_2")) == {
        "events stand in the feed twice": 1,
        "events stand in the feed out of order": 1,
    }


def test_the_same_seed_draws_the_same_moments_and_another_one_others() -> None:
    def drawn(seed: str) -> list[float]:
        draws = Draws(seed, "killer")
        return [draws.share() for _ in range(100)]

    assert drawn("a") == drawn("a") != drawn("b")
    assert all(0 <= share < 1 for share in drawn("a"))
