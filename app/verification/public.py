"""The public road for programs: the report of a number, and the keys by which anyone can check without us."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.formats import published
from app.ports import KeyNotUsable
from app.status.errors import SigningFailed
from app.verification.answers import Answer
from app.verification.desk import Desk
from app.verification.errors import RETRY_AFTER, RegisterUnreachable
from app.verification.hosts import House
from app.verification.written import written
from app.web import PublicRoute

# Answers that name a person: nothing of them may stay behind on the way.
PRIVATE: Final[Mapping[str, str]] = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}


# Written once: for each answer anew they would cost a tenth of it.
PRIVATE_WRITTEN: Final = tuple(
    (name.lower().encode("latin-1"), value.encode("latin-1"))
    for name, value in {**PRIVATE, "Content-Type": "application/json"}.items()
)
REPORT: Final = "/v/{number}.json"
# Of a request's scope, after a shorter way: what went wrong there and is to be said, or that it was counted.
FAILED: Final = "sigillo.failed"
COUNTED: Final = "sigillo.counted"


class _Private(Response):
    """JSON with these headers."""

    def __init__(self, content: bytes) -> None:
        self.status_code = HTTPStatus.OK.value
        self.background = None
        self.body = content
        self.raw_headers = [*PRIVATE_WRITTEN, (b"content-length", b"%d" % len(content))]


def private(content: bytes) -> Response:
    """Answer with JSON that may name a person: nothing of it may stay behind on the way."""
    return _Private(content)


def unreachable() -> HTTPException:
    """Say that no answer is to be had just now; an old one might be wrong by now."""
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": RETRY_AFTER})


def _one_key(desk: Desk, thumbprint: str, house: House) -> Answer:
    keys = house.keys_of(desk.keyring.published)
    key = next((each for each in keys if each.thumbprint == thumbprint), None)
    if key is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    if key.compromised_at:
        raise HTTPException(HTTPStatus.GONE)  # whoever would verify with it asks us instead
    said = published.jwk(key, published.key_url(house.address, thumbprint))
    return Answer.made(written(said), "application/jwk+json")


async def _asked_at(desk: Desk, request: Request) -> House:
    try:
        return await desk.house_of_keys(request)
    except RegisterUnreachable:
        raise unreachable() from None


def routes(desk: Desk) -> list[Route]:
    """Give the routes of the public road for programs, the most asked first."""

    async def report(request: Request) -> Response:
        """Report on the credential that has this number."""
        try:
            if FAILED in request.scope:
                raise request.scope[FAILED]
            desk.pace.require(request)
            return private(await desk.written_about(request.path_params["number"]))
        except RegisterUnreachable:
            raise unreachable() from None

    async def key_set(request: Request) -> Response:
        """Publish every key that speaks here, those that retired included, as a JWK set."""
        return desk.key_set(await _asked_at(desk, request)).to(request)

    async def qr_keys(request: Request) -> Response:
        """Publish the keys of offline QR codes, under the seal that verifiers know."""
        try:
            return (await desk.qr_keys(await desk.house_of_keys(request))).to(request)
        except (RegisterUnreachable, SigningFailed, KeyNotUsable):
            raise unreachable() from None

    async def did_document(request: Request) -> Response:
        """Publish the DID document that documents name their keys in."""
        return desk.did_document(await _asked_at(desk, request)).to(request)

    async def key(request: Request) -> Response:
        """Publish one key as one JWK, at the address that badges name."""
        wanted = request.path_params["thumbprint"]
        return _one_key(desk, wanted, await _asked_at(desk, request)).to(request)

    return [
        PublicRoute(REPORT, report),
        PublicRoute("/.well-known/jwks.json", key_set),
        PublicRoute("/.well-known/qr-keys", qr_keys),
        PublicRoute("/.well-known/did.json", did_document),
        PublicRoute(published.KEY_PATH, key),
    ]
