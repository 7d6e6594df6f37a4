"""Routes of verification: open to everybody, since anybody may be shown a credential."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.problems import documented
from app.verification import uploads
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
from app.verification.pictures import NoQrFound, PictureTooLarge, PictureUnreadable, SeveralQrFound
from app.verification.public import report_response, unreachable
from app.verification.schemas import REPORT, VerificationIn

PATH: Final = "/v1/verifications"
_TOKEN: Final[dict[str, Any]] = {"schema": {"type": "string"}}
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {"schema": VerificationIn.model_json_schema()},
        "application/vc+jwt": _TOKEN,
        "application/jwt": _TOKEN,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "The document, as text or JSON, or a PNG or JPEG of its QR code.",
                    }
                },
            }
        },
    },
}

router = APIRouter(tags=["verification"])


@router.post(
    PATH,
    openapi_extra={"requestBody": _BODY},
    responses={
        200: {"description": "The report", "content": {"application/json": {"schema": REPORT}}},
        **documented(
            NothingToVerify,
            NotOurs,
            NumberMistyped,
            CredentialNotFound,
            FileUnreadable,
            FileTooLarge,
            PictureUnreadable,
            PictureTooLarge,
            NoQrFound,
            SeveralQrFound,
        ),
    },
)
async def verify(request: Request) -> Response:
    """Verify a credential and report on it. What cannot be read as one is reported as `invalid`."""
    desk: Desk = request.app.state.desk
    desk.pace.require(request)
    submission = await uploads.of_request(request, public_url=desk.public_url)
    try:
        return report_response(await desk.on(submission))
    except RegisterUnreachable:
        raise unreachable() from None
