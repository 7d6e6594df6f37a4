"""A PostgreSQL server of our own, made for one run of the tests and gone with it."""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from app.core.db import Database, connect

DEBIAN: Final = Path("/usr/lib/postgresql")
NEEDED: Final = ("initdb", "pg_ctl", "postgres")
SUPERUSER: Final = "postgres"
OWNER: Final = "sigillo_owner"  # migrates
RUNTIME: Final = "sigillo"  # serves, and is what tests connect as
PORT: Final = 5432  # names the socket only: no TCP port is opened

LOOKING_PAST: Final = "-c sigillo.everyone=on"  # what the owner says to see every organisation's rows

# Nothing here outlives the run, so nothing waits for a disk.
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "''",
    "port": str(PORT),
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "autovacuum": "off",
    "log_min_messages": "warning",
    "timezone": "'UTC'",
}

# What a server has that is stopped at once and comes back with all that it confirmed.
DURABLE: Final[Mapping[str, str]] = {
    **SETTINGS,
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
}

# Copying a database is making three hundred files: in memory it takes a sixth of the time.
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only the parent of a folder with a name of its own
ROOM: Final = 2_000_000_000


@contextmanager
def as_owner(database: Database) -> Iterator[Database]:
    """Open a database as the owner of its tables, past the wall: to tamper with it, or to see what it is."""
    if database.engine.dialect.name == "sqlite":
        yield database
        return
    url = database.engine.url.update_query_dict({"user": OWNER, "options": LOOKING_PAST})
    opened = connect(url.render_as_string(hide_password=False), pool=1)
    try:
        yield opened
    finally:
        opened.close()


class ServerFailedError(RuntimeError):
    """The private server did not do as it was told; the message is its own words."""


def find_binaries() -> Path | None:
    """Find the folder of the server's programs, on the PATH or where Debian puts them, newest first."""
    on_path = shutil.which("pg_ctl")
    folders = [Path(on_path).resolve().parent] if on_path else []
    versions = [path for path in DEBIAN.glob("*/bin") if path.parent.name.isdigit()]
    folders += sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    return next((folder for folder in folders if all((folder / name).exists() for name in NEEDED)), None)


def binaries_or_skip() -> Path:
    """Give the folder of the server's programs, or skip the test aloud; in CI that is a failure."""
    if found := find_binaries():
        return found
    said = f"PostgreSQL server binaries not found: no {', '.join(NEEDED)} on the PATH or in {DEBIAN}/*/bin."
    if os.environ.get("SIGILLO_REQUIRE_POSTGRES") == "1":
        pytest.fail(f"{said} They are required here.")
    pytest.skip(f"{said} PostgreSQL tests skipped.")


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom the server must run as in our place: nobody else, unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def in_memory() -> Path | None:
    """Find a parent for the server's folder that is in memory, where there is one with room."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return None


class PrivateServer:
    """A server on a Unix socket in a folder of its own; use it in a `with` block, or call `stop`.

    PostgreSQL refuses to run as root, so root starts it as `postgres` or, without that user, as `nobody`.
    """

    def __init__(
        self,
        binaries: Path | None = None,
        *,
        parent: Path | None = None,
        settings: Mapping[str, str] = SETTINGS,
    ) -> None:
        self._binaries = binaries or binaries_or_skip()
        self._parent = parent
        self._settings = settings
        self._user = _unprivileged_user()
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self._folder = folder = Path(tempfile.mkdtemp(prefix="sigillo-pg-", dir=self._parent))
        atexit.register(self.stop)
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        try:
            self._make_cluster(folder / "cluster")
            self.start()
            for role in (OWNER, RUNTIME):
                self._execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, which first puts right what it was stopped in the middle of."""
        self._run("pg_ctl", "start", "--wait", "--silent", "--log", self._running() / "log")

    def stop_at_once(self) -> None:
        """Stop the server as a crash does: it writes nothing more. `start` brings it back."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "--silent")

    def stop(self) -> None:
        """Stop the server at once and remove all that it held. To stop it twice does no harm."""
        folder, self._folder = self._folder, None
        if folder is None:
            return
        atexit.unregister(self.stop)
        if (folder / "cluster" / "postmaster.pid").exists():
            with suppress(ServerFailedError):  # it may have gone by itself since we looked
                self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "--silent", folder=folder)
        shutil.rmtree(folder)

    @property
    def socket_folder(self) -> str:
        """Say where the socket is: what libpq calls the host."""
        return str(self._running())

    def url(self, name: str) -> str:
        """Say where a database of this server is, as SQLAlchemy reads it."""
        return self._url(name, RUNTIME)

    def owner_url(self, name: str) -> str:
        """Say where it is for the role that owns the tables, and may look past the wall between tenants."""
        return f"{self._url(name, OWNER)}&options={quote(LOOKING_PAST)}"

    def superuser_url(self, name: str) -> str:
        """Say where it is for the superuser, whom no policy holds."""
        return self._url(name, SUPERUSER)

    def _url(self, name: str, role: str) -> str:
        return f"postgresql+psycopg:///{name}?host={self.socket_folder}&port={PORT}&user={role}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another one that nobody is connected to; give its URL."""
        statement = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
        if template is not None:
            # Copied as files: nobody waits for a disk here, and twice as fast as through the log.
            statement += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template))
        self._execute(statement)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(
            host=self.socket_folder, port=PORT, user=SUPERUSER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def _running(self) -> Path:
        if self._folder is None:
            raise ServerFailedError("The server is not running: use it inside its `with` block.")
        return self._folder

    def _make_cluster(self, cluster: Path) -> None:
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={SUPERUSER}"
        )
        settings = {**self._settings, "unix_socket_directories": f"'{cluster.parent}'"}
        with (cluster / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def _run(self, program: str, *arguments: str | Path, folder: Path | None = None) -> None:
        at = folder or self._running()
        # The answer goes to a file: a server that inherits a pipe would hold it open for as long as it lives.
        with (at / f"{program}.txt").open("w+", encoding="utf-8") as answer:
            done = subprocess.run(
                [self._binaries / program, *arguments, "-D", at / "cluster"],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.STDOUT,
                cwd=at,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                check=False,
            )
            answer.seek(0)
            said = answer.read()
        if done.returncode:
            log = at / "log"
            raise ServerFailedError(f"{program}: {said}{log.read_text() if log.exists() else ''}")
