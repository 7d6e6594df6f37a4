"""The killer: a process at each moment that a seed draws, and now and then the database's server.

Moments are drawn in a process's own life, by the CPU that it has used: on any machine some are killed while
they start and most while they work.
"""

import threading
from time import monotonic
from typing import Final

from drill.draws import Draws
from drill.house import GOING, House, Process

LONGEST_AWAY: Final = 1.0  # seconds that a stopped server stays away
LONGEST_LIFE: Final = 3.2  # seconds of CPU before a process may be killed; to start takes about half
LONGEST_PAUSE: Final = 1.5
LEAST_ANSWERS: Final = 5  # between two kills: it is the load that is drilled
PATIENCE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.02


def kill(house: House, *, kills: int, stops: int, most_seconds: float, seed: str) -> None:
    """Kill so often; nobody waits until all processes are back."""
    draws, rest, ends = Draws(seed, "killer"), threading.Event(), monotonic() + most_seconds
    moments = _shuffled(["kill"] * kills + ["stop"] * (stops if house.server else 0), draws)
    for moment in moments:
        if monotonic() > ends:
            house.count("kills left out, for lack of time", kills - house.counts["kills"])
            break
        process = house.processes[draws.one(GOING)]
        _wait(house, process, draws.share() * LONGEST_LIFE, rest)
        rest.wait(draws.share() * LONGEST_PAUSE)
        _revive(house)
        if moment == "stop" and house.server is not None:
            house.server.stop_at_once()
            rest.wait(draws.share() * LONGEST_AWAY)
            house.server.start()
            house.count("immediate stops of the server")
        else:
            process.kill()
            process.start()
            house.count("kills")
        _revive(house)


def _shuffled(moments: list[str], draws: Draws) -> list[str]:
    return [each for _, each in sorted((draws.share(), each) for each in moments)]


def _wait(house: House, process: Process, life: float, rest: threading.Event) -> None:
    """Wait until the process has worked so long, and until clients had a few answers since the last kill."""
    answered, ends = house.counts["requests answered"] + LEAST_ANSWERS, monotonic() + PATIENCE_SECONDS
    while monotonic() < ends:
        if process.cpu_seconds() >= life and house.counts["requests answered"] >= answered:
            return
        rest.wait(LOOK_SECONDS)


def _revive(house: House) -> None:
    """Start what ended by itself, as whoever watches over services does.

    A process that finds no database when it starts says so and ends. Nothing else may end one.
    """
    for process in house.processes.values():
        if process.running is not None and (code := process.running.poll()) is not None:
            house.count("started in vain, while the server was away")
            if house.server is None or code not in {1, 2}:
                house.find(f"{process.name} ended by itself with {code}")
            process.start()
