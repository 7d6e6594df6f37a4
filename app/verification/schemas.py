"""The shapes of verification on the wire."""

from typing import Annotated, Any, Final

from pydantic import Field

from app.formats.qualified import Answer
from app.verification.report import CheckName, Outcome, Result
from app.verification.words import QUALIFIED, STAMP_KINDS, STAMPS
from app.web import Wire


class VerificationIn(Wire):
    """What to verify: a signed document as text, an enveloped credential that holds it, or a number."""

    credential: Annotated[
        str | dict[str, Any],
        Field(
            description="A compact `vc+jwt` or `ob+jwt`, or an `EnvelopedVerifiableCredential` whose `id` is "
            "`data:application/vc+jwt,…`. The text of one of our QR codes is taken too, and so is a "
            "number of ours, which is looked up. A European Digital Credential, or another JAdES seal in "
            "JSON, is taken as text or as the object itself."
        ),
    ]


class BatchIn(Wire):
    """Up to a hundred of them, each answered for itself."""

    credentials: Annotated[list[str | dict[str, Any]], Field(min_length=1, max_length=100)]


_BOTH: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["it", "en"],
    "properties": {"it": {"type": "string"}, "en": {"type": "string"}},
}
_INSTANT: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_STAMPS: Final[dict[str, Any]] = {
    "type": "array",
    "description": "Of the integrity of a seal in JSON: its time-stamps, in their order.",
    "items": {
        "type": "object",
        "required": ["kind", "code", "at", "proves", "reason"],
        "properties": {
            "kind": {
                "type": "string",
                "enum": [*STAMP_KINDS],
                "description": "Of the content, of the signature, or of the archive (ETSI TS 119 182-1).",
            },
            "code": {"type": "string", "enum": [*STAMPS]},
            "at": _or_null(_INSTANT)
            | {"description": "The time that it tells; only where it `proves` it is that more than a claim."},
            "proves": {"type": "boolean"},
            "reason": _BOTH,
        },
    },
}
# Written by hand, as the answers are: they are built from memory on a road without models.
REPORT: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Report",
    "required": [
        "result",
        "headline",
        "checks",
        "credential",
        "issuer",
        "qualified",
        "mode",
        "checked_at",
        "clock_offset",
    ],
    "properties": {
        "result": {"type": "string", "enum": [result.value for result in Result]},
        "headline": _BOTH,
        "checks": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "state", "code", "reason", "checked_at"],
                "properties": {
                    "id": {"type": "string", "enum": [name.value for name in CheckName]},
                    "state": {"type": "string", "enum": [outcome.value for outcome in Outcome]},
                    "code": {"type": "string"},
                    "reason": _BOTH,
                    "checked_at": _INSTANT,
                    "stamps": _STAMPS,
                },
            },
        },
        "credential": _or_null(
            {
                "type": "object",
                "description": "What may be shown of the content, once the seal has proved it.",
                "properties": {
                    "number": _or_null({"type": "string"}),
                    "holder_name": _or_null({"type": "string"}),
                    "scheme_title": _BOTH,
                    "standard": {"type": "string"},
                    "wording": _BOTH,
                    "state": {"type": "string"},
                    "valid_from": _or_null(_INSTANT),
                    "valid_until": _or_null(_INSTANT),
                },
            }
        ),
        "issuer": _or_null({"type": "object", "properties": {"name": {"type": "string"}}}),
        "qualified": _or_null(
            {
                "type": "object",
                "description": "Whether it is a qualified electronic seal (Regulation (EU) 910/2014, 3(27)), "
                "by the trusted lists that this service has read. Null where the integrity is not proven.",
                "required": ["answer", "code", "reason", "trusted_list"],
                "properties": {
                    "answer": {"type": "string", "enum": [answer.value for answer in Answer]},
                    "code": {"type": "string", "enum": [*QUALIFIED]},
                    "reason": _BOTH,
                    "trusted_list": _or_null(
                        {
                            "type": "object",
                            "properties": {
                                "territory": {"type": "string"},
                                "sequence": {"type": "integer"},
                                "issued": _INSTANT,
                                "next_update": _or_null(_INSTANT),
                                "read_at": _INSTANT,
                            },
                        }
                    ),
                },
            }
        ),
        "mode": {"type": "string", "enum": ["live", "test", "unknown"]},
        "checked_at": _INSTANT,
        "clock_offset": _or_null({"type": "string"}),
    },
}
REPORTS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Reports",
    "required": ["reports"],
    "properties": {
        "reports": {
            "type": "array",
            "items": {
                "oneOf": [
                    REPORT,
                    {
                        "type": "object",
                        "title": "Refused",
                        "required": ["problem"],
                        "properties": {"problem": {"type": "object"}},
                    },
                ]
            },
        }
    },
}
