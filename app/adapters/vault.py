"""What nobody else can have written: secrets sealed for the database, and MACs of what was verified here.

Each has a key of its own in the keys' folder, made when it is first needed and encrypted under the same
passphrase as the others. It signs nothing: what is used is derived from it. Whoever has the database alone
reads no secret, and makes no MAC.
"""

import hmac
import logging
import os
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.adapters.private import COORDINATE, from_pem, generated, lies_in_clear, to_pem
from app.adapters.ring import VAULT, VOUCHING, Folder, KeysUnreadable
from app.ports import SealBroken

log: Final = logging.getLogger("sigillo.keys")
_NONCE: Final = 12  # NIST SP 800-38D, 8.2.2: drawn anew each time
_SECRETS: Final = b"sigillo: secrets of webhooks"
_VERIFIED: Final = b"sigillo: documents whose seals were verified"
_KEY: Final = 32  # bytes


@dataclass(frozen=True)
class FolderVault:
    """Seals with AES-256-GCM, the place being part of what is authenticated."""

    folder: Path
    passphrase: bytes | None = field(default=None, repr=False)

    def seal(self, secret: bytes, place: str) -> bytes:
        """Make a secret unreadable for whoever has no key; it opens for the same place alone."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Give a secret back, or raise `SealBroken`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("The secret was sealed with another key, or for another place.") from None

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(_derived(self.folder, VAULT, self.passphrase, _SECRETS))


@dataclass(frozen=True, slots=True)
class Macs:
    """HMAC-SHA-256 (FIPS 198-1) over the digests of documents; without a key it vouches for none."""

    key: bytes | None = field(repr=False)

    @classmethod
    def of(cls, folder: Path, passphrase: bytes | None = None, *, counts: bool = False) -> Self:
        """Take the key of this folder. One that cannot be opened keeps nobody from verifying all anew.

        One that lay in clear gives way to another once there is a passphrase; where the seals are ones that
        count, there is none without.
        """
        why = f"{VOUCHING} lies in clear as long as no passphrase is set."
        if passphrase or not counts:
            try:
                return cls(_derived(folder, VOUCHING, passphrase, _VERIFIED, in_clear=not passphrase))
            except KeysUnreadable as unreadable:
                why = str(unreadable)
        log.warning("seals.verified-each-time", extra={"reason": why})
        return cls(None)

    def mac(self, sha256: str) -> bytes | None:
        """Vouch for a document of this digest: its seal was verified just now."""
        return None if self.key is None else hmac.digest(self.key, sha256.encode(), "sha256")

    def knows(self, sha256: str, mac: bytes | None) -> bool:
        """Tell whether it was vouched for before."""
        its = self.mac(sha256)
        return its is not None and isinstance(mac, bytes) and hmac.compare_digest(its, mac)


def _derived(
    path: Path, name: str, passphrase: bytes | None, purpose: bytes, *, in_clear: bool = True
) -> bytes:
    """Derive a key from the one in this file, which is made where there is none, or none but `in_clear`."""
    folder = Folder(path)
    with folder.locked():
        there = os.path.lexists(path / name)  # a link that leads nowhere, too: it is to lead there again
        pem = folder.read(name) if there else b""
        if not there or (not in_clear and lies_in_clear(pem)):
            pem = to_pem(generated("p256"), passphrase)
            _write(folder, name, pem)
    key = from_pem(pem, passphrase, name)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeysUnreadable(f"{name} is a key of a kind that we do not use.")
    number = key.private_numbers().private_value.to_bytes(COORDINATE, "big")
    return HKDF(SHA256(), _KEY, salt=None, info=purpose).derive(number)


def _write(folder: Folder, name: str, pem: bytes) -> None:
    try:
        folder.write(name, pem)
    except OSError as wrong:
        raise KeysUnreadable(
            f"{folder.path / name} cannot be written ({wrong.strerror}): it is made when first needed."
        ) from wrong
