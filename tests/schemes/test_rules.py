from typing import Any

import pytest

from app.schemes.errors import SchemeInvalid
from app.schemes.reader import read
from app.schemes.rules import printed
from tests.schemes.written import PACKAGED, changed, content, without, written


def repeated(place: str) -> str:
    """Write the scheme with the first item of a list standing there twice."""
    scheme = content()
    items: Any = scheme
    for step in place.split("."):
        items = items[step]
    items.append(items[0])
    return written(scheme)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param(
            changed("assessment.criteria.K1.weight", 16),
            "assessment.criteria: the weights sum to 101, not to 100",
            id="weights",
        ),
        pytest.param(
            changed("assessment.criteria.K4.covers", ["R4"]),
            "T7: no criterion covers it",
            id="a competence nobody scores",
        ),
        pytest.param(
            changed("assessment.criteria.K2.covers", []),
            "R2: no criterion covers it",
            id="a responsibility nobody scores",
        ),
        pytest.param(
            changed("assessment.criteria.K2.covers", ["R2", "R9"]),
            "assessment.criteria.K2.covers: there is no R9",
            id="covering what is not there",
        ),
        pytest.param(
            changed("assessment.outcome.passing.critical_min", 4.5),
            "assessment.outcome.passing.critical_min: 4.5 is not a score of the scale",
            id="a threshold above the scale",
        ),
        pytest.param(
            changed("assessment.outcome.passing.noncritical_min", 1.75),
            "assessment.outcome.passing.noncritical_min: 1.75 is not a score of the scale",
            id="a threshold between steps",
        ),
        pytest.param(
            changed("assessment.scoring.comment_required_below", 5),
            "assessment.scoring.comment_required_below: 5 is not a score of the scale",
            id="a comment threshold above the scale",
        ),
        pytest.param(
            changed("assessment.outcome.passing.noncritical_exceptions_max", 5),
            "assessment.outcome.passing.noncritical_exceptions_max: there are only 4 such criteria",
            id="more exceptions than criteria",
        ),
        pytest.param(
            changed("assessment.outcome.passing.total_min", 70),
            "assessment.outcome.interview.total_max_excl: the band must end where passing.total_min begins",
            id="totals that belong nowhere",
        ),
        pytest.param(
            changed("assessment.outcome.interview.total_min", 66),
            "assessment.outcome.interview: total_min is above total_max_excl",
            id="an interview band upside down",
        ),
        pytest.param(
            changed("assessment.scale.max", 3), "assessment.scale: runs from 0", id="an inexact scale"
        ),
        pytest.param(
            changed("assessment.scale.min", 1), "assessment.scale: runs from 0", id="a scale that starts late"
        ),
        pytest.param(
            changed("assessment.scale.step", 0.3), "assessment.scale: runs from 0", id="an inexact step"
        ),
        pytest.param(
            changed("assessment.scale.anchors.4.score", 6),
            "assessment.scale.anchors.6: 6 is not a score of the scale",
            id="words for a score that does not exist",
        ),
        pytest.param(
            repeated("evidence_kinds"), "evidence_kinds: cv stands here twice", id="an evidence kind twice"
        ),
        pytest.param(
            changed("competences.technical.T1.id", "R1"),
            "responsibilities and competences: R1 stands here twice",
            id="a competence named as a responsibility",
        ),
        pytest.param(repeated("files.types"), "files.types: pdf stands here twice", id="a file type twice"),
        pytest.param(
            changed("credential_claims.frameworks.e_cf", ["A.6", "B.1", " a.6"]),
            "credential_claims.frameworks.e_cf: a.6 stands here twice",
            id="a code of the e-CF under two labels",
        ),
        pytest.param(
            changed("credential_claims.frameworks.esco", ["http://data.europa.eu/esco/skill/1"] * 2),
            "credential_claims.frameworks.esco: http://data.europa.eu/esco/skill/1 stands here twice",
            id="a skill twice",
        ),
        pytest.param(repeated("admission.paths"), "admission.paths: A stands here twice", id="a path twice"),
        pytest.param(
            repeated("cpd.topics"), "cpd.topics: responsible_ai stands here twice", id="a topic twice"
        ),
        pytest.param(
            changed("evidence_kinds.degree.fields.institution.name", "title"),
            "evidence_kinds.degree.fields: title stands here twice",
            id="a field twice",
        ),
        pytest.param(
            changed("evidence_kinds.cv.min_items", 2),
            "evidence_kinds.cv: min_items is above max_items",
            id="too few allowed",
        ),
        pytest.param(
            changed("files.types", []), "files.types: no file could be handed in", id="no file types"
        ),
        pytest.param(
            changed("files.max_mb", 201), "files: max_mb is above total_mb", id="a file larger than all"
        ),
        pytest.param(
            changed("admission.paths.C.project_sheets_min", 9),
            "admission.paths.C.project_sheets_min: a dossier holds at most 8",
            id="more project sheets than a dossier holds",
        ),
        pytest.param(
            changed("admission.paths.C.degree_fields", ["physics"]),
            "admission.paths.C.degree_fields: no degree is asked for",
            id="a field of no degree",
        ),
        pytest.param(
            changed("evidence_kinds.training.fields.hours.kind", "text"),
            "evidence_kinds.training: admission counts its field hours, of kind hours",
            id="hours that cannot be counted",
        ),
        pytest.param(
            without("evidence_kinds.experience.fields.fte_pct"),
            "evidence_kinds.experience: admission counts its field fte_pct, of kind percent",
            id="experience that cannot be counted",
        ),
        pytest.param(
            changed("decision.outcomes", ["grant", "refuse"]),
            "decision.outcomes: a committee grants, refuses or defers",
            id="no way to defer",
        ),
        pytest.param(
            changed("decision.reasons_required", ["refuse"]),
            "decision.reasons_required: whoever is refused or deferred is told why",
            id="deferred without reasons",
        ),
        pytest.param(
            changed("validity.timezone", "Europe/Roma"),
            "validity.timezone: there is no time zone 'Europe/Roma'",
            id="an unknown time zone",
        ),
        pytest.param(
            changed("validity.timezone", "../etc/passwd"),
            "validity.timezone: there is no time zone",
            id="a time zone that is a path",
        ),
        pytest.param(
            changed("validity.period", "P36M"),
            "validity.period: a credential holds for whole years",
            id="a validity in months",
        ),
        pytest.param(
            changed("validity.period", "P3Y6M"),
            "validity.period: a credential holds for whole years",
            id="a validity with months",
        ),
        pytest.param(
            changed("cpd.cycle", "P3Y1D"), "cpd.cycle: a cycle lasts whole years", id="a cycle with days"
        ),
        pytest.param(
            changed("cpd.categories.learning.min", 91),
            "cpd.categories: the minima sum to 91, above min_total 90",
            id="category minima above the total",
        ),
        pytest.param(
            changed("cpd.categories.learning.max", 11),
            "cpd.categories: the maxima sum to 89, below min_total 90",
            id="category maxima below the total",
        ),
        pytest.param(
            changed("cpd.categories.practice.min", 31),
            "cpd.categories.practice: min is above max",
            id="a category upside down",
        ),
        pytest.param(
            changed("cpd.min_per_year", 30.5),
            "cpd.min_per_year: over the cycle it comes to more than min_total 90",
            id="yearly minima above the total",
        ),
        pytest.param(
            changed("cpd.topics.sustainability.covers", ["C9"]),
            "cpd.topics.sustainability.covers: there is no C9",
            id="a topic about nothing",
        ),
        pytest.param(
            changed("cpd.topics.sustainability.min", 85),
            "cpd.topics: the minima come to more than min_total",
            id="topic minima above the total",
        ),
        pytest.param(
            changed("cpd.carry_over.categories", ["sports"]),
            "cpd.carry_over.categories: there is no sports",
            id="carrying over what is not there",
        ),
        pytest.param(
            changed("cpd.carry_over.max", 91),
            "cpd.carry_over.max: is above min_total",
            id="carrying over everything",
        ),
        pytest.param(
            changed("cpd.cycle", "P18M"), "cpd.cycle: a cycle lasts whole years", id="a cycle in months"
        ),
        pytest.param(
            changed("cpd.granularity", 0), "cpd.granularity: hours are counted in some unit", id="no unit"
        ),
    ],
)
def test_a_scheme_that_breaks_a_rule_is_refused_at_its_place(text: str, fault: str) -> None:
    with pytest.raises(SchemeInvalid) as refused:
        read(text)

    assert any(found.startswith(fault) for found in refused.value.faults), refused.value.faults


def test_a_scheme_may_go_as_far_as_its_limits() -> None:
    scheme = content()
    scheme["assessment"]["outcome"]["passing"]["noncritical_exceptions_max"] = 4
    scheme["assessment"]["outcome"]["interview"]["total_min"] = 65
    scheme["files"]["max_mb"] = scheme["files"]["total_mb"]
    scheme["admission"]["paths"][2]["project_sheets_min"] = 8
    scheme["cpd"]["min_per_year"] = 30
    scheme["cpd"]["carry_over"]["max"] = 90
    scheme["cpd"]["topics"][0]["min"] = 88
    limits = {"learning": 36, "practice": 30, "contribution": 20, "self_study": 4}
    for category in scheme["cpd"]["categories"]:
        category["min"] = category["max"] = limits[category["id"]]

    assert sum(limits.values()) == read(written(scheme)).cpd.min_total


def test_a_limited_category_beside_unlimited_ones_is_no_fault() -> None:
    scheme = content()
    for category in scheme["cpd"]["categories"]:
        if category["id"] != "learning":
            category["max"] = 1

    assert read(written(scheme)).cpd.min_total == 90


@pytest.mark.parametrize(
    ("place", "words", "stem"),
    [
        ("title.it", "Certificazione di competenze", "certific"),
        ("title.en", "CERTIFIED engineer", "certif"),
        ("wording.claim.it", "Abilitazione professionale", "abilitaz"),
        ("wording.claim.en", "An accredited attestation", "accredit"),
        ("mission.it", "Vale come Titolo  di\nStudio", "titolo di studio"),
        ("responsibilities.R2.label.en", "Hold a Certificate", "certific"),
        ("competences.technical.T3.label.it", "Metodi accreditati", "accredit"),
        ("evidence_kinds.training.label.en", "Training certificate", "certific"),
        ("assessment.criteria.K1.label.it", "Scelta certificata", "certific"),
        ("assessment.scale.anchors.3.label.en", "certifiable", "certif"),
        ("cpd.categories.learning.label.it", "Corsi accreditati", "accredit"),
        ("title.en", "Certi\u00adfied engineer", "certif"),
        ("title.en", "\uff23ertified engineer", "certif"),
    ],
)
def test_words_of_other_routes_are_never_printed(place: str, words: str, stem: str) -> None:
    with pytest.raises(SchemeInvalid) as refused:
        read(changed(place, words))

    assert f"{place}: contains the forbidden stem {stem!r}" in refused.value.faults


def test_the_name_of_the_standard_is_printed_too() -> None:
    with pytest.raises(SchemeInvalid) as refused:
        read(changed("reference.standard", "Certified UNI 11621-8"))

    assert "reference.standard.en: contains the forbidden stem 'certific'" not in refused.value.faults
    assert "reference.standard.en: contains the forbidden stem 'certif'" in refused.value.faults


def test_the_lint_serves_any_text_that_is_about_to_be_printed() -> None:
    wording = read(PACKAGED).wording

    assert wording.forbidden_in("Attestato di competenze / Attestation of competence") == ()
    assert wording.forbidden_in("Certificato ACCREDITATO") == ("certific", "certif", "accredit")


def test_the_lint_reads_everything_that_is_printed() -> None:
    scheme = read(PACKAGED)
    places = {place for place, _ in printed(scheme)}

    listed = (
        scheme.statements,
        scheme.evidence_kinds,
        scheme.assessment.scale.anchors,
        scheme.assessment.criteria,
        scheme.cpd.categories,
    )
    alone = {"title", "mission", "wording.claim", "reference.standard", "reference.framework", "narrative"}
    assert len(places) == sum(map(len, listed)) + len(alone)
    assert alone <= places
    assert "assessment.scale.anchors.4.label" in places


def test_the_narrative_speaks_in_the_schemes_own_figures() -> None:
    narrative = read(PACKAGED).narrative

    for text in (narrative.it, narrative.en):
        assert all(figure in text for figure in ("65", "100", "8 ", "0", "4"))
    assert "Architecture choice" in narrative.en
    assert "Scelta dell'architettura" in narrative.it
