"""A `vc+jwt` with proof for the years after its certificate: the seal that was issued, in flattened JSON.

A compact token is B-B and has no room for more (ETSI TS 119 182-1, 6). So the token stays as it is, and what
proves it stands beside it, made when somebody first asks: a time-stamp of the signature, then what issuers
say of every certificate with a time-stamp of all that. Each step is stored once, and paid for once.
"""

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.credentials import queries
from app.credentials.errors import LevelNotOffered, ProofNotOffered, ProofUnavailable, SealNotProvable
from app.credentials.models import Document, Period
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
from app.formats.strict import Malformed
from app.formats.x509 import life_of
from app.organisations.rules import Actor
from app.outbox import trail
from app.ports import (
    Ports,
    RevocationUnavailable,
    RevocationValues,
    TimeStampRefused,
    TimeStamps,
    TimeStampUnavailable,
)

log: Final = logging.getLogger("sigillo.proving")
ORDER: Final = tuple(Level)


@dataclass(frozen=True, slots=True)
class Proven:
    """A document in JSON at the level that was asked for, and the number of its credential."""

    number: str
    text: str


def prove(
    ports: Ports,
    credential_id: str,
    form: Format,
    level: Level,
    *,
    period: int | None,
    by: Actor,
    at: datetime,
) -> Proven:
    """Give a `vc+jwt` at B-T, B-LT or B-LTA; what its proof lacks is made now, while no database waits.

    Where it cannot be had, the compact token holds as before, and nothing that was paid for is lost.
    """
    if form is not Format.VC_JWT:
        raise LevelNotOffered("Only a vc+jwt is asked for by its level; other documents are as they are.")
    with ports.database.reading(by.organisation_id) as session:
        credential = queries.readable(session, credential_id, by=by)
        chosen = (
            queries.period(session, credential, period)
            if period
            else queries.current_period(session, credential, at)
        )
        document = queries.document(session, chosen, form)
        seal, number = _seal(document), credential.number
    while ORDER.index(seal.level) < ORDER.index(level):
        grown = _grown(ports, seal, at=at)
        seal = _store(ports, document.id, seal, grown, by=by, at=at)
        if not seal.etsi_u:
            raise ProofUnavailable("The certificate behind its time-stamp was revoked: ask for another.")
    return Proven(number, seal.at_level(level).flattened())


def _seal(document: Document) -> Seal:
    return replace(read_seal(document.token), etsi_u=tuple((document.proof or "").split()))


def _grown(ports: Ports, seal: Seal, *, at: datetime) -> Seal:
    """Take a seal one step further; or back to what was issued, where its time-stamp turns out worthless."""
    if ports.time_stamps is None or ports.revocation is None:
        raise ProofNotOffered("This service has no time-stamp authority: see `timestamp_url`.")
    now = at - ports.clock.offset  # authorities know nothing of a demonstration's clock
    if seal.level is Level.B_B and life_of(seal.header.chain)[1] <= now:
        raise SealNotProvable(
            "The certificate has ended, and nothing shows that the seal is older than that."
        )
    try:
        grown = _next(seal, ports.time_stamps, ports.revocation)
        finding = judge_seal(grown, anchors=(), stamp_anchors=(), at=now)
    except (TimeStampUnavailable, TimeStampRefused, RevocationUnavailable, Malformed) as away:
        log.warning("proving.unavailable", extra={"reason": str(away)})
        raise ProofUnavailable(
            "An authority gave no answer to rely on. Nothing is lost: ask later."
        ) from away
    if any(each.revoked_by(now) for each in finding.coverage):
        raise SealNotProvable("A certificate of the seal was revoked: nothing makes it worth more.")
    if any(each.revoked_by(now) for stamp in finding.stamps for each in stamp.coverage):
        return seal.bare
    sound = finding.signature and all(stamp.finding.intact for stamp in finding.stamps)
    if not sound or ORDER.index(grown.level) <= ORDER.index(seal.level):
        log.error("proving.unsound")
        raise ProofUnavailable("What the authorities gave proves nothing. It was thrown away: ask later.")
    return grown


def _next(seal: Seal, time_stamps: TimeStamps, revocation: RevocationValues) -> Seal:
    if seal.level is Level.B_B:
        return with_signature_timestamp(seal, time_stamps.stamp(signature_imprint(seal)))
    stamp = read_token(seal.stamps()[-1].token)
    said = [revocation.about(seal.header.chain), revocation.about(stamp.chain)]
    seal = with_validation_values(
        seal,
        [certificate for each in said for certificate in each.certificates],
        [crl for each in said for crl in each.crls],
        [ocsp for each in said for ocsp in each.ocsps],
    )
    return with_archive_timestamp(seal, time_stamps.stamp(archive_imprint(seal)))


def _store(ports: Ports, document_id: str, before: Seal, after: Seal, *, by: Actor, at: datetime) -> Seal:
    """Store a step, and give what is stored: where somebody else was first, that is theirs."""
    with ports.database.writing(by.organisation_id) as session:
        document = session.scalars(
            select(Document)
            .where(Document.id == document_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        if (stored := _seal(document)) != before:
            return stored
        document.proof = " ".join(after.etsi_u) or None
        _record(session, document, after, by=by, at=at)
    return after


def _record(session: Session, document: Document, seal: Seal, *, by: Actor, at: datetime) -> None:
    period = session.get_one(Period, document.period_id)
    credential = queries.by_id(session, period.credential_id)
    trail.record(
        session,
        "document.prolonged" if seal.etsi_u else "document.time-stamp-dropped",
        organisation_id=document.organisation_id,
        by=by.id,
        at=at,
        about={"credential": credential.id, **period.ground, "document": document.id},
        facts={
            "number": credential.number,
            "format": document.format,
            "level": seal.level.value,
            "sha256": hashlib.sha256(seal.flattened().encode()).hexdigest(),
        },
    )
