"""The story goes on: three years of continuing development, an audit, and the renewal that it earns.

The member's part is told with the member's own commands, as a member would type them. Only the clock is
moved, the way an operator moves it for a demonstration; every page and document of these years says so.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default as default_policy
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from app.client.api import Api, Json
from app.client.narration import DemoService, Narrator, StoryBroken

SAMPLE: Final = "attivita.csv"
WRITTEN_FOR: Final = date(2026, 12, 1)  # the anchor that the dates in the sample belong to
BEFORE_THE_END: Final = timedelta(days=100)
DAY: Final = timedelta(days=1)
PUBLIC_WITHIN_SECONDS: Final = 15
NOT_ELIGIBLE: Final = 3
HOLDER: Final = "elena-marchetti"
WHO_ACTS: Final = (HOLDER, "secretariat", "scheme_manager", "registrar")


@dataclass(frozen=True, slots=True)
class Member:
    """The holder at their own machine: a folder for what the script keeps, and the commands they type."""

    url: str
    home: Path

    def types(self, say: Narrator, *words: str, expect: int = 0, key: str | None = None) -> None:
        """Run a command of the member's script and show it with what it prints."""
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        say.console.print(f"\n  [bold]$ sigillo {shown}[/]", soft_wrap=True)
        environment = {
            **os.environ,
            "SIGILLO_HOME": str(self.home / "sign-in"),
            "SIGILLO_LANG": "en",
            "COLUMNS": str(say.console.width - 4),
        }
        environment.pop("SIGILLO_KEY", None)
        if key is not None:
            environment |= {"SIGILLO_KEY": key, "SIGILLO_URL": self.url}
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "app.cli", *words],
            env=environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stdout + done.stderr).splitlines():
            say.console.print("  " + line, markup=False, soft_wrap=True)
        if done.returncode != expect:
            raise StoryBroken(f"`sigillo {shown}` ended with {done.returncode} and not with {expect}.")


def tell(
    say: Narrator, service: DemoService, people: dict[str, str], credential: Json, home: Path
) -> timedelta:
    """Go on from a credential that was just issued; `people` are those of the story, by id.

    Return how far the clock was moved in the end.
    """
    anchor, ends = (date.fromisoformat(credential[name]) for name in ("valid_from", "valid_until"))
    renewing = ends - BEFORE_THE_END
    say.step(f"Three years later: the clock is moved to {renewing:%d %B %Y}, and every page says so")
    with service.running(moved=renewing - anchor):
        _three_years(say, service.url, _Operator(renewing - anchor, people), credential, home)
    say.step("The day after the old period ended")
    afterwards = ends + DAY - anchor
    with service.running(moved=afterwards):
        _afterwards(say, service.url, _Operator(afterwards, people), credential)
    return afterwards


def _three_years(say: Narrator, url: str, operator: "_Operator", credential: Json, home: Path) -> None:
    report = Api(url).get(f"/v/{credential['number']}.json")
    say.result("the public page is told by a moved clock", str(report["clock_offset"]))
    _letter(say)
    keys = {who: operator.key(who) for who in WHO_ACTS}
    say.result("keys live for a year", "the operator makes new ones with `sigillo key issue`")
    member = Member(url, home)
    activities = _sample(home, date.fromisoformat(credential["valid_from"]))
    member.types(say, "login", key=keys[HOLDER])
    say.step("The holder imports three years of activities; some rows are turned down, each with its reason")
    member.types(say, "cpd", "import", activities.name, expect=NOT_ELIGIBLE)
    say.step("What counts, and what is still missing")
    member.types(say, "check", expect=NOT_ELIGIBLE)
    member.types(say, "renew", expect=NOT_ELIGIBLE)
    say.step("The holder does what is missing, and files the renewal")
    member.types(
        say,
        *("cpd", "add", "--title", "Misurare l'energia di un addestramento"),
        *("--provider", "Scuola Riva Profonda"),
        *("--from", str(report["checked_at"])[:10], "--hours", "2", "--category", "learning"),
        *("--topic", "sustainability:2", "--competence", "C2"),
        *("--proof", "https://corsi.example.org/attestati/riva-1377", "--proof-kind", "url"),
    )
    member.types(say, "renew")
    filed = Api(url, keys[HOLDER]).get(f"/v1/credentials/{credential['id']}/renewal")["renewal"]
    _audit(say, url, keys, filed)
    _approve(say, url, keys, filed)
    member.types(say, "download", "--all-periods")


def _letter(say: Narrator) -> None:
    """Show the reminder that the service wrote by itself: without a mail server, letters stay in a folder."""
    folder = Path(os.environ.get("SIGILLO_MAIL_FOLDER", "data/mail"))
    until = monotonic() + PUBLIC_WITHIN_SECONDS
    while not (letters := sorted(folder.glob("*.eml"))) and monotonic() < until:
        sleep(0.1)
    if not letters:
        raise StoryBroken("Nobody was reminded.")
    letter = message_from_bytes(letters[-1].read_bytes(), policy=default_policy)
    say.result("a reminder is on its way to the holder", str(letter["Subject"]))


def _audit(say: Narrator, url: str, keys: dict[str, str], filed: Json) -> None:
    say.step("The draw: its seed was promised before anybody filed, and now everybody may check it")
    manager, secretariat = Api(url, keys["scheme_manager"]), Api(url, keys["secretariat"])
    if filed["draw"]:
        drawn = manager.post(f"/v1/audit-draws/{filed['draw']['id']}/drawing")
        published = Api(url).get(f"/audit-draws/{filed['draw']['id']}.json")
        if published["commitment"] != filed["draw"]["commitment"] or published["sample"] != drawn["sample"]:
            raise StoryBroken("The draw is not the one that was promised.")
        say.result("commitment, told when it was filed", published["commitment"][:32] + "…")
        say.result("seed, published now", published["seed"][:32] + "…")
        say.result("drawn for an audit", f"{len(published['sample'])} of {len(published['population'])}")
    say.refused(
        "approval before the audit is over",
        lambda: Api(url, keys["registrar"]).post(f"/v1/renewals/{filed['id']}/approval"),
        "audit-not-finished",
    )
    accepted = 0
    for activity in _activities(secretariat, filed["credential"]):
        if activity["state"] == "claimed":
            secretariat.post(f"/v1/cpd-activities/{activity['id']}/acceptance")
            accepted += 1
    say.result("the secretariat looks at each proof and accepts", f"{accepted} activities")


def _activities(api: Api, credential: str) -> list[Json]:
    found: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/cpd-activities", credential=credential, **cursor)
        found += page["data"]
        if not page["next_cursor"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


def _approve(say: Narrator, url: str, keys: dict[str, str], filed: Json) -> None:
    say.step("The registrar approves: a second period, and a document of its own")
    member = Api(url, keys[HOLDER])
    say.refused(
        "the holder approves their own renewal",
        lambda: member.post(f"/v1/renewals/{filed['id']}/approval"),
        "permission-missing",
    )
    approved = Api(url, keys["registrar"]).post(f"/v1/renewals/{filed['id']}/approval")
    say.result("second period", f"{approved['period']['valid_from']} to {approved['period']['valid_until']}")


def _afterwards(say: Narrator, url: str, operator: "_Operator", credential: Json) -> None:
    holder, anyone = Api(url, operator.key(HOLDER)), Api(url)
    path = f"/v1/credentials/{credential['id']}/documents/vc+jwt"
    looks: dict[str, tuple[Callable[[], Json], str, str]] = {
        "by QR and number": (
            lambda: anyone.get(f"/v/{credential['number']}.json"),
            "valid_with_warnings",
            "active",
        ),
        "the new document": (
            lambda: anyone.post("/v1/verifications", {"credential": holder.text(path)}),
            "valid_with_warnings",
            "active",
        ),
        "the old document": (
            lambda: anyone.post("/v1/verifications", {"credential": holder.text(f"{path}?period=1")}),
            "invalid",
            "superseded",
        ),
    }
    for how, (ask, result, state) in looks.items():
        until = monotonic() + PUBLIC_WITHIN_SECONDS
        while (found := ask())["credential"]["state"] != state and monotonic() < until:
            sleep(0.1)
        say.result(how, f"{found['result']}, {found['credential']['state']}: {found['headline']['en']}")
        if (found["result"], found["credential"]["state"]) != (result, state):
            raise StoryBroken(f"Expected {result}/{state}, found {found['result']}.")
        for check in found["checks"]:
            if check["id"] == "superseded" and state == "superseded":
                say.result("what took its place", check["reason"]["en"])


@dataclass(frozen=True, slots=True)
class _Operator:
    """Who runs the service, at a machine whose clock is moved like the service's."""

    moved: timedelta
    people: dict[str, str]

    def key(self, who: str) -> str:
        """Make a person's key anew: after three years the first ones have expired."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "app.cli", "key", "issue", self.people[who], "--json"],
            env={**os.environ, "SIGILLO_CLOCK_OFFSET": f"P{self.moved.days}D"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StoryBroken(f"The key could not be made.\n{done.stderr}")
        return str(json.loads(done.stdout)["token"])


def _sample(home: Path, anchor: date) -> Path:
    """Copy the sample beside its proofs, its dates moved to this credential's own years."""
    source = Path(str(files("app.samples"))) / "renewal"
    moved = anchor - WRITTEN_FOR
    for proof in source.glob("*.md"):
        (home / proof.name).write_bytes(proof.read_bytes())
    target = home / SAMPLE
    with (
        (source / SAMPLE).open(encoding="utf-8", newline="") as read,
        target.open("w", encoding="utf-8", newline="") as written,
    ):
        rows = csv.DictReader(read, delimiter=";")
        out = csv.DictWriter(written, rows.fieldnames or (), delimiter=";")
        out.writeheader()
        for row in rows:
            for column in ("dal", "al"):
                day, month, year = map(int, row[column].split("/"))
                row[column] = (date(year, month, day) + moved).isoformat()
            out.writerow(row)
    return target
