"""IETF Token Status List: some bits for each document, those of the first in the lowest bits of a byte.

The same position in a W3C bitstring sits at the other end of its byte; the two are never mixed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import Field, StringConstraints, ValidationError

from app.core.errors import JsonValue
from app.formats.deflate import BEST, ZLIB, deflate, inflate
from app.formats.envelope import Members, NumericDate, Text
from app.formats.instants import seconds
from app.formats.jose import STATUS_LIST, Compact, open_compact, signing_input
from app.formats.published import method_id
from app.formats.strict import Malformed, as_malformed, decode64, encode64, encode64_standard
from app.ports import PublicKey

BITS: Final = 2  # in our lists: valid, revoked, suspended, superseded
MAX_BYTES: Final = 2**20  # once unpacked, as of bitstrings
MAX_TOKEN: Final = 2 * MAX_BYTES
LATEST: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class States:
    """A list, unpacked."""

    content: bytes
    bits: int = BITS

    def at(self, index: int) -> int:
        """Tell what is said of the document at this position, or raise `Malformed` beyond the end."""
        each = 8 // self.bits
        if not 0 <= index < len(self.content) * each:
            raise Malformed("a position outside the list")
        return self.content[index // each] >> index % each * self.bits & (1 << self.bits) - 1


@dataclass(frozen=True, slots=True)
class TokenList:
    """A list as it is published, signed by the key of the status slot."""

    url: str
    issuer_id: str
    encoded: str
    issued_at: datetime
    expires_at: datetime
    ttl: int  # seconds for which a reader may keep it
    bits: int = BITS


@dataclass(frozen=True, slots=True)
class ReadTokenList:
    """What a published list says, once it could be read."""

    url: str
    issuer: str | None
    states: States
    issued_at: datetime  # before it, the list says nothing
    expires_at: datetime | None
    ttl: int | None


def lay(content: bytearray, states: Mapping[int, int], *, bits: int = BITS) -> None:
    """Write what is said of these positions over what was said of them before.

    A position outside the list, or a value that has no room, is a mistake of ours, so it raises.
    """
    each, most = 8 // bits, (1 << bits) - 1
    for index, state in states.items():
        if not 0 <= index < len(content) * each or not 0 <= state <= most:
            raise ValueError(f"{state} at position {index} does not fit a list of {len(content) * each}")
        shift = index % each * bits
        content[index // each] = content[index // each] & ~(most << shift) | state << shift


def pack(states: Mapping[int, int], size: int, *, bits: int = BITS) -> bytes:
    """Lay out a list of this size in which every other position says 0."""
    if size <= 0 or size * bits % 8:
        raise ValueError("a list fills whole bytes")
    content = bytearray(size * bits // 8)
    lay(content, states, bits=bits)
    return bytes(content)


def compress(content: bytes, *, level: int = BEST) -> str:
    """Write packed states as `lst`: base64url of zlib (4.1)."""
    return encode64(deflate(content, ZLIB, level=level))


def encode(states: Mapping[int, int], size: int, *, bits: int = BITS, level: int = BEST) -> str:
    """Write the `lst` of a list of this size that says this of these positions."""
    return compress(pack(states, size, bits=bits), level=level)


def decode(lst: str, bits: int = BITS, limit: int = MAX_BYTES) -> States:
    """Unpack a `lst` of at most `limit` bytes; a list that swells beyond is refused unswollen."""
    if bits not in {1, 2, 4, 8}:
        raise Malformed("a number of bits that no list has")
    content = inflate(decode64(lst), ZLIB, limit=limit)
    if not content:
        raise Malformed("a list of nothing")
    return States(content, bits)


def token_list_claims(published: TokenList) -> dict[str, JsonValue]:
    """Compose the claims of a published list (5.1). It names its issuer, as some verifiers insist."""
    return {
        "iss": published.issuer_id,
        "sub": published.url,
        "iat": seconds(published.issued_at),
        "exp": seconds(published.expires_at),
        "ttl": published.ttl,
        "status_list": {"bits": published.bits, "lst": published.encoded},
    }


def unsigned_token_list(published: TokenList, key: PublicKey) -> bytes:
    """Write the bytes of a published list that the status key signs."""
    header: dict[str, JsonValue] = {
        "alg": key.algorithm,
        "kid": method_id(published.issuer_id, key),
        "typ": STATUS_LIST,
    }
    if key.chain:
        header["x5c"] = [encode64_standard(certificate) for certificate in key.chain]
    return signing_input(header, token_list_claims(published))


class _List(Members):
    bits: int
    lst: Annotated[str, StringConstraints(max_length=MAX_TOKEN)]


class _Claims(Members):
    """What the draft asks for; further claims may be anybody's extensions."""

    sub: Text
    iat: Annotated[NumericDate, Field(le=LATEST)]
    status_list: _List
    iss: Text | None = None
    exp: Annotated[NumericDate, Field(le=LATEST)] | None = None
    nbf: Annotated[NumericDate, Field(le=LATEST)] | None = None
    ttl: Annotated[NumericDate, Field(gt=0)] | None = None


def read_token_list(payload: dict[str, JsonValue]) -> ReadTokenList:
    """Read the claims of a published list, ours or a stranger's, or raise `Malformed`."""
    try:
        read = _Claims.model_validate(payload)
    except ValidationError as refused:
        raise as_malformed(refused) from None
    if None in payload.values():
        raise Malformed("a claim without a value")
    begins = max(read.iat, read.nbf or 0)
    if read.exp is not None and read.exp <= begins:
        raise Malformed("a list that ends before it begins")
    return ReadTokenList(
        url=read.sub,
        issuer=read.iss,
        states=decode(read.status_list.lst, read.status_list.bits),
        issued_at=datetime.fromtimestamp(begins, UTC),
        expires_at=None if read.exp is None else datetime.fromtimestamp(read.exp, UTC),
        ttl=read.ttl,
    )


def open_token_list(text: str, *, limit: int = MAX_TOKEN) -> tuple[Compact, ReadTokenList]:
    """Take a status list token apart and read it, or raise `Malformed`. Nothing is verified yet.

    A token of any other type is refused, whatever its claims say: no key of ours signs one for the other.
    """
    token = open_compact(text, limit=limit)
    if token.header.format != STATUS_LIST:
        raise Malformed("not a status list token")
    return token, read_token_list(token.payload)
