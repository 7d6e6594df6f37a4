"""A key in other hands: what our register proves to be older still holds, and nothing else does, anywhere."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.formats import keylist
from app.formats.did import read_document, read_key_set
from app.formats.jose import assemble
from app.main import create_app
from app.ports import Ports, Slot
from app.verification import offline
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.status.failing import FailingKeys
from tests.verification.issued import Issued, issued

SECOND = timedelta(seconds=1)
COMPROMISED = "issuer-key-compromised"


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    return database_url


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys(START, development=False)


@pytest.fixture
def credential(ports: Ports) -> Issued:
    return issued(ports)


@pytest.fixture
def stranger(ports: Ports, credential: Issued) -> Caller:
    del credential
    return make.caller(create_app(ports))


def lose(ports: Ports, keys: MemoryKeys, slot: Slot, since: timedelta) -> None:
    """Declare the key of a slot lost since so long after the start, and put another in its place."""
    assert isinstance(ports.clock, SetClock)
    keys.compromise(slot, START + since)
    keys._make(slot, START)
    ports.clock.move(2 * SECOND)


def trust(report: dict[str, Any]) -> str:
    return next(str(check["code"]) for check in report["checks"] if check["id"] == "issuer_trust")


def reports(stranger: Caller, texts: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for text in texts:
        yield stranger.post("/v1/verifications", json={"credential": text}).json()


@pytest.mark.parametrize(
    ("since", "result"), [(SECOND, "valid"), (timedelta(0), "invalid"), (-SECOND, "invalid")]
)
@pytest.mark.parametrize("slot", [Slot.SEAL, Slot.QR])
def test_what_our_register_proves_to_be_older_still_holds(
    ports: Ports,
    keys: MemoryKeys,
    credential: Issued,
    stranger: Caller,
    slot: Slot,
    since: timedelta,
    result: str,
) -> None:
    lose(ports, keys, slot, since)
    texts = (credential.token, credential.badge) if slot is Slot.SEAL else (credential.qr,)
    for report in reports(stranger, texts):
        assert report["result"] == result, report
        assert (trust(report) == COMPROMISED) == (result == "invalid")
    other = stranger.get(f"/v/{credential.number}.json").json()
    assert other["result"] == (result if slot is Slot.SEAL else "valid")


def test_whoever_checks_without_asking_us_is_told_whatever_the_instant(
    ports: Ports, keys: MemoryKeys, credential: Issued, stranger: Caller
) -> None:
    for slot in (Slot.SEAL, Slot.QR):
        lose(ports, keys, slot, SECOND)
    saved = [stranger.get(f"/.well-known/{name}").content for name in ("jwks.json", "qr-keys")]
    given = offline.keys_in(saved)
    lists = [stranger.get(f"/status/{number}") for number in range(1, 10)]
    had = offline.Saved.of([each.content for each in lists if each.status_code == 200], given.keyring)
    for text in (credential.token, credential.badge, credential.qr):
        report, _ = offline.report_on(text.encode(), given, had, at=ports.clock.now())
        assert (report.result, trust(report.as_json())) == ("invalid", COMPROMISED)


def test_a_list_that_a_lost_key_signed_tells_nothing(
    ports: Ports, keys: MemoryKeys, credential: Issued, stranger: Caller
) -> None:
    lists = [stranger.get(f"/status/{number}").content for number in range(1, 4)]
    lose(ports, keys, Slot.STATUS, SECOND)
    given = offline.keys_in([stranger.get("/.well-known/jwks.json").content])
    had = offline.Saved.of(lists, given.keyring)
    assert had.lists == {}
    report, _ = offline.report_on(credential.token.encode(), given, had, at=ports.clock.now())
    assert report.result == "unknown"


def test_a_list_of_qr_keys_that_a_lost_seal_signed_is_refused(
    ports: Ports, keys: MemoryKeys, stranger: Caller
) -> None:
    old = stranger.get("/.well-known/qr-keys").content
    lose(ports, keys, Slot.SEAL, SECOND)
    with pytest.raises(offline.KeysUnreadable):
        offline.keys_in([stranger.get("/.well-known/jwks.json").content, old])


def test_what_is_published_gives_a_lost_key_to_nobody_who_would_use_it(
    ports: Ports, keys: MemoryKeys, stranger: Caller
) -> None:
    lost = keys.current(Slot.SEAL)
    lose(ports, keys, Slot.SEAL, timedelta(0))
    lose(ports, keys, Slot.QR, timedelta(0))
    jwks = stranger.get("/.well-known/jwks.json").json()
    named = f"did:web:sigillo.example.org#{lost.thumbprint}"
    assert named not in read_key_set(jwks).named
    apart = next(key for key in jwks["compromised"] if key["kid"] == named)
    assert apart["revoked"] == {"revoked_at": int(START.timestamp()), "reason": "compromised"}
    did = stranger.get("/.well-known/did.json").json()
    assert named not in read_document(did, did["id"], "assertionMethod").named
    method = next(each for each in did["verificationMethod"] if each["id"] == named)
    assert method["revoked"] == START.isoformat(timespec="seconds")
    assert stranger.get(f"/keys/{lost.thumbprint}").status_code == 410
    listed = keylist.open_key_list(stranger.get("/.well-known/qr-keys").text).payload
    assert isinstance(listed["keys"], list)
    assert isinstance(listed["compromised"], list)
    assert (len(listed["keys"]), len(listed["compromised"])) == (1, 1)


def test_without_a_seal_the_list_of_qr_keys_is_not_to_be_had_just_now(ports: Ports) -> None:
    keys = FailingKeys(START, development=False)
    stranger = make.caller(create_app(replace(ports, signer=keys)))
    keys.compromise(Slot.SEAL, START)
    answer = stranger.get("/.well-known/qr-keys")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_a_document_that_the_seal_for_europe_signed_is_none_of_the_other_seal(
    keys: MemoryKeys, credential: Issued, stranger: Caller
) -> None:
    head, body, _ = credential.token.split(".")
    signed = f"{head}.{body}".encode()
    for slot in (Slot.EDC_SEAL, Slot.STATUS, Slot.QR):
        forged = assemble(signed, keys.sign(keys.current(slot).thumbprint, signed))
        (report,) = reports(stranger, (forged,))
        assert report["result"] == "invalid"
