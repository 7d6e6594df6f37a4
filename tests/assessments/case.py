"""One admitted dossier and everybody around it, each with a key of their own, calling over HTTP.

What a test is not about is done straight in the services, in one transaction: a step over HTTP costs more.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import httpx
from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.assessments import service
from app.assessments.rules import Score
from app.decisions import service as decisions
from app.decisions.rules import Choice
from app.dossiers import queries as dossier_queries
from app.dossiers.rules import ConflictKind
from app.main import create_app
from app.organisations.rules import Actor, Role, permissions_of_person
from app.ports import Ports
from app.schemes.catalogue import catalogue
from app.schemes.judgement import Flag
from tests import make
from tests.calling import Caller

Json = dict[str, Any]
SCHEME: Final = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
CRITERIA: Final = tuple(criterion.id for criterion in SCHEME.assessment.criteria)
CAST: Final[dict[str, tuple[Role, ...]]] = {
    "candidate": (),
    "secretary": (Role.SECRETARIAT,),
    "manager": (Role.SCHEME_MANAGER,),
    "anna": (Role.ASSESSOR,),
    "bruno": (Role.ASSESSOR,),
    "carla": (Role.ASSESSOR,),
    "dino": (Role.ASSESSOR,),
    "ugo": (Role.ASSESSOR, Role.COMMITTEE_MEMBER),
    "chair": (Role.CHAIR,),
    "elia": (Role.COMMITTEE_MEMBER,),
    "fabia": (Role.COMMITTEE_MEMBER,),
    "gino": (Role.COMMITTEE_MEMBER,),
    "registrar": (Role.REGISTRAR,),
    "auditor": (Role.AUDITOR,),
}
COMMITTEE: Final = ("chair", "elia", "fabia", "gino")


def votes(decision: str) -> str:
    return f"/v1/decisions/{decision}/votes"


def publication(decision: str) -> str:
    return f"/v1/decisions/{decision}/publication"


_made: list[FastAPI] = []


def application(ports: Ports) -> FastAPI:
    """The application, put together once: only its ports differ, and building routes takes longest."""
    if not _made:
        _made.append(create_app(ports))
    _made[0].state.ports = ports
    return _made[0]


class Case:
    """A case as it goes from hand to hand."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.app = application(ports)
        self.ids: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.callers: dict[str, Caller] = {}
        self.actors: dict[str, Actor] = {}
        self.assessments: dict[str, str] = {}
        at = ports.clock.now()
        with ports.database.writing() as session:
            founded = make.organisation(session, at)
            self.organisation = founded.organisation.id
            self.callers["client"] = make.caller(self.app, founded.client_key.token)
            for name, roles in CAST.items():
                person = make.person(session, self.organisation, *roles, at=at, member=False)
                self.ids[name] = person.id
                self.keys[name] = make.key(session, person, at=at)
                self.callers[name] = make.caller(self.app, self.keys[name])
                self.actors[name] = Actor(
                    person.id,
                    self.organisation,
                    frozenset(roles),
                    permissions_of_person(frozenset(roles), None),
                    is_person=True,
                )
                if name == "candidate":
                    dossier = make.admitted_dossier(session, self.organisation, person, at=at)
                    self.dossier = dossier.id
                    self.evidence = [item.id for item in dossier.evidence]

    def on(self, ports: Ports) -> "Case":
        """The same case in a copy of its database."""
        other = copy(self)
        vars(other).update({name: dict(held) for name, held in vars(self).items() if isinstance(held, dict)})
        other.ports, other.app = ports, application(ports)
        return other

    @property
    def now(self) -> datetime:
        return self.ports.clock.now()

    def writing(self) -> AbstractContextManager[Session]:
        return self.ports.database.writing(self.organisation)

    @property
    def here(self) -> str:
        return f"/v1/dossiers/{self.dossier}"

    @property
    def status(self) -> str:
        with self.ports.database.reading(self.organisation) as session:
            return str(dossier_queries.by_id(session, self.dossier).status)

    def another(self) -> str:
        """Turn to a further admitted dossier, of somebody else."""
        at = self.ports.clock.now()
        with self.ports.database.writing(self.organisation) as session:
            applicant = make.person(session, self.organisation, at=at, member=False)
            dossier = make.admitted_dossier(session, self.organisation, applicant, at=at)
            self.dossier = dossier.id
            self.evidence = [item.id for item in dossier.evidence]
            return dossier.id

    def call(self, who: str, method: str, path: str, body: Json | None = None) -> httpx.Response:
        held = {"If-Match": "*"} if method == "PUT" else {}  # whatever stands there
        return self.callers[who].request(method, path, json=body, headers=held)

    def get(self, who: str, path: str) -> Json:
        answer = self.call(who, "GET", path)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def post(self, who: str, path: str, body: Json | None = None, *, expect: int = 201) -> Json:
        answer = self.call(who, "POST", path, body or {})
        assert answer.status_code == expect, answer.text
        return dict(answer.json())

    def refused(self, who: str, method: str, path: str, body: Json | None = None) -> tuple[int, str]:
        """Try something that must not succeed; gives the status and the code of the problem."""
        answer = self.call(who, method, path, body)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, str(answer.json()["code"])

    def assign(self, *names: str) -> None:
        for name in names:
            self.post("manager", f"{self.here}/assignments", {"assessor": self.ids[name]})

    def declare(self, name: str, kind: str = "none", **more: str) -> Json:
        declared = self.post(name, f"{self.here}/declarations", {"kind": kind, **more})
        if declared["assessment"]:
            self.assessments[name] = declared["assessment"]
        return declared

    def accept(self, *names: str) -> None:
        """Assign people who then declare to be free of ties."""
        with self.writing() as session:
            for name in names:
                service.assign(
                    session, self.dossier, assessor_id=self.ids[name], by=self.actors["manager"], at=self.now
                )
                self._declare(session, name)

    def _declare(self, session: Session, name: str) -> None:
        declared = service.declare(
            session,
            self.dossier,
            kind=ConflictKind.NONE,
            ended_on=None,
            note=None,
            by=self.actors[name],
            at=self.now,
        )
        if declared.assessment is not None:
            self.assessments[name] = declared.assessment.id

    def scores(self, value: float, **others: float) -> Json:
        return {
            "scores": [
                {
                    "criterion": criterion,
                    "value": others.get(criterion, value),
                    "comment": "Motivato.",
                    "evidence": [self.evidence[0]],
                }
                for criterion in CRITERIA
            ]
        }

    def score(self, name: str, value: float = 3, **others: float) -> Json:
        path = f"/v1/assessments/{self.assessments[name]}/scores"
        answer = self.call(name, "PUT", path, self.scores(value, **others))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def submit(self, name: str, value: float = 3, flags: Sequence[Flag] = (), **others: float) -> None:
        """Score every criterion and hand the scores in."""
        scores = [
            Score(criterion, Decimal(str(others.get(criterion, value))), "Motivato.", (self.evidence[0],))
            for criterion in CRITERIA
        ]
        by, assessment = self.actors[name], self.assessments[name]
        with self.writing() as session:
            service.score(session, assessment, scores=scores, by=by, at=self.now)
            service.submit(session, assessment, flags=flags, by=by, at=self.now)

    def hand_in(self, name: str, flags: Sequence[str] = ()) -> Json:
        path = f"/v1/assessments/{self.assessments[name]}/submission"
        return self.post(name, path, {"flags": list(flags)}, expect=200)

    def judged(self, value: float = 3, judges: Sequence[str] = ("anna", "bruno")) -> None:
        """Bring the case through assessment, two of one mind."""
        self.accept(*judges)
        for name in judges:
            self.submit(name, value)

    def called_in(self, value: float = 2.5, flags: Sequence[Flag] = (Flag.INTERVIEW_WANTED,)) -> None:
        """Bring the case to where the candidate must be heard."""
        self.accept("anna", "bruno")
        self.submit("anna", value, flags)
        self.submit("bruno", value)
        assert self.status == "interview"

    def invitation(self, *panel: str, **changes: object) -> Json:
        """An interview with all the notice that the scheme promises."""
        people = [self.ids[name] for name in panel or ("anna", "bruno")]
        day = (self.now + timedelta(days=10)).isoformat()
        return {"panel": people, "at": day, "remote": True, **changes}

    def meet(self, *names: str) -> str:
        present = [self.ids[name] for name in names or COMMITTEE]
        return str(self.post("secretary", "/v1/meetings", {"present": present})["id"])

    def opened(self, *present: str, declare: Sequence[str] = COMMITTEE) -> str:
        """Put the case before a meeting; those who take part declare first."""
        chair = self.actors["chair"]
        with self.writing() as session:
            for name in declare:
                self._declare(session, name)
            meeting = decisions.record_meeting(
                session,
                held_on=None,
                present=[self.ids[name] for name in present or COMMITTEE],
                by=chair,
                at=self.now,
            )
            opened = decisions.open_decision(
                session, self.dossier, meeting_id=meeting.id, by=chair, at=self.now
            )
            return opened.id

    def vote(self, decision: str, choice: str, *names: str) -> None:
        with self.writing() as session:
            for name in names or COMMITTEE:
                decisions.vote(session, decision, choice=Choice(choice), by=self.actors[name], at=self.now)

    def publish(self, decision: str, reasons: str = "Come dai punteggi.", **more: str) -> Json:
        return self.post("chair", publication(decision), {"reasons": reasons, **more}, expect=200)
