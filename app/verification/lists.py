"""The public addresses of status lists: from memory, whole, to anybody and from any page."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.status.errors import ListNotFound
from app.verification.desk import Desk
from app.verification.errors import RegisterUnreachable
from app.verification.public import unreachable
from app.web import PublicRoute

INDEX: Final = "/status/index.json"
PATH: Final = "/status/{name}"
# Never more than ten digits: turning them into a number has a limit, and the database has one before that.
_NAME: Final = re.compile("([1-9][0-9]{0,9})(?:-(revocation|suspension))?")
_LAST: Final = 2**31 - 1


def routes(desk: Desk) -> list[Route]:
    """Give the route of status lists, a token list by its number and a bitstring by its purpose as well."""

    async def status_list(request: Request) -> Response:
        """Give a whole list; nobody learns about whom it was fetched."""
        name = _NAME.fullmatch(request.path_params["name"])
        if name is None or int(name[1]) > _LAST:
            raise ListNotFound("There is no such status list.")
        try:
            return (await desk.status_list(int(name[1]), name[2] or "token")).to(request)
        except RegisterUnreachable:
            raise unreachable() from None

    async def index(request: Request) -> Response:
        """Name the lists, so that a device can take all of them along and verify without a network."""
        try:
            return (await desk.lists()).to(request)
        except RegisterUnreachable:
            raise unreachable() from None

    return [PublicRoute(INDEX, index), PublicRoute(PATH, status_list)]
