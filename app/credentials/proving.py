"""A `vc+jwt` with proof for the years after its certificate: the seal that was issued, in flattened JSON.

A compact token is B-B and has no room for more (ETSI TS 119 182-1, 6). So the token stays as it is, and what
proves it stands beside it, made when somebody first asks: a time-stamp of the signature, then what issuers
say of every certificate with a time-stamp of all that. Each step is stored once, and paid for once; a kill,
or two processes at the same moment, may cost one more.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.credentials import growing, queries
from app.credentials.errors import LevelNotOffered, ProofNotOffered, ProofUnavailable, SealNotProvable
from app.credentials.models import Document
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.strict import Malformed
from app.organisations.rules import Actor
from app.ports import Ports

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

    One at a time in this process: whoever asks meanwhile gets what the first one got. Where it cannot be had,
    the compact token holds as before, and what was stored is kept.
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
    if _lacks(seal, level):
        try:
            seal = _proven(ports, document.id, level, by=by, at=at)
        except growing.InHand as busy:
            raise ProofUnavailable("Its proof is being made at this moment: ask again in a minute.") from busy
    return Proven(number, seal.at_level(level).flattened())


def _lacks(seal: Seal, level: Level) -> bool:
    return ORDER.index(seal.level) < ORDER.index(level)


def _proven(ports: Ports, document_id: str, level: Level, *, by: Actor, at: datetime) -> Seal:
    with growing.alone(document_id):
        with ports.database.reading(by.organisation_id) as session:
            seal = _seal(session.get_one(Document, document_id))
        while _lacks(seal, level):
            grown = _grown(ports, seal, at=at)
            seal = _store(ports, document_id, seal, grown, by=by, at=at)
            if not seal.etsi_u:
                raise ProofUnavailable("The certificate behind its time-stamp was revoked: ask for another.")
        return seal


def _seal(document: Document) -> Seal:
    return replace(read_seal(document.token), etsi_u=tuple((document.proof or "").split()))


def _grown(ports: Ports, seal: Seal, *, at: datetime) -> Seal:
    """Take a seal one step further; or back to what was issued, where its time-stamp turns out worthless."""
    try:
        return growing.grown(ports, seal, at=at - ports.clock.offset)
    except growing.StamperRevoked:
        return seal.bare
    except growing.NoAuthority as no:
        raise ProofNotOffered(str(no)) from no
    except (growing.SealRevoked, growing.ProofOver, growing.NobodyToAsk) as never:
        raise SealNotProvable(str(never)) from never
    except (*growing.AWAY, Malformed, growing.Unsound) as away:
        log.warning("proving.unavailable", extra={"reason": str(away)})
        raise ProofUnavailable(
            "An authority gave no answer to rely on. Nothing is lost: ask later."
        ) from away


def _store(ports: Ports, document_id: str, before: Seal, after: Seal, *, by: Actor, at: datetime) -> Seal:
    """Store a step, and give what is stored: where somebody else was first, that is theirs."""
    with ports.database.writing(by.organisation_id) as session:
        document = growing.held(session, document_id)
        if (stored := _seal(document)) != before:
            return stored
        document.proof = " ".join(after.etsi_u) or None
        growing.record(session, document, after, after.flattened(), by=by.id, at=at)
    return after
