"""Under which host a body issues: settled before its first document, since they all name it for good."""

from datetime import datetime
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import Owned, enter
from app.core.hosts import read_host
from app.credentials.models import Document, Intent
from app.organisations import queries as organisations
from app.organisations.errors import HostNamed, HostNotUsable, HostTaken
from app.organisations.models import Organisation
from app.outbox import changes, trail
from app.status.models import StatusList

NAMING: Final[tuple[type[Owned], ...]] = (StatusList, Intent, Document)


def set_host(
    session: Session, organisation_id: str, typed: str | None, *, public_url: str, by: str, at: datetime
) -> Organisation:
    """Let a body issue under a host of its own; None: under that of the installation at `public_url`."""
    try:
        host = None if typed is None else read_host(typed, public_url)
    except ValueError as unfit:
        raise HostNotUsable(str(unfit)) from None
    enter(session, organisations.organisation(session, organisation_id).id)
    # Whoever opens its first status list holds the same row: either they read this host, or we see the list.
    body = organisations.organisation_locked(session, organisation_id)
    if host == body.host:
        return body
    if any(session.scalar(select(exists(select(each)))) for each in NAMING):
        raise HostNamed("A body that has issued keeps its address: its documents name it.")
    try:
        with session.begin_nested():
            body.host = host
    except IntegrityError:
        raise HostTaken(f"Another body of this installation has the host {host}.") from None
    trail.record(
        session,
        "organisation.host-set",
        organisation_id=body.id,
        by=by,
        at=at,
        about={"organisation": body.id},
        facts={"host": host},
    )
    changes.announce(session, f"organisation:{body.id}", at=at)
    return body
