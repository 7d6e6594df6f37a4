"""JAdES baseline seals (ETSI TS 119 182-1): a JWS with its certificate, and what proves it for later years.

B-B is the signature. B-T adds a time-stamp over it, B-LT the certificates and revocation values that judge
it, B-LTA a time-stamp over all of that. None of these touches what was signed, so one signature is carried
through all levels. The payload of a European Digital Credential stands in the JSON as plain text
(`b64: false`, RFC 7797) and is kept byte for byte: any other spelling of the same JSON is another payload.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final, Literal

from cryptography import x509
from pydantic import BaseModel, Field, ValidationError

from app.core.errors import JsonValue
from app.formats import der
from app.formats.instants import date_time, seconds
from app.formats.jades_members import (
    MAX_SEAL,
    STRICT,
    Component,
    Encoded,
    SealHeader,
    ValidationValues,
    read_component,
    read_header,
)
from app.formats.jose import (
    MAX_SIGNATURE,
    PublicKeyObject,
    algorithm_for,
    certificate_thumbprint,
    public_key,
    signed_by,
)
from app.formats.strict import (
    Malformed,
    as_malformed,
    decode64,
    encode64,
    encode64_standard,
    read_object,
    write_json,
)
from app.ports import PublicKey

MAX_COMPONENTS: Final = 32
MAX_STAMPS: Final = 8  # each is about all of the document, and has a path of certificates of its own

_PARTS: Final = 3
_MEMBERS: Final = 128  # parts of the JSON around a seal: what it holds besides are texts
_DIRECTORY_NAME: Final = 0xA4

SigningTime = Literal["iat", "sigT"]
Kind = Literal["edc", "vc"]
StampKind = Literal["adoTst", "sigTst", "arcTst"]


class Level(StrEnum):
    """The baseline levels (ETSI TS 119 182-1, 6): what a seal carries, not whether it holds."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


class NoSeal(Malformed):
    """Not even the serialisation of a signature can be read, so that nothing says what the text is."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed document. Nothing in it is true before it was checked."""

    payload: str  # as it stands in the JSON: the text itself, or its base64url
    protected: str
    signature: str
    etsi_u: tuple[str, ...] = ()
    b64: bool = True

    def compact(self) -> str:
        """Write the compact serialisation, which has room for B-B alone (RFC 7515, 7.1)."""
        if self.etsi_u or not self.b64:
            raise ValueError("Only a B-B seal over an encoded payload can be compact.")
        return f"{self.protected}.{self.payload}.{self.signature}"

    def flattened(self) -> str:
        """Write the flattened JSON serialisation (RFC 7515, 7.2.2)."""
        return write_json({"payload": self.payload, **self._signature()}).decode()

    def general(self) -> str:
        """Write the general JSON serialisation (RFC 7515, 7.2.1), the one that Europass writes."""
        return write_json({"payload": self.payload, "signatures": [self._signature()]}).decode()

    def _signature(self) -> dict[str, JsonValue]:
        header: dict[str, JsonValue] = {"header": {"etsiU": [*self.etsi_u]}} if self.etsi_u else {}
        return {"protected": self.protected, **header, "signature": self.signature}

    @property
    def bare(self) -> "Seal":
        """The seal as it was signed, at B-B: what all its levels have in common."""
        return replace(self, etsi_u=())

    def at_level(self, level: Level) -> "Seal":
        """The seal as it was at a level that it has: each begins with all of the one below."""
        for count in range(len(self.etsi_u), -1, -1):
            below = replace(self, etsi_u=self.etsi_u[:count])
            if below.level is level:
                return below
        raise ValueError(f"This seal never was at {level}.")

    @property
    def content(self) -> bytes:
        """The sealed bytes themselves."""
        return decode64(self.payload) if self.b64 else self.payload.encode()

    @property
    def header(self) -> SealHeader:
        """Read the protected header, or raise `Malformed`."""
        return read_header(decode64(self.protected))

    @property
    def signing_input(self) -> bytes:
        return signing_input(self.protected, self.payload)

    def verified_by(self, jwk: Mapping[str, object]) -> bool:
        """Tell whether this key made the signature, as the header says it was made (RFC 7515, 5.2)."""
        return self.verified_with(public_key(jwk))

    def verified_with(self, key: PublicKeyObject) -> bool:
        """Tell the same of a key that was read before."""
        stated = self.header.alg == algorithm_for(key)
        return stated and signed_by(self.signing_input, decode64(self.signature), key)

    @property
    def level(self) -> Level:
        """The level whose parts are all carried. Whether they hold is for the checks."""
        level = Level.B_B
        for component in self._components():
            if component.sig_tst and level is Level.B_B:
                level = Level.B_T
            elif component.holds_values and level is Level.B_T:
                level = Level.B_LT
            elif component.arc_tst and level is Level.B_LT:
                level = Level.B_LTA
        return level

    def stamps(self) -> tuple["Stamp", ...]:
        """Name every time-stamp in the order in which they were made."""
        found = [Stamp("adoTst", token, self) for token in self.header.content_stamps]
        for place, component in enumerate(self._components()):
            before = replace(self, etsi_u=self.etsi_u[:place])
            if component.sig_tst:
                found += [Stamp("sigTst", token, before) for token in component.sig_tst.tokens()]
            if component.arc_tst:
                found += [Stamp("arcTst", token, before) for token in component.arc_tst.tokens()]
        return tuple(found)

    def values(self) -> ValidationValues:
        """Gather all certificates and revocation values that the seal carries outside its header."""
        held = [each for component in self._components() for each in component.value_holders()]
        return sum((each.values() for each in held), ValidationValues())

    def _components(self) -> tuple[Component, ...]:
        return tuple(read_component(each) for each in self.etsi_u)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time-stamp that a seal carries."""

    kind: StampKind
    token: bytes
    before: Seal  # as it was when the time-stamp was made

    @property
    def content(self) -> bytes:
        """The bytes that the time-stamp has to be about; written when asked for, since they are many."""
        match self.kind:
            case "adoTst":
                return self.before.payload.encode()
            case "sigTst":
                return signature_imprint(self.before)
            case "arcTst":
                return archive_imprint(self.before)


def protected_header(
    key: PublicKey, *, at: datetime, signing_time: SigningTime, kind: Kind
) -> dict[str, JsonValue]:
    """Write the header of a baseline seal; of `iat` and `sigT` one, never both.

    Since 15 July 2025 a new signature carries `iat` (TS 119 182-1 v1.2.1, 5.1.11); validators of before know
    `sigT` alone. A header that stands in `crit` must be understood by whoever reads (RFC 7515, 4.1.11).
    """
    leaf = key.chain[0]
    header: dict[str, JsonValue] = {"alg": key.algorithm}
    extensions: list[JsonValue] = []
    match kind:
        case "edc":
            header |= {"cty": "octet-stream", "kid": _issuer_serial(leaf), "typ": "jose+json", "b64": False}
            extensions.append("b64")
        case "vc":
            header |= {"typ": "vc+jwt", "cty": "vc"}
    header["x5t#S256"], encoded = _named(key.chain)
    header["x5c"] = [*encoded]
    if signing_time == "iat":
        header["iat"] = seconds(at)
    else:
        header["sigT"] = date_time(at.astimezone(UTC)).replace("+00:00", "Z")
        extensions.append("sigT")
    return {**header, "crit": extensions} if extensions else header


@lru_cache(maxsize=16)
def _named(chain: tuple[bytes, ...]) -> tuple[str, tuple[str, ...]]:
    """Name a chain as every header does that one of our keys signs."""
    return certificate_thumbprint(chain[0]), tuple(encode64_standard(each) for each in chain)


def signing_input(protected: str, payload: str) -> bytes:
    """Write the bytes that get signed: with `b64: false`, the payload is itself (RFC 7797, 3).

    An encoded payload is what stands in the JSON too, so both cases read alike here.
    """
    return f"{protected}.{payload}".encode()


def unsigned_seal(header: Mapping[str, JsonValue], content: bytes) -> Seal:
    """Lay out a seal that waits for its signature; its `signing_input` is what the key has to sign."""
    b64 = header.get("b64") is not False
    return Seal(
        payload=encode64(content) if b64 else content.decode(),
        protected=encode64(write_json(dict(header))),
        signature="",
        b64=b64,
    )


def assemble(unsigned: bytes, signature: bytes) -> Seal:
    """Make the seal of recorded bytes and their signature; nothing is written anew."""
    protected, _, payload = unsigned.decode().partition(".")
    b64 = read_header(decode64(protected)).b64
    return Seal(payload, protected, encode64(signature), b64=b64)


def signature_imprint(seal: Seal) -> bytes:
    """Write what a signature time-stamp is about: the signature as it is spelt (TS 119 182-1, 5.3.4)."""
    return seal.signature.encode("ascii")


def archive_imprint(seal: Seal) -> bytes:
    """Write what the next archive time-stamp is about: all there is (TS 119 182-1, 5.3.6.2)."""
    return f"{seal.payload}.{seal.protected}.{seal.signature}.{''.join(seal.etsi_u)}".encode()


def with_signature_timestamp(seal: Seal, token: bytes) -> Seal:
    """Add a time-stamp of the signature: B-T."""
    return _with(seal, {"sigTst": _container(token)})


def with_validation_values(
    seal: Seal, certificates: Sequence[bytes], crls: Sequence[bytes], ocsps: Sequence[bytes]
) -> Seal:
    """Add what the seal and its time-stamps are judged by: B-LT. Each value once, and no empty list."""
    for name, value in _held(certificates, crls, ocsps).items():
        seal = _with(seal, {name: value})
    return seal


def with_timestamp_values(
    seal: Seal, certificates: Sequence[bytes], crls: Sequence[bytes], ocsps: Sequence[bytes]
) -> Seal:
    """Add what the last archive time-stamp is judged by, before the next is made (TS 119 182-1, 5.3.6.1)."""
    held = _held(certificates, crls, ocsps)
    return _with(seal, {"tstVD": held}) if held else seal


def with_archive_timestamp(seal: Seal, token: bytes) -> Seal:
    """Add a time-stamp of all there is: B-LTA. Repeated before algorithms or certificates grow old."""
    return _with(seal, {"arcTst": _container(token)})


def read_seal(text: str, *, limit: int = MAX_SEAL) -> Seal:
    """Take a seal of at most `limit` bytes in any serialisation apart, or raise `Malformed`; verify nothing.

    Read strictly: one spelling each, exactly one signature, and nothing that the levels do not know. Where
    the text is not even JSON, it is `NoSeal` that is raised.
    """
    if len(text) > limit:
        raise NoSeal(f"a seal of more than {limit} bytes")
    seal = _read_json(text, limit) if text.lstrip().startswith("{") else _read_compact(text)
    if len(decode64(seal.signature)) > MAX_SIGNATURE:
        raise Malformed("a signature longer than any we know")
    if seal.header.b64 != seal.b64:
        raise Malformed("a payload that is not written as the header says")
    seal.content  # noqa: B018 -- raises if it is not canonical
    if len(seal.stamps()) > MAX_STAMPS or not seal.values().few:
        raise Malformed("more proof than any seal needs")
    return seal


class _Unprotected(BaseModel):
    model_config = STRICT

    etsi_u: Annotated[list[Encoded], Field(alias="etsiU", max_length=MAX_COMPONENTS)]


class _Signature(BaseModel):
    model_config = STRICT

    protected: Encoded
    header: _Unprotected | None = None
    signature: Encoded

    def seal(self, payload: str) -> Seal:
        unprotected = tuple(self.header.etsi_u) if self.header else ()
        b64 = read_header(decode64(self.protected)).b64
        return Seal(payload, self.protected, self.signature, unprotected, b64)


class _Flattened(_Signature):
    payload: Annotated[str, Field(min_length=1)]


class _General(BaseModel):
    model_config = STRICT

    payload: Annotated[str, Field(min_length=1)]
    signatures: Annotated[list[_Signature], Field(min_length=1, max_length=1)]


def _read_compact(text: str) -> Seal:
    parts = text.split(".", _PARTS)
    if len(parts) != _PARTS or not all(parts):
        raise NoSeal("not three parts of base64url")
    protected, payload, signature = parts
    return Seal(payload, protected, signature)


def _read_json(text: str, limit: int) -> Seal:
    try:
        members = read_object(text.encode(), limit=limit, parts=_MEMBERS)
    except UnicodeEncodeError:
        raise NoSeal("text with half a character") from None
    except Malformed as refused:
        raise NoSeal(refused.reason) from None
    if None in members.values():
        raise Malformed("a member without a value")
    try:
        if "signatures" in members:
            read = _General.model_validate(members)
            return read.signatures[0].seal(read.payload)
        flattened = _Flattened.model_validate(members)
        return flattened.seal(flattened.payload)
    except ValidationError as refused:
        raise as_malformed(refused) from None


def _with(seal: Seal, component: JsonValue) -> Seal:
    return replace(seal, etsi_u=(*seal.etsi_u, encode64(write_json(component))))


def _held(
    certificates: Sequence[bytes], crls: Sequence[bytes], ocsps: Sequence[bytes]
) -> dict[str, JsonValue]:
    held: dict[str, JsonValue] = {}
    if certificates:
        held["xVals"] = [{"x509Cert": value} for value in _values(certificates)]
    revocation = {"crlVals": _values(crls), "ocspVals": _values(ocsps)}
    if any(revocation.values()):
        held["rVals"] = {name: values for name, values in revocation.items() if values}
    return held


def _container(token: bytes) -> JsonValue:
    return {"tstTokens": [*_values([token])]}


def _values(contents: Iterable[bytes]) -> list[JsonValue]:
    return [{"val": encode64_standard(content)} for content in dict.fromkeys(contents)]


def _issuer_serial(leaf: bytes) -> str:
    """Name the certificate by its issuer and number (RFC 5035, 4: IssuerSerial), as Europass writes `kid`."""
    certificate = x509.load_der_x509_certificate(leaf)
    names = der.element(der.SEQUENCE, der.element(_DIRECTORY_NAME, certificate.issuer.public_bytes()))
    return encode64_standard(der.element(der.SEQUENCE, names + der.integer(certificate.serial_number)))
