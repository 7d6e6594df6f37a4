"""The scanner port: what every adapter promises, and ClamAV's own daemon where it is installed."""

import io
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from app.adapters.scanner import ClamdScanner, NoScanner
from app.ports import ScannerUnavailable, ScanResult

# Not malware: a mark of our own, which the signature base made below knows and nobody else does.
BAD = b"SIGILLO-TEST-SIGNATURE-OF-SOMETHING-EVIL"


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real daemon with a signature base of one."""
    program = shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        reason = "clamd is not installed (Debian: clamav-daemon); the real scanner was not tried"
        if os.environ.get("SIGILLO_REQUIRE_CLAMD") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "base").mkdir()
    (folder / "base/own.ndb").write_text(f"Sigillo.Test:0:*:{BAD.hex()}\n")
    (folder / "clamd.conf").write_text(
        f"DatabaseDirectory {folder}/base\nLocalSocket {folder}/socket\nForeground yes\n"
        f"User {'root' if os.geteuid() == 0 else os.environ.get('USER', 'nobody')}\nLogFile {folder}/log\n"
    )
    process = subprocess.Popen(
        [program, "-c", str(folder / "clamd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ends = monotonic() + 60
    while not (folder / "socket").exists():
        if process.poll() is not None or monotonic() > ends:
            log = folder / "log"
            pytest.fail(f"clamd did not start: {log.read_text() if log.exists() else ''}")
        sleep(0.05)  # only while a real process starts
    yield folder / "socket"
    process.terminate()
    process.wait(timeout=30)


def test_without_a_scanner_nothing_is_called_clean() -> None:
    assert NoScanner().scan(io.BytesIO(b"anything")) is ScanResult.UNSCANNED


def test_clamav_finds_what_its_signatures_know_and_nothing_else(clamd: Path) -> None:
    scanner = ClamdScanner(clamd)
    assert scanner.scan(io.BytesIO(b"curriculum vitae")) is ScanResult.CLEAN
    assert scanner.scan(io.BytesIO(b"x" * 300_000 + BAD)) is ScanResult.INFECTED


def test_a_scanner_that_is_not_there_is_an_error_and_never_a_guess(tmp_path: Path) -> None:
    with pytest.raises(ScannerUnavailable):
        ClamdScanner(tmp_path / "nobody").scan(io.BytesIO(b"x"))


@pytest.mark.parametrize(
    "answer", [b"", b"stream: ERROR\0", b"INSTREAM size limit exceeded. ERROR\0", b"OK\0"]
)
def test_an_unclear_answer_is_an_error_and_never_a_guess(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen(1)

        def respond() -> None:
            connection, _ = server.accept()
            with connection:
                while not connection.recv(65536).endswith(b"\0\0\0\0"):
                    pass
                connection.sendall(answer)

        thread = threading.Thread(target=respond)
        thread.start()
        with pytest.raises(ScannerUnavailable):
            ClamdScanner(path).scan(io.BytesIO(b"x"))
        thread.join()
