"""A server of the outside world on this machine, under the test root: says what a test wants, and counts."""

import asyncio
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.adapters.keys import FileKeys, TlsFiles
from app.core.clock import SystemClock


def answer(
    body: bytes, *, media_type: str = "application/json", status: str = "200 OK", **headers: str
) -> bytes:
    """Write a whole HTTP answer."""
    lines = {"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


@dataclass
class Outside:
    """Counts whoever connects (without TLS before a word was said), and keeps what they asked."""

    answers: Mapping[str, bytes | None] = field(default_factory=dict)  # by path; None stays silent
    connections: int = 0
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.asked.append(head)
            said = self.answers.get(head.split(" ")[1], answer(b"", status="404 Not Found"))
            if said is None:
                await asyncio.wait_for(reader.read(), 5)
            else:
                writer.write(said)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()


@contextmanager
def outside(answers: Mapping[str, bytes | None], tls: TlsFiles | None = None) -> Iterator[Outside]:
    """Serve on 127.0.0.1 until the block ends; without certificates it only counts."""
    served = Outside(answers)
    loop = asyncio.new_event_loop()
    context = None
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.certificate, tls.key)

    async def start() -> asyncio.Server:
        return await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)

    server = loop.run_until_complete(start())
    served.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def tls_files(folder: Path, *hosts: str) -> TlsFiles:
    now = SystemClock().now()
    return FileKeys(folder, at=now).tls(list(hosts), now)
