"""The world outside, as tests have it: nothing is there but what they put there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.adapters.outbound import target_of
from app.ports import Fetched, FetchFailed, FetchRefused


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
