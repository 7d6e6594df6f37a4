"""Keys in a folder: made on first start for development, listed in a ring, never handed out.

Several processes may share the folder. Whoever changes it holds the lock and writes the ring last, in one
piece; the others look at the ring before each use, so no process signs with what another one retired.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.adapters.authority import TRIAL, Authority, Body
from app.adapters.private import InMemory, PrivateKey, Signing, from_pem, to_pem, usable_half
from app.adapters.ring import RING, Entry, Folder, KeysUnreadable, OnToken, Place, Ring, Whose
from app.adapters.tokens import TokenKey, Tokens
from app.formats.jose import algorithm_of, public_members, thumbprint
from app.ports import KeyNotUsable, KeysUnavailable, PublicKey, Slot

log: Final = logging.getLogger("sigillo.keys")


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: tuple[int, int, int] | None
    keys: tuple[PublicKey, ...]
    anchors: tuple[bytes, ...]
    private: dict[str, Signing]
    # By what they are for and whose they are; None where all that a body ever had has retired.
    signing: dict[tuple[Slot, str | None], PublicKey | None]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS server on this machine starts with, and the root that its clients must trust."""

    certificate: Path
    key: Path
    authority: Path


class NoToken:
    """A key on a token, where nobody said how tokens are reached."""

    def signature(self, message: bytes) -> bytes:
        del message
        raise KeysUnavailable(
            "The key is on a token: set SIGILLO_TOKEN_LIBRARY and SIGILLO_TOKEN_PIN, and start again."
        )


@dataclass(slots=True)
class InFile:
    """A key in a file of the folder, opened when it is first used: lists and public halves need none."""

    folder: Folder
    name: str
    passphrase: bytes | None = field(repr=False)
    _opened: InMemory | None = field(default=None, repr=False)

    def signature(self, message: bytes) -> bytes:
        return self.opened().signature(message)

    def opened(self) -> InMemory:
        """Open the file, or raise `KeysUnreadable`."""
        if self._opened is None:
            self._opened = InMemory(from_pem(self.folder.read(self.name), self.passphrase, self.name))
        return self._opened


class FileKeys:
    """The `Signer` that a folder makes. Private keys stay inside; there is no way to ask for one."""

    def __init__(
        self,
        folder: Path,
        *,
        at: datetime,
        passphrase: bytes | None = None,
        tokens: Tokens | None = None,
        opened: bool = True,
    ) -> None:
        """Open the folder and make what development needs: keys at first, new ones when a year is over.

        No token is asked: what is published is known without it, and the service answers while it is away.
        Files that cannot be opened are refused at once, unless an operator is about to mend them: then a key
        whose certificate cannot be read is as if it were not there.
        """
        self._folder = Folder(folder)
        self._passphrase = passphrase
        self._tokens = tokens
        self._strict = opened
        with self._folder.locked():
            ring = before = self._folder.ring()
            if not before.keys:
                folder.chmod(0o700)
            for slot in Slot:
                try:
                    if not self._settled(ring, slot, at):
                        ring = self._replaced(ring, slot, at)
                except KeysUnreadable:
                    if opened:
                        raise
            if ring != before:
                self._folder.write_ring(ring, before)
            self._folder.end_trial(ring)
        self._refused: str | None = None
        self._loaded = self._load()
        for key in self._loaded.private.values() if opened else ():
            if isinstance(key, InFile):
                key.opened()

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        """Name the key that signs for this purpose now, or for this body.

        One that ever had a key of its own is never given another's.
        """
        signing = self._now().signing
        key = signing.get((slot, body if (slot, body) in signing else None))
        if key is not None:
            return key
        if (slot, body) in signing and body is not None:
            raise KeyNotUsable(
                f"None of {body}'s own keys for {slot} signs any more, and it has had one: nothing is signed "
                f"with another's. See `sigillo keys list --for {body}`.",
                slot=slot.value,
            )
        raise KeyNotUsable(f"There is no current key for {slot}. See `sigillo keys list`.", slot=slot.value)

    def published(self) -> tuple[PublicKey, ...]:
        return self._now().keys

    def anchors(self) -> tuple[bytes, ...]:
        return self._now().anchors

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        """Sign with the key of this name.

        From a file, the same bytes get the same signature again (RFC 6979); ES256 on a token draws anew.
        """
        key = self._now().private.get(thumbprint)
        if self._refused is not None:
            raise KeysUnavailable(f"Nothing is signed until the list of keys can be read: {self._refused}")
        if key is None:
            raise KeyNotUsable("That key is retired, or was never ours.", thumbprint=thumbprint)
        return key.signature(message)

    def rotate(self, slot: Slot, at: datetime) -> PublicKey:
        """Retire a development key and make the next; the old one stays published and never signs again."""
        if not self.current(slot).development:
            raise KeyNotUsable("A key that was not made here is replaced by its operator.", slot=slot.value)
        with self._folder.locked():
            ring = self._folder.ring()
            self._folder.write_ring(self._replaced(ring, slot, at), ring)
        return self.current(slot)

    def tls(self, hosts: Sequence[str], at: datetime) -> TlsFiles:
        """Make a TLS certificate for this machine under the test root, so that https can be tried at all."""
        key = ec.generate_private_key(ec.SECP256R1())
        with self._folder.locked():
            ring, authority = authority_in(self._folder, self._folder.ring(), at, self._passphrase)
            self._folder.write("tls.key.pem", to_pem(key, None))
            self._folder.write("tls.crt.pem", pem(authority.server(hosts, key.public_key(), at)))
            self._folder.write("tls-root.crt.pem", pem(authority.certificate))
            self._folder.write_ring(ring, ring)
        return TlsFiles(
            *(self._folder.path / f"{name}.pem" for name in ("tls.crt", "tls.key", "tls-root.crt"))
        )

    def _now(self) -> _Loaded:
        """Read the ring again if somebody changed it: what another process retired must not sign here.

        Where it cannot be read, what was read last stays published, and the log says once what is wrong.
        """
        try:
            if self._folder.stamp() != self._loaded.stamp:
                self._loaded = self._load()
            self._refused = None
        except KeysUnreadable as wrong:
            if self._refused != str(wrong):
                log.exception("keys.unreadable", extra={"reason": str(wrong)})
            self._refused = str(wrong)
        return self._loaded

    def _load(self) -> _Loaded:
        with self._folder.locked():
            stamp, ring = self._folder.stamp(), self._folder.ring()
            if stamp is None:
                raise KeysUnreadable(f"{self._folder.path / RING} is missing. Put it back from the backup.")
            keys = tuple(self._readable(ring))
            signing = {(each.slot, each.body.id if each.body else None): None for each in ring.keys}
            return _Loaded(
                stamp=stamp,
                keys=keys,
                anchors=tuple(der(self._folder.certificate(name)) for name in ring.anchors),
                private={
                    entry.thumbprint: signing_key(self._folder, entry.key, self._passphrase, self._tokens)
                    for entry in ring.keys
                    if entry.state == "current"
                },
                signing=signing | {(key.slot, key.body): key for key in keys if key.current},
            )

    # Whoever calls what follows holds the lock.

    def _readable(self, ring: Ring) -> Iterator[PublicKey]:
        for entry in ring.keys:
            try:
                yield public_key_of(self._folder, entry)
            except KeysUnreadable:
                if self._strict:
                    raise

    def _settled(self, ring: Ring, slot: Slot, at: datetime) -> bool:
        """Tell whether a place needs no development key: those are made anew when their year is over.

        Where an operator's key has ever been, the next one is the operator's to bring as well.
        """
        mine = [entry for entry in ring.keys if entry.slot is slot and entry.body is None]
        if any(not entry.development for entry in mine):
            return True
        return any(
            entry.state == "current" and lives(self._folder.certificate(entry.chain[0]), at) for entry in mine
        )

    def _replaced(self, ring: Ring, slot: Slot, at: datetime) -> Ring:
        return certified_here(self._folder, ring, slot, at, self._passphrase)


def certified_here(
    folder: Folder,
    ring: Ring,
    slot: Slot,
    at: datetime,
    passphrase: bytes | None,
    body: Body = TRIAL,
    of: Whose | None = None,
) -> Ring:
    """Make a key with a certificate of our own authority: that of a body, or the one for trying things."""
    ring, authority = authority_in(folder, ring, at, passphrase, body)
    key = ec.generate_private_key(ec.SECP256R1())
    name = thumbprint(public_members(key.public_key()))
    entry = Entry(
        slot=slot,
        thumbprint=name,
        state="current",
        development=body.trial,
        key=f"{slot}-{name}.key.pem",
        chain=(f"{slot}-{name}.crt.pem",),
        body=of,
    )
    folder.write(f"{slot}-{name}.key.pem", to_pem(key, passphrase))
    folder.write(entry.chain[0], pem(authority.seal(slot, key.public_key(), at)))
    return ring.with_current(entry)


def authority_in(
    folder: Folder, ring: Ring, at: datetime, passphrase: bytes | None, body: Body = TRIAL
) -> tuple[Ring, Authority]:
    """Find our own authority as it lives at this time, or make one and trust it."""
    prefix = "root" if body.trial else "house"
    for anchor in ring.anchors:
        key = _key_of(anchor)
        if not anchor.startswith(f"{prefix}-") or not (folder.path / key).exists():
            continue
        certificate = folder.certificate(anchor)
        if lives(certificate, at) and body.is_named_in(certificate):
            return ring, Authority(_p256(from_pem(folder.read(key), passphrase, key)), certificate)
    authority = Authority.made(at, body)
    anchor = f"{prefix}-{len(ring.anchors) + 1}.crt.pem"
    folder.write(_key_of(anchor), to_pem(authority.key, passphrase))
    folder.write(anchor, pem(authority.certificate))
    return ring.with_anchor(anchor), authority


def public_key_of(folder: Folder, entry: Entry) -> PublicKey:
    """Read what is published of a key."""
    chain = tuple(folder.certificate(name) for name in entry.chain)
    members = public_members(usable_half(chain[0].public_key(), entry.chain[0]))
    if thumbprint(members) != entry.thumbprint:
        raise KeysUnreadable(f"{entry.chain[0]} is about another key than the ring says.")
    return PublicKey(
        thumbprint=entry.thumbprint,
        slot=entry.slot,
        algorithm=algorithm_of(members),
        jwk=members,
        chain=tuple(der(certificate) for certificate in chain),
        development=entry.development,
        current=entry.state == "current",
        compromised_at=entry.compromised_at,
        body=entry.body.id if entry.body else None,
        issuer_code=entry.body.issuer_code if entry.body else None,
    )


def signing_key(folder: Folder, place: Place, passphrase: bytes | None, tokens: Tokens | None) -> Signing:
    """Open a key where it lies; one on a token is reached for when it has to sign."""
    if isinstance(place, OnToken):
        return TokenKey(tokens, place) if tokens else NoToken()
    return InFile(folder, place, passphrase)


def lives(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _p256(key: PrivateKey) -> ec.EllipticCurvePrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    raise KeysUnreadable("The key of our own authority is not one that we made.")


def _key_of(anchor: str) -> str:
    return anchor.replace(".crt.", ".key.")
