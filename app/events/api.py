"""Routes of events: the feed, webhook endpoints and their deliveries."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from app.core.errors import CursorUnknown
from app.events import queries, service
from app.events.errors import (
    SecretRotatedOften,
    TooManyWebhookEndpoints,
    WebhookAddressRefused,
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WebhooksUnavailable,
)
from app.events.models import WebhookDeliveryState, WebhookEndpoint
from app.events.rules import EventType
from app.events.schemas import (
    EVENT_EXAMPLE,
    DeliveryCursor,
    DeliveryId,
    EndpointChange,
    EndpointId,
    EndpointOut,
    EventCursor,
    EventPage,
    EventTypes,
    KeyedEndpointOut,
    NewEndpoint,
    ReplayOut,
    WebhookDeliveryOut,
)
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, ByItself, Creating, shows_once, written
from app.organisations.errors import PermissionMissing
from app.organisations.idempotency import Stored
from app.organisations.rules import Permission
from app.problems import documented
from app.web import PAGE, Cursor, GivenPorts, Limit, Now, Page, page_of

router = APIRouter(prefix="/v1", tags=["events"], route_class=ApiRoute)
P = Permission
NOTHING_NEW: Final = "5"  # seconds after which it is worth asking again
NO_STORE: Final = {"Cache-Control": "no-store"}


@router.get(
    "/events", dependencies=[needs(P.EVENTS_READ)], responses=documented(PermissionMissing, CursorUnknown)
)
def list_events(
    db: ReadDb, response: Response, after: EventCursor = "0", types: EventTypes = (), limit: Limit = PAGE
) -> EventPage:
    """Read what happened, in its order: whoever follows `next_cursor` misses nothing and sees each once.

    An event stands here within a second or so of what it tells. `Retry-After` says when to ask again.
    """
    leaf = queries.events_after(db, int(after), types=types, limit=limit)
    if not leaf.more:
        response.headers["Retry-After"] = NOTHING_NEW
    return EventPage.of(leaf)


@router.post(
    "/webhook-endpoints",
    status_code=201,
    dependencies=[needs(P.WEBHOOKS_WRITE), shows_once("secret")],
    responses=documented(
        PermissionMissing, WebhookAddressRefused, TooManyWebhookEndpoints, WebhooksUnavailable
    ),
)
def add_endpoint(
    given: GivenPorts, now: Now, actor: CurrentActor, once: ByItself, response: Response, asked: NewEndpoint
) -> KeyedEndpointOut:
    """Have events sent to an address from now on (Standard Webhooks). Its secret is shown here alone."""
    response.headers.update(NO_STORE)

    def shown(session: Session, endpoint: WebhookEndpoint) -> Stored:
        del session
        return written(KeyedEndpointOut.repeated(endpoint))

    made = service.register(
        given,
        url=asked.url,
        description=asked.description,
        types=asked.types,
        by=actor,
        at=now,
        once=once.shown_as(shown),
    )
    return KeyedEndpointOut.keyed(made)


@router.get(
    "/webhook-endpoints",
    dependencies=[needs(P.WEBHOOKS_READ)],
    responses=documented(PermissionMissing),
)
def list_endpoints(db: ReadDb, cursor: Cursor | None = None, limit: Limit = PAGE) -> Page[EndpointOut]:
    """List the organisation's webhook endpoints."""
    rows, following = page_of(queries.endpoints(db, after=cursor, limit=limit + 1), limit)
    return Page(data=[EndpointOut.of(row) for row in rows], next_cursor=following)


@router.get(
    "/webhook-endpoints/{endpoint}",
    dependencies=[needs(P.WEBHOOKS_READ)],
    responses=documented(PermissionMissing, WebhookEndpointNotFound),
)
def read_endpoint(db: ReadDb, endpoint: EndpointId) -> EndpointOut:
    """Read a webhook endpoint: whether it is disabled, and since when it has been failing."""
    return EndpointOut.of(queries.endpoint(db, endpoint))


@router.patch(
    "/webhook-endpoints/{endpoint}",
    dependencies=[needs(P.WEBHOOKS_WRITE)],
    responses=documented(
        PermissionMissing, WebhookEndpointNotFound, WebhookAddressRefused, WebhooksUnavailable
    ),
)
def change_endpoint(
    given: GivenPorts, now: Now, actor: CurrentActor, endpoint: EndpointId, asked: EndpointChange
) -> EndpointOut:
    """Change an endpoint, disable it, or enable it again: then it goes on where it stopped."""
    changed = service.change(
        given,
        endpoint,
        url=asked.url,
        description=asked.description,
        types=asked.types,
        disabled=asked.disabled,
        by=actor,
        at=now,
    )
    return EndpointOut.of(changed)


@router.delete(
    "/webhook-endpoints/{endpoint}",
    status_code=204,
    dependencies=[needs(P.WEBHOOKS_WRITE)],
    responses=documented(PermissionMissing, WebhookEndpointNotFound),
)
def remove_endpoint(db: Db, now: Now, actor: CurrentActor, endpoint: EndpointId) -> None:
    """Remove an endpoint with its secret and all that is still on its way there."""
    service.remove(db, endpoint, by=actor, at=now)


@router.post(
    "/webhook-endpoints/{endpoint}/secret-rotation",
    dependencies=[needs(P.WEBHOOKS_WRITE), shows_once("secret")],
    responses=documented(PermissionMissing, WebhookEndpointNotFound, SecretRotatedOften, WebhooksUnavailable),
)
def rotate_secret(
    given: GivenPorts, db: Creating, now: Now, actor: CurrentActor, response: Response, endpoint: EndpointId
) -> KeyedEndpointOut:
    """Give an endpoint a new secret. For 24 hours what is sent is signed with the former one as well.

    So it may be asked for again where the answer was lost: the secret in use keeps signing for its 24 hours.
    """
    response.headers.update(NO_STORE)
    return KeyedEndpointOut.keyed(service.rotate(given, db, endpoint, by=actor, at=now))


@router.post(
    "/webhook-endpoints/{endpoint}/test",
    status_code=202,
    dependencies=[needs(P.WEBHOOKS_WRITE)],
    responses=documented(PermissionMissing, WebhookEndpointNotFound, WebhookEndpointDisabled),
)
def test_endpoint(db: Creating, now: Now, endpoint: EndpointId) -> WebhookDeliveryOut:
    """Send a `ping`, signed and tried again as any event is; its delivery tells how it went."""
    return WebhookDeliveryOut.of(service.test(db, endpoint, at=now))


@router.get(
    "/webhook-endpoints/{endpoint}/deliveries",
    dependencies=[needs(P.WEBHOOKS_READ)],
    responses=documented(PermissionMissing, WebhookEndpointNotFound, WebhookDeliveryNotFound),
)
def list_deliveries(
    db: ReadDb,
    endpoint: EndpointId,
    state: Annotated[WebhookDeliveryState | None, Query()] = None,
    cursor: DeliveryCursor | None = None,
    limit: Limit = PAGE,
) -> Page[WebhookDeliveryOut]:
    """List what was sent to an endpoint or is on its way, the latest events first. Kept for 30 days."""
    queries.endpoint(db, endpoint)
    found = queries.deliveries(db, endpoint, state=state, after=cursor, limit=limit + 1)
    rows, following = page_of(found, limit)
    return Page(data=[WebhookDeliveryOut.of(row) for row in rows], next_cursor=following)


@router.post(
    "/webhook-endpoints/{endpoint}/deliveries/{delivery}/replay",
    status_code=202,
    dependencies=[needs(P.WEBHOOKS_WRITE)],
    responses=documented(
        PermissionMissing, WebhookEndpointNotFound, WebhookDeliveryNotFound, WebhookEndpointDisabled
    ),
)
def replay_delivery(db: Creating, now: Now, endpoint: EndpointId, delivery: DeliveryId) -> WebhookDeliveryOut:
    """Send an event once more, by the same `webhook-id`."""
    return WebhookDeliveryOut.of(service.replay(db, endpoint, delivery, at=now))


@router.post(
    "/webhook-endpoints/{endpoint}/replay",
    status_code=202,
    dependencies=[needs(P.WEBHOOKS_WRITE)],
    responses=documented(PermissionMissing, WebhookEndpointNotFound, CursorUnknown, WebhookEndpointDisabled),
)
def replay_since(db: Creating, now: Now, endpoint: EndpointId, after: EventCursor) -> ReplayOut:
    """Send everything once more that happened after a cursor: of 30 days, by the same `webhook-id`s."""
    service.replay_since(db, endpoint, int(after), at=now)
    return ReplayOut(after=after)


def described() -> dict[str, Any]:
    """Describe what is sent to endpoints, for the `webhooks` of the contract (OpenAPI 3.1, 4.8.1)."""
    headers = [
        (
            "webhook-id",
            "The event's id: the same however often it is sent.",
            "evt_2ksm2q4ojzq7xgqgkzqhb6nwpy",
        ),
        ("webhook-timestamp", "When it was sent, in seconds since 1970.", "1795165200"),
        (
            "webhook-signature",
            "`v1,` and HMAC-SHA256 over `{id}.{timestamp}.{body}`; for a day after a rotation, two of them.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ),
    ]
    return {
        "event": {
            "post": {
                "operationId": "receive_event",
                "tags": ["events"],
                "summary": "Something happened",
                "description": "Sent to every endpoint that asked for the type, at least once. Events about "
                "the same thing come in their order. Any 2xx within 15 seconds takes it; 410 disables the "
                "endpoint; anything else is tried again, ten times in three days. The types: "
                + ", ".join(f"`{one}`" for one in EventType)
                + ".",
                "security": [],
                "parameters": [
                    {
                        "name": name,
                        "in": "header",
                        "required": True,
                        "description": description,
                        "schema": {"type": "string"},
                        "example": example,
                    }
                    for name, description, example in headers
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/EventOut"},
                            "examples": {"ordinary": {"value": EVENT_EXAMPLE}},
                        }
                    },
                },
                "responses": {
                    "2XX": {"description": "It was taken, and is not sent again."},
                    "410": {"description": "Nothing is wanted here any more: the endpoint is disabled."},
                    "default": {"description": "It was not taken, and is tried again."},
                },
            }
        }
    }
