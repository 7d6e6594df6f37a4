"""A test authority for seals and time-stamps: two roots, an intermediate, and the certificates tests ask for.

Its certificates are shaped like those of qualified seals (ETSI EN 319 412-3 and -5) and say TEST. Everything
that time enters is given: who signs when, since when somebody is revoked, how long a list lives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from app.adapters.private import PrivateKey, raw_signature
from app.formats import der
from app.formats.jose import algorithm_of, public_members, thumbprint
from app.ports import PublicKey, Slot

NOWHERE: Final = "http://pki.invalid"
ORGANISATION: Final = "TEST Associazione Esempio"
IDENTIFIER: Final = "VATIT-00000000000"
DAY: Final = timedelta(days=1)
YEAR: Final = timedelta(days=365)

_QC_STATEMENTS: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
_QC_COMPLIANCE: Final = bytes.fromhex("06060400 8e460101")
_QC_SSCD: Final = bytes.fromhex("06060400 8e460104")
_QC_TYPE: Final = bytes.fromhex("06060400 8e460106")
_QC_TYPE_OF: Final = bytes.fromhex("06070400 8e460106")
_QC_ELSEWHERE: Final = bytes.fromhex("06060400 8e460107")
ESIGN, ESEAL, WEB = 1, 2, 3
_EXPIRED_CERTS_ON_CRL: Final = x509.ObjectIdentifier("2.5.29.60")
_GENERALIZED_TIME: Final = 0x18
_POLICY: Final = "0.4.0.194112.1.3"  # QCP-l-qscd (EN 319 411-2, 5.3)


def qc_statements(
    *,
    compliance: bool = True,
    device: bool = True,
    types: Sequence[int] = (ESEAL,),
    elsewhere: bool = False,
) -> bytes:
    """Write what a certificate says of its own qualification (ETSI EN 319 412-5)."""
    kinds = b"".join(_QC_TYPE_OF + bytes((each,)) for each in types)
    said = {
        _QC_COMPLIANCE: compliance,
        _QC_SSCD: device,
        _QC_TYPE + der.element(der.SEQUENCE, kinds): bool(types),
        _QC_ELSEWHERE + der.element(der.SEQUENCE, b"\x13\x02CH"): elsewhere,
    }
    return der.element(
        der.SEQUENCE, b"".join(der.element(der.SEQUENCE, each) for each, holds in said.items() if holds)
    )


@dataclass(frozen=True)
class Holder:
    """A private key with its certificate and those above it, the root left out."""

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def ders(self) -> tuple[bytes, ...]:
        return tuple(as_der(each) for each in self.chain)

    @cached_property
    def public(self) -> PublicKey:
        """The same as a signer would publish it."""
        jwk = public_members(self.key.public_key())
        return PublicKey(
            thumbprint=thumbprint(jwk),
            slot=Slot.SEAL,
            algorithm=algorithm_of(jwk),
            jwk=jwk,
            chain=self.ders,
            development=False,
            current=True,
        )

    def sign(self, message: bytes) -> bytes:
        return raw_signature(self.key, message)


@dataclass(frozen=True)
class Revoked:
    at: datetime
    ends: datetime  # the certificate, of its own accord
    reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise


@dataclass
class Pki:
    """The whole test authority as of one time. `base` is where its lists and answers are said to be."""

    at: datetime
    base: str = NOWHERE
    revoked: dict[int, Revoked] = field(default_factory=dict)  # by serial number

    @cached_property
    def root(self) -> Holder:
        return self._root("TEST seal root")

    @cached_property
    def issuing(self) -> Holder:
        return self.intermediate("TEST seal authority")

    @cached_property
    def stamp_root(self) -> Holder:
        return self._root("TEST time-stamp root")

    @cached_property
    def tsa(self) -> Holder:
        return self.time_stamper()

    @cached_property
    def responder(self) -> Holder:
        """Who answers about seals on behalf of the intermediate (RFC 6960, 4.2.2.2)."""
        return self.responding()

    def responding(
        self,
        *,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.OCSP_SIGNING,
        trusted_unasked: bool = True,
        algorithm: str = "ES256",
    ) -> Holder:
        """Certify a key for answers in the name of the intermediate."""
        key = new_key(algorithm)
        builder = _begun("TEST seal responder", self.issuing, key, self.at - 30 * DAY, self.at + 5 * YEAR)
        builder = builder.add_extension(_usage(), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if trusted_unasked:
            builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
        return Holder(key, (builder.sign(_ec(self.issuing.key), hashes.SHA256()),))

    @property
    def anchors(self) -> tuple[bytes, ...]:
        return self.root.ders

    @property
    def stamp_anchors(self) -> tuple[bytes, ...]:
        return self.stamp_root.ders

    def intermediate(self, name: str) -> Holder:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _begun(name, self.root, key, self.at - 5 * YEAR, self.at + 15 * YEAR, authority=True)
        certificate = (
            builder.add_extension(_usage(certificates=True), critical=True)
            .add_extension(self._list_at("root.crl"), critical=False)
            .add_extension(self._access(issuer="root.crt"), critical=False)
            .sign(_ec(self.root.key), hashes.SHA256())
        )
        return Holder(key, (certificate,))

    def seal(
        self,
        algorithm: str = "ES256",
        *,
        begins: datetime | None = None,
        ends: datetime | None = None,
        name: str = "TEST seal",
        online: bool = True,
        organisation: str = ORGANISATION,
        statements: bytes | None = None,
        policies: Sequence[str] = (_POLICY,),
    ) -> Holder:
        """Certify a key for seals. Without `online`, only the list says what became of it."""
        key = new_key(algorithm)
        begins, ends = begins or self.at - 30 * DAY, ends or self.at + 3 * YEAR
        begun = _begun(name, self.issuing, key, begins, ends, organisation=organisation)
        certificate = self._as_seal(begun, online=online, statements=statements, policies=policies)
        return Holder(key, (certificate, *self.issuing.chain))

    def certified(self, request: bytes, *, ends: datetime | None = None) -> tuple[x509.Certificate, ...]:
        """Certify what a request asks for, as a seal; gives its chain, the root left out."""
        asked = x509.load_pem_x509_csr(request)
        assert asked.is_signature_valid
        begins, ends = self.at - 30 * DAY, ends or self.at + 3 * YEAR
        begun = _begun(asked.subject, self.issuing, asked, begins, ends)
        return self._as_seal(begun, online=True), *self.issuing.chain

    def _as_seal(
        self,
        begun: x509.CertificateBuilder,
        *,
        online: bool,
        statements: bytes | None = None,
        policies: Sequence[str] = (_POLICY,),
    ) -> x509.Certificate:
        said = qc_statements() if statements is None else statements
        named = [x509.PolicyInformation(x509.ObjectIdentifier(each), None) for each in policies]
        return (
            begun.add_extension(_usage(binding=True), critical=True)
            .add_extension(x509.CertificatePolicies(named), critical=False)
            .add_extension(x509.UnrecognizedExtension(_QC_STATEMENTS, said), critical=False)
            .add_extension(self._list_at("seals.crl"), critical=False)
            .add_extension(
                self._access(issuer="seals.crt", responder="ocsp" if online else None), critical=False
            )
            .sign(_ec(self.issuing.key), hashes.SHA256())
        )

    def time_stamper(
        self,
        *,
        begins: datetime | None = None,
        ends: datetime | None = None,
        purposes: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        algorithm: str = "RS256",
    ) -> Holder:
        """Certify a key for time-stamps (RFC 3161, 2.3)."""
        key = new_key(algorithm)
        begins, ends = begins or self.at - 30 * DAY, ends or self.at + 5 * YEAR
        certificate = (
            _begun("TEST time-stamp unit", self.stamp_root, key, begins, ends)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
            .add_extension(self._list_at("stamps.crl"), critical=False)
            .add_extension(self._access(issuer="stamps.crt"), critical=False)
            .sign(_ec(self.stamp_root.key), hashes.SHA256())
        )
        return Holder(key, (certificate, *self.stamp_root.chain))

    def revoke(self, holder: Holder, at: datetime) -> None:
        certificate = holder.certificate
        self.revoked[certificate.serial_number] = Revoked(at, certificate.not_valid_after_utc)

    def crl(
        self, issuer: Holder, at: datetime, *, lives: timedelta = 7 * DAY, remembers: bool = True
    ) -> bytes:
        """Write the list of an issuer as of this time; one that does not remember drops what has ended."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(at)
            .next_update(at + lives)
            .add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
            .add_extension(_above(issuer), critical=False)
        )
        if remembers:
            builder = builder.add_extension(self._expired_since(), critical=False)
        for serial, revoked in sorted(self.revoked.items()):
            if revoked.at <= at and (remembers or revoked.ends > at):
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(serial)
                    .revocation_date(revoked.at)
                    .add_extension(x509.CRLReason(revoked.reason), critical=False)
                    .build()
                )
        return builder.sign(_ec(issuer.key), hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def ocsp(
        self,
        certificate: x509.Certificate,
        at: datetime,
        *,
        lives: timedelta | None = 7 * DAY,
        nonce: bytes | None = None,
        unknown: bool = False,
        responder: Holder | None = None,
    ) -> bytes:
        """Answer about a seal certificate as of this time."""
        responder = responder or self.responder
        revoked = self.revoked.get(certificate.serial_number)
        told = revoked if revoked and revoked.at <= at else None
        status = ocsp.OCSPCertStatus.REVOKED if told else ocsp.OCSPCertStatus.GOOD
        if unknown:
            status, told = ocsp.OCSPCertStatus.UNKNOWN, None
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=certificate,
                issuer=self.issuing.certificate,
                algorithm=hashes.SHA256(),
                cert_status=status,
                this_update=at,
                next_update=at + lives if lives else None,
                revocation_time=told.at if told else None,
                revocation_reason=told.reason if told else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
            .certificates([responder.certificate])
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return _produced(builder.sign(responder.key, hashes.SHA256()), responder.key, at)

    def _root(self, name: str) -> Holder:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name, ORGANISATION)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.at - 5 * YEAR)
            .not_valid_after(self.at + 20 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return Holder(key, (certificate,))

    def _expired_since(self) -> x509.UnrecognizedExtension:
        """Say that the list keeps what expired, so that it can still speak of it (X.509, 9.5.2.8)."""
        since = (self.at - 5 * YEAR).strftime("%Y%m%d%H%M%SZ").encode()
        return x509.UnrecognizedExtension(_EXPIRED_CERTS_ON_CRL, der.element(_GENERALIZED_TIME, since))

    def _list_at(self, name: str) -> x509.CRLDistributionPoints:
        address = x509.UniformResourceIdentifier(f"{self.base}/{name}")
        return x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])

    def _access(self, *, issuer: str, responder: str | None = None) -> x509.AuthorityInformationAccess:
        ways = [(AuthorityInformationAccessOID.CA_ISSUERS, issuer)]
        if responder:
            ways.append((AuthorityInformationAccessOID.OCSP, responder))
        return x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(way, x509.UniformResourceIdentifier(f"{self.base}/{name}"))
                for way, name in ways
            ]
        )


def _produced(answer: ocsp.OCSPResponse, key: PrivateKey, at: datetime) -> bytes:
    """Say that an answer was made at this time, and sign it again: its builder takes the machine's time."""
    read = asn1_ocsp.OCSPResponse.load(answer.public_bytes(serialization.Encoding.DER))
    basic = read["response_bytes"]["response"].parsed
    basic["tbs_response_data"]["produced_at"] = at
    content = basic["tbs_response_data"].dump(force=True)
    match key:
        case rsa.RSAPrivateKey():
            basic["signature"] = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            basic["signature"] = key.sign(content, ec.ECDSA(hashes.SHA256()))
    written: bytes = asn1_ocsp.OCSPResponse(
        {
            "response_status": "successful",
            "response_bytes": {"response_type": "basic_ocsp_response", "response": basic},
        }
    ).dump()
    return written


def new_key(algorithm: str) -> PrivateKey:
    return rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else _new_p256()


def as_der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _new_p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _ec(key: PrivateKey) -> ec.EllipticCurvePrivateKey:
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _begun(
    name: str | x509.Name,
    issuer: Holder,
    key: PrivateKey | x509.CertificateSigningRequest,
    begins: datetime,
    ends: datetime,
    *,
    organisation: str = ORGANISATION,
    authority: bool = False,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name, organisation) if isinstance(name, str) else name)
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_above(issuer), critical=False)
    )


def _above(issuer: Holder) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _name(common_name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, IDENTIFIER),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, binding: bool = False, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=binding,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
