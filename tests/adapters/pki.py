"""A CA with an intermediate, as a body would ask for the certificate of its seal, and its errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from app.adapters.authority import Body
from app.adapters.private import Bundle

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Pki:
    """A root and an intermediate that certifies whatever it is asked to."""

    body: Body
    root: x509.Certificate
    intermediate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    at: datetime

    @classmethod
    def made(cls, at: datetime) -> Self:
        body = Body("Associazione di prova", "NTRIT-12345678901", "IT")
        trust = Body("Certificatore S.p.A.", "VATIT-98765432109", "IT")
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _issued(trust.called("Root"), trust.called("Root"), root_key.public_key(), root_key, at, ca=1)
        intermediate = _issued(
            trust.called("Seals"), trust.called("Root"), key.public_key(), root_key, at, ca=0
        )
        return cls(body, root, intermediate, key, at)

    def answer(
        self,
        request: bytes,
        *,
        at: datetime | None = None,
        life: timedelta = YEAR,
        signs: bool = True,
        uses: Sequence[x509.ObjectIdentifier] = (),
        insists: str | None = None,
    ) -> Bundle:
        """Certify what a request asks for."""
        asked = x509.load_pem_x509_csr(request)
        assert asked.is_signature_valid
        more: list[tuple[x509.ExtensionType, bool]] = []
        if uses:
            more.append((x509.ExtendedKeyUsage(uses), False))
        if insists is not None:
            more.append((x509.UnrecognizedExtension(x509.ObjectIdentifier(insists), b"\x05\x00"), True))
        chain = self.certify(asked.subject, asked.public_key(), at=at, life=life, signs=signs, more=more)
        return Bundle(None, chain)

    def certify(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        *,
        at: datetime | None = None,
        life: timedelta = YEAR,
        signs: bool = True,
        more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> tuple[x509.Certificate, ...]:
        """Issue a certificate, with the chain in the order in which CAs send it: root and all."""
        leaf = _issued(
            subject,
            self.intermediate.subject,
            key,
            self.key,
            at or self.at,
            life=life,
            signs=signs,
            more=more,
        )
        return leaf, self.intermediate, self.root


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def _issued(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    by: ec.EllipticCurvePrivateKey,
    at: datetime,
    *,
    ca: int | None = None,
    life: timedelta = 10 * YEAR,
    signs: bool = True,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=ca is None and signs,
        key_encipherment=ca is None and not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca is not None,
        crl_sign=ca is not None,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at)
        .not_valid_after(at + life)
        .add_extension(x509.BasicConstraints(ca=ca is not None, path_length=ca), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(by, hashes.SHA256())
