"""When two titles are read as one."""

from datetime import timedelta

import pytest

from app.renewal.reading import as_read
from tests.renewal.members import House
from tests.renewal.renewing import activity, days, enter


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("  Reti\u00a0Neurali  in produzione. ", "reti neurali in produzione"),
        ("L'etica dell\u2019AI", "letica dellai"),
        ("Stra\u00dfe \ufb01ne", "strasse fine"),
        ("Cor\u200bso\u2060 1\ufeff", "corso 1"),
        ("C\u00adorso\ufe0f", "corso"),
        ("perche\u0301", "perch\u00e9"),
        ("C++ 20", "c++ 20"),
        ("\u2026 \u3164 \u2800 !", ""),
    ],
    ids=ascii,
)
def test_neither_case_spacing_punctuation_nor_what_is_unseen_tells_texts_apart(text: str, read: str) -> None:
    assert as_read(text) == read
    assert as_read(read) == read


def test_i32_what_reads_the_same_counts_once(house: House) -> None:
    ended_on = days(house).begins + timedelta(days=30)
    first, second, other = (activity(house, house.credential, ended_on=ended_on) for _ in range(3))
    second.title = f"\u00ab{first.title}\u2060\u00bb."
    enter(house, first, second, other)
    house.go_to(ended_on)
    ledger = house.holder.calls.get(f"/v1/credentials/{house.credential}/cpd").json()
    assert ledger["counted"] == "16"
    told = [difference["code"] for line in ledger["lines"] for difference in line["differences"]]
    assert told == ["same-twice"]
