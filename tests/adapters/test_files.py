import hashlib
import io
import os
import stat
from pathlib import Path

import pytest

from app.adapters.files import FileMissing, FileTooLong, FolderFiles


@pytest.fixture
def files(tmp_path: Path) -> FolderFiles:
    return FolderFiles(tmp_path / "files")


def test_a_file_is_named_by_its_content_and_given_back_to_the_byte(files: FolderFiles) -> None:
    content = b"curriculum" * 100_000
    stored = files.store(io.BytesIO(content), limit=2_000_000)
    assert (stored.sha256, stored.size) == (hashlib.sha256(content).hexdigest(), len(content))
    with files.open(stored.sha256) as opened:
        assert opened.read() == content


def test_the_same_content_is_kept_once(files: FolderFiles) -> None:
    assert files.store(io.BytesIO(b"a"), 10) == files.store(io.BytesIO(b"a"), 10)
    assert len([path for path in files.folder.rglob("*") if path.is_file()]) == 1


def test_one_byte_too_many_is_refused_and_leaves_nothing(files: FolderFiles) -> None:
    files.store(io.BytesIO(b"x" * 10), limit=10)
    with pytest.raises(FileTooLong):
        files.store(io.BytesIO(b"y" * 11), limit=10)
    assert len([path for path in files.folder.rglob("*") if path.is_file()]) == 1


def test_a_source_that_breaks_off_leaves_nothing(files: FolderFiles) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            del size
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        files.store(Breaking(), limit=10)
    assert [path for path in files.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 63, "0" * 64, "A" * 64, "/etc/passwd"])
def test_only_hashes_of_files_that_are_there_open_anything(files: FolderFiles, name: str) -> None:
    with pytest.raises(FileMissing):
        files.open(name)


def test_nobody_else_on_the_machine_reads_evidence(files: FolderFiles) -> None:
    stored = files.store(io.BytesIO(b"private"), 10)
    path = files.folder / stored.sha256[:2] / stored.sha256
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700


def aged(files: FolderFiles, sha256: str) -> Path:
    """As if the bytes had been stored two hours ago."""
    path = files.folder / sha256[:2] / sha256
    stored = path.stat().st_mtime - 7200
    os.utime(path, (stored, stored))
    return path


def test_bytes_are_gone_once_nobody_stored_them_for_a_while(files: FolderFiles) -> None:
    stored = files.store(io.BytesIO(b"curriculum"), 100)
    path = aged(files, stored.sha256)
    assert files.discard(stored.sha256)
    assert not path.exists()
    assert files.discard(stored.sha256)


def test_bytes_that_somebody_stored_again_a_moment_ago_stay(files: FolderFiles) -> None:
    stored = files.store(io.BytesIO(b"curriculum"), 100)
    aged(files, stored.sha256)
    files.store(io.BytesIO(b"curriculum"), 100)
    assert not files.discard(stored.sha256)
    with files.open(stored.sha256) as opened:
        assert opened.read() == b"curriculum"


def test_bytes_that_a_clock_stored_which_stood_ahead_count_as_stored_now(files: FolderFiles) -> None:
    stored = files.store(io.BytesIO(b"curriculum"), 100)
    path = files.path_of(stored.sha256)
    now = path.stat().st_mtime
    os.utime(path, (now + 3e6, now + 3e6))
    assert not files.discard(stored.sha256)
    assert now <= path.stat().st_mtime < now + 3600
    aged(files, stored.sha256)
    assert files.discard(stored.sha256)


def test_nothing_outside_the_folder_is_ever_discarded(files: FolderFiles) -> None:
    with pytest.raises(FileMissing):
        files.discard("../../etc/passwd")
