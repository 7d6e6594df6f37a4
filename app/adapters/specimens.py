"""One document of every kind about nobody, to try a key with: made of what issuing is made of, never kept.

Its holder is called SPECIMEN, its number is all noughts, it says TEST, and no register knows it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from app.adapters.authority import Body
from app.attestation.sheet import Sheet, as_pngs
from app.core.labels import Labels
from app.core.numbers import CredentialNumber
from app.formats import bitstring, edc, jades, keylist, q1, tokenlist, vc
from app.formats.claims import Claims, Format, StatusEntry
from app.formats.edc_lints import EdcDraft, meaning_faults
from app.formats.edc_lints import lint as lint_edc
from app.formats.edc_reading import read_edc
from app.formats.jose import assemble, open_compact
from app.formats.lints import lint, lint_qr
from app.formats.published import did_of
from app.formats.strict import Malformed, write_json
from app.ports import PublicKey, Slot
from app.schemes.catalogue import catalogue

HOLDER: Final = "SPECIMEN Senza Valore"
_DOCUMENT: Final = "urn:uuid:00000000-0000-4000-8000-000000000000"
_SUBJECT: Final = "urn:uuid:00000000-0000-4000-8000-000000000001"
_LIFE: Final = timedelta(days=1)
_LIST: Final = (1, 0)  # a list, and a position in it
_CODE: Final = 1


class Opened(Protocol):
    """A document taken apart by the strict reader of its format."""

    @property
    def signing_input(self) -> bytes: ...

    def verified_by(self, jwk: Mapping[str, object]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Specimen:
    """What a key would sign, what the lints say of it, and how the signed document is read back."""

    name: str
    unsigned: bytes
    faults: tuple[str, ...]
    opened: Callable[[bytes], Opened]  # of the signature


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every specimen is made of."""

    key: PublicKey
    claims: Claims
    public_url: str
    at: datetime

    @property
    def did(self) -> str:
        return did_of(self.public_url)


def specimens(
    key: PublicKey, *, public_url: str, signing_time: jades.SigningTime, at: datetime
) -> Iterator[Specimen]:
    """Compose whatever the key of this slot signs; raises `Malformed` or a `Problem` where that cannot be."""
    at = at.replace(microsecond=0)
    bench = _Bench(key, _claims(key, public_url, at), public_url, at)
    match key.slot:
        case Slot.SEAL:
            yield from _credentials(bench)
            yield _key_list(bench)
        case Slot.EDC_SEAL:
            yield _edc(bench, signing_time)
        case Slot.STATUS:
            yield from _status_lists(bench)
        case Slot.QR:
            yield _qr(bench)


def _claims(key: PublicKey, public_url: str, at: datetime) -> Claims:
    from cryptography.x509 import load_der_x509_certificate

    scheme = catalogue().schemes[-1]
    named = Body.of(load_der_x509_certificate(key.chain[0])).organisation
    place = f"{public_url}/specimen"
    return Claims(
        document_id=_DOCUMENT,
        subject_id=_SUBJECT,
        issuer_id=did_of(public_url),
        issuer_name=named or "SPECIMEN",
        issuer_url=public_url,
        number=str(CredentialNumber.draw(scheme.code, at.year, bits=0)),
        holder_name=HOLDER,
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_title=scheme.title,
        scheme_description=scheme.mission,
        scheme_url=f"{public_url}/schemes/{scheme.id}",
        standard=scheme.reference.standard,
        claim_wording=scheme.wording.claim,
        criteria=scheme.narrative,
        valid_from=at,
        valid_until=at + _LIFE,
        issued_at=at,
        status=(StatusEntry(place, 0, "revocation"), StatusEntry(place, 0, "suspension")),
        test=True,
    )


def _credentials(bench: _Bench) -> Iterator[Specimen]:
    from dataclasses import replace

    stems = catalogue().schemes[-1].wording.forbidden_stems
    for form in (Format.VC_JWT, Format.OB_JWT):
        # Open Badges know one status.
        claims = (
            bench.claims if form is Format.VC_JWT else replace(bench.claims, status=bench.claims.status[1:])
        )
        unsigned = vc.unsigned(form, claims, bench.key, bench.public_url)
        found = tuple(f"{fault.lint}: {fault.words}" for fault in lint(unsigned, claims, stems))
        yield Specimen(form.value, unsigned, found, _compact(unsigned))


def _key_list(bench: _Bench) -> Specimen:
    issuer = keylist.Issuer(_CODE, bench.claims.issuer_name, bench.public_url, "test")
    said = keylist.key_list(bench.did, (), [issuer], (), at=bench.at)
    unsigned = keylist.unsigned_key_list(bench.did, bench.key, said)
    return Specimen(
        "the list of QR keys", unsigned, (), lambda signed: keylist.open_key_list(assemble(unsigned, signed))
    )


def _status_lists(bench: _Bench) -> Iterator[Specimen]:
    until, place = bench.at + _LIFE, f"{bench.public_url}/specimen"
    bits = bitstring.StatusList(place, bench.did, "revocation", bitstring.encode(()), bench.at, until)
    tokens = tokenlist.TokenList(place, bench.did, tokenlist.encode({}, 8), bench.at, until, 1)
    for name, unsigned in (
        ("bitstring status lists", bitstring.unsigned_status_list(bits, bench.key)),
        ("token status lists", tokenlist.unsigned_token_list(tokens, bench.key)),
    ):
        yield Specimen(name, unsigned, (), _compact(unsigned))


def _qr(bench: _Bench) -> Specimen:
    claims, scheme = bench.claims, catalogue().schemes[-1]
    content = q1.Content(
        issuer_code=_CODE,
        document_id=claims.document_id,
        valid_from=claims.valid_from,
        valid_until=claims.valid_until,
        name=claims.holder_name,
        scheme=f"{scheme.code}/{scheme.version}",
        list_id=_LIST[0],
        index=_LIST[1],
        test=True,
    )
    unsigned = q1.unsigned(content, q1.kid_of(bench.key.chain[0]))
    found = lint_qr(unsigned, claims, content, key=bench.key, public_url=bench.public_url)
    faults = tuple(f"{fault.lint}: {fault.words}" for fault in found)
    return Specimen(
        "offline QR codes",
        unsigned,
        faults,
        lambda signed: q1.decode_q1(q1.assemble(unsigned, q1.low_s(signed))),
    )


def _edc(bench: _Bench, signing_time: jades.SigningTime) -> Specimen:
    claims, scheme = bench.claims, catalogue().schemes[-1]
    body = edc.body_of(bench.key.chain[0])
    link = f"{bench.public_url}/v/{claims.number}"
    page = Sheet(
        body=body.legal_name,
        mark=None,
        holder=claims.holder_name,
        profile=scheme.title,
        standard=scheme.reference.standard,
        claim=scheme.wording.claim,
        number=claims.number,
        valid_from=claims.valid_from.date(),
        valid_until=claims.valid_until.date(),
        link=link,
        address=f"{bench.public_url.partition('://')[2]}/v",
        test=True,
    )
    groups = scheme.competences
    composed = edc.compose(
        claims,
        body,
        as_pngs(page),
        verification_url=link,
        assessment=edc.Assessment(bench.at, Labels(it="SPECIMEN", en="SPECIMEN")),
        outcomes=tuple(
            edc.Outcome(each.label)
            for each in (*groups.technical, *groups.cross_functional, *groups.cross_cutting)
        ),
    )
    draft = EdcDraft(composed, claims, body, scheme.wording.forbidden_stems, True, link)
    header = jades.protected_header(bench.key, at=bench.at, signing_time=signing_time, kind="edc")
    unsigned = jades.unsigned_seal(header, write_json(composed)).signing_input

    def opened(signed: bytes) -> Opened:
        seal = jades.read_seal(jades.assemble(unsigned, signed).general())
        if read_edc(seal.payload.encode()).number != claims.number:
            raise Malformed("a credential that says another number than it was given")
        return seal

    faults = (*lint_edc(composed), *meaning_faults(draft))
    return Specimen(
        "European Digital Credentials",
        unsigned,
        tuple(f"{fault.rule}: {fault.words} ({fault.clause})" for fault in faults),
        opened,
    )


def _compact(unsigned: bytes) -> Callable[[bytes], Opened]:
    return lambda signed: open_compact(assemble(unsigned, signed), limit=bitstring.MAX_TOKEN)
