"""What dossiers look like on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Path, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from app.core.ids import pattern
from app.dossiers import queries
from app.dossiers.intake import LONGEST_FIELDS, Offered
from app.dossiers.models import Dossier, DossierAccess, DossierStatus, Evidence
from app.dossiers.preparing import Receipt
from app.dossiers.rules import Gap
from app.dossiers.service import Parties
from app.organisations.schemas import PersonId
from app.schemes.fields import JsonScalar
from app.schemes.schemas import LabelsOut
from app.web import Answer, Text, Wire

DossierId = Annotated[str, Path(pattern=pattern("dos"))]
EvidenceId = Annotated[str, Path(pattern=pattern("evd"))]
SchemeId = Annotated[str, Field(max_length=120, pattern=r"^[a-z0-9]+([-/][a-z0-9]+)*$")]
Language = Literal["it", "en"]


class NewDossier(Wire):
    """A dossier to begin; an API client says for whom."""

    scheme: SchemeId
    language: Language
    ai_disclosure: bool
    applicant: PersonId | None = None


class DossierChange(Wire):
    """What a draft says of itself from now on."""

    language: Language | None = None
    ai_disclosure: bool | None = None


class NewEvidence(BaseModel):
    """A piece of evidence as a form: `fields` is the text of one JSON object."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    fields: Annotated[str, Field(max_length=LONGEST_FIELDS)] = "{}"
    file: UploadFile | None = None

    @property
    def offered(self) -> Offered | None:
        if self.file is None:
            return None
        return Offered(self.file.filename or "", self.file.content_type or "", self.file.file)


class Reasons(Wire):
    """Why: words that the candidate reads."""

    reasons: Text


class Withdrawal(Wire):
    """Why the candidate takes the dossier back, if they care to say."""

    reasons: Text | None = None


class Admission(Wire):
    """The path on which a dossier is admitted, and the reasons if it does not satisfy it."""

    path: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
    derogation: Text | None = None


class FileOut(Answer):
    """What is known of a file: its content is fetched apart."""

    sha256: str
    size: int
    media_type: str
    original_name: str
    scan: str


class EvidenceOut(Answer):
    """A piece of evidence."""

    id: str
    kind: str
    fields: dict[str, JsonScalar]
    file: FileOut | None
    added_at: datetime

    @classmethod
    def of(cls, item: Evidence) -> Self:
        file = None if item.sha256 is None else FileOut.model_validate(item)
        return cls(
            id=item.id, kind=item.kind, fields=queries.plain(item.fields), file=file, added_at=item.added_at
        )


class GapOut(Answer):
    """What keeps a draft from being handed in."""

    kind: str
    code: str
    detail: LabelsOut
    evidence: Annotated[str | None, Field(validation_alias="evidence_id")]


class StepOut(Answer):
    """A step of the dossier. The candidate is not told who of the organisation took it."""

    status: DossierStatus
    at: datetime
    by: str | None
    reasons: str | None


class DossierOut(Answer):
    """A dossier with all that it holds."""

    id: str
    scheme: str
    scheme_version: str | None
    status: DossierStatus
    language: str
    ai_disclosure: bool
    applicant: str
    created_at: datetime
    submitted_at: datetime | None
    snapshot_hash: str | None
    admission_path: str | None
    derogation: str | None
    round: int
    evidence: list[EvidenceOut]
    history: list[StepOut]
    gaps: list[GapOut]
    paths: list[str]

    @classmethod
    def of(cls, dossier: Dossier, *, gaps: tuple[Gap, ...], paths: tuple[str, ...], reader: str) -> Self:
        candidate = reader == dossier.applicant_id
        return cls(
            id=dossier.id,
            scheme=dossier.scheme_id,
            scheme_version=dossier.scheme_version,
            status=dossier.status,
            language=dossier.language,
            ai_disclosure=dossier.ai_disclosure,
            applicant=dossier.applicant_id,
            created_at=dossier.created_at,
            submitted_at=dossier.submitted_at,
            snapshot_hash=dossier.snapshot_hash,
            admission_path=dossier.admission_path,
            derogation=dossier.derogation,
            round=dossier.round,
            evidence=[EvidenceOut.of(item) for item in dossier.evidence],
            history=[
                StepOut(
                    status=step.status,
                    at=step.at,
                    by=None if candidate and step.actor_id != reader else step.actor_id,
                    reasons=step.reasons,
                )
                for step in dossier.history
            ],
            gaps=[GapOut.model_validate(gap) for gap in gaps],
            paths=list(paths),
        )


class DossierLine(Answer):
    """A dossier in a list."""

    id: str
    scheme: Annotated[str, Field(validation_alias="scheme_id")]
    status: DossierStatus
    submitted_at: datetime | None


class ReceiptFile(Answer):
    """A file that was handed in."""

    evidence: Annotated[str, Field(validation_alias="id")]
    kind: str
    original_name: str
    sha256: str
    size: int
    scan: str


class ReceiptOut(Answer):
    """What was handed in and when, for the candidate to keep."""

    dossier: str
    submitted_at: datetime
    scheme: str
    scheme_version: str
    snapshot_hash: str
    files: list[ReceiptFile]

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        return cls.model_validate(receipt)


class Applicant(Answer):
    """The candidate, by name: who declares a tie must know to whom."""

    id: str
    name: str


class PartiesOut(Answer):
    """What one must know to declare one's ties."""

    id: str
    scheme: str
    applicant: Applicant

    @classmethod
    def of(cls, parties: Parties) -> Self:
        applicant = Applicant(id=parties.applicant_id, name=parties.applicant_name)
        return cls(id=parties.id, scheme=parties.scheme, applicant=applicant)


class AccessOut(Answer):
    """That somebody opened the dossier, or a file of it: in which role, never who."""

    role: str
    at: datetime
    evidence: Annotated[str | None, Field(validation_alias="evidence_id")]


class AccessesOut(Answer):
    """Every opening of a dossier by others than the candidate."""

    data: list[AccessOut]
    next_cursor: None = None

    @classmethod
    def of(cls, rows: Sequence[DossierAccess]) -> Self:
        return cls(data=[AccessOut.model_validate(row) for row in rows])
