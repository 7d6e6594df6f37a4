"""JAdES seals in JSON (ETSI TS 119 182-1): what a sealed document proves by itself, time-stamps and all."""

import hashlib
import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

from app.core.labels import Labels
from app.formats.edc_reading import read_edc
from app.formats.jades import NoSeal, Seal, read_seal
from app.formats.jades_checks import SealFinding, StampReport, judge_seal
from app.formats.jose import Compact, open_compact
from app.formats.reading import ReadCredential, read_credential
from app.formats.revocation import Coverage, RevocationState
from app.formats.strict import Malformed
from app.formats.x509 import Standing, leaf_jwk
from app.ports import Slot
from app.verification import words
from app.verification.examining import Examined
from app.verification.report import StampTold
from app.verification.trust import Keyring

VC: Final = "vc+jwt"
LONGEST_NAME: Final = 200
YEARS: Final = range(1970, 9999)
OLDEST: Final = timedelta(days=1)  # word on a seal, before the time that is proven
OLDEST_OF_AUTHORITIES: Final = timedelta(days=366)

# JSON that begins with a member of a signature is nothing else that is read here.
_BEGINS: Final = re.compile(r'\s*\{\s*"(?:payload|signatures|protected|header|signature)"\s*:')


def begins_as_one(text: str) -> bool:
    """Tell by its first member whether a text is meant as a sealed document in JSON; it may be anything."""
    return _BEGINS.match(text) is not None


def examine_seal(text: str, keyring: Keyring, *, at: datetime) -> Examined:
    """Read a sealed document strictly and judge its seal at a time; whatever the text is, it is a finding."""
    try:
        seal = read_seal(text)
        slot, says, token = _content(seal)
        chain = seal.header.chain
        finding = _judged(seal, keyring, at)
        key, misused = keyring.ours_by_chain(chain, slot), keyring.is_for_else(leaf_jwk(chain), slot)
    except NoSeal:
        return Examined("format-unreadable")
    except Malformed:
        return Examined("format-refused")
    if not finding.signature:
        return Examined("format-read", "seal-broken")
    if any(stamp.finding.damaged for stamp in finding.stamps):
        return Examined("format-read", "seal-stamp-broken", seal=finding)
    signed = seal.bare.compact() if slot is Slot.SEAL else seal.bare.general()
    return Examined(
        format="format-read",
        integrity="seal-intact",
        says=says,
        key=key,
        chain=key.chain if key else chain,
        sha256=hashlib.sha256(signed.encode()).hexdigest(),
        misused=key is None and misused,
        seal=finding,
        token=token,
    )


def _judged(seal: Seal, keyring: Keyring, at: datetime) -> SealFinding:
    """Judge a seal by the anchors, and where they know nothing of it, by the trusted lists."""
    anchors, stamp_anchors = keyring.anchors_for(seal.header.chain), keyring.stamp_anchors
    found = judge_seal(seal, anchors=anchors, stamp_anchors=stamp_anchors, at=at)
    if found.chain.standing is Standing.UNTRUSTED and keyring.lists is not None:
        listed = keyring.listed(found.path, sealed_at=found.judged_at, now=at)
        if listed:
            return judge_seal(seal, anchors=(*anchors, *listed), stamp_anchors=stamp_anchors, at=at)
    return found


def _content(seal: Seal) -> tuple[Slot, ReadCredential, Compact | None]:
    """Read what was sealed, and which of our slots is there for it: a `vc+jwt` that grew, or else an EDC."""
    if seal.header.typ == VC:
        if not seal.b64:
            raise Malformed("a vc+jwt whose payload is not encoded")
        token = open_compact(seal.bare.compact())
        return Slot.SEAL, read_credential(token.payload), token
    return Slot.EDC_SEAL, read_edc(seal.content), None


def revoked(finding: SealFinding, proven_at: datetime | None) -> bool:
    """Tell whether the seal was revoked at the time that is proven, by the register or by a time-stamp."""
    return any(each.revoked_by(proven_at or finding.judged_at) for each in finding.coverage)


def covered(finding: SealFinding) -> bool:
    """Tell whether the seal brings word that it was not revoked, of then or of later, for its whole path."""
    return all(_speaks_of(each, finding.judged_at) for each in finding.coverage)


def _speaks_of(coverage: Coverage, at: datetime) -> bool:
    """Tell whether the word on a certificate is fresh enough for a time (ETSI EN 319 102-1, 5.2.5).

    Qualified authorities tell within a day that a certificate was revoked (EN 319 411-1, 6.2.4), and of other
    authorities once a year at least: then the word has to hold until that time.
    """
    if coverage.state is RevocationState.NOT_COVERED or coverage.as_of is None:
        return False
    if coverage.authority:
        until = max(coverage.as_of, coverage.until or coverage.as_of)
        return coverage.as_of >= at - OLDEST_OF_AUTHORITIES and until >= at
    return coverage.as_of >= at - OLDEST


def owner_in_words(finding: SealFinding) -> dict[str, Labels]:
    """Name who sealed it, by what is proven alone."""
    owner = finding.owner
    organisation = (owner.organisation or owner.common_name or "?")[:LONGEST_NAME]
    identifier = (owner.identifier or "\N{EN DASH}")[:LONGEST_NAME]
    return {"owner": _alike(organisation), "identifier": _alike(identifier)}


def stamps_in_words(finding: SealFinding, zone: tzinfo) -> tuple[StampTold, ...]:
    """Say of each time-stamp what was found of it, in their order."""
    return tuple(_told(stamp, zone) for stamp in finding.stamps)


def _told(stamp: StampReport, zone: tzinfo) -> StampTold:
    code, when = _state(stamp), stamp.finding.at
    # A stranger's stamp may tell any time, also one that no time zone has room for.
    shown = when is not None and when.year in YEARS
    moment = words.moment_in_words(when, zone) if when and shown else words.NO_TIME
    reason = words.worded(words.STAMPS[code], kind=words.STAMP_KINDS[stamp.kind], when=moment)
    return StampTold(stamp.kind, code, reason, None if stamp.finding.damaged else when, proves=stamp.counts)


def _state(stamp: StampReport) -> str:
    """Name what was found of a time-stamp; what does not count is never called trusted."""
    found = stamp.finding
    if not found.checked:
        return "stamp-not-checked"
    if found.damaged:
        return "stamp-broken"
    if stamp.counts:
        return "stamp-trusted" if stamp.covered else "stamp-revocation-unknown"
    if found.chain.standing is not Standing.TRUSTED:
        return "stamp-ended" if found.chain.standing is Standing.EXPIRED else "stamp-unknown"
    return "stamp-revoked" if stamp.revoked else "stamp-impossible"


def _alike(text: str) -> Labels:
    return Labels(it=text, en=text)
