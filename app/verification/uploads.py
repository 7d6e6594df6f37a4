"""Taking in what a stranger sends, in any of the ways in which one can send it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.core.errors import JsonValue
from app.formats.strict import Malformed, read_object
from app.verification import papers, pictures, submitted
from app.verification.errors import RETRY_AFTER, FileTooLarge, NothingToVerify
from app.verification.schemas import BatchIn, VerificationIn
from app.verification.submitted import MAX_TEXT, Submission

JSON: Final = "application/json"
FILE: Final = "file"
NUMBER: Final = "number"
MAX_BATCH: Final = 1_000_000  # bytes, of all credentials of a request
MAX_PARTS: Final = 4
_SEVERAL_FILES: Final = "Too many files."  # so Starlette says it, and in no other way
UTF_8: Final = b"utf-8"
UTF_8_NAMES: Final = frozenset({UTF_8, b"utf8"})
PICTURES_AT_ONCE: Final = 2  # each may take some hundred megabytes while it is unpacked
PICTURES_WAITING: Final = 8
PAPERS_AT_ONCE: Final = 2  # each is a process of its own, which gives way to everything else
PDF_COSTS: Final = 10  # look-ups

# Of the event loop, like its threads. Whoever sends PDFs keeps nobody's pictures waiting.
_turns: Final = RunVar[CapacityLimiter]("turns of pictures")
_turns_of_papers: Final = RunVar[CapacityLimiter]("turns of papers")

Charge = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Several credentials, each still as it was sent."""

    credentials: list[str | dict[str, JsonValue]]


async def of_request(
    request: Request, *, ours: Sequence[str], charge: Charge | None = None
) -> Submission | Batch:
    """Read the body of `POST /v1/verifications` by its media type; without a known one, by its content.

    `charge` is told of how many look-ups more what was sent counts for.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _of_form(request, ours=ours, charge=charge)
    body = await request.body()
    if not body:
        raise NothingToVerify
    if media_type == JSON:
        submission = of_json(body, ours=ours)
        if charge is not None and isinstance(submission, submitted.Token):
            charge(submitted.costs(submission.text) - 1)
        return submission
    return await of_content(body, ours=ours, charge=charge)


async def _of_form(request: Request, *, ours: Sequence[str], charge: Charge | None) -> Submission:
    async with form_of(request) as form:
        if strange := sorted(set(form) - {FILE}):
            raise malformed(*(((name,), "no part of this name is asked for") for name in strange))
        return await of_part(form.get(FILE), ours=ours, charge=charge)


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[FormData]:
    """Take a form apart, in UTF-8 and in no other charset: some of those run, or fail, by what is sent."""
    try:
        _, options = parse_options_header(request.headers.get("content-type", ""))
        charset = options.get(b"charset", UTF_8).strip().lower()
        if charset not in UTF_8_NAMES:
            raise malformed(((), "a form is sent in UTF-8"))
        form = await request.form(max_files=1, max_fields=MAX_PARTS, max_part_size=MAX_TEXT)
    except (UnicodeError, LookupError):
        raise malformed(((), "not a form that can be read")) from None
    except HTTPException as refused:
        several = refused.detail.startswith(_SEVERAL_FILES)
        fault = "one file at a time is taken" if several else f"not a form that can be read: {refused.detail}"
        raise malformed(((), fault)) from None
    try:
        yield form
    finally:
        await form.close()


async def of_part(
    part: UploadFile | str | None, *, ours: Sequence[str], charge: Charge | None = None
) -> Submission:
    """Read the one part of a form that holds the file, or its text."""
    match part:
        case UploadFile():
            content = await part.read(pictures.MAX_BYTES + 1)
            if not content:
                raise NothingToVerify
            return await of_content(content, ours=ours, charge=charge)
        case str(text):
            return submitted.of_text(text, ours=ours)
        case None:
            raise NothingToVerify


async def of_content(content: bytes, *, ours: Sequence[str], charge: Charge | None = None) -> Submission:
    """Read a file by its first bytes, never by its name. Pictures and PDFs take turns, in threads."""
    if content.startswith((pictures.PNG, pictures.JPEG)):
        text = await to_thread.run_sync(pictures.qr_text, content, limiter=_turn(_turns, PICTURES_AT_ONCE))
        return submitted.of_text(text, ours=ours)
    if content.startswith(papers.PDF):
        if charge is not None:
            charge(PDF_COSTS - 1)
        turns = _turn(_turns_of_papers, PAPERS_AT_ONCE)
        text = await to_thread.run_sync(papers.qr_text, content, limiter=turns)
        return submitted.of_text(text, ours=ours)
    if charge is not None:
        charge(submitted.costs(content) - 1)
    return submitted.of_bytes(content, ours=ours)


def _turn(kept: RunVar[CapacityLimiter], most: int) -> CapacityLimiter:
    """Queue for a turn, unless too many do already."""
    turns = kept.get(None) or CapacityLimiter(most)
    kept.set(turns)
    if turns.statistics().tasks_waiting >= PICTURES_WAITING:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": RETRY_AFTER})
    return turns


def of_json(body: bytes, *, ours: Sequence[str]) -> Submission | Batch:
    """Read `{"credential": …}`, `{"credentials": […]}` or a sealed document, strictly, and nothing else."""
    try:
        members: dict[str, JsonValue] = read_object(body, limit=MAX_BATCH)
    except Malformed as refused:
        raise malformed(((), refused.reason)) from None
    several = "credentials" in members
    if (document := submitted.of_sealed(members)) is not None:
        return document
    document = submitted.of_sealed(members.get("credential"))
    if len(body) > MAX_TEXT and not several and document is None:
        raise FileTooLarge(f"Send a credential of at most {MAX_TEXT} bytes.", limit_bytes=MAX_TEXT)
    try:
        if several:
            return Batch(BatchIn.model_validate(members).credentials)
        if members.keys() != {"credential"} or not isinstance(members["credential"], str):
            VerificationIn.model_validate(members)
    except ValidationError as refused:
        faults = refused.errors(include_input=False, include_url=False, include_context=False)
        raise malformed(*((fault["loc"][:1], fault["msg"]) for fault in faults)) from None
    if document is not None:
        return document
    credential = members["credential"]
    if isinstance(credential, str):
        return submitted.of_text(credential, ours=ours)
    return submitted.of_member(credential)


def malformed(*faults: tuple[tuple[int | str, ...], str]) -> RequestValidationError:
    """Say which members are wrong, in the form in which every route says it."""
    return RequestValidationError([{"loc": ("body", *place), "msg": said} for place, said in faults])
