"""What happens to credentials by themselves: bridges for whom a review keeps waiting, and the end of time.

A holder who filed in time loses nothing by a slow review: the day before the old period ends, a bridge is
entered and signed. It is for those whom the office keeps waiting, with enough that counts: not for whom it
has asked to mend something, or a question that has no answer yet. A bridge that is there stays until the
renewal is decided, also while something is to be mended; but no longer than the time for that lasts.
A credential that nobody renewed or brought back in time lapses, for good (I25).
"""

import logging
from collections.abc import Callable
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.db import Database
from app.credentials import issuing
from app.credentials import queries as credentials
from app.credentials.errors import TrialCredential
from app.credentials.models import Credential
from app.credentials.rules import PeriodKind
from app.organisations import queries as organisations
from app.outbox import changes, trail
from app.outbox.hourly import Hourly
from app.ports import Ports
from app.renewal import renewal_queries as queries
from app.renewal.cycles import DAY, Phase, bridged, deserves_bridge
from app.renewal.deciding import end_bridge
from app.renewal.evaluating import as_filed, asks_membership, used
from app.renewal.models import Renewal
from app.renewal.renewal_queries import Place
from app.renewal.states import RenewalKind, RenewalState
from app.schemes.catalogue import catalogue

log: Final = logging.getLogger("sigillo.bridges")


def duty(ports: Ports) -> Callable[[], None]:
    """Make a worker's duty: bridge what a review keeps waiting, close what nobody renewed or mended."""

    def bridge_and_close(at: datetime) -> None:
        _each(_overdue(ports.database, at), lambda *place: withdraw(ports.database, *place, at=at))
        _each(_bridgeable(ports.database, at), lambda *place: bridge(ports, *place, at=at))
        _each(_lapsed(ports.database, at), lambda *place: lapse(ports.database, *place, at=at))

    return Hourly(ports.clock, bridge_and_close)


def bridge(ports: Ports, organisation_id: str, renewal_id: str, *, at: datetime) -> bool:
    """Cover a holder who filed early and is still waiting, once; tell whether that was due."""
    with ports.database.writing(organisation_id) as session:
        seen = queries.by_id(session, renewal_id)
        credential = credentials.by_id(session, seen.credential_id, lock=True)
        renewal = queries.by_id(session, renewal_id, lock=True)
        place = queries.under_review(session, credential, renewal, at=at)
        if not _bridge_due(credential, renewal, place) or credentials.bridge(session, renewal.id):
            return False
        if not _still_member(session, credential, place) or not _is_ready(session, credential, renewal, at):
            return False
        validity = bridged(place.days, today=place.today, rules=place.scheme.renewal)
        _record(session, credential, "renewal.bridged", at=at, renewal=renewal.id)
        intent_id = issuing.begin_period(
            session,
            ports,
            credential,
            kind=PeriodKind.BRIDGE,
            renewal_id=renewal.id,
            cycle=renewal.cycle + 1,
            scheme_version=renewal.scheme_version,
            valid_from=validity.begins,
            valid_until=validity.ends,
            by=trail.SYSTEM,
            at=at,
        )
    issuing.finish(ports, organisation_id, intent_id, at=at)
    return True


def withdraw(database: Database, organisation_id: str, renewal_id: str, *, at: datetime) -> bool:
    """End the bridge of a renewal that was not mended in time; tell whether there was any to end."""
    with database.writing(organisation_id) as session:
        seen = queries.by_id(session, renewal_id)
        credential = credentials.by_id(session, seen.credential_id, lock=True)
        renewal = queries.by_id(session, renewal_id, lock=True)
        today = queries.under_review(session, credential, renewal, at=at).today
        if renewal.state is not RenewalState.CURE or renewal.cure_by is None or today <= renewal.cure_by:
            return False
        if not end_bridge(session, renewal, before=today, at=at):
            return False
        _record(session, credential, "renewal.bridge-withdrawn", at=at, renewal=renewal.id)
        session.flush()
        changes.announce(session, f"credential:{credential.number}", at=at)
        return True


def lapse(database: Database, organisation_id: str, credential_id: str, *, at: datetime) -> bool:
    """Close a credential whose time to be brought back is over; tell whether it was."""
    with database.writing(organisation_id) as session:
        credential = credentials.by_id(session, credential_id, lock=True)
        place = queries.at_work(session, credential, at=at)
        waits = queries.pending(session, credential.id)
        if credential.closed_at is not None or place.phase is not Phase.LAPSED or waits:
            return False
        credential.closed_at = credential.updated_at = at
        _record(session, credential, "credential.lapsed", at=at)
        session.flush()
        changes.announce(session, f"credential:{credential.number}", at=at)
        return True


def _bridgeable(database: Database, at: datetime) -> list[tuple[str, str]]:
    """Name the renewals that a bridge is due for; each is looked at again before it is made."""
    due = []
    for session in database.everywhere():
        for renewal, credential in queries.under_review_anywhere(session):
            try:
                place = queries.under_review(session, credential, renewal, at=at)
            except Exception:
                log.exception("renewal-duty.failed")
                continue
            if _bridge_due(credential, renewal, place):
                due.append((renewal.organisation_id, renewal.id))
    return due


def _bridge_due(credential: Credential, renewal: Renewal, place: Place) -> bool:
    """A bridge is for a credential that stands, and is made no earlier than on the day before the last."""
    rules = place.scheme.renewal
    validity = bridged(place.days, today=place.today, rules=rules)
    return (
        renewal.kind is RenewalKind.RENEWAL
        and renewal.state in queries.KEPT_WAITING
        and credential.closed_at is None
        and credential.suspended_at is None
        and deserves_bridge(place.days, filed_on=renewal.filed_on, rules=rules)
        and place.today >= place.days.ends - DAY
        and validity.begins <= validity.ends
    )


def _is_ready(session: Session, credential: Credential, renewal: Renewal, at: datetime) -> bool:
    """Tell whether nothing is asked of the holder: every question has an answer, and enough counts."""
    if queries.awaits_answer(session, used(renewal.evaluation)):
        return False
    return as_filed(session, credential, renewal, at=at).satisfied


def _still_member(session: Session, credential: Credential, place: Place) -> bool:
    if not asks_membership(place):
        return True
    return organisations.membership_on(session, credential.holder_id, place.today) is not None


def _overdue(database: Database, at: datetime) -> list[tuple[str, str]]:
    """Name what was to be mended by today at the latest; each is looked at again by its own calendar."""
    return [
        each for session in database.everywhere() for each in queries.bridged_past_cure(session, at.date())
    ]


def _lapsed(database: Database, at: datetime) -> list[tuple[str, str]]:
    """Name what ended long enough ago under any scheme; each is looked at again before it is closed."""
    latest = max(
        (scheme.renewal.reinstatement.until.before(at.date()) for scheme in catalogue().schemes),
        default=date.min,
    )
    return [each for session in database.everywhere() for each in queries.ended_before(session, latest + DAY)]


def _each(due: list[tuple[str, str]], act: Callable[[str, str], bool]) -> None:
    """Do it to each; one that fails comes round again, and keeps none waiting."""
    for organisation_id, subject_id in due:
        try:
            act(organisation_id, subject_id)
        except TrialCredential:
            continue  # of what was issued for trying a live body makes no more
        except Exception:
            log.exception("renewal-duty.failed")


def _record(session: Session, credential: Credential, topic: str, *, at: datetime, **about: str) -> None:
    trail.record(
        session,
        topic,
        organisation_id=credential.organisation_id,
        by=trail.SYSTEM,
        at=at,
        about={"credential": credential.id, **about},
    )
