"""The list of QR keys, under the seal: composed from keys, bodies and schemes, and signed when it changes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from threading import Lock
from typing import Final

from app.formats.jose import assemble
from app.formats.keylist import (
    LIFE,
    Issuer,
    NamedScheme,
    key_list,
    open_key_list,
    signed_since,
    unsigned_key_list,
)
from app.formats.published import did_of, spoken_for
from app.ports import PublicKey, Signer, Slot
from app.schemes.catalogue import catalogue
from app.status.errors import SigningFailed
from app.status.signing import Serialization, signed

_LIST: Final = Serialization(assemble, lambda token, _: open_key_list(token))


class KeyList:
    """Remembers the list that it last signed. It is worked out alike in every process, and no row is kept."""

    def __init__(
        self,
        signer: Signer,
        public_url: str,
        issuer_code: int | None = None,
        hosted: Collection[int] = (),
    ) -> None:
        """Write the list of this address: the installation's, or that of the body with this code.

        `hosted` are the codes of all bodies that have an address of their own.
        """
        self._signer = signer
        self._code = issuer_code
        self._hosted = hosted
        self._did = did_of(public_url)
        self._signing = Lock()
        self._unsigned = b""
        self._token = ""
        self._serves_until: datetime | None = None

    def unsigned(self, issuers: Sequence[Issuer], *, at: datetime) -> bytes:
        """Write the list as it has to be now."""
        seal, keys = self._vouching(), tuple(key for key in self._published() if key.slot is Slot.QR)
        since = signed_since((seal, *keys), at)
        return unsigned_key_list(self._did, seal, key_list(self._did, keys, issuers, _schemes(), at=since))

    def known(self, unsigned: bytes) -> str | None:
        """Give the list, if this is the one that was signed last."""
        return self._token if self._unsigned == unsigned else None

    def sealed(self, unsigned: bytes, *, at: datetime) -> str:
        """Sign the list: a card or a remote seal may take its time, so nobody who is asked waits here.

        Where it cannot be signed, the one before serves to its end; without one, `SigningFailed` is raised.
        """
        with self._signing:
            if self._unsigned != unsigned:
                seal = self._vouching()
                try:
                    token = signed(self._signer, seal.thumbprint, unsigned, _LIST)
                except SigningFailed:
                    if self._serves_until is not None and at < self._serves_until:
                        return self._token
                    raise
                self._token, self._unsigned, self._serves_until = token, unsigned, at + LIFE / 2
            return self._token

    def _published(self) -> tuple[PublicKey, ...]:
        return spoken_for(self._signer.published(), self._code, self._hosted)

    def _vouching(self) -> PublicKey:
        """Choose the seal of the list: at a body's own address its own, if it ever had one.

        Elsewhere it is the installation's, unless that is for trying and the own one counts of a body that
        issues here; of several such bodies the first one's: every process has to choose alike.
        """
        own = [key for key in self._published() if key.slot is Slot.SEAL and key.issuer_code is not None]
        body = next((key.body for key in own if key.issuer_code == self._code), None)
        seal = self._signer.current(Slot.SEAL, body)
        if body is not None or not seal.development:
            return seal
        counting = {key.issuer_code: key for key in own if key.current and not key.development}
        return min(counting.items(), default=(0, seal))[1]


def _schemes() -> list[NamedScheme]:
    return [
        NamedScheme(
            code=f"{scheme.code}/{scheme.version}",
            title=scheme.title,
            standard=scheme.reference.standard,
            wording=scheme.wording.claim,
        )
        for scheme in catalogue().schemes
    ]
