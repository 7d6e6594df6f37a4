"""A load that never stops: people who issue, revoke, upload and send batches, and remember all answers."""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final

import httpx

from app.core.clock import SystemClock
from drill.asking import CONFLICT, Caller, Unanswered, code_of
from drill.draws import Draws
from drill.house import House
from tests.dossiers.steps import COMPLETE, SCHEME

CREATED: Final = 201
ACCEPTED: Final = 202
OK: Final = 200
REST_SECONDS: Final = 0.1  # between two pieces of work: what is drilled is order, not speed
BATCHES_AT_ONCE: Final = 6
MEMBER_ROWS: Final = 20
CREDENTIAL_ROWS: Final = 6
DECISION_ROWS: Final = 6
LINES: Final = "application/x-ndjson"
MOST_STATED: Final = 100_000
MOVES: Final[Mapping[str, Mapping[str, str]]] = {
    "suspension": {"cause": "own_request", "reasons": "Come richiesto."},
    "reinstatement": {"reasons": "Come richiesto."},
    "revocation": {"cause": "issued_in_error", "reasons": "Come richiesto."},
}
AFTER: Final = {"suspension": "suspended", "reinstatement": "active", "revocation": "revoked"}


@dataclass(slots=True)
class Told:
    """A credential that a client was told of, and how it stands by what they were told last."""

    id: str
    number: str
    decision: str
    state: str = "active"


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was accepted, by the rows that it has."""

    id: str
    kind: str
    rows: Mapping[str, str]  # what each is about, by its external id


@dataclass(slots=True)
class Memory:
    """All that clients were told: what the register is held against afterwards."""

    credentials: dict[str, Told] = field(default_factory=dict)
    batches: list[Sent] = field(default_factory=list)
    uploads: dict[str, tuple[str, int]] = field(default_factory=dict)  # evidence: digest and size
    dossiers: int = 0
    moves: int = 0


class Load:
    """Clients at work, each a thread, until they are told that it is enough."""

    def __init__(self, house: House, seed: str) -> None:
        self.house = house
        self.memory = Memory()
        self._over = threading.Event()
        self._draws = partial(Draws, seed)

    def run(self) -> list[threading.Thread]:
        work: dict[str, Callable[[], None]] = {
            "issuing": self._issues("registrar"),
            "issuing too": self._issues("second registrar"),
            "batches": self._batches(),
            "dossiers": self._dossiers(),
        }
        threads = [
            threading.Thread(target=self._again_and_again, args=(name, once), name=name)
            for name, once in work.items()
        ]
        for thread in threads:
            thread.start()
        return threads

    def end(self) -> None:
        self._over.set()

    def _again_and_again(self, name: str, once: Callable[[], None]) -> None:
        while not self._over.wait(REST_SECONDS):
            try:
                once()
            except Unanswered as never:
                self.house.find(f"{name}: never answered: {never}")
            except Exception as defect:  # noqa: BLE001 - whatever it is, the drill says so and goes on
                self.house.find(f"{name}: {type(defect).__name__}: {defect}")
                self._over.wait(1)

    def _unexpected(self, what: str, answer: httpx.Response) -> None:
        self.house.find(f"{what} was answered {answer.status_code} {code_of(answer) or answer.text[:200]}")

    def _issues(self, who: str) -> Callable[[], None]:
        """Issue a credential, or move one that was issued before."""
        caller, draws = Caller(self.house, self.house.keys[who]), self._draws(who)
        own: list[Told] = []

        def issue() -> None:
            decision = self.house.grant()
            if decision is None:
                return
            answer = caller.make("/v1/credentials", json={"decision": decision})
            if answer.status_code != CREATED:
                self._unexpected("Issuing", answer)
                return
            made = answer.json()
            told = Told(made["id"], made["number"], decision)
            self.memory.credentials[told.id] = told
            own.append(told)
            if draws.happens(0.1):  # somebody else asks for the same: there is one already
                again = caller.make("/v1/credentials", json={"decision": decision})
                if again.status_code != CONFLICT:
                    self._unexpected("Issuing a second time", again)

        def once() -> None:
            if not own or draws.happens(0.6):
                issue()
                return
            chosen = draws.one(own)
            if chosen.state == "revoked":
                return
            if chosen.state == "suspended":
                self.move(caller, chosen, "reinstatement")
            else:
                self.move(caller, chosen, "suspension" if draws.happens(0.7) else "revocation")

        return once

    def move(self, caller: Caller, credential: Told, act: str) -> None:
        """Suspend, reinstate or revoke; where it was sent again, it may have been done the first time."""
        path = f"/v1/credentials/{credential.id}"
        answer = caller.ask("POST", f"{path}/{act}", json=MOVES[act])
        if answer.status_code == CONFLICT and caller.repeated:
            answer = caller.ask("GET", path)
        if answer.status_code != OK or answer.json()["state"] != AFTER[act]:
            self._unexpected(f"A {act}", answer)
            return
        credential.state = AFTER[act]
        self.memory.moves += 1

    def _batches(self) -> Callable[[], None]:
        caller, draws = Caller(self.house, self.house.keys["desk"]), self._draws("batches")
        open_batches: list[str] = []
        minutes: list[str] = []

        def rows_of(kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
            if kind == "credentials":
                for _ in range(CREDENTIAL_ROWS):
                    if decision := self.house.grant():
                        name = f"C-{decision}"
                        yield name, decision, {"external_id": name, "decision": decision}
                return
            for _ in range(MEMBER_ROWS if kind == "members" else DECISION_ROWS):
                number = f"{kind[0].upper()}-{secrets.token_hex(6)}"
                yield number, number, _person(number) if kind == "members" else _decided(number)

        def once() -> None:
            open_batches[:] = [each for each in open_batches if not self._is_done(caller, each)]
            if len(open_batches) >= BATCHES_AT_ONCE:
                self._over.wait(0.5)
                return
            if not minutes:
                minutes.append(self._minutes())
            kind = draws.one(("members", "credentials", "decisions"))
            rows = list(rows_of(kind))
            query = {"kind": kind, **({"minutes": minutes[0]} if kind == "decisions" else {})}
            answer = caller.make(
                "/v1/batches",
                params=query,
                content="".join(json.dumps(row) + "\n" for _, _, row in rows).encode(),
                headers={"Content-Type": LINES},
            )
            if answer.status_code != ACCEPTED:
                self._unexpected(f"A batch of {kind}", answer)
                return
            batch = answer.json()["id"]
            open_batches.append(batch)
            self.memory.batches.append(Sent(batch, kind, {name: about for name, about, _ in rows}))

        return once

    def _is_done(self, caller: Caller, batch: str) -> bool:
        return bool(caller.ask("GET", f"/v1/batches/{batch}").json()["done"])

    def _minutes(self) -> str:
        chair = Caller(self.house, self.house.keys["chair"])
        stated = {
            "scheme": SCHEME,
            "held_on": _yesterday(),
            "members": "7",
            "eligible": "6",
            "present": "5",
            "decisions": str(MOST_STATED),
            "language": "it",
        }
        answer = chair.make(
            "/v1/minutes", data=stated, files={"file": ("verbale.md", b"# Verbale\n", "text/markdown")}
        )
        chair.close()
        return str(answer.raise_for_status().json()["id"])

    def _dossiers(self) -> Callable[[], None]:
        """Write dossiers, each by a member: begin, attach, hand in, take back."""
        callers = [Caller(self.house, key) for key in self.house.members]
        draws = self._draws("dossiers")

        def once() -> None:
            caller = draws.one(callers)
            begun = caller.make(
                "/v1/dossiers", json={"scheme": SCHEME, "language": "it", "ai_disclosure": True}
            )
            if begun.status_code != CREATED:
                self._unexpected("Beginning a dossier", begun)
                return
            path = f"/v1/dossiers/{begun.json()['id']}"
            self.memory.dossiers += 1
            for kind, fields in COMPLETE:
                content = f"# Prova\n\n{secrets.token_hex(100 + int(draws.share() * 50_000))}\n".encode()
                self._upload(caller, path, kind, fields, content)
                if self._over.wait(REST_SECONDS / 2):
                    break
            else:
                self._step(caller, f"{path}/submission", "submitted")
            self._step(caller, f"{path}/withdrawal", "withdrawn", json={})

        return once

    def _upload(
        self, caller: Caller, path: str, kind: str, fields: Mapping[str, Any], content: bytes
    ) -> None:
        form: dict[str, Any] = {
            "kind": (None, kind.encode()),
            "fields": (None, json.dumps(fields).encode()),
            "file": (f"{kind}.md", content, "text/markdown"),
        }
        answer = caller.make(f"{path}/evidence", files=form)
        if answer.status_code != CREATED:
            self._unexpected(f"Evidence ({kind})", answer)
            return
        digest = hashlib.sha256(content).hexdigest()
        if answer.json()["file"]["sha256"] != digest:
            self.house.find(f"Evidence {answer.json()['id']} was taken for other bytes")
        self.memory.uploads[answer.json()["id"]] = digest, len(content)

    def _step(self, caller: Caller, path: str, after: str, **given: Any) -> None:
        answer = caller.ask("POST", path, **given)
        if answer.status_code == CONFLICT and caller.repeated:
            answer = caller.ask("GET", path.rpartition("/")[0])
            if answer.status_code == OK and answer.json()["status"] == after:
                return
        if answer.status_code != OK:
            self._unexpected(f"That a dossier is {after}", answer)


@contextmanager
def loading(house: House, seed: str) -> Iterator[Load]:
    """Have clients at work until the block ends, and every request of theirs answered."""
    load = Load(house, seed)
    threads = load.run()
    try:
        yield load
    finally:
        load.end()
        for thread in threads:
            thread.join()


def _person(number: str) -> dict[str, Any]:
    return {
        "external_id": number,
        "given_name": "Sara",
        "family_name": f"Esempio {number}",
        "email": f"{number.lower()}@example.org",
        "membership": {"number": number, "from": "2026-01-01"},
    }


def _decided(number: str) -> dict[str, Any]:
    return {
        **_person(number),
        "votes": {"for": 4, "against": 1, "abstained": 0},
        "outcome": "grant",
        "decided_on": _yesterday(),
    }


def _yesterday() -> str:
    return (SystemClock().now() - timedelta(days=1)).date().isoformat()
