"""Time is a port; this is the one module that asks the machine for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock, moved by `offset` for demonstrations; every page then says so."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Tell the present instant in UTC, moved by the offset."""
        return datetime.now(UTC) + self.offset  # noqa: TID251 - the one place that may ask
