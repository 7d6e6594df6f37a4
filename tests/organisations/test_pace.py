"""How fast one caller may ask, and that every answer says so."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.db import connect
from app.main import create_app
from app.organisations import queries
from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.fakes import SetClock


@pytest.fixture(params=["memory", "database"])
def slow(request: pytest.FixtureRequest, ports: Ports) -> Ports:
    few = {"requests_per_minute": 3, "count_requests_in": request.param}
    return replace(ports, settings=ports.settings.model_copy(update=few))


def test_so_many_a_minute_are_taken_and_the_rest_told_when_to_come(slow: Ports, clock: SetClock) -> None:
    _, [one, other] = make.tokens(slow, (Role.AUDITOR,), (Role.AUDITOR,))
    app = create_app(slow)
    calls = make.caller(app, one)
    answers = [calls.get("/v1/me") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert {each.headers["RateLimit-Policy"] for each in answers} == {'"caller";q=3;w=60'}
    left = [each.headers["RateLimit"] for each in answers]
    assert left == ['"caller";r=2;t=20', '"caller";r=1;t=40', '"caller";r=0;t=60', '"caller";r=0;t=60']
    assert (answers[3].json()["code"], answers[3].headers["Retry-After"]) == ("hurried", "20")
    assert make.caller(app, other).get("/v1/me").status_code == 200
    clock.move(timedelta(seconds=20))
    assert [calls.get("/v1/me").status_code for _ in range(2)] == [200, 429]
    clock.move(timedelta(minutes=10))
    assert [calls.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_counting_takes_no_second_connection(database_url: str, slow: Ports) -> None:
    with closing(connect(database_url, pool=1)) as narrow:
        _, [token] = make.tokens(slow, (Role.AUDITOR,))
        calls = make.caller(create_app(replace(slow, database=narrow)), token)
        assert [calls.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_refusals_count_and_say_so_too(slow: Ports) -> None:
    _, [token] = make.tokens(slow, (Role.AUDITOR,))
    calls = make.caller(create_app(slow), token)
    refused = calls.post("/v1/meetings", json={"present": []})
    assert refused.status_code == 403
    assert refused.headers["RateLimit"] == '"caller";r=2;t=20'


def test_nothing_is_said_to_strangers(slow: Ports) -> None:
    answer = make.caller(create_app(slow), "key_unknown.secret").get("/v1/me")
    assert answer.status_code == 401
    assert "RateLimit" not in answer.headers


def test_a_quota_of_its_own_goes_before_the_setting_at_once(slow: Ports) -> None:
    organisation, [token] = make.tokens(slow, (Role.AUDITOR,))
    calls = make.caller(create_app(slow), token)
    assert calls.get("/v1/me").headers["RateLimit-Policy"] == '"caller";q=3;w=60'
    with slow.database.writing(organisation) as session:
        queries.organisation(session, organisation).requests_per_minute = 60
    assert calls.get("/v1/me").headers["RateLimit-Policy"] == '"caller";q=60;w=60'


def test_several_processes_count_together_in_the_database(ports: Ports) -> None:
    few = {"requests_per_minute": 10, "count_requests_in": "database"}
    shared = replace(ports, settings=ports.settings.model_copy(update=few))
    _, [token] = make.tokens(shared, (Role.AUDITOR,))
    instances = [make.caller(create_app(shared), token) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda place: instances[place % 2].get("/v1/me").status_code, range(30)))
    assert sorted(answers) == [200] * 10 + [429] * 20


def test_nobody_waits_because_the_clock_was_set_back(slow: Ports, clock: SetClock) -> None:
    _, [token] = make.tokens(slow, (Role.AUDITOR,))
    calls = make.caller(create_app(slow), token)
    assert [calls.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    clock.move(timedelta(minutes=-5))
    assert [calls.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]
