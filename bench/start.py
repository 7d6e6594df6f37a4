"""Start-up: how long until `serve` answers, and how much memory it then has."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Final

from bench import public
from bench.load import Server, bare, sigillo
from bench.seeding.register import Register

MOST_SECONDS: Final = 2.0
MOST_MB: Final = 150.0


def run(register: Register, *, rounds: int) -> Iterator[public.Figure]:
    """Start it in turn with the yardstick, by the clock and, as the machine may be busy, by CPU."""
    bars, found = [], []
    for _ in range(rounds):
        bars.append(_started(bare()))
        found.append(_started(sigillo(public.serving(register, remembers=True))))
    (wall, cpu, memory), (bar, bar_cpu, bar_memory) = (
        [median(column) for column in zip(*each, strict=True)] for each in (found, bars)
    )
    yield {
        "name": "start-up to the first answer",
        "unit": "s",
        "value": round(wall, 2),
        "limit": round(bar, 2),
        "ratio": round(bar / wall, 3),
        "cpu_s": round(cpu, 2),
        "limit_cpu_s": round(bar_cpu, 2),
        "most": MOST_SECONDS,
        "met": wall < MOST_SECONDS,
    }
    yield {
        "name": "resident memory of a worker after it",
        "unit": "MB",
        "value": round(memory, 1),
        "limit": round(bar_memory, 1),
        "ratio": round(bar_memory / memory, 3),
        "most": MOST_MB,
        "met": memory < MOST_MB,
    }


def _started(starting: AbstractContextManager[Server]) -> tuple[float, float, float]:
    began = monotonic()
    with starting as server:
        return monotonic() - began, server.cpu_seconds(), _resident(server)


def _resident(server: Server) -> float:
    said = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in said.splitlines() if line.startswith("VmRSS:")) / 1024
