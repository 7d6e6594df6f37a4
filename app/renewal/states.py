"""How activities and renewals move; what only dates decide is in `cycles`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class ActivityState(StrEnum):
    """Where an activity stands. Claimed and accepted ones count; a sampled review looks at the claimed.

    What was turned down stays so; a newer version, which says something new, may take its place.
    """

    DRAFT = "draft"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    QUERIED = "queried"
    REJECTED = "rejected"
    CORRECTED = "corrected"  # a newer version took its place
    LOCKED = "locked"  # used in an approved renewal, for good


class ActivitySource(StrEnum):
    """Who entered an activity: the holder, or the provider who held it and vouches for it."""

    MEMBER = "member"
    PROVIDER = "provider"


class RenewalKind(StrEnum):
    """A renewal within its window or its grace, or the way back after it."""

    RENEWAL = "renewal"
    REINSTATEMENT = "reinstatement"


class RenewalState(StrEnum):
    """Where a filed renewal stands."""

    SUBMITTED = "submitted"  # waits for the draw, or was drawn and not sampled
    AUDIT = "audit"
    CURE = "cure"
    APPROVED = "approved"
    REFUSED = "refused"


A: Final = ActivityState
ACTIVITY_MOVES: Final[Mapping[ActivityState, frozenset[ActivityState]]] = {
    A.DRAFT: frozenset({A.CLAIMED}),
    A.CLAIMED: frozenset({A.ACCEPTED, A.QUERIED, A.REJECTED, A.CORRECTED}),
    A.ACCEPTED: frozenset({A.QUERIED, A.REJECTED, A.CORRECTED, A.LOCKED}),
    A.QUERIED: frozenset({A.CLAIMED, A.REJECTED}),
    A.REJECTED: frozenset({A.CORRECTED}),
    A.CORRECTED: frozenset(),
    A.LOCKED: frozenset(),
}
R: Final = RenewalState
RENEWAL_MOVES: Final[Mapping[RenewalState, frozenset[RenewalState]]] = {
    R.SUBMITTED: frozenset({R.AUDIT, R.APPROVED, R.REFUSED}),
    R.AUDIT: frozenset({R.CURE, R.APPROVED, R.REFUSED}),
    R.CURE: frozenset({R.AUDIT, R.REFUSED}),
    R.APPROVED: frozenset(),
    R.REFUSED: frozenset(),
}
PENDING: Final = frozenset({R.SUBMITTED, R.AUDIT, R.CURE})
