"""A house to be shaken: one register, two web processes and two workers, each of which may be killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic, sleep
from typing import Final

import httpx

from app.adapters import schema
from app.core.db import connect
from app.events import service as events
from app.main import production_ports
from app.organisations.rules import Role
from app.ports import Ports
from app.settings import Settings
from bench.load import Server
from drill.worker import AUTHORITY, PORT, reaching
from tests import make
from tests.events.receiver import HOST, Receiver, receiving
from tests.outside import tls_files
from tests.postgres import DURABLE, RUNTIME, PrivateServer, find_binaries
from tests.serving import free_port

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
PATIENCE_SECONDS: Final = 180.0
MEMBERS: Final = 12  # who write dossiers
GOING: Final = ("web 1", "web 2", "worker 1", "worker 2")
CAST: Final[Mapping[str, tuple[Role, ...]]] = {
    "registrar": (Role.REGISTRAR,),
    "second registrar": (Role.REGISTRAR,),
    "desk": (Role.REGISTRAR, Role.SECRETARIAT),
    "chair": (Role.CHAIR,),
    "administrator": (Role.ADMINISTRATOR,),
}


class CannotDrill(RuntimeError):
    """Something that the drill needs is missing, or did not start."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a register is: its settings, as environment variables."""

    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIGILLO_")}
        return {**inherited, **self.settings}

    @property
    def read(self) -> Settings:
        named = {name.removeprefix("SIGILLO_").lower(): value for name, value in self.settings.items()}
        return Settings.model_validate(
            {name: v for name, v in named.items() if name in Settings.model_fields}
        )

    def elsewhere(self, **changed: str) -> "Place":
        return Place(
            {**self.settings, **{f"SIGILLO_{name.upper()}": value for name, value in changed.items()}}
        )

    @contextmanager
    def ports(self) -> Iterator[Ports]:
        """Open the register from here, as a process of the service does."""
        ports = production_ports(self.read)
        try:
            yield ports
        finally:
            ports.database.close()

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `sigillo` with these arguments to its end."""
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "app.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@dataclass(slots=True)
class Process:
    """One process of the house: it is started anew under the same name, on the same port."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    port: int = 0
    running: "subprocess.Popen[bytes] | None" = None
    kills: int = 0

    def start(self, **more: str) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(  # noqa: S603 - our own programs
                self.command, env={**self.environment, **more}, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it as the kernel does when memory is gone: it hears nothing of it."""
        assert self.running is not None  # noqa: S101 - it was started
        self.kills += 1
        self.running.kill()
        self.running.wait()

    def cpu_seconds(self) -> float:
        """Tell how long it has worked since it was started."""
        assert self.running is not None  # noqa: S101 - it was started
        try:
            return Server(self.running.pid, "").cpu_seconds()
        except (FileNotFoundError, ProcessLookupError):
            return 0.0

    def stop(self) -> bool:
        """Ask it to end; tell whether it did, and not before."""
        if self.running is None:
            return True
        self.running.terminate()
        try:
            return self.running.wait(timeout=PATIENCE_SECONDS) in {0, -signal.SIGTERM}
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
            return False
        finally:
            self.running = None


@dataclass(slots=True)
class House:
    """All that a drill needs to know of a register and of whoever serves it."""

    kind: str
    folder: Path
    place: Place
    organisation: str
    keys: Mapping[str, str]
    members: Sequence[str]  # their keys
    decisions: list[str]  # granted, and nothing issued for them yet
    receiver: Receiver
    secret: str
    server: PrivateServer | None = None
    processes: dict[str, Process] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raced: set[str] = field(default_factory=set)  # decisions of which only the race was told
    _lock: Lock = field(default_factory=Lock)

    @property
    def webs(self) -> list[str]:
        """Say where the web processes answer."""
        return [f"http://127.0.0.1:{each.port}" for each in self.processes.values() if each.port]

    def count(self, what: str, by: int = 1) -> None:
        with self._lock:
            self.counts[what] += by

    def find(self, words: str) -> None:
        """Note something that should not be."""
        with self._lock:
            self.findings.append(words)

    def grant(self) -> str | None:
        """Take a decision of which nobody else has issued anything; none where they have run out."""
        with self._lock:
            return self.decisions.pop() if self.decisions else None

    def start(self, *names: str, **more: str) -> None:
        """Start processes, and wait until those that answer do."""
        for name in names:
            self.processes[name].start(**more)
        for name in names:
            if port := self.processes[name].port:
                self.wait_for(port)

    def wait_for(self, port: int) -> None:
        ends = monotonic() + PATIENCE_SECONDS
        while monotonic() < ends:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5, trust_env=False)
            except httpx.TransportError:
                sleep(0.05)
            else:
                return
        raise CannotDrill(f"Nothing answers on port {port}; see the logs in {self.folder}.")

    def stop(self, *names: str) -> None:
        for name in names:
            if not self.processes[name].stop():
                self.find(f"{name} did not end as it was asked to")


@contextmanager
def house(kind: str, grants: int) -> Iterator[House]:
    """Found a body on a new database, and start everything that serves it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="sigillo-drill-")))
        receiver = stack.enter_context(receiving(tls_files(folder / "receiver", HOST)))
        server = _server(stack) if kind == POSTGRESQL else None
        place = _place(folder, receiver, server)
        made = _founded(kind, folder, place, receiver, server, grants)
        try:
            _prepare(made)
            made.start(*GOING)
            yield made
        finally:
            for process in made.processes.values():
                process.stop()


def _server(stack: ExitStack) -> PrivateServer:
    binaries = find_binaries()
    if binaries is None:
        raise CannotDrill("PostgreSQL's server is not installed: apt-get install postgresql.")
    return stack.enter_context(PrivateServer(binaries, settings=DURABLE))


def _place(folder: Path, receiver: Receiver, server: PrivateServer | None) -> Place:
    found = {
        "SIGILLO_PUBLIC_URL": f"http://localhost:{free_port()}",
        "SIGILLO_DATABASE_URL": f"sqlite:///{folder}/sigillo.db",
        "SIGILLO_FILES_FOLDER": f"{folder}/files",
        "SIGILLO_KEYS_FOLDER": f"{folder}/keys",
        "SIGILLO_MAIL_FOLDER": f"{folder}/mail",
        "SIGILLO_WORKER": "false",
        "SIGILLO_LOOKUPS_PER_MINUTE": "1000000",
        PORT: str(receiver.port),
        AUTHORITY: str(receiver.tls.authority),
    }
    if server is not None:
        found["SIGILLO_DATABASE_URL"] = server.create_database("sigillo")
        found["SIGILLO_DATABASE_OWNER_URL"] = server.owner_url("sigillo")
    return Place(found)


def _founded(
    kind: str, folder: Path, place: Place, receiver: Receiver, server: PrivateServer | None, grants: int
) -> House:
    """Make the schema, the body with its people, what its committee granted, and where it is told of it."""
    owner = connect(server.owner_url("sigillo") if server else place.settings["SIGILLO_DATABASE_URL"])
    schema.upgrade(owner, serving=RUNTIME if server else None)
    owner.close()
    with place.ports() as ports:
        at = ports.clock.now()
        with ports.database.writing() as session:
            organisation = make.organisation(session, at).organisation.id
            keys = {
                name: make.key(session, make.person(session, organisation, *roles, at=at), at=at)
                for name, roles in CAST.items()
            }
            members = [
                make.key(session, make.person(session, organisation, at=at), at=at) for _ in range(MEMBERS)
            ]
            by = make.actor(session, keys["administrator"], at=at)
        decisions = make.granted_decisions(ports.database, organisation, grants, at=at)
        hooks = reaching(ports.settings.keys_folder, port=receiver.port, authority=receiver.tls.authority)
        made = events.register(
            replace(ports, hooks=hooks), url=receiver.url(), description="", types=(), by=by, at=at
        )
    return House(kind, folder, place, organisation, keys, members, decisions, receiver, made.secret, server)


def _prepare(made: House) -> None:
    environment = made.place.environment
    for name in GOING:
        log = made.folder / f"{name.replace(' ', '-')}.log"
        if name.startswith("web"):
            port = free_port()
            command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
            made.processes[name] = Process(name, command, environment, log, port)
        else:
            made.processes[name] = Process(name, [sys.executable, "-m", "drill.worker"], environment, log)
