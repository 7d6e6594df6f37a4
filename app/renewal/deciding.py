"""Deciding renewals: looked into where they must be, cured where they can be, then approved or refused.

Who reviewed an activity does not decide the renewal that rests on it, and nobody decides their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.credentials import issuing
from app.credentials import queries as credentials
from app.credentials.errors import CredentialNotActive
from app.credentials.models import Credential, Period
from app.credentials.rules import CredentialState, PeriodKind
from app.organisations.errors import PermissionMissing
from app.organisations.rules import Actor
from app.outbox import changes, trail
from app.ports import Ports
from app.renewal import holding
from app.renewal import renewal_queries as queries
from app.renewal.cycles import DAY, Validity, renewed
from app.renewal.errors import (
    AuditNotFinished,
    InterviewRequired,
    OwnRenewal,
    RenewalNotEligible,
    RenewalNotMovable,
    ReviewerDecidesNot,
)
from app.renewal.evaluating import as_filed, judged_in, require_membership, used
from app.renewal.ledger import as_json
from app.renewal.models import CpdActivity, Renewal
from app.renewal.renewal_queries import Place
from app.renewal.rules import Ledger
from app.renewal.states import RENEWAL_MOVES, ActivityState, RenewalKind, RenewalState
from app.schemes.catalogue import catalogue
from app.schemes.errors import SchemeNotFound
from app.schemes.upkeep import CpdAudit
from app.status.errors import SigningFailed

INTERVIEW: Final = "interview"


@dataclass(frozen=True, slots=True)
class Interview:
    """What came of talking to whoever wants to come back."""

    held_on: date
    minutes: str


def look_into(
    session: Session,
    renewal: Renewal,
    reason: str,
    *,
    today: date,
    rules: CpdAudit,
    by: str,
    at: datetime,
) -> None:
    """Have a renewal audited: it is approved only once everything that counts in it was reviewed."""
    _move(renewal, RenewalState.AUDIT)
    renewal.audit_reason = reason
    _ask_until(renewal, today, rules)
    session.flush()
    _record(session, renewal, "renewal.audit-selected", by=by, at=at, reason=reason)


def ask_to_cure(session: Session, renewal_id: str, *, reasons: str, by: Actor, at: datetime) -> Renewal:
    """Give a holder the time to mend what an audit found wanting."""
    credential, renewal = _held(session, renewal_id)
    _refuse_own(renewal, by)
    _require_open(credential)
    _move(renewal, RenewalState.CURE)
    place = queries.under_review(session, credential, renewal, at=at)
    renewal.cure_reasons = reasons
    renewal.cure_by = place.today + timedelta(days=place.scheme.renewal.audit.cure_days)
    renewal.cured = True
    renewal.salt = renewal.salt or trail.new_salt()
    digest = trail.salted_digest(renewal.salt, reasons)
    until = renewal.cure_by.isoformat()
    _record(session, renewal, "renewal.cure-asked", by=by.id, at=at, reasons=digest, until=until)
    session.flush()
    return renewal


def answer(session: Session, renewal_id: str, *, by: Actor, at: datetime) -> Renewal:
    """Hand a cured renewal in again, in time and with enough that counts."""
    queries.readable(session, renewal_id, by=by)
    credential, renewal = _held(session, renewal_id)
    if renewal.holder_id != by.id:
        raise PermissionMissing("The holder answers; others may only read this renewal.")
    _require_open(credential)
    if renewal.state is not RenewalState.CURE:
        raise RenewalNotMovable(
            f"A renewal that is {renewal.state} waits for no answer.", state=renewal.state.value
        )
    place = queries.under_review(session, credential, renewal, at=at)
    if renewal.cure_by is not None and place.today > renewal.cure_by:
        raise RenewalNotMovable(
            f"The time to mend it ended on {renewal.cure_by}. It can only be decided now.",
            state=renewal.state.value,
        )
    ledger = as_filed(session, credential, renewal, at=at)
    _require_enough(ledger)
    _move(renewal, RenewalState.AUDIT)
    _pin(renewal, ledger)
    _ask_until(renewal, place.today, place.scheme.renewal.audit)
    _record(session, renewal, "renewal.answered", by=by.id, at=at, **_pinned(renewal))
    session.flush()
    return renewal


def approve(
    ports: Ports,
    renewal_id: str,
    *,
    reasons: str | None,
    interview: Interview | None,
    by: Actor,
    at: datetime,
) -> str:
    """Approve a renewal, at most once: the next period begins, with a signed document; give its credential.

    As in issuing, the intent is committed with the decision and before the key is used: if the signature
    cannot be made just now, the renewal stands, and a worker finishes what was intended.
    """
    with ports.database.writing(by.organisation_id) as session:
        credential, renewal = _held(session, renewal_id)
        intent_id = _approve(session, ports, credential, renewal, reasons, interview, by=by, at=at)
    try:
        issuing.finish(ports, by.organisation_id, intent_id, at=at)
    except SigningFailed as failed:
        raise SigningFailed(failed.detail, renewal=renewal_id) from failed
    return credential.id


def refuse(session: Session, renewal_id: str, *, reasons: str, by: Actor, at: datetime) -> Renewal:
    """Refuse a renewal, with reasons; a bridge that covered its holder ends with it."""
    credential, renewal = _held(session, renewal_id)
    _refuse_own(renewal, by)
    place = queries.under_review(session, credential, renewal, at=at)
    _require_another_hand(session, renewal, place, judged_in(renewal.evaluation), by)
    _decide(session, renewal, RenewalState.REFUSED, reasons, place, by=by, at=at)
    _record(session, renewal, "renewal.refused", by=by.id, at=at, **_decision(renewal))
    session.flush()
    end_bridge(session, renewal, before=place.today, at=at)
    # Also without a bridge: nobody is told any more that it may be renewed.
    changes.announce(session, f"credential:{credential.number}", at=at)
    return renewal


def end_bridge(session: Session, renewal: Renewal, *, before: date, at: datetime) -> bool:
    """End a renewal's bridge on the day before, or before it begins; tell whether there was any to end.

    The caller holds the credential's row, and announces it last of all.
    """
    bridge = _running_bridge(session, renewal, before)
    if bridge is None:
        return False
    issuing.end_period(session, bridge, on=max(before, bridge.valid_from) - DAY, at=at)
    session.flush()
    return True


def _approve(
    session: Session,
    ports: Ports,
    credential: Credential,
    renewal: Renewal,
    reasons: str | None,
    interview: Interview | None,
    *,
    by: Actor,
    at: datetime,
) -> str:
    # 1. Nothing but what is open, and in the right hands, is approved.
    _refuse_own(renewal, by)
    place = queries.under_review(session, credential, renewal, at=at)
    _require_approvable(session, renewal)
    _require_open(credential)
    if credential.suspended_at is not None:
        raise CredentialNotActive(
            "The credential is suspended. Its renewal can be approved once the suspension has ended.",
            state=CredentialState.SUSPENDED.value,
        )
    require_membership(session, credential, place)
    validity = _validity(credential, place)
    # 2. What was filed still holds, by the rules and within the limits that it was filed under.
    ledger = as_filed(session, credential, renewal, at=at)
    _require_enough(ledger)
    evaluation = as_json(ledger)
    _require_another_hand(session, renewal, place, judged_in(evaluation), by)
    counted = queries.activities(session, used(evaluation))
    _require_reviewed(renewal, counted)
    _keep_interview(renewal, interview, place)
    # 3. Hours are used up, and the decision stands before anything rests on it.
    for activity in counted:
        _use_up(session, activity, renewal, by=by, at=at)
    _pin(renewal, ledger)
    _decide(session, renewal, RenewalState.APPROVED, reasons, place, by=by, at=at)
    facts = {**_decision(renewal), **_pinned(renewal), "until": validity.ends.isoformat()}
    _record(session, renewal, "renewal.approved", by=by.id, at=at, **facts)
    session.flush()
    # 4. The bridge gives way to the new period without a day that both hold; and without an hour that neither
    #    does: its document holds until the new one is stored, which is announced then.
    bridge = _running_bridge(session, renewal, validity.begins)
    if bridge is not None:
        ends = max(validity.begins, bridge.valid_from) - DAY
        issuing.let_give_way(session, bridge, on=ends)
        session.flush()
    return issuing.begin_period(
        session,
        ports,
        credential,
        kind=PeriodKind.RENEWAL,
        renewal_id=renewal.id,
        cycle=renewal.cycle + 1,
        scheme_version=_version_for(credential, place),
        valid_from=validity.begins,
        valid_until=validity.ends,
        by=by.id,
        at=at,
    )


def _held(session: Session, renewal_id: str) -> tuple[Credential, Renewal]:
    """Hold the credential, then its renewal: everybody locks in this order."""
    seen = queries.by_id(session, renewal_id)
    credential = credentials.by_id(session, seen.credential_id, lock=True)
    return credential, queries.by_id(session, renewal_id, lock=True)


def _refuse_own(renewal: Renewal, by: Actor) -> None:
    if renewal.holder_id == by.id:
        raise OwnRenewal("Somebody else decides this renewal.")


def _require_open(credential: Credential) -> None:
    """What was revoked, or has lapsed, is final (I25): a renewal of it can only be refused."""
    if credential.closed_at is not None:
        state = CredentialState.REVOKED if credential.revoked_at else CredentialState.LAPSED
        raise CredentialNotActive(
            f"The credential is {state}. Its renewal can only be refused.", state=state.value
        )


def _require_approvable(session: Session, renewal: Renewal) -> None:
    if RenewalState.APPROVED not in RENEWAL_MOVES[renewal.state]:
        raise RenewalNotMovable(
            f"A renewal that is {renewal.state} cannot be approved.", state=renewal.state.value
        )
    if renewal.state is RenewalState.SUBMITTED and renewal.draw_id is not None:
        drawn = queries.draw(session, renewal.draw_id)
        if drawn.drawn_at is None:
            raise RenewalNotMovable(
                "The renewal waits for the draw of audits. Hold the draw first.",
                state=renewal.state.value,
                draw=drawn.id,
            )


def _require_enough(ledger: Ledger) -> None:
    if not ledger.satisfied:
        raise RenewalNotEligible("What counts is no longer enough. See `gaps`.", gaps=as_json(ledger)["gaps"])


def _require_another_hand(
    session: Session, renewal: Renewal, place: Place, judged: frozenset[str], by: Actor
) -> None:
    """Keep apart who judged what a renewal rests on, whatever became of it, and who decides."""
    begins, ends = place.days.begins, max(place.days.ends, renewal.filed_on)
    if by.id in queries.reviewers(session, renewal.credential_id, begins, ends, judged=judged):
        raise ReviewerDecidesNot("Somebody who reviewed none of its activities decides this renewal.")
    if by.id in queries.exempters(session, renewal.credential_id, renewal.cycle):
        raise ReviewerDecidesNot("Somebody who granted no exemption in its cycle decides this renewal.")


def _require_reviewed(renewal: Renewal, counted: Sequence[CpdActivity]) -> None:
    """In an audit a person of the office accepted everything that counts; else what they had asked about.

    What a provider vouches for is accepted by itself, which nobody looked at.
    """
    unseen = [
        activity.id
        for activity in counted
        if (renewal.state is RenewalState.AUDIT and not _seen(activity))
        or (activity.question is not None and activity.state is not ActivityState.ACCEPTED)
    ]
    if unseen:
        raise AuditNotFinished(
            "Somebody of the office accepts these activities before the renewal is approved.",
            activities=[*unseen],
        )


def _seen(activity: CpdActivity) -> bool:
    return activity.state is ActivityState.ACCEPTED and activity.reviewed_by is not None


def _keep_interview(renewal: Renewal, interview: Interview | None, place: Place) -> None:
    """A reinstatement takes a talk, held after the credential had ended and put down in minutes."""
    asked = place.scheme.renewal.reinstatement.requires
    if renewal.kind is RenewalKind.REINSTATEMENT and INTERVIEW in asked:
        if interview is None:
            raise InterviewRequired("Say when the interview was held, with its minutes.")
        if not place.days.ends < interview.held_on <= place.today:
            raise InterviewRequired(f"The interview is held after {place.days.ends}, and by today.")
    if interview is not None:
        renewal.interview_on = interview.held_on
        renewal.interview_minutes = interview.minutes


def _validity(credential: Credential, place: Place) -> Validity:
    validity = renewed(credential.anchor, place.cycle, years=place.years, decided_on=place.today)
    if validity.begins > validity.ends:
        raise RenewalNotMovable("The cycle that this renewal would open is over. It can only be refused.")
    return validity


def _use_up(session: Session, activity: CpdActivity, renewal: Renewal, *, by: Actor, at: datetime) -> None:
    """Lock an activity for good (I32); one that nobody had to look at is accepted first."""
    if activity.state is ActivityState.CLAIMED:
        holding.move(activity, ActivityState.ACCEPTED)
        activity.reviewed_at = at
    holding.move(activity, ActivityState.LOCKED)
    activity.renewal_id = renewal.id
    holding.record(session, activity, "cpd.activity-locked", by=by.id, at=at, renewal=renewal.id)


def _running_bridge(session: Session, renewal: Renewal, day: date) -> Period | None:
    """Find a renewal's bridge, if there is one that holds on a day or later and was not ended."""
    bridge = credentials.bridge(session, renewal.id)
    if bridge is None or bridge.ended_on is not None or bridge.valid_until < day:
        return None
    return bridge


def _version_for(credential: Credential, place: Place) -> str:
    """Choose the rules of the next cycle: those in force today, or the same again if the scheme has ended.

    They are the same again too where periods are now of another length: cycles are counted from the anchor,
    and another length would move the days of those that were renewed already.
    """
    try:
        newest = catalogue().in_force(credential.scheme_id, place.today)
    except SchemeNotFound:
        return place.scheme.version
    return newest.version if newest.validity.period == place.scheme.validity.period else place.scheme.version


def _move(renewal: Renewal, target: RenewalState) -> None:
    if target not in RENEWAL_MOVES[renewal.state]:
        raise RenewalNotMovable(
            f"A renewal that is {renewal.state} cannot become {target}.", state=renewal.state.value
        )
    renewal.state = target


def _ask_until(renewal: Renewal, today: date, rules: CpdAudit) -> None:
    renewal.audit_from = today
    renewal.reply_by = today + timedelta(days=rules.reply_days)


def _pin(renewal: Renewal, ledger: Ledger) -> None:
    renewal.rules_digest = ledger.rules
    renewal.evaluation = as_json(ledger)


def _decide(
    session: Session,
    renewal: Renewal,
    target: RenewalState,
    reasons: str | None,
    place: Place,
    *,
    by: Actor,
    at: datetime,
) -> None:
    _move(renewal, target)
    renewal.reasons = reasons
    renewal.salt = renewal.salt or trail.new_salt()
    renewal.decided_on = place.today
    renewal.decided_at = at
    renewal.decided_by = by.id
    session.flush()


def _decision(renewal: Renewal) -> Mapping[str, JsonValue]:
    said = {"reasons": renewal.reasons, "minutes": renewal.interview_minutes}
    salt = renewal.salt or ""
    return {name: trail.salted_digest(salt, text) for name, text in said.items() if text}


def _pinned(renewal: Renewal) -> Mapping[str, JsonValue]:
    return {"rules": renewal.rules_digest, "evaluation": trail.digest(renewal.evaluation)}


def _record(
    session: Session, renewal: Renewal, topic: str, *, by: str, at: datetime, **facts: JsonValue
) -> None:
    trail.record(
        session,
        topic,
        organisation_id=renewal.organisation_id,
        by=by,
        at=at,
        about={"credential": renewal.credential_id, "renewal": renewal.id},
        facts={"cycle": renewal.cycle, **facts},
    )
