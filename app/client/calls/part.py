"""What the parts of the client share: paths of safe segments, and answers of the type that is asked for."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from app.client.api import Answered, Api, NotUsable

Query = str | int | bool | datetime | list[Any] | tuple[str, ...] | None
File = Path | tuple[str, bytes]
TYPES: Final = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".md": "text/markdown",
    ".csv": "text/csv",
}


class Part:
    """A part of the service, and how it is asked; what type an answer has, its caller says."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def _get(self, *path: str, **query: Query) -> Any:
        return self._api.get(to(*path), **asked(query))

    def _all(self, *path: str, **query: Query) -> Iterator[Any]:
        return self._api.all(to(*path), **asked(query))

    def _post(self, *path: str, body: object = None, key: str | None, **query: Query) -> Any:
        return self._api.post(to(*path), told(body), key=key, **asked(query))

    def _move(self, *path: str, body: object = None) -> Any:
        return self._api.move(to(*path), told(body))

    def _patch(self, *path: str, body: object, edition: str | None = None) -> Any:
        return self._api.patch(to(*path), told(body), edition=edition)

    def _put(self, *path: str, body: object, edition: str) -> Any:
        return self._api.put(to(*path), told(body), edition=edition)

    def _upload(self, *path: str, fields: Mapping[str, object], file: File | None, key: str | None) -> Any:
        form = {name: str(value) for name, value in fields.items()}
        files = {"file": read(file)} if file else None
        return self._api.upload(to(*path), form, files, key=key)

    def _send(
        self, *path: str, content: bytes, media_type: str, key: str | None, query: Mapping[str, Query]
    ) -> Any:
        return self._api.send(to(*path), content, media_type=media_type, key=key, query=asked(query))


def to(*segments: str) -> str:
    """Make a path of segments, none of which leads anywhere else."""
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise NotUsable("segment-wrong", asked=segment)
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def asked(query: Mapping[str, Query]) -> dict[str, Any]:
    """Write a query: what is not given is left out, times as RFC 3339 has them."""
    return {name: _written(value) for name, value in query.items() if value is not None}


def _written(value: Query) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    return [*value] if isinstance(value, list | tuple) else str(value)


def told(body: object) -> dict[str, Any]:
    return dict(body) if isinstance(body, Mapping) else {}


def read(file: File) -> tuple[str, bytes, str]:
    """Read a file whole, so that it can be sent again; what it holds is told by its name."""
    name, content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
    return name, content, TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def edition(answer: object) -> str:
    """Tell the edition that an answer was read in, so that nobody else's change is written over."""
    found = answer.edition if isinstance(answer, Answered) else None
    if found is None:
        raise NotUsable("edition-unknown")
    return found
