"""One sequence of changes that can alter a public answer, so that every process knows what to forget."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import String, bindparam, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core import columns
from app.core.db import Base
from app.outbox.trail import Key

COUNTER: Final = 1


class ChangeCounter(Base):
    """The last number given out. Its row lock makes numbers become visible in their order."""

    __tablename__ = "change_counter"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(Key)


class Change(Base):
    """Something that the public can see has changed."""

    __tablename__ = "change"

    seq: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime]


_TAKEN: Final = (
    update(columns.table(ChangeCounter))
    .where(ChangeCounter.id == COUNTER)
    .values(value=ChangeCounter.value + bindparam("count"))
    .returning(ChangeCounter.value)
)


def announce(session: Session, subject: str, *, at: datetime) -> int:
    """Give the change its number, in the transaction that makes it.

    The counter's row stays locked until commit. So whoever sees a number has seen
    every smaller one, and no process can miss a change that commits late.
    """
    seq = session.execute(
        update(ChangeCounter)
        .where(ChangeCounter.id == COUNTER)
        .values(value=ChangeCounter.value + 1)
        .returning(ChangeCounter.value),
        execution_options={"synchronize_session": False},
    ).scalar_one()
    session.add(Change(seq=seq, subject=subject, at=at))
    return seq


def announce_all(session: Session, subjects: Sequence[str], *, at: datetime) -> None:
    """Give each of these changes its number, in this order, as `announce` does for one."""
    if not subjects:
        return
    session.flush()
    last = session.connection().execute(_TAKEN, {"count": len(subjects)}).scalar_one()
    first = last - len(subjects) + 1
    rows = [{"seq": seq, "subject": subject, "at": at} for seq, subject in enumerate(subjects, start=first)]
    columns.write(session, Change, rows)


def last(session: Session) -> int:
    """Tell the last number given out."""
    return session.scalars(select(ChangeCounter.value)).one()


def since(session: Session, seq: int) -> list[Change]:
    """List what changed after `seq`, oldest first."""
    return list(session.scalars(select(Change).where(Change.seq > seq).order_by(Change.seq)))
