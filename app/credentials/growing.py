"""How a seal grows: a time-stamp, what its certificates are judged by, another time-stamp over all of it.

One step at a time, so that whoever takes it can store it before the next, and one at a time for a document in
a process. A kill, or two processes at the same moment, may cost one more time-stamp, and nothing else.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.credentials import queries
from app.credentials.models import Document, Period
from app.formats.jades import (
    Level,
    Seal,
    archive_imprint,
    signature_imprint,
    with_archive_timestamp,
    with_signature_timestamp,
    with_timestamp_values,
    with_validation_values,
)
from app.formats.jades_checks import judge_seal
from app.formats.stamps import Token, read_token
from app.formats.x509 import life_of
from app.outbox import trail
from app.outbox.messages import GivenUp, NotYet
from app.ports import (
    Ports,
    RevocationNotOffered,
    RevocationUnavailable,
    RevocationValues,
    TimeStampRefused,
    TimeStamps,
    TimeStampUnavailable,
)

AWAY: Final = (TimeStampUnavailable, TimeStampRefused, RevocationUnavailable)
PATIENCE_SECONDS: Final = 30.0  # with whoever asks for the same document; half of a message's lease
AHEAD: Final = timedelta(days=1)
_IN_HAND: Final[WeakValueDictionary[str, threading.Lock]] = WeakValueDictionary()
_CHOOSING: Final = threading.Lock()


class InHand(NotYet):
    """Somebody else in this process asks for the same document, and has not come to an end."""


class NoAuthority(GivenUp):
    """No time-stamp authority is configured any more."""


class NobodyToAsk(GivenUp):
    """Some certificate names nobody who could tell whether it was revoked, or nobody whom we ask."""


class SealRevoked(GivenUp):
    """A certificate of the seal was revoked: nothing makes it worth more."""


class StamperRevoked(GivenUp):
    """The certificate behind a time-stamp was revoked, so it proves nothing."""


class ProofOver(GivenUp):
    """A certificate ended before there was proof that the seal, or its last time-stamp, is older."""


class Unsound(GivenUp):
    """What is stored, or what came of it, does not verify; it was thrown away."""


@contextmanager
def alone(document_id: str) -> Iterator[None]:
    """Let one at a time in this process ask for a document's proof; whoever waited reads it anew inside.

    Raises `InHand` where that takes too long.
    """
    with _CHOOSING:
        lock = _IN_HAND.setdefault(document_id, threading.Lock())
    if not lock.acquire(timeout=PATIENCE_SECONDS):
        raise InHand
    try:
        yield
    finally:
        lock.release()


def require_time(ports: Ports, *, at: datetime) -> None:
    """Have an authority agree that it is as late as we think, or raise `TimeStampRefused`.

    Nothing is given up for good by our own clock alone. It costs a time-stamp.
    """
    if ports.time_stamps is not None and _said(ports.time_stamps) < at - AHEAD:
        raise TimeStampRefused("Our clock is ahead of the time-stamp authority's.")


def grown(ports: Ports, seal: Seal, *, at: datetime) -> Seal:
    """Give a seal one step further, found sound: B-T, then B-LTA, then with another time-stamp over all.

    `at` is the time of the world, which authorities go by. Raises `GivenUp` where no further try would help,
    and whatever the authorities say of themselves otherwise. No database is open meanwhile.
    """
    if ports.time_stamps is None or ports.revocation is None:
        raise NoAuthority("No time-stamp authority is configured: see `timestamp_url`.")
    try:
        return _sound(_next(seal, ports.time_stamps, ports.revocation, at=at), at=at)
    except RevocationNotOffered as nobody:
        raise NobodyToAsk(str(nobody)) from nobody


def last_of(seal: Seal) -> Token:
    """Read the time-stamp that covers the most."""
    return read_token(seal.stamps()[-1].token)


def ends_of(seal: Seal) -> datetime:
    """Tell until when the certificate of the last time-stamp is in force."""
    return life_of(last_of(seal).chain)[1]


def held(session: Session, document_id: str) -> Document:
    """Read a document as it is now, and keep it from others until this transaction ends."""
    return session.scalars(
        select(Document)
        .where(Document.id == document_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def record(session: Session, document: Document, seal: Seal, text: str, *, by: str, at: datetime) -> None:
    """Say in the trail how far a document is proven now, or that a time-stamp was worth nothing."""
    period = session.get_one(Period, document.period_id)
    credential = queries.by_id(session, period.credential_id)
    trail.record(
        session,
        "document.prolonged" if seal.etsi_u else "document.time-stamp-dropped",
        organisation_id=document.organisation_id,
        by=by,
        at=at,
        about={"credential": credential.id, **period.ground, "document": document.id},
        facts={
            "number": credential.number,
            "format": document.format,
            "level": seal.level.value,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
    )


def _said(time_stamps: TimeStamps) -> datetime:
    return read_token(time_stamps.stamp(b"what time is it?")).at


def _next(seal: Seal, time_stamps: TimeStamps, revocation: RevocationValues, *, at: datetime) -> Seal:
    """Take a seal one step further: a time-stamp, what it is judged by, or another time-stamp over that."""
    if seal.level is Level.B_B:
        if life_of(seal.header.chain)[1] <= at:
            raise ProofOver("The seal's certificate has ended, and nothing shows that the seal is older.")
        return with_signature_timestamp(seal, time_stamps.stamp(signature_imprint(seal)))
    last = last_of(seal)
    if seal.level is Level.B_LTA:
        if ends_of(seal) <= at:
            raise ProofOver("The last time-stamp's certificate has ended, and no other was put over it.")
        said = revocation.about(last.chain)
        seal = with_timestamp_values(seal, said.certificates, said.crls, said.ocsps)
    else:
        about = [revocation.about(seal.header.chain), revocation.about(last.chain)]
        seal = with_validation_values(
            seal,
            [certificate for each in about for certificate in each.certificates],
            [crl for each in about for crl in each.crls],
            [ocsp for each in about for ocsp in each.ocsps],
        )
    return with_archive_timestamp(seal, time_stamps.stamp(archive_imprint(seal)))


def _sound(seal: Seal, *, at: datetime) -> Seal:
    """Give a seal that holds, as far as it can be told without anchors, and of which nothing was revoked."""
    finding = judge_seal(seal, anchors=(), stamp_anchors=(), at=at)
    if not finding.signature or not all(stamp.finding.intact for stamp in finding.stamps):
        raise Unsound("What came of it does not verify.")
    if any(each.revoked_by(at) for each in finding.coverage):
        raise SealRevoked("A certificate of the seal was revoked.")
    if any(each.revoked_by(at) for stamp in finding.stamps for each in stamp.coverage):
        raise StamperRevoked("The certificate behind a time-stamp was revoked.")
    if seal.level not in {Level.B_T, Level.B_LTA}:
        raise Unsound("Its issuers gave nothing that it could be judged by.")
    return seal
