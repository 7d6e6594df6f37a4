"""What a decision is pinned to, and what keeps it so."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.assessments import service as assessments
from app.assessments.models import Assessment
from app.core.errors import JsonValue
from app.decisions import queries
from app.decisions.models import Vote
from app.dossiers import queries as dossier_queries
from tests.assessments.case import Case, publication


def test_a_case_file_that_changed_after_the_votes_is_not_decided(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")
    with case.writing() as session:
        session.scalars(select(Assessment)).all()[0].scores[0].comment = "Ritoccato."

    assert case.refused("chair", "POST", publication(decision), {"reasons": ""}) == (
        409,
        "case-file-changed",
    )


def test_the_pinned_hash_is_that_of_the_case_file_worked_out_anew(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")
    published = case.publish(decision)

    with case.ports.database.reading(case.organisation) as session:
        dossier = dossier_queries.by_id(session, case.dossier)
        assert queries.case_file_hash(session, dossier, 1) == published["case_file_hash"]
        found = assessments.result_of(session, dossier)
        assert found is not None
        assert queries.result_as_json(found) == published["computed"]
        assert dossier.scheme_digest == published["scheme_digest"]


def test_the_case_file_holds_everything_that_was_judged(case: Case) -> None:
    case.judged()
    with case.ports.database.reading(case.organisation) as session:
        file = queries.case_file(session, dossier_queries.by_id(session, case.dossier))
    assert isinstance(file, dict)
    assert {name: _size(value) for name, value in file.items()} == {
        "dossier": 8,
        "snapshot_hash": 64,
        "admission": 2,
        "round": 1,
        "declarations": 2,
        "assessments": 2,
        "interviews": 0,
        "result": 7,
    }


def _size(value: JsonValue) -> int:
    return len(value) if isinstance(value, str | list | dict) else 1


def test_the_database_itself_keeps_what_was_decided(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")
    case.publish(decision)

    for change in (
        "UPDATE vote SET choice = 'refuse'",
        "DELETE FROM vote",
        "UPDATE decision SET outcome = 'refuse'",
        "UPDATE decision SET reasons = 'Altre ragioni.'",
        "UPDATE decision SET tally = NULL",
        "UPDATE decision SET status = 'open'",
        "DELETE FROM decision",
    ):
        with pytest.raises(DBAPIError), case.writing() as session:
            session.execute(text(change))


def test_the_words_of_a_decision_can_be_erased_with_a_person(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")
    case.publish(decision)

    with case.writing() as session:
        session.execute(text("UPDATE decision SET reasons = NULL"))
    assert case.get("auditor", f"/v1/decisions/{decision}")["reasons"] is None


def test_the_database_itself_refuses_votes_that_must_not_be(case: Case) -> None:
    case.judged()
    decision = case.opened(declare=("chair", "elia", "fabia"))
    case.declare("gino", "family")

    for who in ("anna", "gino"):  # one scored, the other is in conflict
        with pytest.raises(DBAPIError), case.writing() as session:
            session.add(
                Vote(
                    organisation_id=case.organisation,
                    decision_id=decision,
                    member_id=case.ids[who],
                    choice="grant",
                    at=case.now,
                )
            )
