"""Reads of renewals and of the draws that they wait in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, defer

from app.core.db import EVERY_ORGANISATION, look_up
from app.credentials import queries as credentials
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.organisations.rules import READS_EVERY_ACTIVITY, Actor
from app.organisations.service import today_of
from app.renewal.cycles import Days, Phase, days_of
from app.renewal.errors import DrawNotFound, RenewalNotFound
from app.renewal.models import AuditDraw, CpdActivity, CpdExemption, Renewal
from app.renewal.states import PENDING, ActivitySource, ActivityState, RenewalKind, RenewalState
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

# In these states it is the office that is awaited, and not the holder.
KEPT_WAITING: Final = frozenset({RenewalState.SUBMITTED, RenewalState.AUDIT})


@dataclass(frozen=True, slots=True)
class Place:
    """A cycle of a credential: its rules, the days that its renewal hangs on, and which day it is."""

    cycle: int
    scheme: Scheme
    days: Days
    today: date

    @property
    def phase(self) -> Phase:
        return self.days.phase(self.today)

    @property
    def years(self) -> int:
        return self.scheme.validity.period.years


def at_work(session: Session, credential: Credential, *, at: datetime) -> Place:
    """Tell where a credential stands in the cycle at work: that of its newest grant or renewal."""
    period = credentials.last_cycle(session, credential)
    return _place(session, credential, period.cycle, period.scheme_version, at)


def under_review(session: Session, credential: Credential, renewal: Renewal, *, at: datetime) -> Place:
    """Tell where a credential stands in a cycle under review, by the rules of its filing."""
    return _place(session, credential, renewal.cycle, renewal.scheme_version, at)


def _place(session: Session, credential: Credential, cycle: int, version: str, at: datetime) -> Place:
    scheme = catalogue().version(credential.scheme_id, version)
    days = days_of(credential.anchor, cycle, years=scheme.validity.period.years, rules=scheme.renewal)
    return Place(cycle, scheme, days, today_of(session, credential.organisation_id, at))


def reads_all(actor: Actor) -> bool:
    """Tell whether the actor reads everybody's renewals: those who handle them do, and programs."""
    return not actor.is_person or actor.has(*READS_EVERY_ACTIVITY)


def credential_of(session: Session, credential_id: str, *, by: Actor) -> Credential:
    """Find a credential whose renewals the actor may read; for everybody else it does not exist."""
    if not reads_all(by):
        return credentials.readable(session, credential_id, by=by)
    return credentials.by_id(session, credential_id)


def by_id(session: Session, renewal_id: str, *, lock: bool = False) -> Renewal:
    """Find a renewal of the session's organisation; `lock` it when something hangs on how it stands."""
    query = select(Renewal).where(Renewal.id == renewal_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise RenewalNotFound("There is no such renewal here.")
    return found


def readable(session: Session, renewal_id: str, *, by: Actor) -> Renewal:
    """Find a renewal that the actor may read; for everybody else it does not exist."""
    found = by_id(session, renewal_id)
    if not reads_all(by) and found.holder_id != by.id:
        raise RenewalNotFound("There is no such renewal here.")
    return found


def pending(session: Session, credential_id: str) -> Renewal | None:
    """Find the renewal of a credential that is filed and not decided, if there is one."""
    return session.scalars(
        select(Renewal).where(Renewal.credential_id == credential_id, Renewal.state.in_(PENDING))
    ).first()


def filed(session: Session, credential_id: str, cycle: int, kind: RenewalKind) -> Renewal | None:
    """Find the one renewal of a kind that a cycle can have (I39)."""
    return session.scalars(
        select(Renewal).where(
            Renewal.credential_id == credential_id, Renewal.cycle == cycle, Renewal.kind == kind
        )
    ).first()


def newest(session: Session, credential_id: str) -> Renewal | None:
    """Find the renewal of a credential that was filed last."""
    return session.scalars(
        select(Renewal)
        .where(Renewal.credential_id == credential_id)
        .order_by(Renewal.filed_at.desc(), Renewal.id)
        .limit(1)
    ).first()


def failed_before(session: Session, holder_id: str, scheme_id: str) -> bool:
    """Tell whether an earlier renewal of this holder and scheme was refused, or had to be cured."""
    failed = (Renewal.state == RenewalState.REFUSED) | Renewal.cured
    return (
        session.scalars(
            select(Renewal.id)
            .join(Credential, Credential.id == Renewal.credential_id)
            .where(Renewal.holder_id == holder_id, Credential.scheme_id == scheme_id, failed)
            .limit(1)
        ).first()
        is not None
    )


def renewals(
    session: Session,
    *,
    holder_id: str | None,
    credential_id: str | None,
    state: RenewalState | None,
    after: str | None,
    limit: int,
) -> Sequence[Renewal]:
    """List renewals, of one holder or of all, in the order of their ids; without what they were judged on."""
    without = defer(Renewal.evaluation, raiseload=True)
    query = select(Renewal).options(without).order_by(Renewal.id).limit(limit)
    if holder_id is not None:
        query = query.where(Renewal.holder_id == holder_id)
    if credential_id is not None:
        query = query.where(Renewal.credential_id == credential_id)
    if state is not None:
        query = query.where(Renewal.state == state)
    if after is not None:
        query = query.where(Renewal.id > after)
    return session.scalars(query).all()


def periods_of(session: Session, renewal_ids: Iterable[str]) -> Sequence[Period]:
    """Find the periods that rest on these renewals: what they were approved with, and bridges."""
    return session.scalars(
        select(Period).where(Period.renewal_id.in_(list(renewal_ids))).order_by(Period.seq)
    ).all()


def draws_of(session: Session, renewals: Iterable[Renewal]) -> Mapping[str, AuditDraw]:
    """Find the draws that renewals wait or waited in, by their ids."""
    ids = {renewal.draw_id for renewal in renewals if renewal.draw_id}
    return {drawn.id: drawn for drawn in session.scalars(select(AuditDraw).where(AuditDraw.id.in_(ids)))}


def activities(session: Session, ids: Collection[str]) -> Sequence[CpdActivity]:
    """Find these activities, and hold them: they are about to be used up."""
    return session.scalars(
        select(CpdActivity)
        .where(CpdActivity.id.in_(ids))
        .order_by(CpdActivity.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def sources(session: Session, credential_id: str) -> dict[str, tuple[ActivitySource, str, str]]:
    """Tell of each activity of a credential who entered it, by kind and by id, and its provider's name."""
    rows = session.execute(
        select(CpdActivity.id, CpdActivity.source, CpdActivity.recorded_by, CpdActivity.provider).where(
            CpdActivity.credential_id == credential_id
        )
    )
    return {row.id: (row.source, row.recorded_by, row.provider) for row in rows}


def reviewers(
    session: Session, credential_id: str, begins: date, ends: date, *, judged: Collection[str]
) -> frozenset[str]:
    """Tell who reviewed any activity of some days, in whatever version and whatever came of it.

    What was judged and is from before these days, as the end of the cycle before may be, is one of them.
    """
    rows = session.execute(
        select(CpdActivity.id, CpdActivity.corrects_id, CpdActivity.ended_on, CpdActivity.reviewed_by).where(
            CpdActivity.credential_id == credential_id
        )
    ).all()
    corrected = {row.id: row.corrects_id for row in rows}

    def first(version: str) -> str:
        while (older := corrected[version]) is not None:
            version = older
        return version

    concerned = {
        first(row.id) for row in rows if row.ended_on <= ends and (begins <= row.ended_on or row.id in judged)
    }
    return frozenset(row.reviewed_by for row in rows if row.reviewed_by and first(row.id) in concerned)


def exempters(session: Session, credential_id: str, cycle: int) -> frozenset[str]:
    """Tell who granted an exemption in a cycle."""
    rows = session.scalars(
        select(CpdExemption.decided_by).where(
            CpdExemption.credential_id == credential_id, CpdExemption.cycle == cycle
        )
    )
    return frozenset(rows)


def awaits_answer(session: Session, ids: Collection[str]) -> bool:
    """Tell whether the office asked something about any of these activities that nobody has answered."""
    asked = select(CpdActivity.id).where(CpdActivity.id.in_(ids), CpdActivity.state == ActivityState.QUERIED)
    return session.scalars(asked.limit(1)).first() is not None


def draw(session: Session, draw_id: str, *, lock: bool = False) -> AuditDraw:
    """Find a draw of the session's organisation; `lock` it to hold it once."""
    query = select(AuditDraw).where(AuditDraw.id == draw_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise DrawNotFound("There is no such draw here.")
    return found


def draw_of_anyone(session: Session, draw_id: str) -> AuditDraw:
    """Find a draw, whichever organisation's it is: what is published of it is for everybody."""
    look_up(session, AuditDraw, draw_id)
    found = session.scalars(
        select(AuditDraw).where(AuditDraw.id == draw_id), execution_options=EVERY_ORGANISATION
    ).first()
    if found is None:
        raise DrawNotFound("There is no such draw.")
    return found


def draws(session: Session, *, after: str | None, limit: int) -> Sequence[AuditDraw]:
    query = select(AuditDraw).order_by(AuditDraw.id).limit(limit)
    if after is not None:
        query = query.where(AuditDraw.id > after)
    return session.scalars(query).all()


def open_draw(session: Session, scheme_id: str) -> AuditDraw | None:
    """Find the draw that renewals of a scheme wait in, and hold it: nobody joins one while it is held."""
    return session.scalars(
        select(AuditDraw)
        .where(AuditDraw.scheme_id == scheme_id, AuditDraw.drawn_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def schemes_without_a_promise(session: Session) -> Sequence[tuple[str, str]]:
    """Name each organisation with its schemes that somebody holds a credential of and no draw is open for."""
    promised = select(AuditDraw.id).where(
        AuditDraw.organisation_id == Credential.organisation_id,
        AuditDraw.scheme_id == Credential.scheme_id,
        AuditDraw.drawn_at.is_(None),
    )
    rows = session.execute(
        select(Credential.organisation_id, Credential.scheme_id)
        .where(Credential.issued_at.is_not(None), Credential.closed_at.is_(None), ~promised.exists())
        .distinct(),
        execution_options=EVERY_ORGANISATION,
    )
    return [(organisation_id, scheme_id) for organisation_id, scheme_id in rows]


def waiting(session: Session, draw_id: str) -> Sequence[Renewal]:
    """Find the renewals that wait in a draw, and hold them."""
    return session.scalars(
        select(Renewal)
        .where(Renewal.draw_id == draw_id, Renewal.state == RenewalState.SUBMITTED)
        .order_by(Renewal.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def draws_waited_in_since(session: Session, since: datetime) -> Sequence[tuple[str, str]]:
    """Name the open draws, with their organisations, in which somebody has waited that long."""
    rows = session.execute(
        select(AuditDraw.organisation_id, AuditDraw.id)
        .join(Renewal, Renewal.draw_id == AuditDraw.id)
        .where(
            AuditDraw.drawn_at.is_(None),
            Renewal.state == RenewalState.SUBMITTED,
            Renewal.filed_at <= since,
        )
        .distinct()
        .order_by(AuditDraw.organisation_id, AuditDraw.id),
        execution_options=EVERY_ORGANISATION,
    )
    return [(row.organisation_id, row.id) for row in rows]


def under_review_anywhere(session: Session) -> Sequence[tuple[Renewal, Credential]]:
    """List the renewals that the office keeps waiting without a bridge, whichever organisation's they are."""
    bridged = select(Period.renewal_id).where(
        Period.kind == PeriodKind.BRIDGE, Period.renewal_id.is_not(None)
    )
    rows = session.execute(
        select(Renewal, Credential)
        .join(Credential, Credential.id == Renewal.credential_id)
        .where(
            Renewal.decided_at.is_(None),
            Renewal.state.in_(KEPT_WAITING),
            Renewal.kind == RenewalKind.RENEWAL,
            Renewal.id.not_in(bridged),
            Credential.closed_at.is_(None),
        )
        .options(defer(Renewal.evaluation, raiseload=True))
        .order_by(Renewal.id),
        execution_options=EVERY_ORGANISATION,
    )
    return [(renewal, credential) for renewal, credential in rows]


def bridged_past_cure(session: Session, day: date) -> Sequence[tuple[str, str]]:
    """Name the renewals, with their organisations, to be mended by a day that still have a bridge."""
    rows = session.execute(
        select(Renewal.organisation_id, Renewal.id)
        .join(Period, Period.renewal_id == Renewal.id)
        .where(
            Renewal.decided_at.is_(None),
            Renewal.state == RenewalState.CURE,
            Renewal.cure_by <= day,
            Period.kind == PeriodKind.BRIDGE,
            Period.ended_on.is_(None),
        )
        .order_by(Renewal.organisation_id, Renewal.id),
        execution_options=EVERY_ORGANISATION,
    )
    return [(row.organisation_id, row.id) for row in rows]


def ended_before(session: Session, day: date) -> Sequence[tuple[str, str]]:
    """Name the open credentials, with their organisations, whose last cycle ended before a day."""
    later = aliased(Period)
    followed = (
        select(later.id)
        .where(
            later.credential_id == Period.credential_id,
            later.kind != PeriodKind.BRIDGE,
            later.valid_until >= day,
        )
        .exists()
    )
    rows = session.execute(
        select(Credential.organisation_id, Credential.id)
        .join(Period, Period.credential_id == Credential.id)
        .where(
            Period.valid_until < day,
            Period.kind != PeriodKind.BRIDGE,
            Credential.closed_at.is_(None),
            Credential.issued_at.is_not(None),
            ~followed,
        )
        .distinct()
        .order_by(Credential.organisation_id, Credential.id),
        execution_options=EVERY_ORGANISATION,
    )
    return [(row.organisation_id, row.id) for row in rows]
