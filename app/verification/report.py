"""The answer to a stranger: what was checked, what came of it, and what may therefore be shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from app.core.errors import JsonValue
from app.core.labels import Labels
from app.formats.jades import StampKind
from app.formats.qualified import Answer
from app.ports import TrustedList


class Outcome(StrEnum):
    """What came of one check; a check that could not run is never a pass."""

    PASS = "pass"  # noqa: S105 - the word of the scheme, not a password
    FAIL = "fail"
    WARN = "warn"
    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"


class CheckName(StrEnum):
    """The seven checks, in the order in which a reader wants them."""

    FORMAT = "format"
    INTEGRITY = "integrity"
    ISSUER_TRUST = "issuer_trust"
    VALIDITY_PERIOD = "validity_period"
    STATUS = "status"
    REGISTER_MATCH = "register_match"
    SUPERSEDED = "superseded"


class Result(StrEnum):
    """The four answers; there is no bare yes."""

    VALID = "valid"
    VALID_WITH_WARNINGS = "valid_with_warnings"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class State(StrEnum):
    """How a credential stands at an instant, worked out from the facts of the register.

    Of a document whose register is elsewhere it is unknown.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    SUPERSEDED = "superseded"
    LAPSED = "lapsed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StampTold:
    """What was found of one time-stamp of a seal: `at` is its own word unless it `proves` it."""

    kind: StampKind
    code: str
    reason: Labels
    at: datetime | None
    proves: bool

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "kind": self.kind,
            "code": self.code,
            "at": rfc3339(self.at) if self.at else None,
            "proves": self.proves,
            "reason": both(self.reason),
        }


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of the document, its outcome and the reason in words."""

    name: CheckName
    outcome: Outcome
    reason_code: str
    reason: Labels
    checked_at: datetime
    brief: Labels | None = None  # for the first line
    stamps: tuple[StampTold, ...] | None = None  # of the integrity of a seal that has room for any

    def as_json(self, told: str | None = None) -> dict[str, JsonValue]:
        said: dict[str, JsonValue] = {
            "id": self.name.value,
            "state": self.outcome.value,
            "code": self.reason_code,
            "reason": both(self.reason),
            "checked_at": told or rfc3339(self.checked_at),
        }
        if self.stamps is not None:
            said["stamps"] = [stamp.as_json() for stamp in self.stamps]
        return said


@dataclass(frozen=True, slots=True)
class Shown:
    """The part of the content that may be shown, once the integrity check has passed.

    `valid_until` is the last second of validity, as the document says it (`exp`), so that its
    date is the last valid day. A name that has been erased is None. So is whatever the document
    of another body does not say: theirs need no number, and no end.
    """

    number: str | None
    holder_name: str | None
    scheme_title: Labels
    standard: str
    wording: Labels
    issuer_name: str
    valid_from: datetime | None
    valid_until: datetime | None
    state: str

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "number": self.number,
            "holder_name": self.holder_name,
            "scheme_title": both(self.scheme_title),
            "standard": self.standard,
            "wording": both(self.wording),
            "state": str(self.state),
            "valid_from": rfc3339(self.valid_from) if self.valid_from else None,
            "valid_until": rfc3339(self.valid_until) if self.valid_until else None,
        }


@dataclass(frozen=True, slots=True)
class QualifiedSeal:
    """Whether it is a qualified electronic seal (Regulation (EU) 910/2014, 3 (27)), and by which list."""

    answer: Answer
    code: str
    reason: Labels
    by: TrustedList | None = None

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "answer": self.answer.value,
            "code": self.code,
            "reason": both(self.reason),
            "trusted_list": {
                "territory": self.by.territory,
                "sequence": self.by.sequence,
                "issued": rfc3339(self.by.issued),
                "next_update": rfc3339(self.by.next_update) if self.by.next_update else None,
                "read_at": rfc3339(self.by.read_at),
            }
            if self.by
            else None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a third party is told. Only `rules.conclude` should make one."""

    result: Result
    headline: Labels
    checks: tuple[Check, ...]
    shown: Shown | None
    mode: str
    checked_at: datetime
    clock_offset: str | None
    qualified: QualifiedSeal | None = None

    def outcome(self, name: CheckName) -> Outcome | None:
        """Tell how a check came out, or None where it does not stand in the report."""
        return next((check.outcome for check in self.checks if check.name is name), None)

    def as_json(self, told: str | None = None) -> dict[str, JsonValue]:
        """Give the twin of the page that machines read; the same facts, both languages.

        `told` stands for the time of the checks, which is the same for all of them.
        """
        told = told or rfc3339(self.checked_at)
        return {
            "result": self.result.value,
            "headline": both(self.headline),
            "checks": [check.as_json(told) for check in self.checks],
            "credential": self.shown.as_json() if self.shown else None,
            "issuer": {"name": self.shown.issuer_name} if self.shown else None,
            "qualified": self.qualified.as_json() if self.qualified else None,
            "mode": self.mode,
            "checked_at": told,
            "clock_offset": self.clock_offset,
        }


def both(labels: Labels) -> dict[str, JsonValue]:
    return {"it": labels.it, "en": labels.en}


def rfc3339(moment: datetime) -> str:
    """Write an instant to the second; UTC as `Z`, a local time with its offset (RFC 3339, 5.6)."""
    if moment.tzinfo is None:
        raise ValueError("An instant without a time zone says nothing.")
    written = moment.replace(microsecond=0).isoformat()
    return written.removesuffix("+00:00") + "Z" if moment.utcoffset() == UTC.utcoffset(None) else written
