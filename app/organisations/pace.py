"""How fast one caller may ask, which every answer says: counted in this process, or in the database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from threading import Lock
from typing import Final

from sqlalchemy import Double, String, case, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Database, Owned
from app.core.errors import Hurried
from app.core.pace import Count, Rate
from app.organisations.rules import Actor
from app.settings import Settings

_SLACK: Final = 0.001  # what adding up fractions may come to
Headers = tuple[tuple[bytes, bytes], ...]


class ActorPace(Owned, Base):
    """When the next request of somebody is due, where several processes count together."""

    __tablename__ = "actor_pace"

    actor_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    due: Mapped[float] = mapped_column(Double)


@dataclass(slots=True)
class ActorsPace:
    """Counts requests by person and by program; a quota of the organisation's own goes before the setting."""

    database: Database
    settings: Settings
    _counts: dict[int, Count] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_at_hand(self) -> bool:
        """Tell whether counting waits for nothing."""
        return self.settings.count_requests_in == "memory"

    def require(
        self, actor: Actor, quota: int | None, *, at: datetime, said: Callable[[Headers], None]
    ) -> None:
        """Count a request, or raise `Hurried`; either way, say how many are left.

        To be called with no transaction open: counting in the database takes one of its own.
        """
        per_minute = quota or self.settings.requests_per_minute
        rate = Rate(per_minute, at_once=per_minute)
        now = at.timestamp()
        counted = self._in_memory if self.is_at_hand else self._in_database
        due, early = counted(actor, rate, now)
        said(_headers(rate, due, now))
        if early > 0:
            wait = ceil(early)
            hurried = Hurried(f"At most {per_minute} requests a minute are taken from one caller.")
            hurried.retry_after = wait
            raise hurried

    def _in_memory(self, actor: Actor, rate: Rate, now: float) -> tuple[float, float]:
        with self._lock:
            count = self._counts.get(rate.per_minute)
            if count is None:
                count = self._counts[rate.per_minute] = Count(rate.per_minute, at_once=rate.per_minute)
            if _is_astray(count.due(actor.id, now), rate, now):
                count.forget(actor.id)
            early = count.early(actor.id, now)
            if early <= 0:
                count.add(actor.id, now, 1)
            return count.due(actor.id, now), early

    def _in_database(self, actor: Actor, rate: Rate, now: float) -> tuple[float, float]:
        postgres = self.database.engine.dialect.name == "postgresql"
        insert = (postgresql.insert if postgres else sqlite.insert)(ActorPace)
        furthest = now + rate.ahead + rate.interval + _SLACK
        so_far = case((ActorPace.due.between(now, furthest), ActorPace.due), else_=now)
        statement = (
            insert.values(actor_id=actor.id, organisation_id=actor.organisation_id, due=now + rate.interval)
            .on_conflict_do_update(
                index_elements=["actor_id"],
                set_={"due": so_far + rate.interval},
                where=or_(ActorPace.due <= now + rate.ahead, ActorPace.due > furthest),
            )
            .returning(ActorPace.due)
        )
        with self.database.writing(actor.organisation_id) as session:
            if postgres:  # a count that a crash forgets harms nobody: nothing waits for the disk
                session.execute(select(func.set_config("synchronous_commit", "off", True)))
            due = session.execute(statement).scalar_one_or_none()
            if due is not None:
                return due, 0.0
            due = session.scalars(select(ActorPace.due).where(ActorPace.actor_id == actor.id)).one()
            return due, max(due - rate.ahead - now, 0.001)


def _is_astray(due: float, rate: Rate, now: float) -> bool:
    """Tell what counting never comes to: the clock was set back since, and nobody waits for that."""
    return due > now + rate.ahead + rate.interval + _SLACK


def _headers(rate: Rate, due: float, now: float) -> Headers:
    """Write what draft-ietf-httpapi-ratelimit-headers calls for: the policy, and what is left of it."""
    policy = f'"caller";q={rate.per_minute};w=60'
    left = f'"caller";r={rate.left(due, now)};t={rate.whole_in(due, now)}'
    return ((b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode()))
