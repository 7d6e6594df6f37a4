"""The world with the application on it, put back as it was after each request that changed it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
from fastapi import FastAPI

from app.core.db import Database
from app.main import create_app
from app.organisations.rules import Role
from app.ports import Hooks, Ports
from tests.conftest import START, ports_on
from tests.contract.asking import Asking
from tests.contract.world import World, furnished, grant
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.fakes_outbound import Letterbox, PlainVault

LONG: Final = timedelta(days=3000)
FAMILY: Final = range(200, 300)


class NoWallet:
    """A wallet service that nothing is ever put into: what is asked for waits."""


@dataclass
class Stage:
    """The world in a database that is put back as it was after each change."""

    ports: Ports
    world: World
    app: FastAPI
    put_back: Callable[[], None]
    role: Role | None = None
    changed: bool = False
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def begin(self, role: Role | None) -> None:
        """Put everything back, and let the owners of things hold this role."""
        self.role, self.changed = role, False
        self.put_back()
        with self.ports.database.writing(self.world.organisation) as session:
            grant(session, self.world, role)

    def ask(self, asking: Asking, token: str | None, world: World | None = None) -> httpx.Response:
        """Ask as the holder of a key; what it changed is undone before anybody else asks."""
        if self.changed:
            self.begin(self.role)
        answer = self.loop.run_until_complete(self._ask(asking, token, world or self.world))
        self.changed = asking.method != "GET" and answer.status_code in FAMILY
        return answer

    def close(self) -> None:
        self.loop.close()
        self.ports.database.close()

    async def _ask(self, asking: Asking, token: str | None, world: World) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="https://sigillo.example.org", headers=headers
        ) as client:
            return await client.request(asking.method, asking.address(world), **asking.request(world))


def stage_on(database: Database, folder: Path, keep: Callable[[], Callable[[], None]] | None = None) -> Stage:
    """Furnish a database, keep a copy of it (of SQLite, its file), and put the application on it."""
    keys = MemoryKeys(START, life=LONG)
    ports = replace(
        ports_on(database, SetClock(START), keys, folder / "files"),
        wallet=NoWallet(),  # type: ignore[arg-type] # nothing is deposited
        hooks=Hooks(Letterbox({}), PlainVault()),
    )
    world = furnished(ports, lambda by: replace(ports, clock=SetClock(START + by)))
    then = replace(ports, clock=SetClock(world.at))
    put_back = keep() if keep is not None else keep_file(database, folder / "sigillo.db")
    return Stage(then, world, create_app(then), put_back)


def keep_file(database: Database, path: Path) -> Callable[[], None]:
    """Keep what an SQLite database holds now; gives what puts it back."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    kept = path.read_bytes()

    def put_back() -> None:
        database.close()
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
        path.write_bytes(kept)

    return put_back
