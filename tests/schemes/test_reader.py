import dataclasses
from datetime import date
from decimal import Decimal

import pytest

from app.core.days import Span
from app.schemes.errors import SchemeInvalid
from app.schemes.evidence import FileNeed
from app.schemes.fields import FieldKind
from app.schemes.reader import read
from app.schemes.scheme import Route, SchemeStatus
from tests.schemes.written import PACKAGED, changed, content, without, written


def faults_of(text: str) -> tuple[str, ...]:
    with pytest.raises(SchemeInvalid) as refused:
        read(text)
    return refused.value.faults


def test_the_packaged_scheme_is_read_into_typed_values() -> None:
    scheme = read(PACKAGED)

    assert (scheme.id, scheme.version, scheme.code) == (
        "uni-11621-8/ai-deep-learning-engineer",
        "1.0.0",
        "DLE",
    )
    assert (scheme.status, scheme.route) == (SchemeStatus.ACTIVE, Route.EDC)
    assert scheme.effective_from == date(2026, 5, 1)
    assert scheme.validity.period == Span(years=3)
    assert scheme.assessment.scale.step == Decimal("0.5")
    assert len(scheme.evidence_kinds) == 11
    assert scheme.renewal.validity_late.begins == "decision_date"


@pytest.mark.parametrize(
    ("kind", "file", "fields"),
    [
        ("cv", FileNeed.REQUIRED, {}),
        (
            "degree",
            FileNeed.REQUIRED,
            {
                "title": "text",
                "institution": "text",
                "eqf_level": "eqf_level",
                "field": "word",
                "awarded_on": "date",
            },
        ),
        (
            "training",
            FileNeed.REQUIRED,
            {"provider": "text", "title": "text", "hours": "hours", "ended_on": "date"},
        ),
        ("code_repository", FileNeed.OPTIONAL, {"url": "url"}),
        ("publication", FileNeed.OPTIONAL, {"url": "url"}),
        ("competition", FileNeed.OPTIONAL, {"url": "url"}),
        ("open_source", FileNeed.OPTIONAL, {"url": "url"}),
        ("model_card", FileNeed.REQUIRED, {}),
        ("ethics_pledge", FileNeed.REQUIRED, {}),
    ],
)
def test_each_kind_of_evidence_says_what_it_needs(kind: str, file: FileNeed, fields: dict[str, str]) -> None:
    found = read(PACKAGED).evidence_kind(kind)

    assert found is not None
    assert found.file is file
    needed = {field.name: field.kind for field in found.fields if field.required}
    assert needed == {name: FieldKind(value) for name, value in fields.items()}


def test_a_scheme_is_a_frozen_value() -> None:
    scheme = read(PACKAGED)

    assert hash(scheme) == hash(read(PACKAGED))
    with pytest.raises(dataclasses.FrozenInstanceError):
        scheme.code = "XYZ"  # type: ignore[misc]  # this is what must not work


def test_the_digest_follows_the_content_and_not_the_layout() -> None:
    scheme = read(PACKAGED)

    assert read("# A comment more.\n" + PACKAGED).digest == scheme.digest
    assert read(written(dict(reversed(content().items())))).digest == scheme.digest
    assert read(changed("appeal.window_days", 31)).digest != scheme.digest


def test_an_active_version_never_changes() -> None:
    """A decision is pinned to this hash: whoever needs another content writes a new version."""
    assert read(PACKAGED).digest == "9960e08a299790995e87757b0d271d75ca361d28af2c9580939046a2f3c605e2"


@pytest.mark.parametrize(
    "place",
    [
        "title.it",
        "title.en",
        "mission.it",
        "responsibilities.R1.label.en",
        "competences.cross_cutting.C3.label.it",
        "evidence_kinds.cv.label.it",
        "assessment.criteria.K2.label.en",
        "assessment.scale.anchors.0.label.it",
        "cpd.categories.learning.label.en",
        "wording.claim.it",
    ],
)
def test_every_label_stands_in_both_languages(place: str) -> None:
    label, language = place.rsplit(".", 1)

    for text in (without(place), changed(place, ""), changed(place, "  "), changed(place, 7)):
        (fault,) = faults_of(text)
        assert fault.startswith(label)
        assert f"`{language}`" in fault


def test_a_label_has_no_third_language() -> None:
    (fault,) = faults_of(changed("title", {"it": "a", "en": "b", "fr": "c"}))

    assert fault.startswith("title: needs words in both languages")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (changed("colour", "blue"), "colour: is not a known entry"),
        (changed("digest", "0" * 64), "digest: is not a known entry"),
        (changed("assessment.criteria.K3.wieght", 18), "assessment.criteria.K3.wieght: is not a known entry"),
        (without("validity"), "validity: is missing"),
        (without("assessment.criteria.K3.weight"), "assessment.criteria.K3.weight: is missing"),
        (
            without("evidence_kinds.training.fields.hours.kind"),
            "evidence_kinds.training.fields.hours.kind: is missing",
        ),
        (
            changed("assessment.criteria.K3.weight", "18"),
            "assessment.criteria.K3.weight: Input should be a valid integer",
        ),
        (
            changed("assessment.criteria.K3.weight", 18.0),
            "assessment.criteria.K3.weight: Input should be a valid integer",
        ),
        (changed("files.virus_scan", "yes"), "files.virus_scan: Input should be a valid boolean"),
        (changed("effective_from", "1 May 2026"), "effective_from: Input should be a valid date"),
        (changed("validity.period", "three years"), "validity.period: A span is written like"),
        (changed("validity.period", 3), "validity.period: needs a span"),
        (changed("code", "D1E"), "code: String should match pattern"),
        (changed("code", "dle"), "code: String should match pattern"),
        (changed("code", "D"), "code: String should match pattern"),
        (changed("code", "DLE\n"), "code: String should match pattern"),
        (changed("version", "1.0"), "version: String should match pattern"),
        (changed("version", "1.0.0-rc1"), "version: String should match pattern"),
        (changed("version", "01.0.0"), "version: String should match pattern"),
        (changed("id", "UNI 11621"), "id: String should match pattern"),
        (changed("scheme_format", 2), "scheme_format: Input should be 1"),
        (changed("status", "approved"), "status: Input should be"),
        (changed("route", "nft"), "route: Input should be"),
        (changed("decision.tie", "grant"), "decision.tie: Input should be"),
        (
            changed("assessment.outcome.interview.or_flags", ["mood"]),
            "assessment.outcome.interview.or_flags.0: Input",
        ),
        (changed("assessment.scale.step", 0), "assessment.scale.step: Input should be greater than 0"),
        (changed("admission.paths", []), "admission.paths: Tuple should have at least 1 item"),
        (changed("cpd.per_day_max", 25), "cpd.per_day_max: Input should be less than or equal to 24"),
    ],
)
def test_an_entry_out_of_form_is_refused_at_its_place(text: str, fault: str) -> None:
    found = faults_of(text)

    assert len(found) == 1
    assert found[0].startswith(fault)


def test_all_faults_are_told_at_once() -> None:
    scheme = content()
    scheme["code"] = "dle"
    scheme["colour"] = "blue"

    assert {fault.split(":")[0] for fault in faults_of(written(scheme))} == {"code", "colour"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PACKAGED + "\ncode: XYZ\n", "the key 'code' stands here twice"),
        (PACKAGED.replace('{it: "AI', '{it: "One", it: "AI'), "the key 'it' stands here twice"),
        ("a: &x [1]\nb: *x\n", "aliases are not used here"),
        ("1: a\n", "a key is not a word"),
        ("? [a]\n: b\n", "a key is not a word"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: [\n", "expected"),
        ("- a\n- b\n", "no mapping"),
        ("", "no mapping"),
    ],
    ids=[
        "key twice",
        "inner key twice",
        "alias",
        "key is a number",
        "key is a list",
        "python tag",
        "broken",
        "list",
        "empty",
    ],
)
def test_a_file_that_is_not_plain_yaml_is_refused(text: str, said: str) -> None:
    (fault,) = faults_of(text)

    assert said in fault


@pytest.mark.parametrize("truth", ["yes", "on", "True", "TRUE"])
def test_only_true_is_true(truth: str) -> None:
    text = PACKAGED.replace("suspensive: false", f"suspensive: {truth}")

    assert faults_of(text) == ("appeal.suspensive: Input should be a valid boolean",)
