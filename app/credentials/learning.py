"""A European Digital Credential from the register: the claims of every format, and what it alone says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from app.attestation.sheet import Sheet, as_pngs
from app.core.labels import Labels
from app.credentials import register
from app.credentials.models import Credential, Period
from app.decisions import queries as decisions
from app.formats import edc
from app.formats.claims import Claims
from app.formats.edc_lints import EdcDraft, lint, meaning_faults
from app.formats.jades import SigningTime, protected_header, unsigned_seal
from app.formats.lints import Finding
from app.formats.strict import Malformed, write_json
from app.ports import KeyNotUsable, Ports, PublicKey
from app.schemes.scheme import Scheme

# A credential comes of a grant alone, so there is one grade; points are nobody else's business.
GRADE: Final = Labels(it="Idoneo", en="Competent")


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a European Digital Credential will say, as the register had it at a moment, and who seals."""

    claims: Claims
    page: Sheet
    assessment: edc.Assessment | None
    scheme: Scheme
    link: str
    key: PublicKey
    signing_time: SigningTime


def draft_of(
    session: Session,
    ports: Ports,
    credential: Credential,
    period: Period,
    claims: Claims,
    key: PublicKey,
    scheme: Scheme,
) -> Draft:
    """Read what it will say. Two drafts that are equal are written as the same bytes."""
    page = register.sheet_of(session, ports, credential, period, sealed_by=key)
    return Draft(
        claims=claims,
        page=page if _named(scheme) else replace(page, holder=credential.number),
        assessment=_assessment(session, credential, scheme),
        scheme=scheme,
        link=register.verify_url(register.address_of(session, ports, credential), credential.number),
        key=key,
        signing_time=ports.settings.edc_signing_time,
    )


def write_edc(draft: Draft) -> tuple[bytes, Sequence[Finding]]:
    """Write the exact bytes that will be sealed, pictures and all, and what the lints find of them.

    Raises `KeyNotUsable` where the certificate does not say which body seals (ETSI EN 319 412-3, 4.2.1).
    """
    body, named = _body(draft.key), _named(draft.scheme)
    composed = edc.compose(
        draft.claims,
        body,
        as_pngs(draft.page),
        verification_url=draft.link,
        assessment=draft.assessment,
        outcomes=tuple(_outcomes(draft.scheme)),
        named=named,
    )
    forbidden = draft.scheme.wording.forbidden_stems
    meant = EdcDraft(composed, draft.claims, body, forbidden, named, draft.link)
    faults = [*lint(composed), *meaning_faults(meant)]
    header = protected_header(
        draft.key, at=draft.claims.issued_at, signing_time=draft.signing_time, kind="edc"
    )
    unsigned = unsigned_seal(header, write_json(composed)).signing_input
    return unsigned, [Finding(fault.rule, f"{fault.words} ({fault.clause})") for fault in faults]


def _named(scheme: Scheme) -> bool:
    return "name" in scheme.credential_claims.edc


def _body(key: PublicKey) -> edc.Body:
    try:
        return edc.body_of(key.chain[0])
    except Malformed as lacking:
        raise KeyNotUsable(
            f"The key for {key.slot} has {lacking}: nobody could tell from it which body seals. "
            "See keys/README.md.",
            slot=key.slot.value,
        ) from None


def _assessment(session: Session, credential: Credential, scheme: Scheme) -> edc.Assessment | None:
    """Say when the committee decided; a renewal is decided by rules alone, so its grade is the grant's."""
    granted = next((period.decision_id for period in credential.periods if period.decision_id), None)
    decision = decisions.by_id(session, granted) if granted else None
    if decision is None or decision.published_at is None:
        return None
    return edc.Assessment(decision.published_at, GRADE if "grade" in scheme.credential_claims.edc else None)


def _outcomes(scheme: Scheme) -> Iterator[edc.Outcome]:
    """Say what the scheme asks of its holders; codes are the whole profile's, and only those it has."""
    frameworks = scheme.credential_claims.frameworks
    if frameworks.esco or frameworks.e_cf:
        yield edc.Outcome(
            scheme.title,
            esco=tuple(edc.Skill(code) for code in frameworks.esco),
            e_cf=tuple(edc.Skill(code) for code in frameworks.e_cf),
        )
    groups = scheme.competences
    for competence in (*groups.technical, *groups.cross_functional, *groups.cross_cutting):
        yield edc.Outcome(competence.label)
