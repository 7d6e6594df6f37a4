"""A key is used in one place, and what comes out of it is trusted only once a stranger would."""

import ast
from pathlib import Path

import pytest

from app.formats.jose import open_compact, signing_input
from app.ports import Slot
from app.status.errors import SigningFailed
from app.status.signing import COMPACT, QR, Serialization, signed, signed_all
from tests.conftest import START
from tests.fakes_keys import MemoryKeys
from tests.status.failing import FailingKeys

APP = Path(__file__).parents[2] / "app"
UNSIGNED = signing_input({"alg": "ES256", "typ": "vc+jwt", "kid": "did:web:example.org#1"}, {"a": 1})


def test_one_module_alone_asks_a_key_to_sign() -> None:
    asking = {
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "sign"
    }
    # The adapters are the keys themselves, the authority that certifies some, and what tries them out. What
    # webhooks are sent is signed with the secret that their receiver shares.
    assert asking == {
        "status/signing.py",
        "events/sending.py",
        *(f"adapters/{name}.py" for name in ("authority", "ceremony", "keycheck", "private", "tokens")),
    }


def test_exactly_the_bytes_that_were_given_are_signed() -> None:
    keys = MemoryKeys(START)
    seal = keys.current(Slot.SEAL)
    token = open_compact(signed(keys, seal.thumbprint, UNSIGNED))
    assert token.signing_input == UNSIGNED
    assert token.verified_by(seal.jwk)


def test_a_signature_that_the_published_key_does_not_verify_is_thrown_away() -> None:
    keys = FailingKeys(START)
    keys.lies = True
    with pytest.raises(SigningFailed):
        signed(keys, keys.current(Slot.SEAL).thumbprint, UNSIGNED)


def test_a_retired_or_unknown_key_signs_nothing() -> None:
    keys = MemoryKeys(START)
    retired = keys.current(Slot.SEAL).thumbprint
    keys.rotate(Slot.SEAL, START)
    for thumbprint in (retired, "never-ours"):
        with pytest.raises(SigningFailed):
            signed(keys, thumbprint, UNSIGNED)


def test_bytes_that_our_own_reader_refuses_are_never_handed_out() -> None:
    keys = MemoryKeys(START)
    odd = signing_input({"alg": "ES256", "typ": "vc+jwt", "zip": "DEF"}, {"a": 1})
    with pytest.raises(SigningFailed):
        signed(keys, keys.current(Slot.SEAL).thumbprint, odd)


@pytest.mark.parametrize("way", [COMPACT, QR])
@pytest.mark.parametrize("given", [b"", b"x" * 6400, None])
def test_what_is_no_signature_at_all_is_refused(way: Serialization, given: object) -> None:
    class Odd(MemoryKeys):
        def sign(self, thumbprint: str, message: bytes) -> bytes:
            del thumbprint, message
            return given  # type: ignore[return-value] # that is the point

    keys = Odd(START)
    with pytest.raises(SigningFailed):
        signed(keys, keys.current(Slot.SEAL).thumbprint, UNSIGNED, way)


def test_of_many_what_was_signed_before_the_signer_failed_is_kept_and_it_is_asked_no_more() -> None:
    class Tiring(MemoryKeys):
        asked = 0

        def sign(self, thumbprint: str, message: bytes) -> bytes:
            self.asked += 1
            if self.asked > 2:
                raise RuntimeError("no more today")
            return super().sign(thumbprint, message)

    keys = Tiring(START)
    seal = keys.current(Slot.SEAL)
    first, second, *others = signed_all(keys, seal.thumbprint, [UNSIGNED] * 5, COMPACT)
    for token in (first, second):
        assert isinstance(token, str)
        assert open_compact(token).verified_by(seal.jwk)
    assert len(others) == 3
    assert all(isinstance(each, SigningFailed) for each in others)
    assert keys.asked == 3


def test_of_many_only_what_does_not_verify_is_thrown_away() -> None:
    class Slipping(MemoryKeys):
        def sign(self, thumbprint: str, message: bytes) -> bytes:
            return super().sign(thumbprint, UNSIGNED if message == other else message)

    other = signing_input({"alg": "ES256", "typ": "vc+jwt", "kid": "did:web:example.org#1"}, {"a": 2})
    keys = Slipping(START)
    made = signed_all(keys, keys.current(Slot.SEAL).thumbprint, [UNSIGNED, other, UNSIGNED], COMPACT)
    assert [isinstance(each, SigningFailed) for each in made] == [False, True, False]
