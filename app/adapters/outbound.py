"""The one way out of the house: what strangers' documents point at is fetched here, or not at all.

Whoever writes a document chooses the addresses in it. So an address is taken apart by rules of our own, its
name is resolved once, every address that it has must be a public one, and the connection goes to exactly
that address: a name that answers differently the second time is never asked a second time.
"""

import logging
import re
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from app.ports import FetchBusy, Fetched, FetchFailed, FetchRefused

HTTPS: Final = 443
TOTAL_SECONDS: Final = 6.0
STEP_SECONDS: Final = 3.0  # to connect, and between two pieces of an answer
AT_ONCE: Final = 16
NAMES_AT_ONCE: Final = AT_ONCE
STATUS_ALONE: Final = 0  # the limit of an answer that nobody reads
MOST_ADDRESSES: Final = 8  # of one name
MOST_TRIED: Final = 2
LONGEST_ADDRESS: Final = 2_048
_PIECE: Final = 16 * 1024
_GZIP: Final = 31  # zlib's word for a gzip frame

# A host is a name of two labels or more in ASCII, the last of which starts with a letter: so it is no IPv4
# address, in none of the spellings that a resolver takes for one (octal, hexadecimal, short, or all in one).
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_LONGEST_HOST: Final = 253
_ADDRESS: Final = re.compile(
    r"https://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/[!$%&'()*+,./0-9:;=@A-Z_a-z~-]*)?(?:\?[!$%&'()*+,./0-9:;=?@A-Z_a-z~-]*)?)",
)
# Names that are of one machine or of one house, whatever they resolve to.
_INSIDE: Final = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "home.arpa", "test")

# The registries of special addresses (RFC 6890 and its successors), written out: `is_global` of the standard
# library lets NAT64, 6to4, mapped and multicast addresses through.
_NOT_PUBLIC_4: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers (CGNAT)
            "127.0.0.0/8",  # this machine
            "169.254.0.0/16",  # this link, and where clouds keep their secrets
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_PUBLIC_6: Final = ip_network("2000::/3")  # all that was ever given out; around it lie the ways back inside
_NOT_PUBLIC_6: Final = tuple(
    map(
        ip_network,
        (
            "::/96",  # this machine, and IPv4 in its oldest disguise
            "::ffff:0:0/96",  # IPv4-mapped
            "::ffff:0:0:0/96",  # IPv4-translated
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",  # NAT64 of a house
            "100::/64",  # nowhere
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fc00::/7",  # private
            "fe80::/10",  # this link
            "fec0::/10",  # this site
            "ff00::/8",  # multicast
        ),
    )
)

Resolve = Callable[[str], Sequence[str]]
Found = TypeVar("Found")

# Threads of their own, so that no name waits for whatever else runs in threads.
_threads: Final = RunVar[CapacityLimiter]("threads that look names up")  # of the event loop


@dataclass(frozen=True, slots=True)
class Target:
    """An address that has passed: a host to ask, and what to ask it for."""

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a host: something of it, or what it makes of `content`."""

    accept: str
    limit: int
    content: bytes | None = None
    more: Mapping[str, str] = field(default_factory=dict)  # headers

    def headers(self, host: str) -> dict[str, str]:
        common = {"Host": host, "Accept": self.accept, "Accept-Encoding": "gzip", "User-Agent": "sigillo"}
        return {**common, **self.more}


class GuardedOutbound:
    """Fetches over https from public addresses: no redirect, no proxy, little time and little room.

    `openings` are addresses that count as public ones. A service has none; drills and tests have them, to
    reach a server of their own, at a `port` of its own.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
        openings: Collection[str] = (),
        port: int = HTTPS,
        total_seconds: float = TOTAL_SECONDS,
        step_seconds: float = STEP_SECONDS,
        at_once: int = AT_ONCE,
    ) -> None:
        self._resolve = resolve or addresses_of
        self._given_trust = trust
        self._openings = frozenset(openings)
        self._port = port
        self._total = total_seconds
        self._step = step_seconds
        self._at_once = at_once
        self._waiting = 0
        self._names = threading.BoundedSemaphore(at_once)
        for chatty in ("httpx", "httpcore"):  # they would write every address down
            logging.getLogger(chatty).setLevel(logging.WARNING)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Read the roots of the web when they are first needed: it takes a while."""
        return self._given_trust or httpx.create_ssl_context(trust_env=False)

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        """Fetch at most `limit` bytes, unpacked, or raise `FetchRefused`, `FetchFailed` or `FetchBusy`."""
        status, found = await self._asked(url, Question(accept, limit))
        if status != HTTPStatus.OK:
            raise FetchFailed("The answer is not the thing itself.")
        return found

    async def send(
        self, url: str, content: bytes, *, media_type: str, limit: int, accept: str
    ) -> tuple[int, Fetched]:
        """Send something to where an operator says; give the status and at most `limit` bytes of answer.

        Whatever the status. Raises as `fetch` does; after a `FetchFailed` nobody knows whether it arrived.
        """
        return await self._asked(url, Question(accept, limit, content, {"Content-Type": media_type}))

    async def post(self, url: str, content: bytes, *, headers: Mapping[str, str]) -> int:
        """Send something to where a stranger says; give the status, whatever the answer goes on to say."""
        status, _ = await self._asked(url, Question("*/*", STATUS_ALONE, content, headers))
        return status

    async def vet(self, url: str) -> None:
        """Say about an address what `post` would before it sends anything; nothing is connected to."""
        target = target_of(url)
        await self._in_time(lambda: self._places(target.host))

    async def _asked(self, url: str, question: Question) -> tuple[int, Fetched]:
        target = target_of(url)
        return await self._in_time(lambda: self._answered(target, question))

    async def _in_time(self, work: Callable[[], Awaitable[Found]]) -> Found:
        if self._waiting >= self._at_once:
            raise FetchBusy("Too much is being fetched already.")
        self._waiting += 1
        try:
            with anyio.fail_after(self._total):
                return await work()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, zlib.error, ValueError) as why:
            raise FetchFailed("Nothing came back that can be used.") from why
        finally:
            self._waiting -= 1

    async def _answered(self, target: Target, question: Question) -> tuple[int, Fetched]:
        failed: Exception = FetchFailed("The name has no address.")
        for place in await self._places(target.host):
            try:
                return await self._answered_from(place, target, question)
            except httpx.ConnectError as why:
                failed = why
        raise failed

    async def _places(self, host: str) -> list[str]:
        """Say where to connect to: at most two addresses, after all of them were looked at."""
        if not self._names.acquire(blocking=False):
            raise FetchBusy("Too many names are being looked up already.")
        threads = _threads.get(None) or CapacityLimiter(self._at_once)
        _threads.set(threads)
        begun = threading.Lock()
        try:
            found = await to_thread.run_sync(
                self._looked_up, host, begun, limiter=threads, abandon_on_cancel=True
            )
        finally:
            if begun.acquire(blocking=False):  # cancelled before a thread took it up: none will
                self._names.release()
        if not found or len(found) > MOST_ADDRESSES:
            raise FetchFailed("The name has no address, or too many.")
        if not all(is_public(address) or address in self._openings for address in found):
            raise FetchRefused("The name leads to an address that is not a public one.")
        return found[:MOST_TRIED]

    def _looked_up(self, host: str, begun: threading.Lock) -> list[str]:
        """Ask the resolver. It may take its time, also after nobody waits any more, so few ask it at once.

        Whoever takes `begun`, this or who waits for it, gives the place back: nobody else does.
        """
        if not begun.acquire(blocking=False):
            return []
        try:
            return list(dict.fromkeys(self._resolve(host)))
        finally:
            self._names.release()

    async def _answered_from(self, place: str, target: Target, question: Question) -> tuple[int, Fetched]:
        literal = f"[{place}]" if ":" in place else place
        transport = httpx.AsyncHTTPTransport(verify=self._trust, trust_env=False, retries=0)
        async with (
            httpx.AsyncClient(
                transport=transport, trust_env=False, follow_redirects=False, timeout=self._step
            ) as client,
            client.stream(
                "GET" if question.content is None else "POST",
                f"https://{literal}:{self._port}{target.path}",
                content=question.content,
                headers=question.headers(target.host),
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            unread = question.limit == STATUS_ALONE
            if unread or (question.content is None and response.status_code != HTTPStatus.OK):
                return response.status_code, Fetched(b"", "")
            coding = response.headers.get("content-encoding", "").strip().lower()
            content = await _bounded(response.aiter_raw(_PIECE), coding, question.limit)
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return response.status_code, Fetched(content, media_type[:100])


def target_of(url: str) -> Target:
    """Take an address apart, or raise `FetchRefused`. What two readers may read differently is refused."""
    parts = _ADDRESS.fullmatch(url) if len(url) <= LONGEST_ADDRESS else None
    if parts is None:
        raise FetchRefused("Not an https address that every reader understands alike.")
    host = parts["host"].lower()
    if len(host) > _LONGEST_HOST or not _HOST.fullmatch(host):
        raise FetchRefused("Not a name that the public web can have.")
    if any(host == inside or host.endswith(f".{inside}") for inside in _INSIDE):
        raise FetchRefused("A name that is not of the public web.")
    if parts["port"] is not None and int(parts["port"]) != HTTPS:
        raise FetchRefused("Not the port of https.")
    path = parts["target"]
    if urlsplit(url).hostname != host:
        raise FetchRefused("Not an https address that every reader understands alike.")
    return Target(host, path if path.startswith("/") else f"/{path}")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    match read:
        case IPv4Address():
            return not any(read in network for network in _NOT_PUBLIC_4)
        case IPv6Address():
            return (
                read.scope_id is None
                and read in _PUBLIC_6
                and not any(read in network for network in _NOT_PUBLIC_6)
            )


def addresses_of(host: str) -> list[str]:
    """Ask this machine's resolver for all addresses of a name, in the order in which it would try them."""
    found = socket.getaddrinfo(host, HTTPS, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(address[0]) for *_, address in found]


async def _bounded(pieces: AsyncIterator[bytes], coding: str, limit: int) -> bytes:
    """Gather an answer, unpacked as it comes in: what swells beyond the limit is dropped unswollen."""
    match coding:
        case "" | "identity":
            inflating = None
        case "gzip" | "x-gzip":
            inflating = zlib.decompressobj(wbits=_GZIP)
        case _:
            raise FetchFailed("The answer is packed in a way that was not asked for.")
    content = bytearray()
    came = 0
    async for piece in pieces:
        came += len(piece)
        content += inflating.decompress(piece, limit + 1 - len(content)) if inflating else piece
        if came > limit or len(content) > limit or (inflating and inflating.unconsumed_tail):
            raise FetchFailed("The answer is larger than what is asked for can be.")
    if inflating and (not inflating.eof or inflating.unused_data):
        raise FetchFailed("The answer is cut off, or goes on after its end.")
    return bytes(content)
