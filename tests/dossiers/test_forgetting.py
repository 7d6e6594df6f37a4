"""What becomes of the bytes of evidence that was taken out again."""

import os
from datetime import timedelta
from pathlib import Path

from app.adapters.files import FolderFiles
from app.main import worker
from app.ports import FILES_SETTLE, Ports
from tests.dossiers import steps
from tests.fakes import SetClock

LATER = FILES_SETTLE + timedelta(minutes=10)


def hours_pass(ports: Ports) -> None:
    """The clock moves, and so does the age of every file."""
    assert isinstance(ports.files, FolderFiles)
    assert isinstance(ports.clock, SetClock)
    ports.clock.move(LATER)
    for path in stored(ports):
        age = path.stat().st_mtime - LATER.total_seconds()
        os.utime(path, (age, age))
    worker(ports).drain()


def stored(ports: Ports) -> list[Path]:
    assert isinstance(ports.files, FolderFiles)
    return [path for path in ports.files.folder.rglob("*") if path.is_file()]


def test_the_bytes_of_removed_evidence_are_deleted_and_only_after_a_while(
    ports: Ports, cast: steps.Cast
) -> None:
    dossier = steps.begin(cast.applicant)
    item = steps.attach(cast.applicant, dossier).json()["id"]
    removed = cast.applicant.calls.delete(f"/v1/dossiers/{dossier}/evidence/{item}")
    assert removed.status_code == 204
    worker(ports).drain()
    assert len(stored(ports)) == 1
    hours_pass(ports)
    assert stored(ports) == []


def test_bytes_that_other_evidence_still_names_stay(ports: Ports, cast: steps.Cast) -> None:
    dossier = steps.begin(cast.applicant)
    item = steps.attach(cast.applicant, dossier).json()["id"]
    theirs = steps.begin(cast.other)
    kept = steps.attach(cast.other, theirs).json()["id"]
    cast.applicant.calls.delete(f"/v1/dossiers/{dossier}/evidence/{item}")
    hours_pass(ports)
    answer = cast.other.calls.get(f"/v1/dossiers/{theirs}/evidence/{kept}/file")
    assert answer.content == steps.PROOF
