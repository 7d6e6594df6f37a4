"""Draws a mark by itself, as PDF and as a picture; run as a process of its own, with little memory and time.

The library that draws cannot be stopped, and a picture of few bytes may keep it busy for ever: by its styles,
by its numbers, by what nobody has thought of yet. So each is drawn here once, before the service draws it.
"""

import contextlib
import sys
from typing import Final

MEMORY: Final = 1 << 30
SECONDS: Final = 2  # of the processor; an ordinary mark takes a twentieth of one
MOST: Final = 1 << 20  # bytes
PPI: Final = 300
# In the largest place that it has on the page.
_PAGE: Final = b"""#set page(width: 160pt, height: 54pt, margin: 0pt)
#image(bytes(sys.inputs.mark), format: "svg", width: 100%, height: 100%, fit: "contain")"""


def _confine() -> None:
    """Give up what is not needed here, for good."""
    import resource

    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems know no such limit
            resource.setrlimit(limit, (most, most))


def main() -> None:
    """Draw what comes on standard input; whatever goes wrong ends the process with something other than 0."""
    _confine()
    import typst

    inputs = {"mark": sys.stdin.buffer.read(MOST).decode()}
    typst.compile(_PAGE, format="pdf", sys_inputs=inputs, ignore_system_fonts=True)
    typst.compile(_PAGE, format="png", ppi=PPI, sys_inputs=inputs, ignore_system_fonts=True)


if __name__ == "__main__":
    main()
