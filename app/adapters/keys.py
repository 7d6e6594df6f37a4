"""Keys in a folder: made on first start for development, listed in a ring, never handed out.

Several processes may share the folder. Whoever changes it holds the lock and writes the ring last, in one
piece; the others look at the ring before each use, so no process signs with what another one retired.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.adapters.authority import Authority
from app.formats.jose import algorithm_of, public_members, thumbprint
from app.ports import KeyNotUsable, PublicKey, Slot

RING: Final = "ring.json"
_LOCK: Final = ".lock"
_COORDINATE: Final = 32

_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeysUnreadable(Exception):
    """The folder holds keys that cannot be opened: a wrong passphrase, or files that are not keys."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: Slot
    thumbprint: str
    state: Literal["current", "retired"]
    development: bool
    key: _FileName
    chain: tuple[_FileName, ...]


class _Ring(BaseModel):
    """The list of keys, as the file says it. Names are plain: nothing outside the folder is ever read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchors: tuple[_FileName, ...]
    keys: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: tuple[int, int, int]
    keys: tuple[PublicKey, ...]
    anchors: tuple[bytes, ...]
    private: dict[str, PrivateKey]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS server on this machine starts with, and the root that its clients must trust."""

    certificate: Path
    key: Path
    authority: Path


class FileKeys:
    """The `Signer` that a folder makes. Private keys stay inside; there is no way to ask for one."""

    def __init__(self, folder: Path, *, at: datetime, passphrase: bytes | None = None) -> None:
        """Open the folder and make what development needs: keys at first, new ones when a year is over."""
        self._folder = folder
        self._passphrase = passphrase
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            ring = before = self._read_ring()
            if not before.keys:
                folder.chmod(0o700)
            for slot in Slot:
                if not self._usable(ring, slot, at):
                    ring = self._replaced(ring, slot, at)
            if ring != before:
                self._write_ring(ring, before)
        self._loaded = self._load()

    def current(self, slot: Slot) -> PublicKey:
        """Name the key that signs for this purpose now."""
        for key in self._now().keys:
            if key.slot is slot and key.current:
                return key
        raise KeyNotUsable(f"There is no current key for {slot}.", slot=slot.value)

    def published(self) -> tuple[PublicKey, ...]:
        return self._now().keys

    def anchors(self) -> tuple[bytes, ...]:
        return self._now().anchors

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        """Sign with the key of this name. The same bytes get the same signature again (RFC 6979)."""
        key = self._now().private.get(thumbprint)
        if key is None:
            raise KeyNotUsable("That key is retired, or was never ours.", thumbprint=thumbprint)
        return raw_signature(key, message)

    def rotate(self, slot: Slot, at: datetime) -> PublicKey:
        """Retire a development key and make the next; the old one stays published and never signs again."""
        if not self.current(slot).development:
            raise KeyNotUsable("A key that was not made here is replaced by its operator.", slot=slot.value)
        with self._locked():
            ring = self._read_ring()
            self._write_ring(self._replaced(ring, slot, at), ring)
        return self.current(slot)

    def tls(self, hosts: Sequence[str], at: datetime) -> TlsFiles:
        """Make a TLS certificate for this machine under the test root, so that https can be tried at all."""
        key = ec.generate_private_key(ec.SECP256R1())
        with self._locked():
            ring, authority = self._authority(self._read_ring(), at)
            self._write("tls.key.pem", _private_pem(key, None))
            self._write("tls.crt.pem", _pem(authority.server(hosts, key.public_key(), at)))
            self._write("tls-root.crt.pem", _pem(authority.certificate))
            self._write_ring(ring, ring)
        return TlsFiles(*(self._folder / f"{name}.pem" for name in ("tls.crt", "tls.key", "tls-root.crt")))

    def _now(self) -> _Loaded:
        """Read the ring again if somebody changed it: what another process retired must not sign here."""
        if _stamp(self._folder / RING) != self._loaded.stamp:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> _Loaded:
        with self._locked():
            ring = self._read_ring()
            private = {
                entry.thumbprint: self._private(entry.key) for entry in ring.keys if entry.state == "current"
            }
            return _Loaded(
                stamp=_stamp(self._folder / RING),
                keys=tuple(self._public(entry) for entry in ring.keys),
                anchors=tuple(_der(self._certificate(name)) for name in ring.anchors),
                private=private,
            )

    def _public(self, entry: _Entry) -> PublicKey:
        chain = tuple(self._certificate(name) for name in entry.chain)
        key = chain[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise KeysUnreadable(f"{entry.chain[0]} certifies a key of a kind that we do not use.")
        members = public_members(key)
        return PublicKey(
            thumbprint=entry.thumbprint,
            slot=entry.slot,
            algorithm=algorithm_of(members),
            jwk=members,
            chain=tuple(_der(certificate) for certificate in chain),
            development=entry.development,
            current=entry.state == "current",
        )

    # Whoever calls what follows holds the lock.

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _usable(self, ring: _Ring, slot: Slot, at: datetime) -> bool:
        """Development keys are made anew when their year is over; real ones are the operator's to replace."""
        return any(
            not entry.development or _lives(self._certificate(entry.chain[0]), at)
            for entry in ring.keys
            if entry.slot is slot and entry.state == "current"
        )

    def _replaced(self, ring: _Ring, slot: Slot, at: datetime) -> _Ring:
        ring, authority = self._authority(ring, at)
        key = ec.generate_private_key(ec.SECP256R1())
        name = thumbprint(public_members(key.public_key()))
        entry = _Entry(
            slot=slot,
            thumbprint=name,
            state="current",
            development=True,
            key=f"{slot}-{name}.key.pem",
            chain=(f"{slot}-{name}.crt.pem",),
        )
        self._write(entry.key, _private_pem(key, self._passphrase))
        self._write(entry.chain[0], _pem(authority.seal(slot, key.public_key(), at)))
        retired = tuple(
            old.model_copy(update={"state": "retired"}) if old.slot is slot else old for old in ring.keys
        )
        return ring.model_copy(update={"keys": (*retired, entry)})

    def _authority(self, ring: _Ring, at: datetime) -> tuple[_Ring, Authority]:
        """Find a test root that lives at this time, or make one and trust it."""
        for anchor in ring.anchors:
            key = self._folder / _key_of(anchor)
            if key.exists() and _lives(certificate := self._certificate(anchor), at):
                return ring, Authority(_p256(self._private(key.name)), certificate)
        authority = Authority.made(at)
        anchor = f"root-{len(ring.anchors) + 1}.crt.pem"
        self._write(_key_of(anchor), _private_pem(authority.key, self._passphrase))
        self._write(anchor, _pem(authority.certificate))
        return ring.model_copy(update={"anchors": (*ring.anchors, anchor)}), authority

    def _read_ring(self) -> _Ring:
        try:
            return _Ring.model_validate_json((self._folder / RING).read_bytes())
        except FileNotFoundError:
            return _Ring(anchors=(), keys=())
        except ValidationError as broken:
            raise KeysUnreadable(f"{self._folder / RING} is not a list of keys.") from broken

    def _write_ring(self, ring: _Ring, before: _Ring) -> None:
        """Write the list last, so that it never names what is not there; then destroy what retired."""
        self._write(RING, ring.model_dump_json(indent=2).encode())
        signing = {entry.key for entry in ring.keys if entry.state == "current"}
        for entry in before.keys:
            if entry.development and entry.key not in signing:
                (self._folder / entry.key).unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        """Write a file that is there whole or not at all, whenever the machine stops."""
        beside = self._folder / f".{name}.new"
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _private(self, name: str) -> PrivateKey:
        try:
            key = serialization.load_pem_private_key((self._folder / name).read_bytes(), self._passphrase)
        except (OSError, ValueError, TypeError) as wrong:
            raise KeysUnreadable(f"{name} cannot be opened: is it there, is the passphrase right?") from wrong
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise KeysUnreadable(f"{name} is a key of a kind that we do not use.")
        return key

    def _certificate(self, name: str) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate((self._folder / name).read_bytes())
        except (OSError, ValueError) as wrong:
            raise KeysUnreadable(f"{name} is not a certificate.") from wrong


def raw_signature(key: PrivateKey, message: bytes) -> bytes:
    """Sign as JWS wants it (RFC 7518, 3.3 and 3.4): for ES256 the two numbers side by side."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    der = key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return b"".join(half.to_bytes(_COORDINATE, "big") for half in decode_dss_signature(der))


def _p256(key: PrivateKey) -> ec.EllipticCurvePrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    raise KeysUnreadable("The key of the test root is not one that we made.")


def _lives(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc


def _key_of(anchor: str) -> str:
    return anchor.replace(".crt.", ".key.")


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None) -> bytes:
    protection = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
