"""What a document will say, to the byte: composed from the register, linted before any key is used."""

import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core.clock import iso_duration
from app.core.days import last_second_of, start_of
from app.credentials.errors import DevelopmentKey, LintFailed, TrialCredential
from app.credentials.learning import Draft, draft_of, write_edc
from app.credentials.models import Credential, Period
from app.formats import q1, vc
from app.formats.bitstring import MIN_SIZE
from app.formats.claims import Claims, Format
from app.formats.lints import Finding, lint, lint_qr
from app.formats.published import did_of
from app.formats.x509 import life_of
from app.organisations import queries as organisations
from app.organisations.models import Mode
from app.organisations.queries import Body
from app.ports import KeyNotUsable, Ports, PublicKey, Signer, Slot
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme
from app.status import publishing
from app.status.models import ListKind
from app.status.service import Place

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


NIL: Final = uuid.UUID(int=0).urn
FAR: Final = Place(65_535, MIN_SIZE - 1)  # a place that takes as much room as any that there will be


@dataclass(frozen=True, slots=True)
class Composed:
    """The exact bytes that will be signed, and the key that they name."""

    unsigned: bytes
    key: PublicKey
    draft: Draft | None = None  # what they say, where they can be written ahead


@dataclass(frozen=True, slots=True)
class Entry:
    """A credential in one of its periods, as its documents tell of it."""

    credential_id: str
    number: str
    subject_id: str
    holder_id: str
    holder_name: str
    scheme_id: str
    mode: Mode
    period_id: str
    scheme_version: str
    valid_from: date
    valid_until: date
    ground: Mapping[str, str]  # what the period rests on, as events name it


def entry_of(session: Session, credential: Credential, period: Period) -> Entry:
    """Read what documents will tell of a credential in a period."""
    return Entry(
        credential_id=credential.id,
        number=credential.number,
        subject_id=credential.subject_id,
        holder_id=credential.holder_id,
        holder_name=organisations.person(session, credential.holder_id).name_on_credential,
        scheme_id=credential.scheme_id,
        mode=credential.mode,
        period_id=period.id,
        scheme_version=period.scheme_version,
        valid_from=period.valid_from,
        valid_until=period.valid_until,
        ground=period.ground,
    )


class Composer:
    """Writes documents of the session's organisation as of one instant, for the keys that sign now.

    What they have in common is looked up once. It belongs to the transaction that it was made in.
    """

    def __init__(self, session: Session, ports: Ports, *, at: datetime) -> None:
        self.organisation = organisations.body_of(session)
        self._base_url = self.organisation.address(ports.settings.public_url)
        self._session = session
        self._ports = ports
        self._at = at
        self._zone = ZoneInfo(self.organisation.time_zone)
        self._keys: dict[tuple[Slot, Mode], PublicKey] = {}
        self._roomy: set[tuple[object, ...]] = set()
        self._alike: dict[tuple[object, ...], Callable[..., Claims]] = {}

    def compose(
        self,
        entry: Entry,
        form: Format,
        *,
        jti: str,
        place: Place | None = None,
        ahead: Composed | None = None,
    ) -> Composed:
        """Write a document for the key that signs now; raise `LintFailed` where it would break a rule.

        What was written `ahead` is taken as it is, unless the register says something else by now.
        """
        if form is Format.EDC:
            draft = self.draft_edc(entry, jti=jti)
            return ahead if ahead is not None and ahead.draft == draft else write_ahead(draft)
        scheme = catalogue().version(entry.scheme_id, entry.scheme_version)
        key = self.key(SLOTS[form], entry.mode)
        claims = self._claims(entry, form, jti, place)
        if form is Format.QR:
            if place is None:
                raise ValueError("An offline QR has a place in a list.")
            content = _content(claims, self.organisation, scheme, place)
            unsigned = q1.unsigned(content, q1.kid_of(key.chain[0]))
            findings = lint_qr(unsigned, claims, content, key=key, public_url=self._base_url)
        else:
            unsigned = vc.unsigned(form, claims, key, self._base_url)
            findings = lint(unsigned, claims, scheme.wording.forbidden_stems)
        _refuse(findings)
        return Composed(unsigned, key)

    def require_room(self, entry: Entry) -> None:
        """Refuse a name that is too long for the offline QR code; raise what `compose` would."""
        name = unicodedata.normalize("NFC", entry.holder_name)
        scheme = (len(name.encode()), bool(name.strip()), entry.scheme_id, entry.scheme_version, entry.mode)
        if scheme not in self._roomy:
            self.compose(entry, Format.QR, jti=NIL, place=FAR)
            self._roomy.add(scheme)

    def draft_edc(self, entry: Entry, *, jti: str) -> Draft:
        """Read what a European Digital Credential is to say, which takes a moment; see `write_ahead`."""
        key = self.key(Slot.EDC_SEAL, entry.mode)
        credential = self._session.get_one(Credential, entry.credential_id)
        period = self._session.get_one(Period, entry.period_id)
        scheme = catalogue().version(entry.scheme_id, entry.scheme_version)
        claims = self._claims(entry, Format.EDC, jti, None)
        return draft_of(self._session, self._ports, credential, period, claims, key, scheme)

    def key(self, slot: Slot, mode: Mode) -> PublicKey:
        """Choose the key for what was issued in this mode."""
        if (slot, mode) not in self._keys:
            self._keys[slot, mode] = _signing_key(self._ports.signer, self.organisation, mode, slot, self._at)
        return self._keys[slot, mode]

    def _claims(self, entry: Entry, form: Format, jti: str, place: Place | None) -> Claims:
        which = (entry.scheme_id, entry.scheme_version, entry.mode, entry.valid_from, entry.valid_until)
        alike = self._alike.get(which)
        if alike is None:
            alike = self._alike[which] = self._said_of_all(entry)
        return alike(
            document_id=jti,
            subject_id=entry.subject_id,
            number=entry.number,
            holder_name=entry.holder_name,
            status=()
            if place is None
            else publishing.entries(self._base_url, LISTS[form], place.list_id, place.index),
        )

    def _said_of_all(self, entry: Entry) -> Callable[..., Claims]:
        """Write what all documents of a scheme say alike, for the same days; the rest is yet to be said."""
        scheme = catalogue().version(entry.scheme_id, entry.scheme_version)
        return partial(
            Claims,
            issuer_id=did_of(self._base_url),
            issuer_name=self.organisation.legal_name,
            issuer_url=self.organisation.url,
            scheme_id=scheme.id,
            scheme_version=scheme.version,
            scheme_title=scheme.title,
            scheme_description=scheme.mission,
            scheme_url=f"{self._base_url}/schemes/{scheme.id}",
            standard=scheme.reference.standard,
            claim_wording=scheme.wording.claim,
            criteria=scheme.narrative,
            valid_from=start_of(entry.valid_from, self._zone),
            valid_until=last_second_of(entry.valid_until, self._zone),
            issued_at=self._at,
            test=entry.mode is Mode.TEST,
            clock_offset=iso_duration(self._ports.clock.offset),
        )


def draft_edc(
    session: Session, ports: Ports, credential: Credential, period: Period, *, jti: str, at: datetime
) -> Draft:
    """Read what a European Digital Credential is to say, which takes a moment; see `write_ahead`."""
    composer = Composer(session, ports, at=at)
    return composer.draft_edc(entry_of(session, credential, period), jti=jti)


def write_ahead(draft: Draft) -> Composed:
    """Write a European Digital Credential for `compose`, in no transaction: drawing takes its time."""
    unsigned, findings = write_edc(draft)
    _refuse(findings)
    return Composed(unsigned, draft.key, draft)


def _refuse(findings: Sequence[Finding]) -> None:
    if findings:
        raise LintFailed(
            "The document was not made: see `findings` for each rule that it would break.",
            findings=[{"lint": finding.lint, "words": finding.words} for finding in findings],
        )


def _content(claims: Claims, organisation: Body, scheme: Scheme, place: Place) -> q1.Content:
    """Pick what the offline QR says of the claims; it has no room for more."""
    named = "name" in scheme.credential_claims.qr
    return q1.Content(
        issuer_code=organisation.issuer_code,
        document_id=claims.document_id,
        valid_from=claims.valid_from,
        valid_until=claims.valid_until,
        name=unicodedata.normalize("NFC", claims.holder_name) if named else None,
        scheme=f"{scheme.code}/{scheme.version}",
        list_id=place.list_id,
        index=place.index,
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


def _signing_key(signer: Signer, organisation: Body, mode: Mode, slot: Slot, at: datetime) -> PublicKey:
    """Choose the key. Nothing of a live organisation, lists included, is signed by a key made for trying.

    Nor does it seal anything more of what was issued for trying, whoever asks and whatever it would say.
    The seal of European Digital Credentials is asked for by them alone: a body need not have one.
    """
    if organisation.mode is Mode.LIVE and mode is Mode.TEST:
        raise TrialCredential(
            "It was issued while the body was trying things out, and the body is live. What was made of it "
            "says TEST and stays; no more is made. Revoke it, and have the person granted one that counts."
        )
    if Mode.LIVE in {organisation.mode, mode}:
        needed = [each for each in Slot if each is slot or each is not Slot.EDC_SEAL]
        trial = [each.value for each in needed if signer.current(each, organisation.id).development]
        if trial:
            raise DevelopmentKey(
                "A live organisation signs with keys that were bought or made for it. See keys/README.md.",
                slots=[*trial],
            )
    key = signer.current(slot, organisation.id)
    if not (key.serves(organisation.id) and key.speaks_for(organisation.issuer_code)):
        raise KeyNotUsable(
            f"The key for {slot} is another body's own, and what it signed here would never be valid. See "
            "`sigillo keys list`.",
            slot=slot.value,
        )
    require_in_force(key, at)
    return key
