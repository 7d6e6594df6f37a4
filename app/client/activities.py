"""One activity at a time: asked for, logged, proved, changed, shown."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import typer

from app.client import cpd, terminal
from app.client.api import Json, NotUsable
from app.client.folder import MEDIA_TYPES
from app.client.visit import Visit

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
        """Tell a file from a reference; a file is looked for where the command runs."""
        if not proof:
            if kind:
                raise NotUsable("proof-needed")
            return None
        if not kind and not proof.startswith(("http://", "https://")):
            raise NotUsable("proof-kind-needed")
        path = Path(proof).expanduser()
        if path.is_file():
            return cls(str(kind), file=path)
        if not proof.startswith(("http://", "https://")) and path.suffix.lower() in MEDIA_TYPES:
            raise NotUsable("file-gone", path=path)
        return cls(kind or "url", reference=proof)


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
        text = typer.prompt(question, default=default, show_default=bool(default), err=True)
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
    return made if told and proof.file is None else prove(visit, made, proof, claim=claim)


def prove(visit: Visit, activity: Json, proof: Proof, *, claim: bool = True) -> Json:
    """Add a proof to an activity, and claim it again if it waits for that."""
    path = f"/v1/cpd-activities/{activity['id']}"
    if proof.file:
        uploads = terminal.Uploads(visit.errors)

        def opening(file: Path) -> AbstractContextManager[BinaryIO]:
            return uploads.open(file)

        with uploads.shown():
            sent = cpd.add_file(visit.api, activity, proof.file, proof.kind, opening)
        if not sent:
            visit.note("proof-there")
    elif not any(one.get("reference") == proof.reference for one in activity["proofs"]):
        visit.api.upload(f"{path}/proofs", {"kind": proof.kind, "reference": str(proof.reference)})
    if claim and activity["state"] in {"draft", "queried"}:
        return visit.api.post(f"{path}/claim")
    return visit.api.get(path)


def change(visit: Visit, activity: Json, fields: Json, *, claim: bool) -> Json:
    """Change an activity: a draft or a queried one itself, a claimed one by a new version of it."""
    path = f"/v1/cpd-activities/{activity['id']}"
    whole = {name: activity[name] for name in FIELDS if activity.get(name) is not None} | fields
    if activity["state"] not in {"draft", "queried"}:
        return visit.outbox.send(visit.api, f"{path}/correction", whole)
    return visit.api.put(path, {**whole, "claim": claim})


def show(visit: Visit, activity: Json) -> None:
    """Show what became of an activity, and what to do next."""
    voice, state = visit.voice, activity["state"]
    code = f"activity-{state}" if state in {"claimed", "accepted", "draft"} else "activity-other"
    facts = {
        "title": activity["title"],
        "hours": voice.hours(activity["hours"]),
        "category": activity["category"],
        "state": voice.named("activity", state),
    }
    visit.print(code, style="bold", **facts)
    for missing in _lacking(activity):
        visit.print("activity-missing", what=terminal.item_of(missing, voice))
    visit.print(next_of(activity) if state == "draft" else "activity-next", id=activity["id"])


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
    made = terminal.table(
        *(voice.say(f"col.{name}") for name in ("ended", "title", "category", "hours", "proofs", "state")),
        title=voice.say("activities-title"),
        numbers=(3, 4),
    )
    for one in found:
        made.add_row(
            voice.day(one["ended_on"]),
            f"{one['title']}\n{one['id']}" if with_ids else one["title"],
            one["category"],
            voice.hours(one["hours"]),
            str(len(one["proofs"])),
            voice.named("activity", one["state"]),
        )
    visit.out.print(made)
    total = sum(float(one["hours"]) for one in found)
    visit.print("activities-total", number=len(found), hours=voice.hours(total))
    if waiting := [one for one in found if one["state"] in WAITING]:
        visit.out.print()
        visit.print("attention", style="bold yellow")
    for one in waiting:
        _attention(visit, one)


def _attention(visit: Visit, one: Json) -> None:
    lines: list[str] = [
        visit.say("activity-missing", what=terminal.item_of(missing, visit.voice))
        for missing in _lacking(one)
    ]
    if one.get("question") and one["state"] == "queried":
        lines.append(visit.say("activity-question", what=one["question"]))
    if one.get("reasons"):
        lines.append(visit.say("activity-reasons", what=one["reasons"]))
    if one["state"] == "draft":
        lines.append(visit.say(next_of(one), id=one["id"]))
    if one["state"] == "queried":
        lines.append(visit.say("activity-answer", id=one["id"]))
    terminal.bullet(visit.out, f"{one['title']}: {visit.voice.named('activity', one['state'])}", *lines)
