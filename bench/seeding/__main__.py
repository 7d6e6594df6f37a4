"""`python -m bench.seeding 1000000`: make a register ahead of a measurement that needs it."""

import sys

from bench.seeding.register import ensure

if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ["10000"]):
        sys.stdout.write(f"{ensure(count).url}\n")
