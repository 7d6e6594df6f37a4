"""What rows and documents are called."""

import re
from uuid import RFC_4122, UUID

from app.core.ids import ALPHABET, new_id, new_jti, pattern

DRAWN = 2_000
SECONDS = 7  # characters, the last of which holds three bits of chance


def test_an_identifier_tells_what_it_names_and_never_comes_twice() -> None:
    drawn = {new_id("crd") for _ in range(DRAWN)}

    assert len(drawn) == DRAWN
    assert all(re.fullmatch(pattern("crd"), each) for each in drawn)


def test_what_is_drawn_later_stands_later_in_an_index() -> None:
    seconds = [new_id("crd")[4 : 4 + SECONDS - 1] for _ in range(DRAWN)]
    documents = [new_jti()[: len("urn:uuid:") + 13] for _ in range(DRAWN)]

    assert seconds == sorted(seconds)
    assert documents == sorted(documents)


def test_all_of_an_identifier_but_its_second_is_of_chance() -> None:
    chance = [new_id("crd")[4 + SECONDS :] for _ in range(DRAWN)]

    assert len({each[:10] for each in chance}) == DRAWN
    for place in range(len(chance[0]) - 1):  # the last character has two bits to spare
        assert {each[place] for each in chance} == set(ALPHABET)


def test_the_name_of_a_document_is_a_uuid_of_its_millisecond() -> None:
    names = [new_jti() for _ in range(DRAWN)]
    read = [UUID(name) for name in names]

    assert len(set(names)) == DRAWN
    assert {(each.version, each.variant) for each in read} == {(7, RFC_4122)}
    assert [each.urn for each in read] == names
