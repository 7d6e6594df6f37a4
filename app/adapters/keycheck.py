"""The self-test of the keys: what issuing does, done with every key before anybody relies on it."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.adapters.ceremony import PROBE
from app.adapters.ring import KeysUnreadable, OnToken, Ring
from app.adapters.tokens import Tokens
from app.formats.jose import verify
from app.formats.x509 import Standing, judge_chain, life_of
from app.ports import Clock, KeyNotUsable, KeysUnavailable, PublicKey, Signer, Slot

log: Final = logging.getLogger("sigillo.keys")
WARNED_AT: Final = (7, 30, 90)  # days before a certificate ends


class Level(StrEnum):
    """How much a finding matters: a failure means that this key cannot issue."""

    GOOD = "good"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found out about the key of a slot, and what to do where something is to be done."""

    slot: Slot
    level: Level
    words: str


def check(signer: Signer, ring: Ring, tokens: Tokens | None, *, at: datetime) -> list[Finding]:
    """Use every key as issuing would, and judge its certificates; nothing that is made here is kept."""
    return [finding for slot in Slot for finding in _slot(signer, ring, tokens, slot, at)]


def _slot(signer: Signer, ring: Ring, tokens: Tokens | None, slot: Slot, at: datetime) -> Iterator[Finding]:
    try:
        key = signer.current(slot)
    except KeyNotUsable:
        yield Finding(slot, Level.FAILURE, f"no key signs. Make one: `sigillo keys rotate {slot}`.")
        return
    yield _signs(signer, key)
    yield _chain(signer, key, at)
    yield from _ending(key, at)
    if key.development:
        yield Finding(
            slot, Level.WARNING, "for trying only: live organisations refuse it. `sigillo keys init`."
        )
    entry = ring.current(slot)
    if tokens is not None and entry is not None and isinstance(entry.key, OnToken):
        yield from _keeps(tokens, slot, entry.key)
    if ring.waiting_for(slot):
        yield Finding(
            slot, Level.WARNING, f"a new key waits for its certificate: `sigillo keys import {slot} FILE`."
        )


def _signs(signer: Signer, key: PublicKey) -> Finding:
    try:
        sound = verify(PROBE, signer.sign(key.thumbprint, PROBE), key.jwk)
    except (KeysUnavailable, KeyNotUsable, KeysUnreadable) as failed:
        return Finding(key.slot, Level.FAILURE, f"does not sign: {failed}")
    if not sound:
        return Finding(key.slot, Level.FAILURE, "what it signs does not verify with the published key.")
    return Finding(key.slot, Level.GOOD, f"signs, and the published key verifies it ({key.algorithm}).")


def _chain(signer: Signer, key: PublicKey, at: datetime) -> Finding:
    judged = judge_chain(key.chain, signer.anchors(), at)
    match judged.standing:
        case Standing.TRUSTED:
            return Finding(key.slot, Level.GOOD, f"its chain leads to an anchor ({judged.organisation}).")
        case Standing.EXPIRED:
            words = (
                f"its certificate ended on {judged.valid_until:%Y-%m-%d}. `sigillo keys rotate {key.slot}`."
            )
        case Standing.NOT_YET:
            words = (
                f"its certificate begins on {judged.valid_from:%Y-%m-%d}: is the clock of this machine right?"
            )
        case _:
            words = "its chain ends in no anchor, so nobody here would trust it."
    return Finding(key.slot, Level.FAILURE, words)


def _ending(key: PublicKey, at: datetime) -> Iterator[Finding]:
    left = days_left(key, at)
    if 0 <= left <= max(WARNED_AT):
        yield Finding(
            key.slot,
            Level.WARNING,
            f"its certificate ends in {left} days. Begin now: `sigillo keys rotate {key.slot}`.",
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
            log.log(level, "key.ending", extra={"reason": f"the certificate for {key.slot} {words}"})


def _needing_care(keys: Iterable[PublicKey], at: datetime) -> Iterator[PublicKey]:
    return (
        key for key in keys if key.current and not key.development and days_left(key, at) <= max(WARNED_AT)
    )
