"""Statements on many rows at once: past the ORM, and inside the session's organisation all the same.

The ORM narrows what goes through it; here every statement says itself that it stays `inside`, and what is
written belongs to the organisation whatever the rows say.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    BindParameter,
    Column,
    ColumnDefault,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    insert,
)
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

from app.core.db import ORGANISATION, Base

WHOSE: Final[BindParameter[str]] = bindparam("whose")  # the session's organisation
_ROWS: Final = "rows"  # no column of ours is called that
_SQLITE: Final = (
    SQLiteDialect_pysqlite()
)  # of all databases: what is found out about a statement is kept once


class _Plainly(FunctionElement[str]):
    """A column whose index is not to be used."""

    type = String()
    inherit_cache = True


@compiles(_Plainly)
def _as_it_is(element: _Plainly, compiler: SQLCompiler, **given: Any) -> str:
    (column,) = element.clauses
    return compiler.process(column, **given)


@compiles(_Plainly, "sqlite")
def _past_its_index(element: _Plainly, compiler: SQLCompiler, **given: Any) -> str:
    # https://www.sqlite.org/optoverview.html, 12.1: a unary plus changes nothing but that.
    return f"+{_as_it_is(element, compiler, **given)}"


def inside(target: Table) -> ColumnElement[bool]:
    """Keep a statement to the rows of the session's organisation, where something else says which of them.

    Without statistics SQLite takes an organisation to have a handful of rows, and would look through all of
    them sooner than look up a dozen others.
    """
    return _Plainly(target.c.organisation_id) == WHOSE


class _Several(TypeDecorator[Sequence[Any]]):
    """Any number of values as one."""

    impl = String
    cache_ok = True

    def __init__(self, kind: TypeEngine[Any]) -> None:
        super().__init__()
        self.kind = kind

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Take them as the database knows several values."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(self.kind))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> object:
        """Write them as one value."""
        values = list(value or ())
        return orjson.dumps(values).decode() if dialect.name == "sqlite" else values


class _Among(FunctionElement[bool]):
    """Whether a column holds one of several values."""

    # Of a `Boolean`, SQLite would be asked whether it is 1, and would look through everything.
    type = NullType()  # type: ignore[assignment]
    inherit_cache = True


@compiles(_Among)
def _any_of(element: _Among, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both come from SQLAlchemy


def among(column: Column[Any], name: str) -> ColumnElement[bool]:
    """Leave room in a statement for any number of values: they go as one, so its words stay the same."""
    kind: TypeEngine[Any] = BigInteger() if isinstance(column.type, Integer) else String()
    return _Among(column, bindparam(name, type_=_Several(kind)))


def table(model: type[Base]) -> Table:
    found = model.__table__
    assert isinstance(found, Table)  # noqa: S101 - what every model of ours is
    return found


def read(session: Session, statement: Executable, **given: object) -> Sequence[Any]:
    """Read columns of the session's organisation; they go by their names, and in their order."""
    session.flush()
    connection = session.connection()
    told = {"whose": session.info[ORGANISATION], **given}
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, told).all()
    plain = _plain(statement)
    found = _driven(connection, plain.words, plain.values(told)).fetchall()
    readers = plain.readers
    if not readers:
        return [plain.row._make(each) for each in found]
    rows = [[*each] for each in found]
    for row in rows:
        for place, reader in readers:
            row[place] = reader(row[place])
    return [plain.row._make(each) for each in rows]


def run(session: Session, statement: Executable, **given: object) -> None:
    """Carry out a statement that stays `inside`."""
    session.flush()
    connection = session.connection()
    told = {"whose": session.info[ORGANISATION], **given}
    if connection.dialect.name != "sqlite":
        connection.execute(statement, told)
        return
    plain = _plain(statement)
    _driven(connection, plain.words, plain.values(told))


@dataclass(frozen=True, slots=True)
class _Plain:
    """A statement as SQLite's driver takes it, and how what it gives is read."""

    words: str
    fixed: Mapping[str, object]  # values that are the statement's own
    order: tuple[tuple[str, Callable[[Any], object] | None], ...]
    readers: tuple[tuple[int, Callable[[Any], object]], ...]
    row: Any  # a named tuple

    def values(self, told: Mapping[str, object]) -> tuple[object, ...]:
        """Put the values in their order, each as the driver takes it."""
        known = {**self.fixed, **told} if self.fixed else told
        return tuple(known[name] if writer is None else writer(known[name]) for name, writer in self.order)


@cache
def _plain(statement: Any) -> _Plain:
    compiled = statement.compile(dialect=_SQLITE)
    given = [*statement.exported_columns]
    readers = [each.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for each in given]
    return _Plain(
        words=str(compiled),
        fixed={name: each.value for name, each in compiled.binds.items() if not each.required},
        order=tuple(
            (name, compiled.binds[name].type.dialect_impl(_SQLITE).bind_processor(_SQLITE))
            for name in compiled.positiontup or ()
        ),
        readers=tuple((place, reader) for place, reader in enumerate(readers) if reader is not None),
        # Its names are not known before; what has none goes by its place.
        row=namedtuple("row", [str(each.key) for each in given], rename=True),  # noqa: PYI024
    )


def _driven(connection: Connection, words: str, given: Any, *, many: bool = False) -> Any:
    """Have SQLite's driver carry out a statement: the layers above it cost several times what it does.

    Whoever listens to statements hears of this one too, and an error is the one that those layers raise.
    """
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - the connection is open
    cursor = driver.cursor()
    for heard in connection.dispatch.before_cursor_execute:
        heard(connection, cursor, words, given, None, many)
    error = connection.dialect.loaded_dbapi.Error
    try:
        return cursor.executemany(words, given) if many else cursor.execute(words, given)
    except error as failed:
        raise DBAPIError.instance(
            words, None, failed, error, hide_parameters=True, dialect=connection.dialect
        ) from failed


def write(session: Session, model: type[Base], rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows for the session's organisation; all of them name the same columns, and that one not.

    What SQLAlchemy works out for each row anew is worked out once: it took longer than the database.
    Raises `ValueError`, before anything is written, where a row names other columns than the first.
    """
    if not rows:
        return
    names = tuple(rows[0])
    try:
        by_name = {name: [row[name] for row in rows] for name in names}
    except KeyError:
        by_name = {}
    if not by_name or "organisation_id" in names or {*map(len, rows)} != {len(names)}:
        raise ValueError(f"Rows of {model.__tablename__} name an organisation, or not the same columns.")
    session.flush()
    connection = session.connection()
    dialect = _SQLITE if connection.dialect.name == "sqlite" else connection.dialect
    insertion = _insertion(table(model), names, dialect)
    whose = session.info[ORGANISATION]
    alike = {name: whose if name == "organisation_id" else each for name, each in insertion.alike.items()}
    if insertion.at_once:
        beside = {name: by_name[name] for name in insertion.beside}
        given = {name: _told(insertion.columns[name], by_name[name], dialect) for name in insertion.order}
        told = [dict(zip(given, each, strict=True)) for each in zip(*given.values(), strict=True)]
        connection.exec_driver_sql(insertion.words, {**alike, **beside, _ROWS: orjson.dumps(told).decode()})
        return
    values = [
        [alike[name]] * len(rows)
        if name in alike
        else _written(insertion.columns[name], by_name[name], dialect)
        for name in insertion.order
    ]
    _driven(connection, insertion.words, [*zip(*values, strict=True)], many=True)


@dataclass(frozen=True, slots=True)
class _Insertion:
    """A statement as the driver takes it, with what all rows have alike because nobody says otherwise."""

    words: str
    order: tuple[str, ...]
    beside: tuple[str, ...]  # what stands beside the JSON, each column as a value of its own
    at_once: bool  # all rows are one value, in JSON; else one after another, each a tuple
    alike: Mapping[str, object]
    columns: Mapping[str, Column[Any]]


@cache
def _insertion(target: Table, given: tuple[str, ...], dialect: Dialect) -> _Insertion:
    alike = {
        column.name: column.default.arg if isinstance(column.default, ColumnDefault) else None
        for column in target.c
        if column.name not in given
        and (isinstance(column.default, ColumnDefault) or column.name == "organisation_id")
    }
    named = tuple(name for name in given if name not in alike)
    names = (*named, *alike)
    its = {column.name: column for column in target.c}
    if dialect.name == "postgresql":
        beside = tuple(name for name in named if isinstance(its[name].type, LargeBinary | Text))
        order = tuple(name for name in named if name not in beside)
        words = _of_json(target, order, beside, tuple(alike), dialect)
        return _Insertion(words, order, beside, at_once=True, alike=alike, columns=its)
    compiled = insert(target).compile(dialect=dialect, column_keys=names)
    return _Insertion(
        str(compiled), tuple(compiled.positiontup or ()), (), at_once=False, alike=alike, columns=its
    )


def _of_json(
    target: Table, order: Sequence[str], beside: Sequence[str], alike: Sequence[str], dialect: Dialect
) -> str:
    """Insert rows that come as one value: one after another, they cost both sides several times that.

    Documents and bytes stand beside the JSON as arrays in PostgreSQL's own binary form, since it reads JSON a
    letter at a time.
    """
    quote = dialect.identifier_preparer.quote
    kinds = {name: target.c[name].type.compile(dialect=dialect) for name in (*order, *beside, *alike)}
    told = ", ".join(f"{quote(name)} {kinds[name]}" for name in order)
    sources = [f"json_to_recordset(%({_ROWS})s::JSON) AS ({told})"]
    sources += [f"unnest(%({name})b::{kinds[name]}[])" for name in beside]
    names = ", ".join(quote(name) for name in (*order, *beside))
    same = "".join(f", %({name})s::{kinds[name]}" for name in alike)
    return (
        f"INSERT INTO {quote(target.name)} ({', '.join(quote(name) for name in (*order, *beside, *alike))}) "  # noqa: S608 - names of our own, no value
        f"SELECT told.*{same} FROM ROWS FROM ({', '.join(sources)}) AS told ({names})"
    )


def _told(its: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[object]:
    """Write the values of a column as they stand in JSON."""
    if isinstance(its.type, JSON):
        return values
    return _written(its, values, dialect)


def _written(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[object]:
    """Write the values of a column as the driver takes them; the same again where one follows itself."""
    if isinstance(column.type, JSON):
        return [orjson.dumps(value).decode() for value in values]
    write_one = _writer(column, dialect)
    if write_one is None:
        return values
    written: list[object] = []
    last, its = object(), None
    for value in values:
        if value is not last:
            last, its = value, write_one(value)
        written.append(its)
    return written


@cache
def _writer(column: Column[Any], dialect: Dialect) -> Callable[[Any], object] | None:
    return column.type.dialect_impl(dialect).bind_processor(dialect)
