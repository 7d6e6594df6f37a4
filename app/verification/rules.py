"""From findings to an answer: values in, values out, and never a yes that was not earned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from app.core.labels import Labels
from app.verification import words
from app.verification.report import Check, CheckName, Outcome, QualifiedSeal, Report, Result, Shown, State

ROME: Final = ZoneInfo("Europe/Rome")
READING_ORDER: Final = tuple(CheckName)
_PLACES: Final = {name: place for place, name in enumerate(READING_ORDER)}
PROOF: Final = frozenset({CheckName.FORMAT, CheckName.INTEGRITY})
# A credential of a body that keeps no register here can still be valid, so these two may not apply.
MAY_NOT_APPLY: Final = frozenset({CheckName.REGISTER_MATCH, CheckName.SUPERSEDED})
# Where a warning leaves the yes standing; a warning anywhere else means that we do not know.
MAY_WARN: Final = frozenset({CheckName.STATUS, CheckName.SUPERSEDED})
# Which failure the first line tells, when there are several: what is final comes before what time brought.
TELLING_ORDER: Final = (
    CheckName.FORMAT,
    CheckName.INTEGRITY,
    CheckName.ISSUER_TRUST,
    CheckName.REGISTER_MATCH,
    CheckName.STATUS,
    CheckName.SUPERSEDED,
    CheckName.VALIDITY_PERIOD,
)
MODES_WITHOUT_WARNING: Final = frozenset({"live", "unknown"})


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """What the register stores about a credential; how it stands is worked out, never stored.

    A reinstatement empties `suspended_at`. `superseded` is about the document that was shown, and so is
    `overtaken`: a newer period has begun. Closed and never revoked means that it was left to lapse.
    """

    revoked_at: datetime | None
    surrendered_at: datetime | None
    suspended_at: datetime | None
    valid_from: datetime
    valid_until_exclusive: datetime
    superseded: bool
    closed_at: datetime | None = None
    overtaken: bool = False


def state_at(facts: RegisterFacts, at: datetime) -> State:
    """Tell how a credential stands; nothing has to run at midnight to make it true.

    A revocation counts from the moment it is known, even where two machines' clocks disagree.
    """
    in_order = (
        (State.REVOKED, facts.revoked_at is not None),
        (State.SURRENDERED, facts.surrendered_at is not None),
        (State.LAPSED, facts.closed_at is not None),
        (State.SUSPENDED, facts.suspended_at is not None),
        (State.NOT_YET_VALID, at < facts.valid_from),
        (State.SUPERSEDED, facts.overtaken),
        (State.EXPIRED, at >= facts.valid_until_exclusive),
        (State.SUPERSEDED, facts.superseded),
    )
    return next((state for state, holds in in_order if holds), State.ACTIVE)


@lru_cache(maxsize=4096)  # most credentials share their days with others; nothing else is ever remembered
def _worded(sentence: Labels, **facts: date | Labels) -> Labels:
    return words.worded(sentence, **facts)


def found(code: str, *, at: datetime, **facts: date | Labels) -> Check:
    """Make the check that a finding of `words.FINDINGS` belongs to; `facts` fill its blanks."""
    finding = words.FINDINGS[code]
    brief = _worded(words.DATED[code], **facts) if code in words.DATED else finding.brief
    return Check(finding.name, finding.outcome, code, _worded(finding.reason, **facts), at, brief)


def told(code: str, *, at: datetime, **facts: date | Labels) -> Check:
    """Make a check as `found` does, of facts that belong to one document alone and are not remembered."""
    finding = words.FINDINGS[code]
    return Check(
        finding.name, finding.outcome, code, words.worded(finding.reason, **facts), at, finding.brief
    )


def validity_period(
    valid_from: datetime, valid_until_exclusive: datetime, *, at: datetime, zone: tzinfo = ROME
) -> Check:
    """Judge the period at an instant; the named last day is valid to its end (domain rules, dates)."""
    first = valid_from.astimezone(zone).date()
    last = (valid_until_exclusive - timedelta(microseconds=1)).astimezone(zone).date()
    if at < valid_from:
        return found("not-yet-valid", at=at, first=first)
    if at >= valid_until_exclusive:
        return found("expired", at=at, last=last)
    return found("in-period", at=at, first=first, last=last)


STATUS_CODES: Final[Mapping[str, str]] = {
    State.ACTIVE: "status-active",
    State.SUSPENDED: "status-suspended",
    State.REVOKED: "status-revoked",
    State.SURRENDERED: "status-surrendered",
    State.LAPSED: "status-lapsed",
    # Time and newer documents are other checks' business; here they mean: nobody has stopped it.
    State.EXPIRED: "status-active",
    State.NOT_YET_VALID: "status-active",
    State.SUPERSEDED: "status-active",
}


def status(state: str, *, at: datetime) -> Check:
    """Judge the published state. The cause of a suspension is never part of a public answer."""
    return found(STATUS_CODES.get(state, "status-unreachable"), at=at)


def issuer_trust(*, anchored: bool, at: datetime, proven_on: date | None = None) -> Check:
    """Judge whose seal it is; `proven_on` names the day of our proof where the chain has ended since."""
    if not anchored:
        return found("issuer-unknown", at=at)
    if proven_on is not None:
        return found("issuer-trusted-then", at=at, then=proven_on)
    return found("issuer-trusted", at=at)


def register_match(agrees: bool | None, *, at: datetime) -> Check:  # noqa: FBT001 - the one fact it is about
    """Judge the document against the register; None where the issuer keeps its register elsewhere."""
    if agrees is None:
        return found("register-elsewhere", at=at)
    return found("register-agrees" if agrees else "register-contradicts", at=at)


def superseded(
    replaced: bool | None,  # noqa: FBT001 - the one fact it is about
    *,
    at: datetime,
    by: tuple[date, date] | None = None,
) -> Check:
    """Judge whether a newer document took its place; None where only the issuer can know.

    `by` names the first and the last day of the newer period, where it is that of another.
    """
    if replaced is None:
        return found("superseded-elsewhere", at=at)
    if by is not None:
        return found("superseded-renewed", at=at, first=by[0], last=by[1])
    return found("superseded" if replaced else "newest", at=at)


def conclude(
    checks: Iterable[Check],
    *,
    shown: Shown | None,
    mode: str,
    at: datetime,
    zone: tzinfo = ROME,
    clock_offset: str | None = None,
    qualified: QualifiedSeal | None = None,
) -> Report:
    """Turn checks into the answer, and hold back everything that they do not prove.

    Unless format and integrity passed, the content, the mode it claims and every check that
    leans on it are left out: they would be the words of whoever forged it.
    """
    made = tuple(sorted(checks, key=lambda check: _PLACES[check.name]))
    if not proven(made):
        made = tuple(check for check in made if check.name in PROOF)
        shown, mode, qualified = None, "unknown", None
    result = result_of(made, mode=mode)
    return Report(
        result=result,
        headline=headline(result, made, shown=shown, mode=mode, today=at.astimezone(zone).date(), zone=zone),
        checks=made,
        shown=shown,
        mode=mode,
        checked_at=at,
        clock_offset=clock_offset,
        qualified=qualified,
    )


def proven(checks: tuple[Check, ...]) -> bool:
    """Tell whether the content is what the sealing key signed."""
    passed = {check.name for check in checks if check.outcome is Outcome.PASS}
    doubted = {check.name for check in checks if check.outcome is not Outcome.PASS}
    return passed >= PROOF and not doubted & PROOF


def result_of(checks: tuple[Check, ...], *, mode: str) -> Result:
    """Read the table of answers; an empty report proves nothing."""
    if any(check.outcome is Outcome.FAIL for check in checks):
        return Result.INVALID
    if {check.name for check in checks} != set(CheckName) or not all(map(_settled, checks)):
        return Result.UNKNOWN
    warned = any(check.outcome is Outcome.WARN for check in checks)
    return Result.VALID_WITH_WARNINGS if warned or mode not in MODES_WITHOUT_WARNING else Result.VALID


def _settled(check: Check) -> bool:
    match check.outcome:
        case Outcome.PASS:
            return True
        case Outcome.WARN:
            return check.name in MAY_WARN
        case Outcome.NOT_APPLICABLE:
            return check.name in MAY_NOT_APPLY
        case _:
            return False


def headline(
    result: Result, checks: tuple[Check, ...], *, shown: Shown | None, mode: str, today: date, zone: tzinfo
) -> Labels:
    """Write the first line: the warning before anything else, then the answer with its dates."""
    days = {"today": today}
    if shown is not None and shown.valid_from:
        days["first"] = shown.valid_from.astimezone(zone).date()
    if shown is not None and shown.valid_until:
        days["last"] = shown.valid_until.astimezone(zone).date()
    warnings = [] if mode in MODES_WITHOUT_WARNING else [words.TEST]
    match result:
        case Result.INVALID:
            answer = _with_reason(words.INVALID, _telling(checks, Outcome.FAIL), days)
        case Result.UNKNOWN:
            unsettled = tuple(check for check in checks if not _settled(check))
            answer = _with_reason(words.UNKNOWN, _telling(unsettled), days)
        case _:
            warnings += [
                _with_reason(words.ATTENTION, check, days)
                for check in checks
                if check.outcome is Outcome.WARN
            ]
            until = words.OTHERWISE_UNTIL if warnings else words.VALID_UNTIL
            plain = words.OTHERWISE if warnings else words.VALID
            answer = _worded(until if "last" in days else plain, **days)
    return Labels(
        it=". ".join([*(warning.it for warning in warnings), answer.it]),
        en=". ".join([*(warning.en for warning in warnings), answer.en]),
    )


def _telling(checks: tuple[Check, ...], outcome: Outcome | None = None) -> Check | None:
    """Pick the check that the first line tells of."""
    told = [check for check in checks if outcome is None or check.outcome is outcome]
    return min(told, key=lambda check: TELLING_ORDER.index(check.name), default=None)


def _with_reason(sentence: Labels, check: Check | None, days: Mapping[str, date]) -> Labels:
    return _worded(sentence, brief=_brief(check), **days)


def _brief(check: Check | None) -> Labels:
    if check is None:
        return words.NOT_MADE
    return check.brief or words.UNEXPECTED[check.outcome]
