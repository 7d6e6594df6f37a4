"""Where strangers ask: answers from memory, and never from anything older than two seconds.

Every change that can alter an answer has a number in one sequence. Each process reads that sequence at most
twice a second and forgets what changed, so that no process has to tell another.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final, Generic, TypeVar

from anyio import CapacityLimiter, Lock, to_thread
from anyio.lowlevel import RunVar
from sqlalchemy import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.core.clock import iso_duration
from app.core.errors import JsonValue
from app.core.numbers import CredentialNumber
from app.credentials.keylist import KeyList
from app.formats import published
from app.ports import Ports, PublicKey
from app.status.errors import ListNotFound
from app.verification import sealed, service
from app.verification.answers import Answer
from app.verification.entries import PublicRegister, Row
from app.verification.errors import RETRY_AFTER, CredentialNotFound, RegisterUnreachable
from app.verification.examining import Examined, claims_to_be_ours, examine
from app.verification.foreign import PATIENCE_SECONDS, Abroad
from app.verification.hosts import House, Houses
from app.verification.pace import Pace
from app.verification.plainly import (
    Front,
    Mould,
    Sealed,
    Told,
    is_ordinary,
    key_of,
    mould_of,
    opened,
    place_of,
)
from app.verification.report import Report
from app.verification.service import Held, Known
from app.verification.sqlite import SqliteRegister
from app.verification.statements import MAC, TOKEN, entry_of
from app.verification.submitted import Submission, number_of
from app.verification.trust import Keyring, anchors_in
from app.verification.written import HOLDER, NUMBER, Pattern, Written, written

FRESH: Final = timedelta(seconds=0.5)  # so long nobody asks what changed
OLDEST: Final = timedelta(seconds=2)  # beyond it, no answer is better than that one
# How we name documents. Whatever else a stranger writes there never reaches the database.
OUR_NAME: Final = re.compile("urn:uuid:[0-9a-f-]{36}")
MOST_LISTS: Final = 256  # each of some ten thousand bytes
MEDIA_TYPES: Final = {
    "token": "application/statuslist+jwt",
    "revocation": "application/vc+jwt",
    "suspension": "application/vc+jwt",
}
INDEX: Final = "index"  # beside the lists themselves, and forgotten with any of them
MOST_PATTERNS: Final = 2_048  # each of some three thousand bytes, and of nobody; as many moulds, of seven
MOST_FRONTS: Final = 8  # of headers: a key has one, and another once the service moved house
MOST_KEYS: Final = 64  # each address of ours has two: a set, and a DID document
ORGANISATION: Final = "organisation:"  # how changes of a body begin
QR_KEYS_TYPE: Final = "application/jwt"
SEALS_AT_ONCE: Final = 2
SEALS_WAITING: Final = 32
NEVER: Final = -1  # a number that no sequence follows on: whatever was remembered is forgotten

Value = TypeVar("Value")
_turns_of_seals: Final = RunVar[CapacityLimiter]("turns of seals")  # of the event loop, like its threads


class Remembered(Generic[Value]):
    """The last so many answers that somebody asked for."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._values

    def get(self, name: Hashable) -> Value | None:
        value = self._values.get(name)
        if value is not None:
            self._values.move_to_end(name)
        return value

    def keep(self, name: Hashable, value: Value) -> None:
        self._values[name] = value
        self._values.move_to_end(name)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def forget(self, name: Hashable) -> None:
        self._values.pop(name, None)

    def forget_all(self) -> None:
        self._values.clear()


class Desk:
    """Answers by number, by document and by list, in the event loop itself: nothing waits for a thread."""

    def __init__(self, ports: Ports, register: PublicRegister | None = None) -> None:
        self._ports = ports
        self._now = ports.clock.now
        self._register = register or public_register(ports.database.engine.url)
        self.pace: Final = Pace(ports.settings.lookups_per_minute)
        entries = ports.settings.cache_entries
        self._known: Remembered[tuple[Held, ...]] = Remembered(entries)
        # Kept apart: whoever guesses numbers crowds out other guesses, never what others look up.
        self._absent: Remembered[bool] = Remembered(max(1, entries // 10))
        # Larger than what they are written from, so fewer are kept; the others are written when asked for.
        self._written: Remembered[Written] = Remembered(max(1, entries // 5))
        self._patterns: Remembered[Pattern] = Remembered(MOST_PATTERNS)
        # What is told in one straight line, and what it takes for that.
        self._told: Remembered[Told] = Remembered(entries)
        self._moulds: Remembered[Mould] = Remembered(MOST_PATTERNS)
        self._fronts: tuple[Front, ...] = ()
        self._lists: Remembered[Answer] = Remembered(min(entries, MOST_LISTS))
        self._keys: Remembered[Answer] = Remembered(MOST_KEYS)
        self._houses = Houses(ports.settings.public_url, {})
        self._houses_read = False
        self._asking_houses = Lock()
        self._missed_at: datetime | None = None
        self._key_lists: dict[House, KeyList] = {}
        self._sealed: dict[House, tuple[datetime, Answer]] = {}
        self._seq = NEVER
        self._read_at: datetime | None = None
        self._reading = False
        self._anchors = anchors_in(ports.settings.anchors_folder)
        self._stamp_anchors = anchors_in(ports.settings.stamp_anchors_folder)
        self._keyring = self._read_keyring()
        self.abroad = Abroad(ports.outbound)
        self._keys_read_at = self._now()
        self._fresh = (self._keys_read_at, self._keys_read_at)

    async def open(self) -> None:
        """Keep connections to the register until `close`; to be called in the loop that will answer."""
        await self._register.open()

    async def close(self) -> None:
        await self._register.close()

    async def house(self, request: Request) -> House:
        """Tell at which of our addresses a request asks; at any other host it is answered as at the first.

        Where it is not known yet which there are, `RegisterUnreachable` may be raised: a body's keys are not
        to be told under another name.
        """
        if (asked := self._houses.asked_by(request)) is self._houses.own:
            return asked
        await self._know_houses()
        if not self._houses_read:
            raise RegisterUnreachable
        return self._houses.asked_by(request) or self._houses.own

    async def house_of_keys(self, request: Request) -> House:
        """Tell the same where keys are asked for; may raise `RegisterUnreachable` at the first address too.

        There are no keys of a body that has a host of its own, so one has to know which bodies have one.
        """
        if any(key.issuer_code is not None for key in self.keyring.published):
            await self._know_houses()
            if not self._houses_read:
                raise RegisterUnreachable
        return await self.house(request)

    async def addresses(self) -> Sequence[str]:
        """Give all of our addresses, the installation's own first."""
        await self._know_houses()
        return self._houses.addresses

    async def _know_houses(self) -> None:
        """Hear which hosts are ours by now; where the register cannot be asked, those that were.

        Whoever comes meanwhile waits for the same answer, and half a second long nobody asks in vain again.
        """
        if self._is_caught_up(self._now()):
            return
        async with self._asking_houses:
            if self._missed_at is not None and timedelta(0) <= self._now() - self._missed_at < FRESH:
                return
            try:
                await self._catch_up()
            except RegisterUnreachable:
                self._missed_at = self._now()

    @property
    def now(self) -> datetime:
        return self._now()

    @property
    def clock_offset(self) -> str | None:
        """Say how far the clock is moved, for every answer that is made under it."""
        return iso_duration(self._ports.clock.offset)

    @property
    def keyring(self) -> Keyring:
        """Give the keys of at most half a second ago. What was judged by other keys is forgotten."""
        now = self._now()
        if not timedelta(0) <= now - self._keys_read_at < FRESH:
            read = self._read_keyring()
            if read != self._keyring:
                self._forget_all()
                self._keyring = read
            self._keys_read_at = now
        return self._keyring

    async def about(self, number: CredentialNumber) -> Report:
        """Report on a number, or raise `CredentialNotFound`: alike, and at like cost, whatever the cause."""
        keyring = await self._freshened()
        return self._report(await self._periods(str(number), keyring), keyring)

    async def written_about(self, asked: str) -> bytes:
        """Give the same report as JSON: written once for as long as nothing in it changes but the time.

        `asked` is a number as somebody typed it; may raise `NumberMistyped` too.
        """
        at, (since, until) = self._now(), self._fresh
        fresh = since <= at < until
        # Written as we write it, a number that is remembered need not be read.
        if fresh and (said := self._remembered(asked, at)):
            return said
        name, keyring = number_of(asked), self._keyring
        if not fresh:
            keyring = await self._freshened()
            at = self._now()
        if (name is not asked or not fresh) and (said := self._remembered(name, at)):
            return said
        if self._absent.get(name):
            raise CredentialNotFound
        rows: Sequence[Row] = ()
        if (periods := self._known.get(name)) is None:
            seq = self._seq
            rows = await self._register.by_number(name)
            at = self._now()
            if told := self._plainly(rows, keyring, at):
                if seq == self._seq:
                    self._told.keep(name, told)
                return told.body(at)
            periods = self._held(name, rows, keyring, seq)
        made = self._write(known := service.answering(periods, at), keyring, at)
        until = min(made.until, service.first_after(at, service.turns_of(periods)))
        if rows:
            place = next(place for place, each in enumerate(periods) if each.known is known)
            self._learn(known, rows, keyring, at, until=until, standing_for=place)
        # What was read while a change came by is told, and not kept: neither is what was written of it.
        if keyring is self._keyring and self._known.get(name) is periods:
            self._written.keep(name, replace(made, since=at, until=until))
        return made.body(at)

    def _remembered(self, name: str, at: datetime) -> bytes | None:
        """Say what was said of a number, if nothing in it changed but the time."""
        kept: Told | Written | None = self._told.get(name)
        if kept is None or not kept.holds(at):
            kept = self._written.get(name)
        return kept.body(at) if kept is not None and kept.holds(at) else None

    async def written_on(self, submission: Submission, *, plainly: bool = True) -> bytes:
        """Give the report on what somebody sent as JSON, the same as `on`.

        Not `plainly`, where that was tried before.
        """
        if isinstance(submission, CredentialNumber):
            return await self.written_about(str(submission))
        text = submission.text
        if plainly and (told := await self.written_plainly(text)):
            return told
        keyring = await self._keys_and_houses()
        known, examined, rows = await self._known_of(text, keyring, patience=PATIENCE_SECONDS, bind=False)
        at = self._now()
        made = self._write(known, keyring, at)
        jti = examined.says.jti if examined.says else None
        if rows and jti and (place := place_of(rows, jti)) is not None:
            self._learn(known, rows, keyring, at, until=made.until, sent=(place, text))
        return made.body(at)

    async def written_plainly(self, token: str) -> bytes | None:
        """Give the same of an ordinary token of ours in one straight line; None of anything else."""
        keyring = self.keyring
        sealed = opened(token, self._fronts)
        if sealed is None or not OUR_NAME.fullmatch(sealed.jti):
            return None
        try:
            rows = await self._register.by_document(sealed.jti)
        except RegisterUnreachable:
            return None  # whatever is broken in itself can be told all the same, the thorough way
        at = self._now()
        told = self._plainly(rows, keyring, at, sealed)
        return told.body(at) if told else None

    def _plainly(
        self, rows: Sequence[Row], keyring: Keyring, at: datetime, sealed: Sealed | None = None
    ) -> Told | None:
        """Tell of what is as others were in one straight line; None where it is not, or nobody knows yet."""
        if not rows or keyring is not self._keyring:
            return None
        place = place_of(rows, sealed.jti) if sealed else None
        mould = self._moulds.get(key_of(rows, place))
        if mould is None or not mould.pattern.holds(at):
            return None
        row = rows[mould.place]
        sealed = sealed or opened(row[TOKEN], (mould.front,))
        shown = mould.shown(sealed, row) if sealed else None
        return Told(mould, *shown) if sealed and shown and self._holds(sealed, row) else None

    def _holds(self, sealed: Sealed, row: Row) -> bool:
        """Tell whether a seal holds: it was verified when this very document was stored, or it is now."""
        return self._ports.vouching.knows(sealed.digest, row[MAC]) or sealed.is_intact()

    def _learn(
        self,
        known: Known,
        rows: Sequence[Row],
        keyring: Keyring,
        at: datetime,
        *,
        until: datetime,
        standing_for: int = 0,
        sent: tuple[int, str] | None = None,
    ) -> None:
        """Keep of an ordinary document what others of its kind have in common with it."""
        alike = service.alike(known, keyring, at) if keyring is self._keyring else None
        pattern = self._patterns.get(alike) if alike is not None else None
        span = service.alike_if_sealed(known, keyring)
        if pattern is None or span is None or not is_ordinary(rows):
            return
        if sent is None:
            entry = entry_of(rows)
            document = service.standing_for(entry)[standing_for] if entry else None
            place = place_of(rows, document.jti if document else "")
            text = document.token if document else ""
        else:
            place, text = sent
        if place is None:
            return
        lasting = replace(pattern, since=at, until=until)
        mould = mould_of(text, rows, place, keyring, fronts=self._fronts, pattern=lasting, sealed=span)
        if mould is not None:
            if mould.front not in self._fronts:
                self._fronts = (mould.front, *self._fronts)[:MOST_FRONTS]
            self._moulds.keep(key_of(rows, place if sent else None), mould)

    def _write(self, known: Known, keyring: Keyring, at: datetime) -> Written:
        """Write a report: of what is alike, the words are made once."""
        offset = self.clock_offset
        alike = service.alike(known, keyring, at) if keyring is self._keyring else None
        if alike is None or known.shown is None:
            report = service.report(known, keyring, at=at, clock_offset=offset)
            return Written.of(report, until=service.steady_until(known, keyring, at))
        pattern = self._patterns.get(alike)
        if pattern is None or not pattern.holds(at):
            anybody = replace(known, shown=replace(known.shown, number=NUMBER, holder_name=HOLDER))
            report = service.report(anybody, keyring, at=at, clock_offset=offset)
            pattern = Pattern.of(report, until=service.steady_until(known, keyring, at))
            self._patterns.keep(alike, pattern)
        return pattern.showing(known.shown.number, known.shown.holder_name)

    async def _periods(self, name: str, keyring: Keyring) -> tuple[Held, ...]:
        if self._absent.get(name):
            raise CredentialNotFound
        return self._known.get(name) or await self._look_up(name, keyring)

    def _report(self, periods: tuple[Held, ...], keyring: Keyring) -> Report:
        at = self._now()
        return service.report(service.answering(periods, at), keyring, at=at, clock_offset=self.clock_offset)

    def _read_keyring(self) -> Keyring:
        settings = self._ports.settings
        return Keyring.of(
            self._ports.signer,
            settings.public_url,
            anchors=self._anchors,
            trusted=settings.trusted_issuers,
            stamp_anchors=self._stamp_anchors,
            lists=self._ports.trusted_lists.current() if self._ports.trusted_lists else None,
            dids=self._houses.dids,
        )

    async def _keys_and_houses(self) -> Keyring:
        """Give the keys, and all names of ours, as far as anybody can tell without the register."""
        await self._know_houses()
        return self.keyring

    async def on(self, submission: Submission, *, patience: float = PATIENCE_SECONDS) -> Report:
        """Report on what somebody sent. Its entry is read afresh: a document is not asked about twice.

        `patience` is for what a foreign document points at; what does not come in time is unknown.
        """
        if isinstance(submission, CredentialNumber):
            return await self.about(submission)
        report, _ = await self.on_text(submission.text, patience=patience)
        return report

    async def on_text(
        self, text: str, *, patience: float = PATIENCE_SECONDS, bind: bool = False
    ) -> tuple[Report, Examined]:
        """Report on a document, and say what it proves; with `bind`, also whether its issuer has its key."""
        keyring = await self._keys_and_houses()
        known, examined, _ = await self._known_of(text, keyring, patience=patience, bind=bind)
        at = self._now()
        return service.report(known, keyring, at=at, clock_offset=self.clock_offset), examined

    async def _known_of(
        self, text: str, keyring: Keyring, *, patience: float, bind: bool
    ) -> tuple[Known, Examined, Sequence[Row]]:
        """Examine a document and put it beside the register, or beside what its own issuer says."""
        now, listed, bodies = self._now(), None, None
        rows: Sequence[Row] = ()
        examined = await _examined(text, keyring, now, tokens=bind)
        if examined.foreign and examined.token:
            examined, listed = await self.abroad.look_after(examined, keyring, now, patience=patience)
        elif examined.foreign:
            examined, listed = await self.abroad.look(text, keyring, now, patience=patience, bind=bind)
        jti = examined.says.jti if examined.says else None
        if jti and OUR_NAME.fullmatch(jti) and claims_to_be_ours(examined, keyring):
            rows = await self._register.by_document(jti)
        if examined.code:
            bodies = [each.code for each in await self._register.issuers()]
        known = service.compare(examined, entry_of(rows), keyring, listed=listed, bodies=bodies)
        return known, examined, rows

    def key_set(self, house: House) -> Answer:
        """Give every key that speaks at an address, those that retired included, as a JWK set."""
        return self._of_keys(published.jwks, "application/jwk-set+json", house)

    def did_document(self, house: House) -> Answer:
        """Give the DID document that documents name their keys in."""
        return self._of_keys(published.did_document, "application/json", house)

    def _of_keys(
        self,
        write: Callable[[str, Iterable[PublicKey]], dict[str, JsonValue]],
        media_type: str,
        house: House,
    ) -> Answer:
        keyring = self.keyring
        name = (media_type, house)
        if remembered := self._keys.get(name):
            return remembered
        answer = Answer.made(written(write(house.did, house.keys_of(keyring.published))), media_type)
        self._keys.keep(name, answer)
        return answer

    async def qr_keys(self, house: House) -> Answer:
        """Give the sealed list of QR keys as it had to be at most half a second ago.

        Where it has to be signed anew, that is done in a thread.
        """
        at, told = self._now(), self._sealed.get(house)
        if told is not None and timedelta(0) <= at - told[0] < FRESH:
            return told[1]
        key_list = self._key_lists.setdefault(
            house, KeyList(self._ports.signer, house.address, house.issuer_code, house.hosted)
        )
        unsigned = key_list.unsigned(await self._register.issuers(), at=at)
        token = key_list.known(unsigned)
        if token is None:
            token = await to_thread.run_sync(partial(key_list.sealed, unsigned, at=at))
        answer = Answer.made(token.encode("ascii"), QR_KEYS_TYPE)
        self._sealed[house] = (at, answer)
        return answer

    async def status_list(self, list_id: int, form: str) -> Answer:
        """Give a list as it was last published, or raise `ListNotFound`."""
        await self._catch_up()
        name = f"{list_id}-{form}"
        if remembered := self._lists.get(name):
            return remembered
        seq = self._seq
        token = await self._register.status_list(list_id, form)
        if token is None:
            raise ListNotFound("There is no such status list.")
        answer = Answer.made(token.encode("ascii"), MEDIA_TYPES[form], pack=True)
        if seq == self._seq:
            self._lists.keep(name, answer)
        return answer

    async def lists(self) -> Answer:
        """Name the newest lists: whoever takes all of them along tells nobody which one is meant."""
        await self._catch_up()
        if remembered := self._lists.get(INDEX):
            return remembered
        seq = self._seq
        named = [f"/status/{number}" for number in await self._register.newest_lists()]
        body = json.dumps({"lists": named}, separators=(",", ":")).encode()
        answer = Answer.made(body, "application/json")
        if seq == self._seq:
            self._lists.keep(INDEX, answer)
        return answer

    async def _look_up(self, name: str, keyring: Keyring) -> tuple[Held, ...]:
        seq = self._seq
        return self._held(name, await self._register.by_number(name), keyring, seq)

    def _held(self, name: str, rows: Sequence[Row], keyring: Keyring, seq: int) -> tuple[Held, ...]:
        """Judge what was read of a number while the sequence stood there, and remember it."""
        entry = entry_of(rows)
        periods = service.held(entry, keyring) if entry else ()
        # If a change came by while this was being read, it may be the older state: tell it, do not keep it.
        if seq == self._seq and keyring is self._keyring:
            if periods:
                self._known.keep(name, periods)
            else:
                self._absent.keep(name, value=True)
        if not periods:
            raise CredentialNotFound
        return periods

    async def _freshened(self) -> Keyring:
        """Give the keys once both they and the register's changes are known as they are now."""
        await self._catch_up()
        keyring = self.keyring
        # So long nobody need ask for either.
        read = (self._keys_read_at, self._read_at or self._keys_read_at)
        self._fresh = max(read), min(read) + FRESH
        return keyring

    async def _catch_up(self) -> None:
        """Forget what changed, unless that was done within the last half second."""
        now = self._now()
        if self._is_caught_up(now):
            return
        self._reading = True
        try:
            await self._read_changes(now)
        except RegisterUnreachable:
            if not self._within(OLDEST, now):
                self._forget_all()
                raise
        finally:
            self._reading = False

    def _is_caught_up(self, now: datetime) -> bool:
        return self._within(FRESH, now) or (self._reading and self._within(OLDEST, now))

    def _within(self, age: timedelta, now: datetime) -> bool:
        """Tell whether the sequence was read that short a time ago; a clock set back proves nothing."""
        return self._read_at is not None and timedelta(0) <= now - self._read_at < age

    async def _read_changes(self, now: datetime) -> None:
        changes = await self._register.changes_since(self._seq)
        if changes.subjects is None:
            self._forget_all()
        for subject in changes.subjects or ():
            self._forget(subject)
        if changes.subjects is None or any(each.startswith(ORGANISATION) for each in changes.subjects):
            await self._read_houses()
        self._seq = changes.last
        self._read_at = now

    async def _read_houses(self) -> None:
        """See which hosts are ours. What was judged while it were others is forgotten."""
        hosts = await self._register.hosts()
        if hosts != self._houses.hosts:
            self._houses = Houses(self._ports.settings.public_url, hosts)
            self._keyring = self._read_keyring()
            self._key_lists.clear()
            self._sealed.clear()
            self._forget_all()
        self._houses_read = True

    def _forget(self, subject: str) -> None:
        kind, _, name = subject.partition(":")
        match kind:
            case "credential":
                self._known.forget(name)
                self._absent.forget(name)
                self._written.forget(name)
                self._told.forget(name)
            case "list":
                self._lists.forget(INDEX)
                for form in MEDIA_TYPES:
                    self._lists.forget(f"{name}-{form}")
            case _:
                self._forget_all()

    def _forget_all(self) -> None:
        self._known.forget_all()
        self._absent.forget_all()
        self._written.forget_all()
        self._told.forget_all()
        self._moulds.forget_all()
        self._fronts = ()
        self._patterns.forget_all()
        self._lists.forget_all()
        self._keys.forget_all()


async def _examined(text: str, keyring: Keyring, at: datetime, *, tokens: bool) -> Examined:
    """Examine a document; a sealed one in JSON may be some megabytes, so it takes its turn in a thread.

    Where only `tokens` are asked about, it is none.
    """
    if tokens or not sealed.begins_as_one(text):
        return examine(text, keyring)
    turns = _turns_of_seals.get(None) or CapacityLimiter(SEALS_AT_ONCE)
    _turns_of_seals.set(turns)
    if turns.statistics().tasks_waiting >= SEALS_WAITING:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": RETRY_AFTER})
    return await to_thread.run_sync(partial(sealed.examine_seal, text, keyring, at=at), limiter=turns)


def public_register(url: URL) -> PublicRegister:
    """Open the way of reading that belongs to a database; PostgreSQL's driver loads only where it is used."""
    if url.get_backend_name() == "sqlite":
        return SqliteRegister(url.database or "")
    from app.verification.postgresql import PostgresRegister

    return PostgresRegister(url)
