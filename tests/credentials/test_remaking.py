"""A key was lost: every document that it signed is made anew, and each credential stays the one it is."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from app.credentials import remaking
from app.credentials.models import Credential, Document
from app.formats.claims import Format
from app.formats.jades import read_seal
from app.formats.jose import open_compact
from app.formats.q1 import link
from app.formats.reading import read_credential
from app.outbox.trail import Event
from app.ports import Ports, Slot
from app.status.models import Standing, StatusPosition
from tests import make
from tests.credentials.office import Office
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.status.failing import FailingKeys

SECOND = timedelta(seconds=1)
HELD = {
    Slot.SEAL: {Format.VC_JWT, Format.OB_JWT},
    Slot.QR: {Format.QR, Format.EDC},
    Slot.EDC_SEAL: {Format.EDC},
}


@pytest.fixture
def keys(clock: SetClock) -> FailingKeys:
    return FailingKeys(clock.at)


@pytest.fixture
def office(ports: Ports, keys: FailingKeys) -> Office:
    return Office.opened(replace(ports, signer=keys))


@pytest.fixture
def credential(office: Office) -> Credential:
    """A credential with a document in every format."""
    issued = office.issue()
    for form in (Format.OB_JWT, Format.EDC):
        asked = office.desk().post(f"/v1/credentials/{issued.id}/documents", json={"format": form})
        assert asked.status_code == 201
    return office.credential(issued.id)


def lose(keys: FailingKeys, clock: SetClock, *slots: Slot, successor: bool = True) -> None:
    clock.move(SECOND)
    for slot in slots:
        keys.compromise(slot, clock.at)
        if successor:
            keys._make(slot, clock.at)
    clock.move(SECOND)


def documents(office: Office, credential: Credential, seq: int = 1) -> dict[str, Document]:
    """The documents that hold, by format."""
    period = office.credential(credential.id).periods[seq - 1]
    return {each.format: each for each in period.documents if each.superseded_at is None}


def standings(office: Office) -> dict[str, Standing]:
    with office.ports.database.reading(office.organisation_id) as session:
        return {row.document_id: row.standing for row in session.query(StatusPosition)}


def told(office: Office, topic: str) -> list[dict[str, Any]]:
    with office.ports.database.reading(office.organisation_id) as session:
        return [{**each.about, **each.facts} for each in session.query(Event) if each.topic == topic]


def remade(office: Office) -> list[str | None]:
    return [each.refused for each in remaking.remake(office.ports)]


@pytest.mark.parametrize("slot", HELD)
def test_all_that_it_signed_is_made_anew_and_nothing_else(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential, slot: Slot
) -> None:
    before = documents(office, credential)
    lose(keys, clock, slot)
    clock.move(timedelta(days=1))
    assert remaking.waiting(office.ports, at=clock.at) > 0
    assert set(remade(office)) == {None}
    assert remaking.waiting(office.ports, at=clock.at) == 0
    after = documents(office, credential)
    assert {form for form in after if after[form].id != before[form].id} == HELD[slot]
    lost = {key.thumbprint for key in keys.published() if key.compromised_at}
    assert not lost & {each.key_thumbprint for each in after.values()}
    assert remade(office) == []


def test_the_credential_stays_the_one_it_is(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    before = read_credential(open_compact(documents(office, credential)["vc+jwt"].token).payload)
    lose(keys, clock, Slot.SEAL)
    remade(office)
    kept = office.credential(credential.id)
    after = read_credential(open_compact(documents(office, credential)["vc+jwt"].token).payload)
    assert (kept.number, kept.anchor, kept.issued_at) == (
        credential.number,
        credential.anchor,
        credential.issued_at,
    )
    assert len(kept.periods) == 1
    assert after.jti != before.jti
    assert (after.sub, after.number, after.valid_from, after.valid_until) == (
        before.sub,
        before.number,
        before.valid_from,
        before.valid_until,
    )


def test_the_old_place_says_superseded_and_the_new_one_is_another(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    before = documents(office, credential)
    lose(keys, clock, Slot.SEAL, Slot.QR)
    remade(office)
    after, said = documents(office, credential), standings(office)
    for form in (Format.VC_JWT, Format.OB_JWT, Format.QR):
        assert (said[before[form].id], said[after[form].id]) == (Standing.SUPERSEDED, Standing.VALID)
        assert make.place(before[form]) != make.place(after[form])
    replaced = {each.get("replaces") for each in told(office, "document.issued")}
    assert replaced >= {before[form].id for form in before}


def test_strangers_are_told_of_the_new_one_and_that_the_old_one_gave_way(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    old = documents(office, credential)["vc+jwt"].token
    lose(keys, clock, Slot.SEAL)
    remade(office)
    office.work()
    stranger = make.caller(office.app())
    new = stranger.post(
        "/v1/verifications", json={"credential": documents(office, credential)["vc+jwt"].token}
    ).json()
    gone = stranger.post("/v1/verifications", json={"credential": old}).json()
    page = stranger.get(f"/v/{credential.number}.json").json()
    states = [
        next(check["state"] for check in each["checks"] if check["id"] == "superseded")
        for each in (new, gone, page)
    ]
    assert states == ["pass", "warn", "pass"]


def test_a_new_picture_shows_the_new_code(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    lose(keys, clock, Slot.QR)
    remade(office)
    held = documents(office, credential)
    said = json.loads(read_seal(held["edc"].token).content)
    shown = said["displayParameter"]["individualDisplay"][0]["displayDetail"]["image"]["content"]
    with Image.open(BytesIO(b64decode(shown))) as picture:
        (code,) = zxingcpp.read_barcodes(
            picture.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    assert code.text == link("https://sigillo.example.org", held["qr"].token)


@pytest.mark.parametrize("form", [Format.EDC, Format.OB_JWT, Format.QR])
def test_whoever_asks_is_given_a_new_one_at_once(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential, form: Format
) -> None:
    before = documents(office, credential)
    lose(keys, clock, Slot.SEAL, Slot.QR, Slot.EDC_SEAL)
    desk = office.desk()
    asked = desk.post(f"/v1/credentials/{credential.id}/documents", json={"format": form})
    again = desk.post(f"/v1/credentials/{credential.id}/documents", json={"format": form})
    assert (asked.status_code, again.status_code) == (201, 200)
    assert documents(office, credential)[form].id != before[form].id


@pytest.mark.parametrize("form", list(Format))
def test_whoever_fetches_it_gets_a_new_one_and_then_the_same_bytes(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential, form: Format
) -> None:
    old = documents(office, credential)[form].token
    lose(keys, clock, Slot.SEAL, Slot.QR, Slot.EDC_SEAL)
    desk, address = office.desk(), f"/v1/credentials/{credential.id}/documents/{form}"
    first, again = desk.get(address).text, desk.get(address).text
    assert first == again != old


def test_until_a_successor_signs_the_old_ones_hold_and_it_is_said_why(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    before = documents(office, credential)
    lose(keys, clock, Slot.SEAL, successor=False)
    assert remade(office) == ["There is no current key for seal."] * 2
    assert {form: each.id for form, each in documents(office, credential).items()} == {
        form: each.id for form, each in before.items()
    }
    assert office.intents() == []
    fetched = office.desk().get(f"/v1/credentials/{credential.id}/documents/vc+jwt")
    assert fetched.text == before["vc+jwt"].token
    keys._make(Slot.SEAL, clock.at)
    assert remade(office) == [None, None]


def test_what_was_stopped_after_its_intent_resumes_under_the_same_name(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    lose(keys, clock, Slot.SEAL)
    keys.down = True
    assert None not in remade(office)
    names = {intent.format: intent.id for intent in office.intents()}
    assert names.keys() == {Format.VC_JWT, Format.OB_JWT}
    keys.down = False
    assert remade(office) == [None, None]
    assert {form: documents(office, credential)[form].id for form in names} == names
    assert len(standings(office)) == 5, "no place was taken twice"


def test_two_at_once_make_each_document_once(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    lose(keys, clock, Slot.SEAL, Slot.QR, Slot.EDC_SEAL)
    at_once(*[lambda: remade(office)] * 2)
    period = office.credential(credential.id).periods[0]
    assert len(period.documents) == 2 * len(Format)
    assert remaking.waiting(office.ports, at=clock.at) == 0


@pytest.mark.parametrize(
    ("act", "body", "later"),
    [
        ("suspension", {"cause": "own_request", "reasons": "Richiesta."}, True),
        ("revocation", {"cause": "issued_in_error", "reasons": "Errore."}, False),
    ],
)
def test_of_a_credential_that_does_not_stand_nothing_is_made(
    office: Office,
    keys: FailingKeys,
    clock: SetClock,
    credential: Credential,
    act: str,
    body: dict[str, str],
    later: bool,  # noqa: FBT001 - a case of the table
) -> None:
    desk = office.desk()
    assert desk.post(f"/v1/credentials/{credential.id}/{act}", json=body).status_code == 200
    lose(keys, clock, Slot.SEAL)
    assert (remade(office), remaking.waiting(office.ports, at=clock.at)) == ([], 0)
    held = desk.get(f"/v1/credentials/{credential.id}/documents/edc")
    assert held.status_code == 200, "what is there is handed out as before"
    if later:
        reasons = {"reasons": "Risolto."}
        assert desk.post(f"/v1/credentials/{credential.id}/reinstatement", json=reasons).status_code == 200
        assert remade(office) == [None, None]


def test_of_what_has_run_out_nothing_is_made(
    office: Office, keys: FailingKeys, clock: SetClock, credential: Credential
) -> None:
    lose(keys, clock, Slot.SEAL, Slot.EDC_SEAL)
    clock.move(timedelta(days=1200))
    assert (remade(office), remaking.waiting(office.ports, at=clock.at)) == ([], 0)
    assert len(documents(office, credential)) == len(Format)
