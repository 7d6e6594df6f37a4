# ruff: noqa: RUF001 - the sentences expected are printed ones
"""Six real bodies and ourselves: worked examples of each set of rules, checked by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml

from app.core.labels import Labels
from app.renewal import words
from app.renewal.rules import Cycle, Exemption, Ledger, evaluate
from app.renewal.ruleset import Model, RuleSet, YearBasis
from app.schemes.catalogue import catalogue
from app.schemes.reader import read
from tests.renewal.sets import FILE, activity, cycle, rule_sets, translated
from tests.schemes.written import PACKAGED, changed

SETS = rule_sets()
SHIPPED = RuleSet.of_scheme(catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0"))
BEGINS, ENDS = date(2027, 1, 1), date(2029, 12, 31)


def gaps(ledger: Ledger) -> dict[tuple[str, str], Decimal]:
    return {(gap.code, gap.what): gap.missing for gap in ledger.gaps}


def buckets(ledger: Ledger) -> dict[str, Decimal]:
    return {bucket.id: bucket.counted for bucket in (*ledger.categories, *ledger.topics)}


def three_years(rules: RuleSet) -> Cycle:
    return cycle(rules, BEGINS, ENDS)


# pmi_pmp: 60 PDU, 35 at least of education, 25 at most of giving back, 8 on each side of the triangle


def test_a_project_manager_needs_education_on_every_side() -> None:
    rules = SETS["pmi_pmp"]
    ledger = evaluate(
        rules,
        [
            activity("a", 20, "education", on=date(2027, 5, 3), ways_of_working=8, power_skills=4),
            activity("b", "15.5", "education", on=date(2028, 5, 3), power_skills=4, business_acumen="7.75"),
            activity("c", 30, "giving_back", on=date(2029, 5, 3)),
        ],
        cycle=three_years(rules),
        as_of=date(2029, 6, 1),
    )

    assert buckets(ledger) == {
        "education": Decimal("35.5"),
        "giving_back": Decimal(25),
        "ways_of_working": Decimal(8),
        "power_skills": Decimal(8),
        "business_acumen": Decimal("7.75"),
    }
    assert ledger.counted == Decimal("60.5")
    assert gaps(ledger) == {("topic", "business_acumen"): Decimal("0.25")}
    assert ledger.gaps[0].words == Labels(
        it="Mancano 0,25 PDU sul tema «business acumen»: da fare e da registrare entro il 31 dicembre 2029.",
        en="0.25 PDU are missing on the topic “business acumen”: "
        "to be earned and claimed by 31 December 2029.",
    )


def test_a_project_manager_takes_at_most_twenty_along_and_only_of_the_last_year() -> None:
    rules = SETS["pmi_pmp"]
    early = activity("a", 50, "education", on=date(2028, 12, 31), ways_of_working=10, power_skills=10)
    ledger = evaluate(
        rules,
        [early, activity("b", "34.3", "education", on=date(2029, 1, 1), business_acumen=8)],
        cycle=three_years(rules),
        as_of=ENDS,
    )

    assert ledger.satisfied
    assert ledger.counted == Decimal("84.25")
    assert ledger.carry_over == 20


# isaca_cisa: 120 hours, and 20 of them in each year


def test_an_auditor_needs_twenty_hours_in_each_year() -> None:
    rules = SETS["isaca_cisa"]
    ledger = evaluate(
        rules,
        [
            activity("a", 60, "whatever", on=date(2027, 12, 31)),
            activity("b", "19.5", "whatever", on=date(2028, 1, 1)),
            activity("c", 60, "whatever", on=date(2029, 1, 1)),
        ],
        cycle=three_years(rules),
        as_of=date(2029, 6, 1),
    )

    assert ledger.counted == Decimal("139.5")
    assert [year.counted for year in ledger.years] == [Decimal(60), Decimal("19.5"), Decimal(60)]
    assert gaps(ledger) == {("year-over", "2"): Decimal("0.5")}
    assert ledger.gaps[0].words == Labels(
        it="Mancano 0,5 CPE hour nell’anno dal 1º gennaio 2028 al 31 dicembre 2028, che è finito: "
        "valgono ancora solo attività di quell’anno, da registrare entro il 31 dicembre 2029.",
        en="0.5 CPE hour are missing in the year from 1 January 2028 to 31 December 2028, which is over: "
        "only activities of that year can still count, to be claimed by 31 December 2029.",
    )
    assert ledger.carry_over == 0


# isc2_cissp: 120 credits, 90 at least of A and 30 at most of B; 90 days to claim what was earned in time


def test_a_security_professional_may_claim_after_the_end_what_was_earned_before_it() -> None:
    rules = SETS["isc2_cissp"]
    given = [
        activity("a", 90, "A", on=date(2029, 12, 31), claimed_on=date(2030, 3, 31)),
        activity("b", 10, "A", on=date(2029, 12, 31), claimed_on=date(2030, 4, 1), title="x"),
        activity("c", 10, "A", on=date(2030, 1, 1), claimed_on=date(2030, 3, 31)),
        activity("d", 40, "B", on=date(2029, 1, 1)),
    ]
    ledger = evaluate(rules, given, cycle=three_years(rules), as_of=date(2030, 4, 1))

    assert ledger.submitted_by == date(2030, 3, 31)
    assert {line.activity: [d.code for d in line.differences] for line in ledger.lines} == {
        "a": [],
        "b": ["submitted-too-late"],
        "c": ["earned-too-late"],
        "d": ["category-cap"],
    }
    assert ledger.counted == 120
    assert ledger.satisfied


def test_a_security_professional_takes_only_late_credits_of_group_a_along() -> None:
    rules = SETS["isc2_cissp"]
    given = [
        activity("a", 100, "A", on=date(2029, 6, 30)),
        activity("b", 25, "A", on=date(2029, 7, 1)),
        activity("c", 30, "B", on=date(2029, 12, 1)),
    ]
    ledger = evaluate(rules, given, cycle=three_years(rules), as_of=ENDS)

    assert ledger.counted == 155
    assert ledger.carry_over == 25
    following = evaluate(
        rules,
        [],
        cycle=cycle(rules, date(2030, 1, 1), date(2032, 12, 31)),
        as_of=date(2030, 1, 1),
        carried=ledger.carry_over,
    )
    assert gaps(following) == {("total", "total"): Decimal(95), ("category", "A"): Decimal(90)}


# cni_engineer: an account that opens with 60, loses 30 each 31 December, holds 120 and must hold 30


def engineer(begins: date, as_of: date, *given: Any) -> Ledger:
    rules = SETS["cni_engineer"]
    return evaluate(
        rules,
        given,
        cycle=Cycle(begins, date(2040, 12, 31), date(2040, 12, 31), date(2041, 3, 31)),
        as_of=as_of,
    )


@pytest.mark.parametrize(
    ("begins", "as_of", "balance", "next_debit"),
    [
        pytest.param(date(2027, 6, 30), date(2027, 12, 30), 60, 30, id="opened with sixty"),
        pytest.param(date(2027, 6, 30), date(2027, 12, 31), 30, 30, id="begun in the first half"),
        pytest.param(date(2027, 7, 1), date(2027, 12, 31), 45, 30, id="begun in the second half"),
        pytest.param(date(2027, 7, 1), date(2027, 8, 1), 60, 15, id="half of a debit ahead"),
        pytest.param(date(2027, 7, 1), date(2028, 12, 31), 15, 30, id="two debits"),
        pytest.param(date(2027, 7, 1), date(2031, 1, 1), 0, 30, id="nobody ends up owing"),
    ],
)
def test_an_engineers_balance_falls_every_31_december(
    begins: date, as_of: date, balance: int, next_debit: int
) -> None:
    ledger = engineer(begins, as_of)

    assert ledger.account is not None
    assert ledger.account.balance == balance
    assert ledger.account.next_debit == next_debit
    assert ledger.account.next_debit_on.month == 12
    assert ledger.account.next_debit_on > as_of
    assert ledger.satisfied is (balance >= 30)


def test_an_engineer_is_warned_of_a_debit_before_it_takes_away_the_right_to_practise() -> None:
    ledger = engineer(date(2027, 7, 1), date(2028, 3, 1))

    assert ledger.satisfied
    assert gaps(ledger) == {("balance-after-debit", "balance-after-debit"): Decimal(15)}
    assert ledger.gaps[0].due == date(2028, 12, 31)
    assert ledger.gaps[0].words == Labels(
        it="Mancano 15 CFP al saldo, da fare entro il 31 dicembre 2028: quel giorno scende di 30 CFP, "
        "da 45 CFP, e deve restare almeno di 30 CFP.",
        en="15 CFP are missing in the balance, to be earned by 31 December 2028: "
        "that day it falls by 30 CFP, from 45 CFP, and must stay at 30 CFP or more.",
    )


def test_an_engineer_below_thirty_may_not_practise_and_hears_what_is_missing() -> None:
    ledger = engineer(date(2027, 7, 1), date(2029, 1, 1))

    assert not ledger.satisfied
    assert gaps(ledger) == {("balance", "balance"): Decimal(15)}
    assert ledger.gaps[0].words == Labels(
        it="Mancano 15 CFP al saldo, da fare al più presto: è di 15 CFP, deve essere almeno di 30 CFP, "
        "e il 31 dicembre 2029 scende ancora di 30 CFP.",
        en="15 CFP are missing in the balance, to be earned as soon as possible: it is 15 CFP, "
        "must be 30 CFP or more, and falls by another 30 CFP on 31 December 2029.",
    )


def test_an_engineers_account_takes_no_more_than_its_cap() -> None:
    ledger = engineer(
        date(2027, 1, 1),
        date(2028, 6, 1),
        activity("a", 50, on=date(2027, 3, 1)),
        activity("b", 50, on=date(2027, 12, 31)),
        activity("c", 40, on=date(2028, 1, 1)),
    )

    # 60 + 50 + 10 of 50 = 120; less 30; and 30 of 40 again.
    assert [line.counted for line in ledger.lines] == [50, 10, 30]
    assert [d.code for line in ledger.lines for d in line.differences] == ["balance-cap", "balance-cap"]
    assert ledger.account is not None
    assert ledger.account.balance == 120
    assert ledger.lines[1].differences[0].words.it == "Il saldo arriva al massimo a 120 CFP."


@pytest.mark.parametrize(
    ("claimed_on", "counted", "codes"),
    [
        pytest.param(date(2027, 12, 31), 0, ["self-declared-too-early"], id="before the window"),
        pytest.param(date(2028, 1, 1), 15, ["self-declared-cap"], id="on its first day"),
        pytest.param(date(2028, 3, 31), 15, ["self-declared-cap"], id="on its last day"),
        pytest.param(date(2028, 4, 1), 0, ["self-declared-too-late"], id="never late"),
    ],
)
def test_an_engineer_declares_fifteen_a_year_in_the_window_after_it(
    claimed_on: date, counted: int, codes: list[str]
) -> None:
    said = activity("a", 20, on=date(2027, 11, 1), claimed_on=claimed_on, self_declared=True)
    next_year = activity("b", 15, on=date(2028, 11, 1), claimed_on=date(2029, 2, 1), self_declared=True)

    ledger = engineer(date(2027, 1, 1), date(2029, 3, 1), said, next_year)

    assert [line.counted for line in ledger.lines] == [counted, 15]
    assert [d.code for d in ledger.lines[0].differences] == codes


# aica_ecfplus: 60 in all, 20 of work and 20 of training


def test_a_digital_professional_needs_both_work_and_training() -> None:
    rules = SETS["aica_ecfplus"]
    ledger = evaluate(
        rules,
        [
            activity("a", 45, "work", on=date(2028, 2, 29)),
            activity("b", 15, "training", on=date(2029, 2, 28)),
        ],
        cycle=three_years(rules),
        as_of=date(2029, 12, 31),
    )

    assert ledger.counted == ledger.required == 60
    assert gaps(ledger) == {("category", "training"): Decimal(5)}


# cndcec: 90 in a fixed triennium, 20 in each calendar year, 9 of mandatory subjects; less from 65 on


def test_an_accountant_is_asked_by_the_calendar_year() -> None:
    rules = SETS["cndcec"]
    given = [
        activity("a", 40, on=date(2027, 12, 31), mandatory=3),
        activity("b", 30, on=date(2028, 12, 31), mandatory=3),
        activity("c", 20, on=date(2029, 12, 31), mandatory=2),
    ]
    ledger = evaluate(rules, given, cycle=three_years(rules), as_of=ENDS)

    assert {year.number: year.counted for year in ledger.years} == {2027: 40, 2028: 30, 2029: 20}
    assert gaps(ledger) == {("topic", "mandatory"): Decimal(1)}
    assert ledger.gaps[0].words.it.startswith("Manca 1 CFP sul tema «mandatory»: ")


def test_an_accountant_past_65_is_asked_for_less() -> None:
    rules = SETS["cndcec_65_plus"]
    given = [activity(str(year), 10, on=date(year, 5, 1), mandatory=3) for year in (2027, 2028, 2029)]

    assert evaluate(rules, given, cycle=three_years(rules), as_of=ENDS).satisfied
    assert not evaluate(SETS["cndcec"], given, cycle=three_years(rules), as_of=ENDS).satisfied


def test_an_accountant_on_leave_is_asked_for_less_and_for_the_mandatory_subjects_all_the_same() -> None:
    rules = SETS["cndcec"]
    ledger = evaluate(
        rules, [], cycle=three_years(rules), as_of=BEGINS, exemptions=[Exemption("maternity", 33)]
    )

    # 67 % of 90 and of 20.
    assert ledger.required == Decimal("60.3")
    assert [year.min for year in ledger.years] == [Decimal("13.4")] * 3
    assert [bucket.min for bucket in ledger.topics] == [9]


# proposed: our own


def test_our_own_rules_are_the_ones_that_were_proposed() -> None:
    proposed = SETS["proposed"]

    for part in (
        "unit",
        "granularity",
        "model",
        "cycle",
        "min_total",
        "min_per_year",
        "year_basis",
        "carry_over",
        "submitted_within",
    ):
        assert getattr(SHIPPED, part) == getattr(proposed, part), part
    assert [(c.id, c.min, c.max) for c in SHIPPED.categories] == [
        (c.id, c.min, c.max) for c in proposed.categories
    ]
    assert [(t.id, t.min) for t in SHIPPED.topics] == [(t.id, t.min) for t in proposed.topics]


@pytest.mark.parametrize("rules", [SETS["proposed"], SHIPPED], ids=["proposed", "shipped"])
def test_three_years_of_an_ordinary_member(rules: RuleSet) -> None:
    begins, ends = date(2026, 11, 20), date(2029, 11, 20)
    given = [
        activity("a", 24, "learning", on=date(2027, 3, 12), days=3, responsible_ai=4),
        activity("b", 20, "practice", on=date(2028, 2, 29), days=10, sustainability=2),
        activity("c", 20, "practice", on=date(2028, 9, 29), days=10),
        activity("d", 10, "self_study", on=date(2029, 1, 31), days=30, responsible_ai=2),
        activity("e", 24, "learning", on=date(2029, 11, 20), days=3, claimed_on=date(2030, 2, 18)),
    ]
    ledger = evaluate(rules, given, cycle=cycle(rules, begins, ends), as_of=date(2030, 2, 18))

    assert {line.activity: line.counted for line in ledger.lines} == {
        "a": 24,
        "b": 20,
        "c": 10,
        "d": 10,
        "e": 24,
    }
    assert buckets(ledger) == {
        "learning": 48,
        "practice": 30,
        "contribution": 0,
        "self_study": 10,
        "responsible_ai": 6,
        "sustainability": 2,
    }
    assert gaps(ledger) == {("total", "total"): Decimal(2)}
    assert ledger.carry_over == 0
    brought = evaluate(
        rules, given, cycle=cycle(rules, begins, ends), as_of=date(2030, 2, 18), carried=Decimal(2)
    )
    assert brought.satisfied
    assert brought.counted == 88


def test_the_scheme_says_the_rest_of_the_rules() -> None:
    assert SHIPPED.per_activity_max == 40
    assert SHIPPED.per_day_max == 8
    assert SHIPPED.no_double_count
    assert SHIPPED.max_reduction_pct == 50
    assert SHIPPED.model is Model.CYCLE
    assert SHIPPED.year_basis is YearBasis.ANNIVERSARY
    assert SHIPPED.categories[0].label.it == "Corsi, convegni, studio strutturato con attestazione"
    assert [topic.label.it for topic in SHIPPED.topics] == [
        "IA responsabile",
        "sostenibilità",
    ]
    assert [topic.label.en for topic in SHIPPED.topics] == ["responsible AI", "sustainability"]


def test_a_topic_without_words_is_named_by_its_id_and_its_competences() -> None:
    scheme = read(changed("cpd.topics.sustainability.id", "human_oversight"))

    (label,) = (topic.label for topic in RuleSet.of_scheme(scheme).topics if topic.id == "human_oversight")
    assert label == Labels(it="human oversight (C2)", en="human oversight (C2)")
    assert words.topic("human_oversight", ()) == Labels(it="human oversight", en="human oversight")


def test_a_scheme_that_grants_no_days_after_the_end_gives_none() -> None:
    strict = RuleSet.of_scheme(read(changed("renewal.submitted_by", "valid_until")))

    assert strict.submitted_within.after(ENDS) == ENDS


# I35: an evaluation is pinned to the rules it was made by


def test_i35_the_digest_changes_with_every_rule_and_with_nothing_else() -> None:
    assert RuleSet.of_scheme(read(PACKAGED)).digest == SHIPPED.digest
    assert replace(SHIPPED, min_total=Decimal("90.00")).digest == SHIPPED.digest
    others = {
        replace(SHIPPED, min_total=Decimal(91)).digest,
        replace(SHIPPED, per_day_max=None).digest,
        replace(SHIPPED, topics=SHIPPED.topics[:1]).digest,
        replace(SHIPPED, categories=SHIPPED.categories[::-1]).digest,
        replace(SHIPPED, id="another").digest,
        *(rules.digest for rules in SETS.values()),
    }
    assert len(others) == 5 + len(SETS)
    assert SHIPPED.digest not in others
    assert all(len(digest) == 64 for digest in others)


# The translation is strict


def sets_as_given() -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return given


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        pytest.param("proposed", {"max_per_week": 10}, id="a key"),
        pytest.param("proposed", {"carry_over": {"max": 10, "after": 1}}, id="a key of the carry-over"),
        pytest.param("proposed", {"categories": {"learning": {"least": 36}}}, id="a key of a category"),
        pytest.param("proposed", {"topics": {"responsible_ai": {"min": 6, "max": 9}}}, id="a key of a topic"),
        pytest.param("proposed", {"submitted_by": "whenever"}, id="another day to claim by"),
        pytest.param("proposed", {"earned_by": "grace_end"}, id="another day to earn by"),
        pytest.param("proposed", {"model": "points"}, id="another model"),
        pytest.param("cndcec", {"age_65_plus": {"topics": 3}}, id="a key for older members"),
        pytest.param(
            "cni_engineer",
            {"self_declared": {"credits": 15, "window": ["01-01", "03-31"], "late": "halved"}},
            id="something else for the late",
        ),
    ],
)
def test_what_is_not_understood_of_a_set_is_an_error(name: str, unknown: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"understood|hours are earned|late ones|is not a valid"):
        translated(name, {**sets_as_given()[name], **unknown})


def test_the_file_holds_six_bodies_and_ours() -> None:
    assert list(sets_as_given()) == [
        "pmi_pmp",
        "isaca_cisa",
        "isc2_cissp",
        "cni_engineer",
        "aica_ecfplus",
        "cndcec",
        "proposed",
    ]
