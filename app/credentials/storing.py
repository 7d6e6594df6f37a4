"""Last stage of issuing: the document takes the place of its intent, and everybody is told."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.core import columns
from app.core.db import ORGANISATION
from app.core.errors import JsonValue
from app.credentials import prolonging, queries, standing
from app.credentials.composing import LISTS
from app.credentials.errors import CredentialNotActive, TrialCredential
from app.credentials.intending import Intended, finishing, told
from app.credentials.models import Credential, Document, Intent, Period
from app.credentials.register import Filed
from app.credentials.sealing import Sealed
from app.formats.claims import Format
from app.outbox import changes, messages, trail
from app.outbox.trail import Told
from app.ports import Ports
from app.status.models import Standing
from app.status.service import set_standing

ACCOMPANY: Final = "issuance.accompany"

_INTENT, _DOCUMENT = columns.table(Intent), columns.table(Document)
_CREDENTIAL, _PERIOD = columns.table(Credential), columns.table(Period)
_HELD: Final = (
    select(_INTENT.c.id, _INTENT.c.unsigned)
    .where(columns.inside(_INTENT), columns.among(_INTENT.c.id, "ids"))
    .order_by(_INTENT.c.id)
    .with_for_update()
)
_DONE: Final = delete(_INTENT).where(columns.inside(_INTENT), columns.among(_INTENT.c.id, "ids"))
_CREDENTIALS: Final = (
    select(_CREDENTIAL.c.id, _CREDENTIAL.c.issued_at, _CREDENTIAL.c.revoked_at)
    .where(columns.inside(_CREDENTIAL), columns.among(_CREDENTIAL.c.id, "ids"))
    .order_by(_CREDENTIAL.c.id)
    .with_for_update()
)
_PERIODS: Final = select(_PERIOD.c.id, _PERIOD.c.credential_id, _PERIOD.c.seq, _PERIOD.c.ended_on).where(
    columns.inside(_PERIOD), columns.among(_PERIOD.c.credential_id, "ids")
)
_BEFORE: Final = select(_DOCUMENT.c.id, _DOCUMENT.c.period_id, _DOCUMENT.c.format).where(
    columns.inside(_DOCUMENT),
    columns.among(_DOCUMENT.c.period_id, "ids"),
    _DOCUMENT.c.superseded_at.is_(None),
)
_ISSUED: Final = (
    update(_CREDENTIAL)
    .where(
        columns.inside(_CREDENTIAL),
        columns.among(_CREDENTIAL.c.id, "ids"),
        _CREDENTIAL.c.issued_at.is_(None),
    )
    .values(issued_at=bindparam("now"), updated_at=bindparam("now"), version=_CREDENTIAL.c.version + 1)
)
_CHANGED: Final = (
    update(_CREDENTIAL)
    .where(columns.inside(_CREDENTIAL), columns.among(_CREDENTIAL.c.id, "ids"))
    .values(updated_at=bindparam("now"), version=_CREDENTIAL.c.version + 1)
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What there is now of what was made: None in the place of a document that somebody else stored.

    The intents of `stale` say something else by now, under a newer key; they are left to be signed with it,
    and what comes after a seal is not stored before that.
    """

    documents: Mapping[str, Filed | None]
    stale: Collection[str]


def store_all(session: Session, ports: Ports, made: Sequence[Sealed], *, at: datetime) -> Stored:
    """Store what nobody else has stored, and tell everybody, in one transaction."""
    held = {row.id: row.unsigned for row in columns.read(session, _HELD, ids=[one.id for one, _ in made])}
    stale = {one.id for one, _ in made if one.id in held and held[one.id] != one.unsigned}
    seals = {one.entry.period_id for one, _ in made if one.id in stale and one.form is Format.VC_JWT}
    ready = [
        each
        for each in made
        if each[0].id in held and each[0].id not in stale and each[0].entry.period_id not in seals
    ]
    documents: dict[str, Filed | None] = {one.id: None for one, _ in made if one.id not in held}
    if ready:
        filed = _Books(session, ports, [one for one, _ in ready], at=at).take_in(ready)
        documents |= {each.id: each for each in filed}
    return Stored(documents, stale)


class _Books:
    """What the register knows of the credentials whose documents are about to be stored, their rows held."""

    def __init__(self, session: Session, ports: Ports, intents: Sequence[Intended], *, at: datetime) -> None:
        self._session = session
        self._ports = ports
        self._at = at
        whose = {one.entry.credential_id for one in intents}
        self._credentials = {row.id: row for row in columns.read(session, _CREDENTIALS, ids=[*whose])}
        # Read once the credentials are held: a review may have ended one while they were waited for.
        periods = columns.read(session, _PERIODS, ids=[*whose])
        self._periods = {row.id: row for row in periods}
        self._ended = defaultdict[str, list[Row[Any]]](list)
        for row in periods:
            if row.ended_on is not None:
                self._ended[row.credential_id].append(row)
        standing_ones = columns.read(session, _BEFORE, ids=[*{one.entry.period_id for one in intents}])
        self._before: Mapping[tuple[str, str], Row[Any]] = {
            (row.period_id, row.format): row for row in standing_ones
        }

    def take_in(self, ready: Sequence[Sealed]) -> Sequence[Filed]:
        """Put each document where its intent was."""
        session, at = self._session, self._at
        events: list[Told] = []
        rows: list[dict[str, object]] = []
        for one, token in ready:
            self._make_room(one)
            # Of the signed bytes: a digest of unsigned ones would let anybody find the name by trying names.
            sha256 = hashlib.sha256(token.encode()).hexdigest()
            rows.append(self._document(one, token, sha256))
            events.append(self._event(one, sha256))
        intents = [one for one, _ in ready]
        ids = [one.id for one in intents]
        # First, so that SQLite writes the documents where the intents stood: it wipes pages that stay free.
        columns.run(session, _DONE, ids=ids)
        columns.write(session, Document, rows)
        seals = [one for one in intents if one.form is Format.VC_JWT]
        if seals:
            columns.run(session, _ISSUED, ids=[one.entry.credential_id for one in seals], now=at)
        known = [name for name, row in self._credentials.items() if row.issued_at is not None]
        if known:
            columns.run(session, _CHANGED, ids=known, now=at)
        messages.withdraw(session, [finishing(name) for name in ids], at=at)
        trail.record_all(session, events, at=at)
        self._leave_word(intents)
        numbers = dict.fromkeys(one.entry.number for one in intents)
        changes.announce_all(session, [f"credential:{number}" for number in numbers], at=at)
        return [
            Filed(one.id, one.form, at, self._superseded_at(one), str(row["sha256"]))
            for one, row in zip(intents, rows, strict=True)
        ]

    def _make_room(self, one: Intended) -> None:
        """Mark as superseded what this document takes the place of."""
        session, at = self._session, self._at
        if one.form not in LISTS:
            credential = queries.by_id(session, one.entry.credential_id)
            period = session.get_one(Period, one.entry.period_id)
            standing.require_sealable(session, one.form, credential, period, at)
        before = self._before.get((one.entry.period_id, one.form.value))
        if before is not None:
            session.get_one(Document, before.id).superseded_at = at
            set_standing(session, [before.id], Standing.SUPERSEDED)
        if one.form is Format.VC_JWT and self._credentials[one.entry.credential_id].revoked_at is None:
            its = self._periods[one.entry.period_id]
            for older in self._ended[one.entry.credential_id]:
                if older.seq < its.seq:
                    standing.supersede(session, session.get_one(Period, older.id), at=at)

    def _superseded_at(self, one: Intended) -> datetime | None:
        """Tell when it was replaced: at once, where the review ended its period before it was signed."""
        return None if self._periods[one.entry.period_id].ended_on is None else self._at

    def _document(self, one: Intended, token: str, sha256: str) -> dict[str, object]:
        return {
            "id": one.id,
            "period_id": one.entry.period_id,
            "format": one.form.value,
            "jti": one.jti,
            "token": token,
            "sha256": sha256,
            "mac": self._ports.vouching.mac(sha256) if one.form is Format.VC_JWT else None,
            "key_thumbprint": one.key_thumbprint,
            "list_id": one.place.list_id if one.place else None,
            "list_index": one.place.index if one.place else None,
            "issued_at": self._at,
            "superseded_at": self._superseded_at(one),
            "level": prolonging.FIRST.get(one.form),
        }

    def _event(self, one: Intended, sha256: str) -> Told:
        issued = self._credentials[one.entry.credential_id].issued_at
        first = issued is None and one.form is Format.VC_JWT
        before = self._before.get((one.entry.period_id, one.form.value))
        replaced = {} if before is None else {"replaces": before.id}
        return told("credential.issued" if first else "document.issued", one, sha256=sha256, **replaced)

    def _leave_word(self, intents: Sequence[Intended]) -> None:
        """Leave the work that comes of it: time-stamps for seals that grow, and the QR codes of many."""
        session, at = self._session, self._at
        organisation_id = session.info[ORGANISATION]
        for one in intents:
            prolonging.leave_word(
                session, self._ports, one.id, one.form, organisation_id=organisation_id, at=at
            )
        coming = {one.entry.period_id for one in intents if one.form is Format.QR}
        alone = [
            one.entry.period_id
            for one in intents
            if one.form is Format.VC_JWT
            and one.entry.period_id not in coming
            and (one.entry.period_id, Format.QR.value) not in self._before
        ]
        if alone:
            body: dict[str, JsonValue] = {"periods": [*alone]}
            messages.leave(session, ACCOMPANY, body, organisation_id=organisation_id, at=at)


def drop(
    ports: Ports,
    organisation_id: str,
    intent: Intended,
    refused: CredentialNotActive | TrialCredential,
    *,
    at: datetime,
) -> None:
    """Give up what may not be made any more, unless that has changed while the credential was waited for."""
    with ports.database.writing(organisation_id) as session:
        asked = queries.intent(session, intent.id, lock=True)
        if asked is None:
            return
        period = session.get_one(Period, asked.period_id)
        credential = queries.by_id(session, period.credential_id, lock=True)
        session.refresh(period)
        if isinstance(refused, CredentialNotActive):
            with suppress(CredentialNotActive):
                standing.require_sealable(session, intent.form, credential, period, at)
                return
        if credential.issued_at is None:
            credential.closed_at = credential.updated_at = (
                at  # it never comes to be, and keeps no place for itself
            )
        session.delete(asked)
        trail.record_all(session, [told("issuance.dropped", intent, reason=refused.code)], at=at)
