"""Issuing: one credential over HTTP beside a bare POST route, and many in a process beside their signatures.

Decisions are granted beforehand, past the committee. Of many, the limit of the same run signs and verifies
and does nothing else; both are told in seconds of CPU, for the machine has other work. What many cost is
measured in a process that has settled as `sigillo worker` does before it takes up its work.
"""

import gc
import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time
from types import ModuleType
from typing import Any, Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from app.adapters import schema
from app.batches import carrying, importing, reading
from app.cli import settled
from app.core.db import connect, enter
from app.core.ids import new_id
from app.credentials import composing, entering, intending, issuing, storing
from app.formats import vc
from app.main import batch_worker, production_ports
from app.organisations import service as organisations
from app.organisations.models import RoleGrant
from app.organisations.rules import Actor, Permission, Role
from app.outbox import trail
from app.ports import Ports
from app.settings import Settings
from app.status import signing
from bench.load import Candidate, CannotMeasure, bare, in_turn, sigillo
from bench.postgresql import used_for_a_while
from bench.public import RAISED, Figure
from tests import make
from tests.batches import desk as batches
from tests.postgres import DURABLE, RUNTIME, PrivateServer, find_binaries

AT_ONCE: Final = 500
MANY: Final = 10_000
RAW: Final = 5_000
LEAST_RATE: Final = 2_500
LEAST_RATIO: Final = 0.2
LEAST_SINGLE: Final = 0.1
PEERS: Final = 153  # a second, without status; see the design
SPREAD: Final = 0.15
SCHEME: Final = ("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
SINCE: Final = date(2026, 1, 1)
# What is measured of each stage, and where it is called from. Verifying is comparing, too.
Stages = Mapping[str, tuple[ModuleType, str]]
STAGES: Final[Stages] = {
    "decisions": (entering, "enter"),
    "composing": (vc, "unsigned"),
    "lints": (composing, "lint"),
    "register": (entering, "register"),
    "intents": (intending, "keep"),
    "signing": (signing, "_signatures"),
    "verifying": (signing, "_sound"),
    "documents": (storing, "store_all"),
}
# Those of a batch of decisions that were taken elsewhere; the last is all of those above.
IMPORTING: Final[Stages] = {
    "reading": (reading, "understand"),
    "parts": (carrying, "_take"),
    "judging": (importing, "enter"),  # of the parts
    "results": (carrying, "_settle"),
    "issuing": (issuing, "issue_many"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A registry with grants to be issued."""

    ports: Ports
    registrar: Actor
    key: str


def run(registers: Sequence[int], *, seconds: int, rounds: int) -> Iterator[Figure]:
    """Issue one by one and many at once, on both databases: of PostgreSQL half is asked."""
    for on, share in (("SQLite", 1.0), ("PostgreSQL", 0.5)):
        yield from single(seconds=seconds, rounds=rounds, on=on, share=share)
        yield from bulk(registers, on=on, share=share)
        yield imported(on=on)


def imported(*, on: str = "SQLite") -> Figure:
    """Import decisions that were taken elsewhere, by a batch as the worker carries it out."""
    with _urls(on) as urls, _settled():
        ports = production_ports(urls(0))
        try:
            at = ports.clock.now()
            day = at.date().isoformat()
            desk = batches.Desk.opened(ports)
            minutes = desk.minutes(decisions=MANY, held_on=day).json()["id"]
            rows = [batches.decision(number, decided_on=day) for number in range(MANY)]
            with _Shares({**IMPORTING, **STAGES}) as shares:
                began, cpu = monotonic(), process_time()
                batch = desk.sent("decisions", rows, minutes=minutes)
                batch_worker(ports).drain()
                used, took = process_time() - cpu, monotonic() - began
            ended = desk.batch(batch)
        finally:
            ports.database.close()
    if ended["counts"]["ok"] != MANY:
        raise CannotMeasure(f"Not all were imported: {ended['counts']}")
    return {
        "name": f"importing {MANY:,} decisions on {on}",
        "unit": "credentials per second of CPU",
        "value": round(MANY / used),
        "us_each": round(used / MANY * 1e6, 1),
        "by_the_clock": round(MANY / took),
        "us_by_stage": shares.each(MANY),
    }


def bulk(registers: Sequence[int], *, on: str = "SQLite", share: float = 1.0) -> Iterator[Figure]:
    """Issue as a worker does, in batches, at each of these sizes of the register."""
    with _urls(on) as urls:
        costs = {}
        for size in sorted(registers):
            desk = _desk(urls(size))
            try:
                with _settled():
                    _fill(desk, size)
                    _in_use(desk.ports.settings)
                    figure = _bulk(desk, size, on, share)
            finally:
                desk.ports.database.close()
            costs[size] = float(str(figure["us_each"]))
            yield figure
        if len(costs) > 1:
            small, large = costs[min(costs)], costs[max(costs)]
            yield {
                "name": f"issuing many on {on}: cost at {max(costs):,} over that at {min(costs):,}",
                "unit": "us of CPU each",
                "value": large,
                "limit": small,
                "ratio": round(large / small, 3),
                "judged": "ratio",
                "most": 1 + SPREAD,
                "met": large / small <= 1 + SPREAD,
            }


def single(*, seconds: int, rounds: int, on: str = "SQLite", share: float = 1.0) -> Iterator[Figure]:
    """Issue over HTTP from sixteen connections, by the shipped `serve`, beside a bare POST route."""
    with _urls(on) as urls, ExitStack() as stack:
        desk = _desk(urls(0))
        try:
            _fill(desk, AT_ONCE)
            many = _granted(desk, 1_000 * seconds * (rounds + 1))
            _in_use(desk.ports.settings)
        finally:
            desk.ports.database.close()
        settings = desk.ports.settings
        server = stack.enter_context(
            sigillo(
                {
                    **RAISED,
                    **{f"SIGILLO_{name.upper()}": str(getattr(settings, name)) for name in KEPT},
                    "SIGILLO_WORKER": "false",
                }
            )
        )
        bodies = [json.dumps({"decision": each}) for each in many]
        candidate = Candidate(server, bodies, "/v1/credentials", key=desk.key, once=True)
        limit = Candidate(stack.enter_context(bare()), bodies[:1000], "/posted")
        in_turn([limit, candidate], seconds=seconds, rounds=rounds)
        found, bar = candidate.typical, limit.typical
        if found.refused:
            raise CannotMeasure(f"{found.refused:.1%} of the issuances were refused.")
        ratio, least = found.rate / bar.rate, LEAST_SINGLE * share
        yield {
            "name": f"issuing one over HTTP on {on}",
            "unit": "credentials/s",
            "value": round(found.rate),
            "limit": round(bar.rate),
            "ratio": round(ratio, 3),
            "ratio_of_cpu": round(bar.cpu_us / found.cpu_us, 3),
            "us_each": round(found.cpu_us),
            "p50_ms": round(found.p50_ms, 3),
            "p99_ms": round(found.p99_ms, 3),
            "times_peers": round(found.rate / PEERS, 2),
            "judged": "ratio",
            "least": least,
            "met": ratio >= least and found.rate >= 3 * PEERS * share,
        }


KEPT: Final = ("public_url", "database_url", "keys_folder", "files_folder", "mail_folder")


@contextmanager
def _urls(on: str) -> Iterator[Callable[[int], Settings]]:
    """Give a new database for each size, and everything else that a service needs, gone afterwards."""
    with TemporaryDirectory(dir=Path(__file__).parent) as folder, ExitStack() as stack:
        server = None
        if on != "SQLite":
            binaries = find_binaries()
            if binaries is None:
                raise CannotMeasure("PostgreSQL's server is not installed: apt-get install postgresql.")
            server = stack.enter_context(PrivateServer(binaries, settings=DURABLE))

        def settings(size: int) -> Settings:
            path = Path(folder, str(size))
            path.mkdir()
            url = server.create_database(f"r{size}") if server else f"sqlite:///{path}/sigillo.db"
            owner_url = server.owner_url(f"r{size}") if server else None
            owner = connect(owner_url or url)
            schema.upgrade(owner, serving=RUNTIME if server else None)
            owner.close()
            return Settings(
                public_url="https://sigillo.example.org",
                database_url=url,
                database_owner_url=SecretStr(owner_url) if owner_url else None,
                keys_folder=path / "keys",
                files_folder=path / "files",
                mail_folder=path / "mail",
            )

        yield settings


def _in_use(settings: Settings) -> None:
    """Leave PostgreSQL as it is where issuing is nothing new; SQLite needs nothing."""
    if settings.database_owner_url is not None:
        used_for_a_while(connect(settings.database_owner_url.get_secret_value()))


@contextmanager
def _settled() -> Iterator[None]:
    """Be as a worker is when it has started, and afterwards as before."""
    before = gc.get_threshold()
    settled()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _desk(settings: Settings) -> Desk:
    ports = production_ports(settings)
    at = ports.clock.now()
    with ports.database.writing() as session:
        made = organisations.found(
            session,
            legal_name="Associazione di prova",
            url="https://association.example.org",
            time_zone="Europe/Rome",
            given_name="Ada",
            family_name="Amministratrice",
            email="ada@example.org",
            at=at,
        ).organisation
        enter(session, made.id)
        person = organisations.add_person(
            session,
            made.id,
            given_name="Rita",
            family_name="Registrar",
            name_on_credential="Rita Registrar",
            email="rita@example.org",
            by=trail.SYSTEM,
            at=at,
        )
        session.add(
            RoleGrant(
                id=new_id("rol"),
                organisation_id=made.id,
                person_id=person.id,
                role=Role.REGISTRAR.value,
                from_day=SINCE,
            )
        )
        session.flush()
        key = organisations.issue_key(
            session, person_id=person.id, scopes=None, expires_at=None, by=trail.SYSTEM, at=at
        ).token
    registrar = Actor(
        person.id, made.id, frozenset(), frozenset({Permission.CREDENTIALS_ISSUE}), is_person=True
    )
    return Desk(ports, registrar, key)


def _granted(desk: Desk, count: int) -> list[str]:
    whose = desk.registrar.organisation_id
    return make.granted_decisions(desk.ports.database, whose, count, at=desk.ports.clock.now())


def _fill(desk: Desk, size: int) -> None:
    """Bring the register to its size by issuing as many, which is what is measured afterwards."""
    began = monotonic()
    for start in range(0, size, MANY):
        _issue_all(desk, _granted(desk, min(MANY, size - start)))
        trail.append(desk.ports.database)
    if size:
        sys.stdout.write(f"{size:,} credentials were issued in {monotonic() - began:,.0f} s\n")
        sys.stdout.flush()


def _issue_all(desk: Desk, decisions: Sequence[str]) -> None:
    for start in range(0, len(decisions), AT_ONCE):
        outcomes = issuing.issue_many(
            desk.ports, decisions[start : start + AT_ONCE], by=desk.registrar, at=desk.ports.clock.now()
        )
        if not all(isinstance(each, issuing.Issued) for each in outcomes):
            raise CannotMeasure(f"Not all were issued: {outcomes[0]}")


def _bulk(desk: Desk, size: int, on: str, share: float) -> Figure:
    decisions = _granted(desk, MANY)
    limit = _raw()
    shares = _Shares(STAGES)
    began, cpu = monotonic(), process_time()
    _issue_all(desk, decisions)
    used, took = process_time() - cpu, monotonic() - began
    limit = (limit + _raw()) / 2
    with shares:
        _issue_all(desk, _granted(desk, 4 * AT_ONCE))
    each = used / MANY
    ratio, least = limit / each, LEAST_RATIO * share
    return {
        "name": f"issuing many on {on}, {size:,} in the register",
        "unit": "credentials per second of CPU",
        "value": round(1 / each),
        "limit": round(1 / limit),
        "ratio": round(ratio, 3),
        "us_each": round(each * 1e6, 1),
        "by_the_clock": round(MANY / took),
        "us_by_stage": shares.each(4 * AT_ONCE),
        "judged": "ratio",
        "least": least,
        "met": ratio >= least and 1 / each >= LEAST_RATE * share,
    }


def _raw() -> float:
    """Sign and verify, and nothing else: the seconds of CPU that each takes."""
    key, message = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(6_500)
    how, public = ec.ECDSA(hashes.SHA256()), key.public_key()
    began = process_time()
    for _ in range(RAW):
        public.verify(key.sign(message, how), message, how)
    return (process_time() - began) / RAW


class _Shares:
    """Adds up what each stage takes, while it is on: the functions are wrapped for so long."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._spent = dict.fromkeys(stages, 0.0)

    def __enter__(self) -> Self:
        self._kept = {stage: getattr(*where) for stage, where in self._stages.items()}
        for stage, (module, name) in self._stages.items():
            setattr(module, name, self._timed(stage, self._kept[stage]))
        return self

    def __exit__(self, *_: object) -> None:
        for stage, (module, name) in self._stages.items():
            setattr(module, name, self._kept[stage])

    def each(self, count: int) -> dict[str, float]:
        """Tell the microseconds of CPU of each document, by stage."""
        return {stage: round(spent / count * 1e6, 1) for stage, spent in self._spent.items()}

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*given: object, **named: object) -> Any:
            began = process_time()
            try:
                return function(*given, **named)
            finally:
                self._spent[stage] += process_time() - began

        return timed
