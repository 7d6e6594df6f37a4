"""Third stage of issuing: sign what an intent says, compare, and verify with the published key."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from app.credentials import intending, queries, standing
from app.credentials.composing import (
    LISTS,
    SLOTS,
    require_in_force,
)
from app.credentials.intending import MADE_TOGETHER
from app.credentials.models import Intent, Period
from app.formats.claims import Format
from app.ports import Ports, Signer
from app.status import publishing
from app.status.signing import signed, signed_edc, signed_qr

# How each is signed, and the result written; a European Digital Credential has no place for a status.
SIGNED: Final[Mapping[Format, Callable[[Signer, str, bytes], str]]] = {
    Format.VC_JWT: signed,
    Format.OB_JWT: signed,
    Format.QR: signed_qr,
    Format.EDC: signed_edc,
}


def waiting_with(ports: Ports, organisation_id: str, intent_id: str) -> list[Intent]:
    """Read an intent, and what was intended in one go with it, in the order in which they are signed."""
    with ports.database.reading(organisation_id) as session:
        asked = queries.intent(session, intent_id)
        if asked is None:
            return []
        together = [asked]
        if asked.format in MADE_TOGETHER:
            waiting = queries.intents_of(session, session.get_one(Period, asked.period_id))
            together = [each for form in MADE_TOGETHER for each in waiting if each.format == form]
    return together


def still_current(ports: Ports, organisation_id: str, intent: Intent, at: datetime) -> Intent | None:
    """Give an intent whose key still signs. One whose key has retired since is composed anew in its place.

    Number, dates, the document's name and its position stay; the header changes, by its key and its time.
    What the clock puts into the future is left until it has caught up: nothing is signed as of two times.
    """
    at = standing.not_before(
        intent.created_at,
        at,
        "this document was written. Nothing is lost: it is signed once the clock is right",
    )
    if Format(intent.format) not in LISTS:
        with ports.database.reading(organisation_id) as session:
            period = session.get_one(Period, intent.period_id)
            standing.require_sealable(session, intent, queries.by_id(session, period.credential_id), at)
    key = ports.signer.current(SLOTS[Format(intent.format)])
    current = key.thumbprint
    if intent.key_thumbprint == current:
        require_in_force(key, at)
        return intent
    ahead = intending.ahead_anew(ports, intent, at)
    with ports.database.writing(organisation_id) as session:
        held = queries.intent(session, intent.id, lock=True)
        if held is not None and held.key_thumbprint != current:
            period = session.get_one(Period, held.period_id)
            credential = queries.by_id(session, period.credential_id)
            intending.write(held, intending.composed(session, ports, held, credential, period, at, ahead))
            intending.record(session, "issuance.composed-anew", held, credential, period, at)
    return held


def sealed(ports: Ports, intent: Intent, *, at: datetime) -> str:
    # A list must be there before any document names it, or the first verifier meets a 404.
    if intent.list_id is not None:
        publishing.ensure_published(ports, intent.list_id, at=at)
    return SIGNED[Format(intent.format)](ports.signer, intent.key_thumbprint, intent.unsigned)
