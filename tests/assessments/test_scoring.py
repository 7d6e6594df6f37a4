"""What an assessor writes down, and what is not taken for a score."""

import json

from tests.assessments.case import CRITERIA, Case, Json

NOBODY = "per_" + "0" * 26


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


def test_a_score_that_cannot_stand_is_answered_in_both_languages(case: Case) -> None:
    case.accept("anna", "bruno")
    before = case.score("anna", 2)
    path = f"/v1/assessments/{case.assessments['anna']}"
    faulty: list[tuple[Json, str]] = [
        ({"evidence": []}, "evidence-missing"),
        ({"evidence": ["evd_" + "0" * 26]}, "evidence-unknown"),
        ({"value": 1, "comment": " "}, "comment-missing"),
        ({"value": 3.25}, "off-scale"),
        ({"value": 4.5}, "off-scale"),
        ({"value": -1}, "off-scale"),
        ({"criterion": "K9"}, "criterion-unknown"),
        ({"comment": "x" * 4001}, "comment-too-long"),
    ]
    for change, code in faulty:
        body = case.scores(3)
        body["scores"][0] |= change

        answer = case.call("anna", "PUT", f"{path}/scores", body)

        assert (answer.status_code, answer.json()["code"]) == (422, "scores-not-acceptable")
        (fault,) = answer.json()["errors"]
        assert (fault["code"], set(fault["detail"])) == (code, {"it", "en"})
    assert case.get("anna", path) == before


def test_only_a_number_is_a_score(case: Case) -> None:
    case.accept("anna", "bruno")
    path = f"/v1/assessments/{case.assessments['anna']}/scores"
    for value in ("true", '"3"', "NaN", "Infinity", "null", "[3]", "1e999"):
        body = json.dumps(case.scores(9)).replace('"value": 9', f'"value": {value}')

        answer = case.callers["anna"].put(path, content=body, headers={"content-type": "application/json"})

        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), value


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
    case.score("anna")
    handed_in = case.hand_in("anna")
    path = f"/v1/assessments/{case.assessments['anna']}"

    assert case.refused("anna", "PUT", f"{path}/scores", case.scores(0)) == (409, "assessment-submitted")
    assert case.refused("anna", "POST", f"{path}/submission", {}) == (409, "assessment-submitted")
    assert case.get("anna", path) == handed_in


def test_divergence_is_worked_out_and_never_claimed(case: Case) -> None:
    case.accept("anna", "bruno")
    case.score("anna")
    path = f"/v1/assessments/{case.assessments['anna']}/submission"

    assert case.refused("anna", "POST", path, {"flags": ["divergence"]}) == (422, "malformed")
