"""Assertions that clients sign (RFC 7523): one key, one algorithm, one use, for us alone and for minutes."""

import hashlib
import hmac
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import func, select

from app.formats.jose import thumbprint
from app.formats.strict import encode64
from app.oauth.api import ASKING
from app.organisations.models import UsedAssertion
from app.ports import Ports
from tests.fakes import SetClock
from tests.oauth.house import (
    EC,
    ED,
    ENDPOINT,
    INVALID_CLIENT,
    ISSUER,
    RSA,
    House,
    PrivateKey,
    handmade,
    public,
    refused,
)

_OTHER = ec.generate_private_key(ec.SECP256R1())
_KEYS: dict[str, PrivateKey] = {"ES256": EC, "EdDSA": ED, "RS256": RSA, "PS256": RSA}
# What is about reading alone is tried on one database.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("alg", list(_KEYS))
@pytest.mark.parametrize(
    "audience", [ENDPOINT, ISSUER, [ISSUER, ENDPOINT]], ids=["endpoint", "issuer", "both"]
)
def test_a_client_proves_itself_by_what_it_signs(house: House, alg: str, audience: Any) -> None:
    key = _KEYS[alg]
    row = house.register(key, alg=alg)

    answer = house.by_assertion(house.signed(key, alg, {"kid": row["kid"]}, aud=audience))

    assert row["kid"] == thumbprint(public(key))
    assert answer.status_code == 200, answer.text
    assert house.me(answer.json()["access_token"]).json()["id"] == house.client
    (shown,) = house.administrator.get(house.path).json()["jwks"]
    assert shown["last_used_on"] == "2026-11-20"


def test_an_assertion_is_taken_once_whoever_comes_first(house: House, ports: Ports) -> None:
    house.register(EC)
    assertion = house.signed(EC, "ES256")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(house.by_assertion, [assertion] * 50))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49
    assert refused(house.by_assertion(assertion, "/oauth/revoke", token="x")) == INVALID_CLIENT
    assert house.by_assertion(house.signed(EC, "ES256", jti="another")).status_code == 200
    with ports.database.reading(house.id) as session:
        assert session.scalar(select(func.count(UsedAssertion.jti_hash))) == 2


def test_what_was_used_is_remembered_until_its_age_alone_refuses_it(
    house: House, ports: Ports, clock: SetClock
) -> None:
    house.register(EC)
    assertion = house.signed(EC, "ES256")
    assert house.by_assertion(assertion).status_code == 200

    for step in range(9):
        clock.move(timedelta(minutes=1))
        assert refused(house.by_assertion(assertion)) == INVALID_CLIENT, step
        house.by_assertion(house.signed(EC, "ES256", jti=f"later {step}"))
    with ports.database.reading(house.id) as session:
        assert session.scalar(select(func.count(UsedAssertion.jti_hash))) == 7


def at(**change: int) -> Callable[[int], dict[str, int]]:
    return lambda now: {name: now + seconds for name, seconds in change.items()}


@on_one_database
@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        (at(iat=0, exp=300), True),
        (at(iat=0, exp=301), False),
        (at(iat=-290, exp=10), True),
        (at(iat=-301, exp=0), False),
        (at(iat=-300, exp=-59), True),
        (at(iat=-300, exp=-60), False),
        (at(iat=60, exp=300), True),
        (at(iat=61, exp=300), False),
        (at(iat=10, exp=10), False),
        (at(iat=10, exp=5), False),
        (at(nbf=60), True),
        (at(nbf=61), False),
    ],
)
def test_an_assertion_is_good_for_five_minutes_and_clocks_may_differ_by_one(
    house: House, *, claims: Callable[[int], dict[str, int]], accepted: bool
) -> None:
    house.register(EC)
    now = int(house.ports.clock.now().timestamp())

    answer = house.by_assertion(house.signed(EC, "ES256", None, **claims(now)))

    assert answer.status_code == (200 if accepted else 401)


@on_one_database
@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example.org/oauth/token"},
        {"aud": [ENDPOINT, "https://elsewhere.example.org"]},
        {"aud": []},
        {"aud": None},
        {"aud": f"{ENDPOINT}/"},
        {"aud": f"{ISSUER}/oauth/revoke"},
        {"iss": f"cli_{'0' * 26}"},
        {"sub": f"cli_{'0' * 26}"},
        {"iss": f"cli_{'0' * 26}", "sub": f"cli_{'0' * 26}"},
        {"iss": None},
        {"sub": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 1025},
        {"jti": 1},
        {"exp": None},
        {"iat": None},
        {"exp": 1e300},
        {"exp": "1795165500"},
        {"exp": True},
        {"nbf": 1e300},
    ],
    ids=str,
)
def test_an_assertion_that_does_not_say_what_it_must_is_refused(house: House, claims: dict[str, Any]) -> None:
    house.register(EC)

    text = handmade({"alg": "ES256"}, house.claims(**claims), partial(_es256, EC))

    assert refused(house.by_assertion(text)) == INVALID_CLIENT


def _es256(key: ec.EllipticCurvePrivateKey, signed: bytes) -> bytes:
    algorithm = jwt.get_algorithm_by_name("ES256")
    return algorithm.sign(signed, key)


def _hs256(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, hashlib.sha256)


def test_what_is_signed_by_hand_like_this_is_taken(house: House) -> None:
    house.register(EC)

    text = handmade({"alg": "ES256"}, house.claims(), partial(_es256, EC))

    assert house.by_assertion(text).status_code == 200


@on_one_database
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "PS256"},
        {"alg": "EdDSA"},
        {"alg": "ES384"},
        {},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": "ES256", "kid": "nobody"},
        {"alg": "ES256", "kid": "../x"},
        {"alg": "ES256", "kid": 1},
        {"alg": "ES256", "kid": ""},
        {"alg": "ES256", "crit": []},
        {"alg": "ES256", "crit": ["b64"], "b64": False},
        {"alg": "ES256", "zip": "DEF"},
        {"alg": "ES256", "jwk": {"kty": "EC"}},
        {"alg": "ES256", "jku": "https://elsewhere.example.org/jwks"},
        {"alg": "ES256", "x5u": "https://elsewhere.example.org/x"},
        {"alg": "ES256", "typ": "vc+jwt"},
        [],
        None,
        b'{"alg":"ES256","alg":"ES256"}',
        b'{"alg":"ES256"',
        b"\xff",
    ],
    ids=str,
)
def test_the_header_says_nothing_but_what_the_key_is_for(house: House, header: Any) -> None:
    house.register(EC)

    text = handmade(header, house.claims(), partial(_es256, EC))

    assert refused(house.by_assertion(text)) == INVALID_CLIENT


@on_one_database
@pytest.mark.parametrize("registered", ["RS256", "PS256"])
def test_a_public_key_is_no_shared_secret_and_a_key_has_one_algorithm(house: House, registered: str) -> None:
    house.register(RSA, alg=registered)
    other = {"RS256": "PS256", "PS256": "RS256"}[registered]
    key = RSA.public_key()
    for form in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1):
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            secret = key.public_bytes(encoding, form)
            for alg in ("HS256", registered):
                text = handmade({"alg": alg}, house.claims(), partial(_hs256, secret))
                assert refused(house.by_assertion(text)) == INVALID_CLIENT

    assert (
        refused(house.by_assertion(handmade({"alg": "none"}, house.claims(), lambda _: b"")))
        == INVALID_CLIENT
    )
    assert refused(house.by_assertion(house.signed(RSA, other))) == INVALID_CLIENT
    assert house.by_assertion(house.signed(RSA, registered)).status_code == 200


@on_one_database
def test_an_assertion_has_one_writing(house: House) -> None:
    house.register(EC)
    claims = json.dumps(house.claims())
    twice = f'{{"jti":"other",{claims[1:]}'.encode()
    good = house.signed(EC, "ES256")
    head, body, seal = good.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(seal[-1]) ^ 1]

    for text in (
        handmade({"alg": "ES256"}, twice, partial(_es256, EC)),
        handmade({"alg": "ES256"}, b"[]", partial(_es256, EC)),
        handmade({"alg": "ES256"}, house.claims(), partial(_es256, _OTHER)),
        f"{good}==",
        f"{head}.{body}.{seal[:-1]}{spare}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{good}.x",
        f" {good}",
        f"{head}.{encode64(json.dumps(house.claims(jti='y')).encode())}.{seal}",
        "A" * 9000,
    ):
        assert refused(house.by_assertion(text)) == INVALID_CLIENT, text
    assert house.by_assertion(good).status_code == 200


def test_several_keys_are_told_apart_by_name_and_a_removed_one_ends_its_tokens(house: House) -> None:
    first = house.register(EC)
    house.register(ED, kid="second")
    by_first = house.by_assertion(house.signed(EC, "ES256", {"kid": first["kid"]})).json()["access_token"]
    by_second = house.by_assertion(house.signed(ED, "EdDSA", {"kid": "second"}, jti="b")).json()[
        "access_token"
    ]

    assert refused(house.by_assertion(house.signed(EC, "ES256", jti="c"))) == INVALID_CLIENT  # which one?
    assert (
        refused(house.by_assertion(house.signed(EC, "ES256", {"kid": "second"}, jti="d"))) == INVALID_CLIENT
    )
    assert house.administrator.delete(f"{house.path}/jwks/{first['id']}").status_code == 204
    assert house.me(by_first).status_code == 401
    assert house.me(by_second).status_code == 200
    gone = house.signed(EC, "ES256", {"kid": first["kid"]}, jti="e")
    assert refused(house.by_assertion(gone)) == INVALID_CLIENT


def test_an_assertion_ends_tokens_too_and_names_its_client_itself(house: House) -> None:
    house.register(EC)
    token = house.by_assertion(house.signed(EC, "ES256")).json()["access_token"]
    again = house.signed(EC, "ES256", jti="b")

    other = house.by_assertion(again, "/oauth/revoke", token=token, client_id=f"cli_{'0' * 26}")
    assert refused(other) == INVALID_CLIENT
    assert house.by_assertion(again, "/oauth/revoke", token=token, client_id=house.client).status_code == 200
    assert house.me(token).status_code == 401
    unnamed = house.ask(
        ASKING, client_assertion=house.signed(EC, "ES256", jti="c"), client_assertion_type="x"
    )
    assert refused(unnamed) == (400, "invalid_request")


@on_one_database
def test_only_public_keys_that_can_be_used_are_registered(house: House) -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
    strange = ec.generate_private_key(ec.SECP384R1())
    numbers = strange.public_key().public_numbers()
    p384 = {
        "kty": "EC",
        "crv": "P-384",
        "x": encode64(numbers.x.to_bytes(48, "big")),
        "y": encode64(numbers.y.to_bytes(48, "big")),
    }

    refused_keys: list[dict[str, Any]] = [
        public(EC, d="AAAA"),
        public(RSA, p="AAAA"),
        public(small),
        p384,
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC"},
        {},
        public(EC, alg="RS256"),
        public(EC, alg="none"),
        public(RSA, alg="HS256"),
        public(RSA, alg=["RS256"]),
        public(EC, use="enc"),
        public(EC, key_ops=["sign"]),
        public(EC, kid=""),
        public(EC, kid="a b"),
        public(EC, kid="x" * 129),
        public(EC, kid=1),
        {"keys": []},
        {"keys": "x"},
        {"keys": [public(EC), "x"]},
        {"keys": [public(EC, kid=str(number)) for number in range(6)]},
        {"kty": "OKP", "crv": "Ed25519", "x": encode64(b"\x01" + bytes(31))},
    ]
    for jwk in refused_keys:
        answer = house.administrator.post(f"{house.path}/jwks", json=jwk)
        assert (answer.status_code, answer.json()["code"]) == (422, "jwk-not-usable"), jwk
    assert house.administrator.get(house.path).json()["jwks"] == []


def test_a_set_of_keys_is_registered_whole_with_names_of_their_own_and_five_at_most(house: House) -> None:
    path = f"{house.path}/jwks"

    both = house.administrator.post(path, json={"keys": [public(EC), public(ED)]})
    assert both.status_code == 201
    assert [row["alg"] for row in both.json()] == ["ES256", "EdDSA"]
    again = house.administrator.post(path, json={"keys": [public(RSA), public(EC)]})
    assert (again.status_code, again.json()["code"]) == (409, "jwk-taken")
    same = house.administrator.post(path, json={"keys": [public(EC, kid="a"), public(EC, kid="a")]})
    assert (same.status_code, same.json()["code"]) == (409, "jwk-taken")
    many = house.administrator.post(
        path, json={"keys": [public(EC, kid=f"k{number}") for number in range(4)]}
    )
    assert (many.status_code, many.json()["code"]) == (409, "too-many-proofs")
    assert len(house.administrator.get(house.path).json()["jwks"]) == 2
