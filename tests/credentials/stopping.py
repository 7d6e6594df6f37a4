"""A worker whose machine stops while it prolongs seals, started for that and never to end well.

    python -m tests.credentials.stopping

It reads a line of JSON for each machine to start (database, authority, anchors, time, step, which one), lets
it live in a process of its own, and answers with how that ended. Its authorities are asked over HTTP, so that
they remember what they were asked by a machine that is no more.
"""

import json
import re
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, event

from app.adapters.revocation import HttpRevocation
from app.adapters.timestamps import HttpTimeStamps
from app.core.db import connect
from app.main import patient_worker
from app.ports import Ports, TimeStamps
from tests.conftest import ports_on
from tests.credentials.crashing import end_of, stop
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys


class Step(StrEnum):
    """Where the machine stops, at the n-th time that it comes by."""

    BEFORE_STAMP = "before a time-stamp is asked for"
    AFTER_STAMP = "after a time-stamp came"
    BEFORE_STORED = "before a step is committed"
    AFTER_STORED = "after a step is committed"


@dataclass
class StoppingStamps:
    """The real time-stamps, on a machine that stops when it uses them."""

    stamps: TimeStamps
    step: Step
    left: int

    def stamp(self, content: bytes) -> bytes:
        self.left -= 1
        if self.left == 0 and self.step is Step.BEFORE_STAMP:
            stop()
        token = self.stamps.stamp(content)
        if self.left == 0 and self.step is Step.AFTER_STAMP:
            stop()
        return token


def stop_at_commit(engine: Engine, step: Step, nth: int) -> None:
    updated = False
    commits = 0

    @event.listens_for(engine, "before_cursor_execute")
    def _executing(*told: object) -> None:
        nonlocal updated
        updated = updated or bool(re.match(r"UPDATE document ", str(told[2])))

    @event.listens_for(engine, "commit")
    def _committing(connection: Connection) -> None:
        del connection
        nonlocal updated, commits
        commits += updated
        if updated and commits == nth and step is Step.BEFORE_STORED:
            stop()
        updated = False

    @event.listens_for(engine, "begin")
    def _beginning(connection: Connection) -> None:
        del connection
        if commits == nth and step is Step.AFTER_STORED:
            stop()


def ports_at(database_url: str, url: str, anchors: tuple[bytes, ...], at: datetime, files: Path) -> Ports:
    """Make the ports of a machine that has just started, and that has authorities."""
    clock = SetClock(at)
    return replace(
        ports_on(connect(database_url), clock, MemoryKeys(at), files),
        time_stamps=HttpTimeStamps(f"{url}/tsa", anchors=anchors, clock=clock),
        revocation=HttpRevocation(anchors=lambda: anchors, clock=clock, origins=[url]),
    )


def main(database_url: str, url: str, anchors: list[str], at: str, step: Step, nth: int) -> None:
    with TemporaryDirectory() as files:
        given = ports_at(
            database_url,
            url,
            tuple(map(bytes.fromhex, anchors)),
            datetime.fromisoformat(at),
            Path(files),
        )
        assert given.time_stamps
        stop_at_commit(given.database.engine, step, nth)
        ports = replace(given, time_stamps=StoppingStamps(given.time_stamps, step, nth))
        patient_worker(ports).drain()


if __name__ == "__main__":
    for line in sys.stdin:
        database_url, url, anchors, at, step, nth = json.loads(line)
        machine = partial(main, database_url, url, anchors, at, Step(step), nth)
        sys.stdout.write(f"{end_of(machine)}\n")
        sys.stdout.flush()
