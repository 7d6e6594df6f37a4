"""Who may do what with renewals and draws: every route, for every kind of actor; and no input is an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from app.core.ids import new_id
from app.main import create_app
from app.organisations import service
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.renewal import members
from tests.renewal.members import House
from tests.renewal.renewing import days, enough, filed

OFFICE: Final = ("secretary", "manager", "registrar", "auditor")
PEOPLE: Final = ("holder", "other", *OFFICE, "assessor", "administrator")
ACTORS: Final = (*PEOPLE, "reading client", "other client", "narrowed key", "stranger of another", "nobody")
REASONS: Final = {"reasons": "As it is."}
FILED: Final = (409, "renewal-filed-already")
NO_PERMISSION: Final = (403, "permission-missing")
NO_CREDENTIAL: Final = (404, "credential-not-found")
NO_RENEWAL: Final = (404, "renewal-not-found")
NO_DRAW: Final = (404, "draw-not-found")
NOT_MOVABLE: Final = (409, "renewal-not-movable")
OK: Final = (200, "")
Answer = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """A filed renewal that waits for its draw, and everybody who might ask about it."""

    house: House
    callers: Mapping[str, Caller]
    renewal: str
    draw: str


@pytest.fixture
def scene(house: House) -> Scene:
    enough(house)
    house.go_to(days(house).opens)
    renewal = filed(house)
    callers = {name: getattr(house, name).calls for name in PEOPLE}
    callers["reading client"] = house.client("renewals:read")
    callers["other client"] = house.client("credentials:read", "cpd:write")
    with house.ports.database.writing(house.organisation) as session:
        token = service.issue_key(
            session,
            person_id=house.holder.id,
            scopes=["dossiers:read"],
            expires_at=None,
            by="system",
            at=house.now,
        ).token
    callers["narrowed key"] = make.caller(house.app, token)
    elsewhere = members.opened(house.ports, "Un'altra associazione")
    callers["stranger of another"] = elsewhere.manager.calls
    callers["nobody"] = make.caller(house.app)
    return Scene(house, callers, renewal["id"], renewal["draw"]["id"])


def expected(usual: Answer, **others: Answer) -> dict[str, Answer]:
    """What each actor is told; whoever sends no key is always told so."""
    named = {name.replace("_", " "): answer for name, answer in others.items()}
    return {**dict.fromkeys(ACTORS, usual), "nobody": (401, "key-not-accepted"), **named}


READS: Final = dict.fromkeys(("holder", *OFFICE), OK) | {
    "reading_client": OK,
    "other_client": NO_PERMISSION,
    "narrowed_key": NO_PERMISSION,
}
DECIDES: Final = {"manager": NOT_MOVABLE, "registrar": NOT_MOVABLE, "stranger_of_another": NO_RENEWAL}
ROUTES: Final[Mapping[str, tuple[str, str, Any, dict[str, Answer]]]] = {
    "standing": ("GET", "/v1/credentials/{credential}/renewal", None, expected(NO_CREDENTIAL, **READS)),
    "read": ("GET", "/v1/renewals/{renewal}", None, expected(NO_RENEWAL, **READS)),
    "list": (
        "GET",
        "/v1/renewals",
        None,
        expected(OK, other_client=NO_PERMISSION, narrowed_key=NO_PERMISSION),
    ),
    "file": (
        "POST",
        "/v1/renewals",
        {"credential": "{credential}"},
        expected(
            NO_PERMISSION,
            holder=FILED,
            other=NO_CREDENTIAL,
            assessor=NO_CREDENTIAL,
            administrator=NO_CREDENTIAL,
            stranger_of_another=NO_CREDENTIAL,
        ),
    ),
    "approve": ("POST", "/v1/renewals/{renewal}/approval", REASONS, expected(NO_PERMISSION, **DECIDES)),
    "cure": ("POST", "/v1/renewals/{renewal}/cure", REASONS, expected(NO_PERMISSION, **DECIDES)),
    "refuse": (
        "POST",
        "/v1/renewals/{renewal}/refusal",
        {},
        expected(
            NO_PERMISSION,
            manager=(422, "malformed"),
            registrar=(422, "malformed"),
            stranger_of_another=(422, "malformed"),
        ),
    ),
    "answer": (
        "POST",
        "/v1/renewals/{renewal}/answer",
        {},
        expected(
            NO_PERMISSION,
            holder=NOT_MOVABLE,
            other=NO_RENEWAL,
            assessor=NO_RENEWAL,
            administrator=NO_RENEWAL,
            stranger_of_another=NO_RENEWAL,
        ),
    ),
    "list draws": (
        "GET",
        "/v1/audit-draws",
        None,
        expected(OK, other_client=NO_PERMISSION, narrowed_key=NO_PERMISSION),
    ),
    "hold": (
        "POST",
        "/v1/audit-draws/{draw}/drawing",
        None,
        expected(NO_PERMISSION, manager=OK, stranger_of_another=NO_DRAW),
    ),
}


@pytest.mark.parametrize("name", list(ROUTES))
def test_every_route_tells_each_actor_what_is_theirs(scene: Scene, name: str) -> None:
    method, path, body, answers = ROUTES[name]
    known = {"credential": scene.house.credential, "renewal": scene.renewal, "draw": scene.draw}
    asked = {key: value.format(**known) for key, value in body.items()} if body else body
    # Who changes something comes last.
    for actor in sorted(ACTORS, key=lambda each: answers[each] == OK):
        answer = scene.callers[actor].request(method, path.format(**known), json=asked)
        said = (answer.status_code, answer.json().get("code", "") if answer.status_code != 200 else "")
        assert said == answers[actor], (actor, answer.text)


def test_a_list_holds_what_its_reader_may_read(scene: Scene) -> None:
    seen = {
        name: [row["id"] for row in caller.get("/v1/renewals").json()["data"]]
        for name, caller in scene.callers.items()
        if name not in {"nobody", "other client", "narrowed key"}
    }
    everybody = {"holder", *OFFICE, "reading client"}
    assert {name for name, ids in seen.items() if ids == [scene.renewal]} == everybody
    assert {name for name, ids in seen.items() if not ids} == seen.keys() - everybody


def test_a_list_is_narrowed_and_paged(scene: Scene) -> None:
    manager, house = scene.callers["manager"], scene.house
    more = [house.person() for _ in range(3)]
    credentials = [house.issued_to(who).id for who in more]
    house.go_to(days(house, credentials[0]).begins)
    found = manager.get("/v1/renewals", params={"credential": house.credential, "state": "submitted"})
    assert [row["id"] for row in found.json()["data"]] == [scene.renewal]
    for narrowed in ({"state": "approved"}, {"credential": credentials[0]}):
        assert manager.get("/v1/renewals", params=narrowed).json() == {"data": [], "next_cursor": None}
    page = manager.get("/v1/renewals", params={"limit": 1, "cursor": "ren_0"}).json()
    assert ([row["id"] for row in page["data"]], page["next_cursor"]) == ([scene.renewal], None)


HOSTILE: Final[list[Any]] = [
    None,
    True,
    0,
    "",
    "x" * 100_000,
    [],
    [[]],
    {},
    {"credential": None},
    {"credential": 1},
    {"credential": "crd_" + "0" * 26},
    {"credential": "crd_" + "0" * 26 + "\n"},
    {"credential": "crd_\x00"},
    {"credential": "' OR 1=1 --"},
    {"credential": ["crd_" + "0" * 26]},
    {"reasons": None},
    {"reasons": ""},
    {"reasons": "\x00"},
    {"reasons": "\u202e\u0000"},
    {"reasons": "x" * 8001},
    {"reasons": ["no"]},
    {"reasons": "Fine.", "more": 1},
    {"interview": {}},
    {"interview": {"held_on": "0001-01-01", "minutes": "x"}},
    {"interview": {"held_on": "9999-12-31", "minutes": "x"}},
    {"interview": {"held_on": "2029-02-30", "minutes": "x"}},
    {"interview": {"held_on": 20290220, "minutes": "x"}},
    {"interview": {"held_on": "2029-11-21T00:00:00Z", "minutes": "x"}},
    {"interview": [1]},
]
RAW: Final = [
    b"",
    b"{",
    b"\xff\xfe",
    b'{"reasons": "\\ud800"}',
    b'{"credential": "\\ud800"}',
    b"[" * 50_000,
    b'{"credential": 1e400}',
    b'{"reasons": NaN}',
]
POSTS: Final = (
    "/v1/renewals",
    "/v1/renewals/{renewal}/approval",
    "/v1/renewals/{renewal}/cure",
    "/v1/renewals/{renewal}/answer",
    "/v1/renewals/{renewal}/refusal",
    "/v1/audit-draws/{draw}/drawing",
)
JUNK: Final = (
    "x",
    "ren_",
    "ren_" + "0" * 26,
    "crd_" + "0" * 26,
    "%00",
    "%ff",
    "..%2f",
    "ren_" + "u" * 26,
    "9" * 400,
    "%F0%9F%92%A9",
)


def sane(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", answer.text


def test_hostile_bodies_are_problems_and_never_errors(scene: Scene) -> None:
    known = {"renewal": scene.renewal, "draw": scene.draw}
    headers = {"Content-Type": "application/json"}
    for path in POSTS:
        for caller in (scene.callers["holder"], scene.callers["manager"]):
            for body in HOSTILE:
                sane(caller.post(path.format(**known), json=body))
            for raw in RAW:
                sane(caller.post(path.format(**known), content=raw, headers=headers))


def test_hostile_addresses_are_problems_and_never_errors(scene: Scene) -> None:
    manager = scene.callers["manager"]
    for junk in JUNK:
        sane(manager.get(f"/v1/renewals/{junk}"))
        sane(manager.get(f"/v1/credentials/{junk}/renewal"))
        sane(manager.post(f"/v1/renewals/{junk}/approval", json={}))
        sane(manager.post(f"/v1/audit-draws/{junk}/drawing"))
        for field in ("credential", "state", "cursor", "limit"):
            sane(manager.get(f"/v1/renewals?{field}={junk}"))
            sane(manager.get(f"/v1/audit-draws?{field}={junk}"))


def test_the_same_answer_meets_what_is_not_there_and_what_is_anothers(scene: Scene) -> None:
    other = scene.callers["other"]
    mine, none = (other.get(f"/v1/renewals/{name}").json() for name in (scene.renewal, new_id("ren")))
    for told in (mine, none):
        told.pop("request_id")
    assert mine == none


def test_a_draw_is_public_and_nothing_else_is(ports: Ports) -> None:
    stranger = make.caller(create_app(ports))
    assert stranger.get(f"/audit-draws/{new_id('drw')}.json").status_code == 404
    for path in ("/v1/renewals", "/v1/audit-draws"):
        assert stranger.get(path).status_code == 401
