"""The public road for people: the page that a QR opens, the form beside it, and the files that pages need."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.days import local_day
from app.core.errors import Problem
from app.core.labels import Language
from app.core.numbers import CredentialNumber
from app.pages import render
from app.pages.assets import ASSETS, packed
from app.pages.headers import (
    ASSET_HEADERS,
    PUBLIC_HEADERS,
    SECURITY_HEADERS,
    SHELL_HEADERS,
    WORKER_HEADERS,
)
from app.pages.languages import language_of
from app.problems import Shown, status_of
from app.schemes.catalogue import catalogue
from app.schemes.scheme import SchemeStatus
from app.verification import submitted, uploads
from app.verification.answers import takes_gzip
from app.verification.desk import Desk
from app.verification.errors import RETRY_AFTER, CredentialNotFound, NumberMistyped, RegisterUnreachable
from app.verification.hosts import House
from app.verification.public import unreachable
from app.verification.rules import ROME
from app.web import PublicRoute

CONTRACT: Final = "/openapi.json"
REFERENCE: Final = "/api"
UNREADABLE: Final = "unreadable"
KEPT: Final = ("allow", "connection", "retry-after")  # what else a problem tells, in its headers
SAID: Final[Mapping[int, str]] = {503: "busy", 429: "hurried"}


def routes(desk: Desk) -> list[Route]:
    """Give the routes that answer with pages, the most asked first."""
    pages = Pages(desk)
    return [
        PublicRoute("/v/{number}", pages.of_number),
        PublicRoute("/v", pages.form, methods=["GET", "POST"]),
        PublicRoute("/", pages.home),
        PublicRoute("/schemes/{scheme_id:path}", pages.scheme),
        PublicRoute("/static/{name}", asset),
        PublicRoute("/sw.js", pages.service_worker),
        PublicRoute("/v/{number}/", pages.of_number),
        PublicRoute("/v/", pages.start),
    ]


def for_people(desk: Desk) -> Shown:
    """Show a page where a browser, outside the API, is about to get the problem document of a program."""

    def shown(request: Request, problem: Response) -> Response:
        programs = f"{request.scope['path']}/".startswith("/v1/")
        if programs or "text/html" not in request.headers.get("accept", ""):
            return problem
        page = render.instead_page(_language(request), problem.status_code, clock_offset=desk.clock_offset)
        told = {name: problem.headers[name] for name in KEPT if name in problem.headers}
        return _page(page, HTTPStatus(problem.status_code), {**told, "Vary": "Accept, Accept-Language"})

    return shown


class Pages:
    """What people see of the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def of_number(self, request: Request) -> Response:
        """Show what the register says of a number; an odd spelling leads to the right address."""
        language = _language(request)
        typed: str = request.path_params["number"]
        try:
            house = await self._desk.house(request)
            number = submitted.of_number(typed)
            if typed != str(number):
                return _redirect(_address(number, request), HTTPStatus.TEMPORARY_REDIRECT)
            self._desk.pace.require(request)
            report = await self._desk.about(number)
        except NumberMistyped:
            return self._mistyped(language, typed)
        except CredentialNotFound:
            page = render.not_found_page(language, clock_offset=self._desk.clock_offset)
            return _page(page, HTTPStatus.NOT_FOUND)
        except RegisterUnreachable:
            return self._unreachable(language)
        except HTTPException as hurried:
            return self._stopped(language, typed, hurried, house)
        address = f"{house.address}/v/{number}"
        return _page(render.verification_page(report, language, number=str(number), address=address))

    async def form(self, request: Request) -> Response:
        """Give the form, or take it: one address, so that it tells all of its methods (RFC 9110, 10.2.1)."""
        return await (self.submit if request.method == "POST" else self.start)(request)

    async def start(self, request: Request) -> Response:
        """Give the page that verifies on the reader's own device; it is the same for everybody."""
        try:
            house = await self._desk.house(request)
        except RegisterUnreachable:
            return self._unreachable(_language(request))
        return self._shell(_language(request), house, pack=takes_gzip(request))

    async def service_worker(self, request: Request) -> Response:
        """Serve what lets the page work without a network, at the one address from which it may."""
        try:
            house = await self._desk.house(request)
        except RegisterUnreachable:
            raise unreachable() from None
        script = render.service_worker(house.address, self._desk.clock_offset, house.others)
        return Response(script, media_type="text/javascript; charset=utf-8", headers=WORKER_HEADERS)

    async def home(self, request: Request) -> Response:
        offset = self._desk.clock_offset
        return _page(render.home_page(_language(request), documentation=REFERENCE, clock_offset=offset))

    async def scheme(self, request: Request) -> Response:
        """Show a scheme in its newest version, where documents say that their criteria are."""
        language, offset = _language(request), self._desk.clock_offset
        wanted, today = request.path_params["scheme_id"], local_day(self._desk.now, ROME)
        versions = [
            each
            for each in catalogue().schemes  # one that was retired is still named by its documents
            if each.id == wanted and each.status is not SchemeStatus.DRAFT and each.effective_from <= today
        ]
        if not versions:
            return _page(render.scheme_not_found_page(language, clock_offset=offset), HTTPStatus.NOT_FOUND)
        page = render.scheme_page(versions[-1], language, clock_offset=offset)
        return _page(page, more=PUBLIC_HEADERS)

    async def submit(self, request: Request) -> Response:
        """Take the form: a number leads to its page, a file is answered at once and not kept."""
        language = _language(request)
        typed = ""
        try:
            house = await self._desk.house(request)
        except RegisterUnreachable:
            return self._unreachable(language)
        try:
            self._desk.pace.require(request)
            async with uploads.form_of(request) as form:
                number, part = form.get(uploads.NUMBER), form.get(uploads.FILE)
                typed = number if isinstance(number, str) else ""
                if typed.strip():
                    address = _address(submitted.of_number(typed), request)
                    self._desk.pace.charge(request, -1)  # its page is the look-up, and counts
                    return _redirect(address)
                charge = partial(self._desk.pace.charge, request)
                ours = await self._desk.addresses()
                submission = await uploads.of_part(part, ours=ours, charge=charge)
            if isinstance(submission, CredentialNumber):
                return _redirect(_address(submission, request))
            report = await self._desk.on(submission)
        except (RegisterUnreachable, Problem, HTTPException, RequestValidationError) as stopped:
            return self._stopped(language, typed, stopped, house)
        return _page(render.verification_page(report, language))

    def _stopped(self, language: Language, typed: str, by: Exception, house: House) -> Response:
        match by:
            case NumberMistyped():
                return self._mistyped(language, typed)
            case Problem():
                return self._trouble(language, house, by.code, status_of(type(by)))
            case RequestValidationError():
                return self._trouble(language, house, UNREADABLE, HTTPStatus.UNPROCESSABLE_ENTITY)
            case HTTPException():
                code = SAID.get(by.status_code, UNREADABLE)
                return self._trouble(language, house, code, HTTPStatus(by.status_code), by.headers)
            case _:
                return self._unreachable(language)

    def _mistyped(self, language: Language, typed: str) -> Response:
        page = render.mistyped_page(language, typed, clock_offset=self._desk.clock_offset)
        return _page(page, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _unreachable(self, language: Language) -> Response:
        page = render.unreachable_page(language, clock_offset=self._desk.clock_offset)
        return _page(page, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": RETRY_AFTER})

    def _trouble(
        self,
        language: Language,
        house: House,
        code: str,
        status: HTTPStatus,
        more: Mapping[str, str] | None = None,
    ) -> Response:
        return self._shell(language, house, trouble=code, status=status, more=more)

    def _shell(
        self,
        language: Language,
        house: House,
        *,
        trouble: str | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        more: Mapping[str, str] | None = None,
        pack: bool = False,
    ) -> Response:
        page = render.start_page(
            language,
            site=house.address,
            others=house.others,
            trouble=trouble,
            clock_offset=self._desk.clock_offset,
        ).encode()
        headers = {**SHELL_HEADERS, "Vary": "Accept-Language, Accept-Encoding", **(more or {})}
        if pack:
            page, headers["Content-Encoding"] = packed(page), "gzip"
        return Response(page, status_code=status, media_type="text/html", headers=headers)


async def asset(request: Request) -> Response:
    """Serve one of the few files that pages need; the address itself tells which bytes they are."""
    found = ASSETS.get(f"/static/{request.path_params['name']}")
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = {**ASSET_HEADERS, "Vary": "Accept-Encoding"}
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _language(request: Request) -> Language:
    return language_of(request.headers.get("accept-language"), request.query_params.get("lang"))


def _address(number: CredentialNumber, request: Request) -> str:
    """Give the path of a number's page, in the language that was asked for by link."""
    asked = request.query_params.get("lang")
    return f"/v/{quote(str(number))}" + (f"?lang={asked}" if asked in {"it", "en"} else "")


def _redirect(to: str, status: HTTPStatus = HTTPStatus.SEE_OTHER) -> Response:
    return Response(status_code=status, headers={**SECURITY_HEADERS, "Location": to})


def _page(html: str, status: HTTPStatus = HTTPStatus.OK, more: Mapping[str, str] | None = None) -> Response:
    headers = {**SECURITY_HEADERS, **(more or {})}
    return Response(html, status_code=status, media_type="text/html", headers=headers)
