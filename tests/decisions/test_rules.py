from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.decisions.rules import (
    Barred,
    Choice,
    Standing,
    Tally,
    appeal,
    is_quorate,
    outcome,
    publication_faults,
    quorum_needed,
    separated,
    tally,
)
from app.schemes.catalogue import catalogue
from app.schemes.judgement import DecisionOutcome, Separation

SCHEME = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
RULES = SCHEME.decision

FOUR = frozenset({"ada", "bruno", "carla", "dino"})
NOBODY: frozenset[str] = frozenset()


def standing(
    in_office: frozenset[str] = FOUR,
    conflicted: frozenset[str] = NOBODY,
    separated: frozenset[str] = NOBODY,
    declared_clear: frozenset[str] = FOUR,
    present: frozenset[str] = FOUR,
) -> Standing:
    return Standing(in_office, conflicted, separated, "elena", declared_clear, present)


@pytest.mark.parametrize(
    ("case", "person", "reason"),
    [
        pytest.param(standing(), "zeno", Barred.NOT_IN_OFFICE, id="not a member"),
        pytest.param(
            standing(in_office=FOUR - {"ada"}), "ada", Barred.NOT_IN_OFFICE, id="no longer a member"
        ),
        pytest.param(
            standing(in_office=FOUR | {"elena"}, declared_clear=FOUR | {"elena"}, present=FOUR | {"elena"}),
            "elena",
            Barred.APPLICANT,
            id="a member who applies",
        ),
        pytest.param(standing(conflicted=frozenset({"ada"})), "ada", Barred.CONFLICTED, id="conflicted"),
        pytest.param(
            standing(separated=frozenset({"ada"})), "ada", Barred.SEPARATED, id="scored or interviewed"
        ),
        pytest.param(
            standing(declared_clear=FOUR - {"ada"}), "ada", Barred.UNDECLARED, id="has not declared"
        ),
        pytest.param(standing(present=FOUR - {"ada"}), "ada", Barred.ABSENT, id="absent"),
        pytest.param(standing(), "ada", None, id="may vote"),
    ],
)
def test_only_a_member_who_is_clear_present_and_uninvolved_votes(
    case: Standing, person: str, reason: Barred | None
) -> None:
    assert case.barred(person) is reason
    assert (person in case.voters) is (reason is None)
    if reason is not None:
        assert reason.reason.it
        assert reason.reason.en


groups = st.sets(st.sampled_from("abcdefgh")).map(frozenset)


@given(in_office=groups, conflicted=groups, judged=groups, clear=groups, present=groups)
def test_a_voter_is_exactly_someone_with_no_reason_against(
    in_office: frozenset[str],
    conflicted: frozenset[str],
    judged: frozenset[str],
    clear: frozenset[str],
    present: frozenset[str],
) -> None:
    case = Standing(in_office, conflicted, judged, "a", clear, present)

    assert case.voters == {person for person in "abcdefgh" if case.barred(person) is None}
    assert case.voters <= case.eligible <= in_office
    assert not case.voters & (conflicted | judged | {"a"})


@pytest.mark.parametrize(
    ("eligible", "needed"),
    [(0, 3), (1, 3), (2, 3), (3, 3), (4, 3), (5, 3), (6, 3), (7, 4), (8, 4), (9, 5), (20, 10), (21, 11)],
)
def test_the_quorum_is_half_rounded_up_and_never_under_three(eligible: int, needed: int) -> None:
    assert quorum_needed(eligible, RULES) == needed


def test_the_quorum_follows_the_share_of_the_scheme() -> None:
    two_thirds = replace(RULES, quorum=replace(RULES.quorum, fraction_of_members=Decimal("0.67")))

    assert [quorum_needed(eligible, two_thirds) for eligible in (3, 6, 9, 10)] == [3, 5, 7, 7]


@pytest.mark.parametrize(
    ("case", "quorate"),
    [
        pytest.param(standing(), True, id="four of four"),
        pytest.param(standing(present=FOUR - {"ada"}), True, id="three of four"),
        pytest.param(standing(present=FOUR - {"ada", "bruno"}), False, id="two of four"),
        pytest.param(standing(conflicted=frozenset({"ada"})), True, id="one conflicted, three left"),
        pytest.param(
            standing(conflicted=frozenset({"ada"}), present=FOUR - {"bruno"}),
            False,
            id="the conflicted fills no seat",
        ),
        pytest.param(standing(separated=frozenset({"ada", "bruno"})), False, id="two scored, two left"),
        pytest.param(standing(declared_clear=FOUR - {"ada", "bruno"}), False, id="two have not declared"),
    ],
)
def test_the_conflicted_count_on_neither_side_of_the_quorum(case: Standing, *, quorate: bool) -> None:
    assert is_quorate(case, RULES) is quorate


def test_the_conflicted_do_not_raise_the_quorum() -> None:
    eight = frozenset("abcdefgh")
    here = frozenset("abc")
    case = Standing(eight, frozenset("fgh"), NOBODY, "elena", eight, here)

    assert is_quorate(case, RULES)
    assert not is_quorate(replace(case, conflicted=NOBODY), RULES)


def test_who_judged_a_case_never_votes_on_it() -> None:
    lenient = replace(RULES, separation=Separation.RECUSE_ON_OWN_SCORES)

    assert separated(RULES, {"ada"}, {"bruno"}) == {"ada", "bruno"}
    assert separated(lenient, {"ada"}, {"bruno"}) == {"ada"}


@pytest.mark.parametrize(
    ("grant", "refuse", "defer", "abstain", "decided"),
    [
        (3, 0, 0, 0, "grant"),
        (2, 1, 0, 0, "grant"),
        (1, 2, 0, 0, "refuse"),
        (0, 0, 3, 0, "defer"),
        (2, 2, 0, 0, "defer"),
        (2, 1, 1, 0, "defer"),
        (1, 1, 1, 0, "defer"),
        (3, 2, 1, 0, "defer"),
        (1, 0, 0, 4, "grant"),
        (0, 1, 0, 4, "refuse"),
        (1, 1, 0, 4, "defer"),
        (0, 0, 0, 5, None),
        (0, 0, 0, 0, None),
    ],
)
def test_more_than_half_of_the_votes_cast_decides(
    grant: int, refuse: int, defer: int, abstain: int, decided: str | None
) -> None:
    found = outcome(Tally(grant, refuse, defer, abstain), RULES)

    assert found == (DecisionOutcome(decided) if decided else None)


few = st.integers(0, 9)


@given(grant=few, refuse=few, defer=few, abstain=few)
def test_nothing_is_granted_without_a_strict_majority(
    grant: int, refuse: int, defer: int, abstain: int
) -> None:
    found = outcome(Tally(grant, refuse, defer, abstain), RULES)

    assert (found is DecisionOutcome.GRANT) is (grant > refuse + defer)
    assert (found is None) is (grant + refuse + defer == 0)


def test_votes_are_counted_by_choice() -> None:
    votes = {"ada": Choice.GRANT, "bruno": Choice.GRANT, "carla": Choice.ABSTAIN, "dino": Choice.REFUSE}

    counted = tally(votes)

    assert counted == Tally(grant=2, refuse=1, defer=0, abstain=1)
    assert counted.cast == 3


GRANTED = dict.fromkeys(sorted(FOUR), Choice.GRANT)
REFUSED = dict.fromkeys(sorted(FOUR), Choice.REFUSE)
SILENT = dict.fromkeys(sorted(FOUR), Choice.ABSTAIN)
DEFERRED = SILENT | {"ada": Choice.GRANT, "bruno": Choice.REFUSE}


@pytest.mark.parametrize(
    ("case", "votes", "reasons", "thresholds_met", "derogation", "codes"),
    [
        pytest.param(standing(), GRANTED, "", True, "", [], id="a grant needs no reasons"),
        pytest.param(
            standing(), REFUSED, "Soglie non raggiunte.", False, "", [], id="a refusal with reasons"
        ),
        pytest.param(standing(), DEFERRED, "Serve un colloquio.", True, "", [], id="deferred with reasons"),
        pytest.param(
            standing(), GRANTED, "", False, "Titolo estero equivalente.", [], id="a reasoned derogation"
        ),
        pytest.param(
            standing(), GRANTED, "", False, "", ["thresholds-not-met"], id="a grant below the thresholds"
        ),
        pytest.param(
            standing(), GRANTED, "", False, "  ", ["thresholds-not-met"], id="a derogation without words"
        ),
        pytest.param(standing(), REFUSED, "", False, "", ["reasons-missing"], id="a refusal without reasons"),
        pytest.param(
            standing(), DEFERRED, " \n", True, "", ["reasons-missing"], id="deferred without reasons"
        ),
        pytest.param(standing(), SILENT, "Nessuno.", True, "", ["no-votes"], id="all abstained"),
        pytest.param(standing(), {}, "Nessuno.", True, "", ["votes-outstanding"], id="no votes"),
        pytest.param(
            standing(), {"ada": Choice.GRANT}, "", False, "", ["votes-outstanding"], id="one vote of four"
        ),
        pytest.param(
            standing(present=FOUR - {"dino"}, declared_clear=FOUR - {"dino"}),
            {"ada": Choice.GRANT, "bruno": Choice.ABSTAIN, "carla": Choice.GRANT},
            "",
            True,
            "",
            [],
            id="everybody who may vote has, one by abstaining",
        ),
        pytest.param(
            standing(present=frozenset({"ada", "bruno"})),
            {"ada": Choice.GRANT, "bruno": Choice.GRANT},
            "",
            True,
            "",
            ["no-quorum"],
            id="two present",
        ),
        pytest.param(
            standing(conflicted=frozenset({"dino"})),
            GRANTED,
            "",
            True,
            "",
            ["vote-barred"],
            id="a conflicted member voted",
        ),
        pytest.param(
            standing(separated=frozenset({"dino"})),
            GRANTED,
            "",
            True,
            "",
            ["vote-barred"],
            id="a scorer voted",
        ),
        pytest.param(
            standing(present=FOUR - {"dino"}),
            GRANTED,
            "",
            True,
            "",
            ["vote-barred"],
            id="an absent member voted",
        ),
    ],
)
def test_a_decision_is_published_only_when_it_can_stand(
    case: Standing,
    votes: Mapping[str, Choice],
    reasons: str,
    thresholds_met: bool,  # noqa: FBT001 -- a column of the table
    derogation: str,
    codes: list[str],
) -> None:
    faults = publication_faults(
        case, votes, RULES, reasons=reasons, thresholds_met=thresholds_met, derogation=derogation
    )

    assert [fault.code for fault in faults] == codes
    assert all(fault.detail.it and fault.detail.en for fault in faults)


def test_it_is_told_how_many_votes_are_missing_and_not_whose() -> None:
    (fault,) = publication_faults(standing(), {"ada": Choice.GRANT}, RULES, reasons="", thresholds_met=True)

    assert (fault.detail.it, fault.detail.en) == ("voti ancora mancanti: 3", "votes still missing: 3")


def test_whatever_is_no_grant_can_be_appealed() -> None:
    decided_on = date(2026, 11, 20)

    assert appeal(DecisionOutcome.GRANT, decided_on, SCHEME.appeal) is None
    for outcome_ in (DecisionOutcome.REFUSE, DecisionOutcome.DEFER):
        found = appeal(outcome_, decided_on, SCHEME.appeal)
        assert found is not None
        assert found.until == date(2026, 12, 20)
        assert "20/12/2026" in found.text.it
        assert "2026-12-20" in found.text.en
