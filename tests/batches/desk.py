"""A body that does much at once: its people, what they send, and the worker that carries it out."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import httpx
from fastapi import FastAPI
from sqlalchemy import MetaData, func, select

from app.credentials.gathering import Gathering
from app.main import batch_worker, create_app, worker
from app.organisations.pace import ActorsPace
from app.organisations.rules import Actor, Role
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.postgres import as_owner

Json = dict[str, Any]
SCHEME: Final = "uni-11621-8/ai-deep-learning-engineer"
HELD: Final = date(2026, 11, 19)
LINES: Final = "application/x-ndjson"
SIGNED: Final = b"# Verbale\n\nIl comitato ha deliberato.\n"
CAST: Final[Mapping[str, tuple[Role, ...]]] = {
    "chair": (Role.CHAIR,),
    "registrar": (Role.REGISTRAR,),
    "secretary": (Role.SECRETARIAT,),
    "auditor": (Role.AUDITOR,),
    "nobody": (),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A body with everybody who sends batches, or may not."""

    ports: Ports
    organisation_id: str
    keys: Mapping[str, str]
    actors: Mapping[str, Actor]

    @classmethod
    def opened(cls, ports: Ports, name: str = "Associazione di prova") -> "Desk":
        at = ports.clock.now()
        keys: dict[str, str] = {}
        actors: dict[str, Actor] = {}
        with ports.database.writing() as session:
            made = make.organisation(session, at, name)
            for person, roles in CAST.items():
                held = make.person(session, made.organisation.id, *roles, at=at)
                keys[person] = make.key(session, held, at=at)
                actors[person] = make.actor(session, keys[person], at=at)
        return cls(ports, made.organisation.id, keys, actors)

    def app(self) -> FastAPI:
        return _application(self.ports)

    def calls(self, who: str = "registrar") -> Caller:
        return make.caller(self.app(), self.keys[who])

    def client(self, *scopes: str) -> Caller:
        """A program with a key of these scopes."""
        from app.organisations import service

        at = self.ports.clock.now()
        with self.ports.database.writing(self.organisation_id) as session:
            client = service.add_client(session, self.organisation_id, name="Gestionale", by="system", at=at)
            key = service.issue_key(
                session, client_id=client.id, scopes=scopes, expires_at=None, by="system", at=at
            )
        return make.caller(self.app(), key.token)

    def minutes(self, *, decisions: int = 100, who: str = "chair", **changed: Any) -> httpx.Response:
        stated = {
            "scheme": SCHEME,
            "held_on": HELD.isoformat(),
            "members": 7,
            "eligible": 6,
            "present": 5,
            "decisions": decisions,
            "language": "it",
            **changed,
        }
        return self.calls(who).post(
            "/v1/minutes",
            data={name: str(value) for name, value in stated.items()},
            files={"file": ("verbale.md", SIGNED, "text/markdown")},
        )

    def recorded(self, *, decisions: int = 100) -> str:
        answer = self.minutes(decisions=decisions)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def send(
        self,
        kind: str,
        rows: Iterable[Json] | str,
        *,
        who: str | Caller = "registrar",
        media: str = LINES,
        **query: Any,
    ) -> httpx.Response:
        body = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        caller = self.calls(who) if isinstance(who, str) else who
        return caller.post(
            "/v1/batches",
            params={"kind": kind, **query},
            content=body.encode(),
            headers={"Content-Type": media},
        )

    def sent(self, kind: str, rows: Iterable[Json] | str, *, who: str = "registrar", **query: Any) -> str:
        answer = self.send(kind, rows, who=who, **query)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def work(self) -> int:
        return batch_worker(self.ports).drain()

    def done(self, kind: str, rows: Iterable[Json] | str, *, who: str = "registrar", **query: Any) -> Json:
        """Send a batch and have it carried out."""
        batch = self.sent(kind, rows, who=who, **query)
        self.work()
        return self.batch(batch, who=who)

    def batch(self, batch: str, who: str = "registrar") -> Json:
        answer = self.calls(who).get(f"/v1/batches/{batch}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def results(self, batch: str, who: str = "registrar") -> list[Json]:
        answer = self.calls(who).get(f"/v1/batches/{batch}/results", headers={"Accept": LINES})
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def everything_else(self) -> int:
        return worker(self.ports).drain()

    def count(self) -> dict[str, int]:
        """How many rows stand in each table."""
        described = MetaData()
        with as_owner(self.ports.database) as owner, owner.engine.connect() as connection:
            described.reflect(connection)
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in described.tables.items()
            }

    def grant(self, *, member: bool = True) -> str:
        """A grant that was published here."""
        at = self.ports.clock.now()
        with self.ports.database.writing(self.organisation_id) as session:
            holder = make.person(session, self.organisation_id, at=at, member=member)
            return make.granted_decision(session, self.organisation_id, holder, at=at).id


_made: list[FastAPI] = []


def _application(ports: Ports) -> FastAPI:
    """The application, put together once: only its ports differ."""
    if not _made:
        _made.append(create_app(ports))
    if _made[0].state.ports is not ports:
        _made[0].state.ports = ports
        _made[0].state.gathering = Gathering(ports)
        _made[0].state.pace = ActorsPace(ports.database, ports.settings)
    return _made[0]


def member(number: int, **changed: Any) -> Json:
    """A row of a member."""
    return {
        "external_id": f"A-{number}",
        "given_name": "Sara",
        "family_name": f"Esempio{number}",
        "email": f"sara{number}@example.org",
        "membership": {"number": f"S-{number}", "from": "2026-01-01"},
        **changed,
    }


def decision(number: int, **changed: Any) -> Json:
    """A row of a decision that was taken elsewhere."""
    return {
        **member(number),
        "votes": {"for": 4, "against": 1, "abstained": 0},
        "outcome": "grant",
        "decided_on": HELD.isoformat(),
        **changed,
    }


DAY: Final = timedelta(days=1)
