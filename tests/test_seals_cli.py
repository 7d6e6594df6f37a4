"""`sigillo seals …` as an operator lives it: an authority is configured, is away, comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from app.cli import app
from app.client.visit import Ends
from app.core.clock import SystemClock
from app.core.db import connect
from tests.conftest import ports_on
from tests.credentials.shelf import filled
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.pki.authority import Holder
from tests.pki.serving import Town, town


@pytest.fixture(scope="module")
def there() -> Iterator[Town]:
    with town() as opened:
        yield opened


@pytest.fixture
def authority(
    there: Town, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    """An authority that a service is set up for; whatever a test makes it answer is forgotten after it."""
    for name, holder in {"anchors": there.pki.root, "stamps": there.pki.stamp_root}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "root.pem").write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": database_url,
        "ANCHORS_FOLDER": "anchors",
        "TIMESTAMP_URL": f"{there.site.url}/tsa",
        "TIMESTAMP_ANCHORS": "stamps",
        "REVOCATION_ORIGINS": json.dumps([there.site.url]),
    }.items():
        monkeypatch.setenv(f"SIGILLO_{name}", value)
    answers = dict(there.site.answers)
    there.stamper.now = lambda: SystemClock().now().replace(microsecond=0)
    there.site.asked.clear()
    yield there
    there.site.answers = answers


def shelved(database_url: str, holder: Holder, count: int) -> None:
    clock = SetClock(SystemClock().now())
    ports = ports_on(connect(database_url), clock, MemoryKeys(clock.at), Path("files"))
    filled(ports, holder, count)
    ports.database.close()


def said(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["seals", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join(done.output.split())


def counted(*arguments: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["seals", *arguments, "--json"])
    return done.exit_code, json.loads(done.stdout)


def levels(plain: int, stamped: int, whole: int) -> dict[str, int]:
    return {"B-B": plain, "B-T": stamped, "B-LTA": whole}


def test_all_are_brought_up_and_counted_and_a_second_time_costs_nothing(
    authority: Town, database_url: str
) -> None:
    shelved(database_url, authority.sealer(), 3)
    assert counted("status")[1]["levels"] == levels(3, 0, 0)
    for _ in range(2):
        code, now = counted("prolong")
        assert (code, now) == (
            Ends.OK,
            {"levels": levels(0, 0, 3), "waiting": 0, "failed": {}, "given_up": {}},
        )
    assert authority.site.asked.count("/tsa") == 6


def test_work_may_be_left_to_the_workers_once_each(authority: Town, database_url: str) -> None:
    shelved(database_url, authority.sealer(), 2)
    for _ in range(2):
        code, words = said("prolong", "--no-wait")
        assert (code, "2 wait" in words, "sigillo seals status" in words) == (Ends.OK, True, True)
    assert authority.site.asked == []
    assert counted("prolong")[1]["levels"] == levels(0, 0, 2)


def test_an_authority_that_is_away_is_named_and_the_work_goes_on_later(
    authority: Town, database_url: str
) -> None:
    shelved(database_url, authority.sealer(), 2)
    authority.site.answers["/tsa"] = lambda _: 503
    code, words = said("prolong")
    assert code == Ends.NETWORK
    assert "2 failed, and will be tried again: the time-stamp authority gives none now." in words
    authority.site.answers["/tsa"] = authority.stamper.answer
    assert counted("prolong")[1]["levels"] == levels(0, 0, 2)


def test_a_seal_of_which_nobody_tells_is_given_up_with_the_reason(
    authority: Town, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelved(database_url, authority.sealer(), 1)
    monkeypatch.delenv("SIGILLO_REVOCATION_ORIGINS")
    code, words = said("prolong")
    assert code == Ends.REFUSED
    assert "1 given up: a certificate names nobody whom we could ask" in words
    code, now = counted("status")
    assert (code, now["levels"], now["given_up"]) == (Ends.OK, levels(0, 1, 0), {"NobodyToAsk": 1})
    assert "sigillo seals prolong" in said("status")[1]


def test_without_an_authority_the_command_says_what_to_set(
    authority: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    del authority
    monkeypatch.delenv("SIGILLO_TIMESTAMP_URL")
    monkeypatch.delenv("SIGILLO_TIMESTAMP_ANCHORS")
    code, words = said("prolong")
    assert (code, "set timestamp_url and timestamp_anchors" in words) == (Ends.USAGE, True)


def test_whoever_stops_the_command_is_told_that_the_work_goes_on(authority: Town, database_url: str) -> None:
    shelved(database_url, authority.sealer(), 6)
    command = [sys.executable, "-m", "app.cli", "seals", "prolong"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:

        def interrupting(body: bytes) -> bytes | int:
            if authority.site.asked.count("/tsa") == 3:
                started.send_signal(signal.SIGINT)
            return authority.stamper.answer(body)

        authority.site.answers["/tsa"] = interrupting
        output, said = started.communicate(timeout=60)
    assert started.returncode == Ends.INTERRUPTED
    assert "Finishing the one in hand" in said
    assert "goes on with them in the background" in output
    assert "To look again: sigillo seals status" in output
    assert counted("prolong")[1]["levels"] == levels(0, 0, 6)
    assert authority.site.asked.count("/tsa") == 12
