"""Second stage of issuing: what will be signed is written down to the byte, with its place in a list."""

import uuid
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.core.ids import new_id
from app.credentials import queries, standing
from app.credentials.composing import (
    LISTS,
    Composed,
    compose,
    draft_edc,
    write_ahead,
)
from app.credentials.errors import (
    CredentialNotFound,
)
from app.credentials.models import Credential, Document, Intent, Period
from app.credentials.rules import CredentialState, may_read
from app.formats.claims import Format, StatusEntry
from app.organisations.errors import PermissionMissing
from app.organisations.rules import Actor, Permission
from app.outbox import messages, trail
from app.ports import Ports
from app.status import publishing
from app.status.service import take_position

FINISH: Final = "issuance.finish"
# Whoever left the intent has this long to finish it; after that a worker takes it for an orphan.
LEASE: Final = timedelta(seconds=30)
# What every period has, made in one go and in this order: the seal first, by which a credential is public.
MADE_TOGETHER: Final = (Format.VC_JWT, Format.QR)


def intend_all(
    session: Session, ports: Ports, credential: Credential, period: Period, *, by: str, at: datetime
) -> Intent:
    """Write down all that every period has; give the seal's intent, which stands for them all."""
    intents = [
        intend(session, ports, credential, period, form, jti=uuid.uuid4().urn, by=by, at=at)
        for form in MADE_TOGETHER
    ]
    return intents[0]


def intend(
    session: Session,
    ports: Ports,
    credential: Credential,
    period: Period,
    form: Format,
    *,
    jti: str,
    by: str,
    at: datetime,
    ahead: Composed | None = None,
) -> Intent:
    """Write down what will be signed, to the byte, and leave word to finish it if we cannot."""
    intent = Intent(
        id=new_id("doc"),
        organisation_id=credential.organisation_id,
        period_id=period.id,
        format=form.value,
        jti=jti,
        created_by=by,
        created_at=at,
    )
    if form in LISTS:
        chosen, intent.list_index = take_position(
            session, LISTS[form], intent.id, organisation_id=credential.organisation_id, at=at
        )
        intent.list_id = chosen.id
    write(intent, composed(session, ports, intent, credential, period, at, ahead))
    session.add(intent)
    messages.leave(
        session,
        FINISH,
        {"intent": intent.id},
        organisation_id=credential.organisation_id,
        at=at,
        due_at=at + LEASE,
    )
    record(session, "issuance.intended", intent, credential, period, at)
    session.flush()
    return intent


def composed(
    session: Session,
    ports: Ports,
    intent: Intent,
    credential: Credential,
    period: Period,
    at: datetime,
    ahead: Composed | None,
) -> Composed:
    form = Format(intent.format)
    status, place = tuple[StatusEntry, ...](), None
    if intent.list_id is not None and intent.list_index is not None:
        place = (intent.list_id, intent.list_index)
        status = publishing.entries(ports.settings.public_url, LISTS[form], *place)
    return compose(
        session,
        ports,
        credential,
        period,
        form,
        jti=intent.jti,
        status=status,
        place=place,
        at=at,
        ahead=ahead,
    )


def write(intent: Intent, composed: Composed) -> None:
    intent.unsigned = composed.unsigned
    intent.key_thumbprint = composed.key.thumbprint


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


def ahead_anew(ports: Ports, intent: Intent, at: datetime) -> Composed | None:
    """Write what an intent is to say under the key that signs now, in the same way."""
    if intent.format != Format.EDC:
        return None
    with ports.database.reading(intent.organisation_id) as session:
        period = session.get_one(Period, intent.period_id)
        credential = queries.by_id(session, period.credential_id)
        draft = draft_edc(session, ports, credential, period, jti=intent.jti, at=at)
    return write_ahead(draft)


def record(
    session: Session,
    topic: str,
    intent: Intent,
    credential: Credential,
    period: Period,
    at: datetime,
    **facts: str,
) -> None:
    trail.record(
        session,
        topic,
        organisation_id=intent.organisation_id,
        by=intent.created_by,
        at=at,
        about={"credential": credential.id, **period.ground, "document": intent.id},
        facts={
            "number": credential.number,
            "format": intent.format,
            "key": intent.key_thumbprint,
            **({} if intent.list_id is None else {"list": intent.list_id, "index": intent.list_index}),
            **facts,
        },
    )
