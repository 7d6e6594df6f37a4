"""Keys on a real token: SoftHSM2, with keys that cannot leave it."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from app.adapters.private import Kind
from app.adapters.ring import OnToken
from app.adapters.tokens import TokenKey, Tokens
from app.formats.jose import public_members, verify
from app.ports import KeysUnavailable
from tests.softhsm import LABEL, PIN, Token, start_again, token_in

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MESSAGE = b"the exact bytes of an intent" * 1000


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    return token_in(tmp_path / "softhsm", monkeypatch)


@pytest.fixture
def owner(token: Token) -> Tokens:
    return token.owner()


@pytest.mark.parametrize(("kind", "length"), [("p256", 64), ("rsa", 384)])
def test_a_key_is_made_on_the_token_signs_there_and_cannot_leave(
    owner: Tokens, kind: Kind, length: int
) -> None:
    place, half = owner.generate(LABEL, "seal", kind)
    assert isinstance(half, rsa.RSAPublicKey if kind == "rsa" else ec.EllipticCurvePublicKey)
    signature = TokenKey(owner, place).signature(MESSAGE)
    assert len(signature) == length
    assert verify(MESSAGE, signature, public_members(half))
    assert owner.keeps(place)
    assert owner.half_of(place) == half
    assert owner.find(LABEL, "seal") == place


def test_keys_of_one_label_are_told_apart_by_their_ids(owner: Tokens) -> None:
    made = [owner.generate(LABEL, "seal", "p256") for _ in range(2)]
    for place, half in made:
        assert verify(MESSAGE, owner.signature(place, MESSAGE), public_members(half))


def test_a_process_has_one_owner_for_each_library(token: Token) -> None:
    assert token.owner() is token.owner()


def test_threads_share_one_session(owner: Tokens) -> None:
    place, half = owner.generate(LABEL, "seal", "p256")
    made: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: made.extend(owner.signature(place, MESSAGE) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 160
    assert all(verify(MESSAGE, signature, public_members(half)) for signature in made)


def test_a_session_that_died_is_opened_again(owner: Tokens, token: Token) -> None:
    place, half = owner.generate(LABEL, "seal", "p256")
    owner.signature(place, MESSAGE)
    owner._sessions[LABEL].close()
    assert verify(MESSAGE, owner.signature(place, MESSAGE), public_members(half))
    pkcs11.lib(str(token.library)).finalize()
    assert verify(MESSAGE, owner.signature(place, MESSAGE), public_members(half))


def test_a_token_that_is_away_is_said_so_and_used_again_when_it_is_back(owner: Tokens, token: Token) -> None:
    place, half = owner.generate(LABEL, "seal", "p256")
    token.pull()
    for _ in range(2):
        with pytest.raises(KeysUnavailable, match="There is no token sigillo just now"):
            owner.signature(place, MESSAGE)
    token.put_back()
    assert verify(MESSAGE, owner.signature(place, MESSAGE), public_members(half))


def test_a_wrong_pin_is_tried_once_and_never_shown(token: Token) -> None:
    place, half = token.owner().generate(LABEL, "seal", "p256")
    wrong = token.owner("111111")
    with pytest.raises(KeysUnavailable, match="refuses the PIN") as told:
        wrong.signature(place, MESSAGE)
    assert "111111" not in str(told.value)
    assert "111111" not in repr(vars(wrong))
    wrong._pin = SecretStr(PIN)  # it would be taken now, and is not even tried
    with pytest.raises(KeysUnavailable, match="refuses the PIN"):
        wrong.signature(place, MESSAGE)
    start_again(wrong)
    assert verify(MESSAGE, token.owner().signature(place, MESSAGE), public_members(half))


def test_a_key_that_is_not_on_the_token_is_said_to_be_missing(owner: Tokens) -> None:
    with pytest.raises(KeysUnavailable, match="the key is not on it"):
        owner.signature(OnToken(token=LABEL, label="gone", id="00"), MESSAGE)


def test_a_library_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.so").write_text("not a library")
    with pytest.raises(KeysUnavailable, match=r"none\.so cannot be loaded"):
        Token(tmp_path / "none.so", tmp_path).owner().find(LABEL, "seal")
