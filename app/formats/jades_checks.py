"""What a seal proves: who made it, since when that is certain, and what the values inside it cover.

Pure: a seal and anchors in, findings out. Nothing is fetched, and no anchor is taken from the seal itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Final

from app.formats.jades import Level, Seal, StampKind
from app.formats.jades_members import ValidationValues
from app.formats.jose import algorithm_of, verify
from app.formats.revocation import Coverage, RevocationState, Said
from app.formats.stamps import StampFinding, judge_stamp
from app.formats.strict import decode64
from app.formats.wholeness import is_changed
from app.formats.x509 import (
    ChainFinding,
    SealOwner,
    Standing,
    Use,
    chain_of,
    judge_chain,
    leaf_jwk,
    owner_of,
)

_NONE: Final = ValidationValues()
CLOCKS: Final = timedelta(minutes=5)  # by so much may those of two authorities differ, or theirs from ours


@dataclass(frozen=True, slots=True)
class StampReport:
    """One time-stamp of a seal with its own finding, and what is known of the certificates behind it."""

    kind: StampKind
    finding: StampFinding
    coverage: tuple[Coverage, ...] = ()
    revoked: bool = False  # before the time that it is judged at
    possible: bool = True  # its time is not yet to come, and fits those of the other time-stamps

    @property
    def counts(self) -> bool:
        """It proves its time."""
        return self.finding.trusted and not self.revoked and self.possible

    @property
    def covered(self) -> bool:
        """Its whole path has the word of its issuers on whether it was revoked."""
        return all(each.state is not RevocationState.NOT_COVERED for each in self.coverage)


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
    path: tuple[bytes, ...] = ()  # from the certificate of the seal up to an anchor, or as far as it is known
    firm: bool = True  # the time-stamps that `proven_at` hangs on bring word that nobody revoked them
    whole: bool = True  # nothing that it brings along fails under a key of who signed it

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
    stamps, proven_at, firm = _stamped(seal, stamp_anchors, values, said, at)
    path = _up_to(anchors, chain_of(header.chain[0], (*anchors, *header.chain[1:], *values.certificates)))
    judged_at = proven_at or at
    chain = judge_chain(path, anchors, judged_at)
    known = (*anchors, *stamp_anchors, *header.chain)
    return SealFinding(
        level=seal.level,
        signature=signature,
        owner=owner_of(header.chain[0]),
        chain=chain,
        proven_at=proven_at,
        judged_at=judged_at,
        stamps=stamps,
        coverage=_coverage(path, anchors, said),
        path=path,
        firm=firm,
        # What is not trusted anyhow is not worth the signatures.
        whole=not (signature and chain.standing is Standing.TRUSTED) or not is_changed(values, known),
    )


def _stamped(
    seal: Seal, anchors: Sequence[bytes], values: ValidationValues, said: Said, at: datetime
) -> tuple[tuple[StampReport, ...], datetime | None, bool]:
    """Judge all time-stamps: each of them, the earliest time that they prove, and whether that is firm.

    What lends no time is passed over, so that a stranger who adds a time-stamp takes nothing away. A stamp of
    the content comes before the signature, and cannot say that there was one; only one of the archive is
    about those before it.
    """
    stamps: list[StampReport] = []
    proven_at = archived_at = None
    firm_at = firmly_archived_at = None  # the same, of those alone on which issuers say what became of them
    for stamp in reversed(seal.stamps()):
        asked = archived_at or at
        finding = judge_stamp(stamp.token, stamp.content, anchors, asked, pool=values.certificates)
        covered = _coverage(_up_to(anchors, finding.path), anchors, said)
        report = StampReport(
            stamp.kind,
            finding,
            covered,
            revoked=any(each.revoked_by(asked) for each in covered),
            possible=finding.at is None or finding.at <= at + CLOCKS,
        )
        stamps.insert(0, report)
        if not report.counts or report.kind == "adoTst" or finding.at is None:
            continue
        firm = report.covered and _holds(report, anchors, firmly_archived_at or at)
        proven_at = min(finding.at, proven_at or at)
        firm_at = min(finding.at, firm_at or at) if firm else firm_at
        if report.kind == "arcTst":
            archived_at, firmly_archived_at = proven_at, firm_at
    if any(_contradict(*each) for each in combinations(stamps, 2)):
        # Whose clock was wrong, nobody can tell (ETSI EN 319 102-1: failures of the order of time-stamps).
        told = (replace(each, possible=each.possible and not each.counts) for each in stamps)
        return tuple(told), None, True
    return tuple(stamps), proven_at, firm_at == proven_at


def _contradict(earlier: StampReport, later: StampReport) -> bool:
    """Tell whether the one that was made first, as the other or the signature shows, says to be of later."""
    follows = earlier.kind == "adoTst" or later.kind == "arcTst"
    if not (follows and earlier.counts and later.counts and earlier.finding.at and later.finding.at):
        return False
    return later.finding.at + CLOCKS < earlier.finding.at


def _holds(report: StampReport, anchors: Sequence[bytes], at: datetime) -> bool:
    """Tell whether it would count as well if only what is covered proved that it is of before."""
    chain = judge_chain(report.finding.path, anchors, at, use=Use.TIME_STAMP)
    return chain.standing is Standing.TRUSTED and not any(each.revoked_by(at) for each in report.coverage)


def _up_to(anchors: Sequence[bytes], path: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Leave out what stands above an anchor: nobody is asked about it."""
    ends = next((place for place, each in enumerate(path) if each in anchors), len(path))
    return path[: ends + 1]


def _coverage(path: Sequence[bytes], anchors: Sequence[bytes], said: Said) -> tuple[Coverage, ...]:
    """Ask of each certificate on the way up, as far as its issuer is known and it is no anchor itself."""
    return tuple(
        said.about(certificate, issuer)
        for certificate, issuer in pairwise(path)
        if certificate not in anchors
    )
