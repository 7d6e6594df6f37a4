"""From the tables to the rules engine and back: what a holder's cycle comes to on a day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.core.labels import Labels
from app.credentials.models import Credential
from app.organisations.service import today_of
from app.renewal import queries
from app.renewal.counting import NOTHING, first_day
from app.renewal.cycles import Phase
from app.renewal.evaluation import figure
from app.renewal.models import CpdActivity, Renewal
from app.renewal.queries import CycleTerms, Terms
from app.renewal.rules import Activity, Bucket, Cycle, Exemption, Gap, Ledger, Line, Standing, evaluate
from app.renewal.ruleset import RuleSet
from app.renewal.states import ActivityState, RenewalState

STANDINGS: Final[Mapping[ActivityState, Standing]] = {
    ActivityState.DRAFT: Standing.DRAFT,
    ActivityState.CLAIMED: Standing.CLAIMED,
    ActivityState.ACCEPTED: Standing.ACCEPTED,
    ActivityState.QUERIED: Standing.QUERIED,
    ActivityState.REJECTED: Standing.REJECTED,
    ActivityState.LOCKED: Standing.ACCEPTED,  # in its own cycle; in any other it counts no more
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An evaluation as it is shown: its figures, and the activities that its lines are about."""

    cycle: int
    evaluation: dict[str, JsonValue]
    activities: Mapping[str, CpdActivity]


def ledger_of(
    session: Session,
    credential: Credential,
    *,
    cycle: int | None,
    at: datetime,
    earned_by: date | None = None,
) -> Ledger:
    """Count a cycle as of today, by the rules of the scheme version that its period was issued under.

    Without a number it is the cycle at work. `earned_by` is for a reinstatement: what was missed may be made
    up for until that day, and claimed until then too.
    """
    terms = queries.terms(session, credential)
    chosen = terms.last if cycle is None else terms.cycle(cycle)
    today = today_of(session, credential.organisation_id, at)
    return _count(session, terms, chosen, today, earned_by=earned_by)


def shown(session: Session, credential: Credential, *, cycle: int | None, at: datetime) -> Shown:
    """Show what a cycle comes to today; one that was renewed stays as it was judged (I35).

    Once only a reinstatement is left, what may still be made up for is told.
    """
    terms = queries.terms(session, credential)
    chosen = terms.last if cycle is None else terms.cycle(cycle)
    activities = {row.id: row for row in queries.of_credential(session, credential.id)}
    approved = _approved(queries.renewals_of_cycle(session, credential.id, chosen.number))
    if approved is not None:
        return Shown(chosen.number, dict(approved.evaluation), activities)
    today = today_of(session, credential.organisation_id, at)
    late = chosen is terms.last and chosen.days.phase(today) is Phase.REINSTATEMENT
    earned_by = chosen.days.reinstatement_ends if late else None
    ledger = _count(session, terms, chosen, today, earned_by=earned_by)
    return Shown(chosen.number, as_json(ledger), activities)


def _count(
    session: Session, terms: Terms, chosen: CycleTerms, today: date, *, earned_by: date | None
) -> Ledger:
    rules = RuleSet.of_scheme(chosen.scheme)
    renewals = queries.renewals_of_cycle(session, terms.credential.id, chosen.number)
    cycle = _cycle(terms, chosen, rules, renewals, earned_by)
    since = first_day(rules, cycle)
    own = frozenset(renewal.id for renewal in renewals)
    rows = queries.of_credential(session, terms.credential.id)
    before = _approved(queries.renewals_of_cycle(session, terms.credential.id, chosen.number - 1))
    return evaluate(
        rules,
        [
            _activity(row, own, today)
            for row in rows
            if _concerns(row, cycle, since, own, newest=chosen is terms.last)
        ],
        cycle=cycle,
        as_of=today,
        exemptions=[
            Exemption(row.reason, row.reduction_pct)
            for row in queries.exemptions(session, terms.credential.id, chosen.number)
        ],
        carried=NOTHING if before is None else Decimal(str(before.evaluation["carry_over"])),
        used=() if before is None else _used(rows, before, today),
        made_up=earned_by is not None,
    )


def _cycle(
    terms: Terms, chosen: CycleTerms, rules: RuleSet, renewals: Iterable[Renewal], earned_by: date | None
) -> Cycle:
    """Work out until when hours are earned and claimed. A cure gives its own time, and no other, to claim."""
    days = chosen.days
    cures = [each for each in renewals if each.cure_by and each.state is not RenewalState.REFUSED]
    limits = [each.cure_by for each in cures]
    if not any(each.state is RenewalState.CURE for each in cures):
        limits += [rules.submitted_within.after(days.ends), earned_by]
    return Cycle(
        begins=days.begins,
        ends=days.ends,
        earned_by=earned_by or days.ends,
        submitted_by=max(limit for limit in limits if limit is not None),
        anchor=terms.anchor,
        follows=any(each.number == chosen.number - 1 for each in terms.cycles),
    )


def _concerns(row: CpdActivity, cycle: Cycle, since: date, own: frozenset[str], *, newest: bool) -> bool:
    """Tell whether an activity is looked at in a cycle: of the newest, whatever came after it began.

    What ended too late for it is shown there too, and says so: it will count once the next has begun. Of the
    last months before it is looked at what no renewal has used, because it came later or did not count.
    """
    if row.ended_on < cycle.begins:
        return since <= row.ended_on and not _is_used_elsewhere(row, own)
    return newest or row.ended_on <= cycle.earned_by


def _used(rows: Iterable[CpdActivity], before: Renewal, today: date) -> list[Activity]:
    """Give the activities that the cycle before was renewed on, with the hours that counted there."""
    used = [row for row in rows if row.renewal_id == before.id]
    if not used:
        return []
    lines: Any = before.evaluation["lines"]
    counted = {line["activity"]: Decimal(line["counted"]) for line in lines}
    return [replace(_activity(row, frozenset(), today), hours=counted.get(row.id, row.hours)) for row in used]


def _is_used_elsewhere(row: CpdActivity, own: frozenset[str]) -> bool:
    return row.state is ActivityState.LOCKED and row.renewal_id not in own


def _activity(row: CpdActivity, own: frozenset[str], today: date) -> Activity:
    return Activity(
        id=row.id,
        title=row.title,
        provider=row.provider,
        category=row.category,
        started_on=row.started_on,
        ended_on=row.ended_on,
        hours=row.hours,
        topics={name: Decimal(hours) for name, hours in row.topics.items()},
        submitted_on=row.claimed_on or today,
        standing=Standing.ELSEWHERE if _is_used_elsewhere(row, own) else STANDINGS[row.state],
    )


def _approved(renewals: Sequence[Renewal]) -> Renewal | None:
    return next((renewal for renewal in renewals if renewal.state is RenewalState.APPROVED), None)


def as_json(ledger: Ledger) -> dict[str, JsonValue]:
    """Write an evaluation as it is kept and sent: figures as text, and no word that a holder wrote."""
    return {
        "rules": ledger.rules,
        "as_of": ledger.as_of.isoformat(),
        "begins": ledger.begins.isoformat(),
        "ends": ledger.ends.isoformat(),
        "earned_by": ledger.earned_by.isoformat(),
        "submitted_by": ledger.submitted_by.isoformat(),
        "claimed": figure(ledger.claimed),
        "counted": figure(ledger.counted),
        "carried": figure(ledger.carried),
        "required": figure(ledger.required),
        "satisfied": ledger.satisfied,
        "carry_over": figure(ledger.carry_over),
        "categories": [_bucket(bucket) for bucket in ledger.categories],
        "topics": [_bucket(bucket) for bucket in ledger.topics],
        "years": [
            {
                "number": year.number,
                "begins": year.begins.isoformat(),
                "ends": year.ends.isoformat(),
                "counted": figure(year.counted),
                "min": figure(year.min),
            }
            for year in ledger.years
        ],
        "lines": [_line(line) for line in ledger.lines],
        "gaps": [_gap(gap) for gap in ledger.gaps],
    }


def _limit(hours: Decimal | None) -> str | None:
    return None if hours is None else figure(hours)


def _words(labels: Labels) -> JsonValue:
    return {"it": labels.it, "en": labels.en}


def _bucket(bucket: Bucket) -> JsonValue:
    return {
        "id": bucket.id,
        "label": _words(bucket.label),
        "counted": figure(bucket.counted),
        "min": _limit(bucket.min),
        "max": _limit(bucket.max),
    }


def _line(line: Line) -> JsonValue:
    return {
        "activity": line.activity,
        "claimed": figure(line.claimed),
        "counted": figure(line.counted),
        "differences": [
            {"code": str(each.code), "hours": figure(each.hours), "detail": _words(each.words)}
            for each in line.differences
        ],
    }


def _gap(gap: Gap) -> JsonValue:
    return {
        "code": str(gap.code),
        "what": gap.what,
        "missing": figure(gap.missing),
        "due": gap.due.isoformat(),
        "file_by": gap.file_by.isoformat(),
        "detail": _words(gap.words),
    }
