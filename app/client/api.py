"""The service as its clients see it: calls that answer with JSON, or raise what the service said."""

import ipaddress
import secrets
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from app.client.words import Told

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
THIS_MACHINE: Final = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
LATER: Final = frozenset({408, 425, 429})  # answers that mean no more than "not now"
Json = dict[str, Any]


class Refused(Exception):
    """The service understood and said no. `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))

    @property
    def is_about_the_key(self) -> bool:
        """Tell whether another key could be taken where this one was not."""
        if self.status == HTTPStatus.FORBIDDEN:
            return self.code in {"", "permission-missing"}
        return self.is_unknown_key

    @property
    def is_unknown_key(self) -> bool:
        return self.status == HTTPStatus.UNAUTHORIZED


class Answered(dict[str, Any]):
    """A part of an answer, which says so when it lacks what it should have."""

    def __missing__(self, name: str) -> Any:
        raise Strange("answer-strange", why=name)


class Strange(Told):
    """An answer is not of the shape that this version knows."""


class NotUsable(Told):
    """The address or the key cannot be right; the message says what to mend."""


class Unreachable(Told):
    """The service gave no answer that means anything. Trying again is safe: nothing is created twice."""


def address(url: str, *, with_key: bool) -> str:
    """Check where the service is said to be; a key goes out encrypted, or does not leave this machine."""
    if not url.startswith(("http://", "https://")):
        here = url.partition("/")[0].rpartition(":")[0] or url
        if "://" not in url and url and not url.startswith("/"):
            raise NotUsable("address-bare", guess=f"{'http' if _loopback(here) else 'https'}://{url}")
        raise NotUsable("address-scheme", url=url)
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise NotUsable("address-wrong", url=url) from None
    if not parts.host or parts.userinfo or parts.query or parts.fragment:
        raise NotUsable("address-wrong", url=parts.host or url)
    if with_key and parts.scheme == "http" and not _loopback(parts.host):
        raise NotUsable("address-open", url=url)
    return url.rstrip("/")


def _loopback(host: str) -> bool:
    """Tell what surely is this machine; `*.localhost` is up to whoever answers for names."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return any(found in network for network in THIS_MACHINE)


class Api:
    """Calls the service as one person or one client."""

    def __init__(
        self, url: str, key: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = address(url, with_key=key is not None)
        if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
            raise NotUsable("key-wrong")
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        try:
            # A proxy passes https on sealed; in plain http it would read the key.
            self._http = httpx.Client(
                base_url=url,
                headers=headers,
                timeout=TIMEOUT,
                transport=transport,
                trust_env=self.url.startswith("https://"),
            )
        except (ValueError, ImportError, OSError, ssl.SSLError) as error:  # proxies and certificates
            raise NotUsable("network-settings", why=error) from None

    def get(self, path: str, **query: str) -> Json:
        """Read something."""
        return self._json(self._call("GET", path, params=query))

    def all(self, path: str, **query: str) -> Iterator[Json]:
        """Read a list to its end, page by page."""
        page = self.get(path, **query)
        yield from page["data"]
        while cursor := page.get("next_cursor"):
            page = self.get(path, **query, cursor=str(cursor))
            yield from page["data"]

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Json:
        """Create something, or move it along, with a key that makes sending it again safe.

        Whoever may have to send it again draws the key, and keeps it until there is an answer.
        """
        headers = _keyed(key)
        return self._json(self._call("POST", path, json=dict(body or {}), headers=headers))

    def put(self, path: str, body: Mapping[str, Any], *, of: str | None = None) -> Json:
        """Replace something; with `of`, where it is read, only as it stands there now."""
        headers = {} if of is None else {"If-Match": self._call("GET", of).headers.get("ETag", "*")}
        return self._json(self._call("PUT", path, json=dict(body), headers=headers))

    def delete(self, path: str) -> None:
        """Take something away."""
        self._call("DELETE", path)

    def upload(
        self,
        path: str,
        fields: Mapping[str, str],
        files: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Json:
        """Send a form, with a file or without, and with a key as `post` does."""
        parts = {name: (None, value) for name, value in fields.items()}
        sent = {**parts, **(files or {})}
        return self._json(self._call("POST", path, files=sent, headers=_keyed(key)))

    def send(self, path: str, content: bytes, *, media_type: str, key: str, query: Mapping[str, str]) -> Json:
        """Send a file as it is; the key makes sending it again safe."""
        headers = {"Content-Type": media_type, "Idempotency-Key": key}
        return self._json(self._call("POST", path, content=content, params=dict(query), headers=headers))

    def text(self, path: str) -> str:
        """Read a document as it is."""
        return self._call("GET", path).text

    def content(self, path: str, *, accept: str | None = None, **query: str) -> bytes:
        """Read a file as it is, in the form that is asked for if there are several."""
        headers = {"Accept": accept} if accept else {}
        return self._call("GET", path, params=query, headers=headers).content

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **given)
        except httpx.TimeoutException:
            raise Unreachable("no-answer-in-time", url=self.url) from None
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise Unreachable("no-answer", url=self.url, why=type(error).__name__) from error
        if answer.is_success:
            return answer
        if answer.is_server_error or answer.status_code in LATER:
            raise Unreachable("answers-later", url=self.url, status=answer.status_code)
        if answer.is_redirect:
            raise NotUsable("answers-elsewhere", url=self.url)
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise Refused(answer.status_code, _without_controls(problem) if isinstance(problem, dict) else {})

    def _json(self, answer: httpx.Response) -> Json:
        if not answer.content:
            return {}
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise NotUsable("not-sigillo", url=self.url)
        cleaned: Json = _without_controls(found)
        return cleaned


def _keyed(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or secrets.token_hex(16)}


def _without_controls(found: Any) -> Any:
    """Take out what would steer a terminal instead of being read in it."""
    if isinstance(found, str):
        return (
            found
            if found.isprintable()
            else "".join(one for one in found if one.isprintable() or one in "\n\t")
        )
    if isinstance(found, list):
        return [_without_controls(each) for each in found]
    if isinstance(found, dict):
        return Answered((name, _without_controls(each)) for name, each in found.items())
    return found
