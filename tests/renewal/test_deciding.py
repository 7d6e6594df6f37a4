"""Deciding: who may, on what, and what the next period then is."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.core.days import Span
from app.credentials import service as credentials
from app.credentials.models import Document, Intent, Period
from app.formats.jose import open_compact
from app.formats.reading import read_credential
from app.main import create_app, worker
from app.organisations.models import Membership, Mode, Organisation
from app.organisations.rules import Role
from app.outbox.trail import Event
from app.ports import PublicKey, Slot
from app.renewal import deciding
from app.renewal.models import CpdActivity, Renewal
from app.renewal.states import ActivitySource, ActivityState
from app.schemes.scheme import Scheme
from app.status.errors import SigningFailed
from tests import make
from tests.credentials.test_races import at_once
from tests.fakes_keys import MemoryKeys
from tests.renewal import members
from tests.renewal.members import House, Someone, problem
from tests.renewal.renewing import (
    DAY,
    SCHEME,
    accept_all,
    activity,
    approve,
    approved,
    credential,
    days,
    document,
    drawn,
    enough,
    enter,
    file,
    filed,
    periods,
    refuse,
    renewed,
)

MANY = 50
GRANT = ("grant", date(2026, 11, 20), date(2029, 11, 20))


def under_audit(house: House) -> dict[str, Any]:
    """A renewal that is audited since one provider gave all the hours."""
    enough(house, provider="Scuola di prova")
    house.go_to(days(house).opens)
    renewal = filed(house)
    assert renewal["state"] == "audit"
    return renewal


def test_an_approved_renewal_adds_a_period_with_a_document_of_its_own(house: House) -> None:
    house.go_to(days(house).opens)
    renewal = renewed(house)
    assert renewal["decision"] == {"outcome": "approved", "on": "2029-05-20", "reasons": None}
    assert renewal["period"] == {
        "seq": 2,
        "valid_from": "2029-11-21",
        "valid_until": "2032-11-20",
        "ended_on": None,
    }
    assert renewal["bridge"] is None
    assert periods(house) == [GRANT, ("renewal", date(2029, 11, 21), date(2032, 11, 20))]
    held = credential(house)
    assert [period.cycle for period in held.periods] == [1, 2]
    says = read_credential(open_compact(document(held.periods[1]).token).payload)
    assert says.valid_from is not None
    assert says.valid_until is not None
    assert says.valid_from.isoformat() == "2029-11-21T00:00:00+01:00"
    assert says.valid_until.isoformat() == "2032-11-20T23:59:59+01:00"
    assert says.number == house.number
    listed = house.holder.calls.get(f"/v1/credentials/{house.credential}").json()
    assert (listed["valid_until"], listed["state"]) == ("2029-11-20", "active")
    assert [period["kind"] for period in listed["periods"]] == ["grant", "renewal"]


@pytest.mark.parametrize(
    ("decided_on", "begins"),
    [
        (date(2029, 11, 20), date(2029, 11, 21)),
        (date(2029, 11, 21), date(2029, 11, 21)),
        (date(2030, 1, 10), date(2030, 1, 10)),
        (date(2030, 2, 18), date(2030, 2, 18)),
    ],
    ids=["on the last day", "the day after", "in grace", "at the end of grace"],
)
def test_i38_late_begins_on_the_decision_and_ends_on_the_same_anniversary(
    house: House, decided_on: date, begins: date
) -> None:
    house.go_to(decided_on)
    renewed(house)
    assert periods(house) == [GRANT, ("renewal", begins, date(2032, 11, 20))]


def test_what_counted_is_used_up(house: House) -> None:
    ids = enough(house)
    ended = days(house).begins + timedelta(days=200)
    draft = activity(house, house.credential, ended_on=ended, state=ActivityState.DRAFT)
    rejected = activity(house, house.credential, ended_on=ended + 10 * DAY, state=ActivityState.REJECTED)
    enter(house, draft, rejected)
    house.go_to(days(house).opens)
    renewal = filed(house)
    drawn(house, renewal)
    accept_all(house)
    approved(house, renewal)
    with house.ports.database.reading(house.organisation) as session:
        stand = {row.id: (row.state, row.renewal_id) for row in session.scalars(select(CpdActivity))}
    assert {stand[name] for name in ids} == {(ActivityState.LOCKED, renewal["id"])}
    assert stand[draft.id] == (ActivityState.DRAFT, None)
    assert stand[rejected.id] == (ActivityState.REJECTED, None)


def test_whoever_was_not_drawn_has_claims_accepted_as_they_are(house: House) -> None:
    people = [house.person() for _ in range(8)]
    held = [(who, house.issued_to(who).id) for who in people]
    for _, which in held:
        enough(house, which)
    house.go_to(days(house).opens)
    renewals = [filed(house, who, which) for who, which in held]
    sample = drawn(house, renewals[0])["sample"]
    assert len(sample) == 5
    spared = next(renewal for renewal in renewals if renewal["id"] not in sample)
    audited = next(renewal for renewal in renewals if renewal["id"] in sample)
    assert approved(house, spared)["state"] == "approved"
    answer = approve(house, audited)
    assert problem(answer) == (409, "audit-not-finished")
    assert len(answer.json()["activities"]) == 9
    with house.ports.database.reading(house.organisation) as session:
        rows = session.scalars(select(CpdActivity).where(CpdActivity.renewal_id == spared["id"])).all()
    assert {(row.state, row.reviewed_by) for row in rows} == {(ActivityState.LOCKED, None)}


def test_what_was_issued_for_trying_is_not_renewed_by_a_live_body(house: House) -> None:
    bought = MemoryKeys(house.now, development=False, life=timedelta(days=3000))
    live = members.opened(replace(house.ports, signer=bought), "Un'altra associazione")
    renewal = under_audit(live)
    accept_all(live)
    with live.ports.database.writing(live.organisation) as session:
        session.get_one(Organisation, live.organisation).mode = Mode.LIVE
    assert problem(approve(live, renewal)) == (409, "trial-credential")
    assert len(periods(live)) == 1


def test_before_the_draw_nothing_is_approved(house: House) -> None:
    enough(house, state=ActivityState.ACCEPTED)
    house.go_to(days(house).opens)
    renewal = filed(house)
    answer = approve(house, renewal)
    assert problem(answer) == (409, "renewal-not-movable")
    assert answer.json()["draw"] == renewal["draw"]["id"]
    drawn(house, renewal)
    approved(house, renewal)


def test_whoever_reviewed_an_activity_decides_nothing_that_rests_on_it(house: House) -> None:
    enough(house, state=ActivityState.ACCEPTED, reviewed_by=house.manager.id, provider="Scuola di prova")
    house.go_to(days(house).opens)
    renewal = filed(house)
    assert problem(approve(house, renewal)) == (403, "reviewer-decides-not")
    assert problem(refuse(house, renewal)) == (403, "reviewer-decides-not")
    assert approved(house, renewal, by=house.second_manager)["state"] == "approved"


def test_whoever_reviewed_an_older_version_decides_nothing_that_rests_on_the_newer(house: House) -> None:
    enough(house)
    house.go_to(days(house).opens)
    first = members.claimed(house, hours="4", topics={})
    path = f"/v1/cpd-activities/{first['id']}"
    assert house.manager.calls.post(f"{path}/acceptance", json={}).status_code == 200
    changed = members.fields(house, hours="4", topics={}, note="Di mattina.")
    newer = house.holder.calls.post(f"{path}/correction", json=changed)
    assert newer.status_code == 201, newer.text
    renewal = filed(house)
    drawn(house, renewal)
    accept_all(house)
    assert problem(approve(house, renewal)) == (403, "reviewer-decides-not")
    assert problem(refuse(house, renewal)) == (403, "reviewer-decides-not")
    assert approved(house, renewal, by=house.second_manager)["state"] == "approved"


def test_whoever_turned_an_activity_down_decides_nothing_in_its_cycle(house: House) -> None:
    enough(house, provider="Scuola di prova")
    ended_on = days(house).begins + timedelta(days=200)
    state = ActivityState.REJECTED
    enter(
        house,
        activity(house, house.credential, ended_on=ended_on, state=state, reviewed_by=house.manager.id),
    )
    house.go_to(days(house).opens)
    renewal = filed(house)
    accept_all(house)
    assert problem(approve(house, renewal)) == (403, "reviewer-decides-not")
    assert problem(refuse(house, renewal)) == (403, "reviewer-decides-not")
    assert refuse(house, renewal, by=house.second_manager).json()["state"] == "refused"


def test_whoever_reviewed_what_is_counted_of_the_cycle_before_does_not_decide(house: House) -> None:
    ends = days(house).ends
    house.go_to(days(house).opens)
    renewed(house)
    house.go_to(ends + 10 * DAY)
    late = activity(
        house,
        house.credential,
        ended_on=ends - 10 * DAY,
        claimed_on=house.today,
        state=ActivityState.ACCEPTED,
        reviewed_by=house.second_manager.id,
    )
    enter(house, late)
    enough(house, provider="Scuola di prova", state=ActivityState.ACCEPTED)
    house.go_to(days(house).opens)
    renewal = filed(house)
    assert late.id in {line["activity"] for line in renewal["evaluation"]["lines"]}
    by = house.second_manager
    assert problem(refuse(house, renewal, by=by)) == (403, "reviewer-decides-not")
    accept_all(house)
    assert problem(approve(house, renewal, by=by)) == (403, "reviewer-decides-not")
    assert approved(house, renewal)["state"] == "approved"


def test_whoever_granted_an_exemption_does_not_decide_the_renewal_of_its_cycle(house: House) -> None:
    asked = {"credential": house.credential, "reason": "illness", "reduction_pct": 10}
    given = house.manager.calls.post("/v1/cpd-exemptions", json=asked)
    assert given.status_code == 201, given.text
    renewal = under_audit(house)
    accept_all(house)
    assert problem(approve(house, renewal)) == (403, "reviewer-decides-not")
    assert problem(refuse(house, renewal)) == (403, "reviewer-decides-not")
    assert approved(house, renewal, by=house.second_manager)["state"] == "approved"


def test_in_an_audit_somebody_looks_at_what_a_provider_vouches_for_too(house: House) -> None:
    renewal = under_audit(house)
    accept_all(house)
    vouched = renewal["evaluation"]["lines"][0]["activity"]
    change(house, vouched, source=ActivitySource.PROVIDER, reviewed_by=None)
    answer = approve(house, renewal)
    assert problem(answer) == (409, "audit-not-finished")
    assert answer.json()["activities"] == [vouched]
    change(house, vouched, reviewed_by=house.secretary.id)
    assert approved(house, renewal)["state"] == "approved"


def test_an_answer_to_a_question_is_looked_at_also_where_nobody_was_drawn(house: House) -> None:
    people = [house.person() for _ in range(8)]
    held = [(who, house.issued_to(who).id) for who in people]
    answered = {which: enough(house, which)[0] for _, which in held}
    for which in answered.values():
        change(house, which, question="Which course was it?", reviewed_by=house.secretary.id)
    house.go_to(days(house).opens)
    renewals = [filed(house, who, which) for who, which in held]
    sample = drawn(house, renewals[0])["sample"]
    spared = next(renewal for renewal in renewals if renewal["id"] not in sample)
    answer = approve(house, spared)
    assert problem(answer) == (409, "audit-not-finished")
    assert answer.json()["activities"] == [answered[spared["credential"]]]
    path = f"/v1/cpd-activities/{answered[spared['credential']]}/acceptance"
    assert house.secretary.calls.post(path, json={}).status_code == 200
    assert approved(house, spared)["state"] == "approved"


def change(house: House, which: str, **values: Any) -> None:
    """Change an activity behind everybody's back."""
    with house.ports.database.writing(house.organisation) as session:
        for name, value in values.items():
            setattr(session.get_one(CpdActivity, which), name, value)


def test_nobody_decides_their_own(house: House) -> None:
    manager = house.person(Role.SCHEME_MANAGER, Role.REGISTRAR)
    which = house.issued_to(manager).id
    enough(house, which, state=ActivityState.ACCEPTED, provider="Scuola di prova")
    house.go_to(days(house).opens)
    renewal = filed(house, manager, which)
    path = f"/v1/renewals/{renewal['id']}"
    asked = {"reasons": "As it is."}
    for step in ("approval", "refusal", "cure"):
        assert problem(manager.calls.post(f"{path}/{step}", json=asked)) == (403, "own-renewal")
    assert approved(house, renewal)["state"] == "approved"


def test_an_audit_that_found_something_wanting_is_cured(house: House) -> None:
    renewal = under_audit(house)
    path = f"/v1/renewals/{renewal['id']}"
    ids = [line["activity"] for line in renewal["evaluation"]["lines"]]
    decided = house.secretary.calls.post(f"/v1/cpd-activities/{ids[0]}/rejection", json={"reasons": "No."})
    assert decided.status_code == 200, decided.text
    accept_all(house)
    assert problem(approve(house, renewal)) == (422, "renewal-not-eligible")
    asked = house.manager.calls.post(f"{path}/cure", json={"reasons": "The first course is not proved."})
    assert asked.status_code == 200, asked.text
    cure = asked.json()
    assert (cure["state"], cure["cure"]) == (
        "cure",
        {"reasons": "The first course is not proved.", "by": "2029-06-19"},
    )
    assert problem(approve(house, renewal)) == (409, "renewal-not-movable")
    assert problem(house.holder.calls.post(f"{path}/answer", json={})) == (422, "renewal-not-eligible")
    day = (days(house).begins + timedelta(days=90)).isoformat()
    members.claimed(
        house,
        started_on=(days(house).begins + timedelta(days=86)).isoformat(),
        ended_on=day,
        hours="16",
        topics={"responsible_ai": "3", "sustainability": "1"},
    )
    house.pass_days(20)
    answered = house.holder.calls.post(f"{path}/answer", json={})
    assert answered.status_code == 200, answered.text
    assert (answered.json()["state"], answered.json()["audit"]["reply_by"]) == ("audit", "2029-07-24")
    assert problem(approve(house, renewal)) == (409, "audit-not-finished")
    accept_all(house)
    assert approved(house, renewal)["state"] == "approved"


def test_what_an_audit_turned_down_is_corrected_in_the_cure_and_not_before(house: House) -> None:
    renewal = under_audit(house)
    path = f"/v1/renewals/{renewal['id']}"
    first = renewal["evaluation"]["lines"][0]["activity"]
    house.secretary.calls.post(f"/v1/cpd-activities/{first}/rejection", json={"reasons": "No."})
    accept_all(house)
    found = house.holder.calls.get(f"/v1/cpd-activities/{first}").json()
    asked = {name: found[name] for name in members.fields(house)} | {"proof": [members.PROOF]}
    correction = f"/v1/cpd-activities/{first}/correction"
    held = house.holder.calls.post(correction, json=asked)
    assert problem(held) == (409, "cpd-activity-closed-to-changes")
    house.manager.calls.post(f"{path}/cure", json={"reasons": "The first course is not proved."})
    corrected = house.holder.calls.post(correction, json=asked)
    assert (corrected.status_code, corrected.json()["state"]) == (201, "claimed"), corrected.text
    answered = house.holder.calls.post(f"{path}/answer", json={})
    assert answered.status_code == 200, answered.text
    assert problem(approve(house, renewal)) == (409, "audit-not-finished")
    accept_all(house)
    assert approved(house, renewal)["state"] == "approved"


def test_after_the_time_to_cure_only_a_refusal_is_left(house: House) -> None:
    renewal = under_audit(house)
    path = f"/v1/renewals/{renewal['id']}"
    house.manager.calls.post(f"{path}/cure", json={"reasons": "Prove the first course."})
    house.pass_days(31)
    assert problem(house.holder.calls.post(f"{path}/answer", json={})) == (409, "renewal-not-movable")
    assert refuse(house, renewal).json()["state"] == "refused"


def test_a_renewal_that_is_not_in_cure_waits_for_no_answer(house: House) -> None:
    renewal = under_audit(house)
    path = f"/v1/renewals/{renewal['id']}/answer"
    assert problem(house.holder.calls.post(path, json={})) == (409, "renewal-not-movable")
    assert problem(house.other.calls.post(path, json={})) == (404, "renewal-not-found")
    assert problem(house.manager.calls.post(path, json={})) == (403, "permission-missing")


def test_a_refusal_says_why_and_leaves_the_hours_alone(house: House) -> None:
    renewal = under_audit(house)
    refused = refuse(house, renewal, reasons="The courses were not held.").json()
    assert refused["state"] == "refused"
    assert refused["decision"] == {
        "outcome": "refused",
        "on": "2029-05-20",
        "reasons": "The courses were not held.",
    }
    assert periods(house) == [GRANT]
    for again in (approve(house, renewal), refuse(house, renewal)):
        assert problem(again) == (409, "renewal-not-movable")
    with house.ports.database.reading(house.organisation) as session:
        assert {row.state for row in session.scalars(select(CpdActivity))} == {ActivityState.CLAIMED}
        (event,) = [each for each in session.scalars(select(Event)) if each.topic == "renewal.refused"]
    assert "courses" not in str(event.facts)


def test_what_was_revoked_meanwhile_can_only_be_refused(house: House) -> None:
    renewal = under_audit(house)
    accept_all(house)
    with house.ports.database.writing(house.organisation) as session:
        credentials.revoke(
            session,
            house.credential,
            cause="misuse_of_mark",
            reasons="Another's paper.",
            by=house.registrar.actor,
            at=house.now,
        )
    answer = approve(house, renewal)
    assert problem(answer) == (409, "credential-not-active")
    assert "only be refused" in answer.json()["detail"]
    cure = house.manager.calls.post(f"/v1/renewals/{renewal['id']}/cure", json={"reasons": "Mend."})
    assert problem(cure) == (409, "credential-not-active")
    assert refuse(house, renewal).json()["state"] == "refused"


def test_a_suspension_ends_before_a_renewal_is_approved(house: House) -> None:
    renewal = under_audit(house)
    accept_all(house)
    with house.ports.database.writing(house.organisation) as session:
        credentials.suspend(
            session,
            house.credential,
            cause="own_request",
            reasons="Asked.",
            review_on=None,
            by=house.registrar.actor,
            at=house.now,
        )
    answer = approve(house, renewal)
    assert problem(answer) == (409, "credential-not-active")
    assert answer.json()["state"] == "suspended"
    assert "once the suspension has ended" in answer.json()["detail"]
    with house.ports.database.writing(house.organisation) as session:
        credentials.reinstate(
            session, house.credential, reasons="Over.", by=house.registrar.actor, at=house.now
        )
    assert approved(house, renewal)["state"] == "approved"


def test_a_membership_that_ended_meanwhile_holds_the_approval_up(house: House) -> None:
    renewal = under_audit(house)
    accept_all(house)
    with house.ports.database.writing(house.organisation) as session:
        mine = select(Membership).where(Membership.person_id == house.holder.id)
        session.scalars(mine).one().to_day = house.today - DAY
    assert problem(approve(house, renewal)) == (422, "membership-not-valid")


@pytest.mark.parametrize(
    "interview",
    [
        None,
        {"held_on": "2030-07-02", "minutes": "Tomorrow."},
        {"held_on": "2029-11-20", "minutes": "Before it ended."},
    ],
    ids=["none", "in the future", "before the end"],
)
def test_a_reinstatement_needs_an_interview(house: House, interview: dict[str, str] | None) -> None:
    enough(house, state=ActivityState.ACCEPTED)
    house.go_to(date(2030, 7, 1))
    renewal = filed(house)
    assert renewal["kind"] == "reinstatement"
    assert problem(approve(house, renewal, interview=interview)) == (422, "interview-required")
    held = {"held_on": "2030-06-30", "minutes": "They know their trade still."}
    assert approved(house, renewal, interview=held)["period"] == {
        "seq": 2,
        "valid_from": "2030-07-01",
        "valid_until": "2032-11-20",
        "ended_on": None,
    }


def test_days_are_counted_from_the_anchor_also_when_periods_become_longer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = under_audit(house)
    accept_all(house)

    class Later:
        """Schemes of which a version with longer periods has come into force."""

        def in_force(self, _scheme_id: str, _day: date) -> Scheme:
            validity = replace(SCHEME.validity, period=Span(years=5))
            return replace(SCHEME, version="9.0.0", validity=validity)

    monkeypatch.setattr(deciding, "catalogue", Later)
    assert approved(house, renewal)["period"]["valid_until"] == "2032-11-20"
    assert {period.scheme_version for period in credential(house).periods} == {SCHEME.version}


def test_50_approvals_at_once_yield_one_period_and_one_document(house: House) -> None:
    enough(house, state=ActivityState.ACCEPTED)
    house.go_to(days(house).opens)
    renewal = filed(house)
    drawn(house, renewal)
    callers = [(house.manager, house.second_manager, house.registrar)[n % 3].calls for n in range(MANY)]
    path = f"/v1/renewals/{renewal['id']}/approval"
    got = at_once(*(partial(caller.post, path, json={}) for caller in callers))
    answers = [answer for answer in got if isinstance(answer, httpx.Response)]
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * (MANY - 1)]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {
        "renewal-not-movable"
    }
    with house.ports.database.reading(house.organisation) as session:
        mine = select(Period).where(Period.credential_id == house.credential)
        assert [period.kind for period in session.scalars(mine.order_by(Period.seq))] == ["grant", "renewal"]
        made = session.scalars(select(Document.format).join(Period).where(Period.seq == 2)).all()
        assert sorted(made) == ["qr", "vc+jwt"]
        assert session.scalars(select(Intent)).all() == []
        events = [each.topic for each in session.scalars(select(Event))]
    assert events.count("renewal.approved") == 1


def test_an_approval_and_a_refusal_at_once_leave_one_decision(house: House) -> None:
    enough(house, state=ActivityState.ACCEPTED)
    house.go_to(days(house).opens)
    renewal = filed(house)
    drawn(house, renewal)
    got = at_once(
        *(partial(approve, house, renewal, by=house.manager) for _ in range(4)),
        *(partial(refuse, house, renewal, by=house.second_manager) for _ in range(4)),
    )
    answers = [answer for answer in got if isinstance(answer, httpx.Response)]
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    with house.ports.database.reading(house.organisation) as session:
        state = session.scalars(select(Renewal)).one().state
    assert len(periods(house)) == (2 if state == "approved" else 1)


@dataclass
class Moody:
    """A signer that refuses to seal until it is told to."""

    keys: MemoryKeys
    willing: bool = False

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        return self.keys.current(slot, body)

    def published(self) -> tuple[PublicKey, ...]:
        return self.keys.published()

    def anchors(self) -> tuple[bytes, ...]:
        return self.keys.anchors()

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        if not self.willing:
            raise SigningFailed("The token is not plugged in.")
        return self.keys.sign(thumbprint, message)


def test_a_signer_that_fails_leaves_an_approved_renewal_that_a_worker_finishes(
    house: House, keys: MemoryKeys
) -> None:
    enough(house, state=ActivityState.ACCEPTED, provider="Scuola di prova")
    house.go_to(days(house).opens)
    renewal = filed(house)
    signer = Moody(keys)
    moody = replace(house.ports, signer=signer)
    path = f"/v1/renewals/{renewal['id']}"
    answer = make.caller(create_app(moody), house.manager.token).post(f"{path}/approval", json={})
    assert problem(answer) == (409, "signing-failed")
    assert answer.json()["renewal"] == renewal["id"]
    stands = house.holder.calls.get(path).json()
    assert (stands["state"], stands["period"]["valid_from"]) == ("approved", "2029-11-21")
    with house.ports.database.reading(house.organisation) as session:
        intent = session.scalars(select(Intent).where(Intent.format == "vc+jwt")).one()
    assert credential(house).periods[1].documents == []
    signer.willing = True
    house.pass_days(1)
    worker(moody).drain()
    made = document(credential(house).periods[1])
    assert (made.id, made.jti) == (intent.id, intent.jti)


def test_two_who_reviewed_and_decided_are_two_people(house: House) -> None:
    """One who is secretary and scheme manager at once does one or the other."""
    both: Someone = house.person(Role.SECRETARIAT, Role.SCHEME_MANAGER)
    renewal = under_audit(house)
    first = renewal["evaluation"]["lines"][0]["activity"]
    assert both.calls.post(f"/v1/cpd-activities/{first}/acceptance", json={}).status_code == 200
    accept_all(house)
    assert problem(approve(house, renewal, by=both)) == (403, "reviewer-decides-not")
    assert approved(house, renewal)["state"] == "approved"


def test_a_filing_after_the_approval_waits_for_the_next_window(house: House) -> None:
    house.go_to(days(house).opens)
    renewed(house)
    answer = file(house)
    assert problem(answer) == (409, "renewal-not-open")
    assert answer.json()["opens_on"] == "2032-05-20"
