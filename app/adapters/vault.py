"""Secrets that are used again, sealed for the database under a key of the keys' folder.

The key is made when it is first needed, and encrypted under the same passphrase as the others. It signs
nothing: what seals is derived from it. Whoever has the database alone reads no secret.
"""

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.adapters.private import COORDINATE, from_pem, generated, to_pem
from app.adapters.ring import VAULT, Folder, KeysUnreadable
from app.ports import SealBroken

_NONCE: Final = 12  # NIST SP 800-38D, 8.2.2: drawn anew each time
_PURPOSE: Final = b"sigillo: secrets of webhooks"


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
        folder = Folder(self.folder)
        with folder.locked():
            try:
                pem = folder.read(VAULT)
            except KeysUnreadable:
                if (self.folder / VAULT).exists():
                    raise
                pem = to_pem(generated("p256"), self.passphrase)
                folder.write(VAULT, pem)
        key = from_pem(pem, self.passphrase, VAULT)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeysUnreadable(f"{VAULT} is a key of a kind that we do not use.")
        number = key.private_numbers().private_value.to_bytes(COORDINATE, "big")
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(number))
