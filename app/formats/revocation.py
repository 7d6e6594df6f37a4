"""OCSP answers and CRLs that came with a seal: which of them speak of a certificate, and what they say.

A value counts only if whoever issued the certificate signed it, or named who may (RFC 6960, 4.2.2.2), under a
digest of today. Any of it may be a stranger's: each value is read once, and nothing is made of a name, a list
or an extension before its size is known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from app.formats import der
from app.formats.jose import MAX_CERTIFICATES
from app.formats.x509 import MAX_CERTIFICATE, MOST_NAMESAKES, UNREADABLE, checking_key, issuers_in, readable

MAX_CRL: Final = 4 * 1024 * 1024
MAX_OCSP: Final = 32 * 1024
SKEW: Final = timedelta(minutes=5)  # by so much may the clock of an issuer be ahead of ours

_MOST_ANSWERED: Final = 8  # certificates in one answer; honest ones are asked about one
_UNREADABLE: Final = (*UNREADABLE, InvalidSignature, x509.ExtensionNotFound)
_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_EXPIRED_CERTS_ON_CRL: Final = ObjectIdentifier("2.5.29.60")  # X.509, 9.5.2.8
_ARCHIVE_CUTOFF: Final = ObjectIdentifier("1.3.6.1.5.5.7.48.1.6")  # RFC 6960, 4.4.4
# What makes a list one of some certificates, or of some news (RFC 5280, 5.2.4 and 5.2.5), critical or not.
_PARTIAL: Final = (ExtensionOID.DELTA_CRL_INDICATOR, ExtensionOID.ISSUING_DISTRIBUTION_POINT)
_INTEGER: Final = 0x02
_FIRST: Final = 0xA0  # context tags: a version, or extensions
_BY_NAME: Final = 0xA1
_BY_KEY: Final = 0xA2


class RevocationState(StrEnum):
    """What is known of a certificate besides its dates."""

    GOOD = "good"
    REVOKED = "revoked"
    NOT_COVERED = "not_covered"  # nothing that was brought along speaks of it


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the values say of one certificate, and as of when."""

    certificate: bytes
    state: RevocationState
    source: Literal["ocsp", "crl"] | None = None
    as_of: datetime | None = None
    until: datetime | None = None
    revoked_at: datetime | None = None
    authority: bool = False  # the certificate is one that issues others

    def revoked_by(self, at: datetime) -> bool:
        """Tell whether it was revoked at that time; what was sealed before a revocation stays sealed."""
        return self.revoked_at is not None and self.revoked_at <= at


def coverage_of(
    certificate: bytes, issuer: bytes, *, crls: Sequence[bytes], ocsps: Sequence[bytes]
) -> Coverage:
    """Say what these values say of a certificate: that it is revoked if any does, else the newest."""
    return Said(crls, ocsps).about(certificate, issuer)


class Said:
    """All that issuers said and a seal brings along; what cannot be read says nothing.

    `now` is the time of the question: that a certificate is good cannot be said of a time to come.
    """

    def __init__(self, crls: Iterable[bytes], ocsps: Iterable[bytes], *, now: datetime | None = None) -> None:
        self._lists = [each for each in map(_list, dict.fromkeys(crls)) if each]
        self._answers = [each for each in map(_answer, dict.fromkeys(ocsps)) if each]
        self._latest = now + SKEW if now else None
        self._known: dict[tuple[bytes, bytes], Coverage] = {}

    def about(self, certificate: bytes, issuer: bytes) -> Coverage:
        """Say what is said of a certificate that this issuer issued."""
        if (certificate, issuer) not in self._known:
            found = sorted(self._about(certificate, issuer), key=_weight)
            silent = Coverage(certificate, RevocationState.NOT_COVERED)
            self._known[certificate, issuer] = found[-1] if found else silent
        return self._known[certificate, issuer]

    def _about(self, certificate: bytes, issuer: bytes) -> Iterator[Coverage]:
        subjects, issuers = readable([certificate]), issuers_in([issuer])
        if not subjects or not issuers:
            return
        for found in (*self._by_answers(subjects[0], issuers[0]), *self._by_lists(subjects[0], issuers[0])):
            late = self._latest is not None and found.as_of is not None and found.as_of > self._latest
            if found.state is RevocationState.REVOKED or not late:
                yield found

    def _by_answers(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[Coverage]:
        for answer in self._answers:
            with suppress(*_UNREADABLE):
                about = [single for single in answer.singles if _is_about(single, certificate, issuer)]
                if about and any(
                    each is issuer or self._may_answer(each, issuer, answer.read.produced_at_utc)
                    for each in _responders(answer, issuer)
                ):
                    yield from _told(answer, about, certificate)

    def _may_answer(self, responder: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
        """Whom an issuer named is trusted unasked, or else has to be good itself (RFC 6960, 4.2.2.2.1)."""
        with suppress(x509.ExtensionNotFound):
            responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
            return True
        found = [*self._by_lists(responder, issuer)]
        return bool(found) and all(
            each.state is RevocationState.GOOD and at <= (each.until or each.as_of or at) for each in found
        )

    def _by_lists(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Iterator[Coverage]:
        named = {_subject(issuer): [issuer]}
        for each in self._lists:
            with suppress(*_UNREADABLE):
                if _is_signed(each, named) and _is_whole(each.read, issuer):
                    yield from _listed(each.read, certificate)


@dataclass(frozen=True, slots=True)
class _List:
    read: x509.CertificateRevocationList
    issuer: bytes  # DER
    checked: dict[bytes, bool]  # by certificate, whether its key made the signature


@dataclass(frozen=True, slots=True)
class _Answer:
    read: ocsp.OCSPResponse
    singles: tuple[ocsp.OCSPSingleResponse, ...]
    responder: tuple[int, bytes]  # by what it is named (RFC 6960, 4.2.1: ResponderID), and the DER of that


def _list(crl: bytes) -> _List | None:
    if len(crl) > MAX_CRL:
        return None
    try:
        read = x509.load_der_x509_crl(crl)
    except _UNREADABLE:
        return None
    _, begins, ends = next(der.spans(crl))
    signed = crl[begins:ends]
    parts = [*der.spans(signed)]
    _, begins, ends = parts[2 if parts[0][0] == _INTEGER else 1]
    extensions = [last - first for tag, first, last in parts if tag == _FIRST]
    if max(ends - begins, *extensions, 0) > MAX_CERTIFICATE:
        return None
    return _List(read, signed[begins:ends], {})


def _answer(answer: bytes) -> _Answer | None:
    if len(answer) > MAX_OCSP:
        return None
    try:
        read = ocsp.load_der_ocsp_response(answer)
        singles = tuple(islice(read.responses, _MOST_ANSWERED + 1))
        if len(singles) > _MOST_ANSWERED or len(read.certificates) > MAX_CERTIFICATES:
            return None
        signed = read.tbs_response_bytes
    except _UNREADABLE:
        return None
    tag, begins, ends = next(each for each in der.spans(signed) if each[0] != _FIRST)
    _, inside, _ = next(der.spans(signed[begins:ends]))
    return _Answer(read, singles, (tag, signed[begins:ends][inside:]))


def _subject(certificate: x509.Certificate) -> bytes:
    """Cut the name out as it is written: to make objects of it may take long, and nobody needs them."""
    written = certificate.public_bytes(Encoding.DER)
    _, begins, ends = next(der.spans(written))
    signed = written[begins:ends]
    parts = [*der.spans(signed)]
    _, begins, ends = parts[5 if parts[0][0] == _FIRST else 4]
    return signed[begins:ends]


def _is_signed(crl: _List, issuers: Mapping[bytes, Sequence[x509.Certificate]]) -> bool:
    """Tell whether one of those who bear the name of its issuer signed a list."""
    return any(_has_signed(crl, each) for each in issuers.get(crl.issuer, ())[:MOST_NAMESAKES])


def _has_signed(crl: _List, issuer: x509.Certificate) -> bool:
    name = issuer.public_bytes(Encoding.DER)
    if name not in crl.checked:
        key, crl.checked[name] = checking_key(issuer), False
        with suppress(*_UNREADABLE):
            today = isinstance(crl.read.signature_hash_algorithm, _DIGESTS)
            crl.checked[name] = today and key is not None and crl.read.is_signature_valid(key)
    return crl.checked[name]


def _is_whole(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Tell whether a list is one of all certificates of an issuer, and whether that one may write lists."""
    told = [*crl.extensions]
    return (
        not any(each.critical or each.oid in _PARTIAL for each in told)
        and issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    )


def _listed(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> Iterator[Coverage]:
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None and _forgotten(certificate, crl.last_update_utc, crl.extensions, _EXPIRED_CERTS_ON_CRL):
        return
    yield Coverage(
        certificate.public_bytes(Encoding.DER),
        RevocationState.REVOKED if entry else RevocationState.GOOD,
        "crl",
        crl.last_update_utc,
        crl.next_update_utc,
        entry.revocation_date_utc if entry else None,
        _is_authority(certificate),
    )


def _told(
    answer: _Answer, about: Sequence[ocsp.OCSPSingleResponse], certificate: x509.Certificate
) -> Iterator[Coverage]:
    # Of several the library does not say to which one an extension belongs.
    extensions = answer.read.single_extensions if len(answer.singles) == 1 else ()
    for single in about:
        revoked = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
        if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            continue
        if not revoked and _forgotten(certificate, single.this_update_utc, extensions, _ARCHIVE_CUTOFF):
            continue
        yield Coverage(
            certificate.public_bytes(Encoding.DER),
            RevocationState.REVOKED if revoked else RevocationState.GOOD,
            "ocsp",
            single.this_update_utc,
            single.next_update_utc,
            single.revocation_time_utc,
            _is_authority(certificate),
        )


def _forgotten(
    certificate: x509.Certificate,
    as_of: datetime,
    extensions: Iterable[x509.Extension[x509.ExtensionType]],
    kept_since: ObjectIdentifier,
) -> bool:
    """Tell whether silence may mean that it ended: issuers need not remember who was revoked before that.

    They may say since when they do, in an extension that tells a time (RFC 5280, 3.3 and RFC 6960, 4.4.4).
    """
    ended = certificate.not_valid_after_utc
    if as_of <= ended:
        return False
    for each in extensions:
        if each.oid == kept_since and isinstance(each.value, x509.UnrecognizedExtension):
            since = asn1.decode_der(asn1.GeneralizedTime, each.value.value).as_datetime()
            return since.replace(tzinfo=UTC) > ended
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _UNREADABLE:
        return False


def _weight(coverage: Coverage) -> tuple[bool, datetime]:
    assert coverage.as_of is not None  # noqa: S101 -- for the type checker: what was found has a date
    return coverage.state is RevocationState.REVOKED, coverage.as_of


def _is_about(
    single: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> bool:
    if single.serial_number != certificate.serial_number:
        return False
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
    return (single.issuer_name_hash, single.issuer_key_hash) == (
        asked.issuer_name_hash,
        asked.issuer_key_hash,
    )


def _responders(answer: _Answer, issuer: x509.Certificate) -> Iterator[x509.Certificate]:
    """Find who signed an answer: the issuer, or whom it named for that (RFC 6960, 4.2.2.2)."""
    if _is_named(answer, issuer) and _answered(answer.read, issuer):
        yield issuer
    for each in answer.read.certificates:
        with suppress(*_UNREADABLE):
            named = _is_named(answer, each) and _is_responder(each, issuer, answer.read.produced_at_utc)
            if named and _answered(answer.read, each):
                yield each


def _is_named(answer: _Answer, responder: x509.Certificate) -> bool:
    tag, named = answer.responder
    if tag == _BY_NAME:
        return _subject(responder) == named
    # The same digest of a key, which a subject key identifier often is (RFC 6960, 4.2.1).
    key = x509.SubjectKeyIdentifier.from_public_key(responder.public_key()).digest
    return tag == _BY_KEY and named == der.element(der.OCTETS, key)


def _is_responder(each: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    purposes = each.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if (
        ExtendedKeyUsageOID.OCSP_SIGNING not in purposes
        or not isinstance(each.signature_hash_algorithm, _DIGESTS)
        or not each.not_valid_before_utc <= at <= each.not_valid_after_utc
    ):
        return False
    each.verify_directly_issued_by(issuer)
    return True


def _answered(answer: ocsp.OCSPResponse, responder: x509.Certificate) -> bool:
    key, digest = checking_key(responder), answer.signature_hash_algorithm
    if not isinstance(digest, _DIGESTS):
        return False
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey():
                key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))
            case _:
                return False
    except InvalidSignature:
        return False
    return True
