"""Who reads a decision, and what the trail tells of it."""

import json

from sqlalchemy import select

from app.decisions import queries
from app.decisions.errors import DecisionNotFound, DecisionNotGranted, DecisionNotPublished
from app.decisions.models import Decision
from app.outbox.trail import Event
from app.ports import Ports
from tests.assessments.case import Case, publication, votes
from tests.fakes import SetClock


def test_a_candidate_reads_a_decision_when_it_is_out(case: Case) -> None:
    case.judged()
    path = f"{case.here}/decision"
    assert case.refused("candidate", "GET", path) == (404, "decision-not-found")
    decision = case.opened()
    assert case.refused("candidate", "GET", path) == (404, "decision-not-found")
    case.vote(decision, "grant")
    case.publish(decision)

    assert case.get("candidate", path)["outcome"] == "grant"
    assert case.get("secretary", path)["outcome"] == "grant"
    for who in ("anna", "elia", "registrar", "client"):
        assert case.refused(who, "GET", path) == (404, "dossier-not-found")


def test_who_acts_on_decisions_reads_published_ones(case: Case) -> None:
    case.judged()
    decision = case.opened(declare=("chair", "elia", "fabia"))
    path = f"/v1/decisions/{decision}"
    assert case.refused("registrar", "GET", path) == (409, "decision-not-published")
    assert case.refused("client", "GET", path) == (409, "decision-not-published")
    assert case.get("auditor", path)["status"] == "open"
    assert case.refused("gino", "GET", path) == (403, "declaration-required")
    case.vote(decision, "grant", "chair", "elia", "fabia")
    case.publish(decision)

    assert case.get("registrar", path)["outcome"] == "grant"


def test_only_a_published_grant_leads_on(case: Case) -> None:
    case.judged()
    decision = case.opened()
    unknown = "dec_" + "0" * 26
    with case.writing() as session:
        told = queries.granted(session, [unknown, decision])
    assert isinstance(told[unknown], DecisionNotFound)
    assert isinstance(told[decision], DecisionNotPublished)
    case.vote(decision, "refuse")
    case.publish(decision)
    with case.writing() as session:
        assert isinstance(queries.granted(session, [decision])[decision], DecisionNotGranted)


def test_another_organisation_s_decisions_do_not_exist(ports: Ports) -> None:
    ours, theirs = Case(ports), Case(ports)
    for each in (ours, theirs):
        each.judged()
    decision = theirs.opened()
    path = f"/v1/decisions/{decision}"

    body = {"dossier": theirs.dossier, "meeting": ours.meet()}
    assert ours.refused("chair", "POST", "/v1/decisions", body) == (404, "dossier-not-found")
    body = {"dossier": ours.dossier, "meeting": theirs.meet()}
    assert ours.refused("chair", "POST", "/v1/decisions", body) == (404, "meeting-not-found")
    present = {"present": [theirs.ids["chair"]]}
    assert ours.refused("chair", "POST", "/v1/meetings", present) == (404, "person-not-found")
    assert ours.refused("auditor", "GET", path) == (404, "decision-not-found")
    assert ours.refused("chair", "POST", votes(decision), {"choice": "grant"}) == (
        404,
        "decision-not-found",
    )
    assert ours.refused("chair", "POST", publication(decision), {})[1] == "decision-not-found"
    assert ours.refused("secretary", "GET", f"{theirs.here}/decision") == (404, "dossier-not-found")


def test_the_trail_proves_the_reasons_and_does_not_tell_them(case: Case, clock: SetClock) -> None:
    case.judged()
    decision = case.opened()
    clock.move()
    case.vote(decision, "grant")
    case.publish(decision, "Un giudizio molto personale.")

    with case.ports.database.reading(case.organisation) as session:
        events = [e for e in session.scalars(select(Event)) if e.topic.startswith("decision.")]
        row = session.get_one(Decision, decision)
    assert [event.topic for event in events] == [
        "decision.opened",
        *["decision.voted"] * 4,
        "decision.published",
    ]
    assert "personale" not in json.dumps([event.facts for event in events])
    assert events[-1].facts["case_file"] == row.case_file_hash
