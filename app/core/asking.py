"""Short questions to PostgreSQL from an event loop: a small pool of connections that can only read."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import URL

# What a connection may fail with when its server is away, slow or gone in the middle.
FAILURES: Final = (psycopg.Error, OSError, TimeoutError)
CONNECTIONS: Final = 4
WAIT: Final = 1.0  # seconds for a connection
_SETTINGS: Final[dict[str, Any]] = {
    "autocommit": True,
    "prepare_threshold": 1,
    "connect_timeout": 2,
    "options": "-c default_transaction_read_only=on -c statement_timeout=1000",
}


class Connection(psycopg.AsyncConnection[Any]):
    """One that keeps the cursor of its questions: to make one anew costs as much as half of them."""

    asking: psycopg.AsyncCursor[Any] | None = None


class Askers:
    """The pool of the event loop that opened it; whoever asks in another has a connection for that once."""

    def __init__(self, url: URL, *, name: str) -> None:
        self._address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = name
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        self._pool = AsyncConnectionPool(
            self._address,
            connection_class=Connection,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT,
            kwargs=_SETTINGS,
            open=False,
            name=self._name,
        )
        self._loop = asyncio.get_running_loop()
        await self._pool.open()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def connection(self, wait: float = WAIT) -> AsyncIterator[Connection]:
        """Give a connection, or fail with one of `FAILURES`."""
        if self._pool is not None and self._loop is asyncio.get_running_loop():
            async with self._pool.connection(wait) as connection:
                yield connection
            return
        async with await Connection.connect(self._address, **_SETTINGS) as connection:
            yield connection

    async def in_one_go(
        self, *statements: tuple[str, Sequence[object] | Mapping[str, object]], wait: float = WAIT
    ) -> Sequence[Sequence[Any]] | None:
        """Ask several things in one transaction and one round trip.

        Gives what was found of the last, None if any failed.
        """
        try:
            async with self.connection(wait) as connection:
                async with connection.pipeline():
                    for words, values in statements:
                        cursor = connection.cursor()
                        await cursor.execute(words.encode(), values)
                return await cursor.fetchall()
        except FAILURES:
            return None
