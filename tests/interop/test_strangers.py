"""Strangers who share no code with us: over TLS, from nothing but a document, an address and a root."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from jsonschema import Draft201909Validator

from app.adapters.files import FolderFiles
from app.adapters.keys import FileKeys
from app.adapters.scanner import NoScanner
from app.adapters.vault import Macs
from app.core.clock import SystemClock
from app.core.db import Database
from app.main import create_app
from app.organisations.rules import Role
from app.ports import Ports
from app.settings import Settings
from tests import make
from tests.fakes_mail import MemoryMailer
from tests.fakes_outbound import Nowhere
from tests.formats.vectors import vector
from tests.interop.stranger import NotToBeTrusted, Stranger
from tests.serving import free_port


@dataclass(frozen=True)
class Issued:
    """A credential issued by the running service, and what it takes to change its status."""

    stranger: Stranger
    registrar: httpx.Client
    path: str
    documents: dict[str, str]


@pytest.fixture
def issued(database: Database, tmp_path: Path) -> Iterator[Issued]:
    port = free_port()
    clock = SystemClock()
    keys = FileKeys(tmp_path / "keys", at=clock.now())
    tls = keys.tls(["localhost"], clock.now())
    ports = Ports(
        settings=Settings(public_url=f"https://localhost:{port}"),
        database=database,
        clock=clock,
        signer=keys,
        files=FolderFiles(tmp_path / "files"),
        scanner=NoScanner(),
        mailer=MemoryMailer(clock),
        outbound=Nowhere(),
        vouching=Macs(b"a key for tests"),
    )
    with database.writing() as session:
        organisation = make.organisation(session, clock.now()).organisation.id
        registrar = make.key(
            session, make.person(session, organisation, Role.REGISTRAR, at=clock.now()), at=clock.now()
        )
        holder = make.person(session, organisation, at=clock.now())
        decision = make.granted_decision(session, organisation, holder, at=clock.now()).id
    config = uvicorn.Config(
        create_app(ports),
        host="127.0.0.1",
        port=port,
        log_level="error",
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    trust = ssl.create_default_context(cafile=str(tls.authority))
    calls = httpx.Client(
        verify=trust,
        base_url=f"https://localhost:{port}",
        headers={"Authorization": f"Bearer {registrar}"},
        timeout=30,
    )
    stranger = Stranger(httpx.Client(verify=trust, timeout=30))
    try:
        while not server.started:
            thread.join(0.02)
        made = calls.post("/v1/credentials", json={"decision": decision})
        assert made.status_code == 201, made.text
        path = f"/v1/credentials/{made.json()['id']}"
        assert calls.post(f"{path}/documents", json={"format": "ob+jwt"}).status_code == 201
        documents = {name: calls.get(f"{path}/documents/{name}").text for name in ("vc+jwt", "ob+jwt")}
        yield Issued(stranger, calls, path, documents)
    finally:
        calls.close()
        stranger.http.close()
        server.should_exit = True
        thread.join()


def settled(issued: Issued, name: str, *, accepted: bool) -> None:
    """Ask until the worker has published the list: within two seconds where nothing else is running."""
    for _ in range(1000):
        try:
            issued.stranger.accept(issued.documents[name])
            found = True
        except NotToBeTrusted:
            found = False
        if found == accepted:
            return
        threading.Event().wait(0.02)
    pytest.fail(f"{name}: the stranger still {'refuses' if accepted else 'accepts'} it")


@pytest.mark.parametrize("name", ["vc+jwt", "ob+jwt"])
def test_a_stranger_accepts_it_and_refuses_it_after_suspension_and_after_revocation(
    issued: Issued, name: str
) -> None:
    payload = issued.stranger.accept(issued.documents[name])
    assert payload["credentialSubject"]["achievement"]["name"]
    issued.registrar.post(f"{issued.path}/suspension", json={"cause": "own_request", "reasons": "Richiesta."})
    settled(issued, name, accepted=False)
    issued.registrar.post(f"{issued.path}/reinstatement", json={"reasons": "Fine."})
    settled(issued, name, accepted=True)
    issued.registrar.post(
        f"{issued.path}/revocation", json={"cause": "issued_in_error", "reasons": "Errore."}
    )
    settled(issued, name, accepted=False)


def test_the_badge_satisfies_the_official_schema_and_no_tampered_copy_is_accepted(issued: Issued) -> None:
    payload = issued.stranger.accept(issued.documents["ob+jwt"])
    schema = Draft201909Validator(vector("ob_v3p0_achievementcredential_schema"))
    assert [error.message for error in schema.iter_errors(payload)] == []
    for token in issued.documents.values():
        place = len(token) // 2
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises((NotToBeTrusted, ValueError)):
            issued.stranger.accept(changed)
