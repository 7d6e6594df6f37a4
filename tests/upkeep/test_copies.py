"""A backup brings everything back, to an empty place; never half of it, never over another, never too old."""

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, func, select
from typer.testing import CliRunner

from app.adapters import schema
from app.adapters.keys import FileKeys
from app.adapters.ring import VOUCHING
from app.adapters.vault import FolderVault
from app.cli import app
from app.client.visit import Ends
from app.core.clock import SystemClock
from app.core.db import Database, connect
from app.events.models import WebhookEndpoint
from app.organisations import service
from app.outbox import messages
from app.tables import metadata
from app.upkeep import copies, health
from app.upkeep.mark import NAME
from tests import make, postgres
from tests.conftest import ports_on
from tests.fakes import SetClock
from tests.upkeep.conftest import Registry, filled

_names = count(1)


@pytest.fixture
def machine(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A machine with a register on it, and the settings by which commands find it."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": database_url,
        "FILES_FOLDER": str(tmp_path / "files"),
        "KEYS_FOLDER": str(tmp_path / "keys"),
    }.items():
        monkeypatch.setenv(f"SIGILLO_{name}", value)
    at = SystemClock().now()
    keys = FileKeys(tmp_path / "keys", at=at)
    with closing(connect(database_url)) as database:
        yield filled(ports_on(database, SetClock(at), keys, tmp_path / "files"))


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a database of the same kind may come to be."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'new' / 'sigillo.db'}"
        return
    server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
    name = f"restored{next(_names)}"
    yield server.create_database(name)
    server.drop_database(name)


def as_owner(**environment: str) -> dict[str, str]:
    """Name the role that owns the tables beside the one that serves, where there are two."""
    url = environment.get("SIGILLO_DATABASE_URL", os.environ["SIGILLO_DATABASE_URL"])
    if url.startswith("sqlite"):
        return environment
    owner = url.replace(f"user={postgres.RUNTIME}", f"user={postgres.OWNER}")
    return {"SIGILLO_DATABASE_OWNER_URL": owner, **environment}


def said(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments), env=as_owner(**environment))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def told(*arguments: str, **environment: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, [*arguments, "--json"], env=as_owner(**environment))
    return done.exit_code, json.loads(done.stdout)


def backed_up(machine: Registry, name: str = "one.tar") -> str:
    machine.office.work()
    assert said("backup", name)[0] == Ends.OK
    return name


def rows(database: Database) -> dict[str, int]:
    with postgres.as_owner(database) as owner, owner.engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def test_what_was_backed_up_comes_back_whole_and_says_that_it_agrees(
    machine: Registry, empty_url: str, tmp_path: Path
) -> None:
    source = backed_up(machine)
    code, found = told(
        "restore", source, SIGILLO_DATABASE_URL=empty_url, SIGILLO_FILES_FOLDER=str(tmp_path / "back")
    )
    assert (code, found["agrees"], found["findings"]) == (Ends.OK, True, [])
    assert found["looked_at"]["documents"] == 7
    assert found["looked_at"]["files"] == len([*(tmp_path / "back").glob("??/*")]) > 0
    with closing(connect(empty_url)) as restored:
        assert rows(restored) == rows(machine.ports.database)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_is_found_whatever_its_path_is_written_with(
    machine: Registry, database_url: str, tmp_path: Path
) -> None:
    """To SQLite the path is an address, in which these would mean something else."""
    machine.ports.database.close()
    odd = tmp_path / "50%41 #1?"
    odd.mkdir()
    shutil.copy(database_url.removeprefix("sqlite:///"), odd / "sigillo.db")
    url = URL.create("sqlite", database=str(odd / "sigillo.db")).render_as_string()
    code, found = said("backup", "one.tar", SIGILLO_DATABASE_URL=url)
    assert (code, Path("one.tar").exists()) == (Ends.OK, True), found


def test_a_backup_comes_back_under_an_owner_of_another_name_who_finds_every_key(
    machine: Registry, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite knows no roles.")
    server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
    organisation_id, at = machine.office.organisation_id, machine.office.now
    with machine.ports.database.writing(organisation_id) as session:
        token = make.key(session, make.person(session, organisation_id, at=at), at=at)
    source = backed_up(machine)
    url = server.create_database("inherited")
    heir = url.replace(f"user={postgres.RUNTIME}", "user=heir")

    def above(*statements: str) -> None:
        with (
            closing(connect(server.superuser_url("postgres"))) as opened,
            opened.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        ):
            for statement in statements:
                connection.exec_driver_sql(statement)

    above("CREATE ROLE heir LOGIN", "ALTER DATABASE inherited OWNER TO heir")
    try:
        code, found = told(
            "restore",
            source,
            SIGILLO_DATABASE_URL=url,
            SIGILLO_DATABASE_OWNER_URL=heir,
            SIGILLO_FILES_FOLDER=str(tmp_path / "back"),
        )
        assert (code, found["agrees"], found["findings"]) == (Ends.OK, True, [])
        with closing(connect(url)) as restored:
            asked = service.sought(token)
            assert asked is not None
            caller = service.identify(token, restored.of_anyone(*asked), at=at)
            assert caller.actor.organisation_id == organisation_id
            assert schema.gaps_in_the_wall(restored) == []
    finally:
        server.drop_database("inherited")
        above("DROP ROLE heir")


def test_a_restore_says_in_words_that_everything_agrees(
    machine: Registry, empty_url: str, tmp_path: Path
) -> None:
    source = backed_up(machine)
    code, words = said(
        "restore", source, SIGILLO_DATABASE_URL=empty_url, SIGILLO_FILES_FOLDER=str(tmp_path / "back")
    )
    assert code == Ends.OK
    assert words.endswith("The audit chain, the status lists, the documents and the files agree.")


def test_a_register_that_is_older_than_what_it_published_is_not_brought_back(
    machine: Registry, empty_url: str, tmp_path: Path
) -> None:
    source = backed_up(machine)
    machine.revoke(machine.standing)
    assert isinstance(machine.ports.clock, SetClock)
    machine.ports.clock.move()
    machine.office.work()
    code, words = said(
        "restore", source, SIGILLO_DATABASE_URL=empty_url, SIGILLO_FILES_FOLDER=str(tmp_path / "back")
    )
    assert code == Ends.REFUSED
    assert "Nothing was brought back. This register is older than the status lists" in words
    assert not (tmp_path / "back").exists() or not [*(tmp_path / "back").iterdir()]


def test_a_service_does_not_start_on_a_register_that_is_older_than_what_it_published(
    machine: Registry, tmp_path: Path
) -> None:
    machine.office.work()
    mark = json.loads((tmp_path / "keys" / NAME).read_text())
    (tmp_path / "keys" / NAME).write_text(json.dumps({**mark, "change": mark["change"] + 1}))
    for command in ("serve", "worker"):
        code, words = said(command)
        assert (code, "older than the status lists" in words) == (Ends.REFUSED, True)
    assert said("doctor")[0] == Ends.REFUSED


def test_the_mark_of_another_register_is_nobodys_concern(machine: Registry, tmp_path: Path) -> None:
    machine.office.work()
    (tmp_path / "keys" / NAME).write_text(json.dumps({"change": 10**6, "organisations": ["org_other"]}))
    assert "status lists it has published" not in said("doctor")[1]


def test_a_backup_never_writes_over_another(machine: Registry, tmp_path: Path) -> None:
    source = backed_up(machine)
    before = (tmp_path / source).read_bytes()
    code, words = said("backup", source)
    assert (code, "is there already" in words) == (Ends.REFUSED, True)
    assert (tmp_path / source).read_bytes() == before
    assert [each.name for each in tmp_path.glob("*.tar")] == [source]


def test_a_backup_is_for_nobody_elses_eyes(machine: Registry, tmp_path: Path) -> None:
    source = backed_up(machine)
    assert (tmp_path / source).stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / source) as archive:
        assert not [name for name in archive.getnames() if "key" in name]


def test_nothing_is_written_over_a_register_that_is_there(machine: Registry) -> None:
    source = backed_up(machine)
    before = rows(machine.ports.database)
    code, words = said("restore", source)
    assert code == Ends.REFUSED
    assert "already" in words or "is not empty" in words
    assert rows(machine.ports.database) == before


@pytest.mark.parametrize("name", ["database", "files/", "manifest"])
def test_a_backup_that_was_changed_is_refused_and_nothing_comes_back(
    machine: Registry, empty_url: str, tmp_path: Path, name: str
) -> None:
    source = backed_up(machine)
    content = bytearray((tmp_path / source).read_bytes())
    with tarfile.open(tmp_path / source) as archive:
        chosen = next(entry for entry in archive if entry.name.startswith(name))
    content[chosen.offset_data + chosen.size // 2] ^= 1
    (tmp_path / "changed.tar").write_bytes(content)
    there = {"SIGILLO_DATABASE_URL": empty_url, "SIGILLO_FILES_FOLDER": str(tmp_path / "back")}
    code, words = said("restore", "changed.tar", **there)
    assert code == Ends.REFUSED, words
    assert said("restore", source, **there)[0] == Ends.OK  # the place is empty still


@pytest.mark.parametrize("left", [0, 512, 20_000])
def test_a_backup_that_is_cut_off_is_refused(
    machine: Registry, empty_url: str, tmp_path: Path, left: int
) -> None:
    source = backed_up(machine)
    with (tmp_path / source).open("r+b") as out:
        os.truncate(out.fileno(), left)
    assert said("restore", source, SIGILLO_DATABASE_URL=empty_url)[0] == Ends.REFUSED


def test_evidence_that_is_missing_is_said_by_the_backup_and_by_the_restore(
    machine: Registry, empty_url: str, tmp_path: Path
) -> None:
    gone = min((tmp_path / "files").glob("??/*"))
    gone.unlink()
    machine.office.work()
    code, found = told("backup", "one.tar")
    assert (code, found["missing"]) == (Ends.REFUSED, [gone.name])
    code, found = told(
        "restore", "one.tar", SIGILLO_DATABASE_URL=empty_url, SIGILLO_FILES_FOLDER=str(tmp_path / "back")
    )
    assert (code, found["findings"]) == (Ends.REFUSED, [f"File {gone.name} is named and is not there."])


def test_what_happens_while_a_backup_is_made_is_in_it_whole_or_not_at_all(
    machine: Registry, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = copies._dump

    def meanwhile(*given: Any) -> None:
        machine.office.issue()
        dump(*given)
        machine.office.issue()

    monkeypatch.setattr(copies, "_dump", meanwhile)
    backed_up(machine)
    code, found = told(
        "restore", "one.tar", SIGILLO_DATABASE_URL=empty_url, SIGILLO_FILES_FOLDER=str(tmp_path / "back")
    )
    assert (code, found["agrees"]) == (Ends.OK, True)
    with closing(connect(empty_url)) as restored:
        assert 0 < rows(restored)["credential"] < rows(machine.ports.database)["credential"]


def test_a_role_that_does_not_see_everything_makes_no_backup(machine: Registry, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite knows no roles.")
    machine.office.work()
    done = CliRunner().invoke(app, ["backup", "one.tar"])
    assert done.exit_code == Ends.REFUSED
    assert "does not see every organisation's rows" in " ".join(done.output.split())
    assert not Path("one.tar").exists()


def test_the_doctor_finds_a_healthy_register_healthy(machine: Registry) -> None:
    machine.office.work()
    code, found = told("doctor", "--deep")
    assert [each["words"] for each in found["findings"] if each["level"] == "failure"] == []
    assert (code, found["agreement"]["agrees"]) == (Ends.OK, True)


def test_the_doctor_misses_the_write_ahead_log_of_sqlite(machine: Registry, tmp_path: Path) -> None:
    # On a file system without shared memory there is none to be had.
    elsewhere = connect(f"sqlite:///file:{tmp_path / 'other.db'}?vfs=unix-none&uri=true")
    found = health._sqlite(replace(machine.ports, database=elsewhere))
    elsewhere.close()
    assert (found.level, "no write-ahead log" in found.words) == ("failure", True)


def test_the_doctor_says_when_nothing_can_be_vouched_for(machine: Registry) -> None:
    machine.office.work()
    keys = Path(os.environ["SIGILLO_KEYS_FOLDER"])
    (keys / VOUCHING).unlink(missing_ok=True)
    (keys / VOUCHING).mkdir(parents=True)
    assert f"{VOUCHING} in" in " ".join(said("doctor")[1].split())
    (keys / VOUCHING).rmdir()
    assert f"{VOUCHING} in" not in " ".join(said("doctor")[1].split())


def test_the_doctor_misses_the_key_that_secrets_of_webhooks_are_sealed_under(machine: Registry) -> None:
    office = machine.office
    with office.ports.database.writing(office.organisation_id) as session:
        session.add(
            WebhookEndpoint(
                id="whk_1",
                organisation_id=office.organisation_id,
                url="https://example.org/",
                description="",
                types=[],
                secret=b"sealed",
                created_by="per_1",
                created_at=office.now,
                seen=0,
            )
        )
    code, words = said("doctor")
    assert (code, "webhooks.key.pem is not in" in " ".join(words.split())) == (Ends.REFUSED, True), words
    FolderVault(Path(os.environ["SIGILLO_KEYS_FOLDER"])).seal(b"a secret", "whk_1")
    assert "webhooks.key.pem is not in" not in " ".join(said("doctor")[1].split())


def test_the_doctor_says_when_no_worker_runs(machine: Registry) -> None:
    at = machine.office.now - timedelta(minutes=5)
    with machine.ports.database.writing() as session:
        messages.leave(session, "x", {}, organisation_id=machine.office.organisation_id, at=at)
    code, words = said("doctor")
    assert code == Ends.REFUSED
    assert "no worker runs" in words
