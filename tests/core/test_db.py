from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app.adapters import schema
from app.core import columns
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
    known = queries.key_of_anyone(ports.database.of_anyone, key_id)
    with ports.database.reading() as session:
        assert known == queries.key_of_anyone(partial(of_anyone, session), key_id)
    assert known is not None
    assert known.roles(ports.clock.now().date()) == {Role.AUDITOR}
    ports.database.close()
    assert queries.key_of_anyone(ports.database.of_anyone, key_id) == known, "it is opened again"
    assert queries.key_of_anyone(ports.database.of_anyone, "key_" + 26 * "0") is None


def test_asking_who_calls_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    gone = tmp_path / "mis?laid #1.db"
    database = connect(f"sqlite:///{quote(str(gone))}")
    with pytest.raises(OperationalError):
        queries.key_of_anyone(database.of_anyone, "key_" + 26 * "0")
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


def test_a_session_of_one_organisation_refuses_to_write_for_another(database: Database) -> None:
    with database.writing() as session:
        first = make.organisation(session, AT)
    with database.writing() as session:
        make.organisation(session, AT, "Un'altra associazione")
        with pytest.raises(RuntimeError, match="row of another"):
            make.person(session, first.organisation.id, at=AT)
        session.rollback()
        enter(session, first.organisation.id)
