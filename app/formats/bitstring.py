"""W3C Bitstring Status List 1.0: one bit for each document, the left-most first.

The same position in a token list sits at the other end of its byte; the two are never mixed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError

from app.core.errors import JsonValue
from app.formats.claims import Purpose
from app.formats.deflate import GZIP, deflate, inflate
from app.formats.envelope import LIST_TYPE, VC_CONTEXT, Envelope, Members, Texts, as_list
from app.formats.instants import date_time, seconds
from app.formats.jose import signing_input
from app.formats.strict import Malformed, as_malformed, decode64, encode64
from app.formats.vc import seal_header
from app.ports import PublicKey

MIN_SIZE: Final = 131_072  # bits; 6.1: below it, a list would say too much about whom it lists
MAX_BYTES: Final = 2**20  # once unpacked: eight million documents
MAX_TOKEN: Final = 2 * MAX_BYTES  # a list that does not compress, in base64 within base64
LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Bits:
    """A list, unpacked."""

    content: bytes

    def is_set(self, index: int) -> bool:
        """Tell whether the document at this position has the status, or raise `Malformed` beyond the end."""
        if not 0 <= index < len(self.content) * 8:
            raise Malformed("a position outside the list")
        return bool(self.content[index // 8] & 0x80 >> index % 8)


@dataclass(frozen=True, slots=True)
class StatusList:
    """A list as it is published, signed by the key of the status slot."""

    url: str
    issuer_id: str
    purpose: Purpose
    encoded: str
    valid_from: datetime
    valid_until: datetime
    ttl: int | None = None  # milliseconds for which a reader may keep it


@dataclass(frozen=True, slots=True)
class ReadStatusList:
    """What a published list says, once it could be read."""

    url: str | None
    issuer: str
    purposes: tuple[str, ...]
    bits: Bits
    valid_from: datetime | None
    valid_until: datetime | None


def pack(set_bits: Iterable[int], size: int = MIN_SIZE) -> bytes:
    """Lay the positions out as bits. A position outside the list is a mistake of ours, so it raises."""
    content = bytearray(size // 8)
    for index in set_bits:
        if not 0 <= index < size:
            raise ValueError(f"position {index} is outside a list of {size}")
        content[index // 8] |= 0x80 >> index % 8
    return bytes(content)


def of_states(states: bytes, raising: frozenset[int]) -> bytes:
    """Derive the bits from a packed token list of two bits each: set where its state is one of these.

    So both forms have one source. Each byte of a token list yields half a byte here, in the other order.
    """
    upper, lower = _halves(raising)
    halves = int.from_bytes(states[::2].translate(upper)) | int.from_bytes(states[1::2].translate(lower))
    return halves.to_bytes(len(states) // 2)


@cache
def _halves(raising: frozenset[int]) -> tuple[bytes, bytes]:
    """Tell what each byte of a token list becomes, as the first half of a byte here and as the second."""
    upper = bytes(
        sum(0x80 >> place for place in range(4) if byte >> 2 * place & 3 in raising) for byte in range(256)
    )
    return upper, bytes(half >> 4 for half in upper)


def compress(bits: bytes, *, level: int = LEVEL) -> str:
    """Write bits as `encodedList`: multibase base64url of gzip."""
    return "u" + encode64(deflate(bits, GZIP, level=level))


def encode(set_bits: Iterable[int], size: int = MIN_SIZE) -> str:
    """Write the `encodedList` of a list of this size with these positions set."""
    if size < MIN_SIZE or size % 8:
        raise ValueError(f"a list holds at least {MIN_SIZE} positions, in whole bytes")
    return compress(pack(set_bits, size))


def decode(encoded: str, *, limit: int = MAX_BYTES) -> Bits:
    """Unpack an `encodedList` of at most `limit` bytes; a list that swells beyond is refused unswollen."""
    if not encoded.startswith("u"):
        raise Malformed("an encoded list that is not multibase base64url")
    content = inflate(decode64(encoded[1:]), GZIP, limit=limit)
    if len(content) * 8 < MIN_SIZE:
        raise Malformed("an encoded list that is too short")
    return Bits(content)


def status_list_credential(published: StatusList) -> dict[str, JsonValue]:
    """Compose the payload of a published list (4): its issuer is a string, as some verifiers insist."""
    subject: dict[str, JsonValue] = {
        "id": f"{published.url}#list",
        "type": "BitstringStatusList",
        "statusPurpose": published.purpose,
        "encodedList": published.encoded,
    }
    return {
        "@context": [VC_CONTEXT],
        "id": published.url,
        "type": ["VerifiableCredential", LIST_TYPE],
        "issuer": published.issuer_id,
        "validFrom": date_time(published.valid_from),
        "validUntil": date_time(published.valid_until),
        "credentialSubject": subject if published.ttl is None else {**subject, "ttl": published.ttl},
        "iss": published.issuer_id,
        "sub": f"{published.url}#list",
        "jti": published.url,
        "nbf": seconds(published.valid_from),
        "exp": seconds(published.valid_until),
    }


def unsigned_status_list(published: StatusList, key: PublicKey) -> bytes:
    """Write the bytes of a published list that the status key signs."""
    header = seal_header(published.issuer_id, key, published.valid_from)
    return signing_input(header, status_list_credential(published))


class _Subject(Members):
    type: Literal["BitstringStatusList"]
    purpose: Annotated[Texts, Field(alias="statusPurpose")]
    encoded: Annotated[str, Field(alias="encodedList", max_length=2 * MAX_BYTES)]
    size: Annotated[int, Field(alias="statusSize", ge=1, le=1)] = 1


class _ListCredential(Envelope):
    subject: Annotated[
        list[_Subject],
        BeforeValidator(as_list),
        Field(alias="credentialSubject", min_length=1, max_length=1),
    ]


def read_status_list(payload: dict[str, JsonValue]) -> ReadStatusList:
    """Read the payload of a published list, ours or a stranger's, or raise `Malformed`."""
    try:
        read = _ListCredential.model_validate(payload)
    except ValidationError as refused:
        raise as_malformed(refused) from None
    if LIST_TYPE not in read.type:
        raise Malformed("not a status list")
    return ReadStatusList(
        url=read.id,
        issuer=read.issuer.id,
        purposes=tuple(read.subject[0].purpose),
        bits=decode(read.subject[0].encoded),
        valid_from=read.valid_from,
        valid_until=read.valid_until,
    )
