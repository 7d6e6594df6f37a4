"""Decisions that were taken elsewhere: recorded by minutes, imported, issued, and known for what they are."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from app.batches import carrying, queries, service
from app.batches.errors import MinutesTooOld
from app.batches.models import BatchRow
from app.batches.rules import IMPORTED_WITHIN, Kind, RowState
from app.core.errors import JsonValue
from app.credentials import issuing
from app.decisions.models import Decision, Minutes
from app.dossiers.models import Dossier
from app.events.queries import events_after
from app.events.rules import EventType
from app.organisations.models import Membership, Person
from app.outbox import trail
from app.outbox.trail import Event
from tests.batches.desk import HELD, SIGNED, Desk, decision, member
from tests.fakes import SetClock
from tests.postgres import as_owner
from tests.status.failing import FailingKeys


def test_minutes_are_recorded_by_a_person_with_the_file_that_was_signed(desk: Desk) -> None:
    answer = desk.minutes(decisions=12)
    recorded = answer.json()
    assert answer.status_code == 201
    assert {name: recorded[name] for name in ("members", "eligible", "present", "needed", "decisions")} == {
        "members": 7,
        "eligible": 6,
        "present": 5,
        "needed": 3,
        "decisions": 12,
    }
    path = f"/v1/minutes/{recorded['id']}"
    assert desk.calls("auditor").get(path).json() == recorded
    fetched = desk.calls("auditor").get(f"{path}/file")
    assert fetched.content == SIGNED
    assert fetched.headers["content-disposition"].startswith("attachment")
    assert desk.calls("secretary").get(path).status_code == 403


@pytest.mark.parametrize(
    ("stated", "status", "code"),
    [
        pytest.param({"present": 2}, 409, "no-quorum", id="too few were there"),
        pytest.param(
            {"eligible": 7, "present": 7, "members": 6}, 422, "minutes-wrong", id="more than members"
        ),
        pytest.param({"present": 6, "eligible": 5}, 422, "minutes-wrong", id="more than may vote"),
        pytest.param({"held_on": "2026-11-21"}, 422, "meeting-not-held", id="a day to come"),
        pytest.param({"held_on": "2001-01-01"}, 404, "scheme-not-found", id="before the scheme"),
        pytest.param({"scheme": "no/scheme"}, 404, "scheme-not-found", id="no scheme"),
        pytest.param({"decisions": 0}, 422, "malformed", id="no decision"),
    ],
)
def test_minutes_that_prove_no_quorum_are_refused(
    desk: Desk, stated: dict[str, JsonValue], status: int, code: str
) -> None:
    answer = desk.minutes(**stated)  # type: ignore[arg-type] # figures and words alike
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert desk.count()["minutes"] == 0


def test_what_was_decided_elsewhere_becomes_a_credential_and_says_where_it_was_decided(desk: Desk) -> None:
    minutes = desk.recorded()
    row = decision(1, reasons="Come da verbale.")
    ended = desk.done("decisions", [row, decision(2)], minutes=minutes)
    assert ended["counts"] == {"queued": 0, "ok": 2, "failed": 0, "skipped": 0}
    first = desk.results(ended["id"])[0]
    told = desk.calls().get(f"/v1/decisions/{first['decision']}").json()
    assert told["elsewhere"]["minutes"] == minutes
    assert (told["status"], told["outcome"], told["decided_on"]) == ("published", "grant", HELD.isoformat())
    assert told["tally"] == {"grant": 4, "refuse": 1, "defer": 0, "abstain": 0}
    assert told["quorum"] == {"needed": 3, "present": 5, "ok": True}
    assert desk.calls("chair").get(f"/v1/decisions/{first['decision']}").json() == told, "no ties to declare"
    credential = desk.calls().get(f"/v1/credentials/{first['credential']}").json()
    assert credential["state"] == "active"
    dossier = desk.calls("secretary").get(f"/v1/dossiers/{first['dossier']}").json()
    assert dossier["status"] == "decided"
    with desk.ports.database.reading(desk.organisation_id) as session:
        kept = session.get_one(Decision, first["decision"])
        sha256 = session.get_one(Minutes, minutes).sha256
        content = trail.canonical({"minutes": sha256, "row": row})
        assert kept.case_file_hash == trail.salted_digest(kept.salt, content)
        assert kept.published_by == desk.actors["chair"].id, "whoever recorded the minutes vouches"
        steps = session.get_one(Dossier, first["dossier"]).history
        assert [(step.status, step.actor_id) for step in steps] == [("decided", desk.actors["registrar"].id)]
        assert minutes in str(steps[0].reasons)
        events = session.scalars(select(Event).where(Event.topic == "decision.imported")).all()
        assert [event.about["minutes"] for event in events] == [minutes, minutes]
        assert "Esempio1" not in json.dumps([[event.about, event.facts] for event in events])
    while trail.append(desk.ports.database):
        pass
    with desk.ports.database.reading(desk.organisation_id) as session:
        feed = events_after(session, 0, types=(EventType.DECISION_PUBLISHED,), limit=10).told
    assert [dict(each.data) for each in feed] == [
        {"dossier": each["dossier"], "decision": each["decision"], "outcome": "grant"}
        for each in desk.results(ended["id"])
    ]


@pytest.mark.parametrize(
    ("changed", "place", "code"),
    [
        pytest.param({"outcome": "refuse"}, "outcome", "literal-error", id="a refusal"),
        pytest.param({"votes": {"for": 2, "against": 2}}, "votes", "no-majority", id="a tie"),
        pytest.param({"votes": {"for": 1, "against": 0}}, "votes", "no-quorum", id="one vote"),
        pytest.param(
            {"votes": {"for": 6, "against": 0}}, "votes", "votes-not-countable", id="more than were there"
        ),
        pytest.param({"decided_on": "2026-11-18"}, "decided_on", "another-day", id="another day"),
        pytest.param({"membership": None}, "membership", "missing", id="no member"),
    ],
)
def test_a_row_that_the_minutes_do_not_bear_out_is_refused_at_once(
    desk: Desk, changed: dict[str, JsonValue], place: str, code: str
) -> None:
    answer = desk.send("decisions", [decision(1, **changed)], minutes=desk.recorded())
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (f"#/rows/0/{place}", code)
    assert desk.count()["batch"] == 0


def test_abstaining_counts_for_the_quorum_and_not_for_the_majority(desk: Desk) -> None:
    row = decision(1, votes={"for": 1, "against": 0, "abstained": 4})
    assert desk.done("decisions", [row], minutes=desk.recorded())["counts"]["ok"] == 1


def test_no_more_is_imported_than_the_minutes_state(desk: Desk) -> None:
    minutes = desk.recorded(decisions=2)
    too_many = desk.send("decisions", [decision(number) for number in range(3)], minutes=minutes)
    assert [fault["code"] for fault in too_many.json()["errors"]] == ["too-many"]
    desk.done("decisions", [decision(1)], minutes=minutes)
    second = desk.done("decisions", [decision(2), decision(3)], minutes=minutes)
    assert [row.get("code") for row in desk.results(second["id"])] == [None, "too-many"]
    rehearsed = desk.done("decisions", [decision(4)], minutes=minutes, dry_run=True)
    assert rehearsed["counts"]["failed"] == 1


def test_decisions_come_with_the_minutes_that_state_them(desk: Desk) -> None:
    missing = desk.send("decisions", [decision(1)])
    assert (missing.status_code, missing.json()["code"]) == (422, "minutes-missing")
    unknown = desk.send("decisions", [decision(1)], minutes=f"min_{'0' * 26}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "minutes-not-found")


def test_a_person_is_found_by_their_number_or_by_the_name_their_row_had(desk: Desk) -> None:
    minutes = desk.recorded()
    entered = desk.done("members", [member(1), member(2), member(3)], who="secretary")
    people = [row["person"] for row in desk.results(entered["id"], "secretary")]
    rows = [
        decision(1, membership={"number": "S-1"}),
        decision(2, membership={"number": "S-2"}, external_id="B-2"),
        decision(3, membership={"number": "S-3"}, family_name="Altra"),
        decision(4, membership={"number": "S-9"}),
        decision(5, membership={"number": "S-5", "from": "2026-12-01"}),
    ]
    ended = desk.done("decisions", rows, minutes=minutes)
    one, two, three, four, five = desk.results(ended["id"])
    assert [one["person"], two["person"]] == people[:2]
    assert [each["code"] for each in (three, four, five)] == [
        "person-of-another-name",
        "membership-not-found",
        "membership-not-valid",
    ]
    again = desk.done("decisions", [decision(1, external_id="C-1")], minutes=minutes)
    assert desk.results(again["id"])[0]["code"] == "credential-open-already"
    with desk.ports.database.reading(desk.organisation_id) as session:
        numbers = session.scalars(select(Membership.number).where(Membership.number.like("S-%"))).all()
    assert sorted(numbers) == ["S-1", "S-2", "S-3"]


def test_a_decision_sent_again_is_imported_once_and_finished_where_it_was_left(desk: Desk) -> None:
    minutes = desk.recorded()
    first = desk.done("decisions", [decision(1)], minutes=minutes)
    (made,) = desk.results(first["id"])
    again = desk.done("decisions", [decision(1)], minutes=minutes)
    (told,) = desk.results(again["id"])
    assert (told["state"], told["code"], told["credential"]) == ("skipped", "done-before", made["credential"])
    assert desk.count()["decision"] == 1


def test_nobody_imports_a_decision_about_themselves(desk: Desk) -> None:
    with desk.ports.database.reading(desk.organisation_id) as session:
        own = session.scalars(
            select(Membership).where(Membership.person_id == desk.actors["registrar"].id)
        ).one()
        name = own.number
    with desk.ports.database.reading(desk.organisation_id) as session:
        found = (
            desk.calls("secretary").get(f"/v1/organisations/{desk.organisation_id}/members").json()["data"]
        )
    registrar = next(each for each in found if each["id"] == desk.actors["registrar"].id)
    row = decision(
        1,
        given_name=registrar["given_name"],
        family_name=registrar["family_name"],
        membership={"number": name},
    )
    ended = desk.done("decisions", [row], minutes=desk.recorded())
    assert desk.results(ended["id"])[0]["code"] == "own-credential"


def test_whoever_recorded_the_minutes_is_granted_nothing_by_them(desk: Desk) -> None:
    chair = desk.actors["chair"].id
    with desk.ports.database.reading(desk.organisation_id) as session:
        person = session.get_one(Person, chair)
        number = session.scalars(select(Membership.number).where(Membership.person_id == chair)).one()
    row = decision(
        1, given_name=person.given_name, family_name=person.family_name, membership={"number": number}
    )
    ended = desk.done("decisions", [row], minutes=desk.recorded())
    assert desk.results(ended["id"])[0]["code"] == "own-credential"
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert session.scalars(select(Decision)).all() == []


def test_decisions_are_imported_within_a_month_of_recording_their_minutes(desk: Desk) -> None:
    asked = service.Asked(Kind.DECISIONS, dry_run=False, minutes_id=desk.recorded())
    last = desk.ports.clock.now() + IMPORTED_WITHIN
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert service.stated(session, asked, at=last)
        with pytest.raises(MinutesTooOld):
            service.stated(session, asked, at=last + timedelta(seconds=1))


def test_a_program_imports_with_a_scope_of_its_own_and_records_no_minutes(desk: Desk) -> None:
    minutes = desk.recorded()
    program = desk.client("decisions:import", "credentials:issue")
    assert desk.send("decisions", [decision(1)], who=program, minutes=minutes).status_code == 202
    desk.work()
    assert desk.count()["credential"] == 1
    assert (
        program.post("/v1/minutes", data={}, files={"file": ("a.md", SIGNED, "text/markdown")}).status_code
        == 403
    )


def test_minutes_and_where_a_decision_came_from_never_change(desk: Desk) -> None:
    minutes = desk.recorded()
    desk.done("decisions", [decision(1)], minutes=minutes)
    for statement in (
        "UPDATE minutes SET decisions = 1000",
        "DELETE FROM minutes",
        "UPDATE decision SET minutes_id = NULL",
        "UPDATE decision SET tally = '{}'",
    ):
        with (
            pytest.raises(DBAPIError),
            as_owner(desk.ports.database) as owner,
            owner.engine.begin() as connection,
        ):
            connection.execute(text(statement))


def test_what_was_imported_and_not_issued_is_issued_when_its_row_comes_again(desk: Desk) -> None:
    minutes = desk.recorded()
    batch = desk.sent("decisions", [decision(1)], minutes=minutes)
    with desk.ports.database.writing(desk.organisation_id) as session:
        row = queries.locked(session, batch)
        assert row is not None
        (left,) = carrying._take(desk.ports, session, row, allowed=True, at=desk.ports.clock.now()).values()
        session.execute(update(BatchRow).values(state=RowState.FAILED, code="left-behind"))
    assert desk.count()["credential"] == 0
    again = desk.done("decisions", [decision(1)], minutes=minutes)
    (told,) = desk.results(again["id"])
    assert (told["state"], told["decision"]) == ("ok", left["decision"])
    assert (desk.count()["decision"], desk.count()["credential"]) == (1, 1)
    third = desk.done("decisions", [decision(1)], minutes=minutes)
    (skipped,) = desk.results(third["id"])
    assert (skipped["state"], skipped["credential"]) == ("skipped", told["credential"])


def left_half_way(desk: Desk, batch: str) -> list[str]:
    """Begin a batch's rows and stop; the decisions that wait for their credentials."""
    with desk.ports.database.writing(desk.organisation_id) as session:
        row = queries.locked(session, batch)
        assert row is not None
        begun = carrying._take(desk.ports, session, row, allowed=True, at=desk.ports.clock.now())
    return [made["decision"] for made in begun.values()]


def cancel(desk: Desk, batch: str) -> None:
    assert desk.calls().post(f"/v1/batches/{batch}/cancellation").status_code == 200


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_what_is_begun_when_a_batch_is_cancelled_is_done_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    batch = desk.sent("credentials", [{"external_id": "A", "decision": desk.grant()}])
    if moment == "before":
        left_half_way(desk, batch)
        cancel(desk, batch)
    issue_many = issuing.issue_many

    def slowly(*given: Any, **more: Any) -> Any:
        if desk.batch(batch)["state"] == "running":
            cancel(desk, batch)
            carrying.carry_on(desk.ports, desk.organisation_id, batch)  # another worker, after the lease
        return issue_many(*given, **more)

    monkeypatch.setattr(issuing, "issue_many", slowly)
    assert not carrying.carry_on(desk.ports, desk.organisation_id, batch)
    desk.work()
    assert desk.batch(batch)["state"] == "cancelled"
    (row,) = desk.results(batch)
    assert (row["state"], desk.count()["credential"]) == ("ok", 1)
    assert row["credential"] is not None


def test_a_row_that_waits_half_way_is_skipped_when_its_batch_is_cancelled_and_taken_up_later(
    desk: Desk, clock: SetClock
) -> None:
    minutes = desk.recorded()
    clock.move(timedelta(days=20))
    batch = desk.sent("decisions", [decision(1)], minutes=minutes)
    left = left_half_way(desk, batch)
    clock.move(-timedelta(days=20))
    desk.work()
    assert desk.batch(batch)["state"] == "running", "the clock may be the one that is wrong"
    cancel(desk, batch)
    clock.move(timedelta(minutes=6))
    desk.work()
    assert desk.batch(batch)["state"] == "cancelled"
    assert [each["code"] for each in desk.results(batch)] == ["batch-cancelled"]
    assert desk.count()["credential"] == 0
    clock.move(timedelta(days=20))
    (told,) = desk.results(desk.done("decisions", [decision(1)], minutes=minutes)["id"])
    assert (told["state"], [told["decision"]]) == ("ok", left)


def test_a_row_whose_credential_is_intended_is_done_though_its_batch_is_cancelled_and_the_clock_behind(
    desk: Desk, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_given: Any, **_more: Any) -> None:
        raise PowerCut

    clock.move(timedelta(days=1))
    batch = desk.sent("credentials", [{"external_id": name, "decision": desk.grant()} for name in "AB"])
    with monkeypatch.context() as crashing:
        crashing.setattr(issuing, "_carry_out", cut)
        with pytest.raises(PowerCut):
            carrying.carry_on(desk.ports, desk.organisation_id, batch)
    cancel(desk, batch)
    clock.move(-timedelta(hours=2))
    desk.work()
    assert desk.batch(batch)["state"] == "cancelled"
    assert [row["state"] for row in desk.results(batch)] == ["ok", "ok"]
    assert desk.count()["credential"] == 2


def test_a_row_that_waits_keeps_none_from_being_settled_that_was_begun_with_it(
    desk: Desk, clock: SetClock
) -> None:
    today, later = desk.grant(), timedelta(days=3)
    clock.move(later)
    rows = [{"external_id": name, "decision": each} for name, each in (("A", desk.grant()), ("B", today))]
    batch = desk.sent("credentials", rows)
    clock.move(-later)
    desk.work()
    assert desk.batch(batch)["counts"]["queued"] == 1
    assert [(row["external_id"], row["state"]) for row in desk.results(batch)] == [("B", "ok")]


def test_a_clock_that_went_back_fails_no_row_and_its_batch_goes_on_when_it_is_right(
    desk: Desk, clock: SetClock
) -> None:
    grants = [desk.grant(), desk.grant()]
    clock.move(timedelta(minutes=10))
    batch = desk.sent("credentials", [{"external_id": each, "decision": each} for each in grants])
    clock.move(-timedelta(hours=2))
    desk.work()
    assert (desk.batch(batch)["state"], desk.batch(batch)["counts"]["failed"]) == ("running", 0)
    clock.move(timedelta(hours=2))
    desk.work()
    assert (desk.batch(batch)["state"], desk.batch(batch)["counts"]["ok"]) == ("done", 2)


def test_a_grant_of_a_day_to_come_fails_its_row_and_keeps_no_other_waiting(
    desk: Desk, clock: SetClock
) -> None:
    today, later = desk.grant(), timedelta(days=3)
    clock.move(later)
    to_come = desk.grant()
    clock.move(-later)
    rows = [{"external_id": name, "decision": each} for name, each in (("A", to_come), ("B", today))]
    batch = desk.done("credentials", rows)
    assert [row.get("code") for row in desk.results(batch["id"])] == ["decision-not-published", None]


def test_a_batch_waits_for_keys_that_are_away_and_fails_no_row_for_them(desk: Desk) -> None:
    minutes = desk.recorded()
    keys = FailingKeys(desk.ports.clock.now())
    desk = replace(desk, ports=replace(desk.ports, signer=keys))
    keys.down = True
    batch = desk.sent("decisions", [decision(1)], minutes=minutes)
    desk.work()
    assert desk.batch(batch)["counts"]["failed"] == 0
    assert isinstance(desk.ports.clock, SetClock)
    keys.down = False
    desk.ports.clock.move(timedelta(minutes=1))
    desk.work()
    desk.everything_else()
    assert desk.batch(batch)["counts"] == {"queued": 0, "ok": 1, "failed": 0, "skipped": 0}
    (told,) = desk.results(batch)
    assert desk.calls().get(f"/v1/credentials/{told['credential']}").json()["state"] == "active"
