"""How a candidate is called, heard and scored anew."""

from datetime import timedelta

import pytest

from app.schemes.judgement import Flag
from tests.assessments.case import Case
from tests.fakes import SetClock

NOBODY = "per_" + "0" * 26


@pytest.mark.parametrize(("value", "flags"), [(2.5, ()), (4, (Flag.AUTHORSHIP_DOUBT,))], ids=["band", "flag"])
def test_a_total_in_the_band_or_a_flag_calls_for_an_interview(
    case: Case, value: float, flags: tuple[Flag, ...]
) -> None:
    case.called_in(value, flags)

    assert case.get("manager", f"{case.here}/result")["outcome"] == "interview"


def test_an_interview_scores_anew_and_leads_to_the_decision(case: Case, clock: SetClock) -> None:
    case.called_in()
    booked = case.post("secretary", f"{case.here}/interviews", case.invitation())
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
    case.called_in()

    answer = case.call("secretary", "POST", f"{case.here}/interviews", case.invitation(**changes))
    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (
        422,
        "interview-not-acceptable",
        why,
    )


def test_a_candidate_may_agree_to_come_sooner(case: Case) -> None:
    case.called_in()
    now = case.now.isoformat()
    body = case.invitation(at=now, short_notice_agreed=True)
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
    case.called_in()

    answer = case.call("secretary", "POST", f"{case.here}/interviews", case.invitation(*panel))
    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (422, code, why)


def test_somebody_in_conflict_hears_nobody(case: Case) -> None:
    case.called_in()
    case.declare("ugo", "collaboration")

    answer = case.call("secretary", "POST", f"{case.here}/interviews", case.invitation("anna", "ugo"))
    assert (answer.status_code, answer.json()["why"]) == (422, "conflicted")


def test_one_interview_is_booked_at_a_time_and_a_cancelled_one_makes_way(case: Case) -> None:
    case.called_in()
    path = f"{case.here}/interviews"
    first = case.post("secretary", path, case.invitation())["id"]
    assert case.refused("secretary", "POST", path, case.invitation()) == (409, "interview-booked-already")
    case.post("manager", f"/v1/interviews/{first}/cancellation", expect=200)
    assert case.refused("manager", "POST", f"/v1/interviews/{first}/cancellation", {}) == (
        409,
        "interview-not-booked",
    )

    assert case.post("secretary", path, case.invitation())["id"] != first


def test_an_interview_is_arranged_by_its_panel_or_the_office(case: Case) -> None:
    case.called_in()
    path = f"{case.here}/interviews"
    assert case.refused("carla", "POST", path, case.invitation()) == (403, "not-your-interview")
    booked = case.post("secretary", path, case.invitation())["id"]

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
    case.called_in()
    booked = case.post("secretary", f"{case.here}/interviews", case.invitation())["id"]
    clock.move(timedelta(days=10))

    body = {"minutes": "Bene.", "rescores": rescores}
    answer = case.call("anna", "POST", f"/v1/interviews/{booked}/minutes", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "scores-not-acceptable")
    assert [fault["code"] for fault in answer.json()["errors"]] == codes
    assert case.status == "interview"


def test_an_interview_leaves_minutes(case: Case, clock: SetClock) -> None:
    case.called_in()
    booked = case.post("secretary", f"{case.here}/interviews", case.invitation())["id"]
    clock.move(timedelta(days=10))

    path = f"/v1/interviews/{booked}/minutes"
    assert case.refused("anna", "POST", path, {"minutes": " \n "}) == (422, "malformed")


def test_nobody_is_heard_who_was_not_called(case: Case) -> None:
    case.judged()

    path = f"{case.here}/interviews"
    assert case.refused("secretary", "POST", path, case.invitation()) == (409, "dossier-not-movable")
