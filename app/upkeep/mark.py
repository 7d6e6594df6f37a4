"""How far the public has seen a register: a mark kept beside the keys, outside of the database.

A backup from before a revocation says that what was revoked is valid, and would give places in the status
lists to others that documents out there hold already. Whoever brings such a register back learns it from the
mark: it holds the last number of the sequence of changes that this machine has seen published.
"""

import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from app.core.db import Database
from app.organisations import queries as organisations
from app.outbox import changes
from app.ports import Clock

NAME: Final = "published.json"
EVERY: Final = timedelta(seconds=1)


class RegisterTooOld(Exception):
    """The register is older than what was published from it. The words say what to do."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last change of a register, and the organisations by which it is known again."""

    change: int
    organisations: frozenset[str]

    @classmethod
    def of(cls, session: Session) -> "Seen":
        return cls(changes.last(session), frozenset(each.id for each in organisations.organisations(session)))


def read(folder: Path) -> Seen | None:
    """Read the mark of a folder of keys; one that cannot be read is none, and `ValueError` says so."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    match found:
        case {"change": int(change), "organisations": list(known)}:
            return Seen(change, frozenset(map(str, known)))
    raise ValueError(f"{folder / NAME} is not what this service wrote.")


def refuse_older(seen: Seen, folder: Path) -> None:
    """Raise `RegisterTooOld` where more was published than this register knows of.

    A register that has no organisation in common with the mark is another one, and nothing is said of it.
    """
    mark = read(folder)
    if mark is None or not mark.organisations & seen.organisations or seen.change >= mark.change:
        return
    raise RegisterTooOld(
        f"This register is older than the status lists it has published: it knows {seen.change} changes, "
        f"and {mark.change} were published from it ({folder / NAME}). Going on with it would make valid what "
        "was revoked, and give places in the lists away twice. Bring back a newer backup; or, where nothing "
        "that was published since was ever meant, move that file away."
    )


@dataclass(slots=True)
class MarkKeeper:
    """The duty of a worker: write down, at most once a second, how far the public may have seen."""

    database: Database
    clock: Clock
    folder: Path
    _written: Seen | None = None
    _looked_at: datetime | None = None

    def __call__(self) -> bool:
        at = self.clock.now()
        if self._looked_at is not None and timedelta(0) <= at - self._looked_at < EVERY:
            return False
        self._looked_at = at
        with self.database.reading() as session:
            if self._written is not None and changes.last(session) == self._written.change:
                return False
            seen = Seen.of(session)
        refuse_older(seen, self.folder)
        _write(self.folder, seen, at)
        self._written = seen
        return True


def _write(folder: Path, seen: Seen, at: datetime) -> None:
    content = {
        "change": seen.change,
        "organisations": sorted(seen.organisations),
        "at": at.isoformat(timespec="seconds"),
    }
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = folder / f".{NAME}.{secrets.token_hex(8)}"
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(json.dumps(content, indent=2) + "\n")
            out.flush()
            os.fsync(out.fileno())
        made.replace(folder / NAME)
    finally:
        made.unlink(missing_ok=True)
