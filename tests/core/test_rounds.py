"""What is asked at the same moment is asked in one go, and nobody's going or failing is another's."""

import asyncio
from collections.abc import Sequence

import pytest

from app.core.rounds import AT_ONCE, Rounds

Asking = list[Sequence[str]]


def test_whoever_comes_while_a_round_is_under_way_goes_with_the_next() -> None:
    async def everybody() -> tuple[Asking, list[str]]:
        asked: Asking = []
        later: list[asyncio.Task[str]] = []

        async def ask(names: Sequence[str], _: float) -> Sequence[str]:
            asked.append(names)
            if len(asked) == 1:
                later.extend(asyncio.create_task(rounds.about(name)) for name in "cd")
                await asyncio.sleep(0)
            return [name.upper() for name in names]

        rounds = Rounds(ask, wait=1)
        told = await asyncio.gather(*map(rounds.about, "ab"))
        return asked, [*told, *await asyncio.gather(*later)]

    assert asyncio.run(everybody()) == ([["a", "b"], ["c", "d"]], ["A", "B", "C", "D"])


def test_a_round_has_room_for_so_many_and_the_others_go_with_the_next() -> None:
    asked: list[int] = []

    async def ask(names: Sequence[str], _: float) -> Sequence[str]:
        asked.append(len(names))
        return names

    async def everybody() -> list[str]:
        rounds = Rounds(ask, wait=1)
        return await asyncio.gather(*(rounds.about(str(place)) for place in range(AT_ONCE + 3)))

    assert asyncio.run(everybody()) == [str(place) for place in range(AT_ONCE + 3)]
    assert asked == [AT_ONCE, 3]


def test_a_round_that_hangs_keeps_others_waiting_for_a_moment_only() -> None:
    async def everybody() -> str:
        held = asyncio.Event()

        async def ask(names: Sequence[str], _: float) -> Sequence[str]:
            if "hangs" in names:
                await held.wait()
            return names

        rounds = Rounds(ask, wait=1)
        hanging = asyncio.create_task(rounds.about("hangs"))
        for _ in range(10):
            await asyncio.sleep(0)
        told = await rounds.about("other")
        assert not hanging.done()
        held.set()
        assert await hanging == "hangs"
        return told

    assert asyncio.run(everybody()) == "other"


def test_whoever_waited_too_long_is_sent_away() -> None:
    async def ask(names: Sequence[str], _: float) -> Sequence[str]:
        return names

    with pytest.raises(TimeoutError):
        asyncio.run(Rounds(ask, wait=0).about("a"))


def test_a_round_that_breaks_breaks_for_all_who_were_in_it_and_for_nobody_else() -> None:
    async def ask(names: Sequence[str], _: float) -> Sequence[str]:
        if "a" in names:
            raise OSError
        return names

    async def everybody() -> list[str | BaseException]:
        rounds = Rounds(ask, wait=1)
        told = await asyncio.gather(*map(rounds.about, "ab"), return_exceptions=True)
        return [*told, await rounds.about("c")]

    first, second, third = asyncio.run(everybody())
    assert (type(first), type(second), third) == (OSError, OSError, "c")


def test_a_loop_that_ends_in_the_middle_of_a_round_leaves_nobody_waiting() -> None:
    async def ask(names: Sequence[str], _: float) -> Sequence[str]:
        await asyncio.Event().wait()
        return names

    left: list[asyncio.Task[str]] = []

    async def everybody() -> None:
        rounds = Rounds(ask, wait=1)
        left.extend(asyncio.create_task(rounds.about(name)) for name in "ab")
        for _ in range(10):
            await asyncio.sleep(0)
        left.append(asyncio.create_task(rounds.about("c")))
        await asyncio.sleep(0)

    asyncio.run(everybody())
    assert [each.cancelled() for each in left] == [True, True, True]
