"""Many ask at the same time, and one credential comes of it."""

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import select

from app.core.errors import Problem
from app.credentials import intending, issuing, service
from app.credentials.models import Credential, Document, Intent, Period
from app.formats.bitstring import MAX_TOKEN, read_status_list
from app.formats.claims import Format
from app.formats.jades import read_seal
from app.formats.jose import open_compact
from app.formats.q1 import decode_q1
from app.main import create_app
from app.outbox.trail import Event
from app.status import queries as lists
from app.status.models import ListKind, StatusList, StatusPosition
from tests import make
from tests.credentials.office import Office

MANY = 64
Got = TypeVar("Got")


def at_once(*attempts: Callable[[], Got]) -> list[Got | Problem | None]:
    """Let everybody try at the same moment; give what each of them got, or the problem they met."""
    start = threading.Barrier(len(attempts))
    got: list[Got | Problem | None] = [None] * len(attempts)

    def run(place: int, attempt: Callable[[], Got]) -> None:
        start.wait()
        try:
            got[place] = attempt()
        except Problem as problem:
            got[place] = problem

    threads = [threading.Thread(target=run, args=each) for each in enumerate(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_64_attempts_over_http_yield_one_credential_and_63_clear_conflicts(office: Office) -> None:
    decision = office.decision()
    app = create_app(office.ports)
    callers = [make.caller(app, office.registrar_key) for _ in range(MANY)]
    got = at_once(
        *(partial(caller.post, "/v1/credentials", json={"decision": decision}) for caller in callers)
    )
    answers = [answer for answer in got if isinstance(answer, httpx.Response)]
    created = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(created), len(refused)) == (1, MANY - 1)
    said = {(each["code"], each["credential"]) for each in refused}
    assert said == {("credential-issued-already", created[0]["id"])}
    with office.ports.database.reading(office.organisation_id) as session:
        for table, rows in ((Credential, 1), (Period, 1), (Document, 2), (StatusPosition, 2)):
            assert len(session.scalars(select(table)).all()) == rows, table
        assert session.scalars(select(Intent)).all() == []
        issued = [e for e in session.scalars(select(Event)) if e.topic == "credential.issued"]
    assert len(issued) == 1


def test_two_grants_for_one_person_yield_one_open_credential(office: Office) -> None:
    holder = office.candidate()
    decisions = [office.decision(holder) for _ in range(2)]
    got = at_once(*(partial(office.issue, decision) for decision in decisions))
    kinds = sorted(type(each).__name__ for each in got)
    assert kinds == ["Credential", "CredentialOpenAlready"]


def test_many_credentials_at_once_share_one_list_of_each_kind_and_no_position(office: Office) -> None:
    decisions = [office.decision() for _ in range(12)]
    got = at_once(*(partial(office.issue, decision) for decision in decisions))
    assert all(isinstance(each, Credential) for each in got)
    with office.ports.database.reading(office.organisation_id) as session:
        shared = session.scalars(select(StatusList)).all()
        positions = session.scalars(select(StatusPosition)).all()
    assert sorted(each.kind for each in shared) == [ListKind.CREDENTIAL, ListKind.QR]
    assert [each.taken for each in shared] == [12, 12]
    assert len({(row.list_id, row.index) for row in positions}) == len(positions) == 24


def test_a_badge_asked_for_many_times_at_once_is_one_badge(office: Office) -> None:
    credential = office.issue()

    def ask() -> issuing.Made:
        return issuing.issue_document(
            office.ports, credential.id, Format.OB_JWT, by=office.registrar, at=office.now
        )

    got = at_once(*[ask] * 8)
    assert sorted(each.new for each in got if isinstance(each, issuing.Made)) == [*[False] * 7, True]
    with office.ports.database.reading(office.organisation_id) as session:
        badges = [d for d in session.scalars(select(Document)) if d.format == Format.OB_JWT]
    assert len(badges) == 1


def signed_bytes(form: Format, token: str) -> bytes:
    match form:
        case Format.QR:
            return decode_q1(token).signing_input
        case Format.EDC:
            return read_seal(token).signing_input
        case _:
            return open_compact(token).signing_input


@pytest.mark.parametrize("form", list(Format), ids=lambda form: form.value)
def test_an_orphan_that_many_workers_find_is_finished_once(office: Office, form: Format) -> None:
    credential = office.issue()
    if form not in intending.MADE_TOGETHER:
        issuing.issue_document(office.ports, credential.id, form, by=office.registrar, at=office.now)
    document = office.document(credential, form)
    # As if the machine had stopped just before the document was stored.
    with office.ports.database.writing(office.organisation_id) as session:
        stored = session.get_one(Document, document.id)
        unsigned = signed_bytes(form, stored.token)
        session.delete(stored)
        session.flush()
        session.add(
            Intent(
                id=document.id,
                organisation_id=office.organisation_id,
                period_id=document.period_id,
                format=document.format,
                jti=document.jti,
                unsigned=unsigned,
                key_thumbprint=document.key_thumbprint,
                list_id=document.list_id,
                list_index=document.list_index,
                created_by=office.registrar.id,
                created_at=office.now,
            )
        )

    def resume() -> None:
        issuing.finish(office.ports, office.organisation_id, document.id, at=office.now)

    assert at_once(*[resume] * 8) == [None] * 8
    assert office.document(credential, form).token == document.token
    assert office.intents() == []


def test_moving_issuing_and_publishing_at_once_leave_the_lists_as_the_register_says(office: Office) -> None:
    credentials = [office.issue() for _ in range(4)]
    decisions = [office.decision() for _ in range(4)]

    def suspend_and_revoke(credential: Credential) -> None:
        with office.ports.database.writing(office.organisation_id) as session:
            service.suspend(
                session,
                credential.id,
                cause="own_request",
                reasons="Asked.",
                review_on=None,
                by=office.registrar,
                at=office.now,
            )
        with office.ports.database.writing(office.organisation_id) as session:
            service.revoke(
                session,
                credential.id,
                cause="own_request",
                reasons="Asked.",
                by=office.registrar,
                at=office.now,
            )

    got = at_once(
        *(partial(suspend_and_revoke, credential) for credential in credentials),
        *(partial(office.issue, decision) for decision in decisions),
        office.work,
        office.work,
    )
    assert not [each for each in got if isinstance(each, Problem)]
    assert sum(isinstance(each, Credential) for each in got) == len(decisions)
    office.work()
    revoked = {office.document(credential).list_index for credential in credentials}
    with office.ports.database.reading(office.organisation_id) as session:
        listed = session.scalars(select(StatusList).where(StatusList.kind == ListKind.CREDENTIAL)).one()
        form = lists.published(session, listed.id, "revocation")
    bits = read_status_list(open_compact(form.token, limit=MAX_TOKEN).payload).bits
    assert {index for index in range(listed.size) if bits.is_set(index)} == revoked
    assert form.version == listed.version == 1 + 2 * len(credentials)
