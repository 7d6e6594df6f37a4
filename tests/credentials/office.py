"""An association's registry: who works there, and what arrives on their desk."""

from dataclasses import dataclass
from datetime import date, datetime

from fastapi import FastAPI

from app.credentials import issuing, queries
from app.credentials.models import Credential, Document, Intent
from app.formats.claims import Format
from app.main import create_app, patient_worker, worker
from app.organisations.models import Organisation, Person
from app.organisations.rules import Actor, Role
from app.ports import Ports
from tests import make
from tests.calling import Caller


@dataclass(frozen=True, slots=True)
class Office:
    """A registry with a registrar in it."""

    ports: Ports
    organisation_id: str
    registrar: Actor
    registrar_key: str

    @classmethod
    def opened(cls, ports: Ports, name: str = "Associazione di prova") -> "Office":
        at = ports.clock.now()
        with ports.database.writing() as session:
            made = make.organisation(session, at, name)
            person = make.person(session, made.organisation.id, Role.REGISTRAR, at=at)
            key = make.key(session, person, at=at)
            registrar = make.actor(session, key, at=at)
        return cls(ports, made.organisation.id, registrar, key)

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    def candidate(self, *, member: bool = True, name: str | None = None) -> Person:
        with self.ports.database.writing(self.organisation_id) as session:
            made = make.person(session, self.organisation_id, at=self.now, member=member)
            if name is not None:
                made.name_on_credential = name
            return made

    def key(self, holder: Person) -> str:
        with self.ports.database.writing(self.organisation_id) as session:
            return make.key(session, holder, at=self.now)

    def decision(
        self, holder: Person | None = None, *, outcome: str = "grant", published: bool = True
    ) -> str:
        candidate = holder or self.candidate()
        with self.ports.database.writing(self.organisation_id) as session:
            return make.granted_decision(
                session,
                self.organisation_id,
                candidate,
                at=self.now,
                outcome=outcome,
                published=published,
            ).id

    def issue(self, decision_id: str | None = None) -> Credential:
        chosen = decision_id or self.decision()
        return self.credential(issuing.issue(self.ports, chosen, by=self.registrar, at=self.now))

    def credential(self, credential_id: str) -> Credential:
        """Read a credential with its periods and documents, as they are now."""
        with self.ports.database.reading(self.organisation_id) as session:
            found = queries.by_id(session, credential_id)
            for period in found.periods:
                assert period.documents is not None
            return found

    def document(self, credential: Credential, form: Format = Format.VC_JWT) -> Document:
        with self.ports.database.reading(self.organisation_id) as session:
            return queries.document(session, queries.current_period(session, credential, self.now), form)

    def intents(self) -> list[Intent]:
        with self.ports.database.reading(self.organisation_id) as session:
            return list(session.query(Intent).order_by(Intent.id))

    def go_live(self) -> None:
        with self.ports.database.writing(self.organisation_id) as session:
            session.get_one(Organisation, self.organisation_id).mode = "live"  # type: ignore[assignment] # kept as text

    def work(self) -> int:
        return worker(self.ports).drain() + patient_worker(self.ports).drain()

    def app(self) -> FastAPI:
        return create_app(self.ports)

    def desk(self, app: FastAPI | None = None) -> Caller:
        """The registrar at their desk."""
        return make.caller(app or self.app(), self.registrar_key)


def days(credential: Credential) -> tuple[date, date]:
    """When a credential begins and when it ends."""
    return credential.periods[-1].valid_from, credential.periods[-1].valid_until
