import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError, OperationalError

from app.adapters import schema
from app.core import columns
from app.core.asking import Askers
from app.core.db import Database, connect, enter, of_anyone
from app.organisations import queries
from app.organisations.errors import PersonNotFound
from app.organisations.models import Person
from app.organisations.rules import Role
from app.outbox.trail import EventWaiting
from app.ports import Ports
from app.tables import metadata
from tests import make

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_migrated_database_is_known_to_be_current(database: Database) -> None:
    assert schema.is_current(database)


def test_one_organisation_never_reads_the_people_of_another(database: Database) -> None:
    with database.writing() as session:
        first = make.organisation(session, AT)
        stranger = make.person(session, first.organisation.id, at=AT)
    with database.writing() as session:
        second = make.organisation(session, AT, "Un'altra associazione")
    with database.reading(second.organisation.id) as session:
        with pytest.raises(PersonNotFound):
            queries.person(session, stranger.id)
        assert stranger.id not in session.scalars(select(Person.id)).all()


def test_a_session_in_no_organisation_sees_nobody(database: Database) -> None:
    with database.writing() as session:
        make.organisation(session, AT)
    with database.reading() as session:
        assert session.scalars(select(Person)).all() == []


def test_a_session_that_reads_refuses_to_write(database: Database) -> None:
    with database.writing() as session:
        made = make.organisation(session, AT)
    with (
        database.reading(made.organisation.id) as session,
        pytest.raises(RuntimeError, match="asked to write"),
    ):
        make.person(session, made.organisation.id, at=AT)


def test_what_is_read_of_anyone_is_read_the_same_in_a_transaction_and_in_none(ports: Ports) -> None:
    _, [token] = make.tokens(ports, (Role.AUDITOR,))
    key_id = token.partition(".")[0]
    asked = queries.key_sought(key_id)
    known = queries.known_key(ports.database.of_anyone(*asked))
    with ports.database.reading() as session:
        assert known == queries.known_key(of_anyone(session, *asked))
    assert known is not None
    assert known.roles(ports.clock.now().date()) == {Role.AUDITOR}
    ports.database.close()
    assert queries.known_key(ports.database.of_anyone(*asked)) == known, "it is opened again"
    assert ports.database.of_anyone(*queries.key_sought("key_" + 26 * "0")) == []


def test_what_an_event_loop_reads_of_anyone_is_the_same_at_hand_and_not(ports: Ports) -> None:
    _, [token] = make.tokens(ports, (Role.AUDITOR,))
    asked, unknown = queries.key_sought(token.partition(".")[0]), queries.key_sought("key_" + 26 * "0")

    async def told() -> list[object]:
        not_at_hand = await ports.database.told_of_anyone(*asked)
        async with ports.database.at_hand():
            many = await asyncio.gather(*(ports.database.told_of_anyone(*asked) for _ in range(8)))
            assert await ports.database.told_of_anyone(*unknown) == []
            return [not_at_hand, *many]

    assert asyncio.run(told()) == [ports.database.of_anyone(*asked)] * 9


def test_what_an_event_loop_reads_of_anyone_is_read_though_its_connections_were_lost(ports: Ports) -> None:
    _, [token] = make.tokens(ports, (Role.AUDITOR,))
    asked = queries.key_sought(token.partition(".")[0])

    async def told() -> object:
        async with ports.database.at_hand():
            await ports.database.told_of_anyone(*asked)
            lose_connections(ports.database)
            return await ports.database.told_of_anyone(*asked)

    assert asyncio.run(told()) == ports.database.of_anyone(*asked)


def lose_connections(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        database.close()
        return
    with database.engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_whose_a_key_is_is_forgotten_by_the_connection_that_told(ports: Ports) -> None:
    if ports.database.engine.dialect.name == "sqlite":
        pytest.skip("the code alone keeps organisations apart on SQLite")
    _, [token] = make.tokens(ports, (Role.AUDITOR,))
    name = token.partition(".")[0]
    entering = "SELECT set_config('sigillo.organisation', organisation_of_api_key(%s), true)"
    keys = "SELECT id FROM api_key"

    async def told() -> tuple[object, ...]:
        askers = Askers(ports.database.engine.url, name="one after another: so there is one connection")
        await askers.open()
        try:
            found = await askers.in_one_go((entering, (name,)), (keys, ()))
            return found, await askers.in_one_go((keys, ()))
        finally:
            await askers.close()

    found, afterwards = asyncio.run(told())
    assert isinstance(found, list)
    assert (name,) in found
    assert afterwards == []


def test_asking_who_calls_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    gone = tmp_path / "mis?laid #1.db"
    database = connect(f"sqlite:///{quote(str(gone))}")
    with pytest.raises(OperationalError):
        database.of_anyone(*queries.key_sought("key_" + 26 * "0"))
    assert not gone.exists()
    database.close()


def test_rows_of_another_organisation_or_of_unlike_columns_are_not_written(ports: Ports) -> None:
    whose, _ = make.tokens(ports, (Role.AUDITOR,))
    wrong: tuple[list[dict[str, object]], ...] = (
        [{"organisation_id": whose, "event_id": 1}],
        [{"event_id": 1}, {"event_id": 2, "organisation_id": whose}],
        [{"event_id": 1}, {}],
    )
    for rows in wrong:
        with ports.database.writing(whose) as session, pytest.raises(ValueError, match="event_waiting"):
            columns.write(session, EventWaiting, rows)


def test_what_many_rows_break_is_told_as_of_one_and_heard_by_whoever_listens(ports: Ports) -> None:
    whose, _ = make.tokens(ports, (Role.AUDITOR,))
    heard: list[str] = []

    def hears(*told: Any) -> None:
        heard.append(told[2])

    event.listen(ports.database.engine, "before_cursor_execute", hears)
    with ports.database.writing(whose) as session, pytest.raises(IntegrityError):
        columns.write(session, EventWaiting, [{"event_id": 1}, {"event_id": 1}])
    event.remove(ports.database.engine, "before_cursor_execute", hears)

    assert any(words.startswith("INSERT INTO event_waiting") for words in heard)


def test_a_session_of_one_organisation_refuses_to_write_for_another(database: Database) -> None:
    with database.writing() as session:
        first = make.organisation(session, AT)
    with database.writing() as session:
        make.organisation(session, AT, "Un'altra associazione")
        with pytest.raises(RuntimeError, match="row of another"):
            make.person(session, first.organisation.id, at=AT)
        session.rollback()
        enter(session, first.organisation.id)
