"""What was sent and got no answer: kept, sent again with the same key, never done twice."""

import json
import stat
from pathlib import Path

import pytest

from app.client.visit import Ends
from tests.client.conftest import Member
from tests.client.stub import Stub

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
    *("--category", "learning", "--competence", "T1", "--proof", "https://example.org/certificate"),
]


def waiting(home: Path) -> list[Path]:
    return sorted((home / "pending").glob("*"))


def keys(service: Stub, path: str) -> list[str | None]:
    return [
        headers["Idempotency-Key"]
        for (method, asked, _), headers in zip(service.asked, service.headers, strict=True)
        if (method, asked) == ("POST", path)
    ]


def breaking(how: str, path: str = "/v1/cpd-activities") -> object:
    return lambda method, asked: how if (method, asked) == ("POST", path) else None


def test_what_got_no_answer_is_kept_and_sent_again_by_the_same_command(
    member: Member, service: Stub, home: Path
) -> None:
    service.hang_up = breaking("after")  # type: ignore[assignment] # it arrives, and the answer is lost
    said = member(*ADD)
    assert said.code == Ends.NETWORK
    assert "Nothing is lost" in said.words
    (kept,) = waiting(home)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    service.hang_up = lambda method, path: None  # noqa: ARG005 - as before
    said = member(*ADD, "--json")
    assert said.json["state"] == "claimed"
    assert len(service.activities) == 1
    assert (
        len(set(keys(service, "/v1/cpd-activities"))) == 2
    )  # the first one until it was answered, and a new one
    assert keys(service, "/v1/cpd-activities")[0] == keys(service, "/v1/cpd-activities")[1]
    assert waiting(home) == []


READS = (
    *(["status"], ["check"], ["cpd", "list"], ["renew", "--dry-run"], ["download"], ["check", "--json"]),
    ["renew", "--dry-run", "--answer"],
)


@pytest.mark.parametrize("reading", READS, ids=" ".join)
def test_a_command_that_only_reads_says_what_waits_and_sends_nothing(
    member: Member, service: Stub, home: Path, reading: list[str]
) -> None:
    service.hang_up = breaking("before")  # type: ignore[assignment] # it never arrives
    assert member(*ADD).code == Ends.NETWORK
    service.hang_up = lambda method, path: None  # noqa: ARG005 - as before
    before = len(service.asked)
    said = member(*reading)
    assert "Waiting to be sent: the activity “A course”" in " ".join(said.err.split())
    assert "sigillo send" in said.err
    assert {method for method, _, _ in service.asked[before:]} == {"GET"}
    assert len(waiting(home)) == 1


def test_the_next_command_that_writes_sends_it(member: Member, service: Stub, home: Path) -> None:
    service.hang_up = breaking("before")  # type: ignore[assignment] # it never arrives
    assert member(*ADD).code == Ends.NETWORK
    assert service.activities == {}
    service.hang_up = lambda method, path: None  # noqa: ARG005 - as before
    said = member("send")
    assert "the activity “A course”" in said.words
    assert len(service.activities) == 1
    assert waiting(home) == []
    assert "A course" not in member("status").words
    assert "Nothing is waiting" in member("send").words


def test_what_the_service_cannot_take_just_now_holds_up_nothing_else(
    member: Member, service: Stub, home: Path
) -> None:
    service.satisfied = True
    service.answers["/v1/cpd-activities"] = 500, b""
    assert member(*ADD).code == Ends.NETWORK
    said = member("renew")
    assert (said.code, "Still waiting to be sent: the activity “A course”" in said.words) == (Ends.OK, True)
    assert len(waiting(home)) == 1
    said = member("send", "--json")
    assert (said.code, said.json) == (Ends.NETWORK, {"waiting": 1})
    del service.answers["/v1/cpd-activities"]
    assert member("send", "--json").json == {"waiting": 0}
    assert len(service.activities) == 1


@pytest.mark.parametrize(("status", "code"), [(401, Ends.SIGN_IN), (403, Ends.NETWORK)])
def test_a_key_that_is_not_taken_any_more_loses_nothing(
    member: Member, service: Stub, home: Path, status: int, code: Ends
) -> None:
    service.answers["/v1/cpd-activities"] = status, b'{"code": "permission-missing"}'
    assert member(*ADD).code == Ends.SIGN_IN
    said = member("send")
    assert (said.code, "Kept, since the key" in said.words) == (code, True)
    assert len(waiting(home)) == 1
    del service.answers["/v1/cpd-activities"]
    assert member("send").code == Ends.OK
    assert (len(service.activities), waiting(home)) == (1, [])


def test_signing_out_keeps_what_waits_unless_it_is_to_be_forgotten(
    member: Member, service: Stub, home: Path
) -> None:
    service.hang_up = breaking("before")  # type: ignore[assignment] # it never arrives
    assert member(*ADD).code == Ends.NETWORK
    said = member("logout")
    assert "--forget-waiting" in said.words
    assert len(waiting(home)) == 1
    assert member("logout", "--json").json == {"removed": False, "waiting": 1}
    assert "Thrown away" in member("logout", "--forget-waiting").words
    assert waiting(home) == []


def test_what_is_refused_is_not_tried_for_ever(member: Member, service: Stub, home: Path) -> None:
    wrong = [*ADD[:-4], "--competence", "T1", "--hours", "0"]
    assert member(*wrong).code == Ends.REFUSED
    assert waiting(home) == []
    service.hang_up = breaking("before")  # type: ignore[assignment] # it never arrives
    assert member(*wrong).code == Ends.NETWORK
    service.hang_up = lambda method, path: None  # noqa: ARG005 - as before
    said = member("send")
    assert (said.code, "was turned down" in said.words) == (Ends.OK, True)
    assert waiting(home) == []


def test_what_waits_is_sent_by_its_own_account_only(member: Member, service: Stub, home: Path) -> None:
    service.hang_up = breaking("before")  # type: ignore[assignment] # it never arrives
    assert member(*ADD).code == Ends.NETWORK
    (kept,) = waiting(home)
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "mark": "per_another"}))
    service.hang_up = lambda method, path: None  # noqa: ARG005 - as before
    assert member("send").code == Ends.OK
    assert service.activities == {}
    assert waiting(home) == [kept]


def test_a_renewal_whose_answer_was_lost_is_filed_once(member: Member, service: Stub, home: Path) -> None:
    service.satisfied = True
    service.hang_up = breaking("after", "/v1/renewals")  # type: ignore[assignment] # the answer is lost
    assert member("renew").code == Ends.NETWORK
    service.hang_up = lambda method, path: None  # noqa: ARG005 - as before
    said = member("renew")
    assert said.code == Ends.OK
    assert "no second one is made" in said.words
    assert waiting(home) == []
