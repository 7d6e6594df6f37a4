"""What a foreign document points at: the keys of its issuer and its status lists.

They are fetched through the guard alone, believed for a while, and told with their age. What cannot be had,
or is not its issuer's, is not known: never good.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

import anyio
from anyio import to_thread

from app.core.errors import JsonValue
from app.formats import bitstring, tokenlist
from app.formats.bitstring import Bits, read_status_list
from app.formats.claims import Format, StatusEntry
from app.formats.did import (
    DID_KEY,
    DID_WEB,
    IssuerKeys,
    Jwk,
    Relationship,
    did_key,
    document_url,
    metadata_url,
    read_document,
    read_key_set,
    read_metadata,
)
from app.formats.jose import Compact, open_compact, public_key, public_members, thumbprint
from app.formats.reading import ReadCredential, TokenEntry, read_credential
from app.formats.strict import Malformed, read_object
from app.formats.tokenlist import States, open_token_list
from app.formats.x509 import Standing
from app.ports import FetchBusy, FetchFailed, FetchRefused, Outbound
from app.verification.examining import Examined, GivenKey, brought, claims_to_be_ours, examine
from app.verification.service import Listed
from app.verification.trust import Chain, Claimed, Keyring

KEYS_FRESH: Final = timedelta(minutes=10)
KEYS_OLDEST: Final = timedelta(days=1)
KEYS_ASKED_AGAIN: Final = timedelta(minutes=1)  # where a name is not among them: there may be a new one
LISTS_FRESH: Final = timedelta(minutes=1)
LISTS_OLDEST: Final = timedelta(minutes=10)  # without an answer; a list that says less is believed for less
LONGEST_TTL: Final = 86_400  # seconds: more is said in vain
NOT_ASKED_AGAIN: Final = timedelta(seconds=30)  # after a failure
MOST_ISSUERS: Final = 500
MOST_LISTS: Final = 32  # each may be a megabyte
MOST_ABSENT: Final = 2_000
MAX_KEYS: Final = 64 * 1024  # bytes of a DID document or a key set
PATIENCE_SECONDS: Final = 10.0  # for everything that one document points at
LARGE: Final = 16 * 1024  # bytes: what is longer is unpacked in a thread

USE: Final[Relationship] = "assertionMethod"
JSON: Final = "application/json"
DID_JSON: Final = "application/did+json, application/json"
LISTS: Final = "application/vc+jwt, application/jwt"
LISTS_OF_TOKENS: Final = "application/statuslist+jwt"

REVOKED: Final = "status-revoked-listed"
SUSPENDED: Final = "status-suspended-listed"
ACTIVE: Final = "status-active-listed"
UNREACHABLE: Final = "status-unreachable"
TOO_OLD: Final = "status-too-old"
NOT_CREDIBLE: Final = "status-not-credible"
NOT_UNDERSTOOD: Final = "status-not-understood"
# Of several entries, the first of these tells.
TELLING: Final = (REVOKED, SUSPENDED, UNREACHABLE, TOO_OLD, NOT_CREDIBLE, NOT_UNDERSTOOD, ACTIVE)
# Token Status List, 7.1; further values are whatever an issuer means by them.
TOKEN_STATES: Final = {0: ACTIVE, 1: REVOKED, 2: SUSPENDED}

Value = TypeVar("Value")


class Unavailable(Exception):
    """It could not be had, or what was there could not be read."""


class Busy(Unavailable):
    """Nobody was asked, since too much is under way here: that is no word on what stands there."""


@dataclass(frozen=True, slots=True)
class Aged(Generic[Value]):
    """Something fetched, and when."""

    value: Value
    at: datetime


@dataclass(frozen=True, slots=True)
class SealedList:
    """A list whose seal is intact. Whether it is the issuer's is judged for each document."""

    url: str | None
    issuer: str | None
    purposes: tuple[str, ...]
    states: Bits | States
    begins: datetime | None
    ends: datetime | None
    key: GivenKey
    chain: Chain
    ttl: timedelta | None = None  # for which it may be kept


class Kept(Generic[Value]):
    """What was fetched lately. Nothing is fetched twice at once, nor again just after it failed.

    `ttl` reads off a value for how long it may be kept, where it says so.
    """

    def __init__(
        self,
        most: int,
        *,
        fresh: timedelta,
        oldest: timedelta,
        ttl: Callable[[Value], timedelta | None] = lambda _: None,
    ) -> None:
        self._most, self._fresh, self._oldest, self._ttl = most, fresh, oldest, ttl
        self._values: OrderedDict[str, Aged[Value]] = OrderedDict()
        self._absent: OrderedDict[str, datetime] = OrderedDict()
        self._coming: dict[str, asyncio.Task[Value]] = {}

    async def get(
        self,
        name: str,
        at: datetime,
        fetch: Callable[[], Awaitable[Value]],
        *,
        fresh: timedelta | None = None,
    ) -> Aged[Value]:
        """Give what is kept, or fetch it; where that fails, what is not too old, or raise `Unavailable`.

        Where nobody could be asked, raise `Busy`: whoever keeps us busy must not gain an older answer by it.
        """
        kept = self._values.get(name)
        if kept and self._within(self._fresh if fresh is None else fresh, kept, at):
            self._values.move_to_end(name)
            return kept
        failed = self._absent.get(name)
        if failed is None or not timedelta(0) <= at - failed < NOT_ASKED_AGAIN:
            try:
                return await self._fetched(name, at, fetch)
            except (Busy, FetchBusy):
                raise Busy from None
            except (Unavailable, FetchRefused, FetchFailed, Malformed):
                _remember(self._absent, name, at, MOST_ABSENT)
        if kept and self._within(self._oldest, kept, at):
            return kept
        raise Unavailable

    def _within(self, most: timedelta, kept: Aged[Value], at: datetime) -> bool:
        ttl = self._ttl(kept.value)
        return timedelta(0) <= at - kept.at <= (most if ttl is None else min(most, ttl))

    async def _fetched(self, name: str, at: datetime, fetch: Callable[[], Awaitable[Value]]) -> Aged[Value]:
        coming = self._coming.get(name)
        if coming is None or coming.get_loop() is not asyncio.get_running_loop():
            coming = asyncio.ensure_future(_awaited(fetch))
            self._coming[name] = coming
            coming.add_done_callback(lambda done: self._arrived(name, at, done))
        # Whoever waits may lose patience; what is under way comes in all the same, for the next one.
        return Aged(await asyncio.shield(coming), at)

    def _arrived(self, name: str, at: datetime, done: "asyncio.Task[Value]") -> None:
        if self._coming.get(name) is done:
            del self._coming[name]
        if not done.cancelled() and done.exception() is None:
            self._absent.pop(name, None)
            _remember(self._values, name, Aged(done.result(), at), self._most)


async def _awaited(fetch: Callable[[], Awaitable[Value]]) -> Value:
    return await fetch()


def _remember(memory: "OrderedDict[str, Value]", name: str, value: Value, most: int) -> None:
    memory[name] = value
    memory.move_to_end(name)
    if len(memory) > most:
        memory.popitem(last=False)


class Abroad:
    """Looks up what foreign documents point at, and says what came of it."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._keys: Kept[IssuerKeys] = Kept(MOST_ISSUERS, fresh=KEYS_FRESH, oldest=KEYS_OLDEST)
        self._lists: Kept[SealedList | None] = Kept(
            MOST_LISTS,
            fresh=LISTS_FRESH,
            oldest=LISTS_OLDEST,
            ttl=lambda found: found.ttl if found else None,
        )

    async def look(
        self,
        text: str,
        keyring: Keyring,
        at: datetime,
        *,
        patience: float = PATIENCE_SECONDS,
        bind: bool = False,
    ) -> tuple[Examined, Listed | None]:
        """Examine a document that is not sealed with a key of ours, and ask after its status.

        With `bind`, its issuer is asked in any case whether it publishes the key.
        """

        def judged(key: GivenKey | None) -> Examined:
            return examine(text, keyring, given=key)

        try:
            token = open_compact(text)
        except Malformed:
            return judged(None), None
        return await self._looked(token, judged, keyring, at, patience=patience, bind=bind)

    async def look_after(
        self, sealed: Examined, keyring: Keyring, at: datetime, *, patience: float = PATIENCE_SECONDS
    ) -> tuple[Examined, Listed | None]:
        """Ask after the status of a `vc+jwt` that stands in JSON; its certificate has judged its seal."""

        def judged(key: GivenKey | None) -> Examined:
            return replace(sealed, bound=key is not None and key.bound)

        if sealed.token is None:
            return sealed, None
        return await self._looked(sealed.token, judged, keyring, at, patience=patience, bind=False)

    async def _looked(
        self,
        token: Compact,
        judged: Callable[[GivenKey | None], Examined],
        keyring: Keyring,
        at: datetime,
        *,
        patience: float,
        bind: bool,
    ) -> tuple[Examined, Listed | None]:
        examined, listed = judged(None), None
        try:
            says = read_credential(token.payload)
            with anyio.move_on_after(patience):
                key = await self.key_of(token, says.iss, keyring, at, bind=bind)
                examined = judged(key)
                if key and examined.proven and not claims_to_be_ours(examined, keyring):
                    listed = Listed(UNREACHABLE)
                    listed = await self._standing(says, key, keyring, at)
        except Malformed:
            return judged(None), None
        return examined, listed

    async def key_of(
        self,
        token: Compact,
        issuer: str,
        keyring: Keyring,
        at: datetime,
        *,
        use: Relationship = "assertionMethod",
        bind: bool = False,
    ) -> GivenKey | None:
        """Find the key that a token names, and whether its issuer publishes it; None where it cannot be had.

        A key that a document brings along, or that stands at some address, makes its seal sound. It is
        its issuer's only where the issuer itself says so; that is asked where it makes a difference.
        """
        try:
            return await self._key_of(token, issuer, keyring, at, use=use, bind=bind)
        except Unavailable:
            return None

    async def _key_of(
        self,
        token: Compact,
        issuer: str,
        keyring: Keyring,
        at: datetime,
        *,
        use: Relationship,
        bind: bool,
    ) -> GivenKey:
        kid = token.header.kid
        own: Jwk | None = brought(token)
        if own is None and kid is not None and token.header.format == Format.OB_JWT:
            own = await self._key_at(kid, keyring, at)
        if own is not None:
            asked = bind or issuer in keyring.trusted
            return GivenKey(own, asked and await self._publishes(issuer, own, keyring, at, use))
        whose = kid.partition("#")[0] if kid and kid.startswith("did:") else issuer
        named = await self._named(whose, kid, keyring, at, use)
        if named is None:
            raise Unavailable
        bound = whose == issuer or (bind and await self._publishes(issuer, named, keyring, at, use))
        return GivenKey(named, bound)

    async def _named(
        self, issuer: str, kid: str | None, keyring: Keyring, at: datetime, use: Relationship
    ) -> Jwk | None:
        """Look a name up among the keys of an issuer, exactly; where it is missing, among newer ones.

        Without a name, it can only be the one key that the issuer has.
        """
        if kid is None:
            return (await self._published(issuer, keyring, at, use)).only
        name = f"{issuer}{kid}" if kid.startswith("#") and issuer.startswith("did:") else kid
        keys = await self._published(issuer, keyring, at, use)
        if name not in keys.named:
            keys = await self._published(issuer, keyring, at, use, fresh=KEYS_ASKED_AGAIN)
        return keys.named.get(name)

    async def _publishes(
        self, issuer: str, jwk: Jwk, keyring: Keyring, at: datetime, use: Relationship
    ) -> bool:
        try:
            return thumbprint(jwk) in (await self._published(issuer, keyring, at, use)).thumbprints
        except Busy:
            raise
        except Unavailable:
            return False

    async def _published(
        self,
        issuer: str,
        keyring: Keyring,
        at: datetime,
        use: Relationship,
        *,
        fresh: timedelta | None = None,
    ) -> IssuerKeys:
        if issuer.startswith(DID_KEY):
            return _read(lambda: did_key(issuer))
        if keyring.names(issuer):
            raise Unavailable  # all keys of ours were looked at
        fetch: Callable[[], Awaitable[IssuerKeys]]
        if issuer.startswith(DID_WEB):
            fetch = lambda: self._of_document(issuer, use)  # noqa: E731 - a name for what is fetched
        elif issuer.startswith("https://"):
            fetch = lambda: self._of_metadata(issuer)  # noqa: E731
        else:
            raise Unavailable
        return (await self._keys.get(f"{use} {issuer}", at, fetch, fresh=fresh)).value

    async def _of_document(self, did: str, use: Relationship) -> IssuerKeys:
        found = await self._outbound.fetch(document_url(did), limit=MAX_KEYS, accept=DID_JSON)
        return read_document(read_object(found.content, limit=MAX_KEYS), did, use)

    async def _of_metadata(self, issuer: str) -> IssuerKeys:
        found = await self._outbound.fetch(metadata_url(issuer), limit=MAX_KEYS, accept=JSON)
        keys = read_metadata(read_object(found.content, limit=MAX_KEYS), issuer)
        if isinstance(keys, IssuerKeys):
            return keys
        found = await self._outbound.fetch(keys, limit=MAX_KEYS, accept="application/jwk-set+json, " + JSON)
        return read_key_set(read_object(found.content, limit=MAX_KEYS))

    async def _key_at(self, url: str, keyring: Keyring, at: datetime) -> Jwk:
        """Fetch the one key that stands at an address, or in the DID document that a name is of.

        Open Badges 3.0, 8.5, has the `kid` of a badge be the one or the other.
        """
        if url.startswith("did:"):
            if (named := await self._named(url.partition("#")[0], url, keyring, at, USE)) is None:
                raise Unavailable
            return named
        if not url.startswith("https://") or keyring.names(url):
            raise Unavailable

        async def fetch() -> IssuerKeys:
            accept = "application/jwk+json, " + JSON
            found = await self._outbound.fetch(url.partition("#")[0], limit=MAX_KEYS, accept=accept)
            jwk = public_members(public_key(read_object(found.content, limit=MAX_KEYS)))
            return IssuerKeys({url: jwk}, frozenset({thumbprint(jwk)}))

        return (await self._keys.get(f"key {url}", at, fetch)).value.named[url]

    async def _standing(
        self, says: ReadCredential, key: GivenKey, keyring: Keyring, at: datetime
    ) -> Listed | None:
        """Ask every list that a document names. Where it names none, there is nothing to say."""
        entries: list[StatusEntry | TokenEntry] = [*says.status]
        if says.token_status is not None:
            entries.append(says.token_status)
        told = [*await asyncio.gather(*(self._entry(entry, says, key, keyring, at) for entry in entries))]
        if says.other_status:
            told.append(Listed(NOT_UNDERSTOOD))
        if not told:
            return None
        dates = [each.as_of for each in told if each.as_of is not None]
        first = min(told, key=lambda each: TELLING.index(each.code))
        return replace(first, as_of=first.as_of if first.code != ACTIVE else min(dates))

    async def _entry(
        self,
        entry: StatusEntry | TokenEntry,
        says: ReadCredential,
        key: GivenKey,
        keyring: Keyring,
        at: datetime,
    ) -> Listed:
        if keyring.names(entry.url):
            return Listed(NOT_CREDIBLE)  # our lists are about our own documents
        try:
            kept = await self._lists.get(
                # By its kind too: what is no list of one kind may well be one of the other.
                f"{type(entry).__name__} {says.iss} {entry.url}",
                at,
                lambda: self._sealed(entry, says.iss, keyring, at),
            )
        except Unavailable:
            return Listed(UNREACHABLE)
        found = kept.value
        if found is None or not _credible(found, entry, says, key, keyring, at):
            return Listed(NOT_CREDIBLE)
        if found.ends is not None and found.ends <= at:
            return Listed(TOO_OLD, kept.at)
        try:
            return Listed(_state(found.states, entry), kept.at)
        except Malformed:
            return Listed(NOT_CREDIBLE)

    async def _sealed(
        self, entry: StatusEntry | TokenEntry, issuer: str, keyring: Keyring, at: datetime
    ) -> SealedList | None:
        """Fetch a list; None where it can be read, and its seal is not what it says."""
        token_list = isinstance(entry, TokenEntry)
        found = await self._outbound.fetch(
            entry.url,
            limit=tokenlist.MAX_TOKEN if token_list else bitstring.MAX_TOKEN,
            accept=LISTS_OF_TOKENS if token_list else LISTS,
        )
        opened = _opened_token_list if token_list else _opened_bitstring
        if len(found.content) > LARGE:
            token, listed = await to_thread.run_sync(opened, found.content)
        else:
            token, listed = opened(found.content)
        key = await self._key_of(token, issuer, keyring, at, use=USE, bind=True)
        return replace(listed, key=key) if token.verified_by(key.jwk) else None


_NO_KEY: Final = GivenKey({}, bound=False)


def _opened_bitstring(content: bytes) -> tuple[Compact, SealedList]:
    token = open_compact(_text(content), limit=bitstring.MAX_TOKEN)
    if token.header.format != Format.VC_JWT:
        raise Malformed("not a status list credential")
    read = read_status_list(token.payload)
    return token, SealedList(
        read.url,
        read.issuer,
        read.purposes,
        read.bits,
        read.valid_from,
        read.valid_until,
        _NO_KEY,
        token.header.chain,
        _ttl_of(token.payload),
    )


def _opened_token_list(content: bytes) -> tuple[Compact, SealedList]:
    token, read = open_token_list(_text(content))
    return token, SealedList(
        read.url,
        read.issuer,
        (),
        read.states,
        read.issued_at,
        read.expires_at,
        _NO_KEY,
        token.header.chain,
        None if read.ttl is None else timedelta(seconds=min(read.ttl, LONGEST_TTL)),
    )


def _ttl_of(payload: dict[str, JsonValue]) -> timedelta | None:
    """Read for how many milliseconds a bitstring may be kept (Bitstring Status List, 2.2)."""
    subject = payload.get("credentialSubject")
    if isinstance(subject, list):
        subject = subject[0] if subject else None
    match subject:
        case {"ttl": int(ttl)} if ttl > 0:
            return timedelta(milliseconds=min(ttl, 1000 * LONGEST_TTL))
        case _:
            return None


def _text(content: bytes) -> str:
    try:
        return content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Malformed("not a token") from None


def _credible(
    found: SealedList,
    entry: StatusEntry | TokenEntry,
    says: ReadCredential,
    key: GivenKey,
    keyring: Keyring,
    at: datetime,
) -> bool:
    """Tell whether a list is the one that the document means: of its issuer, of its purpose, of this time."""
    if found.issuer not in {None, says.iss} or found.url not in {None, entry.url}:
        return False
    if isinstance(entry, StatusEntry) and entry.purpose not in found.purposes:
        return False
    if found.begins is not None and found.begins > at:
        return False
    if found.key.bound or thumbprint(found.key.jwk) == thumbprint(key.jwk):
        return True
    chain = keyring.judged(found.chain, at)
    return chain.standing is Standing.TRUSTED and Claimed(says.iss, says.issuer_name).borne_out_by(chain)


def _state(states: Bits | States, entry: StatusEntry | TokenEntry) -> str:
    if isinstance(states, States):
        return TOKEN_STATES.get(states.at(entry.index), NOT_UNDERSTOOD)
    raised = REVOKED if isinstance(entry, StatusEntry) and entry.purpose == "revocation" else SUSPENDED
    return raised if states.is_set(entry.index) else ACTIVE


def _read(read: Callable[[], IssuerKeys]) -> IssuerKeys:
    try:
        return read()
    except Malformed:
        raise Unavailable from None
