"""Draws of audits: a seed is promised before anyone waits, drawn with once, and shown to everybody after."""

import logging
import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import JsonValue, Problem
from app.core.ids import new_id
from app.organisations.errors import PermissionMissing
from app.organisations.models import Organisation
from app.organisations.rules import Actor, Role
from app.organisations.service import today_of
from app.outbox import trail
from app.outbox.hourly import Hourly
from app.ports import Ports
from app.renewal import renewal_queries as queries
from app.renewal import sampling
from app.renewal.deciding import look_into
from app.renewal.errors import DrawDoneAlready, DrawEmpty, OwnRenewal
from app.renewal.models import AuditDraw
from app.renewal.sampling import Member
from app.schemes.catalogue import catalogue
from app.schemes.errors import SchemeNotFound
from app.schemes.upkeep import CpdAudit
from app.verification.report import rfc3339

log: Final = logging.getLogger("sigillo.draws")
SAMPLED: Final = "sampled"
# So long nobody waits for others to join: after that a draw is held without being asked for.
LONGEST_WAIT: Final = timedelta(days=7)


def join(session: Session, scheme_id: str, *, organisation_id: str, at: datetime) -> AuditDraw:
    """Find the draw that a renewal waits in, its seed promised already; open one where there is none."""
    found = queries.open_draw(session, scheme_id)
    if found is None:
        # Two who file first at once: whoever comes second waits here, and then finds the draw of the first.
        session.execute(
            select(Organisation.id).where(Organisation.id == organisation_id).with_for_update(key_share=True)
        )
        found = queries.open_draw(session, scheme_id)
    return found or _promise(session, scheme_id, organisation_id=organisation_id, by=trail.SYSTEM, at=at)


def hold(session: Session, draw_id: str, *, by: Actor, at: datetime) -> AuditDraw:
    """Hold a draw, for a scheme manager: nothing but the promised seed decides whom it falls on."""
    if not by.has(Role.SCHEME_MANAGER):
        raise PermissionMissing("Draws are held by a scheme manager, or by themselves after a week.")
    return _hold(session, draw_id, by=by.id, at=at)


def record(drawn: AuditDraw, *, today: date) -> dict[str, JsonValue]:
    """Give what everybody may know of a draw: before it is held, the promise alone."""
    published: dict[str, JsonValue] = {
        "id": drawn.id,
        "scheme": drawn.scheme_id,
        "commitment": drawn.commitment,
        "committed_at": rfc3339(drawn.committed_at),
        "drawn_at": None,
        "seed": None,
        **_asked(drawn.scheme_id, today),
        "population": None,
        "strata": None,
        "sample": None,
    }
    if drawn.drawn_at is not None and drawn.outcome is not None:
        published |= {"drawn_at": rfc3339(drawn.drawn_at), "seed": drawn.seed, **drawn.outcome}
    return published


def duty(ports: Ports) -> Callable[[], None]:
    """Make a worker's duty: promise seeds before anybody files, hold draws that were waited for a week."""

    def promise_and_hold(at: datetime) -> None:
        unpromised: list[tuple[str, str]] = []
        overdue: list[tuple[str, str]] = []
        for session in ports.database.everywhere():
            unpromised += queries.schemes_without_a_promise(session)
            overdue += queries.draws_waited_in_since(session, at - LONGEST_WAIT)
        for organisation_id, scheme_id in unpromised:
            with ports.database.writing(organisation_id) as session:
                join(session, scheme_id, organisation_id=organisation_id, at=at)
        for organisation_id, draw_id in overdue:
            try:
                with ports.database.writing(organisation_id) as session:
                    _hold(session, draw_id, by=trail.SYSTEM, at=at)
            except Problem:
                continue  # somebody else has just held it
            except Exception:
                log.exception("draw.failed")

    return Hourly(ports.clock, promise_and_hold)


def _hold(session: Session, draw_id: str, *, by: str, at: datetime) -> AuditDraw:
    drawn = queries.draw(session, draw_id, lock=True)
    if drawn.drawn_at is not None:
        raise DrawDoneAlready("This draw was held already.", drawn_at=rfc3339(drawn.drawn_at))
    waiting = queries.waiting(session, drawn.id)
    if not waiting:
        raise DrawEmpty("No renewal waits for this draw.")
    if any(renewal.holder_id == by for renewal in waiting):
        raise OwnRenewal("Somebody else holds the draw that your own renewal waits in.")
    today = today_of(session, drawn.organisation_id, at)
    rules = _rules(drawn.scheme_id, today)
    population = [Member(renewal.id, sampling.stratum_of(renewal.cycle)) for renewal in waiting]
    came = sampling.draw(drawn.seed, population, percent=rules.sample_pct, at_least=rules.min_per_batch)
    drawn.drawn_at = at
    drawn.drawn_by = by
    drawn.outcome = {
        **_asked(drawn.scheme_id, today),
        "population": [{"renewal": each.renewal, "stratum": each.stratum} for each in came.population],
        "strata": [{"name": each.name, "size": each.size, "take": each.take} for each in came.strata],
        "sample": [*came.sample],
    }
    session.flush()
    trail.record(
        session,
        "audit-draw.held",
        organisation_id=drawn.organisation_id,
        by=by,
        at=at,
        about={"draw": drawn.id},
        facts={"seed": drawn.seed, "outcome": trail.digest(drawn.outcome)},
    )
    sampled = frozenset(came.sample)
    for renewal in waiting:
        if renewal.id in sampled:
            look_into(session, renewal, SAMPLED, today=today, rules=rules, by=by, at=at)
    # The next seed is promised while nobody waits yet.
    _promise(session, drawn.scheme_id, organisation_id=drawn.organisation_id, by=by, at=at)
    return drawn


def _promise(session: Session, scheme_id: str, *, organisation_id: str, by: str, at: datetime) -> AuditDraw:
    seed = secrets.token_hex(32)
    promised = AuditDraw(
        id=new_id("drw"),
        organisation_id=organisation_id,
        scheme_id=scheme_id,
        seed=seed,
        commitment=sampling.commitment_to(seed),
        committed_at=at,
    )
    session.add(promised)
    session.flush()
    trail.record(
        session,
        "audit-draw.promised",
        organisation_id=organisation_id,
        by=by,
        at=at,
        about={"draw": promised.id},
        facts={"scheme": scheme_id, "commitment": promised.commitment},
    )
    return promised


def _asked(scheme_id: str, today: date) -> dict[str, JsonValue]:
    rules = _rules(scheme_id, today)
    return {"sample_pct": rules.sample_pct, "min_per_batch": rules.min_per_batch}


def _rules(scheme_id: str, today: date) -> CpdAudit:
    """Take the rules of the version in force; of a scheme that is no longer offered, those of its last."""
    try:
        return catalogue().in_force(scheme_id, today).renewal.audit
    except SchemeNotFound:
        return [scheme for scheme in catalogue().schemes if scheme.id == scheme_id][-1].renewal.audit
