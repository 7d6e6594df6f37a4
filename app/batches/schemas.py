"""Shapes of batches on the wire, and of each kind of row."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationInfo
from pydantic_core import PydanticCustomError

from app.batches.models import Batch, BatchRow
from app.batches.rules import BatchState, Kind, RowState
from app.core.ids import pattern
from app.organisations.errors import PeriodInverted
from app.organisations.schemas import NameOnCredential, NewMembership
from app.web import Answer, Day, Email, Line, Text, Wire

ExternalId = Annotated[
    str,
    Field(pattern=r"^[!-~]{1,80}$", description="Your own name for the row, visible ASCII, once in a batch."),
]
Votes = Annotated[int, Field(ge=0, le=1_000)]


def _in_order(last: date | None, told: ValidationInfo) -> date | None:
    first: date | None = told.data.get("from_day")
    if first is not None and last is not None and last < first:
        raise PydanticCustomError(PeriodInverted.code, "The period ends before it begins.")
    return last


# It stands after the first day. One by one the rule of the members' book says the same, and is no form.
LastDay = Annotated[Day | None, AfterValidator(_in_order), Field(alias="to")]


class RowMembership(NewMembership):
    """A membership to enter."""

    to_day: LastDay = None


class MemberRow(Wire):
    """A person to enter, with their membership if they have one."""

    external_id: ExternalId
    given_name: Line
    family_name: Line
    name_on_credential: NameOnCredential = None
    email: Email
    membership: RowMembership | None = None


class CredentialRow(Wire):
    """A grant that was published here, to issue its credential."""

    external_id: ExternalId
    decision: Annotated[str, Field(pattern=pattern("dec"))]


class VotesIn(Wire):
    """How the votes fell."""

    votes_for: Annotated[Votes, Field(alias="for")]
    against: Votes
    abstained: Votes = 0


class KnownMembership(Wire):
    """A membership by its number; with its days it is entered where the number is new."""

    number: Annotated[Line, Field(max_length=40)]
    from_day: Annotated[Day | None, Field(alias="from")] = None
    to_day: LastDay = None


class DecisionRow(Wire):
    """A grant that a committee decided elsewhere, and to whom."""

    external_id: ExternalId
    given_name: Line
    family_name: Line
    name_on_credential: Line | None = None
    email: Email
    membership: KnownMembership | None = None
    votes: VotesIn
    outcome: Literal["grant"]
    decided_on: Day
    reasons: Text | None = None


SHAPES: Final[Mapping[Kind, TypeAdapter[Any]]] = {
    Kind.MEMBERS: TypeAdapter(MemberRow),
    Kind.CREDENTIALS: TypeAdapter(CredentialRow),
    Kind.DECISIONS: TypeAdapter(DecisionRow),
}
# The columns of a CSV, and where each stands in the row.
COLUMNS: Final[Mapping[Kind, Mapping[str, tuple[str, ...]]]] = {
    Kind.MEMBERS: {
        **{name: (name,) for name in ("external_id", "given_name", "family_name")},
        **{name: (name,) for name in ("name_on_credential", "email")},
        **{f"membership_{name}": ("membership", name) for name in ("number", "from", "to")},
    },
    Kind.CREDENTIALS: {name: (name,) for name in ("external_id", "decision")},
    Kind.DECISIONS: {
        **{name: (name,) for name in ("external_id", "given_name", "family_name")},
        **{name: (name,) for name in ("name_on_credential", "email")},
        **{f"membership_{name}": ("membership", name) for name in ("number", "from", "to")},
        **{f"votes_{name}": ("votes", name) for name in ("for", "against", "abstained")},
        **{name: (name,) for name in ("outcome", "decided_on", "reasons")},
    },
}
ROWS: Final = (MemberRow, CredentialRow, DecisionRow)


class Counts(Answer):
    """How many rows wait, and what became of the others."""

    queued: int
    ok: int
    failed: int
    skipped: int


class BatchOut(Answer):
    """A batch, and how far it is. Once it is `done`, nothing of it changes any more."""

    id: str
    kind: Kind
    state: BatchState
    done: bool
    dry_run: bool
    minutes: str | None
    rows: int
    counts: Counts
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, batch: Batch) -> Self:
        return cls(
            id=batch.id,
            kind=batch.kind,
            state=batch.state,
            done=batch.done,
            dry_run=batch.dry_run,
            minutes=batch.minutes_id,
            rows=batch.total,
            counts=Counts.model_validate(batch),
            created_at=batch.created_at,
            started_at=batch.started_at,
            ended_at=batch.ended_at,
        )


class ResultOut(Answer):
    """What became of a row: the ids of what it made or found, or a code that says why not."""

    row: Annotated[int, Field(description="Its place in what was sent, from 0.")]
    external_id: str
    state: RowState
    code: str | None
    person: str | None = None
    membership: str | None = None
    dossier: str | None = None
    decision: str | None = None
    credential: str | None = None

    @classmethod
    def of(cls, row: BatchRow) -> Self:
        return cls(row=row.place, external_id=row.external_id, state=row.state, code=row.code, **row.made)


RESULT_COLUMNS: Final = tuple(ResultOut.model_fields)
