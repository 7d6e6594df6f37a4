import base64
import json
import zlib
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from app.formats import bitstring, tokenlist
from app.formats.jose import MAX_TOKEN as MAX_DOCUMENT
from app.formats.jose import STATUS_LIST, assemble, open_compact, signing_input
from app.formats.published import method_id
from app.formats.reading import read_credential
from app.formats.strict import Malformed, encode64
from app.formats.tokenlist import (
    MAX_BYTES,
    States,
    TokenList,
    decode,
    encode,
    lay,
    open_token_list,
    pack,
    read_token_list,
    token_list_claims,
    unsigned_token_list,
)
from app.ports import Slot
from tests.formats import make
from tests.formats.vectors import vector
from tests.interop.stranger import REGISTRY

URL: Final = f"{make.BASE}/status/1"
SIZE: Final = 131_072
LIST: Final = TokenList(
    url=URL,
    issuer_id=make.DID,
    encoded=encode({0: 1, 94_567: 2, 131_071: 3}, SIZE),
    issued_at=make.ISSUED,
    expires_at=make.ISSUED + timedelta(hours=24),
    ttl=300,
)
WIDTHS: Final = st.sampled_from([1, 2, 4, 8])
VECTORS: Final[list[dict[str, Any]]] = vector("token-status-list")["lists"]


def signed(published: TokenList = LIST) -> str:
    key = make.keys().current(Slot.STATUS)
    content = unsigned_token_list(published, key)
    return assemble(content, make.keys().sign(key.thumbprint, content))


@st.composite
def lists(draw: st.DrawFn) -> tuple[int, int, dict[int, int]]:
    """A width, a size and what is said of some positions."""
    bits = draw(WIDTHS)
    size = draw(st.integers(1, 300)) * 8
    states = draw(st.dictionaries(st.integers(0, size - 1), st.integers(0, 2**bits - 1), max_size=60))
    return bits, size, states


@given(lists())
def test_what_was_said_of_each_position_comes_back_and_nothing_else(
    made: tuple[int, int, dict[int, int]],
) -> None:
    bits, size, states = made
    read = decode(encode(states, size, bits=bits), bits)
    assert {index: read.at(index) for index in range(size)} == {
        index: states.get(index, 0) for index in range(size)
    }


@given(lists(), st.data())
def test_what_is_laid_over_a_list_is_what_it_would_have_been_made_with(
    made: tuple[int, int, dict[int, int]], data: st.DataObject
) -> None:
    bits, size, states = made
    later = data.draw(st.dictionaries(st.integers(0, size - 1), st.integers(0, 2**bits - 1), max_size=20))
    content = bytearray(pack(states, size, bits=bits))
    lay(content, later, bits=bits)
    assert bytes(content) == pack({**states, **later}, size, bits=bits)


@given(
    st.dictionaries(st.integers(0, SIZE - 1), st.integers(0, 3), max_size=60),
    st.frozensets(st.integers(1, 3)),
)
def test_a_bitstring_derived_from_a_token_list_says_the_same(
    states: dict[int, int], raising: frozenset[int]
) -> None:
    derived = bitstring.of_states(pack(states, SIZE), raising)
    assert derived == bitstring.pack({index for index, state in states.items() if state in raising})


@pytest.mark.parametrize("published", VECTORS, ids=lambda each: f"{each['bits']} bits of {each['size']}")
def test_the_published_vectors_are_read_and_written(published: dict[str, Any]) -> None:
    states = dict(published["states"])
    read = decode(published["lst"], published["bits"])
    assert read.content == pack(states, published["size"], bits=published["bits"])
    assert {index: read.at(index) for index in states} == states
    assert decode(encode(states, published["size"], bits=published["bits"]), published["bits"]) == read


def test_the_published_token_is_read_though_it_names_another_key() -> None:
    token, read = open_token_list(vector("token-status-list")["token"])
    assert (token.header.format, token.header.kid) == (STATUS_LIST, "12")
    assert (read.url, read.issuer, read.ttl) == (
        "https://example.com/statuslists/1",
        "https://example.com",
        43_200,
    )
    assert [read.states.at(index) for index in range(4)] == [1, 0, 0, 1]
    assert read.issued_at == datetime(2023, 6, 16, 12, 56, 10, tzinfo=UTC)
    assert not token.verified_by(make.keys().current(Slot.STATUS).jwk)


@pytest.mark.parametrize(("index", "first"), [(0, 0b11), (1, 0b1100), (3, 0b11000000)])
def test_the_lowest_bits_are_those_of_the_first(index: int, first: int) -> None:
    assert pack({index: 3}, 8) == bytes([first, 0])


@pytest.mark.parametrize("given", [{-1: 1}, {8: 1}, {10**9: 1}, {0: 4}, {0: -1}], ids=str)
def test_what_does_not_fit_a_list_is_refused(given: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack(given, 8)


@pytest.mark.parametrize("size", [0, -4, 3])
def test_a_list_of_half_bytes_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match="whole bytes"):
        pack({}, size)


@pytest.mark.parametrize("index", [-1, 4, 10**12])
def test_a_position_outside_the_list_says_nothing(index: int) -> None:
    with pytest.raises(Malformed):
        States(b"\x00").at(index)


def packed(content: bytes) -> str:
    return encode64(zlib.compress(content, 9))


HOSTILE: Final = {
    "nothing": "",
    "a list of nothing": packed(b""),
    "padded": packed(bytes(99)) + "=",
    "standard base64": base64.b64encode(zlib.compress(bytes(range(256)))).decode(),
    "raw deflate": encode64(zlib.compress(bytes(99), wbits=-15)),
    "gzip, as bitstrings are": encode64(zlib.compress(bytes(99), wbits=31)),
    "not packed": encode64(bytes(99)),
    "cut off": packed(bytes(99))[:-4],
    "a false checksum": encode64(zlib.compress(bytes(99))[:-4] + b"1234"),
    "more behind": encode64(zlib.compress(bytes(99)) + b"more"),
    "another list behind": encode64(zlib.compress(bytes(99)) * 2),
    "a dictionary that nobody has": encode64(b"\x78\xbb\x00\x00\x00\x01\x03\x00"),
    "one byte too large": packed(bytes(MAX_BYTES + 1)),
    "letters": "ñandú",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_list_that_is_not_one_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        decode(HOSTILE[name])


@pytest.mark.parametrize("bits", [0, 3, 16, -1])
def test_a_width_that_no_list_has_is_refused(bits: int) -> None:
    with pytest.raises(Malformed):
        decode(packed(bytes(9)), bits)


def test_the_largest_list_that_we_read_is_read() -> None:
    assert len(decode(packed(bytes(MAX_BYTES))).content) == MAX_BYTES


def test_a_list_is_as_small_as_can_be_unless_somebody_is_in_a_hurry() -> None:
    states = {int.from_bytes(sha256(bytes([n % 256, n // 256])).digest()[:2]): 1 for n in range(600)}
    assert len(encode(states, SIZE)) < len(encode(states, SIZE, level=6))
    assert decode(encode(states, SIZE)) == decode(encode(states, SIZE, level=6))


def test_a_published_list_is_signed_by_the_key_for_lists_and_read_again() -> None:
    key = make.keys().current(Slot.STATUS)
    token, read = open_token_list(signed())
    assert token.verified_by(key.jwk)
    assert not token.verified_by(make.keys().current(Slot.SEAL).jwk)
    assert (token.header.kid, token.header.chain) == (method_id(make.DID, key), key.chain)
    assert (read.url, read.issuer, read.ttl) == (URL, make.DID, 300)
    assert (read.issued_at, read.expires_at) == (LIST.issued_at, LIST.expires_at)
    assert [read.states.at(index) for index in (0, 1, 94_567, 131_071)] == [1, 0, 2, 3]


def test_the_claims_are_those_that_verifiers_insist_on() -> None:
    assert token_list_claims(LIST) == {
        "iss": make.DID,
        "sub": URL,
        "iat": 1_795_167_015,
        "exp": 1_795_253_415,
        "ttl": 300,
        "status_list": {"bits": 2, "lst": LIST.encoded},
    }


def test_an_independent_library_verifies_and_reads_it() -> None:
    key = make.keys().current(Slot.STATUS)
    read = jws.deserialize_compact(signed(), ECKey.import_key(dict(key.jwk)), registry=REGISTRY)
    assert read.headers()["typ"] == "statuslist+jwt"
    listed = json.loads(read.payload)["status_list"]
    content = zlib.decompress(base64.urlsafe_b64decode(listed["lst"] + "=" * (-len(listed["lst"]) % 4)))
    said = {
        index: content[index * listed["bits"] // 8] >> index * listed["bits"] % 8 & 3 for index in range(SIZE)
    }
    assert {index: state for index, state in said.items() if state} == {0: 1, 94_567: 2, 131_071: 3}


CLAIMS: Final = token_list_claims(LIST)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": ["https://seal.example.org/status/1"]},
        {"iat": "1795167015"},
        {"iat": 1795167015.5},
        {"iat": True},
        {"iat": -1},
        {"iat": 2**53 - 1},
        {"exp": None},
        {"exp": 1},
        {"exp": 1_795_167_015},
        {"exp": "tomorrow"},
        {"nbf": 1_795_253_415},
        {"nbf": "now"},
        {"ttl": 0},
        {"ttl": -1},
        {"ttl": "300"},
        {"iss": 1},
        {"status_list": None},
        {"status_list": []},
        {"status_list": LIST.encoded},
        {"status_list": {"bits": 2}},
        {"status_list": {"lst": LIST.encoded}},
        {"status_list": {"bits": "2", "lst": LIST.encoded}},
        {"status_list": {"bits": 2.0, "lst": LIST.encoded}},
        {"status_list": {"bits": True, "lst": LIST.encoded}},
        {"status_list": {"bits": 3, "lst": LIST.encoded}},
        {"status_list": {"bits": 2, "lst": 1}},
        {"status_list": {"bits": 2, "lst": ""}},
        {"status_list": {"bits": 2, "lst": [LIST.encoded]}},
    ],
    ids=str,
)
def test_claims_that_are_not_those_of_a_list_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_token_list({**CLAIMS, **changes})


@pytest.mark.parametrize("missing", ["sub", "iat", "status_list"])
def test_a_list_without_what_the_draft_requires_is_refused(missing: str) -> None:
    with pytest.raises(Malformed):
        read_token_list({name: value for name, value in CLAIMS.items() if name != missing})


def test_what_the_draft_recommends_may_be_missing_and_more_may_be_there() -> None:
    claims = {name: value for name, value in CLAIMS.items() if name in {"sub", "iat", "status_list"}}
    read = read_token_list({**claims, "aggregation": "elsewhere"})
    assert (read.issuer, read.expires_at, read.ttl) == (None, None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"typ": "JWT"},
        {"typ": "vc+jwt"},
        {"typ": "statuslist+cwt"},
        {"typ": "STATUSLIST+JWT"},
        {"typ": "application/statuslist+jwt"},
        {"typ": ["statuslist+jwt"]},
        {"typ": None},
        {"kid": None},
        {"kid": ""},
        {"kid": "k" * 513},
        {"kid": 1},
        {"crit": ["exp"]},
        {"b64": False},
        {"zip": "DEF"},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/chain"},
        {"cty": "vc"},
        {"iat": 1},
        {"x5c": []},
        {"x5c": ["!"]},
        {"x5c": "MII"},
        {"x5t#S256": "abc"},
    ],
    ids=str,
)
def test_a_header_that_the_allow_list_does_not_know_is_refused(changes: dict[str, Any]) -> None:
    key = make.keys().current(Slot.STATUS)
    header = {"alg": "ES256", "kid": method_id(make.DID, key), "typ": "statuslist+jwt", **changes}
    content = signing_input(header, CLAIMS)
    with pytest.raises(Malformed):
        open_token_list(assemble(content, make.keys().sign(key.thumbprint, content)))


def test_neither_kind_of_list_nor_a_credential_passes_for_another() -> None:
    """Each has its type, so a signature under one never counts for the other (RFC 8725, 3.11)."""
    key = make.keys().current(Slot.STATUS)
    other = bitstring.StatusList(
        url=f"{URL}-revocation",
        issuer_id=make.DID,
        purpose="revocation",
        encoded=bitstring.encode({7}),
        valid_from=LIST.issued_at,
        valid_until=LIST.expires_at,
    )
    content = bitstring.unsigned_status_list(other, key)
    credential_list = assemble(content, make.keys().sign(key.thumbprint, content))
    with pytest.raises(Malformed):
        open_token_list(credential_list)
    with pytest.raises(Malformed):
        bitstring.read_status_list(open_compact(signed(), limit=MAX_DOCUMENT).payload)
    with pytest.raises(Malformed):
        read_credential(open_compact(signed(), limit=MAX_DOCUMENT).payload)
    assert open_compact(credential_list, limit=MAX_DOCUMENT).header.format != STATUS_LIST


def test_a_token_longer_than_any_list_is_not_even_taken_apart() -> None:
    with pytest.raises(Malformed, match="characters"):
        open_token_list(signed(replace(LIST, encoded="A" * tokenlist.MAX_TOKEN)))


@given(st.text(max_size=40) | st.binary(max_size=60).map(encode64), st.integers(-1, 9))
def test_whatever_list_comes_in_is_read_or_malformed(lst: str, bits: int) -> None:
    with suppress(Malformed):
        decode(lst, bits)


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), st.none() | st.integers() | st.text(max_size=9)))
def test_whatever_claims_come_in_are_read_or_malformed(changes: dict[str, Any]) -> None:
    with suppress(Malformed):
        read_token_list({**CLAIMS, **changes})
