"""From the chain to the endpoints: a delivery for each event that an endpoint wants to hear of.

The event is written in the transaction that makes it, and so gets its place in the chain. Each endpoint
remembers up to which place its deliveries were written, in the transaction that writes them: none is
missing and none is there twice, whoever stops when.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.ids import new_id
from app.events import queries
from app.events.errors import WebhookEndpointNotFound
from app.events.models import WebhookDelivery, WebhookDeliveryState
from app.events.rules import KEPT, EventType, Told
from app.outbox.hourly import Hourly
from app.ports import Ports

log: Final = logging.getLogger("sigillo.webhooks")
STRETCH: Final = 250  # of the chain, in one transaction: a longer write would keep requests waiting on SQLite
AGED_AT_ONCE: Final = 500


def duty(ports: Ports) -> int:
    """Write the deliveries that are not written yet, of every organisation; return how many were."""
    with ports.database.reading() as session:
        behind = queries.behind(session)
    written = 0
    for organisation_id, endpoint_id in behind:
        try:
            with ports.database.writing(organisation_id) as session:
                written += _spread(session, endpoint_id, at=ports.clock.now())
        except WebhookEndpointNotFound:
            continue  # it was removed meanwhile
        except Exception:  # the others need not wait for this one
            log.exception("webhooks.failed", extra={"organisation_id": organisation_id})
    return written


def _spread(session: Session, endpoint_id: str, *, at: datetime) -> int:
    endpoint = queries.endpoint(session, endpoint_id, lock=True)
    until = min(queries.head_of(session), endpoint.seen + STRETCH)
    types = frozenset(map(EventType, endpoint.types)) or frozenset(EventType)
    rows = [
        _row(endpoint.organisation_id, endpoint_id, key, one, at)
        for key, one in queries.stretch(session, endpoint.seen, until, types=types)
    ]
    if rows:
        session.execute(_anew(session), rows)
    endpoint.seen = until
    return len(rows)


def _row(organisation_id: str, endpoint_id: str, key: int, one: Told, at: datetime) -> dict[str, object]:
    return {
        "id": new_id("whd"),
        "organisation_id": organisation_id,
        "endpoint_id": endpoint_id,
        "event_id": one.id,
        "event_key": key,
        "seq": int(one.cursor),
        "type": one.type,
        "subject": one.subject,
        "state": WebhookDeliveryState.WAITING,
        "attempts": 0,
        "due_at": at,
        "created_at": at,
    }


def _anew(session: Session) -> Insert:
    """Insert what is new; what is there already, a replay has come to: it is sent once more."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    made = dialect.insert(WebhookDelivery.__table__)
    given = made.excluded
    return made.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=["endpoint_id", "event_id"],
        set_={
            "state": given.state,
            "attempts": given.attempts,
            "due_at": given.due_at,
            "settled_at": None,
        },
    )


def ageing(ports: Ports) -> Callable[[], None]:
    """Make a worker's duty: once an hour, forget the deliveries that were written a month ago."""
    return Hourly(ports.clock, partial(_age, ports.database))


def _age(database: Database, at: datetime) -> None:
    owners = [
        owner
        for session in database.everywhere()
        for owner in queries.owners_of_aged(session, before=at - KEPT)
    ]
    for organisation_id in owners:
        forgotten = AGED_AT_ONCE
        while forgotten == AGED_AT_ONCE:
            with database.writing(organisation_id) as session:
                forgotten = queries.forget_aged(session, before=at - KEPT, limit=AGED_AT_ONCE)
