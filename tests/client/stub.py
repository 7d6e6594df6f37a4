"""A service in a thread, as its contract describes it: small, strict, and able to fail when told to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from email.parser import BytesParser
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
KEY: Final = "key_a-personal-key-for-tests"
NUMBER: Final = "DLE-26-7K3Q-F9XM-2T5H-65"
CREDENTIAL: Final = "crd_00000000000000000000000001"
HOURS: Final = {"it": "ore mancanti", "en": "hours missing"}


class Problem(Exception):
    """The stub says no."""

    def __init__(self, status: int, code: str, **facts: Any) -> None:
        self.status = status
        self.body = {"type": f"/problems/{code}", "title": code, "status": status, "code": code, **facts}
        super().__init__(code)


def never(method: str, path: str) -> str | None:
    """Hang up neither before nor after doing what was asked."""
    del method, path
    return None


def credential(number: str = NUMBER, name: str = CREDENTIAL, **more: Any) -> Json:
    return {
        "id": name,
        "number": number,
        "holder": "per_1",
        "holder_name": "Elena Marchetti",
        "scheme": "uni-11621-8/ai-deep-learning-engineer",
        "state": "active",
        "mode": "test",
        "valid_from": "2026-11-20",
        "valid_until": "2029-11-20",
        "issued_at": "2026-11-20T09:00:00Z",
        "verify_url": f"https://sigillo.example.org/v/{number}",
        "documents": [],
        "periods": [
            {
                "seq": 1,
                "kind": "grant",
                "cycle": 1,
                "valid_from": "2026-11-20",
                "valid_until": "2029-11-20",
                "ended_on": None,
                "documents": [{"format": "vc+jwt"}, {"format": "ob+jwt"}],
            }
        ],
        **more,
    }


class Stub:
    """What the stub knows, and how it is to behave next."""

    def __init__(self) -> None:
        self.credentials = [credential()]
        self.dossiers: list[Json] = []
        self.activities: dict[str, Json] = {}
        self.renewal: Json | None = None
        self.deliveries: list[Json] = []
        self.phase, self.satisfied = "open", False
        self.carried, self.as_of = "0", "2029-06-01"
        self.bridge_if_filed_by: str | None = None
        self.report: Json = {}
        self.asked: list[tuple[str, str, Json]] = []
        self.headers: list[Message] = []
        self.hang_up: Callable[[str, str], str | None] = never
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.kept: dict[str, tuple[int, Any]] = {}  # what was answered, by Idempotency-Key

    def paths(self, method: str) -> list[str]:
        return [path for found, path, _ in self.asked if found == method]

    def standing(self) -> Json:
        return {
            "credential": CREDENTIAL,
            "cycle": 1,
            "phase": self.phase,
            "today": "2029-06-01",
            "opens_on": "2029-05-20",
            "expires_on": "2029-11-20",
            "grace_until": "2030-02-18",
            "reinstatement_until": "2030-11-20",
            "may_file": self.satisfied and self.renewal is None and self.phase in {"open", "grace"},
            "why_not": []
            if self.satisfied
            else [
                {"code": "renewal-not-eligible", "detail": {"it": "Mancano ore.", "en": "Hours are missing."}}
            ],
            "renewal": self.renewal,
            "bridge_if_filed_by": self.bridge_if_filed_by,
        }

    def ledger(self) -> Json:
        gap = {
            "code": "total",
            "what": "total",
            "missing": "60",
            "due": "2029-11-20",
            "file_by": "2030-02-18",
        }
        label = {"it": "Corsi, convegni", "en": "Courses, conferences"}
        topic = {"it": "IA responsabile", "en": "Responsible AI"}
        return {
            "credential": CREDENTIAL,
            "cycle": 1,
            "rules": "0" * 64,
            "as_of": self.as_of,
            "begins": "2026-11-20",
            "ends": "2029-11-20",
            "earned_by": "2029-11-20",
            "submitted_by": "2030-02-18",
            "claimed": "96.00" if self.satisfied else "32.50",
            "counted": "90.00" if self.satisfied else "30.00",
            "carried": self.carried,
            "required": "90",
            "satisfied": self.satisfied,
            "carry_over": "2.50" if self.satisfied else "0",
            "categories": [{"id": "learning", "label": label, "counted": "30.00", "min": "36", "max": None}],
            "topics": [{"id": "responsible_ai", "label": topic, "counted": "6", "min": "6", "max": None}],
            "years": [
                {"number": 1, "begins": "2026-11-20", "ends": "2027-11-19", "counted": "30", "min": "20"}
            ],
            "lines": [
                {
                    "activity": "act_00000000000000000000000001",
                    "title": "Una lunga giornata",
                    "ended_on": "2027-03-15",
                    "category": "learning",
                    "state": "claimed",
                    "claimed": "10.50",
                    "counted": "8",
                    "differences": [
                        {
                            "code": "day-cap",
                            "hours": "2.50",
                            "detail": {"it": "al massimo 8 ore al giorno", "en": "at most 8 hours a day"},
                        }
                    ],
                }
            ],
            "gaps": [] if self.satisfied else [{**gap, "detail": HOURS}],
        }

    def answer(  # noqa: C901, PLR0911 - one for each route
        self, method: str, target: str, body: Json
    ) -> tuple[int, Any]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match (method, *parts.path.removeprefix("/v1/").split("/")):
            case ("GET", "me"):
                return 200, self.me()
            case ("GET", "dossiers"):
                return 200, page(self.dossiers)
            case ("GET", "schemes", *_):
                return 200, {"statements": [{"id": name, "label": HOURS} for name in ("T1", "C1")]}
            case ("POST", "verifications"):
                return 200, self.report
            case (_, "credentials", *rest):
                return self.of_credentials(method, rest, query, body)
            case (_, "cpd-activities", *rest):
                return self.of_activities(method, rest, query, body)
            case ("POST", "cpd-imports"):
                return 200, self.imported(body)
            case ("POST", "renewals"):
                return self.filed(body)
            case ("GET", "renewals", "ren_1"):
                return 200, self.renewal
            case ("POST", "renewals", "ren_1", "answer"):
                return 200, self.answered()
        raise Problem(404, "")

    def of_credentials(  # noqa: C901, PLR0911 - one for each route
        self, method: str, rest: list[str], query: dict[str, str], body: Json
    ) -> tuple[int, Any]:
        match (method, *rest):
            case ("GET",):
                return 200, page(self.credentials)
            case ("GET", _, "renewal"):
                return 200, self.standing()
            case ("GET", _, "cpd"):
                return 200, self.ledger()
            case ("POST", _, "documents"):
                return 201, {"format": body["format"]}
            case ("GET", _, "documents", form):
                return 200, f"{form} {query}".encode()
            case ("GET", _, "qr.png"):
                return 200, b"\x89PNG"
            case ("GET", _, "attestation.pdf"):
                return 200, b"%PDF"
            case ("GET", _, "deliveries"):
                return 200, {"data": self.deliveries}
            case ("POST", _, "deliveries"):
                return 202, self.delivered(body)
            case ("DELETE", _, "deliveries", name):
                self.deliveries = [
                    {**one, "state": "withdrawn"} for one in self.deliveries if one["id"] == name
                ]
                return 204, b""
        raise Problem(404, "")

    def delivered(self, body: Json) -> Json:
        if any(one["state"] == "waiting" for one in self.deliveries):
            raise Problem(409, "delivery-waiting", delivery=self.deliveries[0]["id"])
        made = {
            "id": f"dlv_{len(self.deliveries) + 1:026}",
            "document": "doc_1",
            "to": body["to"],
            "state": "waiting",
            "reason": None,
            "viewer_url": None,
            "asked_at": "2029-06-01T10:00:00Z",
            "tried_at": None,
            "settled_at": None,
        }
        self.deliveries.insert(0, made)
        return made

    def of_activities(  # noqa: PLR0911 - one for each route
        self, method: str, rest: list[str], query: dict[str, str], body: Json
    ) -> tuple[int, Any]:
        match (method, *rest):
            case ("POST",):
                return self.add(body)
            case ("GET",):
                return 200, self.listed(query)
            case ("GET", name):
                return 200, self.known(name)
            case ("PUT", name):
                return 200, self.changed(name, body)
            case ("DELETE", name):
                return self.discarded(name)
            case ("POST", name, "claim"):
                return 200, self.claimed(name)
            case ("POST", name, "correction"):
                return self.corrected(name, body)
            case ("POST", name, "proofs"):
                return self.proved(name, body)
        raise Problem(404, "")

    def me(self) -> Json:
        return {
            "id": "per_1",
            "organisation": "org_1",
            "person": True,
            "name": "Elena Marchetti",
            "roles": [],
            "permissions": [],
        }

    def add(self, body: Json, *, claim: bool | None = None) -> tuple[int, Json]:
        content = {name: value for name, value in body.items() if name not in {"claim", "proof", "row"}}
        for there in self.activities.values():
            if there["content"] == content:
                return 200, there
        if float(body["hours"]) <= 0:
            fault = {"it": "devono essere più di zero", "en": "must be more than nothing"}
            raise Problem(
                422, "cpd-activity-wrong", faults=[{"field": "hours", "code": "hours", "detail": fault}]
            )
        name = f"act_{len(self.activities) + 1:026}"
        made: Json = {
            "id": name,
            "content": content,
            **{key: body.get(key) for key in ("credential", "title", "provider", "category", "note")},
            **{
                key: body[key]
                for key in ("started_on", "ended_on", "hours", "topics", "competences")
                if key in body
            },
            "state": "draft",
            "source": "member",
            "corrects": None,
            "question": None,
            "reasons": None,
            "proofs": [{"id": "prf_0", "sha256": None, **proof} for proof in body.get("proof") or ()],
        }
        self.activities[name] = made
        if body.get("claim", True) if claim is None else claim:
            self.settle(made)
        return 201, self.known(name)

    def settle(self, activity: Json) -> None:
        if activity["proofs"]:
            activity["state"] = "claimed"

    def known(self, name: str) -> Json:
        if name not in self.activities:
            raise Problem(404, "cpd-activity-not-found", detail="There is no such activity.")
        found = self.activities[name]
        detail = {"it": "Serve una prova.", "en": "A proof is needed."}
        found["missing"] = [] if found["proofs"] else [{"code": "proof", "detail": detail}]
        return found

    def listed(self, query: dict[str, str]) -> Json:
        state = query.get("state")
        found = [
            self.known(name) for name in self.activities if state in {None, self.activities[name]["state"]}
        ]
        start = int(query.get("cursor", "0"))
        return {
            "data": found[start : start + 2],
            "next_cursor": str(start + 2) if start + 2 < len(found) else None,
        }

    def changed(self, name: str, body: Json) -> Json:
        self.known(name).update(body)
        return self.known(name)

    def discarded(self, name: str) -> tuple[int, Any]:
        self.known(name)
        del self.activities[name]
        return 204, b""

    def claimed(self, name: str) -> Json:
        found = self.known(name)
        if found["missing"]:
            raise Problem(422, "cpd-activity-incomplete", missing=found["missing"])
        self.settle(found)
        return found

    def corrected(self, name: str, body: Json) -> tuple[int, Json]:
        before = self.known(name)
        before["state"] = "corrected"
        body["credential"] = before["credential"]
        _, made = self.add({**body, "version": name}, claim=False)
        made |= {"corrects": name, "proofs": [*before["proofs"], *made["proofs"]]}
        if body["claim"]:
            self.settle(made)
        return 201, self.known(made["id"])

    def proved(self, name: str, body: Json) -> tuple[int, Json]:
        found = self.known(name)
        proof = {
            "id": f"prf_{len(found['proofs']) + 1}",
            "kind": body["kind"],
            "reference": body.get("reference"),
        }
        if "file" in body:
            proof |= {"sha256": sha256(body["file"]).hexdigest(), "original_name": body["file name"]}
        found["proofs"].append(proof)
        return 201, proof

    def imported(self, body: Json) -> Json:
        assert 1 <= len(body["rows"]) <= 500
        if bad := [place for place, row in enumerate(body["rows"]) if len(row["title"]) > 200]:
            errors = [{"pointer": f"#/rows/{place}/title", "detail": "too long"} for place in bad]
            raise Problem(422, "malformed", errors=errors)
        results = [self.row(row) for row in body["rows"]]
        outcomes = [result["outcome"] for result in results]
        counts = {outcome: outcomes.count(outcome) for outcome in ("created", "unchanged", "refused")}
        return {"results": results, "counts": counts}

    def row(self, row: Json) -> Json:
        given = {name: value for name, value in row.items() if name != "row"}
        result: Json = {
            "row": row["row"],
            "activity": None,
            "state": None,
            "code": None,
            "detail": None,
            "faults": [],
        }
        try:
            status, made = self.add(given)
        except Problem as problem:
            return {
                **result,
                "outcome": "refused",
                "code": problem.body["code"],
                "faults": problem.body["faults"],
            }
        outcome = "created" if status == 201 else "unchanged"
        lacking = None if made["state"] != "draft" or made.get("proofs") else "proof-missing"
        return {**result, "outcome": outcome, "activity": made["id"], "state": made["state"], "code": lacking}

    def filed(self, body: Json) -> tuple[int, Json]:
        if self.renewal:
            raise Problem(409, "renewal-filed-already", renewal="ren_1", detail="It was filed already.")
        if not self.satisfied:
            raise Problem(422, "renewal-not-eligible", gaps=self.ledger()["gaps"], detail="Not enough.")
        self.renewal = {
            "id": "ren_1",
            "credential": body["credential"],
            "cycle": 1,
            "kind": "renewal",
            "state": "submitted",
            "filed_at": "2029-06-01T10:00:00Z",
            "late": False,
            "rules": "0" * 64,
            "evaluation": {},
            "draw": {"id": "drw_1", "url": "https://x/drw_1.json", "commitment": "c" * 64, "drawn_at": None},
            "audit": None,
            "cure": None,
            "decision": None,
            "period": None,
            "bridge": None,
        }
        return 201, self.renewal

    def answered(self) -> Json:
        assert self.renewal is not None
        self.renewal |= {
            "state": "audit",
            "audit": {"reason": "sampled", "from": "2029-06-02", "reply_by": "2029-07-17"},
        }
        return self.renewal


def page(rows: list[Json]) -> Json:
    return {"data": rows, "next_cursor": None}


class _Handler(BaseHTTPRequestHandler):
    stub: Stub

    def _deal(self) -> None:
        path = urlsplit(self.path).path
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        how = self.stub.hang_up(self.command, path)
        if how == "before":
            self.close_connection = True
            return
        body = self._body(content)
        self.stub.asked.append((self.command, path, body))
        self.stub.headers.append(self.headers)
        if path in self.stub.answers:
            self._write(*self.stub.answers[path], kind="text/html")
            return
        if path != "/v1/verifications" and self.headers.get("Authorization") != f"Bearer {KEY}":
            self._write(401, json.dumps(Problem(401, "key-not-accepted").body).encode())
            return
        key = self.headers.get("Idempotency-Key", "")
        try:
            status, answer = self.stub.kept.get(key) or self.stub.answer(self.command, self.path, body)
        except Problem as problem:
            status, answer = problem.status, problem.body if problem.body["code"] else {}
        else:
            self.stub.kept |= {key: (status, answer)} if key else {}
        if how == "after":
            self.close_connection = True
            return
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if how == "midway":
            self.close_connection = True
            self._write(status, content, left_out=len(content) // 2)
            return
        self._write(status, content)

    do_GET = do_POST = do_PUT = do_DELETE = _deal  # noqa: N815 - http.server calls them so

    def _body(self, content: bytes) -> Json:
        if self.headers.get_content_type() != "multipart/form-data":
            return json.loads(content) if content else {}
        message = BytesParser().parsebytes(
            b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + content
        )
        form: Json = {}
        for part in message.get_payload():
            assert isinstance(part, Message)
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            name = str(part.get_param("name", header="content-disposition"))
            form[name] = payload if part.get_filename() else payload.decode()
            if part.get_filename():
                form[f"{name} name"] = part.get_filename()
        return form

    def _write(self, status: int, content: bytes, kind: str = "application/json", left_out: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        with suppress(ConnectionError):  # whoever asked may have gone
            self.end_headers()
            self.wfile.write(content[: len(content) - left_out])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(stub: Stub) -> Iterator[str]:
    """Answer at an address of this machine for as long as the block lasts."""
    handler = type("Handler", (_Handler,), {"stub": stub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
