"""The one way out of the house: what strangers' documents point at is fetched here, or not at all."""

from app.ports import Fetched, FetchRefused


class NoOutbound:
    """Goes nowhere."""

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched:
        del url, limit, accept
        raise FetchRefused("Nothing is fetched from here.")
