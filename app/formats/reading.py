"""A credential's payload, ours or a stranger's, as values that the verification can trust the types of."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from app.core.errors import JsonValue
from app.core.labels import Labels
from app.formats.claims import TEST_MARK, StatusEntry
from app.formats.envelope import LIST_TYPE, Envelope, Members, Text, Texts, as_list
from app.formats.instants import read_date_time, seconds
from app.formats.strict import MAX_SAFE_INTEGER, Malformed, as_malformed
from app.formats.vc import CONTEXT, NUMBER_TYPE, TYPE

ENTRY_TYPE: Final = "BitstringStatusListEntry"
MAX_STATUS_ENTRIES: Final = 8


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """A position in an IETF token list (Token Status List, 6.2)."""

    url: str
    index: int


@dataclass(frozen=True, slots=True)
class ReadCredential:
    """What a credential says, once it could be read. Whether it is true is for the other checks."""

    jti: str | None
    sub: str | None
    iss: str
    issuer_name: str | None
    number: str | None
    holder_name: str | None
    title: str | None
    wording: str | None
    standard: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    status: tuple[StatusEntry, ...]
    other_status: tuple[str, ...]  # types and purposes that we do not check, and must say so
    test: bool
    token_status: TokenEntry | None = None
    titles: Labels | None = None  # apart, where the format has room for two languages; so the wordings
    wordings: Labels | None = None
    issuer_identifier: str | None = None  # as in the certificate of a seal: VATIT-01234567890
    links: tuple[str, ...] = ()  # where it says that it is vouched for


class _Identity(Members):
    hashed: bool
    value: Annotated[Text, Field(alias="identityHash")]
    kind: Annotated[Text, Field(alias="identityType")]


class _Alignment(Members):
    framework: Annotated[object, Field(alias="targetFramework")] = None


class _Achievement(Members):
    name: object = None
    alignment: Annotated[list[_Alignment], BeforeValidator(as_list)] = Field(
        default_factory=list, max_length=64
    )


class _Subject(Members):
    id: Text | None = None
    identifier: Annotated[list[_Identity], BeforeValidator(as_list)] = Field(
        default_factory=list, max_length=64
    )
    achievement: _Achievement = _Achievement()

    def identified(self, kind: str) -> str | None:
        found = {each.value for each in self.identifier if each.kind == kind and not each.hashed}
        if len(found) > 1:
            raise Malformed("a subject that is identified twice and differently")
        return found.pop() if found else None


class _Typed(Members):
    type: Texts


class _Entry(Members):
    """Bitstring Status List 1.0, 2.1: the position is a decimal number in a string."""

    purpose: Annotated[Text, Field(alias="statusPurpose")]
    index: Annotated[str, StringConstraints(pattern="^(0|[1-9][0-9]{0,9})$"), Field(alias="statusListIndex")]
    url: Annotated[Text, Field(alias="statusListCredential")]
    size: Annotated[int, Field(alias="statusSize", ge=1)] = 1


class _StatusList(Members):
    index: Annotated[int, Field(alias="idx", ge=0, le=MAX_SAFE_INTEGER)]
    url: Annotated[Text, Field(alias="uri")]


class _StatusClaim(Members):
    """Token Status List, 6.1; what else an issuer means by `status` we do not check, and say so."""

    status_list: _StatusList


class _Credential(Envelope):
    claim: Annotated[object, Field(alias="status")] = None
    name: object = None
    description: object = None
    subject: Annotated[
        list[_Subject],
        BeforeValidator(as_list),
        Field(alias="credentialSubject", min_length=1, max_length=1),
    ]
    status: Annotated[
        list[dict[str, object]],
        BeforeValidator(as_list),
        Field(alias="credentialStatus", max_length=MAX_STATUS_ENTRIES, default_factory=list),
    ]

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if self.sub is not None and self.sub != self.subject[0].id:
            raise Malformed("a registered claim that contradicts the credential")
        return self


def read_credential(payload: dict[str, JsonValue]) -> ReadCredential:
    """Read a payload, or raise `Malformed`."""
    return _read_as_ours(payload) or _read_any(payload)


# The members of what we compose ourselves: nothing more and nothing less is read the short way.
_REGISTERED: Final = {"iss", "sub", "jti", "nbf", "exp"}
_OURS: Final = _REGISTERED | {
    *("@context", "id", "type", "name", "description", "issuer", "validFrom", "validUntil"),
    *("credentialSubject", "credentialStatus"),
}
_OUR_ENTRY: Final = frozenset({"id", "type", "statusPurpose", "statusListIndex", "statusListCredential"})
_OUR_NAMES: Final = (False, "name", False, NUMBER_TYPE)
_PURPOSES: Final = frozenset({"revocation", "suspension"})
_INDEX: Final = re.compile("0|[1-9][0-9]{0,9}")
_instant: Final = lru_cache(maxsize=4096)(read_date_time)  # most credentials share their days with others
_LONGEST: Final = 4096


def _read_as_ours(payload: dict[str, Any]) -> ReadCredential | None:
    """Read what is composed as `vc` composes it, fast; of anything else nothing is said here.

    A test holds it against the thorough way, member by member.
    """
    if payload.keys() != _OURS or payload["@context"] != CONTEXT or payload["type"] != TYPE:
        return None
    try:
        issuer, subject = payload["issuer"], payload["credentialSubject"]
        achievement, (one, other) = subject["achievement"], subject["identifier"]
        (alignment,) = achievement["alignment"]
        iss, issuer_name, sub = issuer["id"], issuer["name"], subject["id"]
        holder, number = one["identityHash"], other["identityHash"]
        named = (one["hashed"], one["identityType"], other["hashed"], other["identityType"])
        title, standard = achievement["name"], alignment["targetFramework"]
        status = tuple(_our_entry(entry) for entry in payload["credentialStatus"])
        valid_from, valid_until = _instant(payload["validFrom"]), _instant(payload["validUntil"])
    except (KeyError, TypeError, ValueError):  # of another shape, or malformed: the thorough way will say so
        return None
    jti, wording, name = payload["id"], payload["description"], payload["name"]
    begins, ends = payload["nbf"], payload["exp"]
    texts = (jti, iss, sub, holder, number, issuer_name, title, wording, standard, name)
    if (
        {*map(type, texts)} != {str}
        or (type(begins), type(ends)) != (int, int)
        or (payload["iss"], payload["jti"], payload["sub"]) != (iss, jti, sub)
        or named != _OUR_NAMES
        or not all(isinstance(each, bool) for each in named[::2])
        or (begins, ends) != (seconds(valid_from), seconds(valid_until))
        or begins < 0
        or ends < 0
        or None in status
        or not 0 < len(status) <= MAX_STATUS_ENTRIES
        or not all(0 < len(text) <= _LONGEST for text in texts[:5])
    ):
        return None
    return ReadCredential(
        jti=jti,
        sub=sub,
        iss=iss,
        issuer_name=issuer_name,
        number=number,
        holder_name=holder,
        title=title,
        wording=wording,
        standard=standard,
        valid_from=valid_from,
        valid_until=valid_until,
        status=tuple(entry for entry in status if entry is not None),
        other_status=(),
        test=name.startswith(TEST_MARK),
    )


def _our_entry(entry: Any) -> StatusEntry | None:
    if not isinstance(entry, dict) or entry.keys() != _OUR_ENTRY:
        return None
    purpose, index, url = entry["statusPurpose"], entry["statusListIndex"], entry["statusListCredential"]
    if entry["type"] != ENTRY_TYPE or not isinstance(index, str) or not isinstance(url, str):
        return None
    if not _INDEX.fullmatch(index) or not 0 < len(url) <= _LONGEST:
        return None
    return StatusEntry(url, int(index), purpose) if purpose in _PURPOSES else None


def _read_any(payload: dict[str, JsonValue]) -> ReadCredential:
    try:
        read = _Credential.model_validate(payload)
        entries = [_read_entry(entry) for entry in read.status]
        (subject,) = read.subject
        number, holder = subject.identified(NUMBER_TYPE), subject.identified("name")
    except ValidationError as refused:
        raise as_malformed(refused) from None
    if LIST_TYPE in read.type:
        raise Malformed("a status list, where a credential was expected")
    alignment = subject.achievement.alignment
    token_status, others = _read_claim(read.claim)
    return ReadCredential(
        jti=read.id,
        sub=subject.id,
        iss=read.issuer.id,
        issuer_name=_text(read.issuer.name),
        number=number,
        holder_name=holder,
        title=_text(subject.achievement.name),
        wording=_text(read.description),
        standard=_text(alignment[0].framework) if alignment else None,
        valid_from=read.valid_from,
        valid_until=read.valid_until,
        status=tuple(entry for entry in entries if isinstance(entry, StatusEntry)),
        other_status=(*(entry for entry in entries if isinstance(entry, str)), *others),
        test=(_text(read.name) or "").startswith(TEST_MARK),
        token_status=token_status,
    )


def _read_entry(entry: dict[str, object]) -> StatusEntry | str:
    if entry.get("type") != ENTRY_TYPE:  # as we write it; others may name several
        kind = _Typed.model_validate(entry).type
        if ENTRY_TYPE not in kind:
            return kind[0]
    read = _Entry.model_validate(entry)
    if read.size == 1:
        match read.purpose:
            case "revocation" | "suspension":
                return StatusEntry(read.url, int(read.index), read.purpose)
    return read.purpose


def _read_claim(claim: object) -> tuple[TokenEntry | None, tuple[str, ...]]:
    if claim is None:
        return None, ()
    try:
        read = _StatusClaim.model_validate(claim).status_list
    except ValidationError:
        return None, ("status",)
    return TokenEntry(read.url, read.index), ()


def _text(value: object) -> str | None:
    """Take a text as such or with its language (VCDM 2.0, 11.1); of several, the first."""
    match value:
        case str(text) | {"@value": str(text)}:
            return text
        case [first, *_]:
            return _text(first)
    return None
