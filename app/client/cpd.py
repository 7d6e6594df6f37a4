"""Activities of continuing development: read from a CSV, sent in chunks, with a result for every row."""

import csv
import difflib
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final

from app.client import terminal
from app.client.api import Api, Json, Refused
from app.client.folder import MEDIA_TYPES
from app.client.words import Language, Told, Voice

# Each column, with what stands in it in the template.
COLUMNS: Final[Mapping[str, str]] = {
    "title": "Corso: valutare modelli linguistici",
    "provider": "Scuola di esempio",
    "started_on": "2027-03-15",
    "ended_on": "2027-03-17",
    "hours": "16",
    "category": "learning",
    "topics": "responsible_ai:2 sustainability:0.5",
    "competences": "T2 C1",
    "note": "",
    "proof_kind": "url",
    "proof": "https://example.org/attestato/123",
    "claim": "yes",
    "credential": "",
}
NEEDED: Final = ("title", "provider", "started_on", "hours", "category", "competences")
DELIMITERS: Final = ",;\t"
ROWS_AT_ONCE: Final = 200
BYTES_AT_ONCE: Final = 800_000
LONGEST_FILE: Final = 20_000_000
YES: Final = frozenset({"", "1", "y", "yes", "true", "s", "si", "sì", "x"})
NO: Final = frozenset({"0", "n", "no", "false"})
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_EUROPEAN: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,6}([.,]\d{1,4})?", re.ASCII)
_TOPIC: Final = re.compile(
    r"([a-z][a-z0-9_]*)\s*[:=]\s*(\d{1,6}(?:[.,]\d{1,4})?)(?![\d.,]*\d)", re.ASCII | re.IGNORECASE
)
_BETWEEN: Final = re.compile(r"[\s,;|]+")


class CsvWrong(Told):
    """The file cannot be read as activities; the message says what to mend."""


class Unreadable(Told):
    """A value cannot be read; the message says which."""

    def said(self, voice: Voice) -> str:
        """Say it with the column named in the reader's language."""
        column = str(self.facts.get("column", ""))
        return voice.say(self.code, **{**self.facts, "column": terminal.field(column, voice)})


def day(text: str, column: str) -> str:
    """Read a date as people write it, in Italy or for machines, and write it for machines."""
    stripped = text.strip()
    if found := _ISO.fullmatch(stripped):
        year, month, number = map(int, found.groups())
    elif found := _EUROPEAN.fullmatch(stripped):
        number, month, year = map(int, found.groups())
    else:
        raise Unreadable("row-date", column=column, value=stripped)
    try:
        return date(year, month, number).isoformat()
    except ValueError:
        raise Unreadable("row-date", column=column, value=stripped) from None


def hours(text: str, column: str = "hours") -> str:
    """Read hours, with a decimal comma or point."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        raise Unreadable("row-hours", column=column, value=stripped)
    return stripped.replace(",", ".")


def topics(text: str) -> dict[str, str]:
    """Read hours by topic: `responsible_ai:2 sustainability:1,5`."""
    found = {name.lower(): amount.replace(",", ".") for name, amount in _TOPIC.findall(text)}
    if _BETWEEN.sub("", _TOPIC.sub("", text)):
        raise Unreadable("row-topics", value=text.strip())
    return found


def competences(text: str) -> list[str]:
    """Read a list of competences, with anything sensible between them; schemes name them in capitals."""
    return [name.upper() for name in _BETWEEN.split(text) if name]


def category(text: str) -> str:
    """Read a category; schemes name them in small letters."""
    return text.strip().lower()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: what is sent of it, or why it cannot be sent."""

    number: int
    title: str
    body: Json
    file: Path | None = None
    file_kind: str = ""
    wrong: tuple[Told, ...] = ()


@dataclass(slots=True)
class Result:
    """What became of a row."""

    row: Row
    outcome: str
    activity: str | None = None
    state: str | None = None
    reasons: list[str] = field(default_factory=list)
    code: str | None = None

    def as_json(self) -> Json:
        return {
            "row": self.row.number,
            "title": self.row.title,
            "outcome": self.outcome,
            "activity": self.activity,
            "state": self.state,
            "code": self.code,
            "reasons": self.reasons,
        }


def template(voice: Voice) -> str:
    """Write a file to fill in: the names of the columns and one example."""
    italian = voice.language is Language.IT
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if italian else ",", lineterminator="\n")
    writer.writerow(voice.named("field", name) for name in COLUMNS)
    said = {"yes": "sì", COLUMNS["topics"]: COLUMNS["topics"].replace(".", ",")} if italian else {}
    writer.writerow(said.get(example, example) for example in COLUMNS.values())
    return out.getvalue()


def read(path: Path) -> list[Row]:
    """Read a CSV of activities; rows that cannot be sent say why, and spoil no others."""
    text = _text(path)
    names, records = _table(path, text)
    rows = [
        _row(number, dict(zip(names, cells, strict=False)), cells, names, path.parent)
        for number, cells in records
    ]
    if not rows:
        raise CsvWrong("csv-empty", path=path)
    return rows


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CsvWrong("file-gone", path=path) from None
    except OSError as error:
        raise CsvWrong("file-unreadable", path=path, why=error.strerror) from None
    if not content.strip():
        raise CsvWrong("file-empty", path=path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CsvWrong("csv-not-utf8", path=path) from None
    if "\0" in text:
        raise CsvWrong("csv-not-utf8", path=path)
    return text


def _table(path: Path, text: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Find the delimiter by the names of the columns; number the rows as a spreadsheet does."""
    known = {Voice(language).named("field", name): name for language in Language for name in COLUMNS}

    def heads(delimiter: str) -> list[str]:
        first = next(_records(path, text, delimiter), (1, []))[1]
        return [head.strip().lower().replace(" ", "_") for head in first]

    delimiter = max(DELIMITERS, key=lambda one: sum(head in known for head in heads(one)))
    found = heads(delimiter)
    while found and not found[-1]:
        found.pop()  # spreadsheets leave empty columns behind
    for head in found:
        if head not in known:
            guess = difflib.get_close_matches(head, known, 1)
            raise CsvWrong(
                "csv-column-unknown",
                path=path,
                column=head,
                guess=f" (→ {guess[0]}?)" if guess else "",
                columns=", ".join(COLUMNS),
            )
    names = [known[head] for head in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CsvWrong("csv-column-twice", path=path, column=twice)
    if missing := [name for name in NEEDED if name not in names]:
        raise CsvWrong("csv-columns-missing", path=path, columns=", ".join(missing))
    records = _records(path, text, delimiter)
    next(records)
    return names, ((number, cells) for number, cells in records if any(cell.strip() for cell in cells))


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from enumerate(reader, 1)
    except csv.Error as error:
        raise CsvWrong("csv-unreadable", path=path, line=reader.line_num, why=error) from None


def _row(
    number: int, given: Mapping[str, str], cells: Sequence[str], names: Sequence[str], beside: Path
) -> Row:
    cell = {name: given.get(name, "").strip() for name in COLUMNS}
    body: Json = {
        "title": cell["title"],
        "provider": cell["provider"],
        "category": category(cell["category"]),
    }
    wrong: list[Told] = [Unreadable("row-missing", column=name) for name in NEEDED if not cell[name]]
    if any(extra.strip() for extra in cells[len(names) :]):
        wrong.append(Unreadable("row-too-many-cells"))

    def read_into(name: str, reading: Callable[[], Any]) -> None:
        try:
            body[name] = reading()
        except Told as unreadable:
            wrong.append(unreadable)

    if cell["started_on"]:
        read_into("started_on", lambda: day(cell["started_on"], "started_on"))
        read_into("ended_on", lambda: day(cell["ended_on"] or cell["started_on"], "ended_on"))
    if cell["hours"]:
        read_into("hours", lambda: hours(cell["hours"]))
    read_into("topics", lambda: topics(cell["topics"]))
    body["competences"] = competences(cell["competences"])
    read_into("claim", lambda: _yes(cell["claim"]))
    if cell["note"]:
        body["note"] = cell["note"]
    if cell["credential"]:
        body["credential"] = cell["credential"]
    try:
        reference, file, kind = proof_of(cell["proof"], cell["proof_kind"], beside)
    except Told as unreadable:
        wrong.append(unreadable)
        reference, file, kind = None, None, ""
    if reference:
        body["proof"] = [{"kind": kind, "reference": reference}]
    return Row(number, cell["title"], body, file, kind, tuple(wrong))


def _yes(text: str) -> bool:
    if text.lower() in YES:
        return True
    if text.lower() in NO:
        return False
    raise Unreadable("row-claim", value=text)


def proof_of(proof: str, kind: str, beside: Path) -> tuple[str | None, Path | None, str]:
    """Tell what a proof is: a reference (an address, words), or a file; and of which kind."""
    if not proof:
        if kind:
            raise Unreadable("row-proof-missing")
        return None, None, ""
    if proof.startswith(("http://", "https://")):
        return proof, None, kind or "url"
    if not kind:
        raise Unreadable("row-proof-kind")
    path = beside / proof
    if "\n" not in proof and is_file(path):
        if not path.resolve().is_relative_to(beside.resolve()):
            raise Unreadable("row-proof-outside", value=proof)
        return None, path, kind
    if Path(proof).suffix.lower() in MEDIA_TYPES:
        raise Unreadable("row-proof-gone", value=proof)
    return proof, None, kind


def is_file(path: Path) -> bool:
    """Tell whether there is such a file."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _unheard(number: int) -> None:
    """Let nobody know how far it got."""
    del number


@dataclass(slots=True)
class Import:
    """An import under way. It may be broken off and begun again: rows that arrived are recognised."""

    api: Api
    rows: Sequence[Row]
    voice: Voice
    credential: Callable[[], str]
    results: dict[int, Result] = field(default_factory=dict)
    files: int = 0
    _first: dict[str, int] = field(default_factory=dict)  # the row in which each activity came first

    def send(self, sent: Callable[[int], None] = _unheard) -> None:
        """Send the rows that can be sent, in chunks; `sent` hears how many were dealt with each time."""
        for row in self.rows:
            if row.wrong:
                self.results[row.number] = Result(
                    row, "refused", reasons=[one.said(self.voice) for one in row.wrong]
                )
                self.results[row.number].code = row.wrong[0].code
                sent(1)
        for chunk in self._chunks():
            self._send(chunk)
            sent(len(chunk))

    def prove(
        self, opening: Callable[[Path], AbstractContextManager[BinaryIO]], sent: Callable[[int], None]
    ) -> None:
        """Send the proofs that are not there yet, and claim what is complete with them."""
        for row in self.to_prove():
            result = self.results[row.number]
            try:
                self._prove(row, result, opening)
            except Refused as refused:
                result.code = refused.code
                result.reasons = [self._said(refused)]
            except CsvWrong as wrong:  # the file cannot be read; the other rows' can
                result.code = wrong.code
                result.reasons = [wrong.said(self.voice)]
            sent(1)

    def to_prove(self) -> list[Row]:
        """List the rows that are not claimed yet, and may be once their proof is there."""
        return [row for row in self.rows if self._wants_proof(row)]

    def _wants_proof(self, row: Row) -> bool:
        result = self.results.get(row.number)
        if result is None or result.outcome == "refused" or result.state not in {"draft", "queried"}:
            return False
        if row.file is not None:
            return True
        # A draft of an earlier import: its row may have got a proof since, or what stood in its way is over.
        lacks_proof = str(result.code or "").startswith("proof-")
        mended = "proof" in row.body if lacks_proof else result.code is None
        return result.outcome == "unchanged" and row.body["claim"] and mended

    def _prove(
        self, row: Row, result: Result, opening: Callable[[Path], AbstractContextManager[BinaryIO]]
    ) -> None:
        path = f"/v1/cpd-activities/{result.activity}"
        there = self.api.get(path)
        result.state = there["state"]
        if there["state"] not in {"draft", "queried"}:
            return
        sent = 0
        if row.file is not None:
            sent += add_file(self.api, there, row.file, row.file_kind, opening)
            self.files += sent
        for proof in row.body.get("proof", ()):
            if proof not in [{"kind": one["kind"], "reference": one["reference"]} for one in there["proofs"]]:
                self.api.upload(f"{path}/proofs", proof)
                sent += 1
        # The same row over again answers no question, and claims nothing that its holder took back.
        if row.body["claim"] and (sent or (there["state"] == "draft" and not there.get("corrects"))):
            result.state = str(self.api.post(f"{path}/claim")["state"])
        result.reasons, result.code = [], None

    @property
    def counts(self) -> dict[str, int]:
        """Count the rows by what became of them."""
        found = {"created": 0, "unchanged": 0, "refused": 0, "not_sent": len(self.rows) - len(self.results)}
        for result in self.results.values():
            found[result.outcome] += 1
        return found

    def in_order(self) -> list[Result]:
        """List what became of every row, in the order of the file."""
        return [self.results.get(row.number) or Result(row, "not_sent") for row in self.rows]

    def _chunks(self) -> Iterator[list[Row]]:
        chunk: list[Row] = []
        size = 0
        for row in self.rows:
            if row.wrong:
                continue
            length = len(json.dumps(self._body(row)).encode())
            if chunk and (len(chunk) == ROWS_AT_ONCE or size + length > BYTES_AT_ONCE):
                yield chunk
                chunk, size = [], 0
            chunk.append(row)
            size += length
        if chunk:
            yield chunk

    def _body(self, row: Row) -> Json:
        # A row whose proof is a file is claimed once the file is there.
        claim = row.body.get("claim", True) and row.file is None
        body = {"credential": row.body.get("credential") or self.credential(), **row.body}
        return {"row": row.number, **body, "claim": claim}

    def _send(self, chunk: Sequence[Row]) -> None:
        try:
            answer = self.api.post("/v1/cpd-imports", {"rows": [self._body(row) for row in chunk]})
        except Refused as refused:
            if refused.code not in {"malformed", "too-large"}:
                raise
            self._without_the_spoilt(chunk, refused)
            return
        by_number = {row.number: row for row in chunk}
        for found in answer["results"]:
            row = by_number[found["row"]]
            self.results[row.number] = Result(
                row,
                found["outcome"],
                activity=found.get("activity"),
                state=found.get("state"),
                reasons=self._reasons(found),
                code=found.get("code"),
            )
            first = self._first.setdefault(str(found.get("activity")), row.number)
            if found["outcome"] == "unchanged" and found.get("activity") and first != row.number:
                self.results[row.number].reasons.append(self.voice.say("row-same", row=first))

    def _reasons(self, found: Json) -> list[str]:
        faults = [terminal.item_of(fault, self.voice) for fault in found.get("faults") or ()]
        detail = self.voice.both(found.get("detail"))
        return faults or ([detail] if detail else [])

    def _without_the_spoilt(self, chunk: Sequence[Row], refused: Refused) -> None:
        """Take out the rows that made the service refuse them all, and send the others."""
        spoilt: dict[int, list[str]] = {}
        for error in refused.problem.get("errors") or ():
            place = re.match(r"#/rows/(\d+)(/.*)?", str(error.get("pointer", "")))
            if place and int(place[1]) < len(chunk):
                said = terminal.malformed(error, self.voice)
                spoilt.setdefault(int(place[1]), []).append(said)
        if not spoilt and len(chunk) > 1:
            half = len(chunk) // 2
            self._send(chunk[:half])
            self._send(chunk[half:])
            return
        if not spoilt:
            spoilt = {0: [self._said(refused)]}
        for spoilt_one, why in spoilt.items():
            row = chunk[spoilt_one]
            self.results[row.number] = Result(row, "refused", reasons=why, code=refused.code)
        if rest := [row for number, row in enumerate(chunk) if number not in spoilt]:
            self._send(rest)

    def _said(self, refused: Refused) -> str:
        return "; ".join(terminal.reasons(refused, self.voice)) or str(refused)


def digest_of(path: Path) -> str:
    """Give the hash of a file that is to be sent, or say why it cannot be."""
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise CsvWrong("file-too-long", path=path, limit=LONGEST_FILE // 1_000_000)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise CsvWrong("file-gone", path=path) from None
    except OSError as error:
        raise CsvWrong("file-unreadable", path=path, why=error.strerror) from None


def add_file(
    api: Api,
    activity: Json,
    path: Path,
    kind: str,
    opening: Callable[[Path], AbstractContextManager[BinaryIO]],
) -> bool:
    """Send a file that proves an activity, unless its bytes are there already; tell whether it was sent."""
    digest = digest_of(path)
    if any(proof.get("sha256") == digest for proof in activity["proofs"]):
        return False
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    with opening(path) as file:
        api.upload(
            f"/v1/cpd-activities/{activity['id']}/proofs",
            {"kind": kind},
            {"file": (path.name, file, media_type)},
        )
    return True


def report(path: Path, results: Sequence[Result]) -> None:
    """Write what became of every row, for a spreadsheet."""
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "title", "outcome", "state", "activity", "code", "reasons"])
            for one in results:
                line = [one.row.number, one.row.title, one.outcome, one.state, one.activity, one.code]
                writer.writerow([*map(_inert, line), _inert("; ".join(one.reasons))])
    except OSError as error:
        raise CsvWrong("file-unwritable", path=path, why=error.strerror) from None


def _inert(cell: object) -> str:
    """Keep a spreadsheet from running what stands in a cell."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
