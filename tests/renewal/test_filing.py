"""Filing: when, by whom and with what a renewal is taken, and what keeps it from being taken."""

from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.credentials import service as credentials
from app.organisations.models import Membership
from app.outbox.trail import Event
from app.renewal.models import AuditDraw, CpdActivity, Renewal
from app.renewal.ruleset import RuleSet
from app.renewal.states import ActivitySource, ActivityState
from tests.credentials.test_races import at_once
from tests.renewal.members import House, problem
from tests.renewal.renewing import (
    DAY,
    SCHEME,
    activity,
    approve,
    approved,
    days,
    drawn,
    enough,
    enter,
    file,
    filed,
    refuse,
    standing,
)

MANY = 50
SPELT = (
    "Scuola di prova S.r.l.",
    "SCUOLA  di Prova SRL",
    "Scuola-di-prova, s.r.l",
    "Scu\u200bola di prova srl",
)


def test_a_renewal_is_filed_with_the_evaluation_that_it_will_be_judged_on(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    renewal = filed(house)
    assert (renewal["state"], renewal["kind"], renewal["cycle"]) == ("submitted", "renewal", 1)
    assert (renewal["late"], renewal["audit"], renewal["decision"], renewal["period"]) == (
        False,
        None,
        None,
        None,
    )
    evaluation = renewal["evaluation"]
    assert (evaluation["satisfied"], evaluation["counted"], evaluation["required"]) == (True, "96", "90")
    assert renewal["rules"] == evaluation["rules"] == RuleSet.of_scheme(SCHEME).digest
    assert house.holder.calls.get(f"/v1/renewals/{renewal['id']}").json() == renewal
    assert standing(house)["renewal"] == renewal


def test_a_list_of_renewals_leaves_out_what_each_was_judged_on(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    renewal = filed(house)
    del renewal["evaluation"]
    for who in (house.holder, house.manager):
        assert who.calls.get("/v1/renewals").json() == {"data": [renewal], "next_cursor": None}


def test_i35_what_was_evaluated_is_kept_and_never_judged_anew(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    renewal = filed(house)
    drawn(house, renewal)
    approved_then = renewal_after(house, renewal)
    house.go_to(days(house, cycle=1).ends + DAY)
    ledger = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd?cycle=1").json()
    kept = approved_then["evaluation"]
    assert (ledger["rules"], ledger["counted"], ledger["as_of"]) == (
        kept["rules"],
        kept["counted"],
        kept["as_of"],
    )


def renewal_after(house: House, renewal: dict[str, Any]) -> dict[str, Any]:
    if house.holder.calls.get(f"/v1/renewals/{renewal['id']}").json()["state"] == "audit":
        accept(house)
    return approved(house, renewal)


def accept(house: House) -> None:
    with house.ports.database.writing(house.organisation) as session:
        for row in session.scalars(select(CpdActivity)):
            row.state = ActivityState.ACCEPTED
            row.reviewed_by = house.secretary.id


@pytest.mark.parametrize(
    ("day", "phase", "taken"),
    [
        (date(2029, 5, 19), "not_open", False),
        (date(2029, 5, 20), "open", True),
        (date(2029, 11, 20), "open", True),
        (date(2029, 11, 21), "grace", True),
        (date(2030, 2, 18), "grace", True),
        (date(2030, 2, 19), "reinstatement", True),
        (date(2030, 11, 20), "reinstatement", True),
        (date(2030, 11, 21), "lapsed", False),
    ],
)
def test_i37_a_renewal_is_filed_from_the_opening_of_the_window_to_the_end_of_grace(
    house: House,
    day: date,
    phase: str,
    taken: bool,  # noqa: FBT001 - the one fact
) -> None:
    enough(house)
    house.go_to(day)
    stands = standing(house)
    assert {
        name: stands[name] for name in ("opens_on", "expires_on", "grace_until", "reinstatement_until")
    } == {
        "opens_on": "2029-05-20",
        "expires_on": "2029-11-20",
        "grace_until": "2030-02-18",
        "reinstatement_until": "2030-11-20",
    }
    assert (stands["phase"], stands["today"], stands["may_file"]) == (phase, day.isoformat(), taken)
    answer = file(house)
    if taken:
        assert answer.status_code == 201, answer.text
        assert answer.json()["kind"] == ("reinstatement" if phase == "reinstatement" else "renewal")
        assert answer.json()["late"] == (phase != "open")
        return
    assert problem(answer) == (409, "renewal-not-open")
    said = answer.json()
    assert (said["phase"], said["opens_on"], said["grace_until"]) == (phase, "2029-05-20", "2030-02-18")
    (why,) = stands["why_not"]
    assert why["code"] == "renewal-not-open"
    assert why["detail"]["en"] == said["detail"]
    assert why["detail"]["it"] != why["detail"]["en"]


def test_the_clamped_window_of_31_august_opens_on_the_last_of_february(house: House) -> None:
    house.go_to(date(2027, 8, 31))
    newcomer = house.person()
    credential = house.issued_to(newcomer).id
    enough(house, credential)
    house.go_to(date(2030, 2, 27))
    assert problem(file(house, newcomer, credential)) == (409, "renewal-not-open")
    house.go_to(date(2030, 2, 28))
    assert filed(house, newcomer, credential)["state"] == "submitted"


def test_too_little_is_refused_with_every_gap(house: House) -> None:
    enough(house, years=2)
    house.go_to(days(house).opens)
    answer = file(house)
    assert problem(answer) == (422, "renewal-not-eligible")
    gaps = answer.json()["gaps"]
    assert {gap["code"] for gap in gaps} >= {"total"}
    for gap in gaps:
        assert set(gap) == {"code", "what", "missing", "due", "file_by", "detail"}
        assert gap["detail"]["it"] != gap["detail"]["en"]
    stands = standing(house)
    assert [why["code"] for why in stands["why_not"]] == ["renewal-not-eligible"]
    assert (stands["may_file"], stands["renewal"]) == (False, None)


def test_i34_what_was_earned_in_time_is_filed_in_grace_and_what_was_earned_in_grace_is_not(
    house: House,
) -> None:
    enough(house, years=2)
    ends = days(house).ends
    third_year = [
        activity(house, house.credential, ended_on=ends + timedelta(days=n), hours=20, provider=provider)
        for n, provider in ((-20, "Scuola di prova"), (-10, "Altra scuola"))
    ]
    enter(house, third_year[0])
    house.go_to(ends + timedelta(days=30))
    enter(
        house,
        activity(house, house.credential, ended_on=ends + timedelta(days=10), hours=20),
    )
    assert problem(file(house)) == (422, "renewal-not-eligible")
    third_year[1].claimed_on = house.today  # claimed late, and earned in time
    enter(house, third_year[1])
    renewal = filed(house)
    assert renewal["late"]
    differences = [each for line in renewal["evaluation"]["lines"] for each in line["differences"]]
    assert [each["code"] for each in differences] == ["earned-too-late"]


def test_a_reinstatement_may_make_up_for_what_was_missed(house: House) -> None:
    enough(house, years=2)
    ends = days(house).ends
    house.go_to(ends + timedelta(days=200))
    for n in (100, 120):
        enter(house, activity(house, house.credential, ended_on=ends + timedelta(days=n), hours=20))
    renewal = filed(house)
    assert (renewal["kind"], renewal["state"], renewal["audit"]["reason"]) == (
        "reinstatement",
        "audit",
        "late",
    )
    assert renewal["evaluation"]["earned_by"] == house.today.isoformat()


def test_without_a_membership_nothing_is_renewed(house: House) -> None:
    newcomer = house.person(member=True)
    credential = house.issued_to(newcomer).id
    enough(house, credential)
    house.go_to(days(house, credential).opens)
    leave(house, newcomer.id)
    answer = file(house, newcomer, credential)
    assert problem(answer) == (422, "membership-not-valid")
    stands = standing(house, newcomer, credential)
    assert [why["code"] for why in stands["why_not"]] == ["membership-not-valid"]


def leave(house: House, person_id: str) -> None:
    with house.ports.database.writing(house.organisation) as session:
        for row in session.scalars(select(Membership).where(Membership.person_id == person_id)):
            row.to_day = house.today - DAY


def test_i39_a_second_filing_finds_the_first(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    renewal = filed(house)
    answer = file(house)
    assert problem(answer) == (409, "renewal-filed-already")
    assert answer.json()["renewal"] == renewal["id"]
    assert [why["code"] for why in standing(house)["why_not"]] == ["renewal-filed-already"]
    refused = refuse(house, renewal)
    assert refused.status_code == 200, refused.text
    assert problem(file(house)) == (409, "renewal-filed-already")


def test_i39_50_filings_at_once_yield_one_renewal(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    callers = [house.holder.calls for _ in range(MANY)]
    asked = {"credential": house.credential}
    got = at_once(*(partial(caller.post, "/v1/renewals", json=asked) for caller in callers))
    answers = [answer for answer in got if isinstance(answer, httpx.Response)]
    created = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(created), len(refused)) == (1, MANY - 1)
    said = {(each["code"], each["renewal"]) for each in refused}
    assert said == {("renewal-filed-already", created[0]["id"])}
    with house.ports.database.reading(house.organisation) as session:
        assert len(session.scalars(select(Renewal)).all()) == 1
        assert len(session.scalars(select(AuditDraw)).all()) == 1
        topics = [event.topic for event in session.scalars(select(Event))]
    assert topics.count("renewal.submitted") == topics.count("audit-draw.promised") == 1


def test_many_who_file_first_at_once_wait_in_one_draw(house: House) -> None:
    people = [house.person() for _ in range(6)]
    held = [(who, house.issued_to(who).id) for who in people]
    for _, credential in held:
        enough(house, credential)
    house.go_to(days(house).opens)
    asks = [
        partial(who.calls.post, "/v1/renewals", json={"credential": credential}) for who, credential in held
    ]
    got = at_once(*asks)
    assert {each.status_code for each in got if isinstance(each, httpx.Response)} == {201}
    with house.ports.database.reading(house.organisation) as session:
        (only,) = session.scalars(select(AuditDraw)).all()
        assert {row.draw_id for row in session.scalars(select(Renewal))} == {only.id}


def test_what_was_revoked_is_not_renewed(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    revoke(house)
    answer = file(house)
    assert problem(answer) == (409, "credential-not-active")
    assert answer.json()["state"] == "revoked"
    assert [why["code"] for why in standing(house)["why_not"]] == ["credential-not-active"]


def revoke(house: House) -> None:
    with house.ports.database.writing(house.organisation) as session:
        credentials.revoke(
            session,
            house.credential,
            cause="misuse_of_mark",
            reasons="The mark stood on another's paper.",
            by=house.registrar.actor,
            at=house.now,
        )


def test_only_the_holder_files_and_for_strangers_there_is_nothing(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    assert problem(file(house, house.other)) == (404, "credential-not-found")
    for who in (house.registrar, house.manager, house.secretary):
        assert problem(file(house, who)) == (403, "permission-missing")


@pytest.mark.parametrize(
    ("provider", "reason"),
    [(None, None), ("Scuola di prova", "single_source_over_pct_60")],
    ids=["several providers", "one provider"],
)
def test_hours_from_one_source_are_looked_into(
    house: House, provider: str | None, reason: str | None
) -> None:
    enough(house, provider=provider)
    house.go_to(days(house).opens)
    renewal = filed(house)
    assert renewal["state"] == ("audit" if reason else "submitted")
    assert (renewal["audit"] or {}).get("reason") == reason
    assert (renewal["draw"] is None) == (reason is not None)
    if reason:
        assert renewal["audit"] == {"reason": reason, "from": "2029-05-20", "reply_by": "2029-07-04"}


def test_one_source_is_one_however_it_is_spelt(house: House) -> None:
    ids = enough(house)
    with house.ports.database.writing(house.organisation) as session:
        for number, name in enumerate(ids):
            session.get_one(CpdActivity, name).provider = SPELT[number % len(SPELT)]
    house.go_to(days(house).opens)
    assert filed(house)["audit"]["reason"] == "single_source_over_pct_60"


def test_a_provider_who_records_is_one_source_under_whatever_name(house: House) -> None:
    ids = enough(house)
    with house.ports.database.writing(house.organisation) as session:
        for number, name in enumerate(ids):
            row = session.get_one(CpdActivity, name)
            row.source, row.recorded_by = ActivitySource.PROVIDER, "cli_01"
            row.provider = f"Scuola {number}"
    house.go_to(days(house).opens)
    assert filed(house)["audit"]["reason"] == "single_source_over_pct_60"


def test_providers_of_one_name_who_record_are_as_many_as_they_are(house: House) -> None:
    ids = enough(house, provider="Scuola di prova")
    with house.ports.database.writing(house.organisation) as session:
        for number, name in enumerate(ids):
            row = session.get_one(CpdActivity, name)
            row.source, row.recorded_by = ActivitySource.PROVIDER, f"cli_0{number}"
    house.go_to(days(house).opens)
    assert filed(house)["state"] == "submitted"


def test_a_late_renewal_is_looked_into(house: House) -> None:
    enough(house)
    house.go_to(days(house).ends + DAY)
    assert filed(house)["audit"]["reason"] == "late"


def test_whoever_failed_before_is_looked_into(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    assert refuse(house, filed(house)).status_code == 200
    house.go_to(days(house).grace_ends + DAY)
    again = filed(house)
    assert (again["kind"], again["audit"]["reason"]) == ("reinstatement", "late")
    # Late comes first among the scheme's reasons; in the next cycle the failure alone is left.
    accept(house)
    interview = {"held_on": house.today.isoformat(), "minutes": "What was missing is there now."}
    assert approve(house, again, interview=interview).status_code == 200
    enough(house, state=ActivityState.ACCEPTED)
    house.go_to(days(house).opens)
    assert filed(house)["audit"]["reason"] == "previous_fail"


def test_what_is_under_review_is_not_changed(house: House) -> None:
    ids = enough(house)
    house.go_to(days(house).opens)
    filed(house)
    answer = house.holder.calls.post(
        f"/v1/cpd-activities/{ids[0]}/correction",
        json={
            "title": "Altro",
            "provider": "Altra scuola",
            "started_on": "2027-01-10",
            "ended_on": "2027-01-10",
            "hours": "8",
            "category": "learning",
            "competences": ["T1"],
        },
    )
    assert problem(answer) == (409, "cpd-activity-closed-to-changes")


def test_filing_leaves_a_trail_without_a_name(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    renewal = filed(house)
    with house.ports.database.reading(house.organisation) as session:
        events = session.scalars(select(Event)).all()
        (event,) = [each for each in events if each.topic == "renewal.submitted"]
    assert event.about == {"credential": house.credential, "renewal": renewal["id"]}
    assert event.actor_id == house.holder.id
    assert event.facts["rules"] == renewal["rules"]
