"""The people of a journey, each with a key of their own, calling over HTTP."""

import json
from pathlib import Path
from typing import Any, Final

import yaml
from fastapi import FastAPI

from app import samples
from app.organisations import service
from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.calling import Caller, Remote

Json = dict[str, Any]
SCHEME: Final = "uni-11621-8/ai-deep-learning-engineer"
CAST: Final[dict[str, tuple[Role, ...]]] = {
    "candidate": (),
    "secretary": (Role.SECRETARIAT,),
    "scheme_manager": (Role.SCHEME_MANAGER,),
    "first_assessor": (Role.ASSESSOR,),
    "second_assessor": (Role.ASSESSOR,),
    "former_employer": (Role.ASSESSOR,),
    "chair": (Role.CHAIR,),
    "member": (Role.COMMITTEE_MEMBER,),
    "other_member": (Role.COMMITTEE_MEMBER,),
    "relative": (Role.COMMITTEE_MEMBER,),
    "registrar": (Role.REGISTRAR,),
}


class People:
    """Everybody by name, and what they say as JSON; `url` is that of a service in a process of its own."""

    def __init__(self, app: FastAPI | None, ports: Ports, url: str = "") -> None:
        def caller(token: str | None = None) -> Caller:
            return make.caller(app, token) if app else Remote(url, token)

        at = ports.clock.now()
        self.ids: dict[str, str] = {}
        self._callers: dict[str, Caller] = {"anyone": caller()}
        with ports.database.writing() as session:
            founded = make.organisation(session, at)
            self.organisation = founded.organisation.id
            self._callers["administrator"] = caller(founded.administrator_key.token)
            self._callers["client"] = caller(founded.client_key.token)
            for name, roles in CAST.items():
                person = make.person(session, self.organisation, *roles, at=at)
                self.ids[name] = person.id
                key = service.issue_key(
                    session, person_id=person.id, scopes=None, expires_at=None, by="system", at=at
                )
                self._callers[name] = caller(key.token)

    def __getitem__(self, name: str) -> Caller:
        return self._callers[name]

    def post(self, who: str, path: str, body: Json | None = None, *, expect: int = 200) -> Json:
        answer = self[who].post(path, json=body or {})
        assert answer.status_code == expect, answer.text
        return dict(answer.json())

    def get(self, who: str, path: str, *, expect: int = 200) -> Json:
        answer = self[who].get(path)
        assert answer.status_code == expect, answer.text
        return dict(answer.json())

    def refused(self, who: str, path: str, body: Json | None = None) -> str:
        """Try something that must not succeed; gives the code of the problem."""
        answer = self[who].get(path) if body is None else self[who].post(path, json=body)
        assert answer.status_code in {403, 404, 409, 422}, answer.text
        return str(answer.json()["code"])


def folder(name: str) -> Path:
    return Path(str(samples.folder())) / "dossiers" / name


def sample(name: str, file: str) -> Json:
    content: Json = yaml.safe_load((folder(name) / file).read_text(encoding="utf-8"))
    return content


def fill(people: People, dossier: str, name: str) -> None:
    """Send every piece of evidence of a sample folder."""
    for piece in sample(name, "dossier.yaml")["evidence"]:
        form: dict[str, Any] = {
            "kind": (None, piece["kind"]),
            "fields": (None, json.dumps(piece.get("fields", {}))),
        }
        if "file" in piece:
            form["file"] = (
                piece["file"],
                (folder(name) / piece["file"]).read_bytes(),
                media_type(piece["file"]),
            )
        answer = people["candidate"].post(f"/v1/dossiers/{dossier}/evidence", files=form)
        assert answer.status_code == 201, answer.text


def media_type(file: str) -> str:
    return {"pdf": "application/pdf", "png": "image/png", "md": "text/markdown"}[file.rpartition(".")[2]]


def scores(name: str, place: int, evidence: dict[str, str]) -> list[Json]:
    """The scores of the sample's assessor at a place, pointing at the evidence by its id."""
    given = sample(name, "scores.yaml")["assessments"][place]["scores"]
    return [
        {
            "criterion": criterion,
            "value": score["score"],
            "comment": score["comment"],
            "evidence": [evidence[file] for file in score["evidence"]],
        }
        for criterion, score in given.items()
    ]


def decided(people: People, name: str = "elena-marchetti") -> str:
    """Take a sample dossier the straight way to a published grant; give the decision."""
    opened = {"scheme": SCHEME, "language": "it", "ai_disclosure": True}
    dossier = people.post("candidate", "/v1/dossiers", opened, expect=201)["id"]
    here = f"/v1/dossiers/{dossier}"
    fill(people, dossier, name)
    people.post("candidate", f"{here}/submission")
    people.post("secretary", f"{here}/admission", {"path": "A"})
    assessments = {}
    for who in ("first_assessor", "second_assessor"):
        people.post("scheme_manager", f"{here}/assignments", {"assessor": people.ids[who]}, expect=201)
        declared = people.post(who, f"{here}/declarations", {"kind": "none"}, expect=201)
        assessments[who] = declared["assessment"]
    content = people.get("first_assessor", here)
    evidence = {each["file"]["original_name"]: each["id"] for each in content["evidence"] if each["file"]}
    for place, (who, assessment) in enumerate(assessments.items()):
        given = {"scores": scores(name, place, evidence)}
        path, held = f"/v1/assessments/{assessment}/scores", {"If-Match": "*"}
        assert people[who].put(path, json=given, headers=held).status_code == 200
        people.post(who, f"/v1/assessments/{assessment}/submission", {"flags": []})
    committee = ("chair", "member", "other_member")
    present = {"present": [people.ids[who] for who in committee]}
    meeting = people.post("chair", "/v1/meetings", present, expect=201)["id"]
    for who in committee:
        people.post(who, f"{here}/declarations", {"kind": "none"}, expect=201)
    given = {"dossier": dossier, "meeting": meeting}
    decision = str(people.post("chair", "/v1/decisions", given, expect=201)["id"])
    for who in committee:
        people.post(who, f"/v1/decisions/{decision}/votes", {"choice": "grant"}, expect=201)
    people.post("chair", f"/v1/decisions/{decision}/publication", {"reasons": "Prove solide."})
    return decision
