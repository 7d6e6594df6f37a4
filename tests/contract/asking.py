"""One request that is right, for every operation of the contract: whoever adds a route adds a line here.

`about` names the object that the request is about (whose owner asks for *their own*), `who` those who may.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx

from app.formats.jose import public_members
from app.organisations.rules import Permission
from app.schemes.catalogue import catalogue
from tests.assessments.case import CRITERIA
from tests.contract.world import KEYS, SIGNED, World, person_row
from tests.dossiers.steps import PROOF as EVIDENCE
from tests.dossiers.steps import SHEET

Json = dict[str, Any]
Body = Callable[[World], Json]
SCHEME: Final = catalogue().schemes[0]
OWN: Final = "own"
NOBODY: Final = "nobody"  # asked for without a key
LINES: Final = "application/x-ndjson"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request for an operation: its method and path as the contract has them, and what is filled in."""

    method: str
    path: str
    who: tuple[str, ...]
    about: str | None = None
    filled: Mapping[str, str] = field(default_factory=dict)  # parameter of the path -> object of the world
    query: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    form: Callable[[World], Json] | None = None
    media_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    # What the use case asks for, where the route is open to any of several permissions.
    needs: tuple[Permission, ...] = ()

    @property
    def operation(self) -> tuple[str, str]:
        return self.method, self.path

    def address(self, world: World) -> str:
        """Fill the path in; what is no name of an object stands for itself."""
        return self.path.format(**self.named(world, self.filled))

    @staticmethod
    def named(world: World, names: Mapping[str, str]) -> dict[str, str]:
        """Put objects of the world where they are named."""
        return {name: world.objects.get(known, known) for name, known in names.items()}

    def request(self, world: World) -> Json:
        """Give what goes with the address."""
        asked: Json = {"params": self.named(world, self.query), "headers": dict(self.headers)}
        if self.form is not None:
            asked["files"] = self.form(world)
        if self.body is not None and self.media_type is None:
            asked["json"] = self.body(world)
        elif self.body is not None and self.media_type == FORM:
            asked["data"] = self.body(world)
        elif self.body is not None:
            asked["content"] = str(self.body(world)["text"])
            asked["headers"] |= {"Content-Type": str(self.media_type)}
        return asked

    def written(self, world: World) -> httpx.Request:
        """Write the request as it goes out."""
        url = "https://sigillo.example.org" + self.address(world)
        return httpx.Request(self.method, url, **self.request(world))


def ask(
    operation: str,
    *who: str,
    about: str | None = None,
    body: Body | None = None,
    form: Callable[[World], Json] | None = None,
    query: Mapping[str, str] | None = None,
    media_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    needs: tuple[Permission, ...] = (),
    **filled: str,
) -> Asking:
    method, _, path = operation.partition(" ")
    about = about or next((name for name in filled.values() if ":" in name), None)
    # A parameter that is called like one of ours is written with an underscore.
    filled = {name.rstrip("_"): known for name, known in filled.items()}
    return Asking(method, path, who, about, filled, query or {}, body, form, media_type, headers or {}, needs)


def nothing(world: World) -> Json:
    del world
    return {}


def said(**words: Any) -> Body:
    return lambda _: dict(words)


def scores(world: World) -> Json:
    return {
        "scores": [
            {
                "criterion": criterion,
                "value": 3,
                "comment": "Motivato dalle prove.",
                "evidence": [world["evidence:scoring"]],
            }
            for criterion in CRITERIA
        ]
    }


def activity(world: World) -> Json:
    day = world.at.date().isoformat()
    return {
        "title": "Valutare modelli generativi",
        "provider": "Scuola di prova",
        "started_on": day,
        "ended_on": day,
        "hours": "6",
        "category": "learning",
        "topics": {"responsible_ai": "2"},
        "competences": ["T2", "C1"],
        "proof": [{"kind": "url", "reference": "https://example.org/attestati/123"}],
    }


def entry(world: World) -> Json:
    return {**activity(world), "credential": world["credential:active"]}


def evidence(world: World) -> Json:
    del world
    return {
        "kind": (None, b"project_sheet"),
        "fields": (None, json.dumps(SHEET, ensure_ascii=False).encode()),
        "file": ("scheda.md", EVIDENCE, "text/markdown"),
    }


def proof(world: World) -> Json:
    del world
    return {
        "kind": (None, b"certificate"),
        "file": ("attestato.md", b"# Attestato\n\nUn altro corso.\n", "text/markdown"),
    }


def interview(world: World) -> Json:
    return {
        "panel": [world["person:judge"], world["person:second"]],
        "at": (world.at + timedelta(days=10)).isoformat(),
        "remote": True,
    }


def committee(world: World) -> Json:
    return {"present": [world[f"person:committee{place}"] for place in range(4)]}


def minutes(world: World) -> Json:
    stated = {
        "scheme": SCHEME.id,
        "held_on": world.at.date().isoformat(),
        "members": "7",
        "eligible": "6",
        "present": "5",
        "decisions": "20",
        "language": "it",
    }
    return {
        **{name: (None, value.encode()) for name, value in stated.items()},
        "file": ("verbale.md", SIGNED, "text/markdown"),
    }


def rows(*given: Json) -> Json:
    return {"text": "".join(json.dumps(row) + "\n" for row in given)}


def decided(world: World) -> Json:
    day = world.at.date()
    return {
        **person_row(4),
        "membership": {"number": "NP-2025-0200", "from": day.replace(month=1, day=1).isoformat()},
        "votes": {"for": 5, "against": 0},
        "outcome": "grant",
        "decided_on": day.isoformat(),
    }


def proven(world: World) -> Json:
    """By what the registered program proves itself."""
    return {"client_id": world["client:portal"], "client_secret": world["word:portal"]}


MEMBER: Final = {
    "given_name": "Elena",
    "family_name": "Marchetti",
    "email": "elena@example.org",
    "membership": {"number": "NP-2025-0113", "from": "2025-01-01"},
}
HERE: Final[dict[str, Any]] = {"organisation": "organisation:here"}
CLIENT: Final[dict[str, Any]] = {"client": "client:portal", **HERE}
AS_READ: Final = {"If-Match": "*"}  # whatever it is by now

ORGANISATIONS: Final = (
    ask("GET /v1/me", "applicant", "program"),
    ask("PUT /v1/organisations/{organisation}/register", "administrator", body=said(open=True), **HERE),
    ask("GET /v1/organisations/{organisation}/members", "secretariat", "auditor", "program", **HERE),
    ask("POST /v1/organisations/{organisation}/members", "secretariat", body=said(**MEMBER), **HERE),
    ask(
        "PATCH /v1/organisations/{organisation}/memberships/{membership}",
        "secretariat",
        body=said(state="suspended"),
        membership="membership:newcomer",
        **HERE,
    ),
    ask(
        "POST /v1/organisations/{organisation}/members/{person}/roles",
        "administrator",
        body=said(role="assessor"),
        person="person:newcomer",
        **HERE,
    ),
    ask(
        "POST /v1/organisations/{organisation}/members/{person}/roles/{role}/end",
        "administrator",
        body=nothing,
        person="person:assessor",
        role="assessor",
        **HERE,
    ),
    ask(
        "GET /v1/organisations/{organisation}/memberships/{membership}",
        "secretariat",
        "auditor",
        "program",
        membership="membership:newcomer",
        **HERE,
    ),
    ask(
        "POST /v1/organisations/{organisation}/clients",
        "administrator",
        body=said(name="Portale", scopes=["credentials:issue", "dossiers:read"]),
        **HERE,
    ),
    ask("GET /v1/organisations/{organisation}/clients", "administrator", **HERE),
    ask("GET /v1/organisations/{organisation}/clients/{client}", "administrator", **CLIENT),
    ask(
        "PATCH /v1/organisations/{organisation}/clients/{client}",
        "administrator",
        body=said(scopes=["dossiers:read"]),
        **CLIENT,
    ),
    ask("DELETE /v1/organisations/{organisation}/clients/{client}", "administrator", **CLIENT),
    ask(
        "POST /v1/organisations/{organisation}/clients/{client}/secrets",
        "administrator",
        body=nothing,
        **CLIENT,
    ),
    ask(
        "POST /v1/organisations/{organisation}/clients/{client}/secrets/{secret}/revocation",
        "administrator",
        secret="secret:portal",
        **CLIENT,
    ),
    ask(
        "POST /v1/organisations/{organisation}/clients/{client}/jwks",
        "administrator",
        body=lambda _: {**public_members(KEYS[1]), "kid": "2028-1"},
        **CLIENT,
    ),
    ask(
        "DELETE /v1/organisations/{organisation}/clients/{client}/jwks/{jwk}",
        "administrator",
        jwk="jwk:portal",
        **CLIENT,
    ),
    ask("GET /v1/api-keys", "administrator"),
    ask(
        "POST /v1/api-keys",
        "administrator",
        about="client:portal",
        body=lambda world: {"client": world["client:portal"], "scopes": ["dossiers:read"]},
    ),
    ask("POST /v1/api-keys/{key}/rotation", "administrator", OWN, body=nothing, key="key:spare"),
    ask("POST /v1/api-keys/{key}/revocation", "administrator", key="key:spare"),
    ask("GET /v1/schemes", "applicant"),
    ask("GET /v1/schemes/{scheme}", "applicant", scheme=SCHEME.id),
)
DOSSIERS: Final = (
    ask(
        "POST /v1/dossiers",
        "applicant",
        body=said(scheme=SCHEME.id, language="it", ai_disclosure=True),
    ),
    ask("GET /v1/dossiers", "secretariat", "applicant"),
    ask("GET /v1/dossiers/{dossier}", OWN, dossier="dossier:draft"),
    ask(
        "PATCH /v1/dossiers/{dossier}",
        OWN,
        body=said(language="en"),
        headers=AS_READ,
        dossier="dossier:draft",
    ),
    ask("POST /v1/dossiers/{dossier}/evidence", OWN, form=evidence, dossier="dossier:draft"),
    ask(
        "DELETE /v1/dossiers/{dossier}/evidence/{evidence}",
        OWN,
        dossier="dossier:draft",
        evidence="evidence:draft",
    ),
    ask(
        "GET /v1/dossiers/{dossier}/evidence/{evidence}/file",
        OWN,
        dossier="dossier:draft",
        evidence="evidence:draft",
    ),
    ask("POST /v1/dossiers/{dossier}/submission", OWN, dossier="dossier:draft"),
    ask(
        "POST /v1/dossiers/{dossier}/withdrawal",
        OWN,
        body=said(reasons="Cambio di programma."),
        dossier="dossier:submitted",
    ),
    ask(
        "POST /v1/dossiers/{dossier}/return",
        "secretariat",
        body=said(reasons="Manca la firma."),
        dossier="dossier:submitted",
    ),
    ask(
        "POST /v1/dossiers/{dossier}/admission",
        "secretariat",
        body=said(path="A"),
        dossier="dossier:submitted",
    ),
    ask(
        "POST /v1/dossiers/{dossier}/non-admission",
        "scheme_manager",
        body=said(reasons="Nessuna via di ammissione."),
        dossier="dossier:submitted",
    ),
    ask("GET /v1/dossiers/{dossier}/parties", "assessor", dossier="dossier:assigned"),
    ask("GET /v1/dossiers/{dossier}/accesses", OWN, dossier="dossier:scoring"),
)
ASSESSMENTS: Final = (
    ask(
        "POST /v1/dossiers/{dossier_id}/assignments",
        "scheme_manager",
        body=lambda world: {"assessor": world["person:assessor"]},
        dossier_id="dossier:admitted",
    ),
    ask(
        "POST /v1/dossiers/{dossier_id}/declarations",
        "assessor",
        body=said(kind="none"),
        dossier_id="dossier:assigned",
    ),
    ask("GET /v1/assignments", "assessor"),
    ask("GET /v1/assessments/{assessment_id}", "assessor", assessment_id="assessment:scoring"),
    ask(
        "PUT /v1/assessments/{assessment_id}/scores",
        "assessor",
        body=scores,
        headers=AS_READ,
        assessment_id="assessment:scoring",
    ),
    ask(
        "POST /v1/assessments/{assessment_id}/submission",
        "assessor",
        body=said(flags=[]),
        assessment_id="assessment:scoring",
    ),
    ask("GET /v1/dossiers/{dossier_id}/assessments", "assessor", dossier_id="dossier:ready"),
    ask("GET /v1/dossiers/{dossier_id}/result", "assessor", dossier_id="dossier:ready"),
    ask(
        "POST /v1/dossiers/{dossier_id}/interviews",
        "secretariat",
        "assessor",
        body=interview,
        dossier_id="dossier:hearing",
    ),
    ask(
        "POST /v1/interviews/{interview_id}/minutes",
        "assessor",
        body=said(minutes="Risposte chiare.", rescores=[]),
        interview_id="interview:heard",
    ),
    ask(
        "POST /v1/interviews/{interview_id}/cancellation",
        "secretariat",
        body=nothing,
        interview_id="interview:booked",
    ),
)
DECISIONS: Final = (
    ask("POST /v1/meetings", "secretariat", about="person:committee0", body=committee),
    ask(
        "POST /v1/decisions",
        "chair",
        about="dossier:ready",
        body=lambda world: {"dossier": world["dossier:ready"], "meeting": world["meeting:today"]},
    ),
    ask("GET /v1/decisions/{decision_id}", "registrar", "program", decision_id="decision:published"),
    ask(
        "POST /v1/decisions/{decision_id}/votes",
        "committee_member",
        body=said(choice="grant"),
        decision_id="decision:open",
    ),
    ask(
        "POST /v1/decisions/{decision_id}/publication",
        "chair",
        body=said(reasons="Come dai punteggi."),
        decision_id="decision:voted",
    ),
    ask("GET /v1/dossiers/{dossier_id}/decision", OWN, dossier_id="dossier:published"),
    ask("POST /v1/minutes", "chair", form=minutes),
    ask("GET /v1/minutes/{minutes_id}", "registrar", "program", minutes_id="minutes:taken"),
    ask("GET /v1/minutes/{minutes_id}/file", "registrar", "program", minutes_id="minutes:taken"),
)
# A program that sends a batch needs no less than it would need row by row.
BATCHES: Final = (
    ask(
        "POST /v1/batches",
        "secretariat",
        "program",
        query={"kind": "members"},
        body=lambda _: rows(person_row(2), person_row(3)),
        media_type=LINES,
        needs=(Permission.MEMBERS_WRITE,),
    ),
    ask(
        "POST /v1/batches",
        "registrar",
        "program",
        query={"kind": "credentials"},
        body=lambda world: rows({"external_id": "C-1", "decision": world["decision:granted"]}),
        media_type=LINES,
        needs=(Permission.CREDENTIALS_ISSUE,),
    ),
    ask(
        "POST /v1/batches",
        "registrar",
        "program",
        about="minutes:taken",
        query={"kind": "decisions", "minutes": "minutes:taken"},
        body=lambda world: rows(decided(world)),
        media_type=LINES,
        needs=(Permission.DECISIONS_IMPORT, Permission.CREDENTIALS_ISSUE),
    ),
    ask("GET /v1/batches", "secretariat", "registrar", "program"),
    ask("GET /v1/batches/{batch}", "secretariat", "program", batch="batch:members"),
    ask("GET /v1/batches/{batch}/results", "secretariat", "program", batch="batch:members"),
    ask("POST /v1/batches/{batch}/cancellation", "secretariat", "program", batch="batch:members"),
)
CREDENTIAL: Final[dict[str, Any]] = {"credential_id": "credential:active"}
CREDENTIALS: Final = (
    ask(
        "POST /v1/credentials",
        "registrar",
        "program",
        about="decision:granted",
        body=lambda world: {"decision": world["decision:granted"]},
    ),
    ask("GET /v1/credentials", "registrar", "applicant", "program"),
    ask("GET /v1/credentials/{credential_id}", OWN, "registrar", **CREDENTIAL),
    ask("POST /v1/credentials/{credential_id}/documents", OWN, body=said(format="ob+jwt"), **CREDENTIAL),
    ask("GET /v1/credentials/{credential_id}/documents/{form}", OWN, form_="vc+jwt", **CREDENTIAL),
    ask("GET /v1/credentials/{credential_id}/qr.svg", OWN, **CREDENTIAL),
    ask("GET /v1/credentials/{credential_id}/qr.png", OWN, **CREDENTIAL),
    ask("GET /v1/credentials/{credential_id}/attestation.pdf", OWN, **CREDENTIAL),
    ask("POST /v1/credentials/{credential_id}/deliveries", OWN, body=said(to="email"), **CREDENTIAL),
    ask("GET /v1/credentials/{credential_id}/deliveries", OWN, **CREDENTIAL),
    ask(
        "DELETE /v1/credentials/{credential_id}/deliveries/{delivery_id}",
        OWN,
        delivery_id="delivery:waiting",
        **CREDENTIAL,
    ),
    ask(
        "POST /v1/credentials/{credential_id}/suspension",
        "registrar",
        body=said(cause="own_request", reasons="Chiesta dal titolare."),
        **CREDENTIAL,
    ),
    ask(
        "POST /v1/credentials/{credential_id}/reinstatement",
        "registrar",
        body=said(reasons="Motivo cessato."),
        credential_id="credential:suspended",
    ),
    ask(
        "POST /v1/credentials/{credential_id}/revocation",
        "registrar",
        body=said(cause="issued_in_error", reasons="Prove false."),
        **CREDENTIAL,
    ),
    ask("PUT /v1/credentials/{credential_id}/hiding", OWN, **CREDENTIAL),
    ask("DELETE /v1/credentials/{credential_id}/hiding", OWN, **CREDENTIAL),
)
DRAFT: Final[dict[str, Any]] = {"activity": "activity:draft"}
CLAIMED: Final[dict[str, Any]] = {"activity": "activity:claimed"}
DEVELOPMENT: Final = (
    ask("POST /v1/cpd-activities", OWN, about="credential:active", body=entry),
    ask("GET /v1/cpd-activities", "secretariat", "applicant"),
    ask("GET /v1/cpd-activities/{activity}", OWN, **DRAFT),
    ask("PUT /v1/cpd-activities/{activity}", OWN, body=activity, **DRAFT),
    ask("DELETE /v1/cpd-activities/{activity}", OWN, **DRAFT),
    ask("POST /v1/cpd-activities/{activity}/proofs", OWN, form=proof, **DRAFT),
    ask("GET /v1/cpd-activities/{activity}/proofs/{proof}/file", OWN, proof="proof:draft", **DRAFT),
    ask("DELETE /v1/cpd-activities/{activity}/proofs/{proof}", OWN, proof="proof:draft", **DRAFT),
    ask("POST /v1/cpd-activities/{activity}/claim", OWN, **DRAFT),
    ask("POST /v1/cpd-activities/{activity}/correction", OWN, body=activity, **CLAIMED),
    ask(
        "POST /v1/cpd-activities/{activity}/query",
        "secretariat",
        body=said(question="Che parte era sull'IA responsabile?"),
        **CLAIMED,
    ),
    ask("POST /v1/cpd-activities/{activity}/acceptance", "secretariat", body=nothing, **CLAIMED),
    ask(
        "POST /v1/cpd-activities/{activity}/rejection",
        "secretariat",
        body=said(reasons="Non pertinente."),
        **CLAIMED,
    ),
    ask(
        "POST /v1/cpd-imports",
        OWN,
        "program",
        about="credential:active",
        body=lambda world: {"rows": [{"row": 1, **entry(world)}]},
    ),
    ask(
        "POST /v1/cpd-exemptions",
        "scheme_manager",
        about="credential:exempt",
        body=lambda world: {
            "credential": world["credential:exempt"],
            "reason": "parental",
            "reduction_pct": 25,
        },
    ),
    ask("GET /v1/credentials/{credential_id}/cpd", OWN, **CREDENTIAL),
)
RENEWALS: Final = (
    ask("GET /v1/credentials/{credential_id}/renewal", OWN, credential_id="credential:renewable"),
    ask(
        "POST /v1/renewals",
        OWN,
        about="credential:renewable",
        body=lambda world: {"credential": world["credential:renewable"]},
    ),
    ask("GET /v1/renewals", "scheme_manager", "applicant"),
    ask("GET /v1/renewals/{renewal_id}", OWN, renewal_id="renewal:drawn"),
    ask(
        "POST /v1/renewals/{renewal_id}/approval",
        "scheme_manager",
        "registrar",
        body=said(reasons="Ore e prove in ordine."),
        renewal_id="renewal:audited",
    ),
    ask(
        "POST /v1/renewals/{renewal_id}/refusal",
        "scheme_manager",
        body=said(reasons="Prove non date."),
        renewal_id="renewal:audited",
    ),
    ask(
        "POST /v1/renewals/{renewal_id}/cure",
        "scheme_manager",
        body=said(reasons="Manca una prova."),
        renewal_id="renewal:audited",
    ),
    ask("POST /v1/renewals/{renewal_id}/answer", OWN, body=nothing, renewal_id="renewal:cured"),
    ask("GET /v1/audit-draws", "applicant"),
    ask("POST /v1/audit-draws/{draw_id}/drawing", "scheme_manager", draw_id="draw:open"),
)
ENDPOINT: Final[dict[str, Any]] = {"endpoint": "endpoint:here"}
EVENTS: Final = (
    ask("GET /v1/events", "auditor", "program", query={"after": "0"}),
    ask(
        "POST /v1/webhook-endpoints",
        "administrator",
        "program",
        body=said(url="https://hooks.example.org/sigillo", types=["credential.issued"]),
    ),
    ask("GET /v1/webhook-endpoints", "auditor", "program"),
    ask("GET /v1/webhook-endpoints/{endpoint}", "auditor", "program", **ENDPOINT),
    ask(
        "PATCH /v1/webhook-endpoints/{endpoint}",
        "administrator",
        "program",
        body=said(types=["credential.issued", "credential.revoked"]),
        **ENDPOINT,
    ),
    ask("DELETE /v1/webhook-endpoints/{endpoint}", "administrator", "program", **ENDPOINT),
    ask("POST /v1/webhook-endpoints/{endpoint}/secret-rotation", "administrator", "program", **ENDPOINT),
    ask("POST /v1/webhook-endpoints/{endpoint}/test", "administrator", "program", **ENDPOINT),
    ask("GET /v1/webhook-endpoints/{endpoint}/deliveries", "auditor", "program", **ENDPOINT),
    ask(
        "POST /v1/webhook-endpoints/{endpoint}/deliveries/{delivery}/replay",
        "administrator",
        "program",
        delivery="sent:ping",
        **ENDPOINT,
    ),
    ask(
        "POST /v1/webhook-endpoints/{endpoint}/replay",
        "administrator",
        "program",
        query={"after": "0"},
        **ENDPOINT,
    ),
)
PUBLIC: Final = (
    ask("GET /v/{number}.json", NOBODY, number="number:active"),
    ask("GET /v/{number}", NOBODY, number="number:active"),
    ask(
        "POST /v1/verifications",
        NOBODY,
        about="document:active",
        body=lambda world: {"credential": world["document:active"]},
    ),
    ask(
        "POST /credentials/verify",
        NOBODY,
        about="document:active",
        body=lambda world: {"verifiableCredential": world["document:active"]},
    ),
    ask(
        "POST /presentations/verify",
        NOBODY,
        about="document:active",
        body=lambda world: {"verifiablePresentation": world["document:active"]},
    ),
    ask("GET /schemes/{id}", NOBODY, id=SCHEME.id),
    ask("GET /.well-known/jwks.json", NOBODY),
    ask("GET /.well-known/qr-keys", NOBODY),
    ask("GET /.well-known/did.json", NOBODY),
    ask("GET /keys/{thumbprint}", NOBODY, thumbprint="thumbprint:seal"),
    ask("GET /status/index.json", NOBODY),
    ask("GET /status/{list}", NOBODY, list="list:first"),
    ask("GET /status/{list}-{purpose}", NOBODY, list="list:first", purpose="revocation"),
    ask("GET /audit-draws/{draw_id}.json", NOBODY, draw_id="draw:open"),
    ask(
        "POST /oauth/token",
        NOBODY,
        about="client:portal",
        body=lambda world: {"grant_type": "client_credentials", "scope": "dossiers:read", **proven(world)},
        media_type=FORM,
    ),
    ask(
        "POST /oauth/revoke",
        NOBODY,
        about="client:portal",
        body=lambda world: {"token": "tok_0v9k3m5x7z1b2c4d6f8g0h1j2k.secret", **proven(world)},
        media_type=FORM,
    ),
    ask("GET /.well-known/oauth-authorization-server", NOBODY),
    ask("GET /metrics", NOBODY),
    ask("GET /healthz", NOBODY),
    ask("GET /readyz", NOBODY),
)
WITH_A_KEY: Final = (
    *ORGANISATIONS,
    *DOSSIERS,
    *ASSESSMENTS,
    *DECISIONS,
    *CREDENTIALS,
    *BATCHES,
    *DEVELOPMENT,
    *RENEWALS,
    *EVENTS,
)
