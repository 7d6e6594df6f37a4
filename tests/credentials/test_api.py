"""Credentials over HTTP: who may issue, read, hand out and move them, and what they hear otherwise."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from app.core.ids import new_id
from app.credentials import issuing
from app.credentials.models import Credential
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.organisations import service as organisations
from app.organisations.models import Organisation, Person, RoleGrant
from app.organisations.rules import Role
from app.ports import Ports, Slot
from tests import make
from tests.calling import Caller
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.status.failing import FailingKeys


@pytest.fixture
def desk(office: Office) -> Caller:
    return office.desk()


def caller_as(office: Office, person: Person) -> Caller:
    return make.caller(office.app(), office.key(person))


def test_a_registrar_issues_a_credential(office: Office, desk: Caller) -> None:
    holder = office.candidate(name="Nicolò D'Àngelo")
    answer = desk.post("/v1/credentials", json={"decision": office.decision(holder)})
    said = answer.json()
    assert answer.status_code == 201, said
    number = said["number"]
    assert {**said, "id": "", "documents": [], "periods": []} == {
        "id": "",
        "number": number,
        "holder": holder.id,
        "holder_name": "Nicolò D'Àngelo",
        "scheme": "uni-11621-8/ai-deep-learning-engineer",
        "state": "active",
        "mode": "test",
        "valid_from": "2026-11-20",
        "valid_until": "2029-11-20",
        "issued_at": "2026-11-20T09:00:00Z",
        "verify_url": f"https://sigillo.example.org/v/{number}",
        "hidden_at": None,
        "documents": [],
        "periods": [],
    }
    documents = said["documents"]
    assert said["periods"] == [
        {
            "seq": 1,
            "kind": "grant",
            "cycle": 1,
            "valid_from": "2026-11-20",
            "valid_until": "2029-11-20",
            "ended_on": None,
            "documents": documents,
        }
    ]
    assert [(each["format"], each["superseded_at"]) for each in documents] == [("vc+jwt", None), ("qr", None)]
    assert desk.get(f"/v1/credentials/{said['id']}").json() == said


@pytest.mark.parametrize(
    ("outcome", "published", "status", "code"),
    [("refuse", True, 422, "decision-not-granted"), ("grant", False, 409, "decision-not-published")],
    ids=["refused", "not yet published"],
)
def test_what_was_not_granted_is_not_issued(
    office: Office, desk: Caller, outcome: str, *, published: bool, status: int, code: str
) -> None:
    decision = office.decision(outcome=outcome, published=published)
    answer = desk.post("/v1/credentials", json={"decision": decision})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_decision_that_nobody_knows_is_not_found(desk: Caller) -> None:
    answer = desk.post("/v1/credentials", json={"decision": new_id("dec")})
    assert (answer.status_code, answer.json()["code"]) == (404, "decision-not-found")


def test_a_second_attempt_hears_which_credential_there_is(office: Office, desk: Caller) -> None:
    decision = office.decision()
    first = desk.post("/v1/credentials", json={"decision": decision}).json()
    again = desk.post("/v1/credentials", json={"decision": decision})
    assert (again.status_code, again.json()["code"]) == (409, "credential-issued-already")
    assert again.json()["credential"] == first["id"]


def test_a_lapsed_membership_is_named_as_the_reason(office: Office, desk: Caller) -> None:
    decision = office.decision(office.candidate(member=False))
    answer = desk.post("/v1/credentials", json={"decision": decision})
    assert (answer.status_code, answer.json()["code"]) == (422, "membership-not-valid")


@pytest.mark.parametrize(
    "body",
    [{}, {"decision": 1}, {"decision": "dec_1"}, {"decision": new_id("dec"), "number": "X"}, []],
    ids=["nothing", "wrong type", "no identifier", "unknown member", "no object"],
)
def test_a_request_of_the_wrong_form_is_refused(desk: Caller, body: object) -> None:
    answer = desk.post("/v1/credentials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


def test_a_signer_that_fails_is_told_with_the_credential_that_will_come(ports: Ports) -> None:
    signer = FailingKeys(ports.clock.now())
    signer.down = True
    office = Office.opened(replace(ports, signer=signer))
    desk = office.desk()
    answer = desk.post("/v1/credentials", json={"decision": office.decision()})
    assert (answer.status_code, answer.json()["code"]) == (409, "signing-failed")
    pending = desk.get(f"/v1/credentials/{answer.json()['credential']}").json()
    assert (pending["state"], pending["issued_at"], pending["documents"]) == ("pending", None, [])


def test_only_those_who_issue_may_issue(office: Office) -> None:
    decision = office.decision()
    answer = caller_as(office, office.candidate()).post("/v1/credentials", json={"decision": decision})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission-missing")


def test_a_program_issues_and_reads_but_never_suspends(office: Office) -> None:
    with office.ports.database.writing(office.organisation_id) as session:
        client = organisations.add_client(
            session, office.organisation_id, name="Back office", by="system", at=office.now
        )
        key = organisations.issue_key(
            session,
            client_id=client.id,
            scopes=organisations.CLIENT_SCOPES,
            expires_at=None,
            by="system",
            at=office.now,
        )
    program = make.caller(office.app(), key.token)
    issued = program.post("/v1/credentials", json={"decision": office.decision()})
    assert issued.status_code == 201
    assert [each["id"] for each in program.get("/v1/credentials").json()["data"]] == [issued.json()["id"]]
    refused = program.post(
        f"/v1/credentials/{issued.json()['id']}/suspension",
        json={"cause": "own_request", "reasons": "Asked."},
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "permission-missing")


def test_a_person_reads_their_own_credentials_and_nobody_elses(office: Office) -> None:
    holder = office.candidate()
    own, other = office.issue(office.decision(holder)), office.issue()
    reader = caller_as(office, holder)
    assert [each["id"] for each in reader.get("/v1/credentials").json()["data"]] == [own.id]
    assert reader.get(f"/v1/credentials/{own.id}").status_code == 200
    for path in ("", "/documents/vc+jwt", "/qr.svg", "/qr.png"):
        hidden = reader.get(f"/v1/credentials/{other.id}{path}")
        assert (hidden.status_code, hidden.json()["code"]) == (404, "credential-not-found"), path
    asked = reader.post(f"/v1/credentials/{other.id}/documents", json={"format": "ob+jwt"})
    assert asked.status_code == 404


def test_another_organisation_sees_nothing_and_moves_nothing(office: Office) -> None:
    credential = office.issue()
    stranger = Office.opened(office.ports, "Un'altra associazione").desk()
    assert stranger.get("/v1/credentials").json()["data"] == []
    assert stranger.get(f"/v1/credentials/{credential.id}").status_code == 404
    moved = stranger.post(
        f"/v1/credentials/{credential.id}/revocation", json={"cause": "own_request", "reasons": "Asked."}
    )
    assert moved.status_code == 404


def test_the_register_is_read_page_by_page(office: Office, desk: Caller) -> None:
    issued = sorted(office.issue().id for _ in range(5))
    read: list[str] = []
    cursor = None
    while True:
        page = desk.get(
            "/v1/credentials", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        read += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert read == issued


def test_a_document_is_handed_out_byte_for_byte(office: Office, desk: Caller) -> None:
    credential = office.issue()
    answer = desk.get(f"/v1/credentials/{credential.id}/documents/vc+jwt")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vc+jwt")
    assert answer.text == office.document(credential).token
    assert hashlib.sha256(answer.content).hexdigest() == office.document(credential).sha256
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-disposition"] == f'attachment; filename="{credential.number}.vc.jwt"'


def test_a_holder_asks_for_a_badge_once(office: Office) -> None:
    holder = office.candidate()
    credential = office.issue(office.decision(holder))
    reader = caller_as(office, holder)
    path = f"/v1/credentials/{credential.id}/documents"
    missing = reader.get(f"{path}/ob+jwt")
    assert (missing.status_code, missing.json()["code"]) == (404, "document-not-found")
    first = reader.post(path, json={"format": "ob+jwt"})
    again = reader.post(path, json={"format": "ob+jwt"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    badge = reader.get(f"{path}/ob+jwt")
    assert badge.headers["content-type"] == "application/jwt"
    assert open_compact(badge.text).header.format == "ob+jwt"
    assert {
        each["format"] for each in reader.get(f"/v1/credentials/{credential.id}").json()["documents"]
    } == {"vc+jwt", "ob+jwt", "qr"}


@pytest.mark.parametrize("asked", ["vc+jwt", "pdf", "", None])
def test_only_formats_that_are_made_on_request_are_made(
    office: Office, desk: Caller, asked: str | None
) -> None:
    credential = office.issue()
    answer = desk.post(f"/v1/credentials/{credential.id}/documents", json={"format": asked})
    assert answer.status_code == 422


def read_qr(picture: bytes) -> str:
    (read,) = zxingcpp.read_barcodes(
        Image.open(BytesIO(picture)), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    )
    return str(read.text)


@pytest.mark.parametrize("level", ["screen", "print"])
def test_the_qr_holds_the_document_of_the_period_in_force(office: Office, desk: Caller, level: str) -> None:
    credential = office.issue()
    drawn = desk.get(f"/v1/credentials/{credential.id}/qr.svg", params={"level": level})
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert credential.number in drawn.text
    picture = desk.get(f"/v1/credentials/{credential.id}/qr.png", params={"level": level})
    assert picture.headers["content-type"] == "image/png"
    digits = desk.get(f"/v1/credentials/{credential.id}/documents/qr")
    assert digits.headers["content-type"].startswith("text/plain")
    assert digits.text == office.document(credential, Format.QR).token
    assert read_qr(picture.content) == f"https://sigillo.example.org/v#{digits.text}"
    assert desk.get(f"/v1/credentials/{credential.id}/qr.svg", params={"level": "huge"}).status_code == 422


def test_the_offline_qr_of_one_of_many_is_made_for_whoever_looks_before_a_worker_made_it(
    office: Office, desk: Caller
) -> None:
    (made,) = issuing.issue_many(office.ports, [office.decision()], by=office.registrar, at=office.now)
    assert isinstance(made, issuing.Issued)
    credential = office.credential(made.credential_id)
    drawn = read_qr(desk.get(f"/v1/credentials/{credential.id}/qr.png").content)
    office.work()
    code = office.document(credential, Format.QR)
    assert drawn == f"https://sigillo.example.org/v#{code.token}"


@pytest.fixture
def signer(clock: SetClock) -> FailingKeys:
    return FailingKeys(clock.at)


@pytest.fixture
def codeless(ports: Ports, signer: FailingKeys) -> tuple[Office, Credential]:
    """A credential without an offline QR code, whose key cannot be used."""
    office = Office.opened(replace(ports, signer=signer))
    signer.without = Slot.QR
    return office, office.issue()


def test_the_qr_of_what_has_no_offline_one_opens_its_page_until_one_is_asked_for(
    codeless: tuple[Office, Credential], signer: FailingKeys
) -> None:
    office, credential = codeless
    desk, path = office.desk(), f"/v1/credentials/{credential.id}"
    opens = read_qr(desk.get(f"{path}/qr.png").content)
    assert opens == f"https://sigillo.example.org/v/{credential.number}"
    signer.without = None
    assert desk.post(f"{path}/documents", json={"format": "qr"}).is_success
    made = office.document(credential, Format.QR)
    assert read_qr(desk.get(f"{path}/qr.png").content) == f"https://sigillo.example.org/v#{made.token}"


@pytest.mark.parametrize(
    ("by", "state"),
    [({"its holder"}, "hidden"), ({"its body"}, "closed"), ({"its holder", "its body"}, "closed")],
    ids=["its holder", "its body", "both"],
)
def test_no_qr_is_drawn_that_would_lead_nowhere(
    codeless: tuple[Office, Credential], signer: FailingKeys, by: set[str], state: str
) -> None:
    office, credential = codeless
    desk, path = office.desk(), f"/v1/credentials/{credential.id}"
    with office.ports.database.writing(office.organisation_id) as session:
        if "its holder" in by:
            session.get_one(Credential, credential.id).hidden_at = office.ports.clock.now()
        if "its body" in by:
            session.get_one(Organisation, office.organisation_id).register_open = False
    for picture in ("qr.svg", "qr.png"):
        refused = desk.get(f"{path}/{picture}")
        assert (refused.status_code, refused.json()["code"]) == (409, "qr-leads-nowhere")
        assert refused.json()["state"] == state
        assert "format `qr`" in refused.json()["detail"]
        assert ("show the number again" in refused.json()["detail"]) is (state == "hidden")
    signer.without = None
    assert desk.post(f"{path}/documents", json={"format": "qr"}).is_success
    again = office.document(credential, Format.QR)
    assert read_qr(desk.get(f"{path}/qr.png").content) == f"https://sigillo.example.org/v#{again.token}"


def move(desk: Caller, credential: Credential, step: str, **given: str) -> tuple[int, dict[str, object]]:
    answer = desk.post(
        f"/v1/credentials/{credential.id}/{step}", json={"reasons": "As the committee found.", **given}
    )
    return answer.status_code, answer.json()


def test_a_registrar_suspends_reinstates_and_revokes(office: Office, desk: Caller) -> None:
    credential = office.issue()
    for step, given, state in (
        ("suspension", {"cause": "complaint_upheld", "review_on": "2027-01-15"}, "suspended"),
        ("reinstatement", {}, "active"),
        ("revocation", {"cause": "issued_in_error"}, "revoked"),
    ):
        status, said = move(desk, credential, step, **given)
        assert (status, said["state"]) == (200, state)


@pytest.mark.parametrize(
    ("step", "given", "status", "code"),
    [
        ("suspension", {"cause": "dislike"}, 422, "cause-not-allowed"),
        ("suspension", {"cause": "own_request", "review_on": "2027-05-21"}, 422, "review-not-allowed"),
        ("suspension", {"cause": "own_request", "review_on": "2027-13-01"}, 422, "malformed"),
        ("suspension", {"cause": "own_request", "reasons": " "}, 422, "malformed"),
        ("suspension", {}, 422, "malformed"),
        ("reinstatement", {}, 409, "credential-not-movable"),
        ("reinstatement", {"cause": "own_request"}, 422, "malformed"),
        ("revocation", {"cause": "dislike"}, 422, "cause-not-allowed"),
        ("revocation", {}, 422, "malformed"),
    ],
)
def test_a_step_that_is_not_allowed_changes_nothing(
    office: Office, desk: Caller, step: str, given: dict[str, str], status: int, code: str
) -> None:
    credential = office.issue()
    before = desk.get(f"/v1/credentials/{credential.id}").json()
    got, said = move(desk, credential, step, **given)
    assert (got, said["code"]) == (status, code)
    assert desk.get(f"/v1/credentials/{credential.id}").json() == before


def test_only_a_registrar_moves_a_credential(office: Office) -> None:
    holder = office.candidate()
    credential = office.issue(office.decision(holder))
    for step, given in (
        ("suspension", {"cause": "own_request"}),
        ("reinstatement", {}),
        ("revocation", {"cause": "own_request"}),
    ):
        status, said = move(caller_as(office, holder), credential, step, **given)
        assert (status, said["code"]) == (403, "permission-missing")


def test_a_suspension_is_public_within_a_second_of_its_being_published(
    office: Office, desk: Caller, clock: SetClock
) -> None:
    credential = office.issue()
    document = office.document(credential)
    path = f"/status/{document.list_id}-suspension"
    before = desk.get(path)
    move(desk, credential, "suspension", cause="complaint_upheld")
    office.work()
    clock.move(timedelta(seconds=1))
    after = desk.get(path)
    assert before.headers["etag"] != after.headers["etag"]
    assert before.text != after.text


def test_a_registrar_whose_term_is_over_moves_nothing(office: Office) -> None:
    credential = office.issue()
    with office.ports.database.writing(office.organisation_id) as session:
        former = make.person(session, office.organisation_id, at=office.now)
        session.add(
            RoleGrant(
                id=new_id("rol"),
                organisation_id=office.organisation_id,
                person_id=former.id,
                role=Role.REGISTRAR.value,
                from_day=office.now.date() - timedelta(days=9),
                to_day=office.now.date() - timedelta(days=1),
            )
        )
    status, _ = move(caller_as(office, former), credential, "revocation", cause="own_request")
    assert status == 403
