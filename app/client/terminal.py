"""What a person sees in a terminal: QR codes, receipts, gaps, and problems in plain words."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import qrcode
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from app.client.api import Json, Refused
from app.client.folder import Piece


def qr(text: str) -> str:
    """Draw a QR code with half blocks, dark on light whatever the terminal's colours."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    out = io.StringIO()
    code.print_ascii(out=out, invert=True)
    return out.getvalue()


def receipt(console: Console, found: Json) -> None:
    """Show a receipt: what was handed in, with the hash of every file."""
    table = Table(title=f"Receipt for dossier {found['dossier']}", title_justify="left")
    table.add_column("evidence")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    table.add_column("SHA-256")
    table.add_column("scan")
    for file in found["files"]:
        table.add_row(
            file["kind"], file["original_name"], str(file["size"]), f"{file['sha256'][:16]}…", file["scan"]
        )
    console.print(table)
    console.print(f"Submitted {found['submitted_at']} under {found['scheme']} {found['scheme_version']}")
    console.print(f"Snapshot  {found['snapshot_hash']}")


def refusal(console: Console, refused: Refused) -> None:
    """Show a problem, with each thing that is missing or wrong."""
    console.print(f"[bold red]{refused.problem.get('title', 'Refused')}[/] ({refused.status} {refused.code})")
    if refused.problem.get("detail"):
        console.print(str(refused.problem["detail"]), markup=False)
    for name in ("gaps", "errors"):
        for item in refused.problem.get(name) or ():
            console.print("  • " + _line(item), markup=False)


def _line(item: Json) -> str:
    detail: Any = item.get("detail", "")
    words = detail.get("en", "") if isinstance(detail, dict) else detail
    place = item.get("kind") or item.get("field") or item.get("criterion") or item.get("pointer") or ""
    return f"{place}: {words}" if place else str(words)


class Uploads:
    """Progress bars for files on their way."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
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
        with self._progress.open(piece.path, "rb", description=piece.path.name) as file:
            yield file
