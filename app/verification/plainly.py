"""The ordinary document of ours, told of in one straight line.

Whatever is told here was judged the thorough way before, of another document: one that the register says the
very same of, whose header began alike and whose payload was the same, but for what is a holder's alone. So
there is nothing left to judge but that those few texts are the register's own, that every other byte is what
it was, and that our key signed them: as is verified now, or was when this very document was stored. Anything
else is none of this module's business: it says None.
"""

import hashlib
import re
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Final, Self

import orjson

from app.formats import moulds
from app.formats.claims import Format
from app.formats.jose import (
    MAX_HEADER,
    MAX_SIGNATURE,
    MAX_TOKEN,
    PublicKeyObject,
    public_key,
    read_header,
    signed_by,
)
from app.formats.strict import Malformed, decode64
from app.formats.vc import CONTEXT
from app.ports import PublicKey
from app.verification.entries import Row
from app.verification.statements import DECIDING, FORMAT, ISSUED_AT, JTI, NUMBER, SHA256, SUBJECT, instant
from app.verification.trust import Keyring
from app.verification.written import Pattern

_TIME: Final = b',"iat":'
_TIME_AT_END: Final = re.compile(rb"(?:0|[1-9][0-9]{0,14})\}")
_LONGEST_TIME: Final = 20  # characters, with all that may stand beside it
_NAMES: Final = re.compile(r"urn:uuid:[0-9a-f-]{36} urn:uuid:[0-9a-f-]{36} [A-Z0-9-]{8,40}")
_UUID: Final = len("urn:uuid:") + 36
_PLACE: Final = re.compile(rb"([1-9][0-9]{0,9})-[a-z]{1,20}#(0|[1-9][0-9]{0,9})\"")
_LISTED: Final = re.compile(r"(.*/)[1-9][0-9]{0,9}(-[a-z]{1,20})", re.DOTALL)
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_NAME_BYTES: Final = 120
_PLACE_BYTES: Final = 60
_TO_JTI: Final = len(orjson.dumps({"@context": CONTEXT, "id": ""})) - len('"}')

_BEFELL: Final = (16, 17)  # superseded; its renewal refused

Key = tuple[object, ...]
Span = tuple[datetime, datetime]


def key_of(rows: Sequence[Row], place: int | None = None) -> Key:
    """Give all that the register says of a credential, but for what is its holder's alone.

    With a `place`, of one of its documents, which somebody sent; without, of the credential as it is.
    """
    if len(rows) == 1:
        return (place, *_shared(rows[0]))
    return (place, *map(_shared, rows))


def _shared(row: Row) -> Row:
    """Of a suspension, a revocation and a closing nothing is told but whether there was one."""
    if row[1] is row[2] is row[3] is None:
        return row[:DECIDING]
    return (row[0], *(each is not None for each in row[1:4]), *row[4:DECIDING])


def place_of(rows: Sequence[Row], jti: str) -> int | None:
    """Find the document of this name among the rows; the first, as it is found the thorough way."""
    return next((place for place, row in enumerate(rows) if row[JTI] == jti), None)


def is_ordinary(rows: Sequence[Row]) -> bool:
    """Tell whether others may be as this credential is: nothing befell it whose very time counts."""
    return not any(row[befell] is not None for row in rows for befell in _BEFELL)


@dataclass(frozen=True, slots=True)
class Front:
    """How the headers begin of all that one key of ours seals; only their time is still to come."""

    text: str  # as far as it can be told from the base64 alone
    rest: bytes  # what is left of it before the time
    key: PublicKeyObject

    @classmethod
    def of(cls, head: str, key: PublicKey) -> Self | None:
        """Take it from a header that was read the thorough way and names this key."""
        raw = decode64(head)
        before, _, end = raw.rpartition(_TIME)
        if not before or not _TIME_AT_END.fullmatch(end) or len(raw) > MAX_HEADER - _LONGEST_TIME:
            return None
        whole = len(before) // 3
        return cls(head[: 4 * whole], before[3 * whole :] + _TIME, public_key(key.jwk))

    def begins(self, head: str) -> bool:
        """Tell whether a header is this one, with whatever time."""
        known = len(self.text)
        if not head.startswith(self.text) or not 0 < len(head) - known <= 3 * _LONGEST_TIME:
            return False
        try:
            end = decode64(head[known:])
        except Malformed:
            return False
        return end.startswith(self.rest) and _TIME_AT_END.fullmatch(end, len(self.rest)) is not None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A token that says a key of ours sealed it, taken apart as far as is needed to find what it is like.

    Nothing of it is proven before `is_intact`, or before it is known that it was.
    """

    front: Front
    written: bytes
    body: int  # where the payload begins
    end: int  # and ends
    digest: str
    jti: str

    def part(self, place: int, size: int) -> bytes:
        """Read some of the payload, and whatever stands beside it."""
        return _part(self.written, self.body, place, size)

    def is_intact(self) -> bool:
        """Check the seal."""
        try:
            signature = decode64(self.written[self.end + 1 :].decode("ascii"))
        except Malformed:
            return False
        its_size = len(signature) <= MAX_SIGNATURE
        return its_size and signed_by(self.written[: self.end], signature, self.front.key)


def _part(written: bytes, body: int, place: int, size: int) -> bytes:
    start = body + place // 3 * 4
    return a2b_base64(written[start : start + (size + 5) // 3 * 4].translate(_STANDARD))[place % 3 :]


def opened(token: str, fronts: Sequence[Front]) -> Sealed | None:
    """Take a token apart, if it begins as those of a key of ours do."""
    end = token.find(".")
    if end <= 0 or len(token) > MAX_TOKEN:
        return None
    head = token[:end]
    front = next((each for each in fronts if each.begins(head)), None)
    if front is None:
        return None
    try:
        written, body = token.encode("ascii"), end + 1
        end = written.index(b".", body)
        jti = _part(written, body, _TO_JTI, _UUID)[:_UUID].decode("ascii")
    except ValueError:  # not ASCII, or no base64
        return None
    return Sealed(front, written, body, end, hashlib.sha256(written).hexdigest(), jti)


@dataclass(frozen=True, slots=True, eq=False)
class Mould:
    """What is left of a document, and of the report on it, without what is its holder's alone.

    It holds while the `pattern` does, and for what was sealed at `since` or later, and before `until`.
    """

    front: Front
    place: int
    pieces: tuple[bytes, ...]
    own: Callable[[Sequence[bytes]], Sequence[bytes]]  # puts a holder's own texts between the pieces
    to_holder: int
    to_list: int  # from the end of the holder's name
    pattern: Pattern
    since: datetime
    until: datetime

    @classmethod
    def of(
        cls, token: str, rows: Sequence[Row], place: int, *, front: Front, pattern: Pattern, sealed: Span
    ) -> Self | None:
        """Take it from a document of which that pattern is the report; None where there is none to be had."""
        row = rows[place]
        try:
            raw = decode64(token.split(".")[1])
            payload = orjson.loads(raw)
            for entry in payload["credentialStatus"]:
                before, kind = _LISTED.fullmatch(entry["statusListCredential"]).groups()  # type: ignore[union-attr]
                entry["statusListCredential"] = f"{before}{moulds.mark(moulds.LIST)}{kind}"
            pieces, holes = moulds.taken_apart(payload)
            holder = holes.index(moulds.HOLDER)
            first = holes.index(moulds.LIST, holder)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
        widths = {moulds.JTI: _UUID, moulds.SUBJECT: _UUID, moulds.NUMBER: len(row[NUMBER])}
        if not {*holes[:holder], *holes[holder + 1 : first]} <= widths.keys():
            return None
        to_holder = sum(map(len, pieces[: holder + 1])) + sum(widths[hole] for hole in holes[:holder])
        to_list = sum(map(len, pieces[holder + 1 : first + 1]))
        to_list += sum(widths[hole] for hole in holes[holder + 1 : first])
        made = cls(front, place, tuple(pieces), itemgetter(*holes), to_holder, to_list, pattern, *sealed)
        taken = opened(token, (front,))
        # It is one only if it says of that very document what was found of it.
        return made if taken and made.shown(taken, row) else None

    def shown(self, sealed: Sealed, row: Row) -> tuple[bytes, bytes] | None:
        """Give the number and the holder of another document of this mould, as they stand in JSON.

        It is one if every byte of it can be told beforehand, from the mould and from the register, but for
        the holder's name and the place in a list: of which nothing hangs but the name that is shown.
        """
        number, subject, jti = row[NUMBER], row[SUBJECT], row[JTI]
        if (
            sealed.front is not self.front
            or sealed.digest != row[SHA256]
            or not self.since <= instant(row[ISSUED_AT]) < self.until
            or not _NAMES.fullmatch(f"{jti} {subject} {number}")
        ):
            return None
        try:
            holder, more, _ = sealed.part(self.to_holder, _NAME_BYTES).partition(b'"')
            place = _PLACE.match(sealed.part(self.to_holder + len(holder) + self.to_list, _PLACE_BYTES))
            said = holder.decode()
        except ValueError:  # nothing that we wrote
            return None
        if not more or place is None or not said.isprintable() or not said or "\\" in said:
            return None
        told = number.encode()
        filled = [b""] * (2 * len(self.pieces) - 1)
        filled[::2] = self.pieces
        filled[1::2] = self.own((jti.encode(), subject.encode(), told, holder, place[1], place[2]))
        payload = moulds.base64_of(filled)
        if sealed.end - sealed.body != len(payload) or not sealed.written.startswith(payload, sealed.body):
            return None
        return told, holder


@dataclass(frozen=True, slots=True)
class Told:
    """A document that was found to be of a mould: so little is kept of it."""

    mould: Mould
    number: bytes
    holder: bytes

    def holds(self, at: datetime) -> bool:
        return self.mould.pattern.holds(at)

    def body(self, at: datetime) -> bytes:
        return self.mould.pattern.naming(self.number, self.holder, at)


def mould_of(
    token: str,
    rows: Sequence[Row],
    place: int,
    keyring: Keyring,
    *,
    fronts: Sequence[Front],
    pattern: Pattern,
    sealed: Span,
) -> Mould | None:
    """Make a mould of a document of ours that was judged the thorough way; None where there is none.

    Of what a key sealed that was in other hands later, the very time decides; that is judged each time.
    """
    if rows[place][FORMAT] != Format.VC_JWT:
        return None
    head = token.partition(".")[0]
    front = next((each for each in fronts if each.begins(head)), None)
    if front is None:
        key = keyring.ours(read_header(decode64(head)))
        front = Front.of(head, key) if key and not key.compromised_at else None
    if front is None:
        return None
    return Mould.of(token, rows, place, front=front, pattern=pattern, sealed=sealed)
