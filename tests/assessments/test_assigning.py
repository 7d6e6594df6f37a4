"""Who is given a dossier, and what they declare before they read a word of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.dossiers import queries as dossier_queries
from app.organisations.models import RoleGrant
from tests.assessments.case import Case, Json

NOBODY = "per_" + "0" * 26


def test_an_assessor_is_assigned_and_waits_for_the_declaration(case: Case) -> None:
    made = case.post("manager", f"{case.here}/assignments", {"assessor": case.ids["anna"]})

    assert (made["dossier"], made["assessor"], made["status"]) == (
        case.dossier,
        case.ids["anna"],
        "coi_pending",
    )
    mine = case.get("anna", "/v1/assignments")["data"]
    assert mine == [{"id": made["id"], "dossier": case.dossier, "status": "coi_pending", "assessment": None}]
    assert case.get("bruno", "/v1/assignments")["data"] == []


@pytest.mark.parametrize(
    ("who", "why"),
    [("candidate", "applicant"), ("elia", "not-an-assessor"), ("registrar", "not-an-assessor")],
)
def test_only_assessors_who_are_not_candidates_themselves_are_assigned(
    case: Case, who: str, why: str
) -> None:
    answer = case.call("manager", "POST", f"{case.here}/assignments", {"assessor": case.ids[who]})

    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (
        422,
        "assessor-not-eligible",
        why,
    )


def test_an_assessor_of_yesterday_is_not_assigned(case: Case) -> None:
    with case.writing() as session:
        grants = session.scalars(select(RoleGrant).where(RoleGrant.person_id == case.ids["anna"]))
        for grant in grants:
            grant.to_day = (case.now - timedelta(days=1)).date()

    body = {"assessor": case.ids["anna"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body)[1] == "assessor-not-eligible"


def test_whoever_declared_a_conflict_is_not_assigned(case: Case) -> None:
    case.declare("ugo", "family")

    answer = case.call("manager", "POST", f"{case.here}/assignments", {"assessor": case.ids["ugo"]})
    assert (answer.status_code, answer.json()["why"]) == (422, "conflicted")


def test_whoever_is_a_candidate_in_the_same_scheme_judges_nobody_in_it(case: Case) -> None:
    case.another()
    with case.writing() as session:
        dossier = dossier_queries.by_id(session, case.dossier)
        dossier.applicant_id = case.ids["anna"]
    case.another()

    answer = case.call("manager", "POST", f"{case.here}/assignments", {"assessor": case.ids["anna"]})
    assert (answer.status_code, answer.json()["why"]) == (422, "applicant")


def test_a_dossier_is_given_to_an_assessor_once(case: Case) -> None:
    case.assign("anna")

    body = {"assessor": case.ids["anna"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body) == (409, "assigned-already")


def test_a_dossier_has_three_assessors_at_most(case: Case) -> None:
    case.accept("anna", "bruno")
    case.assign("carla", "dino")  # whoever has not declared fills no place yet
    case.declare("carla")

    body = {"assessor": case.ids["ugo"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body) == (409, "assessors-enough")
    assert case.declare("dino")["assessment"] is None
    assert case.get("dino", "/v1/assignments")["data"][0]["status"] == "replaced"


def test_only_the_scheme_manager_and_the_chair_assign(case: Case) -> None:
    body = {"assessor": case.ids["anna"]}
    for who in ("secretary", "anna", "elia", "candidate", "auditor"):
        assert case.refused(who, "POST", f"{case.here}/assignments", body) == (403, "permission-missing")


def test_an_unknown_person_is_not_assigned(case: Case) -> None:
    body = {"assessor": NOBODY}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body) == (404, "person-not-found")


def test_a_dossier_that_is_through_assessment_takes_no_assessors(case: Case) -> None:
    case.judged()

    body = {"assessor": case.ids["carla"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body) == (409, "dossier-not-movable")


def test_two_clear_declarations_begin_the_assessment(case: Case) -> None:
    case.assign("anna", "bruno")
    first = case.declare("anna")
    assert (first["conflicted"], first["kind"], case.status) == (False, "none", "admitted")
    case.declare("bruno")

    assert case.status == "in_assessment"
    assert first["assessment"].startswith("asm_")


def test_a_conflict_ends_the_assignment_before_anything_was_read(case: Case) -> None:
    case.assign("anna")
    declared = case.declare("anna", "employment", ended_on="2026-03-31", note="Collega fino a marzo.")

    assert (declared["conflicted"], declared["assessment"], case.status) == (True, None, "admitted")
    assert case.get("anna", "/v1/assignments")["data"][0]["status"] == "conflicted"
    assert case.refused("anna", "GET", f"{case.here}/assessments") == (403, "conflict-of-interest")


def test_a_tie_that_ended_long_ago_is_none(case: Case) -> None:
    case.assign("anna")

    assert case.declare("anna", "employment", ended_on="2024-03-31")["assessment"] is not None


def test_one_declares_once(case: Case) -> None:
    case.assign("anna")
    case.declare("anna")

    path = f"{case.here}/declarations"
    assert case.refused("anna", "POST", path, {"kind": "none"}) == (409, "already-declared")


def test_whoever_declared_before_being_assigned_begins_at_once(case: Case) -> None:
    case.declare("ugo")
    made = case.post("manager", f"{case.here}/assignments", {"assessor": case.ids["ugo"]})

    assert made["status"] == "accepted"
    assert case.get("ugo", "/v1/assignments")["data"][0]["assessment"] is not None


def test_a_malformed_declaration_changes_nothing(case: Case) -> None:
    case.assign("anna")
    path = f"{case.here}/declarations"
    bodies: list[Json] = [
        {},
        {"kind": "cousin"},
        {"kind": "none", "ended_on": "31/12/2025"},
        {"kind": "none", "more": 1},
        {"kind": 1},
    ]
    for body in bodies:
        assert case.refused("anna", "POST", path, body) == (422, "malformed")
    assert case.declare("anna")["conflicted"] is False


def test_an_assessor_reads_nothing_before_declaring(case: Case) -> None:
    case.accept("anna", "bruno")
    case.assign("carla")

    assert case.refused("carla", "GET", f"{case.here}/assessments") == (403, "declaration-required")
    assert case.refused("carla", "GET", f"{case.here}/result") == (403, "declaration-required")


def test_nobody_waits_for_an_assessor_who_is_one_no_longer(case: Case) -> None:
    case.accept("anna", "bruno")
    case.submit("anna")
    case.score("bruno")
    with case.writing() as session:
        for grant in session.scalars(select(RoleGrant).where(RoleGrant.person_id == case.ids["bruno"])):
            grant.to_day = (case.now - timedelta(days=1)).date()
    case.accept("carla")
    case.submit("carla")

    assert case.status == "ready_for_decision"
    judges = {one["assessor"] for one in case.get("manager", f"{case.here}/assessments")["data"]}
    assert judges == {case.ids["anna"], case.ids["carla"]}
