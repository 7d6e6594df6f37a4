"""What we publish of our keys, so that a stranger can verify without us: JWKS, single JWKs, did:web."""

from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from app.core.errors import JsonValue
from app.formats.instants import date_time, seconds
from app.formats.jose import certificate_thumbprint
from app.formats.strict import encode64_standard
from app.ports import PublicKey

# Where one key is published as one JWK, the address that a badge names (Open Badges 3.0, 8.5).
KEY_PATH: Final = "/keys/{thumbprint}"


def did_of(base_url: str) -> str:
    """Name the service at this address as a DID (did:web method, 3.2: the colon of a port is escaped)."""
    parts = urlsplit(base_url)
    if (
        not parts.hostname
        or parts.username is not None
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError("A public address is a scheme and a host, perhaps a port, and nothing more.")
    return f"did:web:{quote(parts.netloc.lower(), safe='')}"


def method_id(did: str, key: PublicKey) -> str:
    """Name a key inside the DID document; `kid` of a `vc+jwt` says the same."""
    return f"{did}#{key.thumbprint}"


def key_url(base_url: str, thumbprint: str) -> str:
    """Give the address of one key as one JWK; `kid` of an `ob+jwt` says the same."""
    return base_url.rstrip("/") + KEY_PATH.format(thumbprint=thumbprint)


def spoken_for(
    keys: Iterable[PublicKey], issuer_code: int | None, hosted: Collection[int]
) -> tuple[PublicKey, ...]:
    """Choose the keys that are published at an address: whoever trusts a key there takes it for that name's.

    At the own one of the body with this code that body's; at the installation's, with None, those of all
    bodies but the `hosted`, which have one of their own; and everywhere what is nobody's in particular.
    """
    return tuple(
        key
        for key in keys
        if key.issuer_code is None
        or (key.issuer_code not in hosted if issuer_code is None else key.issuer_code == issuer_code)
    )


def jwk(key: PublicKey, kid: str) -> dict[str, JsonValue]:
    """Write one public key with its certificates (RFC 7517, 4).

    One that was compromised says so as keys of the past do (OpenID Federation 1.0, 8.7.3).
    """
    members: dict[str, JsonValue] = {**key.jwk, "kid": kid, "use": "sig", "alg": key.algorithm}
    if key.chain:
        members["x5c"] = [encode64_standard(certificate) for certificate in key.chain]
        members["x5t#S256"] = certificate_thumbprint(key.chain[0])
    if key.compromised_at is not None:
        members["revoked"] = {"revoked_at": seconds(key.compromised_at), "reason": "compromised"}
    return members


def jwks(did: str, keys: Iterable[PublicKey]) -> dict[str, JsonValue]:
    """Write the key set; its `kid`s are those of our documents, so a JOSE library finds the key by itself.

    `slot` says what a key is there for: a list that the seal signed, or a document that the key of the lists
    signed, is none (RFC 7517, 4: a member that a reader does not know is passed over). `issuer_code` names
    the one body whose own a key is, as QR codes do. Keys that were compromised stand apart (5: the same of a
    set), where no library takes them for keys that still count.
    """
    keys = tuple(keys)
    members: dict[str, JsonValue] = {"keys": [_in_set(did, key) for key in keys if not key.compromised_at]}
    if compromised := [_in_set(did, key) for key in keys if key.compromised_at]:
        members["compromised"] = [*compromised]
    return members


def _in_set(did: str, key: PublicKey) -> JsonValue:
    own: dict[str, JsonValue] = {} if key.issuer_code is None else {"issuer_code": key.issuer_code}
    return {**jwk(key, method_id(did, key)), "slot": key.slot.value, **own}


def did_document(did: str, keys: Iterable[PublicKey]) -> dict[str, JsonValue]:
    """Write the DID document (DID Core 1.0, 5): retired keys stay, since what they signed still lives.

    One that was compromised asserts nothing any more, and says since when (Controlled Identifiers 1.0, 2.2).
    """
    keys = tuple(keys)
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": did,
        "verificationMethod": [
            {
                "id": method_id(did, key),
                "type": "JsonWebKey",
                "controller": did,
                "publicKeyJwk": jwk(key, key.thumbprint),
                **({"revoked": date_time(key.compromised_at)} if key.compromised_at else {}),
            }
            for key in keys
        ],
        "assertionMethod": [method_id(did, key) for key in keys if not key.compromised_at],
    }
