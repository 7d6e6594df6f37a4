"""The public register on PostgreSQL: a small pool of connections that can only read."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from sqlalchemy import URL

from app.core.asking import FAILURES, WAIT, Askers
from app.core.rounds import Rounds
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
# What several ask at once is one statement. Each of their rows ends with the place of its question.
_EACH: Final = (
    b"SELECT " + _COLUMNS + b", place FROM unnest(%s::text[]) WITH ORDINALITY AS asked (name, place), "
    b"LATERAL "
)
_BY_NUMBER: Final = _EACH + b"register_by_number(name)"
_BY_DOCUMENT: Final = _EACH + b"register_by_document(name)"
_STATUS_LIST: Final = b"SELECT * FROM register_list(%s, %s)"
_LISTS: Final = b"SELECT * FROM register_lists()"
_ISSUERS: Final = statements.ISSUERS.encode()
_HOSTS: Final = statements.HOSTS.encode()
_CHANGES: Final = statements.CHANGES.format(mark="%s").encode()


class PostgresRegister:
    """Reads over psycopg; the connections belong to the event loop that opened them."""

    def __init__(self, url: URL) -> None:
        self._askers = Askers(url, name="public register")
        self._numbers = Rounds(partial(self._each, _BY_NUMBER), wait=WAIT)
        self._documents = Rounds(partial(self._each, _BY_DOCUMENT), wait=WAIT)

    async def open(self) -> None:
        await self._askers.open()

    async def close(self) -> None:
        await self._askers.close()

    async def by_number(self, number: str) -> Sequence[Row]:
        return await self._told(self._numbers, number)

    async def by_document(self, jti: str) -> Sequence[Row]:
        return await self._told(self._documents, jti)

    async def status_list(self, list_id: int, form: str) -> str | None:
        rows = await self._rows(_STATUS_LIST, (list_id, form))
        return rows[0][0] if rows else None

    async def newest_lists(self) -> tuple[int, ...]:
        return tuple(row[0] for row in await self._rows(_LISTS, ()))

    async def issuers(self) -> tuple[Issuer, ...]:
        return statements.issuers_of(await self._rows(_ISSUERS, ()))

    async def hosts(self) -> Mapping[int, str]:
        return statements.hosts_of(await self._rows(_HOSTS, ()))

    async def changes_since(self, seq: int) -> Changes:
        return statements.changes_of(await self._rows(_CHANGES, (seq,)), seq=seq)

    async def _told(self, rounds: Rounds[str, list[Row]], name: str) -> list[Row]:
        try:
            return await rounds.about(name)
        except FAILURES as failed:
            raise RegisterUnreachable from failed

    async def _each(self, statement: bytes, names: Sequence[str], wait: float) -> Sequence[list[Row]]:
        found: list[list[Row]] = [[] for _ in names]
        for row in await self._fetch(statement, (names,), wait):
            found[row[-1] - 1].append(row[:-1])
        return found

    async def _rows(self, statement: bytes, values: Sequence[object]) -> list[Row]:
        try:
            return await self._fetch(statement, values)
        except FAILURES as failed:
            raise RegisterUnreachable from failed

    async def _fetch(self, statement: bytes, values: Sequence[object], wait: float = WAIT) -> list[Row]:
        async with self._askers.connection(wait) as connection:
            cursor = connection.asking = connection.asking or connection.cursor()
            await cursor.execute(statement, values)
            return list(await cursor.fetchall())
