"""What a document will say, to the byte: composed from the register, linted before any key is used."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core.clock import iso_duration
from app.core.days import last_second_of, start_of
from app.credentials.errors import DevelopmentKey, LintFailed, TrialCredential
from app.credentials.learning import Draft, draft_of, write_edc
from app.credentials.models import Credential, Period
from app.formats import q1, vc
from app.formats.claims import Claims, Format, StatusEntry
from app.formats.lints import Finding, lint, lint_qr
from app.formats.published import did_of
from app.formats.x509 import life_of
from app.organisations import queries as organisations
from app.organisations.models import Mode, Organisation
from app.ports import KeyNotUsable, Ports, PublicKey, Signer, Slot
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme
from app.status.models import ListKind

# Which key makes which document. That of the QR code is its own: what it signs is never a seal.
SLOTS: Final[Mapping[Format, Slot]] = {
    Format.VC_JWT: Slot.SEAL,
    Format.OB_JWT: Slot.SEAL,
    Format.QR: Slot.QR,
    Format.EDC: Slot.EDC_SEAL,
}
LISTS: Final[Mapping[Format, ListKind]] = {
    Format.VC_JWT: ListKind.CREDENTIAL,
    Format.OB_JWT: ListKind.BADGE,
    Format.QR: ListKind.QR,
}


@dataclass(frozen=True, slots=True)
class Composed:
    """The exact bytes that will be signed, and the key that they name."""

    unsigned: bytes
    key: PublicKey
    draft: Draft | None = None  # what they say, where they can be written ahead


def compose(
    session: Session,
    ports: Ports,
    credential: Credential,
    period: Period,
    form: Format,
    *,
    jti: str,
    status: tuple[StatusEntry, ...],
    place: tuple[int, int] | None,
    at: datetime,
    ahead: Composed | None = None,
) -> Composed:
    """Write a document for the key that signs now; raise `LintFailed` where it would break a rule.

    `place` is its list and its position there, if it has one; `status` says the same in the words of the W3C.
    What was written `ahead` is taken as it is, unless the register says something else by now.
    """
    if form is Format.EDC:
        draft = draft_edc(session, ports, credential, period, jti=jti, at=at)
        return ahead if ahead is not None and ahead.draft == draft else write_ahead(draft)
    organisation, scheme = _grounds(session, credential, period)
    key = _signing_key(ports.signer, organisation, credential, SLOTS[form], at)
    claims = _claims(session, ports, credential, period, jti=jti, status=status, at=at)
    base_url = ports.settings.public_url
    if form is Format.QR:
        if place is None:
            raise ValueError("An offline QR has a place in a list.")
        content = _content(claims, organisation, scheme, place)
        unsigned = q1.unsigned(content, q1.kid_of(key.chain[0]))
        findings = lint_qr(unsigned, claims, content, key=key, public_url=base_url)
    else:
        unsigned = vc.unsigned(form, claims, key, base_url)
        findings = lint(unsigned, claims, scheme.wording.forbidden_stems)
    _refuse(findings)
    return Composed(unsigned, key)


def draft_edc(
    session: Session, ports: Ports, credential: Credential, period: Period, *, jti: str, at: datetime
) -> Draft:
    """Read what a European Digital Credential is to say, which takes a moment; see `write_ahead`."""
    organisation, scheme = _grounds(session, credential, period)
    key = _signing_key(ports.signer, organisation, credential, Slot.EDC_SEAL, at)
    claims = _claims(session, ports, credential, period, jti=jti, status=(), at=at)
    return draft_of(session, ports, credential, period, claims, key, scheme)


def write_ahead(draft: Draft) -> Composed:
    """Write a European Digital Credential for `compose`, in no transaction: drawing takes its time."""
    unsigned, findings = write_edc(draft)
    _refuse(findings)
    return Composed(unsigned, draft.key, draft)


def _grounds(session: Session, credential: Credential, period: Period) -> tuple[Organisation, Scheme]:
    return (
        organisations.organisation(session, credential.organisation_id),
        catalogue().version(credential.scheme_id, period.scheme_version),
    )


def _refuse(findings: Sequence[Finding]) -> None:
    if findings:
        raise LintFailed(
            "The document was not made: see `findings` for each rule that it would break.",
            findings=[{"lint": finding.lint, "words": finding.words} for finding in findings],
        )


def _claims(
    session: Session,
    ports: Ports,
    credential: Credential,
    period: Period,
    *,
    jti: str,
    status: tuple[StatusEntry, ...],
    at: datetime,
) -> Claims:
    organisation, scheme = _grounds(session, credential, period)
    holder = organisations.person(session, credential.holder_id)
    zone, base_url = ZoneInfo(organisation.time_zone), ports.settings.public_url
    return Claims(
        document_id=jti,
        subject_id=credential.subject_id,
        issuer_id=did_of(base_url),
        issuer_name=organisation.legal_name,
        issuer_url=organisation.url,
        number=credential.number,
        holder_name=holder.name_on_credential,
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_title=scheme.title,
        scheme_description=scheme.mission,
        scheme_url=f"{base_url}/schemes/{scheme.id}",
        standard=scheme.reference.standard,
        claim_wording=scheme.wording.claim,
        criteria=scheme.narrative,
        valid_from=start_of(period.valid_from, zone),
        valid_until=last_second_of(period.valid_until, zone),
        issued_at=at,
        status=status,
        test=credential.mode is Mode.TEST,
        clock_offset=iso_duration(ports.clock.offset),
    )


def _content(
    claims: Claims, organisation: Organisation, scheme: Scheme, place: tuple[int, int]
) -> q1.Content:
    """Pick what the offline QR says of the claims; it has no room for more."""
    named = "name" in scheme.credential_claims.qr
    return q1.Content(
        issuer_code=organisation.issuer_code,
        document_id=claims.document_id,
        valid_from=claims.valid_from,
        valid_until=claims.valid_until,
        name=unicodedata.normalize("NFC", claims.holder_name) if named else None,
        scheme=f"{scheme.code}/{scheme.version}",
        list_id=place[0],
        index=place[1],
        test=claims.test,
    )


def require_in_force(key: PublicKey, at: datetime) -> None:
    """Refuse a key whose certificate has ended or not begun: what it signed now would be worth nothing."""
    begins, ends = life_of(key.chain)
    if at > ends:
        raise KeyNotUsable(
            f"The certificate of the key for {key.slot} ended on {ends:%Y-%m-%d}. Nothing is lost: once the "
            "next key is there (`sigillo keys rotate`), what waits is signed with it.",
            slot=key.slot.value,
        )
    if at < begins:
        raise KeyNotUsable(
            f"The certificate of the key for {key.slot} begins on {begins:%Y-%m-%d}, and the clock of this "
            "service shows an earlier day. Nothing is lost: what waits is signed once the clock is right.",
            slot=key.slot.value,
        )


def _signing_key(
    signer: Signer, organisation: Organisation, credential: Credential, slot: Slot, at: datetime
) -> PublicKey:
    """Choose the key. Nothing of a live organisation, lists included, is signed by a key made for trying.

    Nor does it seal anything more of what was issued for trying, whoever asks and whatever it would say.
    The seal of European Digital Credentials is asked for by them alone: a body need not have one.
    """
    if organisation.mode is Mode.LIVE and credential.mode is Mode.TEST:
        raise TrialCredential(
            "It was issued while the body was trying things out, and the body is live. What was made of it "
            "says TEST and stays; no more is made. Revoke it, and have the person granted one that counts."
        )
    if Mode.LIVE in {organisation.mode, credential.mode}:
        needed = [each for each in Slot if each is slot or each is not Slot.EDC_SEAL]
        trial = [each.value for each in needed if signer.current(each).development]
        if trial:
            raise DevelopmentKey(
                "A live organisation signs with keys that were bought or made for it. See keys/README.md.",
                slots=[*trial],
            )
    key = signer.current(slot)
    require_in_force(key, at)
    return key
