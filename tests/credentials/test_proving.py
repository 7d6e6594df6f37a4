"""A `vc+jwt` with proof: asked for by its level, made once, and the document that was issued all the same."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.credentials import growing, proving
from app.credentials.errors import SealNotProvable
from app.credentials.models import Credential
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.jades_checks import judge_seal
from app.outbox.trail import Event
from app.ports import Ports
from tests import make
from tests.conftest import START
from tests.credentials.office import Office
from tests.credentials.test_prolonging import Authorities, verified
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.formats.seals import trusted
from tests.pki.authority import Pki
from tests.pki.stamping import Stamper

LEVELS = ("B-T", "B-LT", "B-LTA")


@pytest.fixture
def authorities(clock: SetClock) -> Authorities:
    pki = Pki(START)
    return Authorities(pki, Stamper(pki.tsa, clock.now))


@pytest.fixture
def proven(office: Office, ports: Ports, authorities: Authorities) -> Office:
    return replace(office, ports=replace(ports, time_stamps=authorities, revocation=authorities))


def asked(office: Office, credential: Credential, level: str | None = None, form: str = "vc+jwt") -> Any:
    query = f"?level={level}" if level else ""
    return office.desk().get(f"/v1/credentials/{credential.id}/documents/{form}{query}")


def sealed(office: Office, credential: Credential, level: str) -> Seal:
    answer = asked(office, credential, level)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jose+json"
    assert answer.headers["cache-control"] == "private, no-store"
    assert f"{credential.number}.vc.json" in answer.headers["content-disposition"]
    return read_seal(answer.text)


def prolonged(office: Office) -> list[Event]:
    with office.ports.database.reading(office.organisation_id) as session:
        found = session.scalars(select(Event).where(Event.topic == "document.prolonged").order_by(Event.id))
        return list(found)


def proof_of(office: Office, credential: Credential) -> str:
    """Ask as the registrar, whose key may have ended by then."""
    made = proving.prove(
        office.ports,
        credential.id,
        Format.VC_JWT,
        Level.B_LTA,
        period=None,
        by=office.registrar,
        at=office.now,
    )
    return made.text


@pytest.mark.parametrize("level", LEVELS)
def test_at_every_level_it_is_the_signature_that_was_issued(proven: Office, level: str) -> None:
    credential = proven.issue()
    compact = asked(proven, credential).text
    seal = sealed(proven, credential, level)
    assert seal.level == level
    assert seal.bare.compact() == compact
    assert asked(proven, credential).text == compact, "the compact one stays what it was"


def test_what_is_handed_out_verifies_and_goes_by_the_register(proven: Office) -> None:
    credential = proven.issue()
    for level in LEVELS:
        result, codes = verified(proven, asked(proven, credential, level).text)
        assert result == "valid_with_warnings", codes  # the organisation is in test mode
        assert codes["register_match"] == "register-agrees"
        assert (codes["status"], codes["integrity"]) == ("status-active", "seal-intact-stamped")


def test_it_is_proven_by_a_time_stamp_whatever_the_sealer_says(
    proven: Office, authorities: Authorities
) -> None:
    seal = sealed(proven, proven.issue(), "B-LTA")
    finding = judge_seal(
        seal,
        anchors=proven.ports.signer.anchors(),
        stamp_anchors=authorities.pki.stamp_anchors,
        at=proven.now,
    )
    assert (trusted(finding), finding.proven_at) == (True, proven.now)
    assert [stamp.kind for stamp in finding.stamps] == ["sigTst", "arcTst"]


def test_each_step_is_made_and_paid_for_once(proven: Office, authorities: Authorities) -> None:
    credential = proven.issue()
    for level, left in (("B-T", 999), ("B-LTA", 998), ("B-LT", 998), ("B-T", 998)):
        before = asked(proven, credential, level).text
        assert authorities.stamps_left == left
        assert asked(proven, credential, level).text == before
    lower, upper = sealed(proven, credential, "B-T"), sealed(proven, credential, "B-LTA")
    assert upper.etsi_u[: len(lower.etsi_u)] == lower.etsi_u
    assert [event.facts["level"] for event in prolonged(proven)] == ["B-T", "B-LTA"]


def test_an_authority_that_is_away_loses_nothing(proven: Office, authorities: Authorities) -> None:
    credential = proven.issue()
    authorities.stamps_left = 0
    answer = asked(proven, credential, "B-LTA")
    assert (answer.status_code, answer.json()["code"]) == (409, "proof-unavailable")
    authorities.stamps_left, authorities.silent = 5, True
    assert asked(proven, credential, "B-LTA").json()["code"] == "proof-unavailable"
    assert sealed(proven, credential, "B-T").level is Level.B_T
    assert authorities.stamps_left == 4, "what was paid for is kept"
    authorities.silent = False
    assert sealed(proven, credential, "B-LTA").level is Level.B_LTA
    assert asked(proven, credential).status_code == 200


def test_without_an_authority_it_is_compact_alone(office: Office) -> None:
    credential = office.issue()
    answer = asked(office, credential, "B-T")
    assert (answer.status_code, answer.json()["code"]) == (409, "proof-not-offered")
    assert asked(office, credential).text.count(".") == 2


def test_a_seal_that_outlived_its_certificate_cannot_be_proven_any_more(
    proven: Office, clock: SetClock, authorities: Authorities
) -> None:
    credential = proven.issue()
    clock.move(timedelta(days=366 * 20))
    with pytest.raises(SealNotProvable, match="ended"):
        proof_of(proven, credential)
    assert authorities.stamps_left == 1000


def test_a_time_stamp_whose_authority_was_revoked_makes_room_for_another(
    proven: Office, authorities: Authorities
) -> None:
    credential = proven.issue()
    authorities.pki.revoke(authorities.pki.tsa, START)
    answer = asked(proven, credential, "B-LTA")
    assert (answer.status_code, answer.json()["code"]) == (409, "proof-unavailable")
    pki = Pki(START)
    authorities.pki, authorities.stamper = pki, Stamper(pki.tsa, authorities.stamper.now)
    assert sealed(proven, credential, "B-LTA").level is Level.B_LTA
    assert len(sealed(proven, credential, "B-LTA").stamps()) == 2


@pytest.mark.parametrize("form", ["ob+jwt", "edc", "qr"])
def test_only_a_vc_is_asked_for_by_its_level(proven: Office, form: str) -> None:
    answer = asked(proven, proven.issue(), "B-T", form)
    assert (answer.status_code, answer.json()["code"]) == (422, "level-not-offered")


@pytest.mark.parametrize("level", ["B-B", "b-t", "B-LTAA", ""])
def test_a_level_that_there_is_not_is_refused(proven: Office, level: str) -> None:
    answer = proven.desk().get(f"/v1/credentials/{proven.issue().id}/documents/vc+jwt?level={level}")
    assert answer.status_code == 422


def test_its_holder_gets_it_and_another_member_does_not(proven: Office) -> None:
    holder, other = proven.candidate(), proven.candidate()
    credential = proven.issue(proven.decision(holder))
    for person, status in ((holder, 200), (other, 404)):
        caller = make.caller(proven.app(), proven.key(person))
        answer = caller.get(f"/v1/credentials/{credential.id}/documents/vc+jwt?level=B-T")
        assert answer.status_code == status, answer.text


def test_whoever_comes_later_gets_the_proof_of_the_first_and_pays_nothing(
    proven: Office, authorities: Authorities
) -> None:
    credential = proven.issue()

    made = at_once(*[lambda: proof_of(proven, credential)] * 6)
    assert set(made) == {asked(proven, credential, "B-LTA").text}
    assert authorities.stamps_left == 998
    assert [event.facts["level"] for event in prolonged(proven)] == ["B-T", "B-LTA"]


def test_nobody_waits_for_ever_behind_another(
    proven: Office, authorities: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = proven.issue()
    monkeypatch.setattr(growing, "PATIENCE_SECONDS", 0)
    with growing.alone(proven.document(credential).id):
        answer = asked(proven, credential, "B-LTA")
    assert (answer.status_code, answer.json()["code"]) == (409, "proof-unavailable")
    assert authorities.stamps_left == 1000
    assert sealed(proven, credential, "B-LTA").level is Level.B_LTA
