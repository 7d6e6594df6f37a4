from datetime import timedelta

from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.dossiers import steps
from tests.dossiers.steps import Cast, problem


def test_a_dossier_is_admitted_on_a_path_that_its_evidence_satisfies(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)

    answer = cast.secretary.calls.post(f"/v1/dossiers/{dossier}/admission", json={"path": "A"})

    shown = answer.json()
    assert (shown["status"], shown["admission_path"], shown["derogation"]) == ("admitted", "A", None)
    again = cast.secretary.calls.post(f"/v1/dossiers/{dossier}/admission", json={"path": "A"})
    assert problem(again) == (409, "dossier-not-movable")


def test_another_path_takes_a_derogation_with_its_reasons(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)
    path = f"/v1/dossiers/{dossier}/admission"

    bare = cast.secretary.calls.post(path, json={"path": "C"})
    unknown = cast.secretary.calls.post(path, json={"path": "Z", "derogation": "Perché sì."})
    empty = cast.secretary.calls.post(path, json={"path": "C", "derogation": " "})
    reasoned = cast.secretary.calls.post(path, json={"path": "C", "derogation": "Brevetto europeo."})

    assert problem(bare) == problem(unknown) == (422, "admission-path-not-met")
    assert bare.json()["satisfied"] == ["A"]
    assert problem(empty) == (422, "malformed")
    shown = reasoned.json()
    assert (shown["status"], shown["derogation"]) == ("admitted", "Brevetto europeo.")


def test_a_derogation_that_nothing_calls_for_is_not_kept(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)

    answer = cast.secretary.calls.post(
        f"/v1/dossiers/{dossier}/admission", json={"path": "A", "derogation": "Per sicurezza."}
    )

    assert answer.json()["derogation"] is None


def test_a_dossier_is_returned_and_turned_down_only_with_reasons(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)

    for asked in ({}, {"reasons": ""}, {"reasons": " \n"}, {"reasons": 7}, {"reasons": "a\x00"}):
        for step in ("return", "non-admission"):
            answer = cast.manager.calls.post(f"/v1/dossiers/{dossier}/{step}", json=asked)
            assert problem(answer) == (422, "malformed")

    refused = cast.manager.calls.post(
        f"/v1/dossiers/{dossier}/non-admission", json={"reasons": "Nessun progetto."}
    )
    assert refused.json()["status"] == "not_admitted"
    assert refused.json()["history"][-1]["reasons"] == "Nessun progetto."
    assert refused.json()["history"][-1]["by"] == cast.manager.id


def test_each_step_belongs_to_its_role(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)
    reasons = {"reasons": "Così."}
    everyone = {
        *(cast.applicant, cast.other, cast.secretary, cast.manager, cast.assessor, cast.member),
        *(cast.registrar, cast.auditor, cast.administrator),
    }

    for who in everyone - {cast.secretary, cast.manager}:
        for step, asked in (("return", reasons), ("admission", {"path": "A"})):
            answer = who.calls.post(f"/v1/dossiers/{dossier}/{step}", json=asked)
            assert problem(answer) == (403, "permission-missing")
    for who in everyone - {cast.manager}:
        answer = who.calls.post(f"/v1/dossiers/{dossier}/non-admission", json=reasons)
        assert problem(answer) == (403, "permission-missing")


def test_a_draft_is_neither_admitted_nor_returned(cast: Cast) -> None:
    dossier = steps.complete(cast.applicant)

    for step, asked in (("return", {"reasons": "Così."}), ("admission", {"path": "A"})):
        answer = cast.secretary.calls.post(f"/v1/dossiers/{dossier}/{step}", json=asked)
        assert problem(answer) == (409, "dossier-not-movable")
        assert answer.json()["status_of_dossier"] == "draft"


def test_nobody_in_the_office_acts_on_their_own_dossier(cast: Cast) -> None:
    dossier = steps.submitted(cast.secretary)

    answer = cast.secretary.calls.post(f"/v1/dossiers/{dossier}/admission", json={"path": "A"})

    assert problem(answer) == (403, "own-dossier")


def test_the_desk_is_kept_by_persons(cast: Cast) -> None:
    client = steps.client(cast, "dossiers:read", "dossiers:write")
    dossier = steps.complete(client, applicant=cast.applicant.id)
    steps.submit(client, dossier)

    for step in ("return", "admission", "non-admission"):
        answer = client.calls.post(f"/v1/dossiers/{dossier}/{step}", json={})
        assert problem(answer) == (403, "permission-missing")


def test_what_the_office_is_shown_when_it_acts_is_written_down_like_any_reading(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)

    cast.secretary.calls.post(f"/v1/dossiers/{dossier}/return", json={"reasons": "Così."})

    rows = cast.applicant.calls.get(f"/v1/dossiers/{dossier}/accesses").json()["data"]
    assert [row["role"] for row in rows] == ["secretariat"]


def test_experience_that_goes_on_counts_to_the_day_of_handing_in(cast: Cast, ports: Ports) -> None:
    """The case file says at the decision what it said at admission."""
    dossier = steps.submitted(cast.applicant)
    ports.clock.move(timedelta(days=3 * 365))  # type: ignore[attr-defined] # the tests' clock

    at = ports.clock.now()
    with ports.database.writing(cast.organisation) as session:
        secretary = make.person(session, cast.organisation, Role.SECRETARIAT, at=at)
        token = make.key(session, secretary, at=at)
    shown = steps.someone(cast.app, token).calls.get(f"/v1/dossiers/{dossier}").json()

    assert shown["paths"] == ["A"]  # enough months for B by now, and too few when it was handed in
