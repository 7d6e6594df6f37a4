"""Nobody acts for the body in a matter of their own: registrars may hold a credential, never handle it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.credentials import issuing, service
from app.credentials.errors import OwnCredential
from app.credentials.models import Credential
from app.formats.claims import Format
from app.organisations.models import Person
from app.organisations.rules import Actor, Role
from app.problems import status_of
from tests import make
from tests.credentials.office import Office

Step = Callable[[Session, str, Actor, datetime], Credential]


def suspend(session: Session, credential_id: str, by: Actor, at: datetime) -> Credential:
    why: dict[str, Any] = {"cause": "complaint_upheld", "reasons": "Upheld.", "review_on": None}
    return service.suspend(session, credential_id, **why, by=by, at=at)


def reinstate(session: Session, credential_id: str, by: Actor, at: datetime) -> Credential:
    return service.reinstate(session, credential_id, reasons="Put right.", by=by, at=at)


def revoke(session: Session, credential_id: str, by: Actor, at: datetime) -> Credential:
    why = {"cause": "misuse_of_mark", "reasons": "Misused."}
    return service.revoke(session, credential_id, **why, by=by, at=at)


def colleague(office: Office) -> tuple[Person, Actor]:
    """A second registrar, who is a candidate as well."""
    with office.ports.database.writing(office.organisation_id) as session:
        person = make.person(session, office.organisation_id, Role.REGISTRAR, at=office.now)
        return person, make.actor(session, make.key(session, person, at=office.now), at=office.now)


def take(office: Office, step: Step, credential_id: str, by: Actor) -> None:
    with office.ports.database.writing(office.organisation_id) as session:
        step(session, credential_id, by, office.now)


def test_nobody_issues_to_themselves(office: Office) -> None:
    person, themselves = colleague(office)
    decision = office.decision(person)
    with pytest.raises(OwnCredential) as refused:
        issuing.issue(office.ports, decision, by=themselves, at=office.now)
    assert (refused.value.code, status_of(type(refused.value))) == ("own-credential", 403)
    assert office.intents() == []
    assert office.issue(decision).holder_id == person.id


@pytest.mark.parametrize("step", [suspend, reinstate, revoke])
def test_nobody_moves_their_own_credential(office: Office, step: Step) -> None:
    person, themselves = colleague(office)
    credential = office.issue(office.decision(person))
    if step is reinstate:
        take(office, suspend, credential.id, office.registrar)
    with pytest.raises(OwnCredential):
        take(office, step, credential.id, themselves)
    take(office, step, credential.id, office.registrar)


def test_a_registrar_asks_for_their_own_badge_as_any_holder_does(office: Office) -> None:
    person, themselves = colleague(office)
    credential = office.issue(office.decision(person))
    assert issuing.issue_document(
        office.ports, credential.id, Format.OB_JWT, by=themselves, at=office.now
    ).new
