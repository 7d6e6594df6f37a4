"""What makes a dossier complete, what it shows for admission, and which ties keep a person away from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from app.core.days import months_after, months_before
from app.core.labels import Labels
from app.schemes.evidence import AdmissionPath, EvidenceField, EvidenceKind, FileNeed
from app.schemes.fields import JsonScalar, fault_in, read_day, read_hours, read_number
from app.schemes.rules import PROJECT_SHEET
from app.schemes.scheme import Scheme

INFECTED: Final = "infected"


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """What the rules need to know of one item of evidence."""

    id: str
    kind: str
    fields: Mapping[str, JsonScalar]
    has_file: bool
    scan: str


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of an item of evidence."""

    field: str
    code: str
    detail: Labels


@dataclass(frozen=True, slots=True)
class Gap:
    """What stands between a dossier and its submission; the item it concerns, if it is one item."""

    kind: str
    code: str
    detail: Labels
    evidence_id: str | None = None


def field_faults(scheme: Scheme, kind: str, fields: Mapping[str, JsonScalar]) -> tuple[FieldFault, ...]:
    """Tell what is wrong with the fields of an item: unknown, missing, or not what their kind takes."""
    known = scheme.evidence_kind(kind)
    if known is None:
        return (FieldFault("kind", "kind-unknown", _unknown_kind(scheme, kind)),)
    expected = {field.name: field for field in known.fields}
    return (
        *_unknown_fields(fields, expected),
        *_faulty_fields(fields, expected),
        *_dates_out_of_order(fields),
    )


def _unknown_fields(
    fields: Mapping[str, JsonScalar], expected: Mapping[str, EvidenceField]
) -> Iterator[FieldFault]:
    for name in fields:
        if name not in expected:
            yield FieldFault(
                name,
                "field-unknown",
                Labels(
                    it="questo tipo di evidenza non ha un tale campo",
                    en="this kind of evidence has no such field",
                ),
            )


def _faulty_fields(
    fields: Mapping[str, JsonScalar], expected: Mapping[str, EvidenceField]
) -> Iterator[FieldFault]:
    for name, field in expected.items():
        value = fields.get(name)
        if value is None:
            if field.required:
                yield FieldFault(
                    name, "field-missing", Labels(it="il campo manca", en="the field is missing")
                )
        elif (wrong := fault_in(field.kind, value)) is not None:
            yield FieldFault(name, "field-faulty", wrong)


def _dates_out_of_order(fields: Mapping[str, JsonScalar]) -> Iterator[FieldFault]:
    began, ended = read_day(fields.get("from")), read_day(fields.get("to"))
    if began is not None and ended is not None and ended < began:
        yield FieldFault(
            "to",
            "dates-out-of-order",
            Labels(it="la fine viene prima dell'inizio", en="the end comes before the beginning"),
        )


def missing(scheme: Scheme, evidence: Sequence[EvidenceFacts]) -> tuple[Gap, ...]:
    """List all that keeps a dossier from being handed in; nothing means that it is complete."""
    return (
        *(gap for kind in scheme.evidence_kinds for gap in _miscounted(kind, evidence)),
        *(gap for item in evidence for gap in _unfit(scheme, item)),
    )


def _miscounted(kind: EvidenceKind, evidence: Sequence[EvidenceFacts]) -> Iterator[Gap]:
    given = sum(item.kind == kind.id for item in evidence)
    name, low, high = kind.label, kind.min_items, kind.max_items
    if given < low:
        yield Gap(
            kind.id,
            "too-few",
            Labels(
                it=f"{name.it}: presenti {given}, ne servono almeno {low}",
                en=f"{name.en}: {given} present, at least {low} needed",
            ),
        )
    if given > high:
        yield Gap(
            kind.id,
            "too-many",
            Labels(
                it=f"{name.it}: presenti {given}, ne sono ammesse al massimo {high}",
                en=f"{name.en}: {given} present, at most {high} allowed",
            ),
        )


def _unfit(scheme: Scheme, item: EvidenceFacts) -> Iterator[Gap]:
    kind = scheme.evidence_kind(item.kind)
    if kind is None:
        yield Gap(item.kind, "kind-unknown", _unknown_kind(scheme, item.kind), item.id)
        return
    name = kind.label
    for fault in field_faults(scheme, item.kind, item.fields):
        detail = Labels(
            it=f"{name.it}, campo {fault.field}: {fault.detail.it}",
            en=f"{name.en}, field {fault.field}: {fault.detail.en}",
        )
        yield Gap(item.kind, fault.code, detail, item.id)
    if kind.file is FileNeed.REQUIRED and not item.has_file:
        detail = Labels(it=f"{name.it}: manca il file", en=f"{name.en}: the file is missing")
        yield Gap(item.kind, "file-missing", detail, item.id)
    if item.scan == INFECTED:
        detail = Labels(
            it=f"{name.it}: il file contiene codice dannoso e va sostituito",
            en=f"{name.en}: the file holds malicious code and must be replaced",
        )
        yield Gap(item.kind, "file-infected", detail, item.id)


def _unknown_kind(scheme: Scheme, kind: str) -> Labels:
    known = ", ".join(one.id for one in scheme.evidence_kinds)
    return Labels(
        it=f"lo schema non conosce il tipo di evidenza {kind}; conosce: {known}",
        en=f"the scheme knows no kind of evidence called {kind}; it knows: {known}",
    )


@dataclass(frozen=True, slots=True)
class Degree:
    """An academic title: its level and its field."""

    eqf_level: int
    field: str


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What a dossier shows for admission, on the day it was looked at."""

    degrees: tuple[Degree, ...]
    dl_training_hours: Decimal
    experience_months: Fraction
    project_sheets: int

    @property
    def highest_degree(self) -> Degree | None:
        return max(self.degrees, key=lambda degree: degree.eqf_level, default=None)


def admission_facts(scheme: Scheme, evidence: Iterable[EvidenceFacts], as_of: date) -> AdmissionFacts:
    """Work out what the evidence adds up to; faulty or infected items and days to come count for nothing."""
    sound = [
        item
        for item in evidence
        if item.scan != INFECTED and not field_faults(scheme, item.kind, item.fields)
    ]

    def fields_of(kind: str) -> list[Mapping[str, JsonScalar]]:
        # The same course or sheet handed in twice is still one.
        told: list[Mapping[str, JsonScalar]] = []
        for item in sound:
            if item.kind == kind and item.fields not in told:
                told.append(item.fields)
        return told

    return AdmissionFacts(
        degrees=tuple(
            Degree(read_number(fields["eqf_level"], 1, 8) or 0, str(fields["field"]))
            for fields in fields_of("degree")
            if _past(fields["awarded_on"], as_of)
        ),
        dl_training_hours=sum(
            (
                read_hours(f["hours"]) or Decimal(0)
                for f in fields_of("training")
                if _past(f["ended_on"], as_of)
            ),
            Decimal(0),
        ),
        experience_months=_months_worked(fields_of("experience"), as_of),
        project_sheets=len(fields_of(PROJECT_SHEET)),
    )


def _past(value: JsonScalar, as_of: date) -> bool:
    day = read_day(value)
    return day is not None and day <= as_of


def _months_worked(jobs: Iterable[Mapping[str, JsonScalar]], as_of: date) -> Fraction:
    """Add work up in months of full time: two jobs at once never make more than one whole one.

    Stretches of the same load that follow one another are counted as one, by the calendar, so that two
    years are 24 months whatever days they started on and however many employers shared them.
    """
    changes: dict[date, int] = {}
    for job in jobs:
        began = read_day(job["from"])
        ended = min(read_day(job.get("to")) or as_of, as_of)
        load = read_number(job["fte_pct"], 1, 100)
        if began is None or load is None or began > ended:
            continue
        after = ended + timedelta(days=1)
        changes[began] = changes.get(began, 0) + load
        changes[after] = changes.get(after, 0) - load

    months, load, capped, since = Fraction(0), 0, 0, date.min
    for day in sorted(changes):
        load += changes[day]
        if min(load, 100) != capped:
            months += Fraction(capped, 100) * (_months_between(since, day) if capped else 0)
            capped, since = min(load, 100), day
    return months


def _months_between(start: date, end: date) -> Fraction:
    """Count whole months from the start, then the days left over as a part of the month they fall in."""
    whole = (end.year - start.year) * 12 + end.month - start.month
    if months_after(start, whole) > end:
        whole -= 1
    reached, beyond = months_after(start, whole), months_after(start, whole + 1)
    return whole + Fraction((end - reached).days, (beyond - reached).days)


def satisfied_paths(scheme: Scheme, facts: AdmissionFacts) -> tuple[str, ...]:
    """Name the paths of admission that the facts satisfy; any one of them is enough."""
    return tuple(path.id for path in scheme.admission.paths if _satisfies(path, facts))


def _satisfies(path: AdmissionPath, facts: AdmissionFacts) -> bool:
    return (
        _has_degree(path, facts.degrees)
        and facts.dl_training_hours >= path.dl_training_hours_min
        and facts.experience_months >= path.experience_months_min
        and facts.project_sheets >= path.project_sheets_min
    )


def _has_degree(path: AdmissionPath, degrees: Iterable[Degree]) -> bool:
    # The same degree must have both level and field: a doctorate in law does not lift a bachelor in physics.
    return path.degree_min_eqf is None or any(
        degree.eqf_level >= path.degree_min_eqf
        and (not path.degree_fields or degree.field in path.degree_fields)
        for degree in degrees
    )


class ConflictKind(StrEnum):
    """The tie between a person and an applicant, as the person declares it."""

    NONE = "none"
    EMPLOYMENT = "employment"
    COLLABORATION = "collaboration"
    TRAINING_GIVEN = "training_given"
    FAMILY = "family"
    OTHER = "other"


def conflicts(scheme: Scheme, kind: ConflictKind, ended_on: date | None, on: date) -> bool:
    """Tell whether a declared tie keeps a person away from the dossier on a day.

    No end means that the tie still holds. The look-back includes its last day: who is in doubt stays out.
    What fits no kind of the scheme is a conflict whenever it was.
    """
    if kind is ConflictKind.NONE:
        return False
    if kind is ConflictKind.OTHER or ended_on is None:
        return True
    lookback = _LOOKBACK[kind](scheme)
    return lookback is None or ended_on >= months_before(on, lookback)


_LOOKBACK: Final[Mapping[ConflictKind, Callable[[Scheme], int | None]]] = {
    ConflictKind.EMPLOYMENT: lambda scheme: scheme.decision.conflicts.lookback_months.employment,
    ConflictKind.COLLABORATION: lambda scheme: scheme.decision.conflicts.lookback_months.collaboration,
    ConflictKind.TRAINING_GIVEN: lambda scheme: scheme.decision.conflicts.lookback_months.training_given,
    ConflictKind.FAMILY: lambda scheme: scheme.decision.conflicts.lookback_months.family,
}
