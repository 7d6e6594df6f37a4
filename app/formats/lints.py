"""What must hold of a document before any key is used. The list of lints is our profile.

A lint reads the very bytes that will be signed, through the strict reader that a stranger's token meets, and
compares them with the claims that were meant. Each cites what it enforces and yields nothing if all is well.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Final, Self

import orjson

from app.core.errors import JsonValue
from app.core.numbers import CredentialNumber, Mistyped
from app.formats import q1, qr
from app.formats.claims import TEST_MARK, Claims, Format
from app.formats.jose import MAX_HEADER, Header, read_header
from app.formats.moulds import base64_of, taken_apart
from app.formats.q1 import Content
from app.formats.reading import ENTRY_TYPE, ReadCredential, read_credential
from app.formats.strict import Malformed, decode64, read_object, write_texts
from app.formats.vc import CONTEXT, TYPE
from app.ports import PublicKey

MAX_UNSIGNED: Final = 16 * 1024  # a quarter of what we read: no honest document comes near it
MAX_SYMBOL: Final = 14  # the version of a QR code that a phone reads well from 38 mm of paper

_ADDRESS: Final = re.compile(r"\S+://\S+")
_URN_UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEADERS: Final[Mapping[str, set[str]]] = {
    Format.VC_JWT: {"alg", "kid", "typ", "cty", "x5c", "x5t#S256", "iat"},
    Format.OB_JWT: {"alg", "kid", "typ"},
}
_SCHEME: Final = re.compile(r"[A-Z0-9]{2,8}/[0-9]+\.[0-9]+\.[0-9]+")
_PURPOSES: Final[Mapping[str, tuple[str, ...]]] = {
    Format.VC_JWT: ("revocation", "suspension"),
    Format.OB_JWT: ("suspension",),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a document would break, in words for whoever has to mend it."""

    lint: str
    words: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before its signature: what a stranger would read, and what was meant."""

    claims: Claims
    forbidden: Sequence[str]
    size: int
    members: dict[str, JsonValue]  # of the protected header
    header: Header
    payload: dict[str, JsonValue]
    read: ReadCredential


Lint = Callable[[Draft], Iterator[str]]


def lint(unsigned: bytes, claims: Claims, forbidden: Sequence[str]) -> tuple[Finding, ...]:
    """Say what is wrong with these bytes; sign only if the answer is empty.

    `forbidden` are the stems that the scheme's route must not use of itself. What many documents say alike
    is read once: see `_Mould`.
    """
    which = (claims.scheme_id, claims.scheme_version, claims.issuer_name)
    mould = _moulds.get(which)
    if mould is not None and mould.made(unsigned, claims, forbidden):
        return ()
    try:
        draft = _draft(unsigned, claims, forbidden)
    except Malformed as unread:
        return (Finding("readable", f"our own reader refuses it: {unread.reason}"),)
    findings = tuple(
        Finding(each.__name__.removeprefix("lint_"), words) for each in LINTS for words in each(draft)
    )
    if not findings and (found := _Mould.of(unsigned, draft)):
        if len(_moulds) >= _MOST_MOULDS:
            _moulds.clear()
        _moulds[which] = found
    return findings


# What claims say of all holders alike; of when it was issued, the payload says nothing.
_ALIKE: Final = attrgetter(
    *(
        each.name
        for each in fields(Claims)
        if each.name not in {"document_id", "subject_id", "number", "holder_name", "issued_at", "status"}
    )
)
_LONGEST_NAME: Final = 200
_INDEXES: Final = range(10**10)


@dataclass(frozen=True, slots=True)
class _Mould:
    """What is left of a document that broke no rule, without what is its holder's alone.

    Another that says the same of all but its holder breaks none either, if every byte of its payload is what
    the mould and the claims make it, and if its header and its holder's own texts pass the lints on them.
    """

    alike: tuple[object, ...]
    listed: tuple[tuple[str, str], ...]
    forbidden: tuple[str, ...]
    ending: str  # of the wording as far as the number: all that a word which reaches into that can hold of it
    pieces: tuple[bytes, ...]
    own: Callable[[Sequence[bytes]], Sequence[bytes]]  # puts a holder's own texts between the pieces

    @classmethod
    def of(cls, unsigned: bytes, draft: Draft) -> Self | None:
        """Take it from a document that broke no rule; None where there is none to be had."""
        claims = draft.claims
        if draft.header.format is not Format.VC_JWT:
            return None
        wording = str(draft.payload["description"]).removesuffix(claims.number)
        try:
            pieces, holes = taken_apart(draft.payload)
        except (LookupError, TypeError, ValueError, AttributeError):
            return None
        if not wording[-1:].isspace():
            return None  # an address at its end would go on in the number
        listed = tuple((entry.url, entry.purpose) for entry in claims.status)
        forbidden = tuple(draft.forbidden)
        ending = f" {_ADDRESS.sub('', wording)}"[-max(map(len, forbidden), default=1) :]
        made = cls(_ALIKE(claims), listed, forbidden, ending, tuple(pieces), itemgetter(*holes))
        # It is one only if it says of that very document what was found of it.
        return made if made.made(unsigned, claims, draft.forbidden) else None

    def made(self, unsigned: bytes, claims: Claims, forbidden: Sequence[str]) -> bool:
        """Tell whether another document is of this mould, and breaks no rule."""
        number, holder, status = claims.number, claims.holder_name, claims.status
        if (
            _ALIKE(claims) != self.alike
            or tuple(forbidden) != self.forbidden
            or tuple((entry.url, entry.purpose) for entry in status) != self.listed
            or {entry.index for entry in status} != {index := status[0].index}
            or index not in _INDEXES
            or len(unsigned) > MAX_UNSIGNED
            or not _URN_UUID.fullmatch(claims.document_id)
            or not _URN_UUID.fullmatch(claims.subject_id)
            or not _is_canonical(number)
            or len(holder) > _LONGEST_NAME
            or not holder.strip()
            or self._reaches(number)
        ):
            return False
        head, _, body = unsigned.partition(b".")
        try:
            members, header = _head(head.decode("ascii"))
            name = orjson.dumps(holder)[1:-1]
        except (ValueError, TypeError):  # of which `Malformed` is one, and half a character another
            return False
        if header.format is not Format.VC_JWT or any(_wrong_headers(members, header, claims)):
            return False
        own = claims.document_id.encode(), claims.subject_id.encode(), number.encode(), name
        filled = [b""] * (2 * len(self.pieces) - 1)
        filled[::2] = self.pieces
        filled[1::2] = self.own((*own, b"", b"%d" % index))
        return body == base64_of(filled)

    def _reaches(self, number: str) -> bool:
        """Tell whether a forbidden word stands in the number or runs into it; the rest was looked through."""
        # The first character is there for the pattern to look back at, and begins nothing.
        return bool(self.forbidden and _sought(self.forbidden).search(self.ending + number, 1))


_moulds: dict[tuple[str, str, str], _Mould] = {}  # of the documents that are being written now
_MOST_MOULDS: Final = 64


def lint_size(draft: Draft) -> Iterator[str]:
    """Ours: a document has to travel; one this large is a mistake in somebody's texts."""
    if draft.size > MAX_UNSIGNED:
        yield f"it has {draft.size} bytes, more than {MAX_UNSIGNED}"


def lint_header(draft: Draft) -> Iterator[str]:
    """Open Badges 3.0, 8.2.3, and JAdES B-B (ETSI TS 119 182-1): exactly the headers of the format."""
    return _wrong_headers(draft.members, draft.header, draft.claims)


def _wrong_headers(members: Mapping[str, JsonValue], header: Header, claims: Claims) -> Iterator[str]:
    if members.keys() != _HEADERS[header.format]:
        yield f"the header has {', '.join(members)}"
    home = ("http://", "https://") if header.format is Format.OB_JWT else f"{claims.issuer_id}#"
    if not (header.kid or "").startswith(home):
        yield "the key is not named as this format names keys"


def lint_context(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.3, and the Open Badges 3.0 schema: these two contexts in this order."""
    if draft.payload.get("@context") != CONTEXT:
        yield "the contexts are not the two that belong there, in their order"


def lint_types(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.5, and Open Badges 3.0, AchievementCredential."""
    if draft.payload.get("type") != TYPE:
        yield "the type is not that of an achievement credential"


def lint_identifiers(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.4, and ours: a document is named by a UUID of its own, which `jti` repeats."""
    if not _URN_UUID.fullmatch(draft.claims.document_id) or draft.read.jti != draft.claims.document_id:
        yield "the document is not named by its own urn:uuid"


def lint_subject(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.8, and ours: the subject is named by a UUID of its own, never by anything of the person."""
    if not _URN_UUID.fullmatch(draft.claims.subject_id) or draft.read.sub != draft.claims.subject_id:
        yield "the subject is not named by its own urn:uuid"


def lint_issuer(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.7: whoever signs is who is said to have issued."""
    if not draft.claims.issuer_id.startswith("did:web:") or draft.read.iss != draft.claims.issuer_id:
        yield "the issuer is not the DID of this service"
    if draft.read.issuer_name != draft.claims.issuer_name or not draft.claims.issuer_name.strip():
        yield "the issuer's name is missing or another"


def lint_registered_claims(draft: Draft) -> Iterator[str]:
    """Open Badges 3.0, 8.2.6.1: these five stand beside the credential; the reader saw that they agree."""
    missing = [name for name in ("iss", "sub", "jti", "nbf", "exp") if name not in draft.payload]
    if missing:
        yield f"the registered claims lack {', '.join(missing)}"


def lint_validity(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.9: the validity is the one decided, to the second, and it ends after it begins."""
    decided = (draft.claims.valid_from, draft.claims.valid_until)
    if (draft.read.valid_from, draft.read.valid_until) != decided:
        yield "the validity is not the one that was decided"
    if decided[0] >= decided[1]:
        yield "the validity ends before it begins"


def lint_status(draft: Draft) -> Iterator[str]:
    """VCDM 2.0, 4.10: two entries in a `vc+jwt`; the Open Badges 3.0 schema takes one, and as an object."""
    if draft.read.status != draft.claims.status or draft.read.other_status:
        yield "the status entries are not those that were reserved"
    if tuple(entry.purpose for entry in draft.read.status) != _PURPOSES[draft.header.format]:
        yield "the status entries have not the purposes of this format"
    written = draft.payload.get("credentialStatus")
    if isinstance(written, dict) != (draft.header.format is Format.OB_JWT):
        yield "the status does not have the shape of this format"
    for entry in draft.read.status:
        if not entry.url.startswith(("https://", "http://")):
            yield f"a {ENTRY_TYPE} points nowhere"


def lint_number(draft: Draft) -> Iterator[str]:
    """Ours: the number is well formed, written canonically, and the one in the register."""
    if draft.read.number != draft.claims.number:
        yield "the number is not the one in the register"
    if not _is_canonical(draft.claims.number):
        yield "the number is not well formed"


def _is_canonical(number: str) -> bool:
    try:
        return CredentialNumber.as_written(number) == number
    except Mistyped:
        return False


def lint_holder(draft: Draft) -> Iterator[str]:
    """Ours: the name is the one in the register."""
    if draft.read.holder_name != draft.claims.holder_name or not draft.claims.holder_name.strip():
        yield "the holder's name is missing or another"


def lint_test_mark(draft: Draft) -> Iterator[str]:
    """Ours: what is made in test mode says so where every wallet shows it, and nothing else does."""
    for member in ("name", "description"):
        if str(draft.payload.get(member)).startswith(TEST_MARK) != draft.claims.test:
            yield f"the {member} does not say truly whether this is a test"


def lint_wording(draft: Draft) -> Iterator[str]:
    """Ours, for Italian Law 4/2013: an association attests, and keeps off the words of accredited bodies."""
    stems = tuple(draft.forbidden)
    found = frozenset[str]().union(*(_stems_in(said, stems) for said in _statements(draft.payload)))
    match draft.payload:
        case {"credentialSubject": {"achievement": dict(achievement)}}:
            found |= _stems_of_achievement(write_texts(achievement), stems)
    yield from _named(stems, found)


def forbidden_words(statements: Iterable[str], stems: Sequence[str]) -> Iterator[str]:
    """Name each stem that a word of these statements begins with; addresses say nothing."""
    yield from _named(stems, frozenset[str]().union(*(_stems_in(said, tuple(stems)) for said in statements)))


def _named(stems: Sequence[str], found: frozenset[str]) -> Iterator[str]:
    return (f"it says “{stem}…”" for stem in stems if stem in found)


@lru_cache(maxsize=64)
def _stems_of_achievement(written: bytes, stems: tuple[str, ...]) -> frozenset[str]:
    """Find them in what a scheme says of its achievement: all of its credentials say the same."""
    achievement = read_object(written, limit=len(written))
    return frozenset[str]().union(*(_stems_in(said, stems) for said in _texts(achievement)))


@lru_cache(maxsize=256)
def _stems_in(said: str, stems: tuple[str, ...]) -> frozenset[str]:
    """Find them in one statement; most of what a scheme's documents say, they all say."""
    bare = _ADDRESS.sub("", said)
    if not stems or not _sought(stems).search(bare):
        return frozenset()
    return frozenset(stem for stem in stems if _sought((stem,)).search(bare))


@lru_cache(maxsize=64)
def _sought(stems: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, stems))})", re.IGNORECASE)


LINTS: Final[tuple[Lint, ...]] = (
    lint_size,
    lint_header,
    lint_context,
    lint_types,
    lint_identifiers,
    lint_subject,
    lint_issuer,
    lint_registered_claims,
    lint_validity,
    lint_status,
    lint_number,
    lint_holder,
    lint_test_mark,
    lint_wording,
)


@dataclass(frozen=True, slots=True)
class QrDraft:
    """An offline QR before its signature: what a stranger would read, and what was meant."""

    claims: Claims
    meant: Content
    key: PublicKey
    before: str  # what stands before its digits in the link
    digits: int
    kid: bytes
    read: Content


QrLint = Callable[[QrDraft], Iterator[str]]


def lint_qr(
    unsigned: bytes, claims: Claims, meant: Content, *, key: PublicKey, public_url: str
) -> tuple[Finding, ...]:
    """Say what is wrong with the bytes of an offline QR; sign only if the answer is empty.

    What many of them say alike is read once: see `_QrMould`.
    """
    which = (claims.scheme_id, claims.scheme_version, claims.issuer_name)
    mould = _qr_moulds.get(which)
    if mould is not None and mould.made(unsigned, claims, meant, key, public_url):
        return ()
    try:
        kid, read = q1.read_unsigned(unsigned)
    except Malformed as unread:
        return (Finding("qr_readable", f"our own reader refuses it: {unread.reason}"),)
    draft = QrDraft(claims, meant, key, q1.link(public_url, ""), _digits(unsigned), kid, read)
    findings = tuple(
        Finding(each.__name__.removeprefix("lint_"), words) for each in QR_LINTS for words in each(draft)
    )
    if not findings and (found := _QrMould.of(unsigned, draft, public_url)):
        if len(_qr_moulds) >= _MOST_MOULDS:
            _qr_moulds.clear()
        _qr_moulds[which] = found
    return findings


@dataclass(frozen=True, slots=True)
class _QrMould:
    """What is left of an offline QR that broke no rule, without what is its holder's alone; see `_Mould`.

    A longer one may not fit on paper any more, and is looked at by itself.
    """

    alike: tuple[object, ...]
    longest: int
    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, unsigned: bytes, draft: QrDraft, public_url: str) -> Self | None:
        """Take it from one that broke no rule; None where there is none to be had."""
        pieces = q1.taken_apart(unsigned, draft.meant)
        if pieces is None:
            return None
        made = cls(_qr_alike(draft.claims, draft.meant, draft.key, public_url), len(unsigned), pieces)
        # It is one only if it says of that very QR what was found of it.
        return made if made.made(unsigned, draft.claims, draft.meant, draft.key, public_url) else None

    def made(self, unsigned: bytes, claims: Claims, meant: Content, key: PublicKey, public_url: str) -> bool:
        """Tell whether another QR is of this mould, and breaks no rule."""
        name = meant.name
        return (
            _qr_alike(claims, meant, key, public_url) == self.alike
            and len(unsigned) <= self.longest
            and meant.document_id == claims.document_id
            and _URN_UUID.fullmatch(meant.document_id) is not None
            and (name is None or _is_composed(name, claims.holder_name))
            and meant.list_id in _INDEXES
            and meant.index in _INDEXES
            and q1.filled(self.pieces, meant) == unsigned
        )


def _digits(unsigned: bytes) -> int:
    return len(q1.assemble(unsigned, b"\xff" * 2 * 32))  # no signature makes it longer


def _qr_alike(claims: Claims, meant: Content, key: PublicKey, public_url: str) -> tuple[object, ...]:
    return (
        *(
            meant.issuer_code,
            meant.valid_from,
            meant.valid_until,
            meant.scheme,
            meant.test,
            meant.name is None,
        ),
        *(claims.valid_from, claims.valid_until, claims.test),
        *(key.algorithm, key.chain[0], public_url),
    )


def _is_composed(name: str, holder_name: str) -> bool:
    return name == unicodedata.normalize("NFC", holder_name) and bool(name.strip())


_qr_moulds: dict[tuple[str, str, str], _QrMould] = {}


def lint_qr_symbol(draft: QrDraft) -> Iterator[str]:
    """ISO/IEC 18004, and ours: on paper, at level Q, a code above version 14 is too fine for poor cameras."""
    if not _fits_on_paper(draft.before, draft.digits):
        name = len((draft.read.name or "").encode())
        yield (
            f"printed at level Q, its code would exceed version {MAX_SYMBOL}: the name takes {name} bytes, "
            f"the address of this service {len(draft.before)}; a shorter form of the name fits"
        )


def _fits_on_paper(before: str, digits: int) -> bool:
    return qr.fits(before, digits, qr.Level.PRINT, MAX_SYMBOL)


@lru_cache(maxsize=256)
def room_for_name(meant: Content, public_url: str) -> int:
    """Tell how many bytes of a name `lint_qr_symbol` lets through, in an offline QR that else says this."""
    before, kid = q1.link(public_url, ""), b"\xff" * q1.KID_BYTES

    def is_too_long(size: int) -> bool:
        unsigned = q1.unsigned(replace(meant, name="N" * size), kid)
        return not _fits_on_paper(before, _digits(unsigned))

    return bisect_left(range(1, q1.MAX_BYTES), True, key=is_too_long)


def lint_qr_key(draft: QrDraft) -> Iterator[str]:
    """RFC 9053, 2.1: ES256, under the name of the certificate that we publish."""
    if draft.key.algorithm != "ES256" or draft.kid != q1.kid_of(draft.key.chain[0]):
        yield "the key is not one for ES256, or is not the one that is named"


def lint_qr_content(draft: QrDraft) -> Iterator[str]:
    """Ours: it says what was meant, and whom it is about by the document's own name."""
    if draft.read != draft.meant or draft.read.document_id != draft.claims.document_id:
        yield "it does not say what was meant"
    if not _SCHEME.fullmatch(draft.read.scheme):
        yield "the scheme is not named by its code and version"


def lint_qr_validity(draft: QrDraft) -> Iterator[str]:
    """RFC 8392, 3.1: the validity is that of every other document, to the second."""
    if (draft.read.valid_from, draft.read.valid_until) != (draft.claims.valid_from, draft.claims.valid_until):
        yield "the validity is not the one that was decided"
    if draft.read.valid_from >= draft.read.valid_until:
        yield "the validity ends before it begins"


def lint_qr_holder(draft: QrDraft) -> Iterator[str]:
    """Unicode, annex 15, and ours: the name, where there is one, is that of the register, composed (NFC)."""
    if draft.read.name is not None and not _is_composed(draft.read.name, draft.claims.holder_name):
        yield "the holder's name is missing, another, or not composed"


def lint_qr_test_mark(draft: QrDraft) -> Iterator[str]:
    """Ours: what is made in test mode says so, and nothing else does."""
    if draft.read.test != draft.claims.test:
        yield "it does not say truly whether this is a test"


QR_LINTS: Final[tuple[QrLint, ...]] = (
    lint_qr_symbol,
    lint_qr_key,
    lint_qr_content,
    lint_qr_validity,
    lint_qr_holder,
    lint_qr_test_mark,
)


def _draft(unsigned: bytes, claims: Claims, forbidden: Sequence[str]) -> Draft:
    head, _, body = unsigned.decode("ascii").partition(".")
    members, header = _head(head)
    payload = read_object(decode64(body), limit=len(unsigned))
    return Draft(
        claims=claims,
        forbidden=forbidden,
        size=len(unsigned),
        members=members,
        header=header,
        payload=payload,
        read=read_credential(payload),
    )


@lru_cache(maxsize=64)
def _head(head: str) -> tuple[dict[str, JsonValue], Header]:
    members = decode64(head)
    return read_object(members, limit=MAX_HEADER), read_header(members)


def _statements(payload: dict[str, JsonValue]) -> Iterator[str]:
    """Yield what it says of the holder, the achievement apart: not names, which are whoever's they are."""
    yield from (str(payload.get(member, "")) for member in ("name", "description"))


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
