"""A plain way to call the application, in process without a port or in a process of its own."""

import asyncio
from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator

from app.problems import MEDIA_TYPE, SCHEMA

_PROBLEM: Final = Draft202012Validator(SCHEMA)


class Caller:
    """Calls routes one after another, each in an event loop of its own.

    Whichever way a test comes upon a problem, it has to be of the form that the contract promises.
    """

    def __init__(self, transport: httpx.ASGITransport, headers: dict[str, str]) -> None:
        self._transport = transport
        self._headers = headers

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            client = httpx.AsyncClient(
                transport=self._transport, base_url="https://sigillo.example.org", headers=self._headers
            )
            async with client:
                return await client.request(method, path, **given)

        return _as_promised(asyncio.run(call()))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)

    def put(self, path: str, **given: Any) -> httpx.Response:
        return self.request("PUT", path, **given)

    def delete(self, path: str, **given: Any) -> httpx.Response:
        return self.request("DELETE", path, **given)

    def patch(self, path: str, **given: Any) -> httpx.Response:
        return self.request("PATCH", path, **given)


class Remote(Caller):
    """Calls a service that runs in a process of its own."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=30, trust_env=False) as client:
            return _as_promised(client.request(method, path, **given))


def _as_promised(answer: httpx.Response) -> httpx.Response:
    if answer.content and answer.headers.get("content-type") == MEDIA_TYPE:
        _PROBLEM.validate(answer.json())
    return answer
