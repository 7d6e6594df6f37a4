"""The served contract, fuzzed: `python -m tests.contract.fuzzing --cases 50000`.

schemathesis reads the document that the service serves, and asks in all of its phases as everybody in turn.
Names of objects that are only well-formed become names of objects that are there, or little would be reached.
Exits with 1 when anything was found.
"""

import argparse
import itertools
import json
import re
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Final

import httpx
import schemathesis
from schemathesis import engine, hooks
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from app.adapters import schema
from app.contract import NAMED
from app.core.db import connect
from tests import postgres
from tests.contract.asking import LINES
from tests.contract.examples import known_by, stable
from tests.contract.served import Served, served
from tests.contract.world import ANYBODY, PLAYED_BY, PROGRAM, TOKEN, World, person_row
from tests.serving import PATIENCE_SECONDS

PHASES: Final = ("examples", "coverage", "fuzzing", "stateful")
# Whether 2xx may be had at all depends on the state of things, so that rightly made requests may be refused.
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
# By what a request that breaks its schema may be refused: one that is too long is not read at all.
REFUSALS: Final = ("400", "401", "403", "404", "405", "409", "413", "415", "422", "428", "429", "503")
_ID: Final = re.compile(r"[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}")
NOBODY: Final = "nobody"
HEALED: Final = "Invalid component: positive test case"


def _read(context: Any, answer: Any) -> Any:
    """Read an answer as JSON; schemathesis takes a token for JSON too, and asks here first."""
    if answer.headers.get("content-type", [""])[0].startswith("application/jwt"):
        return _as_text(context, answer)
    return answer.json()


def _as_text(context: Any, answer: Any) -> str:
    del context
    return str(answer.text)


schemathesis.deserializer("application/json")(_read)
for _media_type in ("application/jwt", "application/vc+jwt", "application/statuslist+jwt", "text/html"):
    schemathesis.deserializer(_media_type)(_as_text)


TABLE: Final = "text/csv"
for _media_type in (LINES, TABLE):
    schemathesis.serializer.alias(_media_type, "text/plain")
# What is put in the place of text that says nothing: rows as they are sent, right and wrong.
_DECIDED: Final = {**person_row(7), "votes": {"for": 5, "against": 0}, "outcome": "grant"}
_ROWS: Final[tuple[list[Any], ...]] = (
    [person_row(1), person_row(2)],
    [person_row(1), person_row(1)],
    [{**person_row(3), "membership": {"number": "NP-1", "from": "2026-01-01"}}],
    [{**person_row(4), "membership": {"number": "NP-1", "from": "2026-02-01", "to": "2026-01-01"}}],
    [{"external_id": "C-1", "decision": stable("dec", "decision:granted")}],
    [{"external_id": "C-2", "decision": stable("dec", "nothing")}],
    [{**_DECIDED, "decided_on": "2029-05-21", "membership": {"number": "NP-2", "from": "2026-01-01"}}],
    [{**_DECIDED, "decided_on": "9999-12-31"}],
    [{}, None, [], 1e400, "A-1"],
)
_TABLES: Final = (
    "external_id,given_name,family_name,email\nA-8,Sara,Esempio,sara@example.org\n",
    "external_id;given_name\nA-9;Sara\n",
    f"external_id,decision\nC-3,{stable('dec', 'decision:granted')}\n",
    'external_id,external_id\n"',
)


def rows_for(text: str, media_type: str) -> str:
    """Choose rows by a text that says nothing, which stands in the middle of some of them."""
    chosen = sha256(text.encode("utf-8", "replace")).digest()
    lines = "".join(json.dumps(row) + "\n" for row in _ROWS[chosen[0] % len(_ROWS)])
    rows = lines if media_type == LINES else _TABLES[chosen[0] % len(_TABLES)]
    place = chosen[2] % len(rows) if chosen[1] % 3 == 0 else len(rows)
    return rows[:place] + (text if place < len(rows) else "") + rows[place:]


def callers(world: World) -> dict[str, str | None]:
    """Everybody who asks, with their key: each role, who holds a credential, programs, foreigners, nobody."""
    roles = {role.value: world.keys[name] for role, name in PLAYED_BY.items()}
    administrator = roles.pop("administrator")
    return {
        **roles,
        "holder": world.keys[world.owners["credential:active"]],
        "candidate": world.keys[world.owners["dossier:draft"]],
        ANYBODY: world.keys[ANYBODY],
        PROGRAM: world.keys[PROGRAM],
        TOKEN: world.keys[TOKEN],
        "foreigner": world.keys["foreigner"],
        NOBODY: None,
        "administrator": administrator,  # last, since they take keys and roles away
    }


@dataclass
class Known:
    """The names of objects that are there, put in the place of well-formed ones that are not."""

    world: World
    by_kind: Mapping[str, list[str]] = field(init=False)
    by_example: Mapping[str, str] = field(init=False)
    drawn: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        kinds: dict[str, list[str]] = {}
        for known in {*self.world.objects.values(), self.world.organisation}:
            if _ID.fullmatch(known):
                kinds.setdefault(known[:3], []).append(known)
        self.by_example = known_by(self.world)
        self.by_kind = {kind: sorted(found) for kind, found in kinds.items()}

    def swapped(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.swapped(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.swapped(each) for each in value]
        if isinstance(value, str) and value in self.by_example:
            return self.by_example[value]
        if isinstance(value, str) and _ID.fullmatch(value) and value[:3] in self.by_kind:
            found = self.by_kind[value[:3]]
            return found[sha256(value.encode()).digest()[0] % len(found)]
        return value

    def named(self, text: str) -> str:
        """Put them in where rows are sent as they are written."""
        return _ID.sub(lambda found: str(self.swapped(found[0])), text)

    def put_in(self, case: Any) -> None:
        """Change a case before it is sent."""
        self.head(case.headers)
        for part in ("path_parameters", "query", "body"):
            given = getattr(case, part)
            if isinstance(given, dict | list) and (swapped := self.swapped(given)) != given:
                setattr(case, part, swapped)  # only then: what was changed is judged anew
        if isinstance(case.body, str) and case.media_type in {LINES, TABLE}:
            said_nothing = "external_id" not in case.body and len(case.body) % 4
            case.body = self.named(rows_for(case.body, case.media_type) if said_nothing else case.body)

    def head(self, headers: Any) -> None:
        """In most requests, draw a key of its own and be about the present edition: to get further."""
        for name, known in NAMED.items():
            if headers and headers.get(name) == known and (number := next(self.drawn)) % 5:
                headers[name] = "*" if name == "If-Match" else f"key-{number}"


@dataclass
class Tally:
    """What was asked, and what was found."""

    cases: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    findings: dict[tuple[str, str], str] = field(default_factory=dict)
    how_often: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, who: str, event: Any) -> None:
        """Count a finished scenario."""
        if isinstance(event, events.FatalError | events.NonFatalError):
            key = ("error", f"{getattr(event, 'label', '')} {type(getattr(event, 'value', None)).__name__}")
            self._note(key, f"as {who}: {getattr(event, 'value', event)}"[:1500])
        if not isinstance(event, events.ScenarioFinished):
            return
        recorder = event.recorder
        asked = len(recorder.interactions)
        self.cases[who, event.phase.value.lower()] += asked
        for case_id, interaction in recorder.interactions.items():
            if interaction.response is not None:
                self._named(who, recorder, case_id, interaction)
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.name == "missing_required_header" and _had_a_key(recorder, case_id):
                    continue  # it was to have none, and the settings put it back: `ignored_auth` tries that
                # Made wrong, and right again once an object that is there was named: it says so itself.
                if check.failure_info is not None and HEALED not in check.failure_info.failure.message:
                    operation = recorder.cases[case_id].value.operation.label
                    self._note((check.name, operation), _told(who, recorder, case_id, check))

    def _named(self, who: str, recorder: Any, case_id: str, interaction: Any) -> None:
        """See that a status is named by its operation: `default` would do for any."""
        status = interaction.response.status_code
        self.statuses[status] += 1
        operation = recorder.cases[case_id].value.operation
        asked_as_described = interaction.request.method == operation.method.upper()
        if asked_as_described and str(status) not in operation.definition.raw["responses"]:
            words = f"  as {who}: {interaction.request.method} {interaction.request.uri}"
            self._note(
                ("status_not_named", operation.label),
                f"{words} {str(interaction.request.body)[:300]}\n"
                f"  {status} {interaction.response.content[:300]!r}",
            )

    def _note(self, key: tuple[str, str], words: str) -> None:
        self.how_often[key] += 1
        self.findings.setdefault(key, words)

    @property
    def total(self) -> int:
        return sum(self.cases.values())

    def lines(self) -> Iterator[str]:
        """Say it in words."""
        by_phase = [phase for phase in PHASES if any(each == phase for _, each in self.cases)]
        yield f"{'':18}" + "".join(f"{phase:>10}" for phase in by_phase) + f"{'all':>10}"
        for who in dict.fromkeys(who for who, _ in self.cases):
            counts = [self.cases[who, phase] for phase in by_phase]
            yield f"{who:18}" + "".join(f"{count:>10}" for count in [*counts, sum(counts)])
        yield "answers: " + ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        for (check, operation), words in sorted(self.findings.items()):
            yield f"\n{check}: {operation} ({self.how_often[check, operation]} times)\n{words}"
        yield f"{self.total} cases, {len(self.findings)} findings"


def _had_a_key(recorder: Any, case_id: str) -> bool:
    headers = recorder.interactions[case_id].request.headers
    return any(name.lower() == "authorization" for name in headers)


def _told(who: str, recorder: Any, case_id: str, check: Any) -> str:
    interaction = recorder.interactions.get(case_id)
    answer = interaction.response if interaction else None
    said = f"{answer.status_code} {answer.content[:600]!r}" if answer is not None else "no answer"
    request = interaction.request if interaction else None
    asked = f"{request.method} {request.uri} {str(request.body)[:600]}" if request else ""
    failure = check.failure_info.failure
    return f"  as {who}: {failure.title}: {failure.message[:500]}\n  {asked}\n  {said}"


def settings(*, examples: int, seed: int, phases: tuple[str, ...]) -> SchemathesisConfig:
    """Say what is done and what is checked."""
    given: dict[str, Any] = {
        "seed": seed,
        "suppress-health-check": ["all"],
        "continue-on-failure": True,
        "workers": 1,  # two threads in `ast` at once bring CPython 3.11 down
        "request-timeout": PATIENCE_SECONDS,
        "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
        "checks": {
            "enabled": False,
            **{check: {"enabled": True} for check in CHECKS},
            "negative_data_rejection": {"enabled": True, "expected-statuses": [*REFUSALS]},
        },
        "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
    }
    return SchemathesisConfig.from_dict(given)


def fuzz(
    at: Served,
    *,
    who: str,
    token: str | None,
    tally: Tally,
    examples: int,
    seed: int,
    phases: tuple[str, ...] = PHASES,
    seconds: float = 3600,
) -> None:
    """Ask as one caller, in all phases, for so long at most."""
    ends = monotonic() + seconds
    config = settings(examples=examples, seed=seed, phases=phases)
    document = httpx.get(f"{at.url}/openapi.json", timeout=PATIENCE_SECONDS).json()
    contract = schemathesis.openapi.from_dict(document, config=config)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    contract.config.update(base_url=at.url, headers=headers)
    known = Known(at.world)

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        del context, kwargs
        known.put_in(case)

    schemathesis.hook(before_call)
    try:
        stream = engine.from_schema(contract).execute()
        for event in stream:
            tally.take(who, event)
            if monotonic() > ends:
                stream.stop()
    finally:
        hooks.unregister(before_call)


def run(
    at: Served,
    *,
    tally: Tally,
    ends: float,
    seed: int,
    most: int,
    examples: int,
    only: str | None,
) -> None:
    """Ask as everybody once, until it is time, or enough was found."""
    for who, token in callers(at.world).items():
        left = ends - monotonic()
        if left < 0 or len(tally.findings) >= most:
            return
        if only is not None and who not in only.split(","):
            continue
        fuzz(at, who=who, token=token, tally=tally, examples=examples, seed=seed, seconds=left)
        known = token is None or _is_known(at, token)
        sys.stdout.write(
            f"{who}: {tally.total} cases, {len(tally.findings)} findings so far"
            f"{'' if known else '; their key ended on the way'}\n"
        )
        sys.stdout.flush()


def _is_known(at: Served, token: str) -> bool:
    asked = httpx.get(
        f"{at.url}/v1/me", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS
    )
    return asked.status_code == 200


def main() -> int:
    """Run from the command line: rounds as everybody, each in a world of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000, help="at least; every round is finished")
    parser.add_argument("--minutes", type=float, default=60, help="at most")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--most-findings", type=int, default=200)
    parser.add_argument("--examples", type=int, default=4, help="of the fuzzing phase, for each operation")
    parser.add_argument("--callers", default=None, help="some of them, with commas; else everybody")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    sys.stdout.write(f"seed {seed}, {asked.database}\n")
    tally, defects, ends = Tally(), list[str](), monotonic() + 60 * asked.minutes
    with ExitStack() as stack:
        server = None
        if asked.database == "postgresql":
            server = stack.enter_context(postgres.PrivateServer(parent=postgres.in_memory()))
            server.create_database("template")
            owner = connect(server.owner_url("template"))
            schema.upgrade(owner, serving=postgres.RUNTIME)
            owner.close()
        rounds, before = 0, -1
        while before < tally.total < asked.cases and monotonic() < ends:
            before = tally.total
            with tempfile.TemporaryDirectory() as folder:
                url = None if server is None else server.create_database(f"r{rounds}", template="template")
                with served(Path(folder), url) as at:
                    run(
                        at,
                        tally=tally,
                        ends=ends,
                        seed=seed + rounds,
                        most=asked.most_findings,
                        examples=asked.examples,
                        only=asked.callers,
                    )
                    lines = at.log.read_text().splitlines()
            defects += [line for line in lines if '"event": "unexpected"' in line]
            rounds += 1
    said = [*tally.lines(), f"{len(defects)} unexpected errors in the log", *defects[:20]]
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if tally.findings or defects else 0


if __name__ == "__main__":
    sys.exit(main())
