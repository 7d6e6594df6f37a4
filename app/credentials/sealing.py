"""Third stage of issuing: sign what an intent says, compare, and verify with the published key."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from app.core.errors import Problem
from app.credentials import intending, queries, standing
from app.credentials.composing import LISTS, SLOTS, require_in_force
from app.credentials.intending import Intended
from app.credentials.models import Period
from app.formats.claims import Format
from app.ports import Ports
from app.status import publishing
from app.status.errors import SigningFailed
from app.status.signing import DOCUMENT, EDC, QR, Serialization, signed_all

# How each is written; what follows a seal stands behind it.
WRITTEN: Final[Mapping[Format, Serialization]] = {
    Format.VC_JWT: DOCUMENT,
    Format.OB_JWT: DOCUMENT,
    Format.QR: QR,
    Format.EDC: EDC,
}
Sealed = tuple[Intended, str]


def seal_all(
    ports: Ports, organisation_id: str, intents: Sequence[Intended], *, at: datetime
) -> dict[str, Sealed | Problem]:
    """Sign each of them and verify it; by its id, what came of it or why nothing did.

    What nobody waits for any more, since it is stored, is left out. A key that failed to sign is not asked
    for the others of that format, and what comes after a seal that was not made is not made either.
    """
    found: dict[str, Sealed | Problem] = {}
    try:
        _publish(ports, organisation_id, intents, at=at)
    except SigningFailed as failed:
        return dict.fromkeys((each.id for each in intents), failed)
    broken: dict[str, Problem] = {}  # by the period whose seal failed
    for form in WRITTEN:
        its = [each for each in intents if each.form is form]
        for one, made in _seal(ports, organisation_id, its, broken, at=at):
            if isinstance(made, Problem):
                found[one.id] = broken[one.entry.period_id] = made
            else:
                found[one.id] = one, made
    return found


def _seal(
    ports: Ports,
    organisation_id: str,
    intents: Sequence[Intended],
    broken: Mapping[str, Problem],
    *,
    at: datetime,
) -> Iterator[tuple[Intended, str | Problem]]:
    """Sign what is of one format; each key signs all that is its own in one go."""
    keys: dict[Format, str] = {}
    current = defaultdict[str, list[Intended]](list)
    for intent in intents:
        if (why := broken.get(intent.entry.period_id)) is not None:
            yield intent, why
            continue
        try:
            one = _still_current(ports, organisation_id, intent, keys, at)
        except Problem as failed:
            yield intent, failed
            continue
        if one is not None:
            current[one.key_thumbprint].append(one)
    for thumbprint, its in current.items():
        unsigned = [one.unsigned for one in its]
        yield from zip(its, signed_all(ports.signer, thumbprint, unsigned, WRITTEN[its[0].form]), strict=True)


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
        key = ports.signer.current(SLOTS[intent.form], organisation_id)
        if intent.key_thumbprint == key.thumbprint:
            require_in_force(key, at)
        keys[intent.form] = key.thumbprint
    if intent.key_thumbprint == keys[intent.form]:
        return intent
    return intending.compose_anew(ports, organisation_id, intent, keys[intent.form], at=at)
