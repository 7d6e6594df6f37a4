"""Issuing: a decision becomes a credential, in the order that certificate authorities keep.

Lock the decision, compose, lint, commit the intent, sign, compare, verify with the published key, store and
announce. Documents made later, and those resumed after a crash, go the same way. The stages are `entering`,
`intending`, `sealing` and `storing`, and nobody else goes through them.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.core.errors import Problem
from app.core.ids import new_id
from app.credentials import entering, intending, queries, sealing, standing, storing
from app.credentials.errors import (
    CredentialNotActive,
    TrialCredential,
)
from app.credentials.intending import FINISH
from app.credentials.models import Credential, Document, Period
from app.credentials.rules import PeriodKind
from app.decisions import queries as decisions
from app.formats.claims import Format
from app.organisations.rules import Actor
from app.outbox import trail
from app.outbox.messages import Message
from app.ports import KeyNotUsable, Ports
from app.status.errors import SigningFailed
from app.status.models import Standing
from app.status.service import set_standing


@dataclass(frozen=True, slots=True)
class Made:
    """A document that is there now; `new` if this call was the first to ask for it."""

    credential_id: str
    form: Format
    new: bool


def issue(ports: Ports, decision_id: str, *, by: Actor, at: datetime) -> str:
    """Turn a favourable decision into a signed credential, at most once; return the credential's id.

    The intent is committed before the key is used, and the document leaves the server
    only after it is stored with its announcement. So no credential of ours can be in
    the world and missing from our books.
    """
    with ports.database.writing(by.organisation_id) as session:
        decision = decisions.granted(session, decision_id)
        at = standing.not_before(decision.published_at, at, "the decision was published. Set it right")
        credential, period = entering.register(session, decision, by=by, at=at)
        intent = intending.intend_all(session, ports, credential, period, by=by.id, at=at)
    try:
        finish(ports, by.organisation_id, intent.id, at=at)
    except SigningFailed as failed:
        raise SigningFailed(failed.detail, credential=credential.id) from failed
    return credential.id


def begin_period(
    session: Session,
    ports: Ports,
    credential: Credential,
    *,
    kind: PeriodKind,
    renewal_id: str,
    cycle: int,
    scheme_version: str,
    valid_from: date,
    valid_until: date,
    by: str,
    at: datetime,
) -> str:
    """Enter a further period of a credential, with the intents of its documents; return the seal's intent.

    Once this transaction is committed, `finish` the intent: a worker does it for whoever cannot.
    The caller holds the credential's row. The public sees nothing of it before the document is stored.
    """
    last = max(period.seq for period in credential.periods)
    period = Period(
        id=new_id("prd"),
        organisation_id=credential.organisation_id,
        credential_id=credential.id,
        seq=last + 1,
        kind=kind,
        cycle=cycle,
        renewal_id=renewal_id,
        scheme_version=scheme_version,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    credential.periods.append(period)
    session.flush()
    return intending.intend_all(session, ports, credential, period, by=by, at=at).id


def end_period(session: Session, period: Period, *, on: date, at: datetime) -> None:
    """End a period before its documents say so: their places in the lists tell every other verifier.

    `on` is the last day through which it holds; the day before it begins, where it is never to begin.
    The caller announces it, last of all: whoever publishes a list holds that before the counter.
    """
    period.ended_on = on
    standing.supersede(session, period, at=at)


def let_give_way(session: Session, period: Period, *, on: date) -> None:
    """End a period for the one that takes its place: what was signed for it holds until that has its own.

    So nobody is without a document while a key cannot be used. What is not signed yet never holds.
    """
    period.ended_on = on
    coming = [intent.id for intent in queries.intents_of(session, period)]
    set_standing(session, coming, Standing.SUPERSEDED)


def issue_document(ports: Ports, credential_id: str, form: Format, *, by: Actor, at: datetime) -> Made:
    """Make a document in another format of a credential that stands, for its holder or by a registrar.

    Registrars may ask for their own, as any holder may: it says no more than the credential does. One that
    nobody can rely on any more is made anew.
    """
    jti = uuid.uuid4().urn
    ahead = intending.ahead_for(ports, credential_id, form, jti=jti, by=by, at=at)
    with ports.database.writing(by.organisation_id) as session:
        credential = intending.for_maker(session, credential_id, by=by, lock=True)
        period = queries.current_period(session, credential, at)
        document = queries.current_document(session, period, form)
        if document is not None and not standing.spent(session, ports.signer, document):
            return Made(credential_id, form, new=False)
        intent = queries.intent_for(session, period, form)
        if new := intent is None:
            at = standing.not_before(credential.created_at, at, "this credential was entered. Set it right")
            standing.require_active(session, credential, period, at)
            intent = intending.intend(
                session, ports, credential, period, form, jti=jti, ahead=ahead, by=by.id, at=at
            )
    finish(ports, by.organisation_id, intent.id, at=at)
    return Made(credential_id, form, new=new)


def ensure_document(ports: Ports, credential_id: str, form: Format, *, by: Actor, at: datetime) -> None:
    """See to it that the period in force has a document that can be handed out to whoever may read it.

    A European Digital Credential is made where there is none. In every format, one that nobody can rely on
    any more is made anew; where that cannot be done just now, the one that is there has to do.
    """
    with ports.database.reading(by.organisation_id) as session:
        credential = queries.readable(session, credential_id, by=by)
        period = queries.current_period(session, credential, at)
        document = queries.current_document(session, period, form)
        outdated = document is not None and standing.spent(session, ports.signer, document)
    if outdated:
        with suppress(Problem):
            issue_document(ports, credential_id, form, by=by, at=at)
    elif document is None and form is Format.EDC:
        issue_document(ports, credential_id, form, by=by, at=at)


def replace_document(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> bool:
    """Make a document anew that nobody can rely on, at most once; tell whether that was still to be done.

    The credential stays the one it is, with its number and dates. The old document holds until the new one
    is stored, and is then marked as superseded wherever its status is asked about. Of a credential that does
    not stand nothing is made: it is looked at again once it does.
    """
    jti = uuid.uuid4().urn
    ahead = intending.ahead_of(ports, organisation_id, document_id, jti=jti, at=at)
    with ports.database.writing(organisation_id) as session:
        document = session.get_one(Document, document_id)
        period = session.get_one(Period, document.period_id)
        credential = queries.by_id(session, period.credential_id, lock=True)
        session.refresh(document)
        session.refresh(period)
        form = Format(document.format)
        if document.superseded_at is not None or not standing.spent(session, ports.signer, document):
            return False
        if not standing.is_to_hold(session, credential, period, at):
            return False
        intent = queries.intent_for(session, period, form)
        if intent is None:
            intent = intending.intend(
                session, ports, credential, period, form, jti=jti, ahead=ahead, by=trail.SYSTEM, at=at
            )
    finish(ports, organisation_id, intent.id, at=at)
    return True


def finish(ports: Ports, organisation_id: str, intent_id: str, *, at: datetime) -> None:
    """Sign what an intent says and store the document; if that is done already, do nothing.

    Any number of callers may try at once, after any crash: the signature of the same bytes is the same,
    the intent is gone as soon as its document is there, and its row settles who stores it. What was
    intended in one go is stored in one go, unless the key of what comes after is not to be had: that is
    left to a worker, and what was asked for stands without it.

    What may not be made any more is dropped, with an event, and why is raised.
    """
    try:
        _finish(ports, organisation_id, intent_id, at=at)
    except (CredentialNotActive, TrialCredential) as refused:
        storing.drop(ports, organisation_id, intent_id, refused, at=at)
        raise


def _finish(ports: Ports, organisation_id: str, intent_id: str, *, at: datetime) -> None:
    made: dict[str, tuple[bytes, str]] = {}
    for waiting in sealing.waiting_with(ports, organisation_id, intent_id):
        try:
            intent = sealing.still_current(ports, organisation_id, waiting, at)
            if intent is not None:
                made[intent.id] = intent.unsigned, sealing.sealed(ports, intent, at=at)
        except (SigningFailed, KeyNotUsable):
            if intent_id not in made:
                raise
    if made:
        with ports.database.writing(organisation_id) as session:
            storing.store_all(session, ports, made, intent_id, at=at)


def topics(ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def finish_orphan(message: Message) -> None:
        with suppress(CredentialNotActive, TrialCredential):  # dropped, and nobody waits for it here
            finish(ports, message.organisation_id, str(message.body["intent"]), at=ports.clock.now())

    return {FINISH: finish_orphan}
