"""One admitted dossier and everybody around it, each with a key of their own, calling over HTTP."""

from collections.abc import Sequence
from typing import Any, Final

import httpx

from app.dossiers import queries as dossier_queries
from app.main import create_app
from app.organisations.rules import Role
from app.ports import Ports
from app.schemes.catalogue import catalogue
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


class Case:
    """A case as it goes from hand to hand."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.app = create_app(ports)
        self.ids: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.callers: dict[str, Caller] = {}
        self.assessments: dict[str, str] = {}
        at = ports.clock.now()
        with ports.database.writing() as session:
            founded = make.organisation(session, at)
            self.organisation = founded.organisation.id
            self.callers["client"] = make.caller(self.app, founded.client_key.token)
            for name, roles in CAST.items():
                person = make.person(session, self.organisation, *roles, at=at)
                self.ids[name] = person.id
                self.keys[name] = make.key(session, person, at=at)
                self.callers[name] = make.caller(self.app, self.keys[name])
                if name == "candidate":
                    dossier = make.admitted_dossier(session, self.organisation, person, at=at)
                    self.dossier = dossier.id
                    self.evidence = [item.id for item in dossier.evidence]

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
            applicant = make.person(session, self.organisation, at=at)
            dossier = make.admitted_dossier(session, self.organisation, applicant, at=at)
            self.dossier = dossier.id
            self.evidence = [item.id for item in dossier.evidence]
            return dossier.id

    def call(self, who: str, method: str, path: str, body: Json | None = None) -> httpx.Response:
        return self.callers[who].request(method, path, json=body)

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
        for name in names:
            self.assign(name)
            self.declare(name)

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

    def submit(self, name: str, value: float = 3, flags: Sequence[str] = (), **others: float) -> Json:
        self.score(name, value, **others)
        return self.hand_in(name, flags)

    def hand_in(self, name: str, flags: Sequence[str] = ()) -> Json:
        path = f"/v1/assessments/{self.assessments[name]}/submission"
        return self.post(name, path, {"flags": list(flags)}, expect=200)

    def judged(self, value: float = 3, judges: Sequence[str] = ("anna", "bruno")) -> None:
        """Bring the case through assessment, two of one mind."""
        self.accept(*judges)
        for name in judges:
            self.submit(name, value)

    def meet(self, *names: str) -> str:
        present = [self.ids[name] for name in names or COMMITTEE]
        return str(self.post("secretary", "/v1/meetings", {"present": present})["id"])

    def opened(self, *present: str, declare: Sequence[str] = COMMITTEE) -> str:
        """Put the case before a meeting; those who take part declare first."""
        for name in declare:
            self.declare(name)
        body = {"dossier": self.dossier, "meeting": self.meet(*present)}
        return str(self.post("chair", "/v1/decisions", body)["id"])

    def vote(self, decision: str, choice: str, *names: str) -> None:
        for name in names or COMMITTEE:
            self.post(name, f"/v1/decisions/{decision}/votes", {"choice": choice})

    def publish(self, decision: str, reasons: str = "Come dai punteggi.", **more: str) -> Json:
        path = f"/v1/decisions/{decision}/publication"
        return self.post("chair", path, {"reasons": reasons, **more}, expect=200)
