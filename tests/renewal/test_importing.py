"""Many activities at once: a holder's own list, and what a training provider vouches for."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.outbox.trail import Event
from app.ports import Ports
from app.renewal.models import CpdActivity
from tests import make
from tests.assessments.racing import at_once
from tests.calling import Caller
from tests.renewal import members
from tests.renewal.members import House, problem
from tests.renewal.renewing import days, enough, filed


def row(house: House, number: int, **changes: Any) -> dict[str, Any]:
    """A row about another course each."""
    fields = members.fields(house, title=f"Corso {number}", hours="1", topics={}, proof=[members.PROOF])
    return {"row": number, "credential": house.credential, **fields, **changes}


def send(calls: Caller, *rows: Any) -> dict[str, Any]:
    answer = calls.post("/v1/cpd-imports", json={"rows": list(rows)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def outcomes(answer: dict[str, Any]) -> list[tuple[int | None, str, str | None]]:
    return [(result["row"], result["outcome"], result["code"]) for result in answer["results"]]


@pytest.fixture
def provider(house: House) -> Caller:
    return house.client("cpd:write", "cpd:read")


def test_each_row_is_judged_for_itself_in_the_order_given(house: House) -> None:
    answer = send(
        house.holder.calls,
        row(house, 7),
        row(house, 3, hours="0"),
        row(house, 5, credential=house.number.lower()),
        row(house, 4, credential=house.other_number),
        row(house, 6, proof=[]),
        row(house, 8, claim=False),
        row(house, 9, title="Corso 7", hours="2"),
        row(house, 10, title="corso  7"),
        {"row": 11},
        "nonsense",
    )
    assert outcomes(answer) == [
        (7, "created", None),
        (3, "refused", "cpd-activity-wrong"),
        (5, "created", None),
        (4, "refused", "credential-not-found"),
        (6, "created", "proof-missing"),
        (8, "created", None),
        (9, "refused", "cpd-activity-entered-already"),
        (10, "unchanged", None),
        (11, "refused", "cpd-activity-wrong"),
        (None, "refused", "cpd-activity-wrong"),
    ]
    assert answer["counts"] == {"created": 4, "unchanged": 1, "refused": 5}
    results = answer["results"]
    assert [result["state"] for result in results[:6:2]] == ["claimed", "claimed", "draft"]
    assert results[5]["state"] == "draft"
    assert results[6]["activity"] == results[7]["activity"] == results[0]["activity"]
    (fault,) = results[1]["faults"]
    assert (fault["field"], fault["code"]) == ("hours", "hours-not-positive")
    assert {fault["code"] for fault in results[8]["faults"]} == {"missing"}
    for result in results:
        if result["code"]:
            assert result["detail"]["it"]
            assert result["detail"]["en"]


def test_a_second_import_of_the_same_rows_changes_nothing(house: House) -> None:
    rows = [row(house, number, proof=[] if number % 2 else [members.PROOF]) for number in range(20)]
    first = send(house.holder.calls, *rows)
    before = snapshot(house)
    second = send(house.holder.calls, *rows)
    assert first["counts"] == {"created": 20, "unchanged": 0, "refused": 0}
    assert second["counts"] == {"created": 0, "unchanged": 20, "refused": 0}
    ids = [[result["activity"] for result in answer["results"]] for answer in (first, second)]
    assert ids[0] == ids[1]
    assert snapshot(house) == before


def snapshot(house: House) -> list[tuple[str, str, int]]:
    with house.ports.database.reading(house.organisation) as session:
        rows = session.scalars(select(CpdActivity).order_by(CpdActivity.id))
        return [(row.id, row.state.value, row.version) for row in rows]


def test_the_same_list_sent_many_times_at_once_is_entered_once(house: House) -> None:
    rows = [row(house, number) for number in range(30)]
    calls = house.holder.calls
    answers = at_once(*[lambda: send(calls, *rows)] * 6)
    assert sum(answer["counts"]["created"] for answer in answers) == 30
    assert sum(answer["counts"]["refused"] for answer in answers) == 0
    assert len(snapshot(house)) == 30


def test_holders_import_for_themselves_alone(house: House) -> None:
    for calls in (house.secretary.calls, house.manager.calls, house.registrar.calls):
        for name in (house.credential, house.number):
            answer = send(calls, row(house, 1, credential=name))
            assert outcomes(answer) == [(1, "refused", "credential-not-found")]


def test_what_a_provider_records_is_accepted_at_once(house: House, provider: Caller) -> None:
    answer = send(
        provider,
        row(house, 1, credential=house.number, proof=[], claim=False),
        row(house, 2, credential=house.other_number, proof=[]),
    )
    assert [result["state"] for result in answer["results"]] == ["accepted", "accepted"]
    mine = house.holder.calls.get("/v1/cpd-activities").json()["data"]
    assert [(one["title"], one["source"], one["state"]) for one in mine] == [
        ("Corso 1", "provider", "accepted")
    ]
    assert mine[0]["claimed_at"]
    ledger = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd").json()
    assert ledger["counted"] == "1"


def test_a_provider_reads_back_its_own_rows_and_no_others(house: House, provider: Caller) -> None:
    members.claimed(house)
    recorded = send(provider, row(house, 1, credential=house.number))["results"][0]["activity"]
    listed = provider.get("/v1/cpd-activities").json()["data"]
    assert [one["id"] for one in listed] == [recorded]
    assert provider.get(f"/v1/cpd-activities/{recorded}").status_code == 200
    elsewhere = house.client("cpd:read", "cpd:write")
    assert elsewhere.get("/v1/cpd-activities").json()["data"] == []
    assert problem(elsewhere.get(f"/v1/cpd-activities/{recorded}")) == (404, "cpd-activity-not-found")
    again = send(elsewhere, row(house, 1, credential=house.number))["results"][0]
    assert (again["outcome"], again["activity"], again["state"]) == ("unchanged", None, None)
    for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/claim"), ("POST", "/correction")):
        answer = provider.request(method, f"/v1/cpd-activities/{recorded}{path}", json=members.fields(house))
        assert problem(answer) == (404, "cpd-activity-not-found")


def test_unknown_numbers_and_those_of_others_sound_the_same(house: House, ports: Ports) -> None:
    theirs = members.opened(ports, "Un'altra associazione")
    provider = house.client("cpd:write")
    names = [
        theirs.number,
        house.number[:-2] + "00",
        "DLE-26-0000-0000-0000-98",
        house.credential,
        "x",
        "\u0131",
    ]
    results = send(provider, *(row(house, 1, credential=name) for name in names))["results"]
    assert {json.dumps({**result, "row": 0}) for result in results} == {json.dumps({**results[0], "row": 0})}
    assert results[0]["code"] == "credential-not-found"


def test_a_provider_vouches_for_what_the_holder_claimed_and_rewrites_nothing(
    house: House, provider: Caller
) -> None:
    claimed = members.claimed(house, title="Corso 1", hours="1", topics={}, note="Solo per me")
    house.pass_days(3)
    day = claimed["ended_on"]
    vouched = row(house, 1, credential=house.number, started_on=day, ended_on=day)
    (result,) = send(provider, vouched)["results"]
    assert (result["outcome"], result["activity"], result["state"]) == ("created", None, None)
    now = house.holder.calls.get(f"/v1/cpd-activities/{claimed['id']}").json()
    assert now == {**claimed, "state": "accepted"}
    assert outcomes(send(provider, vouched)) == [(1, "unchanged", None)]
    assert len(snapshot(house)) == 1
    with house.ports.database.reading(house.organisation) as session:
        assert session.get_one(CpdActivity, claimed["id"]).reviewed_by is None
        topics = [event.topic for event in session.scalars(select(Event)) if event.topic.startswith("cpd.")]
    assert topics == ["cpd.activity-added", "cpd.activity-vouched"]


def test_a_provider_vouches_for_a_draft_too(house: House, provider: Caller) -> None:
    draft = members.draft(house, title="Corso 1", hours="1", topics={})
    assert outcomes(send(provider, row(house, 1, credential=house.number))) == [(1, "created", None)]
    now = house.holder.calls.get(f"/v1/cpd-activities/{draft['id']}").json()
    assert (now["state"], now["source"]) == ("accepted", "member")


@pytest.mark.parametrize(
    "what", ["other figures", "query", "rejection", "correction", "another title", "acceptance first"]
)
def test_a_provider_is_refused_in_the_same_words_whatever_the_reason(
    house: House, provider: Caller, what: str
) -> None:
    same = what != "other figures"
    claimed = members.claimed(house, title="Corso 1", hours="1" if same else "9", topics={})["id"]
    path = f"/v1/cpd-activities/{claimed}"
    fields = members.fields(house, title="Corso 1", hours="1", topics={})
    if what == "acceptance first":
        send(provider, row(house, 1, credential=house.number))
    if what in {"query", "acceptance first"}:
        house.secretary.calls.post(f"{path}/query", json={"question": "Chi?"})
    elif what == "rejection":
        house.secretary.calls.post(f"{path}/rejection", json={"reasons": "No."})
    elif what == "correction":
        house.holder.calls.post(f"{path}/correction", json={**fields, "hours": "2"})
    elif what == "another title":
        house.holder.calls.post(f"{path}/correction", json={**fields, "title": "Corso 1 bis"})
    before = snapshot(house)
    (result,) = send(provider, row(house, 1, credential=house.number))["results"]
    refusal = send(house.holder.calls, row(house, 2), row(house, 2, hours="3"))["results"][1]
    assert result == {**refusal, "row": 1, "activity": None, "state": None}
    assert refusal["code"] == "cpd-activity-entered-already"
    assert [each for each in snapshot(house) if each in before] == before


def test_a_provider_does_not_settle_what_the_office_looks_at(house: House, provider: Caller) -> None:
    claimed = members.claimed(house, title="Corso 1", hours="1", topics={})["id"]
    house.secretary.calls.post(f"/v1/cpd-activities/{claimed}/query", json={"question": "Chi?"})
    house.holder.calls.post(f"/v1/cpd-activities/{claimed}/claim")
    assert outcomes(send(provider, row(house, 1, credential=house.number))) == [(1, "unchanged", None)]
    assert house.holder.calls.get(f"/v1/cpd-activities/{claimed}").json()["state"] == "claimed"


@pytest.mark.parametrize("what", ["query", "rejection", "renewal", "correction"])
def test_a_program_is_told_of_its_rows_and_not_of_what_became_of_them(house: House, what: str) -> None:
    token = members.client_token(house, "cpd:write", "cpd:read")
    if what == "renewal":
        enough(house)
        house.go_to(days(house).opens + timedelta(days=5))
        filed(house)
        token = members.client_token(house, "cpd:write", "cpd:read")
    provider = make.caller(house.app, token)
    sent = row(house, 1, credential=house.number, note="In aula")
    (result,) = send(provider, sent)["results"]
    assert (result["outcome"], result["state"], result["code"]) == ("created", "accepted", None)
    path = f"/v1/cpd-activities/{result['activity']}"
    before = provider.get(path).json()
    if what == "correction":
        house.holder.calls.post(f"{path}/correction", json=members.fields(house, title="Corso 1", hours="3"))
    elif what != "renewal":
        asked = {"query": {"question": "Chi?"}, "rejection": {"reasons": "No."}}[what]
        house.secretary.calls.post(f"{path}/{what}", json=asked)
    if what == "query":
        assert members.attach(house.holder, result["activity"]).status_code == 201
    seen = house.holder.calls.get(path).json()
    assert seen["state"] == {"renewal": "draft", "query": "queried"}.get(
        what, {"rejection": "rejected"}.get(what, "corrected")
    )
    after = provider.get(path).json()
    assert after == before
    hidden = ("note", "corrects", "question", "reasons", "claimed_at", "renewal")
    assert {after[name] for name in hidden} == {None}
    assert (after["state"], after["missing"], len(after["proofs"])) == ("accepted", [], 1)
    listed = provider.get("/v1/cpd-activities", params={"state": "accepted"}).json()["data"]
    assert listed == [after]
    assert provider.get("/v1/cpd-activities", params={"state": seen["state"]}).json()["data"] == []


def test_a_cycle_holds_so_many_activities_and_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.renewal.holding.MOST_ACTIVITIES", 3)
    first = send(house.holder.calls, *(row(house, number) for number in range(4)))
    assert [result["code"] for result in first["results"]] == [None, None, None, "cpd-activity-too-many"]
    assert problem(members.add(house)) == (422, "cpd-activity-too-many")
    again = send(house.holder.calls, *(row(house, number) for number in range(3)))
    assert again["counts"]["unchanged"] == 3
    known = first["results"][0]["activity"]
    asked = members.fields(house, title="Corso 0", hours="2")
    corrected = house.holder.calls.post(f"/v1/cpd-activities/{known}/correction", json=asked)
    assert problem(corrected) == (422, "cpd-activity-too-many")


def test_a_provider_that_says_otherwise_the_second_time_is_told(house: House, provider: Caller) -> None:
    send(provider, row(house, 1, credential=house.number))
    (result,) = send(provider, row(house, 1, credential=house.number, hours="2"))["results"]
    assert (result["outcome"], result["code"]) == ("refused", "cpd-activity-entered-already")
    assert result["state"] == "accepted"


def test_a_holder_who_enters_what_a_provider_recorded_finds_it(house: House, provider: Caller) -> None:
    (result,) = send(provider, row(house, 1, credential=house.number))["results"]
    (mine,) = send(house.holder.calls, row(house, 1))["results"]
    assert (mine["outcome"], mine["activity"], mine["state"]) == ("unchanged", result["activity"], "accepted")


HOSTILE: list[Any] = [
    None,
    7,
    [],
    "\ud800",
    {"row": "1"},
    {"row": -1},
    {"row": 10**300},
    {"row": True},
    {"row": {"a": 1}},
    {"row": 1, "\ud800": 1},
    {"row": 1, "a\x00": {"b": [1]}},
    {"title": "\ud800"},
    {"credential": "\ud800"},
    {"credential": "x" * 65},
    {"credential": 5},
    {"credential": ""},
    {"hours": "1e400"},
    {"hours": 1e308},
    {"topics": {"\ud800": 1}},
    {"topics": {"a/b": "x"}},
    {"competences": {"T1": 1}},
    {"note": "\x07"},
    {"proof": "url"},
    {"proof": [[[[[[]]]]]]},
    {"started_on": "2026-13-01"},
    {"ended_on": None},
    {"claim": 1},
    {"state": "accepted"},
]


def test_one_bad_row_spoils_no_other(house: House) -> None:
    rows = [
        {**row(house, number), **hostile} if isinstance(hostile, dict) else hostile
        for number, hostile in enumerate(HOSTILE)
    ]
    answer = house.holder.calls.post(
        "/v1/cpd-imports",
        content=json.dumps({"rows": [row(house, 900), *rows, row(house, 901)]}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    first, *bad, last = answer.json()["results"]
    assert (first["outcome"], last["outcome"]) == ("created", "created")
    for hostile, result in zip(HOSTILE, bad, strict=True):
        told = (ascii(hostile), result)
        assert result["outcome"] == "refused", told
        assert result["code"] == "cpd-activity-wrong", told
        assert result["faults"], told
        assert "\x07" not in json.dumps(result, ensure_ascii=False), told


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rows": []},
        {"rows": [{}] * 501},
        {"rows": {}},
        {"rows": None},
        {"rows": [{}], "more": 1},
        [],
    ],
    ids=["none", "empty", "many", "object", "null", "more", "list"],
)
def test_a_list_that_is_none_is_refused_whole(house: House, body: Any) -> None:
    assert problem(house.holder.calls.post("/v1/cpd-imports", json=body)) == (422, "malformed")


def test_two_megabytes_are_taken_in_and_no_more(house: House) -> None:
    calls = house.holder.calls
    rows = [row(house, number, note="x" * 3500) for number in range(500)]
    assert len(json.dumps(rows)) > 1_900_000
    assert send(calls, *rows)["counts"]["created"] == 500
    rows = [row(house, number, note="x" * 4500) for number in range(500)]
    answer = calls.post("/v1/cpd-imports", json={"rows": rows})
    assert problem(answer) == (413, "too-large")


def test_a_thousand_rows_are_entered_once(house: House) -> None:
    provider = house.client("cpd:write")
    people = [house.number, house.other_number]
    for expected in ("created", "unchanged"):
        for chunk in range(2):
            numbers = range(chunk * 500, (chunk + 1) * 500)
            rows = (row(house, number, credential=people[number % 2], proof=[]) for number in numbers)
            assert send(provider, *rows)["counts"][expected] == 500
    with house.ports.database.reading(house.organisation) as session:
        assert session.scalar(select(func.count()).select_from(CpdActivity)) == 1000
