"""Where an issuer keeps its keys, and how they are read: did:key, did:web, metadata of https issuers.

Nothing is fetched here. A key counts for the issuer that publishes it, under the name that it gives it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BeforeValidator, Field, ValidationError

from app.core.errors import JsonValue
from app.formats.envelope import Members, Text, as_list
from app.formats.jose import public_key, public_members, thumbprint
from app.formats.strict import Malformed, as_malformed, encode64

DID_KEY: Final = "did:key:"
DID_WEB: Final = "did:web:"
MOST_KEYS: Final = 64
LONGEST: Final = 512

Relationship = Literal["assertionMethod", "authentication"]
Jwk = Mapping[str, str]

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST_MULTIBASE: Final = 64  # characters: 35 bytes need 49
_P256: Final = b"\x80\x24"  # multicodec `p256-pub`, and a compressed point behind it
_ED25519: Final = b"\xed\x01"
_WEB: Final = re.compile(
    r"did:web:([A-Za-z0-9.-]{1,253})(?:%3[Aa]443)?((?::[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}){0,8})"
)
_ISSUER: Final = re.compile(r"https://[A-Za-z0-9.-]{1,253}(?::443)?(?:/[A-Za-z0-9._~/-]{0,200})?")


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The keys that an issuer publishes for one use, by the names that it gives them."""

    named: Mapping[str, Jwk]
    thumbprints: frozenset[str]

    @property
    def only(self) -> Jwk | None:
        """The one key, where there is just one: then no name is needed."""
        return next(iter(self.named.values())) if len(self.named) == 1 else None


def keys_of(named: Mapping[str, Jwk]) -> IssuerKeys:
    return IssuerKeys(named, frozenset(map(thumbprint, named.values())))


def did_key(did: str) -> IssuerKeys:
    """Read the key that a did:key is (did:key method, 3.1.1), or raise `Malformed`."""
    encoded = did.removeprefix(DID_KEY)
    return keys_of({f"{did}#{encoded}": multikey(encoded)})


def multikey(encoded: str) -> dict[str, str]:
    """Read a public key written as multibase base58btc of multicodec, or raise `Malformed`."""
    if not encoded.startswith("z") or len(encoded) > _LONGEST_MULTIBASE:
        raise Malformed("a key that is not multibase base58btc")
    content = _base58(encoded[1:])
    codec, raw = content[:2], content[2:]
    if codec == _ED25519:
        return public_members(public_key({"kty": "OKP", "crv": "Ed25519", "x": encode64(raw)}))
    if codec != _P256:
        raise Malformed("a key of a kind that we do not use")
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        raise Malformed("a point that is not on the curve") from None
    if raw[:1] not in {b"\x02", b"\x03"}:
        raise Malformed("a point that is not compressed")
    return public_members(point)


def document_url(did: str) -> str:
    """Say where the document of a did:web stands (did:web method, 2.5.2), or raise `Malformed`."""
    parts = _WEB.fullmatch(did)
    if parts is None:
        raise Malformed("a did:web that names no place on the public web")
    host, path = parts[1].lower(), parts[2].replace(":", "/")
    return f"https://{host}{path or '/.well-known'}/did.json"


def metadata_url(issuer: str) -> str:
    """Say where an https issuer publishes its keys (SD-JWT VC, 5: before the path), or raise `Malformed`."""
    if not _ISSUER.fullmatch(issuer):
        raise Malformed("an issuer that names no place on the public web")
    parts = urlsplit(issuer)
    return f"https://{parts.netloc.lower()}/.well-known/jwt-vc-issuer{parts.path.rstrip('/')}"


class _Method(Members):
    id: Text
    controller: Text | None = None
    jwk: Annotated[dict[str, object] | None, Field(alias="publicKeyJwk")] = None
    multibase: Annotated[Text | None, Field(alias="publicKeyMultibase")] = None


class _Document(Members):
    id: Text
    methods: Annotated[
        list[_Method], BeforeValidator(as_list), Field(alias="verificationMethod", max_length=MOST_KEYS)
    ] = Field(default_factory=list)
    assertion: Annotated[
        list[_Method | Text], BeforeValidator(as_list), Field(alias="assertionMethod", max_length=MOST_KEYS)
    ] = Field(default_factory=list)
    authentication: Annotated[list[_Method | Text], BeforeValidator(as_list), Field(max_length=MOST_KEYS)] = (
        Field(default_factory=list)
    )


class _KeySet(Members):
    keys: Annotated[list[dict[str, object]], Field(max_length=MOST_KEYS)]


class _Metadata(Members):
    """SD-JWT VC, 5.2: one of both, and the issuer as it calls itself."""

    issuer: Text
    jwks: _KeySet | None = None
    jwks_uri: Text | None = None


def read_document(document: dict[str, JsonValue], did: str, use: Relationship) -> IssuerKeys:
    """Read the keys that a DID document gives for one use; methods of other kinds are passed over."""
    try:
        read = _Document.model_validate(document)
    except ValidationError as refused:
        raise as_malformed(refused) from None
    if read.id != did:
        raise Malformed("the document of somebody else")
    methods: dict[str, _Method] = {}
    for method in read.methods:
        if methods.setdefault(_absolute(method.id, did), method) is not method:
            raise Malformed("two keys of one name")
    named: dict[str, Jwk] = {}
    for used in read.assertion if use == "assertionMethod" else read.authentication:
        chosen = methods.get(_absolute(used, did)) if isinstance(used, str) else used
        if chosen is None or (chosen.controller or did) != did:
            continue
        name = _absolute(chosen.id, did)
        for key in _readable(chosen):
            if name in named and named[name] != key:
                raise Malformed("two keys of one name")
            if name.startswith(f"{did}#"):
                named[name] = key
    return keys_of(named)


def read_metadata(metadata: dict[str, JsonValue], issuer: str) -> IssuerKeys | str:
    """Read the keys of an https issuer, or the address at which they stand."""
    try:
        read = _Metadata.model_validate(metadata)
    except ValidationError as refused:
        raise as_malformed(refused) from None
    if read.issuer != issuer:
        raise Malformed("the metadata of somebody else")
    if (read.jwks is None) == (read.jwks_uri is None):
        raise Malformed("keys in no place, or in two")
    return _of_set(read.jwks) if read.jwks else read.jwks_uri or ""


def read_key_set(content: dict[str, JsonValue]) -> IssuerKeys:
    """Read a JWK set (RFC 7517, 5); keys of other kinds are passed over."""
    try:
        return _of_set(_KeySet.model_validate(content))
    except ValidationError as refused:
        raise as_malformed(refused) from None


def _of_set(keys: _KeySet) -> IssuerKeys:
    named: dict[str, Jwk] = {}
    for jwk in keys.keys:
        for key in _as_key(jwk):
            kid = jwk.get("kid")
            name = kid if isinstance(kid, str) and kid else f"#{thumbprint(key)}"
            if named.setdefault(name, key) != key:
                raise Malformed("two keys of one name")
    return keys_of(named)


def _readable(method: _Method) -> Iterator[dict[str, str]]:
    if method.jwk is not None:
        yield from _as_key(method.jwk)
    elif method.multibase is not None:
        try:
            yield multikey(method.multibase)
        except Malformed:
            return


def _as_key(jwk: Mapping[str, object]) -> Iterator[dict[str, str]]:
    try:
        yield public_members(public_key(jwk))
    except Malformed:
        return


def _absolute(name: str, did: str) -> str:
    return f"{did}{name}" if name.startswith("#") else name


def _base58(text: str) -> bytes:
    number = 0
    for character in text:
        digit = _BASE58.find(character)
        if digit < 0:
            raise Malformed("not base58")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
