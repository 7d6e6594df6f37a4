from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.main import create_app
from app.organisations.models import ApiKey
from app.organisations.rules import PERSONS_ONLY, Role
from app.outbox.trail import Event
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.fakes import SetClock


class House:
    """An organisation with its administrator and one person more."""

    def __init__(self, ports: Ports) -> None:
        self.app = create_app(ports)
        self.id, (administrator, person) = make.tokens(ports, (Role.ADMINISTRATOR,), ())
        self.administrator = make.caller(self.app, administrator)
        self.token = person
        self.person: str = make.caller(self.app, person).get("/v1/me").json()["id"]

    def me(self, token: str | None) -> tuple[int, str]:
        """What happens to somebody who calls with this key."""
        answer = make.caller(self.app, token).get("/v1/me")
        return answer.status_code, answer.json().get("code", "")

    def key(self, **asked: Any) -> Any:
        return self.administrator.post("/v1/api-keys", json=asked)

    def client(self) -> str:
        made = self.administrator.post(f"/v1/organisations/{self.id}/clients", json={"name": "Portale"})
        found: str = made.json()["id"]
        return found


@pytest.fixture
def house(ports: Ports) -> House:
    return House(ports)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_is_shown_once_and_kept_as_a_hash(house: House, ports: Ports) -> None:
    answer = house.key(person=house.person)

    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert house.me(made["token"]) == (200, "")
    secret = made["token"].partition(".")[2]
    with ports.database.reading(house.id) as session:
        row = session.get(ApiKey, made["id"])
        assert row is not None
        assert secret not in repr(vars(row))
        events = session.scalars(select(Event)).all()
    assert not any(secret in f"{event.about}{event.facts}" for event in events)


def test_a_key_that_is_none_opens_nothing(house: House) -> None:
    unknown = f"key_{'0' * 26}.x"
    for sent in (None, "", "Bearer", "Bearer nonsense", f"Bearer {unknown}", f"Basic {house.token}"):
        headers = {} if sent is None else {"Authorization": sent}
        answer = make.caller(house.app).request("GET", "/v1/me", headers=headers)
        assert code(answer) == (401, "key-not-accepted"), sent
        assert answer.headers["www-authenticate"] == "Bearer"

    for strange in ("key_" + "0" * 5000, "kéy", "key_\x00.x", f"key_{'0' * 25}\x00.x"):
        headers_of_bytes = [(b"Authorization", f"Bearer {strange}".encode())]
        answer = make.caller(house.app).request("GET", "/v1/me", headers=headers_of_bytes)
        assert code(answer) == (401, "key-not-accepted")


def test_another_secret_does_not_open_what_a_key_opens(house: House) -> None:
    key_id, _, secret = house.token.partition(".")
    other = ("A" if secret[0] != "A" else "B") + secret[1:]

    assert house.me(f"{key_id}.{secret}") == (200, "")
    for wrong in (
        f"{key_id}.{other}",
        f"{key_id}.",
        key_id,
        f"{key_id}.{secret}x",
        f"{key_id}.{secret[:-1]}",
    ):
        assert house.me(wrong) == (401, "key-not-accepted")


def test_a_key_ends_when_it_says(house: House, clock: SetClock) -> None:
    ends = clock.now() + timedelta(hours=1)
    token = house.key(person=house.person, expires_at=ends.isoformat()).json()["token"]

    clock.move(timedelta(minutes=59, seconds=59))
    assert house.me(token) == (200, "")
    clock.move(timedelta(seconds=1))
    assert house.me(token) == (401, "key-not-accepted")


def test_a_key_ends_after_a_year_if_it_does_not_say(house: House, clock: SetClock) -> None:
    clock.move(timedelta(days=365))

    assert house.me(house.token) == (401, "key-not-accepted")


def test_a_revoked_key_opens_nothing_from_then_on(house: House, clock: SetClock) -> None:
    made = house.key(person=house.person).json()

    first = house.administrator.post(f"/v1/api-keys/{made['id']}/revocation")
    clock.move(timedelta(minutes=5))
    second = house.administrator.post(f"/v1/api-keys/{made['id']}/revocation")

    assert first.json() == second.json() == {"id": made["id"], "revoked_at": "2026-11-20T09:00:00Z"}
    assert house.me(made["token"]) == (401, "key-not-accepted")
    assert house.me(house.token) == (200, "")


def test_a_key_that_never_was_cannot_be_revoked(house: House) -> None:
    unknown = house.administrator.post(f"/v1/api-keys/key_{'0' * 26}/revocation")

    assert code(unknown) == (404, "key-not-found")


def test_no_client_is_given_what_only_persons_do(house: House) -> None:
    client = house.client()

    for scope in sorted(p.value for p in PERSONS_ONLY):
        answer = house.key(client=client, scopes=["dossiers:read", scope])
        assert code(answer) == (422, "scope-not-grantable"), scope


def test_a_key_belongs_to_one_person_or_one_client(house: House) -> None:
    client = house.client()
    cases: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({}, (422, "scope-not-grantable")),
        (
            {"person": house.person, "client": client, "scopes": ["dossiers:read"]},
            (422, "scope-not-grantable"),
        ),
        ({"client": client}, (422, "scope-not-grantable")),
        ({"client": client, "scopes": []}, (422, "scope-not-grantable")),
        ({"client": client, "scopes": ["everything"]}, (422, "scope-not-grantable")),
        ({"person": house.person, "scopes": ["everything"]}, (422, "scope-not-grantable")),
        ({"person": f"per_{'0' * 26}"}, (404, "person-not-found")),
        ({"client": f"cli_{'0' * 26}", "scopes": ["dossiers:read"]}, (404, "client-not-found")),
        ({"person": house.person, "expires_at": "2026-11-20T09:00:00Z"}, (422, "period-inverted")),
        ({"person": house.person, "expires_at": "2027-11-20"}, (422, "malformed")),
        ({"person": house.person, "expires_at": "2027-11-20T09:00:00"}, (422, "malformed")),
        ({"person": house.person, "expires_at": 1_900_000_000}, (422, "malformed")),
        ({"person": "me"}, (422, "malformed")),
    ]

    for asked, expected in cases:
        assert code(house.key(**asked)) == expected, asked


def test_only_the_administrator_hands_out_keys(house: House) -> None:
    person: Caller = make.caller(house.app, house.token)

    for answer in (
        person.post("/v1/api-keys", json={"person": house.person}),
        person.post(f"/v1/api-keys/key_{'0' * 26}/revocation"),
        person.post(f"/v1/organisations/{house.id}/clients", json={"name": "P"}),
    ):
        assert code(answer) == (403, "permission-missing")


def test_a_persons_key_is_narrowed_by_its_scopes_and_never_widened(house: House) -> None:
    scopes = ["dossiers:read", "keys:write"]
    token = house.key(person=house.person, scopes=scopes).json()["token"]

    assert make.caller(house.app, token).get("/v1/me").json()["permissions"] == ["dossiers:read"]


def test_the_first_clients_key_does_no_work_of_the_office_and_reads_no_scores(ports: Ports) -> None:
    with ports.database.writing() as session:
        founded = make.organisation(session, ports.clock.now())

    me = make.caller(create_app(ports), founded.client_key.token).get("/v1/me").json()

    assert me["permissions"] == [
        "credentials:issue",
        "credentials:read",
        "decisions:read",
        "dossiers:read",
        "dossiers:write",
        "members:read",
        "members:write",
    ]


def test_a_narrowed_key_makes_none_that_is_wider(house: House) -> None:
    me: str = house.administrator.get("/v1/me").json()["id"]
    narrowed = house.key(person=me, scopes=["keys:write", "members:read"]).json()["token"]
    calls = make.caller(house.app, narrowed)

    for scopes in (None, ["members:write"], ["keys:write", "members:write"]):
        answer = calls.post("/v1/api-keys", json={"person": me, "scopes": scopes})
        assert code(answer) == (422, "scope-not-grantable"), scopes
    assert calls.post("/v1/api-keys", json={"person": me, "scopes": ["members:read"]}).status_code == 201


def test_a_key_lives_for_two_years_at_most(house: House, clock: SetClock) -> None:
    ends = clock.now() + timedelta(days=730)

    assert house.key(person=house.person, expires_at=ends.isoformat()).status_code == 201
    longer = house.key(person=house.person, expires_at=(ends + timedelta(seconds=1)).isoformat())
    assert code(longer) == (422, "period-inverted")


def test_the_trail_says_whose_a_key_is_and_what_it_allows(house: House, ports: Ports) -> None:
    made = house.key(person=house.person, scopes=["dossiers:write", "dossiers:read"]).json()

    with ports.database.reading(house.id) as session:
        events = session.scalars(select(Event).where(Event.topic == "key.issued")).all()
    (facts,) = [event.facts for event in events if event.about["key"] == made["id"]]
    assert facts == {"owner": house.person, "scopes": ["dossiers:read", "dossiers:write"]}
