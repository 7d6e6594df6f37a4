import json
import logging
import multiprocessing
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from app.adapters.ceremony import Ceremony, NotDone, OnThisToken
from app.adapters.keys import FileKeys
from app.adapters.private import Kind
from app.adapters.ring import RING, KeysUnreadable, Whose
from app.adapters.tokens import Tokens
from app.adapters.vault import Macs
from app.formats.jose import thumbprint, verify
from app.formats.x509 import Standing, judge_chain, leaf_jwk
from app.ports import KeyNotUsable, KeysUnavailable, PublicKey, Signer, Slot
from tests.adapters.pki import Pki
from tests.fakes_keys import MemoryKeys
from tests.softhsm import LABEL, token_in

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
MESSAGE = b"the exact bytes of an intent"


class Rotating(Signer, Protocol):
    def rotate(self, slot: Slot, at: datetime) -> PublicKey: ...


def in_memory(_: Path) -> Rotating:
    return MemoryKeys(AT)


def in_a_folder(folder: Path) -> Rotating:
    return FileKeys(folder / "keys", at=AT)


def in_an_encrypted_folder(folder: Path) -> Rotating:
    return FileKeys(folder / "keys", at=AT, passphrase=b"correct horse")


class OnAToken(FileKeys):
    """A ring whose keys all lie on a token; the operator's steps stand in for a rotation."""

    def __init__(self, folder: Path, tokens: Tokens, kind: Kind) -> None:
        super().__init__(folder, at=AT, tokens=tokens)
        self._kind = kind
        self._hands = Ceremony(folder, passphrase=None, tokens=tokens)
        for slot in Slot:
            self.rotate(slot, AT)

    def rotate(self, slot: Slot, at: datetime) -> PublicKey:
        kind: Kind = self._kind if slot is Slot.SEAL else "p256"
        key = self._hands.prepare(slot, kind=kind, on=OnThisToken(LABEL, f"{slot}-{at:%d}"))
        pki = Pki.made(at)
        request = self._hands.request(key, pki.body, "Sigillo")
        return self._hands.adopt(slot, pki.answer(request), [pki.root], at=at)


@pytest.fixture(
    params=[in_memory, in_a_folder, in_an_encrypted_folder, "p256", "rsa"],
    ids=lambda made: made if isinstance(made, str) else made.__name__,
)
def signer(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rotating:
    if isinstance(request.param, str):
        token = token_in(tmp_path / "softhsm", monkeypatch)
        return OnAToken(tmp_path / "keys", token.owner(), "rsa" if request.param == "rsa" else "p256")
    make: Callable[[Path], Rotating] = request.param
    return make(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


# The contract of every signer.


@pytest.mark.parametrize("slot", Slot)
def test_every_purpose_has_a_key_of_its_own_that_signs(signer: Rotating, slot: Slot) -> None:
    key = signer.current(slot)
    assert key.slot is slot
    assert key.current
    assert key.thumbprint == thumbprint(key.jwk)
    assert verify(MESSAGE, signer.sign(key.thumbprint, MESSAGE), key.jwk)
    assert len({signer.current(each).thumbprint for each in Slot}) == len(Slot)


def test_signing_again_is_safe_so_that_a_crash_can_be_resumed(signer: Rotating) -> None:
    key = signer.current(Slot.SEAL)
    signatures = {signer.sign(key.thumbprint, MESSAGE) for _ in range(2)}
    assert all(verify(MESSAGE, signature, key.jwk) for signature in signatures)
    # Tokens draw a number for each ES256 signature; ours are made from the message.
    assert len(signatures) == (2 if isinstance(signer, OnAToken) and key.algorithm == "ES256" else 1)
    assert {len(signature) for signature in signatures} == {64 if key.algorithm == "ES256" else 384}


def test_the_certificate_is_about_the_key_and_ends_in_the_anchor(signer: Rotating) -> None:
    for key in signer.published():
        assert leaf_jwk(key.chain) == dict(key.jwk)
        assert judge_chain(key.chain, signer.anchors(), AT).standing is Standing.TRUSTED


def test_a_retired_key_stays_published_and_never_signs(signer: Rotating) -> None:
    old = signer.current(Slot.SEAL)
    new = signer.rotate(Slot.SEAL, AT + timedelta(days=1))
    assert new == signer.current(Slot.SEAL)
    assert new.thumbprint != old.thumbprint
    published = {key.thumbprint: key.current for key in signer.published()}
    assert published[old.thumbprint] is False
    with pytest.raises(KeyNotUsable):
        signer.sign(old.thumbprint, MESSAGE)
    assert verify(MESSAGE, signer.sign(new.thumbprint, MESSAGE), new.jwk)


def test_rotating_one_purpose_leaves_the_others(signer: Rotating) -> None:
    status = signer.current(Slot.STATUS)
    signer.rotate(Slot.SEAL, AT)
    assert signer.current(Slot.STATUS) == status


@pytest.mark.parametrize("name", ["", "unknown", "../seal", "A" * 43])
def test_a_key_that_was_never_ours_does_not_sign(signer: Rotating, name: str) -> None:
    with pytest.raises(KeyNotUsable):
        signer.sign(name, MESSAGE)


# The folder.


def test_a_development_key_is_certified_for_one_year_to_an_organisation_that_says_test(folder: Path) -> None:
    certificate = x509.load_der_x509_certificate(FileKeys(folder, at=AT).current(Slot.SEAL).chain[0])
    assert certificate.not_valid_before_utc == AT
    assert certificate.not_valid_after_utc == AT + YEAR
    subject = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert subject[NameOID.COUNTRY_NAME] == "IT"
    assert str(subject[NameOID.ORGANIZATION_NAME]).startswith("TEST ")
    assert NameOID.ORGANIZATION_IDENTIFIER in subject
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment


def test_keys_made_here_are_marked_as_development(folder: Path) -> None:
    assert all(key.development for key in FileKeys(folder, at=AT).published())


def test_a_later_start_finds_the_same_keys(folder: Path) -> None:
    first = FileKeys(folder, at=AT).published()
    assert FileKeys(folder, at=AT + timedelta(days=300)).published() == first


@pytest.mark.parametrize("later", [YEAR, 3 * YEAR, -YEAR], ids=["a year", "three years", "a year before"])
def test_a_start_outside_the_certificates_year_makes_new_keys_and_still_publishes_the_old(
    folder: Path, later: timedelta
) -> None:
    old = FileKeys(folder, at=AT).current(Slot.SEAL)
    signer = FileKeys(folder, at=AT + later)
    new = signer.current(Slot.SEAL)
    assert new.thumbprint != old.thumbprint
    assert old.thumbprint in {key.thumbprint for key in signer.published()}
    assert judge_chain(new.chain, signer.anchors(), AT + later).standing is Standing.TRUSTED
    assert judge_chain(old.chain, signer.anchors(), AT).standing is Standing.TRUSTED


def test_only_the_owner_can_read_the_folder_and_its_files(folder: Path) -> None:
    FileKeys(folder, at=AT).tls(["localhost"], AT)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root gives files to others.")
def test_what_root_writes_belongs_to_whoever_the_folder_belongs_to(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 12_345, 54_321)
    FileKeys(folder, at=AT)
    Macs.of(folder)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()} == {(12_345, 54_321)}


def test_a_retired_development_key_is_destroyed(folder: Path) -> None:
    signer = FileKeys(folder, at=AT)
    old = signer.current(Slot.SEAL)
    signer.rotate(Slot.SEAL, AT)
    assert not (folder / f"seal-{old.thumbprint}.key.pem").exists()
    assert (folder / f"seal-{old.thumbprint}.crt.pem").exists()


def test_what_one_process_retires_another_no_longer_signs_with(folder: Path) -> None:
    serving = FileKeys(folder, at=AT)
    old = serving.current(Slot.SEAL)
    FileKeys(folder, at=AT).rotate(Slot.SEAL, AT)
    with pytest.raises(KeyNotUsable):
        serving.sign(old.thumbprint, MESSAGE)
    assert serving.current(Slot.SEAL).thumbprint != old.thumbprint


def test_a_real_key_is_not_replaced_by_a_development_one(folder: Path) -> None:
    FileKeys(folder, at=AT)
    ring = json.loads((folder / RING).read_text())
    for entry in ring["keys"]:
        entry["development"] = False
    (folder / RING).write_text(json.dumps(ring))
    signer = FileKeys(folder, at=AT + 3 * YEAR)
    seal = signer.current(Slot.SEAL)
    assert not seal.development
    with pytest.raises(KeyNotUsable):
        signer.rotate(Slot.SEAL, AT)
    assert signer.current(Slot.SEAL) == seal


def test_who_comes_second_finds_the_key_made_and_makes_no_other(folder: Path) -> None:
    FileKeys(folder, at=AT)
    windows = [Ceremony(folder, passphrase=b"p", tokens=None) for _ in range(2)]
    body = Pki.made(AT).body
    made = [each.certify_here(Slot.QR, body, AT, anew=False) for each in windows]
    assert made == [True, False]
    assert windows[0].certify_here(Slot.QR, body, AT)  # a rotation is meant


def _open(folder: Path, names: "multiprocessing.Queue[str]") -> None:
    names.put(FileKeys(folder, at=AT).current(Slot.SEAL).thumbprint)


def test_processes_that_start_at_once_make_one_ring(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names: multiprocessing.Queue[str] = context.Queue()
    starting = [context.Process(target=_open, args=(folder, names)) for _ in range(4)]
    for process in starting:
        process.start()
    seen = {names.get(timeout=60) for _ in starting}
    for process in starting:
        process.join()
    assert len(seen) == 1
    assert len(FileKeys(folder, at=AT).published()) == len(Slot)


def test_a_start_that_was_cut_off_leaves_nothing_in_the_way(folder: Path) -> None:
    folder.mkdir()
    (folder / f".{RING}.new").write_bytes(b"half of a r")
    (folder / "root-1.key.pem").write_bytes(b"whole, but no ring names it")
    assert len(FileKeys(folder, at=AT).published()) == len(Slot)


def test_private_keys_are_encrypted_with_the_passphrase(folder: Path) -> None:
    FileKeys(folder, at=AT, passphrase=b"correct horse")
    private = [path.read_bytes() for path in folder.glob("*.key.pem")]
    assert len(private) == len(Slot) + 1
    assert all(b"ENCRYPTED" in pem for pem in private)


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_a_wrong_passphrase_is_said_plainly(folder: Path, passphrase: bytes | None) -> None:
    FileKeys(folder, at=AT, passphrase=b"correct horse")
    with pytest.raises(KeysUnreadable, match="passphrase"):
        FileKeys(folder, at=AT, passphrase=passphrase)


@pytest.mark.parametrize(
    "ring",
    [
        b"",
        b"[]",
        b'{"anchors": ["../../etc/passwd"], "keys": []}',
        b'{"anchors": [], "keys": [], "more": 1}',
    ],
)
def test_a_ring_that_is_not_ours_is_refused(folder: Path, ring: bytes) -> None:
    folder.mkdir()
    (folder / RING).write_bytes(ring)
    with pytest.raises(KeysUnreadable):
        FileKeys(folder, at=AT)


@pytest.mark.parametrize("wrong", [None, b"half of a r"], ids=["gone", "broken"])
def test_a_list_of_keys_that_is_lost_while_serving_stops_signing_alone(
    folder: Path, wrong: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    serving = FileKeys(folder, at=AT)
    seal, published, anchors = serving.current(Slot.SEAL), serving.published(), serving.anchors()
    kept = (folder / RING).read_bytes()
    (folder / RING).unlink()
    if wrong is not None:
        (folder / RING).write_bytes(wrong)
    with caplog.at_level(logging.ERROR, logger="sigillo.keys"):
        for _ in range(2):
            assert serving.published() == published
            assert (serving.current(Slot.SEAL), serving.anchors()) == (seal, anchors)
            with pytest.raises(KeysUnavailable, match="Put it back from the backup"):
                serving.sign(seal.thumbprint, MESSAGE)
    [told] = caplog.records  # once, not with every question
    assert RING in str(vars(told)["reason"])
    (folder / RING).write_bytes(kept)
    assert verify(MESSAGE, serving.sign(seal.thumbprint, MESSAGE), seal.jwk)


def test_no_attribute_of_a_public_key_or_signer_says_a_private_number(folder: Path) -> None:
    signer = FileKeys(folder, at=AT)
    assert all(set(key.jwk) == {"crv", "kty", "x", "y"} for key in signer.published())
    assert "PRIVATE" not in repr(signer.published())


def test_the_tls_certificate_serves_this_machine_under_the_test_root(folder: Path) -> None:
    files = FileKeys(folder, at=AT).tls(["localhost", "127.0.0.1"], AT)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=files.authority)
    assert client.get_ca_certs()
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


BODY, CODE = "org_00000000000000000000000002", 2


def own(folder: Path, *slots: Slot) -> Ceremony:
    """The hands of an operator who made keys of a body's own."""
    hands, pki = Ceremony(folder, passphrase=b"p", tokens=None), Pki.made(AT - YEAR)
    for slot in slots:
        hands.certify_here(slot, pki.body, AT, of=Whose(id=BODY, issuer_code=CODE))
    return hands


def test_a_body_signs_with_its_own_key_and_until_it_has_one_with_the_installations(tmp_path: Path) -> None:
    signer = FileKeys(tmp_path, at=AT, passphrase=b"p")
    shared = signer.current(Slot.QR)
    assert signer.current(Slot.QR, BODY) == shared
    own(tmp_path, Slot.QR)
    mine = signer.current(Slot.QR, BODY)
    assert (mine.body, mine.issuer_code, mine.development) == (BODY, CODE, False)
    assert verify(MESSAGE, signer.sign(mine.thumbprint, MESSAGE), mine.jwk)
    assert signer.current(Slot.QR) == signer.current(Slot.QR, "org_another") == shared
    assert signer.current(Slot.STATUS, BODY) == signer.current(Slot.STATUS)
    assert mine in signer.published()
    assert shared in signer.published()
    assert FileKeys(tmp_path, at=AT + 2 * YEAR, passphrase=b"p").current(Slot.QR, BODY) == mine


def test_a_body_whose_own_key_is_lost_signs_with_nobody_elses(tmp_path: Path) -> None:
    signer = FileKeys(tmp_path, at=AT, passphrase=b"p")
    hands = own(tmp_path, Slot.QR)
    lost = signer.current(Slot.QR, BODY)
    hands.compromise(lost.thumbprint, since=AT, at=AT)
    with pytest.raises(KeyNotUsable, match=f"None of {BODY}'s own keys for qr"):
        signer.current(Slot.QR, BODY)
    with pytest.raises(KeyNotUsable):
        signer.sign(lost.thumbprint, MESSAGE)
    assert signer.current(Slot.QR).body is None
    own(tmp_path, Slot.QR)
    assert signer.current(Slot.QR, BODY).thumbprint != lost.thumbprint
    later = FileKeys(tmp_path, at=AT, passphrase=b"p")  # nor does a start make it one
    assert [key.current for key in later.published() if key.body] == [False, True]


def test_where_a_bodys_own_certificate_cannot_be_read_it_is_given_nobody_elses_key(tmp_path: Path) -> None:
    FileKeys(tmp_path, at=AT, passphrase=b"p")
    own(tmp_path, Slot.QR)
    mine = FileKeys(tmp_path, at=AT, passphrase=b"p").current(Slot.QR, BODY)
    (tmp_path / f"qr-{mine.thumbprint}.crt.pem").unlink()
    mending = FileKeys(tmp_path, at=AT, passphrase=b"p", opened=False)
    with pytest.raises(KeyNotUsable):
        mending.current(Slot.QR, BODY)


def test_a_list_of_keys_from_before_bodies_had_their_own_is_read_as_ever(tmp_path: Path) -> None:
    signer = FileKeys(tmp_path, at=AT)
    written = json.loads((tmp_path / RING).read_text())
    assert not any("body" in entry for entry in written["keys"])  # and an earlier version reads this one
    for entry in written["keys"]:
        entry["compromised_at"] = None  # as it was written then
    (tmp_path / RING).write_text(json.dumps(written))
    assert FileKeys(tmp_path, at=AT).published() == signer.published()


def test_a_list_with_two_keys_in_one_place_is_refused(tmp_path: Path) -> None:
    FileKeys(tmp_path, at=AT, passphrase=b"p")
    own(tmp_path, Slot.QR)
    written = json.loads((tmp_path / RING).read_text())
    mine = next(entry for entry in written["keys"] if "body" in entry)
    shared = next(entry for entry in written["keys"] if entry["slot"] == "qr" and entry is not mine)
    del mine["body"]
    assert shared["state"] == mine["state"] == "current"
    (tmp_path / RING).write_text(json.dumps(written))
    with pytest.raises(KeysUnreadable, match="cannot be read as a list of keys: two current keys for qr"):
        FileKeys(tmp_path, at=AT, passphrase=b"p")


@pytest.mark.parametrize(
    ("whose", "words"),
    [
        (Whose(id=BODY, issuer_code=99), f"two codes for {BODY}: {CODE} and 99"),
        (Whose(id=f"org_{99:026d}", issuer_code=CODE), f"one code for {BODY} and for org_{99:026d}: {CODE}"),
    ],
    ids=["two codes", "two bodies"],
)
def test_a_list_that_calls_bodies_by_other_codes_in_other_places_is_refused(
    tmp_path: Path, whose: Whose, words: str
) -> None:
    FileKeys(tmp_path, at=AT, passphrase=b"p")
    own(tmp_path, Slot.QR, Slot.STATUS)
    written = json.loads((tmp_path / RING).read_text())
    mine = next(entry for entry in written["keys"] if "body" in entry)
    mine["body"] = whose.model_dump()
    (tmp_path / RING).write_text(json.dumps(written))
    with pytest.raises(KeysUnreadable, match=f"cannot be read as a list of keys: {words}. Put it back"):
        FileKeys(tmp_path, at=AT, passphrase=b"p")


def test_a_key_is_of_one_body_alone(tmp_path: Path) -> None:
    FileKeys(tmp_path, at=AT, passphrase=b"p")
    hands, pki = Ceremony(tmp_path, passphrase=b"p", tokens=None), Pki.made(AT - YEAR)
    of, other = (Whose(id=f"org_{number:026d}", issuer_code=number) for number in (1, 2))
    waiting = hands.prepare(Slot.SEAL, of=of)
    assert hands.prepare(Slot.SEAL, of=other).thumbprint != waiting.thumbprint
    answer = pki.answer(hands.request(waiting, pki.body, "Sigillo"))
    with pytest.raises(NotDone, match=f"waits for seal of {other.id}'s own"):
        hands.adopt(Slot.SEAL, answer, [pki.root], at=AT, of=other)
    with pytest.raises(NotDone, match="No key waits"):
        hands.adopt(Slot.SEAL, answer, [pki.root], at=AT)
    taken = hands.adopt(Slot.SEAL, answer, [pki.root], at=AT, of=of)
    assert taken.body == of.id
    for whose in (None, other):
        with pytest.raises(NotDone, match="in the ring already"):
            hands.adopt(Slot.SEAL, answer, [pki.root], at=AT, of=whose)
    assert hands.adopt(Slot.SEAL, answer, [pki.root], at=AT, of=of) == taken
    assert hands.ring().waiting_for(Slot.SEAL, other) is not None
