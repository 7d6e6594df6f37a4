"""One question to an authority over HTTP, and its answer whole, in time and in size, or nothing.

Time-stamp authorities, responders and lists are asked in plain HTTP as often as not: what they say is signed,
and whoever asks verifies it.
"""

import ssl
from functools import lru_cache, partial
from typing import Final

import anyio
import httpx

STEP_SECONDS: Final = 5.0  # to connect, and between two pieces of an answer
TOTAL_SECONDS: Final = 15.0
_PIECE: Final = 16 * 1024


class ExchangeFailed(Exception):
    """Nothing that can be used came back, in time and in size. Says no address: one may hold a password."""


def exchange(
    url: str,
    *,
    limit: int,
    body: bytes | None = None,
    media_type: str = "application/octet-stream",
    host: str | None = None,
    total_seconds: float = TOTAL_SECONDS,
) -> bytes:
    """Ask by GET, or by POST if there is a body; gives at most `limit` bytes, or raises `ExchangeFailed`.

    No redirects, no cookies, no proxies from the environment. `host` names the host where `url` holds its
    address. For threads of the work road: it waits.
    """
    ask = partial(_asked, url, limit, body, media_type, host, total_seconds)
    try:
        return anyio.run(ask)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as why:
        raise ExchangeFailed(f"nothing came back that can be used ({type(why).__name__})") from None


async def _asked(
    url: str, limit: int, body: bytes | None, media_type: str, host: str | None, total_seconds: float
) -> bytes:
    headers = {"User-Agent": "sigillo", "Accept-Encoding": "identity"}
    if host is not None:
        headers["Host"] = host
    if body is not None:
        headers["Content-Type"] = media_type
    with anyio.fail_after(total_seconds):
        async with (
            httpx.AsyncClient(
                verify=_authorities(), trust_env=False, follow_redirects=False, timeout=STEP_SECONDS
            ) as client,
            client.stream(
                "GET" if body is None else "POST",
                url,
                content=body,
                headers=headers,
                extensions={"sni_hostname": host} if host is not None else {},
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ExchangeFailed(f"the answer is {response.status_code}, not what was asked for")
            content = bytearray()
            async for piece in response.aiter_raw(_PIECE):
                content += piece
                if len(content) > limit:
                    raise ExchangeFailed("the answer is larger than one can be")
            return bytes(content)


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    """Read the authorities of the web once: that takes ten times as long as to ask somebody near."""
    return httpx.create_ssl_context(trust_env=False)
