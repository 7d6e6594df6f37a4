"""A file that is sent again with the same key is there once."""

import pytest

from app.ports import Ports
from tests.dossiers import steps
from tests.dossiers.steps import Cast
from tests.dossiers.test_preparing import files_of


def send(cast: Cast, dossier: str, content: bytes, boundary: str) -> tuple[int, str, bool]:
    form = {"kind": (None, b"model_card"), "file": ("prova.md", content, "text/markdown")}
    answer = cast.applicant.calls.post(
        f"/v1/dossiers/{dossier}/evidence",
        files=form,
        headers={
            "Idempotency-Key": "one-file",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        },
    )
    said = answer.json()
    return answer.status_code, said.get("id") or said["code"], "Idempotent-Replayed" in answer.headers


@pytest.mark.parametrize("again", ["the-same", "another"])
def test_a_file_sent_again_is_there_once_however_the_form_was_cut(
    cast: Cast, ports: Ports, again: str
) -> None:
    dossier = steps.begin(cast.applicant)
    status, item, replayed = send(cast, dossier, steps.PROOF, "the-same")
    assert (status, replayed) == (201, False)
    assert send(cast, dossier, steps.PROOF, again) == (201, item, True)
    other = send(cast, dossier, b"# Un'altra cosa\n", "the-same")
    assert other == (422, "idempotency-key-reused", False)
    evidence = cast.applicant.calls.get(f"/v1/dossiers/{dossier}").json()["evidence"]
    assert [each["id"] for each in evidence] == [item]
    assert len(files_of(ports)) == 1
