"""What a candidate does over HTTP, step by step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any, Final

import httpx
from fastapi import FastAPI

from app.main import create_app
from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.calling import Caller

SCHEME: Final = "uni-11621-8/ai-deep-learning-engineer"
PROOF: Final = "# Prova\n\nQuanto dichiarato è vero.\n".encode()
SHEET: Final = {
    name: f"{name}: detto"
    for name in (
        *("context", "own_role", "period", "problem", "architecture_choice", "data", "metrics"),
        *("deployment", "cost_energy", "risks", "referee"),
    )
}
COMPLETE: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("cv", {}),
    (
        "degree",
        {
            "title": "Laurea magistrale in Informatica",
            "institution": "Università di Montelago",
            "eqf_level": 7,
            "field": "computer_science",
            "awarded_on": "2019-07-18",
        },
    ),
    ("training", {"provider": "Accademia", "title": "Reti profonde", "hours": 60, "ended_on": "2024-05-31"}),
    (
        "experience",
        {
            "employer": "Lumastra",
            "role": "Engineer",
            "from": "2023-06-01",
            "fte_pct": 100,
            "duties": "Modelli",
        },
    ),
    ("project_sheet", SHEET),
    ("project_sheet", {**SHEET, "context": "un altro"}),
    ("ethics_pledge", {}),
)


@dataclass(frozen=True, slots=True)
class Someone:
    """A person of the organisation: their id, and how they call."""

    id: str
    calls: Caller
    token: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody whom a dossier meets."""

    app: FastAPI
    organisation: str
    applicant: Someone
    other: Someone
    secretary: Someone
    manager: Someone
    assessor: Someone
    member: Someone
    registrar: Someone
    auditor: Someone
    administrator: Someone

    def on(self, ports: Ports) -> "Cast":
        """The same people in a copy of their database."""
        app = create_app(ports)
        people: dict[str, Any] = {
            each.name: replace(person, calls=make.caller(app, person.token))
            for each in dataclass_fields(self)
            if isinstance(person := getattr(self, each.name), Someone)
        }
        return replace(self, app=app, **people)


def cast(ports: Ports) -> Cast:
    app = create_app(ports)
    organisation, tokens = make.tokens(
        ports,
        (),
        (),
        (Role.SECRETARIAT,),
        (Role.SCHEME_MANAGER,),
        (Role.ASSESSOR,),
        (Role.COMMITTEE_MEMBER,),
        (Role.REGISTRAR,),
        (Role.AUDITOR,),
        (Role.ADMINISTRATOR,),
    )
    return Cast(app, organisation, *(someone(app, token) for token in tokens))


def someone(app: FastAPI, token: str) -> Someone:
    calls = make.caller(app, token)
    return Someone(calls.get("/v1/me").json()["id"], calls, token)


def client(cast: Cast, *scopes: str) -> Someone:
    """An API client of the organisation with these scopes."""
    administrator = cast.administrator.calls
    made = administrator.post(f"/v1/organisations/{cast.organisation}/clients", json={"name": "Portale"})
    key = administrator.post("/v1/api-keys", json={"client": made.json()["id"], "scopes": list(scopes)})
    assert key.status_code == 201, key.text
    return someone(cast.app, key.json()["token"])


def begin(who: Someone, **changes: Any) -> str:
    asked = {"scheme": SCHEME, "language": "it", "ai_disclosure": True, **changes}
    answer = who.calls.post("/v1/dossiers", json=asked)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def attach(
    who: Someone,
    dossier: str,
    kind: str = "model_card",
    fields: Mapping[str, Any] | str | None = None,
    *,
    name: str | None = "prova.md",
    content: bytes = PROOF,
    media_type: str = "text/markdown",
) -> httpx.Response:
    form: dict[str, tuple[str | None, bytes] | tuple[str | None, bytes, str]] = {
        "kind": (None, kind.encode())
    }
    if fields is not None:
        written = fields if isinstance(fields, str) else json.dumps(fields)
        form["fields"] = (None, written.encode())
    if name is not None:
        form["file"] = (name, content, media_type)
    return who.calls.post(f"/v1/dossiers/{dossier}/evidence", files=form)


def complete(who: Someone, **changes: Any) -> str:
    """A draft that lacks nothing."""
    dossier = begin(who, **changes)
    for kind, fields in COMPLETE:
        answer = attach(who, dossier, kind, fields, name=f"{kind}.md")
        assert answer.status_code == 201, answer.text
    return dossier


def submit(who: Someone, dossier: str) -> httpx.Response:
    return who.calls.post(f"/v1/dossiers/{dossier}/submission")


def submitted(who: Someone) -> str:
    dossier = complete(who)
    answer = submit(who, dossier)
    assert answer.status_code == 200, answer.text
    return dossier


def problem(answer: httpx.Response) -> tuple[int, str]:
    """What a refusal says of itself."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]
