"""Checks that many wait for, done together in a thread."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import current_thread

import pytest

from app.verification.aside import Aside


def within(asked: Callable[[Aside], Awaitable[object]]) -> object:
    async def run() -> object:
        aside = Aside()
        try:
            return await asked(aside)
        finally:
            aside.close()

    return asyncio.run(run())


def test_everybody_hears_the_outcome_of_the_own_check() -> None:
    async def asked(aside: Aside) -> object:
        return await asyncio.gather(*[aside.holds(lambda n=n: n % 3 == 0) for n in range(9)])  # type: ignore[misc]

    assert within(asked) == [n % 3 == 0 for n in range(9)]


def test_several_are_checked_in_a_thread_and_one_alone_where_it_was_asked() -> None:
    seen: list[str] = []

    def check() -> bool:
        seen.append(current_thread().name)
        return True

    async def asked(aside: Aside) -> object:
        await aside.holds(check)
        await asyncio.gather(aside.holds(check), aside.holds(check))
        return seen

    assert within(asked) == [current_thread().name, "signatures", "signatures"]


def test_what_a_check_raises_is_raised_to_whoever_waits_for_it_and_to_nobody_else() -> None:
    def fails() -> bool:
        raise ZeroDivisionError

    async def asked(aside: Aside) -> object:
        given = aside.holds(fails), aside.holds(lambda: True)
        return await asyncio.gather(*given, return_exceptions=True)

    outcomes = within(asked)
    assert isinstance(outcomes, list)
    failed, held = outcomes
    assert (type(failed), held) == (ZeroDivisionError, True)


def test_whoever_stops_waiting_keeps_nobody_from_the_answer() -> None:
    async def asked(aside: Aside) -> object:
        gone, stays = aside.holds(lambda: True), aside.holds(lambda: True)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert within(asked) is True
