"""What every route shares: strict shapes, request ids, size limits, and the declaration of who may call."""

import json
import logging
import re
import secrets
import sys
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Annotated, Any, BinaryIO, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ports import Ports
from app.problems import Shown, answer, as_it_is

# Loggers that would otherwise print a traceback with the words of an exception in it.
LOGGED: Final = {
    "sigillo": logging.INFO,
    "uvicorn": logging.WARNING,
    "asyncio": logging.WARNING,
    "python_multipart": logging.ERROR,  # what a stranger got wrong in a form is no warning to the operator
}
BODY_LIMIT: Final = 1_000_000
LONGER: Final[Mapping[str, int]] = {
    "/v1/cpd-imports": 2_000_000,  # 500 rows with their notes
    "/v1/batches": 64_000_000,  # 100,000 rows, read a piece at a time
}
CHUNK: Final = 256 * 1024
_JOINERS: Final = "\u200c\u200d"
# Letters and signs to Unicode, and white paper to a reader: empty braille, the fillers of Hangul.
_BLANK: Final = frozenset("\u2800\u115f\u1160\u3164\uffa0")
_UNJOINED: Final = frozenset({"LATIN", "GREEK", "CYRILLIC", "COMBINING", "MODIFIER"})
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+-][0-9]{2}:[0-9]{2})")


INSTANT: Final = "sigillo.instant"  # of a request's scope


def ports_of(request: Request) -> Ports:
    """Give the ports that the application was made with."""
    given: Ports = request.app.state.ports
    return given


def instant_of(request: Request) -> datetime:
    """Tell the instant at which this request is dealt with: one, however often it is asked for."""
    if INSTANT not in request.scope:
        request.scope[INSTANT] = ports_of(request).clock.now()
    at: datetime = request.scope[INSTANT]
    return at


# What a route depends on is async where it waits for nothing, since the framework asks a thread for each that
# is not; and what many depend on depends on little itself, since that is gone through every time.
async def ports(request: Request) -> Ports:
    """Give a route the ports that the application was made with."""
    return ports_of(request)


GivenPorts = Annotated[Ports, Depends(ports)]


async def current_time(request: Request) -> datetime:
    """Tell a route the instant at which this request is dealt with."""
    return instant_of(request)


Now = Annotated[datetime, Depends(current_time)]


class Wire(BaseModel):
    """A shape on the wire: exact types, no unknown members."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """A shape that we answer with, read from our own values."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _plain_text(value: str) -> str:
    """Refuse what no person types and no database stores: control characters, lone surrogates."""
    # What prints holds none of it. Names mostly do, and a batch has hundreds of thousands of them.
    for character in "" if value.isprintable() else value:
        if unicodedata.category(character) in {"Cc", "Cs", "Cn", "Co"} and character not in "\n\t":
            raise ValueError("must not contain control characters")
    return unicodedata.normalize("NFC", value).strip()


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _with_ink(value: str) -> str:
    """Refuse what leaves no mark on paper: accents of nothing, and letters that are drawn as a blank."""
    if not any(unicodedata.category(one)[0] in "LNPS" and one not in _BLANK for one in value):
        raise ValueError("must not be blank")
    return value


def _visible(value: str) -> str:
    """Drop what nobody sees, so that what looks alike is alike; keep joiners where a script needs them."""
    if value.isprintable():
        return value  # without a format character, and normalised before
    kept = [one for place, one in enumerate(value) if not _is_unseen(value, place)]
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def _is_unseen(value: str, place: int) -> bool:
    if unicodedata.category(value[place]) != "Cf":
        return False
    return value[place] not in _JOINERS or place == 0 or not _is_joined(value[place - 1])


def _is_joined(character: str) -> bool:
    """Tell whether a letter or sign is of a script, as in Persian, in which a joiner changes a word."""
    script = unicodedata.name(character, "").partition(" ")[0]
    return unicodedata.category(character)[0] in "LM" and script not in _UNJOINED


def _one_line(value: str) -> str:
    if any(character in value for character in "\n\t\u2028\u2029"):
        raise ValueError("must be a single line")
    return value


def _day(value: object) -> object:
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("must be a date written as YYYY-MM-DD")


def _instant(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _ISO_INSTANT.fullmatch(value):
        instant = datetime.fromisoformat(value)
        if 1970 < instant.year < 9999:  # noqa: PLR2004 - beyond these no zone can be applied
            return instant.astimezone(UTC)
    raise ValueError("must be a date and time with its offset (RFC 3339)")


# The length counts again once the text is normalised: a letter may come apart into three.
Text = Annotated[
    str,
    Field(max_length=8000),
    AfterValidator(_plain_text),
    AfterValidator(_not_empty),
    Field(max_length=8000),
]
Comment = Annotated[str, Field(max_length=8000), AfterValidator(_plain_text), Field(max_length=8000)]
Line = Annotated[
    str,
    Field(max_length=200),
    AfterValidator(_plain_text),
    AfterValidator(_visible),
    AfterValidator(_not_empty),
    AfterValidator(_with_ink),
    AfterValidator(_one_line),
    Field(max_length=200),
]
Email = Annotated[
    str,
    Field(max_length=254, pattern=r"^[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\"]+$"),
    AfterValidator(_plain_text),
    Field(max_length=254),
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Numbered(Protocol):
    """A row with a public id."""

    @property
    def id(self) -> str: ...


Item = TypeVar("Item")
Row = TypeVar("Row", bound=Numbered)
PAGE: Final = 50
Limit = Annotated[int, Query(ge=1, le=200, description="How many to give at most.")]
Cursor = Annotated[
    str, Query(max_length=64, pattern="^[a-z0-9_]+$", description="Where the page before this one ended.")
]


def _a_little_earlier(since: datetime) -> datetime:
    return since - LATE


# What is written says when it was asked for, and is seen once it is committed.
LATE: Final = timedelta(minutes=1)
UpdatedSince = Annotated[
    datetime,
    BeforeValidator(_instant),
    AfterValidator(_a_little_earlier),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Query(
        description="Only what was changed at this instant or later (RFC 3339); the minute before is looked "
        "at too, so that nothing is missed. Next time, send the instant at which this listing was begun."
    ),
]


class Page(Answer, Generic[Item]):
    """A part of a list; `next_cursor` asks for the part that follows, where there is one."""

    data: list[Item]
    next_cursor: str | None


def page_of(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """Cut a page off rows that were read one beyond its end, and say where the next one starts."""
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def attachment(name: str) -> dict[str, str]:
    """Give the headers under which a stranger's bytes are saved to disk and never shown or run (RFC 6266)."""
    plain = "".join(one if one.isascii() and (one.isalnum() or one in "._- ") else "_" for one in name)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }


def pieces(source: BinaryIO) -> Iterator[bytes]:
    """Hand a file out a piece at a time, and close it."""
    with source:
        while piece := source.read(CHUNK):
            yield piece


async def each_part_once(request: Request) -> None:
    """Refuse a form in which a part stands twice: of two files, one would be lost without a word."""
    names = [name for name, _ in (await request.form()).multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestValidationError(
            [{"loc": ("body", name), "msg": "must stand only once", "type": "twice"} for name in twice]
        )


METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SAID: Final = "sigillo.said"  # of a request's scope: headers that its answer has, whatever it is


REQUEST_ID_BYTES: Final = 8
Noted = Callable[[str, str, int, str, float], object]


class RequestLines:
    """Writes one line about each request and has it counted: the route's pattern, never the address.

    The line goes to `out`, if anywhere, in the form of the log's and past its library: by way of that it
    would cost as much as a whole answer from memory. `count` hears of each answer too.
    """

    def __init__(
        self,
        out: Callable[[str], object] | None = None,
        count: Callable[[str, str, int, float], object] | None = None,
    ) -> None:
        self.out = out
        self.count = count

    def note(self, method: str, route: str, status: int, request_id: str, took: float) -> None:
        """Say what became of a request, and in how many seconds."""
        if self.count is not None:
            self.count(method if method in METHODS else "-", route, status, took)
        if self.out is not None:
            self.out(
                f'{{"at": "{_written_at(time.time())}", "level": "info", "event": "request", '
                f'"request_id": "{request_id}", {_asked(method, route)}, "status": {status}, '
                f'"ms": {took * 1000:.1f}}}\n'
            )


class RequestLog:
    """Gives each request an id, and has it noted."""

    def __init__(self, app: ASGIApp, *, note: Noted | None = None) -> None:
        self.app = app
        self.note = note or RequestLines().note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(REQUEST_ID_BYTES)
        scope["request_id"] = request_id
        started = scope.get(STARTED) or time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = scope.get(SAID, ())
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *said,
                ]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "-")
            self.note(scope["method"], route, status, request_id, time.perf_counter() - started)


class PublicRoute(Route):
    """A plain route that says its pattern, as FastAPI's own do: logs name patterns, never addresses.

    What goes wrong in it is for the road that it stands on to answer, once.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: list[str] | None = None) -> None:
        super().__init__(path, endpoint, methods=methods)
        if iscoroutinefunction(endpoint):
            self.app = _answering(endpoint)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}


def _answering(endpoint: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return answering


class _Junction:
    """Finds the public route of an address by how the address begins; whatever has none goes on to the app.

    To try all of them in turn costs as much as some answers do. That is left to `others` where there is a
    route and it is not plain how to take it.
    """

    def __init__(self, routes: Sequence[Route], others: ASGIApp, app: ASGIApp) -> None:
        self.others = others
        self.beyond = others if any("{" in _first(route.path) for route in routes) else app
        self.plain: dict[str, Route] = {}
        self.named: dict[str, list[Route]] = {}
        for route in routes:
            if "{" not in route.path:
                self.plain.setdefault(route.path, route)
            self.named.setdefault(_first(route.path), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        route, named = self.plain.get(path), {}
        if route is None or scope.get("root_path", ""):
            for route in self.named.get(_first(path), ()):
                if found := route.path_regex.match(path):
                    named = {
                        name: route.param_convertors[name].convert(value)
                        for name, value in found.groupdict().items()
                    }
                    break
            else:
                route = None
        if scope.get("root_path", ""):
            await self.others(scope, receive, send)
            return
        if route is None:
            await self.beyond(scope, receive, send)
            return
        if not (route.methods and scope["method"] in route.methods):
            await self.others(scope, receive, send)
            return
        scope["path_params"], scope["route"], scope["endpoint"] = named, route, route.endpoint
        await route.app(scope, receive, send)


def _first(path: str) -> str:
    return path[: path.find("/", 1) + 1]


class PublicRoad:
    """Answers strangers before the framework is asked: what it puts around a route costs more than they."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Sequence[Route],
        handlers: Mapping[Any, Callable[[Request, Exception], Any]],
    ) -> None:
        meant = {kind: handler for kind, handler in handlers.items() if kind is not Exception}
        self.app = app
        # A redirect to the path with another slash would be made of the Host header, and repeat the number.
        others = Router(routes, default=app, redirect_slashes=False)
        self.road = ExceptionMiddleware(_Junction(routes, others, app), meant)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.road if scope["type"] == "http" else self.app)(scope, receive, send)


STARTED: Final = "sigillo.started"  # of a request's scope: when it came, where a shorter way saw it first
STRANGERS: Final = "/v1/verifications"  # the one place under /v1 that asks for no key
HUNG_UP: Final = 499  # no status of HTTP: other servers' logs say it of whoever left before the answer
TOO_LONG: Final = (413, "too-large", "Too much was sent")
NO_KEY: Final = (401, "key-not-accepted", "The key is missing, unknown, expired or revoked")


class BodyTooLong(Exception):
    """More bytes came than any route takes."""


class BodyLimit:
    """Stops reading a body that is longer than its route may take; Starlette itself has no limit.

    Of whoever sends no key at all, nothing is read where one is needed.
    """

    def __init__(
        self, app: ASGIApp, *, limit: int = BODY_LIMIT, uploads: int, shown: Shown = as_it_is
    ) -> None:
        self.app = app
        self.limit = limit
        self.uploads = uploads
        self.shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        multipart = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
        path = scope["path"]
        if path.startswith("/v1/") and path != STRANGERS and b"authorization" not in headers:
            await self._refuse(NO_KEY, "Send a key as `Authorization: Bearer …`.", scope, receive, send)
            return
        takes_files = path.endswith(("/evidence", "/proofs", "/minutes")) or path in {STRANGERS, "/v"}
        limit = self.uploads if multipart and takes_files else LONGER.get(path, self.limit)
        too_long = f"At most {limit} bytes are taken in here."
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await self._refuse(TOO_LONG, too_long, scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise BodyTooLong
            return message

        async def watched(message: Message) -> None:
            # Whatever the application made of the broken-off body, it is not what the caller needs to hear.
            if seen <= limit:
                await send(message)

        with suppress(BodyTooLong):
            try:
                await self.app(scope, counted, watched)
            except ClientDisconnect:  # no defect of ours; nobody is left to be told, so this is for the log
                await Response(status_code=HUNG_UP)(scope, receive, watched)
        if seen > limit:
            await self._refuse(TOO_LONG, too_long, scope, receive, send)

    async def _refuse(
        self, kind: tuple[int, str, str], detail: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer without reading on; whoever still sends is hung up on."""
        status, code, title = kind
        members = {
            "type": f"/problems/{code}",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail,
        }
        headers = {"Connection": "close"}
        if status == 401:  # noqa: PLR2004 - HTTP
            headers["WWW-Authenticate"] = "Bearer"
        request = Request(scope)
        await self.shown(request, answer(request, members, headers))(scope, receive, send)


class JsonLines(logging.Formatter):
    """Writes log records as JSON, one a line."""

    KEPT: Final = ("request_id", "topic", "message_id", "organisation_id", "list_id", "status", "reason")

    def format(self, record: logging.LogRecord) -> str:
        """Write what the record says; an exception as its kind and places, without its words."""
        line: dict[str, Any] = {
            "at": _written_at(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {name: record.__dict__[name] for name in self.KEPT if name in record.__dict__}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["where"] = list(_places(record.exc_info[2]))
        return _written(line)


# Made once: for every call of its own, `json.dumps` would make an encoder anew.
_written: Final = json.JSONEncoder(ensure_ascii=False).encode


def _written_at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=1024)
def _asked(method: str, route: str) -> str:
    return _written({"method": method, "route": route})[1:-1]


def _places(traceback: Any) -> Iterator[str]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next


def log_to_stderr() -> None:
    """Send the log to standard error as JSON lines: the service's own, and what carries the service."""
    target = logging.StreamHandler(sys.stderr)
    target.setFormatter(JsonLines())
    for name, level in LOGGED.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = [target]
        logger.setLevel(level)
        logger.propagate = False
