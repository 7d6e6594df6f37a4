"""Reads of meetings and decisions: who stands where on a case, and the case file that a decision pins."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assessments import queries as assessment_queries
from app.assessments import service as assessments
from app.assessments.rules import Result, written
from app.core import columns
from app.core.errors import JsonValue, Problem
from app.decisions.errors import (
    DecisionNotFound,
    DecisionNotGranted,
    DecisionNotPublished,
    MeetingNotFound,
)
from app.decisions.models import Decision, DecisionStatus, Meeting, Vote
from app.decisions.rules import Choice, Standing, separated
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.models import Dossier
from app.organisations import queries as organisation_queries
from app.organisations.rules import COMMITTEE
from app.outbox import trail
from app.schemes.judgement import DecisionOutcome

_NO_DECISION = "There is no such decision here."


def meeting(session: Session, meeting_id: str) -> Meeting:
    found = session.get(Meeting, meeting_id)
    if found is None:
        raise MeetingNotFound("There is no such meeting here.")
    return found


def locked_meeting(session: Session, meeting_id: str) -> Meeting:
    """Read a meeting and hold its row: its cases bear on each other, so they take turns."""
    found = session.get(Meeting, meeting_id, with_for_update=True)
    if found is None:
        raise MeetingNotFound("There is no such meeting here.")
    return found


def by_id(session: Session, decision_id: str) -> Decision:
    found = session.get(Decision, decision_id)
    if found is None:
        raise DecisionNotFound(_NO_DECISION)
    return found


def locked(session: Session, decision_id: str) -> Decision:
    """Read a decision and hold its row until the transaction ends, so that votes and publications queue."""
    found = session.get(Decision, decision_id, with_for_update=True)
    if found is None:
        raise DecisionNotFound(_NO_DECISION)
    return found


@dataclass(frozen=True, slots=True)
class Grant:
    """What a published grant says: who may have which credential."""

    id: str
    holder_id: str
    scheme_id: str
    scheme_version: str
    published_at: datetime | None


_DECISION, _DOSSIER = columns.table(Decision), columns.table(Dossier)
_GRANTED: Final = (
    select(
        _DECISION.c.id,
        _DECISION.c.status,
        _DECISION.c.outcome,
        _DECISION.c.scheme_id,
        _DECISION.c.scheme_version,
        _DECISION.c.published_at,
        _DOSSIER.c.applicant_id,
    )
    .join(_DOSSIER, _DOSSIER.c.id == _DECISION.c.dossier_id)
    .where(columns.inside(_DECISION), columns.among(_DECISION.c.id, "ids"))
    .order_by(_DECISION.c.id)
    .with_for_update(of=_DECISION)
)


def granted(session: Session, decision_ids: Collection[str]) -> Mapping[str, Grant | Problem]:
    """Give published grants, their rows held: whoever turns them into credentials does so one at a time.

    Of what is no such thing, it says why.
    """
    found: dict[str, Grant | Problem] = {name: DecisionNotFound(_NO_DECISION) for name in decision_ids}
    for row in columns.read(session, _GRANTED, ids=[*found]):
        if row.status != DecisionStatus.PUBLISHED:
            found[row.id] = DecisionNotPublished("The decision is not published yet.", decision=row.id)
        elif row.outcome != DecisionOutcome.GRANT:
            found[row.id] = DecisionNotGranted(
                "The committee did not grant: nothing can be issued from this decision.", decision=row.id
            )
        else:
            found[row.id] = Grant(
                row.id, row.applicant_id, row.scheme_id, row.scheme_version, row.published_at
            )
    return found


def standing_decision(session: Session, dossier_id: str, round_: int) -> Decision | None:
    """Find the decision of a round, open or published."""
    query = select(Decision).where(
        Decision.dossier_id == dossier_id,
        Decision.round == round_,
        Decision.status != DecisionStatus.ADJOURNED,
    )
    return session.scalars(query).first()


def taken_elsewhere(session: Session, dossier: Dossier) -> bool:
    """Tell whether nobody here judged the dossier: its decision was imported."""
    decided = standing_decision(session, dossier.id, dossier.round)
    return decided is not None and decided.minutes_id is not None


def last_published(session: Session, dossier_id: str) -> Decision:
    """Find what was last decided of a dossier."""
    query = select(Decision).where(
        Decision.dossier_id == dossier_id, Decision.status == DecisionStatus.PUBLISHED
    )
    found = session.scalars(query.order_by(Decision.round.desc())).first()
    if found is None:
        raise DecisionNotFound("Nothing has been decided of this dossier yet.")
    return found


def votes_on(session: Session, decision_id: str) -> Mapping[str, Choice]:
    rows = session.scalars(select(Vote).where(Vote.decision_id == decision_id).order_by(Vote.id))
    return {row.member_id: Choice(row.choice) for row in rows}


def others_in(session: Session, meeting_id: str, dossier_id: str) -> Sequence[Decision]:
    """List the decisions of a meeting on other dossiers."""
    query = select(Decision).where(
        Decision.meeting_id == meeting_id,
        Decision.dossier_id != dossier_id,
        Decision.status != DecisionStatus.ADJOURNED,
    )
    return session.scalars(query.order_by(Decision.id)).all()


def standing(session: Session, decision: Decision) -> Standing:
    """Tell who is who on a case: the committee in office on the day of the meeting, and what bars whom.

    "Who scored does not vote" is read as the scheme writes it: whoever scored or interviewed in this case
    never votes on it, and where separation is strict, whoever did so in any case of the same meeting does
    not either.
    """
    dossier = dossier_queries.by_id(session, decision.dossier_id)
    held = meeting(session, decision.meeting_id)
    declarations = dossier_queries.declarations(session, dossier.id)
    judged_others = frozenset[str]().union(
        *(
            assessment_queries.judges_of(session, other.dossier_id, other.round)
            for other in others_in(session, held.id, dossier.id)
        )
    )
    # A rival for the same credential has an interest in the case, declared or not (invariant I9).
    rivals = assessment_queries.candidates_of(session, dossier.scheme_id, decision.opened_at)
    return Standing(
        in_office=organisation_queries.holders_of(session, COMMITTEE, held.held_on),
        conflicted=rivals | {said.person_id for said in declarations if said.conflicted},
        separated=separated(
            dossiers.scheme_of(dossier).decision,
            assessment_queries.judges_of(session, dossier.id, decision.round),
            judged_others,
        ),
        applicant=dossier.applicant_id,
        declared_clear=frozenset(said.person_id for said in declarations if not said.conflicted),
        present=frozenset(seat.person_id for seat in held.present),
    )


def case_file(session: Session, dossier: Dossier, round_: int | None = None) -> JsonValue:
    """Put together all that a decision rests on, up to its round; the same rows always give the same file.

    The declarations in it are those of the people who judged. What others declare on their way to the vote
    comes later, and is no part of what they vote on.
    """
    number = round_ or dossier.round
    judged = [found for found in assessment_queries.assessments(session, dossier.id) if found.round <= number]
    heard = [found for found in assessment_queries.interviews(session, dossier.id) if found.round <= number]
    judges = {found.assessor_id for found in judged}
    judges |= {seat.person_id for interview in heard for seat in interview.panel}
    found = assessments.result_of(session, dossier, number)
    return {
        "dossier": dossier_queries.snapshot(dossier),
        "snapshot_hash": dossier.snapshot_hash,
        "admission": {"path": dossier.admission_path, "derogation": dossier.derogation},
        "round": number,
        "declarations": [
            {
                "id": said.id,
                "person": said.person_id,
                "kind": said.kind,
                "ended_on": said.ended_on.isoformat() if said.ended_on else None,
                "conflicted": said.conflicted,
            }
            for said in dossier_queries.declarations(session, dossier.id)
            if said.person_id in judges
        ],
        "assessments": [
            {"assignment": one.assignment_id, "content": assessments.content_of(one)} for one in judged
        ],
        "interviews": [
            {
                "interview": one.id,
                "round": one.round,
                "panel": list[JsonValue](sorted(seat.person_id for seat in one.panel)),
                "minutes": one.minutes,
                "rescores": dict[str, JsonValue](one.rescores or {}),
                "recorded_by": one.recorded_by,
            }
            for one in heard
        ],
        "result": None if found is None else result_as_json(found),
    }


def case_file_hash(session: Session, dossier: Dossier, round_: int) -> str:
    return trail.digest(case_file(session, dossier, round_))


def result_as_json(found: Result) -> dict[str, JsonValue]:
    """Write a result down as decisions keep it."""
    return {
        "round": found.round,
        "total": written(found.computed.total),
        "outcome": found.computed.outcome.value,
        "failed": list[JsonValue](found.computed.failed),
        "flags": [flag.value for flag in found.flags],
        "consensus": {criterion: written(points) for criterion, points in found.scores.items()},
        "interviewed": found.interviewed,
    }
