"""The register as its readers see it: an entry with its holder, its dates and its documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.attestation.marks import mark_of
from app.attestation.sheet import Sheet
from app.core.clock import iso_duration
from app.credentials import queries
from app.credentials.errors import CredentialNotActive, LintFailed, QrLeadsNowhere
from app.credentials.models import Credential, Document, Period
from app.credentials.rules import CredentialState, PeriodKind
from app.formats.claims import TEST_MARK, Format
from app.formats.q1 import link
from app.formats.qualified import Answer, qualified
from app.organisations import queries as organisations
from app.organisations.models import Mode
from app.ports import Ports, PublicKey
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

# A page does not say that its credential was suspended or revoked; from when until when it holds it does.
PRINTED: Final = frozenset({CredentialState.ACTIVE, CredentialState.NOT_YET_VALID, CredentialState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Filed:
    """A document that was just stored, without its content."""

    id: str
    format: Format
    issued_at: datetime
    superseded_at: datetime | None
    sha256: str


@dataclass(frozen=True, slots=True)
class FirstPeriod:
    """The period that a credential was just issued for."""

    valid_from: date
    valid_until: date
    documents: Sequence[Filed]
    seq: int = 1
    kind: PeriodKind = PeriodKind.GRANT
    cycle: int = 1
    ended_on: date | None = None


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
    documents: Sequence[Document | Filed]
    periods: Sequence[Period | FirstPeriod]


def address_of(session: Session, ports: Ports, credential: Credential) -> str:
    """Tell under which address the body of a credential issues."""
    body = organisations.organisation(session, credential.organisation_id)
    return body.address(ports.settings.public_url)


def verify_url(base_url: str, number: str) -> str:
    """Give the address that anybody may open to check a credential by its number."""
    return f"{base_url}/v/{number}"


def qr_text(session: Session, ports: Ports, credential: Credential, *, at: datetime) -> str:
    """Give the text of its QR code: the offline QR of the period in force, else the address of its page.

    See `qr_text_of` for where there is none.
    """
    return qr_text_of(session, ports, credential, queries.current_period(session, credential, at))


def qr_text_of(session: Session, ports: Ports, credential: Credential, period: Period) -> str:
    """Give the text of the QR code of a period.

    Where the page answers to nobody, `QrLeadsNowhere` is raised: its holder hid the number, or its body
    closed all look-ups, and then it does not help to show the number again.
    """
    document = queries.current_document(session, period, Format.QR)
    if document is not None:
        return link(address_of(session, ports, credential), document.token)
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
    return verify_url(address_of(session, ports, credential), credential.number)


def sheet(session: Session, ports: Ports, credential: Credential, *, at: datetime) -> Sheet:
    """Put together what stands on the attestation of the period in force.

    Raises `CredentialNotActive` for a credential of which a page would say too much, `LintFailed` where the
    page would use words that the scheme's route leaves to others.
    """
    period = queries.current_period(session, credential, at)
    state = queries.state(session, credential, period, at)
    if state not in PRINTED:
        raise CredentialNotActive(f"The credential is {state}: a page would not say so.", state=state.value)
    return sheet_of(session, ports, credential, period)


def sheet_of(
    session: Session,
    ports: Ports,
    credential: Credential,
    period: Period,
    *,
    sealed_by: PublicKey | None = None,
) -> Sheet:
    """Put together what stands on the page of a period, however the credential stands by now.

    A page that will lie inside a document names the seal of that one, under the key `sealed_by`; any other
    page that of the documents that stand.
    """
    organisation = organisations.organisation(session, credential.organisation_id)
    scheme = catalogue().version(credential.scheme_id, period.scheme_version)
    found = Sheet(
        body=organisation.legal_name,
        mark=mark_of(ports.settings.marks_folder, organisation.id),
        holder=organisations.person(session, credential.holder_id).name_on_credential,
        profile=scheme.title,
        standard=scheme.reference.standard,
        claim=scheme.wording.claim,
        number=credential.number,
        valid_from=period.valid_from,
        valid_until=period.through,
        link=qr_text_of(session, ports, credential, period),
        address=f"{address_of(session, ports, credential).partition('://')[2]}/v",
        test=credential.mode is Mode.TEST,
        clock_offset=iso_duration(ports.clock.offset),
        qualified=_seals_qualified(ports, period, sealed_by),
    )
    _keep_to_the_words(found, scheme)
    return found


def _seals_qualified(ports: Ports, period: Period, sealed_by: PublicKey | None) -> bool:
    """Tell whether a page may call its seal qualified: by trusted lists in force, of every seal it may mean.

    A page on paper does not say which document is its original, so all that stand have to bear one. An
    offline QR code is no seal.
    """
    offset = ports.clock.offset  # lists know nothing of a demonstration's clock
    now = ports.clock.now() - offset
    published = {key.thumbprint: key for key in ports.signer.published()}
    standing = [each for each in period.documents if each.superseded_at is None and each.format != Format.QR]
    sealed = (
        [(sealed_by, now)]
        if sealed_by is not None
        else [(published.get(each.key_thumbprint), each.issued_at - offset) for each in standing]
    )
    lists = ports.trusted_lists.current() if ports.trusted_lists else None
    return bool(sealed) and all(
        key is not None
        and not (key.development or key.compromised_at)
        and qualified(key.chain, lists, sealed_at=at, now=now).answer is Answer.YES
        for key, at in sealed
    )


def edc_file_name(session: Session, credential: Credential, period: Period) -> str:
    """Name its European Digital Credential as the Commission's platform does: whose it is, and what.

    By its number, where the scheme's policy leaves the name out.
    """
    scheme = catalogue().version(credential.scheme_id, period.scheme_version)
    holder = organisations.person(session, credential.holder_id).name_on_credential
    whose = holder if "name" in scheme.credential_claims.edc else credential.number
    return f"{whose} - {TEST_MARK if credential.mode is Mode.TEST else ''}{scheme.title.it}.jsonld"


def _keep_to_the_words(page: Sheet, scheme: Scheme) -> None:
    """Law 4/2013: an association attests, and keeps off the words of others, on paper too (I20)."""
    stems = {stem for said in page.statements() for stem in scheme.wording.forbidden_in(said)}
    if stems:
        raise LintFailed(
            "The page was not made: see `findings` for the words that its route must not use.",
            findings=[{"lint": "wording", "words": f"it says “{stem}…”"} for stem in sorted(stems)],
        )


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
        mode=credential.mode,
        valid_from=period.valid_from,
        valid_until=period.through,
        issued_at=credential.issued_at,
        verify_url=verify_url(address_of(session, ports, credential), credential.number),
        hidden_at=credential.hidden_at,
        documents=period.documents,
        periods=credential.periods,
    )
