"""Reads of continuing development: activities with their proofs, and the terms on which they are entered."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.core.days import months_before
from app.core.db import EVERY_ORGANISATION
from app.core.errors import CursorUnknown
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.renewal.cycles import DAY, Days, days_of
from app.renewal.errors import CpdActivityNotFound, CpdCycleNotFound
from app.renewal.models import CpdActivity, CpdExemption, CpdProof, Renewal
from app.renewal.states import PENDING, ActivityState, RenewalKind, RenewalState
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

_NO_ACTIVITY = "There is no such activity here."


@dataclass(frozen=True, slots=True)
class CycleTerms:
    """A cycle of a credential: its days, and the version of the scheme whose rules hold in it."""

    number: int
    days: Days
    scheme: Scheme


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides how an activity of a credential is entered: its cycles, and a renewal under way."""

    credential: Credential
    anchor: date
    cycles: tuple[CycleTerms, ...]
    pending: Renewal | None

    @property
    def last(self) -> CycleTerms:
        """The cycle at work: the newest that a grant or a renewal began."""
        return self.cycles[-1]

    def cycle(self, number: int) -> CycleTerms:
        """Find a cycle by its number; there is none that nothing has begun yet."""
        found = next((each for each in self.cycles if each.number == number), None)
        if found is None:
            raise CpdCycleNotFound("The credential has no such cycle, or not yet.")
        return found

    def on(self, day: date) -> CycleTerms | None:
        """Find the cycle that a day is in; the newest one's rules hold until the next begins."""
        return next((each for each in reversed(self.cycles) if each.days.begins <= day), None)

    def of(self, ended_on: date) -> CycleTerms:
        """Find the cycle to whose rules an activity is held: the one in which it ended, if there is any."""
        return self.on(ended_on) or self.cycles[0]

    def held(self, ended_on: date, *, today: date) -> bool:
        """Tell whether an activity that ended on a day is before a renewal that is being decided.

        What was filed stays as it was filed, so that it is judged on that; a cure opens it again, as long as
        it lasts.
        """
        renewal = self.pending
        if renewal is None or _is_cured(renewal, today):
            return False
        cycle = self.cycle(renewal.cycle)
        late = renewal.kind is RenewalKind.REINSTATEMENT and ended_on <= renewal.filed_on
        return self._since(cycle) <= ended_on and (ended_on <= cycle.days.ends or late)

    def _since(self, cycle: CycleTerms) -> date:
        """Give the first day of which anything may count in a cycle: of the last months before it, too."""
        if cycle is self.cycles[0]:
            return cycle.days.begins
        return months_before(cycle.days.begins - DAY, cycle.scheme.cpd.carry_over.from_last_months) + DAY


def _is_cured(renewal: Renewal, today: date) -> bool:
    over = renewal.cure_by is not None and today > renewal.cure_by
    return renewal.state is RenewalState.CURE and not over


def terms_of(session: Session, credentials: Collection[Credential]) -> Mapping[str, Terms]:
    """Find the terms of many credentials at once."""
    ids = [credential.id for credential in credentials]
    periods: dict[str, list[Period]] = {each: [] for each in ids}
    rows = select(Period).where(Period.credential_id.in_(ids), Period.kind != PeriodKind.BRIDGE)
    for period in session.scalars(rows.order_by(Period.cycle)):
        periods[period.credential_id].append(period)
    under_way = select(Renewal).where(Renewal.credential_id.in_(ids), Renewal.state.in_(PENDING))
    pending = {renewal.credential_id: renewal for renewal in session.scalars(under_way)}
    return {
        credential.id: Terms(
            credential,
            credential.anchor,
            tuple(_cycle(credential, period) for period in periods[credential.id]),
            pending.get(credential.id),
        )
        for credential in credentials
    }


def terms(session: Session, credential: Credential) -> Terms:
    """Find the terms of one credential."""
    return terms_of(session, [credential])[credential.id]


def terms_of_activities(session: Session, activities: Iterable[CpdActivity]) -> Mapping[str, Terms]:
    """Find the terms of the credentials that activities are of."""
    ids = {activity.credential_id for activity in activities}
    return terms_of(session, session.scalars(select(Credential).where(Credential.id.in_(ids))).all())


def _cycle(credential: Credential, period: Period) -> CycleTerms:
    scheme = catalogue().version(credential.scheme_id, period.scheme_version)
    years = scheme.validity.period.years
    days = days_of(credential.anchor, period.cycle, years=years, rules=scheme.renewal)
    return CycleTerms(period.cycle, days, scheme)


def activity(session: Session, activity_id: str) -> CpdActivity:
    """Find an activity with its proofs, as it is now."""
    query = _whole().where(CpdActivity.id == activity_id).execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise CpdActivityNotFound(_NO_ACTIVITY)
    return found


def successor(session: Session, activity_id: str) -> CpdActivity | None:
    """Find the version that took an activity's place."""
    return session.scalars(_whole().where(CpdActivity.corrects_id == activity_id)).first()


def proof_of(found: CpdActivity, proof_id: str) -> CpdProof | None:
    return next((proof for proof in found.proofs if proof.id == proof_id), None)


def page(
    session: Session,
    *,
    holder_id: str | None,
    recorded_by: str | None,
    credential_id: str | None,
    state: ActivityState | None,
    after: str | None,
    limit: int,
) -> Sequence[CpdActivity]:
    """List activities in the order in which they were entered: one holder's, one client's, or all."""
    query, given_out = _whole(), select(CpdActivity)
    if holder_id is not None:
        query = query.where(CpdActivity.holder_id == holder_id)
        given_out = given_out.where(CpdActivity.holder_id == holder_id)
    if recorded_by is not None:
        query = query.where(CpdActivity.recorded_by == recorded_by)
        given_out = given_out.where(CpdActivity.recorded_by == recorded_by)
    if credential_id is not None:
        query = query.where(CpdActivity.credential_id == credential_id)
    if state is not None:
        query = query.where(CpdActivity.state == state)
    if after is not None:
        last = session.scalars(given_out.where(CpdActivity.id == after)).first()
        if last is None:
            raise CursorUnknown("The cursor is none that was given out here.")
        same_instant = and_(CpdActivity.created_at == last.created_at, CpdActivity.id > last.id)
        query = query.where(or_(CpdActivity.created_at > last.created_at, same_instant))
    return session.scalars(query.order_by(CpdActivity.created_at, CpdActivity.id).limit(limit)).all()


def of_credential(session: Session, credential_id: str) -> Sequence[CpdActivity]:
    """List the activities of a credential, without those that a newer version took the place of."""
    query = select(CpdActivity).where(
        CpdActivity.credential_id == credential_id, CpdActivity.state != ActivityState.CORRECTED
    )
    return session.scalars(query.order_by(CpdActivity.ended_on, CpdActivity.id)).all()


def crowds(session: Session, terms: Iterable[Terms]) -> Counter[tuple[str, int]]:
    """Count the activities of credentials by the cycle in which they ended, with every version of them."""
    known = {each.credential.id: each for each in terms}
    rows = session.execute(
        select(CpdActivity.credential_id, CpdActivity.ended_on, func.count())
        .where(CpdActivity.credential_id.in_(known))
        .group_by(CpdActivity.credential_id, CpdActivity.ended_on)
    )
    counted: Counter[tuple[str, int]] = Counter()
    for credential_id, ended_on, many in rows:
        counted[credential_id, known[credential_id].of(ended_on).number] += many
    return counted


def same(session: Session, credential_id: str, fingerprint: str) -> CpdActivity | None:
    """Find the very same activity of a credential, if it is there."""
    found = same_as(session, [(credential_id, fingerprint)])
    return next(iter(found.values()), None)


def same_as(session: Session, asked: Collection[tuple[str, str]]) -> dict[tuple[str, str], CpdActivity]:
    """Find which of many activities are there already, by credential and fingerprint."""
    if not asked:
        return {}
    query = _whole().where(
        CpdActivity.credential_id.in_({credential_id for credential_id, _ in asked}),
        CpdActivity.fingerprint.in_({fingerprint for _, fingerprint in asked}),
        CpdActivity.state != ActivityState.CORRECTED,
    )
    rows = session.scalars(query.execution_options(populate_existing=True))
    return {(row.credential_id, row.fingerprint): row for row in rows}


def corrected_as(session: Session, asked: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Find which of many activities were there once, until a correction took their place."""
    rows = session.execute(
        select(CpdActivity.credential_id, CpdActivity.fingerprint).where(
            CpdActivity.credential_id.in_({credential_id for credential_id, _ in asked}),
            CpdActivity.fingerprint.in_({fingerprint for _, fingerprint in asked}),
            CpdActivity.state == ActivityState.CORRECTED,
        )
    )
    return frozenset((credential_id, fingerprint) for credential_id, fingerprint in rows)


def exemptions(session: Session, credential_id: str, cycle: int) -> Sequence[CpdExemption]:
    """List what a holder was let off in a cycle."""
    return session.scalars(
        select(CpdExemption)
        .where(CpdExemption.credential_id == credential_id, CpdExemption.cycle == cycle)
        .order_by(CpdExemption.reason)
    ).all()


def renewals_of_cycle(session: Session, credential_id: str, cycle: int) -> Sequence[Renewal]:
    """List what was filed to renew a cycle."""
    return session.scalars(
        select(Renewal)
        .where(Renewal.credential_id == credential_id, Renewal.cycle == cycle)
        .order_by(Renewal.filed_at)
    ).all()


def bytes_of(session: Session, activity_id: str) -> int:
    """Tell how much the files of an activity weigh together."""
    total = select(func.sum(CpdProof.size)).where(CpdProof.activity_id == activity_id)
    return session.scalar(total) or 0


def bytes_of_credential(session: Session, credential_id: str) -> int:
    """Tell how much the files of all activities of a credential weigh; what a correction kept weighs once."""
    files = (
        select(CpdProof.sha256, CpdProof.size)
        .join(CpdActivity, CpdActivity.id == CpdProof.activity_id)
        .where(CpdActivity.credential_id == credential_id, CpdProof.sha256.is_not(None))
        .distinct()
        .subquery()
    )
    return session.scalar(select(func.sum(files.c.size))) or 0


def names(session: Session, sha256: str) -> bool:
    """Tell whether a proof of any organisation names these bytes."""
    query = select(CpdProof.id).where(CpdProof.sha256 == sha256).limit(1)
    return session.scalars(query, execution_options=EVERY_ORGANISATION).first() is not None


def _whole() -> Select[CpdActivity]:
    return select(CpdActivity).options(selectinload(CpdActivity.proofs))
