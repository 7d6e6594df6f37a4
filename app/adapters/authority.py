"""A small test authority, made on first start: real chains for development, and no claim to anybody's trust.

Every subject says TEST, and a live organisation refuses to sign under it. The certificates are shaped like
those of seals (ETSI EN 319 412-3): an organisation with its identifier, and a key for signatures that bind.
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

ORGANISATION: Final = "TEST Sigillo, without any value"
_IDENTIFIER: Final = "NTRIT-00000000000"  # the form of EN 319 412-1, 5.1.4; no register holds this number
_ROOT_LIFE: Final = timedelta(days=3652)
_LEAF_LIFE: Final = timedelta(days=365)
_EARLIER: Final = timedelta(days=1)  # a root older than its leaves, whatever the clocks of readers say


@dataclass(frozen=True, slots=True)
class Authority:
    """A root that signs certificates for development."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, at: datetime) -> Self:
        """Make a new root that lives for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("TEST Sigillo root")
        begins = at - _EARLIER
        certificate = (
            _certificate(name, name, key.public_key(), begins, begins + _ROOT_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(_identifier(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def seal(self, slot: Slot, key: ec.EllipticCurvePublicKey, at: datetime) -> x509.Certificate:
        """Certify a key of ours for one year."""
        return (
            self._leaf(f"TEST Sigillo {slot}", key, at)
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

    def _leaf(self, name: str, key: ec.EllipticCurvePublicKey, at: datetime) -> x509.CertificateBuilder:
        issuer = self.certificate.subject
        ends = min(at + _LEAF_LIFE, self.certificate.not_valid_after_utc)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            _certificate(_name(name), issuer, key, at, ends)
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


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, _IDENTIFIER),
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


def _identifier(key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
