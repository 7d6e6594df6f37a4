"""The draw by itself: reproducible, fair to the strata, and deaf to the order of the list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import new_id
from app.renewal.sampling import FIRST, LATER, Member, commitment_to, draw, rank, stratum_of, takes

SEED = "5eed" * 16
STRATA = st.sampled_from([FIRST, LATER])
POPULATIONS = st.lists(
    st.builds(Member, st.from_regex("ren_[0-9a-z]{26}", fullmatch=True), STRATA),
    max_size=60,
    unique_by=lambda member: member.renewal,
)


@pytest.mark.parametrize(
    ("sizes", "percent", "at_least", "taken"),
    [
        ({FIRST: 100, LATER: 50}, 10, 5, {FIRST: 10, LATER: 5}),
        ({FIRST: 101, LATER: 1}, 10, 5, {FIRST: 11, LATER: 1}),
        ({FIRST: 10, LATER: 3}, 10, 5, {FIRST: 4, LATER: 1}),
        ({FIRST: 4, LATER: 4}, 10, 5, {FIRST: 3, LATER: 2}),
        ({FIRST: 2, LATER: 1}, 10, 5, {FIRST: 2, LATER: 1}),
        ({LATER: 7}, 0, 0, {LATER: 0}),
        ({FIRST: 3}, 100, 1, {FIRST: 3}),
        ({}, 10, 5, {}),
    ],
    ids=["ten percent", "rounded up", "topped up", "alike", "all of few", "nobody", "everybody", "empty"],
)
def test_how_many_are_taken_follows_from_the_scheme(
    sizes: dict[str, int], percent: int, at_least: int, taken: dict[str, int]
) -> None:
    assert takes(sizes, percent=percent, at_least=at_least) == taken


def test_whoever_renews_for_the_first_time_is_ranked_among_their_like() -> None:
    assert [stratum_of(cycle) for cycle in (1, 2, 3)] == [FIRST, LATER, LATER]


@given(population=POPULATIONS, percent=st.integers(0, 100), at_least=st.integers(0, 10), data=st.data())
def test_i36_the_sample_follows_from_the_seed_and_the_list_and_from_nothing_else(
    population: list[Member], percent: int, at_least: int, data: st.DataObject
) -> None:
    held = draw(SEED, population, percent=percent, at_least=at_least)
    again = draw(SEED, data.draw(st.permutations(population)), percent=percent, at_least=at_least)
    assert held == again
    assert len(held.sample) == len(set(held.sample)) == sum(stratum.take for stratum in held.strata)
    assert len(held.sample) >= min(at_least, len(population))
    for stratum in held.strata:
        ranks = {m.renewal: rank(SEED, m.renewal) for m in population if m.stratum == stratum.name}
        inside = [ranks[renewal] for renewal in held.sample if renewal in ranks]
        outside = [value for renewal, value in ranks.items() if renewal not in held.sample]
        assert (len(ranks), len(inside)) == (stratum.size, stratum.take)
        assert stratum.take * 100 >= stratum.size * percent
        assert not inside or not outside or max(inside) < min(outside)


def test_another_seed_draws_others_and_no_commitment_fits_two() -> None:
    population = [Member(new_id("ren"), FIRST) for _ in range(200)]
    other = "0" * 64
    samples = [draw(seed, population, percent=10, at_least=5).sample for seed in (SEED, other)]
    assert set(samples[0]) != set(samples[1])
    assert commitment_to(SEED) != commitment_to(other)
