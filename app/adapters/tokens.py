"""Keys on PKCS#11 tokens: cards, network HSMs, SoftHSM. They sign there and never leave.

A process has one owner for each library, since a login is that of the process: two of them would log each
other out. A session that died is opened again; what still fails then is told as `KeysUnavailable`, and
whoever wanted a signature comes again later.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pydantic import SecretStr

from app.adapters.private import COORDINATE, RSA_BITS, Kind, PublicHalf, usable_half
from app.adapters.ring import KeysUnreadable, OnToken
from app.ports import KeysUnavailable

if TYPE_CHECKING:
    from pkcs11 import Session

# RFC 8017, 9.2: what stands before a SHA-256 digest in an RSASSA-PKCS1-v1_5 signature. The digest is made
# here, so that no token has to take in a document of megabytes.
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")
_UNCOMPRESSED: Final = b"\x04"
_FEW_BITS: Final = 64
# Seconds before each try; the first is made with what is open. While another process logs in, SoftHSM writes
# down that it did, and whoever opens the token just then finds none, or one without a PIN.
_PAUSES: Final = (None, 0.0, 0.02, 0.1)
_REFUSED: Final = (
    "The token {token} refuses the PIN in SIGILLO_TOKEN_PIN. It is not tried again, since tokens lock "
    "themselves: set the right one and start again."
)

Result = TypeVar("Result")


class Tokens:
    """The tokens behind one library. The PIN is given to them and to nobody else."""

    def __init__(self, library: Path, pin: SecretStr) -> None:
        self._library = library
        self._pin = pin
        self._refused = False
        self._sessions: dict[str, Session] = {}
        self._keys: dict[OnToken, Any] = {}
        self._using = RLock()

    def logs_in_with(self, pin: SecretStr) -> None:
        """Take the PIN that is set now; with another one than before, everything is opened anew."""
        with self._using:
            if pin != self._pin:
                self._pin, self._refused = pin, False
                self._forget()

    def signature(self, place: OnToken, message: bytes) -> bytes:
        """Sign as JWS wants it: for ES256 the two numbers side by side, which is what tokens give."""
        digest = hashlib.sha256(message).digest()

        def sign(pkcs11: ModuleType) -> bytes:
            key = self._private(pkcs11, place)
            if key.key_type is pkcs11.KeyType.RSA:
                made = key.sign(_DIGEST_INFO + digest, mechanism=pkcs11.Mechanism.RSA_PKCS)
            else:
                made = key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
            return bytes(made)

        return self._tried(place.token, sign)

    def generate(self, token: str, label: str, kind: Kind) -> tuple[OnToken, PublicHalf]:
        """Make a key on a token that cannot be taken out of it, and tell where it lies."""
        place = OnToken(token=token, label=label, id=secrets.token_hex(8))
        named: dict[str, Any] = {"id": bytes.fromhex(place.id), "label": label, "store": True}

        def make(pkcs11: ModuleType) -> PublicHalf:
            session = self._session(pkcs11, token, writing=True)
            secret = {pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False}
            if kind == "rsa":
                public, _ = session.generate_keypair(
                    pkcs11.KeyType.RSA, RSA_BITS, private_template=secret, **named
                )
            else:
                curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
                parameters = session.create_domain_parameters(
                    pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
                )
                public, _ = parameters.generate_keypair(private_template=secret, **named)
            return _half(pkcs11, public, str(place))

        try:
            return place, self._tried(token, make)
        finally:
            with self._using:
                self._forget()  # a session that may write is kept no longer than it is needed

    def find(self, token: str, label: str) -> OnToken:
        """Find a key that somebody else made on a token, by its label."""

        def look(pkcs11: ModuleType) -> OnToken:
            session = self._session(pkcs11, token)
            named = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.LABEL: label}
            found = list(session.get_objects(named))
            if len(found) != 1:
                raise KeysUnreadable(
                    f"There are {len(found)} private keys labelled “{label}” on the token {token}, and one "
                    "is needed. `pkcs11-tool --list-objects --login` shows what is there."
                )
            return OnToken(token=token, label=label, id=bytes(found[0][pkcs11.Attribute.ID]).hex())

        return self._tried(token, look)

    def half_of(self, place: OnToken) -> PublicHalf:
        """Read the public half of a key."""

        def read(pkcs11: ModuleType) -> PublicHalf:
            session = self._session(pkcs11, place.token)
            key = session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, **_names(place))
            return _half(pkcs11, key, str(place))

        return self._tried(place.token, read)

    def keeps(self, place: OnToken) -> bool:
        """Tell whether a key can never leave its token (CKA_SENSITIVE, and not CKA_EXTRACTABLE)."""

        def look(pkcs11: ModuleType) -> bool:
            key = self._private(pkcs11, place)
            return bool(key[pkcs11.Attribute.SENSITIVE]) and not key[pkcs11.Attribute.EXTRACTABLE]

        return self._tried(place.token, look)

    def _tried(self, token: str, ask: Callable[[ModuleType], Result]) -> Result:
        """Ask a token; where its session died, or the token was away, again with everything opened anew.

        A PIN that was refused is never tried again: cards lock themselves after a few.
        """
        pkcs11 = _pkcs11()
        failed: Exception | None = None
        with self._using:
            for pause in _PAUSES:
                if self._refused:
                    break
                try:
                    if pause is not None:
                        time.sleep(pause)
                        pkcs11.lib(str(self._library)).reinitialize()
                    return ask(pkcs11)
                except pkcs11.PKCS11Error as error:
                    self._forget()
                    failed = error
            raise KeysUnavailable(self._why(pkcs11, token, failed)) from failed

    def _why(self, pkcs11: ModuleType, token: str, failed: Exception | None) -> str:
        if self._refused:
            return _REFUSED.format(token=token)
        if isinstance(failed, pkcs11.NoSuchToken):
            return f"There is no token {token} just now: is it plugged in, does its service run?"
        if isinstance(failed, pkcs11.UserPinNotInitialized):
            return f"The token {token} has no PIN of its user yet: whoever set it up has to give it one."
        if isinstance(failed, pkcs11.NoSuchKey):
            return f"The token {token} is there, and the key is not on it."
        if str(failed).startswith("OS exception"):
            return f"{self._library} cannot be loaded: SIGILLO_TOKEN_LIBRARY names the PKCS#11 library."
        return f"The token {token} does not work just now ({type(failed).__name__})."

    # Whoever calls what follows holds the lock.

    def _session(self, pkcs11: ModuleType, token: str, *, writing: bool = False) -> "Session":
        if writing:
            self._forget()
        if token in self._sessions:
            # A search on a session that died is cleared away later by its library, and loudly: so ask first.
            self._sessions[token].generate_random(_FEW_BITS)
        else:
            try:
                found = pkcs11.lib(str(self._library)).get_token(token_label=token)
            except pkcs11.MultipleTokensReturned:
                raise KeysUnreadable(
                    f"Several tokens are called {token}: take the others out, or give each a name of its own."
                ) from None
            try:
                self._sessions[token] = found.open(rw=writing, user_pin=self._pin.get_secret_value())
            except _refusals(pkcs11):
                self._refused = True
                raise
        return self._sessions[token]

    def _private(self, pkcs11: ModuleType, place: OnToken) -> Any:
        """Find a private key once for as long as its session lives."""
        if place not in self._keys:
            session = self._session(pkcs11, place.token)
            self._keys[place] = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, **_names(place))
        return self._keys[place]

    def _forget(self) -> None:
        self._keys.clear()
        for session in self._sessions.values():
            with suppress(_pkcs11().PKCS11Error):
                session.close()
        self._sessions.clear()


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One key on a token, as the ring names it."""

    tokens: Tokens
    place: OnToken

    def signature(self, message: bytes) -> bytes:
        return self.tokens.signature(self.place, message)


_owners: Final[dict[Path, Tokens]] = {}
_choosing: Final = Lock()


def tokens_of(library: Path, pin: SecretStr) -> Tokens:
    """Give the one owner that this process has for a library."""
    with _choosing:
        owner = _owners.setdefault(library.resolve(), Tokens(library, pin))
    owner.logs_in_with(pin)
    return owner


def _pkcs11() -> ModuleType:
    """Load what talks to tokens, which nobody needs who has none."""
    try:
        import pkcs11
    except ImportError:
        raise KeysUnreadable(
            "A key of the ring is on a token, and tokens need one more package: pip install 'sigillo[hsm]'."
        ) from None
    return pkcs11


def _refusals(pkcs11: ModuleType) -> tuple[type[Exception], ...]:
    return (
        pkcs11.PinIncorrect,
        pkcs11.PinInvalid,
        pkcs11.PinLenRange,
        pkcs11.PinLocked,
        pkcs11.PinExpired,
    )


def _names(place: OnToken) -> dict[str, Any]:
    return {"label": place.label, **({"id": bytes.fromhex(place.id)} if place.id else {})}


def _half(pkcs11: ModuleType, key: Any, name: str) -> PublicHalf:
    """Write a token's public key as one of ours."""
    attribute = pkcs11.Attribute
    if key.key_type is pkcs11.KeyType.RSA:
        exponent = int.from_bytes(key[attribute.PUBLIC_EXPONENT], "big")
        modulus = int.from_bytes(key[attribute.MODULUS], "big")
        return usable_half(rsa.RSAPublicNumbers(exponent, modulus).public_key(), name)
    if bytes(key[attribute.EC_PARAMS]) != pkcs11.util.ec.encode_named_curve_parameters("secp256r1"):
        raise KeysUnreadable(f"{name} is a key of a curve that we do not use: P-256 alone.")
    # The point stands in an OCTET STRING; there are tokens that leave that out.
    point = bytes(key[attribute.EC_POINT])[-(2 * COORDINATE + 1) :]
    if not point.startswith(_UNCOMPRESSED):
        raise KeysUnreadable(f"{name} is a key of a kind that we do not use.")
    return usable_half(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), name)


def der_signature(raw: bytes) -> bytes:
    """Write an ES256 signature as certificates have it (RFC 3279, 2.2.3)."""
    r, s = raw[:COORDINATE], raw[COORDINATE:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
