import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from app.core.db import Database
from app.organisations.models import Organisation
from app.outbox import trail
from app.outbox.trail import Event, EventHead, EventLink
from tests import make
from tests.postgres import as_owner

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def recorded(database: Database, events: int = 5) -> str:
    with database.writing() as session:
        organisation_id = make.organisation(session, AT).organisation.id
        for number in range(events):
            trail.record(
                session,
                "dossier.submitted",
                organisation_id=organisation_id,
                by="system",
                at=AT,
                about={"dossier": f"dos_{number}"},
            )
    return organisation_id


def audited(database: Database, organisation_id: str) -> trail.Audit:
    with database.reading(organisation_id) as session:
        return trail.verify(session, organisation_id)


def unguarded(database: Database, statement: str) -> None:
    """What an intruder with full rights could do: lift the triggers, and write."""
    sqlite = database.engine.dialect.name == "sqlite"
    with as_owner(database) as owner, owner.engine.begin() as connection:
        for table in ("event", "event_link"):
            if sqlite:
                for act in ("update", "delete"):
                    connection.execute(text(f"DROP TRIGGER {table}_no_{act}"))
            else:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(statement))


def test_every_event_finds_its_place_in_the_chain_and_the_chain_holds(database: Database) -> None:
    organisation_id = recorded(database)
    assert audited(database, organisation_id).waiting > 0
    appended = trail.append(database)
    found = audited(database, organisation_id)
    assert found.findings == ()
    assert (found.events, found.waiting) == (appended, 0)
    assert trail.append(database) == 0


def test_the_database_refuses_to_change_or_delete_an_event(database: Database) -> None:
    organisation_id = recorded(database)
    trail.append(database)
    for statement in (update(Event).values(topic="other"), delete(EventLink)):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            database.writing(organisation_id) as session,
        ):
            session.execute(statement, execution_options={"synchronize_session": False})


def test_a_changed_event_is_found_even_if_the_triggers_were_lifted(database: Database) -> None:
    organisation_id = recorded(database)
    trail.append(database)
    unguarded(database, "UPDATE event SET topic = 'x' WHERE topic = 'dossier.submitted'")
    assert any("not what was recorded" in finding for finding in audited(database, organisation_id).findings)


def test_an_event_cut_off_the_end_is_found(database: Database) -> None:
    organisation_id = recorded(database)
    trail.append(database)
    unguarded(database, "DELETE FROM event_link WHERE seq = (SELECT max(seq) FROM event_link)")
    assert any("should end with" in finding for finding in audited(database, organisation_id).findings)


def test_an_event_that_nobody_recorded_is_found_and_never_chained(database: Database) -> None:
    organisation_id = recorded(database)
    trail.append(database)
    unguarded(
        database,
        "INSERT INTO event (topic, actor_id, at, about, facts, organisation_id) "
        "SELECT 'forged', actor_id, at, about, facts, organisation_id FROM event WHERE id = 1",
    )
    assert trail.append(database) == 0
    assert any("on the way" in finding for finding in audited(database, organisation_id).findings)


def test_two_appenders_at_once_give_no_place_twice(database: Database) -> None:
    organisation_id = recorded(database, events=60)
    start = threading.Barrier(4)

    def append() -> None:
        start.wait()
        trail.append(database)

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = audited(database, organisation_id)
    assert found.findings == ()
    assert found.waiting == 0


def test_each_organisation_has_a_chain_of_its_own(database: Database) -> None:
    first, second = recorded(database), recorded(database, events=2)
    trail.append(database)
    assert audited(database, first).events == audited(database, second).events + 3
    with database.reading() as session:
        assert session.get(Organisation, first) is not None


def test_a_digest_needs_its_salt() -> None:
    assert trail.salted_digest("a" * 32, "reasons") != trail.salted_digest("b" * 32, "reasons")


def test_a_chain_that_cannot_be_continued_keeps_no_other_waiting(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = recorded(database, 2), recorded(database, 3)
    with database.writing(broken) as session:
        session.execute(delete(EventHead))
    trail.append(database)
    assert audited(database, sound).waiting == 0
    assert "trail.failed" in [record.message for record in caplog.records]
