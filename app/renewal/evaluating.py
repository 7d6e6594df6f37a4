"""What a renewal rests on: the ledger that it was filed with, kept with it, and the holder's membership."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.credentials.models import Credential
from app.organisations import service as organisations
from app.renewal.ledger import ledger_of
from app.renewal.models import Renewal
from app.renewal.renewal_queries import Place
from app.renewal.rules import Ledger
from app.renewal.states import RenewalKind


def on_filing(
    session: Session, credential: Credential, place: Place, kind: RenewalKind, *, at: datetime
) -> Ledger:
    """Count a cycle as of today; whoever comes back may have earned what was missing until today."""
    earned_by = place.today if kind is RenewalKind.REINSTATEMENT else None
    return ledger_of(session, credential, cycle=place.cycle, at=at, earned_by=earned_by)


def as_filed(session: Session, credential: Credential, renewal: Renewal, *, at: datetime) -> Ledger:
    """Count a filed renewal again: as activities stand now, within the limits of the day it was filed."""
    earned_by = _made_up_by(renewal)
    return ledger_of(session, credential, cycle=renewal.cycle, at=at, earned_by=earned_by)


def _made_up_by(renewal: Renewal) -> date | None:
    return renewal.filed_on if renewal.kind is RenewalKind.REINSTATEMENT else None


def judged_in(evaluation: dict[str, Any]) -> frozenset[str]:
    """Name the activities that a kept evaluation looked at, whether they counted or not."""
    return frozenset(line["activity"] for line in evaluation["lines"])


def used(evaluation: dict[str, Any]) -> frozenset[str]:
    """Name the activities of a kept evaluation of which anything counted."""
    return frozenset(line["activity"] for line in evaluation["lines"] if Decimal(line["counted"]))


def require_membership(session: Session, credential: Credential, place: Place) -> None:
    """Insist on a membership in force, where the scheme asks for it at renewal."""
    if asks_membership(place):
        organisations.require_membership(session, credential.holder_id, place.today)


def asks_membership(place: Place) -> bool:
    rules = place.scheme.admission.membership
    return rules.required and "renewal" in rules.at
