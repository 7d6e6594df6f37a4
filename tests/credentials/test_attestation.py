"""The attestation over HTTP: who gets it, of what, and what it says."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from app.credentials.models import Credential
from app.ports import Ports
from tests import make
from tests.attestation.pages import drawn, text_of
from tests.calling import Caller
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys


def address(credential: Credential) -> str:
    return f"/v1/credentials/{credential.id}/attestation.pdf"


def issued(office: Office, name: str = "Nicolò D'Àngelo") -> Credential:
    return office.issue(office.decision(office.candidate(name=name)))


def test_a_holder_gets_their_attestation_in_both_languages(office: Office) -> None:
    holder = office.candidate(name="Nicolò D'Àngelo")
    credential = office.issue(office.decision(holder))
    answer = make.caller(office.app(), office.key(holder)).get(address(credential))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-disposition"] == f'inline; filename="{credential.number}.pdf"'
    said = text_of(answer.content)
    expected = (
        *("Associazione di prova", "Nicolò D'Àngelo", "AI Deep Learning Engineer", "UNI 11621-8:2026"),
        *(credential.number, "20 novembre 2026", "20 November 2029", "sigillo.example.org/v"),
        *("Attestazione di competenze", "Competence attestation", "TEST – senza valore", "TEST – no value"),  # noqa: RUF001 - as printed
    )
    assert [each for each in expected if each not in said] == []


def test_its_code_is_that_of_the_period_in_force(office: Office) -> None:
    credential = issued(office)
    desk = office.desk()
    page = drawn(desk.get(address(credential)).content, 200)
    with Image.open(BytesIO(desk.get(f"/v1/credentials/{credential.id}/qr.png").content)) as alone:
        (expected,) = zxingcpp.read_barcodes(
            alone.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    assert [
        found.text
        for found in zxingcpp.read_barcodes(
            page, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    ] == [expected.text]


def test_a_page_says_test_for_good_if_its_credential_was_issued_for_trying(
    office: Office, ports: Ports, clock: SetClock
) -> None:
    trial = issued(office)
    office.go_live()
    live = replace(office, ports=replace(ports, signer=MemoryKeys(clock.at, development=False)))
    said = [text_of(live.desk().get(address(each)).content) for each in (trial, issued(live))]
    assert ["TEST" in each for each in said] == [True, False]


def test_a_moved_clock_is_told(office: Office, ports: Ports) -> None:
    credential = issued(office)
    moved = replace(ports, clock=SetClock(ports.clock.now(), offset=timedelta(days=30)))
    said = text_of(replace(office, ports=moved).desk().get(address(credential)).content)
    assert "Clock moved by P30D" in said


def test_the_mark_is_the_bodys_own(office: Office, ports: Ports, tmp_path: Path) -> None:
    credential = issued(office)
    content = BytesIO()
    Image.new("RGB", (50, 50), (0, 255, 0)).save(content, "PNG")
    (tmp_path / f"{office.organisation_id}.png").write_bytes(content.getvalue())
    settings = ports.settings.model_copy(update={"marks_folder": tmp_path})
    desk = replace(office, ports=replace(ports, settings=settings)).desk()
    page = pypdfium2.PdfDocument(desk.get(address(credential)).content)
    assert page[0].render(scale=1).to_pil().getpixel((90, 80)) == (0, 255, 0)
    page.close()
    (tmp_path / f"{office.organisation_id}.png").write_bytes(b"nothing")
    refused = desk.get(address(credential))
    assert (refused.status_code, refused.json()["code"]) == (422, "mark-refused")


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("suspension", {"cause": "own_request", "reasons": "Richiesta."}),
        ("revocation", {"cause": "issued_in_error", "reasons": "Errore."}),
    ],
)
def test_no_page_is_made_of_a_credential_that_does_not_stand(
    office: Office, act: str, body: dict[str, str]
) -> None:
    credential, desk = issued(office), office.desk()
    assert desk.post(f"/v1/credentials/{credential.id}/{act}", json=body).status_code == 200
    answer = desk.get(address(credential))
    assert (answer.status_code, answer.json()["code"]) == (409, "credential-not-active")


def test_a_credential_that_has_run_out_keeps_its_page(office: Office, ports: Ports) -> None:
    credential = issued(office)
    later = replace(ports, clock=SetClock(ports.clock.now() + timedelta(days=1100)))
    with ports.database.writing(office.organisation_id) as session:
        holder = make.person(session, office.organisation_id, at=later.clock.now())
        session.get_one(Credential, credential.id).holder_id = holder.id
        token = make.key(session, holder, at=later.clock.now())
    answer = make.caller(replace(office, ports=later).app(), token).get(address(credential))
    assert answer.status_code == 200
    assert "20 novembre 2029" in text_of(answer.content)


def test_a_name_that_no_font_has_is_refused_in_words(office: Office) -> None:
    answer = office.desk().get(address(issued(office, "田中太郎")))
    assert (answer.status_code, answer.json()["code"]) == (422, "not-printable")
    assert "田" in answer.json()["detail"]


def test_nobody_else_gets_it(office: Office) -> None:
    credential = issued(office)
    stranger: Caller = make.caller(office.app(), office.key(office.candidate()))
    answer = stranger.get(address(credential))
    assert (answer.status_code, answer.json()["code"]) == (404, "credential-not-found")
    assert make.caller(office.app()).get(address(credential)).status_code == 401
