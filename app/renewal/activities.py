"""The holder's part: enter what was done, mend it, claim it, correct it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.core.ids import new_id
from app.dossiers import forgetting
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.renewal import entering, holding, proofs, queries
from app.renewal.entering import Entry
from app.renewal.errors import (
    CpdActivityClosedToChanges,
    CpdActivityEnteredAlready,
    CpdActivityIncomplete,
    CpdActivityNotMovable,
    CpdActivityWrong,
    CpdNothingNew,
)
from app.renewal.evaluation import figure
from app.renewal.models import CpdActivity
from app.renewal.queries import Terms
from app.renewal.reading import as_read
from app.renewal.states import ActivitySource, ActivityState

S = ActivityState
_NOTHING_NEW = "It was turned down as it is. Change something, or add a proof that was not there."


@dataclass(frozen=True, slots=True)
class Entered:
    """An activity that is there now; `new` if this call made it."""

    activity: CpdActivity
    terms: Terms
    today: date
    new: bool


def add(session: Session, credential_id: str, entry: Entry, *, by: Actor, at: datetime) -> Entered:
    """Enter an activity, once: the very same entered again is the one that is there.

    It is claimed at once if the holder says so and its proof will do; else it stays a draft.
    """
    credential = holding.own_credential(session, credential_id, by=by, lock=True)
    terms = queries.terms(session, credential)
    today = today_of(session, credential.organisation_id, at)
    _require_right(entry, terms, today)
    if known := queries.same(session, credential.id, entry.fingerprint):
        _require_same(known, entry)
        return Entered(known, terms, today, new=False)
    holding.require_room(session, terms, entry.ended_on)
    activity = made(terms, entry, source=ActivitySource.MEMBER, by=by, at=at)
    session.add(activity)
    proofs.refer(activity, entry.references, by=by, at=at)
    if entry.claim:
        claim_if_complete(activity, terms, today=today, at=at)
    session.flush()
    record(session, activity, "cpd.activity-added", by=by, at=at)
    return Entered(activity, terms, today, new=True)


def revise(session: Session, activity_id: str, entry: Entry, *, by: Actor, at: datetime) -> Entered:
    """Rewrite a draft, or answer what the office asks about an activity; then claim it, if so asked."""
    activity, terms = holding.own(session, activity_id, by=by, lock=True)
    if activity.state not in {S.DRAFT, S.QUERIED}:
        _refuse_change(
            session, activity, "Drafts and queried activities are rewritten; a claimed one is corrected."
        )
    today = today_of(session, activity.organisation_id, at)
    _require_right(entry, terms, today)
    if activity.state is S.DRAFT:
        _rewrite(session, activity, entry, terms)
    else:
        _answer(activity, entry, terms, today)
    proofs.refer(activity, entry.references, by=by, at=at)
    if entry.claim:
        _require_news(session, activity)
        claim_if_complete(activity, terms, today=today, at=at)
    session.flush()
    record(session, activity, "cpd.activity-revised", by=by, at=at)
    return Entered(activity, terms, today, new=False)


def _rewrite(session: Session, activity: CpdActivity, entry: Entry, terms: Terms) -> None:
    if activity.source is ActivitySource.PROVIDER:
        raise CpdActivityClosedToChanges("What a provider recorded is claimed or discarded as it stands.")
    _require_single(session, activity, entry)
    if terms.of(activity.ended_on) != terms.of(entry.ended_on):
        holding.require_room(session, terms, entry.ended_on)
    _write(activity, entry)


def _answer(activity: CpdActivity, entry: Entry, terms: Terms, today: date) -> None:
    """Let a holder explain what they claimed, or take hours back; nothing is added to what was claimed."""
    if proofs.is_held(activity, terms, today=today):
        raise CpdActivityClosedToChanges("A renewal of this cycle is being decided.")
    if beyond := _beyond_an_answer(activity, entry):
        raise CpdActivityClosedToChanges(
            "An answer changes the note, adds proofs or takes hours back. What else was done is an activity "
            "of its own; what was written wrong is corrected once the question is settled.",
            fields=beyond,
        )
    activity.note = entry.note
    activity.hours = entry.hours
    activity.topics = _as_text(entry.topics)


def _beyond_an_answer(activity: CpdActivity, entry: Entry) -> list[JsonValue]:
    vouched = activity.source is ActivitySource.PROVIDER
    topics = {name: Decimal(hours) for name, hours in activity.topics.items()}
    more = any(hours > topics.get(name, 0) for name, hours in entry.topics.items())
    changed = {
        "title": as_read(entry.title) != as_read(activity.title),
        "provider": as_read(entry.provider) != as_read(activity.provider),
        "started_on": entry.started_on != activity.started_on,
        "ended_on": entry.ended_on != activity.ended_on,
        "category": entry.category != activity.category,
        "competences": set(entry.competences) != set(activity.competences),
        "hours": entry.hours > activity.hours or (vouched and entry.hours != activity.hours),
        "topics": more or (vouched and entry.topics != topics),
    }
    return [name for name, beyond in changed.items() if beyond]


def discard(session: Session, activity_id: str, *, by: Actor, at: datetime) -> None:
    """Throw a draft away, with its proofs."""
    activity, _ = holding.own(session, activity_id, by=by, lock=True)
    if activity.state is not S.DRAFT:
        _refuse_change(session, activity, "Only a draft is thrown away.")
    if activity.corrects_id is not None:
        raise CpdActivityClosedToChanges(
            "This draft took the place of an activity. Rewrite it: what it replaced does not come back.",
            corrects=activity.corrects_id,
        )
    for proof in activity.proofs:
        if proof.sha256 is not None:
            forgetting.leave(session, proof.sha256, organisation_id=activity.organisation_id, at=at)
        session.delete(proof)
    session.flush()
    record(session, activity, "cpd.activity-discarded", by=by, at=at)
    session.delete(activity)


def claim(session: Session, activity_id: str, *, by: Actor, at: datetime) -> Entered:
    """Claim a draft, or what the office had a question about. Claiming twice is claiming once."""
    activity, terms = holding.own(session, activity_id, by=by, lock=True)
    today = today_of(session, activity.organisation_id, at)
    if activity.state in {S.CLAIMED, S.ACCEPTED}:
        return Entered(activity, terms, today, new=False)
    if activity.state not in {S.DRAFT, S.QUERIED}:
        _refuse_change(session, activity, "Drafts and queried activities are claimed.")
    _require_news(session, activity)
    if not claim_if_complete(activity, terms, today=today, at=at):
        missing: list[JsonValue] = [
            {"code": each.code, "detail": {"it": each.detail.it, "en": each.detail.en}}
            for each in proofs.lacking(activity, terms, today=today)
        ]
        raise CpdActivityIncomplete(
            "See `missing` for each thing that is.", activity=activity.id, missing=missing
        )
    record(session, activity, "cpd.activity-claimed", by=by, at=at)
    return Entered(activity, terms, today, new=False)


def correct(session: Session, activity_id: str, entry: Entry, *, by: Actor, at: datetime) -> Entered:
    """Put a new version in the place of an activity that was claimed; the old one is kept, and over.

    The new version keeps the proofs. What a provider vouched for needs one, once its holder corrects it. One
    that is not claimed is a draft: so a mistaken claim is taken back, and so a file is sent with what takes
    the place of an activity that was turned down, which has to say something new before it is claimed.
    """
    activity, terms = holding.own(session, activity_id, by=by, lock=True)
    today = today_of(session, activity.organisation_id, at)
    newer = queries.successor(session, activity_id) if activity.state is S.CORRECTED else None
    if newer is not None and _says_the_same(newer, entry):
        return Entered(newer, terms, today, new=False)  # sent again, since the answer was lost
    if activity.state not in {S.CLAIMED, S.ACCEPTED, S.REJECTED}:
        _refuse_change(
            session,
            activity,
            "Claimed, accepted and rejected activities are corrected; a draft is rewritten.",
        )
    if any(terms.held(day, today=today) for day in (activity.ended_on, entry.ended_on)):
        raise CpdActivityClosedToChanges("A renewal that counts on this activity is being decided.")
    _require_right(entry, terms, today)
    _require_single(session, activity, entry)
    if entry.claim and _says_the_same(activity, entry):
        if activity.state is S.REJECTED:
            raise CpdNothingNew(_NOTHING_NEW, activity=activity.id)
        return Entered(activity, terms, today, new=False)
    holding.require_room(session, terms, entry.ended_on)
    version = made(terms, entry, source=ActivitySource.MEMBER, by=by, at=at)
    # The old one steps back before the new one is written: only one of them may stand.
    holding.move(activity, S.CORRECTED)
    session.flush()
    version.corrects_id = activity.id
    # It answers what the office asked, or turned the old one down for, and is looked at anew.
    version.question = activity.reasons or activity.question
    if version.question is not None:
        version.reviewed_by, version.reviewed_at = activity.reviewed_by, activity.reviewed_at
    session.add(version)
    proofs.inherit(version, activity)
    proofs.refer(version, entry.references, by=by, at=at)
    if entry.claim:
        claim_if_complete(version, terms, today=today, at=at)
    session.flush()
    record(session, version, "cpd.activity-corrected", by=by, at=at)
    return Entered(version, terms, today, new=True)


def listed(
    session: Session,
    *,
    by: Actor,
    credential_id: str | None,
    state: ActivityState | None,
    after: str | None,
    limit: int,
) -> Sequence[CpdActivity]:
    """List what somebody may read: everything for the office, a program's own rows, else one's own.

    To a program its rows are accepted, whatever became of them.
    """
    if not by.is_person:
        if state not in {None, S.ACCEPTED}:
            return []
        state = None
    return queries.page(
        session,
        holder_id=by.id if by.is_person and not holding.reads_all(by) else None,
        recorded_by=None if by.is_person else by.id,
        credential_id=credential_id,
        state=state,
        after=after,
        limit=limit,
    )


def made(terms: Terms, entry: Entry, *, source: ActivitySource, by: Actor, at: datetime) -> CpdActivity:
    """Make a draft out of what was entered."""
    activity = CpdActivity(
        id=new_id("act"),
        organisation_id=terms.credential.organisation_id,
        credential_id=terms.credential.id,
        holder_id=terms.credential.holder_id,
        source=source,
        state=S.DRAFT,
        recorded_by=by.id,
        created_at=at,
        proofs=[],
    )
    _write(activity, entry)
    return activity


def _write(activity: CpdActivity, entry: Entry) -> None:
    activity.title = entry.title
    activity.provider = entry.provider
    activity.started_on = entry.started_on
    activity.ended_on = entry.ended_on
    activity.hours = entry.hours
    activity.category = entry.category
    activity.topics = _as_text(entry.topics)
    activity.competences = list(entry.competences)
    activity.note = entry.note
    activity.fingerprint = entry.fingerprint


def _as_text(topics: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: figure(hours) for name, hours in topics.items()}


def claim_if_complete(activity: CpdActivity, terms: Terms, *, today: date, at: datetime) -> bool:
    """Claim an activity if nothing is lacking; what a provider vouches for is accepted with it.

    It was claimed when it was first claimed: a question that was answered late does not make it late. What
    the office had a question about is the office's to accept, whoever vouched for it.
    """
    if proofs.lacking(activity, terms, today=today):
        return False
    vouched = activity.source is ActivitySource.PROVIDER and activity.state is S.DRAFT
    holding.move(activity, S.CLAIMED)
    if activity.claimed_at is None:
        activity.claimed_at, activity.claimed_on = at, today
    if vouched:
        holding.move(activity, S.ACCEPTED)
    return True


def _require_right(entry: Entry, terms: Terms, today: date) -> None:
    if wrong := entering.faults(entry, terms, today=today):
        raise CpdActivityWrong(
            "See `faults` for each field that is wrong.", faults=[fault.as_json() for fault in wrong]
        )


def _require_same(known: CpdActivity, entry: Entry) -> None:
    if differs := entering.differing(known, entry):
        raise CpdActivityEnteredAlready(
            "An activity with this title, provider and dates is there, and says something else. Correct that "
            "one, or rewrite it as long as it is a draft.",
            activity=known.id,
            state=known.state.value,
            differs=differs,
        )


def _require_single(session: Session, activity: CpdActivity, entry: Entry) -> None:
    known = queries.same(session, activity.credential_id, entry.fingerprint)
    if known is not None and known.id != activity.id:
        raise CpdActivityEnteredAlready(
            "Another activity with this title, provider and dates is there.", activity=known.id
        )


def _says_the_same(activity: CpdActivity, entry: Entry) -> bool:
    told = {(proof.kind, proof.reference) for proof in activity.proofs}
    return (
        activity.fingerprint == entry.fingerprint
        and not entering.differing(activity, entry)
        and all((one.kind, one.reference) in told for one in entry.references)
    )


def _require_news(session: Session, activity: CpdActivity) -> None:
    """Insist that what takes the place of an activity that was turned down is not the same over again."""
    if activity.state is not S.DRAFT or activity.corrects_id is None:
        return
    older = queries.activity(session, activity.corrects_id)
    if older.reasons is not None and not _is_news(activity, older):
        raise CpdNothingNew(_NOTHING_NEW, activity=activity.id)


def _is_news(activity: CpdActivity, older: CpdActivity) -> bool:
    def told(one: CpdActivity) -> tuple[object, ...]:
        topics = {name: Decimal(hours) for name, hours in one.topics.items()}
        return one.fingerprint, one.hours, one.category, topics, set(one.competences), one.note

    def shown(one: CpdActivity) -> set[tuple[str, str | None, str | None]]:
        return {(proof.kind, proof.reference, proof.sha256) for proof in one.proofs}

    return told(activity) != told(older) or not shown(activity) <= shown(older)


def _refuse_change(session: Session, activity: CpdActivity, why: str) -> None:
    if activity.state is S.LOCKED:
        raise CpdActivityClosedToChanges(
            "It was used in an approved renewal, and stays as it is.", state=activity.state.value
        )
    newer = queries.successor(session, activity.id) if activity.state is S.CORRECTED else None
    raise CpdActivityNotMovable(
        why, activity=activity.id, state=activity.state.value, newer=None if newer is None else newer.id
    )


def record(session: Session, activity: CpdActivity, topic: str, *, by: Actor, at: datetime) -> None:
    holding.record(
        session,
        activity,
        topic,
        by=by.id,
        at=at,
        source=activity.source.value,
        category=activity.category,
        hours=figure(activity.hours),
    )
