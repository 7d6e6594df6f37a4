"""The two verifying routes of the W3C VC API, at the addresses that its clients expect."""

import json
from http import HTTPStatus
from time import monotonic
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field, ValidationError

from app.core.errors import JsonValue, Problem
from app.formats.jose import MAX_TOKEN, open_compact
from app.formats.strict import Malformed, read_object
from app.verification import batches, submitted
from app.verification.desk import Desk
from app.verification.details import MALFORMED, PARSING, Judged, judged, problem, proves
from app.verification.errors import FileTooLarge, RegisterUnreachable
from app.verification.foreign import PATIENCE_SECONDS
from app.verification.presenting import MAX_PRESENTATION, Presented
from app.verification.public import PRIVATE, unreachable
from app.verification.submitted import Token
from app.verification.uploads import malformed
from app.web import Wire

CREDENTIALS: Final = "/credentials/verify"
PRESENTATIONS: Final = "/presentations/verify"
PATHS: Final = (CREDENTIALS, PRESENTATIONS)
MAX_BODY: Final = 2 * MAX_PRESENTATION

_DETAILS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "title", "detail"],
        "properties": {name: {"type": "string"} for name in ("type", "title", "detail")},
    },
}
_ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["verified", "problemDetails", "errors", "warnings"],
    "properties": {
        "verified": {"type": "boolean"},
        "problemDetails": _DETAILS,
        "errors": _DETAILS,
        "warnings": _DETAILS,
        "credential": {"type": "object", "description": "What was signed, unchanged; only once proven."},
        "presentation": {"type": "object"},
        "credentialResults": {"type": "array", "items": {"type": "object"}},
    },
}


class OptionsIn(Wire):
    """What a presentation must have been made for."""

    challenge: Annotated[str | None, Field(max_length=1024)] = None
    domain: Annotated[str | list[str] | None, Field(max_length=1024)] = None


class CredentialIn(Wire):
    """A signed credential, as text or enveloped."""

    verifiableCredential: str | dict[str, Any]  # noqa: N815 - the VC API's own name
    options: dict[str, Any] = Field(default_factory=dict, description="Taken, and not needed.")


class PresentationIn(Wire):
    """A signed presentation, as text or enveloped."""

    verifiablePresentation: str | dict[str, Any]  # noqa: N815 - the VC API's own name
    options: dict[str, Any] = Field(default_factory=dict)


router = APIRouter(tags=["verification"])


def _described(model: type[Wire]) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": model.model_json_schema()}},
        }
    }


def _answers(what: str) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": _ANSWER}}
    return {
        200: {"description": f"The {what} is verified", "content": content},
        400: {"description": f"The {what} is not verified; `errors` say why not", "content": content},
    }


@router.post(CREDENTIALS, openapi_extra=_described(CredentialIn), responses=_answers("credential"))
async def verify_credential(request: Request) -> Response:
    """Verify a credential as the W3C VC API has it: on proof, dates and status; trust is for the caller.

    A proof counts where its key is that of the issuer who is named: published by it, or borne out by a chain.
    """
    desk: Desk = request.app.state.desk
    desk.pace.require(request)
    given = _read(await request.body(), CredentialIn)
    return _response(await _credential(desk, given["verifiableCredential"]))


@router.post(PRESENTATIONS, openapi_extra=_described(PresentationIn), responses=_answers("presentation"))
async def verify_presentation(request: Request) -> Response:
    """Verify a presentation, and each credential in it; `challenge` and `domain` must be those it names."""
    desk: Desk = request.app.state.desk
    desk.pace.require(request)
    given = _read(await request.body(), PresentationIn)
    try:
        asked = OptionsIn.model_validate(
            {
                name: value
                for name, value in given.get("options", {}).items()
                if name in OptionsIn.model_fields
            }
        )
    except ValidationError:
        raise malformed((("options",), "`challenge` and `domain` are texts")) from None
    domains = [asked.domain] if isinstance(asked.domain, str) else asked.domain
    text = submitted.presented(given["verifiablePresentation"])
    ends = monotonic() + batches.PATIENCE_FOR_ALL_SECONDS
    shown = await Presented.read(desk, text, challenge=asked.challenge, domains=domains)
    if (more := len(shown.credentials) - 1) > 0:
        desk.pace.require(request, times=more)
    async with batches.turn(batches.OF_PRESENTATIONS):
        results = [
            await _credential(desk, credential, patience=max(0.0, min(PATIENCE_SECONDS, ends - monotonic())))
            for credential in shown.credentials
        ]
    verified = shown.judged.verified and all(each["verified"] for each in results)
    answer: dict[str, JsonValue] = {
        **shown.judged.as_json(),
        "verified": verified,
        "credentialResults": [*results],
    }
    return _response(answer | ({"presentation": shown.payload} if shown.proven else {}))


async def _credential(
    desk: Desk, credential: JsonValue, *, patience: float = PATIENCE_SECONDS
) -> dict[str, JsonValue]:
    submission = submitted.of_member(credential)
    try:
        report, examined = await desk.on_text(submission.text, patience=patience, bind=True)
    except RegisterUnreachable:
        raise unreachable() from None
    except Problem as refused:
        return Judged([problem(MALFORMED, refused.code, refused.detail)]).as_json()
    payload = _payload(submission)
    if isinstance(credential, dict) and "proof" in credential:
        said = problem(PARSING, "proof", "Embedded proofs are not read here: send an enveloped credential.")
        return Judged([said]).as_json()
    bound = examined.bound or examined.key is not None
    answer = judged(report, payload, bound=bound)
    return answer.as_json() | ({"credential": payload} if payload and proves(report, bound=bound) else {})


def _payload(token: Token) -> dict[str, JsonValue] | None:
    try:
        return open_compact(token.text, limit=MAX_TOKEN).payload
    except Malformed:
        return None


def _read(body: bytes, model: type[Wire]) -> dict[str, Any]:
    if len(body) > MAX_BODY:
        raise FileTooLarge(f"Send at most {MAX_BODY} bytes.", limit_bytes=MAX_BODY)
    try:
        members: dict[str, Any] = read_object(body, limit=MAX_BODY)
    except Malformed as refused:
        raise malformed(((), refused.reason)) from None
    try:
        model.model_validate(members)
    except ValidationError as refused:
        faults = refused.errors(include_input=False, include_url=False, include_context=False)
        raise malformed(*((fault["loc"][:1], fault["msg"]) for fault in faults)) from None
    return members


def _response(answer: dict[str, JsonValue]) -> Response:
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    status = HTTPStatus.OK if answer["verified"] else HTTPStatus.BAD_REQUEST
    return Response(body, status_code=status, media_type="application/json", headers=PRIVATE)
