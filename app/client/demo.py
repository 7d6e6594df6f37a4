"""The whole story once, over HTTP: two candidates, a committee, one credential, and what becomes of it.

Everything here goes through the same commands and routes that people use; nothing is relaxed for it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final

import yaml
from rich.console import Console

from app.client import demo_years, submission, terminal
from app.client import folder as folders
from app.client.api import Api, Json, Refused, Unreachable
from app.client.narration import DemoService, Narrator, StoryBroken, answers

URL: Final = "http://localhost:8000"
PUBLIC_WITHIN_SECONDS: Final = 15  # two on a machine that has nothing else to do
GOOD, WEAK = "elena-marchetti", "davide-corsini"
COMMITTEE: Final = ("chair", "first_member", "second_member", "third_member")


@dataclass
class Cast:
    """The people of the story, each with a key of their own."""

    url: str
    organisation: str
    ids: dict[str, str] = field(default_factory=dict)
    apis: dict[str, Api] = field(default_factory=dict)

    def __getitem__(self, who: str) -> Api:
        return self.apis[who]


def tell(console: Console) -> int:
    """Tell the story on the console; return 0 if every step came out as it must."""
    url = os.environ.get("SIGILLO_PUBLIC_URL", URL)
    if answers(url):
        console.print(f"Something answers at {url} already. Stop it, or set SIGILLO_PUBLIC_URL to another.")
        return 1
    try:
        association = _yaml(_samples() / "association.yaml")
        founded = _found(association["organisation"], association["people"]["administrator"])
        service = DemoService(url)
        with service.running():
            cast, credential = _story(console, url, association, founded)
        with TemporaryDirectory() as home:
            moved = demo_years.tell(Narrator(console), service, cast.ids, credential, Path(home))
    except (StoryBroken, Refused, Unreachable) as broken:
        console.print(f"\n[bold red]The story broke off:[/] {broken}")
        if isinstance(broken, Refused):
            terminal.refusal(console, broken)
        return 1
    console.rule("[bold]That was the whole story")
    console.print("It ended in a moved present. To see there what a stranger sees, run")
    console.print(f"  [bold]SIGILLO_CLOCK_OFFSET=P{moved.days}D make serve[/]", soft_wrap=True)
    console.print(f"and open {url}/v/{credential['number']} ([bold]make serve[/] alone goes back to today).")
    return 0


def _story(console: Console, url: str, association: Json, founded: Json) -> tuple[Cast, Json]:
    say = Narrator(console)
    cast = _gather(say, url, association, founded)
    ties = {(c["person"], c["dossier"]): c for c in association["conflicts"]}

    credential = _judge(
        say, cast, ties, GOOD, assessors=("third_assessor", "first_assessor", "second_assessor")
    )
    if credential is None:
        raise StoryBroken("The good dossier was not granted.")
    number = str(credential["number"])
    console.print(terminal.qr(credential["verify_url"]), highlight=False)
    say.result("the QR opens", credential["verify_url"])
    _verify_everything(say, cast, credential)

    say.step("The weak dossier")
    if _judge(say, cast, ties, WEAK, assessors=("first_assessor", "third_assessor")) is not None:
        raise StoryBroken("The weak dossier was granted.")

    say.step("Revoked by mistake of the office: the same candidate is judged again, for a new number")
    quiet = Narrator(Console(quiet=True))
    again = _judge(quiet, cast, ties, GOOD, assessors=("first_assessor", "second_assessor"))
    if again is None or again["number"] == number:
        raise StoryBroken("A number was used twice.")
    say.result("number", f"{again['number']}, while {number} stays revoked")
    return cast, again


def _gather(say: Narrator, url: str, association: Json, founded: Json) -> Cast:
    say.step("A fictional association, and its people with a key each")
    cast = Cast(url, founded["organisation"])
    cast.ids["administrator"] = founded["administrator"]
    cast.apis["administrator"] = Api(url, founded["administrator_key"])
    cast.apis["client"] = Api(url, founded["client_key"])
    cast.apis["anyone"] = Api(url)
    admin = cast["administrator"]
    for who, person in association["people"].items():
        if who == "administrator":
            continue
        body = {name: person[name] for name in ("given_name", "family_name", "name_on_credential", "email")}
        if person.get("membership"):
            body["membership"] = {k: v for k, v in person["membership"].items() if v is not None}
        made = admin.post(
            f"/v1/organisations/{cast.organisation}/members", {**body, "roles": person.get("roles", [])}
        )
        cast.ids[who] = made["id"]
        cast.apis[who] = Api(url, admin.post("/v1/api-keys", {"person": made["id"]})["token"])
    say.result("people with a key of their own", str(len(cast.ids)))
    return cast


def _judge(
    say: Narrator,
    cast: Cast,
    ties: Mapping[tuple[str, str], Json],
    name: str,
    *,
    assessors: tuple[str, ...],
) -> Json | None:
    """Take a dossier from its folder to a published decision; give the credential if it was granted."""
    dossier, evidence = _hand_in(say, cast, name)
    _assess(say, cast, ties, name, dossier, evidence, assessors)
    decision = _decide(say, cast, ties, name, dossier)
    if decision["outcome"] != "grant":
        say.refused(
            "no credential from a decision that is no grant",
            lambda: cast["registrar"].post("/v1/credentials", {"decision": decision["id"]}),
            "decision-not-granted",
        )
        return None
    say.step("The registrar issues the credential")
    credential = cast["registrar"].post("/v1/credentials", {"decision": decision["id"]})
    say.result("number", credential["number"])
    say.result("valid", f"{credential['valid_from']} to {credential['valid_until']}")
    say.refused(
        "a second attempt on the same decision",
        lambda: cast["client"].post("/v1/credentials", {"decision": decision["id"]}),
        "credential-issued-already",
    )
    return credential


def _hand_in(say: Narrator, cast: Cast, name: str) -> tuple[str, dict[str, str]]:
    say.step(f"{name} hands in a dossier")
    folder = folders.read(_samples() / "dossiers" / name)
    api = cast[name]
    opened = submission.open_dossier(api, folder)
    submission.send_missing(api, opened, folder)
    receipt = submission.submit(api, opened["id"])
    terminal.receipt(say.console, receipt)
    say.refused(
        "evidence after submission",
        lambda: api.upload(f"/v1/dossiers/{opened['id']}/evidence", {"kind": "open_source", "fields": "{}"}),
        "dossier-closed-to-changes",
    )
    dossier = api.get(f"/v1/dossiers/{opened['id']}")
    path = dossier["paths"][0]
    cast["secretariat"].post(f"/v1/dossiers/{dossier['id']}/admission", {"path": path})
    say.result("admitted by the secretariat on path", path)
    return dossier["id"], {
        item["file"]["original_name"]: item["id"] for item in dossier["evidence"] if item["file"]
    }


def _declare(cast: Cast, ties: Mapping[tuple[str, str], Json], who: str, name: str, dossier: str) -> Json:
    tie = ties.get((who, name))
    body: Json = {"kind": "none"}
    if tie is not None:
        body = {"kind": tie["kind"], "note": tie["note"]}
        if tie.get("until"):
            body["ended_on"] = tie["until"]
    return cast[who].post(f"/v1/dossiers/{dossier}/declarations", body)


def _assess(
    say: Narrator,
    cast: Cast,
    ties: Mapping[tuple[str, str], Json],
    name: str,
    dossier: str,
    evidence: Mapping[str, str],
    assessors: tuple[str, ...],
) -> None:
    say.step("Assessors declare their ties, then score without seeing each other's scores")
    scores = {
        a["assessor"]: a["scores"]
        for a in _yaml(_samples() / "dossiers" / name / "scores.yaml")["assessments"]
    }
    assessments: dict[str, str] = {}
    for who in assessors:
        cast["scheme_manager"].post(f"/v1/dossiers/{dossier}/assignments", {"assessor": cast.ids[who]})
        say.refused(
            f"{who} reads before declaring",
            lambda w=who: cast[w].get(f"/v1/dossiers/{dossier}"),
            "declaration-required",
        )
        declared = _declare(cast, ties, who, name, dossier)
        if declared["conflicted"]:
            say.refused(
                f"{who} declares a conflict and is turned away",
                lambda w=who: cast[w].get(f"/v1/dossiers/{dossier}"),
                "conflict-of-interest",
            )
        else:
            assessments[who] = declared["assessment"]
    for who, assessment in assessments.items():
        cast[who].put(
            f"/v1/assessments/{assessment}/scores",
            {
                "scores": [
                    {
                        "criterion": criterion,
                        "value": given["score"],
                        "comment": given["comment"],
                        "evidence": [evidence[file] for file in given["evidence"]],
                    }
                    for criterion, given in scores[who].items()
                ]
            },
            of=f"/v1/assessments/{assessment}",
        )
    first, second = assessments
    say.refused(
        "an assessor looks at the other's scores too early",
        lambda: cast[first].get(f"/v1/assessments/{assessments[second]}"),
        "still-blind",
    )
    for who, assessment in assessments.items():
        total = cast[who].post(f"/v1/assessments/{assessment}/submission", {"flags": []})["total"]
        say.result(f"{who} scores", str(total))
    result = cast["scheme_manager"].get(f"/v1/dossiers/{dossier}/result")
    say.result(
        "consensus", f"{result['total']} of 100: {result['outcome']} {' '.join(result['failed'])}".strip()
    )


def _decide(say: Narrator, cast: Cast, ties: Mapping[tuple[str, str], Json], name: str, dossier: str) -> Json:
    say.step("The committee meets, votes and publishes")
    plan = _yaml(_samples() / "dossiers" / name / "scores.yaml")["decision"]
    meeting = cast["chair"].post("/v1/meetings", {"present": [cast.ids[who] for who in COMMITTEE]})
    conflicted = [who for who in COMMITTEE if _declare(cast, ties, who, name, dossier)["conflicted"]]
    decision = cast["chair"].post("/v1/decisions", {"dossier": dossier, "meeting": meeting["id"]})
    vote = f"/v1/decisions/{decision['id']}/votes"
    for who in conflicted:
        say.refused(
            f"{who} has a conflict and may not vote",
            lambda w=who: cast[w].post(vote, {"choice": "grant"}),
            "conflict-of-interest",
        )
    for who, choice in plan["votes"].items():
        cast[who].post(vote, {"choice": choice})
        say.result(f"{who} votes", choice)
    published = cast["chair"].post(
        f"/v1/decisions/{decision['id']}/publication", {"reasons": plan["reasons"]}
    )
    quorum = published["quorum"]
    say.result("decision", f"{published['outcome']} ({quorum['present']} present, quorum {quorum['needed']})")
    say.result("pinned to case file", published["case_file_hash"][:32] + "…")
    return published


def _verify_everything(say: Narrator, cast: Cast, credential: Json) -> None:
    say.step("A stranger verifies: by number, and the document itself")
    document = cast["registrar"].text(f"/v1/credentials/{credential['id']}/documents/vc+jwt")
    path = f"/v1/credentials/{credential['id']}"

    def look(expected: str, state: str) -> None:
        """Look in both ways; a change is public within two seconds, so look again, with patience."""
        asked: dict[str, Callable[[], Json]] = {
            "by QR and number": lambda: cast["anyone"].get(f"/v/{credential['number']}.json"),
            "the document": lambda: cast["anyone"].post("/v1/verifications", {"credential": document}),
        }
        for how, ask in asked.items():
            ends = monotonic() + PUBLIC_WITHIN_SECONDS
            while (found := ask())["credential"]["state"] != state and monotonic() < ends:
                sleep(0.1)
            say.result(how, f"{found['result']}: {found['headline']['en']}")
            if (found["result"], found["credential"]["state"]) != (expected, state):
                raise StoryBroken(f"Expected {expected}/{state}, found {found['result']}.")

    look("valid_with_warnings", "active")
    say.step("Suspension, reinstatement, revocation")
    cast["registrar"].post(
        path + "/suspension", {"cause": "own_request", "reasons": "Richiesta della titolare."}
    )
    look("invalid", "suspended")
    cast["registrar"].post(path + "/reinstatement", {"reasons": "Fine della sospensione richiesta."})
    look("valid_with_warnings", "active")
    tampered = document[:-20] + ("A" if document[-20] != "A" else "B") + document[-19:]
    report = cast["anyone"].post("/v1/verifications", {"credential": tampered})
    say.result("one character changed", f"{report['result']}: {report['headline']['en']}")
    if report["result"] != "invalid" or report["credential"] is not None:
        raise StoryBroken("A changed document was not refused.")
    cast["registrar"].post(
        path + "/revocation", {"cause": "issued_in_error", "reasons": "Esempio di revoca."}
    )
    look("invalid", "revoked")


def _samples() -> Path:
    return Path(str(files("app.samples")))


def _yaml(path: Path) -> Json:
    found: Json = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _found(organisation: Json, administrator: Json) -> Json:
    command = [
        *(sys.executable, "-m", "app.cli", "organisation", "create", "--json"),
        *("--legal-name", organisation["legal_name"], "--url", organisation["url"]),
        *("--given-name", administrator["given_name"], "--family-name", administrator["family_name"]),
        *("--email", administrator["email"], "--time-zone", organisation["timezone"]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise StoryBroken(f"The organisation could not be created.\n{done.stderr}")
    found: Json = json.loads(done.stdout)
    return found
