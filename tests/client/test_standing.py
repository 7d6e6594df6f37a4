"""What a member is told of a cycle and its renewal: only what is so, and only what can be done."""

import json
from pathlib import Path

import pytest

from app.client.visit import Ends
from tests.client.conftest import Member
from tests.client.stub import NUMBER, Stub
from tests.client.test_member import ADD, URL


def test_hours_that_are_carried_are_told_apart_from_those_that_count(member: Member, service: Stub) -> None:
    service.carried = "2.00"
    assert (
        "30 hours count, plus 2 carried over from the previous cycle, of the 90 asked for"
        in member("check").words
    )
    assert (
        "Contano 30 ore, più 2 portate dal ciclo precedente, su 90" in member("check", "--lang", "it").words
    )


@pytest.mark.parametrize("arguments", [["renew"], ["renew", "--dry-run"], ["check"]], ids=" ".join)
def test_of_a_lapsed_credential_a_new_dossier_is_the_way_back(
    member: Member, service: Stub, arguments: list[str]
) -> None:
    service.phase, service.as_of = "lapsed", "2031-01-01"
    service.credentials[0]["state"] = "lapsed"
    said = member(*arguments)
    assert said.code == Ends.REFUSED
    assert f"{NUMBER} has lapsed: it takes a new dossier" in said.words
    assert "cpd add" not in said.words
    assert "to be done by" not in said.words
    assert member(*arguments, "--json").code == Ends.REFUSED
    assert service.paths("POST") == []
    said = member("status", "--lang", "it")
    assert "è decaduta: serve un nuovo dossier" in said.words
    assert "sigillo check" not in said.words


def test_a_day_that_a_sentence_names_is_not_said_again(
    member: Member, service: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = service.ledger()
    ledger["gaps"][0]["detail"] = {"it": "entro il 18 febbraio 2030", "en": "by 18 February 2030"}
    monkeypatch.setattr(service, "ledger", lambda: ledger)
    assert "to be done by" not in member("check").words


def test_a_question_that_waits_is_told_wherever_a_member_looks(member: Member, service: Stub) -> None:
    assert "waits for you" not in member("status").words
    member(*ADD, *URL)
    service.activities["act_00000000000000000000000001"] |= {"state": "queried", "question": "Who taught it?"}
    for command in ("status", "check"):
        assert "1 question waits for you: `sigillo cpd list --state queried`" in member(command).words
    assert "1 domanda ti aspetta" in member("status", "--lang", "it").words
    assert member("check", "--json").json["questions"] == 1
    assert member("status", "--json").json["credentials"][0]["questions"] == 1


def test_the_next_step_follows_the_state(member: Member, service: Stub) -> None:
    assert "Next: `sigillo renew --dry-run`" in member("status").words
    service.phase = "not_open"
    assert "Next: `sigillo check`" in member("status").words
    service.phase, service.satisfied = "open", True
    member("renew")
    assert service.renewal is not None
    assert "Next: `sigillo check`" in member("status").words
    service.renewal |= {"state": "cure", "cure": {"reasons": "A proof is missing.", "by": "2029-08-01"}}
    assert "Next: mend what is asked for, then `sigillo renew --answer`" in member("status").words
    member(*ADD, *URL)
    service.activities["act_00000000000000000000000001"] |= {"state": "queried", "question": "Who?"}
    assert "Next: `sigillo cpd list --state queried`" in member("status").words


def test_a_moved_clock_and_the_limits_are_told(
    member: Member, service: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "clock" not in member("check").words + member("status").words
    told = {"clock_offset": "P30D", "per_activity_max": "40", "per_day_max": "8"}
    ledger = service.ledger() | told
    monkeypatch.setattr(service, "ledger", lambda: ledger)
    for command in (["check"], ["status"], ["renew", "--dry-run"]):
        assert "the clock of the service is moved by P30D" in member(*command).words
    assert "At most 40 hours of one activity, and 8 hours of one day" in member("check").words
    assert member("status", "--json").json["clock_offset"] == "P30D"


def test_a_member_is_told_until_when_to_answer(member: Member, service: Stub) -> None:
    service.satisfied = True
    member("renew")
    assert service.renewal is not None
    service.renewal |= {"state": "audit", "audit": {"reason": "sampled", "reply_by": "2029-07-16"}}
    assert "rispondi entro il 16 luglio 2029" in member("status", "--lang", "it").words
    service.satisfied = False
    said = member("check").words
    assert "cpd add" not in said  # nothing can be added while it is looked at
    service.renewal |= {"state": "cure", "cure": {"reasons": "A proof is missing.", "by": "2029-08-01"}}
    said = member("check").words
    assert said.count("The last day to answer is 1 August 2029") == 1
    assert "The dates:" not in said


def test_a_renewed_document_is_named_before_it_is_in_force(member: Member, service: Stub) -> None:
    service.satisfied = True
    member("renew")
    assert service.renewal is not None
    (period,) = service.credentials[0]["periods"]
    later = {"valid_from": "2029-11-21", "valid_until": "2032-11-20"}
    service.credentials[0]["periods"] = [period, {**period, "seq": 2, "kind": "renewal", **later}]
    service.renewal |= {"state": "approved", "period": {"seq": 2, **later}}
    for command in (["status"], ["renew"], ["check"]):
        assert "`sigillo download --all-periods`. Until then" in member(*command).words
    said = member("download").words
    assert "The renewed one, valid from 21 November 2029, is there too" in said
    assert "sigillo download --all-periods" in said
    assert [path.name for path in Path().iterdir()] == [f"{NUMBER}_2029-11-20.vc.jwt"]
    assert "is there too" not in member("download", "--all-periods").words


@pytest.mark.parametrize("arguments", [["check"], ["status"], ["renew", "--dry-run"]], ids=" ".join)
def test_the_day_by_which_to_file_so_as_to_stay_covered_is_told_while_it_matters(
    member: Member, service: Stub, arguments: list[str]
) -> None:
    service.satisfied = True
    assert "stays covered" not in member(*arguments).words
    service.bridge_if_filed_by = "2029-10-21"
    assert "files by 21 October 2029 stays covered" in member(*arguments).words
    assert "non resta scoperto" in member(*arguments, "--lang", "it").words
    service.phase = "grace"
    assert "stays covered" not in member(*arguments).words


def test_what_is_not_of_its_form_is_told_in_words(member: Member, service: Stub) -> None:
    wrong = [
        {"pointer": "#/competences/0", "detail": "String should match pattern '^[A-Z][A-Z0-9]{0,7}$'"},
        {"pointer": "#/competences/1", "detail": "String should match pattern '^[A-Z][A-Z0-9]{0,7}$'"},
        {"pointer": "#/colour", "detail": "Extra inputs are not permitted"},
    ]
    service.answers["/v1/cpd-activities"] = 422, json.dumps({"code": "malformed", "errors": wrong}).encode()
    said = member(*ADD)
    assert said.code == Ends.REFUSED
    assert said.words.count("competences: competences of the scheme, like T1 C1") == 1
    assert "match pattern" not in said.words
    assert "Extra inputs" in said.words  # what we have no words for is shown as it came


def test_a_list_of_one_state_says_that_only_this_one_is_empty(member: Member) -> None:
    member(*ADD)
    said = member("cpd", "list", "--state", "rejected")
    assert "No activities in this state (rejected)" in said.words
    assert "The first one" not in said.words


def test_a_draft_under_a_renewal_asks_for_nothing(
    member: Member, service: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {"it": "x", "en": "x"}
    lacking = [{"code": code, "detail": both} for code in ("proof-missing", "renewal-pending")]
    member(*ADD)
    service.activities["act_00000000000000000000000001"]["missing"] = lacking
    monkeypatch.setattr(service, "known", lambda name: service.activities[name])
    for command in (ADD, ["cpd", "list"]):
        said = member(*command).words
        assert "A renewal is under review, and nothing can be added now" in said
        assert "Add what is missing" not in said
        assert "Missing:" not in said


def test_very_many_lines_are_shortened(
    member: Member, service: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = service.ledger()
    ledger["lines"] *= 70
    monkeypatch.setattr(service, "ledger", lambda: ledger)
    said = member("check")
    assert said.out.count("Una lunga giornata") == 50
    assert "… and 20 more lines: `sigillo check --json`" in said.words
    assert len(member("check", "--json").json["cpd"]["lines"]) == 70


def test_a_defect_of_the_command_is_not_laid_upon_the_network(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("what it was about")

    monkeypatch.setattr("app.client.checking.show", broken)
    said = member("check")
    assert (said.code, "a defect of its own" in said.words) == (Ends.BROKEN, True)
    assert "what it was about" not in said.words
    assert "test_standing.py" in said.words
