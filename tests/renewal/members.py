"""A holder with an issued credential, the office around them, and what they do over HTTP."""

from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from typing import Any, Final

import httpx
from fastapi import FastAPI

from app.credentials import issuing, queries
from app.credentials.models import Credential
from app.main import create_app, worker
from app.organisations import service
from app.organisations.models import Mode, Person
from app.organisations.rules import Actor, Role
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.fakes import SetClock

KEY_LASTS: Final = timedelta(days=300)
CERTIFICATE: Final = b"# Attestato\n\nLa persona ha frequentato il corso.\n"
PROOF: Final = {"kind": "url", "reference": "https://example.org/attestati/123"}


@dataclass(slots=True)
class Someone:
    """A person of the organisation, who has a new key made when the old one runs out."""

    id: str
    ports: Ports
    app: FastAPI
    organisation: str
    _token: str = ""
    _since: datetime | None = field(default=None)
    _making: Lock = field(default_factory=Lock)

    @property
    def token(self) -> str:
        """A key that works now."""
        now = self.ports.clock.now()
        with self._making:
            if self._since is None or now - self._since > KEY_LASTS:
                with self.ports.database.writing(self.organisation) as session:
                    made = service.issue_key(
                        session, person_id=self.id, scopes=None, expires_at=None, by="system", at=now
                    )
                # Only now: before the commit it is a key that nobody knows.
                self._token, self._since = made.token, now
            return self._token

    @property
    def calls(self) -> Caller:
        """The person at their terminal."""
        return make.caller(self.app, self.token)

    @property
    def actor(self) -> Actor:
        """The person as use cases know them."""
        with self.ports.database.reading() as session:
            return make.actor(session, self.token, at=self.ports.clock.now())


@dataclass(frozen=True, slots=True)
class House:
    """An association with two holders and everybody who looks after them."""

    ports: Ports
    app: FastAPI
    organisation: str
    holder: Someone
    other: Someone
    secretary: Someone
    manager: Someone
    second_manager: Someone
    registrar: Someone
    auditor: Someone
    assessor: Someone
    administrator: Someone
    credential: str  # the holder's
    number: str
    other_credential: str
    other_number: str

    def on(self, ports: Ports) -> "House":
        """The same house in a copy of its database."""
        app = create_app(ports)
        people: dict[str, Any] = {
            each.name: replace(person, ports=ports, app=app, _making=Lock())
            for each in dataclass_fields(self)
            if isinstance(person := getattr(self, each.name), Someone)
        }
        return replace(self, ports=ports, app=app, **people)

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    @property
    def today(self) -> date:
        with self.ports.database.reading(self.organisation) as session:
            return service.today_of(session, self.organisation, self.now)

    def go_to(self, day: date) -> None:
        """Move the clock to the morning of a day."""
        assert isinstance(self.ports.clock, SetClock)
        self.ports.clock.at = datetime.combine(day, time(9), tzinfo=UTC)

    def pass_days(self, days: int) -> None:
        self.go_to(self.today + timedelta(days=days))

    def work(self) -> int:
        """Let the worker do all that is due."""
        return worker(self.ports).drain()

    def client(self, *scopes: str) -> Caller:
        """An API client with these scopes: a training provider, for one."""
        return make.caller(self.app, client_token(self, *scopes))

    def person(self, *roles: Role, member: bool = True) -> Someone:
        """Somebody new."""
        with self.ports.database.writing(self.organisation) as session:
            made = make.person(session, self.organisation, *roles, at=self.now, member=member)
        return Someone(made.id, self.ports, self.app, self.organisation)

    def issued_to(self, holder: Someone) -> Credential:
        """A credential that was issued to somebody today."""
        return issued(self.ports, self.organisation, holder.id, self.registrar.actor)


def opened(ports: Ports, name: str = "Associazione di prova", *, mode: Mode = Mode.TEST) -> House:
    """An association in which two people were granted a credential today."""
    app = create_app(ports)
    at = ports.clock.now()
    casts: tuple[tuple[Role, ...], ...] = (
        (),
        (),
        (Role.SECRETARIAT,),
        (Role.SCHEME_MANAGER,),
        (Role.SCHEME_MANAGER,),
        (Role.REGISTRAR,),
        (Role.AUDITOR,),
        (Role.ASSESSOR,),
        (Role.ADMINISTRATOR,),
    )
    with ports.database.writing() as session:
        founded = make.organisation(session, at, name).organisation
        founded.mode, organisation = mode, founded.id
        ids = [make.person(session, organisation, *roles, at=at).id for roles in casts]
    people = [Someone(each, ports, app, organisation) for each in ids]
    first, second = (issued(ports, organisation, each, people[5].actor) for each in ids[:2])
    holder, other, secretary, manager, second_manager, registrar, auditor, assessor, administrator = people
    return House(
        ports,
        app,
        organisation,
        holder,
        other,
        secretary,
        manager,
        second_manager,
        registrar,
        auditor,
        assessor,
        administrator,
        credential=first.id,
        number=first.number,
        other_credential=second.id,
        other_number=second.number,
    )


def issued(ports: Ports, organisation: str, holder_id: str, registrar: Actor) -> Credential:
    """The credential of a grant that was decided and issued today."""
    at = ports.clock.now()
    with ports.database.writing(organisation) as session:
        holder = session.get_one(Person, holder_id)
        decision = make.granted_decision(session, organisation, holder, at=at).id
    credential_id = issuing.issue(ports, decision, by=registrar, at=at)
    with ports.database.reading(organisation) as session:
        return queries.by_id(session, credential_id)


def client_token(house: House, *scopes: str) -> str:
    """The key of a new API client with these scopes."""
    with house.ports.database.writing(house.organisation) as session:
        made = service.add_client(
            session, house.organisation, name="Scuola di prova", by="system", at=house.now
        )
        return service.issue_key(
            session, client_id=made.id, scopes=scopes, expires_at=None, by="system", at=house.now
        ).token


def fields(house: House, **changes: Any) -> dict[str, Any]:
    """A course of the last days, as it is entered; without a proof."""
    day = house.today.isoformat()
    return {
        "title": "Reti neurali in produzione",
        "provider": "Scuola di prova",
        "started_on": day,
        "ended_on": day,
        "hours": "8",
        "category": "learning",
        "topics": {"responsible_ai": "2"},
        "competences": ["T2", "C1"],
        **changes,
    }


def add(house: House, who: Someone | None = None, **changes: Any) -> httpx.Response:
    """Enter an activity with an address as its proof, and claim it."""
    asked = {"credential": house.credential, "proof": [PROOF], **fields(house), **changes}
    return (who or house.holder).calls.post("/v1/cpd-activities", json=asked)


def claimed(house: House, **changes: Any) -> dict[str, Any]:
    """An activity that was entered and claimed."""
    answer = add(house, **changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert found["state"] == "claimed", found["missing"]
    return found


def draft(house: House, **changes: Any) -> dict[str, Any]:
    """An activity that was entered and not claimed."""
    answer = add(house, **{"claim": False, "proof": [], **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert found["state"] == "draft"
    return found


def attach(
    who: Someone,
    activity: str,
    kind: str = "certificate",
    *,
    name: str | None = "attestato.md",
    content: bytes = CERTIFICATE,
    media_type: str = "text/markdown",
    **form: str,
) -> httpx.Response:
    """Add a proof to an activity, with a file unless no name is given."""
    parts: dict[str, tuple[str | None, bytes] | tuple[str | None, bytes, str]] = {
        each: (None, value.encode()) for each, value in {"kind": kind, **form}.items()
    }
    if name is not None:
        parts["file"] = (name, content, media_type)
    return who.calls.post(f"/v1/cpd-activities/{activity}/proofs", files=parts)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """What a refusal says of itself."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
