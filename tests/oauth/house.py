"""An organisation with an administrator and a client; what clients send, made by hand."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.formats.jose import public_members
from app.main import create_app
from app.oauth.forms import ASSERTION_TYPE
from app.organisations.rules import Role
from app.ports import Ports
from tests import make
from tests.calling import Caller

SCOPES: Final = ["dossiers:read", "members:read"]
ISSUER: Final = "https://sigillo.example.org"
ENDPOINT: Final = f"{ISSUER}/oauth/token"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

EC: Final = ec.generate_private_key(ec.SECP256R1())
RSA: Final = rsa.generate_private_key(65537, 2048)
ED: Final = ed25519.Ed25519PrivateKey.generate()


def public(key: PrivateKey, **more: Any) -> dict[str, Any]:
    return {**public_members(key.public_key()), **more}


class House:
    """An organisation, its administrator, and a client of it that may read dossiers and members."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.app = create_app(ports)
        self.id, (administrator, self.other_token) = make.tokens(ports, (Role.ADMINISTRATOR,), ())
        self.administrator: Caller = make.caller(self.app, administrator)
        self.clients = f"/v1/organisations/{self.id}/clients"
        self.client: str = self.new_client(SCOPES)
        self.path = f"{self.clients}/{self.client}"

    def new_client(self, scopes: list[str] | None, name: str = "Portale") -> str:
        made = self.administrator.post(self.clients, json={"name": name, "scopes": scopes})
        assert made.status_code == 201, made.text
        found: str = made.json()["id"]
        return found

    def secret(self, **asked: Any) -> tuple[str, str]:
        """A new secret of the client: its id, and the secret itself."""
        made = self.administrator.post(f"{self.path}/secrets", json=asked)
        assert made.status_code == 201, made.text
        return made.json()["id"], made.json()["secret"]

    def register(self, key: PrivateKey, **more: Any) -> dict[str, Any]:
        made = self.administrator.post(f"{self.path}/jwks", json=public(key, **more))
        assert made.status_code == 201, made.text
        (row,) = made.json()
        return dict(row)

    def ask(
        self, path: str = "/oauth/token", *, headers: dict[str, str] | None = None, **form: str
    ) -> httpx.Response:
        if path == "/oauth/token":
            form = {"grant_type": "client_credentials", **form}
        return make.caller(self.app).post(path, data=form, headers=headers or {})

    def by_secret(self, secret: str, path: str = "/oauth/token", **form: str) -> httpx.Response:
        return self.ask(path, headers=None, client_id=self.client, client_secret=secret, **form)

    def by_assertion(self, assertion: str, path: str = "/oauth/token", **form: str) -> httpx.Response:
        return self.ask(
            path, headers=None, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion, **form
        )

    def token(self, secret: str, **form: str) -> str:
        answer = self.by_secret(secret, **form)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["access_token"]
        return found

    def me(self, token: str) -> httpx.Response:
        return make.caller(self.app, token).get("/v1/me")

    def claims(self, **other: Any) -> dict[str, Any]:
        now = int(self.ports.clock.now().timestamp())
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": ENDPOINT,
            "iat": now,
            "exp": now + 300,
            "jti": "once",
        }
        return {name: value for name, value in (claims | other).items() if value is not None}

    def signed(
        self, key: PrivateKey, alg: str, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        return jwt.encode(self.claims(**claims), key, algorithm=alg, headers=dict(header or {}))


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


def handmade(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS of whatever is given, signed over its bytes as they are."""

    def part(content: Any) -> bytes:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    signed = part(header) + b"." + part(payload)
    return (signed + b"." + part(sign(signed))).decode()


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Basic")
    return answer.status_code, answer.json()["error"]


INVALID_CLIENT: Final = (401, "invalid_client")
INVALID_REQUEST: Final = (400, "invalid_request")
