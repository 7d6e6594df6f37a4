"""A caller who never gives up: the same request with the same key, on either process, until an answer."""

import secrets
from threading import Event
from time import monotonic
from typing import Any, Final

import httpx

from drill.house import House

CONFLICT: Final = 409
TOO_MANY: Final = 429
BROKEN: Final = 500
REPLAYED: Final = "idempotent-replayed"
AGAIN_IN: Final = 15  # so many requests, one is sent again although it was answered
IN_FLIGHT: Final = "idempotency-in-flight"
PAUSE_SECONDS: Final = 0.1
SECONDS: Final = 20.0  # for an answer; after that it is asked again
LONGEST: Final = 300.0  # for all attempts together


class Unanswered(RuntimeError):
    """A request that got no answer however often it was sent: nobody knows what became of it."""


def code_of(answer: httpx.Response) -> str:
    """Give the code of a problem; nothing where it is none."""
    if answer.headers.get("content-type", "") != "application/problem+json":
        return ""
    return str(answer.json().get("code", ""))


class Caller:
    """Calls as one person, on one process and then on the other."""

    def __init__(self, house: House, key: str) -> None:
        self._house = house
        self._clients = [
            httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=SECONDS, trust_env=False
            )
            for url in house.webs
        ]
        self._turn = secrets.randbelow(len(self._clients))
        self._rest = Event()
        self.repeated = False  # whether the last request was sent more than once

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def make(self, path: str, **given: Any) -> httpx.Response:
        """Ask for something to be made: once, however often it has to be sent."""
        headers = {"Idempotency-Key": secrets.token_hex(16), **given.pop("headers", {})}
        answer = self.ask("POST", path, headers=headers, **given)
        if answer.is_success and secrets.randbelow(AGAIN_IN) == 0:
            again = self.ask("POST", path, headers=headers, **given)
            if REPLAYED not in again.headers or again.content != answer.content:
                self._house.find(f"POST {path}, sent again, was answered otherwise: {again.status_code}")
        return answer

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request until there is an answer to it that is no word about the machine."""
        ends, attempts = monotonic() + LONGEST, 0
        while monotonic() < ends:
            self._turn = (self._turn + 1) % len(self._clients)
            attempts += 1
            self._house.count("requests sent")
            try:
                answer = self._clients[self._turn].request(method, path, **given)
            except httpx.ConnectError:
                why: str | None = "connections refused"
            except httpx.TransportError:
                why = "answers that never came"
            else:
                why = _again(answer)
            if why is None:
                self.repeated = attempts > 1
                self._house.count("requests answered")
                self._house.count("sent more than once", self.repeated)
                self._house.count("answers replayed", REPLAYED in answer.headers)
                return answer
            self._house.count(why)
            self._rest.wait(PAUSE_SECONDS)
        raise Unanswered(f"{method} {path}")


def _again(answer: httpx.Response) -> str | None:
    """Tell why a request is to be sent again; None where this is its answer."""
    if answer.status_code >= BROKEN:
        return f"answers of {answer.status_code}"
    if answer.status_code == TOO_MANY:
        return "answers of 429"
    if answer.status_code == CONFLICT and code_of(answer) == IN_FLIGHT:
        return "answers of 409 in flight"
    return None
