"""Making a seeded register: one process composes and signs, the other writes."""

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from app.adapters import schema
from app.adapters.keys import FileKeys
from app.core.db import Base, Database, enter
from app.decisions.models import DecisionStatus
from app.formats.bitstring import MIN_SIZE
from app.formats.claims import Format
from app.organisations import service as organisations
from app.organisations.models import Person, RoleGrant
from app.organisations.rules import Role
from app.outbox import changes, trail
from app.outbox.changes import ChangeCounter
from app.outbox.trail import EventHead
from app.ports import Ports, Signer
from app.renewal.models import AuditDraw
from app.status import publishing
from app.status.models import ListKind, StatusList
from bench.seeding.members import STAFF, TO_A_LIST, Body, Member, documents_before, named
from bench.seeding.rows import Documents, Rows
from bench.seeding.sealing import ZONE, sealed

PROGRESS_SECONDS: Final = 5.0
CHUNK: Final = 500
AHEAD: Final = 4  # chunks that wait to be written: the rest would only fill the memory
ROLES: Final[Mapping[str, Role]] = {
    "registrar": Role.REGISTRAR,
    "secretary": Role.SECRETARIAT,
    "assessor-1": Role.ASSESSOR,
    "assessor-2": Role.ASSESSOR,
    "member-1": Role.CHAIR,
    "member-2": Role.COMMITTEE_MEMBER,
    "member-3": Role.COMMITTEE_MEMBER,
}
DECISION, VOTE = Base.metadata.tables["decision"], Base.metadata.tables["vote"]
# Parents first; and votes at once after the decisions that they fall in, before anything rests on those.
ORDER: Final = tuple(
    each
    for table in Base.metadata.sorted_tables
    if table is not VOTE
    for each in ((table, VOTE) if table is DECISION else (table,))
)
PUBLISH: Final = (
    update(DECISION).where(DECISION.c.id == bindparam("voted")).values(status=DecisionStatus.PUBLISHED)
)
KINDS: Final[Mapping[Format, ListKind]] = {
    Format.VC_JWT: ListKind.CREDENTIAL,
    Format.QR: ListKind.QR,
    Format.OB_JWT: ListKind.BADGE,
}


def make(ports: Ports, seed: str, count: int) -> tuple[Body, str]:
    """Write a register of this many credentials into an empty database; give the registrar's key, too."""
    schema.upgrade(ports.database)
    body, token = _found(ports, seed, count)
    rows = _begun(ports, body)
    _quickly(ports.database)
    with ports.database.engine.begin() as connection:
        _lists(connection, body)
    progress = Progress(count)
    for done in _written(ports, body, rows):
        progress.at(done)
    with ports.database.engine.begin() as connection:
        _settle(connection, body, rows)
    kinds = {number: KINDS[form] for form, numbers in body.lists().items() for number in numbers}
    publishing.ensure_all_published(ports, body.organisation, kinds, at=ports.clock.now())
    trail.append(ports.database)
    return body, token


def _found(ports: Ports, seed: str, count: int) -> tuple[Body, str]:
    """Found the organisation through its own use case, and give it the people who run it."""
    at = ports.clock.now()
    with ports.database.writing() as session:
        made = organisations.found(
            session,
            legal_name="Associazione di prova",
            url="https://association.example.org",
            time_zone=str(ZONE),
            given_name="Ada",
            family_name="Amministratrice",
            email="ada@example.org",
            at=at,
        ).organisation
        enter(session, made.id)
        body = Body(
            seed=seed,
            count=count,
            at=at,
            base_url=ports.settings.public_url,
            organisation=made.id,
            legal_name=made.legal_name,
            url=made.url,
            issuer_code=made.issuer_code,
        )
        for who in STAFF:
            session.add(_person(body, who, at))
        session.flush()
        for who in STAFF:
            session.add(
                RoleGrant(
                    id=named(seed, "rol", who),
                    organisation_id=made.id,
                    person_id=body.staff(who),
                    role=ROLES[who].value,
                    from_day=at.date(),
                )
            )
        session.add(_draw(body, at))
        session.flush()
        token = organisations.issue_key(
            session, person_id=body.staff("registrar"), scopes=None, expires_at=None, by=trail.SYSTEM, at=at
        ).token
    while trail.append(ports.database):
        pass
    return body, token


def _person(body: Body, who: str, at: datetime) -> Person:
    return Person(
        id=body.staff(who),
        organisation_id=body.organisation,
        given_name=who.title(),
        family_name="Di Prova",
        name_on_credential=f"{who.title()} Di Prova",
        email=f"{who}@example.org",
        created_at=at,
    )


def _draw(body: Body, at: datetime) -> AuditDraw:
    return AuditDraw(
        id=body.draw,
        organisation_id=body.organisation,
        scheme_id=body.scheme.id,
        seed="0" * 64,
        commitment="0" * 64,
        committed_at=at,
        drawn_at=at,
        drawn_by=trail.SYSTEM,
        outcome={},
    )


def _begun(ports: Ports, body: Body) -> Rows:
    """Go on from where founding left the trail and the change sequence."""
    with ports.database.reading(body.organisation) as session:
        head = session.scalars(select(EventHead)).one()
        return Rows(
            body,
            ports,
            head=head.hash,
            links=head.seq,
            events=session.scalar(select(func.max(trail.Event.id))) or 0,
            changes=changes.last(session),
        )


def _quickly(database: Database) -> None:
    """Let SQLite write without waiting for the disk: a file that is not finished has another name."""
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - the connection is open
            for pragma in ("synchronous=OFF", "journal_mode=MEMORY", "cache_size=-1500000"):
                driver.execute(f"PRAGMA {pragma}").fetchall()


def _lists(connection: Connection, body: Body) -> None:
    turns = {
        Format.VC_JWT: documents_before(body.count),
        Format.QR: documents_before(body.count),
        Format.OB_JWT: body.count // 200,
    }
    connection.execute(
        insert(StatusList),
        [
            {
                "id": number,
                "organisation_id": body.organisation,
                "kind": KINDS[form],
                "size": MIN_SIZE,
                "taken": max(0, min(TO_A_LIST, turns[form] - place * TO_A_LIST)),
                "version": 1,
                "created_at": body.at,
            }
            for form, numbers in body.lists().items()
            for place, number in enumerate(numbers)
        ],
    )


def _written(ports: Ports, body: Body, rows: Rows) -> Iterator[int]:
    """Write chunk after chunk, while the other process makes the next ones."""
    today = body.at.astimezone(ZONE).date()
    for chunk, documents in _sealed(ports, body):
        for number, its in zip(chunk, documents, strict=True):
            rows.member(Member(body.seed, number, today), its)
        taken = rows.taken()
        with ports.database.engine.begin() as connection:
            for table in ORDER:
                if given := taken.get(table.name):
                    connection.execute(insert(table), given)
                if given and table is VOTE:
                    connection.execute(PUBLISH, [{"voted": row["decision_id"]} for row in given])
        yield chunk.stop


def _sealed(ports: Ports, body: Body) -> Iterator[tuple[range, list[Documents]]]:
    chunks = (range(start, min(start + CHUNK, body.count)) for start in range(0, body.count, CHUNK))
    begin = (ports.settings.keys_folder, body.at)
    with ProcessPoolExecutor(1, get_context("spawn"), _open_keys, begin) as other:
        pending: deque[tuple[range, Future[list[Documents]]]] = deque()
        for chunk in islice(chunks, AHEAD):
            pending.append((chunk, other.submit(_of_chunk, body, chunk)))
        while pending:
            chunk, made = pending.popleft()
            for following in islice(chunks, 1):
                pending.append((following, other.submit(_of_chunk, body, following)))
            yield chunk, made.result()


_keys: Signer


def _open_keys(folder: Path, at: datetime) -> None:
    global _keys  # noqa: PLW0603 - of the other process, which does nothing else
    _keys = FileKeys(folder, at=at)


def _of_chunk(body: Body, chunk: range) -> list[Documents]:
    return sealed(body, _keys, chunk)


def _settle(connection: Connection, body: Body, rows: Rows) -> None:
    """Leave every sequence where the rows have brought it."""
    connection.execute(
        update(EventHead)
        .where(EventHead.organisation_id == body.organisation)
        .values(seq=rows.links, hash=rows.head)
    )
    connection.execute(update(ChangeCounter).values(value=rows.changes))
    if connection.dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        key = table.autoincrement_column
        if key is not None:
            place = {"table": table.name, "column": key.name}
            sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), place)
            most = connection.scalar(select(func.max(key)))
            if sequence and most:
                connection.execute(
                    text("SELECT setval(:sequence, :most)"), {"sequence": sequence, "most": most}
                )


@dataclass(slots=True)
class Progress:
    """Says how far it is, every few seconds."""

    count: int
    began: float = field(default_factory=monotonic)
    said: float = field(default_factory=monotonic)

    def at(self, done: int) -> None:
        now = monotonic()
        if now - self.said < PROGRESS_SECONDS and done < self.count:
            return
        self.said = now
        rate = done / (now - self.began)
        left = (self.count - done) / rate / 60
        sys.stdout.write(f"  {done:>9,} of {self.count:,}: {rate:,.0f}/s, {left:.1f} minutes to go\n")
        sys.stdout.flush()
