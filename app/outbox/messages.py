"""Messages: work left in the transaction that causes it, carried out afterwards, at least once."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Index, String, and_, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core import columns
from app.core.db import EVERY_ORGANISATION, Base, Owned
from app.core.errors import JsonValue
from app.core.ids import new_id

LEASE: Final = timedelta(seconds=60)
LONGEST_WAIT: Final = timedelta(minutes=5)
SELDOM: Final = timedelta(hours=6)


class GivenUp(Exception):
    """The work cannot be done, however often it is tried: it ends here, until somebody asks for it anew.

    Its words are logged, so they name nobody.
    """


class TriedSeldom(Exception):
    """It failed, and each try costs something: the next ones come hours apart."""


class NotYet(Exception):
    """Something else has to be done first: it is tried again, and nothing is wrong."""


class Message(Owned, Base):
    """A piece of work that somebody must do. Its body holds identifiers only.

    `created_at` is when it was left, or put back: by the clock that also said when it is due.
    """

    __tablename__ = "message"
    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    topic: Mapped[str] = mapped_column(String(80))
    body: Mapped[dict[str, JsonValue]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(200))


Index(
    "ix_message_waiting",
    Message.due_at,
    sqlite_where=Message.done_at.is_(None),
    postgresql_where=Message.done_at.is_(None),
)


_MESSAGE: Final = columns.table(Message)
_WITHDRAWN: Final = (
    update(_MESSAGE)
    .where(
        columns.inside(_MESSAGE),
        columns.among(_MESSAGE.c.id, "names"),
        _MESSAGE.c.done_at.is_(None),
        _MESSAGE.c.lease_owner.is_(None),
    )
    .values(done_at=bindparam("now"))
)


def leave(
    session: Session,
    topic: str,
    body: dict[str, JsonValue],
    *,
    organisation_id: str,
    at: datetime,
    due_at: datetime | None = None,
    name: str | None = None,
) -> str:
    """Leave work to be done once this transaction has committed; return the message's id.

    A `name` is the id of work that there is only once.
    """
    message = Message(
        id=name or new_id("msg"),
        organisation_id=organisation_id,
        topic=topic,
        body=body,
        created_at=at,
        due_at=due_at or at,
    )
    session.add(message)
    return message.id


def leave_all(
    session: Session,
    topic: str,
    bodies: Mapping[str, dict[str, JsonValue]],
    *,
    at: datetime,
    due_at: datetime,
) -> None:
    """Leave work to be done, piece by piece, each under the name of what there is only once."""
    rows = [
        {"id": name, "topic": topic, "body": body, "created_at": at, "due_at": due_at, "attempts": 0}
        for name, body in bodies.items()
    ]
    columns.write(session, Message, rows)


def withdraw(session: Session, names: Collection[str], *, at: datetime) -> None:
    """Mark as done what was done in this transaction, unless a worker has it in hand and will find it so."""
    columns.run(session, _WITHDRAWN, names=names, now=at)


def ask_again(session: Session, names: Collection[str], *, at: datetime) -> None:
    """Have work done now that was done or given up before, or that waits for its next try."""
    session.execute(
        update(Message)
        .where(Message.id.in_(names), Message.lease_owner.is_(None))
        .values(done_at=None, created_at=at, due_at=at, attempts=0, last_error=None),
        execution_options={**EVERY_ORGANISATION, "synchronize_session": False},
    )


def claim(
    session: Session, owner: str, *, topics: Collection[str], at: datetime, limit: int
) -> list[Message]:
    """Take messages of these topics that are due, under a lease that only `owner` holds until it runs out.

    No lease is twice as long as the longest, and nothing was left or put back at a time that is still to
    come, unless the clock stood ahead: such a wait ends once it is right, for nobody waits for a day that
    was a mistake.
    """
    ahead = at + 2 * LEASE  # no two machines' clocks are so far apart
    free = or_(Message.lease_until.is_(None), Message.lease_until < at, Message.lease_until > ahead)
    mistaken = and_(Message.created_at > ahead, Message.due_at > ahead)
    for waiting in (Message.due_at <= at, mistaken):
        due = (
            select(Message.id)
            .where(Message.done_at.is_(None), waiting, Message.topic.in_(topics), free)
            .order_by(Message.due_at, Message.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = session.scalars(due, execution_options=EVERY_ORGANISATION).all()
        if ids:
            break
    else:
        return []
    session.execute(
        update(Message)
        .where(Message.id.in_(ids))
        .values(lease_owner=owner, lease_until=at + LEASE, attempts=Message.attempts + 1),
        execution_options={**EVERY_ORGANISATION, "synchronize_session": False},
    )
    mine = select(Message).where(Message.id.in_(ids)).order_by(Message.due_at, Message.id)
    return list(session.scalars(mine, execution_options=EVERY_ORGANISATION))


def finish(session: Session, message: Message, owner: str, *, at: datetime) -> bool:
    """Mark a message as done, unless the lease was lost to somebody else meanwhile."""
    return _settle(session, message, owner, done_at=at, last_error=None)


def give_up(session: Session, message: Message, owner: str, error: GivenUp, *, at: datetime) -> bool:
    """Mark a message as one that is not tried any more, and keep the kind of error."""
    return _settle(session, message, owner, done_at=at, last_error=type(error).__name__)


def come_again(session: Session, message: Message, owner: str, *, at: datetime, due_at: datetime) -> bool:
    """Leave the same work anew, for later: what had to be done until now is done."""
    return _settle(session, message, owner, created_at=at, due_at=due_at, attempts=0, last_error=None)


def put_back(session: Session, message: Message, owner: str, error: Exception, *, at: datetime) -> bool:
    """Give a message back to be tried again, later each time, five minutes apart at most.

    What is tried seldom waits up to six hours. Only the kind of error is kept: its words could name a person.
    """
    longest = SELDOM if isinstance(error, TriedSeldom) else LONGEST_WAIT
    wait = min(timedelta(seconds=2 ** min(message.attempts, 15)), longest)
    return _settle(session, message, owner, created_at=at, due_at=at + wait, last_error=type(error).__name__)


def _settle(session: Session, message: Message, owner: str, **values: object) -> bool:
    settled = session.execute(
        update(Message)
        .where(Message.id == message.id, Message.lease_owner == owner, Message.done_at.is_(None))
        .values(lease_owner=None, lease_until=None, **values)
        .returning(Message.id),
        execution_options={**EVERY_ORGANISATION, "synchronize_session": False},
    )
    return settled.first() is not None
