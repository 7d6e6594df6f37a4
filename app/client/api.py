"""The service as its clients see it: calls that answer with JSON, or raise what the service said."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
Json = dict[str, Any]


class Refused(Exception):
    """The service understood and said no. `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Json) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))


class NotUsable(Exception):
    """The address or the key cannot be right; the message says what to mend."""


class Unreachable(Exception):
    """The service gave no answer. Trying again is safe: nothing is created twice."""


class Api:
    """Calls the service as one person or one client."""

    def __init__(
        self, url: str, key: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise NotUsable(f"The address must start with https:// (or http://): {url}")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise NotUsable("The key has characters that no key has. Copy it again.")
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, transport=transport)
        self.url = url

    def get(self, path: str, **query: str) -> Json:
        """Read something."""
        return self._json(self._call("GET", path, params=query))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Create something, or move it along."""
        return self._json(self._call("POST", path, json=dict(body or {})))

    def put(self, path: str, body: Mapping[str, Any]) -> Json:
        """Replace something."""
        return self._json(self._call("PUT", path, json=dict(body)))

    def upload(self, path: str, fields: Mapping[str, str], files: Mapping[str, Any] | None = None) -> Json:
        """Send a form, with a file or without."""
        parts = {name: (None, value) for name, value in fields.items()}
        return self._json(self._call("POST", path, files={**parts, **(files or {})}))

    def text(self, path: str) -> str:
        """Read a document as it is."""
        return self._call("GET", path).text

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **given)
        except httpx.TransportError as error:
            raise Unreachable(f"{self.url} does not answer ({type(error).__name__}).") from error
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise Refused(answer.status_code, problem if isinstance(problem, dict) else {})

    @staticmethod
    def _json(answer: httpx.Response) -> Json:
        if not answer.content:
            return {}
        found: Json = answer.json()
        return found
