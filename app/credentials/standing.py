"""Whether documents of a credential may be made and still hold: what every stage of issuing asks."""

import logging
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.credentials import queries
from app.credentials.composing import (
    LISTS,
)
from app.credentials.errors import (
    CredentialNotActive,
)
from app.credentials.models import Credential, Document, Period
from app.credentials.rules import CredentialState
from app.formats.claims import Format
from app.ports import Signer
from app.status.errors import SigningFailed
from app.status.models import Standing
from app.status.service import set_standing

log: Final = logging.getLogger("sigillo.issuing")
SKEW: Final = timedelta(minutes=1)  # between the clocks of two machines


def require_active(session: Session, credential: Credential, period: Period, at: datetime) -> None:
    state = queries.state(session, credential, period, at)
    if state is not CredentialState.ACTIVE:
        raise CredentialNotActive(f"The credential is {state}.", state=state.value)


def require_sealable(
    session: Session, form: Format, credential: Credential, period: Period, at: datetime
) -> None:
    """Refuse to seal what would be taken at its word, of a credential that has ceased to stand meanwhile.

    A document with a place in a list may come late: its place was told already.
    """
    if form not in LISTS:
        require_active(session, credential, period, at)
        if period.ended_on is not None:
            raise CredentialNotActive("The period has given way to another.", state="superseded")


def is_to_hold(session: Session, credential: Credential, period: Period, at: datetime) -> bool:
    """Tell whether a period holds or will, so that its documents are worth making anew."""
    state = queries.state(session, credential, period, at)
    return period.ended_on is None and state in {CredentialState.ACTIVE, CredentialState.NOT_YET_VALID}


def spent(session: Session, signer: Signer, document: Document) -> bool:
    """Tell whether a document is to be made anew, though nothing it says has changed.

    Its key is in other hands, so that it proves nothing to whoever cannot ask us; or the picture in it shows
    an offline QR code of which that was so.
    """
    if document.key_thumbprint in lost_keys(signer):
        return True
    return document.format == Format.EDC and queries.replaced_since(session, document, Format.QR)


def lost_keys(signer: Signer) -> frozenset[str]:
    """Name our keys that are, or may be, in other hands."""
    return frozenset(key.thumbprint for key in signer.published() if key.compromised_at is not None)


def supersede(session: Session, period: Period, *, at: datetime) -> None:
    """Let everybody know that the documents of a period hold no more."""
    names = [document.id for document in period.documents if document.superseded_at is None]
    for document in period.documents:
        document.superseded_at = document.superseded_at or at
    # What is only intended yet has its place already, and is stored under the same name.
    names += [coming.id for coming in queries.intents_of(session, period)]
    set_standing(session, names, Standing.SUPERSEDED)


def not_before(instant: datetime | None, at: datetime, what: str) -> datetime:
    """Refuse a clock that has gone back behind what is known to have happened; give the later of the two.

    Within the skew of two machines the fact is taken for the present: no document is older than its ground.
    """
    if instant is None:
        return at
    if at < instant - SKEW:
        words = f"The clock of this service has gone back behind {instant:%Y-%m-%d %H:%M} UTC, when {what}."
        log.error("clock.behind", extra={"reason": words})
        raise SigningFailed(words)
    return max(at, instant)
