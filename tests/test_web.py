import ast
import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

import app as house
from app import problems
from app.core.errors import NotFound
from app.organisations.access import refuse_undeclared
from app.organisations.schemas import MembershipNumber
from app.web import (
    LOGGED,
    BodyLimit,
    Comment,
    Day,
    Instant,
    JsonLines,
    Line,
    RequestLines,
    RequestLog,
    Text,
    log_to_stderr,
)
from tests import make


def test_a_route_that_declares_no_permission_keeps_the_service_from_starting() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    router = APIRouter(prefix="/v1")

    @router.get("/open-door")
    def open_door() -> None:
        """Let anybody in."""

    app.include_router(router)
    with pytest.raises(RuntimeError, match="/v1/open-door declares no permission"):
        refuse_undeclared(app, frozenset())
    refuse_undeclared(app, frozenset({"/v1/open-door"}))


@pytest.mark.parametrize("value", ["", " ", "a\x00b", "a\x1bb", "\ud800", "a\x7fb", "x" * 8001, 7, None])
def test_text_that_no_person_types_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(value, strict=True)


@pytest.mark.parametrize("value", ["two\nlines", "a\tb"])
def test_a_line_is_one_line(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(value)


def test_names_are_kept_in_one_form_of_unicode() -> None:
    assert TypeAdapter(Line).validate_python(" Nicolo\u0300 ") == "Nicolò"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Ma\u200brio\ufeff Ros\u00adsi\u2060", "Mario Rossi"),
        ("\u202eissoR oiraM\u202c", "issoR oiraM"),
        ("Ma\u200crio\u200d", "Mario"),  # joins nothing in Latin
        (
            "\u200d\u0645\u06cc\u200c\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0dc1\u0dca\u200d\u0dbb\u0dd3"),
        ("o\u200b\u0300", "\u00f2"),
    ],
    ids=ascii,
)
def test_what_nobody_sees_is_dropped_from_a_line_and_what_joins_letters_stays(sent: str, kept: str) -> None:
    assert TypeAdapter(Line).validate_python(sent) == kept


@pytest.mark.parametrize(
    "value",
    [
        *("\u200b", "\u2060 \u200d", "a\u2028b"),
        *("\u2800", "\u3164 \u115f", "\u0301", "\uffa0\u0301"),
    ],
)
def test_a_line_can_be_seen_and_is_one(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "length"), [(Text, 8000), (Comment, 8000), (Line, 200), (MembershipNumber, 40)]
)
def test_a_text_that_normalising_makes_too_long_is_refused(kind: Any, length: int) -> None:
    comes_apart = "\U0001d160"  # a musical note: one character that NFC writes with three

    assert len(TypeAdapter(kind).validate_python(comes_apart * (length // 3))) <= length
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(comes_apart * length)


@pytest.mark.parametrize("value", [1, 1.5, "2026-1-1", "2026-02-30", "20260101", True, "2026-01-01T00:00:00"])
def test_a_day_is_written_in_one_way_only(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_python(value)


@pytest.mark.parametrize("value", [0, "2026-01-01T10:00:00", "2026-01-01", "9999-12-31T23:59:59-14:00"])
def test_an_instant_says_its_offset(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python(value)


def test_days_and_instants_are_read() -> None:
    assert TypeAdapter(Day).validate_python("2026-11-20") == date(2026, 11, 20)
    assert TypeAdapter(Instant).validate_python("2026-11-20T10:00:00+01:00") == datetime(
        2026, 11, 20, 9, tzinfo=UTC
    )


def application(limit: int = 100) -> FastAPI:
    app = FastAPI()
    app.router.redirect_slashes = False

    @app.post("/echo")
    def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    @app.get("/broken/{name}")
    def broken(name: str) -> None:
        raise ValueError(name)

    @app.get("/missing/{name}")
    def missing(name: str) -> None:
        del name
        raise NotFound("There is no such thing.", hint="look elsewhere")

    problems.install(app)
    app.add_middleware(BodyLimit, limit=limit, uploads=200)
    app.add_middleware(RequestLog)
    return app


def test_a_body_that_is_too_long_is_refused_whether_it_says_so_or_not() -> None:
    caller = make.caller(application())
    said = caller.post(
        "/echo", content=json.dumps({"a": "x" * 200}), headers={"Content-Type": "application/json"}
    )
    assert (said.status_code, said.json()["code"]) == (413, "too-large")

    async def pieces() -> Any:
        for _ in range(30):
            yield b"x" * 10

    streamed = caller.post("/echo", content=pieces(), headers={"Content-Type": "application/json"})
    assert (streamed.status_code, streamed.json()["code"]) == (413, "too-large")


def test_nothing_is_read_of_whoever_sends_no_key() -> None:
    read = []

    async def pieces() -> Any:
        read.append("a piece")
        yield b"x"

    answer = make.caller(application()).post("/v1/dossiers", content=pieces())

    assert (answer.status_code, answer.json()["code"]) == (401, "key-not-accepted")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert read == []


@pytest.mark.parametrize(("path", "status"), [("/echo", 413), ("/v", 404), ("/evidence", 404)])
def test_only_where_files_are_taken_may_a_form_be_long(path: str, status: int) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert make.caller(application()).post(path, content=b"x" * 150, headers=form).status_code == status


def test_a_problem_is_rfc_9457_with_its_facts_and_the_request_id() -> None:
    answer = make.caller(application()).get("/missing/anna")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/not-found"
    assert problem["hint"] == "look elsewhere"
    assert problem["instance"] == "/missing/{name}"
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_what_nobody_expected_is_answered_with_nothing_and_logged_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="sigillo"):
        logging.getLogger("sigillo").propagate = True
        answer = make.caller(application()).get("/broken/Annarella")
    assert answer.status_code == 500
    assert "Annarella" not in answer.text
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith("sigillo")]
    assert any('"error": "ValueError"' in line for line in lines)
    assert not any("Annarella" in line for line in lines)


def test_each_request_leaves_one_line_in_the_form_of_the_log() -> None:
    lines: list[str] = []
    app = application()
    app.add_middleware(RequestLog, note=RequestLines(lines.append).note)
    answer = make.caller(app).get("/missing/Annarella")

    (line,) = lines
    said = json.loads(line)
    record = logging.LogRecord("sigillo.x", logging.INFO, "", 0, "request", None, None)
    record.request_id = answer.headers.get_list("x-request-id")[-1]
    alike = json.loads(JsonLines().format(record))
    assert line.endswith("}\n")
    assert {name: said[name] for name in ("level", "event", "request_id")} == {
        name: alike[name] for name in ("level", "event", "request_id")
    }
    assert datetime.fromisoformat(said["at"]).tzinfo is not None
    assert (said["method"], said["route"], said["status"]) == ("GET", "/missing/{name}", 404)


@pytest.mark.parametrize("name", ["sigillo.problems", "uvicorn.error", "asyncio"])
def test_whoever_logs_an_exception_prints_its_kind_and_not_its_words(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {one: (logging.getLogger(one), vars(logging.getLogger(one)).copy()) for one in LOGGED}
    try:
        log_to_stderr()
        logging.getLogger(name).error("fell", exc_info=ValueError("Annarella"))
        printed = capsys.readouterr().err
    finally:
        for logger, before in kept.values():
            logger.handlers[:] = []
            logger.setLevel(before["level"])
            logger.propagate = before["propagate"]

    assert json.loads(printed)["error"] == "ValueError"
    assert "Annarella" not in printed


def test_malformed_input_points_at_each_place_and_repeats_none_of_it() -> None:
    caller = make.caller(application())
    answer = caller.post("/echo", content="[1]", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#"
    broken = caller.post("/echo", content="{secret", headers={"Content-Type": "application/json"})
    assert broken.status_code == 422
    assert "secret" not in broken.text


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested without end"),
        pytest.param(b'{"a": ' + b"9" * 5_000 + b"}", id="a number beyond all measure"),
        pytest.param(b'{"a": "Nicol\xf2"}', id="not in UTF-8"),
    ],
)
def test_json_that_breaks_its_reader_is_answered_as_other_json_that_cannot_be_read(body: bytes) -> None:
    caller = make.caller(application(limit=1_000_000))
    broken, half = (
        caller.post("/echo", content=content, headers={"Content-Type": "application/json"}).json()
        for content in (body, b'{"a"')
    )
    for told in (broken, half):
        told.pop("request_id")
    assert half["errors"] == [{"pointer": "#/4", "detail": "JSON decode error"}]
    assert broken == half | {"errors": [{"pointer": "#", "detail": "JSON decode error"}]}


def test_half_a_character_in_a_problem_does_not_keep_it_from_being_said() -> None:
    app = application()

    @app.get("/half")
    def half() -> None:
        raise NotFound("There is no such thing.", hint="\ud800")

    answer = make.caller(app).get("/half")

    assert (answer.status_code, answer.json()["hint"]) == (404, "?")


def test_what_the_database_refuses_is_a_race_that_was_lost() -> None:
    app = application()

    @app.post("/late")
    def late() -> None:
        raise IntegrityError("INSERT", {}, Exception("Annarella"))

    answer = make.caller(app).post("/late")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "Annarella" not in answer.text


def test_a_lock_that_was_waited_for_in_vain_is_no_error_of_the_database_and_each_line_names_its_request(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    app = application()
    engine = create_engine(f"sqlite:///{tmp_path}/sigillo.sqlite3", connect_args={"timeout": 0})

    @app.post("/rival")
    def rival() -> None:
        with engine.connect() as first, engine.connect() as second:
            first.exec_driver_sql("BEGIN IMMEDIATE")
            second.exec_driver_sql("BEGIN IMMEDIATE")

    @app.post("/broken-off")
    def broken_off() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT * FROM nowhere")

    told = {}
    for path in ("/rival", "/broken-off"):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="sigillo"):
            logging.getLogger("sigillo").propagate = True
            answer = make.caller(app).post(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "database-busy")
        assert "may have been carried out or not" in answer.json()["detail"]
        (record,) = [one for one in caplog.records if one.name == "sigillo.problems"]
        line = json.loads(JsonLines().format(record))
        assert line["request_id"] == answer.headers["x-request-id"]
        told[path] = (line["level"], line["event"], "where" in line)
    engine.dispose()
    assert told == {
        "/rival": ("warning", "database.locked", False),
        "/broken-off": ("error", "database.unavailable", True),
    }


def test_plain_http_errors_keep_their_headers() -> None:
    answer = make.caller(application()).get("/echo")
    assert (answer.status_code, answer.json()["type"]) == (405, "about:blank")
    assert answer.headers["allow"] == "POST"


def test_whatever_is_logged_beside_an_event_is_written_down() -> None:
    said = {
        name.value
        for file in (Path(house.__file__).parent).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "log"
        for extra in call.keywords
        if extra.arg == "extra" and isinstance(extra.value, ast.Dict)
        for name in extra.value.keys
        if isinstance(name, ast.Constant)
    }
    assert "request_id" in said
    assert said <= set(JsonLines.KEPT)
