"""Files that are their owner's alone: the sign-in, and what waits to be sent."""

import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import typer

from app.client.words import Told

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class NotPrivate(Told):
    """A file cannot be kept, or others could read what is in it."""


def home() -> Path:
    """Say where the command keeps what it must remember."""
    return Path(os.environ.get("SIGILLO_HOME") or typer.get_app_dir("sigillo"))


def write(path: Path, content: Any) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _not_writable_by_others(path.parent)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # made readable by its owner alone
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotPrivate("not-kept", path=path, why=error.strerror or "?") from None


def read(path: Path) -> Any:
    """Read such a file, or nothing if there is none; refuse one that others could have read or written."""
    try:
        with path.open(encoding="utf-8") as file:
            found = os.fstat(file.fileno())
            if os.name == "posix" and (found.st_mode & OTHERS or found.st_uid != os.geteuid()):
                raise NotPrivate("read-by-others", path=path)
            return json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NotPrivate("not-read", path=path, why=error.strerror or "?") from None
    except ValueError:
        raise NotPrivate("not-understood", path=path) from None


def remove(path: Path) -> bool:
    """Remove a file; tell whether there was one."""
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise NotPrivate("not-removed", path=path, why=error.strerror or "?") from None
    return True


def waiting(folder: Path) -> list[Path]:
    """List the files of such a folder, in the order of their names."""
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.suffix == ".json")
    return []


def _not_writable_by_others(folder: Path) -> None:
    if os.name == "posix" and folder.stat().st_mode & WRITABLE_BY_OTHERS:
        raise NotPrivate("folder-of-others", path=folder)
