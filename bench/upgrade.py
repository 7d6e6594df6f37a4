"""Bringing 1,000 seals to B-LTA by `sigillo worker`, which is killed on the way and started again.

The authority is one of this machine, over HTTP: what it takes to answer is part of the time. The limit of the
same run asks it the same questions, one after another, and does nothing else.
"""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from app.adapters import schema
from app.adapters.revocation import HttpRevocation
from app.adapters.timestamps import HttpTimeStamps
from app.attestation.sheet import as_pngs
from app.core.clock import SystemClock
from app.core.db import EVERY_ORGANISATION
from app.credentials import prolonging
from app.credentials.models import Document
from app.credentials.prolonging import Progress
from app.formats.jades import Level, read_seal
from app.formats.jades_checks import judge_seal
from app.formats.strict import write_json
from app.main import production_ports
from app.outbox.trail import Event
from app.ports import Ports
from app.settings import Settings
from bench.load import CannotMeasure
from tests.attestation.pages import sheet
from tests.credentials.shelf import OWN_NAME, filled
from tests.formats.seals import trusted
from tests.pki.authority import Holder
from tests.pki.serving import Town, town

DOCUMENTS: Final = 1_000
AT_A_TIME: Final = 100
KILLED_AT: Final = 0.4  # of them
LIMIT_OF: Final = 50  # documents
LOOKED_EVERY: Final = 0.2
PATIENCE_SECONDS: Final = 600.0

Figure = dict[str, object]


def run(count: int = DOCUMENTS) -> Figure:
    """Upgrade them all, kill the worker once, and count what came of it."""
    with TemporaryDirectory() as folder, town() as authority:
        authority.stamper.now = lambda: SystemClock().now().replace(microsecond=0)
        settings = _settings(Path(folder), authority)
        ports = production_ports(Settings.model_validate(settings))
        try:
            schema.upgrade(ports.database)
            holder, content = authority.sealer(), _content()
            for begin in range(0, count, AT_A_TIME):
                filled(ports, holder, min(AT_A_TIME, count - begin), content=content)
            limit = _least(authority, holder)
            authority.site.asked.clear()
            prolonging.leave_for_all(ports.database, at=ports.clock.now())
            found = _upgraded(ports, authority, settings, count, limit)
            return found | {"kilobytes_each": len(content) >> 10}
        finally:
            ports.database.close()


def _upgraded(ports: Ports, authority: Town, settings: Figure, count: int, limit: float) -> Figure:
    with _worker(settings) as first:
        began = _until(ports, lambda now: now.levels[Level.B_LTA] > 0)
        _until(ports, lambda now: now.levels[Level.B_LTA] >= count * KILLED_AT)
        first.kill()
        killed = monotonic()
    at_the_kill = _now(ports)
    with _worker(settings):
        resumed = _until(ports, lambda now: now.below < at_the_kill.below)
        most = _until(ports, lambda now: now.below <= 1)  # the one in hand waits for its lease to end
        ended = _until(ports, lambda now: now.below == 0)
    done = at_the_kill.levels[Level.B_LTA]
    value = (count - 2) / ((killed - began) + (most - resumed))
    steps, sound = _found(ports, authority)
    whole = sound == count and steps == 2 * count
    return {
        "name": f"edc: {count:,} seals brought to B-LTA in the background, with a kill on the way",
        "unit": "documents a second",
        "value": round(value, 1),
        "limit": round(limit, 1),
        "ratio": round(value / limit, 3),
        "killed_at": {
            "B-LTA": done,
            "B-T": at_the_kill.levels[Level.B_T],
            "B-B": at_the_kill.levels[Level.B_B],
        },
        "resumed_after_s": round(resumed - killed, 1),
        "all_after_s": round(ended - began, 1),
        "verified": sound,
        "lost": count - sound,
        "steps_doubled": steps - 2 * count,
        "stamps_wasted": authority.site.asked.count("/tsa") - 2 * count,
        "met": whole and authority.site.asked.count("/tsa") - 2 * count <= 1,
    }


@contextmanager
def _worker(settings: Figure) -> Iterator[subprocess.Popen[bytes]]:
    told = {
        f"SIGILLO_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }
    command = [sys.executable, "-m", "app.cli", "worker"]
    with subprocess.Popen(  # noqa: S603 - our own worker
        command, env=os.environ | told, stderr=subprocess.DEVNULL
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def _settings(folder: Path, authority: Town) -> Figure:
    anchors = {"anchors": authority.pki.root, "stamp_anchors": authority.pki.stamp_root}
    for name, holder in anchors.items():
        (folder / name).mkdir()
        (folder / name / "root.pem").write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    return {
        "public_url": "https://sigillo.example.org",
        "database_url": f"sqlite:///{folder}/sigillo.db",
        "keys_folder": f"{folder}/keys",
        "files_folder": f"{folder}/files",
        "mail_folder": f"{folder}/mail",
        "anchors_folder": f"{folder}/anchors",
        "timestamp_url": f"{authority.site.url}/tsa",
        "timestamp_anchors": f"{folder}/stamp_anchors",
        "revocation_origins": [authority.site.url],
    }


def _content() -> bytes:
    """Write as much as a credential says, with the page as a picture in both languages."""
    pictures = [b64encode(picture).decode() for picture in as_pngs(sheet()).values()]
    return write_json({"id": OWN_NAME.decode(), "pictures": [*pictures]})


def _now(ports: Ports) -> Progress:
    return prolonging.progress(ports.database, at=ports.clock.now())


def _until(ports: Ports, come: Callable[[Progress], bool]) -> float:
    """Look until they have come so far, and tell when that was."""
    ends = monotonic() + PATIENCE_SECONDS
    while not come(now := _now(ports)):
        if monotonic() > ends or now.given_up:
            raise CannotMeasure(f"The upgrade does not come to an end: {now}")
        sleep(LOOKED_EVERY)
    return monotonic()


def _found(ports: Ports, authority: Town) -> tuple[int, int]:
    """Count the steps that the trail tells of, and the documents that hold at B-LTA."""
    with ports.database.reading() as session:
        told = select(func.count()).select_from(Event).where(Event.topic == "document.prolonged")
        steps = session.execute(told, execution_options=EVERY_ORGANISATION).scalar_one()
        tokens = select(Document.token).where(Document.level == Level.B_LTA).execution_options(yield_per=10)
        rows = session.scalars(tokens, execution_options=EVERY_ORGANISATION)
        return steps, sum(_holds(token, authority) for token in rows)


def _holds(token: str, authority: Town) -> bool:
    seal, pki = read_seal(token), authority.pki
    now = SystemClock().now()
    finding = judge_seal(seal, anchors=pki.anchors, stamp_anchors=pki.stamp_anchors, at=now)
    return trusted(finding) and finding.level is Level.B_LTA and not finding.not_covered


def _least(authority: Town, holder: Holder) -> float:
    """Ask what has to be asked in a process of its own, and tell for how many documents a second."""
    anchors = (*authority.pki.anchors, *authority.pki.stamp_anchors)
    told = (authority.site.url, anchors, holder.ders, authority.pki.tsa.ders)
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return LIMIT_OF / process.submit(_exchanged, *told).result()


def _exchanged(
    url: str, anchors: tuple[bytes, ...], seal: tuple[bytes, ...], unit: tuple[bytes, ...]
) -> float:
    clock = SystemClock()
    stamps = HttpTimeStamps(f"{url}/tsa", anchors=anchors, clock=clock)
    revocation = HttpRevocation(anchors=lambda: anchors, clock=clock, origins=[url])

    def once() -> None:
        stamps.stamp(b"a signature")
        revocation.about(seal)
        revocation.about(unit)
        stamps.stamp(b"all of it")

    once()
    began = monotonic()
    for _ in range(LIMIT_OF):
        once()
    return monotonic() - began
