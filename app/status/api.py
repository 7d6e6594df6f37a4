"""The public address of status lists."""

import re
from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.formats.claims import Purpose
from app.ports import Ports
from app.status import queries
from app.status.errors import ListNotFound
from app.status.models import PublishedList
from app.status.publishing import KEPT_BY_READERS
from app.web import PublicRoute

MEDIA_TYPE: Final = "application/vc+jwt"
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
_NUMBER: Final = re.compile("[0-9]{1,10}")  # never longer: turning digits into a number has a limit
PATH: Final = "/status/{list_id}-{purpose}"


def routes(ports: Ports) -> list[Route]:
    """Make the route that anybody, from any page, may fetch a list at."""

    def status_list(request: Request) -> Response:
        found = _found(ports, request)
        headers = {
            "Cache-Control": f"public, max-age={int(KEPT_BY_READERS.total_seconds())}",
            "Access-Control-Allow-Origin": "*",
            "ETag": _etag(found),
        }
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.token, media_type=MEDIA_TYPE, headers=headers)

    return [PublicRoute(PATH, status_list)]


def _found(ports: Ports, request: Request) -> PublishedList:
    asked = request.path_params["purpose"]
    purpose = next((purpose for purpose in PURPOSES if purpose == asked), None)
    number = _NUMBER.fullmatch(request.path_params["list_id"])
    if purpose is None or number is None or int(number[0]) >= 2**31:
        raise ListNotFound("There is no such status list.")
    with ports.database.reading() as session:
        return queries.published(session, int(number[0]), purpose)


def _etag(published: PublishedList) -> str:
    """Name a form by its version and its signing: the same bits signed again are other bytes."""
    return f'"{published.version}.{int(published.signed_at.timestamp())}"'
