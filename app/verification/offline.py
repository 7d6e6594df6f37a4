"""Verification without a network: a document beside the keys and lists of its issuer, as somebody saved them.

So nobody learns who was asked about. Keys that are given are trusted as given, in the name of their
address; a list speaks for itself, if a key for lists signed it that may speak for the body of the document,
and it has not ended. What no list tells is unknown, and never good.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self
from urllib.parse import unquote

from pydantic import Field, ValidationError

from app.core.errors import JsonValue, RuleBroken
from app.core.hosts import is_here
from app.core.numbers import CredentialNumber
from app.formats import bitstring, tokenlist
from app.formats.bitstring import Bits, read_status_list
from app.formats.claims import Format
from app.formats.envelope import Members
from app.formats.jose import Compact, algorithm_of, open_compact, public_key, public_members, thumbprint
from app.formats.keylist import open_key_list
from app.formats.strict import Malformed, decode64_standard, read_object
from app.formats.tokenlist import States, open_token_list
from app.formats.x509 import host_of
from app.ports import PublicKey, Slot
from app.verification import papers, pictures, sealed, service, submitted
from app.verification.examining import Examined, examine
from app.verification.foreign import TOO_OLD, UNREACHABLE
from app.verification.report import Report
from app.verification.rules import RegisterFacts
from app.verification.service import ALWAYS, FOREVER, NOT_ASKED, Known, Listed
from app.verification.trust import Keyring

MAX_KEYS: Final = 2**20  # bytes
MAX_LIST: Final = max(bitstring.MAX_TOKEN, tokenlist.MAX_TOKEN)
CLOCKS_DIFFER: Final = timedelta(minutes=10)
AHEAD: Final = "status-ahead"
IN_REGISTER: Final = "status-in-register"
VALID, REVOKED, SUSPENDED, SUPERSEDED = range(4)
_DID: Final = "did:web:"


class KeysUnreadable(RuleBroken):
    """A file of keys is none: neither a key set of an issuer's, nor its sealed list of QR keys."""

    code = "keys-unreadable"
    title = "The keys cannot be read"


class NumberOffline(RuleBroken):
    """A number alone proves nothing; the register knows what it stands for."""

    code = "number-offline"
    title = "A number is looked up in the register, which takes the network"


@dataclass(frozen=True, slots=True)
class Given:
    """The keys of one issuer, and the bodies that its offline QRs call by a number."""

    keyring: Keyring
    bodies: Mapping[int, str] = field(default_factory=dict)

    @property
    def public_url(self) -> str:
        """Give the address that the issuer's documents name."""
        host = unquote(self.keyring.did.removeprefix(_DID))
        return f"{'http' if is_here(host.partition(':')[0]) else 'https'}://{host}"


class _Jwk(Members):
    kid: Annotated[str, Field(pattern="^did:web:[!-~]{1,400}#[A-Za-z0-9_-]{43}$")]
    slot: str
    issuer_code: int | None = None
    x5c: Annotated[list[str], Field(default_factory=list)]

    def key(self, jwk: dict[str, JsonValue], *, compromised: bool) -> PublicKey:
        public = public_members(public_key(jwk))
        chain = tuple(decode64_standard(certificate) for certificate in self.x5c)
        return PublicKey(
            thumbprint(public),
            Slot(self.slot),
            algorithm_of(public),
            public,
            chain,
            development=False,
            current=False,
            # Since when does not matter where nothing proves when a seal was applied.
            compromised_at=ALWAYS if compromised else None,
            issuer_code=self.issuer_code,
        )


class _KeySet(Members):
    keys: Annotated[list[dict[str, Any]], Field(max_length=1000)]
    compromised: Annotated[list[dict[str, Any]], Field(default_factory=list, max_length=1000)]


class _Body(Members):
    code: int
    name: str


class _Bodies(Members):
    issuers: list[_Body]


def keys_in(files: Iterable[bytes]) -> Given:
    """Read what was saved of `/.well-known/jwks.json` and `/.well-known/qr-keys`, in any order."""
    sets: list[bytes] = []
    lists: list[str] = []
    for content in files:
        text = _ascii(content)
        if text is not None and not text.startswith("{"):
            lists.append(text)
        else:
            sets.append(content)
    try:
        keys, dids = _of_sets(sets)
        keyring = Keyring(
            (*keys,), (), dids.pop(), {key.thumbprint: key for key in keys if key.slot is Slot.SEAL}
        )
        bodies = {each.code: each.name for text in lists for each in _bodies(text, keyring)}
    except (Malformed, ValidationError, KeyError):
        raise KeysUnreadable(
            "Save https://HOST/.well-known/jwks.json, and for QR codes https://HOST/.well-known/qr-keys, "
            "and name both with --keys."
        ) from None
    if dids:
        raise KeysUnreadable("These are the keys of several issuers. Give those of one.")
    return Given(keyring, bodies)


def _of_sets(sets: list[bytes]) -> tuple[list[PublicKey], set[str]]:
    keys, dids = [], set()
    for content in sets:
        given = _KeySet.model_validate(read_object(content, limit=MAX_KEYS))
        for jwk in (*given.keys, *given.compromised):
            read = _Jwk.model_validate(jwk)
            dids.add(read.kid.partition("#")[0])
            if read.slot in {*Slot}:  # a key for what only later versions know is of no use here
                keys.append(read.key(jwk, compromised="revoked" in jwk or jwk in given.compromised))
    return keys, dids


def _bodies(text: str, keyring: Keyring) -> list[_Body]:
    """Read who is who in a sealed list; the numbers never change, so an old list still tells."""
    listed = open_key_list(text)
    seal = keyring.ours(listed.header)
    proven = seal is not None and not seal.compromised_at and listed.verified_by(seal.jwk)
    if not proven or listed.payload.get("iss") != keyring.did:
        raise Malformed("a list that another issuer sealed")
    return _Bodies.model_validate(listed.payload).issuers


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of either form that a key for lists signed."""

    url: str
    states: States | Bits
    begins: datetime | None
    ends: datetime | None
    issuer_code: int | None = None  # of the body whose own key signed it

    def place(self, index: int, at: datetime) -> "Place | Listed":
        """Tell how a place stands; a bit that is set is 1. A list that has ended tells nothing any more."""
        if self.ends is not None and self.ends <= at:
            return Listed(TOO_OLD, self.begins)
        if self.begins is not None and self.begins > at + CLOCKS_DIFFER:
            return Listed(AHEAD, self.begins)
        try:
            states = self.states
            value = states.at(index) if isinstance(states, States) else int(states.is_set(index))
        except Malformed:
            return Listed(UNREACHABLE)
        return Place(value, self.begins)


@dataclass(frozen=True, slots=True)
class Place:
    """How a document stands in the lists, and since when that is known."""

    state: int
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Saved:
    """Lists as they were saved, by the address that each says to be of and the body whose own key signed it.

    `ignored` are files that are none.
    """

    lists: Mapping[tuple[str, int | None], Listing]
    ignored: int = 0

    @classmethod
    def of(cls, files: Iterable[bytes], keyring: Keyring) -> Self:
        """Read what was saved of `/status/…`; of two of the same list the newer one counts."""
        lists: dict[tuple[str, int | None], Listing] = {}
        ignored = 0
        for content in files:
            try:
                read = _opened(_ascii(content) or "", keyring)
            except Malformed:
                ignored += 1
                continue
            name = (read.url, read.issuer_code)
            known = lists.get(name)
            if known is None or (known.begins or ALWAYS) < (read.begins or ALWAYS):
                lists[name] = read
        return cls(lists, ignored)

    def place(
        self, url: str, index: int, purposes: Iterable[str], issuer_code: int | None, at: datetime
    ) -> Place | Listed:
        """Find a place in the token list of an address, or else in each of its bitstrings.

        `issuer_code` is that of the body whose document stands there: a list under another body's own key
        does not count, nor does it keep out one that does.
        """
        if (listed := self._at(url, issuer_code)) is not None:
            return listed.place(index, at)
        told: list[Place] = []
        for purpose in purposes:
            listed = self._at(f"{url}-{purpose}", issuer_code)
            place = listed.place(index, at) if listed else Listed(UNREACHABLE)
            if isinstance(place, Listed):
                return place
            raised = REVOKED if purpose == "revocation" else SUSPENDED
            told.append(replace(place, state=raised if place.state else VALID))
        if not told:
            return Listed(UNREACHABLE)
        standing = next((place.state for place in told if place.state), VALID)
        return Place(standing, min((place.as_of for place in told if place.as_of), default=None))

    def _at(self, url: str, issuer_code: int | None) -> Listing | None:
        """Find the newest list of an address, under the installation's key or this body's own."""
        found = [self.lists[url, code] for code in (issuer_code, None) if (url, code) in self.lists]
        return max(found, key=lambda each: each.begins or ALWAYS, default=None)


def _opened(text: str, keyring: Keyring) -> Listing:
    """Read a list of either form that a key for lists signed."""
    token, issuer, read = _token_list(text) or _bitstring(text)
    named = (token.header.kid or "").rpartition("#")[2]
    key = next((each for each in keyring.published if each.thumbprint == named), None)
    if key is None or key.slot is not Slot.STATUS or key.compromised_at or issuer != keyring.did:
        raise Malformed("a list that no key for lists signed")
    if not token.verified_by(key.jwk):
        raise Malformed("a list that no key for lists signed")
    return replace(read, issuer_code=key.issuer_code)


def _token_list(text: str) -> tuple[Compact, str | None, Listing] | None:
    try:
        token, read = open_token_list(text)
    except Malformed:
        return None
    return token, read.issuer, Listing(read.url, read.states, read.issued_at, read.expires_at)


def _bitstring(text: str) -> tuple[Compact, str | None, Listing]:
    token = open_compact(text, limit=bitstring.MAX_TOKEN)
    read = read_status_list(token.payload)
    if token.header.format != Format.VC_JWT or read.url is None:
        raise Malformed("not a status list")
    return token, read.issuer, Listing(read.url, read.bits, read.valid_from, read.valid_until)


def report_on(content: bytes, given: Given, saved: Saved, *, at: datetime) -> tuple[Report, datetime | None]:
    """Verify a file, a text or a picture; tell also as of when the lists speak, where they do.

    Raises a problem where there is nothing to verify, as the service does.
    """
    submission = submitted.of_bytes(_unpictured(content), ours=(given.public_url,))
    if isinstance(submission, CredentialNumber):
        raise NumberOffline("Give the document or the QR code itself, or ask without --offline.")
    if sealed.begins_as_one(submission.text):
        examined = sealed.examine_seal(submission.text, given.keyring, at=at)
    else:
        examined = examine(submission.text, given.keyring)
    known = service.compare(examined, None, given.keyring, bodies=given.bodies or None)
    as_of = None
    if examined.proven and examined.key is not None:
        told = _place(examined, given, saved, at)
        as_of = told.as_of
        theirs = _in_their_name(examined, given)
        known = replace(
            _named(known, examined, given),
            register=NOT_ASKED,
            vouched=theirs and _is_called_so(examined, given),
            misused=known.misused or not (theirs or examined.key.issuer_code is None),
        )
        if isinstance(told, Listed):
            known = replace(known, ours=False, status_offered=True, listed=told)
        else:
            known = replace(known, facts=_facts(known, told.state))
    return service.report(known, given.keyring, at=at), as_of


def _unpictured(content: bytes) -> bytes:
    if content.startswith((pictures.PNG, pictures.JPEG)):
        return pictures.qr_text(content).encode()
    return papers.qr_text(content).encode() if content.startswith(papers.PDF) else content


def _in_their_name(examined: Examined, given: Given) -> bool:
    """Tell whether a document is in the name of the address whose keys these are.

    In another name, those that the installation's key speaks in elsewhere included, nothing here vouches for
    it; and a body's own key, published where the body issues, has no other. A European Digital Credential
    names no address: whose it is, the certificate tells.
    """
    issuer = examined.says.iss if examined.says else ""
    names_none = examined.seal is not None and examined.token is None and host_of(issuer) is None
    return issuer == given.keyring.did or names_none


def _is_called_so(examined: Examined, given: Given) -> bool:
    """Tell whether the body whose own key this is goes by the name in the document, where names are known.

    What bodies of one address issue names that address alone: else one could speak as another.
    """
    key, says = examined.key, examined.says
    if examined.code is not None or key is None or key.issuer_code is None or says is None:
        return True  # a QR code says the number itself
    if not given.bodies or says.iss != given.keyring.did:
        return True
    return given.bodies.get(key.issuer_code) == says.issuer_name


def _issuer_code(examined: Examined, given: Given) -> int | None:
    """Tell whose a document is, by the number of the body; None where nothing tells.

    Under the installation's key that is said by its name, where one body alone is called so.
    """
    if examined.code is not None:
        return examined.code.issuer_code
    if examined.key is not None and examined.key.issuer_code is not None:
        return examined.key.issuer_code
    name = examined.says.issuer_name if examined.says else None
    called = [code for code, body in given.bodies.items() if body == name]
    return called[0] if len(called) == 1 else None


def _place(examined: Examined, given: Given, saved: Saved, at: datetime) -> Place | Listed:
    """Find the document's place. A token list has all that the bitstrings of the same place say."""
    issuer_code = _issuer_code(examined, given)
    if examined.code is not None:
        code = examined.code
        return saved.place(f"{given.public_url}/status/{code.list_id}", code.index, (), issuer_code, at)
    entries = examined.says.status if examined.says else ()
    places = {(entry.url.rpartition("-")[0], entry.index) for entry in entries}
    if len(places) != 1:
        return Listed(UNREACHABLE if examined.seal is None or places else IN_REGISTER)
    ((url, index),) = places
    return saved.place(url, index, [entry.purpose for entry in entries], issuer_code, at)


def _facts(known: Known, state: int) -> RegisterFacts:
    over = state == SUPERSEDED  # whatever its dates say: it may have ended early
    return RegisterFacts(
        revoked_at=ALWAYS if state == REVOKED else None,
        surrendered_at=None,
        suspended_at=ALWAYS if state == SUSPENDED else None,
        valid_from=ALWAYS if over else known.begins or ALWAYS,
        valid_until_exclusive=known.ends or FOREVER,
        superseded=over,
        overtaken=over,
    )


def _named(known: Known, examined: Examined, given: Given) -> Known:
    """Name the body that an offline QR calls by a number, where the sealed list tells."""
    if examined.code is None or known.shown is None:
        return known
    name = given.bodies.get(examined.code.issuer_code)
    return replace(known, shown=replace(known.shown, issuer_name=name)) if name else known


def _ascii(content: bytes) -> str | None:
    try:
        return content.decode("ascii").strip()
    except UnicodeDecodeError:
        return None
