"""The strict reading that stands in front of every library.

Libraries forgive: stray padding, spare bits in the last character, a member given twice, `NaN`. Whoever
forgives reads two texts as one, and then two readers disagree on what was signed. Here a meaning has one
text, and whatever else comes in raises `Malformed`.
"""

import base64
import binascii
import json
import math
import re
from typing import Final, NoReturn

import orjson
from pydantic import ValidationError

from app.core.errors import JsonValue

MAX_DEPTH: Final = 32
MAX_PARTS: Final = 50_000  # values and members in one text: an honest one of 10 MB is pictures, and has few
MAX_SAFE_INTEGER: Final = 2**53 - 1  # RFC 7493, 2.2: beyond it, readers see different numbers
_NAME: Final = re.compile(r"[A-Za-z0-9@#_]{1,30}")
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_SPARE: Final = {0: 1, 2: 16, 3: 4}  # by what is left over of fours: what the last value is a multiple of
_LONGEST_NUMBER: Final = 32  # characters; no honest date, count or coordinate needs more
_PLAIN: Final = 64 * 1024  # bytes: what is longer is read the thorough way at once
_DIGITS: Final = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG: Final = b"0" * 16  # so many digits has the first whole number that is too large


class Malformed(ValueError):
    """What was read is not what its format allows. The reason never repeats the text itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def as_malformed(refused: ValidationError) -> Malformed:
    """Say which members a model refused, and nothing that a stranger wrote into them."""
    errors = refused.errors(include_input=False, include_url=False)
    for error in errors:
        if isinstance(cause := error.get("ctx", {}).get("error"), Malformed):
            return cause
    names = {str(error["loc"][0]) if error["loc"] else "" for error in errors}
    known = sorted(name if _NAME.fullmatch(name) else "?" for name in names)
    return Malformed(f"members that this format does not allow: {', '.join(known[:5])}")


def encode64(content: bytes) -> str:
    """Write base64url without padding (RFC 7515, 2)."""
    written = binascii.b2a_base64(content, newline=False).replace(b"+", b"-").replace(b"/", b"_")
    return written.rstrip(b"=").decode("ascii")


def decode64(text: str) -> bytes:
    """Read base64url that is written in the one canonical way, or raise `Malformed`.

    Python skips characters outside the alphabet and ignores the spare bits of the last; here both count.
    """
    try:
        written = text.encode("ascii")
    except UnicodeEncodeError:
        raise Malformed("not base64url") from None
    if written.translate(None, _ALPHABET) or len(written) % 4 == 1:
        raise Malformed("not base64url")
    if _ALPHABET.find(written[-1:]) % _SPARE[len(written) % 4]:
        raise Malformed("base64url that is not canonical")
    return binascii.a2b_base64(written.translate(_STANDARD) + b"=" * (-len(written) % 4))


def encode64_standard(content: bytes) -> str:
    """Write standard, padded base64, as certificates in `x5c` are written (RFC 7515, 4.1.6)."""
    return base64.b64encode(content).decode("ascii")


def decode64_standard(text: str) -> bytes:
    """Read standard, padded base64 that is written in the one canonical way, or raise `Malformed`."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("not base64") from None
    if encode64_standard(content) != text:
        raise Malformed("base64 that is not canonical")
    return content


def read_object(raw: bytes, *, limit: int, parts: int = MAX_PARTS) -> dict[str, JsonValue]:
    """Read a JSON object of at most `limit` bytes that every sound reader would understand alike.

    It may have so many `parts`, counted before anything is made of them: a megabyte of empty lists becomes
    sixty in memory, and while they are made nothing else in the process moves.
    """
    if len(raw) > limit:
        raise Malformed(f"more than {limit} bytes of JSON")
    if len(raw) > parts and _parts(raw) > parts:
        raise Malformed(f"JSON of more than {parts} parts")
    content = _plainly(raw) if len(raw) <= _PLAIN else None
    if content is None:
        content = _thoroughly(raw)
    if not isinstance(content, dict):
        raise Malformed("JSON that is not an object")
    # Few brackets cannot nest deeply, and only an escape can write half a character: most texts need no walk.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or b"\\u" in raw:
        _check_tree(content)
    return content


def write_json(content: JsonValue) -> bytes:
    """Write compact UTF-8 JSON in the order given: the same value yields the same bytes, always."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def write_texts(content: JsonValue) -> bytes:
    """Write the same bytes as `write_json`, sooner, of what holds no fractions: the two differ on those."""
    return orjson.dumps(content, option=orjson.OPT_STRICT_INTEGER)


def _plainly(raw: bytes) -> JsonValue:
    """Read what is written just as we write, fast; None where it is not, which says nothing against it.

    A text that comes back byte for byte, when what was read is written again, can be read in no other way: a
    member given twice would be missing, and so would whatever was forgiven. Only long numbers, and texts that
    hold as many digits, are left to the thorough way.
    """
    try:
        content: JsonValue = orjson.loads(raw)
        alike = orjson.dumps(content) == raw
    except (orjson.JSONDecodeError, TypeError):  # the latter: it reads more levels than it writes
        return None
    return content if alike and _LONG not in raw.translate(_DIGITS) else None


def _thoroughly(raw: bytes) -> JsonValue:
    try:
        content: JsonValue = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_fraction,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        raise Malformed("text that is not UTF-8") from None
    except json.JSONDecodeError:
        raise Malformed("not JSON") from None
    except RecursionError:
        raise Malformed("JSON nested too deeply") from None
    return content


def _parts(raw: bytes) -> int:
    """Count what begins or separates values, outside of texts; one search after the other, all of them fast.

    Of a run of backslashes each pair is one, so that what remains of it decides whether a text ends behind.
    """
    bare = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    texts = bare.count(b'"') // 2
    if texts > MAX_PARTS:
        return texts  # to take these apart would cost what is to be saved
    outside = b"".join(bare.split(b'"')[::2])
    return texts + sum(outside.count(mark) for mark in (b"{", b"[", b","))


def _members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a member given twice")
    return members


def _integer(text: str) -> int:
    number = int(text) if len(text) <= _LONGEST_NUMBER else math.inf
    if abs(number) > MAX_SAFE_INTEGER:
        raise Malformed("a number too large to be read alike everywhere")
    return int(number)


def _fraction(text: str) -> float:
    number = float(text) if len(text) <= _LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise Malformed("a number too large to be read alike everywhere")
    return number


def _no_constant(_: str) -> NoReturn:
    raise Malformed("a number that JSON does not have")


def _check_tree(content: JsonValue) -> None:
    level: list[JsonValue] = [content]
    for _ in range(MAX_DEPTH):
        below: list[JsonValue] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                below.extend(value)  # names are texts too
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise Malformed("JSON nested too deeply")


def _check_text(text: str) -> None:
    """Refuse half of a surrogate pair: JSON can escape one, UTF-8 cannot carry it."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise Malformed("text with half a character") from None
