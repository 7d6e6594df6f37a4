"""OAuth 2.0 for programs: tokens by client credentials, their end, and where all of it is described."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.core.errors import JsonValue
from app.core.ids import pattern
from app.formats.strict import write_json
from app.oauth import service
from app.oauth.assertions import ALGORITHMS, read_jwks
from app.oauth.errors import Reason, Refused
from app.oauth.forms import MAX_FORM, Proof, proof_of, read_form
from app.organisations import clients
from app.organisations import service as organisations
from app.organisations.access import MACHINE_SCOPES, CurrentActor, Db, needs
from app.organisations.conventions import ApiRoute, Creating
from app.organisations.errors import (
    ClientNotFound,
    JwkNotFound,
    JwkNotUsable,
    JwkTaken,
    OrganisationNotFound,
    PermissionMissing,
    ScopeNotGrantable,
    TooManyProofs,
)
from app.organisations.models import ClientJwk
from app.organisations.rules import Permission
from app.organisations.schemas import ClientPath, JwkOut, OrganisationId
from app.ports import Ports
from app.problems import documented
from app.verification.answers import Answer
from app.verification.desk import Desk
from app.web import Now, PublicRoute

ASKING: Final = "/oauth/token"
REVOCATION: Final = "/oauth/revoke"
METADATA: Final = "/.well-known/oauth-authorization-server"
PATHS: Final = (ASKING, REVOCATION)
METHODS: Final = ("client_secret_basic", "client_secret_post", "private_key_jwt")
# A wrong guess counts as so many questions: whoever is mistaken is let through, whoever tries on has to wait.
A_GUESS: Final = 10

_PROOF: Final[dict[str, Any]] = {
    "client_id": {"type": "string"},
    "client_secret": {"type": "string"},
    "client_assertion_type": {"type": "string"},
    "client_assertion": {"type": "string"},
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "enum": [reason.value for reason in Reason]},
        "error_description": {"type": "string"},
    },
}
_TOKEN_OUT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": {"type": "string"},
        "token_type": {"type": "string", "const": "Bearer"},
        "expires_in": {"type": "integer"},
        "scope": {"type": "string", "description": "Names, with a space between them."},
    },
}

router = APIRouter(tags=["oauth"], route_class=ApiRoute)


def _described(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": {**properties, **_PROOF}}
    content = {"application/x-www-form-urlencoded": {"schema": schema}}
    # Basic is one way in which a client proves itself; the form holds the others.
    return {"requestBody": {"required": True, "content": content}}


def _answers(granted: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    refused = {"application/json": {"schema": _ERROR}}
    return {
        200: granted,
        400: {"description": "Refused, as RFC 6749, 5.2 says", "content": refused},
        401: {"description": "The client did not prove itself", "content": refused},
    }


@router.post(
    ASKING,
    openapi_extra=_described(
        {"grant_type": {"type": "string", "const": "client_credentials"}, "scope": {"type": "string"}},
        ["grant_type"],
    ),
    responses=_answers({"description": "The token", "content": {"application/json": {"schema": _TOKEN_OUT}}}),
)
async def token(request: Request) -> Response:
    """Give a client a token for an hour (RFC 6749, 4.4): by Basic, in the form, or by a signed assertion."""

    def asked(ports: Ports, form: dict[str, str], proof: Proof) -> Response:
        if "grant_type" not in form:
            raise Refused(Reason.INVALID_REQUEST, "`grant_type` is missing.")
        if form["grant_type"] != "client_credentials":
            raise Refused(Reason.UNSUPPORTED_GRANT_TYPE, "Only `client_credentials` is granted here.")
        granted = service.grant(
            ports.database, proof, form.get("scope"), audiences=_audiences(ports), at=ports.clock.now()
        )
        return _answer(
            200,
            {
                "access_token": granted.token,
                "token_type": "Bearer",
                "expires_in": granted.expires_in,
                "scope": " ".join(granted.scopes),
            },
        )

    return await _dealt_with(request, asked)


@router.post(
    REVOCATION,
    response_class=Response,  # RFC 7009, 2.2: what counts is the status, and there is no body
    openapi_extra=_described({"token": {"type": "string"}, "token_type_hint": {"type": "string"}}, ["token"]),
    responses=_answers({"description": "The token opens nothing any more, if it ever did"}),
)
async def revoke(request: Request) -> Response:
    """End a token now (RFC 7009), on every process. One that is not known needs no ending."""

    def asked(ports: Ports, form: dict[str, str], proof: Proof) -> Response:
        if "token" not in form:
            raise Refused(Reason.INVALID_REQUEST, "`token` is missing.")
        service.revoke(
            ports.database, proof, form["token"], audiences=_audiences(ports), at=ports.clock.now()
        )
        return Response(headers={"Cache-Control": "no-store"})

    return await _dealt_with(request, asked)


async def _dealt_with(
    request: Request, asked: Callable[[Ports, dict[str, str], Proof], Response]
) -> Response:
    """Read what a client sends, deal with it in a thread, and say in the words of OAuth what is refused."""
    desk: Desk = request.app.state.desk
    desk.pace.require(request)
    try:
        form = read_form(request.headers.get("content-type", ""), await _body(request))
        proof = proof_of(form, request.headers.get("authorization"))
        return await run_in_threadpool(asked, request.app.state.ports, dict(form), proof)
    except Refused as refused:
        unknown = refused.reason is Reason.INVALID_CLIENT
        if unknown:
            desk.pace.charge(request, A_GUESS - 1)
        answer = _answer(
            401 if unknown else 400,
            {"error": refused.reason.value, "error_description": refused.description},
        )
        if unknown:
            answer.headers["WWW-Authenticate"] = 'Basic realm="oauth"'
        return answer


async def _body(request: Request) -> bytes:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_FORM:
            raise Refused(Reason.INVALID_REQUEST, f"A form has {MAX_FORM} bytes at most.")
    return bytes(read)


def _answer(status: int, members: dict[str, JsonValue]) -> Response:
    """Answer with JSON that no cache keeps (RFC 6749, 5.1)."""
    return JSONResponse(members, status, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def _audiences(ports: Ports) -> tuple[str, str]:
    """Whom an assertion may be made for: this server, by its name or by where it is asked."""
    return ports.settings.public_url, f"{ports.settings.public_url}{ASKING}"


def public_routes(ports: Ports) -> list[Route]:
    """Give the route at which clients learn how to ask for tokens here (RFC 8414)."""
    issuer = ports.settings.public_url
    described = Answer.made(
        write_json(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}{ASKING}",
                "revocation_endpoint": f"{issuer}{REVOCATION}",
                "response_types_supported": [],
                "grant_types_supported": ["client_credentials"],
                "scopes_supported": [*MACHINE_SCOPES],
                "token_endpoint_auth_methods_supported": [*METHODS],
                "token_endpoint_auth_signing_alg_values_supported": [*ALGORITHMS],
                "revocation_endpoint_auth_methods_supported": [*METHODS],
                "revocation_endpoint_auth_signing_alg_values_supported": [*ALGORITHMS],
            }
        ),
        "application/json",
        pack=True,
    )

    async def metadata(request: Request) -> Response:
        return described.to(request)

    return [PublicRoute(METADATA, metadata)]


JwkId = Annotated[str, Path(pattern=pattern("jwk"))]
JwksIn = Annotated[
    dict[str, Any], Body(description="A JWK, or a JWK Set with `keys` (RFC 7517); public alone.")
]


@router.post(
    "/v1/organisations/{organisation}/clients/{client}/jwks",
    status_code=201,
    response_model=list[JwkOut],
    dependencies=[needs(Permission.KEYS_WRITE)],
    responses=documented(
        PermissionMissing,
        OrganisationNotFound,
        ClientNotFound,
        TooManyProofs,
        JwkTaken,
        JwkNotUsable,
        ScopeNotGrantable,
    ),
)
def add_jwks(
    db: Creating,
    now: Now,
    actor: CurrentActor,
    organisation: OrganisationId,
    client: ClientPath,
    asked: JwksIn,
) -> list[ClientJwk]:
    """Register public keys that a client signs assertions with; `alg` says which algorithm a key is for."""
    organisations.own_organisation(db, organisation, by=actor)
    return clients.add_jwks(db, client, read_jwks(asked), by=actor, at=now)


@router.delete(
    "/v1/organisations/{organisation}/clients/{client}/jwks/{jwk}",
    status_code=204,
    dependencies=[needs(Permission.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, ClientNotFound, JwkNotFound),
)
def remove_jwk(
    db: Db, now: Now, actor: CurrentActor, organisation: OrganisationId, client: ClientPath, jwk: JwkId
) -> None:
    """Take a public key from a client, and every token that was given for it."""
    organisations.own_organisation(db, organisation, by=actor)
    clients.remove_jwk(db, client, jwk, by=actor, at=now)
