"""From B-B to B-LTA in the background: what makes a seal provable when its certificate is long over.

The signature stays; beside it come a time-stamp, what issuers said of every certificate, and a time-stamp of
all that. Until the whole of it is there, the B-B document is the one that is handed out.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

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
    with_validation_values,
)
from app.formats.jades_checks import judge_seal
from app.formats.stamps import read_token
from app.outbox import messages, trail
from app.outbox.messages import Message
from app.ports import (
    Ports,
    RevocationUnavailable,
    RevocationValues,
    TimeStampRefused,
    TimeStamps,
    TimeStampUnavailable,
)

log: Final = logging.getLogger("sigillo.prolonging")
PROLONG: Final = "document.prolong"


def leave_word(session: Session, ports: Ports, intent: Intent, *, at: datetime) -> None:
    """Have a sealed credential brought to B-LTA once it is stored, where an authority is configured."""
    if intent.format == Format.EDC and ports.time_stamps and ports.revocation:
        body: dict[str, JsonValue] = {"document": intent.id}
        messages.leave(session, PROLONG, body, organisation_id=intent.organisation_id, at=at)


def topics(ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def prolong_it(message: Message) -> None:
        prolong(ports, message.organisation_id, str(message.body["document"]), at=ports.clock.now())

    return {PROLONG: prolong_it}


def prolong(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> None:
    """Bring a document to B-LTA, at most once; where an authority is away, raise what it said and try again.

    No authority is asked while the database waits. Whoever comes second finds it done, and stores nothing.
    """
    if ports.time_stamps is None or ports.revocation is None:
        raise LookupError("No time-stamp authority is configured any more: see `timestamp_url`.")
    with ports.database.reading(organisation_id) as session:
        sealed = session.get_one(Document, document_id).token
    if (seal := read_seal(sealed)).level is not Level.B_B:
        return
    try:
        prolonged = _prolonged(seal, ports.time_stamps, ports.revocation)
    except (TimeStampUnavailable, TimeStampRefused, RevocationUnavailable) as why:
        log.warning("prolonging.waits", extra={"reason": str(why)})
        raise
    finding = judge_seal(prolonged, anchors=(), stamp_anchors=(), at=at)
    covered = (*finding.coverage, *(each for stamp in finding.stamps for each in stamp.coverage))
    if any(each.revoked_by(at) for each in covered):
        # It stays as it is: nothing makes a revoked seal worth more.
        words = "a certificate of the seal, or of its time-stamp, is revoked: ask whoever issued it"
        log.error("prolonging.revoked", extra={"reason": words})
        return
    if not finding.signature or not all(stamp.finding.intact for stamp in finding.stamps):
        raise ValueError("What came of it does not verify, and was thrown away.")
    with ports.database.writing(organisation_id) as session:
        _store(session, document_id, sealed, prolonged.general(), at=at)


def _prolonged(seal: Seal, time_stamps: TimeStamps, revocation: RevocationValues) -> Seal:
    token = time_stamps.stamp(signature_imprint(seal))
    stamp = read_token(token)
    said = [revocation.about(seal.header.chain), revocation.about((stamp.signer, *stamp.certificates))]
    seal = with_validation_values(
        with_signature_timestamp(seal, token),
        [certificate for each in said for certificate in each.certificates],
        [crl for each in said for crl in each.crls],
        [ocsp for each in said for ocsp in each.ocsps],
    )
    return with_archive_timestamp(seal, time_stamps.stamp(archive_imprint(seal)))


def _store(session: Session, document_id: str, before: str, after: str, *, at: datetime) -> None:
    document = session.scalars(
        select(Document)
        .where(Document.id == document_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if document.token != before:
        return
    # Its digest stays that of the seal as it was made: both files are out, and both are this document.
    document.token = after
    period = session.get_one(Period, document.period_id)
    credential = queries.by_id(session, period.credential_id)
    trail.record(
        session,
        "document.prolonged",
        organisation_id=document.organisation_id,
        by=trail.SYSTEM,
        at=at,
        about={"credential": credential.id, **period.ground, "document": document.id},
        facts={
            "number": credential.number,
            "format": document.format,
            "level": Level.B_LTA.value,
            "sha256": hashlib.sha256(after.encode()).hexdigest(),
        },
    )
