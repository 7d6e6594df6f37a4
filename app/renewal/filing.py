# ruff: noqa: RUF001 - these sentences are printed, with the apostrophes of print
"""Filing renewals: whether a holder may, why not, and what filing sets going.

A renewal is filed within its window or its grace, a reinstatement within the months after. It is judged on
the evaluation that it was filed with; some are looked into at once, the others wait for a draw.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from app.core.errors import Problem
from app.core.ids import new_id
from app.core.labels import Labels
from app.credentials import queries as credentials
from app.credentials.errors import CredentialNotActive
from app.credentials.models import Credential
from app.credentials.rules import CredentialState
from app.organisations import queries as organisations
from app.organisations.errors import MembershipNotValid, PermissionMissing
from app.organisations.rules import Actor
from app.outbox import trail
from app.renewal import draws
from app.renewal import renewal_queries as queries
from app.renewal.cycles import Phase
from app.renewal.deciding import look_into
from app.renewal.errors import RenewalFiledAlready, RenewalNotEligible, RenewalNotOpen
from app.renewal.evaluating import asks_membership, on_filing
from app.renewal.ledger import as_json
from app.renewal.models import Renewal
from app.renewal.reading import as_read
from app.renewal.renewal_queries import Place
from app.renewal.rules import Ledger
from app.renewal.states import ActivitySource, RenewalKind, RenewalState
from app.verification.words import worded

KINDS: Final[Mapping[Phase, RenewalKind]] = {
    Phase.OPEN: RenewalKind.RENEWAL,
    Phase.GRACE: RenewalKind.RENEWAL,
    Phase.REINSTATEMENT: RenewalKind.REINSTATEMENT,
}
SENTENCES: Final[Mapping[str, Labels]] = {
    "pending": Labels(
        it="L’attestato non è ancora stato emesso.", en="The credential has not been issued yet."
    ),
    "revoked": Labels(
        it="L’attestato è stato revocato, in modo definitivo.",
        en="The credential has been revoked, for good.",
    ),
    "lapsed": Labels(
        it="L’attestato è decaduto, in modo definitivo: serve una nuova domanda.",
        en="The credential has lapsed, for good: it takes a new application.",
    ),
    "filed": Labels(
        it="Un rinnovo di questo ciclo è già stato presentato.",
        en="A renewal of this cycle was filed already.",
    ),
    "not_open": Labels(
        it="Il rinnovo si apre {opens:il}.",
        en="Renewal opens on {opens}.",
    ),
    "over": Labels(
        it="Il tempo per rinnovare, o per rientrare, è finito {ended:il}: serve una nuova domanda.",
        en="The time to renew, or to come back, ended on {ended}: it takes a new application.",
    ),
    "membership": Labels(
        it="L’iscrizione all’associazione oggi non è in vigore: va rinnovata per prima.",
        en="The membership is not in force today: it is to be renewed first.",
    ),
    "development": Labels(
        it="L’aggiornamento svolto non basta ancora: i dettagli dicono che cosa manca, ed entro quando.",
        en="The development done is not enough yet: the details say what is missing, and by when.",
    ),
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that keeps a holder from filing, in both languages."""

    problem: Problem
    words: Labels


@dataclass(frozen=True, slots=True)
class Standing:
    """How a credential stands on the way to its renewal."""

    credential_id: str
    place: Place
    obstacles: tuple[Obstacle, ...]
    renewal: Renewal | None


def standing(session: Session, credential_id: str, *, by: Actor, at: datetime) -> Standing:
    """Tell what may be done about a credential's renewal today, and all that stands in the way."""
    credential = queries.credential_of(session, credential_id, by=by)
    place = queries.at_work(session, credential, at=at)
    obstacles = tuple(_obstacles(session, credential, place, at=at))
    return Standing(credential.id, place, obstacles, _shown(session, credential, place))


def file(session: Session, credential_id: str, *, by: Actor, at: datetime) -> Renewal:
    """File a holder's renewal: one for each cycle, however many times it is asked for (I39)."""
    queries.credential_of(session, credential_id, by=by)
    credential = credentials.by_id(session, credential_id, lock=True)
    if credential.holder_id != by.id:
        raise PermissionMissing("Only the holder files a renewal.")
    place = queries.at_work(session, credential, at=at)
    for obstacle in _obstacles(session, credential, place, at=at):
        raise obstacle.problem
    kind = KINDS[place.phase]
    ledger = on_filing(session, credential, place, kind, at=at)
    renewal = Renewal(
        id=new_id("ren"),
        organisation_id=credential.organisation_id,
        credential_id=credential.id,
        holder_id=credential.holder_id,
        cycle=place.cycle,
        kind=kind,
        state=RenewalState.SUBMITTED,
        late=place.today > place.days.ends,
        filed_at=at,
        filed_on=place.today,
        scheme_version=place.scheme.version,
        rules_digest=ledger.rules,
        evaluation=as_json(ledger),
        cured=False,
    )
    reason = _audited_anyway(session, credential, place, renewal, ledger)
    if reason is None:
        waits_in = draws.join(
            session, credential.scheme_id, organisation_id=credential.organisation_id, at=at
        )
        renewal.draw_id = waits_in.id
    session.add(renewal)
    session.flush()
    trail.record(
        session,
        "renewal.submitted",
        organisation_id=renewal.organisation_id,
        by=by.id,
        at=at,
        about={"credential": credential.id, "renewal": renewal.id},
        facts={
            "cycle": renewal.cycle,
            "kind": renewal.kind.value,
            "late": renewal.late,
            "rules": renewal.rules_digest,
            "evaluation": trail.digest(renewal.evaluation),
        },
    )
    if reason is not None:
        audit = place.scheme.renewal.audit
        look_into(session, renewal, reason, today=place.today, rules=audit, by=trail.SYSTEM, at=at)
    return renewal


def _shown(session: Session, credential: Credential, place: Place) -> Renewal | None:
    """Choose the renewal that a holder wants to see: of this cycle, or what has just led into it."""
    newest = queries.newest(session, credential.id)
    if newest is None or newest.cycle == place.cycle:
        return newest
    return newest if place.today < place.days.opens else None


def _obstacles(session: Session, credential: Credential, place: Place, *, at: datetime) -> Iterator[Obstacle]:
    """Go through what may keep a holder from filing today, what is final first."""
    closed = _closed(credential)
    if closed is not None:
        yield _obstacle(CredentialNotActive, closed.value, state=closed.value)
        return
    kind = KINDS.get(place.phase)
    there = queries.pending(session, credential.id)
    if there is None and kind is not None:
        there = queries.filed(session, credential.id, place.cycle, kind)
    if there is not None:
        yield _obstacle(RenewalFiledAlready, "filed", renewal=there.id)
        return
    days = place.days
    if kind is None:
        facts = {
            "phase": place.phase.value,
            "opens_on": days.opens.isoformat(),
            "grace_until": days.grace_ends.isoformat(),
            "reinstatement_until": days.reinstatement_ends.isoformat(),
        }
        name = "not_open" if place.phase is Phase.NOT_OPEN else "over"
        words = worded(SENTENCES[name], opens=days.opens, ended=days.reinstatement_ends)
        yield Obstacle(RenewalNotOpen(words.en, **facts), words)
        return
    if asks_membership(place) and not organisations.membership_on(session, credential.holder_id, place.today):
        yield _obstacle(MembershipNotValid, "membership")
    ledger = on_filing(session, credential, place, kind, at=at)
    if not ledger.satisfied:
        yield _obstacle(RenewalNotEligible, "development", gaps=as_json(ledger)["gaps"])


def _obstacle(kind: Callable[..., Problem], name: str, **facts: object) -> Obstacle:
    return Obstacle(kind(SENTENCES[name].en, **facts), SENTENCES[name])


def _closed(credential: Credential) -> CredentialState | None:
    if credential.issued_at is None:
        return CredentialState.PENDING
    if credential.closed_at is None:
        return None
    return CredentialState.REVOKED if credential.revoked_at else CredentialState.LAPSED


def _audited_anyway(
    session: Session, credential: Credential, place: Place, renewal: Renewal, ledger: Ledger
) -> str | None:
    """Give the first of the scheme's reasons for which a renewal is looked into without a draw."""
    for name in place.scheme.renewal.audit.always_if:
        share = re.fullmatch("single_source_over_pct_([0-9]{1,3})", name)
        match name:
            case "late":
                applies = renewal.late
            case "previous_fail":
                applies = queries.failed_before(session, credential.holder_id, credential.scheme_id)
            case _ if share is not None:
                applies = largest_share(session, credential, ledger) > Decimal(share[1]) / 100
            case _:
                applies = True  # a reason that we cannot judge is one to look into
        if applies:
            return name
    return None


def largest_share(session: Session, credential: Credential, ledger: Ledger) -> Decimal:
    """Tell how much of the counted hours the provider with the most of them gave, between 0 and 1.

    Providers who record what they held are known by who they are, the others by their name as it is read.
    """
    known = queries.sources(session, credential.id)
    hours: dict[str, Decimal] = {}
    for line in ledger.lines:
        if line.counted:
            source, recorded_by, name = known[line.activity]
            provider = recorded_by if source is ActivitySource.PROVIDER else as_read(name).replace(" ", "")
            hours[provider] = hours.get(provider, Decimal(0)) + line.counted
    return max(hours.values()) / sum(hours.values()) if hours else Decimal(0)
