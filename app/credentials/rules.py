"""How a credential stands, worked out from facts; and what may still happen to it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.organisations.rules import Actor, Role


class CredentialState(StrEnum):
    """What a credential is at an instant. Only the first four come from the register; time makes the rest."""

    PENDING = "pending"  # decided and registered, its first document not yet stored: nothing is public
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    LAPSED = "lapsed"  # closed, since the time in which it could be renewed or reinstated is over


class PeriodKind(StrEnum):
    """What a period of validity rests on."""

    GRANT = "grant"  # a published decision
    RENEWAL = "renewal"  # an approved renewal
    BRIDGE = "bridge"  # a renewal filed in time and still under review


class StatusMove(StrEnum):
    """What may happen to a credential after it was issued."""

    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    REVOKED = "revoked"


class DeliveryState(StrEnum):
    """How far a document is on its way into its holder's wallet."""

    WAITING = "waiting"  # not sent yet, or to be tried again
    DELIVERED = "delivered"
    REFUSED = "refused"  # the wallet service does not take it
    FAILED = "failed"  # it was not sent: it no longer holds, or nobody answered for a week
    WITHDRAWN = "withdrawn"  # the holder thought better of it


# From which states each is reached. Whoever withdraws while it is under way learns that it has arrived.
DELIVERY_MOVES: Final[Mapping[DeliveryState, frozenset[DeliveryState]]] = {
    DeliveryState.WAITING: frozenset(),
    DeliveryState.DELIVERED: frozenset({DeliveryState.WAITING, DeliveryState.WITHDRAWN}),
    DeliveryState.REFUSED: frozenset({DeliveryState.WAITING}),
    DeliveryState.FAILED: frozenset({DeliveryState.WAITING}),
    DeliveryState.WITHDRAWN: frozenset({DeliveryState.WAITING}),
}
S: Final = CredentialState
# A credential out of its period may still be revoked: what comes to light later counts too (I25: for good).
MOVES: Final[Mapping[CredentialState, frozenset[StatusMove]]] = {
    S.PENDING: frozenset(),
    S.ACTIVE: frozenset({StatusMove.SUSPENDED, StatusMove.REVOKED}),
    S.SUSPENDED: frozenset({StatusMove.REINSTATED, StatusMove.REVOKED}),
    S.REVOKED: frozenset(),
    S.NOT_YET_VALID: frozenset({StatusMove.SUSPENDED, StatusMove.REVOKED}),
    S.EXPIRED: frozenset({StatusMove.REVOKED}),
    S.LAPSED: frozenset(),
}
REVOCATION_CAUSES: Final = frozenset(
    {
        "complaint_upheld",
        "misuse_of_mark",
        "issued_in_error",
        "own_request",
        "cpd_audit_unanswered",
        "membership_lapsed",
    }
)


def state_at(
    at: datetime,
    *,
    issued_at: datetime | None,
    suspended_at: datetime | None,
    revoked_at: datetime | None,
    closed_at: datetime | None,
    valid_from: datetime,
    valid_until_exclusive: datetime,
) -> CredentialState:
    """Tell how a credential stands; nothing has to run at midnight to make it true."""
    if issued_at is None:
        return CredentialState.PENDING
    if revoked_at is not None:
        return CredentialState.REVOKED
    if closed_at is not None:
        return CredentialState.LAPSED
    if suspended_at is not None:
        return CredentialState.SUSPENDED
    if at < valid_from:
        return CredentialState.NOT_YET_VALID
    return CredentialState.EXPIRED if at >= valid_until_exclusive else CredentialState.ACTIVE


def reads_all(actor: Actor) -> bool:
    """Tell whether the actor reads every credential: registrars and programs do, a person their own."""
    return not actor.is_person or actor.has(Role.REGISTRAR)


def may_read(actor: Actor, holder_id: str) -> bool:
    """Tell whether a credential exists for the actor at all."""
    return reads_all(actor) or actor.id == holder_id
