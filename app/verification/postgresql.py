"""The public register on PostgreSQL: a small pool of connections that can only read."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import URL

from app.core.asking import FAILURES, Askers
from app.formats.keylist import Issuer
from app.verification import statements
from app.verification.entries import Changes, Row
from app.verification.errors import RegisterUnreachable

# What belongs to organisations is read by functions of the owner's (migration 0011), one for each question:
# the role that serves sees nothing of it by itself.
_COLUMNS: Final = (
    b"scheme_id, suspended_at, revoked_at, closed_at, mode, time_zone, legal_name, issuer_code, seq, kind, "
    b"valid_from, valid_until, ended_on, scheme_version, format, key_thumbprint, superseded_at, renewal_id, "
    b"number, subject_id, jti, token, sha256, issued_at, mac"
)
_BY_NUMBER: Final = b"SELECT " + _COLUMNS + b" FROM register_by_number(%s)"
_BY_DOCUMENT: Final = b"SELECT " + _COLUMNS + b" FROM register_by_document(%s)"
_STATUS_LIST: Final = b"SELECT * FROM register_list(%s, %s)"
_LISTS: Final = b"SELECT * FROM register_lists()"
_ISSUERS: Final = statements.ISSUERS.encode()
_CHANGES: Final = statements.CHANGES.format(mark="%s").encode()


class PostgresRegister:
    """Reads over psycopg; the connections belong to the event loop that opened them."""

    def __init__(self, url: URL) -> None:
        self._askers = Askers(url, name="public register")

    async def open(self) -> None:
        await self._askers.open()

    async def close(self) -> None:
        await self._askers.close()

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
            async with self._askers.connection() as connection:
                cursor = connection.asking = connection.asking or connection.cursor()
                await cursor.execute(statement, values)
                return list(await cursor.fetchall())
        except FAILURES as failed:
            raise RegisterUnreachable from failed
