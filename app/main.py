"""The one place where everything is put together: `create_app(ports)`, and the ports of a real service."""

import hmac
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.adapters import schema
from app.adapters.europass import EuropassWallet
from app.adapters.files import FolderFiles
from app.adapters.keycheck import ExpiryWatch
from app.adapters.keys import FileKeys
from app.adapters.mail import FolderMailer, SmtpMailer
from app.adapters.outbound import GuardedOutbound
from app.adapters.revocation import HttpRevocation
from app.adapters.scanner import ClamdScanner, NoScanner
from app.adapters.tokens import Tokens, tokens_of
from app.adapters.trustlists import FETCH_SECONDS, FETCH_STEP_SECONDS, FiledLists
from app.adapters.vault import FolderVault, Macs
from app.assessments.api import router as assessments
from app.batches import carrying
from app.batches import service as batch_service
from app.batches.api import router as batches
from app.contract import completed, problems
from app.core.clock import SystemClock
from app.core.db import connect
from app.credentials import delivering, issuing, naming, prolonging
from app.credentials.api import router as credentials
from app.credentials.gathering import Gathering
from app.decisions import minutes
from app.decisions.api import router as decisions
from app.dossiers import forgetting
from app.dossiers.api import router as dossiers
from app.events import announcing, sending, spreading
from app.events.api import described as described_webhooks
from app.events.api import router as events
from app.events.sending import ANSWER_SECONDS, POSTS, Courier
from app.oauth import api as oauth
from app.organisations import idempotency, notices
from app.organisations import queries as organisation_queries
from app.organisations.access import describe_access, refuse_undeclared
from app.organisations.api import router as organisations
from app.organisations.conventions import refuse_forgotten
from app.organisations.pace import ActorsPace
from app.outbox import trail
from app.outbox.hourly import Hourly
from app.outbox.messages import Message
from app.outbox.worker import Worker
from app.pages import public as pages
from app.pages.conventions import PARTS
from app.pages.reference import Reference
from app.ports import Clock, Hooks, Ports, RevocationValues, Signer, TimeStamps
from app.problems import DEFAULT, install
from app.renewal import bridging, draws, reminders, renewal_api
from app.renewal import queries as cpd_queries
from app.renewal.api import router as development
from app.renewal.renewal_api import router as renewals
from app.schemes.api import router as schemes
from app.settings import Settings
from app.status import publishing
from app.upkeep.mark import MarkKeeper
from app.upkeep.metrics import CONTENT_TYPE, Metrics
from app.verification import api as verification
from app.verification import lists as status_lists
from app.verification import public as verification_routes
from app.verification import vc_api
from app.verification.answers import Answer
from app.verification.described import PATHS
from app.verification.desk import Desk
from app.verification.lane import Lane
from app.verification.trust import anchors_in
from app.web import BodyLimit, PublicRoad, PublicRoute, RequestLines, RequestLog

VERSION: Final = "0.1.0"
NOT_KEPT: Final = {"Cache-Control": "no-store"}
UPLOAD_LIMIT: Final = 21_000_000  # the largest file that a scheme takes, and the form around it


class Service(FastAPI):
    """The application; its contract also tells of the plain routes of the public road."""

    lane: Lane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; what is asked for most goes past all that stands around the others."""
        still = receive if self.lane is None else await self.lane.taken(scope, receive, send)
        if still is not None:
            await super().__call__(scope, still, send)

    def openapi(self) -> dict[str, Any]:
        """Describe every operation, the public ones first."""
        document = super().openapi()
        if "Problem" not in document["components"]["schemas"]:
            describe_access(document, self.routes)
            described = json.loads(json.dumps({**PATHS, **verification.PATHS}))  # ours to write into
            document["paths"] = {**described, **document["paths"]}
            document["webhooks"] = described_webhooks()
            document["tags"] = [{"name": tag, "description": about.en} for tag, about in PARTS.items()]
            completed(document)
        return document


class ClockMovedWhileLive(RuntimeError):
    """The clock is offset although an organisation of this installation is live."""


def keys_of(settings: Settings, *, at: datetime, opened: bool = True) -> FileKeys:
    """Open the keys as the settings say: the folder, its passphrase, and the tokens that it may name.

    Without `opened`, keys that cannot be opened stand in nobody's way before they have to sign.
    """
    return FileKeys(
        settings.keys_folder,
        at=at,
        passphrase=_passphrase(settings),
        tokens=tokens_in(settings),
        opened=opened,
    )


def tokens_in(settings: Settings) -> Tokens | None:
    """Give the owner of the tokens, where the settings name their library."""
    if settings.token_library is None or settings.token_pin is None:
        return None
    return tokens_of(settings.token_library, settings.token_pin)


def time_stamps_of(settings: Settings, clock: Clock) -> TimeStamps | None:
    """Give the time-stamp authority, where the settings name one."""
    if settings.timestamp_url is None:
        return None
    from app.adapters.timestamps import HttpTimeStamps  # its library takes ten megabytes of every process

    return HttpTimeStamps(
        settings.timestamp_url.get_secret_value(), anchors=anchors_in(settings.timestamp_anchors), clock=clock
    )


def revocation_of(settings: Settings, signer: Signer, clock: Clock) -> RevocationValues | None:
    """Give what asks issuers about certificates, where time-stamps make their answers worth keeping."""
    if settings.timestamp_url is None:
        return None
    given = (*anchors_in(settings.anchors_folder), *anchors_in(settings.timestamp_anchors))
    return HttpRevocation(
        anchors=lambda: (*given, *signer.anchors()), clock=clock, origins=settings.revocation_origins
    )


def lists_of(settings: Settings, clock: Clock) -> FiledLists | None:
    """Open the trusted lists, where some are configured."""
    if not settings.trusted_lists:
        return None
    return FiledLists(
        settings.trusted_lists,
        signers=anchors_in(settings.trusted_list_signers),
        folder=settings.trusted_lists_folder,
        clock=clock,
        outbound=GuardedOutbound(total_seconds=FETCH_SECONDS, step_seconds=FETCH_STEP_SECONDS),
    )


def hooks_of(settings: Settings) -> Hooks:
    """Give what webhooks need: their own way out, so that slow receivers keep nobody else waiting."""
    return Hooks(
        GuardedOutbound(total_seconds=ANSWER_SECONDS, step_seconds=ANSWER_SECONDS, at_once=POSTS),
        FolderVault(settings.keys_folder, _passphrase(settings)),
    )


def vouching_of(settings: Settings, signer: Signer) -> Macs:
    """Give what knows again what was verified; where seals count, by a key that does not lie in clear."""
    counts = any(not key.development for key in signer.published())
    return Macs.of(settings.keys_folder, _passphrase(settings), counts=counts)


def _passphrase(settings: Settings) -> bytes | None:
    return settings.key_passphrase.get_secret_value().encode() if settings.key_passphrase else None


def lists_kept_up(ports: Ports, stop: threading.Event, *, refreshing: bool) -> threading.Thread:
    """Start the thread that keeps the trusted lists up to date; where there are none it ends at once."""
    source = ports.trusted_lists

    def keep_up() -> None:
        if source is not None:
            source.keep_up(stop, refreshing=refreshing)

    thread = threading.Thread(target=keep_up, name="trusted lists", daemon=True)
    thread.start()
    return thread


def production_ports(settings: Settings) -> Ports:
    """Make the real ports: database, keys, files, scanner, mail, clock."""
    clock = SystemClock(settings.clock_offset)
    signer = keys_of(settings, at=clock.now())
    return Ports(
        settings=settings,
        database=connect(settings.database_url, pool=settings.database_pool),
        clock=clock,
        signer=signer,
        files=FolderFiles(settings.files_folder),
        scanner=ClamdScanner(settings.clamd_socket) if settings.clamd_socket else NoScanner(),
        mailer=(
            SmtpMailer(settings.smtp_url.get_secret_value(), settings.sender, clock)
            if settings.smtp_url
            else FolderMailer(settings.mail_folder, settings.sender, clock)
        ),
        outbound=GuardedOutbound(),
        vouching=vouching_of(settings, signer),
        time_stamps=time_stamps_of(settings, clock),
        revocation=revocation_of(settings, signer, clock),
        wallet=(EuropassWallet(settings.europass_wallet_url) if settings.europass_wallet_url else None),
        trusted_lists=lists_of(settings, clock),
        hooks=hooks_of(settings),
    )


def worker(ports: Ports) -> Worker:
    """Make a worker that knows every duty, and every topic that does not wait for strangers.

    Duties and messages have a thread each, so each has a publisher of its own.
    """
    topics: Mapping[str, Callable[[Message], None]] = {
        **issuing.topics(ports),
        **publishing.topics(publishing.Publisher(ports), ports),
        **forgetting.topics(ports, cpd_queries.names, minutes.names),
        **reminders.topics(ports),
        **notices.topics(ports),
    }
    return Worker(
        ports.database,
        ports.clock,
        topics=topics,
        duties=(
            lambda: trail.append(ports.database),
            ExpiryWatch(ports.signer, ports.clock),
            publishing.Publisher(ports).keep_up,
            bridging.duty(ports),
            draws.duty(ports),
            reminders.duty(ports),
            MarkKeeper(ports.database, ports.clock, ports.settings.keys_folder),
            idempotency.duty(ports.database, ports.clock),
            announcing.duty(ports),
            lambda: spreading.duty(ports),
            spreading.ageing(ports),
            sending.righting(ports),
            Hourly(ports.clock, lambda at: batch_service.sweep(ports, at)),
        ),
    )


def patient_worker(ports: Ports) -> Worker:
    """Make a worker for what waits for strangers: however long they take, nothing else waits with it."""
    topics = {**prolonging.topics(ports), **delivering.topics(ports)}
    return Worker(ports.database, ports.clock, topics=topics, at_once=1)


def batch_worker(ports: Ports) -> Worker:
    """Make a worker for batches, a part at a time: what somebody asked for at once does not wait for them."""
    return Worker(ports.database, ports.clock, topics=carrying.topics(ports), at_once=1)


def working(ports: Ports, stop: threading.Event) -> list[threading.Thread]:
    """Start the workers of a process, which end once `stop` is set."""
    courier = () if ports.hooks is None else (("courier", Courier(ports.database, ports.clock, ports.hooks)),)
    threads = [
        threading.Thread(target=each.run, args=(stop,), name=name, daemon=True)
        for name, each in (
            ("worker", worker(ports)),
            ("patient", patient_worker(ports)),
            ("batches", batch_worker(ports)),
            *courier,
        )
    ]
    for thread in threads:
        thread.start()
    return threads


def check_clock(ports: Ports) -> None:
    """Refuse a moved clock as soon as anything that is issued here is meant."""
    if ports.clock.offset:
        with ports.database.reading() as session:
            if organisation_queries.any_live(session):
                raise ClockMovedWhileLive("SIGILLO_CLOCK_OFFSET is refused: an organisation here is live.")


@lru_cache(maxsize=1)
def _work_road() -> APIRouter:
    """Gather the routes that need a key, once for a process: the framework works a quarter second on them."""
    gathered = APIRouter(responses=DEFAULT)
    for router in (  # looked through in this order: what programs ask for most comes first
        credentials,
        organisations,
        schemes,
        dossiers,
        assessments,
        decisions,
        batches,
        vc_api.router,
        oauth.router,
        development,
        renewals,
        events,
    ):
        gathered.include_router(router)
    return gathered


async def _healthz(request: Request) -> Response:
    """Say that the process answers."""
    del request
    return JSONResponse({"status": "ok"})


def create_app(ports: Ports, *, request_lines: Callable[[str], object] | None = None) -> FastAPI:
    """Put the service together from its ports. It works with no others.

    `request_lines` takes the line that is written about each request, if anybody wants them.
    """
    desk, seen = Desk(ports), Metrics(ports)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        check_clock(ports)
        stop = threading.Event()
        threads = [lists_kept_up(ports, stop, refreshing=ports.settings.worker)]
        if ports.settings.worker:
            threads += working(ports, stop)
        else:
            ExpiryWatch(ports.signer, ports.clock)()
        await desk.open()
        async with ports.database.at_hand():
            yield
        await desk.close()
        stop.set()
        for thread in threads:
            thread.join(timeout=10)

    app = Service(
        title="Sigillo",
        version=VERSION,
        summary="Competency dossiers, committee decisions and signed credentials that anyone can verify.",
        responses=DEFAULT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # the framework would make it in the event loop, and write it anew each time
        redirect_slashes=False,  # they would lead wherever the Host header says
        # What it would tell a collector are addresses, and ours name numbers.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.ports = ports
    app.state.desk = desk
    app.state.gathering = Gathering(ports)
    app.state.require_room = naming.require_room
    app.state.pace = ActorsPace(ports.database, ports.settings)

    def readyz(request: Request) -> Response:
        """Say whether the service can do its work: the database is there, and of the right form."""
        del request
        current = schema.is_current(ports.database)
        return JSONResponse(
            {
                "status": "ready" if current else "not ready",
                "migrations": "current" if current else "missing",
            },
            status_code=200 if current else 503,
        )

    def metrics(request: Request) -> Response:
        """Give the numbers of this process and of the register to whoever has the key for them."""
        key = ports.settings.metrics_key
        _, _, given = request.headers.get("authorization", "").partition("Bearer ")
        if key is None or not hmac.compare_digest(given.encode(), key.get_secret_value().encode()):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(seen.written(), headers=NOT_KEPT, media_type=CONTENT_TYPE)

    @lru_cache(maxsize=1)
    def described() -> Answer:
        written = json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
        return Answer.made(written, "application/json", pack=True)

    def openapi(request: Request) -> Response:
        """Give the API's contract: worked out in a thread once it is asked for, and then kept."""
        return described().to(request)

    public_routes = [
        *verification_routes.routes(desk),
        *verification.routes(),
        *pages.routes(desk),
        *status_lists.routes(desk),
        *renewal_api.public_routes(ports),
        *oauth.public_routes(ports),
        PublicRoute("/healthz", _healthz),
        PublicRoute("/readyz", readyz),
        PublicRoute("/metrics", metrics),
        PublicRoute(pages.CONTRACT, openapi),
        *Reference(app.openapi, problems, ports.settings.public_url).routes(),
    ]
    app.router.routes.extend(_work_road().routes)
    shown = pages.for_people(desk)
    install(app, shown)
    refuse_undeclared(app, frozenset({*vc_api.PATHS, *oauth.PATHS}))
    refuse_forgotten(app)
    app.add_middleware(PublicRoad, routes=public_routes, handlers=app.exception_handlers)
    app.add_middleware(BodyLimit, uploads=UPLOAD_LIMIT, shown=shown)
    lines = RequestLines(request_lines, seen.count)
    app.add_middleware(RequestLog, note=lines.note)
    app.lane = Lane(desk, lines.note)
    return app


def contract() -> str:
    """Write the API's contract (OpenAPI 3.1), the same on every machine and with any settings."""
    with TemporaryDirectory() as folder:
        settings = Settings(
            public_url="https://sigillo.example.org",
            database_url=f"sqlite:///{folder}/sigillo.db",
            files_folder=Path(folder, "files"),
            keys_folder=Path(folder, "keys"),
            mail_folder=Path(folder, "mail"),
            worker=False,
        )
        ports = production_ports(settings)
        document = create_app(ports).openapi()
        ports.database.close()
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
