# ruff: noqa: RUF001 - these sentences are printed, with the apostrophes of print
"""Many activities at once, each row for itself: a holder's own list, or what a training provider recorded."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Problem
from app.core.labels import Labels
from app.core.numbers import CredentialNumber, Mistyped
from app.credentials.errors import CredentialNotFound
from app.credentials.models import Credential
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.renewal import activities, entering, holding, proofs, queries
from app.renewal.entering import Entry, Fault
from app.renewal.errors import (
    CpdActivityClosedToChanges,
    CpdActivityEnteredAlready,
    CpdActivityTooMany,
    CpdActivityWrong,
    CpdProofTooMany,
)
from app.renewal.models import CpdActivity
from app.renewal.queries import Terms
from app.renewal.states import ActivitySource, ActivityState

Key = tuple[str, str]
S = ActivityState


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was sent; without an entry where its form was wrong."""

    number: int | None
    credential: str
    entry: Entry | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row, and why."""

    row: int | None
    outcome: Outcome
    activity: str | None = None
    state: ActivityState | None = None
    code: str | None = None
    detail: Labels | None = None
    faults: tuple[Fault, ...] = ()


SAID: Final[Mapping[type[Problem], Labels]] = {
    CpdActivityWrong: Labels(it="Ci sono dati da correggere.", en="Some of it has to be mended."),
    CredentialNotFound: Labels(
        it="Non c’è una credenziale con questo numero per cui si possa registrare qualcosa.",
        en="There is no credential by this number for which anything can be entered.",
    ),
    CpdActivityClosedToChanges: Labels(
        it="Per questa credenziale o questa attività ora non si può registrare nulla.",
        en="Nothing can be entered for this credential or this activity now.",
    ),
    CpdActivityEnteredAlready: Labels(
        it="C’è già un’attività con questo titolo, ente e date, ma con altri dati: va corretta quella.",
        en="An activity with this title, provider and dates is there with other details: correct that one.",
    ),
    CpdActivityTooMany: Labels(
        it=f"Al massimo {holding.MOST_ACTIVITIES} attività per ciclo.",
        en=f"At most {holding.MOST_ACTIVITIES} activities in one cycle.",
    ),
    CpdProofTooMany: Labels(
        it=f"Al massimo {proofs.MOST_PROOFS} prove per attività.",
        en=f"At most {proofs.MOST_PROOFS} proofs for one activity.",
    ),
}


def take(session: Session, rows: Sequence[Row], *, by: Actor, at: datetime) -> list[Result]:
    """Enter many activities; tell for each row, in the order given, what became of it.

    Everything is judged in memory against what one read found, and written in one go. The rows of the
    credentials are held meanwhile, so nobody enters the same thing in between.
    """
    found = _credentials(session, rows, by)
    known_terms = queries.terms_of(
        session, {credential.id: credential for credential in found.values()}.values()
    )
    keys = [
        (found[row.credential].id, row.entry.fingerprint)
        for row in rows
        if row.entry is not None and row.credential in found
    ]
    there = _There(
        queries.same_as(session, keys),
        queries.corrected_as(session, keys),
        queries.crowds(session, known_terms.values()),
    )
    batch = _Batch(session, by, at, today_of(session, by.organisation_id, at), there)
    results = [
        batch.enter(row, known_terms[found[row.credential].id] if row.credential in found else None)
        for row in rows
    ]
    batch.write()
    return results


def _credentials(session: Session, rows: Iterable[Row], by: Actor) -> dict[str, Credential]:
    """Find the credentials that rows are about, by what the rows call them, and hold them.

    A holder names their own, by id or number; a provider anybody's, by number alone. What is not theirs to
    enter for is not found, and nothing tells it from what does not exist.
    """
    names = {row.credential: _number(row.credential) for row in rows}
    query = select(Credential).where(Credential.issued_at.is_not(None)).order_by(Credential.id)
    if by.is_person:
        query = query.where(Credential.holder_id == by.id)
    else:
        query = query.where(Credential.number.in_({number for number in names.values() if number}))
    held = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    by_name = {credential.number: credential for credential in held}
    if by.is_person:
        by_name |= {credential.id: credential for credential in held}
    return {
        said: by_name[name] for said, number in names.items() for name in (number or said,) if name in by_name
    }


def _number(said: str) -> str | None:
    try:
        return str(CredentialNumber.read(said))
    except Mistyped:
        return None


@dataclass(frozen=True, slots=True)
class _There:
    """What is there already: the same activities, what corrections took the place of, how many there are."""

    same: dict[Key, CpdActivity]
    corrected: frozenset[Key]
    crowds: Counter[tuple[str, int]]


class _Batch:
    """The rows of one call: what is there already, and what will be written."""

    def __init__(self, session: Session, by: Actor, at: datetime, today: date, there: _There) -> None:
        self.session = session
        self.by = by
        self.at = at
        self.today = today
        self.there = there
        self.new: list[CpdActivity] = []
        self.vouched: list[CpdActivity] = []
        self.source = ActivitySource.MEMBER if by.is_person else ActivitySource.PROVIDER

    def enter(self, row: Row, terms: Terms | None) -> Result:
        """Judge a row, and leave it to be written if it is right."""
        if row.entry is None:
            return _refused(row, CpdActivityWrong, row.faults)
        if terms is None:
            return _refused(row, CredentialNotFound)
        try:
            return self._entered(row, row.entry, terms)
        except Problem as problem:
            return _refused(row, type(problem))

    def _entered(self, row: Row, entry: Entry, terms: Terms) -> Result:
        if wrong := entering.faults(entry, terms, today=self.today):
            return _refused(row, CpdActivityWrong, wrong)
        holding.require_open(terms.credential)
        key = terms.credential.id, entry.fingerprint
        known = self.there.same.get(key)
        if known is None:
            if self._records and key in self.there.corrected:
                return _refused(row, CpdActivityEnteredAlready)
            return self._told(row, Outcome.CREATED, self._make(entry, terms), terms)
        if self._contradicts(known, entry):
            return self._contradicted(row, known)
        vouched = self._vouch(known, terms)
        return self._told(row, Outcome.CREATED if vouched else Outcome.UNCHANGED, known, terms)

    def write(self) -> None:
        """Write everything at once, with an event for each activity."""
        self.session.add_all(self.new)
        self.session.flush()
        for topic, done in (("cpd.activity-added", self.new), ("cpd.activity-vouched", self.vouched)):
            for activity in done:
                activities.record(self.session, activity, topic, by=self.by, at=self.at)

    @property
    def _records(self) -> bool:
        """Tell whether these are a provider's rows."""
        return self.source is ActivitySource.PROVIDER

    def _make(self, entry: Entry, terms: Terms) -> CpdActivity:
        cycle = terms.credential.id, terms.of(entry.ended_on).number
        holding.refuse_crowd(self.there.crowds[cycle])
        activity = activities.made(terms, entry, source=self.source, by=self.by, at=self.at)
        proofs.refer(activity, entry.references, by=self.by, at=self.at)
        if entry.claim or self._records:
            activities.claim_if_complete(activity, terms, today=self.today, at=self.at)
        self.there.crowds[cycle] += 1
        self.new.append(activity)
        self.there.same[terms.credential.id, entry.fingerprint] = activity
        return activity

    def _contradicts(self, known: CpdActivity, entry: Entry) -> bool:
        """Tell whether a row says something else than what is there.

        To a provider, what its holder noted is no part of it; what the holder entered and the office has
        questioned or turned down is not the provider's to settle.
        """
        if not self._records:
            return bool(entering.differing(known, entry))
        settled = known.source is ActivitySource.MEMBER and known.state in {S.QUERIED, S.REJECTED}
        return settled or bool(entering.contradicted(known, entry))

    def _contradicted(self, row: Row, known: CpdActivity) -> Result:
        named = self._named(known)
        if named is None:
            return _refused(row, CpdActivityEnteredAlready)
        return _refused(row, CpdActivityEnteredAlready, known=named.id, state=self._shown(named))

    def _vouch(self, known: CpdActivity, terms: Terms) -> bool:
        """Let a provider vouch for what a holder entered, which stays as it is; tell whether it did.

        What somebody of the office had a look at is theirs to accept, and a draft waits for the renewal that
        it would count in.
        """
        if not self._records or known.source is ActivitySource.PROVIDER or known.reviewed_by is not None:
            return False
        if known.state is S.DRAFT and not terms.held(known.ended_on, today=self.today):
            holding.move(known, S.CLAIMED)
            known.claimed_at, known.claimed_on = self.at, self.today
        if known.state is not S.CLAIMED:
            return False
        holding.move(known, S.ACCEPTED)
        self.vouched.append(known)
        return True

    def _named(self, activity: CpdActivity) -> CpdActivity | None:
        """Give an activity that the caller may know of: a provider its own alone."""
        return activity if self.by.is_person or activity.recorded_by == self.by.id else None

    def _shown(self, activity: CpdActivity) -> ActivityState:
        """Tell how an activity stands: to a provider its own is accepted, whatever became of it."""
        return S.ACCEPTED if self._records else activity.state

    def _told(self, row: Row, outcome: Outcome, activity: CpdActivity, terms: Terms) -> Result:
        named = self._named(activity)
        if named is None:
            return Result(row.number, outcome)
        shown = self._shown(named)
        wanting = proofs.lacking(named, terms, today=self.today) if shown is S.DRAFT else ()
        for first in wanting:
            return Result(row.number, outcome, named.id, shown, first.code, first.detail)
        return Result(row.number, outcome, named.id, shown)


def _refused(
    row: Row,
    kind: type[Problem],
    faults: tuple[Fault, ...] = (),
    *,
    known: str | None = None,
    state: ActivityState | None = None,
) -> Result:
    return Result(row.number, Outcome.REFUSED, known, state, kind.code, SAID[kind], faults)
