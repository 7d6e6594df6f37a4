"""Hearing the candidate: an interview is booked, held with minutes and scores given again, or cancelled."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.assessments import eligibility, queries
from app.assessments.errors import (
    InterviewBookedAlready,
    InterviewNotAcceptable,
    InterviewNotBooked,
    InterviewNotYet,
    NotYourInterview,
)
from app.assessments.models import Interview, InterviewStatus, Panelist
from app.assessments.rules import rescore_faults, written
from app.assessments.service import record, refuse_scores, require_status
from app.core.days import local_day
from app.core.ids import new_id
from app.dossiers import queries as dossier_queries
from app.dossiers import service as dossiers
from app.dossiers.models import Dossier, DossierStatus
from app.organisations import queries as organisation_queries
from app.organisations.rules import Actor, Role
from app.outbox import trail

OFFICE: Final = (Role.SECRETARIAT, Role.SCHEME_MANAGER)


def book(
    session: Session,
    dossier_id: str,
    *,
    panel: Sequence[str],
    starts_at: datetime,
    remote: bool,
    short_notice_agreed: bool,
    by: Actor,
    at: datetime,
) -> Interview:
    """Call the candidate to an interview, with the notice that the scheme promises them."""
    dossier = dossier_queries.locked(session, dossier_id)
    eligibility.refuse_own(dossier, by)
    _require_panel_or_office(by, panel)
    require_status(dossier, DossierStatus.INTERVIEW)
    if queries.interview_in(session, dossier.id, dossier.round) is not None:
        raise InterviewBookedAlready("An interview is booked; cancel it to book another.")
    rules = dossiers.scheme_of(dossier).assessment.interview
    zone = ZoneInfo(organisation_queries.organisation(session, dossier.organisation_id).time_zone)
    day = local_day(starts_at, zone)
    notice = (day - local_day(at, zone)).days
    faults = {
        "panel-too-small": len(set(panel)) < rules.panel_min,
        "remote-not-offered": remote and not rules.remote,
        "in-the-past": notice < 0,
        "notice-too-short": notice < rules.notice_days and not short_notice_agreed,
    }
    why = next((fault for fault, holds in faults.items() if holds), None)
    if why is not None:
        raise InterviewNotAcceptable(
            f"The interview is not as the scheme asks: {why}.",
            why=why,
            panel_min=rules.panel_min,
            notice_days=rules.notice_days,
        )
    for person_id in panel:
        eligibility.require_judge(session, dossier, person_id, on=day, declared=True, at=at)
    interview = Interview(
        id=new_id("int"),
        organisation_id=dossier.organisation_id,
        dossier_id=dossier.id,
        round=dossier.round,
        at=starts_at,
        remote=remote,
        short_notice_agreed=short_notice_agreed,
        status=InterviewStatus.BOOKED,
        salt=trail.new_salt(),
        panel=[
            Panelist(organisation_id=dossier.organisation_id, person_id=person_id)
            for person_id in sorted(set(panel))
        ],
    )
    session.add(interview)
    session.flush()
    record(session, dossier, "interview.booked", by=by.id, at=at, about={"interview": interview.id})
    return interview


def hold(
    session: Session,
    interview_id: str,
    *,
    minutes: str,
    rescores: Sequence[tuple[str, Decimal]],
    by: Actor,
    at: datetime,
) -> Interview:
    """Put an interview on record; what the panel scored anew takes the place of the consensus.

    Only somebody of the panel does, since scores are given by those who judge and by nobody else.
    """
    interview, dossier = _booked(session, interview_id, by)
    if by.id not in _seated(interview):
        raise NotYourInterview("An interview is put on record by its panel.")
    dossiers.require_clear(session, dossier, by.id)
    if at < interview.at:
        raise InterviewNotYet("The interview has not begun: there is nothing to put on record.")
    refuse_scores(rescore_faults(dossiers.scheme_of(dossier), rescores))
    interview.status = InterviewStatus.HELD
    interview.minutes = minutes
    interview.rescores = {criterion: written(value) for criterion, value in rescores}
    interview.recorded_by = by.id
    interview.held_at = at
    dossier.move_to(DossierStatus.READY_FOR_DECISION, by=trail.SYSTEM, at=at)
    record(
        session,
        dossier,
        "interview.held",
        by=by.id,
        at=at,
        about={"interview": interview.id},
        facts={
            "minutes": trail.salted_digest(interview.salt, minutes),
            "rescored": len(rescores),
        },
    )
    session.flush()
    return interview


def cancel(session: Session, interview_id: str, *, by: Actor, at: datetime) -> Interview:
    """Call an interview off; another can be booked in its place."""
    interview, dossier = _booked(session, interview_id, by)
    interview.status = InterviewStatus.CANCELLED
    record(session, dossier, "interview.cancelled", by=by.id, at=at, about={"interview": interview.id})
    session.flush()
    return interview


def _booked(session: Session, interview_id: str, by: Actor) -> tuple[Interview, Dossier]:
    interview = queries.interview(session, interview_id)
    dossier = dossier_queries.locked(session, interview.dossier_id)
    session.refresh(interview)
    eligibility.refuse_own(dossier, by)
    _require_panel_or_office(by, _seated(interview))
    if interview.status != InterviewStatus.BOOKED:
        raise InterviewNotBooked(f"The interview is {interview.status}.")
    require_status(dossier, DossierStatus.INTERVIEW)
    return interview, dossier


def _seated(interview: Interview) -> list[str]:
    return [seat.person_id for seat in interview.panel]


def _require_panel_or_office(by: Actor, panel: Sequence[str]) -> None:
    if by.id not in panel and not by.has(*OFFICE):
        raise NotYourInterview("An interview is arranged by its panel or by the office.")
