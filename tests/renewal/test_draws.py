"""Draws of audits over HTTP: promised, held once, and held again by anybody who reads what was published."""

import ast
import inspect
import json
import re
import subprocess
import sys
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.ids import new_id
from app.organisations.rules import Role
from app.outbox.trail import Event
from app.renewal import draws, sampling
from app.renewal.models import AuditDraw, Renewal
from app.renewal.sampling import takes
from tests import make
from tests.calling import Caller
from tests.credentials.test_races import at_once
from tests.renewal.members import House, problem
from tests.renewal.renewing import credential, days, drawn, enough, filed, refuse

WEEK = timedelta(days=7)


def waiting(house: House, number: int) -> list[dict[str, Any]]:
    """So many renewals that wait in one draw."""
    people = [house.person() for _ in range(number)]
    held = [(who, house.issued_to(who).id) for who in people]
    for _, which in held:
        enough(house, which)
    house.go_to(days(house).opens)
    return [filed(house, who, which) for who, which in held]


def published(house: House, draw_id: str) -> dict[str, Any]:
    """The record as a stranger reads it."""
    answer = make.caller(house.app).get(f"/audit-draws/{draw_id}.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    record: dict[str, Any] = answer.json()
    return record


def test_i36_the_seed_is_promised_before_the_draw_and_shown_after_it(house: House) -> None:
    renewals = waiting(house, 3)
    draw_id = renewals[0]["draw"]["id"]
    assert renewals[0]["draw"]["url"] == f"https://sigillo.example.org/audit-draws/{draw_id}.json"
    before = published(house, draw_id)
    assert [before[name] for name in ("drawn_at", "seed", "population", "strata", "sample")] == [None] * 5
    assert before["commitment"] == renewals[0]["draw"]["commitment"]
    after = drawn(house, renewals[0])
    assert published(house, draw_id) == after
    assert after["commitment"] == before["commitment"] == sampling.commitment_to(after["seed"])
    assert {member["renewal"] for member in after["population"]} == {each["id"] for each in renewals}
    with house.ports.database.reading(house.organisation) as session:
        topics = [event.topic for event in session.scalars(select(Event).order_by(Event.id))]
    assert topics.index("audit-draw.promised") < topics.index("renewal.submitted")


def test_i36_five_lines_of_python_hold_the_draw_again(house: House) -> None:
    renewals = waiting(house, 12)
    record = drawn(house, renewals[0])
    script = reproducing()
    assert len(script.splitlines()) == 5
    text = json.dumps(published(house, record["id"]))
    # Without site packages: nothing but the standard library.
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], input=text, capture_output=True, text=True, check=True
    )
    assert sorted(ran.stdout.split()) == sorted(record["sample"])
    assert len(record["sample"]) == 5
    sizes = {stratum["name"]: stratum["size"] for stratum in record["strata"]}
    taken = takes(sizes, percent=record["sample_pct"], at_least=record["min_per_batch"])
    assert taken == {stratum["name"]: stratum["take"] for stratum in record["strata"]}


def test_i36_a_seed_that_is_not_the_one_promised_is_found_out(house: House) -> None:
    record = drawn(house, waiting(house, 2)[0])
    forged = json.dumps({**record, "seed": "0" * 64})
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", reproducing()],
        input=forged,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "AssertionError" in ran.stderr


def reproducing() -> str:
    """The lines that `sampling` tells its readers to run."""
    told = inspect.getdoc(sampling) or ""
    lines = re.findall(r"^    (.+)$", told, re.MULTILINE)
    script = "\n".join(lines)
    ast.parse(script)
    return script


def test_the_record_names_nobody(house: House) -> None:
    renewals = waiting(house, 2)
    record = json.dumps(drawn(house, renewals[0]))
    for renewal in renewals:
        held = credential(house, renewal["credential"])
        assert held.id not in record
        assert held.number not in record
        assert held.holder_id not in record


def test_whoever_is_drawn_is_audited_and_the_others_may_be_approved(house: House) -> None:
    renewals = waiting(house, 8)
    sample = set(drawn(house, renewals[0])["sample"])
    for renewal in renewals:
        now = house.manager.calls.get(f"/v1/renewals/{renewal['id']}").json()
        if renewal["id"] in sample:
            assert (now["state"], now["audit"]["reason"], now["audit"]["reply_by"]) == (
                "audit",
                "sampled",
                "2029-07-04",
            )
        else:
            assert (now["state"], now["audit"]) == ("submitted", None)
        assert now["draw"]["drawn_at"] is not None


def test_a_draw_is_held_once_and_the_next_is_promised_at_once(house: House) -> None:
    renewal = waiting(house, 1)[0]
    first = renewal["draw"]["id"]
    path = f"/v1/audit-draws/{first}/drawing"
    callers = [house.manager.calls for _ in range(8)]
    got = at_once(*(partial(caller.post, path) for caller in callers))
    answers = [answer for answer in got if isinstance(answer, httpx.Response)]
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"draw-done-already"}
    listed = house.holder.calls.get("/v1/audit-draws").json()["data"]
    assert len(listed) == 2
    (following,) = [record for record in listed if record["id"] != first]
    assert (following["drawn_at"], following["seed"]) == (None, None)
    enough(house)
    assert filed(house)["draw"]["id"] == following["id"]


def test_a_draw_that_nobody_waits_in_is_not_held(house: House) -> None:
    renewal = waiting(house, 1)[0]
    assert refuse(house, renewal).status_code == 200
    answer = house.manager.calls.post(f"/v1/audit-draws/{renewal['draw']['id']}/drawing")
    assert problem(answer) == (409, "draw-empty")


def test_nobody_holds_the_draw_that_their_own_renewal_waits_in(house: House) -> None:
    manager = house.person(Role.SCHEME_MANAGER)
    which = house.issued_to(manager).id
    enough(house, which)
    house.go_to(days(house).opens)
    renewal = filed(house, manager, which)
    path = f"/v1/audit-draws/{renewal['draw']['id']}/drawing"
    assert problem(manager.calls.post(path)) == (403, "own-renewal")
    assert published(house, renewal["draw"]["id"])["drawn_at"] is None
    assert house.manager.calls.post(path).status_code == 200


def test_filing_and_drawing_at_once_leave_nobody_between_two_draws(house: House) -> None:
    people = [house.person() for _ in range(6)]
    held = [(who, house.issued_to(who).id) for who in people]
    for _, which in held:
        enough(house, which)
    house.go_to(days(house).opens)
    first = filed(house, *held[0])
    asks = [partial(who.calls.post, "/v1/renewals", json={"credential": which}) for who, which in held[1:]]
    path = f"/v1/audit-draws/{first['draw']['id']}/drawing"
    got = at_once(*asks, partial(house.manager.calls.post, path))
    answers = [answer for answer in got if isinstance(answer, httpx.Response)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [200]
    population = {member["renewal"] for member in answers[-1].json()["population"]}
    with house.ports.database.reading(house.organisation) as session:
        for row in session.scalars(select(Renewal)):
            joined = session.get_one(AuditDraw, str(row.draw_id))
            assert (row.id in population) == (joined.drawn_at is not None)


def test_after_a_week_a_draw_is_held_without_being_asked_for(house: House) -> None:
    renewal = waiting(house, 1)[0]
    hold = draws.duty(house.ports)
    house.pass_days(6)
    hold()
    assert published(house, renewal["draw"]["id"])["drawn_at"] is None
    house.pass_days(1)
    hold()
    record = published(house, renewal["draw"]["id"])
    assert record["sample"] == [renewal["id"]]
    house.pass_days(8)
    hold()
    with house.ports.database.reading(house.organisation) as session:
        drawn_by = [row.drawn_by for row in session.scalars(select(AuditDraw))]
    assert sorted(map(str, drawn_by)) == ["None", "system"]


def test_the_duty_does_its_work_once_an_hour(house: House) -> None:
    renewal = waiting(house, 1)[0]
    hold = draws.duty(house.ports)
    house.ports.clock.at = house.now + WEEK - timedelta(minutes=30)  # type: ignore[attr-defined] # a set clock
    hold()
    house.ports.clock.at = house.now + timedelta(minutes=45)  # type: ignore[attr-defined] # a set clock
    hold()
    assert published(house, renewal["draw"]["id"])["drawn_at"] is None
    house.ports.clock.at = house.now + timedelta(minutes=15)  # type: ignore[attr-defined] # a set clock
    hold()
    assert published(house, renewal["draw"]["id"])["drawn_at"] is not None


@pytest.mark.parametrize(
    "draw_id",
    ["drw_x", "drw_" + "0" * 26, "x", "%00", "..%2f..", "drw_" + "0" * 26 + "%0a", "\N{EN DASH}", "'--"],
)
def test_a_draw_that_is_not_there_is_not_found_whatever_its_name(house: House, draw_id: str) -> None:
    stranger: Caller = make.caller(house.app)
    answer = stranger.get(f"/audit-draws/{draw_id}.json")
    assert answer.status_code == 404


def test_another_organisations_draws_are_its_own(house: House) -> None:
    renewal = waiting(house, 1)[0]
    with house.ports.database.writing() as session:
        at = house.now
        other = make.organisation(session, at, "Un'altra").organisation.id
        token = make.key(session, make.person(session, other, Role.SCHEME_MANAGER, at=at), at=at)
    theirs = make.caller(house.app, token)
    assert theirs.get("/v1/audit-draws").json() == {"data": [], "next_cursor": None}
    answer = theirs.post(f"/v1/audit-draws/{renewal['draw']['id']}/drawing")
    assert problem(answer) == (404, "draw-not-found")
    assert problem(theirs.post(f"/v1/audit-draws/{new_id('drw')}/drawing")) == (404, "draw-not-found")


def test_a_seed_is_promised_before_the_first_renewal_is_filed(house: House) -> None:
    with house.ports.database.writing(house.organisation) as session:
        assert session.scalars(select(AuditDraw)).all() == []
    draws.duty(house.ports)()
    draws.duty(house.ports)()
    with house.ports.database.writing(house.organisation) as session:
        (promised,) = session.scalars(select(AuditDraw)).all()
    assert (promised.organisation_id, promised.drawn_at) == (house.organisation, None)
