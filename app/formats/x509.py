"""Certificate chains, judged at a given time against given anchors; whom we trust is not decided here.

The time is that for which there is proof of the signature, not that of the question: a seal certificate lives
one to three years and a credential three.
"""

from collections.abc import Iterable, Sequence
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
MOST_NAMESAKES: Final = 4  # keys change and names stay; each of one name that is tried costs a signature

_MAX_RSA: Final = 8192  # bits; with that and a small exponent, no key makes a check much longer than another
_MAX_EXPONENT: Final = 2**32
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
    x509.UnsupportedGeneralNameType,  # an X.400 address, say: allowed by RFC 5280, and read by nobody
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
    way, found, above = [leaf], readable([leaf]), issuers_in(pool)
    while found and len(way) < MAX_CERTIFICATES and issuer_of(found[-1], found[-1:]) is None:
        issuer = issuer_of(found[-1], above)
        if issuer is None:
            break
        found.append(issuer)
        way.append(issuer.public_bytes(Encoding.DER))
    return tuple(way)


def all_vouched_for(certificates: Sequence[bytes], pool: Sequence[bytes]) -> bool:
    """Tell whether somebody in the pool issued each certificate, or it itself: then nobody changed it."""
    found, above = readable(certificates), issuers_in(pool)
    return len(found) == len({*certificates}) and all(
        issuer_of(each, (*filter(checking_key, (each,)), *above)) is not None for each in found
    )


def readable(pool: Iterable[bytes]) -> list[x509.Certificate]:
    """Read each certificate once, and pass over what is none."""
    found = []
    for each in dict.fromkeys(pool):
        with suppress(*UNREADABLE):
            found.append(x509.load_der_x509_certificate(each))
    return found


def issuers_in(pool: Iterable[bytes]) -> list[x509.Certificate]:
    """The same, without those whose keys cannot be used to check anything, or cost too much to use."""
    return [each for each in readable(pool) if checking_key(each) is not None]


def checking_key(issuer: x509.Certificate) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None:
    """Give the key by which what somebody signed is checked, if it is one that issuers have."""
    try:
        key = issuer.public_key()
    except UNREADABLE:
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size <= _MAX_RSA:
        return key if key.public_numbers().e < _MAX_EXPONENT else None
    return None


def issuer_of(issued: x509.Certificate, pool: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Find who in the pool issued a certificate, in their order; of one name only so many are tried."""
    failed = 0
    for each in pool:
        try:
            issued.verify_directly_issued_by(each)  # names come first, and differing ones cost nothing
        except InvalidSignature:
            failed += 1
            if failed == MOST_NAMESAKES:
                return None
        except UNREADABLE:
            continue
        else:
            return each
    return None


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
    if usage is not None and (_OTHER_USES - {ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}).issuperset(usage):
        raise ValueError("an issuer for other uses alone")


def _issues_stamps(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and _STAMPING.isdisjoint(usage):
        raise ValueError("an issuer for other uses alone")


# A key for clients, mail or documents is one that seals do have; one for anything is one for these too.
_OTHER_USES: Final = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
)
_STAMPING: Final = frozenset({ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def _not_for_others(
    _policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    if usage is not None and not _OTHER_USES.isdisjoint(usage):
        raise ValueError("a key that is for a server, for programs, or for an authority's own words")


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


def _attribute(subject: x509.Name, kind: x509.ObjectIdentifier) -> str | None:
    for attribute in subject.get_attributes_for_oid(kind):
        return attribute.value if isinstance(attribute.value, str) else None
    return None


def _hosts(certificate: x509.Certificate) -> frozenset[str]:
    """Read the hosts that the certificate answers for, by name or inside an address."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.UnsupportedGeneralNameType):
        return frozenset()
    addresses = names.get_values_for_type(x509.UniformResourceIdentifier)
    found = (*names.get_values_for_type(x509.DNSName), *map(host_of, addresses))
    return frozenset(host.lower() for host in found if host)
