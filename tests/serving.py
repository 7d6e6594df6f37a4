"""The real service in a process of its own, as an operator starts it."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import httpx

PATIENCE_SECONDS: Final = 120.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def settings(folder: Path, port: int, **more: str) -> dict[str, str]:
    """The environment of a service that keeps everything in one folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIGILLO_")}
    return inherited | {
        "SIGILLO_PUBLIC_URL": f"http://localhost:{port}",
        "SIGILLO_DATABASE_URL": f"sqlite:///{folder}/sigillo.db",
        "SIGILLO_FILES_FOLDER": f"{folder}/files",
        "SIGILLO_KEYS_FOLDER": f"{folder}/keys",
        "SIGILLO_MAIL_FOLDER": f"{folder}/mail",
        **more,
    }


def command(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def serving(environment: Mapping[str, str], url: str) -> Iterator[Path]:
    """Run `sigillo serve` until the block ends; gives the file that its log goes to."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"], env=environment, stdout=log, stderr=log
        )
        try:
            _wait(process, url, Path(log.name))
            yield Path(log.name)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    ends = monotonic() + PATIENCE_SECONDS
    while monotonic() < ends:
        if process.poll() is not None:
            raise AssertionError(f"The service did not start: {log.read_text()}")
        try:
            httpx.get(f"{url}/healthz", timeout=5)
        except httpx.TransportError:
            sleep(0.05)  # only while a real process starts; nothing is timed by it
        else:
            return
    raise AssertionError("The service did not answer.")
