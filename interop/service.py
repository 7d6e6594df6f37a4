"""A service on loopback, over TLS with the test root, and a credential that can be suspended and revoked."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn

from app.adapters import schema
from app.adapters.keys import FileKeys, TlsFiles
from app.main import create_app, production_ports
from app.organisations.rules import Role
from app.ports import Ports
from app.settings import Settings
from tests import make
from tests.serving import free_port


@dataclass(frozen=True, slots=True)
class Issued:
    """What strangers are given: an address, the documents and the root; and the registrar's telephone."""

    base: str
    authority: Path
    documents: dict[str, str]
    path: str
    registrar: httpx.Client
    strangers: httpx.Client


@contextmanager
def issued() -> Iterator[Issued]:
    """Serve until the block ends, with one credential issued as `vc+jwt` and as `ob+jwt`."""
    with TemporaryDirectory() as folder:
        base = f"https://localhost:{free_port()}"
        ports = production_ports(_settings(Path(folder), base))
        schema.upgrade(ports.database)
        tls = FileKeys(ports.settings.keys_folder, at=ports.clock.now()).tls(["localhost"], ports.clock.now())
        token, decision = _granted(ports)
        trust = ssl.create_default_context(cafile=str(tls.authority))
        with (
            _serving(ports, base, tls),
            httpx.Client(
                verify=trust, base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=30
            ) as registrar,
            httpx.Client(verify=trust, timeout=30) as strangers,
        ):
            path, documents = _documents(registrar, decision)
            yield Issued(base, tls.authority, documents, path, registrar, strangers)
        ports.database.close()


def _settings(folder: Path, base: str) -> Settings:
    return Settings(
        public_url=base,
        database_url=f"sqlite:///{folder}/sigillo.db",
        files_folder=folder / "files",
        keys_folder=folder / "keys",
        mail_folder=folder / "mail",
    )


def _granted(ports: Ports) -> tuple[str, str]:
    """Let a committee have granted; give the registrar's key, and the decision."""
    at = ports.clock.now()
    with ports.database.writing() as session:
        organisation = make.organisation(session, at).organisation.id
        registrar = make.person(session, organisation, Role.REGISTRAR, at=at)
        token = make.key(session, registrar, at=at)
        holder = make.person(session, organisation, at=at)
        return token, make.granted_decision(session, organisation, holder, at=at).id


def _documents(registrar: httpx.Client, decision: str) -> tuple[str, dict[str, str]]:
    made = registrar.post("/v1/credentials", json={"decision": decision}).raise_for_status()
    path = f"/v1/credentials/{made.json()['id']}"
    registrar.post(f"{path}/documents", json={"format": "ob+jwt"}).raise_for_status()
    return path, {
        form: registrar.get(f"{path}/documents/{form}").raise_for_status().text
        for form in ("vc+jwt", "ob+jwt")
    }


@contextmanager
def _serving(ports: Ports, base: str, tls: TlsFiles) -> Iterator[None]:
    config = uvicorn.Config(
        create_app(ports),
        host="127.0.0.1",
        port=int(base.rpartition(":")[2]),
        log_level="error",
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join()
