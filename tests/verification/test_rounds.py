"""On PostgreSQL look-ups of the same moment are one statement; each has rows, and a fate, of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, text

from app.core.db import Database
from app.ports import Ports
from app.verification.entries import PublicRegister, Row
from app.verification.errors import RegisterUnreachable
from app.verification.postgresql import PostgresRegister
from app.verification.statements import NUMBER
from tests.verification.issued import Issued, document, issued

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
UNKNOWN = "DLE-26-7K3Q-F9XM-2T5H-65"


@asynccontextmanager
async def opened(ports: Ports) -> AsyncIterator[PublicRegister]:
    register = PostgresRegister(ports.database.engine.url)
    await register.open()
    try:
        yield register
    finally:
        await register.close()


async def met(holding: Connection) -> None:
    """Wait until somebody waits for what this connection holds."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not holding.execute(waiting).scalar_one():  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0)


def test_each_has_the_rows_that_they_would_have_alone(live: Ports) -> None:
    mine, theirs = issued(live), issued(live)
    numbers = [theirs.number, UNKNOWN, mine.number, theirs.number]
    jtis = [document(live, each).jti for each in (mine, theirs)]

    async def asked() -> tuple[Sequence[Sequence[Row]], Sequence[Sequence[Row]]]:
        async with opened(live) as register:
            together = await asyncio.gather(
                *map(register.by_number, numbers), *map(register.by_document, jtis)
            )
            alone = [await register.by_number(each) for each in numbers]
            return together, [*alone, *[await register.by_document(each) for each in jtis]]

    together, alone = asyncio.run(asked())
    assert together == alone
    assert [[row[NUMBER] for row in rows] for rows in together[:4]] == [
        [theirs.number],
        [],
        [mine.number],
        [theirs.number],
    ]
    assert all(together[4:])


def test_whoever_leaves_keeps_nobody_from_their_answer(
    live: Ports, owner: Database, credential: Issued
) -> None:
    async def asked() -> Sequence[Row]:
        async with opened(live) as register:
            with owner.engine.connect() as holding:
                holding.execute(text("LOCK TABLE credential"))
                leaving, staying = (asyncio.create_task(register.by_number(credential.number)) for _ in "ab")
                await met(holding)
                leaving.cancel()
            rows = await staying
            assert leaving.cancelled()
            return rows

    (row,) = asyncio.run(asked())
    assert row[NUMBER] == credential.number


def test_a_round_trip_that_fails_fails_for_all_who_were_in_it_and_gives_its_connection_back(
    live: Ports, owner: Database, credential: Issued
) -> None:
    async def asked() -> list[object]:
        async with opened(live) as register:
            with owner.engine.connect() as holding:
                holding.execute(text("LOCK TABLE credential"))
                told = await asyncio.gather(
                    *(register.by_number(each) for each in (credential.number, UNKNOWN)),
                    return_exceptions=True,
                )
            for _ in range(8):
                assert await register.by_number(credential.number)
            return [type(each) for each in told]

    assert asyncio.run(asked()) == [RegisterUnreachable, RegisterUnreachable]
