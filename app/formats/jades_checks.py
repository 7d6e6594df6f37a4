"""What a seal proves: who made it, since when that is certain, and what the values inside it cover.

Pure: a seal and anchors in, findings out. Nothing is fetched, and no anchor is taken from the seal itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from app.formats.jades import Level, Seal, StampKind
from app.formats.jades_members import ValidationValues
from app.formats.jose import algorithm_of, verify
from app.formats.revocation import Coverage, RevocationState, Said
from app.formats.stamps import StampFinding, judge_stamp
from app.formats.strict import decode64
from app.formats.x509 import (
    ChainFinding,
    SealOwner,
    Standing,
    all_vouched_for,
    chain_of,
    judge_chain,
    leaf_jwk,
    owner_of,
)

_NONE: Final = ValidationValues()


@dataclass(frozen=True, slots=True)
class StampReport:
    """One time-stamp of a seal with its own finding, and what is known of the certificates behind it."""

    kind: StampKind
    finding: StampFinding
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True, slots=True)
class SealFinding:
    """Everything that was found of a seal, good and bad, for a report to put into words.

    `proven_at` is None unless a trusted time-stamp holds: then the certificate is judged at `judged_at`, the
    time of the question, and the sealer's own word on it proves nothing.
    """

    level: Level
    signature: bool
    owner: SealOwner
    chain: ChainFinding
    proven_at: datetime | None
    judged_at: datetime
    stamps: tuple[StampReport, ...]
    coverage: tuple[Coverage, ...]  # of the seal's own path, leaf first, as far up as issuers are known
    whole: bool = True  # all that it brings along to be judged by is signed by somebody known

    @property
    def not_covered(self) -> tuple[bytes, ...]:
        """Certificates on which the seal brings no word of their issuer: what is not checked offline."""
        all_of_them = (*self.coverage, *(each for stamp in self.stamps for each in stamp.coverage))
        return tuple(each.certificate for each in all_of_them if each.state is RevocationState.NOT_COVERED)


def judge_seal(
    seal: Seal,
    *,
    anchors: Sequence[bytes],
    stamp_anchors: Sequence[bytes],
    at: datetime,
    more: ValidationValues = _NONE,
) -> SealFinding:
    """Judge a seal at a time; raises `Malformed` where its own certificate or key cannot be read.

    Time-stamps are judged from the last to the first (ETSI EN 319 102-1, 5.6.3): a trusted one proves the
    time for which those before it, and the seal, are judged. `more` are values that came from elsewhere.
    """
    header, values = seal.header, seal.values() + more
    said = Said(values.crls, values.ocsps, now=at)
    jwk = leaf_jwk(header.chain)
    signature = header.alg == algorithm_of(jwk) and verify(seal.signing_input, decode64(seal.signature), jwk)
    stamps: list[StampReport] = []
    proven_at: datetime | None = None
    for stamp in reversed(seal.stamps()):
        finding = judge_stamp(
            stamp.token, stamp.content, stamp_anchors, proven_at or at, pool=values.certificates
        )
        covered = _coverage(finding.path, stamp_anchors, said)
        revoked = any(each.revoked_by(proven_at or at) for each in covered)
        stamps.append(StampReport(stamp.kind, finding, covered))
        if finding.trusted and not revoked and stamp.kind != "adoTst" and finding.at is not None:
            proven_at = min(finding.at, proven_at or at)
    path = chain_of(header.chain[0], (*anchors, *header.chain[1:], *values.certificates))
    judged_at = proven_at or at
    chain = judge_chain(path, anchors, judged_at)
    known = (*anchors, *stamp_anchors, *header.chain, *values.certificates)
    return SealFinding(
        level=seal.level,
        signature=signature,
        owner=owner_of(header.chain[0]),
        chain=chain,
        proven_at=proven_at,
        judged_at=judged_at,
        stamps=tuple(reversed(stamps)),
        coverage=_coverage(path, anchors, said),
        # What is not trusted anyhow is not worth the signatures.
        whole=not (signature and chain.standing is Standing.TRUSTED) or _whole(values, said, known),
    )


def _whole(values: ValidationValues, said: Said, known: Sequence[bytes]) -> bool:
    """Tell whether nobody changed what no archive time-stamp may cover yet."""
    return all_vouched_for(values.certificates, known) and said.all_signed(known)


def _coverage(path: Sequence[bytes], anchors: Sequence[bytes], said: Said) -> tuple[Coverage, ...]:
    """Ask of each certificate on the way up, as far as its issuer is known and it is no anchor itself."""
    return tuple(
        said.about(certificate, issuer)
        for certificate, issuer in pairwise(path)
        if certificate not in anchors
    )
