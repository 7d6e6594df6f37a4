"""Reads of the register, inside an organisation. The public's are in `app.verification.statements`."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, aliased, selectinload, undefer

from app.core.days import first_instant_after, local_day, start_of
from app.core.db import EVERY_ORGANISATION
from app.credentials.errors import CredentialNotFound, DocumentNotFound
from app.credentials.models import Credential, Document, Intent, Period, StatusChange, in_force
from app.credentials.rules import CredentialState, PeriodKind, StatusMove, may_read, state_at
from app.formats.claims import Format
from app.organisations import queries as organisations
from app.organisations.models import Mode, Organisation
from app.organisations.rules import Actor

Row = TypeVar("Row", Credential, Intent)

# Without what they say: that can be half a megabyte, and is read only where it is asked for.
_DOCUMENTS: Final = selectinload(Period.documents).defer(Document.token)


def by_id(session: Session, credential_id: str, *, lock: bool = False) -> Credential:
    """Find a credential of the session's organisation; `lock` it when something hangs on how it stands."""
    query = select(Credential).where(Credential.id == credential_id)
    found = session.scalars(_locked(query) if lock else query).first()
    if found is None:
        raise CredentialNotFound("There is no such credential here.")
    return found


def readable(session: Session, credential_id: str, *, by: Actor) -> Credential:
    """Find a credential that the actor may read; for everybody else it does not exist."""
    found = by_id(session, credential_id)
    if not may_read(by, found.holder_id):
        raise CredentialNotFound("There is no such credential here.")
    return found


def current_period(session: Session, credential: Credential, at: datetime) -> Period:
    """Find the period that answers for a credential at an instant: the last that has begun, else the first.

    A renewal may be approved months before its period begins; until then the old one holds.
    """
    periods = session.scalars(
        select(Period).where(Period.credential_id == credential.id).order_by(Period.seq).options(_DOCUMENTS),
        execution_options=EVERY_ORGANISATION,
    ).all()
    return in_force(periods, local_day(at, _zone(session, credential)))


def period(session: Session, credential: Credential, seq: int) -> Period:
    """Find a period of a credential by its place, future ones included."""
    found = session.scalars(
        select(Period).where(Period.credential_id == credential.id, Period.seq == seq).options(_DOCUMENTS)
    ).first()
    if found is None:
        raise DocumentNotFound("The credential has no such period.")
    return found


def last_cycle(session: Session, credential: Credential) -> Period:
    """Find the newest period that a grant or a renewal made, begun or not; bridges apart."""
    return session.scalars(
        select(Period)
        .where(Period.credential_id == credential.id, Period.kind != PeriodKind.BRIDGE)
        .order_by(Period.cycle.desc())
        .limit(1)
    ).one()


def bridge(session: Session, renewal_id: str) -> Period | None:
    """Find the period that covers the holder while this renewal is under review, if one was made."""
    return session.scalars(
        select(Period).where(Period.renewal_id == renewal_id, Period.kind == PeriodKind.BRIDGE)
    ).first()


def state(session: Session, credential: Credential, period: Period, at: datetime) -> CredentialState:
    """Tell how a credential stands in this period of it, by its organisation's calendar."""
    zone = _zone(session, credential)
    return state_at(
        at,
        issued_at=credential.issued_at,
        suspended_at=credential.suspended_at,
        revoked_at=credential.revoked_at,
        closed_at=credential.closed_at,
        valid_from=start_of(period.valid_from, zone),
        valid_until_exclusive=first_instant_after(period.through, zone),
    )


def _zone(session: Session, credential: Credential) -> ZoneInfo:
    return ZoneInfo(organisations.organisation(session, credential.organisation_id).time_zone)


def current_document(session: Session, period: Period, form: Format) -> Document | None:
    """Find the document of a period that nothing has replaced (I15: there is at most one)."""
    return session.scalars(
        select(Document)
        .where(
            Document.period_id == period.id,
            Document.format == form.value,
            Document.superseded_at.is_(None),
        )
        .options(undefer(Document.token)),
        execution_options=EVERY_ORGANISATION,
    ).first()


def lost_documents(
    session: Session, keys: Collection[str], forms: Collection[Format], *, on: date, after: str, limit: int
) -> Sequence[tuple[str, str]]:
    """Name current documents of anyone that one of these keys signed, or whose picture is out of date.

    With their organisations, in the order of their ids; of credentials that stand, in periods that hold on
    this day or will. Of an offline QR code that was replaced, a sealed picture shows the one before. Those
    that were issued for trying are left out where their body is live.
    """
    replaced = aliased(Document)
    outdated = (
        select(replaced.id)
        .where(
            replaced.period_id == Document.period_id,
            replaced.format == Format.QR.value,
            replaced.superseded_at > Document.issued_at,
        )
        .exists()
    )
    rows = session.execute(
        select(Document.organisation_id, Document.id)
        .join(Period, Period.id == Document.period_id)
        .join(Credential, Credential.id == Period.credential_id)
        .join(Organisation, Organisation.id == Credential.organisation_id)
        .where(
            or_(Credential.mode == Mode.LIVE, Organisation.mode == Mode.TEST),
            Document.superseded_at.is_(None),
            Document.format.in_([form.value for form in forms]),
            or_(Document.key_thumbprint.in_(keys), and_(Document.format == Format.EDC.value, outdated)),
            Period.ended_on.is_(None),
            Period.valid_until >= on,
            Credential.closed_at.is_(None),
            Credential.suspended_at.is_(None),
            Document.id > after,
        )
        .order_by(Document.id)
        .limit(limit),
        execution_options=EVERY_ORGANISATION,
    )
    return [(organisation_id, name) for organisation_id, name in rows]


def replaced_since(session: Session, document: Document, form: Format) -> bool:
    """Tell whether the period's document in this format was replaced after this one was made."""
    newer = select(Document.id).where(
        Document.period_id == document.period_id,
        Document.format == form.value,
        Document.superseded_at > document.issued_at,
    )
    return session.scalars(newer.limit(1), execution_options=EVERY_ORGANISATION).first() is not None


def document(session: Session, period: Period, form: Format) -> Document:
    found = current_document(session, period, form)
    if found is None:
        raise DocumentNotFound(f"The credential has no {form} document. It may have to be asked for.")
    return found


def intent(session: Session, intent_id: str, *, lock: bool = False) -> Intent | None:
    query = select(Intent).where(Intent.id == intent_id)
    return session.scalars(_locked(query) if lock else query).first()


def intent_for(session: Session, period: Period, form: Format) -> Intent | None:
    """Find what is about to be signed for a period in this format, if anything is."""
    return session.scalars(
        select(Intent).where(Intent.period_id == period.id, Intent.format == form.value)
    ).first()


def intents_of(session: Session, period: Period) -> Sequence[Intent]:
    return session.scalars(select(Intent).where(Intent.period_id == period.id)).all()


def credentials(
    session: Session,
    *,
    holder_ids: Collection[str] = (),
    scheme_id: str | None = None,
    updated_since: datetime | None = None,
    after: str | None,
    limit: int,
) -> Sequence[Credential]:
    """List credentials, of all or of who is every one of these holders, in the order of their ids."""
    query = select(Credential).order_by(Credential.id).limit(limit)
    for holder_id in holder_ids:
        query = query.where(Credential.holder_id == holder_id)
    if scheme_id is not None:
        query = query.where(Credential.scheme_id == scheme_id)
    if updated_since is not None:
        query = query.where(Credential.updated_at >= updated_since)
    if after is not None:
        query = query.where(Credential.id > after)
    return session.scalars(query).all()


def names_of_documents(session: Session, credential: Credential) -> tuple[list[str], list[str]]:
    """Name the documents whose status follows the credential's: those in force or in the making, and all.

    What is still to be made for a period that was ended is in force no more than what was made for it.
    """
    made = session.execute(
        select(Document.id, Document.superseded_at).join(Period).where(Period.credential_id == credential.id)
    ).all()
    coming = session.execute(
        select(Intent.id, Period.ended_on).join(Period).where(Period.credential_id == credential.id)
    ).all()
    rows = [*made, *coming]
    return [name for name, over in rows if over is None], [name for name, _ in rows]


def last_cause(session: Session, credential: Credential, move: StatusMove) -> str:
    """Tell why a credential was last moved so; nothing if it never was."""
    return (
        session.scalars(
            select(StatusChange.cause)
            .where(StatusChange.credential_id == credential.id, StatusChange.move == move)
            .order_by(StatusChange.id.desc())
            .limit(1)
        ).first()
        or ""
    )


def _locked(query: Select[Row]) -> Select[Row]:
    """Hold the row until commit, and see it as it is once it is held, not as it was read before."""
    return query.with_for_update().execution_options(populate_existing=True)
