"""Evidence on disk: bytes named by their hash, synced before anyone relies on them."""

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from app.core.errors import NotFound, TooLarge
from app.ports import FILES_SETTLE, StoredFile

CHUNK: Final = 256 * 1024
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class FileTooLong(TooLarge):
    """More bytes came than were allowed."""

    code = "file-too-large"
    title = "The file is too large"


class FileMissing(NotFound):
    """The bytes are not where they should be."""

    code = "file-missing"
    title = "The file could not be found"


class FolderFiles:
    """Files in a local folder, spread over 256 sub-folders, readable by this service alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def store(self, source: BinaryIO, limit: int) -> StoredFile:
        """Keep the bytes of `source`, `limit` at most; raise `FileTooLong` and keep nothing of more.

        File and folder are synced before this returns, so a row that names the file never
        outlives a power cut that the file did not.
        """
        incoming = self.folder / f"incoming-{secrets.token_hex(16)}"
        try:
            stored = _copy(source, incoming, limit)
            target = self.path_of(stored.sha256)
            if not target.parent.exists():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(self.folder)
            with _held(target.parent):
                incoming.replace(target)
            _sync_folder(target.parent)
        finally:
            incoming.unlink(missing_ok=True)
        return stored

    def open(self, sha256: str) -> BinaryIO:
        """Open a stored file for reading."""
        if not _SHA256.fullmatch(sha256):
            raise FileMissing("A file is named by its SHA-256.")
        try:
            return self.path_of(sha256).open("rb")
        except FileNotFoundError:
            raise FileMissing("The bytes of this file are not in the store.") from None

    def discard(self, sha256: str) -> bool:
        """Delete bytes that nobody has stored within `FILES_SETTLE`; tell whether they are gone."""
        if not _SHA256.fullmatch(sha256):
            raise FileMissing("A file is named by its SHA-256.")
        target = self.path_of(sha256)
        if not target.exists():
            return True
        with _held(target.parent):  # nobody stores the same bytes between the look and the deletion
            age = time.time() - target.stat().st_mtime
            if age < 0:  # the clock stood ahead when they were stored: that may have been a moment ago
                os.utime(target)
            if age < FILES_SETTLE.total_seconds():
                return False
            target.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return True

    def path_of(self, sha256: str) -> Path:
        """Say where these bytes are, or would be."""
        return self.folder / sha256[:2] / sha256


def _copy(source: BinaryIO, target: Path, limit: int) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise FileTooLong(f"At most {limit} bytes are taken in.", limit=limit)
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return StoredFile(digest.hexdigest(), size)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Let one process at a time put a file in its place, or take one away."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
