"""Whoever asks for a credential while another is being issued goes with the next ones: one run for them all.

A commit waits for the disk, and most statements cost the same for one as for many. Nobody waits for a time:
a run begins once nobody else is just coming, and takes what is there.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from app.core.db import Database
from app.credentials import issuing
from app.credentials.issuing import Issued
from app.organisations.idempotency import Once
from app.organisations.rules import Actor
from app.ports import Ports

AT_ONCE: Final = 32  # so few that a slow signer keeps nobody waiting for long
TURNS: Final = 4  # of the event loop without anybody new, until nobody else is coming


@dataclass(frozen=True, slots=True)
class _Asked:
    decision_id: str
    by: Actor
    at: datetime
    once: Once
    outcome: asyncio.Future[Issued]


@dataclass(slots=True)
class _Queue:
    waiting: deque[_Asked] = field(default_factory=deque)
    going: asyncio.Task[None] | None = None


class Gathering:
    """Issues what is asked for at the same time together; a process has one, and one thread for it."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._queues = WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue]()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="issuing")

    async def issue(self, decision_id: str, *, by: Actor, at: datetime, once: Once) -> Issued:
        """Issue the credential of a decision, as `issuing.issue` does, with what others ask for meanwhile."""
        loop = asyncio.get_running_loop()
        asked = _Asked(decision_id, by, at, once, loop.create_future())
        queue = self._queues.setdefault(loop, _Queue())
        queue.waiting.append(asked)
        if queue.going is None:
            queue.going = loop.create_task(self._carry_on(queue))
        return await asked.outcome

    async def _carry_on(self, queue: _Queue) -> None:
        """Make one run after another until nobody waits; nobody is left waiting, whatever ends it."""
        try:
            while queue.waiting:
                await _all_come(queue.waiting, self._ports.database)
                taken = [each for each in _take(queue.waiting) if not each.outcome.cancelled()]
                if taken:
                    await self._carry_out(taken)
        except BaseException as broken:
            left = [*queue.waiting]
            queue.waiting.clear()
            _tell_all(left, broken)
            raise
        finally:
            queue.going = None

    async def _carry_out(self, taken: Sequence[_Asked]) -> None:
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(self._writer, self._issue, taken)
            told = [*zip(taken, outcomes, strict=True)]  # all of it, before anybody hears of any
        except asyncio.CancelledError as stopped:
            _tell_all(taken, stopped)
            raise
        except BaseException as broken:  # noqa: BLE001 - whoever asked hears of it
            _tell_all(taken, broken)
        else:
            for each, outcome in told:
                _tell(each, outcome)

    def _issue(self, taken: Sequence[_Asked]) -> Sequence[Issued | Exception]:
        return issuing.issue_together(
            self._ports,
            [(each.decision_id, each.once) for each in taken],
            by=taken[0].by,
            at=max(each.at for each in taken),
        )


async def _all_come(waiting: deque[_Asked], database: Database) -> None:
    """Let the event loop take in whoever is at the door, and whoever the database is being asked about.

    Those who were just answered mostly ask again at once. Without this they would just miss the next run, and
    make up every other one: twice as many, each half as large.
    """
    before = -1
    while before < len(waiting) < AT_ONCE:
        before = len(waiting)
        await _turns(waiting)
        if await database.all_told():
            await _turns(waiting)


async def _turns(waiting: deque[_Asked]) -> None:
    """Let the event loop go round until nobody new comes."""
    turns, there = 0, len(waiting)
    while turns < TURNS and there < AT_ONCE:
        await asyncio.sleep(0)
        turns = turns + 1 if len(waiting) == there else 0
        there = len(waiting)


def _take(waiting: deque[_Asked]) -> list[_Asked]:
    """Take what waits longest, and what the same caller asks for besides: a transaction is of one."""
    taken: list[_Asked] = []
    others: list[_Asked] = []
    while waiting and len(taken) < AT_ONCE:
        asked = waiting.popleft()
        (taken if not taken or _whose(asked) == _whose(taken[0]) else others).append(asked)
    waiting.extendleft(reversed(others))
    return taken


def _whose(asked: _Asked) -> tuple[str, str]:
    return asked.by.organisation_id, asked.by.id


def _tell_all(asked: Sequence[_Asked], broken: BaseException) -> None:
    for each in asked:
        _tell(each, broken)


def _tell(asked: _Asked, outcome: Issued | BaseException) -> None:
    if asked.outcome.cancelled():
        return  # whoever asked is gone; it was issued all the same
    if isinstance(outcome, BaseException):
        asked.outcome.set_exception(outcome)
    else:
        asked.outcome.set_result(outcome)
