"""Finding days and room in their categories for as many hours as possible."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple


@dataclass(slots=True)
class Wish:
    """What an activity wants, on which days, and in which group if that takes only so much."""

    first: int
    last: int
    want: int
    group: str | None
    got: int = 0


class _Link(NamedTuple):
    """One asks another for room: for theirs on a day, or to take one's place in the group they share."""

    asks: int
    asked: int
    day: int | None


class Places:
    """The room there is: so much on each day, and so much in each group.

    Whoever finds their days full asks others to move to further days of theirs, or to leave their share to
    somebody of their group whose days have room: these are augmenting paths, and they make the flow as large
    as it can be. Whatever a search could not get beyond stays stuck for good, so no search goes there again.
    """

    __slots__ = ("_closed", "_full", "_of_group", "_on", "_room", "_stuck", "_taken", "left", "wishes")

    def __init__(self, room: int | None, most: Mapping[str, int], wishes: list[Wish]) -> None:
        self._room = room
        self.left = dict(most)
        self.wishes = wishes
        self._of_group: dict[str | None, list[int]] = {}
        for number, wish in enumerate(wishes):
            self._of_group.setdefault(wish.group, []).append(number)
        self._taken: dict[int, int] = {}
        self._on: dict[int, dict[int, int]] = {}  # who has how much of a day
        self._full: dict[int, int] = {}  # from a full day to a later one that may have room
        self._closed: dict[int, int] = {}  # likewise from a day that no search gets beyond
        self._stuck: set[int] = set()  # who can ask nobody any more

    def grant(self, number: int, up_to: int) -> None:
        """Give somebody as much of their wish as there is room for."""
        wish = self.wishes[number]
        wanted = up_to - wish.got
        if wish.group is not None:
            wanted = min(wanted, self.left[wish.group])
        if wanted <= 0 or number in self._stuck:
            return
        given = wanted if self._room is None else self._settle(number, wanted)
        wish.got += given
        while given < wanted and self._room and (links := self._way(number)):
            given += self._follow(links, wanted - given)
        if wish.group is not None:
            self.left[wish.group] -= given

    def _settle(self, who: int, wanted: int) -> int:
        """Take the earliest of one's days that have room; nobody has to move for that."""
        wish, given = self.wishes[who], 0
        while self._room and given < wanted and (day := _past(self._full, wish.first)) <= wish.last:
            given += self._put(who, day, wanted - given)
        return given

    def _put(self, who: int, day: int, wanted: int) -> int:
        """Take as much of a day with room as is wanted and there."""
        taken, room = self._taken.get(day, 0), self._room or 0
        given = min(wanted, room - taken)
        self._taken[day] = taken + given
        self._move(day, who, given)
        if taken + given == room:
            self._full[day] = day + 1
        return given

    def _way(self, start: int) -> list[_Link] | None:
        """Find the shortest way to a day with room, from somebody whose own days have none."""
        came: dict[int, _Link | None] = {start: None}
        asked_days = dict(self._closed)
        asked_groups: set[str | None] = {None}
        for who in (queue := [start]):
            wish = self.wishes[who]
            for asked, day in chain(
                self._holders(wish, asked_days), self._others_of_its_group(wish, asked_groups)
            ):
                if asked in came or asked in self._stuck:
                    continue
                came[asked] = _Link(who, asked, day)
                if self._has_room(asked):
                    return _traced(came, asked)
                queue.append(asked)
        self._stuck.update(came)
        self._closed = asked_days
        return None

    def _has_room(self, who: int) -> bool:
        wish = self.wishes[who]
        return _past(self._full, wish.first) <= wish.last

    def _holders(self, wish: Wish, asked: dict[int, int]) -> Iterator[tuple[int, int]]:
        """Name those who hold a part of somebody's days, and the day; no day is asked a second time."""
        while (day := _past(asked, wish.first)) <= wish.last:
            asked[day] = day + 1
            for holder in self._on[day]:
                yield holder, day

    def _others_of_its_group(self, wish: Wish, asked: set[str | None]) -> Iterator[tuple[int, None]]:
        """Name those of somebody's group who still want something; no group is asked a second time."""
        if wish.group not in asked:
            asked.add(wish.group)
            for other in self._of_group[wish.group]:
                if self.wishes[other].got < self.wishes[other].want:
                    yield other, None

    def _follow(self, links: list[_Link], wanted: int) -> int:
        """Move everybody along the way by as much as goes all the way; tell how much that was."""
        last = self.wishes[links[-1].asked]
        day = _past(self._full, last.first)
        moved = min(wanted, (self._room or 0) - self._taken.get(day, 0))
        for link in links[1:]:
            asked = self.wishes[link.asked]
            moved = min(moved, asked.want - asked.got if link.day is None else self._on[link.day][link.asked])
        self.wishes[links[0].asked].got += moved
        for link in links[1:]:
            if link.day is None:
                self.wishes[link.asks].got -= moved
                self.wishes[link.asked].got += moved
            else:
                self._move(link.day, link.asked, -moved)
                self._move(link.day, link.asks, moved)
        return self._put(links[-1].asked, day, moved)

    def _move(self, day: int, who: int, steps: int) -> None:
        holders = self._on.setdefault(day, {})
        holders[who] = holders.get(who, 0) + steps
        if not holders[who]:
            del holders[who]


def _traced(came: Mapping[int, _Link | None], who: int) -> list[_Link]:
    """Trace the way back to who asked first; the first link only names them."""
    links = []
    while (link := came[who]) is not None:
        links.append(link)
        who = link.asks
    return [_Link(who, who, None), *reversed(links)]


def _past(links: dict[int, int], day: int) -> int:
    """Go along the links as far as they lead, and shorten them for the next one who goes there."""
    last = day
    while last in links:
        last = links[last]
    while day != last:
        links[day], day = last, links[day]
    return last
