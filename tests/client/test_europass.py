"""Into a wallet, from a member's own machine."""

import json
from pathlib import Path

import pytest

from app.client import documents
from app.client.documents import FileWrong
from app.client.visit import Ends
from tests.client.conftest import Member
from tests.client.stub import NUMBER, Stub

ID = f"dlv_{1:026}"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["--email"], {"to": "email", "language": "en"}),
        (["--wallet", "A-1"], {"to": "wallet", "wallet_address": "A-1", "language": "en"}),
        (["--email", "--lang", "it"], {"to": "email", "language": "it"}),
    ],
)
def test_a_member_has_it_delivered(
    member: Member, service: Stub, arguments: list[str], body: dict[str, str]
) -> None:
    said = member("europass", *arguments)
    assert said.code == Ends.OK, said.words
    assert [sent for method, path, sent in service.asked if method == "POST" and "deliveries" in path] == [
        body
    ]
    assert ID in said.words


def test_what_became_of_it_is_said_in_words_with_where_it_can_be_seen(member: Member, service: Stub) -> None:
    assert "--wallet ADDRESS" in member("europass").words
    member("europass", "--email")
    assert "waiting" in member("europass").words
    seen = "https://viewer.example.org/#/view/1"
    service.deliveries[0] |= {"state": "delivered", "reason": "there-already", "viewer_url": seen}
    said = member("europass").words
    assert "1 June 2029, delivered: it was there already" in said
    assert seen in said
    found = member("europass", "--json").json
    assert (found["credential"], found["deliveries"][0]["viewer_url"]) == (NUMBER, seen)
    service.deliveries[0] |= {"state": "refused", "reason": "unsealed"}
    assert (
        "non accettata dal portafoglio: non ne verifica il sigillo"
        in member("europass", "--lang", "it").words
    )
    service.deliveries[0]["reason"] = "a-reason-to-come"
    assert "a-reason-to-come" in member("europass").words


def test_asking_twice_says_how_it_can_be_taken_back(member: Member) -> None:
    member("europass", "--email")
    said = member("europass", "--wallet", "A-1")
    assert (said.code, "--withdraw" in said.words) == (Ends.REFUSED, True)
    said = member("europass", "--withdraw", ID)
    assert (said.code, "taken back" in said.words) == (Ends.OK, True)


@pytest.mark.parametrize(
    "arguments", [["--email", "--wallet", "A"], ["--email", "--withdraw", ID], ["--withdraw", "../x"]]
)
def test_one_thing_at_a_time(member: Member, service: Stub, arguments: list[str]) -> None:
    before = len(service.asked)
    assert member("europass", *arguments).code == Ends.USAGE
    assert len(service.asked) == before


def test_the_document_for_europass_and_the_page_for_paper_are_saved(member: Member) -> None:
    said = member("download", "--format", "edc", "--pdf", "--json")
    names = [Path(file["path"]).name for file in said.json["files"]]
    assert names == [f"{NUMBER}_2029-11-20.jsonld", f"{NUMBER}_2029-11-20.pdf"]
    assert Path(names[0]).read_text() == "edc {}"
    assert Path(names[1]).read_bytes() == b"%PDF"


def sealed(payload: str, **proof: list[str]) -> bytes:
    made = {"protected": "e30", "signature": "c2ln", **({"header": proof} if proof else {})}
    return json.dumps({"payload": payload, "signatures": [made]}).encode()


def test_a_seal_that_has_grown_takes_the_place_of_itself_and_of_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonld"
    before, after = sealed("{}"), sealed("{}", etsiU=["c3RhbXA"])
    for content, new in ((before, True), (after, True), (after, False)):
        assert documents.keep(path, content, overwrite=False) is new
        assert path.read_bytes() == content
    for there in (
        sealed('{"other": 1}'),
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        b'{"payload": 1, "signatures": 1}',
    ):
        path.write_bytes(there)
        with pytest.raises(FileWrong):
            documents.keep(path, after, overwrite=False)
        assert path.read_bytes() == there
