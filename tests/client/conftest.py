"""A member at their own machine: a folder, a service nearby, and the command."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from tests.client.stub import KEY, Stub, running


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """All that was said, on one line, whatever the width of the terminal."""
        return " ".join((self.out + " " + self.err).split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Member = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nobody signed in."""
    for name in ("SIGILLO_KEY", "SIGILLO_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIGILLO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIGILLO_LANG", "en")
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.fixture
def stranger(home: Path) -> Member:
    """Run the command as somebody who has not signed in."""
    del home

    def run(*arguments: str, given: str | None = None, **environment: str) -> Said:
        done = CliRunner().invoke(app, list(arguments), input=given, env=environment)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return Said(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def service() -> Stub:
    return Stub()


@pytest.fixture
def url(service: Stub) -> Iterator[str]:
    with running(service) as found:
        yield found


@pytest.fixture
def member(stranger: Member, url: str) -> Member:
    """Run the command as a member who has signed in."""
    assert stranger("login", "--url", url, given=f"{KEY}\n").code == 0
    return stranger
