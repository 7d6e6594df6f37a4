"""Assertions that clients sign (RFC 7523, 2.2), read strictly; the registered key decides the algorithm.

Nothing in the header is followed, and what it says of the algorithm must be what the key is for.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.errors import JsonValue
from app.formats.jose import PublicKeyObject, public_key, public_members, thumbprint
from app.formats.strict import MAX_SAFE_INTEGER, Malformed, decode64, read_object
from app.organisations.clients import JWKS_AT_ONCE, NewJwk
from app.organisations.errors import JwkNotUsable
from app.organisations.models import ClientJwk

ALGORITHMS: Final = ("ES256", "PS256", "RS256", "EdDSA", "Ed25519")  # the last is also called EdDSA
LONGEST_LIFE: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=60)  # by which two clocks may differ
MAX_ASSERTION: Final = 8 * 1024
_PARTS: Final = 3
_MAX_KID: Final = 128
_VERIFIERS: Final = jwt.PyJWS(algorithms=["ES256", "PS256", "RS256", "EdDSA"])
_Instant = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
_Name = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,255}$")]


class _Header(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    alg: Literal["ES256", "PS256", "RS256", "EdDSA", "Ed25519"]
    typ: Literal["JWT", "jwt", "client-authentication+jwt"] | None = None
    kid: _Name | None = None


class _Claims(BaseModel):
    """RFC 7523, 3: all but `nbf` are asked for; whatever else a client writes is left alone."""

    model_config = ConfigDict(strict=True, extra="ignore")

    iss: _Name
    sub: _Name
    aud: _Name | Annotated[list[_Name], Field(min_length=1, max_length=4)]
    exp: _Instant
    iat: _Instant
    nbf: _Instant = 0
    jti: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion taken apart. Nothing in it is true before its signature verified."""

    client_id: str
    kid: str | None
    alg: str
    audiences: frozenset[str]
    issued: int
    begins: int
    ends: int
    jti_hash: str
    signing_input: bytes
    signature: bytes

    def in_time(self, at: datetime) -> bool:
        """Tell whether it is good now, and for five minutes in all at most."""
        now, skew = at.timestamp(), SKEW.total_seconds()
        lives = 0 < self.ends - self.issued <= LONGEST_LIFE.total_seconds()
        return lives and max(self.issued, self.begins) <= now + skew and now < self.ends + skew

    @property
    def forgotten_at(self) -> datetime:
        """From when on every process refuses it for its age alone, though its clock be behind."""
        return datetime.fromtimestamp(self.ends, UTC) + 2 * SKEW

    def key_among(self, jwks: Sequence[ClientJwk]) -> ClientJwk | None:
        """Find the client's key that it names; where it names none, the only one."""
        if self.kid is None:
            return jwks[0] if len(jwks) == 1 else None
        return next((row for row in jwks if row.kid == self.kid), None)

    def verified_by(self, row: ClientJwk) -> bool:
        """Tell whether this key signed it, by the one algorithm that the key was registered for."""
        return self.alg == row.alg and _signed(row.alg, _readable(row.jwk), self)


def open_assertion(text: str) -> Assertion:
    """Take an assertion apart, or raise `Malformed`."""
    parts = text.split(".", _PARTS)
    if len(text) > MAX_ASSERTION or len(parts) != _PARTS or not all(parts):
        raise Malformed("not three parts of base64url, of a bounded size")
    head, body, seal = parts
    signature = decode64(seal)
    try:
        header = _Header.model_validate(read_object(decode64(head), limit=MAX_ASSERTION))
        claims = _Claims.model_validate(read_object(decode64(body), limit=MAX_ASSERTION))
    except ValidationError:
        raise Malformed("members that an assertion does not have") from None
    if claims.iss != claims.sub:
        raise Malformed("an assertion of somebody about somebody else")
    return Assertion(
        client_id=claims.sub,
        kid=header.kid,
        alg="EdDSA" if header.alg == "Ed25519" else header.alg,  # one algorithm (RFC 9864, 2.2)
        audiences=frozenset([claims.aud] if isinstance(claims.aud, str) else claims.aud),
        issued=claims.iat,
        begins=claims.nbf,
        ends=claims.exp,
        jti_hash=hashlib.sha256(claims.jti.encode()).hexdigest(),
        signing_input=f"{head}.{body}".encode("ascii"),
        signature=signature,
    )


def _signed(alg: str, key: PublicKeyObject, assertion: Assertion) -> bool:
    verifier = _VERIFIERS.get_algorithm_by_name(alg)
    return verifier.verify(assertion.signing_input, verifier.prepare_key(key), assertion.signature)


def _readable(jwk: Mapping[str, object]) -> PublicKeyObject:
    """Read a public key whose `alg` may also be PS256, which no document of ours is signed by."""
    return public_key({name: value for name, value in jwk.items() if name != "alg"})


def read_jwks(asked: Mapping[str, JsonValue]) -> list[NewJwk]:
    """Read a JWK or a JWK Set (RFC 7517) of public keys, or raise `JwkNotUsable` saying why."""
    given = asked.get("keys", [dict(asked)])
    if not isinstance(given, list) or not 1 <= len(given) <= JWKS_AT_ONCE:
        raise JwkNotUsable(f"A set holds one to {JWKS_AT_ONCE} keys.")
    return [_read_jwk(each) for each in given]


def _read_jwk(jwk: JsonValue) -> NewJwk:
    if not isinstance(jwk, dict):
        raise JwkNotUsable("A key is a JSON object (RFC 7517).")
    try:
        key = _readable(jwk)
    except Malformed as malformed:
        raise JwkNotUsable(f"This is {malformed.reason}.") from None
    operations = jwk.get("key_ops", ["verify"])
    if operations != ["verify"]:
        raise JwkNotUsable("This is a JWK that is not for verifying.")
    members = public_members(key)
    fits = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA", "Ed25519")}[members["kty"]]
    alg = jwk.get("alg", fits[0])
    if alg not in fits:
        raise JwkNotUsable(f"The algorithm of this key is {' or '.join(fits)}.")
    kid = jwk.get("kid", thumbprint(members))
    if not isinstance(kid, str) or not 1 <= len(kid) <= _MAX_KID or not all("!" <= one <= "~" for one in kid):
        raise JwkNotUsable(f"A `kid` has 1 to {_MAX_KID} visible ASCII characters.")
    return NewJwk(kid, "EdDSA" if alg == "Ed25519" else str(alg), members)
