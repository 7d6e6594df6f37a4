"""Keys that make it safe to send again: the first request has the effect, the others get its answer."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import LargeBinary, String, UniqueConstraint, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.db import EVERY_ORGANISATION, PATIENCE_MS, Base, Database, Owned
from app.organisations.errors import KeyInFlight, KeyReused
from app.outbox.trail import Key
from app.ports import Clock

KEPT: Final = timedelta(hours=24)
RIVAL_WAITS_MS: Final = 2000
SWEPT_AT_ONCE: Final = 500
SWEEP_EVERY: Final = timedelta(minutes=10)
_LOCKED: Final = "55P03"  # lock_not_available (PostgreSQL, Appendix A)


class IdempotencyKey(Owned, Base):
    """A request that was sent with a key: what it asked for, and what it was answered."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))  # who asked, on which route, with which key: a digest
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(index=True)
    # Of an effect with two transactions: what the first one began, for whoever has to go on.
    begun: Mapped[dict[str, str] | None]
    status: Mapped[int | None]
    headers: Mapped[dict[str, str] | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as it was given the first time, without what may be shown only once."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Replayed(Exception):
    """The request was carried out before; this is what it was answered."""

    def __init__(self, stored: Stored) -> None:
        super().__init__("The request was carried out before.")
        self.stored = stored


def digest_of(*parts: bytes) -> str:
    """Digest parts so that no two lists of them look alike."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


@dataclass(slots=True)
class Once:
    """One request and its key, if it has one: without, every step here does nothing.

    `claim` comes first in the transaction of the effect, so a rival waits on the unique index, and `keep`
    last: either both are there with the effect, or none. Where the effect has two transactions, `begin`
    writes down in the first what the second is to finish.
    """

    organisation_id: str = ""
    name: str | None = None
    fingerprint: str = ""
    at: datetime | None = None
    shown: Callable[[Session, Any], Stored] | None = field(default=None)
    kept: Stored | None = None
    _row: int | None = None

    def shown_as(self, shown: Callable[[Session, Any], Stored]) -> Self:
        """Say how what is made here is written as an answer, for a use case that commits by itself."""
        self.shown = shown
        return self

    def look(self, session: Session) -> None:
        """Raise the answer that was given before, if there is one; begin nothing."""
        if self.name is not None and (found := self._found(session)) and not self._is_over(found):
            self._judge(found)

    def claim(self, session: Session) -> dict[str, str] | None:
        """Take the key for this transaction; give what an earlier attempt began and did not finish.

        Whoever holds the key is waited for, at most two seconds: then `KeyInFlight`; on SQLite, where any
        writer may be who is waited for, the database's own error. If it was answered already, `Replayed` is
        raised; if it was sent with something else, `KeyReused`.
        """
        if self.name is None:
            return None
        try:
            _wait_briefly(session)
            while (row := self._insert(session)) is None:
                found = self._found(session)
                if found is None:
                    continue  # swept meanwhile
                if not self._is_over(found):
                    self._judge(found)
                    _wait_as_ever(session)
                    self._row = found.id
                    return found.begun
                session.execute(_by_id(found.id))
        except OperationalError as error:
            # SQLite has one lock for everybody: who holds it, and with which key, is not to be known.
            if getattr(error.orig, "sqlstate", None) == _LOCKED:
                raise KeyInFlight("Another request with this key is being carried out.") from None
            raise
        _wait_as_ever(session)
        self._row = row
        return None

    def begin(self, session: Session, **names: str) -> dict[str, str]:
        """Write down what this transaction began, so that the same key finishes just that."""
        if self._row is not None:
            session.execute(
                update(IdempotencyKey).where(IdempotencyKey.id == self._row).values(begun=names),
                execution_options={"synchronize_session": False},
            )
        return names

    def let_go(self, session: Session) -> None:
        """Free the key in the transaction that took it: what was asked for was refused, others were not."""
        if self._row is not None:
            session.execute(_by_id(self._row))
            self._row = None

    def keep(self, session: Session, made: object) -> None:
        """Store the answer about what was made, in the transaction that made it."""
        if self._row is not None and self.shown is not None and self.kept is None:
            self.store(session, self.shown(session, made))

    def store(self, session: Session, answer: Stored) -> None:
        """Store an answer; if somebody else finished the same meanwhile, theirs is raised."""
        if self._row is None:
            return
        stored = session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.id == self._row, IdempotencyKey.status.is_(None))
            .values(status=answer.status, headers=dict(answer.headers), body=answer.body)
            .returning(IdempotencyKey.id),
            execution_options={"synchronize_session": False},
        ).first()
        if stored is None:
            self.look(session)
        self.kept = answer

    def undo(self) -> None:
        """Forget the answer that was stored in a transaction that vanished."""
        self.kept = None

    def settle(self, database: Database, made: object) -> None:
        """Store the answer in a transaction of its own, where the effect can be had once by itself."""
        if self.name is None or self.kept is not None:
            return
        with database.writing(self.organisation_id) as session:
            self.claim(session)
            self.keep(session, made)

    def _insert(self, session: Session) -> int | None:
        insert = postgresql.insert if _is_postgresql(session) else sqlite.insert
        statement = (
            insert(IdempotencyKey)
            .values(
                organisation_id=self.organisation_id,
                name=self.name,
                fingerprint=self.fingerprint,
                created_at=self.at,
            )
            .on_conflict_do_nothing(index_elements=["organisation_id", "name"])
            .returning(IdempotencyKey.id)
        )
        return session.execute(statement).scalar_one_or_none()

    def _found(self, session: Session) -> IdempotencyKey | None:
        return session.scalars(
            select(IdempotencyKey)
            .where(IdempotencyKey.name == self.name)
            .execution_options(populate_existing=True)
        ).first()

    def _is_over(self, found: IdempotencyKey) -> bool:
        return self.at is not None and found.created_at + KEPT <= self.at

    def _judge(self, found: IdempotencyKey) -> None:
        if found.fingerprint != self.fingerprint:
            raise KeyReused("This key was sent before with another request. Draw a new one for this.")
        if found.status is not None:
            raise Replayed(Stored(found.status, found.headers or {}, found.body or b""))


ANEW: Final = Once()  # of whoever sends no key: nothing is claimed, nothing kept


def duty(database: Database, clock: Clock) -> Callable[[], int]:
    """Give the duty that forgets keys after a day, a few at a time; it looks every ten minutes."""
    last: datetime | None = None

    def sweep() -> int:
        nonlocal last
        now = clock.now()
        if last is not None and last <= now < last + SWEEP_EVERY:
            return 0
        swept = forget(database, at=now)
        if swept < SWEPT_AT_ONCE:
            last = now
        return swept

    return sweep


def forget(database: Database, *, at: datetime) -> int:
    """Forget keys that are a day old; return how many."""
    aged = (
        select(IdempotencyKey.organisation_id, IdempotencyKey.id)
        .where(IdempotencyKey.created_at <= at - KEPT)
        .order_by(IdempotencyKey.id)
        .limit(SWEPT_AT_ONCE)
    )
    old = [
        row
        for session in database.everywhere()
        for row in session.execute(aged, execution_options=EVERY_ORGANISATION)
    ]
    by_owner: dict[str, list[int]] = {}
    for organisation_id, row in old:
        by_owner.setdefault(organisation_id, []).append(row)
    for organisation_id, rows in by_owner.items():
        with database.writing(organisation_id) as session:
            session.execute(_by_id(*rows))
    return len(old)


def _by_id(*rows: int) -> Any:
    return (
        delete(IdempotencyKey).where(IdempotencyKey.id.in_(rows)).execution_options(synchronize_session=False)
    )


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _wait_briefly(session: Session) -> None:
    """Bound the wait for a rival: on SQLite that for the one lock there is, before anything else."""
    if _is_postgresql(session):
        session.execute(select(func.set_config("lock_timeout", str(RIVAL_WAITS_MS), True)))
    elif session.info.get(PATIENCE_MS) is None:  # several requests may share a transaction
        session.info[PATIENCE_MS] = RIVAL_WAITS_MS
        session.connection(execution_options={PATIENCE_MS: RIVAL_WAITS_MS})


def _wait_as_ever(session: Session) -> None:
    if _is_postgresql(session):
        session.execute(select(func.set_config("lock_timeout", "0", True)))
