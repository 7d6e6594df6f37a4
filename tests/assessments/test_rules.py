from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.assessments.rules import (
    ComputedOutcome,
    Score,
    Scores,
    assessment_faults,
    consensus,
    diverges,
    result,
    score_faults,
    total,
)
from app.schemes.catalogue import catalogue
from app.schemes.judgement import Flag

SCHEME = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
CRITERIA = SCHEME.assessment.criteria
EVIDENCE = frozenset({"evd_1", "evd_2"})

steps = st.integers(0, 8).map(lambda half: Decimal(half) / 2)
score_sets = st.fixed_dictionaries({criterion.id: steps for criterion in CRITERIA})


def all_at(value: str, **others: str) -> Scores:
    """Score every criterion alike, except for those that are named."""
    return {criterion.id: Decimal(others.get(criterion.id, value)) for criterion in CRITERIA}


def given_scores(value: str = "3", **others: Score) -> list[Score]:
    return [
        others.get(criterion.id, Score(criterion.id, Decimal(value), "motivato", ("evd_1",)))
        for criterion in CRITERIA
    ]


def k3(value: str = "3", comment: str = "motivato", evidence: tuple[str, ...] = ("evd_1",)) -> Score:
    return Score("K3", Decimal(value), comment, evidence)


@pytest.mark.parametrize(
    ("score", "code"),
    [
        pytest.param(k3("3.25"), "off-scale", id="between steps"),
        pytest.param(k3("4.5"), "off-scale", id="above the scale"),
        pytest.param(k3("-0.5"), "off-scale", id="below the scale"),
        pytest.param(k3("NaN"), "off-scale", id="not a number"),
        pytest.param(k3("Infinity"), "off-scale", id="infinite"),
        pytest.param(k3("3.00000000000000000000000000000000000001"), "off-scale", id="off by a hair"),
        pytest.param(k3("1E-999999"), "off-scale", id="nearly nothing"),
        pytest.param(k3("1.5", comment=""), "comment-missing", id="low without a comment"),
        pytest.param(k3("0", comment=" \n"), "comment-missing", id="low with a blank comment"),
        pytest.param(k3(comment="a" * 4001), "comment-too-long", id="a comment without end"),
        pytest.param(k3(evidence=()), "evidence-missing", id="without evidence"),
        pytest.param(k3(evidence=("evd_1", "evd_9")), "evidence-unknown", id="evidence of another dossier"),
    ],
)
def test_a_score_that_cannot_stand_is_refused(score: Score, code: str) -> None:
    scores = given_scores(K3=score)

    for faults in (score_faults(SCHEME, scores, EVIDENCE), assessment_faults(SCHEME, scores, EVIDENCE)):
        (fault,) = faults
        assert (fault.criterion, fault.code) == ("K3", code)
        assert fault.detail.it
        assert fault.detail.en


@pytest.mark.parametrize(
    "score",
    [
        k3("0"),
        k3("4"),
        k3("0.5"),
        k3("2", comment=""),
        k3("3.50"),
        k3(evidence=("evd_1", "evd_2")),
        k3(comment="a" * 4000),
    ],
    ids=[
        "nothing",
        "everything",
        "a half",
        "two without a comment",
        "written long",
        "two links",
        "much said",
    ],
)
def test_a_score_that_can_stand_is_taken(score: Score) -> None:
    assert assessment_faults(SCHEME, given_scores(K3=score), EVIDENCE) == ()


def test_an_assessment_scores_every_criterion() -> None:
    scores = given_scores()[:-2]

    assert score_faults(SCHEME, scores, EVIDENCE) == ()
    assert [(fault.criterion, fault.code) for fault in assessment_faults(SCHEME, scores, EVIDENCE)] == [
        ("K7", "not-scored"),
        ("K8", "not-scored"),
    ]


def test_a_criterion_of_no_scheme_is_refused() -> None:
    scores = [*given_scores(), Score("K9", Decimal(4), "", ("evd_1",))]

    assert [(fault.criterion, fault.code) for fault in assessment_faults(SCHEME, scores, EVIDENCE)] == [
        ("K9", "criterion-unknown")
    ]


def test_a_criterion_is_scored_once() -> None:
    faults = assessment_faults(SCHEME, [*given_scores(), k3("4")], EVIDENCE)

    assert [(fault.criterion, fault.code) for fault in faults] == [("K3", "scored-twice")]


@pytest.mark.parametrize(
    ("scores", "points"),
    [
        pytest.param(all_at("0"), "0", id="nothing"),
        pytest.param(all_at("4"), "100", id="everything"),
        pytest.param(all_at("2"), "50", id="half"),
        pytest.param(all_at("0", K1="4"), "15", id="one criterion whole"),
        pytest.param(all_at("0", K8="0.25"), "0.5", id="a quarter point of the lightest"),
        pytest.param(all_at("2.5", K2="3", K5="3"), "65.5", id="just above"),
    ],
)
def test_the_total_weighs_each_score(scores: Scores, points: str) -> None:
    assert total(SCHEME, scores) == Decimal(points)


@given(scores=score_sets, other=score_sets)
def test_the_total_of_a_consensus_is_the_exact_mean_of_two_totals(scores: Scores, other: Scores) -> None:
    together = consensus(SCHEME, [scores, other])

    assert 2 * total(SCHEME, together) == total(SCHEME, scores) + total(SCHEME, other)
    assert 0 <= total(SCHEME, together) <= 100


def test_two_assessments_meet_in_their_mean() -> None:
    together = consensus(SCHEME, [all_at("3", K1="4"), all_at("2", K1="3.5")])

    assert together == all_at("2.5", K1="3.75")


def test_three_assessments_meet_in_their_median() -> None:
    together = consensus(SCHEME, [all_at("0", K1="4"), all_at("3", K1="1"), all_at("3.5", K1="3")])

    assert together == all_at("3", K1="3")


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_consensus_takes_two_or_three(count: int) -> None:
    with pytest.raises(ValueError, match="consensus"):
        consensus(SCHEME, [all_at("3")] * count)


@pytest.mark.parametrize(
    ("one", "other", "third_needed"),
    [
        pytest.param(all_at("3"), all_at("3"), False, id="agreed"),
        pytest.param(all_at("4"), all_at("4", K1="0", K8="1.5"), False, id="exactly twenty points"),
        pytest.param(all_at("4"), all_at("4", K1="0", K8="1"), True, id="twenty-one points"),
        pytest.param(all_at("4", K1="0", K8="1"), all_at("4"), True, id="whoever is higher"),
        pytest.param(
            all_at("2", K1="4", K4="0"),
            all_at("2", K1="0", K4="4"),
            False,
            id="apart on criteria, not in total",
        ),
    ],
)
def test_a_third_assessor_is_called_when_totals_are_more_than_twenty_apart(
    one: Scores, other: Scores, *, third_needed: bool
) -> None:
    assert diverges(SCHEME, one, other) is third_needed


# Weights: K3 18; K1 and K4 15; K2 and K5 12; K6 and K7 10; K8 8. Quarters are means of two half steps.
AT_65 = all_at("2.5", K6="3.5")
UNDER_65 = all_at("2.5", K6="3.5", K1="2.25", K3="2.25", K8="3.5")
AT_58 = all_at("2.5", K8="0.25")
UNDER_58 = all_at("2.5", K8="0.25", K1="2.25", K6="2.25", K2="3")
NOTHING_MET = ("total", "critical:K1", "critical:K3", "critical:K4", "critical:K7", "noncritical:K2,K5,K6,K8")


def test_totals_at_the_edges_are_exact() -> None:
    edges = [total(SCHEME, scores) for scores in (AT_65, UNDER_65, AT_58, UNDER_58)]

    assert edges == [Decimal(65), Decimal("64.9375"), Decimal(58), Decimal("57.9375")]


@pytest.mark.parametrize(
    ("scores", "on_paper", "after_interview", "failed"),
    [
        pytest.param(all_at("4"), "pass", "pass", (), id="everything"),
        pytest.param(AT_65, "pass", "pass", (), id="exactly 65"),
        pytest.param(UNDER_65, "interview", "refuse", ("total",), id="64.9375"),
        pytest.param(AT_58, "interview", "refuse", ("total",), id="exactly 58"),
        pytest.param(UNDER_58, "refuse", "refuse", ("total",), id="57.9375"),
        pytest.param(all_at("0"), "refuse", "refuse", NOTHING_MET, id="nothing"),
        pytest.param(
            all_at("4", K7="1.75"),
            "refuse",
            "refuse",
            ("critical:K7",),
            id="high, but a critical one below 2",
        ),
        pytest.param(all_at("4", K7="2"), "pass", "pass", (), id="a critical one at exactly 2"),
        pytest.param(all_at("4", K8="0"), "pass", "pass", (), id="one other below 2"),
        pytest.param(all_at("4", K6="2", K8="2", K2="0"), "pass", "pass", (), id="two others at exactly 2"),
        pytest.param(
            all_at("4", K6="1.75", K8="0"),
            "refuse",
            "refuse",
            ("noncritical:K6,K8",),
            id="two others below 2",
        ),
        pytest.param(
            all_at("2.5", K7="1"),
            "interview",
            "refuse",
            ("total", "critical:K7"),
            id="in the band, a critical one below 2",
        ),
    ],
)
def test_the_result_follows_from_the_scores(
    scores: Scores, on_paper: str, after_interview: str, failed: tuple[str, ...]
) -> None:
    first = result(SCHEME, scores, (), interviewed=False)
    second = result(SCHEME, scores, (), interviewed=True)

    assert (first.outcome, first.failed) == (ComputedOutcome(on_paper), failed)
    assert (second.outcome, second.failed) == (ComputedOutcome(after_interview), failed)
    assert first.total == second.total == total(SCHEME, scores)


@pytest.mark.parametrize("flag", Flag)
@pytest.mark.parametrize("scores", [all_at("4"), AT_65, all_at("0")], ids=["high", "at the edge", "low"])
def test_any_flag_calls_for_an_interview_once(flag: Flag, scores: Scores) -> None:
    assert result(SCHEME, scores, {flag}, interviewed=False).outcome is ComputedOutcome.INTERVIEW
    assert result(SCHEME, scores, {flag}, interviewed=True).outcome is not ComputedOutcome.INTERVIEW


@given(scores=score_sets, flags=st.sets(st.sampled_from(Flag)), interviewed=st.booleans())
def test_a_pass_never_breaks_a_rule(scores: Scores, flags: set[Flag], *, interviewed: bool) -> None:
    found = result(SCHEME, scores, flags, interviewed=interviewed)

    if found.outcome is ComputedOutcome.PASS:
        assert found.failed == ()
        assert found.total >= 65
        assert all(scores[criterion.id] >= 2 for criterion in CRITERIA if criterion.critical)
        assert sum(scores[criterion.id] < 2 for criterion in CRITERIA) <= 1
    if interviewed:
        assert found.outcome is not ComputedOutcome.INTERVIEW
