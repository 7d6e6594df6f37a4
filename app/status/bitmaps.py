"""What lists say, packed and kept in memory: a change costs a few bits, not the reading of every position."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.formats import tokenlist
from app.status import queries
from app.status.models import Standing, StatusList

# What a position of a token list says (IETF Token Status List, 7.1); 3 is ours to give a meaning to.
VALUES: Final[Mapping[Standing, int]] = {
    Standing.VALID: 0,
    Standing.REVOKED: 1,
    Standing.SUSPENDED: 2,
    Standing.SUPERSEDED: 3,
}
MOST: Final = 32  # lists; a quarter of a megabyte for the million positions of a large one


class Bitmaps:
    """The lists that changed last. They belong to one worker, which asks about one at a time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[int, tuple[int, bytearray]] = OrderedDict()

    def read(self, session: Session, wanted: StatusList, *, published: int | None) -> bytes:
        """Give the packed states of a list, brought up to date from the positions that changed since.

        `published` is the version that the public sees; without it every position is read anew.
        """
        version = wanted.version
        kept, states = self._kept.pop(wanted.id, (0, bytearray()))
        changed: Sequence[tuple[int, Standing]] | None = None
        if published is not None and kept <= published <= version and len(states) * 4 == wanted.size:
            changed = _without_holes(queries.changed_since(session, wanted.id, kept), kept, version)
        if changed is None:
            states = bytearray(tokenlist.pack({}, wanted.size))
            changed = queries.raised(session, wanted.id)
        tokenlist.lay(states, {index: VALUES[standing] for index, standing in changed})
        self._kept[wanted.id] = version, states
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return bytes(states)


def _without_holes(
    rows: Sequence[tuple[int, Standing, int]], after: int, last: int
) -> list[tuple[int, Standing]] | None:
    """Give what changed, if every version in between is among it; else nobody can say what is missing.

    A version is missing where a position changed twice, and where something older than this column did it.
    """
    if not {version for _, _, version in rows}.issuperset(range(after + 1, last + 1)):
        return None
    return [(index, standing) for index, standing, _ in rows]
