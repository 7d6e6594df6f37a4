"""A register with something of everything in it, and the folders of the machine that it stands on."""

import hashlib
import io
from dataclasses import dataclass
from typing import Final

import pytest

from app.credentials import issuing, service
from app.credentials.models import Credential
from app.formats.claims import Format
from app.ports import Ports
from tests import make
from tests.credentials.office import Office

CV: Final = b"%PDF-1.7 a life in a page"


@dataclass(frozen=True, slots=True)
class Registry:
    """Three credentials: one stands, one is suspended, one was revoked; and a file of evidence."""

    office: Office
    standing: Credential
    suspended: Credential
    revoked: Credential

    @property
    def ports(self) -> Ports:
        return self.office.ports

    def revoke(self, credential: Credential) -> None:
        with self.ports.database.writing(self.office.organisation_id) as session:
            service.revoke(
                session,
                credential.id,
                cause="misuse_of_mark",
                reasons="Sold on.",
                by=self.office.registrar,
                at=self.office.now,
            )
        self.office.work()


def filled(ports: Ports) -> Registry:
    """Fill an empty register with the real use cases."""
    office = Office.opened(ports)
    standing, suspended, revoked = (office.issue() for _ in range(3))
    issuing.issue_document(ports, standing.id, Format.OB_JWT, by=office.registrar, at=office.now)
    with ports.database.writing(office.organisation_id) as session:
        service.suspend(
            session,
            suspended.id,
            cause="complaint_upheld",
            reasons="A complaint.",
            review_on=None,
            by=office.registrar,
            at=office.now,
        )
        person = make.person(session, office.organisation_id, at=office.now)
        dossier = make.admitted_dossier(session, office.organisation_id, person, at=office.now)
        for evidence in dossier.evidence:
            content = CV + evidence.id.encode()
            ports.files.store(io.BytesIO(content), len(content))
            evidence.sha256 = hashlib.sha256(content).hexdigest()
    made = Registry(office, standing, suspended, revoked)
    made.revoke(revoked)
    return made


@pytest.fixture
def registry(ports: Ports) -> Registry:
    return filled(ports)
