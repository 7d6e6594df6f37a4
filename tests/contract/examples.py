"""Examples of the contract, asked for in the world: `python -m tests.contract.examples` adds those missing.

Identifiers are made from names of objects, so that whoever asks by an example is led to what it means.
"""

import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx

import app
from app.adapters import schema
from app.core.db import connect
from app.core.ids import ALPHABET, LENGTH
from app.organisations.rules import Role
from tests.contract.asking import FORM, OWN, PUBLIC, WITH_A_KEY, Asking
from tests.contract.stage import Stage, stage_on
from tests.contract.world import PLAYED_BY, World

FILE: Final = Path(app.__file__).with_name("examples.json")
LONGEST: Final = 160
MOST: Final = 2
_ID: Final = re.compile(r"\b([a-z]{3})_[0-9a-hjkmnp-tv-z]{26}\b")
_TOKEN: Final = re.compile(r"^(key|tok|sec)_[0-9a-z]{26}\..+$")
_SIGNING: Final = re.compile(r"^whsec_.+$")
Json = Any
# A presentation is signed by a wallet, and there is none here.
WRITTEN: Final[dict[tuple[str, str], Json]] = {
    ("POST", "/presentations/verify"): {
        "requests": {
            "application/json": {
                "verifiablePresentation": "eyJhbGciOiJFZERTQSIsInR5cCI6InZwK2p3dCJ9…",
                "options": {"challenge": "6b2e", "domain": "https://verifier.example.org"},
            }
        },
        "answer": {
            "verified": True,
            "problemDetails": [],
            "errors": [],
            "warnings": [],
            "credentialResults": [
                {"verified": True, "problemDetails": [], "errors": [], "warnings": [], "credential": {}}
            ],
            "presentation": {"type": ["VerifiablePresentation"]},
        },
    },
    # Only the operator has the key for it.
    ("GET", "/metrics"): {
        "answer": "# HELP sigillo_outbox_due Pieces of work that are due.\n"
        "# TYPE sigillo_outbox_due gauge\n"
        'sigillo_outbox_due{topic="status.publish"} 0.0\n'
    },
}


def stable(kind: str, name: str) -> str:
    """Make the identifier that stands for an object in examples."""
    bits = int.from_bytes(sha256(name.encode()).digest()[:16], "big")
    return f"{kind}_" + "".join(ALPHABET[(bits >> (5 * place)) & 31] for place in range(LENGTH))


def shown_once(kind: str) -> str:
    """Make what stands for a secret in examples."""
    return stable(kind, "shown once") + ".the-secret-is-shown-once"


def known_by(world: World) -> dict[str, str]:
    """Tell which object of the world an identifier of the examples means."""
    named = {stable(known[:3], name): known for name, known in _named(world).items() if _ID.fullmatch(known)}
    return {**named, shown_once("sec"): world["word:portal"]}


def _named(world: World) -> dict[str, str]:
    people = {f"person:{name}": known for name, known in world.people.items()}
    return {**people, **world.objects, "organisation:here": world.organisation}


@dataclass
class Neutral:
    """Puts stable identifiers in the place of random ones, and shortens what is long."""

    world: World
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = {known: name for name, known in _named(self.world).items()}

    def of(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {self._text(name): self.of(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.of(each) for each in value[:MOST]]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        if token := _TOKEN.fullmatch(text):
            return shown_once(token[1])
        if _SIGNING.fullmatch(text):
            return "whsec_the-secret-is-shown-once"
        text = _ID.sub(lambda found: stable(found[1], self.names.setdefault(found[0], found[0])), text)
        return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def example(stage: Stage, asking: Asking) -> Json:
    """Ask as somebody who may, and keep what was said."""
    if written := WRITTEN.get(asking.operation):
        return written
    world, neutral = stage.world, Neutral(stage.world)
    answer = stage.ask(asking, token_of(world, asking))
    assert answer.is_success, f"{asking.operation}: {answer.status_code} {answer.text}"
    shown: Json = {
        "parameters": {
            name: neutral.of(known)
            for name, known in asking.named(world, {**asking.filled, **asking.query}).items()
        },
        "requests": requested(asking, neutral),
        "answer": answered(answer, neutral),
    }
    return {name: value for name, value in shown.items() if value not in ({}, None)}


def token_of(world: World, asking: Asking) -> str | None:
    """Find the key of somebody who may."""
    who = asking.who[0]
    if who == OWN:
        return world.keys[world.owners[str(asking.about)]]
    return world.keys.get(PLAYED_BY[Role(who)] if who in set(Role) else who)


def requested(asking: Asking, neutral: Neutral) -> Json:
    if asking.form is not None:
        parts = asking.form(neutral.world)
        return {"multipart/form-data": {name: _part(part) for name, part in parts.items()}}
    if asking.body is None:
        return {}
    sent = asking.body(neutral.world)
    text = asking.media_type not in {None, FORM}
    return {asking.media_type or "application/json": neutral.of(sent["text"] if text else sent)}


def _part(part: Json) -> Json:
    text = bytes(part[1]).decode()
    return int(text) if text.isdigit() else text


def answered(answer: httpx.Response, neutral: Neutral) -> Json:
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status_code == 204:
        return None
    if media_type.endswith("json"):
        return neutral.of(answer.json())
    if media_type.startswith("text/") or media_type.endswith(("jwt", "xml")):
        return neutral.of(answer.text)
    return f"({media_type}, {answer.headers.get('content-length', 'some')} bytes)"


def main() -> int:
    """Add the examples that are missing, or make all of them anew."""
    shown = {} if "--all" in sys.argv else json.loads(FILE.read_text("utf-8"))
    first = {one.operation: one for one in reversed((*WITH_A_KEY, *PUBLIC))}
    wanted = [one for operation, one in first.items() if " ".join(operation) not in shown]
    with tempfile.TemporaryDirectory() as folder:
        database = connect(f"sqlite:///{folder}/sigillo.db")
        schema.upgrade(database)
        stage = stage_on(database, Path(folder))
        for asking in wanted:
            shown[" ".join(asking.operation)] = example(stage, asking)
        stage.close()
    FILE.write_text(json.dumps(shown, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(f"{len(wanted)} examples were added; there are {len(shown)}." + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
