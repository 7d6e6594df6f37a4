"""The whole journey with every key on a token: the real service, set up by its own commands."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from app.formats.jades import Level, read_seal
from app.formats.jose import open_compact
from app.main import production_ports
from app.organisations.models import Organisation
from app.ports import Ports, Slot
from app.settings import Settings
from tests import make
from tests.journeys.hsm import PASSPHRASE, Operator, pem
from tests.journeys.people import People, decided
from tests.journeys.signing import EACH, THREADS
from tests.serving import PATIENCE_SECONDS, command, free_port, serving, settings
from tests.softhsm import PIN

Json = dict[str, Any]


def service(operator: Operator, folder: Path, port: int) -> dict[str, str]:
    """The settings of a body that means it: keys on a token, and an authority for time-stamps."""
    anchors = folder / "stamp-anchors"
    anchors.mkdir()
    (anchors / "root.pem").write_bytes(pem(operator.town.pki.stamp_root.certificate))
    more = {
        "SIGILLO_TIMESTAMP_URL": f"{operator.town.site.url}/tsa",
        "SIGILLO_TIMESTAMP_ANCHORS": str(anchors),
        "SIGILLO_STAMP_ANCHORS_FOLDER": str(anchors),
        "SIGILLO_REVOCATION_ORIGINS": json.dumps([operator.town.site.url]),
        "SIGILLO_LOOKUPS_PER_MINUTE": "1000000",
    }
    return settings(folder, port, **{**more, **operator.settings})


@contextmanager
def database_of(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ports]:
    """What the service works on, for what has no route."""
    with monkeypatch.context() as patched:
        for name, value in environment.items():
            if name.startswith("SIGILLO_"):
                patched.setenv(name, value)
        ports = production_ports(Settings())
    yield ports
    ports.database.close()


@dataclass
class Body:
    """A live body as it is seen from outside."""

    ports: Ports
    people: People

    @classmethod
    def opened(cls, ports: Ports, url: str) -> "Body":
        people = People(None, ports, url)
        with ports.database.writing(people.organisation) as session:
            session.get_one(Organisation, people.organisation).mode = "live"  # type: ignore[assignment] # as text
        return cls(ports, people)

    def another_decision(self) -> str:
        """A grant for somebody else, without the way to it."""
        at = self.ports.clock.now()
        with self.ports.database.writing(self.people.organisation) as session:
            holder = make.person(session, self.people.organisation, at=at)
            return make.granted_decision(session, self.people.organisation, holder, at=at).id

    def issued(self) -> Json:
        return self.people.post(
            "registrar", "/v1/credentials", {"decision": self.another_decision()}, expect=201
        )

    def document(self, credential: str, form: str) -> str:
        answer = self.people["registrar"].get(f"/v1/credentials/{credential}/documents/{form}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def told(self, credential: Json, *documents: str) -> set[tuple[str, str]]:
        """What a stranger is told by the number, and of each document."""
        reports = [self.people.get("anyone", f"/v/{credential['number']}.json")]
        for text in documents:
            given = {"file": ("x", text.encode())}
            reports.append(self.people["anyone"].post("/v1/verifications", files=given).json())
        return {(each["result"], each["credential"]["state"]) for each in reports}


def until(holds: Callable[[], bool]) -> None:
    """Ask again for as long as a worker may need; asking takes its time, so nothing sleeps here."""
    ends = monotonic() + PATIENCE_SECONDS
    while not holds():
        assert monotonic() < ends, "it did not come to pass"


def test_a_body_goes_the_whole_way_with_every_key_on_a_token_that_dies_and_comes_back(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    url, environment = f"http://localhost:{port}", service(operator, tmp_path, port)
    public = {"SIGILLO_PUBLIC_URL": "https://sigillo.example.org"}
    checked = command(environment | public, "keys", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("signs, and the published key verifies it") == len(Slot)
    assert "could be taken out" not in checked.stdout
    with serving(environment, url) as log, database_of(environment, monkeypatch) as ports:
        body = Body.opened(ports, url)
        people = body.people

        # From the dossier to the decision, and to a credential in every format.
        credential = people.post("registrar", "/v1/credentials", {"decision": decided(people)}, expect=201)
        path = f"/v1/credentials/{credential['id']}"
        people.post("registrar", f"{path}/documents", {"format": "ob+jwt"}, expect=201)
        documents = [body.document(credential["id"], form) for form in ("vc+jwt", "ob+jwt", "qr", "edc")]
        assert open_compact(documents[0]).header.alg == "ES256"
        assert read_seal(documents[3]).header.alg == "RS256"
        assert body.told(credential, *documents) == {("valid", "active")}

        # In the background the European one becomes provable for good.
        until(lambda: read_seal(body.document(credential["id"], "edc")).level is Level.B_LTA)
        documents.append(body.document(credential["id"], "edc"))
        assert body.told(credential, *documents) == {("valid", "active")}

        # Lists are signed as the register changes.
        reasons = {"cause": "own_request", "reasons": "Richiesta."}
        people.post("registrar", f"{path}/suspension", reasons)
        until(lambda: body.told(credential) == {("invalid", "suspended")})
        assert body.told(credential, *documents) == {("invalid", "suspended")}
        people.post("registrar", f"{path}/reinstatement", {"reasons": "Fine."})
        until(lambda: body.told(credential) == {("valid", "active")})

        # The token goes away: nothing is issued, and the public is answered.
        operator.token.pull()
        refused = people["registrar"].post("/v1/credentials", json={"decision": body.another_decision()})
        assert (refused.status_code, refused.json()["code"]) == (409, "signing-failed")
        assert people.get("anyone", "/readyz")["status"] == "ready"
        assert body.told(credential, *documents) == {("valid", "active")}

        # It comes back: whoever asks again has it, without a restart.
        operator.token.put_back()
        second = f"/v1/credentials/{refused.json()['credential']}"
        made = people["registrar"].post(f"{second}/documents", json={"format": "qr"})
        assert made.is_success, made.text
        waited = people.get("registrar", second)
        assert {each["format"] for each in waited["documents"]} == {"vc+jwt", "qr"}

        # Keys are rotated under the running service, on the token, and old documents keep verifying.
        for slot in (Slot.SEAL, Slot.STATUS, Slot.QR):
            operator.keys("rotate", slot)
            operator.certify(slot)
        third = body.issued()
        fresh = [body.document(third["id"], form) for form in ("vc+jwt", "qr", "edc")]
        assert open_compact(fresh[0]).header.kid != open_compact(documents[0]).header.kid
        assert body.told(third, *fresh) == body.told(credential, *documents) == {("valid", "active")}
        until(lambda: read_seal(body.document(third["id"], "edc")).level is Level.B_LTA)

        # Revoked is revoked, for everybody.
        people.post("registrar", f"{path}/revocation", {"cause": "issued_in_error", "reasons": "Errore."})
        until(lambda: body.told(credential) == {("invalid", "revoked")})
        assert body.told(credential, *documents) == {("invalid", "revoked")}
        logged = log.read_text(encoding="utf-8")
    assert "There is no token sigillo just now" in logged
    for secret in (PIN, PASSPHRASE, "Elena", "Nome", credential["number"]):
        assert secret not in logged
    assert all(json.loads(line) for line in logged.splitlines() if line.startswith("{"))
    audited = command(environment, "audit", "verify")
    assert (audited.returncode, "The trail is whole." in audited.stdout) == (0, True), audited.stdout
    assert operator.keys("check").count("signs, and the published key verifies it") == len(Slot)


def test_two_processes_sign_on_one_token_in_threads_while_their_sessions_die(
    operator: Operator, tmp_path: Path
) -> None:
    environment = settings(tmp_path, free_port(), **operator.settings)
    asked = [sys.executable, "-m", "tests.journeys.signing", "seal", "qr", "status", "edc-seal"]
    processes = [
        subprocess.Popen(asked, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=PATIENCE_SECONDS), process.returncode) for process in processes]
    assert ended == [(f"{THREADS * EACH}\n", "", 0)] * 2
