"""Grants that are published here: which of them a credential can be issued for, and the issuing itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.batches.rules import DONE_BEFORE, Outcome, RowState, failed
from app.core.errors import Problem
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


def judge(session: Session, decisions: Sequence[str], *, by: Actor, at: datetime) -> list[Outcome]:
    """Tell of which decisions nothing keeps a credential; issuing asks all this again of each.

    One whose credential is there is skipped, with that.
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
        elif code := _refused(decision) or barred(holder, scheme, held, members, by):
            outcomes.append(failed(code, **made))
        else:
            held = {
                **held,
                holder: {*held.get(holder, set()), scheme.id},
            }  # the next row's holder may be the same
            outcomes.append(Outcome(RowState.BEGUN, made, effect=True))
    return outcomes


def again(
    session: Session, made: Mapping[str, Mapping[str, str]], *, by: Actor, at: datetime
) -> dict[str, Outcome]:
    """Say what becomes of rows that made something before: they are skipped, or taken up half-way.

    The first row goes on saying that it made something: a later one only finishes it.
    """
    half_way = {
        name: its["decision"] for name, its in made.items() if "decision" in its and "credential" not in its
    }
    judged = dict(zip(half_way, judge(session, [*half_way.values()], by=by, at=at), strict=True))
    return {
        name: Outcome(RowState.SKIPPED, its, DONE_BEFORE)
        if (now := judged.get(name)) is None
        else Outcome(now.state, {**its, **now.made}, now.code)
        for name, its in made.items()
    }


def _refused(decision: Decision) -> str | None:
    if decision.status != DecisionStatus.PUBLISHED:
        return DecisionNotPublished.code
    return None if decision.outcome == DecisionOutcome.GRANT else DecisionNotGranted.code


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
    query = select(Credential.holder_id, Credential.scheme_id).where(
        Credential.holder_id.in_(people), Credential.closed_at.is_(None)
    )
    held: dict[str, set[str]] = {}
    for holder, scheme in session.execute(query):
        held.setdefault(holder, set()).add(scheme)
    return held


def half_way(session: Session, people: Collection[str], minutes_id: str) -> dict[str, dict[str, str]]:
    """Find what minutes have granted people, and nobody has issued: the first, where there are several."""
    # By the people alone, who are few: by its minutes, a database would look through all that they granted.
    query = (
        select(Decision.minutes_id, Dossier.applicant_id, Dossier.id, Decision.id)
        .join(Decision, Decision.dossier_id == Dossier.id)
        .outerjoin(Period, Period.decision_id == Decision.id)
        .where(Dossier.applicant_id.in_(people), Period.id.is_(None))
        .order_by(Decision.published_at.desc(), Decision.id.desc())
    )
    return {
        person: {"person": person, "dossier": dossier, "decision": decision}
        for minutes, person, dossier, decision in session.execute(query)
        if minutes == minutes_id
    }


def holders(session: Session, people: Collection[str]) -> Collection[str]:
    """Tell who has a credential, or had one."""
    return set(session.scalars(select(Credential.holder_id).where(Credential.holder_id.in_(people))))


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
