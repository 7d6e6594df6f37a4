"""What the README tells people to type is typed here, to the letter."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from tests.serving import free_port, serving, settings

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def section(title: str) -> str:
    _, _, after = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition(f"## {title}\n")
    return after.partition("\n## ")[0]


def test_every_command_that_members_are_told_of_explains_itself() -> None:
    (block,) = BLOCK.findall(section("For members"))
    commands = [line.split("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 11
    for words in commands:
        known = [word for word in words[1:] if word.islower() and not word.startswith("-")]
        options = [word for word in words if word.startswith("--")]
        answer = CliRunner().invoke(app, [*known, "--help"])
        assert answer.exit_code == 0, words
        assert all(option in answer.output for option in options), words


def test_the_tour_of_the_readme_can_be_walked(tmp_path: Path) -> None:
    for missing, why in (
        (
            not (REPOSITORY / ".venv/bin/sigillo").exists(),
            "the tour uses the environment that `make env` makes",
        ),
        (shutil.which("curl") is None, "the tour is told with curl, which is not installed"),
    ):
        if missing:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    tour = BLOCK.findall(section("A five-minute tour"))
    assert len(tour) == 5
    port = free_port()
    environment = settings(tmp_path, port, SIGILLO_URL=f"http://localhost:{port}", TERM="dumb")
    for name in ("app", ".venv"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    with serving(environment, f"http://localhost:{port}") as log:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(tour)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        logged = log.read_text(encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("submitted\nadmitted\n")
    assert '"keys"' in done.stdout
    assert '"result":"invalid"' in done.stdout.replace(" ", "")
    assert '"route": "/v1/dossiers/{dossier}/evidence"' in logged
    # Canaries: whoever and whatever went through the service, its log names none of it.
    for canary in (
        "Elena",
        "Marchetti",
        "elena@",
        "M-001",
        "curriculum",
        "cv-elena",
        "key_",
        "DLE-26",
        "eyJ",
    ):
        assert canary not in logged
