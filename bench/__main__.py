"""`make bench`: measure, and hold each figure against a limit that was measured in the same run."""

import json
import sys
from pathlib import Path
from typing import Final

from bench import cpd

RESULTS: Final = Path(__file__).with_name("results.json")


def main() -> None:
    """Run every benchmark, say what came out, and keep it in `bench/results.json`."""
    found = [cpd.run()]
    for figures in found:
        sys.stdout.write("\n".join(f"{name:12} {value}" for name, value in figures.items()) + "\n\n")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"Kept in bench/{RESULTS.name}.\n")


if __name__ == "__main__":
    main()
