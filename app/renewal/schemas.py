"""What continuing development looks like on the wire."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from fastapi import Path, UploadFile
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SkipValidation,
    ValidationError,
    WithJsonSchema,
)

from app.core.errors import JsonValue
from app.core.ids import pattern
from app.dossiers.intake import Offered
from app.organisations.rules import Actor
from app.renewal import importing, proofs
from app.renewal.activities import Entered
from app.renewal.entering import WORDS, Entry, Fault, Reference
from app.renewal.evaluation import figure
from app.renewal.importing import Outcome, Result, Row
from app.renewal.ledger import Shown
from app.renewal.models import CpdActivity, CpdExemption
from app.renewal.queries import Terms
from app.renewal.states import ActivitySource, ActivityState
from app.schemes.schemas import LabelsOut
from app.web import Answer, Day, Line, Text, Wire

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?")
_FIELD: Final = re.compile(r"[a-z_]{1,40}(/[a-z0-9_]{1,40}){0,3}")
MOST_ROWS: Final = 500
MOST_ROW_NUMBER: Final = 1_000_000_000


def _hours(value: object) -> Decimal:
    """Read an amount as it was written: a number, or its decimal text."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float) and math.isfinite(value) and abs(value) < MOST_ROW_NUMBER:
        return Decimal(repr(value))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < MOST_ROW_NUMBER:
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    raise ValueError("must be a number, or one written with a decimal point")


def _single_line(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise ValueError("must be a single line")
    return value


ActivityId = Annotated[str, Path(pattern=pattern("act"))]
ProofId = Annotated[str, Path(pattern=pattern("prf"))]
Hours = Annotated[
    Decimal,
    BeforeValidator(_hours),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_NUMBER.pattern}$"}]},
        mode="validation",
    ),
]
Figure = Annotated[Decimal, PlainSerializer(figure), WithJsonSchema({"type": "string"}, mode="serialization")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Competence = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
Told = Annotated[Text, AfterValidator(_single_line), Field(max_length=500)]
CredentialName = Annotated[str, Field(min_length=1, max_length=64)]


class ProofIn(Wire):
    """A proof that is told in words: an address, or who can confirm it and how to reach them."""

    kind: Name
    reference: Told | None = None


class ActivityIn(Wire):
    """Something that a holder did."""

    title: Line
    provider: Line
    started_on: Day
    ended_on: Day
    hours: Hours
    category: Name
    topics: Annotated[dict[Name, Hours], Field(default_factory=dict, max_length=50)]
    competences: Annotated[list[Competence], Field(default_factory=list, max_length=100)]
    note: Text | None = None
    proof: Annotated[list[ProofIn], Field(default_factory=list, max_length=proofs.MOST_PROOFS)]
    claim: bool = True

    @property
    def entry(self) -> Entry:
        return Entry(
            title=self.title,
            provider=self.provider,
            started_on=self.started_on,
            ended_on=self.ended_on,
            hours=self.hours,
            category=self.category,
            topics=self.topics,
            competences=tuple(dict.fromkeys(self.competences)),
            note=self.note,
            references=tuple(Reference(proof.kind, proof.reference) for proof in self.proof),
            claim=self.claim,
        )


class NewActivity(ActivityIn):
    """An activity, and the credential that it is entered for."""

    credential: Annotated[str, Field(pattern=pattern("crd"))]


class ImportRow(ActivityIn):
    """An activity of many: its place in the sender's list, and the credential by id or by number."""

    row: Annotated[int, Field(ge=0, le=MOST_ROW_NUMBER)]
    credential: CredentialName


class Import(Wire):
    """Many activities, each judged for itself: what is wrong with one row spoils no other."""

    # Anything is taken for a row, and says so: one that is not of its form is refused by itself.
    rows: Annotated[list[SkipValidation[ImportRow | Any]], Field(min_length=1, max_length=MOST_ROWS)]

    def judged(self) -> list[Row]:
        """Read each row; one that is not of the form asked for says what is wrong with it."""
        return [_row(row) for row in self.rows]


def _row(sent: object) -> Row:
    number = sent.get("row") if isinstance(sent, Mapping) else None
    shown = number if type(number) is int and 0 <= number <= MOST_ROW_NUMBER else None
    try:
        row = ImportRow.model_validate(sent)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        return Row(shown, "", None, tuple(_fault(each["loc"], each["type"]) for each in wrong))
    return Row(row.row, row.credential.strip(), row.entry)


_CODES: Final = {"missing": "missing", "extra_forbidden": "unknown-field"}


def _fault(place: Sequence[int | str], kind: str) -> Fault:
    """Name the field, unless its very name is hostile; never repeat what stood in it."""
    field = "/".join(map(str, place))
    code = _CODES.get(kind, "malformed")
    return Fault(field if _FIELD.fullmatch(field) else "", code, WORDS[code])


class NewProof(BaseModel):
    """A proof as a form: its kind, words, a file."""

    model_config = ConfigDict(extra="forbid")

    kind: Name
    reference: Told | None = None
    file: UploadFile | None = None

    @property
    def offered(self) -> Offered | None:
        if self.file is None:
            return None
        return Offered(self.file.filename or "", self.file.content_type or "", self.file.file)


class Question(Wire):
    """What the office wants to know: words that the holder reads."""

    question: Text


class Rejection(Wire):
    """Why an activity is turned down: words that the holder reads."""

    reasons: Text


class Nothing(Wire):
    """An empty object."""


class NewExemption(Wire):
    """That less is asked of a holder in a cycle: the one at work, unless another is named."""

    credential: Annotated[str, Field(pattern=pattern("crd"))]
    reason: Name
    reduction_pct: Annotated[int, Field(ge=1, le=100)]
    cycle: Annotated[int, Field(ge=1, le=100)] | None = None


class ProofOut(Answer):
    """A proof; its file is fetched apart."""

    id: str
    kind: str
    reference: str | None
    original_name: str | None
    size: int | None
    sha256: str | None
    scan: str | None


class MissingOut(Answer):
    """What keeps an activity from being claimed."""

    code: str
    detail: LabelsOut


class ActivityOut(Answer):
    """An activity with its proofs."""

    id: str
    credential: str
    title: str
    provider: str
    started_on: date
    ended_on: date
    hours: Figure
    category: str
    topics: dict[str, str]
    competences: list[str]
    note: str | None
    state: ActivityState
    source: ActivitySource
    corrects: str | None
    question: str | None
    reasons: str | None
    claimed_at: datetime | None
    renewal: str | None
    proofs: list[ProofOut]
    missing: list[MissingOut]

    @classmethod
    def told(cls, activity: CpdActivity, terms: Terms, *, today: date, by: Actor) -> Self:
        """Tell whoever asks as much as they may know.

        A program learns what it recorded, and nothing of what its holder, the office or a renewal made of it.
        """
        whole = cls.of(activity, terms, today)
        if by.is_person:
            return whole
        hidden = dict.fromkeys(("note", "corrects", "question", "reasons", "claimed_at", "renewal"))
        own = [ProofOut.model_validate(proof) for proof in activity.proofs if proof.added_by == by.id]
        seen = {"state": ActivityState.ACCEPTED, "proofs": own, "missing": []}
        return whole.model_copy(update={**hidden, **seen})

    @classmethod
    def of(cls, activity: CpdActivity, terms: Terms, today: date) -> Self:
        unclaimed = activity.state in {ActivityState.DRAFT, ActivityState.QUERIED}
        return cls(
            id=activity.id,
            credential=activity.credential_id,
            title=activity.title,
            provider=activity.provider,
            started_on=activity.started_on,
            ended_on=activity.ended_on,
            hours=activity.hours,
            category=activity.category,
            topics=activity.topics,
            competences=activity.competences,
            note=activity.note,
            state=activity.state,
            source=activity.source,
            corrects=activity.corrects_id,
            question=activity.question,
            reasons=activity.reasons,
            claimed_at=activity.claimed_at,
            renewal=activity.renewal_id,
            proofs=[ProofOut.model_validate(proof) for proof in activity.proofs],
            missing=[MissingOut.model_validate(each) for each in proofs.lacking(activity, terms, today=today)]
            if unclaimed
            else [],
        )

    @classmethod
    def entered(cls, entered: Entered) -> Self:
        return cls.of(entered.activity, entered.terms, entered.today)


class FaultOut(Answer):
    """A field of a row that is wrong."""

    field: str
    code: str
    detail: LabelsOut


class ResultOut(Answer):
    """What became of a row; `code` and `detail` say why it was refused, or why it stayed a draft."""

    row: int | None
    outcome: Outcome
    activity: str | None
    state: ActivityState | None
    code: str | None
    detail: LabelsOut | None
    faults: list[FaultOut]


class CountsOut(Answer):
    """How many rows became what."""

    created: int
    unchanged: int
    refused: int


class ImportOut(Answer):
    """What became of every row, in the order in which they were sent."""

    results: list[ResultOut]
    counts: CountsOut

    @classmethod
    def of(cls, results: Iterable[Result]) -> Self:
        told = [ResultOut.model_validate(result) for result in results]
        counts = {outcome.value: 0 for outcome in importing.Outcome}
        for result in told:
            counts[result.outcome] += 1
        return cls(results=told, counts=CountsOut(**counts))


class ExemptionOut(Answer):
    """That less is asked of a holder in a cycle."""

    id: str
    credential: str
    cycle: int
    reason: str
    reduction_pct: int
    decided_at: datetime

    @classmethod
    def of(cls, exemption: CpdExemption) -> Self:
        return cls(
            id=exemption.id,
            credential=exemption.credential_id,
            cycle=exemption.cycle,
            reason=exemption.reason,
            reduction_pct=exemption.reduction_pct,
            decided_at=exemption.decided_at,
        )


class DifferenceOut(Answer):
    """Hours of an activity that do not count, and why."""

    code: str
    hours: str
    detail: LabelsOut


class JudgedLine(Answer):
    """An activity's hours, claimed and counted, without what it was called."""

    activity: str
    claimed: str
    counted: str
    differences: list[DifferenceOut]


class LineOut(JudgedLine):
    """An activity's hours, claimed and counted."""

    title: str
    ended_on: date | None
    category: str
    state: ActivityState | None


class BucketOut(Answer):
    """What counts in a category or on a topic."""

    id: str
    label: LabelsOut
    counted: str
    min: str | None
    max: str | None


class YearOut(Answer):
    """What counts in a year of the cycle."""

    number: int
    begins: date
    ends: date
    counted: str
    min: str


class GapOut(Answer):
    """What is missing, by when it is to be earned and by when to be claimed."""

    code: str
    what: str
    missing: str
    due: date
    file_by: date
    detail: LabelsOut


class Figures(Answer):
    """What a cycle comes to, by which rules, and what is missing."""

    rules: str
    as_of: date
    begins: date
    ends: date
    earned_by: date
    submitted_by: date
    claimed: str
    counted: str
    carried: str
    required: str
    satisfied: bool
    carry_over: str
    categories: list[BucketOut]
    topics: list[BucketOut]
    years: list[YearOut]
    gaps: list[GapOut]


class EvaluationOut(Figures):
    """What a renewal was judged on, as it was kept."""

    lines: list[JudgedLine]


class LedgerOut(Figures):
    """What a cycle comes to today, or what it came to when it was renewed."""

    credential: str
    cycle: int
    lines: list[LineOut]
    per_activity_max: Annotated[str, Field(description="The most that counts of any one activity.")]
    per_day_max: Annotated[str, Field(description="The most that counts of any one day, all together.")]
    clock_offset: Annotated[
        str | None, Field(description="How far the clock is moved for a demonstration, if it is.")
    ]

    @classmethod
    def of(cls, terms: Terms, shown: Shown, *, clock_offset: str | None) -> Self:
        written: dict[str, Any] = shown.evaluation
        lines = [{**line, **_named(shown.activities.get(line["activity"]))} for line in written["lines"]]
        cpd = terms.cycle(shown.cycle).scheme.cpd
        return cls.model_validate(
            {
                **written,
                "credential": terms.credential.id,
                "cycle": shown.cycle,
                "lines": lines,
                "per_activity_max": figure(cpd.per_activity_max),
                "per_day_max": figure(cpd.per_day_max),
                "clock_offset": clock_offset,
            }
        )


def _named(activity: CpdActivity | None) -> dict[str, JsonValue]:
    """Say what a line is about; a version that was corrected since is only a number any more."""
    if activity is None:
        return {"title": "", "ended_on": None, "category": "", "state": None}
    return {
        "title": activity.title,
        "ended_on": activity.ended_on.isoformat(),
        "category": activity.category,
        "state": activity.state.value,
    }
