"""veraPDF, from Maven Central: what it says of a page under PDF/UA-1 (ISO 14289-1)."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent / "verapdf"
PEER: Final = f"veraPDF {re.findall(r'<version>([0-9.]+)</version>', (HERE / 'pom.xml').read_text())[1]}"


class NotThere(Exception):
    """The peer could not be asked: there is no Java, no Maven, or no way to Maven Central."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many checks were made of a page, and which of them it failed."""

    checks: int
    failed: int
    accessible: bool
    failures: tuple[str, ...]


def judged(pages: Mapping[str, bytes], folder: Path) -> dict[str, Verdict]:
    """Ask about each page, by name; the pages are laid in this folder."""
    libraries = _libraries()
    for name, content in pages.items():
        (folder / name).write_bytes(content)
    asked = [
        "java",
        "-cp",
        f"{libraries}/*",
        str(HERE / "Judge.java"),
        *(str(folder / name) for name in pages),
    ]
    lines = _run(asked).splitlines()
    heads = [place for place, line in enumerate(lines) if not line.startswith("\t")]
    verdicts: dict[str, Verdict] = {}
    for name, begin, end in zip(pages, heads, [*heads[1:], len(lines)], strict=True):
        checks, failed, accessible = lines[begin].split("\t")
        failures = tuple(line.strip() for line in lines[begin + 1 : end])
        verdicts[name] = Verdict(int(checks), int(failed), accessible == "true", failures)
    return verdicts


def _libraries() -> Path:
    """Fetch what the peer is made of, once."""
    for command in ("javac", "mvn"):
        if shutil.which(command) is None:
            raise NotThere(f"there is no {command}")
    folder = HERE / "target/lib"
    if not folder.is_dir():
        _run(["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"])
    return folder


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise NotThere(f"{command[0]} broke off: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout
