"""What shows that an activity was done, and who may see it."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import select

from app.adapters.files import FolderFiles
from app.dossiers import forgetting
from app.outbox.trail import Event
from app.ports import FILES_SETTLE, Ports, ScannerUnavailable, ScanResult
from app.renewal import proofs, queries
from app.renewal.models import CpdProof
from tests.assessments.racing import at_once
from tests.fakes import SetClock
from tests.renewal import members
from tests.renewal.members import House, problem

LATER = FILES_SETTLE + timedelta(minutes=10)
URL = "https://example.org/attestati/1"


class Finds:
    """A scanner that always says the same."""

    def __init__(self, result: ScanResult | None) -> None:
        self.result = result

    def scan(self, source: BinaryIO) -> ScanResult:
        del source
        if self.result is None:
            raise ScannerUnavailable
        return self.result


def stored(ports: Ports) -> list[Path]:
    assert isinstance(ports.files, FolderFiles)
    return [path for path in ports.files.folder.rglob("*") if path.is_file()]


def hours_pass(house: House) -> None:
    """The clock moves, and so does the age of every file."""
    assert isinstance(house.ports.clock, SetClock)
    house.ports.clock.move(LATER)
    for path in stored(house.ports):
        age = path.stat().st_mtime - LATER.total_seconds()
        os.utime(path, (age, age))
    house.work()


def file_of(house: House, activity: str, proof: str, who: members.Someone | None = None) -> Any:
    calls = (who or house.holder).calls
    return calls.get(f"/v1/cpd-activities/{activity}/proofs/{proof}/file")


@pytest.mark.parametrize("kind", ["certificate", "attendance", "artefact"])
def test_these_kinds_of_proof_are_files(house: House, kind: str) -> None:
    draft = members.draft(house)["id"]
    bare = members.attach(house.holder, draft, kind, name=None, reference="n. 12")
    assert problem(bare) == (422, "cpd-proof-wrong")
    (fault,) = bare.json()["faults"]
    assert (fault["field"], fault["code"]) == ("file", "file-needed")
    assert "slides" in fault["detail"]["en"]
    added = members.attach(house.holder, draft, kind)
    assert added.status_code == 201, added.text
    assert (added.json()["scan"], added.json()["size"]) == ("unscanned", len(members.CERTIFICATE))
    claimed = house.holder.calls.post(f"/v1/cpd-activities/{draft}/claim")
    assert claimed.json()["state"] == "claimed"


@pytest.mark.parametrize("kind", ["certificate", "attendance", "artefact"])
def test_told_in_words_alone_they_leave_a_draft(house: House, kind: str) -> None:
    answer = members.add(house, proof=[{"kind": kind, "reference": "n. 12"}])
    assert answer.status_code == 201
    assert answer.json()["state"] == "draft"
    assert [each["code"] for each in answer.json()["missing"]] == ["proof-file-missing"]


@pytest.mark.parametrize(
    ("reference", "good"),
    [
        (URL, True),
        ("http://example.org", False),
        ("https://", False),
        ("https://user@example.org", False),
        ("https://example.org/a b", False),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
    ],
)
def test_an_address_is_https_and_is_never_fetched(house: House, reference: str, good: bool) -> None:  # noqa: FBT001 - a case
    draft = members.draft(house)["id"]
    answer = members.attach(house.holder, draft, "url", name=None, reference=reference)
    if good:
        assert answer.status_code == 201
    else:
        assert problem(answer) == (422, "cpd-proof-wrong")
        assert answer.json()["faults"][0]["code"] == "not-https"


@pytest.mark.parametrize(
    ("reference", "good"),
    [
        ("Maria Rossi, maria@example.org", True),
        ("Prof. Bruno Bianchi +39 02 1234567", True),
        ("Maria Rossi", False),
        ("maria@example.org", False),
        ("+39 02 1234567", False),
        ("un collega", False),
    ],
)
def test_a_referee_has_a_name_and_can_be_reached(house: House, reference: str, good: bool) -> None:  # noqa: FBT001 - a case
    draft = members.draft(house)["id"]
    answer = members.attach(house.holder, draft, "referee", name=None, reference=reference)
    assert (answer.status_code == 201) is good, answer.text
    if not good:
        assert answer.json()["faults"][0]["code"] == "referee-not-reachable"


@pytest.mark.parametrize("kind", ["receipt", "invitation", "slides"])
def test_what_only_shows_an_invitation_is_no_proof(house: House, kind: str) -> None:
    draft = members.draft(house)["id"]
    answer = members.attach(house.holder, draft, kind)
    assert problem(answer) == (422, "cpd-proof-wrong")
    (fault,) = answer.json()["faults"]
    assert fault["code"] == "proof-kind-unknown"
    assert "Receipts" in fault["detail"]["en"]
    assert stored(house.ports) == []


@pytest.mark.parametrize(
    ("name", "content", "media_type", "expected"),
    [
        ("attestato.exe", b"MZ", "application/octet-stream", (422, "file-refused")),
        ("attestato.pdf", b"not a pdf", "application/pdf", (422, "file-refused")),
        ("attestato.md", b"", "text/markdown", (422, "file-refused")),
        ("attestato.md", b"\x00\x01", "text/markdown", (422, "file-refused")),
        ("attestato.md", b"x" * 20_000_001, "text/markdown", (413, "file-too-large")),
    ],
    ids=["type", "content", "empty", "binary", "size"],
)
def test_a_file_that_the_scheme_does_not_take_is_never_stored(
    house: House, name: str, content: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    draft = members.draft(house)["id"]
    answer = members.attach(house.holder, draft, name=name, content=content, media_type=media_type)
    assert problem(answer) == expected
    assert stored(house.ports) == []


def test_the_files_of_one_activity_have_a_weight_together(house: House) -> None:
    draft = members.draft(house)["id"]
    assert members.attach(house.holder, draft).status_code == 201
    with house.ports.database.writing(house.organisation) as session:
        session.scalars(select(CpdProof)).one().size = 199_999_990
    answer = members.attach(house.holder, draft, content=b"# Un altro\n\nattestato\n")
    assert problem(answer) == (413, "file-too-large")


def test_the_same_file_sent_again_is_there_once(house: House) -> None:
    draft = members.draft(house)["id"]
    first, second = (members.attach(house.holder, draft) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    answers = at_once(*[lambda: members.attach(house.holder, draft, "attendance")] * 4)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]


def test_an_activity_has_so_many_proofs_and_no_more(house: House) -> None:
    references = [{"kind": "url", "reference": f"{URL}{n}"} for n in range(proofs.MOST_PROOFS)]
    draft = members.draft(house, proof=references)["id"]
    answer = members.attach(house.holder, draft, "url", name=None, reference="https://example.org/one-more")
    assert problem(answer) == (422, "cpd-proof-too-many")


def test_a_part_that_stands_twice_is_refused(house: House) -> None:
    draft = members.draft(house)["id"]
    parts = [("kind", (None, b"url")), ("kind", (None, b"certificate"))]
    answer = house.holder.calls.post(f"/v1/cpd-activities/{draft}/proofs", files=parts)
    assert problem(answer) == (422, "malformed")


@pytest.mark.parametrize(
    "form", [{"kind": "\x00"}, {"kind": "url", "reference": "a\x00b"}, {"reference": URL}]
)
def test_a_form_that_says_nonsense_is_refused(house: House, form: dict[str, str]) -> None:
    draft = members.draft(house)["id"]
    parts = {name: (None, value.encode()) for name, value in form.items()}
    answer = house.holder.calls.post(f"/v1/cpd-activities/{draft}/proofs", files=parts)
    assert problem(answer) == (422, "malformed")


def test_an_infected_file_is_given_to_nobody_and_proves_nothing(ports: Ports) -> None:
    house = members.opened(replace(ports, scanner=Finds(ScanResult.INFECTED)))
    draft = members.draft(house)["id"]
    proof = members.attach(house.holder, draft).json()
    assert proof["scan"] == "infected"
    assert problem(file_of(house, draft, proof["id"])) == (403, "file-infected")
    claim = house.holder.calls.post(f"/v1/cpd-activities/{draft}/claim")
    assert [each["code"] for each in claim.json()["missing"]] == ["proof-infected"]


def test_without_its_scanner_nothing_is_taken_in(ports: Ports) -> None:
    house = members.opened(replace(ports, scanner=Finds(None)))
    draft = members.draft(house)["id"]
    assert problem(members.attach(house.holder, draft)) == (409, "scanner-unavailable")
    assert stored(ports) == []


def test_the_file_is_for_the_holder_and_the_office_and_their_reading_is_written_down(house: House) -> None:
    draft = members.draft(house)["id"]
    proof = members.attach(house.holder, draft).json()["id"]
    mine = file_of(house, draft, proof)
    assert mine.content == members.CERTIFICATE
    assert mine.headers["content-disposition"].startswith("attachment")
    assert mine.headers["x-content-type-options"] == "nosniff"
    for office in (house.secretary, house.manager, house.registrar, house.auditor):
        assert file_of(house, draft, proof, office).status_code == 200
    for stranger in (house.other, house.assessor):
        assert problem(file_of(house, draft, proof, stranger)) == (404, "cpd-activity-not-found")
    program = house.client("cpd:read", "cpd:write")
    refused = program.get(f"/v1/cpd-activities/{draft}/proofs/{proof}/file")
    assert problem(refused) == (403, "permission-missing")
    with house.ports.database.reading(house.organisation) as session:
        read = [event for event in session.scalars(select(Event)) if event.topic == "cpd.proof-read"]
    assert [event.facts["role"] for event in read] == [
        "secretariat",
        "scheme_manager",
        "registrar",
        "auditor",
    ]
    assert all(event.about["proof"] == proof for event in read)


def test_a_proof_without_a_file_has_none_to_fetch(house: House) -> None:
    found = members.claimed(house)
    assert problem(file_of(house, found["id"], found["proofs"][0]["id"])) == (404, "cpd-proof-not-found")
    assert problem(file_of(house, found["id"], "prf_" + "0" * 26)) == (404, "cpd-proof-not-found")


def test_an_accepted_activity_takes_no_more_proofs(house: House) -> None:
    found = members.claimed(house)["id"]
    house.secretary.calls.post(f"/v1/cpd-activities/{found}/acceptance", json={})
    answer = members.attach(house.holder, found)
    assert problem(answer) == (409, "cpd-activity-closed-to-changes")
    assert stored(house.ports) == []


def test_the_bytes_of_a_draft_that_was_thrown_away_are_deleted_after_a_while(house: House) -> None:
    draft = members.draft(house)["id"]
    members.attach(house.holder, draft)
    assert house.holder.calls.delete(f"/v1/cpd-activities/{draft}").status_code == 204
    house.work()
    assert len(stored(house.ports)) == 1
    hours_pass(house)
    assert stored(house.ports) == []


def test_bytes_that_a_proof_names_outlive_the_evidence_that_named_them_too(house: House) -> None:
    draft = members.draft(house)["id"]
    proof = members.attach(house.holder, draft).json()
    with house.ports.database.writing(house.organisation) as session:
        forgetting.leave(session, proof["sha256"], organisation_id=house.organisation, at=house.now)
        assert queries.names(session, proof["sha256"])
        assert not queries.names(session, "0" * 64)
    hours_pass(house)
    assert file_of(house, draft, proof["id"]).content == members.CERTIFICATE


def test_a_corrected_version_keeps_the_files(house: House) -> None:
    draft = members.draft(house)["id"]
    members.attach(house.holder, draft)
    house.holder.calls.post(f"/v1/cpd-activities/{draft}/claim")
    newer = house.holder.calls.post(
        f"/v1/cpd-activities/{draft}/correction", json=members.fields(house, hours="7")
    ).json()
    assert newer["state"] == "claimed"
    assert file_of(house, newer["id"], newer["proofs"][0]["id"]).content == members.CERTIFICATE


def take_back(house: House, activity: str, proof: str, who: members.Someone | None = None) -> Any:
    return (who or house.holder).calls.delete(f"/v1/cpd-activities/{activity}/proofs/{proof}")


def test_no_program_fetches_the_file_of_a_proof_of_what_it_recorded(house: House) -> None:
    provider = house.client("cpd:write", "cpd:read")
    rows = [{"row": 1, **members.fields(house), "credential": house.number}]
    found = provider.post("/v1/cpd-imports", json={"rows": rows}).json()["results"][0]["activity"]
    house.secretary.calls.post(f"/v1/cpd-activities/{found}/query", json={"question": "Chi?"})
    proof = members.attach(house.holder, found).json()["id"]
    refused = provider.get(f"/v1/cpd-activities/{found}/proofs/{proof}/file")
    assert problem(refused) == (403, "permission-missing")


@pytest.mark.parametrize("state", ["draft", "queried"])
def test_a_holder_takes_a_proof_back_and_its_bytes_are_forgotten(house: House, state: str) -> None:
    found = (members.draft(house) if state == "draft" else members.claimed(house))["id"]
    proof = members.attach(house.holder, found).json()["id"]
    if state == "queried":
        house.secretary.calls.post(f"/v1/cpd-activities/{found}/query", json={"question": "Chi?"})
    assert problem(take_back(house, found, proof, house.other)) == (404, "cpd-activity-not-found")
    assert problem(take_back(house, found, proof, house.secretary)) == (403, "not-your-cpd-activity")
    assert take_back(house, found, proof).status_code == 204
    assert problem(take_back(house, found, proof)) == (404, "cpd-proof-not-found")
    left = house.holder.calls.get(f"/v1/cpd-activities/{found}").json()["proofs"]
    assert [each["kind"] for each in left] == ([] if state == "draft" else ["url"])
    hours_pass(house)
    assert stored(house.ports) == []
    with house.ports.database.reading(house.organisation) as session:
        (event,) = [each for each in session.scalars(select(Event)) if each.topic == "cpd.proof-removed"]
    assert event.facts == {"state": state, "kind": "certificate"}


def test_proofs_of_what_was_claimed_stay_until_a_correction(house: House) -> None:
    found = members.claimed(house)["id"]
    proof = members.attach(house.holder, found).json()["id"]
    assert problem(take_back(house, found, proof)) == (409, "cpd-activity-closed-to-changes")
    asked = {**members.fields(house, hours="7"), "claim": False}
    newer = house.holder.calls.post(f"/v1/cpd-activities/{found}/correction", json=asked).json()
    copied = next(each["id"] for each in newer["proofs"] if each["kind"] == "certificate")
    assert take_back(house, newer["id"], copied).status_code == 204
    hours_pass(house)
    assert file_of(house, found, proof).content == members.CERTIFICATE


def test_the_proofs_of_one_credential_have_a_weight_together(house: House) -> None:
    for number in range(3):
        draft = members.draft(house, title=f"Corso {number}")["id"]
        assert members.attach(house.holder, draft, content=b"# Attestato %d" % number).status_code == 201
    with house.ports.database.writing(house.organisation) as session:
        for row in session.scalars(select(CpdProof)):
            row.size = 166_666_664
    another = members.draft(house, title="Un altro")["id"]
    answer = members.attach(house.holder, another)
    assert problem(answer) == (413, "file-too-large")
    assert answer.json()["limit"] == proofs.MOST_BYTES
    hours_pass(house)
    assert len(stored(house.ports)) == 3
