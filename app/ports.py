"""What the outside world must bring: real adapters in production, fakes of the same contract in tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Event
from typing import BinaryIO, Final, Literal, Protocol

from app.core.db import Database
from app.core.errors import Conflict
from app.core.labels import Language
from app.settings import Settings


class Clock(Protocol):
    """Tells the time, always in UTC."""

    @property
    def offset(self) -> timedelta: ...

    def now(self) -> datetime: ...


class Slot(StrEnum):
    """What a key is for. One key, one purpose."""

    SEAL = "seal"
    EDC_SEAL = "edc-seal"
    STATUS = "status"
    QR = "qr"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a key and what is known of it."""

    thumbprint: str  # RFC 7638, base64url of SHA-256
    slot: Slot
    algorithm: str  # "ES256", or "RS256" for an RSA key
    jwk: Mapping[str, str]  # public members only
    chain: tuple[bytes, ...]  # DER, leaf first, the anchor left out
    development: bool  # made by ourselves: a live organisation refuses to sign with it
    current: bool  # retired keys stay published and never sign
    compromised_at: datetime | None = None  # from then on its signatures prove nothing
    body: str | None = None  # the organisation whose own it is; None: of every one that has none of its own
    issuer_code: int | None = None  # the same body, as QR codes and the register's public side call it

    def serves(self, organisation_id: str) -> bool:
        """Tell whether what it signs may be of this organisation."""
        return self.body in {None, organisation_id}

    def speaks_for(self, issuer_code: int) -> bool:
        """Tell the same of whoever goes by this number."""
        return self.issuer_code in {None, issuer_code}


class KeyNotUsable(Conflict):
    """The key is retired, was never ours, or has no certificate in force."""

    code = "key-not-usable"
    title = "The signing key cannot be used"


class KeysUnavailable(Exception):
    """The key cannot be used just now: a token that is away, say. Later it may be; nothing was signed."""


class Signer(Protocol):
    """Keys that can be used and never read; where one is out of reach, raises `KeysUnavailable`.

    `current` is that of a body's own, or raises `KeyNotUsable` where none of those signs any more; only a
    body that never had one for this purpose signs with the installation's.
    """

    def current(self, slot: Slot, body: str | None = None) -> PublicKey: ...

    def published(self) -> tuple[PublicKey, ...]: ...

    def anchors(self) -> tuple[bytes, ...]: ...

    def sign(self, thumbprint: str, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that are safely on disk, named by what they are."""

    sha256: str
    size: int


# For so long after bytes were stored, somebody may still be writing the row that names them.
FILES_SETTLE: Final = timedelta(hours=1)


class Files(Protocol):
    """Evidence bytes, addressed by their SHA-256 and synced before anyone names them."""

    def store(self, source: BinaryIO, limit: int) -> StoredFile: ...

    def open(self, sha256: str) -> BinaryIO: ...

    def discard(self, sha256: str) -> bool: ...


class ScanResult(StrEnum):
    """What the malware scanner said. Assessors see it beside every file."""

    CLEAN = "clean"
    INFECTED = "infected"
    UNSCANNED = "unscanned"


class ScannerUnavailable(Exception):
    """The scanner did not give an answer that can be relied on."""


class Scanner(Protocol):
    """Looks for malware in what was handed in; without a clear answer raises `ScannerUnavailable`."""

    def scan(self, source: BinaryIO) -> ScanResult: ...


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter to one person, in plain text. The same `message_id` marks the same letter sent again."""

    to: str
    subject: str
    text: str
    message_id: str


class MailRefused(Exception):
    """The address or the letter is refused for good. Says neither: what is raised is logged."""


class MailUnreachable(Exception):
    """The letter could not be handed over now; later it may be."""


class Mailer(Protocol):
    """Hands letters over; raises `MailRefused` or `MailUnreachable` where it could not."""

    def send(self, mail: Mail) -> None: ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What stood at an address: bytes already unpacked, and of what kind their sender says they are."""

    content: bytes
    media_type: str


class FetchRefused(Exception):
    """The address is not one that this service goes to; nothing was sent there."""


class FetchFailed(Exception):
    """Nothing that can be used came back, in time and in size; later it may."""


class FetchBusy(Exception):
    """Nothing was sent, since too much is under way here: that says nothing about the address."""


class Outbound(Protocol):
    """Fetches what strangers' documents point at, from public addresses alone.

    Raises `FetchRefused`, `FetchFailed` or `FetchBusy`, and nothing else.
    """

    async def fetch(self, url: str, *, limit: int, accept: str) -> Fetched: ...


class Postman(Protocol):
    """Hands something over at an address that a stranger named, under the same rules as `Outbound`.

    Raises `FetchRefused`, `FetchFailed` or `FetchBusy`, and nothing else. After a `FetchFailed` nobody knows
    whether it arrived.
    """

    async def vet(self, url: str) -> None:
        """Raise what `post` would raise before anything is sent; nothing is."""

    async def post(self, url: str, content: bytes, *, headers: Mapping[str, str]) -> int:
        """Send it, and give the status. The answer itself is not read, and no redirect is followed."""


class SealBroken(Exception):
    """What was sealed cannot be opened with the key that is there, or was meant for another place."""


class Vault(Protocol):
    """Keeps secrets that have to be used again: a database holds them sealed, and the key lies elsewhere.

    What was sealed for one place opens for no other; raises `SealBroken`.
    """

    def seal(self, secret: bytes, place: str) -> bytes: ...

    def open(self, sealed: bytes, place: str) -> bytes: ...


class Vouching(Protocol):
    """Knows again what this installation verified before, by a key that is in no database.

    What is known need not be verified again: nobody without that key makes a MAC that is believed. Where the
    key is lost nothing is known, and all is verified as if it were new.
    """

    def mac(self, sha256: str) -> bytes | None:
        """Vouch for a document, by its digest; for whoever has just verified its seal, and nobody else.

        None where there is no key.
        """

    def knows(self, sha256: str, mac: bytes | None) -> bool:
        """Tell whether this very document was vouched for."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What webhooks need: a way out of their own, and somewhere to keep what they are signed with."""

    postman: Postman
    vault: Vault


class TimeStampUnavailable(Exception):
    """No time-stamp could be had now; later it may."""


class TimeStampRefused(Exception):
    """What came back is no time-stamp of this content that we could rely on. It is not kept."""


class TimeStamps(Protocol):
    """Has it certified that content exists now (RFC 3161).

    Gives a DER token over the SHA-256 of the content, verified before it is given. Raises
    `TimeStampUnavailable` or `TimeStampRefused`, and nothing else.
    """

    def stamp(self, content: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Revocation:
    """What issuers say of the certificates of a chain, in DER, and whatever that is verified with."""

    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    certificates: tuple[bytes, ...]  # the way up to the anchor, and whoever answered on behalf of an issuer


class RevocationUnavailable(Exception):
    """Of some certificate nothing could be had that its issuer vouches for; later it may."""


class RevocationNotOffered(RevocationUnavailable):
    """Nobody is there to be asked about some certificate, now or later, as things are set up."""


class RevocationValues(Protocol):
    """Asks the issuers of a chain, leaf first, what became of its certificates.

    The answers are verified and of now; that they say "not revoked" is for the caller to look at. Raises
    `RevocationUnavailable` (`RevocationNotOffered` where it always will) and nothing else.
    """

    def about(self, chain: Sequence[bytes]) -> Revocation: ...


class RecipientKind(StrEnum):
    """By what a wallet service knows whose wallet is meant."""

    EMAIL = "email"
    WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose wallet a document goes to. Shown, it does not tell: it is personal."""

    kind: RecipientKind
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deposited:
    """A document lies in a wallet now; `viewer_url` is where its holder sees it, if that was said."""

    viewer_url: str | None = field(repr=False)
    there_already: bool


class DepositRefusal(StrEnum):
    """Why a wallet service does not take a document. It would not the next time either."""

    UNSEALED = "unsealed"  # its seal is missing, or does not verify over there
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    ADDRESS_NOT_USABLE = "address-not-usable"


class DepositRefused(Exception):
    """The wallet service does not take it."""

    def __init__(self, reason: DepositRefusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class WalletUnavailable(Exception):
    """Nobody knows whether it was taken; later it may be. Says no address: what is raised is logged."""


class Wallet(Protocol):
    """Puts sealed documents into people's wallets; raises `DepositRefused` or `WalletUnavailable`."""

    def deposit(self, credential: bytes, to: Recipient, language: Language) -> Deposited: ...


@dataclass(frozen=True, slots=True)
class Criteria:
    """Of which certificates a qualification in a trusted list speaks (ETSI TS 119 612, 5.5.9.2.2)."""

    combined: Literal["all", "atLeastOne", "none"]
    policies: tuple[frozenset[str], ...] = ()  # each with all its policies
    usages: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()  # bits that are set, and bits that are not
    purposes: tuple[frozenset[str], ...] = ()  # extended key usage
    attributes: tuple[frozenset[str], ...] = ()  # of the subject
    within: tuple["Criteria", ...] = ()


@dataclass(frozen=True, slots=True)
class Qualification:
    """What a list says of some certificates of a service beyond what they say of themselves."""

    qualifiers: frozenset[str]  # the last part of their URIs, such as `QCWithQSCD`
    criteria: Criteria


@dataclass(frozen=True, slots=True)
class ListedService:
    """An authority for qualified certificates, for one time during which it was granted that status."""

    name: str
    certificates: tuple[bytes, ...]
    since: datetime
    until: datetime | None  # None: still
    for_seals: bool
    qualifications: tuple[Qualification, ...] = ()
    doubtful: bool = (
        False  # not all that the list says of it was understood, so that it makes nobody qualified
    )


@dataclass(frozen=True, slots=True)
class TrustedList:
    """A list whose signature was verified. What it says holds up to its next update, and no longer."""

    location: str
    territory: str
    sequence: int
    issued: datetime
    next_update: datetime | None  # None: the list was closed
    read_at: datetime
    services: tuple[ListedService, ...]

    def is_current(self, at: datetime) -> bool:
        return self.next_update is not None and at < self.next_update


@dataclass(frozen=True, eq=False, slots=True)
class TrustedLists:
    """All lists as they were last read. Two of them are the same only if they were read at once."""

    lists: tuple[TrustedList, ...]
    complete: bool  # all that a list of lists names could be read, so who is in none of them is in none
    problems: tuple[str, ...] = ()


class TrustedListSource(Protocol):
    """Gives what the trusted lists said when they were last read, at once; nothing is fetched for it.

    `keep_up` is for a thread: it takes in what was read, and where it is `refreshing` reads them anew.
    """

    def current(self) -> TrustedLists: ...

    def keep_up(self, stop: Event, *, refreshing: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that `create_app` must be given."""

    settings: Settings
    database: Database
    clock: Clock
    signer: Signer
    files: Files
    scanner: Scanner
    mailer: Mailer
    outbound: Outbound
    vouching: Vouching
    time_stamps: TimeStamps | None = None  # none where no authority is configured: seals stay B-B
    revocation: RevocationValues | None = None
    wallet: Wallet | None = None  # none where no wallet service is configured: nothing is delivered
    trusted_lists: TrustedListSource | None = None  # none where no list is configured
    hooks: Hooks | None = None  # none where nothing is ever sent to strangers: no webhook can be registered
