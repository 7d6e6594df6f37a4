"""The database: sessions that stay inside one organisation, reads that never lock, writes that never lose."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote
from weakref import WeakKeyDictionary

from anyio import to_thread
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    MetaData,
    Select,
    String,
    TypeDecorator,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    MappedColumn,
    ORMExecuteState,
    Session,
    SessionTransaction,
    UOWTransaction,
    declared_attr,
    mapped_column,
    sessionmaker,
    with_loader_criteria,
)
from sqlalchemy.pool import ConnectionPoolEntry

from app.core.errors import JsonValue
from app.core.rounds import Rounds

if TYPE_CHECKING:
    from app.core.asking import Askers  # PostgreSQL's driver loads only where it is used

NAMING: Final = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
BUSY_MS: Final = 30_000
_SHORTLY: Final = 0.5  # seconds; a reader hardly ever waits in WAL mode, and the event loop waits with it
_IN_TIME: Final = 1.0  # seconds; beyond it, whoever asks PostgreSQL from the event loop goes to a thread
_ROOM_KB: Final = 8_000  # of the database, which a connection to SQLite keeps in memory once it wrote much
# Of SQLite's log, some 32 MB, before they are copied into the database: what is written again and again is
# copied once, and each copying waits for the disk twice.
_CHECKPOINT_PAGES: Final = 8_000
PATIENCE_MS: Final = "patience_ms"  # of a connection: how long it waits for the one lock of SQLite
ORGANISATION: Final = "organisation"
# For statements over every organisation. PostgreSQL still shows the session's own alone: see `look_up` and
# `Database.places`.
EVERY_ORGANISATION: Final = {"every_organisation": True}


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse what has no zone; keep the rest as UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("An instant needs a time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the instant back with its zone."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Kind = TypeVar("Kind", bound=StrEnum)


class Choice(TypeDecorator[Kind]):
    """One of a few words, kept as text and given back as what it is; an unknown word is an error."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[Kind], length: int) -> None:
        super().__init__(length)
        self.kind = kind
        self.length = length

    def process_bind_param(self, value: Kind | None, dialect: Dialect) -> str | None:
        """Write the word."""
        del dialect
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Kind | None:
        """Read the word as one of its kind."""
        del dialect
        return None if value is None else self.kind(value)


class Base(DeclarativeBase):
    """The parent of every table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: Instant,
        dict[str, JsonValue]: JSON,
        list[JsonValue]: JSON,
        list[str]: JSON,
        dict[str, str]: JSON,
    }


class Owned:
    """A row that belongs to one organisation, and that no other organisation's session ever sees."""

    @declared_attr
    def organisation_id(self) -> MappedColumn[str]:
        return mapped_column(String(30), ForeignKey("organisation.id"), index=True)


class OrganisationSession(Session):
    """A session that sees the rows of one organisation; of none, as long as none is named."""


def enter(session: Session, organisation_id: str) -> None:
    """Let the session see this organisation's rows, and no others."""
    if session.info.get(ORGANISATION) == organisation_id:
        return
    session.info[ORGANISATION] = organisation_id
    if session.in_transaction() and _walled(session):
        _name(session.connection(), organisation_id)


def look_up(session: Session, kind: type[Owned], name: str | int) -> None:
    """Enter the organisation whose row of this id is, so that it can be read before it is known whose it is.

    Only where the database itself shows one organisation's rows alone: elsewhere a statement that is for
    `EVERY_ORGANISATION` finds it. The migration that made the table allowed it (`policies.find_owner`).
    """
    if not _walled(session):
        return
    organisation_id = session.connection().exec_driver_sql(_found(kind), (name,)).scalar()
    if organisation_id is not None:  # where there is no such row, nothing was entered
        session.info[ORGANISATION] = organisation_id


def _found(kind: type[Owned]) -> str:
    """Write how PostgreSQL is told whose rows this transaction is about, by the id of one of them."""
    table = kind.__tablename__  # type: ignore[attr-defined] # every table has a name
    return f"SELECT set_config('sigillo.organisation', organisation_of_{table}(%s), true)"


def of_anyone(
    session: Session, kind: type[Owned], name: str, statement: Select[Any]
) -> Sequence[Sequence[Any]]:
    """Read what there is about the row of this id, before it is known whose it is; see `look_up`.

    The statement calls the id `name`.
    """
    look_up(session, kind, name)
    return session.execute(statement, {"name": name}, execution_options=EVERY_ORGANISATION).all()


@event.listens_for(OrganisationSession, "after_begin")
def _name_the_tenant(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Tell PostgreSQL whose rows the transaction is about, until it ends: nothing is left in the pool."""
    organisation_id = session.info.get(ORGANISATION)
    if organisation_id is not None and not transaction.nested and connection.dialect.name == "postgresql":
        _name(connection, organisation_id)


def _name(connection: Connection, organisation_id: str) -> None:
    """Name the organisation, past the layers above the driver: they cost four times what it does."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - the connection is open
    try:
        driver.execute("SELECT set_config('sigillo.organisation', %s, true)", (organisation_id,))
    except connection.dialect.loaded_dbapi.OperationalError as lost:
        connection.invalidate(lost)
        raise OperationalError(None, None, lost) from lost


def _walled(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


@event.listens_for(OrganisationSession, "do_orm_execute")
def _stay_inside(state: ORMExecuteState) -> None:
    """Narrow every statement to the session's organisation (invariant I41: A can never read B)."""
    if state.is_column_load or state.is_relationship_load:
        return
    if state.execution_options.get("every_organisation"):
        return
    organisation_id: str | None = state.session.info.get(ORGANISATION)
    state.statement = state.statement.options(
        with_loader_criteria(
            Owned,
            lambda row: row.organisation_id == organisation_id,
            include_aliases=True,
        )
    )


@event.listens_for(OrganisationSession, "before_flush")
def _write_inside(session: Session, context: UOWTransaction, instances: object) -> None:
    """Refuse to write a row for another organisation, or any row in a session that only reads."""
    del context, instances
    if session.info.get("reading") and (session.new or session.dirty or session.deleted):
        raise RuntimeError("A session opened for reading was asked to write.")
    organisation_id = session.info.get(ORGANISATION)
    if organisation_id is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, Owned) and row.organisation_id != organisation_id:
            raise RuntimeError("A session of one organisation was asked to write a row of another.")


class _Kept:
    """A connection to SQLite on which one short read after another is done, in whatever thread asks.

    It is nobody's transaction and none of the pool: the event loop, which reads on it, never waits for a
    thread that may be waiting for the loop.
    """

    def __init__(self, engine: Engine) -> None:
        self._dialect = engine.dialect
        self._address = f"file:{quote(str(Path(engine.url.database or '').absolute()))}?mode=ro"
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def rows(self, statement: Select[Any], given: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        words, order, readers = _plainly(statement, self._dialect)
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = sqlite3.connect(
                        self._address,
                        uri=True,
                        timeout=_SHORTLY,
                        isolation_level=None,
                        check_same_thread=False,
                    )
                found = self._connection.execute(words, [given[name] for name in order]).fetchall()
        except sqlite3.Error as failed:
            self.close()
            raise OperationalError(None, None, failed) from failed
        return _read(found, readers)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@cache
def _plainly(
    statement: Select[Any], dialect: Dialect
) -> tuple[str, Sequence[str], Sequence[tuple[int, Callable[[Any], Any]]]]:
    """Write a statement as the driver takes it, and say which of what it gives is read in which way."""
    compiled = statement.compile(dialect=dialect)
    types = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
    readers = [each.result_processor(dialect, None) for each in types]
    needed = [(place, read) for place, read in enumerate(readers) if read is not None]
    return str(compiled), compiled.positiontup or (), needed


def _read(
    found: Sequence[Sequence[Any]], readers: Sequence[tuple[int, Callable[[Any], Any]]]
) -> Sequence[tuple[Any, ...]]:
    rows = [[*row] for row in found]
    for row in rows:
        for place, read in readers:
            row[place] = read(row[place])
    return [tuple(row) for row in rows]


_Sought = tuple["Askers", type[Owned], str, Select[Any]]


class Database:
    """One database, SQLite or PostgreSQL, and the ways to use it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        sqlite = engine.dialect.name == "sqlite"
        self._kept = _Kept(engine) if sqlite else None
        self._askers: dict[asyncio.AbstractEventLoop, Askers] = {}
        self._rounds = Rounds(self._seek_all, wait=_IN_TIME)
        self._asked = WeakKeyDictionary[asyncio.AbstractEventLoop, set[asyncio.Future[None]]]()
        read = {"immediate": False} if sqlite else {"postgresql_readonly": True}
        self._reads = sessionmaker(
            engine.execution_options(**read),
            class_=OrganisationSession,
            expire_on_commit=False,
            info={"reading": True},
        )
        self._writes = sessionmaker(
            engine.execution_options(immediate=True), class_=OrganisationSession, expire_on_commit=False
        )

    @contextmanager
    def reading(self, organisation_id: str | None = None) -> Iterator[Session]:
        """Open a transaction that only reads; on SQLite it waits for nobody."""
        with self._reads(info={ORGANISATION: organisation_id}) as session:
            yield session

    @contextmanager
    def writing(self, organisation_id: str | None = None, *, much: bool = False) -> Iterator[Session]:
        """Open a transaction that commits when the block ends and vanishes when it raises.

        On SQLite it takes the write lock at once (`BEGIN IMMEDIATE`): a deferred one
        that turns to writing later can lose against another and fail half-way. One that writes `much` has
        room in memory for it: what has none is written out before its time, read again and written again.
        """
        with self._writes(info={ORGANISATION: organisation_id}) as session, session.begin():
            if much and self._kept is not None:
                session.connection().exec_driver_sql(f"PRAGMA cache_size=-{_ROOM_KB}").close()
            yield session

    def of_anyone(self, kind: type[Owned], name: str, statement: Select[Any]) -> Sequence[Sequence[Any]]:
        """Read what there is about the row of this id, in no transaction of the caller's; see `look_up`."""
        if self._kept is not None:
            return self._kept.rows(statement, {"name": name})
        with self.reading() as session:
            return of_anyone(session, kind, name, statement)

    async def told_of_anyone(
        self, kind: type[Owned], name: str, statement: Select[Any]
    ) -> Sequence[Sequence[Any]]:
        """Read the same from an event loop: in the loop itself, where it is `at_hand`, else in a thread.

        A thread for it costs several times as much, and comes back late. It has another try, too, at what
        failed in the loop, for it has a connection that was looked at first, and errors as everybody's.
        """
        if self._kept is not None:
            return self._kept.rows(statement, {"name": name})
        loop = asyncio.get_running_loop()
        told, asked = loop.create_future(), self._asked.setdefault(loop, set())
        asked.add(told)
        try:
            return await self._told_of_anyone(self._askers.get(loop), kind, name, statement)
        finally:
            asked.discard(told)
            told.set_result(None)

    async def _told_of_anyone(
        self, askers: "Askers | None", kind: type[Owned], name: str, statement: Select[Any]
    ) -> Sequence[Sequence[Any]]:
        if askers is not None:
            with suppress(TimeoutError):
                found = await self._rounds.about((askers, kind, name, statement))
                if found is not None:
                    return found
        return await to_thread.run_sync(self.of_anyone, kind, name, statement)

    async def _seek_all(
        self, sought: Sequence[_Sought], wait: float
    ) -> Sequence[Sequence[Sequence[Any]] | None]:
        """Read what is sought at the same moment; once for all who have the same key."""
        each = [*dict.fromkeys(sought)]
        found = await asyncio.gather(*(self._seek(*one, wait) for one in each))
        told = dict(zip(each, found, strict=True))
        return [told[one] for one in sought]

    async def _seek(
        self, askers: "Askers", kind: type[Owned], name: str, statement: Select[Any], wait: float
    ) -> Sequence[Sequence[Any]] | None:
        words, _, readers = _plainly(statement, self.engine.dialect)
        # Two statements in one pipeline are one transaction, in which the tenant is named: both are there
        # at once, and nothing of it is left in the pool.
        found = await askers.in_one_go((_found(kind), (name,)), (words, {"name": name}), wait=wait)
        return None if found is None else _read(found, readers)

    async def all_told(self) -> bool:
        """Wait until all have their answer who ask for it in this event loop just now, if there are any."""
        asked = self._asked.get(asyncio.get_running_loop())
        if not asked:
            return False
        await asyncio.wait([*asked])
        return True

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[None]:
        """Have connections for this event loop, as long as the block lasts; SQLite needs none."""
        if self._kept is not None:
            yield
            return
        from app.core.asking import Askers

        loop, askers = asyncio.get_running_loop(), Askers(self.engine.url, name="keys")
        await askers.open()
        self._askers[loop] = askers
        try:
            yield
        finally:
            del self._askers[loop]
            await askers.close()

    def places(self) -> Sequence[str | None]:
        """Name the places in which a statement for `EVERY_ORGANISATION` has to be asked to see everything.

        On SQLite there is one, without a name. PostgreSQL shows no transaction more than one organisation's
        rows, so each organisation is one.
        """
        if self.engine.dialect.name != "postgresql":
            return (None,)
        with self.reading() as session:
            return session.scalars(text("SELECT id FROM organisation ORDER BY created_at, id")).all()

    def everywhere(self) -> Iterator[Session]:
        """Open a transaction that reads in each of these places, one after another."""
        for place in self.places():
            with self.reading(place) as session:
                yield session

    def close(self) -> None:
        """Give every connection back."""
        if self._kept is not None:
            self._kept.close()
        self.engine.dispose()


def connect(url: str, *, pool: int = 20) -> Database:
    """Open the database behind a URL, with the settings that make it durable.

    What a failed statement carried stays out of its error: it is people's names, and errors are logged.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return Database(
            create_engine(url, pool_size=pool, max_overflow=0, pool_pre_ping=True, hide_parameters=True)
        )
    engine = create_engine(
        url,
        pool_size=pool,
        max_overflow=pool,
        connect_args={"timeout": BUSY_MS / 1000},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    """WAL so that readers and the writer do not wait for each other; FULL so that a commit is a commit."""
    del record
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MS}",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options: Mapping[str, Any] = connection.get_execution_options()
    begin = "BEGIN IMMEDIATE" if options.get("immediate", True) else "BEGIN DEFERRED"
    patience = options.get(PATIENCE_MS)
    if patience is None:
        connection.exec_driver_sql(begin)
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout={int(patience)}").close()
    try:
        connection.exec_driver_sql(begin)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MS}").close()
