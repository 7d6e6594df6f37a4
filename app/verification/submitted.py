"""What a stranger sent, brought down to the one thing that is to be verified. Nothing is fetched, ever."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from app.core.errors import JsonValue
from app.core.numbers import CredentialNumber, Mistyped
from app.formats.jades_members import MAX_SEAL
from app.formats.jose import MAX_TOKEN
from app.formats.strict import Malformed, read_object, write_json
from app.verification.errors import FileTooLarge, FileUnreadable, NothingToVerify, NotOurs, NumberMistyped
from app.verification.sealed import begins_as_one

# JSON around a token may escape and indent it; beyond twice its size it is something else.
MAX_TEXT: Final = 2 * MAX_TOKEN
LARGE_COSTS: Final = 5  # look-ups, of what is longer: it can only be a sealed document with pictures
ENVELOPED: Final = "EnvelopedVerifiableCredential"
PRESENTED: Final = "EnvelopedVerifiablePresentation"

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://\S*")
# VC-JOSE-COSE writes the media type of the token into a `data:` address (VCDM 2.0, 4.13).
_ENCLOSED: Final = re.compile(r"data:application/(?:v[cp]\+jwt|jwt)(?:;[^,;]{1,40})?,(.*)", re.DOTALL)
# Where the page that verifies is, in either language: the digits of an offline QR stand behind its hash.
_OUR_PAGE: Final = frozenset({"/v", "/v/"})
_OUR_LANGUAGES: Final = frozenset({"", "lang=it", "lang=en"})
_OUR_PATH: Final = re.compile(r"/v/([^/]{1,200}?)(?:\.json)?/?")


@dataclass(frozen=True, slots=True)
class Token:
    """A document to be read; `text` may still be anything at all."""

    text: str


Submission = Token | CredentialNumber


def costs(document: str | bytes) -> int:
    """Say for how many look-ups a document counts, in whatever way it came."""
    return LARGE_COSTS if len(document) > MAX_TEXT else 1


def of_bytes(content: bytes, *, ours: Sequence[str]) -> Submission:
    """Read a file that is no picture: a token, a number, or JSON with one of them inside."""
    if len(content) > MAX_SEAL:
        raise FileTooLarge(f"Send a credential of at most {MAX_SEAL} bytes.", limit_bytes=MAX_SEAL)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if len(content) > MAX_TEXT:
            raise _too_large() from None
        raise FileUnreadable from None
    if len(content) > MAX_TEXT and not begins_as_one(text):
        raise _too_large()
    return of_text(text, ours=ours)


def _too_large() -> FileTooLarge:
    return FileTooLarge(f"Send a credential of at most {MAX_TEXT} bytes.", limit_bytes=MAX_TEXT)


def of_text(text: str, *, ours: Sequence[str]) -> Submission:
    """Read a text, as somebody pasted it or as a QR code holds it."""
    text = text.strip()
    if begins_as_one(text):
        return Token(text)
    return _of_json(text, ours=ours) if text.startswith("{") else _of_line(text, ours=ours)


def _of_line(text: str, *, ours: Sequence[str]) -> Submission:
    if not text:
        raise NothingToVerify
    if CredentialNumber.is_meant(text):
        return of_number(text)
    if _ADDRESS.fullmatch(text):
        return of_address(text, ours=ours)
    return Token(_out_of_data(text))


def of_address(address: str, *, ours: Sequence[str]) -> Submission:
    """Take the number or the offline QR out of an address of ours; any other is refused, unopened.

    Of an offline QR that leads elsewhere nothing is said either: its seal may be good, and the page not ours.
    `ours` are our addresses, the installation's own first.
    """
    try:
        parts = urlsplit(address)
        same = f"{parts.scheme}://{parts.netloc}".lower() in {each.lower() for each in ours}
    except ValueError:
        same = False
    if same and parts.path in _OUR_PAGE and parts.query in _OUR_LANGUAGES and parts.fragment:
        return Token(parts.fragment)
    path = _OUR_PATH.fullmatch(unquote(parts.path)) if same else None
    if path is None:
        others = ", or so at a host of a body that issues here," if len(ours) > 1 else ""
        raise NotOurs(f"Only addresses that begin with {ours[0]}/v/{others} can be answered for.")
    return of_number(path[1])


def of_number(text: str) -> CredentialNumber:
    """Read a number that somebody typed, or say that it is mistyped; the register is not asked."""
    try:
        return CredentialNumber.read(text)
    except Mistyped:
        raise NumberMistyped from None


def number_of(text: str) -> str:
    """Give the same number as we write it."""
    try:
        return CredentialNumber.as_written(text)
    except Mistyped:
        raise NumberMistyped from None


def presented(presentation: JsonValue) -> str:
    """Read a presentation: the token itself, or an envelope around it. What is neither is an empty text."""
    match presentation:
        case str(text):
            return _out_of_data(text.strip())
        case {"type": kind, "id": str(enclosed)} if kind in (PRESENTED, [PRESENTED]):
            return _out_of_data(enclosed)
        case _:
            return ""


def of_member(credential: JsonValue) -> Token:
    """Read a credential in JSON: the token itself, or an enveloped credential that holds it.

    An object that is neither is read as an empty text: no credential, and the report will say so.
    """
    match credential:
        case str(text):
            return Token(_out_of_data(text.strip()))
        case {"type": kind, "id": str(enclosed)} if kind in (ENVELOPED, [ENVELOPED]):
            return Token(_out_of_data(enclosed))
        case _:
            return Token("")


def of_sealed(credential: JsonValue) -> Token | None:
    """Read a sealed document in JSON, as text or as the object itself; None where it is something else.

    What was signed stands in it as a text of its own, which no reading of the object around it changes.
    """
    match credential:
        case str(text) if begins_as_one(text):
            return Token(text.strip())
        case {"payload": _, "signatures": _} | {"payload": _, "protected": _, "signature": _}:
            return Token(write_json(credential).decode())
        case _:
            return None


def _of_json(text: str, *, ours: Sequence[str]) -> Submission:
    try:
        members = read_object(text.encode("utf-8", "surrogatepass"), limit=MAX_TEXT)
    except Malformed:
        return Token("")
    credential = members["credential"] if set(members) == {"credential"} else members
    if (document := of_sealed(credential)) is not None:
        return document
    if isinstance(credential, str):
        return _of_line(credential.strip(), ours=ours)
    return of_member(credential)


def _out_of_data(text: str) -> str:
    enclosed = _ENCLOSED.fullmatch(text)
    return enclosed[1] if enclosed else text
