"""First stage of issuing: a decision becomes an entry in the register, if nothing forbids it."""

import uuid
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.days import anniversary
from app.core.ids import new_id
from app.core.numbers import CredentialNumber
from app.credentials import queries
from app.credentials.errors import (
    CredentialIssuedAlready,
    CredentialOpenAlready,
    OwnCredential,
)
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.decisions.models import Decision
from app.dossiers.models import Dossier
from app.organisations import service as organisations
from app.organisations.models import Organisation, Person
from app.organisations.rules import Actor
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme


def register(session: Session, decision: Decision, *, by: Actor, at: datetime) -> tuple[Credential, Period]:
    """Enter the credential and its first period in the register, if nothing forbids it."""
    if taken := queries.credential_from(session, decision.id):
        raise CredentialIssuedAlready("This decision has its credential already.", credential=taken.id)
    holder_id = session.get_one(Dossier, decision.dossier_id).applicant_id
    if holder_id == by.id:
        raise OwnCredential("Another registrar issues this credential.")
    # Two grants for one person may be issued at once: the second waits here, and then sees the first's entry.
    session.execute(select(Person.id).where(Person.id == holder_id).with_for_update(key_share=True))
    if held := queries.open_credential(session, holder_id, decision.scheme_id):
        raise CredentialOpenAlready(
            "The holder has an open credential of this scheme. It is renewed, or closed first.",
            credential=held.id,
        )
    scheme = catalogue().version(decision.scheme_id, decision.scheme_version)
    today = organisations.today_of(session, decision.organisation_id, at)
    _require_membership(session, holder_id, scheme, today)
    credential = Credential(
        id=new_id("crd"),
        organisation_id=decision.organisation_id,
        number=str(CredentialNumber.draw(scheme.code, today.year)),
        holder_id=holder_id,
        scheme_id=scheme.id,
        subject_id=uuid.uuid4().urn,
        mode=session.get_one(Organisation, decision.organisation_id).mode,
        anchor=today,
        created_at=at,
    )
    period = Period(
        id=new_id("prd"),
        organisation_id=decision.organisation_id,
        credential_id=credential.id,
        seq=1,
        kind=PeriodKind.GRANT,
        cycle=1,
        decision_id=decision.id,
        scheme_version=scheme.version,
        valid_from=today,
        valid_until=anniversary(today, scheme.validity.period.years),
    )
    session.add(credential)
    session.flush()
    session.add(period)
    session.flush()
    return credential, period


def _require_membership(session: Session, holder_id: str, scheme: Scheme, on: date) -> None:
    rules = scheme.admission.membership
    if rules.required and "issuance" in rules.at:
        organisations.require_membership(session, holder_id, on)
