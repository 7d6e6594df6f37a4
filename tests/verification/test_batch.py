"""Up to a hundred credentials in one request: each gets its own answer, in its place."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.core.errors import JsonValue
from app.main import create_app
from app.ports import Ports
from app.verification import batches
from app.verification.submitted import MAX_TEXT
from tests import make
from tests.calling import Caller
from tests.verification.issued import Issued, revoke
from tests.verification.test_foreign import case, pages

PATH = "/v1/verifications"
HERE = "https://sigillo.example.org"


def test_each_credential_is_answered_for_in_its_place(
    stranger: Caller, live: Ports, credential: Issued
) -> None:
    enveloped = {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": f"data:application/vc+jwt,{credential.token}",
    }
    sent = [
        credential.token,
        credential.badge,
        credential.number,
        f"https://sigillo.example.org/v/{credential.number}",
        enveloped,
        credential.token[:-1] + ("A" if credential.token[-1] != "A" else "B"),
        "nonsense",
        "https://example.org/v/x",
        "",
        {},
        credential.number[:-1],
        "DLE-26-7K3Q-F9XM-2T5H-65",
    ]
    answer = stranger.post(PATH, json={"credentials": sent})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"
    reports = answer.json()["reports"]
    told = [each.get("result") or each["problem"]["code"] for each in reports]
    assert told == [
        "valid",
        "valid",
        "valid",
        "valid",
        "valid",
        "invalid",
        "invalid",
        "not-ours",
        "nothing-to-verify",
        "invalid",
        "mistyped",
        "credential-not-found",
    ]
    revoke(live, credential)
    again = stranger.post(PATH, json={"credentials": [credential.token] * 100}).json()["reports"]
    assert [each["result"] for each in again] == ["invalid"] * 100


@pytest.mark.parametrize(
    "body",
    [
        {"credentials": []},
        {"credentials": ["a.b.c"] * 101},
        {"credentials": "a.b.c"},
        {"credentials": [1]},
        {"credentials": ["a.b.c"], "credential": "a.b.c"},
        {"credentials": None},
    ],
)
def test_what_is_no_batch_is_refused_in_words(stranger: Caller, body: object) -> None:
    answer = stranger.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_hundred_documents_count_as_ten_look_ups(live: Ports, credential: Issued) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 60}))
    caller = make.caller(create_app(slow))
    assert caller.post(PATH, json={"credentials": [credential.token] * 100}).status_code == 200
    refused = caller.post(PATH, json={"credential": credential.token})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) <= 10


def test_a_hundred_numbers_count_as_a_hundred_look_ups(live: Ports, credential: Issued) -> None:
    slow = replace(live, settings=live.settings.model_copy(update={"lookups_per_minute": 60}))
    caller = make.caller(create_app(slow))
    assert caller.post(PATH, json={"credentials": [f"{HERE}/v/{credential.number}"] * 100}).status_code == 200
    refused = caller.post(PATH, json={"credential": credential.token})
    assert int(refused.headers["retry-after"]) > 60


@pytest.mark.parametrize(
    ("documents", "numbers", "mistyped", "counts"),
    [(1, 0, 0, 1), (10, 0, 0, 1), (11, 0, 0, 2), (100, 0, 0, 10), (0, 3, 0, 3), (5, 3, 5, 4), (0, 0, 1, 1)],
)
def test_what_a_batch_counts_for(
    documents: int, numbers: int, mistyped: int, counts: int, credential: Issued
) -> None:
    for number in (credential.number, f"{HERE}/v/{credential.number}"):
        sent = [credential.token] * documents + [number] * numbers + [credential.number[:-1]] * mistyped
        assert batches.cost(sent, (HERE,)) == counts


def test_seals_in_json_count_in_full_and_large_ones_for_more(credential: Issued) -> None:
    seal = '{"payload":"%s"}'
    batches_of: list[tuple[Sequence[str | dict[str, JsonValue]], int]] = [
        ([seal % "x"], 1),
        ([seal % "x"] * 3 + [credential.token] * 10, 4),
        ([{"payload": "x", "signatures": []}] * 2, 2),
        ([seal % ("x" * MAX_TEXT)], 5),
        ([seal % ("x" * MAX_TEXT)] * 2 + [credential.number], 11),
    ]
    for sent, counts in batches_of:
        assert batches.cost(sent, (HERE,)) == counts


def test_foreign_ones_are_followed_to_their_issuers(live: Ports) -> None:
    good, lost = case("did:web, both lists clear"), case("did:web, both lists clear")
    settings = live.settings.model_copy(update={"trusted_issuers": frozenset(good["trusted"])})
    outside = pages(good["pages"])
    caller = make.caller(create_app(replace(live, settings=settings, outbound=outside)))
    answer = caller.post(PATH, json={"credentials": [good["token"], lost["token"]] * 20})
    assert {each["result"] for each in answer.json()["reports"]} == {"valid"}
    assert len(outside.asked) == 3
    assert answer.json()["reports"][0]["issuer"] == {"name": "did:web:welding.example.org"}


def test_a_batch_lets_others_have_their_turn(live: Ports, app: FastAPI, credential: Issued) -> None:
    del live

    async def beside() -> tuple[int, int]:
        turns = 0
        desk = app.state.desk
        batch = asyncio.create_task(batches.reports(desk, [credential.token] * 100))
        while not batch.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, len(await batch)

    turns, answered = asyncio.run(beside())
    assert answered == 100
    assert turns >= 100 / batches.AT_ONCE


def test_only_a_few_batches_are_taken_at_once() -> None:
    async def crowd() -> None:
        async with batches.turn(), batches.turn():
            with pytest.raises(HTTPException) as refused:
                async with batches.turn():
                    pass
            assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "2"})
            async with batches.turn(batches.OF_PRESENTATIONS):  # they wait for nobody's batches
                pass
        async with batches.turn():
            pass

    asyncio.run(crowd())
