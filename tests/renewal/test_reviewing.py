"""The body's part: questions, acceptances, refusals and exemptions, never in a matter of one's own."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from app.organisations.rules import Role
from app.outbox.trail import Event
from app.renewal.errors import CpdActivityNotMovable
from app.renewal.holding import move
from app.renewal.models import CpdActivity, Renewal
from app.renewal.states import ACTIVITY_MOVES, ActivityState, RenewalState
from tests.renewal import members
from tests.renewal.members import House, Someone, problem
from tests.renewal.renewing import days, enough, filed

ASKED: dict[str, dict[str, str]] = {
    "query": {"question": "Chi ha tenuto il corso?"},
    "acceptance": {},
    "rejection": {"reasons": "Non riguarda il profilo."},
}


def review(who: Someone, activity: str, what: str, **asked: str) -> Any:
    return who.calls.post(f"/v1/cpd-activities/{activity}/{what}", json=asked or ASKED[what])


@pytest.mark.parametrize(("origin", "target"), list(product(ActivityState, repeat=2)))
def test_an_activity_moves_only_along_the_table(origin: ActivityState, target: ActivityState) -> None:
    activity = CpdActivity(state=origin)
    if target in ACTIVITY_MOVES[origin]:
        move(activity, target)
        assert activity.state is target
    else:
        with pytest.raises(CpdActivityNotMovable):
            move(activity, target)


@pytest.mark.parametrize(
    ("what", "state"), [("query", "queried"), ("acceptance", "accepted"), ("rejection", "rejected")]
)
def test_the_office_reviews_a_claimed_activity(house: House, what: str, state: str) -> None:
    for number, who in enumerate((house.secretary, house.manager)):
        found = members.claimed(house, title=f"Corso {number}")["id"]
        answer = review(who, found, what)
        assert (answer.status_code, answer.json()["state"]) == (200, state)
        assert answer.json()["question"] == ASKED[what].get("question")
        assert answer.json()["reasons"] == ASKED[what].get("reasons")


@pytest.mark.parametrize("what", ASKED)
def test_nobody_reviews_their_own(house: House, what: str) -> None:
    busy = house.person(Role.SECRETARIAT)
    credential = house.issued_to(busy)
    found = members.claimed(house, who=busy, credential=credential.id)["id"]
    assert problem(review(busy, found, what)) == (403, "own-cpd-activity")


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("who", ["holder", "other", "registrar", "auditor", "assessor", "administrator"])
def test_only_the_secretariat_and_scheme_managers_review(house: House, who: str, what: str) -> None:
    found = members.claimed(house)["id"]
    assert problem(review(getattr(house, who), found, what)) == (403, "permission-missing")


def test_no_program_is_given_the_right_to_review(house: House) -> None:
    client = members.client_token(house, "cpd:write")
    assert client
    asked = {"client": "cli_" + "0" * 26, "scopes": ["cpd:review"]}
    assert house.administrator.calls.post("/v1/api-keys", json=asked).status_code in {404, 422}


def test_a_question_is_answered_by_rewriting_and_claiming_again(house: House) -> None:
    found = members.claimed(house)["id"]
    review(house.secretary, found, "query")
    assert problem(review(house.secretary, found, "acceptance")) == (409, "cpd-activity-not-movable")
    body = {**members.fields(house, hours="7"), "claim": False}
    rewritten = house.holder.calls.put(f"/v1/cpd-activities/{found}", json=body)
    assert (rewritten.status_code, rewritten.json()["state"]) == (200, "queried")
    claimed = house.holder.calls.post(f"/v1/cpd-activities/{found}/claim")
    assert (claimed.json()["state"], claimed.json()["question"]) == ("claimed", ASKED["query"]["question"])
    assert review(house.secretary, found, "acceptance").json()["state"] == "accepted"


def test_what_was_rejected_stays_so_as_it_is(house: House) -> None:
    found = members.claimed(house)["id"]
    review(house.secretary, found, "rejection")
    for what in ASKED:
        assert problem(review(house.manager, found, what)) == (409, "cpd-activity-not-movable")
    claim = house.holder.calls.post(f"/v1/cpd-activities/{found}/claim")
    assert problem(claim) == (409, "cpd-activity-not-movable")
    again = members.add(house)
    assert (again.status_code, again.json()["state"]) == (200, "rejected")


@pytest.fixture
def recorded(house: House) -> str:
    """What a provider recorded, accepted with nobody looking."""
    rows = [{"row": 1, **members.fields(house), "credential": house.number}]
    answer = house.client("cpd:write").post("/v1/cpd-imports", json={"rows": rows}).json()["results"][0]
    assert answer["state"] == "accepted"
    return str(answer["activity"])


def reviewer(house: House, activity: str) -> str | None:
    with house.ports.database.reading(house.organisation) as session:
        return session.get_one(CpdActivity, activity).reviewed_by


@pytest.mark.parametrize("what", ["query", "rejection"])
def test_the_office_questions_or_turns_down_what_was_accepted(house: House, recorded: str, what: str) -> None:
    assert review(house.secretary, recorded, what).json()["state"] in {"queried", "rejected"}


def test_somebody_looks_at_what_was_accepted_unseen(house: House, recorded: str) -> None:
    assert reviewer(house, recorded) is None
    assert review(house.secretary, recorded, "acceptance").status_code == 200
    assert reviewer(house, recorded) == house.secretary.id
    # Whoever looked first stays named: they do not decide the renewal.
    assert review(house.manager, recorded, "acceptance").status_code == 200
    assert reviewer(house, recorded) == house.secretary.id


def test_what_the_office_asked_about_is_the_offices_to_accept(house: House, recorded: str) -> None:
    review(house.secretary, recorded, "query")
    less = {**members.fields(house, hours="7"), "note": "C'ero."}
    shortened = house.holder.calls.put(f"/v1/cpd-activities/{recorded}", json=less)
    assert (problem(shortened), shortened.json()["fields"]) == (
        (409, "cpd-activity-closed-to-changes"),
        ["hours"],
    )
    told = {**members.fields(house), "note": "C'ero."}
    answered = house.holder.calls.put(f"/v1/cpd-activities/{recorded}", json=told).json()
    assert (answered["state"], answered["note"]) == ("claimed", "C'ero.")
    assert review(house.manager, recorded, "acceptance").json()["state"] == "accepted"


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Tutt'altro"},
        {"provider": "Altra scuola"},
        {"category": "practice"},
        {"hours": "8.25"},
        {"topics": {"responsible_ai": "3"}},
        {"topics": {"sustainability": "1"}},
        {"competences": ["T1"]},
    ],
    ids=str,
)
def test_a_question_is_answered_and_nothing_is_added(house: House, changed: dict[str, Any]) -> None:
    found = members.claimed(house)["id"]
    review(house.secretary, found, "query")
    asked = {**members.fields(house), **changed}
    answer = house.holder.calls.put(f"/v1/cpd-activities/{found}", json=asked)
    assert problem(answer) == (409, "cpd-activity-closed-to-changes")
    assert answer.json()["fields"] == [*changed]


def test_an_answer_moves_no_day(house: House) -> None:
    house.pass_days(5)
    found = members.claimed(house)["id"]
    review(house.secretary, found, "query")
    asked = members.fields(house, started_on=(house.today - timedelta(days=2)).isoformat())
    answer = house.holder.calls.put(f"/v1/cpd-activities/{found}", json=asked)
    assert answer.json()["fields"] == ["started_on"]


def test_what_is_asked_before_a_filing_adds_nothing_to_it_and_what_is_asked_after_is_answered(
    house: House,
) -> None:
    enough(house)
    house.go_to(days(house).opens + timedelta(days=5))
    before, after = (members.claimed(house, title=f"Corso {n}")["id"] for n in range(2))
    review(house.secretary, before, "query")
    house.pass_days(1)
    filed(house)
    review(house.secretary, after, "query")
    late = house.holder.calls.post(f"/v1/cpd-activities/{before}/claim")
    assert problem(late) == (422, "cpd-activity-incomplete")
    assert [each["code"] for each in late.json()["missing"]] == ["renewal-pending"]
    proved = members.attach(house.holder, before)
    assert problem(proved) == (409, "cpd-activity-closed-to-changes")
    assert house.holder.calls.post(f"/v1/cpd-activities/{after}/claim").json()["state"] == "claimed"


def test_nothing_is_added_once_a_cure_is_over(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens + timedelta(days=5))
    renewal = filed(house)["id"]
    with house.ports.database.writing(house.organisation) as session:
        cured = session.get_one(Renewal, renewal)
        cured.state, cured.cure_by = RenewalState.CURE, house.today + timedelta(days=30)
    house.pass_days(30)
    assert members.add(house).json()["state"] == "claimed"
    house.pass_days(1)
    late = members.add(house).json()
    assert (late["state"], [each["code"] for each in late["missing"]]) == ("draft", ["renewal-pending"])


def test_nobody_is_exempted_while_a_renewal_waits_for_its_decision(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens + timedelta(days=5))
    filed(house)
    assert problem(exempt(house)) == (422, "exemption-not-allowed")


def test_a_draft_is_not_reviewed(house: House) -> None:
    found = members.draft(house)["id"]
    for what in ASKED:
        assert problem(review(house.secretary, found, what)) == (409, "cpd-activity-not-movable")


@pytest.mark.parametrize(
    ("what", "asked"),
    [("query", {"question": ""}), ("query", {"question": "a\x00"}), ("rejection", {"reasons": "x" * 8001})],
)
def test_words_that_are_none_are_refused(house: House, what: str, asked: dict[str, str]) -> None:
    found = members.claimed(house)["id"]
    assert problem(review(house.secretary, found, what, **asked)) == (422, "malformed")


def exempt(house: House, who: Someone | None = None, **changes: Any) -> Any:
    asked = {"credential": house.credential, "reason": "parental", "reduction_pct": 40, **changes}
    return (who or house.manager).calls.post("/v1/cpd-exemptions", json=asked)


def test_a_scheme_manager_asks_less_of_a_holder(house: House) -> None:
    answer = exempt(house)
    assert answer.status_code == 201, answer.text
    assert {**answer.json(), "id": "", "decided_at": ""} == {
        "id": "",
        "credential": house.credential,
        "cycle": 1,
        "reason": "parental",
        "reduction_pct": 40,
        "decided_at": "",
    }
    ledger = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd").json()
    assert (ledger["required"], ledger["years"][0]["min"]) == ("54", "12")


def test_several_exemptions_come_to_no_more_than_the_scheme_allows(house: House) -> None:
    assert exempt(house).status_code == 201
    assert exempt(house, reason="illness", reduction_pct=30).status_code == 201
    ledger = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd").json()
    assert ledger["required"] == "45"


def test_the_same_exemption_is_granted_once(house: House) -> None:
    exempt(house)
    assert problem(exempt(house, reduction_pct=10)) == (409, "exemption-given-already")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reason": "holiday"}, (422, "exemption-not-allowed")),
        ({"reduction_pct": 51}, (422, "exemption-not-allowed")),
        ({"reduction_pct": 0}, (422, "malformed")),
        ({"reduction_pct": 1.5}, (422, "malformed")),
        ({"reduction_pct": 10**30}, (422, "malformed")),
        ({"cycle": 2}, (404, "cpd-cycle-not-found")),
        ({"cycle": -1}, (422, "malformed")),
        ({"credential": "crd_" + "0" * 26}, (404, "credential-not-found")),
    ],
    ids=str,
)
def test_an_exemption_is_one_that_the_scheme_knows(
    house: House, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(exempt(house, **changes)) == expected


def test_nobody_exempts_themselves(house: House) -> None:
    credential = house.issued_to(house.manager)
    assert problem(exempt(house, credential=credential.id)) == (403, "own-exemption")
    assert exempt(house, house.second_manager, credential=credential.id).status_code == 201


@pytest.mark.parametrize("who", ["holder", "other", "secretary", "registrar", "auditor", "assessor"])
def test_only_scheme_managers_exempt(house: House, who: str) -> None:
    assert problem(exempt(house, getattr(house, who))) == (403, "permission-missing")


def test_why_somebody_was_exempted_stays_out_of_the_trail(house: House) -> None:
    exempt(house, reason="illness")
    found = members.claimed(house)["id"]
    review(house.secretary, found, "query")
    with house.ports.database.reading(house.organisation) as session:
        events = [event for event in session.scalars(select(Event)) if event.topic.startswith("cpd.")]
    told = " ".join(f"{event.topic} {event.facts}" for event in events)
    assert "cpd.exemption-granted" in told
    assert "cpd.activity-queried" in told
    assert "illness" not in told
    assert "corso" not in told
