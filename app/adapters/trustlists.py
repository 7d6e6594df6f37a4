"""The trusted lists that the operator chose, read in the background and kept in a file of their own.

A list of lists names the national ones and who signs them. Each list is verified before anything in it
counts. Where one cannot be had anew, what it said before holds until its own next update; an older one is
never taken for a newer.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal

import anyio
from pydantic import BaseModel, ConfigDict, ValidationError

from app.adapters import listreading
from app.formats.qualified import index
from app.ports import (
    Clock,
    Criteria,
    FetchBusy,
    FetchFailed,
    FetchRefused,
    ListedService,
    Outbound,
    Qualification,
    TrustedList,
    TrustedLists,
)

REFRESHED: Final = timedelta(hours=6)
TRIED_AGAIN: Final = timedelta(minutes=30)  # where some list could not be had
PAUSE_SECONDS: Final = 5.0
WAIT: Final = 240  # seconds: it has sixty of them, and lets everybody else go first
SKEW: Final = timedelta(minutes=5)
FETCH_SECONDS: Final = 60.0
FETCH_STEP_SECONDS: Final = 20.0  # of silence: lists are large, and some of their servers slow
MAX_READ: Final = 32 * 1024 * 1024  # of what one list comes to
FILE: Final = "trusted-lists.json"
ACCEPT: Final = "application/vnd.etsi.tsl+xml, application/xml, text/xml"

log: Final = logging.getLogger("sigillo.trustlists")


Reads = Callable[[bytes, Sequence[bytes], datetime], Mapping[str, Any]]


class Unusable(Exception):
    """A list that cannot be had, or is not believed; what was read before stays."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Criteria(_Strict):
    combined: Literal["all", "atLeastOne", "none"]
    policies: tuple[frozenset[str], ...]
    usages: tuple[tuple[frozenset[str], frozenset[str]], ...]
    purposes: tuple[frozenset[str], ...]
    attributes: tuple[frozenset[str], ...]
    within: tuple["_Criteria", ...]

    def read(self) -> Criteria:
        within = tuple(each.read() for each in self.within)
        return Criteria(self.combined, self.policies, self.usages, self.purposes, self.attributes, within)


class _Qualification(_Strict):
    qualifiers: frozenset[str]
    criteria: _Criteria


class _Service(_Strict):
    name: str
    certificates: tuple[int, ...]
    since: datetime
    until: datetime | None
    for_seals: bool
    qualifications: tuple[_Qualification, ...]
    doubtful: bool


class Pointer(_Strict):
    """Where a list of lists says that another one is, and who signs it."""

    location: str
    territory: str
    signers: tuple[str, ...]


class Reading(_Strict):
    """What stands in one list whose signature was verified."""

    kind: Literal["lotl", "list"]
    territory: str
    sequence: int
    issued: datetime
    next_update: datetime | None
    pointers: tuple[Pointer, ...] = ()
    services: tuple[_Service, ...] = ()
    certificates: tuple[str, ...] = ()

    @property
    def unread(self) -> int:
        return sum(each.doubtful for each in self.services)

    @property
    def names_all(self) -> bool:
        """Whether of every service it is known who that is, so that whoever is not named is not in it."""
        return all(each.certificates for each in self.services)

    def listed(self) -> tuple[ListedService, ...]:
        ders = [b64decode(each) for each in self.certificates]
        return tuple(
            ListedService(
                each.name,
                tuple(ders[place] for place in each.certificates),
                each.since,
                each.until,
                each.for_seals,
                tuple(Qualification(told.qualifiers, told.criteria.read()) for told in each.qualifications),
                each.doubtful,
            )
            for each in self.services
        )


class _Kept(_Strict):
    reading: Reading
    content: str  # digest of what was read
    signers: str  # digest of who could have signed it
    read_at: datetime


class _State(_Strict):
    of: str  # digest of what is configured: what was read for something else does not count
    read_at: datetime | None = None
    lists: dict[str, _Kept] = {}
    problems: tuple[str, ...] = ()


class FiledLists:
    """Gives what was last read from memory; a file keeps it over restarts and for other processes."""

    def __init__(
        self,
        sources: Sequence[str],
        *,
        signers: Sequence[bytes],
        folder: Path,
        clock: Clock,
        outbound: Outbound,
        reads: Reads | None = None,
    ) -> None:
        """Name files or https addresses, and the certificates that these very lists are signed with."""
        self._reads = reads or read_apart
        self._sources = tuple(sources)
        self._signers = tuple(signers)
        self._file = folder / FILE
        self._clock = clock
        self._outbound = outbound
        self._of = _digest(*(each.encode() for each in self._sources), b"", *sorted(self._signers))
        self._state = _State(of=self._of)
        self._seen: tuple[int, int] | None = None
        self._failed_at: datetime | None = None
        self._warned: str | None = None
        self._current = TrustedLists((), complete=False)

    def current(self) -> TrustedLists:
        return self._current

    def keep_up(self, stop: Event, *, refreshing: bool) -> None:
        """Take in what was read here or elsewhere, and read anew what is due, until told to stop."""
        while not stop.is_set():
            try:
                self.load()
                if refreshing and self._due():
                    self.refresh()
            except Exception:
                self._failed_at = self._now()
                log.exception("trustlists.failed")
            stop.wait(PAUSE_SECONDS)

    def load(self) -> None:
        """Take in what any process of this service has read since."""
        try:
            told = self._file.stat()
            if (told.st_mtime_ns, told.st_size) == self._seen:
                return
            written = self._file.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self._warn(f"{self._file}: cannot be read: {error.strerror}")
            return
        self._seen = told.st_mtime_ns, told.st_size
        try:
            state = _State.model_validate_json(written)
            if state.of == self._of:
                self._take(state)
        except (ValidationError, ValueError, IndexError):
            log.warning("trustlists.unreadable")  # it is written anew

    def _warn(self, problem: str) -> None:
        """Say once what stays as it is until somebody mends it."""
        if problem != self._warned:
            log.warning("trustlists.problem", extra={"reason": problem})
        self._warned = problem

    def refresh(self) -> None:
        """Read every list anew, and keep what can be believed."""
        at, problems, lists = self._now(), list[str](), dict[str, _Kept]()
        for source in self._sources:
            top = self._read(source, self._signers, at, problems)
            if top is None:
                continue
            lists[source] = top
            for pointer in top.reading.pointers:
                signers = tuple(b64decode(each) for each in pointer.signers)
                found = self._read(pointer.location, signers, at, problems, of=pointer)
                if found is not None:
                    lists[pointer.location] = found
        state = _State(of=self._of, read_at=at, lists=lists, problems=tuple(problems))
        try:
            self._keep(state.model_dump_json())
        except OSError as error:  # what was read counts all the same, and is had anew after a restart
            unkept = f"{self._file}: cannot be written: {error.strerror}"
            state = state.model_copy(update={"problems": (*problems, unkept)})
        self._take(state)
        for problem in self._current.problems:
            log.warning("trustlists.problem", extra={"reason": problem})

    def _keep(self, written: str) -> None:
        """Write the file, whole or not at all, for this service alone."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, coming = tempfile.mkstemp(dir=self._file.parent, prefix=".lists-")  # for its owner alone
        try:
            with os.fdopen(number, "w") as file:
                file.write(written)
                file.flush()
                os.fsync(number)
            Path(coming).replace(self._file)
        except BaseException:
            Path(coming).unlink(missing_ok=True)
            raise

    def _now(self) -> datetime:
        return self._clock.now() - self._clock.offset  # lists know nothing of a demonstration's clock

    def _due(self) -> bool:
        """Tell whether to read them anew: what failed is left alone for a while, whatever it failed in."""
        read_at = self._state.read_at
        if self._failed_at is not None and self._within(TRIED_AGAIN, self._failed_at):
            return False
        return read_at is None or not self._within(
            TRIED_AGAIN if self._state.problems else REFRESHED, read_at
        )

    def _within(self, span: timedelta, since: datetime) -> bool:
        return timedelta(0) <= self._now() - since < span

    def _take(self, state: _State) -> None:
        self._state = state
        made = TrustedLists(
            lists=tuple(self._lists(state)),
            complete=self._complete(state),
            problems=(*state.problems, *_unread(state)),
        )
        index(made)
        self._current = made

    def _lists(self, state: _State) -> Iterator[TrustedList]:
        for source in self._sources:
            if (top := state.lists.get(source)) is None:
                continue
            if top.reading.kind == "list":
                yield _as_list(source, top, top.reading.next_update)
            for pointer in top.reading.pointers:
                if (found := state.lists.get(pointer.location)) is not None:
                    ends = (top.reading.next_update, found.reading.next_update)
                    first = None if None in ends else min(each for each in ends if each is not None)
                    yield _as_list(pointer.location, found, first)

    def _complete(self, state: _State) -> bool:
        """Tell whether a list of lists was read with all that it names: then who is nowhere is unknown."""
        tops = [state.lists[source].reading for source in self._sources if source in state.lists]
        return any(
            top.kind == "lotl"
            and bool(top.pointers)
            and all(
                pointer.location in state.lists and state.lists[pointer.location].reading.names_all
                for pointer in top.pointers
            )
            for top in tops
        )

    def _read(
        self,
        location: str,
        signers: Sequence[bytes],
        at: datetime,
        problems: list[str],
        *,
        of: Pointer | None = None,
    ) -> _Kept | None:
        before, may_sign = self._state.lists.get(location), _digest(*sorted(signers))
        known = before if before is not None and before.signers == may_sign else None
        try:
            content = self._content(location, named=of is not None)
            digest = _digest(content)
            if known is not None and known.content == digest:
                kept = known.model_copy(update={"read_at": at})
            else:
                reading = _made_out(self._reads(content, signers, at))
                _believable(reading, before, at, of)
                kept = _Kept(reading=reading, content=digest, signers=may_sign, read_at=at)
        except Unusable as why:
            problems.append(f"{location}: {why}")
            return known
        ends = kept.reading.next_update
        if ends is not None and ends <= at:
            problems.append(f"{location}: its next update was due on {ends:%Y-%m-%d}")
        return kept

    def _content(self, location: str, *, named: bool) -> bytes:
        """Have a list; an address that another list names goes over https, and through the guard, alone."""
        if not named and "://" not in location:
            return _file(Path(location))
        url = "https://" + location.removeprefix("http://") if location.startswith("http://") else location
        ask = partial(self._outbound.fetch, url, limit=listreading.MOST_BYTES, accept=ACCEPT)
        try:
            return anyio.run(ask).content
        except FetchRefused as refused:
            raise Unusable(f"not asked for: {refused}") from None
        except (FetchFailed, FetchBusy):
            raise Unusable("nothing came back that can be used") from None


def _unread(state: _State) -> Iterator[str]:
    for location, kept in state.lists.items():
        if kept.reading.unread:
            yield f"{location}: {kept.reading.unread} of its services could not be read, or not all of them"


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(listreading.MOST_BYTES + 1)
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from None
    if len(content) > listreading.MOST_BYTES:
        raise Unusable("larger than a list can be")
    return content


def read_apart(content: bytes, signers: Sequence[bytes], at: datetime) -> Mapping[str, Any]:
    """Have another process verify and read a list: it has none of our secrets, and can be stopped."""
    asked = {"signers": [b64encode(each).decode() for each in signers], "at": at.isoformat()}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", listreading.__file__],
            input=json.dumps(asked).encode() + b"\n" + content,
            capture_output=True,
            timeout=WAIT,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unusable("it takes too long to read") from None
    if done.returncode != 0 or len(done.stdout) > MAX_READ:
        log.warning("listreading.fell", extra={"status": done.returncode})
        raise Unusable("too much to read")
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def _made_out(found: Mapping[str, Any]) -> Reading:
    if "refused" in found:
        raise Unusable(found["refused"])
    try:
        return Reading.model_validate(found)
    except ValidationError:
        raise Unusable("what stands in it cannot be made out") from None


def _believable(reading: Reading, before: _Kept | None, at: datetime, of: Pointer | None) -> None:
    """Refuse what is of the future, older than what was read already, or not what a pointer promised."""
    if reading.issued > at + SKEW:
        raise Unusable("it was issued in the future")
    if before is not None and (reading.sequence, reading.issued) < (
        before.reading.sequence,
        before.reading.issued,
    ):
        raise Unusable("it is older than the one that was read before")
    if of is not None and (reading.kind != "list" or reading.territory != of.territory):
        raise Unusable("not the national list that is meant")


def _as_list(location: str, kept: _Kept, next_update: datetime | None) -> TrustedList:
    reading = kept.reading
    return TrustedList(
        location=location,
        territory=reading.territory,
        sequence=reading.sequence,
        issued=reading.issued,
        next_update=next_update,
        read_at=kept.read_at,
        services=reading.listed(),
    )


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()
