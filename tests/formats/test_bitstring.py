import gzip
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbadgeslib.ob3 import status as independent

from app.formats.bitstring import (
    MAX_BYTES,
    MAX_TOKEN,
    MIN_SIZE,
    Bits,
    StatusList,
    decode,
    encode,
    pack,
    read_status_list,
    status_list_credential,
    unsigned_status_list,
)
from app.formats.claims import Format
from app.formats.jose import assemble, open_compact
from app.formats.strict import Malformed, encode64
from app.ports import Slot
from tests.formats import make
from tests.formats.vectors import vector

URL: Final = f"{make.BASE}/status/1"
LIST: Final = StatusList(
    url=URL,
    issuer_id=make.DID,
    purpose="revocation",
    encoded=encode({0, 94567}),
    valid_from=make.ISSUED,
    valid_until=make.ISSUED.replace(day=21),
    ttl=60_000,
)


def packed(content: bytes) -> str:
    return "u" + encode64(gzip.compress(content, mtime=0))


@given(st.sets(st.integers(0, MIN_SIZE - 1), max_size=40))
def test_the_positions_come_back_and_no_others(positions: set[int]) -> None:
    bits = decode(encode(positions))
    assert {index for index in positions if bits.is_set(index)} == positions
    assert sum(byte.bit_count() for byte in bits.content) == len(positions)
    assert independent.set_indices(independent.decode_encoded_list(encode(positions))) == positions


def test_the_published_example_is_read_and_written() -> None:
    published = vector("bitstring-example")
    bits = decode(published["encodedList"])
    assert bits == Bits(bytes(published["bits"] // 8)) == decode(encode(published["set"]))


@pytest.mark.parametrize(("index", "first"), [(0, 0x80), (1, 0x40), (7, 0x01)])
def test_the_left_most_bit_is_the_first(index: int, first: int) -> None:
    assert pack({index})[0] == first
    assert pack({index})[1:] == bytes(MIN_SIZE // 8 - 1)


def test_the_same_list_is_written_alike_every_time() -> None:
    assert encode([5, 3, 5]) == encode([3, 5])


@pytest.mark.parametrize("index", [-1, MIN_SIZE, 10**9])
def test_a_position_outside_the_list_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        encode({index})
    with pytest.raises(Malformed):
        decode(encode(())).is_set(index)


@pytest.mark.parametrize("size", [0, MIN_SIZE - 8, MIN_SIZE + 1])
def test_a_list_too_short_or_of_half_bytes_is_not_published(size: int) -> None:
    with pytest.raises(ValueError, match="whole bytes"):
        encode((), size)


HOSTILE: Final = {
    "empty": "",
    "nothing but the prefix": "u",
    "another base": "m" + packed(bytes(MIN_SIZE // 8))[1:],
    "no prefix": packed(bytes(MIN_SIZE // 8))[1:],
    "padded": packed(bytes(MIN_SIZE // 8)) + "=",
    "not base64url": "u+/+/",
    "not gzip": "u" + encode64(bytes(100)),
    "zlib without gzip": "u" + encode64(zlib.compress(bytes(MIN_SIZE // 8))),
    "cut off": packed(bytes(MIN_SIZE // 8))[:-8],
    "a false checksum": "u" + encode64(gzip.compress(bytes(MIN_SIZE // 8), mtime=0)[:-8] + b"12345678"),
    "more behind": "u" + encode64(gzip.compress(bytes(MIN_SIZE // 8), mtime=0) + b"more"),
    "another list behind": "u" + encode64(gzip.compress(bytes(MIN_SIZE // 8), mtime=0) * 2),
    "too short": packed(bytes(MIN_SIZE // 8 - 1)),
    "one byte too large": packed(bytes(MAX_BYTES + 1)),
    "a bomb": "u" + encode64(zlib.compress(bytes(1 << 28), 9, wbits=31)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_list_that_is_not_one_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        decode(HOSTILE[name])


def test_a_bomb_is_refused_before_it_swells() -> None:
    tracemalloc.start()
    with pytest.raises(Malformed):
        decode(HOSTILE["a bomb"])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * MAX_BYTES


def test_the_largest_list_that_we_read_is_read() -> None:
    assert len(decode(packed(bytes(MAX_BYTES))).content) == MAX_BYTES


def test_a_published_list_is_signed_by_the_key_for_lists_and_read_again() -> None:
    key = make.keys().current(Slot.STATUS)
    content = unsigned_status_list(LIST, key)
    opened = open_compact(assemble(content, make.keys().sign(key.thumbprint, content)), limit=MAX_TOKEN)
    assert opened.header.format is Format.VC_JWT
    assert opened.verified_by(key.jwk)
    assert not opened.verified_by(make.keys().current(Slot.SEAL).jwk)
    read = read_status_list(opened.payload)
    assert (read.url, read.issuer, read.purposes) == (URL, make.DID, ("revocation",))
    assert (read.valid_from, read.valid_until) == (LIST.valid_from, LIST.valid_until)
    assert [read.bits.is_set(index) for index in (0, 1, 94567)] == [True, False, True]


def test_a_published_list_has_the_members_that_verifiers_insist_on() -> None:
    payload = status_list_credential(LIST)
    assert payload["issuer"] == make.DID
    assert payload["type"] == ["VerifiableCredential", "BitstringStatusListCredential"]
    assert payload["credentialSubject"] == {
        "id": f"{URL}#list",
        "type": "BitstringStatusList",
        "statusPurpose": "revocation",
        "encodedList": LIST.encoded,
        "ttl": 60_000,
    }
    assert "ttl" not in str(status_list_credential(replace(LIST, ttl=None)))


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ["VerifiableCredential"]},
        {"issuer": "did:web:other.example"},
        {"issuer": 1},
        {"jti": "https://other.example"},
        {"exp": 1},
        {"nbf": "1795163415"},
        {"validUntil": "tomorrow"},
        {"@context": ["https://www.w3.org/2018/credentials/v1"]},
        {"vc": {}},
        {"credentialSubject": []},
        {"credentialSubject": None},
        {
            "credentialSubject": {
                "type": "StatusList2021",
                "statusPurpose": "revocation",
                "encodedList": LIST.encoded,
            }
        },
        {
            "credentialSubject": {
                "type": "BitstringStatusList",
                "statusPurpose": [],
                "encodedList": LIST.encoded,
            }
        },
        {
            "credentialSubject": {
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "encodedList": 1,
            }
        },
        {
            "credentialSubject": {
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "encodedList": "u",
            }
        },
        {
            "credentialSubject": {
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "statusSize": 2,
                "encodedList": LIST.encoded,
            }
        },
        {
            "credentialSubject": {
                "type": "BitstringStatusList",
                "statusPurpose": "revocation",
                "statusSize": True,
                "encodedList": LIST.encoded,
            }
        },
    ],
    ids=str,
)
def test_a_list_that_is_not_what_it_should_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_status_list({**status_list_credential(LIST), **changes})


@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda raw: "u" + encode64(raw)))
def test_whatever_list_comes_in_is_read_or_malformed(encoded: str) -> None:
    with suppress(Malformed):
        decode(encoded)
