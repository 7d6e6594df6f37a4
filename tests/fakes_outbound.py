"""The world outside, as tests have it: nothing is there but what they put there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.adapters.outbound import target_of
from app.ports import Fetched, FetchFailed, FetchRefused, SealBroken


@dataclass
class Nowhere:
    """Refuses every address, and remembers which were asked for."""

    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        del limit, accept
        self.asked.append(url)
        raise FetchRefused("Nothing is fetched from here.")


@dataclass
class Pages:
    """Serves what a test put at an address; everything else does not answer."""

    pages: Mapping[str, Fetched]
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        del accept
        self.asked.append(url)
        target_of(url)
        found = self.pages.get(url)
        if found is None or len(found.content) > limit:
            raise FetchFailed("Nothing came back that can be used.")
        return found


@dataclass
class Letterbox:
    """Takes what is posted to the addresses that a test names, and keeps it; nobody else answers."""

    statuses: Mapping[str, int]
    taken: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    async def vet(self, url: str) -> None:
        target_of(url)

    async def post(self, url: str, content: bytes, *, headers: Mapping[str, str]) -> int:
        target_of(url)
        if url not in self.statuses:
            raise FetchFailed("Nothing came back that can be used.")
        self.taken.append((url, content, headers))
        return self.statuses[url]


@dataclass(frozen=True)
class PlainVault:
    """Keeps secrets so that a test can read them; each opens for its own place alone."""

    def seal(self, secret: bytes, place: str) -> bytes:
        return place.encode() + b"\0" + secret

    def open(self, sealed: bytes, place: str) -> bytes:
        meant, _, secret = sealed.partition(b"\0")
        if meant != place.encode():
            raise SealBroken("It was sealed for another place.")
        return secret
