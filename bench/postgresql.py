"""Look-ups on PostgreSQL: a private server, filled for the run and gone with it."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from app.adapters import schema
from app.core.db import Database, connect
from bench import public
from bench.load import CannotMeasure
from bench.seeding.register import filled
from tests.postgres import DURABLE, RUNTIME, PrivateServer, find_binaries

LEAST: Final[Mapping[str, float]] = {"hit": 1.0, "miss": 0.25}


def lookups(count: int, *, seconds: int, rounds: int) -> Iterator[public.Figure]:
    """Look numbers up as on SQLite; the CPU is that of the service, the database's own apart."""
    binaries = find_binaries()
    if binaries is None:
        raise CannotMeasure("PostgreSQL's server is not installed: apt-get install postgresql.")
    with PrivateServer(binaries, settings=DURABLE) as server:
        served = server.create_database("register")
        owner = connect(server.owner_url("register"))
        schema.upgrade(owner, serving=RUNTIME)
        made = filled(server.owner_url("register"), count, secrets.token_hex(8))
        used_for_a_while(owner)
        register = replace(made, url=served)
        yield from public.lookups(
            [register], seconds=seconds, rounds=rounds, limits=LEAST, where=" on PostgreSQL"
        )


def used_for_a_while(owner: Database) -> None:
    """Do at once what autovacuum has done for a register in use."""
    try:
        with owner.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        owner.close()
