"""The machine stops between parts of a batch and inside one: each accepted row is done once all the same."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from app.batches.models import BatchPart, BatchRow
from app.credentials.models import Credential, Document, Intent, Period
from app.decisions.models import Decision
from app.main import batch_worker, worker
from app.organisations.models import Membership
from app.outbox import messages, trail
from app.ports import Ports
from tests.batches.desk import Desk, decision
from tests.batches.stopping import Step
from tests.credentials.crashing import ports_at
from tests.fakes import SetClock

ROOT = Path(__file__).parents[2]
ROWS = 5
IN_A_PART = 2


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Ports:
    """A machine whose keys and database outlive it."""
    return ports_at(database_url, tmp_path / "keys")


@pytest.fixture(scope="module")
def power() -> Iterator[subprocess.Popen[str]]:
    """Where machines are started from, and how they end is told."""
    command = [sys.executable, "-m", "tests.batches.stopping"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started


def in_small_parts(desk: Desk, batch: str) -> None:
    """Cut a batch into parts of two rows."""
    with desk.ports.database.writing(desk.organisation_id) as session:
        (part,) = session.scalars(select(BatchPart)).all()
        lines = part.rows.splitlines(keepends=True)
        session.execute(delete(BatchPart))
        session.expunge_all()
        for first in range(0, len(lines), IN_A_PART):
            rows = "".join(lines[first : first + IN_A_PART])
            session.add(
                BatchPart(batch_id=batch, first=first, organisation_id=desk.organisation_id, rows=rows)
            )


@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name.lower())
def test_a_worker_that_is_killed_leaves_every_row_to_be_done_once(
    machine: Ports, power: subprocess.Popen[str], database_url: str, tmp_path: Path, step: Step
) -> None:
    desk = Desk.opened(machine)
    batch = desk.sent("decisions", [decision(number) for number in range(ROWS)], minutes=desk.recorded())
    in_small_parts(desk, batch)
    assert power.stdin
    assert power.stdout
    power.stdin.write(json.dumps([step.value, 2, database_url, str(tmp_path / "keys")]) + "\n")
    power.stdin.flush()
    assert int(power.stdout.readline()) == -signal.SIGKILL
    machine.database.close()

    fresh = ports_at(database_url, tmp_path / "keys")
    assert isinstance(fresh.clock, SetClock)
    fresh.clock.move(messages.LEASE + timedelta(seconds=1))
    batch_worker(fresh).drain()
    worker(fresh).drain()
    again = Desk(fresh, desk.organisation_id, desk.keys, desk.actors)
    ended = again.batch(batch)
    assert (ended["state"], ended["counts"]) == (
        "done",
        {"queued": 0, "ok": ROWS, "failed": 0, "skipped": 0},
    )
    results = again.results(batch)
    with fresh.database.reading(desk.organisation_id) as session:
        assert len(session.scalars(select(Membership).where(Membership.number.like("S-%"))).all()) == ROWS
        decisions = {row.id for row in session.scalars(select(Decision))}
        grounds = {
            row.decision_id: row.credential_id for row in session.scalars(select(Period).order_by(Period.id))
        }
        assert {row["decision"]: row["credential"] for row in results} == grounds
        assert decisions == grounds.keys()
        assert len(decisions) == len(session.scalars(select(Credential)).all()) == ROWS
        assert len(session.scalars(select(Document)).all()) == 2 * ROWS
        assert not session.scalars(select(Intent)).all()
        assert not session.scalars(select(BatchPart)).all()
        assert len(session.scalars(select(BatchRow)).all()) == ROWS
        assert trail.verify(session, desk.organisation_id).findings == ()
    fresh.database.close()
