"""Certificate chains, judged at a given time against given anchors; whom we trust is not decided here.

The time is that for which there is proof of the signature, not that of the question: a seal certificate lives
one to three years and a credential three.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from app.formats.jose import MAX_CERTIFICATES, public_members
from app.formats.strict import Malformed

MAX_CERTIFICATE: Final = 16 * 1024

_DID_WEB: Final = "did:web:"
_ORGANISATION: Final = NameOID.ORGANIZATION_NAME
_IDENTIFIER: Final = NameOID.ORGANIZATION_IDENTIFIER
_COUNTRY: Final = NameOID.COUNTRY_NAME
_COMMON_NAME: Final = NameOID.COMMON_NAME

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    CryptographyDeprecationWarning,  # where warnings are errors, a certificate of old mistakes ends here too
)


class Use(StrEnum):
    """What a chain is asked about: keys for the one do not serve the other."""

    SEAL = "seal"
    TIME_STAMP = "time_stamp"


class Standing(StrEnum):
    """What a chain is worth at the time in question."""

    TRUSTED = "trusted"
    EXPIRED = "expired"  # it would have been trusted before
    NOT_YET = "not_yet"  # it will be trusted later
    UNTRUSTED = "untrusted"  # sound, and it ends in no anchor of ours
    BROKEN = "broken"  # not a chain at all


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """What a chain says of whoever signed, and whether to believe it."""

    standing: Standing
    organisation: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    hosts: frozenset[str] = frozenset()  # of its alternative names
    objection: str | None = None  # why no anchor vouches for it, for whoever has to mend that


@dataclass(frozen=True, slots=True)
class SealOwner:
    """Whom a seal certificate names (ETSI EN 319 412-3, 4.2.1): the issuer of what is sealed with it."""

    organisation: str | None
    identifier: str | None  # organizationIdentifier, such as VATIT-01234567890
    country: str | None
    common_name: str | None


def judge_chain(
    chain: Sequence[bytes], anchors: Sequence[bytes], at: datetime, *, use: Use = Use.SEAL
) -> ChainFinding:
    """Judge a DER chain, leaf first, at this time; whatever it holds, the answer is a finding."""
    try:
        certificates = _parsed(chain)
        leaf = certificates[0]
        begins = max(certificate.not_valid_before_utc for certificate in certificates)
        ends = min(certificate.not_valid_after_utc for certificate in certificates)
        organisation, hosts = _attribute(leaf.subject, _ORGANISATION), _hosts(leaf)
        linked = _linked(certificates)
    except (Malformed, *UNREADABLE):
        return ChainFinding(Standing.BROKEN)
    objection = None
    if not linked:
        standing = Standing.BROKEN
    elif (objection := _objection(certificates, anchors, at, use)) is None:
        standing = Standing.TRUSTED
    elif not begins <= at <= ends and _objection(certificates, anchors, begins, use) is None:
        standing = Standing.NOT_YET if at < begins else Standing.EXPIRED
    else:
        standing = Standing.UNTRUSTED
    return ChainFinding(standing, organisation, begins, ends, hosts, objection)


def chain_of(leaf: bytes, pool: Sequence[bytes]) -> tuple[bytes, ...]:
    """Find the way up from a certificate through others that came with it, in whatever order they came.

    The way ends where nobody in the pool issued the last one, or where it issued itself. What cannot be read
    is passed over; whether the way leads to an anchor is for `judge_chain`.
    """
    way, above = [leaf], _readable(pool)
    while len(way) < MAX_CERTIFICATES and (last := _readable(way[-1:])):
        issuer = next((each for each in above if each not in last and _issued(last[0], each)), None)
        if issuer is None or _issued(last[0], last[0]):
            break
        way.append(issuer.public_bytes(Encoding.DER))
    return tuple(way)


def vouched_for(certificate: bytes, pool: Sequence[bytes]) -> bool:
    """Tell whether somebody in the pool issued the certificate, or it itself: then nobody changed it."""
    found = _readable([certificate])
    return bool(found) and any(_issued(found[0], each) for each in (*found, *_readable(pool)))


def owner_of(leaf: bytes) -> SealOwner:
    """Read whom a seal certificate names, or raise `Malformed`."""
    subject = subject_of(leaf)
    return SealOwner(
        *(_attribute(subject, each) for each in (_ORGANISATION, _IDENTIFIER, _COUNTRY, _COMMON_NAME))
    )


@lru_cache(maxsize=64)
def life_of(chain: tuple[bytes, ...]) -> tuple[datetime, datetime]:
    """Tell from when to when all certificates of a chain of ours are in force at once."""
    certificates = _parsed(chain)
    return (
        max(certificate.not_valid_before_utc for certificate in certificates),
        min(certificate.not_valid_after_utc for certificate in certificates),
    )


def leaf_jwk(chain: Sequence[bytes]) -> dict[str, str]:
    """Read the public key that the first certificate is about, as a JWK, or raise `Malformed`."""
    try:
        key = _parsed(chain[:1])[0].public_key()
    except UNREADABLE:
        raise Malformed("a certificate whose key cannot be read") from None
    if isinstance(key, rsa.RSAPublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return public_members(key)
    raise Malformed("a certificate for a key of a kind that we do not use")


def subject_of(certificate: bytes) -> x509.Name:
    """Read whom a DER certificate is about, or raise `Malformed`."""
    try:
        return _parsed([certificate])[0].subject
    except UNREADABLE:
        raise Malformed("a certificate whose subject cannot be read") from None


def host_of(identifier: str) -> str | None:
    """Name the host that answers for an issuer, of its did:web or https identifier; None of any other."""
    if identifier.startswith(_DID_WEB):
        identifier = "https://" + unquote(identifier.removeprefix(_DID_WEB).partition(":")[0])
    try:
        parts = urlsplit(identifier)
    except ValueError:
        return None
    return parts.hostname if parts.scheme == "https" and parts.username is None else None


def _parsed(chain: Sequence[bytes]) -> list[x509.Certificate]:
    if not 1 <= len(chain) <= MAX_CERTIFICATES or any(len(der) > MAX_CERTIFICATE for der in chain):
        raise Malformed("no certificates, too many, or too large")
    try:
        return [x509.load_der_x509_certificate(der) for der in chain]
    except UNREADABLE:
        raise Malformed("not a certificate") from None


def _linked(certificates: Sequence[x509.Certificate]) -> bool:
    """Tell whether each certificate was issued by the next one: a heap of certificates is not a chain."""
    try:
        for issued, issuer in pairwise(certificates):
            issued.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    return True


def _objection(
    certificates: Sequence[x509.Certificate], anchors: Sequence[bytes], at: datetime, use: Use
) -> str | None:
    """Say why the chain leads to none of the anchors; None where it does."""
    if not anchors:
        return "there are no anchors"
    verifier = (
        PolicyBuilder()
        .store(Store([x509.load_der_x509_certificate(anchor) for anchor in anchors]))
        .time(at)
        .max_chain_depth(MAX_CERTIFICATES)
        .extension_policies(ca_policy=_ISSUERS[use], ee_policy=_POLICIES[use])
        .build_client_verifier()
    )
    try:
        verifier.verify(certificates[0], list(certificates[1:]))
    except (VerificationError, *UNREADABLE) as why:
        return str(why)
    return None


def _for_signatures(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not (usage.digital_signature or usage.content_commitment):
        raise ValueError("a key that is not for signatures")


def may_issue(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate is one of an authority (RFC 5280, 4.2.1.3 and 4.2.1.9)."""
    try:
        extensions = certificate.extensions
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as lacking:
        return lacking.oid == x509.KeyUsage.oid
    except UNREADABLE:
        return False


def _an_authority(_policy: Policy, _certificate: x509.Certificate, said: x509.BasicConstraints) -> None:
    if not said.ca:
        raise ValueError("an issuer that is no authority")


def _certifies(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer whose key is not for certificates")


def _issues_seals(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and _OTHER_USES.issuperset(usage):
        raise ValueError("an issuer for other uses alone")


def _issues_stamps(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and _STAMPING.isdisjoint(usage):
        raise ValueError("an issuer for other uses alone")


_OTHER_USES: Final = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.OCSP_SIGNING}
)
_STAMPING: Final = frozenset({ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def _not_for_others(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and not _OTHER_USES.isdisjoint(usage):
        raise ValueError("a key that is for a server, or for an authority's own words")


def _for_time_stamps(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage) -> None:
    if [*usage] != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("a key that is not for time-stamps alone")


# Seals name an organisation, not a host, so the web's demand for a subject alternative name does not apply
# (ETSI EN 319 412-3, 4); that the key is for signatures, and not for a server, does.
_SEAL: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _for_signatures)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _not_for_others)
    .may_be_present(x509.CertificatePolicies, Criticality.AGNOSTIC, None)
)
# RFC 3161, 2.3: one purpose, and critical, so that the key serves for nothing else.
_TIME_STAMP: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _for_signatures)
    .require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, _for_time_stamps)
)
_POLICIES: Final = {Use.SEAL: _SEAL, Use.TIME_STAMP: _TIME_STAMP}
# The web asks more of authorities than RFC 5280 does, and trust services keep to the latter: there are roots
# without a key usage, and intermediates for e-mail. Policies are for whoever demands some.
_ISSUER: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _an_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _certifies)
    .may_be_present(x509.CertificatePolicies, Criticality.AGNOSTIC, None)
)
_ISSUERS: Final = {
    Use.SEAL: _ISSUER.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _issues_seals),
    Use.TIME_STAMP: _ISSUER.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _issues_stamps),
}


def _readable(pool: Sequence[bytes]) -> list[x509.Certificate]:
    found = []
    for each in dict.fromkeys(pool):
        with suppress(*UNREADABLE):
            certificate = x509.load_der_x509_certificate(each)
            certificate.issuer, certificate.subject  # noqa: B018 -- names are read when asked for
            found.append(certificate)
    return found


def _issued(issued: x509.Certificate, issuer: x509.Certificate) -> bool:
    if issued.issuer != issuer.subject:
        return False
    try:
        issued.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _attribute(subject: x509.Name, kind: x509.ObjectIdentifier) -> str | None:
    for attribute in subject.get_attributes_for_oid(kind):
        return attribute.value if isinstance(attribute.value, str) else None
    return None


def _hosts(certificate: x509.Certificate) -> frozenset[str]:
    """Read the hosts that the certificate answers for, by name or inside an address."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = names.get_values_for_type(x509.UniformResourceIdentifier)
    found = (*names.get_values_for_type(x509.DNSName), *map(host_of, addresses))
    return frozenset(host.lower() for host in found if host)
