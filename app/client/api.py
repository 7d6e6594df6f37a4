"""The service as its clients see it: calls that answer with JSON, or raise what the service said."""

import ipaddress
import secrets
import ssl
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import httpx

from app.client.patience import Patience
from app.client.words import Told

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
THIS_MACHINE: Final = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
LATER: Final = frozenset({408, 425, 429})  # answers that mean no more than "not now"
PASSING: Final = LATER | {502, 503, 504}
UNTAKEN: Final = frozenset({425, 429, 503})  # and that nothing was done
BUSY: Final = "database-busy"  # but for this: the database may have been lost while it took it
IN_FLIGHT: Final = "idempotency-in-flight"
KEY: Final = "Idempotency-Key"
TOKENS: Final = "/oauth/token"
LONGEST_PAUSE: Final = 9  # digits
Json = dict[str, Any]
Asked = str | Sequence[str]


class Refused(Exception):
    """The service understood and said no. `problem` is its RFC 9457 document."""

    untaken = False

    def __init__(self, status: int, problem: Json, after: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.passing = self.code == IN_FLIGHT
        self.after = after
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

    edition: str | None = None  # the ETag of the whole

    def __missing__(self, name: str) -> Any:
        raise Strange("answer-strange", why=name)


class Strange(Told):
    """An answer is not of the shape that this version knows."""


class NotUsable(Told):
    """The address or the key cannot be right; the message says what to mend."""


class Unreachable(Told):
    """The service gave no answer that means anything. Trying again is safe: nothing is created twice."""

    passing = True  # may be otherwise in a moment
    untaken = False  # surely nothing was done
    after: float | None = None  # in how many seconds to ask again, where the service said so


class GaveUp(Unreachable):
    """However often it was sent, there was no answer. With the same `key` it can still be sent again."""

    def __init__(self, url: str, last: Refused | Unreachable, *, attempts: int, key: str | None) -> None:
        facts = last.facts if isinstance(last, Unreachable) else {}
        why = facts.get("why") or facts.get("status") or last.code
        super().__init__("gave-up", url=url, attempts=attempts, why=why)
        self.attempts = attempts
        self.key = key
        self.after = last.after


class Unsure(Unreachable):
    """The connection or the database broke: whether it was carried out is not known. It was not sent again.

    Read how things stand first. What makes something has a key, and so is sent again instead.
    """


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
        self,
        url: str,
        key: str | None = None,
        *,
        auth: httpx.Auth | None = None,
        patience: Patience | None = None,
        for_terminal: bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = address(url, with_key=key is not None or auth is not None)
        self._patience = patience
        self._read = _without_controls if for_terminal else _as_it_came
        if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
            raise NotUsable("key-wrong")
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        try:
            # A proxy passes https on sealed; in plain http it would read the key.
            self._http = httpx.Client(
                base_url=url,
                headers=headers,
                auth=auth,
                timeout=TIMEOUT,
                transport=transport,
                trust_env=self.url.startswith("https://"),
            )
        except (ValueError, ImportError, OSError, ssl.SSLError) as error:  # proxies and certificates
            raise NotUsable("network-settings", why=error) from None

    def get(self, path: str, **query: Asked) -> Json:
        """Read something."""
        return self._json(self._call("GET", path, params=query))

    def all(self, path: str, **query: Asked) -> Iterator[Json]:
        """Read a list to its end, page by page."""
        page = self.get(path, **query)
        yield from page["data"]
        while cursor := page.get("next_cursor"):
            page = self.get(path, **{**query, "cursor": str(cursor)})
            yield from page["data"]

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None, **query: Asked
    ) -> Json:
        """Create something, with a key that makes sending it again safe.

        Whoever may have to send it again draws the key, and keeps it until there is an answer.
        """
        return self._json(self._call("POST", path, params=query, json=dict(body or {}), headers=_keyed(key)))

    def move(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Move something along: sent again only where it surely was not taken."""
        return self._json(self._call("POST", path, repeatable=False, json=dict(body or {})))

    def put(
        self, path: str, body: Mapping[str, Any], *, of: str | None = None, edition: str | None = None
    ) -> Json:
        """Replace something: only as it was read if `edition` says how; with `of`, as it stands there now."""
        if of is not None:
            edition = self._call("GET", of).headers.get("ETag", "*")
        return self._edit("PUT", path, body, edition)

    def patch(self, path: str, body: Mapping[str, Any], *, edition: str | None = None) -> Json:
        """Change a part of something, only as it was read if `edition` says how."""
        return self._edit("PATCH", path, body, edition)

    def delete(self, path: str) -> Json:
        """Take something away."""
        return self._json(self._call("DELETE", path, repeatable=False))

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

    def send(
        self, path: str, content: bytes, *, media_type: str, key: str | None, query: Mapping[str, Asked]
    ) -> Json:
        """Send a file as it is; the key makes sending it again safe."""
        headers = {"Content-Type": media_type, **_keyed(key)}
        return self._json(self._call("POST", path, content=content, params=dict(query), headers=headers))

    def text(self, path: str) -> str:
        """Read a document as it is."""
        return self._call("GET", path).text

    def content(self, path: str, *, accept: str | None = None, **query: Asked) -> bytes:
        """Read a file as it is, in the form that is asked for if there are several."""
        headers = {"Accept": accept} if accept else {}
        return self._call("GET", path, params=query, headers=headers).content

    def close(self) -> None:
        self._http.close()

    def _edit(self, method: str, path: str, body: Mapping[str, Any], edition: str | None) -> Json:
        headers = {"If-Match": edition} if edition else {}
        # Sent again after it was done, it would find its own change in its way.
        answer = self._call(method, path, repeatable=False, json=dict(body), headers=headers)
        return self._json(answer)

    def _call(self, method: str, path: str, *, repeatable: bool = True, **given: Any) -> httpx.Response:
        """Send a request, and with patience send it again; `repeatable` if that has one effect."""
        attempt, waited = 1, 0.0
        while True:
            try:
                return self._once(method, path, **given)
            except (Unreachable, Refused) as failed:
                if self._patience is None or not failed.passing:
                    raise
                if not (repeatable or failed.untaken):
                    raise Unsure("unsure", url=self.url) from failed
                rest = self._patience.rest(attempt, waited, failed.after)
                if rest is None:
                    key = given.get("headers", {}).get(KEY)
                    raise GaveUp(self.url, failed, attempts=attempt, key=key) from failed
            self._patience.pause(rest)
            attempt, waited = attempt + 1, waited + rest

    def _once(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **given)
        except httpx.TimeoutException as error:
            raise _cut_off(Unreachable("no-answer-in-time", url=self.url), error) from None
        except httpx.RequestError as error:
            raise _cut_off(Unreachable("no-answer", url=self.url, why=type(error).__name__), error) from error
        except httpx.InvalidURL as error:
            raise Unreachable("no-answer", url=self.url, why=type(error).__name__) from error
        if answer.is_success:
            return answer
        if answer.is_redirect:
            raise NotUsable("answers-elsewhere", url=self.url)
        raise failure(answer, self.url)

    def _json(self, answer: httpx.Response) -> Json:
        if not answer.content:
            return {}
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise NotUsable("not-sigillo", url=self.url)
        cleaned: Answered = self._read(found)
        cleaned.edition = answer.headers.get("ETag")
        return cleaned


def failure(answer: httpx.Response, url: str) -> Unreachable | Refused:
    """Say what an answer means that is no success: that there was none yet, or no."""
    asked = answer.headers.get("Retry-After", "")
    after = float(asked) if asked.isdecimal() and len(asked) < LONGEST_PAUSE else None
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    problem = _without_controls(problem) if isinstance(problem, dict) else {}
    if answer.is_server_error or answer.status_code in LATER:
        later = Unreachable("answers-later", url=url, status=answer.status_code)
        later.after = after
        later.passing = answer.status_code in PASSING
        later.untaken = answer.status_code in UNTAKEN and problem.get("code") != BUSY
        return later
    return Refused(answer.status_code, problem, after)


def _cut_off(unreachable: Unreachable, error: httpx.RequestError) -> Unreachable:
    """Tell whether the request had not even left, or was one for a token before it."""
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    unreachable.untaken = unsent or error.request.url.path.endswith(TOKENS)
    return unreachable


def _keyed(key: str | None) -> dict[str, str]:
    return {KEY: key or secrets.token_hex(16)}


def _as_it_came(found: Any) -> Any:
    if isinstance(found, list):
        return [_as_it_came(each) for each in found]
    if isinstance(found, dict):
        return Answered((name, _as_it_came(each)) for name, each in found.items())
    return found


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
