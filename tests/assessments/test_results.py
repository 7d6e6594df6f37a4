"""Who sees whose scores, and what they come to together."""

import pytest

from app.assessments import queries, service
from app.dossiers import queries as dossier_queries
from tests.assessments.case import CRITERIA, Case

NOBODY = "per_" + "0" * 26


def test_nobody_sees_another_s_scores_before_all_are_in(case: Case) -> None:
    case.accept("anna", "bruno")
    case.submit("anna")
    theirs = f"/v1/assessments/{case.assessments['anna']}"

    assert case.refused("bruno", "GET", theirs) == (403, "still-blind")
    assert case.refused("manager", "GET", theirs) == (403, "still-blind")
    assert case.refused("auditor", "GET", theirs) == (403, "still-blind")
    assert case.refused("manager", "GET", f"{case.here}/assessments") == (403, "still-blind")
    assert case.refused("anna", "GET", f"{case.here}/result") == (403, "still-blind")
    for who in ("anna", "bruno"):
        (seen,) = case.get(who, f"{case.here}/assessments")["data"]
        assert seen["assessor"] == case.ids[who]


def test_the_committee_sees_scores_after_consensus_and_a_clear_declaration(case: Case) -> None:
    case.accept("anna", "bruno")
    case.submit("anna")
    path = f"{case.here}/assessments"
    assert case.refused("elia", "GET", path) == (403, "declaration-required")
    case.declare("elia")
    assert case.refused("elia", "GET", path) == (403, "still-blind")
    case.declare("gino", "family")
    case.submit("bruno")

    assert len(case.get("elia", path)["data"]) == 2
    assert case.refused("fabia", "GET", path) == (403, "declaration-required")
    assert case.refused("gino", "GET", path) == (403, "conflict-of-interest")
    assert case.refused("gino", "GET", f"{case.here}/result") == (403, "conflict-of-interest")


def test_scores_are_none_of_the_business_of_others(case: Case) -> None:
    case.judged()
    theirs = f"/v1/assessments/{case.assessments['anna']}"

    for who in ("candidate", "secretary", "registrar", "client"):
        assert case.refused(who, "GET", theirs) == (403, "permission-missing")
    # An assessor who has nothing to do with the case.
    assert case.refused("carla", "GET", theirs) == (404, "assessment-not-found")
    assert case.refused("carla", "GET", f"{case.here}/result") == (404, "dossier-not-found")
    for who in ("anna", "bruno", "manager", "auditor"):
        assert len(case.get(who, f"{case.here}/assessments")["data"]) == 2


def test_two_of_one_mind_bring_the_dossier_before_the_committee(case: Case) -> None:
    case.accept("anna", "bruno")
    case.submit("anna", 3, K1=4)
    assert case.status == "in_assessment"
    case.submit("bruno", 3, K1=3.5)

    assert case.status == "ready_for_decision"
    assert case.get("manager", f"{case.here}/result") == {
        "round": 1,
        "total": "77.8125",
        "outcome": "pass",
        "failed": [],
        "flags": [],
        "consensus": dict.fromkeys(CRITERIA, "3") | {"K1": "3.75"},
        "interviewed": False,
        "needs_third": False,
    }


def test_a_low_result_goes_before_the_committee_too(case: Case) -> None:
    case.judged(1)

    found = case.get("manager", f"{case.here}/result")
    assert (case.status, found["outcome"], found["failed"][0]) == ("ready_for_decision", "refuse", "total")


def test_two_who_are_far_apart_wait_for_a_third_and_meet_in_the_median(case: Case) -> None:
    case.accept("anna", "bruno")
    case.submit("anna", 1)
    case.submit("bruno", 4)

    waiting = case.get("manager", f"{case.here}/result")
    assert case.status == "in_assessment"
    assert (waiting["needs_third"], waiting["total"], waiting["outcome"]) == (True, None, None)
    assert waiting["flags"] == ["divergence"]
    # The third must not hear what the first two thought.
    assert case.refused("bruno", "GET", f"/v1/assessments/{case.assessments['anna']}")[1] == "still-blind"
    case.accept("carla")
    assert case.refused("carla", "GET", f"{case.here}/result") == (403, "still-blind")
    assert case.refused("carla", "GET", f"/v1/assessments/{case.assessments['anna']}")[1] == "still-blind"
    case.submit("carla", 3.5, K8=1.5)

    found = case.get("manager", f"{case.here}/result")
    assert found["consensus"] == dict.fromkeys(CRITERIA, "3.5") | {"K8": "1.5"}
    assert (found["needs_third"], found["flags"], found["outcome"]) == (False, ["divergence"], "interview")
    assert case.status == "interview"


@pytest.mark.parametrize(
    ("others", "status"),
    [({"K2": 0, "K8": 0}, "ready_for_decision"), ({"K2": 0, "K8": 0, "K6": 3.5}, "in_assessment")],
    ids=["20 points", "21.25 points"],
)
def test_more_than_twenty_points_is_far_apart(case: Case, others: dict[str, float], status: str) -> None:
    case.accept("anna", "bruno")
    case.score("anna", 4, **others)
    case.hand_in("anna")
    case.submit("bruno", 4)

    assert case.status == status


def test_a_third_who_came_early_is_waited_for(case: Case) -> None:
    case.accept("anna", "bruno", "carla")
    case.submit("anna")
    case.submit("bruno")
    assert case.status == "in_assessment"
    assert case.refused("manager", "GET", f"{case.here}/result") == (403, "still-blind")
    case.submit("carla")

    assert (case.status, case.get("manager", f"{case.here}/result")["flags"]) == ("ready_for_decision", [])


def test_a_third_who_declares_after_the_round_opens_nothing(case: Case) -> None:
    case.assign("carla")
    case.judged()

    assert case.declare("carla")["assessment"] is None
    assert case.status == "ready_for_decision"


def test_the_result_is_worked_out_from_rows_and_nowhere_stored(case: Case) -> None:
    case.judged()
    with case.writing() as session:
        dossier = dossier_queries.by_id(session, case.dossier)
        before = service.result_of(session, dossier)
        for found in queries.assessments(session, case.dossier):
            found.scores[0].points = "4"
        session.flush()
        after = service.result_of(session, dossier)
    assert before is not None
    assert after is not None
    assert after.computed.total > before.computed.total
