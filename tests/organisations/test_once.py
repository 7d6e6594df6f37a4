"""What sending again with the same `Idempotency-Key` comes to."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import anyio
import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import delete, func, select

from app.core.db import EVERY_ORGANISATION
from app.decisions.models import Meeting
from app.main import create_app
from app.organisations import conventions, idempotency
from app.organisations.access import every_route, needs_any_key
from app.organisations.conventions import CREATING, refuse_forgotten, takes_key
from app.organisations.idempotency import IdempotencyKey
from app.organisations.models import ApiKey, Person
from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.fakes import SetClock
from tests.postgres import as_owner

PATH = "/v1/meetings"
KEY = {"Idempotency-Key": "5f1c1f0e"}
# What makes nothing that could be there twice, or makes it for the first to ask alone.
OTHERS = {"/v1/verifications"}


@pytest.fixture
def chair(ports: Ports) -> Caller:
    _, [token] = make.tokens(ports, (Role.CHAIR,))
    return make.caller(create_app(ports), token)


def body(calls: Caller) -> dict[str, object]:
    """A meeting at which one was alone."""
    return {"present": [calls.get("/v1/me").json()["id"]]}


def meetings(ports: Ports) -> int:
    with as_owner(ports.database) as owner, owner.reading() as session:
        query = select(func.count()).select_from(Meeting)
        return session.scalar(query, execution_options=EVERY_ORGANISATION) or 0


def test_every_post_that_makes_something_takes_a_key_and_says_so(ports: Ports) -> None:
    app = create_app(ports)
    creating = [
        route
        for route in every_route(app.routes)
        if isinstance(route, APIRoute)
        and "POST" in (route.methods or ())
        and {route.status_code, *route.responses} & CREATING
    ]
    assert len(creating) >= 19
    for route in creating:
        assert takes_key(route), route.path
        told = app.openapi()["paths"][route.path]["post"]
        assert "Idempotency-Key" in {each["name"] for each in told["parameters"]}
        problems = told["responses"]["409"]["content"]["application/problem+json"]["examples"]
        assert "idempotency-in-flight" in problems
        problems = told["responses"]["422"]["content"]["application/problem+json"]["examples"]
        assert "idempotency-key-reused" in problems


def test_the_service_does_not_start_with_a_route_that_forgot_it() -> None:
    forgetful, keyed = FastAPI(), FastAPI()

    @forgetful.post("/things", status_code=201)
    def add() -> None: ...

    with pytest.raises(RuntimeError, match="/things makes something and takes no Idempotency-Key"):
        refuse_forgotten(forgetful)

    router = APIRouter()  # whose routes cannot keep an answer

    @router.post("/things", status_code=201, dependencies=[needs_any_key()])
    def add_keyed(db: conventions.Creating) -> None:
        del db

    keyed.include_router(router)
    with pytest.raises(RuntimeError, match="cannot keep its answer"):
        refuse_forgotten(keyed)


def test_no_answer_that_holds_a_secret_is_kept_whole(ports: Ports) -> None:
    """Whoever adds a member with such a name says so with `shows_once`."""
    for route in every_route(create_app(ports).routes):
        if isinstance(route, APIRoute) and takes_key(route):
            named = set(getattr(route.response_model, "model_fields", ()))
            if secrets := named & {"token", "secret", "client_secret", "password"}:
                withheld = {
                    each.dependency.member
                    for each in route.dependencies
                    if isinstance(each.dependency, conventions.Withholds)
                }
                assert secrets <= withheld, route.path


def test_the_same_again_has_no_second_effect_and_the_same_answer(ports: Ports, chair: Caller) -> None:
    first = chair.post(PATH, json=body(chair), headers=KEY)
    again = chair.post(PATH, json=body(chair), headers=KEY)
    assert first.status_code == again.status_code == 201, first.text
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert meetings(ports) == 1


def test_without_a_key_or_with_another_one_it_is_another_request(ports: Ports, chair: Caller) -> None:
    for headers in ({}, {}, KEY, {"Idempotency-Key": "another"}):
        assert chair.post(PATH, json=body(chair), headers=headers).status_code == 201
    assert meetings(ports) == 4


def test_a_key_is_of_one_request_alone(ports: Ports, chair: Caller) -> None:
    chair.post(PATH, json=body(chair), headers=KEY)
    for other in (
        chair.post(PATH, json={**body(chair), "held_on": "2026-11-19"}, headers=KEY),
        chair.post(f"{PATH}?x=1", json=body(chair), headers=KEY),
    ):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert meetings(ports) == 1


def test_a_key_means_nothing_to_anybody_else_nor_on_another_route(ports: Ports) -> None:
    cast = (Role.CHAIR, Role.SECRETARIAT)
    organisation, [one, other] = make.tokens(ports, cast, cast)
    _, [stranger] = make.tokens(ports, cast)
    app = create_app(ports)
    callers = [make.caller(app, token) for token in (one, other, stranger)]
    made = {calls.post(PATH, json=body(calls), headers=KEY).json()["id"] for calls in callers}
    assert len(made) == 3
    person = {"given_name": "Ada", "family_name": "Neri", "email": "neri@example.org"}
    path = f"/v1/organisations/{organisation}/members"
    added = [make.caller(app, one).post(path, json=person, headers=KEY) for _ in range(2)]
    assert [each.status_code for each in added] == [201, 201]
    assert added[0].json() == added[1].json()


def test_what_was_refused_leaves_the_key_free(ports: Ports, chair: Caller) -> None:
    refused = chair.post(PATH, json={"present": ["per_" + "0" * 26]}, headers=KEY)
    malformed = chair.post(PATH, json={"wrong": 1}, headers=KEY)
    assert (refused.status_code, malformed.status_code) == (404, 422)
    assert chair.post(PATH, json=body(chair), headers=KEY).status_code == 201
    assert meetings(ports) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "tab\there", "\u00e8"])
def test_a_key_is_short_and_visible(chair: Caller, key: str) -> None:
    answer = chair.post(PATH, json=body(chair), headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 422
    assert answer.json()["code"] == "malformed"


def test_a_key_is_forgotten_after_a_day(ports: Ports, chair: Caller, clock: SetClock) -> None:
    chair.post(PATH, json=body(chair), headers=KEY)
    clock.move(timedelta(hours=23, minutes=59))
    assert "Idempotent-Replayed" in chair.post(PATH, json=body(chair), headers=KEY).headers
    assert idempotency.forget(ports.database, at=clock.now()) == 0
    clock.move(timedelta(minutes=1))
    assert "Idempotent-Replayed" not in chair.post(PATH, json=body(chair), headers=KEY).headers
    assert meetings(ports) == 2
    clock.move(timedelta(hours=24))
    sweep = idempotency.duty(ports.database, clock)
    assert sweep() == 1
    assert sweep() == 0


def test_a_secret_is_shown_once_and_stored_never(ports: Ports) -> None:
    organisation, [token] = make.tokens(ports, (Role.ADMINISTRATOR,))
    calls = make.caller(create_app(ports), token)
    client = calls.post(f"/v1/organisations/{organisation}/clients", json={"name": "A"})
    asked = {"client": client.json()["id"], "scopes": ["credentials:read"]}
    first, again = (calls.post("/v1/api-keys", json=asked, headers=KEY) for _ in range(2))
    assert first.status_code == 201, first.text
    assert first.json()["token"]
    assert again.json() == {**first.json(), "token": None}
    with ports.database.reading(organisation) as session:
        assert len(session.scalars(select(ApiKey).where(ApiKey.client_id.is_not(None))).all()) == 2
        kept = session.scalars(select(IdempotencyKey.body)).all()
    assert all(first.json()["token"].encode() not in (body or b"") for body in kept)


def many(app: FastAPI, token: str, times: int) -> list[httpx.Response]:
    """The same request so many times at once, in one event loop."""
    answers: list[httpx.Response] = []
    asked = body(make.caller(app, token))

    async def ask(client: httpx.AsyncClient) -> None:
        answers.append(await client.post(PATH, json=asked, headers=KEY))

    async def run() -> None:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="https://sigillo.example.org",
            headers={"Authorization": f"Bearer {token}"},
        )
        async with client, anyio.create_task_group() as group:
            for _ in range(times):
                group.start_soon(ask, client)

    anyio.run(run)
    return answers


def test_two_hundred_at_once_have_one_effect_and_one_answer(ports: Ports) -> None:
    _, [token] = make.tokens(ports, (Role.CHAIR,))
    answers = many(create_app(ports), token, 200)
    have_one_effect(ports, answers)


def test_two_instances_on_one_database_have_one_effect(ports: Ports) -> None:
    _, [token] = make.tokens(ports, (Role.CHAIR,))
    with ThreadPoolExecutor(2) as pool:
        instances = [create_app(ports), create_app(ports)]
        found = [pool.submit(many, app, token, 100) for app in instances]
        answers = [answer for each in found for answer in each.result()]
    have_one_effect(ports, answers)


def have_one_effect(ports: Ports, answers: Sequence[httpx.Response]) -> None:
    """See that one answer was given, and that whoever could not wait for it was told to come again."""
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    told = {
        (answer.status_code, answer.json()["code"], answer.headers["Retry-After"])
        for answer in answers
        if answer.status_code != 201
    }
    assert told <= {(409, "idempotency-in-flight", "1"), (503, "database-busy", "2")}
    assert meetings(ports) == 1


def test_a_rival_that_waits_too_long_is_told_to_come_again(
    ports: Ports, chair: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "RIVAL_WAITS_MS", 50)
    chair.post(PATH, json=body(chair), headers=KEY)
    with as_owner(ports.database) as owner, owner.reading() as session:
        row = session.scalars(select(IdempotencyKey), execution_options=EVERY_ORGANISATION).one()
        organisation, name = row.organisation_id, row.name
    with ports.database.writing(organisation) as session:
        session.delete(session.get_one(IdempotencyKey, row.id))
    with ports.database.writing(organisation) as session:
        first = idempotency.Once(organisation, name, row.fingerprint, row.created_at)
        first.claim(session)
        rival = chair.post(PATH, json=body(chair), headers=KEY)
    # SQLite has one lock, and does not tell whose: it may be anybody's who writes.
    on_sqlite = ports.database.engine.dialect.name == "sqlite"
    told = (503, "database-busy", "2") if on_sqlite else (409, "idempotency-in-flight", "1")
    assert (rival.status_code, rival.json()["code"], rival.headers["Retry-After"]) == told


def test_a_writer_that_has_nothing_to_do_with_a_key_is_never_called_its_rival(
    ports: Ports, chair: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one lock for all who write; on PostgreSQL nobody has to wait for such a writer."""
    monkeypatch.setattr(idempotency, "RIVAL_WAITS_MS", 50)
    asked = body(chair)
    with ports.database.writing() as other:
        other.execute(delete(IdempotencyKey).where(IdempotencyKey.name == "of nobody"))
        held = chair.post(PATH, json=asked, headers=KEY)
    if ports.database.engine.dialect.name == "sqlite":
        assert (held.status_code, held.json()["code"]) == (503, "database-busy")
        assert held.headers["Retry-After"] == "2"
        assert meetings(ports) == 0
    after = chair.post(PATH, json=asked, headers=KEY)
    assert after.status_code == 201
    assert meetings(ports) == 1


def test_a_member_is_entered_once_however_often_it_is_sent(ports: Ports) -> None:
    organisation, [token] = make.tokens(ports, (Role.SECRETARIAT,))
    calls = make.caller(create_app(ports), token)
    person = {"given_name": "Ada", "family_name": "Neri", "email": "neri@example.org"}
    path = f"/v1/organisations/{organisation}/members"
    sent = [calls.post(path, json=person, headers=KEY) for _ in range(3)]
    assert len({each.json()["id"] for each in sent}) == 1
    with ports.database.reading(organisation) as session:
        query = select(func.count()).select_from(Person).where(Person.email == "neri@example.org")
        assert session.scalar(query) == 1
