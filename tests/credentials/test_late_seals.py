"""A European Digital Credential does not tell its status: none is sealed of what stands no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.credentials import intending, issuing
from app.credentials.errors import CredentialNotActive
from app.credentials.models import Credential
from app.formats.claims import Format
from app.outbox.trail import Event
from app.ports import Ports
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.status.failing import FailingKeys

ACTS = {
    "revocation": {"cause": "issued_in_error", "reasons": "Errore."},
    "suspension": {"cause": "own_request", "reasons": "Richiesta."},
}


class Meanwhile(FailingKeys):
    """A signer that takes its time: something happens while it signs."""

    happens: Callable[[], object] | None = None

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        happens, self.happens = self.happens, None
        if happens:
            happens()
        return super().sign(thumbprint, message)


@pytest.fixture
def keys(clock: SetClock) -> Meanwhile:
    return Meanwhile(clock.at)


@pytest.fixture
def office(ports: Ports, keys: Meanwhile) -> Office:
    return Office.opened(replace(ports, signer=keys))


@pytest.fixture
def credential(office: Office) -> Credential:
    return office.issue()


def address(credential: Credential) -> str:
    return f"/v1/credentials/{credential.id}/documents/edc"


def act(office: Office, credential: Credential, name: str) -> None:
    assert office.desk().post(f"/v1/credentials/{credential.id}/{name}", json=ACTS[name]).status_code == 200


def formats(office: Office, credential: Credential) -> set[str]:
    (period,) = office.credential(credential.id).periods
    return {document.format for document in period.documents}


def dropped(office: Office) -> list[tuple[object, object]]:
    with office.ports.database.reading(office.organisation_id) as session:
        return [
            (event.facts["format"], event.facts["reason"])
            for event in session.query(Event)
            if event.topic == "issuance.dropped"
        ]


@pytest.mark.parametrize("name", ACTS)
def test_what_was_intended_before_it_fell_is_dropped_by_the_worker(
    office: Office, keys: Meanwhile, credential: Credential, clock: SetClock, name: str
) -> None:
    keys.down = True
    assert office.desk().get(address(credential)).status_code == 409
    act(office, credential, name)
    keys.down = False
    clock.move(intending.LEASE + timedelta(minutes=1))
    assert office.work() > 0
    assert (office.intents(), dropped(office)) == ([], [("edc", "credential-not-active")])
    assert Format.EDC not in formats(office, credential)


@pytest.mark.parametrize("name", ACTS)
def test_what_is_sealed_while_it_falls_is_thrown_away(
    office: Office, keys: Meanwhile, credential: Credential, name: str
) -> None:
    keys.happens = lambda: act(office, credential, name)
    answer = office.desk().get(address(credential))
    assert (answer.status_code, answer.json()["code"]) == (409, "credential-not-active")
    assert (office.intents(), dropped(office)) == ([], [("edc", "credential-not-active")])
    assert Format.EDC not in formats(office, credential)


def test_whoever_asks_again_is_told_why_and_gets_one_once_it_stands(
    office: Office, keys: Meanwhile, credential: Credential
) -> None:
    keys.down = True
    desk = office.desk()
    assert desk.get(address(credential)).status_code == 409
    act(office, credential, "suspension")
    keys.down = False
    assert desk.get(address(credential)).json()["code"] == "credential-not-active"
    again = desk.post(f"/v1/credentials/{credential.id}/reinstatement", json={"reasons": "Risolto."})
    assert again.status_code == 200
    assert desk.get(address(credential)).status_code == 200


def test_what_ran_out_before_it_was_sealed_is_dropped(
    office: Office, keys: Meanwhile, credential: Credential, clock: SetClock
) -> None:
    keys.down = True
    assert office.desk().get(address(credential)).status_code == 409
    (intent,) = office.intents()
    clock.move(timedelta(days=1200))
    with pytest.raises(CredentialNotActive):
        issuing.finish(office.ports, office.organisation_id, intent.id, at=clock.at)
    assert office.intents() == []


def test_what_has_a_place_in_a_list_may_come_late_since_its_place_has_told(
    office: Office, keys: Meanwhile, credential: Credential, clock: SetClock
) -> None:
    keys.down = True
    body = {"format": "ob+jwt"}
    made = office.desk().post(f"/v1/credentials/{credential.id}/documents", json=body)
    assert made.json()["code"] == "signing-failed"
    act(office, credential, "revocation")
    keys.down = False
    clock.move(intending.LEASE + timedelta(minutes=1))
    office.work()
    assert (Format.OB_JWT in formats(office, credential), dropped(office)) == (True, [])
