"""The way out: what it promises, and sixty ways to talk it into going where it must not."""

import asyncio
import contextlib
import gzip
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread

from app.adapters.keys import TlsFiles
from app.adapters.outbound import NAMES_AT_ONCE, GuardedOutbound, is_public, target_of
from app.ports import FetchBusy, Fetched, FetchFailed, FetchRefused, Outbound, Postman
from tests.fakes_outbound import Letterbox, Pages
from tests.outside import Outside, answer, outside, tls_files

HOST = "issuer.example.org"
LIMIT = 100_000
BODY = b'{"id": "did:web:issuer.example.org"}'
BOMB = gzip.compress(b"\0" * 50_000_000)

ANSWERS = {
    "/keys": answer(BODY, media_type="application/DID+json; charset=utf-8"),
    "/keys?version=1": answer(BODY),
    "/packed": answer(gzip.compress(BODY), Content_Encoding="gzip"),
    "/full": answer(b"x" * LIMIT),
    "/larger": answer(b"x" * (LIMIT + 1)),
    "/endless": b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"x" * (LIMIT + 20_000),
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000\r\n" + b"x" * 0x4000 + b"\r\n",
    "/bomb": answer(BOMB, Content_Encoding="gzip"),
    "/bomb-in-bomb": answer(gzip.compress(BOMB), Content_Encoding="gzip, gzip"),
    "/deflate": answer(zlib.compress(BODY), Content_Encoding="deflate"),
    "/brotli": answer(BODY, Content_Encoding="br"),
    "/cut": answer(gzip.compress(BODY)[:-9], Content_Encoding="gzip"),
    "/not-gzip": answer(BODY, Content_Encoding="gzip"),
    "/more": answer(gzip.compress(BODY) + b"more", Content_Encoding="gzip"),
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + BODY,
    "/silent": None,
    "/noise": b"\0\xff" * 200,
    "/old": b"HTTP/0.9 no\r\n\r\n",
    "/long-head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
    "/empty": answer(b"", status="204 No Content"),
    "/gone": answer(BODY, status="410 Gone"),
    "/partial": answer(BODY, status="206 Partial Content"),
    "/broken": answer(BODY, status="500 Internal Server Error"),
    "/wait": answer(BODY, status="503 Service Unavailable", Retry_After="0"),
    "/early": b"HTTP/1.1 103 Early Hints\r\nLink: <https://127.0.0.1/>\r\n\r\n"
    + answer(BODY, status="404 No"),
    "/switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
}
USELESS = sorted(set(ANSWERS) - {"/keys", "/keys?version=1", "/packed", "/full"})

# Where a hostile name may lead. None of these is of the public internet.
INSIDE = {
    "loopback": "127.0.0.1",
    "loopback-far": "127.255.255.254",
    "this-network": "0.0.0.0",  # noqa: S104 - an address to be refused
    "private-10": "10.0.0.1",
    "private-172": "172.16.0.1",
    "private-172-end": "172.31.255.255",
    "private-192": "192.168.1.1",
    "carrier": "100.64.0.1",
    "carrier-end": "100.127.255.254",
    "link": "169.254.1.1",
    "cloud": "169.254.169.254",
    "assignments": "192.0.0.8",
    "dslite": "192.0.0.170",
    "documentation-1": "192.0.2.1",
    "documentation-2": "198.51.100.1",
    "documentation-3": "203.0.113.1",
    "relay-6to4": "192.88.99.1",
    "benchmark": "198.18.0.1",
    "benchmark-end": "198.19.255.255",
    "multicast": "224.0.0.1",
    "multicast-end": "239.255.255.255",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback-6": "::1",
    "unspecified-6": "::",
    "compatible": "::127.0.0.1",
    "mapped": "::ffff:127.0.0.1",
    "mapped-private": "::ffff:10.0.0.1",
    "translated": "::ffff:0:127.0.0.1",
    "nat64": "64:ff9b::7f00:1",
    "nat64-cloud": "64:ff9b::a9fe:a9fe",
    "nat64-house": "64:ff9b:1::7f00:1",
    "discard": "100::1",
    "teredo": "2001:0:7f00:1::1",
    "orchid": "2001:20::1",
    "documentation-6": "2001:db8::1",
    "documentation-6-new": "3fff::1",
    "6to4": "2002:7f00:1::1",
    "6to4-private": "2002:a00:1::1",
    "segment": "5f00::1",
    "unique-local": "fd00::1",
    "unique-local-c": "fc00::1",
    "link-6": "fe80::1",
    "link-6-zone": "fe80::1%lo",
    "site": "fec0::1",
    "multicast-6": "ff02::1",
    "unassigned": "4000::1",
    "nonsense": "localhost",
}
# What is refused by its spelling alone; no name is looked up.
SPELLED = [
    "http://issuer.example.org/keys",
    "ftp://issuer.example.org/keys",
    "file:///etc/passwd",
    "gopher://issuer.example.org/_GET",
    "data:application/json,{}",
    "HTTPS:issuer.example.org",
    "https:///keys",
    "//issuer.example.org/keys",
    "issuer.example.org",
    "",
    "https://",
    "https://issuer.example.org:8443/keys",
    "https://issuer.example.org:80/keys",
    "https://issuer.example.org:0/keys",
    "https://issuer.example.org:443443/",
    "https://issuer.example.org:/keys",
    "https://user@issuer.example.org/keys",
    "https://user:secret@issuer.example.org/keys",
    "https://issuer.example.org@127.0.0.1/keys",
    "https://127.0.0.1/",
    "https://127.0.0.1:443/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://169.254.169.254/latest/meta-data/",
    "https://8.8.8.8/",
    "https://issuer.example.0x7f/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25lo]/",
    "https://[2606:4700::1111]/",
    "https://localhost/",
    "https://localhost:443/",
    "https://LOCALHOST/",
    "https://service.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://router.home.arpa/",
    "https://intranet/",
    "https://issuer.example.org./keys",
    "https://.example.org/",
    "https://issuer..example.org/",
    "https://-issuer.example.org/",
    "https://issuer_.example.org/",
    "https://issuer.example.org\\@127.0.0.1/",
    "https://127.0.0.1\\@issuer.example.org/",
    "https://issuer.example.org#@127.0.0.1/",
    "https://issuer.example.org/#fragment",
    "https://issuer.example.org/a b",
    "https://issuer.example.org/\r\nHost: inside",
    "https://issuer.example.org/\tkeys",
    " https://issuer.example.org/keys",
    "https://issuer.example.org/keys\n",
    "https://issuer.example.org/\0",
    "https://\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}7.0.0.1/",
    "https://\N{CIRCLED DIGIT ONE}27.0.0.1/",
    "https://issuer\N{IDEOGRAPHIC FULL STOP}example.org/",
    "https://issuer.ex\N{CYRILLIC SMALL LETTER A}mple.org/",
    "https://\N{LATIN SMALL LETTER SHARP S}.example.org/",
    "https://issuer.example%2eorg/",
    "https://%31%32%37.0.0.1/",
    "https://issuer.example.org/" + "a" * 3000,
    "https://" + "a" * 64 + ".example.org/",
    "https://" + "a." * 130 + "example.org/",
]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return tls_files(tmp_path_factory.mktemp("outside"), HOST)


@pytest.fixture(scope="module")
def world(tls: TlsFiles) -> Iterator[Outside]:
    with outside(ANSWERS, tls) as served:
        yield served


@pytest.fixture
def canary() -> Iterator[Outside]:
    """Listens where no fetch may ever come."""
    with outside({}) as served:
        yield served


def nobody(host: str) -> list[str]:
    raise AssertionError(f"{host} was looked up")


def here(_: str) -> list[str]:
    return ["127.0.0.1"]


def guard(
    world: Outside,
    tls: TlsFiles,
    *,
    resolve: Callable[[str], list[str]] = here,
    total_seconds: float = 5.0,
) -> GuardedOutbound:
    """The real client with one opening, to a server of the test's own."""
    return GuardedOutbound(
        trust=ssl.create_default_context(cafile=str(tls.authority)),
        openings={"127.0.0.1"},
        port=world.port,
        resolve=resolve,
        total_seconds=total_seconds,
    )


def fetched(outbound: Outbound, url: str, limit: int = LIMIT) -> Fetched:
    return asyncio.run(outbound.fetch(url, limit=limit, accept="application/json"))


@pytest.fixture(params=["real", "fake"])
def outbound(request: pytest.FixtureRequest, world: Outside, tls: TlsFiles) -> Outbound:
    if request.param == "real":
        return guard(world, tls)
    return Pages({f"https://{HOST}/keys": Fetched(BODY, "application/did+json")})


def test_what_stands_at_an_address_is_fetched_with_its_kind(outbound: Outbound) -> None:
    assert fetched(outbound, f"https://{HOST}/keys") == Fetched(BODY, "application/did+json")


def test_nothing_there_is_a_failure_that_may_pass(outbound: Outbound) -> None:
    with pytest.raises(FetchFailed):
        fetched(outbound, f"https://{HOST}/missing")


def test_more_than_was_asked_for_is_a_failure(outbound: Outbound) -> None:
    with pytest.raises(FetchFailed):
        fetched(outbound, f"https://{HOST}/keys", limit=10)


@pytest.mark.parametrize(
    "url", ["http://issuer.example.org/keys", "https://127.0.0.1/", "file:///etc/passwd"]
)
def test_an_address_of_the_wrong_kind_is_refused(outbound: Outbound, url: str) -> None:
    with pytest.raises(FetchRefused):
        fetched(outbound, url)


@pytest.fixture(params=["real", "fake"])
def postman(request: pytest.FixtureRequest, world: Outside, tls: TlsFiles) -> Postman:
    if request.param == "real":
        return guard(world, tls)
    return Letterbox({f"https://{HOST}/keys": 200, f"https://{HOST}/gone": 410})


def posted(postman: Postman, url: str) -> int:
    return asyncio.run(postman.post(url, b"{}", headers={"Content-Type": "application/json", "x-more": "1"}))


@pytest.mark.parametrize(("path", "status"), [("/keys", 200), ("/gone", 410)])
def test_whoever_posts_learns_the_status_whatever_it_is(postman: Postman, path: str, status: int) -> None:
    assert posted(postman, f"https://{HOST}{path}") == status


def test_posting_where_nobody_answers_is_a_failure_that_may_pass(world: Outside, tls: TlsFiles) -> None:
    for postman in (guard(world, tls, total_seconds=1.0), Letterbox({})):
        with pytest.raises(FetchFailed):
            posted(postman, f"https://{HOST}/silent")


@pytest.mark.parametrize(
    "url", ["http://issuer.example.org/keys", "https://127.0.0.1/", "https://issuer.example.org/#there"]
)
def test_an_address_of_the_wrong_kind_is_refused_when_it_is_vetted_and_when_it_is_posted_to(
    postman: Postman, url: str
) -> None:
    for attempt in (lambda: asyncio.run(postman.vet(url)), lambda: posted(postman, url)):
        with pytest.raises(FetchRefused):
            attempt()


def test_vetting_an_address_connects_to_nobody(world: Outside, tls: TlsFiles) -> None:
    before = world.connections
    asyncio.run(guard(world, tls).vet(f"https://{HOST}/keys"))
    assert world.connections == before


@pytest.mark.parametrize("path", ["/endless", "/bomb", "/brotli", "/larger"])
def test_what_an_answer_to_a_post_goes_on_to_say_is_not_read(
    world: Outside, tls: TlsFiles, path: str
) -> None:
    assert posted(guard(world, tls), f"https://{HOST}{path}") == 200


def test_nothing_is_posted_to_a_place_inside(canary: Outside) -> None:
    outbound = GuardedOutbound(resolve=nobody, port=canary.port)
    for url in SPELLED:
        for attempt in (outbound.vet, partial(outbound.post, content=b"{}", headers={})):
            with pytest.raises(FetchRefused):
                asyncio.run(attempt(url))
    for address in INSIDE.values():
        outbound = GuardedOutbound(resolve=lambda _, found=address: [found], port=canary.port)  # type: ignore[misc]
        with pytest.raises(FetchRefused):
            posted(outbound, f"https://{HOST}/keys")
    assert canary.connections == 0


@pytest.mark.parametrize(
    ("path", "content"), [("/packed", BODY), ("/full", b"x" * LIMIT), ("/keys?version=1", BODY)]
)
def test_answers_are_unpacked_up_to_the_limit(
    world: Outside, tls: TlsFiles, path: str, content: bytes
) -> None:
    assert fetched(guard(world, tls), f"https://{HOST}{path}").content == content


@pytest.mark.parametrize("path", USELESS)
def test_an_answer_that_cannot_be_used_is_a_failure_in_time(world: Outside, tls: TlsFiles, path: str) -> None:
    with pytest.raises(FetchFailed):
        fetched(guard(world, tls, total_seconds=1.0), f"https://{HOST}{path}")


def test_what_is_sent_is_the_question_and_nothing_of_ours(world: Outside, tls: TlsFiles) -> None:
    fetched(guard(world, tls), f"https://{HOST}/keys")
    line, *headers = world.asked[-1].strip().split("\r\n")
    assert line == "GET /keys HTTP/1.1"
    said = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
    assert said.pop("connection") in {"close", "keep-alive"}
    assert said == {
        "host": HOST,
        "accept": "application/json",
        "accept-encoding": "gzip",
        "user-agent": "sigillo",
    }


def test_a_proxy_of_the_environment_is_not_used(
    world: Outside, tls: TlsFiles, canary: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    assert fetched(guard(world, tls), f"https://{HOST}/keys").content == BODY
    assert canary.connections == 0


def test_a_server_is_believed_only_under_its_own_name_and_a_root_we_know(
    world: Outside, tls: TlsFiles
) -> None:
    with pytest.raises(FetchFailed):
        fetched(guard(world, tls), "https://other.example.org/keys")
    web = GuardedOutbound(openings={"127.0.0.1"}, port=world.port, resolve=here)
    with pytest.raises(FetchFailed):
        fetched(web, f"https://{HOST}/keys")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Again", "308 For Good"])
@pytest.mark.parametrize(
    "to", ["https://127.0.0.1:{port}/", "http://localhost:{port}/", "//127.0.0.1:{port}/"]
)
def test_no_redirect_is_followed(tls: TlsFiles, canary: Outside, status: str, to: str) -> None:
    moved = answer(b"", status=status, Location=to.format(port=canary.port))
    with outside({"/keys": moved}, tls) as world, pytest.raises(FetchFailed):
        fetched(guard(world, tls), f"https://{HOST}/keys")
    assert canary.connections == 0


def test_what_is_misspelt_is_refused_before_any_name_is_looked_up(canary: Outside) -> None:
    outbound = GuardedOutbound(resolve=nobody, port=canary.port)
    for url in SPELLED:
        with pytest.raises(FetchRefused):
            fetched(outbound, url)
        with pytest.raises(FetchRefused):
            fetched(outbound, url.replace("127.0.0.1", f"127.0.0.1:{canary.port}"))
    assert canary.connections == 0
    print(f"hostile spellings: {len(SPELLED)} refused, 0 connections inside")  # noqa: T201


def test_a_name_that_leads_inside_is_refused_unvisited(canary: Outside) -> None:
    for name, address in INSIDE.items():
        for found in ([address], ["93.184.215.14", address], [address, "2606:4700::1111"]):
            outbound = GuardedOutbound(resolve=lambda _, found=found: found, port=canary.port)  # type: ignore[misc]
            with pytest.raises(FetchRefused):
                fetched(outbound, f"https://{name}.example.org/keys")
    assert canary.connections == 0
    print(f"names that lead inside: {3 * len(INSIDE)} refused, 0 connections inside")  # noqa: T201


def test_the_canary_sings_when_somebody_comes(canary: Outside) -> None:
    outbound = GuardedOutbound(openings={"127.0.0.1"}, resolve=here, port=canary.port)
    with pytest.raises(FetchFailed):
        fetched(outbound, f"https://{HOST}/keys")
    assert canary.connections == 1


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(
    world: Outside, tls: TlsFiles, canary: Outside
) -> None:
    asked = []

    def rebinding(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    assert fetched(guard(world, tls, resolve=rebinding), f"https://{HOST}/keys").content == BODY
    assert asked == [HOST]
    with pytest.raises(FetchRefused):
        fetched(guard(canary, tls, resolve=rebinding), f"https://{HOST}/keys")
    assert canary.connections == 0


@pytest.mark.parametrize(
    "resolve",
    [
        lambda _: [],
        lambda _: ["93.184.215.14"] * 1 + [f"93.184.215.{n}" for n in range(20)],
        lambda _: (_ for _ in ()).throw(OSError("no such name")),
        lambda _: (_ for _ in ()).throw(UnicodeError("a label too long")),
    ],
    ids=["nowhere", "everywhere", "unknown", "unreadable"],
)
def test_a_name_that_cannot_be_resolved_is_a_failure(
    resolve: Callable[[str], list[str]], canary: Outside
) -> None:
    outbound = GuardedOutbound(resolve=resolve, port=canary.port)
    with pytest.raises(FetchFailed):
        fetched(outbound, "https://unknown.example.org/keys")


def test_too_many_questions_at_once_are_turned_away(world: Outside, tls: TlsFiles) -> None:
    async def crowd() -> list[object]:
        outbound = guard(world, tls, total_seconds=2.0)
        return await asyncio.gather(
            *(outbound.fetch(f"https://{HOST}/keys", limit=LIMIT, accept="*/*") for _ in range(40)),
            return_exceptions=True,
        )

    came = asyncio.run(crowd())
    assert sum(isinstance(each, Fetched) for each in came) == 16
    assert sum(isinstance(each, FetchBusy) for each in came) == 24


def test_a_busy_machine_does_not_use_up_the_places_of_names(canary: Outside) -> None:
    async def crowd() -> None:
        outbound = GuardedOutbound(resolve=lambda _: ["10.0.0.1"], port=canary.port)
        stop, threads = threading.Event(), to_thread.current_default_thread_limiter()
        threads.total_tokens = 1
        url = f"https://{HOST}/"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                partial(to_thread.run_sync, partial(stop.wait, 10))
            )  # holds the one thread that others share
            await anyio.lowlevel.checkpoint()
            for _ in range(2 * NAMES_AT_ONCE):
                with pytest.raises(FetchRefused):
                    await outbound.fetch(url, limit=LIMIT, accept="*/*")
            stop.set()

    anyio.run(crowd)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_whoever_gives_up_gives_the_place_back(canary: Outside, turns: int) -> None:
    async def crowd() -> None:
        outbound = GuardedOutbound(resolve=lambda _: ["10.0.0.1"], port=canary.port)
        url = f"https://{HOST}/"
        for _ in range(2 * NAMES_AT_ONCE):
            asking = asyncio.ensure_future(outbound.fetch(url, limit=LIMIT, accept="*/*"))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, FetchRefused):
                await asking
        await to_thread.run_sync(lambda: None)
        with pytest.raises(FetchRefused):
            await outbound.fetch(url, limit=LIMIT, accept="*/*")

    asyncio.run(crowd())


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4002::1"])
def test_addresses_of_the_public_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_a_name_is_read_in_lower_case_and_an_address_without_a_path_gets_one() -> None:
    assert (target_of("https://Issuer.Example.ORG").host, target_of("https://a.example.org?x").path) == (
        "issuer.example.org",
        "/?x",
    )
    assert target_of("https://xn--bcher-kva.example.org:443/a%20b").path == "/a%20b"


def test_no_word_of_an_address_is_logged(
    world: Outside, tls: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        outbound = guard(world, tls)
        fetched(outbound, f"https://{HOST}/keys?version=1")
    assert "version=1" not in caplog.text
