import asyncio
import json
import re
import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr
from sqlalchemy import update
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.adapters.outbound import STEP_SECONDS, GuardedOutbound
from app.adapters.trustlists import FETCH_SECONDS, FETCH_STEP_SECONDS
from app.core.db import connect
from app.main import ClockMovedWhileLive, check_clock, create_app, lists_of, production_ports
from app.organisations.access import every_route
from app.organisations.models import Mode, Organisation
from app.ports import Ports
from app.settings import Settings
from app.web import PublicRoad
from tests import make
from tests.conftest import START
from tests.fakes import SetClock
from tests.pki.authority import Pki


def test_the_contract_is_worked_out_once_and_nobody_waits_for_it(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(ports)
    expected = app.openapi()
    threads = []

    def openapi() -> dict[str, Any]:
        threads.append(threading.current_thread())
        return expected

    monkeypatch.setattr(app, "openapi", openapi)
    caller = make.caller(app)
    answer = caller.get("/openapi.json")
    again = caller.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})

    assert (answer.json(), again.status_code) == (json.loads(json.dumps(expected)), 304)
    [thread] = threads
    assert thread is not threading.main_thread()  # which is where the event loop runs


def test_a_moved_clock_is_refused_as_soon_as_any_organisation_is_live(ports: Ports) -> None:
    moved = replace(ports, clock=SetClock(ports.clock.now(), offset=timedelta(days=30)))
    with ports.database.writing() as session:
        founded = make.organisation(session, ports.clock.now())
    check_clock(moved)
    with ports.database.writing(founded.organisation.id) as session:
        session.execute(update(Organisation).values(mode=Mode.LIVE))
    check_clock(ports)
    with pytest.raises(ClockMovedWhileLive):
        check_clock(moved)


def test_the_service_says_whether_it_answers_and_whether_it_can_work(ports: Ports, tmp_path: Path) -> None:
    caller = make.caller(create_app(ports))
    assert caller.get("/healthz").json() == {"status": "ok"}
    assert caller.get("/readyz").status_code == 200
    empty = replace(ports, database=connect(f"sqlite:///{tmp_path}/empty.db"))
    unready = make.caller(create_app(empty)).get("/readyz")
    assert (unready.status_code, unready.json()["migrations"]) == (503, "missing")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/verifications", "application/json"),
        ("/v1/verifications", "multipart/form-data; boundary=x"),
        ("/v", "multipart/form-data; boundary=x"),
        ("/credentials/verify", "application/json"),
    ],
)
def test_whoever_hangs_up_halfway_leaves_a_line_and_raises_no_alarm(
    ports: Ports, path: str, media_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    coming: list[Message] = [
        {"type": "http.request", "body": b"--x", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        del message

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", media_type.encode()), (b"content-length", b"500")],
        "client": ("192.0.2.1", 1),
    }
    asyncio.run(create_app(ports, request_lines=lines.append)(scope, receive, send))

    assert [json.loads(line)["status"] for line in lines] == [499]
    assert not caplog.records


# What anybody may ask for without a key: an addition is meant, or it does not belong here.
PUBLIC: Final = {
    "POST": {"/v", "/v1/verifications"},
    "GET": {
        *("/", "/v", "/v/", "/v/{number}", "/v/{number}/", "/v/{number}.json"),
        *("/schemes/{scheme_id:path}", "/static/{name}", "/sw.js"),
        "/.well-known/oauth-authorization-server",
        *("/.well-known/jwks.json", "/.well-known/qr-keys", "/.well-known/did.json", "/keys/{thumbprint}"),
        *("/status/index.json", "/status/{name}", "/audit-draws/{draw_id}.json"),
        *("/healthz", "/readyz", "/metrics", "/openapi.json"),
        *("/api", "/api/{part}", "/problems", "/problems/{code}"),
    },
}


def public_road(app: FastAPI) -> dict[str, Any]:
    """What the public road of an application was made of."""
    [made_of] = [each.kwargs for each in app.user_middleware if "routes" in each.kwargs]
    return dict(made_of)


def test_every_route_that_asks_for_no_key_is_known(ports: Ports) -> None:
    routes = public_road(create_app(ports))["routes"]
    stands = Counter((method, route.path) for route in routes for method in route.methods - {"HEAD"})
    assert stands == Counter((method, path) for method, paths in PUBLIC.items() for path in paths)


@pytest.mark.parametrize("filled", ["x", "x.json"])
def test_the_public_road_stands_in_the_way_of_no_route_that_needs_a_key(ports: Ports, filled: str) -> None:
    app = create_app(ports)
    reached = []

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        reached.append((scope["method"], scope["path"]))

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        del message

    road = PublicRoad(framework, **public_road(app))
    asked = [
        (method, re.sub(r"\{.*?\}", filled, route.path))
        for route in every_route(app.routes)
        if isinstance(route, Route | APIRoute)
        for method in sorted(route.methods or ())
    ]
    assert len(asked) > 80
    for method, path in asked:
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
        asyncio.run(road(scope, receive, send))
    # What stands there for another method counts as well: it would answer that this one is not allowed.
    assert reached == asked


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v/DLE-26-7K3Q-F9XM-2T5H-65.json", "application/problem+json"),
        ("/status/999", "application/problem+json"),
        ("/status/x", "application/problem+json"),
        ("/audit-draws/x.json", "application/problem+json"),
        ("/keys/x", "text/html; charset=utf-8"),
        ("/status/x/y", "text/html; charset=utf-8"),
        ("/nowhere", "text/html; charset=utf-8"),
    ],
)
def test_a_browser_is_told_in_data_what_data_there_is_not_and_by_a_page_that_it_went_astray(
    ports: Ports, path: str, media_type: str
) -> None:
    answer = make.caller(create_app(ports)).get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, media_type)


def test_the_host_header_changes_no_address_that_we_give_out(ports: Ports) -> None:
    caller = make.caller(create_app(ports))
    for path in ("/.well-known/did.json", "/.well-known/jwks.json"):
        said = caller.get(path, headers={"Host": "evil.example.net"}).text
        assert "evil.example.net" not in said
        assert "sigillo.example.org" in said


def test_a_service_asks_for_time_stamps_only_where_an_authority_is_named(tmp_path: Path) -> None:
    anchors = tmp_path / "stamps"
    anchors.mkdir()
    (anchors / "root.pem").write_bytes(Pki(START).stamp_root.certificate.public_bytes(Encoding.PEM))
    given = Settings(
        database_url=f"sqlite:///{tmp_path}/sigillo.db",
        files_folder=tmp_path / "files",
        keys_folder=tmp_path / "keys",
        mail_folder=tmp_path / "mail",
    )
    named = {"timestamp_url": SecretStr("https://tsa.example.org"), "timestamp_anchors": anchors}
    for settings, expected in ((given, False), (given.model_copy(update=named), True)):
        ports = production_ports(settings)
        ports.database.close()
        assert (ports.time_stamps is not None, ports.revocation is not None) == (expected, expected)


def test_servers_of_lists_are_given_more_time_than_others_for_all_and_for_each_step() -> None:
    settings = Settings().model_copy(update={"trusted_lists": ("https://lists.example.org/lotl.xml",)})
    assert lists_of(Settings(), SetClock(START)) is None
    kept = lists_of(settings, SetClock(START))
    assert kept is not None
    outbound = kept._outbound
    assert isinstance(outbound, GuardedOutbound)
    assert (outbound._total, outbound._step) == (FETCH_SECONDS, FETCH_STEP_SECONDS)
    assert outbound._step > STEP_SECONDS
