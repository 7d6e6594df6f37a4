"""Deliveries on their way: signed, sent, tried again, in the order of what happened to each thing.

One courier at a time visits an endpoint, under a lease. It takes a wave of deliveries, sends them all at
once, and writes down in one transaction how that went. Stopped in between it has sent and not written:
then the same is sent again, by the same id. So each event arrives at least once.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from sqlalchemy import select
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from app.core.db import Database
from app.core.errors import JsonValue
from app.events import queries, service
from app.events.errors import WebhookEndpointNotFound
from app.events.models import WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from app.events.rules import PATIENCE, next_try, ping, told
from app.outbox.hourly import Hourly
from app.outbox.trail import Event, EventLink
from app.ports import Clock, FetchBusy, FetchFailed, FetchRefused, Hooks, Ports, SealBroken, Vault

log: Final = logging.getLogger("sigillo.webhooks")
ANSWER_SECONDS: Final = 15.0
LEASE: Final = timedelta(seconds=60)  # longer than a wave and its writing
VISITS: Final = 16  # endpoints at once
SHARE: Final = 4  # of them of one organisation, whoever visits
WAVES: Final = 4  # in one visit: then it is another's turn
WAVE: Final = 16  # to one endpoint at once
POSTS: Final = VISITS * WAVE
REST: Final = timedelta(seconds=5)  # of an endpoint that fails, between one try and the next
BUSY: Final = timedelta(seconds=5)
PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery, ready to be sent."""

    delivery_id: str
    url: str
    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending: the status of an answer, or why there was none."""

    delivery_id: str
    status: int | None = None
    error: str | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and HTTPStatus(200) <= self.status < HTTPStatus(300)


@dataclass(frozen=True, slots=True)
class Courier:
    """Carries deliveries out. Any number may run, in any number of processes."""

    database: Database
    clock: Clock
    hooks: Hooks
    name: str = field(default_factory=lambda: secrets.token_hex(8))

    def drain(self) -> int:
        """Send until nothing is due; return how many times something was sent."""
        return anyio.run(self._drained)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. What fails is logged, and the endpoint visited again later."""
        anyio.run(self._serve, stop)

    async def _drained(self) -> int:
        sent = 0
        while places := await to_thread.run_sync(self._claimed, VISITS):
            counts: list[int] = []
            async with anyio.create_task_group() as visits:
                for place in places:
                    visits.start_soon(self._counted, place, counts)
            sent += sum(counts)
        return sent

    async def _counted(self, place: queries.Place, counts: list[int]) -> None:
        counts.append(await self._visit(place, threading.Event()))

    async def _serve(self, stop: threading.Event) -> None:
        """Visit whoever waits. Those who are slow to answer keep places, and nobody else waiting."""
        places = anyio.CapacityLimiter(VISITS)
        async with anyio.create_task_group() as visits:
            while not stop.is_set():
                begun = 0
                try:
                    begun = await self._begin_visits(visits, places, stop)
                except Exception:
                    log.exception("webhooks.failed")
                if not begun:
                    await anyio.sleep(PAUSE_SECONDS)

    async def _begin_visits(
        self, visits: TaskGroup, places: anyio.CapacityLimiter, stop: threading.Event
    ) -> int:
        free = int(places.available_tokens)
        claimed = await to_thread.run_sync(self._claimed, free) if free else []
        for place in claimed:
            places.acquire_on_behalf_of_nowait(place)
            visits.start_soon(self._kept, place, places, stop)
        return len(claimed)

    async def _kept(self, place: queries.Place, places: anyio.CapacityLimiter, stop: threading.Event) -> None:
        try:
            await self._visit(place, stop)
        except Exception:  # the lease ends, and somebody comes again
            log.exception("webhooks.failed", extra={"organisation_id": place[0]})
        finally:
            places.release_on_behalf_of(place)

    def _claimed(self, limit: int) -> list[queries.Place]:
        """Take endpoints to visit: looked for without a lock, then taken one by one."""
        now = self.clock.now()
        with self.database.reading() as session:
            due = queries.due(session, at=now, share=SHARE, limit=limit)
        return [place for place in due if self._take(place, now)]

    def _take(self, place: queries.Place, now: datetime) -> bool:
        organisation_id, endpoint_id = place
        with self.database.writing(organisation_id) as session:
            return queries.take(session, endpoint_id, self.name, at=now, until=now + LEASE)

    async def _visit(self, place: queries.Place, stop: threading.Event) -> int:
        """Send a few waves, or as many as there are; whoever has more comes again in its turn."""
        sent = waves = 0
        letters = await to_thread.run_sync(self._next_wave, place, ())
        while letters:
            outcomes: list[Outcome] = []
            async with anyio.create_task_group() as wave:
                for letter in letters:
                    wave.start_soon(self._send, letter, outcomes)
            sent, waves = sent + len(outcomes), waves + 1
            last = stop.is_set() or waves >= WAVES
            letters = await to_thread.run_sync(partial(self._next_wave, place, outcomes, last=last))
        return sent

    async def _send(self, letter: Letter, outcomes: list[Outcome]) -> None:
        made = partial(Outcome, letter.delivery_id)
        try:
            status = await self.hooks.postman.post(letter.url, letter.content, headers=letter.headers)
            outcomes.append(made(status=status))
        except FetchRefused:
            outcomes.append(made(error="address-refused"))
        except FetchFailed:
            outcomes.append(made(error="no-answer"))
        except FetchBusy:
            outcomes.append(made())

    def _next_wave(
        self, place: queries.Place, outcomes: Sequence[Outcome], *, last: bool = False
    ) -> list[Letter]:
        """Write down how it went, and take what is sent next; the lease ends where that is nothing."""
        organisation_id, endpoint_id = place
        now = self.clock.now()
        with self.database.writing(organisation_id) as session:
            try:
                endpoint = queries.endpoint(session, endpoint_id, lock=True)
            except WebhookEndpointNotFound:
                return []  # removed, and its deliveries with it
            if endpoint.lease_owner != self.name:
                return []  # it took too long, and is somebody else's: they send these again
            for outcome in outcomes:
                self._settle(session, endpoint, outcome, now)
            endpoint.lease_until = now + LEASE
            letters = [] if last else self._letters(session, endpoint, now, rests=bool(outcomes))
            if not letters:
                endpoint.lease_owner = None
                endpoint.lease_until = now + REST if endpoint.failing_since else None
            return letters

    def _letters(
        self, session: Session, endpoint: WebhookEndpoint, now: datetime, *, rests: bool
    ) -> list[Letter]:
        failing = endpoint.failing_since is not None
        if endpoint.disabled_at is not None or (failing and rests):
            return []
        found = queries.wave(session, endpoint.id, at=now, limit=1 if failing else WAVE)
        if not found:
            queries.put_off(session, endpoint.id, at=now)
            return []
        try:
            keys = signing_keys(self.hooks.vault, endpoint, now)
        except SealBroken:
            log.error("webhooks.secret-unreadable", extra={"organisation_id": endpoint.organisation_id})  # noqa: TRY400
            service.disable(session, endpoint, "secret-unreadable", at=now)
            return []
        contents = _contents(session, found)
        return [_letter(endpoint, each, contents[each.id], keys, now) for each in found]

    def _settle(self, session: Session, endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
        delivery = session.get(WebhookDelivery, outcome.delivery_id)
        if delivery is None or delivery.state is not WebhookDeliveryState.WAITING:
            return  # aged out meanwhile
        if outcome.status is None and outcome.error is None:
            delivery.due_at = now + BUSY  # nothing was sent, and it is nobody's fault
            return
        delivery.attempts += 1
        delivery.tried_at, delivery.status_code, delivery.error = now, outcome.status, outcome.error
        if outcome.taken:
            delivery.state, delivery.settled_at = WebhookDeliveryState.DELIVERED, now
            endpoint.failing_since = None
            queries.let_on(session, delivery, at=now)
            return
        endpoint.failing_since = endpoint.failing_since or now
        again = next_try(delivery.attempts, drawn=secrets.randbelow(1000), at=now)
        if again is None:
            delivery.state, delivery.settled_at = WebhookDeliveryState.GIVEN_UP, now
            queries.let_on(session, delivery, at=now)
        else:
            delivery.due_at = again
        if outcome.status == HTTPStatus.GONE:
            service.disable(session, endpoint, "gone", at=now)
        elif now - endpoint.failing_since >= PATIENCE:
            service.disable(session, endpoint, "failing", at=now)


def righting(ports: Ports) -> Callable[[], None]:
    """Make a worker's duty: see that nobody waits for a time that a clock wrote which stood ahead.

    It looks once an hour, and at once where this process's own clock was set back.
    """
    return Hourly(ports.clock, partial(_put_right, ports.database))


def _put_right(database: Database, at: datetime) -> None:
    for place in database.places():
        try:
            with database.writing(place) as session:
                queries.put_right(session, at=at, ahead=at + 2 * LEASE)
        except Exception:  # the others need not wait for this one
            log.exception("webhooks.failed", extra={"organisation_id": place})


def signing_keys(vault: Vault, endpoint: WebhookEndpoint, now: datetime) -> list[Webhook]:
    """Give what an endpoint's deliveries are signed with: for a day after a rotation, the former one too."""
    keys = [Webhook(vault.open(endpoint.secret, endpoint.id))]
    for former, _ in endpoint.former(now):
        with suppress(SealBroken):  # it was replaced because it could not be opened
            keys.append(Webhook(vault.open(former, endpoint.id)))
    return keys


def _contents(session: Session, deliveries: Sequence[WebhookDelivery]) -> Mapping[str, bytes]:
    """Write what each delivery says, to the same byte every time: an event never changes."""
    keys = [each.event_key for each in deliveries if each.event_key is not None]
    rows = session.execute(
        select(Event, EventLink).join(EventLink, EventLink.event_id == Event.id).where(Event.id.in_(keys))
    )
    known = {event.id: told(event, link) for event, link in rows}
    contents = {}
    for each in deliveries:
        one = ping(each.event_id, each.created_at) if each.event_key is None else known[each.event_key]
        contents[each.id] = _bytes(one.written() if one else {})
    return contents


def _bytes(written: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()


def _letter(
    endpoint: WebhookEndpoint,
    delivery: WebhookDelivery,
    content: bytes,
    keys: Sequence[Webhook],
    now: datetime,
) -> Letter:
    """Sign as Standard Webhooks asks: over id, time and content, by every secret that is in force."""
    signatures = [key.sign(delivery.event_id, now, content.decode()) for key in keys]
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return Letter(delivery.id, endpoint.url, content, headers)
