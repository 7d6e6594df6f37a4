"""Routes of batches: many rows at once, how far they are, and what became of each."""

import csv
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any, BinaryIO, Final

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.batches import queries, reading, service
from app.batches.errors import (
    BatchNotFound,
    BatchRowsWrong,
    BatchTooLong,
    MinutesMissing,
    MinutesTooOld,
    TooManyBatches,
)
from app.batches.models import Batch, BatchRow
from app.batches.rules import Kind, RowState, harmless
from app.batches.schemas import COLUMNS, RESULT_COLUMNS, ROWS, SHAPES, BatchOut, ResultOut
from app.batches.service import Asked
from app.core.errors import CursorUnknown
from app.core.ids import pattern
from app.decisions.errors import MinutesNotFound
from app.organisations.access import CurrentActor, Db, ReadDb, needs_one_of
from app.organisations.conventions import ApiRoute, OneRequest, written
from app.organisations.errors import PermissionMissing
from app.organisations.idempotency import Stored
from app.organisations.rules import Permission
from app.problems import MEDIA_TYPE, SCHEMA, documented
from app.web import PAGE, Cursor, GivenPorts, Limit, Now, Page, page_of

router = APIRouter(prefix="/v1/batches", tags=["batches"], route_class=ApiRoute)
P: Final = Permission
SENDERS: Final = needs_one_of(P.MEMBERS_WRITE, P.CREDENTIALS_ISSUE, P.DECISIONS_IMPORT)
LINES: Final = "application/x-ndjson"
TABLE: Final = "text/csv"
PLAIN: Final[dict[str, Any]] = {"content": {MEDIA_TYPE: {"schema": SCHEMA}}}
PIECE: Final = 256 * 1024
BatchId = Annotated[str, Path(pattern=pattern("bat"))]
# What stands once in a batch, by its kind.
ONCE: Final[dict[Kind, tuple[tuple[str, ...], ...]]] = {
    Kind.MEMBERS: (("external_id",), ("membership", "number")),
    Kind.CREDENTIALS: (("external_id",), ("decision",)),
    Kind.DECISIONS: (("external_id",), ("membership", "number")),
}
_ROWS: Final = {
    Kind.MEMBERS: '{"external_id": "A-1", "given_name": "Sara", "family_name": "Esempio", '
    '"email": "sara@example.org", "membership": {"number": "NP-2026-0201", "from": "2026-01-01"}}\n',
    Kind.CREDENTIALS: '{"external_id": "C-1", "decision": "dec_0v9k3m5x7z1b2c4d6f8g0h1j2k"}\n',
    Kind.DECISIONS: '{"external_id": "D-1", "given_name": "Sara", "family_name": "Esempio", '
    '"email": "sara@example.org", "membership": {"number": "NP-2026-0201"}, '
    '"votes": {"for": 5, "against": 0}, "outcome": "grant", "decided_on": "2026-11-19"}\n',
}
_TABLES: Final = {
    Kind.MEMBERS: "external_id,given_name,family_name,email\nA-1,Sara,Esempio,sara@example.org\n",
    Kind.CREDENTIALS: "external_id,decision\nC-1,dec_0v9k3m5x7z1b2c4d6f8g0h1j2k\n",
}
_RESULTS: Final = {
    LINES: '{"row":0,"external_id":"A-1","state":"ok","person":"per_0v9k3m5x7z1b2c4d6f8g0h1j2k"}\n',
    TABLE: ",".join(RESULT_COLUMNS) + "\r\n0,A-1,ok,,per_0v9k3m5x7z1b2c4d6f8g0h1j2k,,,,\r\n",
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "Rows of the kind that is named, at most 100,000: JSON lines, or a CSV with the "
        "columns of the kind (what is nested has its names joined: `membership_number`, `votes_for`).",
        "content": {
            media_type: {
                "schema": {
                    "type": "string",
                    "description": "One row a line: " + ", ".join(shape.__name__ for shape in ROWS),
                },
                "examples": {kind.value: {"value": rows} for kind, rows in shown.items()},
            }
            for media_type, shown in ((LINES, _ROWS), (TABLE, _TABLES))
        },
    }
}


async def spooled(request: Request) -> AsyncIterator[BinaryIO]:
    """Take the rows in a piece at a time, into a file where they are many: never all of them in memory."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {LINES, TABLE}:
        raise HTTPException(
            status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, headers={"Accept-Post": f"{LINES}, {TABLE}"}
        )
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as kept:
        waiting = bytearray()
        async for piece in request.stream():
            digest.update(piece)
            waiting += piece
            if len(waiting) >= PIECE:
                await run_in_threadpool(kept.write, bytes(waiting))
                waiting.clear()
        kept.write(bytes(waiting))
        kept.seek(0)
        request.state.digest = digest.digest()  # by which a request that is sent again is known
        yield kept


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[SENDERS],
    openapi_extra=_BODY,
    responses={
        415: {"description": "`Accept-Post` says in which forms rows are taken", **PLAIN},
        **documented(
            PermissionMissing,
            MinutesMissing,
            MinutesNotFound,
            MinutesTooOld,
            BatchRowsWrong,
            BatchTooLong,
            TooManyBatches,
        ),
    },
)
def submit(
    given: GivenPorts,
    now: Now,
    actor: CurrentActor,
    request: Request,
    response: Response,
    rows: Annotated[BinaryIO, Depends(spooled)],  # before the key: it is of what was read here
    once: OneRequest,
    kind: Annotated[Kind, Query(description="What the rows are.")],
    dry_run: Annotated[  # noqa: FBT002 - a parameter of the address
        bool, Query(description="Say what would happen to each row; change nothing.")
    ] = False,
    minutes: Annotated[
        str | None, Query(pattern=pattern("min"), description="Which minutes state these decisions.")
    ] = None,
) -> BatchOut:
    """Send many rows at once: members, credentials to issue, or decisions that were taken elsewhere.

    All that needs no state is checked before anything is kept. A row whose `external_id` made something
    before is skipped, with what it made then: so a batch is safe to send again. Another row under such an
    id fails with `external-id-reused`.
    """
    asked = Asked(kind, dry_run, minutes)
    service.require_sender(asked, by=actor)
    with given.database.reading(actor.organisation_id) as session:
        once.look(session)
        stated = service.stated(session, asked, at=now)
        look = service.look_of(session, asked.kind, stated, public_url=given.settings.public_url)
    form = reading.Form(SHAPES[kind], COLUMNS[kind], ONCE[kind], look)
    table = request.headers["content-type"].lower().startswith(TABLE)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as understood:
        read = reading.understand(rows, form, table=table, out=understood)
        understood.seek(0)
        batch = service.take_in(given, asked, read, understood, by=actor, at=now, once=once.shown_as(_shown))
    response.headers["Location"] = _place(batch)
    return BatchOut.of(batch)


def _place(batch: Batch) -> str:
    return f"/v1/batches/{batch.id}"


def _shown(session: Session, batch: Batch) -> Stored:
    del session
    made = written(BatchOut.of(batch), status.HTTP_202_ACCEPTED)
    return replace(made, headers={**made.headers, "location": _place(batch)})


@router.get("", dependencies=[SENDERS], responses=documented(PermissionMissing, CursorUnknown))
def list_batches(
    db: ReadDb,
    actor: CurrentActor,
    kind: Annotated[Kind | None, Query()] = None,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> Page[BatchOut]:
    """List the batches that you could have sent, the newest first."""
    found = queries.page(db, by=actor, kind=kind, after=cursor, limit=limit + 1)
    rows, following = page_of(found, limit)
    return Page(data=[BatchOut.of(row) for row in rows], next_cursor=following)


@router.get(
    "/{batch}",
    dependencies=[SENDERS],
    responses=documented(PermissionMissing, BatchNotFound),
)
def read(db: ReadDb, actor: CurrentActor, batch: BatchId) -> BatchOut:
    """Say how far a batch is. With `If-None-Match`, 304 until something has changed."""
    return BatchOut.of(queries.readable(db, batch, by=actor))


@router.get(
    "/{batch}/results",
    dependencies=[SENDERS],
    response_model=Page[ResultOut],
    responses={
        200: {
            "description": "What became of the rows so far",
            "content": {
                kind: {"schema": {"type": "string"}, "examples": {"ordinary": {"value": shown}}}
                for kind, shown in _RESULTS.items()
            },
        },
        **documented(PermissionMissing, BatchNotFound),
    },
)
def results(
    given: GivenPorts,
    db: ReadDb,
    actor: CurrentActor,
    request: Request,
    batch: BatchId,
    state: Annotated[RowState | None, Query(description="Only rows of which this became.")] = None,
    cursor: Annotated[int, Query(ge=0, le=1_000_000, description="Where the page before ended.")] = 0,
    limit: Limit = PAGE,
) -> Any:
    """Read what became of each row, page by page; as JSON lines or CSV (`Accept`), all of it at once.

    What is read at once has no pages: `state` chooses there too, `cursor` and `limit` are refused.
    """
    found = queries.readable(db, batch, by=actor)
    accepted = request.headers.get("accept", "").lower()
    for kind, form in ((LINES, _lines), (TABLE, _cells)):
        if kind in accepted:
            _refuse_pages(request)
            pieces = form(queries.every_result(given, actor.organisation_id, found.id, state=state))
            return StreamingResponse(pieces, media_type=kind, headers={"Cache-Control": "private, no-store"})
    rows = queries.results(db, found.id, after=cursor - 1, limit=limit + 1, state=state)
    following = str(rows[limit].place) if len(rows) > limit else None
    return Page(data=[ResultOut.of(row) for row in rows[:limit]], next_cursor=following)


def _refuse_pages(request: Request) -> None:
    asked = sorted({"cursor", "limit"} & request.query_params.keys())
    if asked:
        raise RequestValidationError(
            [
                {"loc": ("query", name), "msg": "is of pages: the whole has none", "type": "paged"}
                for name in asked
            ]
        )


def _lines(parts: Iterable[Iterable[BatchRow]]) -> Iterator[str]:
    for rows in parts:
        yield "".join(ResultOut.of(row).model_dump_json(exclude_none=True) + "\n" for row in rows)


def _cells(parts: Iterable[Iterable[BatchRow]]) -> Iterator[str]:
    yield ",".join(RESULT_COLUMNS) + "\r\n"
    for rows in parts:
        out = io.StringIO()
        writer = csv.writer(out)
        for row in rows:
            told = ResultOut.of(row).model_dump(mode="json")
            writer.writerow([harmless("" if cell is None else str(cell)) for cell in told.values()])
        yield out.getvalue()


@router.post(
    "/{batch}/cancellation", dependencies=[SENDERS], responses=documented(PermissionMissing, BatchNotFound)
)
def cancel(db: Db, now: Now, actor: CurrentActor, batch: BatchId) -> BatchOut:
    """Stop a batch: rows that have not begun are skipped, what is done stays. Again changes nothing."""
    return BatchOut.of(service.cancel(db, batch, by=actor, at=now))
