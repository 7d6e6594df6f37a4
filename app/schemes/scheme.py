"""A scheme: what is certified of a person, on what evidence, by whom it is judged and how long it holds."""

import unicodedata
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from app.core.labels import Labels
from app.core.numbers import CODE
from app.schemes.evidence import AdmissionRules, EvidenceKind, FileRules
from app.schemes.judgement import AssessmentRules, DecisionRules
from app.schemes.upkeep import CpdRules, RenewalRules, RetentionRules, SuspensionRules
from app.schemes.values import Eqf, Lasting, Name, Positive, Printed, Reference, Words, block


class SchemeStatus(StrEnum):
    """Where a version stands: from `active` on it never changes."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


class Route(StrEnum):
    """The legal ground a credential stands on; it decides the words that may be printed."""

    EDC = "edc"
    ART7 = "art7"
    ISO17024_EXTERNAL = "iso17024-external"


@block
class Statement:
    """A responsibility or a competence of the profile."""

    id: Reference
    label: Printed


@block
class Competences:
    """What a holder is able to do, in the standard's three groups."""

    technical: tuple[Statement, ...]
    cross_functional: tuple[Statement, ...]
    cross_cutting: tuple[Statement, ...]


@block
class StandardReference:
    """The standard and the framework that the profile comes from."""

    standard: Words
    area: Name
    framework: Words
    eqf_level: Eqf | None


@block
class Wording:
    """The words for this route's credential, and those that belong to other routes."""

    claim: Printed
    forbidden_stems: tuple[Words, ...]

    def forbidden_in(self, text: str) -> tuple[str, ...]:
        """Name the stems that a text contains, in whatever case or spacing, soft hyphens included.

        Law 4/2013 and ISO/IEC 17024 keep words apart that readers confuse: an association attests.
        """
        read = _as_read(text)
        return tuple(stem for stem in self.forbidden_stems if _as_read(stem) in read)


def _as_read(text: str) -> str:
    """Bring a text to what the eye makes of it: no case, no invisible characters, single spaces."""
    plain = unicodedata.normalize("NFKC", text)
    return " ".join("".join(mark for mark in plain if unicodedata.category(mark) != "Cf").casefold().split())


@block
class ValidityRules:
    """How long a credential holds, and by whose calendar."""

    period: Lasting
    timezone: Words
    end: Literal["same_calendar_date_inclusive"]
    leap: Literal["clamp_to_feb_28"]
    anchor: Literal["first_effective_date"]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@block
class AppealRules:
    """How a decision may be contested."""

    window_days: Positive
    acknowledge_days: Positive
    panel_min: Positive
    panel_never_involved: bool
    decide_days: Positive
    suspensive: bool


@block
class FrameworkCodes:
    """Codes of the European frameworks, only where the body has assigned them."""

    e_cf: tuple[str, ...]
    esco: tuple[str, ...]


@block
class ClaimRules:
    """What the signed documents say of the holder, per format."""

    always: tuple[Name, ...]
    edc: tuple[Name, ...]
    qr: tuple[Name, ...]
    wallet_selectively: tuple[Name, ...]
    frameworks: FrameworkCodes


@block
class RegisterRules:
    """What the public register shows, and to whom."""

    public_default: Literal["by_number_only"]
    fields_public: tuple[Literal["number", "name", "scheme", "status", "valid_from", "valid_until"], ...]
    opt_in: tuple[Name, ...]


@block
class Scheme:
    """One version of a scheme, whole; `digest` is the hash of its content, by which decisions pin it."""

    scheme_format: Literal[1]
    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*$")]
    version: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$")]
    code: Annotated[str, Field(pattern=f"^{CODE.pattern}$")]
    status: SchemeStatus
    effective_from: date
    route: Route
    title: Printed
    mission: Printed
    reference: StandardReference
    wording: Wording
    responsibilities: tuple[Statement, ...]
    competences: Competences
    evidence_kinds: tuple[EvidenceKind, ...]
    files: FileRules
    admission: AdmissionRules
    assessment: AssessmentRules
    decision: DecisionRules
    validity: ValidityRules
    appeal: AppealRules
    cpd: CpdRules
    renewal: RenewalRules
    suspension: SuspensionRules
    credential_claims: ClaimRules
    register: RegisterRules
    retention: RetentionRules
    digest: str

    @property
    def order(self) -> tuple[int, ...]:
        """Rank the version among the others of its scheme."""
        return tuple(int(part) for part in self.version.split("."))

    def evidence_kind(self, kind: str) -> EvidenceKind | None:
        return next((found for found in self.evidence_kinds if found.id == kind), None)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Everything of the profile that criteria must cover: responsibilities, then competences."""
        groups = self.competences
        return (
            *self.responsibilities,
            *groups.technical,
            *groups.cross_functional,
            *groups.cross_cutting,
        )

    @property
    def narrative(self) -> Labels:
        """Tell a reader of the credential what had to be shown, in figures that are the scheme's own."""
        rules = self.assessment
        passing = rules.outcome.passing
        return Labels(
            it=(
                f"Dossier di competenze valutato da almeno {rules.assessors.min} valutatori indipendenti su "
                f"{len(rules.criteria)} criteri pesati, da {rules.scale.min} a {rules.scale.max}, e deciso "
                f"dal comitato tecnico. Servono almeno {passing.total_min} punti su 100, almeno "
                f"{passing.critical_min} in ogni criterio critico, e non più di "
                f"{passing.noncritical_exceptions_max} fra gli altri sotto {passing.noncritical_min}. "
                f"Criteri: {_listed(criterion.label.it for criterion in rules.criteria)}."
            ),
            en=(
                f"Competency dossier assessed by at least {rules.assessors.min} independent assessors on "
                f"{len(rules.criteria)} weighted criteria, from {rules.scale.min} to {rules.scale.max}, and "
                f"decided by the technical committee. It takes at least {passing.total_min} points of 100, "
                f"at least {passing.critical_min} on every critical criterion, and no more than "
                f"{passing.noncritical_exceptions_max} of the others below {passing.noncritical_min}. "
                f"Criteria: {_listed(criterion.label.en for criterion in rules.criteria)}."
            ),
        )


def _listed(titles: Iterable[str]) -> str:
    return "; ".join(titles)
