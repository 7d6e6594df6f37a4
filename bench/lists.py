"""What a revocation costs in a list of a million: every published form packed and signed anew."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache, partial
from itertools import count, islice
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final

from sqlalchemy import insert, select

from app.adapters import schema
from app.core.db import EVERY_ORGANISATION, connect
from app.core.ids import new_id
from app.main import production_ports
from app.organisations.models import Mode, Organisation
from app.ports import Ports, Slot
from app.status.models import ListKind, Standing, StatusList, StatusPosition
from app.status.publishing import Publisher
from app.status.service import set_standing
from bench.seeding.register import FOLDER, settings

SIZE: Final = 1_000_000
TAKEN: Final = SIZE // 2  # a list is left when it is half full
RAISED: Final = SIZE // 100
TIMES: Final = 15
MOST_MS: Final = 15.0
LIST: Final = 1
LEVEL: Final = 6


def run() -> Iterator[dict[str, object]]:
    """Revoke one document after another; the time is the process's CPU, its wait for the disk apart."""
    ports = production_ports(settings(f"sqlite:///{_seeded()}"))
    try:
        publisher, at = Publisher(ports), ports.clock.now()
        publisher.publish(LIST, at=at)
        revoking, publishing = [], []
        organisation = _organisation(ports)
        for document in _valid(ports):
            at += timedelta(seconds=2)
            revoking.append(_timed(partial(_revoke, ports, organisation, document)))
            publishing.append(_timed(partial(publisher.publish, LIST, at=at)))
        least = partial(_least, ports, _laid(1), _laid(2))
        limit = median(_timed(least) for _ in range(TIMES))
        value = median(publishing[1:])
    finally:
        ports.database.close()
    yield {
        "name": f"revoke in a list of {SIZE:,}: all forms packed and signed",
        "unit": "ms of CPU",
        "value": round(value, 2),
        "limit": round(limit, 2),
        "ratio": round(limit / value, 3),
        "first_ms": round(publishing[0], 2),
        "register_ms": round(median(revoking), 2),
        "most": MOST_MS,
        "met": value < MOST_MS,
    }


def _timed(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return (process_time() - began) * 1000


def _valid(ports: Ports) -> list[str]:
    """Name documents that no run has revoked yet."""
    with ports.database.reading() as session:
        chosen = (
            select(StatusPosition.document_id)
            .where(StatusPosition.list_id == LIST, StatusPosition.standing == Standing.VALID)
            .order_by(StatusPosition.document_id)
            .limit(TIMES)
        )
        return [*session.scalars(chosen, execution_options=EVERY_ORGANISATION)]


def _organisation(ports: Ports) -> str:
    with ports.database.reading() as session:
        return session.scalars(select(Organisation.id)).one()


def _revoke(ports: Ports, organisation: str, document: str) -> None:
    with ports.database.writing(organisation) as session:
        set_standing(session, [document], Standing.REVOKED)


def _least(ports: Ports, once: bytes, twice: bytes) -> None:
    """Pack and sign as many bits, and do nothing else: no way of publishing the three forms costs less."""
    key = ports.signer.current(Slot.STATUS).thumbprint
    for packed in (
        gzip.compress(once, LEVEL, mtime=0),
        gzip.compress(bytes(SIZE // 8), LEVEL, mtime=0),
        zlib.compress(twice, LEVEL),
    ):
        ports.signer.sign(key, packed)


@lru_cache(maxsize=1)
def _places() -> tuple[int, ...]:
    """Draw the positions that are taken as the service does, at random; here the same in every run."""
    taken, free = [], bytearray(b"\x01") * SIZE
    for place in count():
        index = int.from_bytes(hashlib.sha256(str(place).encode()).digest()[:8], "big") % SIZE
        if free[index]:
            free[index] = 0
            taken.append(index)
        if len(taken) == TAKEN:
            break
    return tuple(taken)


def _laid(bits: int) -> bytes:
    content = bytearray(SIZE * bits // 8)
    for index in _places()[:RAISED]:
        content[index * bits // 8] |= 1 << (index * bits % 8)
    return bytes(content)


def _seeded() -> Path:
    """Find the list, or make it: a half of its places taken, one in a hundred of them all revoked."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"list-{SIZE}.db"
    if path.exists():
        database = connect(f"sqlite:///{path}")
        current = schema.is_current(database)
        database.close()
        if current:
            return path
    for old in FOLDER.glob(f"{path.stem}.*"):
        old.unlink()
    unfinished = path.with_suffix(".unfinished")
    ports = production_ports(settings(f"sqlite:///{unfinished}"))
    schema.upgrade(ports.database)
    _fill(ports)
    ports.database.close()
    return unfinished.rename(path)


def _fill(ports: Ports) -> None:
    at, organisation = ports.clock.now(), new_id("org")
    owned = {"organisation_id": organisation}
    with ports.database.engine.begin() as connection:
        connection.execute(
            insert(Organisation),
            {
                "id": organisation,
                "legal_name": "Associazione di prova",
                "url": "https://association.example.org",
                "time_zone": "Europe/Rome",
                "mode": Mode.TEST,
                "created_at": at,
                "issuer_code": 1,
                "register_open": True,
            },
        )
        connection.execute(
            insert(StatusList),
            {
                **owned,
                "id": LIST,
                "kind": ListKind.CREDENTIAL,
                "size": SIZE,
                "taken": TAKEN,
                "version": 1,
                "created_at": at,
            },
        )
        places = enumerate(_places())
        while some := list(islice(places, 10_000)):
            connection.execute(
                insert(StatusPosition),
                [
                    {
                        **owned,
                        "list_id": LIST,
                        "index": index,
                        "document_id": f"doc_{hashlib.sha256(str(place).encode()).hexdigest()[:26]}",
                        "standing": Standing.REVOKED if place < RAISED else Standing.VALID,
                        "version": 1,
                    }
                    for place, index in some
                ],
            )
