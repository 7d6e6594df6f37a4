"""Which renewals are audited: drawn by a seed whose hash was published before anyone was in the draw (I36).

Every renewal has a rank, the SHA-256 of the seed and its id; in each stratum those with the lowest ranks are
taken, as many as the published record says. So anybody can hold the draw again, with five lines of Python
and the record (`GET /audit-draws/{id}.json`) on their standard input:

    import hashlib, json, sys
    draw, h = json.load(sys.stdin), lambda octets: hashlib.sha256(octets).hexdigest()
    assert h(bytes.fromhex(draw["seed"])) == draw["commitment"]
    ranked = sorted(draw["population"], key=lambda m: h((draw["seed"] + m["renewal"]).encode()))
    for s in draw["strata"]: print(*[m["renewal"] for m in ranked if m["stratum"] == s["name"]][: s["take"]])

How many are taken follows from the scheme: its percentage of each stratum, rounded up; and while fewer than
its least number are taken in all, one more from wherever most are left.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FIRST: Final = "first"
LATER: Final = "later"


@dataclass(frozen=True, slots=True)
class Member:
    """A renewal in the draw, and among which others it is ranked."""

    renewal: str
    stratum: str


@dataclass(frozen=True, slots=True)
class Stratum:
    """Renewals that are alike, and how many of them are taken."""

    name: str
    size: int
    take: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a draw, in an order that does not depend on how the population was listed."""

    population: tuple[Member, ...]
    strata: tuple[Stratum, ...]
    sample: tuple[str, ...]


def stratum_of(cycle: int) -> str:
    """Tell among whom a renewal is ranked: whoever renews for the first time, or the others."""
    return FIRST if cycle == 1 else LATER


def commitment_to(seed: str) -> str:
    """Give what is published before the draw, and shows afterwards that the seed was not chosen by then."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def rank(seed: str, renewal: str) -> str:
    return hashlib.sha256((seed + renewal).encode()).hexdigest()


def takes(sizes: Mapping[str, int], *, percent: int, at_least: int) -> dict[str, int]:
    """Say how many to take of each stratum."""
    taken = {name: -(-size * percent // 100) for name, size in sizes.items()}
    while sum(taken.values()) < min(at_least, sum(sizes.values())):
        most_left = max(sorted(sizes), key=lambda name: sizes[name] - taken[name])
        taken[most_left] += 1
    return taken


def draw(seed: str, population: Sequence[Member], *, percent: int, at_least: int) -> Drawn:
    """Hold the draw: the lowest ranks of each stratum."""
    ordered = tuple(sorted(population, key=lambda member: (member.stratum, member.renewal)))
    sizes = Counter(member.stratum for member in ordered)
    taken = takes(sizes, percent=percent, at_least=at_least)
    sample: list[str] = []
    for name in sorted(sizes):
        ranked = sorted(
            (member.renewal for member in ordered if member.stratum == name),
            key=lambda renewal: rank(seed, renewal),
        )
        sample += ranked[: taken[name]]
    strata = tuple(Stratum(name, sizes[name], taken[name]) for name in sorted(sizes))
    return Drawn(ordered, strata, tuple(sample))
