"""From B-B to B-LTA in the background: what makes a seal provable when its certificate is long over.

The signature stays; beside it come a time-stamp, then what issuers said of every certificate and a time-stamp
of all that. Each of the two steps is stored as soon as it is done, so none is paid for twice, and what is
handed out is B-B, B-T or B-LTA. Before the last time-stamp's certificate ends, another is put over it.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from app.core.db import EVERY_ORGANISATION, Database
from app.core.errors import JsonValue
from app.credentials import queries
from app.credentials.models import Document, Intent, Period
from app.formats.claims import Format
from app.formats.jades import (
    Level,
    Seal,
    archive_imprint,
    read_seal,
    signature_imprint,
    with_archive_timestamp,
    with_signature_timestamp,
    with_timestamp_values,
    with_validation_values,
)
from app.formats.jades_checks import judge_seal
from app.formats.stamps import Token, read_token
from app.formats.strict import Malformed
from app.formats.x509 import life_of
from app.outbox import messages, trail
from app.outbox.messages import GivenUp, Message, TriedSeldom
from app.ports import (
    Ports,
    RevocationNotOffered,
    RevocationUnavailable,
    RevocationValues,
    TimeStampRefused,
    TimeStamps,
    TimeStampUnavailable,
)

log: Final = logging.getLogger("sigillo.prolonging")
PROLONG: Final = "document.prolong"
FIRST: Final[Mapping[str, Level]] = {Format.EDC: Level.B_B}  # of what grows, the level at which it is issued
AT_ONCE: Final = 250  # documents in one transaction
DAY: Final = timedelta(days=1)
SHARE: Final = 0.75  # of a time-stamp's certificate: when so much of its life is over, another is due


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


class StampRefused(TriedSeldom):
    """What the authority gave is no time-stamp to rely on."""


def name_of(document_id: str) -> str:
    """Name the one message that prolongs a document."""
    return f"prl_{document_id.removeprefix('doc_')}"


def leave_word(session: Session, ports: Ports, intent: Intent, *, at: datetime) -> None:
    """Have a sealed credential brought to B-LTA once it is stored, where an authority is configured."""
    if intent.format in FIRST and ports.time_stamps and ports.revocation:
        leave_for(session, intent.id, organisation_id=intent.organisation_id, at=at)


def leave_for(session: Session, document_id: str, *, organisation_id: str, at: datetime) -> None:
    """Leave word to prolong a document, for which there is none yet."""
    body: dict[str, JsonValue] = {"document": document_id}
    name = name_of(document_id)
    messages.leave(session, PROLONG, body, organisation_id=organisation_id, at=at, name=name)


def leave_for_all(database: Database, *, at: datetime) -> None:
    """Have every seal brought to B-LTA that is not: what was never asked for, what was given up, what waits.

    Each is asked for once, however often this is called.
    """
    for level in Level:
        last: str | None = ""
        while last is not None:
            last = _leave_for_some(database, level, last, at=at)


def _leave_for_some(database: Database, level: Level, after: str, *, at: datetime) -> str | None:
    some = (
        select(Document.id, Document.organisation_id)
        .where(Document.level == level, Document.id > after)
        .order_by(Document.id)
        .limit(AT_ONCE)
        .with_for_update()  # whoever asks at the same time waits here, and then finds what was left
    )
    with database.writing() as session:
        found = session.execute(some, execution_options=EVERY_ORGANISATION).all()
        left = select(Message.id, Message.done_at).where(Message.id.in_([name_of(name) for name, _ in found]))
        rows = session.execute(left, execution_options=EVERY_ORGANISATION)
        settled = {row.id: row.done_at for row in rows}
        for name, organisation_id in found:
            if name_of(name) not in settled:
                leave_for(session, name, organisation_id=organisation_id, at=at)
        again = [name for name, done_at in settled.items() if done_at or level is not Level.B_LTA]
        messages.ask_again(session, again, at=at)
    return found[-1][0] if found else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the seals of an installation have come."""

    levels: Mapping[str, int]
    waiting: int  # to become B-LTA
    busy: int  # of these, in a worker's hands or never tried yet
    failed: Mapping[str, int]  # of those that wait, by the kind of the last error
    given_up: Mapping[str, int]  # by the kind of error, whatever level they have

    @property
    def below(self) -> int:
        """Those that are not B-LTA yet."""
        return sum(count for level, count in self.levels.items() if level != Level.B_LTA)


def progress(database: Database, *, at: datetime) -> Progress:
    """Count the seals of every organisation by level, and the work that is left for them."""
    fresh = and_(Message.due_at <= at, Message.last_error.is_(None))
    busy = case((or_(Message.lease_until >= at, fresh), True), else_=False)
    kinds = (Document.level, Message.done_at.is_(None), busy, Message.last_error)
    counted = (
        select(*kinds, func.count(Document.id), func.count(Message.id))
        .outerjoin(Message, Message.id == literal("prl_") + func.substr(Document.id, len("doc_") + 1))
        .where(Document.level.is_not(None))
        .group_by(*kinds)
    )
    levels = Counter[str](dict.fromkeys((Level.B_B, Level.B_T, Level.B_LTA), 0))
    sums, failed, given_up = Counter[str](), Counter[str](), Counter[str]()
    with database.reading() as session:
        rows = session.execute(counted, execution_options=EVERY_ORGANISATION).all()
    for level, is_open, is_busy, error, documents, left in rows:
        levels[level] += documents
        if not is_open and error is not None:
            given_up[error] += left
        elif is_open and level != Level.B_LTA:
            sums["waiting"] += left
            sums["busy"] += left if is_busy else 0
            if error is not None:
                failed[error] += left
    return Progress(dict(levels), sums["waiting"], sums["busy"], dict(failed), dict(given_up))


def topics(ports: Ports) -> dict[str, Callable[[Message], datetime | None]]:
    """Tell a worker what to do with our messages."""

    def prolong_it(message: Message) -> datetime:
        return prolong(ports, message.organisation_id, str(message.body["document"]), at=ports.clock.now())

    return {PROLONG: prolong_it}


def prolong(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> datetime:
    """Bring a document to B-LTA, or prove a B-LTA anew; give the instant at which to look again.

    Where an authority is away, raises what it said, and `GivenUp` where no further try would help. No
    authority is asked while the database waits. Whoever comes second finds it done, and stores nothing.
    """
    if ports.time_stamps is None or ports.revocation is None:
        raise NoAuthority("No time-stamp authority is configured: see `timestamp_url`.")
    now = at - ports.clock.offset  # authorities know nothing of a demonstration's clock
    with _told():
        while True:
            with ports.database.reading(organisation_id) as session:
                stored = session.get_one(Document, document_id).token
            seal = read_seal(stored)
            if seal.level is Level.B_LTA and (due := _due(seal)) > now:
                return at + max(due - now, DAY)
            try:
                grown = _sound(_next(seal, ports.time_stamps, ports.revocation, at=now), at=now)
            except StamperRevoked:
                if seal.level is Level.B_T:  # so that another authority's time-stamp can take its place
                    _store(ports, organisation_id, document_id, stored, seal.bare, at=at)
                raise
            if seal.level is Level.B_LTA and _ends(grown) <= _ends(seal):
                return at + max((_ends(seal) - now) * SHARE, DAY)  # it would prove nothing for longer
            _store(ports, organisation_id, document_id, stored, grown, at=at)


@contextmanager
def _told() -> Iterator[None]:
    """Say of a failure whether another try may help, and soon; log what an authority has to do with it."""
    try:
        yield
    except RevocationNotOffered as nobody:
        raise NobodyToAsk(str(nobody)) from nobody
    except Malformed as unreadable:
        raise Unsound("A seal that was stored cannot be read.") from unreadable
    except (TimeStampRefused, TimeStampUnavailable, RevocationUnavailable) as why:
        log.warning("prolonging.waits", extra={"reason": str(why)})
        if isinstance(why, TimeStampRefused):
            raise StampRefused(str(why)) from why
        raise


def _next(seal: Seal, time_stamps: TimeStamps, revocation: RevocationValues, *, at: datetime) -> Seal:
    """Take a seal one step further: a time-stamp, what it is judged by, or another time-stamp over that."""
    if seal.level is Level.B_B:
        if life_of(seal.header.chain)[1] <= at:
            raise ProofOver("The seal's certificate has ended, and nothing shows that the seal is older.")
        return with_signature_timestamp(seal, time_stamps.stamp(signature_imprint(seal)))
    last = _last(seal)
    if seal.level is Level.B_LTA:
        if _ends(seal) <= at:
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


def _last(seal: Seal) -> Token:
    return read_token(seal.stamps()[-1].token)


def _ends(seal: Seal) -> datetime:
    return life_of(_last(seal).chain)[1]


def _due(seal: Seal) -> datetime:
    """Tell when the last time-stamp wants another over it: once most of its certificate's life is over."""
    made = _last(seal).at
    return made + (_ends(seal) - made) * SHARE


def _store(
    ports: Ports, organisation_id: str, document_id: str, before: str, after: Seal, *, at: datetime
) -> None:
    token = after.general()
    with ports.database.writing(organisation_id) as session:
        document = session.scalars(
            select(Document)
            .where(Document.id == document_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if document.token != before:
            return
        # Its digest stays that of the seal as it was made: these files are all out, and all this document.
        document.token, document.level = token, after.level
        period = session.get_one(Period, document.period_id)
        credential = queries.by_id(session, period.credential_id)
        trail.record(
            session,
            "document.prolonged" if after.etsi_u else "document.time-stamp-dropped",
            organisation_id=organisation_id,
            by=trail.SYSTEM,
            at=at,
            about={"credential": credential.id, **period.ground, "document": document.id},
            facts={
                "number": credential.number,
                "format": document.format,
                "level": after.level.value,
                "sha256": hashlib.sha256(token.encode()).hexdigest(),
            },
        )
