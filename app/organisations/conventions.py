"""What holds on every route of the work road: keys for sending again, and tags that tell what was read."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from app.core.db import Base
from app.core.errors import EditionMissing, Outdated, Problem
from app.organisations.access import CurrentActor, current_actor, every_route, open_write
from app.organisations.errors import KeyInFlight, KeyReused
from app.organisations.idempotency import RIVAL_WAITS_MS, Once, Replayed, Stored, digest_of
from app.problems import documented
from app.web import CHUNK, instant_of, ports_of

CREATING: Final = frozenset({201, 202})  # what a POST answers with that makes something
REPEATED: Final = ("content-type", "cache-control", "location", "etag")
KEY: Final = "Idempotency-Key"
IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias=KEY,
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="A name of your own for this request, such as a UUID. Sent again with the same key "
        "within 24 hours, it has no second effect, and is answered as it was the first time, with "
        "`Idempotent-Replayed: true`.",
    ),
]


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0
    settled: bool = False


# By event loop, because a lock belongs to one; an entry lasts as long as somebody wants its turn.
_turns: dict[tuple[int, str], _Turn] = {}


@asynccontextmanager
async def _turn(name: str) -> AsyncIterator[None]:
    """Let one request with a key go ahead in this process, and the others once it is answered.

    They would wait in the database just as well, but each with a thread and a connection, of which the
    one that they wait for might find none left.
    """
    place = (id(asyncio.get_running_loop()), name)
    turn = _turns.setdefault(place, _Turn())
    turn.wanted += 1
    try:
        try:
            await asyncio.wait_for(turn.lock.acquire(), RIVAL_WAITS_MS / 1000)
        except TimeoutError:
            raise KeyInFlight("Another request with this key is being carried out.") from None
        if turn.settled:
            turn.lock.release()
            yield
            return
        try:
            yield
            turn.settled = True
        finally:
            turn.lock.release()
    finally:
        turn.wanted -= 1
        if not turn.wanted:
            del _turns[place]


async def _fingerprint(request: Request) -> str:
    """Digest what was asked. Of a form, its parts: each sending draws another line between them."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    asked = [
        request.method,
        request.scope["path"],
        request.scope["query_string"].decode("latin-1"),
        media_type,
    ]
    parts = [digest_of(*(each.encode("utf-8", "replace") for each in asked)).encode()]
    if (digest := getattr(request.state, "digest", None)) is not None:  # read, and kept, a piece at a time
        return digest_of(*parts, digest)
    if media_type != "multipart/form-data":
        return digest_of(*parts, await request.body())
    for name, part in (await request.form()).multi_items():
        if isinstance(part, UploadFile):
            told = (name, part.filename or "", part.content_type or "")
            parts += [each.encode("utf-8", "replace") for each in told]
            parts.append(await _digest_of_file(part))
        else:
            parts += [name.encode("utf-8", "replace"), part.encode("utf-8", "replace")]
    return digest_of(*parts)


async def _digest_of_file(part: UploadFile) -> bytes:
    found = hashlib.sha256()
    await part.seek(0)
    while piece := await part.read(CHUNK):
        found.update(piece)
    await part.seek(0)
    return found.digest()


async def one_request(request: Request, idempotency_key: IdempotencyHeader = None) -> AsyncIterator[Once]:
    """Give the request's key to the use case that makes something, once no other has its turn."""
    async with _in_turn(request, idempotency_key) as once:
        yield once


OneRequest = Annotated[Once, Depends(one_request, scope="function")]


@asynccontextmanager
async def _in_turn(request: Request, key: str | None) -> AsyncIterator[Once]:
    if key is None:
        yield Once()
        return
    actor = await current_actor(request)
    route: APIRoute = request.scope["route"]
    name = digest_of(actor.id.encode(), route.path.encode(), key.encode())
    once = Once(actor.organisation_id, name, await _fingerprint(request), instant_of(request))
    request.state.once = once
    async with _turn(f"{actor.organisation_id}{name}"):
        yield once


def open_creating(request: Request, actor: CurrentActor, once: OneRequest) -> Iterator[Session]:
    """One request is one transaction, with its key first and its answer last, where it has a key."""
    with ports_of(request).database.writing(actor.organisation_id) as session:
        once.claim(session)
        yield session
        if once.kept is not None:
            once.store(session, once.kept)


async def look_back(request: Request, once: OneRequest) -> Once:
    """Give the key to a use case that commits by itself, unless it was answered already."""

    def look() -> None:
        with ports_of(request).database.reading(once.organisation_id) as session:
            once.look(session)

    if once.name is not None:
        await run_in_threadpool(look)
    return once


@asynccontextmanager
async def by_itself(request: Request, key: str | None) -> AsyncIterator[Once]:
    """Do what `ByItself` does, for a route that is asked so often that each dependency counts.

    Such a route takes the `IdempotencyHeader` itself.
    """
    async with _in_turn(request, key) as once:
        yield await look_back(request, once)


# What a route takes in the place of `Db`, if it makes something; `ByItself`, if its use case commits.
Creating = Annotated[Session, Depends(open_creating, scope="function")]
ByItself = Annotated[Once, Depends(look_back, scope="function")]


def written(answer: BaseModel, status: int = 201) -> Stored:
    """Write an answer as the framework does."""
    body = answer.model_dump_json(by_alias=True).encode()
    return Stored(status, {"content-type": "application/json"}, body)


class Withholds:
    """The declaration of a route that a member of its answer is a secret, shown once and kept nowhere."""

    def __init__(self, member: str) -> None:
        self.member = member

    async def __call__(self, request: Request) -> None:
        request.state.withheld = self.member


def shows_once(member: str) -> Dependency:
    """Declare which member of an answer is never stored: whoever sends again is shown null in its place."""
    return Depends(Withholds(member))  # type: ignore[no-any-return] # FastAPI types Depends as Any


class ApiRoute(APIRoute):
    """A route of the work road: what it answers is tagged, and kept for whoever sends the same again."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        super().__init__(path, endpoint, **given)
        if takes_key(self):
            _also(self, KeyInFlight, KeyReused)
        if _calls(self.dependant, edition):
            _also(self, Outdated)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Give the framework's own way to answer, with ours around it."""
        answered: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                response = await answered(request)
            except Replayed as replayed:
                return _again(replayed.stored)
            once: Once | None = getattr(request.state, "once", None)
            withheld = getattr(request.state, "withheld", None)
            if once is not None and once.kept is not None and withheld is None:
                return as_stored(once.kept)
            tagged = _tagged(request, response)
            if once is not None and once.kept is None:
                once.kept = _to_keep(tagged, withheld)
            return tagged

        return handled


def _also(route: APIRoute, *kinds: type[Problem]) -> None:
    """Document further problems of a route, beside those that it names itself."""
    for status, described in documented(*kinds).items():
        content = route.responses.setdefault(status, described)["content"]
        for media_type, shown in described["content"].items():
            examples = content.setdefault(media_type, shown).setdefault("examples", {})
            examples.update(shown["examples"])


def _again(stored: Stored) -> Response:
    response = as_stored(stored)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def as_stored(stored: Stored) -> Response:
    """Answer with what is kept, or would be if the request had a key."""
    return Response(stored.body, status_code=stored.status, headers=dict(stored.headers))


def _to_keep(response: Response, withheld: str | None) -> Stored:
    headers = {name: response.headers[name] for name in REPEATED if name in response.headers}
    body = bytes(response.body)
    if withheld is not None:
        told = json.loads(body)
        body = json.dumps({**told, withheld: None}, ensure_ascii=False, separators=(",", ":")).encode()
        headers.pop("etag", None)
    return Stored(response.status_code, headers, body)


def _tagged(request: Request, response: Response) -> Response:
    """Tag what was read (RFC 9110, 8.8.3), and say no more than 304 to whoever has it already.

    The part of a tag before the dash, where there is one, is the edition that `If-Match` is about; the rest
    stands for the bytes, since some of an answer hangs on the reader and on the day.
    """
    said = getattr(request.state, "edition", None)
    if request.method != "GET" and said is None:
        return response
    media_type = response.headers.get("content-type", "")
    if response.status_code not in {200, 201} or not media_type.startswith("application/json"):
        return response
    digest = hashlib.sha256(bytes(response.body)).digest()
    seen = base64.urlsafe_b64encode(digest[:15]).decode()
    tag = f'"{seen}"' if said is None else f'"{said}-{seen}"'
    response.headers["ETag"] = tag
    if request.method == "GET":
        response.headers.setdefault("Cache-Control", "private, no-cache")
        held = request.headers.get("if-none-match")
        if held is not None and (held.strip() == "*" or tag in _tags(held.replace("W/", ""))):
            kept = {name: response.headers[name] for name in ("ETag", "Cache-Control")}
            return Response(status_code=304, headers=kept)
    return response


_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')
_EDITION: Final = re.compile(r'"([0-9]{1,9})-')


def _tags(header: str) -> list[str]:
    return _TAG.findall(header)


class Edition:
    """What the caller read of a row before changing it, if they say so in `If-Match` (RFC 9110, 13.1.1)."""

    def __init__(self, request: Request, held: str | None) -> None:
        self._request = request
        self._held = held

    def tell(self, row: Any) -> None:
        """Say which edition of a row is answered with."""
        self._request.state.edition = row.version

    @contextmanager
    def unchanged(
        self, session: Session, kind: type[Base], row_id: str, *, needed: bool = False
    ) -> Iterator[None]:
        """Let a change through if nobody else made one since: who may not make it at all hears that first.

        Where several people edit, `needed`: without `If-Match` nothing is changed.
        """
        # Locked, so that what is compared is what will be changed.
        row: Any = session.get(kind, row_id, with_for_update=True if self._held else None)
        before = None if row is None else row.version
        yield
        if self._held is None and needed:
            raise EditionMissing("Send the ETag of what you read as `If-Match`, so that no change is lost.")
        if self._held is not None and self._held.strip() != "*" and before not in self._editions():
            raise Outdated("Somebody changed this since you read it. Read it again; nothing was changed.")
        session.flush()
        if row is not None:
            self.tell(row)

    def _editions(self) -> set[int]:
        """Tell the editions that are named; a weak tag never matches."""
        named = (_EDITION.match(tag) for tag in _tags(self._held or ""))
        return {int(each[1]) for each in named if each is not None}


async def edition(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=1000,
            description="The `ETag` of what you read: if it was changed since, nothing is done (412).",
        ),
    ] = None,
) -> Edition:
    """Give what the caller read before."""
    return Edition(request, if_match)


async def told(request: Request) -> Edition:
    """Give a read the means to tell its edition."""
    return Edition(request, None)


Held = Annotated[Edition, Depends(edition)]
Told = Annotated[Edition, Depends(told)]


def _calls(dependant: Dependant, wanted: Callable[..., Any]) -> bool:
    return dependant.call is wanted or any(_calls(each, wanted) for each in dependant.dependencies)


def takes_key(route: APIRoute) -> bool:
    """Tell whether a route takes an `Idempotency-Key`."""
    itself = any(each.alias == KEY for each in route.dependant.header_params)
    return itself or _calls(route.dependant, one_request)


def refuse_forgotten(app: FastAPI) -> None:
    """Refuse to start while a POST that makes something takes no key, or could not keep its answer."""
    for route in every_route(app.routes):
        if not isinstance(route, APIRoute):
            continue
        creates = "POST" in (route.methods or ()) and bool({route.status_code, *route.responses} & CREATING)
        if creates and not takes_key(route):
            raise RuntimeError(f"The route {route.path} makes something and takes no Idempotency-Key.")
        if takes_key(route) and (not isinstance(route, ApiRoute) or _calls(route.dependant, open_write)):
            raise RuntimeError(f"The route {route.path} takes an Idempotency-Key and cannot keep its answer.")
