"""Last stage of issuing: the document takes the place of its intent, and everybody is told."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from app.credentials import intending, prolonging, queries, standing
from app.credentials.errors import (
    CredentialNotActive,
    TrialCredential,
)
from app.credentials.models import Document, Intent, Period
from app.formats.claims import Format
from app.outbox import changes
from app.ports import Ports
from app.status.errors import SigningFailed
from app.status.models import Standing
from app.status.service import set_standing


def store_all(
    session: Session, ports: Ports, made: Mapping[str, tuple[bytes, str]], asked: str, *, at: datetime
) -> None:
    """Store what nobody else has stored, and tell everybody, in one transaction.

    What was asked for does not hang on what comes after it.
    """
    intents = {name: queries.intent(session, name, lock=True) for name in made}
    settled, numbers = False, set[str]()
    for name, (unsigned, token) in made.items():
        intent = intents[name]
        if intent is not None and intent.unsigned == unsigned:
            numbers.add(_store(session, intent, token, at=at))
            prolonging.leave_word(session, ports, intent, at=at)
        elif intent is not None and not settled:
            raise SigningFailed(
                "The key was replaced meanwhile. The document will be signed with the new one."
            )
        settled = settled or name == asked
    for number in numbers:
        changes.announce(session, f"credential:{number}", at=at)


def _store(session: Session, intent: Intent, token: str, *, at: datetime) -> str:
    """Put the document where its intent was; return the number under which everybody is to be told."""
    period = session.get_one(Period, intent.period_id)
    credential = queries.by_id(session, period.credential_id, lock=True)
    session.refresh(period)  # a review may have ended it while the credential was waited for
    standing.require_sealable(session, intent, credential, at)
    before = queries.current_document(session, period, Format(intent.format))
    if before is not None:
        before.superseded_at = at
        set_standing(session, [before.id], Standing.SUPERSEDED)
    # Of the signed bytes: a digest of unsigned ones would let anybody find the name by trying names.
    sha256 = hashlib.sha256(token.encode()).hexdigest()
    session.add(
        Document(
            id=intent.id,
            organisation_id=intent.organisation_id,
            period_id=intent.period_id,
            format=intent.format,
            jti=intent.jti,
            token=token,
            sha256=sha256,
            key_thumbprint=intent.key_thumbprint,
            list_id=intent.list_id,
            list_index=intent.list_index,
            issued_at=at,
            superseded_at=at if period.ended_on else None,  # the review ended it before it was signed
            level=prolonging.FIRST.get(intent.format),
        )
    )
    if intent.format == Format.VC_JWT and credential.revoked_at is None:
        for older in credential.periods:
            if older.ended_on is not None and older.seq < period.seq:
                standing.supersede(session, older, at=at)
    topic = "document.issued"
    if credential.issued_at is None and intent.format == Format.VC_JWT:
        credential.issued_at = at
        topic = "credential.issued"
    replaced = {} if before is None else {"replaces": before.id}
    intending.record(session, topic, intent, credential, period, at, sha256=sha256, **replaced)
    session.delete(intent)
    return credential.number


def drop(
    ports: Ports,
    organisation_id: str,
    intent_id: str,
    refused: CredentialNotActive | TrialCredential,
    *,
    at: datetime,
) -> None:
    """Give up what may not be made any more, unless that has changed while the credential was waited for."""
    with ports.database.writing(organisation_id) as session:
        asked = queries.intent(session, intent_id, lock=True)
        if asked is None:
            return
        period = session.get_one(Period, asked.period_id)
        credential = queries.by_id(session, period.credential_id, lock=True)
        session.refresh(period)
        if isinstance(refused, CredentialNotActive):
            with suppress(CredentialNotActive):
                standing.require_sealable(session, asked, credential, at)
                return
        if credential.issued_at is None:
            credential.closed_at = at  # it never comes to be, and keeps no place for itself
        intending.record(session, "issuance.dropped", asked, credential, period, at, reason=refused.code)
        session.delete(asked)
