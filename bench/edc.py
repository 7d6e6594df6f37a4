"""What a European Digital Credential costs: two A4 pictures, sealed at B-B, in the full issuing order.

The limit measured in the same run draws as many pictures, signs as many bytes and verifies that; it has no
register, checks nothing and keeps nothing. Time is the process's CPU, of all its threads: what a core has to
work. The time on the wall, with its waits for the disk and for others on the machine, stands beside it.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final, ParamSpec, TypeVar
from unittest.mock import patch

from sqlalchemy import select, text

from app.attestation.sheet import Sheet, as_pngs
from app.core.db import EVERY_ORGANISATION
from app.credentials import issuing, learning, queries, register
from app.credentials.models import Credential
from app.formats import edc, jades
from app.formats.claims import Format
from app.formats.jose import verify
from app.main import production_ports
from app.organisations.rules import Actor
from app.ports import Ports, PublicKey, Signer, Slot
from app.status import signing
from bench.load import CannotMeasure
from bench.seeding.register import FOLDER, filled, settings
from tests import make
from tests.pki.authority import Holder, Pki

KINDS: Final[Mapping[str, str]] = {"RS256": "RSA-2048", "ES256": "P-256"}
EACH: Final = 40  # credentials with each key
WARMED: Final = 3
LEAST: Final = 8.0
# Where each stage spends its time. What is spent elsewhere is the register's: reading, locking, committing.
STAGES: Final[Mapping[str, Sequence[tuple[object, str]]]] = {
    "pictures": ((learning, "as_pngs"),),
    "composing": ((edc, "compose"),),
    "lints": ((learning, "lint"), (learning, "meaning_faults")),
    "writing": (
        (learning, "write_json"),
        (learning, "unsigned_seal"),
        (jades, "assemble"),
        (jades.Seal, "general"),
    ),
    "signing": ((signing, "_signature"),),
    "verifying": ((signing, "_sound"),),
}
REST: Final = "register"

Given = ParamSpec("Given")
Found = TypeVar("Found")


@dataclass
class Stages:
    """Tells how the CPU time of a piece of work divides among its stages, each without those inside it."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    inner: list[float] = field(default_factory=list)

    @property
    def shares(self) -> dict[str, float]:
        """Give the part of the whole that each stage takes."""
        return {stage: self.seconds[stage] / sum(self.seconds.values()) for stage in (*STAGES, REST)}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the stages of whatever is issued meanwhile."""
        with ExitStack() as stack:
            for stage, places in STAGES.items():
                for owner, name in places:
                    stack.enter_context(patch.object(owner, name, self.of(stage, getattr(owner, name))))
            yield

    def of(self, stage: str, work: Callable[Given, Found]) -> Callable[Given, Found]:
        """Let what this work takes count for a stage."""

        @wraps(work)
        def timed(*args: Given.args, **named: Given.kwargs) -> Found:
            self.inner.append(0)
            began = process_time()
            try:
                return work(*args, **named)
            finally:
                took = process_time() - began
                self.seconds[stage] += took - self.inner.pop()
                if self.inner:
                    self.inner[-1] += took

        return timed


@dataclass(frozen=True, slots=True)
class Sealing:
    """The keys of a service, as if they were meant, but for one seal, which can be of any kind."""

    keys: Signer
    seal: Holder

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        """Name the key that signs for this purpose now."""
        return (
            self._published
            if slot is Slot.EDC_SEAL
            else replace(self.keys.current(slot, body), development=False)
        )

    def published(self) -> tuple[PublicKey, ...]:
        return (*self.keys.published(), self._published)

    def anchors(self) -> tuple[bytes, ...]:
        return self.keys.anchors()

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        """Sign with the key of this name."""
        ours = thumbprint == self._published.thumbprint
        return self.seal.sign(message) if ours else self.keys.sign(thumbprint, message)

    @property
    def _published(self) -> PublicKey:
        return replace(self.seal.public, slot=Slot.EDC_SEAL)


def run() -> Iterator[dict[str, object]]:
    """Issue through the use case itself, in a register made for it; one kind of key after the other.

    The organisation is live: pages for trying have a word more to draw, and nobody waits for those.
    """
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=FOLDER) as folder:
        url = f"sqlite:///{Path(folder, 'edc.db')}"
        seeded = filled(url, len(KINDS) * (EACH + WARMED) * 10 // 9, secrets.token_hex(8))
        ports = production_ports(settings(url))
        try:
            with ports.database.writing() as session:
                for table in ("organisation", "credential"):
                    session.execute(text(f"UPDATE {table} SET mode = 'live'"))  # noqa: S608 - our own tables
            holders = iter(standing(ports))
            for algorithm, kind in KINDS.items():
                seal = Pki(ports.clock.now()).seal(algorithm)
                sealing = replace(ports, signer=Sealing(ports.signer, seal))
                chosen = [next(holders) for _ in range(EACH + WARMED)]
                yield measured(sealing, registrar(ports, seeded.registrar), chosen, kind)
        finally:
            ports.database.close()


def standing(ports: Ports) -> list[str]:
    """Name the credentials that stand, and have no such document yet."""
    chosen = select(Credential.id).where(Credential.revoked_at.is_(None), Credential.suspended_at.is_(None))
    return [
        name
        for session in ports.database.everywhere()
        for name in session.scalars(chosen.order_by(Credential.id), execution_options=EVERY_ORGANISATION)
    ]


def registrar(ports: Ports, token: str) -> Actor:
    """Let the registrar in."""
    at = ports.clock.now()
    with ports.database.reading() as session:
        return make.actor(session, token, at=at)


def measured(ports: Ports, by: Actor, credentials: Sequence[str], kind: str) -> dict[str, object]:
    """Issue to each, and do what the limit does after each, so that what else the machine does meets both."""
    issued, walls, least = list[float](), list[float](), list[float]()
    stages = Stages()
    issue = stages.of(REST, issuing.issue_document)
    for place, credential in enumerate(credentials):
        if place == WARMED:
            stages.seconds.clear()
        began, since = process_time(), perf_counter()
        with stages.watched():
            issue(ports, credential, Format.EDC, by=by, at=ports.clock.now())
        issued.append(process_time() - began)
        walls.append(perf_counter() - since)
        page, sealed = _made(ports, by, credential)
        began = process_time()
        _least(ports, page, sealed)
        least.append(process_time() - began)
    took, bar = median(issued[WARMED:]), median(least[WARMED:])
    return {
        "name": f"edc: two A4 pictures, sealed at B-B with {kind}",
        "unit": "a second and core",
        "value": round(1 / took, 2),
        "limit": round(1 / bar, 2),
        "ratio": round(bar / took, 3),
        "cpu_ms": round(took * 1000, 1),
        "wall_ms": round(median(walls[WARMED:]) * 1000, 1),
        "shares": {stage: round(share, 3) for stage, share in stages.shares.items()},
        "least": LEAST,
        "met": 1 / took >= LEAST,
    }


def _made(ports: Ports, by: Actor, credential_id: str) -> tuple[Sheet, bytes]:
    """Read what was issued: a page like its own that typst has never set, and the bytes under the seal."""
    with ports.database.reading(by.organisation_id) as session:
        at = ports.clock.now()
        credential = queries.by_id(session, credential_id)
        document = queries.document(session, queries.current_period(session, credential, at), Format.EDC)
        page = register.sheet(session, ports, credential, at=at)
    seal = jades.read_seal(document.token)
    if seal.level is not jades.Level.B_B:
        raise CannotMeasure(f"A credential was sealed at {seal.level}.")
    return replace(page, holder=f"{page.holder} Bis", link=f"{page.link}0"), seal.signing_input


def _least(ports: Ports, page: Sheet, content: bytes) -> None:
    key = ports.signer.current(Slot.EDC_SEAL)
    as_pngs(page)
    if not verify(content, ports.signer.sign(key.thumbprint, content), key.jwk):
        raise CannotMeasure("The seal does not verify.")
