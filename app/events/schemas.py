"""What events, webhook endpoints and deliveries look like on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import Path, Query
from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from app.core.ids import pattern
from app.events.models import WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from app.events.queries import Leaf
from app.events.rules import EventType, Told
from app.events.service import Keyed
from app.web import Answer, Comment, Wire

EndpointId = Annotated[str, Path(pattern=pattern("whk"))]
DeliveryId = Annotated[str, Path(pattern=pattern("whd"))]
DeliveryCursor = Annotated[
    str, Query(pattern=pattern("whd"), description="Where the page before this one ended.")
]
_CURSOR = "^[0-9]{1,9}$"
EventCursor = Annotated[
    str,
    Query(
        pattern=_CURSOR,
        description="The `cursor` of the last event that you have, or the `next_cursor` of the last answer; "
        "`0` for the very first.",
    ),
]
EventTypes = Annotated[
    Sequence[EventType], Query(alias="type", max_length=len(EventType), description="Only of these types.")
]
AnyType = Annotated[EventType, Field(strict=False)]
Types = Annotated[
    tuple[AnyType, ...],
    Field(strict=False),
    Field(max_length=len(EventType), description="Which events are sent; none named: all of them."),
]
Address = Annotated[
    str,
    Field(
        min_length=12,
        max_length=2048,
        description="A plain https address of the public internet: no port, no user, no fragment. It does "
        "not redirect.",
    ),
]
Description = Annotated[Comment, Field(max_length=200)]
EVENT_EXAMPLE: Final[JsonValue] = {
    "id": "evt_2ksm2q4ojzq7xgqgkzqhb6nwpy",
    "type": "credential.issued",
    "timestamp": "2026-11-20T09:00:00.000Z",
    "cursor": "4711",
    "data": {
        "credential": "crd_0v9k3m5x7z1b2c4d6f8g0h1j2k",
        "document": "doc_0v9k3m5x7z1b2c4d6f8g0h1j2k",
        "decision": "dec_0v9k3m5x7z1b2c4d6f8g0h1j2k",
        "format": "vc+jwt",
    },
}


class EventOut(Answer):
    """Something happened. It names what, and never whom: read the thing itself to learn more."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT_EXAMPLE]})

    id: str = Field(description="The same in the feed and in every delivery: by it you know it again.")
    type: str = Field(description="One of the names of `EventType`; `ping` where a test was asked for.")
    timestamp: Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
    cursor: str | None = Field(default=None, description="Its place. The feed goes on after it.")
    data: dict[str, str] = Field(description="Ids, and words for states.")

    @classmethod
    def of(cls, one: Told) -> Self:
        return cls.model_validate(one.written())


class EventPage(Answer):
    """A stretch of the feed. It may be empty and have `more`: what happened there was not for you."""

    data: list[EventOut]
    next_cursor: str = Field(description="Where to go on, also when there is nothing more just now.")
    more: bool

    @classmethod
    def of(cls, leaf: Leaf) -> Self:
        return cls(data=[EventOut.of(one) for one in leaf.told], next_cursor=str(leaf.cursor), more=leaf.more)


class NewEndpoint(Wire):
    """Where to send events."""

    url: Address
    description: Description = ""
    types: Types = ()


class EndpointChange(Wire):
    """What becomes of an endpoint; what is not named stays."""

    url: Address | None = None
    description: Description | None = None
    types: Types | None = None
    disabled: bool | None = None


class EndpointOut(Answer):
    """A webhook endpoint, without its secret."""

    id: str
    url: str
    description: str
    types: list[str]
    created_at: datetime
    disabled: bool
    disabled_reason: str | None = Field(
        description="`asked`, `gone` (it answered 410), `failing` (nothing was taken for five days) or "
        "`secret-unreadable` (the key that secrets are sealed with is another one now: rotate it)."
    )
    failing_since: datetime | None
    former_secret_until: datetime | None = Field(
        description="When the last secret that was replaced ends, or ended: until then it signs as well."
    )

    @classmethod
    def of(cls, row: WebhookEndpoint) -> Self:
        return cls.model_validate(cls._members(row))

    @staticmethod
    def _members(row: WebhookEndpoint) -> dict[str, object]:
        return {
            "id": row.id,
            "url": row.url,
            "description": row.description,
            "types": row.types,
            "created_at": row.created_at,
            "disabled": row.disabled_at is not None,
            "disabled_reason": row.disabled_reason,
            "failing_since": row.failing_since,
            "former_secret_until": row.former_until,
        }


class KeyedEndpointOut(EndpointOut):
    """A webhook endpoint with its new secret, which is shown now and never again."""

    secret: str | None = Field(
        description="`whsec_…`, as every Standard Webhooks library takes it. `null` in the answer to a "
        "request that was repeated."
    )

    @classmethod
    def keyed(cls, made: Keyed) -> Self:
        return cls.model_validate({**cls._members(made.endpoint), "secret": made.secret})

    @classmethod
    def repeated(cls, endpoint: WebhookEndpoint) -> Self:
        """Write it for whoever sends the same again, without the secret."""
        return cls.model_validate({**cls._members(endpoint), "secret": None})


class WebhookDeliveryOut(Answer):
    """How an event fares on its way to an endpoint."""

    id: str
    event_id: str
    type: str
    state: WebhookDeliveryState
    attempts: int
    status_code: int | None = Field(description="What the endpoint answered last.")
    error: str | None = Field(description="Why there was no answer: `no-answer` or `address-refused`.")
    created_at: datetime
    tried_at: datetime | None
    next_try_at: datetime | None
    settled_at: datetime | None

    @classmethod
    def of(cls, row: WebhookDelivery) -> Self:
        return cls(
            id=row.id,
            event_id=row.event_id,
            type=row.type,
            state=row.state,
            attempts=row.attempts,
            status_code=row.status_code,
            error=row.error,
            created_at=row.created_at,
            tried_at=row.tried_at,
            next_try_at=row.due_at if row.state is WebhookDeliveryState.WAITING else None,
            settled_at=row.settled_at,
        )


class ReplayOut(Answer):
    """From where on everything is sent once more."""

    after: str
