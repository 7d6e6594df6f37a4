"""Batches: many rows at once, followed until they are done."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.client.calls.part import Part, Query, to

if TYPE_CHECKING:
    from app.client.shapes import BatchesResultOut, BatchOut, Kind, RowState

LINES: Final = "application/x-ndjson"
TABLE: Final = "text/csv"
PAUSE_SECONDS: Final = 1.0
_MARK: Final = b"\xef\xbb\xbf"
Rows = Path | bytes | Iterable[Mapping[str, Any]]


def first_row(content: bytes) -> bytes:
    return content.lstrip(_MARK + b" \r\n")[:2000].split(b"\n")[0]


def media_type(content: bytes) -> str:
    """Tell JSON lines from a table by how they begin."""
    return LINES if first_row(content).startswith(b"{") else TABLE


def kind_of(content: bytes) -> Kind:
    """Tell what rows are by the first of them."""
    first = first_row(content)
    if b"votes" in first:
        return "decisions"
    return "credentials" if re.search(rb"\bdecision\b", first) else "members"


class Batches(Part):
    """Files of members, credentials to issue, or decisions taken elsewhere."""

    def send(
        self,
        rows: Rows,
        *,
        kind: Kind | None = None,
        minutes: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> BatchOut:
        """Send rows: a file of JSON lines or CSV, its content, or rows one by one.

        A kind that is not named is told by the first row. Decisions name their minutes.
        """
        if isinstance(rows, Path):
            rows = rows.read_bytes()
        if not isinstance(rows, bytes):
            rows = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        query: dict[str, Query] = {
            "kind": kind or kind_of(rows),
            "minutes": minutes,
            "dry_run": dry_run or None,
        }
        return self._send("v1", "batches", content=rows, media_type=media_type(rows), key=key, query=query)

    def all(self, *, kind: Kind | None = None) -> Iterator[BatchOut]:
        return self._all("v1", "batches", kind=kind)

    def read(self, batch: str) -> BatchOut:
        return self._get("v1", "batches", batch)

    def follow(self, batch: str, *, pause: Callable[[float], None] = time.sleep) -> Iterator[BatchOut]:
        """Look at a batch every second, and give what was seen, up to the last: when it is done."""
        while True:
            found = self.read(batch)
            yield found
            if found["done"]:
                return
            pause(PAUSE_SECONDS)

    def cancel(self, batch: str) -> BatchOut:
        """Have a batch begin no further row; what is done stays."""
        return self._move("v1", "batches", batch, "cancellation")

    def results(self, batch: str, *, state: RowState | None = None) -> Iterator[BatchesResultOut]:
        """Tell what became of each row."""
        return self._all("v1", "batches", batch, "results", state=state)

    def results_file(self, batch: str, media_type: str = LINES) -> bytes:
        """Give the results as a file: JSON lines, or `text/csv`."""
        return self._api.content(to("v1", "batches", batch, "results"), accept=media_type)
