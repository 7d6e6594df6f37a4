"""Lists as anyone may fetch them: signed when they change and again before they expire, never going back."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from app.core.db import Database
from app.formats import bitstring, tokenlist
from app.formats.claims import Purpose, StatusEntry
from app.formats.deflate import BEST
from app.formats.jose import assemble, open_compact
from app.formats.published import did_of
from app.organisations import queries as organisations
from app.outbox import changes
from app.outbox.messages import Message
from app.ports import Ports, PublicKey, Signer, Slot
from app.status import queries
from app.status.bitmaps import VALUES, Bitmaps
from app.status.errors import SigningFailed
from app.status.models import ListKind, PublishedList, Standing
from app.status.queries import Shown
from app.status.signing import Serialization, signed

log: Final = logging.getLogger("sigillo.lists")
LIFE: Final = timedelta(hours=24)
RENEWED_AFTER: Final = LIFE / 2
AT_REST: Final = timedelta(minutes=1)  # so long after its last change, a list is made as small as can be
SKEW: Final = timedelta(minutes=1)  # between the clocks of two machines
AFTER_FAILURE: Final = timedelta(seconds=5)
KEPT_BY_READERS: Final = timedelta(minutes=1)  # a bitstring; a token list says the longest for itself
TOKEN_KEPT: Final = timedelta(minutes=5)
FAST: Final = 6  # the level of compression while a list changes

_LIST: Final = Serialization(assemble, lambda token, _: open_compact(token, limit=bitstring.MAX_TOKEN))

Form = Literal["token"] | Purpose
TOKEN: Final = "token"  # noqa: S105 - the form that lists of every kind have
PUBLISH: Final = "status-list.publish"  # messages that earlier versions left

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


def token_list_url(base_url: str, list_id: int) -> str:
    """Give the address of a list in the form that lists of every kind have."""
    return f"{base_url}/status/{list_id}"


def list_url(base_url: str, list_id: int, purpose: Purpose) -> str:
    """Give the address of a published bitstring, as documents name it."""
    return f"{token_list_url(base_url, list_id)}-{purpose}"


def entries(base_url: str, kind: ListKind, list_id: int, index: int) -> tuple[StatusEntry, ...]:
    """Write the status entries of a document at this position, one for each purpose of its kind of list."""
    return tuple(
        StatusEntry(list_url(base_url, list_id, purpose), index, purpose) for purpose in SET_BY[kind]
    )


def forms_of(kind: ListKind) -> tuple[Form, ...]:
    """Name the forms in which the lists of a kind are published, all of them at once."""
    return (TOKEN, *SET_BY[kind])


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a list says, at which version, and how tightly it is to be packed."""

    list_id: int
    organisation_id: str
    base_url: str  # of its organisation
    kind: ListKind
    version: int
    level: int
    states: bytes


class Publisher:
    """Publishes lists, and remembers what the last ones said. It belongs to one thread."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._bitmaps = Bitmaps()
        self._failed: dict[int, datetime] = {}

    def keep_up(self) -> None:
        """Publish every list that the public sees too little of. One that fails keeps no other waiting."""
        at = self._ports.clock.now()
        with self._ports.database.reading() as session:
            waiting = queries.behind(
                session,
                TOKEN,
                best=BEST,
                resting=at - AT_REST,
                old=at - RENEWED_AFTER,
                ahead=at + SKEW,
                keys=_sound_keys(self._ports.signer),  # of whichever body: `publish` looks at whose
            )
        for list_id in waiting:
            if timedelta(0) <= at - self._failed.get(list_id, at - AFTER_FAILURE) < AFTER_FAILURE:
                continue
            try:
                self.publish(list_id, at=at)
                self._failed.pop(list_id, None)
            except SigningFailed:
                self._failed[list_id] = at  # logged where it happened
            except Exception:
                self._failed[list_id] = at
                log.exception("list.failed", extra={"list_id": list_id})

    def publish(self, list_id: int, *, at: datetime) -> bool:
        """Sign a list as it stands, unless that is published already; tell whether anything was stored.

        What comes too soon after the last signing waits for the next pass. Read, sign, then a short write:
        no key is used while the database waits. Whoever comes late with an older version stores nothing,
        so what the public sees never goes back.
        """
        with self._ports.database.reading() as session:
            snapshot = self._read(session, list_id, at)
        if snapshot is None:
            return False
        signer = self._ports.signer
        key = signer.current(Slot.STATUS, snapshot.organisation_id)
        signed_forms = self._sign(snapshot, key, at)
        with self._ports.database.writing(snapshot.organisation_id) as session:
            queries.locked(session, list_id)
            seen = queries.shown(session, list_id)
            sound = _sound_keys(signer, snapshot.organisation_id)
            if _due(snapshot.kind, snapshot.version, seen, sound, at) is None:
                return False
            _store(session, snapshot, seen, signed_forms, key, at)
            changes.announce(session, f"list:{list_id}", at=at)
        return True

    def _read(self, session: Session, list_id: int, at: datetime) -> _Snapshot | None:
        # The version is read before the bits: a change in between makes the bits newer than they say,
        # which its own publication repairs. The other way round it would be lost.
        found = queries.of_anyone(session, list_id)
        seen = queries.shown(session, list_id)
        sound = _sound_keys(self._ports.signer, found.organisation_id)
        level = _due(found.kind, found.version, seen, sound, at)
        if level is None or (
            level == FAST and _too_soon(found.kind, seen, at, self._ports.settings.list_pause)
        ):
            return None
        # At rest every position is read anew: whatever memory got wrong, it is wrong no longer than that.
        published = min(form.version for form in seen.values()) if seen and level == FAST else None
        states = self._bitmaps.read(session, found, published=published)
        base_url = organisations.organisation(session, found.organisation_id).address(
            self._ports.settings.public_url
        )
        return _Snapshot(list_id, found.organisation_id, base_url, found.kind, found.version, level, states)

    def _sign(self, snapshot: _Snapshot, key: PublicKey, at: datetime) -> dict[Form, str]:
        signer = self._ports.signer
        return {
            form: signed(signer, key.thumbprint, self._compose(snapshot, form, key, at), _LIST)
            for form in forms_of(snapshot.kind)
        }

    def _compose(self, snapshot: _Snapshot, form: Form, key: PublicKey, at: datetime) -> bytes:
        """Write a form of a list from its states, the one source of them all."""
        base_url = snapshot.base_url
        if form == "token":
            token_list = tokenlist.TokenList(
                url=token_list_url(base_url, snapshot.list_id),
                issuer_id=did_of(base_url),
                encoded=tokenlist.compress(snapshot.states, level=snapshot.level),
                issued_at=at,
                expires_at=at + LIFE,
                ttl=int(TOKEN_KEPT.total_seconds()),
            )
            return tokenlist.unsigned_token_list(token_list, key)
        raising = frozenset(VALUES[standing] for standing in SET_BY[snapshot.kind][form])
        bits = bitstring.StatusList(
            url=list_url(base_url, snapshot.list_id, form),
            issuer_id=did_of(base_url),
            purpose=form,
            encoded=bitstring.compress(bitstring.of_states(snapshot.states, raising), level=snapshot.level),
            valid_from=at,
            valid_until=at + LIFE,
            ttl=int(KEPT_BY_READERS.total_seconds() * 1000),
        )
        return bitstring.unsigned_status_list(bits, key)


# Lists that were seen in every form: one is replaced by its next, and never taken back.
_out: Final = WeakKeyDictionary[Database, set[int]]()


def ensure_all_published(
    ports: Ports, organisation_id: str, lists: Mapping[int, ListKind], *, at: datetime
) -> None:
    """Publish those of an organisation's lists that lack a form, before a document names them."""
    out = _out.setdefault(ports.database, set())
    unknown = {list_id: kind for list_id, kind in lists.items() if list_id not in out}
    if not unknown:
        return
    with ports.database.reading(organisation_id) as session:
        seen = queries.forms_of(session, unknown)
    for list_id, kind in unknown.items():
        if seen[list_id] >= {*forms_of(kind)}:
            out.add(list_id)
        else:
            Publisher(ports).publish(list_id, at=at)


def topics(publisher: Publisher, ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def publish_list(message: Message) -> None:
        publisher.publish(int(str(message.body["list"])), at=ports.clock.now())

    return {PUBLISH: publish_list}


def _sound_keys(signer: Signer, organisation_id: str | None = None) -> frozenset[str]:
    """Name the keys of ours, retired ones too, whose lists a verifier takes at their word.

    Those of an organisation may be signed with its own, and with what is nobody's in particular: what was
    signed so before it had its own stands until its turn comes.
    """
    return frozenset(
        key.thumbprint
        for key in signer.published()
        if key.slot is Slot.STATUS
        and key.compromised_at is None
        and (organisation_id is None or key.serves(organisation_id))
    )


def _due(
    kind: ListKind, version: int, seen: Mapping[str, Shown], keys: Collection[str], at: datetime
) -> int | None:
    """Tell at which level a list is to be packed and signed, or that what is published will do.

    What a key signed that is in other hands by now, or is none of ours, will not do: nobody believes it.
    """
    if any(form.version > version for form in seen.values()):
        return None
    if any(form not in seen or seen[form].version < version for form in forms_of(kind)):
        return FAST
    if any(form.key_thumbprint not in keys for form in seen.values()):
        return BEST
    ages = [at - form.signed_at for form in seen.values()]
    if not all(-SKEW <= age < RENEWED_AFTER for age in ages):
        return BEST
    if any(form.level < BEST for form in seen.values()) and min(ages) >= AT_REST:
        return BEST
    return None


def _too_soon(kind: ListKind, seen: Mapping[str, Shown], at: datetime, pause: timedelta) -> bool:
    """Tell whether a list was signed just now. One that lacks a form is never made to wait."""
    return all(form in seen and timedelta(0) <= at - seen[form].signed_at < pause for form in forms_of(kind))


def _store(
    session: Session,
    snapshot: _Snapshot,
    seen: Mapping[str, Shown],
    signed_forms: Mapping[Form, str],
    key: PublicKey,
    at: datetime,
) -> None:
    for form, token in signed_forms.items():
        values = {
            "version": snapshot.version,
            "level": snapshot.level,
            "token": token,
            "key_thumbprint": key.thumbprint,
            "signed_at": at,
            "expires_at": at + LIFE,
        }
        if form in seen:
            queries.replace_form(session, snapshot.list_id, form, values)
        else:
            session.add(
                PublishedList(
                    organisation_id=snapshot.organisation_id,
                    list_id=snapshot.list_id,
                    purpose=form,
                    **values,
                )
            )
