"""How answers leave: whole, in order, and in fewer pieces than they are written in."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.together import Together


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
    ],
    ids=["one", "two", "with an empty one", "many"],
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
