"""A sealed credential is brought to B-LTA in the background, and is there as B-B until then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.credentials import prolonging
from app.credentials.models import Credential, Document
from app.credentials.prolonging import Progress
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.jades_checks import judge_seal
from app.main import create_app, patient_worker
from app.outbox.messages import Message
from app.outbox.trail import Event
from app.ports import (
    Ports,
    Revocation,
    RevocationNotOffered,
    RevocationUnavailable,
    TimeStampRefused,
    TimeStampUnavailable,
)
from tests import make
from tests.conftest import START
from tests.credentials.office import Office
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.formats.seals import trusted
from tests.pki.authority import YEAR, Pki
from tests.pki.stamping import Stamper


@dataclass
class Authorities:
    """A time-stamp authority and issuers who answer, or do not."""

    pki: Pki
    stamper: Stamper
    stamps_left: int = 1000
    silent: bool = False
    nobody: bool = False

    def stamp(self, content: bytes) -> bytes:
        if self.stamps_left == 0:
            raise TimeStampUnavailable("The time-stamp authority gave no answer.")
        self.stamps_left -= 1
        return self.stamper.stamp(content)

    def about(self, chain: Sequence[bytes]) -> Revocation:
        if self.nobody:
            raise RevocationNotOffered("Nobody is named.")
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


def held(office: Office, credential: Credential) -> Seal:
    return read_seal(office.document(credential, Format.EDC).token)


def steps(office: Office) -> list[str]:
    """What the trail says of it."""
    with office.ports.database.reading(office.organisation_id) as session:
        told = session.scalars(select(Event).where(Event.topic.like("document.%")).order_by(Event.id))
        return [str(event.facts["level"]) for event in told if "level" in event.facts]


def how(office: Office) -> Progress:
    return prolonging.progress(office.ports.database, at=office.now)


def verified(office: Office, text: str) -> tuple[str, dict[str, str]]:
    stranger = make.caller(create_app(office.ports))
    answer = stranger.post("/v1/verifications", files={"file": ("x.jsonld", text.encode())})
    assert answer.status_code == 200, answer.text
    report = answer.json()
    return report["result"], {check["id"]: check["code"] for check in report["checks"]}


def test_what_was_issued_verifies_at_each_step_and_so_do_the_files_of_before(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    credential = proven.issue()
    before = asked(proven, credential).general()
    first = verified(proven, before)
    assert first[0] == "valid_with_warnings", first
    assert first[1]["register_match"] == "register-agrees"
    authorities.silent = True
    proven.work()
    between = asked(proven, credential).general()
    authorities.silent = False
    clock.move()
    proven.work()
    after = asked(proven, credential).general()
    assert [read_seal(text).level for text in (before, between, after)] == ["B-B", "B-T", "B-LTA"]
    for text in (before, between, after):
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
    assert steps(proven) == ["B-T", "B-LTA"]


def test_an_authority_that_is_away_is_asked_again_and_never_twice_for_one_step(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    credential = proven.issue()
    before = asked(proven, credential)
    authorities.stamps_left = 0
    proven.work()
    assert asked(proven, credential) == before
    authorities.stamps_left, authorities.silent = 2, True
    for _ in range(5):
        clock.move(timedelta(minutes=10))
        proven.work()
        assert asked(proven, credential).level is Level.B_T
    assert authorities.stamps_left == 1
    authorities.silent = False
    clock.move(timedelta(minutes=10))
    proven.work()
    assert asked(proven, credential).level is Level.B_LTA
    assert (steps(proven), authorities.stamps_left) == (["B-T", "B-LTA"], 0)


def test_many_who_prolong_at_once_pay_for_it_and_store_it_once(
    proven: Office, authorities: Authorities
) -> None:
    credential = proven.issue()
    asked(proven, credential)
    document = proven.document(credential, Format.EDC)

    def prolong() -> None:
        prolonging.prolong(proven.ports, proven.organisation_id, document.id, at=proven.now)

    assert at_once(*[prolong] * 4) == [None] * 4
    assert (steps(proven), authorities.stamps_left) == (["B-T", "B-LTA"], 998)


def test_a_revoked_time_stamper_proves_nothing(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    credential = proven.issue()
    before = asked(proven, credential)
    authorities.pki.revoke(authorities.pki.tsa, clock.at - timedelta(days=1))
    proven.work()
    assert asked(proven, credential) == before
    assert steps(proven) == ["B-T", "B-B"], "what was dropped makes room for another authority's"
    assert how(proven).given_up == {"StamperRevoked": 1}


def test_without_an_authority_no_work_is_left(office: Office) -> None:
    asked(office, office.issue())
    with office.ports.database.reading(office.organisation_id) as session:
        left = session.scalars(select(Message).where(Message.topic == prolonging.PROLONG)).all()
    assert left == []


def test_what_can_never_succeed_is_given_up_and_tried_again_once_somebody_asks(
    proven: Office, authorities: Authorities, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    credential = proven.issue()
    asked(proven, credential)
    authorities.nobody = True
    for _ in range(3):
        proven.work()
        clock.move(timedelta(days=1))
    said = [record for record in caplog.records if record.message == "message.given-up"]
    assert [record.__dict__["reason"] for record in said] == ["Nobody is named."]
    assert how(proven) == Progress({"B-B": 0, "B-T": 1, "B-LTA": 0}, 0, 0, {}, {"NobodyToAsk": 1})
    authorities.nobody = False
    for _ in range(2):
        prolonging.leave_for_all(proven.ports.database, at=clock.at)
        assert (how(proven).waiting, how(proven).busy, how(proven).given_up) == (1, 1, {})
    proven.work()
    assert how(proven) == Progress({"B-B": 0, "B-T": 0, "B-LTA": 1}, 0, 0, {}, {})
    assert steps(proven) == ["B-T", "B-LTA"]


def test_an_authority_that_lies_is_asked_hours_apart(
    proven: Office, authorities: Authorities, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def lie(content: bytes) -> bytes:
        nonlocal tries
        tries += 1
        raise TimeStampRefused(f"Nothing about {len(content)} bytes.")

    monkeypatch.setattr(authorities, "stamp", lie)
    asked(proven, proven.issue())
    for _ in range(24 * 6):
        patient_worker(proven.ports).run_once()
        clock.move(timedelta(minutes=10))
    assert how(proven).failed == {"StampRefused": 1}
    assert tries < 20


def test_a_seal_whose_certificate_has_ended_is_not_stamped_any_more(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    asked(proven, proven.issue())
    clock.move(timedelta(days=365 * 30))
    proven.work()
    assert how(proven).given_up == {"ProofOver": 1}
    assert authorities.stamps_left == 999, "one, to hear from the authority that it is so late"
    assert steps(proven) == []


@pytest.mark.parametrize("level", ["B-B", "B-LTA"])
def test_a_clock_that_stood_ahead_for_a_while_ends_nothing(
    proven: Office, authorities: Authorities, clock: SetClock, level: str
) -> None:
    credential = proven.issue()
    asked(proven, credential)
    if level == "B-LTA":
        proven.work()
    before, right = held(proven, credential), clock.at
    assert before.level == level
    authorities.stamper.now = lambda: right
    clock.move(timedelta(days=366 * 12))
    proven.work()
    assert (how(proven).given_up, how(proven).failed) == ({}, {"StampRefused": 1})
    assert held(proven, credential) == before
    clock.at = right + timedelta(days=1)
    authorities.stamper.now = clock.now
    proven.work()
    assert held(proven, credential).level is Level.B_LTA
    assert how(proven) == Progress({"B-B": 0, "B-T": 0, "B-LTA": 1}, 0, 0, {}, {})


def test_what_was_revoked_or_superseded_is_not_proven_for_ever(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    revoked, superseded = proven.issue(), proven.issue()
    for credential in (revoked, superseded):
        asked(proven, credential)
    proven.work()
    document = proven.document(superseded, Format.EDC)
    with proven.ports.database.writing(proven.organisation_id) as session:
        session.get_one(Document, document.id).superseded_at = clock.at
        session.get_one(Credential, revoked.id).revoked_at = clock.at
    authorities.stamper = Stamper(authorities.pki.time_stamper(ends=clock.at + 9 * YEAR), clock.now)
    clock.move(timedelta(days=365 * 4 + 10))
    proven.work()
    assert (sorted(steps(proven)), authorities.stamps_left) == (["B-LTA", "B-LTA", "B-T", "B-T"], 996)
    assert how(proven) == Progress({"B-B": 0, "B-T": 0, "B-LTA": 2}, 0, 0, {}, {})


def test_no_step_takes_longer_than_its_lease_because_of_the_one_before(
    proven: Office, authorities: Authorities, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(proven, proven.issue())
    stamp, other = authorities.stamp, patient_worker(proven.ports)

    def slow(content: bytes) -> bytes:
        clock.move(timedelta(seconds=40))
        monkeypatch.setattr(authorities, "stamp", stamp)
        other.run_once()  # a worker elsewhere, while the first still waits
        monkeypatch.setattr(authorities, "stamp", slow)
        return stamp(content)

    monkeypatch.setattr(authorities, "stamp", slow)
    proven.work()
    assert (steps(proven), authorities.stamps_left) == (["B-T", "B-LTA"], 998)


def test_another_time_stamp_is_put_over_the_last_before_its_certificate_ends(
    proven: Office, authorities: Authorities, clock: SetClock
) -> None:
    credential = proven.issue()
    asked(proven, credential)
    proven.work()
    first = held(proven, credential)
    clock.move(timedelta(days=365 * 3))
    proven.work()
    assert held(proven, credential) == first
    clock.move(timedelta(days=366))
    proven.work()
    assert held(proven, credential) == first, "a time-stamp that ends with the other would prove nothing more"
    pki = authorities.pki
    authorities.stamper = Stamper(pki.time_stamper(ends=clock.at + 5 * YEAR), clock.now)
    clock.move(timedelta(days=300))
    proven.work()
    second = held(proven, credential)
    assert (second.etsi_u[:-2], second.level) == (first.etsi_u, Level.B_LTA)
    assert steps(proven) == ["B-T", "B-LTA", "B-LTA"]
    clock.move(2 * YEAR)  # the certificates of the seal and of the first time-stamps are over by now
    finding = judge_seal(
        second, anchors=proven.ports.signer.anchors(), stamp_anchors=pki.stamp_anchors, at=clock.at
    )
    assert (trusted(finding), finding.proven_at) == (True, START)
    assert how(proven) == Progress({"B-B": 0, "B-T": 0, "B-LTA": 1}, 0, 0, {}, {})


def test_what_was_sealed_before_there_was_an_authority_is_brought_up_once_somebody_asks(
    office: Office, proven: Office
) -> None:
    credential = office.issue()
    asked(office, credential)
    assert how(office).below == 1
    proven.work()
    assert how(office).below == 1
    assert (
        at_once(*[lambda: prolonging.leave_for_all(proven.ports.database, at=proven.now)] * 4) == [None] * 4
    )
    assert how(proven).waiting == 1
    proven.work()
    assert asked(office, credential).level is Level.B_LTA
