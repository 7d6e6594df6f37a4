"""What every scheme must keep, whatever it certifies: small rules, each with a name of its own."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfoNotFoundError

from app.core.labels import Labels
from app.schemes.fields import FieldKind
from app.schemes.judgement import DecisionOutcome, Scale
from app.schemes.scheme import Scheme

Rule = Callable[[Scheme], Iterator[str]]

# What the paths of admission count, and the fields they count it from.
COUNTED: Final = {
    "degree": {
        "eqf_level": FieldKind.EQF_LEVEL,
        "field": FieldKind.WORD,
        "awarded_on": FieldKind.DATE,
    },
    "training": {"hours": FieldKind.HOURS, "ended_on": FieldKind.DATE},
    "experience": {"from": FieldKind.DATE, "to": FieldKind.DATE, "fte_pct": FieldKind.PERCENT},
}
PROJECT_SHEET: Final = "project_sheet"

# With these, a mean of two steps over the scale has an exact decimal, so a total is never rounded.
_EXACT_TOPS: Final = frozenset(map(Decimal, (1, 2, 4, 5, 8, 10)))
_EXACT_STEPS: Final = frozenset(map(Decimal, ("0.1", "0.2", "0.25", "0.5", "1")))


def faults(scheme: Scheme) -> Iterator[str]:
    """Tell everything that is wrong with a scheme, each with its place; nothing means that it may be used."""
    for rule in RULES:
        yield from rule(scheme)


def names_are_used_once(scheme: Scheme) -> Iterator[str]:
    paths, rules, cpd = scheme.admission.paths, scheme.assessment, scheme.cpd
    groups = {
        "responsibilities and competences": [statement.id for statement in scheme.statements],
        "evidence_kinds": [kind.id for kind in scheme.evidence_kinds],
        "files.types": [kind.id for kind in scheme.files.types],
        "files.types extensions": [extension for kind in scheme.files.types for extension in kind.extensions],
        "admission.paths": [path.id for path in paths],
        "assessment.criteria": [criterion.id for criterion in rules.criteria],
        "assessment.scale.anchors": [str(anchor.score) for anchor in rules.scale.anchors],
        "cpd.categories": [category.id for category in cpd.categories],
        "cpd.topics": [topic.id for topic in cpd.topics],
        # A code written in two ways is one thing under two labels, which no reader of a credential takes.
        "credential_claims.frameworks.e_cf": _alike(scheme.credential_claims.frameworks.e_cf),
        "credential_claims.frameworks.esco": _alike(scheme.credential_claims.frameworks.esco),
        **{
            f"evidence_kinds.{kind.id}.fields": [field.name for field in kind.fields]
            for kind in scheme.evidence_kinds
        },
    }
    for place, names in groups.items():
        for name in _repeated(names):
            yield f"{place}: {name} stands here twice"


def weights_sum_to_100(scheme: Scheme) -> Iterator[str]:
    total = sum(criterion.weight for criterion in scheme.assessment.criteria)
    if total != 100:  # noqa: PLR2004 -- a total is a figure on 100
        yield f"assessment.criteria: the weights sum to {total}, not to 100"


def everything_is_covered(scheme: Scheme) -> Iterator[str]:
    """A responsibility or competence that nobody scores would be claimed and never shown."""
    known = {statement.id for statement in scheme.statements}
    covered: set[str] = set()
    for criterion in scheme.assessment.criteria:
        covered.update(criterion.covers)
        for name in criterion.covers:
            if name not in known:
                yield f"assessment.criteria.{criterion.id}.covers: there is no {name}"
    for statement in scheme.statements:
        if statement.id not in covered:
            yield f"{statement.id}: no criterion covers it"


def scale_is_exact(scheme: Scheme) -> Iterator[str]:
    scale = scheme.assessment.scale
    if scale.min != 0 or scale.max not in _EXACT_TOPS or scale.step not in _EXACT_STEPS:
        yield (
            "assessment.scale: runs from 0 to 1, 2, 4, 5, 8 or 10 in steps of 0.1, 0.2, 0.25, 0.5 or 1, "
            "so that totals are exact"
        )
        return
    if not scale.holds(scale.max):
        yield "assessment.scale: its steps do not end on its top"
    yield from _off_scale(
        scale, ((f"assessment.scale.anchors.{anchor.score}", anchor.score) for anchor in scale.anchors)
    )


def thresholds_are_reachable(scheme: Scheme) -> Iterator[str]:
    rules = scheme.assessment
    passing, band = rules.outcome.passing, rules.outcome.interview
    others = sum(not criterion.critical for criterion in rules.criteria)
    yield from _off_scale(
        rules.scale,
        (
            ("assessment.outcome.passing.critical_min", passing.critical_min),
            ("assessment.outcome.passing.noncritical_min", passing.noncritical_min),
            ("assessment.scoring.comment_required_below", rules.scoring.comment_required_below),
        ),
    )
    if passing.noncritical_exceptions_max > others:
        yield f"assessment.outcome.passing.noncritical_exceptions_max: there are only {others} such criteria"
    if not band.total_min <= band.total_max_excl:
        yield "assessment.outcome.interview: total_min is above total_max_excl"
    if band.total_max_excl != passing.total_min:
        yield (
            "assessment.outcome.interview.total_max_excl: the band must end where passing.total_min begins, "
            "or totals between them would belong to neither"
        )


def evidence_can_be_given(scheme: Scheme) -> Iterator[str]:
    for kind in scheme.evidence_kinds:
        if kind.min_items > kind.max_items:
            yield f"evidence_kinds.{kind.id}: min_items is above max_items"
    if not scheme.files.types:
        yield "files.types: no file could be handed in"
    if scheme.files.max_mb > scheme.files.total_mb:
        yield "files: max_mb is above total_mb"


def paths_can_be_walked(scheme: Scheme) -> Iterator[str]:
    """What a path asks for must be something that a dossier can show."""
    for kind, counted in COUNTED.items():
        offered = scheme.evidence_kind(kind)
        given = {field.name: field.kind for field in offered.fields} if offered else {}
        for name, needed in counted.items():
            if given.get(name) is not needed:
                yield f"evidence_kinds.{kind}: admission counts its field {name}, of kind {needed}"
    sheets = scheme.evidence_kind(PROJECT_SHEET)
    most = sheets.max_items if sheets else 0
    for path in scheme.admission.paths:
        if path.project_sheets_min > most:
            yield f"admission.paths.{path.id}.project_sheets_min: a dossier holds at most {most}"
        if path.degree_fields and path.degree_min_eqf is None:
            yield f"admission.paths.{path.id}.degree_fields: no degree is asked for"


def forbidden_words_are_absent(scheme: Scheme) -> Iterator[str]:
    """Law 4/2013 and ISO/IEC 17024 reserve words: what belongs to another route is never printed."""
    for place, label in printed(scheme):
        for language, text in (("it", label.it), ("en", label.en)):
            for stem in scheme.wording.forbidden_in(text):
                yield f"{place}.{language}: contains the forbidden stem {stem!r}"


def committee_can_decide(scheme: Scheme) -> Iterator[str]:
    decision = scheme.decision
    if set(decision.outcomes) != set(DecisionOutcome) or _repeated(decision.outcomes):
        yield "decision.outcomes: a committee grants, refuses or defers"
    if {DecisionOutcome.REFUSE, DecisionOutcome.DEFER} - set(decision.reasons_required):
        yield "decision.reasons_required: whoever is refused or deferred is told why"


def calendar_is_known(scheme: Scheme) -> Iterator[str]:
    try:
        _ = scheme.validity.zone
    except (ZoneInfoNotFoundError, ValueError):
        yield f"validity.timezone: there is no time zone {scheme.validity.timezone!r}"
    period = scheme.validity.period
    if not period.years or period.months or period.days:
        yield "validity.period: a credential holds for whole years"


def cpd_can_be_done(scheme: Scheme) -> Iterator[str]:
    """The hours asked for must fit together, or nobody could ever renew."""
    cpd = scheme.cpd
    least = sum((category.min or Decimal(0)) for category in cpd.categories)
    most = sum(category.max or Decimal(0) for category in cpd.categories)
    if least > cpd.min_total:
        yield f"cpd.categories: the minima sum to {least}, above min_total {cpd.min_total}"
    if all(category.max is not None for category in cpd.categories) and most < cpd.min_total:
        yield f"cpd.categories: the maxima sum to {most}, below min_total {cpd.min_total}"
    for category in cpd.categories:
        if category.min is not None and category.max is not None and category.min > category.max:
            yield f"cpd.categories.{category.id}: min is above max"
    if not cpd.cycle.years or cpd.cycle.months or cpd.cycle.days:
        yield "cpd.cycle: a cycle lasts whole years"
    if cpd.min_per_year * cpd.cycle.years > cpd.min_total:
        yield f"cpd.min_per_year: over the cycle it comes to more than min_total {cpd.min_total}"
    if not cpd.granularity:
        yield "cpd.granularity: hours are counted in some unit"


def cpd_refers_to_what_there_is(scheme: Scheme) -> Iterator[str]:
    cpd = scheme.cpd
    known = {statement.id for statement in scheme.statements}
    categories = {category.id for category in cpd.categories}
    for topic in cpd.topics:
        for name in topic.covers:
            if name not in known:
                yield f"cpd.topics.{topic.id}.covers: there is no {name}"
    for name in cpd.carry_over.categories:
        if name not in categories:
            yield f"cpd.carry_over.categories: there is no {name}"
    if sum((topic.min for topic in cpd.topics), Decimal(0)) > cpd.min_total:
        yield "cpd.topics: the minima come to more than min_total"
    if cpd.carry_over.max > cpd.min_total:
        yield "cpd.carry_over.max: is above min_total"


RULES: Final[tuple[Rule, ...]] = (
    names_are_used_once,
    weights_sum_to_100,
    everything_is_covered,
    scale_is_exact,
    thresholds_are_reachable,
    evidence_can_be_given,
    paths_can_be_walked,
    forbidden_words_are_absent,
    committee_can_decide,
    calendar_is_known,
    cpd_can_be_done,
    cpd_refers_to_what_there_is,
)


def printed(scheme: Scheme) -> Iterator[tuple[str, Labels]]:
    """Go through all that documents and pages may print of a scheme, with the place it stands at."""
    yield from _labels_in(scheme, ())
    reference = scheme.reference
    yield "reference.standard", Labels(reference.standard, reference.standard)
    yield "reference.framework", Labels(reference.framework, reference.framework)
    yield "narrative", scheme.narrative


def _labels_in(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, Labels]]:
    if isinstance(value, Labels):
        yield ".".join(place), value
    elif isinstance(value, tuple):
        for position, item in enumerate(value):
            yield from _labels_in(item, (*place, str(getattr(item, "id", position))))
    elif is_dataclass(value):
        for field in fields(value):
            yield from _labels_in(getattr(value, field.name), (*place, field.name))


def _alike(codes: Iterable[str]) -> list[str]:
    return ["".join(code.split()).casefold() for code in codes]


def _off_scale(scale: Scale, scores: Iterable[tuple[str, Decimal]]) -> Iterator[str]:
    for place, score in scores:
        if not scale.holds(score):
            yield f"{place}: {score} is not a score of the scale"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
