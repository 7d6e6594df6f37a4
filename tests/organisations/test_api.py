from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from app.main import create_app
from app.organisations.rules import EVERYONE, OF_ROLE, PERSONS_ONLY, Permission, Role
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.fakes import SetClock

MEMBER: dict[str, Any] = {
    "given_name": "Elena",
    "family_name": "Marchetti",
    "email": "elena@example.org",
    "membership": {"number": "NP-2025-0113", "from": "2025-01-01"},
}


class House:
    """An organisation, and those who keep its books."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.app = create_app(ports)
        casts = ((Role.ADMINISTRATOR,), (Role.SECRETARIAT,), (Role.AUDITOR,), ())
        self.id, tokens = make.tokens(ports, *casts)
        self.administrator, self.secretary, self.auditor, self.nobody = map(self.calls, tokens)
        self.members = f"/v1/organisations/{self.id}/members"

    def calls(self, token: str | None) -> Caller:
        return make.caller(self.app, token)


@pytest.fixture
def house(ports: Ports) -> House:
    return House(ports)


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_the_secretariat_enters_a_member(house: House) -> None:
    answer = house.secretary.post(house.members, json=MEMBER)

    made = answer.json()
    assert answer.status_code == 201
    assert made.pop("id").startswith("per_")
    assert made["memberships"][0].pop("id").startswith("mem_")
    assert made == {
        "given_name": "Elena",
        "family_name": "Marchetti",
        "name_on_credential": "Elena Marchetti",
        "email": "elena@example.org",
        "memberships": [{"number": "NP-2025-0113", "from": "2025-01-01", "to": None, "state": "active"}],
        "roles": [],
    }


def test_a_name_that_has_no_room_on_a_credential_comes_with_another(house: House) -> None:
    asked = MEMBER | {"given_name": "A" * 150, "family_name": "B" * 50}

    refused = house.secretary.post(house.members, json=asked)
    made = house.secretary.post(house.members, json=asked | {"name_on_credential": "A. B."})

    assert problem(refused) == (422, "malformed")
    (told,) = refused.json()["errors"]
    assert told["pointer"] == "#/name_on_credential"
    assert "give `name_on_credential`" in told["detail"]
    assert (made.status_code, made.json()["name_on_credential"]) == (201, "A. B.")


def test_a_membership_that_ends_before_it_begins_breaks_a_rule(house: House) -> None:
    membership = {"number": "NP-1", "from": "2026-05-01", "to": "2026-01-01"}
    refused = house.secretary.post(house.members, json=MEMBER | {"membership": membership})
    assert problem(refused) == (422, "period-inverted")


def test_only_who_gives_keys_gives_roles(house: House) -> None:
    asked = MEMBER | {"roles": ["assessor", "assessor", "secretariat"]}

    refused = house.secretary.post(house.members, json=asked)
    made = house.administrator.post(house.members, json=asked)

    assert problem(refused) == (403, "permission-missing")
    assert made.status_code == 201  # so the refusal entered nobody: the number was still free
    assert made.json()["roles"] == [
        {"role": "assessor", "from": "2026-11-20", "to": None},
        {"role": "secretariat", "from": "2026-11-20", "to": None},
    ]


def test_a_role_is_given_for_a_time_and_not_twice(house: House) -> None:
    person = house.administrator.post(house.members, json=MEMBER).json()["id"]
    path = f"{house.members}/{person}/roles"

    given = house.administrator.post(
        path, json={"role": "assessor", "from": "2026-12-01", "to": "2027-11-30"}
    )
    twice = house.administrator.post(path, json={"role": "assessor", "from": "2027-01-01"})
    inverted = house.administrator.post(
        path, json={"role": "chair", "from": "2027-01-01", "to": "2026-01-01"}
    )
    unknown = house.administrator.post(path, json={"role": "king"})
    barred = house.secretary.post(path, json={"role": "chair"})

    assert given.json() == {"role": "assessor", "from": "2026-12-01", "to": "2027-11-30"}
    assert problem(twice) == (409, "role-already-held")
    assert problem(inverted) == (422, "period-inverted")
    assert problem(unknown) == (422, "malformed")
    assert problem(barred) == (403, "permission-missing")


def test_no_role_is_given_for_days_that_are_over(house: House, clock: SetClock) -> None:
    person = house.administrator.post(house.members, json=MEMBER).json()["id"]
    path = f"{house.members}/{person}/roles"
    clock.at = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # the 21st in Rome

    past = house.administrator.post(path, json={"role": "assessor", "from": "2026-11-20"})
    today = house.administrator.post(path, json={"role": "assessor", "from": "2026-11-21"})

    assert problem(past) == (422, "period-inverted")
    assert today.status_code == 201


def test_of_two_who_give_a_role_or_a_number_at_once_one_comes_too_late(house: House) -> None:
    person = house.administrator.post(house.members, json=MEMBER).json()["id"]
    entry = {"number": "NP-9", "from": "2025-01-01"}

    def grant(_: int) -> int:
        path = f"{house.members}/{person}/roles"
        return house.administrator.post(path, json={"role": "chair"}).status_code

    def enter(_: int) -> int:
        return house.secretary.post(house.members, json=MEMBER | {"membership": entry}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(grant, range(4))) == [201, 409, 409, 409]
        assert sorted(pool.map(enter, range(4))) == [201, 409, 409, 409]


def test_a_role_counts_from_its_first_local_day_through_its_last(house: House, clock: SetClock) -> None:
    person = house.administrator.post(house.members, json=MEMBER).json()["id"]
    token = house.administrator.post("/v1/api-keys", json={"person": person}).json()["token"]
    house.administrator.post(
        f"{house.members}/{person}/roles", json={"role": "auditor", "from": "2026-11-21", "to": "2026-11-21"}
    )
    calls = house.calls(token)

    def roles(at: datetime) -> list[str]:
        clock.at = at
        found: list[str] = calls.get("/v1/me").json()["roles"]
        return found

    assert roles(datetime(2026, 11, 20, 22, 59, tzinfo=UTC)) == []
    assert roles(datetime(2026, 11, 20, 23, 0, tzinfo=UTC)) == ["auditor"]
    assert roles(datetime(2026, 11, 21, 22, 59, tzinfo=UTC)) == ["auditor"]
    assert roles(datetime(2026, 11, 21, 23, 0, tzinfo=UTC)) == []


def test_a_membership_number_belongs_to_one(house: House) -> None:
    house.secretary.post(house.members, json=MEMBER)

    again = house.secretary.post(house.members, json=MEMBER | {"given_name": "Altra"})

    assert problem(again) == (409, "membership-number-taken")
    names = [one["given_name"] for one in house.secretary.get(house.members).json()["data"]]
    assert "Altra" not in names


def test_a_membership_is_suspended_resumed_and_ended(house: House) -> None:
    made = house.secretary.post(house.members, json=MEMBER).json()["memberships"][0]
    path = f"/v1/organisations/{house.id}/memberships/{made['id']}"

    suspended = house.secretary.patch(path, json={"state": "suspended"}).json()
    ended = house.secretary.patch(path, json={"state": "ended", "to": "2026-12-31"}).json()
    resumed = house.secretary.patch(path, json={"state": "active"}).json()
    unbounded = house.secretary.patch(path, json={"state": "active", "to": None}).json()
    inverted = house.secretary.patch(path, json={"state": "ended", "to": "2024-12-31"})

    assert (suspended["state"], suspended["to"]) == ("suspended", None)
    assert (ended["state"], ended["to"]) == ("ended", "2026-12-31")
    assert (resumed["state"], resumed["to"]) == ("active", "2026-12-31")
    assert unbounded["to"] is None
    assert problem(inverted) == (422, "period-inverted")
    assert problem(house.auditor.patch(path, json={"state": "ended"})) == (403, "permission-missing")


def test_bad_input_is_named_and_enters_nobody(house: House) -> None:
    before = house.secretary.get(house.members).json()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"surprise": 1}, "#/surprise"),
        ({"given_name": ""}, "#/given_name"),
        ({"given_name": 7}, "#/given_name"),
        ({"given_name": "E\x00"}, "#/given_name"),
        ({"given_name": "E\nM"}, "#/given_name"),
        ({"given_name": "E" * 201}, "#/given_name"),
        ({"email": "not an address"}, "#/email"),
        ({"membership": {"number": "1", "from": 20250101}}, "#/membership/from"),
        ({"membership": {"number": "1", "from": "2025-02-30"}}, "#/membership/from"),
        ({"membership": {"number": "1", "from_day": "2025-02-28"}}, "#/membership/from_day"),
        ({"roles": ["king"]}, "#/roles/0"),
        ({"roles": "assessor"}, "#/roles"),
    ]

    for changes, pointer in cases:
        answer = house.administrator.post(house.members, json=MEMBER | changes)
        assert problem(answer) == (422, "malformed"), changes
        assert pointer in [error["pointer"] for error in answer.json()["errors"]], changes

    surrogate = '{"given_name": "\\ud800", "family_name": "M", "email": "a@example.org"}'
    answer = house.secretary.post(
        house.members, content=surrogate, headers={"Content-Type": "application/json"}
    )
    assert problem(answer) == (422, "malformed")
    assert house.secretary.get(house.members).json() == before


def test_what_was_sent_is_never_repeated_in_a_refusal(house: House) -> None:
    answer = house.secretary.post(house.members, json=MEMBER | {"email": "riservatissima"})

    assert "riservatissima" not in answer.text


def test_members_are_listed_page_by_page_to_those_who_may(house: House) -> None:
    house.secretary.post(house.members, json=MEMBER)
    listed, cursor = [], ""
    while True:
        page = house.auditor.get(f"{house.members}?limit=2{cursor}").json()
        assert len(page["data"]) <= 2
        listed += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert len(listed) == len(set(listed)) == 6  # the founder, four with keys, one entered
    assert problem(house.nobody.get(house.members)) == (403, "permission-missing")


def test_another_organisations_books_do_not_exist(house: House) -> None:
    foreign = House(house.ports)
    person = house.administrator.post(house.members, json=MEMBER).json()
    membership = person["memberships"][0]["id"]
    client = house.administrator.post(f"/v1/organisations/{house.id}/clients", json={"name": "P"}).json()[
        "id"
    ]
    key = house.administrator.post("/v1/api-keys", json={"person": person["id"]}).json()["id"]
    own = f"/v1/organisations/{foreign.id}"

    calls = foreign.administrator
    for answer, code in (
        (calls.get(house.members), "organisation-not-found"),
        (calls.post(house.members, json=MEMBER), "organisation-not-found"),
        (calls.post(f"/v1/organisations/{house.id}/clients", json={"name": "P"}), "organisation-not-found"),
        (calls.patch(f"{own}/memberships/{membership}", json={"state": "ended"}), "membership-not-found"),
        (calls.post(f"{own}/members/{person['id']}/roles", json={"role": "chair"}), "person-not-found"),
        (calls.post("/v1/api-keys", json={"person": person["id"]}), "person-not-found"),
        (
            calls.post("/v1/api-keys", json={"client": client, "scopes": ["dossiers:read"]}),
            "client-not-found",
        ),
        (calls.post(f"/v1/api-keys/{key}/revocation"), "key-not-found"),
    ):
        assert problem(answer) == (404, code)


def test_a_key_says_whose_it_is_and_what_it_allows(house: House) -> None:
    secretary = house.secretary.get("/v1/me").json()
    nobody = house.nobody.get("/v1/me").json()

    assert secretary["organisation"] == house.id
    assert secretary["person"] is True
    assert secretary["roles"] == ["secretariat"]
    assert set(secretary["permissions"]) >= {p.value for p in OF_ROLE[Role.SECRETARIAT]}
    assert nobody["permissions"] == sorted(p.value for p in EVERYONE)
    assert not EVERYONE & PERSONS_ONLY - {Permission.RENEWALS_WRITE}


def test_the_schemes_in_force_are_shown_to_whoever_may_begin_a_dossier(house: House) -> None:
    (line,) = house.nobody.get("/v1/schemes").json()["data"]
    shown = house.nobody.get(f"/v1/schemes/{line['id']}").json()
    pinned = house.nobody.get(f"/v1/schemes/{line['id']}?version={line['version']}").json()
    client = house.administrator.post(f"/v1/organisations/{house.id}/clients", json={"name": "P"}).json()[
        "id"
    ]
    key = house.administrator.post("/v1/api-keys", json={"client": client, "scopes": ["credentials:read"]})

    assert line["id"] == "uni-11621-8/ai-deep-learning-engineer"
    assert shown == pinned
    assert shown["digest"] == line["digest"]
    assert {kind["id"] for kind in shown["evidence_kinds"]} >= {"cv", "project_sheet", "ethics_pledge"}
    assert sum(criterion["weight"] for criterion in shown["criteria"]) == 100
    assert problem(house.nobody.get("/v1/schemes/none")) == (404, "scheme-not-found")
    assert problem(house.nobody.get(f"/v1/schemes/{line['id']}?version=9.9.9")) == (404, "scheme-not-found")
    barred = house.calls(key.json()["token"]).get("/v1/schemes")
    assert problem(barred) == (403, "permission-missing")


def test_every_permission_is_somebodys() -> None:
    held = EVERYONE.union(*OF_ROLE.values())

    assert held == set(Permission)
    assert held >= PERSONS_ONLY
