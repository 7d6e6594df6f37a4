"""The one place where a key is used: sign, compare, verify with the published key, and only then hand out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.formats import jades, q1
from app.formats.jose import (
    MAX_SIGNATURE,
    PublicKeyObject,
    assemble,
    open_compact,
    open_signed,
    public_key,
)
from app.formats.strict import Malformed
from app.ports import KeysUnavailable, Signer
from app.status.errors import SigningFailed

log: Final = logging.getLogger("sigillo.signing")


class Opened(Protocol):
    """A document taken apart by the strict reader of its format."""

    @property
    def signing_input(self) -> bytes: ...

    def verified_with(self, key: PublicKeyObject) -> bool: ...


@dataclass(frozen=True, slots=True)
class Serialization:
    """How a format puts a signature to its bytes, and how its strict reader takes the two apart."""

    put: Callable[[bytes, bytes], str]
    read: Callable[[str, bytes], Opened]


def _with_low_s(unsigned: bytes, signature: bytes) -> str:
    """Of the two signatures that an offline QR has, write the one that readers take."""
    return q1.assemble(unsigned, q1.low_s(signature))


def _as_europass(unsigned: bytes, signature: bytes) -> str:
    """Write a European Digital Credential as the JSON that Europass writes."""
    return jades.assemble(unsigned, signature).general()


COMPACT: Final = Serialization(assemble, lambda token, _: open_compact(token))
# The bytes of a credential and of an offline QR were read strictly when they were linted.
DOCUMENT: Final = Serialization(assemble, open_signed)
QR: Final = Serialization(_with_low_s, q1.open_signed)
EDC: Final = Serialization(_as_europass, lambda seal, _: jades.read_seal(seal))


def signed(signer: Signer, thumbprint: str, unsigned: bytes, way: Serialization = COMPACT) -> str:
    """Sign exactly these bytes; what comes back was read strictly and verified as a stranger would (I19).

    Whatever goes wrong is one problem to the caller: nothing was signed that may be shown, try again.
    """
    (made,) = signed_all(signer, thumbprint, [unsigned], way)
    if isinstance(made, SigningFailed):
        raise made
    return made


def signed_all(
    signer: Signer, thumbprint: str, unsigned: Sequence[bytes], way: Serialization
) -> list[str | SigningFailed]:
    """Sign many in the same way; one outcome for each, in order. A signer that failed is asked no more.

    All are signed, then all are read, then all are verified: what signs and verifies drives everything else
    out of the processor's caches, and by turns it costs half as much again.
    """
    signatures, failed = _signatures(signer, thumbprint, unsigned)
    made = [_put(way, one, signature) for one, signature in zip(unsigned, signatures, strict=False)]
    published = (public_key(key.jwk) for key in signer.published() if key.thumbprint == thumbprint)
    sound = _sound([read for _, read in made], next(published, None))
    outcomes: list[str | SigningFailed] = [
        document if fine else _unsound() for (document, _), fine in zip(made, sound, strict=True)
    ]
    return outcomes if failed is None else outcomes + [failed] * (len(unsigned) - len(outcomes))


def _signatures(
    signer: Signer, thumbprint: str, unsigned: Sequence[bytes]
) -> tuple[Sequence[bytes], SigningFailed | None]:
    signatures: list[bytes] = []
    try:
        for one in unsigned:
            signatures.append(_signature(signer, thumbprint, one))  # noqa: PERF401 - those before a failure count
    except SigningFailed as failed:
        return signatures, failed
    return signatures, None


def _put(way: Serialization, unsigned: bytes, signature: bytes) -> tuple[str, Opened | None]:
    """Put a signature to its bytes, and read the whole; None where it is not of these very bytes."""
    document = way.put(unsigned, signature)
    try:
        read = way.read(document, unsigned)
    except Malformed:
        return document, None
    return document, read if read.signing_input == unsigned else None


def _signature(signer: Signer, thumbprint: str, unsigned: bytes) -> bytes:
    try:
        signature = memoryview(signer.sign(thumbprint, unsigned)).tobytes()  # of a driver, who knows
    except KeysUnavailable as away:
        log.exception("signing.unavailable", extra={"reason": str(away)})
        raise SigningFailed("The signer is out of reach. Nothing is lost; it will be tried again.") from away
    except Exception as failed:  # a card, a remote seal, a retired key: whatever it says, nothing is signed
        log.exception("signing.failed")
        raise SigningFailed("The signer did not sign. Nothing is lost; it will be tried again.") from failed
    if not 0 < len(signature) <= MAX_SIGNATURE:
        raise _unsound()
    return signature


def _sound(made: Sequence[Opened | None], key: PublicKeyObject | None) -> Sequence[bool]:
    return [read is not None and key is not None and _is_sound(read, key) for read in made]


def _is_sound(read: Opened, key: PublicKeyObject) -> bool:
    try:
        return read.verified_with(key)
    except Malformed:
        return False


def _unsound() -> SigningFailed:
    log.error("signing.unsound")
    return SigningFailed("What the signer gave does not verify. It was thrown away, and will be tried again.")
