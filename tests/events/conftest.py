from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from sqlalchemy import select

from app.adapters.keys import TlsFiles
from app.events import spreading
from app.events.models import WebhookDelivery, WebhookEndpoint
from app.events.sending import Courier
from app.main import create_app
from app.organisations import service
from app.organisations.rules import Role
from app.outbox import trail
from app.ports import Hooks, Ports
from tests import make
from tests.calling import Caller
from tests.events.receiver import HOST, Receiver, receiving
from tests.fakes import SetClock
from tests.fakes_outbound import PlainVault
from tests.outside import tls_files

ENDPOINTS = "/v1/webhook-endpoints"


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return tls_files(tmp_path_factory.mktemp("receiver"), HOST)


@pytest.fixture
def receiver(tls: TlsFiles) -> Iterator[Receiver]:
    with receiving(tls) as opened:
        yield opened


@dataclass
class Body:
    """An organisation whose programs want to be told, at work on a database and with a receiver."""

    ports: Ports
    receiver: Receiver
    id: str
    key: str

    @cached_property
    def api(self) -> Caller:
        return make.caller(create_app(self.ports), self.key)

    @property
    def clock(self) -> SetClock:
        assert isinstance(self.ports.clock, SetClock)
        return self.ports.clock

    def happens(
        self, topic: str, *, about: dict[str, str] | None = None, facts: dict[str, Any] | None = None
    ) -> None:
        """Write a step down, as a use case does."""
        with self.ports.database.writing(self.id) as session:
            trail.record(
                session,
                topic,
                organisation_id=self.id,
                by="system",
                at=self.ports.clock.now(),
                about=about or {"credential": "crd_1"},
                facts=facts,
            )

    def spread(self) -> int:
        """Chain what waits, and write the deliveries of it."""
        while trail.append(self.ports.database):
            pass
        written = 0
        while step := spreading.duty(self.ports):
            written += step
        return written

    def courier(self) -> Courier:
        assert self.ports.hooks is not None
        return Courier(self.ports.database, self.ports.clock, self.ports.hooks)

    def work(self) -> int:
        """Do all that is due now; tell how many times something was sent."""
        self.spread()
        return self.courier().drain()

    def endpoint(self, path: str = "/hook", **asked: Any) -> Any:
        """Register the receiver, from now on."""
        self.spread()
        answer = self.api.post(ENDPOINTS, json={"url": self.receiver.url(path), **asked})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def feed(self, after: str = "0", **asked: Any) -> Any:
        self.spread()
        answer = self.api.get("/v1/events", params={"after": after, **asked})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deliveries(self) -> Sequence[WebhookDelivery]:
        with self.ports.database.reading(self.id) as session:
            return session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.seq)).all()

    def row(self, endpoint_id: str) -> WebhookEndpoint:
        with self.ports.database.reading(self.id) as session:
            return session.get_one(WebhookEndpoint, endpoint_id)

    def move(self, by: timedelta) -> None:
        self.clock.move(by)


def body_of(ports: Ports, receiver: Receiver) -> Body:
    organisation_id, [key] = make.tokens(ports, (Role.ADMINISTRATOR,))
    return Body(ports, receiver, organisation_id, key)


@pytest.fixture
def hooked(ports: Ports, receiver: Receiver) -> Ports:
    return replace(ports, hooks=Hooks(receiver.postman(), PlainVault()))


@pytest.fixture
def body(hooked: Ports, receiver: Receiver) -> Body:
    return body_of(hooked, receiver)


@pytest.fixture
def other(hooked: Ports, receiver: Receiver) -> Body:
    """Another organisation of the same installation."""
    return body_of(hooked, receiver)


def machine_key(body: Body, *scopes: str) -> str:
    """A key of a program."""
    with body.ports.database.writing(body.id) as session:
        at = body.ports.clock.now()
        client = service.add_client(session, body.id, name="back office", by="system", at=at)
        return service.issue_key(
            session, client_id=client.id, scopes=frozenset(scopes), expires_at=None, by="system", at=at
        ).token
