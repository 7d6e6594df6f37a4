"""Grants that are published here: which of them a credential can be issued for, and the issuing itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.batches.rules import DONE_BEFORE, Outcome, RowState, failed
from app.core import columns
from app.core.errors import Problem
from app.credentials import standing
from app.credentials.errors import CredentialIssuedAlready, CredentialOpenAlready, OwnCredential
from app.credentials.issuing import Issued
from app.credentials.models import Credential, Period
from app.decisions.errors import DecisionNotFound, DecisionNotGranted, DecisionNotPublished
from app.decisions.models import Decision, DecisionStatus
from app.dossiers.models import Dossier
from app.organisations import queries as organisations
from app.organisations.errors import MembershipNotValid
from app.organisations.rules import Actor
from app.organisations.service import today_of
from app.outbox.messages import NotYet
from app.ports import KeyNotUsable
from app.schemes.catalogue import catalogue
from app.schemes.judgement import DecisionOutcome
from app.schemes.scheme import Scheme
from app.status.errors import SigningFailed

ISSUED: Final = CredentialIssuedAlready.code
_CREDENTIAL, _PERIOD = columns.table(Credential), columns.table(Period)
_DECISION, _DOSSIER = columns.table(Decision), columns.table(Dossier)
_HELD: Final[Select[Any]] = select(
    _CREDENTIAL.c.holder_id, _CREDENTIAL.c.scheme_id, _CREDENTIAL.c.closed_at
).where(columns.inside(_CREDENTIAL), columns.among(_CREDENTIAL.c.holder_id, "people"))
_UNISSUED: Final[Select[Any]] = (
    select(
        _DOSSIER.c.applicant_id.label("person"),
        _DOSSIER.c.id.label("dossier"),
        _DECISION.c.id.label("decision"),
        _DECISION.c.minutes_id,
        _DECISION.c.published_at,
    )
    .join_from(_DOSSIER, _DECISION, _DECISION.c.dossier_id == _DOSSIER.c.id)
    .outerjoin(_PERIOD, _PERIOD.c.decision_id == _DECISION.c.id)
    .where(columns.inside(_DOSSIER), columns.among(_DOSSIER.c.applicant_id, "people"), _PERIOD.c.id.is_(None))
    .order_by(_DECISION.c.published_at.desc(), _DECISION.c.id.desc())
)


def judge(
    session: Session, decisions: Sequence[str], *, by: Actor, at: datetime, sent_at: datetime
) -> list[Outcome]:
    """Tell of which decisions nothing keeps a credential; issuing asks all this again of each.

    One whose credential is there is skipped, with that. `sent_at` is when a batch asked for them.
    """
    if not decisions:
        return []
    rows = session.execute(
        select(Decision, Dossier.applicant_id, Period.credential_id)
        .join(Dossier, Dossier.id == Decision.dossier_id)
        .outerjoin(Period, Period.decision_id == Decision.id)
        .where(Decision.id.in_(decisions))
    )
    found: dict[str, tuple[Decision, str, str | None]] = {row[0].id: row for row in rows}
    holders = {holder for _, holder, _ in found.values()}
    held = open_credentials(session, holders)
    today = today_of(session, by.organisation_id, at)
    members = organisations.members_on(session, holders, today)
    outcomes: list[Outcome] = []
    for name in decisions:
        if name not in found:
            outcomes.append(failed(DecisionNotFound.code))
            continue
        decision, holder, credential = found[name]
        scheme = catalogue().version(decision.scheme_id, decision.scheme_version)
        made = {"person": holder, "dossier": decision.dossier_id, "decision": name}
        if credential is not None:
            outcomes.append(Outcome(RowState.SKIPPED, {**made, "credential": credential}, ISSUED))
        elif code := _refused(decision, at, sent_at) or barred(holder, scheme, held, members, by):
            outcomes.append(failed(code, **made))
        else:
            held = {
                **held,
                holder: {*held.get(holder, set()), scheme.id},
            }  # the next row's holder may be the same
            outcomes.append(Outcome(RowState.BEGUN, made, effect=True))
    return outcomes


def again(
    session: Session, made: Mapping[str, Mapping[str, str]], *, by: Actor, at: datetime, sent_at: datetime
) -> dict[str, Outcome]:
    """Say what becomes of rows that made something before: they are skipped, or taken up half-way.

    The first row goes on saying that it made something: a later one only finishes it.
    """
    half_way = {
        name: its["decision"] for name, its in made.items() if "decision" in its and "credential" not in its
    }
    outcomes = judge(session, [*half_way.values()], by=by, at=at, sent_at=sent_at)
    judged = dict(zip(half_way, outcomes, strict=True))
    return {
        name: Outcome(RowState.SKIPPED, its, DONE_BEFORE)
        if (now := judged.get(name)) is None
        else Outcome(now.state, {**its, **now.made}, now.code)
        for name, its in made.items()
    }


def _refused(decision: Decision, at: datetime, sent_at: datetime) -> str | None:
    if decision.status != DecisionStatus.PUBLISHED or not _is_known(decision.published_at, at, sent_at):
        return DecisionNotPublished.code
    return None if decision.outcome == DecisionOutcome.GRANT else DecisionNotGranted.code


def _is_known(published_at: datetime | None, at: datetime, sent_at: datetime) -> bool:
    """Tell whether a decision was published by now: one of a clock that stood ahead is not, until its day.

    What was there when the batch was sent is known, though the clock says that this is still to come: it may
    be the clock that is wrong now. Its credential waits.
    """
    return published_at is None or published_at <= max(at, sent_at) + standing.SKEW


def barred(
    holder: str, scheme: Scheme, held: Mapping[str, Collection[str]], members: Collection[str], by: Actor
) -> str | None:
    """Say what keeps somebody from a credential of a scheme today, or None."""
    if holder == by.id:
        return OwnCredential.code
    if scheme.id in held.get(holder, ()):
        return CredentialOpenAlready.code
    rules = scheme.admission.membership
    if rules.required and "issuance" in rules.at and holder not in members:
        return MembershipNotValid.code
    return None


def open_credentials(session: Session, people: Collection[str]) -> dict[str, set[str]]:
    """Tell of which schemes people hold an open credential."""
    held: dict[str, set[str]] = {}
    for row in columns.read(session, _HELD, people=[*people]):
        if row.closed_at is None:
            held.setdefault(row.holder_id, set()).add(row.scheme_id)
    return held


def half_way(
    session: Session, people: Collection[str], minutes_id: str, *, at: datetime, sent_at: datetime
) -> dict[str, Mapping[str, str] | None]:
    """Find what minutes have granted people, and nobody has issued: the first, where there are several.

    None stands for what was published at a time that is still to come: a clock stood ahead.
    """
    # Its minutes are looked at here: by them, a database would look through all that they granted.
    found = (
        each for each in columns.read(session, _UNISSUED, people=[*people]) if each.minutes_id == minutes_id
    )
    return {
        each.person: {"person": each.person, "dossier": each.dossier, "decision": each.decision}
        if _is_known(each.published_at, at, sent_at)
        else None
        for each in found
    }


def holders(session: Session, people: Collection[str]) -> Collection[str]:
    """Tell who has a credential, or had one."""
    return {row.holder_id for row in columns.read(session, _HELD, people=[*people])}


def settled(outcome: Issued | Problem, decision: str) -> Outcome:
    """Say what became of a begun row. What is wrong with our keys is wrong with no row: it waits for them."""
    if isinstance(outcome, Issued):
        return Outcome(RowState.OK, {"credential": outcome.credential_id}, effect=True)
    registered = outcome.facts.get("credential")
    if isinstance(outcome, CredentialIssuedAlready):  # by this very row, before its machine stopped
        return Outcome(RowState.OK, {"credential": str(registered)}, effect=True)
    if isinstance(outcome, SigningFailed) and registered is not None:  # a worker finishes what is intended
        return Outcome(RowState.OK, {"credential": str(registered)}, outcome.code, effect=True)
    if isinstance(outcome, SigningFailed | KeyNotUsable):
        raise NotYet from outcome
    return failed(outcome.code, decision=decision)
