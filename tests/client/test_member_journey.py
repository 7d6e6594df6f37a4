"""A member's three years with the real service, by the member's own commands and nothing else."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import httpx

from app.adapters import schema
from app.client.visit import Ends
from app.main import production_ports
from app.organisations.rules import Role
from app.settings import Settings
from tests import make
from tests.credentials.office import Office
from tests.serving import command, free_port, serving, settings

DAY: Final = timedelta(days=1)
HEAD: Final = "titolo;ente;dal;al;ore;categoria;temi;competenze;nota;tipo_prova;prova"


@dataclass
class Machine:
    """The member's own machine: a folder, a sign-in, an address to go to."""

    folder: Path
    url: str

    def types(self, *words: str, expect: int = 0, given: Mapping[str, str] | None = None) -> str:
        """Type a command; give what it said, on one line."""
        done = self._run(*words, given=given)
        assert done.returncode == expect, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return " ".join((done.stdout + done.stderr).split())

    def asks(self, *words: str, expect: int = 0) -> Any:
        """Run a command as a program does."""
        done = self._run(*words, "--json")
        assert done.returncode == expect, (words, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def _run(self, *words: str, given: Mapping[str, str] | None = None) -> CompletedProcess[str]:
        environment = {
            **settings(self.folder, 0),
            "SIGILLO_HOME": str(self.folder / "home"),
            "SIGILLO_LANG": "it",
            "COLUMNS": "100",
            **(given or {}),
        }
        return command(environment, *words)


def call(url: str, key: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    answer = httpx.post(
        f"{url}{path}", json=dict(body or {}), headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    assert answer.is_success, answer.text
    return answer.json()


def key(environment: Mapping[str, str], person: str) -> str:
    """Have the operator make a key; those of three years ago have expired."""
    done = command(environment, "key", "issue", person, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["token"])


def written(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def years(begins: date) -> list[str]:
    """Three years of development as rows: enough in all, but for one subject."""
    rows = []
    for year in range(3):
        for place, (category, provider, hours, topics) in enumerate(
            (
                ("learning", "Scuola di prova", "16", "responsible_ai:3"),
                ("practice", "Impresa di prova", "8", ""),
                ("contribution", "Rivista di prova", "7,5", ""),
            )
        ):
            first = begins + timedelta(days=365 * year + 30 + 10 * place)
            proof = (
                "artefact;scheda.md" if (year, place) == (0, 1) else f"url;https://example.org/{year}/{place}"
            )
            rows.append(
                f"Attività {year}.{place};{provider};{written(first)};{written(first + 4 * DAY)};{hours};"
                f"{category};{topics};T1 C1;;{proof}"
            )
    return rows


def test_a_member_goes_from_the_sign_in_to_a_renewed_credential_with_the_commands_alone(
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"http://localhost:{port}"
    environment = settings(tmp_path, port)
    machine = Machine(tmp_path, url)

    # A body that has judged a dossier and issued a credential.
    ports = production_ports(
        Settings(
            public_url=url,
            database_url=environment["SIGILLO_DATABASE_URL"],
            files_folder=tmp_path / "files",
            keys_folder=tmp_path / "keys",
        )
    )
    schema.upgrade(ports.database)
    office = Office.opened(ports)
    holder = office.candidate(name="Elena Marchetti")
    with ports.database.writing(office.organisation_id) as session:
        people = {
            role: make.person(session, office.organisation_id, role, at=office.now).id
            for role in (Role.SECRETARIAT, Role.SCHEME_MANAGER)
        }
    issued = office.issue(office.decision(holder))
    anchor, ends = issued.periods[0].valid_from, issued.periods[0].valid_until
    number = issued.number
    first_key = office.key(holder)
    ports.database.close()

    # In the first days: the sign-in, where one stands, the document, and what a stranger reads in it.
    with serving(environment, url):
        said = machine.types("login", "--url", url, given={"SIGILLO_KEY": first_key})
        assert "sigillo status" in said
        assert first_key not in said
        assert number in machine.types("status", "--qr")
        assert machine.types("cpd", "list").startswith("Nessuna attività")
        assert "Contano 0 ore su 90" in machine.types("check", expect=Ends.REFUSED)
        assert "si apre il" in machine.types("renew", expect=Ends.REFUSED)
        saved = machine.asks("download", "--to", str(tmp_path / "out"), "--qr")["files"]
        document, picture = (file["path"] for file in saved)
        assert machine.asks("verify", document, "--url", url)["credential"]["number"] == number
        assert machine.asks("verify", picture, "--url", url)["credential"]["number"] == number
        spoilt = Path(document).read_text(encoding="utf-8")[:-9] + "AAAAAAAAA"
        (tmp_path / "spoilt").write_text(spoilt, encoding="utf-8")
        assert "NON VALIDA" in machine.types(
            "verify", str(tmp_path / "spoilt"), "--url", url, expect=Ends.REFUSED
        )

    # Three years on, a hundred days before the end.
    moved = {**environment, "SIGILLO_CLOCK_OFFSET": f"P{(ends - 100 * DAY - anchor).days}D"}
    with serving(moved, url):
        assert "sigillo login" in machine.types("check", expect=Ends.SIGN_IN)  # keys live for a year
        machine.types("login", "--url", url, given={"SIGILLO_KEY": key(moved, holder.id)})

        # Everything at once, from a spreadsheet, with a proof beside it and some mistakes.
        (tmp_path / "scheda.md").write_text("# Una scheda\n", encoding="utf-8")
        rows = years(anchor)
        wrong = [
            rows[0].replace("Attività", "Sbagliata").replace(";16;", ";0;"),
            rows[0].replace("/", ":", 2),
        ]
        csv = tmp_path / "attivita.csv"
        csv.write_text("\n".join([HEAD, *rows, *wrong]), encoding="utf-8-sig")
        found = machine.asks("cpd", "import", str(csv), expect=Ends.REFUSED)
        assert found["counts"] == {"created": 9, "unchanged": 0, "refused": 2, "not_sent": 0}
        assert all(result["reasons"] for result in found["results"][9:])
        assert [result["state"] for result in found["results"][:9]] == ["claimed"] * 9
        assert found["files_sent"] == 1
        csv.write_text("\n".join([HEAD, *rows]), encoding="utf-8-sig")
        assert "non è cambiato niente" in machine.types("cpd", "import", str(csv))

        # What is missing is said, and done.
        (gap,) = machine.asks("check", expect=Ends.REFUSED)["cpd"]["gaps"]
        assert gap["what"] == "sustainability"
        assert gap["detail"]["it"] in machine.types("renew", "--dry-run", expect=Ends.REFUSED)
        machine.types("renew", expect=Ends.REFUSED)
        add = (
            "cpd",
            "add",
            "--title",
            "Consumi",
            "--provider",
            "Scuola verde",
            "--from",
            written(ends - 120 * DAY),
        )
        hours = (
            "--hours",
            "2",
            "--category",
            "learning",
            "--topic",
            "sustainability:2",
            "--competence",
            "C2",
        )
        draft = machine.asks(*add, *hours)
        assert (draft["state"], len(draft["missing"])) == ("draft", 1)
        (tmp_path / "attestato.md").write_text("# Attestato\n", encoding="utf-8")
        prove = (
            "cpd",
            "prove",
            draft["id"],
            "--proof",
            str(tmp_path / "attestato.md"),
            "--proof-kind",
            "certificate",
        )
        assert machine.asks(*prove)["state"] == "claimed"
        corrected = machine.asks("cpd", "change", draft["id"], "--hours", "2,5")
        assert (corrected["hours"], corrected["corrects"], corrected["state"]) == (
            "2.5",
            draft["id"],
            "claimed",
        )
        taken_back = machine.types("cpd", "discard", corrected["id"], expect=Ends.REFUSED)
        assert f"sigillo cpd change {corrected['id']} --draft" in taken_back

        # The office turns it down, then asks about the new version: nothing is answered by the same again.
        secretary, manager = (key(moved, people[role]) for role in (Role.SECRETARIAT, Role.SCHEME_MANAGER))
        call(url, secretary, f"/v1/cpd-activities/{corrected['id']}/rejection", {"reasons": "Manca la data."})
        mend = ("cpd", "prove", corrected["id"], "--proof-kind", "certificate", "--proof")
        assert "Manca la data." in machine.types(*add, "--hours", "2,5", *hours[2:], expect=Ends.REFUSED)
        machine.types(*mend, str(tmp_path / "attestato.md"), expect=Ends.REFUSED)
        (tmp_path / "con-data.md").write_text("# Attestato, con la data\n", encoding="utf-8")
        newer = machine.asks(*mend, str(tmp_path / "con-data.md"))
        assert (newer["state"], newer["corrects"]) == ("claimed", corrected["id"])
        call(url, secretary, f"/v1/cpd-activities/{newer['id']}/query", {"question": "Chi l'ha tenuto?"})
        reply = ("cpd", "prove", newer["id"], "--proof-kind", "certificate", "--proof")
        said = machine.types(*reply, str(tmp_path / "con-data.md"), expect=Ends.REFUSED)
        assert "la domanda resta" in said
        (tmp_path / "firma.md").write_text("# Firmato\n", encoding="utf-8")
        said = machine.types(*reply, str(tmp_path / "firma.md"), "--proof", "https://example.org/programma")
        assert "Risposto: Consumi" in said
        assert (
            len(machine.asks("cpd", "prove", newer["id"], *reply[3:], str(tmp_path / "firma.md"))["proofs"])
            == 4
        )
        machine.types("check")

        # The renewal is looked at first, filed once, and decided by others.
        assert "si può chiedere oggi" in machine.types("renew", "--dry-run").lower()
        filed = machine.asks("renew")
        assert machine.asks("renew")["id"] == filed["id"]
        call(url, manager, f"/v1/audit-draws/{filed['draw']['id']}/drawing")
        assert "sotto controllo" in machine.types("status")
        for activity in machine.asks("cpd", "list", "--state", "claimed")["data"]:
            call(url, secretary, f"/v1/cpd-activities/{activity['id']}/acceptance")
        call(url, manager, f"/v1/renewals/{filed['id']}/approval")
        said = machine.types("status")
        assert re.search(r"Approvato. Il documento rinnovato vale dal .* al \d+ \w+ \d{4}", said)

    # The day after the old end: a new document, and the old one gives way to it.
    afterwards = {**environment, "SIGILLO_CLOCK_OFFSET": f"P{(ends + DAY - anchor).days}D"}
    with serving(afterwards, url):
        saved = machine.asks("download", "--all-periods", "--to", str(tmp_path / "out"))["files"]
        assert [file["new"] for file in saved] == [False, True]
        assert saved[1]["valid_from"] == (ends + DAY).isoformat()
        assert machine.asks("verify", saved[1]["path"])["credential"]["state"] == "active"
        old = machine.asks("verify", saved[0]["path"], expect=Ends.REFUSED)
        assert old["credential"]["state"] == "superseded"
        assert machine.asks("check", expect=Ends.REFUSED)["cpd"]["cycle"] == 2
        machine.types("logout")
        machine.types("status", expect=Ends.SIGN_IN)
