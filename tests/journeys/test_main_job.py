"""From a competency dossier to a credential that a stranger can verify, over HTTP, on both databases."""

from app.main import create_app, worker
from app.outbox import trail
from app.ports import Ports
from tests.journeys.people import SCHEME, People, fill, sample, scores


def test_from_a_dossier_to_a_credential_that_a_stranger_can_verify(ports: Ports) -> None:
    people = People(create_app(ports), ports)

    # A member opens a dossier, adds the evidence and hands it in. The receipt lists every file.
    dossier = people.post(
        "candidate",
        "/v1/dossiers",
        {"scheme": SCHEME, "language": "it", "ai_disclosure": True},
        expect=201,
    )["id"]
    here = f"/v1/dossiers/{dossier}"
    assert people.refused("candidate", f"{here}/submission", {}) == "dossier-incomplete"
    fill(people, dossier, "elena-marchetti")
    receipt = people.post("candidate", f"{here}/submission")
    assert len(receipt["files"]) == sum(
        "file" in e for e in sample("elena-marchetti", "dossier.yaml")["evidence"]
    )
    assert {file["scan"] for file in receipt["files"]} == {"unscanned"}
    late = people["candidate"].post(f"{here}/evidence", files={"kind": (None, "cv"), "fields": (None, "{}")})
    assert late.json()["code"] == "dossier-closed-to-changes"

    # The secretariat returns it once with reasons, gets it back, and admits it.
    people.post("secretary", f"{here}/return", {"reasons": "La firma dell'impegno non si legge."})
    people.post("candidate", f"{here}/submission")
    people.post("secretary", f"{here}/admission", {"path": "A"})

    # Two assessors. A former employer declares the tie and is turned away.
    assessments = {}
    for who, tie in (
        ("former_employer", {"kind": "employment", "ended_on": "2026-03-31"}),
        ("first_assessor", {"kind": "none"}),
        ("second_assessor", {"kind": "none"}),
    ):
        people.post("scheme_manager", f"{here}/assignments", {"assessor": people.ids[who]}, expect=201)
        assert people.refused(who, here) == "declaration-required"
        assessments[who] = people.post(who, f"{here}/declarations", tie, expect=201)["assessment"]
    assert assessments.pop("former_employer") is None
    assert people.refused("former_employer", here) == "conflict-of-interest"

    # They score on evidence, blind to each other until both are in.
    content = people.get("first_assessor", here)
    evidence = {e["file"]["original_name"]: e["id"] for e in content["evidence"] if e["file"]}
    for place, (who, assessment) in enumerate(assessments.items()):
        body = {"scores": scores("elena-marchetti", place, evidence)}
        path = f"/v1/assessments/{assessment}"
        held = {"If-Match": people[who].get(path).headers["ETag"]}
        assert people[who].put(f"{path}/scores", json=body, headers=held).status_code == 200
    first, second = assessments.values()
    assert people.refused("first_assessor", f"/v1/assessments/{second}") == "still-blind"
    for who, assessment in assessments.items():
        people.post(who, f"/v1/assessments/{assessment}/submission", {"flags": []})
    people.get("second_assessor", f"/v1/assessments/{first}")
    result = people.get("scheme_manager", f"{here}/result")
    assert (result["outcome"], result["total"]) == ("pass", "80.875")

    # The committee: a relative may not vote, an assessor may not either, three of three decide.
    committee = ("chair", "member", "other_member", "relative")
    meeting = people.post(
        "chair", "/v1/meetings", {"present": [people.ids[who] for who in committee]}, expect=201
    )
    for who in committee:
        kind = "family" if who == "relative" else "none"
        people.post(who, f"{here}/declarations", {"kind": kind}, expect=201)
    decision = people.post(
        "chair", "/v1/decisions", {"dossier": dossier, "meeting": meeting["id"]}, expect=201
    )["id"]
    votes = f"/v1/decisions/{decision}/votes"
    assert people.refused("relative", votes, {"choice": "grant"}) == "conflict-of-interest"
    assert people.refused("first_assessor", votes, {"choice": "grant"}) == "permission-missing"
    assert people.refused("registrar", "/v1/credentials", {"decision": decision}) == "decision-not-published"
    for who in ("chair", "member", "other_member"):
        people.post(who, votes, {"choice": "grant"}, expect=201)
    published = people.post("chair", f"/v1/decisions/{decision}/publication", {"reasons": "Prove solide."})
    assert published["outcome"] == "grant"
    assert published["quorum"] == {"needed": 3, "present": 3, "ok": True}

    # The credential: once, for three years to the day, with its TEST mark.
    credential = people.post("registrar", "/v1/credentials", {"decision": decision}, expect=201)
    assert (credential["valid_from"], credential["valid_until"]) == ("2026-11-20", "2029-11-20")
    assert people.refused("client", "/v1/credentials", {"decision": decision}) == "credential-issued-already"
    register = f"/v1/credentials/{credential['id']}"
    document = people["registrar"].get(f"{register}/documents/vc+jwt").text
    assert (
        people.post("registrar", f"{register}/documents", {"format": "ob+jwt"}, expect=201)["format"]
        == "ob+jwt"
    )
    badge = people["candidate"].get(f"{register}/documents/ob+jwt").text

    # A stranger verifies: by the number of the QR, and the documents themselves.
    def seen() -> set[tuple[str, str]]:
        worker(ports).drain()
        ports.clock.move()  # type: ignore[attr-defined]  # the public road looks for changes twice a second
        reports = [people.get("anyone", f"/v/{credential['number']}.json")]
        reports += [
            people.post("anyone", "/v1/verifications", {"credential": text}) for text in (document, badge)
        ]
        return {(report["result"], report["credential"]["state"]) for report in reports}

    assert seen() == {("valid_with_warnings", "active")}
    people.post("registrar", f"{register}/suspension", {"cause": "own_request", "reasons": "Richiesta."})
    assert seen() == {("invalid", "suspended")}
    people.post("registrar", f"{register}/reinstatement", {"reasons": "Fine."})
    assert seen() == {("valid_with_warnings", "active")}
    people.post("registrar", f"{register}/revocation", {"cause": "issued_in_error", "reasons": "Errore."})
    assert seen() == {("invalid", "revoked")}
    assert (
        people.refused("registrar", f"{register}/reinstatement", {"reasons": "No."})
        == "credential-not-movable"
    )

    # Every step of it stands in the trail, and the trail is whole.
    trail.append(ports.database)
    with ports.database.reading(people.organisation) as session:
        audit = trail.verify(session, people.organisation)
    assert audit.findings == ()
    assert audit.waiting == 0
