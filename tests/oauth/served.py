"""The application of a test behind a port, with the clock of this machine, and a client that may call it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.core.clock import SystemClock
from app.ports import Ports
from tests.calling import Remote
from tests.oauth.house import ENDPOINT, House
from tests.serving import free_port


@dataclass(frozen=True, slots=True)
class Served:
    """Where it answers, and who may ask."""

    url: str
    administrator: Remote
    path: str
    client: str
    secret: str
    audience: str = ENDPOINT


@contextmanager
def listening(app: ASGIApp, **options: Any) -> Iterator[str]:
    """Put an application behind a port, in a thread, until the block ends; gives where it answers."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while thread.is_alive() and not server.started:
        thread.join(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@contextmanager
def served(ports: Ports) -> Iterator[Served]:
    """Serve in a thread until the block ends."""
    house = House(replace(ports, clock=SystemClock()))
    _, secret = house.secret()
    token = house.administrator._headers["Authorization"].removeprefix("Bearer ")
    with listening(house.app) as url:
        yield Served(url, Remote(url, token), house.path, house.client, secret)
