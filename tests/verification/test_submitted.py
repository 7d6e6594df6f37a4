"""However a credential is sent, it is brought down to one thing; and no address is ever opened."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Problem
from app.core.numbers import CredentialNumber
from app.verification.errors import (
    FileTooLarge,
    FileUnreadable,
    NothingToVerify,
    NotOurs,
    NumberMistyped,
)
from app.verification.submitted import MAX_TEXT, Submission, Token, of_bytes, of_member, of_text
from tests.verification.given import DIGITS, HERE, MEANT_AS_NUMBERS, NUMBER, WITH_DIGITS

TOKEN = "e30.e30.AA"
ENVELOPED = {
    "@context": "https://www.w3.org/ns/credentials/v2",
    "type": "EnvelopedVerifiableCredential",
    "id": f"data:application/vc+jwt,{TOKEN}",
}


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"\n  {TOKEN}\r\n",
        f"data:application/vc+jwt,{TOKEN}",
        f"data:application/jwt,{TOKEN}",
        f"data:application/vc+jwt;charset=utf-8,{TOKEN}",
        json.dumps(ENVELOPED),
        json.dumps({**ENVELOPED, "type": ["EnvelopedVerifiableCredential"]}, indent=2),
        json.dumps({"credential": TOKEN}),
        json.dumps({"credential": ENVELOPED}),
        "\N{ZERO WIDTH NO-BREAK SPACE}" + TOKEN,
    ],
)
def test_a_token_is_found_in_all_that_it_is_sent_in(text: str) -> None:
    assert of_bytes(text.encode(), ours=(HERE,)) == Token(TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"credential": 1}',
        '{"credential": {"type": "VerifiableCredential"}}',
        json.dumps({**ENVELOPED, "id": 1}),
        json.dumps({**ENVELOPED, "type": "VerifiableCredential"}),
        '{"type": "x", "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt,a"}',
        "[" * 5000,
    ],
)
def test_json_that_holds_none_is_read_as_no_credential(text: str) -> None:
    found = of_text(text, ours=(HERE,))
    assert isinstance(found, Token)
    assert TOKEN not in found.text


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"\n {NUMBER.lower()}\r\n",
        NUMBER.replace("-", "\N{EN DASH}"),
        json.dumps({"credential": NUMBER}),
        json.dumps({"credential": f" {HERE}/v/{NUMBER} "}),
    ],
)
def test_a_number_is_found_in_all_that_it_is_sent_in(text: str) -> None:
    assert of_bytes(text.encode(), ours=(HERE,)) == CredentialNumber.read(NUMBER)


@pytest.mark.parametrize("sent", [NUMBER[:-1] + "6", NUMBER[:-1], json.dumps({"credential": NUMBER[:-1]})])
def test_a_mistyped_number_is_no_unreadable_document(sent: str) -> None:
    with pytest.raises(NumberMistyped):
        of_text(sent, ours=(HERE,))


@pytest.mark.parametrize(("text", "number"), MEANT_AS_NUMBERS.items())
def test_what_is_meant_as_a_number_is_read_as_one_or_as_mistyped(text: str, *, number: bool) -> None:
    def read() -> Submission | None:
        try:
            return of_text(text, ours=(HERE,))
        except NumberMistyped:
            return CredentialNumber.read(NUMBER)
        except Problem:
            return None

    if not text.startswith("https:"):
        assert isinstance(read(), CredentialNumber) is number
    assert CredentialNumber.is_meant(text) is number


@pytest.mark.parametrize(
    "address",
    [
        f"{HERE}/v/{NUMBER}",
        f"{HERE}/v/{NUMBER}/",
        f"{HERE}/v/{NUMBER}.json",
        f"{HERE}/v/{NUMBER}?lang=it",
        f"{HERE}/v/{NUMBER.lower()}",
        f"HTTPS://SIGILLO.EXAMPLE.ORG/v/{NUMBER}",
        f"{HERE}/v/{NUMBER.replace('-', '%20')}",
    ],
)
def test_an_address_of_ours_is_a_number(address: str) -> None:
    assert of_text(address, ours=(HERE,)) == CredentialNumber.read(NUMBER)


@pytest.mark.parametrize(("address", "ours"), WITH_DIGITS.items())
def test_the_digits_of_a_code_are_found_in_every_address_of_the_page(address: str, *, ours: bool) -> None:
    try:
        read = of_text(address, ours=(HERE,))
    except NotOurs:
        read = None
    assert (read == Token(DIGITS)) is ours


@pytest.mark.parametrize(
    "address",
    [
        f"http://sigillo.example.org/v/{NUMBER}",
        f"https://sigillo.example.org.evil.example/v/{NUMBER}",
        f"https://sigillo.example.org:8443/v/{NUMBER}",
        f"https://sigillo.example.org@evil.example/v/{NUMBER}",
        f"https://user@sigillo.example.org/v/{NUMBER}",
        f"https://evil.example/?{HERE}/v/{NUMBER}",
        f"{HERE}/x/{NUMBER}",
        f"{HERE}/v/{NUMBER}/more",
        f"{HERE}/v/",
        HERE,
        "https://[::1/v/x",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://sigillo.example.org/v/x",
    ],
)
def test_an_address_of_anybody_else_is_refused_unopened(address: str) -> None:
    with pytest.raises(NotOurs):
        of_text(address, ours=(HERE,))


def test_an_address_of_ours_with_a_wrong_number_is_mistyped() -> None:
    with pytest.raises(NumberMistyped):
        of_text(f"{HERE}/v/{NUMBER[:-1]}0", ours=(HERE,))


@pytest.mark.parametrize("content", [b"", b" \n", "\N{ZERO WIDTH NO-BREAK SPACE}".encode()])
def test_nothing_is_nothing_to_verify(content: bytes) -> None:
    with pytest.raises(NothingToVerify):
        of_bytes(content, ours=(HERE,))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"PK\x03\x04\xb2", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"])
def test_what_is_neither_text_nor_picture_is_not_read(content: bytes) -> None:
    with pytest.raises(FileUnreadable):
        of_bytes(content, ours=(HERE,))


def test_what_is_longer_than_any_credential_is_not_read() -> None:
    assert of_bytes(b"A" * MAX_TEXT, ours=(HERE,)) == Token("A" * MAX_TEXT)
    with pytest.raises(FileTooLarge):
        of_bytes(b"A" * (MAX_TEXT + 1), ours=(HERE,))


@given(st.binary(max_size=120))
def test_whatever_bytes_come_in_are_read_or_refused_in_words(content: bytes) -> None:
    try:
        of_bytes(content, ours=(HERE,))
    except Problem as refused:
        assert refused.detail  # noqa: PT017 - either way is right, a crash is not


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_whatever_a_member_holds_is_a_token_to_be_read(member: object) -> None:
    assert isinstance(of_member(member), Token)  # type: ignore[arg-type] # drawn as JSON, typed as object
