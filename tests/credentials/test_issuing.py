"""From a published grant to one credential, in the order that certificate authorities keep."""

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.core.db import Base
from app.core.ids import new_id
from app.core.numbers import CredentialNumber
from app.credentials import intending, issuing, queries
from app.credentials.errors import (
    CredentialIssuedAlready,
    CredentialNotActive,
    CredentialOpenAlready,
    DevelopmentKey,
    LintFailed,
)
from app.credentials.models import Credential, Document, Intent, Period
from app.credentials.rules import PeriodKind
from app.decisions.errors import DecisionNotFound, DecisionNotGranted, DecisionNotPublished
from app.formats.claims import Format, StatusEntry
from app.formats.instants import seconds
from app.formats.jose import open_compact
from app.formats.q1 import Content, decode_q1, kid_of, read_unsigned
from app.formats.reading import read_credential
from app.organisations.errors import MembershipNotValid
from app.outbox import changes
from app.outbox.messages import Message
from app.outbox.trail import Event
from app.ports import Ports, Slot
from app.status.errors import SigningFailed
from app.status.models import PublishedList, StatusPosition
from tests import make
from tests.credentials.office import Office, days
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.postgres import as_owner
from tests.status.failing import FailingKeys


def counts(office: Office) -> dict[str, int]:
    """How many rows there are of everything."""
    with office.ports.database.reading(office.organisation_id) as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
        }


def topics(office: Office) -> list[str]:
    with office.ports.database.reading(office.organisation_id) as session:
        about = session.scalars(select(Event).order_by(Event.id)).all()
        return [event.topic for event in about if "credential" in event.about]


def intended(office: Office, form: Format) -> Intent:
    """What is about to be signed in this format."""
    return next(intent for intent in office.intents() if intent.format == form)


def period_of(credential: Credential, decision_id: str | None) -> Period:
    """A second period that nobody decided."""
    return Period(
        id=new_id("prd"),
        organisation_id=credential.organisation_id,
        credential_id=credential.id,
        seq=2,
        kind=PeriodKind.GRANT,
        cycle=1,
        decision_id=decision_id,
        scheme_version="1.0.0",
        valid_from=credential.anchor + timedelta(days=2000),
        valid_until=credential.anchor + timedelta(days=2001),
    )


def test_a_granted_decision_becomes_a_credential(office: Office) -> None:
    decision = office.decision()
    credential = office.issue(decision)
    (period,) = credential.periods
    assert {document.format for document in period.documents} == {Format.VC_JWT, Format.QR}
    assert (period.decision_id, credential.issued_at) == (decision, office.now)
    assert str(CredentialNumber.read(credential.number)) == credential.number
    assert credential.number.startswith("DLE-26-")
    for document in period.documents:
        assert document.sha256 == hashlib.sha256(document.token.encode()).hexdigest()
    assert office.intents() == []
    assert topics(office) == [*["issuance.intended"] * 2, "credential.issued", "document.issued"]


def test_the_document_says_what_the_register_says(office: Office) -> None:
    holder = office.candidate(name="Nicolò D'Àngelo")
    credential = office.issue(office.decision(holder))
    document = office.document(credential)
    read = read_credential(open_compact(document.token).payload)
    assert (read.jti, read.sub, read.number, read.holder_name) == (
        document.jti,
        credential.subject_id,
        credential.number,
        "Nicolò D'Àngelo",
    )
    list_id, index = make.place(document)
    base = f"https://sigillo.example.org/status/{list_id}"
    assert read.status == (
        StatusEntry(f"{base}-revocation", index, "revocation"),
        StatusEntry(f"{base}-suspension", index, "suspension"),
    )
    assert read.test
    assert (read.iss, read.issuer_name) == ("did:web:sigillo.example.org", "Associazione di prova")


def test_the_document_verifies_with_the_published_seal_key(office: Office, keys: MemoryKeys) -> None:
    token = open_compact(office.document(office.issue()).token)
    (seal,) = (key for key in keys.published() if key.slot is Slot.SEAL)
    assert token.verified_by(seal.jwk)
    assert token.header.chain == seal.chain


@pytest.mark.parametrize(
    ("at", "valid_from", "valid_until", "written"),
    [
        ("2026-11-20T09:00:00Z", "2026-11-20", "2029-11-20", "2029-11-20T23:59:59+01:00"),
        ("2026-06-30T09:00:00Z", "2026-06-30", "2029-06-30", "2029-06-30T23:59:59+02:00"),
        ("2026-10-25T09:00:00Z", "2026-10-25", "2029-10-25", "2029-10-25T23:59:59+02:00"),
        ("2028-02-29T09:00:00Z", "2028-02-29", "2031-02-28", "2031-02-28T23:59:59+01:00"),
        ("2026-11-19T23:30:00Z", "2026-11-20", "2029-11-20", "2029-11-20T23:59:59+01:00"),
    ],
    ids=["winter", "summer", "the day clocks change", "leap day", "already tomorrow in Rome"],
)
def test_validity_follows_the_date_rules(
    ports: Ports, clock: SetClock, at: str, valid_from: str, valid_until: str, written: str
) -> None:
    clock.at = datetime.fromisoformat(at)
    office = Office.opened(replace(ports, signer=MemoryKeys(clock.at)))
    credential = office.issue()
    assert days(credential) == (date.fromisoformat(valid_from), date.fromisoformat(valid_until))
    assert credential.anchor == date.fromisoformat(valid_from)
    payload = open_compact(office.document(credential).token).payload
    assert payload["validUntil"] == written
    assert payload["exp"] == int(datetime.fromisoformat(written).timestamp())
    assert str(payload["validFrom"]).startswith(f"{valid_from}T00:00:00+0")


def test_a_credential_begins_on_the_day_of_its_decision_or_later(office: Office, clock: SetClock) -> None:
    decision = office.decision()
    clock.move(timedelta(days=3))
    assert days(office.issue(decision))[0] == date(2026, 11, 23)


def test_a_decision_yields_a_credential_once(office: Office) -> None:
    decision = office.decision()
    credential = office.issue(decision)
    with pytest.raises(CredentialIssuedAlready) as refused:
        office.issue(decision)
    assert refused.value.facts == {"credential": credential.id}


def test_a_person_holds_one_open_credential_of_a_scheme(office: Office) -> None:
    holder = office.candidate()
    credential = office.issue(office.decision(holder))
    second = office.decision(holder)
    with pytest.raises(CredentialOpenAlready) as refused:
        office.issue(second)
    assert refused.value.facts == {"credential": credential.id}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credential SET number = 'DLE-26-0000-0000-0001-95'",
        "UPDATE credential SET revoked_at = NULL",
        "DELETE FROM credential",
        'UPDATE status_position SET "index" = "index" + 1',
        "UPDATE status_position SET document_id = 'doc_of_somebody_else'",
        "DELETE FROM status_position",
        "UPDATE published_list SET version = version - 1",
    ],
)
def test_the_database_itself_refuses_to_take_back_what_the_register_said(
    office: Office, statement: str
) -> None:
    credential = office.issue()
    with office.ports.database.writing(office.organisation_id) as session:
        queries.by_id(session, credential.id).revoked_at = office.now
    with (
        pytest.raises(DBAPIError, match=r"good|stays|goes back"),
        as_owner(office.ports.database) as owner,
        owner.writing() as session,
    ):
        session.execute(text(statement))


@pytest.mark.parametrize(("outcome", "published"), [("refuse", True), ("grant", False)])
def test_the_database_itself_refuses_a_period_without_a_published_grant(
    office: Office, outcome: str, *, published: bool
) -> None:
    credential = office.issue()
    ungranted = office.decision(outcome=outcome, published=published)
    with (
        pytest.raises(DBAPIError, match="a period needs a published grant"),
        office.ports.database.writing(office.organisation_id) as session,
    ):
        session.add(period_of(credential, ungranted))


def test_the_database_itself_refuses_a_second_credential_from_a_decision(office: Office) -> None:
    credential = office.issue()
    again = period_of(credential, credential.periods[0].decision_id)
    with pytest.raises(IntegrityError), office.ports.database.writing(office.organisation_id) as session:
        session.add(again)


def test_the_database_itself_refuses_a_second_open_credential(office: Office) -> None:
    credential = office.issue()
    again = Credential(
        id=new_id("crd"),
        organisation_id=office.organisation_id,
        number="DLE-26-0000-0000-0001-95",
        holder_id=credential.holder_id,
        scheme_id=credential.scheme_id,
        subject_id="urn:uuid:0e1c8a54-6f4d-4f0b-8a5c-1b2d3e4f5a6b",
        mode=credential.mode,
        anchor=credential.anchor,
        created_at=office.now,
    )
    with pytest.raises(IntegrityError), office.ports.database.writing(office.organisation_id) as session:
        session.add(again)


def test_nothing_is_issued_from_a_refused_decision(office: Office) -> None:
    refused, before = office.decision(outcome="refuse"), counts(office)
    with pytest.raises(DecisionNotGranted):
        office.issue(refused)
    assert counts(office) | {"event_link": 0} == before | {"event_link": 0}


def test_nothing_is_issued_before_the_decision_is_published(office: Office) -> None:
    with pytest.raises(DecisionNotPublished):
        office.issue(office.decision(published=False))


def test_nothing_is_issued_from_another_organisations_decision(office: Office) -> None:
    other = Office.opened(office.ports, "Un'altra associazione")
    with pytest.raises(DecisionNotFound):
        other.issue(office.decision())


def test_nothing_is_issued_to_a_lapsed_member(office: Office) -> None:
    with pytest.raises(MembershipNotValid):
        office.issue(office.decision(office.candidate(member=False)))


def test_a_failed_lint_leaves_no_trace_but_its_report(office: Office) -> None:
    decision = office.decision(office.candidate(name=" "))
    before = counts(office)
    with pytest.raises(LintFailed) as refused:
        office.issue(decision)
    findings = refused.value.facts["findings"]
    assert findings == [{"lint": "holder", "words": "the holder's name is missing or another"}]
    assert counts(office) | {"event_link": 0} == before | {"event_link": 0}


def test_a_live_organisation_refuses_keys_made_for_development(office: Office) -> None:
    decision = office.decision()
    office.go_live()
    before = counts(office)
    with pytest.raises(DevelopmentKey) as refused:
        office.issue(decision)
    assert refused.value.facts == {"slots": ["seal", "status", "qr"]}
    assert counts(office) | {"event_link": 0} == before | {"event_link": 0}


def test_a_live_organisation_issues_without_the_word_test(ports: Ports, clock: SetClock) -> None:
    office = Office.opened(replace(ports, signer=MemoryKeys(clock.at, development=False)))
    office.go_live()
    read = read_credential(open_compact(office.document(office.issue()).token).payload)
    assert not read.test


def test_a_credential_is_vouched_for_once_its_seal_was_verified(office: Office) -> None:
    credential = office.issue()
    macs = {document.format: document.mac for document in credential.periods[-1].documents}
    sealed = office.document(credential)
    assert office.ports.vouching.knows(sealed.sha256, macs[Format.VC_JWT])
    assert macs[Format.QR] is None, "an offline QR code is verified wherever it is read"


@pytest.fixture
def failing(clock: SetClock) -> FailingKeys:
    return FailingKeys(clock.at)


@pytest.fixture
def shaky(ports: Ports, failing: FailingKeys) -> Office:
    """A registry whose signer can fail."""
    return Office.opened(replace(ports, signer=failing))


def test_a_signer_that_fails_leaves_an_intent_that_everybody_sees(
    shaky: Office, failing: FailingKeys
) -> None:
    decision = shaky.decision()
    failing.down = True
    with pytest.raises(SigningFailed) as failed:
        shaky.issue(decision)
    intents = {intent.id: intent.unsigned for intent in shaky.intents()}
    assert len(intents) == len(intending.MADE_TOGETHER)
    credential = shaky.credential(str(failed.value.facts["credential"]))
    assert credential.issued_at is None
    assert credential.periods[-1].documents == []
    with pytest.raises(CredentialIssuedAlready) as refused:
        shaky.issue(decision)
    assert refused.value.facts == {"credential": credential.id}
    assert {intent.id: intent.unsigned for intent in shaky.intents()} == intents


def test_what_a_failing_signer_left_is_finished_by_the_worker(
    shaky: Office, failing: FailingKeys, clock: SetClock
) -> None:
    decision = shaky.decision()
    failing.down = True
    with pytest.raises(SigningFailed) as failed:
        shaky.issue(decision)
    credential_id = str(failed.value.facts["credential"])
    intent = intended(shaky, Format.VC_JWT)
    shaky.work()
    assert shaky.credential(credential_id).issued_at is None, "not before the lease is over"
    clock.move(intending.LEASE)
    shaky.work()
    assert shaky.credential(credential_id).issued_at is None, "the signer is still down"
    failing.down = False
    clock.move(timedelta(minutes=10))
    shaky.work()
    credential = shaky.credential(credential_id)
    document = shaky.document(credential)
    assert credential.issued_at == clock.now()
    assert open_compact(document.token).signing_input == intent.unsigned
    assert (document.id, document.list_id, document.list_index) == (
        intent.id,
        intent.list_id,
        intent.list_index,
    )
    assert shaky.intents() == []


def test_a_signature_that_does_not_verify_is_never_stored(shaky: Office, failing: FailingKeys) -> None:
    decision = shaky.decision()
    failing.lies = True
    with pytest.raises(SigningFailed):
        shaky.issue(decision)
    assert counts(shaky)["document"] == 0
    assert len(shaky.intents()) == len(intending.MADE_TOGETHER)


def test_an_intent_whose_key_has_retired_is_composed_anew_for_the_key_in_force(
    shaky: Office, failing: FailingKeys, clock: SetClock
) -> None:
    decision = shaky.decision()
    failing.down = True
    with pytest.raises(SigningFailed) as failed:
        shaky.issue(decision)
    before = intended(shaky, Format.VC_JWT)
    failing.down = False
    successor = failing.rotate(Slot.SEAL, clock.at)
    clock.move(timedelta(minutes=1))
    shaky.work()
    credential = shaky.credential(str(failed.value.facts["credential"]))
    document = shaky.document(credential)
    token = open_compact(document.token)
    assert token.verified_by(successor.jwk)
    assert (document.key_thumbprint, document.jti) == (successor.thumbprint, before.jti)
    assert (document.list_id, document.list_index) == (before.list_id, before.list_index)
    assert token.payload["validFrom"] == "2026-11-20T00:00:00+01:00"
    assert before.key_thumbprint != successor.thumbprint
    assert token.header.iat == int(clock.at.timestamp())
    assert topics(shaky) == [
        *["issuance.intended"] * 2,
        "issuance.composed-anew",
        "credential.issued",
        "document.issued",
    ]


def test_a_qr_code_whose_key_has_retired_is_composed_anew_in_its_place(
    shaky: Office, failing: FailingKeys, clock: SetClock
) -> None:
    decision = shaky.decision()
    failing.down = True
    with pytest.raises(SigningFailed) as failed:
        shaky.issue(decision)
    before = intended(shaky, Format.QR)
    failing.down = False
    successor = failing.rotate(Slot.QR, clock.at)
    clock.move(timedelta(minutes=1))
    shaky.work()
    document = shaky.document(shaky.credential(str(failed.value.facts["credential"])), Format.QR)
    read = decode_q1(document.token)
    assert read.verified_by(successor.jwk)
    assert read.kid == kid_of(successor.chain[0])
    assert read.says == read_unsigned(before.unsigned)[1]
    assert (document.key_thumbprint, document.jti) == (successor.thumbprint, before.jti)
    assert (document.list_id, document.list_index) == (before.list_id, before.list_index)


def test_a_credential_stands_without_its_qr_code_where_that_key_is_not_to_be_had(
    shaky: Office, failing: FailingKeys, clock: SetClock
) -> None:
    failing.without = Slot.QR
    credential = shaky.issue()
    assert credential.issued_at == clock.at
    assert [document.format for document in credential.periods[0].documents] == [Format.VC_JWT]
    left = intended(shaky, Format.QR)
    clock.move(intending.LEASE)
    shaky.work()
    assert len(shaky.intents()) == 1, "the key is still missing"
    failing.without = None
    clock.move(timedelta(minutes=10))
    shaky.work()
    document = shaky.document(credential, Format.QR)
    assert (document.id, document.jti) == (left.id, left.jti)
    assert decode_q1(document.token).signing_input == left.unsigned
    assert shaky.credential(credential.id).issued_at == credential.issued_at
    assert topics(shaky) == [*["issuance.intended"] * 2, "credential.issued", "document.issued"]


def test_a_qr_code_never_comes_before_the_seal(shaky: Office, failing: FailingKeys, clock: SetClock) -> None:
    decision = shaky.decision()
    failing.without = Slot.SEAL
    with pytest.raises(SigningFailed) as failed:
        shaky.issue(decision)
    clock.move(intending.LEASE)
    shaky.work()
    credential = shaky.credential(str(failed.value.facts["credential"]))
    assert credential.issued_at is None
    assert credential.periods[0].documents == []
    failing.without = None
    clock.move(timedelta(minutes=10))
    shaky.work()
    assert {document.format for document in shaky.credential(credential.id).periods[0].documents} == {
        Format.VC_JWT,
        Format.QR,
    }


def test_the_qr_code_says_what_the_seal_says(office: Office, keys: MemoryKeys) -> None:
    credential = office.issue(office.decision(office.candidate(name="Nicolo\u0300 D'Àngelo")))
    document, payload = (
        office.document(credential, Format.QR),
        open_compact(office.document(credential).token),
    )
    read = decode_q1(document.token)
    assert read.verified_by(keys.current(Slot.QR).jwk)
    assert (seconds(read.says.valid_from), seconds(read.says.valid_until)) == (
        payload.payload["nbf"],
        payload.payload["exp"],
    )
    assert read.says == Content(
        issuer_code=1,
        document_id=document.jti,
        valid_from=read.says.valid_from,
        valid_until=read.says.valid_until,
        name="Nicolò D'Àngelo",
        scheme="DLE/1.0.0",
        list_id=make.place(document)[0],
        index=make.place(document)[1],
        test=True,
    )


def test_a_name_too_long_for_a_qr_code_on_paper_is_refused_with_a_clear_finding(office: Office) -> None:
    decision = office.decision(office.candidate(name="Ü" * 60))
    before = counts(office)
    with pytest.raises(LintFailed) as refused:
        office.issue(decision)
    findings = refused.value.facts["findings"]
    assert isinstance(findings, list)
    assert findings == [
        {
            "lint": "qr_symbol",
            "words": "printed at level Q, its code would exceed version 14: the name takes 120 bytes, the "
            "address of this service 30; a shorter form of the name fits",
        }
    ]
    assert counts(office) | {"event_link": 0} == before | {"event_link": 0}


def test_finishing_twice_changes_nothing(office: Office, clock: SetClock) -> None:
    credential = office.issue()
    document = office.document(credential)
    office.work()  # the worker promises the seed of a draw of its own accord: that is not counted
    before = counts(office)
    issuing.finish(office.ports, office.organisation_id, document.id, at=office.now)
    clock.move(intending.LEASE)
    office.work()
    chained = {"event_link": 0, "event_waiting": 0}
    assert counts(office) | chained == before | chained
    assert office.document(credential).token == document.token


def test_a_list_is_published_before_a_document_names_it(office: Office) -> None:
    document = office.document(office.issue())
    with office.ports.database.reading(office.organisation_id) as session:
        published = session.scalars(select(PublishedList)).all()
    assert {(form.list_id, form.purpose) for form in published} >= {
        (document.list_id, "revocation"),
        (document.list_id, "suspension"),
    }


def test_an_issuance_is_announced_to_those_who_remember_answers(office: Office) -> None:
    credential = office.issue()
    with office.ports.database.reading() as session:
        assert f"credential:{credential.number}" in [change.subject for change in changes.since(session, 0)]


def test_a_badge_is_made_on_request_in_a_list_of_its_own(office: Office) -> None:
    credential = office.issue()
    made = issuing.issue_document(
        office.ports, credential.id, Format.OB_JWT, by=office.registrar, at=office.now
    )
    again = issuing.issue_document(
        office.ports, credential.id, Format.OB_JWT, by=office.registrar, at=office.now
    )
    assert (made.new, again.new) == (True, False)
    badge, sealed = office.document(credential, Format.OB_JWT), office.document(credential)
    read = read_credential(open_compact(badge.token).payload)
    assert badge.list_id != sealed.list_id
    list_id, index = make.place(badge)
    assert read.status == (
        StatusEntry(f"https://sigillo.example.org/status/{list_id}-suspension", index, "suspension"),
    )
    assert read.sub == credential.subject_id
    assert (read.number, read.jti) == (credential.number, badge.jti)


def test_no_badge_is_made_of_a_credential_that_is_over(office: Office, clock: SetClock) -> None:
    credential = office.issue()
    clock.move(timedelta(days=3 * 366))
    with pytest.raises(CredentialNotActive):
        issuing.issue_document(office.ports, credential.id, Format.OB_JWT, by=office.registrar, at=office.now)
    assert office.intents() == []


def test_nothing_in_the_books_names_a_person_outside_the_documents(office: Office) -> None:
    office.issue(office.decision(office.candidate(name="Zenobia Xilofoni")))
    with office.ports.database.reading(office.organisation_id) as session:
        said = [f"{event.about} {event.facts}" for event in session.scalars(select(Event))]
        left = [f"{message.body}" for message in session.scalars(select(Message))]
    assert not [text for text in [*said, *left] if "Zenobia" in text]


def test_every_position_belongs_to_one_document(office: Office) -> None:
    for _ in range(5):
        office.issue()
    with office.ports.database.reading(office.organisation_id) as session:
        positions = {
            (row.list_id, row.index): row.document_id for row in session.scalars(select(StatusPosition))
        }
        documents = {(row.list_id, row.list_index): row.id for row in session.scalars(select(Document))}
    assert positions == documents


def test_the_key_of_a_document_is_the_one_in_force(office: Office, keys: MemoryKeys) -> None:
    assert office.document(office.issue()).key_thumbprint == keys.current(Slot.SEAL).thumbprint
