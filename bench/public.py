"""The public road: a number looked up, remembered and not; a document that somebody sends to be verified."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from typing import Final

import httpx

from bench.load import Candidate, CannotMeasure, Server, bare, in_turn, sigillo
from bench.seeding.members import Member
from bench.seeding.register import FOLDER, Register

UNKNOWN: Final = 10  # one in so many that are asked for is not in the register
REMEMBERED: Final = 2_000  # few enough to be kept, however large the register
DRAWN: Final = 50_000
SENT: Final = 500
LEAST: Final[Mapping[str, float]] = {"hit": 1.0, "miss": 0.5}
VERIFICATIONS: Final = "/v1/verifications"
P99_MS: Final = 10.0  # of a look-up
SPREAD: Final = 0.15
Figure = dict[str, object]

# Limits stay, far above what sixteen connections can ask: the check is made for each request.
RAISED: Final[Mapping[str, str]] = {
    "SIGILLO_LOOKUPS_PER_MINUTE": "10000000",
    "SIGILLO_REQUESTS_PER_MINUTE": "1000000",
}


def lookups(
    registers: Sequence[Register],
    *,
    seconds: int,
    rounds: int,
    limits: Mapping[str, float] = LEAST,
    where: str = "",
) -> Iterator[Figure]:
    """Look numbers up, in each register in turn: first those that are remembered, then those that are not."""
    for kind, least in limits.items():
        with ExitStack() as stack:
            limit = Candidate(stack.enter_context(bare()), paths(registers[0], REMEMBERED))
            given = {}
            for register in registers:
                server = stack.enter_context(sigillo(serving(register, remembers=kind == "hit")))
                asked = paths(register, REMEMBERED if kind == "hit" else DRAWN)
                _answers_truly(server, asked, register)
                given[register.count] = Candidate(server, asked)
            in_turn([limit, *given.values()], seconds=seconds, rounds=rounds)
            for count, candidate in given.items():
                yield _figure(f"look-up, {kind}, {count:,} credentials{where}", candidate, limit, least=least)
            yield from _spread(kind, given)


def verifications(register: Register, *, seconds: int, rounds: int) -> Iterator[Figure]:
    """Verify documents that somebody sends: the same ones again and again, and such as were never sent."""
    drawn = each_once(register, DRAWN)
    with ExitStack() as stack:
        limit = Candidate(stack.enter_context(bare()), paths(register, REMEMBERED))
        given = {}
        for kind, members in (("hit", drawn[:SENT]), ("miss", drawn)):
            server = stack.enter_context(sigillo(serving(register, remembers=kind == "hit")))
            bodies = _bodies(register, members)
            _verifies_truly(server, bodies, register, members)
            given[kind] = Candidate(server, bodies, VERIFICATIONS)
        in_turn([limit, *given.values()], seconds=seconds, rounds=rounds)
        for kind, sent in given.items():
            yield _figure(
                f"verify a vc+jwt, {kind}, {register.count:,} credentials",
                sent,
                limit,
                least=0.35,
                most_p99_ms=None,  # asked of look-ups alone: here p99 is told, and nothing is said of it
            )


JSON: Final = {"Content-Type": "application/json"}


def serving(register: Register, *, remembers: bool) -> dict[str, str]:
    """Set what `serve` needs for a register: nothing that a user could not set."""
    return {
        "SIGILLO_PUBLIC_URL": "https://sigillo.example.org",
        "SIGILLO_DATABASE_URL": register.url,
        "SIGILLO_KEYS_FOLDER": str(FOLDER / "keys"),
        "SIGILLO_FILES_FOLDER": str(FOLDER / "files"),
        "SIGILLO_MAIL_FOLDER": str(FOLDER / "mail"),
        **RAISED,
        **({} if remembers else {"SIGILLO_CACHE_ENTRIES": "1"}),
    }


def paths(register: Register, count: int) -> list[str]:
    """Draw addresses to be asked for, uniformly from the register, one in ten of them unknown to it."""
    return [f"/v/{_drawn(register, place)}.json" for place in range(count)]


def _drawn(register: Register, place: int) -> str:
    if place % UNKNOWN == UNKNOWN - 1:
        return register.unknown(place)
    return register.number(draw(register, place))


def draw(register: Register, place: int) -> int:
    """Draw a member, the same for the same seed."""
    digest = hashlib.sha256(f"{register.seed} drawn {place}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % register.count


def each_once(register: Register, count: int) -> list[int]:
    """Draw so many times, and leave out whom was drawn before."""
    return list(dict.fromkeys(draw(register, place) for place in range(count)))


def _bodies(register: Register, members: Sequence[int]) -> list[str]:
    path = register.url.removeprefix("sqlite:///")
    numbers = [register.number(member) for member in members]
    question = (
        "SELECT d.token FROM document d JOIN period p ON p.id = d.period_id "
        "JOIN credential c ON c.id = p.credential_id WHERE c.number = ? AND d.format = 'vc+jwt' "
        "ORDER BY p.seq DESC LIMIT 1"
    )
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [
            json.dumps({"credential": connection.execute(question, (number,)).fetchone()[0]})
            for number in numbers
        ]


def _answers_truly(server: Server, asked: Sequence[str], register: Register) -> None:
    """Ask a few before anything is timed: a fast wrong answer is worth nothing."""
    for place, path in enumerate(asked[: 3 * UNKNOWN]):
        answer = httpx.get(f"{server.url}{path}", timeout=30)
        if place % UNKNOWN == UNKNOWN - 1:
            if answer.status_code != httpx.codes.NOT_FOUND:
                raise CannotMeasure(f"An unknown number is answered with {answer.status_code}.")
            continue
        _expect(answer, register.member(draw(register, place)))


def _verifies_truly(
    server: Server, bodies: Sequence[str], register: Register, members: Sequence[int]
) -> None:
    """Send a few twice before anything is timed: what is remembered must be as true."""
    for body, member in [*zip(bodies, members, strict=True)][: 3 * UNKNOWN]:
        for _ in range(2):
            answer = httpx.post(f"{server.url}{VERIFICATIONS}", content=body, headers=JSON, timeout=30)
            _expect(answer, register.member(member))


def _expect(answer: httpx.Response, member: Member) -> None:
    report = answer.raise_for_status().json()
    expected = "invalid" if member.revoked or member.suspended else "valid_with_warnings"
    if report["result"] != expected or not report["credential"]:
        raise CannotMeasure(f"Member {member.n} is reported as {report['result']}.")


def _figure(
    name: str, candidate: Candidate, limit: Candidate, *, least: float, most_p99_ms: float | None = P99_MS
) -> Figure:
    """Hold a road against its limit, and its p99 against a bound where there is one; `met` is about both."""
    found, bar = candidate.typical, limit.typical
    ratio = found.rate / bar.rate
    share = 1 / UNKNOWN if not candidate.path else 0
    if abs(found.refused - share) > share / 5:
        raise CannotMeasure(f"{name}: {found.refused:.1%} of the answers were refusals.")
    return {
        "name": name,
        "unit": "requests/s",
        "value": round(found.rate),
        "limit": round(bar.rate),
        "ratio": round(ratio, 3),
        "ratio_of_cpu": round(bar.cpu_us / found.cpu_us, 3),
        "p50_ms": round(found.p50_ms, 3),
        "p99_ms": round(found.p99_ms, 3),
        "judged": "ratio",
        "least": least,
        **({} if most_p99_ms is None else {"most_p99_ms": most_p99_ms}),
        "met": ratio >= least and (most_p99_ms is None or found.p99_ms < most_p99_ms),
        "runs": [{key: round(value, 3) for key, value in asdict(run).items()} for run in candidate.runs],
    }


def _spread(kind: str, given: Mapping[int, Candidate]) -> Iterator[Figure]:
    """Hold the median in the largest register against that in the smallest."""
    if len(given) > 1:
        small, large = (given[count].typical.p50_ms for count in (min(given), max(given)))
        yield {
            "name": f"look-up, {kind}: median at {max(given):,} over that at {min(given):,}",
            "unit": "ms",
            "value": large,
            "limit": small,
            "ratio": round(large / small, 3),
            "judged": "ratio",
            "most": 1 + SPREAD,
            "met": large / small <= 1 + SPREAD,
        }
