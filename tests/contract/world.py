"""A furnished organisation with one object of each kind, as its routes take it; and a foreign one.

It is made by the real use cases. Where a contract names an object, `kind:which` names it here.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.assessments.models import Interview
from app.batches import service as batches
from app.batches.reading import Understood
from app.batches.rules import Kind
from app.core.ids import new_id
from app.credentials import issuing, queries
from app.credentials import service as credentials
from app.credentials.models import Delivery, Document
from app.credentials.rules import DeliveryState
from app.decisions import minutes
from app.dossiers.intake import Offered
from app.dossiers.models import Dossier
from app.events import queries as told
from app.events import service as events
from app.events.models import WebhookEndpoint
from app.formats.claims import Format
from app.formats.jose import public_members
from app.main import batch_worker
from app.oauth import service as oauth
from app.oauth.assertions import read_jwks
from app.oauth.forms import Proof
from app.organisations import clients, service
from app.organisations.models import Membership, Person, RoleGrant
from app.organisations.rules import PERSONS_ONLY, Actor, Permission, Role
from app.outbox import trail
from app.ports import Ports, RecipientKind, Slot
from app.renewal.cycles import days_of
from app.renewal.states import ActivityState
from app.schemes.catalogue import catalogue
from app.schemes.judgement import Flag
from tests import make
from tests.assessments.case import CAST, Case
from tests.dossiers import steps
from tests.renewal import members, renewing
from tests.renewal.members import House, Someone

SCHEME: Final = catalogue().all_in_force(make.SINCE.replace(month=12))[0]
# Who calls in each role: everybody of the cast is at the place in the story where their role acts.
PLAYED_BY: Final[dict[Role, str]] = {
    Role.SECRETARIAT: "secretary",
    Role.SCHEME_MANAGER: "manager",
    Role.ASSESSOR: "anna",
    Role.COMMITTEE_MEMBER: "elia",
    Role.CHAIR: "chair",
    Role.REGISTRAR: "registrar",
    Role.AUDITOR: "auditor",
    Role.ADMINISTRATOR: "administrator",
}
ANYBODY: Final = "applicant"
PROGRAM: Final = "program"
TOKEN: Final = "program with a token"  # the same program, by what `/oauth/token` gave it
# An address of the documentation (RFC 5737): nothing is ever sent there.
HOOK: Final = "https://203.0.113.7/sigillo"
SIGNED: Final = b"# Verbale\n\nIl comitato ha deliberato.\n"
# What a client signs with, the same in every example.
KEYS: Final = tuple(ec.derive_private_key(number, ec.SECP256R1()).public_key() for number in (2601, 2602))
EVERY_SCOPE: Final = tuple(sorted(p.value for p in frozenset(Permission) - PERSONS_ONLY))


@dataclass
class World:
    """What stands in the database: its objects by name, whose they are, and a key of everybody."""

    at: datetime
    organisation: str = ""
    objects: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # object -> the person whose own it is
    keys: dict[str, str] = field(default_factory=dict)  # caller, or person's id -> token
    people: dict[str, str] = field(default_factory=dict)  # caller -> person's id

    def __getitem__(self, name: str) -> str:
        return self.objects[name]

    @property
    def holders(self) -> list[str]:
        """Everybody who owns something."""
        return sorted(set(self.owners.values()))

    def unknown(self) -> "World":
        """The same names for objects that were never there."""
        return replace(
            self,
            organisation=new_id("org"),
            objects={
                name: new_id(known.partition("_")[0]) if "_" in known else known
                for name, known in self.objects.items()
            },
        )


def opens(at: datetime) -> timedelta:
    """How long after its issuance a credential's renewal opens."""
    rules = SCHEME.renewal
    anchor = at.date()
    return days_of(anchor, 1, years=SCHEME.validity.period.years, rules=rules).opens - anchor + timedelta(1)


def furnished(ports: Ports, later: Callable[[timedelta], Ports]) -> World:
    """Make the world: credentials are issued today, and everything else happens when their renewal opens."""
    case = Case(ports)
    then = later(opens(ports.clock.now()))
    world = World(then.clock.now(), case.organisation)
    build = _Building(world, case, ports, then)
    build.credentials()
    build.dossiers()
    build.decisions()
    build.development()
    build.renewals()
    build.books()
    build.programs()
    build.many()
    build.foreign()
    build.hooks()
    return world


class _Building:
    """The steps in which the world is made."""

    def __init__(self, world: World, case: Case, early: Ports, then: Ports) -> None:
        self.world, self.case, self.early, self.then = world, case, early, then
        self.case = case.on(then)
        with self._writing() as session:
            administrator = make.person(session, world.organisation, Role.ADMINISTRATOR, at=world.at)
        self.people = {**case.ids, "administrator": administrator.id}
        for name, person in self.people.items():
            self.world.people[name] = person
            self.world.keys[name] = self._key(person)
        registrar = self.people["registrar"]
        self.registrar = Actor(
            registrar, world.organisation, frozenset({Role.REGISTRAR}), frozenset(Permission), is_person=True
        )
        # Their keys ran out in the meantime.
        for name in CAST:
            self.case.callers[name] = make.caller(self.case.app, self.world.keys[name])
        plain = self.person()
        self.world.people[ANYBODY], self.world.keys[ANYBODY] = plain, self.world.keys[plain]

    def _writing(self) -> Any:
        return self.then.database.writing(self.world.organisation)

    def _key(self, person: str) -> str:
        with self._writing() as session:
            return make.key(session, session.get_one(Person, person), at=self.world.at)

    def person(self) -> str:
        """Somebody new, with a key."""
        with self._writing() as session:
            made = make.person(session, self.world.organisation, at=self.world.at).id
        self.world.keys[made] = self._key(made)
        return made

    def own(self, name: str, known: str, owner: str | None = None) -> str:
        self.world.objects[name] = known
        if owner is not None:
            self.world.owners[name] = owner
            if owner not in self.world.keys:
                self.world.keys[owner] = self._key(owner)
        return known

    def credentials(self) -> None:
        """Issue one for each thing that can be done with it."""
        for which in ("active", "suspended", "renewable", "drawn", "drawing", "audited", "cured", "exempt"):
            holder = self.person()
            with self.early.database.writing(self.world.organisation) as session:
                decision = make.granted_decision(
                    session,
                    self.world.organisation,
                    session.get_one(Person, holder),
                    at=self.early.clock.now(),
                ).id
            made = issuing.issue(self.early, decision, by=self.registrar, at=self.early.clock.now())
            self.own(f"credential:{which}", made, holder)
        self.number("active")
        with self._writing() as session:
            credentials.suspend(
                session,
                self.world["credential:suspended"],
                cause="own_request",
                reasons="Chiesta dal titolare.",
                review_on=None,
                by=self.registrar,
                at=self.world.at,
            )
        active = self.world["credential:active"]
        with self._writing() as session:
            held = queries.by_id(session, active)
            document = queries.document(
                session, queries.current_period(session, held, self.world.at), Format.VC_JWT
            )
            delivery = _delivery(self.world, active, document)
            session.add(delivery)
        self.own("delivery:waiting", delivery.id, self.world.owners["credential:active"])

    def number(self, which: str) -> None:
        with self._writing() as session:
            held = queries.by_id(session, self.world[f"credential:{which}"])
            self.own("number:active", held.number)
            period = queries.current_period(session, held, self.world.at)
            sealed = queries.document(session, period, Format.VC_JWT)
            self.own("document:active", sealed.token)
            self.own("list:first", str(sealed.list_id))
            self.own("thumbprint:seal", self.early.signer.current(Slot.SEAL).thumbprint)

    def dossiers(self) -> None:
        """Leave one at each step of its way."""
        for which, step in (("draft", steps.complete), ("submitted", steps.submitted)):
            holder = self.person()
            token = self.world.keys[holder]
            dossier = step(steps.Someone(holder, make.caller(self.case.app, token), token))
            self.own(f"dossier:{which}", dossier, holder)
        draft = make.caller(self.case.app, self.world.keys[self.world.owners["dossier:draft"]])
        read = draft.get(f"/v1/dossiers/{self.world['dossier:draft']}").json()
        filed = next(each for each in read["evidence"] if each["file"])
        self.own("evidence:draft", filed["id"], self.world.owners["dossier:draft"])
        self.own("person:newcomer", self.person(), None)
        for which, on in (
            ("admitted", lambda _: None),
            ("assigned", lambda case: case.assign("anna", "ugo")),
            ("scoring", self._scored),
            ("hearing", lambda case: case.called_in()),
            ("booked", self._booked),
            ("heard", self._booked),
            ("ready", self._ready),
        ):
            self._another(which)
            on(self.case)
        with self._writing() as session:
            session.execute(
                update(Interview)
                .where(Interview.id == self.world["interview:heard"])
                .values(at=self.world.at - timedelta(hours=1))
            )

    def _another(self, which: str) -> None:
        dossier = self.case.another()
        self.case.assessments.clear()
        with self._writing() as session:
            applicant = session.get_one(Dossier, dossier).applicant_id
        self.own(f"dossier:{which}", dossier, applicant)
        self.own(f"evidence:{which}", self.case.evidence[0], applicant)

    def _scored(self, case: Case) -> None:
        case.accept("anna", "bruno")
        case.score("anna")
        self.own("assessment:scoring", case.assessments["anna"], self.world.owners["dossier:scoring"])

    def _booked(self, case: Case) -> None:
        which = "heard" if "dossier:heard" in self.world.objects else "booked"
        case.called_in(flags=(Flag.INTERVIEW_WANTED,))
        booked = case.post("secretary", f"{case.here}/interviews", case.invitation())["id"]
        self.own(f"interview:{which}", booked, self.world.owners[f"dossier:{which}"])

    def _ready(self, case: Case) -> None:
        case.judged()
        self.own("meeting:today", case.meet())

    def decisions(self) -> None:
        """Leave one open, one voted on, one published and one granted without a credential."""
        for which in ("open", "voted", "published"):
            self._another(which)
            self.case.judged()
            decision = self.case.opened()
            self.own(f"decision:{which}", decision, self.world.owners[f"dossier:{which}"])
            if which != "open":
                self.case.vote(decision, "grant")
        self.case.publish(self.world["decision:published"])
        holder = self.person()
        with self._writing() as session:
            granted = make.granted_decision(
                session, self.world.organisation, session.get_one(Person, holder), at=self.world.at
            ).id
        self.own("decision:granted", granted, holder)

    def house(self, which: str) -> House:
        """The house of the tests of renewals, standing in this organisation."""
        here = self.world.organisation

        def someone(person: str) -> Someone:
            return Someone(person, self.then, self.case.app, here, self.world.keys[person], self.world.at)

        cast = {name: someone_of(self, name) for name in ("secretary", "manager", "registrar", "auditor")}
        holder = someone(self.world.owners[f"credential:{which}"])
        return House(
            self.then, self.case.app, here, holder, holder, cast["secretary"], cast["manager"],
            cast["manager"], cast["registrar"], cast["auditor"], cast["secretary"], cast["secretary"],
            credential=self.world[f"credential:{which}"], number="", other_credential="", other_number="",
        )  # fmt: skip

    def development(self) -> None:
        """Enter activities in each state in which something can be done with them."""
        house = self.house("active")
        owner = house.holder.id
        for which in ("draft", "claimed", "queried", "accepted"):
            entered = members.draft(house, title=f"Corso {which}")
            if which != "draft":
                house.holder.calls.put(
                    f"/v1/cpd-activities/{entered['id']}",
                    json={**members.fields(house, title=f"Corso {which}"), "proof": [members.PROOF]},
                )
            else:
                proof = members.attach(house.holder, entered["id"])
                self.own("proof:draft", proof.json()["id"], owner)
                house.holder.calls.put(
                    f"/v1/cpd-activities/{entered['id']}",
                    json={
                        **members.fields(house, title="Corso draft"),
                        "proof": [members.PROOF],
                        "claim": False,
                    },
                )
            self.own(f"activity:{which}", entered["id"], owner)
        asked = house.secretary.calls.post(
            f"/v1/cpd-activities/{self.world['activity:queried']}/query", json={"question": "Quali ore?"}
        )
        assert asked.status_code == 200, asked.text

    def renewals(self) -> None:
        """File some: one waits in a draw, one is audited, one is to be cured, one could be filed."""
        renewing.enough(self.house("renewable"))
        for which in ("drawn", "drawing"):
            renewing.enough(self.house(which))
            waiting = renewing.filed(self.house(which))
            assert waiting["state"] == "submitted", waiting
            self.own(f"renewal:{which}", waiting["id"], self.house(which).holder.id)
            self.own("draw:open", waiting["draw"]["id"])
        for which in ("audited", "cured"):
            house = self.house(which)
            renewing.enough(house, provider="Scuola di prova", state=ActivityState.ACCEPTED)
            audited = renewing.filed(house)
            assert audited["state"] == "audit", audited
            self.own(f"renewal:{which}", audited["id"], house.holder.id)
        cure = self.house("cured").manager.calls.post(
            f"/v1/renewals/{self.world['renewal:cured']}/cure", json={"reasons": "Manca una prova."}
        )
        assert cure.status_code == 200, cure.text

    def books(self) -> None:
        """The members' book, and a key of a member's."""
        newcomer = self.world["person:newcomer"]
        with self._writing() as session:
            membership = session.query(Membership).filter_by(person_id=newcomer).one()
            spare = service.issue_key(
                session, person_id=newcomer, scopes=None, expires_at=None, by="system", at=self.world.at
            )
        self.own("membership:newcomer", membership.id)
        self.world.keys[newcomer] = spare.token  # who holds a key may rotate it
        self.own("key:spare", spare.id, newcomer)
        self.own("organisation:here", self.world.organisation)
        self.own("person:assessor", self.people["carla"])
        self.own("person:judge", self.people["anna"])
        self.own("person:second", self.people["bruno"])
        for place, name in enumerate(("chair", "elia", "fabia", "gino")):
            self.own(f"person:committee{place}", self.people[name])

    def programs(self) -> None:
        """A program that calls, by key and by token; and one that is registered, with a secret and a key."""
        at, here = self.world.at, self.world.organisation
        with self._writing() as session:
            administrator = make.actor(session, self.world.keys["administrator"], at=at)
            calling, portal = (
                service.add_client(session, here, name=name, scopes=EVERY_SCOPE, by="system", at=at)
                for name in ("Gestionale", "Portale")
            )
            self.world.keys[PROGRAM] = _program(session, calling.id, at)
            secret, own = (
                clients.add_secret(session, client.id, expires_at=None, by=administrator, at=at)
                for client in (portal, calling)
            )
            [jwk] = clients.add_jwks(
                session, portal.id, read_jwks(public_members(KEYS[0])), by=administrator, at=at
            )
        proof = Proof(calling.id, secret=own.secret)
        granted = oauth.grant(self.then.database, proof, None, audiences=(), at=at)
        self.world.keys[TOKEN] = granted.token
        self.own("client:portal", portal.id)
        self.own("secret:portal", secret.id)
        self.own("word:portal", secret.secret)
        self.own("jwk:portal", jwk.id)

    def many(self) -> None:
        """A batch of members that was tried dry, and minutes by which decisions are imported."""
        held_on = self.world.at.date()
        with self._writing() as session:
            chair = make.actor(session, self.world.keys["chair"], at=self.world.at)
            secretary = make.actor(session, self.world.keys["secretary"], at=self.world.at)
        stated = minutes.Stated(SCHEME.id, held_on, 7, 6, 5, 20, "it")
        offered = Offered("verbale.md", "text/markdown", io.BytesIO(SIGNED))
        recorded = minutes.record(self.then, stated, offered, by=chair, at=self.world.at)
        self.own("minutes:taken", recorded.id)
        rows = io.StringIO("".join(json.dumps(person_row(number)) + "\n" for number in range(2)))
        batch = batches.take_in(
            self.then,
            batches.Asked(Kind.MEMBERS, dry_run=True, minutes_id=None),
            Understood(2, "0" * 64),
            rows,
            by=secretary,
            at=self.world.at,
        )
        batch_worker(self.then).drain()
        self.own("batch:members", batch.id)

    def hooks(self) -> None:
        """Chain what happened, so that the feed has it; and an address that is told of it from now on."""
        while trail.append(self.then.database):
            pass
        if self.then.hooks is None:
            return
        with self._writing() as session:
            endpoint = WebhookEndpoint(
                id=new_id("whk"),
                organisation_id=self.world.organisation,
                url=HOOK,
                description="",
                types=[],
                secret=b"",
                created_by=self.people["administrator"],
                created_at=self.world.at,
                seen=told.head_of(session),
            )
            endpoint.secret = self.then.hooks.vault.seal(bytes(32), endpoint.id)
            session.add(endpoint)
            session.flush()
            sent = events.test(session, endpoint.id, at=self.world.at)
        self.own("endpoint:here", endpoint.id)
        self.own("sent:ping", sent.id)

    def foreign(self) -> None:
        """Another organisation, with somebody who holds every role there, and a program with every scope."""
        with self.then.database.writing() as session:
            made = make.organisation(session, self.world.at, "Associazione altrui")
            all_in_all = make.person(session, made.organisation.id, *Role, at=self.world.at)
            self.world.keys["foreigner"] = make.key(session, all_in_all, at=self.world.at)
            self.world.keys["foreign program"] = _program(session, made.client.id, self.world.at)


def person_row(number: int) -> dict[str, Any]:
    """A row of a batch of members."""
    return {
        "external_id": f"A-{number}",
        "given_name": "Elena",
        "family_name": "Marchetti",
        "email": f"elena{number}@example.org",
    }


def someone_of(build: _Building, name: str) -> Someone:
    world = build.world
    return Someone(
        world.people[name], build.then, build.case.app, world.organisation, world.keys[name], world.at
    )


def _program(session: Session, client: str, at: datetime) -> str:
    return service.issue_key(
        session, client_id=client, scopes=EVERY_SCOPE, expires_at=None, by="system", at=at
    ).token


def _delivery(world: World, credential: str, document: Document) -> Delivery:
    return Delivery(
        id=new_id("dlv"),
        organisation_id=world.organisation,
        credential_id=credential,
        document_id=document.id,
        recipient=RecipientKind.EMAIL,
        language="it",
        state=DeliveryState.WAITING,
        asked_at=world.at,
    )


def grant(session: Session, world: World, role: Role | None) -> None:
    """Let everybody who owns something hold a role too, so that they meet what is their own in it."""
    if role is None:
        return
    session.add_all(
        RoleGrant(
            id=new_id("rol"),
            organisation_id=world.organisation,
            person_id=holder,
            role=role.value,
            from_day=make.SINCE,
        )
        for holder in world.holders
    )
