"""OCSP answers and CRLs that came with a seal: which of them speak of a certificate, and what they say.

A value counts only if whoever issued the certificate signed it, or named who may (RFC 6960, 4.2.2.2).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.formats.jose import MAX_CERTIFICATES
from app.formats.x509 import UNREADABLE

MAX_CRL: Final = 4 * 1024 * 1024
MAX_OCSP: Final = 64 * 1024

_UNREADABLE: Final = (*UNREADABLE, InvalidSignature, x509.ExtensionNotFound)


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
    reason: str | None = None

    def revoked_by(self, at: datetime) -> bool:
        """Tell whether it was revoked at that time; what was sealed before a revocation stays sealed."""
        return self.revoked_at is not None and self.revoked_at <= at


def coverage_of(
    certificate: bytes, issuer: bytes, *, crls: Sequence[bytes], ocsps: Sequence[bytes]
) -> Coverage:
    """Say what these values say of a certificate: that it is revoked if any does, else the newest."""
    found = sorted(_found(certificate, issuer, crls, ocsps), key=_weight)
    return found[-1] if found else Coverage(certificate, RevocationState.NOT_COVERED)


def all_signed(issuers: Sequence[bytes], *, crls: Sequence[bytes], ocsps: Sequence[bytes]) -> bool:
    """Tell whether one of these certificates, or whom it named, signed each of the values."""
    above: list[x509.Certificate] = []
    for issuer in dict.fromkeys(issuers):
        with suppress(*_UNREADABLE):
            above.append(x509.load_der_x509_certificate(issuer))
    try:
        return all(_ocsp_signed(answer, above) for answer in ocsps) and all(
            _crl_signed(crl, above) for crl in crls
        )
    except _UNREADABLE:
        return False


def _ocsp_signed(answer: bytes, issuers: Sequence[x509.Certificate]) -> bool:
    if len(answer) > MAX_OCSP:
        return False
    read = ocsp.load_der_ocsp_response(answer)
    if len(read.certificates) > MAX_CERTIFICATES:  # each costs a signature
        return False
    asked = {(single.hash_algorithm.name, single.issuer_name_hash) for single in read.responses}
    return any(
        _answered(read, responder)
        for issuer in issuers
        if any(
            hashlib.new(name, issuer.subject.public_bytes(), usedforsecurity=False).digest() == digest
            for name, digest in asked
        )
        for responder in _responders(read, issuer)
    )


def _crl_signed(crl: bytes, issuers: Sequence[x509.Certificate]) -> bool:
    if len(crl) > MAX_CRL:
        return False
    read = x509.load_der_x509_crl(crl)
    keys = (issuer.public_key() for issuer in issuers if issuer.subject == read.issuer)
    return any(
        read.is_signature_valid(key)
        for key in keys
        if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    )


def _weight(coverage: Coverage) -> tuple[bool, datetime]:
    assert coverage.as_of is not None  # noqa: S101 -- for the type checker: what was found has a date
    return coverage.state is RevocationState.REVOKED, coverage.as_of


def _found(
    certificate: bytes, issuer: bytes, crls: Sequence[bytes], ocsps: Sequence[bytes]
) -> Iterator[Coverage]:
    try:
        subject, above = x509.load_der_x509_certificate(certificate), x509.load_der_x509_certificate(issuer)
    except _UNREADABLE:
        return
    for answer in ocsps:
        try:
            yield from _from_ocsp(certificate, subject, above, answer)
        except _UNREADABLE:
            continue
    for crl in crls:
        try:
            yield from _from_crl(certificate, subject, above, crl)
        except _UNREADABLE:
            continue


def _from_ocsp(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, answer: bytes
) -> Iterator[Coverage]:
    if len(answer) > MAX_OCSP:
        return
    read = ocsp.load_der_ocsp_response(answer)
    if read.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return
    about = [single for single in read.responses if _is_about(single, certificate, issuer)]
    if not about or not any(_answered(read, responder) for responder in _responders(read, issuer)):
        return
    for single in about:
        if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            continue
        revoked = single.certificate_status is ocsp.OCSPCertStatus.REVOKED
        yield Coverage(
            der,
            RevocationState.REVOKED if revoked else RevocationState.GOOD,
            "ocsp",
            single.this_update_utc,
            single.next_update_utc,
            single.revocation_time_utc,
            single.revocation_reason.value if single.revocation_reason else None,
        )


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


def _responders(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> Iterator[x509.Certificate]:
    yield issuer
    for each in answer.certificates:
        try:
            each.verify_directly_issued_by(issuer)
            purposes = each.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except _UNREADABLE:
            continue
        lives = each.not_valid_before_utc <= answer.produced_at_utc <= each.not_valid_after_utc
        if ExtendedKeyUsageOID.OCSP_SIGNING in purposes and lives:
            yield each


def _answered(answer: ocsp.OCSPResponse, responder: x509.Certificate) -> bool:
    key, digest = responder.public_key(), answer.signature_hash_algorithm
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _from_crl(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, crl: bytes
) -> Iterator[Coverage]:
    if len(crl) > MAX_CRL:
        return
    read = x509.load_der_x509_crl(crl)
    key = issuer.public_key()
    if (
        read.issuer != issuer.subject
        or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        or any(extension.critical for extension in read.extensions)  # partial, indirect, or a delta
        or not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
        or not read.is_signature_valid(key)
    ):
        return
    entry = read.get_revoked_certificate_by_serial_number(certificate.serial_number)
    yield Coverage(
        der,
        RevocationState.REVOKED if entry else RevocationState.GOOD,
        "crl",
        read.last_update_utc,
        read.next_update_utc,
        entry.revocation_date_utc if entry else None,
        _reason(entry) if entry else None,
    )


def _reason(entry: x509.RevokedCertificate) -> str | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return None
