"""A small authority of our own. For trying things: real chains, and no claim to anybody's trust.

Every subject of it then says TEST, and a live organisation refuses to sign under it. A body that goes live
has one in its own name, for the keys that no CA certifies: those of lists and of QR codes. The certificates
are shaped like those of seals (ETSI EN 319 412-3): an organisation with its identifier, and a key that binds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.ports import Slot

_TEST: Final = "TEST "
_ROOT_LIFE: Final = timedelta(days=3652)
_LEAF_LIFE: Final = timedelta(days=365)
_HOUSE_LIFE: Final = timedelta(days=3 * 365)
_EARLIER: Final = timedelta(days=1)  # a root older than its leaves, whatever the clocks of readers say


@dataclass(frozen=True, slots=True)
class Body:
    """The legal person that certificates are about."""

    organisation: str
    identifier: str  # EN 319 412-1, 5.1.4: what register, which country, and the number there
    country: str

    @property
    def trial(self) -> bool:
        return self.organisation.startswith(_TEST)

    def called(self, common_name: str) -> x509.Name:
        """Name a certificate of this body's (EN 319 412-3, 4.2.1)."""
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, self.country),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organisation),
                x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, self.identifier),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )

    def is_named_in(self, certificate: x509.Certificate) -> bool:
        return Body.of(certificate) == self

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Self:
        """Read the body that a certificate is about; what it does not say is empty."""
        organisation, identifier, country = (
            next((str(each.value) for each in certificate.subject.get_attributes_for_oid(oid)), "")
            for oid in (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATION_IDENTIFIER, NameOID.COUNTRY_NAME)
        )
        return cls(organisation, identifier, country)


# No register holds this number.
TRIAL: Final = Body(f"{_TEST}Sigillo, without any value", "NTRIT-00000000000", "IT")


@dataclass(frozen=True, slots=True)
class Authority:
    """A root that signs certificates for keys made here."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, at: datetime, body: Body = TRIAL) -> Self:
        """Make a new root that lives for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = body.called(_called(body, "root"))
        begins = at - _EARLIER
        certificate = (
            _certificate(name, name, key.public_key(), begins, begins + _ROOT_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(_identifier(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def seal(
        self, slot: Slot, key: ec.EllipticCurvePublicKey, at: datetime, *, life: timedelta | None = None
    ) -> x509.Certificate:
        """Certify a key of ours: for one year where it is for trying things, else for three."""
        return (
            self._leaf(_called(self._body, slot), key, at, life)
            .add_extension(_usage(binding=True), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def server(self, hosts: Sequence[str], key: ec.EllipticCurvePublicKey, at: datetime) -> x509.Certificate:
        """Certify a TLS server on this machine, so that https can be tried without a public name."""
        return (
            self._leaf(hosts[0], key, at)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )

    @property
    def _body(self) -> Body:
        return Body.of(self.certificate)

    def _leaf(
        self, name: str, key: ec.EllipticCurvePublicKey, at: datetime, life: timedelta | None = None
    ) -> x509.CertificateBuilder:
        issuer = self.certificate.subject
        life = life or (_LEAF_LIFE if self._body.trial else _HOUSE_LIFE)
        ends = min(at + life, self.certificate.not_valid_after_utc)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            _certificate(self._body.called(name), issuer, key, at, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_identifier(key), critical=False)
            .add_extension(own, critical=False)
        )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins.astimezone(UTC))
        .not_valid_after(ends.astimezone(UTC))
    )


def _called(body: Body, name: str) -> str:
    return f"{_TEST if body.trial else ''}Sigillo {name}"


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


def _identifier(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
