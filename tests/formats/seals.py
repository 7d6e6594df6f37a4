"""Seals of every level for the tests of seals, made once: what is made is never changed."""

from functools import cache
from typing import Final

from app.formats.jades import Kind, Level, Seal, SigningTime
from app.formats.jades_checks import SealFinding
from app.formats.x509 import Standing
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


def was_revoked(finding: SealFinding) -> bool:
    """Some certificate of the path was revoked before the time that the seal is judged at."""
    return any(each.revoked_by(finding.judged_at) for each in finding.coverage)


def trusted(finding: SealFinding) -> bool:
    """The signature holds under a path to an anchor, nothing says revoked, and no time-stamp is broken."""
    return (
        finding.signature
        and finding.chain.standing is Standing.TRUSTED
        and not was_revoked(finding)
        and not any(stamp.finding.damaged for stamp in finding.stamps)
    )
