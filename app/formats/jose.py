"""Compact JWS (RFC 7515, 7.1), read strictly and verified with the algorithm that the key has.

The header never chooses: it passes the allow-list of its format, and its `alg` must be the key's own
(RFC 8725, 3.1). No address in it is ever followed.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.errors import JsonValue
from app.formats.claims import Format
from app.formats.strict import (
    MAX_SAFE_INTEGER,
    Malformed,
    as_malformed,
    decode64,
    decode64_standard,
    encode64,
    read_object,
    write_json,
    write_texts,
)

MAX_TOKEN: Final = 64 * 1024
MAX_HEADER: Final = 16 * 1024
MAX_SIGNATURE: Final = 512  # bytes: RSA with 4096 bits
MAX_CERTIFICATES: Final = 6
PRESENTATION: Final = "vp+jwt"  # the type of what holders sign, which is no document either
STATUS_LIST: Final = "statuslist+jwt"  # the type of an IETF token status list, which is no document

_PARTS: Final = 3
_ES256: Final = ec.ECDSA(hashes.SHA256())
_TIME_AT_END: Final = re.compile(rb"(?:0|[1-9][0-9]{0,14})\}")
_COORDINATE: Final = 32  # bytes of a P-256 coordinate, and of each half of a signature
_RSA_BITS: Final = range(2048, 4096 + 1)
_EXPONENT: Final = 65537
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

# Points of Ed25519 whose multiples are few: with one of them as a key, anything is signed (RFC 8032, 5.1.7).
_ED25519_PRIME: Final = 2**255 - 19
_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _ED25519_PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)

# Our own keys are of the first two kinds; the third is that of many others.
Algorithm = Literal["ES256", "RS256", "EdDSA", "Ed25519"]
PublicKeyObject = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
_KeyId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,512}$")]
_Instant = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]


@dataclass(frozen=True, slots=True)
class Header:
    """What a protected header says, once it passed the allow-list of its format."""

    format: Format | Literal["statuslist+jwt", "vp+jwt"]
    alg: Algorithm
    kid: str | None
    chain: tuple[bytes, ...] = ()  # DER from `x5c`, leaf first; `x5t#S256` agrees with it
    iat: int | None = None
    jwk: Mapping[str, str] | None = None  # a key that a badge brings along: nobody vouches for it


@dataclass(frozen=True, slots=True)
class Compact:
    """A token taken apart. Nothing in it is true before its signature verified."""

    header: Header
    payload: dict[str, JsonValue]
    signing_input: bytes
    signature: bytes

    def verified_by(self, jwk: Mapping[str, object]) -> bool:
        """Tell whether this key signed this token and the header names the one algorithm that the key has."""
        return self.verified_with(public_key(jwk))

    def verified_with(self, key: PublicKeyObject) -> bool:
        """Tell the same of a key that was read before."""
        named = "EdDSA" if self.header.alg == "Ed25519" else self.header.alg  # one algorithm (RFC 9864, 2.2)
        return named == algorithm_for(key) and signed_by(self.signing_input, self.signature, key)


def _chain(x5c: Sequence[str] | None, digest: str | None) -> tuple[bytes, ...]:
    """Read `x5c`; `x5t#S256` beside it is the digest of its leaf, or the header says two things."""
    chain = tuple(decode64_standard(certificate) for certificate in x5c or ())
    if digest is not None and (not chain or digest != certificate_thumbprint(chain[0])):
        raise Malformed("x5t#S256 is not the digest of the first certificate in x5c")
    return chain


class _VcMembers(BaseModel):
    """VC-JOSE-COSE, and JAdES baseline B-B (ETSI TS 119 182-1): the same bytes are both."""

    model_config = ConfigDict(strict=True, extra="forbid")

    alg: Algorithm
    typ: Literal["vc+jwt"]
    cty: Literal["vc"] | None = None
    kid: _KeyId | None = None
    x5c: Annotated[list[str], Field(min_length=1, max_length=MAX_CERTIFICATES)] | None = None
    x5t_s256: Annotated[str | None, Field(alias="x5t#S256")] = None
    iat: _Instant | None = None

    def header(self) -> Header:
        return Header(Format.VC_JWT, self.alg, self.kid, _chain(self.x5c, self.x5t_s256), self.iat)


class _VpMembers(BaseModel):
    """VC-JOSE-COSE, 3.1.2: what a holder signs to present credentials."""

    model_config = ConfigDict(strict=True, extra="forbid")

    alg: Algorithm
    typ: Literal["vp+jwt"]
    cty: Literal["vp"] | None = None
    kid: _KeyId | None = None
    iat: _Instant | None = None

    def header(self) -> Header:
        return Header(PRESENTATION, self.alg, self.kid, iat=self.iat)


class _StatusMembers(BaseModel):
    """Token Status List, 5.1: the type, and how to find the key (11.3)."""

    model_config = ConfigDict(strict=True, extra="forbid")

    alg: Algorithm
    typ: Literal["statuslist+jwt"]
    kid: _KeyId | None = None
    x5c: Annotated[list[str], Field(min_length=1, max_length=MAX_CERTIFICATES)] | None = None
    x5t_s256: Annotated[str | None, Field(alias="x5t#S256")] = None

    def header(self) -> Header:
        return Header(STATUS_LIST, self.alg, self.kid, _chain(self.x5c, self.x5t_s256))


class _ObMembers(BaseModel):
    """Open Badges 3.0, 8.2.3: `alg`, `kid` or `jwk`, and `typ`; anything else is refused."""

    model_config = ConfigDict(strict=True, extra="forbid")

    alg: Algorithm
    typ: Literal["JWT"] | None = None
    kid: _KeyId | None = None
    jwk: dict[str, object] | None = None

    def header(self) -> Header:
        if (self.kid is None) == (self.jwk is None):
            raise Malformed("a badge names its key by kid or brings it as jwk, and not both")
        jwk = None if self.jwk is None else public_members(public_key(self.jwk))
        return Header(Format.OB_JWT, self.alg, self.kid, jwk=jwk)


def signing_input(header: JsonValue, payload: JsonValue) -> bytes:
    """Write the exact bytes that get signed (RFC 7515, 5.1)."""
    return f"{encode64(write_texts(header))}.{encode64(write_texts(payload))}".encode("ascii")


def assemble(signed: bytes, signature: bytes) -> str:
    """Put the signature behind the bytes that it signs."""
    return f"{signed.decode('ascii')}.{encode64(signature)}"


def open_presentation(text: str, *, limit: int) -> Compact:
    """Take a presentation apart, or raise `Malformed`; what is signed as anything else is none."""
    return open_compact(text, limit=limit, header=_read_presentation_header)


def open_compact(
    text: str, *, limit: int = MAX_TOKEN, header: Callable[[bytes], Header] | None = None
) -> Compact:
    """Take a token apart, or raise `Malformed`. Nothing is verified yet."""
    if len(text) > limit:
        raise Malformed(f"a token of more than {limit} characters")
    parts = text.split(".", _PARTS)
    if len(parts) != _PARTS or not all(parts):
        raise Malformed("not three parts of base64url")
    head, body, seal = parts
    signature = decode64(seal)
    if len(signature) > MAX_SIGNATURE:
        raise Malformed("a signature longer than any we know")
    return Compact(
        header=(header or read_header)(decode64(head)),
        payload=read_object(decode64(body), limit=limit),
        signing_input=f"{head}.{body}".encode("ascii"),
        signature=signature,
    )


def open_signed(text: str, unsigned: bytes) -> Compact:
    """Take apart what was just signed of bytes that were read strictly before, as those that it has to be of.

    Only what is new is read again: that it is these very bytes, under a header that we read, and a signature.
    """
    dot = len(unsigned)
    seal = text[dot + 1 :]
    if len(text) > MAX_TOKEN or not text.startswith(unsigned.decode("ascii")) or text[dot : dot + 1] != ".":
        raise Malformed("not the bytes that were to be signed")
    if "." in seal:
        raise Malformed("not the bytes that were to be signed, and a signature")
    signature = decode64(seal)
    if not signature or len(signature) > MAX_SIGNATURE:
        raise Malformed("a signature longer than any we know, or none")
    return Compact(_header64(text[: text.index(".")]), {}, unsigned, signature)


@lru_cache(maxsize=64)
def _header64(head: str) -> Header:
    return read_header(decode64(head))


@lru_cache(maxsize=64)
def read_header(raw: bytes) -> Header:
    """Read a protected header through the allow-list of the format that its `typ` names.

    What a key seals begins with the same words each time, certificate and all, and ends with the time.
    """
    front, _, end = raw.rpartition(b',"iat":')
    if _TIME_AT_END.fullmatch(end):
        with suppress(Malformed):  # then the whole of it is looked at, and the answer is about that
            header = _read_front(front + b"}")
            if header.iat is None and header.format == Format.VC_JWT:
                return replace(header, iat=int(end[:-1]))
    return _read_header(raw)


@lru_cache(maxsize=64)
def _read_front(raw: bytes) -> Header:
    return _read_header(raw)


def _read_header(raw: bytes) -> Header:
    members = read_object(raw, limit=MAX_HEADER)
    if None in members.values():
        raise Malformed("a header member without a value")
    model: type[_VcMembers | _StatusMembers | _ObMembers]
    match members.get("typ"):
        case Format.VC_JWT:
            model = _VcMembers
        case "statuslist+jwt":
            model = _StatusMembers
        case _:
            model = _ObMembers
    try:
        return model.model_validate(members).header()
    except ValidationError as refused:
        raise as_malformed(refused) from None


def _read_presentation_header(raw: bytes) -> Header:
    members = read_object(raw, limit=MAX_HEADER)
    if None in members.values():
        raise Malformed("a header member without a value")
    try:
        return _VpMembers.model_validate(members).header()
    except ValidationError as refused:
        raise as_malformed(refused) from None


def verify(signing_input: bytes, signature: bytes, jwk: Mapping[str, object]) -> bool:
    """Tell whether the key signed these bytes. The key decides the algorithm."""
    return signed_by(signing_input, signature, public_key(jwk))


def signed_by(signing_input: bytes, signature: bytes, key: PublicKeyObject) -> bool:
    """The same with a key that was read before."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if len(signature) != 2 * _COORDINATE:
                return False
            key.verify(_der(signature), signing_input, _ES256)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signing_input, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, signing_input)
    except InvalidSignature:
        return False
    return True


def algorithm_of(jwk: Mapping[str, object]) -> Algorithm:
    """Name the one algorithm that this key is used with."""
    return algorithm_for(public_key(jwk))


def algorithm_for(key: PublicKeyObject) -> Algorithm:
    """The same of a key that was read before."""
    match key:
        case rsa.RSAPublicKey():
            return "RS256"
        case ed25519.Ed25519PublicKey():
            return "EdDSA"
        case _:
            return "ES256"


def public_key(jwk: Mapping[str, object]) -> PublicKeyObject:
    """Read a public JWK: P-256, Ed25519, or RSA of 2048 to 4096 bits with the usual exponent."""
    if _PRIVATE_MEMBERS & jwk.keys():
        raise Malformed("a JWK that is not a public key")
    if jwk.get("use", "sig") != "sig":
        raise Malformed("a JWK that is not for signatures")
    match jwk:
        case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y)} if jwk.get("alg", "ES256") == "ES256":
            return _p256(x, y)
        case {"kty": "RSA", "n": str(n), "e": str(e)} if jwk.get("alg", "RS256") == "RS256":
            return _rsa(n, e)
        case {"kty": "OKP", "crv": "Ed25519", "x": str(x)} if jwk.get("alg", "EdDSA") in {"EdDSA", "Ed25519"}:
            return _ed25519(x)
        case _:
            raise Malformed("a JWK of a kind that we do not use")


def public_members(key: PublicKeyObject) -> dict[str, str]:
    """Write a public key as the members that RFC 7638 counts, in its order."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"e": _unsigned64(numbers.e), "kty": "RSA", "n": _unsigned64(numbers.n)}
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": encode64(key.public_bytes_raw())}
    point = key.public_numbers()
    x, y = (encode64(coordinate.to_bytes(_COORDINATE, "big")) for coordinate in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Name a key by what it is (RFC 7638)."""
    return encode64(hashlib.sha256(write_json(dict(public_members(public_key(jwk))))).digest())


def certificate_thumbprint(certificate: bytes) -> str:
    """Name a DER certificate by its digest: the `x5t#S256` of RFC 7515, 4.1.8."""
    return encode64(hashlib.sha256(certificate).digest())


@lru_cache(maxsize=256)
def _p256(x: str, y: str) -> ec.EllipticCurvePublicKey:
    point = decode64(x) + decode64(y)
    if len(point) != 2 * _COORDINATE or len(x) != len(y):
        raise Malformed("a coordinate that is not 32 bytes long")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    except ValueError:
        raise Malformed("a point that is not on the curve") from None


@lru_cache(maxsize=256)
def _rsa(n: str, e: str) -> rsa.RSAPublicKey:
    modulus = int.from_bytes(decode64(n), "big")
    if modulus.bit_length() not in _RSA_BITS or n != _unsigned64(modulus) or e != _unsigned64(_EXPONENT):
        raise Malformed("an RSA key of a size or exponent that we do not accept")
    try:
        return rsa.RSAPublicNumbers(_EXPONENT, modulus).public_key()
    except ValueError:
        raise Malformed("an RSA key that cannot be one") from None


@lru_cache(maxsize=256)
def _ed25519(x: str) -> ed25519.Ed25519PublicKey:
    raw = decode64(x)
    y = int.from_bytes(raw, "little") & (1 << 255) - 1
    if len(raw) != _COORDINATE or y >= _ED25519_PRIME or y in _SMALL_ORDER:
        raise Malformed("an Ed25519 key that cannot be one")
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


def _unsigned64(number: int) -> str:
    return encode64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _der(signature: bytes) -> bytes:
    r, s = signature[:_COORDINATE], signature[_COORDINATE:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
