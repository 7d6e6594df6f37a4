"""The shorter way to a look-up's answer says what the road says, byte for byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.main import Service, create_app
from app.ports import Ports
from app.verification.entries import Row
from app.verification.errors import RegisterUnreachable
from app.verification.lane import Lane
from app.verification.sqlite import SqliteRegister
from tests.calling import Caller
from tests.fakes import SetClock
from tests.verification.issued import Issued

UNKNOWN = "DLE-26-7K3Q-F9XM-2T5H-65"
Sent = Mapping[str, Any]
Asked = list[tuple[httpx.Response, dict[str, object]]]


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What is about HTTP alone is tried on one database."""
    return database_url


def on_both_ways(
    ports: Ports, *paths: str | Sent, register: SqliteRegister | None = None, root: str = ""
) -> tuple[Asked, Asked]:
    """Ask the same by the lane and by the road alone; gives each answer with its line in the log.

    What is a path is asked for, and whatever else is sent to be verified.
    """
    heard: list[Asked] = []
    for lane in (True, False):
        lines: list[str] = []
        app = create_app(ports, request_lines=lines.append)
        assert isinstance(app, Service)
        if not lane:
            app.lane = None
        if register is not None:
            app.state.desk._register = register
        caller = Caller(httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root), {})
        answers = [
            caller.get(each) if isinstance(each, str) else caller.post("/v1/verifications", **each)
            for each in paths
        ]
        heard.append([(each, json.loads(line)) for each, line in zip(answers, lines, strict=True)])
    return heard[0], heard[1]


def told(answer: httpx.Response, line: dict[str, object]) -> object:
    """Give all that was answered and noted, but for the request's name and its time."""
    name = answer.headers["x-request-id"]
    assert line["request_id"] == name
    headers = [(each, value) for each, value in answer.headers.raw if each != b"x-request-id"]
    noted = {key: value for key, value in line.items() if key not in {"at", "ms", "request_id"}}
    return answer.status_code, headers, answer.content.replace(name.encode(), b"name"), noted


def alike(short: Asked, long: Asked) -> list[int]:
    assert [told(*each) for each in short] == [told(*each) for each in long]
    return [answer.status_code for answer, _ in short]


def test_the_lane_answers_a_look_up_as_the_road_does(live: Ports, credential: Issued) -> None:
    number = credential.number
    asked = (number, number, number.lower(), number.replace("-", "%20"), UNKNOWN, UNKNOWN, UNKNOWN.lower())
    wrong = (UNKNOWN[:-1] + "6", "x", "%E2%84%AA", f"{number}%0A", f"{number}/x", "")
    paths = [f"/v/{each}.json" for each in (*asked, *wrong)]
    statuses = alike(*on_both_ways(live, *paths, f"/v/{number}.json?lang=it", f"/v/{number}.json%0A"))
    assert statuses[: len(asked)] == [200] * 4 + [404] * 3
    assert statuses[len(asked) : len(asked) + 4] == [422, 422, 422, 200]
    assert alike(*on_both_ways(live, f"/v/{number}.json", root="/v")) == [404]


def test_the_lane_refuses_whoever_asks_too_much_as_the_road_does(live: Ports) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 1}))
    assert alike(*on_both_ways(slow, *[f"/v/{UNKNOWN}.json"] * 2)) == [404, 429]
    assert alike(*on_both_ways(slow, *["/v/x.json"] * 2)) == [422, 429]


def test_what_is_mistyped_costs_one_look_up(live: Ports) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 20}))
    assert alike(*on_both_ways(slow, *["/v/x.json"] * 3)) == [422, 422, 429]


class Silent(SqliteRegister):
    """A register that cannot be read."""

    def _rows(self, statement: str, values: Sequence[object]) -> list[Row]:
        del statement, values
        raise RegisterUnreachable


class Defective(SqliteRegister):
    """A register with a defect that nobody thought of."""

    def _rows(self, statement: str, values: Sequence[object]) -> list[Row]:
        del statement, values
        raise ZeroDivisionError


def test_a_register_that_cannot_be_read_is_answered_for_as_on_the_road(live: Ports) -> None:
    assert alike(*on_both_ways(live, f"/v/{UNKNOWN}.json", register=Silent(""))) == [503]


def test_what_nobody_thought_of_is_answered_for_as_on_the_road(live: Ports) -> None:
    short, long = on_both_ways(live, f"/v/{UNKNOWN}.json", register=Defective(""))
    for (answer, line), (other, also) in zip(short, long, strict=True):
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert answer.headers.keys() == other.headers.keys()
        assert (line["route"], line["status"]) == (also["route"], also["status"]) == ("/v/{number}.json", 500)


def in_json(body: str, **headers: str) -> Sent:
    return {"content": body.encode(), "headers": {"Content-Type": "application/json", **headers}}


class Pieces:
    """A body as it comes over a slow line, however often it is sent."""

    def __init__(self, body: str) -> None:
        self.body = body.encode()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 1000):
            yield self.body[start : start + 1000]


def test_the_lane_verifies_a_token_as_the_road_does(live: Ports, clock: SetClock, credential: Issued) -> None:
    clock.move()  # past the very instant at which the key's certificate begins
    token = credential.token
    ordinary = json.dumps({"credential": token})
    sent = [
        *(in_json(ordinary), in_json(ordinary)),
        *(in_json(f' {{ "credential" : "{token}" }} '), in_json(ordinary.replace(".", "\\u002e", 1))),
        *(
            in_json(ordinary[:-9] + ordinary[-9:].swapcase()),
            in_json(ordinary[:-5]),
            in_json("{}"),
            in_json(""),
        ),
        *(in_json(json.dumps({"credential": each})) for each in ("", "x", credential.qr, credential.badge)),
        *(
            in_json(json.dumps({"credential": credential.number})),
            in_json(json.dumps({"credentials": [token]})),
        ),
        in_json(ordinary, **{"Content-Type": "application/json; charset=utf-8"}),
        {"content": token.encode(), "headers": {"Content-Type": "application/vc+jwt"}},
        {"json": {"credential": "x" * 200_000}},
        {"files": {"file": token.encode()}},
    ]
    statuses = alike(*on_both_ways(live, *sent))
    assert statuses[:3] == [200] * 3
    assert set(statuses) == {200, 413, 422}
    assert alike(*on_both_ways(live, in_json(ordinary), root="/v1")) == [404]
    slowly = [{**in_json(""), "content": Pieces(each)} for each in (ordinary, ordinary + " " * 140_000)]
    assert alike(*on_both_ways(live, in_json(ordinary), *slowly)) == [200, 200, 413]


def test_whatever_way_a_token_takes_it_is_counted_once(
    live: Ports, clock: SetClock, credential: Issued
) -> None:
    clock.move()
    few = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 40}))
    good = in_json(json.dumps({"credential": credential.token}))
    broken = in_json(json.dumps({"credential": credential.token[:-4]}))
    assert alike(*on_both_ways(few, good, good, broken, good, broken)) == [200] * 4 + [429]


def test_a_token_is_answered_for_as_on_the_road_when_the_register_cannot_be_read(
    live: Ports, clock: SetClock, credential: Issued
) -> None:
    clock.move()
    sent = in_json(json.dumps({"credential": credential.token}))
    for lane in (True, False):
        caller, app = verified_once(live, sent)
        if not lane:
            app.lane = None
        app.state.desk._register = Silent("")
        assert caller.post("/v1/verifications", **sent).status_code == 503
        broken = in_json(json.dumps({"credential": credential.token[:-4]}))
        assert caller.post("/v1/verifications", **broken).json()["result"] == "invalid"


def test_a_defect_in_the_lane_is_told_and_not_tried_again(
    live: Ports, clock: SetClock, credential: Issued
) -> None:
    clock.move()
    sent = in_json(json.dumps({"credential": credential.token}))
    caller, app = verified_once(live, sent)
    desk = app.state.desk
    sound = desk._register

    class Once(Defective):
        def _rows(self, statement: str, values: Sequence[object]) -> list[Row]:
            desk._register = sound
            return super()._rows(statement, values)

    desk._register = Once("")
    assert caller.post("/v1/verifications", **sent).status_code == 500
    assert caller.post("/v1/verifications", **sent).status_code == 200


def verified_once(live: Ports, sent: Sent) -> tuple[Caller, Service]:
    app = create_app(live)
    assert isinstance(app, Service)
    caller = Caller(httpx.ASGITransport(app, raise_app_exceptions=False), {})
    assert caller.post("/v1/verifications", **sent).json()["result"] == "valid"
    return caller, app


def test_what_is_no_token_is_given_to_the_road_as_it_came(live: Ports) -> None:
    """A body that breaks off, one that is too long, and one that is whole."""
    app = create_app(live)
    assert isinstance(app, Service)
    assert app.lane is not None
    gone: dict[str, Any] = {"type": "http.disconnect"}
    for pieces, ended in (([b"ab", b"c"], gone), ([b"x" * 100_000] * 3, None), ([b"{", b"}"], None)):
        coming: list[dict[str, Any]] = [
            {"type": "http.request", "body": each, "more_body": True} for each in pieces
        ]
        if ended is None:
            coming[-1]["more_body"] = False
        else:
            coming.append(ended)
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/verifications",
            "headers": [(b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
        }
        assert asyncio.run(read_again(app.lane, scope, coming)) == (b"".join(pieces), ended is not None)


async def read_again(lane: Lane, scope: dict[str, Any], coming: list[dict[str, Any]]) -> tuple[bytes, bool]:
    waiting = iter(coming)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: object) -> None:
        raise AssertionError(message)

    again = await lane.taken(scope, receive, send)
    assert again is not None
    read = b""
    while (message := await again())["type"] == "http.request":
        read += message["body"]
        if not message["more_body"]:
            return read, False
    return read, True
