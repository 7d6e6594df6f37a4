"""One activity at a time: asked for, logged, proved, changed, shown."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, Final

import typer

from app.client import cpd, terminal
from app.client.api import Json, NotUsable, Refused
from app.client.folder import MEDIA_TYPES
from app.client.visit import Declined, Visit

NEEDED: Final = {
    "title": "--title",
    "provider": "--provider",
    "started_on": "--from",
    "hours": "--hours",
    "category": "--category",
    "competences": "--competence",
}
FIELDS: Final = (
    "title",
    "provider",
    "started_on",
    "ended_on",
    "hours",
    "category",
    "topics",
    "competences",
    "note",
)
KINDS_OF_FILES: Final = ("certificate", "attendance", "artefact")
KINDS_OF_WORDS: Final = ("url", "referee")
OPEN: Final = frozenset({"draft", "queried", "claimed"})  # takes proofs
WAITING: Final = frozenset({"draft", "queried", "rejected"})


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say of an activity; what they do not say is nothing."""

    title: str | None = None
    provider: str | None = None
    started_on: str | None = None
    ended_on: str | None = None
    hours: str | None = None
    category: str | None = None
    topics: tuple[str, ...] = ()
    competences: tuple[str, ...] = ()
    note: str | None = None

    def fields(self) -> Json:
        """Read what was given."""
        found: Json = {
            name: value.strip()
            for name in ("title", "provider", "note")
            if (value := getattr(self, name)) is not None
        }
        if self.category is not None:
            found["category"] = cpd.category(self.category)
        if self.started_on is not None:
            found["started_on"] = cpd.day(self.started_on, "--from")
        if self.ended_on is not None:
            found["ended_on"] = cpd.day(self.ended_on, "--to")
        if self.hours is not None:
            found["hours"] = cpd.hours(self.hours, "--hours")
        if self.topics:
            found["topics"] = cpd.topics(" ".join(self.topics))
        if self.competences:
            found["competences"] = cpd.competences(" ".join(self.competences))
        return found


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that an activity was done: a file to send, or a reference to state."""

    kind: str
    reference: str | None = None
    file: Path | None = None

    @classmethod
    def of(cls, proof: str | None, kind: str | None) -> "Proof | None":
        """Tell a file from a reference; a file is looked for where the command runs.

        What cannot be a proof of its kind is refused before anything is sent.
        """
        if not proof:
            if kind:
                raise NotUsable("proof-needed")
            return None
        is_address = proof.startswith(("http://", "https://"))
        if not kind and not is_address:
            raise NotUsable("proof-kind-needed")
        kind = kind or "url"
        if kind not in KINDS_OF_FILES + KINDS_OF_WORDS:
            raise NotUsable("proof-kind-unknown", kind=kind)
        path = Path(proof).expanduser()
        there = cpd.is_file(path)
        if kind in KINDS_OF_FILES and is_address and not there:
            raise NotUsable("proof-is-a-file", kind=kind)
        if kind in KINDS_OF_WORDS and there:
            raise NotUsable("proof-is-words", kind=kind)
        if there:
            cpd.digest_of(path)  # or say now that it cannot be sent
            return cls(kind, file=path)
        if kind in KINDS_OF_FILES or (not is_address and path.suffix.lower() in MEDIA_TYPES):
            raise NotUsable("file-gone", path=path)
        return cls(kind, reference=proof)

    @classmethod
    def several(cls, proofs: Sequence[str], kinds: Sequence[str]) -> "list[Proof]":
        """Read several proofs: each with its kind, in the same order, or all with the one that is given."""
        if len(kinds) not in {0, 1, len(proofs)}:
            raise NotUsable("proof-kinds-count", proofs=len(proofs), kinds=len(kinds))
        if len(kinds) == 1 < len(proofs):  # of an address the kind is plain
            kinds = ["" if one.startswith(("http://", "https://")) else kinds[0] for one in proofs]
        found = [cls.of(one, kind or None) for one, kind in zip_longest(proofs, kinds)]
        return [one for one in found if one is not None]

    def is_there(self, activity: Json) -> bool:
        """Tell whether an activity has this very proof."""
        if self.file is not None:
            digest = cpd.digest_of(self.file)
            return any(one.get("sha256") == digest for one in activity["proofs"])
        return any(one.get("reference") == self.reference for one in activity["proofs"])


def ask(visit: Visit, fields: Json, credential: Json) -> None:
    """Ask for what is missing; what cannot be read is asked for again."""
    if all(name in fields for name in NEEDED):
        return
    choices = _choices(visit, credential)
    questions: tuple[tuple[str, str, Any], ...] = (
        ("title", "ask-title", str.strip),
        ("provider", "ask-provider", str.strip),
        ("started_on", "ask-from", lambda text: cpd.day(text, "started_on")),
        ("ended_on", "ask-to", lambda text: cpd.day(text, "ended_on")),
        ("hours", "ask-hours", cpd.hours),
        ("category", "ask-category", lambda text: _chosen("category", cpd.category(text), choices)),
        ("topics", "ask-topics", lambda text: _chosen("topics", cpd.topics(text), choices)),
        ("competences", "ask-competences", lambda text: _chosen("competences", _some(text), choices)),
    )
    for name in choices:
        try:
            _chosen(name, fields.get(name, ()), choices)
        except cpd.Unreadable as wrong:  # given in an option: asked for again
            visit.errors.print(wrong.said(visit.voice), markup=False)
            del fields[name]
    for name, code, reading in questions:
        if name in fields or (name == "topics" and not choices["topics"]):
            continue
        for choice in choices.get(name, ()):
            visit.errors.print(f"  {choice['id']:14} {visit.voice.both(choice['label'])}", markup=False)
        default = {"ended_on": fields.get("started_on"), "topics": ""}.get(name)
        fields[name] = _asked(visit, visit.say(code), reading, default)


def _some(text: str) -> list[str]:
    found = cpd.competences(text)
    if not found:
        raise cpd.Unreadable("row-missing", column="competences")
    return found


def _chosen(name: str, given: Any, choices: dict[str, list[Json]]) -> Any:
    """Hold what was given against the choices, where the service tells them."""
    known = [str(choice["id"]) for choice in choices[name]]
    for one in (given,) if isinstance(given, str) else given:
        if known and one not in known:
            raise cpd.Unreadable("row-not-a-choice", column=name, value=one, choices=", ".join(known))
    return given


def _choices(visit: Visit, credential: Json) -> dict[str, list[Json]]:
    """Find out what can be answered, as far as the service tells."""
    ledger = visit.api.get(f"/v1/credentials/{credential['id']}/cpd")
    scheme = visit.api.get(f"/v1/schemes/{credential['scheme']}")
    return {
        "category": ledger["categories"],
        "topics": ledger["topics"],
        "competences": scheme.get("statements") or [],
    }


def ask_proof(visit: Visit) -> Proof | None:
    """Ask for a proof, which may come later."""
    while True:
        proof = typer.prompt(visit.say("ask-proof"), default="", show_default=False, err=True).strip()
        if not proof:
            return None
        told = "url" if proof.startswith(("http://", "https://")) else "referee"
        default = "certificate" if Path(proof).expanduser().is_file() else told
        kind = typer.prompt(visit.say("ask-proof-kind"), default=default, err=True).strip()
        try:
            return Proof.of(proof, kind)
        except NotUsable as wrong:
            visit.errors.print(wrong.said(visit.voice), markup=False)


def _asked(visit: Visit, question: str, reading: Any, default: str | None) -> Any:
    while True:
        text = typer.prompt(question, default=default or "", show_default=bool(default), err=True)
        if default is None and not text.strip():
            visit.note("answer-needed")
            continue
        try:
            return reading(text)
        except cpd.Unreadable as wrong:
            visit.errors.print(wrong.said(visit.voice), markup=False)


def log(visit: Visit, credential: Json, fields: Json, proof: Proof | None, *, claim: bool) -> Json:
    """Log an activity with its proof, once, however often it is tried."""
    body: Json = {
        "credential": credential["id"],
        **fields,
        "claim": claim and (proof is None or proof.file is None),
    }
    body.setdefault("ended_on", body["started_on"])
    if proof and proof.reference:
        body["proof"] = [{"kind": proof.kind, "reference": proof.reference}]
    made = visit.outbox.send(visit.api, "/v1/cpd-activities", body)
    if proof is None or made["state"] not in OPEN:
        return made
    told = any(one["reference"] == proof.reference for one in made["proofs"])
    return made if told and proof.file is None else prove(visit, made, [proof], claim=claim)


def prove(visit: Visit, activity: Json, proofs: Sequence[Proof], *, claim: bool = True) -> Json:
    """Add proofs to an activity, all of them, and then claim it if it waits for that.

    A question is not answered by what was there already, nor is what was turned down mended by it.
    """
    activity = _newest(visit, activity)
    state = activity["state"]
    new = [proof for proof in proofs if not proof.is_there(activity)]
    if not new and state in {"queried", "rejected"}:
        raise Declined(f"nothing-new-{state}", id=activity["id"])
    if not new:
        visit.note("proof-there")
    if state == "rejected":
        activity = _in_its_place(visit, activity, new)
    try:
        _send(visit, activity, [proof for proof in new if not proof.is_there(activity)])
        if claim and activity["state"] in {"draft", "queried"}:
            return visit.api.post(f"{_path(activity)}/claim")
    except Refused as refused:
        if activity["state"] != "draft":
            raise
        raise Refused(refused.status, {**refused.problem, "draft": activity["id"]}) from None
    return visit.api.get(_path(activity))


def _newest(visit: Visit, activity: Json) -> Json:
    """Go on with a version that took an activity's place and still waits for its proof; name any other."""
    if activity["state"] != "corrected":
        return activity
    versions = list(visit.api.all("/v1/cpd-activities", credential=str(activity["credential"])))
    newest = activity
    while newer := next((one for one in versions if one["corrects"] == newest["id"]), None):
        newest = newer
    if newest["state"] != "draft":
        raise Declined("activity-is-corrected", newer=newest["id"])
    return newest


def _in_its_place(visit: Visit, rejected: Json, new: Sequence[Proof]) -> Json:
    """Put a version in the place of an activity that was turned down; a file is sent to it afterwards."""
    told = [{"kind": proof.kind, "reference": proof.reference} for proof in new if proof.file is None]
    files = any(proof.file for proof in new)
    body = {**_fields(rejected), "proof": told, "claim": not files}
    made = visit.outbox.send(visit.api, f"{_path(rejected)}/correction", body)
    visit.print("activity-corrected", id=made["id"])
    return made


def _send(visit: Visit, activity: Json, proofs: Sequence[Proof]) -> None:
    uploads = terminal.Uploads(visit.errors)

    def opening(file: Path) -> AbstractContextManager[BinaryIO]:
        return uploads.open(file)

    with uploads.shown():
        for proof in proofs:
            if proof.file:
                cpd.add_file(visit.api, activity, proof.file, proof.kind, opening)
            else:
                told = {"kind": proof.kind, "reference": str(proof.reference)}
                visit.api.upload(f"{_path(activity)}/proofs", told)


def change(visit: Visit, activity: Json, fields: Json, *, claim: bool) -> Json:
    """Change an activity: a draft or a queried one itself, any other by a new version of it."""
    whole = {**_fields(activity), **fields, "claim": claim}
    if activity["state"] not in {"draft", "queried"}:
        return visit.outbox.send(visit.api, f"{_path(activity)}/correction", whole)
    if activity["state"] == "queried" and not any(
        _differs(activity.get(name), value) for name, value in fields.items()
    ):
        raise Declined("nothing-new-queried", id=activity["id"])
    return visit.api.put(_path(activity), whole)


def _path(activity: Json) -> str:
    return f"/v1/cpd-activities/{activity['id']}"


def _fields(activity: Json) -> Json:
    return {name: activity[name] for name in FIELDS if activity.get(name) is not None}


def _differs(before: Any, now: Any) -> bool:
    """Tell whether a value is another one: 7.50 hours are 7.5, and a list has no order."""
    if isinstance(now, dict) and isinstance(before, dict):
        return before.keys() != now.keys() or any(_differs(before[name], now[name]) for name in now)
    if isinstance(now, list) and isinstance(before, list):
        return set(before) != set(now)
    try:
        return Decimal(str(before)) != Decimal(str(now))
    except InvalidOperation:
        return bool((before or "") != (now or ""))


def show(visit: Visit, activity: Json, *, answered: bool = False) -> None:
    """Show what became of an activity, and what to do next."""
    voice, state = visit.voice, activity["state"]
    code = f"activity-{state}" if state in {"claimed", "accepted", "draft"} else "activity-other"
    facts = {
        "title": activity["title"],
        "hours": voice.amount(activity["hours"]),
        "category": activity["category"],
        "state": voice.named("activity", state),
    }
    if answered and state == "claimed":
        code = "activity-answered"
    visit.print(code, style="bold", **facts)
    for line in _needs(visit, activity):
        visit.out.print(line, markup=False)
    if state not in {"claimed", *WAITING}:
        visit.print("activity-next")


def _needs(visit: Visit, one: Json) -> list[str]:
    """Say what an activity waits for, and the command that gives it."""
    lines = [terminal.item_of(missing, visit.voice) for missing in _lacking(one)]
    if one.get("question") and one["state"] == "queried":
        lines.append(visit.say("activity-question", what=one["question"]))
    if one.get("reasons") and one["state"] == "rejected":
        lines.append(visit.say("activity-reasons", what=one["reasons"]))
    if one["state"] == "draft":
        lines.append(visit.say(next_of(one), id=one["id"]))
    if one["state"] in {"queried", "rejected"}:
        lines.append(visit.say(f"activity-{one['state']}-next", id=one["id"]))
    return lines


def next_of(draft: Json) -> str:
    """Say what a draft waits for: its holder, or nothing but to be claimed."""
    if _waits_for_renewal(draft):
        return "activity-renewal-pending"
    return "activity-draft-next" if draft.get("missing") else "activity-claim-next"


def _waits_for_renewal(activity: Json) -> bool:
    return any(one["code"] == "renewal-pending" for one in activity.get("missing") or ())


def _lacking(activity: Json) -> list[Json]:
    """List what its holder can add now: nothing while a renewal is looked at."""
    return [] if _waits_for_renewal(activity) else activity.get("missing") or []


def show_all(visit: Visit, found: list[Json], *, with_ids: bool, state: str | None = None) -> None:
    """Show activities as a table, then those that wait for their holder."""
    voice = visit.voice
    if not found and state:
        visit.print("activities-none-so", state=voice.named("activity", state))
        return
    if not found:
        visit.print("activities-none")
        return
    _table(visit, found, with_ids=with_ids)
    total = sum(float(one["hours"]) for one in found)
    count = "one" if len(found) == 1 else "many"
    visit.print(f"activities-total.{count}", number=len(found), hours=voice.amount(total))
    if waiting := [one for one in found if one["state"] in WAITING]:
        visit.out.print()
        visit.print("attention", style="bold yellow")
    for one in waiting:
        _attention(visit, one)


def _table(visit: Visit, found: list[Json], *, with_ids: bool) -> None:
    """Show activities in a table; ids stand whole, so that they can be copied, and leave room for less."""
    voice = visit.voice
    names = ("title", "hours", "state") if with_ids else ("title", "category", "hours", "proofs", "state")
    made = terminal.table(
        *(voice.say(f"col.{name}") for name in (("activity",) if with_ids else ()) + ("ended", *names)),
        title=voice.say("activities-title"),
        numbers=(3,) if with_ids else (3, 4),
    )
    if with_ids:
        made.columns[0].no_wrap = True
    for one in found:
        cells = {
            "activity": one["id"],
            "ended": voice.day(one["ended_on"]),
            "title": one["title"],
            "category": one["category"],
            "hours": voice.hours(one["hours"]),
            "proofs": str(len(one["proofs"])),
            "state": voice.named("activity", one["state"]),
        }
        made.add_row(
            *([cells["activity"]] if with_ids else []), cells["ended"], *(cells[name] for name in names)
        )
    visit.out.print(made)


def _attention(visit: Visit, one: Json) -> None:
    lines = _needs(visit, one)
    terminal.bullet(visit.out, f"{one['title']}: {visit.voice.named('activity', one['state'])}", *lines)
