"""What was issued while a body was trying things out says so for good, and nothing more is made of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.credentials import intending
from app.credentials.models import Credential
from app.formats.claims import Format
from app.organisations.models import Mode, Organisation
from app.outbox.trail import Event
from app.ports import Ports, Slot
from app.status.errors import SigningFailed
from tests import make
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.status.failing import FailingKeys


@pytest.fixture
def keys(clock: SetClock) -> FailingKeys:
    """Keys that count, there before the body goes live."""
    return FailingKeys(clock.at, development=False)


@pytest.fixture
def bought(ports: Ports, keys: FailingKeys) -> Office:
    return Office.opened(replace(ports, signer=keys))


@pytest.fixture
def trial(bought: Office) -> Credential:
    """A credential that was issued for trying, of a body that is live by now."""
    issued = bought.issue()
    bought.go_live()
    return issued


ASKED: list[Callable[[Office, str], tuple[int, str]]] = [
    lambda office, name: _answer(office, "GET", f"/v1/credentials/{name}/documents/edc"),
    lambda office, name: _answer(office, "POST", f"/v1/credentials/{name}/documents"),
]


def _answer(office: Office, method: str, address: str) -> tuple[int, str]:
    desk = office.desk()
    answer = desk.get(address) if method == "GET" else desk.post(address, json={"format": "ob+jwt"})
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("asked", ASKED, ids=["an EDC", "a badge"])
def test_a_live_body_seals_nothing_more_of_it(
    bought: Office, trial: Credential, asked: Callable[[Office, str], tuple[int, str]]
) -> None:
    assert asked(bought, trial.id) == (409, "trial-credential")
    assert bought.intents() == []


def test_it_verifies_as_a_trial_whoever_asks(bought: Office, trial: Credential) -> None:
    stranger = make.caller(bought.app())
    token = bought.document(trial).token
    answers = [
        stranger.get(f"/v/{trial.number}.json").json(),
        stranger.post("/v1/verifications", json={"credential": token}).json(),
    ]
    assert {(answer["result"], answer["mode"]) for answer in answers} == {("valid_with_warnings", "test")}
    assert bought.desk().get(f"/v1/credentials/{trial.id}").json()["mode"] == "test"


def test_what_was_made_of_it_before_keeps_its_name(bought: Office) -> None:
    issued = bought.issue()
    address = f"/v1/credentials/{issued.id}/documents/edc"
    named = bought.desk().get(address).headers["content-disposition"]
    bought.go_live()
    assert bought.desk().get(address).headers["content-disposition"] == named
    assert "TEST" in named


def test_what_a_live_body_issues_counts(bought: Office, trial: Credential) -> None:
    real = bought.issue()
    assert (trial.mode, real.mode) == (Mode.TEST, Mode.LIVE)
    assert make.caller(bought.app()).get(f"/v/{real.number}.json").json()["mode"] == "live"


def test_what_was_intended_of_it_and_would_need_a_new_key_is_dropped(
    bought: Office, keys: FailingKeys, clock: SetClock
) -> None:
    keys.down = True
    with pytest.raises(SigningFailed) as failed:
        bought.issue()
    assert len(bought.intents()) == 2
    bought.go_live()
    keys.down = False
    for slot in (Slot.SEAL, Slot.QR):
        MemoryKeys.rotate(keys, slot, clock.at)
    clock.move(intending.LEASE + timedelta(seconds=1))
    bought.work()
    assert bought.intents() == []
    with bought.ports.database.reading(bought.organisation_id) as session:
        told = [event for event in session.query(Event) if event.topic == "issuance.dropped"]
    assert {event.facts["format"] for event in told} == {Format.VC_JWT, Format.QR}
    assert {event.facts["reason"] for event in told} == {"trial-credential"}
    never = bought.credential(str(failed.value.facts["credential"]))
    assert (never.issued_at, never.closed_at) == (None, clock.now()), "it keeps no place for itself"


def test_a_body_that_went_back_to_trying_seals_what_counts_with_keys_that_count(
    bought: Office, trial: Credential, clock: SetClock
) -> None:
    real = bought.issue()
    del trial
    with bought.ports.database.writing(bought.organisation_id) as session:
        session.get_one(Organisation, bought.organisation_id).mode = Mode.TEST
    play = replace(bought, ports=replace(bought.ports, signer=MemoryKeys(clock.at)))
    assert ASKED[1](play, real.id) == (409, "development-key")
