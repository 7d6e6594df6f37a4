"""A dossier as a folder: `dossier.yaml`, and the files that it names beside it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from app.client.words import Told

NAME: Final = "dossier.yaml"
MEDIA_TYPES: Final = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".md": "text/markdown",
    ".csv": "text/csv",
}


class FolderWrong(Told):
    """The folder is not a dossier; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence in the folder."""

    kind: str
    fields: dict[str, Any]
    path: Path | None

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES.get(self.path.suffix.lower() if self.path else "", "application/octet-stream")

    def sha256(self) -> str | None:
        if self.path is None:
            return None
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise FolderWrong("file-unreadable", path=self.path, why=error.strerror) from None


@dataclass(frozen=True, slots=True)
class Folder:
    """What a candidate prepared on their own machine."""

    scheme: str
    language: str
    ai_disclosure: bool
    pieces: tuple[Piece, ...]


def read(folder: Path) -> Folder:
    """Read a dossier folder, or raise `FolderWrong` naming the line to mend."""
    description = folder / NAME
    try:
        content = yaml.safe_load(description.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FolderWrong("folder-empty", folder=folder, name=NAME) from None
    except OSError as error:
        raise FolderWrong("folder-unreadable", folder=folder, why=error.strerror) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FolderWrong("folder-not-yaml", path=description, why=error) from None
    if not isinstance(content, dict) or not isinstance(content.get("evidence"), list):
        raise FolderWrong("folder-shapeless", path=description)
    return Folder(
        scheme=str(content.get("scheme", "")),
        language=str(content.get("language", "it")),
        ai_disclosure=content.get("ai_disclosure") is True,
        pieces=tuple(_piece(folder, place, item) for place, item in enumerate(content["evidence"], 1)),
    )


def _piece(folder: Path, place: int, item: object) -> Piece:
    if not isinstance(item, dict) or not isinstance(item.get("kind"), str):
        raise FolderWrong("evidence-kindless", place=place)
    fields = item.get("fields") or {}
    if not isinstance(fields, dict):
        raise FolderWrong("evidence-fields", place=place)
    name = item.get("file")
    if name is None:
        return Piece(item["kind"], fields, None)
    path = folder / str(name)
    if not path.is_file():
        raise FolderWrong("evidence-gone", place=place, name=name, folder=folder)
    if path.resolve().parent != folder.resolve():
        raise FolderWrong("evidence-outside", place=place, name=name, folder=folder)
    return Piece(item["kind"], fields, path)
