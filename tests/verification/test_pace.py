"""How fast a stranger may look numbers up."""

from dataclasses import replace

import pytest

from app.core.numbers import CredentialNumber
from app.core.pace import MOST_NAMES, Count
from app.main import create_app
from app.ports import Ports
from app.verification.pace import Pace
from tests import make


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What is about HTTP alone is tried on one database."""
    return database_url


def test_so_many_at_once_and_then_so_many_a_minute() -> None:
    pace = Pace(30)
    assert [pace.wait("a", 0.0) for _ in range(4)] == [0, 0, 0, 2]
    assert pace.wait("a", 0.5) == 1.5
    assert pace.wait("a", 2.0) == 0
    assert pace.wait("a", 2.0) == 2


def test_nobody_waits_for_somebody_else() -> None:
    pace = Pace(10)
    assert pace.wait("a", 0.0) == 0
    assert pace.wait("b", 0.0) == 0
    assert pace.wait("a", 0.0) == 6


def test_many_at_once_count_as_many() -> None:
    pace = Pace(100)
    assert pace.wait("a", 0.0, times=100) == 0
    assert round(pace.wait("a", 0.0), 1) == 54.6


def test_what_is_remembered_is_bounded() -> None:
    count = Count(1)
    for number in range(MOST_NAMES + 1):
        count.add(str(number), 0.0, 1)
    assert len(count) == MOST_NAMES


def test_whoever_has_many_ipv6_networks_waits_for_them_together() -> None:
    pace = Pace(10)
    assert pace.wait("2001:db8:0:1::1", 0.0) == 0
    assert pace.wait("2001:db8:0:1::2", 0.0) == 6  # of the same /64
    told = [pace.wait(f"2001:db8:0:{network:x}::1", 0.0) for network in range(2, 30)]
    assert told.count(0) == 9  # ten times as many of the same /48, and then none
    assert max(told) > 0
    assert pace.wait("2001:db8:1::1", 0.0) == 0
    assert pace.wait("2001:db8:0:ff::1", 0.6) == 0  # whoever was refused was not counted
    assert [pace.wait("::ffff:192.0.2.1", 0.0) for _ in "12"] == [0, 6]  # has no such network


def test_a_typed_number_costs_one_look_up(ports: Ports) -> None:
    slow = replace(ports, settings=ports.settings.model_copy(update={"lookups_per_minute": 1}))
    stranger = make.caller(create_app(slow))
    number = CredentialNumber.draw("DLE", 26, 1)
    answers = []
    for _ in range(2):
        led = stranger.post("/v", data={"number": str(number)})
        answers.append((led.status_code, stranger.get(f"/v/{number}").status_code))
    assert answers == [(303, 404), (429, 429)]


def test_whoever_walks_through_the_register_is_told_to_wait(ports: Ports) -> None:
    slow = replace(ports, settings=ports.settings.model_copy(update={"lookups_per_minute": 1}))
    stranger = make.caller(create_app(slow))
    numbers = [CredentialNumber.draw("DLE", 26, bits) for bits in range(40)]
    answers = [stranger.get(f"/v/{number}.json") for number in numbers]
    assert {answer.status_code for answer in answers} == {404, 429}
    hurried = next(answer for answer in answers if answer.status_code == 429)
    assert int(hurried.headers["Retry-After"]) >= 1
    page = stranger.get(f"/v/{numbers[0]}", headers={"Accept-Language": "it"})
    assert (page.status_code, "riprovate fra un minuto" in page.text) == (429, True)
    told = stranger.post("/v1/verifications", json={"credential": "x"})
    assert (told.status_code, told.json()["code"]) == (429, "hurried")
    assert "Retry-After" in told.json()["detail"]
    assert int(told.headers["retry-after"]) >= 1
