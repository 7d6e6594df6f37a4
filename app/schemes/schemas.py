"""What schemes look like on the wire: what a candidate must know before beginning a dossier."""

from datetime import date
from typing import Annotated, Self

from pydantic import Field

from app.schemes.evidence import FileNeed
from app.schemes.fields import FieldKind
from app.schemes.scheme import Route, Scheme, SchemeStatus
from app.web import Answer


class LabelsOut(Answer):
    """The same words in both languages."""

    it: str
    en: str


class FieldOut(Answer):
    """One thing that evidence of a kind states."""

    name: str
    kind: FieldKind
    required: bool


class EvidenceKindOut(Answer):
    """A kind of evidence: how many items, with which fields, with or without a file."""

    id: str
    label: LabelsOut
    min_items: int
    max_items: int
    file: FileNeed
    fields: list[FieldOut]


class FileTypeOut(Answer):
    """A type of file that is taken in."""

    media_type: str
    extensions: list[str]


class FilesOut(Answer):
    """Which files are taken in, and how large they may be."""

    types: list[FileTypeOut]
    max_bytes: int
    total_bytes: int


class PathOut(Answer):
    """One way of being admitted to the assessment."""

    id: str
    degree_min_eqf: int | None
    degree_fields: list[str]
    dl_training_hours_min: float
    experience_months_min: int
    project_sheets_min: int


class CriterionOut(Answer):
    """What assessors score."""

    id: str
    weight: int
    critical: bool
    label: LabelsOut


class StatementOut(Answer):
    """A responsibility or a competence of the profile: activities name those that they kept up."""

    id: str
    label: LabelsOut


class SchemeLine(Answer):
    """A scheme in a list."""

    id: str
    version: str
    code: str
    status: SchemeStatus
    effective_from: date
    title: LabelsOut
    digest: str


class SchemeOut(SchemeLine):
    """A version of a scheme, as far as a candidate needs to know it."""

    route: Route
    mission: LabelsOut
    standard: str
    validity: str
    evidence_kinds: list[EvidenceKindOut]
    files: FilesOut
    paths: list[PathOut]
    criteria: list[CriterionOut]
    statements: list[StatementOut]
    scale_min: Annotated[float, Field(description="The lowest score of a criterion.")]
    scale_max: Annotated[float, Field(description="The highest score of a criterion.")]
    scale_step: Annotated[float, Field(description="By how much scores differ.")]

    @classmethod
    def of(cls, scheme: Scheme) -> Self:
        scale = scheme.assessment.scale
        return cls(
            id=scheme.id,
            version=scheme.version,
            code=scheme.code,
            status=scheme.status,
            effective_from=scheme.effective_from,
            title=LabelsOut.model_validate(scheme.title),
            digest=scheme.digest,
            route=scheme.route,
            mission=LabelsOut.model_validate(scheme.mission),
            standard=scheme.reference.standard,
            validity=str(scheme.validity.period),
            evidence_kinds=[EvidenceKindOut.model_validate(kind) for kind in scheme.evidence_kinds],
            files=FilesOut.model_validate(scheme.files),
            paths=[PathOut.model_validate(path) for path in scheme.admission.paths],
            criteria=[CriterionOut.model_validate(one) for one in scheme.assessment.criteria],
            statements=[StatementOut.model_validate(one) for one in scheme.statements],
            scale_min=float(scale.min),
            scale_max=float(scale.max),
            scale_step=float(scale.step),
        )
