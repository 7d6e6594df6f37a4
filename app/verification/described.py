"""The public road in OpenAPI: its plain routes describe themselves here, since no framework reads them."""

from http import HTTPStatus
from typing import Any, Final

from app.formats import published
from app.problems import DEFAULT, MEDIA_TYPE, SCHEMA, documented
from app.status.errors import ListNotFound
from app.verification.errors import CredentialNotFound, NumberMistyped
from app.verification.schemas import REPORT


def _path(
    summary: str,
    answer: str,
    content: dict[str, Any],
    *parameters: tuple[str, str, dict[str, Any]],
    refused: dict[int | str, dict[str, Any]] | None = None,
    pages: tuple[HTTPStatus, ...] = (),
) -> dict[str, Any]:
    problems = {str(status): problem for status, problem in (refused or {}).items()}
    # Where people read, what went wrong is a page too.
    problems |= {str(status.value): {"description": status.phrase, "content": _PAGE} for status in pages}
    return {
        "get": {
            "tags": ["public"],
            "summary": summary,
            "security": [],
            "parameters": [
                {"name": name, "in": "path", "required": True, "description": words, "schema": shape}
                for name, words, shape in parameters
            ],
            "responses": {"200": {"description": answer, "content": content}, **problems, **DEFAULT},
        }
    }


_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}
_OBJECT: Final = {"application/json": {"schema": {"type": "object"}}}
_TEXT: Final = {"type": "string"}


def _plain(status: HTTPStatus) -> dict[str, Any]:
    """Describe a refusal that its status says all about."""
    return {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA}}}


PATHS: Final[dict[str, Any]] = {
    "/v/{number}.json": _path(
        "Report on the credential that has this number: seven checks, each with its reason.",
        "The report. `valid` means that every required check ran and passed.",
        {"application/json": {"schema": REPORT}},
        ("number", "The number under the QR code. Case, spaces and look-alikes are forgiven.", _TEXT),
        refused=documented(CredentialNotFound, NumberMistyped),
    ),
    "/v/{number}": _path(
        "The same report as a page, in Italian or English.",
        "The page that the QR code opens.",
        _PAGE,
        ("number", "The number under the QR code.", _TEXT),
        pages=(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
    ),
    "/status/index.json": _path(
        "The newest status lists, for readers that keep them.",
        "Their numbers.",
        _OBJECT,
    ),
    "/status/{list}": _path(
        "A signed status list (IETF Token Status List), shared by many documents: two bits for each.",
        "The list token, as a compact JWS: 0 valid, 1 revoked, 2 suspended, 3 superseded.",
        {"application/statuslist+jwt": {"schema": _TEXT}},
        ("list", "The list's number.", {"type": "integer"}),
        refused=documented(ListNotFound),
    ),
    "/status/{list}-{purpose}": _path(
        "A signed status list (W3C Bitstring Status List), shared by many documents.",
        "The list credential, as a compact JWS.",
        {"application/vc+jwt": {"schema": _TEXT}},
        ("list", "The list's number.", {"type": "integer"}),
        ("purpose", "What a raised bit means.", {"type": "string", "enum": ["revocation", "suspension"]}),
        refused=documented(ListNotFound),
    ),
    "/audit-draws/{draw_id}.json": _path(
        "A draw of the renewals to be audited: what was promised beforehand, and what came of it.",
        "The record, by which anybody can hold the draw again. It names renewals by their ids alone.",
        _OBJECT,
        ("draw_id", "The id of the draw.", _TEXT),
        refused={404: _plain(HTTPStatus.NOT_FOUND)},  # it is for a later stage to say of what
    ),
    "/.well-known/jwks.json": _path(
        "All keys, current and retired.",
        "A JSON Web Key Set.",
        {"application/jwk-set+json": {"schema": {"type": "object"}}},
    ),
    "/.well-known/qr-keys": _path(
        "What offline QR codes are verified by: keys, and the bodies and schemes that they call by codes.",
        "The list, sealed, as a compact JWS; it holds for seven days.",
        {"application/jwt": {"schema": _TEXT}},
    ),
    "/.well-known/did.json": _path("The issuer's did:web document.", "A DID document.", _OBJECT),
    published.KEY_PATH: _path(
        "One key by its thumbprint (RFC 7638).",
        "One JSON Web Key. 410 where it was compromised: nobody is to verify with it.",
        {"application/jwk+json": {"schema": {"type": "object"}}},
        ("thumbprint", "As in the `kid` of a badge.", _TEXT),
        refused={status.value: _plain(status) for status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)},
    ),
    "/schemes/{id}": _path(
        "What a scheme asks of its candidates, as a page, in Italian or English.",
        "The page that documents name as their criteria.",
        _PAGE,
        ("id", "The scheme's name; it may contain slashes.", _TEXT),
        pages=(HTTPStatus.NOT_FOUND,),
    ),
    "/.well-known/oauth-authorization-server": _path(
        "What a client has to know to ask for tokens here (RFC 8414).",
        "The addresses, the ways to prove who one is, and the scopes that there are.",
        _OBJECT,
    ),
    "/metrics": _path(
        "Numbers of this process and of the register, for Prometheus.",
        "The numbers. Without the operator's `metrics_key` as a bearer token, there is no such page.",
        {"text/plain": {"schema": _TEXT}},
        refused={404: _plain(HTTPStatus.NOT_FOUND)},
    ),
    "/healthz": _path("Whether the process answers.", "It does.", _OBJECT),
    "/readyz": _path("Whether the database is there, and of the right form.", "It is.", _OBJECT),
}
