"""From B-B to B-LTA in the background: what makes a seal provable when its certificate is long over.

The signature stays; beside it come a time-stamp, then what issuers said of every certificate and a time-stamp
of all that. Each of the two steps is stored as soon as it is done, and what is handed out is B-B, B-T or
B-LTA. Before the last time-stamp's certificate ends, another is put over it, unless the document was
superseded or its credential revoked: what has run out still proves what somebody was.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Final

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from app.core.db import EVERY_ORGANISATION, Database
from app.core.errors import JsonValue
from app.credentials import growing
from app.credentials.models import Credential, Document, Period
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.strict import Malformed
from app.outbox import messages, trail
from app.outbox.messages import Message, TriedSeldom
from app.ports import Ports, TimeStampRefused

log: Final = logging.getLogger("sigillo.prolonging")
PROLONG: Final = "document.prolong"
FIRST: Final[Mapping[str, Level]] = {Format.EDC: Level.B_B}  # of what grows, the level at which it is issued
WAITS: Final = "waits"  # to become B-LTA
AT_ONCE: Final = 250  # documents in one transaction
DAY: Final = timedelta(days=1)
SHARE: Final = 0.75  # of a time-stamp's certificate: when so much of its life is over, another is due


class StampRefused(TriedSeldom):
    """What the authority gave is no time-stamp to rely on."""


def name_of(document_id: str) -> str:
    """Name the one message that prolongs a document."""
    return f"prl_{document_id.removeprefix('doc_')}"


def leave_word(
    session: Session, ports: Ports, document_id: str, form: Format, *, organisation_id: str, at: datetime
) -> None:
    """Have a sealed credential brought to B-LTA once it is stored, where an authority is configured."""
    if form in FIRST and ports.time_stamps and ports.revocation:
        leave_for(session, document_id, organisation_id=organisation_id, at=at)


def leave_for(session: Session, document_id: str, *, organisation_id: str, at: datetime) -> None:
    """Leave word to prolong a document, for which there is none yet."""
    body: dict[str, JsonValue] = {"document": document_id}
    name = name_of(document_id)
    messages.leave(session, PROLONG, body, organisation_id=organisation_id, at=at, name=name)


def leave_for_all(database: Database, *, at: datetime) -> None:
    """Have every seal brought to B-LTA that is not: what was never asked for, what was given up, what waits.

    Each is asked for once, however often this is called.
    """
    for place, level in product(database.places(), Level):
        last: str | None = ""
        while last is not None:
            last = _leave_for_some(database, place, level, last, at=at)


def _leave_for_some(
    database: Database, place: str | None, level: Level, after: str, *, at: datetime
) -> str | None:
    some = (
        select(Document.id, Document.organisation_id)
        .where(Document.level == level, Document.id > after)
        .order_by(Document.id)
        .limit(AT_ONCE)
        .with_for_update()  # whoever asks at the same time waits here, and then finds what was left
    )
    with database.writing(place) as session:
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


def outlook(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> str | None:
    """Tell what keeps a seal from B-LTA: None if it is there, `WAITS`, or the error that it was given up for.

    Where nobody asked for it so far, word is left.
    """
    with ports.database.writing(organisation_id) as session:
        document = growing.held(session, document_id)  # whoever else leaves word waits here
        if document.level == Level.B_LTA:
            return None
        left = session.get(Message, name_of(document_id))
        if left is None:
            leave_for(session, document_id, organisation_id=organisation_id, at=at)
        return WAITS if left is None or left.done_at is None else left.last_error


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the seals of an installation have come."""

    levels: Mapping[str, int]
    waiting: int  # to become B-LTA
    busy: int  # of these, in a worker's hands or never tried yet
    failed: Mapping[str, int]  # and will be tried again, by the kind of the last error, whatever their level
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
    rows = [
        row
        for session in database.everywhere()
        for row in session.execute(counted, execution_options=EVERY_ORGANISATION)
    ]
    for level, is_open, is_busy, error, documents, left in rows:
        levels[level] += documents
        if not is_open and error is not None:
            given_up[error] += left
        elif is_open and error is not None:
            failed[error] += left
        if is_open and level != Level.B_LTA:
            sums["waiting"] += left
            sums["busy"] += left if is_busy else 0
    return Progress(dict(levels), sums["waiting"], sums["busy"], dict(failed), dict(given_up))


def topics(ports: Ports) -> dict[str, Callable[[Message], datetime | None]]:
    """Tell a worker what to do with our messages."""

    def prolong_it(message: Message) -> datetime | None:
        return prolong(ports, message.organisation_id, str(message.body["document"]), at=ports.clock.now())

    return {PROLONG: prolong_it}


def prolong(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> datetime | None:
    """Take a document one step towards B-LTA, or prove a B-LTA anew; give the instant at which to look again.

    One step, so that each has a lease of its own. Where an authority is away, raises what it said, and
    `GivenUp` where no further try would help. No authority is asked while the database waits. Whoever comes
    second stores nothing.
    """
    now = at - ports.clock.offset  # authorities know nothing of a demonstration's clock
    with growing.alone(document_id), _told():
        with ports.database.reading(organisation_id) as session:
            document = session.get_one(Document, document_id)
            stored, lasting = document.token, _lasting(session, document)
        seal = read_seal(stored)
        if seal.level is Level.B_LTA and _due(seal) > now:
            return at + max(_due(seal) - now, DAY)
        if seal.level is Level.B_LTA and not lasting:
            return None
        try:
            grown = growing.grown(ports, seal, at=now)
        except growing.ProofOver:
            growing.require_time(ports, at=now)
            raise
        except growing.StamperRevoked:
            if seal.level is Level.B_T:  # so that another authority's time-stamp can take its place
                _store(ports, organisation_id, document_id, stored, seal.bare, at=at)
            raise
        if seal.level is Level.B_LTA and growing.ends_of(grown) <= (ends := growing.ends_of(seal)):
            return at + max((ends - now) * SHARE, DAY)  # it would prove nothing for longer
        _store(ports, organisation_id, document_id, stored, grown, at=at)
        return at + max(_due(grown) - now, DAY) if grown.level is Level.B_LTA else at


def _lasting(session: Session, document: Document) -> bool:
    """Tell whether anybody could still need its proof: facts alone count, for a clock can be wrong."""
    period = session.get_one(Period, document.period_id)
    revoked_at = session.get_one(Credential, period.credential_id).revoked_at
    return document.superseded_at is None and revoked_at is None


@contextmanager
def _told() -> Iterator[None]:
    """Say of a failure whether another try may help, and soon; log what an authority has to do with it."""
    try:
        yield
    except Malformed as unreadable:
        raise growing.Unsound("A seal that was stored cannot be read.") from unreadable
    except growing.AWAY as why:
        log.warning("prolonging.waits", extra={"reason": str(why)})
        if isinstance(why, TimeStampRefused):
            raise StampRefused(str(why)) from why
        raise


def _due(seal: Seal) -> datetime:
    """Tell when the last time-stamp wants another over it: once most of its certificate's life is over."""
    made = growing.last_of(seal).at
    return made + (growing.ends_of(seal) - made) * SHARE


def _store(
    ports: Ports, organisation_id: str, document_id: str, before: str, after: Seal, *, at: datetime
) -> None:
    token = after.general()
    with ports.database.writing(organisation_id) as session:
        document = growing.held(session, document_id)
        if document.token != before:
            return
        # Its digest stays that of the seal as it was made: these files are all out, and all this document.
        document.token, document.level = token, after.level
        growing.record(session, document, after, token, by=trail.SYSTEM, at=at)
