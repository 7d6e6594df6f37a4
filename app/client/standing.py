"""Where a member stands: memberships, dossiers, credentials, and which credential a command is about."""

from typing import Any, Final

from app.client import checking, renewing, terminal
from app.client.api import Api, Json, NotUsable, Refused
from app.client.visit import Ends, Stopped, Visit
from app.client.words import NOTHING

CLOSED: Final = frozenset({"revoked", "lapsed", "surrendered"})
URGENT: Final = ("status-next-question", "status-next-cure", "status-next-renew", "status-next-credential")
NOT_OPEN_TO_THIS_KEY: Final = frozenset({403, 404, 405})


class WhichCredential(NotUsable):
    """A command is about one credential, and it is not clear which."""


def of(visit: Visit) -> Json:
    """Gather where somebody stands; what a service does not tell, or a key may not read, is left out."""
    api = visit.api
    me = api.get("/v1/me")
    credentials = [one for one in _all(api, "/v1/credentials") if _mine(one, me)]
    for credential in credentials:
        credential["renewal"] = _one(api, f"/v1/credentials/{credential['id']}/renewal")
        credential["questions"] = questions(visit, credential)
    ledger = next((_one(api, f"/v1/credentials/{one['id']}/cpd") for one in credentials), None) or {}
    return {
        "me": me,
        "dossiers": _all(api, "/v1/dossiers"),
        "credentials": credentials,
        "clock_offset": ledger.get("clock_offset"),
    }


def questions(visit: Visit, credential: Json) -> int:
    """Count the activities about which the secretariat waits for an answer."""
    query = {"credential": str(credential["id"]), "state": "queried"}
    return len(_all(visit.api, "/v1/cpd-activities", **query))


def the_credential(visit: Visit, asked: str | None) -> Json:
    """Find the credential that a command is about: the one that was named, else the only open one."""
    me = visit.api.get("/v1/me")
    mine = [one for one in visit.api.all("/v1/credentials") if _mine(one, me)]
    numbers = ", ".join(str(one["number"]) for one in mine)
    if asked:
        found = [one for one in mine if _plain(asked) in {_plain(one["number"]), _plain(one["id"])}]
        if not found:
            raise WhichCredential("credential-unknown", asked=asked, numbers=numbers or NOTHING)
        return found[0]
    if not mine:
        visit.note("credential-none")
        raise Stopped(Ends.REFUSED)
    still_open = [one for one in mine if one["state"] not in CLOSED]
    lapsed = [one for one in mine if one["state"] == "lapsed"]
    if not still_open and len(lapsed) == 1:
        return lapsed[0]
    if len(still_open) != 1:
        raise WhichCredential("credential-several" if still_open else "credential-closed", numbers=numbers)
    return still_open[0]


def show(visit: Visit, found: Json, *, with_qr: bool) -> None:
    """Show where somebody stands, and what they may do next."""
    out, voice = visit.out, visit.voice
    visit.print("status-of", style="bold", name=found["me"]["name"], url=visit.account.url)
    checking.show_clock(visit, found)
    for membership in found["me"].get("memberships") or ():
        out.print(_membership(visit, membership), markup=False)
    if found["dossiers"]:
        made = terminal.table(
            voice.say("col.scheme"),
            voice.say("col.state"),
            voice.say("col.submitted"),
            title=voice.say("dossiers-title"),
        )
        for dossier in found["dossiers"]:
            submitted = voice.moment(dossier["submitted_at"]) if dossier["submitted_at"] else NOTHING
            made.add_row(dossier["scheme"], voice.named("dossier", dossier["status"]), submitted)
        out.print()
        out.print(made)
    if found["credentials"]:
        visit.print("credentials-title", style="bold")
    for credential in found["credentials"]:
        _credential(visit, credential, with_qr=with_qr)
    out.print()
    visit.print(_next(found))


def _next(found: Json) -> str:
    states = {dossier["status"] for dossier in found["dossiers"]}
    if "returned" in states:
        return "status-next-returned"
    still_open = [one for one in found["credentials"] if one["state"] not in CLOSED]
    if still_open:
        return min(map(_next_of, still_open), key=URGENT.index)
    if "draft" in states:
        return "status-next-draft"
    if states & {"submitted", "admitted", "in_assessment", "interview", "ready_for_decision"}:
        return "status-next-wait"
    if found["credentials"]:
        return "status-next-closed"
    return "status-next-wait" if found["dossiers"] else "status-nothing"


def _next_of(credential: Json) -> str:
    standing: Json = credential["renewal"] or {}
    if credential["questions"]:
        return "status-next-question"
    if (standing.get("renewal") or {}).get("state") == "cure":
        return "status-next-cure"
    return "status-next-renew" if _opens_now(standing) else "status-next-credential"


def _opens_now(standing: Json) -> bool:
    """Tell whether it is time for a renewal, and none was filed."""
    return bool(standing.get("may_file")) or (
        standing.get("phase") in {"open", "grace", "reinstatement"}
        and not renewing.is_pending(standing)
        and not renewing.was_filed(standing)
    )


def _credential(visit: Visit, credential: Json, *, with_qr: bool) -> None:
    voice, state = visit.voice, credential["state"]
    style = "bold green" if state == "active" else "bold yellow"
    visit.print(
        "credential-line", style=style, number=credential["number"], state=voice.named("credential", state)
    )
    visit.print("credential-days", **_days(visit, credential))
    periods = credential.get("periods") or []
    for period in periods if len(periods) > 1 else ():
        kind = voice.named("period", period["kind"])
        visit.print("period-days", seq=period["seq"], kind=kind, **_days(visit, period))
    visit.print("credential-url", url=credential["verify_url"])
    if state == "lapsed":
        visit.print("credential-lapsed", number=credential["number"])
    elif credential["renewal"] and state not in CLOSED:
        renewing.show_standing(visit, credential["renewal"])
    renewing.show_questions(visit, credential["questions"])
    if with_qr:
        visit.out.print(terminal.qr(credential["verify_url"]))


def _days(visit: Visit, validity: Json) -> dict[str, str]:
    return {name: visit.voice.day(validity[name]) for name in ("valid_from", "valid_until")}


def _membership(visit: Visit, membership: Json) -> str:
    voice = visit.voice
    said = voice.say(
        "membership",
        number=membership["number"],
        state=voice.named("membership", membership["state"]),
        begins=voice.day(membership["from"]),
    )
    return said + (
        voice.say("membership-until", ends=voice.day(membership["to"])) if membership.get("to") else ""
    )


def _plain(number: Any) -> str:
    return "".join(character for character in str(number) if character.isalnum()).upper()


def _mine(credential: Json, me: Json) -> bool:
    """A registrar reads everybody's; a member's command is about the member's own."""
    return not me.get("person") or credential.get("holder") == me["id"]


def _all(api: Api, path: str, **query: str) -> list[Json]:
    try:
        return list(api.all(path, **query))
    except Refused as refused:
        if refused.status in NOT_OPEN_TO_THIS_KEY:
            return []
        raise


def _one(api: Api, path: str) -> Json | None:
    try:
        return api.get(path)
    except Refused as refused:
        if refused.status in NOT_OPEN_TO_THIS_KEY:
            return None
        raise
