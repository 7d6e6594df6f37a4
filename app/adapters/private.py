"""Private keys as files hold them: PEM and PKCS#12, of the two kinds that we use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from app.adapters.ring import KeysUnreadable

COORDINATE: Final = 32
RSA_BITS: Final = 3072  # ETSI TS 119 312, 8.4: good beyond 2029
_FEWEST_BITS: Final = 2048
_MOST_BITS: Final = 4096
_EXPONENT: Final = 65537
_ES256: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)

Kind = Literal["p256", "rsa"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicHalf = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class Signing(Protocol):
    """A private key that can be used and never read."""

    def signature(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class InMemory:
    """A key that a file held. It shows itself to nobody: its `repr` says no number."""

    key: PrivateKey

    def signature(self, message: bytes) -> bytes:
        return raw_signature(self.key, message)

    def __repr__(self) -> str:
        return "InMemory(…)"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a CA or an older service hands over in one file: a key perhaps, and certificates, leaf first."""

    key: PrivateKey | None
    chain: tuple[x509.Certificate, ...]


def raw_signature(key: PrivateKey, message: bytes) -> bytes:
    """Sign as JWS wants it (RFC 7518, 3.3 and 3.4): for ES256 the two numbers side by side."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(message, _ES256))
    return r.to_bytes(COORDINATE, "big") + s.to_bytes(COORDINATE, "big")


def generated(kind: Kind) -> PrivateKey:
    """Make a new key in memory."""
    if kind == "rsa":
        return rsa.generate_private_key(_EXPONENT, RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def usable_half(key: object, name: str) -> PublicHalf:
    """Take a public key of a kind that we use: P-256, or RSA of 2048 to 4096 bits with the usual exponent."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if (
        isinstance(key, rsa.RSAPublicKey)
        and _FEWEST_BITS <= key.key_size <= _MOST_BITS
        and key.public_numbers().e == _EXPONENT
    ):
        return key
    raise KeysUnreadable(f"{name} is a key of a kind that we do not use: P-256, or RSA of 2048 to 4096 bits.")


def from_pem(pem: bytes, passphrase: bytes | None, name: str) -> PrivateKey:
    """Read a private key; one that is not encrypted needs no passphrase, whatever was set since."""
    encrypted = b"ENCRYPTED" in pem
    try:
        key = serialization.load_pem_private_key(pem, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise KeysUnreadable(f"{name} cannot be opened: is it a key, is the passphrase right?") from wrong
    return _of_our_kind(key, name)


def lies_in_clear(pem: bytes) -> bool:
    """Tell whether whoever has a file has the key in it."""
    return b"PRIVATE KEY-----" in pem and b"ENCRYPTED" not in pem


def asks_for_passphrase(content: bytes) -> bool:
    """Tell whether a file may be locked: PKCS#12, or PEM that says so; certificates alone never are."""
    if b"-----BEGIN" in content:
        return b"ENCRYPTED" in content
    return not _certificates_in(content)


def from_bundle(content: bytes, passphrase: bytes | None, name: str) -> Bundle:
    """Read what CAs send: certificates as PEM, DER or PKCS#7; with a key, if there is one, PEM or PKCS#12."""
    chain = _certificates_in(content)
    if b"-----BEGIN" not in content and not chain:
        return _from_pkcs12(content, passphrase, name)
    key = from_pem(content, passphrase, name) if b"PRIVATE KEY-----" in content else None
    return Bundle(key, in_order(chain))


def _certificates_in(content: bytes) -> tuple[x509.Certificate, ...]:
    """Read certificates in whichever of the usual forms they stand; none where it is none of these."""
    readers: tuple[Callable[[bytes], Sequence[x509.Certificate]], ...] = (
        x509.load_pem_x509_certificates,
        lambda der: [x509.load_der_x509_certificate(der)],
        pkcs7.load_pem_pkcs7_certificates,
        pkcs7.load_der_pkcs7_certificates,
    )
    for read in readers:
        try:
            return tuple(read(content))
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue
    return ()


def _from_pkcs12(content: bytes, passphrase: bytes | None, name: str) -> Bundle:
    try:
        key, leaf, more = pkcs12.load_key_and_certificates(content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise KeysUnreadable(
            f"{name} cannot be opened. It may be PEM, DER (.cer, .crt), PKCS#7 (.p7b) or PKCS#12 (.p12, "
            ".pfx); if it is the last: is the passphrase right?"
        ) from wrong
    given = (leaf, *more) if leaf else tuple(more)
    return Bundle(None if key is None else _of_our_kind(key, name), in_order(given))


def in_order(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Put certificates leaf first, each before its issuer, however a CA has heaped them up.

    What was sent twice stands once. What belongs to no chain from the leaf stays at the end, for the checks
    to find.
    """
    certificates = [*dict.fromkeys(certificates)]
    issuers = {
        certificate.issuer for certificate in certificates if certificate.issuer != certificate.subject
    }
    leaves = [certificate for certificate in certificates if certificate.subject not in issuers]
    rest, chain = list(certificates), []
    following = leaves[0] if leaves else None
    while following is not None:
        chain.append(following)
        rest.remove(following)
        named = following.issuer
        following = next((each for each in rest if each.subject == named), None)
    return (*chain, *rest)


def to_pem(key: PrivateKey, passphrase: bytes | None) -> bytes:
    """Write a private key, encrypted where there is a passphrase."""
    protection = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def _of_our_kind(key: object, name: str) -> PrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeysUnreadable(f"{name} is a key of a kind that we do not use.")
    usable_half(key.public_key(), name)
    return key
