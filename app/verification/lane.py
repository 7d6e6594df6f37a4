"""The shortest way to the answer that is asked for most: the report on a number, for programs.

What stands around a route costs more than this answer does. Here nothing stands between it and the server;
whatever else is asked for, and whatever goes wrong, is for the road that every other request takes.
"""

import secrets
import time
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope, Send

from app.problems import problem_response
from app.verification.desk import Desk
from app.verification.errors import CredentialNotFound
from app.verification.public import FAILED, PRIVATE_WRITTEN, REPORT
from app.web import REQUEST_ID_BYTES, Noted

_BEFORE, _AFTER = REPORT.split("{number}")
_OK, _NOT_FOUND = HTTPStatus.OK.value, HTTPStatus.NOT_FOUND.value


class Lane:
    """Answers on numbers byte for byte as the route of that address does."""

    def __init__(self, desk: Desk, noted: Noted) -> None:
        self._desk = desk
        self._noted = noted
        # The same is told of every number that is not there, but for the name of the request.
        name = secrets.token_hex(REQUEST_ID_BYTES)
        asked = Request({"type": "http", "request_id": name, "route": Route(REPORT, self.answered)})
        absent = problem_response(asked, CredentialNotFound())
        self._absent: Final = bytes(absent.body).split(name.encode())
        self._absent_headers: Final = absent.raw_headers

    async def answered(self, scope: Scope, send: Send) -> bool:
        """Answer, and tell whether that was done; what went wrong is in the scope then, to be said."""
        number = _number_in(scope)
        if not number:
            return False
        started, status, request_id = time.perf_counter(), _OK, secrets.token_hex(REQUEST_ID_BYTES)
        named = request_id.encode()
        try:
            self._desk.pace.admit(scope)
            body = await self._desk.written_about(number)
            headers = [*PRIVATE_WRITTEN, (b"content-length", b"%d" % len(body)), (b"x-request-id", named)]
        except CredentialNotFound:
            status, body = _NOT_FOUND, named.join(self._absent)
            headers = [*self._absent_headers, (b"x-request-id", named)]
        except Exception as failed:  # noqa: BLE001 - nothing is lost of it
            scope[FAILED] = failed
            return False
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        finally:
            self._noted("GET", REPORT, status, request_id, time.perf_counter() - started)
        return True


def _number_in(scope: Scope) -> str:
    """Give the number that is asked about in the ordinary way; nothing of any other request."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return ""
    path: str = scope["path"]
    if not (path.startswith(_BEFORE) and path.endswith(_AFTER)):
        return ""
    number = path[len(_BEFORE) : -len(_AFTER)]
    return "" if "/" in number else number
