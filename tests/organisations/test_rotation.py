"""Keys that follow on one another, keys that others made, and roles that end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from app.main import create_app, worker
from app.organisations.models import ApiKey
from app.organisations.rules import Role
from app.outbox.trail import Event
from app.ports import Ports
from tests import make
from tests.fakes import SetClock
from tests.fakes_mail import MemoryMailer


class House:
    """An organisation with its administrator and one person more."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.app = create_app(ports)
        self.id, (self.token, self.persons) = make.tokens(ports, (Role.ADMINISTRATOR,), ())
        self.administrator = make.caller(self.app, self.token)
        self.me: str = self.administrator.get("/v1/me").json()["id"]
        self.person: str = make.caller(self.app, self.persons).get("/v1/me").json()["id"]
        self.members = f"/v1/organisations/{self.id}/members"

    def key(self, **asked: Any) -> Any:
        made = self.administrator.post("/v1/api-keys", json=asked)
        assert made.status_code == 201, made.text
        return made.json()

    def rotate(self, key: str, *, by: str | None = None, **asked: Any) -> Any:
        return make.caller(self.app, by or self.token).post(f"/v1/api-keys/{key}/rotation", json=asked)

    def status(self, token: str) -> int:
        return make.caller(self.app, token).get("/v1/me").status_code

    def events(self, topic: str) -> list[Event]:
        with self.ports.database.reading(self.id) as session:
            return list(session.scalars(select(Event).where(Event.topic == topic).order_by(Event.id)))


@pytest.fixture
def house(ports: Ports) -> House:
    return House(ports)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_and_its_successor_overlap_for_as_long_as_asked(house: House, clock: SetClock) -> None:
    old = house.key(person=house.person, scopes=["dossiers:read"])

    answer = house.rotate(old["id"], overlap_hours=2)

    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert new["expires_at"] == "2027-11-20T09:00:00Z"
    me = make.caller(house.app, new["token"]).get("/v1/me").json()
    assert (me["id"], me["permissions"]) == (house.person, ["dossiers:read"])
    clock.move(timedelta(hours=2) - timedelta(seconds=1))
    assert house.status(old["token"]) == 200
    clock.move(timedelta(seconds=1))
    assert house.status(old["token"]) == 401
    assert house.status(new["token"]) == 200
    assert code(house.rotate(old["id"])) == (409, "key-ended")
    (rotated,) = house.events("key.rotated")
    assert rotated.about == {"key": old["id"], "successor": new["id"]}


def test_an_overlap_is_a_day_unless_told_otherwise_and_a_month_at_most(house: House, clock: SetClock) -> None:
    old = house.key(person=house.person)

    assert code(house.rotate(old["id"], overlap_hours=721)) == (422, "malformed")
    assert code(house.rotate(old["id"], overlap_hours=-1)) == (422, "malformed")
    assert house.rotate(old["id"]).status_code == 201
    clock.move(timedelta(hours=24))
    assert house.status(old["token"]) == 401


def test_whoever_holds_a_key_replaces_it_alone_but_does_not_prolong_it(house: House, clock: SetClock) -> None:
    ends = (clock.now() + timedelta(days=10)).isoformat()
    old = house.key(person=house.person, scopes=["dossiers:read", "keys:write"], expires_at=ends)
    other = house.key(person=house.person)

    new = house.rotate(old["id"], by=old["token"], overlap_hours=0).json()

    assert new["expires_at"] == "2026-11-30T09:00:00Z"
    assert house.status(old["token"]) == 401
    assert house.status(new["token"]) == 200
    assert code(house.rotate(other["id"], by=new["token"])) == (404, "key-not-found")
    assert code(house.rotate(house.token.partition(".")[0], by=new["token"])) == (404, "key-not-found")


def test_a_narrowed_administrator_rotates_no_wider_key(house: House) -> None:
    narrowed = house.key(person=house.me, scopes=["keys:write"])["token"]
    wider = house.key(person=house.person)

    assert code(house.rotate(wider["id"], by=narrowed)) == (422, "scope-not-grantable")
    rival = House(house.ports)
    assert code(rival.rotate(wider["id"])) == (404, "key-not-found")


def test_a_person_is_told_of_a_key_that_somebody_else_made_for_them(house: House, ports: Ports) -> None:
    mailer = ports.mailer
    assert isinstance(mailer, MemoryMailer)
    made = house.key(person=house.person)
    house.key(person=house.me)  # one's own needs no letter
    rotated = house.rotate(made["id"]).json()
    house.rotate(rotated["id"], by=rotated["token"])  # nor does what one does oneself

    worker(ports).drain()

    assert len(mailer.letters) == 2
    first, second = sorted(mailer.letters, key=lambda letter: made["id"] not in letter.text)
    with ports.database.reading(house.id) as session:
        row = session.get(ApiKey, made["id"])
        assert row is not None
    assert made["id"] in first.text
    assert rotated["id"] in second.text
    for letter in (first, second):
        assert "Dear Nome" in letter.text
        assert "TEST" in letter.subject
        for token in (made["token"], rotated["token"]):
            assert token.partition(".")[2] not in letter.text
    told = {each.about["key"] for each in house.events("key.notice-sent")}
    assert told == {made["id"], rotated["id"]}
    (issued, *_) = [each for each in house.events("key.issued") if each.about["key"] == made["id"]]
    assert (issued.actor_id, issued.about["owner"]) == (house.me, house.person)


def test_keys_are_listed_with_the_day_of_their_last_use_written_once_a_day(
    house: House, ports: Ports, clock: SetClock
) -> None:
    made = house.key(person=house.person, scopes=["dossiers:read"])
    shown = {"id": made["id"], "person": house.person, "client": None, "scopes": ["dossiers:read"]}
    shown |= {"created_at": "2026-11-20T09:00:00Z", "expires_at": "2027-11-20T09:00:00Z", "revoked_at": None}

    def listed() -> Any:
        page = house.administrator.get(f"/v1/api-keys?person={house.person}").json()
        return next(one for one in page["data"] if one["id"] == made["id"])

    assert listed() == shown | {"last_used_on": None}
    house.status(made["token"])
    assert listed() == shown | {"last_used_on": "2026-11-20"}
    writes: list[str] = []
    event.listen(
        ports.database.engine,
        "before_cursor_execute",
        lambda *call: writes.append(call[2]) if call[2].startswith("UPDATE") else None,
    )
    house.status(made["token"])
    assert writes == []
    clock.move(timedelta(days=1))
    house.status(made["token"])
    house.status(made["token"])
    assert len(writes) == 1
    assert listed()["last_used_on"] == "2026-11-21"
    assert made["token"].partition(".")[2] not in house.administrator.get("/v1/api-keys").text
    assert code(make.caller(house.app, house.persons).get("/v1/api-keys")) == (403, "permission-missing")


def end(house: House, person: str, role: str, **asked: Any) -> Any:
    return house.administrator.post(f"{house.members}/{person}/roles/{role}/end", json=asked)


def test_a_role_ends_at_once_or_after_a_last_day(house: House, clock: SetClock) -> None:
    path = f"{house.members}/{house.person}/roles"
    for role in ("assessor", "chair", "auditor"):
        assert house.administrator.post(path, json={"role": role}).status_code == 201
    person = make.caller(house.app, house.persons)

    assert end(house, house.person, "assessor").status_code == 204
    assert end(house, house.person, "chair", to="2026-11-21").status_code == 204

    assert person.get("/v1/me").json()["roles"] == ["auditor", "chair"]
    clock.at = datetime(2026, 11, 21, 22, 59, tzinfo=UTC)
    assert person.get("/v1/me").json()["roles"] == ["auditor", "chair"]
    clock.at = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
    assert person.get("/v1/me").json()["roles"] == ["auditor"]
    assert code(end(house, house.person, "assessor")) == (404, "role-not-held")
    assert code(end(house, house.person, "auditor", to="2026-11-21")) == (422, "period-inverted")
    assert house.administrator.post(path, json={"role": "assessor"}).status_code == 201
    facts = [each.facts for each in house.events("role.ended")]
    assert facts == [
        {"role": "assessor", "last_day": "2026-11-19"},
        {"role": "chair", "last_day": "2026-11-21"},
    ]


def test_a_role_that_ends_sooner_never_begins_later(house: House) -> None:
    path = f"{house.members}/{house.person}/roles"
    house.administrator.post(path, json={"role": "chair", "from": "2026-11-20", "to": "2026-11-30"})
    house.administrator.post(path, json={"role": "chair", "from": "2026-12-10"})

    assert end(house, house.person, "chair", to="2026-11-25").status_code == 204

    (listed,) = [
        one["roles"]
        for one in house.administrator.get(house.members).json()["data"]
        if one["id"] == house.person
    ]
    assert listed == [{"role": "chair", "from": "2026-11-20", "to": "2026-11-25"}]
    assert code(end(house, house.person, "chair", to="2026-11-26")) == (404, "role-not-held")


def test_the_last_administrator_keeps_the_role(house: House) -> None:
    founder = next(
        one["id"]
        for one in house.administrator.get(house.members).json()["data"]
        if one["id"] != house.me and [role["role"] for role in one["roles"]] == ["administrator"]
    )
    assert end(house, founder, "administrator").status_code == 204

    assert code(end(house, house.me, "administrator")) == (409, "last-administrator")
    path = f"{house.members}/{house.person}/roles"
    house.administrator.post(path, json={"role": "administrator", "to": "2027-01-01"})
    assert code(end(house, house.me, "administrator")) == (409, "last-administrator")
    end(house, house.person, "administrator")
    house.administrator.post(path, json={"role": "administrator"})
    assert end(house, house.me, "administrator").status_code == 204
    assert code(end(house, house.me, "administrator")) == (403, "permission-missing")


def test_only_who_gives_roles_ends_them_and_only_at_home(house: House) -> None:
    rival = House(house.ports)
    person = make.caller(house.app, house.persons)

    barred = person.post(f"{house.members}/{house.me}/roles/administrator/end", json={})
    assert code(barred) == (403, "permission-missing")
    assert code(end(rival, house.me, "administrator")) == (404, "person-not-found")
    assert code(end(house, house.me, "king")) == (422, "malformed")
