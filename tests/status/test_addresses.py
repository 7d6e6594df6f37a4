"""The public addresses of the lists: from memory, to anybody, whole or not at all."""

import asyncio
import gzip
from dataclasses import replace
from datetime import timedelta

import pytest

from app.formats.tokenlist import open_token_list
from app.main import create_app
from app.ports import Ports
from app.status.errors import ListNotFound
from app.status.models import ListKind, Standing
from app.status.publishing import Form
from app.verification.desk import Desk, public_register
from app.verification.errors import RegisterUnreachable
from tests import make
from tests.calling import Caller
from tests.fakes import SetClock
from tests.status.shelf import Shelf
from tests.verification.test_desk import Watched

SECOND = timedelta(seconds=1)
GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
def shelf(ports: Ports) -> Shelf:
    made = Shelf.made(ports)
    made.publish()
    return made


@pytest.fixture
def stranger(shelf: Shelf) -> Caller:
    return make.caller(create_app(shelf.ports))


@pytest.fixture
def register(shelf: Shelf) -> Watched:
    return Watched(public_register(shelf.ports.database.engine.url))


@pytest.fixture
def desk(shelf: Shelf, register: Watched) -> Desk:
    return Desk(shelf.ports, register)


def token(desk: Desk, list_id: int, form: str = "token") -> str:
    return asyncio.run(desk.status_list(list_id, form)).body.decode()


@pytest.mark.parametrize(
    ("form", "suffix", "media_type"),
    [
        ("token", "", "application/statuslist+jwt"),
        ("revocation", "-revocation", "application/vc+jwt"),
        ("suspension", "-suspension", "application/vc+jwt"),
    ],
)
def test_anybody_may_fetch_every_form_of_a_list_from_any_page(
    shelf: Shelf, stranger: Caller, form: Form, suffix: str, media_type: str
) -> None:
    answer = stranger.get(f"/status/{shelf.list_id}{suffix}", headers=PLAIN)
    assert (answer.status_code, answer.text) == (200, shelf.row(form).token)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers


def test_a_token_list_names_the_very_address_that_it_is_fetched_at(shelf: Shelf, stranger: Caller) -> None:
    path = f"/status/{shelf.list_id}"
    _, read = open_token_list(stranger.get(path).text)
    assert read.url == f"{shelf.ports.settings.public_url}{path}"


def test_a_list_of_any_kind_is_there_as_a_token_list_and_of_the_offline_code_as_nothing_else(
    ports: Ports,
) -> None:
    for kind, found in ((ListKind.BADGE, [200, 404, 200]), (ListKind.QR, [200, 404, 404])):
        shelf = Shelf.made(ports, kind)
        shelf.publish()
        stranger = make.caller(create_app(ports))
        got = [
            stranger.get(f"/status/{shelf.list_id}{suffix}") for suffix in ("", "-revocation", "-suspension")
        ]
        assert [answer.status_code for answer in got] == found


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("br", False),
        ("", False),
        ("identity", False),
        ("gzipped", False),
    ],
)
def test_a_list_is_packed_for_whoever_can_unpack_it(
    shelf: Shelf,
    stranger: Caller,
    accepts: str,
    packed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = stranger.get(f"/status/{shelf.list_id}", headers={"Accept-Encoding": accepts})
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert answer.text == shelf.row("token").token
    assert answer.headers["etag"].endswith('.gz"') == packed
    length = int(answer.headers["content-length"])
    assert length == len(gzip.compress(answer.content, 6, mtime=0)) if packed else len(answer.content)


def test_head_says_what_get_would_and_sends_nothing(shelf: Shelf, stranger: Caller) -> None:
    for asked in (GZIP, PLAIN):
        path = f"/status/{shelf.list_id}"
        got, head = stranger.get(path, headers=asked), stranger.request("HEAD", path, headers=asked)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-type", "content-length", "cache-control", "vary"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("{tag}", True),
        ("W/{tag}", True),
        ('"other", {tag}', True),
        ('W/"a,b",W/{tag} , "c"', True),
        (", ,{tag},", True),
        ("*", True),
        (" * ", True),
        ('"other"', False),
        ("", False),
        ("{bare}", False),
        ("w/{tag}", False),
        ("{tag} {tag}", False),
        ("{tag}, other", False),
        ('"*"', False),
        ('"x{bare}"', False),
        ('"' + "a" * 3000, False),
    ],
)
def test_a_reader_that_has_the_list_is_told_so(
    shelf: Shelf,
    stranger: Caller,
    told: str,
    known: bool,  # noqa: FBT001 - a column of the table
) -> None:
    path = f"/status/{shelf.list_id}"
    for encoding in (GZIP, PLAIN):
        tag = stranger.get(path, headers=encoding).headers["etag"]
        header = told.format(tag=tag, bare=tag.strip('"'))
        answer = stranger.get(path, headers={**encoding, "If-None-Match": header})
        assert answer.status_code == (304 if known else 200)
        assert answer.headers["etag"] == tag
        if known:
            assert (answer.content, answer.headers["cache-control"]) == (b"", "public, max-age=60")


def test_whoever_has_the_list_packed_need_not_fetch_it_unpacked_nor_the_other_way_round(
    shelf: Shelf, stranger: Caller
) -> None:
    path = f"/status/{shelf.list_id}"
    for has, wants in ((GZIP, PLAIN), (PLAIN, GZIP)):
        tag = stranger.get(path, headers=has).headers["etag"]
        answer = stranger.get(path, headers={**wants, "If-None-Match": tag})
        assert (answer.status_code, answer.headers["etag"]) == (304, tag)


def test_every_process_gives_the_same_tag_and_another_one_after_a_change(
    shelf: Shelf, clock: SetClock
) -> None:
    path, strangers = f"/status/{shelf.list_id}", [make.caller(create_app(shelf.ports)) for _ in range(2)]
    first = {stranger.get(path).headers["etag"] for stranger in strangers}
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.publish()
    clock.move(SECOND)
    second = {stranger.get(path).headers["etag"] for stranger in strangers}
    assert len(first) == len(second) == 1
    assert first != second


@pytest.mark.parametrize(
    "name",
    [
        "999",
        "999-revocation",
        "1-expiry",
        "1-",
        "1-revocation-suspension",
        "0",
        "01",
        "-1",
        "+1",
        "1_0",
        "1.0",
        "x",
        "%31%00",
        "2147483648",
        "9" * 10,
        "9" * 5000,
        "99999999999999999999-revocation",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1-REVOCATION",
        "1;token",
        "1'--",
        "token",
    ],
)
def test_what_is_no_address_of_a_list_is_not_found(stranger: Caller, name: str) -> None:
    answer = stranger.get(f"/status/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "status-list-not-found")
    assert answer.headers["cache-control"] == "no-store"


def test_a_list_is_read_once_and_then_remembered(
    shelf: Shelf, desk: Desk, register: Watched, clock: SetClock
) -> None:
    assert token(desk, shelf.list_id) == shelf.row("token").token
    assert register.since() == ["changes", "list"]
    clock.move(SECOND / 4)
    assert token(desk, shelf.list_id) == shelf.row("token").token
    assert register.since() == []


def test_a_list_that_changed_is_forgotten_in_all_its_forms_and_no_other(
    shelf: Shelf, desk: Desk, register: Watched, clock: SetClock
) -> None:
    other = Shelf.made(shelf.ports)
    other.publish()
    forms: tuple[Form, ...] = ("token", "revocation", "suspension")
    for each in (shelf, other):
        for form in forms:
            token(desk, each.list_id, form)
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.publish()
    clock.move(SECOND)
    register.since()
    for form in forms:
        token(desk, other.list_id, form)
    assert register.since() == ["changes"]
    assert [token(desk, shelf.list_id, form) for form in forms] == [shelf.row(form).token for form in forms]
    assert register.since() == ["list"] * 3


def test_a_list_that_comes_while_an_older_one_is_read_is_not_missed(
    shelf: Shelf, desk: Desk, register: Watched, clock: SetClock
) -> None:
    older = shelf.row("token").token

    async def both() -> tuple[bytes, bytes]:
        def is_published_anew() -> None:
            register.meanwhile = lambda: None
            shelf.say(Standing.REVOKED, "doc_1")
            shelf.publish()
            desk._seq += 1

        register.meanwhile = is_published_anew
        first = await desk.status_list(shelf.list_id, "token")
        clock.move(SECOND)
        return first.body, (await desk.status_list(shelf.list_id, "token")).body

    assert asyncio.run(both()) == (older.encode(), shelf.row("token").token.encode())


def test_without_the_register_memory_answers_for_two_seconds_and_then_nobody(
    shelf: Shelf, desk: Desk, register: Watched, clock: SetClock
) -> None:
    token(desk, shelf.list_id)
    register.cut = True
    clock.move(SECOND * 1.5)
    assert token(desk, shelf.list_id) == shelf.row("token").token
    clock.move(SECOND / 2)
    with pytest.raises(RegisterUnreachable):
        token(desk, shelf.list_id)


def test_a_database_that_is_not_there_is_a_problem_that_passes(shelf: Shelf) -> None:
    app = create_app(shelf.ports)
    gone = shelf.ports.database.engine.url.set(database="/nowhere/at/all.db")
    app.state.desk._register = public_register(gone)
    answer = make.caller(app).get(f"/status/{shelf.list_id}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.headers["content-type"] == "application/problem+json"


def test_memory_is_bounded_and_unknown_lists_take_none_of_it(shelf: Shelf, register: Watched) -> None:
    settings = shelf.ports.settings.model_copy(update={"cache_entries": 2})
    desk = Desk(replace(shelf.ports, settings=settings), register)
    for form in ("token", "revocation", "suspension"):
        token(desk, shelf.list_id, form)
    for list_id in range(100, 120):
        with pytest.raises(ListNotFound):
            token(desk, list_id)
    assert len(desk._lists) == 2
    register.since()
    token(desk, shelf.list_id, "suspension")
    assert register.since() == []
