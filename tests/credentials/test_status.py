"""What becomes of a credential after it was issued, and what strangers read of it."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.credentials import issuing, queries, service
from app.credentials.composing import LISTS
from app.credentials.errors import (
    CauseNotAllowed,
    CredentialIssuedAlready,
    CredentialNotActive,
    CredentialNotFound,
    CredentialNotMovable,
    ReviewNotAllowed,
)
from app.credentials.models import Credential, Document, StatusChange
from app.credentials.rules import MOVES, CredentialState
from app.formats.bitstring import MAX_TOKEN, read_status_list
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.formats.tokenlist import open_token_list
from app.outbox import changes
from app.outbox.trail import Event, salted_digest
from app.status import queries as lists
from app.status.publishing import forms_of
from tests import make
from tests.credentials.office import Office
from tests.fakes import SetClock


def suspend(
    office: Office,
    credential: Credential,
    *,
    cause: str = "complaint_upheld",
    reasons: str = "A complaint by the client was upheld.",
    review_on: date | None = None,
) -> Credential:
    with office.ports.database.writing(office.organisation_id) as session:
        return service.suspend(
            session,
            credential.id,
            cause=cause,
            reasons=reasons,
            review_on=review_on,
            by=office.registrar,
            at=office.now,
        )


def reinstate(office: Office, credential: Credential) -> Credential:
    with office.ports.database.writing(office.organisation_id) as session:
        return service.reinstate(
            session, credential.id, reasons="Put right.", by=office.registrar, at=office.now
        )


def revoke(office: Office, credential: Credential, cause: str = "misuse_of_mark") -> Credential:
    with office.ports.database.writing(office.organisation_id) as session:
        return service.revoke(
            session,
            credential.id,
            cause=cause,
            reasons="The mark stood on somebody else's work.",
            by=office.registrar,
            at=office.now,
        )


def badge(office: Office, credential: Credential) -> Document:
    issuing.issue_document(office.ports, credential.id, Format.OB_JWT, by=office.registrar, at=office.now)
    return office.document(credential, Format.OB_JWT)


def state(office: Office, credential: Credential) -> CredentialState:
    with office.ports.database.reading(office.organisation_id) as session:
        found = queries.by_id(session, credential.id)
        return queries.state(session, found, queries.current_period(session, found, office.now), office.now)


def said(office: Office, document: Document) -> dict[str, int]:
    """What the published lists say of a document, in each of their forms."""
    list_id, index = make.place(document)
    with office.ports.database.reading() as session:
        forms = {form: lists.published(session, list_id, form).token for form in _forms(document)}
    _, listed = open_token_list(forms.pop("token"))
    bits = {
        purpose: read_status_list(open_compact(token, limit=MAX_TOKEN).payload).bits
        for purpose, token in forms.items()
    }
    return {
        "token": listed.states.at(index),
        **{purpose: listed.is_set(index) for purpose, listed in bits.items()},
    }


def _forms(document: Document) -> tuple[str, ...]:
    return forms_of(LISTS[Format(document.format)])


def test_lists_follow_a_credential_through_suspension_reinstatement_and_revocation(office: Office) -> None:
    credential, bystander = office.issue(), office.issue()
    sealed, other = office.document(credential), office.document(bystander)
    badged = badge(office, credential)
    assert said(office, sealed) == {"token": 0, "revocation": False, "suspension": False}
    assert said(office, badged) == {"token": 0, "suspension": False}

    suspend(office, credential)
    office.work()
    assert state(office, credential) is CredentialState.SUSPENDED
    assert said(office, sealed) == {"token": 2, "revocation": False, "suspension": True}
    assert said(office, badged) == {"token": 2, "suspension": True}

    reinstate(office, credential)
    office.work()
    assert state(office, credential) is CredentialState.ACTIVE
    assert said(office, sealed) == {"token": 0, "revocation": False, "suspension": False}
    assert said(office, badged) == {"token": 0, "suspension": False}

    suspend(office, credential)
    revoke(office, credential)
    office.work()
    assert state(office, credential) is CredentialState.REVOKED
    assert said(office, sealed) == {"token": 1, "revocation": True, "suspension": False}
    assert said(office, badged) == {"token": 1, "suspension": True}
    assert said(office, other) == {"token": 0, "revocation": False, "suspension": False}


def test_revocation_is_final(office: Office) -> None:
    credential = office.issue()
    revoke(office, credential)
    for attempt in (suspend, reinstate, revoke):
        with pytest.raises(CredentialNotMovable):
            attempt(office, credential)


def test_a_revoked_credential_makes_room_for_a_new_one_with_another_number(office: Office) -> None:
    holder = office.candidate()
    decision = office.decision(holder)
    first = office.issue(decision)
    revoke(office, first)
    second = office.issue(office.decision(holder))
    assert second.number != first.number
    with pytest.raises(CredentialIssuedAlready):
        office.issue(decision)


def test_only_what_is_suspended_is_reinstated(office: Office) -> None:
    with pytest.raises(CredentialNotMovable):
        reinstate(office, office.issue())


def test_a_suspended_credential_is_not_suspended_again(office: Office) -> None:
    credential = office.issue()
    suspend(office, credential)
    with pytest.raises(CredentialNotMovable):
        suspend(office, credential)


def test_nothing_moves_what_is_pending_or_revoked() -> None:
    assert MOVES.keys() == set(CredentialState)
    assert MOVES[CredentialState.PENDING] == MOVES[CredentialState.REVOKED] == frozenset()


def test_a_suspension_is_reviewed_within_six_months(office: Office) -> None:
    suspended = suspend(office, office.issue())
    assert suspended.suspension_review == date(2027, 5, 20)
    assert suspended.suspended_at == office.now


@pytest.mark.parametrize(
    "review_on", [date(2026, 11, 20), date(2026, 11, 1), date(2027, 5, 21)], ids=["today", "past", "too late"]
)
def test_a_suspension_is_not_reviewed_at_just_any_time(office: Office, review_on: date) -> None:
    credential = office.issue()
    with pytest.raises(ReviewNotAllowed):
        suspend(office, credential, review_on=review_on)
    assert state(office, credential) is CredentialState.ACTIVE


def test_causes_are_those_of_the_scheme(office: Office) -> None:
    credential = office.issue()
    with pytest.raises(CauseNotAllowed):
        suspend(office, credential, cause="issued_in_error")
    with pytest.raises(CauseNotAllowed):
        revoke(office, credential, cause="dislike")
    revoke(office, credential, cause="issued_in_error")


def test_every_step_is_written_down_with_cause_and_actor_and_its_reasons_as_a_digest(office: Office) -> None:
    credential = office.issue()
    suspend(office, credential, reasons="Signora Rossi complained.")
    reinstate(office, credential)
    with office.ports.database.reading(office.organisation_id) as session:
        steps = session.scalars(select(StatusChange).order_by(StatusChange.id)).all()
        told = [
            event
            for event in session.scalars(select(Event).order_by(Event.id))
            if event.topic in {"credential.suspended", "credential.reinstated"}
        ]
    assert [(step.move, step.cause, step.actor_id) for step in steps] == [
        ("suspended", "complaint_upheld", office.registrar.id),
        ("reinstated", "complaint_upheld", office.registrar.id),
    ]
    assert [event.facts["reasons"] for event in told] == [
        salted_digest(step.salt, step.reasons) for step in steps
    ]
    assert told[0].facts["review"] == "2027-05-20"
    assert not [event for event in told if "Rossi" in f"{event.about}{event.facts}"]


def test_a_step_is_announced_to_those_who_remember_answers(office: Office) -> None:
    credential = office.issue()
    with office.ports.database.reading() as session:
        before = changes.last(session)
    suspend(office, credential)
    office.work()
    lists_of_both = [make.place(office.document(credential, form))[0] for form in (Format.VC_JWT, Format.QR)]
    with office.ports.database.reading() as session:
        subjects = [change.subject for change in changes.since(session, before)]
    assert subjects == [
        f"credential:{credential.number}",
        *(f"list:{list_id}" for list_id in sorted(lists_of_both)),
    ]


def test_no_badge_is_made_of_a_suspended_credential(office: Office) -> None:
    credential = office.issue()
    suspend(office, credential)
    with pytest.raises(CredentialNotActive):
        badge(office, credential)


def test_a_credential_ends_with_its_last_day_where_the_organisation_is(
    office: Office, clock: SetClock
) -> None:
    credential = office.issue()
    clock.move(timedelta(days=1096, hours=14) - timedelta(microseconds=1))  # 2029-11-20T22:59:59.999999Z
    assert state(office, credential) is CredentialState.ACTIVE
    clock.move(timedelta(microseconds=1))
    assert state(office, credential) is CredentialState.EXPIRED


def test_an_expired_credential_may_still_be_revoked(office: Office, clock: SetClock) -> None:
    credential = office.issue()
    clock.move(timedelta(days=1200))
    with pytest.raises(CredentialNotMovable):
        suspend(office, credential)
    revoke(office, credential)
    assert state(office, credential) is CredentialState.REVOKED


def test_another_organisation_does_not_see_a_credential(office: Office) -> None:
    credential = office.issue()
    other = Office.opened(office.ports, "Un'altra associazione")
    with (
        other.ports.database.reading(other.organisation_id) as session,
        pytest.raises(CredentialNotFound),
    ):
        queries.by_id(session, credential.id)
