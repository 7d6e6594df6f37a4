"""A signer in memory, held to the same contract as the folder of keys."""

from dataclasses import replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.adapters.authority import Authority
from app.adapters.private import raw_signature
from app.formats.jose import public_members, thumbprint
from app.ports import KeyNotUsable, PublicKey, Slot


class MemoryKeys:
    """Keys as real as those of a folder, gone when the test ends; `development=False` plays a bought seal."""

    def __init__(self, at: datetime, *, development: bool = True, life: timedelta | None = None) -> None:
        self._authority = Authority.made(at)
        self._development = development
        self._life = life
        self._keys: list[PublicKey] = []
        self._private: dict[str, ec.EllipticCurvePrivateKey] = {}
        for slot in Slot:
            self._make(slot, at)

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        there = [key for key in self._keys if key.slot is slot]
        own = [key for key in there if key.body == body]
        for key in own or [key for key in there if key.body is None]:
            if key.current:
                return key
        raise KeyNotUsable(f"There is no current key for {slot}.", slot=slot.value)

    def give(self, body: str, issuer_code: int, at: datetime, *slots: Slot) -> None:
        """Make keys of a body's own, which count; for all purposes unless some are named."""
        for slot in slots or Slot:
            made = self._make(slot, at)
            self._keys[-1] = replace(made, body=body, issuer_code=issuer_code, development=False)

    def forget_bodies(self) -> None:
        """Have the installation's own keys alone."""
        self._keys = [key for key in self._keys if key.body is None]

    def published(self) -> tuple[PublicKey, ...]:
        return tuple(self._keys)

    def anchors(self) -> tuple[bytes, ...]:
        return (self._authority.certificate.public_bytes(serialization.Encoding.DER),)

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        if thumbprint not in self._private:
            raise KeyNotUsable("That key is retired, or was never ours.", thumbprint=thumbprint)
        return raw_signature(self._private[thumbprint], message)

    def rotate(self, slot: Slot, at: datetime) -> PublicKey:
        retired = self.current(slot)
        self._keys[self._keys.index(retired)] = replace(retired, current=False)
        del self._private[retired.thumbprint]
        return self._make(slot, at)

    def compromise(self, slot: Slot, since: datetime, body: str | None = None) -> PublicKey:
        """Declare the newest key of a slot lost; where it signed till now, nothing does."""
        lost = [key for key in self._keys if (key.slot, key.body) == (slot, body)][-1]
        marked = replace(lost, current=False, compromised_at=since)
        self._keys[self._keys.index(lost)] = marked
        self._private.pop(lost.thumbprint, None)
        return marked

    def _make(self, slot: Slot, at: datetime) -> PublicKey:
        private = ec.generate_private_key(ec.SECP256R1())
        jwk = public_members(private.public_key())
        certificate = self._authority.seal(slot, private.public_key(), at, life=self._life)
        key = PublicKey(
            thumbprint=thumbprint(jwk),
            slot=slot,
            algorithm="ES256",
            jwk=jwk,
            chain=(certificate.public_bytes(serialization.Encoding.DER),),
            development=self._development,
            current=True,
        )
        self._keys.append(key)
        self._private[key.thumbprint] = private
        return key
