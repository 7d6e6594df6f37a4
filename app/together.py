"""How answers leave: the head and the body of one together, as one write to the network and not as two."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Together(HttpToolsProtocol):
    """The server's own protocol; only that it sends what it writes two pieces at a time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection: to send a piece of an answer costs as much as many of our answers do."""
        super().connection_made(_Pairing(transport, self.loop))  # type: ignore[arg-type]


class _Pairing:
    """A transport that holds a piece back for the next one, at most for this turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, piece: bytes) -> None:
        if self._held:
            self._held += piece
            self._send()
        else:
            self._held = bytes(piece)
            self._loop.call_soon(self._send)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._send()
        self._transport.set_protocol(protocol)

    def _send(self) -> None:
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():  # whoever hung up is told nothing more
            self._transport.write(held)
