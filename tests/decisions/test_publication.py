"""When a decision may be published, and that it is published once."""

import pytest
from sqlalchemy import select

from app.outbox.trail import Event
from tests.assessments.case import COMMITTEE, Case, publication, votes
from tests.assessments.racing import at_once


def test_a_decision_is_published_once(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")
    published = case.publish(decision)

    again = case.refused("chair", "POST", publication(decision), {"reasons": "Altre."})
    assert again == (409, "decision-published-already")
    assert case.get("chair", f"/v1/decisions/{decision}") == published
    assert case.refused("elia", "POST", votes(decision), {"choice": "refuse"}) == (
        409,
        "decision-not-open",
    )


def test_two_publications_at_once_make_one(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")

    answers = at_once(
        *(lambda: case.call("chair", "POST", publication(decision), {"reasons": "Prove."}) for _ in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"decision-published-already"}
    with case.ports.database.reading(case.organisation) as session:
        topics = [event.topic for event in session.scalars(select(Event))]
    assert topics.count("decision.published") == 1


def test_votes_at_once_are_counted_each_and_a_double_one_once(case: Case) -> None:
    case.judged()
    decision = case.opened()

    answers = at_once(
        *(
            lambda name=name: case.call(name, "POST", votes(decision), {"choice": "grant"})
            for name in (*COMMITTEE, "elia")
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409]
    assert case.publish(decision)["tally"]["grant"] == 4


def test_two_meetings_that_take_up_a_case_at_once_open_one_decision(case: Case) -> None:
    case.judged()
    body = {"dossier": case.dossier, "meeting": case.meet()}

    answers = at_once(*(lambda: case.call("chair", "POST", "/v1/decisions", body) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


def test_a_grant_below_the_thresholds_needs_a_derogation_in_words(case: Case) -> None:
    case.judged(1)
    decision = case.opened()
    case.vote(decision, "grant")
    body = {"reasons": "Ma è bravo.", "derogation": "  "}
    assert case.refused("chair", "POST", publication(decision), body) == (
        422,
        "thresholds-not-met",
    )

    published = case.publish(decision, derogation="Brevetto premiato, verbale 12.")
    assert (published["outcome"], published["derogation"]) == ("grant", "Brevetto premiato, verbale 12.")


def test_a_derogation_that_nothing_needed_is_not_kept(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")

    assert case.publish(decision, derogation="Per sicurezza.")["derogation"] is None


@pytest.mark.parametrize(
    ("choices", "code"),
    [((), "votes-outstanding"), (("abstain",) * 4, "no-votes")],
    ids=["none", "abstained"],
)
def test_silence_decides_nothing(case: Case, choices: tuple[str, ...], code: str) -> None:
    case.judged()
    decision = case.opened()
    for name, choice in zip(COMMITTEE, choices, strict=False):
        case.vote(decision, choice, name)

    assert case.refused("chair", "POST", publication(decision), {"reasons": "x"}) == (
        409,
        code,
    )


@pytest.mark.parametrize(
    ("kind", "code"), [("family", "conflict-of-interest"), (None, "declaration-required")]
)
def test_a_chair_who_is_not_clear_of_the_case_does_not_publish_it(
    case: Case, kind: str | None, code: str
) -> None:
    case.judged()
    decision = case.opened("elia", "fabia", "gino", declare=("elia", "fabia", "gino"))
    case.vote(decision, "grant", "elia", "fabia", "gino")
    if kind is not None:
        case.declare("chair", kind)

    assert case.refused("chair", "POST", publication(decision), {"reasons": ""}) == (
        403,
        code,
    )


def test_only_the_chair_publishes(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant")

    for who in ("elia", "secretary", "anna", "registrar", "client", "candidate"):
        assert case.refused(who, "POST", publication(decision), {"reasons": "x"}) == (
            403,
            "permission-missing",
        )
