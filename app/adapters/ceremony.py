"""What an operator does with keys: make one, ask for its certificate, take that in, retire it, give it up.

Each step leaves the ring whole, and the key before stays current until the next one is ready: so there is no
moment at which nothing can be signed.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

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
from app.adapters.ring import Entry, Folder, KeysUnreadable, OnToken, Place, Ring, Waiting, Whose
from app.adapters.tokens import Tokens, der_signature
from app.formats.edc import body_of
from app.formats.jose import MAX_CERTIFICATES, algorithm_of, public_members, thumbprint, verify
from app.formats.strict import Malformed
from app.formats.x509 import Standing, judge_chain, may_issue, owner_of
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

    def unlisted(self) -> list[str]:
        """Name the private keys in the folder that no key of the ring uses."""
        with self._folder.locked():
            return self._folder.unlisted(self._folder.ring())

    def certify_here(
        self, slot: Slot, body: Body, at: datetime, *, anew: bool = True, of: Whose | None = None
    ) -> bool:
        """Make a key for lists or QR codes, certified in the body's own name; the one before retires.

        One that counts already stays, unless it is to be made anew; tells whether a key was made.
        """
        if slot not in OWN:
            raise NotDone(f"The key for {slot} is certified by a CA: `sigillo keys csr {slot}`.")
        passphrase = self._own_passphrase()
        with self._folder.locked():
            before = self._folder.ring()
            entry = before.current(slot, of)
            if entry is not None and not entry.development and not anew:
                return False
            self._folder.write_ring(
                certified_here(self._folder, before, slot, at, passphrase, body, of), before
            )
        return True

    def own_body(self, at: datetime, of: Whose | None = None) -> Body | None:
        """Name the body in whose name our own authority certifies the keys of these, if there is one."""
        with self._folder.locked():
            ring = self._folder.ring()
            for anchor in reversed(ring.anchors):
                certificate = self._folder.certificate(anchor)
                if anchor.startswith("house-") and lives(certificate, at):
                    certified = self._certified_under(certificate, ring)
                    if of in certified or not (of or certified):
                        return Body.of(certificate)
        return None

    def prepare(
        self,
        slot: Slot,
        *,
        kind: Kind | None = None,
        on: OnThisToken | None = None,
        of: Whose | None = None,
    ) -> Waiting:
        """Make a key that waits for its certificate, or give the one that waits if it is such a key.

        One of another kind is never put aside unasked: its certificate may be on the way, and paid for.
        """
        with self._folder.locked():
            ring = self._folder.ring()
            waiting = ring.waiting_for(slot, of)
            if waiting is not None and self._is_such(waiting, kind, on):
                return waiting
            if waiting is not None:
                raise NotDone(
                    f"Another key waits for {slot} already: {waiting.thumbprint}, {_where(waiting.key)}. "
                    f"Import the certificate that the CA makes for it, or give it up: "
                    f"`{asking('cancel', slot, of)}`."
                )
            kind = kind or "p256"
            if slot is Slot.QR and kind == "rsa":
                raise NotDone("QR codes are signed with ES256 alone: --kind p256.")
            place, half = self._on_token(on, kind) if on else self._in_file(slot, kind)
            waiting = Waiting(slot=slot, thumbprint=thumbprint(public_members(half)), key=place, body=of)
            if any(entry.thumbprint == waiting.thumbprint for entry in ring.keys):
                raise NotDone(f"The key {place} is in the ring already. A new certificate wants a new key.")
            for each in ring.waiting:
                if each.thumbprint == waiting.thumbprint:
                    raise NotDone(f"The key {place} waits for {each.slot} already. One key, one purpose.")
            self._folder.write_ring(ring.with_waiting(waiting), ring)
        return waiting

    def request(self, waiting: Waiting, body: Body, common_name: str) -> bytes:
        """Write the request that a CA certifies a waiting key by (RFC 2986), naming the body as seals do."""
        signing = signing_key(self._folder, waiting.key, self._passphrase, self._tokens)
        half = self._half(waiting.key)
        kind = _AskingRsa if isinstance(half, rsa.RSAPublicKey) else _AskingP256
        key: object = kind(signing, half)
        try:
            subject = body.called(common_name)
        except ValueError as wrong:
            raise NotDone(
                f"No certificate can say this ({wrong}). A common name has 64 letters at most: --common-name."
            ) from None
        request = x509.CertificateSigningRequestBuilder(subject).sign(
            key,  # type: ignore[arg-type] # registered as one above
            hashes.SHA256(),
        )
        return request.public_bytes(serialization.Encoding.PEM)

    def write_request(self, waiting: Waiting, body: Body, common_name: str) -> Path:
        """Write the request beside the keys, and say where; one in another name is left as it is."""
        name = _request_name(waiting)
        made = self.request(waiting, body, common_name)
        with self._folder.locked():
            written = self._folder.path / name
            before, now = _asked_in(written), x509.load_pem_x509_csr(made)
            if before and before.public_key() == now.public_key() and before.subject != now.subject:
                raise NotDone(
                    f"{written} asks for this key's certificate already, in the name of "
                    f"“{before.subject.rfc4514_string()}”. If that was a mistake and not sent, take the file "
                    "away and try again."
                )
            self._folder.write(name, made)
        return written

    def cancel(self, slot: Slot, of: Whose | None = None) -> Waiting:
        """Give up the key that waits for its certificate; its file is destroyed, a token left alone."""
        with self._folder.locked():
            before = self._folder.ring()
            waiting = before.waiting_for(slot, of)
            if waiting is None:
                raise NotDone(f"No key waits for {slot}{_of(of)}.")
            self._drop(before, waiting)
        return waiting

    def try_waiting(self, waiting: Waiting) -> None:
        """Sign with a key that waits, as it will once it is certified; raises what is in the way."""
        signing = signing_key(self._folder, waiting.key, self._passphrase, self._tokens)
        if not verify(PROBE, signing.signature(PROBE), public_members(self._half(waiting.key))):
            raise KeysUnreadable("What it signs does not verify.")

    def adopt(
        self,
        slot: Slot,
        bundle: Bundle,
        anchors: Sequence[x509.Certificate],
        *,
        at: datetime,
        development: bool = False,
        of: Whose | None = None,
    ) -> PublicKey:
        """Take in what the CA sent: from now on this key signs, and the one before it only stays published.

        Nothing is changed unless the certificate is about our key, the chain leads to an anchor, it is for
        signatures, it is in force, and the key has just signed something that the certificate verifies.
        """
        chain, half = _acceptable(slot, bundle, anchors)
        name = thumbprint(public_members(half))
        with self._folder.locked():
            before = ring = self._folder.ring()
            if taken := next((entry for entry in ring.keys if entry.thumbprint == name), None):
                return self._taken_already(taken, slot, of, chain[0])
            place = self._place_of(ring.waiting_for(slot, of), slot, of, name, bundle)
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
                slot=slot,
                thumbprint=name,
                state="current",
                development=development,
                key=place,
                chain=files,
                body=of,
            )
            self._folder.write_ring(ring.with_current(entry), before)
            return public_key_of(self._folder, entry)

    def compromise(self, thumbprint: str, *, since: datetime, at: datetime) -> Entry | Waiting:
        """Declare that a key is in other hands: it never signs again, and proves nothing from then on.

        One that waits has proven nothing yet: it is given up. No private key is needed for any of this.
        """
        if since > at:
            raise NotDone(
                "A key is declared compromised as of now or of an earlier time, never of a later one."
            )
        with self._folder.locked():
            before = self._folder.ring()
            entries: tuple[Entry | Waiting, ...] = (*before.keys, *before.waiting)
            found = [each for each in entries if each.thumbprint.startswith(thumbprint)]
            if len(found) != 1 or not thumbprint:
                raise NotDone(
                    f"{len(found)} keys have a name that begins so. `sigillo keys list` names them."
                )
            lost = found[0]
            if isinstance(lost, Waiting):
                self._drop(before, lost)
                return lost
            ring = before.compromised(lost.thumbprint, since)
            self._folder.write_ring(ring, before)
            if lost.development and lost.state == "current":
                marked = self._folder.ring()
                with suppress(KeysUnreadable):  # the next start makes one, once the passphrase is right
                    renewed = certified_here(
                        self._folder, marked, lost.slot, at, self._passphrase, of=lost.body
                    )
                    self._folder.write_ring(renewed, marked)
        return lost

    # What follows is for the steps above, which hold the lock.

    def _taken_already(self, entry: Entry, slot: Slot, of: Whose | None, leaf: x509.Certificate) -> PublicKey:
        """Give the key of an import that was cut off at its very end, or is made again; refuse any other."""
        key = public_key_of(self._folder, entry)
        if (entry.slot, entry.body) == (slot, of) and key.current and key.chain[0] == der(leaf):
            return key
        raise NotDone("This key is in the ring already. A new certificate wants a new key.")

    def _drop(self, before: Ring, waiting: Waiting) -> None:
        self._folder.write_ring(before.without(waiting), before)
        (self._folder.path / _request_name(waiting)).unlink(missing_ok=True)
        if isinstance(waiting.key, str):
            (self._folder.path / waiting.key).unlink(missing_ok=True)

    def _certified_under(self, authority: x509.Certificate, ring: Ring) -> set[Whose | None]:
        """Tell whose keys our own authority certified; a certificate that cannot be read tells nothing."""
        found = set()
        for entry in ring.keys:
            with suppress(KeysUnreadable):
                if self._folder.certificate(entry.chain[0]).issuer == authority.subject:
                    found.add(entry.body)
        return found

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

    def _place_of(
        self, waiting: Waiting | None, slot: Slot, of: Whose | None, name: str, bundle: Bundle
    ) -> Place:
        if bundle.key is not None:
            if thumbprint(public_members(bundle.key.public_key())) != name:
                raise NotDone("The key in the file is not the one that the certificate is about.")
            return f"{slot}-{name}.key.pem"
        if waiting is None:
            raise NotDone(
                f"No key waits for a certificate for {slot}{_of(of)}, and the file brings none: give the key "
                f"with --key, a PKCS#12 file with both, or begin with `{asking('csr', slot, of)}`."
            )
        if waiting.thumbprint != name:
            raise NotDone(
                f"The certificate is about another key than the one that waits for {slot}{_of(of)} "
                f"({waiting.thumbprint}). Send the CA the request of `{asking('csr', slot, of)}`."
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
                fault = next(_faults(chain, anchors), f"no anchor vouches for it ({judged.objection})")
                raise NotDone(f"Nobody would trust this certificate: {fault}.")


def _acceptable(
    slot: Slot, bundle: Bundle, anchors: Sequence[x509.Certificate]
) -> tuple[tuple[x509.Certificate, ...], PublicHalf]:
    """Take the chain out of what a CA sent, and the key that it is about, if this slot has use for it."""
    for anchor in anchors:
        if not may_issue(anchor):
            raise NotDone(
                f"“{anchor.subject.rfc4514_string()}” was given as --anchor and is no authority's "
                "certificate. An anchor is the CA's root: ask for it, or fetch it from the CA's own page."
            )
    chain = tuple(each for each in bundle.chain if each.issuer != each.subject)
    if not chain:
        raise NotDone("There is no certificate of ours in what was given, only anchors or none at all.")
    half = usable_half(chain[0].public_key(), "The certificate")
    if slot is Slot.QR and algorithm_of(public_members(half)) != "ES256":
        raise NotDone("QR codes are signed with ES256 alone, and this certificate is for an RSA key.")
    if slot in SEALS:
        _require_owner(slot, chain[0])
    return chain, half


def _faults(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> Iterator[str]:
    """Say what keeps a chain from its anchors, the most telling first."""
    last = chain[-1]
    if not any(_vouches(anchor, last) for anchor in anchors):
        name = last.issuer.rfc4514_string()
        where = "".join(f", at {address}" for address in _published_at(last)[:1])
        yield (
            f"“{last.subject.rfc4514_string()}” was issued by “{name}”, which is no anchor here. If that is "
            "the CA's root, give it with --anchor, once its fingerprint is compared with the CA's; if it is "
            f"an intermediate, put its certificate into the file as well: CAs publish it{where}"
        )
    with suppress(x509.ExtensionNotFound):
        uses = chain[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if others := [words for use, words in _NOT_OF_SEALS.items() if use in uses]:
            yield (
                f"it is one for {' and '.join(others)} (extended key usage), not of a seal. Ask the CA for "
                "an electronic seal certificate"
            )
    for certificate in chain:
        unknown = [
            each.oid.dotted_string
            for each in certificate.extensions
            if each.critical and isinstance(each.value, x509.UnrecognizedExtension | x509.PolicyConstraints)
        ]
        if unknown:
            yield (
                f"“{certificate.subject.rfc4514_string()}” insists on what our verifier does not know "
                f"(critical extension {', '.join(unknown)}). Ask the CA for one without it"
            )
    for certificate in chain[1:]:
        if not may_issue(certificate):
            yield f"“{certificate.subject.rfc4514_string()}” is no authority's certificate, yet it issued one"


_NOT_OF_SEALS: Final = {
    ExtendedKeyUsageOID.SERVER_AUTH: "a web server",
    ExtendedKeyUsageOID.TIME_STAMPING: "time-stamps",
    ExtendedKeyUsageOID.OCSP_SIGNING: "an authority's answers (OCSP)",
}


def _vouches(anchor: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(anchor)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _published_at(certificate: x509.Certificate) -> list[str]:
    """Read where a certificate says that its issuer's is to be had."""
    try:
        ways = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [
        str(way.access_location.value)
        for way in ways
        if way.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    ]


def _require_owner(slot: Slot, leaf: x509.Certificate) -> None:
    """Refuse a certificate from which nobody could tell which body seals (ETSI EN 319 412-3, 4.2.1)."""
    lacking = None
    try:
        if slot is Slot.EDC_SEAL:
            body_of(der(leaf))  # European Digital Credentials take their issuer from it, word by word
        elif not owner_of(der(leaf)).organisation:
            lacking = "a seal certificate whose subject does not name its organisation (O)"
    except Malformed as refused:
        lacking = refused.reason
    if lacking:
        raise NotDone(
            f"This is {lacking}: with it, no document could say who sealed it. Ask the CA for an electronic "
            f"seal certificate of a legal person; `sigillo keys csr {slot}` asks for the right one."
        )


def asking(step: str, slot: str, of: Whose | None, more: str = "") -> str:
    """Write the command that does a step with a key, in the words in which messages teach it."""
    return " ".join(
        ["sigillo keys", step, slot, *([more] if more else []), *([f"--for {of.id}"] if of else [])]
    )


def _of(body: Whose | None) -> str:
    return f" of {body.id}'s own" if body else ""


def _request_name(waiting: Waiting) -> str:
    return f"{waiting.slot}{f'-{waiting.body.id}' if waiting.body else ''}.csr.pem"


def _asked_in(path: Path) -> x509.CertificateSigningRequest | None:
    try:
        return x509.load_pem_x509_csr(path.read_bytes())
    except (OSError, ValueError):
        return None


def _where(place: Place) -> str:
    return f"in the file {place}" if isinstance(place, str) else str(place)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"ca-{number}.crt" for number in range(1, count + 1))
