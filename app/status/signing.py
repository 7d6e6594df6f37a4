"""The one place where a key is used: sign, compare, verify with the published key, and only then hand out."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from app.formats import jades, q1
from app.formats.jose import MAX_TOKEN, assemble, open_compact, open_signed
from app.formats.strict import Malformed
from app.ports import KeysUnavailable, Signer
from app.status.errors import SigningFailed

log: Final = logging.getLogger("sigillo.signing")


class Opened(Protocol):
    """A document taken apart by the strict reader of its format."""

    @property
    def signing_input(self) -> bytes: ...

    def verified_by(self, jwk: Mapping[str, object]) -> bool: ...


def signed(
    signer: Signer,
    thumbprint: str,
    unsigned: bytes,
    *,
    limit: int = MAX_TOKEN,
    reader: Callable[[str], Opened] | None = None,
) -> str:
    """Sign exactly these bytes; what comes back was read strictly and verified as a stranger would (I19).

    Whatever goes wrong is one problem to the caller: nothing was signed that may be shown, try again.
    `reader` is the strict reader of a format that is no credential and no list of their status.
    """
    token = assemble(unsigned, _signature(signer, thumbprint, unsigned))
    return _sound(signer, thumbprint, unsigned, token, reader or partial(open_compact, limit=limit))


def signed_document(signer: Signer, thumbprint: str, unsigned: bytes) -> str:
    """Sign the bytes of a credential in the same way; they were read strictly when they were linted."""
    token = assemble(unsigned, _signature(signer, thumbprint, unsigned))
    return _sound(signer, thumbprint, unsigned, token, partial(open_signed, unsigned=unsigned))


def signed_qr(signer: Signer, thumbprint: str, unsigned: bytes) -> str:
    """Sign the bytes of an offline QR in the same way; of its two signatures, the one that readers take."""
    digits = q1.assemble(unsigned, q1.low_s(_signature(signer, thumbprint, unsigned)))
    return _sound(signer, thumbprint, unsigned, digits, partial(q1.open_signed, unsigned=unsigned))


def signed_edc(signer: Signer, thumbprint: str, unsigned: bytes) -> str:
    """Sign the bytes of a European Digital Credential in the same way; give the JSON that Europass writes."""
    seal = jades.assemble(unsigned, _signature(signer, thumbprint, unsigned))
    return _sound(signer, thumbprint, unsigned, seal.general(), jades.read_seal)


def _signature(signer: Signer, thumbprint: str, unsigned: bytes) -> bytes:
    try:
        return signer.sign(thumbprint, unsigned)
    except KeysUnavailable as away:
        log.exception("signing.unavailable", extra={"reason": str(away)})
        raise SigningFailed("The signer is out of reach. Nothing is lost; it will be tried again.") from away
    except Exception as failed:  # a card, a remote seal, a retired key: whatever it says, nothing is signed
        log.exception("signing.failed")
        raise SigningFailed("The signer did not sign. Nothing is lost; it will be tried again.") from failed


def _sound(
    signer: Signer, thumbprint: str, unsigned: bytes, document: str, reader: Callable[[str], Opened]
) -> str:
    published = (key for key in signer.published() if key.thumbprint == thumbprint)
    try:
        read = reader(document)
        sound = read.signing_input == unsigned and any(read.verified_by(key.jwk) for key in published)
    except Malformed:
        sound = False
    if not sound:
        log.error("signing.unsound")
        raise SigningFailed(
            "What the signer gave does not verify. It was thrown away, and will be tried again."
        )
    return document
