"""Who votes on a case, and who does not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.dossiers import queries as dossier_queries
from app.dossiers.models import DossierStatus
from app.organisations.models import RoleGrant
from app.schemes.judgement import Flag
from tests.assessments.case import COMMITTEE, Case, publication, votes
from tests.fakes import SetClock


def test_a_member_votes_once(case: Case) -> None:
    case.judged()
    decision = case.opened()
    given = case.post("elia", votes(decision), {"choice": "grant"})

    assert given == {"decision": decision, "choice": "grant"}
    assert case.refused("elia", "POST", votes(decision), {"choice": "refuse"}) == (
        409,
        "voted-already",
    )


def test_a_conflicted_member_does_not_vote_and_counts_on_neither_side(case: Case) -> None:
    case.judged()
    decision = case.opened(declare=("chair", "elia", "fabia"))
    case.declare("gino", "family")

    assert case.refused("gino", "POST", votes(decision), {"choice": "grant"}) == (
        403,
        "conflict-of-interest",
    )
    # Five are in office, counting ugo; one is out of both counts.
    assert case.get("elia", f"/v1/decisions/{decision}")["quorum"] == {"needed": 3, "present": 3, "ok": True}
    assert case.refused("gino", "GET", f"/v1/decisions/{decision}") == (403, "conflict-of-interest")


@pytest.mark.parametrize(("who", "why"), [("gino", "absent"), ("fabia", "undeclared"), ("ugo", "separated")])
def test_who_is_absent_or_undeclared_or_scored_does_not_vote(case: Case, who: str, why: str) -> None:
    case.judged(judges=("anna", "ugo"))
    decision = case.opened("chair", "elia", "fabia", "ugo", declare=("chair", "elia", "gino"))

    answer = case.call(who, "POST", votes(decision), {"choice": "grant"})

    assert (answer.status_code, answer.json()["code"], answer.json()["why"]) == (403, "vote-barred", why)
    assert set(answer.json()["reason"]) == {"it", "en"}


def test_who_heard_the_candidate_does_not_vote(case: Case) -> None:
    case.accept("anna", "bruno")
    case.submit("anna", flags=[Flag.INTERVIEW_WANTED])
    case.submit("bruno")
    case.declare("ugo")
    body = {
        "panel": [case.ids["anna"], case.ids["ugo"]],
        "at": case.now.isoformat(),
        "remote": False,
        "short_notice_agreed": True,
    }
    booked = case.post("secretary", f"{case.here}/interviews", body)["id"]
    case.post("ugo", f"/v1/interviews/{booked}/minutes", {"minutes": "Bene."}, expect=200)
    decision = case.opened("chair", "elia", "fabia", "ugo")

    answer = case.call("ugo", "POST", votes(decision), {"choice": "grant"})
    assert (answer.status_code, answer.json()["why"]) == (403, "separated")


def test_who_came_into_office_after_the_meeting_does_not_vote(case: Case, clock: SetClock) -> None:
    case.judged()
    decision = case.opened()
    clock.move(timedelta(days=1))
    with case.writing() as session:
        for grant in session.scalars(select(RoleGrant).where(RoleGrant.person_id == case.ids["elia"])):
            grant.from_day = clock.now().date()

    answer = case.call("elia", "POST", votes(decision), {"choice": "grant"})
    assert (answer.status_code, answer.json()["why"]) == (403, "not-in-office")


def test_a_candidate_has_no_vote_on_their_own_case_nor_on_a_rival_s(case: Case) -> None:
    case.judged()
    rival = case.dossier
    case.another()
    with case.writing() as session:
        dossier_queries.by_id(session, case.dossier).applicant_id = case.ids["elia"]
    case.judged()
    own = case.opened(declare=("chair", "fabia", "gino"))
    answer = case.call("elia", "POST", votes(own), {"choice": "grant"})
    assert (answer.status_code, answer.json()["why"]) == (403, "applicant")
    assert case.refused("elia", "GET", f"/v1/decisions/{own}") == (404, "decision-not-found")

    case.dossier = rival
    decision = case.opened()
    assert case.refused("elia", "POST", votes(decision), {"choice": "refuse"}) == (
        403,
        "conflict-of-interest",
    )


def test_only_the_committee_votes(case: Case) -> None:
    case.judged()
    path = votes(case.opened())

    for who in ("anna", "secretary", "manager", "registrar", "candidate", "client"):
        assert case.refused(who, "POST", path, {"choice": "grant"}) == (403, "permission-missing")


def test_a_malformed_vote_is_none(case: Case) -> None:
    case.judged()
    path = votes(case.opened())

    bodies: list[dict[str, object]] = [
        {},
        {"choice": "maybe"},
        {"choice": True},
        {"choice": "grant", "as": "x"},
    ]
    for body in bodies:
        assert case.refused("elia", "POST", path, body) == (422, "malformed")


def test_without_quorum_nobody_votes_and_nothing_is_published(case: Case) -> None:
    case.judged()
    decision = case.opened("chair", "elia")
    assert case.get("chair", f"/v1/decisions/{decision}")["quorum"] == {
        "needed": 3,
        "present": 2,
        "ok": False,
    }

    answer = case.call("elia", "POST", votes(decision), {"choice": "grant"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-quorum")
    assert (answer.json()["needed"], answer.json()["present"]) == (3, 2)
    assert case.refused("chair", "POST", publication(decision), {"reasons": "x"}) == (
        409,
        "no-quorum",
    )


def test_a_case_that_came_to_nothing_is_taken_up_by_another_meeting(case: Case) -> None:
    case.judged()
    first = case.opened("chair", "elia")
    body = {"dossier": case.dossier, "meeting": case.meet()}
    second = case.post("chair", "/v1/decisions", body)["id"]

    assert case.get("chair", f"/v1/decisions/{first}")["status"] == "adjourned"
    assert case.refused("elia", "POST", votes(first), {"choice": "grant"}) == (
        409,
        "decision-not-open",
    )
    assert case.refused("chair", "POST", publication(first), {"reasons": ""}) == (
        409,
        "decision-not-open",
    )
    case.vote(second, "grant")
    again = {"dossier": case.dossier, "meeting": case.meet()}
    assert case.refused("chair", "POST", "/v1/decisions", again) == (409, "decision-opened-already")
    assert case.publish(second)["outcome"] == "grant"


def test_who_scored_a_case_of_the_meeting_votes_on_none_of_them(case: Case) -> None:
    case.judged(judges=("anna", "ugo"))
    first = case.opened()
    meeting = case.get("chair", f"/v1/decisions/{first}")["meeting"]
    case.another()
    case.judged()
    for name in (*COMMITTEE, "ugo"):
        case.declare(name)
    present = [case.ids[name] for name in (*COMMITTEE, "ugo")]
    other = case.post("secretary", "/v1/meetings", {"present": present})["id"]
    together = case.post("chair", "/v1/decisions", {"dossier": case.dossier, "meeting": meeting})["id"]
    answer = case.call("ugo", "POST", votes(together), {"choice": "grant"})
    assert (answer.status_code, answer.json()["why"]) == (403, "separated")

    apart = case.post("chair", "/v1/decisions", {"dossier": case.dossier, "meeting": other})["id"]
    case.vote(apart, "grant", "ugo")


def test_a_case_does_not_join_a_meeting_where_its_judge_has_voted(case: Case) -> None:
    case.judged()
    decision = case.opened("chair", "elia", "fabia", "ugo", declare=("chair", "elia", "fabia", "ugo"))
    case.vote(decision, "grant", "ugo")
    meeting = case.get("chair", f"/v1/decisions/{decision}")["meeting"]
    case.another()
    case.judged(judges=("anna", "ugo"))

    body = {"dossier": case.dossier, "meeting": meeting}
    assert case.refused("chair", "POST", "/v1/decisions", body) == (409, "separation-broken")


def test_a_withdrawn_dossier_is_voted_on_no_longer(case: Case) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "grant", "elia", "fabia")
    with case.writing() as session:
        dossier = dossier_queries.locked(session, case.dossier)
        dossier.move_to(DossierStatus.WITHDRAWN, by=case.ids["candidate"], at=case.now)

    assert case.refused("gino", "POST", votes(decision), {"choice": "grant"})[1] == "dossier-not-movable"
    assert case.refused("chair", "POST", publication(decision), {"reasons": ""})[1] == "dossier-not-movable"


def test_a_later_round_of_one_case_takes_no_vote_from_another(case: Case) -> None:
    case.judged()
    first, deferred = case.opened("chair", "elia", "fabia", "ugo", declare=(*COMMITTEE, "ugo")), case.dossier
    case.vote(first, "grant", "chair", "elia", "fabia", "ugo")
    meeting = case.get("chair", f"/v1/decisions/{first}")["meeting"]
    other = case.another()
    case.judged()
    for name in ("chair", "elia", "fabia"):
        case.declare(name)
    second = case.post("chair", "/v1/decisions", {"dossier": other, "meeting": meeting})["id"]
    case.vote(second, "defer", "chair", "elia", "fabia")
    case.publish(second)
    case.accept("ugo")  # judges the other case from now on: after this meeting, and not in it

    case.dossier = deferred
    assert case.publish(first)["tally"]["grant"] == 4
