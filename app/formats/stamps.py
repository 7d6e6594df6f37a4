"""Time-stamp tokens (RFC 3161), read as strictly as the library can and judged one by one.

A token proves that some bytes existed at a time, if three things hold: it is about these bytes, it is signed
by the certificate that it names, and the chain of that certificate ends in an anchor for time-stamps.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, Default, Explicit, GeneralizedTime, Implicit, Null, SetOf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier

from app.formats import der
from app.formats.strict import Malformed
from app.formats.x509 import UNREADABLE, ChainFinding, Standing, Use, all_vouched_for, chain_of, judge_chain

_SIGNED_DATA: Final = ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO: Final = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE: Final = ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE: Final = ObjectIdentifier("1.2.840.113549.1.9.16.2.12")
_SIGNING_CERTIFICATE_V2: Final = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")
_ATTRIBUTES: Final = 0xA0
_OCTETS: Final = b"\x04"
_OID: Final = b"\x06"
_MOST_CERTIFICATES: Final = 8  # in one token: more than any path has, and each costs signatures to check
_VERSION: Final = 3  # of signed data that holds anything but plain data (RFC 5652, 5.1)

_DIGESTS: Final[dict[ObjectIdentifier, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    ObjectIdentifier("2.16.840.1.101.3.4.2.1"): hashes.SHA256(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}
# Digests that tokens are made with as well, and that we do not check: how long they are.
_OTHER_DIGESTS: Final = {
    ObjectIdentifier("1.2.840.113549.2.5"): 16,  # MD5
    ObjectIdentifier("1.3.14.3.2.26"): 20,  # SHA-1
    ObjectIdentifier("2.16.840.1.101.3.4.2.4"): 28,  # SHA-224
    ObjectIdentifier("2.16.840.1.101.3.4.2.7"): 28,  # SHA3-224
    ObjectIdentifier("2.16.840.1.101.3.4.2.8"): 32,  # SHA3-256
    ObjectIdentifier("2.16.840.1.101.3.4.2.9"): 48,  # SHA3-384
    ObjectIdentifier("2.16.840.1.101.3.4.2.10"): 64,  # SHA3-512
}
_RSA: Final = ObjectIdentifier("1.2.840.113549.1.1.1")
_PSS: Final = ObjectIdentifier("1.2.840.113549.1.1.10")
_MGF1: Final = ObjectIdentifier("1.2.840.113549.1.1.8")
_ED25519: Final = ObjectIdentifier("1.3.101.112")
_SIGNATURES: Final = {
    ObjectIdentifier("1.2.840.113549.1.1.11"): hashes.SHA256(),
    ObjectIdentifier("1.2.840.113549.1.1.12"): hashes.SHA384(),
    ObjectIdentifier("1.2.840.113549.1.1.13"): hashes.SHA512(),
    ObjectIdentifier("1.2.840.10045.4.3.2"): hashes.SHA256(),
    ObjectIdentifier("1.2.840.10045.4.3.3"): hashes.SHA384(),
    ObjectIdentifier("1.2.840.10045.4.3.4"): hashes.SHA512(),
}


_NO_CHAIN: Final = ChainFinding(Standing.BROKEN)


class NotChecked(Malformed):
    """A token that may be sound, and is written in a way that we cannot check."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart. What it says is true only once it was judged."""

    at: datetime
    digest: hashes.SHA256 | hashes.SHA384 | hashes.SHA512
    imprint: bytes
    signer: bytes  # the certificate that it names as its own, DER
    certificates: tuple[bytes, ...]
    signed: bool  # under the key of that certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Its certificates with the one that signed first, as issuers are asked about them."""
        return tuple(dict.fromkeys((self.signer, *self.certificates)))

    def is_about(self, content: bytes) -> bool:
        """Tell whether the token was made over these bytes."""
        return self.imprint == _digest(self.digest, content)


@dataclass(frozen=True, slots=True)
class StampFinding:
    """What one time-stamp is worth. `at` is its own word as long as it is not `trusted`."""

    at: datetime | None = None
    imprint: bool = False
    signature: bool = False
    chain: ChainFinding = _NO_CHAIN
    path: tuple[bytes, ...] = ()  # the way up from the certificate that signed, as far as it is known
    checked: bool = True  # False of one that we cannot check: it proves nothing, and accuses nobody

    @property
    def intact(self) -> bool:
        """Nobody changed it or what it is about; who made it is another matter."""
        return self.imprint and self.signature

    @property
    def damaged(self) -> bool:
        """It was changed, or made for something else; what merely cannot be checked is not called so."""
        return self.checked and not self.intact

    @property
    def trusted(self) -> bool:
        return self.intact and self.chain.standing is Standing.TRUSTED


def judge_stamp(
    token: bytes, content: bytes, anchors: Sequence[bytes], at: datetime, *, pool: Sequence[bytes] = ()
) -> StampFinding:
    """Judge a token against the bytes that it has to be about; whatever it holds, the answer is a finding.

    Its chain is judged at `at`: the time of the question, or one that a later time-stamp over this proves.
    In `pool` stand certificates from elsewhere; a token may leave out its own (RFC 3161, 2.4.1: certReq).
    """
    try:
        read = read_token(token, (*pool, *anchors))
    except NotChecked:
        return StampFinding(checked=False)
    except Malformed:
        return StampFinding()
    known = (*anchors, *read.certificates, *pool)
    path = chain_of(read.signer, known)
    chain = judge_chain(path, anchors, at, use=Use.TIME_STAMP)
    # Certificates stand outside of the signature: what is not on the way up must at least be whole.
    whole = all_vouched_for([each for each in read.certificates if each not in path], known)
    return StampFinding(read.at, read.is_about(content), read.signed and whole, chain, path)


def read_token(token: bytes, pool: Sequence[bytes] = ()) -> Token:
    """Take a token apart, or raise `Malformed`. What does not verify is told by `signed`, not raised."""
    try:
        return _read(token, pool)
    except Malformed:
        raise
    except UNREADABLE:
        raise Malformed("not a time-stamp token that we can read") from None


def _read(token: bytes, pool: Sequence[bytes]) -> Token:
    outer = asn1.decode_der(_ContentInfo, token)
    (signer,), digests = outer.content.signers.as_list(), outer.content.digests.as_list()
    encapsulated = outer.content.encapsulated
    if (
        outer.kind != _SIGNED_DATA
        or encapsulated.kind != _TST_INFO
        or outer.content.version != _VERSION
        or signer.version != 1
        or [each.oid for each in digests] != [signer.digest.oid]
    ):
        raise Malformed("not signed as a time-stamp token is")
    info = asn1.decode_der(_Info, encapsulated.content)
    certificates = outer.content.certificates or []
    if len(certificates) > _MOST_CERTIFICATES:
        raise Malformed("a time-stamp token with more certificates than any path has")
    attributes = _attributes(signer.attributes)
    certificate = _signer(certificates, signer.sid, attributes, pool)
    digest = _known(info.imprint.algorithm, info.imprint.digest)
    return Token(
        at=info.at.as_datetime().replace(tzinfo=UTC),
        digest=digest,
        imprint=info.imprint.digest,
        signer=certificate.public_bytes(Encoding.DER),
        certificates=tuple(each.public_bytes(Encoding.DER) for each in certificates),
        signed=info.version == 1
        and _whole(attributes, encapsulated.content, signer.digest)
        and _names(attributes, certificate)
        and _signed(signer, certificate),
    )


def _signer(
    certificates: Sequence[x509.Certificate],
    sid: "_IssuerSerial",
    attributes: dict[ObjectIdentifier, TLV],
    pool: Sequence[bytes],
) -> x509.Certificate:
    issuer = der.element(sid.issuer.tag_bytes[0], bytes(sid.issuer.data))
    for each in certificates:
        if each.serial_number == sid.serial and each.issuer.public_bytes() == issuer:
            return each
    if certificates:
        raise Malformed("a time-stamp token that brings certificates, and not the one that it names")
    for other in pool:
        with suppress(*UNREADABLE):
            read = x509.load_der_x509_certificate(other)
            if read.serial_number == sid.serial and _names(attributes, read):
                return read
    raise NotChecked("a time-stamp token without the certificate that it names")


def _attributes(given: TLV) -> dict[ObjectIdentifier, TLV]:
    """Read the signed attributes: each once, and of each one value (RFC 5652, 5.3 and 11)."""
    if given.tag_bytes[0] != _ATTRIBUTES:
        raise Malformed("a time-stamp token without signed attributes")
    read = asn1.decode_der(
        _Attributes, der.element(der.SEQUENCE, der.element(der.SEQUENCE, bytes(given.data)))
    )
    values: dict[ObjectIdentifier, TLV] = {}
    for attribute in read.attributes:
        (value,) = attribute.values.as_list()
        if values.setdefault(attribute.oid, value) is not value:
            raise Malformed("a signed attribute given twice")
    return values


def _whole(attributes: dict[ObjectIdentifier, TLV], content: bytes, algorithm: "_Algorithm") -> bool:
    """The attributes are about this content, and say of what kind it is (RFC 5652, 5.3)."""
    kind, imprint = attributes.get(_CONTENT_TYPE), attributes.get(_MESSAGE_DIGEST)
    return (
        kind is not None
        and imprint is not None
        and (kind.tag_bytes, bytes(kind.data)) == (_OID, _TST_INFO_DER)
        and imprint.tag_bytes == _OCTETS
        and bytes(imprint.data) == _digest(_known(algorithm, bytes(imprint.data)), content)
    )


def _names(attributes: dict[ObjectIdentifier, TLV], certificate: x509.Certificate) -> bool:
    """The signature covers the digest of the certificate, so that no other one fits (RFC 5816)."""
    encoded = certificate.public_bytes(Encoding.DER)
    if (second := attributes.get(_SIGNING_CERTIFICATE_V2)) is not None:
        named, *_ = second.parse(_SigningCertificateV2).certificates
        digest = _known(named.algorithm, named.digest) if named.algorithm else hashes.SHA256()
        return bool(named.digest == _digest(digest, encoded))
    if (first := attributes.get(_SIGNING_CERTIFICATE)) is not None:
        certificate_id, *_ = first.parse(_SigningCertificate).certificates
        # The first version of the attribute knows no other digest; what it guards is signed over besides.
        return bool(certificate_id.digest == hashlib.sha1(encoded, usedforsecurity=False).digest())
    return False


def _signed(signer: "_Signer", certificate: x509.Certificate) -> bool:
    key, oid = certificate.public_key(), signer.algorithm.oid
    content = der.element(der.SET, bytes(signer.attributes.data))
    if oid == _ED25519 and isinstance(key, ed25519.Ed25519PublicKey):
        raise NotChecked("a signature of a kind that we do not check")
    try:
        if isinstance(key, rsa.RSAPublicKey) and oid.dotted_string.startswith("1.2.840.113549."):
            scheme, digest = _rsa(signer)
            key.verify(signer.signature, content, scheme, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and oid in _SIGNATURES:
            key.verify(signer.signature, content, ec.ECDSA(_SIGNATURES[oid]))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _rsa(signer: "_Signer") -> tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]:
    """Say how an RSA signature is made: as of old (RFC 8017, 8.2), or as PSS (8.1; RFC 4056)."""
    oid, pss, used = signer.algorithm.oid, signer.algorithm.parameters, _DIGESTS[signer.digest.oid]
    if oid == _PSS and isinstance(pss, _PssParameters):
        if pss.digest is None or pss.mask is None:  # that is SHA-1
            raise NotChecked("a signature of a kind that we do not check")
        mask = _DIGESTS.get(pss.mask.digest.oid)
        if pss.digest.oid != signer.digest.oid or pss.mask.oid != _MGF1 or mask is None or pss.trailer != 1:
            raise Malformed("a signature that says two things of how it is made")
        return padding.PSS(padding.MGF1(mask), pss.salt), used
    if isinstance(pss, _PssParameters) or (oid != _RSA and oid not in _SIGNATURES):
        raise Malformed("a signature of an unknown kind")
    return padding.PKCS1v15(), used if oid == _RSA else _SIGNATURES[oid]


def _known(algorithm: "_Algorithm", digest: bytes) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """Name the algorithm of a digest; of one that we do not check, the digest has at least the length."""
    if algorithm.oid in _DIGESTS:
        return _DIGESTS[algorithm.oid]
    if _OTHER_DIGESTS.get(algorithm.oid) == len(digest):
        raise NotChecked("a digest that we do not check")
    raise Malformed("a digest of an unknown kind")


def _digest(algorithm: hashes.HashAlgorithm, content: bytes) -> bytes:
    computed = hashes.Hash(algorithm)
    computed.update(content)
    return computed.finalize()


_TST_INFO_DER: Final = bytes.fromhex("2a864886f70d0109100104")

# What follows is the ASN.1 of RFC 5652, RFC 5035 and RFC 3161, as far as tokens use it: what no signature
# covers is passed over (unsigned attributes) or has no place in one (lists of revoked certificates).


@asn1.sequence
class _Algorithm:
    oid: ObjectIdentifier
    parameters: Null | None


@asn1.sequence
class _Mask:
    oid: ObjectIdentifier
    digest: _Algorithm


@asn1.sequence
class _PssParameters:
    """RFC 8017, A.2.3."""

    digest: Annotated[_Algorithm | None, Explicit(0)]
    mask: Annotated[_Mask | None, Explicit(1)]
    salt: Annotated[int, Default(value=20), Explicit(2)]
    trailer: Annotated[int, Default(value=1), Explicit(3)]


@asn1.sequence
class _HowSigned:
    oid: ObjectIdentifier
    parameters: Null | _PssParameters | None


@asn1.sequence
class _Encapsulated:
    kind: ObjectIdentifier
    content: Annotated[bytes, Explicit(0)]


@asn1.sequence
class _IssuerSerial:
    issuer: TLV
    serial: int


@asn1.sequence
class _Attribute:
    oid: ObjectIdentifier
    values: SetOf[TLV]


@asn1.sequence
class _Attributes:
    attributes: list[_Attribute]


@asn1.sequence
class _Signer:
    version: int
    sid: _IssuerSerial
    digest: _Algorithm
    attributes: TLV
    algorithm: _HowSigned
    signature: bytes
    unsigned: Annotated[SetOf[_Attribute] | None, Implicit(1)]


@asn1.sequence
class _SignedData:
    version: int
    digests: SetOf[_Algorithm]
    encapsulated: _Encapsulated
    certificates: Annotated[list[x509.Certificate] | None, Implicit(0)]
    signers: SetOf[_Signer]


@asn1.sequence
class _ContentInfo:
    kind: ObjectIdentifier
    content: Annotated[_SignedData, Explicit(0)]


@asn1.sequence
class _Accuracy:
    seconds: int | None
    millis: Annotated[int | None, Implicit(0)]
    micros: Annotated[int | None, Implicit(1)]


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    digest: bytes


@asn1.sequence
class _Info:
    version: int
    policy: ObjectIdentifier
    imprint: _Imprint
    serial: int
    at: GeneralizedTime
    accuracy: _Accuracy | None
    ordering: Annotated[bool, Default(value=False)]
    nonce: int | None
    tsa: Annotated[list[TLV] | None, Implicit(0)]
    extensions: Annotated[list[TLV] | None, Implicit(1)]


@asn1.sequence
class _CertificateIssuer:
    names: list[TLV]
    serial: int


@asn1.sequence
class _CertificateId:
    digest: bytes
    issuer: _CertificateIssuer | None


@asn1.sequence
class _SigningCertificate:
    certificates: list[_CertificateId]
    policies: list[TLV] | None


@asn1.sequence
class _CertificateIdV2:
    algorithm: _Algorithm | None
    digest: bytes
    issuer: _CertificateIssuer | None


@asn1.sequence
class _SigningCertificateV2:
    certificates: list[_CertificateIdV2]
    policies: list[TLV] | None
