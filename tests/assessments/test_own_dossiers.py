"""Whatever office somebody holds, it is no way into a case of their own; and scores come from judges."""

from datetime import timedelta

import pytest

from app.assessments import service
from app.dossiers import queries as dossier_queries
from app.dossiers.errors import OwnDossier
from tests.assessments.case import Case
from tests.fakes import SetClock

MINUTES = {"minutes": "Bene.", "rescores": [{"criterion": "K3", "value": 4}]}


def belongs_to(case: Case, name: str) -> None:
    with case.writing() as session:
        dossier_queries.by_id(session, case.dossier).applicant_id = case.ids[name]


def test_who_holds_office_neither_assigns_nor_arranges_on_their_own_dossier(
    case: Case, clock: SetClock
) -> None:
    belongs_to(case, "manager")
    assignment = {"assessor": case.ids["carla"]}
    assert case.refused("manager", "POST", f"{case.here}/assignments", assignment) == (403, "own-dossier")
    belongs_to(case, "candidate")
    case.called_in()
    belongs_to(case, "manager")

    path = f"{case.here}/interviews"
    assert case.refused("manager", "POST", path, case.invitation()) == (403, "own-dossier")
    interview = f"/v1/interviews/{case.post('secretary', path, case.invitation())['id']}"
    clock.move(timedelta(days=10))
    assert case.refused("manager", "POST", f"{interview}/minutes", MINUTES) == (403, "own-dossier")
    assert case.refused("manager", "POST", f"{interview}/cancellation", {}) == (403, "own-dossier")


def test_who_opened_a_dossier_for_somebody_has_no_part_in_its_judgement(case: Case) -> None:
    belongs_to(case, "registrar")  # it was opened by the candidate

    with case.writing() as session, pytest.raises(OwnDossier):
        service.assign(
            session,
            case.dossier,
            assessor_id=case.ids["anna"],
            by=case.actors["candidate"],
            at=case.now,
        )


def test_the_office_calls_a_candidate_in_and_scores_nothing(case: Case, clock: SetClock) -> None:
    case.called_in()
    interview = case.post("secretary", f"{case.here}/interviews", case.invitation())["id"]
    clock.move(timedelta(days=10))
    path = f"/v1/interviews/{interview}/minutes"

    for who in ("secretary", "manager"):
        for body in (MINUTES, {"minutes": "Bene."}):
            assert case.refused(who, "POST", path, body) == (403, "not-your-interview")
    assert case.status == "interview"
    case.post("anna", path, MINUTES, expect=200)
