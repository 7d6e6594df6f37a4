"""The test authority over HTTP on this machine: time-stamps, OCSP answers, lists, and what goes wrong."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from app.core.clock import SystemClock
from tests.pki.authority import Holder, Pki
from tests.pki.stamping import Stamper

Answer = Callable[[bytes], bytes | int]  # of the body: content, or a status instead


@dataclass
class Site:
    """Answers by path, which a test may change at any time; counts what it was asked."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def site() -> Iterator[Site]:
    """Serve on 127.0.0.1 until the block ends."""
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            served.asked.append(self.path)
            answer = served.answers.get(self.path)
            said = answer(body) if answer else 404
            self.send_response(said if isinstance(said, int) else 200)
            content = b"" if isinstance(said, int) else said
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 -- the same

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass
class Town:
    """A test authority at its address; what it says is as of its own time."""

    pki: Pki
    site: Site
    stamper: Stamper
    now: Callable[[], datetime]
    seals: list[x509.Certificate] = field(default_factory=list)

    def sealer(self, algorithm: str = "ES256", *, online: bool = True) -> Holder:
        """Certify a seal whose certificate the responder knows."""
        made = self.pki.seal(algorithm, online=online)
        self.seals.append(made.certificate)
        return made

    def certified(self, request: bytes, *, ends: datetime | None = None) -> tuple[x509.Certificate, ...]:
        """Answer a request as a CA does: the chain, and the root that one compares and trusts."""
        chain = self.pki.certified(request, ends=ends)
        self.seals.append(chain[0])
        return *chain, self.pki.root.certificate

    def about(self, body: bytes) -> bytes | int:
        serial = ocsp.load_der_ocsp_request(body).serial_number
        for certificate in self.seals:
            if certificate.serial_number == serial:
                return self.pki.ocsp(certificate, self.now())
        return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(
            Encoding.DER
        )


@contextmanager
def town() -> Iterator[Town]:
    """Open a test authority on this machine: `/tsa`, `/ocsp`, and the lists that its certificates name.

    It was founded at the time of this machine, at which it stands still unless a test gives it a clock.
    """
    founded = SystemClock().now().replace(microsecond=0)

    def now() -> datetime:
        return opened.now()

    with site() as served:
        pki = Pki(founded, served.url)
        opened = Town(pki, served, Stamper(pki.tsa, now), lambda: founded)
        served.answers |= {
            "/tsa": opened.stamper.answer,
            "/ocsp": opened.about,
            "/root.crl": lambda _: pki.crl(pki.root, now()),
            "/seals.crl": lambda _: pki.crl(pki.issuing, now()),
            "/stamps.crl": lambda _: pki.crl(pki.stamp_root, now()),
        }
        yield opened
