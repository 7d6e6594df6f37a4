"""How requests come in, no faster than they are answered, and how answers leave: in one piece, not two."""

import asyncio
from collections.abc import Sized
from typing import Any, Final, Never

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_WAITING: Final = 100  # of one connection; each takes some two thousand bytes
LONGEST_HEAD: Final = 65_536  # bytes that come without a request, or a piece of its body, being whole
MOST_HEADERS: Final = 200
LARGE: Final = 65_536  # to copy more than that costs more than another write


class Together(HttpToolsProtocol):
    """The server's own protocol; only that it sends two pieces as one, and lets little wait."""

    _untold = 0  # bytes since the parser last had something to tell

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection: to send a piece of an answer costs as much as many of our answers do."""
        super().connection_made(_Pairing(transport, self.loop))  # type: ignore[arg-type]
        self.flow = _Turns(self.transport, self.pipeline)

    def data_received(self, data: bytes) -> None:
        """Read on, or hang up on a head that never ends: the parser keeps all of it."""
        self._untold += len(data)
        super().data_received(data)
        if self._untold > LONGEST_HEAD:
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or hang up where there are too many."""
        if len(self.headers) >= MOST_HEADERS:
            self._hang_up()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take a request, or hang up where too many wait: a refusal would pass for the answer to another."""
        self._untold = 0
        if len(self.pipeline) >= MOST_WAITING:
            self._hang_up()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; how much of that is taken in all, the routes say."""
        self._untold = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._untold = 0
        super().on_message_complete()

    def _hang_up(self) -> Never:
        self.transport.close()
        raise ConnectionAbortedError  # what came along is not even read


class _Turns(FlowControl):
    """Reads on once no request waits for its turn: until then, what is being answered has arrived whole."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


class _Pairing:
    """A transport that holds a piece back for the next one, at most for this turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, piece: bytes) -> None:
        if len(piece) > LARGE:
            self._send()
            self._held = piece
            self._send()
        elif self._held:
            self._held += piece
            self._send()
        else:
            self._held = bytes(piece)
            self._loop.call_soon(self._send)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():  # whoever hung up is told nothing more
            self._transport.write(held)
