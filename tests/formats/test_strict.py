import json
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import JsonValue
from app.formats.strict import (
    MAX_DEPTH,
    MAX_PARTS,
    MAX_SAFE_INTEGER,
    Malformed,
    decode64,
    decode64_standard,
    encode64,
    encode64_standard,
    read_object,
    write_json,
)

URL_SAFE = string.ascii_letters + string.digits + "-_"
LIMIT = 1024


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@given(st.binary(max_size=80))
def test_base64url_comes_back_as_it_went(content: bytes) -> None:
    assert decode64(encode64(content)) == content
    assert decode64_standard(encode64_standard(content)) == content


@given(st.binary(min_size=1, max_size=5), st.integers(0, 6), st.sampled_from(URL_SAFE))
def test_a_value_is_written_in_one_way_only(content: bytes, place: int, other: str) -> None:
    written = encode64(content)
    changed = written[: place % len(written)] + other + written[place % len(written) + 1 :]
    if changed != written:
        with suppress(Malformed):
            assert decode64(changed) != content


@pytest.mark.parametrize(
    "text",
    [
        "QQ==",
        "QQ=",
        "QR",
        "Q",
        "QUI\n",
        " QUI",
        "QU I",
        "+/+/",
        "Q.UI",
        "ÀÀÀ",
        "QUI=",
        "\x00",
        "=",
        "Q\ud800",
    ],
)
def test_base64url_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        decode64(text)


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ=", "-_-_", "QUI=\n", "Q Q==", "QQ===", "é"])
def test_base64_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        decode64_standard(text)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":-1e400}',
        b'{"a":1' + b"0" * 400 + b"}",
        b'{"a":%d}' % (MAX_SAFE_INTEGER + 1),
        b'{"a":-%d}' % (MAX_SAFE_INTEGER + 1),
        b'{"a":0.%s}' % (b"1" * 400),
        b'{"a":01}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":["\\ud83d"]}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'\xff\xfe{\x00"\x00',
        b'{"a":"\n"}',
        b"{}{}",
        b"{} x",
        b"{'a':1}",
        b'{"a":1,}',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"",
        nested(MAX_DEPTH + 1),
        *(nested(depth) for depth in (250, 253, 254, 255, 300, 1000, 1023, 1024, 1025, 1100)),
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"[" * 200,
        b'{"a":"' + b"x" * LIMIT + b'"}',
    ],
    ids=lambda raw: raw[:24].decode("latin-1"),
)
def test_json_that_readers_could_understand_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read_object(raw, limit=LIMIT if len(raw) < 4 * LIMIT else 10**6)


def test_json_as_deep_as_we_allow_is_read() -> None:
    assert read_object(nested(MAX_DEPTH - 1), limit=LIMIT)


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b"{}", {}),
        (b' {"a" : [1, 2.5, true, null, "x"]} ', {"a": [1, 2.5, True, None, "x"]}),
        (b'{"a":%d,"b":-%d}' % (MAX_SAFE_INTEGER, MAX_SAFE_INTEGER), {"a": 2**53 - 1, "b": 1 - 2**53}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
        ('{"è":"😀"}'.encode(), {"è": "😀"}),
    ],
)
def test_sound_json_is_read_as_everyone_reads_it(raw: bytes, content: JsonValue) -> None:
    assert read_object(raw, limit=LIMIT) == content


def test_the_size_is_bounded_before_anything_is_read() -> None:
    assert read_object(b'{"a":"' + b"x" * (LIMIT - 8) + b'"}', limit=LIMIT)
    with pytest.raises(Malformed):
        read_object(b'{"a":"' + b"x" * (LIMIT - 7) + b'"}', limit=LIMIT)


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b'{"a":[[],[]]}', 6),
        (b'{"a":{},"b":{"c":1}}', 7),
        (b'{"a":["x","y"]}', 6),
        (rb'{"a":"[],{},\",[[["}', 3),
        (rb'{"a":"x\\","b":[]}', 6),
        (rb'{"a":"\\\",[","b":"\\"}', 6),
    ],
)
def test_the_parts_are_counted_before_anything_is_made_of_them(raw: bytes, parts: int) -> None:
    assert read_object(raw, limit=LIMIT, parts=parts)
    with pytest.raises(Malformed, match="parts"):
        read_object(raw, limit=LIMIT, parts=parts - 1)


def test_nothing_that_comes_in_has_more_parts_than_an_honest_text() -> None:
    for part in (b"[],", b"{},", b'"",', b"1,", b'{"a":1},'):
        with pytest.raises(Malformed, match="parts"):
            read_object(b'{"a":[' + part * MAX_PARTS + b"1]}", limit=10**6)
    assert read_object(b'{"a":[' + b"1," * (MAX_PARTS - 10) + b"1]}", limit=10**6)


def test_a_reason_never_repeats_what_was_read() -> None:
    with pytest.raises(Malformed) as refused:
        read_object(b'{"secret name":1,"secret name":2}', limit=LIMIT)
    assert "secret" not in refused.value.reason


plain = st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.text(max_size=8)
tree = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), tree, max_size=4))
def test_what_we_write_we_read_again(content: dict[str, JsonValue]) -> None:
    written = write_json(content)
    assert read_object(written, limit=len(written)) == content == json.loads(written)


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_whatever_comes_in_is_read_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(read_object(raw, limit=150), dict)


@given(st.text(max_size=60))
def test_whatever_text_comes_in_is_base64url_or_malformed(text: str) -> None:
    for decode in (decode64, decode64_standard):
        with suppress(Malformed):
            decode(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.text("0123456789.eE+-", max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab\\u0000é"', max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", max_size=1), VALUES, max_size=4), st.booleans(), st.data())
def test_what_is_read_fast_is_read_as_the_thorough_way_reads_it(
    members: dict[str, JsonValue],
    compact: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    separators = (",", ":") if compact else None
    raw = json.dumps(members, ensure_ascii=not compact, separators=separators).encode()
    place, length = data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, 2))
    raw = raw[:place] + data.draw(st.binary(max_size=2)) + raw[place + length :]
    assert _outcome(raw) == _outcome(b" " + raw)  # with a space before it, nothing is read fast


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":9007199254740993}',
        b'{"a":9007199254740991}',
        b'{"a":18446744073709551616}',
        b'{"a":0.1234567890123456789}',
        b'{"a":1e22}',
        b'{"a":1e999}',
        b'{"a":-0}',
        b'{"a":-0.0}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\u0000"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"1234567890123456"}',
        b'{"\xc3\xa9":[{}]}',
    ],
)
def test_a_text_has_one_reading_however_it_is_read(raw: bytes) -> None:
    assert _outcome(raw) == _outcome(b" " + raw)


def _outcome(raw: bytes) -> str:
    try:
        return repr(read_object(raw, limit=LIMIT))
    except Malformed as refused:
        return f"refused: {refused.reason}"
