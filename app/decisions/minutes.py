"""Minutes: a person puts a committee on record that decided elsewhere, with the evidence of its quorum."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import EVERY_ORGANISATION
from app.core.ids import new_id
from app.decisions.errors import MeetingNotHeld, MinutesNotFound, MinutesWrong, NoQuorum
from app.decisions.models import Meeting, Minutes
from app.decisions.rules import Tally, outcome, quorum_needed
from app.dossiers import forgetting, intake
from app.dossiers.errors import FileInfected
from app.dossiers.intake import Offered
from app.organisations.idempotency import ANEW, Once
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.outbox import trail
from app.ports import Ports, ScanResult
from app.schemes.catalogue import catalogue
from app.schemes.judgement import DecisionOutcome, DecisionRules


@dataclass(frozen=True, slots=True)
class Stated:
    """What signed minutes state of a meeting, as a person read it there."""

    scheme: str
    held_on: date
    members: int
    eligible: int
    present: int
    decisions: int
    language: str


def record(
    ports: Ports, stated: Stated, offered: Offered, *, by: Actor, at: datetime, once: Once = ANEW
) -> Minutes:
    """Put minutes on record with their file, if the meeting was quorate by the scheme of that day.

    ISO/IEC 17024, 4.2: that a committee decided is vouched for by a person, never by a machine. No figure is
    taken back afterwards, and the scheme version in force on the day holds for every decision imported by it.
    The file is taken in as evidence is, with no transaction open.
    """
    with ports.database.reading(by.organisation_id) as session:
        if stated.held_on > today_of(session, by.organisation_id, at):
            raise MeetingNotHeld("Minutes are recorded once the meeting was held.")
    scheme = catalogue().in_force(stated.scheme, stated.held_on)
    needed = _require_quorum(stated, scheme.decision)
    kept = intake.take_in(ports, offered, scheme.files, 0)
    infected = kept.scan is ScanResult.INFECTED
    with ports.database.writing(by.organisation_id) as session:
        if infected:
            forgetting.leave(session, kept.stored.sha256, organisation_id=by.organisation_id, at=at)
        else:
            once.claim(session)
            meeting = Meeting(
                id=new_id("mtg"),
                organisation_id=by.organisation_id,
                held_on=stated.held_on,
                recorded_by=by.id,
                recorded_at=at,
            )
            session.add(meeting)
            session.flush()
            minutes = Minutes(
                id=new_id("min"),
                organisation_id=by.organisation_id,
                meeting_id=meeting.id,
                scheme_id=scheme.id,
                scheme_version=scheme.version,
                scheme_digest=scheme.digest,
                held_on=stated.held_on,
                members=stated.members,
                eligible=stated.eligible,
                present=stated.present,
                needed=needed,
                decisions=stated.decisions,
                language=stated.language,
                sha256=kept.stored.sha256,
                size=kept.stored.size,
                media_type=kept.recognised.type.media_type,
                scan=kept.scan.value,
                recorded_by=by.id,
                recorded_at=at,
            )
            session.add(minutes)
            session.flush()
            _tell(session, minutes, at=at)
            session.flush()
            once.keep(session, minutes)
    if infected:
        raise FileInfected("The scanner found malicious code in this file. Nothing was recorded.")
    return minutes


def _require_quorum(stated: Stated, rules: DecisionRules) -> int:
    """I5, for a meeting of which nobody here knows the members: the figures agree, and enough were there."""
    if not stated.present <= stated.eligible <= stated.members:
        raise MinutesWrong("No more are present than may vote, and no more may vote than are members.")
    needed = quorum_needed(stated.eligible, rules)
    if stated.present < needed:
        raise NoQuorum(
            f"{needed} voters must be present, the minutes state {stated.present}.",
            needed=needed,
            present=stated.present,
        )
    return needed


def _tell(session: Session, minutes: Minutes, *, at: datetime) -> None:
    trail.record(
        session,
        "minutes.recorded",
        organisation_id=minutes.organisation_id,
        by=minutes.recorded_by,
        at=at,
        about={"minutes": minutes.id, "meeting": minutes.meeting_id},
        facts={
            "scheme": minutes.scheme_digest,
            "held_on": minutes.held_on.isoformat(),
            "members": minutes.members,
            "eligible": minutes.eligible,
            "present": minutes.present,
            "needed": minutes.needed,
            "decisions": minutes.decisions,
            "sha256": minutes.sha256,
        },
    )


def by_id(session: Session, minutes_id: str, *, lock: bool = False) -> Minutes:
    """Find minutes; `lock` them where something hangs on how many decisions were imported by them."""
    query = select(Minutes).where(Minutes.id == minutes_id)
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise MinutesNotFound("There are no such minutes here.")
    return found


def names(session: Session, sha256: str) -> bool:
    """Tell whether minutes of any organisation name these bytes."""
    query = select(Minutes.id).where(Minutes.sha256 == sha256).limit(1)
    return session.scalars(query, execution_options=EVERY_ORGANISATION).first() is not None


def fault_of(counted: Tally, minutes: Minutes, rules: DecisionRules) -> str | None:
    """Say why votes that were counted elsewhere grant nothing, or None where they do (I5, I6).

    Whoever abstained was there and has spoken, so they count for the quorum and not for the majority.
    """
    spoke = counted.cast + counted.abstain
    if spoke > minutes.present:
        return "votes-not-countable"
    if spoke < minutes.needed:
        return "no-quorum"
    return None if outcome(counted, rules) is DecisionOutcome.GRANT else "no-majority"
