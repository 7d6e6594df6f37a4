"""Lists as anyone may fetch them: signed when they change and again before they expire, never going back."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.formats.bitstring import MAX_TOKEN, StatusList, encode, unsigned_status_list
from app.formats.claims import Purpose, StatusEntry
from app.formats.published import did_of
from app.outbox import changes
from app.outbox.messages import Message
from app.ports import Ports, Slot
from app.status import queries
from app.status.errors import SigningFailed
from app.status.models import ListKind, PublishedList, Standing
from app.status.service import PUBLISH
from app.status.signing import signed

log: Final = logging.getLogger("sigillo.lists")
LIFE: Final = timedelta(hours=24)
RENEWED_AFTER: Final = LIFE / 2
KEPT_BY_READERS: Final = timedelta(minutes=1)

# Which standings set the bit of a list. An Open Badge has one entry, so its list says suspended of all.
SET_BY: Final[Mapping[ListKind, Mapping[Purpose, frozenset[Standing]]]] = {
    ListKind.CREDENTIAL: {
        "revocation": frozenset({Standing.REVOKED, Standing.SUPERSEDED}),
        "suspension": frozenset({Standing.SUSPENDED}),
    },
    ListKind.QR: {},
    ListKind.BADGE: {
        "suspension": frozenset({Standing.REVOKED, Standing.SUPERSEDED, Standing.SUSPENDED}),
    },
}


def list_url(base_url: str, list_id: int, purpose: Purpose) -> str:
    """Give the address of a published list, as documents name it."""
    return f"{base_url}/status/{list_id}-{purpose}"


def entries(base_url: str, kind: ListKind, list_id: int, index: int) -> tuple[StatusEntry, ...]:
    """Write the status entries of a document at this position, one for each purpose of its kind of list."""
    return tuple(
        StatusEntry(list_url(base_url, list_id, purpose), index, purpose) for purpose in SET_BY[kind]
    )


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a list says, and at which version."""

    organisation_id: str
    kind: ListKind
    size: int
    version: int
    raised: Sequence[tuple[int, Standing]]


def publish(ports: Ports, list_id: int, *, at: datetime) -> bool:
    """Sign a list as it stands, unless that is published already; tell whether anything was stored.

    Read, sign, then a short write: no key is used while the database waits. Whoever comes late with an
    older version stores nothing, so what the public sees never goes back.
    """
    with ports.database.reading() as session:
        snapshot = _snapshot(session, list_id, at)
    if snapshot is None:
        return False
    tokens = {purpose: _token(ports, list_id, purpose, snapshot, at) for purpose in SET_BY[snapshot.kind]}
    with ports.database.writing(snapshot.organisation_id) as session:
        queries.locked(session, list_id)
        if not _due(session, list_id, snapshot.kind, snapshot.version, at):
            return False
        _store(session, list_id, snapshot, tokens, at)
        changes.announce(session, f"list:{list_id}", at=at)
    return True


def keep_fresh(ports: Ports) -> None:
    """Sign again what is half-way to its end. A list that fails comes round again, and keeps none waiting."""
    at = ports.clock.now()
    with ports.database.reading() as session:
        old = queries.signed_before(session, at - RENEWED_AFTER)
    for list_id in old:
        try:
            publish(ports, list_id, at=at)
        except SigningFailed:
            continue  # logged where it happened
        except Exception:
            log.exception("list.failed", extra={"list_id": list_id})


def topics(ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def publish_list(message: Message) -> None:
        publish(ports, int(str(message.body["list"])), at=ports.clock.now())

    return {PUBLISH: publish_list}


def _snapshot(session: Session, list_id: int, at: datetime) -> _Snapshot | None:
    # The version is read before the bits: a change in between makes the bits newer than they say, which
    # its own publication repairs. The other way round it would be lost.
    found = queries.of_anyone(session, list_id)
    version = found.version
    if not _due(session, list_id, found.kind, version, at):
        return None
    return _Snapshot(found.organisation_id, found.kind, found.size, version, queries.raised(session, list_id))


def _due(session: Session, list_id: int, kind: ListKind, version: int, at: datetime) -> bool:
    """Tell whether any form of the list is missing, behind this version, or half-way to its end."""
    forms = queries.published_forms(session, list_id)
    if any(form.version > version for form in forms.values()):
        return False
    return any(
        purpose not in forms
        or forms[purpose].version < version
        or forms[purpose].signed_at <= at - RENEWED_AFTER
        for purpose in SET_BY[kind]
    )


def _token(ports: Ports, list_id: int, purpose: Purpose, snapshot: _Snapshot, at: datetime) -> str:
    base_url = ports.settings.public_url
    setting = SET_BY[snapshot.kind][purpose]
    key = ports.signer.current(Slot.STATUS)
    composed = StatusList(
        url=list_url(base_url, list_id, purpose),
        issuer_id=did_of(base_url),
        purpose=purpose,
        encoded=encode((index for index, standing in snapshot.raised if standing in setting), snapshot.size),
        valid_from=at,
        valid_until=at + LIFE,
        ttl=int(KEPT_BY_READERS.total_seconds() * 1000),
    )
    return signed(ports.signer, key.thumbprint, unsigned_status_list(composed, key), limit=MAX_TOKEN)


def _store(
    session: Session, list_id: int, snapshot: _Snapshot, tokens: Mapping[Purpose, str], at: datetime
) -> None:
    forms = queries.published_forms(session, list_id)
    for purpose, token in tokens.items():
        form = forms.get(purpose)
        if form is None:
            form = PublishedList(
                organisation_id=snapshot.organisation_id, list_id=list_id, purpose=purpose, level=6
            )
            session.add(form)
        form.version = snapshot.version
        form.token = token
        form.signed_at = at
        form.expires_at = at + LIFE
