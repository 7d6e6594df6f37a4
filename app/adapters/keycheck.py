"""The self-test of the keys: what issuing does, done with every key before anybody relies on it.

Nothing is written anywhere: neither to the register nor to the folder, and no document is left.
"""

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography import x509

from app.adapters.authority import Body
from app.adapters.ceremony import OWN, PROBE, SEALS, Ceremony, asking
from app.adapters.ring import KeysUnreadable, OnToken, Ring, Whose, unlike_register
from app.adapters.specimens import specimens
from app.adapters.tokens import Tokens
from app.core.errors import Problem
from app.formats.jose import verify
from app.formats.revocation import coverage_of
from app.formats.stamps import read_token
from app.formats.strict import Malformed
from app.formats.x509 import Standing, chain_of, judge_chain, life_of
from app.ports import (
    Clock,
    KeyNotUsable,
    KeysUnavailable,
    PublicKey,
    RevocationUnavailable,
    RevocationValues,
    Signer,
    Slot,
    TimeStampRefused,
    TimeStamps,
    TimeStampUnavailable,
)
from app.settings import Settings, only_here

log: Final = logging.getLogger("sigillo.keys")
WARNED_AT: Final = (7, 30, 90)  # days before a certificate ends


class Level(StrEnum):
    """How much a finding matters: a failure means that this key cannot issue."""

    GOOD = "good"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found out about the key of a slot, and what to do where something is to be done.

    Without a slot, it is about the set-up: the folder, or a setting. `body` is the organisation whose own the
    key is, if it is one's own.
    """

    slot: Slot | None
    level: Level
    words: str
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What the check tries: the keys, and whom seals are shown to before they are kept for years."""

    signer: Signer
    ceremony: Ceremony
    settings: Settings
    tokens: Tokens | None = None
    time_stamps: TimeStamps | None = None
    revocation: RevocationValues | None = None
    name: str | None = None  # the legal name of whoever is about to issue with them, where that is known
    body: Whose | None = None  # who that is: then only the keys that this body signs with are tried
    address: str | None = None  # under which it issues, where that is not the installation's
    register: Mapping[str, int] | None = None  # the code of each organisation, where there is a register yet


def check(tried: Tried, *, at: datetime) -> list[Finding]:
    """Use every key as issuing would, and judge its certificates; nothing that is made here is kept."""
    ring = tried.ceremony.ring()
    found = [
        replace(finding, body=of.id if of else None)
        for slot, of in _places(ring, tried.body)
        for finding in _slot(_Place(tried, ring, slot, of), at)
    ]
    found += [*_addresses(tried), *_register(tried, ring)]
    if unlisted := tried.ceremony.unlisted():
        words = (
            f"{', '.join(unlisted)}: no key of the ring uses this. Either a step was cut off, and it can go; "
            "or ring.json is older than it, and has to come from a newer backup."
        )
        found.append(Finding(None, Level.WARNING, words))
    return found


def _addresses(tried: Tried) -> Iterator[Finding]:
    """Look at the installation's address, where letters, OAuth and the API stand, and at the body's own."""
    public_url, own = tried.settings.public_url, tried.address
    if only_here(public_url):
        words = (
            f"public_url is {public_url}, which leads nobody here, and every document names it for good. Set "
            "SIGILLO_PUBLIC_URL to the https address that the public will use."
        )
        if own not in {None, public_url}:
            words = (
                f"public_url is {public_url}, which leads nobody here: letters, OAuth and the API stand "
                "there, whatever host a body has. Set SIGILLO_PUBLIC_URL to the https address that the "
                "public will use."
            )
        yield Finding(None, Level.FAILURE, words)
    if own is not None and own != public_url and only_here(own):
        words = (
            f"its own address is {own}, which leads nobody here, and every document names it for good. "
            "`sigillo organisation host` gives it another."
        )
        yield Finding(None, Level.FAILURE, words, tried.body.id if tried.body else None)


def _register(tried: Tried, ring: Ring) -> Iterator[Finding]:
    """Hold the bodies of the ring against the register: QR codes and lists are believed by those codes."""
    if tried.register is not None:
        for body, words in unlike_register(ring.bodies(), tried.register):
            yield Finding(None, Level.FAILURE, words, body)
    elif ring.bodies():
        words = (
            "there is no register that answers, so nobody can tell whether the organisations in the ring are "
            "those in it. Check again once there is."
        )
        yield Finding(None, Level.WARNING, words)


def _places(ring: Ring, body: Whose | None) -> list[tuple[Slot, Whose | None]]:
    """Name the places of the ring that are looked at: those that a body signs from, or else all."""
    held = {(each.slot, each.body) for each in ring.keys}
    begun = held | {(each.slot, each.body) for each in ring.waiting}
    shared = [(slot, None) for slot in Slot if body is None or (slot, body) not in held]
    own = [(slot, of) for of in ([body] if body else ring.bodies()) for slot in Slot if (slot, of) in begun]
    return [*shared, *own]


def names_in(signer: Signer, body: str | None = None) -> dict[Slot, str]:
    """Give the organisation that each seal names, of the seals that count and that this body signs with.

    ETSI EN 319 412-3, 4.2.1.
    """
    found: dict[Slot, str] = {}
    for slot in SEALS:
        with suppress(KeyNotUsable):
            if not (key := signer.current(slot, body)).development:
                found[slot] = _body(key).organisation or "nobody"
    return found


def same_name(one: str, other: str) -> bool:
    """Tell whether two names are the same but for capitals and spaces."""
    first, second = (" ".join(unicodedata.normalize("NFC", each).casefold().split()) for each in (one, other))
    return first == second


def conclusion(found: Iterable[Finding]) -> str:
    """Say in a sentence or two what an operator may do now."""
    findings = list(found)
    failures = [each for each in findings if each.level is Level.FAILURE and not _trial(each)]
    if any(each.slot is not None for each in failures):
        return "Not every key can issue: see ✗ above. Nothing should go live like this."
    if any(_trial(each) for each in findings):
        return (
            "The keys work, and are for trying only: whatever they sign says TEST and proves nothing. How to "
            "begin with those that count is said at ✗."
        )
    if failures:
        return "Every key can issue, and nothing should go live before what is marked ✗ is mended."
    if any(each.words.startswith(NO_EDC) for each in findings):
        return "Every key can issue, apart from that of European Digital Credentials: it is for trying."
    return "Every key can issue."


TRIAL: Final = "for trying only: a live organisation refuses it."
NO_EDC: Final = "for trying only: a live organisation issues no European Digital Credentials with it."


def _trial(finding: Finding) -> bool:
    return finding.words.startswith(TRIAL)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of the ring that is looked at: a slot, and whose keys alone lie there."""

    tried: Tried
    ring: Ring
    slot: Slot
    of: Whose | None

    def found(self, level: Level, words: str) -> Finding:
        return Finding(self.slot, level, words)

    def step(self, name: str, more: str = "") -> str:
        """Write the command for a step with the keys of this place."""
        return f"`{asking(name, self.slot, self.of, more)}`"


def _slot(place: _Place, at: datetime) -> Iterator[Finding]:
    damaged = [*_damaged(place)]
    yield from damaged
    slot, of = place.slot, place.of
    if of is None or any((each.slot, each.body) == (slot, of) for each in place.ring.keys):
        try:
            key = place.tried.signer.current(slot, of.id if of else None)
        except KeyNotUsable:
            if not damaged:
                yield place.found(Level.FAILURE, f"no key signs. Make one: {place.step('rotate')}.")
        else:
            yield from _key(place, key, at)
    waiting = place.ring.waiting_for(slot, of)
    if waiting is None:
        return
    try:
        place.tried.ceremony.try_waiting(waiting)
    except (KeysUnavailable, KeysUnreadable) as failed:
        yield place.found(Level.FAILURE, f"the key that waits for its certificate does not sign: {failed}")
    else:
        yield place.found(
            Level.WARNING, f"a new key waits for its certificate: {place.step('import', 'FILE')}."
        )


def _damaged(place: _Place) -> Iterator[Finding]:
    """Read what is published of every key: a service does not start while one certificate is missing."""
    for entry in place.ring.keys:
        if (entry.slot, entry.body) == (place.slot, place.of):
            try:
                place.tried.ceremony.published(entry)
            except KeysUnreadable as wrong:
                words = f"{wrong} Put it back from the backup: until then no service starts."
                yield place.found(Level.FAILURE, words)


def _key(place: _Place, key: PublicKey, at: datetime) -> Iterator[Finding]:
    tried = place.tried
    signs = _signs(tried.signer, key)
    yield signs
    if signs.level is Level.GOOD:
        yield from _specimens(tried, key, at)
    yield _chain(place, key, at)
    yield from _ending(place, key, at)
    entry = place.ring.current(place.slot, place.of)
    if tried.tokens is not None and entry is not None and isinstance(entry.key, OnToken):
        yield from _keeps(tried.tokens, key.slot, entry.key)
    if key.development:
        yield _for_trying(tried, key.slot)
    elif key.slot in SEALS:
        yield from _same_body(place, key, at)
        mend = f"{place.step('rotate')}."
        yield from _revoked(tried, key.slot, key.chain, at, whose="its certificate", mend=mend)
    if key.slot is Slot.EDC_SEAL and tried.time_stamps is not None:
        yield from _stamps(tried, tried.time_stamps, key.slot, at)


def _for_trying(tried: Tried, slot: Slot) -> Finding:
    """Say what a key for trying is no good for, and which command begins with one that counts."""
    begin = "`sigillo keys init`."
    if tried.body is not None:
        begin = (
            f"`sigillo keys init --for {tried.body.id}` begins with keys of its own; without --for, it makes "
            "the installation's, for all that have none."
        )
    if slot is Slot.EDC_SEAL:
        return Finding(slot, Level.WARNING, f"{NO_EDC} If wanted: {begin}")
    return Finding(slot, Level.FAILURE, f"{TRIAL} {begin}")


def _specimens(tried: Tried, key: PublicKey, at: datetime) -> Iterator[Finding]:
    """Make one of everything that the key signs, as issuing would, and read it back as a stranger would."""
    settings, made = tried.settings, list[str]()
    try:
        for specimen in specimens(
            key,
            public_url=tried.address or settings.public_url,
            signing_time=settings.edc_signing_time,
            at=at,
        ):
            if specimen.faults:
                words = "; ".join(specimen.faults)
                yield Finding(key.slot, Level.FAILURE, f"makes no {specimen.name}: {words}.")
                continue
            read = specimen.opened(tried.signer.sign(key.thumbprint, specimen.unsigned))
            if read.signing_input != specimen.unsigned or not read.verified_by(key.jwk):
                yield Finding(
                    key.slot,
                    Level.FAILURE,
                    f"what it made of {specimen.name} does not verify when read back.",
                )
                continue
            made.append(specimen.name)
    except (Malformed, Problem, KeysUnavailable, KeysUnreadable) as refused:
        yield Finding(key.slot, Level.FAILURE, f"cannot issue: {str(refused).rstrip('.')}.")
    if made:
        yield Finding(
            key.slot,
            Level.GOOD,
            f"{', '.join(made)}: a specimen was composed, checked, signed and read back, and thrown away.",
        )


def _same_body(place: _Place, key: PublicKey, at: datetime) -> Iterator[Finding]:
    house, named = place.tried.ceremony.own_body(at, place.of), _body(key)
    if house is not None and named != house:
        yield Finding(
            key.slot,
            Level.WARNING,
            f"its certificate names {_told(named)}, and those of {' and '.join(OWN)} name {_told(house)}. If "
            "it is not the same body, put that right: `sigillo keys rotate` with --organisation.",
        )
    called = place.tried.name
    if called is not None and not same_name(named.organisation or "", called):
        yield Finding(
            key.slot,
            Level.WARNING,
            f"its certificate names “{named.organisation}”, and the organisation is called “{called}”: "
            "whoever verifies will read the former.",
        )


def _body(key: PublicKey) -> Body:
    return Body.of(x509.load_der_x509_certificate(key.chain[0]))


def _told(body: Body) -> str:
    said = (body.organisation, body.identifier, body.country)
    return ", ".join(each or "nothing" for each in said)


def _revoked(
    tried: Tried, slot: Slot, chain: Sequence[bytes], at: datetime, *, whose: str, mend: str
) -> Iterator[Finding]:
    """Ask whoever issued the certificates what became of them, where seals are to be kept with the answer."""
    if tried.revocation is None:
        return
    try:
        said = tried.revocation.about(chain)
    except RevocationUnavailable as away:
        words = f"nothing can be had on whether {whose} was revoked, so no seal comes to B-LTA: {away}"
        yield Finding(slot, Level.WARNING, words)
        return
    way = chain_of(chain[0], said.certificates)
    for certificate, issuer in pairwise(way):
        if coverage_of(certificate, issuer, crls=said.crls, ocsps=said.ocsps).revoked_by(at):
            yield Finding(slot, Level.FAILURE, f"the CA says that {whose} was revoked. {mend}")
            return
    yield Finding(slot, Level.GOOD, f"the CA of {whose} was asked, and says that nothing was revoked.")


def _stamps(tried: Tried, time_stamps: TimeStamps, slot: Slot, at: datetime) -> Iterator[Finding]:
    """Ask for a time-stamp, and about those who vouch for it: a seal at B-LTA holds their answer as well."""
    try:
        chain = read_token(time_stamps.stamp(PROBE)).chain
    except TimeStampUnavailable as away:
        yield Finding(slot, Level.WARNING, f"no time-stamp could be had, so seals stay B-B: {away}")
    except (TimeStampRefused, Malformed) as lie:
        yield Finding(slot, Level.FAILURE, f"the time-stamp authority cannot be relied on: {lie}")
    else:
        yield Finding(slot, Level.GOOD, "the time-stamp authority was asked, and its time-stamp verifies.")
        whose, mend = "the time-stamp authority's certificate", "Tell it, or choose another."
        yield from _revoked(tried, slot, chain, at, whose=whose, mend=mend)


def _signs(signer: Signer, key: PublicKey) -> Finding:
    try:
        sound = verify(PROBE, signer.sign(key.thumbprint, PROBE), key.jwk)
    except (KeysUnavailable, KeyNotUsable, KeysUnreadable) as failed:
        return Finding(key.slot, Level.FAILURE, f"does not sign: {failed}")
    if not sound:
        return Finding(key.slot, Level.FAILURE, "what it signs does not verify with the published key.")
    return Finding(key.slot, Level.GOOD, f"signs, and the published key verifies it ({key.algorithm}).")


def _chain(place: _Place, key: PublicKey, at: datetime) -> Finding:
    judged = judge_chain(key.chain, place.tried.signer.anchors(), at)
    match judged.standing:
        case Standing.TRUSTED:
            return Finding(key.slot, Level.GOOD, f"its chain leads to an anchor ({judged.organisation}).")
        case Standing.EXPIRED:
            words = f"its certificate ended on {judged.valid_until:%Y-%m-%d}. {place.step('rotate')}."
        case Standing.NOT_YET:
            words = (
                f"its certificate begins on {judged.valid_from:%Y-%m-%d}: is the clock of this machine right?"
            )
        case _:
            words = "its chain ends in no anchor, so nobody here would trust it."
    return Finding(key.slot, Level.FAILURE, words)


def _ending(place: _Place, key: PublicKey, at: datetime) -> Iterator[Finding]:
    left = days_left(key, at)
    if 0 <= left <= max(WARNED_AT):
        yield Finding(
            key.slot,
            Level.WARNING,
            f"its certificate ends in {left} days. Begin now: {place.step('rotate')}.",
        )


def _keeps(tokens: Tokens, slot: Slot, place: OnToken) -> Iterator[Finding]:
    try:
        kept = tokens.keeps(place)
    except KeysUnavailable:
        return  # told already: it does not sign
    if not kept:
        yield Finding(
            slot, Level.WARNING, "could be taken out of its token (CKA_EXTRACTABLE). Make one that cannot."
        )


def told_of(key: PublicKey) -> str:
    """Say which key is meant: what it is for, and whose own it is."""
    return f"{key.slot} of {key.body}" if key.body else key.slot.value


def days_left(key: PublicKey, at: datetime) -> int:
    """Tell for how many whole days the certificates of a key are still in force; below 0 they have ended."""
    return (life_of(key.chain)[1] - at) // timedelta(days=1)


class ExpiryWatch:
    """Says in the log, once a day, which certificates end within 90, 30 or 7 days, or have ended."""

    def __init__(self, signer: Signer, clock: Clock) -> None:
        self._signer = signer
        self._clock = clock
        self._said_on: date | None = None

    def __call__(self) -> None:
        at = self._clock.now()
        if self._said_on == at.date():
            return
        self._said_on = at.date()
        for key in _needing_care(self._signer.published(), at):
            left = days_left(key, at)
            level = logging.ERROR if left < min(WARNED_AT) else logging.WARNING
            words = f"ends in {left} days" if left >= 0 else "has ended"
            log.log(level, "key.ending", extra={"reason": f"the certificate for {told_of(key)} {words}"})


def _needing_care(keys: Iterable[PublicKey], at: datetime) -> Iterator[PublicKey]:
    return (
        key for key in keys if key.current and not key.development and days_left(key, at) <= max(WARNED_AT)
    )
