"""The one place where a key is used: sign, compare, verify with the published key, and only then hand out."""

import logging
from typing import Final

from app.formats.jose import MAX_TOKEN, assemble, open_compact
from app.formats.strict import Malformed
from app.ports import Signer
from app.status.errors import SigningFailed

log: Final = logging.getLogger("sigillo.signing")


def signed(signer: Signer, thumbprint: str, unsigned: bytes, *, limit: int = MAX_TOKEN) -> str:
    """Sign exactly these bytes; what comes back was read strictly and verified as a stranger would (I19).

    Whatever goes wrong is one problem to the caller: nothing was signed that may be shown, try again.
    """
    try:
        signature = signer.sign(thumbprint, unsigned)
    except Exception as failed:  # a card, a remote seal, a retired key: whatever it says, nothing is signed
        log.exception("signing.failed")
        raise SigningFailed("The signer did not sign. Nothing is lost; it will be tried again.") from failed
    token = assemble(unsigned, signature)
    if not _sound(signer, thumbprint, unsigned, token, limit):
        log.error("signing.unsound")
        raise SigningFailed(
            "What the signer gave does not verify. It was thrown away, and will be tried again."
        )
    return token


def _sound(signer: Signer, thumbprint: str, unsigned: bytes, token: str, limit: int) -> bool:
    published = (key for key in signer.published() if key.thumbprint == thumbprint)
    try:
        read = open_compact(token, limit=limit)
        return read.signing_input == unsigned and any(read.verified_by(key.jwk) for key in published)
    except Malformed:
        return False
