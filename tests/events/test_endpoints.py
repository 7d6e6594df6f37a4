"""Endpoints: who may have them, where they may lead, and what nobody learns of them."""

from typing import Any

import pytest
from sqlalchemy import text

from app.core.db import Database
from app.main import create_app
from tests import make
from tests.events.conftest import ENDPOINTS, Body, machine_key


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_the_secret_is_shown_once_and_stands_nowhere_in_clear(body: Body, owner: Database) -> None:
    made = body.endpoint()
    assert made["secret"].startswith("whsec_")
    for path in (ENDPOINTS, f"{ENDPOINTS}/{made['id']}"):
        assert "secret" not in body.api.get(path).text.replace("former_secret_until", "")
    with owner.engine.connect() as connection:
        sealed = connection.execute(text("SELECT secret FROM webhook_endpoint")).scalar_one()
    assert body.ports.hooks is not None
    assert body.ports.hooks.vault.open(bytes(sealed), made["id"])


def test_with_a_key_the_secret_is_shown_the_first_time_and_never_again(body: Body) -> None:
    asked, key = {"url": body.receiver.url()}, {"Idempotency-Key": "one"}
    first, again = (body.api.post(ENDPOINTS, json=asked, headers=key) for _ in range(2))
    assert first.json()["secret"].startswith("whsec_")
    assert first.headers["Cache-Control"] == "no-store"
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == {**first.json(), "secret": None}


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example.org/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://localhost/hook",
        "https://receiver.example.org:8443/hook",
        "https://user@receiver.example.org/hook",
        "https://receiver.example.org/hook#part",
        "https://metadata.google.internal/",
        "https://2130706433/hook",
        "ftp://receiver.example.org/",
    ],
)
def test_an_address_that_nothing_is_sent_to_is_not_registered(body: Body, url: str) -> None:
    made = body.endpoint()
    assert problem(body.api.post(ENDPOINTS, json={"url": url})) == (422, "webhook-address-refused")
    changed = body.api.patch(f"{ENDPOINTS}/{made['id']}", json={"url": url})
    assert problem(changed) == (422, "webhook-address-refused")
    assert [each["url"] for each in body.api.get(ENDPOINTS).json()["data"]] == [body.receiver.url()]


def test_an_organisation_has_twenty_endpoints_at_most(body: Body, other: Body) -> None:
    made = [body.endpoint(f"/{number}") for number in range(20)]
    url = body.receiver.url("/more")
    assert problem(body.api.post(ENDPOINTS, json={"url": url})) == (409, "too-many-webhook-endpoints")
    other.endpoint()
    assert body.api.delete(f"{ENDPOINTS}/{made[0]['id']}").status_code == 204
    body.endpoint("/more")


@pytest.mark.parametrize(
    "asked",
    [
        {"types": ["person.added"]},
        {"types": ["ping"]},
        {"types": "credential.issued"},
        {"url": "x"},
        {"url": "https://receiver.example.org/" + "a" * 2048},
        {"description": "x" * 201},
        {"description": "\0"},
        {"secret": "whsec_mine"},
        {"disabled": "yes"},
    ],
)
def test_what_is_malformed_is_refused_with_its_place(body: Body, asked: dict[str, Any]) -> None:
    made = body.endpoint()
    answer = body.api.patch(f"{ENDPOINTS}/{made['id']}", json=asked)
    assert problem(answer) == (422, "malformed")
    assert answer.json()["errors"][0]["pointer"].startswith(f"#/{next(iter(asked))}")


def test_another_organisations_endpoint_is_not_there(body: Body, other: Body) -> None:
    made = body.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    body.api.post(f"{path}/test")
    [delivery] = body.deliveries()
    asked = [
        other.api.get(path),
        other.api.patch(path, json={"disabled": True}),
        other.api.delete(path),
        other.api.post(f"{path}/secret-rotation"),
        other.api.post(f"{path}/test"),
        other.api.get(f"{path}/deliveries"),
        other.api.post(f"{path}/deliveries/{delivery.id}/replay"),
        other.api.post(f"{path}/replay", params={"after": "0"}),
    ]
    assert [problem(answer) for answer in asked] == [(404, "webhook-endpoint-not-found")] * len(asked)
    theirs = other.endpoint()
    beside = other.api.post(f"{ENDPOINTS}/{theirs['id']}/deliveries/{delivery.id}/replay")
    assert problem(beside) == (404, "webhook-delivery-not-found")
    paged = other.api.get(f"{ENDPOINTS}/{theirs['id']}/deliveries", params={"cursor": delivery.id})
    assert problem(paged) == (404, "webhook-delivery-not-found")
    assert not body.row(made["id"]).disabled_at


def test_only_who_may_write_webhooks_changes_them(body: Body) -> None:
    made = body.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    reader = make.caller(create_app(body.ports), machine_key(body, "webhooks:read"))
    assert reader.get(path).status_code == 200
    refused = [
        reader.post(ENDPOINTS, json={"url": body.receiver.url()}),
        reader.patch(path, json={}),
        reader.delete(path),
        *(reader.post(f"{path}/{verb}") for verb in ("secret-rotation", "test")),
    ]
    assert {problem(answer) for answer in refused} == {(403, "permission-missing")}


def test_every_change_of_an_endpoint_is_in_the_trail(body: Body, owner: Database) -> None:
    made = body.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    body.api.patch(path, json={"description": "Ledger"})
    body.api.post(f"{path}/secret-rotation")
    body.api.delete(path)
    with owner.engine.connect() as connection:
        topics = connection.execute(text("SELECT topic FROM event WHERE topic LIKE 'webhook%' ORDER BY id"))
        steps = [topic.removeprefix("webhook-endpoint.") for (topic,) in topics]
    assert steps == ["added", "changed", "secret-rotated", "removed"]
    assert body.api.get(path).status_code == 404
