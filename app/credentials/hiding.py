"""Whether a credential is found by its number: its holder decides, or a registrar whom they asked.

What is hidden is answered for as if it had never been. Whoever holds a document or the QR still verifies it:
the holder has shown it to them.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.credentials import queries
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential
from app.credentials.rules import may_read
from app.organisations.errors import PermissionMissing
from app.organisations.rules import Actor, Permission
from app.outbox import changes, trail


def hide(session: Session, credential_id: str, *, by: Actor, at: datetime) -> Credential:
    """Let the number be looked up in vain, from now on; hiding twice is hiding once."""
    return _set(session, credential_id, at, topic="credential.hidden", by=by, at=at)


def show(session: Session, credential_id: str, *, by: Actor, at: datetime) -> Credential:
    """Let the number be found again."""
    return _set(session, credential_id, None, topic="credential.shown", by=by, at=at)


def _set(
    session: Session, credential_id: str, hidden_at: datetime | None, *, topic: str, by: Actor, at: datetime
) -> Credential:
    credential = queries.by_id(session, credential_id, lock=True)
    if not may_read(by, credential.holder_id):
        raise CredentialNotFound("There is no such credential here.")
    if credential.holder_id != by.id and not by.may(Permission.CREDENTIALS_STATUS):
        raise PermissionMissing("The holder decides who finds their number, or a registrar whom they asked.")
    if (credential.hidden_at is None) == (hidden_at is None):
        return credential
    credential.hidden_at = hidden_at
    credential.updated_at = at
    trail.record(
        session,
        topic,
        organisation_id=credential.organisation_id,
        by=by.id,
        at=at,
        about={"credential": credential.id},
        facts={"by_holder": credential.holder_id == by.id},
    )
    changes.announce(session, f"credential:{credential.number}", at=at)
    return credential
