"""What a cycle comes to: which activities go in, which rules judge them, and what stays as it was judged."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.ids import new_id
from app.credentials import issuing
from app.credentials import queries as credentials
from app.credentials.rules import PeriodKind
from app.renewal import ledger as ledgers
from app.renewal import queries
from app.renewal.cycles import renewed
from app.renewal.models import CpdActivity, Renewal
from app.renewal.rules import Ledger
from app.renewal.ruleset import RuleSet
from app.renewal.states import ActivityState, RenewalKind, RenewalState
from app.schemes.catalogue import catalogue
from tests.renewal import members
from tests.renewal.members import House, problem
from tests.renewal.renewing import enough

CYCLE_BEGINS = date(2026, 11, 20)
CYCLE_ENDS = date(2029, 11, 20)
GRACE_ENDS = date(2030, 2, 18)


def read(house: House, cycle: int | None = None) -> dict[str, Any]:
    """The ledger as the holder sees it."""
    params = {} if cycle is None else {"cycle": cycle}
    answer = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def did(house: House, day: date, hours: str = "8", **changes: Any) -> dict[str, Any]:
    """A claimed activity of one day, which is a day that has come."""
    when = day.isoformat()
    return members.claimed(
        house, title=f"Corso {when}", started_on=when, ended_on=when, hours=hours, topics={}, **changes
    )


def count(house: House, cycle: int | None = None, **given: Any) -> Ledger:
    with house.ports.database.reading(house.organisation) as session:
        credential = credentials.by_id(session, house.credential)
        return ledgers.ledger_of(session, credential, cycle=cycle, at=house.now, **given)


def file(
    house: House,
    state: RenewalState = RenewalState.SUBMITTED,
    *,
    kind: RenewalKind = RenewalKind.RENEWAL,
    cure_by: date | None = None,
) -> str:
    """A renewal of the cycle at work that was filed today, whatever is missing."""
    with house.ports.database.writing(house.organisation) as session:
        credential = credentials.by_id(session, house.credential)
        made_up_by = house.today if kind is RenewalKind.REINSTATEMENT else None
        ledger = ledgers.ledger_of(session, credential, cycle=None, at=house.now, earned_by=made_up_by)
        renewal = Renewal(
            id=new_id("ren"),
            organisation_id=house.organisation,
            credential_id=credential.id,
            holder_id=credential.holder_id,
            cycle=queries.terms(session, credential).last.number,
            kind=kind,
            state=state,
            late=False,
            filed_at=house.now,
            filed_on=house.today,
            scheme_version="1.0.0",
            rules_digest=ledger.rules,
            evaluation=ledgers.as_json(ledger),
            cure_by=cure_by,
        )
        session.add(renewal)
        session.flush()
        return renewal.id


def set_state(house: House, renewal_id: str, state: RenewalState) -> None:
    with house.ports.database.writing(house.organisation) as session:
        session.get_one(Renewal, renewal_id).state = state


def approve(house: House, renewal_id: str) -> None:
    """What an approval leaves behind: what counted is locked, and the next cycle has its period."""
    with house.ports.database.writing(house.organisation) as session:
        renewal = session.get_one(Renewal, renewal_id)
        renewal.state = RenewalState.APPROVED
        lines: Sequence[Any] = renewal.evaluation["lines"]  # type: ignore[assignment] # as it was written
        for line in lines:
            if line["counted"] == "0":
                continue
            activity = session.get_one(CpdActivity, line["activity"])
            activity.state, activity.renewal_id = ActivityState.LOCKED, renewal.id
        session.flush()
        credential = credentials.by_id(session, house.credential, lock=True)
        validity = renewed(credential.anchor, renewal.cycle, years=3, decided_on=house.today)
        intent = issuing.begin_period(
            session,
            house.ports,
            credential,
            kind=PeriodKind.RENEWAL,
            renewal_id=renewal.id,
            cycle=renewal.cycle + 1,
            scheme_version="1.0.0",
            valid_from=validity.begins,
            valid_until=validity.ends,
            by="system",
            at=house.now,
        )
    issuing.finish(house.ports, house.organisation, intent, at=house.now)


def test_a_new_cycle_says_all_that_is_missing_and_by_when(house: House) -> None:
    found = read(house)
    assert (found["credential"], found["cycle"]) == (house.credential, 1)
    assert (found["begins"], found["ends"], found["earned_by"]) == ("2026-11-20", "2029-11-20", "2029-11-20")
    assert found["submitted_by"] == GRACE_ENDS.isoformat()
    assert (found["claimed"], found["counted"], found["required"]) == ("0", "0", "90")
    assert not found["satisfied"]
    assert {gap["code"] for gap in found["gaps"]} == {"total", "category", "topic", "year"}
    assert all(gap["detail"]["it"] and gap["detail"]["en"] for gap in found["gaps"])
    assert [category["id"] for category in found["categories"]] == [
        "learning",
        "practice",
        "contribution",
        "self_study",
    ]
    assert [year["number"] for year in found["years"]] == [1, 2, 3]


def test_the_limits_are_told_and_so_is_a_moved_clock(house: House) -> None:
    found = read(house)
    assert (found["per_activity_max"], found["per_day_max"], found["clock_offset"]) == ("40", "8", None)
    house.ports.clock.offset = timedelta(days=30)  # type: ignore[misc] # a clock that is set
    assert read(house)["clock_offset"] == "P30D"


def test_only_what_is_claimed_or_accepted_is_told_as_claimed(house: House) -> None:
    members.draft(house, title="Bozza")
    house.secretary.calls.post(
        f"/v1/cpd-activities/{did(house, house.today)['id']}/rejection", json={"reasons": "No."}
    )
    assert read(house)["claimed"] == "0"
    assert [line["claimed"] for line in read(house)["lines"]] == ["8", "8"]


def test_i31_a_line_says_what_counts_and_why_the_rest_does_not(house: House) -> None:
    did(house, CYCLE_BEGINS, "10.1")
    (line,) = read(house)["lines"]
    assert (line["title"], line["category"], line["state"]) == ("Corso 2026-11-20", "learning", "claimed")
    assert (line["claimed"], line["counted"]) == ("10.1", "8")
    assert {(each["code"], each["hours"]) for each in line["differences"]} == {
        ("granularity", "0.1"),
        ("day-cap", "2"),
    }


@pytest.mark.parametrize(
    ("what", "asked", "counted", "code"),
    [
        (None, {}, "8", None),
        ("acceptance", {}, "8", None),
        ("query", {"question": "Chi?"}, "0", "queried"),
        ("rejection", {"reasons": "No."}, "0", "rejected"),
    ],
)
def test_what_is_claimed_or_accepted_counts(
    house: House, what: str | None, asked: dict[str, str], counted: str, code: str | None
) -> None:
    found = did(house, CYCLE_BEGINS)["id"]
    if what:
        house.secretary.calls.post(f"/v1/cpd-activities/{found}/{what}", json=asked)
    (line,) = read(house)["lines"]
    assert line["counted"] == counted
    assert [each["code"] for each in line["differences"]] == ([code] if code else [])


def test_drafts_are_shown_and_do_not_count_and_corrected_ones_are_gone(house: House) -> None:
    first = did(house, CYCLE_BEGINS)["id"]
    body = members.fields(house, title="Corso 2026-11-20", hours="5", topics={}, claim=False)
    house.holder.calls.post(f"/v1/cpd-activities/{first}/correction", json=body)
    (line,) = read(house)["lines"]
    assert line["activity"] != first
    assert (line["state"], line["counted"], line["differences"][0]["code"]) == ("draft", "0", "draft")


def test_i35_the_ledger_is_pinned_to_the_rules_of_its_cycle(house: House) -> None:
    scheme = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
    assert read(house)["rules"] == RuleSet.of_scheme(scheme).digest
    assert count(house) == count(house)


def test_i35_a_renewed_cycle_stays_as_it_was_judged(house: House) -> None:
    did(house, CYCLE_BEGINS)
    house.go_to(date(2029, 9, 1))
    approve(house, file(house))
    before = read(house, 1)
    did(house, date(2029, 8, 30))
    house.go_to(date(2029, 12, 1))
    after = read(house, 1)
    assert after == before
    assert [line["state"] for line in after["lines"]] == ["locked"]
    with house.ports.database.reading(house.organisation) as session:
        (renewal,) = session.scalars(select(Renewal))
    assert before["rules"] == renewal.rules_digest


def test_i32_hours_count_in_one_cycle_only(house: House) -> None:
    first = did(house, CYCLE_BEGINS)["id"]
    house.go_to(date(2029, 9, 1))
    approve(house, file(house))
    found = read(house)
    assert (found["cycle"], found["begins"]) == (2, "2029-11-21")
    assert first not in [line["activity"] for line in found["lines"]]


def test_i32_what_a_reinstatement_used_is_used_up(house: House) -> None:
    """Its days are those of the next cycle too, and count in one of them."""
    house.go_to(date(2030, 5, 2))
    made_up = did(house, date(2030, 5, 2))["id"]
    approve(house, file(house, kind=RenewalKind.REINSTATEMENT))
    (line,) = read(house)["lines"]
    assert (line["activity"], line["counted"]) == (made_up, "0")
    assert line["differences"][0]["code"] == "elsewhere"


def lines(house: House, cycle: int | None = None) -> dict[str, tuple[str, list[str]]]:
    """What counts of each activity, and the reasons why the rest does not."""
    return {
        line["activity"]: (line["counted"], [each["code"] for each in line["differences"]])
        for line in read(house, cycle)["lines"]
    }


def test_what_a_renewal_had_to_spare_is_carried_over_as_it_was_judged(house: House) -> None:
    enough(house)  # 96 of the 90 that are asked
    house.go_to(date(2029, 9, 1))
    did(house, date(2029, 6, 20), "3")  # in the last six months
    approve(house, file(house))
    kept = read(house, 1)["carry_over"]
    assert read(house)["carried"] == kept == "3"
    assert lines(house) == {}
    did(house, date(2029, 6, 21), "4")
    assert (read(house)["carried"], read(house, 1)["carry_over"]) == (kept, kept)


def test_i32_what_was_done_after_the_renewal_is_a_line_of_the_next_cycle_like_every_other(
    house: House,
) -> None:
    house.go_to(date(2029, 11, 18))
    used = did(house, date(2029, 6, 19), "3")["id"]
    approve(house, file(house))
    late = did(house, date(2029, 11, 17))["id"]
    found = read(house)
    assert (found["cycle"], found["counted"], found["carried"]) == (2, "8", "0")
    assert lines(house) == {late: ("8", [])}
    assert {bucket["counted"] for bucket in (*found["categories"], *found["topics"])} == {"0"}
    assert next(gap["missing"] for gap in found["gaps"] if gap["code"] == "total") == "82"
    assert lines(house, 1) == {used: ("3", [])}

    house.go_to(date(2032, 11, 20))
    approve(house, file(house))
    assert lines(house) == {}
    assert lines(house, 2) == {late: ("8", [])}
    house.go_to(date(2032, 12, 20))
    activity = house.holder.calls.get(f"/v1/cpd-activities/{late}").json()
    assert activity["state"] == "locked"
    moved = correct(house, activity, ended_on="2032-12-01", started_on="2032-12-01")
    assert problem(moved) == (409, "cpd-activity-closed-to-changes")
    assert (read(house)["cycle"], read(house)["counted"], read(house)["carried"]) == (3, "0", "0")


def test_i32_no_more_than_the_scheme_carries_over_counts_of_what_came_after_the_renewal(
    house: House,
) -> None:
    enough(house)
    house.go_to(date(2029, 9, 1))
    did(house, date(2029, 6, 20), "3")
    approve(house, file(house))
    first = did(house, date(2029, 6, 19), "4")["id"]
    second = did(house, date(2029, 8, 1), "8")["id"]
    assert lines(house) == {first: ("4", []), second: ("3", ["carry-over-cap"])}
    found = read(house)
    assert (found["counted"], found["carried"]) == ("7", "3")


def test_what_was_done_before_a_cycle_and_cannot_count_in_it(house: House) -> None:
    house.go_to(date(2029, 11, 18))
    did(house, date(2029, 6, 19), "6")
    rejected = did(house, date(2029, 7, 1))["id"]
    house.secretary.calls.post(f"/v1/cpd-activities/{rejected}/rejection", json={"reasons": "No."})
    approve(house, file(house))
    did(house, date(2029, 5, 20))  # before the last six months
    other = did(house, date(2029, 10, 1), category="practice")["id"]
    crowded = did(house, date(2029, 6, 19), "5", provider="Altro ente")["id"]
    late = did(house, date(2029, 10, 3), "1")["id"]
    expected = {rejected: ("0", ["rejected"]), other: ("0", ["before-cycle"]), crowded: ("2", ["day-cap"])}
    assert lines(house) == {**expected, late: ("1", [])}
    house.go_to(date(2033, 2, 18))  # the last day to claim those of the second cycle, and these with them
    in_time = did(house, date(2029, 10, 4), "1")["id"]
    house.pass_days(1)
    assert count(house).counted == 4
    too_late = did(house, date(2029, 10, 5), "1")["id"]
    by_id = {line.activity: line for line in count(house).lines}
    assert by_id[in_time].counted == 1
    assert [each.code for each in by_id[too_late].differences] == ["submitted-too-late"]


def test_i34_what_was_done_in_time_counts_if_it_is_claimed_in_time(house: House) -> None:
    house.go_to(GRACE_ENDS)
    in_time = did(house, CYCLE_ENDS)["id"]
    too_late = did(house, CYCLE_ENDS + timedelta(days=1))["id"]
    house.go_to(GRACE_ENDS + timedelta(days=1))
    unclaimed = did(house, CYCLE_ENDS - timedelta(days=1))["id"]
    by_id = {line.activity: line for line in count(house).lines}
    assert by_id[in_time].counted == 8
    assert [each.code for each in by_id[too_late].differences] == ["earned-too-late"]
    assert [each.code for each in by_id[unclaimed].differences] == ["submitted-too-late"]


def test_once_only_a_reinstatement_is_left_what_can_be_made_up_for_is_told(house: House) -> None:
    house.go_to(GRACE_ENDS)
    assert read(house)["earned_by"] == "2029-11-20"
    house.go_to(GRACE_ENDS + timedelta(days=1))
    did(house, house.today)
    found = read(house)
    assert found["earned_by"] == found["submitted_by"] == "2030-11-20"
    assert found["counted"] == "8"
    assert {year["min"] for year in found["years"]} == {"0"}


def test_whoever_comes_back_counts_until_the_day_given(house: House) -> None:
    for day in (date(2030, 5, 1), date(2030, 5, 2)):
        house.go_to(day)
        did(house, day)
    assert count(house).counted == 0
    assert count(house, earned_by=date(2030, 5, 1)).counted == 8
    assert count(house, earned_by=date(2030, 5, 2)).counted == 16


def test_a_cure_gives_its_own_time_to_claim(house: House) -> None:
    house.go_to(GRACE_ENDS)
    file(house, RenewalState.CURE, cure_by=GRACE_ENDS + timedelta(days=30))
    house.pass_days(10)
    did(house, CYCLE_ENDS)
    assert count(house).counted == 8


def test_in_a_cure_everything_is_due_by_the_day_that_the_cure_ends(house: House) -> None:
    house.go_to(date(2029, 6, 1))
    mended_by = house.today + timedelta(days=30)
    file(house, RenewalState.CURE, cure_by=mended_by)
    gaps = read(house)["gaps"]
    assert gaps
    assert {gap["file_by"] for gap in gaps} == {mended_by.isoformat()}
    assert max(gap["due"] for gap in gaps) == mended_by.isoformat()


@pytest.mark.parametrize(("cycle", "status"), [(2, 404), (0, 422), (-1, 422), (101, 422), ("x", 422)])
def test_a_cycle_that_nothing_began_is_not_found(house: House, cycle: Any, status: int) -> None:
    answer = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd", params={"cycle": cycle})
    assert problem(answer)[0] == status


def correct(house: House, activity: dict[str, Any], **changes: Any) -> Any:
    names = ("title", "provider", "started_on", "ended_on", "hours", "category", "topics", "competences")
    asked = {**{name: activity[name] for name in names}, **changes}
    return house.holder.calls.post(f"/v1/cpd-activities/{activity['id']}/correction", json=asked)


@pytest.mark.parametrize("state", [RenewalState.SUBMITTED, RenewalState.AUDIT])
def test_nothing_changes_under_a_renewal_that_is_being_decided(house: House, state: RenewalState) -> None:
    house.go_to(date(2029, 9, 1))
    first = did(house, house.today)
    file(house, state)
    held = (409, "cpd-activity-closed-to-changes")
    assert problem(correct(house, first, hours="7")) == held
    assert problem(members.attach(house.holder, first["id"])) == held
    added = members.add(house, title="Un altro corso")
    assert (added.status_code, added.json()["state"]) == (201, "draft")
    assert [each["code"] for each in added.json()["missing"]] == ["renewal-pending"]
    claim = house.holder.calls.post(f"/v1/cpd-activities/{added.json()['id']}/claim")
    assert [each["code"] for each in claim.json()["missing"]] == ["renewal-pending"]


def test_a_waiting_renewal_holds_what_it_counts_of_the_months_before_its_cycle(house: House) -> None:
    house.go_to(date(2029, 7, 1))
    approve(house, file(house))
    too_early = did(house, date(2029, 5, 1))
    house.go_to(date(2029, 9, 1))
    counted = did(house, house.today)
    house.go_to(date(2032, 9, 1))
    file(house)
    assert problem(correct(house, counted, hours="7")) == (409, "cpd-activity-closed-to-changes")
    assert correct(house, too_early, hours="7").status_code == 201


def test_what_the_review_queried_is_answered_meanwhile(house: House) -> None:
    house.go_to(date(2029, 9, 1))
    first = did(house, house.today)
    file(house, RenewalState.AUDIT)
    house.secretary.calls.post(f"/v1/cpd-activities/{first['id']}/query", json={"question": "Quante ore?"})
    assert members.attach(house.holder, first["id"]).status_code == 201
    body = members.fields(house, title=first["title"], hours="6", topics={})
    answer = house.holder.calls.put(f"/v1/cpd-activities/{first['id']}", json=body)
    assert (answer.json()["state"], answer.json()["hours"]) == ("claimed", "6")


def test_a_cure_is_there_to_add_and_to_correct(house: House) -> None:
    house.go_to(date(2029, 9, 1))
    first = did(house, house.today)
    renewal = file(house, RenewalState.AUDIT)
    set_state(house, renewal, RenewalState.CURE)
    assert correct(house, first, hours="7").status_code == 201
    assert members.claimed(house, title="Un altro corso")["state"] == "claimed"


def test_the_next_cycle_goes_on_while_a_renewal_is_being_decided(house: House) -> None:
    house.go_to(CYCLE_ENDS)
    file(house)
    house.pass_days(5)
    after = did(house, house.today)
    assert correct(house, after, hours="7").status_code == 201


def test_a_provider_may_go_on_recording_and_its_rows_wait(house: House) -> None:
    house.go_to(date(2029, 9, 1))
    renewal = file(house)
    fields = members.fields(house, topics={})
    rows = [{"row": 1, "credential": house.number, **fields}]
    calls = house.client("cpd:write")
    (result,) = calls.post("/v1/cpd-imports", json={"rows": rows}).json()["results"]
    assert (result["outcome"], result["code"]) == ("created", None)
    seen = house.holder.calls.get(f"/v1/cpd-activities/{result['activity']}").json()
    assert (seen["state"], [each["code"] for each in seen["missing"]]) == ("draft", ["renewal-pending"])
    put = house.holder.calls.put(f"/v1/cpd-activities/{result['activity']}", json=fields)
    assert problem(put) == (409, "cpd-activity-closed-to-changes")
    set_state(house, renewal, RenewalState.REFUSED)
    claim = house.holder.calls.post(f"/v1/cpd-activities/{result['activity']}/claim")
    assert (claim.json()["state"], claim.json()["source"]) == ("accepted", "provider")


def test_a_provider_does_not_change_what_a_renewal_counts_on(house: House) -> None:
    house.go_to(date(2029, 9, 1))
    first = did(house, house.today)
    renewal = file(house)
    fields = members.fields(house, title=first["title"], hours="8", topics={})
    rows = [
        {"row": 1, "credential": house.number, **fields},
        {"row": 2, "credential": house.number, **fields, "hours": "7"},
    ]
    calls = house.client("cpd:write")
    before = count(house)
    results = calls.post("/v1/cpd-imports", json={"rows": rows}).json()["results"]
    assert [result["outcome"] for result in results] == ["created", "refused"]
    assert count(house) == before
    approve(house, renewal)
    results = calls.post("/v1/cpd-imports", json={"rows": rows}).json()["results"]
    assert [result["outcome"] for result in results] == ["unchanged", "refused"]
    assert read(house, 1)["lines"][0]["counted"] == "8"


def test_what_a_renewal_used_never_changes_again(house: House) -> None:
    house.go_to(date(2029, 9, 1))
    first = did(house, house.today)
    approve(house, file(house))
    calls = house.holder.calls
    path = f"/v1/cpd-activities/{first['id']}"
    body = members.fields(house, title=first["title"], hours="1", topics={})
    for answer in (
        correct(house, first, hours="1"),
        calls.put(path, json=body),
        calls.delete(path),
        calls.post(f"{path}/claim"),
        members.attach(house.holder, first["id"]),
    ):
        assert problem(answer) == (409, "cpd-activity-closed-to-changes")
    for what, asked in (("query", {"question": "?"}), ("acceptance", {}), ("rejection", {"reasons": "No."})):
        answer = house.secretary.calls.post(f"{path}/{what}", json=asked)
        assert problem(answer) == (409, "cpd-activity-not-movable")
    again = members.add(house, title=first["title"], topics={})
    assert (again.status_code, again.json()["state"]) == (200, "locked")
