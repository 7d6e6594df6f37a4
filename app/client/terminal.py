"""What a person sees in a terminal: QR codes, receipts, gaps, and problems in plain words."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from rich import box
from rich.console import Console, ConsoleOptions
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from app.client.api import Json, Refused
from app.client.folder import Piece
from app.client.words import ENGLISH, NOTHING, Voice

# Two modules of a QR code share one character: the upper half and the lower half.
HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


class Qr:
    """A QR code of half blocks: black on white where there are colours, light blocks where there are none."""

    def __init__(self, text: str) -> None:
        import qrcode  # with pictures and all: only who draws one waits for it

        code = qrcode.QRCode(border=2)
        code.add_data(text)
        self._rows: Sequence[Sequence[bool]] = [list(map(bool, row)) for row in code.get_matrix()]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        del options
        colours = console.color_system is not None and not console.no_color
        style = Style(color="black", bgcolor="white") if colours else Style()
        rows = [*self._rows, [False] * len(self._rows[0])] if len(self._rows) % 2 else self._rows
        for upper, lower in zip(rows[::2], rows[1::2], strict=True):
            # Without colours a terminal is taken to be dark, as most are: what is drawn there is light.
            line = (
                HALVES[a, b] if colours else HALVES[not a, not b] for a, b in zip(upper, lower, strict=True)
            )
            yield Segment("".join(line), style)
            yield Segment.line()


def qr(text: str) -> Qr:
    """Draw a QR code, dark on light whatever the terminal's colours."""
    return Qr(text)


def table(*columns: str, title: str | None = None, numbers: Sequence[int] = ()) -> Table:
    """Begin a table of the house; the columns of numbers stand to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place in numbers else "left", overflow="fold")
    return made


def receipt(console: Console, found: Json, voice: Voice = ENGLISH) -> None:
    """Show a receipt: what was handed in, with the hash of every file."""
    made = table(
        "evidence",
        "file",
        "bytes",
        "SHA-256",
        "scan",
        title=voice.say("receipt-title", dossier=found["dossier"]),
        numbers=[2],
    )
    for file in found["files"]:
        made.add_row(
            file["kind"], file["original_name"], str(file["size"]), f"{file['sha256'][:16]}…", file["scan"]
        )
    console.print(made)
    submitted = voice.say(
        "receipt-submitted",
        day=voice.moment(found["submitted_at"]),
        scheme=found["scheme"],
        version=found["scheme_version"],
    )
    console.print(submitted, highlight=False)
    console.print(voice.say("receipt-hash", hash=found["snapshot_hash"]), highlight=False, soft_wrap=True)


def refusal(console: Console, refused: Refused, voice: Voice = ENGLISH) -> None:
    """Show a problem: what it is, each thing that is missing or wrong, and what to do."""
    known = _sentence(refused, voice)
    title = known or refused.problem.get("title") or voice.say("refused")
    console.print(f"✗ {title}", style="bold red", markup=False, highlight=False)
    detail = refused.problem.get("detail")
    if detail and not known:
        console.print(f"  {detail}", markup=False, highlight=False)
    if not refused.code and refused.status in {404, 405}:
        console.print(f"  {voice.say('nothing-there')}", markup=False, highlight=False)
    for line in reasons(refused, voice):
        bullet(console, line)
    if draft := refused.problem.get("draft"):
        console.print(voice.say("kept-as-draft", id=draft), markup=False, highlight=False)


def _sentence(refused: Refused, voice: Voice) -> str | None:
    """Say a problem that we know in our own words, with what its reader can do."""
    problem = refused.problem
    days = {name: voice.day(problem.get(name)) for name in ("opens_on", "grace_until", "reinstatement_until")}
    facts = {
        "activity": problem.get("activity", "act_…"),
        "newer": problem.get("newer") or "act_…",
        "known": ", ".join(map(str, problem.get("known") or ())) or NOTHING,
    }
    for which in (f".{problem.get('phase')}", f".{problem.get('state')}", ""):
        if voice.knows(code := f"problem.{refused.code}{which}"):
            return voice.say(code, **facts, **days)
    return None


def reasons(refused: Refused, voice: Voice) -> list[str]:
    """List what a problem says of each thing that is missing or wrong."""
    found: list[str] = []
    for name in ("gaps", "missing", "faults", "errors"):
        items = refused.problem.get(name)
        saying = malformed if name == "errors" else item_of
        found += (
            [saying(item, voice) for item in items or () if isinstance(item, dict)]
            if isinstance(items, list)
            else []
        )
    return list(dict.fromkeys(found))


def item_of(item: Json, voice: Voice) -> str:
    """Say one thing that is missing or wrong, with its place."""
    words = voice.both(item.get("detail"))
    place = item.get("kind") or item.get("field") or item.get("criterion") or item.get("pointer") or ""
    return f"{field(str(place), voice)}: {words}" if place else words


def malformed(error: Json, voice: Voice) -> str:
    """Say what a field takes, where the service says no more than that it is not of its form."""
    place = re.fullmatch(r"#?/(?:rows/\d+/)?([a-z_]+)((?:/.*)?)", str(error.get("pointer", "")))
    if place and voice.knows(code := f"expects.{place[1]}"):
        return f"{field(place[1], voice)}: {voice.say(code)}"
    return item_of(error, voice)


def field(name: str, voice: Voice) -> str:
    """Name a field as columns are named in the reader's language."""
    if place := re.fullmatch(r"proof/\d+/(kind|reference)", name):
        return voice.named("field", "proof_kind" if place[1] == "kind" else "proof")
    head, slash, rest = name.partition("/")
    code = f"field.{head}"
    return f"{voice.say(code) if voice.knows(code) else head}{slash}{rest}"


def bullet(console: Console, text: str, *more: str) -> None:
    """Print a line of a list, indented where it is wrapped."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column()
    grid.add_column()
    grid.add_row("  •", Text("\n".join([text, *more])))
    console.print(grid)


class Uploads:
    """Progress bars for files on their way."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._progress:
            yield

    @contextmanager
    def watch(self, piece: Piece) -> Iterator[BinaryIO | None]:
        """Open a piece's file and show how much of it was read."""
        if piece.path is None:
            yield None
            return
        with self.open(piece.path) as file:
            yield file

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file and show how much of it was read."""
        with self._progress.open(path, "rb", description=path.name) as file:
            yield file


def counting(console: Console) -> Progress:
    """Make a bar that counts things."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
