"""Deciding: a meeting is put on record, a case is opened in it, members vote, and the chair publishes."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.assessments import queries as assessment_queries
from app.assessments import service as assessments
from app.assessments.eligibility import refuse_own
from app.assessments.rules import ComputedOutcome
from app.assessments.service import require_status
from app.core.days import local_day
from app.core.errors import Conflict, JsonValue, RuleBroken
from app.core.ids import new_id
from app.decisions import queries
from app.decisions.errors import (
    CaseFileChanged,
    DecisionNotOpen,
    DecisionOpenedAlready,
    DecisionPublishedAlready,
    MeetingNotHeld,
    MeetingTooEarly,
    NoQuorum,
    NoVotes,
    PublicationBarred,
    ReasonsMissing,
    SeparationBroken,
    ThresholdsNotMet,
    VoteBarred,
    VotedAlready,
    VotesNotCountable,
    VotesOutstanding,
)
from app.decisions.models import Decision, DecisionStatus, Meeting, Presence, Vote
from app.decisions.rules import (
    Barred,
    Choice,
    PublicationFault,
    Standing,
    outcome,
    outstanding,
    publication_faults,
    quorum,
    separated,
    tally,
)
from app.dossiers import admission
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.errors import ConflictOfInterest
from app.dossiers.models import Dossier, DossierStatus
from app.organisations import queries as organisation_queries
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.outbox import trail
from app.schemes.judgement import DecisionOutcome
from app.schemes.scheme import Scheme

_REFUSALS: Final[dict[str, type[Conflict] | type[RuleBroken]]] = {
    "no-quorum": NoQuorum,
    "vote-barred": VotesNotCountable,
    "votes-outstanding": VotesOutstanding,
    "no-votes": NoVotes,
    "thresholds-not-met": ThresholdsNotMet,
    "reasons-missing": ReasonsMissing,
}


def record_meeting(
    session: Session, *, held_on: date | None, present: Sequence[str], by: Actor, at: datetime
) -> Meeting:
    """Put a sitting of the committee on record, with everybody who was there."""
    today = today_of(session, by.organisation_id, at)
    if held_on is not None and held_on > today:
        raise MeetingNotHeld("A meeting is put on record on its day or later, with those who came.")
    people = [organisation_queries.person(session, person_id) for person_id in dict.fromkeys(present)]
    meeting = Meeting(
        id=new_id("mtg"),
        organisation_id=by.organisation_id,
        held_on=held_on or today,
        recorded_by=by.id,
        recorded_at=at,
        present=[Presence(organisation_id=by.organisation_id, person_id=person.id) for person in people],
    )
    session.add(meeting)
    session.flush()
    trail.record(
        session,
        "meeting.recorded",
        organisation_id=by.organisation_id,
        by=by.id,
        at=at,
        about={"meeting": meeting.id},
        facts={"held_on": meeting.held_on.isoformat(), "present": len(people)},
    )
    return meeting


def open_decision(session: Session, dossier_id: str, *, meeting_id: str, by: Actor, at: datetime) -> Decision:
    """Put a case before a meeting, pinned to what the committee sees of it from here on (invariant I8)."""
    seen = dossier_queries.by_id(session, dossier_id)
    earlier = queries.standing_decision(session, seen.id, seen.round)
    if earlier is not None:
        queries.locked(session, earlier.id)  # decision, dossier, meeting: everybody locks in this order
    dossier = dossier_queries.locked(session, dossier_id)
    refuse_own(dossier, by)
    require_status(dossier, DossierStatus.READY_FOR_DECISION)
    meeting = queries.locked_meeting(session, meeting_id)
    scheme = dossiers.scheme_of(dossier)
    if queries.standing_decision(session, dossier.id, dossier.round) is not earlier:
        raise DecisionOpenedAlready("Somebody else has just put this case before a meeting.")
    _require_ready_by(session, dossier, meeting)
    _require_separation(session, dossier, meeting, scheme)
    if earlier is not None:
        _adjourn(session, earlier, meeting, by=by, at=at)
    found = assessments.result_of(session, dossier)
    if found is None:
        raise CaseFileChanged("The scores of this round no longer come to a result.")
    decision = Decision(
        id=new_id("dec"),
        organisation_id=dossier.organisation_id,
        dossier_id=dossier.id,
        meeting_id=meeting.id,
        round=dossier.round,
        status=DecisionStatus.OPEN,
        case_file_hash=queries.case_file_hash(session, dossier, dossier.round),
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_digest=scheme.digest,
        computed=queries.result_as_json(found),
        opened_by=by.id,
        opened_at=at,
        salt=trail.new_salt(),
    )
    session.add(decision)
    session.flush()
    _record(session, decision, "decision.opened", by=by, at=at, case_file=decision.case_file_hash)
    return decision


def vote(session: Session, decision_id: str, *, choice: Choice, by: Actor, at: datetime) -> Vote:
    """Take one member's vote, once, from those whom nothing keeps from the case (I1, I3, I4)."""
    decision = queries.locked(session, decision_id)
    queries.locked_meeting(session, decision.meeting_id)
    if decision.status != DecisionStatus.OPEN:
        raise DecisionNotOpen(f"The decision is {decision.status}.")
    dossier = dossier_queries.by_id(session, decision.dossier_id)
    require_status(dossier, DossierStatus.READY_FOR_DECISION)
    standing = queries.standing(session, decision)
    barred = standing.barred(by.id)
    if barred is Barred.CONFLICTED:
        raise ConflictOfInterest("A conflict of interest keeps you from voting on this case.")
    if barred is not None:
        raise VoteBarred(
            f"Whoever {barred.reason.en} does not vote on a case.",
            why=barred.value,
            reason={"it": barred.reason.it, "en": barred.reason.en},
        )
    count = quorum(standing, dossiers.scheme_of(dossier).decision)
    if not count.ok:
        raise NoQuorum(
            f"{count.needed} voters must be present, there are {count.present}.",
            needed=count.needed,
            present=count.present,
        )
    if by.id in queries.votes_on(session, decision.id):
        raise VotedAlready("You have voted on this case.")
    given = Vote(
        organisation_id=decision.organisation_id,
        decision_id=decision.id,
        member_id=by.id,
        choice=choice.value,
        at=at,
    )
    session.add(given)
    session.flush()
    _record(session, decision, "decision.voted", by=by, at=at, choice=choice.value)
    return given


def publish(
    session: Session, decision_id: str, *, reasons: str, derogation: str, by: Actor, at: datetime
) -> Decision:
    """Publish what the votes came to, for good; what follows for the dossier follows at once.

    The case file is put together anew and must be the very one that was voted on.
    """
    decision = queries.locked(session, decision_id)
    if decision.status == DecisionStatus.PUBLISHED:
        raise DecisionPublishedAlready("The decision is published and never changes.")
    if decision.status != DecisionStatus.OPEN:
        raise DecisionNotOpen(f"The decision is {decision.status}.")
    dossier = dossier_queries.locked(session, decision.dossier_id)
    require_status(dossier, DossierStatus.READY_FOR_DECISION)
    standing = queries.standing(session, decision)
    _require_publisher(session, dossier, standing, by)
    scheme = dossiers.scheme_of(dossier)
    pinned = (decision.case_file_hash, decision.scheme_digest)
    if pinned != (queries.case_file_hash(session, dossier, decision.round), scheme.digest):
        raise CaseFileChanged("The case file is no longer the one that was voted on.")

    votes = queries.votes_on(session, decision.id)
    met = _thresholds_met(session, dossier, at)
    _refuse(
        publication_faults(
            standing, votes, scheme.decision, reasons=reasons, thresholds_met=met, derogation=derogation
        ),
        missing=len(outstanding(standing, votes)),
    )
    counted, count = tally(votes), quorum(standing, scheme.decision)
    decided = outcome(counted, scheme.decision)
    if decided is None:
        raise NoVotes("Nobody cast a vote.")

    # From here to the flush nothing is read: the database lets a published decision change no more.
    today = today_of(session, decision.organisation_id, at)
    decision.status = DecisionStatus.PUBLISHED
    decision.outcome = decided.value
    decision.reasons = reasons or None
    decision.derogation = derogation if decided is DecisionOutcome.GRANT and not met else None
    decision.tally = {
        "grant": counted.grant,
        "refuse": counted.refuse,
        "defer": counted.defer,
        "abstain": counted.abstain,
        "needed": count.needed,
        "present": count.present,
    }
    decision.decided_on = today
    decision.published_by = by.id
    decision.published_at = at
    _record(
        session,
        decision,
        "decision.published",
        by=by,
        at=at,
        outcome=decided.value,
        tally=decision.tally,
        case_file=decision.case_file_hash,
        scheme=decision.scheme_digest,
        reasons=trail.salted_digest(decision.salt, reasons),
        derogation=trail.salted_digest(decision.salt, decision.derogation) if decision.derogation else None,
    )
    if decided is DecisionOutcome.DEFER:
        assessments.begin_round(session, dossier, by=by.id, at=at)
    else:
        dossier.move_to(DossierStatus.DECIDED, by=by.id, at=at)
    session.flush()
    return decision


def _require_ready_by(session: Session, dossier: Dossier, meeting: Meeting) -> None:
    """Insist that the meeting could know the case: its day also decides who was in office."""
    zone = ZoneInfo(organisation_queries.organisation(session, dossier.organisation_id).time_zone)
    ready = next(step for step in reversed(dossier.history) if step.status == dossier.status)
    if meeting.held_on < local_day(ready.at, zone):
        raise MeetingTooEarly("The dossier was not ready for a decision on the day of this meeting.")


def _require_separation(session: Session, dossier: Dossier, meeting: Meeting, scheme: Scheme) -> None:
    """Keep a case out of a meeting in which somebody who judged it has voted already."""
    judges = assessment_queries.judges_of(session, dossier.id)
    for other in queries.others_in(session, meeting.id, dossier.id):
        kept_away = separated(scheme.decision, frozenset(), judges)
        if kept_away & queries.votes_on(session, other.id).keys():
            raise SeparationBroken("Somebody who judged this case has voted in this meeting. Take another.")


def _adjourn(session: Session, earlier: Decision, meeting: Meeting, *, by: Actor, at: datetime) -> None:
    """Make way for another meeting where the first came to nothing: no quorum, or nobody took sides."""
    took_sides = tally(queries.votes_on(session, earlier.id)).cast
    if earlier.meeting_id == meeting.id or took_sides or earlier.status != DecisionStatus.OPEN:
        raise DecisionOpenedAlready("The dossier has a decision in this round already.", decision=earlier.id)
    earlier.status = DecisionStatus.ADJOURNED
    _record(session, earlier, "decision.adjourned", by=by, at=at)
    session.flush()


def _require_publisher(session: Session, dossier: Dossier, standing: Standing, by: Actor) -> None:
    """ISO/IEC 17024, 9.4: whoever examined has no hand in the decision, and publishing is one.

    A chair publishes by the rules that they would vote by, save that they need not have been at the meeting.
    """
    why = standing.barred(by.id)
    if why is Barred.CONFLICTED:
        raise ConflictOfInterest("A conflict of interest keeps you from publishing this decision.")
    if why not in (None, Barred.UNDECLARED, Barred.ABSENT):
        raise PublicationBarred(
            "Whoever had a part in this case leaves its publication to another chair.",
            why=why.value,
            reason={"it": why.reason.it, "en": why.reason.en},
        )
    dossiers.require_clear(session, dossier, by.id)


def _thresholds_met(session: Session, dossier: Dossier, at: datetime) -> bool:
    """I6: the scores pass, and the dossier was admitted on a path that it satisfies, or by derogation.

    As of the day it was handed in: what is missing then is not made up for by waiting.
    """
    found = assessments.result_of(session, dossier)
    if found is None or found.computed.outcome is not ComputedOutcome.PASS:
        return False
    return dossier.derogation is not None or dossier.admission_path in admission.paths(
        session, dossier, at=at
    )


def _refuse(faults: Sequence[PublicationFault], *, missing: int) -> None:
    """Answer with the first fault, and name them all."""
    if faults:
        raise _REFUSALS[faults[0].code](
            f"The decision cannot be published: {faults[0].detail.en}.",
            errors=[
                {"code": fault.code, "detail": {"it": fault.detail.it, "en": fault.detail.en}}
                for fault in faults
            ],
            **({"missing": missing} if missing else {}),
        )


def _record(
    session: Session, decision: Decision, topic: str, *, by: Actor, at: datetime, **facts: JsonValue
) -> None:
    trail.record(
        session,
        topic,
        organisation_id=decision.organisation_id,
        by=by.id,
        at=at,
        about={
            "dossier": decision.dossier_id,
            "decision": decision.id,
            "meeting": decision.meeting_id,
        },
        facts=facts,
    )
