"""The list of QR keys: what verifies offline QR codes, sealed by the key that verifiers know already.

So a QR key may be new every year, and nobody has to be told: who trusts the seal trusts the list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import JsonValue
from app.core.labels import Labels
from app.formats.claims import Format
from app.formats.instants import seconds
from app.formats.jose import (
    MAX_CERTIFICATES,
    MAX_HEADER,
    Algorithm,
    Compact,
    Header,
    certificate_thumbprint,
    open_compact,
    signing_input,
)
from app.formats.published import method_id
from app.formats.q1 import kid_of
from app.formats.strict import (
    Malformed,
    as_malformed,
    decode64_standard,
    encode64,
    encode64_standard,
    read_object,
)
from app.ports import PublicKey, Slot

LIFE: Final = timedelta(days=7)
TYPE: Final = "JWT"
MAX_LIST: Final = 2**20


@dataclass(frozen=True, slots=True)
class Issuer:
    """A body that an offline QR calls by a number."""

    code: int
    name: str
    url: str
    mode: str


@dataclass(frozen=True, slots=True)
class NamedScheme:
    """A version of a scheme that an offline QR calls by its code."""

    code: str
    title: Labels
    standard: str
    wording: Labels


def key_list(
    did: str,
    published: Iterable[PublicKey],
    issuers: Iterable[Issuer],
    schemes: Iterable[NamedScheme],
    *,
    at: datetime,
) -> dict[str, JsonValue]:
    """Write what offline QR codes are verified by: the keys, retired ones too, and what their codes mean."""
    codes = [key for key in published if key.slot is Slot.QR]
    return {
        "iss": did,
        "iat": seconds(at),
        "exp": seconds(at + LIFE),
        "keys": [_key(key) for key in codes if not key.compromised_at],
        # Apart, so that whoever knows nothing of them finds no key, and never believes one.
        "compromised": [_key(key) for key in codes if key.compromised_at],
        "issuers": [
            {"code": each.code, "name": each.name, "url": each.url, "mode": each.mode} for each in issuers
        ],
        "schemes": [
            {
                "code": each.code,
                "title": _both(each.title),
                "standard": each.standard,
                "wording": _both(each.wording),
            }
            for each in schemes
        ],
    }


def unsigned_key_list(did: str, seal: PublicKey, claims: JsonValue) -> bytes:
    """Write the bytes of the list that the seal key signs; the header tells whose chain to judge."""
    header: JsonValue = {
        "alg": seal.algorithm,
        "kid": method_id(did, seal),
        "typ": TYPE,
        "x5c": [encode64_standard(certificate) for certificate in seal.chain],
        "x5t#S256": certificate_thumbprint(seal.chain[0]),
    }
    return signing_input(header, claims)


def signed_since(keys: Iterable[PublicKey], at: datetime) -> datetime:
    """Tell since when a list has been signed that is read now: it is signed anew half-way to its end.

    Worked out from the clock and the keys alone, so that all processes write the same bytes. No list is
    older than the youngest of its keys, or its seal would be younger than what it signed.
    """
    half = LIFE // 2
    begun = at - (at - datetime.fromtimestamp(0, at.tzinfo)) % half
    youngest = max(x509.load_der_x509_certificate(key.chain[0]).not_valid_before_utc for key in keys)
    return max(begun, min(youngest, at))


def open_key_list(text: str) -> Compact:
    """Take a list of QR keys apart, or raise `Malformed`; nothing is verified yet."""
    return open_compact(text, limit=MAX_LIST, header=_read_header)


class _Members(BaseModel):
    """Ours: exactly these. A badge of the same type brings no certificates, so none passes for the other."""

    model_config = ConfigDict(strict=True, extra="forbid")

    alg: Algorithm
    kid: Annotated[str, Field(pattern=r"^[!-~]{1,512}$")]
    typ: Literal["JWT"]
    x5c: Annotated[list[str], Field(min_length=1, max_length=MAX_CERTIFICATES)]
    x5t_s256: Annotated[str, Field(alias="x5t#S256")]

    def header(self) -> Header:
        chain = tuple(decode64_standard(certificate) for certificate in self.x5c)
        if self.x5t_s256 != certificate_thumbprint(chain[0]):
            raise Malformed("x5t#S256 is not the digest of the first certificate in x5c")
        return Header(Format.QR, self.alg, self.kid, chain)


def _read_header(raw: bytes) -> Header:
    try:
        return _Members.model_validate(read_object(raw, limit=MAX_HEADER)).header()
    except ValidationError as refused:
        raise as_malformed(refused) from None


def _key(key: PublicKey) -> JsonValue:
    certificate = x509.load_der_x509_certificate(key.chain[0])
    return {
        "kid": encode64(kid_of(key.chain[0])),
        "jwk": {**key.jwk},
        "nbf": seconds(certificate.not_valid_before_utc),
        "exp": seconds(certificate.not_valid_after_utc),
        "development": key.development,
        "current": key.current,
        # A body's own key, which vouches for no other body.
        **({} if key.issuer_code is None else {"issuer_code": key.issuer_code}),
    }


def _both(labels: Labels) -> JsonValue:
    return {"it": labels.it, "en": labels.en}
