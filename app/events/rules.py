"""What the outside is told: which steps of ours it knows, by which names, and which members of each.

The list is of what may go out, never of what must not: a fact that somebody adds to a step tomorrow stays
inside until it is named here.
"""

import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core.errors import JsonValue
from app.outbox import trail


class EventType(StrEnum):
    """The names under which integrators know what happened. They never change; new ones may come."""

    DOSSIER_SUBMITTED = "dossier.submitted"
    DOSSIER_ADMITTED = "dossier.admitted"
    DOSSIER_RETURNED = "dossier.returned"
    DOSSIER_TURNED_DOWN = "dossier.turned_down"
    DOSSIER_WITHDRAWN = "dossier.withdrawn"
    ASSESSMENT_COMPLETED = "assessment.completed"
    INTERVIEW_SCHEDULED = "interview.scheduled"
    INTERVIEW_HELD = "interview.held"
    INTERVIEW_CANCELLED = "interview.cancelled"
    DECISION_PUBLISHED = "decision.published"
    CREDENTIAL_ISSUED = "credential.issued"
    DOCUMENT_ISSUED = "document.issued"
    CREDENTIAL_SUPERSEDED = "credential.superseded"
    CREDENTIAL_SUSPENDED = "credential.suspended"
    CREDENTIAL_REINSTATED = "credential.reinstated"
    CREDENTIAL_REVOKED = "credential.revoked"
    CREDENTIAL_EXPIRING = "credential.expiring"
    CREDENTIAL_EXPIRED = "credential.expired"
    RENEWAL_OPENED = "renewal.opened"
    RENEWAL_SUBMITTED = "renewal.submitted"
    RENEWAL_AUDIT_SELECTED = "renewal.audit_selected"
    RENEWAL_CURE_ASKED = "renewal.cure_asked"
    RENEWAL_ANSWERED = "renewal.answered"
    RENEWAL_BRIDGED = "renewal.bridged"
    RENEWAL_APPROVED = "renewal.approved"
    RENEWAL_REFUSED = "renewal.refused"
    RENEWAL_LAPSED = "renewal.lapsed"
    APPEAL_OPENED = "appeal.opened"
    APPEAL_CLOSED = "appeal.closed"
    ENDPOINT_DISABLED = "webhook_endpoint.disabled"


PING: Final = "ping"  # what a test sends; it is of no use to choose it


@dataclass(frozen=True, slots=True)
class Shape:
    """What is told of a type: the thing it is about, by which events keep their order; ids; state words."""

    subject: str
    ids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


_DOSSIER: Final = Shape("dossier")
_INTERVIEW: Final = Shape("dossier", ("interview",))
_DOCUMENT: Final = Shape("credential", ("document", "decision", "renewal"), ("format",))
_STATUS: Final = Shape("credential")
_PERIOD: Final = Shape("credential", ("period",), ("valid_until",))
_RENEWAL: Final = Shape("credential", ("renewal",))
SHAPES: Final[Mapping[EventType, Shape]] = {
    EventType.DOSSIER_SUBMITTED: _DOSSIER,
    EventType.DOSSIER_ADMITTED: _DOSSIER,
    EventType.DOSSIER_RETURNED: _DOSSIER,
    EventType.DOSSIER_TURNED_DOWN: _DOSSIER,
    EventType.DOSSIER_WITHDRAWN: _DOSSIER,
    EventType.ASSESSMENT_COMPLETED: _DOSSIER,  # not what it came to: that is the committee's to say
    EventType.INTERVIEW_SCHEDULED: _INTERVIEW,
    EventType.INTERVIEW_HELD: _INTERVIEW,
    EventType.INTERVIEW_CANCELLED: _INTERVIEW,
    EventType.DECISION_PUBLISHED: Shape("dossier", ("decision",), ("outcome",)),
    EventType.CREDENTIAL_ISSUED: _DOCUMENT,
    EventType.DOCUMENT_ISSUED: _DOCUMENT,
    EventType.CREDENTIAL_SUPERSEDED: Shape(
        "credential", ("document", "replaces", "decision", "renewal"), ("format",)
    ),
    EventType.CREDENTIAL_SUSPENDED: _STATUS,
    EventType.CREDENTIAL_REINSTATED: _STATUS,
    EventType.CREDENTIAL_REVOKED: _STATUS,
    EventType.CREDENTIAL_EXPIRING: _PERIOD,
    EventType.CREDENTIAL_EXPIRED: _PERIOD,
    EventType.RENEWAL_OPENED: _PERIOD,
    EventType.RENEWAL_SUBMITTED: Shape("credential", ("renewal",), ("kind",)),
    EventType.RENEWAL_AUDIT_SELECTED: _RENEWAL,
    EventType.RENEWAL_CURE_ASKED: _RENEWAL,
    EventType.RENEWAL_ANSWERED: _RENEWAL,
    EventType.RENEWAL_BRIDGED: _RENEWAL,
    EventType.RENEWAL_APPROVED: _RENEWAL,
    EventType.RENEWAL_REFUSED: _RENEWAL,
    EventType.RENEWAL_LAPSED: _STATUS,
    EventType.APPEAL_OPENED: Shape("dossier", ("appeal",)),
    EventType.APPEAL_CLOSED: Shape("dossier", ("appeal",)),
    EventType.ENDPOINT_DISABLED: Shape("endpoint", (), ("reason",)),
}
# Nobody can appeal through this service yet.
NEVER_YET: Final = frozenset({EventType.APPEAL_OPENED, EventType.APPEAL_CLOSED})
# What we call otherwise among ourselves. Every other type is a topic of the trail by the same name.
_CALLED: Final[Mapping[str, EventType]] = {
    "dossier.turned-down": EventType.DOSSIER_TURNED_DOWN,
    "interview.booked": EventType.INTERVIEW_SCHEDULED,
    "credential.lapsed": EventType.RENEWAL_LAPSED,
    "renewal.audit-selected": EventType.RENEWAL_AUDIT_SELECTED,
    "renewal.cure-asked": EventType.RENEWAL_CURE_ASKED,
}
_REPLACING: Final = EventType.CREDENTIAL_SUPERSEDED  # a document that was issued in the place of another
_OTHERWISE: Final = {*_CALLED.values(), _REPLACING}
TOPICS: Final[Mapping[str, EventType]] = {
    **{one.value: one for one in EventType if one not in _OTHERWISE},
    **_CALLED,
    "decision.imported": EventType.DECISION_PUBLISHED,  # it was taken elsewhere, and is in force here alike
}
_ID: Final = re.compile(r"[a-z]{3}_[0-9a-z]{1,26}")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9_+.-]{0,39}")


def topics_of(types: frozenset[EventType]) -> frozenset[str]:
    """Name the topics of the trail among which these types are found."""
    found = {topic for topic, one in TOPICS.items() if one in types}
    return frozenset(found | ({EventType.DOCUMENT_ISSUED.value} if _REPLACING in types else set()))


def type_of(event: trail.Event) -> EventType | None:
    """Give the name by which the outside knows a step; None where it is nobody's business."""
    known = TOPICS.get(event.topic)
    return _REPLACING if known is EventType.DOCUMENT_ISSUED and "replaces" in event.facts else known


def event_id(chained: str) -> str:
    """Name an event by the hash of its place in the chain: the same for everybody and at every time."""
    return "evt_" + b32encode(bytes.fromhex(chained)[:16]).decode().lower().rstrip("=")


@dataclass(frozen=True, slots=True)
class Told:
    """An event as the outside sees it, in the feed and in a webhook alike."""

    id: str
    type: str
    timestamp: datetime
    cursor: str
    data: Mapping[str, str]
    subject: str

    def written(self) -> dict[str, JsonValue]:
        """Write it as it is sent: a kilobyte at most, whatever the trail holds."""
        return {
            "id": self.id,
            "type": self.type,
            "timestamp": _rfc3339(self.timestamp),
            **({"cursor": self.cursor} if self.cursor else {}),
            "data": dict(self.data),
        }


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(event: trail.Event, link: trail.EventLink) -> Told | None:
    """Say what the outside may know of an event; None where it is nobody's business."""
    type_ = type_of(event)
    if type_ is None:
        return None
    shape = SHAPES[type_]
    known = {**event.facts, **event.about}
    ids = {name: value for name in (shape.subject, *shape.ids) if _is(_ID, value := known.get(name))}
    words = {name: value for name in shape.words if _is(_WORD, value := known.get(name))}
    data = {name: str(value) for name, value in {**ids, **words}.items()}
    name = event_id(link.hash)
    return Told(name, type_.value, event.at, str(link.seq), data, data.get(shape.subject, name))


def ping(name: str, at: datetime) -> Told:
    """Make the event that a test sends. It has no place in the chain, and stands in no feed."""
    return Told(name, PING, at, "", {}, name)


def _is(form: re.Pattern[str], value: JsonValue) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
# How long after each failure it is tried again; after the last one it is given up.
RETRIES: Final = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
KEPT: Final = timedelta(days=30)
OVERLAP: Final = timedelta(hours=24)  # during which what is sent is signed with the former secret as well
PATIENCE: Final = timedelta(days=5)  # an endpoint that took nothing for so long is not tried any more
MOST_ENDPOINTS: Final = 20
MOST_FORMER: Final = 5  # secrets that were replaced and sign still: each is a signature of every delivery
_JITTER: Final = 1000


def next_try(failures: int, *, drawn: int, at: datetime) -> datetime | None:
    """Say when to try again after so many failures, a little later than planned; None: not any more.

    `drawn` is one of a thousand, so that many that failed together do not come again together.
    """
    if failures > len(RETRIES):
        return None
    wait = RETRIES[failures - 1]
    return at + wait + wait * (drawn % _JITTER) / (10 * _JITTER)
