"""The one module where failures become HTTP: RFC 9457 problem documents."""

import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.core.errors import (
    Conflict,
    DatabaseBusy,
    EditionMissing,
    Hurried,
    JsonValue,
    NotAllowed,
    NotFound,
    Outdated,
    Problem,
    RuleBroken,
    TooLarge,
    Unauthenticated,
    pointer_to,
)

Handler = Callable[[Request, Exception], Response]
# Shows a problem to whoever asked; a browser gets it as a page.
Shown = Callable[[Request, Response], Response]

log: Final = logging.getLogger("sigillo.problems")
MEDIA_TYPE: Final = "application/problem+json"
STATUS: Final[Mapping[type[Problem], HTTPStatus]] = {
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RuleBroken: HTTPStatus.UNPROCESSABLE_ENTITY,
    Outdated: HTTPStatus.PRECONDITION_FAILED,
    EditionMissing: HTTPStatus.PRECONDITION_REQUIRED,
    Hurried: HTTPStatus.TOO_MANY_REQUESTS,
    DatabaseBusy: HTTPStatus.SERVICE_UNAVAILABLE,
}
# What a plain refusal may say beyond its status, where its reader can do something about it.
HURRIED: Final[Mapping[str, str]] = {
    "type": "/problems/hurried",
    "code": "hurried",
    "detail": "Too many questions come from this address. `Retry-After` says how many seconds to wait.",
}
MALFORMED: Final[Mapping[str, Any]] = {
    "type": "/problems/malformed",
    "title": "The request is not of the form that is asked for",
    "status": HTTPStatus.UNPROCESSABLE_ENTITY.value,
    "code": "malformed",
    "detail": "See `errors` for each place that is wrong.",
}
UNREAD: Final = "JSON decode error"  # as the framework says of JSON that is wrong at one place
_IN_BOTH: Final[dict[str, Any]] = {
    "title": "Words in both languages",
    "type": "object",
    "required": ["it", "en"],
    "properties": {"it": {"type": "string"}, "en": {"type": "string"}},
}
SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `type` leads to a page that says what to do; "
    "`code` is for programs.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"anyOf": [{"type": "string"}, _IN_BOTH]},
                },
            },
        },
    },
}
DEFAULT: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"description": "A problem (RFC 9457)", "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
}


def status_of(kind: type[Problem]) -> HTTPStatus:
    """Find the status of a kind of problem by the family it belongs to."""
    return next(status for family, status in STATUS.items() if issubclass(kind, family))


def documented(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Describe in OpenAPI which problems an operation may answer with, each with its example."""
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status = status_of(kind)
        content = answers.setdefault(
            status.value,
            {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA, "examples": {}}}},
        )["content"][MEDIA_TYPE]
        content["examples"][kind.code] = {"value": _members(kind, status, None)}
    return answers


def _members(kind: type[Problem], status: HTTPStatus, detail: str | None) -> dict[str, Any]:
    members = {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": status.value,
        "code": kind.code,
    }
    return members if detail is None else members | {"detail": detail}


def members_of(problem: Problem) -> dict[str, JsonValue]:
    """Write a problem for a place inside another answer."""
    return {**_members(type(problem), status_of(type(problem)), problem.detail), **problem.facts}


def answer(request: Request, members: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Render a problem document; nothing of it may be kept by a cache."""
    # The route's pattern, not the address asked for: an address may carry what does not belong in logs.
    route = request.scope.get("route")
    full = members | {
        "instance": getattr(route, "path", None) or "about:blank",
        "request_id": request.scope.get("request_id", ""),
    }
    # A pointer names what was sent, and half a character can be sent: it has no form in UTF-8.
    body = json.dumps(full, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(
        body,
        status_code=members["status"],
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def problem_response(request: Request, problem: Problem) -> Response:
    """Answer with one of our own problems."""
    status = status_of(type(problem))
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    facts: Mapping[str, JsonValue] = problem.facts
    return answer(request, {**_members(type(problem), status, problem.detail), **facts}, headers)


def as_it_is(request: Request, problem: Response) -> Response:
    """Show a problem as the document that it is."""
    del request
    return problem


def _pointer(place: Sequence[Any]) -> str:
    parts = place[1:] if place and place[0] in {"body", "query", "path", "header"} else place
    return pointer_to(parts)


def _invalid(request: Request, error: Exception) -> Response:
    """Say where the input is wrong, and never repeat it: it may be personal."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [{"pointer": _pointer(fault["loc"]), "detail": fault["msg"]} for fault in error.errors()]
    return answer(request, {**MALFORMED, "errors": errors})


def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return problem_response(request, error)


def _plain(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, ValueError | RecursionError):
        # The framework's word for a body that broke the reader of JSON: by its bytes, its depth, its numbers.
        return answer(request, {**MALFORMED, "errors": [{"pointer": pointer_to(()), "detail": UNREAD}]})
    status = HTTPStatus(error.status_code)
    said = HURRIED if status is HTTPStatus.TOO_MANY_REQUESTS else {}
    members = {"type": "about:blank", "title": status.phrase, "status": status.value, **said}
    return answer(request, members, error.headers)


def _lost_race(request: Request, error: Exception) -> Response:
    del error
    return problem_response(request, Conflict("Somebody else changed this at the same time. Read it again."))


def _lost_race_to_the_rules(request: Request, error: Exception) -> Response:
    # Every rule is looked at before writing, so the database says no only to whoever came second.
    log.warning("database.refused", exc_info=error, extra={"request_id": request.scope.get("request_id", "")})
    return _lost_race(request, error)


def _database_busy(request: Request, error: Exception) -> Response:
    asked = request.scope.get("request_id", "")
    if _is_locked(error):
        log.warning("database.locked", extra={"request_id": asked})
    else:
        log.error("database.unavailable", exc_info=error, extra={"request_id": asked})
    return problem_response(
        request,
        DatabaseBusy(
            "The database is busy or cannot be reached; what changes something may have been carried out or "
            "not. With its `Idempotency-Key`, send the same again after `Retry-After`: it has one effect. "
            "Without one, read first how things stand."
        ),
    )


def _is_locked(error: Exception) -> bool:
    """Tell whether somebody else merely wrote for too long: SQLite has one lock for all who write."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY  # an extended code has its primary one in the last byte


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected", exc_info=error, extra={"request_id": request.scope.get("request_id", "")})
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer(request, {"type": "about:blank", "title": status.phrase, "status": status.value})


def _at_once(
    handler: Handler, shown: Shown = as_it_is
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answer in the event loop: a plain function would be handed to a thread, and cost ten times as much."""

    async def handled(request: Request, error: Exception) -> Response:
        return shown(request, handler(request, error))

    return handled


def install(app: FastAPI, shown: Shown = as_it_is) -> None:
    """Teach the application to answer with problem documents; `shown` gets those that no route meant."""
    meant: dict[type[Exception], Handler] = {
        Problem: _ours,
        RequestValidationError: _invalid,
        StaleDataError: _lost_race,
        IntegrityError: _lost_race_to_the_rules,
    }
    plain: dict[type[Exception], Handler] = {
        HTTPException: _plain,
        OperationalError: _database_busy,
        Exception: _unexpected,
    }
    for kind, handler in meant.items():
        app.add_exception_handler(kind, _at_once(handler))
    for kind, handler in plain.items():
        app.add_exception_handler(kind, _at_once(handler, shown))
