"""Look-ups on PostgreSQL: a private server, filled for the run and gone with it."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Final

from app.core.db import connect
from bench import public
from bench.load import CannotMeasure
from bench.seeding.register import filled
from tests.postgres import PrivateServer, find_binaries

LEAST: Final[Mapping[str, float]] = {"hit": 1.0, "miss": 0.25}


def lookups(count: int, *, seconds: int, rounds: int) -> Iterator[public.Figure]:
    """Look numbers up as on SQLite; the CPU is that of the service, the database's own apart."""
    binaries = find_binaries()
    if binaries is None:
        raise CannotMeasure("PostgreSQL's server is not installed: apt-get install postgresql.")
    with PrivateServer(binaries) as server:
        register = filled(server.create_database("register"), count, secrets.token_hex(8))
        _settled(register.url)
        yield from public.lookups(
            [register], seconds=seconds, rounds=rounds, limits=LEAST, where=" on PostgreSQL"
        )


def _settled(url: str) -> None:
    """Do what autovacuum, which the private server is without, has done for a register in use."""
    database = connect(url)
    try:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        database.close()
