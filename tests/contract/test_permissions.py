"""Who may do what, tried: every route with a key, as everybody, on one's own, another's, a foreign object.

The matrix is the routes' own, with their declared permissions; what came out of it stands in a table that is
published beside the contract, so that a change of who may do what is a change that somebody reads.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.core.db import connect
from app.oauth.api import PATHS as OF_CLIENTS
from app.organisations.access import Needs, NeedsOneOf, every_route
from app.organisations.rules import EVERYONE, OF_ROLE, PERSONS_ONLY, Permission, Role
from app.verification import vc_api
from tests import postgres
from tests.contract.asking import OWN, WITH_A_KEY, Asking
from tests.contract.stage import FAMILY, Stage, stage_on
from tests.contract.world import ANYBODY, PLAYED_BY, PROGRAM, TOKEN
from tests.furnished import sharing_statements

TABLE: Final = Path(__file__).parents[2] / "openapi/permissions.md"
ROLES: Final = (None, *Role)


def on_sqlite(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    path = folder / "sigillo.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    stage = stage_on(sharing_statements(connect(f"sqlite:///{path}")), folder)
    yield stage
    stage.close()


def on_postgresql(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
    url = server.create_database("matrix", template="template")
    database = sharing_statements(connect(url))

    def keep() -> Callable[[], None]:
        database.close()
        server.create_database("matrix_kept", template="matrix")

        def put_back() -> None:
            database.close()
            server.drop_database("matrix")
            server.create_database("matrix", template="matrix_kept")

        return put_back

    stage = stage_on(database, folder, keep)
    yield stage
    stage.close()
    for name in ("matrix", "matrix_kept"):
        server.drop_database(name)


@pytest.fixture(scope="module", params=[on_sqlite, on_postgresql], ids=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from request.param(request, tmp_path_factory.mktemp("matrix"))


@dataclass(frozen=True, slots=True)
class Needed:
    """What a route declares: any of some permissions, or just a key; and what its use case asks for."""

    any_of: tuple[Permission, ...]
    every: tuple[Permission, ...] = ()

    def within(self, held: frozenset[Permission]) -> bool:
        if self.every:
            return held.issuperset(self.every)
        return not self.any_of or not held.isdisjoint(self.any_of)

    def __str__(self) -> str:
        if self.every:
            return " and ".join(f"`{each}`" for each in self.every)
        return " or ".join(f"`{each}`" for each in self.any_of) or "any key"


def declared(dependant: Dependant) -> set[tuple[Permission, ...]]:
    """What a route declares that its caller needs."""
    found: set[tuple[Permission, ...]] = set()
    if isinstance(dependant.call, NeedsOneOf):
        found.add(dependant.call.permissions)
    elif isinstance(dependant.call, Needs):
        permission = dependant.call.permission
        found.add(() if permission is None else (permission,))
    return found.union(*(declared(each) for each in dependant.dependencies))


def needed(app: FastAPI) -> Mapping[tuple[str, str], tuple[Permission, ...]]:
    """What every route that needs a key needs."""
    found: dict[tuple[str, str], tuple[Permission, ...]] = {}
    for route in every_route(app.routes):
        if isinstance(route, APIRoute) and route.path not in {*vc_api.PATHS, *OF_CLIENTS}:
            [permissions] = declared(route.dependant)
            found |= {(method, route.path_format): permissions for method in route.methods or ()}
    return found


def test_every_route_that_needs_a_key_is_tried(stage: Stage) -> None:
    tried = {asking.operation for asking in WITH_A_KEY}
    assert len({(*asking.operation, *asking.query.values()) for asking in WITH_A_KEY}) == len(WITH_A_KEY)
    assert tried == set(needed(stage.app)), "add a line to tests/contract/asking.py"


def code(answer: httpx.Response) -> str:
    said = answer.headers.get("content-type") == "application/problem+json"
    return str(answer.json().get("code", "-")) if said else "-"


def shape(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """A refusal without what differs from one request to the next."""
    members = dict(answer.json())
    members.pop("request_id")
    return answer.status_code, members


def faults(stage: Stage, row: "Row", role: Role | None, *, own: bool) -> Iterator[str]:
    """Ask for one operation in a role, on what is one's own or not, and say what is not as declared."""
    asking, world = row.asking, stage.world
    name = ANYBODY if role is None else role.value
    held = EVERYONE if role is None else EVERYONE | OF_ROLE[role]
    may = row.needed.within(held)
    if own:
        owner = world.keys[world.owners[str(asking.about)]]
        sure = OWN in asking.who and role is None
        yield from judged(stage, row.own, Attempt(asking, f"owner and {name}", owner, may, sure), name)
        return
    token = world.keys[ANYBODY if role is None else PLAYED_BY[role]]
    yield from judged(stage, row.others, Attempt(asking, name, token, may, name in asking.who), name)
    if role is None:
        machine = row.needed.within(frozenset(Permission) - PERSONS_ONLY)
        by_token: list[str] = []
        for way, succeeded in ((PROGRAM, row.others), (TOKEN, by_token)):
            program = Attempt(asking, way, world.keys[way], machine, PROGRAM in asking.who)
            yield from judged(stage, succeeded, program, PROGRAM)
        if (PROGRAM in row.others) != (PROGRAM in by_token):
            yield f"{asking.method} {asking.path} with a token is not as with a key"
        yield from of_strangers(stage, asking)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody who tries, whether their permissions allow it, and whether it certainly succeeds."""

    asking: Asking
    who: str
    token: str
    allowed: bool
    sure: bool


def judged(stage: Stage, succeeded: list[str], attempt: Attempt, name: str) -> Iterator[str]:
    answer = stage.ask(attempt.asking, attempt.token)
    tried = f"{attempt.asking.method} {attempt.asking.path} as {attempt.who}"
    said = f"{tried}: {answer.status_code} {code(answer)} {answer.text[:200]}"
    refused = (answer.status_code, code(answer)) == (403, "permission-missing")
    if answer.status_code in FAMILY:
        succeeded.append(name)
    elif attempt.sure:
        yield f"{said} (who may)"
    if not attempt.allowed and not refused:
        yield f"{said} (without the permission)"
    if answer.status_code >= 500 or answer.status_code == 401:
        yield said


def of_strangers(stage: Stage, asking: Asking) -> Iterator[str]:
    """Ask without a key, from another organisation, and for what was never there."""
    here, world = f"{asking.method} {asking.path}", stage.world
    keyless = stage.ask(asking, None)
    if (keyless.status_code, code(keyless)) != (401, "key-not-accepted"):
        yield f"{here} without a key: {keyless.status_code} {code(keyless)}"
    ours = set(world.objects.values()) | {world.organisation}
    for who in ("foreigner", "foreign program"):
        foreign = stage.ask(asking, world.keys[who])
        never = stage.ask(asking, world.keys[who], world.unknown())
        if asking.about is None:
            # Lists, and what one begins for oneself: nothing of ours stands in it.
            if any(known in foreign.text for known in ours if "/" not in known and len(known) > 12):
                yield f"{here} as {who} shows something of ours"
        elif foreign.status_code in FAMILY:
            if not (asking.path == "/v1/cpd-imports" and foreign.json()["counts"]["created"] == 0):
                yield f"{here} as {who}: {foreign.status_code} on an object of ours"
        elif shape(foreign) != shape(never):
            yield f"{here} as {who}: ours {shape(foreign)}, unknown {shape(never)}"
        elif foreign.status_code != 404 and code(foreign) != "permission-missing":
            yield f"{here} as {who}: {foreign.status_code} {code(foreign)} instead of 404"


@dataclass
class Row:
    """A line of the table."""

    asking: Asking
    needed: Needed
    others: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    owned: bool = False

    def __str__(self) -> str:
        owned = "—" if not self.owned else told(self.own)
        kind = self.asking.query.get("kind")
        path = self.asking.path if kind is None else f"{self.asking.path}?kind={kind}"
        return f"| `{self.asking.method} {path}` | {self.needed} | {told(self.others)} | {owned} |"


def told(callers: list[str]) -> str:
    every = [ANYBODY, *(role.value for role in Role)]
    persons = [name for name in callers if name != PROGRAM]
    words = ["everybody"] if persons == every else [name.replace("_", " ") for name in persons]
    return ", ".join([*words, *([PROGRAM] if PROGRAM in callers else [])]) or "nobody"


HEAD: Final = """# Who may do what

Every operation that needs a key, tried as everybody on an object in the state in which it is taken. Made by
`tests/contract/test_permissions.py`, which keeps it true; nobody of another organisation ever gets further
than for an object that does not exist (404), and without a key nobody does (401).

*Applicant* is a person without a role, *program* an API client with every scope that it may hold; the others
are persons with one role. *On another's* is what is somebody else's, or the organisation's; an assessor and
the committee are those of the case. *On one's own* is the object of the caller, in the same roles.

| operation | permission | on another's | on one's own |
|---|---|---|---|
"""


def test_everybody_may_do_what_is_declared_and_nobody_reaches_another_organisation(stage: Stage) -> None:
    permissions = needed(stage.app)
    owners = stage.world.owners
    rows = [
        Row(asking, Needed(permissions[asking.operation], asking.needs), owned=asking.about in owners)
        for asking in WITH_A_KEY
    ]
    found: list[str] = []
    stage.begin(None)
    for role in ROLES:
        for row in rows:
            found += faults(stage, row, role, own=False)
    for role in ROLES:
        stage.begin(role)  # only now: with more members, the committee would not be quorate
        for row in rows:
            if row.owned:
                found += faults(stage, row, role, own=True)

    assert not found, "\n".join(["", *found])
    table = HEAD + "\n".join(map(str, rows)) + "\n"
    if not TABLE.exists():
        TABLE.write_text(table, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == table, (
        "remove openapi/permissions.md, run this, read the change"
    )
