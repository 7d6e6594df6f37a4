"""From a case that is ready to one that is granted, refused or deferred."""

from app.decisions import queries
from app.dossiers import queries as dossier_queries
from tests.assessments.case import Case, publication


def test_a_grant_is_published_with_all_that_it_rests_on(case: Case) -> None:
    case.judged()
    decision = case.opened()
    opened = case.get("chair", f"/v1/decisions/{decision}")
    assert (opened["status"], opened["outcome"], opened["tally"]) == ("open", None, None)
    assert opened["quorum"] == {"needed": 3, "present": 4, "ok": True}
    assert opened["computed"]["total"] == "75"
    case.vote(decision, "grant", "chair", "elia", "fabia")
    case.vote(decision, "abstain", "gino")

    published = case.publish(decision, reasons="")

    assert (published["status"], published["outcome"], case.status) == ("published", "grant", "decided")
    assert published["tally"] == {"grant": 3, "refuse": 0, "defer": 0, "abstain": 1}
    assert (published["appeal"], published["reasons"], published["decided_on"]) == (None, None, "2026-11-20")
    assert published["case_file_hash"] == opened["case_file_hash"]
    assert case.get("candidate", f"{case.here}/decision") == published
    with case.writing() as session:
        grant = queries.granted(session, [decision])[decision]
    assert isinstance(grant, queries.Grant)
    assert (grant.id, grant.scheme_version) == (decision, "1.0.0")


def test_a_refusal_comes_with_reasons_and_the_way_to_appeal(case: Case) -> None:
    case.judged(1)
    decision = case.opened()
    case.vote(decision, "refuse")
    assert case.refused("chair", "POST", publication(decision), {"reasons": " \n"}) == (
        422,
        "reasons-missing",
    )
    published = case.publish(decision, "Sotto le soglie.")

    assert (published["outcome"], published["reasons"], case.status) == (
        "refuse",
        "Sotto le soglie.",
        "decided",
    )
    assert published["appeal"]["until"] == "2026-12-20"
    assert "20/12/2026" in published["appeal"]["text"]["it"]
    assert "2026-12-20" in published["appeal"]["text"]["en"]


def test_a_deferred_dossier_is_judged_anew_and_decided_again(case: Case) -> None:
    case.judged()
    first = case.opened()
    case.vote(first, "grant", "chair", "elia")
    case.vote(first, "refuse", "fabia", "gino")
    deferred = case.publish(first, "Serve un secondo parere.")
    assert (deferred["outcome"], case.status) == ("defer", "in_assessment")
    assert deferred["appeal"] is not None
    for name in ("anna", "bruno"):
        (mine,) = case.get(name, "/v1/assignments")["data"]
        assert mine["assessment"] != case.assessments[name]
        case.assessments[name] = mine["assessment"]
    # Whoever is judging anew sees not even the scores of the round before.
    assert len(case.get("anna", f"{case.here}/assessments")["data"]) == 1 + 1
    assert len(case.get("manager", f"{case.here}/assessments")["data"]) == 2
    case.submit("anna", 4)
    case.submit("bruno", 4)
    assert len(case.get("anna", f"{case.here}/assessments")["data"]) == 4

    body = {"dossier": case.dossier, "meeting": case.meet()}
    second = case.post("chair", "/v1/decisions", body)
    assert (second["round"], second["computed"]["total"]) == (2, "100")
    case.vote(second["id"], "grant")
    granted = case.publish(second["id"])
    assert (granted["outcome"], case.status) == ("grant", "decided")
    assert case.get("candidate", f"{case.here}/decision")["id"] == granted["id"]
    # What the first decision saw can still be shown to be what it was.
    with case.ports.database.reading(case.organisation) as session:
        dossier = dossier_queries.by_id(session, case.dossier)
        assert queries.case_file_hash(session, dossier, 1) == deferred["case_file_hash"]
        assert queries.case_file_hash(session, dossier, 2) == granted["case_file_hash"]


def test_whoever_voted_in_the_first_round_does_not_judge_in_the_second(case: Case) -> None:
    case.judged()
    decision = case.opened("chair", "elia", "fabia", "ugo", declare=("chair", "elia", "fabia", "ugo"))
    case.vote(decision, "defer", "chair", "elia", "fabia", "ugo")
    case.publish(decision)

    answer = case.call("manager", "POST", f"{case.here}/assignments", {"assessor": case.ids["ugo"]})
    assert (answer.status_code, answer.json()["why"]) == (422, "on-the-committee")


def test_only_a_dossier_that_is_ready_is_decided_and_once_a_round(case: Case) -> None:
    meeting = case.meet()
    body = {"dossier": case.dossier, "meeting": meeting}
    assert case.refused("chair", "POST", "/v1/decisions", body) == (409, "dossier-not-movable")
    case.judged()
    case.post("secretary", "/v1/decisions", body)

    assert case.refused("chair", "POST", "/v1/decisions", body) == (409, "decision-opened-already")


def test_a_meeting_lists_people_of_the_organisation_once(case: Case) -> None:
    present = [case.ids["elia"], case.ids["chair"], case.ids["elia"]]
    made = case.post("chair", "/v1/meetings", {"held_on": "2026-11-19", "present": present})

    assert (made["held_on"], sorted(made["present"])) == ("2026-11-19", sorted(set(present)))
    body = {"present": ["per_" + "0" * 26]}
    assert case.refused("chair", "POST", "/v1/meetings", body) == (404, "person-not-found")


def test_a_meeting_to_come_has_no_presence_yet(case: Case) -> None:
    body = {"held_on": "2026-11-21", "present": [case.ids["chair"]]}

    assert case.refused("chair", "POST", "/v1/meetings", body) == (422, "meeting-not-held")


def test_a_meeting_before_the_dossier_was_ready_cannot_have_decided_it(case: Case) -> None:
    case.judged()
    body = {"held_on": "2026-11-19", "present": [case.ids["chair"]]}
    meeting = case.post("chair", "/v1/meetings", body)["id"]

    body = {"dossier": case.dossier, "meeting": meeting}
    assert case.refused("chair", "POST", "/v1/decisions", body) == (422, "meeting-too-early")


def test_only_the_chair_and_the_secretariat_keep_the_minutes(case: Case) -> None:
    body = {"present": [case.ids["chair"]]}
    for who in ("elia", "anna", "manager", "registrar", "candidate", "auditor"):
        assert case.refused(who, "POST", "/v1/meetings", body) == (403, "permission-missing")
