"""A worker whose machine stops while it carries a batch out, started for that and never to end well.

    python -m tests.batches.stopping

It reads a line of JSON for each machine to start (step, which one, database, keys), lets it live in a process
of its own, and answers with how that ended.
"""

import json
import re
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from app.main import batch_worker
from tests.credentials.crashing import end_of, ports_at, stop


class Step(StrEnum):
    """Where the machine stops, at the n-th time that it comes by."""

    BEFORE_TAKEN = "before rows are taken"
    AFTER_TAKEN = "after rows are taken"
    BEFORE_INTENT = "before an intent is committed"
    AFTER_INTENT = "after an intent is committed"
    BEFORE_DOCUMENT = "before a document is committed"
    AFTER_DOCUMENT = "after a document is committed"
    BEFORE_SETTLED = "before results are committed"
    AFTER_SETTLED = "after results are committed"


WRITES = {
    "TAKEN": r"INSERT INTO batch_row",
    "INTENT": r"INSERT INTO intent",
    "DOCUMENT": r"INSERT INTO document",
    "SETTLED": r"UPDATE batch_row",
}


def stop_at_commit(engine: Engine, step: Step, nth: int) -> None:
    when, _, what = step.name.partition("_")
    wrote = False
    commits = 0

    @event.listens_for(engine, "before_cursor_execute")
    def _executing(*told: object) -> None:
        nonlocal wrote
        wrote = wrote or bool(re.match(WRITES[what], str(told[2])))

    @event.listens_for(engine, "commit")
    def _committing(connection: Connection) -> None:
        del connection
        nonlocal wrote, commits
        commits += wrote
        if wrote and commits == nth and when == "BEFORE":
            stop()
        wrote = False

    @event.listens_for(engine, "begin")
    def _beginning(connection: Connection) -> None:
        del connection
        if commits == nth and when == "AFTER":
            stop()


def main(step: Step, nth: int, database_url: str, keys: Path) -> None:
    ports = ports_at(database_url, keys)
    stop_at_commit(ports.database.engine, step, nth)
    batch_worker(ports).drain()


if __name__ == "__main__":
    for line in sys.stdin:
        step, nth, database_url, keys = json.loads(line)
        sys.stdout.write(f"{end_of(partial(main, Step(step), nth, database_url, Path(keys)))}\n")
        sys.stdout.flush()
