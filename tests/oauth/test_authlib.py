"""Authlib on the other side: what a second implementation sends is taken, over HTTP, by the real clock."""

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.ports import Ports
from tests.calling import Remote
from tests.oauth.house import EC, ED, RSA, SCOPES, PrivateKey, public
from tests.oauth.served import Served, served

_KINDS: Final[dict[str, tuple[Any, PrivateKey]]] = {
    "ES256": (ECKey, EC),
    "Ed25519": (OKPKey, ED),
    "RS256": (RSAKey, RSA),
    "PS256": (RSAKey, RSA),
}


class ShortLived(PrivateKeyJWT):  # type: ignore[misc] # Authlib brings no types
    """Authlib's own, which would live for an hour, made for five minutes."""

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        return private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            header=dict(self.headers or {}),
            alg=self.alg,
            expires_in=300,
        )


@pytest.fixture
def service(ports: Ports) -> Iterator[Served]:
    with served(ports) as running:
        yield running


def _key(alg: str) -> Any:
    kind, key = _KINDS[alg]
    return kind.import_key(_pem(key))


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _client(service: Served, secret: Any, **options: Any) -> OAuth2Client:
    return OAuth2Client(service.client, secret, trust_env=False, timeout=30, **options)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_uses_and_ends_a_token_by_secret(service: Served, method: str) -> None:
    described = Remote(service.url).get("/.well-known/oauth-authorization-server").json()
    with _client(service, service.secret, token_endpoint_auth_method=method) as client:
        token = client.fetch_token(f"{service.url}/oauth/token", grant_type="client_credentials")

        assert token["scope"].split() == SCOPES
        assert client.get(f"{service.url}/v1/me").json()["permissions"] == SCOPES
        ended = client.revoke_token(f"{service.url}/oauth/revoke", token=token["access_token"])
        assert ended.status_code == 200
        assert Remote(service.url, token["access_token"]).get("/v1/me").status_code == 401
    assert method in described["token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize("alg", list(_KINDS))
def test_authlib_proves_itself_with_a_key_of_its_own(service: Served, alg: str) -> None:
    service.administrator.post(f"{service.path}/jwks", json=public(_KINDS[alg][1], alg=alg))
    with _client(service, _key(alg), token_endpoint_auth_method="private_key_jwt") as client:
        client.register_client_auth_method(ShortLived(service.audience, alg=alg))

        client.fetch_token(
            f"{service.url}/oauth/token", grant_type="client_credentials", scope="members:read"
        )

        assert client.get(f"{service.url}/v1/me").json()["permissions"] == ["members:read"]


def _refused(service: Served, secret: Any, **options: Any) -> str:
    wanted = {"grant_type": "client_credentials", **options.pop("asked", {})}
    auth = options.pop("auth", None)
    with _client(service, secret, **options) as client:
        if auth is not None:
            client.register_client_auth_method(auth)
        with pytest.raises(OAuthError) as refusal:
            client.fetch_token(f"{service.url}/oauth/token", **wanted)
    return str(refusal.value.error)


def test_authlib_understands_what_it_is_refused(service: Served) -> None:
    service.administrator.post(f"{service.path}/jwks", json=public(EC))
    signing: dict[str, Any] = {"token_endpoint_auth_method": "private_key_jwt"}

    assert _refused(service, "wrong") == "invalid_client"
    assert _refused(service, service.secret, asked={"scope": "keys:write"}) == "invalid_scope"
    asked = {"grant_type": "password", "username": "a", "password": "b"}
    assert _refused(service, service.secret, asked=asked) == "unsupported_grant_type"
    elsewhere = ShortLived("https://elsewhere.example.org", alg="ES256")
    assert _refused(service, _key("ES256"), auth=elsewhere, **signing) == "invalid_client"
    other = ShortLived(service.audience, alg="RS256")
    assert _refused(service, _key("RS256"), auth=other, **signing) == "invalid_client"
    an_hour = PrivateKeyJWT(service.audience, alg="ES256")
    assert _refused(service, _key("ES256"), auth=an_hour, **signing) == "invalid_client"
    over = PrivateKeyJWT(service.audience, alg="ES256", claims={"exp": int(time.time()) - 120})
    assert _refused(service, _key("ES256"), auth=over, **signing) == "invalid_client"


def test_authlib_is_not_taken_twice_with_the_same_assertion(service: Served) -> None:
    service.administrator.post(f"{service.path}/jwks", json=public(EC))
    now = int(time.time())
    auth = PrivateKeyJWT(service.audience, alg="ES256", claims={"jti": "once", "exp": now + 200})
    options: dict[str, Any] = {"token_endpoint_auth_method": "private_key_jwt"}
    with _client(service, _key("ES256"), **options) as client:
        client.register_client_auth_method(auth)
        client.fetch_token(f"{service.url}/oauth/token", grant_type="client_credentials")

    assert _refused(service, _key("ES256"), auth=auth, **options) == "invalid_client"
