"""What is taken in of what strangers send: names, fields and files, each looked at before it is kept."""

import codecs
import csv
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from app.core.errors import JsonValue
from app.dossiers import inspection
from app.dossiers.errors import EvidenceFieldsWrong, FileRefused, FileTooLarge, ScannerNotAvailable
from app.dossiers.inspection import Fault
from app.ports import Ports, ScannerUnavailable, ScanResult, StoredFile
from app.schemes.evidence import FileRules, FileType
from app.schemes.fields import JsonScalar

log: Final = logging.getLogger("sigillo.intake")
LONGEST_NAME: Final = 255
LONGEST_FIELDS: Final = 20_000
WAIT: Final = 30.0
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
# Nothing that leads up to the markup is tried twice: comment after comment would take for ever.
_MARKUP: Final = re.compile(
    r"\s*+(?:(?><!--.*?-->)\s*+)*+<(?:!doctype|\?xml|html|head|body|script|style|iframe|svg|object|embed|table|a|img)\b",
    re.IGNORECASE | re.DOTALL,
)
_OTHER: Final = re.compile(r"\s*(?:%PDF-|%!PS|\{\\rtf|GIF8[79]a|#!|MIME-Version:|From )", re.IGNORECASE)
_MAGIC: Final[Mapping[str, tuple[bytes, ...]]] = {
    "pdf": (b"%PDF-1.", b"%PDF-2."),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
}
# What browsers and tools say of a text of this kind when they know no better.
_ALSO_CALLED: Final[Mapping[str, frozenset[str]]] = {
    "md": frozenset({"text/plain", "text/x-markdown", "application/octet-stream"}),
    "csv": frozenset(
        {"text/plain", "application/csv", "application/vnd.ms-excel", "application/octet-stream"}
    ),
}
_SAID: Final[Mapping[Fault, str]] = {
    Fault.DAMAGED: "The file cannot be read as what its name says. Save it again and send that.",
    Fault.ENCRYPTED: "The PDF is protected by a password. Send it without.",
    Fault.ACTIVE: "The PDF holds a script, an attachment or a command. Print it to a plain PDF.",
    Fault.LENGTH: "The PDF has no pages, or more than anyone will read.",
    Fault.PIXELS: "The picture has more pixels than anyone needs. Make it smaller.",
    Fault.TRAILING: "More follows where the file should end. Save it again and send that.",
    Fault.TOO_MUCH: "The file takes too much work to read. Make a simpler one.",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A file as it was sent: what it is called, what it is said to be, and its bytes."""

    name: str
    media_type: str
    source: BinaryIO


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file that is what it says: its name made harmless, its type, its size."""

    name: str
    type: FileType
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was looked at, scanned and stored."""

    recognised: Recognised
    stored: StoredFile
    scan: ScanResult


def take_in(ports: Ports, offered: Offered, rules: FileRules, held: int) -> Kept:
    """Look at a file, scan it and store it, where `held` bytes are there already.

    It takes seconds, so no transaction may be open. Whoever does not name the bytes afterwards leaves word to
    forget them.
    """
    recognised = recognise(offered, rules)
    require_room(rules, held, recognised.size)
    try:
        scan = ports.scanner.scan(offered.source)
    except ScannerUnavailable as error:
        raise ScannerNotAvailable("Try again later. Nothing was kept.") from error
    offered.source.seek(0)
    return Kept(recognised, ports.files.store(offered.source, rules.max_bytes), scan)


def require_room(rules: FileRules, held: int, size: int) -> None:
    """Insist that all the files of one place together weigh no more than the scheme allows."""
    if held + size > rules.total_bytes:
        raise FileTooLarge(
            f"The files weigh at most {rules.total_mb} MB together.",
            limit=rules.total_bytes,
        )


def harmless_name(name: str) -> str:
    """Keep of a name what can be shown: no path, nothing invisible, nothing that turns the reading round."""
    plain = unicodedata.normalize("NFC", "".join(c for c in name if unicodedata.category(c) not in _HIDDEN))
    last = re.split(r"[/\\]", plain)[-1]
    shown = " ".join(last.split()).strip(". ")
    stem, dot, extension = shown.rpartition(".")
    if not dot or len(extension) > 10:  # noqa: PLR2004 - longer than any extension that we know
        return shown[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - 1 - len(extension)]}.{extension}"


def read_fields(text: str) -> dict[str, JsonScalar]:
    """Read the fields of an item: one flat JSON object, each name once, nothing but plain values."""
    if len(text) > LONGEST_FIELDS:
        raise EvidenceFieldsWrong(f"The fields take at most {LONGEST_FIELDS} characters.")
    try:
        read: JsonValue = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise EvidenceFieldsWrong("The fields are one JSON object in which each name stands once.") from None
    if not isinstance(read, dict):
        raise EvidenceFieldsWrong("The fields are one JSON object.")
    fields: dict[str, JsonScalar] = {}
    for name, value in read.items():
        if isinstance(value, list | dict):
            raise EvidenceFieldsWrong("A field holds a text, a number or true or false, and no list.")
        if not (_is_storable(name) and _is_storable(value)):
            raise EvidenceFieldsWrong("A field holds a character or a number that cannot be kept.")
        fields[name] = value
    return fields


def _once(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice")
    return read


def _no_number(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no number")


def _is_storable(value: JsonScalar) -> bool:
    if isinstance(value, str):
        return not _CONTROL.search(value) and not any("\ud800" <= c <= "\udfff" for c in value)
    return not isinstance(value, int | float) or abs(value) < 1e15  # noqa: PLR2004 - every reader of JSON agrees on these


def recognise(offered: Offered, rules: FileRules) -> Recognised:
    """Insist that name, declared type and content agree, on one of the types that the scheme takes."""
    name = harmless_name(offered.name)
    size = offered.source.seek(0, os.SEEK_END)
    if size > rules.max_bytes:
        raise FileTooLarge(f"At most {rules.max_mb} MB are taken in for one file.", limit=rules.max_bytes)
    if size == 0:
        raise FileRefused("The file is empty.", reason="empty")
    kind = rules.type_of(name)
    if kind is None:
        taken: list[JsonValue] = [extension for one in rules.types for extension in one.extensions]
        raise FileRefused("Files of this type are not taken in.", reason="type", taken=taken)
    declared = offered.media_type.partition(";")[0].strip().lower()
    if declared != kind.media_type and declared not in _ALSO_CALLED.get(kind.id, ()):
        raise FileRefused("The file is declared as something else than its name says.", reason="declared")
    _look_inside(kind, offered.source)
    offered.source.seek(0)
    return Recognised(name, kind, size)


def _look_inside(kind: FileType, source: BinaryIO) -> None:
    source.seek(0)
    if kind.id in {"md", "csv"}:
        _look_at_text(kind, source.read())
        return
    if not source.read(8).startswith(_MAGIC[kind.id]):
        raise FileRefused("The content is not what the name says.", reason="content")
    found = _inspected(kind.id, source)
    if found is not Fault.SOUND:
        raise FileRefused(_SAID[found], reason=found.value)


def _look_at_text(kind: FileType, content: bytes) -> None:
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError:
        raise FileRefused("The text is not written in UTF-8.", reason="content") from None
    if _CONTROL.search(text) or _MARKUP.match(text) or _OTHER.match(text) or "%PDF-" in text[:1024]:
        raise FileRefused("The content is not the plain text that the name says.", reason="content")
    if kind.id == "csv":
        _look_at_rows(text)


def _look_at_rows(text: str) -> None:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = sum(
            1 for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True) if row
        )
    except csv.Error:
        raise FileRefused("The file cannot be read as a table.", reason="content") from None
    if not rows:
        raise FileRefused("The table has no rows.", reason="empty")


def _inspected(kind: str, source: BinaryIO) -> Fault:
    """Have another process look, which knows none of our secrets and can be stopped."""
    with tempfile.TemporaryFile() as copy:
        source.seek(0)
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module; `kind` is the scheme's word
                [sys.executable, "-I", inspection.__file__, kind],
                stdin=copy,
                capture_output=True,
                timeout=WAIT,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Fault.TOO_MUCH
    answer = done.stdout.decode("ascii", "replace")
    if done.returncode == 0 and answer in set(Fault):
        return Fault(answer)
    # Killed for what it used, or fallen over what it read: either way not for us, and worth a look.
    log.warning("inspection.fell", extra={"status": done.returncode})
    return Fault.TOO_MUCH if done.returncode < 0 else Fault.DAMAGED
