"""What `sigillo doctor` looks at: whether the service could do its work now, and what is to be mended."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.adapters import schema
from app.adapters.keycheck import Level, days_left, told_of
from app.adapters.ring import VAULT, VOUCHING, Whose, unlike_register
from app.core.db import EVERY_ORGANISATION
from app.events.models import WebhookEndpoint
from app.organisations import queries as organisations
from app.organisations.models import Mode
from app.outbox.messages import Message
from app.ports import Ports
from app.settings import Settings, only_here
from app.status.models import PublishedList, StatusList
from app.upkeep.mark import RegisterTooOld, Seen, refuse_older

LATE: Final = timedelta(minutes=1)  # so long after it was due, work waits for a worker that is not there
CLOCKS: Final = timedelta(seconds=2)
LEAST_ROOM: Final = 1_000_000_000  # bytes
WARNED_AT: Final = 30  # days


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what to do where something is to be done."""

    about: str
    level: Level
    words: str


def good(about: str, words: str) -> Finding:
    return Finding(about, Level.GOOD, words)


def warning(about: str, words: str) -> Finding:
    return Finding(about, Level.WARNING, words)


def failure(about: str, words: str) -> Finding:
    return Finding(about, Level.FAILURE, words)


def look(ports: Ports) -> Iterator[Finding]:
    """Look at one thing after the other. Nothing is changed, and nobody outside is asked."""
    yield from _database(ports)
    if not schema.is_current(ports.database):
        return
    at = ports.clock.now()
    looks: tuple[Callable[[Session, Ports, datetime], Iterator[Finding]], ...] = (
        _mark,
        _mode,
        _work,
        _lists,
        _ring,
    )
    with ports.database.reading() as session:
        for each in looks:
            yield from each(session, ports, at)
    yield from _keys(ports, at)
    yield from _vouching(ports)
    yield from _webhooks(ports)
    yield from _set_up(ports.settings)


def _database(ports: Ports) -> Iterator[Finding]:
    kind = ports.database.engine.dialect.name
    if not schema.is_current(ports.database):
        yield failure("database", "It is not of this version. Run `sigillo migrate`.")
        return
    if kind == "sqlite":
        yield _sqlite(ports)
        return
    with ports.database.engine.connect() as connection:
        version, now = connection.execute(
            text("SELECT current_setting('server_version'), clock_timestamp()")
        ).one()
        connection.rollback()
    yield good("database", f"PostgreSQL {version}, of this version.")
    for gap in schema.gaps_in_the_wall(ports.database):
        yield warning("tenants", f"The second wall between organisations is missing: {gap}.")
    drift = abs(ports.clock.now() - ports.clock.offset - now)
    if drift > CLOCKS:
        yield failure(
            "clock", f"It differs from the database's by {drift.total_seconds():.0f} s. Set it right."
        )


def _sqlite(ports: Ports) -> Finding:
    """Tell whether it keeps a write-ahead log: without one, readers wait for whoever writes."""
    with ports.database.engine.connect() as connection:
        kept: str = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        connection.rollback()
    if kept == "wal":
        return good("database", "SQLite, of this version; one machine writes it.")
    return failure(
        "database",
        f"SQLite keeps no write-ahead log where the file is (`{kept}`): readers wait for writers. Move it to "
        "a disk of this machine.",
    )


def _mark(session: Session, ports: Ports, at: datetime) -> Iterator[Finding]:
    del at
    folder = ports.settings.keys_folder
    try:
        refuse_older(Seen.of(session), folder)
    except RegisterTooOld as older:
        yield failure("register", str(older))
    except ValueError as broken:
        yield failure("register", f"{broken} It comes from the folder's own backup, or can go where none is.")
    if not os.access(folder, os.W_OK):
        yield warning(
            "register",
            f"{folder} cannot be written to, so nothing keeps in mind what was published. An older backup "
            "could be brought back unseen.",
        )


def _mode(session: Session, ports: Ports, at: datetime) -> Iterator[Finding]:
    del at
    known = organisations.organisations(session)
    live = [each for each in known if each.mode is Mode.LIVE]
    if not known:
        yield warning("register", "There is no organisation yet: `sigillo organisation create`.")
    else:
        yield good("register", f"Organisations: {len(known)}, of them live: {len(live)}.")
    if ports.clock.offset:
        yield warning("clock", f"It is moved by {ports.clock.offset} (SIGILLO_CLOCK_OFFSET).")
    public_url = ports.settings.public_url
    # Letters, OAuth and the API stand at the installation's, whatever host a body has.
    for address in sorted({each for body in live for each in (public_url, body.address(public_url))}):
        if only_here(address):
            yield failure("public_url", f"{address} leads nobody here.")


def _work(session: Session, ports: Ports, at: datetime) -> Iterator[Finding]:
    del ports
    waiting, oldest, failing = session.execute(
        select(
            func.count(),
            func.min(Message.due_at),
            func.count().filter(Message.attempts > 1),
        ).where(Message.done_at.is_(None), Message.due_at <= at),
        execution_options=EVERY_ORGANISATION,
    ).one()
    if waiting and at - oldest > LATE:
        since = int((at - oldest).total_seconds() // 60)
        yield failure(
            "worker",
            f"{waiting} pieces of work wait, the oldest for {since} minutes: no worker runs, or it cannot "
            "keep up. Start `sigillo worker`, or `sigillo serve` with SIGILLO_WORKER=true.",
        )
    else:
        yield good("worker", f"{waiting} pieces of work wait.")
    if failing:
        yield warning("worker", f"{failing} of them failed before and are tried again; the log says why.")


def _lists(session: Session, ports: Ports, at: datetime) -> Iterator[Finding]:
    del session
    asked = (
        select(
            StatusList.id,
            StatusList.version,
            func.min(PublishedList.version),
            func.min(PublishedList.expires_at),
        )
        .join(PublishedList, PublishedList.list_id == StatusList.id)
        .group_by(StatusList.id, StatusList.version)
    )
    rows = [
        row
        for place in ports.database.everywhere()
        for row in place.execute(asked, execution_options=EVERY_ORGANISATION)
    ]
    ended = [list_id for list_id, _, _, expires_at in rows if expires_at <= at]
    behind = [list_id for list_id, version, shown, _ in rows if shown < version]
    if ended:
        yield failure(
            "lists",
            f"{len(ended)} of {len(rows)} status lists have expired: whoever verifies cannot tell whether "
            "anything was revoked. They are signed by a worker, with the key for status lists.",
        )
    elif behind:
        yield warning("lists", f"{len(behind)} of {len(rows)} status lists wait to be published anew.")
    else:
        yield good("lists", f"{len(rows)} status lists, all published as they are.")


def _ring(session: Session, ports: Ports, at: datetime) -> Iterator[Finding]:
    del at
    bodies = dict.fromkeys(
        Whose(id=key.body, issuer_code=key.issuer_code)
        for key in ports.signer.published()
        if key.body is not None and key.issuer_code is not None
    )
    for _, words in unlike_register(bodies, organisations.codes(session)):
        yield failure("keys", words)


def _keys(ports: Ports, at: datetime) -> Iterator[Finding]:
    published = ports.signer.published()
    signs = {(key.slot, key.body) for key in published if key.current}
    for slot, body in dict.fromkeys((key.slot, key.body) for key in published):
        if (slot, body) not in signs:
            place, whose = (f"{slot} of {body}", f" --for {body}") if body else (slot, "")
            yield failure("keys", f"No key signs for {place}: `sigillo keys rotate {slot}{whose}`.")
    for key in published:
        if not key.current:
            continue
        left = days_left(key, at)
        if left < 0:
            yield failure("keys", f"The certificate for {told_of(key)} has ended. See `sigillo keys --help`.")
        elif left <= WARNED_AT and not key.development:
            yield warning("keys", f"The certificate for {told_of(key)} ends in {left} days.")
        else:
            trial = ", for trying only" if key.development else ""
            yield good("keys", f"{told_of(key)}: {left} days left{trial}.")


def _webhooks(ports: Ports) -> Iterator[Finding]:
    """Look for the key under which secrets lie sealed: another one would be made, and open none of them."""
    counted = select(func.count(WebhookEndpoint.id))
    endpoints = sum(
        session.scalar(counted, execution_options=EVERY_ORGANISATION) or 0
        for session in ports.database.everywhere()
    )
    if not endpoints:
        return
    if (ports.settings.keys_folder / VAULT).is_file():
        yield good("webhooks", f"{endpoints} endpoints; their secrets are sealed under {VAULT}.")
    else:
        yield failure(
            "webhooks",
            f"{VAULT} is not in {ports.settings.keys_folder}: {endpoints} endpoints have lost their secrets. "
            "Bring it back from the folder's backup, or rotate each secret.",
        )


def _vouching(ports: Ports) -> Iterator[Finding]:
    if ports.vouching.mac("") is None:
        yield warning(
            "keys",
            f"{VOUCHING} in {ports.settings.keys_folder} cannot be used: each look-up verifies the seal. "
            "Let whoever serves open it; with keys that count, it needs a key_passphrase.",
        )


def _set_up(settings: Settings) -> Iterator[Finding]:
    folders = {"files_folder": settings.files_folder}
    if settings.smtp_url is None:
        yield warning("mail", f"No mail server is set: letters are kept in {settings.mail_folder}.")
        folders["mail_folder"] = settings.mail_folder
    if settings.clamd_socket is None:
        yield warning("evidence", "No scanner is set (clamd_socket): evidence says `unscanned`.")
    elif not settings.clamd_socket.exists():
        yield failure("evidence", f"{settings.clamd_socket} is not there: evidence is refused until it is.")
    for name, folder in folders.items():
        yield from _folder(name, folder)


def _folder(name: str, folder: Path) -> Iterator[Finding]:
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        yield failure(name, f"{folder} cannot be written to.")
        return
    free = shutil.disk_usage(there).free
    words = f"{folder}: {free / 1e9:.1f} GB free."
    yield (good if free >= LEAST_ROOM else failure)(name, words)
