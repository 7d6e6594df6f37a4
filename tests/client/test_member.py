"""The members' commands, each as it is met: what it says, how it ends, what a program gets."""

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.main import get_command

from app.cli import OPERATORS, app
from app.client import terminal
from app.client.api import Refused
from app.client.bilingual import COMMANDS, OPTIONS, key_of
from app.client.visit import Ends
from app.client.words import SENTENCES, Language, Voice, language
from tests.client.conftest import Member
from tests.client.stub import CREDENTIAL, KEY, NUMBER, Stub, credential
from tests.serving import command

ADD = [
    *(
        "cpd",
        "add",
        "--title",
        "A course",
        "--provider",
        "A school",
        "--from",
        "15/03/2027",
        "--hours",
        "7,5",
    ),
    *("--category", "learning", "--competence", "T1 C1", "--topic", "responsible_ai:2"),
]
URL = ("--proof", "https://example.org/1")


def commands(found_in: Any = None, path: str = "") -> list[tuple[str, Any]]:
    """List every command of members with its path."""
    found = [(path, found_in)] if found_in else []
    for name, child in getattr(found_in or get_command(app), "commands", {}).items():
        if getattr(child, "rich_help_panel", None) != OPERATORS:
            found += commands(child, f"{path} {name}".strip())
    return found


def test_status_tells_where_a_member_stands_and_what_is_next(member: Member, service: Stub) -> None:
    service.dossiers = [
        {"id": "dos_1", "scheme": "ai", "status": "returned", "submitted_at": "2026-10-01T10:00:00Z"}
    ]
    said = member("status", "--qr")
    assert said.code == Ends.OK
    assert NUMBER in said.words
    assert "Valid from 20 November 2026 until 20 November 2029" in said.words
    assert "file it by 20 November 2029" in said.words
    assert "came back to you" in said.words
    assert "▀" in said.out
    assert set(member("status", "--json").json) == {
        "me",
        "dossiers",
        "credentials",
        "clock_offset",
    }
    said = member("status", "--lang", "it")
    assert "Vale dal 20 novembre 2026 al 20 novembre 2029" in said.words


def test_status_does_without_what_a_service_does_not_tell(member: Member, service: Stub) -> None:
    service.answers[f"/v1/credentials/{CREDENTIAL}/renewal"] = 404, b"{}"
    service.answers["/v1/dossiers"] = 403, b"{}"
    assert member("status").code == Ends.OK
    service.credentials = []
    assert "dossier submit" in member("status").words


@pytest.mark.parametrize("phase", ["not_open", "open", "grace", "reinstatement", "lapsed"])
@pytest.mark.parametrize("spoken", list(Language))
def test_each_phase_of_a_renewal_is_said_with_its_dates(
    member: Member, service: Stub, phase: str, spoken: Language
) -> None:
    service.phase = phase
    said = member("status", "--lang", spoken.value)
    assert said.code == Ends.OK
    assert "{" not in said.words


def test_an_activity_is_logged_with_its_proof_and_claimed(member: Member, service: Stub) -> None:
    said = member(*ADD, *URL)
    assert said.code == Ends.OK
    assert "Claimed: A course, 7.5 hours" in said.words
    (made,) = service.activities.values()
    assert made["topics"] == {"responsible_ai": "2"}
    assert made["competences"] == ["T1", "C1"]
    assert made["ended_on"] == "2027-03-15"
    assert member(*ADD, *URL, "--json").json["id"] == made["id"]
    assert len(service.activities) == 1


def test_an_activity_without_a_proof_stays_a_draft_until_one_is_sent(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    said = member(*ADD)
    assert "Kept as a draft" in said.words
    assert "sigillo cpd prove act_00000000000000000000000001 --proof FILE" in said.words
    (tmp_path / "work" / "proof.pdf").write_bytes(b"%PDF-1.7")
    said = member(
        "cpd",
        "prove",
        "act_00000000000000000000000001",
        "--proof",
        "proof.pdf",
        "--proof-kind",
        "certificate",
    )
    assert (said.code, "Claimed" in said.words) == (Ends.OK, True)
    assert service.activities["act_00000000000000000000000001"]["proofs"][0]["original_name"] == "proof.pdf"


def test_a_draft_that_is_logged_again_with_its_proof_is_claimed(member: Member, service: Stub) -> None:
    member(*ADD)
    assert member(*ADD, *URL, "--json").json["state"] == "claimed"
    assert [
        proof["reference"] for proof in service.activities["act_00000000000000000000000001"]["proofs"]
    ] == [URL[1]]


def test_a_file_that_proves_is_sent_once_although_the_line_breaks(member: Member, service: Stub) -> None:
    Path("proof.pdf").write_bytes(b"%PDF-1.7")
    command = [*ADD, "--proof", "proof.pdf", "--proof-kind", "certificate"]
    service.hang_up = lambda method, path: "before" if path.endswith("/claim") else None  # noqa: ARG005
    assert member(*command).code == Ends.NETWORK
    service.hang_up = lambda method, path: None  # noqa: ARG005
    assert member(*command, "--json").json["state"] == "claimed"
    assert len(service.activities["act_00000000000000000000000001"]["proofs"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cpd", "add", "--title", "A"], "Missing: --provider, --from, --hours"),
        ([*ADD, "--hours", "many"], "not a number of hours"),
        ([*ADD, "--from", "yesterday"], "not a date"),
        ([*ADD, "--topic", "all"], "cannot be read"),
        ([*ADD, "--proof", "Mrs Rossi"], "What kind of proof"),
        ([*ADD, "--proof", "gone.pdf", "--proof-kind", "certificate"], "gone.pdf is not there"),
        ([*ADD, "--proof-kind", "certificate"], "goes together with --proof"),
        ([*ADD, *URL, "--proof-kind", "foo"], "“foo” is no kind of proof"),
        ([*ADD, *URL, "--proof-kind", "certificate"], "is a file, not an address"),
        (["cpd", "claim", "act_foo"], "begins with act_"),
        (["cpd", "prove", "../me", *URL], "begins with act_"),
        (["cpd", "change", "act_00000000000000000000000001"], "Say what changes"),
        (["cpd", "list", "--credential", "DLE-1"], "There are:"),
        (["verify", "gone.txt"], "gone.txt is not there"),
        (["dossier", "submit", "gone"], "has no dossier.yaml"),
        (["dossier", "submit"], "--template gives you a dossier.yaml"),
    ],
)
def test_what_cannot_be_done_so_is_said_with_what_to_do(
    member: Member, arguments: list[str], words: str
) -> None:
    said = member(*arguments)
    assert (said.code, words in said.words) == (Ends.USAGE, True), said
    said = member(*arguments, "--json", "--lang", "it")
    assert said.json["error"]["exit"] == Ends.USAGE
    assert words not in said.json["error"]["message"]


def test_what_the_scheme_does_not_take_is_listed(member: Member) -> None:
    said = member(*ADD, "--hours", "0")
    assert said.code == Ends.REFUSED
    assert "hours: must be more than nothing" in said.words
    said = member(*ADD, "--hours", "0", "--json", "--lang", "it")
    assert said.json["error"]["code"] == "cpd-activity-wrong"
    assert "devono essere più di zero" in said.words


def test_a_draft_is_changed_and_a_claimed_activity_corrected(member: Member, service: Stub) -> None:
    member(*ADD)
    said = member("cpd", "change", "act_00000000000000000000000001", "--hours", "6")
    assert (said.code, service.activities["act_00000000000000000000000001"]["hours"]) == (Ends.OK, "6")
    member("cpd", "prove", "act_00000000000000000000000001", *URL)
    said = member("cpd", "change", "act_00000000000000000000000001", "--hours", "5")
    assert "the new version is act_00000000000000000000000002" in said.words
    assert service.activities["act_00000000000000000000000001"]["state"] == "corrected"


A1, A2 = ("act_" + f"{number:026}" for number in (1, 2))
CERTIFICATE = ("--proof-kind", "certificate")


def asked_about(member: Member, service: Stub) -> None:
    """An activity with a file, about which the office has a question."""
    Path("one.pdf").write_bytes(b"%PDF-1.7 one")
    member(*ADD, "--proof", "one.pdf", *CERTIFICATE)
    service.activities[A1] |= {"state": "queried", "question": "Who taught it?"}


def test_a_question_is_not_answered_by_what_was_there_already(member: Member, service: Stub) -> None:
    asked_about(member, service)
    before = len(service.paths("POST"))
    for again in (
        ["cpd", "prove", A1, "--proof", "one.pdf", *CERTIFICATE],
        ["cpd", "change", A1, "--hours", "7.50"],
    ):
        said = member(*again)
        assert (said.code, "the question stands" in said.words) == (Ends.REFUSED, True), said
    assert len(service.paths("POST")) == before
    assert service.activities[A1]["state"] == "queried"
    assert "Answer with all the proofs in one command" in member("cpd", "list", "--state", "queried").words


def test_a_question_is_answered_with_several_proofs_in_one_go(member: Member, service: Stub) -> None:
    asked_about(member, service)
    Path("two.md").write_bytes(b"# Two")
    proofs = ("--proof", "one.pdf", "--proof", "two.md", *URL)
    said = member("cpd", "prove", A1, *proofs, *CERTIFICATE)
    assert (said.code, "Answered: A course" in said.words) == (Ends.OK, True), said
    assert [one["kind"] for one in service.activities[A1]["proofs"]] == ["certificate", "certificate", "url"]
    posts = [path.rpartition("/")[2] for path in service.paths("POST")]
    assert posts[-3:] == ["proofs", "proofs", "claim"]
    said = member("cpd", "prove", A1, *proofs, *CERTIFICATE, *CERTIFICATE)
    assert (said.code, "3 proofs and 2 kinds" in said.words) == (Ends.USAGE, True)


def test_importing_again_answers_no_question_and_claims_nothing_that_was_taken_back(
    member: Member, service: Stub, tmp_path: Path
) -> None:
    head = "title,provider,started_on,hours,category,competences,proof_kind,proof"
    (tmp_path / "one.pdf").write_bytes(b"%PDF-1.7 one")
    row = "A course,A school,2027-03-15,8,learning,T1,certificate,one.pdf"
    (tmp_path / "a.csv").write_text(f"{head}\n{row}\n")
    member("cpd", "import", str(tmp_path / "a.csv"))
    for changes in ({"state": "queried"}, {"state": "draft", "corrects": A2}, {"state": "rejected"}):
        service.activities[A1] |= changes
        assert member("cpd", "import", str(tmp_path / "a.csv")).code == Ends.OK
        assert service.activities[A1]["state"] == changes["state"]


def test_what_was_turned_down_says_why_and_the_way_out(member: Member, service: Stub) -> None:
    member(*ADD, *URL)
    service.activities[A1] |= {"state": "rejected", "reasons": "There is no date on it."}
    for again in ([*ADD, *URL], ["cpd", "list"]):
        said = member(*again)
        assert "Why: There is no date on it." in said.words
        assert f"`sigillo cpd prove {A1} --proof FILE --proof-kind certificate`" in said.words
    said = member(*ADD, *URL, "--json")
    assert (said.code, said.json["state"]) == (Ends.REFUSED, "rejected")
    said = member("cpd", "prove", A1, *URL)
    assert (said.code, "There is nothing new" in said.words) == (Ends.REFUSED, True)


def test_what_was_turned_down_is_proved_by_a_new_version(member: Member, service: Stub) -> None:
    member(*ADD, *URL)
    service.activities[A1] |= {"state": "rejected", "reasons": "There is no date on it."}
    Path("one.pdf").write_bytes(b"%PDF-1.7 one")
    command = ("cpd", "prove", A1, "--proof", "one.pdf", *CERTIFICATE)
    service.answers[f"/v1/cpd-activities/{A1}/correction"] = (
        409,
        json.dumps({"code": "cpd-activity-closed-to-changes"}).encode(),
    )
    assert member(*command).code == Ends.REFUSED
    assert not [path for path in service.paths("POST") if path.endswith("/proofs")]
    service.answers.clear()
    service.hang_up = lambda method, path: "before" if path.endswith("/claim") else None  # noqa: ARG005
    assert member(*command).code == Ends.NETWORK
    service.hang_up = lambda method, path: None  # noqa: ARG005
    said = member(*command)
    assert (said.code, service.activities[A2]["state"]) == (Ends.OK, "claimed"), said
    assert service.activities[A1]["state"] == "corrected"
    said = member(*command)
    assert (said.code, f"A newer version took its place: {A2}" in said.words) == (Ends.REFUSED, True)


def test_a_claim_is_taken_back_as_a_draft(member: Member, service: Stub) -> None:
    member(*ADD, *URL)
    said = member("cpd", "change", A1, "--draft")
    assert (said.code, f"Taken back: the new version {A2} is a draft" in said.words) == (Ends.OK, True), said
    assert (service.activities[A1]["state"], service.activities[A2]["state"]) == ("corrected", "draft")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("claimed", f"`sigillo cpd change {A1} --draft`"),
        ("rejected", "corrected with something new"),
        ("corrected", f"A newer version took its place: {A2}"),
    ],
)
def test_what_an_activity_does_not_allow_names_what_it_does(
    member: Member, service: Stub, state: str, words: str
) -> None:
    member(*ADD)
    problem = {"code": "cpd-activity-not-movable", "activity": A1, "state": state, "newer": A2}
    service.answers[f"/v1/cpd-activities/{A1}"] = 409, json.dumps(problem).encode()
    said = member("cpd", "discard", A1)
    assert (said.code, words in said.words) == (Ends.REFUSED, True), said


def test_a_refusal_says_which_draft_it_leaves(member: Member, service: Stub) -> None:
    Path("one.pdf").write_bytes(b"no PDF")
    refused = json.dumps({"code": "file-refused"}).encode()
    service.answers[f"/v1/cpd-activities/{A1}/proofs"] = 422, refused
    said = member(*ADD, "--proof", "one.pdf", *CERTIFICATE)
    assert (said.code, f"It is kept as a draft: {A1}" in said.words) == (Ends.REFUSED, True), said
    said = member(*ADD, "--proof", "one.pdf", *CERTIFICATE, "--json")
    assert said.json["error"]["draft"] == A1


def test_a_template_of_a_dossier_is_there_for_whoever_has_not_signed_in(stranger: Member) -> None:
    said = stranger("dossier", "submit", "--template")
    assert (said.code, "ai_disclosure: false" in said.out) == (Ends.OK, True)


@pytest.mark.parametrize(
    ("url", "guess"),
    [("localhost:8077", "http://localhost:8077"), ("sigillo.example.org", "https://sigillo.example.org")],
)
def test_an_address_without_its_beginning_is_guessed(stranger: Member, url: str, guess: str) -> None:
    said = stranger("login", "--url", url, given=f"{KEY}\n")
    assert (said.code, guess in said.words) == (Ends.USAGE, True)


def test_the_check_lists_the_competences_while_something_is_missing(member: Member, service: Stub) -> None:
    assert "for --competence: T1, C1" in member("check").words
    service.answers["/v1/schemes/uni-11621-8/ai-deep-learning-engineer"] = 403, b"{}"
    assert "--competence" not in member("check").words


def test_ids_stand_whole_in_a_narrow_terminal(member: Member) -> None:
    for title in ("One with quite a long title that goes on", "Two"):
        member(*ADD, "--title", title)
    said = member("cpd", "list", "--ids", COLUMNS="80")
    assert {A1, A2} <= set(said.out.split())


def test_a_draft_is_discarded(member: Member, service: Stub) -> None:
    member(*ADD)
    assert member("cpd", "discard", "act_00000000000000000000000001").code == Ends.OK
    assert service.activities == {}
    assert member("cpd", "discard", "act_00000000000000000000000001").code == Ends.REFUSED


def test_the_list_shows_what_waits_for_its_holder(member: Member, service: Stub) -> None:
    assert "sigillo cpd add" in member("cpd", "list").words
    for title in ("One", "Two", "Three"):
        member(*ADD, "--title", title, *(URL if title != "Two" else ()))
    service.activities["act_00000000000000000000000003"] |= {"state": "queried", "question": "Who taught it?"}
    said = member("cpd", "list")
    assert "3 activities, 22.5 hours" in said.words
    assert "A proof is needed" in said.words
    assert "The secretariat asks: Who taught it?" in said.words
    assert "act_00000000000000000000000003" in member("cpd", "list", "--ids").words
    assert [one["id"] for one in member("cpd", "list", "--state", "draft", "--json").json["data"]] == [
        "act_00000000000000000000000002"
    ]


@pytest.mark.parametrize("spoken", list(Language))
def test_the_check_shows_what_counts_and_ends_with_three_while_something_is_missing(
    member: Member, service: Stub, spoken: Language
) -> None:
    said = member("check", "--lang", spoken.value)
    assert said.code == Ends.REFUSED
    italian = spoken is Language.IT
    for words in (
        ("contano 30 ore su 90" if italian else "30 hours count of the 90"),
        ("al massimo 8 ore al giorno" if italian else "at most 8 hours a day"),
        ("20 novembre 2029" if italian else "20 November 2029"),
        ("18 febbraio 2030" if italian else "18 February 2030"),
        ("32,5" if italian else "32.5"),
        "36",
    ):
        assert words in said.words.replace("Contano", "contano")
    service.satisfied = True
    said = member("check", "--lang", spoken.value)
    assert (said.code, "sigillo renew" in said.words) == (Ends.OK, True)
    found = member("check", "--json")
    assert set(found.json) == {"credential", "cpd", "renewal", "questions"}


def test_a_rehearsal_shows_everything_and_sends_nothing(member: Member, service: Stub) -> None:
    said = member("renew", "--dry-run")
    assert said.code == Ends.REFUSED
    assert "Hours are missing" in said.words
    service.satisfied = True
    said = member("renew", "--dry-run")
    assert said.code == Ends.OK
    assert "nothing was sent" in said.words
    assert "next draw" in said.words
    service.phase = "grace"
    assert "since it is late" in member("renew", "--dry-run").words
    assert member("renew", "--dry-run", "--json").json["would_file"] is True
    assert "/v1/renewals" not in service.paths("POST")


def test_a_renewal_is_filed_once_and_says_what_happens_next(member: Member, service: Stub) -> None:
    said = member("renew")
    assert said.code == Ends.REFUSED
    assert "hours missing" in said.words
    service.satisfied = True
    said = member("renew")
    assert (said.code, "c" * 64 in said.words) == (Ends.OK, True)
    assert "waits for the draw" in said.words
    assert "no second one is made" in member("renew").words
    assert member("renew", "--json").json["id"] == "ren_1"


@pytest.mark.parametrize("spoken", list(Language))
@pytest.mark.parametrize(
    "facts",
    [
        {"state": "submitted", "draw": {"drawn_at": "2029-06-08T10:00:00Z"}},
        {"state": "audit", "audit": {"reason": "late", "from": "2029-06-01", "reply_by": "2029-07-16"}},
        {"state": "cure", "cure": {"reasons": "Manca un attestato.", "by": "2029-08-01"}},
        {"state": "approved", "period": {"seq": 2, "valid_from": "2029-11-21", "valid_until": "2032-11-20"}},
        {"state": "refused", "decision": {"outcome": "refuse", "on": "2029-08-01", "reasons": "Perché."}},
        {
            "state": "audit",
            "audit": None,
            "bridge": {"valid_from": "2029-11-21", "valid_until": "2030-02-18"},
        },
    ],
    ids=["drawn", "audit", "cure", "approved", "refused", "bridged"],
)
def test_each_state_of_a_renewal_is_said_with_what_to_do(
    member: Member, service: Stub, facts: dict[str, Any], spoken: Language
) -> None:
    service.satisfied = True
    member("renew")
    assert service.renewal is not None
    service.renewal |= facts
    said = member("status", "--lang", spoken.value)
    assert said.code == Ends.OK, said.err
    assert "{" not in said.words


def test_what_was_to_be_mended_is_answered(member: Member, service: Stub) -> None:
    assert member("renew", "--answer").code == Ends.REFUSED
    service.satisfied = True
    member("renew")
    assert service.renewal is not None
    service.renewal |= {"state": "cure", "cure": {"reasons": "x", "by": "2029-08-01"}}
    said = member("renew", "--answer")
    assert (said.code, "17 July 2029" in said.words) == (Ends.OK, True)


def test_a_document_is_saved_over_no_other(member: Member) -> None:
    said = member("download", "--to", "here")
    path = Path("here") / f"{NUMBER}_2029-11-20.vc.jwt"
    assert (said.code, path.read_bytes()) == (Ends.OK, b"vc+jwt {}")
    assert "identical" in member("download", "--to", "here").words
    path.write_text("something else")
    said = member("download", "--to", "here")
    assert (said.code, "--overwrite" in said.words) == (Ends.USAGE, True)
    assert path.read_text() == "something else"
    assert member("download", "--to", "here", "--overwrite").code == Ends.OK
    assert path.read_bytes() == b"vc+jwt {}"
    assert [found.name for found in Path("here").iterdir()] == [path.name]


def test_every_period_has_its_document_and_a_picture_of_the_qr(member: Member, service: Stub) -> None:
    (period,) = service.credentials[0]["periods"]
    service.credentials[0]["periods"] = [
        period,
        {**period, "seq": 2, "kind": "renewal", "valid_from": "2029-11-21", "valid_until": "2032-11-20"},
    ]
    said = member("download", "--all-periods", "--format", "ob+jwt", "--qr", "--json")
    names = [Path(file["path"]).name for file in said.json["files"]]
    assert names == [f"{NUMBER}_2029-11-20.ob.jwt", f"{NUMBER}_2032-11-20.ob.jwt", f"{NUMBER}.qr.png"]
    assert Path(names[1]).read_text() == "ob+jwt {'period': '2'}"


def test_a_file_where_a_folder_should_be_is_said_to_be_so(member: Member) -> None:
    Path("here").write_text("")
    said = member("download", "--to", "here")
    assert (said.code, "cannot be written" in said.words) == (Ends.USAGE, True)


def report(result: str) -> dict[str, Any]:
    both = {"it": "frase", "en": "sentence"}
    return {
        "result": result,
        "headline": both,
        "checks": [{"id": "integrity", "state": "pass", "code": "sound", "reason": both, "checked_at": "x"}],
        "credential": {
            "number": NUMBER,
            "holder_name": "Elena Marchetti",
            "scheme_title": both,
            "state": "active",
            "valid_from": "2026-11-20T00:00:00+01:00",
            "valid_until": "2029-11-20T23:59:59+01:00",
        },
        "issuer": {"name": "Associazione di prova"},
        "mode": "test",
        "checked_at": "x",
    }


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ("valid", Ends.OK),
        ("valid_with_warnings", Ends.OK),
        ("invalid", Ends.REFUSED),
        ("unknown", Ends.REFUSED),
    ],
)
def test_anybody_verifies_a_file_without_a_key(
    stranger: Member, service: Stub, url: str, result: str, code: Ends
) -> None:
    service.report = report(result)
    Path("a.vc.jwt").write_text("e30.e30.e30")
    said = stranger("verify", "a.vc.jwt", "--url", url)
    assert said.code == code
    assert "until 20 November 2029" in said.words
    assert "Elena Marchetti" in said.words
    assert service.asked[-1][2]["file"] == b"e30.e30.e30"
    assert service.headers[-1]["Authorization"] is None
    assert stranger("verify", "-", "--url", url, "--json", given="x").json["result"] == result


def test_a_key_is_not_sent_to_verify(member: Member, service: Stub) -> None:
    service.report = report("valid")
    Path("a.vc.jwt").write_text("x")
    assert member("verify", "a.vc.jwt", SIGILLO_KEY=KEY).code == Ends.OK
    assert service.headers[-1]["Authorization"] is None


def test_of_several_credentials_one_must_be_named(member: Member, service: Stub) -> None:
    other = "DLE-26-0000-0000-0000-00"
    service.credentials.append(credential(other, "crd_2"))
    said = member("check")
    assert said.code == Ends.USAGE
    assert f"{NUMBER}, {other}" in said.words
    assert member("check", "--credential", NUMBER.lower().replace("-", " ")).code == Ends.REFUSED
    service.credentials[1]["state"] = "revoked"
    assert "counted" in member("check", "--json").json["cpd"]
    service.credentials[0]["state"] = "revoked"
    assert "None of your credentials is open" in member("check").words
    service.credentials = [credential(holder="per_another")]
    assert member("check").code == Ends.REFUSED


def test_a_registrar_s_own_credential_is_found_among_all(member: Member, service: Stub) -> None:
    service.credentials.append(credential("DLE-26-0000-0000-0000-00", "crd_2", holder="per_2"))
    assert member("check", "--json").json["credential"] == NUMBER


@pytest.mark.parametrize(("path", "described"), commands(), ids=[path for path, _ in commands()])
def test_the_help_of_every_command_speaks_both_languages(stranger: Member, path: str, described: Any) -> None:
    english = stranger(*path.split(), "--help")
    assert english.code == Ends.OK
    italian = (
        stranger(*path.split(), "--lang", "it", "--help") if not hasattr(described, "commands") else None
    )
    assert path in COMMANDS
    assert {key_of(path, parameter) for parameter in described.params} <= set(OPTIONS)
    if italian:
        assert "Per ogni comando" in italian.words
        assert "For every command" in english.words
        assert "--json" in english.words


def test_the_help_teaches_a_member_s_year(stranger: Member) -> None:
    said = stranger("--help")
    for words in (
        "A member's year",
        "sigillo login",
        "sigillo renew --dry-run",
        "Exit codes",
        "For operators",
    ):
        assert words in said.words
    assert said.words.index("For members") < said.words.index("For operators")
    assert "L'anno di un socio" in stranger("--lang", "it", "--help").words
    assert "L'anno di un socio" in stranger("--help", SIGILLO_LANG="it").words
    assert "A member's year" in stranger("--help").words


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_is_there_in_both_languages_with_the_same_facts(code: str) -> None:
    import string

    facts = [
        {name for _, name, _, _ in string.Formatter().parse(words) if name}
        for words in SENTENCES[code].values()
    ]
    assert set(SENTENCES[code]) == set(Language)
    assert facts[0] == facts[1] or code.startswith("phase.")


@pytest.mark.parametrize(
    ("asked", "environment", "spoken"),
    [
        ("it", {"SIGILLO_LANG": "en"}, "it"),
        (None, {"SIGILLO_LANG": "it", "LANG": "en_GB.UTF-8"}, "it"),
        (None, {"SIGILLO_LANG": "fr", "LANG": "it_IT.UTF-8"}, "it"),
        (None, {"LC_ALL": "C.UTF-8", "LANG": "it_IT.UTF-8"}, "en"),
        (None, {"LANGUAGE": "it:en"}, "it"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_asked_for_or_the_machine_s(
    asked: str | None, environment: dict[str, str], spoken: str
) -> None:
    assert language(asked, environment) == spoken


@pytest.mark.parametrize(
    ("day", "italian", "english"),
    [
        ("2029-11-20", "entro il 20 novembre 2029", "by 20 November 2029"),
        ("2029-08-01", "entro il 1º agosto 2029", "by 1 August 2029"),
        ("2029-02-08", "entro l'8 febbraio 2029", "by 8 February 2029"),
        ("2029-11-11T23:59:59+01:00", "entro l'11 novembre 2029", "by 11 November 2029"),
    ],
)
def test_days_are_written_as_people_write_them(day: str, italian: str, english: str) -> None:
    facts = {"due": day, "file_by": day}
    for spoken, words in ((Language.IT, italian), (Language.EN, english)):
        voice = Voice(spoken)
        assert words in voice.say("gap-due", **{name: voice.day(value) for name, value in facts.items()})


@pytest.mark.parametrize(
    ("hours", "italian", "english"),
    [("7.50", "7,5", "7.5"), ("90.00", "90", "90"), ("0", "0", "0"), ("100", "100", "100"), (None, "–", "–")],  # noqa: RUF001
)
def test_hours_are_written_as_people_write_them(hours: str | None, italian: str, english: str) -> None:
    assert (Voice(Language.IT).hours(hours), Voice(Language.EN).hours(hours)) == (italian, english)


def test_a_qr_code_is_dark_on_light_with_colours_and_drawn_in_light_without() -> None:
    coloured = Console(force_terminal=True, color_system="truecolor", width=80, no_color=False)
    with coloured.capture() as shown:
        coloured.print(terminal.qr("https://sigillo.example.org/v/1"))
    assert "\x1b[30;47m" in shown.get()
    plain = Console(force_terminal=False, width=80)
    with plain.capture() as shown:
        plain.print(terminal.qr("https://sigillo.example.org/v/1"))
    first = shown.get().splitlines()[0]
    assert set(first) == {"█"}  # the quiet zone is light
    assert len(first) <= 80


@pytest.mark.parametrize("spoken", Language)
def test_a_qr_code_that_is_not_drawn_comes_with_advice_that_helps(spoken: Language) -> None:
    told = []
    for state in ("hidden", "closed"):
        console = Console(width=500)
        with console.capture() as shown:
            refused = Refused(409, {"code": "qr-leads-nowhere", "state": state})
            terminal.refusal(console, refused, Voice(spoken))
        told.append(shown.get())
    again = {Language.IT: "di nuovo visibile", Language.EN: "show the number again"}[spoken]
    assert [again in sentence for sentence in told] == [True, False]
    closed = {Language.IT: "ha chiuso le ricerche", Language.EN: "closed all look-ups"}[spoken]
    assert [closed in sentence for sentence in told] == [False, True]


SILENCE = 120.0  # seconds after which nothing more will be said
# Makes the terminal the process's own, so that Ctrl-C there means what it means to people.
AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "app.cli", *sys.argv[1:]])
"""


def typed(url: str, home: Path, arguments: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command in a terminal and type an answer whenever it is asked for."""
    master, slave = pty.openpty()
    environment = {
        **os.environ,
        "SIGILLO_HOME": str(home),
        "SIGILLO_LANG": "en",
        "SIGILLO_URL": url,
        "COLUMNS": "80",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, *arguments],
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    said = ""
    waiting = list(answers)
    while True:
        if not select.select([master], [], [], SILENCE)[0]:
            process.kill()  # it waits for an answer that nobody has; what it said tells which
        try:
            piece = os.read(master, 4096)
        except OSError:  # the terminal is closed: nobody writes any more
            break
        if not piece:
            break
        said += piece.decode(errors="replace")
        if waiting and waiting[0][0] in said.rpartition("\n")[2]:
            os.write(master, f"{waiting.pop(0)[1]}\n".encode())
    os.close(master)
    return process.wait(), said


def test_at_a_terminal_a_command_asks_for_what_is_missing(home: Path, service: Stub, url: str) -> None:
    code, said = typed(url, home, ["login"], [("Personal key", KEY)])
    assert (code, "Signed in" in said, KEY in said) == (Ends.OK, True, False), said
    answers = [
        ("Title", "A course"),
        ("Who provided it", "A school"),
        ("First day", "15/03/2027"),
        ("Last day", ""),
        ("Hours", "many"),
        ("Hours", "7,5"),
        ("Category", "teaching"),
        ("Category", "Learning"),
        ("Hours by topic", "Responsible_AI:2"),
        ("Competences", "T9"),
        ("Competences", ""),
        ("Competences", "t1 C1"),
        ("Proof", "https://example.org/1"),
        ("Kind of proof", ""),
    ]
    code, said = typed(url, home, ["cpd", "add"], answers)
    assert code == Ends.OK, said
    (made,) = service.activities.values()
    assert (made["hours"], made["state"], made["ended_on"]) == ("7.5", "claimed", "2027-03-15")
    assert (made["category"], made["competences"]) == ("learning", ["T1", "C1"])
    assert made["topics"] == {"responsible_ai": "2"}
    assert "“teaching” is not one of these: learning" in " ".join(said.split())
    assert made["proofs"][0]["kind"] == "url"


def test_leaving_a_question_unanswered_ends_the_command_gently(home: Path, service: Stub, url: str) -> None:
    typed(url, home, ["login"], [("Personal key", KEY)])
    code, said = typed(url, home, ["cpd", "add"], [("Title", "\x03")])
    assert (code, "Nothing is lost" in said, "Traceback" in said) == (Ends.INTERRUPTED, True, False)
    assert service.activities == {}


def test_what_a_service_says_cannot_steer_the_terminal(member: Member, service: Stub) -> None:
    service.dossiers = [{"id": "dos_1", "scheme": "\x1b[2Jai", "status": "draft\x07", "submitted_at": None}]
    said = member("status")
    assert "[2Jai" in said.out
    assert not {"\x1b", "\x07"} & set(said.out)


def test_a_terminal_without_our_letters_shows_what_it_can(home: Path) -> None:
    environment = {**os.environ, "SIGILLO_HOME": str(home), "PYTHONIOENCODING": "ascii", "SIGILLO_LANG": "it"}
    done = command(environment, "cpd", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Registra un'attivit" in done.stdout


def test_what_a_program_gets_has_no_other_words_in_it(member: Member) -> None:
    for arguments in (["status"], ["check"], ["cpd", "list"], ["download"], ["logout"]):
        assert json.loads(member(*arguments, "--json").out)
