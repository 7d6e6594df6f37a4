"""Backups: the database and the evidence in one archive, which says of itself what is in it.

The keys are not in it: they lie elsewhere, so that whoever finds a backup cannot sign with it.
"""

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final
from urllib.parse import quote

from sqlalchemy import URL, inspect, text

from app.adapters.files import FolderFiles
from app.core.db import Database, connect
from app.upkeep import agreement
from app.upkeep.mark import Seen

KIND: Final = "sigillo-backup"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
DATABASES: Final[Mapping[str, str]] = {"sqlite": "database.sqlite", "postgresql": "database.pgdump"}
MOST_OF_MANIFEST: Final = 64 * 1024 * 1024
CHUNK: Final = 1024 * 1024
LONGEST_FILE: Final = 2**40
OF_OWNER: Final = re.compile(r"\d+; \d+ \d+ POLICY \S+ \S+ everyone ")  # a line of what is in a dump
Tick = Callable[[str, int, int], object]


class CopyRefused(Exception):
    """The backup cannot be made or brought back. The words say why, and nothing was changed."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: its database's kind, form and last change, and the hash of everything in it."""

    database: str
    revision: str
    change: int
    organisations: tuple[str, ...]
    made_at: str
    missing: tuple[str, ...]  # evidence that was named and not there when the backup was made
    content: Mapping[str, str]  # name in the archive to SHA-256

    @property
    def seen(self) -> Seen:
        return Seen(self.change, frozenset(self.organisations))


def back_up(
    database: Database, url: URL, files: FolderFiles, target: Path, *, at: datetime, tick: Tick
) -> Manifest:
    """Write a backup, while the service goes on; `url` is of a role that reads every row.

    First the database, as it is at one instant, then the evidence, which never changes once it is stored. The
    file comes to be under its name once it is whole and on disk; raises `CopyRefused` where it is there
    already.
    """
    if target.exists():
        raise CopyRefused(f"{target} is there already. A backup never writes over another.")
    kind = url.get_backend_name()
    made = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    content: dict[str, str] = {}
    try:
        with TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
            copy = Path(folder, DATABASES[kind])
            tick("database", 0, 1)
            # Before and after: what the backup holds is never less than it says, and no file is left out.
            seen, revision, named = _read(database)
            _dump(url, copy)
            named |= _read(database)[2]
            tick("database", 1, 1)
            with _new(made) as out, tarfile.open(fileobj=out, mode="w|") as archive:
                content[copy.name] = _add(archive, copy.name, copy)
                copy.unlink()
                missing = list(_add_files(archive, files, sorted(named), content, tick))
                manifest = Manifest(
                    database=kind,
                    revision=revision,
                    change=seen.change,
                    organisations=tuple(sorted(seen.organisations)),
                    made_at=at.isoformat(timespec="seconds"),
                    missing=tuple(missing),
                    content=content,
                )
                written = {"kind": KIND, "version": VERSION, **asdict(manifest)}
                _add_bytes(archive, MANIFEST, json.dumps(written, indent=1).encode())
        with made.open("rb") as whole:
            os.fsync(whole.fileno())
        os.link(made, target)  # where another came to be meanwhile, this fails and takes nothing away
    except FileExistsError:
        raise CopyRefused(f"{target} is there already. A backup never writes over another.") from None
    finally:
        made.unlink(missing_ok=True)
    return manifest


def _new(path: Path) -> IO[bytes]:
    """Open a file that is there for nobody else, and was not there before."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _dump(url: URL, target: Path) -> None:
    if url.get_backend_name() == "sqlite":
        source = f"file:{quote(str(url.database))}?mode=ro"
        with closing(sqlite3.connect(source, uri=True, isolation_level=None, timeout=30)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        target.chmod(0o600)
        return
    _require_everything(url)
    with _new(target) as out:
        _run(
            "pg_dump", "--format=custom", "--no-owner", "--no-acl", "--enable-row-security", url=url, out=out
        )


def _require_everything(url: URL) -> None:
    """Refuse a role that sees no organisation's rows but by name: half a backup would be none."""
    with _opened(url) as database, database.engine.connect() as connection:
        connection.exec_driver_sql("SET sigillo.everyone = 'on'")
        heads, organisations = connection.execute(
            text("SELECT (SELECT count(*) FROM event_head), (SELECT count(*) FROM organisation)")
        ).one()
    if heads != organisations:
        raise CopyRefused(
            "This role does not see every organisation's rows: database_owner_url has to name the one that "
            "owns the tables."
        )


def _run(program: str, *arguments: str, url: URL, out: IO[bytes] | None = None) -> None:
    """Run a program of PostgreSQL; the password goes by its environment, which no list of processes shows."""
    found = shutil.which(program) or next(
        (str(each) for each in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)),
        None,
    )
    if found is None:
        raise CopyRefused(f"`{program}` is needed, which comes with PostgreSQL's client.")
    given = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": str(url.port) if url.port else url.query.get("port"),
        "PGUSER": url.username or url.query.get("user"),
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGOPTIONS": "-c sigillo.everyone=on",  # what the owner says to go past row-level security
        "PGSSLMODE": url.query.get("sslmode"),
        "PGSSLROOTCERT": url.query.get("sslrootcert"),
    }
    environment = {**os.environ, **{name: str(value) for name, value in given.items() if value}}
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, and nothing from outside
        [found, *arguments], env=environment, stdout=out, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CopyRefused(f"{program}: {said[0] if said else done.returncode}")


def _read(database: Database) -> tuple[Seen, str, set[str]]:
    with database.reading() as session:
        seen = Seen.of(session)
        revision: str = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    named: set[str] = set()
    for organisation_id in sorted(seen.organisations):
        with database.reading(organisation_id) as session:
            named.update(agreement.files_named(session))
    return seen, revision, named


def _add(archive: tarfile.TarFile, name: str, path: Path) -> str:
    with path.open("rb") as source:
        return _add_stream(archive, name, source, path.stat().st_size)


def _add_stream(archive: tarfile.TarFile, name: str, source: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()

    class Hashed:
        def read(self, count: int) -> bytes:
            piece = source.read(count)
            digest.update(piece)
            return piece

    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    archive.addfile(entry, Hashed())  # type: ignore[arg-type] # all that is asked of it is `read`
    return digest.hexdigest()


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    _add_stream(archive, name, io.BytesIO(content), len(content))


def _add_files(
    archive: tarfile.TarFile, files: FolderFiles, named: list[str], content: dict[str, str], tick: Tick
) -> Iterator[str]:
    for count, sha256 in enumerate(named, 1):
        path = files.path_of(sha256)
        try:
            found = _add(archive, f"files/{sha256}", path)
        except FileNotFoundError:
            yield sha256
            continue
        if found != sha256:
            raise CopyRefused(f"The file {sha256} does not hold the bytes that it is named after.")
        content[f"files/{sha256}"] = found
        tick("files", count, len(named))


def examined(archive: Path, *, tick: Tick) -> Manifest:
    """Read a backup to its end, and give what it says of itself; raise `CopyRefused` if that is not so."""
    hashes: dict[str, str] = {}
    manifest: Manifest | None = None
    try:
        size = archive.stat().st_size
        with archive.open("rb") as source, tarfile.open(fileobj=source, mode="r|") as opened:
            for entry in opened:
                if not entry.isfile() or manifest is not None:
                    raise CopyRefused(f"{archive} holds what no backup holds: {entry.name!r}.")
                stream = opened.extractfile(entry)
                assert stream is not None  # noqa: S101 - it is a file
                if entry.name == MANIFEST:
                    if entry.size > MOST_OF_MANIFEST:
                        raise CopyRefused(f"{archive} is no backup of Sigillo.")
                    manifest = _manifest(stream.read(), archive)
                    continue
                hashes[entry.name] = _digest(stream)
                tick("backup", source.tell(), size)
    except (tarfile.TarError, EOFError) as broken:
        raise CopyRefused(f"{archive} cannot be read: {broken}.") from None
    except OSError as error:
        raise CopyRefused(f"{archive} cannot be read: {error.strerror}.") from None
    if manifest is None:
        raise CopyRefused(f"{archive} is cut off: what says what is in it stands at its end.")
    if hashes != manifest.content or DATABASES.get(manifest.database) not in hashes:
        raise CopyRefused(f"{archive} does not hold what it says it holds. It was changed, or is damaged.")
    return manifest


def _manifest(content: bytes, archive: Path) -> Manifest:
    try:
        found = json.loads(content)
        if (found.pop("kind"), found.pop("version")) != (KIND, VERSION):
            raise CopyRefused(f"{archive} is of a form that this version does not read.")
        made = Manifest(**found)
        return Manifest(
            **{
                **found,
                "organisations": tuple(map(str, made.organisations)),
                "missing": tuple(map(str, made.missing)),
                "change": int(made.change),
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CopyRefused(f"{archive} is no backup of Sigillo.") from None


def _digest(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def bring_back(archive: Path, manifest: Manifest, url: URL, files: FolderFiles, *, tick: Tick) -> None:
    """Bring a backup that was `examined` into an empty place.

    The evidence first, so that no row ever names a file that is not there, then the database. Raises
    `CopyRefused` where there is a register already, or one of the other kind is wanted.
    """
    kind = url.get_backend_name()
    if kind != manifest.database:
        raise CopyRefused(f"The backup is of {manifest.database}; database_url says {kind}.")
    require_empty(url)
    with TemporaryDirectory(dir=files.folder, prefix="restore-") as folder:
        dump = Path(folder, DATABASES[kind])
        with archive.open("rb") as source, tarfile.open(fileobj=source, mode="r|") as opened:
            for count, entry in enumerate(opened):
                stream = opened.extractfile(entry)
                assert stream is not None  # noqa: S101 - `examined` saw that it is a file
                if entry.name == dump.name:
                    _save(stream, dump, manifest.content[entry.name])
                elif entry.name in manifest.content:
                    _keep(files, stream, manifest.content[entry.name])
                tick("files", count, len(manifest.content))
        _load(kind, dump, url)


def _keep(files: FolderFiles, stream: IO[bytes], sha256: str) -> None:
    stored = files.store(stream, LONGEST_FILE)  # type: ignore[arg-type] # it only reads
    if stored.sha256 != sha256:
        raise CopyRefused("The backup changed while it was read. Nothing was brought back.")


def _save(stream: IO[bytes], target: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with _new(target) as out:
        while piece := stream.read(CHUNK):
            digest.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != sha256:
        raise CopyRefused("The backup changed while it was read. Nothing was brought back.")


def _load(kind: str, dump: Path, url: URL) -> None:
    if kind == "sqlite":
        target = Path(url.database or "")
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            shutil.copyfile(dump, beside)
            beside.chmod(0o600)
            with beside.open("rb") as whole:
                os.fsync(whole.fileno())
            os.link(beside, target)
        except FileExistsError:
            raise CopyRefused(f"There is a register at {target} already.") from None
        finally:
            beside.unlink(missing_ok=True)
        return
    # But for the policies that name the role that owned the tables there: `sigillo migrate` makes them anew.
    listed = dump.with_name("content.list")
    with _new(listed) as out:
        _run("pg_restore", "--list", str(dump), url=url, out=out)
    entries = listed.read_text(encoding="utf-8").splitlines(keepends=True)
    listed.write_text("".join(each for each in entries if not OF_OWNER.match(each)), encoding="utf-8")
    _run(
        "pg_restore",
        f"--use-list={listed}",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-acl",
        f"--dbname={url.database}",
        str(dump),
        url=url,
    )


def require_empty(url: URL) -> None:
    """Raise `CopyRefused` where there is a register already: nothing is ever written over one."""
    if url.get_backend_name() == "sqlite":
        if Path(url.database or "").exists():
            raise CopyRefused(
                f"There is a register at {url.database} already. Move it away first, with its -wal and -shm."
            )
        return
    with _opened(url) as database:
        if inspect(database.engine).get_table_names():
            raise CopyRefused(
                f"The database {url.database} is not empty. Create a new one and name that in database_url."
            )


@contextmanager
def _opened(url: URL) -> Iterator[Database]:
    database = connect(url.render_as_string(hide_password=False), pool=1)
    try:
        yield database
    finally:
        database.close()
