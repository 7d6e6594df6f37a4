"""Tokens by secret: who gets one, what it allows, and how it ends."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, inspect, select, text

from app.core.db import connect
from app.main import create_app
from app.oauth.api import METADATA
from app.organisations.models import AccessToken
from app.organisations.rules import PERSONS_ONLY
from app.ports import Ports
from tests import make
from tests.fakes import SetClock
from tests.oauth.house import (
    ED,
    ENDPOINT,
    INVALID_CLIENT,
    INVALID_REQUEST,
    ISSUER,
    SCOPES,
    House,
    basic,
    refused,
)
from tests.postgres import as_owner


def test_a_client_gets_a_token_for_an_hour_and_for_what_it_may(house: House, clock: SetClock) -> None:
    _, secret = house.secret()

    answer = house.by_secret(secret)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    token = given.pop("access_token")
    assert given == {"token_type": "Bearer", "expires_in": 3600, "scope": "dossiers:read members:read"}
    me = house.me(token).json()
    assert (me["id"], me["organisation"], me["person"]) == (house.client, house.id, False)
    assert me["permissions"] == SCOPES
    clock.move(timedelta(minutes=59, seconds=59))
    assert house.me(token).status_code == 200
    clock.move(timedelta(seconds=1))
    assert house.me(token).json()["code"] == "key-not-accepted"
    assert house.me(token).headers["www-authenticate"] == "Bearer"


def test_a_secret_goes_into_the_form_or_into_the_header_and_not_into_both(house: House) -> None:
    _, secret = house.secret()
    header = basic(house.client, secret)

    assert house.ask(headers=header).status_code == 200
    assert house.ask(headers=header, client_id=house.client).status_code == 200
    assert refused(house.ask(headers=header, client_id=f"cli_{'0' * 26}")) == INVALID_REQUEST
    assert refused(house.ask(headers=header, client_secret=secret)) == INVALID_REQUEST
    assert refused(house.ask(headers=header, client_assertion="x")) == INVALID_REQUEST


def test_a_token_is_narrowed_by_what_is_asked_for_and_never_wider_than_its_client(house: House) -> None:
    _, secret = house.secret()

    narrow = house.token(secret, scope="members:read")
    assert house.me(narrow).json()["permissions"] == ["members:read"]
    for beyond in (
        "dossiers:write",
        "members:read dossiers:write",
        "keys:write",
        "x",
        "members:read  ",
        "\x00",
    ):
        assert refused(house.by_secret(secret, scope=beyond)) == (400, "invalid_scope"), beyond
    barred = make.caller(house.app, narrow).get("/v1/dossiers")
    assert (barred.status_code, barred.json()["code"]) == (403, "permission-missing")


def test_what_is_no_proof_opens_nothing(house: House) -> None:
    secret_id, secret = house.secret()
    stranger = f"cli_{'0' * 26}"

    for name, given in (
        (house.client, secret[:-1]),
        (house.client, secret + "x"),
        (house.client, ""),
        (house.client, secret_id),
        (house.client, secret.partition(".")[2]),
        (stranger, secret),
        ("", secret),
        ("cli_\x00", secret),
        ("é" * 5000, "é"),
        (house.administrator.get("/v1/me").json()["id"], secret),
    ):
        assert refused(house.ask(headers=basic(name, given))) == INVALID_CLIENT, name
        assert refused(house.ask(client_id=name, client_secret=given)) == INVALID_CLIENT, name
    for header in ("Basic", "Basic !!", "Basic eA==", "Bearer x", "Basic " + "A" * 2000, "Basic w6k6eA=="):
        assert refused(house.ask(headers={"Authorization": header})) == INVALID_CLIENT, header
    assert refused(house.ask()) == INVALID_CLIENT


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type",
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"grant_type=%ff",
        b"grant_type=\xff",
        b"&".join(b"a%d=1" % number for number in range(30)),
        b"a=" + b"x" * 40_000,
    ],
    ids=["no value", "twice", "no UTF-8", "no ASCII", "many", "long"],
)
def test_a_form_that_cannot_be_read_is_refused(house: House, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    assert (
        refused(make.caller(house.app).post("/oauth/token", content=body, headers=headers)) == INVALID_REQUEST
    )


def test_only_forms_are_read_and_only_client_credentials_granted(house: House) -> None:
    _, secret = house.secret()

    assert refused(make.caller(house.app).post("/oauth/token", json={"grant_type": "x"})) == INVALID_REQUEST
    missing = house.by_secret(secret, grant_type="")
    other = house.by_secret(secret, grant_type="password")
    assert refused(missing) == INVALID_REQUEST
    assert refused(other) == (400, "unsupported_grant_type")


def test_two_secrets_overlap_and_revoking_one_ends_its_tokens_alone(house: House) -> None:
    first_id, first = house.secret()
    _, second = house.secret()
    third = house.administrator.post(f"{house.path}/secrets", json={})
    old, new = house.token(first), house.token(second)

    ended = house.administrator.post(f"{house.path}/secrets/{first_id}/revocation")

    assert (third.status_code, third.json()["code"]) == (409, "too-many-proofs")
    assert ended.json() == {"id": first_id, "revoked_at": "2026-11-20T09:00:00Z"}
    assert house.me(old).status_code == 401
    assert house.me(new).status_code == 200
    assert refused(house.by_secret(first)) == INVALID_CLIENT
    again = house.administrator.post(f"{house.path}/secrets/{first_id}/revocation")
    assert again.json() == ended.json()
    house.secret()


def test_a_secret_ends_when_it_says_and_its_tokens_with_it(house: House, clock: SetClock) -> None:
    ends = clock.now() + timedelta(minutes=10)
    _, secret = house.secret(expires_at=ends.isoformat())

    given = house.by_secret(secret).json()

    assert given["expires_in"] == 600
    clock.move(timedelta(minutes=10))
    assert house.me(given["access_token"]).status_code == 401
    assert refused(house.by_secret(secret)) == INVALID_CLIENT
    for wrong in (clock.now(), clock.now() + timedelta(days=731)):
        answer = house.administrator.post(f"{house.path}/secrets", json={"expires_at": wrong.isoformat()})
        assert (answer.status_code, answer.json()["code"]) == (422, "period-inverted")


def test_what_a_client_loses_its_tokens_and_keys_lose_at_once_and_for_good(house: House) -> None:
    _, secret = house.secret()
    token = house.token(secret)
    key = house.administrator.post("/v1/api-keys", json={"client": house.client, "scopes": SCOPES}).json()

    changed = house.administrator.patch(house.path, json={"scopes": ["members:read"]})

    assert changed.json()["scopes"] == ["members:read"]
    assert house.me(token).json()["permissions"] == ["members:read"]
    assert house.me(key["token"]).json()["permissions"] == ["members:read"]
    assert refused(house.by_secret(secret, scope="dossiers:read")) == (400, "invalid_scope")
    house.administrator.patch(house.path, json={"scopes": SCOPES})
    assert house.me(key["token"]).json()["permissions"] == ["members:read"]


def test_a_removed_client_is_nobody_from_then_on(house: House) -> None:
    _, secret = house.secret()
    token = house.token(secret)
    key = house.administrator.post("/v1/api-keys", json={"client": house.client, "scopes": SCOPES}).json()

    assert house.administrator.delete(house.path).status_code == 204

    assert house.me(token).status_code == 401
    assert house.me(key["token"]).status_code == 401
    assert refused(house.by_secret(secret)) == INVALID_CLIENT
    for answer in (
        house.administrator.get(house.path),
        house.administrator.delete(house.path),
        house.administrator.patch(house.path, json={"name": "X"}),
        house.administrator.post(f"{house.path}/secrets", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "client-not-found")
    assert house.client not in house.administrator.get(house.clients).text


def test_a_client_ends_its_own_token_and_no_other(house: House) -> None:
    _, secret = house.secret()
    mine, spare = house.token(secret), house.token(secret)
    rival = House(house.ports)
    _, theirs = rival.secret()
    house.client, kept = house.new_client(["members:read"]), house.client
    house.path = f"{house.clients}/{house.client}"
    _, neighbours = house.secret()

    assert refused(house.by_secret(neighbours, "/oauth/revoke", token=mine)) == (400, "unauthorized_client")
    assert rival.by_secret(theirs, "/oauth/revoke", token=mine).status_code == 200  # not known there at all
    assert house.me(mine).status_code == 200
    house.client = kept
    for unknown in ("x", mine + "x", mine.partition(".")[0], f"tok_{'0' * 26}.x", secret):
        assert house.by_secret(secret, "/oauth/revoke", token=unknown).status_code == 200
    assert house.me(mine).status_code == 200
    assert house.by_secret(secret, "/oauth/revoke", token=mine, token_type_hint="x").status_code == 200
    assert house.me(mine).status_code == 401
    assert house.me(spare).status_code == 200
    assert refused(house.by_secret(secret, "/oauth/revoke")) == INVALID_REQUEST
    assert refused(house.ask("/oauth/revoke", token=spare)) == INVALID_CLIENT


def test_a_token_that_ended_is_dead_in_every_process_at_once(house: House, database_url: str) -> None:
    elsewhere = replace(house.ports, database=connect(database_url))
    other = create_app(elsewhere)
    _, secret = house.secret()
    token = house.token(secret)
    there = make.caller(other, token)

    assert there.get("/v1/me").status_code == 200
    house.by_secret(secret, "/oauth/revoke", token=token)
    assert there.get("/v1/me").status_code == 401
    elsewhere.database.close()


def test_tokens_that_are_over_are_swept_when_the_client_comes_again(
    house: House, ports: Ports, clock: SetClock
) -> None:
    _, secret = house.secret()
    for _ in range(3):
        house.token(secret)
    clock.move(timedelta(hours=1))
    house.token(secret)

    with ports.database.reading(house.id) as session:
        assert session.scalar(select(func.count(AccessToken.id))) == 1


def test_no_client_is_given_what_only_persons_do_and_is_told_what_that_is(house: House) -> None:
    barred = sorted(p.value for p in PERSONS_ONLY)

    for scope in barred:
        answer = house.administrator.post(
            house.clients, json={"name": "P", "scopes": ["members:read", scope]}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "scope-not-grantable")
        assert answer.json()["persons_only"] == barred
        changed = house.administrator.patch(house.path, json={"scopes": [scope]})
        assert (changed.status_code, changed.json()["code"]) == (422, "scope-not-grantable")


def test_a_client_without_scopes_of_its_own_proves_itself_to_nobody(house: House) -> None:
    client = house.new_client(None)

    for path, asked in (("secrets", {}), ("jwks", {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43})):
        answer = house.administrator.post(f"{house.clients}/{client}/{path}", json=asked)
        assert answer.status_code == 422, path


def test_clients_are_shown_with_what_they_prove_themselves_with(house: House) -> None:
    secret_id, secret = house.secret()
    house.token(secret)

    shown = house.administrator.get(house.path).json()
    listed = house.administrator.get(f"{house.clients}?limit=1").json()

    assert shown["secrets"] == [
        {
            "id": secret_id,
            "created_at": "2026-11-20T09:00:00Z",
            "expires_at": "2027-11-20T09:00:00Z",
            "last_used_on": "2026-11-20",
        }
    ]
    assert shown["name"] == "Portale"
    assert secret.startswith(f"{secret_id}.")
    assert secret.partition(".")[2] not in house.administrator.get(house.path).text
    assert len(listed["data"]) == 1
    assert listed["next_cursor"]


def test_a_narrowed_administrator_makes_no_client_that_is_wider(house: House) -> None:
    me = house.administrator.get("/v1/me").json()["id"]
    asked = {"person": me, "scopes": ["keys:write", "members:read"]}
    narrowed = make.caller(house.app, house.administrator.post("/v1/api-keys", json=asked).json()["token"])

    for answer in (
        narrowed.post(house.clients, json={"name": "P", "scopes": SCOPES}),
        narrowed.patch(house.path, json={"scopes": SCOPES}),
        narrowed.post(f"{house.path}/secrets", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "scope-not-grantable")
    assert narrowed.post(house.clients, json={"name": "P", "scopes": ["members:read"]}).status_code == 201


def test_another_organisations_clients_do_not_exist(house: House) -> None:
    rival = House(house.ports)
    secret_id, _ = house.secret()
    jwk = house.register(ED)["id"]
    calls = rival.administrator
    theirs = f"{rival.clients}/{house.client}"

    for path, code in ((house.path, "organisation-not-found"), (theirs, "client-not-found")):
        for answer in (
            calls.get(path),
            calls.patch(path, json={"name": "X"}),
            calls.delete(path),
            calls.post(f"{path}/secrets", json={}),
            calls.post(f"{path}/secrets/{secret_id}/revocation"),
            calls.delete(f"{path}/jwks/{jwk}"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, code)
    for answer, code in (
        (calls.post(f"{rival.path}/secrets/{secret_id}/revocation"), "secret-not-found"),
        (calls.delete(f"{rival.path}/jwks/{jwk}"), "jwk-not-found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, code)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_no_secret_is_kept_in_clear_or_logged(
    house: House, ports: Ports, everything_logged: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    house.app = create_app(ports, request_lines=lines.append)
    _, secret = house.secret()
    token = house.token(secret)
    house.me(token)
    house.by_secret(secret + "x")
    house.by_secret(secret, "/oauth/revoke", token=token)
    house.token(secret)

    written = "".join(lines) + everything_logged.text
    with as_owner(ports.database) as owner, owner.engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        kept = "".join(
            str(connection.execute(text(f'SELECT * FROM "{name}"')).all())  # noqa: S608 - names of our own
            for name in tables
        )
    for hidden in (secret.partition(".")[2], token.partition(".")[2]):
        assert hidden not in kept
        assert hidden not in written


def test_wrong_guesses_make_a_stranger_wait(ports: Ports) -> None:
    house = House(ports)
    _, secret = house.secret()
    slow = replace(ports, settings=ports.settings.model_copy(update={"lookups_per_minute": 100}))
    house.app = create_app(slow)

    assert refused(house.by_secret("wrong")) == INVALID_CLIENT
    hurried = house.by_secret(secret)

    assert hurried.status_code == 429
    assert int(hurried.headers["retry-after"]) > 0


def test_the_metadata_says_what_is_taken(house: House) -> None:
    described: dict[str, Any] = make.caller(house.app).get(METADATA).json()

    assert described["issuer"] == ISSUER
    assert described["token_endpoint"] == ENDPOINT
    assert described["revocation_endpoint"] == f"{ISSUER}/oauth/revoke"
    assert described["grant_types_supported"] == ["client_credentials"]
    assert not {*described["scopes_supported"]} & {p.value for p in PERSONS_ONLY}
    assert "private_key_jwt" in described["token_endpoint_auth_methods_supported"]
