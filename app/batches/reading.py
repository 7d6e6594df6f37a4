"""Rows as they are sent: read one at a time from JSON lines or CSV, and checked for all that needs no state.

Nothing is kept of a batch in which any row is wrong, and nothing that was sent is repeated in what is said
of it: it may be personal.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, BinaryIO, Final, TextIO

from pydantic import TypeAdapter, ValidationError

from app.batches.errors import BatchRowsWrong, BatchTooLong
from app.batches.rules import LONGEST_ROW, MOST_FAULTS, MOST_ROWS
from app.core.errors import JsonValue, pointer_to

BLANK: Final = object()
BOM: Final = b"\xef\xbb\xbf"
NOT_UTF_8: Final = "not-utf-8"
NO_TEXT: Final = "The row is not written in UTF-8."
Row = dict[str, Any]
Place = tuple[str | int, ...]
# Looks at a row that is of its shape; says what is wrong with it as (place, code, words).
Look = Callable[[Row], Iterable[tuple[Place, str, str]]]


@dataclass(slots=True)
class Faults:
    """What is wrong, in the order of the rows: all of it counted, the first of it told."""

    told: list[JsonValue] = field(default_factory=list)
    count: int = 0

    def add(self, place: Place, code: str, words: str, *, row: int | None = None, line: int = 1) -> None:
        self.count += 1
        if len(self.told) < MOST_FAULTS:
            parts = ["rows", row, *place] if row is not None else list(place)
            self.told.append({"pointer": pointer_to(parts), "line": line, "code": code, "detail": words})


class Stop(Exception):
    """Beyond this place nothing can be read: the form itself is broken."""

    def __init__(self, code: str, words: str, line: int) -> None:
        self.code, self.words, self.line = code, words, line
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Form:
    """How rows are to be read: their shape, their columns, and which values stand once in a batch."""

    shape: TypeAdapter[Any]
    columns: Mapping[str, tuple[str, ...]]
    once: tuple[tuple[str, ...], ...]
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """All rows are right: how many they are, and the digest of what they say."""

    rows: int
    sha256: str


def understand(source: BinaryIO, form: Form, *, table: bool, out: TextIO) -> Understood:
    """Read every row and write it down as it was understood, one JSON line each; else raise all faults."""
    faults, seen = Faults(), [set[str]() for _ in form.once]
    digest, number = hashlib.sha256(), -1
    try:
        for lines, (line, given) in enumerate(_table(source, form) if table else _lines(source)):
            if lines >= MOST_ROWS:
                raise BatchTooLong(
                    f"A batch has at most {MOST_ROWS} rows, empty ones counted.", limit=MOST_ROWS
                )
            if given is BLANK:
                continue
            number += 1
            row = _checked(given, form, seen, faults, number, line, table=table)
            if row is not None and not faults.count:
                written = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
                digest.update(written.encode())
                out.write(written)
    except Stop as stop:
        faults.add((), stop.code, stop.words, row=number + 1, line=stop.line)
    if number < 0 and not faults.count:
        faults.add(("rows",), "empty", "There is no row in it.")
    if faults.count:
        raise BatchRowsWrong(
            f"{'One fault was' if faults.count == 1 else f'{faults.count} faults were'} found. Mend what is "
            "wrong and send the whole batch again.",
            errors=faults.told,
            faults=faults.count,
        )
    return Understood(number + 1, digest.hexdigest())


def _checked(
    given: object, form: Form, seen: list[set[str]], faults: Faults, number: int, line: int, *, table: bool
) -> Row | None:
    before = faults.count

    def add(place: Place, code: str, words: str) -> None:
        shown: Place = ("_".join(map(str, place)),) if table and len(place) > 1 else place
        faults.add(shown, code, words, row=number, line=line)

    try:
        row: Row = form.shape.dump_python(
            form.shape.validate_python(given), mode="json", by_alias=True, exclude_none=True
        )
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            add(fault["loc"], fault["type"].replace("_", "-"), fault["msg"])
        return None
    for known, path in zip(seen, form.once, strict=True):
        value = _at(row, path)
        if value in known:
            add(path, "twice", "It stands in this batch twice.")
        elif value is not None:
            known.add(value)
    for place, code, words in form.look(row) if form.look else ():
        add(place, code, words)
    return row if faults.count == before else None


def _at(row: Row, place: tuple[str, ...]) -> Any:
    found: Any = row
    for part in place:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _lines(source: BinaryIO) -> Iterator[tuple[int, object]]:
    """Read JSON lines: one object each, every name once; empty lines are blank."""
    number = 0
    while line := source.readline(LONGEST_ROW + 1):
        number += 1
        if len(line) > LONGEST_ROW:
            raise Stop("row-too-long", f"A row takes at most {LONGEST_ROW} bytes.", number)
        try:
            text = (line.removeprefix(BOM) if number == 1 else line).decode("utf-8")
        except UnicodeDecodeError:
            raise Stop(NOT_UTF_8, NO_TEXT, number) from None
        if not text.strip():
            yield number, BLANK
            continue
        try:
            yield number, json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        except (ValueError, RecursionError):
            words = "A row is one JSON object on one line, in which each name stands once."
            raise Stop("not-json", words, number) from None


def _once(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a name stands twice")
    return row


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _table(source: BinaryIO, form: Form) -> Iterator[tuple[int, object]]:
    """Read a CSV whose first line names its columns, apart by commas or semicolons; empty cells are none."""
    # It is decoded far ahead of the row that is read: what is no text goes on in disguise, to its line.
    text = TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _records(text, form)
    finally:
        text.detach()


@dataclass(slots=True)
class _Cut:
    """The lines of a table, of which a row may take several: never more of them than a row takes."""

    text: TextIO
    line: int = 0
    length: int = 0  # of the row so far

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.text.readline(LONGEST_ROW + 1)
        if not line:
            raise StopIteration
        self.line, self.length = self.line + 1, self.length + len(line)
        if self.length > LONGEST_ROW:
            raise Stop("row-too-long", f"A row takes at most {LONGEST_ROW} characters.", self.line)
        try:
            line.encode("utf-8")
        except UnicodeEncodeError:
            raise Stop(NOT_UTF_8, NO_TEXT, self.line) from None
        return line


def _records(text: TextIO, form: Form) -> Iterator[tuple[int, object]]:
    lines = _Cut(text)
    first = next(lines, "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    names = _names(first, delimiter, form)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line, lines.length = lines.line + 1, 0
        try:
            cells = next(reader, None)
        except csv.Error:
            raise Stop("not-csv", "The row cannot be read as a row of a table.", line) from None
        if cells is None:
            return
        if len(cells) > len(names):
            raise Stop("not-csv", "The row has more cells than there are columns.", line)
        filled = any(cell.strip() for cell in cells)
        yield line, _nested(zip(names, cells, strict=False), form) if filled else BLANK


def _names(first: str, delimiter: str, form: Form) -> list[str]:
    try:
        heads = next(csv.reader([first], delimiter=delimiter, strict=True), [])
    except csv.Error:
        raise Stop("not-csv", "The first line does not name the columns.", 1) from None
    names = [head.strip().lower() for head in heads]
    if len(set(names)) != len(names) or not set(names) <= form.columns.keys():
        known = ", ".join(form.columns)
        raise Stop("columns-unknown", f"The first line names columns, each once, out of: {known}.", 1)
    return names


def _nested(cells: Iterable[tuple[str, str]], form: Form) -> Row:
    row: Row = {}
    for name, cell in cells:
        if not cell.strip():
            continue
        *path, last = form.columns[name]
        inner = row
        for part in path:
            inner = inner.setdefault(part, {})
        # Of the columns, the votes alone are numbers; what is none stays a text, and is told as such.
        inner[last] = int(cell) if path == ["votes"] and _is_count(cell) else cell
    return row


def _is_count(cell: str) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) <= 9  # noqa: PLR2004 - more is refused anyway
