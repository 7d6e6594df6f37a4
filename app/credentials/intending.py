"""Second stage of issuing: what will be signed is written down to the byte, with its place in a list."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from app.core import columns
from app.core.errors import JsonValue, Problem
from app.core.ids import new_id, new_jti
from app.credentials import queries, standing
from app.credentials.composing import LISTS, Composed, Composer, Entry, draft_edc, write_ahead
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential, Document, Intent, Period
from app.credentials.rules import CredentialState, may_read
from app.formats.claims import Format
from app.organisations.errors import PermissionMissing
from app.organisations.models import Person
from app.organisations.rules import Actor, Permission
from app.outbox import messages, trail
from app.outbox.trail import Told
from app.ports import Ports
from app.status.models import ListKind
from app.status.service import Place, draw_places, give_back, take_places

FINISH: Final = "issuance.finish"
# Whoever left the intent has this long to finish it; after that a worker takes it for an orphan.
LEASE: Final = timedelta(seconds=30)
# What every period has, made in one go and in this order: the seal first, by which a credential is public.
MADE_TOGETHER: Final = (Format.VC_JWT, Format.QR)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document that is to be made."""

    entry: Entry
    form: Format
    jti: str
    ahead: Composed | None = None  # what takes long, written before anything was locked for it


@dataclass(frozen=True, slots=True)
class Intended:
    """What is to be signed, to the byte, as it was committed or is about to be."""

    id: str  # becomes the document's
    entry: Entry
    form: Format
    jti: str
    unsigned: bytes
    key_thumbprint: str
    place: Place | None
    by: str
    at: datetime


def finishing(intent_id: str) -> str:
    """Name the one message that has an intent finished."""
    return f"fin_{intent_id.removeprefix('doc_')}"


def wanted(entry: Entry, forms: Iterable[Format]) -> list[Wanted]:
    """Ask for new documents of an entry."""
    return [Wanted(entry, form, new_jti()) for form in forms]


def compose_all(
    session: Session,
    ports: Ports,
    groups: Sequence[Sequence[Wanted]],
    *,
    organisation_id: str,
    by: str,
    at: datetime,
    followed: bool = False,
) -> list[list[Intended] | Problem]:
    """Write what is wanted, and lint it; a group of which one document breaks a rule comes to nothing.

    Each has its place in a list, and nothing is written into the register yet: see `keep`. Where the offline
    QR code is to follow, it must not turn out to be impossible once the seal is out.
    """
    # In this order: a body that has a list keeps its host, and its documents are to name that one.
    places = _places(session, groups, organisation_id=organisation_id, at=at)
    composer = Composer(session, ports, at=at)
    outcomes: list[list[Intended] | Problem] = []
    for group in groups:
        its = [places[LISTS[each.form]].pop() if each.form in LISTS else None for each in group]
        try:
            if followed:
                composer.require_room(group[0].entry)
            outcomes.append(
                [_intended(composer, each, place, by, at) for each, place in zip(group, its, strict=True)]
            )
        except Problem as refused:
            give_back(session, [place for place in its if place is not None])
            outcomes.append(refused)
    return outcomes


def _places(
    session: Session, groups: Sequence[Sequence[Wanted]], *, organisation_id: str, at: datetime
) -> dict[ListKind, list[Place]]:
    """Draw as many as they need, in the order of the kinds: so no two ever wait for each other."""
    needed = defaultdict[ListKind, int](int)
    for group in groups:
        for each in group:
            if each.form in LISTS:
                needed[LISTS[each.form]] += 1
    return {
        kind: draw_places(session, kind, needed[kind], organisation_id=organisation_id, at=at)
        for kind in ListKind
        if needed[kind]
    }


def _intended(composer: Composer, asked: Wanted, place: Place | None, by: str, at: datetime) -> Intended:
    composed = composer.compose(asked.entry, asked.form, jti=asked.jti, place=place, ahead=asked.ahead)
    return Intended(
        id=new_id("doc"),
        entry=asked.entry,
        form=asked.form,
        jti=asked.jti,
        unsigned=composed.unsigned,
        key_thumbprint=composed.key.thumbprint,
        place=place,
        by=by,
        at=at,
    )


def keep(session: Session, intents: Sequence[Intended], *, at: datetime) -> None:
    """Write down what will be signed, and leave word to finish it if we cannot."""
    take_places(session, {each.id: each.place for each in intents if each.place is not None})
    columns.write(
        session,
        Intent,
        [
            {
                "id": each.id,
                "period_id": each.entry.period_id,
                "format": each.form.value,
                "jti": each.jti,
                "unsigned": each.unsigned,
                "key_thumbprint": each.key_thumbprint,
                "list_id": each.place.list_id if each.place else None,
                "list_index": each.place.index if each.place else None,
                "created_by": each.by,
                "created_at": each.at,
            }
            for each in intents
        ],
    )
    words: dict[str, dict[str, JsonValue]] = {finishing(each.id): {"intent": each.id} for each in intents}
    messages.leave_all(session, FINISH, words, at=at, due_at=at + LEASE)
    trail.record_all(session, [told("issuance.intended", each) for each in intents], at=at)


def told(topic: str, intent: Intended, **facts: str) -> Told:
    """Say what became of an intent, as events say it."""
    place = intent.place
    where: dict[str, JsonValue] = {} if place is None else {"list": place.list_id, "index": place.index}
    return Told(
        topic,
        by=intent.by,
        about={"credential": intent.entry.credential_id, **intent.entry.ground, "document": intent.id},
        facts={
            "number": intent.entry.number,
            "format": intent.form.value,
            "key": intent.key_thumbprint,
            **where,
            **facts,
        },
    )


_INTENT, _PERIOD = columns.table(Intent), columns.table(Period)
_CREDENTIAL, _PERSON = columns.table(Credential), columns.table(Person)
_DOCUMENT: Final = columns.table(Document)
_ENTRIES: Final = (
    select(
        _CREDENTIAL.c.id.label("credential_id"),
        _CREDENTIAL.c.number,
        _CREDENTIAL.c.subject_id,
        _CREDENTIAL.c.holder_id,
        _PERSON.c.name_on_credential,
        _CREDENTIAL.c.scheme_id,
        _CREDENTIAL.c.mode,
        _PERIOD.c.id.label("period_id"),
        _PERIOD.c.scheme_version,
        _PERIOD.c.valid_from,
        _PERIOD.c.valid_until,
        _PERIOD.c.decision_id,
        _PERIOD.c.renewal_id,
    )
    .join(_CREDENTIAL, _CREDENTIAL.c.id == _PERIOD.c.credential_id)
    .join(_PERSON, _PERSON.c.id == _CREDENTIAL.c.holder_id)
    .where(columns.inside(_PERIOD), columns.among(_PERIOD.c.id, "ids"))
)
_TOGETHER: Final = select(_INTENT).where(
    columns.inside(_INTENT),
    _INTENT.c.period_id
    == select(_INTENT.c.period_id).where(_INTENT.c.id == bindparam("name")).scalar_subquery(),
)
_LACKING: Final = (
    select(_PERIOD.c.id)
    .join(_CREDENTIAL, _CREDENTIAL.c.id == _PERIOD.c.credential_id)
    .where(
        columns.inside(_PERIOD),
        columns.among(_PERIOD.c.id, "ids"),
        _PERIOD.c.ended_on.is_(None),
        _CREDENTIAL.c.issued_at.is_not(None),
        _CREDENTIAL.c.closed_at.is_(None),
        _CREDENTIAL.c.revoked_at.is_(None),
        _CREDENTIAL.c.suspended_at.is_(None),
        ~exists().where(_INTENT.c.period_id == _PERIOD.c.id, _INTENT.c.format == bindparam("form")),
        ~exists().where(_DOCUMENT.c.period_id == _PERIOD.c.id, _DOCUMENT.c.format == bindparam("form")),
    )
    .order_by(_CREDENTIAL.c.id)
    .with_for_update(of=_CREDENTIAL)
)


def entries(session: Session, period_ids: Collection[str]) -> Mapping[str, Entry]:
    """Read what documents tell of these periods, each by its id."""
    return {
        row.period_id: Entry(
            credential_id=row.credential_id,
            number=row.number,
            subject_id=row.subject_id,
            holder_id=row.holder_id,
            holder_name=row.name_on_credential,
            scheme_id=row.scheme_id,
            mode=row.mode,
            period_id=row.period_id,
            scheme_version=row.scheme_version,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            ground={"decision": row.decision_id} if row.decision_id else {"renewal": row.renewal_id},
        )
        for row in columns.read(session, _ENTRIES, ids=[*period_ids])
    }


def waiting_with(session: Session, intent_id: str) -> list[Intended]:
    """Read an intent, and what was intended in one go with it, in the order in which they are signed."""
    rows = {Format(row.format): row for row in columns.read(session, _TOGETHER, name=intent_id)}
    asked = next((form for form, row in rows.items() if row.id == intent_id), None)
    if asked is None:
        return []
    together = [form for form in MADE_TOGETHER if form in rows] if asked in MADE_TOGETHER else [asked]
    entry = entries(session, [rows[asked].period_id])[rows[asked].period_id]
    return [
        Intended(
            id=row.id,
            entry=entry,
            form=form,
            jti=row.jti,
            unsigned=row.unsigned,
            key_thumbprint=row.key_thumbprint,
            place=None if row.list_id is None else Place(row.list_id, row.list_index),
            by=row.created_by,
            at=row.created_at,
        )
        for form, row in ((form, rows[form]) for form in together)
    ]


def lacking(session: Session, period_ids: Collection[str], form: Format) -> Collection[str]:
    """Name those of these periods that stand and have no document in this format, nor an intent; held."""
    rows = columns.read(session, _LACKING, ids=[*period_ids], form=form.value)
    return [row.id for row in rows]


def compose_anew(
    ports: Ports, organisation_id: str, intent: Intended, current: str, *, at: datetime
) -> Intended | None:
    """Write an intent for the key that signs now, in its place; None if somebody has stored it meanwhile.

    Number, dates, the document's name and its position stay; the header changes, by its key and its time.
    """
    ahead = _ahead_anew(ports, organisation_id, intent, at)
    with ports.database.writing(organisation_id) as session:
        held = queries.intent(session, intent.id, lock=True)
        if held is None:
            return None
        if held.key_thumbprint != current:
            composer = Composer(session, ports, at=at)
            entry = entries(session, [held.period_id])[held.period_id]
            composed = composer.compose(entry, intent.form, jti=held.jti, place=intent.place, ahead=ahead)
            held.unsigned, held.key_thumbprint = composed.unsigned, composed.key.thumbprint
            anew = replace(intent, unsigned=held.unsigned, key_thumbprint=held.key_thumbprint)
            trail.record_all(session, [told("issuance.composed-anew", anew)], at=at)
        return replace(intent, unsigned=held.unsigned, key_thumbprint=held.key_thumbprint)


def for_maker(session: Session, credential_id: str, *, by: Actor, lock: bool = False) -> Credential:
    """Find a credential for somebody who may have documents made of it."""
    credential = queries.by_id(session, credential_id, lock=lock)
    if not may_read(by, credential.holder_id):
        raise CredentialNotFound("There is no such credential here.")
    if credential.holder_id != by.id and not by.may(Permission.CREDENTIALS_ISSUE):
        raise PermissionMissing("Documents are made for the holder, or by those who issue.")
    return credential


def ahead_for(
    ports: Ports, credential_id: str, form: Format, *, jti: str, by: Actor, at: datetime
) -> Composed | None:
    """Write what takes long before anything is locked for it; None where nothing of the kind is to be made.

    Why not, if it was asked for in vain, is for the transaction to say.
    """
    if form is not Format.EDC:
        return None
    with ports.database.reading(by.organisation_id) as session:
        credential = for_maker(session, credential_id, by=by)
        period = queries.current_period(session, credential, at)
        document = queries.current_document(session, period, form)
        if (
            queries.state(session, credential, period, at) is not CredentialState.ACTIVE
            or (document is not None and not standing.spent(session, ports.signer, document))
            or queries.intent_for(session, period, form)
        ):
            return None
        draft = draft_edc(session, ports, credential, period, jti=jti, at=at)
    return write_ahead(draft)


def ahead_of(
    ports: Ports, organisation_id: str, document_id: str, *, jti: str, at: datetime
) -> Composed | None:
    """Write in the same way what is to take a document's place."""
    with ports.database.reading(organisation_id) as session:
        document = session.get_one(Document, document_id)
        period = session.get_one(Period, document.period_id)
        credential = queries.by_id(session, period.credential_id)
        if document.format != Format.EDC or not standing.is_to_hold(session, credential, period, at):
            return None
        draft = draft_edc(session, ports, credential, period, jti=jti, at=at)
    return write_ahead(draft)


def _ahead_anew(ports: Ports, organisation_id: str, intent: Intended, at: datetime) -> Composed | None:
    """Write what an intent is to say under the key that signs now, in the same way."""
    if intent.form is not Format.EDC:
        return None
    with ports.database.reading(organisation_id) as session:
        period = session.get_one(Period, intent.entry.period_id)
        credential = queries.by_id(session, period.credential_id)
        draft = draft_edc(session, ports, credential, period, jti=intent.jti, at=at)
    return write_ahead(draft)
