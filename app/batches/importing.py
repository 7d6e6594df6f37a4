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
from app.batches.errors import PersonOfAnotherName
from app.batches.members import Written
from app.batches.reading import Row
from app.batches.rules import Kind, Outcome, RowState, failed
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.credentials.errors import OwnCredential
from app.credentials.naming import Room
from app.decisions import minutes as minutes_taken
from app.decisions.errors import DecisionNotPublished
from app.decisions.models import Decision, DecisionStatus, Minutes
from app.dossiers.models import Dossier, DossierStatus, DossierStep
from app.organisations import queries as organisations
from app.organisations.errors import MembershipNotValid, MembershipNumberTaken, NameTooLong
from app.organisations.models import Person
from app.organisations.rules import LONGEST_NAME, Actor, whole_name
from app.organisations.service import today_of
from app.outbox import trail
from app.schemes.catalogue import catalogue
from app.schemes.judgement import DecisionOutcome
from app.schemes.scheme import Scheme

ANOTHER_NAME: Final = PersonOfAnotherName.code
TOO_MANY: Final = "too-many"


@dataclass(frozen=True, slots=True)
class _Known:
    """Who is there already, whom rows may mean."""

    by_number: Mapping[str, tuple[Any, Person]]
    by_external_id: Mapping[str, Person]
    again: Mapping[str, Outcome]
    people: Mapping[str, Person]
    names: "_Names"
    half_way: Mapping[str, Mapping[str, str] | None]
    held: Mapping[str, set[str]]
    in_force: Collection[str]
    scheme: Scheme
    today: date
    recorded_by: str
    by: Actor


@dataclass(frozen=True, slots=True)
class _Names:
    """What the credentials of people call them, and may call them: a credential once made keeps its name.

    Held as issuing holds it: nobody is issued anything meanwhile.
    """

    borne: Mapping[str, str]
    kept: Collection[str]  # whose name stands on a credential
    room: Room

    @classmethod
    def of(cls, session: Session, people: Collection[str], room: Room) -> "_Names":
        borne = organisations.names_of_locked(session, people)
        return cls(borne, granting.holders(session, people), room)

    def refused(self, row: Row, person: str | None) -> str | None:
        """Say why the credential cannot call its holder as the row asks, or None."""
        borne = self.borne.get(person) if person is not None else None
        asked = row.get("name_on_credential")
        if borne is not None and person in self.kept and asked not in {None, borne}:
            return ANOTHER_NAME
        name = asked or borne or whole_name(row["given_name"], row["family_name"])
        return NameTooLong.code if len(name) > LONGEST_NAME or self.room.fault_of(name) else None

    def change(self, row: Row, person: str, written: Written) -> None:
        """Have their credentials call somebody who is known already as the row asks."""
        asked = row.get("name_on_credential")
        if asked is not None and self.borne.get(person, asked) != asked:
            written.rename(person, asked)


def enter(
    session: Session,
    rows: Sequence[Row],
    minutes_id: str,
    written: Written,
    *,
    again: Mapping[str, Outcome],
    spoken_for: int,
    public_url: str,
    by: Actor,
    at: datetime,
    sent_at: datetime,
) -> list[Outcome]:
    """Enter decisions; each is begun, and its credential is to be issued.

    The minutes' row is held meanwhile: whatever imports by them takes turns, and no more is imported than
    they state. `spoken_for` is how many a dry run has counted before, `again` what becomes of rows that
    made something before.
    """
    minutes = minutes_taken.by_id(session, minutes_id, lock=True)
    imported = select(func.count()).select_from(Decision).where(Decision.minutes_id == minutes.id)
    left = minutes.decisions - (session.scalar(imported) or 0) - spoken_for
    known = _known(session, rows, minutes, again, public_url=public_url, by=by, at=at, sent_at=sent_at)
    outcomes: list[Outcome] = []
    for row in rows:
        outcome = known.again.get(row["external_id"])
        outcome = _judged(row, known) if outcome is None else _named(row, outcome, known)
        if outcome.state is RowState.BEGUN and "decision" in outcome.made:
            known.names.change(row, outcome.made["person"], written)
        elif outcome.state is RowState.BEGUN and left <= 0:
            outcome = failed(TOO_MANY)
        elif outcome.state is RowState.BEGUN:
            left -= 1
            if outcome.made:
                known.names.change(row, outcome.made["person"], written)
            person = outcome.made or members.write_person(row, written, at=at)
            made = _write(row, person, minutes, written, by=by, at=at)
            outcome = Outcome(RowState.BEGUN, made, effect=True)
        if outcome.state is RowState.BEGUN:
            known.held.get(outcome.made["person"], set()).add(known.scheme.id)
        outcomes.append(outcome)
    return outcomes


def _known(
    session: Session,
    rows: Sequence[Row],
    minutes: Minutes,
    again: Mapping[str, Outcome],
    *,
    public_url: str,
    by: Actor,
    at: datetime,
    sent_at: datetime,
) -> _Known:
    by_number = members.known_members(session, members.numbers_of(rows))
    names = [row["external_id"] for row in rows]
    entered = {
        name: earlier.made["person"]
        for name, earlier in queries.made_before(session, Kind.MEMBERS, names).items()
        if "person" in earlier.made
    }
    returning = {outcome.made["person"] for outcome in again.values() if "person" in outcome.made}
    meant = select(Person).where(Person.id.in_(returning.union(entered.values())))
    people = {person.id: person for person in session.scalars(meant)}
    by_external_id = {name: people[person] for name, person in entered.items() if person in people}
    ids = people.keys() | {person.id for _, person in by_number.values()}
    today = today_of(session, by.organisation_id, at)
    scheme = catalogue().version(minutes.scheme_id, minutes.scheme_version)
    return _Known(
        by_number,
        by_external_id,
        again,
        people,
        _Names.of(session, ids, Room.of(session, [scheme], public_url=public_url)),
        granting.half_way(session, ids, minutes.id, at=at, sent_at=sent_at),
        {person: set[str]() for person in ids} | granting.open_credentials(session, ids),
        organisations.members_on(session, ids, today),
        scheme,
        today,
        minutes.recorded_by,
        by,
    )


def _named(row: Row, outcome: Outcome, known: _Known) -> Outcome:
    """Let a row come again only with a name that its credential bears, or still can."""
    person = known.people.get(outcome.made.get("person", ""))
    if person is None or outcome.state is RowState.FAILED:
        return outcome
    # What tells rows apart leaves this out, and was not kept at first: nobody gets another one's name.
    code = None if _is_called(person, row) else ANOTHER_NAME
    code = code or known.names.refused(row, person.id)
    if code is None or (code != ANOTHER_NAME and outcome.state is RowState.SKIPPED):
        return outcome
    return failed(code, **outcome.made)


def _judged(row: Row, known: _Known) -> Outcome:
    """Find whom a row means, and what keeps them from the credential; nobody stands for a new person.

    What these minutes granted them before, and nobody issued, is taken up: it is granted once.
    """
    membership = row.get("membership")
    _, member = known.by_number.get(membership["number"], (None, None)) if membership else (None, None)
    entered = known.by_external_id.get(row["external_id"])
    person = member or entered
    if person is None:
        return _newcomer(row, known)
    if member is not None and entered is not None and member.id != entered.id:
        return failed(MembershipNumberTaken.code)
    if not _is_called(person, row):
        return failed(ANOTHER_NAME)
    if person.id == known.recorded_by:  # by what they put on record themselves
        return failed(OwnCredential.code, person=person.id)
    code = granting.barred(person.id, known.scheme, known.held, known.in_force, known.by)
    if code := code or known.names.refused(row, person.id):
        return failed(code, person=person.id)
    return _begun(person.id, known)


def _begun(person: str, known: _Known) -> Outcome:
    if person not in known.half_way:
        return Outcome(RowState.BEGUN, {"person": person})
    half_way = known.half_way[person]
    if half_way is None:
        return failed(DecisionNotPublished.code, person=person)
    return Outcome(RowState.BEGUN, half_way, effect=True)


def _is_called(person: Person, row: Row) -> bool:
    called, meant = (person.given_name, person.family_name), (row["given_name"], row["family_name"])
    return [name.casefold() for name in called] == [name.casefold() for name in meant]


def _newcomer(row: Row, known: _Known) -> Outcome:
    membership = row.get("membership")
    if members.is_inverted(membership):
        return failed(members.INVERTED)
    if membership is not None and "from" not in membership:
        return failed("membership-not-found")
    rules = known.scheme.admission.membership
    today = known.today.isoformat()
    stands = membership is not None and membership["from"] <= today <= membership.get("to", today)
    if rules.required and "issuance" in rules.at and not stands:
        return failed(MembershipNotValid.code)
    code = known.names.refused(row, None)
    return failed(code) if code else Outcome(RowState.BEGUN)


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
