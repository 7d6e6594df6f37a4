"""Reads of renewals."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.renewal.errors import RenewalNotFound
from app.renewal.models import Renewal
from app.renewal.states import PENDING


def by_id(session: Session, renewal_id: str, *, lock: bool = False) -> Renewal:
    """Find a renewal of the session's organisation; `lock` it when something hangs on how it stands."""
    query = select(Renewal).where(Renewal.id == renewal_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise RenewalNotFound("There is no such renewal here.")
    return found


def pending(session: Session, credential_id: str) -> Renewal | None:
    """Find the renewal of a credential that is filed and not decided, if there is one."""
    return session.scalars(
        select(Renewal).where(Renewal.credential_id == credential_id, Renewal.state.in_(PENDING))
    ).first()
