import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO

from sqlalchemy import select

from app.dossiers.models import Dossier
from app.outbox.trail import Event, digest
from app.ports import Ports, ScannerUnavailable, ScanResult
from app.schemes.catalogue import catalogue
from tests.dossiers import steps
from tests.dossiers.steps import Cast, problem
from tests.fakes import SetClock


class Finding:
    """A scanner that finds what it is told."""

    def __init__(self, found: ScanResult) -> None:
        self.found = found

    def scan(self, source: BinaryIO) -> ScanResult:
        source.read()
        return self.found


class Silent:
    """A scanner that gives no answer."""

    def scan(self, source: BinaryIO) -> ScanResult:
        del source
        raise ScannerUnavailable("no answer")


def files_of(ports: Ports) -> list[str]:
    """The names of all that was stored."""
    folder = ports.files.folder  # type: ignore[attr-defined] # the tests' adapter is the folder
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_draft_says_what_it_lacks_and_in_both_languages(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    shown = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()

    assert [gap["kind"] for gap in shown["gaps"]] == [
        *("cv", "training", "experience", "project_sheet", "ethics_pledge"),
    ]
    assert all(gap["detail"]["it"] and gap["detail"]["en"] for gap in shown["gaps"])
    assert (shown["status"], shown["scheme_version"], shown["submitted_at"]) == ("draft", None, None)
    assert [step["status"] for step in shown["history"]] == ["draft"]


def test_a_complete_dossier_is_handed_in_and_answered_with_a_receipt(cast: Cast) -> None:
    dossier = steps.complete(cast.applicant)

    answer = steps.submit(cast.applicant, dossier)

    receipt = answer.json()
    scheme = catalogue().version(steps.SCHEME, "1.0.0")
    assert answer.status_code == 200
    assert receipt["dossier"] == dossier
    assert (receipt["scheme"], receipt["scheme_version"]) == (steps.SCHEME, scheme.version)
    assert receipt["submitted_at"] == "2026-11-20T09:00:00Z"
    assert [file["kind"] for file in receipt["files"]] == [kind for kind, _ in steps.COMPLETE]
    assert {file["sha256"] for file in receipt["files"]} == {hashlib.sha256(steps.PROOF).hexdigest()}
    assert {file["size"] for file in receipt["files"]} == {len(steps.PROOF)}
    assert {file["scan"] for file in receipt["files"]} == {"unscanned"}
    shown = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()
    assert shown["snapshot_hash"] == receipt["snapshot_hash"]
    assert (shown["status"], shown["gaps"], shown["paths"]) == ("submitted", [], ["A"])


def test_the_snapshot_hash_covers_everything_that_was_handed_in(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)

    shown = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()

    scheme = catalogue().version(steps.SCHEME, "1.0.0")
    assert shown["snapshot_hash"] == digest(
        {
            "dossier": dossier,
            "applicant": cast.applicant.id,
            "scheme": steps.SCHEME,
            "scheme_version": scheme.version,
            "scheme_digest": scheme.digest,
            "language": "it",
            "ai_disclosure": True,
            "evidence": [
                {
                    "id": item["id"],
                    "kind": item["kind"],
                    "fields": item["fields"],
                    "sha256": item["file"]["sha256"],
                    "size": item["file"]["size"],
                    "media_type": "text/markdown",
                }
                for item in shown["evidence"]
            ],
        }
    )
    with ports.database.reading(cast.organisation) as session:
        events = session.scalars(select(Event).where(Event.topic == "dossier.submitted")).all()
    assert [event.facts["snapshot"] for event in events] == [shown["snapshot_hash"]]


def test_an_incomplete_dossier_is_refused_with_all_that_it_lacks_and_stays_a_draft(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    answer = steps.submit(cast.applicant, dossier)

    assert problem(answer) == (422, "dossier-incomplete")
    assert {gap["code"] for gap in answer.json()["gaps"]} == {"too-few"}
    assert cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["status"] == "draft"


def test_the_use_of_artificial_intelligence_has_to_be_acknowledged(cast: Cast) -> None:
    dossier = steps.complete(cast.applicant, ai_disclosure=False)

    refused = steps.submit(cast.applicant, dossier)
    cast.applicant.calls.patch(
        f"/v1/dossiers/{dossier}", json={"ai_disclosure": True}, headers={"If-Match": "*"}
    )

    assert [gap["code"] for gap in refused.json()["gaps"]] == ["not-acknowledged"]
    assert steps.submit(cast.applicant, dossier).status_code == 200


def test_nobody_hands_in_without_a_membership_in_force(cast: Cast) -> None:
    dossier = steps.complete(cast.applicant)
    members = cast.administrator.calls.get(f"/v1/organisations/{cast.organisation}/members").json()["data"]
    (membership,) = next(one["memberships"] for one in members if one["id"] == cast.applicant.id)
    changed = cast.administrator.calls.patch(
        f"/v1/organisations/{cast.organisation}/memberships/{membership['id']}",
        json={"state": "active", "to": "2026-11-19"},
    )

    answer = steps.submit(cast.applicant, dossier)

    assert changed.status_code == 200
    assert problem(answer) == (422, "membership-not-valid")
    assert cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["status"] == "draft"


def test_a_membership_lasts_through_its_last_local_day(cast: Cast, clock: SetClock) -> None:
    members = cast.administrator.calls.get(f"/v1/organisations/{cast.organisation}/members").json()["data"]
    (membership,) = next(one["memberships"] for one in members if one["id"] == cast.applicant.id)
    cast.administrator.calls.patch(
        f"/v1/organisations/{cast.organisation}/memberships/{membership['id']}",
        json={"state": "active", "to": "2026-11-20"},
    )
    dossier = steps.complete(cast.applicant)
    clock.move(timedelta(hours=14, minutes=1))  # 23:01 UTC: past midnight in Rome

    assert problem(steps.submit(cast.applicant, dossier)) == (422, "membership-not-valid")
    clock.move(timedelta(minutes=-2))
    assert steps.submit(cast.applicant, dossier).status_code == 200


def test_evidence_no_longer_changes_once_the_dossier_is_handed_in(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    before = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()
    stored = files_of(ports)
    item = before["evidence"][0]["id"]
    calls = cast.applicant.calls

    answers = [
        steps.attach(cast.applicant, dossier, content=b"# Un'altra cosa\n"),
        calls.delete(f"/v1/dossiers/{dossier}/evidence/{item}"),
        calls.patch(f"/v1/dossiers/{dossier}", json={"language": "en"}),
    ]

    assert [problem(answer) for answer in answers] == [(409, "dossier-closed-to-changes")] * 3
    assert problem(steps.submit(cast.applicant, dossier)) == (409, "dossier-not-movable")
    assert calls.get(f"/v1/dossiers/{dossier}").json() == before
    assert files_of(ports) == stored


def test_a_returned_dossier_is_put_right_and_handed_in_again(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)
    first = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["snapshot_hash"]
    returned = cast.secretary.calls.post(
        f"/v1/dossiers/{dossier}/return", json={"reasons": "Manca la model card."}
    )

    added = steps.attach(cast.applicant, dossier, content=b"# Model card\n")
    again = steps.submit(cast.applicant, dossier)

    assert returned.json()["status"] == "returned"
    assert added.status_code == 201
    assert again.status_code == 200
    assert again.json()["snapshot_hash"] != first
    history = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["history"]
    assert [step["status"] for step in history] == ["draft", "submitted", "returned", "submitted"]
    assert history[2]["reasons"] == "Manca la model card."
    # The candidate is told what happened and why, not who of the organisation did it.
    assert [step["by"] for step in history] == [cast.applicant.id, cast.applicant.id, None, cast.applicant.id]


def test_evidence_is_taken_out_of_a_draft(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)
    first = steps.attach(cast.applicant, dossier).json()["id"]
    second = steps.attach(cast.applicant, dossier).json()["id"]

    removed = cast.applicant.calls.delete(f"/v1/dossiers/{dossier}/evidence/{first}")
    third = steps.attach(cast.applicant, dossier).json()["id"]

    assert removed.status_code == 204
    shown = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()
    assert [item["id"] for item in shown["evidence"]] == [second, third]
    again = cast.applicant.calls.delete(f"/v1/dossiers/{dossier}/evidence/{first}")
    assert problem(again) == (404, "evidence-not-found")


def test_a_dossier_is_withdrawn_before_it_is_decided_and_then_another_may_be_begun(cast: Cast) -> None:
    dossier = steps.submitted(cast.applicant)

    withdrawn = cast.applicant.calls.post(
        f"/v1/dossiers/{dossier}/withdrawal", json={"reasons": "Ci ripenso."}
    )
    again = cast.applicant.calls.post(f"/v1/dossiers/{dossier}/withdrawal", json={})

    assert withdrawn.json()["status"] == "withdrawn"
    assert problem(again) == (409, "dossier-not-movable")
    assert steps.begin(cast.applicant) != dossier


def test_a_candidate_has_one_open_dossier_per_scheme(cast: Cast) -> None:
    steps.begin(cast.applicant)

    answer = cast.applicant.calls.post(
        "/v1/dossiers", json={"scheme": steps.SCHEME, "language": "it", "ai_disclosure": True}
    )

    assert problem(answer) == (409, "dossier-open-already")
    assert len(cast.applicant.calls.get("/v1/dossiers").json()["data"]) == 1


def test_a_dossier_is_begun_only_as_asked(cast: Cast) -> None:
    asked = {"scheme": steps.SCHEME, "language": "it", "ai_disclosure": True}
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"scheme": "uni-11621-8/nothing"}, 404, "scheme-not-found"),
        ({"scheme": "../../etc"}, 422, "malformed"),
        ({"language": "fr"}, 422, "malformed"),
        ({"ai_disclosure": "true"}, 422, "malformed"),
        ({"ai_disclosure": 1}, 422, "malformed"),
        ({"surprise": 1}, 422, "malformed"),
        ({"applicant": 7}, 422, "malformed"),
    ]

    for changes, status, code in cases:
        answer = cast.applicant.calls.post("/v1/dossiers", json=asked | changes)
        assert problem(answer) == (status, code), changes

    assert cast.applicant.calls.get("/v1/dossiers").json() == {"data": [], "next_cursor": None}


def test_a_missing_member_is_named(cast: Cast) -> None:
    answer = cast.applicant.calls.post("/v1/dossiers", json={"language": "it"})

    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/scheme", "#/ai_disclosure"]


def test_a_person_begins_a_dossier_for_nobody_else(cast: Cast) -> None:
    asked = {"scheme": steps.SCHEME, "language": "it", "ai_disclosure": True, "applicant": cast.other.id}

    assert problem(cast.applicant.calls.post("/v1/dossiers", json=asked)) == (403, "not-your-dossier")
    assert problem(cast.secretary.calls.post("/v1/dossiers", json=asked)) == (403, "not-your-dossier")


def test_an_api_client_hands_in_for_a_person_and_sees_no_other_dossier(cast: Cast) -> None:
    client = steps.client(cast, "dossiers:write", "dossiers:read")
    theirs = steps.begin(cast.other)

    unnamed = client.calls.post(
        "/v1/dossiers", json={"scheme": steps.SCHEME, "language": "it", "ai_disclosure": True}
    )
    dossier = steps.complete(client, applicant=cast.applicant.id)

    assert problem(unnamed) == (422, "applicant-not-named")
    assert steps.submit(client, dossier).status_code == 200
    assert [line["id"] for line in client.calls.get("/v1/dossiers").json()["data"]] == [dossier]
    assert problem(client.calls.get(f"/v1/dossiers/{theirs}")) == (404, "dossier-not-found")
    assert problem(steps.attach(client, theirs)) == (404, "dossier-not-found")
    assert cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["applicant"] == cast.applicant.id


def test_fields_that_the_scheme_does_not_ask_for_are_refused(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    for fields in (
        '{"surprise": "a"}',
        '{"title": 7}',
        '{"title": "a\\u0000b"}',
        '{"title": "a", "title": "b"}',
        "[",
    ):
        answer = steps.attach(cast.applicant, dossier, "model_card", fields)
        assert problem(answer) == (422, "evidence-fields-wrong"), fields

    assert cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["evidence"] == []


def test_each_wrong_field_is_named_in_both_languages(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    answer = steps.attach(cast.applicant, dossier, "training", {"provider": "A", "title": "B", "hours": -1})

    faults = answer.json()["faults"]
    assert [(fault["field"], fault["code"]) for fault in faults] == [
        ("hours", "field-faulty"),
        ("ended_on", "field-missing"),
    ]
    assert all(fault["detail"]["it"] and fault["detail"]["en"] for fault in faults)


def test_evidence_of_a_kind_that_the_scheme_does_not_know_is_refused(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    assert problem(steps.attach(cast.applicant, dossier, "horoscope")) == (422, "evidence-fields-wrong")
    assert problem(steps.attach(cast.applicant, dossier, "../cv")) == (422, "malformed")


def test_no_more_of_a_kind_is_taken_than_the_scheme_allows(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)
    steps.attach(cast.applicant, dossier, "cv")

    assert problem(steps.attach(cast.applicant, dossier, "cv")) == (422, "evidence-too-many")


def test_evidence_may_come_without_a_file_where_the_scheme_allows_it(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    answer = steps.attach(
        cast.applicant, dossier, "publication", {"url": "https://example.org/paper"}, name=None
    )

    assert answer.status_code == 201, answer.text
    assert answer.json()["file"] is None


def test_a_form_with_a_part_twice_or_unknown_is_refused(cast: Cast) -> None:
    path = f"/v1/dossiers/{steps.begin(cast.applicant)}/evidence"
    one = ("file", ("a.md", b"# A\n", "text/markdown"))
    two = ("file", ("b.md", b"# B\n", "text/markdown"))

    twice = cast.applicant.calls.post(path, data={"kind": "model_card"}, files=[one, two])
    unknown = cast.applicant.calls.post(path, data={"kind": "model_card", "sha256": "0"}, files=[one])
    missing = cast.applicant.calls.post(path, files=[one])

    assert [problem(answer) for answer in (twice, unknown, missing)] == [(422, "malformed")] * 3
    assert twice.json()["errors"] == [{"pointer": "#/file", "detail": "must stand only once"}]


def test_a_refused_file_is_not_kept(cast: Cast, ports: Ports) -> None:
    dossier = steps.begin(cast.applicant)

    answer = steps.attach(cast.applicant, dossier, name="prova.pdf", media_type="application/pdf")

    assert problem(answer) == (422, "file-refused")
    assert answer.json()["reason"] == "content"
    assert files_of(ports) == []


def test_a_file_that_is_larger_than_the_scheme_allows_is_refused(cast: Cast, ports: Ports) -> None:
    dossier = steps.begin(cast.applicant)
    most = catalogue().version(steps.SCHEME, "1.0.0").files.max_bytes

    too_much = steps.attach(cast.applicant, dossier, content=b"a" * (most + 1))
    far_too_much = steps.attach(cast.applicant, dossier, content=b"a" * (most + 2_000_000))
    just_enough = steps.attach(cast.applicant, dossier, content=b"a" * most)

    assert problem(too_much) == (413, "file-too-large")
    assert problem(far_too_much) == (413, "too-large")  # stopped on its way in, by the same limit for all
    assert just_enough.status_code == 201
    assert len(files_of(ports)) == 1


def test_the_files_of_one_dossier_have_a_limit_together(cast: Cast, ports: Ports) -> None:
    dossier = steps.begin(cast.applicant)
    steps.attach(cast.applicant, dossier)
    whole = catalogue().version(steps.SCHEME, "1.0.0").files.total_bytes
    with ports.database.writing(cast.organisation) as session:
        found = session.get(Dossier, dossier)
        assert found is not None
        found.evidence[0].size = whole - len(steps.PROOF) + 1

    assert problem(steps.attach(cast.applicant, dossier)) == (413, "file-too-large")


def test_a_hostile_name_is_data_and_nothing_else(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)

    for sent, kept in (
        ("../../etc/passwd.md", "passwd.md"),
        ("cv\u202edm.exe.md", "cvdm.exe.md"),
        ('"; filename=evil.exe; x=".md', "%22; filename=evil.exe; x=%22.md"),
        ("prova\r\nSet-Cookie: a=b.md", "prova%0D%0ASet-Cookie: a=b.md"),
        ("è così — 東京.md", "è così — 東京.md"),
    ):
        added = steps.attach(cast.applicant, dossier, name=sent).json()
        assert added["file"]["original_name"] == kept
        fetched = cast.applicant.calls.get(f"/v1/dossiers/{dossier}/evidence/{added['id']}/file")
        disposition = fetched.headers["content-disposition"]
        assert disposition.startswith('attachment; filename="')
        assert disposition.count('"') == 2
        assert disposition.isascii()


def test_a_file_is_given_back_as_it_came_to_be_saved_and_never_shown(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)
    item = steps.attach(cast.applicant, dossier, name="relazione finale è.md").json()["id"]

    fetched = cast.applicant.calls.get(f"/v1/dossiers/{dossier}/evidence/{item}/file")

    assert fetched.content == steps.PROOF
    assert fetched.headers["content-type"] == "text/markdown; charset=utf-8"
    assert fetched.headers["content-length"] == str(len(steps.PROOF))
    assert fetched.headers["content-disposition"] == (
        "attachment; filename=\"relazione finale _.md\"; filename*=UTF-8''relazione%20finale%20%C3%A8.md"
    )
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert fetched.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert fetched.headers["cache-control"] == "private, no-store"


def test_evidence_without_a_file_has_none_to_fetch(cast: Cast) -> None:
    dossier = steps.begin(cast.applicant)
    url = {"url": "https://example.org/paper"}
    item = steps.attach(cast.applicant, dossier, "publication", url, name=None).json()["id"]

    answer = cast.applicant.calls.get(f"/v1/dossiers/{dossier}/evidence/{item}/file")

    assert problem(answer) == (404, "evidence-not-found")


def test_an_infected_file_is_marked_given_to_nobody_and_keeps_the_dossier_from_being_handed_in(
    ports: Ports,
) -> None:
    cast = steps.cast(replace(ports, scanner=Finding(ScanResult.INFECTED)))
    dossier = steps.complete(cast.applicant)
    item = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["evidence"][0]

    fetched = cast.applicant.calls.get(f"/v1/dossiers/{dossier}/evidence/{item['id']}/file")

    assert item["file"]["scan"] == "infected"
    assert problem(fetched) == (403, "file-infected")
    refused = steps.submit(cast.applicant, dossier)
    assert {gap["code"] for gap in refused.json()["gaps"]} == {"file-infected"}


def test_a_clean_file_is_marked_clean(ports: Ports) -> None:
    cast = steps.cast(replace(ports, scanner=Finding(ScanResult.CLEAN)))

    added = steps.attach(cast.applicant, steps.begin(cast.applicant))

    assert added.json()["file"]["scan"] == "clean"


def test_nothing_is_taken_in_while_the_scanner_gives_no_answer(ports: Ports) -> None:
    cast = steps.cast(replace(ports, scanner=Silent()))
    dossier = steps.begin(cast.applicant)

    assert problem(steps.attach(cast.applicant, dossier)) == (409, "scanner-unavailable")
    assert files_of(ports) == []
    assert cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["evidence"] == []


def test_every_step_is_recorded_and_nothing_personal_with_it(cast: Cast, ports: Ports) -> None:
    dossier = steps.submitted(cast.applicant)
    cast.secretary.calls.post(f"/v1/dossiers/{dossier}/return", json={"reasons": "Il CV di Mario Rossi."})
    cast.applicant.calls.post(f"/v1/dossiers/{dossier}/withdrawal", json={"reasons": "Motivi di famiglia."})

    with ports.database.reading(cast.organisation) as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
    mine = [event for event in events if event.about.get("dossier") == dossier]
    assert [event.topic for event in mine] == [
        "dossier.begun",
        *["evidence.added"] * len(steps.COMPLETE),
        *("dossier.submitted", "dossier.returned", "dossier.withdrawn"),
    ]
    assert [event.actor_id for event in mine[-3:]] == [
        cast.applicant.id,
        cast.secretary.id,
        cast.applicant.id,
    ]
    written = " ".join(f"{event.about} {event.facts}" for event in mine)
    for personal in ("Rossi", "famiglia", "Lumastra", "Montelago", "cv.md", "Cognome"):
        assert personal not in written
