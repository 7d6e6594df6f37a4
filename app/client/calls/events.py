"""Events: the feed to catch up from, and the endpoints that they are sent to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Unpack

from app.client.calls.part import Part, asked, to

if TYPE_CHECKING:
    from app.client.shapes import (
        EndpointChange,
        EndpointOut,
        EventOut,
        EventType,
        KeyedEndpointOut,
        NewEndpoint,
        ReplayOut,
        WebhookDeliveryOut,
        WebhookDeliveryState,
    )


class Events(Part):
    """The feed of what happened."""

    def since(self, cursor: str | None = None, *, types: Sequence[EventType] = ()) -> Iterator[EventOut]:
        """Give what happened after a cursor, in its order, up to now; without one, from the very first.

        Keep the `cursor` of each event once it is dealt with, and go on from the last: nothing is missed.
        """
        after, more = cursor or "0", True
        while more:
            page = self._api.get("/v1/events", **asked({"after": after, "type": tuple(types)}))
            yield from page["data"]
            after, more = page["next_cursor"], page["more"]


class Webhooks(Part):
    """Endpoints of yours that events are sent to."""

    def all(self) -> Iterator[EndpointOut]:
        return self._all("v1", "webhook-endpoints")

    def add(self, *, key: str | None = None, **endpoint: Unpack[NewEndpoint]) -> KeyedEndpointOut:
        """Add an endpoint; the answer shows its secret once."""
        return self._post("v1", "webhook-endpoints", body=endpoint, key=key)

    def read(self, endpoint: str) -> EndpointOut:
        return self._get("v1", "webhook-endpoints", endpoint)

    def change(self, endpoint: str, **change: Unpack[EndpointChange]) -> EndpointOut:
        return self._patch("v1", "webhook-endpoints", endpoint, body=change)

    def remove(self, endpoint: str) -> None:
        self._api.delete(to("v1", "webhook-endpoints", endpoint))

    def rotate_secret(self, endpoint: str, *, key: str | None = None) -> KeyedEndpointOut:
        """Draw a new secret, shown once; for a day everything is signed with both.

        Where it is `None`, the first answer was lost: ask once more, with another key. That ends no secret.
        """
        return self._post("v1", "webhook-endpoints", endpoint, "secret-rotation", key=key)

    def test(self, endpoint: str, *, key: str | None = None) -> WebhookDeliveryOut:
        return self._post("v1", "webhook-endpoints", endpoint, "test", key=key)

    def deliveries(
        self, endpoint: str, *, state: WebhookDeliveryState | None = None
    ) -> Iterator[WebhookDeliveryOut]:
        return self._all("v1", "webhook-endpoints", endpoint, "deliveries", state=state)

    def replay(self, endpoint: str, delivery: str, *, key: str | None = None) -> WebhookDeliveryOut:
        path = ("v1", "webhook-endpoints", endpoint, "deliveries", delivery, "replay")
        return self._post(*path, key=key)

    def replay_since(self, endpoint: str, cursor: str, *, key: str | None = None) -> ReplayOut:
        """Have everything since a cursor sent once more."""
        return self._post("v1", "webhook-endpoints", endpoint, "replay", key=key, after=cursor)
