"""Routes of verification: open to everybody, since anybody may be shown a credential."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route

from app.problems import DEFAULT, documented
from app.verification import batches, uploads
from app.verification.desk import Desk
from app.verification.errors import (
    CredentialNotFound,
    FileTooLarge,
    FileUnreadable,
    NothingToVerify,
    NotOurs,
    NumberMistyped,
    RegisterUnreachable,
)
from app.verification.papers import PaperUnreadable
from app.verification.pictures import NoQrFound, PictureTooLarge, PictureUnreadable, SeveralQrFound
from app.verification.public import COUNTED, FAILED, private, unreachable
from app.verification.schemas import REPORT, REPORTS, BatchIn, VerificationIn
from app.verification.uploads import Batch
from app.verification.written import written
from app.web import PublicRoute

PATH: Final = "/v1/verifications"
_TOKEN: Final[dict[str, Any]] = {
    "schema": {"description": "The token, as text. What is none is reported as `invalid`."}
}
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [VerificationIn.model_json_schema(), BatchIn.model_json_schema()]}
        },
        "application/vc+jwt": _TOKEN,
        "application/jwt": _TOKEN,
        "application/jose+json": {
            "schema": {
                "title": "A JAdES seal in JSON",
                "description": "Of at most 1 MB, as any body that is not a form; a larger one is sent as "
                "`multipart/form-data`. What is no such seal is reported as `invalid`.",
            }
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "As text or JSON, or a PNG, JPEG or PDF with its QR code; of text at "
                        "most 128 KiB, of a sealed document in JSON and of pictures at most 10 MB.",
                    }
                },
            }
        },
    },
}

# It describes what a plain route answers: strangers have no key to be read, and get no slower answer for it.
description = APIRouter(tags=["verification"], responses=DEFAULT)


@description.post(
    PATH,
    openapi_extra={"requestBody": _BODY},
    responses={
        200: {
            "description": "The report; of several credentials, one for each, in their order",
            "content": {"application/json": {"schema": {"oneOf": [REPORT, REPORTS]}}},
        },
        **documented(
            NothingToVerify,
            NotOurs,
            NumberMistyped,
            CredentialNotFound,
            FileUnreadable,
            FileTooLarge,
            PictureUnreadable,
            PaperUnreadable,
            PictureTooLarge,
            NoQrFound,
            SeveralQrFound,
        ),
    },
)
async def verify(request: Request) -> Response:
    """Verify a credential, or up to a hundred. What cannot be read as one is reported as `invalid`."""
    desk: Desk = request.app.state.desk
    try:
        if FAILED in request.scope:
            raise request.scope[FAILED]
        if COUNTED not in request.scope:
            desk.pace.require(request)
        ours = await desk.addresses()
        submission = await uploads.of_request(request, ours=ours, charge=partial(desk.pace.charge, request))
        if isinstance(submission, Batch):
            if (more := batches.cost(submission.credentials, ours) - 1) > 0:
                desk.pace.require(request, times=more)
            async with batches.turn():
                return private(written({"reports": await batches.reports(desk, submission.credentials)}))
        return private(await desk.written_on(submission, plainly=COUNTED not in request.scope))
    except RegisterUnreachable:
        raise unreachable() from None


def routes() -> list[Route]:
    """Give the plain route, on the public road."""
    return [PublicRoute(PATH, verify, methods=["POST"])]


PATHS: Final[dict[str, Any]] = get_openapi(title="", version="", routes=description.routes)["paths"]
