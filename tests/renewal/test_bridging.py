"""What happens by itself: a bridge for whom a review keeps waiting, and the end of what nobody renewed."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.credentials import service as credentials
from app.credentials.models import Credential, Intent, Period
from app.formats.bitstring import MAX_TOKEN, read_status_list
from app.formats.jose import open_compact
from app.main import create_app, worker
from app.organisations.models import Membership, Mode
from app.outbox.trail import Event
from app.ports import Ports, Slot
from app.renewal import bridging
from app.renewal.models import CpdActivity, Renewal
from app.renewal.states import ActivityState
from app.status.errors import SigningFailed
from tests import make
from tests.conftest import START
from tests.credentials.test_races import at_once
from tests.fakes_keys import MemoryKeys
from tests.renewal import members
from tests.renewal.conftest import LONG
from tests.renewal.members import House, problem
from tests.renewal.renewing import (
    DAY,
    accept_all,
    activity,
    approve,
    approved,
    code,
    credential,
    document,
    enough,
    enter,
    file,
    filed,
    periods,
    refuse,
    standing,
    verified,
)
from tests.renewal.test_deciding import Moody

GRANT = ("grant", date(2026, 11, 20), date(2029, 11, 20))
LAST = date(2029, 11, 20)
GRACE_ENDS = date(2030, 2, 18)
YEAR_LATER = date(2030, 11, 20)


@pytest.fixture
def keys() -> MemoryKeys:
    """Bought keys of these tests' own: years go by, and seals are made anew."""
    return MemoryKeys(START, development=False, life=LONG)


@pytest.fixture
def house(ports: Ports, keys: MemoryKeys) -> House:
    """A house that means what it issues."""
    return members.opened(replace(ports, signer=keys), mode=Mode.LIVE)


def go_to(house: House, keys: MemoryKeys, day: date) -> None:
    """Let years go by, and buy a new seal for the old one."""
    house.go_to(day)
    for slot in Slot:
        keys.rotate(slot, house.now)


def under_review(house: House, keys: MemoryKeys, filed_on: date) -> dict[str, Any]:
    """A renewal that is audited, filed on a day; the issuing body takes its time."""
    enough(house, provider="Scuola di prova")
    go_to(house, keys, filed_on)
    renewal = filed(house)
    assert renewal["state"] == "audit"
    return renewal


def bridge_of(house: House) -> Period:
    (bridge,) = [each for each in credential(house).periods if each.kind == "bridge"]
    return bridge


def bits(house: House, period: Period) -> tuple[bool, bool]:
    """Whether the public lists say revoked and suspended of a period's document."""
    list_id, index = make.place(document(period))
    found = []
    for purpose in ("revocation", "suspension"):
        answer = house.holder.calls.get(f"/status/{list_id}-{purpose}")
        assert answer.status_code == 200
        listed = read_status_list(open_compact(answer.text, limit=MAX_TOKEN).payload).bits
        found.append(listed.is_set(index))
    return found[0], found[1]


def test_i38_a_bridge_is_issued_before_the_end_and_holds_from_the_day_after(
    house: House, keys: MemoryKeys
) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    house.go_to(LAST - 2 * DAY)
    house.work()
    assert periods(house) == [GRANT]
    house.go_to(LAST - DAY)
    house.work()
    assert periods(house) == [GRANT, ("bridge", LAST + DAY, GRACE_ENDS)]
    shown = house.holder.calls.get(f"/v1/renewals/{renewal['id']}").json()
    assert shown["bridge"] == {
        "seq": 2,
        "valid_from": "2029-11-21",
        "valid_until": "2030-02-18",
        "ended_on": None,
    }
    token = document(bridge_of(house)).token
    assert code(verified(house, token), "validity_period") == "not-yet-valid"
    house.go_to(LAST + DAY)
    for report in (verified(house, token), verified(house)):
        assert (report["result"], report["credential"]["state"]) == ("valid", "active")
        assert code(report, "validity_period") == "in-bridge"
        (said,) = [each["reason"] for each in report["checks"] if each["id"] == "validity_period"]
        assert "filed in time and is under review" in said["en"]
        assert report["headline"]["en"] == "Valid today, 21 November 2029, until 18 February 2030"
    house.work()
    assert len(periods(house)) == 2


def test_i38_the_approval_takes_the_bridges_place_without_a_gap_and_without_an_overlap(
    house: House, keys: MemoryKeys
) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    old = document(credential(house).periods[0]).token
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(date(2030, 1, 10))
    accept_all(house)
    approved(house, renewal)
    house.work()
    assert periods(house) == [
        GRANT,
        ("bridge", LAST + DAY, date(2030, 1, 9)),
        ("renewal", date(2030, 1, 10), date(2032, 11, 20)),
    ]
    bridge = bridge_of(house)
    assert bridge.valid_until == GRACE_ENDS
    assert (bits(house, bridge), document(bridge).superseded_at) == ((True, False), house.now)
    by_bridge, by_old, by_number = (
        verified(house, document(bridge).token),
        verified(house, old),
        verified(house),
    )
    assert code(by_bridge, "validity_period") == "expired-renewed"
    assert code(by_bridge, "register_match") == "register-agrees"
    assert code(by_bridge, "superseded") == "superseded-renewed"
    assert (by_bridge["result"], by_bridge["credential"]["state"]) == ("invalid", "superseded")
    assert "ended on 9 January 2030, and it was renewed" in by_bridge["headline"]["en"]
    assert (by_old["result"], by_old["credential"]["state"]) == ("invalid", "superseded")
    assert (by_number["result"], code(by_number, "validity_period")) == ("valid", "in-period")
    assert by_number["credential"]["valid_from"] == "2030-01-10T00:00:00+01:00"


def test_i38_a_refusal_ends_the_bridge(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    old = document(credential(house).periods[0]).token
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(date(2029, 12, 10))
    assert verified(house)["result"] == "valid"
    assert refuse(house, renewal).status_code == 200
    house.ports.clock.at = house.now + timedelta(seconds=2)  # type: ignore[attr-defined] # a set clock
    house.work()
    assert periods(house) == [GRANT, ("bridge", LAST + DAY, date(2029, 12, 9))]
    bridge = bridge_of(house)
    assert bits(house, bridge) == (True, False)
    for report in (verified(house), verified(house, document(bridge).token)):
        assert (report["result"], report["credential"]["state"]) == ("invalid", "expired")
        assert code(report, "validity_period") == "expired"
        assert code(report, "superseded") == "newest"
        assert code(report, "register_match") == "register-agrees"
        assert report["headline"]["en"].endswith("its validity ended on 9 December 2029")
    # The bridge that was refused is nothing that the old document could be exchanged for.
    assert code(verified(house, old), "validity_period") == "expired"
    assert code(verified(house, old), "superseded") == "newest"
    house.work()
    assert len(periods(house)) == 2


def test_the_old_document_points_to_the_bridge_while_it_holds(house: House, keys: MemoryKeys) -> None:
    under_review(house, keys, LAST - timedelta(days=30))
    old = document(credential(house).periods[0]).token
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(LAST + DAY)
    report = verified(house, old)
    assert code(report, "validity_period") == "expired-bridged"
    (said,) = [each["reason"] for each in report["checks"] if each["id"] == "superseded"]
    assert "valid from 21 November 2029 through 18 February 2030" in said["en"]
    house.go_to(GRACE_ENDS + DAY)
    assert code(verified(house), "validity_period") == "expired"


def test_a_bridge_that_never_began_holds_on_no_day(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(LAST)
    accept_all(house)
    approved(house, renewal)
    assert periods(house) == [
        GRANT,
        ("bridge", LAST + DAY, LAST),
        ("renewal", LAST + DAY, date(2032, 11, 20)),
    ]
    token = document(bridge_of(house)).token
    for day in (LAST, LAST + DAY, GRACE_ENDS + DAY):
        house.go_to(day)
        report = verified(house, token)
        assert (report["result"], code(report, "validity_period")) == ("invalid", "bridge-not-needed")
    assert code(verified(house, token), "superseded") == "superseded-renewed"
    house.go_to(LAST)
    assert code(verified(house), "validity_period") == "in-period"
    house.go_to(LAST + DAY)
    assert verified(house)["credential"]["valid_until"] == "2032-11-20T23:59:59+01:00"


def test_i38_whoever_filed_29_days_before_the_end_has_no_bridge(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=29))
    for day in (LAST - DAY, LAST, LAST + DAY, LAST + 10 * DAY):
        house.go_to(day)
        house.work()
    assert periods(house) == [GRANT]
    report = verified(house)
    assert (report["result"], code(report, "validity_period")) == ("invalid", "expired-renewable")
    accept_all(house)
    approved(house, renewal)
    assert periods(house) == [GRANT, ("renewal", LAST + 10 * DAY, date(2032, 11, 20))]


def test_no_bridge_while_it_is_the_holder_who_has_to_mend_something(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=60))
    house.go_to(LAST - timedelta(days=20))
    path = f"/v1/renewals/{renewal['id']}"
    assert house.manager.calls.post(f"{path}/cure", json={"reasons": "Prove it."}).status_code == 200
    house.go_to(LAST - DAY)
    house.work()
    assert not bridging.bridge(house.ports, house.organisation, renewal["id"], at=house.now)
    assert periods(house) == [GRANT]
    assert house.holder.calls.post(f"{path}/answer", json={}).status_code == 200
    house.work()
    assert periods(house) == [GRANT, ("bridge", LAST + DAY, GRACE_ENDS)]


def test_no_bridge_while_a_question_has_no_answer(house: House, keys: MemoryKeys) -> None:
    day = LAST - timedelta(days=200)
    extra = activity(house, house.credential, ended_on=day, hours=2, provider="Scuola di prova")
    enter(house, extra)
    under_review(house, keys, LAST - timedelta(days=60))
    path = f"/v1/cpd-activities/{extra.id}"
    asked = house.secretary.calls.post(f"{path}/query", json={"question": "Which course was it?"})
    assert asked.status_code == 200, asked.text
    ledger = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd").json()
    assert (ledger["satisfied"], ledger["counted"]) == (True, "96")
    house.go_to(LAST - DAY)
    house.work()
    assert periods(house) == [GRANT]
    state(house, extra.id, ActivityState.CLAIMED)
    house.work()
    assert len(periods(house)) == 2


def test_no_bridge_where_what_counts_is_no_longer_enough(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=60))
    first = renewal["evaluation"]["lines"][0]["activity"]
    state(house, first, ActivityState.REJECTED)
    house.go_to(LAST - DAY)
    house.work()
    assert periods(house) == [GRANT]


def state(house: House, which: str, becomes: ActivityState) -> None:
    """Put an activity into a state, behind everybody's back."""
    with house.ports.database.writing(house.organisation) as session:
        session.get_one(CpdActivity, which).state = becomes


def test_a_bridge_lasts_no_longer_than_the_time_to_mend_the_renewal(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=60))
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(LAST + 5 * DAY)
    asked = house.manager.calls.post(f"/v1/renewals/{renewal['id']}/cure", json={"reasons": "Prove it."})
    mended_by = LAST + 35 * DAY
    assert asked.json()["cure"]["by"] == mended_by.isoformat()
    house.go_to(mended_by)
    house.work()
    assert verified(house)["result"] == "valid"
    house.go_to(mended_by + DAY)
    for _ in range(2):
        house.work()
        assert periods(house) == [GRANT, ("bridge", LAST + DAY, mended_by)]
    assert bits(house, bridge_of(house)) == (True, False)
    house.ports.clock.at = house.now + timedelta(seconds=2)  # type: ignore[attr-defined] # a set clock
    for report in (verified(house), verified(house, document(bridge_of(house)).token)):
        assert (report["result"], code(report, "validity_period")) == ("invalid", "expired")
    with house.ports.database.reading(house.organisation) as session:
        topics = [event.topic for event in session.scalars(select(Event))]
    assert topics.count("renewal.bridge-withdrawn") == 1
    assert refuse(house, renewal).json()["state"] == "refused"
    assert periods(house) == [GRANT, ("bridge", LAST + DAY, mended_by)]


def in_a_gap(house: House, keys: MemoryKeys) -> tuple[Moody, Ports]:
    """A renewal that was approved while its holder had a bridge, and whose document cannot be signed."""
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(date(2030, 1, 10))
    accept_all(house)
    signer = Moody(keys)
    moody = replace(house.ports, signer=signer)
    caller = make.caller(create_app(moody), house.manager.token)
    answer = caller.post(f"/v1/renewals/{renewal['id']}/approval", json={})
    assert problem(answer) == (409, "signing-failed")
    wait(house)
    return signer, moody


def wait(house: House, seconds: int = 2) -> None:
    house.ports.clock.at = house.now + timedelta(seconds=seconds)  # type: ignore[attr-defined] # a set clock


def test_i38_a_signer_that_fails_takes_no_hour_from_a_holder_in_a_bridge(
    house: House, keys: MemoryKeys
) -> None:
    signer, moody = in_a_gap(house, keys)
    token = document(bridge_of(house)).token
    old = document(credential(house).periods[0]).token
    worker(moody).drain()
    for report in (verified(house), verified(house, token)):
        assert (report["result"], report["credential"]["state"]) == ("valid", "active")
        assert code(report, "validity_period") == "in-bridge"
        assert code(report, "superseded") == "newest"
    assert code(verified(house, old), "validity_period") == "expired-bridged"
    assert bits(house, bridge_of(house)) == (False, False)
    signer.willing = True
    wait(house, 3600)
    worker(moody).drain()
    assert periods(house)[1:] == [
        ("bridge", LAST + DAY, date(2030, 1, 9)),
        ("renewal", date(2030, 1, 10), date(2032, 11, 20)),
    ]
    assert code(verified(house), "validity_period") == "in-period"
    report = verified(house, token)
    assert (report["result"], code(report, "validity_period")) == ("invalid", "expired-renewed")
    assert bits(house, bridge_of(house)) == (True, False)


@pytest.mark.parametrize("how", ["suspended", "revoked"])
def test_what_happens_before_the_new_document_is_signed_happens_to_the_bridge(
    house: House, keys: MemoryKeys, how: str
) -> None:
    signer, moody = in_a_gap(house, keys)
    if how == "suspended":
        suspend(house)
    else:
        revoke(house)
    wait(house)
    token = document(bridge_of(house)).token
    for report in (verified(house), verified(house, token)):
        assert (report["result"], report["credential"]["state"]) == ("invalid", how)
    signer.willing = True
    wait(house, 3600)
    worker(moody).drain()
    assert verified(house)["credential"]["state"] == how
    assert bits(house, bridge_of(house)) == (True, False)
    assert bits(house, credential(house).periods[2]) == (how == "revoked", how == "suspended")


def revoke(house: House) -> None:
    with house.ports.database.writing(house.organisation) as session:
        credentials.revoke(
            session,
            house.credential,
            cause="misuse_of_mark",
            reasons="Another's paper.",
            by=house.registrar.actor,
            at=house.now,
        )


def test_a_bridge_that_was_never_signed_holds_for_nobody(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    house.go_to(LAST - DAY)
    signer = Moody(keys)
    moody = replace(house.ports, signer=signer)
    with pytest.raises(SigningFailed):
        bridging.bridge(moody, house.organisation, renewal["id"], at=house.now)
    house.go_to(date(2030, 1, 10))
    accept_all(house)
    caller = make.caller(create_app(moody), house.manager.token)
    assert problem(caller.post(f"/v1/renewals/{renewal['id']}/approval", json={})) == (409, "signing-failed")
    wait(house)
    assert verified(house)["result"] == "invalid"
    signer.willing = True
    wait(house, 3600)
    worker(moody).drain()
    assert bits(house, bridge_of(house)) == (True, False)
    assert code(verified(house), "validity_period") == "in-period"
    token = document(bridge_of(house)).token
    assert code(verified(house, token), "validity_period") == "expired-renewed"


def test_after_a_refusal_nobody_is_told_that_it_may_be_renewed(house: House, keys: MemoryKeys) -> None:
    old = document(credential(house).periods[0]).token
    enough(house)
    go_to(house, keys, LAST + 5 * DAY)
    renewal = filed(house)
    assert code(verified(house), "validity_period") == "expired-renewable"
    assert refuse(house, renewal).status_code == 200
    wait(house)
    for report in (verified(house), verified(house, old)):
        assert code(report, "validity_period") == "expired"
        assert "renewed" not in report["headline"]["en"]
    assert code(verified(house, number=house.other_number), "validity_period") == "expired-renewable"


def test_no_bridge_for_what_was_decided(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=60))
    refuse(house, renewal)
    house.go_to(LAST - DAY)
    house.work()
    assert periods(house) == [GRANT]


def test_a_suspended_holder_gets_a_bridge_when_the_suspension_ends(house: House, keys: MemoryKeys) -> None:
    under_review(house, keys, LAST - timedelta(days=60))
    suspend(house)
    house.go_to(LAST - DAY)
    house.work()
    assert periods(house) == [GRANT]
    house.go_to(date(2029, 12, 5))
    with house.ports.database.writing(house.organisation) as session:
        by = house.registrar.actor
        credentials.reinstate(session, house.credential, reasons="Over.", by=by, at=house.now)
    house.work()
    assert periods(house) == [GRANT, ("bridge", date(2029, 12, 5), GRACE_ENDS)]


def suspend(house: House) -> None:
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


def test_whoever_left_the_association_gets_no_bridge(house: House, keys: MemoryKeys) -> None:
    under_review(house, keys, LAST - timedelta(days=60))
    house.go_to(LAST - DAY)
    with house.ports.database.writing(house.organisation) as session:
        mine = select(Membership).where(Membership.person_id == house.holder.id)
        session.scalars(mine).one().to_day = house.today - DAY
    house.work()
    assert periods(house) == [GRANT]


def test_many_workers_make_one_bridge(house: House, keys: MemoryKeys) -> None:
    under_review(house, keys, LAST - timedelta(days=60))
    house.go_to(LAST - DAY)
    assert at_once(*[bridging.duty(house.ports) for _ in range(8)]) == [None] * 8
    assert len(periods(house)) == 2
    assert document(bridge_of(house)).superseded_at is None
    with house.ports.database.reading(house.organisation) as session:
        assert session.scalars(select(Intent)).all() == []
        topics = [event.topic for event in session.scalars(select(Event))]
    assert topics.count("renewal.bridged") == 1


def test_one_renewal_that_cannot_be_bridged_keeps_no_other_waiting(house: House, keys: MemoryKeys) -> None:
    under_review(house, keys, LAST - timedelta(days=60))
    enough(house, house.other_credential)
    spoilt = filed(house, house.other, house.other_credential)
    with house.ports.database.writing(house.organisation) as session:
        session.get_one(Renewal, spoilt["id"]).scheme_version = "9.9.9"
    house.go_to(LAST - DAY)
    house.work()
    assert len(periods(house)) == 2
    assert len(periods(house, house.other_credential)) == 1


def test_a_bridge_and_an_approval_at_once_never_overlap(house: House, keys: MemoryKeys) -> None:
    renewal = under_review(house, keys, LAST - timedelta(days=60))
    accept_all(house)
    house.go_to(LAST + 5 * DAY)
    got = at_once(bridging.duty(house.ports), lambda: approve(house, renewal), bridging.duty(house.ports))
    assert [each.status_code for each in got if each is not None] == [200]  # type: ignore[union-attr] # an answer
    house.work()
    found = periods(house)
    assert found[-1] == ("renewal", LAST + 5 * DAY, date(2032, 11, 20))
    assert [kind for kind, _, _ in found] in (["grant", "renewal"], ["grant", "bridge", "renewal"])
    with house.ports.database.reading(house.organisation) as session:
        assert session.scalars(select(Intent)).all() == []


def test_deciding_and_publishing_at_once_wait_for_each_other_in_one_order(
    house: House, keys: MemoryKeys
) -> None:
    people = [house.person() for _ in range(8)]
    held = [(who, house.issued_to(who).id) for who in people]
    for _, which in held:
        enough(house, which, provider="Scuola di prova", state=ActivityState.ACCEPTED)
    go_to(house, keys, LAST - timedelta(days=60))
    renewals = [filed(house, who, which) for who, which in held]
    house.go_to(LAST - DAY)
    house.work()
    house.go_to(LAST + 5 * DAY)
    got = at_once(
        *(partial(approve, house, renewal) for renewal in renewals[:4]),
        *(partial(refuse, house, renewal) for renewal in renewals[4:]),
        *(partial(publish, house) for _ in range(4)),
    )
    answers = [each for each in got if isinstance(each, httpx.Response)]
    assert [answer.status_code for answer in answers] == [200] * 8
    house.work()
    for place, (_, which) in enumerate(held):
        found = periods(house, which)
        assert [kind for kind, _, _ in found] == ["grant", "bridge", "renewal"][: 3 if place < 4 else 2]
        bridge = credential(house, which).periods[1]
        assert (bridge.ended_on, bits(house, bridge)) == (LAST + 4 * DAY, (True, False))


def publish(house: House) -> None:
    """Publish every list again and again, as workers do while decisions are taken."""
    for _ in range(10):
        worker(house.ports).run_once()


def test_i25_what_nobody_renewed_lapses_for_good(house: House, keys: MemoryKeys) -> None:
    old = document(credential(house).periods[0]).token
    enough(house, state=ActivityState.ACCEPTED)
    go_to(house, keys, YEAR_LATER)
    house.work()
    assert credential(house).closed_at is None
    assert standing(house)["phase"] == "reinstatement"
    assert code(verified(house), "validity_period") == "expired"
    house.go_to(YEAR_LATER + DAY)
    house.work()
    assert credential(house).closed_at == house.now
    for report in (verified(house), verified(house, old)):
        assert (report["result"], report["credential"]["state"]) == ("invalid", "lapsed")
        assert code(report, "status") == "status-lapsed"
        assert report["headline"]["en"].endswith("it has lapsed")
    page = make.caller(house.app).get(f"/v/{house.number}?lang=it").text
    assert "Decaduto" in page
    assert "il tempo per rinnovarlo \N{LATIN SMALL LETTER E WITH GRAVE} passato" in page
    assert problem(file(house)) == (409, "credential-not-active")
    stands = standing(house)
    assert (stands["phase"], stands["may_file"]) == ("lapsed", False)
    assert stands["why_not"][0]["detail"]["en"].startswith("The credential has lapsed, for good")
    listed = house.holder.calls.get(f"/v1/credentials/{house.credential}").json()
    assert listed["state"] == "lapsed"
    with house.ports.database.reading(house.organisation) as session:
        lapsed = [event for event in session.scalars(select(Event)) if event.topic == "credential.lapsed"]
    assert {event.about["credential"] for event in lapsed} == {house.credential, house.other_credential}
    revoked = house.registrar.calls.post(
        f"/v1/credentials/{house.credential}/revocation",
        json={"cause": "misuse_of_mark", "reasons": "Too late."},
    )
    assert problem(revoked) == (409, "credential-not-movable")


def test_after_a_lapse_a_new_credential_can_be_granted(house: House, keys: MemoryKeys) -> None:
    go_to(house, keys, YEAR_LATER + DAY)
    house.work()
    again = house.issued_to(house.holder)
    assert again.id != house.credential
    with house.ports.database.reading(house.organisation) as session:
        held = session.scalars(
            select(Credential).where(Credential.holder_id == house.holder.id, Credential.closed_at.is_(None))
        ).one()
        assert (held.id, held.anchor) == (again.id, YEAR_LATER + DAY)
    assert verified(house, number=again.number)["result"] == "valid"


def test_what_waits_for_a_decision_does_not_lapse(house: House, keys: MemoryKeys) -> None:
    enough(house, state=ActivityState.ACCEPTED)
    go_to(house, keys, YEAR_LATER)
    renewal = filed(house)
    house.pass_days(20)
    house.work()
    assert credential(house).closed_at is None
    interview = {"held_on": house.today.isoformat(), "minutes": "They know their trade still."}
    assert approved(house, renewal, interview=interview)["period"]["valid_until"] == "2032-11-20"
    house.work()
    assert verified(house)["result"] == "valid"


def test_what_was_refused_at_last_lapses(house: House, keys: MemoryKeys) -> None:
    enough(house)
    go_to(house, keys, YEAR_LATER)
    renewal = filed(house)
    house.pass_days(20)
    refuse(house, renewal)
    worker(house.ports).drain()
    assert credential(house).closed_at is not None
