# ruff: noqa: S608 - the names of tables are ours
"""The second wall: on PostgreSQL the database keeps organisations apart where the code forgets to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from app import cli
from app.adapters import schema
from app.batches import rules as batches
from app.batches.models import Batch, BatchPart, BatchRow
from app.client.visit import Ends
from app.core import db, policies
from app.core.db import (
    EVERY_ORGANISATION,
    Base,
    Database,
    OrganisationSession,
    Owned,
    connect,
    enter,
    look_up,
)
from app.credentials.models import Period
from app.decisions.models import Meeting, Minutes
from app.events.models import Notice, PeriodNotice, WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from app.main import create_app, production_ports
from app.organisations.access import every_route
from app.organisations.idempotency import IdempotencyKey
from app.organisations.models import AccessToken, ApiClient, ApiKey, ClientJwk, ClientSecret, UsedAssertion
from app.organisations.pace import ActorPace
from app.organisations.rules import Role
from app.outbox.trail import Event
from app.ports import Ports
from app.settings import Settings
from bench.seeding import making
from tests import make, postgres

AT: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
COUNT: Final = 220  # with a renewed, a suspended, a revoked member among them
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MINE: Final = "SELECT count(*) FROM person"
NAMED: Final = "SELECT current_setting('sigillo.organisation', true)"


@pytest.fixture
def unfiltered() -> Iterator[None]:
    """The code's own walls are down, as if every statement were for every organisation."""
    event.remove(OrganisationSession, "do_orm_execute", db._stay_inside)
    event.remove(OrganisationSession, "before_flush", db._write_inside)
    yield
    event.listen(OrganisationSession, "do_orm_execute", db._stay_inside)
    event.listen(OrganisationSession, "before_flush", db._write_inside)


@dataclass(frozen=True, slots=True)
class Two:
    """An organisation with something in every table, and another one; somebody in each may do everything."""

    ports: Ports
    owner: Database
    organisation: str
    stranger: str
    key: str
    stranger_key: str


@pytest.fixture
def two(database_url: str, tmp_path: Path) -> Iterator[Two]:
    ports = production_ports(
        Settings(
            public_url="https://sigillo.example.org",
            database_url=database_url,
            keys_folder=tmp_path / "keys",
            files_folder=tmp_path / "files",
            mail_folder=tmp_path / "mail",
            worker=False,
        )
    )
    with postgres.as_owner(ports.database) as owner:
        body, _ = making.make(replace(ports, database=owner), "a seed", COUNT)
        at = ports.clock.now()
        with ports.database.writing() as session:
            stranger = make.organisation(session, at, "Altra associazione").organisation.id
            stranger_key = make.key(session, make.person(session, stranger, *Role, at=at), at=at)
        with ports.database.writing(body.organisation) as session:
            key = make.key(session, make.person(session, body.organisation, *Role, at=at), at=at)
            session.add_all(what_the_seed_has_not(session, at))
        yield Two(ports, owner, body.organisation, stranger, key, stranger_key)
    ports.database.close()


def what_the_seed_has_not(session: Session, at: datetime) -> list[Owned]:
    """Make a row of whatever a seed holds none of."""
    meeting = session.scalars(select(Meeting).limit(1)).one()
    period = session.scalars(select(Period).limit(1)).one()
    recorded = session.scalars(select(Event).limit(1)).one()
    digest = "0" * 64
    session.add(
        client := ApiClient(
            id="cli_two", name="A program", created_at=at, organisation_id=meeting.organisation_id
        )
    )
    session.add(
        minutes := Minutes(
            id="min_two",
            meeting_id=meeting.id,
            scheme_id="uni-11621-8/ai-deep-learning-engineer",
            scheme_version="1",
            scheme_digest=digest,
            held_on=at.date(),
            members=5,
            eligible=5,
            present=5,
            needed=3,
            decisions=1,
            language="it",
            sha256=digest,
            size=1,
            media_type="application/pdf",
            scan="clean",
            recorded_by="per_two",
            recorded_at=at,
            organisation_id=meeting.organisation_id,
        )
    )
    session.flush()
    session.add(
        batch := Batch(
            id="bat_two",
            kind=batches.Kind.DECISIONS,
            state=batches.BatchState.DONE,
            dry_run=False,
            minutes_id=minutes.id,
            created_by="per_two",
            by_person=True,
            sha256=digest,
            total=1,
            created_at=at,
            ended_at=at,
            organisation_id=meeting.organisation_id,
        )
    )
    session.add(
        endpoint := WebhookEndpoint(
            id="whe_two",
            url="https://hooks.example.org/",
            description="",
            types=[],
            secret=b"sealed",
            created_by="per_two",
            created_at=at,
            seen=0,
            organisation_id=meeting.organisation_id,
        )
    )
    session.flush()
    made: list[Owned] = [
        ClientSecret(id="sec_two", client_id=client.id, secret_hash=digest, created_at=at, expires_at=at),
        ClientJwk(id="jwk_two", client_id=client.id, kid="k", alg="EdDSA", jwk={}, created_at=at),
        AccessToken(
            id="tok_two",
            client_id=client.id,
            proof_id="sec_two",
            secret_hash=digest,
            scopes=[],
            created_at=at,
            expires_at=at,
        ),
        UsedAssertion(client_id=client.id, jti_hash=digest, expires_at=at),
        IdempotencyKey(name=digest, fingerprint=digest, created_at=at),
        ActorPace(actor_id="per_two", due=0.0),
        BatchPart(batch_id=batch.id, first=1, rows="{}"),
        BatchRow(
            batch_id=batch.id,
            place=1,
            kind=batch.kind,
            external_id="row-of-two",
            state=batches.RowState.OK,
            effect=True,
            made={},
        ),
        WebhookDelivery(
            id="whd_two",
            endpoint_id=endpoint.id,
            event_id="evt_two",
            event_key=recorded.id,
            seq=1,
            type="credential.issued",
            subject="cred_two",
            state=WebhookDeliveryState.WAITING,
            attempts=0,
            due_at=at,
            created_at=at,
        ),
        PeriodNotice(period_id=period.id, kind=Notice.OPENED, at=at),
    ]
    for row in made:
        row.organisation_id = meeting.organisation_id
    return made


def owned() -> list[type[Owned]]:
    """Every class whose rows belong to an organisation, but for those that hold ids alone."""
    classes = (mapper.class_ for mapper in Base.registry.mappers)
    return [each for each in classes if issubclass(each, Owned) and name_of(each) not in policies.EXEMPT]


def name_of(kind: type[Owned]) -> str:
    return str(kind.__tablename__)  # type: ignore[attr-defined] # every table has a name


def counted(database: Database, organisation_id: str | None, table: str) -> int:
    with database.reading(organisation_id) as session:
        return int(session.connection().execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())


# What stands


def test_every_table_is_behind_the_wall_or_named_with_its_reason(database: Database, owner: Database) -> None:
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    behind = (
        "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
        "WHERE c.relrowsecurity AND c.relforcerowsecurity "
        "GROUP BY c.relname HAVING string_agg(p.polname, ' ' ORDER BY p.polname) = 'everyone tenant'"
    )
    with owner.engine.connect() as connection:
        there, walled = ({*connection.scalars(text(asked))} for asked in (tables, behind))
    assert there - walled == set(policies.EXEMPT) | {"organisation"}  # it has ways of its own, tried below
    assert walled == {name_of(kind) for kind in owned()}
    assert all(policies.EXEMPT.values())
    assert schema.gaps_in_the_wall(database) == []


def test_whoever_serves_and_whoever_owns_are_held_by_the_wall(database: Database) -> None:
    assert schema.role_of(database) == postgres.RUNTIME
    above = "rolsuper OR rolbypassrls OR rolcreaterole"
    with database.engine.connect() as connection:
        roles = connection.execute(text(f"SELECT rolname, {above} FROM pg_roles WHERE rolname ~ '^sigillo'"))
        assert {tuple(row) for row in roles} == {(postgres.RUNTIME, False), (postgres.OWNER, False)}
        for statement in (
            "TRUNCATE event",
            "CREATE TABLE mine (n int)",
            "ALTER TABLE person NO FORCE ROW LEVEL SECURITY",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            with (
                pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
                connection.begin_nested(),
            ):
                connection.execute(text(statement))


def test_the_owner_sees_nothing_either_unless_it_says_so(database: Database, owner: Database) -> None:
    with database.writing() as session:
        make.organisation(session, AT)
    with owner.engine.begin() as connection:
        assert connection.exec_driver_sql(MINE).scalar_one() == 1
        connection.exec_driver_sql("SELECT set_config('sigillo.everyone', '', true)")
        assert connection.exec_driver_sql(MINE).scalar_one() == 0


def test_a_table_that_a_migration_forgot_is_said(database: Database, owner: Database) -> None:
    with owner.engine.begin() as connection:
        connection.execute(text("CREATE TABLE forgotten (organisation_id text)"))
        connection.execute(text("ALTER TABLE person NO FORCE ROW LEVEL SECURITY"))
    assert sorted(schema.gaps_in_the_wall(database)) == [
        "the table forgotten has no policy that is forced",
        "the table person has no policy that is forced",
    ]


def test_a_table_that_keeps_its_own_owner_out_is_said_and_the_next_migration_lets_them_in(
    database: Database, owner: Database
) -> None:
    with owner.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER POLICY everyone ON api_key TO {postgres.RUNTIME}")
        connection.exec_driver_sql("DROP POLICY everyone ON person")
    said = "the policy everyone of the table {} is not for its owner (run sigillo migrate)"
    assert sorted(schema.gaps_in_the_wall(database)) == [said.format("api_key"), said.format("person")]
    schema.upgrade(owner, serving=postgres.RUNTIME)
    assert schema.gaps_in_the_wall(database) == []


def test_a_superuser_has_no_second_wall_and_is_told(
    database: Database, postgres_server: postgres.PrivateServer
) -> None:
    above = connect(postgres_server.superuser_url(str(database.engine.url.database)))
    assert schema.gaps_in_the_wall(above) == ["the role postgres is a superuser, or has BYPASSRLS"]
    above.close()


def test_a_later_migration_puts_a_table_behind_the_wall_with_one_line(
    database: Database, owner: Database
) -> None:
    with database.writing() as session:
        mine = make.organisation(session, AT).organisation.id
    with owner.engine.begin() as connection:
        connection.execute(text("CREATE TABLE later (id text, organisation_id text)"))
        connection.execute(
            text("INSERT INTO later VALUES ('one', :mine), ('two', 'org_other')"), {"mine": mine}
        )
        policies.protect(_Op(connection), "later")
        policies.find_owner(_Op(connection), "later")
        schema._let_serve(connection, postgres.RUNTIME)
    assert [counted(database, place, "later") for place in (mine, "org_other", "org_none", None)] == [
        1,
        1,
        0,
        0,
    ]
    assert schema.gaps_in_the_wall(database) == []
    with database.reading() as session:
        found = session.connection().execute(text("SELECT organisation_of_later('two')")).scalar_one()
    assert found == "org_other"


class _Op:
    """As much of Alembic's `op` as the helper takes."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def get_bind(self) -> object:
        return self._connection

    def execute(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement.replace("%", "%%"))  # type: ignore[attr-defined]


def test_the_owner_migrates_and_lets_another_role_serve(
    postgres_server: postgres.PrivateServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
) -> None:
    del database_url
    monkeypatch.chdir(tmp_path)
    serving, owner = postgres_server.create_database("parted"), postgres_server.owner_url("parted")
    nobody, above = owner.replace(postgres.OWNER, "nobody"), postgres_server.superuser_url("parted")

    def migrate(url: str, **more: str) -> tuple[int, str]:
        given = {"SIGILLO_DATABASE_URL": url, **more}
        done = CliRunner().invoke(cli.app, ["migrate"], env=given)
        return done.exit_code, " ".join(done.output.split())

    code, said = migrate(serving)
    assert (code, said[:25]) == (Ends.USAGE, "This role may not migrate")
    code, said = migrate(serving, SIGILLO_DATABASE_OWNER_URL=nobody)
    assert (code, said[:28]) == (Ends.USAGE, "The database does not answer")
    for _ in range(2):
        done = migrate(serving, SIGILLO_DATABASE_OWNER_URL=owner)
        assert done == (Ends.OK, "The database is up to date.")
    opened = connect(serving)
    with opened.writing() as session:
        make.organisation(session, AT)
    opened.close()
    assert "wall between organisations is missing: the role postgres is a superuser" in migrate(above)[1]
    postgres_server.drop_database("parted")


# Whose rows a transaction sees


def test_whose_rows_a_transaction_saw_is_not_left_in_the_pool(database_url: str) -> None:
    single = connect(database_url, pool=1)
    with single.writing() as session:
        mine = make.organisation(session, AT).organisation.id

    def nothing_is_left() -> None:
        with single.engine.connect() as connection:
            assert connection.exec_driver_sql(MINE).scalar_one() == 0
            assert not connection.exec_driver_sql(NAMED).scalar_one()

    nothing_is_left()
    with single.writing(mine) as session:
        assert session.connection().exec_driver_sql(MINE).scalar_one() == 1
    nothing_is_left()
    with pytest.raises(ProgrammingError), single.writing(mine) as session:
        session.connection().exec_driver_sql("SELECT nothing_of_the_kind()")
    nothing_is_left()
    with single.reading(mine) as session:
        assert session.connection().exec_driver_sql(MINE).scalar_one() == 1
        session.rollback()
        assert session.connection().exec_driver_sql(MINE).scalar_one() == 1, "the next one is told, too"
    nothing_is_left()
    single.close()


def test_to_enter_later_in_a_transaction_moves_the_wall_with_it(database: Database) -> None:
    with database.writing() as session:
        first = make.organisation(session, AT)
    with database.writing() as session:
        second = make.organisation(session, AT, "Altra associazione")
    with database.reading() as session:

        def seen() -> list[str]:
            return [*session.connection().exec_driver_sql("SELECT id FROM person").scalars()]

        assert seen() == []
        enter(session, first.organisation.id)
        assert seen() == [first.administrator.id]
        enter(session, second.organisation.id)
        assert seen() == [second.administrator.id]
        look_up(session, ApiKey, first.client_key.id)
        assert seen() == [first.administrator.id]
        look_up(session, ApiKey, "key_of_nobody")
        assert seen() == [first.administrator.id]


def test_a_look_up_says_whose_a_row_is_and_no_trick_of_names_changes_that(database: Database) -> None:
    with database.writing() as session:
        made = make.organisation(session, AT)
    asked = "SELECT organisation_of_person(%s)"
    with database.writing() as session:
        connection = session.connection()
        connection.exec_driver_sql("CREATE TEMP TABLE person (id text, organisation_id text) ON COMMIT DROP")
        connection.exec_driver_sql("INSERT INTO person VALUES (%s, 'org_forged')", (made.administrator.id,))
        found = connection.exec_driver_sql(asked, (made.administrator.id,)).scalars().all()
        assert found == [made.organisation.id]
        assert connection.exec_driver_sql(asked, ("per_nobody",)).scalars().all() == []
    with database.writing() as session:
        # What the owner says to look past the wall, nobody else gains by saying.
        session.connection().exec_driver_sql("SELECT set_config('sigillo.everyone', 'on', true)")
        assert session.connection().exec_driver_sql(MINE).scalar_one() == 0


# The proof


def test_another_organisations_rows_are_not_there_even_if_the_code_asks_for_all(
    two: Two, unfiltered: None
) -> None:
    del unfiltered
    for kind in owned():
        table, theirs = name_of(kind), rows_of(two, name_of(kind))
        assert theirs or table in {"intent", "delivery"}, f"{table} is empty, which proves nothing"
        assert [counted(two.ports.database, place, table) for place in (two.organisation, None)] == [
            theirs,
            0,
        ]
        with two.ports.database.reading(two.stranger) as session:
            seen = session.scalars(select(kind), execution_options=EVERY_ORGANISATION)
            assert {row.organisation_id for row in seen} <= {two.stranger}, table


def test_no_row_is_written_into_another_organisation_nor_changed_or_moved_there(
    two: Two, unfiltered: None
) -> None:
    del unfiltered
    database = two.ports.database
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        database.writing(two.stranger) as session,
    ):
        make.person(session, two.organisation, at=AT)
    for table in map(name_of, owned()):
        if not (before := rows_of(two, table)):
            continue
        act = Acts(table)
        whose = {"mine": two.organisation, "to": two.stranger}
        for statement in (act.take, act.delete):
            with database.writing(two.stranger) as session:
                assert session.connection().execute(text(statement), whose).rowcount == 0, table
        with pytest.raises(DBAPIError), database.writing(two.organisation) as session:
            session.connection().execute(text(act.take), whose)
        with two.owner.reading() as session:
            row = session.connection().execute(text(act.one), whose).scalar_one()
        for place in (two.stranger, None):
            with (
                pytest.raises(DBAPIError, match=r"row-level security|needs a|not this person"),
                database.writing(place) as session,
            ):
                session.connection().execute(text(act.insert), {"row": row})
        assert rows_of(two, table) == before, table


def test_an_organisation_is_read_by_all_changed_by_itself_and_taken_away_by_nobody(two: Two) -> None:
    renamed = "UPDATE organisation SET legal_name = 'Altro' WHERE id = :mine"
    before = rows_of_organisations(two)
    assert {two.organisation, two.stranger} <= before.keys()
    for place in (two.stranger, None):
        for statement in (renamed, "DELETE FROM organisation WHERE id = :mine"):
            with two.ports.database.writing(place) as session:
                found = session.connection().execute(text(statement), {"mine": two.organisation})
                assert found.rowcount == 0, statement
    with (
        pytest.raises(DBAPIError, match="row-level security"),
        two.ports.database.writing(two.organisation) as session,
    ):
        session.connection().execute(text("UPDATE organisation SET id = 'org_other'"))
    assert rows_of_organisations(two) == before
    with two.ports.database.writing(two.organisation) as session:
        assert session.connection().execute(text(renamed), {"mine": two.organisation}).rowcount == 1
    assert rows_of_organisations(two) == before | {two.organisation: "Altro"}


def rows_of_organisations(two: Two) -> dict[str, str]:
    with two.ports.database.reading() as session:
        found = session.connection().execute(text("SELECT id, legal_name FROM organisation"))
        return {row.id: row.legal_name for row in found}


class Acts:
    """What somebody might do to a table of another organisation's."""

    def __init__(self, table: str) -> None:
        mine = "WHERE organisation_id = :mine"
        self.take = f'UPDATE "{table}" SET organisation_id = :to {mine}'
        self.delete = f'DELETE FROM "{table}" {mine}'
        self.one = f'SELECT row_to_json(t)::text FROM "{table}" t {mine} LIMIT 1'
        self.insert = f'INSERT INTO "{table}" SELECT (json_populate_record(NULL::"{table}", :row)).*'


def test_no_route_gives_anything_of_another_organisation_even_if_the_code_asks_for_all(
    two: Two, unfiltered: None
) -> None:
    del unfiltered
    app = create_app(two.ports)
    stranger, own = make.caller(app, two.stranger_key), make.caller(app, two.key)
    names = names_of_what_is_there(two)
    paths = [
        path
        for route in every_route(app.routes)
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
        for path in filled(two, route.path)
    ]
    assert len(paths) >= LEAST_ASKED
    for path in paths:
        answer = stranger.get(path)
        shown = answer.text.replace(path, "")
        assert answer.status_code < 500, path
        assert not [name for name in names if name in shown], path
    given = sum(own.get(path).status_code == 200 for path in paths)
    assert given >= LEAST_GIVEN, "whose it is gets it, so that a refusal proves something"


LEAST_ASKED, LEAST_GIVEN = 30, 20
# Where the name of a parameter is not that of the table.
VALUES: Final[dict[str, tuple[str, ...]]] = {
    "form": ("vc+jwt", "qr", "edc"),
    "scheme": ("uni-11621-8/ai-deep-learning-engineer",),
}
TABLES: Final = {
    "activity": "cpd_activity",
    "client": "api_client",
    "endpoint": "webhook_endpoint",
    "proof": "cpd_proof",
}


def filled(two: Two, path: str) -> Iterator[str]:
    """Write the addresses of what the organisation has, where a route asks for names."""
    wanted = re.search(r"\{(\w+?)(?:_id)?(?::path)?\}", path)
    if wanted is None:
        yield path
        return
    for value in VALUES.get(wanted[1]) or ids(two, TABLES.get(wanted[1], wanted[1])):
        yield from filled(two, path.replace(wanted[0], value))


def ids(two: Two, table: str) -> list[str]:
    whose = "id" if table == "organisation" else "organisation_id"
    return told(two, f'SELECT id FROM "{table}" WHERE {whose} = :mine ORDER BY id DESC LIMIT 2')


def names_of_what_is_there(two: Two) -> set[str]:
    """Give whatever the organisation's rows are known by."""
    found = {two.organisation, *told(two, "SELECT number FROM credential WHERE organisation_id = :mine")}
    for table in map(name_of, owned()):
        if "id" not in Base.metadata.tables[table].c:
            continue
        asked = f'SELECT id::text FROM "{table}" WHERE organisation_id = :mine'
        found |= {name for name in told(two, asked) if not name.isdecimal()}
    return found


def told(two: Two, asked: str) -> list[str]:
    with two.owner.reading() as session:
        return [*session.connection().execute(text(asked), {"mine": two.organisation}).scalars()]


def rows_of(two: Two, table: str) -> int:
    """Count the organisation's rows, past the wall."""
    return int(told(two, f'SELECT count(*) FROM "{table}" WHERE organisation_id = :mine')[0])
