"""The machine stops at each step of the issuing order: nothing is lost or doubled, and it resumes."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.credentials import intending, issuing
from app.credentials.errors import CredentialIssuedAlready
from app.credentials.models import Credential, Document, Intent, Period
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.formats.q1 import decode_q1
from app.main import worker
from app.outbox.trail import Event
from app.ports import Ports, Slot
from app.status.models import PublishedList, StatusPosition
from tests import make
from tests.credentials.crashing import AT, Step, ports_at
from tests.credentials.office import Office
from tests.fakes import SetClock

ROOT = Path(__file__).parents[2]
# From here on the issuing will be finished without anybody asking again.
INTENDED = frozenset(Step) - {Step.BEFORE_INTENT}


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Ports:
    """A machine whose keys and database outlive it."""
    return ports_at(database_url, tmp_path / "keys")


@pytest.fixture(scope="module")
def power() -> Iterator[subprocess.Popen[str]]:
    """Where machines are started from, and how they end is told."""
    command = [sys.executable, "-m", "tests.credentials.crashing"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started


def end_of_machine(power: subprocess.Popen[str], *told: str) -> int:
    """Issue on a machine that stops at a step, and give how its process ended."""
    assert power.stdin
    assert power.stdout
    power.stdin.write(json.dumps(told) + "\n")
    power.stdin.flush()
    return int(power.stdout.readline())


@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name.lower())
def test_a_machine_that_stops_loses_nothing_and_doubles_nothing(
    machine: Ports, power: subprocess.Popen[str], database_url: str, tmp_path: Path, step: Step
) -> None:
    office = Office.opened(machine)
    decision = office.decision()
    keys = str(tmp_path / "keys")
    assert (
        end_of_machine(power, step.value, database_url, keys, office.organisation_id, decision)
        == -signal.SIGKILL
    )

    with machine.database.reading(office.organisation_id) as session:
        left = [
            (credential.id, credential.number, credential.subject_id)
            for credential in session.scalars(select(Credential))
        ]
        positions = {
            row.document_id: (row.list_id, row.index) for row in session.scalars(select(StatusPosition))
        }
        documents = {row.format: row.token for row in session.scalars(select(Document))}
        intents = {row.format: row.unsigned for row in session.scalars(select(Intent))}
    assert len(left) == (step in INTENDED)
    assert len(positions) == 2 * (step in INTENDED)
    assert len(documents) == 2 * (step is Step.AFTER_DOCUMENT)
    assert len(intents) == 2 * (step in INTENDED and step is not Step.AFTER_DOCUMENT)
    machine.database.close()

    fresh = ports_at(database_url, tmp_path / "keys")
    assert isinstance(fresh.clock, SetClock)
    fresh.clock.move(intending.LEASE + timedelta(seconds=1))
    worker(fresh).drain()
    again = Office(fresh, office.organisation_id, office.registrar, office.registrar_key)
    if step in INTENDED:
        with pytest.raises(CredentialIssuedAlready):
            again.issue(decision)
    else:
        again.issue(decision)

    with fresh.database.reading(office.organisation_id) as session:
        (credential,) = session.scalars(select(Credential)).all()
        (period,) = session.scalars(select(Period)).all()
        made = {row.format: row for row in session.scalars(select(Document))}
        taken = {row.document_id: (row.list_id, row.index) for row in session.scalars(select(StatusPosition))}
        lists = session.scalars(select(PublishedList)).all()
        told = [event.topic for event in session.scalars(select(Event)) if "credential" in event.about]
        assert session.scalars(select(Intent)).all() == []
    assert left in ([], [(credential.id, credential.number, credential.subject_id)])
    assert positions in ({}, taken)
    assert documents in ({}, {name: document.token for name, document in made.items()})
    assert credential.issued_at is not None
    assert period.decision_id == decision
    assert made.keys() == {Format.VC_JWT, Format.QR}
    assert taken == {document.id: (document.list_id, document.list_index) for document in made.values()}, (
        "each document has one place"
    )
    assert {document.period_id for document in made.values()} == {period.id}
    assert {form.purpose for form in lists} >= {"revocation", "suspension"}
    assert told == ["issuance.intended", "issuance.intended", "credential.issued", "document.issued"]
    token, code = open_compact(made[Format.VC_JWT].token), decode_q1(made[Format.QR].token)
    assert intents in ({}, {Format.VC_JWT: token.signing_input, Format.QR: code.signing_input})
    assert token.verified_by(fresh.signer.current(Slot.SEAL).jwk)
    assert code.verified_by(fresh.signer.current(Slot.QR).jwk)
    assert period.valid_from == AT.date()
    fresh.database.close()


BATCH = 40


def places_of(session: Session) -> dict[str, tuple[int, int]]:
    return {each.document_id: (each.list_id, each.index) for each in session.scalars(select(StatusPosition))}


@pytest.mark.parametrize(
    "step",
    [Step.BEFORE_INTENT, Step.AFTER_INTENT, Step.AFTER_SIGNATURE, Step.BEFORE_DOCUMENT, Step.AFTER_DOCUMENT],
    ids=lambda step: step.name.lower(),
)
def test_a_machine_that_stops_amid_many_loses_none_and_doubles_none(
    machine: Ports, power: subprocess.Popen[str], database_url: str, tmp_path: Path, step: Step
) -> None:
    office = Office.opened(machine)
    decisions = make.granted_decisions(machine.database, office.organisation_id, BATCH, at=AT)
    keys = str(tmp_path / "keys")
    assert (
        end_of_machine(power, step.value, database_url, keys, office.organisation_id, *decisions)
        == -signal.SIGKILL
    )
    with machine.database.reading(office.organisation_id) as session:
        left = {each.id: each.number for each in session.scalars(select(Credential))}
        places = {
            each.document_id: (each.list_id, each.index) for each in session.scalars(select(StatusPosition))
        }
        written = {each.id: each.unsigned for each in session.scalars(select(Intent))}
        stored = {each.id: each.token for each in session.scalars(select(Document))}
    intended = BATCH * (step is not Step.BEFORE_INTENT)
    assert (len(left), len(places)) == (intended, intended)
    assert (len(written), len(stored)) == ((0, BATCH) if step is Step.AFTER_DOCUMENT else (intended, 0))
    machine.database.close()

    fresh = ports_at(database_url, tmp_path / "keys")
    assert isinstance(fresh.clock, SetClock)
    fresh.clock.move(intending.LEASE + timedelta(seconds=1))
    outcomes = issuing.issue_many(fresh, decisions, by=office.registrar, at=fresh.clock.now())
    again = issuing.Issued if step is Step.BEFORE_INTENT else CredentialIssuedAlready
    assert {type(each) for each in outcomes} == {again}
    worker(fresh).drain()
    with fresh.database.reading(office.organisation_id) as session:
        credentials = session.scalars(select(Credential)).all()
        periods = session.scalars(select(Period)).all()
        documents = session.scalars(select(Document)).all()
        taken = {
            each.document_id: (each.list_id, each.index) for each in session.scalars(select(StatusPosition))
        }
        events = [each for each in session.scalars(select(Event)) if each.topic == "credential.issued"]
        assert session.scalars(select(Intent)).all() == []
    assert left.items() <= {each.id: each.number for each in credentials}.items()
    assert len(credentials) == len(events) == BATCH
    assert all(each.issued_at is not None for each in credentials)
    assert sorted(str(each.decision_id) for each in periods) == sorted(decisions)
    assert taken == {each.id: (each.list_id, each.list_index) for each in documents}
    assert places.items() <= taken.items()
    assert len(set(taken.values())) == len(documents) == 2 * BATCH, "each has a seal and a code, with a place"
    seal = fresh.signer.current(Slot.SEAL).jwk
    for each in documents:
        if each.format == Format.VC_JWT:
            token = open_compact(each.token)
            assert token.verified_by(seal)
            assert written.get(each.id, token.signing_input) == token.signing_input
            assert stored.get(each.id, each.token) == each.token
    fresh.database.close()
