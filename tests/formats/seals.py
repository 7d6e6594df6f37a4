"""Seals of every level for the tests of seals, made once: what is made is never changed."""

from functools import cache
from typing import Final

from app.formats.jades import Kind, Level, Seal, SigningTime
from tests.pki.authority import DAY, YEAR, Holder, Pki
from tests.pki.samples import SEALED, Sealer

ASKED: Final = SEALED + DAY


@cache
def sealer() -> Sealer:
    return Sealer(Pki(SEALED))


@cache
def holder(algorithm: str) -> Holder:
    return sealer().pki.seal(algorithm)


@cache
def expired() -> Holder:
    return sealer().pki.seal(begins=SEALED - 3 * YEAR, ends=SEALED - 30 * DAY)


@cache
def sealed(
    level: Level = Level.B_B,
    algorithm: str = "ES256",
    kind: Kind = "edc",
    signing_time: SigningTime = "iat",
) -> Seal:
    return sealer().sealed(holder(algorithm), level, kind=kind, signing_time=signing_time)
