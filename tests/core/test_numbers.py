from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.numbers import CredentialNumber, Mistyped

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TYPEABLE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
KNOWN = "DLE-26-7K3Q-F9XM-2T5H-65"
NUMBERS = [
    CredentialNumber.read(KNOWN),
    CredentialNumber("DLE", 26, 0),
    CredentialNumber("DLE", 26, (1 << 60) - 1),
    CredentialNumber("AB", 0, 1),
    CredentialNumber("ABCDEF", 99, 0x0123_4567_89AB_CDE),
    CredentialNumber("OIL", 27, 97 * 1_000_003),
]
RANDOM = slice(7, 21)  # the random groups of a number whose code has three letters

numbers = st.builds(
    CredentialNumber,
    code=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=6),
    year=st.integers(0, 99),
    bits=st.integers(0, (1 << 60) - 1),
)


def is_mistyped(text: str) -> bool:
    try:
        CredentialNumber.read(text)
    except Mistyped:
        return True
    return False


def groups_of(number: CredentialNumber) -> tuple[str, str, str]:
    """Part a number into what stands before, in and after its random groups."""
    text = str(number)
    return text[:-17], text[-17:-3], text[-3:]


def same_to_the_eye(one: str, other: str) -> bool:
    return one == other or {one, other} <= {"0", "O"} or {one, other} <= {"1", "I", "L"}


def test_the_number_of_the_design_is_a_number() -> None:
    number = CredentialNumber.read(KNOWN)

    assert (number.code, number.year, str(number)) == ("DLE", 26, KNOWN)


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0, "DLE-26-0000-0000-0000-98"),
        (1, "DLE-26-0000-0000-0001-95"),
        (32, "DLE-26-0000-0000-0010-02"),
        ((1 << 60) - 1, "DLE-26-ZZZZ-ZZZZ-ZZZZ-35"),
    ],
    ids=["zero", "one", "padded check digits", "all ones"],
)
def test_the_check_digits_follow_from_the_random_bits(bits: int, text: str) -> None:
    assert str(CredentialNumber.draw("DLE", 2026, bits)) == text
    assert (100 * bits + int(text[-2:])) % 97 == 1


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_every_single_wrong_character_in_the_random_groups_is_caught(number: CredentialNumber) -> None:
    before, drawn, after = groups_of(number)
    tried = 0
    for place, right in enumerate(drawn):
        if right == "-":
            continue
        for wrong in TYPEABLE:
            if not same_to_the_eye(right, wrong):
                assert is_mistyped(before + drawn[:place] + wrong + drawn[place + 1 :] + after)
                tried += 1
    assert tried >= 12 * 33


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_every_swap_of_neighbours_in_the_random_groups_is_caught(number: CredentialNumber) -> None:
    before, drawn, after = groups_of(number)
    bare = drawn.replace("-", "")
    for place, (left, right) in enumerate(pairwise(bare)):
        swapped = bare[:place] + right + left + bare[place + 2 :]
        assert is_mistyped(before + swapped + after) == (left != right)


@given(number=numbers, place=st.integers(0, 11), wrong=st.sampled_from(ALPHABET))
def test_no_wrong_character_slips_through_in_any_number(
    number: CredentialNumber, place: int, wrong: str
) -> None:
    before, drawn, after = groups_of(number)
    bare = drawn.replace("-", "")
    assert is_mistyped(before + bare[:place] + wrong + bare[place + 1 :] + after) == (bare[place] != wrong)


@given(number=numbers, place=st.integers(0, 10))
def test_no_swap_of_neighbours_slips_through_in_any_number(number: CredentialNumber, place: int) -> None:
    before, drawn, after = groups_of(number)
    bare = drawn.replace("-", "")
    left, right = bare[place], bare[place + 1]
    swapped = bare[:place] + right + left + bare[place + 2 :]
    assert is_mistyped(before + swapped + after) == (left != right)


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_only_the_right_check_digits_are_accepted(number: CredentialNumber) -> None:
    stem, right = str(number)[:-2], str(number)[-2:]

    accepted = [f"{check:02d}" for check in range(100) if not is_mistyped(f"{stem}{check:02d}")]

    assert accepted == [right]


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_a_swap_of_the_last_random_character_with_a_check_digit_is_caught(number: CredentialNumber) -> None:
    text = str(number)
    last, check = text[-4], text[-2]

    assert is_mistyped(f"{text[:-4]}{check}-{last}{text[-1]}") == (last != check)


@given(number=numbers)
def test_a_number_reads_back_as_itself(number: CredentialNumber) -> None:
    assert CredentialNumber.read(str(number)) == number
    assert CredentialNumber.is_meant(str(number))


@pytest.mark.parametrize(
    "text",
    [
        "dle-26-7k3q-f9xm-2t5h-65",
        "DLE 26 7K3Q F9XM 2T5H 65",
        "  DLE-26-7K3Q-F9XM-2T5H-65\n",
        "DLE267K3QF9XM2T5H65",
        "DLE-26-7K3Q–F9XM‑2T5H—65",  # noqa: RUF001 -- the dashes that word processors put in
        "DLE\u00a026\u00a07K3Q F9XM 2T5H 65",
        "D L E - 2 6 - 7 K 3 Q - F 9 X M - 2 T 5 H - 6 5",
    ],
    ids=["small letters", "spaces", "around", "run together", "dashes", "hard spaces", "spelled"],
)
def test_case_spaces_and_hyphens_are_forgiven(text: str) -> None:
    assert str(CredentialNumber.read(text)) == KNOWN


@pytest.mark.parametrize("zero", "Oo")
@pytest.mark.parametrize("one", "IiLl")
def test_look_alikes_are_forgiven_in_the_random_groups(zero: str, one: str) -> None:
    number = CredentialNumber("DLE", 26, int("1010" * 15, 2) & ~0x3FF | 1)
    before, drawn, after = groups_of(number)
    assert {"0", "1"} <= set(drawn)

    assert CredentialNumber.read(before + drawn.replace("0", zero).replace("1", one) + after) == number


def test_a_letter_of_the_code_is_never_taken_for_a_digit() -> None:
    number = CredentialNumber.read(str(CredentialNumber("OIL", 26, 5)))

    assert number.code == "OIL"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DLE",
        "DLE-26-7K3Q-F9XM-2T5H",
        "DLE-26-7K3Q-F9XM-2T5H-6",
        "DLE-26-7K3Q-F9XM-2T5H-655",
        "DLE-26-7K3Q-F9XM-2T5-65",
        "26-7K3Q-F9XM-2T5H-65",
        "D-26-7K3Q-F9XM-2T5H-65",
        "0LE-26-7K3Q-F9XM-2T5H-65",
        "DLE-Z6-7K3Q-F9XM-2T5H-65",
        "DLE-26-7K3U-F9XM-2T5H-65",
        "DLE-26-7K3Q-F9XM-2T5H-6S",
        "DLE-26-7K3Q-F9XM-2T5H-65'; --",
        "DLE-٢٦-7K3Q-F9XM-2T5H-65",
        "DLE-26-7K3Q-F9XM-2T5H-٦٥",
        "DLE_26_7K3Q_F9XM_2T5H_65",
        "DLE-26-0000-0000-000\u0131-95",
        "DLE-26-7K3Q-F9XM-2T5H-65" + "-" * 100,
    ],
)
def test_anything_else_is_mistyped(text: str) -> None:
    with pytest.raises(Mistyped):
        CredentialNumber.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "DLE-26-0000-0000-0000-O98",
        "DLE-26-0000-0000-0010-O2",
        "DLE-26-0000-0000-00I0-0Z",
        "DLE-2O-0000-0000-0000-98",
    ],
    ids=["a letter too many", "O in the check digits", "Z in the check digits", "O in the year"],
)
def test_look_alikes_are_not_forgiven_outside_the_random_groups(text: str) -> None:
    with pytest.raises(Mistyped):
        CredentialNumber.read(text)


def test_the_refusal_carries_nothing_of_what_was_typed() -> None:
    with pytest.raises(Mistyped) as refusal:
        CredentialNumber.read("Ada Lovelace")

    assert "Ada" not in f"{refusal.value!r}{refusal.value.args}"
    assert refusal.value.__cause__ is None


def test_two_drawn_numbers_differ() -> None:
    drawn = {CredentialNumber.draw("DLE", 2026) for _ in range(100)}

    assert len(drawn) == 100
    assert {number.year for number in drawn} == {26}


@pytest.mark.parametrize(
    ("code", "year", "bits"),
    [("dle", 26, 0), ("D1E", 26, 0), ("DLE", 2026, 0), ("DLE", -1, 0), ("DLE", 26, -1), ("DLE", 26, 1 << 60)],
    ids=["small code", "digit in code", "long year", "negative year", "negative bits", "too many bits"],
)
def test_a_number_outside_its_form_cannot_be_made(code: str, year: int, bits: int) -> None:
    with pytest.raises(ValueError, match=r"\."):
        CredentialNumber(code, year, bits)
