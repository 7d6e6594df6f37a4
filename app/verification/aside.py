"""Signatures that several requests wait for are checked together in a thread, beside the loop that answers.

The arithmetic of a signature needs no interpreter, so it can run on another core. To hand one over costs
half of what it takes; to hand over all that came in one turn of the loop costs no more than that.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

Check = Callable[[], bool]
Asked = tuple[Check, "asyncio.Future[bool]"]


class Aside:
    """Checks for the loop in which it was made, until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Asked] = []
        self._handed: SimpleQueue[Sequence[Asked] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="signatures", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._handed.put(None)
        self._thread.join()

    @property
    def is_here(self) -> bool:
        """Tell whether whoever asks is in the loop that this is for."""
        return asyncio.get_running_loop() is self._loop

    def holds(self, check: Check) -> "asyncio.Future[bool]":
        """Promise the outcome of a check; whatever it raises is raised to whoever waits."""
        if not self._waiting:
            self._loop.call_soon(self._hand_over)
        promised = self._loop.create_future()
        self._waiting.append((check, promised))
        return promised

    def _hand_over(self) -> None:
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            _settle(_outcomes(waiting))  # at once, for whoever comes alone
        else:
            self._handed.put(waiting)

    def _run(self) -> None:
        for waiting in iter(self._handed.get, None):
            outcomes = _outcomes(waiting)
            with suppress(RuntimeError):  # the loop is gone, and whoever waited with it
                self._loop.call_soon_threadsafe(_settle, outcomes)


def _outcomes(waiting: Sequence[Asked]) -> list[tuple["asyncio.Future[bool]", bool | Exception]]:
    return [(promised, _outcome(check)) for check, promised in waiting]


def _outcome(check: Check) -> bool | Exception:
    try:
        return check()
    except Exception as failed:  # noqa: BLE001 - handed on as it is
        return failed


def _settle(outcomes: Sequence[tuple["asyncio.Future[bool]", bool | Exception]]) -> None:
    for promised, outcome in outcomes:
        if promised.done():
            continue  # whoever waited was told to stop
        if isinstance(outcome, Exception):
            promised.set_exception(outcome)
        else:
            promised.set_result(outcome)
