"""Many seals brought to B-LTA by workers whose machines stop: none is lost, doubled or paid for twice."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.db import EVERY_ORGANISATION, Database
from app.credentials import prolonging
from app.credentials.models import Document
from app.credentials.prolonging import Progress
from app.formats.jades import Level, read_seal
from app.formats.jades_checks import judge_seal
from app.main import patient_worker
from app.outbox.messages import LEASE, Message
from app.outbox.trail import Event
from app.ports import Ports
from tests.credentials.shelf import filled
from tests.credentials.stopping import Step, ports_at
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.formats.seals import trusted
from tests.pki.serving import Town, town

ROOT = Path(__file__).parents[2]
MANY = 24
A_LITTLE = LEASE + timedelta(seconds=1)
# Each is a step and the how many-th time; every second time-stamp, and every second commit, is of a B-LTA.
STOPS = {
    "stamps": [(Step.BEFORE_STAMP, 3), (Step.AFTER_STAMP, 4), (Step.AFTER_STAMP, 7), (Step.BEFORE_STAMP, 8)],
    "commits": [
        (Step.BEFORE_STORED, 3),
        (Step.AFTER_STORED, 3),
        (Step.BEFORE_STORED, 4),
        (Step.AFTER_STORED, 6),
    ],
}


@pytest.fixture(scope="module")
def there() -> Iterator[Town]:
    with town() as opened:
        yield opened


@pytest.fixture
def authority(there: Town) -> Iterator[Town]:
    there.site.asked.clear()
    answers = dict(there.site.answers)
    yield there
    there.site.answers = answers


@pytest.fixture(scope="module")
def power() -> Iterator[subprocess.Popen[str]]:
    """Where machines are started from, and how they end is told."""
    command = [sys.executable, "-m", "tests.credentials.stopping"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started


@pytest.fixture
def machine(database_url: str, authority: Town, tmp_path: Path) -> Iterator[Ports]:
    made = ports_at(
        database_url, authority.site.url, anchors(authority), authority.pki.at, tmp_path / "files"
    )
    yield made
    made.database.close()


def anchors(authority: Town) -> tuple[bytes, ...]:
    return (*authority.pki.anchors, *authority.pki.stamp_anchors)


def documents(database: Database) -> dict[str, tuple[str | None, str]]:
    chosen = select(Document.id, Document.level, Document.token).where(Document.level.is_not(None))
    return {
        row.id: (row.level, row.token)
        for session in database.everywhere()
        for row in session.execute(chosen, execution_options=EVERY_ORGANISATION)
    }


def stamped(authority: Town) -> int:
    return authority.site.asked.count("/tsa")


def require_whole(ports: Ports, authority: Town, names: list[str]) -> None:
    """All are there, at B-LTA, hold, and came there in two steps of which each was written down once."""
    assert isinstance(ports.clock, SetClock)
    made = documents(ports.database)
    assert sorted(made) == sorted(names)
    for level, token in made.values():
        finding = judge_seal(
            read_seal(token),
            anchors=authority.pki.anchors,
            stamp_anchors=authority.pki.stamp_anchors,
            at=ports.clock.at,
        )
        assert (level, finding.level) == (Level.B_LTA, Level.B_LTA)
        assert (trusted(finding), finding.not_covered, len(finding.stamps)) == (True, (), 2)
    (place,) = ports.database.places()
    with ports.database.reading(place) as session:
        told = session.scalars(
            select(Event).where(Event.topic == "document.prolonged").order_by(Event.id),
            execution_options=EVERY_ORGANISATION,
        )
        steps: dict[str, list[str]] = {}
        for event in told:
            steps.setdefault(str(event.about["document"]), []).append(str(event.facts["level"]))
        left = session.scalars(select(Message), execution_options=EVERY_ORGANISATION).all()
    assert steps == {name: ["B-T", "B-LTA"] for name in names}
    assert sorted(str(message.body["document"]) for message in left) == sorted(names)
    assert prolonging.progress(ports.database, at=ports.clock.at) == Progress(
        {"B-B": 0, "B-T": 0, "B-LTA": len(names)}, 0, 0, {}, {}
    )


@pytest.mark.parametrize("stops", list(STOPS.values()), ids=list(STOPS))
def test_machines_that_stop_on_the_way_lose_and_double_nothing(
    machine: Ports,
    authority: Town,
    power: subprocess.Popen[str],
    database_url: str,
    stops: list[tuple[Step, int]],
) -> None:
    assert isinstance(machine.clock, SetClock)
    assert power.stdin
    assert power.stdout
    names = list(filled(machine, authority.sealer(), MANY))
    prolonging.leave_for_all(machine.database, at=machine.clock.at)
    seen = documents(machine.database)
    lost = 0
    for step, nth in stops:
        machine.database.close()
        told = [
            database_url,
            authority.site.url,
            [each.hex() for each in anchors(authority)],
            machine.clock.at.isoformat(),
            step.value,
            nth,
        ]
        power.stdin.write(json.dumps(told) + "\n")
        power.stdin.flush()
        assert int(power.stdout.readline()) == -signal.SIGKILL
        # What came and was not stored yet is all that can be lost: one time-stamp.
        lost += step in {Step.AFTER_STAMP, Step.BEFORE_STORED}
        found = documents(machine.database)
        for name, (level, token) in found.items():
            assert level == read_seal(token).level, "nothing is stored that is half a step"
            assert level in {Level.B_B, Level.B_T, Level.B_LTA}
            if seen[name][0] == Level.B_LTA:
                assert found[name] == seen[name], "what is finished is touched no more"
            if seen[name][0] == Level.B_T and level == Level.B_LTA:
                assert read_seal(token).etsi_u[0] == read_seal(seen[name][1]).etsi_u[0]
        seen = found
        machine.clock.move(A_LITTLE)
    assert 0 < prolonging.progress(machine.database, at=machine.clock.at).below < MANY
    patient_worker(machine).drain()
    require_whole(machine, authority, names)
    assert stamped(authority) == 2 * MANY + lost


def test_workers_at_once_prolong_each_once(machine: Ports, authority: Town) -> None:
    names = list(filled(machine, authority.sealer(), MANY))
    prolonging.leave_for_all(machine.database, at=machine.clock.now())
    done = at_once(*(patient_worker(machine).drain for _ in range(2)))
    assert sum(each for each in done if isinstance(each, int)) == 2 * MANY, "each step by itself"
    require_whole(machine, authority, names)
    assert stamped(authority) == 2 * MANY


def test_an_authority_for_revocation_that_is_down_costs_one_time_stamp_each(
    machine: Ports, authority: Town
) -> None:
    assert isinstance(machine.clock, SetClock)
    names = list(filled(machine, authority.sealer(), 3))
    prolonging.leave_for_all(machine.database, at=machine.clock.at)
    authority.site.answers |= dict.fromkeys(("/ocsp", "/seals.crl"), lambda _: 503)
    worker = patient_worker(machine)
    for _ in range(12):
        worker.run_once()
        machine.clock.move(timedelta(seconds=20))
    now = prolonging.progress(machine.database, at=machine.clock.at)
    assert (now.levels, now.failed) == ({"B-B": 0, "B-T": 3, "B-LTA": 0}, {"RevocationUnavailable": 3})
    assert stamped(authority) == 3
    del authority.site.answers["/seals.crl"], authority.site.answers["/ocsp"]
    authority.site.answers |= {
        "/ocsp": authority.about,
        "/seals.crl": lambda _: authority.pki.crl(authority.pki.issuing, authority.pki.at),
    }
    prolonging.leave_for_all(machine.database, at=machine.clock.at)
    worker.drain()
    require_whole(machine, authority, names)
    assert stamped(authority) == 6
