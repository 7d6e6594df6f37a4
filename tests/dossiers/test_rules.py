from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dossiers.rules import (
    AdmissionFacts,
    ConflictKind,
    Degree,
    EvidenceFacts,
    admission_facts,
    conflicts,
    field_faults,
    missing,
    satisfied_paths,
)
from app.schemes.catalogue import catalogue
from app.schemes.fields import JsonScalar

SCHEME = catalogue().version("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
TODAY = date(2026, 11, 20)

FIELDS: Mapping[str, Mapping[str, JsonScalar]] = {
    "cv": {},
    "degree": {
        "title": "Laurea magistrale in Informatica",
        "institution": "Università di Montelago",
        "eqf_level": 7,
        "field": "computer_science",
        "awarded_on": "2019-07-18",
    },
    "training": {"provider": "Accademia", "title": "Reti profonde", "hours": 60, "ended_on": "2024-05-31"},
    "experience": {
        "employer": "Lumastra",
        "role": "Engineer",
        "from": "2022-01-01",
        "to": "2023-12-31",
        "fte_pct": 100,
        "duties": "Modelli",
    },
    "project_sheet": {
        "context": "detto",
        "own_role": "detto",
        "period": "detto",
        "problem": "detto",
        "architecture_choice": "detto",
        "data": "detto",
        "metrics": "detto",
        "deployment": "detto",
        "cost_energy": "detto",
        "risks": "detto",
        "referee": "detto",
    },
    "code_repository": {"url": "https://git.example.org/bench"},
    "model_card": {},
    "ethics_pledge": {},
}


def item(
    kind: str, number: int = 1, *, has_file: bool = True, scan: str = "clean", **fields: JsonScalar
) -> EvidenceFacts:
    return EvidenceFacts(f"{kind}-{number}", kind, {**FIELDS[kind], **fields}, has_file, scan)


COMPLETE = (
    item("cv"),
    item("training"),
    item("experience"),
    item("project_sheet", 1),
    item("project_sheet", 2, context="altro"),
    item("ethics_pledge"),
)


def test_a_complete_dossier_lacks_nothing() -> None:
    assert missing(SCHEME, COMPLETE) == ()


@pytest.mark.parametrize("kind", ["cv", "training", "experience", "project_sheet", "ethics_pledge"])
def test_every_required_kind_of_evidence_is_asked_for(kind: str) -> None:
    rest = [one for one in COMPLETE if one.kind != kind]

    (gap,) = missing(SCHEME, rest)

    assert (gap.kind, gap.code, gap.evidence_id) == (kind, "too-few", None)
    assert "at least" in gap.detail.en
    assert "almeno" in gap.detail.it


def test_an_empty_dossier_lacks_each_required_kind() -> None:
    assert [gap.kind for gap in missing(SCHEME, [])] == [
        "cv",
        "training",
        "experience",
        "project_sheet",
        "ethics_pledge",
    ]


@pytest.mark.parametrize(
    ("extra", "kind", "code"),
    [
        pytest.param(item("cv", 2), "cv", "too-many", id="two CVs"),
        pytest.param(
            item("model_card", has_file=False), "model_card", "file-missing", id="a model card without a file"
        ),
        pytest.param(
            item("training", 2, has_file=False), "training", "file-missing", id="training without proof"
        ),
        pytest.param(
            item("model_card", scan="infected"), "model_card", "file-infected", id="an infected file"
        ),
        pytest.param(
            item("code_repository", scan="infected"),
            "code_repository",
            "file-infected",
            id="an infected extra file",
        ),
        pytest.param(item("training", 2, hours=0), "training", "field-faulty", id="no hours"),
        pytest.param(item("training", 2, hours=None), "training", "field-missing", id="hours left out"),
        pytest.param(item("training", 2, credits=3), "training", "field-unknown", id="a field of its own"),
        pytest.param(
            EvidenceFacts("x", "horoscope", {}, has_file=True, scan="clean"),
            "horoscope",
            "kind-unknown",
            id="a kind of its own",
        ),
    ],
)
def test_one_unfit_item_keeps_the_dossier_from_submission(extra: EvidenceFacts, kind: str, code: str) -> None:
    (gap,) = missing(SCHEME, [*COMPLETE, extra])

    assert (gap.kind, gap.code) == (kind, code)
    assert gap.detail.it
    assert gap.detail.en
    assert gap.evidence_id == (None if code == "too-many" else extra.id)


def test_an_unscanned_file_is_no_gap_and_a_repository_needs_no_file() -> None:
    extra = [item("model_card", scan="unscanned"), item("code_repository", has_file=False)]

    assert missing(SCHEME, [*COMPLETE, *extra]) == ()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("training", "title", "T"),
        pytest.param("training", "title", "t" * 4000, id="4000 characters"),
        ("training", "title", "Reti\nprofonde: così, perché «è»"),
        ("training", "hours", 0.25),
        ("training", "hours", 5000),
        ("training", "ended_on", "2024-02-29"),
        ("experience", "fte_pct", 1),
        ("experience", "fte_pct", 100),
        ("experience", "to", None),
        ("experience", "to", "2022-01-01"),
        ("degree", "eqf_level", 1),
        ("degree", "eqf_level", 8),
        ("degree", "field", "computer_science"),
        ("code_repository", "url", "https://git.example.org:8443/a?b=c#d"),
        ("code_repository", "title", None),
    ],
)
def test_a_field_takes_what_its_kind_says(kind: str, field: str, value: JsonScalar) -> None:
    assert field_faults(SCHEME, kind, {**FIELDS[kind], field: value}) == ()


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("training", "title", ""),
        ("training", "title", "  \n"),
        pytest.param("training", "title", "t" * 4001, id="4001 characters"),
        ("training", "title", 7),
        ("training", "title", True),
        ("training", "title", "nul\x00"),
        ("training", "title", "escape \x1b[2J"),
        ("training", "title", "half \ud800"),
        ("training", "hours", 0),
        ("training", "hours", -1),
        ("training", "hours", 5001),
        ("training", "hours", "40"),
        ("training", "hours", True),
        ("training", "hours", float("nan")),
        ("training", "hours", float("inf")),
        pytest.param("training", "hours", 10**5000, id="hours beyond printing"),
        ("training", "ended_on", "31/05/2024"),
        ("training", "ended_on", "20240531"),
        ("training", "ended_on", "2024-W22-5"),
        ("training", "ended_on", "2023-02-29"),
        ("training", "ended_on", "0001-01-01"),
        ("training", "ended_on", "9999-12-31"),
        ("training", "ended_on", "2024-05-31T00:00:00"),
        ("training", "ended_on", 20240531),
        ("experience", "fte_pct", 0),
        ("experience", "fte_pct", 101),
        ("experience", "fte_pct", 50.0),
        ("experience", "fte_pct", True),
        ("experience", "to", ""),
        ("degree", "eqf_level", 0),
        ("degree", "eqf_level", 9),
        ("degree", "eqf_level", "7"),
        ("degree", "field", "Computer Science"),
        ("code_repository", "url", "http://git.example.org"),
        ("code_repository", "url", "javascript:alert(1)"),
        ("code_repository", "url", "https://"),
        ("code_repository", "url", "https:///path"),
        ("code_repository", "url", "//git.example.org"),
        ("code_repository", "url", "https://me:secret@git.example.org"),
        ("code_repository", "url", "https://git.example.org/ a"),
        ("code_repository", "url", "https://git.example.org:port"),
        ("code_repository", "url", "https://[::1"),
        pytest.param(
            "code_repository", "url", "https://git.example.org/" + "a" * 2000, id="an endless address"
        ),
        ("code_repository", "url", 7),
    ],
)
def test_a_field_takes_nothing_else(kind: str, field: str, value: JsonScalar) -> None:
    (fault,) = field_faults(SCHEME, kind, {**FIELDS[kind], field: value})

    assert (fault.field, fault.code) == (field, "field-faulty")
    assert fault.detail.it
    assert fault.detail.en


@pytest.mark.parametrize("kind", ["degree", "training", "experience", "project_sheet", "code_repository"])
def test_every_required_field_is_asked_for(kind: str) -> None:
    known = SCHEME.evidence_kind(kind)
    assert known is not None

    faults = field_faults(SCHEME, kind, {})

    assert [fault.field for fault in faults] == [field.name for field in known.fields if field.required]
    assert {fault.code for fault in faults} == {"field-missing"}


def test_a_job_does_not_end_before_it_begins() -> None:
    (fault,) = field_faults(SCHEME, "experience", {**FIELDS["experience"], "to": "2021-12-31"})

    assert (fault.field, fault.code) == ("to", "dates-out-of-order")


def test_fields_of_an_unknown_kind_are_not_judged() -> None:
    (fault,) = field_faults(SCHEME, "horoscope", {"sign": "leo"})

    assert fault.code == "kind-unknown"


def job(began: str, ended: str | None, load: int = 100) -> EvidenceFacts:
    fields: dict[str, JsonScalar] = {"from": began, "to": ended, "fte_pct": load}
    return EvidenceFacts("e", "experience", {**FIELDS["experience"], **fields}, has_file=True, scan="clean")


@pytest.mark.parametrize(
    ("jobs", "months"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([job("2022-01-01", "2023-12-31")], 24, id="two calendar years"),
        pytest.param([job("2022-02-10", "2024-02-09")], 24, id="two years across a leap day"),
        pytest.param([job("2022-01-15", "2022-02-14")], 1, id="a month from mid to mid"),
        pytest.param([job("2022-01-31", "2022-02-27")], 1, id="a month that February cuts short"),
        pytest.param([job("2022-02-01", "2022-02-14")], Fraction(1, 2), id="half a month"),
        pytest.param([job("2022-02-01", "2022-02-01")], Fraction(1, 28), id="a day"),
        pytest.param([job("2022-01-01", "2023-12-31", 50)], 12, id="half time"),
        pytest.param(
            [job("2022-01-01", "2022-06-15"), job("2022-06-16", "2023-12-31")],
            24,
            id="changing jobs mid-month",
        ),
        pytest.param(
            [job("2022-01-01", "2022-12-31"), job("2023-03-01", "2023-12-31")], 22, id="a gap between"
        ),
        pytest.param(
            [job("2022-01-01", "2023-12-31"), job("2022-01-01", "2023-12-31")], 24, id="the same twice"
        ),
        pytest.param(
            [job("2022-01-01", "2023-12-31"), job("2022-07-01", "2024-06-30", 80)],
            24 + Fraction(6 * 80, 100),
            id="a second job beside a full one",
        ),
        pytest.param(
            [job("2022-01-01", "2022-12-31", 50), job("2022-01-01", "2022-12-31", 30)],
            Fraction(12 * 80, 100),
            id="two part-time jobs add up",
        ),
        pytest.param(
            [job("2022-01-01", "2022-12-31", 60), job("2022-01-01", "2022-12-31", 70)],
            12,
            id="but not beyond full time",
        ),
        pytest.param([job("2025-11-21", None)], 12, id="going on, until today"),
        pytest.param([job("2025-11-21", "2030-01-01")], 12, id="days to come do not count"),
        pytest.param([job("2026-11-21", None)], 0, id="not yet begun"),
        pytest.param([job("2026-11-20", None)], Fraction(1, 30), id="begun today"),
    ],
)
def test_experience_is_the_union_of_work_by_the_calendar(
    jobs: list[EvidenceFacts], months: Fraction | int
) -> None:
    assert admission_facts(SCHEME, jobs, TODAY).experience_months == months


days = st.dates(date(2015, 1, 1), date(2026, 12, 31))


@given(
    spells=st.lists(st.tuples(days, st.integers(0, 2000), st.integers(1, 100)), max_size=6),
    more=st.tuples(days, st.integers(0, 2000), st.integers(1, 100)),
)
def test_no_set_of_jobs_makes_more_than_the_time_there_was(
    spells: list[tuple[date, int, int]], more: tuple[date, int, int]
) -> None:
    def jobs(given: list[tuple[date, int, int]]) -> list[EvidenceFacts]:
        return [job(str(day), str(day + timedelta(days=length)), load) for day, length, load in given]

    worked = admission_facts(SCHEME, jobs(spells), TODAY).experience_months
    with_more = admission_facts(SCHEME, jobs([*spells, more]), TODAY).experience_months

    assert worked >= 0
    assert with_more <= 12 * 12
    # A month has 28 to 31 days, so splitting a stretch can shift a day's worth by a few per cent.
    assert with_more >= worked - Fraction(1, 2)


def test_facts_add_up_what_the_evidence_shows() -> None:
    evidence = [
        item("degree"),
        item("degree", 2, eqf_level=8, field="law"),
        item("training", 1),
        item("training", 2, title="Quantizzazione", hours=16.5),
        item("experience"),
        item("project_sheet", 1),
        item("project_sheet", 2, context="altro"),
    ]

    facts = admission_facts(SCHEME, evidence, TODAY)

    assert facts.degrees == (Degree(7, "computer_science"), Degree(8, "law"))
    assert facts.highest_degree == Degree(8, "law")
    assert facts.dl_training_hours == Decimal("76.5")
    assert facts.experience_months == 24
    assert facts.project_sheets == 2


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param(item("training", 2, title="altro", hours=-5), id="faulty"),
        pytest.param(item("training", 2, title="altro", scan="infected"), id="infected"),
        pytest.param(item("training", 2, title="altro", ended_on="2026-11-21"), id="not yet over"),
        pytest.param(item("training", 2), id="the same course again"),
        pytest.param(item("degree", awarded_on="2026-11-21"), id="a degree to come"),
        pytest.param(EvidenceFacts("x", "horoscope", {}, has_file=True, scan="clean"), id="of no known kind"),
    ],
)
def test_what_proves_nothing_counts_for_nothing(useless: EvidenceFacts) -> None:
    assert admission_facts(SCHEME, [*COMPLETE, useless], TODAY) == admission_facts(SCHEME, COMPLETE, TODAY)


def test_what_ended_today_counts() -> None:
    evidence = [item("training", ended_on="2026-11-20"), item("degree", awarded_on="2026-11-20")]

    facts = admission_facts(SCHEME, evidence, TODAY)

    assert facts.dl_training_hours == 60
    assert facts.highest_degree == Degree(7, "computer_science")


def test_without_degrees_there_is_no_highest_one() -> None:
    assert admission_facts(SCHEME, [], TODAY).highest_degree is None


NOTHING = AdmissionFacts((), Decimal(0), Fraction(0), 0)
PATH_A = AdmissionFacts((Degree(7, "physics"),), Decimal(40), Fraction(24), 2)
PATH_B = AdmissionFacts((Degree(6, "philosophy"),), Decimal(60), Fraction(48), 2)
PATH_C = AdmissionFacts((), Decimal(80), Fraction(72), 3)
LITTLE = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("facts", "paths"),
    [
        pytest.param(NOTHING, (), id="nothing"),
        pytest.param(PATH_A, ("A",), id="A"),
        pytest.param(replace(PATH_A, degrees=(Degree(8, "mathematics"),)), ("A",), id="A with a doctorate"),
        pytest.param(replace(PATH_A, degrees=(Degree(7, "law"),)), (), id="not A: another field"),
        pytest.param(replace(PATH_A, degrees=(Degree(6, "physics"),)), (), id="not A: a lower degree"),
        pytest.param(
            replace(PATH_A, degrees=(Degree(8, "law"), Degree(6, "physics"))),
            (),
            id="not A: level and field of two degrees",
        ),
        pytest.param(
            replace(PATH_A, degrees=(Degree(8, "law"), Degree(7, "physics"))),
            ("A",),
            id="A by the lower of two degrees",
        ),
        pytest.param(replace(PATH_A, dl_training_hours=Decimal("39.75")), (), id="not A: an hour short"),
        pytest.param(replace(PATH_A, experience_months=24 - LITTLE), (), id="not A: a day short"),
        pytest.param(PATH_B, ("B",), id="B with any field"),
        pytest.param(replace(PATH_B, degrees=(Degree(5, "physics"),)), (), id="not B: a lower degree"),
        pytest.param(replace(PATH_B, experience_months=48 - LITTLE), (), id="not B: a day short"),
        pytest.param(PATH_C, ("C",), id="C without a degree"),
        pytest.param(replace(PATH_C, project_sheets=2), (), id="not C: a sheet short"),
        pytest.param(replace(PATH_C, dl_training_hours=Decimal("79.99")), (), id="not C: an hour short"),
        pytest.param(replace(PATH_C, degrees=(Degree(7, "engineering"),)), ("A", "B", "C"), id="all three"),
    ],
)
def test_any_one_path_admits_and_every_condition_of_it_must_hold(
    facts: AdmissionFacts, paths: tuple[str, ...]
) -> None:
    assert satisfied_paths(SCHEME, facts) == paths


@pytest.mark.parametrize(
    ("kind", "ended_on", "is_conflict"),
    [
        ("none", None, False),
        ("none", "2026-11-19", False),
        ("employment", None, True),
        ("employment", "2026-11-19", True),
        ("employment", "2025-11-20", True),
        ("employment", "2025-11-19", False),
        ("collaboration", "2022-11-20", True),
        ("collaboration", "2022-11-19", False),
        ("training_given", "2024-11-20", True),
        ("training_given", "2024-11-19", False),
        ("training_given", None, True),
        ("family", None, True),
        ("family", "1980-01-01", True),
        ("other", None, True),
        ("other", "1980-01-01", True),
        ("employment", "2027-01-01", True),
    ],
)
def test_a_tie_keeps_away_for_as_long_as_the_scheme_looks_back(
    kind: str, ended_on: str | None, *, is_conflict: bool
) -> None:
    ended = date.fromisoformat(ended_on) if ended_on else None

    assert conflicts(SCHEME, ConflictKind(kind), ended, TODAY) is is_conflict


@pytest.mark.parametrize(
    ("on", "is_conflict"),
    [("2025-02-28", True), ("2025-03-01", False)],
    ids=["the last day, clamped", "the day after"],
)
def test_looking_back_from_the_end_of_february_is_clamped(on: str, *, is_conflict: bool) -> None:
    ended = date(2024, 2, 28)

    assert conflicts(SCHEME, ConflictKind.EMPLOYMENT, ended, date.fromisoformat(on)) is is_conflict
