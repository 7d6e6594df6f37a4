"""A sealed credential is brought to B-LTA in the background, and is there as B-B until then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.credentials import prolonging
from app.credentials.models import Credential
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.jades_checks import judge_seal
from app.main import create_app
from app.outbox.messages import Message
from app.outbox.trail import Event
from app.ports import Ports, Revocation, RevocationUnavailable, TimeStampUnavailable
from tests import make
from tests.conftest import START
from tests.credentials.office import Office
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.formats.seals import trusted
from tests.pki.authority import Pki
from tests.pki.stamping import Stamper


@dataclass
class Authorities:
    """A time-stamp authority and issuers who answer, or do not."""

    pki: Pki
    stamper: Stamper
    stamps_left: int = 1000
    silent: bool = False

    def stamp(self, content: bytes) -> bytes:
        if self.stamps_left == 0:
            raise TimeStampUnavailable("The time-stamp authority gave no answer.")
        self.stamps_left -= 1
        return self.stamper.stamp(content)

    def about(self, chain: Sequence[bytes]) -> Revocation:
        if self.silent:
            raise RevocationUnavailable("Nobody answers.")
        if chain[0] != self.pki.tsa.ders[0]:
            return Revocation((), (), ())
        at = self.stamper.now()
        return Revocation((self.pki.crl(self.pki.stamp_root, at),), (), self.pki.stamp_root.ders)


@pytest.fixture
def authorities(clock: SetClock) -> Authorities:
    pki = Pki(START)
    return Authorities(pki, Stamper(pki.tsa, clock.now))


@pytest.fixture
def proven(office: Office, ports: Ports, authorities: Authorities) -> Office:
    """An office that has a time-stamp authority."""
    return replace(office, ports=replace(ports, time_stamps=authorities, revocation=authorities))


def asked(office: Office, credential: Credential) -> Seal:
    answer = office.desk().get(f"/v1/credentials/{credential.id}/documents/edc")
    assert answer.status_code == 200, answer.text
    return read_seal(answer.text)


def topics(office: Office) -> list[str]:
    with office.ports.database.reading(office.organisation_id) as session:
        return [event.topic for event in session.scalars(select(Event).order_by(Event.id))]


def verified(office: Office, text: str) -> tuple[str, dict[str, str]]:
    stranger = make.caller(create_app(office.ports))
    answer = stranger.post("/v1/verifications", files={"file": ("x.jsonld", text.encode())})
    assert answer.status_code == 200, answer.text
    report = answer.json()
    return report["result"], {check["id"]: check["code"] for check in report["checks"]}


def test_what_was_issued_verifies_before_and_after_and_so_does_the_file_of_before(
    proven: Office, clock: SetClock
) -> None:
    credential = proven.issue()
    before = asked(proven, credential).general()
    first = verified(proven, before)
    assert first[0] == "valid_with_warnings", first
    assert first[1]["register_match"] == "register-agrees"
    proven.work()
    clock.move()
    after = asked(proven, credential).general()
    assert before != after
    for text in (before, after):
        result, codes = verified(proven, text)
        assert result == "valid_with_warnings", codes
        assert (codes["integrity"], codes["register_match"]) == (first[1]["integrity"], "register-agrees")


def test_a_worker_brings_it_to_b_lta_and_touches_nothing_of_what_was_signed(
    proven: Office, authorities: Authorities
) -> None:
    credential = proven.issue()
    before = asked(proven, credential)
    assert before.level is Level.B_B
    proven.work()
    after = asked(proven, credential)
    assert after.level is Level.B_LTA
    assert replace(after, etsi_u=()) == before
    finding = judge_seal(
        after,
        anchors=proven.ports.signer.anchors(),
        stamp_anchors=authorities.pki.stamp_anchors,
        at=proven.now,
    )
    assert (trusted(finding), finding.proven_at) == (True, proven.now)
    assert topics(proven).count("document.prolonged") == 1


@pytest.mark.parametrize("stamps", [0, 1])
def test_an_authority_that_is_away_leaves_b_b_and_is_asked_again(
    proven: Office, authorities: Authorities, clock: SetClock, stamps: int
) -> None:
    credential = proven.issue()
    before = asked(proven, credential)
    authorities.stamps_left = stamps
    proven.work()
    assert asked(proven, credential) == before
    authorities.stamps_left, authorities.silent = 1000, True
    clock.move(timedelta(minutes=10))
    proven.work()
    assert asked(proven, credential) == before
    authorities.silent = False
    clock.move(timedelta(minutes=10))
    proven.work()
    assert asked(proven, credential).level is Level.B_LTA


def test_many_who_prolong_at_once_store_it_once(proven: Office) -> None:
    credential = proven.issue()
    asked(proven, credential)
    document = proven.document(credential, Format.EDC)

    def prolong() -> None:
        prolonging.prolong(proven.ports, proven.organisation_id, document.id, at=proven.now)

    assert at_once(*[prolong] * 4) == [None] * 4
    assert topics(proven).count("document.prolonged") == 1


def test_a_revoked_time_stamper_proves_nothing(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    credential = proven.issue()
    before = asked(proven, credential)
    authorities.pki.revoke(authorities.pki.tsa, clock.at - timedelta(days=1))
    proven.work()
    assert asked(proven, credential) == before


def test_without_an_authority_no_work_is_left(office: Office) -> None:
    asked(office, office.issue())
    with office.ports.database.reading(office.organisation_id) as session:
        left = session.scalars(select(Message).where(Message.topic == prolonging.PROLONG)).all()
    assert left == []
