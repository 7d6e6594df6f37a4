"""How the story is told: a narrator who insists, and the service started as an operator starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from tempfile import TemporaryFile
from time import monotonic, sleep
from typing import IO, Any, Final

from rich.console import Console

from app.client.api import Api, Refused, Unreachable

PATIENCE_SECONDS: Final = 60


class StoryBroken(Exception):
    """Something that must happen did not, or something that must not happen did."""


class Narrator:
    """Prints each step with its result."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def step(self, title: str) -> None:
        self.console.rule(f"[bold]{title}", align="left")

    def result(self, what: str, outcome: str) -> None:
        self.console.print(f"  [green]✓[/] {what}: [bold]{outcome}[/]", soft_wrap=True)

    def refused(self, what: str, attempt: Any, code: str) -> None:
        """Insist that an attempt is refused, and for the right reason."""
        try:
            attempt()
        except Refused as refused:
            if refused.code != code:
                raise
            self.console.print(
                f"  [yellow]✋[/] {what}: [bold]{refused.status} {refused.code}[/]", soft_wrap=True
            )
            return
        raise StoryBroken(f"Nobody stopped this: {what}.")


def answers(url: str) -> bool:
    api = Api(url)
    try:
        api.get("/healthz")
    except Unreachable:
        return False
    except Refused:
        return True
    finally:
        api.close()
    return True


@dataclass(frozen=True, slots=True)
class DemoService:
    """The service of the story, at its address."""

    url: str

    @contextmanager
    def running(self, *, moved: timedelta = timedelta(0)) -> Iterator[None]:
        """Start the service as an operator does, its clock moved by so much, and stop it again."""
        with TemporaryFile() as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "serve"],
                env={
                    **os.environ,
                    "SIGILLO_PUBLIC_URL": self.url,
                    "SIGILLO_CLOCK_OFFSET": f"P{moved.days}D",
                },
                stdout=log,
                stderr=log,
            )
            try:
                _wait(process, self.url, log)
                yield
            finally:
                process.terminate()
                process.wait(timeout=30)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: IO[bytes]) -> None:
    ends = monotonic() + PATIENCE_SECONDS
    while monotonic() < ends:
        if process.poll() is not None:
            log.seek(0)
            raise StoryBroken(f"The service did not start.\n{log.read().decode(errors='replace')}")
        if answers(url):
            return
        sleep(0.1)
    raise StoryBroken("The service did not answer in a minute.")
