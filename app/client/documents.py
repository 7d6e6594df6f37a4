"""Documents of a credential: fetched and kept, and verified as a stranger would."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from app.client import checking, terminal
from app.client.api import Json
from app.client.visit import Visit
from app.client.words import Told

LONGEST: Final = 20_000_000
MOST_LISTS: Final = 1_000
ENDINGS: Final = {"vc+jwt": "vc.jwt", "ob+jwt": "ob.jwt", "edc": "jsonld"}
ADDRESSES: Final = ("http://", "https://")
GOOD: Final = frozenset({"valid", "valid_with_warnings"})
STYLES: Final = {
    "valid": "bold green",
    "valid_with_warnings": "bold yellow",
    "invalid": "bold red",
    "unknown": "bold yellow",
}


class Offline(Protocol):
    """Verifies without a network. The command `sigillo` brings it along where the service is installed."""

    def __call__(self, content: bytes, keys: list[bytes], lists: list[bytes]) -> Json: ...


class FileWrong(Told):
    """A file cannot be read, or must not be written."""


def fetch(visit: Visit, credential: Json, form: str, *, every: bool) -> Iterator[tuple[str, bytes, Json]]:
    """Fetch the document of the period in force, or of each; give its name, its bytes and its period."""
    path = f"/v1/credentials/{credential['id']}"
    if form != "vc+jwt":
        visit.api.post(f"{path}/documents", {"format": form})  # made when it is asked for, once
    periods = credential.get("periods") or []
    chosen: list[Json] = [
        one for one in periods if form in {made["format"] for made in one.get("documents", ())}
    ]
    for period in chosen if every and chosen else [credential]:
        query = {"period": str(period["seq"])} if "seq" in period else {}
        content = visit.api.content(f"{path}/documents/{form}", **query)
        name = f"{credential['number']}_{period['valid_until']}.{ENDINGS[form]}"
        yield name, content, period


def ahead(credential: Json) -> Json | None:
    """Find the period that follows the one in force and has its document already."""
    for period in credential.get("periods") or ():
        later = period["valid_from"] > credential["valid_from"] and not period.get("ended_on")
        if later and period.get("documents"):
            found: Json = period
            return found
    return None


def show_deliveries(visit: Visit, found: list[Json]) -> None:
    """Show what was to go into a wallet, and what became of it."""
    if not found:
        visit.print("europass-none")
        return
    voice = visit.voice
    for one in found:
        said = voice.named("delivery", one["state"])
        if one["reason"]:
            said += f": {voice.named('delivery-reason', one['reason'])}"
        terminal.bullet(
            visit.out,
            f"{voice.moment(one['asked_at'])}, {said}",
            one["id"],
            *filter(None, [one["viewer_url"]]),
        )


def keep(path: Path, content: bytes, *, overwrite: bool) -> bool:
    """Write a file whole, over no other but the same seal with other proof; tell whether it was new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            there = path.read_bytes()
            if there == content:
                return False
            if not overwrite and not _same_seal(there, content):
                raise FileWrong("another-there", path=path)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".sigillo-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
            Path(name).chmod(0o644)  # a credential is for showing
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FileWrong("file-unwritable", path=path, why=error.strerror) from None
    return True


def _same_seal(one: bytes, other: bytes) -> bool:
    """Tell whether two files hold one seal in JSON: what proves it grows beside it, in `etsiU`."""
    signed = _signed(one)
    return signed is not None and signed == _signed(other)


def _signed(content: bytes) -> tuple[Any, ...] | None:
    try:
        sealed = json.loads(content)
        return sealed["payload"], *((each["protected"], each["signature"]) for each in sealed["signatures"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def given(named: str) -> bytes:
    """Read what is to be verified: a file, an address as a QR code holds it, or `-` for standard input."""
    return named.encode() if named.startswith(ADDRESSES) else read(Path(named))


def saved(folder: Path | None) -> list[bytes]:
    """Read every file of a folder of status lists."""
    if folder is None:
        return []
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise FileWrong("file-unreadable", path=folder, why=error.strerror) from None
    if len(files) > MOST_LISTS:
        raise FileWrong("lists-too-many", path=folder, limit=MOST_LISTS)
    return [read(path) for path in files]


def read(path: Path) -> bytes:
    """Read a file whole; `-` is standard input."""
    try:
        content = sys.stdin.buffer.read(LONGEST + 1) if str(path) == "-" else _content(path)
    except FileNotFoundError:
        raise FileWrong("file-gone", path=path) from None
    except OSError as error:
        raise FileWrong("file-unreadable", path=path, why=error.strerror) from None
    if not content.strip():
        raise FileWrong("file-empty", path=path)
    if len(content) > LONGEST:
        raise FileWrong("file-too-long", path=path, limit=LONGEST // 1_000_000)
    return content


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LONGEST + 1)


def show_report(visit: Visit, report: Json) -> None:
    """Show a report: the answer first, then every check with its reason."""
    voice, out = visit.voice, visit.out
    visit.print(f"verdict.{report['result']}", style=STYLES.get(report["result"]))
    out.print(voice.both(report["headline"]), markup=False)
    if report.get("status_as_of"):
        visit.print("verify-as-of", when=voice.moment(report["status_as_of"]))
    checking.show_clock(visit, report)
    credential: Any = report.get("credential") or {}
    if credential:
        out.print()
        out.print(voice.both(credential.get("scheme_title")), markup=False)
        if credential.get("number"):
            visit.print("verify-number", number=credential["number"])
        if credential.get("holder_name"):
            visit.print("verify-holder", name=credential["holder_name"])
        if credential.get("valid_from") and credential.get("valid_until"):
            days = {name: voice.day(credential[name]) for name in ("valid_from", "valid_until")}
            visit.print("credential-days", **days)
    if report.get("issuer"):
        visit.print("verify-issuer", name=report["issuer"]["name"])
    made = terminal.table(*(voice.say(f"col.{name}") for name in ("check", "outcome", "reason")))
    for check in report["checks"]:
        made.add_row(
            voice.named("check", check["id"]),
            voice.named("result", check["state"]),
            voice.both(check["reason"]),
        )
    out.print(made)
    if credential.get("state") == "not_yet_valid" and credential.get("valid_from"):
        visit.print("verify-next-not-yet", day=voice.day(credential["valid_from"]))
    elif report["result"] in {"unknown", "invalid"}:
        visit.print(f"verify-next-{report['result']}")
