"""The shortest way to the answers that are asked for most: reports for programs, on a number or on a token.

What stands around a route costs more than these answers do. Here nothing stands between them and the server;
whatever else is asked for, and whatever goes wrong, is for the road that every other request takes.
"""

import re
import secrets
import time
from collections import deque
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.problems import problem_response
from app.verification.desk import Desk
from app.verification.errors import CredentialNotFound
from app.verification.public import COUNTED, FAILED, PRIVATE_WRITTEN, REPORT
from app.verification.submitted import MAX_TEXT
from app.web import REQUEST_ID_BYTES, STARTED, STRANGERS, Noted

_BEFORE, _AFTER = REPORT.split("{number}")
_OK, _NOT_FOUND = HTTPStatus.OK.value, HTTPStatus.NOT_FOUND.value
_BEFORE_TOKEN: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"credential"[ \t\r\n]*:[ \t\r\n]*"')
_MOST_DIGITS: Final = len(str(MAX_TEXT))
_AFTER_TOKEN: Final = re.compile(rb'"[ \t\r\n]*\}[ \t\r\n]*')


class Lane:
    """Answers byte for byte as the route of that address does."""

    def __init__(self, desk: Desk, noted: Noted) -> None:
        self._desk = desk
        self._noted = noted
        # The same is told of every number that is not there, but for the name of the request.
        name = secrets.token_hex(REQUEST_ID_BYTES)
        asked = Request({"type": "http", "request_id": name, "route": Route(REPORT, self.taken)})
        absent = problem_response(asked, CredentialNotFound())
        self._absent: Final = bytes(absent.body).split(name.encode())
        self._absent_headers: Final = absent.raw_headers

    async def taken(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer, or give what the road has to read the request from.

        What went wrong is in the scope then, to be said there.
        """
        if scope["type"] != "http" or scope.get("root_path"):
            return receive
        if scope["method"] == "GET":
            number = _number_in(scope["path"])
            return receive if not number or not await self._on_number(number, scope, send) else None
        if scope["method"] != "POST" or scope["path"] != STRANGERS or not _is_short_json(scope):
            return receive
        scope[STARTED] = time.perf_counter()
        try:
            self._desk.pace.admit(scope)
        except HTTPException as refused:
            scope[FAILED] = refused
            return receive
        scope[COUNTED] = True
        body, ended = await _body(receive)
        token = _token_in(body) if ended is None else None
        if token and await self._on_token(token, scope, send):
            return None
        return _again(body, ended, receive)

    async def _on_number(self, number: str, scope: Scope, send: Send) -> bool:
        started, status, request_id = time.perf_counter(), _OK, secrets.token_hex(REQUEST_ID_BYTES)
        named = request_id.encode()
        try:
            self._desk.pace.admit(scope)
            body = await self._desk.written_about(number)
            headers = _headers(body, named)
        except CredentialNotFound:
            status, body = _NOT_FOUND, named.join(self._absent)
            headers = [*self._absent_headers, (b"x-request-id", named)]
        except Exception as failed:  # noqa: BLE001 - nothing is lost of it
            scope[FAILED] = failed
            return False
        try:
            await _say(send, status, headers, body)
        finally:
            self._noted("GET", REPORT, status, request_id, time.perf_counter() - started)
        return True

    async def _on_token(self, token: str, scope: Scope, send: Send) -> bool:
        request_id = secrets.token_hex(REQUEST_ID_BYTES)
        try:
            body = await self._desk.written_plainly(token)
        except Exception as failed:  # noqa: BLE001 - nothing is lost of it
            scope[FAILED] = failed
            return False
        if body is None:
            return False
        try:
            await _say(send, _OK, _headers(body, request_id.encode()), body)
        finally:
            self._noted("POST", STRANGERS, _OK, request_id, time.perf_counter() - scope[STARTED])
        return True


async def _say(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(body: bytes, named: bytes) -> list[tuple[bytes, bytes]]:
    return [*PRIVATE_WRITTEN, (b"content-length", b"%d" % len(body)), (b"x-request-id", named)]


def _number_in(path: str) -> str:
    """Give the number that is asked about in the ordinary way; nothing of any other request."""
    if not (path.startswith(_BEFORE) and path.endswith(_AFTER)):
        return ""
    number = path[len(_BEFORE) : -len(_AFTER)]
    return "" if "/" in number else number


def _is_short_json(scope: Scope) -> bool:
    """Tell whether a body says that it is JSON, in so many words, and no longer than a credential is."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    sizes = [len(value) for name, value in scope["headers"] if name == b"content-length"]
    return kinds == [b"application/json"] and max(sizes, default=0) <= _MOST_DIGITS


async def _body(receive: Receive) -> tuple[bytes, Message | None]:
    """Read a body; where it is not whole, being too long or its sender gone, also what came last."""
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(read), message
        read += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(read), None
        if len(read) > MAX_TEXT:
            return bytes(read), {"type": "http.request", "body": b"", "more_body": True}


def _token_in(body: bytes) -> str | None:
    """Take out what stands in `{"credential": "…"}` and may be a token; None of a body of any other form.

    It was not read as JSON: it is what was sent only if there is no quote and no escape in it.
    """
    begins, ends = _BEFORE_TOKEN.match(body), body.rfind(b'"')
    if begins is None or not _AFTER_TOKEN.fullmatch(body, ends):
        return None
    return body[begins.end() : ends].decode("latin-1")


def _again(body: bytes, ended: Message | None, receive: Receive) -> Receive:
    """Let a body be read from its beginning once more."""
    read = deque[Message]([{"type": "http.request", "body": body, "more_body": ended is not None}])
    if ended is not None:
        read.append(ended)

    async def received() -> Message:
        return read.popleft() if read else await receive()

    return received
