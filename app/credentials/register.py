"""The register as its readers see it: an entry with its holder, its dates and its documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.credentials import queries
from app.credentials.errors import QrLeadsNowhere
from app.credentials.models import Credential, Document, Period
from app.credentials.rules import CredentialState
from app.formats.claims import Format
from app.formats.q1 import link
from app.organisations import queries as organisations
from app.organisations.models import Mode
from app.ports import Ports


@dataclass(frozen=True, slots=True)
class Entry:
    """A credential with all that goes with it, as it stands at an instant."""

    id: str
    number: str
    holder: str
    holder_name: str
    scheme: str
    state: CredentialState
    mode: Mode
    valid_from: date
    valid_until: date
    issued_at: datetime | None
    verify_url: str
    hidden_at: datetime | None
    documents: Sequence[Document]
    periods: Sequence[Period]


def verify_url(ports: Ports, credential: Credential) -> str:
    """Give the address that anybody may open to check a credential by its number."""
    return f"{ports.settings.public_url}/v/{credential.number}"


def qr_text(session: Session, ports: Ports, credential: Credential, *, at: datetime) -> str:
    """Give the text of its QR code: the offline QR of the period in force, else the address of its page.

    Where the page answers to nobody, `QrLeadsNowhere` is raised: its holder hid the number, or its body
    closed all look-ups, and then it does not help to show the number again.
    """
    period = queries.current_period(session, credential, at)
    document = queries.current_document(session, period, Format.QR)
    if document is not None:
        return link(ports.settings.public_url, document.token)
    if not organisations.organisation(session, credential.organisation_id).register_open:
        raise QrLeadsNowhere(
            "The period in force has no offline QR code, and the body has closed all look-ups: the page of "
            "the number answers nobody. Have the document made in the format `qr`.",
            state="closed",
        )
    if credential.hidden_at is not None:
        raise QrLeadsNowhere(
            "The period in force has no offline QR code, and the number is hidden: its page answers nobody. "
            "Have the document made in the format `qr`, or show the number again.",
            state="hidden",
        )
    return verify_url(ports, credential)


def entry(session: Session, ports: Ports, credential: Credential, *, at: datetime) -> Entry:
    """Put together what a reader wants to know of a credential, in the period it is in."""
    period = queries.current_period(session, credential, at)
    return Entry(
        id=credential.id,
        number=credential.number,
        holder=credential.holder_id,
        holder_name=organisations.person(session, credential.holder_id).name_on_credential,
        scheme=credential.scheme_id,
        state=queries.state(session, credential, period, at),
        mode=Mode(organisations.organisation(session, credential.organisation_id).mode),
        valid_from=period.valid_from,
        valid_until=period.through,
        issued_at=credential.issued_at,
        verify_url=verify_url(ports, credential),
        hidden_at=credential.hidden_at,
        documents=period.documents,
        periods=credential.periods,
    )
