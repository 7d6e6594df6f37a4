"""Decisions that a committee took elsewhere are entered here, by the minutes that state them.

Each becomes a published grant like any other: of a person, in a dossier that says where it was decided,
pinned to the scheme version of that day. Its case file is the row itself. Nobody here has judged it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.batches import granting, members, queries
from app.batches.members import Written
from app.batches.reading import Row
from app.batches.rules import Kind, Outcome, RowState, failed
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.credentials.errors import OwnCredential
from app.decisions import minutes as minutes_taken
from app.decisions.models import Decision, DecisionStatus, Minutes
from app.dossiers.models import Dossier, DossierStatus, DossierStep
from app.organisations import queries as organisations
from app.organisations.errors import MembershipNotValid, MembershipNumberTaken
from app.organisations.models import Person
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.outbox import trail
from app.schemes.catalogue import catalogue
from app.schemes.judgement import DecisionOutcome
from app.schemes.scheme import Scheme

ANOTHER_NAME: Final = "person-of-another-name"
TOO_MANY: Final = "too-many"


@dataclass(frozen=True, slots=True)
class _Known:
    """Who is there already, whom rows may mean."""

    by_number: Mapping[str, tuple[Any, Person]]
    by_external_id: Mapping[str, Person]
    held: Mapping[str, set[str]]
    in_force: Collection[str]
    scheme: Scheme
    today: date
    recorded_by: str
    by: Actor


def enter(
    session: Session,
    rows: Sequence[Row],
    minutes_id: str,
    written: Written,
    *,
    spoken_for: int,
    by: Actor,
    at: datetime,
) -> list[Outcome]:
    """Enter decisions; each is begun, and its credential is to be issued.

    The minutes' row is held meanwhile: whatever imports by them takes turns, and no more is imported than
    they state. `spoken_for` is how many a dry run has counted before.
    """
    minutes = minutes_taken.by_id(session, minutes_id, lock=True)
    imported = select(func.count()).select_from(Decision).where(Decision.minutes_id == minutes.id)
    left = minutes.decisions - (session.scalar(imported) or 0) - spoken_for
    known = _known(session, rows, minutes, by=by, at=at)
    outcomes: list[Outcome] = []
    for row in rows:
        outcome = _judged(row, known) if left > 0 else failed(TOO_MANY)
        if outcome.state is RowState.BEGUN:
            left -= 1
            person = outcome.made or members.write_person(row, written, at=at)
            made = _write(row, person, minutes, written, by=by, at=at)
            outcome = Outcome(RowState.BEGUN, made, effect=True)
            known.held.get(made["person"], set()).add(known.scheme.id)
        outcomes.append(outcome)
    return outcomes


def _known(session: Session, rows: Sequence[Row], minutes: Minutes, *, by: Actor, at: datetime) -> _Known:
    by_number = members.known_members(session, members.numbers_of(rows))
    names = [row["external_id"] for row in rows]
    entered = {
        name: made["person"]
        for name, made in queries.made_before(session, Kind.MEMBERS, names).items()
        if "person" in made
    }
    people = {
        person.id: person
        for person in session.scalars(select(Person).where(Person.id.in_(set(entered.values()))))
    }
    by_external_id = {name: people[person] for name, person in entered.items() if person in people}
    ids = {person.id for person in by_external_id.values()} | {person.id for _, person in by_number.values()}
    today = today_of(session, by.organisation_id, at)
    return _Known(
        by_number,
        by_external_id,
        {person: set[str]() for person in ids} | granting.open_credentials(session, ids),
        organisations.members_on(session, ids, today),
        catalogue().version(minutes.scheme_id, minutes.scheme_version),
        today,
        minutes.recorded_by,
        by,
    )


def _judged(row: Row, known: _Known) -> Outcome:
    """Find whom a row means, and what keeps them from the credential; nobody stands for a new person."""
    membership = row.get("membership")
    _, member = known.by_number.get(membership["number"], (None, None)) if membership else (None, None)
    entered = known.by_external_id.get(row["external_id"])
    person = member or entered
    if person is None:
        return _newcomer(membership, known)
    if member is not None and entered is not None and member.id != entered.id:
        return failed(MembershipNumberTaken.code)
    if _called(row["given_name"], row["family_name"]) != _called(person.given_name, person.family_name):
        return failed(ANOTHER_NAME)
    if person.id == known.recorded_by:  # by what they put on record themselves
        return failed(OwnCredential.code, person=person.id)
    if code := granting.barred(person.id, known.scheme, known.held, known.in_force, known.by):
        return failed(code, person=person.id)
    return Outcome(RowState.BEGUN, {"person": person.id})


def _called(given_name: str, family_name: str) -> tuple[str, str]:
    return given_name.casefold(), family_name.casefold()


def _newcomer(membership: Mapping[str, str] | None, known: _Known) -> Outcome:
    if members.is_inverted(membership):
        return failed(members.INVERTED)
    if membership is not None and "from" not in membership:
        return failed("membership-not-found")
    rules = known.scheme.admission.membership
    today = known.today.isoformat()
    stands = membership is not None and membership["from"] <= today <= membership.get("to", today)
    if rules.required and "issuance" in rules.at and not stands:
        return failed(MembershipNotValid.code)
    return Outcome(RowState.BEGUN)


def _write(
    row: Row, person: Mapping[str, str], minutes: Minutes, written: Written, *, by: Actor, at: datetime
) -> dict[str, str]:
    """Leave a decision to be written, with the dossier that it closes; tell the ids of all.

    Opened and published in the name of who recorded the minutes: a machine brings it, a person vouches.
    """
    dossier, decision, salt = new_id("dos"), new_id("dec"), trail.new_salt()
    votes = row["votes"]
    tally = {
        "grant": votes["for"],
        "refuse": votes["against"],
        "defer": 0,
        "abstain": votes["abstained"],
        "needed": minutes.needed,
        "present": votes["for"] + votes["against"] + votes["abstained"],
    }
    # Salted, since names can be guessed: erased with the person, the salt leaves a hash that tells nothing.
    case_file = trail.salted_digest(salt, trail.canonical({"minutes": minutes.sha256, "row": row}))
    written.add(
        Dossier,
        id=dossier,
        applicant_id=person["person"],
        scheme_id=minutes.scheme_id,
        scheme_version=minutes.scheme_version,
        scheme_digest=minutes.scheme_digest,
        status=DossierStatus.DECIDED,
        language=minutes.language,
        ai_disclosure=False,
        created_at=at,
        round=1,
        version=1,
    )
    written.add(
        DossierStep,
        dossier_id=dossier,
        seq=1,
        status=DossierStatus.DECIDED,
        actor_id=by.id,
        at=at,
        reasons=f"Decided elsewhere on {minutes.held_on.isoformat()}, imported by the minutes {minutes.id}.",
    )
    written.add(
        Decision,
        id=decision,
        dossier_id=dossier,
        meeting_id=minutes.meeting_id,
        minutes_id=minutes.id,
        round=1,
        status=DecisionStatus.PUBLISHED,
        case_file_hash=case_file,
        scheme_id=minutes.scheme_id,
        scheme_version=minutes.scheme_version,
        scheme_digest=minutes.scheme_digest,
        computed={},
        opened_by=minutes.recorded_by,
        opened_at=at,
        outcome=DecisionOutcome.GRANT.value,
        reasons=row.get("reasons"),
        tally=tally,
        decided_on=minutes.held_on,
        published_by=minutes.recorded_by,
        published_at=at,
        salt=salt,
        version=1,
    )
    about = {"minutes": minutes.id, "meeting": minutes.meeting_id, "dossier": dossier, "decision": decision}
    facts: dict[str, JsonValue] = {
        "outcome": "grant",
        "tally": dict[str, JsonValue](tally),
        "case_file": case_file,
        "scheme": minutes.scheme_digest,
    }
    written.tell("decision.imported", about, facts)
    return {**person, "dossier": dossier, "decision": decision}
