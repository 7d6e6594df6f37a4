"""The answers of the W3C VC API: the same checks, as the problem details of the W3C data model.

Its callers bring their own trust: so the answer is on proof, dates and status alone, and whether the issuer
is to be trusted stands among the warnings. That the issuer is the one who is named is part of the proof.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.core.errors import JsonValue
from app.verification.report import Check, CheckName, Outcome, Report
from app.verification.rules import MODES_WITHOUT_WARNING
from app.verification.words import TEST

# VCDM 2.0, 7.2, and Bitstring Status List 1.0, 4.5.
_VC: Final = "https://www.w3.org/TR/vc-data-model#"
_LIST: Final = "https://www.w3.org/ns/credentials/status-list#"
PARSING: Final = f"{_VC}PARSING_ERROR"
PROOF: Final = f"{_VC}CRYPTOGRAPHIC_SECURITY_ERROR"
MALFORMED: Final = f"{_VC}MALFORMED_VALUE_ERROR"
RANGE: Final = f"{_VC}RANGE_ERROR"
RETRIEVAL: Final = f"{_LIST}STATUS_RETRIEVAL_ERROR"
VERIFICATION: Final = f"{_LIST}STATUS_VERIFICATION_ERROR"

TYPES: Final = {
    CheckName.FORMAT: PARSING,
    CheckName.INTEGRITY: PROOF,
    CheckName.ISSUER_TRUST: PROOF,
    CheckName.VALIDITY_PERIOD: RANGE,
    CheckName.STATUS: VERIFICATION,
}
# Nobody could check it, and the caller has to know; that is no fault of the document.
NOT_CHECKED: Final = frozenset({"status-not-offered", "status-not-understood"})
MISUSED: Final = "issuer-key-misused"
NOT_ITS_KEY: Final = (
    "The seal is intact, and nothing shows that its key is that of the issuer who is named: "
    "the issuer does not publish it, or could not be asked, and no chain that is trusted here bears it out."
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a caller is told: problems make it unverified, warnings do not."""

    errors: list[JsonValue] = field(default_factory=list)
    warnings: list[JsonValue] = field(default_factory=list)

    @property
    def verified(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "verified": self.verified,
            "problemDetails": [*self.errors, *self.warnings],
            "errors": self.errors,
            "warnings": self.warnings,
        }


def problem(kind: str, title: str, detail: str) -> dict[str, JsonValue]:
    return {"type": kind, "title": title, "detail": detail}


def judged(report: Report, payload: dict[str, JsonValue] | None, *, bound: bool) -> Judged:
    """Turn a report into problems and warnings; `payload` is what was signed, where it could be read.

    `bound` says that the issuer who is named has the key. Without it the proof may be anybody's, unless a
    chain to an anchor bears the issuer out.
    """
    answer = Judged()
    if report.outcome(CheckName.INTEGRITY) is Outcome.PASS and not proves(report, bound=bound):
        answer.errors.append(problem(PROOF, "issuer-not-bound", NOT_ITS_KEY))
    for check in report.checks:
        if (said := _said(check)) is not None:
            (answer.warnings if _only_warns(check) else answer.errors).append(said)
    if report.outcome(CheckName.INTEGRITY) is not Outcome.PASS and not answer.errors:
        answer.errors.append(problem(PROOF, "integrity", "The proof was not verified."))
    if report.mode not in MODES_WITHOUT_WARNING:
        answer.warnings.append(problem(_own("test"), "mode", TEST.en))
    for unknown in _not_looked_at(payload or {}):
        answer.warnings.append(unknown)
    return answer


def proves(report: Report, *, bound: bool) -> bool:
    """Tell whether what was signed is what the issuer who is named has signed."""
    borne_out = bound or report.outcome(CheckName.ISSUER_TRUST) is Outcome.PASS
    return borne_out and report.outcome(CheckName.INTEGRITY) is Outcome.PASS


def _said(check: Check) -> dict[str, JsonValue] | None:
    if check.outcome in {Outcome.PASS, Outcome.NOT_APPLICABLE}:
        return None
    kind = TYPES.get(check.name, _own(check.reason_code))
    if check.name is CheckName.STATUS and check.outcome is Outcome.NOT_CHECKED:
        kind = RETRIEVAL
    detail = " ".join([check.reason.en, *(stamp.reason.en for stamp in check.stamps or ())])
    return problem(kind, check.reason_code, detail)


def _only_warns(check: Check) -> bool:
    if check.name is CheckName.ISSUER_TRUST:
        return check.reason_code != MISUSED
    return check.outcome is Outcome.WARN or check.reason_code in NOT_CHECKED


def _own(code: str) -> str:
    return f"/problems/{code}"


def _not_looked_at(payload: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    for member in ("credentialSchema", "evidence", "termsOfUse", "refreshService"):
        if member in payload:
            yield problem(_own("not-checked"), member, f"`{member}` was left as it is and not checked.")
