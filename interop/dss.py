"""Maven `eu.europa.ec.joinup.sd-dss`: the EU's own validator, offline, with its own validation policy."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parents[1] / "tests" / "interop" / "dss"
LIBRARIES: Final = HERE / "target" / "lib"
LOCK: Final = HERE / "lib.sha256"
PEER: Final = "eu.europa.ec.joinup.sd-dss"


class Missing(Exception):
    """DSS cannot be asked here; the words say why."""


def version_locked() -> str:
    found = re.search(r"<dss\.version>(.+)</dss\.version>", (HERE / "pom.xml").read_text(encoding="utf-8"))
    return found.group(1) if found else "?"


def build() -> None:
    """Build with what Maven has, or else with what it downloads; raise `Missing` where neither goes.

    A library that is not the one that was locked ends the run: that is no peer.
    """
    mvn, java = shutil.which("mvn"), shutil.which("java")
    if mvn is None or java is None:
        raise Missing("there is no Maven" if mvn is None else "there is no Java")
    shutil.rmtree(LIBRARIES, ignore_errors=True)  # of another version, perhaps
    maven = (mvn, "--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never")
    done = _run(*maven, "--offline", "compile")
    if done.returncode:
        sys.stdout.write("Maven downloads DSS and what it needs, once.\n")
        sys.stdout.flush()
        done = _run(*maven, "compile")
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in LIBRARIES.glob("*")}
    locked = {name: digest for digest, name in map(str.split, LOCK.read_text("utf-8").splitlines())}
    if found and (differing := sorted(dict(found.items() ^ locked.items()))):
        sys.exit(f"What Maven downloaded is not what {LOCK.name} says: {', '.join(differing)}")
    if done.returncode:
        raise Missing(f"Maven does not build it: {_errors(done.stdout)}")


def said(folder: Path, reports: Path | None = None) -> dict[str, dict[str, Any]]:
    """Give what DSS says of each file in the folder's manifest; keep its detailed reports if asked."""
    done = _run(
        shutil.which("java") or "java",
        "-Dslf4j.internal.verbosity=ERROR",
        f"--class-path={HERE / 'target' / 'classes'}:{LIBRARIES}/*",
        "Validate",
        str(folder),
        *([str(reports)] if reports else []),
    )
    if done.returncode:
        sys.exit(f"{PEER} broke off: {done.stderr.strip()[-400:]}")
    return {each["file"]: each for each in map(json.loads, done.stdout.splitlines())}


def _errors(output: str) -> str:
    rows = [row.rpartition("[ERROR]")[2].strip() for row in output.splitlines() if "[ERROR]" in row]
    return " ".join(rows)[:400]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - Maven, and our own class
        command, cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
    )
