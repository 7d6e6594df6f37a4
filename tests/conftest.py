"""The ground that tests stand on: real databases, made once by the real migrations, copied for each."""

import gc
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import event

from app.adapters import schema
from app.adapters.files import FolderFiles
from app.adapters.scanner import NoScanner
from app.adapters.vault import Macs
from app.core.db import Database, connect
from app.ports import Ports, Signer
from app.settings import Settings
from tests import postgres
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.fakes_mail import MemoryMailer
from tests.fakes_outbound import Nowhere
from tests.furnished import NOTHING, Furnishing, sharing_statements

hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_names = count(1)


def pytest_collection_finish() -> None:
    """Search what lasts as long as the run for garbage no more: it took an eighth of the time of tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    database = connect(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PrivateServer]:
    with postgres.PrivateServer(postgres.binaries_or_skip(), parent=postgres.in_memory()) as server:
        server.create_database("template")
        owner = connect(server.owner_url("template"))
        schema.upgrade(owner, serving=postgres.RUNTIME)
        owner.close()
        yield server


@pytest.fixture
def furnishing() -> Furnishing:
    """What stands in the databases of these tests; each folder says its own."""
    return NOTHING


@pytest.fixture(scope="session")
def furnished() -> dict[tuple[str, str], Any]:
    """What was made so far, by the kind of the database and the name of the furnishing."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    furnishing: Furnishing,
    furnished: dict[tuple[str, str], Any],
    keys: MemoryKeys,
) -> Iterator[str]:
    """A database of each kind, with the present schema; empty, unless the test asks for furniture."""
    wanted = furnishing if "furniture" in request.fixturenames else NOTHING
    made = (request.param, wanted.name) in furnished

    def furnish(url: str) -> None:
        database = connect(url)
        given = ports_on(database, SetClock(START), keys, tmp_path / "furnishing")
        furnished[request.param, wanted.name] = wanted.make(given)
        database.close()
        assert not any((tmp_path / "furnishing").iterdir()), "files are not copied with the database"

    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        source = template.with_name(f"{wanted.name}.db")
        if wanted is not NOTHING and not made:
            shutil.copy(template, source)
            furnish(f"sqlite:///{source}")
        shutil.copy(source, tmp_path / "sigillo.db")
        yield f"sqlite:///{tmp_path / 'sigillo.db'}"
        return
    server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
    if wanted is not NOTHING and not made:
        furnish(server.create_database(wanted.name, template="template"))
    name = f"t{next(_names)}"
    yield server.create_database(name, template=wanted.name)
    server.drop_database(name)


@pytest.fixture
def owner(database: Database) -> Iterator[Database]:
    """The same database for whoever owns its tables: for tests that tamper, and that look at what it is."""
    with postgres.as_owner(database) as opened:
        yield opened


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = connect(database_url, pool=70)
    if opened.engine.dialect.name == "sqlite":
        # What a test writes need not outlive a power cut: waiting for the disk took half of the time.
        event.listen(opened.engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
    yield sharing_statements(opened)
    opened.close()


@pytest.fixture
def furniture(database: Database, furnishing: Furnishing, furnished: dict[tuple[str, str], Any]) -> Any:
    """What stands in the database of this test; the ports in it are those that it was made with."""
    return furnished[database.engine.dialect.name, furnishing.name]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture(scope="session")
def keys() -> MemoryKeys:
    """Keys that no test changes; whoever rotates makes their own."""
    return MemoryKeys(START)


@pytest.fixture(scope="session")
def bought_keys() -> MemoryKeys:
    """Keys of a seal that was bought, which no test changes either."""
    return MemoryKeys(START, development=False)


@pytest.fixture
def ports(database: Database, clock: SetClock, keys: MemoryKeys, tmp_path: Path) -> Ports:
    return ports_on(database, clock, keys, tmp_path / "files")


def ports_on(database: Database, clock: SetClock, keys: Signer, files: Path) -> Ports:
    return Ports(
        settings=Settings(
            public_url="https://sigillo.example.org",
            keys_folder=files.with_name("keys"),
            worker=False,
            list_pause=timedelta(0),
            lookups_per_minute=1_000_000,
            requests_per_minute=1_000_000,
        ),
        database=database,
        clock=clock,
        signer=keys,
        files=FolderFiles(files),
        scanner=NoScanner(),
        mailer=MemoryMailer(clock),
        outbound=Nowhere(),
        vouching=Macs(b"a key for tests"),
    )
