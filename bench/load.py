"""Load from one thread over sixteen connections, in turn on a limit and on what is held against it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Final

import httpx

from tests.serving import free_port

HERE: Final = Path(__file__).parent
CONNECTIONS: Final = 16
WARMED: Final = 5_000
PATIENCE_SECONDS: Final = 60.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


class CannotMeasure(RuntimeError):
    """Something that the measurement needs is missing, or did not do as it should."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run: rates and latencies, and the CPU that the server spent on each request."""

    rate: float
    p50_ms: float
    p99_ms: float
    refused: float  # the share of answers that were no 2xx
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers on loopback."""

    pid: int
    url: str

    def cpu_seconds(self) -> float:
        """Tell the CPU that the process has used so far, all its threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(slots=True)
class Candidate:
    """A server with the requests that it is sent; `path` where they are bodies to be posted there."""

    server: Server
    lines: Sequence[str]
    path: str = ""
    key: str = ""  # of whoever asks
    once: bool = False  # each request can be sent but once, and there are enough of them
    runs: list[Run] = field(default_factory=list)

    @property
    def typical(self) -> Run:
        """Give the median of each figure."""
        return Run(*(median(getattr(run, name) for run in self.runs) for name in Run.__slots__))


def in_turn(candidates: Sequence[Candidate], *, seconds: int, rounds: int) -> None:
    """Run them one after another, again and again, so that what else the machine does meets them all."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for place, candidate in enumerate(candidates):
            file = Path(folder, f"{place}.txt")
            file.write_text("\n".join(candidate.lines) + "\n", encoding="utf-8")
            files.append(file)
            _warm(candidate, file)
        for turn in range(rounds):
            for candidate, file in zip(candidates, files, strict=True):
                chunk = turn + 1 if candidate.once else turn  # the first one went into warming
                start = chunk * len(candidate.lines) // (rounds + candidate.once)
                candidate.runs.append(_wrk(candidate, file, seconds=seconds, start=start))


def _warm(candidate: Candidate, lines: Path) -> None:
    """Send every request at least once: what is to be remembered is, before anything counts."""
    if candidate.once:
        _wrk(candidate, lines, seconds=3, start=0)
        return
    sent = 0.0
    while sent < min(len(candidate.lines), WARMED):
        sent += _wrk(candidate, lines, seconds=1, start=round(sent)).rate


def _wrk(candidate: Candidate, lines: Path, *, seconds: int, start: int) -> Run:
    program = shutil.which("wrk")
    if program is None:
        raise CannotMeasure("The load comes from wrk, which is not installed: apt-get install wrk.")
    before = candidate.server.cpu_seconds()
    done = subprocess.run(  # noqa: S603 - a program that was looked up
        [
            program,
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--timeout",
            "30s",
            "-s",
            HERE / "requests.lua",
            candidate.server.url,
        ],
        env={
            **os.environ,
            "BENCH_LINES": str(lines),
            "BENCH_PATH": candidate.path,
            "BENCH_START": str(start),
            "BENCH_KEY": candidate.key,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    used = candidate.server.cpu_seconds() - before
    _, said, found = done.stdout.partition("FOUND ")
    if done.returncode or not said:
        raise CannotMeasure(f"wrk: {done.stdout}{done.stderr}")
    read = json.loads(found.splitlines()[0])
    if read["broken"] or not read["requests"]:
        raise CannotMeasure(f"wrk: {read['broken']} of {read['requests']} requests broke off")
    return Run(
        rate=read["requests"] / read["seconds"],
        p50_ms=read["p50_ms"],
        p99_ms=read["p99_ms"],
        refused=read["refused"] / read["requests"],
        cpu_us=used / read["requests"] * 1e6,
    )


@contextmanager
def bare() -> Iterator[Server]:
    """Serve the yardstick, by the same server that serves the service."""
    port = free_port()
    with _process([sys.executable, "-m", "bench.bare", str(port)], {}, port) as server:
        yield server


@contextmanager
def sigillo(settings: Mapping[str, str]) -> Iterator[Server]:
    """Start the shipped `serve` as users do, its log in a file."""
    port = free_port()
    with _process([sys.executable, "-m", "app.cli", "serve", "--port", str(port)], settings, port) as server:
        yield server


@contextmanager
def _process(command: Sequence[str], settings: Mapping[str, str], port: int) -> Iterator[Server]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIGILLO_")}
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".log"))
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, env={**inherited, **settings}, stdout=log, stderr=log
        )
        try:
            server = Server(process.pid, f"http://127.0.0.1:{port}")
            _wait(process, server, Path(log.name))
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(process: "subprocess.Popen[bytes]", server: Server, log: Path) -> None:
    ends = monotonic() + PATIENCE_SECONDS
    while monotonic() < ends:
        if process.poll() is not None:
            raise CannotMeasure(f"It did not start: {log.read_text(encoding='utf-8')}")
        try:
            httpx.get(f"{server.url}/healthz", timeout=5)
        except httpx.TransportError:
            sleep(0.05)
        else:
            return
    raise CannotMeasure("It did not answer.")
