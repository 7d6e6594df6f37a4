"""Carrying batches out: one part of a batch each time the worker comes by, so that any process may go on.

A row's result is written in the transaction of its effect. Issuing has two transactions of its own: until it
is known how it went, a row is begun and names its decision, by which it is found again after any crash.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, and_, bindparam, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.batches import granting, importing, members, queries, service
from app.batches.errors import ExternalIdReused
from app.batches.members import Written
from app.batches.models import Batch, BatchPart, BatchRow
from app.batches.reading import Row
from app.batches.rules import (
    NEEDS,
    REFUSED,
    SENDER_NOT_ALLOWED,
    SKIPPED_BY_CANCELLING,
    BatchState,
    Kind,
    Outcome,
    RowState,
    failed,
)
from app.core import columns
from app.credentials import issuing
from app.organisations import service as organisations
from app.organisations.rules import Actor
from app.outbox import trail
from app.outbox.messages import Message, NotYet
from app.ports import Ports

log: Final = logging.getLogger("sigillo.batches")
END: Final[Mapping[BatchState, BatchState]] = {
    BatchState.RUNNING: BatchState.DONE,
    BatchState.CANCELLING: BatchState.CANCELLED,
}

REUSED: Final = failed(ExternalIdReused.code)
SETTLE: Final = (
    update(BatchRow)
    .where(BatchRow.batch_id == bindparam("of"), BatchRow.place == bindparam("at"))
    .values(
        state=bindparam("state"),
        code=bindparam("code"),
        made=bindparam("made"),
        # A grant for which nothing was issued has made nothing: its row may come again.
        effect=and_(BatchRow.effect, bindparam("stays", type_=Boolean)),
    )
)


def topics(ports: Ports) -> Mapping[str, Callable[[Message], datetime | None]]:
    """Tell a worker what to do with a batch: a part of it, and to come again while there is more.

    Each part is under a lease of its own, and between two parts a process stops as quickly as it is told to.
    """

    def carry(message: Message) -> datetime | None:
        more = carry_on(ports, message.organisation_id, str(message.body["batch"]))
        return ports.clock.now() if more else None

    return {service.CARRY: carry}


def carry_on(ports: Ports, organisation_id: str, batch_id: str) -> bool:
    """Deal with the next rows of a batch, and tell whether there is more to do.

    Of one part at most there are begun rows: nothing new is taken before they are settled.
    """
    with ports.database.writing(organisation_id) as session:
        batch = queries.locked(session, batch_id)
        if batch is None or batch.done:
            return False
        at = ports.clock.now()
        begun, allowed = queries.begun(session, batch_id), _is_allowed(session, batch, at)
        if begun and not allowed:  # they were left half-way: by a stop, or for want of a key
            named = [made["decision"] for made in begun.values()]
            left = _left_undone(session, batch, named, SENDER_NOT_ALLOWED, at)
            return _settle(session, batch_id, left, at=at)
        begun = begun or _take(ports, session, batch, allowed=allowed, at=at)
        if not begun:
            return not batch.done
        by = _sender(batch)
    named = [made["decision"] for made in begun.values()]
    outcomes = issuing.issue_many(ports, named, by=by, at=ports.clock.now())
    found: dict[str, Outcome] = {}
    waiting: dict[str, NotYet] = {}
    for decision, outcome in zip(named, outcomes, strict=True):
        try:
            found[decision] = granting.settled(outcome, decision)
        except NotYet as not_yet:
            waiting[decision] = not_yet
    with ports.database.writing(organisation_id) as session:
        batch, at = queries.locked(session, batch_id), ports.clock.now()
        if waiting and batch is not None and batch.state is BatchState.CANCELLING:
            found |= _left_undone(session, batch, [*waiting], SKIPPED_BY_CANCELLING, at)
            waiting.clear()
        more = _settle(session, batch_id, found, at=at)
    for why in waiting.values():
        raise why
    return more


def _sender(batch: Batch) -> Actor:
    """Act in the name of whoever sent the batch, with what they needed for it and no more."""
    return Actor(
        batch.created_by, batch.organisation_id, frozenset(), NEEDS[batch.kind], is_person=batch.by_person
    )


def _is_allowed(session: Session, batch: Batch, at: datetime) -> bool:
    """Tell whether whoever sent a batch may still do what it does: they may have lost that meanwhile."""
    allowed = organisations.allowed_now(
        session, batch.organisation_id, batch.created_by, is_person=batch.by_person, at=at
    )
    return NEEDS[batch.kind] <= allowed


def _left_undone(
    session: Session, batch: Batch, decisions: Sequence[str], why: Outcome, at: datetime
) -> Mapping[str, Outcome]:
    """Issue nothing more for rows that are begun; say why, and of which the credential was there already."""
    judged = granting.judge(session, decisions, by=_sender(batch), at=at, sent_at=batch.created_at)
    return {
        decision: Outcome(RowState.OK, outcome.made, effect=True) if "credential" in outcome.made else why
        for decision, outcome in zip(decisions, judged, strict=True)
    }


def _take(
    ports: Ports, session: Session, batch: Batch, *, allowed: bool, at: datetime
) -> Mapping[int, Mapping[str, str]]:
    """Take the rows that come next and do what one transaction can do for them; give those that are begun."""
    if batch.state is BatchState.QUEUED:
        batch.state, batch.started_at = BatchState.RUNNING, at
    part = queries.next_part(session, batch.id)
    if part is None:
        _end(session, batch, at=at)
        return {}
    rows: list[Row] = [json.loads(line) for line in part.rows.split("\n") if line]
    outcomes = _tried(_Turn(session, batch, ports.settings.public_url, at, allowed=allowed), part, rows)
    if outcomes is None and len(rows) > 1:
        _halve(session, part)
        return {}
    if outcomes is None:
        outcomes = [REFUSED]
        _write_results(session, batch, part, rows, outcomes)
    session.delete(part)
    _count(batch, outcomes)
    session.flush()
    begun = {
        part.first + number: outcome.made
        for number, outcome in enumerate(outcomes)
        if outcome.state is RowState.BEGUN
    }
    if not begun and queries.next_part(session, batch.id) is None:
        _end(session, batch, at=at)
    return begun


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the rows of a part are done for and with."""

    session: Session
    batch: Batch
    public_url: str
    at: datetime
    _: KW_ONLY
    allowed: bool  # whether whoever sent the batch may still do this


def _tried(turn: _Turn, part: BatchPart, rows: Sequence[Row]) -> list[Outcome] | None:
    """Do what one transaction can do for rows, and write the results down; None if the database refuses them.

    It is tried twice: what somebody else wrote at the same moment is seen by the second try.
    """
    for _ in range(2):
        try:
            with turn.session.begin_nested():
                return _done(turn, part, rows)
        except (DataError, IntegrityError) as refused:
            told = {"organisation_id": turn.batch.organisation_id, "message_id": turn.batch.id}
            log.warning("batch.refused", exc_info=refused, extra=told)
    return None


def _halve(session: Session, part: BatchPart) -> None:
    """Leave half of a part to come next and the rest after it, until the row that is refused is alone."""
    lines = [line for line in part.rows.split("\n") if line]
    half = len(lines) // 2
    part.rows = "\n".join(lines[:half])
    session.add(
        BatchPart(
            batch_id=part.batch_id,
            first=part.first + half,
            organisation_id=part.organisation_id,
            rows="\n".join(lines[half:]),
        )
    )


def _done(turn: _Turn, part: BatchPart, rows: Sequence[Row]) -> list[Outcome]:
    session, batch = turn.session, turn.batch
    written = Written(batch.created_by)
    if batch.state is BatchState.CANCELLING:
        outcomes = [SKIPPED_BY_CANCELLING] * len(rows)
    elif not turn.allowed:
        outcomes = [SENDER_NOT_ALLOWED] * len(rows)
    else:
        outcomes = _Part(session, batch, written, turn.public_url, turn.at).outcomes(rows)
    if batch.dry_run:
        outcomes = [_rehearsed(outcome) for outcome in outcomes]
    else:
        written.write(session)
        trail.record_all(session, written.told, at=turn.at)
    _write_results(session, batch, part, rows, outcomes)
    return outcomes


def _write_results(
    session: Session, batch: Batch, part: BatchPart, rows: Sequence[Row], outcomes: Sequence[Outcome]
) -> None:
    results = [
        {
            "batch_id": batch.id,
            "place": part.first + number,
            "kind": batch.kind,
            "external_id": row["external_id"],
            "state": outcome.state,
            "effect": outcome.effect,
            "code": outcome.code,
            "made": dict(outcome.made),
            "content_digest": _digest(batch.id, batch.kind, row) if outcome.effect else None,
        }
        for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True))
    ]
    columns.write(session, BatchRow, results)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a batch on their way through the rules of its kind."""

    session: Session
    batch: Batch
    written: Written
    public_url: str
    at: datetime

    def outcomes(self, rows: Sequence[Row]) -> list[Outcome]:
        """Say what becomes of rows: what was done before is skipped, what was left half-way is taken up.

        Another row under the name of one that made something is neither, and nothing is done for it.
        """
        before = queries.made_before(self.session, self.batch.kind, [row["external_id"] for row in rows])
        reused = {row["external_id"] for row in rows if _is_another(row, before.get(row["external_id"]))}
        made = {name: earlier.made for name, earlier in before.items() if name not in reused}
        by, sent_at = _sender(self.batch), self.batch.created_at
        again = granting.again(self.session, made, by=by, at=self.at, sent_at=sent_at)
        ours = [row for row in rows if row["external_id"] not in reused]
        found = dict(zip((row["external_id"] for row in ours), self._done(ours, again), strict=True))
        return [found.get(row["external_id"], REUSED) for row in rows]

    def _done(self, rows: Sequence[Row], again: Mapping[str, Outcome]) -> list[Outcome]:
        if self.batch.kind is Kind.DECISIONS:
            return self._imported(rows, again)
        fresh = [row for row in rows if row["external_id"] not in again]
        if self.batch.kind is Kind.MEMBERS:
            outcomes = iter(members.enter(self.session, fresh, self.written, at=self.at))
        else:
            decisions = [row["decision"] for row in fresh]
            by, sent_at = _sender(self.batch), self.batch.created_at
            outcomes = iter(granting.judge(self.session, decisions, by=by, at=self.at, sent_at=sent_at))
        return [again.get(row["external_id"]) or next(outcomes) for row in rows]

    def _imported(self, rows: Sequence[Row], again: Mapping[str, Outcome]) -> list[Outcome]:
        if not rows:
            return []
        return importing.enter(
            self.session,
            rows,
            str(self.batch.minutes_id),
            self.written,
            again=again,
            spoken_for=self.batch.ok if self.batch.dry_run else 0,
            public_url=self.public_url,
            by=_sender(self.batch),
            at=self.at,
            sent_at=self.batch.created_at,
        )


def _is_another(row: Row, earlier: BatchRow | None) -> bool:
    """Tell whether a row says something else than the earlier one of its name; the oldest kept no digest."""
    if earlier is None or earlier.content_digest is None:
        return False
    return earlier.content_digest != _digest(earlier.batch_id, earlier.kind, row)


def _digest(batch_id: str, kind: Kind, row: Row) -> str:
    """Digest what a row says, in whatever form it came; salted, since names can be guessed.

    What a decision's credential is to call its holder is left out: that may change until it is issued.
    """
    left_out = {"name_on_credential"} if kind is Kind.DECISIONS else set[str]()
    return trail.salted_digest(
        batch_id, trail.canonical({name: said for name, said in row.items() if name not in left_out})
    )


def _rehearsed(outcome: Outcome) -> Outcome:
    """Say of a row what would become of it; of what would be made, there are no ids."""
    if outcome.state in {RowState.OK, RowState.BEGUN}:
        return Outcome(RowState.OK)
    return outcome


def _settle(session: Session, batch_id: str, found: Mapping[str, Outcome], *, at: datetime) -> bool:
    """Write down how the issuing went, of the rows that nobody has settled meanwhile."""
    batch = queries.locked(session, batch_id)
    if batch is None:
        return False
    settled: list[Outcome] = []
    rows: list[dict[str, object]] = []
    for place, made in queries.begun(session, batch_id).items():
        if (outcome := found.get(made["decision"])) is None:
            continue
        settled.append(outcome)
        rows.append(
            {
                "of": batch_id,
                "at": place,
                "state": outcome.state,
                "code": outcome.code,
                "made": {**made, **outcome.made},
                "stays": outcome.effect or batch.kind is Kind.DECISIONS,  # what was imported stays
            }
        )
    if rows:
        session.connection().execute(SETTLE, rows)
    _count(batch, settled)
    session.flush()
    left = queries.begun(session, batch_id) or queries.next_part(session, batch_id)
    if not left and not batch.done:  # another worker may have ended it
        _end(session, batch, at=at)
    return not batch.done


def _count(batch: Batch, outcomes: Sequence[Outcome]) -> None:
    states = [outcome.state for outcome in outcomes]
    batch.ok += states.count(RowState.OK)
    batch.failed += states.count(RowState.FAILED)
    batch.skipped += states.count(RowState.SKIPPED)


def _end(session: Session, batch: Batch, *, at: datetime) -> None:
    """End a batch of which every row is counted."""
    batch.state, batch.ended_at = END[batch.state], at
    service.record(
        session,
        batch,
        "batch.ended",
        by=trail.SYSTEM,
        at=at,
        state=batch.state.value,
        ok=batch.ok,
        failed=batch.failed,
        skipped=batch.skipped,
    )
    session.flush()
