"""Ordinary things, so that a test states only what it is about."""

from datetime import date, datetime
from itertools import count
from typing import Final

import httpx
from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.core import columns
from app.core.db import Database, enter, of_anyone
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.credentials.models import Document
from app.decisions.models import Decision, DecisionStatus, Meeting
from app.dossiers import queries as dossier_queries
from app.dossiers.models import Dossier, DossierStatus, Evidence
from app.organisations import service
from app.organisations.models import Membership, MembershipState, Person, RoleGrant
from app.organisations.rules import Actor, Role
from app.outbox import trail
from app.ports import Ports
from app.schemes.catalogue import catalogue
from tests.calling import Caller

_people = count(1)
SINCE = date(2026, 1, 1)
SOME = 500  # in one transaction


def organisation(
    session: Session, at: datetime, name: str = "Associazione di prova"
) -> service.NewOrganisation:
    """An organisation in test mode; the session is inside it afterwards."""
    made = service.found(
        session,
        legal_name=name,
        url="https://association.example.org",
        time_zone="Europe/Rome",
        given_name="Ada",
        family_name="Amministratrice",
        email="ada@example.org",
        at=at,
    )
    enter(session, made.organisation.id)
    return made


def person(session: Session, organisation_id: str, *roles: Role, at: datetime, member: bool = True) -> Person:
    """Somebody with these roles, a member unless told otherwise."""
    number = next(_people)
    made = service.add_person(
        session,
        organisation_id,
        given_name=f"Nome{number}",
        family_name=f"Cognome{number}",
        name_on_credential=f"Nome{number} Cognome{number}",
        email=f"p{number}@example.org",
        by="system",
        at=at,
    )
    for role in roles:
        # Not through the service, which gives no role for days that are over.
        session.add(
            RoleGrant(
                id=new_id("rol"),
                organisation_id=organisation_id,
                person_id=made.id,
                role=role.value,
                from_day=SINCE,
            )
        )
    session.flush()
    if member:
        service.admit_member(
            session, made.id, number=f"M-{number:05}", from_day=SINCE, to_day=None, by="system", at=at
        )
    return made


def key(session: Session, holder: Person, *, at: datetime) -> str:
    """A bearer token for a person."""
    return service.issue_key(
        session, person_id=holder.id, scopes=None, expires_at=None, by="system", at=at
    ).token


def actor(session: Session, token: str, *, at: datetime) -> Actor:
    asked = service.sought(token)
    return service.identify(token, of_anyone(session, *asked) if asked else (), at=at).actor


def caller(app: FastAPI, token: str | None = None) -> Caller:
    """Somebody who calls the application in process, as one person or as nobody."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Caller(httpx.ASGITransport(app, raise_app_exceptions=False), headers)


def tokens(ports: Ports, *casts: tuple[Role, ...]) -> tuple[str, list[str]]:
    """An organisation with one person per cast; gives its id and their keys."""
    at = ports.clock.now()
    with ports.database.writing() as session:
        made = organisation(session, at)
        keys = [key(session, person(session, made.organisation.id, *roles, at=at), at=at) for roles in casts]
        return made.organisation.id, keys


def granted_decision(
    session: Session,
    organisation_id: str,
    holder: Person,
    *,
    at: datetime,
    outcome: str = "grant",
    published: bool = True,
) -> Decision:
    """What a committee leaves behind, without the committee: a dossier that was decided today."""
    scheme = catalogue().all_in_force(at.date())[0]
    dossier = Dossier(
        id=new_id("dos"),
        organisation_id=organisation_id,
        applicant_id=holder.id,
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_digest=scheme.digest,
        status=DossierStatus.DECIDED,
        language="it",
        ai_disclosure=True,
        created_at=at,
        submitted_at=at,
        snapshot_hash="0" * 64,
        admission_path="A",
    )
    meeting = Meeting(
        id=new_id("mtg"),
        organisation_id=organisation_id,
        held_on=at.date(),
        recorded_by="system",
        recorded_at=at,
    )
    session.add_all([dossier, meeting])
    session.flush()
    decision = Decision(
        id=new_id("dec"),
        organisation_id=organisation_id,
        dossier_id=dossier.id,
        meeting_id=meeting.id,
        round=1,
        status=DecisionStatus.PUBLISHED if published else DecisionStatus.OPEN,
        case_file_hash="0" * 64,
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_digest=scheme.digest,
        computed={},
        opened_by="system",
        opened_at=at,
        outcome=outcome if published else None,
        reasons="As the assessors found.",
        decided_on=at.date() if published else None,
        published_by="system" if published else None,
        published_at=at if published else None,
        salt="0" * 32,
    )
    session.add(decision)
    session.flush()
    return decision


def granted_decisions(database: Database, organisation_id: str, count: int, *, at: datetime) -> list[str]:
    """What a committee leaves behind that granted so often, each for somebody else; quickly."""
    scheme = catalogue().all_in_force(at.date())[0]
    pinned = {"scheme_id": scheme.id, "scheme_version": scheme.version, "scheme_digest": scheme.digest}
    meeting, decisions = new_id("mtg"), list[str]()
    with database.writing(organisation_id) as session:
        held = {"id": meeting, "held_on": at.date(), "recorded_by": "system", "recorded_at": at}
        columns.write(session, Meeting, [held])
    for start in range(0, count, SOME):
        some = [(new_id("per"), new_id("dos"), new_id("dec")) for _ in range(min(SOME, count - start))]
        people = [
            {
                "id": who,
                "given_name": "Nome",
                "family_name": who[-6:],
                "name_on_credential": f"Nome Cognome {who[-6:]}",
                "email": f"{who}@example.org",
                "created_at": at,
            }
            for who, _, _ in some
        ]
        members = [
            {
                "id": new_id("mem"),
                "person_id": who,
                "number": who,
                "from_day": SINCE,
                "state": MembershipState.ACTIVE,
            }
            for who, _, _ in some
        ]
        dossiers = [
            {
                **pinned,
                "id": dossier,
                "applicant_id": who,
                "status": DossierStatus.DECIDED,
                "language": "it",
                "ai_disclosure": True,
                "created_at": at,
                "submitted_at": at,
                "snapshot_hash": "0" * 64,
                "admission_path": "A",
                "version": 1,
            }
            for who, dossier, _ in some
        ]
        decided = [
            {
                **pinned,
                "id": decision,
                "dossier_id": dossier,
                "meeting_id": meeting,
                "round": 1,
                "status": DecisionStatus.PUBLISHED,
                "case_file_hash": "0" * 64,
                "computed": {},
                "opened_by": "system",
                "opened_at": at,
                "outcome": "grant",
                "decided_on": at.date(),
                "published_by": "system",
                "published_at": at,
                "salt": "0" * 32,
                "version": 1,
            }
            for _, dossier, decision in some
        ]
        with database.writing(organisation_id) as session:
            columns.write(session, Person, people)
            columns.write(session, Membership, members)
            columns.write(session, Dossier, dossiers)
            columns.write(session, Decision, decided)
        decisions += [decision for _, _, decision in some]
    return decisions


def admitted_dossier(session: Session, organisation_id: str, applicant: Person, *, at: datetime) -> Dossier:
    """A dossier that satisfies path A, handed in and admitted; its files are named and were never stored."""
    scheme = catalogue().all_in_force(at.date())[0]
    dossier = Dossier(
        id=new_id("dos"),
        organisation_id=organisation_id,
        applicant_id=applicant.id,
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_digest=scheme.digest,
        status=DossierStatus.DRAFT,
        language="it",
        ai_disclosure=True,
        created_at=at,
        submitted_at=at,
        admission_path="A",
        evidence=[
            _evidence(organisation_id, place, kind, fields, at)
            for place, (kind, fields) in enumerate(EVIDENCE, start=1)
        ],
    )
    session.add(dossier)
    dossier.move_to(DossierStatus.SUBMITTED, by=applicant.id, at=at)
    dossier.snapshot_hash = trail.digest(dossier_queries.snapshot(dossier))
    dossier.move_to(DossierStatus.ADMITTED, by="system", at=at)
    session.flush()
    return dossier


EVIDENCE: Final[tuple[tuple[str, dict[str, JsonValue]], ...]] = (
    ("cv", {}),
    (
        "degree",
        {
            "title": "Laurea magistrale in informatica",
            "institution": "Politecnico di prova",
            "eqf_level": 7,
            "field": "computer_science",
            "awarded_on": "2020-07-20",
        },
    ),
    (
        "training",
        {"provider": "Scuola di prova", "title": "Reti neurali", "hours": 60, "ended_on": "2024-05-31"},
    ),
    (
        "experience",
        {
            "employer": "Impresa di prova",
            "role": "Engineer",
            "from": "2021-01-01",
            "fte_pct": 100,
            "duties": "Modelli in produzione",
        },
    ),
)


def _evidence(
    organisation_id: str, position: int, kind: str, fields: dict[str, JsonValue], at: datetime
) -> Evidence:
    return Evidence(
        id=new_id("evd"),
        organisation_id=organisation_id,
        position=position,
        kind=kind,
        fields=fields,
        sha256=f"{position:064}",
        size=1000,
        media_type="application/pdf",
        original_name=f"{kind}.pdf",
        scan="unscanned",
        added_at=at,
    )


def place(document: Document) -> tuple[int, int]:
    """The list and the position in it, of a document whose format has room for a status."""
    assert document.list_id is not None
    assert document.list_index is not None
    return document.list_id, document.list_index
