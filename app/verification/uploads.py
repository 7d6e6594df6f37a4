"""Taking in what a stranger sends, in any of the ways in which one can send it."""

from typing import Final

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from app.core.errors import JsonValue
from app.formats.strict import Malformed, read_object
from app.verification import pictures, submitted
from app.verification.errors import FileTooLarge, NothingToVerify
from app.verification.schemas import VerificationIn
from app.verification.submitted import MAX_TEXT, Submission

FILE: Final = "file"
NUMBER: Final = "number"
MAX_PARTS: Final = 4


async def of_request(request: Request, *, public_url: str) -> Submission:
    """Read the body of `POST /v1/verifications` by its media type; without a known one, by its content."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _of_form(request, public_url=public_url)
    body = await request.body()
    if not body:
        raise NothingToVerify
    if media_type == "application/json":
        return of_json(body, public_url=public_url)
    return await of_content(body, public_url=public_url)


async def _of_form(request: Request, *, public_url: str) -> Submission:
    async with request.form(max_files=1, max_fields=MAX_PARTS, max_part_size=MAX_TEXT) as form:
        if strange := sorted(set(form) - {FILE}):
            raise malformed(*(((name,), "no part of this name is asked for") for name in strange))
        return await of_part(form.get(FILE), public_url=public_url)


async def of_part(part: UploadFile | str | None, *, public_url: str) -> Submission:
    """Read the one part of a form that holds the file, or its text."""
    match part:
        case UploadFile():
            content = await part.read(pictures.MAX_BYTES + 1)
            if not content:
                raise NothingToVerify
            return await of_content(content, public_url=public_url)
        case str(text):
            return submitted.of_text(text, public_url=public_url)
        case None:
            raise NothingToVerify


async def of_content(content: bytes, *, public_url: str) -> Submission:
    """Read a file by its first bytes, never by its name. Pictures are unpacked in a thread."""
    if content.startswith((pictures.PNG, pictures.JPEG)):
        text = await run_in_threadpool(pictures.qr_text, content)
        return submitted.of_text(text, public_url=public_url)
    return submitted.of_bytes(content, public_url=public_url)


def of_json(body: bytes, *, public_url: str) -> Submission:
    """Read `{"credential": …}`, strictly: nothing else belongs there."""
    if len(body) > MAX_TEXT:
        raise FileTooLarge(f"Send a credential of at most {MAX_TEXT} bytes.", limit_bytes=MAX_TEXT)
    try:
        members: dict[str, JsonValue] = read_object(body, limit=MAX_TEXT)
    except Malformed as refused:
        raise malformed(((), refused.reason)) from None
    try:
        VerificationIn.model_validate(members)
    except ValidationError as refused:
        faults = refused.errors(include_input=False, include_url=False, include_context=False)
        raise malformed(*((fault["loc"][:1], fault["msg"]) for fault in faults)) from None
    credential = members["credential"]
    if isinstance(credential, str):
        return submitted.of_text(credential, public_url=public_url)
    return submitted.of_member(credential)


def malformed(*faults: tuple[tuple[int | str, ...], str]) -> RequestValidationError:
    """Say which members are wrong, in the form in which every route says it."""
    return RequestValidationError([{"loc": ("body", *place), "msg": said} for place, said in faults])
