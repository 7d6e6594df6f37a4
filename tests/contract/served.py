"""The world served by the real program, as an operator starts it, on a database of either kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.adapters import schema
from app.core.clock import SystemClock
from app.main import production_ports
from app.settings import Settings
from tests import serving
from tests.contract.world import World, furnished, opens

# Limits are for strangers who hurry; here everybody does.
UNHURRIED: Final = {
    "SIGILLO_LOOKUPS_PER_MINUTE": "10000000",
    "SIGILLO_REQUESTS_PER_MINUTE": "10000000",
}


@dataclass(frozen=True, slots=True)
class Served:
    """Where it is served, what stands in it, and where it writes what happened."""

    url: str
    world: World
    log: Path


@contextmanager
def served(folder: Path, database_url: str | None = None) -> Iterator[Served]:
    """Furnish a database, and serve it in the days in which credentials are renewed."""
    port = serving.free_port()
    environment = serving.settings(folder, port, **UNHURRIED)
    if database_url is not None:
        environment["SIGILLO_DATABASE_URL"] = database_url
    given = {
        name.removeprefix("SIGILLO_").lower(): value
        for name, value in environment.items()
        if name.startswith("SIGILLO_")
    }
    ports = production_ports(Settings.model_validate(given))
    if not schema.is_current(ports.database):  # of PostgreSQL its owner made it: who serves may not
        schema.upgrade(ports.database)
    offset = opens(ports.clock.now())

    world = furnished(ports, lambda by: replace(ports, clock=SystemClock(by)))
    ports.database.close()
    environment["SIGILLO_CLOCK_OFFSET"] = f"P{offset.days}D"
    url = f"http://localhost:{port}"
    with serving.serving(environment, url) as log:
        yield Served(url, world, log)
