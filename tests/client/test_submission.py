"""The member's command against the real service, in process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import samples
from app.client import dossier_template, submission
from app.client import folder as folders
from app.client.api import Api, NotUsable, Refused, Unreachable
from app.client.words import Language, Voice
from app.main import create_app
from app.ports import Ports
from tests import make
from tests.calling import Caller

FOLDER = Path(str(samples.folder())) / "dossiers" / "davide-corsini"


class ThroughCaller(httpx.BaseTransport):
    """Lets the synchronous client reach the application in process, and counts what it sends."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.uploads = 0
        self.break_after: int | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/evidence"):
            if self.uploads == self.break_after:
                raise httpx.ConnectError("the line is down")
            self.uploads += 1
        answer = self._caller.request(
            request.method,
            request.url.raw_path.decode(),
            content=request.read(),
            headers={name: value for name, value in request.headers.items() if name != "host"},
        )
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def line(ports: Ports) -> ThroughCaller:
    return ThroughCaller(make.caller(create_app(ports)))


@pytest.fixture
def api(ports: Ports, line: ThroughCaller) -> Iterator[Api]:
    _, (key,) = make.tokens(ports, ())
    made = Api("https://sigillo.example.org", key, transport=line)
    yield made
    made.close()


class Asking:
    """As much of a visit as a template is made in."""

    def __init__(self, api: Api, language: Language) -> None:
        self.api = api
        self.voice = Voice(language)


@pytest.mark.parametrize("language", list(Language))
def test_the_template_is_a_dossier_of_the_scheme_as_the_scheme_asks_for_it(
    api: Api, tmp_path: Path, language: Language
) -> None:
    written = dossier_template.of(Asking(api, language), None)  # type: ignore[arg-type] # as much as it takes
    (tmp_path / "dossier.yaml").write_text(written, encoding="utf-8")
    for line in written.splitlines():
        if line.strip().startswith("file:"):
            (tmp_path / line.split()[1]).write_bytes(b"%PDF-1.7")
    found = folders.read(tmp_path)
    (scheme,) = dossier_template.known(api)
    told = api.get(f"/v1/schemes/{scheme}")
    needed = [kind["id"] for kind in told["evidence_kinds"] if kind["min_items"]]
    assert (found.scheme, found.language) == (scheme, language.value)
    assert [piece.kind for piece in found.pieces] == needed
    for kind in told["evidence_kinds"]:
        assert f"- kind: {kind['id']}" in written
        assert all(f"{field['name']}: " in written for field in kind["fields"])


def test_a_scheme_that_is_not_there_names_those_that_are(api: Api) -> None:
    with pytest.raises(Refused) as refused:
        dossier_template.of(Asking(api, Language.EN), "foo")  # type: ignore[arg-type] # as much as it takes
    assert refused.value.problem["known"] == dossier_template.known(api)


def handed_in(api: Api) -> dict[str, Any]:
    folder = folders.read(FOLDER)
    dossier = submission.open_dossier(api, folder)
    submission.send_missing(api, dossier, folder)
    return submission.submit(api, dossier["id"])


def test_a_folder_becomes_a_submitted_dossier_with_its_receipt(api: Api) -> None:
    receipt = handed_in(api)
    pieces = [piece for piece in folders.read(FOLDER).pieces if piece.path]
    assert {file["sha256"] for file in receipt["files"]} == {piece.sha256() for piece in pieces}


def test_a_line_that_breaks_loses_nothing_and_sends_nothing_twice(api: Api, line: ThroughCaller) -> None:
    line.break_after = 3
    with pytest.raises(Unreachable):
        handed_in(api)
    line.break_after = None
    receipt = handed_in(api)
    assert line.uploads == len(folders.read(FOLDER).pieces)
    assert receipt["snapshot_hash"]


def test_a_dossier_that_was_handed_in_is_not_opened_again(api: Api) -> None:
    handed_in(api)
    with pytest.raises(Refused) as refused:
        handed_in(api)
    assert refused.value.code == "dossier-open-already"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "has no dossier.yaml"),
        ("evidence: [", "is not YAML"),
        ("scheme: x", "list of `evidence`"),
        ("evidence: [{file: cv.pdf}]", "needs a `kind`"),
        ("evidence: [{kind: cv, file: gone.pdf}]", "which is not in"),
        ("evidence: [{kind: cv, file: ../secret.pdf}]", "outside"),
        ("evidence: [{kind: cv, fields: [1]}]", "must be names with values"),
    ],
)
def test_a_folder_that_is_wrong_is_told_what_to_mend(tmp_path: Path, content: str | None, words: str) -> None:
    folder = tmp_path / "dossier"
    folder.mkdir()
    (tmp_path / "secret.pdf").write_bytes(b"%PDF-")
    if content is not None:
        (folder / "dossier.yaml").write_text(content)
    with pytest.raises(folders.FolderWrong, match=words):
        folders.read(folder)


def test_the_answer_of_a_stranger_that_is_not_ours_is_still_a_refusal() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(418, content=b"<html>"))
    with pytest.raises(Refused) as refused:
        Api("https://sigillo.example.org", transport=transport).get("/v1/me")
    assert refused.value.status == 418
    assert json.dumps(refused.value.problem) == "{}"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_service_in_trouble_is_worth_another_try(status: int) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=b"<html>"))
    with pytest.raises(Unreachable, match=str(status)):
        Api("https://sigillo.example.org", transport=transport).get("/v1/me")


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("localhost:8000", None),
        ("ftp://localhost", None),
        ("https://localhost", "ké"),
        ("https://localhost", "a\n"),
        ("https://localhost", "a b"),
        ("https://localhost", ""),
        ("https://", None),
        ("https://user:secret@localhost", None),
        ("https://localhost:port", None),
        ("https://localhost/?key=1", None),
        ("http://sigillo.example.org", "key_1"),
        ("http://10.0.0.1", "key_1"),
        ("http://localhost.example.org", "key_1"),
        ("http://demo.localhost:8000", "key_1"),
        ("http://[::ffff:10.0.0.1]", "key_1"),
    ],
)
def test_an_address_or_a_key_that_cannot_be_right_is_said_to_be_so(url: str, key: str | None) -> None:
    with pytest.raises(NotUsable):
        Api(url, key)


def test_a_file_in_the_place_of_a_folder_is_told_apart() -> None:
    with pytest.raises(folders.FolderWrong, match="not a folder that can be read"):
        folders.read(FOLDER / "dossier.yaml")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_a_key_may_go_unencrypted_only_to_this_machine(host: str) -> None:
    Api(f"http://{host}:8000", "key_1").close()
