"""How a program proves who it is: by a secret or a private key, for tokens that it renews by itself."""

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Final

import httpx

from app.client.api import TOKENS, NotUsable, Refused, Unreachable, failure

EARLY_SECONDS: Final = 60.0  # a token is not used right up to its end
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A program and a secret of its own; without scopes, it asks for all that it may have."""

    client: str
    secret: str = field(repr=False)
    scopes: Sequence[str] = ()

    def proof(self, audience: str) -> dict[str, str]:
        del audience
        return {"client_id": self.client, "client_secret": self.secret}


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A program and a private key (PEM) whose public one is registered: `private_key_jwt`, RFC 7523.

    This alone needs PyJWT with cryptography, which the client does not bring:
    `pip install 'pyjwt[crypto]'`.
    """

    client: str
    private_key: str = field(repr=False)
    algorithm: str = "ES256"
    key_id: str | None = None
    scopes: Sequence[str] = ()
    audience: str | None = None  # the service's own address of tokens, where it is called by another
    clock: Callable[[], float] = time.time

    def proof(self, audience: str) -> dict[str, str]:
        try:
            import jwt
        except ImportError:
            raise NotUsable("assertion-needs-pyjwt") from None
        now = int(self.clock())
        named = {"iss": self.client, "sub": self.client, "aud": self.audience or audience}
        claims = {**named, "jti": secrets.token_urlsafe(16)}
        header = {"kid": self.key_id} if self.key_id else None
        if self.algorithm not in jwt.algorithms.get_default_algorithms():  # PyJWT without cryptography
            raise NotUsable("assertion-needs-pyjwt")
        try:
            signed = jwt.encode(
                {**claims, "iat": now, "exp": now + ASSERTION_SECONDS},
                self.private_key,
                algorithm=self.algorithm,
                headers=header,
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise NotUsable("assertion-key-wrong", algorithm=self.algorithm) from None
        return {"client_id": self.client, "client_assertion_type": ASSERTION, "client_assertion": signed}


class Tokens(httpx.Auth):
    """Puts a token on every request: kept until shortly before its end, fetched again then, and on a 401."""

    def __init__(
        self, url: str, proven_by: ClientSecret | ClientKey, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._proven_by = proven_by
        self._clock = clock
        self._lock = Lock()
        self._token = ""
        self._until = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = yield from self._current(refused=None)
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            token = yield from self._current(refused=token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _current(self, *, refused: str | None) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock:  # many threads need one token
            if not self._token or self._token == refused or self._clock() >= self._until:
                self._token = ""
                self._take((yield self._asking()))
            return self._token

    def _asking(self) -> httpx.Request:
        audience = f"{self._url}{TOKENS}"
        form = {"grant_type": "client_credentials", **self._proven_by.proof(audience)}
        if self._proven_by.scopes:
            form["scope"] = " ".join(self._proven_by.scopes)
        return httpx.Request("POST", audience, data=form, headers={"Accept": "application/json"})

    def _take(self, answer: httpx.Response) -> None:
        answer.read()
        if not answer.is_success:
            raise _refusal(failure(answer, self._url))
        try:
            found = answer.json()
            self._token, lasts = str(found["access_token"]), float(found["expires_in"])
        except (ValueError, TypeError, LookupError):
            raise NotUsable("not-sigillo", url=self._url) from None
        self._until = self._clock() + max(lasts - EARLY_SECONDS, lasts / 2)


def _refusal(failed: Refused | Unreachable) -> Exception:
    """Say a refusal of OAuth (RFC 6749, 5.2) as all others are said."""
    if isinstance(failed, Unreachable):
        failed.untaken = True  # what the token was for had not been sent, or was refused for want of it
    if isinstance(failed, Refused) and (error := failed.problem.get("error")):
        told = {"code": error, "detail": failed.problem.get("error_description"), **failed.problem}
        return Refused(failed.status, told)
    return failed
