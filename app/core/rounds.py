"""Whoever asks while a question is under way goes with the next one: one round trip for them all.

A driver's work costs almost the same for one question as for many. Nobody waits for a time: as soon as no
round is under way, one begins with whoever is there once nobody else is just coming.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

AT_ONCE: Final = 64
TURNS: Final = 2  # of the event loop without anybody new, until nobody else is coming
SLOW: Final = 0.25  # seconds; so long one round keeps others waiting, and then they go beside it

Name = TypeVar("Name")
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Name, Told]):
    name: Name
    until: float  # of the loop's own time
    told: asyncio.Future[Told]


@dataclass(slots=True)
class _Queue(Generic[Name, Told]):
    waiting: deque[_Asked[Name, Told]] = field(default_factory=deque)
    going: asyncio.Task[None] | None = None  # the round that others wait for


class Rounds(Generic[Name, Told]):
    """Asks about what is named at the same moment in one go; each event loop for itself.

    `ask` is told the names, and for how many seconds it may wait before it asks; it tells of each, in order.
    """

    def __init__(
        self, ask: Callable[[Sequence[Name], float], Awaitable[Sequence[Told]]], *, wait: float
    ) -> None:
        self._ask = ask
        self._wait = wait
        self._queues = WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[Name, Told]]()

    async def about(self, name: Name) -> Told:
        """Ask about one; fails as its round fails, and with `TimeoutError` where none began in time."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Told] = loop.create_future()
        queue = self._queues.get(loop) or self._queues.setdefault(loop, _Queue())
        queue.waiting.append(_Asked(name, loop.time() + self._wait, told))
        if queue.going is None:
            self._begin(queue, loop)
        return await told

    def _begin(self, queue: _Queue[Name, Told], loop: asyncio.AbstractEventLoop) -> None:
        going = queue.going = loop.create_task(self._round(queue, loop))

        def give_way(_: object = None) -> None:
            slow.cancel()
            if queue.going is going:
                queue.going = None
                if queue.waiting:
                    self._begin(queue, loop)

        slow = loop.call_later(SLOW, give_way)
        going.add_done_callback(give_way)

    async def _round(self, queue: _Queue[Name, Told], loop: asyncio.AbstractEventLoop) -> None:
        """Ask for those who wait; whatever it comes to, each of them hears of it."""
        taken: list[_Asked[Name, Told]] = []
        try:
            await _all_come(queue.waiting)
            taken += _take(queue.waiting, loop.time())
            if not taken:
                return
            found = await self._ask([each.name for each in taken], taken[0].until - loop.time())
            told = [*zip(taken, found, strict=True)]  # all of it, before anybody hears of any
        except Exception as broken:  # noqa: BLE001 - whoever asked hears of it
            _fail(taken, broken)
        except BaseException as stopped:  # and with it the loop: no other round will begin
            _fail([*taken, *queue.waiting], stopped)
            queue.waiting.clear()
            raise
        else:
            for each, its in told:
                if not each.told.done():  # whoever asked is gone
                    each.told.set_result(its)


async def _all_come(waiting: Sized) -> None:
    """Let the event loop take in whoever is at the door: mostly those who were just told ask again."""
    turns, there = 0, len(waiting)
    while turns < TURNS and there < AT_ONCE:
        await asyncio.sleep(0)
        turns = turns + 1 if len(waiting) == there else 0
        there = len(waiting)


def _take(waiting: deque[_Asked[Name, Told]], now: float) -> list[_Asked[Name, Told]]:
    """Take those who wait longest, as many as go in one round; whoever waited too long is sent away."""
    taken: list[_Asked[Name, Told]] = []
    while waiting and len(taken) < AT_ONCE:
        asked = waiting.popleft()
        if asked.until <= now:
            _fail([asked], TimeoutError())
        elif not asked.told.done():
            taken.append(asked)
    return taken


def _fail(asked: Sequence[_Asked[Any, Any]], broken: BaseException) -> None:
    for each in asked:
        if not each.told.done():
            each.told.set_exception(broken)
