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


def iso_duration(moved: timedelta) -> str | None:
    """Write how far the clock is moved (ISO 8601, as `SIGILLO_CLOCK_OFFSET` takes it); None if it is not."""
    if not moved:
        return None
    length = abs(moved)
    hours, rest = divmod(length.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (seconds, "S"))
    time = "".join(f"{count}{unit}" for count, unit in parts if count)
    days = f"{length.days}D" if length.days or not time else ""
    return ("-" if moved < timedelta(0) else "") + f"P{days}" + (f"T{time}" if time else "")
