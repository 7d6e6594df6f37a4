"""Third stage of issuing: sign what an intent says, compare, and verify with the published key."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from app.core.errors import Problem
from app.credentials import intending, queries, standing
from app.credentials.composing import LISTS, SLOTS, require_in_force
from app.credentials.intending import Intended
from app.credentials.models import Period
from app.formats.claims import Format
from app.ports import Ports, Signer
from app.status import publishing
from app.status.errors import SigningFailed
from app.status.signing import signed_document, signed_edc, signed_qr

# How each is signed, and the result written; a European Digital Credential has no place for a status.
SIGNED: Final[Mapping[Format, Callable[[Signer, str, bytes], str]]] = {
    Format.VC_JWT: signed_document,
    Format.OB_JWT: signed_document,
    Format.QR: signed_qr,
    Format.EDC: signed_edc,
}
Sealed = tuple[Intended, str]


def seal_all(
    ports: Ports, organisation_id: str, intents: Sequence[Intended], *, at: datetime
) -> dict[str, Sealed | Problem]:
    """Sign each of them and verify it, in this order; by its id, what came of it or why nothing did.

    What nobody waits for any more, since it is stored, is left out. A signer that failed once is not asked
    again for the others, and what comes after a seal that was not made is not made either.
    """
    keys: dict[Format, str] = {}
    found: dict[str, Sealed | Problem] = {}
    broken: dict[str, Problem] = {}  # by the key, or by the period whose seal failed
    try:
        _publish(ports, organisation_id, intents, at=at)
    except SigningFailed as failed:
        return dict.fromkeys((each.id for each in intents), failed)
    for intent in intents:
        why = broken.get(intent.entry.period_id) or broken.get(intent.key_thumbprint)
        try:
            current = None if why else _still_current(ports, organisation_id, intent, keys, at)
            if current is not None:
                token = SIGNED[intent.form](ports.signer, current.key_thumbprint, current.unsigned)
                found[intent.id] = current, token
        except Problem as failed:
            why = failed
            if isinstance(failed, SigningFailed):
                broken[intent.key_thumbprint] = failed
        if why is not None:
            found[intent.id] = why
            broken[intent.entry.period_id] = why
    return found


def _publish(ports: Ports, organisation_id: str, intents: Sequence[Intended], *, at: datetime) -> None:
    """See to it that every list is there before any document names it, or the first verifier meets a 404."""
    lists = {each.place.list_id: LISTS[each.form] for each in intents if each.place is not None}
    publishing.ensure_all_published(ports, organisation_id, lists, at=at)


def _still_current(
    ports: Ports, organisation_id: str, intent: Intended, keys: dict[Format, str], at: datetime
) -> Intended | None:
    """Give an intent whose key still signs. One whose key has retired since is composed anew in its place.

    What the clock puts into the future is left until it has caught up: nothing is signed as of two times.
    """
    at = standing.not_before(
        intent.at,
        at,
        "this document was written. Nothing is lost: it is signed once the clock is right",
    )
    if intent.form not in LISTS:
        with ports.database.reading(organisation_id) as session:
            credential = queries.by_id(session, intent.entry.credential_id)
            period = session.get_one(Period, intent.entry.period_id)
            standing.require_sealable(session, intent.form, credential, period, at)
    if intent.form not in keys:
        key = ports.signer.current(SLOTS[intent.form])
        if intent.key_thumbprint == key.thumbprint:
            require_in_force(key, at)
        keys[intent.form] = key.thumbprint
    if intent.key_thumbprint == keys[intent.form]:
        return intent
    return intending.compose_anew(ports, organisation_id, intent, keys[intent.form], at=at)
