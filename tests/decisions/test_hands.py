"""Through whose hands a decision passes: all of them vote, and none of them has a stake in it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.decisions import service, viewing
from app.decisions.errors import ThresholdsNotMet
from app.dossiers import queries as dossier_queries
from app.dossiers.errors import ConflictOfInterest, DeclarationRequired, OwnDossier
from app.organisations.models import RoleGrant
from app.organisations.rules import Actor, Role, permissions_of_person
from tests.assessments.case import COMMITTEE, Case
from tests.fakes import SetClock


def also(case: Case, name: str, *roles: Role) -> Actor:
    """The same person, who holds further roles."""
    actor = case.actors[name]
    held = actor.roles | set(roles)
    return Actor(actor.id, actor.organisation_id, held, permissions_of_person(held, None), is_person=True)


def belongs_to(case: Case, name: str) -> None:
    with case.writing() as session:
        dossier_queries.by_id(session, case.dossier).applicant_id = case.ids[name]


def test_nothing_is_published_before_everybody_there_has_voted(case: Case) -> None:
    case.judged()
    decision = case.opened()
    path = f"/v1/decisions/{decision}/publication"
    case.vote(decision, "grant", "chair")

    answer = case.call("chair", "POST", path, {"reasons": ""})
    assert (answer.status_code, answer.json()["code"], answer.json()["missing"]) == (
        409,
        "votes-outstanding",
        3,
    )
    assert not any(case.ids[name] in answer.text for name in COMMITTEE)
    case.vote(decision, "refuse", "elia")
    case.vote(decision, "abstain", "fabia")
    assert case.refused("chair", "POST", path, {"reasons": "x"}) == (409, "votes-outstanding")
    case.vote(decision, "refuse", "gino")
    assert case.publish(decision)["outcome"] == "refuse"


def test_nobody_puts_their_own_case_before_a_meeting(case: Case) -> None:
    case.judged()
    belongs_to(case, "secretary")
    body = {"dossier": case.dossier, "meeting": case.meet()}

    assert case.refused("secretary", "POST", "/v1/decisions", body) == (403, "own-dossier")
    with case.writing() as session, pytest.raises(OwnDossier):  # the candidate opened it for somebody else
        service.open_decision(
            session, case.dossier, meeting_id=body["meeting"], by=case.actors["candidate"], at=case.now
        )


def test_a_rival_does_not_publish(case: Case) -> None:
    case.judged()
    contested = case.dossier
    case.another()
    belongs_to(case, "chair")
    case.dossier = contested
    decision = case.opened("elia", "fabia", "gino")
    case.vote(decision, "refuse", "elia", "fabia", "gino")

    answer = case.refused("chair", "POST", f"/v1/decisions/{decision}/publication", {"reasons": "x"})
    assert answer == (403, "conflict-of-interest")


def test_a_chair_who_came_into_office_after_the_meeting_does_not_publish(case: Case, clock: SetClock) -> None:
    case.judged()
    decision = case.opened("elia", "fabia", "gino")
    case.vote(decision, "grant", "elia", "fabia", "gino")
    clock.move(timedelta(days=1))
    with case.writing() as session:
        for grant in session.scalars(select(RoleGrant).where(RoleGrant.person_id == case.ids["chair"])):
            grant.from_day = clock.now().date()

    answer = case.call("chair", "POST", f"/v1/decisions/{decision}/publication", {"reasons": ""})
    assert (answer.status_code, answer.json()["why"]) == (403, "not-in-office")


def test_a_chair_who_was_not_at_the_meeting_may_publish(case: Case) -> None:
    case.judged()
    decision = case.opened("elia", "fabia", "gino")
    case.vote(decision, "grant", "elia", "fabia", "gino")

    assert case.publish(decision)["outcome"] == "grant"


def test_a_path_of_admission_is_not_reached_by_waiting(case: Case, clock: SetClock) -> None:
    with case.writing() as session:
        dossier = dossier_queries.by_id(session, case.dossier)
        work = next(item for item in dossier.evidence if item.kind == "experience")
        work.fields = {**work.fields, "from": "2026-11-01"}  # and it goes on
    case.judged()
    clock.move(timedelta(days=3650))
    decision = case.opened()
    case.vote(decision, "grant")

    # Asked of the service: by now nobody's key is good any more.
    with case.writing() as session, pytest.raises(ThresholdsNotMet):
        service.publish(session, decision, reasons="", derogation="", by=case.actors["chair"], at=clock.now())


def test_office_opens_no_decision_to_a_member_who_is_not_clear_of_it(case: Case) -> None:
    case.judged()
    decision = case.opened("chair", "elia", "fabia", declare=("chair", "elia", "fabia"))
    case.vote(decision, "grant", "chair", "elia", "fabia")
    case.publish(decision)
    gino = also(case, "gino", Role.SECRETARIAT)

    with case.writing() as session, pytest.raises(DeclarationRequired):
        viewing.decision_of_dossier(session, case.dossier, by=gino)
    case.declare("gino", "family")
    with case.writing() as session:
        with pytest.raises(ConflictOfInterest):
            viewing.decision_of_dossier(session, case.dossier, by=gino)
        elia = also(case, "elia", Role.SECRETARIAT)
        assert viewing.decision_of_dossier(session, case.dossier, by=elia).id == decision


@pytest.mark.parametrize("sql", ["UPDATE vote SET choice = 'grant'", "DELETE FROM vote"])
def test_the_database_lets_no_vote_be_changed_or_taken_back(case: Case, sql: str) -> None:
    case.judged()
    decision = case.opened()
    case.vote(decision, "refuse", "elia")

    with pytest.raises(DBAPIError, match="append-only"), case.writing() as session:
        session.execute(text(sql))
