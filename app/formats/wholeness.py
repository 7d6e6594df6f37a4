"""Whether what a seal brings along is as its issuers signed it, where nothing else would show a change.

What is needed is checked where it is used. Of the rest, much may be signed by people whom nobody here knows,
as in an honest seal that brings half of somebody's chain: only what fails under a key at hand was changed.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp

from app.formats.jades_members import ValidationValues
from app.formats.revocation import MAX_CRL, MAX_OCSP
from app.formats.x509 import MAX_CERTIFICATE, MOST_NAMESAKES, UNREADABLE, checking_key, issuers_in, readable

Failing = Callable[[x509.Certificate], bool]


def is_changed(values: ValidationValues, known: Sequence[bytes]) -> bool:
    """Tell whether some value fails under every key at hand that it names as its signer's."""
    held = issuers_in((*known, *values.certificates))
    return (
        any(_certificate_fails(each, held) for each in readable(values.certificates))
        or any(_list_fails(each, held) for each in values.crls)
        or any(_answer_fails(each, held) for each in values.ocsps)
    )


def _fails(named: Iterator[x509.Certificate], fails: Failing) -> bool:
    tried = [fails(each) for each in islice(named, MOST_NAMESAKES)]
    return bool(tried) and all(tried)


def _certificate_fails(certificate: x509.Certificate, held: Sequence[x509.Certificate]) -> bool:
    def fails(issuer: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, *UNREADABLE):
            return True
        return False

    try:
        signed, issuer = certificate.tbs_certificate_bytes, certificate.issuer
        named = [
            each
            for each in held
            if each.subject == issuer and (each == certificate or _is_named(each, signed))
        ]
    except UNREADABLE:
        return False
    return _fails(iter(named), fails)


def _list_fails(crl: bytes, held: Sequence[x509.Certificate]) -> bool:
    if len(crl) > MAX_CRL:
        return False
    try:
        read = x509.load_der_x509_crl(crl)
        signed = read.tbs_certlist_bytes  # both names of its issuer stand there, and stay unread
        begins = signed[:MAX_CERTIFICATE]
        named = [each for each in held if each.subject.public_bytes() in begins and _is_named(each, signed)]
    except UNREADABLE:
        return False

    def fails(issuer: x509.Certificate) -> bool:
        try:
            key = checking_key(issuer)
            return key is None or not read.is_signature_valid(key)
        except UNREADABLE:
            return True

    return _fails(iter(named), fails)


def _answer_fails(answer: bytes, held: Sequence[x509.Certificate]) -> bool:
    if len(answer) > MAX_OCSP:
        return False
    try:
        read = ocsp.load_der_ocsp_response(answer)
        named = [each for each in (*read.certificates, *held) if _answers(each, read)]
    except UNREADABLE:
        return False

    def fails(responder: x509.Certificate) -> bool:
        signed = read.signature, read.tbs_response_bytes
        try:
            key, digest = checking_key(responder), read.signature_hash_algorithm
            match key:
                case rsa.RSAPublicKey() if digest:
                    key.verify(*signed, padding.PKCS1v15(), digest)
                case ec.EllipticCurvePublicKey() if digest:
                    key.verify(*signed, ec.ECDSA(digest))
                case _:
                    return True
        except (InvalidSignature, *UNREADABLE):
            return True
        return False

    return _fails(iter(named), fails)


def _is_named(issuer: x509.Certificate, signed: bytes) -> bool:
    """Tell whether the key is named as the signer's (RFC 5280, 4.2.1.1): others bear the same name."""
    try:
        key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        key = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
    return key in signed


def _answers(certificate: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    """Tell whether an answer names this certificate as its signer's (RFC 6960, 4.2.1: ResponderID)."""
    if answer.responder_name is not None:
        return certificate.subject == answer.responder_name
    key = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return key.digest == answer.responder_key_hash
