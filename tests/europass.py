"""A small stand-in for the Europass wallet, over TLS on this machine: it takes deposits as that does.

In its order: the seal first (400), then what is read of it (400), then whether this wallet has it (409), then
it is kept, and its owner written to. And it can fail in whatever way a test wants.
"""

import json
import ssl
import threading
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from app.adapters.europass import EuropassWallet
from app.adapters.keys import TlsFiles
from app.adapters.outbound import GuardedOutbound
from app.ports import Clock

HOST: Final = "wallet.example.org"
PATH: Final = "/europass2/edci-wallet/api/v2/credentials"
URL: Final = f"https://{HOST}{PATH}"
VIEWER: Final = "https://viewer.example.org/edci-viewer/#/view/user/"


class Refusal(Exception):
    """The wallet says no."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(code)


@dataclass
class EuropassStandIn:
    """What lies in the wallets, by owner and id, and who was written to."""

    port: int = 0
    wallets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    written_to: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failing: Callable[[], bytes | None] | None = None  # instead of an answer: raw bytes, or none at all
    lost: Callable[[], bytes | None] | None = None  # the same, after the deposit was taken
    released: threading.Event = field(default_factory=threading.Event)

    def take(self, path: str, query: dict[str, list[str]], form: Message) -> dict[str, Any]:
        if path != PATH:
            raise Refusal(404, "NOT_FOUND")
        recipients = query.get("userEmail", []) + query.get("walletAddress", [])
        if len(recipients) != 1 or query.get("locale") not in (["it"], ["en"]):
            raise Refusal(400, "BAD_PARAMETERS")
        content = b""
        for part in form.walk():
            payload = part.get_payload(decode=True)
            if part.get_param("name", header="content-disposition") == "_credential" and part.get_filename():
                assert isinstance(payload, bytes)
                content = payload
        name = read(content)
        wallet = self.wallets.setdefault(recipients[0], {})
        if name in wallet:
            raise Refusal(409, "CREDENTIAL_EXISTS_UUID")
        wallet[name] = content
        if query.get("sendEmail") == ["true"]:
            self.written_to.append(recipients[0])
        return {"uuid": name, "viewerURL": VIEWER + name.rpartition(":")[2]}

    def deposits(self) -> list[tuple[str, bytes]]:
        return [(owner, file) for owner, wallet in self.wallets.items() for file in wallet.values()]


def read(content: bytes) -> str:
    """Verify the seal, as anybody can who knows the format alone, and give the credential's name."""
    try:
        outer = json.loads(content)
        (signature,) = outer["signatures"]
        header = json.loads(_plain(signature["protected"]))
        key = x509.load_der_x509_certificate(b64decode(header["x5c"][0])).public_key()
        told, proof = f"{signature['protected']}.{outer['payload']}".encode(), _plain(signature["signature"])
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(proof, told, padding.PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            r, s = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big")
            key.verify(encode_dss_signature(r, s), told, ec.ECDSA(SHA256()))
        payload = outer["payload"]
    except (KeyError, TypeError, ValueError, InvalidSignature):
        raise Refusal(400, "CREDENTIAL_UNSIGNED") from None
    try:
        return str(json.loads(payload)["id"])
    except (KeyError, ValueError):
        raise Refusal(400, "CREDENTIAL_INVALID_FORMAT") from None


def _plain(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Handler(BaseHTTPRequestHandler):
    wallet: EuropassStandIn

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.wallet.asked.append(self.path)
        if self.wallet.failing is not None:
            self._raw(self.wallet.failing())
            return
        parts = urlsplit(self.path)
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        try:
            taken = self.wallet.take(parts.path, parse_qs(parts.query), message_from_bytes(head + content))
            status, said = 200, taken
        except Refusal as refusal:
            status, said = refusal.status, {"code": refusal.code, "message": "x", "path": self.path}
        if self.wallet.lost is not None:
            self._raw(self.wallet.lost())
            return
        self._raw(answer(json.dumps(said).encode(), status=status))

    def _raw(self, content: bytes | None) -> None:
        self.close_connection = True
        with suppress(OSError):
            if content is None:
                self.wallet.released.wait(20)
            else:
                self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def answer(body: bytes, *, status: int = 200, **headers: str) -> bytes:
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


@contextmanager
def europass(tls: TlsFiles) -> Iterator[EuropassStandIn]:
    """Serve on 127.0.0.1 until the block ends."""
    wallet = EuropassStandIn()
    handler = type("Handler", (_Handler,), {"wallet": wallet})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    wallet.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield wallet
    finally:
        wallet.released.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


def client_of(
    wallet: EuropassStandIn, tls: TlsFiles, clock: Clock, *, seconds: float = 10.0, port: int | None = None
) -> EuropassWallet:
    """The real adapter, with one opening to the stand-in."""
    outbound = GuardedOutbound(
        trust=ssl.create_default_context(cafile=str(tls.authority)),
        openings={"127.0.0.1"},
        port=port or wallet.port,
        resolve=lambda _: ["127.0.0.1"],
        total_seconds=seconds,
        step_seconds=seconds,
    )
    return EuropassWallet(URL, outbound=outbound, seconds=lambda: clock.now().timestamp())
