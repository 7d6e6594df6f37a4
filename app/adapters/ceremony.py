"""What an operator does with keys: make one, ask for its certificate, take that in, retire it, give it up.

Each step leaves the ring whole, and the key before stays current until the next one is ready: so there is no
moment at which nothing can be signed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.adapters.authority import Body
from app.adapters.keys import certified_here, der, lives, pem, public_key_of, signing_key
from app.adapters.private import (
    Bundle,
    Kind,
    PublicHalf,
    Signing,
    from_pem,
    generated,
    to_pem,
    usable_half,
)
from app.adapters.ring import Entry, Folder, OnToken, Place, Ring, Waiting
from app.adapters.tokens import Tokens, der_signature
from app.formats.jose import MAX_CERTIFICATES, algorithm_of, public_members, thumbprint, verify
from app.formats.x509 import Standing, judge_chain
from app.ports import KeysUnavailable, PublicKey, Slot

# Keys that no CA certifies: the seal, or our own register, speaks for them.
OWN: Final = (Slot.STATUS, Slot.QR)
SEALS: Final = (Slot.SEAL, Slot.EDC_SEAL)
PROBE: Final = b"sigillo keys: a probe, and no document of any kind"


class NotDone(Exception):
    """What was asked for cannot be done with these keys; nothing was changed. Says why and what to do."""


@dataclass(frozen=True, slots=True)
class OnThisToken:
    """A token, and the label of a key on it: one to be made, or one that is there already."""

    token: str
    label: str
    there: bool = False


class _Asking:
    """A key, wherever it lies, as what writes certificate requests wants one: it signs and shows nothing."""

    def __init__(self, key: Signing, half: PublicHalf) -> None:
        self._key = key
        self._half = half

    def public_key(self) -> PublicHalf:
        return self._half


class _AskingP256(_Asking):
    def sign(self, data: bytes, algorithm: object) -> bytes:
        del algorithm
        return der_signature(self._key.signature(data))


class _AskingRsa(_Asking):
    def sign(self, data: bytes, padding: object, algorithm: object) -> bytes:
        del padding, algorithm
        return self._key.signature(data)


ec.EllipticCurvePrivateKey.register(_AskingP256)
rsa.RSAPrivateKey.register(_AskingRsa)


class Ceremony:
    """The operator's hands on the ring."""

    def __init__(self, folder: Path, *, passphrase: bytes | None, tokens: Tokens | None) -> None:
        self._folder = Folder(folder)
        self._passphrase = passphrase
        self._tokens = tokens

    def ring(self) -> Ring:
        with self._folder.locked():
            return self._folder.ring()

    def published(self, entry: Entry) -> PublicKey:
        return public_key_of(self._folder, entry)

    def certify_here(self, slot: Slot, body: Body, at: datetime) -> None:
        """Make a key for lists or QR codes, certified in the body's own name; the one before retires."""
        if slot not in OWN:
            raise NotDone(f"The key for {slot} is certified by a CA: `sigillo keys csr {slot}`.")
        passphrase = self._own_passphrase()
        with self._folder.locked():
            before = self._folder.ring()
            self._folder.write_ring(certified_here(self._folder, before, slot, at, passphrase, body), before)

    def own_body(self, at: datetime) -> Body | None:
        """Name the body whose own authority the ring trusts, if there is one."""
        with self._folder.locked():
            for anchor in self._folder.ring().anchors:
                certificate = self._folder.certificate(anchor)
                if anchor.startswith("house-") and lives(certificate, at):
                    return Body.of(certificate)
        return None

    def prepare(self, slot: Slot, *, kind: Kind | None = None, on: OnThisToken | None = None) -> Waiting:
        """Make a key that waits for its certificate, or give the one that waits if it is such a key."""
        with self._folder.locked():
            ring = self._folder.ring()
            waiting = ring.waiting_for(slot)
            if waiting is not None and self._is_such(waiting, kind, on):
                return waiting
            kind = kind or "p256"
            if slot is Slot.QR and kind == "rsa":
                raise NotDone("QR codes are signed with ES256 alone: --kind p256.")
            place, half = self._on_token(on, kind) if on else self._in_file(slot, kind)
            waiting = Waiting(slot=slot, thumbprint=thumbprint(public_members(half)), key=place)
            if any(entry.thumbprint == waiting.thumbprint for entry in ring.keys):
                raise NotDone(f"The key {place} is in the ring already. A new certificate wants a new key.")
            self._folder.write_ring(ring.with_waiting(waiting), ring)
        return waiting

    def request(self, waiting: Waiting, body: Body, common_name: str) -> bytes:
        """Write the request that a CA certifies a waiting key by (RFC 2986), naming the body as seals do."""
        signing = signing_key(self._folder, waiting.key, self._passphrase, self._tokens)
        half = self._half(waiting.key)
        kind = _AskingRsa if isinstance(half, rsa.RSAPublicKey) else _AskingP256
        key: object = kind(signing, half)
        request = x509.CertificateSigningRequestBuilder(body.called(common_name)).sign(
            key,  # type: ignore[arg-type] # registered as one above
            hashes.SHA256(),
        )
        return request.public_bytes(serialization.Encoding.PEM)

    def adopt(
        self,
        slot: Slot,
        bundle: Bundle,
        anchors: Sequence[x509.Certificate],
        *,
        at: datetime,
        development: bool = False,
    ) -> PublicKey:
        """Take in what the CA sent: from now on this key signs, and the one before it only stays published.

        Nothing is changed unless the certificate is about our key, the chain leads to an anchor, it is for
        signatures, it is in force, and the key has just signed something that the certificate verifies.
        """
        chain = tuple(each for each in bundle.chain if each.issuer != each.subject)
        if not chain:
            raise NotDone("There is no certificate of ours in what was given, only anchors or none at all.")
        half = usable_half(chain[0].public_key(), "The certificate")
        name = thumbprint(public_members(half))
        if slot is Slot.QR and algorithm_of(public_members(half)) != "ES256":
            raise NotDone("QR codes are signed with ES256 alone, and this certificate is for an RSA key.")
        with self._folder.locked():
            before = ring = self._folder.ring()
            if any(entry.thumbprint == name for entry in ring.keys):
                raise NotDone("This key is in the ring already. A new certificate wants a new key.")
            place = self._place_of(ring, slot, name, bundle)
            known = [self._folder.certificate(anchor) for anchor in ring.anchors]
            self._judge(chain, [*known, *anchors], at)
            if bundle.key is not None and isinstance(place, str):
                self._folder.write(place, to_pem(bundle.key, self._own_passphrase()))
            signing = signing_key(self._folder, place, self._passphrase, self._tokens)
            if not verify(PROBE, signing.signature(PROBE), public_members(half)):
                raise NotDone(
                    "What the key signs does not verify with the certificate: they do not belong together."
                )
            files = tuple(f"{slot}-{name}.{part}.pem" for part in ("crt", *_numbered(len(chain) - 1)))
            for file, certificate in zip(files, chain, strict=True):
                self._folder.write(file, pem(certificate))
            for anchor in anchors:
                if anchor not in known:
                    file = f"anchor-{len(ring.anchors) + 1}.crt.pem"
                    self._folder.write(file, pem(anchor))
                    ring = ring.with_anchor(file)
            entry = Entry(
                slot=slot, thumbprint=name, state="current", development=development, key=place, chain=files
            )
            self._folder.write_ring(ring.with_current(entry), before)
            return public_key_of(self._folder, entry)

    def compromise(self, thumbprint: str, *, since: datetime, at: datetime) -> Entry:
        """Declare that a key is in other hands: it never signs again, and proves nothing from then on."""
        if since > at:
            raise NotDone(
                "A key is declared compromised as of now or of an earlier time, never of a later one."
            )
        with self._folder.locked():
            before = self._folder.ring()
            found = [entry for entry in before.keys if entry.thumbprint.startswith(thumbprint)]
            if len(found) != 1 or not thumbprint:
                raise NotDone(
                    f"{len(found)} keys have a name that begins so. `sigillo keys list` names them."
                )
            ring = before.compromised(found[0].thumbprint, since)
            self._folder.write_ring(ring, before)
            if found[0].development and found[0].state == "current":
                marked = self._folder.ring()
                renewed = certified_here(self._folder, marked, found[0].slot, at, self._passphrase)
                self._folder.write_ring(renewed, marked)
        return found[0]

    # What follows is for the steps above, which hold the lock.

    def _is_such(self, waiting: Waiting, kind: Kind | None, on: OnThisToken | None) -> bool:
        place = waiting.key
        if on is not None and not (
            isinstance(place, OnToken)
            and place.token == on.token
            and (place.label == on.label or not on.there)
        ):
            return False
        return kind is None or (kind == "rsa") == isinstance(self._half(place), rsa.RSAPublicKey)

    def _in_file(self, slot: Slot, kind: Kind) -> tuple[Place, PublicHalf]:
        passphrase = self._own_passphrase()
        key = generated(kind)
        half = key.public_key()
        place = f"{slot}-{thumbprint(public_members(half))}.key.pem"
        self._folder.write(place, to_pem(key, passphrase))
        return place, half

    def _on_token(self, on: OnThisToken, kind: Kind) -> tuple[Place, PublicHalf]:
        if self._tokens is None:
            raise NotDone(
                "Set SIGILLO_TOKEN_LIBRARY to the PKCS#11 library of the token, SIGILLO_TOKEN_PIN to its PIN."
            )
        if not on.there:
            return self._tokens.generate(on.token, on.label, kind)
        place = self._tokens.find(on.token, on.label)
        return place, self._tokens.half_of(place)

    def _half(self, place: Place) -> PublicHalf:
        if not isinstance(place, OnToken):
            return from_pem(self._folder.read(place), self._passphrase, place).public_key()
        if self._tokens is None:
            raise KeysUnavailable("The key is on a token: set SIGILLO_TOKEN_LIBRARY and SIGILLO_TOKEN_PIN.")
        return self._tokens.half_of(place)

    def _own_passphrase(self) -> bytes:
        if self._passphrase is None:
            raise NotDone(
                "A key that counts is never written down in clear. Set SIGILLO_KEY_PASSPHRASE first, here "
                "and for the service, and keep it where the folder is not."
            )
        return self._passphrase

    def _place_of(self, ring: Ring, slot: Slot, name: str, bundle: Bundle) -> Place:
        waiting = ring.waiting_for(slot)
        if bundle.key is not None:
            if thumbprint(public_members(bundle.key.public_key())) != name:
                raise NotDone("The key in the file is not the one that the certificate is about.")
            return f"{slot}-{name}.key.pem"
        if waiting is None:
            raise NotDone(
                f"No key waits for a certificate for {slot}, and the file brings none: give the key with "
                f"--key, a PKCS#12 file with both, or begin with `sigillo keys csr {slot}`."
            )
        if waiting.thumbprint != name:
            raise NotDone(
                f"The certificate is about another key than the one that waits for {slot} "
                f"({waiting.thumbprint}). Send the CA the request of `sigillo keys csr {slot}`."
            )
        return waiting.key

    def _judge(
        self, chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime
    ) -> None:
        leaf = chain[0]
        if len(chain) > MAX_CERTIFICATES:
            raise NotDone(f"A chain has {MAX_CERTIFICATES} certificates at most, without its anchor.")
        try:
            usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            raise NotDone("The certificate does not say what its key is for (key usage).") from None
        if not (usage.digital_signature or usage.content_commitment):
            raise NotDone("The certificate is not for signatures (key usage), so it cannot be a seal's.")
        judged = judge_chain([der(each) for each in chain], [der(each) for each in anchors], at)
        match judged.standing:
            case Standing.TRUSTED:
                return
            case Standing.EXPIRED:
                raise NotDone(
                    f"The certificates ended on {judged.valid_until:%Y-%m-%d}. Ask the CA for new ones."
                )
            case Standing.NOT_YET:
                raise NotDone(
                    f"The certificates begin on {judged.valid_from:%Y-%m-%d}. Import them then; or is the "
                    "clock of this machine wrong?"
                )
            case Standing.BROKEN:
                raise NotDone(
                    "The certificates are no chain: each must be issued by the next, none left over."
                )
            case Standing.UNTRUSTED:
                raise NotDone(
                    f"The chain ends at “{chain[-1].issuer.rfc4514_string()}”, which is no anchor here. Give "
                    "the root certificate with --anchor, once its fingerprint is compared with the CA's."
                )


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"ca-{number}.crt" for number in range(1, count + 1))
