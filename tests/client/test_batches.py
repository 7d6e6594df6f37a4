"""An organisation sends a file, looks on, looks away, and sends it again."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.adapters import schema
from app.client import batches
from app.client.batches import Asked
from app.client.calls.batches import LINES, TABLE
from app.client.visit import Ends, Visit
from app.client.words import Language
from app.main import production_ports
from app.settings import Settings
from tests.batches.desk import Desk, decision, member
from tests.client.conftest import Member
from tests.serving import command, free_port, serving, settings


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("content", "kind", "media_type"),
    [
        (lines(member(1)), "members", LINES),
        (lines(decision(1)), "decisions", LINES),
        (lines({"external_id": "A", "decision": "dec_"}), "credentials", LINES),
        ("external_id,given_name\nA,B\n", "members", TABLE),
        ("\ufeffexternal_id;votes_for\nA;1\n", "decisions", TABLE),
        ("external_id,decision\nA,B\n", "credentials", TABLE),
    ],
)
def test_what_a_file_holds_is_told_by_its_first_row(
    tmp_path: Path, content: str, kind: str, media_type: str
) -> None:
    file = tmp_path / "rows"
    file.write_text(content, encoding="utf-8")
    asked = Asked.of(file, None, None, dry_run=False)
    assert (asked.query, asked.media_type) == ({"kind": kind}, media_type)


def test_the_key_of_a_file_is_kept_before_it_is_sent_and_stays_the_same(stranger: Member, home: Path) -> None:
    Path("rows.ndjson").write_text(lines(member(1)), encoding="utf-8")
    nobody = f"http://127.0.0.1:{free_port()}"
    for _ in range(2):
        said = stranger("batch", "rows.ndjson", "--url", nobody, SIGILLO_KEY="key_of.somebody")
        assert said.code == Ends.NETWORK
        (kept,) = (home / "batches").iterdir()
        assert set(json.loads(kept.read_text())) == {"key"}
    before = kept.read_text()
    stranger("batch", "rows.ndjson", "--url", nobody, SIGILLO_KEY="key_of.somebody")
    assert kept.read_text() == before


def test_whoever_looks_away_is_told_how_to_look_again(
    home: Path, capsys: pytest.CaptureFixture[str], stranger: Member
) -> None:
    del home, stranger
    visit = Visit(Language.EN, url="http://127.0.0.1:1", key="key_of.somebody", as_json=False)
    running = {"rows": 3, "counts": {"queued": 2}, "done": False}

    class Running:
        def get(self, path: str) -> dict[str, Any]:
            assert path == f"/v1/batches/bat_{'0' * 26}"
            return running

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt(seconds)

    vars(visit)["api"] = Running()
    with pytest.raises(KeyboardInterrupt):
        batches.follow(visit, f"bat_{'0' * 26}", pause=interrupted)
    said = " ".join(capsys.readouterr().err.split())
    assert f"sigillo batch --follow bat_{'0' * 26}" in said
    assert f"sigillo batch --cancel bat_{'0' * 26}" in said


@pytest.mark.parametrize("given", [(), ("--follow", "bat_x"), ("rows.csv", "--cancel", "bat_x")])
def test_one_thing_is_asked_for_at_a_time(stranger: Member, given: tuple[str, ...]) -> None:
    said = stranger("batch", *given, SIGILLO_KEY="key_of.somebody", SIGILLO_URL="http://127.0.0.1:1")
    assert said.code == Ends.USAGE


def test_an_organisation_sends_its_rows_with_the_command_alone(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://localhost:{port}"
    environment = settings(tmp_path, port)
    ports = production_ports(
        Settings(
            public_url=url,
            database_url=environment["SIGILLO_DATABASE_URL"],
            files_folder=tmp_path / "files",
            keys_folder=tmp_path / "keys",
            worker=False,
        )
    )
    schema.upgrade(ports.database)
    desk = Desk.opened(ports)
    ports.database.close()
    spoken = {
        **environment,
        "SIGILLO_HOME": str(tmp_path / "home"),
        "SIGILLO_LANG": "en",
        "SIGILLO_URL": url,
        "SIGILLO_KEY": desk.keys["secretary"],
    }
    file, wrong, out = tmp_path / "rows.ndjson", tmp_path / "wrong.ndjson", tmp_path / "done.csv"
    file.write_text(lines(member(1), member(2)), encoding="utf-8")
    wrong.write_text(lines(member(1), member(2, email="nowhere")), encoding="utf-8")
    with serving(environment, url):
        refused = command(spoken, "batch", str(wrong))
        assert refused.returncode == Ends.USAGE, refused.stderr
        assert "line 2, email" in " ".join(refused.stderr.split())
        wrong.write_bytes(lines(member(1)).encode() + b"Nicol\xf2\n")
        unread = " ".join(command(spoken, "batch", str(wrong)).stderr.split())
        assert "Faults in the file: 1." in unread
        assert "line 2: The row is not written in UTF-8." in unread
        rehearsed = command(spoken, "batch", str(file), "--dry-run")
        assert "2 would be done" in " ".join(rehearsed.stdout.split()), rehearsed.stderr
        sent = command(spoken, "batch", str(file), "--results", str(out))
        assert sent.returncode == Ends.OK, sent.stderr
        assert "2 rows: 2 done, 0 failed, 0 skipped" in " ".join(sent.stdout.split())
        assert out.read_text().count("\n") == 3
        again = json.loads(command(spoken, "batch", str(file), "--json").stdout)
        assert again["counts"]["skipped"] == 2, "what was done is done once"
        followed = command(spoken, "batch", "--follow", again["id"])
        assert followed.returncode == Ends.OK
        taken = tmp_path / "taken.ndjson"
        taken.write_text(lines(member(1, external_id="B-1")), encoding="utf-8")
        failed = command(spoken, "batch", str(taken))
        assert failed.returncode == Ends.REFUSED
        assert "membership-number-taken" in failed.stdout
        taken.write_text(lines(member(3, external_id="A-1")), encoding="utf-8")
        reused = command(spoken, "batch", str(taken))
        assert reused.returncode == Ends.REFUSED, "two programs that count from 1 learn of each other"
        assert "external-id-reused" in reused.stdout
    assert not list((tmp_path / "home" / "batches").iterdir()), "nothing is left to be asked again"
