"""Where a case ends: at the organisation, at the trail, and at whoever comes last."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from app.assessments.models import Assessment
from app.core.db import Database
from app.outbox.trail import Event
from app.ports import Ports
from tests.assessments.case import Case
from tests.assessments.racing import at_once
from tests.fakes import SetClock

NOBODY = "per_" + "0" * 26


def test_another_organisation_s_cases_do_not_exist(ports: Ports) -> None:
    ours, theirs = Case(ports), Case(ports)
    theirs.accept("anna", "bruno")
    assessment = f"/v1/assessments/{theirs.assessments['anna']}"

    body = {"assessor": ours.ids["anna"]}
    assert ours.refused("manager", "POST", f"{theirs.here}/assignments", body) == (404, "dossier-not-found")
    body = {"assessor": theirs.ids["anna"]}
    assert ours.refused("manager", "POST", f"{ours.here}/assignments", body) == (404, "person-not-found")
    assert ours.refused("anna", "POST", f"{theirs.here}/declarations", {"kind": "none"})[0] == 404
    assert ours.refused("anna", "GET", assessment) == (404, "assessment-not-found")
    assert ours.refused("anna", "PUT", f"{assessment}/scores", theirs.scores(3))[0] == 404
    assert ours.refused("manager", "GET", f"{theirs.here}/result") == (404, "dossier-not-found")
    assert ours.refused("secretary", "POST", f"{theirs.here}/interviews", ours.invitation())[0] == 404


def test_an_id_that_is_none_is_malformed(case: Case) -> None:
    for path in ("assessments/asm_x", "assessments/%00", "dossiers/dos_%C3%A0/assessments"):
        assert case.refused("manager", "GET", f"/v1/{path}") == (422, "malformed")


def test_the_trail_names_steps_and_tells_nothing_that_was_written(case: Case, clock: SetClock) -> None:
    case.called_in()
    booked = case.post("secretary", f"{case.here}/interviews", case.invitation())["id"]
    clock.move(timedelta(days=10))
    minutes = {"minutes": "Un segreto del candidato."}
    case.post("anna", f"/v1/interviews/{booked}/minutes", minutes, expect=200)

    with case.ports.database.reading(case.organisation) as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
    told = json.dumps([[event.about, event.facts] for event in events])
    topics = [event.topic for event in events if event.about.get("dossier") == case.dossier]
    assert topics == [
        "assignment.made",
        "declaration.made",
        "assignment.accepted",
        "assignment.made",
        "declaration.made",
        "assignment.accepted",
        "assessment.begun",
        "assessment.scored",
        "assessment.submitted",
        "assessment.scored",
        "assessment.submitted",
        "assessment.completed",
        "interview.booked",
        "interview.held",
    ]
    assert "segreto" not in told
    assert "Motivato" not in told


def test_the_last_two_to_hand_in_at_once_leave_nothing_waiting(database: Database, case: Case) -> None:
    """On a database with several writers, each could take the other for the one who is still missing."""
    case.accept("anna", "bruno")
    case.score("anna")
    case.score("bruno")

    answers = at_once(
        lambda: case.call("anna", "POST", f"/v1/assessments/{case.assessments['anna']}/submission", {}),
        lambda: case.call("bruno", "POST", f"/v1/assessments/{case.assessments['bruno']}/submission", {}),
    )

    assert [answer.status_code for answer in answers] == [200, 200]
    assert case.status == "ready_for_decision"
    with database.reading(case.organisation) as session:
        rows = session.scalars(select(Assessment)).all()
        assert all(row.submitted_at == datetime(2026, 11, 20, 9, tzinfo=UTC) for row in rows)
