"""A whole service on a port of this machine, with lists and keys that a test can turn as it likes."""

import json
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from socket import socket
from typing import Any

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from app.adapters.files import FolderFiles
from app.adapters.scanner import NoScanner
from app.adapters.vault import Macs
from app.core.db import connect
from app.formats import keylist, published, q1
from app.formats.jose import assemble
from app.formats.tokenlist import TokenList, encode, unsigned_token_list
from app.main import create_app
from app.ports import Ports, Slot
from app.schemes.catalogue import catalogue
from app.settings import Settings
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.fakes_mail import MemoryMailer
from tests.fakes_outbound import Nowhere

QR_KEYS = "/.well-known/qr-keys"
JWKS = "/.well-known/jwks.json"
LIST = 7
SIZE = 131_072
CODE = 4711
ISSUER = "Associazione di prova"
BEGINS = datetime(2026, 11, 19, 23, 0, tzinfo=UTC)
ENDS = datetime(2029, 11, 20, 22, 59, 59, tzinfo=UTC)

Answer = tuple[int, str, bytes]


@dataclass
class Site:
    """The service as a browser meets it: `answers` stand before its own, `heard` is all that it was asked."""

    url: str
    ports: Ports
    clock: SetClock
    keys: MemoryKeys
    answers: dict[str, Answer] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    @property
    def did(self) -> str:
        return published.did_of(self.url)

    def q1(
        self,
        *,
        name: str | None = "Alba Neri",
        index: int = 1,
        begins: datetime = BEGINS,
        ends: datetime = ENDS,
        test: bool = False,
        keys: MemoryKeys | None = None,
        list_id: int = LIST,
        issuer: int = CODE,
        own: str | None = None,
    ) -> str:
        """The digits of an offline QR; under the key of somebody's own, if one is named."""
        signer = keys or self.keys
        key = signer.current(Slot.QR, own)
        scheme = catalogue().all_in_force(START.date())[0]
        says = q1.Content(
            issuer_code=issuer,
            document_id=uuid.UUID(int=index).urn,
            valid_from=begins,
            valid_until=ends,
            name=name,
            scheme=f"{scheme.code}/{scheme.version}",
            list_id=list_id,
            index=index,
            test=test,
        )
        unsigned = q1.unsigned(says, q1.kid_of(key.chain[0]))
        return q1.assemble(unsigned, q1.low_s(signer.sign(key.thumbprint, unsigned)))

    def link(self, digits: str, language: str = "en") -> str:
        """The address in a QR code, in a language."""
        return f"{self.url}/v?lang={language}#{digits}"

    def publish(
        self,
        states: Mapping[int, int] | None = None,
        *,
        list_id: int = LIST,
        at: datetime | None = None,
        life: timedelta = timedelta(hours=24),
        own: str | None = None,
    ) -> None:
        """Publish a status list that says this of these positions, and nothing of all others.

        It is signed with the key of somebody's own, if one is named.
        """
        key, at = self.keys.current(Slot.STATUS, own), at or self.clock.now()
        unsigned = unsigned_token_list(
            TokenList(
                url=f"{self.url}/status/{list_id}",
                issuer_id=self.did,
                encoded=encode(states or {}, SIZE),
                issued_at=at,
                expires_at=at + life,
                ttl=300,
            ),
            key,
        )
        token = assemble(unsigned, self.keys.sign(key.thumbprint, unsigned))
        self.answers[f"/status/{list_id}"] = (200, "application/statuslist+jwt", token.encode())

    def publish_keys(
        self,
        *,
        by: Slot = Slot.SEAL,
        life: timedelta = timedelta(days=7),
        bodies: Mapping[int, str] | None = None,
    ) -> None:
        """Publish the sealed list of the keys of offline QRs, and of the bodies that are named by numbers."""
        named = {CODE: ISSUER} if bodies is None else bodies
        at, key = self.clock.now(), self.keys.current(by)
        claims = keylist.key_list(
            self.did,
            self.keys.published(),
            [keylist.Issuer(*each, "https://association.example.org", "live") for each in named.items()],
            [
                keylist.NamedScheme(
                    code=f"{each.code}/{each.version}",
                    title=each.title,
                    standard=each.reference.standard,
                    wording=each.wording.claim,
                )
                for each in catalogue().schemes
            ],
            at=at,
        )
        claims["exp"] = int((at + life).timestamp())
        unsigned = keylist.unsigned_key_list(self.did, key, claims)
        token = assemble(unsigned, self.keys.sign(key.thumbprint, unsigned))
        self.answers[QR_KEYS] = (200, "application/jwt", token.encode())

    def index(self, *lists: int) -> None:
        body = json.dumps({"lists": [f"/status/{each}" for each in lists]}).encode()
        self.answers["/status/index.json"] = (200, "application/json", body)

    def fresh(self) -> None:
        """Forget what the last test turned."""
        self.answers.clear()
        self.heard.clear()
        self.logged.clear()
        self.clock.at = START
        self.keys.forget_bodies()
        self.publish_keys()
        self.publish()
        self.index(LIST)


def around(site: Site, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> Any:
    """What stands between browser and service: it listens, answers first, and tells its clock's time."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        query = scope["query_string"].decode()
        site.heard.append(scope["raw_path"].decode() + (f"?{query}" if query else ""))
        site.heard += [f"{name.decode()}: {value.decode()}" for name, value in scope["headers"]]
        date = (b"date", format_datetime(site.clock.now(), usegmt=True).encode())

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), date]
            await send(message)

        if (answer := site.answers.get(scope["path"])) is None:
            await app(scope, receive, dated)
            return
        status, media_type, body = answer
        headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-cache")]
        await dated({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return asked


class _Logged(logging.Handler):
    """Keeps every record of a log, with all that it carries."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(str(vars(record)))


@contextmanager
def served(database: Path, files: Path) -> Iterator[Site]:
    """Start the service on a free port, and stop it at the end."""
    listening = socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://localhost:{listening.getsockname()[1]}"
    clock, keys = SetClock(START), MemoryKeys(START, development=False)
    ports = Ports(
        settings=Settings(public_url=url, worker=False),
        database=connect(f"sqlite:///{database}"),
        clock=clock,
        signer=keys,
        files=FolderFiles(files),
        scanner=NoScanner(),
        mailer=MemoryMailer(clock),
        outbound=Nowhere(),
        vouching=Macs(b"a key for tests"),
    )
    site = Site(url, ports, clock, keys)
    handler = _Logged(site.logged)
    for name in ("sigillo", "uvicorn"):
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    server = uvicorn.Server(
        uvicorn.Config(around(site, create_app(ports)), log_config=None, date_header=False, ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        ports.database.close()
