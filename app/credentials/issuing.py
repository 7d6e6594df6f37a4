"""Issuing: a decision becomes a credential, in the order that certificate authorities keep.

Lock the decision, compose, lint, commit the intent, sign, compare, verify with the published key, store and
announce. Documents made later, and those resumed after a crash, go the same way. The stages are `entering`,
`intending`, `sealing` and `storing`, and nobody else goes through them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core.db import ORGANISATION
from app.core.errors import Problem
from app.core.ids import new_id, new_jti
from app.credentials import entering, fresh, intending, queries, register, sealing, standing, storing
from app.credentials.composing import Entry, entry_of
from app.credentials.errors import CredentialIssuedAlready, CredentialNotActive, TrialCredential
from app.credentials.intending import FINISH as FINISH  # noqa: PLC0414 - metrics count these
from app.credentials.intending import MADE_TOGETHER, Intended, Wanted
from app.credentials.models import Credential, Document, Period
from app.credentials.register import Filed
from app.credentials.rules import PeriodKind
from app.credentials.storing import ACCOMPANY, Stored
from app.formats.claims import Format
from app.organisations import queries as organisations
from app.organisations.errors import KeyReused
from app.organisations.idempotency import ANEW, Once, Replayed
from app.organisations.queries import Body
from app.organisations.rules import Actor
from app.outbox import trail
from app.outbox.messages import GivenUp, Message
from app.ports import Ports
from app.status.errors import SigningFailed
from app.status.models import Standing
from app.status.service import set_standing

REPLACED: Final = "The key was replaced meanwhile. The document will be signed with the new one."
_FEW: Final = 50  # documents; together they fit into what SQLite keeps in memory anyway
_ROLLED_BACK: Final = "40"  # transaction_rollback, a class of codes (PostgreSQL, Appendix A)


@dataclass(frozen=True, slots=True)
class Made:
    """A document that is there now; `new` if this call was the first to ask for it."""

    credential_id: str
    form: Format
    new: bool


@dataclass(frozen=True, slots=True)
class Issued:
    """The credential that came of a decision; as the register has it, where somebody waits to see it."""

    credential_id: str
    entry: register.Entry | None = None


def issue(ports: Ports, decision_id: str, *, by: Actor, at: datetime, once: Once = ANEW) -> str:
    """Turn a favourable decision into a signed credential, at most once; return the credential's id.

    The intent is committed before the key is used, and the document leaves the server only after it is stored
    with its announcement. So no credential of ours can be in the world and missing from our books. Asked
    again with the same key, it finishes what it began.
    """
    (outcome,) = issue_together(ports, [(decision_id, once)], by=by, at=at)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome.credential_id


def issue_together(
    ports: Ports, asked: Sequence[tuple[str, Once]], *, by: Actor, at: datetime
) -> list[Issued | Exception]:
    """Do for each of several requests what `issue` does for one; one outcome for each, in order.

    They share their two transactions. Whatever breaks one of these breaks it for nobody else: each request is
    then carried out alone. Where the database is busy or away it is so for all of them, and none waits for it
    again.
    """
    # The first transaction: what is to be signed, and all that must not get lost with it.
    begun = _begin(ports, asked, by=by, at=at)
    # The second: the documents, and everybody is told.
    going = [
        _Going(once, each) for (_, once), each in zip(asked, begun, strict=True) if isinstance(each, list)
    ]
    ended = iter(_end(ports, by.organisation_id, going))
    outcomes: list[Issued | Exception] = []
    for (_, once), each in zip(asked, begun, strict=True):
        if isinstance(each, Exception):
            outcomes.append(each)
        elif isinstance(each, list):
            outcomes.append(next(ended))
        else:
            outcomes.append(_resume(ports, by.organisation_id, each, once, at=at))
    return outcomes


Begun = list[Intended] | Mapping[str, str] | Exception  # anew, or by an earlier request with the same key


def _begin(ports: Ports, asked: Sequence[tuple[str, Once]], *, by: Actor, at: datetime) -> Sequence[Begun]:
    try:
        with ports.database.writing(by.organisation_id) as session:
            return _begin_all(session, ports, asked, by=by, at=at)
    except _Refused as refused:
        return refused.outcomes  # nothing is left of it, not even the list that was opened for it
    except Exception as failed:  # noqa: BLE001 - whoever asked hears of it
        if len(asked) == 1 or _is_nobodys_own(failed):
            return [failed] * len(asked)
        return [_begin(ports, [each], by=by, at=at)[0] for each in asked]


def _is_nobodys_own(failed: Exception) -> bool:
    """Tell whether a transaction failed for want of the database, and would fail for each alone.

    PostgreSQL ends a deadlock by an error of the same kind; there each may well succeed.
    """
    state = getattr(getattr(failed, "orig", None), "sqlstate", None) or ""
    return isinstance(failed, OperationalError) and not state.startswith(_ROLLED_BACK)


class _Refused(Exception):
    """Nothing is to be issued: the transaction vanishes."""

    def __init__(self, outcomes: Sequence[Begun]) -> None:
        super().__init__()
        self.outcomes = outcomes


class _Apart(Exception):
    """What one of several was refused for may have been in the way of others."""


def _begin_all(
    session: Session, ports: Ports, asked: Sequence[tuple[str, Once]], *, by: Actor, at: datetime
) -> Sequence[Begun]:
    begun: list[Begun | None] = [_claimed(session, once) for _, once in asked]
    anew = [place for place, found in enumerate(begun) if found is None]
    entries, at = entering.enter(session, [asked[place][0] for place in anew], by=by, at=at)
    intended = _write_down(session, ports, entries, MADE_TOGETHER, by=by, at=at)
    # Entries stand in each other's way; one of which nothing comes must not have done so.
    if len(asked) > 1 and any(
        isinstance(its, Problem) and not isinstance(entry, Problem)
        for entry, its in zip(entries, intended, strict=True)
    ):
        raise _Apart
    for place, its in zip(anew, intended, strict=True):
        begun[place] = its
        if isinstance(its, Problem):
            asked[place][1].let_go(session)
        else:
            asked[place][1].begin(session, credential=its[0].entry.credential_id, intent=its[0].id)
    outcomes = [each for each in begun if each is not None]
    if not any(isinstance(each, list) for each in outcomes):
        raise _Refused(outcomes)
    return outcomes


def _claimed(session: Session, once: Once) -> Mapping[str, str] | Exception | None:
    try:
        return once.claim(session)
    except (Replayed, KeyReused) as answered:
        return answered


@dataclass(frozen=True, slots=True)
class _Going:
    """A request whose documents are being made."""

    once: Once
    intents: Sequence[Intended]

    @property
    def seal(self) -> Intended:
        return self.intents[0]


def _end(ports: Ports, organisation_id: str, going: Sequence[_Going]) -> Sequence[Issued | Exception]:
    if not going:
        return []
    at = max(each.seal.at for each in going)
    kept: dict[str, Issued | Exception] = {}

    def keep(session: Session, there: Stored) -> None:
        body = organisations.body_of(session)
        for each in going:
            if each.seal.id in there.documents:
                kept[each.seal.id] = _kept(session, ports, body, each, there.documents, at=at)

    intents = [intent for each in going for intent in each.intents]
    try:
        failed = _carry_out(ports, organisation_id, intents, at=at, then=keep)
    except Exception as broken:  # noqa: BLE001 - whoever asked hears of it
        for each in going:
            each.once.undo()
        if len(going) == 1 or _is_nobodys_own(broken):
            return [broken] * len(going)
        return [_end(ports, organisation_id, [each])[0] for each in going]
    return [kept.get(each.seal.id) or _outcome(each.seal, failed) for each in going]


def _kept(
    session: Session,
    ports: Ports,
    body: Body,
    going: _Going,
    documents: Mapping[str, Filed | None],
    *,
    at: datetime,
) -> Issued | Exception:
    """See a credential as it is now, and keep the answer that is made of it."""
    entry = going.seal.entry
    its = [documents.get(intent.id) for intent in going.intents]
    made = [document for document in its if document is not None]
    found = (
        fresh.entry(ports, body, entry, made, at=at)
        if its[0] is not None
        else register.entry(session, ports, queries.by_id(session, entry.credential_id), at=at)
    )
    issued = Issued(entry.credential_id, found)
    try:
        going.once.keep(session, issued)
    except (Replayed, KeyReused) as answered:
        return answered
    return issued


def _resume(
    ports: Ports, organisation_id: str, begun: Mapping[str, str], once: Once, *, at: datetime
) -> Issued | Exception:
    """Finish what an earlier request with the same key began, and see what came of it."""
    credential_id = begun["credential"]

    def seen(session: Session) -> Issued:
        found = queries.by_id(session, credential_id)
        return Issued(credential_id, register.entry(session, ports, found, at=at))

    try:
        finish(
            ports,
            organisation_id,
            begun["intent"],
            at=at,
            then=lambda session, _: once.keep(session, seen(session)),
        )
        with ports.database.reading(organisation_id) as session:
            issued = seen(session)
        once.settle(ports.database, issued)
    except SigningFailed as failed:
        return SigningFailed(failed.detail, credential=credential_id)
    except Exception as failed:  # noqa: BLE001 - whoever asked hears of it
        return failed
    return issued


def issue_many(
    ports: Ports, decision_ids: Sequence[str], *, by: Actor, at: datetime
) -> list[Issued | Problem]:
    """Turn favourable decisions into signed credentials, as `issue` does; one outcome for each, in order.

    What is wrong with one decision keeps no other waiting; what could not be signed is signed later by a
    worker. The offline QR codes follow, in one go for all of them.
    """
    named = list(dict.fromkeys(decision_ids))
    with ports.database.writing(by.organisation_id, much=len(named) > _FEW) as session:
        entries, at = entering.enter(session, named, by=by, at=at)
        intended = _write_down(session, ports, entries, MADE_TOGETHER[:1], by=by, at=at)
    intents = [intent for group in intended if not isinstance(group, Problem) for intent in group]
    failed = _carry_out(ports, by.organisation_id, intents, at=at)
    outcomes = {
        name: each if isinstance(each, Problem) else _outcome(each[0], failed)
        for name, each in zip(named, intended, strict=True)
    }
    first = {name: decision_ids.index(name) for name in named} if len(named) < len(decision_ids) else {}
    return [
        outcomes[name] if first.get(name, place) == place else _again(outcomes[name])
        for place, name in enumerate(decision_ids)
    ]


def _again(outcome: Issued | Problem) -> Problem:
    """Tell of a decision that is named once more what whoever comes later is told."""
    if isinstance(outcome, Problem):
        return outcome
    return CredentialIssuedAlready(
        "This decision has its credential already.", credential=outcome.credential_id
    )


def _write_down(
    session: Session,
    ports: Ports,
    entries: Sequence[Entry | Problem],
    forms: Sequence[Format],
    *,
    by: Actor,
    at: datetime,
) -> list[list[Intended] | Problem]:
    """Enter what may be issued in the register, and write down what will be signed of each."""
    groups = [intending.wanted(each, forms) for each in entries if not isinstance(each, Problem)]
    composed = iter(
        intending.compose_all(
            session,
            ports,
            groups,
            organisation_id=by.organisation_id,
            by=by.id,
            at=at,
            followed=Format.QR not in forms,
        )
    )
    intended = [each if isinstance(each, Problem) else next(composed) for each in entries]
    good = [each for each in intended if not isinstance(each, Problem)]
    entering.register(session, [group[0].entry for group in good], at=at)
    intending.keep(session, [intent for group in good for intent in group], at=at)
    return intended


def _outcome(seal: Intended, failed: Mapping[str, Problem]) -> Issued | Problem:
    why = failed.get(seal.id)
    if isinstance(why, SigningFailed):
        return SigningFailed(why.detail, credential=seal.entry.credential_id)
    return why or Issued(seal.entry.credential_id)


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
    credential.updated_at = at
    session.flush()
    entry = entry_of(session, credential, period)
    return _intend(session, ports, intending.wanted(entry, MADE_TOGETHER), by=by, at=at)


def _intend(session: Session, ports: Ports, wanted: Sequence[Wanted], *, by: str, at: datetime) -> str:
    """Write down what is to be made of one period; give the first intent, which stands for all."""
    whose = session.info[ORGANISATION]
    (intents,) = intending.compose_all(session, ports, [wanted], organisation_id=whose, by=by, at=at)
    if isinstance(intents, Problem):
        raise intents
    intending.keep(session, intents, at=at)
    return intents[0].id


def end_period(session: Session, period: Period, *, on: date, at: datetime) -> None:
    """End a period before its documents say so: their places in the lists tell every other verifier.

    `on` is the last day through which it holds; the day before it begins, where it is never to begin.
    The caller announces it, last of all: whoever publishes a list holds that before the counter.
    """
    period.ended_on = on
    session.get_one(Credential, period.credential_id).updated_at = at
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
    if form is Format.EDC:
        ensure_code(ports, credential_id, by=by, at=at)  # the picture in it shows the code
    jti = new_jti()
    ahead = intending.ahead_for(ports, credential_id, form, jti=jti, by=by, at=at)
    with ports.database.writing(by.organisation_id) as session:
        credential = intending.for_maker(session, credential_id, by=by, lock=True)
        period = queries.current_period(session, credential, at)
        document = queries.current_document(session, period, form)
        if document is not None and not standing.spent(session, ports.signer, document):
            return Made(credential_id, form, new=False)
        waiting = queries.intent_for(session, period, form)
        if waiting is None:
            at = standing.not_before(credential.created_at, at, "this credential was entered. Set it right")
            standing.require_active(session, credential, period, at)
        wanted = Wanted(entry_of(session, credential, period), form, jti, ahead)
        intent_id = waiting.id if waiting else _intend(session, ports, [wanted], by=by.id, at=at)
    finish(ports, by.organisation_id, intent_id, at=at)
    return Made(credential_id, form, new=waiting is None)


def ensure_document(ports: Ports, credential_id: str, form: Format, *, by: Actor, at: datetime) -> None:
    """See to it that the period in force has a document that can be handed out to whoever may read it.

    A European Digital Credential is made where there is none, and so is an offline QR code that has not
    followed its seal yet. In every format, one that nobody can rely on
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
    elif document is None and form is Format.QR:
        ensure_code(ports, credential_id, by=by, at=at)


def ensure_code(ports: Ports, credential_id: str, *, by: Actor, at: datetime) -> None:
    """Make the offline QR code of the period in force, where it has not followed its seal yet.

    Where it cannot be made, the credential does not stand or a key is away: whoever reads on will see.
    """
    with ports.database.reading(by.organisation_id) as session:
        credential = queries.readable(session, credential_id, by=by)
        period = queries.current_period(session, credential, at)
        if any(document.format == Format.QR for document in period.documents):
            return
    with suppress(Problem):
        accompany(ports, by.organisation_id, [period.id], at=at)


def replace_document(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> bool:
    """Make a document anew that nobody can rely on, at most once; tell whether that was still to be done.

    The credential stays the one it is, with its number and dates. The old document holds until the new one
    is stored, and is then marked as superseded wherever its status is asked about. Of a credential that does
    not stand nothing is made: it is looked at again once it does.
    """
    jti = new_jti()
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
        waiting = queries.intent_for(session, period, form)
        wanted = Wanted(entry_of(session, credential, period), form, jti, ahead)
        intent_id = waiting.id if waiting else _intend(session, ports, [wanted], by=trail.SYSTEM, at=at)
    finish(ports, organisation_id, intent_id, at=at)
    return True


def finish(
    ports: Ports,
    organisation_id: str,
    intent_id: str,
    *,
    at: datetime,
    then: Callable[[Session, Stored], None] | None = None,
) -> None:
    """Sign what an intent says and store the document; if that is done already, do nothing.

    Any number of callers may try at once, after any crash: the signature of the same bytes is the same,
    the intent is gone as soon as its document is there, and its row settles who stores it. What was
    intended in one go is stored in one go, unless the key of what comes after is not to be had: that is
    left to a worker, and what was asked for stands without it. `then` is done in the same transaction.

    What may not be made any more is dropped, with an event, and why is raised.
    """
    with ports.database.reading(organisation_id) as session:
        together = intending.waiting_with(session, intent_id)
    failed = _carry_out(ports, organisation_id, together, at=at, then=then)
    if intent_id in failed:
        raise failed[intent_id]


def _carry_out(
    ports: Ports,
    organisation_id: str,
    intents: Sequence[Intended],
    *,
    at: datetime,
    then: Callable[[Session, Stored], None] | None = None,
) -> dict[str, Problem]:
    """Sign what was committed, and store it in one transaction; tell what came to nothing, and why."""
    outcomes = sealing.seal_all(ports, organisation_id, intents, at=at)
    made = [each for each in outcomes.values() if not isinstance(each, Problem)]
    failed = {name: each for name, each in outcomes.items() if isinstance(each, Problem)}
    try:
        if made:
            with ports.database.writing(organisation_id, much=len(made) > _FEW) as session:
                stored = storing.store_all(session, ports, made, at=at)
                if then is not None:
                    then(session, stored)
            failed |= {name: SigningFailed(REPLACED) for name in stored.stale}
    except CredentialNotActive as refused:
        failed |= {one.id: refused for one, _ in made}
    for intent in intents:
        why = failed.get(intent.id)
        if isinstance(why, CredentialNotActive | TrialCredential):
            storing.drop(ports, organisation_id, intent, why, at=at)
    return failed


def accompany(ports: Ports, organisation_id: str, period_ids: Collection[str], *, at: datetime) -> None:
    """Make the offline QR codes of periods that have none yet, in one go for all of them."""
    with ports.database.writing(organisation_id) as session:
        entries = intending.entries(session, intending.lacking(session, period_ids, Format.QR))
        groups = [intending.wanted(entry, [Format.QR]) for entry in entries.values()]
        outcomes = intending.compose_all(
            session, ports, groups, organisation_id=organisation_id, by=trail.SYSTEM, at=at
        )
        intents = [intent for group in outcomes if not isinstance(group, Problem) for intent in group]
        intending.keep(session, intents, at=at)
    failed = _carry_out(ports, organisation_id, intents, at=at)
    for why in failed.values():
        raise why
    if any(isinstance(each, Problem) for each in outcomes):
        raise GivenUp("Some offline QR codes cannot be made.")  # however often it is tried


def topics(ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def finish_orphan(message: Message) -> None:
        with suppress(CredentialNotActive, TrialCredential):  # dropped, and nobody waits for it here
            finish(ports, message.organisation_id, str(message.body["intent"]), at=ports.clock.now())

    def make_codes(message: Message) -> None:
        periods = message.body["periods"]
        with suppress(TrialCredential):
            accompany(
                ports,
                message.organisation_id,
                [str(each) for each in periods] if isinstance(periods, list) else [],
                at=ports.clock.now(),
            )

    return {FINISH: finish_orphan, ACCOMPANY: make_codes}
