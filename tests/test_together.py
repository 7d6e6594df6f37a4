"""How requests come in, and how answers leave: whole, in order, in fewer pieces than they are written in."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.together import LARGE, MOST_HEADERS, MOST_WAITING, Together
from tests.oauth.served import listening

PATIENCE_SECONDS = 300


class Wire(asyncio.Transport):
    """A connection that notes what it is given to send."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("192.0.2.9", 80), "peername": ("192.0.2.1", 4)})
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Stands where the service does; nothing is asked of it here."""
    del scope, receive, send


def sent(write: Callable[[asyncio.Transport, Wire], None]) -> list[bytes]:
    """Give the pieces that leave when somebody writes to a connection of the server's."""

    async def written() -> list[bytes]:
        config, wire = Config(_app, log_config=None), Wire()
        config.load()
        protocol = Together(config, ServerState(), {})
        protocol.connection_made(wire)
        write(protocol.transport, wire)
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        return wire.sent

    return asyncio.run(written())


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"head"], [b"head"]),
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b"", b"body"], [b"head", b"body"]),
        ([b"a", b"b", b"c", b"d", b"e"], [b"ab", b"cd", b"e"]),
        ([b"head", bytes(LARGE)], [b"head" + bytes(LARGE)]),
        ([b"head", bytes(LARGE + 1), b"a", b"b"], [b"head", bytes(LARGE + 1), b"ab"]),
    ],
    ids=["one", "two", "with an empty one", "many", "as large as is copied", "with a larger one"],
)
def test_two_pieces_leave_as_one_and_none_waits_longer_than_its_turn(
    pieces: list[bytes], expected: list[bytes]
) -> None:
    def write(transport: asyncio.Transport, wire: Wire) -> None:
        del wire
        for piece in pieces:
            transport.write(piece)

    assert sent(write) == expected


def test_what_was_written_leaves_before_the_connection_is_closed() -> None:
    def write(transport: asyncio.Transport, wire: Wire) -> None:
        transport.write(b"head")
        transport.close()
        assert (wire.sent, wire.closed) == ([b"head"], True)

    assert sent(write) == [b"head"]


def test_whoever_hung_up_is_sent_nothing_more() -> None:
    def write(transport: asyncio.Transport, wire: Wire) -> None:
        transport.write(b"head")
        wire.closed = True

    assert sent(write) == []


class Counted(Together):
    """The protocol as it is; only that it notes how many requests of one connection ever waited."""

    most = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        Counted.most = max(Counted.most, len(self.pipeline))


class Echo:
    """Answers with the path and with how much was sent there; what it is asked to hold, it holds."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.asked.append(path)
        if path == "/held":
            await self.released.wait()
        if path == "/release":
            self.released.set()
        size = 0
        while path != "/unread":
            message = await receive()
            size += len(message["body"])
            if not message["more_body"]:
                break
        body = large() if path == "/large" else b"%s %d" % (path.encode(), size)
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})


def large() -> bytes:
    """More than the network holds of what nobody reads."""
    return b"0123456789abcdef" * 1_000_000


@contextmanager
def echoing() -> Iterator[tuple[Echo, Callable[[], socket.socket]]]:
    """Serve as the service does; gives what answers, and a way to connect to it."""
    app, Counted.most = Echo(), 0
    with listening(app, http=Counted, ws="none", lifespan="off") as url:
        place = urlsplit(url)
        yield app, lambda: socket.create_connection((place.hostname, place.port), PATIENCE_SECONDS)


def request(path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(connection: socket.socket, count: int) -> list[str]:
    """Read so many answers of `Echo` from a connection."""
    with connection.makefile("rb") as stream:
        heard = []
        for _ in range(count):
            head = b"".join(iter(stream.readline, b"\r\n"))
            length = re.search(rb"content-length: (\d+)", head)
            assert length, head
            heard.append(stream.read(int(length[1])).decode())
        return heard


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side hangs up, in whatever way it does."""
    read = b""
    try:
        while piece := connection.recv(65_536):
            read += piece
    except ConnectionResetError:
        pass
    return read


def test_requests_that_are_sent_ahead_are_answered_in_order() -> None:
    with echoing() as (_, connect), connect() as connection:
        for _ in range(3):
            connection.sendall(b"".join(request(f"/{each}") for each in range(MOST_WAITING)))
            assert answers(connection, MOST_WAITING) == [f"/{each} 0" for each in range(MOST_WAITING)]


def test_whoever_sends_faster_than_is_answered_is_read_no_faster() -> None:
    one_read = 262_144
    padding = "X: " + "x" * (one_read // 32)
    with echoing() as (_, connect), connect() as connection:
        connection.sendall(b"".join(request(f"/{each}", padding) for each in range(500)))
        assert answers(connection, 500) == [f"/{each} 0" for each in range(500)]
    assert 0 < Counted.most <= 32


def test_a_connection_on_which_too_much_waits_is_hung_up_on_and_the_others_are_answered() -> None:
    with echoing() as (app, connect), connect() as greedy, connect() as other:
        greedy.sendall(request("/first"))
        assert answers(greedy, 1) == ["/first 0"]
        greedy.sendall(request("/held") + request("/ahead") * (MOST_WAITING + 1))
        assert read_all(greedy) == b""
        other.sendall(request("/release") + request("/other"))
        assert answers(other, 2) == ["/release 0", "/other 0"]
        assert app.asked == ["/first", "/held", "/release", "/other"]
    assert Counted.most == MOST_WAITING


def test_as_much_as_may_wait_is_answered() -> None:
    with echoing() as (_, connect), connect() as patient, connect() as other:
        patient.sendall(request("/held") + request("/ahead") * MOST_WAITING)
        other.sendall(request("/release"))
        assert answers(patient, MOST_WAITING + 1) == ["/held 0", *["/ahead 0"] * MOST_WAITING]
    assert Counted.most <= MOST_WAITING


def test_what_is_sent_with_a_request_arrives_whole_whatever_is_sent_ahead() -> None:
    body = bytes(1_000_000)
    with echoing() as (_, connect), connect() as connection:
        sent = request("/body", method="POST", body=body)
        connection.sendall(request("/a") + sent + request("/b") + sent + request("/c") + request("/d"))
        expected = ["/a 0", "/body 1000000", "/b 0", "/body 1000000", "/c 0", "/d 0"]
        assert answers(connection, len(expected)) == expected
        connection.sendall(request("/unread", method="POST", body=body) + request("/e"))
        assert answers(connection, 2) == ["/unread 0", "/e 0"]


CHUNKED = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (b"GET /a HTTP/1.1\r\n", b"a:\r\n"),
        (b"GET /a HTTP/1.1\r\nName: ", b"aaaa"),
        (b"GET /", b"aaaa"),
        (CHUNKED + b"0\r\n", b"a:\r\n"),
        (CHUNKED + b"0\r\nName: ", b"aaaa"),
        (CHUNKED + b"1;", b"aaaa"),
    ],
    ids=["headers", "a header", "an address", "trailers", "a trailer", "an extension"],
)
def test_whoever_never_comes_to_an_end_is_hung_up_on(begun: bytes, more: bytes) -> None:
    with echoing() as (_, connect), connect() as endless, connect() as other:
        sent, hung_up = begun, False
        for _ in range(64):
            try:
                endless.sendall(sent)
            except OSError:
                hung_up = True
                break
            sent = more * 16_384
        assert hung_up or b"200" not in read_all(endless)
        other.sendall(request("/other"))
        assert answers(other, 1) == ["/other 0"]


def test_a_request_has_so_many_headers_at_most() -> None:
    with echoing() as (app, connect), connect() as connection, connect() as greedy:
        connection.sendall(request("/most", *["A: b"] * (MOST_HEADERS - 1)))  # one names the host
        assert answers(connection, 1) == ["/most 0"]
        greedy.sendall(request("/more", *["A: b"] * MOST_HEADERS))
        assert read_all(greedy) == b""
        assert app.asked == ["/most"]


def test_an_answer_without_a_body_leaves_before_the_connection_is_closed() -> None:
    with echoing() as (_, connect), connect() as connection:
        connection.sendall(request("/a") + request("/b", "Connection: close", method="HEAD") + request("/c"))
        first, second = read_all(connection).split(b"/a 0")
    assert first.endswith(b"\r\n\r\n")
    assert second.startswith(b"HTTP/1.1 200")
    assert second.endswith(b"content-length: 4\r\nconnection: close\r\n\r\n")


def test_whoever_reads_slowly_gets_everything_and_keeps_nobody_waiting() -> None:
    with echoing() as (_, connect), connect() as slow, connect() as other:
        slow.sendall(request("/large") + request("/after"))
        other.sendall(request("/other"))
        assert answers(other, 1) == ["/other 0"]
        assert answers(slow, 2) == [large().decode(), "/after 0"]
