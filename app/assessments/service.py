"""Judging a dossier: assessors are assigned, declare, score apart from each other, and come to a result."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.assessments import eligibility, queries
from app.assessments.errors import (
    AssessmentSubmitted,
    AssessorsEnough,
    AssignedAlready,
    NotYourAssessment,
    ScoresNotAcceptable,
)
from app.assessments.models import Assessment, Assignment, AssignmentStatus, InterviewStatus, ScoreRow
from app.assessments.rules import (
    MOST_ASSESSORS,
    ComputedOutcome,
    Opinion,
    Result,
    Score,
    ScoreFault,
    assessment_faults,
    conclude,
    score_faults,
    third_needed,
    written,
)
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.errors import DossierNotMovable
from app.dossiers.models import Declaration, Dossier, DossierStatus
from app.dossiers.rules import ConflictKind
from app.organisations import queries as organisation_queries
from app.organisations.rules import Actor, Role
from app.organisations.service import today_of
from app.outbox import trail
from app.schemes.judgement import Flag

ASSIGNABLE: Final = (DossierStatus.ADMITTED, DossierStatus.IN_ASSESSMENT)


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration, and the assessment that it opened, if it did."""

    declaration: Declaration
    assessment: Assessment | None


def assign(session: Session, dossier_id: str, *, assessor_id: str, by: Actor, at: datetime) -> Assignment:
    """Give a dossier to an assessor, who reads nothing of it before declaring."""
    dossier = dossier_queries.locked(session, dossier_id)
    eligibility.refuse_own(dossier, by)
    require_status(dossier, *ASSIGNABLE)
    if queries.assignment_of(session, dossier.id, assessor_id) is not None:
        raise AssignedAlready("The dossier was given to this assessor already.")
    today = today_of(session, dossier.organisation_id, at)
    _replace_departed(session, dossier, on=today, by=by.id, at=at)
    if len(queries.accepted_assignments(session, dossier.id)) >= MOST_ASSESSORS:
        raise AssessorsEnough(f"A dossier has {MOST_ASSESSORS} assessors at most.")
    eligibility.require_judge(session, dossier, assessor_id, on=today, declared=False, at=at)
    assignment = Assignment(
        id=new_id("asg"),
        organisation_id=dossier.organisation_id,
        dossier_id=dossier.id,
        assessor_id=assessor_id,
        status=AssignmentStatus.COI_PENDING,
        assigned_by=by.id,
        assigned_at=at,
    )
    session.add(assignment)
    session.flush()
    dossiers.call(session, dossier, assessor_id, by=by.id, at=at)
    record(session, dossier, "assignment.made", by=by.id, at=at, about={"assignment": assignment.id})
    if dossier_queries.declaration_of(session, dossier.id, assessor_id) is not None:
        _accept(session, dossier, assignment, by=by.id, at=at)  # they declared before they were asked
    return assignment


def declare(
    session: Session,
    dossier_id: str,
    *,
    kind: ConflictKind,
    ended_on: date | None,
    note: str | None,
    by: Actor,
    at: datetime,
) -> Declared:
    """Declare one's ties to the candidate; an assessor's assignment follows from it at once."""
    declaration = dossiers.declare(session, dossier_id, kind=kind, ended_on=ended_on, note=note, by=by, at=at)
    dossier = dossier_queries.locked(session, dossier_id)
    assignment = queries.assignment_of(session, dossier.id, by.id)
    if assignment is None:
        return Declared(declaration, None)
    if declaration.conflicted:
        assignment.status = AssignmentStatus.CONFLICTED
        record(session, dossier, "assignment.ended", by=by.id, at=at, about={"assignment": assignment.id})
        return Declared(declaration, None)
    return Declared(declaration, _accept(session, dossier, assignment, by=by.id, at=at))


def score(
    session: Session, assessment_id: str, *, scores: Sequence[Score], by: Actor, at: datetime
) -> Assessment:
    """Write one's scores down, in place of those that were there; nobody else sees them yet."""
    assessment, dossier = _own_open(session, assessment_id, by)
    evidence = {item.id for item in dossier.evidence}
    refuse_scores(score_faults(dossiers.scheme_of(dossier), scores, evidence))
    assessment.scores.clear()
    session.flush()  # the old rows go first: a criterion has one row
    assessment.scores.extend(
        ScoreRow(
            organisation_id=assessment.organisation_id,
            criterion=given.criterion,
            points=written(given.value),
            comment=given.comment,
            evidence=list(given.evidence),
        )
        for given in scores
    )
    record(
        session,
        dossier,
        "assessment.scored",
        by=by.id,
        at=at,
        about={"assessment": assessment.id},
        facts={"criteria": len(scores)},
    )
    session.flush()
    return assessment


def submit(
    session: Session, assessment_id: str, *, flags: Collection[Flag], by: Actor, at: datetime
) -> Assessment:
    """Hand one's assessment in for good; the last one in brings the round to its result."""
    assessment, dossier = _own_open(session, assessment_id, by)
    evidence = {item.id for item in dossier.evidence}
    given = [Score(row.criterion, row.value, row.comment, tuple(row.evidence)) for row in assessment.scores]
    refuse_scores(assessment_faults(dossiers.scheme_of(dossier), given, evidence))
    assessment.flags = sorted(flag.value for flag in flags)
    assessment.submitted_at = at
    session.flush()
    record(
        session,
        dossier,
        "assessment.submitted",
        by=by.id,
        at=at,
        about={"assessment": assessment.id},
        facts={
            "round": assessment.round,
            "content": trail.salted_digest(assessment.salt, trail.canonical(content_of(assessment))),
        },
    )
    _settle(session, dossier, by=by.id, at=at)
    return assessment


def content_of(assessment: Assessment) -> JsonValue:
    """Give all that an assessor said, in one order: what digests are taken of."""
    return {
        "assessment": assessment.id,
        "assessor": assessment.assessor_id,
        "round": assessment.round,
        "flags": list[JsonValue](assessment.flags),
        "scores": [
            {
                "criterion": row.criterion,
                "points": row.points,
                "comment": row.comment,
                "evidence": list[JsonValue](row.evidence),
            }
            for row in sorted(assessment.scores, key=lambda row: row.criterion)
        ],
    }


def begin_round(session: Session, dossier: Dossier, *, by: str, at: datetime) -> None:
    """Judge a deferred dossier anew: a further round, with a fresh assessment for each of its assessors."""
    dossier.round += 1
    dossier.move_to(DossierStatus.IN_ASSESSMENT, by=by, at=at)
    _replace_departed(session, dossier, on=today_of(session, dossier.organisation_id, at), by=by, at=at)
    for assignment in queries.accepted_assignments(session, dossier.id):
        _open(session, dossier, assignment)
    record(session, dossier, "assessment.begun", by=by, at=at, facts={"round": dossier.round})
    session.flush()


def result_of(session: Session, dossier: Dossier, round_: int | None = None) -> Result | None:
    """Work out what a round came to, from its rows; None while anybody's scores are missing.

    The present round, unless an earlier one is named: what it came to can always be shown again.
    """
    number = round_ or dossier.round
    opinions = opinions_of(session, dossier, number)
    if opinions is None:
        return None
    interview = queries.interview_in(session, dossier.id, number)
    held = interview if interview is not None and interview.status == InterviewStatus.HELD else None
    return conclude(dossiers.scheme_of(dossier), number, opinions, None if held is None else held.rescored)


def needs_third(session: Session, dossier: Dossier) -> bool:
    """Tell whether all scores are in and so far apart that a third assessor must be assigned."""
    opinions = opinions_of(session, dossier, dossier.round)
    return opinions is not None and third_needed(dossiers.scheme_of(dossier), opinions)


def opinions_of(session: Session, dossier: Dossier, round_: int) -> list[Opinion] | None:
    """Give what the assessors of a round handed in, or None while any of them has not."""
    assessments = queries.assessments_in(session, dossier.id, round_)
    least = dossiers.scheme_of(dossier).assessment.assessors.min
    if len(assessments) < least or any(found.submitted_at is None for found in assessments):
        return None
    return [
        Opinion(
            {row.criterion: row.value for row in found.scores}, frozenset(Flag(flag) for flag in found.flags)
        )
        for found in assessments
    ]


def require_status(dossier: Dossier, *allowed: DossierStatus) -> None:
    """Insist that a dossier is where this step is taken."""
    if dossier.status not in allowed:
        raise DossierNotMovable(
            f"This is done while a dossier is {' or '.join(allowed)}; this one is {dossier.status}.",
            status_of_dossier=str(dossier.status),
        )


def refuse_scores(faults: Sequence[ScoreFault]) -> None:
    """Answer with every fault at once, each in both languages."""
    if faults:
        raise ScoresNotAcceptable(
            "See `errors` for each score that cannot stand.",
            errors=[
                {
                    "criterion": fault.criterion,
                    "code": fault.code,
                    "detail": {"it": fault.detail.it, "en": fault.detail.en},
                }
                for fault in faults
            ],
        )


def record(
    session: Session,
    dossier: Dossier,
    topic: str,
    *,
    by: str,
    at: datetime,
    about: Mapping[str, str] | None = None,
    facts: Mapping[str, JsonValue] | None = None,
) -> None:
    """Write a step down in the trail, under the dossier it concerns."""
    trail.record(
        session,
        topic,
        organisation_id=dossier.organisation_id,
        by=by,
        at=at,
        about={"dossier": dossier.id, **(about or {})},
        facts=facts,
    )


def _own_open(session: Session, assessment_id: str, by: Actor) -> tuple[Assessment, Dossier]:
    assessment = queries.assessment(session, assessment_id)
    if assessment.assessor_id != by.id:
        raise NotYourAssessment("Only the assessor writes in an assessment.")
    # The dossier's row makes the assessors of a case take turns, so that one of them is the last.
    dossier = dossier_queries.locked(session, assessment.dossier_id)
    session.refresh(assessment)
    if assessment.submitted_at is not None:
        raise AssessmentSubmitted("The assessment was handed in and no longer changes.")
    require_status(dossier, DossierStatus.IN_ASSESSMENT)
    dossiers.require_clear(session, dossier, by.id)
    return assessment, dossier


def _accept(
    session: Session, dossier: Dossier, assignment: Assignment, *, by: str, at: datetime
) -> Assessment | None:
    """Let an assessor begin; with enough of them the dossier is in assessment."""
    if len(queries.accepted_assignments(session, dossier.id)) >= MOST_ASSESSORS:
        assignment.status = AssignmentStatus.REPLACED  # others declared while this one was waited for
        record(session, dossier, "assignment.ended", by=by, at=at, about={"assignment": assignment.id})
        return None
    assignment.status = AssignmentStatus.ACCEPTED
    record(session, dossier, "assignment.accepted", by=by, at=at, about={"assignment": assignment.id})
    # Whoever declares after the round was settled waits for the next one, if there is one.
    opened = _open(session, dossier, assignment) if dossier.status in ASSIGNABLE else None
    session.flush()
    accepted = queries.accepted_assignments(session, dossier.id)
    enough = len(accepted) >= dossiers.scheme_of(dossier).assessment.assessors.min
    if dossier.status == DossierStatus.ADMITTED and enough:
        dossier.move_to(DossierStatus.IN_ASSESSMENT, by=trail.SYSTEM, at=at)
        record(session, dossier, "assessment.begun", by=by, at=at, facts={"round": dossier.round})
        session.flush()
    return opened


def _replace_departed(session: Session, dossier: Dossier, *, on: date, by: str, at: datetime) -> None:
    """Let nobody wait for an assessor who is one no longer: without scores handed in, their place is free."""
    assessors = organisation_queries.holders_of(session, [Role.ASSESSOR], on)
    present = queries.assessments_in(session, dossier.id, dossier.round)
    for assignment in queries.accepted_assignments(session, dossier.id):
        found = next((one for one in present if one.assignment_id == assignment.id), None)
        if assignment.assessor_id in assessors or (found is not None and found.submitted_at is not None):
            continue
        assignment.status = AssignmentStatus.REPLACED
        if found is not None:
            session.delete(found)
        record(session, dossier, "assignment.ended", by=by, at=at, about={"assignment": assignment.id})
    session.flush()


def _open(session: Session, dossier: Dossier, assignment: Assignment) -> Assessment:
    assessment = Assessment(
        id=new_id("asm"),
        organisation_id=dossier.organisation_id,
        assignment_id=assignment.id,
        dossier_id=dossier.id,
        assessor_id=assignment.assessor_id,
        round=dossier.round,
        flags=[],
        submitted_at=None,
        salt=trail.new_salt(),
    )
    session.add(assessment)
    return assessment


def _settle(session: Session, dossier: Dossier, *, by: str, at: datetime) -> None:
    """Move a dossier on when its round is complete; the rules decide where to, not whoever came last."""
    if needs_third(session, dossier):
        record(session, dossier, "assessment.diverged", by=by, at=at, facts={"round": dossier.round})
        return
    found = result_of(session, dossier)
    if found is None:
        return
    heard = found.computed.outcome is ComputedOutcome.INTERVIEW
    dossier.move_to(
        DossierStatus.INTERVIEW if heard else DossierStatus.READY_FOR_DECISION, by=trail.SYSTEM, at=at
    )
    record(
        session,
        dossier,
        "assessment.completed",
        by=by,
        at=at,
        facts={"round": found.round, "outcome": found.computed.outcome.value},
    )
    session.flush()
