"""The offline QR, "Q1": a credential in a link, small enough for paper, to be verified without a network.

    {public_url}/v#<digits>        digits = the decimal of 0x01 and a COSE_Sign1 (RFC 9052, 4.2), untagged

Digits, since no mail program or keyboard ever changes them, and a QR code packs them tightly. What stands
behind `#` stays in the browser. Nothing is compressed: so little only grows by it, and nothing can swell.

A meaning has one text: CBOR is deterministic (RFC 8949, 4.2.1), and whatever differs is refused unread.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from app.formats.instants import seconds
from app.formats.jose import PublicKeyObject, public_key, signed_by
from app.formats.strict import MAX_SAFE_INTEGER, Malformed

MAX_BYTES: Final = 1024
MAX_DIGITS: Final = 2467  # of 1,024 bytes
KID_BYTES: Final = 8
# Why whatever else our keys may have signed is never an offline QR (RFC 9052, 4.4: external_aad).
PURPOSE: Final = b"QCV1"
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SP 800-186)

_VERSION: Final = b"\x01"
_DIGITS: Final = re.compile("[1-9][0-9]*", re.ASCII)
_CONTEXT: Final = "Signature1"
_ALG, _KID = 1, 4  # header parameters, RFC 9052, 3.1
_ES256: Final = -7
_ISSUER, _EXPIRES, _BEGINS, _ID = 1, 4, 5, 7  # claims, RFC 8392, 4
_OURS: Final = -70_000  # private use
_NAME, _SCHEME, _PLACE, _TEST = 1, 2, 3, 4  # of ours
_HALF: Final = 32  # bytes of each number of a signature
_LATEST: Final = 253_370_764_799  # the last second of the year 9998, as far as we read dates
_DEPTH: Final = 3
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}  # bytes behind a head that has no room for its number
_STRINGS: Final = {2, 3}  # major types, RFC 8949, 3.1
_HELD: Final = {4: 1, 5: 2}  # items to a list's entry, and to a map's
_TAG, _SIMPLE = 6, 7
_TRUE: Final = 0xF5
_SIGNATURE: Final = bytes([0x58, 2 * _HALF])  # the head of so many bytes, RFC 8949, 3

_dumps: Final = partial(cbor2.dumps, canonical=True)


@dataclass(frozen=True, slots=True)
class Content:
    """What an offline QR says. Validity is the same as every other document's, to the second."""

    issuer_code: int
    document_id: str  # urn:uuid:…
    valid_from: datetime
    valid_until: datetime
    name: str | None  # only where the scheme puts it there
    scheme: str  # its code and version: DLE/1.0.0
    list_id: int
    index: int
    test: bool = False


@dataclass(frozen=True, slots=True)
class Q1:
    """An offline QR taken apart. Nothing in it is true before its signature verified."""

    kid: bytes
    says: Content
    signing_input: bytes
    signature: bytes

    def verified_by(self, jwk: Mapping[str, object]) -> bool:
        """Tell whether this key, which must be one for ES256, signed this."""
        return _verified(self.signing_input, self.signature, public_key(jwk))


@dataclass(frozen=True, slots=True)
class Signed:
    """What was just signed, of bytes that were read strictly before."""

    signing_input: bytes
    signature: bytes

    def verified_with(self, key: PublicKeyObject) -> bool:
        """Tell whether this key, which must be one for ES256, signed this."""
        return _verified(self.signing_input, self.signature, key)


def _verified(signing_input: bytes, signature: bytes, key: PublicKeyObject) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and signed_by(signing_input, signature, key)


def kid_of(certificate: bytes) -> bytes:
    """Name a key by its DER certificate: enough to find it among ours, and trusted for nothing."""
    return hashlib.sha256(certificate).digest()[:KID_BYTES]


def link(public_url: str, digits: str) -> str:
    """Give the text of the QR code."""
    return f"{public_url}/v#{digits}"


def unsigned(says: Content, kid: bytes) -> bytes:
    """Write the exact bytes that get signed (RFC 9052, 4.4: the Sig_structure)."""
    ours: dict[int, object] = {_SCHEME: says.scheme, _PLACE: [says.list_id, says.index]}
    if says.name is not None:
        ours[_NAME] = says.name
    if says.test:
        ours[_TEST] = True
    payload = {
        _ISSUER: says.issuer_code,
        _EXPIRES: seconds(says.valid_until),
        _BEGINS: seconds(says.valid_from),
        _ID: uuid.UUID(says.document_id).bytes,
        _OURS: ours,
    }
    return _signing_input(_dumps({_ALG: _ES256, _KID: kid}), _dumps(payload))


def low_s(signature: bytes) -> bytes:
    """Of the two signatures that every ES256 has, write the one with the smaller number."""
    r, s = signature[:_HALF], int.from_bytes(signature[_HALF:], "big")
    return r + min(s, ORDER - s).to_bytes(_HALF, "big") if s < ORDER else signature


def assemble(unsigned: bytes, signature: bytes) -> str:
    """Make the digits of the signed bytes and their signature; nothing is written anew."""
    return str(int.from_bytes(_before(unsigned) + cbor2.dumps(signature), "big"))


@lru_cache(maxsize=1)
def _before(unsigned: bytes) -> bytes:
    """Write what stands before their signature: it is put together with one, and then compared with it."""
    _, protected, _, payload = cbor2.loads(unsigned)
    return _VERSION + _dumps([protected, {}, payload, b""])[:-1]


def taken_apart(unsigned: bytes, says: Content) -> tuple[bytes, ...] | None:
    """Cut out of the bytes that say this what is a holder's alone; None where it does not stand just once."""
    *_, payload = cbor2.loads(unsigned)
    pieces = [unsigned.removesuffix(_dumps(payload))]
    for own in _own(says):
        if payload.count(own) != 1:
            return None
        piece, _, payload = payload.partition(own)
        pieces.append(piece)
    return (*pieces, payload)


def filled(pieces: Sequence[bytes], says: Content) -> bytes:
    """Put what is another holder's alone in its place."""
    front, *before, last = pieces
    own = _own(says)
    payload = b"".join(part for pair in zip(before, own, strict=True) for part in pair) + last
    return front + cbor2.dumps(payload)


def _own(says: Content) -> list[bytes]:
    """Write what is a holder's alone, in the order in which it is said."""
    own = [cbor2.dumps(uuid.UUID(says.document_id).bytes), cbor2.dumps([says.list_id, says.index])]
    return own if says.name is None else [own[0], cbor2.dumps(says.name), own[1]]


def read_unsigned(unsigned: bytes) -> tuple[bytes, Content]:
    """Read what is about to be signed, as strictly as a stranger will: the key's name, and the content."""
    match _plain(unsigned):
        case [str(context), bytes(protected), bytes(purpose), bytes(payload)]:
            if (context, purpose) != (_CONTEXT, PURPOSE):
                raise Malformed("bytes that are to be signed for something else")
            return _kid(protected), _content(payload)
        case _:
            raise Malformed("not what a COSE_Sign1 signs")


def begins_as_one(text: str) -> bool:
    """Tell whether a text is of digits that can be meant as an offline QR."""
    return _is_number(text) and _bytes(text)[:1] == _VERSION


def decode_q1(digits: str) -> Q1:
    """Take an offline QR apart, or raise `Malformed`. Nothing is verified yet."""
    if not begins_as_one(digits):
        raise Malformed("not the digits of an offline QR")
    whole = _bytes(digits)
    if len(whole) > MAX_BYTES:
        raise Malformed(f"an offline QR of more than {MAX_BYTES} bytes")
    match _plain(whole[1:]):
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)] if not unprotected:
            return Q1(
                kid=_kid(protected),
                says=_content(payload),
                signing_input=_signing_input(protected, payload),
                signature=_lower(signature),
            )
        case _:
            raise Malformed("not a COSE_Sign1 with an empty unprotected header")


def open_signed(digits: str, unsigned: bytes) -> Signed:
    """Take apart what was just signed of bytes that were read strictly before, as those that it has to be of.

    A meaning has one text: so whatever stands before the signature is what is written of these very bytes.
    """
    before = _before(unsigned) + _SIGNATURE
    if not _is_number(digits) or not (whole := _bytes(digits)).startswith(before) or len(whole) > MAX_BYTES:
        raise Malformed("not the bytes that were to be signed")
    return Signed(unsigned, _lower(whole.removeprefix(before)))


def _signing_input(protected: bytes, payload: bytes) -> bytes:
    return _dumps([_CONTEXT, protected, PURPOSE, payload])


def _is_number(text: str) -> bool:
    return bool(_DIGITS.fullmatch(text)) and len(text) <= MAX_DIGITS


def _bytes(digits: str) -> bytes:
    number = int(digits)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@lru_cache(maxsize=64)
def _kid(protected: bytes) -> bytes:
    members = _members(_plain(protected), {_ALG, _KID})
    if members[_ALG] != _ES256:
        raise Malformed("another algorithm than ES256")
    return _exactly(members[_KID], KID_BYTES)


def _content(payload: bytes) -> Content:
    claims = _members(_plain(payload), {_ISSUER, _EXPIRES, _BEGINS, _ID, _OURS})
    ours = _members(claims[_OURS], {_SCHEME, _PLACE}, {_NAME, _TEST})
    match ours[_PLACE]:
        case [list_id, index]:
            place = _whole(list_id), _whole(index)
        case _:
            raise Malformed("a place in a list that is not two numbers")
    if ours.get(_TEST, True) is not True:
        raise Malformed("a mark that is not one")
    return Content(
        issuer_code=_whole(claims[_ISSUER]),
        document_id=uuid.UUID(bytes=_exactly(claims[_ID], 16)).urn,
        valid_from=_instant(claims[_BEGINS]),
        valid_until=_instant(claims[_EXPIRES]),
        name=_text(ours[_NAME]) if _NAME in ours else None,
        scheme=_text(ours[_SCHEME]),
        list_id=place[0],
        index=place[1],
        test=_TEST in ours,
    )


def _plain(content: bytes) -> Any:
    """Read CBOR of plain values that is written in the one deterministic way."""
    _check_heads(content)
    try:
        value = cbor2.loads(content, max_depth=_DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, UnicodeError, TypeError, ValueError):
        raise Malformed("not CBOR, or not as deterministic CBOR is written") from None
    if _dumps(value) != content:
        raise Malformed("CBOR that could be written otherwise")
    return value


def _check_heads(content: bytes) -> None:
    """Let numbers, bytes, texts, lists, maps and `true` through, of definite length, and nothing else.

    Before any library sees them: some read a tag as a pattern to be compiled, or as a number without end.
    """
    place, awaited = 0, 1
    while awaited and place < len(content):
        kind, low = content[place] >> 5, content[place] & 31
        width = _WIDTHS.get(low, 0)
        if low > max(_WIDTHS) or kind == _TAG or (kind == _SIMPLE and content[place] != _TRUE):
            raise Malformed("CBOR with a tag, a fraction or no definite length")
        number = int.from_bytes(content[place + 1 : place + 1 + width], "big") if width else low
        place += 1 + width + (number if kind in _STRINGS else 0)
        awaited += number * _HELD.get(kind, 0) - 1
    if awaited or place != len(content):
        raise Malformed("CBOR that is cut off, or goes on after its end")


def _members(
    value: object, needed: AbstractSet[int], allowed: AbstractSet[int] = frozenset()
) -> dict[int, Any]:
    if not isinstance(value, dict) or not needed <= value.keys() <= needed | allowed:
        raise Malformed("members that an offline QR does not have, or lacks")
    if any(type(name) is not int for name in value):  # Python takes true for 1
        raise Malformed("members that are not named by numbers")
    return value


def _whole(value: object, most: int = MAX_SAFE_INTEGER) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise Malformed("not a whole number, or one that is too large")
    return value


def _instant(value: object) -> datetime:
    return datetime.fromtimestamp(_whole(value, _LATEST), UTC)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed("not a text, or an empty one")
    return value


def _exactly(value: object, size: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise Malformed(f"not {size} bytes")
    return value


def _lower(signature: bytes) -> bytes:
    """Of two signatures that both verify, only one is ours: else the same QR could be written twice."""
    if 2 * int.from_bytes(_exactly(signature, 2 * _HALF)[_HALF:], "big") > ORDER:
        raise Malformed("a signature with the larger of its two numbers")
    return signature
