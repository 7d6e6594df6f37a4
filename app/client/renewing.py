"""Renewing: whether it could be filed now, filing it, and how a filed one stands."""

from typing import Final

from app.client import checking, terminal
from app.client.api import Json, Refused
from app.client.visit import Ends, Stopped, Visit
from app.client.words import NOTHING

UNDER_REVIEW: Final = frozenset({"submitted", "audit"})
PENDING: Final = UNDER_REVIEW | {"cure"}
DAYS: Final = ("today", "opens_on", "expires_on", "grace_until", "reinstatement_until")


def phase(visit: Visit, found: Json) -> str:
    """Say in which phase of its renewal a credential is, and until when."""
    return visit.say(f"phase.{found['phase']}", **days(visit, found))


def days(visit: Visit, found: Json) -> dict[str, str]:
    """Write the days of a renewal as people do."""
    return {name: visit.voice.day(found[name]) for name in DAYS}


def rehearse(visit: Visit, credential: Json, found: Json, ledger: Json) -> None:
    """Show what filing would do, without doing it."""
    visit.print("dry-run", style="bold")
    if was_filed(found):
        show_filed(visit, found["renewal"], before=True, today=found["today"])
        return
    checking.show(visit, str(credential["number"]), ledger)
    visit.out.print()
    visit.out.print(phase(visit, found), markup=False)
    today = visit.voice.day(found["today"])
    if not found["may_file"]:
        visit.print("may-not-file", style="bold yellow", today=today)
        for line in why_not(visit, found):
            terminal.bullet(visit.out, line)
        if can_add(found, ledger):
            visit.print("check-next-gaps")
        show_bridge(visit, found)
        raise Stopped(Ends.REFUSED)
    visit.print("may-file", style="bold green", today=today)
    show_bridge(visit, found)
    follows = {"grace": "late", "reinstatement": "reinstatement"}.get(found["phase"], "on-time")
    visit.print(f"would-follow-{follows}")
    visit.print("dry-run-next")


def can_add(found: Json, ledger: Json) -> bool:
    """Tell whether logging activities can still help this cycle's renewal."""
    over = found["phase"] == "lapsed" or ledger["submitted_by"] < ledger["as_of"]
    return (
        not ledger["satisfied"] and not over and (found.get("renewal") or {}).get("state") not in UNDER_REVIEW
    )


def show_bridge(visit: Visit, found: Json) -> None:
    """Say by when to file so as to stay covered, where the service tells."""
    if found["phase"] == "open" and found.get("bridge_if_filed_by"):
        visit.print("bridge-if-filed", day=visit.voice.day(found["bridge_if_filed_by"]))


def was_filed(found: Json) -> bool:
    """Tell whether this cycle's renewal was filed, so that there is nothing to rehearse."""
    filed: Json = found.get("renewal") or {}
    return not found["may_file"] and filed.get("cycle") == found["cycle"]


def why_not(visit: Visit, found: Json) -> list[str]:
    return [visit.voice.both(one.get("detail")) for one in found.get("why_not") or ()]


def refuse_lapsed(visit: Visit, credential: Json) -> None:
    """Stop where the time for renewing is over for good."""
    if credential["state"] == "lapsed":
        said = visit.say("credential-lapsed", number=credential["number"])
        visit.errors.print(said, style="bold yellow", markup=False)
        raise visit.failed(Ends.REFUSED, said, {"code": "credential-lapsed"})


def file(visit: Visit, credential: Json) -> tuple[Json, bool]:
    """File a renewal, once; tell whether it had been filed before."""
    try:
        return visit.outbox.send(visit.api, "/v1/renewals", {"credential": credential["id"]}), False
    except Refused as refused:
        if refused.code != "renewal-filed-already" or not refused.problem.get("renewal"):
            raise
        return visit.api.get(f"/v1/renewals/{refused.problem['renewal']}"), True


def answer(visit: Visit, credential: Json) -> Json:
    """Say that what was asked to be mended is mended."""
    found = visit.api.get(f"/v1/credentials/{credential['id']}/renewal")
    filed = found.get("renewal")
    if not filed or filed["state"] != "cure":
        visit.note("nothing-to-answer")
        raise Stopped(Ends.REFUSED)
    return visit.api.post(f"/v1/renewals/{filed['id']}/answer")


def is_pending(found: Json) -> bool:
    """Tell whether a renewal is under way, so that the time for filing one is no news."""
    return (found.get("renewal") or {}).get("state") in PENDING


def show_standing(visit: Visit, found: Json) -> None:
    """Say how a renewal goes: the one under way, else the time for one and what came of the last."""
    filed: Json | None = found.get("renewal")
    if filed and is_pending(found):
        show_filed(visit, filed, before=False, short=True)
        return
    visit.out.print(phase(visit, found), markup=False)
    show_bridge(visit, found)
    if filed:
        show_state(visit, filed, today=found["today"])


def show_questions(visit: Visit, number: int) -> None:
    """Say that the secretariat waits for answers of the member."""
    if number:
        visit.print("questions.one" if number == 1 else "questions.many", style="bold yellow", number=number)


def show_filed(visit: Visit, filed: Json, *, before: bool, short: bool = False, today: str = "") -> None:
    """Show a renewal that was filed, and what happens next."""
    code = "renewal-filed-before" if before else "renewal-filed"
    visit.print(code, style="bold", day=visit.voice.moment(filed["filed_at"]), id=filed["id"])
    show_state(visit, filed, today=today)
    draw = filed.get("draw")
    if draw and not before and not short:
        visit.print("renewal-draw", commitment=draw["commitment"], url=draw["url"])


def show_state(visit: Visit, filed: Json, *, today: str = "") -> None:
    """Say how a renewal stands and what its holder has to do, if anything."""
    voice, state = visit.voice, filed["state"]
    audit, cure, period, decision = (
        filed.get(name) or {} for name in ("audit", "cure", "period", "decision")
    )
    if state == "submitted" and (filed.get("draw") or {}).get("drawn_at"):
        state = "submitted-drawn"
    if state == "approved" and today and str(period.get("valid_from") or "") > today:
        state = "approved-ahead"
    visit.print(
        f"renewal.{state}",
        reason=voice.named("audit", audit.get("reason")),
        reply_by=voice.day(audit.get("reply_by")),
        by=voice.day(cure.get("by")),
        reasons=str(cure.get("reasons") or decision.get("reasons") or NOTHING).rstrip("."),
        valid_from=voice.day(period.get("valid_from")),
        valid_until=voice.day(period.get("valid_until")),
    )
    bridge = filed.get("bridge")
    if bridge and state not in {"approved", "refused"}:
        visit.print("renewal-bridge", valid_until=voice.day(bridge["valid_until"]))
