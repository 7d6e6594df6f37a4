from datetime import date

import pytest

from app.schemes.catalogue import Catalogue, catalogue
from app.schemes.errors import SchemeInvalid, SchemeNotFound
from app.schemes.reader import read
from app.schemes.scheme import Scheme
from tests.schemes.written import content, written

DEEP_LEARNING = "uni-11621-8/ai-deep-learning-engineer"


def scheme(**changes: str) -> Scheme:
    return read(written(content() | changes))


KEPT = Catalogue.of(
    [
        scheme(version="1.10.0", effective_from="2027-01-01"),
        scheme(version="1.0.0", effective_from="2026-05-01"),
        scheme(version="1.9.0", effective_from="2026-09-01"),
        scheme(version="2.0.0", effective_from="2026-05-01", status="draft"),
        scheme(version="0.9.0", effective_from="2026-01-01", status="retired"),
        scheme(id="uni-11621-8/ai-algorithm-engineer", code="ALG"),
    ]
)


@pytest.mark.parametrize(
    ("on", "version"),
    [("2026-05-01", "1.0.0"), ("2026-08-31", "1.0.0"), ("2026-09-01", "1.9.0"), ("2027-01-01", "1.10.0")],
    ids=["first day", "last day of the first", "second", "ten comes after nine"],
)
def test_the_version_in_force_is_the_highest_active_one(on: str, version: str) -> None:
    assert KEPT.in_force(DEEP_LEARNING, date.fromisoformat(on)).version == version


def test_before_its_first_day_a_scheme_is_not_in_force() -> None:
    with pytest.raises(SchemeNotFound):
        KEPT.in_force(DEEP_LEARNING, date(2026, 4, 30))


def test_an_unknown_scheme_is_not_found() -> None:
    with pytest.raises(SchemeNotFound):
        KEPT.in_force("uni-11621-8/astrologer", date(2026, 5, 1))
    with pytest.raises(SchemeNotFound):
        KEPT.version(DEEP_LEARNING, "9.9.9")


@pytest.mark.parametrize("version", ["0.9.0", "1.0.0", "2.0.0"], ids=["retired", "active", "draft"])
def test_a_pinned_version_is_found_whatever_became_of_it(version: str) -> None:
    assert KEPT.version(DEEP_LEARNING, version).version == version


def test_each_scheme_is_listed_in_its_version_in_force() -> None:
    listed = {(found.code, found.version) for found in KEPT.all_in_force(date(2026, 10, 1))}

    assert listed == {("DLE", "1.9.0"), ("ALG", "1.0.0")}


def test_a_version_stands_in_the_catalogue_once() -> None:
    with pytest.raises(SchemeInvalid, match="twice"):
        Catalogue.of([scheme(), scheme(effective_from="2026-06-01")])


def test_a_code_belongs_to_one_scheme_for_good() -> None:
    with pytest.raises(SchemeInvalid, match="its code DLE"):
        Catalogue.of([scheme(), scheme(id="uni-11621-8/ai-algorithm-engineer", version="2.0.0")])


def test_the_packaged_catalogue_is_read_once() -> None:
    assert catalogue() is catalogue()
    assert catalogue().in_force(DEEP_LEARNING, date(2026, 11, 20)).code == "DLE"
