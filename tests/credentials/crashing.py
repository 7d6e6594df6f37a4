"""A service whose machine stops at one step of the issuing order, started for that and never to end well.

    python -m tests.credentials.crashing

It reads a line of JSON for each machine to start (step, database, keys, organisation, decisions), lets it
live in a process of its own, and answers with how that ended: one start of Python serves for all.

Nothing of the service is changed for it: commits are counted where SQLAlchemy tells of them, and the signer
is a port like any other.
"""

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Never

from sqlalchemy import Connection, Engine, event

from app.adapters.files import FolderFiles
from app.adapters.keys import FileKeys
from app.adapters.scanner import NoScanner
from app.adapters.vault import Macs
from app.core.db import connect
from app.credentials import issuing
from app.organisations.rules import Actor, Permission
from app.ports import Ports, PublicKey, Signer, Slot
from app.settings import Settings
from tests.fakes import SetClock
from tests.fakes_mail import MemoryMailer
from tests.fakes_outbound import Nowhere

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
REGISTRAR = "per_00000000000000000000000000"


class Step(StrEnum):
    """Where the machine stops."""

    BEFORE_INTENT = "before the intent is committed"
    AFTER_INTENT = "after the intent is committed"
    BEFORE_LIST = "before the list is published"
    AFTER_LIST = "after the list is published"
    BEFORE_SIGNATURE = "before the signature"
    AFTER_SIGNATURE = "after the signature"
    BEFORE_QR_SIGNATURE = "before the signature of the QR code"
    AFTER_QR_SIGNATURE = "after the signature of the QR code"
    BEFORE_DOCUMENT = "before the document is committed"
    AFTER_DOCUMENT = "after the document is committed"


# Which row a commit is known by, and where the machine stops when it comes by.
BEFORE_COMMIT = {
    Step.BEFORE_INTENT: "intent",
    Step.BEFORE_LIST: "published_list",
    Step.BEFORE_DOCUMENT: "document",
}
AFTER_COMMIT = {Step.AFTER_INTENT: "intent", Step.AFTER_LIST: "published_list"}
SIGNATURES = {
    Slot.SEAL: (Step.BEFORE_SIGNATURE, Step.AFTER_SIGNATURE),
    Slot.QR: (Step.BEFORE_QR_SIGNATURE, Step.AFTER_QR_SIGNATURE),
}


def stop() -> Never:
    """Stop as a machine does that lost its power: no handler, no clean-up, no farewell."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def stop_at_commit(engine: Engine, step: Step) -> None:
    written: set[str] = set()
    committed: set[str] = set()

    @event.listens_for(engine, "before_cursor_execute")
    def _executing(*told: object) -> None:
        if named := re.match(r"INSERT INTO (\w+)", str(told[2])):
            written.add(named[1])

    @event.listens_for(engine, "commit")
    def _committing(connection: Connection) -> None:
        del connection
        if BEFORE_COMMIT.get(step) in written:
            stop()
        committed.update(written)
        written.clear()

    @event.listens_for(engine, "begin")
    def _beginning(connection: Connection) -> None:
        del connection
        if AFTER_COMMIT.get(step) in committed:
            stop()


@dataclass(slots=True)
class StoppingSigner:
    """The real signer, on a machine that stops when a key is used."""

    signer: Signer
    step: Step
    left: int  # so many times it lets pass: of many signatures, it is one in the middle

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        return self.signer.current(slot, body)

    def published(self) -> tuple[PublicKey, ...]:
        return self.signer.published()

    def anchors(self) -> tuple[bytes, ...]:
        return self.signer.anchors()

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        before, after = next(
            (
                steps
                for slot, steps in SIGNATURES.items()
                if thumbprint == self.signer.current(slot).thumbprint
            ),
            (None, None),
        )
        if self.step in {before, after}:
            self.left -= 1
        if self.step is before and self.left < 0:
            stop()
        signature = self.signer.sign(thumbprint, message)
        if self.step is after and self.left < 0:
            stop()
        return signature


def ports_at(database_url: str, keys: Path) -> Ports:
    """Make the ports of a machine that has just started."""
    return Ports(
        settings=Settings(
            public_url="https://sigillo.example.org",
            worker=False,
            lookups_per_minute=1_000_000,
            requests_per_minute=1_000_000,
        ),
        database=connect(database_url),
        clock=SetClock(AT),
        signer=FileKeys(keys, at=AT),
        files=FolderFiles(keys.parent / "files"),
        scanner=NoScanner(),
        mailer=MemoryMailer(SetClock(AT)),
        outbound=Nowhere(),
        vouching=Macs(b"a key for tests"),
    )


def main(step: Step, database_url: str, keys: Path, organisation_id: str, *decisions: str) -> None:
    given = ports_at(database_url, keys)
    ports = Ports(
        settings=given.settings,
        database=given.database,
        clock=given.clock,
        signer=StoppingSigner(given.signer, step, len(decisions) // 2),
        files=given.files,
        scanner=given.scanner,
        mailer=given.mailer,
        outbound=given.outbound,
        vouching=given.vouching,
    )
    stop_at_commit(ports.database.engine, step)
    registrar = Actor(
        REGISTRAR, organisation_id, frozenset(), frozenset({Permission.CREDENTIALS_ISSUE}), is_person=True
    )
    if len(decisions) == 1:
        issuing.issue(ports, decisions[0], by=registrar, at=AT)
    else:
        issuing.issue_many(ports, decisions, by=registrar, at=AT)
    stop()


def end_of(started: Callable[[], object]) -> int:
    """Let a process of its own run this, and tell how it ended: minus the signal, or an exit code."""
    child = os.fork()
    if child == 0:
        try:
            started()
        finally:  # the child must never go on as its parent
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        step, database_url, keys, organisation_id, *decisions = json.loads(line)
        machine = partial(main, Step(step), database_url, Path(keys), organisation_id, *decisions)
        sys.stdout.write(f"{end_of(machine)}\n")
        sys.stdout.flush()
