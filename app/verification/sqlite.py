"""The public register on SQLite: one kept connection that can only read, used in the event loop itself.

A read takes some ten microseconds; handing it to a thread would cost many times that.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final
from urllib.parse import quote

from app.formats.keylist import Issuer
from app.verification import statements
from app.verification.entries import Changes, Row
from app.verification.errors import RegisterUnreachable

_WAIT: Final = 0.5  # seconds; a reader hardly ever waits in WAL mode, and the loop waits with it
# Read out of the system's own cache: a copy of each page costs as much as all the rest of a look-up.
_MAPPED: Final = f"PRAGMA mmap_size={1 << 30}"
_BY_NUMBER: Final = statements.BY_NUMBER.format(mark="?")
_BY_DOCUMENT: Final = statements.BY_DOCUMENT.format(mark="?")
_STATUS_LIST: Final = statements.STATUS_LIST.format(mark="?")
_LISTS: Final = statements.LISTS
_ISSUERS: Final = statements.ISSUERS
_CHANGES: Final = statements.CHANGES.format(mark="?")


class SqliteRegister:
    """Reads the database file."""

    def __init__(self, path: str) -> None:
        self._address = f"file:{quote(path)}?mode=ro"
        self._keeps = False
        self._kept: sqlite3.Connection | None = None

    async def open(self) -> None:
        self._keeps = True

    async def close(self) -> None:
        self._keeps = False
        self._drop()

    async def by_number(self, number: str) -> Sequence[Row]:
        return self._rows(_BY_NUMBER, (number,))

    async def by_document(self, jti: str) -> Sequence[Row]:
        return self._rows(_BY_DOCUMENT, (jti, jti))

    async def status_list(self, list_id: int, form: str) -> str | None:
        rows = self._rows(_STATUS_LIST, (list_id, form))
        return rows[0][0] if rows else None

    async def newest_lists(self) -> tuple[int, ...]:
        return tuple(row[0] for row in self._rows(_LISTS, ()))

    async def issuers(self) -> tuple[Issuer, ...]:
        return statements.issuers_of(self._rows(_ISSUERS, ()))

    async def hosts(self) -> Mapping[int, str]:
        return statements.hosts_of(self._rows(statements.HOSTS, ()))

    async def changes_since(self, seq: int) -> Changes:
        return statements.changes_of(self._rows(_CHANGES, (seq,)), seq=seq)

    def _rows(self, statement: str, values: Sequence[object]) -> list[Row]:
        try:
            if self._kept is not None:
                return self._kept.execute(statement, values).fetchall()
            if self._keeps:
                self._kept = self._connect()
                return self._kept.execute(statement, values).fetchall()
            with closing(self._connect()) as connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as failed:
            self._drop()
            raise RegisterUnreachable from failed

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._address, uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False
        )
        connection.execute(_MAPPED)
        return connection

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
