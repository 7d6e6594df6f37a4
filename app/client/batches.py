"""Batches, watched: a file is sent once, followed until it is done, and each row that failed is shown.

The key that makes sending safe is saved before anything leaves, under a name that is made of what the file
says. The same command again goes on with the same batch, on whatever machine keeps that file.
"""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

from app.client import private, terminal
from app.client.api import Json, NotUsable, Refused, Unreachable
from app.client.calls.batches import LINES, TABLE, kind_of, media_type
from app.client.visit import Ends, Stopped, Visit

FOLDER: Final = "batches"
BATCH: Final = re.compile(r"bat_[0-9a-z]{26}")
KINDS: Final = ("members", "credentials", "decisions")
LONGEST_FILE: Final = 64_000_000
SHOWN: Final = 25
PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A file, and what is to be done with its rows."""

    content: bytes
    media_type: str
    query: dict[str, str]

    @classmethod
    def of(cls, file: Path, kind: str | None, minutes: str | None, *, dry_run: bool) -> "Asked":
        """Read a file and see what it is; a kind that is not named is told by its first row."""
        content = file.read_bytes()
        if not content.strip():
            raise NotUsable("file-empty", path=file)
        if len(content) > LONGEST_FILE:
            raise NotUsable("batch-too-long", path=file, most=LONGEST_FILE // 1_000_000)
        query = {"kind": kind or kind_of(content)}
        if minutes:
            query["minutes"] = minutes
        if dry_run:
            query["dry_run"] = "true"
        return cls(content, media_type(content), query)


def send(visit: Visit, asked: Asked) -> str:
    """Send a file, or find the batch that it became when it was sent before; tell the batch's id."""
    place = _place(visit, asked)
    before = private.read(place)
    saved: Json = before if isinstance(before, dict) and isinstance(before.get("key"), str) else {}
    if known := saved.get("batch"):
        visit.note("batch-known", batch=known)
        return str(known)
    key = str(saved.get("key") or token_hex(16))
    private.write(place, {"key": key})
    try:
        made = visit.api.send(
            "/v1/batches", asked.content, media_type=asked.media_type, key=key, query=asked.query
        )
    except Refused as refused:
        if not refused.is_about_the_key:
            private.remove(place)
        if refused.code == "batch-rows-wrong":
            raise _wrong(visit, refused) from None
        raise
    private.write(place, {"key": key, "batch": made["id"]})
    return str(made["id"])


def settle(visit: Visit, asked: Asked) -> None:
    """Forget that a file was sent: what it became is known, and sent again it would be a batch of its own."""
    private.remove(_place(visit, asked))


def _place(visit: Visit, asked: Asked) -> Path:
    said = "\n".join(
        [visit.account.url, visit.account.mark, *sorted(f"{n}={v}" for n, v in asked.query.items())]
    )
    name = hashlib.sha256(said.encode() + hashlib.sha256(asked.content).digest()).hexdigest()[:32]
    return private.home() / FOLDER / f"{name}.json"


def _wrong(visit: Visit, refused: Refused) -> Stopped:
    """Say of each fault in which line and column it is; the file is to be mended, and nothing was kept."""
    errors = refused.problem.get("errors") or []
    if visit.as_json:
        visit.answer({"error": {**refused.problem, "exit": int(Ends.USAGE)}})
    visit.errors.print(visit.say("batch-wrong", number=refused.problem.get("faults")), style="bold red")
    for error in errors[:SHOWN]:
        place = re.sub(r"^#/rows/\d+/?", "", str(error.get("pointer", "")))
        where = visit.say("batch-cell" if place else "batch-line", line=error.get("line"), place=place)
        terminal.bullet(visit.errors, f"{where}: {visit.voice.both(error.get('detail'))}")
    return Stopped(Ends.USAGE)


def follow(visit: Visit, batch: str, *, pause: Callable[[float], None] = time.sleep) -> Json:
    """Watch a batch until it is done. Whoever looks away stops nothing: it is carried out by the service."""
    path = path_of(batch)
    try:
        with terminal.counting(visit.errors) as bar:
            found = visit.api.get(path)
            task = bar.add_task(visit.say("batch-rows"), total=found["rows"])
            while True:
                bar.update(task, completed=found["rows"] - found["counts"]["queued"])
                if found["done"]:
                    return found
                pause(PAUSE_SECONDS)
                found = visit.api.get(path)
    except (KeyboardInterrupt, Unreachable):
        visit.note("batch-goes-on", batch=batch)
        raise


def cancel(visit: Visit, batch: str) -> None:
    """Have a batch begin no further row."""
    visit.api.post(f"{path_of(batch)}/cancellation")


def path_of(batch: str) -> str:
    if not BATCH.fullmatch(batch):
        raise NotUsable("batch-unnamed", asked=batch)
    return f"/v1/batches/{batch}"


def show(visit: Visit, found: Json, results: Path | None) -> None:
    """Say what became of a batch, and of the first rows that failed; save every result if asked to."""
    path = f"{path_of(found['id'])}/results"
    if results is not None:
        form = TABLE if results.suffix.lower() == ".csv" else LINES
        results.write_bytes(visit.api.content(path, accept=form))
    failed = visit.api.get(path, state="failed", limit=str(SHOWN))["data"]
    if visit.as_json:
        visit.answer({**found, "first_failed": failed})
    else:
        code = "batch-would" if found["dry_run"] else "batch-counts"
        visit.print(code, style="bold", batch=found["id"], rows=found["rows"], **found["counts"])
        if failed:
            made = terminal.table(
                *(visit.say(f"col.{name}") for name in ("row", "external_id", "reason")), numbers=(0,)
            )
            for row in failed:
                made.add_row(str(row["row"] + 1), row["external_id"], row["code"])
            visit.out.print(made)
        if found["counts"]["failed"] > len(failed):
            visit.print("import-more", number=found["counts"]["failed"] - len(failed))
        if results is not None:
            visit.print("report-written", path=results)
    if found["counts"]["failed"] or found["state"] == "cancelled":
        raise Stopped(Ends.REFUSED)
