"""The members of a JAdES seal (ETSI TS 119 182-1), each read strictly through the allow-list of its place."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from app.formats.jose import MAX_CERTIFICATES, certificate_thumbprint
from app.formats.strict import Malformed, as_malformed, decode64, decode64_standard, read_object
from app.formats.x509 import MAX_CERTIFICATE

MAX_HEADER: Final = 64 * 1024  # with a time-stamp of the content inside
MAX_SEAL: Final = 10 * 1024 * 1024  # bytes: two pictures of a page, and years of proof
MAX_TOKEN: Final = 64 * 1024
# Of the whole seal, and so of each of its parts: three paths of four, and what a stamp a year adds to them.
MAX_CERTIFICATES_CARRIED: Final = 32
MAX_CRLS: Final = 16
MAX_OCSPS: Final = 16

_PARTS: Final = 512  # of JSON, in what holds no more than these

_LATEST: Final = 253402214400  # 9999-12-31: what is later has no date in Python


@dataclass(frozen=True, slots=True)
class SealHeader:
    """What the protected header says, once it passed the allow-list."""

    alg: Literal["ES256", "RS256"]
    chain: tuple[bytes, ...]  # DER from `x5c`, leaf first; `x5t#S256` is the digest of the leaf
    claimed_at: datetime | None  # `iat` or `sigT`: the sealer's own word, proven by nothing
    b64: bool
    typ: str | None
    content_stamps: tuple[bytes, ...]  # `adoTst`: made over the payload before it was signed


@dataclass(frozen=True, slots=True)
class ValidationValues:
    """What a seal brings along to be judged by: DER, unverified."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    @property
    def few(self) -> bool:
        """No more than an honest seal brings along: each costs signatures, and anybody may add some."""
        return (
            len(self.certificates) <= MAX_CERTIFICATES_CARRIED
            and len(self.crls) <= MAX_CRLS
            and len(self.ocsps) <= MAX_OCSPS
        )

    def __add__(self, more: "ValidationValues") -> "ValidationValues":
        """Put both together, each value once."""
        return ValidationValues(
            tuple(dict.fromkeys(self.certificates + more.certificates)),
            tuple(dict.fromkeys(self.crls + more.crls)),
            tuple(dict.fromkeys(self.ocsps + more.ocsps)),
        )


STRICT: Final = ConfigDict(strict=True, extra="forbid")
_Visible = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,512}$")]
_DateTime = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
]
Encoded = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]


class _Value(BaseModel):
    """TS 119 182-1, 5.4.1: an object that is carried as base64 of its DER."""

    model_config = STRICT

    val: str

    def der(self) -> bytes:
        return decode64_standard(self.val)


class _Container(BaseModel):
    """TS 119 182-1, 5.4.3.3; the baseline allows one token in each."""

    model_config = STRICT

    tst_tokens: Annotated[list[_Value], Field(alias="tstTokens", min_length=1, max_length=1)]

    def tokens(self) -> list[bytes]:
        found = [token.der() for token in self.tst_tokens]
        if any(len(token) > MAX_TOKEN for token in found):
            raise Malformed("a time-stamp longer than any we know")
        return found


class _Certificate(BaseModel):
    model_config = STRICT

    x509_cert: Annotated[_Value, Field(alias="x509Cert")]

    def der(self) -> bytes:
        found = self.x509_cert.der()
        if len(found) > MAX_CERTIFICATE:
            raise Malformed("a certificate longer than any we know")
        return found


class _Revocation(BaseModel):
    model_config = STRICT

    crl_vals: Annotated[list[_Value], Field(alias="crlVals", max_length=MAX_CRLS, default_factory=list)]
    ocsp_vals: Annotated[list[_Value], Field(alias="ocspVals", max_length=MAX_OCSPS, default_factory=list)]


_Certificates = Annotated[
    list[_Certificate] | None, Field(alias="xVals", max_length=MAX_CERTIFICATES_CARRIED)
]
_Revocations = Annotated[_Revocation | None, Field(alias="rVals")]


class _Held(BaseModel):
    """Certificates and revocation values together, as `tstVD` and `anyValData` hold them."""

    model_config = STRICT

    x_vals: _Certificates = None
    r_vals: _Revocations = None

    def values(self) -> ValidationValues:
        crls, ocsps = (self.r_vals.crl_vals, self.r_vals.ocsp_vals) if self.r_vals else ([], [])
        return ValidationValues(
            tuple(each.der() for each in self.x_vals or ()),
            tuple(each.der() for each in crls),
            tuple(each.der() for each in ocsps),
        )


class Component(_Held):
    """One entry of `etsiU` (TS 119 182-1, 5.3.1): exactly one of the properties of the baseline levels."""

    sig_tst: Annotated[_Container | None, Field(alias="sigTst")] = None
    arc_tst: Annotated[_Container | None, Field(alias="arcTst")] = None
    tst_vd: Annotated[_Held | None, Field(alias="tstVD")] = None
    any_val_data: Annotated[_Held | None, Field(alias="anyValData")] = None

    @property
    def holds_values(self) -> bool:
        return any(held.x_vals or held.r_vals for held in self.value_holders())

    def value_holders(self) -> Iterable[_Held]:
        return (held for held in (self, self.tst_vd, self.any_val_data) if held is not None)


def _not_a_number(value: object) -> object:
    """Zero equals False in Python, and is no truth value in JSON."""
    if not isinstance(value, bool):
        raise Malformed("b64 is true or false")
    return value


class _HeaderMembers(BaseModel):
    """The allow-list: what baseline seals of credentials carry, and nothing that leads elsewhere."""

    model_config = STRICT

    alg: Literal["ES256", "RS256"]
    x5c: Annotated[list[str], Field(min_length=1, max_length=MAX_CERTIFICATES)]
    x5t_s256: Annotated[str, Field(alias="x5t#S256")]
    typ: _Visible | None = None
    cty: _Visible | None = None
    kid: _Visible | None = None
    iat: Annotated[int, Field(ge=0, le=_LATEST)] | None = None
    sig_t: Annotated[_DateTime | None, Field(alias="sigT")] = None
    b64: Annotated[Literal[False], BeforeValidator(_not_a_number)] | None = None
    crit: Annotated[list[Literal["b64", "sigT", "adoTst"]], Field(min_length=1, max_length=3)] | None = None
    ado_tst: Annotated[_Container | None, Field(alias="adoTst")] = None

    def header(self) -> SealHeader:
        chain = tuple(decode64_standard(certificate) for certificate in self.x5c)
        if self.x5t_s256 != certificate_thumbprint(chain[0]):
            raise Malformed("x5t#S256 is not the digest of the first certificate in x5c")
        return SealHeader(
            alg=self.alg,
            chain=chain,
            claimed_at=self._claimed_at(),
            b64=self.b64 is None,
            typ=self.typ,
            content_stamps=tuple(self.ado_tst.tokens()) if self.ado_tst else (),
        )

    def _claimed_at(self) -> datetime | None:
        if self.iat is not None:
            if self.sig_t is not None:
                raise Malformed("a signing time given twice, as iat and as sigT")
            return datetime.fromtimestamp(self.iat, UTC)
        if self.sig_t is None:
            return None
        try:
            return datetime.fromisoformat(self.sig_t)
        except ValueError:
            raise Malformed("a signing time that is not in the calendar") from None


def read_header(raw: bytes) -> SealHeader:
    members = read_object(raw, limit=MAX_HEADER)
    if None in members.values():
        raise Malformed("a header member without a value")
    try:
        read = _HeaderMembers.model_validate(members)
    except ValidationError as refused:
        raise as_malformed(refused) from None
    critical = read.crit or []
    if len({*critical}) != len(critical) or not {*critical} <= members.keys():
        raise Malformed("crit names what the header does not have, or names it twice")
    if read.b64 is not None and "b64" not in critical:
        raise Malformed("b64 that is not critical")  # RFC 7797, 6
    return read.header()


def read_component(text: str) -> Component:
    members = read_object(decode64(text), limit=MAX_SEAL, parts=_PARTS)
    if len(members) != 1 or None in members.values():
        raise Malformed("an entry of etsiU that is not one property")
    try:
        return Component.model_validate(members)
    except ValidationError as refused:
        raise as_malformed(refused) from None
