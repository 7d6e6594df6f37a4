"""Draws that a seed decides: whoever has it draws the same moments, as far as the machine lets them."""

import hashlib
from collections.abc import Sequence
from itertools import count
from typing import Final, TypeVar

_DIGITS: Final = 1 << 64
Thing = TypeVar("Thing")


class Draws:
    """A row of draws; each name has a row of its own."""

    def __init__(self, seed: str, name: str) -> None:
        self._name = f"{seed}/{name}"
        self._places = count()

    def share(self) -> float:
        """Draw from 0 up to 1."""
        drawn = hashlib.sha256(f"{self._name}/{next(self._places)}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") / _DIGITS

    def happens(self, chance: float) -> bool:
        return self.share() < chance

    def one(self, among: Sequence[Thing]) -> Thing:
        return among[int(self.share() * len(among))]
