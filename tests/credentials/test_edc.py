"""The European Digital Credential, from the register to the file that Europass takes."""

import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import func, select

from app.core.db import Base
from app.core.labels import Labels
from app.credentials import composing, intending, issuing, learning
from app.credentials.learning import Draft, write_edc
from app.credentials.models import Credential, Document
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.lints import Finding
from app.formats.strict import decode64
from app.formats.x509 import owner_of
from app.organisations import service as organisations
from app.organisations.models import Person
from app.organisations.rules import Permission
from app.outbox.trail import Event
from app.ports import KeyNotUsable, Ports, PublicKey, Slot
from app.schemes.catalogue import catalogue
from app.status.errors import SigningFailed
from app.status.models import StatusPosition
from tests import make
from tests.calling import Caller
from tests.credentials.office import Office
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.formats import shacl
from tests.status.failing import FailingKeys

NAME = "Nicolò D'Àngelo"
TITLE = "TEST – AI Deep Learning Engineer"  # noqa: RUF001 - as it is written


def address(credential: Credential) -> str:
    return f"/v1/credentials/{credential.id}/documents/edc"


def content(seal: Seal) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(seal.content)
    return read


def counts(office: Office) -> dict[str, int]:
    """How many rows there are of everything, but for links of the trail, which come in their own time."""
    with office.ports.database.reading(office.organisation_id) as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name not in {"event_link", "event_waiting"}
        }


@pytest.fixture
def holder(office: Office) -> Person:
    return office.candidate(name=NAME)


@pytest.fixture
def credential(office: Office, holder: Person) -> Credential:
    return office.issue(office.decision(holder))


@pytest.fixture
def caller(office: Office, holder: Person) -> Caller:
    return make.caller(office.app(), office.key(holder))


def test_a_holder_gets_it_on_first_request_and_the_same_bytes_ever_after(
    office: Office, credential: Credential, caller: Caller
) -> None:
    first, again = caller.get(address(credential)), caller.get(address(credential))
    assert (first.status_code, first.headers["content-type"]) == (200, "application/ld+json")
    assert first.content == again.content
    assert first.headers["cache-control"] == "private, no-store"
    assert quote(f"{NAME} - {TITLE}.jsonld", safe="") in first.headers["content-disposition"]
    document = office.document(credential, Format.EDC)
    assert (document.token, document.list_id, document.list_index) == (first.text, None, None)
    assert office.intents() == []
    with office.ports.database.reading(office.organisation_id) as session:
        places = session.scalars(select(StatusPosition.document_id)).all()
        told = [event for event in session.scalars(select(Event)) if event.facts.get("format") == "edc"]
    assert document.id not in places, "the format has no place for a status"
    assert [event.topic for event in told] == ["issuance.intended", "document.issued"]
    assert all("list" not in event.facts for event in told)


def test_it_is_sealed_as_europass_writes_it(office: Office, credential: Credential, caller: Caller) -> None:
    text = caller.get(address(credential)).text
    seal = read_seal(text)
    key = office.ports.signer.current(Slot.EDC_SEAL)
    assert json.loads(text).keys() == {"payload", "signatures"}
    assert (seal.level, seal.b64, seal.verified_by(key.jwk)) == (Level.B_B, False, True)
    assert (seal.header.chain, seal.header.claimed_at) == (key.chain, office.now)
    assert {"iat", "sigT"} & json.loads(decode64(seal.protected)).keys() == {"iat"}


def test_it_says_what_the_register_says(office: Office, credential: Credential, caller: Caller) -> None:
    said = content(read_seal(caller.get(address(credential)).text))
    owner = owner_of(office.ports.signer.current(Slot.EDC_SEAL).chain[0])
    document = office.document(credential, Format.EDC)
    subject = said["credentialSubject"]
    claim = subject["hasClaim"]
    assert said["id"] == f"urn:credential:{document.jti.removeprefix('urn:uuid:')}"
    assert (subject["id"], subject["fullName"]) == (credential.subject_id, {"it": NAME})
    assert said["identifier"]["notation"] == credential.number
    assert (said["validFrom"], said["validUntil"]) == (
        "2026-11-20T00:00:00+01:00",
        "2029-11-20T23:59:59+01:00",
    )
    assert said["issuer"]["eIDASIdentifier"]["notation"] == owner.identifier
    assert claim["title"] == {"it": TITLE, "en": TITLE}
    assert claim["provenBy"]["grade"]["noteLiteral"] == {"it": "Idoneo", "en": "Competent"}
    assert claim["supplementaryDocument"]["contentURL"].endswith(f"/v/{credential.number}")
    outcomes = [each["title"]["it"] for each in claim["specifiedBy"]["learningOutcome"]]
    asked = catalogue().version(credential.scheme_id, "1.0.0").competences
    groups = (asked.technical, asked.cross_functional, asked.cross_cutting)
    assert outcomes == [each.label.it for group in groups for each in group]


def test_its_pictures_are_the_attestation_in_each_language(credential: Credential, caller: Caller) -> None:
    said = content(read_seal(caller.get(address(credential)).text))
    shown = caller.get(f"/v1/credentials/{credential.id}/qr.png").content
    (expected,) = zxingcpp.read_barcodes(
        Image.open(BytesIO(shown)).convert("L"),
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
    )
    pictures = [
        b64decode(each["displayDetail"]["image"]["content"])
        for each in said["displayParameter"]["individualDisplay"]
    ]
    assert len(set(pictures)) == 2
    for picture in pictures:
        (code,) = zxingcpp.read_barcodes(
            Image.open(BytesIO(picture)).convert("L"),
            formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        )
        assert code.text == expected.text


@pytest.mark.parametrize("version", list(shacl.VERSIONS))
def test_the_official_shapes_accept_it(credential: Credential, caller: Caller, version: str) -> None:
    assert shacl.official(version).violations(content(read_seal(caller.get(address(credential)).text))) == []


def test_older_validators_are_told_the_time_as_they_read_it(
    office: Office, credential: Credential, ports: Ports
) -> None:
    settings = ports.settings.model_copy(update={"edc_signing_time": "sigT"})
    answer = replace(office, ports=replace(ports, settings=settings)).desk().get(address(credential))
    seal = read_seal(answer.text)
    assert {"iat", "sigT"} & json.loads(decode64(seal.protected)).keys() == {"sigT"}
    assert seal.header.claimed_at == office.now


def test_it_is_asked_for_like_every_other_format_too(credential: Credential, caller: Caller) -> None:
    path = f"/v1/credentials/{credential.id}"
    first = caller.post(f"{path}/documents", json={"format": "edc"})
    again = caller.post(f"{path}/documents", json={"format": "edc"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    entry = caller.get(path).json()
    assert [each["format"] for each in entry["documents"]] == ["vc+jwt", "qr", "edc"]
    assert first.json() in entry["periods"][0]["documents"]


def test_strangers_get_nothing_and_make_nothing(office: Office, credential: Credential) -> None:
    before = counts(office)
    stranger = make.caller(office.app(), office.key(office.candidate()))
    answer = stranger.get(address(credential))
    assert (answer.status_code, answer.json()["code"]) == (404, "credential-not-found")
    assert make.caller(office.app()).get(address(credential)).status_code == 401
    with office.ports.database.reading(office.organisation_id) as session:
        assert session.scalars(select(Document).where(Document.format == "edc")).all() == []
    assert before["intent"] == len(office.intents()) == 0


def test_whoever_only_reads_the_register_is_given_it_and_makes_none(
    office: Office, credential: Credential, caller: Caller
) -> None:
    with office.ports.database.writing(office.organisation_id) as session:
        program = organisations.add_client(
            session, office.organisation_id, name="Sito", by="system", at=office.now
        )
        key = organisations.issue_key(
            session,
            client_id=program.id,
            scopes=frozenset({Permission.CREDENTIALS_READ}),
            expires_at=None,
            by="system",
            at=office.now,
        )
        reader = make.caller(office.app(), key.token)
    refused = reader.get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (403, "permission-missing")
    made = caller.get(address(credential))
    assert reader.get(address(credential)).content == made.content


def test_sixteen_who_ask_at_once_are_given_one(office: Office, credential: Credential) -> None:
    app = office.app()
    callers = [make.caller(app, office.registrar_key) for _ in range(16)]
    got = at_once(*(partial(each.get, address(credential)) for each in callers))
    answers = [each for each in got if isinstance(each, httpx.Response)]
    assert [each.status_code for each in answers] == [200] * 16
    assert len({each.content for each in answers}) == 1
    with office.ports.database.reading(office.organisation_id) as session:
        assert len(session.scalars(select(Document).where(Document.format == "edc")).all()) == 1
    assert office.intents() == []


def test_a_failed_lint_leaves_no_trace_but_its_report(
    office: Office, credential: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, before = office.desk(), counts(office)
    with monkeypatch.context() as patched:
        patched.setattr(learning, "GRADE", Labels(it="Certificato", en="Certified"))
        refused = desk.get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (422, "lint-failed")
    assert {each["lint"] for each in refused.json()["findings"]} == {"wording"}
    assert counts(office) == before
    assert desk.get(address(credential)).status_code == 200


def test_a_name_that_no_font_has_makes_no_credential(office: Office) -> None:
    credential = office.issue(office.decision(office.candidate(name="田中太郎")))
    before = counts(office)
    refused = office.desk().get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (422, "not-printable")
    assert counts(office) == before


def test_none_is_made_of_a_credential_that_does_not_stand(office: Office, credential: Credential) -> None:
    desk = office.desk()
    body = {"cause": "own_request", "reasons": "Richiesta."}
    assert desk.post(f"/v1/credentials/{credential.id}/suspension", json=body).status_code == 200
    refused = desk.get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (409, "credential-not-active")
    assert office.intents() == []


def test_one_that_was_made_is_handed_out_however_the_credential_stands(
    office: Office, credential: Credential
) -> None:
    desk = office.desk()
    made = desk.get(address(credential))
    body = {"cause": "issued_in_error", "reasons": "Errore."}
    assert desk.post(f"/v1/credentials/{credential.id}/revocation", json=body).status_code == 200
    assert desk.get(address(credential)).content == made.content


def test_a_live_body_makes_none_with_a_key_for_trying(office: Office, ports: Ports, clock: SetClock) -> None:
    office.go_live()
    bought = MemoryKeys(clock.at, development=False)
    credential = replace(office, ports=replace(ports, signer=bought)).issue(office.decision())
    refused = office.desk().get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (409, "development-key")


class Meanwhile:
    """Lets something happen in the register while a credential is being drawn, the first time that one is."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens = happens
        self.drawn = 0

    def __call__(self, draft: Draft) -> tuple[bytes, Sequence[Finding]]:
        self.drawn += 1
        if self.drawn == 1:
            self.happens()
        return write_edc(draft)


def test_it_is_drawn_once_and_nobody_waits_for_that(
    office: Office, credential: Credential, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile = Meanwhile(office.issue)
    monkeypatch.setattr(composing, "write_edc", meanwhile)
    assert caller.get(address(credential)).status_code == 200
    assert meanwhile.drawn == 1


def test_what_the_register_says_when_it_is_sealed_is_what_is_sealed(
    office: Office,
    credential: Credential,
    holder: Person,
    caller: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rename() -> None:
        with office.ports.database.writing(office.organisation_id) as session:
            session.get_one(Person, holder.id).name_on_credential = "Nicoletta D'Angelo"

    meanwhile = Meanwhile(rename)
    monkeypatch.setattr(composing, "write_edc", meanwhile)
    said = content(read_seal(caller.get(address(credential)).text))
    assert said["credentialSubject"]["fullName"] == {"it": "Nicoletta D'Angelo"}
    assert meanwhile.drawn == 2, "pictures of another name are thrown away"


def test_none_is_made_of_a_credential_that_is_suspended_while_it_is_drawn(
    office: Office, credential: Credential, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suspend() -> None:
        body = {"cause": "own_request", "reasons": "Richiesta."}
        assert office.desk().post(f"/v1/credentials/{credential.id}/suspension", json=body).status_code == 200

    monkeypatch.setattr(composing, "write_edc", Meanwhile(suspend))
    refused = caller.get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (409, "credential-not-active")
    assert office.intents() == []


@pytest.fixture
def failing(clock: SetClock) -> FailingKeys:
    return FailingKeys(clock.at)


@pytest.fixture
def shaky(ports: Ports, failing: FailingKeys) -> Office:
    """A registry whose signer can fail."""
    return Office.opened(replace(ports, signer=failing))


@pytest.mark.parametrize("how", ["down", "lies"])
def test_a_signer_that_fails_leaves_an_intent_that_resumes(
    shaky: Office, failing: FailingKeys, clock: SetClock, how: str
) -> None:
    credential = shaky.issue()
    setattr(failing, how, True)
    refused = shaky.desk().get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (409, "signing-failed")
    (intent,) = shaky.intents()
    setattr(failing, how, False)
    clock.move(intending.LEASE)
    shaky.work()
    document = shaky.document(credential, Format.EDC)
    assert shaky.intents() == []
    assert (document.id, read_seal(document.token).signing_input) == (intent.id, intent.unsigned)


def test_whoever_asks_again_finishes_what_was_begun(
    shaky: Office, failing: FailingKeys, clock: SetClock
) -> None:
    credential, desk = shaky.issue(), shaky.desk()
    failing.down = True
    assert desk.get(address(credential)).status_code == 409
    (intent,) = shaky.intents()
    failing.down = False
    clock.move(timedelta(seconds=5))
    answer = desk.get(address(credential))
    assert read_seal(answer.text).signing_input == intent.unsigned


def test_an_intent_whose_key_has_retired_is_composed_anew(
    shaky: Office, failing: FailingKeys, clock: SetClock
) -> None:
    credential = shaky.issue()
    failing.down = True
    with pytest.raises(SigningFailed):
        issuing.issue_document(shaky.ports, credential.id, Format.EDC, by=shaky.registrar, at=shaky.now)
    (before,) = shaky.intents()
    failing.down = False
    successor = failing.rotate(Slot.EDC_SEAL, clock.at)
    clock.move(timedelta(minutes=1))
    shaky.work()
    document = shaky.document(credential, Format.EDC)
    seal = read_seal(document.token)
    assert seal.verified_by(successor.jwk)
    assert (seal.header.claimed_at, document.jti) == (clock.at, before.jti)


def test_a_body_without_that_seal_issues_all_else(ports: Ports, clock: SetClock) -> None:
    office = Office.opened(replace(ports, signer=WithoutEdcSeal(clock.at)))
    credential = office.issue()
    refused = office.desk().get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (409, "key-not-usable")
    assert office.intents() == []


class WithoutEdcSeal(FailingKeys):
    """Keys of a body that issues no European Digital Credentials."""

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        if slot is Slot.EDC_SEAL:
            raise KeyNotUsable("There is no current key for edc-seal.", slot=slot.value)
        return super().current(slot, body)


def with_claims(monkeypatch: pytest.MonkeyPatch, credential: Credential, **claims: Any) -> None:
    """Let the credential's scheme say otherwise what is said of a holder."""
    scheme = catalogue().version(credential.scheme_id, "1.0.0")
    other = replace(scheme, credential_claims=replace(scheme.credential_claims, **claims))
    monkeypatch.setattr(type(catalogue()), "version", lambda *_: other)


def test_what_the_schemes_policy_leaves_out_is_not_there(
    credential: Credential, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_claims(monkeypatch, credential, edc=())
    answer = caller.get(address(credential))
    said = content(read_seal(answer.text))
    assert "fullName" not in said["credentialSubject"]
    assert "provenBy" not in said["credentialSubject"]["hasClaim"]
    assert credential.number in answer.headers["content-disposition"]


def test_codes_of_frameworks_stand_with_the_profile_as_a_whole(
    credential: Credential, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = "http://data.europa.eu/esco/skill/00000000-0000-0000-0000-000000000001"
    given = replace(
        catalogue().version(credential.scheme_id, "1.0.0").credential_claims.frameworks,
        e_cf=("A.6",),
        esco=(skill,),
    )
    with_claims(monkeypatch, credential, frameworks=given)
    said = content(read_seal(caller.get(address(credential)).text))
    first, *others = said["credentialSubject"]["hasClaim"]["specifiedBy"]["learningOutcome"]
    assert (first["relatedESCOSkill"]["id"], first["relatedSkill"]["notation"]) == (skill, "A.6")
    assert not [each for each in others if "relatedESCOSkill" in each or "relatedSkill" in each]
