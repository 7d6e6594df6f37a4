"""Issuers that are not ours: their keys, tokens and lists are made with other people's libraries alone."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey
from joserfc.registry import HeaderParameter

Json = dict[str, Any]
Key = ECKey | OKPKey

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
DAY = timedelta(days=1)


class Headers(jws.JWSRegistry):
    max_header_length = 64 * 1024
    max_payload_length = 4 * 1024 * 1024


REGISTRY = Headers(
    header_registry={
        "iat": HeaderParameter("Issued at", "int"),
        "x5t#S256": HeaderParameter("Thumbprint", "str"),
    },
    algorithms=["ES256", "EdDSA"],
)


def p256() -> ECKey:
    return ECKey.generate_key("P-256")


def ed25519() -> OKPKey:
    return OKPKey.generate_key("Ed25519")


def algorithm(key: Key) -> str:
    return "EdDSA" if isinstance(key, OKPKey) else "ES256"


def public(key: Key) -> Json:
    return {
        name: value for name, value in key.as_dict(private=False).items() if name in {"kty", "crv", "x", "y"}
    }


def signed(payload: Mapping[str, Any], key: Key, **header: Any) -> str:
    head = {"alg": algorithm(key), "typ": "vc+jwt", **header}
    head = {name: value for name, value in head.items() if value is not None}
    return jws.serialize_compact(head, json.dumps(payload), key, registry=REGISTRY)


def decode64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def did_key(key: Key) -> str:
    jwk = public(key)
    if jwk["kty"] == "OKP":
        content = b"\xed\x01" + decode64(jwk["x"])
    else:
        y = decode64(jwk["y"])
        content = b"\x80\x24" + (b"\x03" if y[-1] & 1 else b"\x02") + decode64(jwk["x"])
    number, text = int.from_bytes(content, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return f"did:key:z{text}"


def did_document(did: str, keys: Mapping[str, Key], *, use: str = "assertionMethod") -> Json:
    names = [f"{did}#{name}" for name in keys]
    methods = [
        {"id": name, "type": "JsonWebKey", "controller": did, "publicKeyJwk": public(key)}
        for name, key in zip(names, keys.values(), strict=True)
    ]
    return {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": did,
        "verificationMethod": methods,
        use: names,
    }


def bits(raised: set[int], size: int = 131_072) -> str:
    content = bytearray(size // 8)
    for index in raised:
        content[index // 8] |= 128 >> index % 8
    return "u" + base64.urlsafe_b64encode(gzip.compress(bytes(content))).rstrip(b"=").decode()


def bitstring(url: str, issuer: str, purpose: str, encoded: str, at: datetime, /, **changes: Any) -> Json:
    payload: Json = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": written(at - DAY),
        "validUntil": written(at + DAY),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": encoded,
        },
    }
    return {name: value for name, value in (payload | changes).items() if value is not None}


def token_list(
    url: str, issuer: str | None, states: Mapping[int, int], at: datetime, /, **changes: Any
) -> Json:
    content = bytearray(4096)
    for index, state in states.items():
        content[index // 4] |= state << index % 4 * 2
    lst = base64.urlsafe_b64encode(zlib.compress(bytes(content), 9)).rstrip(b"=").decode()
    payload: Json = {
        "iss": issuer,
        "sub": url,
        "iat": int((at - DAY).timestamp()),
        "exp": int((at + DAY).timestamp()),
        "ttl": 300,
        "status_list": {"bits": 2, "lst": lst},
    }
    return {name: value for name, value in (payload | changes).items() if value is not None}


def written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def credential(issuer: Any, at: datetime, /, **changes: Any) -> Json:
    """What some other body attests of somebody, valid around this time."""
    payload: Json = {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": "urn:uuid:1f0e8a7c-90ab-4d4f-8a5e-0d6c3f1b2a49",
        "type": ["VerifiableCredential", "AchievementCredential"],
        "name": "Welding, level 2",
        "issuer": issuer,
        "validFrom": written(at - 30 * DAY),
        "validUntil": written(at + 300 * DAY),
        "credentialSubject": {
            "id": "urn:uuid:6a1f0c52-0e5b-4c43-9a37-5f2f6f1f0e11",
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "https://w.example.org/2",
                "type": ["Achievement"],
                "name": "Welding, level 2",
            },
        },
    }
    return {name: value for name, value in (payload | changes).items() if value is not None}


def entry(url: str, index: int, purpose: str = "revocation") -> Json:
    return {
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


@dataclass
class Chain:
    """A root, and a seal of some organisation under it."""

    organisation: str
    at: datetime
    host: str | None = None
    key: ECKey = field(default_factory=p256)
    root_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def root(self) -> x509.Certificate:
        name = _name("Root of seals")
        return (
            _begun(name, name, self.root_key.public_key(), self.at)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.root_key.public_key()), critical=False
            )
            .sign(self.root_key, hashes.SHA256())
        )

    def x5c(self) -> list[str]:
        pem = self.key.as_pem(private=False)
        key = serialization.load_pem_public_key(pem)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        builder = (
            _begun(_name(self.organisation), _name("Root of seals"), key, self.at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()), critical=False
            )
        )
        if self.host:
            names = x509.SubjectAlternativeName([x509.DNSName(self.host)])
            builder = builder.add_extension(names, critical=False)
        der = builder.sign(self.root_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        return [base64.b64encode(der).decode()]

    def anchor(self) -> str:
        return self.root.public_bytes(serialization.Encoding.PEM).decode()


def _name(organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, organisation),
        ]
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - 60 * DAY)
        .not_valid_after(at + 300 * DAY)
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
