"""A seeded register on disk: found if it is there, made if it is not."""

import json
import secrets
import sys
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Final

from app.adapters import schema
from app.core.db import connect
from app.main import production_ports
from app.settings import Settings
from bench.seeding import making
from bench.seeding.members import Member, unknown_number
from bench.seeding.sealing import ZONE

FOLDER: Final = Path(__file__).parents[1] / ".data"
BASE_URL: Final = "https://sigillo.example.org"
FORM: Final = 2  # of what is written: a register of another form is made anew


@dataclass(frozen=True, slots=True)
class Register:
    """What is known of a seeded register, beside its file."""

    url: str
    count: int
    seed: str
    form: int
    today: str
    registrar: str  # a key of the registrar's, for trials on this machine alone
    seconds: float
    megabytes: int

    def member(self, n: int) -> Member:
        return Member(self.seed, n, date.fromisoformat(self.today))

    def number(self, n: int) -> str:
        return self.member(n).number

    def unknown(self, n: int) -> str:
        return unknown_number(self.seed, n, date.fromisoformat(self.today).year)


def settings(database_url: str) -> Settings:
    """Name where a seeded register keeps everything; the keys are the same for all of them."""
    return Settings(
        public_url=BASE_URL,
        database_url=database_url,
        keys_folder=FOLDER / "keys",
        files_folder=FOLDER / "files",
        mail_folder=FOLDER / "mail",
    )


def ensure(count: int, *, seed: str | None = None) -> Register:
    """Find the register of this size, or make it."""
    FOLDER.mkdir(exist_ok=True)
    path, manifest = FOLDER / f"seed-{count}.db", FOLDER / f"seed-{count}.json"
    if path.exists() and manifest.exists():
        kept = Register(**json.loads(manifest.read_text(encoding="utf-8")))
        found = replace(kept, url=f"sqlite:///{path}")  # wherever the folder was when it was made
        if found.form == FORM and seed in {None, found.seed} and _is_current(found.url):
            return found
    for old in FOLDER.glob(f"seed-{count}.*"):
        old.unlink()
    unfinished = path.with_suffix(".unfinished")
    made = filled(f"sqlite:///{unfinished}", count, seed or secrets.token_hex(8))
    unfinished.rename(path)
    found = replace(made, url=f"sqlite:///{path}", megabytes=path.stat().st_size >> 20)
    manifest.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    _say(f"  {found.megabytes:,} MB in {found.seconds:,.0f} s: {path.name}")
    return found


def filled(url: str, count: int, seed: str) -> Register:
    """Fill an empty database with a register of this size."""
    _say(f"Seeding {count:,} credentials, seed {seed}")
    began = monotonic()
    ports = production_ports(settings(url))
    try:
        body, registrar = making.make(ports, seed, count)
    finally:
        ports.database.close()
    return Register(
        url=url,
        count=count,
        seed=seed,
        form=FORM,
        today=body.at.astimezone(ZONE).date().isoformat(),
        registrar=registrar,
        seconds=round(monotonic() - began, 1),
        megabytes=0,
    )


def _is_current(url: str) -> bool:
    database = connect(url)
    try:
        return schema.is_current(database)
    finally:
        database.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
