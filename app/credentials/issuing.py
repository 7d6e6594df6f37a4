"""Issuing: a decision becomes a credential, in the order that certificate authorities keep.

Lock the decision, compose, lint, commit the intent, sign, compare, verify with the published key, store and
announce. Documents made later, and those resumed after a crash, go the same way.
"""

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.days import anniversary
from app.core.errors import Problem
from app.core.ids import new_id
from app.core.numbers import CredentialNumber
from app.credentials import prolonging, queries
from app.credentials.composing import (
    SLOTS,
    Composed,
    compose,
    draft_edc,
    require_in_force,
    write_ahead,
)
from app.credentials.errors import (
    CredentialIssuedAlready,
    CredentialNotActive,
    CredentialNotFound,
    CredentialOpenAlready,
    OwnCredential,
    TrialCredential,
)
from app.credentials.models import Credential, Document, Intent, Period
from app.credentials.rules import CredentialState, PeriodKind, may_read
from app.decisions import queries as decisions
from app.decisions.models import Decision
from app.dossiers.models import Dossier
from app.formats.claims import Format, StatusEntry
from app.organisations import service as organisations
from app.organisations.errors import PermissionMissing
from app.organisations.idempotency import ANEW, Once
from app.organisations.models import Organisation, Person
from app.organisations.rules import Actor, Permission
from app.outbox import changes, messages, trail
from app.outbox.messages import Message
from app.ports import KeyNotUsable, Ports, Signer
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme
from app.status import publishing
from app.status.errors import SigningFailed
from app.status.models import ListKind, Standing
from app.status.service import set_standing, take_position
from app.status.signing import signed, signed_edc, signed_qr

log: Final = logging.getLogger("sigillo.issuing")
FINISH: Final = "issuance.finish"
# Whoever left the intent has this long to finish it; after that a worker takes it for an orphan.
LEASE: Final = timedelta(seconds=30)
SKEW: Final = timedelta(minutes=1)  # between the clocks of two machines
LISTS: Final[Mapping[Format, ListKind]] = {
    Format.VC_JWT: ListKind.CREDENTIAL,
    Format.OB_JWT: ListKind.BADGE,
    Format.QR: ListKind.QR,
}
# How each is signed, and the result written; a European Digital Credential has no place for a status.
SIGNED: Final[Mapping[Format, Callable[[Signer, str, bytes], str]]] = {
    Format.VC_JWT: signed,
    Format.OB_JWT: signed,
    Format.QR: signed_qr,
    Format.EDC: signed_edc,
}
# What every period has, made in one go and in this order: the seal first, by which a credential is public.
MADE_TOGETHER: Final = (Format.VC_JWT, Format.QR)


@dataclass(frozen=True, slots=True)
class Made:
    """A document that is there now; `new` if this call was the first to ask for it."""

    credential_id: str
    form: Format
    new: bool


def issue(ports: Ports, decision_id: str, *, by: Actor, at: datetime, once: Once = ANEW) -> str:
    """Turn a favourable decision into a signed credential, at most once; return the credential's id.

    The intent is committed before the key is used, and the document leaves the server
    only after it is stored with its announcement. So no credential of ours can be in
    the world and missing from our books. Asked again with the same key, it finishes what it began.
    """
    with ports.database.writing(by.organisation_id) as session:
        begun = once.claim(session)
        if begun is None:
            decision = decisions.granted(session, decision_id)
            at = _not_before(decision.published_at, at, "the decision was published. Set it right")
            credential, period = _register(session, decision, by=by, at=at)
            intent = _intend_all(session, ports, credential, period, by=by.id, at=at)
            begun = once.begin(session, credential=credential.id, intent=intent.id)
    credential_id = begun["credential"]
    try:
        finish(
            ports,
            by.organisation_id,
            begun["intent"],
            at=at,
            then=lambda session: once.keep(session, credential_id),
        )
    except SigningFailed as failed:
        raise SigningFailed(failed.detail, credential=credential_id) from failed
    return credential_id


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
    return _intend_all(session, ports, credential, period, by=by, at=at).id


def end_period(session: Session, period: Period, *, on: date, at: datetime) -> None:
    """End a period before its documents say so: their places in the lists tell every other verifier.

    `on` is the last day through which it holds; the day before it begins, where it is never to begin.
    The caller announces it, last of all: whoever publishes a list holds that before the counter.
    """
    period.ended_on = on
    session.get_one(Credential, period.credential_id).updated_at = at
    _supersede(session, period, at=at)


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
    ahead = _ahead(ports, credential_id, form, jti=jti, by=by, at=at)
    with ports.database.writing(by.organisation_id) as session:
        credential = _for_maker(session, credential_id, by=by, lock=True)
        period = queries.current_period(session, credential, at)
        document = queries.current_document(session, period, form)
        if document is not None and not spent(session, ports.signer, document):
            return Made(credential_id, form, new=False)
        intent = queries.intent_for(session, period, form)
        if new := intent is None:
            at = _not_before(credential.created_at, at, "this credential was entered. Set it right")
            _require_active(session, credential, period, at)
            intent = _intend(session, ports, credential, period, form, jti=jti, ahead=ahead, by=by.id, at=at)
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
        outdated = document is not None and spent(session, ports.signer, document)
    if outdated:
        with suppress(Problem):
            issue_document(ports, credential_id, form, by=by, at=at)
    elif document is None and form is Format.EDC:
        issue_document(ports, credential_id, form, by=by, at=at)


def spent(session: Session, signer: Signer, document: Document) -> bool:
    """Tell whether a document is to be made anew, though nothing it says has changed.

    Its key is in other hands, so that it proves nothing to whoever cannot ask us; or the picture in it shows
    an offline QR code of which that was so.
    """
    if document.key_thumbprint in lost_keys(signer):
        return True
    return document.format == Format.EDC and queries.replaced_since(session, document, Format.QR)


def lost_keys(signer: Signer) -> frozenset[str]:
    """Name our keys that are, or may be, in other hands."""
    return frozenset(key.thumbprint for key in signer.published() if key.compromised_at is not None)


def replace_document(ports: Ports, organisation_id: str, document_id: str, *, at: datetime) -> bool:
    """Make a document anew that nobody can rely on, at most once; tell whether that was still to be done.

    The credential stays the one it is, with its number and dates. The old document holds until the new one
    is stored, and is then marked as superseded wherever its status is asked about. Of a credential that does
    not stand nothing is made: it is looked at again once it does.
    """
    jti = uuid.uuid4().urn
    ahead = _ahead_of(ports, organisation_id, document_id, jti=jti, at=at)
    with ports.database.writing(organisation_id) as session:
        document = session.get_one(Document, document_id)
        period = session.get_one(Period, document.period_id)
        credential = queries.by_id(session, period.credential_id, lock=True)
        session.refresh(document)
        session.refresh(period)
        form = Format(document.format)
        if document.superseded_at is not None or not spent(session, ports.signer, document):
            return False
        if not _is_to_hold(session, credential, period, at):
            return False
        intent = queries.intent_for(session, period, form)
        if intent is None:
            intent = _intend(
                session, ports, credential, period, form, jti=jti, ahead=ahead, by=trail.SYSTEM, at=at
            )
    finish(ports, organisation_id, intent.id, at=at)
    return True


def finish(
    ports: Ports,
    organisation_id: str,
    intent_id: str,
    *,
    at: datetime,
    then: Callable[[Session], None] | None = None,
) -> None:
    """Sign what an intent says and store the document; if that is done already, do nothing.

    Any number of callers may try at once, after any crash: the signature of the same bytes is the same,
    the intent is gone as soon as its document is there, and its row settles who stores it. What was
    intended in one go is stored in one go, unless the key of what comes after is not to be had: that is
    left to a worker, and what was asked for stands without it.

    What may not be made any more is dropped, with an event, and why is raised.
    """
    try:
        _finish(ports, organisation_id, intent_id, at=at, then=then)
    except (CredentialNotActive, TrialCredential) as refused:
        _drop(ports, organisation_id, intent_id, refused, at=at)
        raise


def _finish(
    ports: Ports,
    organisation_id: str,
    intent_id: str,
    *,
    at: datetime,
    then: Callable[[Session], None] | None,
) -> None:
    made: dict[str, tuple[bytes, str]] = {}
    for waiting in _waiting(ports, organisation_id, intent_id):
        try:
            intent = _current(ports, organisation_id, waiting, at)
            if intent is not None:
                made[intent.id] = intent.unsigned, _signed(ports, intent, at=at)
        except (SigningFailed, KeyNotUsable):
            if intent_id not in made:
                raise
    if made:
        with ports.database.writing(organisation_id) as session:
            _store_all(session, ports, made, intent_id, at=at)
            if then is not None:
                then(session)


def topics(ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def finish_orphan(message: Message) -> None:
        with suppress(CredentialNotActive, TrialCredential):  # dropped, and nobody waits for it here
            finish(ports, message.organisation_id, str(message.body["intent"]), at=ports.clock.now())

    return {FINISH: finish_orphan}


def _register(session: Session, decision: Decision, *, by: Actor, at: datetime) -> tuple[Credential, Period]:
    """Enter the credential and its first period in the register, if nothing forbids it."""
    if taken := queries.credential_from(session, decision.id):
        raise CredentialIssuedAlready("This decision has its credential already.", credential=taken.id)
    holder_id = session.get_one(Dossier, decision.dossier_id).applicant_id
    if holder_id == by.id:
        raise OwnCredential("Another registrar issues this credential.")
    # Two grants for one person may be issued at once: the second waits here, and then sees the first's entry.
    session.execute(select(Person.id).where(Person.id == holder_id).with_for_update(key_share=True))
    if held := queries.open_credential(session, holder_id, decision.scheme_id):
        raise CredentialOpenAlready(
            "The holder has an open credential of this scheme. It is renewed, or closed first.",
            credential=held.id,
        )
    scheme = catalogue().version(decision.scheme_id, decision.scheme_version)
    today = organisations.today_of(session, decision.organisation_id, at)
    _require_membership(session, holder_id, scheme, today)
    credential = Credential(
        id=new_id("crd"),
        organisation_id=decision.organisation_id,
        number=str(CredentialNumber.draw(scheme.code, today.year)),
        holder_id=holder_id,
        scheme_id=scheme.id,
        subject_id=uuid.uuid4().urn,
        mode=session.get_one(Organisation, decision.organisation_id).mode,
        anchor=today,
        created_at=at,
    )
    period = Period(
        id=new_id("prd"),
        organisation_id=decision.organisation_id,
        credential_id=credential.id,
        seq=1,
        kind=PeriodKind.GRANT,
        cycle=1,
        decision_id=decision.id,
        scheme_version=scheme.version,
        valid_from=today,
        valid_until=anniversary(today, scheme.validity.period.years),
    )
    session.add(credential)
    session.flush()
    session.add(period)
    session.flush()
    return credential, period


def _require_membership(session: Session, holder_id: str, scheme: Scheme, on: date) -> None:
    rules = scheme.admission.membership
    if rules.required and "issuance" in rules.at:
        organisations.require_membership(session, holder_id, on)


def _require_active(session: Session, credential: Credential, period: Period, at: datetime) -> None:
    state = queries.state(session, credential, period, at)
    if state is not CredentialState.ACTIVE:
        raise CredentialNotActive(f"The credential is {state}.", state=state.value)


def _require_sealable(session: Session, intent: Intent, credential: Credential, at: datetime) -> None:
    """Refuse to seal what would be taken at its word, of a credential that has ceased to stand meanwhile.

    A document with a place in a list may come late: its place was told already.
    """
    if Format(intent.format) not in LISTS:
        period = session.get_one(Period, intent.period_id)
        _require_active(session, credential, period, at)
        if period.ended_on is not None:
            raise CredentialNotActive("The period has given way to another.", state="superseded")


def _is_to_hold(session: Session, credential: Credential, period: Period, at: datetime) -> bool:
    """Tell whether a period holds or will, so that its documents are worth making anew."""
    state = queries.state(session, credential, period, at)
    return period.ended_on is None and state in {CredentialState.ACTIVE, CredentialState.NOT_YET_VALID}


def _intend_all(
    session: Session, ports: Ports, credential: Credential, period: Period, *, by: str, at: datetime
) -> Intent:
    """Write down all that every period has; give the seal's intent, which stands for them all."""
    intents = [
        _intend(session, ports, credential, period, form, jti=uuid.uuid4().urn, by=by, at=at)
        for form in MADE_TOGETHER
    ]
    return intents[0]


def _for_maker(session: Session, credential_id: str, *, by: Actor, lock: bool = False) -> Credential:
    """Find a credential for somebody who may have documents made of it."""
    credential = queries.by_id(session, credential_id, lock=lock)
    if not may_read(by, credential.holder_id):
        raise CredentialNotFound("There is no such credential here.")
    if credential.holder_id != by.id and not by.may(Permission.CREDENTIALS_ISSUE):
        raise PermissionMissing("Documents are made for the holder, or by those who issue.")
    return credential


def _ahead(
    ports: Ports, credential_id: str, form: Format, *, jti: str, by: Actor, at: datetime
) -> Composed | None:
    """Write what takes long before anything is locked for it; None where nothing of the kind is to be made.

    Why not, if it was asked for in vain, is for the transaction to say.
    """
    if form is not Format.EDC:
        return None
    with ports.database.reading(by.organisation_id) as session:
        credential = _for_maker(session, credential_id, by=by)
        period = queries.current_period(session, credential, at)
        document = queries.current_document(session, period, form)
        if (
            queries.state(session, credential, period, at) is not CredentialState.ACTIVE
            or (document is not None and not spent(session, ports.signer, document))
            or queries.intent_for(session, period, form)
        ):
            return None
        draft = draft_edc(session, ports, credential, period, jti=jti, at=at)
    return write_ahead(draft)


def _ahead_of(
    ports: Ports, organisation_id: str, document_id: str, *, jti: str, at: datetime
) -> Composed | None:
    """Write in the same way what is to take a document's place."""
    with ports.database.reading(organisation_id) as session:
        document = session.get_one(Document, document_id)
        period = session.get_one(Period, document.period_id)
        credential = queries.by_id(session, period.credential_id)
        if document.format != Format.EDC or not _is_to_hold(session, credential, period, at):
            return None
        draft = draft_edc(session, ports, credential, period, jti=jti, at=at)
    return write_ahead(draft)


def _ahead_anew(ports: Ports, intent: Intent, at: datetime) -> Composed | None:
    """Write what an intent is to say under the key that signs now, in the same way."""
    if intent.format != Format.EDC:
        return None
    with ports.database.reading(intent.organisation_id) as session:
        period = session.get_one(Period, intent.period_id)
        credential = queries.by_id(session, period.credential_id)
        draft = draft_edc(session, ports, credential, period, jti=intent.jti, at=at)
    return write_ahead(draft)


def _intend(
    session: Session,
    ports: Ports,
    credential: Credential,
    period: Period,
    form: Format,
    *,
    jti: str,
    by: str,
    at: datetime,
    ahead: Composed | None = None,
) -> Intent:
    """Write down what will be signed, to the byte, and leave word to finish it if we cannot."""
    intent = Intent(
        id=new_id("doc"),
        organisation_id=credential.organisation_id,
        period_id=period.id,
        format=form.value,
        jti=jti,
        created_by=by,
        created_at=at,
    )
    if form in LISTS:
        chosen, intent.list_index = take_position(
            session, LISTS[form], intent.id, organisation_id=credential.organisation_id, at=at
        )
        intent.list_id = chosen.id
    _write(intent, _composed(session, ports, intent, credential, period, at, ahead))
    session.add(intent)
    messages.leave(
        session,
        FINISH,
        {"intent": intent.id},
        organisation_id=credential.organisation_id,
        at=at,
        due_at=at + LEASE,
    )
    _record(session, "issuance.intended", intent, credential, period, at)
    session.flush()
    return intent


def _waiting(ports: Ports, organisation_id: str, intent_id: str) -> list[Intent]:
    """Read an intent, and what was intended in one go with it, in the order in which they are signed."""
    with ports.database.reading(organisation_id) as session:
        asked = queries.intent(session, intent_id)
        if asked is None:
            return []
        together = [asked]
        if asked.format in MADE_TOGETHER:
            waiting = queries.intents_of(session, session.get_one(Period, asked.period_id))
            together = [each for form in MADE_TOGETHER for each in waiting if each.format == form]
    return together


def _current(ports: Ports, organisation_id: str, intent: Intent, at: datetime) -> Intent | None:
    """Give an intent whose key still signs. One whose key has retired since is composed anew in its place.

    Number, dates, the document's name and its position stay; the header changes, by its key and its time.
    What the clock puts into the future is left until it has caught up: nothing is signed as of two times.
    """
    at = _not_before(
        intent.created_at,
        at,
        "this document was written. Nothing is lost: it is signed once the clock is right",
    )
    if Format(intent.format) not in LISTS:
        with ports.database.reading(organisation_id) as session:
            period = session.get_one(Period, intent.period_id)
            _require_sealable(session, intent, queries.by_id(session, period.credential_id), at)
    key = ports.signer.current(SLOTS[Format(intent.format)])
    current = key.thumbprint
    if intent.key_thumbprint == current:
        require_in_force(key, at)
        return intent
    ahead = _ahead_anew(ports, intent, at)
    with ports.database.writing(organisation_id) as session:
        held = queries.intent(session, intent.id, lock=True)
        if held is not None and held.key_thumbprint != current:
            period = session.get_one(Period, held.period_id)
            credential = queries.by_id(session, period.credential_id)
            _write(held, _composed(session, ports, held, credential, period, at, ahead))
            _record(session, "issuance.composed-anew", held, credential, period, at)
    return held


def _not_before(instant: datetime | None, at: datetime, what: str) -> datetime:
    """Refuse a clock that has gone back behind what is known to have happened; give the later of the two.

    Within the skew of two machines the fact is taken for the present: no document is older than its ground.
    """
    if instant is None:
        return at
    if at < instant - SKEW:
        words = f"The clock of this service has gone back behind {instant:%Y-%m-%d %H:%M} UTC, when {what}."
        log.error("clock.behind", extra={"reason": words})
        raise SigningFailed(words)
    return max(at, instant)


def _signed(ports: Ports, intent: Intent, *, at: datetime) -> str:
    # A list must be there before any document names it, or the first verifier meets a 404.
    if intent.list_id is not None:
        publishing.ensure_published(ports, intent.list_id, at=at)
    return SIGNED[Format(intent.format)](ports.signer, intent.key_thumbprint, intent.unsigned)


def _composed(
    session: Session,
    ports: Ports,
    intent: Intent,
    credential: Credential,
    period: Period,
    at: datetime,
    ahead: Composed | None,
) -> Composed:
    form = Format(intent.format)
    status, place = tuple[StatusEntry, ...](), None
    if intent.list_id is not None and intent.list_index is not None:
        place = (intent.list_id, intent.list_index)
        status = publishing.entries(ports.settings.public_url, LISTS[form], *place)
    return compose(
        session,
        ports,
        credential,
        period,
        form,
        jti=intent.jti,
        status=status,
        place=place,
        at=at,
        ahead=ahead,
    )


def _write(intent: Intent, composed: Composed) -> None:
    intent.unsigned = composed.unsigned
    intent.key_thumbprint = composed.key.thumbprint


def _store_all(
    session: Session, ports: Ports, made: Mapping[str, tuple[bytes, str]], asked: str, *, at: datetime
) -> None:
    """Store what nobody else has stored, and tell everybody, in one transaction.

    What was asked for does not hang on what comes after it.
    """
    intents = {name: queries.intent(session, name, lock=True) for name in made}
    settled, numbers = False, set[str]()
    for name, (unsigned, token) in made.items():
        intent = intents[name]
        if intent is not None and intent.unsigned == unsigned:
            numbers.add(_store(session, intent, token, at=at))
            prolonging.leave_word(session, ports, intent, at=at)
        elif intent is not None and not settled:
            raise SigningFailed(
                "The key was replaced meanwhile. The document will be signed with the new one."
            )
        settled = settled or name == asked
    for number in numbers:
        changes.announce(session, f"credential:{number}", at=at)


def _store(session: Session, intent: Intent, token: str, *, at: datetime) -> str:
    """Put the document where its intent was; return the number under which everybody is to be told."""
    period = session.get_one(Period, intent.period_id)
    credential = queries.by_id(session, period.credential_id, lock=True)
    session.refresh(period)  # a review may have ended it while the credential was waited for
    _require_sealable(session, intent, credential, at)
    before = queries.current_document(session, period, Format(intent.format))
    if before is not None:
        before.superseded_at = at
        set_standing(session, [before.id], Standing.SUPERSEDED)
    # Of the signed bytes: a digest of unsigned ones would let anybody find the name by trying names.
    sha256 = hashlib.sha256(token.encode()).hexdigest()
    session.add(
        Document(
            id=intent.id,
            organisation_id=intent.organisation_id,
            period_id=intent.period_id,
            format=intent.format,
            jti=intent.jti,
            token=token,
            sha256=sha256,
            key_thumbprint=intent.key_thumbprint,
            list_id=intent.list_id,
            list_index=intent.list_index,
            issued_at=at,
            superseded_at=at if period.ended_on else None,  # the review ended it before it was signed
            level=prolonging.FIRST.get(intent.format),
        )
    )
    if intent.format == Format.VC_JWT and credential.revoked_at is None:
        for older in credential.periods:
            if older.ended_on is not None and older.seq < period.seq:
                _supersede(session, older, at=at)
    topic = "document.issued"
    if credential.issued_at is None and intent.format == Format.VC_JWT:
        credential.issued_at = at
        topic = "credential.issued"
    replaced = {} if before is None else {"replaces": before.id}
    _record(session, topic, intent, credential, period, at, sha256=sha256, **replaced)
    session.delete(intent)
    credential.updated_at = at
    return credential.number


def _drop(
    ports: Ports,
    organisation_id: str,
    intent_id: str,
    refused: CredentialNotActive | TrialCredential,
    *,
    at: datetime,
) -> None:
    """Give up what may not be made any more, unless that has changed while the credential was waited for."""
    with ports.database.writing(organisation_id) as session:
        asked = queries.intent(session, intent_id, lock=True)
        if asked is None:
            return
        period = session.get_one(Period, asked.period_id)
        credential = queries.by_id(session, period.credential_id, lock=True)
        session.refresh(period)
        if isinstance(refused, CredentialNotActive):
            with suppress(CredentialNotActive):
                _require_sealable(session, asked, credential, at)
                return
        if credential.issued_at is None:
            credential.closed_at = credential.updated_at = (
                at  # it never comes to be, and keeps no place for itself
            )
        _record(session, "issuance.dropped", asked, credential, period, at, reason=refused.code)
        session.delete(asked)


def _supersede(session: Session, period: Period, *, at: datetime) -> None:
    """Let everybody know that the documents of a period hold no more."""
    names = [document.id for document in period.documents if document.superseded_at is None]
    for document in period.documents:
        document.superseded_at = document.superseded_at or at
    # What is only intended yet has its place already, and is stored under the same name.
    names += [coming.id for coming in queries.intents_of(session, period)]
    set_standing(session, names, Standing.SUPERSEDED)


def _record(
    session: Session,
    topic: str,
    intent: Intent,
    credential: Credential,
    period: Period,
    at: datetime,
    **facts: str,
) -> None:
    trail.record(
        session,
        topic,
        organisation_id=intent.organisation_id,
        by=intent.created_by,
        at=at,
        about={"credential": credential.id, **period.ground, "document": intent.id},
        facts={
            "number": credential.number,
            "format": intent.format,
            "key": intent.key_thumbprint,
            **({} if intent.list_id is None else {"list": intent.list_id, "index": intent.list_index}),
            **facts,
        },
    )
