"""Roots made for trying things vouch for our own certificates alone: nobody guards their keys."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from app.adapters.authority import Authority
from app.adapters.ceremony import Ceremony
from app.adapters.keys import FileKeys
from app.adapters.private import raw_signature
from app.formats import jades
from app.formats.jose import algorithm_of, public_members, thumbprint
from app.formats.x509 import Standing
from app.ports import Ports, PublicKey, Slot
from app.verification.trust import Keyring
from tests import make
from tests.adapters.pki import Pki
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys

HOST = "https://sigillo.example.org"


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    return database_url


def sealing(authority: Authority, clock: SetClock) -> tuple[ec.EllipticCurvePrivateKey, PublicKey]:
    """A key of somebody's who got at the root's."""
    private = ec.generate_private_key(ec.SECP256R1())
    jwk = public_members(private.public_key())
    leaf = authority.seal(Slot.EDC_SEAL, private.public_key(), clock.at).public_bytes(Encoding.DER)
    name = thumbprint(jwk)
    return private, PublicKey(name, Slot.EDC_SEAL, algorithm_of(jwk), jwk, (leaf,), False, True)


def test_they_vouch_for_our_very_certificates_alone(clock: SetClock) -> None:
    keys = MemoryKeys(clock.at)
    keyring = Keyring.of(keys, HOST)
    _, theirs = sealing(keys._authority, clock)
    assert keyring.judged(theirs.chain, clock.at).standing is Standing.UNTRUSTED
    for key in keys.published():
        assert keyring.judged(key.chain, clock.at).standing is Standing.TRUSTED
        assert keyring.judged_ours(key.chain, clock.at).standing is Standing.TRUSTED


def test_what_was_sealed_under_one_by_somebody_else_is_not_recognised(ports: Ports, clock: SetClock) -> None:
    keys = MemoryKeys(clock.at)
    office = Office.opened(replace(ports, signer=keys))
    address = f"/v1/credentials/{office.issue().id}/documents/edc"
    mine = jades.read_seal(office.desk().get(address).text)
    private, theirs = sealing(keys._authority, clock)
    header = jades.protected_header(theirs, at=clock.at, signing_time="iat", kind="edc")
    unsigned = jades.unsigned_seal(header, mine.content).signing_input
    forged = jades.assemble(unsigned, raw_signature(private, unsigned)).general()
    files = {"file": ("x.jsonld", forged.encode())}
    report = make.caller(office.app()).post("/v1/verifications", files=files).json()
    trust = next(check for check in report["checks"] if check["id"] == "issuer_trust")
    assert trust["code"] == "issuer-unknown"


@pytest.fixture
def live(tmp_path: Path, clock: SetClock) -> Path:
    """A folder that was begun for trying things, and holds only keys that count by now."""
    folder, pki = tmp_path / "keys", Pki.made(clock.at)
    FileKeys(folder, at=clock.at)
    hands = Ceremony(folder, passphrase=b"correct horse", tokens=None)
    for slot in (Slot.STATUS, Slot.QR):
        hands.certify_here(slot, pki.body, clock.at)
    for slot in (Slot.SEAL, Slot.EDC_SEAL):
        assert list(folder.glob("root-*.key.pem")), "keys for trying still sign"
        waiting = hands.prepare(slot)
        hands.adopt(slot, pki.answer(hands.request(waiting, pki.body, "Seal")), [pki.root], at=clock.at)
    return folder


def test_their_keys_are_destroyed_with_the_last_key_for_trying_things(live: Path, clock: SetClock) -> None:
    assert list(live.glob("root-*.key.pem")) == []
    keys = FileKeys(live, at=clock.at, passphrase=b"correct horse")
    keyring = Keyring.of(keys, HOST)
    for key in keys.published():
        assert keyring.judged(key.chain, clock.at).standing is Standing.TRUSTED, (
            "what was tried still verifies"
        )


def test_one_that_an_earlier_version_left_is_destroyed_at_the_next_start(live: Path, clock: SetClock) -> None:
    (live / "root-1.key.pem").write_bytes(b"left")
    FileKeys(live, at=clock.at, passphrase=b"correct horse")
    assert list(live.glob("root-*.key.pem")) == []
    assert list(live.glob("house-*.key.pem"))
