"""What a document proves by itself, before anybody is asked about it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.formats import jose, q1, strict
from app.formats.claims import Format
from app.formats.jades_checks import SealFinding
from app.formats.jose import Compact
from app.formats.reading import ReadCredential, read_credential
from app.formats.strict import Malformed
from app.formats.x509 import leaf_jwk
from app.ports import PublicKey
from app.verification.trust import Chain, Keyring

DOCUMENTS: Final = frozenset({Format.VC_JWT, Format.OB_JWT})  # a signed list is none


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A stranger's key, and whether the issuer that is named publishes it."""

    jwk: Mapping[str, str]
    bound: bool


@dataclass(frozen=True, slots=True)
class Examined:
    """What a document proves by itself: its form, its seal, and whose key made it."""

    format: str
    integrity: str | None = None
    says: ReadCredential | None = None
    key: PublicKey | None = None  # ours
    chain: Chain = ()
    sha256: str = ""
    misused: bool = False  # a key of ours made the seal, and it is for something else
    code: q1.Content | None = None  # what an offline QR says by codes
    bound: bool = False  # the issuer itself publishes the key
    seal: SealFinding | None = None  # of a sealed document in JSON
    token: Compact | None = None  # the same signature in compact form, where a `vc+jwt` stands in JSON

    @property
    def foreign(self) -> bool:
        """Tell whether it can be read, no key of ours sealed it, and it may point at what can be had."""
        points = self.seal is None or (self.proven and self.token is not None)
        return self.integrity is not None and self.key is None and not self.misused and points

    @property
    def proven(self) -> bool:
        return self.integrity == "seal-intact"


def examine(text: str, keyring: Keyring, *, given: GivenKey | None = None) -> Examined:
    """Read a document strictly and check its seal; whatever the text is, the answer is a finding.

    `given` is the key of a document that is not ours, where one was found.
    """
    if q1.begins_as_one(text):
        return _examine_qr(text, keyring)
    try:
        token = jose.open_compact(text)
        if token.header.format not in DOCUMENTS:
            return Examined("format-refused")
        says = read_credential(token.payload)
        key = keyring.ours(token.header)
        jwk = key.jwk if key else given.jwk if given else brought(token)
        if jwk is None:
            return Examined("format-read", "key-unavailable")
        intact = token.verified_by(jwk)
    except Malformed:
        return Examined(_why_not(text))
    if not intact:
        return Examined("format-read", "seal-broken", key=key)
    return Examined(
        format="format-read",
        integrity="seal-intact",
        says=says,
        key=key,
        chain=key.chain if key else token.header.chain,
        sha256=hashlib.sha256(text.encode("ascii")).hexdigest(),
        misused=key is None and keyring.is_for_else(jwk),
        bound=key is None and given is not None and given.bound,
    )


def brought(token: Compact) -> dict[str, str] | None:
    """Take the key that a stranger's document brings along: good for its seal, no word on whose it is."""
    if token.header.chain:
        return leaf_jwk(token.header.chain)
    return dict(token.header.jwk) if token.header.jwk else None


def _examine_qr(digits: str, keyring: Keyring) -> Examined:
    """The same for an offline QR, which only our own keys for it can have made."""
    try:
        read = q1.decode_q1(digits)
    except Malformed:
        return Examined("format-unreadable")
    key = keyring.for_qr(read.kid)
    if key is None:
        return Examined("format-read", "key-unavailable")
    if not read.verified_by(key.jwk):
        return Examined("format-read", "seal-broken")
    return Examined(
        format="format-read",
        integrity="seal-intact",
        says=_spelt_out(read.says, keyring.dids.get(read.says.issuer_code, keyring.did)),
        key=key,
        chain=key.chain,
        sha256=hashlib.sha256(digits.encode("ascii")).hexdigest(),
        code=read.says,
    )


def _spelt_out(code: q1.Content, did: str) -> ReadCredential:
    """Say in full what an offline QR says; what it has no room for is found in the register."""
    return ReadCredential(
        jti=code.document_id,
        sub=None,
        iss=did,
        issuer_name=None,
        number=None,
        holder_name=code.name,
        title=code.scheme,
        wording=None,
        standard=None,
        valid_from=code.valid_from,
        valid_until=code.valid_until,
        status=(),
        other_status=("statuslist+jwt",),
        test=code.test,
    )


def _why_not(text: str) -> str:
    """Tell a document that says what it must not from something that is no document at all."""
    head, _, _ = text.partition(".")
    try:
        strict.read_object(header := strict.decode64(head), limit=jose.MAX_HEADER)
    except Malformed:
        return "format-unreadable"
    try:
        jose.read_header(header)
    except Malformed:
        return "format-refused"
    return "format-unreadable"


def claims_to_be_ours(examined: Examined, keyring: Keyring) -> bool:
    """Tell whether our register is the one to ask: our key made the seal, or our name stands on it."""
    if not examined.proven or examined.says is None:
        return False
    says = examined.says
    return examined.key is not None or any(keyring.names(each) for each in (says.iss, *says.links))
