"""The ring: the list of keys in a folder, and how its files are written so that no crash leaves half of one.

The list says where each private key is, in a file beside it or on a token; it never holds one.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from cryptography import x509
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.core.ids import pattern
from app.ports import Slot

RING: Final = "ring.json"
VAULT: Final = "webhooks.key.pem"  # signs nothing, so the list does not know it
VOUCHING: Final = "verified.key.pem"  # nor does this one
LONGEST_TOKEN: Final = 32  # PKCS#11, CK_TOKEN_INFO
LONGEST_LABEL: Final = 255
_LOCK: Final = ".lock"
# What an operator's steps leave in the folder, and a first start never: beside these there was a ring.
_OPERATORS: Final = ("house-*", "anchor-*", "*.csr.pem")

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class KeysUnreadable(Exception):
    """The folder holds keys that cannot be opened: a wrong passphrase, or files that are not keys."""


class OnToken(BaseModel):
    """Where a key lies that never leaves its token: the token's label, and the key's label and id there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN)]
    label: Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL)]
    id: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){0,64}$")] = ""

    def __str__(self) -> str:
        return f"{self.label} on the token {self.token}"


Place = FileName | OnToken


class Whose(BaseModel):
    """The organisation that a key is of alone, and the number by which QR codes call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=pattern("org"))]
    issuer_code: Annotated[int, Field(ge=1)]


class Entry(BaseModel):
    """A key with its certificates, leaf first; of nobody in particular, or some body's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: Slot
    thumbprint: str
    state: Literal["current", "retired"]
    development: bool
    key: Place
    chain: Annotated[tuple[FileName, ...], Field(min_length=1)]
    compromised_at: AwareDatetime | None = None
    body: Whose | None = None


class Waiting(BaseModel):
    """A key that waits for its certificate; until then it signs nothing but the request for one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: Slot
    thumbprint: str
    key: Place
    body: Whose | None = None


class Ring(BaseModel):
    """The list of keys, as the file says it. Names are plain: nothing outside the folder is ever read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchors: tuple[FileName, ...] = ()
    keys: tuple[Entry, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @model_validator(mode="after")
    def _one_current(self) -> Self:
        for one, other in combinations((each for each in self.keys if each.state == "current"), 2):
            if _same_place(one, other):
                whose = f" of {one.body.id}" if one.body else ""
                raise ValueError(f"two current keys for {one.slot}{whose}")
        return self

    @model_validator(mode="after")
    def _one_code(self) -> Self:
        for one, other in combinations(self.bodies(), 2):
            if one.id == other.id:
                raise ValueError(f"two codes for {one.id}: {one.issuer_code} and {other.issuer_code}")
            if one.issuer_code == other.issuer_code:
                raise ValueError(f"one code for {one.id} and for {other.id}: {one.issuer_code}")
        return self

    def current(self, slot: Slot, body: Whose | None = None) -> Entry | None:
        """Find the key that signs in this place; for a body, among its own alone."""
        mine = (entry for entry in self.keys if entry.slot is slot and entry.body == body)
        return next((entry for entry in mine if entry.state == "current"), None)

    def waiting_for(self, slot: Slot, body: Whose | None = None) -> Waiting | None:
        return next((entry for entry in self.waiting if entry.slot is slot and entry.body == body), None)

    def bodies(self) -> tuple[Whose, ...]:
        """Name the bodies that have keys of their own, or are about to."""
        entries: tuple[Entry | Waiting, ...] = (*self.keys, *self.waiting)
        named = {entry.body for entry in entries if entry.body}
        return tuple(sorted(named, key=lambda each: (each.issuer_code, each.id)))

    def with_current(self, new: Entry) -> "Ring":
        """Put a key in the place of the one before it, which retires; others that wait go on waiting."""
        retired = (
            old.model_copy(update={"state": "retired"}) if _same_place(old, new) else old for old in self.keys
        )
        others = (old for old in retired if old.thumbprint != new.thumbprint)
        waiting = tuple(entry for entry in self.waiting if entry.thumbprint != new.thumbprint)
        return self.model_copy(update={"keys": (*others, new), "waiting": waiting})

    def with_waiting(self, new: Waiting) -> "Ring":
        others = (entry for entry in self.waiting if not _same_place(entry, new))
        return self.model_copy(update={"waiting": (*others, new)})

    def without(self, gone: Waiting) -> "Ring":
        waiting = tuple(entry for entry in self.waiting if entry != gone)
        return self.model_copy(update={"waiting": waiting})

    def with_anchor(self, name: str) -> "Ring":
        return self.model_copy(update={"anchors": (*self.anchors, name)})

    def compromised(self, thumbprint: str, since: datetime) -> "Ring":
        """Write down that a key is in other hands: it retires, and of two instants the earlier one counts."""
        return self.model_copy(update={"keys": tuple(_marked(each, thumbprint, since) for each in self.keys)})


def unlike_register(bodies: Iterable[Whose], register: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Name the bodies that a ring knows otherwise than the register (ids and codes), and say how.

    Keys of such a body would vouch for another, or for nobody: the two come from different installations, or
    from backups of different days.
    """
    for body in bodies:
        known = register.get(body.id)
        if known == body.issuer_code:
            continue
        told = "there is no such organisation" if known is None else f"it has code {known}"
        words = (
            f"{RING} says that it holds keys of {body.id} with code {body.issuer_code}, the register says "
            f"that {told}. Put the ring back from the backup that belongs to this register."
        )
        yield body.id, words


def _same_place(one: Entry | Waiting, other: Entry | Waiting) -> bool:
    return one.slot is other.slot and one.body == other.body


def _reason(broken: OSError | ValidationError) -> str:
    """Say in one line what is wrong with the file, and where in it."""
    if isinstance(broken, OSError):
        return broken.strerror or str(broken)
    first = broken.errors(include_input=False)[0]
    where, words = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    return f"{where}: {words}" if where else words


def _marked(entry: Entry, thumbprint: str, since: datetime) -> Entry:
    if entry.thumbprint != thumbprint:
        return entry
    known = entry.compromised_at
    earlier = since if known is None else min(known, since)
    return entry.model_copy(update={"state": "retired", "compromised_at": earlier})


class Folder:
    """The folder that holds the ring and its files. Several processes may share it."""

    def __init__(self, path: Path) -> None:
        """Open a folder; one that is made here is for its owner alone."""
        self.path = path
        self._ring = str(path / RING)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as wrong:
            raise KeysUnreadable(
                f"{path} is not a folder that this user can use ({wrong.strerror}): see SIGILLO_KEYS_FOLDER."
            ) from wrong

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from reading or changing the ring meanwhile."""
        try:
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as wrong:
            raise KeysUnreadable(f"{self.path} cannot be used by this user: {wrong.strerror}.") from wrong
        try:
            self._hand_over(lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def stamp(self) -> tuple[int, int, int] | None:
        """Tell one state of the ring from another without reading it; None where there is none."""
        try:
            seen = os.stat(self._ring)  # noqa: PTH116 - asked for before each use of a key
        except OSError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_size

    def ring(self) -> Ring:
        """Read the list; a folder that never held an operator's keys may be without one."""
        try:
            return Ring.model_validate_json((self.path / RING).read_bytes())
        except FileNotFoundError:
            if any(next(self.path.glob(each), None) for each in _OPERATORS):
                raise KeysUnreadable(
                    f"{self.path / RING} is missing, and there are keys beside it that it has to list. Put "
                    "it back from the backup; nothing is made anew here."
                ) from None
            return Ring()
        except (OSError, ValidationError) as broken:
            raise KeysUnreadable(
                f"{self.path / RING} cannot be read as a list of keys: {_reason(broken)}. Put it back from "
                "the backup."
            ) from broken

    def write_ring(self, ring: Ring, before: Ring) -> None:
        """Write the list last, so that it never names what is not there; then destroy what has retired.

        Of keys that were made for trying only: what an operator brought is the operator's to destroy.
        """
        # What is nobody's in particular is written as ever: an earlier version reads it as well.
        self.write(RING, ring.model_dump_json(indent=2, exclude_none=True).encode())
        signing = {entry.key for entry in ring.keys if entry.state == "current"}
        for entry in before.keys:
            if entry.development and isinstance(entry.key, str) and entry.key not in signing:
                (self.path / entry.key).unlink(missing_ok=True)
        for half in self.path.glob(".*.new"):  # of a step that was cut off: nothing was ever told of it
            half.unlink(missing_ok=True)
        self.end_trial(ring)

    def unlisted(self, ring: Ring) -> list[str]:
        """Name private keys that the list knows nothing of: it is older than they, or a step was cut off."""
        known = {*(entry.key for entry in ring.keys), *(entry.key for entry in ring.waiting)}
        known |= {anchor.replace(".crt.", ".key.") for anchor in ring.anchors} | {
            "tls.key.pem",
            VAULT,
            VOUCHING,
        }
        return sorted(path.name for path in self.path.glob("*.key.pem") if path.name not in known)

    def end_trial(self, ring: Ring) -> None:
        """Destroy the keys of roots made for trying once nothing signs under them: they lie in clear."""
        if not any(entry.development and entry.state == "current" for entry in ring.keys):
            for key in self.path.glob("root-*.key.pem"):
                key.unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file that is there whole or not at all, whenever the machine stops."""
        beside = self.path / f".{name}.new"
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            self._hand_over(file.fileno())
            os.fsync(file.fileno())
        beside.replace(self.path / name)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _hand_over(self, file: int) -> None:
        """Give a file to whom the folder belongs: what root does here must not shut out whoever serves."""
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)

    def read(self, name: str) -> bytes:
        """Read a file of the folder, or say which one is missing."""
        try:
            return (self.path / name).read_bytes()
        except OSError as wrong:
            raise KeysUnreadable(f"{name} cannot be read: is it there, may this user read it?") from wrong

    def certificate(self, name: str) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.read(name))
        except ValueError as wrong:
            raise KeysUnreadable(f"{name} is not a certificate.") from wrong
