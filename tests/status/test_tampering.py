"""Nothing of a signed list can be changed: what was tampered with is refused, and the counts are printed."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import ascii_letters, digits
from tracemalloc import get_traced_memory
from tracemalloc import start as start_tracing
from tracemalloc import stop as stop_tracing

import pytest

from app.formats import bitstring, tokenlist
from app.formats.claims import Format
from app.formats.deflate import ZLIB, deflate
from app.formats.jose import STATUS_LIST, assemble, open_compact
from app.formats.strict import Malformed, decode64, encode64
from app.ports import Ports, Slot
from app.status.models import Standing
from app.status.publishing import Form
from tests.formats import make
from tests.status.shelf import Shelf

ALPHABET = f"{ascii_letters}{digits}-_.="
SAMPLES = 12  # other bytes in the place of each, drawn by hashing


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What is about the signed text alone is tried on one database."""
    return database_url


@dataclass(frozen=True, slots=True)
class Target:
    """A published list, and whether a reader who has our key would take this text for it."""

    name: Form
    text: str
    jwk: dict[str, str]

    def accepts(self, text: str) -> bool:
        try:
            if self.name == "token":
                token, _ = tokenlist.open_token_list(text)
            else:
                token = open_compact(text, limit=bitstring.MAX_TOKEN)
                if token.header.format is not Format.VC_JWT:
                    return False
                bitstring.read_status_list(token.payload)
            return token.verified_by(self.jwk)
        except Malformed:
            return False


@pytest.fixture(params=["token", "revocation"])
def target(ports: Ports, request: pytest.FixtureRequest) -> Target:
    shelf = Shelf.made(ports)
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.publish()
    made = Target(request.param, shelf.row(request.param).token, dict(ports.signer.current(Slot.STATUS).jwk))
    assert made.accepts(made.text)
    return made


def drawn(*about: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(about).encode()).digest()[:8])


def flipped(text: str) -> Iterator[str]:
    """Flip every bit of every character."""
    for place, letter in enumerate(text):
        for bit in range(8):
            yield text[:place] + chr(ord(letter) ^ 1 << bit) + text[place + 1 :]


def flipped_inside(text: str) -> Iterator[str]:
    """Flip every bit of what the characters stand for, and write it down properly again."""
    parts = [decode64(part) for part in text.split(".")]
    for which, part in enumerate(parts):
        for place in range(len(part)):
            for bit in range(8):
                other = bytearray(part)
                other[place] ^= 1 << bit
                yield ".".join(
                    encode64(bytes(other) if at == which else each) for at, each in enumerate(parts)
                )


def substituted(text: str) -> Iterator[str]:
    """Put other characters in the place of each: some that could stand there, some that could not."""
    for place, letter in enumerate(text):
        for sample in range(SAMPLES):
            number = drawn("substitute", place, sample)
            other = ALPHABET[number % len(ALPHABET)] if sample % 3 else chr(number % 256)
            if other != letter:
                yield text[:place] + other + text[place + 1 :]


def cut(text: str) -> Iterator[str]:
    """Cut the text off at every place, at its end and at its beginning; take every character out."""
    for place in range(len(text)):
        yield text[:place]
        yield text[:place] + text[place + 1 :]
        if place:
            yield text[place:]


def inserted(text: str) -> Iterator[str]:
    """Put another character in at every place, and the one that stands there once more."""
    for place in range(len(text) + 1):
        for sample in range(3):
            number = drawn("insert", place, sample)
            yield (
                text[:place]
                + (ALPHABET[number % len(ALPHABET)] if sample else chr(number % 256))
                + text[place:]
            )
        yield (
            text[:place] + text[place : place + 1] * 2 + text[place + 1 :]
            if place < len(text)
            else text + "\n"
        )


@pytest.mark.parametrize(
    "tampering", [flipped, flipped_inside, substituted, cut, inserted], ids=lambda each: each.__name__
)
def test_no_list_that_was_tampered_with_is_accepted(
    target: Target, tampering: Callable[[str], Iterator[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    tried = accepted = 0
    for text in tampering(target.text):
        assert text != target.text
        tried += 1
        accepted += target.accepts(text)
    with capsys.disabled():
        print(f"\n{target.name} list, {tampering.__name__}: {tried} tried, {accepted} accepted")  # noqa: T201
    assert tried > len(target.text)
    assert accepted == 0


def test_a_list_under_any_other_key_or_type_is_not_accepted(target: Target, ports: Ports) -> None:
    """A key for documents, a stranger's key, and our own key under the type of the other kind of list."""
    head, body, _ = target.text.split(".")
    signing_input = f"{head}.{body}".encode()
    for slot, signer in ((Slot.SEAL, ports.signer), (Slot.QR, ports.signer), (Slot.STATUS, make.keys())):
        seal = signer.sign(signer.current(slot).thumbprint, signing_input)
        assert not target.accepts(assemble(signing_input, seal))
    for typ in ("vc+jwt", STATUS_LIST, "JWT"):
        header = decode64(head).replace(b'"typ":"vc+jwt"', b'"typ":"%b"' % typ.encode())
        header = header.replace(b'"typ":"statuslist+jwt"', b'"typ":"%b"' % typ.encode())
        if header == decode64(head):
            continue
        signing_input = f"{encode64(header)}.{body}".encode()
        seal = ports.signer.sign(ports.signer.current(Slot.STATUS).thumbprint, signing_input)
        assert not target.accepts(assemble(signing_input, seal))


BIG = 1 << 26
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing, zlib": ("token", lambda: zlib.compress(bytes(1 << 28), 9)),
    "nothing, gzip": ("bits", lambda: zlib.compress(bytes(1 << 28), 9, wbits=31)),
    "a pattern that repeats, zlib": ("token", lambda: zlib.compress(b"\x55\xaa" * (BIG // 2), 9)),
    "a pattern that repeats, gzip": ("bits", lambda: zlib.compress(b"\x55\xaa" * (BIG // 2), 9, wbits=31)),
    "one byte more than we read, zlib": ("token", lambda: zlib.compress(bytes(tokenlist.MAX_BYTES + 1))),
    "one byte more than we read, gzip": ("bits", lambda: gzip.compress(bytes(bitstring.MAX_BYTES + 1))),
    "many frames behind one another, zlib": ("token", lambda: zlib.compress(bytes(1 << 19)) * 400),
    "many frames behind one another, gzip": ("bits", lambda: gzip.compress(bytes(1 << 19)) * 400),
    "a bomb in the frame of the other kind": ("token", lambda: zlib.compress(bytes(BIG), 9, wbits=31)),
    "a bomb that is cut off": ("token", lambda: zlib.compress(bytes(BIG), 9)[:-9]),
    "runs alone": ("token", lambda: deflate(bytes(BIG), ZLIB, level=6)),
    "a name in the frame that never ends": (
        "bits",
        lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * (1 << 20),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_swells(name: str) -> None:
    kind, made = BOMBS[name]
    text = encode64(made())
    start_tracing()
    try:
        with pytest.raises(Malformed):
            tokenlist.decode(text) if kind == "token" else bitstring.decode(f"u{text}")
        most = get_traced_memory()[1]
    finally:
        stop_tracing()
    assert most < 8 * tokenlist.MAX_BYTES
