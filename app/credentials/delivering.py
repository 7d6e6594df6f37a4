"""Into the wallet: a holder has their European Digital Credential delivered, and sees what became of it.

Personal data leaves for a third party, so nobody but the holder asks for it, and each time anew. The message
that carries it out holds identifiers alone; the address of a wallet is kept until the delivery is settled.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.ids import new_id
from app.core.labels import Language
from app.credentials import growing, issuing, prolonging, queries, standing
from app.credentials.errors import (
    CredentialHidden,
    CredentialNotActive,
    DeliveriesTooMany,
    DeliveryNotConfigured,
    DeliveryNotFound,
    DeliveryWaiting,
    NotTheHolder,
)
from app.credentials.models import Credential, Delivery, Document, Period
from app.credentials.rules import CredentialState, DeliveryState
from app.formats.claims import Format
from app.organisations import queries as organisations
from app.organisations.idempotency import ANEW, Once
from app.organisations.rules import Actor
from app.outbox import messages, trail
from app.outbox.messages import Message, NotYet
from app.ports import Deposited, DepositRefused, Ports, Recipient, RecipientKind, WalletUnavailable

log: Final = logging.getLogger("sigillo.delivering")
DELIVER: Final = "document.deliver"
GIVE_UP: Final = timedelta(days=7)
A_DAY: Final = timedelta(days=1)
MOST_IN_A_DAY: Final = 5
SHOWN: Final = 50
# A delivery is not begun unless it will be over before the message may be another worker's, and so that
# whatever else a worker has to do never waits long for a wallet service.
SENDING_TAKES: Final = timedelta(seconds=40)

NO_ANSWER: Final = "no-answer"
PROOF_AWAITED: Final = "proof-awaited"
GIVEN_UP: Final = "given-up"
THERE_ALREADY: Final = "there-already"
SUPERSEDED: Final = "superseded"
SEAL_REVOKED: Final = "seal-revoked"


class TooLateToBegin(NotYet):
    """The message will be another worker's before the document could be handed over."""


class ProofAwaited(NotYet):
    """The document's own message has not brought its seal to B-LTA yet."""


def ask(
    ports: Ports,
    credential_id: str,
    *,
    wallet_address: str | None,
    language: Language,
    by: Actor,
    at: datetime,
    once: Once = ANEW,
) -> Delivery:
    """Have the credential's document put into a wallet: one that is named, or that of the holder's e-mail.

    The document is made first, if there is none yet. It is sent in the background, at least once: what
    arrives twice is there once.
    """
    if ports.wallet is None:
        raise DeliveryNotConfigured(
            "The operator has configured no wallet service (`europass_wallet_url`), so nothing was sent. "
            "Download the document, and upload it to your wallet yourself."
        )
    with ports.database.reading(by.organisation_id) as session:
        _require_sendable(session, _own(session, credential_id, by), at)
    issuing.ensure_document(ports, credential_id, Format.EDC, by=by, at=at)
    with ports.database.writing(by.organisation_id) as session:
        once.claim(session)
        credential = queries.by_id(session, credential_id, lock=True)
        period = _require_sendable(session, credential, at)
        document = queries.document(session, period, Format.EDC)
        _require_room(session, credential, document, at)
        delivery = Delivery(
            id=new_id("dlv"),
            organisation_id=credential.organisation_id,
            credential_id=credential.id,
            document_id=document.id,
            recipient=RecipientKind.EMAIL if wallet_address is None else RecipientKind.WALLET,
            address=wallet_address,
            language=language,
            state=DeliveryState.WAITING,
            asked_at=at,
        )
        session.add(delivery)
        messages.leave(
            session, DELIVER, {"delivery": delivery.id}, organisation_id=credential.organisation_id, at=at
        )
        _record(session, "delivery.asked", delivery, by=by.id, at=at)
        once.keep(session, delivery)
        return delivery


def deliveries(session: Session, credential_id: str, *, by: Actor) -> Sequence[Delivery]:
    """List what a holder had delivered of a credential, the newest first."""
    credential = _own(session, credential_id, by)
    return session.scalars(
        select(Delivery)
        .where(Delivery.credential_id == credential.id)
        .order_by(Delivery.asked_at.desc(), Delivery.id)
        .limit(SHOWN)
    ).all()


def withdraw(session: Session, credential_id: str, delivery_id: str, *, by: Actor, at: datetime) -> None:
    """Take the wish back, or forget where the document can be seen; again changes nothing (GDPR, 7(3)).

    What is under way at this moment may still arrive, and the delivery then says so. What lies in a wallet is
    its owner's: they remove it there.
    """
    _own(session, credential_id, by)
    delivery = _held(session, delivery_id)
    if delivery is None or delivery.credential_id != credential_id:
        raise DeliveryNotFound("There is no such delivery here.")
    delivery.viewer_url = None
    if delivery.settle(DeliveryState.WITHDRAWN, None, at=at):
        _record(session, "delivery.withdrawn", delivery, by=by.id, at=at)


def topics(ports: Ports) -> dict[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages."""

    def deliver_it(message: Message) -> None:
        now = ports.clock.now()
        if message.lease_until is not None and now + SENDING_TAKES > message.lease_until:
            raise TooLateToBegin
        deliver(ports, message.organisation_id, str(message.body["delivery"]), at=now)

    return {DELIVER: deliver_it}


def deliver(ports: Ports, organisation_id: str, delivery_id: str, *, at: datetime) -> None:
    """Hand a document over, once its seal is all that it can be; raise where that is to be tried again.

    It asks no authority: the document's own message does, and is waited for, for a day at most.
    After a crash in between it is handed over again: the wallet service has it already, and says so.
    """
    with ports.database.reading(organisation_id) as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None or delivery.state is not DeliveryState.WAITING:
            return
        document_id = delivery.document_id
        obstacle = _obstacle(session, delivery, at)
    obstacle = obstacle or _unproven(ports, delivery, at=at)
    with ports.database.reading(organisation_id) as session:
        sealed = session.get_one(Document, document_id).token
        to = _recipient(session, session.get_one(Delivery, delivery_id))
    if obstacle is not None or to is None:
        _settle(ports, organisation_id, delivery_id, DeliveryState.FAILED, obstacle, at=at)
        return
    if ports.wallet is None:
        raise LookupError("No wallet service is configured any more: see `europass_wallet_url`.")
    try:
        deposited = ports.wallet.deposit(sealed.encode(), to, delivery.language)
    except DepositRefused as refused:
        _settle(ports, organisation_id, delivery_id, DeliveryState.REFUSED, refused.reason.value, at=at)
    except WalletUnavailable:
        _note(ports, organisation_id, delivery_id, NO_ANSWER, at=at)
        raise
    else:
        reason = THERE_ALREADY if deposited.there_already else None
        _settle(ports, organisation_id, delivery_id, DeliveryState.DELIVERED, reason, deposited, at=at)


def _unproven(ports: Ports, delivery: Delivery, *, at: datetime) -> str | None:
    """Wait for all the proof that there will be; tell why a document is not to be sent with what there is."""
    if not ports.time_stamps or not ports.revocation:
        return None
    match prolonging.outlook(ports, delivery.organisation_id, delivery.document_id, at=at):
        case growing.SealRevoked.__name__:
            return SEAL_REVOKED
        case prolonging.WAITS if at < delivery.asked_at + A_DAY:
            _note(ports, delivery.organisation_id, delivery.id, PROOF_AWAITED)
            raise ProofAwaited
        case str(why):  # it becomes no more than it is, or not in time, and so it goes
            log.warning("delivery.as-it-is", extra={"reason": why})
    return None


def _own(session: Session, credential_id: str, by: Actor) -> Credential:
    credential = queries.readable(session, credential_id, by=by)
    if credential.holder_id != by.id:
        raise NotTheHolder(
            "Only the holder sends their credential into a wallet, and sees what became of it."
        )
    return credential


def _require_sendable(session: Session, credential: Credential, at: datetime) -> Period:
    """Find the period whose document may go out: of a credential that stands, and that is not hidden."""
    period = queries.current_period(session, credential, at)
    state = queries.state(session, credential, period, at)
    if state is not CredentialState.ACTIVE:
        raise CredentialNotActive(f"The credential is {state}: it is not sent anywhere.", state=state.value)
    if credential.hidden_at is not None:
        raise CredentialHidden("Show the number again before the credential is sent anywhere.")
    return period


def _require_room(session: Session, credential: Credential, document: Document, at: datetime) -> None:
    """Send nothing twice at once, and nobody's wallet or mailbox full."""
    mine = select(Delivery.id).where(Delivery.credential_id == credential.id)
    if waiting := session.scalars(
        mine.where(Delivery.document_id == document.id, Delivery.state == DeliveryState.WAITING)
    ).first():
        raise DeliveryWaiting("Wait for that delivery, or withdraw it.", delivery=waiting)
    # What a clock dated that stood ahead is not counted: nobody waits for that day.
    a_day = Delivery.asked_at > at - A_DAY, Delivery.asked_at <= at + standing.SKEW
    of_today = mine.where(*a_day).limit(MOST_IN_A_DAY)
    if len(session.scalars(of_today).all()) == MOST_IN_A_DAY:
        raise DeliveriesTooMany(f"A credential is sent {MOST_IN_A_DAY} times a day at most. Try tomorrow.")


def _obstacle(session: Session, delivery: Delivery, at: datetime) -> str | None:
    """Say why a document is not sent any more, if it is not: it must hold at the moment at which it goes."""
    credential = queries.by_id(session, delivery.credential_id)
    try:
        period = _require_sendable(session, credential, at)
    except (CredentialNotActive, CredentialHidden) as no:
        return no.code
    document = queries.current_document(session, period, Format.EDC)
    if document is None or document.id != delivery.document_id:
        return SUPERSEDED
    return GIVEN_UP if at >= delivery.asked_at + GIVE_UP else None


def _recipient(session: Session, delivery: Delivery) -> Recipient | None:
    """Say where it goes; nowhere, if the holder has just thought better of it."""
    address = delivery.address
    if delivery.recipient is RecipientKind.EMAIL:
        holder = queries.by_id(session, delivery.credential_id).holder_id
        address = organisations.person(session, holder).email
    return Recipient(delivery.recipient, address) if address else None


def _held(session: Session, delivery_id: str) -> Delivery | None:
    return session.scalars(
        select(Delivery)
        .where(Delivery.id == delivery_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _note(
    ports: Ports, organisation_id: str, delivery_id: str, reason: str, *, at: datetime | None = None
) -> None:
    """Say why it waits, and when it was tried if it was."""
    with ports.database.writing(organisation_id) as session:
        delivery = _held(session, delivery_id)
        if delivery is not None and delivery.state is DeliveryState.WAITING:
            delivery.tried_at, delivery.reason = at or delivery.tried_at, reason


def _settle(
    ports: Ports,
    organisation_id: str,
    delivery_id: str,
    state: DeliveryState,
    reason: str | None,
    deposited: Deposited | None = None,
    *,
    at: datetime,
) -> None:
    with ports.database.writing(organisation_id) as session:
        delivery = _held(session, delivery_id)
        if delivery is None or not delivery.settle(state, reason, at=at):
            return
        if state is not DeliveryState.FAILED:
            delivery.tried_at = at
        if deposited is not None:
            delivery.viewer_url = deposited.viewer_url
        _record(session, f"delivery.{state}", delivery, by=trail.SYSTEM, at=at)


def _record(session: Session, topic: str, delivery: Delivery, *, by: str, at: datetime) -> None:
    trail.record(
        session,
        topic,
        organisation_id=delivery.organisation_id,
        by=by,
        at=at,
        about={
            "credential": delivery.credential_id,
            "document": delivery.document_id,
            "delivery": delivery.id,
        },
        facts={"to": delivery.recipient.value, "reason": delivery.reason},
    )
