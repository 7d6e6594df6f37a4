"""The whole way of issuing through a real token: away, with a wrong PIN, and back again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.adapters.ceremony import Ceremony, OnThisToken
from app.adapters.keys import FileKeys
from app.credentials import intending, issuing
from app.credentials.errors import DevelopmentKey
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.main import create_app
from app.ports import KeyNotUsable, Ports, Slot
from app.status.errors import SigningFailed
from tests import make
from tests.adapters.pki import Pki
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.softhsm import LABEL, Token, token_in

BODY_PASSPHRASE = b"correct horse"
YEAR = timedelta(days=365)


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What is about keys is tried beside one database."""
    return database_url


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    return token_in(tmp_path / "softhsm", monkeypatch)


@pytest.fixture
def ring(token: Token, tmp_path: Path, clock: SetClock) -> FileKeys:
    """A body's keys: an RSA seal on the token, the others certified in its own name."""
    folder = tmp_path / "keys"
    signer = FileKeys(folder, at=clock.at, passphrase=BODY_PASSPHRASE, tokens=token.owner())
    hands = Ceremony(folder, passphrase=BODY_PASSPHRASE, tokens=token.owner())
    pki = Pki.made(clock.at)
    waiting = hands.prepare(Slot.SEAL, kind="rsa", on=OnThisToken(LABEL, "seal"))
    hands.adopt(Slot.SEAL, pki.answer(hands.request(waiting, pki.body, "Seal")), [pki.root], at=clock.at)
    for slot in (Slot.STATUS, Slot.QR):
        hands.certify_here(slot, pki.body, clock.at)
    return signer


@pytest.fixture
def office(ports: Ports, ring: FileKeys) -> Office:
    """A live registry without a seal for Europe, which it does not need."""
    office = Office.opened(replace(ports, signer=ring))
    office.go_live()
    return office


def test_a_live_body_issues_under_a_seal_that_never_leaves_its_token(office: Office) -> None:
    credential = office.issue()
    document = office.document(credential)
    assert open_compact(document.token).header.alg == "RS256"
    stranger = make.caller(create_app(office.ports))
    for form in (Format.VC_JWT, Format.QR):
        given = {"credential": office.document(credential, form).token}
        report = stranger.post("/v1/verifications", json=given).json()
        assert report["result"] == "valid", report


def test_while_the_token_is_away_nothing_is_issued_and_nothing_is_lost(
    office: Office, token: Token, clock: SetClock
) -> None:
    stranger = make.caller(create_app(office.ports))
    office.issue()
    decision = office.decision()
    token.pull()
    with pytest.raises(SigningFailed, match="Nothing is lost") as failed:
        office.issue(decision)
    credential_id = str(failed.value.facts["credential"])
    assert stranger.get("/.well-known/jwks.json").status_code == 200  # what is public needs no token
    clock.move(intending.LEASE)
    office.work()
    assert office.credential(credential_id).issued_at is None
    token.put_back()
    clock.move(timedelta(minutes=10))
    office.work()
    assert office.credential(credential_id).issued_at == clock.now()
    assert len(office.credential(credential_id).periods[-1].documents) == len(intending.MADE_TOGETHER)
    assert office.intents() == []


def test_with_a_wrong_pin_nothing_is_issued_until_it_is_set_right(
    office: Office, token: Token, clock: SetClock
) -> None:
    decision = office.decision()
    token.owner("111111")
    with pytest.raises(SigningFailed) as failed:
        office.issue(decision)
    assert "111111" not in failed.value.detail
    token.owner()  # as a start with the right one does
    clock.move(timedelta(minutes=10))
    office.work()
    assert office.credential(str(failed.value.facts["credential"])).issued_at == clock.now()


def test_an_expired_certificate_seals_nothing_and_what_waits_is_sealed_by_the_next_key(
    office: Office, token: Token, clock: SetClock, tmp_path: Path
) -> None:
    waiting_decision, later = office.decision(), office.decision()
    token.pull()
    with pytest.raises(SigningFailed) as failed:
        office.issue(waiting_decision)
    token.put_back()
    clock.move(YEAR + timedelta(days=1))
    before = len(office.intents())
    with pytest.raises(KeyNotUsable, match="certificate of the key for seal ended on 2027-11-20"):
        office.issue(later)
    assert len(office.intents()) == before
    office.work()
    credential_id = str(failed.value.facts["credential"])
    assert office.credential(credential_id).issued_at is None
    hands = Ceremony(tmp_path / "keys", passphrase=BODY_PASSPHRASE, tokens=token.owner())
    pki = Pki.made(clock.at)
    key = hands.prepare(Slot.SEAL, kind="p256", on=OnThisToken(LABEL, "next"))
    hands.adopt(Slot.SEAL, pki.answer(hands.request(key, pki.body, "Seal")), [pki.root], at=clock.at)
    clock.move(timedelta(minutes=30))
    office.work()
    document = office.document(office.credential(credential_id))
    assert document.key_thumbprint == office.ports.signer.current(Slot.SEAL).thumbprint
    assert office.issue(later).issued_at is not None


def test_a_clock_that_runs_backwards_issues_nothing_until_it_is_right(
    office: Office, token: Token, clock: SetClock
) -> None:
    first, second = office.decision(), office.decision()
    token.pull()
    with pytest.raises(SigningFailed) as failed:
        office.issue(first)
    token.put_back()
    right = clock.at
    clock.move(-timedelta(hours=1))
    intent = office.intents()[0]
    with pytest.raises(SigningFailed, match="has gone back"):
        issuing.finish(office.ports, intent.organisation_id, intent.id, at=clock.at)
    with pytest.raises(SigningFailed, match="when the decision was published"):
        office.issue(second)
    clock.move(right - clock.at + timedelta(minutes=10))
    office.work()
    assert office.credential(str(failed.value.facts["credential"])).issued_at == clock.now()
    assert office.issue(second).issued_at == clock.now()


def test_without_a_key_for_qr_codes_what_was_intended_is_still_sealed(
    office: Office, token: Token, ring: FileKeys, clock: SetClock, tmp_path: Path
) -> None:
    decision = office.decision()
    token.pull()
    with pytest.raises(SigningFailed) as failed:
        office.issue(decision)
    token.put_back()
    hands = Ceremony(tmp_path / "keys", passphrase=BODY_PASSPHRASE, tokens=token.owner())
    hands.compromise(ring.current(Slot.QR).thumbprint, since=clock.at, at=clock.at)
    clock.move(timedelta(minutes=10))
    office.work()
    credential = office.credential(str(failed.value.facts["credential"]))
    assert [each.format for each in credential.periods[-1].documents] == [Format.VC_JWT]
    with pytest.raises(KeyNotUsable, match="There is no current key for qr"):
        office.issue(office.decision())
    hands.certify_here(Slot.QR, Pki.made(clock.at).body, clock.at)
    clock.move(timedelta(hours=1))
    office.work()
    assert office.intents() == []


def test_a_new_installation_that_is_live_refuses_to_sign_with_keys_for_trying_things(
    ports: Ports, tmp_path: Path, clock: SetClock
) -> None:
    office = Office.opened(replace(ports, signer=FileKeys(tmp_path / "new", at=clock.at)))
    decision = office.decision()
    office.go_live()
    with pytest.raises(DevelopmentKey) as refused:
        office.issue(decision)
    assert refused.value.facts == {"slots": ["seal", "status", "qr"]}
