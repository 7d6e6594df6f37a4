"""The ground that tests stand on: real databases, made once by the real migrations, copied for each."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import event

from app.adapters import schema
from app.adapters.files import FolderFiles
from app.adapters.scanner import NoScanner
from app.core.db import Database, connect
from app.ports import Ports
from app.settings import Settings
from tests import postgres
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.fakes_mail import MemoryMailer
from tests.fakes_outbound import Nowhere

hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_names = count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = connect(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PrivateServer]:
    with postgres.PrivateServer(postgres.binaries_or_skip()) as server:
        database = connect(server.create_database("template"))
        schema.upgrade(database)
        database.close()
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind, with the present schema."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "sigillo.db")
        yield f"sqlite:///{tmp_path / 'sigillo.db'}"
        return
    server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
    name = f"t{next(_names)}"
    yield server.create_database(name, template="template")
    server.drop_database(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = connect(database_url, pool=70)
    if opened.engine.dialect.name == "sqlite":
        # What a test writes need not outlive a power cut: waiting for the disk took half of the time.
        event.listen(opened.engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture(scope="session")
def keys() -> MemoryKeys:
    """Keys that no test changes; whoever rotates makes their own."""
    return MemoryKeys(START)


@pytest.fixture
def ports(database: Database, clock: SetClock, keys: MemoryKeys, tmp_path: Path) -> Ports:
    return Ports(
        settings=Settings(
            public_url="https://sigillo.example.org",
            worker=False,
            list_pause=timedelta(0),
            lookups_per_minute=1_000_000,
        ),
        database=database,
        clock=clock,
        signer=keys,
        files=FolderFiles(tmp_path / "files"),
        scanner=NoScanner(),
        mailer=MemoryMailer(clock),
        outbound=Nowhere(),
    )
