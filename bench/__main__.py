"""`make bench`: measure, and hold each figure against a limit that was measured in the same run."""

import argparse
import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from bench import cpd, edc, issuing, lists, plot, postgresql, public, start, upgrade, visibility
from bench.load import CannotMeasure
from bench.seeding.register import ensure

RESULTS: Final = Path(__file__).with_name("results.json")
SMALL: Final = 10_000
CHOICES: Final = (
    *("cpd", "edc", "issuing", "lists", "upgrade", "visibility"),
    *("start", "lookups", "verifications", "postgresql"),
)


def main() -> int:
    """Run every benchmark, say what came out, and keep it in `bench/results.json` and a picture."""
    asked = _asked()
    found = []
    try:
        for figure in _figures(asked):
            found.append(figure)
            _say(figure)
    except CannotMeasure as why:
        sys.stderr.write(f"{why}\n")
        return 1
    finally:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        plot.draw(found)
    sys.stdout.write(f"Kept in bench/{RESULTS.name}, and drawn in bench/{plot.PICTURE.name}.\n")
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--register", type=int, action="append", help="a further size, such as 1000000")
    parser.add_argument("--only", action="append", choices=CHOICES)
    parser.add_argument("--seconds", type=int, default=4, help="of each run")
    parser.add_argument("--rounds", type=int, default=5, help="of runs in turn, of which the median counts")
    parser.add_argument("--small", type=int, default=SMALL, help="the size that is always measured")
    return parser.parse_args()


def _figures(asked: argparse.Namespace) -> Iterator[dict[str, object]]:
    chosen = asked.only or CHOICES
    timing = {"seconds": asked.seconds, "rounds": asked.rounds}
    if "cpd" in chosen:
        yield cpd.run()
    if "edc" in chosen:
        yield from edc.run()
    if "issuing" in chosen:
        yield from issuing.run([asked.small, *(asked.register or ())], **timing)
    if "lists" in chosen:
        yield from lists.run()
    if "upgrade" in chosen:
        yield upgrade.run()
    if "visibility" in chosen:
        yield visibility.run()
    if {"start", "lookups", "verifications"} & {*chosen}:
        yield from _of_registers(chosen, asked)
    if "postgresql" in chosen:
        yield from postgresql.lookups(asked.small, **timing)


def _of_registers(chosen: Collection[str], asked: argparse.Namespace) -> Iterator[dict[str, object]]:
    timing = {"seconds": asked.seconds, "rounds": asked.rounds}
    registers = [ensure(count) for count in (asked.small, *(asked.register or ()))]
    sys.stdout.write(
        "".join(f"{each.count:,} credentials were drawn with seed {each.seed}\n" for each in registers)
    )
    if "start" in chosen:
        yield from start.run(registers[0], rounds=asked.rounds)
    if "lookups" in chosen:
        yield from public.lookups(registers, **timing)
    if "verifications" in chosen:
        yield from public.verifications(registers[0], **timing)


def _say(figure: dict[str, object]) -> None:
    lines = (f"{name:12} {value}" for name, value in figure.items() if name != "runs")
    sys.stdout.write("\n".join(lines) + "\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
