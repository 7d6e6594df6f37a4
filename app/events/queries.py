"""Reads of events, endpoints and deliveries."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from app.core.db import EVERY_ORGANISATION
from app.core.errors import CursorUnknown
from app.events.errors import WebhookDeliveryNotFound, WebhookEndpointNotFound
from app.events.models import WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from app.events.rules import RETRIES, EventType, Told, told, topics_of
from app.outbox.trail import Event, EventHead, EventLink

LOOKED_AT: Final = 5_000  # places of the chain, for one page: most steps are nobody's business


@dataclass(frozen=True, slots=True)
class Leaf:
    """A stretch of the chain: what the outside may know of it, and where it ends."""

    told: Sequence[Told]
    cursor: int
    more: bool


def head_of(session: Session) -> int:
    """Tell how many events of the organisation have their place in its chain."""
    return session.scalars(select(EventHead.seq)).one()


def place_before(session: Session, at: datetime) -> int:
    """Find the last place of the chain from before a time, by halves: it grows by the time."""
    first, end = 0, head_of(session)
    while first < end:
        middle = (first + end + 1) // 2
        happened = session.scalars(
            select(Event.at).join(EventLink, EventLink.event_id == Event.id).where(EventLink.seq == middle)
        ).one()
        first, end = (middle, end) if happened < at else (first, middle - 1)
    return first


def events_after(session: Session, after: int, *, types: Collection[EventType], limit: int) -> Leaf:
    """Read on in the order of the chain, in which no event ever comes before one that was read."""
    head = head_of(session)  # first: what is appended meanwhile is for the next time
    if after > head:
        raise CursorUnknown(f"The last event so far has the cursor {head}.", last=str(head))
    until = min(head, after + LOOKED_AT)
    wanted = frozenset(types or EventType)
    rows = _between(session, after, until, types=wanted, limit=limit + 1)
    further = len(rows) > limit
    end = rows[limit - 1][1].seq if further else until
    found = [one for event, link in rows[:limit] if (one := told(event, link)) and one.type in wanted]
    return Leaf(found, end, more=further or until < head)


def stretch(
    session: Session, after: int, until: int, *, types: frozenset[EventType]
) -> list[tuple[int, Told]]:
    """Give what the outside may know of the events between two places, each with its own key."""
    return [
        (event.id, one)
        for event, link in _between(session, after, until, types=types)
        if (one := told(event, link)) and one.type in types
    ]


def _between(
    session: Session, after: int, until: int, *, types: frozenset[EventType], limit: int | None = None
) -> Sequence[tuple[Event, EventLink]]:
    rows = session.execute(
        select(Event, EventLink)
        .join(EventLink, EventLink.event_id == Event.id)
        .where(EventLink.seq > after, EventLink.seq <= until, Event.topic.in_(topics_of(types)))
        .order_by(EventLink.seq)
        .limit(limit)
    )
    return [(event, link) for event, link in rows]


def endpoint(session: Session, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
    asked = select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    found = session.scalars(asked.with_for_update() if lock else asked).first()
    if found is None:
        raise WebhookEndpointNotFound("There is no such webhook endpoint here.")
    return found


def endpoints(session: Session, *, after: str | None = None, limit: int) -> Sequence[WebhookEndpoint]:
    asked = select(WebhookEndpoint).order_by(WebhookEndpoint.id).limit(limit)
    return session.scalars(asked if after is None else asked.where(WebhookEndpoint.id > after)).all()


def delivery(session: Session, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
    found = session.scalars(
        select(WebhookDelivery).where(
            WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id
        )
    ).first()
    if found is None:
        raise WebhookDeliveryNotFound("There is no such delivery to this endpoint.")
    return found


def deliveries(
    session: Session, endpoint_id: str, *, state: WebhookDeliveryState | None, after: str | None, limit: int
) -> Sequence[WebhookDelivery]:
    """List deliveries, those of the latest events first."""
    asked = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if state is not None:
        asked = asked.where(WebhookDelivery.state == state)
    if after is not None:
        last = delivery(session, endpoint_id, after)
        same = and_(WebhookDelivery.seq == last.seq, WebhookDelivery.id < last.id)
        asked = asked.where(or_(WebhookDelivery.seq < last.seq, same))
    order = WebhookDelivery.seq.desc(), WebhookDelivery.id.desc()
    return session.scalars(asked.order_by(*order).limit(limit)).all()


Place = tuple[str, str]  # an organisation, and an endpoint of it


def behind(session: Session) -> Sequence[Place]:
    """Name the endpoints, of every organisation, whose deliveries are not all written yet."""
    if session.get_bind().dialect.name == "postgresql":
        return _places(session.execute(text("SELECT * FROM webhooks_behind()")))
    rows = session.execute(
        select(WebhookEndpoint.organisation_id, WebhookEndpoint.id)
        .join(EventHead, EventHead.organisation_id == WebhookEndpoint.organisation_id)
        .where(WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.seen < EventHead.seq),
        execution_options=EVERY_ORGANISATION,
    )
    return _places(rows)


def due(session: Session, *, at: datetime, share: int, limit: int) -> Sequence[Place]:
    """Name the endpoints, of every organisation, to which something is to be sent and nobody sends.

    Of each organisation no more than its share, with those that are visited already; first those whose
    organisation has the fewest, and of them those that have waited longest.
    """
    if session.get_bind().dialect.name == "postgresql":
        asked = text("SELECT * FROM webhooks_due(:at, :share, :limit)")
        return _places(session.execute(asked, {"at": at, "share": share, "limit": limit}))
    visited = aliased(WebhookEndpoint)
    since = (
        select(func.min(WebhookDelivery.due_at))
        .where(
            WebhookDelivery.endpoint_id == WebhookEndpoint.id,
            WebhookDelivery.state == WebhookDeliveryState.WAITING,
        )
        .scalar_subquery()
    )
    visits = (
        select(func.count(visited.id))
        .where(
            visited.organisation_id == WebhookEndpoint.organisation_id,
            visited.lease_owner.is_not(None),
            visited.lease_until >= at,
        )
        .scalar_subquery()
    )
    queue = func.row_number().over(
        partition_by=WebhookEndpoint.organisation_id, order_by=(since, WebhookEndpoint.id)
    )
    found = (
        select(
            WebhookEndpoint.organisation_id,
            WebhookEndpoint.id,
            since.label("since"),
            (queue + visits).label("turn"),
        )
        .where(
            WebhookEndpoint.disabled_at.is_(None),
            or_(WebhookEndpoint.lease_until.is_(None), WebhookEndpoint.lease_until < at),
            since <= at,
        )
        .subquery()
    )
    rows = session.execute(
        select(found.c.organisation_id, found.c.id)
        .where(found.c.turn <= share)
        .order_by(found.c.turn, found.c.since, found.c.id)
        .limit(limit),
        execution_options=EVERY_ORGANISATION,
    )
    return _places(rows)


def _places(rows: Iterable[Any]) -> Sequence[Place]:
    return [(organisation_id, endpoint_id) for organisation_id, endpoint_id in rows]


def take(session: Session, endpoint_id: str, owner: str, *, at: datetime, until: datetime) -> bool:
    """Put an endpoint under a lease, unless somebody else was faster."""
    taken = session.execute(
        update(WebhookEndpoint)
        .where(
            WebhookEndpoint.id == endpoint_id,
            or_(WebhookEndpoint.lease_until.is_(None), WebhookEndpoint.lease_until < at),
        )
        .values(lease_owner=owner, lease_until=until)
        .returning(WebhookEndpoint.id),
        execution_options={"synchronize_session": False},
    )
    return taken.first() is not None


def put_right(session: Session, *, at: datetime, ahead: datetime) -> None:
    """End, in every organisation that is seen here, what no clock wrote that was right: it goes on now.

    Such are a lease that ends after `ahead`; a wait for another try since later than `ahead`, or for twice
    as long as the longest; and a wait that nothing was tried before, and that is for no earlier event.
    """
    everywhere = {**EVERY_ORGANISATION, "synchronize_session": False}
    session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.lease_until > ahead)
        .values(lease_owner=None, lease_until=None),
        execution_options=everywhere,
    )
    earlier = aliased(WebhookDelivery)
    untried = and_(WebhookDelivery.attempts == 0, ~exists().where(*_before(earlier)))
    tried_ahead = and_(WebhookDelivery.attempts > 0, WebhookDelivery.tried_at > ahead)
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id.in_(select(WebhookEndpoint.id)),  # by its index, and each body's own
            WebhookDelivery.state == WebhookDeliveryState.WAITING,
            WebhookDelivery.due_at > ahead,
            or_(untried, tried_ahead, WebhookDelivery.due_at > at + 2 * RETRIES[-1]),
        )
        .values(due_at=at),
        execution_options=everywhere,
    )


def owners_of_aged(session: Session, *, before: datetime) -> Sequence[str]:
    """Name the organisations that have deliveries from before a time."""
    return session.scalars(
        select(WebhookDelivery.organisation_id).where(WebhookDelivery.created_at < before).distinct(),
        execution_options=EVERY_ORGANISATION,
    ).all()


def forget_aged(session: Session, *, before: datetime, limit: int) -> int:
    """Forget some deliveries from before a time; return how many."""
    old = session.scalars(
        select(WebhookDelivery.id).where(WebhookDelivery.created_at < before).limit(limit)
    ).all()
    session.execute(
        delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)),
        execution_options={"synchronize_session": False},
    )
    return len(old)


def wave(session: Session, endpoint_id: str, *, at: datetime, limit: int) -> Sequence[WebhookDelivery]:
    """Choose what is sent next: what is due, and of each thing its earliest event alone."""
    earlier = aliased(WebhookDelivery)
    return session.scalars(
        select(WebhookDelivery)
        .where(*_due(endpoint_id, at), ~exists().where(*_before(earlier)))
        .order_by(WebhookDelivery.seq)
        .limit(limit)
    ).all()


def put_off(session: Session, endpoint_id: str, *, at: datetime) -> None:
    """Let what waits for an earlier event of the same thing be due no sooner than that is."""
    earlier = aliased(WebhookDelivery)
    until = select(func.max(earlier.due_at)).where(*_before(earlier)).scalar_subquery()
    session.execute(
        update(WebhookDelivery)
        .where(*_due(endpoint_id, at), exists().where(*_before(earlier)))
        .values(due_at=until),
        execution_options={"synchronize_session": False},
    )


def let_on(session: Session, done: WebhookDelivery, *, at: datetime) -> None:
    """Let what waited for an event follow it."""
    session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == done.endpoint_id,
            WebhookDelivery.subject == done.subject,
            WebhookDelivery.state == WebhookDeliveryState.WAITING,
            WebhookDelivery.attempts == 0,
            WebhookDelivery.due_at > at,
        )
        .values(due_at=at),
        execution_options={"synchronize_session": False},
    )


def _due(endpoint_id: str, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.state == WebhookDeliveryState.WAITING,
        WebhookDelivery.due_at <= at,
    )


def _before(earlier: type[WebhookDelivery]) -> tuple[ColumnElement[bool], ...]:
    return (
        earlier.endpoint_id == WebhookDelivery.endpoint_id,
        earlier.subject == WebhookDelivery.subject,
        earlier.state == WebhookDeliveryState.WAITING,
        earlier.seq < WebhookDelivery.seq,
    )
