"""The offline QR: what it holds, how strictly it is read, and that no changed copy of one is ever taken."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qrcode.main import QRCode

from app.formats import lints, qr
from app.formats.claims import Format
from app.formats.jose import open_compact, public_key
from app.formats.lints import MAX_SYMBOL, QR_LINTS, lint_qr
from app.formats.q1 import (
    MAX_BYTES,
    MAX_DIGITS,
    ORDER,
    PURPOSE,
    Content,
    assemble,
    decode_q1,
    kid_of,
    link,
    low_s,
    open_signed,
    read_unsigned,
    taken_apart,
    unsigned,
)
from app.formats.strict import Malformed, encode64
from app.ports import PublicKey, Slot
from tests.formats import make
from tests.formats.vectors import vector

KEY = make.keys().current(Slot.QR)
KID = kid_of(KEY.chain[0])
SAYS = Content(
    issuer_code=1,
    document_id="urn:uuid:7b0f8f0a-51a5-4f0e-9d0a-0d4f5b1e2c3d",
    valid_from=make.claims().valid_from,
    valid_until=make.claims().valid_until,
    name="Nicolò D'Àngelo",
    scheme="DLE/1.0.0",
    list_id=3,
    index=94_567,
)
PRIVATE = -70_000


def sealed(says: Content = SAYS, key: PublicKey = KEY) -> str:
    content = unsigned(says, kid_of(key.chain[0]))
    return assemble(content, low_s(make.keys().sign(key.thumbprint, content)))


def digits(whole: bytes) -> str:
    return str(int.from_bytes(whole, "big"))


def whole(text: str) -> bytes:
    number = int(text)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def accepted(text: str) -> bool:
    try:
        return decode_q1(text).verified_by(KEY.jwk)
    except Malformed:
        return False


GENUINE = sealed()


@pytest.mark.parametrize(
    "says",
    [SAYS, replace(SAYS, name=None), replace(SAYS, test=True), replace(SAYS, name="王" * 20, list_id=2**40)],
    ids=["named", "without a name", "in test mode", "large"],
)
def test_what_was_written_is_read(says: Content) -> None:
    read = decode_q1(sealed(says))
    assert read.says == says
    assert (read.kid, read.verified_by(KEY.jwk)) == (KID, True)
    assert read_unsigned(unsigned(says, KID)) == (KID, says)


def test_it_is_what_other_readers_of_cose_take_it_for() -> None:
    """RFC 9052, 4.2 and 4.4, written down here once more by hand."""
    content = whole(GENUINE)
    protected, unprotected, payload, signature = cbor2.loads(content[1:])
    assert (content[0], unprotected, len(signature)) == (1, {}, 64)
    assert cbor2.loads(protected) == {1: -7, 4: KID}
    assert cbor2.loads(payload) == {
        1: 1,
        4: 1889909999,
        5: 1795129200,
        7: uuid.UUID(SAYS.document_id).bytes,
        PRIVATE: {1: "Nicolò D'Àngelo", 2: "DLE/1.0.0", 3: [3, 94_567]},
    }
    assert decode_q1(GENUINE).signing_input == cbor2.dumps(["Signature1", protected, PURPOSE, payload])


def test_its_size_is_the_one_that_was_measured_for_paper_and_screens() -> None:
    text = link("https://verify.example.org", sealed(replace(SAYS, name="N" * 35)))
    versions = {}
    for level in qr.Level:
        code = QRCode(error_correction=level)
        code.add_data(text)
        versions[level] = code.best_fit(start=1)
    assert versions[qr.Level.SCREEN] <= 11
    assert versions[qr.Level.PRINT] <= 13


# --- tampering


def changed_bytes() -> Iterator[tuple[str, str]]:
    """Every way to change one thing of what the digits stand for, with the kind of the change."""
    content = whole(GENUINE)
    for place in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[place // 8] ^= 0x80 >> place % 8
        yield "bit flips", digits(bytes(flipped))
    for place, byte in enumerate(content):
        for other in range(256):
            if other != byte:
                yield "byte substitutions", digits(content[:place] + bytes([other]) + content[place + 1 :])
    for place in range(len(content)):
        yield "truncations", digits(content[:place])
        yield "truncations", digits(content[place:]) if place else "0"
        yield "deletions", digits(content[:place] + content[place + 1 :])
    for place in range(len(content) + 1):
        for byte in (0x00, 0x01, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xD2, 0xF5, 0xFF):
            yield "insertions", digits(content[:place] + bytes([byte]) + content[place:])


def changed_digits() -> Iterator[tuple[str, str]]:
    """The same of the text itself."""
    for place, digit in enumerate(GENUINE):
        for other in "0123456789":
            if other != digit:
                yield "digit changes", GENUINE[:place] + other + GENUINE[place + 1 :]
        yield "digit changes", GENUINE[:place] + GENUINE[place + 1 :]
        yield "digit changes", GENUINE[:place]
        for other in "0 +-_.e٣\n":
            yield "digit changes", GENUINE[:place] + other + GENUINE[place:]


def test_no_changed_copy_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert accepted(GENUINE)
    tried: dict[str, int] = {}
    taken = []
    for kind, text in chain(changed_bytes(), changed_digits()):
        if text == GENUINE:
            continue  # an inserted byte that changed nothing, such as a digit doubled
        tried[kind] = tried.get(kind, 0) + 1
        if accepted(text):
            taken.append((kind, text))
    with capsys.disabled():
        told = ", ".join(f"{count:,} {kind}" for kind, count in tried.items())
        print(f"\nQ1: {told}: {len(taken)} accepted")  # noqa: T201 -- the count is the point
    assert taken == []
    assert tried["bit flips"] == 8 * len(whole(GENUINE))
    assert tried["byte substitutions"] == 255 * len(whole(GENUINE))


def test_what_was_just_signed_is_taken_as_those_very_bytes_or_not_at_all() -> None:
    content = unsigned(SAYS, KID)
    assert open_signed(GENUINE, content).verified_with(public_key(KEY.jwk))
    for kind, text in chain(changed_bytes(), changed_digits()):
        if text == GENUINE or kind == "byte substitutions":
            continue
        with suppress(Malformed):
            assert not open_signed(text, content).verified_with(public_key(KEY.jwk))
    other = replace(SAYS, name="Nicola D'Angelo")
    for text, meant in ((sealed(other), SAYS), (GENUINE, other)):
        with pytest.raises(Malformed):
            open_signed(text, unsigned(meant, KID))


def test_of_two_signatures_that_verify_only_the_lower_is_taken() -> None:
    protected, unprotected, payload, signature = cbor2.loads(whole(GENUINE)[1:])
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    assert 2 * s < ORDER
    high = r + (ORDER - s).to_bytes(32, "big")
    parts = [protected, unprotected, payload, high]
    with pytest.raises(Malformed, match="larger of its two"):
        decode_q1(digits(b"\x01" + cbor2.dumps(parts)))
    assert low_s(high) == low_s(signature) == signature


@pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\xff" * 64, b"\x00" * 32 + b"\xff" * 40])
def test_what_is_no_signature_is_not_made_one(signature: bytes) -> None:
    text = assemble(unsigned(SAYS, KID), low_s(signature))
    assert not accepted(text)


# --- everything that our signer would not write, under a true signature


def forged(
    payload: Any = None,
    *,
    protected: Any = None,
    unprotected: Any = None,
    version: bytes = b"\x01",
    tagged: bytes = b"",
    raw: bytes | None = None,
    purpose: bytes = PURPOSE,
    context: str = "Signature1",
) -> str:
    """An offline QR with anything in it, signed by our own key as well as any attacker could wish."""
    guarded = cbor2.dumps({1: -7, 4: KID} if protected is None else protected)
    body = raw if raw is not None else cbor2.dumps(CLAIMS if payload is None else payload, canonical=True)
    content = cbor2.dumps([context, guarded, purpose, body])
    signature = low_s(make.keys().sign(KEY.thumbprint, content))
    return digits(version + tagged + cbor2.dumps([guarded, unprotected or {}, body, signature]))


OURS = {2: "DLE/1.0.0", 3: [3, 94_567]}
CLAIMS = {1: 1, 4: 1889909999, 5: 1795129200, 7: b"1" * 16, PRIVATE: OURS}


def without(members: dict[int, Any], *names: int) -> dict[int, Any]:
    return {name: value for name, value in members.items() if name not in names}


def ours(**changes: Any) -> dict[int, Any]:
    return {**CLAIMS, PRIVATE: OURS | {int(name[1:]): value for name, value in changes.items()}}


def indefinite(payload: bytes) -> bytes:
    return b"\xbf" + payload[1:] + b"\xff"


HOSTILE: dict[str, str] = {
    "another version": forged(version=b"\x02"),
    "no version": digits(whole(forged())[1:]),
    "tag 18": forged(tagged=b"\xd2"),
    "tag 55799": forged(tagged=b"\xd9\xd9\xf7"),
    "something behind": digits(whole(forged()) + b"\x00"),
    "an unprotected header": forged(unprotected={4: KID}),
    "an unprotected algorithm": forged(unprotected={1: -7}),
    "no algorithm": forged(protected={4: KID}),
    "no key": forged(protected={1: -7}),
    "EdDSA": forged(protected={1: -8, 4: KID}),
    "ES384": forged(protected={1: -35, 4: KID}),
    "a shared secret": forged(protected={1: 5, 4: KID}),
    "an algorithm in words": forged(protected={1: "ES256", 4: KID}),
    "an algorithm with a fraction": forged(protected={1: -7.0, 4: KID}),
    "critical": forged(protected={1: -7, 2: [4], 4: KID}),
    "a content type": forged(protected={1: -7, 3: 0, 4: KID}),
    "a certificate in it": forged(protected={1: -7, 4: KID, 33: KEY.chain[0]}),
    "an initial value": forged(protected={1: -7, 4: KID, 5: b"1"}),
    "a key's name in words": forged(protected={1: -7, 4: KID.hex()}),
    "a key's name too short": forged(protected={1: -7, 4: KID[:7]}),
    "a key's name too long": forged(protected={1: -7, 4: KID + b"1"}),
    "a header out of order": forged(protected={4: KID, 1: -7}),
    "a header of a list": forged(protected=[1, -7, 4, KID]),
    "members named by true": forged(protected={True: -7, 4: KID}),
    "an extra claim": forged({**CLAIMS, 2: "somebody"}),
    "an audience": forged({**CLAIMS, 3: "https://example.org"}),
    "an issuing time": forged({**CLAIMS, 6: 1795129200}),
    "a claim in words": forged({**CLAIMS, "iss": 1}),
    "a private claim of somebody else": forged({**CLAIMS, -70_001: 1}),
    "a claim named by true": forged({True: 1, **without(CLAIMS, 1)}),
    "a claim named by a fraction": forged({1.5: 1, **CLAIMS}),
    "no issuer": forged(without(CLAIMS, 1)),
    "no end": forged(without(CLAIMS, 4)),
    "no beginning": forged(without(CLAIMS, 5)),
    "no name of its own": forged(without(CLAIMS, 7)),
    "nothing of ours": forged(without(CLAIMS, PRIVATE)),
    "an issuer in words": forged({**CLAIMS, 1: "1"}),
    "an issuer below zero": forged({**CLAIMS, 1: -1}),
    "an issuer that is true": forged({**CLAIMS, 1: True}),
    "an issuer too large": forged({**CLAIMS, 1: 2**53}),
    "an issuer far too large": forged({**CLAIMS, 1: 2**64}),
    "an end with a fraction": forged({**CLAIMS, 4: 1889909999.5}),
    "an end in words": forged({**CLAIMS, 4: "2029-11-20T23:59:59+01:00"}),
    "an end as a date": forged({**CLAIMS, 4: datetime(2029, 11, 20, tzinfo=UTC)}),
    "an end after all years": forged({**CLAIMS, 4: 253_370_764_800}),
    "a beginning before time": forged({**CLAIMS, 5: -1}),
    "an end that is missing": forged({**CLAIMS, 4: None}),
    "an id in words": forged({**CLAIMS, 7: SAYS.document_id}),
    "an id too short": forged({**CLAIMS, 7: b"1" * 15}),
    "an id too long": forged({**CLAIMS, 7: b"1" * 17}),
    "an id as a tagged UUID": forged({**CLAIMS, 7: uuid.UUID(SAYS.document_id)}),
    "a scheme that is a number": forged(ours(_2=1)),
    "no scheme": forged({**CLAIMS, PRIVATE: without(OURS, 2)}),
    "an empty scheme": forged(ours(_2="")),
    "a name of bytes": forged(ours(_1=b"Ada")),
    "an empty name": forged(ours(_1="")),
    "a name that is null": forged(ours(_1=None)),
    "no place": forged({**CLAIMS, PRIVATE: without(OURS, 3)}),
    "a place of one number": forged(ours(_3=[3])),
    "a place of three numbers": forged(ours(_3=[3, 1, 1])),
    "a place in words": forged(ours(_3=["3", "1"])),
    "a place below zero": forged(ours(_3=[3, -1])),
    "a place by its address": forged(ours(_3="https://sigillo.example.org/status/3")),
    "a mark that is false": forged(ours(_4=False)),
    "a mark that is 1": forged(ours(_4=1)),
    "something new of ours": forged(ours(_5="new")),
    "ours as a list": forged({**CLAIMS, PRIVATE: [OURS]}),
    "a list for claims": forged([1, 2]),
    "a text for claims": forged("claims"),
    "nothing for claims": forged(raw=b""),
    "claims out of order": forged(raw=cbor2.dumps(dict(reversed(CLAIMS.items())))),
    "claims of indefinite length": forged(raw=indefinite(cbor2.dumps(CLAIMS, canonical=True))),
    "a number written too long": forged(
        raw=cbor2.dumps(CLAIMS, canonical=True).replace(b"\x01\x01", b"\x01\x18\x01", 1)
    ),
    "a claim given twice": forged(
        raw=b"\xa6\x01\x02" + cbor2.dumps(CLAIMS, canonical=True)[1:],
    ),
    "a text in pieces": forged(
        raw=cbor2.dumps(CLAIMS, canonical=True).replace(b"\x69DLE/1.0.0", b"\x7f\x69DLE/1.0.0\xff")
    ),
    "a text that is not UTF-8": forged(
        raw=cbor2.dumps(CLAIMS, canonical=True).replace(b"\x69DLE/1.0.0", b"\x69DLE/1.0.\xff")
    ),
    "a pattern to be compiled": forged(raw=b"\xd8\x23\x78\x20" + b"(a+)+$(a+)+$(a+)+$(a+)+$(a+)+$(a"),
    "a number without end": forged(raw=b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x03"),
    "a large number in a tag": forged(raw=b"\xc2\x49\x01" + b"\x00" * 8),
    "a list of a billion": forged(raw=b"\x9a\x3b\x9a\xca\x00" + b"\x01" * 20),
    "a map of 2^64": forged(raw=b"\xbb" + b"\xff" * 8 + b"\x01" * 20),
    "a text of 2^63 bytes": forged(raw=b"\x7b\x7f" + b"\xff" * 7 + b"a" * 20),
    "nested a thousand times": forged(raw=b"\x81" * 600 + b"\x01"),
    "a map with a list for a key": forged(raw=b"\xa1\x81\x01\x01"),
    "undefined": forged(raw=b"\xf7"),
    "a simple value": forged(raw=b"\xe0"),
    "a reserved length": forged(raw=b"\x1c"),
    "a break alone": forged(raw=b"\xff"),
    "too large": forged(ours(_1="N" * MAX_BYTES)),
    "made for something else": forged(purpose=b""),
    "made as several signatures": forged(context="Signature"),
    "made as a countersignature": forged(context="CounterSignature"),
    "three parts": digits(b"\x01" + cbor2.dumps([b"", {}, b""])),
    "a map": digits(b"\x01\xa0"),
    "empty": digits(b"\x01"),
    "one": "1",
    "nothing": "",
    "zero": "0",
    "a leading zero": "0" + GENUINE,
    "a sign": "+" + GENUINE,
    "a space before": " " + GENUINE,
    "a line behind": GENUINE + "\n",
    "underscores": GENUINE[:3] + "_" + GENUINE[3:],
    "digits of another script": GENUINE.translate({ord(str(n)): chr(0x660 + n) for n in range(10)}),
    "in hexadecimal": whole(GENUINE).hex(),
    "too many digits": "9" * (MAX_DIGITS + 1),
    "a million digits": "1" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_our_signer_would_not_write_is_refused_even_under_a_true_signature(name: str) -> None:
    assert not accepted(HOSTILE[name])


def test_the_forger_of_these_tests_would_be_believed_if_it_told_the_truth() -> None:
    assert accepted(forged())
    assert len(HOSTILE) >= 100


@given(st.text(max_size=60) | st.integers(min_value=0, max_value=2**2000).map(str))
def test_whatever_text_comes_in_is_one_or_malformed(text: str) -> None:
    with suppress(Malformed):
        decode_q1(text)


plain = st.recursive(
    st.integers(-(2**64), 2**64 - 1)
    | st.booleans()
    | st.none()
    | st.floats()
    | st.binary(max_size=9)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-70_001, 9), inner, max_size=6),
    max_leaves=12,
)


@given(plain)
def test_whatever_claims_come_in_are_read_or_malformed(value: Any) -> None:
    for payload in (value, {**CLAIMS, PRIVATE: value}, {**CLAIMS, 7: value}):
        with suppress(Malformed):
            decode_q1(forged(payload))


@given(st.binary(max_size=120))
def test_whatever_bytes_come_in_are_read_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        decode_q1(forged(raw=raw))
    with suppress(Malformed):
        decode_q1(digits(b"\x01" + raw))


# --- no other token is one, and one is no other


def test_no_other_token_passes_for_one_and_one_for_no_other() -> None:
    others = [make.token(Format.VC_JWT), make.token(Format.OB_JWT)]
    for token in others:
        assert not accepted(token)
        assert not accepted(digits(token.encode()[:1000]))
        assert not accepted(digits(b"\x01" + token.encode()[:1000]))
    for text in (GENUINE, encode64(whole(GENUINE)), f"{GENUINE}.{GENUINE}.{GENUINE}"):
        with pytest.raises(Malformed):
            open_compact(text)


def test_what_the_key_signed_for_one_purpose_serves_no_other() -> None:
    """The same key, the same bytes, another use: the signed bytes of each say what they are for."""
    content = unsigned(SAYS, KID)
    as_token = f"{encode64(b'{}')}.{encode64(content)}".encode()
    signature = make.keys().sign(KEY.thumbprint, as_token)
    assert not accepted(assemble(content, low_s(signature)))
    with pytest.raises((Malformed, ValueError)):
        read_unsigned(as_token)
    for purpose in (b"", b"QCV2", b"QCV"):
        with pytest.raises(Malformed):
            read_unsigned(cbor2.dumps(["Signature1", *cbor2.loads(content)[1:2], purpose, b"\xa0"]))


# --- lints


@pytest.fixture(params=[False, True], ids=["the first of its kind", "one of many"])
def _others(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds of the first of a scheme, and of those that come after it."""
    monkeypatch.setattr("app.formats.lints._qr_moulds", {})
    if request.param:
        name = "Somebody with a name that is longer than most"
        named = "urn:uuid:00000000-0000-4000-8000-000000000001"
        other = replace(SAYS, document_id=named, name=name, index=7)
        assert linted(other, document_id=named, holder_name=name) == []


def linted(
    meant: Content = SAYS, written: bytes | None = None, *, key: PublicKey = KEY, **changes: Any
) -> list[str]:
    claims = make.claims(test=meant.test, **changes)
    content = written or unsigned(meant, kid_of(key.chain[0]))
    return [each.lint for each in lint_qr(content, claims, meant, key=key, public_url=make.BASE)]


@pytest.mark.usefixtures("_others")
def test_an_ordinary_one_passes_and_every_lint_cites_what_it_enforces() -> None:
    assert linted() == linted(replace(SAYS, name=None)) == linted(replace(SAYS, test=True)) == []
    for each in QR_LINTS:
        assert (each.__doc__ or "").startswith(("ISO/IEC ", "RFC ", "Unicode", "Ours")), each


LATER = timedelta(seconds=1)


@pytest.mark.usefixtures("_others")
@pytest.mark.parametrize(
    ("lint", "found"),
    [
        ("qr_symbol", lambda: linted(replace(SAYS, name="N" * 90), holder_name="N" * 90)),
        ("qr_key", lambda: linted(written=unsigned(SAYS, b"12345678"))),
        ("qr_key", lambda: linted(key=replace(KEY, algorithm="RS256"))),
        ("qr_content", lambda: linted(written=unsigned(replace(SAYS, index=1), KID))),
        ("qr_content", lambda: linted(document_id="urn:uuid:00000000-51a5-4f0e-9d0a-0d4f5b1e2c3d")),
        ("qr_content", lambda: linted(replace(SAYS, scheme="deep learning"))),
        ("qr_validity", lambda: linted(valid_until=make.claims().valid_until + LATER)),
        ("qr_validity", lambda: linted(valid_from=make.claims().valid_from - LATER)),
        ("qr_holder", lambda: linted(holder_name="Somebody Else")),
        ("qr_holder", lambda: linted(replace(SAYS, name="Nicolo\u0300 D'Àngelo"))),
        ("qr_readable", lambda: linted(written=b"\xa0")),
        ("qr_readable", lambda: linted(written=unsigned(replace(SAYS, name=""), KID))),
    ],
)
def test_a_lint_finds_what_it_is_for(lint: str, found: Callable[[], list[str]]) -> None:
    assert lint in found()


def test_of_many_each_is_compared_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.formats.lints._qr_moulds", {})
    assert linted() == []
    (mould,) = lints._qr_moulds.values()
    content = unsigned(SAYS, KID)

    def made(written: bytes) -> bool:
        return mould.made(written, make.claims(test=False), SAYS, KEY, make.BASE)

    assert made(content)
    for place in range(len(content)):
        assert not made(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


def test_there_is_no_mould_where_what_is_a_holders_alone_stands_twice() -> None:
    assert linted(replace(SAYS, name=SAYS.scheme), holder_name=SAYS.scheme) == []
    assert (
        taken_apart(unsigned(replace(SAYS, name=SAYS.scheme), KID), replace(SAYS, name=SAYS.scheme)) is None
    )


def test_whether_this_is_a_test_is_said_truly() -> None:
    for test in (True, False):
        claims, written = make.claims(test=test), replace(SAYS, test=not test)
        findings = lint_qr(unsigned(written, KID), claims, written, key=KEY, public_url=make.BASE)
        assert [each.lint for each in findings] == ["qr_test_mark"]


def test_whether_a_code_has_room_is_worked_out_as_the_drawing_does() -> None:
    for before in ("https://seal.example.org/v#", "http://localhost:8000/v#"):
        for count in range(420, 600, 3):
            for level in qr.Level:
                code = QRCode(error_correction=level)
                code.add_data(before + "7" * count)
                drawn = code.best_fit(start=1)
                assert qr.fits(before, count, level, MAX_SYMBOL) == (drawn <= MAX_SYMBOL)


# --- documents that other hands made


VECTORS = vector("q1")


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
def test_a_foreign_document_is_read_as_its_vector_says(case: dict[str, Any]) -> None:
    keys = {key["kid"]: key["jwk"] for key in VECTORS["keys"]}
    try:
        read = decode_q1(case["digits"])
    except Malformed:
        found = "malformed"
    else:
        jwk = keys.get(encode64(read.kid))
        found = "unknown-key" if jwk is None else "sound" if read.verified_by(jwk) else "broken"
    assert found == case["read"], json.dumps(case)
