"""`make drill`: kill the service at random moments under load, count what was lost, and bring it back."""

import argparse
import json
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from typing import Final

from drill import killing, racing, reckoning, restoring
from drill.house import GOING, POSTGRESQL, SQLITE, CannotDrill, House, house
from drill.load import Memory, loading

# Leases and second tries are minutes apart. Whoever has no time for them moves the workers' clock.
AHEAD: Final = {"SIGILLO_CLOCK_OFFSET": "PT6M"}
WORKERS: Final = ("worker 1", "worker 2")
GRANTS_EACH_KILL: Final = 80
LEAST_GRANTS: Final = 1_500


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is drilled."""

    kills: int
    stops: int
    revocations: int
    drain_seconds: float
    moved: bool  # the workers' clock, so that nothing has to be waited for


LONG: Final = Extent(kills=300, stops=20, revocations=20, drain_seconds=900, moved=False)
SHORT: Final = Extent(kills=12, stops=1, revocations=3, drain_seconds=60, moved=True)


def main() -> int:
    """Drill on each database, and say what came of it; 0 if nothing was lost, doubled or out of order."""
    asked = _asked()
    extent = SHORT if asked.short else LONG
    seed = asked.seed or secrets.token_hex(8)
    _say(f"Seed {seed}")
    found = 0
    for kind in asked.database or (SQLITE, POSTGRESQL):
        began = monotonic()
        try:
            with house(kind, max(LEAST_GRANTS, asked_kills(asked, extent) * GRANTS_EACH_KILL)) as shaken:
                _drill(shaken, asked, extent, f"{seed}/{kind}")
                _tell(shaken, monotonic() - began)
                found += len(shaken.findings)
        except CannotDrill as why:
            sys.stderr.write(f"{why}\n")
            return 1
    _say("Nothing was lost, doubled or out of order." if not found else f"{found} findings.")
    return int(bool(found))


def asked_kills(asked: argparse.Namespace, extent: Extent) -> int:
    return extent.kills if asked.kills is None else int(asked.kills)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drill")
    parser.add_argument("--short", action="store_true", help="about a minute for each database")
    parser.add_argument("--kills", type=int, help="of processes, on each database")
    parser.add_argument("--stops", type=int, help="immediate ones of PostgreSQL's server")
    parser.add_argument("--database", action="append", choices=(SQLITE, POSTGRESQL))
    parser.add_argument("--seed", help="of the moments; drawn and printed where none is given")
    parser.add_argument("--minutes", type=float, default=30, help="of killing at most, on each database")
    return parser.parse_args()


def _drill(shaken: House, asked: argparse.Namespace, extent: Extent, seed: str) -> None:
    _say(f"{shaken.kind}: two processes race")
    racing.race(shaken, revocations=extent.revocations)
    _say(f"{shaken.kind}: killing under load")
    with loading(shaken, seed) as load:
        killing.kill(
            shaken,
            kills=asked_kills(asked, extent),
            stops=extent.stops if asked.stops is None else asked.stops,
            most_seconds=asked.minutes * 60,
            seed=seed,
        )
        older = restoring.back_up(shaken, "older.tar")
    _say(f"{shaken.kind}: all that was asked is answered; draining")
    _after(shaken, load.memory)
    if extent.moved:
        shaken.stop(*WORKERS)
        shaken.start(*WORKERS, **AHEAD)
    reckoning.drain(shaken, seconds=extent.drain_seconds)
    _say(f"{shaken.kind}: reckoning")
    reckoning.reckon(shaken, load.memory)
    _say(f"{shaken.kind}: restoring")
    shaken.stop(*GOING)
    restoring.restore(shaken, older, restoring.back_up(shaken, "fresh.tar"))
    _logs(shaken)


def _after(shaken: House, memory: Memory) -> None:
    for name in GOING:
        shaken.count(f"kills of {name}", shaken.processes[name].kills)
    shaken.count("dossiers", memory.dossiers)
    shaken.count("changes of a status", memory.moves)


def _logs(shaken: House) -> None:
    """Tell what the processes wrote down as an error: no finding, since that is where they say it."""
    kinds = Counter(_errors(shaken))
    for (event, error), times in kinds.most_common(12):
        shaken.notes.append(f"logged {times} times: {event} {error}")


def _errors(shaken: House) -> Iterator[tuple[str, str]]:
    for name in GOING:
        for line in shaken.processes[name].log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said.get("level") == "error":
                yield said["event"], said.get("error", "")


def _tell(shaken: House, seconds: float) -> None:
    _say(f"\n{shaken.kind}, {seconds:.0f} s")
    for what, how_many in shaken.counts.items():
        _say(f"  {what:52}{how_many:>10,}")
    for note in shaken.notes:
        _say(f"  {note}")
    for finding in shaken.findings:
        _say(f"  ✗ {finding}")
    if shaken.findings:
        kept = Path(mkdtemp(prefix="sigillo-drill-logs-"))
        for process in shaken.processes.values():
            shutil.copy(process.log, kept)
        _say(f"  The logs are kept in {kept}.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
