"""How long to go on asking a service that cannot answer just now."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FIRST_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is sent at most, and how long in all the pauses in between may be."""

    attempts: int = 6
    seconds: float = 60.0
    pause: Callable[[float], None] = time.sleep

    def rest(self, attempt: int, waited: float, asked: float | None) -> float | None:
        """Say how long to wait after an attempt: what was asked for, or twice the last; None ends it."""
        spread = 1 + secrets.randbelow(1000) / 1000  # so that many who were cut off do not return as one
        rest = FIRST_SECONDS * 2 ** (attempt - 1) * spread if asked is None else asked
        return None if attempt >= self.attempts or waited + rest > self.seconds else rest
