"""Who is asking, and whether they may: every route declares what it needs, and nothing is open by default."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from app.core.db import PATIENCE_MS, Database
from app.organisations import service
from app.organisations.errors import KeyNotAccepted, PermissionMissing
from app.organisations.pace import ActorsPace
from app.organisations.rules import PERSONS_ONLY, Actor, Permission
from app.web import SAID, instant_of, ports_of

NO_WAIT_MS: Final = 10

ACTOR: Final = "sigillo.actor"  # of a request's scope


async def current_actor(request: Request) -> Actor:
    """Find out who is asking, in a short read of its own: strangers never hold the write lock.

    It is found out once for a request, however many ask.
    """
    known: Actor | None = request.scope.get(ACTOR)
    if known is None:
        known = request.scope[ACTOR] = await _recognised(request)
    return known


async def _recognised(request: Request) -> Actor:
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise KeyNotAccepted("Send a key as `Authorization: Bearer …`.")
    given, now = ports_of(request), instant_of(request)
    pace: ActorsPace = request.app.state.pace
    asked = service.sought(token)
    found = await given.database.told_of_anyone(*asked) if asked else ()
    caller = service.identify(token, found, at=now)
    said = partial(request.scope.__setitem__, SAID)
    counted = partial(pace.require, caller.actor, caller.requests_per_minute, at=now, said=said)
    if pace.is_at_hand:
        counted()
    else:
        await run_in_threadpool(counted)
    if caller.unnoted is not None:
        await run_in_threadpool(_note_use, given.database, caller.actor, caller.unnoted, now)
    return caller.actor


def _note_use(database: Database, actor: Actor, key_id: str, at: datetime) -> None:
    """Note it, once a day for each key. It is worth no answer, and no wait: else the next one tries."""
    with suppress(OperationalError), database.writing(actor.organisation_id) as session:
        session.connection(execution_options={PATIENCE_MS: NO_WAIT_MS})
        service.note_use(session, key_id, at=at)


CurrentActor = Annotated[Actor, Depends(current_actor)]


class Needs:
    """The declaration of a route that its caller needs a permission, or just a key of ours.

    It asks who that is by itself: each dependency that another names is gone through every time.
    """

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        actor = await current_actor(request)
        if self.permission is not None and not actor.may(self.permission):
            raise PermissionMissing(
                f"This needs the permission `{self.permission}`.", needs=self.permission.value
            )


def needs(permission: Permission) -> Dependency:
    """Declare what a route's caller must be allowed to do."""
    return Depends(Needs(permission))  # type: ignore[no-any-return] # FastAPI types Depends as Any


class NeedsOneOf(Needs):
    """The declaration of a route that any of some permissions opens; the use case asks for the right one."""

    def __init__(self, *permissions: Permission) -> None:
        super().__init__(None)
        self.permissions = permissions

    async def __call__(self, request: Request) -> None:
        actor = await current_actor(request)
        if not any(actor.may(permission) for permission in self.permissions):
            words = ", ".join(f"`{permission}`" for permission in self.permissions)
            raise PermissionMissing(f"This needs one of the permissions {words}.")


def needs_one_of(*permissions: Permission) -> Dependency:
    """Declare that a route's caller must be allowed one of these, and its use case says which."""
    return Depends(NeedsOneOf(*permissions))  # type: ignore[no-any-return] # FastAPI types Depends as Any


def needs_any_key() -> Dependency:
    """Declare that whoever is known here may call, whatever their key allows."""
    return Depends(Needs(None))  # type: ignore[no-any-return] # FastAPI types Depends as Any


def open_write(request: Request, actor: CurrentActor) -> Iterator[Session]:
    """One request is one transaction: commit if the route returns, roll back if it raises."""
    with ports_of(request).database.writing(actor.organisation_id) as session:
        yield session


def open_read(request: Request, actor: CurrentActor) -> Iterator[Session]:
    with ports_of(request).database.reading(actor.organisation_id) as session:
        yield session


# scope="function": the commit comes before the answer. By default a client would already
# hold its 201 when the commit fails.
Db = Annotated[Session, Depends(open_write, scope="function")]
ReadDb = Annotated[Session, Depends(open_read, scope="function")]


def _declared(dependant: Dependant) -> Iterator[Needs]:
    if isinstance(dependant.call, Needs):
        yield dependant.call
    for within in dependant.dependencies:
        yield from _declared(within)


def every_route(routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    """Walk every route; FastAPI keeps an included router whole, with its routes inside."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from every_route(included.routes)


def refuse_undeclared(app: FastAPI, public: frozenset[str]) -> None:
    """Refuse to start while any route neither declares a permission nor is known to be public."""
    for route in every_route(app.routes):
        path = getattr(route, "path", "")
        declared = isinstance(route, APIRoute) and any(_declared(route.dependant))
        if not declared and path not in public:
            raise RuntimeError(f"The route {path} declares no permission and is not listed as public.")


OAUTH2: Final = "OAuth2"
BEARER: Final = "HTTPBearer"
MACHINE_SCOPES: Final = tuple(sorted(p.value for p in Permission if p not in PERSONS_ONLY))
_IN_WORDS: Final = {scope: " ".join(reversed(scope.split(":"))) for scope in MACHINE_SCOPES}


def describe_access(document: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """Say in OpenAPI which operations an OAuth client reaches too, and the scope that each one asks for.

    What only persons do names no scope: no token ever carries it.
    """
    document["components"]["securitySchemes"] = {
        BEARER: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key issued by the organisation, or an access token of `/oauth/token`.",
        },
        OAUTH2: {
            "type": "oauth2",
            "description": "Client credentials: by secret, or by `private_key_jwt`.",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": _IN_WORDS}},
        },
    }
    for route in every_route(routes):
        if not isinstance(route, APIRoute):
            continue
        for needed in _declared(route.dependant):
            opened: list[dict[str, list[str]]] = [{BEARER: []}]
            if needed.permission not in PERSONS_ONLY:
                opened.append({OAUTH2: [] if needed.permission is None else [needed.permission.value]})
            for method in route.methods or ():
                document["paths"][route.path_format][method.lower()]["security"] = opened
