"""Statements on many rows at once: past the ORM, and inside the session's organisation all the same.

The ORM narrows what goes through it; here every statement says itself that it stays `inside`, and what is
written belongs to the organisation whatever the rows say.
"""

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
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
    CursorResult,
    Dialect,
    Executable,
    Insert,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeEngine

from app.core.db import ORGANISATION, Base

WHOSE: Final[BindParameter[str]] = bindparam("whose")  # the session's organisation
_ROWS: Final = "rows"  # no column of ours is called that


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


def read(session: Session, statement: Executable, **given: object) -> Sequence[Row[Any]]:
    """Read columns of the session's organisation."""
    return run(session, statement, **given).all()


def run(session: Session, statement: Executable, **given: object) -> CursorResult[Any]:
    """Carry out a statement that stays `inside`."""
    session.flush()
    return session.connection().execute(statement, {"whose": session.info[ORGANISATION], **given})


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
    insertion = _insertion(table(model), names, connection.dialect)
    whose = session.info[ORGANISATION]
    alike = {name: whose if name == "organisation_id" else each for name, each in insertion.alike.items()}
    dialect = connection.dialect
    if insertion.at_once:
        given = {name: _told(insertion.columns[name], by_name[name], dialect) for name in insertion.order}
        told = [dict(zip(given, each, strict=True)) for each in zip(*given.values(), strict=True)]
        connection.exec_driver_sql(insertion.words, {**alike, _ROWS: orjson.dumps(told).decode()})
        return
    values = [
        [alike[name]] * len(rows)
        if name in alike
        else _written(insertion.columns[name], by_name[name], dialect)
        for name in insertion.order
    ]
    connection.exec_driver_sql(insertion.words, [*zip(*values, strict=True)])


@dataclass(frozen=True, slots=True)
class _Insertion:
    """A statement as the driver takes it, with what all rows have alike because nobody says otherwise."""

    words: str
    order: tuple[str, ...]
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
        words = str(_of_json(target, named, tuple(alike)).compile(dialect=dialect))
        return _Insertion(words, named, at_once=True, alike=alike, columns=its)
    compiled = insert(target).compile(dialect=dialect, column_keys=names)
    return _Insertion(
        str(compiled), tuple(compiled.positiontup or ()), at_once=False, alike=alike, columns=its
    )


def _of_json(target: Table, named: Sequence[str], alike: Sequence[str]) -> Insert:
    """Insert rows that come as one value: one after another, they cost both sides several times that."""
    binary = {name for name in named if isinstance(target.c[name].type, LargeBinary)}
    rows = (
        func.json_to_recordset(bindparam(_ROWS, type_=JSON()))
        .table_valued(*(column(name, Text() if name in binary else target.c[name].type) for name in named))
        .render_derived(name="told", with_types=True)
    )
    read = [
        func.decode(rows.c[name], literal_column("'base64'")) if name in binary else rows.c[name]
        for name in named
    ]
    same = [bindparam(name, type_=target.c[name].type) for name in alike]
    return insert(target).from_select([*named, *alike], select(*read, *same), include_defaults=False)


def _told(its: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[object]:
    """Write the values of a column as they stand in JSON."""
    if isinstance(its.type, JSON):
        return values
    if isinstance(its.type, LargeBinary):
        return [None if value is None else b2a_base64(value, newline=False).decode() for value in values]
    return _written(its, values, dialect)


def _written(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[object]:
    """Write the values of a column as the driver takes them; the same again where one follows itself."""
    if isinstance(column.type, JSON):
        return [orjson.dumps(value).decode() for value in values]
    write_one = column.type.dialect_impl(dialect).bind_processor(dialect)
    if write_one is None:
        return values
    written: list[object] = []
    last, its = object(), None
    for value in values:
        if value is not last:
            last, its = value, write_one(value)
        written.append(its)
    return written
