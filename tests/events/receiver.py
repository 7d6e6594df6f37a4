"""A receiver of webhooks on this machine: real TLS, real HTTP, and what a test wants it to answer."""

import asyncio
import hmac
import json
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from app.adapters.keys import TlsFiles
from app.adapters.outbound import GuardedOutbound
from tests.outside import answer

HOST: Final = "receiver.example.org"


@dataclass(frozen=True)
class Received:
    """One request, as it came in."""

    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.content)

    def signed_by(self, secret: str) -> bool:
        """Verify as Standard Webhooks 1.0 says it, in plain words."""
        key = b64decode(secret.removeprefix("whsec_"))
        said = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.content
        expected = "v1," + b64encode(hmac.digest(key, said, sha256)).decode()
        return any(hmac.compare_digest(each, expected) for each in self.signatures)

    @property
    def signatures(self) -> list[str]:
        return self.headers["webhook-signature"].split(" ")


def take(received: Received) -> int:
    del received
    return 204


@dataclass
class Receiver:
    """Keeps what came in, in its order, and answers as it is told; None is no answer at all."""

    tls: TlsFiles
    answers: Callable[[Received], int | None] = take
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def url(self, path: str = "/hook") -> str:
        return f"https://{HOST}{path}"

    def postman(self, resolve: Callable[[str], list[str]] = lambda _: ["127.0.0.1"]) -> GuardedOutbound:
        return GuardedOutbound(
            trust=ssl.create_default_context(cafile=str(self.tls.authority)),
            openings={"127.0.0.1"},
            port=self.port,
            resolve=resolve,
            total_seconds=5.0,
            step_seconds=5.0,
            at_once=64,
        )

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): said for name, _, said in (each.partition(": ") for each in lines)}
            content = await reader.readexactly(int(headers["content-length"]))
            one = Received(line.split(" ")[1], headers, content)
            self.received.append(one)
            status = self.answers(one)
            if status is not None:
                writer.write(answer(b"", status=f"{status} {HTTPStatus(status).phrase}"))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@contextmanager
def receiving(tls: TlsFiles) -> Iterator[Receiver]:
    """Receive on 127.0.0.1 until the block ends."""
    receiver = Receiver(tls)
    loop = asyncio.new_event_loop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    server = loop.run_until_complete(asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context))
    receiver.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
