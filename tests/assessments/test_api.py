"""Assigning, declaring, scoring and hearing, over HTTP."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.assessments import queries, service
from app.assessments.models import Assessment
from app.core.db import Database
from app.dossiers import queries as dossier_queries
from app.organisations.models import RoleGrant
from app.outbox.trail import Event
from app.ports import Ports
from tests.assessments.case import CRITERIA, Case
from tests.assessments.racing import at_once
from tests.fakes import SetClock

NOBODY = "per_" + "0" * 26


# --- assigning ---------------------------------------------------------------------------------------------


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
    with case.ports.database.writing(case.organisation) as session:
        grants = session.scalars(select(RoleGrant).where(RoleGrant.person_id == case.ids["anna"]))
        for grant in grants:
            grant.to_day = (case.ports.clock.now() - timedelta(days=1)).date()

    body = {"assessor": case.ids["anna"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body)[1] == "assessor-not-eligible"


def test_whoever_declared_a_conflict_is_not_assigned(case: Case) -> None:
    case.declare("anna", "family")

    answer = case.call("manager", "POST", f"{case.here}/assignments", {"assessor": case.ids["anna"]})
    assert (answer.status_code, answer.json()["why"]) == (422, "conflicted")


def test_whoever_is_a_candidate_in_the_same_scheme_judges_nobody_in_it(case: Case) -> None:
    case.another()
    with case.ports.database.writing(case.organisation) as session:
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


@pytest.mark.parametrize("who", ["secretary", "anna", "elia", "candidate", "auditor"])
def test_only_the_scheme_manager_and_the_chair_assign(case: Case, who: str) -> None:
    body = {"assessor": case.ids["anna"]}
    assert case.refused(who, "POST", f"{case.here}/assignments", body) == (403, "permission-missing")


def test_an_unknown_person_is_not_assigned(case: Case) -> None:
    body = {"assessor": NOBODY}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body) == (404, "person-not-found")


def test_a_dossier_that_is_through_assessment_takes_no_assessors(case: Case) -> None:
    case.judged()

    body = {"assessor": case.ids["carla"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", body) == (409, "dossier-not-movable")


# --- declaring ---------------------------------------------------------------------------------------------


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
    case.declare("anna")

    path = f"{case.here}/declarations"
    assert case.refused("anna", "POST", path, {"kind": "none"}) == (409, "already-declared")


def test_whoever_declared_before_being_assigned_begins_at_once(case: Case) -> None:
    case.declare("anna")
    made = case.post("manager", f"{case.here}/assignments", {"assessor": case.ids["anna"]})

    assert made["status"] == "accepted"
    assert case.get("anna", "/v1/assignments")["data"][0]["assessment"] is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "cousin"},
        {"kind": "none", "ended_on": "31/12/2025"},
        {"kind": "none", "more": 1},
        {"kind": 1},
    ],
    ids=["nothing", "unknown kind", "no date", "unknown member", "wrong type"],
)
def test_a_malformed_declaration_changes_nothing(case: Case, body: dict[str, object]) -> None:
    path = f"{case.here}/declarations"
    assert case.refused("anna", "POST", path, body) == (422, "malformed")
    assert case.declare("anna")["conflicted"] is False


# --- scoring -----------------------------------------------------------------------------------------------


def test_scores_are_kept_as_they_were_written_and_replace_each_other(case: Case) -> None:
    case.accept("anna", "bruno")
    case.score("anna", 4)
    shown = case.score("anna", 2.5, K1=3)

    assert shown["total"] == "64.375"
    assert {score["criterion"]: score["value"] for score in shown["scores"]} == {
        criterion: 3 if criterion == "K1" else 2.5 for criterion in CRITERIA
    }
    assert case.get("anna", f"/v1/assessments/{case.assessments['anna']}") == shown


def test_some_scores_can_be_kept_before_all_are_there_but_not_handed_in(case: Case) -> None:
    case.accept("anna", "bruno")
    path = f"/v1/assessments/{case.assessments['anna']}"
    some = {"scores": case.scores(3)["scores"][:3]}
    shown = case.call("anna", "PUT", f"{path}/scores", some).json()
    assert (len(shown["scores"]), shown["total"]) == (3, None)

    answer = case.call("anna", "POST", f"{path}/submission", {"flags": []})
    assert (answer.status_code, answer.json()["code"]) == (422, "scores-not-acceptable")
    assert [fault["criterion"] for fault in answer.json()["errors"]] == ["K4", "K5", "K6", "K7", "K8"]
    assert {fault["code"] for fault in answer.json()["errors"]} == {"not-scored"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evidence": []}, "evidence-missing"),
        ({"evidence": ["evd_" + "0" * 26]}, "evidence-unknown"),
        ({"value": 1, "comment": " "}, "comment-missing"),
        ({"value": 3.25}, "off-scale"),
        ({"value": 4.5}, "off-scale"),
        ({"value": -1}, "off-scale"),
        ({"criterion": "K9"}, "criterion-unknown"),
        ({"comment": "x" * 4001}, "comment-too-long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_score_that_cannot_stand_is_answered_in_both_languages(
    case: Case, change: dict[str, object], code: str
) -> None:
    case.accept("anna", "bruno")
    before = case.score("anna", 2)
    body = case.scores(3)
    body["scores"][0] |= change

    answer = case.call("anna", "PUT", f"/v1/assessments/{case.assessments['anna']}/scores", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "scores-not-acceptable")
    (fault,) = answer.json()["errors"]
    assert (fault["code"], set(fault["detail"])) == (code, {"it", "en"})
    assert case.get("anna", f"/v1/assessments/{case.assessments['anna']}") == before


@pytest.mark.parametrize("value", ["true", '"3"', "NaN", "Infinity", "null", "[3]", "1e999"])
def test_only_a_number_is_a_score(case: Case, value: str) -> None:
    case.accept("anna", "bruno")
    body = json.dumps(case.scores(9)).replace('"value": 9', f'"value": {value}')
    path = f"/v1/assessments/{case.assessments['anna']}/scores"

    answer = case.callers["anna"].put(path, content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert value not in answer.text.replace("null", "") or value in {"null", "true"}


def test_nobody_writes_in_the_assessment_of_another(case: Case) -> None:
    case.accept("anna", "bruno")
    path = f"/v1/assessments/{case.assessments['anna']}"

    assert case.refused("bruno", "PUT", f"{path}/scores", case.scores(0)) == (403, "not-your-assessment")
    assert case.refused("bruno", "POST", f"{path}/submission", {}) == (403, "not-your-assessment")
    for who in ("manager", "chair", "secretary", "candidate", "client"):
        assert case.refused(who, "PUT", f"{path}/scores", case.scores(0)) == (403, "permission-missing")


def test_nothing_is_scored_before_two_assessors_are_at_work(case: Case) -> None:
    case.accept("anna")

    path = f"/v1/assessments/{case.assessments['anna']}/scores"
    assert case.refused("anna", "PUT", path, case.scores(3)) == (409, "dossier-not-movable")


def test_what_was_handed_in_no_longer_changes(case: Case) -> None:
    case.accept("anna", "bruno")
    handed_in = case.submit("anna")
    path = f"/v1/assessments/{case.assessments['anna']}"

    assert case.refused("anna", "PUT", f"{path}/scores", case.scores(0)) == (409, "assessment-submitted")
    assert case.refused("anna", "POST", f"{path}/submission", {}) == (409, "assessment-submitted")
    assert case.get("anna", path) == handed_in


def test_divergence_is_worked_out_and_never_claimed(case: Case) -> None:
    case.accept("anna", "bruno")
    case.score("anna")
    path = f"/v1/assessments/{case.assessments['anna']}/submission"

    assert case.refused("anna", "POST", path, {"flags": ["divergence"]}) == (422, "malformed")


# --- blindness ---------------------------------------------------------------------------------------------


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

    for who in ("candidate", "secretary", "registrar"):
        assert case.refused(who, "GET", theirs) == (403, "permission-missing")
    # An assessor who has nothing to do with the case, and a program.
    for who in ("carla", "client"):
        assert case.refused(who, "GET", theirs) == (404, "assessment-not-found")
        assert case.refused(who, "GET", f"{case.here}/result") == (404, "dossier-not-found")
    for who in ("anna", "bruno", "manager", "auditor"):
        assert len(case.get(who, f"{case.here}/assessments")["data"]) == 2


# --- coming to a result ------------------------------------------------------------------------------------


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
    with case.ports.database.writing(case.organisation) as session:
        dossier = dossier_queries.by_id(session, case.dossier)
        before = service.result_of(session, dossier)
        for found in queries.assessments(session, case.dossier):
            found.scores[0].points = "4"
        session.flush()
        after = service.result_of(session, dossier)
    assert before is not None
    assert after is not None
    assert after.computed.total > before.computed.total


# --- the interview -----------------------------------------------------------------------------------------


def in_ten_days(case: Case) -> str:
    return (case.ports.clock.now() + timedelta(days=10)).isoformat()


def invitation(case: Case, *panel: str, **changes: object) -> dict[str, object]:
    people = [case.ids[name] for name in panel or ("anna", "bruno")]
    return {"panel": people, "at": in_ten_days(case), "remote": True, **changes}


def called_in(case: Case, value: float = 2.5, flags: tuple[str, ...] = ("interview_wanted",)) -> None:
    case.accept("anna", "bruno")
    case.submit("anna", value, flags)
    case.submit("bruno", value)
    assert case.status == "interview"


@pytest.mark.parametrize(("value", "flags"), [(2.5, ()), (4, ("authorship_doubt",))], ids=["band", "flag"])
def test_a_total_in_the_band_or_a_flag_calls_for_an_interview(
    case: Case, value: float, flags: tuple[str, ...]
) -> None:
    called_in(case, value, flags)

    assert case.get("manager", f"{case.here}/result")["outcome"] == "interview"


def test_an_interview_scores_anew_and_leads_to_the_decision(case: Case, clock: SetClock) -> None:
    called_in(case)
    booked = case.post("secretary", f"{case.here}/interviews", invitation(case))
    assert (booked["status"], sorted(booked["panel"])) == (
        "booked",
        sorted([case.ids["anna"], case.ids["bruno"]]),
    )
    minutes = f"/v1/interviews/{booked['id']}/minutes"
    body = {"minutes": "Ha spiegato ogni scelta.", "rescores": [{"criterion": "K3", "value": 4}]}
    assert case.refused("anna", "POST", minutes, body) == (409, "interview-not-yet")
    clock.move(timedelta(days=10))
    held = case.post("anna", minutes, body, expect=200)

    found = case.get("manager", f"{case.here}/result")
    assert (held["status"], case.status) == ("held", "ready_for_decision")
    assert (found["interviewed"], found["outcome"], found["total"]) == (True, "pass", "69.25")
    assert found["consensus"]["K3"] == "4"
    assert case.refused("anna", "POST", minutes, body) == (409, "interview-not-booked")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"at": "2026-11-29T10:00:00+01:00"}, "notice-too-short"),
        ({"at": "2026-11-19T10:00:00+01:00", "short_notice_agreed": True}, "in-the-past"),
    ],
    ids=["nine days", "yesterday"],
)
def test_the_candidate_has_the_notice_of_the_scheme(case: Case, changes: dict[str, object], why: str) -> None:
    called_in(case)

    answer = case.call("secretary", "POST", f"{case.here}/interviews", invitation(case, **changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (
        422,
        "interview-not-acceptable",
        why,
    )


def test_a_candidate_may_agree_to_come_sooner(case: Case) -> None:
    called_in(case)
    now = case.ports.clock.now().isoformat()
    body = invitation(case, at=now, short_notice_agreed=True)
    booked = case.post("anna", f"{case.here}/interviews", body)

    case.post("bruno", f"/v1/interviews/{booked['id']}/minutes", {"minutes": "Bene."}, expect=200)
    assert case.get("manager", f"{case.here}/result")["interviewed"] is True


@pytest.mark.parametrize(
    ("panel", "code", "why"),
    [
        (("anna",), "interview-not-acceptable", "panel-too-small"),
        (("anna", "anna"), "interview-not-acceptable", "panel-too-small"),
        (("anna", "carla"), "assessor-not-eligible", "undeclared"),
        (("anna", "elia"), "assessor-not-eligible", "not-an-assessor"),
        (("anna", "candidate"), "assessor-not-eligible", "applicant"),
    ],
)
def test_a_panel_is_two_assessors_who_are_clear_of_the_case(
    case: Case, panel: tuple[str, ...], code: str, why: str
) -> None:
    called_in(case)

    answer = case.call("secretary", "POST", f"{case.here}/interviews", invitation(case, *panel))
    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (422, code, why)


def test_somebody_in_conflict_hears_nobody(case: Case) -> None:
    called_in(case)
    case.declare("carla", "collaboration")

    answer = case.call("secretary", "POST", f"{case.here}/interviews", invitation(case, "anna", "carla"))
    assert (answer.status_code, answer.json()["why"]) == (422, "conflicted")


def test_one_interview_is_booked_at_a_time_and_a_cancelled_one_makes_way(case: Case) -> None:
    called_in(case)
    path = f"{case.here}/interviews"
    first = case.post("secretary", path, invitation(case))["id"]
    assert case.refused("secretary", "POST", path, invitation(case)) == (409, "interview-booked-already")
    case.post("manager", f"/v1/interviews/{first}/cancellation", expect=200)
    assert case.refused("manager", "POST", f"/v1/interviews/{first}/cancellation", {}) == (
        409,
        "interview-not-booked",
    )

    assert case.post("secretary", path, invitation(case))["id"] != first


def test_an_interview_is_arranged_by_its_panel_or_the_office(case: Case) -> None:
    called_in(case)
    path = f"{case.here}/interviews"
    assert case.refused("carla", "POST", path, invitation(case)) == (403, "not-your-interview")
    booked = case.post("secretary", path, invitation(case))["id"]

    minutes = {"minutes": "Bene."}
    assert case.refused("carla", "POST", f"/v1/interviews/{booked}/minutes", minutes) == (
        403,
        "not-your-interview",
    )
    assert case.refused("chair", "POST", f"/v1/interviews/{booked}/minutes", minutes) == (
        403,
        "permission-missing",
    )


@pytest.mark.parametrize(
    ("rescores", "codes"),
    [
        ([{"criterion": "K9", "value": 3}], ["criterion-unknown"]),
        ([{"criterion": "K1", "value": 3.2}], ["off-scale"]),
        ([{"criterion": "K1", "value": 3}, {"criterion": "K1", "value": 4}], ["scored-twice"]),
    ],
    ids=["unknown", "off scale", "twice"],
)
def test_what_is_scored_anew_is_on_the_scale(
    case: Case, clock: SetClock, rescores: list[dict[str, object]], codes: list[str]
) -> None:
    called_in(case)
    booked = case.post("secretary", f"{case.here}/interviews", invitation(case))["id"]
    clock.move(timedelta(days=10))

    body = {"minutes": "Bene.", "rescores": rescores}
    answer = case.call("anna", "POST", f"/v1/interviews/{booked}/minutes", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "scores-not-acceptable")
    assert [fault["code"] for fault in answer.json()["errors"]] == codes
    assert case.status == "interview"


def test_an_interview_leaves_minutes(case: Case, clock: SetClock) -> None:
    called_in(case)
    booked = case.post("secretary", f"{case.here}/interviews", invitation(case))["id"]
    clock.move(timedelta(days=10))

    path = f"/v1/interviews/{booked}/minutes"
    assert case.refused("anna", "POST", path, {"minutes": " \n "}) == (422, "malformed")


def test_nobody_is_heard_who_was_not_called(case: Case) -> None:
    case.judged()

    path = f"{case.here}/interviews"
    assert case.refused("secretary", "POST", path, invitation(case)) == (409, "dossier-not-movable")


# --- tenants and the trail ---------------------------------------------------------------------------------


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
    assert ours.refused("secretary", "POST", f"{theirs.here}/interviews", invitation(ours))[0] == 404


@pytest.mark.parametrize("path", ["assessments/asm_x", "assessments/%00", "dossiers/dos_%C3%A0/assessments"])
def test_an_id_that_is_none_is_malformed(case: Case, path: str) -> None:
    assert case.refused("manager", "GET", f"/v1/{path}") == (422, "malformed")


def test_the_trail_names_steps_and_tells_nothing_that_was_written(case: Case, clock: SetClock) -> None:
    called_in(case)
    booked = case.post("secretary", f"{case.here}/interviews", invitation(case))["id"]
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
