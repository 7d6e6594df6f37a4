"""`make interop`: other people's verifiers, over TLS, against a credential in each state that it can have.

They know an address, two documents and a root certificate, and share no code with us. Each has to say of each
document what is true of it. A difference fails; so does, in CI, a peer that is not there.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from app.core.clock import SystemClock
from interop import badges, dss, seals
from interop.service import Issued, issued
from tests.interop import accessible
from tests.interop.stranger import NotToBeTrusted, Stranger

HERE: Final = Path(__file__).parent
SCRIPTS: Final[Mapping[str, str]] = {
    "jose": "jose.mjs",
    "@digitalbazaar/vc-bitstring-status-list": "bitstring.mjs",
    "@sd-jwt/jwt-status-list": "token-list.mjs",
}
PATIENCE_SECONDS: Final = 10.0
# What is done, and what is then true. The one list of a badge says suspended of all that does not hold.
STEPS: Final[tuple[tuple[str, str, Mapping[str, str]], ...]] = (
    ("valid", "", {}),
    ("suspended", "suspension", {"cause": "own_request", "reasons": "Richiesta."}),
    ("valid", "reinstatement", {"reasons": "Fine."}),
    ("revoked", "revocation", {"cause": "issued_in_error", "reasons": "Errore."}),
)
FORGED: Final = "a forged"
BADGE_LIST: Final = "ob+jwt, by its bitstring list"
VALUES: Final = {"valid": 0, "revoked": 1, "suspended": 2}


@dataclass(slots=True)
class Tally:
    """Somebody else's verifier, and what it said that is not so."""

    name: str
    answers: int = 0
    differences: int = 0

    def heard(self, what: str, difference: str | None) -> None:
        self.answers += 1
        if difference:
            self.differences += 1
            _say(f"{self.name}: {what}: {difference}")


@dataclass(slots=True)
class Peer:
    """A verifier that is asked about every state."""

    tally: Tally
    ask: Callable[[Issued, str], Mapping[str, str]]

    def asked(self, given: Issued, issuer: str, state: str) -> None:
        for what, said in self.ask(given, issuer).items():
            self.tally.heard(what, None if _is_so(what, said, state) else f"{said}, where it is {state}")


def main() -> int:
    """Ask every peer about every state, and the EU's about every seal; 0 if all say what is so."""
    peers, missing = _peers()
    tallies = [peer.tally for peer in peers]
    try:
        tallies.append(_seals())
    except dss.Missing as absent:
        missing[dss.PEER] = str(absent)
    for name, why in missing.items():
        _say(f"{name:48} not asked: {why}")
    with issued() as given:
        amiss = _amiss_on_paper(given, missing)
        issuer = f"did:web:{given.base.removeprefix('https://').replace(':', '%3A')}"
        for state, act, body in STEPS:
            if act:
                given.registrar.post(f"{given.path}/{act}", json=body).raise_for_status()
            _wait(given, state)
            for peer in peers:
                peer.asked(given, issuer, state)
    for tally in tallies:
        _say(f"{tally.name:48} {tally.answers} answers, {tally.differences} of them not so")
    failed = amiss or any(tally.differences or not tally.answers for tally in tallies)
    return int(failed or (bool(missing) and "CI" in os.environ))


def _peers() -> tuple[list[Peer], dict[str, str]]:
    """Find who is there, and say who is missing."""
    peers = [Peer(Tally(f"{badges.PEER} {badges.version_found()}"), _badge)]
    missing: dict[str, str] = {}
    node = shutil.which("node")
    for name, script in SCRIPTS.items():
        manifest = HERE / "node_modules" / name / "package.json"
        if node is None or not manifest.exists():
            missing[name] = "there is no node" if node is None else "npm has not installed it"
            continue
        tally = Tally(f"{name} {json.loads(manifest.read_text())['version']}")
        peers.append(Peer(tally, _script(node, script)))
    return peers, missing


def _seals() -> Tally:
    """Show the EU's validator each level and form of a seal, and what is spoiled, revoked or expired."""
    dss.build()
    tally = Tally(f"{dss.PEER} {dss.version_locked()}")
    with TemporaryDirectory() as folder:
        truths = seals.written(Path(folder), SystemClock().now())
        answers = dss.said(Path(folder))
    for truth in truths:
        tally.heard(truth["file"], ", ".join(seals.differences(truth, answers.get(truth["file"], {}))))
    return tally


def _amiss_on_paper(given: Issued, missing: dict[str, str]) -> bool:
    """Ask veraPDF about the attestation; it says what keeps a reader who does not see from reading it."""
    page = given.registrar.get(f"{given.path}/attestation.pdf").raise_for_status().content
    try:
        with TemporaryDirectory() as folder:
            (verdict,) = accessible.judged({"attestation.pdf": page}, Path(folder)).values()
    except accessible.NotThere as why:
        missing[accessible.PEER] = str(why)
        _say(f"{accessible.PEER:48} not asked: {why}")
        return False
    _say(f"{accessible.PEER:48} {verdict.checks} checks of the attestation, {verdict.failed} of them failed")
    for failure in verdict.failures:
        _say(f"{accessible.PEER}: {failure}")
    return not verdict.accessible


def _badge(given: Issued, issuer: str) -> Mapping[str, str]:
    return badges.found(given.strangers, given.documents["ob+jwt"], issuer)


def _script(node: str, script: str) -> Callable[[Issued, str], Mapping[str, str]]:
    def ask(given: Issued, issuer: str) -> Mapping[str, str]:
        done = subprocess.run(  # noqa: S603 - our own script
            [node, script],
            cwd=HERE,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(given.authority)},
            input=json.dumps({"base": given.base, "documents": given.documents, "issuer": issuer}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            return {script: f"it broke off: {done.stderr.strip()[-400:]}"}
        said: dict[str, str] = json.loads(done.stdout)
        return said

    return ask


def _is_so(what: str, said: str, state: str) -> bool:
    if what.startswith(FORGED):
        return said.startswith("refused")
    return said == ("suspended" if what == BADGE_LIST and state != "valid" else state)


def _wait(given: Issued, state: str) -> None:
    """Wait until the lists say so; where they never do, that shows as a difference."""
    stranger = Stranger(given.strangers)
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if all(_shows(stranger, token, state) for token in given.documents.values()):
            return
        time.sleep(0.1)
    _say(f"The lists do not say {state} of the documents after {PATIENCE_SECONDS:.0f} seconds.")


def _shows(stranger: Stranger, token: str, state: str) -> bool:
    try:
        stranger.accept(token)
        accepted = True
    except NotToBeTrusted:
        accepted = False
    return accepted == (state == "valid") and stranger.token_list_says(token) == VALUES[state]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
