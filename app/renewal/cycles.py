"""The dates of a credential's years: its cycles, when it may be renewed, and for how long that holds.

All are counted from the anchor, never from the previous end, and are local days of the organisation.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.core.days import anniversary
from app.schemes.upkeep import RenewalRules

DAY = timedelta(days=1)


class Phase(StrEnum):
    """What may be done about a credential's renewal on a day."""

    NOT_OPEN = "not_open"
    OPEN = "open"
    GRACE = "grace"  # expired, and still renewable
    REINSTATEMENT = "reinstatement"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a cycle's renewal hangs on, each the last of its kind but the first two."""

    begins: date
    opens: date
    ends: date  # through which the credential holds, and by which hours must be earned
    grace_ends: date
    reinstatement_ends: date

    def phase(self, today: date) -> Phase:
        """Tell what may be done on a day."""
        if today < self.opens:
            return Phase.NOT_OPEN
        if today <= self.ends:
            return Phase.OPEN
        if today <= self.grace_ends:
            return Phase.GRACE
        return Phase.REINSTATEMENT if today <= self.reinstatement_ends else Phase.LAPSED


def days_of(anchor: date, cycle: int, *, years: int, rules: RenewalRules) -> Days:
    """Work out a cycle's days: the first begins on the anchor, each other on the day after the last ended."""
    ends = anniversary(anchor, years * cycle)
    return Days(
        begins=anchor if cycle == 1 else anniversary(anchor, years * (cycle - 1)) + DAY,
        opens=rules.window_opens_before.before(ends),
        ends=ends,
        grace_ends=rules.grace.after(ends),
        reinstatement_ends=rules.reinstatement.until.after(ends),
    )


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when, both days included."""

    begins: date
    ends: date


def renewed(anchor: date, cycle: int, *, years: int, decided_on: date) -> Validity:
    """Say for when a renewal of a cycle holds (I24, I38).

    It begins the day after the old end, or on the day of the decision if that is later: nobody is valid on
    days on which every verifier was told "expired". It ends on the anniversary either way, so nothing is
    gained by being late.
    """
    ends = anniversary(anchor, years * cycle)
    return Validity(max(ends + DAY, decided_on), anniversary(anchor, years * (cycle + 1)))


def bridged(days: Days, *, today: date, rules: RenewalRules) -> Validity:
    """Say for when a bridge holds: from the day after the old end, for as long as the scheme grants."""
    return Validity(max(days.ends + DAY, today), rules.bridge.length.after(days.ends))


def deserves_bridge(days: Days, *, filed_on: date, rules: RenewalRules) -> bool:
    """Tell whether a holder filed so early that a slow review must cost them nothing."""
    return filed_on <= rules.bridge.if_submitted_before.before(days.ends)
