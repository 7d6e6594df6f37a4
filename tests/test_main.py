import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from starlette.types import Message

from app.core.db import connect
from app.main import ClockMovedWhileLive, check_clock, create_app
from app.organisations.models import Mode, Organisation
from app.ports import Ports
from tests import make
from tests.fakes import SetClock


def test_a_moved_clock_is_refused_as_soon_as_any_organisation_is_live(ports: Ports) -> None:
    moved = replace(ports, clock=SetClock(ports.clock.now(), offset=timedelta(days=30)))
    with ports.database.writing() as session:
        make.organisation(session, ports.clock.now())
    check_clock(moved)
    with ports.database.writing() as session:
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


def test_the_host_header_changes_no_address_that_we_give_out(ports: Ports) -> None:
    caller = make.caller(create_app(ports))
    for path in ("/.well-known/did.json", "/.well-known/jwks.json"):
        said = caller.get(path, headers={"Host": "evil.example.net"}).text
        assert "evil.example.net" not in said
        assert "sigillo.example.org" in said
