"""What holders enter of their continuing development, and what becomes of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.credentials.models import Credential
from app.outbox.trail import Event
from app.ports import Ports
from app.renewal.models import CpdActivity
from tests.assessments.racing import at_once
from tests.renewal import members
from tests.renewal.members import House, problem

AT_ONCE = 8


def faults(answer: Any) -> dict[str, str]:
    """The fields that were wrong, each with its code."""
    assert problem(answer) == (422, "cpd-activity-wrong"), answer.text
    found = answer.json()["faults"]
    assert all(fault["detail"]["it"] and fault["detail"]["en"] for fault in found)
    return {fault["field"]: fault["code"] for fault in found}


def correct(house: House, activity: str, **changes: Any) -> Any:
    asked = {**members.fields(house), "proof": [members.PROOF], **changes}
    return house.holder.calls.post(f"/v1/cpd-activities/{activity}/correction", json=asked)


def test_an_activity_is_entered_and_claimed_with_its_proof(house: House) -> None:
    found = members.claimed(house, note="Con esame finale")
    assert found["hours"] == "8"
    assert found["topics"] == {"responsible_ai": "2"}
    assert (found["source"], found["corrects"], found["renewal"]) == ("member", None, None)
    assert found["missing"] == []
    (proof,) = found["proofs"]
    assert (proof["kind"], proof["reference"], proof["sha256"]) == (*members.PROOF.values(), None)
    assert house.holder.calls.get(f"/v1/cpd-activities/{found['id']}").json() == found


def test_a_claim_without_proof_stays_a_draft_and_says_what_does_not_count(house: House) -> None:
    answer = members.add(house, proof=[])
    assert answer.status_code == 201
    assert answer.json()["state"] == "draft"
    (missing,) = answer.json()["missing"]
    assert missing["code"] == "proof-missing"
    assert "invitations" in missing["detail"]["en"]
    assert "inviti" in missing["detail"]["it"]


def test_the_same_activity_entered_again_is_the_one_that_is_there(house: House) -> None:
    first = members.claimed(house)
    again = members.add(house, title="  RETI neurali   in Produzione ", hours=8.0, competences=["C1", "T2"])
    assert again.status_code == 200
    assert again.json() == first


LOOK_ALIKES = [
    "Reti neurali in produzione.",
    "Reti neurali in  produzione",
    "\u00abReti neurali\u00bb in produzione!",
    "Reti neurali\u200b in produzione",
    "Re\u00adti neurali in produzione\u2060",
    "\uff32eti neurali in produzione\ufe0f",
]


@pytest.mark.parametrize("title", LOOK_ALIKES, ids=ascii)
def test_what_reads_the_same_is_the_same_activity(house: House, title: str) -> None:
    first = members.claimed(house)
    again = members.add(house, title=title)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])


@pytest.mark.parametrize("title", LOOK_ALIKES, ids=ascii)
def test_what_was_rejected_does_not_come_back_under_a_title_that_reads_the_same(
    house: House, title: str
) -> None:
    first = members.claimed(house)["id"]
    house.secretary.calls.post(f"/v1/cpd-activities/{first}/rejection", json={"reasons": "No."})
    again = members.add(house, title=title)
    assert (again.status_code, again.json()["state"]) == (200, "rejected")


@pytest.mark.parametrize("field", ["title", "provider"])
def test_a_name_has_letters_or_digits(house: House, field: str) -> None:
    nothing: dict[str, Any] = {field: "\u2026 - !\u3164"}
    assert faults(members.add(house, **nothing)) == {field: "no-words"}


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"hours": "9"}, "hours"),
        ({"category": "practice"}, "category"),
        ({"topics": {"sustainability": 2}}, "topics"),
        ({"competences": ["T1"]}, "competences"),
        ({"note": "altro"}, "note"),
    ],
)
def test_the_same_activity_with_other_figures_is_to_be_corrected(
    house: House, changed: dict[str, Any], name: str
) -> None:
    first = members.claimed(house)
    answer = members.add(house, **changed)
    assert problem(answer) == (409, "cpd-activity-entered-already")
    assert (answer.json()["activity"], answer.json()["differs"]) == (first["id"], [name])
    assert "Correct that one" in answer.json()["detail"]


def test_of_the_same_activity_claimed_many_times_at_once_one_is_there(house: House) -> None:
    asked = {"credential": house.credential, "proof": [members.PROOF], **members.fields(house)}
    callers = [house.holder.calls for _ in range(AT_ONCE)]
    answers = at_once(*(lambda each=each: each.post("/v1/cpd-activities", json=asked) for each in callers))
    assert sorted(answer.status_code for answer in answers) == [200] * (AT_ONCE - 1) + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_of_different_figures_entered_at_once_one_is_there_and_the_others_are_told(house: House) -> None:
    calls = house.holder.calls
    bodies = [
        {"credential": house.credential, "proof": [members.PROOF], **members.fields(house, hours=hours)}
        for hours in range(2, AT_ONCE + 2)
    ]
    answers = at_once(*(lambda body=body: calls.post("/v1/cpd-activities", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)


def test_i33_no_activity_is_in_the_future(house: House) -> None:
    tomorrow = house.today + timedelta(days=1)
    assert faults(members.add(house, ended_on=tomorrow.isoformat())) == {"ended_on": "in-the-future"}


def test_i33_no_activity_ended_before_the_credential_began(house: House) -> None:
    day = (house.today - timedelta(days=1)).isoformat()
    assert faults(members.add(house, started_on=day, ended_on=day)) == {"ended_on": "before-credential"}
    # What only began before is entered; its days within the cycle carry the hours.
    assert members.add(house, started_on=day).status_code == 201


def test_an_activity_is_judged_by_the_day_of_its_organisation(house: House) -> None:
    """At 23:30 UTC it is tomorrow in Rome."""
    tomorrow = house.today + timedelta(days=1)
    house.ports.clock.move(timedelta(hours=14, minutes=30))  # type: ignore[attr-defined] # set by tests
    assert members.add(house, ended_on=tomorrow.isoformat()).status_code == 201


def test_every_fault_is_told_at_once(house: House) -> None:
    answer = members.add(
        house,
        started_on="2026-11-20",
        ended_on="2026-11-19",
        hours="0",
        category="fun",
        topics={"magic": 1, "sustainability": "-1"},
        competences=["Z9"],
        proof=[
            {"kind": "receipt", "reference": "n. 5"},
            {"kind": "url", "reference": "http://example.org"},
            {"kind": "referee", "reference": "Mario"},
        ],
    )
    assert faults(answer) == {
        "ended_on": "before-credential",
        "hours": "hours-not-positive",
        "category": "category-unknown",
        "topics": "topic-unknown",
        "topics/sustainability": "hours-not-positive",
        "competences": "competence-unknown",
        "proof/0/kind": "proof-kind-unknown",
        "proof/1/reference": "not-https",
        "proof/2/reference": "referee-not-reachable",
    }


@pytest.mark.parametrize(
    ("hours", "code"),
    [
        ("0", "hours-not-positive"),
        (-1, "hours-not-positive"),
        (10_000, "hours-too-many"),
        ("1.255", "hours-too-fine"),
        (0.1 + 0.2, "hours-too-fine"),
    ],
)
def test_hours_that_cannot_be_are_refused(house: House, hours: Any, code: str) -> None:
    assert faults(members.add(house, hours=hours, topics={}))["hours"] == code


@pytest.mark.parametrize("hours", ["0.01", 0.1, "9999", 7.3, "8.00"])
def test_hours_need_not_fit_the_granularity(house: House, hours: Any) -> None:
    """The engine rounds down, and says so."""
    assert members.add(house, hours=hours, topics={}).status_code == 201


def test_i32_an_hour_has_one_topic_at_most(house: House) -> None:
    both = {"responsible_ai": "5", "sustainability": "3.25"}
    assert faults(members.add(house, topics=both)) == {"topics": "topics-above-hours"}


def test_an_activity_names_what_it_was_good_for(house: House) -> None:
    assert faults(members.add(house, competences=[])) == {"competences": "required"}


HOSTILE: list[dict[str, Any]] = [
    {"title": "a\x00b"},
    {"title": "\ud800"},
    {"title": ""},
    {"title": "x" * 201},
    {"title": ["x"]},
    {"title": "a\nb"},
    {"title": "a\u2028b"},
    {"title": "\u200b\u2060"},
    {"provider": None},
    {"hours": True},
    {"hours": "NaN"},
    {"hours": "1e9"},
    {"hours": "٣"},
    {"hours": 10**400},
    {"hours": 1e300},
    {"hours": []},
    {"started_on": "0000-00-00"},
    {"started_on": 20261120},
    {"ended_on": "2026-11-20T00:00:00"},
    {"category": "\x1b"},
    {"topics": {"a" * 100: 1}},
    {"topics": {"responsible_ai": "NaN"}},
    {"topics": {"\ud800": 1}},
    {"topics": {f"t{n}": 1 for n in range(60)}},
    {"topics": [1]},
    {"competences": ["T1"] * 101},
    {"competences": [None]},
    {"note": "\udfff"},
    {"proof": [{"kind": "url", "reference": "https://example.org", "file": "/etc/passwd"}]},
    {"proof": [{"kind": "url", "reference": "x" * 501}]},
    {"proof": [members.PROOF] * 21},
    {"claim": "yes"},
    {"state": "accepted"},
    {"renewal": "ren_0"},
    {"\ud800": 1},
    {"credential": "crd_x"},
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: ascii(next(iter(hostile.items())))[:40])
def test_hostile_input_is_told_off_and_never_breaks_anything(house: House, hostile: dict[str, Any]) -> None:
    asked = {"credential": house.credential, **members.fields(house), **hostile}
    answer = house.holder.calls.post(
        "/v1/cpd-activities",
        content=json.dumps(asked),  # in ASCII, so that half a character can be sent
        headers={"Content-Type": "application/json"},
    )
    assert problem(answer) == (422, "malformed"), answer.text


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"hours": NaN}', b'{"hours": ' + b"9" * 5000 + b"}", b"\xff"]
)
def test_json_that_is_none_is_refused(house: House, body: bytes) -> None:
    answer = house.holder.calls.post(
        "/v1/cpd-activities", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}


def test_a_year_that_no_calendar_reaches_does_not_break_the_ledger(house: House) -> None:
    assert members.add(house, started_on="0001-01-01").status_code == 201
    assert house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd").status_code == 200


def test_a_draft_is_rewritten_and_claimed_or_thrown_away(house: House) -> None:
    draft = members.draft(house)
    asked = {**members.fields(house, hours="6"), "proof": [members.PROOF]}
    rewritten = house.holder.calls.put(f"/v1/cpd-activities/{draft['id']}", json=asked)
    assert rewritten.status_code == 200, rewritten.text
    assert (rewritten.json()["state"], rewritten.json()["hours"]) == ("claimed", "6")
    gone = house.holder.calls.delete(f"/v1/cpd-activities/{draft['id']}")
    assert problem(gone) == (409, "cpd-activity-not-movable")
    other = members.draft(house, title="Altro corso", proof=[members.PROOF])
    assert house.holder.calls.delete(f"/v1/cpd-activities/{other['id']}").status_code == 204
    assert problem(house.holder.calls.get(f"/v1/cpd-activities/{other['id']}"))[0] == 404


def test_a_draft_cannot_be_rewritten_into_another_activity(house: House) -> None:
    first = members.claimed(house)
    second = members.draft(house, title="Altro corso")
    asked = {**members.fields(house), "claim": False}
    answer = house.holder.calls.put(f"/v1/cpd-activities/{second['id']}", json=asked)
    assert problem(answer) == (409, "cpd-activity-entered-already")
    assert answer.json()["activity"] == first["id"]


def test_a_claimed_activity_is_not_rewritten(house: House) -> None:
    first = members.claimed(house)
    answer = house.holder.calls.put(f"/v1/cpd-activities/{first['id']}", json=members.fields(house))
    assert problem(answer) == (409, "cpd-activity-not-movable")


def test_claiming_a_draft_says_what_is_missing_and_claiming_twice_is_once(house: House) -> None:
    draft = members.draft(house)["id"]
    answer = house.holder.calls.post(f"/v1/cpd-activities/{draft}/claim")
    assert problem(answer) == (422, "cpd-activity-incomplete")
    assert [each["code"] for each in answer.json()["missing"]] == ["proof-missing"]
    assert members.attach(house.holder, draft).status_code == 201
    for _ in range(2):
        answer = house.holder.calls.post(f"/v1/cpd-activities/{draft}/claim")
        assert (answer.status_code, answer.json()["state"]) == (200, "claimed")


def test_a_correction_is_a_new_version_and_the_old_one_is_kept(house: House) -> None:
    first = members.claimed(house)
    answer = correct(house, first["id"], hours="6", proof=[])
    assert answer.status_code == 201, answer.text
    newer = answer.json()
    assert (newer["state"], newer["hours"], newer["corrects"]) == ("claimed", "6", first["id"])
    assert [proof["reference"] for proof in newer["proofs"]] == [members.PROOF["reference"]]
    older = house.holder.calls.get(f"/v1/cpd-activities/{first['id']}").json()
    assert (older["state"], older["hours"]) == ("corrected", "8")
    again = correct(house, first["id"], hours="6", proof=[])
    assert (again.status_code, again.json()["id"]) == (200, newer["id"])
    late = correct(house, first["id"], hours="5")
    assert problem(late) == (409, "cpd-activity-not-movable")


def test_a_correction_that_says_the_same_changes_nothing(house: House) -> None:
    first = members.claimed(house)
    answer = correct(house, first["id"])
    assert (answer.status_code, answer.json()) == (200, first)


def turned_down(house: House, **changes: Any) -> dict[str, Any]:
    """An activity that was claimed, and that the office did not accept."""
    found = members.claimed(house, **changes)
    house.secretary.calls.post(f"/v1/cpd-activities/{found['id']}/rejection", json={"reasons": "No date."})
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"hours": "6"},
        {"note": "The date is on the second page."},
        {"proof": [{**members.PROOF, "reference": "https://example.org/attestati/124"}]},
    ],
    ids=["fields", "a note", "another proof"],
)
def test_what_was_turned_down_is_corrected_with_something_new_and_reviewed_anew(
    house: House, changes: dict[str, Any]
) -> None:
    first = turned_down(house)
    answer = correct(house, first["id"], **changes)
    assert answer.status_code == 201, answer.text
    newer = answer.json()
    assert (newer["state"], newer["corrects"], newer["question"]) == ("claimed", first["id"], "No date.")
    older = house.holder.calls.get(f"/v1/cpd-activities/{first['id']}").json()
    assert (older["state"], older["reasons"]) == ("corrected", "No date.")
    # No provider settles what the office has turned down.
    row = {"row": 1, **members.fields(house, hours=newer["hours"]), "credential": house.number}
    house.client("cpd:write").post("/v1/cpd-imports", json={"rows": [row]})
    path = f"/v1/cpd-activities/{newer['id']}"
    assert house.holder.calls.get(path).json()["state"] == "claimed"
    assert house.secretary.calls.post(f"{path}/acceptance", json={}).json()["state"] == "accepted"


def test_what_was_turned_down_is_not_claimed_again_as_it_was(house: House) -> None:
    first = turned_down(house)
    refused = (422, "cpd-nothing-new")
    assert problem(correct(house, first["id"])) == refused
    newer = correct(house, first["id"], claim=False).json()  # to send a file with it
    assert (newer["state"], newer["corrects"]) == ("draft", first["id"])
    path = f"/v1/cpd-activities/{newer['id']}"
    assert problem(house.holder.calls.post(f"{path}/claim")) == refused
    same = {**members.fields(house), "proof": [members.PROOF]}
    assert problem(house.holder.calls.put(path, json=same)) == refused
    assert members.attach(house.holder, newer["id"]).status_code == 201
    assert house.holder.calls.post(f"{path}/claim").json()["state"] == "claimed"


def test_a_mistaken_claim_is_taken_back_as_a_draft(house: House) -> None:
    first = members.claimed(house)
    answer = correct(house, first["id"], claim=False)
    assert (answer.status_code, answer.json()["state"]) == (201, "draft")
    newer = answer.json()["id"]
    assert correct(house, first["id"], claim=False).json()["id"] == newer
    late = house.holder.calls.post(f"/v1/cpd-activities/{first['id']}/claim")
    assert (problem(late), late.json()["newer"]) == ((409, "cpd-activity-not-movable"), newer)
    assert house.holder.calls.post(f"/v1/cpd-activities/{newer}/claim").json()["state"] == "claimed"


def test_a_draft_that_took_an_activitys_place_is_not_thrown_away(house: House) -> None:
    first = members.claimed(house)
    newer = correct(house, first["id"], hours="6", claim=False).json()
    assert newer["state"] == "draft"
    answer = house.holder.calls.delete(f"/v1/cpd-activities/{newer['id']}")
    assert problem(answer) == (409, "cpd-activity-closed-to-changes")


def test_of_corrections_at_once_one_takes_the_place(house: House) -> None:
    first = members.claimed(house)["id"]
    calls = house.holder.calls
    bodies = [members.fields(house, hours=hours) for hours in range(2, 6)]
    answers = at_once(
        *(
            lambda body=body: calls.post(f"/v1/cpd-activities/{first}/correction", json=body)
            for body in bodies
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


def test_activities_are_listed_a_page_at_a_time(house: House) -> None:
    ids = [members.claimed(house, title=f"Corso {n}")["id"] for n in range(3)]
    drafted = members.draft(house, title="Bozza")["id"]
    calls = house.holder.calls
    first = calls.get("/v1/cpd-activities", params={"limit": 2}).json()
    rest = calls.get("/v1/cpd-activities", params={"cursor": first["next_cursor"]}).json()
    assert sorted(row["id"] for row in (*first["data"], *rest["data"])) == sorted([*ids, drafted])
    drafts = calls.get("/v1/cpd-activities", params={"state": "draft"}).json()["data"]
    assert [row["id"] for row in drafts] == [drafted]
    assert drafts[0]["missing"]
    of_other = calls.get("/v1/cpd-activities", params={"credential": house.other_credential}).json()
    assert of_other == {"data": [], "next_cursor": None}
    theirs = members.add(house, house.other, credential=house.other_credential).json()["id"]
    strange = [
        calls.get("/v1/cpd-activities", params={"cursor": each}) for each in (theirs, "act_" + "0" * 26)
    ]
    assert [problem(answer) for answer in strange] == [(422, "cursor-unknown")] * 2


def test_nothing_is_entered_for_a_credential_that_is_gone(house: House, ports: Ports) -> None:
    with ports.database.writing(house.organisation) as session:
        session.get_one(Credential, house.credential).revoked_at = house.now
    assert problem(members.add(house)) == (409, "cpd-activity-closed-to-changes")


def test_the_trail_says_what_happened_and_nothing_personal(house: House, ports: Ports) -> None:
    first = members.claimed(house, note="Una nota mia")
    correct(house, first["id"], hours="6")
    with ports.database.reading(house.organisation) as session:
        events = [event for event in session.scalars(select(Event)) if event.topic.startswith("cpd.")]
        assert [event.topic for event in events] == ["cpd.activity-added", "cpd.activity-corrected"]
        for event in events:
            assert event.about["holder"] == house.holder.id
            told = str(event.facts)
            assert not any(word in told for word in ("Reti", "Scuola", "nota", "example.org"))


WHO = ["holder", "other", "secretary", "manager", "registrar", "auditor", "assessor", "client"]
READERS = {"holder", "secretary", "manager", "registrar", "auditor"}


@pytest.mark.parametrize("who", WHO)
def test_activities_are_for_their_holder_and_for_the_office_to_read(house: House, who: str) -> None:
    found = members.draft(house)["id"]
    calls = house.client("cpd:read", "cpd:write") if who == "client" else getattr(house, who).calls
    one = calls.get(f"/v1/cpd-activities/{found}")
    listed = calls.get("/v1/cpd-activities").json()["data"]
    ledger = calls.get(f"/v1/credentials/{house.credential}/cpd")
    if who in READERS:
        assert one.status_code == ledger.status_code == 200
        assert [row["id"] for row in listed] == [found]
    else:
        assert problem(one) == (404, "cpd-activity-not-found")
        assert problem(ledger) == (404, "credential-not-found")
        assert listed == []
    unknown = calls.get("/v1/cpd-activities/act_" + "0" * 26)
    assert problem(unknown) == (404, "cpd-activity-not-found")


@pytest.mark.parametrize("who", [one for one in WHO if one != "holder"])
def test_nobody_but_the_holder_changes_an_activity(house: House, who: str) -> None:
    found = members.draft(house)["id"]
    calls = house.client("cpd:read", "cpd:write") if who == "client" else getattr(house, who).calls
    body = members.fields(house)
    path = f"/v1/cpd-activities/{found}"
    answers = [
        calls.put(path, json=body),
        calls.delete(path),
        calls.post(f"{path}/claim"),
        calls.post(f"{path}/correction", json=body),
        calls.post(
            f"{path}/proofs", files={"kind": (None, b"url"), "reference": (None, b"https://a.example")}
        ),
    ]
    added = calls.post("/v1/cpd-activities", json={"credential": house.credential, **body})
    told = (403, "not-your-cpd-activity") if who in READERS else (404, "cpd-activity-not-found")
    assert {problem(answer) for answer in answers} == {told}
    assert problem(added) == (told if who in READERS else (404, "credential-not-found"))


def test_another_organisation_knows_nothing_of_it(house: House, ports: Ports) -> None:
    found = members.claimed(house)["id"]
    theirs = members.opened(ports, "Un'altra associazione")
    for who in (theirs.holder, theirs.secretary, theirs.manager):
        assert problem(who.calls.get(f"/v1/cpd-activities/{found}"))[0] == 404
        assert problem(who.calls.get(f"/v1/credentials/{house.credential}/cpd"))[0] == 404
        added = who.calls.post(
            "/v1/cpd-activities", json={"credential": house.credential, **members.fields(house)}
        )
        assert problem(added) == (404, "credential-not-found")
        reviewed = who.calls.post(f"/v1/cpd-activities/{found}/acceptance", json={})
        assert problem(reviewed)[0] in {403, 404}


ROUTES = [
    ("POST", "/v1/cpd-activities", "cpd:write"),
    ("GET", "/v1/cpd-activities", "cpd:read"),
    ("GET", "/v1/cpd-activities/{activity}", "cpd:read"),
    ("PUT", "/v1/cpd-activities/{activity}", "cpd:write"),
    ("DELETE", "/v1/cpd-activities/{activity}", "cpd:write"),
    ("POST", "/v1/cpd-activities/{activity}/proofs", "cpd:write"),
    ("GET", "/v1/cpd-activities/{activity}/proofs/prf_" + "0" * 26 + "/file", "cpd:read"),
    ("DELETE", "/v1/cpd-activities/{activity}/proofs/prf_" + "0" * 26, "cpd:write"),
    ("POST", "/v1/cpd-activities/{activity}/claim", "cpd:write"),
    ("POST", "/v1/cpd-activities/{activity}/correction", "cpd:write"),
    ("POST", "/v1/cpd-activities/{activity}/query", "cpd:review"),
    ("POST", "/v1/cpd-activities/{activity}/acceptance", "cpd:review"),
    ("POST", "/v1/cpd-activities/{activity}/rejection", "cpd:review"),
    ("POST", "/v1/cpd-imports", "cpd:write"),
    ("POST", "/v1/cpd-exemptions", "exemptions:write"),
    ("GET", "/v1/credentials/{credential}/cpd", "cpd:read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES, ids=lambda value: str(value)[-30:])
def test_every_route_asks_for_its_permission(house: House, method: str, path: str, scope: str) -> None:
    found = members.draft(house)["id"]
    address = path.format(activity=found, credential=house.credential)
    bare = house.client("members:read").request(method, address)
    assert problem(bare) == (403, "permission-missing")
    assert bare.json()["needs"] == scope
    keyless = house.client("members:read")
    keyless._headers.clear()
    assert problem(keyless.request(method, address))[0] == 401


def test_the_database_keeps_the_same_activity_from_standing_twice(house: House, ports: Ports) -> None:
    first = members.claimed(house)
    other = members.claimed(house, title="Altro corso")
    with ports.database.reading(house.organisation) as session:
        known = session.get_one(CpdActivity, first["id"]).fingerprint

    def enter_twice() -> None:
        with ports.database.writing(house.organisation) as session:
            session.get_one(CpdActivity, other["id"]).fingerprint = known

    with pytest.raises(IntegrityError):
        enter_twice()
