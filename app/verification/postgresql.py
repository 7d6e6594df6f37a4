"""The public register on PostgreSQL: a small pool of connections that can only read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool

from app.formats.keylist import Issuer
from app.verification import statements
from app.verification.entries import Changes, Row
from app.verification.errors import RegisterUnreachable

_WAIT: Final = 1.0  # seconds for a connection; nobody waits longer for an answer that may be two old
_SETTINGS: Final[dict[str, Any]] = {
    "autocommit": True,
    "prepare_threshold": 1,
    "connect_timeout": 2,
    "options": "-c default_transaction_read_only=on -c statement_timeout=1000",
}
# What belongs to organisations is read by functions of the owner's (migration 0011), one for each question:
# the role that serves sees nothing of it by itself.
_COLUMNS: Final = (
    b"scheme_id, suspended_at, revoked_at, closed_at, mode, time_zone, legal_name, issuer_code, seq, kind, "
    b"valid_from, valid_until, ended_on, scheme_version, format, key_thumbprint, superseded_at, renewal_id, "
    b"number, subject_id, jti, token, sha256, issued_at"
)
_BY_NUMBER: Final = b"SELECT " + _COLUMNS + b" FROM register_by_number(%s)"
_BY_DOCUMENT: Final = b"SELECT " + _COLUMNS + b" FROM register_by_document(%s)"
_STATUS_LIST: Final = b"SELECT * FROM register_list(%s, %s)"
_LISTS: Final = b"SELECT * FROM register_lists()"
_ISSUERS: Final = statements.ISSUERS.encode()
_CHANGES: Final = statements.CHANGES.format(mark="%s").encode()


class _Connection(psycopg.AsyncConnection[Any]):
    """One that keeps the cursor of its questions: to make one anew costs as much as half of them."""

    asking: psycopg.AsyncCursor[Any] | None = None


class PostgresRegister:
    """Reads over psycopg; the pool belongs to the event loop that opened it."""

    def __init__(self, address: str, *, connections: int) -> None:
        self._address = address
        self._connections = connections
        self._pool: AsyncConnectionPool[_Connection] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        self._pool = AsyncConnectionPool(
            self._address,
            connection_class=_Connection,
            min_size=1,
            max_size=self._connections,
            timeout=_WAIT,
            kwargs=_SETTINGS,
            open=False,
            name="public register",
        )
        self._loop = asyncio.get_running_loop()
        await self._pool.open()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def by_number(self, number: str) -> Sequence[Row]:
        return await self._rows(_BY_NUMBER, (number,))

    async def by_document(self, jti: str) -> Sequence[Row]:
        return await self._rows(_BY_DOCUMENT, (jti,))

    async def status_list(self, list_id: int, form: str) -> str | None:
        rows = await self._rows(_STATUS_LIST, (list_id, form))
        return rows[0][0] if rows else None

    async def newest_lists(self) -> tuple[int, ...]:
        return tuple(row[0] for row in await self._rows(_LISTS, ()))

    async def issuers(self) -> tuple[Issuer, ...]:
        return statements.issuers_of(await self._rows(_ISSUERS, ()))

    async def changes_since(self, seq: int) -> Changes:
        return statements.changes_of(await self._rows(_CHANGES, (seq,)), seq=seq)

    async def _rows(self, statement: bytes, values: Sequence[object]) -> list[Row]:
        try:
            async with self._connection() as connection:
                cursor = connection.asking = connection.asking or connection.cursor()
                await cursor.execute(statement, values)
                return list(await cursor.fetchall())
        except (psycopg.Error, OSError, TimeoutError) as failed:
            raise RegisterUnreachable from failed

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        if self._pool is not None and self._loop is asyncio.get_running_loop():
            async with self._pool.connection() as connection:
                yield connection
            return
        async with await _Connection.connect(self._address, **_SETTINGS) as connection:
            yield connection
