"""Webhook endpoints: where an organisation wants to be told, and what it may do about deliveries."""

import secrets
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import anyio
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.core.errors import CursorUnknown
from app.core.ids import new_id
from app.events import queries
from app.events.errors import (
    SecretRotatedOften,
    TooManyWebhookEndpoints,
    WebhookAddressRefused,
    WebhookEndpointDisabled,
    WebhooksUnavailable,
)
from app.events.models import WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from app.events.rules import KEPT, MOST_ENDPOINTS, MOST_FORMER, OVERLAP, PING, EventType
from app.organisations.idempotency import ANEW, Once
from app.organisations.rules import Actor
from app.outbox import trail
from app.outbox.trail import EventHead
from app.ports import FetchBusy, FetchFailed, FetchRefused, Hooks, Ports

SECRET_BYTES: Final = 32  # Standard Webhooks asks for 24 to 64


@dataclass(frozen=True, slots=True)
class Keyed:
    """An endpoint and its new secret, which is shown now and never again."""

    endpoint: WebhookEndpoint
    secret: str


def register(
    ports: Ports,
    *,
    url: str,
    description: str,
    types: Collection[EventType],
    by: Actor,
    at: datetime,
    once: Once = ANEW,
) -> Keyed:
    """Have events sent to an address from now on: what happened before is in the feed."""
    hooks = _hooks(ports)
    _vet(hooks, url)
    with ports.database.writing(by.organisation_id) as session:
        once.claim(session)
        head = session.scalars(select(EventHead).with_for_update()).one()  # so that nobody counts beside us
        if session.scalars(select(func.count(WebhookEndpoint.id))).one() >= MOST_ENDPOINTS:
            raise TooManyWebhookEndpoints(f"An organisation has {MOST_ENDPOINTS} at most.")
        endpoint_id = new_id("whk")
        drawn = secrets.token_bytes(SECRET_BYTES)
        endpoint = WebhookEndpoint(
            id=endpoint_id,
            organisation_id=by.organisation_id,
            url=url,
            description=description,
            types=_named(types),
            secret=hooks.vault.seal(drawn, endpoint_id),
            created_by=by.id,
            created_at=at,
            seen=head.seq,
        )
        session.add(endpoint)
        _record(session, endpoint, "webhook-endpoint.added", by=by.id, at=at)
        session.flush()
        once.keep(session, endpoint)
    return Keyed(endpoint, _shown(drawn))


def change(
    ports: Ports,
    endpoint_id: str,
    *,
    url: str | None,
    description: str | None,
    types: Collection[EventType] | None,
    disabled: bool | None,
    by: Actor,
    at: datetime,
) -> WebhookEndpoint:
    """Change what is named. An endpoint that is enabled again goes on where it stopped."""
    if url is not None:
        _vet(_hooks(ports), url)
    with ports.database.writing(by.organisation_id) as session:
        endpoint = queries.endpoint(session, endpoint_id, lock=True)
        if url is not None:
            endpoint.url, endpoint.failing_since = url, None
        if description is not None:
            endpoint.description = description
        if types is not None:
            endpoint.types = _named(types)
        if disabled:
            endpoint.disabled_at, endpoint.disabled_reason = endpoint.disabled_at or at, "asked"
        elif disabled is False:
            endpoint.disabled_at = endpoint.disabled_reason = endpoint.failing_since = None
        _record(session, endpoint, "webhook-endpoint.changed", by=by.id, at=at)
    return endpoint


def remove(session: Session, endpoint_id: str, *, by: Actor, at: datetime) -> None:
    """Forget an endpoint with its secrets, and all that is on its way there."""
    endpoint = queries.endpoint(session, endpoint_id, lock=True)
    _record(session, endpoint, "webhook-endpoint.removed", by=by.id, at=at)
    session.execute(
        delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id),
        execution_options={"synchronize_session": False},
    )
    session.delete(endpoint)


def rotate(ports: Ports, session: Session, endpoint_id: str, *, by: Actor, at: datetime) -> Keyed:
    """Give an endpoint a new secret; for a day what is sent is signed with the former one as well.

    Whoever did not get the answer may ask again: the secret that is in use keeps its day.
    """
    vault = _hooks(ports).vault
    endpoint = queries.endpoint(session, endpoint_id, lock=True)
    if len(endpoint.former(at)) >= MOST_FORMER:
        raise SecretRotatedOften(f"Within a day it is replaced {MOST_FORMER} times at most.")
    drawn = secrets.token_bytes(SECRET_BYTES)
    endpoint.replace_secret(vault.seal(drawn, endpoint_id), until=at + OVERLAP, at=at)
    _record(session, endpoint, "webhook-endpoint.secret-rotated", by=by.id, at=at)
    return Keyed(endpoint, _shown(drawn))


def disable(session: Session, endpoint: WebhookEndpoint, reason: str, *, at: datetime) -> None:
    """Send nothing more there, and say so in the feed and to the organisation's other endpoints."""
    if endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_reason = at, reason
        _record(session, endpoint, EventType.ENDPOINT_DISABLED.value, by=trail.SYSTEM, at=at, reason=reason)


def test(session: Session, endpoint_id: str, *, at: datetime) -> WebhookDelivery:
    """Send a `ping`, as any event is sent."""
    endpoint = _enabled(session, endpoint_id)
    sent = WebhookDelivery(
        id=new_id("whd"),
        organisation_id=endpoint.organisation_id,
        endpoint_id=endpoint_id,
        event_id=new_id("evt"),
        event_key=None,
        seq=queries.head_of(session),
        type=PING,
        subject=new_id("evt"),  # nothing: it waits for no other
        state=WebhookDeliveryState.WAITING,
        attempts=0,
        due_at=at,
        created_at=at,
    )
    session.add(sent)
    session.flush()
    return sent


def replay(session: Session, endpoint_id: str, delivery_id: str, *, at: datetime) -> WebhookDelivery:
    """Send an event once more, by its own id: whoever had it already knows it by that."""
    _enabled(session, endpoint_id)
    sent = queries.delivery(session, endpoint_id, delivery_id)
    sent.state, sent.attempts, sent.due_at, sent.settled_at = WebhookDeliveryState.WAITING, 0, at, None
    session.flush()
    return sent


def replay_since(session: Session, endpoint_id: str, after: int, *, at: datetime) -> None:
    """Send everything once more that happened after a cursor, whether or not it was sent before.

    A worker does it, a stretch at a time, and no further back than deliveries are kept.
    """
    endpoint = _enabled(session, endpoint_id)
    head = queries.head_of(session)
    if after > head:
        raise CursorUnknown(f"The last event so far has the cursor {head}.", last=str(head))
    endpoint.seen = min(endpoint.seen, max(after, queries.place_before(session, at - KEPT)))


def _enabled(session: Session, endpoint_id: str) -> WebhookEndpoint:
    endpoint = queries.endpoint(session, endpoint_id, lock=True)
    if endpoint.disabled_at is not None:
        raise WebhookEndpointDisabled("Enable it first: nothing is sent there.")
    return endpoint


def _hooks(ports: Ports) -> Hooks:
    if ports.hooks is None:
        raise WebhooksUnavailable("This installation is not set up to send anything to strangers.")
    return ports.hooks


def _vet(hooks: Hooks, url: str) -> None:
    """Refuse an address by the rules of every delivery. A name that leads nowhere yet may do so later."""
    try:
        anyio.run(hooks.postman.vet, url)
    except FetchRefused as why:
        raise WebhookAddressRefused(
            "It has to be a plain https address of the public internet, without a port or a fragment.",
            why=str(why),
        ) from None
    except (FetchFailed, FetchBusy):
        return


def _named(types: Collection[EventType]) -> list[str]:
    return sorted({one.value for one in types})


def _shown(secret: bytes) -> str:
    return f"whsec_{b64encode(secret).decode()}"


def _record(
    session: Session, endpoint: WebhookEndpoint, topic: str, *, by: str, at: datetime, **facts: str
) -> None:
    trail.record(
        session,
        topic,
        organisation_id=endpoint.organisation_id,
        by=by,
        at=at,
        about={"endpoint": endpoint.id},
        facts=facts,
    )
