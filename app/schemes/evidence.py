"""What a scheme asks of a dossier: kinds of evidence, files, and the paths of admission."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from app.schemes.fields import FieldKind
from app.schemes.values import Count, Eqf, Hours, Name, Positive, Printed, Reference, block


class FileNeed(StrEnum):
    """Whether evidence of a kind comes with a file."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@block
class EvidenceField:
    """One thing that evidence of a kind states."""

    name: Name
    kind: FieldKind
    required: bool = True


@block
class EvidenceKind:
    """A kind of evidence: how many items, with which fields, with or without a file."""

    id: Name
    label: Printed
    min_items: Count
    max_items: Positive
    file: FileNeed
    verify: tuple[Name, ...]
    fields: tuple[EvidenceField, ...] = ()


@block
class FileType:
    """A type of file that evidence may come in."""

    id: Name
    media_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")]
    extensions: tuple[Annotated[str, Field(pattern=r"^[a-z0-9]{1,8}$")], ...]


@block
class FileRules:
    """Which files are taken in, and how large they may be."""

    types: tuple[FileType, ...]
    max_mb: Positive
    total_mb: Positive
    virus_scan: bool
    hash: Literal["sha256"]

    @property
    def max_bytes(self) -> int:
        return self.max_mb * 1_000_000

    @property
    def total_bytes(self) -> int:
        return self.total_mb * 1_000_000

    def type_of(self, filename: str) -> FileType | None:
        """Find the type that a name claims by its extension; its content is another question."""
        extension = filename.rpartition(".")[2].lower() if "." in filename else ""
        return next((found for found in self.types if extension in found.extensions), None)


@block
class MembershipRules:
    """When a candidate has to be a member in good standing."""

    required: bool
    at: tuple[Literal["submission", "issuance", "renewal"], ...]


@block
class AdmissionPath:
    """One way of being admitted to the assessment; every condition of it must hold."""

    id: Reference
    degree_min_eqf: Eqf | None
    dl_training_hours_min: Hours
    experience_months_min: Count
    degree_fields: tuple[Name, ...] = ()
    project_sheets_min: Count = 0


@block
class AdmissionRules:
    """Who may be assessed at all: members on any one of the paths."""

    membership: MembershipRules
    paths: Annotated[tuple[AdmissionPath, ...], Field(min_length=1)]
