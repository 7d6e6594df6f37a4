"""How soon a revocation shows: by number and in each list, on every process that serves the register."""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic, sleep
from typing import Final

import httpx

from app.formats import bitstring, tokenlist
from app.formats.jose import open_compact
from bench.load import CannotMeasure, Server, sigillo
from bench.public import Figure, each_once, serving
from bench.seeding.register import Register, filled

SIZE: Final = 500
ROWS: Final = (1, 5) * 12  # so many are revoked in a quick row, all of them in the same lists
APART: Final = 0.4  # seconds at most between two of a row: the pause of a list then counts
REST: Final = 2.5  # and between two rows: some find the lists at rest, and some do not
MOST: Final = 2.0
LOOKS_APART: Final = 0.01
MOST_LOOKS: Final = 20_000
PATIENCE_SECONDS: Final = 10.0
REASON: Final = {"cause": "issued_in_error", "reasons": "Come richiesto."}

Says = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the public can see of a credential that it is revoked."""

    kind: str
    path: str
    index: int = 0  # in a list


@dataclass(frozen=True, slots=True)
class Chosen:
    """A credential that is to be revoked."""

    id: str
    places: tuple[Place, ...]


class Watcher:
    """Looks at one process again and again, and notes when it was first seen to say what."""

    def __init__(self, client: httpx.Client, lists: Iterable[str]) -> None:
        self._client = client
        self._lists = tuple(lists)
        self._read: dict[str, tuple[str, Says]] = {}
        self.awaited: list[Place] = []  # another thread adds to it
        self.seen: dict[Place, float] = {}
        self.looked: list[float] = []

    def watch(self, over: Event) -> None:
        """Look without rest: a process that is always asked believes what it remembers the longest."""
        for _ in range(MOST_LOOKS):
            self.look()
            if over.wait(LOOKS_APART):
                return
        raise CannotMeasure(f"Not all was seen after {MOST_LOOKS:,} looks.")

    def look(self) -> None:
        """Look at every list, and at every number that does not say yet what it is to say."""
        self.looked.append(monotonic())
        awaited = [place for place in tuple(self.awaited) if place not in self.seen]
        for path in dict.fromkeys((*self._lists, *(place.path for place in awaited))):
            says, now = self._says(path), monotonic()
            for place in awaited:
                if place.path == path and says(place.index):
                    self.seen[place] = now

    def _says(self, path: str) -> Says:
        told = self._client.get(path).raise_for_status().text
        known = self._read.get(path)
        if known and known[0] == told:
            return known[1]
        says = _reading(path, told)
        if not all(says(place.index) for place in self.seen if place.path == path):
            raise CannotMeasure(f"{path} went back to what it said before.")
        self._read[path] = told, says
        return says


def run() -> Figure:
    """Revoke at random instants, alone and in quick rows, and wait for each to show everywhere."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        register = filled(f"sqlite:///{folder}/register.db", SIZE, secrets.token_hex(8))
        chosen = _chosen(register)
        clients = [stack.enter_context(_client(server)) for server in _servers(register, folder, stack)]
        lists = {place.path for each in chosen for place in each.places if place.kind != "number"}
        watchers = [Watcher(client, sorted(lists)) for client in clients]
        for watcher in watchers:
            _says_nothing_yet(watcher, chosen)
        with _watching(watchers) as watching:
            answered = list(_revoked(chosen, register, clients, watchers, watching))
            _wait(watchers, watching)
    return _figure(answered, watchers)


def _servers(register: Register, folder: str, stack: ExitStack) -> Iterator[Server]:
    """Serve one register twice, with one worker between them, as two processes on one machine do."""
    settings = serving(register, remembers=True) | {
        "SIGILLO_FILES_FOLDER": f"{folder}/files",
        "SIGILLO_MAIL_FOLDER": f"{folder}/mail",
    }
    for worker in ("true", "false"):
        yield stack.enter_context(sigillo(settings | {"SIGILLO_WORKER": worker}))


def _client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=30)


def _chosen(register: Register) -> list[Chosen]:
    """Draw credentials that are neither revoked nor suspended, and find where each is to be seen."""
    question = (
        "SELECT c.id, d.format, d.list_id, d.list_index FROM document d JOIN period p ON p.id = d.period_id "
        "JOIN credential c ON c.id = p.credential_id WHERE c.number = ? ORDER BY d.id"
    )
    drawn = (register.member(n) for n in each_once(register, 10 * SIZE))
    numbers = (member.number for member in drawn if not member.revoked and not member.suspended)
    chosen = []
    with closing(sqlite3.connect(Path(register.url.removeprefix("sqlite:///")))) as connection:
        for number in islice(numbers, sum(ROWS)):
            rows = connection.execute(question, (number,)).fetchall()
            places = [place for _, form, *at in rows for place in in_lists(form, *at)]
            chosen.append(Chosen(rows[0][0], (Place("number", f"/v/{number}.json"), *places)))
    return chosen


def in_lists(form: str, list_id: int, index: int) -> Iterator[Place]:
    """Tell where a document's place in a list says that it is revoked."""
    yield Place(f"token list, {form}", f"/status/{list_id}", index)
    if form == "vc+jwt":
        yield Place(f"bitstring, {form}", f"/status/{list_id}-revocation", index)


def _reading(path: str, told: str) -> Says:
    """Read what was answered: a report, a bitstring or a token list."""
    if path.endswith(".json"):
        revoked = json.loads(told)["credential"]["state"] == "revoked"
        return lambda _: revoked
    if path.endswith("-revocation"):
        token = open_compact(told, limit=bitstring.MAX_TOKEN)
        return bitstring.read_status_list(token.payload).bits.is_set
    states = tokenlist.open_token_list(told)[1].states
    return lambda index: states.at(index) != 0


def _says_nothing_yet(watcher: Watcher, chosen: Sequence[Chosen]) -> None:
    """Look at everything beforehand: each process then remembers what it will have to forget."""
    watcher.awaited = [place for each in chosen for place in each.places]
    watcher.look()
    if watcher.seen:
        raise CannotMeasure(f"{next(iter(watcher.seen)).path} says so before anything was revoked.")
    watcher.awaited, watcher.looked = [], []


@contextmanager
def _watching(watchers: Sequence[Watcher]) -> Iterator[list[Future[None]]]:
    over = Event()
    with ThreadPoolExecutor(len(watchers)) as threads:
        try:
            yield [threads.submit(watcher.watch, over) for watcher in watchers]
        finally:
            over.set()


def _revoked(
    chosen: Sequence[Chosen],
    register: Register,
    clients: Sequence[httpx.Client],
    watchers: Sequence[Watcher],
    watching: Sequence[Future[None]],
) -> Iterator[tuple[Chosen, float]]:
    """Revoke one after another, on either process in turn, and tell when that was answered."""
    key = {"Authorization": f"Bearer {register.registrar}"}
    apart = [most for row in ROWS for most in (REST, *(APART,) * (row - 1))]
    for turn, (each, most) in enumerate(zip(chosen, apart, strict=True)):
        sleep(most * _share(register, turn))
        _still(watching)
        path = f"/v1/credentials/{each.id}/revocation"
        clients[turn % len(clients)].post(path, json=REASON, headers=key).raise_for_status()
        at = monotonic()
        for watcher in watchers:
            watcher.awaited.extend(each.places)
        yield each, at


def _share(register: Register, turn: int) -> float:
    """Draw a share of the whole, the same for the same seed."""
    digest = hashlib.sha256(f"{register.seed} instant {turn}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _wait(watchers: Sequence[Watcher], watching: Sequence[Future[None]]) -> None:
    ends = monotonic() + PATIENCE_SECONDS
    while any(len(watcher.seen) < len(watcher.awaited) for watcher in watchers):
        _still(watching)
        if monotonic() > ends:
            raise CannotMeasure(f"Not all was seen {PATIENCE_SECONDS:.0f} s after the last revocation.")
        sleep(LOOKS_APART)


def _still(watching: Sequence[Future[None]]) -> None:
    """Say at once if somebody no longer watches."""
    for each in watching:
        if each.done():
            each.result()


def _figure(answered: Sequence[tuple[Chosen, float]], watchers: Sequence[Watcher]) -> Figure:
    waits: dict[str, list[float]] = {}
    for each, at in answered:
        seen: dict[str, float] = {}
        for place in each.places:
            last = max(watcher.seen[place] for watcher in watchers) - at
            seen[place.kind] = max(last, seen.get(place.kind, last))
        for kind, wait in {"everywhere": max(seen.values()), **seen}.items():
            waits.setdefault(kind, []).append(wait)
    everywhere = waits.pop("everywhere")
    apart = [later - earlier for watcher in watchers for earlier, later in pairwise(watcher.looked)]
    return {
        "name": f"revoke: visible on every worker within {MOST:g} s",
        "unit": "s",
        "value": round(max(everywhere), 3),
        "median": round(median(everywhere), 3),
        "revocations": len(everywhere),
        "places": {kind: _spread(found) for kind, found in sorted(waits.items())},
        "looks_apart": _spread(apart),
        "most": MOST,
        "met": max(everywhere) <= MOST,
    }


def _spread(found: Sequence[float]) -> dict[str, float]:
    return {"median": round(median(found), 3), "worst": round(max(found), 3)}
