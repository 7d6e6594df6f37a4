"""Malware scanning: by a ClamAV daemon, or not at all and saying so."""

import socket
import struct
from pathlib import Path
from typing import BinaryIO, Final

from app.ports import ScannerUnavailable, ScanResult

CHUNK: Final = 128 * 1024
SECONDS: Final = 30.0


class NoScanner:
    """No scanner is configured: everything is marked `unscanned`, and assessors see it."""

    def scan(self, source: BinaryIO) -> ScanResult:
        """Look at nothing, and say so."""
        del source
        return ScanResult.UNSCANNED


class ClamdScanner:
    """A ClamAV daemon behind its Unix socket, spoken to with INSTREAM."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def scan(self, source: BinaryIO) -> ScanResult:
        """Have the daemon look at the bytes; without a clear answer raise, never guess."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            try:
                connection.connect(str(self.path))
                connection.sendall(b"zINSTREAM\0")
                while chunk := source.read(CHUNK):
                    connection.sendall(struct.pack(">I", len(chunk)) + chunk)
                connection.sendall(struct.pack(">I", 0))
                answer = connection.recv(4096).rstrip(b"\0")
            except OSError as error:
                raise ScannerUnavailable("The malware scanner cannot be reached.") from error
        if answer.endswith(b" FOUND"):
            return ScanResult.INFECTED
        if answer == b"stream: OK":
            return ScanResult.CLEAN
        raise ScannerUnavailable("The malware scanner gave no clear answer.")
